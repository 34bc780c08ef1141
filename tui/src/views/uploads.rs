//! Uploaded files for admins.

use airside_common::api::uploads::{FindingKind, Upload};
use airside_common::upload::UploadStatus;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::store::screen::Loading;
use crate::store::screen::uploads::{Findings, UploadForm, UploadView, Uploads};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::form::{self, Shape};
use crate::widgets::frame::{inset, lines, list_parts};
use crate::widgets::text::{cut, fit, put, span};

/// Columns of a gauge.
const GAUGE: usize = 12;

/// How much of something is done, as a bar.
fn gauge(done: u64, total: u64) -> String {
    let part = |of: u64| {
        let share = (done.min(total) * of).checked_div(total);
        share.unwrap_or_default()
    };
    let full = usize::try_from(part(GAUGE as u64)).unwrap_or(GAUGE);
    format!(
        "{}{} {:>3}%",
        "█".repeat(full),
        "░".repeat(GAUGE - full),
        part(100)
    )
}

fn meaning_of(status: UploadStatus) -> Meaning {
    match status {
        UploadStatus::Queued | UploadStatus::Processing => Meaning::Pending,
        UploadStatus::Completed => Meaning::Normal,
        UploadStatus::Failed => Meaning::Error,
        UploadStatus::Cancelled => Meaning::Muted,
    }
}

fn name_of(upload: &Upload) -> String {
    let name = upload
        .filename
        .clone()
        .unwrap_or_else(|| "(no name)".to_owned());
    if upload.dry_run {
        format!("{name} (dry run)")
    } else {
        name
    }
}

/// A number with its thousands apart.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(super) fn draw(state: &State, uploads: &Uploads, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let pages = &uploads.pages;
    let count = match pages.loading {
        Loading::Awaited(_) if pages.items.is_empty() => "…".to_owned(),
        _ => format!("{} files", pages.count()),
    };
    let mut title = vec![span(format!("  {count}"), theme.style(Meaning::Title))];
    if let Some(sending) = &uploads.sending {
        let text = format!(
            "  sending {}  {}",
            sending.path,
            gauge(sending.sent, sending.total)
        );
        title.push(span(text, theme.style(Meaning::Pending)));
    }
    let columns = "  File                      Status      Read                     Rows  Rejected";
    super::head(state, &parts, title, pages.error.as_deref(), columns, frame);
    for (line, (at, upload)) in
        (0..parts.rows.height).zip(pages.items.iter().enumerate().skip(pages.list.top))
    {
        let (sign, selected) = super::cursor_of(state, at == pages.list.at);
        let style = selected.unwrap_or_else(|| theme.style(meaning_of(upload.status)));
        let text = format!(
            "{sign} {}{}{}{:>12}{:>10}",
            fit(&name_of(upload), 26),
            fit(upload.status.word(), 12),
            gauge(upload.bytes_done, upload.bytes_total),
            number(upload.rows_done),
            number(upload.rows_rejected),
        );
        put(
            frame.buffer_mut(),
            parts.rows,
            line,
            &Line::from(span(fit(&text, usize::from(parts.rows.width)), style)),
        );
    }
}

pub(super) fn draw_one(state: &State, view: &UploadView, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let upload = &view.upload;
    let area = inset(body, 2);
    let width = usize::from(area.width);
    let would = if upload.dry_run { "would be " } else { "" };
    let mut told = vec![
        (
            Meaning::Title,
            format!(
                "{}  {}",
                name_of(upload),
                upload.format.as_deref().unwrap_or("")
            ),
        ),
        (
            Meaning::Muted,
            format!(
                "from {}, {}",
                upload.created_by,
                super::short_time_of(state, upload.created_at)
            ),
        ),
        (
            meaning_of(upload.status),
            format!(
                "{}  {}  {} of {} bytes",
                upload.status,
                gauge(upload.bytes_done, upload.bytes_total),
                number(upload.bytes_done),
                number(upload.bytes_total)
            ),
        ),
        (
            Meaning::Normal,
            format!(
                "{would}created {}   {would}updated {}   unchanged {}   rejected {}",
                number(upload.rows_created),
                number(upload.rows_updated),
                number(upload.rows_unchanged),
                number(upload.rows_rejected)
            ),
        ),
    ];
    if upload.rows_noted > 0 || upload.rows_withdrawn > 0 {
        told.push((
            Meaning::Normal,
            format!(
                "notes {}   flights that the file does not have {} (none is cancelled)",
                number(upload.rows_noted),
                number(upload.rows_withdrawn)
            ),
        ));
    }
    if let Some(error) = &upload.error {
        told.push((Meaning::Error, error.clone()));
    }
    if upload.duplicate_of.is_some() {
        told.push((Meaning::Muted, "The same content came before.".to_owned()));
    }
    if !upload.differences.is_empty() {
        told.push((
            Meaning::Label,
            "Flight              What               Is → would be".to_owned(),
        ));
    }
    for (line, (meaning, text)) in (0..area.height).zip(&told) {
        let line_of = Line::from(span(cut(text, width), theme.style(*meaning)));
        put(frame.buffer_mut(), area, line, &line_of);
    }
    let above = u16::try_from(told.len()).unwrap_or(0);
    let rest = lines(area, above, area.height);
    let differences = upload.differences.iter().enumerate().skip(view.list.top);
    for (line, (at, difference)) in (0..rest.height).zip(differences) {
        let style = if at == view.list.at {
            theme.style(Meaning::Selected)
        } else {
            theme.style(Meaning::Normal)
        };
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        let text = format!(
            "{}{}{} → {}",
            fit(&difference.flight, 20),
            fit(&difference.field, 19),
            side(&difference.before),
            side(&difference.after)
        );
        put(
            frame.buffer_mut(),
            rest,
            line,
            &Line::from(span(fit(&text, width), style)),
        );
    }
}

pub(super) fn draw_form(state: &State, upload: &UploadForm, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let area = inset(body, 4);
    let title = span("Upload a file of flights", theme.style(Meaning::Title));
    put(frame.buffer_mut(), area, 0, &Line::from(title));
    let fields = lines(area, 2, area.height);
    form::draw(&upload.form, theme, fields, Shape::Lines, frame);
    let below = lines(area, 10, area.height);
    let width = usize::from(below.width);
    for (line, choice) in (0..below.height).zip(&upload.choices) {
        let text = Line::from(span(cut(choice, width), theme.style(Meaning::Muted)));
        put(frame.buffer_mut(), below, line, &text);
    }
}

pub(super) fn draw_findings(state: &State, findings: &Findings, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let what = match findings.kind {
        FindingKind::Rejected => "rows that were not taken",
        FindingKind::Noted => "notes",
        FindingKind::Withdrawn => "flights that the file does not have; none is cancelled",
    };
    let (meaning, title) = match (&findings.error, &findings.items) {
        (Some(error), _) => (Meaning::Error, format!("  {error}")),
        (None, None) => (Meaning::Title, format!("  … {what}")),
        (None, Some(items)) if items.len() >= 1000 => (
            Meaning::Title,
            format!("  The first 1,000 {what}; a file has all of them"),
        ),
        (None, Some(items)) => (Meaning::Title, format!("  {} {what}", items.len())),
    };
    let width = usize::from(parts.rows.width);
    let title = Line::from(span(cut(&title, width), theme.style(meaning)));
    put(frame.buffer_mut(), parts.title, 0, &title);
    put(
        frame.buffer_mut(),
        parts.header,
        0,
        &Line::from(span(
            "     Line  Column          Value               Reason",
            theme.style(Meaning::Label),
        )),
    );
    let items = findings.items.iter().flatten().enumerate();
    for (line, (at, found)) in (0..parts.rows.height).zip(items.skip(findings.list.top)) {
        let (sign, selected) = super::cursor_of(state, at == findings.list.at);
        let style = selected.unwrap_or_else(|| theme.style(Meaning::Normal));
        let text = format!(
            "{sign}{:>8}  {}{}{}",
            found.line,
            fit(&found.column, 16),
            fit(&found.value, 20),
            found.reason
        );
        put(
            frame.buffer_mut(),
            parts.rows,
            line,
            &Line::from(span(fit(&text, width), style)),
        );
    }
}
