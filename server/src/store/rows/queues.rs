//! Entries of queues as they are read, and what messages mean for them.

use std::collections::BTreeMap;

use airside_common::api::queues::{QueueItem, QueueItemState, QueueTotal};
use airside_common::event::Event;
use airside_common::locator::Locator;
use airside_common::queue::{QueueItemId, QueueNumber, QueueReason};
use airside_common::time::Instant;
use airside_common::user::SYSTEM;
use serde::Serialize;
use sqlx::FromRow;

use super::decode;
use super::instant::StoredInstant;
use crate::features::queues::decide::{Entry, Standing, entries, queue_of};
use crate::messages::consumer::Delivery;

/// An entry, with what the database says of its state.
#[derive(FromRow)]
pub(crate) struct ItemRow {
    id: i64,
    office: String,
    queue: i64,
    reason: String,
    locator: String,
    remark: Option<String>,
    placed_at: StoredInstant,
    placed_by: Option<String>,
    due_at: StoredInstant,
    holder: Option<String>,
    lease_until: Option<StoredInstant>,
    pub(crate) is_done: bool,
    pub(crate) is_in_hand: bool,
    is_due: bool,
    /// Who took it last, where something has come since then that they do not know.
    behind: Option<String>,
}

fn number(queue: i64) -> Result<QueueNumber, sqlx::Error> {
    let number = u8::try_from(queue).map_err(decode)?;
    number.try_into().map_err(decode)
}

impl ItemRow {
    /// Who has taken it, if it is not the one who asks.
    pub(crate) fn other_holder(&self, asks: &str) -> Option<&str> {
        let holder = self.holder.as_deref().filter(|_| self.is_in_hand);
        holder.filter(|holder| *holder != asks)
    }

    /// Whether something has come that who asks has not seen: they have taken it before, even if their time is over.
    pub(crate) fn has_news_for(&self, asks: &str) -> bool {
        self.behind.as_deref() == Some(asks)
    }
}

impl TryFrom<ItemRow> for QueueItem {
    type Error = sqlx::Error;

    fn try_from(row: ItemRow) -> Result<Self, sqlx::Error> {
        let state = match (row.is_done, row.is_in_hand, row.is_due) {
            (true, _, _) => QueueItemState::Done,
            (_, true, _) => QueueItemState::InHand,
            (_, _, false) => QueueItemState::Delayed,
            (_, _, true) => QueueItemState::Waiting,
        };
        let is_taken = state == QueueItemState::InHand;
        let holder = row.holder.filter(|_| is_taken);
        let lease = row.lease_until.filter(|_| is_taken);
        Ok(Self {
            id: QueueItemId::from_raw(row.id),
            queue: number(row.queue)?.get(),
            reason: row.reason.parse().unwrap_or(QueueReason::Other),
            locator: row.locator.parse().map_err(decode)?,
            office: row.office.parse().map_err(decode)?,
            remark: row
                .remark
                .map(|text| text.parse())
                .transpose()
                .map_err(decode)?,
            state,
            placed_at: Instant(row.placed_at.timestamp()?),
            placed_by: row
                .placed_by
                .as_deref()
                .unwrap_or(SYSTEM)
                .parse()
                .map_err(decode)?,
            due_at: Instant(row.due_at.timestamp()?),
            taken_by: holder
                .map(|name| name.parse())
                .transpose()
                .map_err(decode)?,
            taken_until: lease
                .map(StoredInstant::timestamp)
                .transpose()?
                .map(Instant),
        })
    }
}

/// How many entries of a queue wait, are in somebody's hands, and are put off.
pub(crate) type TotalRow = (i64, i64, i64, i64);

/// All queues, those with nothing on them included.
pub(crate) fn totals(rows: &[TotalRow]) -> Vec<QueueTotal> {
    let count = |count: i64| count.cast_unsigned();
    QueueNumber::ALL
        .into_iter()
        .map(|queue| {
            let row = rows.iter().find(|row| row.0 == i64::from(queue.get()));
            let (_, waiting, in_hand, delayed) = row.copied().unwrap_or_default();
            QueueTotal {
                number: queue.get(),
                name: queue.name().to_owned(),
                waiting: count(waiting),
                in_hand: count(in_hand),
                delayed: count(delayed),
            }
        })
        .collect()
}

/// A booking, as far as it matters for queues.
#[derive(FromRow)]
pub(crate) struct StandingRow {
    id: i64,
    locator: String,
    office: String,
    status: String,
    has_new_times: bool,
    has_cancelled_flight: bool,
}

/// An entry that is to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OpenRow {
    pub(crate) office: String,
    pub(crate) queue: i16,
    pub(crate) reason: &'static str,
    pub(crate) booking_id: i64,
    /// The version of the booking that is the news; who has taken the entry when the booking had it knows it.
    pub(crate) version: i64,
}

/// An entry that is done with, if it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DoneRow {
    pub(crate) booking_id: i64,
    pub(crate) reason: &'static str,
}

/// The bookings of which messages speak.
pub(crate) fn locators(batch: &[&Delivery]) -> Vec<String> {
    let events = batch.iter().map(|delivery| &delivery.envelope.event);
    let mut locators: Vec<Locator> = events
        .filter_map(|event| Some(event.booking()?.locator))
        .collect();
    locators.sort_unstable();
    locators.dedup();
    locators.iter().map(ToString::to_string).collect()
}

/// What becomes of a booking's entry for a reason, by the messages until now.
struct Meaning<'a> {
    reason: QueueReason,
    entry: Entry,
    office: &'a str,
    version: u64,
}

/// What messages mean, in their order, for bookings as they are now.
pub(crate) fn meaning(
    batch: &[&Delivery],
    bookings: &[StandingRow],
) -> Result<(Vec<OpenRow>, Vec<DoneRow>), sqlx::Error> {
    let mut becomes: BTreeMap<(i64, &'static str), Meaning<'_>> = BTreeMap::new();
    for delivery in batch {
        let event: &Event = &delivery.envelope.event;
        let Some(of) = event.booking() else { continue };
        let Some(row) = bookings
            .iter()
            .find(|row| row.locator == of.locator.as_str())
        else {
            continue;
        };
        let standing = Standing {
            status: row.status.parse().map_err(decode)?,
            has_new_times: row.has_new_times,
            has_cancelled_flight: row.has_cancelled_flight,
        };
        for (reason, entry) in entries(event, standing) {
            let meaning = becomes.entry((row.id, reason.word())).or_insert(Meaning {
                reason,
                entry,
                office: &row.office,
                version: of.version,
            });
            meaning.entry = entry;
            // Messages may come in another order.
            meaning.version = meaning.version.max(of.version);
        }
    }
    let (mut open, mut done) = (Vec::new(), Vec::new());
    for ((booking_id, word), meaning) in becomes {
        match meaning.entry {
            Entry::Open => open.push(OpenRow {
                office: meaning.office.to_owned(),
                queue: i16::from(queue_of(meaning.reason).get()),
                reason: word,
                booking_id,
                version: meaning.version.cast_signed(),
            }),
            Entry::Done => done.push(DoneRow {
                booking_id,
                reason: word,
            }),
        }
    }
    Ok((open, done))
}

/// The events of queues that have changed, one for each.
pub(crate) fn changed(mut queues: Vec<(String, i64)>) -> Result<Vec<Event>, sqlx::Error> {
    queues.sort_unstable();
    queues.dedup();
    let event = |(office, queue): (String, i64)| {
        Ok(Event::QueueChanged {
            office: office.parse().map_err(decode)?,
            queue: number(queue)?,
        })
    };
    queues.into_iter().map(event).collect()
}
