//! How bookings are held.

use std::num::NonZeroU16;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::features::bookings::hold::HoldTerms;

/// How bookings are held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BookingSettings {
    /// Hours for which a booking is held that names no time limit.
    pub hold_hours: NonZeroU16,
    /// Hours for which a booking may be held at most.
    pub longest_hold_hours: NonZeroU16,
    /// How many minutes before its time limit the passengers and the office of a held booking are told that it is near.
    pub hold_warning_minutes: NonZeroU16,
    /// For how many minutes an entry that an agent has taken from a queue is theirs alone.
    pub queue_lease_minutes: NonZeroU16,
}

impl Default for BookingSettings {
    fn default() -> Self {
        Self {
            hold_hours: NonZeroU16::MIN.saturating_add(23),
            longest_hold_hours: NonZeroU16::MIN.saturating_add(7 * 24 - 1),
            hold_warning_minutes: NonZeroU16::MIN.saturating_add(2 * 60 - 1),
            queue_lease_minutes: NonZeroU16::MIN.saturating_add(10 - 1),
        }
    }
}

impl BookingSettings {
    /// The terms of holds; the usual time is never longer than the longest.
    pub fn holds(&self) -> HoldTerms {
        let hours = |hours: NonZeroU16| SignedDuration::from_hours(hours.get().into());
        HoldTerms {
            usual: hours(self.hold_hours.min(self.longest_hold_hours)),
            longest: hours(self.longest_hold_hours),
            near: SignedDuration::from_mins(self.hold_warning_minutes.get().into()),
        }
    }

    /// For how long an entry of a queue is whose who has taken it.
    pub fn queue_lease(&self) -> SignedDuration {
        SignedDuration::from_mins(self.queue_lease_minutes.get().into())
    }
}
