//! A flight that is to be changed or cancelled, and the bookings that this touches.

use airside_common::ParseError;
use airside_common::api::bookings::Booking;
use airside_common::api::flights::{CabinPlan, CabinState, Flight, PatchFlight};
use airside_common::api::problem::FieldError;
use airside_common::booking::SegmentStatus;
use airside_common::flight::{Cabin, FlightId};
use airside_common::locator::Locator;
use airside_common::money::{Currency, Money};
use airside_common::time::LocalTime;
use airside_common::user::Office;
use jiff::Span;

use super::Loading;
use super::flights::{cabin_label, cabin_name, seats};
use crate::dates;
use crate::store::form::{Field, Form};
use crate::store::list::ListCursor;
use crate::time_entry::clock;

/// The days on which a flight may arrive, from the day of its departure: within 24 hours, and clocks differ by up to 26.
const ARRIVALS: [(i32, &str); 4] = [
    (-1, "the day before"),
    (0, "the same day"),
    (1, "the day after"),
    (2, "two days after"),
];

/// Entry of what a flight is to be, from what it is.
#[derive(Debug, Clone)]
pub(crate) struct FlightEdit {
    /// As it was when the entry began.
    pub(crate) flight: Flight,
    pub(crate) form: Form,
    /// Why the last change was not made.
    pub(crate) reason: Option<String>,
    /// The cabins of the last request, in its order.
    asked: Vec<Cabin>,
}

impl FlightEdit {
    pub(crate) fn new(flight: Flight) -> Self {
        let days = dates::days_between(flight.departure, flight.arrival);
        let options = ARRIVALS.map(|(_, words)| words);
        let at = ARRIVALS.iter().position(|(day, _)| *day == days);
        let mut fields = vec![
            Field::text(
                "departure",
                "Departure",
                0,
                7,
                &dates::clock(flight.departure),
            )
            .hint("local; the date stays"),
            Field::text("arrival", "Arrival", 1, 7, &dates::clock(flight.arrival)),
            Field::choice("arrival_day", "on", 1, &options, at.unwrap_or(1)),
            Field::text("aircraft", "Aircraft", 2, 5, flight.aircraft.as_str()),
        ];
        for (at, cabin) in Cabin::ALL.into_iter().enumerate() {
            let now = cabin_of(&flight, cabin);
            let capacity = now.and_then(|c| c.capacity);
            let capacity = capacity.map_or_else(String::new, |seats| seats.to_string());
            let fare = now.map_or_else(String::new, |c| c.fare.amount());
            let sold = now.and_then(|c| c.sold).unwrap_or_default();
            let name = cabin_name(cabin, "capacity");
            fields.push(Field::text(&name, cabin_label(cabin), 3 + at, 5, &capacity));
            let name = cabin_name(cabin, "fare");
            let label = format!("seats, fare {}", currency_of(&flight).code());
            fields.push(
                Field::text(&name, &label, 3 + at, 10, &fare).hint(&match now {
                    Some(_) => format!("{sold} sold"),
                    None => "no such cabin yet".to_owned(),
                }),
            );
        }
        Self {
            flight,
            form: Form::new(fields),
            reason: None,
            asked: Vec::new(),
        }
    }

    /// What is entered and is not so already; `None` where a field is wrong, which is kept at the field.
    pub(crate) fn patch(&mut self) -> Option<PatchFlight> {
        self.form.clear_errors();
        let flight = &self.flight;
        let form = &mut self.form;
        let departs = form.parse("departure", clock);
        let arrives = form.parse("arrival", clock);
        let (days, _) = ARRIVALS[form.chosen("arrival_day").min(ARRIVALS.len() - 1)];
        let aircraft = form.parse("aircraft", str::parse);
        let currency = currency_of(flight);
        let mut cabins = Vec::new();
        for cabin in Cabin::ALL {
            let (seats_name, fare_name) =
                (cabin_name(cabin, "capacity"), cabin_name(cabin, "fare"));
            let now = cabin_of(flight, cabin);
            let is_empty =
                form.content(&seats_name).is_empty() && form.content(&fare_name).is_empty();
            if now.is_none() && is_empty {
                continue;
            }
            let capacity = form.parse(&seats_name, |text| match now {
                Some(_) if text.is_empty() || text == "0" => {
                    Err(ParseError::new("a cabin cannot be taken away"))
                }
                _ => seats(text),
            });
            let fare = form.parse(&fare_name, |text| Money::parse(text, currency));
            let (Some(capacity), Some(fare)) = (capacity, fare) else {
                continue;
            };
            if now.is_none_or(|now| now.capacity != Some(capacity) || now.fare != fare) {
                cabins.push(CabinPlan {
                    cabin,
                    capacity,
                    fare,
                });
            }
        }
        if form.focus_first_error() {
            return None;
        }
        let date = flight.departure.date();
        let departure = date.to_datetime(departs?);
        let arrival = date
            .checked_add(Span::new().days(days))
            .ok()?
            .to_datetime(arrives?);
        let aircraft = aircraft?;
        self.asked = cabins.iter().map(|c| c.cabin).collect();
        Some(PatchFlight {
            departure: (departure != flight.departure.local()).then_some(LocalTime(departure)),
            arrival: (arrival != flight.arrival.local()).then_some(LocalTime(arrival)),
            aircraft: (aircraft != flight.aircraft).then_some(aircraft),
            cabins: (!cabins.is_empty()).then_some(cabins),
        })
    }

    /// Takes the flight as somebody else has changed it: what was not entered here follows.
    pub(crate) fn rebase(&mut self, flight: Flight) {
        let before = Self::new(self.flight.clone()).form;
        let after = Self::new(flight.clone()).form;
        let currency = currency_of(&self.flight);
        for (field, now) in before.fields.iter().zip(&after.fields) {
            let entered = self.form.content(&field.name);
            if is_same(&field.name, entered, field.content(), currency) {
                self.form.set(&field.name, now.content());
            }
        }
        self.flight = flight;
    }

    /// Puts the server's errors at the fields that were meant.
    pub(crate) fn blame(&mut self, errors: &[FieldError]) {
        let errors: Vec<FieldError> = errors
            .iter()
            .map(|error| FieldError {
                field: self.field_of(&error.field),
                message: error.message.clone(),
            })
            .collect();
        self.form.blame(&errors);
    }

    /// The form's field for a path in the request, such as `cabins[0].capacity`.
    fn field_of(&self, path: &str) -> String {
        let cabin = |at: usize| self.asked.get(at).copied();
        let indexed = path
            .strip_prefix("cabins[")
            .and_then(|rest| rest.split_once("]."))
            .and_then(|(at, name)| Some((cabin(at.parse().ok()?)?, name)));
        match indexed {
            Some((cabin, name @ ("capacity" | "fare"))) => cabin_name(cabin, name),
            Some((cabin, _)) => cabin_name(cabin, "capacity"),
            None if path == "cabins" => {
                cabin(0).map_or_else(|| path.to_owned(), |cabin| cabin_name(cabin, "capacity"))
            }
            None => path.to_owned(),
        }
    }
}

/// Whether two entries of a field mean the same: `0800` and `08:00`, `100` and `100.00`.
fn is_same(field: &str, one: &str, other: &str, currency: Currency) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    match field.rsplit('.').next() {
        Some("departure" | "arrival") => {
            matches!((clock(one), clock(other)), (Ok(one), Ok(other)) if one == other)
        }
        Some("fare") => {
            let fare = |text| Money::parse(text, currency);
            matches!((fare(one), fare(other)), (Ok(one), Ok(other)) if one == other)
        }
        _ => false,
    }
}

fn cabin_of(flight: &Flight, cabin: Cabin) -> Option<&CabinState> {
    flight.cabins.iter().find(|state| state.cabin == cabin)
}

/// A flight has one currency.
fn currency_of(flight: &Flight) -> Currency {
    let first = flight.cabins.first();
    first.map_or(Currency::USD, |cabin| cabin.fare.currency())
}

/// What is to be done with a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FlightPlan {
    Cancel,
    /// What is absent stays.
    Change(Box<PatchFlight>),
}

/// How far the question has come; a request by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It waits for yes or no.
    Open,
    /// The answer is yes, and the server has it.
    Sending(u64),
    /// The flight is read anew, and it is asked again afterwards.
    Reading(u64),
}

/// The question before it is done, with the bookings that it touches.
#[derive(Debug, Clone)]
pub(crate) struct FlightChange {
    /// As it was when it was last looked at.
    pub(crate) flight: Flight,
    pub(crate) plan: FlightPlan,
    pub(crate) bookings: FlightBookings,
    pub(crate) list: ListCursor,
    pub(crate) progress: Progress,
    /// What happened since the question was asked.
    pub(crate) notice: Option<String>,
}

impl FlightChange {
    pub(crate) fn new(flight: Flight, plan: FlightPlan) -> Self {
        Self {
            flight,
            plan,
            bookings: FlightBookings::new(),
            list: ListCursor::default(),
            progress: Progress::Open,
            notice: None,
        }
    }

    /// Whether bookings are told of it: of times and of the end, and of nothing else.
    pub(crate) fn is_told(&self) -> bool {
        match &self.plan {
            FlightPlan::Cancel => true,
            FlightPlan::Change(patch) => {
                let flight = &self.flight;
                let differs = |asked: Option<LocalTime>, now| asked.is_some_and(|t| t.0 != now);
                differs(patch.departure, flight.departure.local())
                    || differs(patch.arrival, flight.arrival.local())
            }
        }
    }

    /// What becomes other than it is: what, as it is, as it will be.
    pub(crate) fn differences(&self) -> Vec<(&'static str, String, String)> {
        let FlightPlan::Change(patch) = &self.plan else {
            return Vec::new();
        };
        let flight = &self.flight;
        let time = |local: jiff::civil::DateTime| {
            let clock = local.strftime("%H:%M");
            format!("{clock} {}", dates::with_weekday(local.date()))
        };
        let mut all = Vec::new();
        if let Some(departure) = patch.departure {
            all.push((
                "Departure",
                time(flight.departure.local()),
                time(departure.0),
            ));
        }
        if let Some(arrival) = patch.arrival {
            all.push(("Arrival", time(flight.arrival.local()), time(arrival.0)));
        }
        if let Some(aircraft) = patch.aircraft {
            all.push((
                "Aircraft",
                flight.aircraft.to_string(),
                aircraft.to_string(),
            ));
        }
        for plan in patch.cabins.iter().flatten() {
            let terms = |seats: u32, fare: Money| format!("{seats} seats, {fare}");
            let now = cabin_of(flight, plan.cabin);
            let before = now.map_or_else(
                || "none".to_owned(),
                |now| terms(now.capacity.unwrap_or_default(), now.fare),
            );
            all.push((
                cabin_label(plan.cabin),
                before,
                terms(plan.capacity, plan.fare),
            ));
        }
        all.retain(|(_, before, after)| before != after);
        all
    }

    /// What is said of the bookings that it touches.
    pub(crate) fn count(&self) -> String {
        let bookings = &self.bookings;
        let more = match (&bookings.loading, bookings.is_whole) {
            (Loading::Awaited(_), _) => " so far …",
            (Loading::No, true) => "",
            (Loading::No, false) => " at least",
        };
        let touched = if self.is_told() {
            match self.plan {
                FlightPlan::Cancel => "they lose their flight and are told",
                FlightPlan::Change(_) => "they are told of the new times",
            }
        } else {
            "nobody is told, its times stay"
        };
        let (count, people) = (bookings.items.len(), bookings.passengers());
        if count == 0 && bookings.is_whole {
            return "Nobody is booked on it".to_owned();
        }
        format!(
            "{}, {}{more}: {touched}",
            several(count, "booking"),
            several(people, "passenger")
        )
    }
}

/// `1 booking`, `2 bookings`.
pub(crate) fn several(count: usize, of: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {of}{s}")
}

/// The living bookings of a flight, as they are read page after page.
#[derive(Debug, Clone)]
pub(crate) struct FlightBookings {
    pub(crate) items: Vec<FlightBooking>,
    pub(crate) loading: Loading,
    /// Pages that have been read.
    pub(crate) pages: usize,
    /// Whether all of them are here.
    pub(crate) is_whole: bool,
    pub(crate) error: Option<String>,
}

impl FlightBookings {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            loading: Loading::No,
            pages: 0,
            is_whole: false,
            error: None,
        }
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn passengers(&self) -> usize {
        self.items.iter().map(|booking| booking.passengers).sum()
    }
}

/// A booking that lives on a flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlightBooking {
    pub(crate) locator: Locator,
    pub(crate) office: Office,
    pub(crate) status: SegmentStatus,
    pub(crate) cabin: Cabin,
    pub(crate) passengers: usize,
    /// The first passenger.
    pub(crate) lead: String,
}

impl FlightBooking {
    /// What of a booking is on a flight; `None` where it has given the flight up.
    pub(crate) fn of(booking: &Booking, flight: FlightId) -> Option<Self> {
        let segment = booking.segments.iter().find(|segment| {
            let lives = matches!(
                segment.status,
                SegmentStatus::Hk | SegmentStatus::Tk | SegmentStatus::Hl
            );
            segment.flight_id == flight && lives
        })?;
        let lead = booking.passengers.first();
        Some(Self {
            locator: booking.locator,
            office: booking.office.clone(),
            status: segment.status,
            cabin: segment.cabin,
            passengers: booking.passengers.len(),
            lead: lead.map_or_else(String::new, |p| format!("{} {}", p.surname, p.given_name)),
        })
    }
}
