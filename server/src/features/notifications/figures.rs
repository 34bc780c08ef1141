//! Figures of what goes out.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::outgoing::Verdict;

/// By which way something goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Mail to passengers.
    Mail,
    /// Calls of webhooks.
    Webhook,
}

impl Channel {
    fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    channel: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabel {
    channel: &'static str,
}

/// What this process has handed over, and what waits in the database.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    attempts: Family<OutcomeLabel, Counter>,
    waiting: Family<ChannelLabel, Gauge>,
}

impl Figures {
    /// Adds the figures.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "notifications",
            "Mails and calls of webhooks by what became of them: sent, retried, failed",
            self.attempts.clone(),
        );
        registry.register(
            "notifications_waiting",
            "Mails and deliveries to webhooks that wait",
            self.waiting.clone(),
        );
    }

    /// Counts an attempt.
    pub fn count(&self, channel: Channel, verdict: Verdict) {
        let label = OutcomeLabel {
            channel: channel.word(),
            outcome: match verdict {
                Verdict::Done => "sent",
                Verdict::Again(_) => "retried",
                Verdict::Failed => "failed",
            },
        };
        self.attempts.get_or_create(&label).inc();
    }

    /// Says how many wait.
    pub fn wait(&self, channel: Channel, count: u64) {
        let label = ChannelLabel {
            channel: channel.word(),
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.waiting.get_or_create(&label).set(count);
    }
}
