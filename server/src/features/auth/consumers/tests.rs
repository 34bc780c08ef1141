use std::sync::Arc;

use airside_common::time::Instant as Moment;
use airside_common::user::{Role, SessionId};
use jiff::{SignedDuration, ToSpan};
use parking_lot::Mutex;

use super::*;
use crate::bus::memory::MemoryBus;
use crate::bus::{Bus, Envelope};
use crate::clock::Clock;
use crate::features::auth::store::contract::session;
use crate::features::users::store::contract::user;
use crate::features::users::store::{Change, UserStore};
use crate::store::contract::processes::now;
use crate::store::sqlite::Sqlite;

/// A clock that a test sets.
struct Set(Mutex<Timestamp>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// What one process knows of the sessions in a database that others write.
struct Process {
    database: Sqlite,
    revocations: Arc<Revocations>,
    clock: Arc<Set>,
    _folder: tempfile::TempDir,
}

impl Process {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("airside.db").display());
        let database = Sqlite::open(&url).await.unwrap();
        let revocations = Arc::new(Revocations::default());
        let clock = Arc::new(Set(Mutex::new(now())));
        Self {
            database,
            revocations,
            clock,
            _folder: folder,
        }
    }

    async fn sessions(&self) -> EndedSessions {
        let store = Arc::new(self.database.clone());
        let known = Arc::clone(&self.revocations);
        EndedSessions::load(store, known, self.clock.clone())
            .await
            .unwrap()
    }

    /// A session that another process ends, at a moment by that one's clock.
    async fn ended_elsewhere(&self, name: &str, at: Timestamp) -> SessionId {
        let user = user(&self.database, name, Role::Agent).await;
        let number = u8::try_from(name.len()).unwrap();
        let session = session(&self.database, &user, number).await;
        let change = Change {
            disabled: Some(true),
            ..Change::default()
        };
        let until = at + 16.minutes();
        let changed = self
            .database
            .change(user.id, change, at, until, Vec::new())
            .await;
        assert_eq!(changed.unwrap().1, [session]);
        session
    }

    async fn knows(&self, session: SessionId) {
        let known = async {
            while !self.revocations.contains(session) {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, known).await.expect("known");
    }

    fn passes(&self, time: SignedDuration) {
        *self.clock.0.lock() += time;
    }
}

#[tokio::test]
async fn a_look_reaches_back_to_the_last_one_however_long_ago() {
    let process = Process::start().await;
    let early = process.ended_elsewhere("ad", now() - 10.minutes()).await;
    let mut sessions = process.sessions().await;
    assert!(process.revocations.contains(early), "its tokens may live");
    let soon = process.ended_elsewhere("ada", now() + 1.minute()).await;
    process.passes(SignedDuration::from_mins(10));
    sessions.look().await.unwrap();
    assert!(process.revocations.contains(soon));
    // By a clock that is a minute slow.
    let slow = process.ended_elsewhere("adam", now() + 9.minutes()).await;
    sessions.look().await.unwrap();
    assert!(process.revocations.contains(slow));
    process.passes(SignedDuration::from_mins(30));
    sessions.look().await.unwrap();
    assert_eq!(process.revocations.len(), 0, "no token of theirs lives");
}

#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing() {
    let process = Process::start().await;
    process.passes(SignedDuration::from_hours(1));
    let mut sessions = process.sessions().await;
    process.passes(SignedDuration::from_hours(-1));
    let ended = process.ended_elsewhere("ada", now()).await;
    sessions.look().await.unwrap();
    assert!(process.revocations.contains(ended));
}

#[tokio::test]
async fn events_tell_at_once_and_after_a_gap_everything_is_read() {
    let process = Process::start().await;
    let sessions = process.sessions().await;
    let bus = MemoryBus::default();
    let events = bus.subscribe("auth").await.unwrap();
    let stop = CancellationToken::new();
    let following = tokio::spawn(sessions.follow(events, stop.clone()));

    let told = SessionId::new();
    let event = Event::SessionsEnded {
        sessions: vec![told],
        until: Moment(now() + 16.minutes()),
    };
    let envelope = Envelope {
        id: 1,
        at: now(),
        event,
    };
    bus.publish(vec![envelope]).await.unwrap();
    process.knows(told).await;

    // By a clock that is slower than the regular looks allow for.
    let missed = process.ended_elsewhere("ada", now() - 10.minutes()).await;
    bus.skip().await.unwrap();
    process.knows(missed).await;
    stop.cancel();
    following.await.unwrap();
}
