//! Themes: colours only help.

use ratatui::style::{Color, Modifier};
use rstest::rstest;

use super::scenes;
use crate::theme::Theme;
use crate::trial::desk::Desk;

/// Scenes in which something is chosen.
const CHOSEN: [&str; 9] = [
    "results",
    "bookings",
    "queues",
    "queue",
    "segments",
    "flights",
    "search_completing",
    "flight_form",
    "seats",
];

#[rstest]
#[case(Theme::Dark)]
#[case(Theme::Light)]
#[case(Theme::HighContrast)]
#[case(Theme::Plain)]
fn what_is_chosen_is_reversed_in_every_theme(#[case] theme: Theme) {
    let mut seen = 0;
    for (name, mut desk) in scenes::all() {
        if !CHOSEN.contains(&name) {
            continue;
        }
        seen += 1;
        desk.state.theme = theme;
        let buffer = desk.buffer(100, 30);
        // The bar at the top is reversed too.
        let below = &buffer.content[100..];
        let reversed = below
            .iter()
            .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
            .count();
        assert!(reversed >= 3, "{name} in {}", theme.name());
    }
    assert_eq!(seen, CHOSEN.len());
}

#[test]
fn without_colours_there_is_none() {
    for (name, mut desk) in scenes::all() {
        desk.state.theme = Theme::Plain;
        for cell in &desk.buffer(100, 30).content {
            let colours = (cell.fg, cell.bg);
            assert_eq!(colours, (Color::Reset, Color::Reset), "{name}");
        }
    }
}

#[test]
fn no_theme_paints_the_background() {
    for (name, mut desk) in scenes::all() {
        for theme in [Theme::Dark, Theme::Light, Theme::HighContrast] {
            desk.state.theme = theme;
            for cell in &desk.buffer(80, 24).content {
                assert_eq!(cell.bg, Color::Reset, "{name}");
            }
        }
    }
}

#[rstest]
#[case(Theme::Dark)]
#[case(Theme::Light)]
#[case(Theme::HighContrast)]
#[case(Theme::Plain)]
fn what_is_typed_over_is_reversed_in_every_theme(#[case] theme: Theme) {
    let mut desk = Desk::admin();
    desk.state.theme = theme;
    desk.types("<f4>/");
    let reversed = |desk: &Desk| {
        let buffer = desk.buffer(80, 24);
        let below = buffer.content[80..].iter();
        let cells = below.filter(|cell| cell.modifier.contains(Modifier::REVERSED));
        cells.map(ratatui::buffer::Cell::symbol).collect::<String>()
    };
    assert_eq!(reversed(&desk), "24NOV");
    desk.types("<end>");
    assert_eq!(reversed(&desk), "");
}
