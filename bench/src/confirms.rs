//! The broker's own publisher confirms: the same bodies in the same batches, and nothing else.

use std::time::Instant;

use airside_server::messages::rabbitmq::Broker;
use futures_util::future::join_all;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};

/// As many as the relay takes at once.
const BATCH: usize = 512;

/// A channel that confirms, and an exchange with a quorum queue of its own behind it.
pub(crate) struct Confirms {
    _connection: Connection,
    channel: Channel,
    exchange: String,
}

impl Confirms {
    pub(crate) async fn open(broker: &Broker) -> Self {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&broker.url, properties).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let options = ConfirmSelectOptions::default();
        channel.confirm_select(options).await.unwrap();
        let exchange = format!("{}.bare", broker.prefix);
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let topic = ExchangeKind::Topic;
        let declared = channel.exchange_declare(
            exchange.as_str().into(),
            topic,
            durable,
            FieldTable::default(),
        );
        declared.await.unwrap();
        let mut arguments = FieldTable::default();
        let quorum = AMQPValue::LongString("quorum".into());
        arguments.insert("x-queue-type".into(), quorum);
        let options = QueueDeclareOptions::durable();
        let queue = channel.queue_declare(exchange.as_str().into(), options, arguments);
        queue.await.unwrap();
        let bound = channel.queue_bind(
            exchange.as_str().into(),
            exchange.as_str().into(),
            "booking.created".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.unwrap();
        Self {
            _connection: connection,
            channel,
            exchange,
        }
    }

    /// Messages a second, each with its type; the queue is empty again afterwards.
    pub(crate) async fn publish(&self, messages: &[(&'static str, String)]) -> f64 {
        let begun = Instant::now();
        for batch in messages.chunks(BATCH) {
            let mut confirms = Vec::with_capacity(batch.len());
            for (kind, body) in batch {
                let properties = BasicProperties::default().with_delivery_mode(2);
                let publish = self.channel.basic_publish(
                    self.exchange.as_str().into(),
                    (*kind).into(),
                    BasicPublishOptions::default(),
                    body.as_bytes(),
                    properties,
                );
                confirms.push(publish.await.unwrap());
            }
            for confirmed in join_all(confirms).await {
                assert!(matches!(confirmed.unwrap(), Confirmation::Ack(None)));
            }
        }
        let rate = messages.len() as f64 / begun.elapsed().as_secs_f64();
        let options = lapin::options::QueuePurgeOptions::default();
        let purged = self
            .channel
            .queue_purge(self.exchange.as_str().into(), options);
        purged.await.unwrap();
        rate
    }
}
