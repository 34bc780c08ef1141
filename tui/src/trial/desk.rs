//! An agent at a desk: keys and answers go into the reducer, and what it makes of them can be looked at.

use std::time::Duration;

use airside_common::api::bookings::{Booking, BookingPage};
use airside_common::api::flights::FlightPage;
use airside_common::api::problem::Problem;
use airside_common::api::queues::{QueueItem, TakenItem};
use airside_common::api::search::{Itinerary, ItineraryPage};
use airside_common::booking::OperationKey;
use airside_common::time::Instant;
use airside_common::user::Role;
use crossterm::event::KeyEvent;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use uuid::Uuid;

use super::keys::keys;
use super::specimens::{airports, noon, opened, queue_totals, session, settings};
use crate::settings::Settings;
use crate::store::action::{Action, Event, Failure};
use crate::store::effect::Effect;
use crate::store::form::Form;
use crate::store::journal::JournalRecord;
use crate::store::layer::Layer;
use crate::store::ledger::LedgerEffect;
use crate::store::ledger::answer::{Answer, Setback, SetbackKind};
use crate::store::moment::Moment;
use crate::store::operation::Operation;
use crate::store::queues::QueueAnswer;
use crate::store::reducer::reduce;
use crate::store::state::{State, Tone};
use crate::views;

/// The desk. A second passes with every event.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) state: State,
    steps: u32,
}

impl Desk {
    /// A console that has just started.
    pub(crate) fn starting() -> Self {
        Self::with(settings())
    }

    /// The same with other settings.
    pub(crate) fn with(settings: Settings) -> Self {
        let now = moment(0);
        Self {
            state: State::new(now, TimeZone::UTC, settings, (80, 24)),
            steps: 0,
        }
    }

    /// The agent `demo`, logged in, at the search.
    pub(crate) fn agent() -> Self {
        Self::logged_in(Self::starting(), "demo", Role::Agent)
    }

    /// The admin `root`, logged in, at the search.
    pub(crate) fn admin() -> Self {
        Self::logged_in(Self::starting(), "root", Role::Admin)
    }

    /// Somebody whose session was kept.
    pub(crate) fn logged_in(mut self, name: &str, role: Role) -> Self {
        self.happens(Event::Opened(Box::new(opened(Some(session(name, role))))));
        self.happens(Event::Airports {
            query: String::new(),
            result: Ok(airports()),
        });
        self
    }

    /// Something happens.
    pub(crate) fn happens(&mut self, event: Event) -> Vec<Effect> {
        self.steps += 1;
        self.happens_at(self.steps, event)
    }

    /// Several things happen at one moment.
    pub(crate) fn happens_at_once(&mut self, events: Vec<Event>) -> Vec<Effect> {
        self.steps += 1;
        let events = events.into_iter();
        let effects = events.map(|event| self.happens_at(self.steps, event));
        effects.collect::<Vec<_>>().concat()
    }

    fn happens_at(&mut self, second: u32, event: Event) -> Vec<Effect> {
        let action = Action {
            moment: moment(second),
            seed: Uuid::from_u128(u128::from(self.steps) << 64),
            event,
        };
        reduce(&mut self.state, action)
    }

    /// Time goes by, and the ledger's alarm rings.
    pub(crate) fn waits(&mut self, seconds: u32) -> Vec<Effect> {
        self.steps += seconds;
        self.happens(Event::Wake)
    }

    /// Keys are pressed; the effects of all of them.
    pub(crate) fn types(&mut self, text: &str) -> Vec<Effect> {
        keys(text)
            .into_iter()
            .flat_map(|key| self.presses(key))
            .collect()
    }

    pub(crate) fn presses(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.happens(Event::Key(key))
    }

    /// The layer on top.
    pub(crate) fn top(&self) -> &Layer {
        self.state.layers.last().expect("there is always a layer")
    }

    /// The names of all layers.
    pub(crate) fn layers(&self) -> Vec<&'static str> {
        self.state.layers.iter().map(Layer::name).collect()
    }

    /// The form on top.
    pub(crate) fn form(&self) -> &Form {
        self.top().form().expect("the screen has a form")
    }

    /// What a field of the form on top holds.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.form().content(name)
    }

    /// The error at a field of the form on top.
    pub(crate) fn error(&self, name: &str) -> Option<&str> {
        self.form().field(name)?.error.as_deref()
    }

    /// The name of the field in focus.
    pub(crate) fn focus(&self) -> &str {
        self.form().focused().map_or("", |field| &field.name)
    }

    /// The last message, while it stands in its line.
    pub(crate) fn message(&self) -> Option<(Tone, &str)> {
        let message = self.state.messages.back().filter(|_| self.state.notice)?;
        Some((message.tone, message.text.as_str()))
    }

    /// The last search or day is answered.
    pub(crate) fn finds(&mut self, items: Vec<Itinerary>, next: Option<&str>) -> Vec<Effect> {
        self.happens(Event::Itineraries {
            request: self.state.requests,
            result: Ok(page_of(items, next)),
        })
    }

    /// The last search fails.
    pub(crate) fn finds_nothing(&mut self, failure: Failure) -> Vec<Effect> {
        self.happens(Event::Itineraries {
            request: self.state.requests,
            result: Err(failure),
        })
    }

    /// The last list of bookings is answered.
    pub(crate) fn reads(&mut self, items: Vec<Booking>) -> Vec<Effect> {
        self.happens(Event::Bookings {
            request: self.state.requests,
            result: Ok(BookingPage {
                items,
                next_cursor: None,
            }),
        })
    }

    /// The last list of flights is answered.
    pub(crate) fn reads_flights(
        &mut self,
        items: Vec<airside_common::api::flights::Flight>,
    ) -> Vec<Effect> {
        self.happens(Event::Flights {
            request: self.state.requests,
            result: Ok(FlightPage {
                items,
                next_cursor: None,
            }),
        })
    }

    /// The queues answer.
    pub(crate) fn queues(&mut self, answer: QueueAnswer) -> Vec<Effect> {
        self.happens(Event::Queue(Box::new(answer)))
    }

    /// So many entries wait on the queue of schedule changes.
    pub(crate) fn waits_on_queues(&mut self, waiting: u64) -> Vec<Effect> {
        self.queues(QueueAnswer::Totals {
            request: self.state.requests,
            result: Ok(queue_totals(waiting)),
        })
    }

    /// The number of the request that concerns the entry in hand.
    pub(crate) fn asked_of_queues(&self) -> u64 {
        let asked = self.state.queues.asked;
        asked.expect("something is asked of the queues").request
    }

    /// The next entry of the queue of schedule changes is given to the agent, who has asked for it.
    pub(crate) fn is_given(&mut self, item: QueueItem, booking: Booking) -> Vec<Effect> {
        let taken = TakenItem { item, booking };
        self.queues(QueueAnswer::Taken {
            request: self.asked_of_queues(),
            queue: 7,
            result: Ok(Some(Box::new(taken))),
        })
    }

    /// A search from JFK to LAX tomorrow that has found this.
    pub(crate) fn searched(mut self, items: Vec<Itinerary>) -> Self {
        self.types("<f2>");
        if let Some(form) = self.state.layers.last_mut().and_then(Layer::form_mut) {
            form.set("origin", "JFK");
            form.set("destination", "LAX");
        }
        self.types("<enter>");
        self.finds(items, None);
        self
    }

    /// A form for John Smith on the first itinerary, filled in and not sent.
    pub(crate) fn filled_in(items: Vec<Itinerary>) -> Self {
        let mut desk = Self::agent().searched(items);
        desk.types("<enter><backtab>mr<tab>john<tab>smith<tab><tab><tab>j@example.com");
        desk
    }

    /// John Smith's booking is sent; its operation, as it goes to the server once it is journalled.
    pub(crate) fn books(&mut self) -> Operation {
        let effects = self.types("<enter>");
        let key = submitted(&effects).expect("something was asked for");
        let effects = self.happens(Event::Journalled {
            key,
            result: Ok(()),
        });
        sent(&effects).expect("it is sent once it is written")
    }

    /// The answer to an operation.
    pub(crate) fn answered(&mut self, key: &OperationKey, answer: Answer) -> Vec<Effect> {
        self.happens(Event::Answered {
            key: key.clone(),
            answer,
        })
    }

    pub(crate) fn confirmed(&mut self, key: &OperationKey, booking: Booking) -> Vec<Effect> {
        self.answered(key, Answer::Done(Box::new(booking)))
    }

    pub(crate) fn refused(&mut self, key: &OperationKey, problem: Problem) -> Vec<Effect> {
        self.answered(key, Answer::Refused(problem))
    }

    pub(crate) fn unanswered(&mut self, key: &OperationKey, kind: SetbackKind) -> Vec<Effect> {
        self.answered(
            key,
            Answer::Kept(Setback {
                kind,
                words: "the connection broke".to_owned(),
                retry_after: None,
            }),
        )
    }

    /// The screen.
    pub(crate) fn buffer(&self, width: u16, height: u16) -> Buffer {
        draw(&self.state, width, height)
    }

    /// The screen as text, a line a row, without blanks at the ends.
    pub(crate) fn screen(&self, width: u16, height: u16) -> String {
        text_of(&self.buffer(width, height))
    }
}

/// A moment so many seconds after the start.
pub(crate) fn moment(second: u32) -> Moment {
    Moment {
        elapsed: Duration::from_secs(second.into()),
        wall: noon() + jiff::SignedDuration::from_secs(second.into()),
    }
}

/// A page of a search.
pub(crate) fn page_of(items: Vec<Itinerary>, next: Option<&str>) -> ItineraryPage {
    ItineraryPage {
        items,
        next_cursor: next.map(str::to_owned),
        availability_as_of: Instant(noon()),
    }
}

/// The key of the operation that was written down.
pub(crate) fn submitted(effects: &[Effect]) -> Option<OperationKey> {
    effects.iter().find_map(|effect| match effect {
        Effect::Ledger(effect) => match effect.as_ref() {
            LedgerEffect::Append(JournalRecord::Submitted { operation }) => {
                Some(operation.key.clone())
            }
            _ => None,
        },
        _ => None,
    })
}

/// The operation that is sent.
pub(crate) fn sent(effects: &[Effect]) -> Option<Operation> {
    effects.iter().find_map(|effect| match effect {
        Effect::Ledger(effect) => match effect.as_ref() {
            LedgerEffect::Send(operation) => Some(operation.as_ref().clone()),
            _ => None,
        },
        _ => None,
    })
}

/// Draws a state.
pub(crate) fn draw(state: &State, width: u16, height: u16) -> Buffer {
    let mut state = state.clone();
    state.size = (width, height);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| views::draw(&state, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// A buffer as text, a line a row, without blanks at the ends.
pub(crate) fn text_of(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content.chunks(width) {
        let mut line = String::new();
        let mut covered = 0;
        for cell in row {
            // The second column of a wide character holds nothing of its own.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            covered = unicode_width::UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
