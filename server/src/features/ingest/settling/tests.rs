use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tempfile::TempDir;

use super::*;
use crate::features::ingest::source::Listing;
use crate::features::ingest::source::tests::on_folder;
use crate::features::ingest::store::Sighting;

/// SHA-256 of `one`.
const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const COPY: &str = "done/7692c3ad3540-a.csv";

/// A folder with a file `a.csv`, as it is after it was taken with the content `one`.
async fn taken(content: &str) -> (TempDir, Box<dyn Source>, CompletedFile) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), content).unwrap();
    let source = on_folder(folder.path());
    let file = CompletedFile {
        file: source.look("a.csv").await.unwrap().unwrap(),
        sha256: ONE.to_owned(),
    };
    (folder, source, file)
}

fn read(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

#[tokio::test]
async fn a_file_is_moved_under_the_name_of_its_content() {
    let (folder, source, file) = taken("one").await;
    let settled = settle(&*source, &file, Done::Move).await.unwrap();
    assert_eq!(settled, Settled::Done);
    assert_eq!(read(folder.path(), "a.csv"), None);
    assert_eq!(read(folder.path(), COPY).as_deref(), Some("one"));
}

#[tokio::test]
async fn a_move_that_was_broken_off_is_begun_again() {
    let (folder, source, file) = taken("one").await;
    std::fs::create_dir(folder.path().join("done")).unwrap();
    std::fs::write(folder.path().join(COPY), "o").unwrap();
    settle(&*source, &file, Done::Move).await.unwrap();
    assert_eq!(read(folder.path(), "a.csv"), None);
    assert_eq!(read(folder.path(), COPY).as_deref(), Some("one"));
}

/// A source on which writing breaks off, when it has emptied the file.
struct BreaksOff {
    folder: PathBuf,
    source: Box<dyn Source>,
}

#[async_trait]
impl Source for BreaksOff {
    async fn list(&self) -> Result<Listing, SourceError> {
        self.source.list().await
    }

    async fn look(&self, path: &str) -> Result<Option<Sighting>, SourceError> {
        self.source.look(path).await
    }

    async fn read(&self, path: &str) -> Result<Content, SourceError> {
        self.source.read(path).await
    }

    async fn write(&self, path: &str, _content: Content) -> Result<(), SourceError> {
        std::fs::write(self.folder.join(path), "").unwrap();
        Err(SourceError::Service("hung up".to_owned()))
    }

    async fn delete(&self, path: &str) -> Result<(), SourceError> {
        self.source.delete(path).await
    }
}

/// The one that wrote it is about to delete the file.
#[tokio::test]
async fn a_whole_copy_of_another_process_is_never_begun_again() {
    let (folder, source, file) = taken("one").await;
    std::fs::create_dir(folder.path().join("done")).unwrap();
    std::fs::write(folder.path().join(COPY), "one").unwrap();
    let source = BreaksOff {
        folder: folder.path().to_owned(),
        source,
    };
    let settled = settle(&source, &file, Done::Move).await;
    assert_eq!(read(folder.path(), COPY).as_deref(), Some("one"));
    assert_eq!(settled.unwrap(), Settled::Done);
    assert_eq!(read(folder.path(), "a.csv"), None);
}

#[tokio::test]
async fn a_file_is_deleted_or_stays() {
    let (folder, source, file) = taken("one").await;
    settle(&*source, &file, Done::Leave).await.unwrap();
    assert_eq!(read(folder.path(), "a.csv").as_deref(), Some("one"));
    let settled = settle(&*source, &file, Done::Delete).await.unwrap();
    assert_eq!(settled, Settled::Done);
    assert_eq!(read(folder.path(), "a.csv"), None);
}

/// Same size, same time: only the content tells.
#[tokio::test]
async fn another_content_under_the_same_name_is_never_deleted() {
    for done in [Done::Move, Done::Delete] {
        let (folder, source, file) = taken("two").await;
        let settled = settle(&*source, &file, done).await.unwrap();
        assert_eq!(settled, Settled::Replaced);
        assert_eq!(read(folder.path(), "a.csv").as_deref(), Some("two"));
        assert_eq!(read(folder.path(), COPY), None);
    }
}

#[tokio::test]
async fn a_file_that_was_touched_stays_to_be_looked_at_again() {
    for done in [Done::Move, Done::Delete] {
        let (folder, source, mut file) = taken("one").await;
        file.file.modified = Some(1);
        let settled = settle(&*source, &file, done).await.unwrap();
        assert_eq!(settled, Settled::Replaced);
        assert_eq!(read(folder.path(), "a.csv").as_deref(), Some("one"));
    }
}
