//! The last events of bookings, queues and uploads, for clients that come back.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use airside_common::api::events::{
    BookingChanged, LiveEvent, QueueChanged, UploadChanged, UploadProgress,
};
use airside_common::event::Event;
use airside_common::upload::UploadStatus;
use airside_common::user::Office;
use hyper::body::Bytes;

use super::frames;
use super::listeners::Audience;
use crate::bus::Envelope;

/// Events that are remembered: what a minute of many bookings has.
pub(super) const MOST: usize = 8_192;

/// An event of a booking, a queue or an upload, and how it is told: made once for all.
#[derive(Debug)]
pub(super) struct Item {
    envelope: Arc<Envelope>,
    /// For whose operation it is, and for all others.
    told: [OnceLock<Option<Bytes>>; 2],
}

impl Item {
    /// The event, if it is told by itself.
    pub(super) fn of(envelope: &Arc<Envelope>) -> Option<Self> {
        whose(&envelope.event)?;
        Some(Self {
            envelope: Arc::clone(envelope),
            told: [OnceLock::new(), OnceLock::new()],
        })
    }

    pub(super) fn id(&self) -> i64 {
        self.envelope.id
    }

    /// Who may hear of it.
    pub(super) fn whose(&self) -> Option<Whose<'_>> {
        whose(&self.envelope.event)
    }

    /// How somebody is told of it; `None` where somebody is not.
    pub(super) fn told(&self, audience: &Audience) -> Option<Bytes> {
        self.whose().filter(|whose| audience.sees(*whose))?;
        let booking = self.envelope.event.booking();
        let own = booking.is_some_and(|event| event.sent_by == Some(audience.user));
        let told = self.told[usize::from(own)].get_or_init(|| {
            let event = live(&self.envelope.event, own)?;
            let kind = self.envelope.event.kind();
            Some(frames::message(Some(self.id()), kind, &event))
        });
        told.clone()
    }
}

/// Who may hear of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose<'a> {
    /// An office, and admins.
    Office(&'a Office),
    /// Admins alone.
    Admins,
}

/// Who may hear of an event; `None` where it is not told by itself.
fn whose(event: &Event) -> Option<Whose<'_>> {
    match event {
        Event::QueueChanged { office, .. } => Some(Whose::Office(office)),
        Event::UploadReceived { .. }
        | Event::UploadProgressed { .. }
        | Event::UploadCompleted { .. } => Some(Whose::Admins),
        event => event
            .booking()
            .map(|booking| Whose::Office(&booking.office)),
    }
}

/// How an event is told; a booking's operation only to who has sent it.
fn live(event: &Event, own: bool) -> Option<LiveEvent> {
    let kind = || event.kind().to_owned();
    let upload = |upload_id, status, progress| {
        LiveEvent::Upload(UploadChanged {
            kind: kind(),
            upload_id,
            status,
            progress,
        })
    };
    Some(match event {
        Event::QueueChanged { office, queue } => LiveEvent::Queue(QueueChanged {
            kind: kind(),
            office: office.clone(),
            queue: queue.get(),
        }),
        Event::UploadReceived { upload: id } => upload(*id, UploadStatus::Queued, None),
        Event::UploadProgressed {
            upload: id,
            rows_done,
            bytes_done,
            bytes_total,
        } => {
            let progress = UploadProgress {
                rows_done: *rows_done,
                bytes_done: *bytes_done,
                bytes_total: *bytes_total,
            };
            upload(*id, UploadStatus::Processing, Some(progress))
        }
        Event::UploadCompleted { upload: id, status } => upload(*id, *status, None),
        event => {
            let booking = event.booking()?;
            LiveEvent::Booking(BookingChanged {
                kind: kind(),
                locator: booking.locator,
                version: booking.version,
                office: booking.office.clone(),
                operation: booking.operation.clone().filter(|_| own),
            })
        }
    })
}

/// All events of bookings, queues and uploads after a position, as far back as is remembered.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// All after this position are here.
    after: i64,
    items: VecDeque<Arc<Item>>,
}

impl Past {
    /// Nothing yet after a position.
    pub(super) fn beginning(after: i64) -> Self {
        Self {
            after,
            items: VecDeque::new(),
        }
    }

    /// The position after which all is here.
    pub(super) fn after(&self) -> i64 {
        self.after
    }

    /// The next event; the oldest is forgotten where there are too many.
    pub(super) fn push(&mut self, item: Arc<Item>) {
        self.items.push_back(item);
        if self.items.len() > MOST
            && let Some(oldest) = self.items.pop_front()
        {
            self.after = oldest.id();
        }
    }

    /// What was before, read from the outbox after a position up to where this begins; whether there is room for it.
    pub(super) fn prepend(&mut self, after: i64, items: Vec<Arc<Item>>) -> bool {
        if self.items.len() + items.len() > MOST {
            return false;
        }
        for item in items.into_iter().rev() {
            self.items.push_front(item);
        }
        self.after = after;
        true
    }

    /// The events after a position; `None` where some of them are forgotten.
    pub(super) fn since(&self, position: i64) -> Option<impl Iterator<Item = &Arc<Item>>> {
        let start = self.items.partition_point(|item| item.id() <= position);
        (position >= self.after).then(|| self.items.range(start..))
    }
}
