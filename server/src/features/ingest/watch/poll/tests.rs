use std::collections::BTreeMap;

use airside_common::upload::UploadStatus;
use async_trait::async_trait;
use futures_util::stream;
use hyper::body::Bytes;
use parking_lot::Mutex;
use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::clock::SystemClock;
use crate::config::FilesSettings;
use crate::data_folder::DataFolder;
use crate::features::ingest::source::Content;
use crate::features::ingest::source::tests::settings;
use crate::features::uploads::store::{Ended, UploadStore};
use crate::files::Files;
use crate::store::contract::processes::now;
use crate::store::sqlite::Sqlite;

/// What goes wrong with a file.
type Fault = fn(&str) -> SourceError;

fn denied(path: &str) -> SourceError {
    SourceError::Denied(path.to_owned())
}

fn broken(_: &str) -> SourceError {
    SourceError::Service("hung up".to_owned())
}

/// A source in memory. Who runs the tests may be root, whom no folder denies anything.
#[derive(Default)]
struct Shelf {
    files: Mutex<BTreeMap<String, &'static str>>,
    /// What reading a file comes to.
    unreadable: BTreeMap<&'static str, Fault>,
    /// What deleting any file comes to.
    undeletable: Option<Fault>,
    /// Is told to end as soon as a file is deleted.
    pauses: Option<Arc<AtomicBool>>,
}

impl Shelf {
    fn of(files: &[&'static str]) -> Self {
        let shelf = Self::default();
        for file in files {
            shelf.add(file);
        }
        shelf
    }

    fn add(&self, file: &'static str) {
        self.files.lock().insert(file.to_owned(), file);
    }

    fn names(&self) -> Vec<String> {
        self.files.lock().keys().cloned().collect()
    }
}

#[async_trait]
impl Source for Shelf {
    async fn list(&self) -> Result<Listing, SourceError> {
        let files = self.files.lock();
        let files = files.iter().map(|(path, content)| Sighting {
            path: path.clone(),
            size: content.len() as u64,
            modified: Some(1),
        });
        Ok(Listing {
            files: files.collect(),
            remark: None,
        })
    }

    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        let files = self.list().await?.files;
        Ok(files.into_iter().find(|file| file.path == path))
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        if let Some(fault) = self.unreadable.get(path) {
            return Err(fault(path));
        }
        let content = self.files.lock().get(path).copied();
        let content = content.ok_or_else(|| SourceError::NotFound(path.to_owned()))?;
        Ok(stream::iter([Ok(Bytes::from_static(content.as_bytes()))]).boxed())
    }

    async fn write(&self, path: &str, _content: Content) -> Result<(), SourceError> {
        panic!("{path} is written by nobody here")
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        if let Some(fault) = self.undeletable {
            return Err(fault(path));
        }
        self.files.lock().remove(path);
        if let Some(pauses) = &self.pauses {
            pauses.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Who polls, with a database of its own.
pub(in super::super) struct Poller {
    pub(in super::super) polling: Polling,
    pub(in super::super) store: Sqlite,
    watched: Watched,
    before: Vec<Sighting>,
    is_to_end: Arc<AtomicBool>,
    _folder: TempDir,
}

impl Poller {
    pub(in super::super) async fn new(done: Done) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(Some(folder.path())).unwrap();
        let store = Sqlite::open(&data.database_url()).await.unwrap();
        let files = Files::open(&FilesSettings::default(), &data).unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let uploads = Uploads::new(
            Arc::new(store.clone()),
            files,
            Arc::clone(&clock),
            ImportSettings::default(),
        );
        let settings = SourceSettings {
            done,
            ..settings("file:///nowhere")
        };
        Self {
            watched: Watched::of(&settings, &uploads),
            polling: Polling {
                store: Arc::new(store.clone()),
                uploads,
                clock,
                taken: Counter::default(),
            },
            store,
            before: Vec::new(),
            is_to_end: Arc::default(),
            _folder: folder,
        }
    }

    /// One poll, after which the next one knows what this one saw.
    async fn poll(&mut self, source: &Shelf) -> (Result<(), PollError>, Polled) {
        let mut progress = Progress::from(&self.before);
        let (watched, is_to_end) = (&self.watched, &*self.is_to_end);
        let poll = self
            .polling
            .poll(watched, source, &self.before, is_to_end, &mut progress);
        let ended = poll.await;
        let polled = progress.ended(Duration::ZERO);
        self.before.clone_from(&polled.sightings);
        (ended, polled)
    }

    /// Takes all files of a shelf, and completes their uploads.
    async fn take_and_complete(&mut self, source: &Shelf) {
        for _ in 0..2 {
            self.poll(source).await.0.unwrap();
        }
        while let Some(claimed) = UploadStore::claim(&self.store, "worker", now())
            .await
            .unwrap()
        {
            let ended = Ended {
                status: UploadStatus::Completed,
                error: None,
                format: None,
            };
            let finished = self.store.finish(&claimed.lease, ended, now()).await;
            assert!(finished.unwrap());
        }
    }
}

fn paths(polled: &Polled) -> Vec<&str> {
    let seen = polled.sightings.iter();
    seen.map(|file| file.path.as_str()).collect()
}

#[tokio::test]
async fn files_that_may_not_be_read_are_told_and_keep_nobody_waiting() {
    let mut shelf = Shelf::of(&["1", "2", "3", "4", "5"]);
    shelf.unreadable = ["1", "2", "3", "4"]
        .map(|path| (path, denied as Fault))
        .into();
    let mut process = Poller::new(Done::Leave).await;
    process.poll(&shelf).await.0.unwrap();
    shelf.add("6");
    let (ended, polled) = process.poll(&shelf).await;
    ended.unwrap();
    assert_eq!(polled.taken, 1);
    assert_eq!(paths(&polled), ["1", "2", "3", "4", "6"]);
    let told = Verdict::Remark("4: 4: permission denied".to_owned());
    assert_eq!(polled.verdict, told);
    let (ended, polled) = process.poll(&shelf).await;
    ended.unwrap();
    assert_eq!(polled.taken, 1, "the one that came later");
}

#[tokio::test]
async fn a_poll_that_is_broken_off_knows_what_it_saw_and_took() {
    let mut shelf = Shelf::of(&["1", "2", "3", "4", "5"]);
    shelf.unreadable = ["2", "3", "4"].map(|path| (path, broken as Fault)).into();
    let mut process = Poller::new(Done::Leave).await;
    process.poll(&shelf).await.0.unwrap();
    shelf.add("6");
    let (ended, polled) = process.poll(&shelf).await;
    assert_eq!(ended.unwrap_err().to_string(), "hung up");
    assert_eq!(polled.taken, 1);
    assert_eq!(paths(&polled), ["2", "3", "4", "5", "6"]);
    shelf.unreadable.clear();
    let (ended, polled) = process.poll(&shelf).await;
    ended.unwrap();
    assert_eq!(polled.taken, 5, "what came later too");
}

#[tokio::test]
async fn files_between_which_others_are_read_are_not_the_source() {
    let mut shelf = Shelf::of(&["1", "2", "3", "4", "5"]);
    shelf.unreadable = ["1", "2", "4", "5"]
        .map(|path| (path, broken as Fault))
        .into();
    let mut process = Poller::new(Done::Leave).await;
    process.poll(&shelf).await.0.unwrap();
    let (ended, polled) = process.poll(&shelf).await;
    ended.unwrap();
    assert_eq!(polled.taken, 1);
}

#[rstest]
#[case(denied)]
#[case(broken)]
#[tokio::test]
async fn files_that_cannot_be_deleted_keep_no_new_ones_away(#[case] fault: Fault) {
    let mut shelf = Shelf::of(&["1", "2", "3", "4"]);
    let mut process = Poller::new(Done::Delete).await;
    process.take_and_complete(&shelf).await;
    shelf.undeletable = Some(fault);
    shelf.add("5");
    for taken in [0, 1] {
        let (ended, polled) = process.poll(&shelf).await;
        ended.unwrap();
        assert_eq!(polled.taken, taken);
        let Verdict::Remark(told) = polled.verdict else {
            panic!("{:?}", polled.verdict);
        };
        assert!(told.contains(&fault("").to_string()), "{told}");
    }
    shelf.undeletable = None;
    process.poll(&shelf).await.0.unwrap();
    assert_eq!(shelf.names(), ["5"]);
}

#[tokio::test]
async fn a_pause_ends_moving_and_deleting_behind_the_present_file() {
    let mut shelf = Shelf::of(&["1", "2", "3"]);
    let mut process = Poller::new(Done::Delete).await;
    process.take_and_complete(&shelf).await;
    shelf.pauses = Some(Arc::clone(&process.is_to_end));
    process.poll(&shelf).await.0.unwrap();
    assert_eq!(shelf.names(), ["2", "3"]);
    process.poll(&shelf).await.0.unwrap();
    assert_eq!(shelf.names(), ["2", "3"]);
}
