//! A question with yes or no.

use airside_common::booking::OperationKey;
use airside_common::flight::FlightId;
use airside_common::upload::UploadId;

use crate::store::operation::Reference;

/// What yes does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Then {
    CancelBooking(Reference),
    DropDraft(OperationKey),
    CancelFlight {
        flight: FlightId,
        version: u64,
    },
    CancelUpload(UploadId),
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
