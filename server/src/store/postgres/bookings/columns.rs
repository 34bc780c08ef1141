//! Flights of a batch as one row holds them, an array a column: a row each would cost more than all the rest of reading them.

use crate::store::rows::bookings::flights::{CabinRow, FlightRow};
use crate::store::rows::instant::StoredInstant;

/// Values of a column, which is NULL where there are no rows.
type Column<T> = Option<Vec<T>>;

/// Flights.
#[derive(sqlx::FromRow)]
pub(super) struct FlightColumns {
    id: Column<i64>,
    carrier: Column<String>,
    number: Column<i32>,
    origin: Column<String>,
    destination: Column<String>,
    departure: Column<StoredInstant>,
    departure_offset: Column<i32>,
    arrival: Column<StoredInstant>,
    arrival_offset: Column<i32>,
    aircraft: Column<String>,
    status: Column<String>,
    version: Column<i64>,
}

/// Their cabins.
#[derive(sqlx::FromRow)]
pub(super) struct CabinColumns {
    flight_id: Column<i64>,
    cabin: Column<i16>,
    capacity: Column<i32>,
    sold: Column<i32>,
    fare_minor: Column<i64>,
    currency: Column<String>,
}

fn values<T>(column: Column<T>) -> std::vec::IntoIter<T> {
    column.unwrap_or_default().into_iter()
}

/// The rows, as long as each column has a value.
impl IntoIterator for FlightColumns {
    type Item = FlightRow;
    type IntoIter = Box<dyn Iterator<Item = FlightRow>>;

    fn into_iter(self) -> Self::IntoIter {
        let mut carrier = values(self.carrier);
        let mut number = values(self.number);
        let mut origin = values(self.origin);
        let mut destination = values(self.destination);
        let mut departure = values(self.departure);
        let mut departure_offset = values(self.departure_offset);
        let mut arrival = values(self.arrival);
        let mut arrival_offset = values(self.arrival_offset);
        let mut aircraft = values(self.aircraft);
        let mut status = values(self.status);
        let mut version = values(self.version);
        Box::new(values(self.id).map_while(move |id| {
            Some(FlightRow {
                id,
                carrier: carrier.next()?,
                number: number.next()?,
                origin: origin.next()?,
                destination: destination.next()?,
                departure: departure.next()?,
                departure_offset: departure_offset.next()?,
                arrival: arrival.next()?,
                arrival_offset: arrival_offset.next()?,
                aircraft: aircraft.next()?,
                status: status.next()?,
                version: version.next()?,
            })
        }))
    }
}

impl IntoIterator for CabinColumns {
    type Item = CabinRow;
    type IntoIter = Box<dyn Iterator<Item = CabinRow>>;

    fn into_iter(self) -> Self::IntoIter {
        let mut cabin = values(self.cabin);
        let mut capacity = values(self.capacity);
        let mut sold = values(self.sold);
        let mut fare_minor = values(self.fare_minor);
        let mut currency = values(self.currency);
        Box::new(values(self.flight_id).map_while(move |flight_id| {
            Some(CabinRow {
                flight_id,
                cabin: cabin.next()?,
                capacity: capacity.next()?,
                sold: sold.next()?,
                fare_minor: fare_minor.next()?,
                currency: currency.next()?,
            })
        }))
    }
}
