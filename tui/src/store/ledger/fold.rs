//! What is shown: the server's truth with the agent's own pending operations laid over it; computed, never stored.

use airside_common::api::bookings::{Booking, Contact, Passenger, SeatChoice, Segment};
use airside_common::booking::BookingStatus;
use airside_common::flight::{Cabin, FlightId};
use airside_common::locator::Locator;
use airside_common::money::Money;
use airside_common::user::{Office, Username};
use jiff::Timestamp;

use super::{Entry, Ledger};
use crate::store::operation::{Operation, OperationKind, OperationState, Preview, Reference};

/// What is shown for a locator that does not exist yet.
pub const NO_LOCATOR: &str = "······";

/// The mark of a row that waits for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// It waits to be sent, in its turn or for the network.
    Queued,
    /// It is being sent.
    Sending,
    /// It was sent without an answer and will be sent again under the same key.
    Unanswered,
    /// It is so old that the agent is asked first.
    AsksFirst,
}

/// A booking as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// What a screen holds to find the row again, also once it is confirmed: see [`Ledger::resolve`].
    pub reference: Reference,
    /// What the server last said of it.
    pub truth: Option<&'a Booking>,
    /// The operation that waits, the first of several.
    pub operation: Option<&'a Operation>,
    /// How the operation stands; absent where nothing is pending.
    pub pending: Option<Pending>,
    /// The locator; absent while the booking is being made.
    pub locator: Option<Locator>,
    /// The status as it will be.
    pub status: BookingStatus,
    /// Until when it is held, as far as it is known.
    pub time_limit: Option<Timestamp>,
    /// The flights in order.
    pub segments: &'a [Segment],
    /// The party.
    pub passengers: &'a [Passenger],
    /// Chosen seats.
    pub seats: &'a [SeatChoice],
    /// How the party is reached.
    pub contact: &'a Contact,
    /// What it costs, as far as it is known.
    pub total: Option<Money>,
    /// When it was made, or asked for.
    pub created_at: Timestamp,
    /// Who made it; absent while it is being made.
    pub created_by: Option<&'a Username>,
    /// Whose booking it is; absent while it is being made.
    pub office: Option<&'a Office>,
}

impl Row<'_> {
    /// The locator, or what is shown while there is none.
    pub fn locator_text(&self) -> String {
        self.locator
            .map_or_else(|| NO_LOCATOR.to_owned(), |locator| locator.to_string())
    }
}

impl Entry {
    /// What a booking becomes by its rebooking, seen from this version of it. Over what is newer than what the agent saw it is
    /// not laid: it would hide what has happened since.
    fn rebooked(&self, version: u64) -> Option<&Preview> {
        match &self.operation.kind {
            OperationKind::Rebook { preview, .. }
                if self.operation.base_version.is_some_and(|v| version <= v) =>
            {
                Some(preview)
            }
            _ => None,
        }
    }
}

impl Ledger {
    /// All bookings that are known or asked for under the present account, the newest first.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = self
            .truth
            .values()
            .map(|booking| self.over_truth(booking))
            .collect();
        rows.extend(self.own().filter_map(|entry| self.not_in_truth(entry)));
        rows.sort_by_key(|row| std::cmp::Reverse(row.created_at));
        rows
    }

    /// The row that a reference leads to.
    pub fn row(&self, reference: &Reference) -> Option<Row<'_>> {
        let resolved = self.resolve(reference);
        let known = match &resolved {
            Reference::Known(locator) => self.truth.get(locator),
            Reference::Pending(_) => None,
        };
        known.map(|booking| self.over_truth(booking)).or_else(|| {
            self.own()
                .filter_map(|entry| self.not_in_truth(entry))
                .find(|row| row.reference == resolved)
        })
    }

    /// Seats that pending bookings of this account will take on a cabin; screens take them off the server's count.
    pub fn pending_seats(&self, flight: FlightId, cabin: Cabin) -> usize {
        self.own()
            .filter(|entry| entry.blind.is_none())
            .map(|entry| entry.operation.seats(flight, cabin))
            .sum()
    }

    fn over_truth<'a>(&'a self, booking: &'a Booking) -> Row<'a> {
        let reference = Reference::Known(booking.locator);
        let waiting = || self.own().filter(|e| e.operation.target == reference);
        let first = waiting().find(|e| e.blind.is_none());
        let asked = waiting().fold(None, |status, e| e.operation.becomes().or(status));
        let rebooked = waiting().find_map(|e| e.rebooked(booking.version));
        Row {
            truth: Some(booking),
            operation: first.map(|e| &e.operation),
            pending: first.map(Self::mark),
            locator: Some(booking.locator),
            reference,
            status: asked.unwrap_or(booking.status),
            time_limit: booking.time_limit.map(|limit| limit.0),
            segments: rebooked.map_or(&booking.segments, |preview| &preview.segments),
            passengers: &booking.passengers,
            seats: &booking.seats,
            contact: &booking.contact,
            total: rebooked.map_or(Some(booking.total), |preview| preview.total),
            created_at: booking.created_at.0,
            created_by: Some(&booking.created_by),
            office: Some(&booking.office),
        }
    }

    /// The row of a booking that only an operation knows of.
    fn not_in_truth<'a>(&'a self, entry: &'a Entry) -> Option<Row<'a>> {
        let OperationKind::Create { body, preview } = &entry.operation.kind else {
            return None;
        };
        let locator = entry.blind.map(|(locator, _)| locator);
        if locator.is_some_and(|locator| self.truth.contains_key(&locator)) {
            return None;
        }
        let reference = locator.map_or_else(|| entry.operation.target.clone(), Reference::Known);
        let behind = || {
            self.own().filter(|e| {
                e.operation.target == reference && e.operation.key != entry.operation.key
            })
        };
        let waiting = if entry.blind.is_none() {
            Some(entry)
        } else {
            behind().find(|e| e.blind.is_none())
        };
        let made = if body.hold == Some(true) {
            BookingStatus::Held
        } else if body.waitlist == Some(true) {
            BookingStatus::Waitlisted
        } else {
            BookingStatus::Confirmed
        };
        let status = behind().fold(made, |status, e| e.operation.becomes().unwrap_or(status));
        Some(Row {
            truth: None,
            operation: waiting.map(|e| &e.operation),
            pending: waiting.map(Self::mark),
            locator,
            reference: reference.clone(),
            status,
            time_limit: body.time_limit.map(|limit| limit.0),
            segments: &preview.segments,
            passengers: &body.passengers,
            seats: body.seats.as_deref().unwrap_or_default(),
            contact: &body.contact,
            total: preview.total,
            created_at: entry.operation.created_at,
            created_by: None,
            office: None,
        })
    }

    fn mark(entry: &Entry) -> Pending {
        if entry.asks() {
            return Pending::AsksFirst;
        }
        match entry.operation.state {
            OperationState::Queued => Pending::Queued,
            OperationState::Sent => Pending::Sending,
            OperationState::Unknown => Pending::Unanswered,
        }
    }
}
