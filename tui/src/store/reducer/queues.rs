//! The office's queues: how much lies on them, what lies on one, and the entry in hand.

use std::time::Duration;

use airside_common::api::events::QueueChanged;
use airside_common::api::problem::Code;
use airside_common::api::queues::{
    PlaceItem, QueueItem, QueueItemPage, QueueItemState, QueueTotals, TakenItem,
};
use airside_common::locator::Locator;
use airside_common::queue::{QueueItemId, QueueNumber};

use super::keys::moves;
use super::{Flow, Step};
use crate::dates;
use crate::keymap::Command;
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::ledger::LedgerEffect;
use crate::store::operation::Reference;
use crate::store::queues::{Asking, QueueAnswer, QueueCall};
use crate::store::screen::Loading;
use crate::store::screen::bookings::Record;
use crate::store::screen::queues::{About, QueueForm, QueueView, Queues};
use crate::store::state::Tone;

/// How long changes are gathered before they are read: so a thousand of them are few requests.
const GATHERED: Duration = Duration::from_millis(200);

impl Step<'_> {
    pub(super) fn queues(&mut self, queues: &mut Queues, command: Command) -> Flow {
        let height = self.state.list_height();
        let length = self.state.queues.totals.len();
        if moves(&mut queues.list, command, length, height) {
            return Flow::Stay;
        }
        let chosen = self.state.queues.totals.get(queues.list.at);
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_totals(Duration::ZERO),
            Command::Accept => {
                if let Some(total) = chosen {
                    let mut view = QueueView::new(total.number, total.name.clone());
                    self.ask_items(&mut view, Duration::ZERO);
                    self.state
                        .layers
                        .retain(|layer| !matches!(layer, Layer::Queue(_)));
                    return Flow::Open(Layer::Queue(Box::new(view)));
                }
            }
            Command::Take => {
                if let Some(number) = chosen.map(|total| total.number) {
                    self.take_next(number);
                }
            }
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn queue(&mut self, view: &mut QueueView, command: Command) -> Flow {
        let height = self.state.list_height();
        if moves(&mut view.list, command, view.items.len(), height) {
            let near = view.list.at + height.max(10) >= view.items.len();
            if near && view.loading == Loading::No && view.next_cursor.is_some() {
                view.cursor = view.next_cursor.take();
                self.ask_items(view, Duration::ZERO);
            }
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => {
                view.cursor = None;
                self.ask_items(view, Duration::ZERO);
            }
            Command::Take => self.take_next(view.number),
            Command::Accept => {
                if let Some(item) = view.selected().cloned() {
                    return self.look_at(item);
                }
            }
            _ => {}
        }
        Flow::Stay
    }

    /// Opens the booking of an entry. What the agent has taken, and lost sight of, is in hand again.
    fn look_at(&mut self, item: QueueItem) -> Flow {
        let locator = item.locator;
        let me = self.state.session.as_ref().map(|s| &s.me.username);
        let is_mine = item.state == QueueItemState::InHand && item.taken_by.as_ref() == me;
        if is_mine && self.state.queues.in_hand.is_none() {
            self.state.queues.in_hand = Some(item);
        }
        self.state.live.reads(locator);
        self.effects.push(LedgerEffect::Fetch(locator).into());
        self.state
            .layers
            .retain(|layer| !matches!(layer, Layer::Record(_)));
        Flow::Open(Layer::Record(Box::new(Record::new(Reference::Known(
            locator,
        )))))
    }

    pub(super) fn read_totals(&mut self) {
        self.ask_totals(Duration::ZERO);
    }

    fn ask_totals(&mut self, after: Duration) {
        let request = self.state.next_request();
        self.state.queues.loading = Loading::Awaited(request);
        self.state.queues.behind = false;
        let call = QueueCall::Totals { request, after };
        self.effects.push(Effect::Queue(call));
    }

    fn ask_items(&mut self, view: &mut QueueView, after: Duration) {
        let request = self.state.next_request();
        view.loading = Loading::Awaited(request);
        view.behind = false;
        self.effects.push(Effect::Queue(QueueCall::Items {
            request,
            queue: view.number,
            cursor: view.cursor.clone(),
            after,
        }));
    }

    /// A queue has other entries. While an answer is awaited, it may be of before: then it is asked once more.
    pub(super) fn queue_changed(&mut self, changed: &QueueChanged) {
        let own = self.state.session.as_ref().map(|s| &s.me.office);
        if own != Some(&changed.office) {
            return;
        }
        if self.state.queues.loading == Loading::No {
            self.ask_totals(GATHERED);
        } else {
            self.state.queues.behind = true;
        }
        self.reread_queues(|view| view.number == changed.queue);
    }

    /// What is shown of queues is read anew.
    pub(super) fn read_queues_anew(&mut self) {
        self.ask_totals(Duration::ZERO);
        self.reread_queues(|_| true);
    }

    /// The stream is heard again: what could not be read while the network was away is read now.
    pub(super) fn catch_up_with_queues(&mut self) {
        if self.state.queues.behind && self.state.queues.loading == Loading::No {
            self.ask_totals(Duration::ZERO);
        }
        self.reread_queues(|view| view.behind);
    }

    fn reread_queues(&mut self, which: impl Fn(&QueueView) -> bool) {
        let mut layers = std::mem::take(&mut self.state.layers);
        for layer in &mut layers {
            let Layer::Queue(view) = layer else { continue };
            if !which(view) {
                continue;
            }
            if view.loading == Loading::No {
                view.cursor = None;
                self.ask_items(view, GATHERED);
            } else {
                view.behind = true;
            }
        }
        self.state.layers = layers;
    }

    /// Takes the next entry of a queue; one is in hand at a time.
    pub(super) fn take_next(&mut self, queue: u8) {
        if self.state.queues.asking != Asking::Nothing {
            return;
        }
        if let Some(item) = &self.state.queues.in_hand {
            let (locator, number) = (item.locator, item.queue);
            let words = format!(
                "{locator} of queue {number} is in hand: finish it, put it off or leave it"
            );
            self.state.tell(Tone::Info, words);
            return;
        }
        self.state.queues.asking = Asking::ToTake;
        self.effects.push(Effect::Queue(QueueCall::Take { queue }));
    }

    /// Keys at a booking that are about its entry, and putting it on a queue.
    pub(super) fn record_on_queue(&mut self, record: &Record, command: Command) -> Flow {
        let reference = self.state.ledger.resolve(&record.reference);
        let Reference::Known(locator) = reference else {
            if command == Command::Place {
                let words = "It cannot be put on a queue until the server has it";
                self.state.tell(Tone::Info, words);
            }
            return Flow::Stay;
        };
        if command == Command::Place {
            return Flow::Open(Layer::QueueForm(Box::new(QueueForm::place(locator))));
        }
        let Some(item) = self.state.queues.in_hand_of(locator).cloned() else {
            return Flow::Stay;
        };
        match command {
            Command::Done => self.finish(&item, Asking::ToFinishAndTake),
            Command::DoneOnly => self.finish(&item, Asking::ToFinish),
            Command::PutOff => {
                return Flow::Open(Layer::QueueForm(Box::new(QueueForm::delay(&item))));
            }
            Command::Leave => {
                self.state.queues.in_hand = None;
                let until = item.taken_until.map_or_else(String::new, |until| {
                    let until = until.0.to_zoned(self.state.zone.clone());
                    format!(" until {}", until.strftime("%H:%M"))
                });
                let words = format!("{locator} left: nobody else is given it{until}");
                self.state.tell(Tone::Info, words);
                return Flow::Close;
            }
            _ => {}
        }
        Flow::Stay
    }

    fn finish(&mut self, item: &QueueItem, asking: Asking) {
        if self.state.queues.asking != Asking::Nothing {
            return;
        }
        self.state.queues.asking = asking;
        self.effects.push(Effect::Queue(QueueCall::Finish {
            queue: item.queue,
            id: item.id,
        }));
    }

    pub(super) fn queue_form(&mut self, form: &mut QueueForm, command: Command) -> Flow {
        match command {
            Command::Back => return Flow::Close,
            Command::Accept if form.sending => return Flow::Stay,
            Command::Accept => {}
            _ => return Flow::Stay,
        }
        let zone = self.state.zone.clone();
        let call = match form.about.clone() {
            About::Delay { queue, id, .. } => form
                .delayed(self.state.now, &zone)
                .map(|body| QueueCall::Delay { queue, id, body }),
            About::Place { locator } => form.remark().map(|remark| QueueCall::Place {
                queue: QueueNumber::General.get(),
                body: PlaceItem { locator, remark },
            }),
        };
        if let Some(call) = call {
            form.sending = true;
            form.reason = None;
            self.effects.push(Effect::Queue(call));
        }
        Flow::Stay
    }

    pub(super) fn queue_answered(&mut self, answer: QueueAnswer) {
        match answer {
            QueueAnswer::Totals { request, result } => self.totals_read(request, result),
            QueueAnswer::Items { request, result } => self.items_read(request, result),
            QueueAnswer::Taken { queue, result } => self.taken(queue, result),
            QueueAnswer::Finished { id, result } => self.finished(id, result),
            QueueAnswer::Delayed { id, result } => self.delayed(id, result),
            QueueAnswer::Placed { locator, result } => self.placed(locator, result),
        }
        self.keep_in_view();
    }

    fn totals_read(&mut self, request: u64, result: Result<QueueTotals, Failure>) {
        if !self.state.queues.loading.is(request) {
            return;
        }
        let queues = &mut self.state.queues;
        queues.loading = Loading::No;
        match result {
            Ok(totals) => {
                queues.totals = totals.items;
                queues.error = None;
                let behind = queues.behind;
                self.reached();
                if behind {
                    self.ask_totals(GATHERED);
                }
            }
            Err(failure) => {
                queues.behind = true;
                queues.error = Some(failure.words.clone());
                self.failed(&failure);
            }
        }
    }

    fn items_read(&mut self, request: u64, result: Result<QueueItemPage, Failure>) {
        let mut layers = std::mem::take(&mut self.state.layers);
        let view = layers.iter_mut().find_map(|layer| match layer {
            Layer::Queue(view) if view.loading.is(request) => Some(view),
            _ => None,
        });
        let mut failed = None;
        if let Some(view) = view {
            view.loading = Loading::No;
            match result {
                Ok(page) => {
                    let selected = view.selected().map(|item| item.id);
                    if view.cursor.is_none() {
                        view.items.clear();
                    }
                    view.items.extend(page.items);
                    view.next_cursor = page.next_cursor;
                    view.error = None;
                    let same = |item: &QueueItem| Some(item.id) == selected;
                    if let Some(at) = view.items.iter().position(same) {
                        view.list.at = at;
                    }
                    if view.behind {
                        view.cursor = None;
                        self.ask_items(view, GATHERED);
                    }
                }
                Err(failure) => {
                    view.behind = true;
                    view.error = Some(failure.words.clone());
                    failed = Some(failure);
                }
            }
        }
        // A lost session opens the login above them.
        self.state.layers = layers;
        match failed {
            Some(failure) => self.failed(&failure),
            None => self.reached(),
        }
    }

    fn taken(&mut self, queue: u8, result: Result<Option<Box<TakenItem>>, Failure>) {
        self.state.queues.asking = Asking::Nothing;
        match result {
            Ok(Some(taken)) => {
                self.reached();
                let TakenItem { item, booking } = *taken;
                let locator = item.locator;
                let effects = self.state.ledger.fetched(vec![booking], self.state.now);
                self.ledger(effects);
                self.state.queues.in_hand = Some(item);
                if self.state.is_inside() {
                    self.bring_record(locator);
                }
            }
            Ok(None) => {
                self.reached();
                let words = format!("Nothing is to be done on queue {queue} now");
                self.state.tell(Tone::Info, words);
            }
            Err(failure) if failure.is_unclear() => {
                self.failed(&failure);
                let words = "No answer: an entry that was taken all the same is given back after \
                             ten minutes";
                self.state.tell(Tone::Error, words);
            }
            Err(failure) => self.complain(&failure),
        }
    }

    fn finished(&mut self, id: QueueItemId, result: Result<Box<QueueItem>, Failure>) {
        let asking = std::mem::take(&mut self.state.queues.asking);
        match result {
            Ok(item) => {
                self.reached();
                self.let_go(id);
                let words = format!("{} is done on queue {}", item.locator, item.queue);
                self.state.tell(Tone::Good, words);
                if asking == Asking::ToFinishAndTake {
                    self.take_next(item.queue);
                }
            }
            Err(failure) if failure.is_unclear() => {
                self.failed(&failure);
                let words = "No answer: it may be done or not; the same key again does no harm";
                self.state.tell(Tone::Error, words);
            }
            Err(failure) => {
                if is_lost(&failure) {
                    self.let_go(id);
                }
                self.complain(&failure);
            }
        }
    }

    fn delayed(&mut self, id: QueueItemId, result: Result<Box<QueueItem>, Failure>) {
        let of_it =
            |form: &QueueForm| matches!(form.about, About::Delay { id: other, .. } if other == id);
        match result {
            Ok(item) => {
                self.reached();
                self.close_form(of_it);
                self.let_go(id);
                let due = item.due_at.0.to_zoned(self.state.zone.clone());
                let words = format!(
                    "{} put off until {} {}",
                    item.locator,
                    dates::short(due.date()),
                    due.strftime("%H:%M")
                );
                self.state.tell(Tone::Good, words);
            }
            Err(failure) => {
                if is_lost(&failure) {
                    self.close_form(of_it);
                    self.let_go(id);
                    self.complain(&failure);
                } else {
                    self.form_failed(of_it, &failure);
                }
            }
        }
    }

    fn placed(&mut self, locator: Locator, result: Result<Box<QueueItem>, Failure>) {
        let of_it = |form: &QueueForm| form.about == About::Place { locator };
        match result {
            Ok(item) => {
                self.reached();
                self.close_form(of_it);
                let words = format!("{locator} is on queue {}", item.queue);
                self.state.tell(Tone::Good, words);
            }
            Err(failure) => self.form_failed(of_it, &failure),
        }
    }

    /// The entry is no longer in hand.
    fn let_go(&mut self, id: QueueItemId) {
        let in_hand = &mut self.state.queues.in_hand;
        if in_hand.as_ref().is_some_and(|item| item.id == id) {
            *in_hand = None;
        }
    }

    fn close_form(&mut self, which: impl Fn(&QueueForm) -> bool) {
        self.state
            .layers
            .retain(|layer| !matches!(layer, Layer::QueueForm(form) if which(form)));
    }

    /// What was entered stays, with what is wrong.
    fn form_failed(&mut self, which: impl Fn(&QueueForm) -> bool, failure: &Failure) {
        let form = self.state.layers.iter_mut().find_map(|layer| match layer {
            Layer::QueueForm(form) if which(form) => Some(form),
            _ => None,
        });
        if let Some(form) = form {
            form.sending = false;
            let errors = failure.problem.as_ref().map(|p| p.errors.as_slice());
            let errors = errors.unwrap_or_default();
            let rest = form.form.blame(errors);
            if errors.is_empty() || !rest.is_empty() {
                let first = rest.first().map(|error| error.message.clone());
                form.reason = Some(first.unwrap_or_else(|| failure.words_on("it was done", "")));
            }
            self.failed(failure);
        } else {
            self.complain(failure);
        }
    }
}

/// Whether a failure says that the entry is somebody else's by now, or gone.
fn is_lost(failure: &Failure) -> bool {
    failure.is(Code::Conflict) || failure.is(Code::NotFound)
}
