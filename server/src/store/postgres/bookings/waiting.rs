//! Who waits for seats that become free.

use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use sqlx::PgConnection;

use crate::features::bookings::store::CANDIDATES;
use crate::store::rows::bookings::unreadable;
use crate::store::rows::bookings::wanted::Wanted;

/// Of bookings that end ($1) the seats that they hold, and of flights that are looked at ($2) all cabins; whoever waits for one of
/// these and finds enough seats on all flights, with what becomes free, in the order in which they came.
const WHO: &str = "
    WITH freed AS MATERIALIZED (
        SELECT flight_id, cabin, sum(seats) AS seats FROM (
            SELECT s.flight_id, s.cabin, s.seats
            FROM bookings b JOIN segments s ON s.booking_id = b.id
            WHERE b.locator = ANY($1) AND s.status IN ('HK', 'TK')
            UNION ALL
            SELECT i.flight_id, i.cabin, 0 FROM unnest($2::bigint[]) AS w (id) JOIN inventory i ON i.flight_id = w.id) AS of
        GROUP BY flight_id, cabin)
    SELECT b.locator
    FROM (SELECT DISTINCT s.booking_id
          FROM freed JOIN segments s ON s.flight_id = freed.flight_id AND s.cabin = freed.cabin
          WHERE s.status = 'HL') AS w
    JOIN bookings b ON b.id = w.booking_id
    WHERE NOT EXISTS (
        SELECT FROM segments o
        LEFT JOIN freed ON freed.flight_id = o.flight_id AND freed.cabin = o.cabin
        LEFT JOIN LATERAL (SELECT i.capacity - i.sold AS seats FROM inventory i
                           WHERE i.flight_id = o.flight_id AND i.cabin = o.cabin OFFSET 0) AS free ON true
        WHERE o.booking_id = w.booking_id AND o.seats > coalesce(free.seats, 0) + coalesce(freed.seats, 0))
    ORDER BY b.id LIMIT $3";

/// Those who wait for what a batch makes free, in the order in which they came; nobody is looked for where it makes nothing
/// free. Numbers of bookings are drawn under the locks of their cabins: of those who wait for the same, who came first has the
/// lower one.
pub(super) async fn who_may_have_seats(
    tx: &mut PgConnection,
    wanted: &Wanted,
) -> Result<Vec<Locator>, sqlx::Error> {
    if !wanted.frees_seats() {
        return Ok(Vec::new());
    }
    let ending: Vec<&str> = wanted.ending.iter().map(Locator::as_str).collect();
    let clearing: Vec<i64> = wanted.clearing.iter().copied().map(FlightId::raw).collect();
    let locators: Vec<String> = sqlx::query_scalar(WHO)
        .bind(ending)
        .bind(clearing)
        .bind(i64::from(CANDIDATES))
        .fetch_all(&mut *tx)
        .await?;
    locators
        .iter()
        .map(|locator| locator.parse().map_err(|_| unreadable("bookings.locator")))
        .collect()
}
