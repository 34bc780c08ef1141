//! What every store of sources must do.

use std::collections::HashSet;

use airside_common::api::ingest::SourceState;
use airside_common::upload::{UploadId, UploadStatus};
use futures_util::future::join_all;
use jiff::ToSpan;

use super::*;
use crate::features::audit::store::{AuditStore, Filter};
use crate::features::uploads::store::contract::new as new_upload;
use crate::features::uploads::store::{Added, Ended, NewUpload, UploadStore};
use crate::features::users::store::contract::entry;
use crate::store::contract::Fixture;
use crate::store::contract::processes::now;

const HOUR: Duration = Duration::from_hours(1);

fn name(text: &str) -> SourceName {
    text.parse().unwrap()
}

async fn attend(store: &impl IngestStore, names: &[&str]) {
    let source = |text: &&str| ConfiguredSource {
        name: name(text),
        address: format!("file:///srv/{text}"),
    };
    let sources: Vec<_> = names.iter().map(source).collect();
    store.attend(&sources).await.unwrap();
}

async fn claim(store: &impl IngestStore, holder: &str, names: &[&str]) -> Option<ClaimedSource> {
    let names: Vec<_> = names.iter().map(|text| name(text)).collect();
    store.claim_source(holder, &names).await.unwrap()
}

fn file(path: &str, size: u64) -> Sighting {
    Sighting {
        path: path.to_owned(),
        size,
        modified: Some(1_700_000_000_123_456),
    }
}

fn polled(verdict: Verdict, pause: Duration) -> Polled {
    Polled {
        verdict,
        sightings: Vec::new(),
        taken: 0,
        pause,
    }
}

/// An upload of a file with a content.
fn fetched(file: &Sighting, content: &str) -> NewUpload {
    NewUpload {
        created_by: "ingest:a".parse().unwrap(),
        fetched: Some(file.of_source(&name("a"))),
        ..new_upload(content)
    }
}

async fn add(store: &impl UploadStore, new: NewUpload) -> Added {
    let audit = entry("upload.received");
    store.add(new, now(), audit).await.unwrap()
}

async fn end(store: &impl UploadStore, status: UploadStatus) -> UploadId {
    let claimed = UploadStore::claim(store, "worker", now()).await;
    let lease = claimed.unwrap().unwrap().lease;
    let ended = Ended {
        status,
        error: None,
        format: None,
    };
    assert!(store.finish(&lease, ended, now()).await.unwrap());
    lease.upload
}

async fn one(store: &impl IngestStore) -> IngestSource {
    let mut all = store.sources().await.unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub(crate) async fn a_source_is_one_processes_at_a_time(fixture: &impl Fixture) {
    let store = fixture.database();
    let other = fixture.of_another_process().await;
    attend(store, &["a", "b"]).await;
    attend(&other, &["b", "c"]).await;
    assert!(claim(store, "one", &["c"]).await.is_some());
    assert!(claim(store, "one", &["nowhere"]).await.is_none());
    let both = ["a", "b"];
    let first = claim(store, "one", &both).await.unwrap().lease;
    let second = claim(&other, "two", &both).await.unwrap().lease;
    assert_ne!(first.source, second.source);
    assert!(claim(store, "three", &both).await.is_none());
    assert_eq!(store.renew_source(&first).await.unwrap(), GoOn::Yes);

    // Who has not got it can say nothing of it.
    let stolen = SourceLease {
        holder: "two".to_owned(),
        ..first.clone()
    };
    let good = polled(Verdict::Good, Duration::ZERO);
    assert_eq!(store.renew_source(&stolen).await.unwrap(), GoOn::Lost);
    assert!(!store.finish_poll(&stolen, &good).await.unwrap());
    assert!(claim(store, "three", &both).await.is_none());

    assert!(store.finish_poll(&first, &good).await.unwrap());
    let again = claim(&other, "three", &both).await.unwrap();
    assert_eq!(again.lease.source, first.source);
    assert!(!store.finish_poll(&first, &good).await.unwrap());
}

pub(crate) async fn a_poll_leaves_what_it_saw_to_the_next(fixture: &impl Fixture) {
    let store = fixture.database();
    attend(store, &["a"]).await;
    let fresh = one(store).await;
    assert_eq!(fresh.address, "file:///srv/a");
    assert_eq!(fresh.state, SourceState::Idle);
    assert_eq!((fresh.last_poll, fresh.next_poll), (None, None));
    let claimed = claim(store, "one", &["a"]).await.unwrap();
    assert_eq!((claimed.sightings.len(), claimed.failures), (0, 0));
    assert_eq!(one(store).await.state, SourceState::Polling);
    let timeless = Sighting {
        modified: None,
        ..file("Łódź ' \" %.csv", 7)
    };
    let saw = Polled {
        sightings: vec![file("a.csv", 3), timeless],
        taken: 5,
        ..polled(Verdict::Remark("x.zip: packed".to_owned()), Duration::ZERO)
    };
    assert!(store.finish_poll(&claimed.lease, &saw).await.unwrap());
    let waiting = one(store).await;
    assert_eq!(waiting.state, SourceState::Waiting);
    assert_eq!((waiting.files_waiting, waiting.files_taken), (2, 5));
    assert_eq!(waiting.last_error.as_deref(), Some("x.zip: packed"));
    assert!(waiting.last_error_at.is_some() && waiting.last_poll.is_some());
    assert_eq!(store.failing_sources().await.unwrap(), 0);

    for failures in 0..2 {
        let claimed = claim(store, "two", &["a"]).await.unwrap();
        assert_eq!(claimed.sightings, saw.sightings);
        assert_eq!(claimed.failures, failures);
        let broken = Polled {
            sightings: claimed.sightings,
            ..polled(Verdict::Broken("no route".to_owned()), Duration::ZERO)
        };
        assert!(store.finish_poll(&claimed.lease, &broken).await.unwrap());
    }
    assert_eq!(one(store).await.state, SourceState::Failing);
    assert_eq!(one(store).await.last_error.as_deref(), Some("no route"));
    assert_eq!(store.failing_sources().await.unwrap(), 1);

    let claimed = claim(store, "two", &["a"]).await.unwrap();
    let good = polled(Verdict::Good, HOUR);
    assert!(store.finish_poll(&claimed.lease, &good).await.unwrap());
    let idle = one(store).await;
    assert_eq!((idle.state, idle.files_taken), (SourceState::Idle, 5));
    assert_eq!(idle.last_error.as_deref(), Some("no route"), "of the past");
    assert!(idle.next_poll.unwrap().0 > idle.last_poll.unwrap().0 + 59.minutes());
    assert!(claim(store, "two", &["a"]).await.is_none(), "not yet");
    // Its settings are said anew, and what became of it stays.
    attend(store, &["a"]).await;
    assert!(claim(store, "two", &["a"]).await.is_none());
}

pub(crate) async fn a_poll_that_was_stopped_leaves_what_was_known(fixture: &impl Fixture) {
    let store = fixture.database();
    attend(store, &["a"]).await;
    let claimed = claim(store, "one", &["a"]).await.unwrap();
    let broken = Polled {
        sightings: vec![file("a.csv", 3)],
        ..polled(Verdict::Broken("no route".to_owned()), Duration::ZERO)
    };
    assert!(store.finish_poll(&claimed.lease, &broken).await.unwrap());
    let before = one(store).await;
    let claimed = claim(store, "two", &["a"]).await.unwrap();
    let stopped = Polled {
        sightings: claimed.sightings,
        taken: 2,
        ..polled(Verdict::Stopped, Duration::ZERO)
    };
    assert!(store.finish_poll(&claimed.lease, &stopped).await.unwrap());
    let after = one(store).await;
    assert_eq!(after.state, SourceState::Failing);
    assert_eq!(after.last_poll, before.last_poll);
    assert_eq!(after.last_error, before.last_error);
    assert_eq!(after.last_error_at, before.last_error_at);
    assert_eq!((after.files_waiting, after.files_taken), (1, 2));
    let claimed = claim(store, "three", &["a"]).await.unwrap();
    assert_eq!(claimed.failures, 1);
}

async fn change(store: &impl IngestStore, what: Change) -> Result<IngestSource, IngestStoreError> {
    let audit = entry("ingest.changed");
    store.change_source(&name("a"), what, now(), audit).await
}

pub(crate) async fn what_an_admin_wants_is_heard_by_whoever_polls(fixture: &impl Fixture) {
    let store = fixture.database();
    let missing = change(store, Change::Pause).await;
    assert!(matches!(missing, Err(IngestStoreError::NotFound)));
    attend(store, &["a"]).await;
    let good = polled(Verdict::Good, HOUR);
    let lease = claim(store, "one", &["a"]).await.unwrap().lease;
    // During a poll: the next one follows at once, and once.
    change(store, Change::Poll).await.unwrap();
    change(store, Change::Poll).await.unwrap();
    assert!(store.finish_poll(&lease, &good).await.unwrap());
    let lease = claim(store, "one", &["a"]).await.unwrap().lease;
    assert!(store.finish_poll(&lease, &good).await.unwrap());
    assert!(claim(store, "one", &["a"]).await.is_none());

    let wanted = change(store, Change::Poll).await.unwrap();
    assert!(wanted.next_poll.unwrap().0 < wanted.last_poll.unwrap().0 + 1.minute());
    let lease = claim(store, "one", &["a"]).await.unwrap().lease;
    let paused = change(store, Change::Pause).await.unwrap();
    assert_eq!(paused.state, SourceState::Paused);
    assert_eq!(paused.next_poll, None);
    assert_eq!(store.renew_source(&lease).await.unwrap(), GoOn::Paused);
    let due = polled(Verdict::Good, Duration::ZERO);
    assert!(store.finish_poll(&lease, &due).await.unwrap());
    assert!(claim(store, "one", &["a"]).await.is_none());
    let refused = change(store, Change::Poll).await;
    assert!(matches!(refused, Err(IngestStoreError::Paused)));
    change(store, Change::Pause).await.unwrap();
    let resumed = change(store, Change::Resume).await.unwrap();
    assert_eq!(resumed.state, SourceState::Idle);
    assert!(claim(store, "one", &["a"]).await.is_some());
    change(store, Change::Resume).await.unwrap();

    let acts = Filter {
        action: Some("ingest.changed".to_owned()),
        limit: 100,
        ..Filter::default()
    };
    let acts = store.entries(&acts).await.unwrap();
    assert_eq!(acts.len(), 5, "what changed nothing is no act: {acts:?}");
}

pub(crate) async fn a_content_of_a_file_is_taken_once(fixture: &impl Fixture) {
    let store = fixture.database();
    let source = name("a");
    let (known, other) = (file("a.csv", 3), file("b.csv", 3));
    let both = [known.clone(), other.clone()];
    assert_eq!(store.unknown(&source, &both).await.unwrap(), both);
    let Added::Queued(first) = add(store, fetched(&known, "one")).await else {
        panic!("it is new");
    };
    assert_eq!(first.created_by.to_string(), "ingest:a");
    let left = store.unknown(&source, &both).await.unwrap();
    assert_eq!(left, both[1..]);
    assert_eq!(store.unknown(&name("b"), &both).await.unwrap(), both);

    // Touched: it is asked for again, and has the upload that it had, although that waits still.
    let touched = Sighting {
        modified: Some(1_800_000_000_000_000),
        ..known.clone()
    };
    let seen = [touched.clone()];
    assert_eq!(store.unknown(&source, &seen).await.unwrap(), seen);
    let again = add(store, fetched(&touched, "one")).await;
    assert!(matches!(&again, Added::Known(upload) if upload.id == first.id));
    assert!(store.unknown(&source, &seen).await.unwrap().is_empty());
    // A source that does not tell times.
    let timeless = [Sighting {
        modified: None,
        ..known.clone()
    }];
    assert_eq!(store.unknown(&source, &timeless).await.unwrap(), timeless);
    add(store, fetched(&timeless[0], "one")).await;
    assert!(store.unknown(&source, &timeless).await.unwrap().is_empty());

    // Other content under the same name, and the same content under another.
    let Added::Queued(second) = add(store, fetched(&known, "two")).await else {
        panic!("it is new");
    };
    let third = add(store, fetched(&other, "one")).await;
    assert!(matches!(third, Added::Queued(_)));

    // What was completed is known wherever it is found; what failed is tried again when it comes again.
    assert_eq!(end(store, UploadStatus::Completed).await, first.id);
    let elsewhere = file("c.csv", 3);
    let found = add(store, fetched(&elsewhere, "one")).await;
    assert!(matches!(&found, Added::Known(upload) if upload.id == first.id));
    let left = store.unknown(&source, &[elsewhere]).await.unwrap();
    assert!(left.is_empty());
    assert_eq!(end(store, UploadStatus::Failed).await, second.id);
    let retried = add(store, fetched(&touched, "two")).await;
    assert!(matches!(&retried, Added::Queued(upload) if upload.id != second.id));
}

pub(crate) async fn of_many_who_bring_the_same_file_one_makes_an_upload(fixture: &impl Fixture) {
    let store = fixture.database();
    let others = [store.clone(), fixture.of_another_process().await];
    let added = join_all((0..8).map(|n| {
        let store = others[n % 2].clone();
        async move { add(&store, fetched(&file("a.csv", 3), "one")).await }
    }));
    let added = added.await;
    let queued = added.iter().filter(|one| matches!(one, Added::Queued(_)));
    assert_eq!(queued.count(), 1);
    let id = |one: &Added| match one {
        Added::Queued(upload) | Added::Known(upload) => upload.id,
    };
    let ids: HashSet<UploadId> = added.iter().map(id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(store.waiting().await.unwrap(), 1);
}

pub(crate) async fn what_was_completed_is_settled_once(fixture: &impl Fixture) {
    let store = fixture.database();
    let source = name("a");
    let (good, bad) = (file("good.csv", 3), file("bad.csv", 4));
    add(store, fetched(&good, "one")).await;
    add(store, fetched(&bad, "two")).await;
    assert!(store.completed(&source, 9).await.unwrap().is_empty());
    end(store, UploadStatus::Completed).await;
    end(store, UploadStatus::Failed).await;
    let completed = CompletedFile {
        file: good.clone(),
        sha256: "one".to_owned(),
    };
    let found = store.completed(&source, 9).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&completed));
    store.settle(&source, &completed).await.unwrap();
    assert!(store.completed(&source, 9).await.unwrap().is_empty());
    // It was taken away: what is there again is looked at, and settled again.
    let there = [good.clone(), bad];
    assert_eq!(store.unknown(&source, &there).await.unwrap(), there[..1]);
    let again = add(store, fetched(&good, "one")).await;
    assert!(matches!(again, Added::Known(_)), "{again:?}");
    assert_eq!(store.completed(&source, 9).await.unwrap(), [completed]);
}

pub(crate) async fn a_refused_file_is_passed_over_until_it_changes(fixture: &impl Fixture) {
    let store = fixture.database();
    attend(store, &["a"]).await;
    let source = name("a");
    let refuse = async |file: &Sighting| {
        let refused = store.refuse(&source, file, "it is packed", now()).await;
        refused.unwrap();
    };
    let packed = file("a.zip", 3);
    refuse(&packed).await;
    let grown = [file("a.zip", 9)];
    let seen = [packed, grown[0].clone()];
    assert_eq!(store.unknown(&source, &seen).await.unwrap(), grown);
    assert_eq!(one(store).await.files_refused, 1);
    refuse(&grown[0]).await;
    assert!(store.unknown(&source, &grown).await.unwrap().is_empty());
    assert_eq!(one(store).await.files_refused, 1);
    add(store, fetched(&file("a.zip", 20), "one")).await;
    assert_eq!(one(store).await.files_refused, 0);
}
