//! What only admins see: uploads, sources, dead letters.

use airside_common::api::dead_letters::{DeadLetter, DeadLetterDetail};
use airside_common::api::ingest::{IngestSource, SourceState};
use airside_common::api::uploads::{Difference, Upload};
use airside_common::time::Instant;
use airside_common::upload::{UploadId, UploadStatus};

use super::{locator, noon};

/// An upload in the middle of its work.
pub(crate) fn upload(n: u128) -> Upload {
    Upload {
        id: UploadId(uuid::Uuid::from_u128(n)),
        status: UploadStatus::Processing,
        filename: Some(format!("summer-{n}.csv")),
        format: Some("airside".to_owned()),
        dry_run: false,
        sha256: "0".repeat(64),
        bytes_total: 1_000_000,
        bytes_done: 450_000,
        rows_total: Some(12_000),
        rows_done: 5_400,
        rows_created: 5_000,
        rows_updated: 300,
        rows_unchanged: 90,
        rows_rejected: 10,
        rows_noted: 0,
        rows_withdrawn: 0,
        error: None,
        duplicate_of: None,
        created_by: "root".parse().unwrap(),
        created_at: Instant(noon()),
        started_at: Some(Instant(noon())),
        finished_at: None,
        differences: Vec::new(),
    }
}

/// A dry run that has ended.
pub(crate) fn dry_run(n: u128) -> Upload {
    let difference = |flight: &str, field: &str, before: Option<&str>, after: &str| Difference {
        flight: flight.to_owned(),
        field: field.to_owned(),
        before: before.map(str::to_owned),
        after: Some(after.to_owned()),
    };
    Upload {
        status: UploadStatus::Completed,
        dry_run: true,
        bytes_done: 1_000_000,
        rows_done: 12_000,
        rows_withdrawn: 3,
        format: Some("ssim".to_owned()),
        duplicate_of: Some(UploadId(uuid::Uuid::from_u128(1))),
        differences: vec![
            difference("UA1 JFK 2026-12-07", "economy.capacity", Some("150"), "160"),
            difference("UA2 JFK 2026-12-07", "aircraft", Some("738"), "739"),
            difference(
                "UA3 JFK 2026-12-07",
                "flight",
                None,
                "JFK-LAX 2026-12-07T08:00:00-05:00",
            ),
        ],
        ..upload(n)
    }
}

/// A source in a state, as it was looked at an hour ago.
pub(crate) fn source(name: &str, state: SourceState) -> IngestSource {
    let hour = jiff::SignedDuration::from_hours(1);
    IngestSource {
        name: name.parse().unwrap(),
        address: format!("sftp://files.example.com/{name}/out"),
        state,
        last_poll: Some(Instant(noon() - hour)),
        next_poll: (state != SourceState::Paused).then(|| Instant(noon() + hour)),
        last_error: None,
        last_error_at: None,
        files_taken: 12,
        files_waiting: 0,
        files_refused: 1,
    }
}

/// A source that does not answer.
pub(crate) fn failing_source(name: &str) -> IngestSource {
    IngestSource {
        last_error: Some(
            "connection to files.example.com:22 refused: the key of the server is not the one that is known, \
             SHA256:uNiVztksCsDhcc0u9e8BrMNS8Jx0hAlpGW5rZ7dPVQkLoNg"
                .to_owned(),
        ),
        last_error_at: Some(Instant(noon())),
        ..source(name, SourceState::Failing)
    }
}

/// A letter of a number; lower ones are older.
pub(crate) fn letter(n: u32) -> DeadLetter {
    let age = jiff::SignedDuration::from_hours(i64::from(100 - n.min(100)));
    DeadLetter {
        id: n.to_string(),
        consumer: "queues".to_owned(),
        event: format!("9{n}"),
        r#type: Some("booking.changed".to_owned()),
        subject: Some(locator(usize::try_from(n).unwrap()).to_string()),
        error: "the database is locked".to_owned(),
        deliveries: 4,
        died_at: Instant(noon() - age),
    }
}

/// A letter with its message.
pub(crate) fn letter_detail(n: u32) -> DeadLetterDetail {
    let message = serde_json::json!({
        "specversion": "1.0",
        "type": "booking.changed",
        "data": {
            "note": "a text that is longer than a line of the smallest screen can be, and is all there to its very end",
            "segments": [{ "flight_id": "123", "status": "TK" }, { "flight_id": "124", "status": "HK" }],
        },
    });
    DeadLetterDetail {
        letter: letter(n),
        message: message.to_string(),
    }
}
