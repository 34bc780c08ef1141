//! A list that is read page by page.

use super::list::ListCursor;
use super::screen::Loading;

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The first one: once it is read, it takes the place of all that is there.
    First,
    /// The one behind what is there.
    Next,
}

/// What of the list is there, what is awaited, and what went wrong.
#[derive(Debug, Clone)]
pub(crate) struct Paged<T> {
    pub(crate) items: Vec<T>,
    pub(crate) list: ListCursor,
    pub(crate) loading: Loading,
    /// Where the page behind what is there begins; a page that could not be read leaves it as it is.
    pub(crate) next_cursor: Option<String>,
    pub(crate) error: Option<String>,
    /// What was asked for last.
    asked: Page,
}

impl<T> Paged<T> {
    pub(crate) fn new() -> Self {
        Self {
            items: Vec::new(),
            list: ListCursor::default(),
            loading: Loading::No,
            next_cursor: None,
            error: None,
            asked: Page::First,
        }
    }

    /// What is under the cursor.
    pub(crate) fn selected(&self) -> Option<&T> {
        self.items.get(self.list.at)
    }

    /// How many are there, in words: `50+` where there are more.
    pub(crate) fn count(&self) -> String {
        let more = if self.next_cursor.is_some() { "+" } else { "" };
        format!("{}{more}", self.items.len())
    }

    /// Whether there is a next page and the cursor comes near it.
    pub(crate) fn is_near_end(&self, height: usize) -> bool {
        let near = self.list.at + height.max(10) >= self.items.len();
        near && self.next_cursor.is_some()
    }

    /// Whether the next page is to be asked for.
    pub(crate) fn wants_next(&self, height: usize) -> bool {
        self.is_near_end(height) && self.loading == Loading::No
    }

    /// Whether the next page is on its way.
    pub(crate) fn awaits_next(&self) -> bool {
        self.loading != Loading::No && self.asked == Page::Next
    }

    /// A page is asked for with a request; where it begins.
    pub(crate) fn ask(&mut self, page: Page, request: u64) -> Option<String> {
        self.loading = Loading::Awaited(request);
        self.asked = page;
        match page {
            Page::First => None,
            Page::Next => self.next_cursor.clone(),
        }
    }

    /// The page that is awaited with a request.
    pub(crate) fn awaited(&self, request: u64) -> Option<Page> {
        self.loading.is(request).then_some(self.asked)
    }

    /// The page that was asked for is there; the cursor stays with its line, which is known by its key.
    pub(crate) fn read<K: PartialEq>(
        &mut self,
        items: Vec<T>,
        next_cursor: Option<String>,
        key: impl Fn(&T) -> K,
    ) {
        let selected = self.selected().map(&key);
        if self.asked == Page::First {
            self.items.clear();
        }
        self.items.extend(items);
        self.next_cursor = next_cursor;
        self.loading = Loading::No;
        self.error = None;
        let same = |item: &T| Some(key(item)) == selected;
        if let Some(at) = self.items.iter().position(same) {
            self.list.at = at;
        }
    }

    /// The page that was asked for could not be read.
    pub(crate) fn failed(&mut self, why: &str) {
        self.loading = Loading::No;
        self.error = Some(why.to_owned());
    }

    /// Stays where it is, as far as the items allow.
    pub(crate) fn stay(&mut self, height: usize) {
        self.list.stay(self.items.len(), height);
    }

    /// Moves to a line in view that was clicked; whether it was there already.
    pub(crate) fn click(&mut self, line: usize, height: usize) -> bool {
        self.list.click(line, self.items.len(), height)
    }
}
