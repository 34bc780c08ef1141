//! A list that is read page by page.

use super::list::ListCursor;
use super::screen::Loading;

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The first one: once it is read, it takes the place of all that is there.
    First,
    /// The first one, which nobody has asked for: where the cursor is behind it, what was read behind it stays, so that
    /// nothing jumps under the cursor.
    Again,
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
    /// How many of them are of the first page, as it was read last.
    fresh: usize,
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
            fresh: 0,
        }
    }

    /// What is under the cursor.
    pub(crate) fn selected(&self) -> Option<&T> {
        self.items.get(self.list.at)
    }

    /// The first page, as it was read last; what is behind it may be older.
    pub(crate) fn first_page(&self) -> &[T] {
        &self.items[..self.fresh]
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
            Page::First | Page::Again => None,
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
        let mut behind = None;
        if self.asked != Page::Next {
            self.fresh = items.len();
            let before = std::mem::take(&mut self.items);
            behind = items.last().and_then(|last| {
                let end = before.iter().position(|item| key(item) == key(last))?;
                let stays =
                    self.asked == Page::Again && end < self.list.at && next_cursor.is_some();
                stays.then(|| before.into_iter().skip(end + 1))
            });
        }
        self.items.extend(items);
        if let Some(behind) = behind {
            for item in behind {
                if self.items.iter().all(|other| key(other) != key(&item)) {
                    self.items.push(item);
                }
            }
        } else {
            self.next_cursor = next_cursor;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of two pages, the cursor on a line, and the first page asked for once more.
    fn two_pages(at: usize) -> Paged<u32> {
        let mut list = Paged::new();
        list.ask(Page::First, 1);
        list.read(vec![9, 8, 7], Some("7".to_owned()), |n| *n);
        list.ask(Page::Next, 2);
        list.read(vec![6, 5], Some("5".to_owned()), |n| *n);
        list.list.at = at;
        list.ask(Page::Again, 3);
        list
    }

    #[test]
    fn a_cursor_behind_the_first_page_stays_when_that_is_read_anew() {
        let mut list = two_pages(4);
        list.read(vec![10, 9, 8], Some("8".to_owned()), |n| *n);
        assert_eq!(list.items, [10, 9, 8, 7, 6, 5]);
        assert_eq!(list.selected(), Some(&5));
        assert_eq!(list.next_cursor.as_deref(), Some("5"));
        assert_eq!(list.first_page(), [10, 9, 8]);
        list.ask(Page::Again, 4);
        list.read(vec![10, 7, 6], Some("6".to_owned()), |n| *n);
        assert_eq!(
            list.items,
            [10, 7, 6, 5],
            "what has gone before is not kept"
        );
        list.ask(Page::First, 5);
        list.read(vec![10, 7, 6], Some("6".to_owned()), |n| *n);
        assert_eq!(list.items, [10, 7, 6], "who asks for it gets it anew");
    }

    #[test]
    fn a_cursor_on_the_first_page_leaves_what_was_behind_it() {
        let mut list = two_pages(1);
        list.read(vec![10, 9, 8], Some("8".to_owned()), |n| *n);
        assert_eq!(list.items, [10, 9, 8]);
        assert_eq!(list.selected(), Some(&8));
        assert_eq!(list.next_cursor.as_deref(), Some("8"));
    }

    #[test]
    fn a_first_page_that_leads_to_nothing_of_before_takes_the_place_of_all() {
        let mut list = two_pages(4);
        list.read(vec![20, 19, 18], Some("18".to_owned()), |n| *n);
        assert_eq!(list.items, [20, 19, 18]);
        let mut list = two_pages(4);
        list.read(vec![9, 8, 7], None, |n| *n);
        assert_eq!(list.items, [9, 8, 7], "nothing is behind it any more");
        let mut list = two_pages(4);
        list.read(Vec::new(), None, |n| *n);
        assert_eq!((list.items.len(), list.next_cursor), (0, None));
    }
}
