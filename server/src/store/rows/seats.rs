//! The seats that are left, as live events read them.

use airside_common::flight::FlightId;

use super::decode;
use crate::features::events::store::FlightSeats;

/// The seats of cabins (flight, version, status, cabin, seats left) that stand together by flight.
pub(crate) fn seats(
    rows: Vec<(i64, i64, String, i64, i64)>,
) -> Result<Vec<FlightSeats>, sqlx::Error> {
    let mut flights: Vec<FlightSeats> = Vec::new();
    for (id, version, status, cabin, available) in rows {
        let id = FlightId::from_raw(id);
        if flights.last().is_none_or(|last| last.id != id) {
            flights.push(FlightSeats {
                id,
                version: u64::try_from(version).map_err(decode)?,
                status: status.parse().map_err(decode)?,
                cabins: [None; 4],
            });
        }
        let cabin = usize::try_from(cabin).map_err(decode)?;
        let slot = flights
            .last_mut()
            .and_then(|last| last.cabins.get_mut(cabin));
        if let Some(slot) = slot {
            *slot = Some(u32::try_from(available).map_err(decode)?);
        }
    }
    Ok(flights)
}
