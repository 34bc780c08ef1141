//! Uploaded files for admins: list, send, look at, stop, and what was found in them.

use std::time::Duration;

use airside_common::api::events::UploadChanged;
use airside_common::api::uploads::{FindingKind, Upload, UploadPage};
use airside_common::upload::UploadId;

use super::keys::moves;
use super::{Flow, Step};
use crate::effects::paths::Completion;
use crate::keymap::{Command, Context};
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::list::ListCursor;
use crate::store::live::Hearing;
use crate::store::paged::Page;
use crate::store::screen::Loading;
use crate::store::screen::question::{Question, Then};
use crate::store::screen::uploads::{
    FindingLine, Findings, Following, GATHERED, Sending, UploadForm, UploadView, Uploads,
};
use crate::store::state::Tone;

/// How often what changes by itself is asked for where nobody tells of it.
const AGAIN: Duration = Duration::from_secs(1);

/// How often where news do: there are none of a file that was given back, and older servers have none at all.
const AGAIN_BESIDE_NEWS: Duration = Duration::from_secs(10);

impl Step<'_> {
    pub(super) fn uploads(&mut self, uploads: &mut Uploads, command: Command) -> Flow {
        let height = self.state.list_height();
        let pages = &mut uploads.pages;
        if moves(&mut pages.list, command, pages.items.len(), height) {
            // Where one of them is at work the first page is always awaited: the next one comes before it.
            if pages.is_near_end(height) && !pages.awaits_next() {
                self.ask_uploads(uploads, Page::Next, Duration::ZERO);
            }
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_uploads(uploads, Page::First, Duration::ZERO),
            Command::New if uploads.sending.is_some() => {
                self.state.tell(Tone::Info, "A file is on its way already");
            }
            Command::New => {
                let completes = [(Command::NextField, "completes")];
                let completes = self.state.keymap.hint(&[Context::Form], &completes);
                let form = UploadForm::new(&completes);
                return Flow::Open(Layer::UploadForm(Box::new(form)));
            }
            Command::Accept => {
                if let Some(upload) = uploads.pages.selected().cloned() {
                    return Flow::Open(self.open_upload(upload));
                }
            }
            Command::Cancel => {
                if let Some(upload) = uploads.pages.selected() {
                    return self.ask_to_stop(upload);
                }
            }
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn read_uploads(&mut self) {
        self.each_layer(|step, layer| {
            if let Layer::Uploads(uploads) = layer {
                step.ask_uploads(uploads, Page::First, Duration::ZERO);
            }
        });
    }

    fn ask_uploads(&mut self, uploads: &mut Uploads, page: Page, after: Duration) {
        let request = self.state.next_request();
        let cursor = uploads.pages.ask(page, request);
        let now = self.state.now.elapsed;
        match page {
            Page::First | Page::Again => uploads.following.asks(now + after),
            Page::Next => uploads.following.asks_for_more(now),
        }
        self.effects.push(Effect::Uploads {
            request,
            cursor,
            after,
        });
    }

    /// When something is asked for again after an answer, if at all: what was told meanwhile, what changes by itself, and
    /// what could not be read.
    fn again(&self, following: Following, is_open: bool, is_read: bool) -> Option<Duration> {
        if is_read && following.behind {
            return Some(GATHERED);
        }
        let tells = is_read && self.state.live.hearing == Hearing::Live;
        is_open.then_some(if tells { AGAIN_BESIDE_NEWS } else { AGAIN })
    }

    /// Something was told of an upload: what shows it is read anew.
    pub(super) fn upload_changed(&mut self, changed: &UploadChanged) {
        self.reread_uploads(|view| view.upload.id == changed.upload_id);
    }

    /// What is shown of uploads is read anew.
    pub(super) fn read_uploads_anew(&mut self) {
        self.reread_uploads(|_| true);
    }

    fn reread_uploads(&mut self, which: impl Fn(&UploadView) -> bool) {
        let now = self.state.now.elapsed;
        self.each_layer(|step, layer| {
            if let Layer::Uploads(uploads) = layer
                && uploads.following.told(now, uploads.pages.loading)
            {
                step.ask_uploads(uploads, Page::Again, GATHERED);
            }
            if let Layer::Upload(view) = layer
                && which(view)
                && view.following.told(now, view.loading)
            {
                step.ask_upload(view, GATHERED);
            }
        });
    }

    /// The stream is heard again: what could not be read while the network was away is read now.
    pub(super) fn catch_up_with_uploads(&mut self) {
        self.each_layer(|step, layer| match layer {
            Layer::Uploads(uploads)
                if uploads.following.behind && uploads.pages.loading == Loading::No =>
            {
                step.ask_uploads(uploads, Page::Again, Duration::ZERO);
            }
            Layer::Upload(view) if view.following.behind && view.loading == Loading::No => {
                step.ask_upload(view, Duration::ZERO);
            }
            _ => {}
        });
    }

    pub(super) fn uploads_read(&mut self, request: u64, result: Result<UploadPage, Failure>) {
        let is_read = result.is_ok();
        let awaited = self.page_read(
            request,
            result.map(|page| (page.items, page.next_cursor)),
            |layer| match layer {
                Layer::Uploads(uploads) => Some(&mut uploads.pages),
                _ => None,
            },
            |upload| upload.id,
        );
        let Some(page) = awaited else { return };
        // What is there changes by itself: it is asked for again as long as the list is open.
        self.each_layer(|step, layer| {
            let Layer::Uploads(uploads) = layer else {
                return;
            };
            uploads.following.behind |= !is_read && page != Page::Next;
            if let Some(after) = step.again(uploads.following, uploads.are_open(), is_read) {
                step.ask_uploads(uploads, Page::Again, after);
            }
        });
    }

    fn open_upload(&mut self, upload: Upload) -> Layer {
        let mut view = UploadView {
            upload,
            list: ListCursor::default(),
            loading: Loading::No,
            following: Following::default(),
        };
        self.ask_upload(&mut view, Duration::ZERO);
        Layer::Upload(Box::new(view))
    }

    fn ask_upload(&mut self, view: &mut UploadView, after: Duration) {
        let request = self.state.next_request();
        view.loading = Loading::Awaited(request);
        view.following.asks(self.state.now.elapsed + after);
        self.effects.push(Effect::Upload {
            request,
            id: view.upload.id,
            after,
        });
    }

    pub(super) fn upload(&mut self, view: &mut UploadView, command: Command) -> Flow {
        let height = self.state.list_height();
        let length = view.upload.differences.len();
        if moves(&mut view.list, command, length, height) {
            return Flow::Stay;
        }
        let id = view.upload.id;
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_upload(view, Duration::ZERO),
            Command::Cancel => return self.ask_to_stop(&view.upload),
            Command::Errors => return self.open_findings(id, FindingKind::Rejected),
            Command::Save => self.save(id, FindingKind::Rejected),
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn upload_read(&mut self, request: u64, result: &Result<Box<Upload>, Failure>) {
        match result {
            Ok(_) => self.reached(),
            Err(failure) => self.complain(failure),
        }
        self.each_layer(|step, layer| {
            if let Layer::Upload(view) = layer
                && view.loading.is(request)
            {
                view.loading = Loading::No;
                if let Ok(upload) = result {
                    view.upload = Upload::clone(upload);
                }
                view.following.behind |= result.is_err();
                let is_open = !view.upload.status.has_ended();
                if let Some(after) = step.again(view.following, is_open, result.is_ok()) {
                    step.ask_upload(view, after);
                }
            }
        });
    }

    fn ask_to_stop(&mut self, upload: &Upload) -> Flow {
        if upload.status.has_ended() {
            let text = format!("It is {} already", upload.status);
            self.state.tell(Tone::Info, text);
            return Flow::Stay;
        }
        let name = upload
            .filename
            .clone()
            .unwrap_or_else(|| "the file".to_owned());
        Flow::Open(Layer::Question(Box::new(Question {
            title: format!("Stop {name}?"),
            lines: vec!["What was merged of it stays.".to_owned()],
            then: Then::CancelUpload(upload.id),
        })))
    }

    pub(super) fn upload_cancelled(&mut self, result: Result<Box<Upload>, Failure>) {
        match result {
            Ok(upload) => {
                self.reached();
                let words = match &upload.error {
                    Some(error) => format!("Stopped: {error}"),
                    None => "It stops behind the part that is at work".to_owned(),
                };
                self.state.tell(Tone::Good, words);
                for layer in &mut self.state.layers {
                    match layer {
                        Layer::Uploads(uploads) => {
                            let same = uploads.pages.items.iter_mut().find(|u| u.id == upload.id);
                            if let Some(same) = same {
                                *same = Upload::clone(&upload);
                            }
                        }
                        Layer::Upload(view) if view.upload.id == upload.id => {
                            view.upload = Upload::clone(&upload);
                        }
                        _ => {}
                    }
                }
            }
            Err(failure) => {
                self.complain_of(
                    &failure,
                    "the upload stops",
                    &[Context::Uploads, Context::List],
                );
            }
        }
    }

    /// Tab in the path's field, as in a shell; `None` where it means what it means everywhere.
    pub(super) fn complete_path(&mut self, form: &UploadForm, command: Command) -> Option<Flow> {
        let path = form.form.content("path");
        let is_at_path = form
            .form
            .focused()
            .is_some_and(|field| field.name == "path");
        let is_done = form.completed.as_deref() == Some(path);
        if command != Command::NextField || !is_at_path || path.is_empty() || is_done {
            return None;
        }
        self.effects.push(Effect::CompletePath(path.to_owned()));
        Some(Flow::Stay)
    }

    pub(super) fn path_completed(&mut self, found: Completion) {
        if let Some(Layer::UploadForm(form)) = self.state.layers.last_mut() {
            form.complete(found);
        }
    }

    pub(super) fn upload_form(&mut self, form: &mut UploadForm, command: Command) -> Flow {
        match command {
            Command::Back => Flow::Close,
            Command::Accept => {
                form.form.clear_errors();
                let path = form.form.content("path").to_owned();
                if path.is_empty() {
                    if let Some(field) = form.form.field_mut("path") {
                        field.error = Some("which file?".to_owned());
                    }
                    form.form.focus_on("path");
                    return Flow::Stay;
                }
                let query = form.query();
                self.surface_sending(&path);
                self.effects.push(Effect::SendFile {
                    path,
                    query: Box::new(query),
                });
                Flow::Close
            }
            _ => Flow::Stay,
        }
    }

    fn surface_sending(&mut self, path: &str) {
        for layer in &mut self.state.layers {
            if let Layer::Uploads(uploads) = layer {
                uploads.sending = Some(Sending {
                    path: path.to_owned(),
                    sent: 0,
                    total: 0,
                });
            }
        }
    }

    pub(super) fn file_sending(&mut self, sent: u64, total: u64) {
        for layer in &mut self.state.layers {
            if let Layer::Uploads(uploads) = layer
                && let Some(sending) = &mut uploads.sending
            {
                (sending.sent, sending.total) = (sent, total);
            }
        }
    }

    pub(super) fn file_sent(&mut self, result: Result<Box<Upload>, Failure>) {
        for layer in &mut self.state.layers {
            if let Layer::Uploads(uploads) = layer {
                uploads.sending = None;
            }
        }
        match result {
            Ok(upload) => {
                self.reached();
                let is_known = upload.duplicate_of == Some(upload.id);
                let words = if is_known {
                    "The same file was merged before; nothing was done"
                } else {
                    "The file has arrived"
                };
                self.state.tell(Tone::Good, words);
                self.each_layer(|step, layer| {
                    if let Layer::Uploads(uploads) = layer {
                        uploads.pages.list = ListCursor::default();
                        step.ask_uploads(uploads, Page::First, Duration::ZERO);
                    }
                });
            }
            Err(failure) => {
                self.complain_of(
                    &failure,
                    "the file has arrived",
                    &[Context::Uploads, Context::List],
                );
            }
        }
    }

    fn open_findings(&mut self, id: UploadId, kind: FindingKind) -> Flow {
        self.effects.push(Effect::Findings { id, kind });
        Flow::Open(Layer::Findings(Box::new(Findings {
            id,
            kind,
            items: None,
            list: ListCursor::default(),
            error: None,
        })))
    }

    pub(super) fn findings(&mut self, findings: &mut Findings, command: Command) -> Flow {
        let height = self.state.list_height();
        let length = findings.items.as_ref().map_or(0, Vec::len);
        if moves(&mut findings.list, command, length, height) {
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Save => self.save(findings.id, findings.kind),
            Command::Sort => {
                findings.kind = match findings.kind {
                    FindingKind::Rejected => FindingKind::Noted,
                    FindingKind::Noted => FindingKind::Withdrawn,
                    FindingKind::Withdrawn => FindingKind::Rejected,
                };
                findings.items = None;
                findings.list = ListCursor::default();
                self.effects.push(Effect::Findings {
                    id: findings.id,
                    kind: findings.kind,
                });
            }
            _ => {}
        }
        Flow::Stay
    }

    fn save(&mut self, id: UploadId, kind: FindingKind) {
        self.effects.push(Effect::SaveFindings { id, kind });
    }

    pub(super) fn findings_read(
        &mut self,
        of: (UploadId, FindingKind),
        result: &Result<Vec<FindingLine>, Failure>,
    ) {
        match result {
            Ok(_) => self.reached(),
            Err(failure) => self.failed(failure),
        }
        for layer in &mut self.state.layers {
            if let Layer::Findings(findings) = layer
                && (findings.id, findings.kind) == of
            {
                match result {
                    Ok(lines) => findings.items = Some(lines.clone()),
                    Err(failure) => findings.error = Some(failure.words.clone()),
                }
            }
        }
    }

    pub(super) fn findings_saved(&mut self, result: Result<String, Failure>) {
        match result {
            Ok(path) => self.state.tell(Tone::Good, format!("Saved in {path}")),
            Err(failure) => self.complain(&failure),
        }
    }
}
