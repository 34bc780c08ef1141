//! A record of what happened: every action with its effects and the difference that it made.

use std::collections::VecDeque;
use std::time::Duration;

use airside_common::api::queues::TakenItem;
use crossterm::event::{KeyCode, KeyModifiers};

use super::action::{Action, Event, Live, News};
use super::effect::Effect;
use super::journal::JournalRecord;
use super::layer::Layer;
use super::ledger::LedgerEffect;
use super::queues::QueueAnswer;
use super::state::State;

/// How many actions are kept.
pub(crate) const MOST: usize = 500;

/// All that is told of an operation that nobody who is logged in waits for.
const UNAWAITED: &str = "another user's, or ended before";

/// One action and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Counted from the start.
    pub(crate) number: u64,
    pub(crate) elapsed: Duration,
    pub(crate) action: String,
    pub(crate) effects: Vec<String>,
    pub(crate) changes: Vec<Change>,
}

/// One fact of the state before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) what: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// The last actions, the oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inspector {
    entries: VecDeque<Entry>,
    count: u64,
}

impl Inspector {
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> + DoubleEndedIterator {
        self.entries.iter()
    }

    /// Drops all that is kept.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn record(
        &mut self,
        action: String,
        elapsed: Duration,
        effects: &[Effect],
        changes: Vec<Change>,
    ) {
        self.count += 1;
        if self.entries.len() == MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            number: self.count,
            elapsed,
            action,
            effects: effects.iter().map(effect_text).collect(),
            changes,
        });
    }
}

/// An action in one line. What is typed into a field that is not shown is not told here either.
pub(crate) fn action_text(action: &Action, state: &State) -> String {
    let secret = state.types_secret();
    match &action.event {
        Event::Key(key) => match key.code {
            // Shift is held for many characters; with Ctrl or Alt it is a command.
            KeyCode::Char(_)
                if secret
                    && !key
                        .modifiers
                        .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
            {
                "Key(•)".to_owned()
            }
            _ => format!("Key({})", crate::keymap::key_text((*key).into())),
        },
        Event::Paste(_) if secret => "Paste(•)".to_owned(),
        Event::Paste(text) => format!("Paste({} characters)", text.chars().count()),
        Event::Mouse(mouse) => format!("Mouse({:?} {},{})", mouse.kind, mouse.column, mouse.row),
        Event::Resize(width, height) => format!("Resize({width}x{height})"),
        Event::Wake => "Wake".to_owned(),
        Event::Opened(opened) => format!(
            "Opened({} operations, {} drafts)",
            opened.saved.operations.len(),
            opened.saved.drafts.len()
        ),
        Event::Demo(demo) => format!("Demo({demo:?})"),
        Event::LoggedIn(result) => format!(
            "LoggedIn({})",
            told(result, |session| session.me.username.to_string())
        ),
        Event::LoggedOut { username, result } => format!(
            "LoggedOut({username}, {})",
            told(result, |()| "done".to_owned())
        ),
        Event::Airports { query, result } => {
            format!(
                "Airports({query:?}, {})",
                told(result, |list| list.len().to_string())
            )
        }
        Event::Itineraries { request, result } => format!(
            "Itineraries(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::Seats { flight, result } => format!(
            "Seats({flight}, {})",
            told(result, |map| format!("{} rows", map.rows.len()))
        ),
        Event::Bookings { request, result } => format!(
            "Bookings(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::Fetched { locator, result } => format!(
            "Fetched({locator}, {})",
            told(result, |booking| format!("version {}", booking.version))
        ),
        Event::History { locator, result } => {
            format!(
                "History({locator}, {})",
                told(result, |list| list.len().to_string())
            )
        }
        Event::Journalled { key, .. } if !state.ledger.is_own(key) => {
            format!("Journalled({UNAWAITED})")
        }
        Event::Journalled { key, result } => format!(
            "Journalled({key}, {})",
            result.as_ref().err().map_or("written", String::as_str)
        ),
        Event::Answered { key, .. } if !state.ledger.is_own(key) => {
            format!("Answered({UNAWAITED})")
        }
        Event::Answered { key, answer } => {
            use super::ledger::answer::Answer;
            let told = match answer {
                Answer::Done(booking) => format!("done {} v{}", booking.locator, booking.version),
                Answer::Refused(problem) => format!("refused {}", problem.code),
                Answer::Kept(setback) => format!("kept, {:?}: {}", setback.kind, setback.words),
            };
            format!("Answered({key}, {told})")
        }
        Event::Flights { request, result } => format!(
            "Flights(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::Live(live) => match live.as_ref() {
            Live::Connected => "Live(connected)".to_owned(),
            Live::Lost(failure) => format!("Live(lost: {})", failure.words),
            Live::News(News::Reset) => "Live(reset)".to_owned(),
            Live::News(News::Booking(changed)) => format!(
                "Live({} {} v{})",
                changed.kind, changed.locator, changed.version
            ),
            Live::News(News::Queue(changed)) => {
                format!("Live({} {})", changed.kind, changed.queue)
            }
            Live::News(News::Upload(changed)) => {
                format!("Live({} {})", changed.kind, changed.upload_id)
            }
            Live::News(News::Seats(seats)) => {
                format!("Live({} {})", seats.kind, seats.flight_id)
            }
        },
        Event::FlightCreated(result) => {
            format!("FlightCreated({})", told(result, |f| f.id.to_string()))
        }
        Event::Flight {
            request,
            flight,
            result,
        } => format!(
            "Flight(#{request} {flight}, {})",
            told(result, |f| format!("version {}", f.version))
        ),
        Event::FlightBookings { request, result } => format!(
            "FlightBookings(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::FlightPatched {
            request,
            flight,
            result,
        } => format!(
            "FlightPatched(#{request} {flight}, {})",
            told(result, |f| format!("version {}", f.version))
        ),
        Event::FlightCancelled {
            request,
            flight,
            result,
        } => format!(
            "FlightCancelled(#{request} {flight}, {})",
            told(result, |f| format!("version {}", f.version))
        ),
        Event::Sources { request, result } => format!(
            "Sources(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::SourceChanged {
            name,
            change,
            result,
        } => format!(
            "SourceChanged({name} {change}, {})",
            told(result, |source| source.state.word().to_owned())
        ),
        Event::DeadLetters { request, result } => format!(
            "DeadLetters(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::DeadLetter { id, result } => format!(
            "DeadLetter({id}, {})",
            told(result, |detail| detail.letter.consumer.clone())
        ),
        Event::LetterEnded { id, end, result } => format!(
            "LetterEnded({id} {end:?}, {})",
            told(result, |()| "done".to_owned())
        ),
        Event::Uploads { request, result } => format!(
            "Uploads(#{request}, {})",
            told(result, |page| page.items.len().to_string())
        ),
        Event::Upload { request, result } => format!(
            "Upload(#{request}, {})",
            told(result, |upload| format!(
                "{} {}",
                upload.status, upload.rows_done
            ))
        ),
        Event::FileSending { sent, total } => format!("FileSending({sent} of {total})"),
        Event::FileSent(result) => format!("FileSent({})", told(result, |u| u.id.to_string())),
        Event::UploadCancelled(result) => {
            format!("UploadCancelled({})", told(result, |u| u.id.to_string()))
        }
        Event::PathCompleted(found) => format!("PathCompleted({} fit)", found.choices.len()),
        Event::Findings {
            of: (id, kind),
            result,
        } => format!(
            "Findings({id} {}, {})",
            kind.word(),
            told(result, |lines| lines.len().to_string())
        ),
        Event::Queue(answer) => format!("Queue({})", queue_text(answer)),
        Event::FindingsSaved(result) => format!("FindingsSaved({})", told(result, String::clone)),
    }
}

fn queue_text(answer: &QueueAnswer) -> String {
    match answer {
        QueueAnswer::Totals { request, result } => format!(
            "totals #{request}, {}",
            told(result, |totals| totals.items.len().to_string())
        ),
        QueueAnswer::Items { request, result } => format!(
            "items #{request}, {}",
            told(result, |page| page.items.len().to_string())
        ),
        QueueAnswer::Taken {
            request,
            queue,
            result,
        } => {
            let taken = |taken: &Option<Box<TakenItem>>| {
                let locator = taken.as_ref().map(|taken| taken.item.locator.to_string());
                locator.unwrap_or_else(|| "nothing".to_owned())
            };
            format!("taken of {queue} #{request}, {}", told(result, taken))
        }
        QueueAnswer::Finished {
            request,
            id,
            result,
        } => {
            format!(
                "done {id} #{request}, {}",
                told(result, |i| i.locator.to_string())
            )
        }
        QueueAnswer::Delayed {
            request,
            id,
            result,
        } => {
            format!(
                "put off {id} #{request}, {}",
                told(result, |i| i.due_at.to_string())
            )
        }
        QueueAnswer::Placed {
            request,
            locator,
            result,
        } => {
            format!(
                "placed {locator} #{request}, {}",
                told(result, |i| i.id.to_string())
            )
        }
    }
}

fn told<T>(result: &Result<T, super::action::Failure>, words: impl FnOnce(&T) -> String) -> String {
    match result {
        Ok(value) => words(value),
        Err(failure) => format!("failed: {}", failure.words),
    }
}

fn effect_text(effect: &Effect) -> String {
    match effect {
        Effect::LogIn {
            server, username, ..
        } => format!("LogIn({username} at {server})"),
        Effect::Itineraries { request, query } => format!(
            "Itineraries(#{request} {}-{} {}{})",
            query.origin,
            query.destination,
            query.date,
            if query.cursor.is_some() {
                ", next page"
            } else {
                ""
            }
        ),
        Effect::Ledger(effect) => match effect.as_ref() {
            LedgerEffect::Append(record) => format!("Append({})", record_text(record)),
            LedgerEffect::Send(operation) => format!("Send({})", operation.key),
            LedgerEffect::Fetch(locator) => format!("Fetch({locator})"),
        },
        Effect::Listen { flights } => format!("Listen({} flights)", flights.len()),
        Effect::CreateFlight(body) => format!("CreateFlight({}{})", body.carrier, body.number),
        other => format!("{other:?}"),
    }
}

/// A record of the journal in a word. What has ended may be another user's, and is not named.
fn record_text(record: &JournalRecord) -> &str {
    match record {
        JournalRecord::Submitted { operation } => operation.key.as_str(),
        JournalRecord::Confirmed { .. } => "confirmed",
        JournalRecord::Drafted { .. } => "drafted",
        JournalRecord::Dropped { .. } => "dropped",
    }
}

/// What of the state is watched for differences.
pub(crate) fn facts(state: &State) -> Vec<(String, String)> {
    let mut facts = vec![
        (
            "layers".to_owned(),
            state
                .layers
                .iter()
                .map(Layer::name)
                .collect::<Vec<_>>()
                .join(" > "),
        ),
        (
            "user".to_owned(),
            state
                .session
                .as_ref()
                .map_or_else(String::new, |s| s.me.username.to_string()),
        ),
        ("connection".to_owned(), format!("{:?}", state.connection)),
        ("live".to_owned(), format!("{:?}", state.live.hearing)),
        ("messages".to_owned(), state.messages.len().to_string()),
        ("size".to_owned(), format!("{:?}", state.size)),
        (
            "look".to_owned(),
            format!("{} mouse {:?}", state.theme.name(), state.mouse),
        ),
    ];
    facts.extend(state.ledger.operations().map(|operation| {
        (
            format!("operation {}", operation.key),
            format!("{:?}", operation.state),
        )
    }));
    facts.push(("queues".to_owned(), state.queues.waiting().to_string()));
    facts.push((
        "in hand".to_owned(),
        state
            .queues
            .in_hand
            .as_ref()
            .map_or_else(String::new, |item| item.locator.to_string()),
    ));
    facts.push((
        "drafts".to_owned(),
        state.ledger.drafts().count().to_string(),
    ));
    facts.push(("bookings".to_owned(), state.ledger.rows().len().to_string()));
    if let Some(layer) = state.layers.last() {
        layer.facts(&mut facts);
    }
    facts
}

/// What differs.
pub(crate) fn difference(
    before: Vec<(String, String)>,
    after: Vec<(String, String)>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut after = after;
    for (what, before) in before {
        let now = after
            .iter()
            .position(|(name, _)| *name == what)
            .map(|at| after.remove(at).1);
        if now.as_ref() != Some(&before) {
            changes.push(Change {
                what,
                before,
                after: now.unwrap_or_else(|| "—".to_owned()),
            });
        }
    }
    changes.extend(after.into_iter().map(|(what, after)| Change {
        what,
        before: "—".to_owned(),
        after,
    }));
    changes
}
