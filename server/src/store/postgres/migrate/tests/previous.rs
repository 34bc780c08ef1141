//! The release before goes on beside this one: its servers run until the last of them is replaced. All of its statements are
//! prepared before the schema changes, as by a server that runs, and used afterwards.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row, ValueRef};

use super::*;

const STATEMENTS: &str = include_str!("../previous.sql");

/// What a server of the release before says.
struct Server {
    connection: PgConnection,
    /// Statements that cannot be prepared, and those that were run.
    plain: Vec<(&'static str, &'static str)>,
    all: Vec<&'static str>,
    run: Vec<&'static str>,
}

impl Server {
    async fn prepared(mut connection: PgConnection) -> Self {
        let (mut plain, mut all) = (Vec::new(), Vec::new());
        for section in STATEMENTS.split("-- name: ").skip(1) {
            let (head, statement) = section.split_once('\n').unwrap();
            let (name, types) = head.split_once(' ').unwrap_or((head, ""));
            all.push(name);
            if statement.starts_with("SELECT")
                || statement.starts_with("INSERT")
                || statement.starts_with("UPDATE")
                || statement.starts_with("DELETE")
                || statement.starts_with("WITH")
            {
                let prepare = format!("PREPARE {name} {types} AS {statement}");
                let prepared = sqlx::raw_sql(AssertSqlSafe(prepare))
                    .execute(&mut connection)
                    .await;
                prepared.unwrap_or_else(|error| panic!("{name}: {error}"));
            } else {
                plain.push((name, statement.trim_end()));
            }
        }
        Self {
            connection,
            plain,
            all,
            run: Vec::new(),
        }
    }

    /// Runs a statement of the file; answers its rows, values side by side.
    async fn ask(&mut self, name: &'static str, arguments: &str) -> Vec<String> {
        self.run.push(name);
        let plain = self.plain.iter().find(|(of, _)| *of == name);
        let statement = match plain {
            Some((_, statement)) => (*statement).to_owned(),
            None if arguments.is_empty() => format!("EXECUTE {name}"),
            None => format!("EXECUTE {name} ({arguments})"),
        };
        let rows = sqlx::raw_sql(AssertSqlSafe(statement))
            .fetch_all(&mut self.connection)
            .await;
        let rows = rows.unwrap_or_else(|error| panic!("{name}: {error}"));
        rows.iter().map(values).collect()
    }

    /// Copies rows in the text format, though the program writes them in the binary one.
    async fn copy(&mut self, name: &'static str, rows: &str) -> Result<u64, sqlx::Error> {
        self.run.push(name);
        let (_, statement) = self.plain.iter().find(|(of, _)| *of == name).unwrap();
        let statement = statement.replace(" (FORMAT binary)", "");
        let mut copy = self.connection.copy_in_raw(&statement).await?;
        copy.send(rows.as_bytes()).await?;
        copy.finish().await
    }

    async fn say(&mut self, statement: &str) {
        super::run(&mut self.connection, statement).await;
    }
}

fn values(row: &PgRow) -> String {
    let value = |at| {
        let value = row.try_get_raw(at).unwrap();
        if value.is_null() {
            "-".to_owned()
        } else {
            value.as_str().unwrap().to_owned()
        }
    };
    (0..row.len()).map(value).collect::<Vec<_>>().join(" ")
}

/// The day of the flights that are made here: one of the next twelve months, as every file of flights has.
async fn next_month(connection: &mut PgConnection) -> (String, i64) {
    sqlx::query_as(
        "SELECT day::text, (day - DATE '1970-01-01')::bigint
         FROM (SELECT (now() AT TIME ZONE 'UTC' + interval '1 month')::date AS day) AS next",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_of_the_release_before_works_on_the_schema_of_this_one() {
    let (fresh, connection) = before().await;
    let mut old = Server::prepared(connection).await;
    let new = Postgres::open(&fresh.url()).await.unwrap();

    users_and_logins(&mut old).await;
    let flight = flights(&mut old).await;
    search(&mut old, flight).await;
    bookings(&mut old, flight).await;
    outbox(&mut old).await;

    for check in [
        "check_1", "check_2", "check_3", "check_4", "check_5", "check_6", "check_7",
    ] {
        assert_eq!(old.ask(check, "").await, [""; 0], "{check}");
    }
    assert_eq!(new.violations().await.unwrap(), []);
    let left: Vec<_> = old
        .all
        .iter()
        .filter(|name| !old.run.contains(*name))
        .collect();
    assert!(left.is_empty(), "nobody has run {left:?}");
}

async fn users_and_logins(old: &mut Server) {
    old.ask(
        "users_create",
        "'e', 'eve', 'hash', 'admin', 'NYC1A0001', to_timestamp(0)",
    )
    .await;
    for (find, by) in [
        ("users_find", "'e'"),
        ("users_by_name", "'eve'"),
        ("auth_account", "'eve'"),
    ] {
        assert_eq!(old.ask(find, by).await.len(), 1, "{find}");
    }
    assert_eq!(old.ask("users_password_hash", "'eve'").await, ["hash"]);
    assert_eq!(old.ask("users_list", "'', 10").await.len(), 2);
    old.say("BEGIN").await;
    old.ask("users_change", "").await;
    old.ask(
        "users_change_2",
        "'e', NULL, NULL, 'NYC1A0002', NULL, to_timestamp(1)",
    )
    .await;
    assert_eq!(old.ask("users_change_3", "").await, ["1"]);
    old.say("COMMIT").await;
    assert_eq!(
        old.ask("auth_start_session", "'e', to_timestamp(1)").await,
        ["1"]
    );
    for token in ["'\\x01', 'f1'", "'\\x02', 'f2'", "'\\x03', 'f3'"] {
        let token = format!("{token}, 'e', to_timestamp(0), to_timestamp(9)");
        old.ask("auth_insert_token", &token).await;
    }
    assert_eq!(old.ask("auth_lock_token", "'\\x01'").await, ["e"]);
    assert_eq!(old.ask("auth_lock_token_2", "'\\x01'").await.len(), 1);
    old.ask("auth_rotate", "'\\x01', to_timestamp(2)").await;
    old.ask("auth_end", "'f1'").await;
    old.ask("auth_end_2", "'f1', to_timestamp(3), to_timestamp(4)")
        .await;
    assert_eq!(
        old.ask("auth_ended_since", "to_timestamp(3)").await.len(),
        1
    );
    old.ask("auth_forget_expired_2", "to_timestamp(5)").await;
    assert_eq!(
        old.ask("auth_ended_since", "to_timestamp(3)").await.len(),
        0
    );
    let ended = old.ask(
        "auth_end_sessions_of",
        "'e', to_timestamp(6), to_timestamp(7)",
    );
    assert_eq!(ended.await.len(), 2);
    old.ask("auth_forget_expired", "to_timestamp(99)").await;
    old.ask(
        "audit_append",
        "to_timestamp(0), 'eve', 'r', 'login', '', 'ok'",
    )
    .await;
    assert_eq!(
        old.ask("audit_entries", "100, NULL, 'login', 5")
            .await
            .len(),
        1
    );
}

/// A file of two flights, one of them with a key that is taken; a change; a cancellation. Answers the first one's id.
async fn flights(old: &mut Server) -> i64 {
    let (day, number) = next_month(&mut old.connection).await;
    let id = number << 32;
    let key = |number: u16| {
        format!(
            "ARRAY['XX'], ARRAY[{number}], ARRAY['JFK'], ARRAY[{}]",
            id >> 32
        )
    };
    old.say("BEGIN").await;
    old.ask("flights_merge_begin", "").await;
    assert_eq!(old.ask("flights_reading_by_keys", &key(1)).await, [""; 0]);
    assert_eq!(old.ask("flights_writes_new_ids", "2").await, ["{201,202}"]);
    let flight = |serial: i64, number: u16| {
        format!(
            "{}\tXX\t{number}\tJFK\tORD\t{day}\t{day}T13:00:00Z\t-18000\t{day}T15:00:00Z\t-21600\t738\tscheduled\t1\t\
             1970-01-01T00:00:00Z\t1970-01-01T00:00:00Z\n",
            id + serial
        )
    };
    let copied = old
        .copy("flights_writes_copy_flights", &flight(201, 1))
        .await;
    assert_eq!(copied.unwrap(), 1);
    let cabins = format!("{}\t3\t100\t10000\tUSD\n", id + 201);
    let copied = old.copy("flights_writes_copy_cabins", &cabins).await;
    assert_eq!(copied.unwrap(), 1);
    old.say("SAVEPOINT attempt").await;
    let both = flight(202, 2) + &flight(203, 1);
    let refused = old
        .copy("flights_writes_copy_flights", &both)
        .await
        .unwrap_err();
    assert!(refused.as_database_error().unwrap().is_unique_violation());
    old.say("ROLLBACK TO attempt").await;
    let one_by_one = |serial: i64, number: u16| {
        format!(
            "ARRAY[{}], ARRAY['XX'], ARRAY[{number}], ARRAY['JFK'], ARRAY['ORD'], ARRAY[{}],
             ARRAY[TIMESTAMPTZ '{day}T13:00:00Z'], ARRAY[-18000], ARRAY[TIMESTAMPTZ '{day}T15:00:00Z'], ARRAY[-21600],
             ARRAY['738'], to_timestamp(0)",
            id + serial,
            id >> 32
        )
    };
    let insert = "flights_writes_insert_flights";
    let taken = old.ask(insert, &one_by_one(203, 1)).await;
    assert_eq!(taken, [""; 0], "the key is taken, which is no error");
    let written = old.ask(insert, &one_by_one(202, 2)).await;
    assert_eq!(written, [(id + 202).to_string()]);
    let cabin = |cabin: u16, fare: u16| {
        format!(
            "ARRAY[{}], ARRAY[{cabin}], ARRAY[50], ARRAY[{fare}], ARRAY['USD']",
            id + 202
        )
    };
    for at in [2, 3] {
        old.ask("flights_writes_insert_cabins", &cabin(at, 1)).await;
    }
    old.say("COMMIT").await;

    old.say("BEGIN").await;
    assert_eq!(
        old.ask("flights_locks_lock_keys", &key(2)).await,
        [(id + 202).to_string()]
    );
    let ids = format!("ARRAY[{}]", id + 202);
    for (look, rows) in [
        ("flights_locks_lock_cabins", 2),
        ("flights_reading_by_ids", 2),
        ("flights_reading_facts", 0),
        ("flights_reading_facts_2", 0),
    ] {
        assert_eq!(old.ask(look, &ids).await.len(), rows, "{look}");
    }
    let change = format!(
        "{ids}, ARRAY['LAX'], ARRAY[TIMESTAMPTZ '{day}T14:00:00Z'], ARRAY[-18000], ARRAY[TIMESTAMPTZ '{day}T19:00:00Z'],
         ARRAY[-28800], ARRAY['320'], to_timestamp(1)"
    );
    old.ask("flights_writes_update_flights", &change).await;
    old.ask(
        "flights_writes_update_flights_2",
        &format!("{ids}, ARRAY[2]"),
    )
    .await;
    old.ask("flights_writes_update_cabins", &cabin(3, 77)).await;
    old.say("COMMIT").await;
    let changed = old
        .ask("flights_reading_flight", &(id + 202).to_string())
        .await;
    assert_eq!(changed.len(), 1);
    assert!(
        changed[0].contains(" LAX ") && changed[0].contains(" 2 3 50 0 77 USD"),
        "{changed:?}"
    );
    let filters = format!(
        "'JFK', 'LAX', '{day}T00:00:00Z', '{day}T23:00:00Z', '{day}', 'XX', 2, 'scheduled', '{day}T00:00:00Z', 1, 10"
    );
    assert_eq!(old.ask("flights_reading_list", &filters).await.len(), 1);
    let taken = format!("'XX', 2, 'JFK', '{day}'");
    assert_eq!(
        old.ask("flights_create", &taken).await,
        [(id + 202).to_string()]
    );
    old.say("BEGIN").await;
    let one = (id + 202).to_string();
    assert_eq!(old.ask("flights_locks_lock_flight", &one).await.len(), 1);
    old.ask("flights_cancel", &format!("{one}, to_timestamp(2)"))
        .await;
    old.say("COMMIT").await;
    id + 201
}

async fn search(old: &mut Server, flight: i64) {
    let behind = format!("{}, now(), 10", flight - 1);
    // It, and those of 2098 and 2099.
    assert_eq!(old.ask("search_schedule", &behind).await.len(), 10);
    let versions = old.ask("search_versions", &behind).await;
    assert_eq!(versions[0], format!("{flight} 1"));
    let both = format!("ARRAY[{flight}, {}]", flight + 1);
    assert_eq!(
        old.ask("search_scheduled", &both).await.len(),
        1,
        "the other is cancelled"
    );
    assert_eq!(
        old.ask("search_offers", &both).await,
        [
            format!("{flight} 3 100 10000 USD"),
            format!("{} 3 50 77 USD", flight + 1)
        ]
    );
}

async fn bookings(old: &mut Server, flight: i64) {
    old.say("BEGIN").await;
    old.ask(
        "idempotency_claim",
        &format!("ARRAY['{USER}'], ARRAY['new'], ARRAY['\\x00'::bytea]"),
    )
    .await;
    let cabins = |bookings: &str| format!("ARRAY[{flight}], ARRAY[3], ARRAY[{bookings}]::bigint[]");
    let locked = old.ask("bookings_locks_take_2", &cabins("")).await;
    assert_eq!(locked, [format!("{flight} 3")]);
    let wanted =
        format!("1, ARRAY[{flight}], ARRAY[{flight}], ARRAY['20A'], ARRAY['K7QW2M', 'AAA222']");
    let facts = old.ask("bookings_facts_facts", &wanted).await;
    assert!(
        facts[0].contains(r#""aircraft":"738""#) && facts[0].ends_with(" [] {AAA222}"),
        "{facts:?}"
    );
    assert_eq!(
        old.ask("bookings_facts_free_locators", "ARRAY['K7QW2M']")
            .await,
        [""; 0]
    );
    assert_eq!(old.ask("bookings_facts_now", "").await.len(), 1);
    let write = |at: &str, locator: &str, of: &str| {
        format!(
            "{at}, to_timestamp(0), ARRAY['{{}}'], ARRAY['{USER}'], ARRAY['new'], ARRAY[{of}]::integer[], ARRAY['{{}}'], ARRAY['{locator}'],
             ARRAY[1], 'airside_outbox'"
        )
    };
    let made = format!(
        r#"'[[1000, "K7QW2M", "NYC1A0001", "{USER}", "new", "confirmed", 1, null, "212-5550100", 10000, "USD", null, 0]]',
         '[[1000, 1, "Ada", "Byron", "byron", null, "adult", null]]', '[[1000, 1, {flight}, 3, "HK", 1]]',
         '[[{flight}, "20A", 1000, 1, 1]]', '[[1000, 1, 0, "{USER}", "booking.created", ""]]', '[[{flight}, 3, 1]]'"#
    );
    let written = old
        .ask("bookings_writes_write", &write(&made, "K7QW2M", "201"))
        .await;
    assert_eq!(written, ["1 1 "]);
    old.say("COMMIT").await;

    let known = old
        .ask(
            "idempotency_claim_2",
            &format!("ARRAY['{USER}'], ARRAY['new']"),
        )
        .await;
    assert_eq!(known, [r"0 \x00 201 {} K7QW2M 1"]);
    let shown = old
        .ask("bookings_reading_by_locators", "ARRAY['K7QW2M']")
        .await;
    assert!(
        shown[0].contains(r#""XX", 1, "JFK", "ORD""#) && shown[0].contains("20A"),
        "{shown:?}"
    );
    let (day, _) = next_month(&mut old.connection).await;
    let filters = format!(
        "100000, 'NYC1A0001', 'confirmed', 'byron', {flight}, 'XX', 1, '{day}', '{USER}', 'new', 10"
    );
    assert_eq!(old.ask("bookings_reading_list", &filters).await, shown);
    assert_eq!(old.ask("bookings_history", "'K7QW2M'").await.len(), 1);
    // The seat of this one beside the 33 of those before.
    assert_eq!(old.ask("bookings_integrity_violations", "").await.len(), 34);

    old.say("BEGIN").await;
    assert_eq!(
        old.ask("bookings_locks_take", "ARRAY['K7QW2M']").await,
        ["1000"]
    );
    let held = "ARRAY[]::bigint[], ARRAY[]::smallint[], ARRAY[1000]";
    let locked = old.ask("bookings_locks_take_2", held).await;
    assert_eq!(locked, [format!("{flight} 3")]);
    old.ask("bookings_writes_cancel", "'[[1000, 2, 0]]'").await;
    let given_back = format!(
        r#"'[]', '[]', '[]', '[]', '[[1000, 2, 0, "{USER}", "booking.cancelled", ""]]', '[[{flight}, 3, -1]]'"#
    );
    let written = old
        .ask(
            "bookings_writes_write",
            &write(&given_back, "K7QW2M", "NULL"),
        )
        .await;
    assert_eq!(written, ["1 0 "], "and the key is free again");
    old.say("COMMIT").await;
    let offers = old.ask("search_offers", &format!("ARRAY[{flight}]")).await;
    assert_eq!(offers, [format!("{flight} 3 100 10000 USD")]);
    old.ask("idempotency_forget_before", "now(), 10").await;
}

async fn outbox(old: &mut Server) {
    old.ask("outbox_append", "to_timestamp(0), ARRAY['{}']")
        .await;
    old.ask("outbox_append_2", "'airside_outbox'").await;
    assert_eq!(old.ask("outbox_depth", "").await, ["3"]);
    old.ask("outbox_silence", "").await;
    assert_eq!(old.ask("outbox_lead", "1").await, ["t"]);
    old.ask("outbox_give_positions", "").await;
    assert_eq!(old.ask("outbox_present", "").await, ["3"]);
    assert_eq!(old.ask("outbox_read_after", "0, 10").await.len(), 3);
    assert_eq!(old.ask("outbox_relay", "interval '0', 10").await, ["3"]);
}
