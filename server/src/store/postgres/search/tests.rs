use airside_common::flight::FlightId;

use crate::features::flights::store::contract::plan;
use crate::features::flights::store::{Expect, FlightStore, PlannedRow, Unsaid};
use crate::features::search::store::SearchStore;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;
use crate::store::postgres::tests::OnServer;

#[tokio::test]
async fn a_flight_of_yesterdays_local_date_is_still_to_depart() {
    let fixture = OnServer::new().await;
    let store = fixture.database();
    // 04:00 of the next day by UTC.
    let row = PlannedRow {
        unsaid: Unsaid::Nothing,
        line: 2,
        plan: plan(1, "2026-12-07T23:00", "2026-12-08T02:00"),
    };
    store.merge(&[row], Expect::New, now()).await.unwrap();
    let start = FlightId::from_raw(i64::MIN);
    for (after, found) in [
        ("2026-12-08T03:59:59Z", 1),
        ("2026-12-08T04:00:00Z", 0),
        ("1960-01-01T00:00:00Z", 1),
        ("9999-01-01T00:00:00Z", 0),
    ] {
        let after = after.parse().unwrap();
        assert_eq!(store.schedule(after, start, 9).await.unwrap().len(), found);
        assert_eq!(store.versions(after, start, 9).await.unwrap().len(), found);
    }
}
