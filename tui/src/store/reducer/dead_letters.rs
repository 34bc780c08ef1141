//! Dead letters for admins: list, read, send again, drop.

use airside_common::api::dead_letters::{DeadLetter, DeadLetterDetail, DeadLetterPage};
use airside_common::api::problem::Code;

use super::keys::moves;
use super::{Flow, Step};
use crate::effects::http::dead_letters::LetterFilter;
use crate::keymap::{Command, Context};
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::paged::Page;
use crate::store::screen::dead_letters::{
    DeadLetters, LetterEnd, LetterId, LetterView, lost_with, title_of,
};
use crate::store::screen::question::{Question, Then};
use crate::store::state::Tone;
use crate::views;

/// How many letters are read at once.
const PAGE: u8 = 50;

impl Step<'_> {
    pub(super) fn dead_letters(&mut self, letters: &mut DeadLetters, command: Command) -> Flow {
        let height = self.state.list_height();
        if moves(&mut letters.list, command, letters.items.len(), height) {
            self.ask_more_letters(letters);
            return Flow::Stay;
        }
        let chosen = letters.selected().cloned();
        match (command, chosen) {
            (Command::Back, _) => return Flow::Close,
            (Command::Refresh, _) => {
                self.ask_letters(letters, Page::First);
            }
            (Command::Accept, Some(letter)) => return self.open_letter(letter),
            (Command::Retry, Some(letter)) => return self.ask_to_end(&letter, LetterEnd::Retry),
            (Command::Cancel, Some(letter)) => return self.ask_to_end(&letter, LetterEnd::Drop),
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn letter(&mut self, view: &mut LetterView, command: Command) -> Flow {
        let length = views::letter_length(self.state, view);
        if moves(&mut view.list, command, length, 1) {
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_letter(&view.letter),
            Command::Retry => return self.ask_to_end(&view.letter, LetterEnd::Retry),
            Command::Cancel => return self.ask_to_end(&view.letter, LetterEnd::Drop),
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn read_letters(&mut self) {
        self.each_layer(|step, layer| {
            if let Layer::DeadLetters(letters) = layer {
                step.ask_letters(letters, Page::First);
            }
        });
    }

    /// The next page, where the cursor comes near the end of what is there.
    fn ask_more_letters(&mut self, letters: &mut DeadLetters) {
        if letters.wants_next(self.state.list_height()) {
            self.ask_letters(letters, Page::Next);
        }
    }

    fn ask_letters(&mut self, letters: &mut DeadLetters, page: Page) {
        let request = self.state.next_request();
        let cursor = letters.ask(page, request);
        letters.error = None;
        self.effects.push(Effect::DeadLetters {
            request,
            filter: Box::new(LetterFilter {
                limit: Some(PAGE),
                cursor,
                ..LetterFilter::default()
            }),
        });
    }

    fn ask_letter(&mut self, letter: &DeadLetter) {
        if let Some(id) = self.id_of(letter) {
            self.effects.push(Effect::DeadLetter(id));
        }
    }

    fn id_of(&mut self, letter: &DeadLetter) -> Option<LetterId> {
        match letter.id.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                self.state.tell(Tone::Error, format!("{error}"));
                None
            }
        }
    }

    fn open_letter(&mut self, letter: DeadLetter) -> Flow {
        self.ask_letter(&letter);
        Flow::Open(Layer::DeadLetter(Box::new(LetterView::new(letter))))
    }

    fn ask_to_end(&mut self, letter: &DeadLetter, end: LetterEnd) -> Flow {
        let Some(id) = self.id_of(letter) else {
            return Flow::Stay;
        };
        let consumer = &letter.consumer;
        let (title, words) = match end {
            LetterEnd::Retry => (
                format!("Send it to {consumer} again?"),
                format!("What {consumer} has done of it before is not done twice."),
            ),
            LetterEnd::Drop => (
                "Drop it for good?".to_owned(),
                format!(
                    "{consumer} never gets it, and nobody can send it again. {}",
                    lost_with(letter)
                ),
            ),
        };
        Flow::Open(Layer::Question(Box::new(Question {
            title,
            lines: vec![title_of(letter), words],
            then: Then::EndLetter { id, end },
        })))
    }

    pub(super) fn letters_read(&mut self, request: u64, result: Result<DeadLetterPage, Failure>) {
        self.page_read(
            request,
            result.map(|page| (page.items, page.next_cursor)),
            |layer| match layer {
                Layer::DeadLetters(letters) => Some(letters),
                _ => None,
            },
            |letter| letter.id.clone(),
        );
    }

    pub(super) fn letter_read(
        &mut self,
        id: &LetterId,
        result: Result<Box<DeadLetterDetail>, Failure>,
    ) {
        let text = id.to_string();
        match result {
            Ok(detail) => {
                for layer in &mut self.state.layers {
                    if let Layer::DeadLetter(view) = layer
                        && view.letter.id == text
                    {
                        view.take(DeadLetterDetail::clone(&detail));
                    }
                }
                self.reached();
            }
            Err(failure) if failure.is(Code::NotFound) => self.letter_gone(id),
            Err(failure) => {
                for layer in &mut self.state.layers {
                    if let Layer::DeadLetter(view) = layer
                        && view.letter.id == text
                    {
                        view.error = Some(failure.words.clone());
                    }
                }
                self.failed(&failure);
            }
        }
    }

    pub(super) fn letter_ended(
        &mut self,
        id: &LetterId,
        end: LetterEnd,
        result: Result<(), Failure>,
    ) {
        let text = id.to_string();
        match result {
            Ok(()) => {
                self.reached();
                let words = match end {
                    LetterEnd::Retry => "It is on its way to its consumer again",
                    LetterEnd::Drop => "It is dropped",
                };
                self.state.own_letters.ended(id);
                self.take_letter_away(&text);
                self.state.tell(Tone::Good, words);
            }
            Err(failure) if failure.is(Code::NotFound) => {
                self.state.own_letters.not_ended(id);
                self.letter_gone(id);
            }
            Err(failure) => {
                if failure.is_unclear() {
                    self.state.own_letters.ended(id);
                } else {
                    self.state.own_letters.not_ended(id);
                }
                let was_done = match end {
                    LetterEnd::Retry => "it was sent again",
                    LetterEnd::Drop => "it was dropped",
                };
                self.complain_of(&failure, was_done, &[Context::DeadLetters, Context::List]);
            }
        }
    }

    /// Sends a letter again or drops it, once.
    pub(super) fn end_letter(&mut self, id: LetterId, end: LetterEnd) {
        if self.state.own_letters.begin(&id) {
            self.effects.push(Effect::EndLetter { id, end });
        } else {
            self.state
                .tell(Tone::Info, "It is being dealt with already");
        }
    }

    /// It was dealt with meanwhile: from here, or by somebody else.
    fn letter_gone(&mut self, id: &LetterId) {
        self.reached();
        self.take_letter_away(&id.to_string());
        let words = if self.state.own_letters.is_own(id) {
            "It is gone already: it was sent again or dropped from here"
        } else {
            "It is not there any more: somebody else has sent it again or dropped it"
        };
        self.state.tell(Tone::Warning, words);
    }

    fn take_letter_away(&mut self, id: &str) {
        let layers = &mut self.state.layers;
        layers.retain(|layer| !matches!(layer, Layer::DeadLetter(view) if view.letter.id == id));
        layers.retain(|layer| {
            !matches!(layer, Layer::Question(question)
                if matches!(&question.then, Then::EndLetter { id: of, .. } if of.to_string() == id))
        });
        self.each_layer(|step, layer| {
            if let Layer::DeadLetters(letters) = layer {
                letters.items.retain(|letter| letter.id != id);
                step.ask_more_letters(letters);
            }
        });
        self.keep_in_view();
    }
}
