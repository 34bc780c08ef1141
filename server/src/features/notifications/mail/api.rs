//! The endpoint of mails, for admins.

use airside_common::api::mails::{MailPage, MailState};
use airside_common::locator::Locator;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::service::Mails;
use crate::features::flights::api::page_size;
use crate::http::authentication::AdminAuth;
use crate::http::body::JsonBytes;
use crate::http::problem::ProblemAnswer;

/// The endpoint of mails.
#[derive(Clone)]
pub struct MailsApi {
    mails: Mails,
}

impl MailsApi {
    /// The endpoint over a service.
    pub fn new(mails: Mails) -> Self {
        Self { mails }
    }
}

#[OpenApi(prefix_path = "/v1/admin")]
impl MailsApi {
    /// List mails to passengers
    ///
    /// Those that wait, and for 30 days those that were sent or given up; the newest come first. Their texts are not kept.
    #[oai(path = "/mails", method = "get", operation_id = "listMails")]
    async fn list(
        &self,
        _admin: AdminAuth,
        /// About this booking.
        locator: Query<Option<Locator>>,
        /// In this state.
        state: Query<Option<MailState>>,
        /// Mails of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<MailPage>, ProblemAnswer> {
        let limit = page_size(limit.0)?;
        let before = cursor
            .0
            .map(|text| text.parse::<i64>())
            .transpose()
            .map_err(|_| ProblemAnswer::field("cursor", "take it from the page before"))?;
        let page = self.mails.list(locator.0, state.0, before, limit);
        JsonBytes::of(&page.await?)
    }
}
