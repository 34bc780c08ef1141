//! One request before it is sent.

use std::time::Duration;

use airside_common::booking::OperationKey;
use reqwest::Method;
use serde::Serialize;

use super::{ApiError, query};

/// One request before it is sent.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) key: Option<OperationKey>,
    pub(super) if_match: Option<u64>,
    /// The last message of a stream that was heard.
    pub(super) last_id: Option<String>,
    /// How long the call may take, where it is not [`super::CALL_LIMIT`].
    pub(super) limit: Option<Duration>,
    pub(super) accept: &'static str,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: None,
            body: None,
            key: None,
            if_match: None,
            last_id: None,
            limit: None,
            accept: "application/json",
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn query(self, parameters: &impl Serialize) -> Result<Self, ApiError> {
        let query = Some(query::encode(parameters)?).filter(|query| !query.is_empty());
        Ok(Self { query, ..self })
    }

    pub(super) fn body(self, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(|e| ApiError::Client(e.to_string()))?;
        Ok(Self {
            body: Some(body),
            ..self
        })
    }

    pub(super) fn key(self, key: &OperationKey) -> Self {
        Self {
            key: Some(key.clone()),
            ..self
        }
    }

    pub(super) fn if_match(self, version: u64) -> Self {
        Self {
            if_match: Some(version),
            ..self
        }
    }
}
