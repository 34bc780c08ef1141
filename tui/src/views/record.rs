//! One booking in full.

use airside_common::api::bookings::Segment;
use airside_common::booking::{BookingStatus, SegmentStatus};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::bookings::status_of;
use crate::dates;
use crate::store::ledger::fold::{Pending, Row};
use crate::store::operation::OperationKind;
use crate::store::operation::Reference;
use crate::store::screen::bookings::{Fetched, History, Record};
use crate::store::screen::rebooking::SegmentChoice;
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::frame::{self, inset};
use crate::widgets::popup;
use crate::widgets::text::{fit, put, span, wrap};

pub(super) fn draw(state: &State, record: &Record, body: Rect, frame: &mut Frame<'_>) {
    let mut area = inset(body, 2);
    let Some(row) = state.ledger.row(&record.reference) else {
        let lines = absent(state, record, usize::from(area.width));
        super::scrolled(&lines, 0, area, frame);
        return;
    };
    let in_hand = row
        .locator
        .and_then(|locator| state.queues.in_hand_of(locator));
    if let Some(item) = in_hand {
        // Above what scrolls: it is always in view.
        let bar = super::queues::in_hand(state, item, usize::from(area.width));
        put(frame.buffer_mut(), area, 0, &bar);
        area = frame::lines(area, 1, area.height);
    }
    let lines = record_lines(state, &row, record);
    super::scrolled(&lines, record.scroll, area, frame);
}

/// Why there is nothing of the booking to be shown.
fn absent(state: &State, record: &Record, columns: usize) -> Vec<Line<'static>> {
    let theme = state.theme;
    let muted = |text: &str| Line::from(span(text.to_owned(), theme.style(Meaning::Muted)));
    let mut lines = vec![Line::default()];
    match (&record.reference, &record.fetched) {
        (Reference::Known(locator), _) if state.live.is_reading(*locator) => {
            lines.push(muted("Reading …"));
        }
        (_, Fetched::Failed(why)) => {
            let style = theme.style(Meaning::Error);
            let why = wrap(&format!("✗ {why}"), columns).into_iter();
            lines.extend(why.map(|line| Line::from(span(line, style))));
            lines.extend(super::reads_again(state).map(|text| muted(&text)));
        }
        (_, Fetched::Gone) => lines.push(muted("The booking is no longer there.")),
        (Reference::Known(_), Fetched::Read) => {
            lines.push(muted("It has not been read yet."));
            lines.extend(super::reads_again(state).map(|text| muted(&text)));
        }
        (Reference::Pending(_), Fetched::Read) => lines.push(muted("It was not booked.")),
    }
    lines
}

fn record_lines(state: &State, row: &Row<'_>, record: &Record) -> Vec<Line<'static>> {
    let theme = state.theme;
    let label = |text: &str| span(text.to_owned(), theme.style(Meaning::Label));
    let normal = |text: String| span(text, theme.style(Meaning::Normal));
    let muted = |text: String| span(text, theme.style(Meaning::Muted));
    let (status, meaning) = status_of(row);
    let mut lines = vec![
        Line::default(),
        Line::from(vec![
            span(row.locator_text(), theme.style(Meaning::Title)),
            normal("   ".to_owned()),
            span(status.to_owned(), theme.style(meaning)),
            muted(match row.pending {
                Some(Pending::Queued | Pending::Sending) => {
                    "   waits for the server; you can go on".to_owned()
                }
                Some(Pending::Unanswered) => {
                    "   no answer yet; it is asked again, and never done twice".to_owned()
                }
                None if row.status == BookingStatus::Waitlisted => {
                    "   confirmed by itself once there are seats for all".to_owned()
                }
                _ => String::new(),
            }),
        ]),
        Line::default(),
    ];
    if let Fetched::Failed(why) = &record.fetched {
        let text = format!("✗ Not read again: {why}");
        lines.push(Line::from(span(text, theme.style(Meaning::Error))));
        lines.push(Line::default());
    }
    for (at, segment) in row.segments.iter().enumerate() {
        let pending = is_pending(row, at, segment);
        lines.push(segment_line(state, at, segment, pending));
        lines.extend(was(state, segment));
    }
    lines.push(Line::default());
    for (at, passenger) in row.passengers.iter().enumerate() {
        let mut text = format!(
            "{:>2}  {}/{}",
            at + 1,
            passenger.surname,
            passenger.given_name
        );
        if let Some(title) = &passenger.title {
            text = format!("{text} {title}");
        }
        let mut words = passenger.kind.word().to_owned();
        if let Some(born) = passenger.date_of_birth {
            words = format!("{words} {born}");
        }
        let seats = row
            .seats
            .iter()
            .filter(|s| usize::from(s.passenger) == at + 1)
            .filter_map(|s| {
                let segment = row.segments.get(usize::from(s.segment).checked_sub(1)?)?;
                Some(format!("{}{}: {}", segment.carrier, segment.number, s.seat))
            })
            .collect::<Vec<_>>()
            .join("  ");
        lines.push(Line::from(vec![
            normal(fit(&text, 40)),
            muted(format!(" {words}")),
            normal(if seats.is_empty() {
                String::new()
            } else {
                format!("   {seats}")
            }),
        ]));
    }
    lines.push(Line::default());
    let contact = [
        row.contact.email.as_ref().map(ToString::to_string),
        row.contact.phone.as_ref().map(ToString::to_string),
    ];
    let contact = contact
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("   ");
    lines.push(Line::from(vec![label("Contact  "), normal(contact)]));
    let total = row.total.map_or_else(|| "—".to_owned(), |t| t.to_string());
    lines.push(Line::from(vec![
        label("Total    "),
        span(total, theme.style(Meaning::Figure)),
    ]));
    if let Some(limit) = row
        .time_limit
        .filter(|_| row.status != BookingStatus::Cancelled)
    {
        let until = limit.to_zoned(state.zone.clone());
        lines.push(Line::from(vec![
            label("Held     "),
            span(
                format!(
                    "until {} {}",
                    dates::full(until.date()),
                    until.strftime("%H:%M")
                ),
                theme.style(Meaning::Warning),
            ),
        ]));
    }
    let at = row.created_at.to_zoned(state.zone.clone());
    let by = match (row.created_by, row.office) {
        (Some(user), Some(office)) => format!("  by {user} of {office}"),
        _ => String::new(),
    };
    lines.push(Line::from(vec![
        label("Made     "),
        muted(format!(
            "{} {}{by}",
            dates::full(at.date()),
            at.strftime("%H:%M")
        )),
    ]));
    match &record.history {
        History::Closed => {}
        History::Asked => lines.push(Line::from(muted("History …".to_owned()))),
        History::Failed(why) => {
            lines.push(Line::from(span(why.clone(), theme.style(Meaning::Error))));
        }
        History::Open(entries) => {
            lines.push(Line::default());
            lines.push(Line::from(label("History")));
            for entry in entries {
                let at = entry.at.0.to_zoned(state.zone.clone());
                lines.push(Line::from(vec![
                    muted(format!(
                        "{:>3}  {} {}  ",
                        entry.version,
                        dates::short(at.date()),
                        at.strftime("%H:%M:%S")
                    )),
                    normal(format!("{}  {}  {}", entry.action, entry.by, entry.detail)),
                ]));
            }
        }
    }
    lines
}

/// Whether a segment is not yet as it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is what the server said.
    Known,
    /// What it becomes is known before the server has said it.
    Expected,
    /// What it becomes, the server will say.
    Pending,
}

fn is_pending(row: &Row<'_>, at: usize, segment: &Segment) -> Standing {
    let rebooks = |kind: &OperationKind| matches!(kind, OperationKind::Rebook { .. });
    match (row.operation, row.truth) {
        (Some(operation), Some(truth)) if rebooks(&operation.kind) => {
            if truth.segments.get(at) == Some(segment) {
                Standing::Known
            } else {
                Standing::Expected
            }
        }
        _ if row.pending.is_some() => Standing::Pending,
        _ => Standing::Known,
    }
}

/// Columns of a segment's line before its times.
const BEFORE_TIMES: usize = 33;

/// A line with the times that the party knew, below those that the flight has now.
fn was(state: &State, segment: &Segment) -> Option<Line<'static>> {
    let (departure, arrival) = segment.previous_departure.zip(segment.previous_arrival)?;
    let moved = departure.date() != segment.departure.date();
    let day = if moved {
        dates::with_weekday(departure.date())
    } else {
        String::new()
    };
    let style = state.theme.style(Meaning::Muted);
    Some(Line::from(span(
        format!(
            "{}{}{} {}{}",
            fit("    was", 14),
            fit(&day, BEFORE_TIMES - 14),
            dates::clock(departure),
            dates::clock(arrival),
            dates::day_change(departure, arrival)
        ),
        style,
    )))
}

fn segment_line(state: &State, at: usize, segment: &Segment, standing: Standing) -> Line<'static> {
    let theme = state.theme;
    let flight = format!("{}{}", segment.carrier, segment.number);
    let given_up = segment.status == SegmentStatus::Xx;
    let normal = if given_up {
        Meaning::Muted
    } else {
        Meaning::Normal
    };
    let meaning = match segment.status {
        _ if standing != Standing::Known => Meaning::Pending,
        SegmentStatus::Un => Meaning::Error,
        SegmentStatus::Hl | SegmentStatus::Tk => Meaning::Warning,
        SegmentStatus::Xx => Meaning::Muted,
        SegmentStatus::Hk => Meaning::Good,
    };
    let aside = match segment.status {
        SegmentStatus::Un => "   flight cancelled".to_owned(),
        SegmentStatus::Xx => "   given up".to_owned(),
        SegmentStatus::Tk => "   new times".to_owned(),
        _ => format!("   {}  {}", segment.cabin, segment.aircraft),
    };
    Line::from(vec![
        span(format!("{:>2}  ", at + 1), theme.style(Meaning::Muted)),
        span(
            fit(&flight, 7),
            theme.style(if given_up {
                Meaning::Muted
            } else {
                Meaning::Figure
            }),
        ),
        span(
            format!(
                "{}  {}  {}-{}  ",
                segment.cabin.letter(),
                dates::with_weekday(segment.departure.date()),
                segment.origin,
                segment.destination,
            ),
            theme.style(normal),
        ),
        span(
            format!(
                "{} {}   ",
                dates::clock(segment.departure),
                fit(
                    &format!(
                        "{}{}",
                        dates::clock(segment.arrival),
                        dates::day_change(segment.departure, segment.arrival)
                    ),
                    7
                ),
            ),
            theme.style(if segment.status == SegmentStatus::Tk {
                Meaning::Warning
            } else {
                normal
            }),
        ),
        span(
            if standing == Standing::Pending {
                "··".to_owned()
            } else {
                segment.status.code().to_owned()
            },
            theme.style(meaning),
        ),
        span(
            aside,
            theme.style(match segment.status {
                SegmentStatus::Tk | SegmentStatus::Un => meaning,
                _ => Meaning::Muted,
            }),
        ),
    ])
}

/// Columns of the box in which a flight is chosen.
const CHOICE: u16 = 40;

/// Which flight of a booking is to be replaced.
pub(super) fn draw_segments(
    state: &State,
    choice: &SegmentChoice,
    body: Rect,
    frame: &mut Frame<'_>,
) {
    let height = u16::try_from(choice.segments.len()).unwrap_or(u16::MAX);
    let title = format!("Rebook which flight of {}?", choice.locator);
    let inside = popup::draw(&title, state.theme, body, (CHOICE, height), frame);
    for (line, (at, segment)) in
        (0..inside.height).zip(choice.segments.iter().enumerate().skip(choice.list.top))
    {
        let (sign, selected) = super::cursor_of(state, at == choice.list.at);
        let style = selected.unwrap_or_else(|| state.theme.style(Meaning::Normal));
        let text = format!("{sign}{:>2}  {}", segment.at + 1, segment.words);
        let text = fit(&text, usize::from(inside.width));
        put(
            frame.buffer_mut(),
            inside,
            line,
            &Line::from(span(text, style)),
        );
    }
}
