//! The schedule and the seats for search, on SQLite.

use airside_common::event::{Event, Unserved};
use airside_common::flight::FlightId;
use airside_common::time::CalendarDate;
use async_trait::async_trait;
use jiff::Timestamp;

use super::{Sqlite, micros, outbox};
use crate::features::search::store::{FlightOffers, ScheduledFlight, SearchStore};
use crate::store::StoreError;
use crate::store::rows::schedule;

/// Identities as a list that SQLite reads.
pub(super) fn id_list(ids: &[FlightId]) -> String {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(","))
}

#[async_trait]
impl SearchStore for Sqlite {
    async fn schedule(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<ScheduledFlight>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, carrier, number, origin, destination, departure, departure_offset, arrival, arrival_offset, \
             aircraft, version FROM flights \
             WHERE id > ?1 AND status = 'scheduled' AND +departure > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(behind.raw())
        .bind(micros(departing_after))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(schedule::scheduled(rows)?)
    }

    async fn report_unserved(
        &self,
        day: CalendarDate,
        searches: Vec<Unserved>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let event = Event::SearchesUnserved { day, searches };
        outbox::append(&mut tx, now, &[event]).await?;
        self.commit(tx).await?;
        Ok(())
    }

    async fn scheduled(&self, ids: &[FlightId]) -> Result<Vec<ScheduledFlight>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, carrier, number, origin, destination, departure, departure_offset, arrival, arrival_offset, \
             aircraft, version FROM flights \
             WHERE id IN (SELECT value FROM json_each(?1)) AND status = 'scheduled'",
        )
        .bind(id_list(ids))
        .fetch_all(self.readers())
        .await?;
        Ok(schedule::scheduled(rows)?)
    }

    async fn versions(
        &self,
        departing_after: Timestamp,
        behind: FlightId,
        limit: u32,
    ) -> Result<Vec<(FlightId, u64)>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT id, version FROM flights \
             WHERE id > ?1 AND status = 'scheduled' AND +departure > ?2 ORDER BY id LIMIT ?3",
        )
        .bind(behind.raw())
        .bind(micros(departing_after))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(schedule::versions(rows)?)
    }

    async fn offers(&self, ids: &[FlightId]) -> Result<Vec<FlightOffers>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT flight_id, cabin, capacity - sold, fare_minor, currency FROM inventory \
             WHERE flight_id IN (SELECT value FROM json_each(?1)) ORDER BY flight_id, cabin",
        )
        .bind(id_list(ids))
        .fetch_all(self.readers())
        .await?;
        Ok(schedule::offers(rows)?)
    }
}
