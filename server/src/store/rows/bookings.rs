//! Rows of bookings.

use airside_common::flight::Cabin;
use serde::Serialize;

pub(crate) mod answers;
pub(crate) mod due;
pub(crate) mod flights;
pub(crate) mod integrity;
pub(crate) mod stored;
pub(crate) mod wanted;
pub(crate) mod written;

/// A row that holds what no program of this release has written.
pub(crate) fn unreadable(what: impl Into<String>) -> sqlx::Error {
    sqlx::Error::Decode(what.into().into())
}

/// A cabin as rows name it: its position from front to back.
pub(crate) fn cabin_number(cabin: Cabin) -> i16 {
    cabin as i16
}

/// Rows as a JSON array: one statement for any number of them.
pub(crate) fn json(rows: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}
