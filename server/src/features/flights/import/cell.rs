//! Text from a file that is shown to people again.

use airside_common::text::printable;

/// The longest cell that is repeated, in characters.
const LONGEST_VALUE: usize = 200;

/// A cell that no spreadsheet takes for a formula, and no terminal for an order.
pub(crate) fn neutral(cell: &str) -> String {
    let cut: String = cell.chars().take(LONGEST_VALUE).collect();
    let cut = printable(&cut);
    if cut.trim_start().starts_with(['=', '+', '-', '@']) {
        format!("'{cut}")
    } else {
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("=1+1", "'=1+1")]
    #[case("@SUM", "'@SUM")]
    #[case("-50", "'-50")]
    #[case("\t=1+1", "' =1+1")]
    #[case("\r@SUM", "'@SUM")]
    #[case("7\u{1b}[31m", "7[31m")]
    #[case("\u{202e}83\u{9b}7", "837")]
    #[case("B6", "B6")]
    fn formulas_and_controls_are_neutralised(#[case] cell: &str, #[case] written: &str) {
        assert_eq!(neutral(cell), written);
    }
}
