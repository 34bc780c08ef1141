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
use super::{Flow, Step, lift};
use crate::dates;
use crate::keymap::{Command, Context};
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::operation::Reference;
use crate::store::paged::Page;
use crate::store::queues::{Asked, Asking, QueueAnswer, QueueCall};
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
                    self.ask_items(&mut view, Page::First, Duration::ZERO);
                    lift(&mut self.state.layers, |layer| {
                        matches!(layer, Layer::Queue(_))
                    });
                    return Flow::Open(Layer::Queue(Box::new(view)));
                }
            }
            Command::Take => {
                if let Some(number) = chosen.map(|total| total.number) {
                    return self.take_or_show(number);
                }
            }
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn queue(&mut self, view: &mut QueueView, command: Command) -> Flow {
        let height = self.state.list_height();
        let pages = &mut view.pages;
        if moves(&mut pages.list, command, pages.items.len(), height) {
            if pages.wants_next(height) {
                self.ask_items(view, Page::Next, Duration::ZERO);
            }
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_items(view, Page::First, Duration::ZERO),
            Command::Take => return self.take_or_show(view.number),
            Command::Accept => {
                if let Some(item) = view.pages.selected().cloned() {
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
        self.open_record(locator)
    }

    fn open_record(&mut self, locator: Locator) -> Flow {
        self.fetch(locator);
        lift(&mut self.state.layers, |layer| {
            matches!(layer, Layer::Record(_))
        });
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

    fn ask_items(&mut self, view: &mut QueueView, page: Page, after: Duration) {
        let request = self.state.next_request();
        let cursor = view.pages.ask(page, request);
        view.behind &= page == Page::Next;
        self.effects.push(Effect::Queue(QueueCall::Items {
            request,
            queue: view.number,
            cursor,
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
        self.each_layer(|step, layer| match layer {
            Layer::Queue(view) if !which(view) => {}
            Layer::Queue(view) if view.pages.loading == Loading::No => {
                step.ask_items(view, Page::First, GATHERED);
            }
            Layer::Queue(view) => view.behind = true,
            _ => {}
        });
    }

    /// Takes the next entry of a queue, or shows the one in hand: there is one at a time.
    fn take_or_show(&mut self, queue: u8) -> Flow {
        let Some(item) = &self.state.queues.in_hand else {
            self.take_next(queue);
            return Flow::Stay;
        };
        let (locator, number) = (item.locator, item.queue);
        let words =
            format!("{locator} of queue {number} is in hand: finish it, put it off or leave it");
        self.state.tell(Tone::Info, words);
        self.open_record(locator)
    }

    /// Takes the next entry of a queue, where none is in hand.
    fn take_next(&mut self, queue: u8) {
        if self.state.queues.in_hand.is_none()
            && let Some(request) = self.ask_once(Asking::Take)
        {
            let call = QueueCall::Take { request, queue };
            self.effects.push(Effect::Queue(call));
        }
    }

    /// A number for a request that concerns the entry in hand; none while another is under way.
    fn ask_once(&mut self, asking: Asking) -> Option<u64> {
        if self.state.queues.asked.is_some() {
            return None;
        }
        let request = self.state.next_request();
        self.state.queues.asked = Some(Asked { request, asking });
        Some(request)
    }

    /// Shows the entry that was taken where queues are worked on, and tells of it elsewhere: the keys that are pressed
    /// there are meant for what is there.
    fn show_taken(&mut self, item: &QueueItem) {
        let top = self.state.layers.last();
        if matches!(
            top,
            Some(Layer::Queues(_) | Layer::Queue(_) | Layer::Record(_))
        ) {
            self.bring_record(item.locator);
            return;
        }
        let keymap = &self.state.keymap;
        let to_queues = keymap.key_of(Command::Queues, &[Context::Inside]);
        let take = keymap.key_of(Command::Take, &[Context::Queues]);
        let keys: Vec<String> = to_queues.into_iter().chain(take).collect();
        let words = format!(
            "{} of queue {} is in hand: {} to see it",
            item.locator,
            item.queue,
            keys.join(" ")
        );
        self.state.tell(Tone::Warning, words);
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
            Command::Done => self.finish(&item, Asking::FinishAndTake),
            Command::DoneOnly => self.finish(&item, Asking::Finish),
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
        if let Some(request) = self.ask_once(asking) {
            self.effects.push(Effect::Queue(QueueCall::Finish {
                request,
                queue: item.queue,
                id: item.id,
            }));
        }
    }

    pub(super) fn queue_form(&mut self, form: &mut QueueForm, command: Command) -> Flow {
        match command {
            Command::Back => return Flow::Close,
            Command::Accept if form.sending => return Flow::Stay,
            Command::Accept => {}
            _ => return Flow::Stay,
        }
        let zone = self.state.zone.clone();
        let request = self.state.next_request();
        let call = match form.about.clone() {
            About::Delay { queue, id, .. } => {
                form.delayed(self.state.now, &zone)
                    .map(|body| QueueCall::Delay {
                        request,
                        queue,
                        id,
                        body,
                    })
            }
            About::Place { locator } => form.remark().map(|remark| QueueCall::Place {
                request,
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
        // What another user has asked is nobody's any more, whether it went well or not.
        if !self.state.queues.is_own(&answer) {
            return;
        }
        match answer {
            QueueAnswer::Totals { request, result } => self.totals_read(request, result),
            QueueAnswer::Items { request, result } => self.items_read(request, result),
            QueueAnswer::Taken {
                request,
                queue,
                result,
            } => {
                if self.state.queues.answered(request).is_some() {
                    self.taken(queue, result);
                }
            }
            QueueAnswer::Finished {
                request,
                id,
                result,
            } => {
                if let Some(asking) = self.state.queues.answered(request) {
                    self.finished(asking, id, result);
                }
            }
            QueueAnswer::Delayed { id, result, .. } => self.delayed(id, result),
            QueueAnswer::Placed {
                locator, result, ..
            } => self.placed(locator, result),
        }
        self.keep_in_view();
    }

    fn totals_read(&mut self, request: u64, result: Result<QueueTotals, Failure>) {
        let queues = &mut self.state.queues;
        let awaited = queues.loading.is(request);
        if awaited {
            queues.loading = Loading::No;
        }
        match result {
            Ok(totals) if awaited => {
                queues.totals = totals.items;
                queues.error = None;
                let behind = queues.behind;
                self.reached();
                if behind {
                    self.ask_totals(GATHERED);
                }
            }
            Ok(_) => self.reached(),
            Err(failure) => {
                if awaited {
                    queues.behind = true;
                    queues.error = Some(failure.words.clone());
                }
                self.failed(&failure);
            }
        }
    }

    fn items_read(&mut self, request: u64, result: Result<QueueItemPage, Failure>) {
        let is_read = result.is_ok();
        let awaited = self.page_read(
            request,
            result.map(|page| (page.items, page.next_cursor)),
            |layer| match layer {
                Layer::Queue(view) => Some(&mut view.pages),
                _ => None,
            },
            |item| item.id,
        );
        let Some(page) = awaited else { return };
        self.each_layer(|step, layer| match layer {
            Layer::Queue(view) if is_read && view.behind => {
                step.ask_items(view, Page::First, GATHERED);
            }
            Layer::Queue(view) if !is_read => view.behind |= page == Page::First,
            _ => {}
        });
    }

    fn taken(&mut self, queue: u8, result: Result<Option<Box<TakenItem>>, Failure>) {
        match result {
            Ok(Some(taken)) => {
                self.reached();
                let TakenItem { item, booking } = *taken;
                let effects = self.state.ledger.fetched(vec![booking], self.state.now);
                self.ledger(effects);
                self.show_taken(&item);
                self.state.queues.in_hand = Some(item);
            }
            Ok(None) => {
                self.reached();
                let words = format!("Nothing is to be done on queue {queue} now");
                self.state.tell(Tone::Info, words);
            }
            Err(failure) if failure.is_unclear() => {
                self.failed(&failure);
                // What is shown of the queue says so, once it can be read.
                self.reread_queues(|view| view.number == queue);
                let words =
                    "No answer: if an entry was taken, its queue shows until when it is yours";
                self.state.tell(Tone::Error, words);
            }
            Err(failure) => self.complain(&failure),
        }
    }

    fn finished(
        &mut self,
        asking: Asking,
        id: QueueItemId,
        result: Result<Box<QueueItem>, Failure>,
    ) {
        match result {
            Ok(item) => {
                self.reached();
                self.let_go(id);
                if item.state == QueueItemState::Done {
                    let words = format!("{} is done on queue {}", item.locator, item.queue);
                    self.state.tell(Tone::Good, words);
                } else {
                    self.tell_of_news(&item);
                }
                if asking == Asking::FinishAndTake {
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
                if item.state != QueueItemState::Delayed {
                    self.tell_of_news(&item);
                    return;
                }
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

    /// The booking has changed while the entry was in hand: the server gives it again, for what is new.
    fn tell_of_news(&mut self, item: &QueueItem) {
        let words = format!(
            "{} has changed meanwhile: it stays on queue {}",
            item.locator, item.queue
        );
        self.state.tell(Tone::Warning, words);
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
