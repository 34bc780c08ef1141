//! The seat map.

use airside_common::api::flights::SeatMap;
use airside_common::flight::FlightId;

use super::{Flow, Step};
use crate::keymap::Command;
use crate::store::action::Failure;
use crate::store::layer::Layer;
use crate::store::screen::seats::SeatPicker;
use crate::store::state::Tone;

impl Step<'_> {
    pub(super) fn seats(&mut self, seats: &mut SeatPicker, command: Command) -> Flow {
        match command {
            Command::Up => seats.step(-1, 0),
            Command::Down => seats.step(1, 0),
            Command::Left => seats.step(0, -1),
            Command::Right => seats.step(0, 1),
            Command::PageUp => seats.step(-10, 0),
            Command::PageDown => seats.step(10, 0),
            Command::NextField => {
                seats.next();
            }
            Command::PreviousField => seats.previous(),
            Command::Clear => {
                if let Some(who) = seats.who() {
                    seats.chosen.remove(&(seats.segment, who));
                }
            }
            Command::Accept => return self.take_seat(seats),
            Command::Back => {
                self.keep_seats(seats);
                return Flow::Close;
            }
            _ => {}
        }
        Flow::Stay
    }

    fn take_seat(&mut self, seats: &mut SeatPicker) -> Flow {
        let Some(seat) = seats.under_cursor().cloned() else {
            self.keep_seats(seats);
            return Flow::Close;
        };
        let Some(who) = seats.who() else {
            return Flow::Close;
        };
        if !seats.is_open(&seat) {
            let why = if seat.cabin == seats.cabin {
                format!("{} is taken", seat.number)
            } else {
                format!(
                    "{} is in {}, the booking is in {}",
                    seat.number, seat.cabin, seats.cabin
                )
            };
            self.state.tell(Tone::Warning, why);
            return Flow::Stay;
        }
        seats.chosen.insert((seats.segment, who), seat.number);
        if seats.next() {
            Flow::Stay
        } else {
            self.keep_seats(seats);
            Flow::Close
        }
    }

    fn keep_seats(&mut self, seats: &SeatPicker) {
        if let Some(Layer::Booking(booking)) = self.state.layers.last_mut() {
            booking.seats.clone_from(&seats.chosen);
            booking.seats_in = Some(seats.cabin);
        }
    }

    pub(super) fn seat_map(&mut self, flight: FlightId, result: Result<SeatMap, Failure>) {
        match &result {
            Ok(_) => self.reached(),
            Err(failure) => self.failed(failure),
        }
        for layer in &mut self.state.layers {
            if let Layer::Seats(seats) = layer {
                seats.maps.insert(flight, result.map_err(|f| f.words));
                if seats.flight() == Some(flight) {
                    seats.home();
                }
                return;
            }
        }
    }
}
