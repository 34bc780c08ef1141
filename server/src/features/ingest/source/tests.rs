//! What every source must do, on a folder and on servers that speak S3, FTP, FTPS and SFTP.

use std::path::{Path, PathBuf};

use futures_util::stream;
use rstest::rstest;
use tempfile::TempDir;

use super::super::address::Security;
use super::*;
use crate::config::{Done, Settings};
use crate::files::contract::s3;

mod ftp;
mod sftp;

/// A source of an address.
pub(crate) fn settings(url: &str) -> SourceSettings {
    let text = format!("[{{ name = \"a\", url = \"{url}\" }}]");
    let environment = [("AIRSIDE_INGEST_SOURCES".to_owned(), text)];
    let mut sources = Settings::load(None, environment).unwrap().ingest.sources;
    sources.remove(0)
}

/// A source on a folder.
pub(crate) fn on_folder(folder: &Path) -> Box<dyn Source> {
    open(&settings(&format!("file://{}", folder.display()))).unwrap()
}

async fn on_s3(folder: &TempDir, secret: &str) -> Box<dyn Source> {
    let address = s3(folder.path()).await;
    let url = format!("s3://flights/in?endpoint=http://{address}&region=eu-west-1");
    let settings = SourceSettings {
        access_key: "key".to_owned(),
        secret_key: secret.to_owned(),
        done: Done::Leave,
        ..settings(&url)
    };
    open(&settings).unwrap()
}

fn content(parts: &[&'static str]) -> Content {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| Ok(Bytes::from_static(part.as_bytes())))
        .collect();
    stream::iter(parts).boxed()
}

pub(crate) async fn text(source: &dyn Source, path: &str) -> Result<String, SourceError> {
    let parts: Vec<Bytes> = source.read(path).await?.try_collect().await?;
    Ok(String::from_utf8(parts.concat()).unwrap())
}

async fn names(source: &dyn Source) -> Vec<String> {
    let listed = source.list().await.unwrap();
    let mut names: Vec<String> = listed.files.into_iter().map(|file| file.path).collect();
    names.sort();
    names
}

async fn keeps_the_contract(source: &dyn Source) {
    assert_eq!(names(source).await, [""; 0]);
    assert_eq!(source.look("a.csv").await.unwrap(), None);
    let missing = text(source, "a.csv").await;
    assert!(
        matches!(missing, Err(SourceError::NotFound(_))),
        "{missing:?}"
    );
    source.delete("a.csv").await.unwrap();

    let odd = "Łódź ' %20 #1; size=5;2.csv";
    source
        .write("a.csv", content(&["one ", "two"]))
        .await
        .unwrap();
    source.write(odd, content(&["x"])).await.unwrap();
    source
        .write("done/a.csv", content(&["moved"]))
        .await
        .unwrap();
    assert_eq!(names(source).await, ["a.csv", odd], "of the folder itself");
    assert_eq!(text(source, "a.csv").await.unwrap(), "one two");
    assert_eq!(text(source, odd).await.unwrap(), "x");
    assert_eq!(text(source, "done/a.csv").await.unwrap(), "moved");
    let listing = source.list().await.unwrap();
    assert_eq!(listing.remark, None);
    for file in listing.files {
        let now = source.look(&file.path).await.unwrap();
        assert_eq!(now.as_ref(), Some(&file), "a list and a look tell the same");
        assert!(file.modified.is_some());
    }
    let before = source.look("a.csv").await.unwrap().unwrap();
    assert_eq!(before.size, 7);
    source.write("a.csv", content(&["three"])).await.unwrap();
    assert_eq!(
        text(source, "a.csv").await.unwrap(),
        "three",
        "it is replaced"
    );
    assert_ne!(source.look("a.csv").await.unwrap(), Some(before));

    let failed = stream::iter([
        Ok(Bytes::from_static(b"half")),
        Err(SourceError::Service("hung up".to_owned())),
    ]);
    let written = source.write("half.csv", failed.boxed()).await;
    assert_eq!(written.unwrap_err().to_string(), "hung up");
    source.delete("a.csv").await.unwrap();
    assert_eq!(source.look("a.csv").await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_the_contract(&*on_folder(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_the_contract(&*on_s3(&folder, "the secret key").await).await;
}

/// What `scripts/services` says.
fn told(name: &str) -> String {
    std::env::var(name).expect("scripts/services runs servers of FTP and SFTP")
}

/// A file of a service.
fn file_of(service: &str, name: &str) -> PathBuf {
    Path::new(&told("AIRSIDE_SERVICES"))
        .join(service)
        .join(name)
}

/// A server of files that `scripts/services` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Ftp,
    /// TLS that is asked for.
    Ftps,
    /// TLS from the first byte.
    ImplicitFtps,
    Sftp,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Ftps | Self::ImplicitFtps => "ftps",
            Self::Sftp => "sftp",
        }
    }

    /// A folder there, and a source on it.
    fn folder(self) -> (TempDir, SourceSettings) {
        let files = file_of(self.name(), "files");
        let folder = tempfile::Builder::new().prefix("in").tempdir_in(files);
        let folder = folder.unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap();
        let address = told(&format!("AIRSIDE_TEST_{}", self.name().to_uppercase()));
        let mut settings = settings(&format!("{address}/{name}"));
        match self {
            Self::Ftp => {}
            Self::Ftps | Self::ImplicitFtps => settings.ca_file = file_of("ftps", "ca.pem"),
            Self::Sftp => {
                settings.key_file = file_of("sftp", "key");
                settings.known_hosts_file = file_of("sftp", "known_hosts");
            }
        }
        (folder, settings)
    }

    fn open(self, settings: &SourceSettings) -> Box<dyn Source> {
        if self != Self::ImplicitFtps {
            return open(settings).unwrap();
        }
        // Only port 990 is known for it, which the test does not have.
        let Ok(Address::Ftp(mut address)) = settings.address() else {
            panic!("{settings:?}");
        };
        address.port += 1;
        address.security = Security::Implicit;
        Box::new(Ftp::new(address, &settings.ca_file).unwrap())
    }
}

#[rstest]
#[case(Server::Ftp)]
#[case(Server::Ftps)]
#[case(Server::ImplicitFtps)]
#[case(Server::Sftp)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_keeps_the_contract(#[case] server: Server) {
    let (folder, settings) = server.folder();
    let source = server.open(&settings);
    keeps_the_contract(&*source).await;
    std::fs::create_dir(folder.path().join("b.csv")).unwrap();
    let names = names(&*source).await;
    assert!(!names.contains(&"b.csv".to_owned()), "{names:?}");
    let folder = text(&*source, "b.csv").await;
    assert!(
        matches!(folder, Err(SourceError::NotFound(_))),
        "{folder:?}"
    );
}

/// The server of FTPS insists that each file's connection resumes the session, which can be used up.
#[rstest]
#[case(Server::Ftps)]
#[case(Server::ImplicitFtps)]
#[case(Server::Sftp)]
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_for_many_files(#[case] server: Server) {
    const FILES: usize = 24;
    let (folder, settings) = server.folder();
    let source = server.open(&settings);
    let large = "0123456789abcdef".repeat(64 * 1024);
    let large: &'static str = large.leak();
    for n in 0..FILES {
        let name = format!("{n}.csv");
        source.write(&name, content(&[large, "end"])).await.unwrap();
    }
    assert_eq!(names(&*source).await.len(), FILES);
    for n in 0..FILES {
        let name = format!("{n}.csv");
        // Moved as settling does it: one reads while the other writes.
        let arriving = source.read(&name).await.unwrap();
        source.write("done/copy", arriving).await.unwrap();
        let copy = std::fs::read(folder.path().join("done/copy")).unwrap();
        assert_eq!(copy.len(), large.len() + 3);
        assert!(copy.starts_with(large.as_bytes()) && copy.ends_with(b"end"));
        source.delete(&name).await.unwrap();
    }
    assert_eq!(names(&*source).await, [""; 0]);
}

fn password(settings: &SourceSettings) -> String {
    let (_, rest) = settings.url.split_once("airside:").unwrap();
    rest.split_once('@').unwrap().0.to_owned()
}

#[rstest]
#[case(Server::Ftp)]
#[case(Server::Ftps)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_says_so_and_no_password(#[case] server: Server) {
    let (_folder, settings) = server.folder();
    let password = password(&settings);
    let with_url = |url: String| SourceSettings {
        url,
        ..settings.clone()
    };
    let wrong = with_url(settings.url.replace(&password, "hunter2"));
    let error = open(&wrong).unwrap().list().await.unwrap_err().to_string();
    assert!(error.contains("530"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let missing = with_url(format!("{}/missing", settings.url));
    let error = open(&missing).unwrap().list().await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("550"), "{error}");
    assert!(!error.contains(&password), "{error}");
    assert!(!settings.address_shown().contains(&password));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_lets_nobody_in_says_so_and_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let source = on_s3(&folder, "another secret key").await;
    let error = source.list().await.unwrap_err().to_string();
    assert!(!error.contains("secret key"), "{error}");
    assert!(!error.is_empty());
}

/// A server that sends whoever asks to another one.
#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = elsewhere.local_addr().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{there}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let url = format!("s3://flights/in?endpoint=http://{address}");
    let source = open(&SourceSettings {
        access_key: "key".to_owned(),
        secret_key: "secret".to_owned(),
        ..settings(&url)
    });
    let asked = source.unwrap();
    tokio::select! {
        listed = asked.list() => assert!(listed.is_err()),
        _ = elsewhere.accept() => panic!("it was followed"),
    }
}

#[tokio::test]
async fn a_link_out_of_a_folder_is_no_file_of_it() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = elsewhere.path().join("secret.csv");
    std::fs::write(&secret, "secret").unwrap();
    std::os::unix::fs::symlink(&secret, folder.path().join("a.csv")).unwrap();
    std::fs::create_dir(folder.path().join("b.csv")).unwrap();
    assert_eq!(names(&*on_folder(folder.path())).await, [""; 0]);
}

#[test]
fn a_folder_that_is_not_there_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let opened = open(&settings(&format!("file://{}", missing.display())));
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("missing: No such file"), "{error}");
    assert!(!missing.exists());
}

#[rstest]
#[case("*.csv", "a.csv", true)]
#[case("*.csv", "a.CSV", false)]
#[case("*.csv", ".a.csv", false)]
#[case("*", ".a.csv", false)]
#[case(".*", ".a.csv", true)]
#[case("*", "a", true)]
#[case("S2[6-8]?.ssim", "S27a.ssim", true)]
#[case("S2[6-8]?.ssim", "S25a.ssim", false)]
fn names_are_meant_by_a_pattern(#[case] pattern: &str, #[case] name: &str, #[case] meant: bool) {
    assert_eq!(Names::of(pattern).are(name), meant);
}

#[rstest]
#[case("a.csv", None)]
#[case("Łódź 1.csv", None)]
#[case("a..csv", None)]
#[case("a\u{1b}[31m.csv", Some("its name has control characters"))]
#[case("a\n.csv", Some("its name has control characters"))]
#[case("a\u{202e}vsc.csv", Some("its name has control characters"))]
#[case("../a.csv", Some("its name is a path"))]
#[case("b/a.csv", Some("its name is a path"))]
#[case("..\\a.csv", Some("its name is a path"))]
#[case("..", Some("its name is a path"))]
#[case(" a.csv", Some("its name begins or ends with a space"))]
fn names_that_lead_elsewhere_are_refused(#[case] name: &str, #[case] why: Option<&str>) {
    assert_eq!(Names::refusal(name), why);
}

#[test]
fn what_drives_a_terminal_is_escaped() {
    assert_eq!(
        escaped("a\u{1b}[31m\u{202e}é.csv"),
        "a\\u{1b}[31m\\u{202e}é.csv"
    );
    let long = short(&"\u{7}".repeat(1000));
    assert!(long.starts_with("\\u{7}\\u{7}"));
    assert_eq!(long.len(), LONGEST_ERROR * 5);
}
