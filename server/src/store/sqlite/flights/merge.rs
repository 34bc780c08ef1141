//! Merging a file's rows: what is not there is inserted, what differs is updated, what is the same is not written.

use airside_common::event::Event;
use airside_common::flight::FlightId;
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::sqlite::SqliteTransaction;
use sqlx::{QueryBuilder, Sqlite as Db, SqliteConnection};

use super::super::{Sqlite, outbox, uploads};
use super::reading::{COLUMNS, facts};
use super::writes::{insert_flights, new_ids, note_moves, update_flights, write_cabins};
use crate::features::flights::decide::{self, Merge};
use crate::features::flights::import::RowOutcome;
use crate::features::flights::import::checkpoint::Advance;
use crate::features::flights::store::{
    Expect, FlightFacts, FlightPlan, FlightRecord, MergedPart, PlannedRow, Preview,
};
use crate::store::rows::decode;
use crate::store::rows::flights::{FlightRow, day, natural_key, records};

/// Natural keys of one look-up: four values each.
const KEYS_A_STATEMENT: usize = 256;
/// Flights of one event.
const FLIGHTS_AN_EVENT: usize = 1000;

pub(super) async fn add_missing(
    database: &Sqlite,
    rows: &[PlannedRow],
    now: Timestamp,
) -> Result<Vec<RowOutcome>, sqlx::Error> {
    let mut outcomes: Vec<Option<RowOutcome>> = vec![None; rows.len()];
    let mut reader = database.readers().acquire().await?;
    for (at, _) in lookup(&mut reader, rows, &outcomes).await? {
        outcomes[at] = Some(RowOutcome::Unchanged);
    }
    drop(reader);
    if outcomes.iter().any(Option::is_none) {
        let mut tx = database.write().await?;
        let mut touched = Vec::new();
        insert(&mut tx, rows, &mut outcomes, &mut touched, now).await?;
        finish(database, tx, &touched, now).await?;
    }
    // Keys that were taken meanwhile belong to flights that stay as they are.
    Ok(outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or(RowOutcome::Unchanged))
        .collect())
}

/// The events, and the commit.
async fn finish(
    database: &Sqlite,
    mut tx: SqliteTransaction<'static>,
    touched: &[FlightId],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for flights in touched.chunks(FLIGHTS_AN_EVENT) {
        let flights = flights.to_vec();
        outbox::append(&mut tx, now, &[Event::FlightsImported { flights }]).await?;
    }
    database.commit(tx).await
}

pub(super) async fn merge(
    database: &Sqlite,
    rows: &[PlannedRow],
    expect: Expect,
    now: Timestamp,
) -> Result<Vec<RowOutcome>, sqlx::Error> {
    let mut outcomes = unchanged(database, rows, expect).await?;
    if outcomes.iter().any(Option::is_none) {
        let mut tx = database.write().await?;
        let touched = write(&mut tx, rows, expect, &mut outcomes, now).await?;
        finish(database, tx, &touched, now).await?;
    }
    Ok(settled(rows, outcomes))
}

/// The same with the progress of an upload; `None` where its lease does not hold any more.
pub(super) async fn merge_part(
    database: &Sqlite,
    rows: &[PlannedRow],
    expect: Expect,
    now: Timestamp,
    advance: &Advance,
) -> Result<Option<MergedPart>, sqlx::Error> {
    let mut outcomes = unchanged(database, rows, expect).await?;
    let mut tx = database.write().await?;
    let mut touched = Vec::new();
    if outcomes.iter().any(Option::is_none) {
        touched = write(&mut tx, rows, expect, &mut outcomes, now).await?;
    }
    let outcomes = settled(rows, outcomes);
    let advance = advance.clone().with(rows, &outcomes);
    let Some(wish) = uploads::save(&mut tx, &advance).await? else {
        return Ok(None);
    };
    finish(database, tx, &touched, now).await?;
    Ok(Some(MergedPart { outcomes, wish }))
}

/// What would become of rows, at one moment.
pub(super) async fn preview(
    database: &Sqlite,
    rows: &[PlannedRow],
) -> Result<Vec<Preview>, sqlx::Error> {
    let mut tx = database.readers().begin().await?;
    let found = lookup(&mut tx, rows, &vec![None; rows.len()]).await?;
    let (positions, flights): (Vec<usize>, Vec<FlightRecord>) = found.into_iter().unzip();
    let facts = facts(&mut tx, flights).await?;
    let known: FxHashMap<usize, FlightFacts> = positions.into_iter().zip(facts).collect();
    let previews = rows.iter().enumerate();
    Ok(previews
        .map(|(at, row)| Preview::of(row, known.get(&at)))
        .collect())
}

/// A look without the write lock finds what is unchanged; the rest is looked at again under the lock.
async fn unchanged(
    database: &Sqlite,
    rows: &[PlannedRow],
    expect: Expect,
) -> Result<Vec<Option<RowOutcome>>, sqlx::Error> {
    let mut outcomes: Vec<Option<RowOutcome>> = vec![None; rows.len()];
    if expect == Expect::Known {
        let mut reader = database.readers().acquire().await?;
        for (at, flight) in lookup(&mut reader, rows, &outcomes).await? {
            if decide::is_so(&rows[at], &flight.plan) {
                outcomes[at] = Some(RowOutcome::Unchanged);
            }
        }
    }
    Ok(outcomes)
}

/// Writes the rows that have no outcome yet; which flights it made or changed.
async fn write(
    tx: &mut SqliteTransaction<'_>,
    rows: &[PlannedRow],
    expect: Expect,
    outcomes: &mut [Option<RowOutcome>],
    now: Timestamp,
) -> Result<Vec<FlightId>, sqlx::Error> {
    let mut touched = Vec::new();
    if expect == Expect::New {
        insert(tx, rows, outcomes, &mut touched, now).await?;
    }
    if outcomes.iter().any(Option::is_none) {
        let known = lookup(tx, rows, outcomes).await?;
        update(tx, rows, known, outcomes, &mut touched, now).await?;
        insert(tx, rows, outcomes, &mut touched, now).await?;
    }
    Ok(touched)
}

/// Every row was found or inserted under the lock, if it could be.
fn settled(rows: &[PlannedRow], outcomes: Vec<Option<RowOutcome>>) -> Vec<RowOutcome> {
    rows.iter()
        .zip(outcomes)
        .map(|(row, outcome)| outcome.unwrap_or_else(|| RowOutcome::left(row)))
        .collect()
}

/// The flights that have the natural keys of the rows without an outcome, with the rows' positions.
async fn lookup(
    connection: &mut SqliteConnection,
    rows: &[PlannedRow],
    outcomes: &[Option<RowOutcome>],
) -> Result<Vec<(usize, FlightRecord)>, sqlx::Error> {
    let open: Vec<usize> = (0..rows.len())
        .filter(|at| outcomes[*at].is_none())
        .collect();
    let mut positions: FxHashMap<_, usize> = FxHashMap::default();
    let mut found = Vec::new();
    for chunk in open.chunks(KEYS_A_STATEMENT) {
        let flat: String = by_keys(chunk.iter().map(|at| &rows[*at].plan))
            .build_query_scalar()
            .fetch_one(&mut *connection)
            .await?;
        let flat: Vec<FlightRow> = serde_json::from_str(&flat).map_err(decode)?;
        found.extend(records(&flat)?);
        positions.extend(chunk.iter().map(|at| (natural_key(&rows[*at].plan), *at)));
    }
    Ok(found
        .into_iter()
        .filter_map(|flight| Some((*positions.get(&natural_key(&flight.plan))?, flight)))
        .collect())
}

/// The flights of natural keys as one text: a row costs a wake-up of two threads, and each of its values a copy.
pub(super) fn by_keys<'a>(plans: impl Iterator<Item = &'a FlightPlan>) -> QueryBuilder<Db> {
    let mut select = QueryBuilder::<Db>::new("WITH k AS (");
    select.push_values(plans, |mut key, plan| {
        key.push_bind(plan.carrier.as_str())
            .push_bind(plan.number.get())
            .push_bind(plan.origin.as_str())
            .push_bind(plan.departure.date().to_string());
    });
    // CROSS JOIN fixes the order: keys first, each found by the unique index.
    select
        .push(") SELECT json_group_array(json_array(")
        .push(COLUMNS)
        .push(
            ")) FROM k CROSS JOIN flights f ON f.carrier = k.column1 AND f.number = k.column2 \
             AND f.origin = k.column3 AND f.departure_date = k.column4 \
             CROSS JOIN inventory i ON i.flight_id = f.id",
        );
    select
}

/// Inserts all rows that have no outcome and can be new flights; those whose key turns out to be taken stay without one.
async fn insert(
    tx: &mut SqliteTransaction<'_>,
    rows: &[PlannedRow],
    outcomes: &mut [Option<RowOutcome>],
    touched: &mut Vec<FlightId>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let open: Vec<usize> = (0..rows.len())
        .filter(|at| outcomes[*at].is_none() && decide::asked(&rows[*at], None).is_ok())
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    let days: Vec<u32> = open
        .iter()
        .map(|at| day(&rows[*at].plan))
        .collect::<Result<_, _>>()?;
    let ids = new_ids(tx, &days).await?;
    let flights: Vec<_> = ids
        .iter()
        .zip(&open)
        .map(|(id, at)| (*id, &rows[*at].plan))
        .collect();
    let written = insert_flights(tx, &flights, now).await?;
    let all = u64::try_from(flights.len()).is_ok_and(|all| all == written);
    let there: Option<FxHashSet<i64>> = if all {
        None
    } else {
        let raw: Vec<i64> = ids.iter().map(|id| id.raw()).collect();
        let raw = serde_json::to_string(&raw).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let there: Vec<i64> = sqlx::query_scalar(
            "SELECT id FROM flights WHERE id IN (SELECT value FROM json_each(?1))",
        )
        .bind(raw)
        .fetch_all(&mut **tx)
        .await?;
        Some(there.into_iter().collect())
    };
    let is_there = |id: i64| there.as_ref().is_none_or(|there| there.contains(&id));
    write_cabins(
        tx,
        flights.iter().copied().filter(|(id, _)| is_there(id.raw())),
    )
    .await?;
    for (id, at) in ids.iter().zip(&open) {
        if is_there(id.raw()) {
            outcomes[*at] = Some(RowOutcome::Created);
            touched.push(*id);
        }
    }
    Ok(())
}

/// Decides about the rows whose flights exist, and writes those that change.
async fn update(
    tx: &mut SqliteTransaction<'_>,
    rows: &[PlannedRow],
    known: Vec<(usize, FlightRecord)>,
    outcomes: &mut [Option<RowOutcome>],
    touched: &mut Vec<FlightId>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let (positions, flights): (Vec<usize>, Vec<FlightRecord>) = known.into_iter().unzip();
    let found: Vec<FlightFacts> = facts(tx, flights).await?;
    let (mut changed, mut moved) = (Vec::new(), Vec::new());
    for (at, facts) in positions.into_iter().zip(&found) {
        outcomes[at] = Some(match decide::merge(facts, &rows[at]) {
            Ok(Merge::Unchanged) => RowOutcome::Unchanged,
            Ok(Merge::Changed(plan)) => {
                if decide::is_told(facts, &plan) {
                    moved.push(&facts.flight);
                }
                changed.push((&facts.flight, plan));
                touched.push(facts.flight.id);
                RowOutcome::Updated
            }
            Err(refusal) => RowOutcome::Rejected(refusal),
        });
    }
    if changed.is_empty() {
        return Ok(());
    }
    note_moves(tx, &moved).await?;
    update_flights(tx, &changed, now).await
}
