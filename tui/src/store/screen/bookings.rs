//! The bookings of the office, and one of them.

use airside_common::api::bookings::HistoryEntry;
use airside_common::booking::OperationKey;

use super::Loading;
use crate::store::form::Form;
use crate::store::ledger::Ledger;
use crate::store::ledger::fold::Row;
use crate::store::list::ListCursor;
use crate::store::operation::{Draft, OperationKind, Reference};

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Bookings {
    /// What the list is narrowed by: a surname, a locator, a flight, a status, an airport.
    pub(crate) filter: String,
    /// The filter while it is typed.
    pub(crate) filtering: Option<Form>,
    /// The line under the cursor, held by what it is and not by where.
    pub(crate) selected: Option<Chosen>,
    pub(crate) list: ListCursor,
    pub(crate) loading: Loading,
    pub(crate) next_cursor: Option<String>,
    pub(crate) error: Option<String>,
}

/// What a line stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    Booking(Reference),
    Draft(OperationKey),
}

/// A line of the list.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    /// A booking that was refused or taken back, ready to be corrected.
    Draft(&'a Draft),
    Booking(Box<Row<'a>>),
}

impl Line<'_> {
    pub(crate) fn chosen(&self) -> Chosen {
        match self {
            Self::Draft(draft) => Chosen::Draft(draft.operation.key.clone()),
            Self::Booking(row) => Chosen::Booking(row.reference.clone()),
        }
    }
}

/// One booking.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) reference: Reference,
    pub(crate) fetched: Fetched,
    pub(crate) history: History,
    pub(crate) scroll: usize,
}

/// What the server last said when a record's booking was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The booking, or nothing yet.
    #[default]
    Read,
    /// It was not read; why.
    Failed(String),
    /// It is no longer there, or no longer to be seen.
    Gone,
}

/// The history of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum History {
    Closed,
    Asked,
    Open(Vec<HistoryEntry>),
    Failed(String),
}

impl Record {
    pub(crate) fn new(reference: Reference) -> Self {
        Self {
            reference,
            fetched: Fetched::default(),
            history: History::Closed,
            scroll: 0,
        }
    }
}

impl Bookings {
    pub(crate) fn new() -> Self {
        Self {
            filter: String::new(),
            filtering: None,
            selected: None,
            list: ListCursor::default(),
            loading: Loading::No,
            next_cursor: None,
            error: None,
        }
    }

    /// Whether the filter is being typed.
    pub(crate) fn typing(&self) -> bool {
        self.filtering.is_some()
    }

    /// The lines: drafts first, then bookings, the newest first.
    pub(crate) fn lines<'a>(&self, ledger: &'a Ledger) -> Vec<Line<'a>> {
        let words: Vec<String> = self
            .filter
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let drafts = ledger
            .drafts()
            .filter(|draft| matches!(draft.operation.kind, OperationKind::Create { .. }))
            .filter(|draft| words.is_empty() || fits(&draft_text(draft), &words))
            .map(Line::Draft);
        let rows = ledger
            .rows()
            .into_iter()
            .filter(|row| words.is_empty() || fits(&row_text(row), &words))
            .map(|row| Line::Booking(Box::new(row)));
        drafts.chain(rows).collect()
    }

    /// Where the chosen line stands now: a booking that was pending is followed to its locator.
    pub(crate) fn position(&self, lines: &[Line<'_>], ledger: &Ledger) -> Option<usize> {
        let wanted = match self.selected.as_ref()? {
            Chosen::Booking(reference) => Chosen::Booking(ledger.resolve(reference)),
            draft @ Chosen::Draft(_) => draft.clone(),
        };
        lines.iter().position(|line| line.chosen() == wanted)
    }

    /// Brings cursor and view to the chosen line, or the choice to the cursor where its line has gone.
    pub(crate) fn follow(&mut self, ledger: &Ledger, height: usize) {
        let lines = self.lines(ledger);
        let to = self.position(&lines, ledger).unwrap_or(self.list.at);
        self.list.go(to, lines.len(), height);
        self.selected = lines.get(self.list.at).map(Line::chosen);
    }
}

fn fits(text: &str, words: &[String]) -> bool {
    words.iter().all(|word| text.contains(word))
}

fn row_text(row: &Row<'_>) -> String {
    let mut text = format!("{} {}", row.locator_text(), row.status);
    for passenger in row.passengers {
        text.extend([format!(" {} {}", passenger.surname, passenger.given_name)]);
    }
    for segment in row.segments {
        text.extend([format!(
            " {}{} {} {} {}",
            segment.carrier,
            segment.number,
            segment.origin,
            segment.destination,
            crate::dates::short(segment.departure.date())
        )]);
    }
    text.to_lowercase()
}

fn draft_text(draft: &Draft) -> String {
    let mut text = draft.reason.word().to_owned();
    if let OperationKind::Create { body, preview } = &draft.operation.kind {
        for passenger in &body.passengers {
            text.extend([format!(" {} {}", passenger.surname, passenger.given_name)]);
        }
        for segment in &preview.segments {
            text.extend([format!(" {}{}", segment.carrier, segment.number)]);
        }
    }
    text.to_lowercase()
}
