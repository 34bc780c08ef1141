//! Flights that change, and the queues on which their bookings are put.

use std::net::SocketAddr;
use std::time::Instant;

use airside_common::api::auth::Secret;
use airside_common::api::flights::PatchFlight;
use airside_common::time::LocalTime;

use super::console::Person;
use crate::effects::http::Api;
use crate::effects::http::calls::FlightFilter;
use crate::effects::session::Sessions;
use crate::store::moment::Moment;
use crate::trial::desk::Desk;
use crate::trial::server::{PASSWORD, Server};
use crate::trial::specimens::{booking, direct, in_hand, moved, passenger};

/// An admin moves or cancels the flight UA of this number.
struct Admin(Api);

impl Admin {
    async fn at(server: SocketAddr) -> Self {
        let url = format!("http://{server}").parse().unwrap();
        let api = Api::new(url, Sessions::in_memory());
        let password = Secret(PASSWORD.to_owned());
        api.log_in("root", password).await.unwrap();
        Self(api)
    }

    async fn flight(&self, number: u16) -> airside_common::api::flights::Flight {
        let all = self.0.admin_flights(&FlightFilter::default()).await;
        let mut all = all.unwrap().items.into_iter();
        all.find(|flight| flight.number.get() == number).unwrap()
    }

    async fn moves(&self, number: u16, hour: i8) {
        let flight = self.flight(number).await;
        let at = |hour| Some(LocalTime(Server::day().at(hour, 30, 0, 0)));
        let body = PatchFlight {
            departure: at(hour),
            arrival: at(hour + 3),
            ..PatchFlight::default()
        };
        let patched = self.0.patch_flight(flight.id, flight.version, &body);
        patched.await.unwrap();
    }

    async fn cancels(&self, number: u16) {
        let flight = self.flight(number).await;
        let cancelled = self.0.cancel_flight(flight.id, flight.version);
        cancelled.await.unwrap();
    }
}

#[tokio::test]
async fn a_moved_flight_is_seen_taken_from_its_queue_accepted_and_done_by_itself() {
    let server = Server::start(&[150]);
    let folder = tempfile::tempdir().unwrap();
    let admin = Admin::at(server.address).await;
    let mut ada = Person::logs_in("ada", server.address, folder.path()).await;
    ada.finds(1).await;
    ada.fills_in("john", "smith").await;
    ada.types("<enter>").await;
    ada.sees("confirmed");

    // The open record follows without a key, and says what happened.
    admin.moves(1, 9).await;
    ada.waits_for("UA1 leaves").await;
    ada.waits_for("09:30 12:30     TK   new times").await;
    ada.sees("08:00 11:00");
    ada.waits_for("Q 1").await;

    ada.types("<f6>").await;
    ada.sees("1 booking waits");
    ada.types("<enter>").await;
    ada.sees("schedule changed");
    ada.sees("waiting");
    ada.types("t").await;
    ada.sees("▌Queue 7: schedule changed   yours until");
    ada.film();
    ada.types("a").await;
    assert!(ada.film()[0].contains("rebooking"));
    ada.sees("changes accepted");
    ada.sees("   HK   ");
    ada.sees("settled");
    ada.types("<esc>").await;
    ada.waits_for("Nothing lies on this queue").await;
    ada.leaves().await;
}

#[tokio::test]
async fn another_flight_is_taken_in_the_place_of_a_cancelled_one() {
    let server = Server::start(&[150, 150]);
    let folder = tempfile::tempdir().unwrap();
    let admin = Admin::at(server.address).await;
    let mut ada = Person::logs_in("ada", server.address, folder.path()).await;
    ada.finds(1).await;
    ada.fills_in("john", "smith").await;
    ada.types("<enter>").await;
    ada.sees("confirmed");
    admin.cancels(1).await;
    ada.waits_for("UN   flight cancelled").await;
    ada.waits_for("Q 1").await;
    ada.types("a").await;
    ada.sees("All its flights are cancelled");
    ada.types("<f6>t").await;
    ada.sees("▌Queue 1: flight cancelled");
    ada.types("b<enter>").await;
    ada.sees("instead of UA1");
    ada.sees("UA2 ");
    // The flight that is cancelled is no longer found.
    ada.types("<enter>").await;
    ada.sees("→ UA2");
    ada.sees("(the same)");
    ada.types("y").await;
    ada.sees("rebooked, total 100.00 USD");
    ada.sees("XX   given up");
    ada.sees("settled");
    ada.types("h").await;
    ada.sees("booking.changed");
    // What was done by itself is done with, and nothing else waits.
    ada.types("d").await;
    ada.waits_for("Nothing is to be done on queue 1 now").await;
    ada.types("<esc>").await;
    ada.waits_for("Nothing waits").await;
    ada.leaves().await;
}

/// Nobody types and nothing comes in: the screen says by itself that the entry may be somebody else's.
#[tokio::test]
async fn the_end_of_a_lease_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::agent();
    desk.types("<f6>");
    desk.waits_on_queues(1);
    desk.types("t");
    let mut changed = booking(1, passenger("SMITH", "ANN"), &direct(101));
    moved(&mut changed.segments[0]);
    desk.is_given(in_hand(1), changed);
    // Last: what is drawn first must not be the end already.
    let begun = Instant::now();
    desk.state.now = Moment::since(begun);
    let soon = desk.state.now.wall + jiff::SignedDuration::from_millis(50);
    let taken = desk.state.queues.in_hand.as_mut().unwrap();
    taken.taken_until = Some(airside_common::time::Instant(soon));
    let mut ada = Person::goes_on(desk.state, begun, folder.path());
    ada.waits_for("given back").await;
}
