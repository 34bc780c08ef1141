//! Imports of uploads that are cut off, and what others make of them.

use airside_common::api::uploads::{FindingKind, Upload};
use airside_common::upload::{UploadId, UploadStatus};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::super::checkpoint::KeptFinding;
use super::super::portions::Portions;
use super::super::resumable::{Effect, End, Import};
use super::*;
use crate::config::ImportSettings;
use crate::features::uploads::store::{Added, Ended, NewUpload, Repeat, UploadStore};
use crate::features::users::store::contract::entry;
use crate::formats::ssim::sample::Set;

/// A clock that stops the import when it has been asked so often: it is asked for each chunk.
struct Cut {
    left: Mutex<u32>,
    stop: CancellationToken,
}

impl Clock for Cut {
    fn now(&self) -> Timestamp {
        let mut left = self.left.lock();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.stop.cancel();
        }
        Timestamp::UNIX_EPOCH
    }
}

async fn upload(sqlite: &Sqlite, effect: Effect) -> UploadId {
    let new = NewUpload {
        id: UploadId::new(),
        filename: None,
        format: None,
        unsaid: ImportSettings::default(),
        effect,
        sha256: String::new(),
        bytes: 1,
        rows: None,
        created_by: "root".parse().unwrap(),
        repeat: Repeat::Again,
        fetched: None,
    };
    let added = sqlite.add(new, Timestamp::UNIX_EPOCH, entry("upload.received"));
    match added.await.unwrap() {
        Added::Queued(upload) => upload.id,
        Added::Known(upload) => panic!("{upload:?}"),
    }
}

/// Works on the upload until so many chunks are merged or it is done; whether it is.
async fn work(sqlite: &Sqlite, text: &str, source: Source, chunks: u32) -> bool {
    let stop = CancellationToken::new();
    let clock = Cut {
        left: Mutex::new(chunks),
        stop: stop.clone(),
    };
    let claimed = sqlite
        .claim("worker", Timestamp::UNIX_EPOCH)
        .await
        .unwrap()
        .unwrap();
    let lease = claimed.lease;
    let mut import = Import {
        flights: sqlite,
        ledger: sqlite,
        clock: &clock,
        lease: &lease,
        effect: claimed.effect,
        progress: claimed.progress,
        differences: claimed.upload.differences.len(),
        stop: &stop,
    };
    let reader = std::io::Cursor::new(text.as_bytes().to_vec());
    match import.run(reader, source).await.unwrap() {
        End::Stopped => {
            let pause = std::time::Duration::ZERO;
            assert!(sqlite.give_back(&lease, pause).await.unwrap());
            false
        }
        End::Complete(format) => {
            let ended = Ended {
                status: UploadStatus::Completed,
                error: None,
                format: Some(format),
            };
            let now = Timestamp::UNIX_EPOCH;
            assert!(sqlite.finish(&lease, ended, now).await.unwrap());
            true
        }
        End::Cancelled => panic!("nobody stopped it"),
    }
}

/// All that can be seen of an upload in the end.
#[derive(Debug, PartialEq)]
struct Result {
    upload: Upload,
    findings: Vec<KeptFinding>,
    flights: Vec<FlightPlan>,
}

async fn result(sqlite: &Sqlite, id: UploadId) -> Result {
    let mut upload = sqlite.upload(id).await.unwrap().unwrap();
    upload.id = UploadId(uuid::Uuid::nil());
    upload.duplicate_of = None;
    let mut findings = Vec::new();
    for kind in [
        FindingKind::Rejected,
        FindingKind::Noted,
        FindingKind::Withdrawn,
    ] {
        let found = sqlite.findings(id, kind, None, 100_000).await.unwrap();
        let mut found: Vec<KeptFinding> = found.unwrap().into_iter().map(|(_, f)| f).collect();
        found.sort_by(|a, b| (a.line, &a.value).cmp(&(b.line, &b.value)));
        findings.extend(found);
    }
    let all = sqlite
        .list(&FlightFilter::default(), None, 100_000)
        .await
        .unwrap();
    Result {
        upload,
        findings,
        flights: all.into_iter().map(|flight| flight.plan).collect(),
    }
}

/// The result of an upload that is cut off after so many chunks each time.
async fn cut_every(text: &str, source: Source, chunks: u32) -> (Result, u32) {
    let database = database().await;
    let id = upload(&database.sqlite, Effect::Merge).await;
    let mut begun = 1;
    while !work(&database.sqlite, text, source, chunks).await {
        begun += 1;
        assert!(begun < 100, "it does not go on");
    }
    (result(&database.sqlite, id).await, begun)
}

/// Good rows, bad rows, and flights that stand twice, all over the file.
fn mixed() -> String {
    let rows: Vec<String> = (1..=4000_u32)
        .map(|n| match n % 50 {
            7 => row(n, "none", "99.50"),
            11 => row(n - 5, "150", "99.50"),
            13 => "only,three,cells\n".to_owned(),
            _ => row(n, "150", "99.50"),
        })
        .collect();
    file(&rows)
}

#[tokio::test]
async fn whoever_goes_on_ends_as_one_that_nobody_disturbed() {
    let text = mixed();
    let (undisturbed, begun) = cut_every(&text, Source::default(), u32::MAX).await;
    assert_eq!(begun, 1);
    let upload = &undisturbed.upload;
    assert_eq!((upload.rows_created, upload.rows_rejected), (3760, 240));
    assert_eq!(undisturbed.findings.len(), 240);
    assert_eq!(undisturbed.flights.len(), 3760);
    for chunks in [1, 2] {
        let (cut, begun) = cut_every(&text, Source::default(), chunks).await;
        assert!(begun > 2, "it was cut off {begun} times");
        assert_eq!(cut, undisturbed, "cut after each {chunks}");
    }
}

#[tokio::test]
async fn a_season_that_is_cut_off_tells_its_withdrawn_flights_once() {
    let fares = Source {
        format: None,
        defaults: Defaults::read(Defaults::default().currency, &["199.00"]).unwrap(),
    };
    let season = |numbers: std::ops::RangeInclusive<u32>| {
        let mut set = Set::of_ua("L");
        for number in numbers {
            let number = format!("{number:>4}");
            let days = [(6, number.as_str()), (15, "25OCT26"), (22, "27MAR27")];
            set = set.leg(&days);
        }
        set.trailer().text
    };
    let (before, after) = (season(1..=4), season(2..=5));
    let mut results = Vec::new();
    for chunks in [u32::MAX, 1] {
        let database = database().await;
        upload(&database.sqlite, Effect::Merge).await;
        assert!(work(&database.sqlite, &before, fares, u32::MAX).await);
        let id = upload(&database.sqlite, Effect::Merge).await;
        let mut begun = 1;
        while !work(&database.sqlite, &after, fares, chunks).await {
            begun += 1;
            assert!(begun < 100, "it does not go on");
        }
        assert_eq!(begun > 1, chunks == 1);
        results.push(result(&database.sqlite, id).await);
    }
    let upload = &results[0].upload;
    assert_eq!((upload.rows_created, upload.rows_unchanged), (154, 462));
    assert_eq!(upload.rows_withdrawn, 154);
    assert_eq!(upload.format.as_deref(), Some("ssim"));
    assert_eq!(results[0].flights.len(), 5 * 154, "nothing was cancelled");
    assert_eq!(results[0], results[1]);
}

#[tokio::test]
async fn a_dry_run_tells_what_the_file_does_and_writes_nothing() {
    let database = database().await;
    let before = vec![row(1, "150", "99.50"), row(2, "150", "99.50")];
    take(&database.sqlite, file(&before)).await;
    let flights_before = flights(&database.sqlite).await;
    let changed = [
        row(1, "150", "99.50"),
        row(2, "160", "88.00"),
        row(3, "10", "1.00"),
        row(4, "x", "1.00"),
    ];
    let id = upload(&database.sqlite, Effect::DryRun).await;
    assert!(
        work(
            &database.sqlite,
            &file(&changed),
            Source::default(),
            u32::MAX
        )
        .await
    );
    let done = database.sqlite.upload(id).await.unwrap().unwrap();
    let counts = [
        done.rows_created,
        done.rows_updated,
        done.rows_unchanged,
        done.rows_rejected,
    ];
    assert_eq!(counts, [1; 4]);
    let lines: Vec<String> = done
        .differences
        .iter()
        .map(|d| {
            let text = |side: &Option<String>| side.clone().unwrap_or("-".to_owned());
            format!(
                "{} {}: {} -> {}",
                d.flight,
                d.field,
                text(&d.before),
                text(&d.after)
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    UA2 JFK 2026-12-07 economy.capacity: 150 -> 160
    UA2 JFK 2026-12-07 economy.fare: 99.50 USD -> 88.00 USD
    UA3 JFK 2026-12-07 flight: - -> JFK-LAX 2026-12-07T08:00:00-05:00 to 2026-12-07T11:00:00-08:00, 738, economy 10 at 1.00 USD
    ");
    assert_eq!(flights(&database.sqlite).await, flights_before);
}

#[tokio::test]
async fn the_order_of_a_file_is_the_same_however_much_is_taken_at_once() {
    let mut set = Set::of_ua("L");
    for number in 1..=1000 {
        let number = format!("{number:>4}");
        set = set.leg(&[(6, &number), (15, "25OCT26"), (22, "27MAR27")]);
    }
    let season = set.trailer().text;
    let csv = mixed();
    for (text, flights) in [(&season, 154_000), (&csv, 3760)] {
        let mut orders = Vec::new();
        for most in [4096, 333, 50_000] {
            let reader = std::io::Cursor::new(text.as_bytes().to_vec());
            let source = Source::default();
            let mut portions = Portions::of(reader, source);
            let mut order = Vec::new();
            let mut most = most;
            while let Some(portion) = portions.next(most).await {
                assert!(portion.rows.len() <= most);
                order.extend(
                    portion
                        .rows
                        .into_iter()
                        .map(|row| (row.line, row.plan.departure)),
                );
                // As a pace changes.
                most = most % 4000 + 100;
            }
            portions.end().await.unwrap();
            assert_eq!(order.len(), flights);
            orders.push(order);
        }
        assert!(orders.iter().all(|order| *order == orders[0]));
    }
}
