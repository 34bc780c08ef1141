//! A batch is carried out by as many statements, however many commands it has.

use std::fmt::Debug;
use std::sync::Mutex;

use rstest::rstest;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::{Event as Said, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

use super::*;
use crate::features::bookings::store::BATCH;

/// The first words of statements, as the driver tells them.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, said: &Said<'_>, _: Context<'_, S>) {
        if said.metadata().target() == "sqlx::query" {
            said.record(&mut self.clone());
        }
    }
}

impl Visit for Statements {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "summary" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

/// Carries out a batch that is all answered 2xx, and answers with which statements.
async fn statements(store: &Postgres, batch: &[Command]) -> (Vec<Outcome>, Vec<String>) {
    let statements = Statements::default();
    let listening = tracing_subscriber::registry().with(statements.clone());
    let done = store.execute(batch).with_subscriber(listening).await;
    let outcomes = done.unwrap();
    for outcome in &outcomes {
        assert!(
            matches!(contract::word(outcome).as_str(), "200" | "201"),
            "{outcome:?}"
        );
    }
    let mut said = statements.0.lock().unwrap().clone();
    // Where the pool makes another connection, this is asked of it first.
    said.retain(|statement| !statement.contains("system_identifier"));
    (outcomes, said)
}

/// Where bookings of a batch are.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// Each on a flight of its own.
    Spread,
    /// All on one.
    Hot,
}

#[rstest]
#[tokio::test]
async fn the_number_of_statements_is_that_of_one_command(
    #[values(Load::Spread, Load::Hot)] load: Load,
) {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    for number in 1..=u16::try_from(BATCH).unwrap() {
        fixture.flight(number.into(), number, 48, 128).await;
    }
    let store = fixture.database();
    let batch = |name: &str, size: usize| -> Vec<Command> {
        let create = |at: usize| {
            let flight = match load {
                Load::Spread => i64::try_from(at).unwrap() + 1,
                Load::Hot => 1,
            };
            contract::create(&ada, &format!("{name}-{size}-{at}"), flight, |b| {
                b["hold"] = serde_json::json!(true);
            })
        };
        (0..size).map(create).collect()
    };
    // What a session does once is not of the batch.
    statements(store, &batch("first", 1)).await;

    let mut counted = Vec::new();
    for size in [1, 8, BATCH] {
        let batch = batch("made", size);
        let (made, creating) = statements(store, &batch).await;
        let subjects = made.iter().map(|outcome| match outcome {
            Outcome::Answered(Answer {
                subject: Some(subject),
                ..
            }) => *subject,
            other => panic!("{other:?}"),
        });
        let confirm = |(at, (locator, version)): (usize, (Locator, u64))| {
            contract::confirm(&ada, &format!("confirm-{size}-{at}"), locator, version)
        };
        let confirms: Vec<Command> = subjects.enumerate().map(confirm).collect();
        let (confirmed, confirming) = statements(store, &confirms).await;
        let cancels: Vec<Command> = confirmed
            .iter()
            .map(contract::booking)
            .enumerate()
            .map(|(at, booking)| {
                let key = format!("cancel-{size}-{at}");
                contract::cancel(&ada, &key, booking.locator, booking.version)
            })
            .collect();
        let (_, cancelling) = statements(store, &cancels).await;
        let (_, answering) = statements(store, &batch).await;
        counted.push([creating, confirming, cancelling, answering]);
    }
    for kind in &counted[0] {
        // BEGIN, locks, facts, COMMIT: it is listened to.
        assert!(kind.len() >= 4, "{kind:?}");
    }
    assert_eq!(counted[1], counted[0]);
    assert_eq!(counted[2], counted[0]);
}
