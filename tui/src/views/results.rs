//! What can be flown, as a table, and one itinerary in full.

use airside_common::api::search::{Itinerary, ItineraryQuery};
use airside_common::flight::{Cabin, FlightStatus};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::dates;
use crate::store::screen::Loading;
use crate::store::screen::rebooking::Purpose;
use crate::store::screen::results::{
    Details, Results, common_cabins, fare, offered_cabin, seats_left,
};
use crate::store::state::State;
use crate::theme::Meaning;
use crate::widgets::frame::list_parts;
use crate::widgets::popup;
use crate::widgets::text::{cut, fit, fit_right, put, span};

/// Columns from which on there is room for more.
const WIDE: u16 = 143;

pub(super) fn draw(state: &State, results: &Results, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let parts = list_parts(body);
    let wide = body.width >= WIDE;
    let flights = if wide { 22 } else { 15 };
    put(
        frame.buffer_mut(),
        parts.title,
        0,
        &title(state, results, body.width),
    );
    let flexible = results.query.flexible_days > 0;
    let day = if flexible { "Date     " } else { "" };
    let mut header = format!(
        "  {}{day}Dep   Arr     Time   {}",
        fit("Flights", flights),
        if flexible && !wide {
            "S ".to_owned()
        } else {
            fit("Stops", stops_width(flexible, wide))
        }
    );
    if wide {
        header.push_str(&fit("From - to", 36));
        header.push_str("Equip.       ");
    }
    header.push_str("Seats            ");
    header.push_str(&fit_right("Fare", 13));
    put(
        frame.buffer_mut(),
        parts.header,
        0,
        &Line::from(span(header, theme.style(Meaning::Label))),
    );
    if results.pages.items.is_empty() {
        let (meaning, text) = match (&results.pages.error, results.pages.loading) {
            (Some(error), _) => (Meaning::Error, error.clone()),
            (None, Loading::Awaited(_)) => (Meaning::Muted, "Searching …".to_owned()),
            (None, Loading::No) => (
                Meaning::Normal,
                "Nothing flies there on that day. ← and → try the days around it.".to_owned(),
            ),
        };
        let text = format!("  {text}");
        put(
            frame.buffer_mut(),
            parts.rows,
            1,
            &Line::from(span(text, theme.style(meaning))),
        );
        return;
    }
    let visible = results
        .pages
        .items
        .iter()
        .enumerate()
        .skip(results.pages.list.top);
    for (line, (at, itinerary)) in (0..parts.rows.height).zip(visible) {
        let here = at == results.pages.list.at;
        let row = row(
            state,
            itinerary,
            &results.query,
            (here, wide),
            parts.rows.width,
        );
        put(frame.buffer_mut(), parts.rows, line, &row);
    }
}

fn title(state: &State, results: &Results, width: u16) -> Line<'static> {
    let theme = state.theme;
    let query = &results.query;
    let place = |code| {
        state
            .airports
            .place(code)
            .map_or_else(|| code.to_string(), |place| format!("{code} {place}"))
    };
    let mut words = vec![];
    if let Some(cabin) = query.cabin {
        words.push(cabin.to_string());
    }
    if query.passengers > 1 {
        words.push(format!("{} passengers", query.passengers));
    }
    if let Some(carrier) = query.carrier {
        words.push(format!("{carrier} only"));
    }
    if let Some(earliest) = &query.earliest {
        words.push(format!("from {earliest}"));
    }
    if let Some(latest) = &query.latest {
        words.push(format!("until {latest}"));
    }
    words.push(format!("by {}", results.sort_word()));
    match results.pages.loading {
        Loading::Awaited(_) => words.push("…".to_owned()),
        Loading::No => words.push(format!("{} found", results.pages.count())),
    }
    let route = format!("  {} - {}", place(query.origin), place(query.destination));
    let day = format!("  {}", dates::full(query.date.0));
    let rest = format!("   {}", words.join(", "));
    let room = usize::from(width).saturating_sub(day.len());
    if let Purpose::Replace(replaced) = &results.purpose {
        let instead = format!("  {}: instead of {}", replaced.locator, replaced.words);
        return Line::from(vec![
            span(cut(&instead, room), theme.style(Meaning::Title)),
            span(day, theme.style(Meaning::Figure)),
            span(rest, theme.style(Meaning::Muted)),
        ]);
    }
    Line::from(vec![
        span(cut(&route, room), theme.style(Meaning::Title)),
        span(day, theme.style(Meaning::Figure)),
        span(rest, theme.style(Meaning::Muted)),
    ])
}

fn row(
    state: &State,
    itinerary: &Itinerary,
    query: &ItineraryQuery,
    (here, wide): (bool, bool),
    width: u16,
) -> Line<'static> {
    let theme = state.theme;
    let (Some(first), Some(last)) = (itinerary.segments.first(), itinerary.segments.last()) else {
        return Line::default();
    };
    let flights = itinerary
        .segments
        .iter()
        .map(|s| format!("{}{}", s.carrier, s.number))
        .collect::<Vec<_>>()
        .join(" ");
    let via: Vec<String> = itinerary
        .segments
        .iter()
        .skip(1)
        .map(|s| s.origin.to_string())
        .collect();
    let number_alone = stops_width(query.flexible_days > 0, wide) == NARROW_STOPS;
    let stops = if number_alone {
        via.len().to_string()
    } else if via.is_empty() {
        "nonstop".to_owned()
    } else {
        format!("{} {}", via.len(), via.join(" "))
    };
    let cabin = offered_cabin(itinerary, query, &state.ledger);
    let open = cabin
        .and_then(|c| seats_left(itinerary, c, &state.ledger))
        .is_some_and(|left| left >= u32::from(query.passengers));
    let fare_text = cabin
        .and_then(|c| {
            let total = fare(itinerary, c)?.times(u32::from(query.passengers))?;
            Some(format!("{} {}", total.amount(), total.currency().code()))
        })
        .unwrap_or_default();
    let flies = itinerary
        .segments
        .iter()
        .all(|s| s.status == FlightStatus::Scheduled);
    let plain = theme.style(if open && flies {
        Meaning::Normal
    } else {
        Meaning::Muted
    });
    let (sign, selected) = super::cursor_of(state, here);
    let style = |own: Style| selected.unwrap_or(own);
    let strong = style(theme.style(if open {
        Meaning::Figure
    } else {
        Meaning::Muted
    }));
    let plain = style(plain);
    let mut spans: Vec<Span<'static>> = vec![
        span(format!("{sign} "), style(theme.style(Meaning::Key))),
        span(fit(&flights, if wide { 22 } else { 15 }), plain),
    ];
    if query.flexible_days > 0 {
        spans.push(span(
            format!("{} ", dates::with_weekday(first.departure.date())),
            plain,
        ));
    }
    spans.push(span(format!("{} ", dates::clock(first.departure)), strong));
    spans.push(span(
        fit(
            &format!(
                "{}{}",
                dates::clock(last.arrival),
                dates::day_change(first.departure, last.arrival)
            ),
            8,
        ),
        strong,
    ));
    spans.push(span(
        fit(&dates::minutes(i64::from(itinerary.duration_minutes)), 7),
        plain,
    ));
    spans.push(span(
        fit(&stops, stops_width(query.flexible_days > 0, wide)),
        plain,
    ));
    if wide {
        let names = itinerary
            .segments
            .iter()
            .map(|s| s.origin)
            .chain([last.destination])
            .map(|code| {
                state
                    .airports
                    .place(code)
                    .map_or_else(|| code.to_string(), str::to_owned)
            })
            .collect::<Vec<_>>()
            .join(" - ");
        spans.push(span(fit(&names, 35) + " ", plain));
        let equipment = itinerary
            .segments
            .iter()
            .map(|s| s.aircraft.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        spans.push(span(fit(&equipment, 13), plain));
    }
    let mut seats = Vec::new();
    let mut used = 0;
    for cabin_of in common_cabins(itinerary) {
        let left = seats_left(itinerary, cabin_of, &state.ledger).unwrap_or_default();
        let text = format!("{}{left} ", cabin_of.letter());
        used += text.len();
        let meaning = if left == 0 {
            Meaning::Muted
        } else if Some(cabin_of) == cabin {
            Meaning::Figure
        } else {
            Meaning::Normal
        };
        seats.push(span(text, style(theme.style(meaning))));
    }
    spans.extend(seats);
    spans.push(span(" ".repeat(17_usize.saturating_sub(used)), plain));
    spans.push(span(fit_right(&fare_text, 13), strong));
    let line = Line::from(spans);
    let rest = usize::from(width).saturating_sub(line.width());
    let mut line = line;
    if here {
        line.push_span(span(" ".repeat(rest), plain));
    }
    line
}

pub(super) fn draw_details(state: &State, details: &Details, body: Rect, frame: &mut Frame<'_>) {
    let theme = state.theme;
    let lines = detail_lines(state, &details.itinerary, &details.query);
    let size = (
        body.width.saturating_sub(6).min(90),
        u16::try_from(lines.len())
            .unwrap_or(20)
            .min(body.height.saturating_sub(2)),
    );
    let inside = popup::draw("Itinerary", theme, body, size, frame);
    super::scrolled(&lines, details.scroll, inside, frame);
}

fn detail_lines(
    state: &State,
    itinerary: &Itinerary,
    query: &ItineraryQuery,
) -> Vec<Line<'static>> {
    let theme = state.theme;
    let label = theme.style(Meaning::Label);
    let muted = theme.style(Meaning::Muted);
    let figure = theme.style(Meaning::Figure);
    let normal = theme.style(Meaning::Normal);
    let place = |code| {
        state.airports.get(code).map_or_else(
            || code.to_string(),
            |a| {
                format!(
                    "{code} {}, {}",
                    if a.city.is_empty() { &a.name } else { &a.city },
                    a.name
                )
            },
        )
    };
    let mut lines = Vec::new();
    for (at, segment) in itinerary.segments.iter().enumerate() {
        if at > 0 {
            let before = &itinerary.segments[at - 1];
            let wait = segment
                .departure
                .instant()
                .duration_since(before.arrival.instant())
                .as_mins();
            lines.push(Line::from(span(
                format!(
                    "      connection in {}  {}",
                    segment.origin,
                    dates::minutes(wait)
                ),
                theme.style(Meaning::Warning),
            )));
        }
        let flown = segment
            .arrival
            .instant()
            .duration_since(segment.departure.instant())
            .as_mins();
        lines.push(Line::from(vec![
            span(format!("{}{}", segment.carrier, segment.number), figure),
            span(
                format!("  {}", dates::full(segment.departure.date())),
                normal,
            ),
            span(
                format!(
                    "  equipment {}  {}",
                    segment.aircraft,
                    dates::minutes(flown)
                ),
                muted,
            ),
            span(
                if segment.status == FlightStatus::Cancelled {
                    "  CANCELLED"
                } else {
                    ""
                },
                theme.style(Meaning::Error),
            ),
        ]));
        lines.push(Line::from(vec![
            span(format!("  {}   ", dates::clock(segment.departure)), figure),
            span(place(segment.origin), normal),
        ]));
        let arrival = format!(
            "{}{}",
            dates::clock(segment.arrival),
            dates::day_change(segment.departure, segment.arrival)
        );
        lines.push(Line::from(vec![
            span(format!("  {} ", fit(&arrival, 7)), figure),
            span(place(segment.destination), normal),
        ]));
        let mut offers = vec![span("  ", label)];
        for offer in &segment.cabins {
            let pending = state.ledger.pending_seats(segment.flight_id, offer.cabin);
            let left = usize::try_from(offer.available)
                .unwrap_or(usize::MAX)
                .saturating_sub(pending);
            offers.push(span(format!("{}{left} ", offer.cabin.letter()), label));
            offers.push(span(format!("{}   ", offer.fare.amount()), normal));
        }
        lines.push(Line::from(offers));
    }
    lines.push(Line::default());
    let cabin: Option<Cabin> = offered_cabin(itinerary, query, &state.ledger);
    let total = cabin.and_then(|c| fare(itinerary, c)?.times(u32::from(query.passengers)));
    if let (Some(cabin), Some(total)) = (cabin, total) {
        lines.push(Line::from(vec![
            span(format!("{} in {cabin}: ", people(query.passengers)), label),
            span(total.to_string(), figure),
            span(
                format!(
                    "   {} in all",
                    dates::minutes(i64::from(itinerary.duration_minutes))
                ),
                muted,
            ),
        ]));
    }
    lines
}

/// Columns of the stops where there is room for their number alone.
const NARROW_STOPS: usize = 2;

/// Columns of the stops: where the date needs its own, their number alone.
fn stops_width(flexible: bool, wide: bool) -> usize {
    if flexible && !wide { NARROW_STOPS } else { 10 }
}

fn people(count: u8) -> String {
    if count == 1 {
        "1 passenger".to_owned()
    } else {
        format!("{count} passengers")
    }
}
