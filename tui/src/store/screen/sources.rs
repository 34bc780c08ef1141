//! Places from which files are fetched, as admins see them.

use std::fmt;
use std::time::Duration;

use airside_common::api::ingest::IngestSource;
use airside_common::ingest::SourceName;

use super::Loading;
use crate::store::list::ListCursor;
use crate::store::moment::Moment;

/// From which age on what the server said is called old.
const OLD: Duration = Duration::from_secs(10);

/// What can be asked of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceChange {
    /// Leave it alone until it is resumed.
    Pause,
    /// Look at it again.
    Resume,
    /// Look at it now.
    Poll,
}

impl SourceChange {
    /// The word used in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Poll => "poll",
        }
    }
}

impl fmt::Display for SourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(crate) items: Vec<IngestSource>,
    pub(crate) list: ListCursor,
    pub(crate) loading: Loading,
    /// When the server last said how they stand.
    pub(crate) read_at: Option<Moment>,
    /// When it last said anything, or did not.
    pub(crate) tried_at: Option<Moment>,
    /// Why it did not, the last time.
    pub(crate) error: Option<String>,
    /// What is asked of them and not answered yet.
    pub(crate) asked: Vec<(SourceName, SourceChange)>,
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self {
            items: Vec::new(),
            list: ListCursor::default(),
            loading: Loading::No,
            read_at: None,
            tried_at: None,
            error: None,
            asked: Vec::new(),
        }
    }

    /// The source under the cursor.
    pub(crate) fn chosen(&self) -> Option<&IngestSource> {
        self.items.get(self.list.at)
    }

    /// A source by its name.
    pub(crate) fn source(&self, name: &SourceName) -> Option<&IngestSource> {
        self.items.iter().find(|source| source.name == *name)
    }

    /// What is asked of a source and not answered yet.
    pub(crate) fn asked_of(&self, name: &SourceName) -> Option<SourceChange> {
        let mut asked = self.asked.iter();
        asked.find(|(of, _)| of == name).map(|(_, change)| *change)
    }

    /// Whether what is shown is no longer what the server says.
    pub(crate) fn is_old(&self, now: Moment) -> bool {
        self.read_at.is_some_and(|read_at| {
            self.error.is_some() || now.elapsed.saturating_sub(read_at.elapsed) >= OLD
        })
    }

    /// Takes what the server says of all of them; the cursor stays with its source.
    pub(crate) fn take(&mut self, items: Vec<IngestSource>) {
        let selected = self.chosen().map(|source| source.name.clone());
        self.items = items;
        let same = |source: &IngestSource| Some(&source.name) == selected.as_ref();
        if let Some(at) = self.items.iter().position(same) {
            self.list.at = at;
        }
    }

    /// Takes what the server says of one.
    pub(crate) fn take_one(&mut self, source: IngestSource) {
        if let Some(known) = self
            .items
            .iter_mut()
            .find(|known| known.name == source.name)
        {
            *known = source;
        }
    }
}

/// One source of the list below, with all that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct SourceView {
    pub(crate) name: SourceName,
    /// What of it is in view.
    pub(crate) list: ListCursor,
}
