//! A season's file, again and again.

use super::*;
use crate::formats::ssim::sample::Set;

fn fares() -> Source {
    Source {
        format: None,
        defaults: Defaults::read(Defaults::default().currency, &["199.00"]).unwrap(),
    }
}

async fn take_season(database: &Database, set: &Set) -> (ImportReport, Kept) {
    take_from(&database.sqlite, set.text.clone(), fares()).await
}

fn season(
    created: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withdrawn: u64,
) -> ImportReport {
    ImportReport {
        season: Some(SeasonReport {
            withdrawn,
            ..SeasonReport::default()
        }),
        ..report(created, updated, unchanged, rejected)
    }
}

/// UA 12 and, for two days, UA 13.
fn both() -> Set {
    other(&[])
}

fn other(fields: &[(usize, &str)]) -> Set {
    let two_days = [(6, "  13"), (22, "08DEC26")];
    Set::of_ua("L")
        .leg(&[])
        .leg(&[&two_days, fields].concat())
        .trailer()
}

#[tokio::test]
async fn a_second_import_changes_nothing_and_fares_stay() {
    let database = database().await;
    let (first, _) = take_season(&database, &both()).await;
    assert_eq!(first, season(9, 0, 0, 0, 0));
    let fare = flights(&database.sqlite).await[0].plan.cabins[3]
        .unwrap()
        .fare;
    assert_eq!(fare.to_string(), "199.00 USD");

    sqlx::query("UPDATE inventory SET fare_minor = 4242")
        .execute(&super::other(&database).await)
        .await
        .unwrap();
    let before = flights(&database.sqlite).await;
    let (second, _) = take_season(&database, &both()).await;
    assert_eq!(second, season(0, 0, 9, 0, 0));
    assert_eq!(flights(&database.sqlite).await, before);

    let (larger, _) = take_season(&database, &other(&[(173, "F12Y150")])).await;
    assert_eq!(larger, season(0, 2, 7, 0, 0));
    for flight in flights(&database.sqlite).await {
        let fares = flight.plan.cabins.iter().flatten().map(|c| c.fare.minor());
        assert_eq!(fares.collect::<Vec<_>>(), [4242, 4242]);
    }
}

#[tokio::test]
async fn a_new_flight_without_a_fare_is_rejected_with_the_reason() {
    let database = database().await;
    let set = Set::of_ua("L").leg(&[(22, "07DEC26")]).trailer();
    let (done, kept) = take_from(&database.sqlite, set.text, Source::default()).await;
    assert_eq!(done, season(0, 0, 0, 1, 0));
    let Finding { line, error } = &kept.rejected[0];
    assert_eq!((*line, error.value.as_str()), (3, "UA12 JFK 2026-12-07"));
    assert!(error.reason.contains("import.fares, --fare"), "{error:?}");
}

#[tokio::test]
async fn what_a_season_leaves_out_is_told_and_stays() {
    let database = database().await;
    take_season(&database, &both()).await;
    // Those of another carrier, and of another time, are none of this file's.
    let elsewhere = [
        "AA,13,JFK,LAX,2026-12-07T08:00,2026-12-07T11:00,738,,10,,1,USD\n".to_owned(),
        "UA,13,JFK,LAX,2026-10-24T08:00,2026-10-24T11:00,738,,10,,1,USD\n".to_owned(),
        "UA,13,JFK,LAX,2027-03-28T08:00,2027-03-28T11:00,738,,10,,1,USD\n".to_owned(),
    ];
    take(&database.sqlite, file(&elsewhere)).await;
    let before = flights(&database.sqlite).await;
    let without = Set::of_ua("L").leg(&[]).trailer();
    let (done, kept) = take_season(&database, &without).await;
    assert_eq!(done, season(0, 0, 7, 0, 2));
    assert_eq!(
        kept.withdrawn,
        ["UA13 JFK 2026-12-07", "UA13 JFK 2026-12-08"]
    );
    assert_eq!(flights(&database.sqlite).await, before, "none is cancelled");

    let edges = [
        "UA,14,JFK,LAX,2026-10-25T00:00,2026-10-25T03:00,738,,10,,1,USD\n".to_owned(),
        "UA,14,LAX,JFK,2027-03-27T23:00,2027-03-28T07:00,738,,10,,1,USD\n".to_owned(),
    ];
    take(&database.sqlite, file(&edges)).await;
    let (_, kept) = take_season(&database, &both()).await;
    assert_eq!(
        kept.withdrawn,
        ["UA14 JFK 2026-10-25", "UA14 LAX 2027-03-27"]
    );
    let sql = "UPDATE flights SET status = 'cancelled' WHERE number = 14";
    let connection = super::other(&database).await;
    sqlx::query(sql).execute(&connection).await.unwrap();
    assert_eq!(
        take_season(&database, &both()).await.0,
        season(0, 0, 9, 0, 0)
    );
}

#[tokio::test]
async fn in_utc_the_days_of_a_season_are_those_of_utc() {
    let database = database().await;
    let late = [
        // The 25th in UTC, and the 28th.
        "UA,14,JFK,LAX,2026-10-24T23:00,2026-10-25T02:00,738,,10,,1,USD\n".to_owned(),
        "UA,14,JFK,LAX,2027-03-27T23:00,2027-03-28T02:00,738,,10,,1,USD\n".to_owned(),
    ];
    take(&database.sqlite, file(&late)).await;
    let (_, kept) = take_season(&database, &Set::of_ua("U").trailer()).await;
    assert_eq!(kept.withdrawn, ["UA14 JFK 2026-10-24"]);
}

#[tokio::test]
async fn what_cannot_be_read_or_taken_is_not_left_out() {
    let database = database().await;
    take_season(&database, &both()).await;
    for bad in [
        other(&[(173, "R10                 ")]),
        other(&[(62, "0100")]),
        // A file that is cut off.
        Set::of_ua("L"),
        // A record is missing.
        Set {
            serial: 7,
            ..Set::of_ua("L")
        }
        .trailer(),
    ] {
        let (done, kept) = take_season(&database, &bad).await;
        assert_eq!(kept.withdrawn.len(), 0, "{done:?}");
        assert_eq!(done.season.unwrap().noted, kept.notes.len() as u64);
        assert!(kept.notes.len() + kept.rejected.len() > 0);
    }
    // Sold seats forbid the change; the flight stands in the file all the same.
    let connection = super::other(&database).await;
    sqlx::query("UPDATE inventory SET sold = capacity")
        .execute(&connection)
        .await
        .unwrap();
    let (done, kept) = take_season(&database, &other(&[(173, "F1Y1   ")])).await;
    assert_eq!(done, season(0, 0, 7, 2, 0));
    assert!(kept.rejected[0].error.reason.contains("seats are sold"));
}

#[tokio::test]
async fn what_is_skipped_is_counted_and_a_flight_counts_once() {
    let database = database().await;
    let set = Set::of_ua("L")
        .leg(&[])
        .leg(&[(6, "  99"), (14, "F")])
        .leg(&[(10, "02"), (15, "13DEC26"), (22, "14DEC26")])
        .trailer();
    let (done, kept) = take_season(&database, &set).await;
    let mut expected = season(8, 0, 0, 1, 0);
    expected.season.as_mut().unwrap().skipped = 1;
    assert_eq!(done, expected);
    let error = &kept.rejected[0].error;
    assert_eq!(error.value, "UA12 JFK 2026-12-13");
    assert_eq!(error.reason, "the same flight stands in the file before");
}
