//! Flights as admins see them.

use airside_common::ParseError;
use airside_common::api::flights::{CabinPlan, CreateFlight, Flight};
use airside_common::flight::Cabin;
use airside_common::money::{Currency, Money};
use airside_common::time::LocalTime;
use jiff::civil::Date;

use super::results::{Narrow, Narrowed};
use crate::dates;
use crate::effects::http::calls::FlightFilter;
use crate::store::airports::Airports;
use crate::store::form::{Field, Form};
use crate::store::paged::Paged;
use crate::time_entry::clock;

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Flights {
    pub(crate) filter: FlightFilter,
    pub(crate) pages: Paged<Flight>,
}

impl Flights {
    pub(crate) fn new(filter: FlightFilter) -> Self {
        Self {
            filter,
            pages: Paged::new(),
        }
    }
}

/// The filter's form.
pub(crate) fn narrow(filter: &FlightFilter) -> Narrow {
    let text = |value: Option<String>| value.unwrap_or_default();
    Narrow {
        of: Narrowed::Flights,
        form: Form::new(vec![
            Field::date(
                "date",
                "Date",
                0,
                &text(filter.date.map(|d| dates::short(d.0))),
            ),
            Field::text(
                "origin",
                "From",
                1,
                6,
                &text(filter.origin.map(|c| c.to_string())),
            ),
            Field::text(
                "destination",
                "To",
                2,
                6,
                &text(filter.destination.map(|c| c.to_string())),
            ),
            Field::text(
                "carrier",
                "Carrier",
                3,
                6,
                &text(filter.carrier.map(|c| c.to_string())),
            ),
            Field::text(
                "number",
                "Number",
                4,
                6,
                &text(filter.number.map(|n| n.to_string())),
            ),
        ]),
    }
}

/// A new flight.
#[derive(Debug, Clone)]
pub(crate) struct FlightForm {
    pub(crate) form: Form,
    pub(crate) reason: Option<String>,
    pub(crate) sending: bool,
}

/// `UA1 WE 25NOV`.
pub(crate) fn name_of(flight: &Flight) -> String {
    let date = dates::with_weekday(flight.departure.date());
    format!("{}{} {date}", flight.carrier, flight.number)
}

/// The seats of a cabin.
pub(super) fn seats(text: &str) -> Result<u32, ParseError> {
    let seats = text.parse().ok().filter(|seats| (1..=900).contains(seats));
    seats.ok_or_else(|| ParseError::new("seats: 1 to 900"))
}

/// The name of a field of a cabin.
pub(super) fn cabin_name(cabin: Cabin, name: &str) -> String {
    format!("{}.{name}", cabin.word())
}

/// What stands before its fields.
pub(super) fn cabin_label(cabin: Cabin) -> &'static str {
    match cabin {
        Cabin::First => "First",
        Cabin::Business => "Business",
        Cabin::Premium => "Premium",
        Cabin::Economy => "Economy",
    }
}

impl FlightForm {
    pub(crate) fn new(today: Date) -> Self {
        let tomorrow = dates::short(today.tomorrow().unwrap_or(today));
        let mut fields = vec![
            Field::text("carrier", "Carrier", 0, 4, "").hint("UA"),
            Field::text("number", "Number", 1, 6, "").hint("1 to 9999"),
            Field::airport("origin", "From", 2, ""),
            Field::airport("destination", "To", 3, ""),
            Field::date("departure", "Departure", 4, &tomorrow),
            Field::text("departure_time", "at", 4, 7, "").hint("local, 08:15"),
            Field::date("arrival", "Arrival", 5, &tomorrow),
            Field::text("arrival_time", "at", 5, 7, "").hint("local, 11:40"),
            Field::text("aircraft", "Aircraft", 6, 5, "738").hint("738, 320, 77W"),
        ];
        for (at, cabin) in Cabin::ALL.into_iter().enumerate() {
            fields.push(Field::text(
                &cabin_name(cabin, "capacity"),
                cabin_label(cabin),
                7 + at,
                5,
                "",
            ));
            fields.push(
                Field::text(
                    &cabin_name(cabin, "fare"),
                    "seats, fare USD",
                    7 + at,
                    10,
                    "",
                )
                .hint(if at == 0 {
                    "a cabin without seats stays empty"
                } else {
                    ""
                }),
            );
        }
        Self {
            form: Form::new(fields),
            reason: None,
            sending: false,
        }
    }

    /// The request; `None` where a field is wrong, which is kept at the field.
    pub(crate) fn body(&mut self, airports: &Airports, today: Date) -> Option<CreateFlight> {
        self.form.clear_errors();
        let form = &mut self.form;
        form.settle();
        let carrier = form.parse("carrier", str::parse);
        let number = form.parse("number", str::parse);
        let origin = form.airport("origin", airports);
        let destination = form.airport("destination", airports);
        let departure = moment(form, "departure", today);
        let arrival = moment(form, "arrival", today);
        let aircraft = form.parse("aircraft", str::parse);
        let mut cabins = Vec::new();
        for cabin in Cabin::ALL {
            let capacity_name = cabin_name(cabin, "capacity");
            if form.content(&capacity_name).is_empty() {
                continue;
            }
            let capacity = form.parse(&capacity_name, seats);
            let fare = form.parse(&cabin_name(cabin, "fare"), |text| {
                Money::parse(text, Currency::USD)
            });
            if let (Some(capacity), Some(fare)) = (capacity, fare) {
                cabins.push(CabinPlan {
                    cabin,
                    capacity,
                    fare,
                });
            }
        }
        if cabins.is_empty() {
            let name = cabin_name(Cabin::Economy, "capacity");
            if form.field(&name).is_some_and(|f| f.error.is_none()) {
                let _ = form.parse::<()>(&name, |_| {
                    Err(ParseError::new("at least one cabin needs seats"))
                });
            }
        }
        if form.focus_first_error() {
            return None;
        }
        Some(CreateFlight {
            carrier: carrier?,
            number: number?,
            origin: origin?,
            destination: destination?,
            departure: departure?,
            arrival: arrival?,
            aircraft: aircraft?,
            cabins,
        })
    }
}

fn moment(form: &mut Form, name: &str, today: Date) -> Option<LocalTime> {
    let date = form.parse(name, |text| dates::parse(text, today));
    let time = form.parse(&format!("{name}_time"), clock);
    Some(LocalTime(date?.to_datetime(time?)))
}
