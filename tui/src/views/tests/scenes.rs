//! The console in all states that it is seen in.

mod admin;
mod queues;

use airside_common::api::bookings::{Booking, HistoryEntry, SeatChoice};
use airside_common::api::problem::Code;
use airside_common::booking::{BookingStatus, PassengerType, SegmentStatus};
use airside_common::flight::{Cabin, FlightId};
use airside_common::time::Instant;

use crate::store::action::{Demo, Event};
use crate::store::ledger::answer::SetbackKind;
use crate::trial::desk::{Desk, submitted};
use crate::trial::specimens::{
    booking, connection, direct, itinerary_of, noon, offer, offline, opened, passenger, problem,
    refused, seat_map,
};

/// All of them with their names.
pub(super) fn all() -> Vec<(&'static str, Desk)> {
    let mut scenes = vec![
        ("starting", Desk::starting()),
        ("starting_demo", starting_demo()),
        ("login", login()),
        ("login_refused", login_refused()),
        ("login_offline", login_offline()),
        ("session_ended", session_ended()),
        ("search", Desk::agent()),
        ("search_completing", search_completing()),
        ("search_wrong", search_wrong()),
        ("results", results()),
        ("results_searching", results_searching()),
        ("results_empty", Desk::agent().searched(Vec::new())),
        ("results_offline", results_offline()),
        ("results_flexible", results_flexible()),
        ("details", details()),
        ("filter", filter()),
        ("booking", Desk::filled_in(vec![connection()])),
        ("booking_wrong", booking_wrong()),
        ("booking_hold", booking_hold()),
        ("booking_refused", booking_refused()),
        ("seats", seats()),
        ("seats_reading", seats_reading()),
        ("seats_offline", seats_offline()),
        ("bookings", bookings()),
        ("bookings_reading", bookings_reading()),
        ("bookings_empty", bookings_empty()),
        ("bookings_filtering", bookings_filtering()),
        ("bookings_offline", bookings_offline()),
        ("record", record()),
        ("record_held", record_held()),
        ("record_confirming", record_confirming()),
        ("record_waitlisted", record_waitlisted()),
        ("record_pending", record_pending()),
        ("record_unanswered", record_unanswered()),
        ("question", question()),
        ("question_old", question_old()),
        ("help", help()),
        ("messages", messages()),
        ("inspector", inspector()),
    ];
    scenes.extend(queues::all());
    scenes.extend(admin::all());
    scenes
}

/// Of each layer the scene with the most in it.
pub(super) fn fullest() -> Vec<(&'static str, Desk)> {
    const NAMES: [&str; 34] = [
        "login_refused",
        "search_completing",
        "search_wrong",
        "results",
        "results_flexible",
        "details",
        "filter",
        "booking_wrong",
        "seats",
        "bookings",
        "record",
        "record_in_hand",
        "segments",
        "results_replacing",
        "question_rebooking",
        "queues",
        "queue",
        "delay_wrong",
        "question",
        "flights",
        "flight_refused",
        "flight_edit_refused",
        "flight_change_stale",
        "sources_old",
        "source",
        "dead_letters",
        "dead_letter",
        "uploads_sending",
        "upload_form",
        "upload_dry_run",
        "upload_errors",
        "help",
        "messages",
        "inspector",
    ];
    let mut scenes = all();
    scenes.retain(|(name, _)| NAMES.contains(name));
    assert_eq!(scenes.len(), NAMES.len());
    scenes
}

fn starting_demo() -> Desk {
    let mut desk = Desk::starting();
    let words = "The demonstration's server starts. 12000 of 34000 flights".to_owned();
    desk.happens(Event::Demo(Demo::Starting(words)));
    desk
}

fn login() -> Desk {
    let mut desk = Desk::starting();
    desk.happens(Event::Opened(Box::new(opened(None))));
    desk.types("demo<tab>secret");
    desk
}

fn login_refused() -> Desk {
    let mut desk = login();
    desk.types("<enter>");
    let no = problem(Code::Unauthenticated, "user or password is wrong");
    desk.happens(Event::LoggedIn(Err(refused(&no))));
    desk
}

fn login_offline() -> Desk {
    let mut desk = login();
    desk.types("<enter>");
    desk.happens(Event::LoggedIn(Err(offline())));
    desk
}

fn session_ended() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::LoggedOut);
    desk
}

fn search_completing() -> Desk {
    let mut desk = Desk::agent();
    desk.types("jfk<tab>international<down>");
    desk
}

fn search_wrong() -> Desk {
    let mut desk = Desk::agent();
    desk.types("qqqq<tab>lax<tab><ctrl-u>32dec<enter>");
    desk
}

fn results() -> Desk {
    let full = itinerary_of(vec![offer(9, &[(Cabin::Economy, 0, 100)])]);
    let mut items: Vec<_> = (101..130).map(direct).collect();
    items.insert(1, connection());
    items.insert(2, full);
    let mut desk = Desk::agent().searched(items);
    desk.types("<down>");
    desk
}

fn results_searching() -> Desk {
    let mut desk = Desk::agent().searched(Vec::new());
    desk.types("<right>");
    desk
}

fn results_offline() -> Desk {
    let mut desk = results_searching();
    desk.finds_nothing(offline());
    desk
}

fn results_flexible() -> Desk {
    let mut desk = results();
    desk.types("fua<tab>0600<tab>2200<tab><tab><right><enter>");
    desk.finds(vec![connection(), direct(101)], Some("next"));
    desk
}

fn details() -> Desk {
    let mut desk = results();
    desk.types("d");
    desk
}

fn filter() -> Desk {
    let mut desk = results();
    desk.types("f<tab>25:00<enter>");
    desk
}

fn booking_wrong() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<f6>東京子<tab>山田👩‍👩‍👧<tab>c<enter>");
    desk
}

fn booking_hold() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<tab><tab><tab>h<tab>soon<enter>");
    desk
}

fn booking_refused() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.refused(
        &operation.key,
        problem(Code::SoldOut, "UA101 is sold out in economy"),
    );
    desk
}

fn seats_reading() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<f6>mary<tab>jones<up><f7>");
    desk
}

fn seats() -> Desk {
    let mut desk = seats_reading();
    let flight = FlightId::new(20_000, 101);
    desk.happens(Event::Seats {
        flight,
        result: Ok(seat_map(flight)),
    });
    desk.types("<enter><right>");
    desk
}

fn seats_offline() -> Desk {
    let mut desk = seats_reading();
    desk.happens(Event::Seats {
        flight: FlightId::new(20_000, 101),
        result: Err(offline()),
    });
    desk
}

/// A list with all that can stand in it: refused, pending, unanswered, being cancelled, cancelled, confirmed.
fn bookings() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let first = desk.books();
    desk.refused(&first.key, problem(Code::SoldOut, "sold out"));
    desk.types("<esc>");
    for _ in 0..2 {
        desk.types("<enter><backtab>mr<tab>jane<tab>doe<tab><tab><tab>j@example.com");
        let next = desk.books();
        desk.types("<esc>");
        if desk.state.ledger.operations().count() == 1 {
            desk.unanswered(&next.key, SetbackKind::Unclear);
        }
    }
    desk.types("<f3>");
    let with = |n, surname: &str, given: &str| booking(n, passenger(surname, given), &direct(101));
    let mut party = with(4, "VAN DER LONGFELLOW-SMYTHE", "ALEXANDRA");
    party.passengers.push(passenger("SMITH", "BOB"));
    desk.reads(vec![
        party,
        with(3, "山田", "東京子"),
        Booking {
            status: BookingStatus::Cancelled,
            ..with(2, "GONE", "ANN")
        },
        booking(1, passenger("ÅNGSTRÖM 👩‍👩‍👧", "ZOË"), &connection()),
    ]);
    desk.types("<end>");
    let key = submitted(&desk.types("xy"));
    assert!(key.is_some(), "the last one is being cancelled");
    desk.types("<up>");
    desk
}

fn bookings_reading() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    desk
}

fn bookings_empty() -> Desk {
    let mut desk = bookings_reading();
    desk.reads(Vec::new());
    desk
}

fn bookings_filtering() -> Desk {
    let mut desk = bookings();
    desk.types("fjfk do");
    desk
}

fn bookings_offline() -> Desk {
    let mut desk = bookings();
    desk.types("<f5>");
    desk.happens(Event::Bookings {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

fn record() -> Desk {
    let mut desk = bookings_reading();
    let mut party = booking(1, passenger("山田", "東京子"), &connection());
    let mut child = passenger("山田", "太郎");
    child.kind = PassengerType::Child;
    child.date_of_birth = Some("2020-03-12".parse().unwrap());
    party.passengers.push(child);
    party.seats.push(SeatChoice {
        segment: 2,
        passenger: 1,
        seat: "12A".parse().unwrap(),
    });
    let locator = party.locator;
    desk.reads(vec![party]);
    desk.types("<enter>h");
    desk.happens(Event::History {
        locator,
        result: Ok(vec![HistoryEntry {
            version: 1,
            at: Instant(noon()),
            by: "demo".parse().unwrap(),
            action: "booking.created".to_owned(),
            detail: "2 passengers, 2 segments".to_owned(),
        }]),
    });
    desk
}

fn record_held() -> Desk {
    let mut desk = bookings_reading();
    let mut held = booking(1, passenger("SMITH", "JOHN"), &direct(101));
    held.status = BookingStatus::Held;
    held.time_limit = Some(Instant(noon() + jiff::SignedDuration::from_hours(30)));
    desk.reads(vec![held]);
    desk.types("<enter>");
    desk
}

fn record_confirming() -> Desk {
    let mut desk = record_held();
    assert!(submitted(&desk.types("t")).is_some());
    desk
}

fn record_waitlisted() -> Desk {
    let mut desk = bookings_reading();
    let mut waits = booking(1, passenger("SMITH", "JOHN"), &connection());
    waits.status = BookingStatus::Waitlisted;
    for segment in &mut waits.segments {
        segment.status = SegmentStatus::Hl;
    }
    desk.reads(vec![waits]);
    desk.types("<enter>");
    desk
}

fn record_pending() -> Desk {
    let mut desk = Desk::filled_in(vec![connection()]);
    desk.books();
    desk
}

fn record_unanswered() -> Desk {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    desk
}

fn question() -> Desk {
    let mut desk = bookings();
    desk.types("<up><up>x");
    desk
}

fn question_old() -> Desk {
    let mut desk = record_unanswered();
    desk.waits(7 * 24 * 3600 + 60);
    desk
}

fn help() -> Desk {
    let mut desk = results();
    desk.types("?");
    desk
}

fn messages() -> Desk {
    let mut desk = booking_refused();
    desk.types("<alt-m><alt-m><f9>");
    desk
}

fn inspector() -> Desk {
    let mut desk = booking_refused();
    desk.types("<f12>");
    desk
}
