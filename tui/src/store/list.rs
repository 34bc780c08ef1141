//! The cursor of a list and what of the list is in view.

/// Cursor and first line in view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ListCursor {
    pub(crate) at: usize,
    pub(crate) top: usize,
}

impl ListCursor {
    /// Moves by so many lines within a list, and brings the cursor into a view of so many lines.
    pub(crate) fn step(&mut self, by: isize, length: usize, height: usize) {
        self.go(self.at.saturating_add_signed(by), length, height);
    }

    /// Moves to a line.
    pub(crate) fn go(&mut self, to: usize, length: usize, height: usize) {
        self.at = to.min(length.saturating_sub(1));
        let height = height.max(1);
        if self.at < self.top {
            self.top = self.at;
        } else if self.at >= self.top + height {
            self.top = self.at + 1 - height;
        }
        self.top = self.top.min(length.saturating_sub(height));
    }

    /// Stays where it is, as far as a list of another length allows.
    pub(crate) fn stay(&mut self, length: usize, height: usize) {
        self.go(self.at, length, height);
    }

    /// Moves to a line in view that was clicked; whether it was there already.
    pub(crate) fn click(&mut self, line: usize, length: usize, height: usize) -> bool {
        let to = self.top + line;
        let again = self.at == to;
        if to < length {
            self.go(to, length, height);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_cursor_is_in_the_list_and_in_view(
            steps in proptest::collection::vec((-50..50_isize, 0..60_usize, 0..20_usize), 1..40)
        ) {
            let mut cursor = ListCursor::default();
            for (by, length, height) in steps {
                cursor.step(by, length, height);
                proptest::prop_assert!(cursor.at < length.max(1));
                proptest::prop_assert!(cursor.top <= cursor.at);
                proptest::prop_assert!(cursor.at < cursor.top + height.max(1));
            }
        }
    }
}
