//! The results: moving, days, order, filter, further pages, details.

use airside_common::ParseError;
use airside_common::api::search::{Itinerary, ItineraryPage, ItineraryQuery, Sort};
use airside_common::booking::BookingStatus;
use airside_common::flight::FlightId;
use airside_common::locator::Locator;
use airside_common::time::CalendarDate;

use super::keys::moves;
use super::{Flow, Step};
use crate::keymap::Command;
use crate::store::action::Failure;
use crate::store::layer::Layer;
use crate::store::operation::{Operation, OperationKind, Reference};
use crate::store::paged::Page;
use crate::store::screen::booking::{BookingForm, Terms};
use crate::store::screen::rebooking::Purpose;
use crate::store::screen::results::{
    Details, Narrow, Narrowed, Results, offered_cabin, seats_left,
};
use crate::store::state::Tone;
use crate::time_entry::clock;

impl Step<'_> {
    pub(super) fn results(&mut self, results: &mut Results, command: Command) -> Flow {
        let height = self.state.list_height();
        let pages = &mut results.pages;
        if moves(&mut pages.list, command, pages.items.len(), height) {
            self.load_more(results);
            return Flow::Stay;
        }
        match command {
            Command::Back => return Flow::Close,
            Command::PreviousDay => self.other_day(results, -1),
            Command::NextDay => self.other_day(results, 1),
            Command::Sort => {
                results.query.sort = match results.query.sort {
                    Sort::Departure => Sort::Price,
                    Sort::Price => Sort::Duration,
                    Sort::Duration => Sort::Arrival,
                    Sort::Arrival => Sort::Departure,
                };
                self.ask_anew(results);
            }
            Command::Refresh => self.ask_again(results),
            Command::Filter => {
                let narrow = Narrow::of_results(&results.query);
                return Flow::Open(Layer::Narrow(Box::new(narrow)));
            }
            Command::Details => {
                if let Some(itinerary) = results.pages.selected() {
                    return Flow::Open(Layer::Details(Box::new(Details {
                        purpose: results.purpose.clone(),
                        itinerary: itinerary.clone(),
                        query: results.query.clone(),
                        scroll: 0,
                    })));
                }
            }
            Command::Accept | Command::Waitlist => {
                if let Some(itinerary) = results.pages.selected().cloned() {
                    let purpose = &results.purpose;
                    return self.choose(itinerary, &results.query, purpose, command);
                }
            }
            _ => {}
        }
        Flow::Stay
    }

    pub(super) fn details(&mut self, details: &mut Details, command: Command) -> Flow {
        match command {
            Command::Back | Command::Details => Flow::Close,
            Command::Up => {
                details.scroll = details.scroll.saturating_sub(1);
                Flow::Stay
            }
            Command::Down => {
                details.scroll = (details.scroll + 1).min(40);
                Flow::Stay
            }
            Command::Accept | Command::Waitlist => {
                let itinerary = details.itinerary.clone();
                match self.choose(itinerary, &details.query, &details.purpose, command) {
                    Flow::Open(layer) => Flow::Replace(layer),
                    other => other,
                }
            }
            _ => Flow::Stay,
        }
    }

    /// An itinerary is chosen: for a new booking, or in the place of a flight.
    fn choose(
        &mut self,
        itinerary: Itinerary,
        query: &ItineraryQuery,
        purpose: &Purpose,
        command: Command,
    ) -> Flow {
        match purpose {
            Purpose::Book => self.begin_booking(itinerary, query, terms(command)),
            Purpose::Replace(replaced) => self.pick(&itinerary, query, replaced),
        }
    }

    fn begin_booking(
        &mut self,
        itinerary: Itinerary,
        query: &ItineraryQuery,
        terms: Terms,
    ) -> Flow {
        let cabin = offered_cabin(&itinerary, query, &self.state.ledger);
        let left = cabin.and_then(|c| seats_left(&itinerary, c, &self.state.ledger));
        if left.unwrap_or_default() < u32::from(query.passengers) {
            let words = match terms {
                Terms::Waitlist => "The party waits until there are seats for all",
                Terms::Book | Terms::Hold => {
                    "Fewer seats are left than the party needs; the waitlist is one of the terms"
                }
            };
            self.state.tell(Tone::Warning, words);
        }
        let mut form = BookingForm::new(itinerary, cabin, usize::from(query.passengers));
        form.set_terms(terms);
        Flow::Open(Layer::Booking(Box::new(form)))
    }

    fn other_day(&mut self, results: &mut Results, days: i64) {
        let date = results
            .query
            .date
            .0
            .saturating_add(jiff::Span::new().days(days));
        if date < self.state.today() {
            self.state
                .tell(Tone::Info, "There is no going back before today");
            return;
        }
        results.query.date = CalendarDate(date);
        self.ask_anew(results);
    }

    /// Asks for the next page where the cursor comes near the end.
    fn load_more(&mut self, results: &mut Results) {
        if results.pages.wants_next(self.state.list_height()) {
            self.ask_page(results, Page::Next);
        }
    }

    pub(super) fn narrow(&mut self, narrow: &mut Narrow) -> Flow {
        if narrow.of == Narrowed::Flights {
            return self.narrow_flights(narrow);
        }
        let form = &mut narrow.form;
        form.clear_errors();
        let carrier = form.parse_optional("carrier", str::parse);
        let earliest = form.parse_optional("earliest", time);
        let latest = form.parse_optional("latest", time);
        let stops = u8::try_from(form.chosen("max_stops")).unwrap_or(2);
        let days = u8::try_from(form.chosen("flexible_days")).unwrap_or_default();
        let (Some(carrier), Some(earliest), Some(latest)) = (carrier, earliest, latest) else {
            form.focus_first_error();
            return Flow::Stay;
        };
        self.each_layer(|step, layer| {
            if let Layer::Results(results) = layer {
                results.query.carrier = carrier;
                results.query.earliest.clone_from(&earliest);
                results.query.latest.clone_from(&latest);
                results.query.max_stops = stops;
                results.query.flexible_days = days;
                step.ask_anew(results);
            }
        });
        Flow::Close
    }

    pub(super) fn itineraries(&mut self, request: u64, result: Result<ItineraryPage, Failure>) {
        let as_of = result.as_ref().ok().map(|page| page.availability_as_of);
        let awaited = self.page_read(
            request,
            result.map(|page| (page.items, page.next_cursor)),
            |layer| match layer {
                Layer::Results(results) => Some(&mut results.pages),
                _ => None,
            },
            flights_of,
        );
        if awaited.is_none() || as_of.is_none() {
            return;
        }
        let state = &mut *self.state;
        for layer in &mut state.layers {
            if let Layer::Results(results) = layer {
                results.as_of = as_of;
                state.live.lay_over(results);
            }
        }
    }
}

impl Step<'_> {
    /// A booking was made: its seats, so far taken off as pending, are taken off what was read before it was made.
    pub(super) fn follow_seats(&mut self, operation: &Operation, locator: Locator) {
        let state = &mut *self.state;
        let reference = Reference::Known(locator);
        let Some(made) = state.ledger.row(&reference).and_then(|row| row.truth) else {
            return;
        };
        if made.status == BookingStatus::Waitlisted {
            return;
        }
        let made_at = match operation.kind {
            OperationKind::Create { .. } => made.created_at,
            _ => made.updated_at,
        };
        for layer in &mut state.layers {
            let Layer::Results(results) = layer else {
                continue;
            };
            if results.as_of.is_none_or(|as_of| as_of >= made_at) {
                continue;
            }
            for segment in results.pages.items.iter_mut().flat_map(|i| &mut i.segments) {
                // What was told since has them taken off already.
                let told = state.live.seats.get(&segment.flight_id);
                if told.is_some_and(|told| told.as_of >= made_at) {
                    continue;
                }
                for offer in &mut segment.cabins {
                    let seats = operation.seats(segment.flight_id, offer.cabin);
                    let seats = u32::try_from(seats).unwrap_or(u32::MAX);
                    offer.available = offer.available.saturating_sub(seats);
                }
            }
        }
    }
}

/// On which terms a booking begins.
fn terms(command: Command) -> Terms {
    match command {
        Command::Waitlist => Terms::Waitlist,
        _ => Terms::Book,
    }
}

fn flights_of(itinerary: &Itinerary) -> Vec<FlightId> {
    itinerary.segments.iter().map(|s| s.flight_id).collect()
}

fn time(text: &str) -> Result<String, ParseError> {
    let time = clock(text)?;
    Ok(format!("{:02}:{:02}", time.hour(), time.minute()))
}
