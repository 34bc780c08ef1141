//! Flights, bookings and answers for the tests. Today is Tuesday, 24 November 2026.

use airside_common::airport::Airport;
use airside_common::api::auth::Me;
use airside_common::api::bookings::{Booking, Contact, Passenger, Segment};
use airside_common::api::flights::{CabinState, Flight, Seat, SeatMap, SeatRow, SeatState};
use airside_common::api::problem::{Code, FieldError, Problem};
use airside_common::api::queues::{QueueItem, QueueItemState, QueueTotal, QueueTotals};
use airside_common::api::search::{CabinOffer, FlightOffer, Itinerary};
use airside_common::booking::{BookingStatus, OperationKey, PassengerType, SegmentStatus};
use airside_common::flight::{Cabin, FlightId, FlightNumber, FlightStatus, SeatNumber};
use airside_common::locator::Locator;
use airside_common::money::{Currency, Money};
use airside_common::queue::{QueueItemId, QueueNumber, QueueReason};
use airside_common::time::{Instant, OffsetTime};
use airside_common::user::{Role, UserId};
use jiff::Timestamp;

use crate::effects::http::ApiError;
use crate::keymap::Keymap;
use crate::settings::{Mouse, Settings};
use crate::store::account::ServerId;
use crate::store::action::{Failure, Opened, Session};
use crate::store::journal::Saved;
use crate::theme::Theme;

mod admin;

pub(crate) use admin::{dry_run, failing_source, letter, letter_detail, source, upload};

pub(crate) const SERVER: &str = "http://127.0.0.1:7878";

/// Noon in London on the tests' day.
pub(crate) fn noon() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        theme: Theme::Dark,
        mouse: Mouse::On,
        keymap: Keymap::built_in().unwrap(),
        faults: Vec::new(),
    }
}

pub(crate) fn session(name: &str, role: Role) -> Session {
    Session {
        server: ServerId::new(SERVER),
        me: Me {
            id: UserId(uuid::Uuid::from_u128(name.bytes().map(u128::from).sum())),
            username: name.parse().unwrap(),
            role,
            office: "NYC1A0001".parse().unwrap(),
        },
    }
}

/// What a start finds where nothing was kept.
pub(crate) fn opened(session: Option<Session>) -> Opened {
    Opened {
        server: SERVER.parse().unwrap(),
        saved: Saved::default(),
        session,
        faults: Vec::new(),
        demo_users: Vec::new(),
    }
}

pub(crate) fn usd(dollars: i64) -> Money {
    Money::from_minor(dollars * 100, Currency::USD)
}

pub(crate) fn airports() -> Vec<Airport> {
    [
        (
            "JFK",
            "New York",
            "John F Kennedy International Airport",
            "US",
        ),
        (
            "LAX",
            "Los Angeles",
            "Los Angeles International Airport",
            "US",
        ),
        ("ORD", "Chicago", "O'Hare International Airport", "US"),
        ("HND", "東京", "東京国際空港 (羽田)", "JP"),
        ("ZRH", "Zürich", "Flughafen Zürich ✈️", "CH"),
    ]
    .into_iter()
    .map(|(code, city, name, country)| Airport {
        code: code.parse().unwrap(),
        name: name.to_owned(),
        city: city.to_owned(),
        country: country.to_owned(),
        time_zone: "UTC".to_owned(),
    })
    .collect()
}

fn time(text: &str) -> OffsetTime {
    text.parse().unwrap()
}

/// A flight UA of a number from JFK to LAX on 25 November, with cabins as (cabin, seats left, fare).
pub(crate) fn offer(number: u16, cabins: &[(Cabin, u32, i64)]) -> FlightOffer {
    FlightOffer {
        flight_id: FlightId::new(20_000, number.into()),
        carrier: "UA".parse().unwrap(),
        number: FlightNumber::new(number).unwrap(),
        origin: "JFK".parse().unwrap(),
        destination: "LAX".parse().unwrap(),
        departure: time("2026-11-25T08:00:00-05:00"),
        arrival: time("2026-11-25T11:10:00-08:00"),
        aircraft: "738".parse().unwrap(),
        status: FlightStatus::Scheduled,
        cabins: cabins
            .iter()
            .map(|(cabin, available, fare)| CabinOffer {
                cabin: *cabin,
                available: *available,
                fare: usd(*fare),
            })
            .collect(),
    }
}

pub(crate) fn itinerary_of(segments: Vec<FlightOffer>) -> Itinerary {
    let minutes = segments[segments.len() - 1]
        .arrival
        .instant()
        .duration_since(segments[0].departure.instant())
        .as_mins();
    Itinerary {
        stops: u8::try_from(segments.len() - 1).unwrap(),
        duration_minutes: u32::try_from(minutes).unwrap(),
        total: Some(usd(100)),
        segments,
    }
}

/// A direct flight with business and economy.
pub(crate) fn direct(number: u16) -> Itinerary {
    itinerary_of(vec![offer(
        number,
        &[(Cabin::Business, 4, 900), (Cabin::Economy, 20, 100)],
    )])
}

/// Two flights by way of ORD that arrive on the next day.
pub(crate) fn connection() -> Itinerary {
    let mut first = offer(201, &[(Cabin::Economy, 9, 60)]);
    first.destination = "ORD".parse().unwrap();
    first.departure = time("2026-11-25T19:00:00-05:00");
    first.arrival = time("2026-11-25T20:40:00-06:00");
    let mut second = offer(202, &[(Cabin::Economy, 3, 80)]);
    second.origin = "ORD".parse().unwrap();
    second.departure = time("2026-11-25T22:10:00-06:00");
    second.arrival = time("2026-11-26T00:25:00-08:00");
    itinerary_of(vec![first, second])
}

pub(crate) fn locator(n: usize) -> Locator {
    let letters = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    format!(
        "TEST{}{}",
        char::from(letters[n / 32 % 32]),
        char::from(letters[n % 32])
    )
    .parse()
    .unwrap()
}

pub(crate) fn passenger(surname: &str, given_name: &str) -> Passenger {
    Passenger {
        given_name: given_name.parse().unwrap(),
        surname: surname.parse().unwrap(),
        title: None,
        kind: PassengerType::Adult,
        date_of_birth: None,
    }
}

/// The booking of one passenger on an itinerary, in economy; later numbers are newer.
pub(crate) fn booking(n: usize, passenger: Passenger, itinerary: &Itinerary) -> Booking {
    let at = Instant(noon() + jiff::SignedDuration::from_mins(i64::try_from(n).unwrap() - 60));
    Booking {
        locator: locator(n),
        status: BookingStatus::Confirmed,
        version: 1,
        segments: itinerary
            .segments
            .iter()
            .map(|s| Segment {
                flight_id: s.flight_id,
                carrier: s.carrier,
                number: s.number,
                origin: s.origin,
                destination: s.destination,
                departure: s.departure,
                arrival: s.arrival,
                aircraft: s.aircraft,
                cabin: Cabin::Economy,
                status: SegmentStatus::Hk,
                previous_departure: None,
                previous_arrival: None,
            })
            .collect(),
        passengers: vec![passenger],
        seats: Vec::new(),
        contact: Contact {
            email: Some("j@example.com".parse().unwrap()),
            phone: None,
        },
        total: usd(100),
        time_limit: None,
        office: "NYC1A0001".parse().unwrap(),
        created_by: "demo".parse().unwrap(),
        created_at: at,
        updated_at: at,
        operation: None,
    }
}

/// The booking that an operation made.
pub(crate) fn made(n: usize, operation: &OperationKey) -> Booking {
    Booking {
        operation: Some(operation.clone()),
        ..booking(n, passenger("SMITH", "JOHN"), &direct(101))
    }
}

/// A flight as admins see it.
pub(crate) fn flight(number: u16) -> Flight {
    let offer = offer(number, &[]);
    Flight {
        id: offer.flight_id,
        carrier: offer.carrier,
        number: offer.number,
        origin: offer.origin,
        destination: offer.destination,
        departure: offer.departure,
        arrival: offer.arrival,
        aircraft: offer.aircraft,
        status: FlightStatus::Scheduled,
        version: 3,
        cabins: vec![CabinState {
            cabin: Cabin::Economy,
            available: 130,
            fare: usd(100),
            capacity: Some(150),
            sold: Some(20),
        }],
    }
}

/// A map of two rows in business and four in economy; 11A is taken.
pub(crate) fn seat_map(flight_id: FlightId) -> SeatMap {
    let rows = [1, 2, 10, 11, 12, 14]
        .into_iter()
        .map(|row| {
            let (cabin, layout) = if row < 10 {
                (Cabin::Business, "AB-EF")
            } else {
                (Cabin::Economy, "ABC-DEF")
            };
            let letters: Vec<char> = layout.chars().filter(|c| *c != '-').collect();
            SeatRow {
                row,
                cabin,
                layout: layout.to_owned(),
                seats: letters
                    .iter()
                    .map(|letter| Seat {
                        number: SeatNumber::new(row, *letter).unwrap(),
                        cabin,
                        state: if (row, *letter) == (11, 'A') {
                            SeatState::Taken
                        } else {
                            SeatState::Free
                        },
                        window: *letter == letters[0] || *letter == 'F',
                        aisle: false,
                    })
                    .collect(),
            }
        })
        .collect();
    SeatMap {
        flight_id,
        aircraft: "738".parse().unwrap(),
        rows,
    }
}

pub(crate) fn problem(code: Code, detail: &str) -> Problem {
    Problem::new(code, detail)
}

/// A problem that names a field.
pub(crate) fn wrong_field(field: &str, message: &str) -> Problem {
    let mut problem = Problem::new(Code::InvalidRequest, "a field is wrong");
    problem.errors.push(FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    });
    problem
}

/// What a refusal of the server comes to.
pub(crate) fn refused(problem: &Problem) -> Failure {
    Failure::from(ApiError::Problem {
        problem: Box::new(problem.clone()),
        retry_after: None,
    })
}

/// What comes back where nobody answers.
pub(crate) fn offline() -> Failure {
    Failure::from(ApiError::Unreached("connection refused".to_owned()))
}

/// What comes back where the answer is lost.
pub(crate) fn broken() -> Failure {
    Failure::from(ApiError::Broken("it took too long".to_owned()))
}

/// What comes back where the session has ended.
pub(crate) fn logged_out() -> Failure {
    Failure::from(ApiError::LoggedOut)
}

/// A flight that leaves forty minutes earlier than the party had agreed to.
pub(crate) fn moved(segment: &mut Segment) {
    segment.status = SegmentStatus::Tk;
    segment.previous_departure = Some(segment.departure);
    segment.previous_arrival = Some(segment.arrival);
    let by = jiff::SignedDuration::from_mins(-40);
    for time in [&mut segment.departure, &mut segment.arrival] {
        *time = OffsetTime::new(time.instant() + by, time.offset());
    }
}

/// The queues of an office, of which two are not empty.
pub(crate) fn queue_totals(waiting: u64) -> QueueTotals {
    let of = |queue: QueueNumber| QueueTotal {
        number: queue.get(),
        name: queue.name().to_owned(),
        waiting: if queue == QueueNumber::Changed {
            waiting
        } else {
            0
        },
        in_hand: u64::from(queue == QueueNumber::Changed),
        delayed: u64::from(queue == QueueNumber::General),
    };
    QueueTotals {
        items: QueueNumber::ALL.map(of).to_vec(),
        next_cursor: None,
    }
}

/// An entry of the queue of schedule changes that waits.
pub(crate) fn queue_item(n: usize) -> QueueItem {
    QueueItem {
        id: QueueItemId::from_raw(i64::try_from(n).unwrap()),
        queue: 7,
        reason: QueueReason::ScheduleChanged,
        locator: locator(n),
        office: "NYC1A0001".parse().unwrap(),
        remark: None,
        state: QueueItemState::Waiting,
        placed_at: Instant(noon()),
        placed_by: "system".parse().unwrap(),
        due_at: Instant(noon()),
        taken_by: None,
        taken_until: None,
    }
}

/// The entry in the agent's hand.
pub(crate) fn in_hand(n: usize) -> QueueItem {
    QueueItem {
        state: QueueItemState::InHand,
        taken_by: Some("demo".parse().unwrap()),
        taken_until: Some(Instant(noon() + jiff::SignedDuration::from_mins(10))),
        ..queue_item(n)
    }
}
