//! A flight's change and its end, for admins: asked for, shown with the bookings that it touches, done, told.

use airside_common::api::bookings::BookingPage;
use airside_common::api::flights::{Flight, PatchFlight};
use airside_common::api::problem::Code;
use airside_common::flight::{FlightId, FlightStatus};

use super::keys::moves;
use super::{Flow, Step};
use crate::keymap::{Command, Context};
use crate::store::action::{Failure, FailureKind};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::list::ListCursor;
use crate::store::screen::Loading;
use crate::store::screen::flight_change::{
    FlightBooking, FlightChange, FlightEdit, FlightPlan, Progress, several,
};
use crate::store::screen::flights::name_of;
use crate::store::state::Tone;
use crate::views;

/// Pages of bookings that are read of one flight at most: 100 bookings each, those included that gave it up.
const MOST_PAGES: usize = 50;

impl Step<'_> {
    pub(super) fn edit_flight(&mut self, flight: Flight) -> Flow {
        if self.is_over(&flight) {
            return Flow::Stay;
        }
        Flow::Open(Layer::FlightEdit(Box::new(FlightEdit::new(flight))))
    }

    pub(super) fn ask_to_cancel_flight(&mut self, flight: Flight) -> Flow {
        if self.is_over(&flight) {
            return Flow::Stay;
        }
        self.open_flight_change(flight, FlightPlan::Cancel)
    }

    /// Whether it is cancelled, which is told.
    fn is_over(&mut self, flight: &Flight) -> bool {
        let over = flight.status == FlightStatus::Cancelled;
        if over {
            self.state.tell(Tone::Info, "It is cancelled already");
        }
        over
    }

    pub(super) fn flight_edit(&mut self, edit: &mut FlightEdit, command: Command) -> Flow {
        match command {
            Command::Back => Flow::Close,
            Command::Accept => {
                edit.reason = None;
                match edit.patch() {
                    None => Flow::Stay,
                    Some(patch) if patch == PatchFlight::default() => {
                        self.state.tell(Tone::Info, "Nothing is changed yet");
                        Flow::Stay
                    }
                    Some(patch) => {
                        let plan = FlightPlan::Change(Box::new(patch));
                        self.open_flight_change(edit.flight.clone(), plan)
                    }
                }
            }
            _ => Flow::Stay,
        }
    }

    fn open_flight_change(&mut self, flight: Flight, plan: FlightPlan) -> Flow {
        let mut change = FlightChange::new(flight, plan);
        self.ask_flight_bookings(&mut change, None);
        Flow::Open(Layer::FlightChange(Box::new(change)))
    }

    fn ask_flight_bookings(&mut self, change: &mut FlightChange, cursor: Option<String>) {
        if cursor.is_none() {
            change.bookings.clear();
            change.list = ListCursor::default();
        }
        let request = self.state.next_request();
        change.bookings.loading = Loading::Awaited(request);
        self.effects.push(Effect::FlightBookings {
            request,
            flight: change.flight.id,
            cursor,
        });
    }

    pub(super) fn flight_change(&mut self, change: &mut FlightChange, command: Command) -> Flow {
        let height = views::flight_change_height(self.state, change);
        let length = change.bookings.items.len();
        if moves(&mut change.list, command, length, height) {
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh if matches!(change.progress, Progress::Sending(_)) => {}
            Command::Refresh => {
                let (request, flight) = (self.state.next_request(), change.flight.id);
                change.progress = Progress::Reading(request);
                self.effects.push(Effect::Flight { request, flight });
            }
            Command::Confirm if change.progress != Progress::Open => {}
            Command::Confirm if change.bookings.loading != Loading::No => {
                let words = "The bookings that it touches are not all here yet";
                self.state.tell(Tone::Info, words);
            }
            Command::Confirm => {
                let request = self.state.next_request();
                change.progress = Progress::Sending(request);
                let (flight, version) = (change.flight.id, change.flight.version);
                self.effects.push(match &change.plan {
                    FlightPlan::Cancel => Effect::CancelFlight {
                        request,
                        flight,
                        version,
                    },
                    FlightPlan::Change(patch) => Effect::PatchFlight {
                        request,
                        flight,
                        version,
                        patch: patch.clone(),
                    },
                });
            }
            Command::Accept => {
                let does = [
                    (Command::Confirm, "does it"),
                    (Command::Back, "leaves the flight as it is"),
                ];
                let contexts = [Context::FlightChange, Context::List];
                let words = self.state.keymap.hint(&contexts, &does);
                self.state.tell(Tone::Info, words);
            }
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn flight_bookings_read(
        &mut self,
        request: u64,
        result: Result<BookingPage, Failure>,
    ) {
        let Some((at, mut change)) = self.take_flight_change(|c| c.bookings.loading.is(request))
        else {
            return;
        };
        let bookings = &mut change.bookings;
        bookings.loading = Loading::No;
        let mut failed = None;
        match result {
            Ok(page) => {
                let flight = change.flight.id;
                let living = page
                    .items
                    .iter()
                    .filter_map(|b| FlightBooking::of(b, flight));
                bookings.items.extend(living);
                bookings.pages += 1;
                bookings.is_whole = page.next_cursor.is_none();
                if page.next_cursor.is_some() && bookings.pages < MOST_PAGES {
                    self.ask_flight_bookings(&mut change, page.next_cursor);
                }
            }
            Err(failure) => {
                bookings.error = Some(failure.words.clone());
                failed = Some(failure);
            }
        }
        self.state.layers.insert(at, Layer::FlightChange(change));
        match failed {
            None => self.reached(),
            Some(failure) => self.failed(&failure),
        }
    }

    /// The answer to a yes. What was asked about since then, also of the same flight, is left alone.
    pub(super) fn flight_done(
        &mut self,
        request: u64,
        flight: FlightId,
        result: Result<Box<Flight>, Failure>,
        done: &'static str,
    ) {
        let taken = self.take_flight_change(|c| c.progress == Progress::Sending(request));
        match result {
            Ok(now) => {
                let told = taken.as_ref().map_or_else(String::new, |(_, c)| told(c));
                if let Some((at, change)) = taken {
                    self.close_edit_of(at, &change);
                }
                self.put_flight(&now);
                self.reached();
                let name = name_of(&now);
                self.state.tell(Tone::Good, format!("{name} {done}{told}"));
            }
            Err(failure) if failure.is(Code::StaleVersion) => {
                let request = self.state.next_request();
                if let Some((at, mut change)) = taken {
                    change.notice = Some("It was changed meanwhile …".to_owned());
                    change.progress = Progress::Reading(request);
                    self.state.layers.insert(at, Layer::FlightChange(change));
                } else {
                    let words = format!("Not {done}: it was changed meanwhile");
                    self.state.tell(Tone::Warning, words);
                }
                self.reached();
                self.effects.push(Effect::Flight { request, flight });
            }
            Err(failure) => {
                let words = if failure.is_unclear() {
                    let name = match &taken {
                        Some((_, change)) => name_of(&change.flight),
                        None => "the flight".to_owned(),
                    };
                    let shows = self.reading_shows_it(&[Context::FlightChange, Context::List]);
                    failure.words_on(&format!("{name} was {done}"), &shows)
                } else {
                    format!("Not {done}: {}", failure.words)
                };
                if let Some((at, change)) = taken {
                    self.not_done(at, change, &failure, &words);
                }
                self.failed(&failure);
                if failure.kind != FailureKind::LoggedOut {
                    self.state.tell(Tone::Error, words);
                }
            }
        }
    }

    /// What is wrong with the entry is told at its fields; all else where it was asked.
    fn not_done(
        &mut self,
        at: usize,
        mut change: Box<FlightChange>,
        failure: &Failure,
        words: &str,
    ) {
        let problem = failure.problem.as_ref();
        let errors = problem.map_or(&[][..], |problem| problem.errors.as_slice());
        if !errors.is_empty()
            && let Some(edit) = self.edit_of(at, &change)
        {
            edit.reason = Some(failure.words.clone());
            edit.blame(errors);
            return;
        }
        change.progress = Progress::Open;
        change.notice = Some(words.to_owned());
        self.state.layers.insert(at, Layer::FlightChange(change));
    }

    /// As it is now: the question is asked again.
    pub(super) fn flight_read(
        &mut self,
        request: u64,
        flight: FlightId,
        result: Result<Box<Flight>, Failure>,
    ) {
        let taken = self.take_flight_change(|c| c.progress == Progress::Reading(request));
        match result {
            Ok(now) => {
                self.put_flight(&now);
                for layer in &mut self.state.layers {
                    if let Layer::FlightEdit(edit) = layer
                        && edit.flight.id == flight
                    {
                        edit.rebase(Flight::clone(&now));
                    }
                }
                if let Some((at, mut change)) = taken {
                    change.progress = Progress::Open;
                    self.ask_about_change_again(at, change, *now);
                }
                self.reached();
            }
            Err(failure) => {
                if let Some((at, mut change)) = taken {
                    change.progress = Progress::Open;
                    let why = &failure.words;
                    change.notice = Some(format!("What it is now is not known: {why}"));
                    self.state.layers.insert(at, Layer::FlightChange(change));
                }
                self.complain(&failure);
            }
        }
    }

    /// Asks anew about a flight, as it is now, where there is still something to be done. Of what was asked for only what
    /// was entered here is asked for again: the rest stays as somebody else has made it.
    fn ask_about_change_again(&mut self, at: usize, mut change: Box<FlightChange>, now: Flight) {
        if matches!(change.plan, FlightPlan::Change(_)) {
            let Some(patch) = self.edit_of(at, &change).and_then(FlightEdit::patch) else {
                let words = "It was changed meanwhile: look at what is entered";
                self.state.tell(Tone::Warning, words);
                return;
            };
            change.plan = FlightPlan::Change(Box::new(patch));
        }
        let is_changed = change.flight.version != now.version;
        change.flight = now;
        let name = name_of(&change.flight);
        let done = if change.flight.status == FlightStatus::Cancelled {
            Some("is cancelled already")
        } else if change.plan != FlightPlan::Cancel && change.differences().is_empty() {
            Some("is so already: it was changed meanwhile")
        } else {
            None
        };
        if let Some(words) = done {
            self.close_edit_of(at, &change);
            self.state.tell(Tone::Warning, format!("{name} {words}"));
            return;
        }
        change.notice = Some(if is_changed {
            "It was changed meanwhile: this is what it is now".to_owned()
        } else {
            "It is as it was".to_owned()
        });
        self.ask_flight_bookings(&mut change, None);
        self.state.layers.insert(at, Layer::FlightChange(change));
    }

    /// The entry that a question was asked from, which stands below the question's place.
    fn edit_of(&mut self, at: usize, change: &FlightChange) -> Option<&mut FlightEdit> {
        if change.plan == FlightPlan::Cancel {
            return None;
        }
        match self.state.layers.get_mut(at.checked_sub(1)?)? {
            Layer::FlightEdit(edit) if edit.flight.id == change.flight.id => Some(edit),
            _ => None,
        }
    }

    fn close_edit_of(&mut self, at: usize, change: &FlightChange) {
        if self.edit_of(at, change).is_some() {
            self.state.layers.remove(at - 1);
        }
    }

    /// Takes the question out that an answer belongs to.
    fn take_flight_change(
        &mut self,
        is_meant: impl Fn(&FlightChange) -> bool,
    ) -> Option<(usize, Box<FlightChange>)> {
        let layers = &mut self.state.layers;
        let meant = |layer: &Layer| matches!(layer, Layer::FlightChange(c) if is_meant(c));
        let at = layers.iter().position(meant)?;
        match layers.remove(at) {
            Layer::FlightChange(change) => Some((at, change)),
            _ => None,
        }
    }
}

/// Who hears of what was done.
fn told(change: &FlightChange) -> String {
    if !change.is_told() {
        return ": its times stay, and nobody is told".to_owned();
    }
    let bookings = &change.bookings;
    match (bookings.items.len(), bookings.is_whole) {
        (0, true) => ": nobody was booked on it".to_owned(),
        (count, true) => format!(": {} will be told", several(count, "booking")),
        (0, false) => ": its bookings will be told".to_owned(),
        (count, false) => format!(": {count} bookings and more will be told"),
    }
}
