//! One line a request.

use std::net::IpAddr;
use std::time::Duration;

use poem::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::context::RequestId;

/// Which requests get a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logged {
    /// None.
    None,
    /// Those that failed by the server's fault (5xx).
    #[default]
    Failed,
    /// Every one.
    All,
}

impl Logged {
    /// Whether a request that was answered in this way gets a line.
    pub fn includes(self, status: StatusCode) -> bool {
        match self {
            Self::None => false,
            Self::Failed => status.is_server_error(),
            Self::All => true,
        }
    }
}

/// Writes the line. The query is left out: it may name passengers.
pub(super) fn write(
    id: &RequestId,
    address: IpAddr,
    method: &Method,
    path: &str,
    status: StatusCode,
    took: Duration,
) {
    let status = status.as_u16();
    let milliseconds = took.as_secs_f64() * 1e3;
    if status < 500 {
        tracing::info!(request_id = %id, %address, %method, path, status, milliseconds, "request");
    } else {
        tracing::warn!(request_id = %id, %address, %method, path, status, milliseconds, "request");
    }
}
