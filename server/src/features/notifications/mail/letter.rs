//! Writes a mail about a booking: text and HTML that say the same, and the flights for a calendar.

use airside_common::airport::AirportCode;
use airside_common::api::bookings::{Booking, Passenger, Segment};
use airside_common::booking::{PassengerType, SegmentStatus};
use airside_common::locator::Locator;
use airside_common::time::{Instant, OffsetTime};
use jiff::Timestamp;
use lettre::message::header::{ContentType, ContentTypeErr, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart};
use lettre::{Address, Message};
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::calendar;
use super::occasions;
use crate::clock::SharedClock;
use crate::messages::consumer::Delivery;
use crate::reference::reference;

const LAYOUT_TEXT: &str = include_str!("letters/layout.txt");
const LAYOUT_HTML: &str = include_str!("letters/layout.html");

/// Why a mail could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A letter's template cannot be filled in.
    #[error("the letter: {0}")]
    Template(#[from] minijinja::Error),
    /// The parts do not make a mail.
    #[error("the mail: {0}")]
    Mail(#[from] lettre::error::Error),
    /// A part has no type.
    #[error("the mail: {0}")]
    ContentType(#[from] ContentTypeErr),
    /// The calendar cannot be written.
    #[error("the calendar: {0}")]
    Calendar(#[from] std::fmt::Error),
}

/// A mail as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The event that it tells of: its position.
    pub message: i64,
    /// Its type.
    pub event: &'static str,
    /// Which booking.
    pub locator: Locator,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// It, or why it cannot be sent to this address at all.
    pub body: Result<Vec<u8>, String>,
}

/// Writes mails.
pub struct Writer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    templates: Environment<'static>,
    clock: SharedClock,
}

impl Writer {
    /// One who writes from an address.
    pub fn new(
        from: Mailbox,
        reply_to: Option<Mailbox>,
        clock: SharedClock,
    ) -> Result<Self, WriteError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_template("layout.txt", LAYOUT_TEXT)?;
        // By the end of its name everything in it is escaped.
        templates.add_template("layout.html", LAYOUT_HTML)?;
        Ok(Self {
            from,
            reply_to,
            templates,
            clock,
        })
    }

    /// The locator of the booking that an event speaks of.
    pub fn locator(delivery: &Delivery) -> Option<Locator> {
        delivery.envelope.event.subject()?.parse().ok()
    }

    /// The mail that tells of an event of a booking as it is now, where later events of it are there; `None` where nobody is
    /// to be told, or there is no address.
    pub fn write(
        &self,
        delivery: &Delivery,
        booking: &Booking,
        later: &[&str],
    ) -> Result<Option<Written>, WriteError> {
        let event = delivery.envelope.event.kind();
        let (Some(occasion), Some(recipient)) = (
            occasions::of(event, booking.status, later),
            booking.contact.email.as_ref(),
        ) else {
            return Ok(None);
        };
        let recipient = recipient.to_string();
        let now = self.clock.now();
        let letter = self.letter(occasion.letter, booking)?;
        let body = match recipient.parse::<Address>() {
            Ok(address) => {
                let to = Mailbox::new(None, address);
                let id = format!(
                    "<{}.{}@{}>",
                    delivery.envelope.id,
                    booking.locator,
                    self.from.email.domain()
                );
                Ok(self.mail(to, id, &letter, booking, now)?)
            }
            Err(error) => Err(format!("the address cannot be used: {error}")),
        };
        Ok(Some(Written {
            message: delivery.envelope.id,
            event,
            locator: booking.locator,
            recipient,
            subject: letter.subject,
            body,
        }))
    }

    fn mail(
        &self,
        to: Mailbox,
        id: String,
        letter: &Letter,
        booking: &Booking,
        now: Timestamp,
    ) -> Result<Vec<u8>, WriteError> {
        let mut mail = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&letter.subject)
            .message_id(Some(id))
            .date(now.into())
            // RFC 3834: nothing answers it by itself.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &self.reply_to {
            mail = mail.reply_to(reply_to.clone());
        }
        let calendar = calendar::of(booking, now)?;
        let calendar_type = ContentType::parse("text/calendar; charset=utf-8; method=PUBLISH")?;
        let parts = MultiPart::mixed()
            .multipart(MultiPart::alternative_plain_html(
                letter.text.clone(),
                letter.html.clone(),
            ))
            .singlepart(
                Attachment::new(format!("{}.ics", booking.locator)).body(calendar, calendar_type),
            );
        Ok(mail.multipart(parts)?.formatted())
    }

    fn letter(&self, template: &'static str, booking: &Booking) -> Result<Letter, WriteError> {
        let facts = facts(booking);
        let letter = self.templates.template_from_str(template)?;
        let letter = letter.render(facts.clone())?;
        let mut parts = letter.split("\n\n").map(str::trim);
        let subject = parts.next().unwrap_or_default().to_owned();
        let paragraphs: Vec<&str> = parts.filter(|paragraph| !paragraph.is_empty()).collect();
        let all = context! {
            subject => &subject,
            paragraphs => paragraphs.into_iter().collect::<Value>(),
            ..facts
        };
        let text = self.templates.get_template("layout.txt")?;
        let html = self.templates.get_template("layout.html")?;
        Ok(Letter {
            text: text.render(all.clone())?,
            html: html.render(all)?,
            subject,
        })
    }
}

/// What a mail says.
struct Letter {
    subject: String,
    text: String,
    html: String,
}

/// What letters and layouts may speak of.
fn facts(booking: &Booking) -> Value {
    let segments = booking
        .segments
        .iter()
        .zip(1..)
        .map(|(segment, position)| of_segment(booking, segment, position));
    let passengers = booking.passengers.iter().map(|passenger| {
        context! {
            name => name(passenger),
            kind => match passenger.kind {
                PassengerType::Adult => "",
                PassengerType::Child | PassengerType::Infant => passenger.kind.word(),
            },
        }
    });
    let lives = |segment: &&Segment| segment.status != SegmentStatus::Xx;
    let mut living = booking.segments.iter().filter(lives);
    // Where nothing lives any more, it is told what has ended.
    let ends = living.clone().next().zip(living.next_back());
    let ends = ends.or_else(|| booking.segments.first().zip(booking.segments.last()));
    let has = |status| {
        booking
            .segments
            .iter()
            .any(|segment| segment.status == status)
    };
    context! {
        locator => booking.locator.as_str(),
        route => ends.map_or_else(String::new, |(first, last)| format!("{} to {}", first.origin, last.destination)),
        day => ends.map_or_else(String::new, |(first, _)| first.departure.date().strftime("%-d %b %Y").to_string()),
        new_times => booking.segments.iter().any(|segment| {
            segment.status != SegmentStatus::Xx && segment.status != SegmentStatus::Un && segment.previous_departure.is_some()
        }),
        cancelled_flight => has(SegmentStatus::Un),
        total => booking.total.to_string(),
        time_limit => booking.time_limit.map_or_else(String::new, limit),
        segments => segments.collect::<Value>(),
        passengers => passengers.collect::<Value>(),
    }
}

fn of_segment(booking: &Booking, segment: &Segment, position: u8) -> Value {
    let seats = booking
        .seats
        .iter()
        .filter(|choice| choice.segment == position)
        .map(|choice| {
            let passenger = booking.passengers.get(usize::from(choice.passenger) - 1);
            context! {
                seat => choice.seat.to_string(),
                passenger => passenger.map(name).unwrap_or_default(),
            }
        });
    context! {
        flight => format!("{}{}", segment.carrier, segment.number),
        carrier => reference().carrier(segment.carrier).unwrap_or_default(),
        origin => place(segment.origin),
        destination => place(segment.destination),
        departure => local(segment.departure),
        arrival => local(segment.arrival),
        was_departure => before(segment.previous_departure, segment.departure),
        was_arrival => before(segment.previous_arrival, segment.arrival),
        cabin => segment.cabin.word(),
        notice => match segment.status {
            SegmentStatus::Hk => "",
            SegmentStatus::Hl => "on the waitlist",
            SegmentStatus::Un => "does not operate",
            SegmentStatus::Tk => "new times",
            SegmentStatus::Xx => "cancelled",
        },
        seats => seats.collect::<Value>(),
    }
}

/// The time that was known, where it is another one now.
fn before(known: Option<OffsetTime>, now: OffsetTime) -> String {
    known
        .filter(|known| *known != now)
        .map_or_else(String::new, local)
}

/// Until when a booking is held.
fn limit(limit: Instant) -> String {
    limit.0.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

fn name(passenger: &Passenger) -> String {
    format!("{} {}", passenger.given_name, passenger.surname)
}

/// Date and time on the airport's clocks.
pub(super) fn local(time: OffsetTime) -> String {
    time.local().strftime("%a %-d %b %Y, %H:%M").to_string()
}

/// An airport as passengers know it.
pub(super) fn place(code: AirportCode) -> String {
    match reference().find(code).map(|at| reference().airport(at)) {
        // Most are named after their cities.
        Some(airport) if airport.name.starts_with(&airport.city) => {
            format!("{code} {}", airport.name)
        }
        Some(airport) => format!("{code} {}, {}", airport.city, airport.name),
        None => code.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
