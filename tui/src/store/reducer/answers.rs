//! What comes back for operations: confirmed in place, kept for later, or taken back with the reason.

use airside_common::api::bookings::Booking;
use airside_common::api::problem::Code;
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::locator::Locator;

use super::{Step, rebooking};
use crate::store::action::Failure;
use crate::store::ledger::Outcome;
use crate::store::ledger::answer::{Answer, SetbackKind};
use crate::store::ledger::backoff::Jitter;
use crate::store::operation::OperationKind;
use crate::store::screen::bookings::Fetched;
use crate::store::state::{Connection, Tone};

impl Step<'_> {
    pub(super) fn answered(&mut self, key: &OperationKey, answer: Answer) {
        let drawn = self.seed.as_u128() & u128::from(u32::MAX);
        #[expect(clippy::cast_possible_truncation, reason = "the mask leaves 32 bits")]
        let jitter = Jitter::new(f64::from(drawn as u32) / f64::from(u32::MAX));
        match &answer {
            // It came back to somebody else, perhaps from another server, or has ended already.
            _ if !self.state.ledger.is_own(key) => {}
            Answer::Done(_) | Answer::Refused(_) => self.state.connection = Connection::Online,
            Answer::Kept(setback) if setback.kind == SetbackKind::LoggedOut => {}
            Answer::Kept(setback) => {
                self.state.connection = Connection::Offline(setback.words.clone());
            }
        }
        let step = self
            .state
            .ledger
            .answered(key, answer, self.state.now, jitter);
        self.ledger(step.effects);
        match step.outcome {
            Outcome::Confirmed { operation, locator } => {
                self.forget_form(&operation.key);
                self.record_fetched(locator, &Fetched::Read);
                self.follow_seats(&operation, locator);
                self.reread_history(locator);
                let words = match operation.kind {
                    OperationKind::Create { .. } => self.made(locator),
                    OperationKind::Confirm => format!("{locator} confirmed"),
                    OperationKind::Rebook { .. } => {
                        let booking = self.state.ledger.booking(locator);
                        let total = booking.map(|booking| booking.total.to_string());
                        rebooking::done(&operation.kind, locator, total)
                    }
                    OperationKind::Cancel => format!("{locator} cancelled"),
                };
                self.state.tell(Tone::Good, words);
            }
            Outcome::Refused {
                operation,
                problem,
                dependents,
            } => {
                match operation.kind {
                    OperationKind::Create { .. } => {
                        self.give_back(&operation, &problem.detail, Some(&problem));
                    }
                    OperationKind::Confirm => self
                        .state
                        .tell(Tone::Error, format!("Not confirmed: {}", problem.detail)),
                    OperationKind::Rebook { .. } => {
                        let words = format!("Not rebooked: {}", rebooking::refusal(&problem));
                        self.state.tell(Tone::Error, words);
                    }
                    OperationKind::Cancel => self
                        .state
                        .tell(Tone::Error, format!("Not cancelled: {}", problem.detail)),
                }
                // Of what was never made nothing is to be confirmed or cancelled.
                for dependent in dependents {
                    let effects = self.state.ledger.drop_draft(&dependent.key);
                    self.ledger(effects);
                }
            }
            Outcome::Kept { setback, .. } => {
                if setback.kind == SetbackKind::LoggedOut {
                    self.session_ended();
                }
            }
            Outcome::Settled => {}
        }
        self.keep_in_view();
    }

    /// What a new booking is, in words.
    fn made(&self, locator: Locator) -> String {
        let status = self.state.ledger.booking(locator).map(|b| b.status);
        match status {
            Some(BookingStatus::Held) => format!("{locator} held"),
            Some(BookingStatus::Waitlisted) => format!("{locator} is on the waitlist"),
            _ => format!("{locator} booked"),
        }
    }

    pub(super) fn journalled(&mut self, key: &OperationKey, result: Result<(), String>) {
        match result {
            Ok(()) => {
                let effects = self.state.ledger.journalled(key, self.state.now);
                self.ledger(effects);
            }
            Err(why) => {
                let effects = self.state.ledger.not_journalled(key, &why);
                let draft = self
                    .state
                    .ledger
                    .drafts()
                    .find(|draft| draft.operation.key == *key)
                    .cloned();
                if let Some(draft) = draft {
                    match draft.operation.kind {
                        OperationKind::Create { .. } => {
                            self.give_back(&draft.operation, &draft.reason.words(), None);
                        }
                        OperationKind::Confirm => self.state.tell(
                            Tone::Error,
                            format!("Not confirmed: {}", draft.reason.words()),
                        ),
                        OperationKind::Rebook { .. } => self.state.tell(
                            Tone::Error,
                            format!("Not rebooked: {}", draft.reason.words()),
                        ),
                        OperationKind::Cancel => self.state.tell(
                            Tone::Error,
                            format!("Not cancelled: {}", draft.reason.words()),
                        ),
                    }
                }
                self.ledger(effects);
            }
        }
        self.keep_in_view();
    }

    pub(super) fn fetched(&mut self, locator: Locator, result: Result<Box<Booking>, Failure>) {
        match result {
            Ok(booking) => {
                self.reached();
                self.state.live.has_read(locator);
                self.record_fetched(locator, &Fetched::Read);
                let known = self.state.ledger.booking(locator);
                let before = known.map(|known| known.segments.clone());
                let effects = self.state.ledger.fetched(vec![*booking], self.state.now);
                self.ledger(effects);
                if let Some(before) = before {
                    self.tell_of_changes(locator, &before);
                }
                self.reread_history(locator);
            }
            Err(failure) if failure.is(Code::NotFound) => {
                self.state.live.has_read(locator);
                self.state.ledger.gone(locator);
                self.record_fetched(locator, &Fetched::Gone);
                self.keep_in_view();
            }
            Err(failure) => {
                self.state.live.has_not_read(locator);
                self.record_fetched(locator, &Fetched::Failed(failure.words.clone()));
                self.failed(&failure);
                // It is tried again with what happens next.
                return;
            }
        }
        self.catch_up();
    }
}
