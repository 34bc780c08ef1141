//! Searching flights.

use airside_common::api::bookings::Segment;
use jiff::civil::Date;

use super::rebooking::{Purpose, Replaced};
use crate::dates;
use crate::store::airports::Airports;
use crate::store::form::{Field, Form, airport_text};

/// The form.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) form: Form,
    pub(crate) purpose: Purpose,
}

/// Cabins in the order of the choice; the first means any.
pub(crate) const CABINS: [&str; 5] = ["any", "economy", "premium", "business", "first"];

impl Search {
    pub(crate) fn new(today: Date) -> Self {
        let tomorrow = today.tomorrow().unwrap_or(today);
        Self {
            purpose: Purpose::Book,
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

    /// For a flight that takes the place of another one: on its way and its day, in its cabin.
    pub(crate) fn replacing(
        replaced: Replaced,
        segment: &Segment,
        seats: usize,
        airports: &Airports,
        today: Date,
    ) -> Self {
        let mut search = Self::new(today);
        let form = &mut search.form;
        for (name, code) in [
            ("origin", segment.origin),
            ("destination", segment.destination),
        ] {
            let text = airports
                .get(code)
                .map_or_else(|| code.to_string(), airport_text);
            form.set(name, &text);
        }
        form.set("date", &dates::short(segment.departure.date().max(today)));
        form.set("cabin", segment.cabin.word());
        form.set("passengers", &seats.to_string());
        // One flight takes the place of one.
        form.set("max_stops", "non-stop");
        form.focus_on("date");
        search.purpose = Purpose::Replace(replaced);
        search
    }
}
