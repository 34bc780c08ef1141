//! What every store of uploads must do.

use airside_common::api::uploads::Difference;
use airside_common::event::Event;
use jiff::ToSpan;

use super::*;
use crate::features::flights::import::RowOutcome;
use crate::features::flights::import::checkpoint::{Advance, Tally};
use crate::features::flights::store::contract::plan;
use crate::features::flights::store::{
    Expect, FlightFilter, FlightStore, FlightStoreError, PlannedRow, Preview, Unsaid,
};
use crate::features::users::store::contract::entry;
use crate::outbox::Outbox;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;

pub(crate) fn new(content: &str) -> NewUpload {
    NewUpload {
        id: UploadId::new(),
        filename: Some("Łódź ' \" %.csv".to_owned()),
        format: Some(Format::Airside),
        unsaid: ImportSettings {
            currency: "EUR".to_owned(),
            fares: vec!["100.00".to_owned(), "business=200.00".to_owned()],
        },
        effect: Effect::Merge,
        sha256: content.to_owned(),
        bytes: 1000,
        rows: Some(20),
        created_by: "root".parse().unwrap(),
        repeat: Repeat::No,
        fetched: None,
    }
}

async fn add(store: &impl UploadStore, new: NewUpload) -> Upload {
    match store
        .add(new, now(), entry("upload.received"))
        .await
        .unwrap()
    {
        Added::Queued(upload) => upload,
        Added::Known(upload) => panic!("{upload:?}"),
    }
}

async fn claim(store: &impl UploadStore, holder: &str) -> Option<Claimed> {
    store.claim(holder, now() + 1.minute()).await.unwrap()
}

fn row(number: u16, line: u64) -> PlannedRow {
    PlannedRow {
        unsaid: Unsaid::Nothing,
        line,
        plan: plan(number, "2026-12-07T08:00", "2026-12-07T11:00"),
    }
}

fn finding(kind: FindingKind, line: u64) -> KeptFinding {
    KeptFinding {
        kind,
        line: Some(line),
        column: "fare".to_owned(),
        reason: format!("reason {line} ' \" %"),
        value: "Łódź 李".to_owned(),
    }
}

fn ended(status: UploadStatus) -> Ended {
    Ended {
        status,
        error: None,
        format: Some(Format::Airside),
    }
}

async fn flights(store: &impl FlightStore) -> Vec<u16> {
    let all = store
        .list(&FlightFilter::default(), None, 100)
        .await
        .unwrap();
    all.iter().map(|flight| flight.plan.number.get()).collect()
}

/// The events of uploads behind a position.
async fn events(store: &impl Outbox, position: i64) -> Vec<Event> {
    let page = store.read_after(position, 100).await.unwrap();
    let events = page.events.into_iter().map(|event| event.unwrap().event);
    events
        .filter(|event| event.kind().starts_with("upload."))
        .collect()
}

pub(crate) async fn an_upload_from_its_arrival_to_its_end(fixture: &impl Fixture) {
    let store = fixture.database();
    let position = store.present().await.unwrap();
    let sent = new("a");
    let upload = add(store, sent.clone()).await;
    assert_eq!(upload.status, UploadStatus::Queued);
    assert_eq!(upload.id, sent.id);
    assert_eq!(upload.filename, sent.filename);
    assert_eq!((upload.bytes_total, upload.rows_total), (1000, Some(20)));
    assert_eq!(upload.created_at.0, now());
    assert_eq!(store.waiting().await.unwrap(), 1);

    let taken = claim(store, "one").await.unwrap();
    assert_eq!(taken.upload.status, UploadStatus::Processing);
    assert_eq!(taken.upload.started_at.unwrap().0, now() + 1.minute());
    assert_eq!(taken.unsaid, sent.unsaid);
    assert_eq!((taken.format, taken.effect), (sent.format, sent.effect));
    assert_eq!((taken.attempts, taken.wish), (1, Wish::GoOn));
    assert_eq!(taken.progress, Progress::default());
    assert_eq!(store.waiting().await.unwrap(), 0);

    let mut advance = Advance::of(&taken.lease, taken.progress);
    advance.progress.bytes = 400;
    advance.progress.tally.rejected += 1;
    advance.progress.position.rejected += 1;
    advance.find(finding(FindingKind::Rejected, 9));
    let rows = [row(1, 2), row(2, 3)];
    let merged = store.merge_part(&rows, Expect::Known, now(), &advance);
    let merged = merged.await.unwrap();
    assert_eq!(merged.outcomes, [RowOutcome::Created, RowOutcome::Created]);
    assert_eq!(merged.wish, Wish::GoOn);
    let seen = store.upload(upload.id).await.unwrap().unwrap();
    assert_eq!(
        (seen.rows_created, seen.rows_rejected, seen.rows_done),
        (2, 1, 3)
    );
    assert_eq!(seen.bytes_done, 400);

    assert!(store.give_back(&taken.lease, Duration::ZERO).await.unwrap());
    let again = claim(store, "two").await.unwrap();
    assert_eq!(again.attempts, 1, "it went on since it was taken");
    assert_eq!(again.progress.position.flights, 2);
    assert_eq!(
        again.progress,
        advance.with(&rows, &merged.outcomes).progress
    );
    // The same rows again, of which none is written.
    let next = Advance::of(&again.lease, again.progress);
    let merged = store.merge_part(&rows, Expect::Known, now(), &next).await;
    let unchanged = [RowOutcome::Unchanged, RowOutcome::Unchanged];
    assert_eq!(merged.unwrap().outcomes, unchanged);

    let ended = ended(UploadStatus::Completed);
    let later = now() + 2.minutes();
    assert!(
        store
            .finish(&again.lease, ended.clone(), later)
            .await
            .unwrap()
    );
    assert!(!store.finish(&again.lease, ended, later).await.unwrap());
    let seen = store.upload(upload.id).await.unwrap().unwrap();
    assert_eq!(seen.status, UploadStatus::Completed);
    assert_eq!((seen.rows_unchanged, seen.rows_total), (2, Some(5)));
    assert_eq!(
        (seen.bytes_done, seen.finished_at.unwrap().0),
        (1000, later)
    );
    assert_eq!(claim(store, "three").await, None);
    let (upload, status) = (upload.id, UploadStatus::Completed);
    assert_eq!(
        events(store, position).await,
        [
            Event::UploadReceived { upload },
            Event::UploadCompleted { upload, status }
        ]
    );
    assert_eq!(store.upload(UploadId::new()).await.unwrap(), None);
}

pub(crate) async fn who_has_lost_an_upload_writes_nothing(fixture: &impl Fixture) {
    let store = fixture.database();
    let other = fixture.of_another_process().await;
    let position = store.present().await.unwrap();
    add(store, new("a")).await;
    let lost = claim(store, "one").await.unwrap();
    assert_eq!(claim(&other, "two").await, None, "one worker at a time");
    let kept = store.renew(&lost.lease, now()).await;
    assert_eq!(kept.unwrap(), Some(Wish::GoOn));
    let told = events(store, position).await;
    assert_eq!(told.len(), 2, "its arrival, and how far it is: {told:?}");
    // By the database's clock.
    tokio::time::sleep(LEASE + Duration::from_millis(500)).await;
    let taken = claim(&other, "two").await.unwrap();
    assert_eq!((taken.upload.id, taken.attempts), (lost.upload.id, 2));

    let advance = Advance::of(&lost.lease, lost.progress);
    let rows = [row(1, 2)];
    let merged = store.merge_part(&rows, Expect::New, now(), &advance);
    assert!(matches!(merged.await, Err(FlightStoreError::LeaseLost)));
    assert_eq!(flights(store).await, [0_u16; 0]);
    let saved = store.save(&advance).await;
    assert!(matches!(saved, Err(FlightStoreError::LeaseLost)));
    let forgotten = store.forget_withdrawn(&lost.lease).await;
    assert!(matches!(forgotten, Err(FlightStoreError::LeaseLost)));
    assert_eq!(store.renew(&lost.lease, now()).await.unwrap(), None);
    assert_eq!(events(store, position).await, told, "nothing is told");
    assert!(!store.give_back(&lost.lease, Duration::ZERO).await.unwrap());
    let end = ended(UploadStatus::Completed);
    assert!(!store.finish(&lost.lease, end.clone(), now()).await.unwrap());

    let advance = Advance::of(&taken.lease, taken.progress);
    let merged = other.merge_part(&rows, Expect::New, now(), &advance);
    assert_eq!(merged.await.unwrap().outcomes, [RowOutcome::Created]);
    assert!(other.finish(&taken.lease, end, now()).await.unwrap());
    assert_eq!(flights(store).await, [1]);
}

pub(crate) async fn who_keeps_an_upload_tells_how_far_it_is(fixture: &impl Fixture) {
    let store = fixture.database();
    let position = store.present().await.unwrap();
    let upload = add(store, new("a")).await.id;
    let taken = claim(store, "one").await.unwrap();
    let keeps = async || store.renew(&taken.lease, now()).await.unwrap();
    let told = |rows_done, bytes_done| Event::UploadProgressed {
        upload,
        rows_done,
        bytes_done,
        bytes_total: 1000,
    };
    assert_eq!(keeps().await, Some(Wish::GoOn));
    let received = Event::UploadReceived { upload };
    let all = [received, told(0, 0)];
    assert_eq!(events(store, position).await, all);

    // Of every kind of row another number.
    let mut advance = Advance::of(&taken.lease, taken.progress);
    advance.progress.bytes = 400;
    advance.progress.tally = Tally {
        created: 1,
        updated: 20,
        unchanged: 300,
        rejected: 4000,
        noted: 50_000,
        withdrawn: 600_000,
    };
    store.save(&advance).await.unwrap();
    assert_eq!(keeps().await, Some(Wish::GoOn));
    // No more is told than there is.
    advance.progress.bytes = 1024;
    store.save(&advance).await.unwrap();
    assert_eq!(keeps().await, Some(Wish::GoOn));
    let all = [&all[..], &[told(4321, 400), told(4321, 1000)]].concat();
    assert_eq!(events(store, position).await, all);

    // It is over: there is nothing to be kept, and nothing told after its end.
    let status = UploadStatus::Failed;
    let finished = store.finish(&taken.lease, ended(status), now());
    assert!(finished.await.unwrap());
    assert_eq!(keeps().await, None);
    let all = [&all[..], &[Event::UploadCompleted { upload, status }]].concat();
    assert_eq!(events(store, position).await, all);
}

pub(crate) async fn many_workers_take_different_uploads(fixture: &impl Fixture) {
    let store = fixture.database();
    let other = fixture.of_another_process().await;
    let mut expected = Vec::new();
    for n in 0..12 {
        expected.push(add(store, new(&n.to_string())).await.id);
    }
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..6 {
        let store = if n % 2 == 0 {
            store.clone()
        } else {
            other.clone()
        };
        workers.spawn(async move {
            let mut taken = Vec::new();
            while let Some(claimed) = claim(&store, &format!("worker {n}")).await {
                taken.push(claimed.upload.id);
            }
            taken
        });
    }
    let mut taken: Vec<UploadId> = workers.join_all().await.concat();
    taken.sort_unstable();
    assert_eq!(taken, expected);
}

pub(crate) async fn one_that_was_given_back_waits_for_its_pause(fixture: &impl Fixture) {
    let store = fixture.database();
    add(store, new("a")).await;
    for attempt in 1..=3 {
        let taken = claim(store, "one").await.unwrap();
        assert_eq!(taken.attempts, attempt);
        let pause = if attempt == 3 { 3600 } else { 0 };
        let pause = Duration::from_secs(pause);
        assert!(store.give_back(&taken.lease, pause).await.unwrap());
    }
    assert_eq!(claim(store, "one").await, None);
    assert_eq!(store.waiting().await.unwrap(), 1);
}

pub(crate) async fn the_same_content_is_known(fixture: &impl Fixture) {
    let store = fixture.database();
    let complete = async || {
        let taken = claim(store, "one").await.unwrap();
        let end = ended(UploadStatus::Completed);
        assert!(store.finish(&taken.lease, end, now()).await.unwrap());
    };
    let dry = NewUpload {
        effect: Effect::DryRun,
        ..new("a")
    };
    let dry = add(store, dry).await;
    assert_eq!(dry.duplicate_of, None);
    complete().await;
    // What was only looked at was not merged.
    let first = add(store, new("a")).await;
    assert_eq!(first.duplicate_of, Some(dry.id));
    // What waits may fail yet.
    let second = add(store, new("a")).await;
    assert_eq!(second.duplicate_of, Some(first.id));
    complete().await;
    let known = store.add(new("a"), now(), entry("upload.received")).await;
    assert!(matches!(known.unwrap(), Added::Known(known) if known.id == first.id));
    assert_eq!(store.uploads(None, None, 10).await.unwrap().len(), 3);

    let again = NewUpload {
        repeat: Repeat::Again,
        ..new("a")
    };
    let again = add(store, again).await;
    assert_eq!(again.duplicate_of, Some(second.id));
    let mut other_fares = new("a");
    other_fares.unsaid.fares.clear();
    add(store, other_fares).await;
    assert_eq!(add(store, new("b")).await.duplicate_of, None);
}

pub(crate) async fn a_stop_is_a_wish_until_the_worker_hears_it(fixture: &impl Fixture) {
    let store = fixture.database();
    let stop = async |id| store.stop(id, now(), entry("upload.cancelled")).await;
    let position = store.present().await.unwrap();
    let waiting = add(store, new("a")).await;
    let stopped = stop(waiting.id).await.unwrap();
    assert_eq!(stopped.status, UploadStatus::Cancelled);
    assert!(stopped.error.is_some() && stopped.finished_at.is_some());
    assert_eq!(stop(waiting.id).await.unwrap(), stopped);
    let status = UploadStatus::Cancelled;
    let upload = waiting.id;
    assert_eq!(
        events(store, position).await,
        [
            Event::UploadReceived { upload },
            Event::UploadCompleted { upload, status }
        ]
    );

    let upload = add(store, new("b")).await;
    let taken = claim(store, "one").await.unwrap();
    assert_eq!(taken.upload.id, upload.id);
    let stopping = stop(upload.id).await.unwrap();
    assert_eq!(stopping.status, UploadStatus::Processing);
    let advance = Advance::of(&taken.lease, taken.progress);
    let rows = [row(1, 2)];
    let merged = store.merge_part(&rows, Expect::New, now(), &advance);
    assert_eq!(merged.await.unwrap().wish, Wish::Cancel);
    assert_eq!(store.save(&advance).await.unwrap(), Wish::Cancel);
    let kept = store.renew(&taken.lease, now()).await;
    assert_eq!(kept.unwrap(), Some(Wish::Cancel));
    // Who takes it next hears of it too.
    store.give_back(&taken.lease, Duration::ZERO).await.unwrap();
    let taken = claim(store, "two").await.unwrap();
    assert_eq!(taken.wish, Wish::Cancel);
    let end = ended(UploadStatus::Failed);
    assert!(store.finish(&taken.lease, end, now()).await.unwrap());
    let refused = stop(upload.id).await;
    assert!(matches!(
        refused,
        Err(UploadStoreError::HasEnded(UploadStatus::Failed))
    ));
    let missing = stop(UploadId::new()).await;
    assert!(matches!(missing, Err(UploadStoreError::NotFound)));
}

pub(crate) async fn findings_are_kept_in_order_until_they_are_pruned(fixture: &impl Fixture) {
    let store = fixture.database();
    let upload = add(store, new("a")).await;
    let taken = claim(store, "one").await.unwrap();
    let mut progress = taken.progress;
    for part in 0..3 {
        let mut advance = Advance::of(&taken.lease, progress);
        for n in 0..4 {
            let kind = if n == 3 {
                FindingKind::Noted
            } else {
                FindingKind::Rejected
            };
            advance.find(finding(kind, 10 * part + n));
        }
        store.save(&advance).await.unwrap();
        progress = advance.progress;
    }
    let mut advance = Advance::of(&taken.lease, progress);
    advance.progress.tally.withdrawn = 1;
    advance.find(KeptFinding {
        line: None,
        ..finding(FindingKind::Withdrawn, 0)
    });
    store.save(&advance).await.unwrap();
    let read = async |kind, after, limit| {
        let found = store.findings(upload.id, kind, after, limit).await.unwrap();
        let lines =
            |found: Vec<(u64, KeptFinding)>| found.into_iter().map(|(number, f)| (number, f.line));
        found.map(|found| lines(found).collect::<Vec<_>>())
    };
    let rejected = read(FindingKind::Rejected, None, 4).await.unwrap();
    let some = |n, line| (n, Some(line));
    assert_eq!(rejected, [some(0, 0), some(1, 1), some(2, 2), some(4, 10)]);
    let rest = read(FindingKind::Rejected, Some(4), 100).await.unwrap();
    assert_eq!(rest.len(), 5);
    assert_eq!(read(FindingKind::Noted, None, 100).await.unwrap().len(), 3);
    let one = store
        .findings(upload.id, FindingKind::Noted, None, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(one, [(3, finding(FindingKind::Noted, 3))]);
    assert_eq!(
        read(FindingKind::Withdrawn, None, 100).await.unwrap(),
        [(12, None)]
    );
    // Withdrawn flights are looked for anew by whoever goes on.
    assert_eq!(
        store.forget_withdrawn(&taken.lease).await.unwrap(),
        progress
    );
    assert_eq!(read(FindingKind::Withdrawn, None, 100).await.unwrap(), []);

    let end = ended(UploadStatus::Completed);
    assert!(store.finish(&taken.lease, end, now()).await.unwrap());
    assert_eq!(store.ended_before(now(), 10).await.unwrap(), []);
    let later = now() + 1.second();
    assert_eq!(store.ended_before(later, 10).await.unwrap(), [upload.id]);
    while !store.prune(upload.id, later).await.unwrap() {}
    assert_eq!(read(FindingKind::Rejected, None, 100).await, None);
    assert_eq!(store.ended_before(later, 10).await.unwrap(), []);
    assert!(store.upload(upload.id).await.unwrap().is_some());
}

pub(crate) async fn lists_go_back_in_time(fixture: &impl Fixture) {
    let store = fixture.database();
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(add(store, new(&n.to_string())).await.id);
    }
    ids.reverse();
    let taken = claim(store, "one").await.unwrap();
    let mut advance = Advance::of(&taken.lease, taken.progress);
    advance.differences = vec![Difference {
        flight: "UA1 JFK 2026-12-07".to_owned(),
        field: "departure".to_owned(),
        before: Some("08:00".to_owned()),
        after: None,
    }];
    for _ in 0..2 {
        store.save(&advance).await.unwrap();
    }
    let seen = store.upload(ids[4]).await.unwrap().unwrap();
    assert_eq!(
        seen.differences,
        [advance.differences.clone(), advance.differences].concat()
    );
    let list = async |status, before, limit| {
        let found = store.uploads(status, before, limit).await.unwrap();
        assert!(found.iter().all(|upload| upload.differences.is_empty()));
        found.iter().map(|u| u.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 10).await, ids);
    assert_eq!(list(None, Some(ids[1]), 2).await, ids[2..4]);
    assert_eq!(list(Some(UploadStatus::Queued), None, 10).await, ids[..4]);
    assert_eq!(
        list(Some(UploadStatus::Processing), None, 10).await,
        ids[4..]
    );
}

pub(crate) async fn a_preview_tells_what_a_merge_would_do_and_writes_nothing(
    fixture: &impl Fixture,
) {
    let store = fixture.database();
    store
        .merge(&[row(1, 2), row(2, 3)], Expect::New, now())
        .await
        .unwrap();
    let mut rows = [row(1, 2), row(2, 3), row(3, 4)];
    rows[1].plan.aircraft = "739".parse().unwrap();
    let position = store.present().await.unwrap();
    let seen = store.preview(&rows).await.unwrap();
    assert!(matches!(&seen[0], Preview::Unchanged));
    assert!(matches!(&seen[1], Preview::Updated { before, after }
        if **after == rows[1].plan && before.aircraft != after.aircraft));
    assert!(matches!(&seen[2], Preview::Created));
    assert_eq!(flights(store).await, [1, 2]);
    assert_eq!(store.present().await.unwrap(), position);
    let merged = store.merge(&rows, Expect::Known, now()).await.unwrap();
    let seen: Vec<RowOutcome> = seen.into_iter().map(Preview::outcome).collect();
    assert_eq!(seen, merged);
    assert_eq!(store.preview(&[]).await.unwrap(), []);
}
