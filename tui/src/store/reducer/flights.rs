//! Flights for admins: list, create.

use airside_common::api::flights::{Flight, FlightPage};
use airside_common::time::CalendarDate;

use super::keys::moves;
use super::{Flow, Step};
use crate::dates;
use crate::keymap::Command;
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::list::ListCursor;
use crate::store::screen::Loading;
use crate::store::screen::flights::{self, FlightForm, Flights};
use crate::store::screen::results::Narrow;
use crate::store::state::Tone;

/// How many flights are read at once.
const PAGE: u8 = 100;

impl Step<'_> {
    pub(super) fn flights(&mut self, flights: &mut Flights, command: Command) -> Flow {
        let height = self.state.list_height();
        if moves(&mut flights.list, command, flights.items.len(), height) {
            let near = flights.list.at + height.max(10) >= flights.items.len();
            if near && flights.loading == Loading::No && flights.next_cursor.is_some() {
                flights.filter.cursor = flights.next_cursor.take();
                self.ask_flights(flights);
            }
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_flights_again(flights),
            Command::New => {
                let form = FlightForm::new(self.state.today());
                return Flow::Open(Layer::FlightForm(Box::new(form)));
            }
            Command::Filter | Command::Accept => {
                let narrow = flights::narrow(&flights.filter);
                return Flow::Open(Layer::Narrow(Box::new(narrow)));
            }
            Command::Edit | Command::Cancel => {
                let Some(flight) = flights.items.get(flights.list.at).cloned() else {
                    return Flow::Stay;
                };
                return match command {
                    Command::Edit => self.edit_flight(flight),
                    _ => self.ask_to_cancel_flight(flight),
                };
            }
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn read_flights_on_top(&mut self) {
        if let Some(Layer::Flights(mut flights)) = self.state.layers.pop() {
            self.ask_flights_anew(&mut flights);
            self.state.layers.push(Layer::Flights(flights));
        }
    }

    fn ask_flights_anew(&mut self, flights: &mut Flights) {
        flights.filter.cursor = None;
        flights.next_cursor = None;
        flights.items.clear();
        flights.list = ListCursor::default();
        self.ask_flights(flights);
    }

    /// Reads the first page again; what is there stands until then, and the cursor stays with its flight.
    fn ask_flights_again(&mut self, flights: &mut Flights) {
        flights.filter.cursor = None;
        flights.next_cursor = None;
        self.ask_flights(flights);
    }

    fn ask_flights(&mut self, flights: &mut Flights) {
        let request = self.state.next_request();
        flights.loading = Loading::Awaited(request);
        flights.error = None;
        flights.filter.limit = Some(PAGE);
        self.effects.push(Effect::Flights {
            request,
            filter: Box::new(flights.filter.clone()),
        });
    }

    pub(super) fn narrow_flights(&mut self, narrow: &mut Narrow) -> Flow {
        let today = self.state.today();
        let form = &mut narrow.form;
        form.clear_errors();
        let date = form.parse_optional("date", |text| dates::parse(text, today));
        let origin = form.parse_optional("origin", str::parse);
        let destination = form.parse_optional("destination", str::parse);
        let carrier = form.parse_optional("carrier", str::parse);
        let number = form.parse_optional("number", str::parse);
        let (Some(date), Some(origin), Some(destination), Some(carrier), Some(number)) =
            (date, origin, destination, carrier, number)
        else {
            form.focus_first_error();
            return Flow::Stay;
        };
        if let Some(Layer::Flights(mut flights)) = self.state.layers.pop() {
            flights.filter.date = date.map(CalendarDate);
            flights.filter.origin = origin;
            flights.filter.destination = destination;
            flights.filter.carrier = carrier;
            flights.filter.number = number;
            self.ask_flights_anew(&mut flights);
            self.state.layers.push(Layer::Flights(flights));
        }
        Flow::Close
    }

    pub(super) fn flights_read(&mut self, request: u64, result: Result<FlightPage, Failure>) {
        match &result {
            Ok(_) => self.reached(),
            Err(failure) => self.failed(failure),
        }
        for layer in &mut self.state.layers {
            let Layer::Flights(flights) = layer else {
                continue;
            };
            if !flights.loading.is(request) {
                continue;
            }
            flights.loading = Loading::No;
            match result {
                Ok(page) => {
                    let selected = flights.items.get(flights.list.at).map(|f| f.id);
                    if flights.filter.cursor.is_none() {
                        // A first page takes the place of what was there.
                        flights.items.clear();
                    }
                    flights.items.extend(page.items);
                    flights.next_cursor = page.next_cursor;
                    let same = |flight: &Flight| Some(flight.id) == selected;
                    if let Some(at) = flights.items.iter().position(same) {
                        flights.list.at = at;
                    }
                }
                Err(failure) => {
                    flights.next_cursor = flights.filter.cursor.take();
                    flights.error = Some(failure.words);
                }
            }
            break;
        }
        self.keep_in_view();
    }

    pub(super) fn flight_form(&mut self, form: &mut FlightForm, command: Command) -> Flow {
        match command {
            Command::Back => Flow::Close,
            Command::Accept if !form.sending => {
                let today = self.state.today();
                if let Some(body) = form.body(&self.state.airports, today) {
                    form.sending = true;
                    form.reason = None;
                    self.effects.push(Effect::CreateFlight(Box::new(body)));
                }
                Flow::Stay
            }
            _ => Flow::Stay,
        }
    }

    pub(super) fn flight_created(&mut self, result: Result<Box<Flight>, Failure>) {
        match result {
            Ok(flight) => {
                self.reached();
                self.state
                    .layers
                    .retain(|layer| !matches!(layer, Layer::FlightForm(_)));
                let words = format!("{} created", flights::name_of(&flight));
                self.state.tell(Tone::Good, words);
                self.put_flight(&flight);
            }
            Err(failure) => {
                self.failed(&failure);
                for layer in &mut self.state.layers {
                    if let Layer::FlightForm(form) = layer {
                        form.sending = false;
                        form.reason = Some(failure.words_on("it was created", ""));
                        if let Some(problem) = &failure.problem {
                            form.form.blame(&problem.errors);
                        }
                    }
                }
            }
        }
    }

    /// Puts a flight into the list, by its departure, in place of its older version.
    pub(super) fn put_flight(&mut self, flight: &Flight) {
        for layer in &mut self.state.layers {
            if let Layer::Flights(flights) = layer {
                if let Some(at) = flights.items.iter().position(|f| f.id == flight.id) {
                    flights.items[at] = flight.clone();
                } else {
                    let at = flights
                        .items
                        .partition_point(|f| f.departure <= flight.departure);
                    flights.items.insert(at, flight.clone());
                    flights.list.at = at;
                }
            }
        }
        self.keep_in_view();
    }
}
