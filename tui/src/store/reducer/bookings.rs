//! The list of bookings and a single one.

use airside_common::api::bookings::{BookingPage, HistoryEntry};
use airside_common::booking::{BookingStatus, OperationKey};
use airside_common::locator::Locator;

use super::keys::moves;
use super::rebooking::in_words;
use super::{Flow, Step};
use crate::effects::http::calls::BookingFilter;
use crate::keymap::Command;
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::form::{Field, Form};
use crate::store::layer::Layer;
use crate::store::ledger::{Intent, LedgerEffect, SubmitError};
use crate::store::operation::Reference;
use crate::store::rebooking::flights_of;
use crate::store::screen::Loading;
use crate::store::screen::booking::BookingForm;
use crate::store::screen::bookings::{Bookings, Chosen, Fetched, History, Line, Record};
use crate::store::screen::question::{Question, Then};
use crate::store::state::Tone;

/// How many bookings are read at once.
const PAGE: u8 = 50;

impl Step<'_> {
    pub(super) fn bookings(&mut self, bookings: &mut Bookings, command: Command) -> Flow {
        let height = self.state.list_height();
        if bookings.typing() {
            match command {
                Command::Accept => {
                    bookings.filtering = None;
                    self.ask_bookings(bookings, None);
                }
                Command::Back => {
                    bookings.filtering = None;
                    bookings.filter.clear();
                    bookings.follow(&self.state.ledger, height);
                }
                _ => {}
            }
            return Flow::Stay;
        }
        let length = bookings.lines(&self.state.ledger).len();
        if moves(&mut bookings.list, command, length, height) {
            bookings.selected = bookings
                .lines(&self.state.ledger)
                .get(bookings.list.at)
                .map(Line::chosen);
            let near = bookings.list.at + height.max(10) >= length;
            if near && bookings.loading == Loading::No && bookings.next_cursor.is_some() {
                let cursor = bookings.next_cursor.take();
                self.ask_bookings(bookings, cursor);
            }
            return Flow::Stay;
        }
        match command {
            Command::Back if !bookings.filter.is_empty() => {
                bookings.filter.clear();
                bookings.follow(&self.state.ledger, height);
                self.ask_bookings(bookings, None);
            }
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_bookings(bookings, None),
            Command::Filter => {
                let field = Field::text("filter", "Filter", 0, 40, &bookings.filter);
                bookings.filtering = Some(Form::new(vec![field]));
            }
            Command::Accept => match bookings.selected.clone() {
                Some(Chosen::Booking(reference)) => {
                    return Flow::Open(Layer::Record(Box::new(Record::new(reference))));
                }
                Some(Chosen::Draft(key)) => return self.correct(&key),
                None => {}
            },
            Command::Cancel => match bookings.selected.clone() {
                Some(Chosen::Booking(reference)) => return self.ask_to_cancel(&reference),
                Some(Chosen::Draft(key)) => {
                    return Flow::Open(Layer::Question(Box::new(Question {
                        title: "Throw it away?".to_owned(),
                        lines: vec!["What was entered for this booking is lost.".to_owned()],
                        then: Then::DropDraft(key),
                    })));
                }
                None => {}
            },
            Command::Confirm => {
                if let Some(Chosen::Booking(reference)) = bookings.selected.clone() {
                    self.confirm(reference);
                }
            }
            Command::Copy => {
                if let Some(Chosen::Booking(reference)) = bookings.selected.clone() {
                    self.copy_locator(&reference);
                }
            }
            _ => {}
        }
        Flow::Stay
    }

    /// The filter narrows while it is typed.
    pub(super) fn filter_typed(&mut self) {
        let height = self.state.list_height();
        let state = &mut *self.state;
        if let Some(Layer::Bookings(bookings)) = state.layers.last_mut()
            && let Some(form) = &bookings.filtering
        {
            form.content("filter").clone_into(&mut bookings.filter);
            bookings.follow(&state.ledger, height);
        }
    }

    /// The bookings of the open list are read again.
    pub(super) fn read_bookings(&mut self) {
        self.each_layer(|step, layer| {
            if let Layer::Bookings(bookings) = layer {
                step.ask_bookings(bookings, None);
            }
        });
        self.keep_in_view();
    }

    pub(super) fn ask_bookings(&mut self, bookings: &mut Bookings, cursor: Option<String>) {
        let request = self.state.next_request();
        bookings.loading = Loading::Awaited(request);
        bookings.error = None;
        let mut filter = asked(&bookings.filter);
        filter.limit = Some(PAGE);
        filter.cursor = cursor;
        self.effects.push(Effect::Bookings {
            request,
            filter: Box::new(filter),
        });
    }

    pub(super) fn record(&mut self, record: &mut Record, command: Command) -> Flow {
        match command {
            Command::Back | Command::Accept => return Flow::Close,
            Command::Up => record.scroll = record.scroll.saturating_sub(1),
            Command::Down => record.scroll = (record.scroll + 1).min(200),
            Command::PageUp => record.scroll = record.scroll.saturating_sub(10),
            Command::PageDown => record.scroll = (record.scroll + 10).min(200),
            Command::First => record.scroll = 0,
            Command::Cancel => return self.ask_to_cancel(&record.reference.clone()),
            Command::Confirm => self.confirm(record.reference.clone()),
            Command::Copy => self.copy_locator(&record.reference.clone()),
            Command::History => {
                if matches!(record.history, History::Open(_) | History::Asked) {
                    record.history = History::Closed;
                } else if let Reference::Known(locator) =
                    self.state.ledger.resolve(&record.reference)
                {
                    record.history = History::Asked;
                    self.effects.push(Effect::History { locator });
                } else {
                    self.state
                        .tell(Tone::Info, "It has no history until the server has it");
                }
            }
            Command::Refresh => {
                if let Reference::Known(locator) = self.state.ledger.resolve(&record.reference) {
                    self.fetch(locator);
                }
            }
            Command::AcceptChanges => return self.accept_changes(&record.reference.clone()),
            Command::Rebook => return self.begin_rebooking(&record.reference.clone()),
            _ => return self.record_on_queue(record, command),
        }
        Flow::Stay
    }

    /// A booking is read; until the answer its record says so.
    pub(super) fn fetch(&mut self, locator: Locator) {
        self.state.live.reads(locator);
        self.effects.push(LedgerEffect::Fetch(locator).into());
    }

    /// What came back for a booking is kept at its record, if that is open.
    pub(super) fn record_fetched(&mut self, locator: Locator, fetched: &Fetched) {
        let ledger = &self.state.ledger;
        for layer in &mut self.state.layers {
            if let Layer::Record(record) = layer
                && ledger.resolve(&record.reference) == Reference::Known(locator)
            {
                record.fetched.clone_from(fetched);
            }
        }
    }

    /// The bookings of open records.
    pub(super) fn open_records(&self, which: impl Fn(&Record) -> bool) -> Vec<Locator> {
        let state = &*self.state;
        let open = state.layers.iter().filter_map(|layer| match layer {
            Layer::Record(record) if which(record) => {
                match state.ledger.resolve(&record.reference) {
                    Reference::Known(locator) => Some(locator),
                    Reference::Pending(_) => None,
                }
            }
            _ => None,
        });
        open.collect()
    }

    /// The server is there again: what is open and could not be read is read now.
    pub(super) fn reread_records(&mut self) {
        for locator in self.open_records(|record| matches!(record.fetched, Fetched::Failed(_))) {
            if !self.state.live.is_reading(locator) {
                self.fetch(locator);
            }
        }
    }

    /// Opens the form of a booking that was refused.
    fn correct(&mut self, key: &OperationKey) -> Flow {
        let kept = self.state.sent.iter().position(|(sent, _)| sent == key);
        let form = kept.map(|at| self.state.sent[at].1.clone()).or_else(|| {
            self.state
                .ledger
                .drafts()
                .find(|draft| draft.operation.key == *key)
                .and_then(BookingForm::from_draft)
        });
        match form {
            Some(form) => Flow::Open(Layer::Booking(Box::new(form))),
            None => Flow::Stay,
        }
    }

    /// A held booking is confirmed; there is nothing to be asked, since it can still be cancelled.
    fn confirm(&mut self, target: Reference) {
        let Some(key) = self.operation_key() else {
            return;
        };
        let intent = Intent::Confirm { target };
        match self.state.ledger.submit(key, intent, self.state.now) {
            Ok(effects) => self.ledger(effects),
            Err(error) => self.state.tell(Tone::Info, sentence(error)),
        }
    }

    fn ask_to_cancel(&mut self, reference: &Reference) -> Flow {
        let Some(row) = self.state.ledger.row(reference) else {
            return Flow::Stay;
        };
        if row.status == BookingStatus::Cancelled {
            self.state.tell(Tone::Info, "It is cancelled already");
            return Flow::Stay;
        }
        let names: Vec<String> = row
            .passengers
            .iter()
            .map(|p| format!("{} {}", p.surname, p.given_name))
            .collect();
        let mut lines = vec![names.join(", ")];
        lines.extend(flights_of(row.segments).into_iter().map(in_words));
        Flow::Open(Layer::Question(Box::new(Question {
            title: format!("Cancel booking {}?", row.locator_text()),
            lines,
            then: Then::CancelBooking(row.reference.clone()),
        })))
    }

    pub(super) fn yes(&mut self, then: Then) {
        match then {
            Then::CancelBooking(target) => {
                // The booking that was pending when it was asked about may have been refused meanwhile.
                let Some(key) = self.operation_key() else {
                    return;
                };
                let intent = Intent::Cancel { target };
                match self.state.ledger.submit(key, intent, self.state.now) {
                    Ok(effects) => self.ledger(effects),
                    Err(error) => self.state.tell(Tone::Error, error.to_string()),
                }
            }
            Then::Rebook(rebooking) => self.rebook(*rebooking),
            Then::DropDraft(key) => {
                self.forget_form(&key);
                let effects = self.state.ledger.drop_draft(&key);
                self.ledger(effects);
            }
            Then::CancelUpload(upload) => self.effects.push(Effect::CancelUpload(upload)),
            Then::EndLetter { id, end } => self.end_letter(id, end),
            Then::SendOld(key) => {
                let effects = self.state.ledger.consent(&key, self.state.now);
                self.ledger(effects);
            }
        }
    }

    pub(super) fn no(&mut self, then: &Then) {
        if let Then::SendOld(key) = then {
            match self.state.ledger.withdraw(key) {
                Ok(effects) => self.ledger(effects),
                Err(error) => self.state.tell(Tone::Error, error.to_string()),
            }
        }
    }

    fn copy_locator(&mut self, reference: &Reference) {
        match self.state.ledger.row(reference).and_then(|row| row.locator) {
            Some(locator) => {
                self.effects.push(Effect::Copy(locator.to_string()));
                self.state.tell(Tone::Good, format!("{locator} copied"));
            }
            None => self
                .state
                .tell(Tone::Info, "It has no locator until the server has it"),
        }
    }

    pub(super) fn bookings_read(&mut self, request: u64, result: Result<BookingPage, Failure>) {
        let (page, error) = match result {
            Ok(page) => {
                self.reached();
                (Some(page), None)
            }
            Err(failure) => {
                self.failed(&failure);
                (None, Some(failure.words))
            }
        };
        for layer in &mut self.state.layers {
            if let Layer::Bookings(bookings) = layer
                && bookings.loading.is(request)
            {
                bookings.loading = Loading::No;
                bookings.error.clone_from(&error);
                bookings.next_cursor = page.as_ref().and_then(|p| p.next_cursor.clone());
            }
        }
        if let Some(page) = page {
            for booking in &page.items {
                self.record_fetched(booking.locator, &Fetched::Read);
            }
            let effects = self.state.ledger.fetched(page.items, self.state.now);
            self.ledger(effects);
            self.catch_up();
        }
    }

    /// A booking has changed: an open history of it is read again, and stands until then.
    pub(super) fn reread_history(&mut self, locator: Locator) {
        let ledger = &self.state.ledger;
        let open = self.state.layers.iter().any(|layer| {
            matches!(layer, Layer::Record(record)
                if matches!(record.history, History::Open(_))
                    && ledger.resolve(&record.reference) == Reference::Known(locator))
        });
        if open {
            self.effects.push(Effect::History { locator });
        }
    }

    pub(super) fn history(
        &mut self,
        locator: Locator,
        result: &Result<Vec<HistoryEntry>, Failure>,
    ) {
        match result {
            Ok(_) => self.reached(),
            Err(failure) => self.failed(failure),
        }
        let state = &mut *self.state;
        for layer in &mut state.layers {
            if let Layer::Record(record) = layer
                && matches!(record.history, History::Asked | History::Open(_))
                && state.ledger.resolve(&record.reference) == Reference::Known(locator)
            {
                record.history = match result {
                    Ok(entries) => History::Open(entries.clone()),
                    Err(failure) => History::Failed(failure.words.clone()),
                };
            }
        }
    }
}

/// An error as a message begins.
pub(super) fn sentence(error: SubmitError) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// What the server is asked for a filter's words; what it cannot narrow by, the list does.
fn asked(filter: &str) -> BookingFilter {
    let mut asked = BookingFilter::default();
    for word in filter.split_whitespace() {
        let has_digit = word.chars().any(|c| c.is_ascii_digit());
        if let Ok(status) = word.to_lowercase().parse::<BookingStatus>() {
            asked.status = Some(status);
        } else if has_digit && word.len() <= 6 && word.parse::<Locator>().is_err() {
            asked.flight = Some(word.to_uppercase());
        } else if !has_digit && asked.surname.is_none() && word.len() > 3 {
            asked.surname = Some(word.to_owned());
        }
    }
    asked
}
