//! A question with yes or no.

use airside_common::booking::OperationKey;
use airside_common::upload::UploadId;

use super::dead_letters::{LetterEnd, LetterId};
use crate::store::operation::Reference;

/// What yes does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    CancelBooking(Reference),
    DropDraft(OperationKey),
    CancelUpload(UploadId),
    EndLetter {
        id: LetterId,
        end: LetterEnd,
    },
    /// Send what is older than it should be; no makes a draft of it.
    SendOld(OperationKey),
}

/// The question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) then: Then,
}
