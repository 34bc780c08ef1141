//! Text in columns: measured as the terminal shows it, cut between characters and never within one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use ratatui::style::Style;

/// The text in exactly so many columns: cut with `…`, or filled with blanks.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let used = text.width();
    text + &" ".repeat(columns.saturating_sub(used))
}

/// The same at the right edge.
pub(crate) fn fit_right(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    " ".repeat(columns.saturating_sub(text.width())) + &text
}

/// The text in at most so many columns.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for cluster in text.graphemes(true) {
        let width = cluster.width();
        if used + width + 1 > columns {
            break;
        }
        kept.push_str(cluster);
        used += width;
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// The text in lines of at most so many columns, broken at blanks.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let fits = line.is_empty() || line.width() + 1 + word.width() <= columns;
        if !fits {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(word, columns));
    }
    lines.push(line);
    lines
}

/// The text in lines of at most so many columns, of which nothing is lost: broken at blanks where that is possible, and
/// within words where not. What a line begins with stays.
pub(crate) fn fold(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let (word, is_followed) = match word.strip_suffix(char::is_whitespace) {
            Some(word) => (word, true),
            None => (word, false),
        };
        if used > 0 && used + word.width() > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        for cluster in word.graphemes(true) {
            if used > 0 && used + cluster.width() > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            used += cluster.width();
            line.push_str(cluster);
        }
        if is_followed && used < columns {
            used += 1;
            line.push(' ');
        }
    }
    lines.push(line);
    lines
}

/// Writes a line of an area, where the area has it.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, line: u16, content: &Line<'_>) {
    let area = area.intersection(buffer.area);
    if line < area.height && area.width > 0 {
        buffer.set_line(area.x, area.y + line, content, area.width);
    }
}

/// A styled piece of text.
pub(crate) fn span(text: impl Into<String>, style: Style) -> Span<'static> {
    Span::styled(text.into(), style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_are_measured_and_never_split() {
        assert_eq!(fit("東京", 6), "東京  ");
        assert_eq!(fit("東京都", 4), "東… ");
        assert_eq!(fit("👩‍👩‍👧x", 2), "… ");
        assert_eq!(fit_right("9", 3), "  9");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn folding_loses_nothing() {
        assert_eq!(fold("  a bc def", 6), ["  a bc", "def"]);
        assert_eq!(fold("a, b: c", 3), ["a, ", "b: ", "c"]);
        assert_eq!(fold("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(fold("東京都", 5), ["東京", "都"]);
        assert_eq!(fold("", 5), [""]);
    }

    proptest::proptest! {
        #[test]
        fn folded_lines_have_all_of_the_text_and_fit(text in "\\PC*", columns in 2..40_usize) {
            let text = airside_common::text::printable(&text);
            let lines = fold(&text, columns);
            for line in &lines {
                // A cluster may be wider than the screen.
                let is_one = line.graphemes(true).count() == 1;
                proptest::prop_assert!(line.width() <= columns || is_one, "{:?}", line);
            }
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            proptest::prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }

        #[test]
        fn a_fitted_text_has_its_width(text in "\\PC*", columns in 0..40_usize) {
            let text = airside_common::text::printable(&text);
            proptest::prop_assert_eq!(fit(&text, columns).width(), columns);
        }
    }
}
