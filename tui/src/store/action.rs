//! What can happen to the console.

use airside_common::airport::Airport;
use airside_common::api::auth::Me;
use airside_common::api::bookings::{Booking, BookingPage, HistoryEntry};
use airside_common::api::dead_letters::{DeadLetterDetail, DeadLetterPage};
use airside_common::api::events::{BookingChanged, QueueChanged, SeatsChanged, UploadChanged};
use airside_common::api::flights::{Flight, FlightPage, SeatMap};
use airside_common::api::ingest::{IngestSource, IngestSourcePage};
use airside_common::api::problem::{Code, Problem};
use airside_common::api::search::ItineraryPage;
use airside_common::api::uploads::{FindingKind, Upload, UploadPage};
use airside_common::booking::OperationKey;
use airside_common::flight::FlightId;
use airside_common::ingest::SourceName;
use airside_common::locator::Locator;
use airside_common::text::printable;
use airside_common::upload::UploadId;
use airside_common::user::Username;
use crossterm::event::{KeyEvent, MouseEvent};
use uuid::Uuid;

use super::account::{Account, ServerId};
use super::journal::Saved;
use super::ledger::answer::{Answer, leaves_open};
use super::moment::Moment;
use super::queues::QueueAnswer;
use super::screen::dead_letters::{LetterEnd, LetterId};
use super::screen::sources::SourceChange;
use super::screen::uploads::FindingLine;
use crate::effects::http::ApiError;
use crate::effects::paths::Completion;
use crate::effects::server_url::ServerUrl;

/// One event, with when it came and a random number that it may use: the reducer looks at no clock and draws nothing.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) moment: Moment,
    pub(crate) seed: Uuid,
    pub(crate) event: Event,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// State folder and session were read.
    Opened(Box<Opened>),
    /// The demonstration's server: on its way, with its last words, or failed.
    Demo(Demo),
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    Resize(u16, u16),
    /// Something is due: an operation of the ledger, or what the screen says of the time.
    Wake,
    LoggedIn(Result<Session, Failure>),
    LoggedOut {
        username: Username,
        result: Result<(), Failure>,
    },
    Airports {
        query: String,
        result: Result<Vec<Airport>, Failure>,
    },
    Itineraries {
        request: u64,
        result: Result<ItineraryPage, Failure>,
    },
    Seats {
        flight: FlightId,
        result: Result<SeatMap, Failure>,
    },
    Bookings {
        request: u64,
        result: Result<BookingPage, Failure>,
    },
    Fetched {
        locator: Locator,
        result: Result<Box<Booking>, Failure>,
    },
    History {
        locator: Locator,
        result: Result<Vec<HistoryEntry>, Failure>,
    },
    /// A record is on the disk, or is not.
    Journalled {
        key: OperationKey,
        result: Result<(), String>,
    },
    Answered {
        key: OperationKey,
        answer: Answer,
    },
    Flights {
        request: u64,
        result: Result<FlightPage, Failure>,
    },
    /// Live events.
    Live(Box<Live>),
    FlightCreated(Result<Box<Flight>, Failure>),
    Flight {
        request: u64,
        flight: FlightId,
        result: Result<Box<Flight>, Failure>,
    },
    FlightBookings {
        request: u64,
        result: Result<BookingPage, Failure>,
    },
    FlightPatched {
        request: u64,
        flight: FlightId,
        result: Result<Box<Flight>, Failure>,
    },
    FlightCancelled {
        request: u64,
        flight: FlightId,
        result: Result<Box<Flight>, Failure>,
    },
    Sources {
        request: u64,
        result: Result<IngestSourcePage, Failure>,
    },
    SourceChanged {
        name: SourceName,
        change: SourceChange,
        result: Result<Box<IngestSource>, Failure>,
    },
    DeadLetters {
        request: u64,
        result: Result<DeadLetterPage, Failure>,
    },
    DeadLetter {
        id: LetterId,
        result: Result<Box<DeadLetterDetail>, Failure>,
    },
    LetterEnded {
        id: LetterId,
        end: LetterEnd,
        result: Result<(), Failure>,
    },
    Uploads {
        request: u64,
        result: Result<UploadPage, Failure>,
    },
    Upload {
        request: u64,
        result: Result<Box<Upload>, Failure>,
    },
    /// So many bytes of a file are gone, of so many.
    FileSending {
        sent: u64,
        total: u64,
    },
    FileSent(Result<Box<Upload>, Failure>),
    UploadCancelled(Result<Box<Upload>, Failure>),
    PathCompleted(Completion),
    Findings {
        of: (UploadId, FindingKind),
        result: Result<Vec<FindingLine>, Failure>,
    },
    /// What the office's queues say.
    Queue(Box<QueueAnswer>),
    /// What was found in a file is in a file here.
    FindingsSaved(Result<String, Failure>),
}

/// What becomes of the stream of live events.
#[derive(Debug, Clone)]
pub(crate) enum Live {
    /// It is open.
    Connected,
    /// It is not, for now.
    Lost(Failure),
    News(News),
}

/// A live event.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Booking(BookingChanged),
    Seats(SeatsChanged),
    Queue(QueueChanged),
    Upload(UploadChanged),
    /// Events may be missing.
    Reset,
}

/// What the start found.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) server: ServerUrl,
    pub(crate) saved: Saved,
    pub(crate) session: Option<Session>,
    pub(crate) faults: Vec<String>,
    /// The users of the demonstration, if it runs; its agent logs in by itself.
    pub(crate) demo_users: Vec<Credentials>,
}

/// A name, its password, and what they are good for.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: airside_common::api::auth::Secret,
    pub(crate) role: airside_common::user::Role,
}

/// How the demonstration's server comes up.
#[derive(Debug, Clone)]
pub(crate) enum Demo {
    Starting(String),
    Failed(String),
}

/// Who is logged in where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) server: ServerId,
    pub(crate) me: Me,
}

impl Session {
    pub(crate) fn account(&self) -> Account {
        Account {
            server: self.server.clone(),
            user: self.me.id,
        }
    }
}

/// Why a call has no result, in the form in which it can be kept and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) outcome: Outcome,
    pub(crate) words: String,
    pub(crate) problem: Option<Problem>,
}

/// The kinds of failures that the console tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The server said no.
    Refused,
    /// The server was not reached, or did not answer.
    Offline,
    /// There is no session any more.
    LoggedOut,
    /// Anything else.
    Other,
}

/// What a failure says of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is not done: it was refused, or never got there.
    NotDone,
    /// It may have been done: the answer was lost, or does not tell.
    Unclear,
}

impl Failure {
    /// Whether nobody knows what became of what was asked for.
    pub(crate) fn is_unclear(&self) -> bool {
        self.outcome == Outcome::Unclear
    }

    /// Why something is not done, or that it is not known whether it `was done`, with what shows it.
    pub(crate) fn words_on(&self, was_done: &str, shows: &str) -> String {
        let why = &self.words;
        match self.outcome {
            Outcome::NotDone => why.clone(),
            Outcome::Unclear if shows.is_empty() => {
                format!("It is not known whether {was_done}: {why}")
            }
            Outcome::Unclear => format!("It is not known whether {was_done}; {shows}: {why}"),
        }
    }

    /// Whether the server named this code.
    pub(crate) fn is(&self, code: Code) -> bool {
        self.problem.as_ref().is_some_and(|p| p.code == code)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let kind = match &error {
            ApiError::LoggedOut => FailureKind::LoggedOut,
            error if error.is_offline() => FailureKind::Offline,
            ApiError::Problem { .. } => FailureKind::Refused,
            _ => FailureKind::Other,
        };
        let outcome = match &error {
            ApiError::Broken(_) | ApiError::Unreadable { .. } => Outcome::Unclear,
            ApiError::Problem { problem, .. } if leaves_open(problem) => Outcome::Unclear,
            _ => Outcome::NotDone,
        };
        let words = error
            .problem()
            .map_or_else(|| error.to_string(), |p| p.detail.clone());
        Self {
            kind,
            outcome,
            words: printable(&words),
            problem: error.problem().cloned(),
        }
    }
}
