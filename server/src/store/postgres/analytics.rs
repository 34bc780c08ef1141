//! Figures on PostgreSQL.

use airside_common::api::analytics::{GroupBy, LoadFactor, UnservedSearches};
use airside_common::flight::FlightId;
use async_trait::async_trait;
use jiff::civil::Date;
use sqlx::pool::PoolConnection;
use sqlx::{PgTransaction, Postgres as Db};

use super::Postgres;
use super::messages::first_time;
use super::replicas::MayBeOld;
use crate::features::analytics::store::{AnalyticsStore, Period, SalesPosition, SalesSum};
use crate::messages::consumer::Delivery;
use crate::store::StoreError;
use crate::store::rows::analytics::{
    LoadRow, SalesRow, UnservedRow, began_without_seats, told, unserved,
};

/// Makes the figures of some bookings those of the bookings as they are. What is newer in the figures stays.
async fn renew(tx: &mut PgTransaction<'_>, bookings: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sales AS known (booking_id, position, version, flight_id, carrier, origin, destination, cabin,
                                     seats, revenue_minor, currency, booked_on, lead_days, cancelled_on)
         SELECT b.id, s.position, b.version, s.flight_id, f.carrier, f.origin, f.destination, s.cabin, s.seats,
                -- Earlier releases have not written down what a segment cost: of these the first have one minor unit more each,
                -- until the sum is the total.
                coalesce(s.fare_minor * s.seats,
                         b.total_minor / parts.count + CASE WHEN s.position <= b.total_minor % parts.count THEN 1 ELSE 0 END),
                b.currency, booked.day, greatest(f.departure_date - booked.day, 0),
                CASE WHEN s.status IN ('UN', 'XX') THEN coalesce(s.ended_at, b.updated_at)::date END
         FROM unnest($1::bigint[]) AS wanted (id)
         CROSS JOIN LATERAL (SELECT * FROM bookings WHERE id = wanted.id OFFSET 0) AS b
         CROSS JOIN LATERAL (SELECT count(*) AS count FROM segments WHERE booking_id = b.id) AS parts
         CROSS JOIN LATERAL (SELECT * FROM segments WHERE booking_id = b.id OFFSET 0) AS s
         CROSS JOIN LATERAL (
             SELECT * FROM flights WHERE id = s.flight_id AND departure_date = departure_day(s.flight_id) OFFSET 0
         ) AS f
         CROSS JOIN LATERAL (SELECT coalesce(s.booked_at, b.created_at)::date AS day) AS booked
         -- Who still waits has nothing, and who waited in vain never had.
         WHERE s.status <> 'HL' AND (s.status <> 'XX' OR NOT EXISTS (
             SELECT FROM history AS began WHERE began.booking_id = b.id AND began.version = 1 AND began.detail LIKE $2
         ) OR EXISTS (
             SELECT FROM history AS got WHERE got.booking_id = b.id AND got.action = 'waitlist.cleared'
         ))
         ORDER BY b.id, s.position
         ON CONFLICT (booking_id, position) DO UPDATE SET
             version = excluded.version, flight_id = excluded.flight_id, carrier = excluded.carrier,
             origin = excluded.origin, destination = excluded.destination, cabin = excluded.cabin,
             seats = excluded.seats, revenue_minor = excluded.revenue_minor, currency = excluded.currency,
             booked_on = excluded.booked_on, lead_days = excluded.lead_days, cancelled_on = excluded.cancelled_on
         WHERE known.version <= excluded.version",
    )
    .bind(bookings)
    .bind(began_without_seats())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[async_trait]
impl AnalyticsStore for Postgres {
    async fn count(&self, batch: &[Delivery]) -> Result<(), StoreError> {
        let server = self.primary.serving();
        let counted = async {
            let mut tx = server.lookups.begin().await?;
            let new = first_time(&mut tx, batch).await?;
            let (locators, searches) = told(&new);
            let locators: Vec<String> = locators.iter().map(ToString::to_string).collect();
            let bookings: Vec<i64> =
                sqlx::query_scalar("SELECT id FROM bookings WHERE locator = ANY ($1) ORDER BY id")
                    .bind(locators)
                    .fetch_all(&mut *tx)
                    .await?;
            renew(&mut tx, &bookings).await?;
            for (day, origin, destination, cabin, count) in searches {
                sqlx::query(
                    "INSERT INTO unserved_searches AS known (day, origin, destination, cabin, searches)
                     VALUES ($1::text::date, $2, $3, $4, $5)
                     ON CONFLICT (day, origin, destination, cabin) DO UPDATE
                     SET searches = known.searches + excluded.searches",
                )
                .bind(day)
                .bind(origin)
                .bind(destination)
                .bind(cabin)
                .bind(count)
                .execute(&mut *tx)
                .await?;
            }
            self.commit(tx).await
        };
        Ok(server.unless_replaced(counted).await?)
    }

    async fn recount(&self, behind: i64, limit: u32) -> Result<Option<i64>, StoreError> {
        let mut tx = self.write().await?;
        let bookings: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM bookings WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(behind)
                .bind(i64::from(limit))
                .fetch_all(&mut *tx)
                .await?;
        renew(&mut tx, &bookings).await?;
        self.commit(tx).await?;
        Ok(bookings.last().copied())
    }

    async fn sales(
        &self,
        period: Period,
        by: GroupBy,
        behind: Option<&SalesPosition>,
        limit: u32,
    ) -> Result<Vec<SalesSum>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                "SELECT key, currency, sum(booked)::bigint AS booked, sum(revenue)::bigint AS revenue,
                        sum(cancelled)::bigint AS cancelled, sum(refunded)::bigint AS refunded,
                        sum(lead_days)::bigint AS lead_days
                 FROM (
                     SELECT booked_on AS day, carrier, origin, destination, cabin, currency, seats AS booked,
                            revenue_minor AS revenue, 0 AS cancelled, 0 AS refunded, lead_days * seats AS lead_days
                     FROM sales WHERE booked_on BETWEEN $1::text::date AND $2::text::date
                     UNION ALL
                     SELECT cancelled_on, carrier, origin, destination, cabin, currency, 0, 0, seats, revenue_minor, 0
                     FROM sales WHERE cancelled_on BETWEEN $1::text::date AND $2::text::date
                 ) AS moves
                 CROSS JOIN LATERAL (
                     SELECT CASE $3
                         WHEN 'day' THEN day::text
                         WHEN 'route' THEN origin || '-' || destination
                         WHEN 'carrier' THEN carrier
                         ELSE (ARRAY['first', 'business', 'premium', 'economy'])[cabin + 1]
                     END COLLATE \"C\" AS key
                 ) AS named
                 WHERE (key, currency COLLATE \"C\") > ($4, $5)
                 GROUP BY key, currency ORDER BY key, currency COLLATE \"C\" LIMIT $6",
            )
            .bind(period.from.to_string())
            .bind(period.to.to_string())
            .bind(by.word())
            .bind(behind.map_or("", |behind| behind.key.as_str()))
            .bind(behind.map_or("", |behind| behind.currency.as_str()))
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await
        };
        let rows: Vec<SalesRow> = self.read(MayBeOld::Analytics, read).await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn load_factors(
        &self,
        date: Date,
        behind: Option<FlightId>,
        limit: u32,
    ) -> Result<Vec<LoadFactor>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                "SELECT f.id, f.carrier, f.number::bigint, f.origin, f.destination, f.departure, f.departure_offset,
                        (SELECT coalesce(sum(capacity), 0)::bigint FROM inventory AS i
                         WHERE i.flight_id = f.id) AS capacity,
                        (SELECT coalesce(sum(seats), 0)::bigint FROM sales AS s
                         WHERE s.flight_id = f.id AND s.cancelled_on IS NULL) AS booked
                 FROM flights AS f
                 WHERE f.departure_date = $1::text::date
                   AND ($2::bigint IS NULL OR (f.departure, f.id) > (
                       SELECT departure, id FROM flights WHERE id = $2 AND departure_date = $1::text::date
                   ))
                 ORDER BY f.departure, f.id LIMIT $3",
            )
            .bind(date.to_string())
            .bind(behind.map(FlightId::raw))
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await
        };
        let rows: Vec<LoadRow> = self.read(MayBeOld::Analytics, read).await?;
        rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
    }

    async fn unserved(
        &self,
        period: Period,
        limit: u32,
    ) -> Result<Vec<UnservedSearches>, StoreError> {
        let read = |mut connection: PoolConnection<Db>| async move {
            sqlx::query_as(
                "SELECT day::text, origin, destination, cabin::bigint, searches FROM unserved_searches
                 WHERE day BETWEEN $1::text::date AND $2::text::date
                 ORDER BY searches DESC, day, origin, destination, cabin LIMIT $3",
            )
            .bind(period.from.to_string())
            .bind(period.to.to_string())
            .bind(i64::from(limit))
            .fetch_all(&mut *connection)
            .await
        };
        let rows: Vec<UnservedRow> = self.read(MayBeOld::Analytics, read).await?;
        rows.into_iter().map(|row| Ok(unserved(row)?)).collect()
    }
}
