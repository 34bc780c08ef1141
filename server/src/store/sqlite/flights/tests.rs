use super::{merge, page};
use crate::features::flights::store::{FlightFilter, contract};
use crate::store::contract::Fixture;
use crate::store::sqlite::tests::{OnDisk, steps};

#[tokio::test]
async fn a_flight_leaves_its_events_and_its_name_in_the_audit_log() {
    let fixture = OnDisk::new().await;
    contract::a_flight_from_its_making_to_its_end(&fixture).await;
    let sqlite = fixture.database();

    let mut written = sqlite.readers().acquire().await.unwrap();
    let events: Vec<String> =
        sqlx::query_scalar("SELECT payload ->> 'type' FROM outbox ORDER BY id")
            .fetch_all(&mut *written)
            .await
            .unwrap();
    let expected = [
        "flight.created",
        "flight.changed",
        "flight.cancelled",
        "flights.imported",
    ];
    assert_eq!(events, expected, "one for each change that was one");
    let audited: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE target LIKE '89%'")
        .fetch_one(&mut *written)
        .await
        .unwrap();
    assert_eq!(
        audited, 1,
        "the flight that was made is named by its identity"
    );
}

#[tokio::test]
async fn flights_are_looked_up_by_the_natural_key() {
    let fixture = OnDisk::new().await;
    let plan = contract::plan(1, "2026-12-07T08:00", "2026-12-07T11:00");
    let by_keys = merge::by_keys(std::iter::once(&plan));
    let number = FlightFilter {
        carrier: Some(plan.carrier),
        number: Some(plan.number),
        ..FlightFilter::default()
    };
    let on_any_date = page(&number, None, 10);
    for (sql, by) in [
        (
            by_keys.sql(),
            "(departure_date=? AND carrier=? AND number=? AND origin=?)",
        ),
        (
            on_any_date.sql(),
            "(departure_date=? AND carrier=? AND number=?)",
        ),
    ] {
        let steps = steps(fixture.database(), sql).await;
        assert!(steps.iter().any(|step| step.contains(by)), "{steps:?}");
    }
}
