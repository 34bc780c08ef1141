//! Whatever a server sends, no character that drives a terminal gets onto the screen.

use airside_common::airport::Airport;
use airside_common::api::bookings::{BookingPage, HistoryEntry};
use airside_common::api::dead_letters::{DeadLetter, DeadLetterDetail, DeadLetterPage};
use airside_common::api::ingest::IngestSourcePage;
use airside_common::api::problem::{Code, FieldError};
use airside_common::flight::FlightId;
use airside_common::text::is_control;
use airside_common::time::Instant;
use proptest::prelude::*;

use crate::store::action::{Event, Failure, FailureKind, Outcome};
use crate::store::queues::QueueAnswer;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    booking, direct, failing_source, in_hand, letter, noon, passenger, problem, queue_totals,
    refused, seat_map,
};

/// Texts with what drives a terminal between other characters.
fn text() -> impl Strategy<Value = String> {
    let control = prop::sample::select(vec![
        "\u{1b}[2J",
        "\u{1b}]0;title\u{7}",
        "\u{9b}31m",
        "\u{9d}",
        "\r",
        "\n",
        "\t",
        "\u{7f}",
        "\u{0}",
        "\u{202e}",
        "\u{2066}",
        "\u{200f}",
        "\u{61c}",
        "\u{2028}",
        "\u{85}",
    ]);
    let piece = prop_oneof![
        control.prop_map(str::to_owned),
        any::<String>(),
        "[a-z東👩]{1,8}"
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn failure(words: &str) -> Failure {
    Failure {
        kind: FailureKind::Offline,
        outcome: Outcome::Unclear,
        words: words.to_owned(),
        problem: None,
    }
}

/// Screens that show what a server sent, without the cleaning at the door.
fn screens(text: &str) -> Vec<(&'static str, Desk)> {
    let mut no = problem(Code::InvalidRequest, text);
    no.title = text.to_owned();
    no.errors = ["passengers[0].surname", "number", text]
        .into_iter()
        .map(|field| FieldError {
            field: field.to_owned(),
            message: text.to_owned(),
        })
        .collect();

    let mut login = Desk::starting();
    login.happens(Event::Opened(Box::new(crate::trial::specimens::opened(
        None,
    ))));
    login.happens(Event::LoggedIn(Err(refused(&no))));

    let mut completing = Desk::agent();
    let airport = Airport {
        code: "QQQ".parse().unwrap(),
        name: text.to_owned(),
        city: text.to_owned(),
        country: text.to_owned(),
        time_zone: text.to_owned(),
    };
    completing.happens(Event::Airports {
        query: String::new(),
        result: Ok(vec![airport]),
    });
    let mut picked = completing.clone();
    completing.types("qqq");
    picked.types("qqq<tab>jfk<enter>");
    let mut found = picked.clone();
    found.finds(vec![direct(101)], None);

    let mut failed = Desk::agent().searched(Vec::new());
    failed.types("<f5>");
    failed.finds_nothing(failure(text));

    let mut given_back = Desk::filled_in(vec![direct(101)]);
    let operation = given_back.books();
    given_back.refused(&operation.key, no.clone());
    let mut listed = given_back.clone();
    listed.types("<f3>");
    listed.happens(Event::Bookings {
        request: listed.state.requests,
        result: Err(failure(text)),
    });
    let mut messages = given_back.clone();
    messages.types("<f9>");
    let mut inspector = messages.clone();
    inspector.types("<f12>");

    let mut seats = Desk::filled_in(vec![direct(101)]);
    seats.types("<f7>");
    let flight = FlightId::new(20_000, 101);
    let mut broken = seats.clone();
    broken.happens(Event::Seats {
        flight,
        result: Err(failure(text)),
    });
    let mut map = seat_map(flight);
    map.rows[3].layout = text.to_owned();
    seats.happens(Event::Seats {
        flight,
        result: Ok(map),
    });

    let mut record = Desk::agent();
    record.types("<f3>");
    let read = booking(1, passenger("SMITH", "ANN"), &direct(101));
    let locator = read.locator;
    record.reads(vec![read]);
    record.types("<enter>h");
    record.happens(Event::History {
        locator,
        result: Ok(vec![HistoryEntry {
            version: 1,
            at: Instant(noon()),
            by: "demo".parse().unwrap(),
            action: text.to_owned(),
            detail: text.to_owned(),
        }]),
    });

    let mut created = Desk::admin();
    created.types("<f4>n");
    created.happens(Event::FlightCreated(Err(refused(&no))));

    let mut edit = Desk::admin();
    edit.types("<f4>");
    edit.reads_flights(vec![crate::trial::specimens::flight(101)]);
    edit.types("e<ctrl-u>0915<enter>");
    let mut unread = edit.clone();
    unread.happens(Event::FlightBookings {
        request: unread.state.requests,
        result: Err(failure(text)),
    });
    let read = vec![booking(1, passenger("SMITH", "ANN"), &direct(101))];
    edit.happens(Event::FlightBookings {
        request: edit.state.requests,
        result: Ok(BookingPage {
            items: read,
            next_cursor: None,
        }),
    });
    edit.types("y");
    let mut touched = edit.clone();
    let mut wrong = no.clone();
    wrong.errors[0].field = "departure".to_owned();
    edit.happens(Event::FlightPatched {
        request: edit.state.requests,
        flight,
        result: Err(refused(&wrong)),
    });
    touched.happens(Event::FlightPatched {
        request: touched.state.requests,
        flight,
        result: Err(failure(text)),
    });

    let mut sources = Desk::admin();
    sources.types("<alt-s>");
    let mut source = failing_source("alpha");
    source.address = text.to_owned();
    source.last_error = Some(text.to_owned());
    sources.happens(Event::Sources {
        request: sources.state.requests,
        result: Ok(IngestSourcePage {
            items: vec![source],
            next_cursor: None,
        }),
    });
    let mut source = sources.clone();
    source.types("<enter>");
    sources.happens(Event::Sources {
        request: sources.state.requests,
        result: Err(failure(text)),
    });

    let mut letters = Desk::admin();
    letters.types("<alt-d>");
    let hostile = DeadLetter {
        consumer: text.to_owned(),
        event: text.to_owned(),
        r#type: Some(text.to_owned()),
        subject: Some(text.to_owned()),
        error: text.to_owned(),
        ..letter(1)
    };
    letters.happens(Event::DeadLetters {
        request: letters.state.requests,
        result: Ok(DeadLetterPage {
            items: vec![hostile.clone()],
            next_cursor: None,
        }),
    });
    let mut opened = letters.clone();
    opened.types("<enter>");
    let mut plain = opened.clone();
    for (desk, message) in [
        (&mut opened, serde_json::json!({ text: [text] }).to_string()),
        (&mut plain, text.to_owned()),
    ] {
        desk.happens(Event::DeadLetter {
            id: "1".parse().unwrap(),
            result: Ok(Box::new(DeadLetterDetail {
                letter: hostile.clone(),
                message,
            })),
        });
    }
    let mut dropping = letters.clone();
    dropping.types("x");

    let mut queues = Desk::agent();
    queues.types("<f6>");
    let mut totals = queue_totals(1);
    totals.items[0].name = text.to_owned();
    queues.queues(QueueAnswer::Totals {
        request: queues.state.requests,
        result: Ok(totals),
    });
    let mut queue = queues.clone();
    queue.types("<enter>");
    queue.queues(QueueAnswer::Items {
        request: queue.state.requests,
        result: Err(failure(text)),
    });
    let mut taken = queues.clone();
    taken.types("t");
    taken.is_given(
        in_hand(1),
        booking(1, passenger("SMITH", "ANN"), &direct(101)),
    );
    let mut put_off = taken.clone();
    put_off.types("p5<enter>");
    put_off.queues(QueueAnswer::Delayed {
        request: put_off.state.requests,
        id: in_hand(1).id,
        result: Err(refused(&no)),
    });
    taken.types("d");
    taken.queues(QueueAnswer::Finished {
        request: taken.asked_of_queues(),
        id: in_hand(1).id,
        result: Err(refused(&no)),
    });

    vec![
        ("queues", queues),
        ("queue", queue),
        ("taken", taken),
        ("put off", put_off),
        ("flight edit", edit),
        ("flight change", touched),
        ("no bookings", unread),
        ("sources", sources),
        ("source", source),
        ("dead letters", letters),
        ("dead letter", opened),
        ("no JSON", plain),
        ("dropping", dropping),
        ("login", login),
        ("completing", completing),
        ("picked", picked),
        ("found", found),
        ("failed", failed),
        ("given back", given_back),
        ("listed", listed),
        ("messages", messages),
        ("inspector", inspector),
        ("seats", seats),
        ("no seats", broken),
        ("record", record),
        ("flight", created),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_control_character_gets_onto_the_screen(text in text()) {
        for (name, desk) in screens(&text) {
            for cell in &desk.buffer(100, 40).content {
                prop_assert!(!cell.symbol().chars().any(is_control), "{:?} in {name}", cell.symbol());
            }
        }
    }
}

#[test]
fn the_texts_do_get_onto_the_screen() {
    for (name, desk) in screens("\u{1b}[31mEVIL\u{202e}") {
        let seen = desk.screen(160, 60).contains("EVIL") || name == "seats" || name == "inspector";
        assert!(seen, "{name}:\n{}", desk.screen(160, 60));
    }
}
