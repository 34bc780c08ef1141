//! Sizes, and widths of characters.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rstest::rstest;
use unicode_width::UnicodeWidthStr;

use super::scenes;
use crate::keymap::Command;
use crate::trial::desk::{Desk, text_of};
use crate::trial::specimens::{booking, direct, passenger};
use crate::views;

/// No character begins in the last column and needs two.
fn nothing_sticks_out(buffer: &ratatui::buffer::Buffer, what: &str) {
    let width = usize::from(buffer.area.width);
    for row in buffer.content.chunks(width.max(1)) {
        for (at, cell) in row.iter().enumerate() {
            let symbol = cell.symbol();
            assert!(
                at + symbol.width() <= width,
                "{symbol:?} at {at} of {width} in {what}"
            );
        }
    }
}

/// Each layer at each size: all widths at heights that matter, and all heights at widths that matter.
#[rstest]
#[case(1..=100, &[1, 9, 10, 11, 12, 15, 24, 40])]
#[case(1..=40, &[1, 39, 40, 41, 80, 100])]
fn no_size_is_too_small(#[case] run: std::ops::RangeInclusive<u16>, #[case] others: &[u16]) {
    let by_width = *run.end() == 100;
    for (name, mut desk) in scenes::fullest() {
        for &other in others {
            let mut terminal = Terminal::new(TestBackend::new(1, 1)).unwrap();
            for one in run.clone() {
                let (width, height) = if by_width { (one, other) } else { (other, one) };
                desk.happens(crate::store::action::Event::Resize(width, height));
                terminal.backend_mut().resize(width, height);
                terminal
                    .draw(|frame| views::draw(&desk.state, frame))
                    .unwrap();
                let buffer = terminal.backend().buffer();
                nothing_sticks_out(buffer, name);
                let useful = width >= 40 && height >= 10;
                let text = text_of(buffer);
                let wrong = if useful { "Too small" } else { "A" };
                assert!(!text.contains(wrong), "{name} at {width}x{height}: {text}");
            }
        }
    }
}

/// Where there is not room for all keys, the way out and the help are still told.
#[test]
fn the_footer_tells_the_way_out_and_the_help_at_every_width() {
    for (name, desk) in scenes::all() {
        let contexts = desk.state.contexts();
        for width in [40, 60, 80, 100] {
            let screen = desk.screen(width, 24);
            let footer = screen.lines().last().unwrap();
            for command in [Command::Back, Command::Help] {
                let key = desk.state.keymap.key_of(command, &contexts).unwrap();
                assert!(
                    footer.contains(&format!(" {key} ")),
                    "{command:?} of {name} at {width}: {footer}"
                );
            }
        }
    }
}

#[test]
fn below_the_smallest_useful_size_it_says_so() {
    let desk = Desk::agent();
    assert_eq!(desk.screen(39, 3), "Too small: 40x10 at least\n\n\n");
    assert_eq!(desk.screen(12, 3), "Too small:\n40x10 at\nleast\n");
    assert_eq!(desk.screen(1, 1), "…\n");
}

/// Names that take two columns a character are cut where the column ends, and what stands behind them stays in line.
#[test]
fn wide_names_keep_the_columns() {
    for surname in [
        "山田山田山田山田山田山田山田",
        "👩‍👩‍👧a👩‍👩‍👧b👩‍👩‍👧c👩‍👩‍👧d👩‍👩‍👧e👩‍👩‍👧f👩‍👩‍👧g",
        "ÅNGSTRÖM",
    ] {
        let mut desk = Desk::agent();
        desk.types("<f3>");
        desk.reads(vec![booking(1, passenger(surname, "花子"), &direct(101))]);
        for width in [60, 80, 81, 110, 131, 200] {
            let buffer = desk.buffer(width, 24);
            let column = |text: &str| {
                let row = (0..24).find_map(|row| {
                    let cells = (0..width).map(|x| buffer[(x, row)].symbol());
                    let line: String = cells.clone().collect();
                    let at = (0..width).find(|x| {
                        let rest: String = (*x..width).map(|x| buffer[(x, row)].symbol()).collect();
                        rest.starts_with(text)
                    });
                    line.contains(text).then_some(at).flatten()
                });
                row.unwrap_or_else(|| panic!("{text} at {width}:\n{}", desk.screen(width, 24)))
            };
            assert_eq!(
                column("Flights"),
                column("WE 25NOV"),
                "{surname} at {width}"
            );
        }
    }
}

#[test]
fn totals_are_whole_from_80_columns_on() {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    let mut dear = booking(1, passenger("SMITH", "ANN"), &direct(101));
    dear.total = crate::trial::specimens::usd(98_765);
    desk.reads(vec![dear]);
    for width in 80..=200 {
        let screen = desk.screen(width, 24);
        assert!(screen.contains("98765.00 USD"), "{screen}");
    }
}
