//! What others do, as it happens.

use super::console::Person;
use crate::trial::proxy::{Line, Proxy};
use crate::trial::server::Server;

#[tokio::test]
async fn what_one_books_and_cancels_the_other_sees_without_a_key() {
    let server = Server::start(&[150]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut ada = Person::logs_in("ada", server.address, folders[0].path()).await;
    let mut eve = Person::logs_in("eve", server.address, folders[1].path()).await;
    eve.finds(1).await;
    eve.sees("Y150");
    ada.finds(1).await;
    ada.fills_in("john", "smith").await;
    ada.types("<enter>").await;
    ada.sees("confirmed");
    eve.waits_for("Y149").await;
    eve.types("<f3>").await;
    eve.sees("1 booking");

    ada.types("<esc>").await;
    ada.fills_in("jane", "smith").await;
    ada.types("<enter>").await;
    eve.waits_for("confirmed  smith jane").await;
    eve.sees("2 bookings");
    eve.sees("•");
    eve.types("<end>").await;
    eve.sees_no("•");

    // The record that is open follows, and tells who else was there.
    eve.types("<enter>h").await;
    eve.sees("john");
    eve.sees("booking.created");
    ada.types("<f3><end>xy").await;
    eve.waits_for("was cancelled by somebody else").await;
    eve.waits_for("booking.cancelled").await;
    ada.sees_no("somebody else");
    ada.sees("2 bookings");
    ada.leaves().await;
    eve.leaves().await;
}

#[tokio::test]
async fn what_happens_while_the_network_is_lost_is_seen_once_it_is_back() {
    let server = Server::start(&[150]);
    let proxy = Proxy::to(server.address).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut eve = Person::logs_in("eve", proxy.address, folders[0].path()).await;
    let mut ada = Person::logs_in("ada", server.address, folders[1].path()).await;
    eve.types("<f3>").await;
    eve.sees("No bookings here");
    ada.finds(1).await;
    for (number, name) in (1..).zip(["john", "jane"]) {
        ada.fills_in(name, "smith").await;
        ada.types("<enter>").await;
        ada.sees("confirmed");
        ada.types("<esc>").await;
        eve.waits_for(&format!("{number} booking")).await;
    }
    proxy.set(Line::Cut);
    eve.waits_for("not live").await;
    ada.fills_in("jack", "smith").await;
    ada.types("<enter>").await;
    ada.sees("confirmed");
    ada.types("<f3><end>xy").await;
    eve.sees("2 bookings");
    eve.sees_no("cancelled");
    proxy.set(Line::Open);
    eve.waits_for("confirmed  smith jack").await;
    eve.waits_for("cancelled  smith john").await;
    eve.sees("3 bookings");
    eve.sees_no("not live");
    eve.leaves().await;
    ada.leaves().await;
}

#[tokio::test]
async fn signs_of_life_wake_nobody_and_an_ended_session_is_told() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let mut one = Person::logs_in("ada", server.address, folder.path()).await;
    // Both share the session.
    let mut two = Person::opens(server.address, folder.path()).await;
    two.sees("Where to?");
    one.idle().await;
    one.film();
    // Longer than from one sign of life to the next.
    tokio::time::sleep(std::time::Duration::from_secs(17)).await;
    assert_eq!(one.film().len(), 0, "nothing is drawn");
    two.types("<ctrl-o>").await;
    one.waits_for("The session has ended").await;
    one.leaves().await;
    two.leaves().await;
}
