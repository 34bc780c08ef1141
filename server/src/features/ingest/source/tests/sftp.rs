//! SFTP: keys, names, and servers that say nothing.

use super::*;

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
