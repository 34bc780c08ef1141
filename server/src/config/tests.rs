use rstest::rstest;

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(Some(&path), environment)
        .map_err(|e| e.to_string().replace(path.to_str().unwrap(), "FILE"))
}

#[test]
fn the_example_shows_every_default() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let table: Table = uncommented.parse().unwrap();
    assert_eq!(table, defaults());
    assert_eq!(load(EXAMPLE, &[]).unwrap(), Settings::default());
}

#[test]
fn the_environment_wins_over_the_file_over_the_defaults() {
    let settings = load(
        "[auth]\naccount_failures_per_minute = 7\naddress_failures_per_minute = 8",
        &[
            ("AIRSIDE_AUTH_ADDRESS_FAILURES_PER_MINUTE", "9"),
            ("AIRSIDE_DATABASE_URL", "sqlite:///x.db"),
            ("AIRSIDE_SERVER", "the console's own"),
            ("AIRSIDE_STATE_DIR", "the console's own"),
            ("AIRSIDE_DATA_DIR", "a flag"),
            ("AIRSIDE_CONFIG", "a flag"),
            ("HOME", "/nowhere"),
        ],
    )
    .unwrap();
    assert_eq!(settings.auth.account_failures_per_minute.get(), 7);
    assert_eq!(settings.auth.address_failures_per_minute.get(), 9);
    assert_eq!(settings.auth.hashes_at_once.get(), 4);
    assert_eq!(settings.database.url, ["sqlite:///x.db"]);
}

#[rstest]
#[case("[http]\nlisen = \"x\"", &[], "http.lisen: unknown field")]
#[case("[htp]\nlisten = \"x\"", &[], "htp: unknown field")]
#[case("[http]\nlisten = \"here\"", &[], "http.listen: invalid socket address syntax (from FILE)")]
#[case("[http]\nuser_requests_per_second = 100001", &[], "http.user_requests_per_second: is at most 100000")]
#[case("", &[("AIRSIDE_HTTP_USER_REQUESTS_PER_SECOND", "many")], "http.user_requests_per_second: is a number")]
#[case("[auth]\nhashes_at_once = -1", &[], "auth.hashes_at_once: invalid value")]
#[case("[auth]\naccount_failures_per_minute = 0", &[], "auth.account_failures_per_minute: invalid value")]
#[case("[log]\nformat = \"xml\"", &[], "log.format: unknown variant `xml`")]
#[case("[http", &[], "FILE: TOML parse error at line 1")]
#[case("", &[("AIRSIDE_HTTP_LISEN", "x")], "http.lisen: there is no such setting (from the environment variable AIRSIDE_HTTP_LISEN)")]
#[case("", &[("AIRSIDE_DATABASES_URL", "x")], "databases_url: there is no such setting (from the environment variable AIRSIDE_DATABASES_URL)")]
#[case("", &[("AIRSIDE_AUTH_HASHES_AT_ONCE", "many")], "auth.hashes_at_once: is a number")]
#[case("[log]\nlevel = \"loud\"", &[], "log.level: `loud` is none of off, error, warn, info, debug, trace (from FILE)")]
#[case("", &[("AIRSIDE_LOG_LEVEL", "info,sqlx=loud")], "log.level: ")]
#[case("", &[("AIRSIDE_DATABASE_URL", "mysql://u:secret@h/x")], "database.url: write it as sqlite:///path/to/airside.db or postgres://")]
#[case("", &[("AIRSIDE_DATABASE_URL", "postgres://u:secret@h:port/x")], "database.url: write it as ")]
#[case("", &[("AIRSIDE_DATABASE_URL", "postgres://u@h/x?pasword=secret")], "database.url: write it as ")]
#[case("", &[("AIRSIDE_DATABASE_URL", "postgres://u@h/x?password=secret&sslmode=perhaps")], "database.url: write it as ")]
#[case("[database]\n\nurl = \"postgres://u:secret@h/x", &[], "FILE: TOML parse error at line 3: ")]
#[case("[database]\nurl = \"/path/airside.db\"", &[], "database.url: write it as sqlite://")]
#[case("[database]\nurl = \"sqlite://:memory:\"", &[], "database.url: write it as sqlite://")]
#[case("[database]\nurl = [\"sqlite:///a.db\", \"sqlite:///b.db\"]", &[], "database.url: write it as ")]
#[case("[database]\nurl = 7", &[], "database.url: is an address or a list of addresses")]
#[case("", &[("AIRSIDE_DATABASE_REPLICA_URLS", "sqlite:///secret.db")], "database.replica_urls: write each as ")]
#[case("", &[("AIRSIDE_DATABASE_REPLICA_URLS", "postgres://u@h/x,postgres://u@h/x?pasword=secret")], "database.replica_urls: write each as ")]
#[case("", &[("AIRSIDE_DATABASE_REPLICA_MAX_LAG", "soon")], "database.replica_max_lag: write it as 5s")]
#[case("", &[("AIRSIDE_DATABASE_REPLICA_MAX_LAG", "0s")], "database.replica_max_lag: write it as 5s")]
#[case("", &[("AIRSIDE_DATABASE_REPLICA_MAX_LAG", "-5s")], "database.replica_max_lag: write it as 5s")]
#[case("", &[("AIRSIDE_REDIS_URL", "redis://:secret@a?db=1")], "redis.url: write it as redis://user:password@host:6379/0")]
#[case("[redis]\nurl = \"http://:secret@a\"", &[], "redis.url: write it as redis://")]
#[case("", &[("AIRSIDE_REDIS_PREFIX", "{a}")], "redis.prefix: is 1 to 64 of")]
#[case("", &[("AIRSIDE_LOG_REQUESTS", "some")], "log.requests: unknown variant `some`")]
#[case("roles = [\"auth\", \"agent\"]", &[], "roles: there is no role `agent`")]
#[case("roles = []", &[], "roles: name one role at least")]
#[case("roles = 7", &[], "roles: is a list of words")]
#[case("", &[("AIRSIDE_ROLES", "")], "roles: name one role at least")]
#[case("[amqp]\nurl = \"http://u:p@h\"", &[], "amqp.url: write it as amqp://user:password@host:5672/%2f, or amqps://")]
#[case("", &[("AIRSIDE_AMQP_PREFIX", "a b")], "amqp.prefix: is 1 to 64 of")]
#[case("", &[("AIRSIDE_ROLES", "porter")], "roles: there is no role `porter`")]
#[case("[roles]\nauth = true", &[], "roles: is a list of words")]
#[case("", &[("AIRSIDE_AUTH_JWKS_URL", "ftp://h/secret")], "auth.jwks_url: write it as ")]
#[case("", &[("AIRSIDE_AUTH_JWKS_URL", "http://u:secret@h/keys")], "auth.jwks_url: write it as ")]
#[case("[import]\ncurrency = \"XXZ\"", &[], "import.currency: not an ISO 4217 currency code")]
#[case("", &[("AIRSIDE_IMPORT_FARES", "99,coach=1")], "import.fares: `coach=1` is no fare")]
#[case("", &[("AIRSIDE_MAIL_URL", "https://u:secret@h/")], "mail.url: write it as smtps://")]
#[case("", &[("AIRSIDE_MAIL_URL", "smtp://u:secret@h/?tls=perhaps")], "mail.url: write it as smtps://")]
#[case("[mail]\nfrom = \"nobody\"", &[], "mail.from: write it as no-reply@example.com")]
#[case("[mail]\nretry_after = \"soon\"", &[], "mail.retry_after: write it as 5s")]
#[case("", &[("AIRSIDE_WEBHOOKS_ALLOW_PRIVATE", "perhaps")], "webhooks.allow_private: is true or false")]
#[case("", &[("AIRSIDE_WEBHOOKS_RETRIES", "5s,soon")], "webhooks.retries: is a list of times")]
#[case("[ingest]\nsources = 7", &[], "ingest.sources: is a list of tables")]
#[case("[ingest]\nsources = [\"ftp://u:secret@h\"]", &[], "ingest.sources: is a list of tables")]
#[case("", &[("AIRSIDE_INGEST_SOURCES", "[{ url = \"ftp://u:secret@h\"")], "ingest.sources: is a list of tables")]
#[case("[[ingest.sources]]\nurl = \"file:///x\"", &[], "ingest.sources: source 1: missing field `name`")]
#[case("[[ingest.sources]]\nname = \"A\"\nurl = \"file:///x\"", &[], "ingest.sources: source 1: name: a source's name has 1 to 32 of")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"http://u:secret@h/x\"", &[], "ingest.sources: source 1: url: write it as file:///path")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"s3://k:secret@h/x\"", &[], "ingest.sources: source 1: url: credentials do not stand in this address")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"sftp://u:secret@h/x\"", &[], "source 1: url: sftp:// logs in by a key")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"sftp://-oProxyCommand@h/x\"", &[], "source 1: url: no part of a sftp:// address begins with a hyphen")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"ftp://h/x\"\nca_file = \"ca.pem\"", &[], "source 1: ca_file: is for ftps:// alone")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"ftps://h/x\"\nkey_file = \"key\"", &[], "source 1: key_file: is for sftp:// alone")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\nknown_hosts_file = \"known_hosts\"", &[], "source 1: known_hosts_file: is for sftp:// alone")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = [\"secret\"]", &[], "ingest.sources: source 1: url: is a text")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\npattern = \"b/*\"", &[], "source 1: pattern: is a pattern of names")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\npattern = \"[a\"", &[], "source 1: pattern: ")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\nformat = \"xml\"", &[], "source 1: format: is one of airside, prototype, ssim")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\ninterval = 0", &[], "source 1: interval: invalid value")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\ndone = \"burn\"", &[], "source 1: done: unknown variant `burn`")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\nfares = [\"coach=1\"]", &[], "source 1: fares: `coach=1` is no fare")]
#[case("[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\n[[ingest.sources]]\nname = \"a\"\nurl = \"file:///y\"", &[], "ingest.sources: there are two sources named a")]
#[case("[http]\ntrusted_proxies = [\"nginx\"]", &[], "http.trusted_proxies: `nginx` is neither")]
fn what_is_wrong_is_named(
    #[case] file: &str,
    #[case] environment: &[(&str, &str)],
    #[case] expected: &str,
) {
    let error = load(file, environment).unwrap_err();
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[rstest]
#[case::in_the_file("roles = [\"search\", \"auth\"]\n[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]", &[])]
#[case::as_a_text("roles = \"auth,search\"\n[http]\ntrusted_proxies = \"10.0.0.0/8,::1\"", &[])]
#[case::in_the_environment("roles = [\"admin\"]", &[("AIRSIDE_ROLES", "auth,search"), ("AIRSIDE_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, ::1")])]
fn lists_are_taken(#[case] file: &str, #[case] environment: &[(&str, &str)]) {
    let shown = load(file, environment).unwrap().shown();
    for line in [
        "roles = [\"auth\", \"search\"]",
        "trusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[rstest]
#[case("postgres://airside:secret@db/airside")]
#[case("postgresql://airside@db:5432/airside?sslmode=verify-full&sslrootcert=/etc/ca.pem")]
#[case("postgres:///airside?host=/var/run/postgresql&options[work_mem]=64MB")]
fn an_address_of_postgresql_is_taken(#[case] url: &str) {
    let settings = load("", &[("AIRSIDE_DATABASE_URL", url)]).unwrap();
    assert_eq!(settings.database.url, [url]);
}

#[rstest]
#[case::in_a_list("[database]\nurl = [\"postgres://u@a/x\", \"postgres://u:p,q@b/x\"]", &[])]
#[case::with_commas("", &[("AIRSIDE_DATABASE_URL", "postgres://u@a/x, postgres://u:p,q@b/x")])]
fn several_servers_are_taken(#[case] file: &str, #[case] environment: &[(&str, &str)]) {
    let settings = load(file, environment).unwrap();
    let servers = ["postgres://u@a/x", "postgres://u:p,q@b/x"];
    assert_eq!(settings.database.url, servers);
    assert!(
        settings
            .shown()
            .contains("[\"postgres://u:***@a/x\", \"postgres://u:***@b/x\"]"),
        "{}",
        settings.shown()
    );
}

#[test]
fn replicas_and_their_bound_are_taken() {
    let environment = [
        (
            "AIRSIDE_DATABASE_REPLICA_URLS",
            "postgres://u@a/x,postgresql://u@b/x",
        ),
        ("AIRSIDE_DATABASE_REPLICA_MAX_LAG", "1m 30s"),
    ];
    let settings = load("", &environment).unwrap();
    let replicas = ["postgres://u@a/x", "postgresql://u@b/x"];
    assert_eq!(settings.database.replica_urls, replicas);
    let bound = std::time::Duration::from_secs(90);
    assert_eq!(settings.database.replica_max_lag, bound);
    let shown = settings.shown();
    assert!(shown.contains("replica_max_lag = \"1m 30s\""), "{shown}");
}

#[rstest]
#[case("off")]
#[case("WARN")]
#[case("info,airside_server::outbox=debug")]
#[case("info,sqlx=off")]
#[case("airside_server=trace")]
fn levels_and_directives_are_taken(#[case] level: &str) {
    let settings = load("", &[("AIRSIDE_LOG_LEVEL", level)]).unwrap();
    assert_eq!(settings.log.level, level);
}

#[rstest]
#[case(
    "postgres://airside:secret@db:5432/airside",
    "postgres://airside:***@db:5432/airside"
)]
#[case("postgres://a:s@e:c@db/x?y=@", "postgres://a:***@db/x?y=@")]
#[case("sqlite:///data/a@b.db", "sqlite:///data/a@b.db")]
#[case(
    "postgres://a@db/x?sslmode=disable&password=s",
    "postgres://a:***@db/x?sslmode=disable&password=***"
)]
fn passwords_are_not_shown(#[case] url: &str, #[case] expected: &str) {
    let settings = Settings {
        database: DatabaseSettings {
            url: vec![url.into()],
            replica_urls: vec![url.into()],
            ..DatabaseSettings::default()
        },
        ..Settings::default()
    };
    assert_eq!(settings.database.shown().url, [expected]);
    assert_eq!(settings.database.shown().replica_urls, [expected]);
    assert!(settings.shown().contains(expected));
}

#[rstest]
#[case("redis://:hunter2@db:6379/1", "redis://:***@db:6379/1")]
#[case(
    "redis+sentinel://u:hunter2@a,b/main?sentinel_password=hunter2",
    "redis+sentinel://u:***@a,b/main?sentinel_password=***"
)]
fn an_address_of_redis_is_taken_and_its_passwords_are_not_shown(
    #[case] url: &str,
    #[case] expected: &str,
) {
    let settings = load("", &[("AIRSIDE_REDIS_URL", url)]).unwrap();
    assert_eq!(settings.redis.url, url);
    let shown = settings.shown();
    assert!(shown.contains(expected), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_key_of_files_is_not_shown_and_their_address_is_checked() {
    let settings = load(
        "[files]\nurl = \"s3://flights/airside?region=eu-west-1\"\naccess_key = \"key\"",
        &[("AIRSIDE_FILES_SECRET_KEY", "hunter2")],
    )
    .unwrap();
    assert_eq!(settings.files.credentials(), Some(("key", "hunter2")));
    let shown = settings.shown();
    assert!(shown.contains("secret_key = \"***\""), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let wrong = load("", &[("AIRSIDE_FILES_URL", "s3://key:hunter2@flights")]).unwrap_err();
    assert!(
        wrong.starts_with("files.url: credentials do not"),
        "{wrong}"
    );
    assert!(!wrong.contains("hunter2"), "{wrong}");
}

#[test]
fn a_mail_server_is_taken_and_its_password_is_not_shown() {
    let url = "smtp://airside:pa55word@mail:587?tls=required";
    let environment = [
        ("AIRSIDE_MAIL_URL", url),
        ("AIRSIDE_MAIL_FROM", "Airside <no-reply@example.com>"),
        ("AIRSIDE_MAIL_RETRY_AFTER", "2m"),
        ("AIRSIDE_WEBHOOKS_ALLOW_PRIVATE", "true"),
        ("AIRSIDE_WEBHOOKS_RETRIES", "1s, 2h"),
    ];
    let settings = load("", &environment).unwrap();
    let mailing = settings.mail.mailing().unwrap().unwrap();
    assert_eq!(mailing.url, url);
    assert_eq!(mailing.from.to_string(), "Airside <no-reply@example.com>");
    assert_eq!(mailing.retry_after, Duration::from_mins(2));
    assert!(settings.webhooks.allow_private);
    let shown = settings.shown();
    assert!(
        shown.contains("smtp://airside:***@mail:587?tls=required"),
        "{shown}"
    );
    assert!(shown.contains("retries = [\"1s\", \"2h\"]"), "{shown}");
    assert!(!shown.contains("pa55word"), "{shown}");
    let nobody = load("", &environment[..1]).unwrap();
    let error = nobody.mail.mailing().err().unwrap();
    assert!(
        error.to_string().starts_with("mail.from is needed"),
        "{error}"
    );
    assert!(Settings::default().mail.mailing().unwrap().is_none());
}

#[rstest]
#[case::in_a_file("[[ingest.sources]]\nname = \"partner\"\nurl = \"s3://b/in?region=eu\"\nsecret_key = \"secret\"\ndone = \"move\"
    format = \"SSIM\"\n[[ingest.sources]]\nname = \"drop\"\nurl = \"file:///srv/drop\"\nfares = \"99\"\ncurrency = \"eur\"", &[])]
#[case::in_the_environment("[[ingest.sources]]\nname = \"other\"\nurl = \"file:///x\"", &[("AIRSIDE_INGEST_SOURCES",
    "[{ name = \"partner\", url = \"s3://b/in?region=eu\", secret_key = \"secret\", done = \"move\", format = \"ssim\" },
    { name = \"drop\", url = \"file:///srv/drop\", fares = [\"99\"], currency = \"EUR\" }]")])]
fn sources_are_taken_and_their_keys_are_not_shown(
    #[case] file: &str,
    #[case] environment: &[(&str, &str)],
) {
    let settings = load(file, environment).unwrap();
    let [partner, drop] = &settings.ingest.sources[..] else {
        panic!("{:?}", settings.ingest);
    };
    assert_eq!((partner.done, drop.done), (Done::Move, Done::Leave));
    assert_eq!(partner.secret_key, "secret");
    assert_eq!(drop.interval.get(), 60);
    let unsaid = drop.unsaid(&settings.import);
    assert_eq!(
        (unsaid.currency.as_str(), &unsaid.fares[..]),
        ("EUR", &["99".to_owned()][..])
    );
    let shown = settings.shown();
    assert!(!shown.contains("secret\""), "{shown}");
    assert!(shown.contains("secret_key = \"***\""), "{shown}");
    let again = load(&shown, &[]).unwrap();
    assert_eq!(again.ingest.sources[1], *drop, "what is shown can be read");
}

#[test]
fn sources_on_servers_are_taken_and_shown_so_that_they_can_be_read_again() {
    let file = "[[ingest.sources]]\nname = \"a\"\nurl = \"ftps://u:secret@h/x\"\nca_file = \"/etc/ca.pem\"
    [[ingest.sources]]\nname = \"b\"\nurl = \"sftp://u@h/x\"\nkey_file = \"/etc/key\"\nknown_hosts_file = \"/etc/hosts of b\"";
    let settings = load(file, &[]).unwrap();
    let shown = settings.shown();
    assert!(!shown.contains("secret@"), "{shown}");
    let again = load(&shown, &[]).unwrap().ingest.sources;
    assert_eq!(again[0].url, "ftps://u:***@h/x");
    assert_eq!(again[0].ca_file, Path::new("/etc/ca.pem"));
    assert_eq!(again[1], settings.ingest.sources[1]);
    assert_eq!(again[1].known_hosts_file, Path::new("/etc/hosts of b"));
}

#[test]
fn a_setting_that_no_source_has_is_named() {
    let file = "[[ingest.sources]]\nname = \"a\"\nurl = \"file:///x\"\ncolour = \"*\"";
    let error = load(file, &[]).unwrap_err();
    assert!(error.contains("unknown field `colour`"), "{error}");
}
