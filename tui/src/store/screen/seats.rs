//! Choosing seats from a map.

use std::collections::BTreeMap;

use airside_common::api::flights::{Seat, SeatMap, SeatState};
use airside_common::flight::{Cabin, FlightId, SeatNumber};

/// Who sits where on which flight.
#[derive(Debug, Clone)]
pub(crate) struct SeatPicker {
    /// The flights in order, with what they are called.
    pub(crate) flights: Vec<(FlightId, String)>,
    /// Passengers with seats: position in the form and name.
    pub(crate) passengers: Vec<(usize, String)>,
    pub(crate) cabin: Cabin,
    pub(crate) segment: usize,
    /// Position in `passengers`.
    pub(crate) passenger: usize,
    pub(crate) maps: BTreeMap<FlightId, Result<SeatMap, String>>,
    /// Row and place in it, counted over the seats that exist.
    pub(crate) cursor: (usize, usize),
    pub(crate) chosen: BTreeMap<(usize, usize), SeatNumber>,
}

impl SeatPicker {
    pub(crate) fn flight(&self) -> Option<FlightId> {
        self.flights.get(self.segment).map(|f| f.0)
    }

    /// The map of the present flight, if it is there.
    pub(crate) fn map(&self) -> Option<&SeatMap> {
        self.maps.get(&self.flight()?)?.as_ref().ok()
    }

    pub(crate) fn under_cursor(&self) -> Option<&Seat> {
        self.map()?
            .rows
            .get(self.cursor.0)?
            .seats
            .get(self.cursor.1)
    }

    /// Who of this party has the seat on the present flight.
    pub(crate) fn taken_by(&self, seat: SeatNumber) -> Option<usize> {
        self.chosen
            .iter()
            .find(|((segment, _), number)| *segment == self.segment && **number == seat)
            .map(|((_, passenger), _)| *passenger)
    }

    /// Whether the present passenger can have a seat.
    pub(crate) fn is_open(&self, seat: &Seat) -> bool {
        seat.cabin == self.cabin
            && seat.state == SeatState::Free
            && self
                .taken_by(seat.number)
                .is_none_or(|passenger| Some(passenger) == self.who())
    }

    /// The present passenger's position in the form.
    pub(crate) fn who(&self) -> Option<usize> {
        self.passengers.get(self.passenger).map(|p| p.0)
    }

    /// Puts the cursor on the present passenger's seat, else on the first that is free.
    pub(crate) fn home(&mut self) {
        let own = self
            .who()
            .and_then(|who| self.chosen.get(&(self.segment, who)).copied());
        let Some(map) = self.map() else { return };
        let find = |wanted: &dyn Fn(&Seat) -> bool| {
            map.rows.iter().enumerate().find_map(|(row, seats)| {
                seats
                    .seats
                    .iter()
                    .position(wanted)
                    .map(|place| (row, place))
            })
        };
        let to = own
            .and_then(|own| find(&|seat| seat.number == own))
            .or_else(|| find(&|seat| self.is_open(seat)))
            .or_else(|| find(&|seat| seat.cabin == self.cabin));
        if let Some(to) = to {
            self.cursor = to;
        }
    }

    /// Moves by rows or places.
    pub(crate) fn step(&mut self, rows: isize, places: isize) {
        let Some(map) = self.map() else { return };
        let Some(last) = map.rows.len().checked_sub(1) else {
            return;
        };
        let letter = self.under_cursor().map(|s| s.number.column());
        let row = self.cursor.0.saturating_add_signed(rows).min(last);
        let seats = &map.rows[row].seats;
        let place = if rows == 0 {
            self.cursor.1.saturating_add_signed(places)
        } else {
            // The same letter, or the one next to it where rows differ.
            letter
                .and_then(|l| seats.iter().position(|s| s.number.column() >= l))
                .unwrap_or(seats.len())
        };
        self.cursor = (row, place.min(seats.len().saturating_sub(1)));
    }

    /// To the next passenger, then the next flight; whether there was one.
    pub(crate) fn next(&mut self) -> bool {
        if self.passenger + 1 < self.passengers.len() {
            self.passenger += 1;
        } else if self.segment + 1 < self.flights.len() {
            self.segment += 1;
            self.passenger = 0;
        } else {
            return false;
        }
        self.home();
        true
    }

    /// To the passenger before, then the flight before.
    pub(crate) fn previous(&mut self) {
        if self.passenger > 0 {
            self.passenger -= 1;
        } else if self.segment > 0 {
            self.segment -= 1;
            self.passenger = self.passengers.len().saturating_sub(1);
        }
        self.home();
    }
}
