//! Whole bookings, each with all its rows in one statement: one consistent look.

use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use sqlx::sqlite::Sqlite as Database;
use sqlx::{Executor, QueryBuilder};

use crate::features::bookings::decide::Stored;
use crate::features::bookings::store::{Filter, Page};
use crate::store::rows::bookings::json;
use crate::store::rows::bookings::stored::{Row, stored};
use crate::store::sqlite::flights::EVERY_DATE;

/// The columns of a [`Row`], of the bookings `b`.
macro_rules! columns {
    () => {
        "b.id, b.locator, b.office, b.created_by, u.username, b.operation, b.status, b.version, b.contact_email,
         b.contact_phone, b.total_minor, b.currency, b.time_limit, b.warned_at IS NOT NULL AS is_warned, b.created_at, b.updated_at,
         (SELECT json_group_array(json_array(s.flight_id, f.carrier, f.number, f.origin, f.destination, f.departure,
                 f.departure_offset, f.arrival, f.arrival_offset, f.aircraft, s.cabin, s.status, s.flight_version,
                 s.fare_minor, s.booked_at, s.ended_at, s.previous_departure, s.previous_departure_offset,
                 s.previous_arrival, s.previous_arrival_offset) ORDER BY s.position)
          FROM segments s JOIN flights f ON f.id = s.flight_id WHERE s.booking_id = b.id) AS segments,
         (SELECT json_group_array(json_object('given_name', p.given_name, 'surname', p.surname, 'title', p.title,
                 'type', p.kind, 'date_of_birth', p.date_of_birth) ORDER BY p.position)
          FROM passengers p WHERE p.booking_id = b.id) AS passengers,
         (SELECT json_group_array(json_object('segment', c.segment, 'passenger', c.passenger, 'seat', c.seat)
                 ORDER BY c.segment, c.passenger)
          FROM seats c WHERE c.booking_id = b.id) AS seats"
    };
}

/// The bookings of locators, those that exist, in any order.
pub(in crate::store::sqlite) async fn by_locators<'e>(
    database: impl Executor<'e, Database = Database>,
    locators: &[Locator],
) -> Result<Vec<Stored>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM json_each(?1) j
         CROSS JOIN bookings b ON b.locator = j.value
         JOIN users u ON u.id = b.created_by"
    ))
    .bind(json(&locators)?)
    .fetch_all(database)
    .await?;
    rows.iter().map(stored).collect()
}

/// Bookings that pass a filter, the newest first.
pub(super) async fn list<'e>(
    database: impl Executor<'e, Database = Database>,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Stored>, sqlx::Error> {
    let rows: Vec<Row> = filtered(filter, page)
        .build_query_as()
        .fetch_all(database)
        .await?;
    rows.iter().map(stored).collect()
}

pub(super) fn filtered(filter: &Filter, page: Page) -> QueryBuilder<Database> {
    let mut query = QueryBuilder::new(concat!(
        "SELECT ",
        columns!(),
        " FROM bookings b JOIN users u ON u.id = b.created_by WHERE b.id < "
    ));
    query.push_bind(page.before.unwrap_or(i64::MAX));
    if let Some(office) = &filter.office {
        query
            .push(" AND b.office = ")
            .push_bind(office.as_str().to_owned());
    }
    if let Some(status) = filter.status {
        query.push(" AND b.status = ").push_bind(status.word());
    }
    if let Some(surname) = &filter.surname {
        query
            .push(" AND b.id IN (SELECT booking_id FROM passengers WHERE surname_key = ")
            .push_bind(surname.trim().to_lowercase())
            .push(")");
    }
    if let Some(flight) = filter.flight_id {
        query
            .push(" AND b.id IN (SELECT booking_id FROM segments WHERE flight_id = ")
            .push_bind(flight.raw())
            .push(")");
    }
    if filter.flight.is_some() || filter.date.is_some() {
        query.push(
            " AND b.id IN (SELECT s.booking_id FROM flights f JOIN segments s ON s.flight_id = f.id WHERE 1",
        );
        if let Some((carrier, number)) = filter.flight {
            query
                .push(" AND f.carrier = ")
                .push_bind(carrier.to_string())
                .push(" AND f.number = ")
                .push_bind(i64::from(number.get()));
            if filter.date.is_none() {
                query.push(" AND f.departure_date IN ").push(EVERY_DATE);
            }
        }
        if let Some(date) = filter.date {
            // The upper half of a flight's id is its day: the primary key narrows the search.
            let day = date.duration_since(jiff::civil::Date::new(1970, 1, 1).unwrap_or_default());
            let first = FlightId::new(u32::try_from(day.as_hours() / 24).unwrap_or_default(), 0);
            query
                .push(" AND f.id BETWEEN ")
                .push_bind(first.raw())
                .push(" AND ")
                .push_bind(first.raw() | i64::from(u32::MAX));
        }
        query.push(")");
    }
    if let Some((user, key)) = &filter.operation {
        query
            .push(" AND b.created_by = ")
            .push_bind(user.to_string())
            .push(" AND b.operation = ")
            .push_bind(key.as_str().to_owned());
    }
    query
        .push(" ORDER BY b.id DESC LIMIT ")
        .push_bind(page.limit);
    query
}
