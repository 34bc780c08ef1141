//! Commands that wait, in the order in which they came, and which of them may be written beside what is at work.
//!
//! Two batches that want seats of the same cabin are written one after the other whatever is done: the second waits in the
//! database for the first one's locks, with all that it holds. So no command is taken while another that wants the same is
//! at work or came before and is not taken yet. Nobody is overtaken where it matters, and nobody waits for ever.

use std::collections::VecDeque;

use airside_common::booking::OperationKey;
use airside_common::flight::{Cabin, FlightId};
use airside_common::locator::Locator;
use airside_common::user::UserId;
use rustc_hash::FxHashSet;

use super::Queued;
use crate::features::bookings::command::{Action, Command, Duty};

/// What only one batch at a time can have. The cabins of a booking that ends, or gets its seats from the waitlist, are not
/// among them: they are not known before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    Cabin(FlightId, Cabin),
    Booking(Locator),
    Key(UserId, OperationKey),
}

fn claims(command: &Command) -> Vec<Claim> {
    let asked = match command {
        Command::Asked(asked) => asked,
        Command::Due(Duty::Expire(locator) | Duty::Reschedule(locator) | Duty::Warn(locator)) => {
            return vec![Claim::Booking(*locator)];
        }
        Command::Due(Duty::Clear(flight)) => {
            return Cabin::ALL.map(|cabin| Claim::Cabin(*flight, cabin)).into();
        }
    };
    let key = Claim::Key(asked.caller.user_id, asked.key.clone());
    match &asked.action {
        Action::Create { body, .. } => body
            .segments
            .iter()
            .map(|segment| Claim::Cabin(segment.flight_id, segment.cabin))
            .chain([key])
            .collect(),
        Action::Confirm { locator, .. } | Action::Cancel { locator, .. } => {
            vec![Claim::Booking(*locator), key]
        }
        Action::Rebook { locator, body, .. } => body
            .segments
            .iter()
            .filter_map(|segment| segment.replacement.as_ref())
            .map(|flight| Claim::Cabin(flight.flight_id, flight.cabin))
            .chain([Claim::Booking(*locator), key])
            .collect(),
    }
}

/// What a batch at work has.
pub(super) type Claims = FxHashSet<Claim>;

#[derive(Debug)]
struct Waiting {
    queued: Queued,
    claims: Vec<Claim>,
    is_free: bool,
}

/// All that wait.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: VecDeque<Waiting>,
    free: usize,
    /// What those have to get that are not free.
    reserved: Claims,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many may be taken now.
    pub(super) fn free(&self) -> usize {
        self.free
    }

    /// Puts one at the end.
    pub(super) fn push<'a>(&mut self, queued: Queued, at_work: impl Iterator<Item = &'a Claims>) {
        let waiting = Waiting {
            claims: claims(&queued.command),
            queued,
            is_free: false,
        };
        let at_work: Vec<&Claims> = at_work.collect();
        self.add(waiting, &at_work);
    }

    /// Takes the first that are free, and what they claim.
    pub(super) fn take(&mut self, most: usize) -> (Vec<Queued>, Claims) {
        let mut taken = Vec::with_capacity(most.min(self.free));
        let mut claimed = Claims::default();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.is_free && taken.len() < most {
                claimed.extend(waiting.claims);
                taken.push(waiting.queued);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        (taken, claimed)
    }

    /// Looks anew at who is free, after a batch has begun or ended.
    pub(super) fn sort<'a>(&mut self, at_work: impl Iterator<Item = &'a Claims>) {
        let at_work: Vec<&Claims> = at_work.collect();
        self.free = 0;
        self.reserved.clear();
        for waiting in std::mem::take(&mut self.waiting) {
            self.add(waiting, &at_work);
        }
    }

    fn add(&mut self, mut waiting: Waiting, at_work: &[&Claims]) {
        waiting.is_free = !waiting.claims.iter().any(|claim| {
            self.reserved.contains(claim) || at_work.iter().any(|has| has.contains(claim))
        });
        if waiting.is_free {
            self.free += 1;
        } else {
            self.reserved.extend(waiting.claims.iter().cloned());
        }
        self.waiting.push_back(waiting);
    }
}

#[cfg(test)]
mod tests;
