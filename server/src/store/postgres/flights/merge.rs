//! Merging a file's rows: what is not there is inserted, what differs is updated, what is the same is not written.

use airside_common::event::Event;
use airside_common::flight::FlightId;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use sqlx::{PgConnection, PgTransaction};

use super::super::{Postgres, months, outbox, uploads};
use super::BEGIN_ONE_MOMENT;
use super::locks::lock_keys;
use super::reading::{NaturalKeys, by_ids, by_keys, facts};
use super::writes::{
    Copied, copy_flights, insert_cabins, insert_flights, key_order, new_ids, note_moves,
    update_flights,
};
use crate::features::flights::decide::{self, Merge};
use crate::features::flights::import::RowOutcome;
use crate::features::flights::import::checkpoint::Advance;
use crate::features::flights::store::{
    Expect, FlightFacts, FlightRecord, MergedPart, PlannedRow, Preview,
};
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
    Ok(chunk.settled())
}

pub(super) async fn merge(
    database: &Postgres,
    rows: &[PlannedRow],
    expect: Expect,
    now: Timestamp,
) -> Result<Vec<RowOutcome>, sqlx::Error> {
    let mut chunk = Chunk::new(rows, now);
    months::make(database, rows.iter().map(|row| &row.plan)).await?;
    let mut tx = begin(database).await?;
    let new = chunk.new_rows(&mut tx, expect).await?;
    if !chunk.open().is_empty() {
        let tx = chunk.write(tx, new).await?;
        chunk.commit(database, tx).await?;
    }
    Ok(chunk.settled())
}

/// The same with the progress of an upload; `None` where its lease does not hold any more.
pub(super) async fn merge_part(
    database: &Postgres,
    rows: &[PlannedRow],
    expect: Expect,
    now: Timestamp,
    advance: &Advance,
) -> Result<Option<MergedPart>, sqlx::Error> {
    let mut chunk = Chunk::new(rows, now);
    months::make(database, rows.iter().map(|row| &row.plan)).await?;
    let mut tx = begin(database).await?;
    let new = chunk.new_rows(&mut tx, expect).await?;
    if !chunk.open().is_empty() {
        tx = chunk.write(tx, new).await?;
    }
    let outcomes = chunk.settled();
    // The row of the upload comes after all other locks.
    let advance = advance.clone().with(rows, &outcomes);
    let Some(wish) = uploads::save(&mut tx, &advance).await? else {
        return Ok(None);
    };
    chunk.commit(database, tx).await?;
    Ok(Some(MergedPart { outcomes, wish }))
}

/// What would become of rows, at one moment.
pub(super) async fn preview(
    database: &Postgres,
    rows: &[PlannedRow],
) -> Result<Vec<Preview>, sqlx::Error> {
    let mut tx = database.primary().begin_with(BEGIN_ONE_MOMENT).await?;
    sqlx::raw_sql(BY_INDEXES).execute(&mut *tx).await?;
    let chunk = Chunk::new(rows, Timestamp::UNIX_EPOCH);
    let found = chunk.lookup(&mut tx).await?;
    let (positions, flights): (Vec<usize>, Vec<_>) = found.into_iter().unzip();
    let facts = facts(&mut tx, flights).await?;
    let known: FxHashMap<usize, FlightFacts> = positions.into_iter().zip(facts).collect();
    let previews = rows.iter().enumerate();
    Ok(previews
        .map(|(at, row)| Preview::of(row, known.get(&at)))
        .collect())
}

/// For transactions whose statements find their rows, some thousand of millions, by the indexes and nothing else: the planner
/// does not know how many there are in a table that has just begun to grow, and keeps for the whole import what it then
/// thought best.
const BY_INDEXES: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
     SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";

async fn begin(database: &Postgres) -> Result<PgTransaction<'static>, sqlx::Error> {
    let mut tx = database.write().await?;
    sqlx::raw_sql(BY_INDEXES).execute(&mut *tx).await?;
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

    /// The rows that are thought to be new flights. A look without locks finds what is unchanged and what is not there;
    /// what differs is looked at again under locks.
    async fn new_rows(
        &mut self,
        connection: &mut PgConnection,
        expect: Expect,
    ) -> Result<Vec<usize>, sqlx::Error> {
        let mut new = self.open();
        if expect == Expect::Known {
            let mut is_new = vec![true; self.rows.len()];
            for (at, flight) in self.lookup(connection).await? {
                is_new[at] = false;
                if decide::is_so(&self.rows[at], &flight.plan) {
                    self.outcomes[at] = Some(RowOutcome::Unchanged);
                }
            }
            new.retain(|at| is_new[*at]);
        }
        Ok(new)
    }

    /// Writes the rows that have no outcome yet. New flights first: their keys come before all locks.
    async fn write(
        &mut self,
        tx: PgTransaction<'static>,
        new: Vec<usize>,
    ) -> Result<PgTransaction<'static>, sqlx::Error> {
        let mut tx = self.insert(tx, new).await?;
        self.update(&mut tx).await?;
        Ok(tx)
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
        let (mut changed, mut moved) = (Vec::new(), Vec::new());
        for (at, facts) in positions.into_iter().zip(&found) {
            self.outcomes[at] = Some(match decide::merge(facts, &self.rows[at]) {
                Ok(Merge::Unchanged) => RowOutcome::Unchanged,
                Ok(Merge::Changed(plan)) => {
                    if decide::is_told(facts, &plan) {
                        moved.push(&facts.flight);
                    }
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
        note_moves(tx, &moved).await?;
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
    fn settled(&self) -> Vec<RowOutcome> {
        let outcome = |(row, outcome): (&PlannedRow, &Option<RowOutcome>)| {
            outcome.clone().unwrap_or_else(|| RowOutcome::left(row))
        };
        self.rows.iter().zip(&self.outcomes).map(outcome).collect()
    }
}
