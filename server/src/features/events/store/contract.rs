//! What every store of live events must do.

use airside_common::flight::Cabin;

use super::*;
use crate::features::bookings::store::BookingStore;
use crate::features::bookings::store::contract::create;
use crate::features::flights::store::FlightStore;
use crate::features::flights::store::contract::plan;
use crate::features::users::store::contract::entry;
use crate::store::contract::Fixture;
use crate::store::contract::processes::{agent, flight, now};

pub(crate) async fn seats_are_those_of_this_moment(fixture: &impl Fixture) {
    let store = fixture.database();
    let ada = agent(store, "ada").await;
    let large = plan(1, "2099-12-07T08:00", "2099-12-07T11:00");
    let large = store.create(large, now(), entry("flight.created")).await;
    let large = large.unwrap().id;
    // Of another month: it lies elsewhere.
    let earlier = plan(2, "2099-11-07T08:00", "2099-11-07T11:00");
    let other = store.create(earlier, now(), entry("flight.created")).await;
    let other = other.unwrap().id;
    let small = flight(store, 3, 2).await.id;
    let seats = |id, version, status, first, economy| {
        let mut cabins = [None; 4];
        cabins[Cabin::First.index()] = first;
        cabins[Cabin::Economy.index()] = Some(economy);
        FlightSeats {
            id,
            version,
            status,
            cabins,
        }
    };
    let scheduled = FlightStatus::Scheduled;
    let unknown = FlightId::new(1, 1);
    let asked = [small, unknown, large, other];
    let mut expected = vec![
        seats(other, 1, scheduled, Some(8), 150),
        seats(large, 1, scheduled, Some(8), 150),
        seats(small, 1, scheduled, None, 2),
    ];
    assert_eq!(store.seats(&asked).await.unwrap(), expected);
    assert_eq!(store.seats(&[unknown]).await.unwrap(), []);

    let body = |_: &mut serde_json::Value| {};
    let batch = [create(&ada, "a", small.raw(), body)];
    store.execute(&batch).await.unwrap();
    let cancelled = store.cancel(large, 1, now(), entry("flight.cancelled"));
    cancelled.await.unwrap();
    expected[1] = seats(large, 2, FlightStatus::Cancelled, Some(8), 150);
    expected[2] = seats(small, 1, scheduled, None, 1);
    assert_eq!(store.seats(&asked).await.unwrap(), expected);
}
