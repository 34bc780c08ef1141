//! The office's queues, one of them, and what is done with entries.

use airside_common::ParseError;
use airside_common::api::queues::{DelayItem, QueueItem};
use airside_common::locator::Locator;
use airside_common::queue::QueueItemId;
use airside_common::text::Remark;
use airside_common::time::Instant;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::store::form::{Field, Form};
use crate::store::list::ListCursor;
use crate::store::moment::Moment;
use crate::store::paged::Paged;
use crate::store::queues::QueueState;
use crate::time_entry;

/// All queues; what lies on them is [`QueueState`]'s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queues {
    pub(crate) list: ListCursor,
}

impl Queues {
    /// With the cursor on the first queue on which something waits.
    pub(crate) fn of(queues: &QueueState) -> Self {
        let at = queues.totals.iter().position(|queue| queue.waiting > 0);
        let at = at.unwrap_or_default();
        Self {
            list: ListCursor { at, top: 0 },
        }
    }
}

/// One queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueView {
    pub(crate) number: u8,
    pub(crate) name: String,
    pub(crate) pages: Paged<QueueItem>,
    /// Whether the queue has changed since it was asked for.
    pub(crate) behind: bool,
}

impl QueueView {
    pub(crate) fn new(number: u8, name: String) -> Self {
        Self {
            number,
            name,
            pages: Paged::new(),
            behind: false,
        }
    }
}

/// What a form is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    /// An entry is put off.
    Delay {
        queue: u8,
        id: QueueItemId,
        locator: Locator,
    },
    /// A booking is put on the general queue.
    Place { locator: Locator },
}

/// A small form above a booking.
#[derive(Debug, Clone)]
pub(crate) struct QueueForm {
    pub(crate) about: About,
    pub(crate) form: Form,
    pub(crate) sending: bool,
    /// Why the server did not do it, where that is about no field.
    pub(crate) reason: Option<String>,
}

/// The longest that an entry can be put off: a year of minutes.
const LONGEST_MINUTES: u32 = 525_600;

impl QueueForm {
    pub(crate) fn delay(item: &QueueItem) -> Self {
        Self::new(
            About::Delay {
                queue: item.queue,
                id: item.id,
                locator: item.locator,
            },
            vec![
                Field::text("minutes", "Minutes", 0, 8, "").hint("such as 30"),
                Field::text("until", "or until", 1, 16, "").hint("1800, 27nov 1800"),
            ],
        )
    }

    pub(crate) fn place(locator: Locator) -> Self {
        let remark = Field::text("remark", "Remark", 0, 30, "").hint("optional");
        Self::new(About::Place { locator }, vec![remark])
    }

    fn new(about: About, fields: Vec<Field>) -> Self {
        Self {
            about,
            form: Form::new(fields),
            sending: false,
            reason: None,
        }
    }

    pub(crate) fn title(&self) -> String {
        match &self.about {
            About::Delay { locator, .. } => format!("Put {locator} off"),
            About::Place { locator } => format!("Put {locator} on queue 0"),
        }
    }

    /// Until when an entry is put off; `None` where a field is wrong, which is kept at the field.
    pub(crate) fn delayed(&mut self, now: Moment, zone: &TimeZone) -> Option<DelayItem> {
        self.form.clear_errors();
        let today = now.wall.to_zoned(zone.clone()).date();
        let minutes = self.form.parse_optional("minutes", minutes);
        let until = self
            .form
            .parse_optional("until", |text| later(text, now, today, zone));
        let missing = match (&minutes, &until) {
            (Some(None), Some(None)) => Some(("minutes", "for how long? Minutes, or a time")),
            (Some(Some(_)), Some(Some(_))) => Some(("until", "minutes or a time, not both")),
            _ => None,
        };
        if let Some((name, why)) = missing {
            let _ = self.form.parse::<()>(name, |_| Err(ParseError::new(why)));
        }
        if self.form.focus_first_error() {
            return None;
        }
        Some(DelayItem {
            until: until?,
            minutes: minutes?,
        })
    }

    /// The remark; the outer `None` where it is wrong, which is kept at the field.
    #[expect(
        clippy::option_option,
        reason = "wrong, empty and present are three things, and `?` fits the first"
    )]
    pub(crate) fn remark(&mut self) -> Option<Option<Remark>> {
        self.form.clear_errors();
        self.form.parse_optional("remark", str::parse)
    }
}

fn minutes(text: &str) -> Result<u32, ParseError> {
    text.parse()
        .ok()
        .filter(|count| (1..=LONGEST_MINUTES).contains(count))
        .ok_or_else(|| ParseError::new("minutes: 1 to 525600"))
}

/// `1800` today or, where that has passed, tomorrow; `27nov 1800`.
fn later(text: &str, now: Moment, today: Date, zone: &TimeZone) -> Result<Instant, ParseError> {
    let wrong = || ParseError::new("not a time: write 1800 or 27nov 1800");
    let Ok(time) = time_entry::clock(text) else {
        let until = time_entry::limit(text, today, zone).map_err(|_| wrong())?;
        return if until.0 > now.wall {
            Ok(until)
        } else {
            Err(ParseError::new("this has passed"))
        };
    };
    let on = |day: Date| {
        let at = day.to_datetime(time).to_zoned(zone.clone());
        at.map(|at| at.timestamp()).map_err(|_| wrong())
    };
    let until = on(today)?;
    if until > now.wall {
        return Ok(Instant(until));
    }
    on(today.tomorrow().map_err(|_| wrong())?).map(Instant)
}
