//! FTP and FTPS: what servers say, and whom is believed.

use super::*;

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
