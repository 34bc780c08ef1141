//! Flights as they are stored, and what lives on them.

use airside_common::flight::FlightId;
use jiff::SignedDuration;
use jiff::civil::{self, Date};
use jiff::tz::Offset;
use sqlx::{AssertSqlSafe, PgConnection, Postgres as Db, QueryBuilder};

use crate::features::flights::store::{
    FlightFacts, FlightFilter, FlightPosition, FlightRecord, PlannedRow,
};
use crate::store::rows::flights::{self, FlightRow, day, records};
use crate::store::rows::instant::StoredInstant;

const COLUMNS: &str = "f.id, f.carrier, f.number::bigint, f.origin, f.destination, f.departure, \
     f.departure_offset, f.arrival, f.arrival_offset, f.aircraft, f.status, f.version, \
     i.cabin::bigint, i.capacity::bigint, i.sold::bigint, i.fare_minor, i.currency";

/// The flights of natural keys ($1 to $4), each found by the unique index of its month; other months than those from the first
/// of the days to the last ($5, $6) are not opened.
///
/// OFFSET 0 keeps the planner from beginning at the other end: in months whose rows nobody has counted yet it takes a range of
/// days for few flights, and compares all of them with each key.
pub(in crate::store::postgres) const BY_NATURAL_KEYS: &str = "unnest($1::text[], $2::integer[], $3::text[], $4::integer[]) \
         AS k (carrier, number, origin, day) \
     CROSS JOIN LATERAL ( \
         SELECT * FROM flights \
         WHERE departure_date = DATE '1970-01-01' + k.day \
             AND carrier = k.carrier AND number = k.number AND origin = k.origin \
             AND departure_date BETWEEN DATE '1970-01-01' + $5::integer AND DATE '1970-01-01' + $6::integer \
         OFFSET 0) f";

/// Natural keys as statements take them, an array each.
#[derive(Default)]
pub(super) struct NaturalKeys<'a> {
    pub(super) carriers: Vec<&'a str>,
    pub(super) numbers: Vec<i32>,
    pub(super) origins: Vec<&'a str>,
    pub(super) days: Vec<i32>,
    pub(super) first: Option<i32>,
    pub(super) last: Option<i32>,
}

impl<'a> NaturalKeys<'a> {
    pub(super) fn of(rows: impl Iterator<Item = &'a PlannedRow>) -> Result<Self, sqlx::Error> {
        let mut keys = Self::default();
        for PlannedRow { plan, .. } in rows {
            keys.carriers.push(plan.carrier.as_str());
            keys.numbers.push(i32::from(plan.number.get()));
            keys.origins.push(plan.origin.as_str());
            keys.days.push(day(plan)?.cast_signed());
        }
        keys.first = keys.days.iter().min().copied();
        keys.last = keys.days.iter().max().copied();
        Ok(keys)
    }
}

/// The flights of natural keys.
pub(super) async fn by_keys(
    connection: &mut PgConnection,
    keys: NaturalKeys<'_>,
) -> Result<Vec<FlightRecord>, sqlx::Error> {
    let rows: Vec<FlightRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM {BY_NATURAL_KEYS}
         CROSS JOIN LATERAL (
             SELECT * FROM inventory
             WHERE flight_id = f.id
                 AND flight_id >= lowest_flight_id(DATE '1970-01-01' + $5::integer)
                 AND flight_id < lowest_flight_id(DATE '1970-01-01' + $6::integer + 1)
             OFFSET 0) i
         ORDER BY f.id, i.cabin"
    )))
    .bind(keys.carriers)
    .bind(keys.numbers)
    .bind(keys.origins)
    .bind(keys.days)
    .bind(keys.first)
    .bind(keys.last)
    .persistent(false)
    .fetch_all(connection)
    .await?;
    records(&rows)
}

/// The flights of ids.
pub(super) async fn by_ids(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<Vec<FlightRecord>, sqlx::Error> {
    let rows: Vec<FlightRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM unnest($1::bigint[]) AS k (id)
         CROSS JOIN LATERAL (
             SELECT * FROM flights
             WHERE id = k.id AND departure_date = departure_day(k.id)
             OFFSET 0) f
         CROSS JOIN LATERAL (
             SELECT * FROM inventory WHERE flight_id = k.id AND flight_id BETWEEN $2 AND $3 OFFSET 0) i
         ORDER BY f.id, i.cabin"
    )))
    .bind(ids)
    .bind(ids.iter().min())
    .bind(ids.iter().max())
    .persistent(false)
    .fetch_all(connection)
    .await?;
    records(&rows)
}

pub(super) async fn flight(
    connection: &mut PgConnection,
    id: FlightId,
) -> Result<Option<FlightRecord>, sqlx::Error> {
    let rows: Vec<FlightRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM flights f JOIN inventory i ON i.flight_id = f.id
         WHERE f.id = $1 AND f.departure_date = departure_day($1) ORDER BY i.cabin"
    )))
    .bind(id.raw())
    .fetch_all(connection)
    .await?;
    Ok(records(&rows)?.pop())
}

/// What lives on flights. Either their cabins are locked, or the transaction sees one moment.
pub(super) async fn facts(
    connection: &mut PgConnection,
    flights: Vec<FlightRecord>,
) -> Result<Vec<FlightFacts>, sqlx::Error> {
    let ids: Vec<i64> = flights.iter().map(|flight| flight.id.raw()).collect();
    let counts: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT flight_id, count(DISTINCT booking_id)
         FROM segments
         WHERE flight_id = ANY ($1) AND status IN ('HK', 'HL', 'TK') GROUP BY flight_id",
    )
    .bind(&ids)
    .persistent(false)
    .fetch_all(&mut *connection)
    .await?;
    let seats: Vec<(i64, String, i64)> = if counts.is_empty() {
        Vec::new()
    } else {
        sqlx::query_as(
            "SELECT s.flight_id, s.seat, g.cabin::bigint FROM seats s
             JOIN segments g ON g.booking_id = s.booking_id AND g.position = s.segment
             WHERE s.flight_id = ANY ($1)",
        )
        .bind(&ids)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?
    };
    flights::facts(flights, counts, seats)
}

/// Days since 1970-01-01, as the planner has to know them to leave other months out.
fn days(date: Date) -> i32 {
    (date - civil::date(1970, 1, 1)).get_days()
}

/// The flights of a page.
pub(super) fn list(
    filter: &FlightFilter,
    after: Option<FlightPosition>,
    limit: u32,
) -> QueryBuilder<Db> {
    let mut select = QueryBuilder::<Db>::new("SELECT ");
    select
        .push(COLUMNS)
        .push(" FROM (SELECT * FROM flights WHERE TRUE");
    if let Some(origin) = filter.origin {
        select.push(" AND origin = ").push_bind(origin.to_string());
    }
    if let Some(destination) = filter.destination {
        select
            .push(" AND destination = ")
            .push_bind(destination.to_string());
    }
    if let Some(date) = filter.date {
        // The unique index finds the day; the other index, where it is better, the two days around, since no offset is
        // beyond 14 hours.
        let noon = date.0.at(12, 0, 0, 0);
        let around = Offset::UTC.to_timestamp(noon).unwrap_or_default();
        let reach = SignedDuration::from_hours(27);
        select
            .push(" AND departure BETWEEN ")
            .push_bind(StoredInstant::from(around - reach))
            .push(" AND ")
            .push_bind(StoredInstant::from(around + reach))
            .push(" AND departure_date = DATE '1970-01-01' + ")
            .push_bind(days(date.0));
    }
    if let Some(carrier) = filter.carrier {
        select
            .push(" AND carrier = ")
            .push_bind(carrier.to_string());
    }
    if let Some(number) = filter.number {
        select
            .push(" AND number = ")
            .push_bind(i32::from(number.get()));
    }
    if let Some(status) = filter.status {
        select.push(" AND status = ").push_bind(status.to_string());
    }
    if let Some(after) = after {
        // No place's clock is a day behind UTC: months before need not be looked into.
        select
            .push(" AND departure_date >= ")
            .push_bind(StoredInstant(after.departure))
            .push("::date - 1 AND (departure, id) > (")
            .push_bind(StoredInstant(after.departure))
            .push(", ")
            .push_bind(after.id.raw())
            .push(")");
    }
    select
        .push(" ORDER BY departure, id LIMIT ")
        .push_bind(i64::from(limit))
        .push(") f CROSS JOIN LATERAL (SELECT * FROM inventory WHERE flight_id = f.id");
    if let Some(date) = filter.date {
        let first = i64::from(days(date.0)) << 32;
        select
            .push(" AND flight_id >= ")
            .push_bind(first)
            .push(" AND flight_id < ")
            .push_bind(first + (1 << 32));
    }
    select.push(" OFFSET 0) i ORDER BY f.departure, f.id, i.cabin");
    select
}
