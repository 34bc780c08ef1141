//! An admin's work.

use super::console::Person;
use crate::trial::server::{Extras, Server};

#[tokio::test]
async fn a_flight_is_created_booked_moved_and_cancelled_as_is_one_without_bookings() {
    let server = Server::start(&[150]);
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let mut root = Person::logs_in("root", server.address, folders[0].path()).await;
    root.types("<f4>f<ctrl-u>+3<enter>").await;
    root.sees("1 flights");
    root.types("nua<tab>77<tab>jfk<tab>lax<tab><ctrl-u>+3<tab>1315<tab><ctrl-u>+3<tab>1610<tab>")
        .await;
    root.types("<tab><tab><tab><tab><tab><tab><tab>9<tab>224.78<enter>")
        .await;
    root.sees("UA77");
    root.sees("2 flights");
    root.sees("Y0/9");

    let mut ada = Person::logs_in("ada", server.address, folders[1].path()).await;
    ada.finds(1).await;
    // The search hears of the new flight by an event.
    for _ in 0..200 {
        if ada.screen().contains("UA77") {
            break;
        }
        ada.types("<f5>").await;
    }
    ada.sees("224.78 USD");
    ada.types("<end>").await;
    ada.fills_in("john", "smith").await;
    ada.types("<enter>").await;
    ada.sees("confirmed");

    root.types("<f5>").await;
    root.types("<end>").await;
    root.sees("Y1/9");
    // Nobody is told before the bookings are seen.
    root.types("e<ctrl-u>1330<enter>").await;
    root.sees("Departure  13:15");
    root.sees("1 booking, 1 passenger: they are told of the new times");
    root.sees("smith john");
    root.types("y").await;
    root.sees("changed: 1 booking will be told");
    root.sees("13:30");
    ada.waits_for("TK").await;

    // What the bookings forbid stands at its field.
    root.types("e<tab><tab><tab><ctrl-u>320<enter>").await;
    root.types("y").await;
    root.sees("its aircraft cannot change");
    root.sees("Change a flight");
    root.types("<ctrl-u>738<tab><tab><tab><tab><tab><tab><tab><ctrl-u>10<enter>")
        .await;
    root.sees("9 seats, 224.78 USD → 10 seats, 224.78 USD");
    root.sees("1 booking, 1 passenger: nobody is told, its times stay");

    // Somebody else was faster: what it is now is shown, and asked about again.
    let mut other = Person::logs_in("root", server.address, folders[2].path()).await;
    other.types("<f4>f<ctrl-u>+3<enter>").await;
    other.types("<end>e<backtab><ctrl-u>199<enter>").await;
    other.types("y").await;
    other.sees("its times stay, and nobody is told");
    root.types("y").await;
    root.sees("It was changed meanwhile: this is what it is now");
    root.sees("9 seats, 199.00 USD → 10 seats, 199.00 USD");
    root.types("y").await;
    root.sees("changed: its times stay, and nobody is told");
    root.sees("Y1/10");

    root.types("x").await;
    root.sees("Cancel flight UA77?");
    root.sees("1 booking, 1 passenger: they lose their flight and are told");
    root.types("y").await;
    root.sees("cancelled: 1 booking will be told");
    ada.waits_for("UN").await;
    root.types("<home>x").await;
    root.sees("Cancel flight UA1?");
    root.sees("Nobody is booked on it");
    root.types("y").await;
    root.sees("CANCELLED");
    root.sees("cancelled: nobody was booked on it");
    other.leaves().await;
    root.leaves().await;
    ada.leaves().await;
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_seen_read_paused_and_polled() {
    let extras = Extras {
        sources: vec![("harbour", "file:///nowhere/at/all".to_owned())],
        letters: Vec::new(),
    };
    let server = Server::start_with(&[], extras);
    let folder = tempfile::tempdir().unwrap();
    let mut root = Person::logs_in("root", server.address, folder.path()).await;
    root.presses("<alt-s>");
    root.waits_for("1 source ").await;
    root.waits_for("backs off to").await;
    root.presses("<enter>");
    root.waits_for("Last error").await;
    root.waits_for("nowhere/at/all").await;
    root.presses("p");
    root.waits_for("harbour is paused").await;
    root.waits_for("State      paused").await;
    root.presses("l");
    root.waits_for("the source is paused; resume it first")
        .await;
    root.presses("c");
    root.waits_for("harbour is looked at again").await;
    root.waits_for("State      backs off").await;
    // It is looked at within a second, long before it would be by itself.
    let last_look = |screen: &str| {
        let line = screen.lines().find(|line| line.contains("│ Last look"));
        line.unwrap().to_owned()
    };
    let before = last_look(&root.screen());
    let mut looks = 0;
    while last_look(&root.screen()) == before {
        looks += 1;
        assert!(looks < 100, "nobody looks at it:\n{}", root.screen());
        root.presses("l");
        root.waits_for("harbour is looked at now").await;
        root.rests().await;
    }
    root.presses("<esc><esc>");
    root.idle().await;
    root.sees("Where to?");
    root.leaves().await;
}

#[tokio::test]
async fn a_dead_letter_is_read_retried_dropped_and_gone_for_others() {
    const MESSAGE: &str = r#"{"specversion":"1.0","id":"7","source":"/airside","type":"booking.created",
        "subject":"K7QW2M","time":"2026-11-24T10:00:00Z","datacontenttype":"application/json",
        "aggregateversion":1,"data":{"locator":"K7QW2M","office":"NYC1A0001","operation":null,"version":1}}"#;
    let extras = Extras {
        sources: Vec::new(),
        letters: vec![
            ("analytics", MESSAGE),
            ("nobody", "{\"note\":\"\u{1b}[2Jhere\"}"),
        ],
    };
    let server = Server::start_with(&[], extras);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut root = Person::logs_in("root", server.address, folders[0].path()).await;
    let mut other = Person::logs_in("root", server.address, folders[1].path()).await;
    for person in [&mut root, &mut other] {
        person.types("<alt-d>").await;
        person.sees("2 that no consumer took");
        person.sees("booking.created");
    }
    root.types("<enter>").await;
    root.sees("for nobody, event 2");
    root.sees("no such airport");
    root.sees("here");
    root.types("ty").await;
    root.sees("nobody takes messages of `nobody` any more");
    root.types("x").await;
    root.sees("Drop it for good?");
    root.types("y").await;
    root.sees("It is dropped");
    root.sees("1 that no consumer took");
    other.types("ty").await;
    other.sees("somebody else has sent it again or dropped it");
    other.sees("1 that no consumer took");

    root.types("<enter>").await;
    root.sees(r#""locator": "K7QW2M""#);
    root.types("t").await;
    root.sees("Send it to analytics again?");
    root.types("y").await;
    root.sees("on its way to its consumer again");
    root.sees("None: every message has been taken");
    other.types("<enter>").await;
    other.sees("somebody else has sent it again or dropped it");
    other.sees("None: every message has been taken");
    root.leaves().await;
    other.leaves().await;
}
