//! What the writer is asked to do, and what it answers.

use airside_common::api::bookings::{CreateBooking, RebookBooking};
use airside_common::api::problem::Problem;
use airside_common::booking::OperationKey;
use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::hold::HoldTerms;
use crate::features::auth::caller::Caller;

/// One intended write to bookings.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody asked for it.
    Asked(Box<Asked>),
    /// Nobody did: its time has come.
    Due(Duty),
}

impl Command {
    /// What the log calls it: the request that brought it, or what is due.
    pub fn name(&self) -> String {
        match self {
            Self::Asked(asked) => asked.request_id.clone(),
            Self::Due(Duty::Expire(locator)) => format!("expiry-of-{locator}"),
            Self::Due(Duty::Clear(flight)) => format!("waitlist-of-{flight}"),
            Self::Due(Duty::Reschedule(locator)) => format!("schedule-change-of-{locator}"),
            Self::Due(Duty::Warn(locator)) => format!("time-limit-of-{locator}"),
        }
    }

    /// What somebody asked for.
    pub fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Asked(asked) => Some(asked),
            Self::Due(_) => None,
        }
    }
}

/// What the system does by itself. It needs no key: the state of the bookings decides whether there is something to be done,
/// so that it may be asked for any number of times by any number of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// End a held booking whose time limit has passed, or a waitlisted one that has nothing to wait for any more.
    Expire(Locator),
    /// Give a flight's free seats to those who wait for them.
    Clear(FlightId),
    /// Tell a booking what has happened to its flights.
    Reschedule(Locator),
    /// Say that the time limit of a held booking is near.
    Warn(Locator),
}

/// What a caller asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who wants it.
    pub caller: Caller,
    /// The request that brought it: a refusal that is kept names it whenever it is given.
    pub request_id: String,
    /// Its name; the same name again is the same write.
    pub key: OperationKey,
    /// What is wanted, condensed: the same name for something else is refused.
    pub fingerprint: Fingerprint,
    /// What is wanted.
    pub action: Action,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub enum Action {
    /// Make a booking.
    Create {
        /// What is booked; it has passed [`super::party::check`].
        body: Box<CreateBooking>,
        /// How long it may be held.
        terms: HoldTerms,
    },
    /// Turn a held booking into a confirmed one.
    Confirm {
        /// Which booking.
        locator: Locator,
        /// The version that the caller has seen.
        expected: IfMatch,
    },
    /// Give a booking's seats back and end it.
    Cancel {
        /// Which booking.
        locator: Locator,
        /// The version that the caller has seen.
        expected: IfMatch,
    },
    /// Accept what happened to a booking's flights, or take others.
    Rebook {
        /// Which booking.
        locator: Locator,
        /// The version that the caller has seen.
        expected: IfMatch,
        /// What becomes of its segments; it has passed [`super::party::check_rebooking`].
        body: Box<RebookBooking>,
    },
}

/// The precondition of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever the version is.
    Any,
    /// Only at this version.
    Version(u64),
}

impl IfMatch {
    /// Whether the precondition holds at a version.
    pub fn holds(self, version: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Version(expected) => expected == version,
        }
    }
}

impl std::str::FromStr for IfMatch {
    type Err = airside_common::ParseError;

    /// Reads `"3"`, as in an `ETag`; also bare, and `*`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let bare = text
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .unwrap_or(text);
        if bare == "*" {
            return Ok(Self::Any);
        }
        bare.parse().map(Self::Version).map_err(|_| {
            airside_common::ParseError::new("not a version; send the `ETag` of the booking")
        })
    }
}

/// SHA-256 over method, path and parsed body: independent of white space and of the order of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request.
    pub fn of(method: &str, path: &str, body: &impl Serialize) -> Result<Self, serde_json::Error> {
        let mut hash = Sha256::new();
        hash.update(method);
        hash.update(b" ");
        hash.update(path);
        hash.update(b"\n");
        hash.update(serde_json::to_vec(body)?);
        Ok(Self(hash.finalize().into()))
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer that is kept with the key and given again whenever the key comes: a success, or a 409.
    Answered(Answer),
    /// A refusal that is not kept: the key stays free.
    Refused(Box<Problem>),
    /// What was due is done: so many bookings changed by it, none where others were first.
    Settled(usize),
}

/// An answer as it is stored and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON, made once: a booking, or a problem where the status is 409.
    pub body: String,
    /// Booking and version, for `Location` and `ETag`; absent in refusals.
    pub subject: Option<(Locator, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("\"3\"", Some(IfMatch::Version(3)))]
    #[case("3", Some(IfMatch::Version(3)))]
    #[case("*", Some(IfMatch::Any))]
    #[case("W/\"3\"", None)]
    #[case("", None)]
    #[case("-1", None)]
    fn preconditions(#[case] text: &str, #[case] expected: Option<IfMatch>) {
        assert_eq!(text.parse().ok(), expected);
    }

    #[test]
    fn a_fingerprint_tells_requests_apart() {
        let of = |method, path, body: &str| {
            Fingerprint::of(
                method,
                path,
                &serde_json::from_str::<serde_json::Value>(body).unwrap(),
            )
            .unwrap()
        };
        let first = of("POST", "/v1/bookings", "{\"a\":1,\"b\":2}");
        assert_eq!(first, of("POST", "/v1/bookings", "{ \"b\": 2, \"a\": 1 }"));
        assert_ne!(first, of("POST", "/v1/bookings", "{\"a\":1,\"b\":3}"));
        assert_ne!(first, of("POST", "/v1/others", "{\"a\":1,\"b\":2}"));
        assert_ne!(first, of("PUT", "/v1/bookings", "{\"a\":1,\"b\":2}"));
    }
}
