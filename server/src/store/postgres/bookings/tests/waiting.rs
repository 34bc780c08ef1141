//! A batch that waits for another transaction sees what that one has written.

use airside_common::flight::FlightId;

use super::*;

struct Waiting {
    fixture: Bookings,
    ada: Caller,
    command: Command,
    /// Commands of the same batch.
    also: Vec<Command>,
    /// What the batch waits for.
    other: sqlx::PgTransaction<'static>,
}

async fn one_flight() -> Waiting {
    let fixture = Bookings::new().await;
    let ada = contract::agent("ada", "NYC1A0001");
    fixture.user(&ada).await;
    fixture.flight(1, 1545, 48, 6).await;
    Waiting {
        command: contract::create(&ada, "k", 1, |_| {}),
        also: Vec::new(),
        other: fixture.database().write().await.unwrap(),
        fixture,
        ada,
    }
}

impl Waiting {
    async fn others(&mut self, statement: &'static str) {
        sqlx::raw_sql(statement)
            .execute(&mut *self.other)
            .await
            .unwrap();
    }

    /// Starts the batch, lets the other transaction commit once the batch waits, and answers the batch's outcome.
    async fn outcome(self) -> Outcome {
        let store = self.fixture.database().clone();
        let batch: Vec<Command> = std::iter::once(self.command).chain(self.also).collect();
        let running = tokio::spawn(async move { store.execute(&batch).await });
        somebody_waits(&self.fixture).await;
        self.other.commit().await.unwrap();
        let outcome = running.await.unwrap().unwrap().remove(0);
        assert_eq!(self.fixture.store().violations().await.unwrap(), []);
        outcome
    }
}

async fn somebody_waits(fixture: &Bookings) {
    loop {
        let waits: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
                            WHERE datname = current_database() AND wait_event_type = 'Lock')",
        )
        .fetch_one(&fixture.database().primary())
        .await
        .unwrap();
        if waits {
            return;
        }
    }
}

#[tokio::test]
async fn a_flight_that_was_cancelled_meanwhile_is_not_sold() {
    let mut case = one_flight().await;
    case.others("SELECT 1 FROM inventory FOR UPDATE; UPDATE flights SET status = 'cancelled'")
        .await;
    assert_eq!(contract::word(&case.outcome().await), "flight_not_bookable");
}

#[tokio::test]
async fn a_flight_that_departed_meanwhile_is_not_sold() {
    let mut case = one_flight().await;
    case.others("SELECT 1 FROM inventory FOR UPDATE").await;
    // It departs after the batch has begun to wait: later than the time at which its transaction began.
    let store = case.fixture.database().clone();
    let batch = [case.command];
    let running = tokio::spawn(async move { store.execute(&batch).await });
    somebody_waits(&case.fixture).await;
    sqlx::raw_sql(
        "UPDATE flights SET departure = date_trunc('milliseconds', clock_timestamp()),
                            arrival = clock_timestamp() + interval '1 hour'",
    )
    .execute(&mut *case.other)
    .await
    .unwrap();
    case.other.commit().await.unwrap();
    let outcome = running.await.unwrap().unwrap().remove(0);
    assert_eq!(contract::word(&outcome), "flight_not_bookable");
}

#[tokio::test]
async fn seats_that_were_sold_meanwhile_are_not_sold_again() {
    let mut case = one_flight().await;
    case.others("UPDATE inventory SET capacity = 0").await;
    assert_eq!(contract::word(&case.outcome().await), "sold_out");
}

#[tokio::test]
async fn a_key_that_another_process_is_at_work_on_gives_its_answer() {
    let mut case = one_flight().await;
    let answered = run(&mut case.other, std::slice::from_ref(&case.command)).await;
    let answered = answered.unwrap().remove(0);
    assert_eq!(contract::word(&answered), "201");
    assert_eq!(case.outcome().await, answered);
}

/// Nothing but the key is common to the two: the batch learns of it when it has decided already.
#[tokio::test]
async fn a_key_that_another_process_uses_for_something_else_is_refused_and_its_neighbours_are_not()
{
    let mut case = one_flight().await;
    case.fixture.flight(2, 1546, 48, 6).await;
    let elsewhere = contract::create(&case.ada, "k", 2, |_| {});
    let made = run(&mut case.other, &[elsewhere]).await.unwrap();
    assert_eq!(contract::word(&made[0]), "201");
    let fixture = case.fixture;
    let batch = [case.command, contract::create(&case.ada, "k2", 1, |_| {})];
    let store = fixture.database().clone();
    let running = tokio::spawn(async move { store.execute(&batch).await });
    somebody_waits(&fixture).await;
    case.other.commit().await.unwrap();
    let outcomes = running.await.unwrap().unwrap();
    let words: Vec<String> = outcomes.iter().map(contract::word).collect();
    assert_eq!(words, ["idempotency_mismatch", "201"]);
    assert_eq!(fixture.counters(1).await, (6, 1));
    assert_eq!(fixture.counters(2).await, (6, 1));
    assert_eq!(fixture.store().violations().await.unwrap(), []);
}

/// Nothing of it is left, nor is there a session in the middle of it that another batch would be given.
#[tokio::test]
async fn a_batch_that_is_given_up_ends_its_session() {
    let mut case = one_flight().await;
    case.others("SELECT 1 FROM inventory FOR UPDATE").await;
    let store = case.fixture.database().clone();
    let batch = [case.command.clone()];
    let running = tokio::spawn(async move { store.execute(&batch).await });
    somebody_waits(&case.fixture).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    case.other.commit().await.unwrap();
    let ended = async {
        let open = "SELECT EXISTS (SELECT FROM pg_stat_activity
                                   WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle')";
        while sqlx::query_scalar::<_, bool>(open)
            .fetch_one(&case.fixture.database().primary())
            .await
            .unwrap()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .unwrap();
    assert_eq!(case.fixture.counters(1).await, (6, 0));
    let outcomes = case.fixture.store().execute(&[case.command]).await.unwrap();
    assert_eq!(contract::word(&outcomes[0]), "201");
}

#[tokio::test]
async fn a_key_whose_first_request_was_refused_keeps_nobody_waiting() {
    let mut case = one_flight().await;
    let invalid = contract::create(&case.ada, "k", 9, |_| {});
    let refused = run(&mut case.other, &[invalid]).await.unwrap();
    assert_eq!(contract::word(&refused[0]), "invalid_request");
    let outcomes = case.fixture.store().execute(&[case.command]).await.unwrap();
    assert_eq!(contract::word(&outcomes[0]), "201");
    case.other.commit().await.unwrap();
}

#[tokio::test]
async fn a_booking_that_was_cancelled_meanwhile_gives_nothing_back_twice() {
    let mut case = one_flight().await;
    let made = case.fixture.store().execute(&[case.command]).await.unwrap();
    let locator = contract::booking(&made[0]).locator;
    let first = contract::cancel(&case.ada, "first", locator, 1);
    run(&mut case.other, &[first]).await.unwrap();
    case.command = contract::cancel(&case.ada, "second", locator, 1);
    assert_eq!(contract::word(&case.outcome().await), "stale_version");
}

#[tokio::test]
async fn who_waits_for_a_lock_too_long_is_told_so() {
    let mut case = one_flight().await;
    case.others("SELECT 1 FROM inventory FOR UPDATE").await;
    let outcome = case.fixture.store().execute(&[case.command]).await;
    assert!(matches!(outcome, Err(StoreError::Locked(_))), "{outcome:?}");
    case.other.rollback().await.unwrap();
    assert_eq!(case.fixture.counters(1).await, (6, 0));
}

/// It was not there to be locked: what was read of it later does not hold until the commit.
#[tokio::test]
async fn a_cabin_that_came_meanwhile_is_not_sold() {
    let mut case = one_flight().await;
    let economy = contract::create(&case.ada, "k2", 1, |_| {});
    case.command = contract::create(&case.ada, "k", 1, |body| {
        body["segments"][0]["cabin"] = "first".into();
    });
    case.others(
        "SELECT 1 FROM inventory FOR UPDATE;
         INSERT INTO inventory VALUES (1, 0, 4, 0, 90000, 'USD')",
    )
    .await;
    case.also = vec![economy];
    assert_eq!(contract::word(&case.outcome().await), "invalid_request");
}

/// What is given back goes to those who wait, and not to who waits for the lock.
#[tokio::test]
async fn a_seat_that_went_to_the_waitlist_meanwhile_is_not_sold() {
    let mut case = one_flight().await;
    case.fixture.resize(1, 1).await;
    let store = case.fixture.store();
    let first = contract::create(&case.ada, "first", 1, |_| {});
    let made = store.execute(&[first]).await.unwrap();
    let waits = contract::create(&case.ada, "waits", 1, |b| b["waitlist"] = true.into());
    store.execute(&[waits]).await.unwrap();
    let locator = contract::booking(&made[0]).locator;
    let gone = contract::cancel(&case.ada, "gone", locator, 1);
    run(&mut case.other, &[gone]).await.unwrap();
    assert_eq!(contract::word(&case.outcome().await), "sold_out");
}

/// It was found before it was locked.
#[tokio::test]
async fn who_was_taken_off_the_waitlist_meanwhile_gets_nothing() {
    let mut case = one_flight().await;
    case.fixture.resize(1, 1).await;
    let store = case.fixture.store();
    let first = contract::create(&case.ada, "first", 1, |_| {});
    store.execute(&[first]).await.unwrap();
    let waits = contract::create(&case.ada, "waits", 1, |b| b["waitlist"] = true.into());
    let made = store.execute(&[waits]).await.unwrap();
    case.fixture.resize(1, 2).await;
    let locator = contract::booking(&made[0]).locator;
    let gone = contract::cancel(&case.ada, "gone", locator, 1);
    run(&mut case.other, &[gone]).await.unwrap();
    case.command = Command::Due(Duty::Clear(FlightId::from_raw(1)));
    assert_eq!(case.outcome().await, Outcome::Settled(0));
}

/// The time that decides is that under the lock.
#[tokio::test]
async fn a_hold_whose_limit_passes_while_its_confirmation_waits_is_not_confirmed() {
    let mut case = one_flight().await;
    let held = contract::create(&case.ada, "held", 1, |b| b["hold"] = true.into());
    let made = case.fixture.store().execute(&[held]).await.unwrap();
    let locator = contract::booking(&made[0]).locator;
    case.others("SELECT 1 FROM bookings FOR UPDATE").await;
    let store = case.fixture.database().clone();
    let batch = [contract::confirm(&case.ada, "c", locator, 1)];
    let running = tokio::spawn(async move { store.execute(&batch).await });
    somebody_waits(&case.fixture).await;
    case.others("UPDATE bookings SET time_limit = date_trunc('milliseconds', clock_timestamp())")
        .await;
    case.other.commit().await.unwrap();
    let outcome = running.await.unwrap().unwrap().remove(0);
    assert_eq!(contract::word(&outcome), "time_limit_passed");
}
