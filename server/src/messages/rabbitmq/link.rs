//! The connection of a process to the broker.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Broker;
use crate::messages::cloud_event::CONTENT_TYPE;
use crate::messages::consumer::Binding;
use crate::messages::queues::{Published, QueueError};

/// How long the broker may take to answer anything. A quorum queue without a majority answers nothing.
const ANSWER: Duration = Duration::from_secs(5);

/// How long nobody tries to connect after an attempt that failed.
const AGAIN: Duration = Duration::from_millis(500);

/// The connection of a process, made when it is needed.
pub(super) struct Link {
    pub(super) broker: Broker,
    pub(super) bindings: Vec<Binding>,
    state: parking_lot::Mutex<State>,
    /// Held by who connects; when the last attempt failed.
    connecting: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    /// Whether the broker did when it was needed last; `None` where it never was.
    answers: Option<bool>,
}

/// A connection with all that is declared on it.
pub(super) struct Live {
    pub(super) connection: Connection,
    publisher: Channel,
    /// Asks whether queues are there, which ends it where one is not.
    pub(super) looker: Channel,
}

impl Live {
    fn is_connected(&self) -> bool {
        self.connection.status().connected()
            && self.publisher.status().connected()
            && self.looker.status().connected()
    }
}

/// The broker's answer, if it comes in time.
pub(super) async fn answered<T>(
    work: impl Future<Output = lapin::Result<T>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout(ANSWER, work).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(QueueError::Late),
    }
}

impl Link {
    /// Nothing is connected yet.
    pub(super) fn new(broker: Broker, bindings: Vec<Binding>) -> Self {
        Self {
            broker,
            bindings,
            state: parking_lot::Mutex::default(),
            connecting: Mutex::default(),
        }
    }

    /// Whether the broker answered when it was needed last; `None` where it never was.
    pub(super) fn answers(&self) -> Option<bool> {
        let state = self.state.lock();
        let is_lost = state.live.as_ref().is_some_and(|live| !live.is_connected());
        state.answers.map(|answers| answers && !is_lost)
    }

    /// The connection, a new one where there is none that works.
    pub(super) async fn live(self: &Arc<Self>) -> Result<Arc<Live>, QueueError> {
        if let Some(live) = self.whole() {
            return Ok(live);
        }
        let link = Arc::clone(self);
        // It goes on where nobody waits for it any more: a broker that does not answer is to be told of.
        let connecting = tokio::spawn(async move { link.connected().await });
        connecting.await.map_err(|_| QueueError::Apart)?
    }

    /// The connection, where there is one that works.
    fn whole(&self) -> Option<Arc<Live>> {
        let state = self.state.lock();
        state.live.clone().filter(|live| live.is_connected())
    }

    /// Connects, if nobody else has meanwhile or has failed to.
    async fn connected(&self) -> Result<Arc<Live>, QueueError> {
        let mut failed = self.connecting.lock().await;
        if let Some(live) = self.whole() {
            return Ok(live);
        }
        if failed.is_some_and(|at| at.elapsed() < AGAIN) {
            return Err(QueueError::Apart);
        }
        let connected = self.connect().await.map(Arc::new);
        *failed = connected.is_err().then(Instant::now);
        *self.state.lock() = State {
            live: connected.as_ref().ok().cloned(),
            answers: Some(connected.is_ok()),
        };
        connected
    }

    /// Gives up a connection that did not do what it should.
    pub(super) fn give_up(&self, broken: &Arc<Live>) {
        let mut state = self.state.lock();
        if state
            .live
            .as_ref()
            .is_some_and(|live| Arc::ptr_eq(live, broken))
        {
            state.live = None;
            state.answers = Some(false);
        }
    }

    async fn connect(&self) -> Result<Live, QueueError> {
        let name = format!("{}-server", self.broker.prefix);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let tls = OwnedTLSConfig {
            identity: None,
            cert_chain: self.broker.certificates.clone(),
        };
        let runtime = lapin::runtime::default_runtime()?;
        let connecting =
            Connection::connect_with_config(&self.broker.url, properties, tls, runtime);
        let connection = answered(connecting).await?;
        let publisher = answered(connection.create_channel()).await?;
        answered(publisher.confirm_select(ConfirmSelectOptions::default())).await?;
        let looker = answered(connection.create_channel()).await?;
        let live = Live {
            connection,
            publisher,
            looker,
        };
        self.declare(&live).await?;
        Ok(live)
    }

    /// Publishes on the connection, and answers for each message what the broker said. A connection that fails is given up,
    /// and one on which a queue is missing is declared anew.
    pub(super) async fn publish<'a>(
        self: &Arc<Self>,
        exchange: ShortString,
        messages: impl Iterator<Item = Outgoing<'a>>,
    ) -> Result<Vec<Published>, QueueError> {
        let mut attempt = Attempt::begin(self).await?;
        let published = publish_on(&attempt.live, &exchange, messages).await?;
        attempt.is_whole = !published.contains(&Published::Unroutable);
        Ok(published)
    }

    /// Puts messages into the queues of their keys.
    pub(super) async fn send<'a>(
        self: &Arc<Self>,
        messages: impl Iterator<Item = Outgoing<'a>>,
    ) -> Result<Vec<Published>, QueueError> {
        // The exchange without a name takes a message to the queue of its key.
        self.publish(ShortString::default(), messages).await
    }
}

/// A message on its way to the broker.
pub(super) struct Outgoing<'a> {
    /// By which it finds its queues.
    pub(super) key: ShortString,
    pub(super) id: i64,
    pub(super) body: &'a str,
    /// The event's type; empty where that is not known.
    pub(super) kind: &'static str,
    /// Whether it is to be told where it goes to no queue.
    pub(super) is_wanted: bool,
    pub(super) headers: FieldTable,
}

impl<'a> Outgoing<'a> {
    /// One for a queue.
    pub(super) fn to_queue(queue: ShortString, id: i64, body: &'a str) -> Self {
        Self {
            key: queue,
            id,
            body,
            kind: "",
            is_wanted: true,
            headers: FieldTable::default(),
        }
    }
}

async fn publish_on<'a>(
    live: &Live,
    exchange: &ShortString,
    messages: impl Iterator<Item = Outgoing<'a>>,
) -> Result<Vec<Published>, QueueError> {
    let sent = async {
        let mut confirms = Vec::new();
        for message in messages {
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_content_type(CONTENT_TYPE.into())
                .with_message_id(message.id.to_string().into())
                .with_type(message.kind.into())
                .with_headers(message.headers);
            let options = BasicPublishOptions {
                mandatory: message.is_wanted,
                ..BasicPublishOptions::default()
            };
            let publish = live.publisher.basic_publish(
                exchange.clone(),
                message.key,
                options,
                message.body.as_bytes(),
                properties,
            );
            confirms.push(publish.await?);
        }
        let confirmed = join_all(confirms).await;
        confirmed.into_iter().collect::<lapin::Result<Vec<_>>>()
    };
    let confirmed = answered(sent).await?;
    let published = confirmed
        .into_iter()
        .map(|confirmation| match confirmation {
            Confirmation::Ack(None) => Published::Kept,
            Confirmation::Ack(Some(_)) => Published::Unroutable,
            Confirmation::Nack(_) | Confirmation::NotRequested => Published::Refused,
        });
    Ok(published.collect())
}

/// Something that is done on a connection, which is given up where that is not done, or nobody waits for it any more.
pub(super) struct Attempt<'a> {
    link: &'a Link,
    pub(super) live: Arc<Live>,
    pub(super) is_whole: bool,
}

impl<'a> Attempt<'a> {
    /// On the connection that there is, or a new one.
    pub(super) async fn begin(link: &'a Arc<Link>) -> Result<Self, QueueError> {
        Ok(Self {
            live: link.live().await?,
            link,
            is_whole: false,
        })
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.link.give_up(&self.live);
        }
    }
}
