//! Whether the process lives, and whether it should be sent requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airside_common::api::problem::Code;
use async_trait::async_trait;
use poem::{Response, Result};
use serde_json::{Value, json};

use super::problem::ProblemAnswer;
use crate::roles::set::Roles;
use crate::store::ReplicaHealth;

/// Whether requests are welcome: after start-up, until the process is told to stop.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Requests are welcome from now on.
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// No more requests are welcome.
    pub fn close(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether requests are welcome.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Something without which requests cannot be answered.
#[async_trait]
pub trait Dependency: Send + Sync + 'static {
    /// Whether it answers; the error says what is wrong, without secrets.
    async fn answers(&self) -> Result<(), String>;

    /// How replicas are, without which requests are answered all the same.
    fn replicas(&self) -> Vec<ReplicaHealth> {
        Vec::new()
    }

    /// Which services the process is.
    fn roles(&self) -> &Roles;

    /// Whether Redis answers, without which requests are answered all the same; `None` where there is none.
    fn redis_answers(&self) -> Option<bool> {
        None
    }

    /// Whether the message broker answers, without which messages wait; `None` where there is none, or it is not needed.
    fn broker_answers(&self) -> Option<bool> {
        None
    }
}

/// `GET /healthz`: the process lives.
pub(super) fn alive() -> Response {
    Response::builder()
        .content_type("application/json")
        .body(r#"{"status":"ok"}"#)
}

/// `GET /readyz`: requests are welcome, and what they need answers. It says which services the process is, and tells of
/// replicas, Redis and the message broker.
pub(super) async fn ready(readiness: &Readiness, needs: &dyn Dependency) -> Result<Response> {
    if !readiness.is_open() {
        let problem = ProblemAnswer::new(Code::Unavailable, "the server is starting or stopping");
        return Err(problem.into());
    }
    needs
        .answers()
        .await
        .map_err(|e| ProblemAnswer::new(Code::Unavailable, e))?;
    let mut body = json!({"status": "ok", "roles": needs.roles()});
    let replicas = needs.replicas();
    if !replicas.is_empty() {
        let replica = |replica: ReplicaHealth| {
            json!({
                "server": replica.server,
                "state": replica.state,
                "lag_seconds": replica.lag.map(|lag| lag.as_secs_f64()),
            })
        };
        body["replicas"] = replicas.into_iter().map(replica).collect::<Value>();
    }
    for (name, answers) in [
        ("redis", needs.redis_answers()),
        ("rabbitmq", needs.broker_answers()),
    ] {
        if let Some(answers) = answers {
            body[name] = json!(if answers { "ok" } else { "does not answer" });
        }
    }
    Ok(Response::builder()
        .content_type("application/json")
        .body(body.to_string()))
}
