use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use rstest::rstest;

use crate::program::{Folder, Said};

/// Whether the server that a folder's settings describe is ready, asked on a machine without certificates.
fn asked(folder: &Folder, address: &str) -> Said {
    let mut command = folder.command(&["health"]);
    command
        .env("SSL_CERT_FILE", folder.path("nothing"))
        .env("SSL_CERT_DIR", folder.path("nothing"))
        .env("AIRSIDE_HTTP_LISTEN", address);
    command.output().unwrap().into()
}

/// A server that was started, with its address.
fn started(mut child: Child) -> (Child, String) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on http://").unwrap().trim();
    (child, address.to_owned())
}

fn get(address: &str, path: &str) -> String {
    use std::io::Write;
    let mut socket = std::net::TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[rstest]
#[case("text", " roles=auth,search\n")]
#[case("json", ",\"roles\":\"auth,search\"}\n")]
fn the_flag_wins_and_logs_figures_and_readiness_say_the_roles(
    #[case] format: &str,
    #[case] in_the_log: &str,
) {
    let folder = Folder::new();
    let arguments = [
        "run",
        "--listen",
        "127.0.0.1:0",
        "--roles",
        "search,auth",
        "--until-stdin-closes",
    ];
    let child = folder
        .command(&arguments)
        .env("AIRSIDE_ROLES", "admin")
        .env("AIRSIDE_LOG_FORMAT", format)
        .spawn()
        .unwrap();
    let (child, address) = started(child);
    let ready = get(&address, "/readyz");
    assert!(ready.contains(" 200 OK"), "{ready}");
    assert!(
        ready.ends_with("{\"roles\":[\"auth\",\"search\"],\"status\":\"ok\"}"),
        "{ready}"
    );
    let metrics = get(&address, "/metrics");
    assert!(
        metrics.contains("airside_process_info{roles=\"auth,search\",version=\""),
        "{metrics}"
    );
    let health = asked(&folder, &address);
    assert_eq!(health.code, 0, "{}", health.err);
    assert!(
        health.out.contains("\"roles\":[\"auth\",\"search\"]"),
        "{}",
        health.out
    );

    let Said { code, err, .. } = child.wait_with_output().unwrap().into();
    assert_eq!(code, 0);
    assert!(err.lines().count() > 2);
    for line in err.split_inclusive('\n') {
        assert!(line.ends_with(in_the_log), "{line}");
    }
    let health = asked(&folder, &address);
    assert_eq!(health.code, 1, "nobody is there");
}

/// Nothing has to be set up: who calls no webhook needs no certificates.
#[test]
fn a_process_without_certificates_starts() {
    let folder = Folder::new();
    let arguments = ["run", "--listen", "127.0.0.1:0", "--until-stdin-closes"];
    let child = folder
        .command(&arguments)
        .env("SSL_CERT_FILE", folder.path("nothing"))
        .env("SSL_CERT_DIR", folder.path("nothing"))
        .spawn()
        .unwrap();
    let (child, address) = started(child);
    assert!(get(&address, "/readyz").contains(" 200 OK"));
    let Said { code, err, .. } = child.wait_with_output().unwrap().into();
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("there are no certificates"), "{err}");
}

#[test]
fn a_process_without_keys_says_what_it_waits_for() {
    let folder = Folder::new();
    let arguments = [
        "run",
        "--listen",
        "127.0.0.1:0",
        "--roles",
        "search",
        "--until-stdin-closes",
    ];
    let child = folder
        .command(&arguments)
        .env(
            "AIRSIDE_AUTH_JWKS_URL",
            "http://127.0.0.1:1/.well-known/jwks.json",
        )
        .env("SSL_CERT_FILE", folder.path("nothing"))
        .env("SSL_CERT_DIR", folder.path("nothing"))
        .spawn()
        .unwrap();
    let (child, address) = started(child);
    let ready = get(&address, "/readyz");
    assert!(
        ready.contains(" 503 ") && ready.contains("the keys of access tokens are not known yet"),
        "{ready}"
    );
    assert!(get(&address, "/healthz").contains(" 200 OK"));
    let health = asked(&folder, &address);
    assert_eq!(health.code, 1, "{}", health.out);
    let Said { err, .. } = child.wait_with_output().unwrap().into();
    assert!(
        err.contains("no access token can be verified for now"),
        "{err}"
    );
    assert!(!folder.path("data/signing-keys").exists());
}

#[rstest]
#[case(&["--roles", "porter"], "there is no role `porter`")]
#[case(&["--roles", "search,agent"], "there is no role `agent`")]
#[case(&["--roles", "search"], "auth.jwks_url is needed where auth is not among the roles (search)")]
#[case(&["--roles", "auth,search,bookings", "--demo"], "--demo is for a process of all roles")]
fn what_cannot_run_is_refused_before_anything_is_made(
    #[case] arguments: &[&str],
    #[case] expected: &str,
) {
    let folder = Folder::new();
    let arguments = [&["run", "--listen", "127.0.0.1:0"], arguments].concat();
    let said = folder.run(&arguments, "");
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains(expected), "{}", said.err);
    assert!(!folder.path("data/airside.db").exists());
}
