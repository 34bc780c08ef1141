//! An admin's work.

use super::console::Person;
use crate::trial::server::Server;

#[tokio::test]
async fn a_flight_is_created_booked_and_cancelled_as_is_one_without_bookings() {
    let server = Server::start(&[150]);
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
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
    root.types("x").await;
    root.sees("Cancel flight UA77?");
    root.types("y").await;
    root.sees("UA77 cancelled");
    root.types("<home>x").await;
    root.sees("Cancel flight UA1?");
    root.types("y").await;
    root.sees("CANCELLED");
    root.sees("UA1 cancelled");
    root.leaves().await;
    ada.leaves().await;
}
