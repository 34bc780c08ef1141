//! What can be asked about single flights, and what admins do with them. No HTTP and no SQL.

use std::sync::Arc;

use airside_common::api::flights::{
    CabinState, CreateFlight, Flight, FlightPage, PatchFlight, Seat, SeatMap, SeatRow, SeatState,
};
use airside_common::flight::{Cabin, FlightId, SeatNumber};
use airside_common::user::Role;
use rustc_hash::FxHashSet;

use super::decide;
use super::seat_layout::SeatLayout;
use super::store::{
    FlightChange, FlightFilter, FlightPosition, FlightRecord, FlightStore, FlightStoreError,
};
use crate::clock::SharedClock;
use crate::features::audit::entry::Author;
use crate::reference::reference;

/// Single flights.
#[derive(Clone)]
pub struct Flights {
    store: Arc<dyn FlightStore>,
    clock: SharedClock,
}

impl Flights {
    /// Flights of a store.
    pub fn new(store: Arc<dyn FlightStore>, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// One flight, with what the role may see of it.
    pub async fn flight(&self, id: FlightId, role: Role) -> Result<Flight, FlightStoreError> {
        let record = self.store.flight(id).await?;
        Ok(body(&record.ok_or(FlightStoreError::NotFound)?, role))
    }

    /// The seat map of a flight.
    pub async fn seats(&self, id: FlightId) -> Result<SeatMap, FlightStoreError> {
        let facts = self.store.facts(id).await?;
        let facts = facts.ok_or(FlightStoreError::NotFound)?;
        let taken: FxHashSet<SeatNumber> = facts.chosen.iter().map(|(seat, _)| *seat).collect();
        let plan = &facts.flight.plan;
        let layout = SeatLayout::of(plan.aircraft, &plan.capacities());
        let rows = layout
            .rows()
            .iter()
            .map(|row| SeatRow {
                row: row.row,
                cabin: row.cabin,
                layout: row.pattern.to_owned(),
                seats: row
                    .seats()
                    .map(|seat| Seat {
                        number: seat.number,
                        cabin: row.cabin,
                        state: if taken.contains(&seat.number) {
                            SeatState::Taken
                        } else {
                            SeatState::Free
                        },
                        window: seat.place.window,
                        aisle: seat.place.aisle,
                    })
                    .collect(),
            })
            .collect();
        Ok(SeatMap {
            flight_id: id,
            aircraft: plan.aircraft,
            rows,
        })
    }

    /// A page of flights by departure.
    pub async fn list(
        &self,
        filter: &FlightFilter,
        after: Option<FlightPosition>,
        limit: u8,
    ) -> Result<(FlightPage, Option<FlightPosition>), FlightStoreError> {
        let mut found = self.store.list(filter, after, u32::from(limit) + 1).await?;
        let more = found.len() > usize::from(limit);
        found.truncate(usize::from(limit));
        let next = found.last().filter(|_| more).map(|last| FlightPosition {
            departure: last.plan.departure.instant().as_microsecond(),
            id: last.id,
        });
        let items = found.iter().map(|f| body(f, Role::Admin)).collect();
        let page = FlightPage {
            items,
            next_cursor: None,
        };
        Ok((page, next))
    }

    /// Makes a flight.
    pub async fn create(
        &self,
        asked: &CreateFlight,
        author: &Author,
    ) -> Result<Flight, FlightStoreError> {
        let plan = decide::create(reference(), asked)?;
        let audit = author.did("flight.created", String::new());
        let made = self.store.create(plan, self.clock.now(), audit).await?;
        Ok(body(&made, Role::Admin))
    }

    /// Changes a flight of the version that the admin saw.
    pub async fn change(
        &self,
        id: FlightId,
        version: u64,
        patch: PatchFlight,
        author: &Author,
    ) -> Result<Flight, FlightStoreError> {
        let audit = author.did("flight.changed", id.to_string());
        let change = FlightChange { id, version, patch };
        let changed = self.store.change(change, self.clock.now(), audit).await?;
        Ok(body(&changed, Role::Admin))
    }

    /// Cancels a flight of the version that the admin saw.
    pub async fn cancel(
        &self,
        id: FlightId,
        version: u64,
        author: &Author,
    ) -> Result<Flight, FlightStoreError> {
        let audit = author.did("flight.cancelled", id.to_string());
        let now = self.clock.now();
        let cancelled = self.store.cancel(id, version, now, audit).await?;
        Ok(body(&cancelled, Role::Admin))
    }
}

fn body(record: &FlightRecord, role: Role) -> Flight {
    let plan = &record.plan;
    let shown = |count| (role == Role::Admin).then_some(count);
    Flight {
        id: record.id,
        carrier: plan.carrier,
        number: plan.number,
        origin: plan.origin,
        destination: plan.destination,
        departure: plan.departure,
        arrival: plan.arrival,
        aircraft: plan.aircraft,
        status: record.status,
        version: record.version,
        cabins: Cabin::ALL
            .into_iter()
            .filter_map(|cabin| {
                let terms = plan.cabins[cabin.index()]?;
                let sold = record.sold[cabin.index()];
                Some(CabinState {
                    cabin,
                    available: terms.capacity.saturating_sub(sold),
                    fare: terms.fare,
                    capacity: shown(terms.capacity),
                    sold: shown(sold),
                })
            })
            .collect(),
    }
}
