//! All that the console knows; only the reducer changes it.

use std::collections::VecDeque;
use std::time::Duration;

use airside_common::user::Role;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::action::{Credentials, Session};
use super::airports::Airports;
use super::form::{Form, Value};
use super::inspector::Inspector;
use super::layer::Layer;
use super::ledger::Ledger;
use super::live::LiveState;
use super::moment::Moment;
use super::operation::Reference;
use super::queues::QueueState;
use super::screen::dead_letters::OwnLetters;
use super::screen::login::Login;
use crate::keymap::{Context, Entry, Keymap};
use crate::settings::{Mouse, Settings};
use crate::theme::Theme;

/// How many messages are kept.
const MOST_MESSAGES: usize = 200;

/// The way to the server, as the last call found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not tried yet.
    Untried,
    Online,
    /// The last call did not get through; why.
    Offline(String),
}

/// How a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Info,
    Good,
    Warning,
    Error,
}

/// One message to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) at: Timestamp,
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// When the present action came.
    pub(crate) now: Moment,
    /// Where the agent sits, for today's date.
    pub(crate) zone: TimeZone,
    pub(crate) ledger: Ledger,
    pub(crate) layers: Vec<Layer>,
    pub(crate) session: Option<Session>,
    /// The server's address, as shown.
    pub(crate) server: String,
    pub(crate) connection: Connection,
    pub(crate) live: LiveState,
    pub(crate) queues: QueueState,
    pub(crate) own_letters: OwnLetters,
    pub(crate) airports: Airports,
    pub(crate) messages: VecDeque<Message>,
    /// Whether the newest message still stands in its line.
    pub(crate) notice: bool,
    pub(crate) inspector: Inspector,
    pub(crate) keymap: Keymap,
    pub(crate) theme: Theme,
    pub(crate) mouse: Mouse,
    /// Columns and lines.
    pub(crate) size: (u16, u16),
    /// What the next request is numbered; an answer with another number is late and dropped.
    pub(crate) requests: u64,
    /// The demonstration's users, where it runs.
    pub(crate) demo_users: Vec<Credentials>,
    /// Whether the search opens with a route filled in: at the demonstration's start.
    pub(crate) demo: bool,
    /// Forms as they were when they were sent, for those that are refused.
    pub(crate) sent: Vec<(
        airside_common::booking::OperationKey,
        super::screen::booking::BookingForm,
    )>,
}

impl State {
    pub(crate) fn new(now: Moment, zone: TimeZone, settings: Settings, size: (u16, u16)) -> Self {
        let mut state = Self {
            now,
            zone,
            ledger: Ledger::default(),
            layers: vec![Layer::Login(Box::new(Login::waiting()))],
            session: None,
            server: String::new(),
            connection: Connection::Untried,
            live: LiveState::default(),
            queues: QueueState::default(),
            own_letters: OwnLetters::default(),
            airports: Airports::default(),
            messages: VecDeque::new(),
            notice: false,
            inspector: Inspector::default(),
            keymap: settings.keymap,
            theme: settings.theme,
            mouse: settings.mouse,
            size,
            requests: 0,
            demo_users: Vec::new(),
            demo: false,
            sent: Vec::new(),
        };
        for fault in settings.faults {
            state.tell(Tone::Warning, fault);
        }
        state
    }

    /// Today, where the agent sits.
    pub(crate) fn today(&self) -> Date {
        self.now.wall.to_zoned(self.zone.clone()).date()
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|s| s.me.role == Role::Admin)
    }

    /// Whether somebody is logged in and need not do so again first.
    pub(crate) fn is_inside(&self) -> bool {
        self.session.is_some() && !matches!(self.layers.last(), Some(Layer::Login(_)))
    }

    /// Leaves a message and shows it.
    pub(crate) fn tell(&mut self, tone: Tone, text: impl Into<String>) {
        if self.messages.len() == MOST_MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(Message {
            at: self.now.wall,
            tone,
            text: airside_common::text::printable(&text.into()),
        });
        self.notice = true;
    }

    /// When something happens that nobody does, since the console's start: an operation is due, or the entry in hand is
    /// given back.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let taken_until = self.queues.in_hand.as_ref().and_then(|i| i.taken_until);
        let given_back = taken_until.and_then(|until| {
            let left = until.0.duration_since(self.now.wall);
            let left = Duration::try_from(left).ok().filter(|left| !left.is_zero());
            Some(self.now.elapsed.saturating_add(left?))
        });
        self.ledger.next_due().into_iter().chain(given_back).min()
    }

    /// A number for a request.
    pub(crate) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Where keys are pressed now.
    pub(crate) fn contexts(&self) -> Vec<Context> {
        self.contexts_of(self.layers.last())
    }

    /// Where keys are pressed when a layer has the focus.
    pub(crate) fn contexts_of(&self, layer: Option<&Layer>) -> Vec<Context> {
        let mut contexts = layer.map(Layer::contexts).unwrap_or_default();
        if let Some(Layer::Record(record)) = layer
            && let Reference::Known(locator) = self.ledger.resolve(&record.reference)
            && self.queues.in_hand_of(locator).is_some()
        {
            contexts.push(Context::InHand);
        }
        if self.session.is_some() && !matches!(layer, Some(Layer::Login(_))) {
            contexts.push(Context::Inside);
            if self.is_admin() {
                contexts.push(Context::Admin);
            }
        }
        contexts
    }

    /// Whether what is typed goes into a field.
    pub(crate) fn entry(&self) -> Entry {
        self.layers.last().map_or(Entry::Commands, Layer::entry)
    }

    /// Whether what is typed now is not to be shown anywhere.
    pub(crate) fn types_secret(&self) -> bool {
        self.layers
            .last()
            .and_then(Layer::form)
            .and_then(Form::focused)
            .is_some_and(|field| matches!(field.value, Value::Secret(_)))
    }

    /// Lines of a list that are in view.
    pub(crate) fn list_height(&self) -> usize {
        usize::from(self.size.1).saturating_sub(crate::widgets::frame::AROUND_LIST)
    }
}
