//! What every event makes of the state: pure, the only place where the state changes.

mod answers;
mod booking;
mod bookings;
mod dead_letters;
mod flight_change;
mod flights;
mod in_hand;
mod keys;
mod live;
mod login;
mod pointer;
mod queues;
mod rebooking;
mod results;
mod search;
mod seats;
mod sources;
#[cfg(test)]
mod tests;
mod uploads;

use airside_common::booking::OperationKey;
use uuid::Uuid;

use super::action::{Action, Event, Failure, FailureKind};
use super::effect::Effect;
use super::inspector;
use super::layer::Layer;
use super::ledger::LedgerEffect;
use super::paged::{Page, Paged};
use super::state::{Connection, State, Tone};
use crate::keymap::{Command, Context};

/// Changes the state by what happened, and says what is to be done.
pub(crate) fn reduce(state: &mut State, action: Action) -> Vec<Effect> {
    let text = inspector::action_text(&action, state);
    let before = inspector::facts(state);
    let user = state.ledger.account().cloned();
    state.now = action.moment;
    let mut step = Step {
        state,
        effects: Vec::new(),
        seed: action.seed,
    };
    step.event(action.event);
    step.listen();
    step.attend_sources();
    let Step { state, effects, .. } = step;
    let changes = if user.is_some() && user.as_ref() != state.ledger.account() {
        // What one user did and had in view is not for the next.
        state.inspector.forget();
        Vec::new()
    } else {
        inspector::difference(before, inspector::facts(state))
    };
    state
        .inspector
        .record(text, action.moment.elapsed, &effects, changes);
    effects
}

/// One step: the state, and the effects that it asks for so far.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) effects: Vec<Effect>,
    seed: Uuid,
}

/// What becomes of the layer that handled something.
#[derive(Debug)]
pub(crate) enum Flow {
    /// It stays on top.
    Stay,
    /// It closes.
    Close,
    /// It stays, and another opens above it.
    Open(Layer),
    /// It closes, and another opens in its place.
    Replace(Layer),
}

impl Step<'_> {
    fn event(&mut self, event: Event) {
        match event {
            Event::Key(key) => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resize(width, height) => {
                self.state.size = (width, height);
                self.keep_in_view();
            }
            Event::Wake => {
                let effects = self.state.ledger.due(self.state.now);
                self.ledger(effects);
            }
            Event::Opened(opened) => self.opened(*opened),
            Event::Demo(demo) => self.demo(demo),
            Event::LoggedIn(result) => self.logged_in(result),
            Event::LoggedOut { username, result } => self.logged_out(&username, result),
            Event::Airports { query, result } => self.airports(&query, result),
            Event::Itineraries { request, result } => self.itineraries(request, result),
            Event::Seats { flight, result } => self.seat_map(flight, result),
            Event::Bookings { request, result } => self.bookings_read(request, result),
            Event::Fetched { locator, result } => self.fetched(locator, result),
            Event::History { locator, result } => self.history(locator, &result),
            Event::Journalled { key, result } => self.journalled(&key, result),
            Event::Answered { key, answer } => self.answered(&key, answer),
            Event::Flights { request, result } => self.flights_read(request, result),
            Event::Live(live) => self.live(*live),
            Event::FlightCreated(result) => self.flight_created(result),
            Event::Flight {
                request,
                flight,
                result,
            } => self.flight_read(request, flight, result),
            Event::FlightBookings { request, result } => self.flight_bookings_read(request, result),
            Event::FlightPatched {
                request,
                flight,
                result,
            } => self.flight_done(request, flight, result, "changed"),
            Event::FlightCancelled {
                request,
                flight,
                result,
            } => self.flight_done(request, flight, result, "cancelled"),
            Event::Sources { request, result } => self.sources_read(request, result),
            Event::SourceChanged {
                name,
                change,
                result,
            } => self.source_changed(&name, change, result),
            Event::DeadLetters { request, result } => self.letters_read(request, result),
            Event::DeadLetter { id, result } => self.letter_read(&id, result),
            Event::LetterEnded { id, end, result } => self.letter_ended(&id, end, result),
            Event::Uploads { request, result } => self.uploads_read(request, result),
            Event::Upload { request, result } => self.upload_read(request, &result),
            Event::FileSending { sent, total } => self.file_sending(sent, total),
            Event::FileSent(result) => self.file_sent(result),
            Event::UploadCancelled(result) => self.upload_cancelled(result),
            Event::PathCompleted(found) => self.path_completed(found),
            Event::Findings { of, result } => self.findings_read(of, &result),
            Event::Queue(answer) => self.queue_answered(*answer),
            Event::FindingsSaved(result) => self.findings_saved(result),
        }
    }

    /// Takes over what the ledger wants done.
    fn ledger(&mut self, effects: Vec<LedgerEffect>) {
        self.effects.extend(effects.into_iter().map(Effect::from));
        self.keep_in_view();
        self.ask_about_old();
    }

    /// A key for a new operation.
    fn operation_key(&self) -> Option<OperationKey> {
        self.seed.to_string().parse().ok()
    }

    /// What a failure says about the connection and the session; whether it was worth a message is the caller's.
    fn failed(&mut self, failure: &Failure) {
        match failure.kind {
            FailureKind::Offline => {
                self.state.connection = Connection::Offline(failure.words.clone());
            }
            FailureKind::LoggedOut => self.session_ended(),
            FailureKind::Refused | FailureKind::Other => self.reached(),
        }
    }

    /// A call got through.
    fn reached(&mut self) {
        let back = matches!(self.state.connection, Connection::Offline(_));
        self.state.connection = Connection::Online;
        if back {
            let effects = self.state.ledger.hurry(self.state.now);
            self.ledger(effects);
            self.reread_records();
        }
    }

    /// Tells of a failure in the message line.
    fn complain(&mut self, failure: &Failure) {
        self.failed(failure);
        if failure.kind != FailureKind::LoggedOut {
            self.state.tell(Tone::Error, failure.words.clone());
        }
    }

    /// Tells of a failure to do something: whether it `was done` may not be known, and reading it anew shows it.
    fn complain_of(&mut self, failure: &Failure, was_done: &str, contexts: &[Context]) {
        self.failed(failure);
        if failure.kind != FailureKind::LoggedOut {
            let shows = self.reading_shows_it(contexts);
            let words = failure.words_on(was_done, &shows);
            self.state.tell(Tone::Error, words);
        }
    }

    /// `F5 shows it`.
    fn reading_shows_it(&self, contexts: &[Context]) -> String {
        let shows = [(Command::Refresh, "shows it")];
        self.state.keymap.hint(contexts, &shows)
    }

    /// Lists that show the ledger's rows follow them.
    fn keep_in_view(&mut self) {
        let height = self.state.list_height();
        let totals = self.state.queues.totals.len();
        let (ledger, layers) = (&self.state.ledger, &mut self.state.layers);
        for layer in layers {
            match layer {
                Layer::Bookings(bookings) => bookings.follow(ledger, height),
                Layer::Results(results) => results.pages.stay(height),
                Layer::Queues(queues) => queues.list.stay(totals, height),
                Layer::Queue(view) => view.pages.stay(height),
                Layer::Flights(flights) => flights.pages.stay(height),
                Layer::Uploads(uploads) => uploads.pages.stay(height),
                Layer::Sources(sources) => sources.list.stay(sources.items.len(), height),
                Layer::DeadLetters(letters) => letters.stay(height),
                _ => {}
            }
        }
    }

    /// A page came back for a list, or did not; which one it was, if a list awaits it still.
    fn page_read<T, K: PartialEq>(
        &mut self,
        request: u64,
        result: Result<(Vec<T>, Option<String>), Failure>,
        pages_of: impl Fn(&mut Layer) -> Option<&mut Paged<T>>,
        key: impl Fn(&T) -> K,
    ) -> Option<Page> {
        let mut lists = self.state.layers.iter_mut().filter_map(pages_of);
        let awaiting = lists.find_map(|pages| Some((pages.awaited(request)?, pages)));
        let (awaited, pages) = awaiting.unzip();
        match result {
            Ok((items, next_cursor)) => {
                if let Some(pages) = pages {
                    pages.read(items, next_cursor, key);
                }
                self.reached();
            }
            // Also where nobody awaits it any more, a failure is one of the connection or of the session.
            Err(failure) => {
                if let Some(pages) = pages {
                    pages.failed(&failure.words);
                }
                self.failed(&failure);
            }
        }
        self.keep_in_view();
        awaited
    }

    /// Brings a layer to the top, made anew where there is none of its kind.
    fn surface(&mut self, layer: Layer) {
        let same = |other: &Layer| std::mem::discriminant(other) == std::mem::discriminant(&layer);
        // Popups belong to what is below them.
        while self.state.layers.last().is_some_and(Layer::is_popup) {
            self.state.layers.pop();
        }
        let found = lift(&mut self.state.layers, same);
        self.state.layers.push(found.unwrap_or(layer));
    }

    /// Works on every layer, with the rest of the step at hand; what opens meanwhile stands above them.
    fn each_layer(&mut self, mut work: impl FnMut(&mut Self, &mut Layer)) {
        let mut layers = std::mem::take(&mut self.state.layers);
        for layer in &mut layers {
            work(self, layer);
        }
        layers.append(&mut self.state.layers);
        self.state.layers = layers;
    }
}

/// Takes a layer out; the popups and the help above it are about it, and close.
fn lift(layers: &mut Vec<Layer>, which: impl Fn(&Layer) -> bool) -> Option<Layer> {
    let at = layers.iter().position(which)?;
    let about = |layer: &&Layer| layer.is_popup() || matches!(layer, Layer::Help(_));
    let above = layers[at + 1..].iter().take_while(about).count();
    layers.drain(at..=at + above).next()
}
