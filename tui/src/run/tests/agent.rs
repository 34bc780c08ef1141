//! An agent's work.

use super::console::Person;
use crate::effects::dispatch::Tenure;
use crate::trial::server::{PASSWORD, Server};

#[tokio::test]
async fn a_booking_is_made_seen_pending_confirmed_in_place_and_cancelled() {
    let server = Server::start(&[150]);
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Person::logs_in("ada", server.address, folder.path()).await;
    ada.finds(1).await;
    ada.sees("UA1 ");
    ada.sees("Y150");
    ada.fills_in("john", "smith").await;
    ada.film();
    ada.types("<enter>").await;
    let film = ada.film();
    assert!(film[0].contains("······   pending"), "{}", film[0]);
    assert!(
        film[0].contains("1 pending"),
        "the bar counts it: {}",
        film[0]
    );
    ada.sees("confirmed");
    ada.sees(" booked");
    ada.sees_no("······");
    ada.types("<esc><f5>").await;
    ada.sees("Y149");

    ada.types("<f3>").await;
    ada.sees("1 booking");
    ada.types("x").await;
    ada.sees("Cancel booking");
    ada.film();
    ada.types("y").await;
    let film = ada.film();
    assert!(film[0].contains("cancelling"), "{}", film[0]);
    ada.sees("cancelled");
    ada.sees("1 booking");
    ada.types("<enter>h").await;
    ada.sees("booking.created");
    ada.sees("booking.cancelled");
    ada.leaves().await;
    let left = std::fs::read_dir(folder.path().join("state/journal")).unwrap();
    assert_eq!(left.count(), 0, "nothing is left to do");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_session_is_kept() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut ada = Person::opens(server.address, folder.path()).await;
    ada.types("ada<tab>something else<enter>").await;
    ada.sees("Log in");
    ada.sees("wrong");
    ada.types(&format!("{PASSWORD}<enter>")).await;
    ada.sees("Where to?");
    ada.leaves().await;
    let mut ada = Person::opens(server.address, folder.path()).await;
    ada.sees("Where to?");
    ada.types("<ctrl-o>").await;
    ada.sees("Password");
    ada.leaves().await;
    let ada = Person::opens(server.address, folder.path()).await;
    ada.sees("Password");
}

/// The same answer ends the session of who asked, and nobody else's.
#[tokio::test]
async fn what_comes_back_for_a_user_who_has_left_is_dropped() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut person = Person::logs_in("ada", server.address, folder.path()).await;
    // The second is nobody's.
    person.types("<ctrl-o>").await;
    person.types(&format!("eve<tab>{PASSWORD}<enter>")).await;
    person.sees("Where to?");
    person.hears_of_the_end_of_a_session(Tenure(1)).await;
    person.sees_no("The session has ended");
    person.hears_of_the_end_of_a_session(Tenure(3)).await;
    person.sees("The session has ended");
    person.leaves().await;
}

#[tokio::test]
async fn the_last_seat_goes_to_one_and_the_other_gets_the_form_back() {
    let server = Server::start(&[1]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut ada = Person::logs_in("ada", server.address, folders[0].path()).await;
    let mut eve = Person::logs_in("eve", server.address, folders[1].path()).await;
    for (person, name) in [(&mut ada, "john"), (&mut eve, "jane")] {
        person.finds(1).await;
        person.fills_in(name, "smith").await;
    }
    eve.types("<enter>").await;
    eve.sees("confirmed");
    ada.types("<enter>").await;
    ada.sees("✗ Not booked:");
    ada.sees("john");
    ada.sees("j@example.com");
    ada.types("<f3>").await;
    ada.sees("refused    smith john");
    ada.sees("confirmed  smith jane");
    ada.sees("2 bookings");
    ada.types("<home>x<enter>").await;
    ada.sees("1 booking");
    ada.leaves().await;
    eve.leaves().await;
}

#[tokio::test]
async fn a_seat_is_held_and_confirmed_while_another_waits_for_it_and_gets_it_in_the_end() {
    let server = Server::start(&[1]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut ada = Person::logs_in("ada", server.address, folders[0].path()).await;
    let mut eve = Person::logs_in("eve", server.address, folders[1].path()).await;
    for (person, name) in [(&mut ada, "john"), (&mut eve, "jane")] {
        person.finds(1).await;
        person.fills_in(name, "smith").await;
    }
    ada.types("<tab><tab><tab>h<enter>").await;
    ada.sees("   held");
    ada.sees("until");
    eve.types("<tab><tab><tab>w<enter>").await;
    eve.sees("waitlisted");
    eve.sees("  HL  ");
    ada.film();
    ada.types("t").await;
    assert!(ada.film()[0].contains("confirming"));
    ada.sees("   confirmed");
    ada.sees_no("until");
    ada.types("xy").await;
    ada.sees("cancelled");
    eve.types("<f5>").await;
    eve.sees("   confirmed");
    eve.sees("  HK  ");
    eve.types("h").await;
    eve.sees("waitlist.cleared");
    eve.sees("system");
    ada.leaves().await;
    eve.leaves().await;
}

#[tokio::test]
async fn a_seat_goes_to_one_and_the_other_chooses_again() {
    let server = Server::start(&[150]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut ada = Person::logs_in("ada", server.address, folders[0].path()).await;
    let mut eve = Person::logs_in("eve", server.address, folders[1].path()).await;
    for (person, name) in [(&mut ada, "john"), (&mut eve, "jane")] {
        person.finds(1).await;
        person.fills_in(name, "smith").await;
        person.types("<f7>").await;
        person.sees("window");
        person.types("<enter>").await;
        person.sees(&format!("smith {name}: "));
    }
    eve.types("<enter>").await;
    eve.sees("confirmed");
    ada.types("<enter>").await;
    ada.sees("✗ Not booked:");
    ada.sees("smith john: ");
    ada.types("<f7>").await;
    ada.sees("×");
    ada.types("<right><enter><enter>").await;
    ada.sees("confirmed");
    ada.types("<f3>").await;
    ada.sees("2 bookings");
    ada.sees_no("refused");
}

#[tokio::test]
async fn two_consoles_of_one_agent_share_session_and_bookings() {
    let server = Server::start(&[150]);
    let folder = tempfile::tempdir().unwrap();
    let mut one = Person::logs_in("ada", server.address, folder.path()).await;
    let mut two = Person::opens(server.address, folder.path()).await;
    two.sees("Where to?");
    for (person, name) in [(&mut one, "john"), (&mut two, "jane")] {
        person.finds(1).await;
        person.fills_in(name, "smith").await;
        person.types("<enter>").await;
        person.sees("confirmed");
    }
    for person in [&mut one, &mut two] {
        person.types("<f3>").await;
        person.sees("2 bookings");
        person.sees("smith john");
        person.sees("smith jane");
    }
    // One cancels what the other made, and the other sees it.
    two.types("<end>xy").await;
    two.sees("cancelled");
    one.waits_for("cancelled  smith john").await;
    one.types("<end>x").await;
    one.sees("It is cancelled already");
    one.leaves().await;
    two.leaves().await;
}
