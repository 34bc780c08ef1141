use rstest::rstest;

use crate::program::{Folder, Said};

#[test]
fn the_example_is_a_file_of_the_defaults() {
    let folder = Folder::new();
    let example = folder.run(&["config", "--example"], "");
    assert!(example.out.starts_with('#'), "{}", example.out);
    folder.file("server.toml", example.out);
    let with_file = folder.run(&["--config", "server.toml", "config"], "");
    let without = folder.run(&["config"], "");
    assert_eq!((with_file.code, without.code), (0, 0));
    assert_eq!(with_file.out, without.out);
    // What is printed is a file again.
    folder.file("printed.toml", &without.out);
    let printed = folder.run(&["--config", "printed.toml", "config"], "");
    assert_eq!(printed.out, without.out);
    assert!(!folder.path("data").exists(), "looking makes nothing");
}

#[test]
fn every_setting_can_be_set_by_the_file_and_by_the_environment() {
    let folder = Folder::new();
    let defaults = folder.run(&["config"], "").out;
    let mut section = "";
    let mut settings = 0;
    for (at, line) in defaults.lines().enumerate() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            continue;
        }
        let Some((key, default)) = line.split_once(" = ") else {
            continue;
        };
        if (section, key) == ("ingest", "sources") {
            // Tables, shown as such: they have tests of their own, where settings are read.
            continue;
        }
        let value = match key {
            "listen" => "127.0.0.1:9",
            "url" if section == "redis" => "redis://elsewhere",
            "url" if section == "amqp" => "amqp://elsewhere",
            "url" if section == "files" => "file:///elsewhere",
            "url" if section == "mail" => "smtp://elsewhere",
            "from" | "reply_to" => "desk@example.com",
            "timeout" | "retry_after" => "2m",
            "allow_private" => "true",
            "retries" => "9s",
            "url" => "sqlite:///elsewhere/airside.db",
            "replica_urls" => "postgres://replica/airside",
            "replica_max_lag" => "1m 30s",
            "level" => "warn",
            "format" => "json",
            "requests" => "all",
            "roles" => "auth",
            "trusted_proxies" => "10.0.0.0/8",
            "currency" => "INR",
            "jwks_url" => "http://127.0.0.1:9/keys",
            _ => "77",
        };
        let quoted = match default.get(..1) {
            Some("\"") => format!("\"{value}\""),
            Some("[") => format!("[\"{value}\"]"),
            _ => value.to_owned(),
        };
        let mut expected: Vec<String> = defaults.lines().map(str::to_owned).collect();
        expected[at] = match key {
            "secret_key" => format!("{key} = \"***\""),
            _ => format!("{key} = {quoted}"),
        };
        let expected = expected.join("\n") + "\n";
        assert_ne!(expected, defaults, "{section}.{key}");
        let place = match section {
            "" => String::new(),
            section => format!("[{section}]\n"),
        };
        folder.file("one.toml", format!("{place}{key} = {quoted}\n"));
        let by_file = folder.run(&["--config", "one.toml", "config"], "");
        assert_eq!(by_file.out, expected, "{section}.{key}");
        let name = format!("{section}_{key}").to_uppercase();
        let name = format!("AIRSIDE_{}", name.trim_start_matches('_'));
        let mut command = folder.command(&["config"]);
        let by_environment: Said = command.env(&name, value).output().unwrap().into();
        assert_eq!(by_environment.out, expected, "{name}");
        settings += 1;
    }
    assert_eq!(settings, 44);
}

#[test]
fn a_password_is_neither_shown_nor_repeated_where_nobody_answers() {
    let folder = Folder::new();
    let url = "postgres://airside:pa55word@127.0.0.1:1/airside";
    for (arguments, code) in [(&["config"][..], 0), (&["migrate"], 1), (&["run"], 1)] {
        let mut command = folder.command(arguments);
        let said: Said = command
            .env("AIRSIDE_DATABASE_URL", url)
            .env("AIRSIDE_HTTP_LISTEN", "127.0.0.1:0")
            .output()
            .unwrap()
            .into();
        assert_eq!(said.code, code, "{}", said.err);
        assert!(
            !(said.out.clone() + &said.err).contains("pa55word"),
            "{}",
            said.err
        );
        let expected = match code {
            0 => said
                .out
                .contains("postgres://airside:***@127.0.0.1:1/airside"),
            _ => said.err.contains("Connection refused"),
        };
        assert!(expected, "{} {}", said.out, said.err);
    }
}

#[rstest]
#[case("AIRSIDE_HTTP_LISEN", "x", "http.lisen: there is no such setting")]
#[case("AIRSIDE_LOG_LEVEL", "loud", "log.level: `loud` is none of")]
#[case(
    "AIRSIDE_DATABASE_URL",
    "mysql://u:secret@h/d",
    "database.url: write it as"
)]
#[case("AIRSIDE_CONFIG", "missing.toml", "missing.toml: No such file")]
#[case(
    "AIRSIDE_ROLES",
    "search,agent",
    "roles: there is no role `agent`; there are auth,search,bookings,admin,worker"
)]
#[case("AIRSIDE_ROLES", "ingests", "roles: there is no role `ingests`")]
#[case(
    "AIRSIDE_AUTH_JWKS_URL",
    "http://u:secret@h/keys",
    "auth.jwks_url: write it as http"
)]
#[case(
    "AIRSIDE_HTTP_TRUSTED_PROXIES",
    "10.0.0.0/8,nginx",
    "http.trusted_proxies: `nginx` is neither an address"
)]
fn a_wrong_setting_is_named_before_anything_is_made(
    #[case] name: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let folder = Folder::new();
    for arguments in [
        &["run", "--listen", "127.0.0.1:0"][..],
        &["migrate"],
        &["config"],
    ] {
        let mut command = folder.command(arguments);
        let said: Said = command.env(name, value).output().unwrap().into();
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains(expected), "{}", said.err);
        assert!(!said.err.contains("secret"), "{}", said.err);
        assert!(!folder.path("data").exists());
    }
}
