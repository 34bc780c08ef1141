//! The way of a flight through all that there is: a file that somebody leaves on an FTP server is fetched, its flight is
//! found and booked, the passenger gets a mail, and the seat is counted.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::mail::MailServer;
use crate::messages_kills::Carrier;
use crate::process::{PASSWORD, Place, Store};
use crate::waiting::until;

/// By when each step has come about, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(3);

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_becomes_a_flight_a_booking_a_mail_and_a_figure(
    #[values(Carrier::Database, Carrier::RabbitMq)] carrier: Carrier,
) {
    let told = |name| std::env::var(name).expect("scripts/services runs an FTP server");
    let files = Path::new(&told("AIRSIDE_SERVICES")).join("ftp/files");
    let folder = tempfile::Builder::new().prefix("flow").tempdir_in(files);
    let folder = folder.unwrap();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let ftp = format!("{}/{name}", told("AIRSIDE_TEST_FTP"));
    let mail = MailServer::start().await;
    let broker = carrier.broker().await;
    let place = match &broker {
        None => Place::on(Store::Sqlite, 1, 10).await,
        Some(broker) => {
            let place = Place::on(Store::Postgres, 1, 10).await;
            place.with("AIRSIDE_AMQP_URL", broker.url())
        }
    };
    let add = ["user", "add", "root", "--role", "admin", "--office"];
    let add = [&add[..], &["HDQ1A0001"]].concat();
    let made = place.run(&add, &format!("{PASSWORD}\n")).await;
    assert!(made.status.success(), "{made:?}");
    let stored = format!("file://{}", place.data().join("shared").display());
    let sources = format!("[{{ name = \"partner\", url = \"{ftp}\", interval = 1 }}]");
    let place = place
        .with("AIRSIDE_FILES_URL", stored)
        .with("AIRSIDE_INGEST_SOURCES", sources)
        .with("AIRSIDE_MAIL_URL", mail.url())
        .with("AIRSIDE_MAIL_FROM", "Airside <no-reply@airside.example>");
    let server = place.start().await;
    let (ada, root) = (server.login("ada").await, server.login("root").await);

    let day = place.date;
    let mut file = String::from(
        "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency\n",
    );
    writeln!(
        file,
        "B6,701,BOS,SFO,{day}T08:00,{day}T11:40,320,4,250.00,USD"
    )
    .unwrap();
    std::fs::write(folder.path().join("season.csv"), file).unwrap();

    let search = format!("/v1/itineraries?origin=BOS&destination=SFO&date={day}&max_stops=0");
    let found = async || ada.get(&search).await.1["items"][0].clone();
    until(PATIENCE, "the flight is found", async || {
        !found().await.is_null()
    })
    .await;
    let segment = found().await["segments"][0].clone();
    assert_eq!(segment["cabins"][0]["available"], 4, "{segment}");

    let mut body = ada.body(0);
    body["segments"] = json!([{"flight_id": segment["flight_id"], "cabin": "economy"}]);
    body["contact"] = json!({"email": "ada@example.com"});
    let (status, booking) = ada.book("one", &body).await.unwrap();
    assert_eq!(status, 201, "{booking}");

    let locator = booking["locator"].as_str().unwrap();
    until(PATIENCE, "the passenger has a mail", async || {
        let subject = format!("Subject: Your booking {locator} is confirmed");
        mail.mails().iter().any(|mail| mail.contains(&subject))
    })
    .await;
    until(PATIENCE, "a search knows of the seat", async || {
        found().await["segments"][0]["cabins"][0]["available"] == 3
    })
    .await;
    let today = booking["created_at"].as_str().unwrap();
    let (today, _) = today.split_once('T').unwrap();
    let sales = format!("/v1/admin/analytics/sales?from={today}&to={today}&group_by=route");
    let counted = async || -> Value { root.get(&sales).await.1["items"][0].clone() };
    until(PATIENCE, "it is counted", async || {
        !counted().await.is_null()
    })
    .await;
    let counted = counted().await;
    assert_eq!(counted["key"], "BOS-SFO", "{counted}");
    assert_eq!(counted["booked"], 1, "{counted}");
    assert_eq!(counted["revenue"]["amount"], "250.00", "{counted}");
    let loads = format!("/v1/admin/analytics/load-factors?date={day}&limit=100");
    until(PATIENCE, "its flight is a quarter full", async || {
        let (_, page) = root.get(&loads).await;
        let flights = page["items"].as_array().unwrap();
        let ours = flights.iter().find(|one| one["carrier"] == "B6");
        ours.is_some_and(|one| one["load_factor"] == 0.25)
    })
    .await;
    server.stop().await;
    place.check().await;
}
