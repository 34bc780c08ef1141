//! How much waits, measured when somebody looks at the figures.

use std::sync::Arc;

use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::features::bookings::service::Bookings;
use crate::features::notifications::notifier::Notifier;
use crate::http::metrics::Metrics;
use crate::http::router::Measure;
use crate::messages::queues::SharedQueues;
use crate::roles::set::{Roles, ServiceRole};
use crate::store::SharedDatabase;

/// How long the broker is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much waits. What does not answer keeps the figure of before; `/readyz` tells.
pub(super) struct Depths {
    database: SharedDatabase,
    outbox: Gauge,
    /// Where this process takes or merges uploads.
    uploads: Option<Gauge>,
    /// Where this process fetches files, or shows who does.
    failing_sources: Option<Gauge>,
    /// Where this process writes some.
    bookings: Option<(Bookings, Gauge)>,
    /// Where this process relays.
    messages: Option<Messages>,
    /// Where this process tells others.
    notifier: Option<Arc<Notifier>>,
}

struct Messages {
    queues: SharedQueues,
    depths: Family<ConsumerLabel, Gauge>,
    dead: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConsumerLabel {
    consumer: &'static str,
}

impl Depths {
    /// Adds the figures of what a process has.
    pub(super) fn register(
        metrics: &Metrics,
        database: &SharedDatabase,
        roles: &Roles,
        bookings: Option<&Bookings>,
        queues: Option<SharedQueues>,
        notifier: Option<Arc<Notifier>>,
    ) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            metrics.register(|registry| registry.register(name, help, gauge.clone()));
            gauge
        };
        let outbox = gauge("outbox_depth", "Events that wait to be relayed");
        let bookings = bookings.map(|bookings| {
            let help = "Booking writes that wait for the writer";
            (bookings.clone(), gauge("booking_commands_waiting", help))
        });
        let has_uploads = roles.contains(ServiceRole::Admin) || roles.contains(ServiceRole::Worker);
        let uploads =
            has_uploads.then(|| gauge("uploads_waiting", "Uploaded files that wait for a worker"));
        let knows_sources =
            roles.contains(ServiceRole::Admin) || roles.contains(ServiceRole::Ingest);
        let failing_sources = knows_sources.then(|| {
            let help = "Sources of files whose last poll failed";
            gauge("ingest_sources_failing", help)
        });
        let messages = queues.map(|queues| {
            let depths = Family::default();
            let help = "Messages that wait for each consumer";
            metrics.register(|registry| registry.register("queue_depth", help, depths.clone()));
            Messages {
                queues,
                depths,
                dead: gauge("dead_letters", "Messages that no consumer took"),
            }
        });
        Self {
            database: database.clone(),
            outbox,
            uploads,
            failing_sources,
            bookings,
            messages,
            notifier,
        }
    }
}

fn figure(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[async_trait]
impl Measure for Depths {
    async fn measure(&self) {
        if let Some((bookings, commands)) = &self.bookings {
            commands.set(i64::try_from(bookings.waiting()).unwrap_or(i64::MAX));
        }
        if let Ok(depth) = self.database.outbox_depth().await {
            self.outbox.set(depth);
        }
        if let Some(uploads) = &self.uploads
            && let Ok(waiting) = self.database.waiting().await
        {
            uploads.set(figure(waiting));
        }
        if let Some(sources) = &self.failing_sources
            && let Ok(failing) = self.database.failing_sources().await
        {
            sources.set(figure(failing));
        }
        if let Some(notifier) = &self.notifier {
            // What does not answer is told by `/readyz`.
            let _ = notifier.measure().await;
        }
        let Some(messages) = &self.messages else {
            return;
        };
        // A broker that is frozen would keep whoever looks waiting.
        let depths = tokio::time::timeout(PATIENCE, messages.queues.depths());
        if let Ok(Ok(depths)) = depths.await {
            for (consumer, depth) in depths {
                let label = ConsumerLabel {
                    consumer: consumer.0,
                };
                messages.depths.get_or_create(&label).set(figure(depth));
            }
        }
        if let Ok(count) = self.database.dead_letter_count().await {
            messages.dead.set(figure(count));
        }
    }
}
