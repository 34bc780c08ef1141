//! What every place for files must do, on a folder and on a server that speaks S3.

use std::net::SocketAddr;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use super::*;

/// A service of S3 on a folder, with one bucket.
pub(crate) async fn s3(folder: &Path) -> SocketAddr {
    std::fs::create_dir(folder.join("flights")).unwrap();
    let service = {
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "the secret key"));
        builder.build()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                // A client that goes away ends its connection and nothing else.
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

fn on_s3(address: SocketAddr, secret: &str) -> FilesSettings {
    FilesSettings {
        url: format!("s3://flights/airside?endpoint=http://{address}&region=eu-west-1"),
        access_key: "key".to_owned(),
        secret_key: secret.to_owned(),
        ..FilesSettings::default()
    }
}

fn open(settings: &FilesSettings, folder: &Path) -> Files {
    let folder = DataFolder::open(Some(folder)).unwrap();
    Files::open(settings, &folder).unwrap()
}

async fn read(files: &Files, name: &str) -> Result<Vec<u8>, FilesError> {
    let mut reading = files.read(name).await?;
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        reading.read_to_end(&mut all).map(|_| all)
    });
    Ok(read.await.unwrap().unwrap())
}

async fn names(files: &Files) -> Vec<String> {
    let listed = files.list("uploads/").await.unwrap();
    let mut names: Vec<String> = listed.into_iter().map(|file| file.name).collect();
    names.sort();
    names
}

/// More than two parts, each different from the others.
fn large() -> Vec<Bytes> {
    let parts = 2 * PART / 100_000 + 30;
    let part = |n: usize| Bytes::from(vec![u8::try_from(n % 251).unwrap(); 100_000]);
    (0..parts).map(part).collect()
}

async fn keeps_the_contract(files: &Files) {
    assert_eq!(names(files).await, [""; 0]);
    let missing = read(files, "uploads/a").await;
    assert!(
        matches!(missing, Err(FilesError::NotFound(_))),
        "{missing:?}"
    );
    files.delete("uploads/a").await.unwrap();

    let mut small = files.write("uploads/a").await.unwrap();
    small.write(Bytes::from_static(b"one ")).await.unwrap();
    small.write(Bytes::from_static(b"two")).await.unwrap();
    small.keep().await.unwrap();
    assert_eq!(read(files, "uploads/a").await.unwrap(), b"one two");

    let parts = large();
    let mut file = files.write("uploads/b").await.unwrap();
    for part in &parts {
        file.write(part.clone()).await.unwrap();
    }
    file.keep().await.unwrap();
    assert!(read(files, "uploads/b").await.unwrap() == parts.concat());
    let listed = files.list("uploads/").await.unwrap();
    assert!(listed.iter().all(|file| file.written.is_some()));
    assert_eq!(names(files).await, ["uploads/a", "uploads/b"]);

    // Dropped half-way: nothing is left.
    let mut left = files.write("uploads/c").await.unwrap();
    for part in &parts {
        left.write(part.clone()).await.unwrap();
    }
    drop(left);
    let mut looks = 0;
    while names(files).await.len() > 2 {
        looks += 1;
        assert!(looks < 500, "what was dropped is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    files.delete("uploads/a").await.unwrap();
    assert_eq!(names(files).await, ["uploads/b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_keeps_the_contract() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some where");
    let url = reqwest::Url::from_file_path(&path).unwrap();
    let settings = FilesSettings {
        url: url.to_string(),
        ..FilesSettings::default()
    };
    keeps_the_contract(&open(&settings, folder.path())).await;
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(path.join("uploads/b").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let address = s3(folder.path()).await;
    let files = open(&on_s3(address, "the secret key"), folder.path());
    keeps_the_contract(&files).await;
    assert!(folder.path().join("flights/airside/uploads/b").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_an_error_that_does_not_tell_it() {
    let folder = tempfile::tempdir().unwrap();
    let address = s3(folder.path()).await;
    let files = open(&on_s3(address, "another secret"), folder.path());
    let mut file = files.write("uploads/a").await.unwrap();
    file.write(Bytes::from_static(b"one")).await.unwrap();
    let error = file.keep().await.unwrap_err();
    assert!(matches!(error, FilesError::Service(_)));
    assert!(!format!("{error} {error:?}").contains("another secret"));
}

#[tokio::test]
async fn the_data_folder_is_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(&FilesSettings::default(), folder.path());
    let mut file = files.write("uploads/a").await.unwrap();
    file.write(Bytes::from_static(b"one")).await.unwrap();
    file.keep().await.unwrap();
    let kept = std::fs::read(folder.path().join("files/uploads/a")).unwrap();
    assert_eq!(kept, b"one");
}
