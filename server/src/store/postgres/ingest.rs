//! Sources of files on PostgreSQL.

use airside_common::api::ingest::IngestSource;
use airside_common::ingest::SourceName;
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection, PgTransaction};

use super::clock::interval;
use super::{Postgres, audit};
use crate::features::audit::entry::NewEntry;
use crate::features::ingest::store::{
    ATTENDED_FOR, Change, ClaimedSource, CompletedFile, ConfiguredSource, FORGOTTEN_AFTER, GoOn,
    IngestStore, IngestStoreError, LEASE, Polled, Sighting, SourceLease,
};
use crate::features::uploads::store::FoundFile;
use crate::store::StoreError;
use crate::store::rows::ingest::{ClaimedRow, CompletedRow, SourceRow, assignment, written};
use crate::store::rows::instant::StoredInstant;

/// Records that a file was taken, in the transaction that makes its upload; answers the upload that its content had before,
/// unless that was given up. Whoever comes with the same waits here for the other.
pub(super) async fn take(
    tx: &mut PgTransaction<'_>,
    file: &FoundFile,
    sha256: &str,
    now: Timestamp,
) -> Result<Option<String>, sqlx::Error> {
    let before: Option<String> = sqlx::query_scalar(
        "INSERT INTO ingested_files AS known (source, path, sha256, size, modified, state, seen_at)
         VALUES ($1, $2, $3, $4, $5, 'taken', $6)
         ON CONFLICT (source, path, sha256) DO UPDATE SET size = excluded.size, modified = excluded.modified,
             state = 'taken', seen_at = excluded.seen_at
         RETURNING upload",
    )
    .bind(file.source.as_str())
    .bind(&file.path)
    .bind(sha256)
    .bind(file.size.cast_signed())
    .bind(file.modified.map(StoredInstant::from))
    .bind(StoredInstant::from(now))
    .fetch_one(&mut **tx)
    .await?;
    forget_refusal(tx, file).await?;
    let Some(before) = before else {
        return Ok(None);
    };
    sqlx::query_scalar(
        "SELECT id FROM uploads WHERE id = $1 AND status NOT IN ('failed', 'cancelled')",
    )
    .bind(before)
    .fetch_optional(&mut **tx)
    .await
}

/// Records which upload a file has that was taken in this transaction.
pub(super) async fn taken_as(
    tx: &mut PgTransaction<'_>,
    file: &FoundFile,
    sha256: &str,
    upload: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE ingested_files SET upload = $4 WHERE source = $1 AND path = $2 AND sha256 = $3",
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
async fn forget_refusal(tx: &mut PgTransaction<'_>, file: &FoundFile) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM ingested_files WHERE source = $1 AND path = $2 AND sha256 = ''")
        .bind(file.source.as_str())
        .bind(&file.path)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn rows(
    connection: &mut PgConnection,
    name: Option<&SourceName>,
) -> Result<Vec<IngestSource>, StoreError> {
    let rows: Vec<SourceRow> = sqlx::query_as(
        "SELECT name, address, attended_at > clock_timestamp() - $2 AS attended,
             coalesce(lease_until > clock_timestamp(), FALSE) AS polling, paused, last_poll,
             CASE WHEN wanted THEN least(next_poll, clock_timestamp()) ELSE next_poll END AS next_poll, failures, last_error,
             last_error_at, files_waiting, files_taken,
             (SELECT count(*) FROM ingested_files WHERE source = name AND state = 'refused') AS files_refused
         FROM ingest_sources WHERE $1::text IS NULL OR name = $1 ORDER BY name",
    )
    .bind(name.map(SourceName::as_str))
    .bind(interval(ATTENDED_FOR)?)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(IngestSource::try_from).collect()
}

#[async_trait]
impl IngestStore for Postgres {
    async fn attend(&self, sources: &[ConfiguredSource]) -> Result<(), StoreError> {
        let mut sources: Vec<_> = sources.iter().collect();
        // In one order, so that two processes do not wait for each other.
        sources.sort_by(|one, other| one.name.cmp(&other.name));
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let addresses: Vec<&str> = sources.iter().map(|s| s.address.as_str()).collect();
        let mut tx = self.write().await?;
        sqlx::query(
            "INSERT INTO ingest_sources (name, address, attended_at)
             SELECT name, address, clock_timestamp() FROM unnest($1::text[], $2::text[]) AS mine (name, address)
             ON CONFLICT (name) DO UPDATE SET address = excluded.address, attended_at = excluded.attended_at",
        )
        .bind(names)
        .bind(addresses)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM ingest_sources WHERE attended_at < clock_timestamp() - $1")
            .bind(interval(FORGOTTEN_AFTER)?)
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
        let names: Vec<&str> = names.iter().map(SourceName::as_str).collect();
        let row: Option<ClaimedRow> = sqlx::query_as(
            "UPDATE ingest_sources SET holder = $1, lease_until = clock_timestamp() + $3, wanted = FALSE
             WHERE name = (
                 SELECT name FROM ingest_sources WHERE name = ANY ($2) AND NOT paused
                     AND (wanted OR next_poll IS NULL OR next_poll <= clock_timestamp())
                     AND (lease_until IS NULL OR lease_until <= clock_timestamp())
                 ORDER BY wanted DESC, next_poll NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING name, sightings, failures",
        )
        .bind(holder)
        .bind(names)
        .bind(interval(LEASE)?)
        .fetch_optional(&self.primary())
        .await?;
        Ok(row.map(|row| row.claimed(holder)).transpose()?)
    }

    async fn renew_source(&self, lease: &SourceLease) -> Result<GoOn, StoreError> {
        let paused: Option<bool> = sqlx::query_scalar(
            "UPDATE ingest_sources SET lease_until = clock_timestamp() + $3 WHERE name = $1 AND holder = $2 RETURNING paused",
        )
        .bind(lease.source.as_str())
        .bind(&lease.holder)
        .bind(interval(LEASE)?)
        .fetch_optional(&self.primary())
        .await?;
        Ok(match paused {
            None => GoOn::Lost,
            Some(true) => GoOn::Paused,
            Some(false) => GoOn::Yes,
        })
    }

    async fn finish_poll(&self, lease: &SourceLease, polled: &Polled) -> Result<bool, StoreError> {
        let sightings =
            serde_json::to_string(&polled.sightings).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let (failed, error) = written(&polled.verdict);
        let done = sqlx::query(
            "UPDATE ingest_sources SET holder = NULL, lease_until = NULL, next_poll = clock_timestamp() + $3,
                 last_poll = CASE WHEN $4::boolean IS NULL THEN last_poll ELSE clock_timestamp() END,
                 failures = CASE WHEN $4 IS NULL THEN failures WHEN $4 THEN failures + 1 ELSE 0 END,
                 last_error = coalesce($5, last_error),
                 last_error_at = CASE WHEN $5::text IS NULL THEN last_error_at ELSE clock_timestamp() END,
                 sightings = $6, files_waiting = $7, files_taken = files_taken + $8
             WHERE name = $1 AND holder = $2",
        )
        .bind(lease.source.as_str())
        .bind(&lease.holder)
        .bind(interval(polled.pause)?)
        .bind(failed)
        .bind(error)
        .bind(sightings)
        .bind(i64::try_from(polled.sightings.len()).unwrap_or(i64::MAX))
        .bind(polled.taken.cast_signed())
        .execute(&self.primary())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn unknown(
        &self,
        source: &SourceName,
        found: &[Sighting],
    ) -> Result<Vec<Sighting>, StoreError> {
        let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
        let sizes: Vec<i64> = found.iter().map(|file| file.size.cast_signed()).collect();
        let times: Vec<Option<StoredInstant>> = found
            .iter()
            .map(|file| file.modified.map(StoredInstant))
            .collect();
        let unknown: Vec<i64> = sqlx::query_scalar(
            "SELECT found.number FROM unnest($2::text[], $3::bigint[], $4::timestamptz[]) WITH ORDINALITY
                 AS found (path, size, modified, number)
             WHERE NOT EXISTS (
                 SELECT FROM ingested_files AS known WHERE known.source = $1 AND known.path = found.path
                     AND known.size = found.size AND known.modified IS NOT DISTINCT FROM found.modified
                     AND known.state <> 'settled')
             ORDER BY found.number",
        )
        .bind(source.as_str())
        .bind(paths)
        .bind(sizes)
        .bind(times)
        .fetch_all(&self.primary())
        .await?;
        let of = |number: i64| found.get(usize::try_from(number - 1).ok()?).cloned();
        Ok(unknown.into_iter().filter_map(of).collect())
    }

    async fn refuse(
        &self,
        source: &SourceName,
        file: &Sighting,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO ingested_files (source, path, sha256, size, modified, state, error, seen_at)
             VALUES ($1, $2, '', $3, $4, 'refused', $5, $6)
             ON CONFLICT (source, path, sha256) DO UPDATE SET size = excluded.size, modified = excluded.modified,
                 error = excluded.error, seen_at = excluded.seen_at",
        )
        .bind(source.as_str())
        .bind(&file.path)
        .bind(file.size.cast_signed())
        .bind(file.modified.map(StoredInstant))
        .bind(error)
        .bind(StoredInstant::from(now))
        .execute(&self.primary())
        .await?;
        Ok(())
    }

    async fn completed(
        &self,
        source: &SourceName,
        limit: u32,
    ) -> Result<Vec<CompletedFile>, StoreError> {
        let rows: Vec<CompletedRow> = sqlx::query_as(
            "SELECT path, size, modified, ingested_files.sha256 FROM ingested_files JOIN uploads ON uploads.id = upload
             WHERE source = $1 AND state = 'taken' AND status = 'completed' ORDER BY path LIMIT $2",
        )
        .bind(source.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.primary())
        .await?;
        Ok(rows.into_iter().map(CompletedFile::from).collect())
    }

    async fn settle(&self, source: &SourceName, file: &CompletedFile) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE ingested_files SET state = 'settled' WHERE source = $1 AND path = $2 AND sha256 = $3",
        )
        .bind(source.as_str())
        .bind(&file.file.path)
        .bind(&file.sha256)
        .execute(&self.primary())
        .await?;
        Ok(())
    }

    async fn sources(&self) -> Result<Vec<IngestSource>, StoreError> {
        let mut reader = self.primary().acquire().await?;
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
            sqlx::query_scalar("SELECT paused FROM ingest_sources WHERE name = $1 FOR UPDATE")
                .bind(source.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let is_paused = paused.ok_or(IngestStoreError::NotFound)?;
        if let Some(set) = assignment(change, is_paused)? {
            let change = format!("UPDATE ingest_sources SET {set} WHERE name = $1");
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
        .fetch_one(&self.primary())
        .await?;
        Ok(count.cast_unsigned())
    }
}
