//! Sources of files on SQLite.

use airside_common::api::ingest::IngestSource;
use airside_common::ingest::SourceName;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteTransaction;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::clock::{now, while_of};
use super::{Sqlite, audit, micros};
use crate::features::audit::entry::NewEntry;
use crate::features::ingest::store::{
    ATTENDED_FOR, Change, ClaimedSource, CompletedFile, ConfiguredSource, FORGOTTEN_AFTER, GoOn,
    IngestStore, IngestStoreError, LEASE, Polled, Sighting, SourceLease,
};
use crate::features::uploads::store::FoundFile;
use crate::store::StoreError;
use crate::store::rows::ingest::{ClaimedRow, CompletedRow, SourceRow, assignment, written};

/// The database's time.
const NOW: &str = now!();

/// Records that a file was taken, in the transaction that makes its upload; answers the upload that its content had before,
/// unless that was given up.
pub(super) async fn take(
    tx: &mut SqliteTransaction<'_>,
    file: &FoundFile,
    sha256: &str,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    let before: Option<String> = sqlx::query_scalar(
        "INSERT INTO ingested_files (source, path, sha256, size, modified, state, seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'taken', ?6)
         ON CONFLICT (source, path, sha256) DO UPDATE SET size = excluded.size, modified = excluded.modified,
             state = 'taken', seen_at = excluded.seen_at
         RETURNING upload",
    )
    .bind(file.source.as_str())
    .bind(&file.path)
    .bind(sha256)
    .bind(file.size.cast_signed())
    .bind(file.modified.map(micros))
    .bind(micros(now))
    .fetch_one(&mut **tx)
    .await?;
    forget_refusal(tx, file).await?;
    let Some(before) = before else {
        return Ok(None);
    };
    sqlx::query_scalar(
        "SELECT id FROM uploads WHERE id = ?1 AND status NOT IN ('failed', 'cancelled')",
    )
    .bind(before)
    .fetch_optional(&mut **tx)
    .await
}

/// Records which upload a file has that was taken in this transaction.
pub(super) async fn taken_as(
    tx: &mut SqliteTransaction<'_>,
    file: &FoundFile,
    sha256: &str,
    upload: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE ingested_files SET upload = ?4 WHERE source = ?1 AND path = ?2 AND sha256 = ?3",
    )
    .bind(file.source.as_str())
    .bind(&file.path)
    .bind(sha256)
    .bind(upload)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What was refused is no more what is there.
async fn forget_refusal(
    tx: &mut SqliteTransaction<'_>,
    file: &FoundFile,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM ingested_files WHERE source = ?1 AND path = ?2 AND sha256 = ''")
        .bind(file.source.as_str())
        .bind(&file.path)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn rows(
    connection: &mut SqliteConnection,
    name: Option<&SourceName>,
) -> Result<Vec<IngestSource>, StoreError> {
    let rows: Vec<SourceRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT name, address, attended_at > {NOW} - ?2 AS attended, coalesce(lease_until > {NOW}, FALSE) AS polling, paused,
             last_poll, CASE WHEN wanted THEN min(coalesce(next_poll, {NOW}), {NOW}) ELSE next_poll END AS next_poll,
             failures, last_error, last_error_at, files_waiting, files_taken,
             (SELECT count(*) FROM ingested_files WHERE source = name AND state = 'refused') AS files_refused
         FROM ingest_sources WHERE ?1 IS NULL OR name = ?1 ORDER BY name"
    )))
    .bind(name.map(SourceName::as_str))
    .bind(while_of(ATTENDED_FOR))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(IngestSource::try_from).collect()
}

fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|e| sqlx::Error::Encode(e.into()))
}

#[async_trait]
impl IngestStore for Sqlite {
    async fn attend(&self, sources: &[ConfiguredSource]) -> Result<(), StoreError> {
        let mine: Vec<_> = sources
            .iter()
            .map(|source| (&source.name, &source.address))
            .collect();
        let mine = json(&mine)?;
        let mut tx = self.write().await?;
        sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO ingest_sources (name, address, attended_at)
             SELECT value ->> 0, value ->> 1, {NOW} FROM json_each(?1) WHERE TRUE
             ON CONFLICT (name) DO UPDATE SET address = excluded.address, attended_at = excluded.attended_at"
        )))
        .bind(mine)
        .execute(&mut *tx)
        .await?;
        sqlx::query(AssertSqlSafe(format!(
            "DELETE FROM ingest_sources WHERE attended_at < {NOW} - ?1"
        )))
        .bind(while_of(FORGOTTEN_AFTER))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn claim_source(
        &self,
        holder: &str,
        names: &[SourceName],
    ) -> Result<Option<ClaimedSource>, StoreError> {
        let names = json(&names)?;
        // The writer is not bothered where there is nothing to do.
        let due = format!(
            "SELECT name FROM ingest_sources WHERE name IN (SELECT value FROM json_each(?1)) AND NOT paused
                 AND (wanted OR next_poll IS NULL OR next_poll <= {NOW})
                 AND (lease_until IS NULL OR lease_until <= {NOW})
             ORDER BY wanted DESC, next_poll NULLS FIRST LIMIT 1"
        );
        let any: Option<String> = sqlx::query_scalar(AssertSqlSafe(due.clone()))
            .bind(&names)
            .fetch_optional(self.readers())
            .await?;
        if any.is_none() {
            return Ok(None);
        }
        let mut tx = self.write().await?;
        let row: Option<ClaimedRow> = sqlx::query_as(AssertSqlSafe(format!(
            "UPDATE ingest_sources SET holder = ?2, lease_until = {NOW} + ?3, wanted = FALSE WHERE name = ({due})
             RETURNING name, sightings, failures"
        )))
        .bind(&names)
        .bind(holder)
        .bind(while_of(LEASE))
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row.map(|row| row.claimed(holder)).transpose()?)
    }

    async fn renew_source(&self, lease: &SourceLease) -> Result<GoOn, StoreError> {
        let mut tx = self.write().await?;
        let paused: Option<bool> = sqlx::query_scalar(AssertSqlSafe(format!(
            "UPDATE ingest_sources SET lease_until = {NOW} + ?3 WHERE name = ?1 AND holder = ?2 RETURNING paused"
        )))
        .bind(lease.source.as_str())
        .bind(&lease.holder)
        .bind(while_of(LEASE))
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(match paused {
            None => GoOn::Lost,
            Some(true) => GoOn::Paused,
            Some(false) => GoOn::Yes,
        })
    }

    async fn finish_poll(&self, lease: &SourceLease, polled: &Polled) -> Result<bool, StoreError> {
        let (failed, error) = written(&polled.verdict);
        let mut tx = self.write().await?;
        let done = sqlx::query(AssertSqlSafe(format!(
            "UPDATE ingest_sources SET holder = NULL, lease_until = NULL, next_poll = {NOW} + ?3,
                 last_poll = CASE WHEN ?4 IS NULL THEN last_poll ELSE {NOW} END,
                 failures = CASE WHEN ?4 IS NULL THEN failures WHEN ?4 THEN failures + 1 ELSE 0 END,
                 last_error = coalesce(?5, last_error),
                 last_error_at = CASE WHEN ?5 IS NULL THEN last_error_at ELSE {NOW} END,
                 sightings = ?6, files_waiting = ?7, files_taken = files_taken + ?8
             WHERE name = ?1 AND holder = ?2"
        )))
        .bind(lease.source.as_str())
        .bind(&lease.holder)
        .bind(while_of(polled.pause))
        .bind(failed)
        .bind(error)
        .bind(json(&polled.sightings)?)
        .bind(i64::try_from(polled.sightings.len()).unwrap_or(i64::MAX))
        .bind(polled.taken.cast_signed())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    async fn unknown(
        &self,
        source: &SourceName,
        found: &[Sighting],
    ) -> Result<Vec<Sighting>, StoreError> {
        let files: Vec<_> = found
            .iter()
            .map(|file| (&file.path, file.size, file.modified))
            .collect();
        let unknown: Vec<i64> = sqlx::query_scalar(
            "SELECT key FROM json_each(?2) AS found
             WHERE NOT EXISTS (
                 SELECT 1 FROM ingested_files AS known WHERE known.source = ?1 AND known.path = found.value ->> 0
                     AND known.size = found.value ->> 1 AND known.modified IS found.value ->> 2
                     AND known.state <> 'settled')
             ORDER BY key",
        )
        .bind(source.as_str())
        .bind(json(&files)?)
        .fetch_all(self.readers())
        .await?;
        let of = |number: i64| found.get(usize::try_from(number).ok()?).cloned();
        Ok(unknown.into_iter().filter_map(of).collect())
    }

    async fn refuse(
        &self,
        source: &SourceName,
        file: &Sighting,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query(
            "INSERT INTO ingested_files (source, path, sha256, size, modified, state, error, seen_at)
             VALUES (?1, ?2, '', ?3, ?4, 'refused', ?5, ?6)
             ON CONFLICT (source, path, sha256) DO UPDATE SET size = excluded.size, modified = excluded.modified,
                 error = excluded.error, seen_at = excluded.seen_at",
        )
        .bind(source.as_str())
        .bind(&file.path)
        .bind(file.size.cast_signed())
        .bind(file.modified)
        .bind(error)
        .bind(micros(now))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn completed(
        &self,
        source: &SourceName,
        limit: u32,
    ) -> Result<Vec<CompletedFile>, StoreError> {
        let rows: Vec<CompletedRow> = sqlx::query_as(
            "SELECT path, size, modified, ingested_files.sha256 FROM ingested_files JOIN uploads ON uploads.id = upload
             WHERE source = ?1 AND state = 'taken' AND status = 'completed' ORDER BY path LIMIT ?2",
        )
        .bind(source.as_str())
        .bind(limit)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(CompletedFile::from).collect())
    }

    async fn settle(&self, source: &SourceName, file: &CompletedFile) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query(
            "UPDATE ingested_files SET state = 'settled' WHERE source = ?1 AND path = ?2 AND sha256 = ?3",
        )
        .bind(source.as_str())
        .bind(&file.file.path)
        .bind(&file.sha256)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn sources(&self) -> Result<Vec<IngestSource>, StoreError> {
        let mut reader = self.readers().acquire().await?;
        rows(&mut reader, None).await
    }

    async fn change_source(
        &self,
        source: &SourceName,
        change: Change,
        now: Timestamp,
        entry: NewEntry,
    ) -> Result<IngestSource, IngestStoreError> {
        let mut tx = self.write().await?;
        let paused: Option<bool> =
            sqlx::query_scalar("SELECT paused FROM ingest_sources WHERE name = ?1")
                .bind(source.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let is_paused = paused.ok_or(IngestStoreError::NotFound)?;
        if let Some(set) = assignment(change, is_paused)? {
            let change = format!("UPDATE ingest_sources SET {set} WHERE name = ?1");
            sqlx::query(AssertSqlSafe(change))
                .bind(source.as_str())
                .execute(&mut *tx)
                .await?;
            audit::append(&mut tx, now, &entry).await?;
        }
        let changed = rows(&mut tx, Some(source)).await?.pop();
        self.commit(tx).await?;
        changed.ok_or(IngestStoreError::NotFound)
    }

    async fn failing_sources(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM ingest_sources WHERE failures > 0 AND NOT paused",
        )
        .fetch_one(self.readers())
        .await?;
        Ok(count.cast_unsigned())
    }
}
