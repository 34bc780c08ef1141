//! Messages that nobody could do anything with.

use airside_common::api::dead_letters::{DeadLetterDetail, DeadLetterPage};
use reqwest::Method;
use serde::Serialize;

use super::{Api, ApiError, Call};
use crate::store::screen::dead_letters::LetterId;

/// Which letters are listed; what is absent does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LetterFilter {
    /// Messages of this consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// The most items of one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u8>,
    /// Where the last answer ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Api {
    /// Dead letters, the newest first.
    pub async fn dead_letters(&self, filter: &LetterFilter) -> Result<DeadLetterPage, ApiError> {
        self.call(&Call::get("/v1/admin/dead-letters").query(filter)?)
            .await
    }

    /// One, with its message.
    pub async fn dead_letter(&self, id: &LetterId) -> Result<DeadLetterDetail, ApiError> {
        self.call(&Call::get(path_of(id))).await
    }

    /// Sends one to its consumer again.
    pub async fn retry_letter(&self, id: &LetterId) -> Result<(), ApiError> {
        let path = format!("{}/retry", path_of(id));
        self.call(&Call::new(Method::POST, path)).await
    }

    /// Drops one for good.
    pub async fn drop_letter(&self, id: &LetterId) -> Result<(), ApiError> {
        self.call(&Call::new(Method::DELETE, path_of(id))).await
    }
}

fn path_of(id: &LetterId) -> String {
    format!("/v1/admin/dead-letters/{id}")
}
