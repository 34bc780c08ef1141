//! The entry in hand: taken, done with, put off or left; and putting bookings on queues.

use airside_common::api::problem::Code;
use airside_common::api::queues::{PlaceItem, QueueItem, QueueItemState, TakenItem};
use airside_common::locator::Locator;
use airside_common::queue::{QueueItemId, QueueNumber};

use super::{Flow, Step};
use crate::dates;
use crate::keymap::{Command, Context};
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::operation::Reference;
use crate::store::queues::{Asked, Asking, QueueCall};
use crate::store::screen::bookings::{Fetched, Record};
use crate::store::screen::queues::{About, QueueForm};
use crate::store::state::Tone;

impl Step<'_> {
    /// Takes the next entry of a queue, or shows the one in hand: there is one at a time.
    pub(super) fn take_or_show(&mut self, queue: u8) -> Flow {
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
    pub(super) fn take_next(&mut self, queue: u8) {
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

    pub(super) fn taken(&mut self, queue: u8, result: Result<Option<Box<TakenItem>>, Failure>) {
        match result {
            Ok(Some(taken)) => {
                self.reached();
                let TakenItem { item, booking } = *taken;
                self.record_fetched(booking.locator, &Fetched::Read);
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
                let shows = "its queue shows until when it is yours";
                let words = failure.words_on("an entry was taken", shows);
                self.state.tell(Tone::Error, words);
            }
            Err(failure) => self.complain(&failure),
        }
    }

    pub(super) fn finished(
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
                let words = failure.words_on("it is done", "the same key again does no harm");
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

    pub(super) fn delayed(&mut self, id: QueueItemId, result: Result<Box<QueueItem>, Failure>) {
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

    pub(super) fn placed(&mut self, locator: Locator, result: Result<Box<QueueItem>, Failure>) {
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
