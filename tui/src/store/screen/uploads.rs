//! Uploaded files as admins see them.

use std::time::Duration;

use airside_common::api::uploads::{FindingKind, Upload};
use airside_common::upload::UploadId;

use super::Loading;
use crate::effects::http::calls::UploadQuery;
use crate::effects::paths::Completion;
use crate::store::form::{Field, Form};
use crate::store::list::ListCursor;
use crate::store::paged::Paged;

/// How long news are gathered before what they speak of is read: so many of them are few requests.
pub(crate) const GATHERED: Duration = Duration::from_millis(200);

/// Whether what was asked for has in it what was told meanwhile.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Following {
    /// When the last question goes out, on the console's clock.
    goes: Duration,
    /// Whether something was told that its answer may not have.
    pub(crate) behind: bool,
}

impl Following {
    /// A question goes out at a time, and brings all that was told before.
    pub(crate) fn asks(&mut self, goes: Duration) {
        *self = Self {
            goes,
            behind: false,
        };
    }

    /// A question goes out now that brings something else.
    pub(crate) fn asks_for_more(&mut self, now: Duration) {
        self.goes = now;
    }

    /// Something was told; whether it is asked for, once all is [`GATHERED`]. It is not where a question goes out before,
    /// nor while the answer to one is awaited, which is then [`behind`](Self::behind).
    pub(crate) fn told(&mut self, now: Duration, loading: Loading) -> bool {
        if loading == Loading::No || now + GATHERED < self.goes {
            return true;
        }
        self.behind |= self.goes <= now;
        false
    }
}

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    pub(crate) pages: Paged<Upload>,
    pub(crate) following: Following,
    /// A file that is on its way.
    pub(crate) sending: Option<Sending>,
}

/// A file that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) path: String,
    pub(crate) sent: u64,
    pub(crate) total: u64,
}

impl Uploads {
    pub(crate) fn new() -> Self {
        Self {
            pages: Paged::new(),
            following: Following::default(),
            sending: None,
        }
    }

    /// Whether one of them changes by itself. What is behind the first page is not read again.
    pub(crate) fn are_open(&self) -> bool {
        let mut items = self.pages.first_page().iter();
        items.any(|upload| !upload.status.has_ended())
    }
}

/// One upload.
#[derive(Debug, Clone)]
pub(crate) struct UploadView {
    pub(crate) upload: Upload,
    pub(crate) list: ListCursor,
    pub(crate) loading: Loading,
    pub(crate) following: Following,
}

/// What was found in a file, as a table.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    pub(crate) id: UploadId,
    pub(crate) kind: FindingKind,
    /// None while they are read.
    pub(crate) items: Option<Vec<FindingLine>>,
    pub(crate) list: ListCursor,
    pub(crate) error: Option<String>,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FindingLine {
    pub(crate) line: String,
    pub(crate) column: String,
    pub(crate) reason: String,
    pub(crate) value: String,
}

/// Which file is sent, and how.
#[derive(Debug, Clone)]
pub(crate) struct UploadForm {
    pub(crate) form: Form,
    /// What the path may be completed to.
    pub(crate) choices: Vec<String>,
    /// The path that was completed as far as it could be.
    pub(crate) completed: Option<String>,
}

const FORMATS: [&str; 4] = ["by its first line", "airside", "prototype", "ssim"];
const RUNS: [&str; 2] = ["merge it", "dry run"];

impl UploadForm {
    /// With a hint at the path, of which key completes it.
    pub(crate) fn new(completes: &str) -> Self {
        Self {
            form: Form::new(vec![
                Field::text("path", "File", 0, 44, "").hint(completes),
                Field::choice("dry_run", "Do", 1, &RUNS, 0),
                Field::choice("format", "Format", 2, &FORMATS, 0),
                Field::text("fares", "Fares", 3, 24, "").hint("for SSIM: 199, business=899"),
                Field::text("currency", "Currency", 4, 5, "").hint("USD where nothing is said"),
                Field::choice("again", "Known file", 5, &["leave it", "merge again"], 0),
            ]),
            choices: Vec::new(),
            completed: None,
        }
    }

    /// What is sent beside the file.
    pub(crate) fn query(&self) -> UploadQuery {
        let form = &self.form;
        let text = |name: &str| Some(form.content(name).to_owned()).filter(|t| !t.is_empty());
        let path = form.content("path");
        let filename = path.rsplit('/').next().unwrap_or(path);
        UploadQuery {
            dry_run: form.chosen("dry_run") == 1,
            format: (form.chosen("format") > 0).then(|| form.content("format").to_owned()),
            filename: Some(filename.to_owned()),
            fares: text("fares"),
            currency: text("currency"),
            again: form.chosen("again") == 1,
        }
    }

    /// Takes what a path may be completed to.
    pub(crate) fn complete(&mut self, found: Completion) {
        if self.form.content("path") != found.text {
            // It was typed on meanwhile.
            return;
        }
        let is_longer = found.common != found.text;
        if is_longer {
            self.form.set("path", &found.common);
        }
        let is_one_file = found.choices.len() == 1 && !found.common.ends_with('/');
        if let (true, Some(field)) = (found.choices.is_empty(), self.form.field_mut("path")) {
            field.error = Some("there is no such file".to_owned());
        }
        self.completed = (is_one_file || !is_longer).then(|| found.common.clone());
        self.choices = if is_one_file {
            Vec::new()
        } else {
            found.choices
        };
    }
}
