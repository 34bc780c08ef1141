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
            Layer::Results(results) => {
                let to = results.list.top + line;
                let again = results.list.at == to;
                if to < results.items.len() {
                    results.list.go(to, results.items.len(), view);
                }
                again
            }
            Layer::Bookings(bookings) => {
                let to = bookings.list.top + line;
                let again = bookings.list.at == to;
                let lines = bookings.lines(&self.state.ledger);
                if let Some(chosen) = lines.get(to).map(Line::chosen) {
                    bookings.list.go(to, lines.len(), view);
                    bookings.selected = Some(chosen);
                }
                again
            }
            Layer::Queues(queues) => {
                let to = queues.list.top + line;
                let again = queues.list.at == to;
                let length = self.state.queues.totals.len();
                if to < length {
                    queues.list.go(to, length, view);
                }
                again
            }
            Layer::Queue(queue) => {
                let to = queue.list.top + line;
                let again = queue.list.at == to;
                if to < queue.items.len() {
                    queue.list.go(to, queue.items.len(), view);
                }
                again
            }
            Layer::Flights(flights) => {
                let to = flights.list.top + line;
                if to < flights.items.len() {
                    flights.list.go(to, flights.items.len(), view);
                }
                false
            }
            Layer::Sources(sources) => {
                let to = sources.list.top + line;
                let again = sources.list.at == to;
                if to < sources.items.len() {
                    sources.list.go(to, sources.items.len(), view);
                }
                again
            }
            Layer::DeadLetters(letters) => {
                let to = letters.list.top + line;
                let again = letters.list.at == to;
                if to < letters.items.len() {
                    letters.list.go(to, letters.items.len(), view);
                }
                again
            }
            _ => false,
        };
        if again {
            self.command(Command::Accept);
        }
    }
}
