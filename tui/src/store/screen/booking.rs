//! The form of a new booking.

use std::collections::BTreeMap;

use airside_common::ParseError;
use airside_common::api::bookings::{Contact, CreateBooking, NewSegment, Passenger, SeatChoice};
use airside_common::api::search::{FlightOffer, Itinerary};
use airside_common::booking::{MOST_PASSENGERS, PassengerType};
use airside_common::flight::{Cabin, SeatNumber};
use airside_common::money::Money;
use airside_common::time::CalendarDate;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::results::{common_cabins, fare};
use crate::dates;
use crate::store::form::{Field, Form};
use crate::store::operation::{Draft, OperationKind, Preview};
use crate::store::rebooking::booked;
use crate::time_entry;

/// On which terms a party is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terms {
    /// Confirmed at once, or not at all.
    Book,
    /// Held until a time limit.
    Hold,
    /// Confirmed at once, or when there are seats.
    Waitlist,
}

impl Terms {
    const ALL: [Self; 3] = [Self::Book, Self::Hold, Self::Waitlist];

    fn word(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Hold => "hold",
            Self::Waitlist => "waitlist",
        }
    }
}

/// The field of the terms: the server names what is wrong with a waitlist.
const TERMS: &str = "waitlist";

const TYPES: [&str; 3] = ["adult", "child", "infant"];

/// The most lines of passengers: every adult may hold an infant.
const MOST_LINES: usize = 2 * MOST_PASSENGERS;

/// The form.
#[derive(Debug, Clone)]
pub(crate) struct BookingForm {
    /// The flights in order; of a draft that was read from the disk they have the one cabin that was asked for.
    pub(crate) itinerary: Itinerary,
    pub(crate) form: Form,
    pub(crate) party: usize,
    /// Chosen seats by position of segment and passenger, from 0.
    pub(crate) seats: BTreeMap<(usize, usize), SeatNumber>,
    /// The cabin in which the seats were chosen; in another they do not count.
    pub(crate) seats_in: Option<Cabin>,
    /// Why it was refused.
    pub(crate) reason: Option<String>,
    /// The draft that it corrects.
    pub(crate) draft: Option<airside_common::booking::OperationKey>,
}

fn field_name(passenger: usize, name: &str) -> String {
    format!("passengers[{passenger}].{name}")
}

impl BookingForm {
    pub(crate) fn new(itinerary: Itinerary, cabin: Option<Cabin>, party: usize) -> Self {
        let cabins = common_cabins(&itinerary);
        let words: Vec<&str> = cabins.iter().map(|c| c.word()).collect();
        let at = cabins
            .iter()
            .position(|c| Some(*c) == cabin)
            .unwrap_or(cabins.len().saturating_sub(1));
        let mut form = Self {
            itinerary,
            form: Form::new(vec![
                Field::choice("cabin", "Cabin", 0, &words, at),
                Field::choice(TERMS, "Terms", 0, &Terms::ALL.map(Terms::word), 0),
                Field::text("time_limit", "Until", 0, 14, ""),
                Field::text("contact.email", "E-mail", 0, 30, ""),
                Field::text("contact.phone", "Phone", 0, 18, ""),
            ]),
            party: 0,
            seats: BTreeMap::new(),
            seats_in: None,
            reason: None,
            draft: None,
        };
        for _ in 0..party.max(1) {
            form.add_passenger();
        }
        form.begin(0);
        form
    }

    /// The form that a draft came from.
    pub(crate) fn from_draft(draft: &Draft) -> Option<Self> {
        let OperationKind::Create { body, preview } = &draft.operation.kind else {
            return None;
        };
        let cabin = body.segments.first()?.cabin;
        let paying = body
            .passengers
            .iter()
            .filter(|p| p.kind.takes_seat())
            .count();
        let itinerary = itinerary_of(preview, cabin, paying)?;
        let mut form = Self::new(itinerary, Some(cabin), body.passengers.len());
        for (at, passenger) in body.passengers.iter().enumerate() {
            let title = passenger.title.as_ref().map(ToString::to_string);
            let born = passenger.date_of_birth.map(|d| d.to_string());
            for (name, text) in [
                ("title", title.unwrap_or_default()),
                ("given_name", passenger.given_name.to_string()),
                ("surname", passenger.surname.to_string()),
                ("type", passenger.kind.word().to_owned()),
                ("date_of_birth", born.unwrap_or_default()),
            ] {
                form.form.set(&field_name(at, name), &text);
            }
        }
        let email = body.contact.email.as_ref().map(ToString::to_string);
        let phone = body.contact.phone.as_ref().map(ToString::to_string);
        form.set_terms(if body.hold == Some(true) {
            Terms::Hold
        } else if body.waitlist == Some(true) {
            Terms::Waitlist
        } else {
            Terms::Book
        });
        form.form.set("contact.email", &email.unwrap_or_default());
        form.form.set("contact.phone", &phone.unwrap_or_default());
        for seat in body.seats.iter().flatten() {
            let place = (usize::from(seat.segment), usize::from(seat.passenger));
            if let (Some(segment), Some(passenger)) =
                (place.0.checked_sub(1), place.1.checked_sub(1))
            {
                form.seats.insert((segment, passenger), seat.seat);
            }
        }
        form.seats_in = Some(cabin);
        form.reason = Some(draft.reason.words());
        form.draft = Some(draft.operation.key.clone());
        Some(form)
    }

    /// The chosen cabin.
    pub(crate) fn cabin(&self) -> Option<Cabin> {
        common_cabins(&self.itinerary)
            .get(self.form.chosen("cabin"))
            .copied()
    }

    /// On which terms it is booked.
    pub(crate) fn terms(&self) -> Terms {
        Terms::ALL
            .get(self.form.chosen(TERMS))
            .copied()
            .unwrap_or(Terms::Book)
    }

    pub(crate) fn set_terms(&mut self, terms: Terms) {
        self.form.set(TERMS, terms.word());
    }

    /// The type of a passenger.
    pub(crate) fn kind(&self, passenger: usize) -> PassengerType {
        match self.form.chosen(&field_name(passenger, "type")) {
            1 => PassengerType::Child,
            2 => PassengerType::Infant,
            _ => PassengerType::Adult,
        }
    }

    /// Passengers who have a seat.
    pub(crate) fn seated(&self) -> Vec<usize> {
        (0..self.party)
            .filter(|p| self.kind(*p).takes_seat())
            .collect()
    }

    /// The chosen seats that still fit cabin and passengers.
    pub(crate) fn chosen_seats(&self) -> BTreeMap<(usize, usize), SeatNumber> {
        if self.seats_in != self.cabin() {
            return BTreeMap::new();
        }
        let mut seats = self.seats.clone();
        seats.retain(|(_, passenger), _| self.kind(*passenger).takes_seat());
        seats
    }

    /// A passenger's name as far as it is entered.
    pub(crate) fn passenger_name(&self, passenger: usize) -> String {
        let surname = self.form.content(&field_name(passenger, "surname"));
        let given = self.form.content(&field_name(passenger, "given_name"));
        if surname.is_empty() && given.is_empty() {
            format!("Passenger {}", passenger + 1)
        } else {
            format!("{surname} {given}").trim().to_owned()
        }
    }

    /// What it costs.
    pub(crate) fn total(&self) -> Option<Money> {
        let paying = u32::try_from(self.seated().len()).ok()?;
        fare(&self.itinerary, self.cabin()?)?.times(paying)
    }

    /// The passenger in whose line the focus is.
    pub(crate) fn passenger_in_focus(&self) -> Option<usize> {
        let name = &self.form.focused()?.name;
        let digits = name.strip_prefix("passengers[")?.split(']').next()?;
        digits.parse().ok()
    }

    /// Adds a line, if there is room.
    pub(crate) fn add_passenger(&mut self) {
        if self.party >= MOST_LINES {
            return;
        }
        let at = self.party;
        self.party += 1;
        let row = at;
        let fields = vec![
            Field::text(&field_name(at, "title"), "Title", row, 5, ""),
            Field::text(&field_name(at, "given_name"), "Given name", row, 18, ""),
            Field::text(&field_name(at, "surname"), "Surname", row, 18, ""),
            Field::choice(&field_name(at, "type"), "Type", row, &TYPES, 0),
            Field::text(&field_name(at, "date_of_birth"), "Born", row, 11, ""),
        ];
        let after = at * fields.len();
        self.form.fields.splice(after..after, fields);
        self.number_rows();
        self.begin(at);
    }

    /// Takes a line out, unless it is the only one.
    pub(crate) fn remove_passenger(&mut self, passenger: usize) {
        if self.party < 2 || passenger >= self.party {
            return;
        }
        let prefix = format!("passengers[{passenger}].");
        self.form.fields.retain(|f| !f.name.starts_with(&prefix));
        for at in passenger + 1..self.party {
            let old = format!("passengers[{at}].");
            for field in &mut self.form.fields {
                if let Some(name) = field.name.strip_prefix(&old) {
                    field.name = field_name(at - 1, name);
                }
            }
        }
        self.party -= 1;
        self.seats = std::mem::take(&mut self.seats)
            .into_iter()
            .filter(|((_, p), _)| *p != passenger)
            .map(|((s, p), seat)| ((s, if p > passenger { p - 1 } else { p }), seat))
            .collect();
        self.number_rows();
        self.begin(passenger.min(self.party - 1));
    }

    /// Moves the focus to where a passenger's line is begun: at the first field that must be filled in. The title stands
    /// before it and may stay empty.
    fn begin(&mut self, passenger: usize) {
        self.form.focus_on(&field_name(passenger, "given_name"));
    }

    fn number_rows(&mut self) {
        let party = self.party;
        for field in &mut self.form.fields {
            field.row = field
                .name
                .strip_prefix("passengers[")
                .and_then(|rest| rest.split(']').next())
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(match field.name.as_str() {
                    "contact.email" => party,
                    "contact.phone" => party + 1,
                    _ => party + 2,
                });
        }
        // The order in which Tab goes: passengers, contact, cabin.
        self.form.fields.sort_by_key(|f| f.row);
    }

    /// The next field that must be filled in and is empty.
    pub(crate) fn next_empty(&self) -> Option<usize> {
        let contact = ["contact.email", "contact.phone"];
        let reached = contact
            .iter()
            .any(|name| !self.form.content(name).is_empty());
        self.form.fields.iter().position(|field| {
            let needed = field.name.ends_with("given_name")
                || field.name.ends_with("surname")
                || (field.name == "contact.email" && !reached);
            needed && field.content().trim().is_empty()
        })
    }

    /// The request and what is shown meanwhile; `None` where a field is wrong, which is kept at the field.
    pub(crate) fn intent(
        &mut self,
        today: Date,
        zone: &TimeZone,
    ) -> Option<(CreateBooking, Preview)> {
        self.form.clear_errors();
        let mut passengers = Vec::new();
        for at in 0..self.party {
            let kind = self.kind(at);
            let title = self
                .form
                .parse_optional(&field_name(at, "title"), str::parse);
            let given_name = self.form.parse(&field_name(at, "given_name"), str::parse);
            let surname = self.form.parse(&field_name(at, "surname"), str::parse);
            let born_name = field_name(at, "date_of_birth");
            let born = self
                .form
                .parse_optional(&born_name, |text| birth(text, today));
            if kind != PassengerType::Adult && born == Some(None) {
                let _ = self.form.parse::<()>(&born_name, |_| {
                    Err(ParseError::new(format!(
                        "of {} {} the date of birth is needed",
                        if kind == PassengerType::Infant {
                            "an"
                        } else {
                            "a"
                        },
                        kind.word()
                    )))
                });
            }
            if let (Some(title), Some(given_name), Some(surname), Some(date_of_birth)) =
                (title, given_name, surname, born)
            {
                passengers.push(Passenger {
                    given_name,
                    surname,
                    title,
                    kind,
                    date_of_birth,
                });
            }
        }
        let email = self.form.parse_optional("contact.email", str::parse);
        let phone = self.form.parse_optional("contact.phone", str::parse);
        if (&email, &phone) == (&Some(None), &Some(None)) {
            let _ = self.form.parse::<()>("contact.email", |_| {
                Err(ParseError::new(
                    "an e-mail address or a telephone number is needed",
                ))
            });
        }
        let adults = (0..self.party)
            .filter(|p| self.kind(*p) == PassengerType::Adult)
            .count();
        let infants: Vec<usize> = (0..self.party)
            .filter(|p| self.kind(*p) == PassengerType::Infant)
            .collect();
        if let Some(first) = infants.get(adults) {
            let _ = self.form.parse::<()>(&field_name(*first, "type"), |_| {
                Err(ParseError::new("every infant needs an adult's lap"))
            });
        }
        if self.seated().len() > MOST_PASSENGERS {
            let last = field_name(self.party - 1, "type");
            let _ = self.form.parse::<()>(&last, |_| {
                Err(ParseError::new("a booking takes 9 passengers with seats"))
            });
        }
        let terms = self.terms();
        let limit = self.form.parse_optional("time_limit", |text| match terms {
            Terms::Hold => time_entry::limit(text, today, zone),
            Terms::Book | Terms::Waitlist => {
                Err(ParseError::new("only what is held has a time limit"))
            }
        });
        if terms == Terms::Waitlist && !self.chosen_seats().is_empty() {
            let _ = self.form.parse::<()>(TERMS, |_| {
                Err(ParseError::new("who may have to wait cannot choose seats"))
            });
        }
        if self.form.focus_first_error() {
            return None;
        }
        let cabin = self.cabin()?;
        let seats: Vec<SeatChoice> = self
            .chosen_seats()
            .into_iter()
            .filter_map(|((segment, passenger), seat)| {
                Some(SeatChoice {
                    segment: u8::try_from(segment + 1).ok()?,
                    passenger: u8::try_from(passenger + 1).ok()?,
                    seat,
                })
            })
            .collect();
        let total = self.total();
        let body = CreateBooking {
            segments: self
                .itinerary
                .segments
                .iter()
                .map(|s| NewSegment {
                    flight_id: s.flight_id,
                    cabin,
                })
                .collect(),
            passengers,
            contact: Contact {
                email: email.flatten(),
                phone: phone.flatten(),
            },
            hold: (terms == Terms::Hold).then_some(true),
            time_limit: limit.flatten(),
            waitlist: (terms == Terms::Waitlist).then_some(true),
            seats: (!seats.is_empty()).then_some(seats),
            expected_total: total,
        };
        let preview = Preview {
            segments: self
                .itinerary
                .segments
                .iter()
                .map(|s| booked(s, cabin))
                .collect(),
            total,
        };
        Some((body, preview))
    }
}

/// The itinerary of a preview. Its fares are not kept, only their sum: the first flight stands for all of it.
fn itinerary_of(preview: &Preview, cabin: Cabin, paying: usize) -> Option<Itinerary> {
    use airside_common::api::search::CabinOffer;
    use airside_common::flight::FlightStatus;
    let first = preview.segments.first()?;
    let last = preview.segments.last()?;
    let total = preview.total?;
    let paying = i64::try_from(paying.max(1)).ok()?;
    let minutes = last
        .arrival
        .instant()
        .duration_since(first.departure.instant())
        .as_mins();
    Some(Itinerary {
        segments: preview
            .segments
            .iter()
            .enumerate()
            .map(|(at, segment)| FlightOffer {
                flight_id: segment.flight_id,
                carrier: segment.carrier,
                number: segment.number,
                origin: segment.origin,
                destination: segment.destination,
                departure: segment.departure,
                arrival: segment.arrival,
                aircraft: segment.aircraft,
                status: FlightStatus::Scheduled,
                cabins: vec![CabinOffer {
                    cabin,
                    available: 0,
                    fare: Money::from_minor(
                        if at == 0 { total.minor() / paying } else { 0 },
                        total.currency(),
                    ),
                }],
            })
            .collect(),
        stops: u8::try_from(preview.segments.len() - 1).ok()?,
        duration_minutes: u32::try_from(minutes).unwrap_or_default(),
        total: Some(total),
    })
}

/// A date of birth: `12MAR1980`, `12mar80`, `1980-03-12`; never in the future.
fn birth(text: &str, today: Date) -> Result<CalendarDate, ParseError> {
    let date = dates::parse(text, today)
        .map_err(|_| ParseError::new("not a date of birth: write 12mar1980 or 1980-03-12"))?;
    // `12mar80` would be 2080, and a day without a year the next one.
    let date = if date > today {
        date.checked_sub(jiff::Span::new().years(100))
            .unwrap_or(date)
    } else {
        date
    };
    let has_year = text.chars().filter(char::is_ascii_digit).count() > 2;
    if has_year {
        Ok(CalendarDate(date))
    } else {
        Err(ParseError::new("the year of birth is missing: 12mar1980"))
    }
}
