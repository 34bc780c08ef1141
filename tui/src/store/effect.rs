//! What the reducer wants done in the world, as data.

use std::time::Duration;

use airside_common::api::auth::Secret;
use airside_common::api::flights::{CreateFlight, PatchFlight};
use airside_common::api::search::ItineraryQuery;
use airside_common::api::uploads::FindingKind;
use airside_common::flight::FlightId;
use airside_common::ingest::SourceName;
use airside_common::locator::Locator;
use airside_common::upload::UploadId;
use airside_common::user::Username;

use super::ledger::LedgerEffect;
use super::queues::QueueCall;
use super::screen::dead_letters::{LetterEnd, LetterId};
use super::screen::sources::SourceChange;
use crate::effects::http::calls::{BookingFilter, FlightFilter, UploadQuery};
use crate::effects::http::dead_letters::LetterFilter;
use crate::effects::server_url::ServerUrl;
use crate::settings::Mouse;

/// One thing to be done; what comes of it is an [`Event`](super::action::Event).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    LogIn {
        server: ServerUrl,
        username: String,
        password: Secret,
    },
    /// The user, who has left this console already.
    LogOut {
        username: Username,
    },
    /// A user leaves or another begins: what was asked for before is of no concern any more, but for operations of the ledger.
    ForgetAnswers,
    Airports {
        query: String,
    },
    Itineraries {
        request: u64,
        query: Box<ItineraryQuery>,
    },
    Seats {
        flight: FlightId,
    },
    Bookings {
        request: u64,
        filter: Box<BookingFilter>,
    },
    History {
        locator: Locator,
    },
    /// What the ledger wants.
    Ledger(Box<LedgerEffect>),
    Flights {
        request: u64,
        filter: Box<FlightFilter>,
    },
    CreateFlight(Box<CreateFlight>),
    Flight {
        request: u64,
        flight: FlightId,
    },
    FlightBookings {
        request: u64,
        flight: FlightId,
        cursor: Option<String>,
    },
    PatchFlight {
        request: u64,
        flight: FlightId,
        version: u64,
        patch: Box<PatchFlight>,
    },
    CancelFlight {
        request: u64,
        flight: FlightId,
        version: u64,
    },
    Sources {
        request: u64,
        /// Not at once.
        after: Duration,
    },
    ChangeSource {
        name: SourceName,
        change: SourceChange,
    },
    DeadLetters {
        request: u64,
        filter: Box<LetterFilter>,
    },
    DeadLetter(LetterId),
    EndLetter {
        id: LetterId,
        end: LetterEnd,
    },
    /// Listen to live events, also to the seats of flights.
    Listen {
        flights: Vec<FlightId>,
    },
    StopListening,
    Uploads {
        request: u64,
        cursor: Option<String>,
        /// Not at once.
        after: Duration,
    },
    Upload {
        request: u64,
        id: UploadId,
        /// Not at once.
        after: Duration,
    },
    SendFile {
        path: String,
        query: Box<UploadQuery>,
    },
    CancelUpload(UploadId),
    CompletePath(String),
    Findings {
        id: UploadId,
        kind: FindingKind,
    },
    SaveFindings {
        id: UploadId,
        kind: FindingKind,
    },
    /// Ask something of the office's queues.
    Queue(QueueCall),
    /// Put a text on the clipboard.
    Copy(String),
    /// Listen to the mouse, or leave it to the terminal.
    Mouse(Mouse),
    /// Draw everything anew.
    Redraw,
    Suspend,
    Quit,
}

impl From<LedgerEffect> for Effect {
    fn from(effect: LedgerEffect) -> Self {
        Self::Ledger(Box::new(effect))
    }
}
