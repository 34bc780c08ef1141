//! What the way to the server came back with, and what that makes of an operation.

use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

/// What sending an operation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done; the booking as it is now.
    Done(Box<Booking>),
    /// The server refused it for good.
    Refused(Problem),
    /// It is not settled: the operation is kept and sent again.
    Kept(Setback),
}

/// Why an operation is not settled yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setback {
    /// What kind of obstacle it was.
    pub kind: SetbackKind,
    /// The same in words, for the agent.
    pub words: String,
    /// When the server asked to come back, at the earliest.
    pub retry_after: Option<Duration>,
}

/// The kinds of obstacles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetbackKind {
    /// The server was certainly not reached.
    Unreached,
    /// The server may have done it; no answer told.
    Unclear,
    /// The session has ended: nothing is sent until the user has logged in again.
    LoggedOut,
}

/// Whether an error of the server ends an operation: a 4xx that says something about the operation itself, not about
/// the moment or the session.
pub fn is_final(problem: &Problem) -> bool {
    (400..500).contains(&problem.status)
        && !matches!(problem.status, 401 | 408 | 425 | 429)
        && problem.code != Code::IdempotencyInProgress
}

/// Whether an error of the server leaves open what became of a request: one of the server itself, which may come after the
/// deed, or one that speaks of the same request under way.
pub fn leaves_open(problem: &Problem) -> bool {
    problem.status >= 500 || problem.status == 408 || problem.code == Code::IdempotencyInProgress
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Code::SoldOut, true)]
    #[case(Code::SeatTaken, true)]
    #[case(Code::FareChanged, true)]
    #[case(Code::StaleVersion, true)]
    #[case(Code::InvalidRequest, true)]
    #[case(Code::IdempotencyMismatch, true)]
    #[case(Code::NotFound, true)]
    #[case(Code::Forbidden, true)]
    #[case(Code::IdempotencyInProgress, false)]
    #[case(Code::Unauthenticated, false)]
    #[case(Code::TokenExpired, false)]
    #[case(Code::RequestTimeout, false)]
    #[case(Code::TooManyRequests, false)]
    #[case(Code::Internal, false)]
    #[case(Code::Unavailable, false)]
    #[case(Code::StorageFull, false)]
    fn what_ends_an_operation(#[case] code: Code, #[case] ends: bool) {
        assert_eq!(is_final(&Problem::new(code, "")), ends);
    }

    #[rstest]
    #[case(Code::Internal, true)]
    #[case(Code::Unavailable, true)]
    #[case(Code::StorageFull, true)]
    #[case(Code::RequestTimeout, true)]
    #[case(Code::IdempotencyInProgress, true)]
    #[case(Code::TooManyRequests, false)]
    #[case(Code::Unauthenticated, false)]
    #[case(Code::StaleVersion, false)]
    fn what_leaves_open_whether_it_is_done(#[case] code: Code, #[case] open: bool) {
        assert_eq!(leaves_open(&Problem::new(code, "")), open);
    }
}
