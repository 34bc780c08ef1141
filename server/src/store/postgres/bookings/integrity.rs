//! Rows that contradict each other.

use futures_util::TryStreamExt;
use sqlx::PgPool;

use crate::features::bookings::integrity::Violation;
use crate::store::rows::bookings::integrity::{CHECKS, ChosenSeat, SeatsInTheirCabins};

/// All violations, in one consistent look.
pub(super) async fn violations(readers: &PgPool) -> Result<Vec<Violation>, sqlx::Error> {
    let mut look = readers
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let mut violations = Vec::new();
    for check in CHECKS {
        let rows: Vec<(String, String)> = sqlx::query_as(check).fetch_all(&mut *look).await?;
        violations.extend(
            rows.into_iter()
                .map(|(row, fault)| Violation { row, fault }),
        );
    }
    let mut chosen = sqlx::query_as::<_, ChosenSeat>(
        "SELECT c.flight_id AS flight, c.seat, f.aircraft, s.cabin,
                (SELECT coalesce(json_agg(json_build_array(i.cabin, i.capacity)), '[]')::text FROM inventory i
                 WHERE i.flight_id = c.flight_id) AS cabins
         FROM seats c
         JOIN flights f ON f.id = c.flight_id AND f.departure_date = departure_day(c.flight_id)
         JOIN segments s ON s.booking_id = c.booking_id AND s.position = c.segment
         ORDER BY c.flight_id",
    )
    .fetch(&mut *look);
    let mut seats = SeatsInTheirCabins::default();
    while let Some(seat) = chosen.try_next().await? {
        violations.extend(seats.look(&seat));
    }
    drop(chosen);
    Ok(violations)
}
