//! Merging a file's rows: what is not there is inserted, what differs is updated, what is the same is not written.

use airside_common::event::Event;
use airside_common::flight::FlightId;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use sqlx::{PgConnection, PgTransaction};

use super::super::{Postgres, months, outbox};
use super::locks::lock_keys;
use super::reading::{NaturalKeys, by_ids, by_keys, facts};
use super::writes::{
    Copied, copy_flights, insert_cabins, insert_flights, key_order, new_ids, update_flights,
};
use crate::features::flights::decide::{self, Merge};
use crate::features::flights::import::RowOutcome;
use crate::features::flights::store::{Expect, FlightRecord, PlannedRow};
use crate::store::rows::flights::natural_key;

/// Flights of one event.
const FLIGHTS_AN_EVENT: usize = 1000;

pub(super) async fn add_missing(
    database: &Postgres,
    rows: &[PlannedRow],
    now: Timestamp,
) -> Result<Vec<RowOutcome>, sqlx::Error> {
    let mut chunk = Chunk::new(rows, now);
    months::make(database, rows.iter().map(|row| &row.plan)).await?;
    let mut tx = begin(database).await?;
    for (at, _) in chunk.lookup(&mut tx).await? {
        chunk.outcomes[at] = Some(RowOutcome::Unchanged);
    }
    if !chunk.open().is_empty() {
        let tx = chunk.insert(tx, chunk.open()).await?;
        chunk.commit(database, tx).await?;
    }
    // Keys that were taken meanwhile belong to flights that stay as they are.
    Ok(chunk.into_outcomes())
}

pub(super) async fn merge(
    database: &Postgres,
    rows: &[PlannedRow],
    expect: Expect,
    now: Timestamp,
) -> Result<Vec<RowOutcome>, sqlx::Error> {
    let mut chunk = Chunk::new(rows, now);
    let mut new = chunk.open();
    months::make(database, rows.iter().map(|row| &row.plan)).await?;
    let mut tx = begin(database).await?;
    if expect == Expect::Known {
        // A look without locks finds what is unchanged and what is not there; what differs is looked at again under locks.
        let known = chunk.lookup(&mut tx).await?;
        let mut is_new = vec![true; rows.len()];
        for (at, flight) in known {
            is_new[at] = false;
            if decide::is_so(&rows[at], &flight.plan) {
                chunk.outcomes[at] = Some(RowOutcome::Unchanged);
            }
        }
        new.retain(|at| is_new[*at]);
    }
    if chunk.open().is_empty() {
        return Ok(chunk.into_outcomes());
    }
    // New flights first: their keys come before all locks.
    let mut tx = chunk.insert(tx, new).await?;
    chunk.update(&mut tx).await?;
    chunk.commit(database, tx).await?;
    Ok(chunk.into_outcomes())
}

/// A transaction whose statements find their rows, some thousand of millions, by the indexes and nothing else: the planner
/// does not know how many there are in a table that has just begun to grow, and keeps for the whole import what it then
/// thought best.
async fn begin(database: &Postgres) -> Result<PgTransaction<'static>, sqlx::Error> {
    let mut tx = database.write().await?;
    sqlx::raw_sql(
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
         SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off",
    )
    .execute(&mut *tx)
    .await?;
    Ok(tx)
}

/// Rows of one transaction, and what has become of them.
struct Chunk<'a> {
    rows: &'a [PlannedRow],
    now: Timestamp,
    outcomes: Vec<Option<RowOutcome>>,
    touched: Vec<FlightId>,
}

impl<'a> Chunk<'a> {
    fn new(rows: &'a [PlannedRow], now: Timestamp) -> Self {
        Self {
            rows,
            now,
            outcomes: vec![None; rows.len()],
            touched: Vec::new(),
        }
    }

    /// Rows without an outcome.
    fn open(&self) -> Vec<usize> {
        (0..self.rows.len())
            .filter(|at| self.outcomes[*at].is_none())
            .collect()
    }

    fn keys(&self, open: &[usize]) -> Result<NaturalKeys<'a>, sqlx::Error> {
        NaturalKeys::of(open.iter().map(|at| &self.rows[*at]))
    }

    /// Flights with the positions of their rows among the given ones.
    fn at_rows(&self, open: &[usize], flights: Vec<FlightRecord>) -> Vec<(usize, FlightRecord)> {
        let positions: FxHashMap<_, usize> = open
            .iter()
            .map(|at| (natural_key(&self.rows[*at].plan), *at))
            .collect();
        flights
            .into_iter()
            .filter_map(|flight| Some((*positions.get(&natural_key(&flight.plan))?, flight)))
            .collect()
    }

    /// The flights of rows without an outcome, as a look finds them that locks nothing.
    async fn lookup(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<(usize, FlightRecord)>, sqlx::Error> {
        let open = self.open();
        let flights = by_keys(connection, self.keys(&open)?).await?;
        Ok(self.at_rows(&open, flights))
    }

    /// Inserts those rows that can be new flights; those whose key turns out to be taken stay without an outcome.
    async fn insert(
        &mut self,
        mut tx: PgTransaction<'static>,
        mut new: Vec<usize>,
    ) -> Result<PgTransaction<'static>, sqlx::Error> {
        new.retain(|at| decide::asked(&self.rows[*at], None).is_ok());
        if new.is_empty() {
            return Ok(tx);
        }
        new.sort_unstable_by_key(|at| key_order(&self.rows[*at].plan));
        let plans = new.iter().map(|at| &self.rows[*at].plan);
        let ids = new_ids(&mut tx, plans.clone()).await?;
        let flights: Vec<_> = ids.into_iter().zip(plans).collect();
        let (mut tx, copied) = copy_flights(tx, &flights, self.now).await?;
        let written = match copied {
            Copied::All => flights.iter().map(|(id, _)| id.raw()).collect(),
            Copied::None => {
                // Row by row, past those whose key is taken.
                let written = insert_flights(&mut tx, &flights, self.now).await?;
                let made = flights.iter().filter(|(id, _)| written.contains(&id.raw()));
                insert_cabins(&mut tx, made.copied()).await?;
                written
            }
        };
        for ((id, _), at) in flights.iter().zip(new) {
            if written.contains(&id.raw()) {
                self.outcomes[at] = Some(RowOutcome::Created);
                self.touched.push(*id);
            }
        }
        Ok(tx)
    }

    /// Locks the flights of rows without an outcome, decides about them, and writes those that change.
    async fn update(&mut self, tx: &mut PgTransaction<'_>) -> Result<(), sqlx::Error> {
        let open = self.open();
        if open.is_empty() {
            return Ok(());
        }
        let ids = lock_keys(tx, self.keys(&open)?).await?;
        let found = by_ids(tx, &ids).await?;
        let (positions, flights): (Vec<usize>, Vec<_>) =
            self.at_rows(&open, found).into_iter().unzip();
        let found = facts(tx, flights).await?;
        let mut changed = Vec::new();
        for (at, facts) in positions.into_iter().zip(&found) {
            self.outcomes[at] = Some(match decide::merge(facts, &self.rows[at]) {
                Ok(Merge::Unchanged) => RowOutcome::Unchanged,
                Ok(Merge::Changed(plan)) => {
                    changed.push((&facts.flight, plan));
                    self.touched.push(facts.flight.id);
                    RowOutcome::Updated
                }
                Err(refusal) => RowOutcome::Rejected(refusal),
            });
        }
        if changed.is_empty() {
            return Ok(());
        }
        update_flights(tx, &changed, self.now).await
    }

    /// The events, and the commit.
    async fn commit(
        &self,
        database: &Postgres,
        mut tx: PgTransaction<'static>,
    ) -> Result<(), sqlx::Error> {
        let events: Vec<Event> = self
            .touched
            .chunks(FLIGHTS_AN_EVENT)
            .map(|flights| Event::FlightsImported {
                flights: flights.to_vec(),
            })
            .collect();
        outbox::append(&mut tx, self.now, &events).await?;
        database.commit(tx).await
    }

    /// One a row: after the locks every row was found or inserted, if it could be.
    fn into_outcomes(self) -> Vec<RowOutcome> {
        self.rows
            .iter()
            .zip(self.outcomes)
            .map(|(row, outcome)| outcome.unwrap_or_else(|| RowOutcome::left(row)))
            .collect()
    }
}
