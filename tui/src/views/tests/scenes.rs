//! The console in all states that it is seen in.

use airside_common::api::bookings::{Booking, BookingPage, HistoryEntry, SeatChoice};
use airside_common::api::dead_letters::{DeadLetter, DeadLetterPage};
use airside_common::api::flights::Flight;
use airside_common::api::ingest::{IngestSource, IngestSourcePage, SourceState};
use airside_common::api::problem::Code;
use airside_common::api::queues::{QueueItemPage, QueueItemState};
use airside_common::api::uploads::{FindingKind, UploadPage};
use airside_common::booking::{BookingStatus, PassengerType, SegmentStatus};
use airside_common::flight::{Cabin, FlightId, FlightStatus};
use airside_common::queue::QueueReason;
use airside_common::time::Instant;
use airside_common::upload::UploadStatus;

use crate::effects::paths::Completion;
use crate::store::action::{Demo, Event, Failure};
use crate::store::ledger::answer::SetbackKind;
use crate::store::queues::QueueAnswer;
use crate::store::screen::uploads::FindingLine;
use crate::trial::desk::{Desk, submitted};
use crate::trial::specimens::{
    booking, connection, direct, dry_run, failing_source, flight, in_hand, itinerary_of, letter,
    letter_detail, locator, moved, noon, offer, offline, opened, passenger, problem, queue_item,
    refused, seat_map, source, upload, wrong_field,
};

/// All of them with their names.
pub(super) fn all() -> Vec<(&'static str, Desk)> {
    vec![
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
        ("record_changed", record_changed()),
        ("record_rebooking", record_rebooking()),
        ("record_in_hand", record_in_hand()),
        ("record_settled", record_settled()),
        ("record_pending", record_pending()),
        ("record_unanswered", record_unanswered()),
        ("segments", segments()),
        ("search_replacing", search_replacing()),
        ("results_replacing", results_replacing()),
        ("question_rebooking", question_rebooking()),
        ("queues", queues()),
        ("queues_offline", queues_offline()),
        ("queue", queue()),
        ("queue_empty", queue_empty()),
        ("delay", delay()),
        ("delay_wrong", delay_wrong()),
        ("place", place()),
        ("place_refused", place_refused()),
        ("question", question()),
        ("question_old", question_old()),
        ("flights", flights()),
        ("flights_offline", flights_offline()),
        ("flight_form", flight_form()),
        ("flight_refused", flight_refused()),
        ("flight_edit", flight_edit()),
        ("flight_edit_refused", flight_edit_refused()),
        ("flight_change", flight_change()),
        ("flight_change_reading", flight_change_reading()),
        ("flight_change_stale", flight_change_stale()),
        ("flight_cancel", flight_cancel()),
        ("flight_cancel_offline", flight_cancel_offline()),
        ("sources", sources()),
        ("sources_reading", sources_reading()),
        ("sources_empty", sources_empty()),
        ("sources_old", sources_old()),
        ("source", source_open()),
        ("dead_letters", dead_letters()),
        ("dead_letters_empty", dead_letters_empty()),
        ("dead_letters_offline", dead_letters_offline()),
        ("dead_letter", dead_letter()),
        ("dead_letter_dropping", dead_letter_dropping()),
        ("uploads", uploads()),
        ("uploads_sending", uploads_sending()),
        ("uploads_offline", uploads_offline()),
        ("upload_form", upload_form()),
        ("upload_wrong", upload_wrong()),
        ("upload", upload_open()),
        ("upload_dry_run", upload_dry_run()),
        ("upload_errors", upload_errors()),
        ("help", help()),
        ("messages", messages()),
        ("inspector", inspector()),
    ]
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

fn record_changed() -> Desk {
    let mut desk = bookings_reading();
    let mut changed = booking(1, passenger("SMITH", "JOHN"), &connection());
    moved(&mut changed.segments[0]);
    changed.segments[1].status = SegmentStatus::Un;
    desk.reads(vec![changed]);
    desk.types("<enter>");
    desk
}

/// Another flight was taken in the place of the first one, and the server has not answered yet.
fn record_rebooking() -> Desk {
    let mut desk = question_rebooking();
    assert!(submitted(&desk.types("y")).is_some());
    desk
}

/// A booking of which the first flight leaves on another day, and the second is cancelled.
fn disrupted() -> Booking {
    let mut changed = booking(1, passenger("SMITH", "JOHN"), &connection());
    let first = &mut changed.segments[0];
    moved(first);
    let by = jiff::SignedDuration::from_hours(24);
    for time in [&mut first.departure, &mut first.arrival] {
        *time = airside_common::time::OffsetTime::new(time.instant() + by, time.offset());
    }
    changed.segments[1].status = SegmentStatus::Un;
    changed
}

fn record_in_hand() -> Desk {
    let mut desk = queues();
    desk.types("t");
    let mut item = in_hand(1);
    item.remark = Some("東京 call the party before noon".parse().unwrap());
    desk.is_given(item, disrupted());
    desk
}

fn record_settled() -> Desk {
    let mut desk = record_in_hand();
    let mut accepted = booking(1, passenger("SMITH", "JOHN"), &direct(101));
    accepted.version = 2;
    desk.happens(Event::Fetched {
        locator: accepted.locator,
        result: Ok(Box::new(accepted)),
    });
    desk
}

fn segments() -> Desk {
    let mut desk = record_changed();
    desk.types("b");
    desk
}

fn search_replacing() -> Desk {
    let mut desk = segments();
    desk.types("<up><enter>");
    desk
}

fn results_replacing() -> Desk {
    let mut desk = search_replacing();
    desk.types("<enter>");
    desk.finds((101..110).map(direct).collect(), None);
    desk
}

fn question_rebooking() -> Desk {
    let mut desk = results_replacing();
    desk.types("<down><enter>");
    desk
}

fn queues() -> Desk {
    let mut desk = Desk::agent();
    desk.types("<f6>");
    desk.waits_on_queues(3);
    desk.types("<down><down><down>");
    desk
}

fn queues_offline() -> Desk {
    let mut desk = queues();
    desk.types("<f5>");
    desk.queues(QueueAnswer::Totals {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

/// A queue with all that can stand in it.
fn queue() -> Desk {
    let mut desk = queues();
    desk.types("<enter>");
    let mut said = queue_item(2);
    said.reason = QueueReason::Placed;
    said.remark = Some(
        "東京👩‍👩‍👧 call back after 3 pm, and before the office closes"
            .parse()
            .unwrap(),
    );
    let mut late = queue_item(4);
    late.state = QueueItemState::Delayed;
    late.due_at = Instant(noon() + jiff::SignedDuration::from_hours(30));
    late.reason = QueueReason::WaitlistCleared;
    let mut gone = queue_item(5);
    gone.reason = QueueReason::FlightCancelled;
    let mut near = queue_item(6);
    near.reason = QueueReason::TimeLimitNear;
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(QueueItemPage {
            items: vec![queue_item(1), said, in_hand(3), late, gone, near],
            next_cursor: Some("next".to_owned()),
        }),
    });
    desk.types("<down>");
    desk
}

fn queue_empty() -> Desk {
    let mut desk = queues();
    desk.types("<enter>");
    desk.queues(QueueAnswer::Items {
        request: desk.state.requests,
        result: Ok(QueueItemPage {
            items: Vec::new(),
            next_cursor: None,
        }),
    });
    desk
}

fn delay() -> Desk {
    let mut desk = record_in_hand();
    desk.types("p45");
    desk
}

fn delay_wrong() -> Desk {
    let mut desk = record_in_hand();
    desk.types("psoon<tab>24nov 0900<enter>");
    desk
}

fn place() -> Desk {
    let mut desk = record();
    desk.types("ocall back");
    desk
}

fn place_refused() -> Desk {
    let mut desk = place();
    desk.types("<enter>");
    let no = problem(Code::Conflict, "the booking is cancelled");
    desk.queues(QueueAnswer::Placed {
        locator: locator(1),
        result: Err(refused(&no)),
    });
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

fn flights() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<f4>");
    let mut items: Vec<Flight> = (1..40).map(flight).collect();
    items[1].status = FlightStatus::Cancelled;
    desk.reads_flights(items);
    desk.types("<down>");
    desk
}

fn flights_offline() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<f4>");
    desk.happens(Event::Flights {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

fn flight_form() -> Desk {
    let mut desk = flights();
    desk.types("nua<tab>77<tab>jfk<tab>chi");
    desk
}

fn flight_refused() -> Desk {
    let mut desk = flights();
    desk.types("nua<tab>77<tab>jfk<tab>lax<tab><tab>0815<tab><tab>11:40<tab>");
    desk.types("<tab><tab><tab><tab><tab><tab><tab>130<tab>224.78<enter>");
    let no = wrong_field("number", "UA77 flies on that day already");
    desk.happens(Event::FlightCreated(Err(refused(&no))));
    desk
}

/// Eight bookings on flight 1.
fn booked() -> Vec<Booking> {
    let on_it = direct(1);
    let mut bookings: Vec<Booking> = (1..9)
        .map(|n| booking(n, passenger("SMITH", "ANN"), &on_it))
        .collect();
    bookings[1].passengers = vec![passenger("山田", "花子"), passenger("山田", "太郎")];
    bookings[2].segments[0].status = SegmentStatus::Hl;
    bookings[3].segments[0].status = SegmentStatus::Xx;
    bookings[4].segments[0].status = SegmentStatus::Tk;
    bookings[4].office = "LON1A0002".parse().unwrap();
    bookings
}

fn flight_bookings(desk: &mut Desk, next: Option<&str>) {
    desk.happens(Event::FlightBookings {
        request: desk.state.requests,
        result: Ok(BookingPage {
            items: booked(),
            next_cursor: next.map(str::to_owned),
        }),
    });
}

fn flight_edit() -> Desk {
    let mut desk = flights();
    desk.types("<home>e");
    desk
}

fn flight_change_reading() -> Desk {
    let mut desk = flight_edit();
    desk.types("<ctrl-u>0915<tab><ctrl-u>0130<tab><right><tab><tab><tab><tab><tab><tab><tab>");
    desk.types("<tab><ctrl-u>160<enter>");
    flight_bookings(&mut desk, Some("77"));
    desk
}

fn flight_change() -> Desk {
    let mut desk = flight_change_reading();
    desk.happens(Event::FlightBookings {
        request: desk.state.requests,
        result: Ok(BookingPage {
            items: Vec::new(),
            next_cursor: None,
        }),
    });
    desk.types("<down>");
    desk
}

fn flight_edit_refused() -> Desk {
    let mut desk = flight_change();
    desk.types("y");
    let mut no = problem(
        Code::FlightHasBookings,
        "seat 30A is chosen and would not exist in its cabin any more",
    );
    no.errors = wrong_field("cabins[0].capacity", &no.detail).errors;
    desk.happens(Event::FlightPatched {
        flight: flight(1).id,
        result: Err(refused(&no)),
    });
    desk
}

fn flight_change_stale() -> Desk {
    let mut desk = flight_change();
    desk.types("y");
    let no = problem(Code::StaleVersion, "the flight has version 4");
    desk.happens(Event::FlightPatched {
        flight: flight(1).id,
        result: Err(refused(&no)),
    });
    let mut now = flight(1);
    now.version = 4;
    now.departure = "2026-11-25T08:40:00-05:00".parse().unwrap();
    desk.happens(Event::Flight {
        flight: flight(1).id,
        result: Ok(Box::new(now)),
    });
    flight_bookings(&mut desk, None);
    desk
}

fn flight_cancel() -> Desk {
    let mut desk = flights();
    desk.types("<home>x");
    flight_bookings(&mut desk, None);
    desk
}

fn flight_cancel_offline() -> Desk {
    let mut desk = flights();
    desk.types("<home>x");
    desk.happens(Event::FlightBookings {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

fn told(desk: &mut Desk, result: Result<Vec<IngestSource>, Failure>) {
    desk.happens(Event::Sources {
        request: desk.state.requests,
        result: result.map(|items| IngestSourcePage {
            items,
            next_cursor: None,
        }),
    });
}

fn sources_reading() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-s>");
    desk
}

fn sources_empty() -> Desk {
    let mut desk = sources_reading();
    told(&mut desk, Ok(Vec::new()));
    desk
}

fn sources() -> Desk {
    let mut desk = sources_reading();
    let mut waiting = source("harbour", SourceState::Waiting);
    waiting.files_waiting = 2;
    let mut never = source("nobody", SourceState::Unattended);
    (never.last_poll, never.next_poll) = (None, None);
    let items = vec![
        source("airport", SourceState::Idle),
        failing_source("cargo"),
        waiting,
        never,
        source("partner-ftp", SourceState::Polling),
        source("winter", SourceState::Paused),
    ];
    told(&mut desk, Ok(items));
    desk.types("<down>l<up>");
    desk
}

fn sources_old() -> Desk {
    let mut desk = sources();
    told(&mut desk, Err(offline()));
    desk
}

fn source_open() -> Desk {
    let mut desk = sources_reading();
    told(&mut desk, Ok(vec![failing_source("cargo")]));
    desk.types("<enter>");
    told(&mut desk, Err(offline()));
    desk
}

fn letters(desk: &mut Desk, result: Result<Vec<DeadLetter>, Failure>, next: Option<&str>) {
    desk.happens(Event::DeadLetters {
        request: desk.state.requests,
        result: result.map(|items| DeadLetterPage {
            items,
            next_cursor: next.map(str::to_owned),
        }),
    });
}

fn dead_letters() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    let mut items: Vec<DeadLetter> = (60..100).rev().map(letter).collect();
    items[2].consumer = "webhooks".to_owned();
    items[2].r#type = None;
    items[2].subject = None;
    items[2].error = "it is no envelope: expected value at line 1 column 1".to_owned();
    letters(&mut desk, Ok(items), Some("60"));
    desk.types("<down>");
    desk
}

fn dead_letters_empty() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    letters(&mut desk, Ok(Vec::new()), None);
    desk
}

fn dead_letters_offline() -> Desk {
    let mut desk = dead_letters();
    desk.types("r");
    letters(&mut desk, Err(offline()), None);
    desk
}

fn dead_letter() -> Desk {
    let mut desk = dead_letters();
    desk.types("<enter>");
    desk.happens(Event::DeadLetter {
        id: "98".parse().unwrap(),
        result: Ok(Box::new(letter_detail(98))),
    });
    desk
}

fn dead_letter_dropping() -> Desk {
    let mut desk = dead_letter();
    desk.types("x");
    desk
}

fn uploads() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-u>");
    let mut failed = upload(4);
    failed.status = UploadStatus::Failed;
    failed.error = Some("the header has no column fare_economy".to_owned());
    let mut waiting = upload(5);
    waiting.status = UploadStatus::Queued;
    (waiting.bytes_done, waiting.rows_done, waiting.rows_rejected) = (0, 0, 0);
    desk.happens(Event::Uploads {
        request: desk.state.requests,
        result: Ok(UploadPage {
            items: vec![waiting, failed, upload(3), dry_run(2)],
            next_cursor: None,
        }),
    });
    desk
}

fn uploads_sending() -> Desk {
    let mut desk = uploads();
    desk.types("n/data/winter.csv<enter>");
    desk.happens(Event::FileSending {
        sent: 300_000,
        total: 900_000,
    });
    desk
}

fn uploads_offline() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-u>");
    desk.happens(Event::Uploads {
        request: desk.state.requests,
        result: Err(offline()),
    });
    desk
}

fn upload_form() -> Desk {
    let mut desk = uploads();
    desk.types("n/data/su<tab>");
    desk.happens(Event::PathCompleted(Completion {
        text: "/data/su".to_owned(),
        common: "/data/summer-".to_owned(),
        choices: vec!["summer-1.csv".to_owned(), "summer-2.csv".to_owned()],
    }));
    desk
}

fn upload_wrong() -> Desk {
    let mut desk = uploads();
    desk.types("n<enter>");
    desk
}

fn upload_open() -> Desk {
    let mut desk = uploads();
    desk.types("<down><down><enter>");
    desk
}

fn upload_dry_run() -> Desk {
    let mut desk = uploads();
    desk.types("<end><enter><down>");
    desk
}

fn upload_errors() -> Desk {
    let mut desk = upload_open();
    desk.types("e");
    let line = |line: &str, column: &str, reason: &str, value: &str| FindingLine {
        line: line.to_owned(),
        column: column.to_owned(),
        reason: reason.to_owned(),
        value: value.to_owned(),
    };
    desk.happens(Event::Findings {
        of: (upload(3).id, FindingKind::Rejected),
        result: Ok(vec![
            line(
                "3",
                "seats_economy",
                "seats are a number from 1 to 900",
                "'-50",
            ),
            line(
                "17",
                "",
                "the same flight stands in the file before",
                "UA1 JFK 2026-12-07",
            ),
        ]),
    });
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
