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

/// Months without flights, or without any that are to depart, end nothing.
#[tokio::test]
async fn pages_go_over_months_without_flights() {
    let fixture = OnServer::new().await;
    let store = fixture.database();
    let days = [
        "2099-01-05",
        "2099-01-06",
        "2099-02-28",
        "2099-09-01",
        "2101-12-31",
    ];
    let rows: Vec<PlannedRow> = days
        .iter()
        .map(|day| PlannedRow {
            unsaid: Unsaid::Nothing,
            line: 2,
            plan: plan(1, &format!("{day}T08:00"), &format!("{day}T11:00")),
        })
        .collect();
    store.merge(&rows, Expect::New, now()).await.unwrap();
    let after = "2098-03-01T00:00:00Z".parse().unwrap();
    for limit in [1, 2, 9] {
        let (mut found, mut compared) = (Vec::new(), Vec::new());
        let mut behind = FlightId::from_raw(i64::MIN);
        while let Some(last) = store.schedule(after, behind, limit).await.unwrap().last() {
            let versions = store.versions(after, behind, limit).await.unwrap();
            let page = store.schedule(after, behind, limit).await.unwrap();
            behind = last.id;
            assert!(page.len() <= limit as usize);
            compared.extend(versions.into_iter().map(|(id, _)| id));
            found.extend(page);
        }
        let dates: Vec<String> = found
            .iter()
            .map(|f| f.departure.date().to_string())
            .collect();
        assert_eq!(dates, days, "pages of {limit}");
        let ids: Vec<FlightId> = found.iter().map(|f| f.id).collect();
        assert_eq!(compared, ids, "pages of {limit}");
    }
}
