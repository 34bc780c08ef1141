//! What each screen knows.

pub(crate) mod booking;
pub(crate) mod bookings;
pub(crate) mod dead_letters;
pub(crate) mod flight_change;
pub(crate) mod flights;
pub(crate) mod login;
pub(crate) mod question;
pub(crate) mod queues;
pub(crate) mod reading;
pub(crate) mod rebooking;
pub(crate) mod results;
pub(crate) mod search;
pub(crate) mod seats;
pub(crate) mod sources;
pub(crate) mod uploads;

/// Whether an answer is awaited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Loading {
    /// The request's number.
    Awaited(u64),
    #[default]
    No,
}

impl Loading {
    pub(crate) fn is(self, request: u64) -> bool {
        self == Self::Awaited(request)
    }
}
