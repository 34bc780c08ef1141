//! What every source must do, on a folder and on servers that speak S3, FTP, FTPS and SFTP.

use std::path::{Path, PathBuf};

use futures_util::stream;
use rstest::rstest;
use tempfile::TempDir;

use super::super::address::Security;
use super::*;
use crate::config::{Done, Settings};
use crate::files::contract::s3;

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

/// An FTP server that answers some commands in its own way, and all others well.
async fn peculiar(answers: Vec<(&'static str, String)>) -> SourceSettings {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (from, mut to) = socket.split();
            to.write_all(b"220 hello\r\n").await.unwrap();
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let word = line.split(' ').next().unwrap();
                let own = answers.iter().find(|(command, _)| *command == word);
                let answer = match (own, word) {
                    (Some((_, answer)), _) => answer.as_str(),
                    (None, "USER") => "331 and the password?",
                    (None, "PASS") => "230 come in",
                    (None, _) => "200 so be it",
                };
                let answer = format!("{answer}\r\n");
                if to.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    settings(&format!("ftp://ada:hunter%202@{address}/in"))
}

/// Also where the password is cut off with what is too long to be kept.
#[rstest]
#[case("PASS", 0)]
#[case("PASS", LONGEST_ERROR - 39)]
#[case("TYPE", 0)]
#[case("CWD", 0)]
#[case("PASV", 0)]
#[tokio::test]
async fn a_server_that_repeats_the_password_is_not_quoted(
    #[case] command: &'static str,
    #[case] far: usize,
) {
    let answer = format!("500 {}'PASS hunter 2': what?", "x".repeat(far));
    let settings = peculiar(vec![(command, answer)]).await;
    let source = open(&settings).unwrap();
    let error = source.list().await.unwrap_err().to_string();
    assert!(error.contains("500"), "{error}");
    assert!(!error.contains("hunt"), "{error}");
    assert!(far > 0 || error.contains("'PASS ***': what?"), "{error}");
    for error in [
        source.look("a").await.unwrap_err(),
        source.read("a").await.err().unwrap(),
        source.write("a", content(&["x"])).await.unwrap_err(),
    ] {
        assert!(!error.to_string().contains("hunt"), "{error}");
    }
}

/// Where files come over, as `PASV` tells it.
async fn passive() -> (tokio::net::TcpListener, String) {
    let files = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = files.local_addr().unwrap().port();
    let told = format!("227 (127,0,0,1,{},{})", port / 256, port % 256);
    (files, told)
}

#[tokio::test]
async fn a_server_that_repeats_the_password_behind_a_file_is_not_quoted_either() {
    let (files, passive) = passive().await;
    let answer = "150 here it comes\r\n426 'PASS hunter 2' is away".to_owned();
    let settings = peculiar(vec![("PASV", passive), ("RETR", answer)]).await;
    let source = open(&settings).unwrap();
    let sent = async { drop(files.accept().await.unwrap()) };
    let (read, ()) = tokio::join!(text(&*source, "a.csv"), sent);
    let error = read.unwrap_err().to_string();
    assert!(error.contains("'PASS ***' is away"), "{error}");
}

/// What a server forbids of a file is not what it is itself.
#[rstest]
#[case("550 Permission denied.")]
#[case("553 Could not create file.")]
#[tokio::test]
async fn a_file_that_may_not_be_written_by_ftp_is_told_as_such(#[case] answer: &str) {
    let (_files, passive) = passive().await;
    let settings = peculiar(vec![("PASV", passive), ("STOR", answer.to_owned())]).await;
    let source = open(&settings).unwrap();
    let error = source.write("done/a", content(&["x"])).await.unwrap_err();
    assert!(
        matches!(&error, SourceError::Denied(path) if path == "done/a"),
        "{error}"
    );
}

/// Certificates of an authority that nobody knows.
fn another_authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.self_signed(&key).unwrap().pem()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_ftps_must_prove_who_it_is() {
    let (_folder, settings) = Server::Ftps.folder();
    let password = password(&settings);
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), another_authority()).unwrap();
    let with = |ca_file: &Path, host: &str| SourceSettings {
        url: settings.url.replace("@127.0.0.1:", &format!("@{host}:")),
        ca_file: ca_file.to_owned(),
        ..settings.clone()
    };
    for (wrong, why) in [
        (with(other.path(), "127.0.0.1"), "UnknownIssuer"),
        (with(Path::new(""), "127.0.0.1"), "UnknownIssuer"),
        (with(&settings.ca_file, "localhost"), "not valid for name"),
    ] {
        for server in [Server::Ftps, Server::ImplicitFtps] {
            let error = server.open(&wrong).list().await.unwrap_err().to_string();
            assert!(error.contains("invalid peer certificate"), "{error}");
            assert!(error.contains(why), "{error}");
            assert!(!error.contains(&password), "{error}");
        }
    }
    for (file, why) in [
        ("/nowhere/ca.pem", "ca_file: /nowhere/ca.pem: No such file"),
        ("/dev/null", "ca_file: /dev/null: it has no certificate"),
    ] {
        let error = open(&with(Path::new(file), "127.0.0.1")).err().unwrap();
        assert!(error.to_string().starts_with(why), "{error}");
    }
}

/// The server of FTPS that has a port this far behind the first.
fn on_port(settings: &SourceSettings, further: u16) -> Ftp {
    let Ok(Address::Ftp(mut address)) = settings.address() else {
        panic!("{settings:?}");
    };
    address.port += further;
    Ftp::new(address, &settings.ca_file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_the_newest_tls_alone_is_spoken_to() {
    let (folder, settings) = Server::Ftps.folder();
    std::fs::write(folder.path().join("a.csv"), "one").unwrap();
    let source = on_port(&settings, 3);
    assert_eq!(names(&source).await, ["a.csv"]);
    assert_eq!(text(&source, "a.csv").await.unwrap(), "one");
}

/// A server that wants its files unencrypted gets no login, and so no file.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_encrypts_no_files_is_refused() {
    let (_folder, settings) = Server::Ftps.folder();
    let source = on_port(&settings, 2);
    let error = source.list().await.unwrap_err().to_string();
    assert!(
        error.starts_with("there is no TLS with this server"),
        "{error}"
    );
    assert!(error.contains("534"), "{error}");
}

/// Neither a server that knows no TLS nor somebody between who says so gets a password.
#[rstest]
#[case(b"500 what is TLS?\r\n")]
#[case(b"234 yes\r\n230 you are in\r\n")]
#[tokio::test]
async fn nothing_is_said_to_a_server_without_tls(#[case] answer: &'static [u8]) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (_folder, encrypted) = Server::Ftps.folder();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"220 hello\r\n").await.unwrap();
        let mut heard = vec![0; 10];
        socket.read_exact(&mut heard).await.unwrap();
        socket.write_all(answer).await.unwrap();
        // What else is said before it hangs up; a handshake gets no answer.
        let mut rest = vec![0; 4096];
        let count = socket.read(&mut rest).await.unwrap_or_default();
        heard.extend_from_slice(&rest[..count]);
        String::from_utf8_lossy(&heard).into_owned()
    });
    let source = open(&SourceSettings {
        url: format!("ftps://ada:secret@127.0.0.1:{port}"),
        ..encrypted
    });
    let error = source.unwrap().list().await.unwrap_err().to_string();
    assert!(
        error.starts_with("there is no TLS with this server"),
        "{error}"
    );
    let heard = heard.await.unwrap();
    assert!(heard.starts_with("AUTH TLS\r\n"), "{heard:?}");
    for word in ["ada", "secret", "USER", "PASS"] {
        assert!(!heard.contains(word), "{heard:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_of_sftp_whose_key_is_known_is_spoken_to() {
    let (_folder, settings) = Server::Sftp.folder();
    let hosts = tempfile::NamedTempFile::new().unwrap();
    let known = std::fs::read_to_string(&settings.known_hosts_file).unwrap();
    let (address, key) = known.trim().split_once(' ').unwrap();
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKp5M0kkQCw7wxg0nbUDFY0m7ClQe6Pd0cXEzZTu4LWB";
    let source = SourceSettings {
        known_hosts_file: hosts.path().to_owned(),
        ..settings.clone()
    };
    for (line, why) in [
        (String::new(), "the server's host key is not known"),
        (
            format!("elsewhere {key}"),
            "the server's host key is not known",
        ),
        (
            format!("{address} {other}"),
            "the server has another host key than",
        ),
        (format!("@revoked {address} {key}"), "revoked"),
    ] {
        std::fs::write(hosts.path(), format!("{line}\n")).unwrap();
        let error = open(&source).unwrap().list().await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(why), "{line}: {error}");
    }
    std::fs::write(hosts.path(), "").unwrap();
    let error = open(&source).unwrap().list().await.unwrap_err().to_string();
    let port = settings.address().map(|address| match address {
        Address::Sftp(address) => address.port,
        address => panic!("{address:?}"),
    });
    let add = format!(
        "ssh-keyscan -p {} 127.0.0.1 >>{}",
        port.unwrap(),
        hosts.path().display()
    );
    assert!(error.ends_with(&add), "{error}");
    std::fs::write(hosts.path(), known).unwrap();
    assert_eq!(names(&*open(&source).unwrap()).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_by_sftp_is_told() {
    let (folder, settings) = Server::Sftp.folder();
    let error = async |settings: SourceSettings| {
        let listed = open(&settings).unwrap().list().await;
        listed.unwrap_err().to_string()
    };
    let with_key = |key_file: PathBuf| SourceSettings {
        key_file,
        ..settings.clone()
    };
    let said = error(with_key(file_of("sftp", "host_key"))).await;
    assert!(said.contains("Permission denied (publickey)"), "{said}");
    let opened = open(&with_key("/nowhere/key of mine".into()));
    let said = opened.err().unwrap().to_string();
    assert!(
        said.starts_with("key_file: /nowhere/key of mine: No such file"),
        "{said}"
    );
    let missing = SourceSettings {
        url: format!("{}/missing", settings.url),
        ..settings.clone()
    };
    let said = error(missing).await;
    assert!(said.starts_with("there is no folder in"), "{said}");
    let nobody = SourceSettings {
        url: "sftp://ada@127.0.0.1:1/x".to_owned(),
        ..settings.clone()
    };
    let said = error(nobody).await;
    assert!(said.contains("Connection refused"), "{said}");
    drop(folder);
}

/// A server that takes a connection and says nothing is given up in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_sftp_that_says_nothing_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("sftp://ada@127.0.0.1:{port}/x");
    let source = open(&settings(&url)).unwrap();
    let (listed, _silent) = tokio::join!(source.list(), listener.accept());
    let error = listed.unwrap_err().to_string();
    assert!(error.contains("timed out"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_or_has_no_name_hides_nothing_on_a_server_of_sftp() {
    use std::os::unix::ffi::OsStrExt;
    let (folder, settings) = Server::Sftp.folder();
    let there = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    std::fs::write(there(b"\xe9.csv"), "x").unwrap();
    std::fs::write(there("-é \t.csv".as_bytes()), "x").unwrap();
    std::fs::write(there(b"a.csv"), "a").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", there(b"link.csv")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(there(b"socket.csv")).unwrap();
    let source = open(&settings).unwrap();
    assert_eq!(names(&*source).await, ["-é \t.csv", "a.csv"]);
    let remark = source.list().await.unwrap().remark;
    let told = "passed over: names that are not UTF-8 (1)";
    assert_eq!(remark.as_deref(), Some(told));
    assert_eq!(text(&*source, "-é \t.csv").await.unwrap(), "x");
    for path in ["link.csv", "socket.csv"] {
        assert_eq!(source.look(path).await.unwrap(), None);
        let read = text(&*source, path).await;
        assert!(matches!(read, Err(SourceError::NotFound(_))), "{read:?}");
    }
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
