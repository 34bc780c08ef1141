//! Tables that are empty and full in turn, and are counted at the wrong moment. What speaks of them all the time was planned when
//! they were empty or were taken for empty, and a plan is kept: it must not read a full one from end to end for a few of its
//! rows.

use std::time::Duration;

use airside_common::flight::FlightId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{OnServer, leave, read, until_alone};
use crate::features::bookings::store::{BookingStore, Look};
use crate::features::notifications::mail::store::MailStore;
use crate::features::notifications::webhooks::store::WebhookStore;
use crate::messages::store::{MessageStore, Queued};
use crate::outbox::Outbox;
use crate::store::Database;
use crate::store::contract::Fixture;
use crate::store::postgres::Postgres;

/// Rows of a full table: no statement here has to look at a tenth of them.
const FULL: i64 = 2000;

const WHILE: Duration = Duration::from_mins(1);

/// A database whose tables were counted when they were empty, and are not counted again.
struct Counted {
    fixture: OnServer,
    other: PgConnection,
}

impl Counted {
    async fn new(tables: &[&str]) -> Self {
        let fixture = OnServer::new().await;
        let mut other = PgConnection::connect(&fixture.url()).await.unwrap();
        for table in tables {
            let alone = format!("ALTER TABLE {table} SET (autovacuum_enabled = off)");
            run(&mut other, alone).await;
            run(&mut other, format!("VACUUM ANALYZE {table}")).await;
        }
        Self { fixture, other }
    }

    fn database(&self) -> &Postgres {
        self.fixture.database()
    }

    /// Rows of a table that were looked at by its indexes, or by none, since it was made. It is closed for that.
    async fn looked_at(&mut self, table: &str) -> i64 {
        self.database().close().await;
        until_alone(&mut self.other).await;
        sqlx::query_scalar(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = $1",
        )
        .bind(table)
        .fetch_one(&mut self.other)
        .await
        .unwrap()
    }
}

async fn run(connection: &mut PgConnection, statement: String) {
    let statement = sqlx::raw_sql(AssertSqlSafe(statement));
    statement.execute(connection).await.unwrap();
}

#[tokio::test]
async fn messages_of_a_full_queue_are_found_by_their_keys() {
    let mut counted = Counted::new(&["messages", "delivery_errors"]).await;
    let another = counted.fixture.of_another_process().await;
    for (round, database) in [counted.database(), counted.database(), &another]
        .map(Postgres::clone)
        .into_iter()
        .enumerate()
    {
        if round == 0 {
            let payload = "{}";
            let messages = (1..=4).map(|message| Queued {
                consumer: "mail",
                message,
                payload,
            });
            let messages: Vec<_> = messages.collect();
            database.enqueue(&messages).await.unwrap();
        }
        let taken = database.claim("mail", 3, WHILE).await.unwrap();
        assert_eq!(taken.len(), 3);
        database.keep("mail", &taken, WHILE).await.unwrap();
        database.give_back("mail", &taken[..1]).await.unwrap();
        database.fail("mail", &taken[1], "no", WHILE).await.unwrap();
        database.finish("mail", &taken[2..]).await.unwrap();
        let again = database.claim("mail", 2, WHILE).await.unwrap();
        database.finish("mail", &again).await.unwrap();
        if round == 0 {
            let fill = format!(
                "INSERT INTO messages SELECT 'mail', n, '{{}}', 0, now() FROM generate_series(10, {FULL} + 9) AS n;
                 INSERT INTO delivery_errors SELECT 'mail', n, 'no', now() FROM generate_series(10, {FULL} + 9) AS n"
            );
            run(&mut counted.other, fill).await;
        }
    }
    let left = counted.database().queue_depths().await.unwrap();
    // Three of each round are done, and what failed waits. To count them reads them all once.
    let rest = FULL + 4 - 9;
    another.close().await;
    assert_eq!(left, [("mail".to_owned(), rest.try_into().unwrap())]);
    let looked_at = counted.looked_at("messages").await - rest;
    assert!(looked_at < FULL / 10, "{looked_at}");
}

#[tokio::test]
async fn errors_of_a_queue_that_fails_are_found_by_their_keys() {
    let mut counted = Counted::new(&["messages", "delivery_errors"]).await;
    counted.database().finish("mail", &[]).await.unwrap();
    for first in [1, FULL + 10] {
        let database = counted.database().clone();
        let message = Queued {
            consumer: "mail",
            message: first,
            payload: "{}",
        };
        database.enqueue(&[message]).await.unwrap();
        let taken = database.claim("mail", 1, WHILE).await.unwrap();
        database.finish("mail", &taken).await.unwrap();
        let fill = format!(
            "INSERT INTO delivery_errors SELECT 'mail', n, 'no', now() FROM generate_series(10, {FULL} + 9) AS n
             ON CONFLICT DO NOTHING"
        );
        run(&mut counted.other, fill).await;
    }
    let looked_at = counted.looked_at("delivery_errors").await;
    assert!(looked_at < FULL / 10, "{looked_at}");
}

#[tokio::test]
async fn a_mail_and_a_call_that_are_due_are_found_among_all_that_were_sent() {
    let mut counted = Counted::new(&["mails", "webhook_deliveries", "webhooks"]).await;
    let wait = "INSERT INTO webhooks (url, events, description, secret, enabled, created_at, updated_at)
         SELECT 'https://example.com', '{}', '', '', TRUE, now(), now() WHERE NOT EXISTS (SELECT FROM webhooks);
         INSERT INTO mails (message, event, locator, recipient, subject, body, state, made_at, due_at)
         VALUES (1, 'booking.created', 'K7QW2M', 'ada@example.com', '', '', 'waiting', now(), now());
         INSERT INTO webhook_deliveries (webhook, event, body, state, made_at, due_at)
         SELECT id, 'booking.created', '', 'waiting', now(), now() FROM webhooks";
    let fill = format!(
        "INSERT INTO mails (message, event, locator, recipient, subject, state, made_at, due_at, ended_at)
         SELECT 1, 'booking.created', 'K7QW2M', 'ada@example.com', '', 'sent', now(), now(), now()
         FROM generate_series(1, {FULL});
         INSERT INTO webhook_deliveries (webhook, event, state, made_at, due_at, ended_at)
         SELECT id, 'booking.created', 'delivered', now(), now(), now() FROM webhooks, generate_series(1, {FULL})"
    );
    for due in [0, 1] {
        if due > 0 {
            run(&mut counted.other, wait.to_owned()).await;
            run(&mut counted.other, fill.clone()).await;
        }
        let database = counted.database();
        assert_eq!(database.claim_mails(5, WHILE).await.unwrap().len(), due);
        let calls = database.claim_deliveries(5, WHILE, &[]).await.unwrap();
        assert_eq!(calls.len(), due);
    }
    for table in ["mails", "webhook_deliveries"] {
        let looked_at = counted.looked_at(table).await;
        assert!(looked_at < FULL / 10, "{looked_at} {table}");
    }
}

#[tokio::test]
async fn who_looks_for_changes_of_flights_reads_no_segments_where_there_are_none() {
    let mut counted = Counted::new(&["segments", "bookings", "schedule_changes"]).await;
    let flights = [FlightId::from_raw(1)];
    for full in [false, true] {
        if full {
            let fill = format!(
                "INSERT INTO bookings (locator, office, created_by, operation, status, version, contact_phone, total_minor,
                                       currency, created_at, updated_at)
                 SELECT 'L' || n, 'NYC1A0001', '', '', 'confirmed', 1, '1', 1, 'USD', now(), now()
                 FROM generate_series(1, {FULL}) AS n;
                 INSERT INTO segments (booking_id, position, flight_id, cabin, status, seats)
                 SELECT id, 0, 2, 3, 'HK', 1 FROM bookings"
            );
            run(&mut counted.other, fill).await;
        }
        for look in [Look::Everything, Look::Flights(&flights)] {
            assert_eq!(counted.database().due(look, 10).await.unwrap(), []);
        }
    }
    // A foreign key is looked up for each segment; and once all bookings are read here.
    let looked_at = counted.looked_at("bookings").await - 2 * FULL;
    assert!(looked_at < FULL / 10, "{looked_at}");
    let looked_at = counted.looked_at("segments").await;
    assert!(looked_at < FULL / 10, "{looked_at}");
}

/// What a transaction leaves that took long, or a relay that was late, lies far before what was found last.
#[tokio::test]
async fn what_comes_late_with_a_low_number_is_found() {
    let mut counted = Counted::new(&[]).await;
    let many = format!(
        "INSERT INTO messages SELECT 'mail', n, '{{}}', 0, now() FROM generate_series(10, {FULL} + 9) AS n"
    );
    run(&mut counted.other, many).await;
    let database = counted.database();
    let late = leave(database, 1).await;
    let mut many = database.write().await.unwrap();
    sqlx::query(
        "INSERT INTO outbox (payload, created_at) SELECT '', now() FROM generate_series(1, $1)",
    )
    .bind(FULL)
    .execute(&mut *many)
    .await
    .unwrap();
    many.commit().await.unwrap();
    let taken = database.claim("mail", 1900, WHILE).await.unwrap();
    assert_eq!(taken.len(), 1900);
    assert_eq!(database.read_after(FULL, 1).await.unwrap().events.len(), 0);

    let early = Queued {
        consumer: "mail",
        message: 1,
        payload: "{}",
    };
    database.enqueue(&[early]).await.unwrap();
    late.commit().await.unwrap();
    let found = async {
        while database.claim("mail", 1, WHILE).await.unwrap()[0].id != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        while read(database, FULL).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(10), found);
    found.await.expect("both are found in the end");
}
