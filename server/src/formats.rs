//! File formats of schedules.

pub mod airside_csv;
