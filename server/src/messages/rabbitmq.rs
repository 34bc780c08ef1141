//! Queues of RabbitMQ (3.10 or later): a quorum queue for each consumer behind one topic exchange, a dead-letter exchange
//! behind them all.
//!
//! The broker keeps a message in the majority of its nodes before it confirms it, hands each to one of the consumer's
//! processes, again if that one ends, and after four times to the dead-letter exchange. From there a process that relays
//! takes it into the database.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{FutureExt, join_all};
use futures_util::stream::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions,
    BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::tcp::OwnedTLSConfig;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer,
    ExchangeKind,
};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cloud_event::{self, CONTENT_TYPE};
use super::consumer::{Binding, ConsumerName, wanted};
use super::queues::{Inlet, MOST_DELIVERIES, Message, Published, QueueError, Queues, Received};
use super::store::{MessageStore, Queued};

/// How long the broker may take to answer anything. A quorum queue without a majority answers nothing.
const ANSWER: Duration = Duration::from_secs(5);

/// How long nobody tries to connect after an attempt that failed.
const AGAIN: Duration = Duration::from_millis(500);

/// Messages that the broker hands to a process before the first is done with.
const PREFETCH: u16 = 64;

/// How long an inlet waits before it says that there may be something.
const POLL: Duration = Duration::from_secs(1);

/// Delivered so often again before a message is dead: once less than it is delivered at all.
const AGAIN_DELIVERED: u32 = MOST_DELIVERIES - 1;

/// Where the broker is.
#[derive(Clone)]
pub struct Broker {
    /// `amqp://` or `amqps://` with user and password.
    pub url: String,
    /// What names of exchanges and queues begin with.
    pub prefix: String,
    /// Certificates in PEM by which the broker's is verified; `None`: those of the web.
    pub certificates: Option<String>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Queues in a broker.
pub struct RabbitQueues {
    link: Arc<Link>,
    store: Arc<dyn MessageStore>,
}

/// The connection of a process, made when it is needed.
struct Link {
    broker: Broker,
    bindings: Vec<Binding>,
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
struct Live {
    connection: Connection,
    publisher: Channel,
    /// Asks whether queues are there, which ends it where one is not.
    looker: Channel,
}

impl Live {
    fn is_connected(&self) -> bool {
        self.connection.status().connected()
            && self.publisher.status().connected()
            && self.looker.status().connected()
    }
}

/// The broker's answer, if it comes in time.
async fn answered<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, QueueError> {
    match tokio::time::timeout(ANSWER, work).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(QueueError::Late),
    }
}

impl Link {
    fn exchange(&self) -> ShortString {
        format!("{}.events", self.broker.prefix).into()
    }

    fn dead_exchange(&self) -> ShortString {
        format!("{}.dead", self.broker.prefix).into()
    }

    fn dead_queue(&self) -> ShortString {
        format!("{}.dead-letters", self.broker.prefix).into()
    }

    fn queue(&self, consumer: &str) -> ShortString {
        format!("{}.{consumer}", self.broker.prefix).into()
    }

    /// The connection, a new one where there is none that works.
    async fn live(self: &Arc<Self>) -> Result<Arc<Live>, QueueError> {
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
    fn give_up(&self, broken: &Arc<Live>) {
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

    /// Makes the exchanges and queues that are missing.
    async fn declare(&self, live: &Live) -> Result<(), QueueError> {
        let channel = answered(live.connection.create_channel()).await?;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        for (name, kind) in [
            (self.exchange(), ExchangeKind::Topic),
            (self.dead_exchange(), ExchangeKind::Fanout),
        ] {
            answered(channel.exchange_declare(name, kind, durable, FieldTable::default())).await?;
        }
        let mut arguments = FieldTable::default();
        arguments.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        let dead = channel.queue_declare(
            self.dead_queue(),
            QueueDeclareOptions::durable(),
            arguments.clone(),
        );
        answered(dead).await?;
        let bound = channel.queue_bind(
            self.dead_queue(),
            self.dead_exchange(),
            ShortString::default(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        answered(bound).await?;
        arguments.insert(
            "x-delivery-limit".into(),
            AMQPValue::LongUInt(AGAIN_DELIVERED),
        );
        arguments.insert(
            "x-dead-letter-exchange".into(),
            AMQPValue::LongString(self.dead_exchange().as_str().into()),
        );
        // A dead letter is confirmed like any other message, which needs a queue that refuses rather than forgets.
        arguments.insert(
            "x-dead-letter-strategy".into(),
            AMQPValue::LongString("at-least-once".into()),
        );
        arguments.insert(
            "x-overflow".into(),
            AMQPValue::LongString("reject-publish".into()),
        );
        for binding in &self.bindings {
            let queue = self.queue(binding.consumer.0);
            let declared = channel.queue_declare(
                queue.clone(),
                QueueDeclareOptions::durable(),
                arguments.clone(),
            );
            answered(declared).await?;
            for event in binding.events {
                let bound = channel.queue_bind(
                    queue.clone(),
                    self.exchange(),
                    (*event).into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                );
                answered(bound).await?;
            }
        }
        answered(channel.close(200, "declared".into())).await
    }

    /// Publishes, and answers for each message what the broker said.
    async fn publish<'a>(
        &self,
        live: &Live,
        exchange: &ShortString,
        messages: impl Iterator<Item = (ShortString, BasicPublishOptions, i64, &'static str, &'a str)>,
    ) -> Result<Vec<Published>, QueueError> {
        let sent = async {
            let mut confirms = Vec::new();
            for (key, options, id, kind, body) in messages {
                let properties = BasicProperties::default()
                    .with_delivery_mode(2)
                    .with_content_type(CONTENT_TYPE.into())
                    .with_message_id(id.to_string().into())
                    .with_type(kind.into());
                let publish = live.publisher.basic_publish(
                    exchange.clone(),
                    key,
                    options,
                    body.as_bytes(),
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
}

/// Something that is done on a connection, which is given up where that is not done, or nobody waits for it any more.
struct Attempt<'a> {
    link: &'a Link,
    live: Arc<Live>,
    is_whole: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            self.link.give_up(&self.live);
        }
    }
}

impl RabbitQueues {
    /// Queues for these consumers in a broker; the database keeps dead letters. Nothing is connected yet.
    pub fn new(broker: Broker, bindings: Vec<Binding>, store: Arc<dyn MessageStore>) -> Self {
        Self {
            link: Arc::new(Link {
                broker,
                bindings,
                state: parking_lot::Mutex::default(),
                connecting: Mutex::default(),
            }),
            store,
        }
    }

    /// Publishes on the connection; one that fails is given up, and one on which a queue is missing is declared anew.
    async fn publish_all<'a>(
        &self,
        exchange: ShortString,
        messages: impl Iterator<Item = (ShortString, BasicPublishOptions, i64, &'static str, &'a str)>,
    ) -> Result<Vec<Published>, QueueError> {
        let mut attempt = Attempt {
            live: self.link.live().await?,
            link: &self.link,
            is_whole: false,
        };
        let published = self
            .link
            .publish(&attempt.live, &exchange, messages)
            .await?;
        attempt.is_whole = !published.contains(&Published::Unroutable);
        Ok(published)
    }

    /// The broker says that a message has gone nowhere only where none of its queues is there. Of an event that several
    /// consumers get, all queues are looked for after it was published.
    async fn notice_missing(
        &self,
        batch: &[Message],
        published: &mut [Published],
    ) -> Result<(), QueueError> {
        let shared = |kind: &str| {
            let takers = self.link.bindings.iter().filter(|one| one.takes(kind));
            takers.count() > 1
        };
        let kinds: BTreeSet<&str> = batch.iter().map(|message| message.kind).collect();
        let kinds: Vec<&str> = kinds.into_iter().filter(|kind| shared(kind)).collect();
        let is_looked_for = |one: &&Binding| kinds.iter().any(|kind| one.takes(kind));
        for binding in self.link.bindings.iter().filter(is_looked_for) {
            if self.is_there(binding.consumer).await? {
                continue;
            }
            for (message, outcome) in batch.iter().zip(&mut *published) {
                if binding.takes(message.kind) {
                    *outcome = Published::Unroutable;
                }
            }
        }
        Ok(())
    }

    /// Whether a consumer's queue is there; where it is not, the next connection makes it.
    async fn is_there(&self, consumer: ConsumerName) -> Result<bool, QueueError> {
        let mut attempt = Attempt {
            live: self.link.live().await?,
            link: &self.link,
            is_whole: false,
        };
        let asked = attempt.live.looker.queue_declare(
            self.link.queue(consumer.0),
            QueueDeclareOptions::durable().passive(),
            FieldTable::default(),
        );
        match answered(asked).await {
            Ok(_) => {
                attempt.is_whole = true;
                Ok(true)
            }
            Err(QueueError::Broker(error)) if is_not_found(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes dead letters from the broker until told to stop, or a fault.
    async fn bury_here(&self, stop: &CancellationToken) -> Result<(), QueueError> {
        let live = self.link.live().await?;
        let channel = answered(live.connection.create_channel()).await?;
        answered(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
        let consuming = channel.basic_consume(
            self.link.dead_queue(),
            ShortString::default(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let mut letters = answered(consuming).await?;
        loop {
            let letter = tokio::select! {
                letter = letters.next() => letter.ok_or(QueueError::Apart)??,
                () = stop.cancelled() => return Ok(()),
            };
            let queue = first_queue(&letter);
            let prefix = format!("{}.", self.link.broker.prefix);
            let consumer = queue.strip_prefix(&prefix).unwrap_or(&queue);
            let body = String::from_utf8_lossy(&letter.data);
            let dead = Queued {
                consumer,
                message: id_of(&letter, &body),
                payload: &body,
            };
            // Not given back meanwhile: some releases of the broker drop what comes back too often.
            let mut failing = false;
            while let Err(error) = self.store.bury(&dead, MOST_DELIVERIES).await {
                if !failing {
                    tracing::warn!(%error, "a dead letter waits to be kept");
                }
                failing = true;
                tokio::select! {
                    () = tokio::time::sleep(POLL) => {}
                    () = stop.cancelled() => return Ok(()),
                }
            }
            answered(channel.basic_ack(letter.delivery_tag, BasicAckOptions::default())).await?;
        }
    }
}

/// Whether the broker has not got what was asked for.
fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error)
        if error.kind() == &AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

/// The queue that a dead letter was in before.
fn first_queue(letter: &Delivery) -> String {
    let headers = letter.properties.headers().as_ref();
    let queue = headers.and_then(|headers| headers.inner().get("x-first-death-queue"));
    match queue {
        Some(AMQPValue::LongString(name)) => name.to_string(),
        _ => "unknown".to_owned(),
    }
}

/// The event's position: as the relay named the message, else as its envelope does; 0 for what is none of ours.
fn id_of(delivery: &Delivery, body: &str) -> i64 {
    let named = delivery.properties.message_id().as_ref();
    named
        .and_then(|id| id.as_str().parse().ok())
        .or_else(|| cloud_event::decode(body).ok().map(|envelope| envelope.id))
        .unwrap_or(0)
}

#[async_trait]
impl Queues for RabbitQueues {
    async fn publish(&self, batch: &[Message]) -> Result<Vec<Published>, QueueError> {
        let wanted = wanted(&self.link.bindings);
        let messages = batch.iter().map(|message| {
            let options = BasicPublishOptions {
                mandatory: wanted.contains(message.kind),
                ..BasicPublishOptions::default()
            };
            (
                message.kind.into(),
                options,
                message.id,
                message.kind,
                message.body.as_str(),
            )
        });
        let mut published = self.publish_all(self.link.exchange(), messages).await?;
        self.notice_missing(batch, &mut published).await?;
        Ok(published)
    }

    async fn send_to(&self, consumer: &str, id: i64, body: &str) -> Result<Published, QueueError> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        // The exchange without a name takes a message to the queue of its key.
        let message = (self.link.queue(consumer), options, id, "", body);
        let published = self.publish_all(ShortString::default(), std::iter::once(message));
        Ok(published.await?.pop().unwrap_or(Published::Refused))
    }

    async fn open(&self, consumer: ConsumerName) -> Result<Box<dyn Inlet>, QueueError> {
        let live = self.link.live().await?;
        let opened = async {
            let channel = answered(live.connection.create_channel()).await?;
            answered(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
            let consuming = channel.basic_consume(
                self.link.queue(consumer.0),
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            );
            Ok::<_, QueueError>((answered(consuming).await?, channel))
        };
        match opened.await {
            Ok((messages, channel)) => Ok(Box::new(RabbitInlet {
                store: Arc::clone(&self.store),
                consumer,
                channel,
                messages,
                first: None,
            })),
            Err(error) => {
                self.link.give_up(&live);
                Err(error)
            }
        }
    }

    async fn depths(&self) -> Result<Vec<(ConsumerName, u64)>, QueueError> {
        let live = self.link.live().await?;
        let channel = answered(live.connection.create_channel()).await?;
        let mut depths = Vec::new();
        for binding in &self.link.bindings {
            let asked = channel.queue_declare(
                self.link.queue(binding.consumer.0),
                QueueDeclareOptions::durable().passive(),
                FieldTable::default(),
            );
            let queue = answered(asked).await?;
            depths.push((binding.consumer, u64::from(queue.message_count())));
        }
        answered(channel.close(200, "counted".into())).await?;
        Ok(depths)
    }

    fn broker_answers(&self) -> Option<bool> {
        let state = self.link.state.lock();
        let is_lost = state.live.as_ref().is_some_and(|live| !live.is_connected());
        state.answers.map(|answers| answers && !is_lost)
    }

    fn bindings(&self) -> &[Binding] {
        &self.link.bindings
    }

    async fn bury(&self, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.bury_here(&stop).await {
                if !failing {
                    tracing::warn!(%error, "dead letters stay in the broker for now");
                }
                failing = true;
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

struct RabbitInlet {
    store: Arc<dyn MessageStore>,
    consumer: ConsumerName,
    channel: Channel,
    messages: Consumer,
    /// One that came while somebody waited for it.
    first: Option<Delivery>,
}

impl RabbitInlet {
    fn received(delivery: &Delivery) -> Received {
        let body = String::from_utf8_lossy(&delivery.data).into_owned();
        Received {
            id: id_of(delivery, &body),
            body,
            receipt: delivery.delivery_tag,
        }
    }
}

#[async_trait]
impl Inlet for RabbitInlet {
    async fn ready(&mut self) -> Result<(), QueueError> {
        if self.first.is_some() {
            return Ok(());
        }
        match tokio::time::timeout(POLL, self.messages.next()).await {
            Ok(Some(delivery)) => self.first = Some(delivery?),
            // The broker has cancelled it, or the connection is lost.
            Ok(None) => return Err(QueueError::Apart),
            Err(_) => {}
        }
        Ok(())
    }

    async fn take(&mut self, most: usize) -> Result<Vec<Received>, QueueError> {
        let mut taken: Vec<Received> = self.first.take().iter().map(Self::received).collect();
        while taken.len() < most {
            match self.messages.next().now_or_never() {
                Some(Some(delivery)) => taken.push(Self::received(&delivery?)),
                Some(None) | None => break,
            }
        }
        Ok(taken)
    }

    async fn finish(&mut self, received: &[Received]) -> Result<(), QueueError> {
        for one in received {
            answered(
                self.channel
                    .basic_ack(one.receipt, BasicAckOptions::default()),
            )
            .await?;
        }
        Ok(())
    }

    async fn fail(&mut self, received: &Received, error: &str) -> Result<(), QueueError> {
        let noted = self.store.note_failure(self.consumer.0, received.id, error);
        noted.await?;
        self.give_back(std::slice::from_ref(received)).await
    }

    async fn keep(&mut self, _received: &[Received]) -> Result<(), QueueError> {
        // The broker waits for as long as the connection lives.
        if self.channel.status().connected() {
            Ok(())
        } else {
            Err(QueueError::Apart)
        }
    }

    async fn close(&mut self) -> Result<(), QueueError> {
        let tag = self.messages.tag();
        answered(
            self.channel
                .basic_cancel(tag, BasicCancelOptions::default()),
        )
        .await
    }

    async fn give_back(&mut self, received: &[Received]) -> Result<(), QueueError> {
        let again = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        for one in received {
            answered(self.channel.basic_nack(one.receipt, again)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
