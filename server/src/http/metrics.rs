//! Figures of the process in the Prometheus text format.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use poem::web::Data;
use poem::{Response, handler};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::features::bookings::service::Bookings;

/// Labels of a request: its route, never its path, so that their number is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Arc<str>,
    status: u16,
}

/// Upper bounds of the latency histogram, in seconds.
const BOUNDS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
];

/// What is counted.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("airside");
        let requests = Family::default();
        let seconds = Histogram::new(BOUNDS);
        registry.register(
            "http_requests",
            "Answered requests by route and status",
            requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time from request to answer",
            seconds.clone(),
        );
        Self {
            registry: Arc::new(RwLock::new(registry)),
            requests,
            seconds,
        }
    }
}

impl Metrics {
    /// Counts an answered request.
    pub fn count(&self, route: &Arc<str>, status: u16, time: Duration) {
        let labels = RequestLabels {
            route: route.clone(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.seconds.observe(time.as_secs_f64());
    }

    /// Shows how many booking commands wait for the writer.
    pub fn watch_bookings(&self, bookings: Bookings) {
        self.registry
            .write()
            .register_collector(Box::new(QueueDepth(bookings)));
    }

    /// All figures as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry.read()).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}

#[derive(Debug)]
struct QueueDepth(Bookings);

impl Collector for QueueDepth {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let depth = ConstGauge::<i64>::new(self.0.waiting().try_into().unwrap_or(i64::MAX));
        let metric = encoder.encode_descriptor(
            "booking_queue",
            "Commands that wait for the booking writer",
            None,
            prometheus_client::metrics::MetricType::Gauge,
        )?;
        depth.encode(metric)
    }
}

/// `GET /metrics`
#[handler]
pub(super) fn metrics(metrics: Data<&Metrics>) -> Response {
    Response::builder()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(metrics.text())
}
