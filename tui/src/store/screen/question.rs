//! A question with yes or no.

use airside_common::api::bookings::RebookBooking;
use airside_common::booking::OperationKey;
use airside_common::locator::Locator;
use airside_common::upload::UploadId;

use super::dead_letters::{LetterEnd, LetterId};
use crate::store::operation::{Preview, Reference};

/// A rebooking that was asked about, of a booking as the agent saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rebooking {
    pub(crate) locator: Locator,
    /// The version that positions of segments are about.
    pub(crate) version: u64,
    pub(crate) body: RebookBooking,
    pub(crate) preview: Preview,
}

/// What yes does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    CancelBooking(Reference),
    Rebook(Box<Rebooking>),
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
