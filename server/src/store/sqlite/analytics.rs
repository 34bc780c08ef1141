//! Figures on SQLite.

use airside_common::api::analytics::{GroupBy, LoadFactor, UnservedSearches};
use airside_common::flight::FlightId;
use async_trait::async_trait;
use jiff::civil::Date;
use serde_json::json;
use sqlx::sqlite::SqliteTransaction;

use super::Sqlite;
use super::messages::first_time;
use crate::features::analytics::store::{AnalyticsStore, Period, SalesPosition, SalesSum};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::rows::analytics::{
    LoadRow, SalesRow, UnservedRow, began_without_seats, told, unserved,
};

/// Makes the figures of some bookings those of the bookings as they are. What is newer in the figures stays.
async fn renew(tx: &mut SqliteTransaction<'_>, bookings: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sales (booking_id, position, version, flight_id, carrier, origin, destination, cabin,
                            seats, revenue_minor, currency, booked_on, lead_days, cancelled_on)
         SELECT b.id, s.position, b.version, s.flight_id, f.carrier, f.origin, f.destination, s.cabin, s.seats,
                -- Earlier releases have not written down what a segment cost: of these the first have one minor unit more each,
                -- until the sum is the total.
                coalesce(s.fare_minor * s.seats,
                         b.total_minor / parts.count + (s.position <= b.total_minor % parts.count)),
                b.currency, date(coalesce(s.booked_at, b.created_at) / 1000000, 'unixepoch'),
                max(0, CAST(julianday(f.departure_date)
                            - julianday(date(coalesce(s.booked_at, b.created_at) / 1000000, 'unixepoch')) AS INTEGER)),
                CASE WHEN s.status IN ('UN', 'XX') THEN date(coalesce(s.ended_at, b.updated_at) / 1000000, 'unixepoch') END
         FROM json_each(?1) AS wanted
         CROSS JOIN bookings AS b ON b.id = wanted.value
         CROSS JOIN (SELECT booking_id, count(*) AS count FROM segments
                     WHERE booking_id IN (SELECT value FROM json_each(?1)) GROUP BY booking_id) AS parts
             ON parts.booking_id = b.id
         CROSS JOIN segments AS s ON s.booking_id = b.id
         CROSS JOIN flights AS f ON f.id = s.flight_id
         -- Who still waits has nothing, and who waited in vain never had.
         WHERE s.status <> 'HL' AND (s.status <> 'XX' OR NOT EXISTS (
             SELECT 1 FROM history AS began WHERE began.booking_id = b.id AND began.version = 1 AND began.detail LIKE ?2
         ) OR EXISTS (
             SELECT 1 FROM history AS got WHERE got.booking_id = b.id AND got.action = 'waitlist.cleared'
         ))
         ON CONFLICT (booking_id, position) DO UPDATE SET
             version = excluded.version, flight_id = excluded.flight_id, carrier = excluded.carrier,
             origin = excluded.origin, destination = excluded.destination, cabin = excluded.cabin,
             seats = excluded.seats, revenue_minor = excluded.revenue_minor, currency = excluded.currency,
             booked_on = excluded.booked_on, lead_days = excluded.lead_days, cancelled_on = excluded.cancelled_on
         WHERE version <= excluded.version",
    )
    .bind(json!(bookings).to_string())
    .bind(began_without_seats())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[async_trait]
impl AnalyticsStore for Sqlite {
    async fn count(&self, batch: &[Delivery]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let new = first_time(&mut tx, batch).await?;
        let (locators, searches) = told(&new);
        let bookings: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM bookings WHERE locator IN (SELECT value FROM json_each(?1)) ORDER BY id",
        )
        .bind(json!(locators).to_string())
        .fetch_all(&mut *tx)
        .await?;
        renew(&mut tx, &bookings).await?;
        sqlx::query(
            "INSERT INTO unserved_searches (day, origin, destination, cabin, searches)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE TRUE
             ON CONFLICT (day, origin, destination, cabin) DO UPDATE SET searches = searches + excluded.searches",
        )
        .bind(json!(searches).to_string())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn recount(&self, behind: i64, limit: u32) -> Result<Option<i64>, StoreError> {
        let mut tx = self.write().await?;
        let bookings: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM bookings WHERE id > ?1 ORDER BY id LIMIT ?2")
                .bind(behind)
                .bind(limit)
                .fetch_all(&mut *tx)
                .await?;
        renew(&mut tx, &bookings).await?;
        tx.commit().await?;
        Ok(bookings.last().copied())
    }

    async fn sales(
        &self,
        period: Period,
        by: GroupBy,
        behind: Option<&SalesPosition>,
        limit: u32,
    ) -> Result<Vec<SalesSum>, StoreError> {
        let rows: Vec<SalesRow> = sqlx::query_as(
            "SELECT key, currency, sum(booked) AS booked, sum(revenue) AS revenue, sum(cancelled) AS cancelled,
                    sum(refunded) AS refunded, sum(lead_days) AS lead_days
             FROM (
                 SELECT CASE ?3
                            WHEN 'day' THEN day
                            WHEN 'route' THEN origin || '-' || destination
                            WHEN 'carrier' THEN carrier
                            ELSE json_extract('[\"first\",\"business\",\"premium\",\"economy\"]', '$[' || cabin || ']')
                        END AS key, *
                 FROM (
                     SELECT booked_on AS day, carrier, origin, destination, cabin, currency, seats AS booked,
                            revenue_minor AS revenue, 0 AS cancelled, 0 AS refunded, lead_days * seats AS lead_days
                     FROM sales WHERE booked_on BETWEEN ?1 AND ?2
                     UNION ALL
                     SELECT cancelled_on, carrier, origin, destination, cabin, currency, 0, 0, seats, revenue_minor, 0
                     FROM sales WHERE cancelled_on BETWEEN ?1 AND ?2
                 )
             )
             WHERE (key, currency) > (?4, ?5)
             GROUP BY key, currency ORDER BY key, currency LIMIT ?6",
        )
        .bind(period.from.to_string())
        .bind(period.to.to_string())
        .bind(by.word())
        .bind(behind.map_or("", |behind| behind.key.as_str()))
        .bind(behind.map_or("", |behind| behind.currency.as_str()))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn load_factors(
        &self,
        date: Date,
        behind: Option<FlightId>,
        limit: u32,
    ) -> Result<Vec<LoadFactor>, StoreError> {
        let rows: Vec<LoadRow> = sqlx::query_as(
            "SELECT f.id, f.carrier, f.number, f.origin, f.destination, f.departure, f.departure_offset,
                    (SELECT coalesce(sum(capacity), 0) FROM inventory WHERE flight_id = f.id) AS capacity,
                    (SELECT coalesce(sum(seats), 0) FROM sales
                     WHERE flight_id = f.id AND cancelled_on IS NULL) AS booked
             FROM flights AS f
             WHERE f.departure_date = ?1
               AND (?2 IS NULL OR (f.departure, f.id) > (SELECT departure, id FROM flights WHERE id = ?2))
             ORDER BY f.departure, f.id LIMIT ?3",
        )
        .bind(date.to_string())
        .bind(behind.map(FlightId::raw))
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn unserved(
        &self,
        period: Period,
        limit: u32,
    ) -> Result<Vec<UnservedSearches>, StoreError> {
        let rows: Vec<UnservedRow> = sqlx::query_as(
            "SELECT day, origin, destination, cabin, searches FROM unserved_searches
             WHERE day BETWEEN ?1 AND ?2 ORDER BY searches DESC, day, origin, destination, cabin LIMIT ?3",
        )
        .bind(period.from.to_string())
        .bind(period.to.to_string())
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(|row| Ok(unserved(row)?)).collect()
    }
}
