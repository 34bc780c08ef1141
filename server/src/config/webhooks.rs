//! How webhooks are called.

use std::time::Duration;

use jiff::SignedDuration;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list;

/// How webhooks are called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// Whether they may be at addresses that are not of the public net, and without TLS.
    pub allow_private: bool,
    /// After how long one that did not take an event is called again, each time; then the event is given up.
    #[serde(deserialize_with = "pauses", serialize_with = "friendly")]
    pub retries: Vec<Duration>,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        let hours = |hours| Duration::from_hours(hours);
        Self {
            allow_private: false,
            retries: vec![
                Duration::from_secs(5),
                Duration::from_mins(5),
                Duration::from_mins(30),
                hours(2),
                hours(5),
                hours(10),
                hours(14),
                hours(20),
                hours(24),
            ],
        }
    }
}

fn pauses<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<Duration>, D::Error> {
    let pauses = list::deserialize(value)?;
    let pause = |text: &String| {
        let parsed = text.trim().parse::<SignedDuration>().ok();
        parsed.and_then(|pause| Duration::try_from(pause).ok())
    };
    let pauses: Option<Vec<Duration>> = pauses.iter().map(pause).collect();
    pauses.ok_or_else(|| D::Error::custom("is a list of times such as 5s, 30m, 2h"))
}

fn friendly<S: Serializer>(pauses: &[Duration], serializer: S) -> Result<S::Ok, S::Error> {
    let friendly = pauses.iter().map(|pause| {
        let pause = SignedDuration::try_from(*pause).unwrap_or(SignedDuration::MAX);
        format!("{pause:#}")
    });
    serializer.collect_seq(friendly)
}
