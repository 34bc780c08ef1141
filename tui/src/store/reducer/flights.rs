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
use crate::store::paged::{Page, Paged};
use crate::store::screen::flights::{self, FlightForm, Flights};
use crate::store::screen::results::Narrow;
use crate::store::state::Tone;

/// How many flights are read at once.
const PAGE: u8 = 100;

impl Step<'_> {
    pub(super) fn flights(&mut self, flights: &mut Flights, command: Command) -> Flow {
        let height = self.state.list_height();
        let pages = &mut flights.pages;
        if moves(&mut pages.list, command, pages.items.len(), height) {
            if pages.wants_next(height) {
                self.ask_flights(flights, Page::Next);
            }
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::Refresh => self.ask_flights(flights, Page::First),
            Command::New => {
                let form = FlightForm::new(self.state.today());
                return Flow::Open(Layer::FlightForm(Box::new(form)));
            }
            Command::Filter | Command::Accept => {
                let narrow = flights::narrow(&flights.filter);
                return Flow::Open(Layer::Narrow(Box::new(narrow)));
            }
            Command::Edit | Command::Cancel => {
                let Some(flight) = flights.pages.selected().cloned() else {
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

    pub(super) fn read_flights(&mut self) {
        self.each_layer(|step, layer| {
            if let Layer::Flights(flights) = layer {
                step.ask_flights_anew(flights);
            }
        });
    }

    fn ask_flights_anew(&mut self, flights: &mut Flights) {
        flights.pages = Paged::new();
        self.ask_flights(flights, Page::First);
    }

    fn ask_flights(&mut self, flights: &mut Flights, page: Page) {
        let request = self.state.next_request();
        flights.filter.cursor = flights.pages.ask(page, request);
        flights.pages.error = None;
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
        self.each_layer(|step, layer| {
            if let Layer::Flights(flights) = layer {
                flights.filter.date = date.map(CalendarDate);
                flights.filter.origin = origin;
                flights.filter.destination = destination;
                flights.filter.carrier = carrier;
                flights.filter.number = number;
                step.ask_flights_anew(flights);
            }
        });
        Flow::Close
    }

    pub(super) fn flights_read(&mut self, request: u64, result: Result<FlightPage, Failure>) {
        self.page_read(
            request,
            result.map(|page| (page.items, page.next_cursor)),
            |layer| match layer {
                Layer::Flights(flights) => Some(&mut flights.pages),
                _ => None,
            },
            |flight| flight.id,
        );
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
                let Paged { items, list, .. } = &mut flights.pages;
                if let Some(at) = items.iter().position(|f| f.id == flight.id) {
                    items[at] = flight.clone();
                } else {
                    let at = items.partition_point(|f| f.departure <= flight.departure);
                    items.insert(at, flight.clone());
                    list.at = at;
                }
            }
        }
        self.keep_in_view();
    }
}
