//! The network is lost and comes back.

use super::console::Person;
use crate::trial::proxy::{Line, Proxy};
use crate::trial::server::Server;

/// A console behind a line, with a booking filled in.
async fn ready_to_book(server: &Server, proxy: &Proxy, folder: &std::path::Path) -> Person {
    assert_ne!(server.address, proxy.address);
    let mut ada = Person::logs_in("ada", proxy.address, folder).await;
    ada.finds(1).await;
    ada.fills_in("john", "smith").await;
    ada
}

/// What the server has, as another agent of the office sees it.
async fn at_the_server(server: &Server) -> Person {
    let folder = tempfile::tempdir().unwrap();
    let mut eve = Person::logs_in("eve", server.address, folder.path()).await;
    eve.types("<f3>").await;
    eve
}

#[tokio::test]
async fn bookings_without_a_network_are_pending_and_end_confirmed_once() {
    let server = Server::start(&[150]);
    let proxy = Proxy::to(server.address).await;
    let folder = tempfile::tempdir().unwrap();
    let mut ada = ready_to_book(&server, &proxy, folder.path()).await;
    proxy.set(Line::Cut);
    ada.types("<enter>").await;
    ada.sees("······");
    ada.sees("OFFLINE");
    ada.types("<esc>").await;
    ada.fills_in("jane", "smith").await;
    ada.types("<enter><f3>").await;
    ada.sees("2 pending");
    ada.sees("2 bookings");
    at_the_server(&server).await.sees("No bookings here");

    proxy.set(Line::Open);
    ada.types("<f5>").await;
    ada.waits_for("confirmed  smith john").await;
    ada.waits_for("confirmed  smith jane").await;
    ada.idle().await;
    ada.sees("2 bookings");
    ada.sees_no("OFFLINE");
    ada.sees_no("pending");
    let eve = at_the_server(&server).await;
    eve.sees("2 bookings");
    ada.leaves().await;
}

#[tokio::test]
async fn an_answer_that_gets_lost_books_nothing_twice() {
    let server = Server::start(&[150]);
    let mut proxy = Proxy::to(server.address).await;
    let folder = tempfile::tempdir().unwrap();
    let mut ada = ready_to_book(&server, &proxy, folder.path()).await;
    proxy.set(Line::AnswersLost);
    // It comes to rest only when the connection breaks.
    let ((), ()) = tokio::join!(ada.types("<enter>"), async {
        proxy.has_lost("locator").await;
        proxy.set(Line::Cut);
    });
    ada.sees("unanswered");
    at_the_server(&server).await.sees("1 booking");
    proxy.set(Line::Open);
    // Nothing is pressed: it is sent again by itself.
    ada.waits_for("confirmed").await;
    ada.types("<f3>").await;
    ada.sees("1 booking");
    at_the_server(&server).await.sees("1 booking");
    ada.leaves().await;
}

#[tokio::test]
async fn what_is_pending_when_the_console_is_left_goes_on_with_the_next() {
    let server = Server::start(&[150]);
    let proxy = Proxy::to(server.address).await;
    let folder = tempfile::tempdir().unwrap();
    let mut ada = ready_to_book(&server, &proxy, folder.path()).await;
    proxy.set(Line::Cut);
    ada.types("<enter>").await;
    ada.sees("······");
    ada.leaves().await;
    let mut ada = Person::opens(proxy.address, folder.path()).await;
    ada.types("<f3>").await;
    ada.sees("smith john");
    ada.sees("1 pending");
    proxy.set(Line::Open);
    ada.types("<f5>").await;
    ada.waits_for("confirmed  smith john").await;
    ada.leaves().await;
    at_the_server(&server).await.sees("1 booking");
}
