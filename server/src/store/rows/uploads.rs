//! Uploads as they are stored.

use airside_common::api::uploads::{FindingKind, Upload};
use airside_common::event::Event;
use airside_common::time::Instant;
use airside_common::upload::UploadId;
use clap::ValueEnum;
use sqlx::FromRow;

use super::decode;
use super::instant::StoredInstant;
use crate::config::ImportSettings;
use crate::features::flights::import::checkpoint::{
    KeptFinding, Lease, Position, Progress, Tally, Wish,
};
use crate::features::flights::import::resumable::Effect;
use crate::features::uploads::store::Claimed;
use crate::formats::Format;

/// The columns of an [`UploadRow`].
pub(crate) const COLUMNS: &str = "id, status, filename, format, currency, fares, dry_run, sha256, bytes_total, rows_total, \
     duplicate_of, created_by, created_at, started_at, finished_at, error, attempts, cancelling, \
     done_flights, done_rejected, done_noted, bytes_done, rows_created, rows_updated, rows_unchanged, rows_rejected, \
     rows_noted, rows_withdrawn, findings, differences";

/// An upload with its work.
#[derive(FromRow)]
pub(crate) struct UploadRow {
    id: String,
    status: String,
    filename: Option<String>,
    format: Option<String>,
    currency: String,
    fares: String,
    dry_run: bool,
    sha256: String,
    bytes_total: i64,
    rows_total: Option<i64>,
    duplicate_of: Option<String>,
    created_by: String,
    created_at: StoredInstant,
    started_at: Option<StoredInstant>,
    finished_at: Option<StoredInstant>,
    error: Option<String>,
    attempts: i64,
    cancelling: bool,
    done_flights: i64,
    done_rejected: i64,
    done_noted: i64,
    bytes_done: i64,
    rows_created: i64,
    rows_updated: i64,
    rows_unchanged: i64,
    rows_rejected: i64,
    rows_noted: i64,
    rows_withdrawn: i64,
    findings: i64,
    differences: String,
}

impl UploadRow {
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            position: Position {
                flights: self.done_flights.cast_unsigned(),
                rejected: self.done_rejected.cast_unsigned(),
                noted: self.done_noted.cast_unsigned(),
            },
            tally: Tally {
                created: self.rows_created.cast_unsigned(),
                updated: self.rows_updated.cast_unsigned(),
                unchanged: self.rows_unchanged.cast_unsigned(),
                rejected: self.rows_rejected.cast_unsigned(),
                noted: self.rows_noted.cast_unsigned(),
                withdrawn: self.rows_withdrawn.cast_unsigned(),
            },
            bytes: self.bytes_done.cast_unsigned(),
            findings: self.findings.cast_unsigned(),
        }
    }

    /// As a worker takes it.
    pub(crate) fn claimed(self, holder: &str) -> Result<Claimed, sqlx::Error> {
        let progress = self.progress();
        let format = self.format.as_deref().map(format_of).transpose()?;
        let unsaid = ImportSettings {
            currency: self.currency.clone(),
            fares: serde_json::from_str(&self.fares).map_err(decode)?,
        };
        let effect = if self.dry_run {
            Effect::DryRun
        } else {
            Effect::Merge
        };
        let attempts = self.attempts.cast_unsigned();
        let wish = wish(self.cancelling);
        let upload = Upload::try_from(self)?;
        Ok(Claimed {
            lease: Lease {
                upload: upload.id,
                holder: holder.to_owned(),
            },
            upload,
            format,
            unsaid,
            effect,
            progress,
            attempts,
            wish,
        })
    }
}

/// The columns of a [`RenewedRow`].
pub(crate) const RENEWED: &str = "cancelling, bytes_done, bytes_total, rows_created, rows_updated, rows_unchanged, rows_rejected";

/// How far an upload is whose lease is kept.
#[derive(FromRow)]
pub(crate) struct RenewedRow {
    cancelling: bool,
    bytes_done: i64,
    bytes_total: i64,
    rows_created: i64,
    rows_updated: i64,
    rows_unchanged: i64,
    rows_rejected: i64,
}

impl RenewedRow {
    pub(crate) fn wish(&self) -> Wish {
        wish(self.cancelling)
    }

    /// The event that tells it.
    pub(crate) fn progressed(&self, upload: UploadId) -> Event {
        let tally = Tally {
            created: self.rows_created.cast_unsigned(),
            updated: self.rows_updated.cast_unsigned(),
            unchanged: self.rows_unchanged.cast_unsigned(),
            rejected: self.rows_rejected.cast_unsigned(),
            ..Tally::default()
        };
        let bytes_total = self.bytes_total.cast_unsigned();
        Event::UploadProgressed {
            upload,
            rows_done: tally.rows(),
            bytes_done: self.bytes_done.cast_unsigned().min(bytes_total),
            bytes_total,
        }
    }
}

/// What the column `cancelling` means.
pub(crate) fn wish(cancelling: bool) -> Wish {
    if cancelling { Wish::Cancel } else { Wish::GoOn }
}

fn format_of(word: &str) -> Result<Format, sqlx::Error> {
    Format::from_str(word, false).map_err(|error| sqlx::Error::Decode(error.into()))
}

impl TryFrom<UploadRow> for Upload {
    type Error = sqlx::Error;

    fn try_from(row: UploadRow) -> Result<Self, sqlx::Error> {
        let instant = |at: Option<StoredInstant>| -> Result<Option<Instant>, sqlx::Error> {
            Ok(at.map(StoredInstant::timestamp).transpose()?.map(Instant))
        };
        let Progress { tally, bytes, .. } = row.progress();
        let bytes_total = row.bytes_total.cast_unsigned();
        Ok(Self {
            id: row.id.parse().map_err(decode)?,
            status: row.status.parse().map_err(decode)?,
            filename: row.filename,
            format: row.format,
            dry_run: row.dry_run,
            sha256: row.sha256,
            bytes_total,
            bytes_done: bytes.min(bytes_total),
            rows_total: row.rows_total.map(i64::cast_unsigned),
            rows_done: tally.rows(),
            rows_created: tally.created,
            rows_updated: tally.updated,
            rows_unchanged: tally.unchanged,
            rows_rejected: tally.rejected,
            rows_noted: tally.noted,
            rows_withdrawn: tally.withdrawn,
            error: row.error,
            duplicate_of: row
                .duplicate_of
                .map(|id| id.parse())
                .transpose()
                .map_err(decode)?,
            created_by: row.created_by.parse().map_err(decode)?,
            created_at: Instant(row.created_at.timestamp()?),
            started_at: instant(row.started_at)?,
            finished_at: instant(row.finished_at)?,
            differences: serde_json::from_str(&row.differences).map_err(decode)?,
        })
    }
}

/// The same without what only one that is asked for has.
pub(crate) fn in_list(row: UploadRow) -> Result<Upload, sqlx::Error> {
    let mut upload = Upload::try_from(row)?;
    upload.differences.clear();
    Ok(upload)
}

/// A finding.
#[derive(FromRow)]
pub(crate) struct FindingRow {
    number: i64,
    line: Option<i64>,
    cell: String,
    reason: String,
    value: String,
}

impl FindingRow {
    /// The finding with its number.
    pub(crate) fn of(self, kind: FindingKind) -> (u64, KeptFinding) {
        let finding = KeptFinding {
            kind,
            line: self.line.map(i64::cast_unsigned),
            column: self.cell,
            reason: self.reason,
            value: self.value,
        };
        (self.number.cast_unsigned(), finding)
    }
}

/// What an upload says that was stopped.
pub(crate) fn stopped(rows: u64) -> String {
    match rows {
        0 => "stopped before its first row".to_owned(),
        rows => format!("stopped behind {rows} rows; what was merged of them stays"),
    }
}
