use serde_json::Value;

use crate::app::{TestAnswer, TestUser};

mod cancel;
mod create;
mod errors;
mod read;

const UPLOADS: &str = "/v1/admin/uploads";
const CSV: (&str, &str) = ("Content-Type", "text/csv");

const HEADER: &str = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency";

/// A file with flights of these numbers.
fn file(numbers: std::ops::RangeInclusive<u16>) -> String {
    let row = |number| {
        format!("UA,{number},JFK,LAX,2099-12-07T08:00,2099-12-07T11:00,738,150,99.50,USD\n")
    };
    let rows: String = numbers.map(row).collect();
    format!("{HEADER}\n{rows}")
}

/// Uploads a CSV file.
async fn send(admin: &TestUser<'_>, query: &str, text: &str) -> TestAnswer {
    let path = format!("{UPLOADS}{query}");
    admin.upload(&path, &[CSV], text.to_owned()).await
}

/// The id of an upload that was queued.
fn queued(answer: &TestAnswer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text);
    let body: Value = answer.json();
    assert_eq!(body["status"], "queued");
    body["id"].as_str().unwrap().to_owned()
}
