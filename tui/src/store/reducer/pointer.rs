//! The mouse: the wheel moves, a click chooses, a click on what is chosen opens it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::Step;
use crate::keymap::Command;
use crate::settings::Mouse;
use crate::store::layer::Layer;
use crate::store::screen::bookings::Line;
use crate::views;
use crate::widgets::{form, frame};

/// Lines that one notch of the wheel moves.
const NOTCH: usize = 3;

impl Step<'_> {
    pub(super) fn mouse(&mut self, mouse: MouseEvent) {
        if self.state.mouse == Mouse::Off {
            return;
        }
        match mouse.kind {
            MouseEventKind::ScrollUp => self.wheel(Command::Up),
            MouseEventKind::ScrollDown => self.wheel(Command::Down),
            MouseEventKind::Down(MouseButton::Left) => {
                self.state.notice = false;
                self.click(Position::new(mouse.column, mouse.row));
            }
            _ => {}
        }
    }

    fn wheel(&mut self, command: Command) {
        // In a form the wheel would change dates and leave fields.
        if self.state.layers.last().is_some_and(|l| l.form().is_none()) {
            for _ in 0..NOTCH {
                self.command(command);
            }
        }
    }

    fn click(&mut self, at: Position) {
        let (width, height) = self.state.size;
        let screen = Rect::new(0, 0, width, height);
        let body = frame::parts(screen).body;
        let Some(layer) = self.state.layers.last_mut() else {
            return;
        };
        let (area, shape) = (views::form_area(layer, body), views::form_shape(layer));
        if let Some(form) = layer.form_mut() {
            match form::field_at(form, area, shape, at) {
                Some(field) if field == form.focus => form.unselect(),
                Some(field) => {
                    form.settle();
                    form.enter(field);
                }
                None => {}
            }
            return;
        }
        let rows = frame::list_parts(body).rows;
        if !rows.contains(at) {
            return;
        }
        let line = usize::from(at.y - rows.y);
        let view = usize::from(rows.height);
        let again = match layer {
            Layer::Results(results) => results.pages.click(line, view),
            Layer::Bookings(bookings) => {
                let lines = bookings.lines(&self.state.ledger);
                let again = bookings.list.click(line, lines.len(), view);
                bookings.selected = lines.get(bookings.list.at).map(Line::chosen);
                again
            }
            Layer::Queues(queues) => queues
                .list
                .click(line, self.state.queues.totals.len(), view),
            Layer::Queue(queue) => queue.pages.click(line, view),
            Layer::Flights(flights) => {
                // What Enter opens here is not about the line.
                flights.pages.click(line, view);
                false
            }
            Layer::Sources(sources) => sources.list.click(line, sources.items.len(), view),
            Layer::Uploads(uploads) => uploads.pages.click(line, view),
            Layer::DeadLetters(letters) => letters.click(line, view),
            _ => false,
        };
        if again {
            self.command(Command::Accept);
        }
    }
}
