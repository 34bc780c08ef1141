//! Places from which files are fetched, for admins: how they stand, pause, resume, poll.

use std::time::Duration;

use airside_common::api::ingest::{IngestSource, IngestSourcePage, SourceState};
use airside_common::ingest::SourceName;

use super::keys::moves;
use super::{Flow, Step};
use crate::keymap::{Command, Context};
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::list::ListCursor;
use crate::store::screen::Loading;
use crate::store::screen::sources::{SourceChange, SourceView, Sources};
use crate::store::state::Tone;
use crate::views;

/// How often they are asked for while they are in view.
const AGAIN: Duration = Duration::from_secs(2);
/// How often where nobody answers.
const AGAIN_AFTER_FAILURE: Duration = Duration::from_secs(5);

impl Step<'_> {
    /// As long as the sources are in view they are asked for, again and again.
    pub(super) fn attend_sources(&mut self) {
        let now = self.state.now.elapsed;
        let in_view = views::first_in_view(&self.state.layers);
        let request = self.state.requests + 1;
        let Some(Layer::Sources(sources)) = self.state.layers.get_mut(in_view) else {
            return;
        };
        if sources.loading != Loading::No {
            return;
        }
        let pause = if sources.error.is_some() {
            AGAIN_AFTER_FAILURE
        } else {
            AGAIN
        };
        let after = sources.tried_at.map_or(Duration::ZERO, |tried_at| {
            pause.saturating_sub(now.saturating_sub(tried_at.elapsed))
        });
        sources.loading = Loading::Awaited(request);
        self.state.requests = request;
        self.effects.push(Effect::Sources { request, after });
    }

    pub(super) fn sources(&mut self, sources: &mut Sources, command: Command) -> Flow {
        let height = self.state.list_height();
        if moves(&mut sources.list, command, sources.items.len(), height) {
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => ask_at_once(sources),
            Command::Accept => {
                if let Some(source) = sources.chosen() {
                    return Flow::Open(Layer::Source(Box::new(SourceView {
                        name: source.name.clone(),
                        list: ListCursor::default(),
                    })));
                }
            }
            command => {
                if let Some(name) = sources.chosen().map(|source| source.name.clone()) {
                    self.change_source(sources, &name, command);
                }
            }
        }
        Flow::Stay
    }

    /// One of them, which stands above the list.
    pub(super) fn source(&mut self, view: &mut SourceView, command: Command) -> Flow {
        let mut flow = Flow::Close;
        self.each_layer(|step, layer| {
            let Layer::Sources(sources) = layer else {
                return;
            };
            if matches!(command, Command::Back | Command::Accept) {
                return;
            }
            flow = Flow::Stay;
            if command == Command::Refresh {
                ask_at_once(sources);
                return;
            }
            let length = views::source_length(step.state, sources, view);
            if !moves(&mut view.list, command, length, 1) {
                step.change_source(sources, &view.name, command);
            }
        });
        flow
    }

    fn change_source(&mut self, sources: &mut Sources, name: &SourceName, command: Command) {
        let change = match command {
            Command::Pause => SourceChange::Pause,
            Command::Resume => SourceChange::Resume,
            Command::Poll => SourceChange::Poll,
            _ => return,
        };
        let state = sources.source(name).map(|source| source.state);
        let needless = match (change, state) {
            (SourceChange::Pause, Some(SourceState::Paused)) => Some("is paused already"),
            (SourceChange::Resume, Some(state)) if state != SourceState::Paused => {
                Some("is not paused")
            }
            _ => None,
        };
        if let Some(words) = needless {
            self.state.tell(Tone::Info, format!("{name} {words}"));
        } else if sources.asked_of(name).is_none() {
            sources.asked.push((name.clone(), change));
            self.effects.push(Effect::ChangeSource {
                name: name.clone(),
                change,
            });
        }
    }

    pub(super) fn sources_read(&mut self, request: u64, result: Result<IngestSourcePage, Failure>) {
        let now = self.state.now;
        let mut layers = self.state.layers.iter_mut();
        let awaiting = layers.find_map(|layer| match layer {
            Layer::Sources(sources) if sources.loading.is(request) => Some(sources),
            _ => None,
        });
        let Some(sources) = awaiting else {
            return;
        };
        sources.loading = Loading::No;
        sources.tried_at = Some(now);
        match result {
            Ok(page) => {
                sources.read_at = Some(now);
                sources.error = None;
                sources.take(page.items);
                self.reached();
            }
            Err(failure) => {
                sources.error = Some(failure.words.clone());
                self.failed(&failure);
            }
        }
        self.keep_in_view();
    }

    pub(super) fn source_changed(
        &mut self,
        name: &SourceName,
        change: SourceChange,
        result: Result<Box<IngestSource>, Failure>,
    ) {
        for layer in &mut self.state.layers {
            if let Layer::Sources(sources) = layer {
                sources.asked.retain(|(of, _)| of != name);
                if let Ok(source) = &result {
                    sources.take_one(IngestSource::clone(source));
                }
                // A list that was asked for before may not know of it.
                ask_at_once(sources);
            }
        }
        let words = match change {
            SourceChange::Pause => "is paused",
            SourceChange::Resume => "is looked at again",
            SourceChange::Poll => "is looked at now",
        };
        let words = format!("{name} {words}");
        match result {
            Ok(_) => {
                self.reached();
                self.state.tell(Tone::Good, words);
            }
            Err(failure) => {
                self.complain_of(&failure, &words, &[Context::Sources, Context::List]);
            }
        }
    }
}

/// What is awaited is not waited for any more: they are asked for anew with what happens next.
fn ask_at_once(sources: &mut Sources) {
    sources.loading = Loading::No;
    sources.tried_at = None;
}
