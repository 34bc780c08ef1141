//! Places from which files are fetched, for admins.

use airside_common::api::ingest::{IngestSource, SourceState};
use airside_common::time::Instant;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::store::screen::sources::{SourceChange, SourceView, Sources};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::frame::{list_parts, parts};
use crate::widgets::popup;
use crate::widgets::text::{fit, fold, put, span};

/// Columns from which on the list has room for addresses and errors.
const WIDE: usize = 120;

/// Columns of the box of one source.
const BOX: u16 = 72;

fn meaning_of(state: SourceState) -> Meaning {
    match state {
        SourceState::Idle | SourceState::Waiting => Meaning::Normal,
        SourceState::Polling => Meaning::Pending,
        SourceState::Paused => Meaning::Muted,
        SourceState::Failing => Meaning::Error,
        SourceState::Unattended => Meaning::Warning,
    }
}

/// How a source stands, or what is asked of it.
fn standing(
    state: &State,
    source: &IngestSource,
    asked: Option<SourceChange>,
) -> (Meaning, String) {
    if let Some(asked) = asked {
        let words = match asked {
            SourceChange::Pause => "pausing …",
            SourceChange::Resume => "resuming …",
            SourceChange::Poll => "asked to look …",
        };
        return (Meaning::Pending, words.to_owned());
    }
    let words = match (source.state, source.next_poll) {
        (SourceState::Failing, Some(next)) => {
            format!("backs off to {}", super::time_of(state, next))
        }
        (state, _) => state.word().to_owned(),
    };
    (meaning_of(source.state), words)
}

fn told(state: &State, at: Option<Instant>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| super::time_of(state, at))
}

pub(super) fn draw(state: &State, sources: &Sources, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let width = usize::from(parts.rows.width);
    let mut title = Vec::new();
    let mut tell = |meaning, text: String| title.push(span(text, theme.style(meaning)));
    match sources.read_at {
        None => tell(Meaning::Title, "  … sources".to_owned()),
        Some(read_at) => {
            let count = sources.items.len();
            let s = if count == 1 { "" } else { "s" };
            let at = super::time_of(state, Instant(read_at.wall));
            let old = if sources.is_old(state.now) {
                "old, "
            } else {
                ""
            };
            let text = format!("  {count} source{s}");
            tell(Meaning::Title, text);
            let meaning = if old.is_empty() {
                Meaning::Muted
            } else {
                Meaning::Warning
            };
            tell(meaning, format!("  {old}as of {at}"));
        }
    }
    let name_width = if width < WIDE { 16 } else { 34 };
    let header = format!(
        "  {}State                   Last look   Taken  Waiting  Refused{}",
        fit("Source", name_width),
        if width < WIDE {
            ""
        } else {
            "  Where, and what went wrong last"
        }
    );
    super::head(
        state,
        &parts,
        title,
        sources.error.as_deref(),
        &header,
        frame,
    );
    if sources.read_at.is_some() && sources.items.is_empty() {
        let words = "  None: sources are in the settings of the processes of the role ingest";
        let line = Line::from(span(words, theme.style(Meaning::Muted)));
        put(frame.buffer_mut(), parts.rows, 0, &line);
    }
    let items = sources.items.iter().enumerate().skip(sources.list.top);
    for (line, (at, source)) in (0..parts.rows.height).zip(items) {
        let (sign, selected) = super::cursor_of(state, at == sources.list.at);
        let asked = sources.asked_of(&source.name);
        let (meaning, words) = standing(state, source, asked);
        let style = selected.unwrap_or_else(|| theme.style(meaning));
        let more = if width < WIDE {
            String::new()
        } else {
            let error = source.last_error.as_deref().unwrap_or_default();
            format!("  {}  {error}", source.address)
        };
        let text = format!(
            "{sign} {}{}{}{:>5}{:>9}{:>9}{more}",
            fit(source.name.as_str(), name_width),
            fit(&words, 24),
            fit(&told(state, source.last_poll), 12),
            source.files_taken,
            source.files_waiting,
            source.files_refused,
        );
        let content = Line::from(span(fit(&text, width), style));
        put(frame.buffer_mut(), parts.rows, line, &content);
    }
}

/// All that is known of a source, in lines of the box.
fn lines(
    state: &State,
    sources: &Sources,
    view: &SourceView,
    columns: usize,
) -> Vec<(Meaning, String)> {
    let Some(source) = sources.source(&view.name) else {
        let words = "It is in nobody's settings any more.".to_owned();
        return vec![(Meaning::Warning, words)];
    };
    let asked = sources.asked_of(&source.name);
    let (meaning, words) = standing(state, source, asked);
    let next = match source.next_poll {
        Some(next) => super::time_of(state, next),
        None => "-".to_owned(),
    };
    let plain = [
        (Meaning::Normal, format!("Where      {}", source.address)),
        (meaning, format!("State      {words}")),
        (
            Meaning::Normal,
            format!("Last look  {}", told(state, source.last_poll)),
        ),
        (Meaning::Normal, format!("Next look  {next}")),
        (
            Meaning::Normal,
            format!(
                "Files      taken {}, still growing {}, refused {}",
                source.files_taken, source.files_waiting, source.files_refused
            ),
        ),
    ];
    let mut all = Vec::new();
    let mut tell = |meaning, text: &str| {
        all.extend(fold(text, columns).into_iter().map(|line| (meaning, line)));
    };
    for (meaning, text) in &plain {
        tell(*meaning, text);
    }
    if sources.is_old(state.now) {
        let at = sources.read_at.map(|at| Instant(at.wall));
        tell(
            Meaning::Warning,
            &format!("This is old, as of {}", told(state, at)),
        );
    }
    match (&source.last_error, source.last_error_at) {
        (Some(error), at) => {
            tell(Meaning::Normal, "");
            tell(Meaning::Label, &format!("Last error, {}", told(state, at)));
            tell(Meaning::Error, error);
        }
        (None, _) => tell(Meaning::Muted, "Nothing has gone wrong."),
    }
    all
}

fn columns_of(body: Rect) -> usize {
    usize::from(BOX.min(body.width.saturating_sub(4)))
}

/// Positions that the box can be scrolled to.
pub(super) fn length(state: &State, sources: &Sources, view: &SourceView) -> usize {
    let body = parts(Rect::new(0, 0, state.size.0, state.size.1)).body;
    let count = lines(state, sources, view, columns_of(body)).len();
    let height = usize::from(body.height.saturating_sub(2));
    count.saturating_sub(height) + 1
}

pub(super) fn draw_one(state: &State, view: &SourceView, body: Rect, frame: &mut Frame<'_>) {
    let Some(sources) = super::sources_of(&state.layers) else {
        return;
    };
    let lines = lines(state, sources, view, columns_of(body));
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inside = popup::draw(view.name.as_str(), state.theme, body, (BOX, height), frame);
    let lines: Vec<Line<'_>> = lines
        .into_iter()
        .map(|(meaning, text)| Line::from(span(text, state.theme.style(meaning))))
        .collect();
    super::scrolled(&lines, view.list.at, inside, frame);
}
