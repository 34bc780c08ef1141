//! A connection to Redis that nobody waits for long.
//!
//! One call that fails or takes too long closes the way for all: they are answered "unknown" at once, and a task of its own
//! looks every second whether Redis is back, or still there. So a Redis that is frozen costs those one short wait who ask it
//! first.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisFuture, RedisResult, ScriptInvocation, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::address::Address;

/// How long Redis is left alone after a failure.
const REST: Duration = Duration::from_secs(1);
/// How long the start, and the task that looks after the connection, wait for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a new connection may take: a host that is dark takes a second of it, and several may be asked.
const CONNECT: Duration = Duration::from_secs(5);

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Seats and fares.
    Cache,
    /// Failed logins.
    Logins,
    /// Requests of users.
    Rates,
}

impl Use {
    const fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Logins => "logins",
            Self::Rates => "rates",
        }
    }

    const fn without_it(self) -> &'static str {
        match self {
            Self::Cache => "Redis does not answer: this process looks up seats without it",
            Self::Logins => "Redis does not answer: this process counts failed logins by itself",
            Self::Rates => "Redis does not answer: this process counts requests by itself",
        }
    }
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To all of a cluster.
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// A way to Redis that is open or closed.
pub struct Link {
    address: Address,
    purpose: Use,
    /// What the names of all keys begin with. It is one hash tag, so that a Cluster keeps them on one server and a script
    /// may use several.
    prefix: String,
    /// What Redis knows its connection by.
    name: String,
    patience: Duration,
    state: Mutex<State>,
    /// Told when the way was closed, and when this is dropped.
    closed: Arc<Notify>,
    errors: Counter,
    open: Gauge,
}

#[derive(Default)]
struct State {
    way: Way,
    /// Goes up each time the way opens: what fails later than that closes nothing.
    opened: u64,
    /// What was to be forgotten may still be there.
    owes: bool,
    /// It was logged that Redis is gone.
    logged: bool,
}

#[derive(Default)]
enum Way {
    Open(Connection),
    /// Closed, with a connection that may be well, only slow.
    Slow(Connection),
    #[default]
    Closed,
}

impl Way {
    /// Closed, where an answer came too late.
    fn slow(connection: Connection) -> Self {
        match connection {
            one @ Connection::One(_) => Self::Slow(one),
            // This one connects anew by itself, and may then be one to a server that has what was forgotten.
            Connection::Cluster(_) => Self::Closed,
        }
    }
}

impl Link {
    /// Connects, waiting for it no longer than a second, and as long as this lives whenever the connection is lost.
    pub(super) async fn open(
        address: Address,
        prefix: &str,
        purpose: Use,
        patience: Duration,
    ) -> Arc<Self> {
        let link = Arc::new(Self {
            address,
            purpose,
            prefix: format!("{{{prefix}}}:{}", purpose.name()),
            name: format!("{prefix}-{}", purpose.name()),
            patience,
            state: Mutex::default(),
            closed: Arc::default(),
            errors: Counter::default(),
            open: Gauge::default(),
        });
        let is_open = timeout(PATIENCE, link.reopen()).await.unwrap_or_else(|_| {
            link.log(&mut link.state.lock(), &Fault::TooLate);
            false
        });
        let closed = Arc::clone(&link.closed);
        tokio::spawn(keep(Arc::downgrade(&link), closed, is_open));
        link
    }

    /// Whether Redis is asked.
    pub fn is_open(&self) -> bool {
        matches!(self.state.lock().way, Way::Open(_))
    }

    /// The whole name of a key.
    pub(crate) fn key(&self, name: impl std::fmt::Display) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// Runs a script; `None` where Redis does not answer in time.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let (mut connection, opened) = {
            let state = self.state.lock();
            let Way::Open(connection) = &state.way else {
                return None;
            };
            (connection.clone(), state.opened)
        };
        match within(self.patience, script.invoke_async(&mut connection)).await {
            Ok(answer) => Some(answer),
            Err(fault) => {
                self.errors.inc();
                self.close(opened, &fault);
                None
            }
        }
    }

    /// Says that something was to be forgotten, and perhaps is not: Redis is asked again only once everything is.
    pub(crate) fn owe(&self) {
        let mut state = self.state.lock();
        state.owes = true;
        state.way = match std::mem::take(&mut state.way) {
            Way::Open(connection) => Way::slow(connection),
            other => other,
        };
        self.open.set(0);
        self.closed.notify_one();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let purpose = self.purpose.name();
        registry.register(
            format!("redis_{purpose}_errors"),
            "Questions to Redis that were not answered, or not in time",
            self.errors.clone(),
        );
        registry.register(
            format!("redis_{purpose}_open"),
            "1 while Redis is asked, 0 while the process goes on without it",
            self.open.clone(),
        );
    }

    /// Looks whether Redis answers where nobody asks it, so that the first who does need not find out.
    async fn still_answers(&self) -> bool {
        let (mut connection, opened) = {
            let state = self.state.lock();
            let Way::Open(connection) = &state.way else {
                return false;
            };
            (connection.clone(), state.opened)
        };
        match self.probe(&mut connection, PATIENCE).await {
            Ok(()) => true,
            Err(fault) => {
                self.close(opened, &fault);
                false
            }
        }
    }

    /// Closes the way that was open when something failed.
    fn close(&self, opened: u64, fault: &Fault) {
        let mut state = self.state.lock();
        if state.opened == opened {
            state.way = match (std::mem::take(&mut state.way), fault) {
                (Way::Open(connection), Fault::TooLate) => Way::slow(connection),
                (Way::Open(_), Fault::Redis(_)) => Way::Closed,
                (other, _) => other,
            };
            self.open.set(0);
            self.closed.notify_one();
            self.log(&mut state, fault);
        }
    }

    fn log(&self, state: &mut State, fault: &Fault) {
        if !std::mem::replace(&mut state.logged, true) {
            tracing::warn!(%fault, "{}", self.purpose.without_it());
        }
    }

    /// Opens the way if Redis can be written to.
    async fn reopen(&self) -> bool {
        let kept = {
            let mut state = self.state.lock();
            match std::mem::take(&mut state.way) {
                Way::Slow(connection) => Some(connection),
                Way::Closed => None,
                open @ Way::Open(_) => {
                    state.way = open;
                    return true;
                }
            }
        };
        match self.connect(kept).await {
            Ok(()) => true,
            Err(fault) => {
                self.log(&mut self.state.lock(), &fault);
                false
            }
        }
    }

    async fn connect(&self, kept: Option<Connection>) -> Result<(), Fault> {
        let mut forget = false;
        let mut connection = if let Some(mut kept) = kept
            && self.probe(&mut kept, self.patience).await.is_ok()
        {
            kept
        } else {
            let mut new = within(CONNECT, self.address.connect(&self.name)).await?;
            self.probe(&mut new, self.patience).await?;
            // Another server, or the same that was started again, may hold what was forgotten meanwhile; so may any, if
            // nobody was there to hear of it before this process.
            forget = true;
            new
        };
        loop {
            {
                let mut state = self.state.lock();
                if !forget && !state.owes {
                    state.way = Way::Open(connection);
                    state.opened += 1;
                    if std::mem::take(&mut state.logged) {
                        tracing::info!(purpose = self.purpose.name(), "Redis answers again");
                    }
                    self.open.set(1);
                    return Ok(());
                }
                state.owes = false;
            }
            let done = self.forget(&mut connection).await;
            if done.is_err() {
                self.state.lock().owes = true;
            }
            done?;
            forget = false;
        }
    }

    /// Whether writes are taken in time: neither a server that only follows another nor one that is full or slower than
    /// those who ask can wait is of use.
    async fn probe(&self, connection: &mut Connection, patience: Duration) -> Result<(), Fault> {
        let mut write = redis::cmd("SET");
        write.arg(self.key("written")).arg(1).arg("EX").arg(60);
        within(patience, write.exec_async(connection)).await
    }

    /// Makes everything void that is under the epoch of before. What is counted is not forgotten.
    async fn forget(&self, connection: &mut Connection) -> Result<(), Fault> {
        if self.purpose != Use::Cache {
            return Ok(());
        }
        let mut write = redis::cmd("SET");
        write
            .arg(self.key(EPOCH))
            .arg(&rand::random::<[u8; 8]>()[..]);
        within(PATIENCE, write.exec_async(connection)).await
    }
}

/// The name of the key under whose value everything in the cache stands.
pub(crate) const EPOCH: &str = "epoch";

impl Drop for Link {
    fn drop(&mut self) {
        self.closed.notify_one();
    }
}

/// Opens the way again whenever it is closed.
async fn keep(link: Weak<Link>, closed: Arc<Notify>, mut is_open: bool) {
    loop {
        while is_open {
            if timeout(REST, closed.notified()).await.is_ok() {
                break;
            }
            let Some(link) = link.upgrade() else { return };
            is_open = link.still_answers().await;
        }
        tokio::time::sleep(REST).await;
        let Some(link) = link.upgrade() else { return };
        is_open = link.reopen().await;
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("no answer in time")]
    TooLate,
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
}

async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = RedisResult<T>>,
) -> Result<T, Fault> {
    match timeout(patience, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::TooLate),
    }
}
