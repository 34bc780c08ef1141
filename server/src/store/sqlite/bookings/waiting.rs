//! Who waits for seats that become free.

use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use sqlx::sqlite::SqliteTransaction;

use crate::features::bookings::store::CANDIDATES;
use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::bookings::{json, unreadable};

/// Of bookings that end (?1) the seats that they hold, and of flights that are looked at (?2) all cabins; whoever waits for one of
/// these and finds enough seats on all flights, with what becomes free, in the order in which they came.
const WHO: &str = "
    WITH freed AS MATERIALIZED (
        SELECT flight_id, cabin, sum(seats) AS seats FROM (
            SELECT s.flight_id, s.cabin, s.seats
            FROM json_each(?1) j
            CROSS JOIN bookings b ON b.locator = j.value
            CROSS JOIN segments s ON s.booking_id = b.id
            WHERE s.status IN ('HK', 'TK')
            UNION ALL
            SELECT i.flight_id, i.cabin, 0 FROM json_each(?2) j CROSS JOIN inventory i ON i.flight_id = j.value)
        GROUP BY flight_id, cabin)
    SELECT b.locator
    FROM (SELECT DISTINCT s.booking_id
          FROM freed CROSS JOIN segments s ON s.flight_id = freed.flight_id AND s.cabin = freed.cabin
          WHERE s.status = 'HL') w
    CROSS JOIN bookings b ON b.id = w.booking_id
    WHERE NOT EXISTS (
        SELECT 1 FROM segments o
        LEFT JOIN inventory i ON i.flight_id = o.flight_id AND i.cabin = o.cabin
        LEFT JOIN freed ON freed.flight_id = o.flight_id AND freed.cabin = o.cabin
        WHERE o.booking_id = w.booking_id
          AND o.seats > coalesce(i.capacity - i.sold, 0) + coalesce(freed.seats, 0))
    ORDER BY b.id LIMIT ?3";

/// Those who wait for what a batch makes free, in the order in which they came; nobody is looked for where it makes nothing
/// free.
pub(super) async fn who_may_have_seats(
    tx: &mut SqliteTransaction<'_>,
    wanted: &Wanted,
) -> Result<Vec<Locator>, sqlx::Error> {
    if !wanted.frees_seats() {
        return Ok(Vec::new());
    }
    let flights: Vec<i64> = wanted.clearing.iter().copied().map(FlightId::raw).collect();
    let locators: Vec<String> = sqlx::query_scalar(WHO)
        .bind(json(&wanted.ending)?)
        .bind(json(&flights)?)
        .bind(CANDIDATES)
        .fetch_all(&mut **tx)
        .await?;
    locators
        .iter()
        .map(|locator| locator.parse().map_err(|_| unreadable("bookings.locator")))
        .collect()
}
