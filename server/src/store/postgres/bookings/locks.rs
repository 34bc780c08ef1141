//! The locks of a batch, in the one order in which everybody takes them.

use std::collections::HashSet;

use airside_common::flight::{Cabin, FlightId};
use airside_common::locator::Locator;
use sqlx::PgConnection;

use crate::store::rows::bookings::wanted::Wanted;
use crate::store::rows::bookings::{cabin_number, unreadable};

/// Locks the bookings that are named and those that may get seats, by their numbers, then the inventory of all that the batch
/// may touch, by flight and cabin: what is to be booked, and what these bookings hold or wait for. Answers the cabins that are
/// locked.
///
/// A cabin that is not among them was not there to be locked, and is not sold by this batch, also if it is there a moment
/// later: another change may take it away again, or another process sell it.
pub(super) async fn take(
    tx: &mut PgConnection,
    wanted: &Wanted,
    waiting: &[Locator],
) -> Result<HashSet<(FlightId, Cabin)>, sqlx::Error> {
    let named = wanted.bookings_with(waiting);
    let bookings: Vec<i64> = if named.is_empty() {
        Vec::new()
    } else {
        let locators: Vec<&str> = named.iter().map(Locator::as_str).collect();
        sqlx::query_scalar(
            "SELECT id FROM bookings WHERE locator = ANY($1) ORDER BY id FOR NO KEY UPDATE",
        )
        .bind(locators)
        .fetch_all(&mut *tx)
        .await?
    };
    let (flights, cabins): (Vec<i64>, Vec<i16>) = wanted
        .cabins
        .iter()
        .map(|(flight, cabin)| (flight.raw(), cabin_number(*cabin)))
        .unzip();
    // Only who holds a booking's lock changes its segments: these are its last.
    let locked: Vec<(i64, i16)> = sqlx::query_as(
        "SELECT i.flight_id, i.cabin FROM inventory i
         WHERE (i.flight_id, i.cabin) IN (
             SELECT flight_id, cabin FROM unnest($1::bigint[], $2::smallint[]) AS w (flight_id, cabin)
             UNION
             SELECT flight_id, cabin FROM segments WHERE booking_id = ANY($3))
         ORDER BY i.flight_id, i.cabin
         FOR NO KEY UPDATE OF i",
    )
    .bind(flights)
    .bind(cabins)
    .bind(bookings)
    .fetch_all(&mut *tx)
    .await?;
    locked
        .into_iter()
        .map(|(flight, cabin)| {
            let cabin = usize::try_from(cabin)
                .ok()
                .and_then(|at| Cabin::ALL.get(at))
                .ok_or_else(|| unreadable("inventory.cabin"))?;
            Ok((FlightId::from_raw(flight), *cabin))
        })
        .collect()
}
