//! What admins see: flights, sources, dead letters, uploads.

use airside_common::api::bookings::{Booking, BookingPage};
use airside_common::api::dead_letters::{DeadLetter, DeadLetterPage};
use airside_common::api::flights::Flight;
use airside_common::api::ingest::{IngestSource, IngestSourcePage, SourceState};
use airside_common::api::problem::Code;
use airside_common::api::uploads::{FindingKind, UploadPage};
use airside_common::booking::SegmentStatus;
use airside_common::flight::FlightStatus;
use airside_common::upload::UploadStatus;

use crate::effects::paths::Completion;
use crate::store::action::{Event, Failure};
use crate::store::screen::uploads::FindingLine;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, direct, dry_run, failing_source, flight, letter, letter_detail, offline, passenger,
    problem, refused, source, upload, wrong_field,
};

/// All of them with their names.
pub(super) fn all() -> Vec<(&'static str, Desk)> {
    vec![
        ("flights", flights()),
        ("flights_offline", flights_offline()),
        ("flight_form", flight_form()),
        ("flight_refused", flight_refused()),
        ("flight_edit", flight_edit()),
        ("flight_change_reading", flight_change_reading()),
        ("flight_change", flight_change()),
        ("flight_edit_refused", flight_edit_refused()),
        ("flight_change_stale", flight_change_stale()),
        ("flight_cancel", flight_cancel()),
        ("flight_cancel_offline", flight_cancel_offline()),
        ("sources_reading", sources_reading()),
        ("sources_empty", sources_empty()),
        ("sources", sources()),
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
    ]
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
        request: desk.state.requests,
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
        request: desk.state.requests,
        flight: flight(1).id,
        result: Err(refused(&no)),
    });
    let mut now = flight(1);
    now.version = 4;
    now.departure = "2026-11-25T08:40:00-05:00".parse().unwrap();
    desk.happens(Event::Flight {
        request: desk.state.requests,
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
