//! What decisions write: two statements as a rule, however many commands there are, since each costs a round trip under the locks of
//! the batch. Rows go to the server column by column, in arrays that it need not parse.

use jiff::Timestamp;
use sqlx::PgConnection;

use crate::store::postgres::idempotency::Answers;
use crate::store::postgres::outbox;
use crate::store::rows::bookings::unreadable;
use crate::store::rows::bookings::written::{ChangedRow, Written};
use crate::store::rows::instant::StoredInstant;

/// What bookings become that were there before. It comes first: a seat may go from one booking to the next within a batch.
const CHANGE: &str = "
    WITH changed AS (
        SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::timestamptz[], $6::bigint[], $7::text[], $8::text[])
            AS c (id, version, status, time_limit, total_minor, currency, segments)
    ), bookings AS (
        UPDATE bookings SET status = changed.status, version = changed.version, updated_at = $1,
            time_limit = changed.time_limit, total_minor = changed.total_minor, currency = changed.currency
        FROM changed WHERE bookings.id = changed.id
    ), ended AS (
        UPDATE segments SET status = 'XX', ended_at = coalesce(ended_at, $1)
        FROM changed WHERE booking_id = changed.id AND changed.segments = 'ended' AND segments.status <> 'XX'
    ), before AS (
        DELETE FROM segments WHERE booking_id IN (SELECT id FROM changed WHERE segments = 'anew')
    )
    DELETE FROM seats WHERE booking_id IN (SELECT id FROM changed WHERE segments IS NOT NULL)";

/// The versions of their flights that segments know from now on. It comes before segments are written anew: those have other
/// positions, and know the versions of their flights.
const NOTICE: &str = "
    UPDATE segments SET flight_version = n.flight_version
    FROM unnest($1::bigint[], $2::smallint[], $3::bigint[]) AS n (booking_id, position, flight_version)
    WHERE segments.booking_id = n.booking_id AND segments.position = n.position";

/// Writes all the rest. Answers the cabins whose balance was counted.
///
/// Each array is unnested in the list of what is selected, side by side: where it stands among tables, PostgreSQL keeps a
/// table of each array, and to set up some fifty of them costs a small batch a sixth of the statement.
const WRITE: &str = "
    WITH bookings AS (
        INSERT INTO bookings (id, locator, office, created_by, operation, status, version, contact_email,
                              contact_phone, total_minor, currency, time_limit, created_at, updated_at)
        SELECT unnest($2::bigint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]), unnest($6::text[]),
               unnest($7::text[]), unnest($8::bigint[]), unnest($9::text[]), unnest($10::text[]), unnest($11::bigint[]),
               unnest($12::text[]), unnest($13::timestamptz[]), $1, $1
    ), passengers AS (
        INSERT INTO passengers (booking_id, position, given_name, surname, surname_key, title, kind, date_of_birth)
        SELECT unnest($14::bigint[]), unnest($15::smallint[]), unnest($16::text[]), unnest($17::text[]),
               unnest($18::text[]), unnest($19::text[]), unnest($20::text[]), unnest($21::text[])::date
    ), segments AS (
        INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats, flight_version, fare_minor, booked_at,
                              ended_at, previous_departure, previous_departure_offset, previous_arrival,
                              previous_arrival_offset)
        SELECT unnest($22::bigint[]), unnest($23::smallint[]), unnest($24::bigint[]), unnest($25::smallint[]),
               unnest($26::text[]), unnest($27::smallint[]), unnest($28::bigint[]), unnest($29::bigint[]),
               unnest($30::timestamptz[]), unnest($31::timestamptz[]), unnest($32::timestamptz[]), unnest($33::integer[]),
               unnest($34::timestamptz[]), unnest($35::integer[])
    ), seats AS (
        INSERT INTO seats (flight_id, seat, booking_id, segment, passenger)
        SELECT unnest($36::bigint[]), unnest($37::text[]), unnest($38::bigint[]), unnest($39::smallint[]),
               unnest($40::smallint[])
    ), history AS (
        INSERT INTO history (booking_id, version, user_id, action, detail, at)
        SELECT unnest($41::bigint[]), unnest($42::bigint[]), unnest($43::text[]), unnest($44::text[]), unnest($45::text[]), $1
    ), counted AS (
        UPDATE inventory SET sold = sold + b.seats
        FROM unnest($46::bigint[], $47::smallint[], $48::bigint[]) AS b (flight_id, cabin, seats)
        WHERE inventory.flight_id = b.flight_id AND inventory.cabin = b.cabin
        RETURNING 1
    ), outbox AS (
        INSERT INTO outbox (payload, created_at) SELECT unnest($49::text[]), $1
    ), answers AS (
        INSERT INTO idempotency (user_id, key, fingerprint, status, body, locator, version, created_at)
        SELECT unnest($50::text[]), unnest($51::text[]), unnest($52::bytea[]), unnest($53::integer[]), unnest($54::text[]),
               unnest($55::text[]), unnest($56::bigint[]), $1
    )
    SELECT count(*) FROM counted";

/// Writes what was decided, and the answers that are kept. Where somebody else has kept an answer to one of the keys
/// meanwhile, it is the error that [`idempotency::is_taken`] knows.
///
/// [`idempotency::is_taken`]: crate::store::postgres::idempotency::is_taken
pub(super) async fn write(
    tx: &mut PgConnection,
    now: Timestamp,
    written: &Written<'_>,
    answers: Answers<'_>,
) -> Result<(), sqlx::Error> {
    let now = StoredInstant::from(now);
    change(tx, now, &written.changed).await?;
    notice(tx, now, written).await?;
    let Written {
        bookings,
        passengers,
        segments,
        seats,
        history,
        balance,
        ..
    } = written;
    let counted: i64 = sqlx::query_scalar(WRITE)
        .bind(now)
        .bind(column(bookings, |row| row.id))
        .bind(column(bookings, |row| row.locator))
        .bind(column(bookings, |row| row.office))
        .bind(column(bookings, |row| row.created_by.as_str()))
        .bind(column(bookings, |row| row.operation))
        .bind(column(bookings, |row| row.status))
        .bind(column(bookings, |row| row.version))
        .bind(column(bookings, |row| row.contact_email.as_deref()))
        .bind(column(bookings, |row| row.contact_phone.as_deref()))
        .bind(column(bookings, |row| row.total_minor))
        .bind(column(bookings, |row| row.currency))
        .bind(column(bookings, |row| row.time_limit))
        .bind(column(passengers, |row| row.booking_id))
        .bind(column(passengers, |row| row.position))
        .bind(column(passengers, |row| row.given_name))
        .bind(column(passengers, |row| row.surname))
        .bind(column(passengers, |row| row.surname_key.as_str()))
        .bind(column(passengers, |row| row.title.as_deref()))
        .bind(column(passengers, |row| row.kind))
        .bind(column(passengers, |row| row.date_of_birth.as_deref()))
        .bind(column(segments, |row| row.booking_id))
        .bind(column(segments, |row| row.position))
        .bind(column(segments, |row| row.flight_id))
        .bind(column(segments, |row| row.cabin))
        .bind(column(segments, |row| row.status))
        .bind(column(segments, |row| row.seats))
        .bind(column(segments, |row| row.flight_version))
        .bind(column(segments, |row| row.fare_minor))
        .bind(column(segments, |row| row.booked_at))
        .bind(column(segments, |row| row.ended_at))
        .bind(column(segments, |row| row.previous_departure))
        .bind(column(segments, |row| row.previous_departure_offset))
        .bind(column(segments, |row| row.previous_arrival))
        .bind(column(segments, |row| row.previous_arrival_offset))
        .bind(column(seats, |row| row.flight_id))
        .bind(column(seats, |row| row.seat.as_str()))
        .bind(column(seats, |row| row.booking_id))
        .bind(column(seats, |row| row.segment))
        .bind(column(seats, |row| row.passenger))
        .bind(column(history, |row| row.booking_id))
        .bind(column(history, |row| row.version))
        .bind(column(history, |row| row.user_id.as_deref()))
        .bind(column(history, |row| row.action))
        .bind(column(history, |row| row.detail.as_str()))
        .bind(column(balance, |row| row.flight_id))
        .bind(column(balance, |row| row.cabin))
        .bind(column(balance, |row| row.seats))
        .bind(outbox::payloads(&written.events)?)
        .bind(answers.to.users)
        .bind(answers.to.keys)
        .bind(answers.to.fingerprints)
        .bind(answers.statuses)
        .bind(answers.bodies)
        .bind(answers.locators)
        .bind(answers.versions)
        .fetch_one(&mut *tx)
        .await?;
    if usize::try_from(counted).ok() != Some(balance.len()) {
        return Err(unreadable("inventory lacks a cabin that bookings hold"));
    }
    Ok(())
}

async fn change(
    tx: &mut PgConnection,
    now: StoredInstant,
    changed: &[ChangedRow],
) -> Result<(), sqlx::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(CHANGE)
        .bind(now)
        .bind(column(changed, |row| row.id))
        .bind(column(changed, |row| row.version))
        .bind(column(changed, |row| row.status))
        .bind(column(changed, |row| row.time_limit))
        .bind(column(changed, |row| row.total_minor))
        .bind(column(changed, |row| row.currency))
        .bind(column(changed, |row| row.segments))
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// What nobody else is told; few batches have any of it.
async fn notice(
    tx: &mut PgConnection,
    now: StoredInstant,
    written: &Written<'_>,
) -> Result<(), sqlx::Error> {
    let Written {
        noticed, warned, ..
    } = written;
    if !noticed.is_empty() {
        sqlx::query(NOTICE)
            .bind(column(noticed, |row| row.booking_id))
            .bind(column(noticed, |row| row.position))
            .bind(column(noticed, |row| row.flight_version))
            .execute(&mut *tx)
            .await?;
    }
    if !warned.is_empty() {
        sqlx::query("UPDATE bookings SET warned_at = $1 WHERE id = ANY ($2)")
            .bind(now)
            .bind(warned)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// One column of rows.
fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
