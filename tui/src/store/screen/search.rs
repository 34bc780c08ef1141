//! Searching flights.

use jiff::civil::Date;

use crate::dates;
use crate::store::form::{Field, Form};

/// The form.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) form: Form,
}

/// Cabins in the order of the choice; the first means any.
pub(crate) const CABINS: [&str; 5] = ["any", "economy", "premium", "business", "first"];

impl Search {
    pub(crate) fn new(today: Date) -> Self {
        let tomorrow = today.tomorrow().unwrap_or(today);
        Self {
            form: Form::new(vec![
                Field::airport("origin", "From", 0, "").hint("code, city or name"),
                Field::airport("destination", "To", 1, "").hint("code, city or name"),
                Field::date("date", "Date", 2, &dates::short(tomorrow)).hint("1dec  +3  fri  ↑↓"),
                Field::choice("cabin", "Cabin", 3, &CABINS, 0).hint("←→"),
                Field::choice(
                    "passengers",
                    "Passengers",
                    4,
                    &["1", "2", "3", "4", "5", "6", "7", "8", "9"],
                    0,
                )
                .hint("with seats"),
                Field::choice(
                    "max_stops",
                    "Stops",
                    5,
                    &["non-stop", "up to 1", "up to 2"],
                    1,
                ),
            ]),
        }
    }
}
