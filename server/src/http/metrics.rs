//! Figures for Prometheus: requests here, and what the features register.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::problem::Code;
use parking_lot::Mutex;
use poem::http::StatusCode;
use poem::http::header;
use poem::{Response, Result};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::problem::ProblemAnswer;
use crate::roles::set::Roles;

/// Upper bounds of the latency histogram, in seconds.
const BOUNDS: [f64; 12] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0,
];
/// The content type of the text format of `OpenMetrics`.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A route, as figures are kept by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabel {
    /// `GET`, …; `other` for what is not of HTTP.
    pub method: &'static str,
    /// The path with its parameters' names, or `other` where there is no such route.
    pub route: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    method: &'static str,
    route: &'static str,
    status: u16,
}

/// All figures of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<AnswerLabel, Counter>,
    latency: Family<RouteLabel, Histogram, fn() -> Histogram>,
    connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("airside");
        let requests = Family::default();
        let histogram: fn() -> Histogram = || Histogram::new(BOUNDS);
        let latency = Family::new_with_constructor(histogram);
        let connections = Gauge::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's head",
            latency.clone(),
        );
        registry.register("http_connections", "Open connections", connections.clone());
        Self {
            registry: Mutex::new(registry),
            requests,
            latency,
            connections,
        }
    }
}

impl Metrics {
    /// Figures of a process, with one that says which services it is.
    pub fn of(roles: &Roles) -> Self {
        let metrics = Self::default();
        let labels = vec![
            ("roles", roles.to_string()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        metrics.register(|registry| {
            registry.register("process", "What the process is", Info::new(labels));
        });
        metrics
    }

    /// Adds figures of others.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock());
    }

    /// Counts a request.
    pub(super) fn answered(&self, route: RouteLabel, status: StatusCode, took: Duration) {
        let RouteLabel {
            method,
            route: path,
        } = route;
        let label = AnswerLabel {
            method,
            route: path,
            status: status.as_u16(),
        };
        self.requests.get_or_create(&label).inc();
        self.latency
            .get_or_create(&route)
            .observe(took.as_secs_f64());
    }

    /// The number of open connections.
    pub(super) fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry.lock())?;
        Ok(text)
    }
}

/// `GET /metrics`
pub(super) fn answer(metrics: &Arc<Metrics>) -> Result<Response> {
    let text = metrics
        .text()
        .map_err(|e| ProblemAnswer::new(Code::Internal, format!("metrics: {e}")))?;
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .body(text))
}
