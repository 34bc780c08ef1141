//! On the way to another flight in the place of one.

use airside_common::locator::Locator;

use crate::store::list::ListCursor;

/// What flights are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A new booking.
    Book,
    /// Another flight for a booking.
    Replace(Replaced),
}

/// The flight that another is to take the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) locator: Locator,
    /// Its position in the booking, from 0.
    pub(crate) at: usize,
    /// Which it is, in words.
    pub(crate) words: String,
}

/// Which flight of a booking is to be replaced.
#[derive(Debug, Clone)]
pub(crate) struct SegmentChoice {
    pub(crate) locator: Locator,
    /// Those that can be.
    pub(crate) segments: Vec<Replaced>,
    pub(crate) list: ListCursor,
}
