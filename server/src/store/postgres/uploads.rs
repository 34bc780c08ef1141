//! Uploads on PostgreSQL.

use std::time::Duration;

use airside_common::api::uploads::{Difference, FindingKind, Upload};
use airside_common::event::Event;
use airside_common::upload::{UploadId, UploadStatus};
use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection, PgTransaction};

use super::clock::interval;
use super::{Postgres, audit, ingest, outbox};
use crate::features::audit::entry::NewEntry;
use crate::features::flights::import::checkpoint::{Advance, KeptFinding, Lease, Progress, Wish};
use crate::features::flights::import::resumable::{Effect, Ledger};
use crate::features::flights::store::FlightStoreError;
use crate::features::uploads::store::{
    Added, Claimed, Ended, LEASE, NewUpload, Repeat, UploadStore, UploadStoreError,
};
use crate::store::StoreError;
use crate::store::rows::decode;
use crate::store::rows::instant::StoredInstant;
use crate::store::rows::uploads::{
    COLUMNS, FindingRow, RENEWED, RenewedRow, UploadRow, in_list, stopped, wish,
};

/// Findings that are deleted at once: what is deleted is locked meanwhile.
const PRUNED_AT_ONCE: u32 = 2000;

/// Saves how far an import is in the transaction that merged; `None` where its lease does not hold any more.
pub(super) async fn save(
    tx: &mut PgTransaction<'_>,
    advance: &Advance,
) -> Result<Option<Wish>, sqlx::Error> {
    let Progress {
        position,
        tally,
        bytes,
        findings,
    } = advance.progress;
    let id = advance.lease.upload.to_string();
    let cancelling: Option<bool> = sqlx::query_scalar("UPDATE uploads SET done_flights = $3, done_rejected = $4, done_noted = $5, bytes_done = $6, rows_created = $7,
             rows_updated = $8, rows_unchanged = $9, rows_rejected = $10, rows_noted = $11, rows_withdrawn = $12,
             findings = $13, attempts = 0, lease_until = clock_timestamp() + $14
         WHERE id = $1 AND holder = $2 AND status = 'processing' RETURNING cancelling")
    .bind(&id)
    .bind(&advance.lease.holder)
    .bind(position.flights.cast_signed())
    .bind(position.rejected.cast_signed())
    .bind(position.noted.cast_signed())
    .bind(bytes.cast_signed())
    .bind(tally.created.cast_signed())
    .bind(tally.updated.cast_signed())
    .bind(tally.unchanged.cast_signed())
    .bind(tally.rejected.cast_signed())
    .bind(tally.noted.cast_signed())
    .bind(tally.withdrawn.cast_signed())
    .bind(findings.cast_signed())
    .bind(interval(LEASE)?)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(cancelling) = cancelling else {
        return Ok(None);
    };
    if !advance.findings.is_empty() {
        let found = &advance.findings;
        let numbers = (advance.first_finding()..).zip(found);
        let numbers: Vec<i64> = numbers.map(|(number, _)| number.cast_signed()).collect();
        let kinds: Vec<&str> = found.iter().map(|f| f.kind.word()).collect();
        let lines: Vec<Option<i64>> = found.iter().map(|f| f.line.map(u64::cast_signed)).collect();
        let cells: Vec<&str> = found.iter().map(|f| f.column.as_str()).collect();
        let reasons: Vec<&str> = found.iter().map(|f| f.reason.as_str()).collect();
        let values: Vec<&str> = found.iter().map(|f| f.value.as_str()).collect();
        sqlx::query(
            "INSERT INTO upload_findings (upload_id, number, kind, line, cell, reason, value)
             SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])",
        )
        .bind(&id)
        .bind(numbers)
        .bind(kinds)
        .bind(lines)
        .bind(cells)
        .bind(reasons)
        .bind(values)
        .execute(&mut **tx)
        .await?;
    }
    if !advance.differences.is_empty() {
        let before: String = sqlx::query_scalar("SELECT differences FROM uploads WHERE id = $1")
            .bind(&id)
            .fetch_one(&mut **tx)
            .await?;
        let mut all: Vec<Difference> = serde_json::from_str(&before).map_err(decode)?;
        all.extend(advance.differences.iter().cloned());
        let all = serde_json::to_string(&all).map_err(|e| sqlx::Error::Encode(e.into()))?;
        sqlx::query("UPDATE uploads SET differences = $2 WHERE id = $1")
            .bind(&id)
            .bind(all)
            .execute(&mut **tx)
            .await?;
    }
    Ok(Some(wish(cancelling)))
}

async fn find(
    connection: &mut PgConnection,
    id: UploadId,
) -> Result<Option<UploadRow>, sqlx::Error> {
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM uploads WHERE id = $1"
    )))
    .bind(id.to_string())
    .fetch_optional(connection)
    .await
}

async fn found(connection: &mut PgConnection, id: UploadId) -> Result<Upload, sqlx::Error> {
    let row = find(connection, id).await?;
    Upload::try_from(row.ok_or(sqlx::Error::RowNotFound)?)
}

#[async_trait]
impl Ledger for Postgres {
    async fn save(&self, advance: &Advance) -> Result<Wish, FlightStoreError> {
        let saved = async {
            let mut tx = self.write().await?;
            let wish = save(&mut tx, advance).await?;
            if wish.is_some() {
                self.commit(tx).await?;
            }
            Ok::<_, sqlx::Error>(wish)
        };
        let wish = saved.await.map_err(StoreError::from)?;
        wish.ok_or(FlightStoreError::LeaseLost)
    }

    async fn forget_withdrawn(&self, lease: &Lease) -> Result<Progress, FlightStoreError> {
        let forgotten = async {
            let mut tx = self.write().await?;
            let id = lease.upload.to_string();
            let deleted = sqlx::query(
                "DELETE FROM upload_findings WHERE upload_id = $1 AND kind = 'withdrawn'",
            )
            .bind(&id)
            .execute(&mut *tx)
            .await?;
            let row: Option<UploadRow> = sqlx::query_as(AssertSqlSafe(format!(
                "UPDATE uploads SET rows_withdrawn = 0, findings = findings - $3
                 WHERE id = $1 AND holder = $2 AND status = 'processing' RETURNING {COLUMNS}"
            )))
            .bind(&id)
            .bind(&lease.holder)
            .bind(deleted.rows_affected().cast_signed())
            .fetch_optional(&mut *tx)
            .await?;
            if row.is_some() {
                self.commit(tx).await?;
            }
            Ok::<_, sqlx::Error>(row)
        };
        let row = forgotten.await.map_err(StoreError::from)?;
        Ok(row.ok_or(FlightStoreError::LeaseLost)?.progress())
    }
}

#[async_trait]
impl UploadStore for Postgres {
    async fn add(
        &self,
        new: NewUpload,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<Added, StoreError> {
        let fares =
            serde_json::to_string(&new.unsaid.fares).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let mut tx = self.write().await?;
        if let Some(file) = &new.fetched
            && let Some(known) = ingest::take(&mut tx, file, &new.sha256, now).await?
        {
            let known = found(&mut tx, known.parse().map_err(decode)?).await?;
            self.commit(tx).await?;
            return Ok(Added::Known(known));
        }
        if new.repeat == Repeat::No && new.effect == Effect::Merge {
            let known: Option<UploadRow> = sqlx::query_as(AssertSqlSafe(format!(
                "SELECT {COLUMNS} FROM uploads WHERE sha256 = $1 AND status = 'completed' AND dry_run = FALSE
                     AND currency = $2 AND fares = $3 ORDER BY id DESC LIMIT 1"
            )))
            .bind(&new.sha256)
            .bind(&new.unsaid.currency)
            .bind(&fares)
            .fetch_optional(&mut *tx)
            .await?;
            if let Some(known) = known {
                let known = Upload::try_from(known)?;
                if let Some(file) = &new.fetched {
                    let upload = known.id.to_string();
                    ingest::taken_as(&mut tx, file, &new.sha256, &upload).await?;
                    self.commit(tx).await?;
                }
                return Ok(Added::Known(known));
            }
        }
        sqlx::query(
            "INSERT INTO uploads (id, status, filename, format, currency, fares, dry_run, sha256, bytes_total, rows_total,
                 duplicate_of, created_by, created_at)
             VALUES ($1, 'queued', $2, $3, $4, $5, $6, $7, $8, $9,
                 (SELECT id FROM uploads WHERE sha256 = $7 ORDER BY id DESC LIMIT 1), $10, $11)",
        )
        .bind(new.id.to_string())
        .bind(&new.filename)
        .bind(new.format.map(|format| format.to_string()))
        .bind(&new.unsaid.currency)
        .bind(&fares)
        .bind(new.effect == Effect::DryRun)
        .bind(&new.sha256)
        .bind(new.bytes.cast_signed())
        .bind(new.rows.map(u64::cast_signed))
        .bind(new.created_by.to_string())
        .bind(StoredInstant::from(now))
        .execute(&mut *tx)
        .await?;
        outbox::append(&mut tx, now, &[Event::UploadReceived { upload: new.id }]).await?;
        audit::append(&mut tx, now, &audit).await?;
        if let Some(file) = &new.fetched {
            ingest::taken_as(&mut tx, file, &new.sha256, &new.id.to_string()).await?;
        }
        let added = found(&mut tx, new.id).await?;
        self.commit(tx).await?;
        Ok(Added::Queued(added))
    }

    async fn upload(&self, id: UploadId) -> Result<Option<Upload>, StoreError> {
        let mut reader = self.primary().acquire().await?;
        let row = find(&mut reader, id).await?;
        Ok(row.map(Upload::try_from).transpose()?)
    }

    async fn uploads(
        &self,
        status: Option<UploadStatus>,
        before: Option<UploadId>,
        limit: u32,
    ) -> Result<Vec<Upload>, StoreError> {
        let rows: Vec<UploadRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM uploads WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR id < $2)
             ORDER BY id DESC LIMIT $3"
        )))
        .bind(status.map(UploadStatus::word))
        .bind(before.map(|id| id.to_string()))
        .bind(i64::from(limit))
        .fetch_all(&self.primary())
        .await?;
        rows.into_iter().map(|row| Ok(in_list(row)?)).collect()
    }

    async fn findings(
        &self,
        id: UploadId,
        kind: FindingKind,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Option<Vec<(u64, KeptFinding)>>, StoreError> {
        let mut tx = self.primary().begin().await?;
        let pruned: Option<bool> =
            sqlx::query_scalar("SELECT pruned_at IS NOT NULL FROM uploads WHERE id = $1")
                .bind(id.to_string())
                .fetch_optional(&mut *tx)
                .await?;
        if pruned != Some(false) {
            return Ok(None);
        }
        let rows: Vec<FindingRow> = sqlx::query_as(
            "SELECT number, line, cell, reason, value FROM upload_findings
             WHERE upload_id = $1 AND kind = $2 AND number > $3 ORDER BY number LIMIT $4",
        )
        .bind(id.to_string())
        .bind(kind.word())
        .bind(after.map_or(-1, u64::cast_signed))
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
        Ok(Some(rows.into_iter().map(|row| row.of(kind)).collect()))
    }

    async fn stop(
        &self,
        id: UploadId,
        now: Timestamp,
        audit: NewEntry,
    ) -> Result<Upload, UploadStoreError> {
        let mut tx = self.write().await?;
        sqlx::query("SELECT FROM uploads WHERE id = $1 FOR UPDATE")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        let row = find(&mut tx, id).await?.ok_or(UploadStoreError::NotFound)?;
        let upload = Upload::try_from(row)?;
        match upload.status {
            UploadStatus::Cancelled => return Ok(upload),
            UploadStatus::Completed | UploadStatus::Failed => {
                return Err(UploadStoreError::HasEnded(upload.status));
            }
            UploadStatus::Processing => {
                sqlx::query("UPDATE uploads SET cancelling = TRUE WHERE id = $1")
                    .bind(id.to_string())
                    .execute(&mut *tx)
                    .await?;
            }
            UploadStatus::Queued => {
                sqlx::query(
                    "UPDATE uploads SET status = 'cancelled', cancelling = TRUE, finished_at = $2, error = $3
                     WHERE id = $1",
                )
                .bind(id.to_string())
                .bind(StoredInstant::from(now))
                .bind(stopped(upload.rows_done))
                .execute(&mut *tx)
                .await?;
                let status = UploadStatus::Cancelled;
                let event = Event::UploadCompleted { upload: id, status };
                outbox::append(&mut tx, now, &[event]).await?;
            }
        }
        audit::append(&mut tx, now, &audit).await?;
        let upload = found(&mut tx, id).await?;
        self.commit(tx).await?;
        Ok(upload)
    }

    async fn claim(&self, holder: &str, now: Timestamp) -> Result<Option<Claimed>, StoreError> {
        let serving = self.primary();
        let row: Option<UploadRow> = sqlx::query_as(AssertSqlSafe(format!(
            "UPDATE uploads SET status = 'processing', holder = $1, lease_until = clock_timestamp() + $2,
                 attempts = attempts + 1, started_at = coalesce(started_at, $3)
             WHERE id = (
                 SELECT id FROM uploads WHERE status IN ('queued', 'processing')
                     AND (lease_until IS NULL OR lease_until <= clock_timestamp())
                 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING {COLUMNS}"
        )))
        .bind(holder)
        .bind(interval(LEASE)?)
        .bind(StoredInstant::from(now))
        .fetch_optional(&serving)
        .await?;
        Ok(row.map(|row| row.claimed(holder)).transpose()?)
    }

    async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<Option<Wish>, StoreError> {
        let mut tx = self.write().await?;
        let row: Option<RenewedRow> = sqlx::query_as(AssertSqlSafe(format!(
            "UPDATE uploads SET lease_until = clock_timestamp() + $3
             WHERE id = $1 AND holder = $2 AND status = 'processing' RETURNING {RENEWED}"
        )))
        .bind(lease.upload.to_string())
        .bind(&lease.holder)
        .bind(interval(LEASE)?)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        outbox::append(&mut tx, now, &[row.progressed(lease.upload)]).await?;
        self.commit(tx).await?;
        Ok(Some(row.wish()))
    }

    async fn give_back(&self, lease: &Lease, pause: Duration) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let given = sqlx::query("UPDATE uploads SET status = 'queued', holder = NULL, lease_until = clock_timestamp() + $3
             WHERE id = $1 AND holder = $2 AND status = 'processing'")
        .bind(lease.upload.to_string())
        .bind(&lease.holder)
        .bind(interval(pause)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(given.rows_affected() == 1)
    }

    async fn finish(
        &self,
        lease: &Lease,
        ended: Ended,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let done = sqlx::query(
            "UPDATE uploads SET status = $3, error = $4, format = coalesce($5::text, format), finished_at = $6, holder = NULL,
                 lease_until = NULL,
                 bytes_done = CASE $3::text WHEN 'completed' THEN bytes_total ELSE bytes_done END,
                 rows_total = CASE $3::text WHEN 'completed'
                     THEN rows_created + rows_updated + rows_unchanged + rows_rejected ELSE rows_total END
             WHERE id = $1 AND holder = $2 AND status = 'processing'",
        )
        .bind(lease.upload.to_string())
        .bind(&lease.holder)
        .bind(ended.status.word())
        .bind(&ended.error)
        .bind(ended.format.map(|format| format.to_string()))
        .bind(StoredInstant::from(now))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let event = Event::UploadCompleted {
            upload: lease.upload,
            status: ended.status,
        };
        outbox::append(&mut tx, now, &[event]).await?;
        self.commit(tx).await?;
        Ok(true)
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM uploads WHERE status = 'queued'")
            .fetch_one(&self.primary())
            .await?;
        Ok(count.cast_unsigned())
    }

    async fn ended_before(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<UploadId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT id FROM uploads WHERE pruned_at IS NULL AND finished_at < $1 ORDER BY finished_at LIMIT $2",
        )
        .bind(StoredInstant::from(before))
        .bind(i64::from(limit))
        .fetch_all(&self.primary())
        .await?;
        let ids = ids.iter().map(|id| Ok(id.parse().map_err(decode)?));
        ids.collect()
    }

    async fn prune(&self, id: UploadId, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let deleted = sqlx::query(
            "DELETE FROM upload_findings WHERE upload_id = $1
                 AND number IN (SELECT number FROM upload_findings WHERE upload_id = $1 LIMIT $2)",
        )
        .bind(id.to_string())
        .bind(i64::from(PRUNED_AT_ONCE))
        .execute(&mut *tx)
        .await?;
        let is_done = deleted.rows_affected() < u64::from(PRUNED_AT_ONCE);
        if is_done {
            sqlx::query("UPDATE uploads SET pruned_at = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(StoredInstant::from(now))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(is_done)
    }
}
