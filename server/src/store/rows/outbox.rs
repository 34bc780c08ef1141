//! A look into the outbox as both databases answer it.

use std::collections::BTreeMap;

use super::instant::StoredInstant;
use crate::bus::Envelope;
use crate::outbox::{Lane, Page, Unreadable};

/// Lanes and how far they have got.
pub(crate) fn lanes(rows: impl IntoIterator<Item = (i64, i64)>) -> BTreeMap<Lane, i64> {
    let lane = |(lane, relayed)| Some((Lane::numbered(lane)?, relayed));
    rows.into_iter().filter_map(lane).collect()
}

/// Everything up to where was deleted, the newest position, and one event: position, payload, when it was made. Where
/// there is no event, one row stands without.
pub(crate) type OutboxRow = (i64, i64, Option<i64>, Option<String>, Option<StoredInstant>);

pub(crate) fn page(rows: Vec<OutboxRow>) -> Result<Page, sqlx::Error> {
    let (pruned, newest) = rows
        .first()
        .map(|(pruned, newest, ..)| (*pruned, *newest))
        // The row of the outbox's progress is never deleted.
        .ok_or(sqlx::Error::RowNotFound)?;
    let mut events = Vec::with_capacity(rows.len());
    for (_, _, id, payload, at) in rows {
        if let (Some(id), Some(payload), Some(at)) = (id, payload, at) {
            let at = at.timestamp()?;
            events.push(match serde_json::from_str(&payload) {
                Ok(event) => Ok(Envelope { id, at, event }),
                Err(source) => Err(Unreadable { id, source }),
            });
        }
    }
    Ok(Page {
        events,
        pruned,
        newest,
    })
}
