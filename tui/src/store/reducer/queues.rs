//! The office's queues: how much lies on them, and what lies on one.

use std::time::Duration;

use airside_common::api::events::QueueChanged;
use airside_common::api::queues::{QueueItem, QueueItemPage, QueueItemState, QueueTotals};
use airside_common::locator::Locator;

use super::keys::moves;
use super::{Flow, Step, lift};
use crate::keymap::Command;
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::operation::Reference;
use crate::store::paged::Page;
use crate::store::queues::{QueueAnswer, QueueCall};
use crate::store::screen::Loading;
use crate::store::screen::bookings::Record;
use crate::store::screen::queues::{QueueView, Queues};

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

    pub(super) fn open_record(&mut self, locator: Locator) -> Flow {
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

    pub(super) fn reread_queues(&mut self, which: impl Fn(&QueueView) -> bool) {
        self.each_layer(|step, layer| match layer {
            Layer::Queue(view) if !which(view) => {}
            Layer::Queue(view) if view.pages.loading == Loading::No => {
                step.ask_items(view, Page::Again, GATHERED);
            }
            Layer::Queue(view) => view.behind = true,
            _ => {}
        });
    }

    pub(super) fn queue_answered(&mut self, answer: QueueAnswer) {
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
                step.ask_items(view, Page::Again, GATHERED);
            }
            Layer::Queue(view) if !is_read => view.behind |= page != Page::Next,
            _ => {}
        });
    }
}
