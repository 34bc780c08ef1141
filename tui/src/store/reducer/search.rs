//! From the search form to the results, and airports that complete it.

use airside_common::airport::Airport;
use airside_common::api::search::{ItineraryQuery, Sort};
use airside_common::time::CalendarDate;

use super::{Flow, Step, lift};
use crate::dates;
use crate::store::action::Failure;
use crate::store::effect::Effect;
use crate::store::form::Value;
use crate::store::layer::Layer;
use crate::store::paged::{Page, Paged};
use crate::store::screen::results::Results;
use crate::store::screen::search::{CABINS, Search};

/// How many itineraries are read at once.
const PAGE: u8 = 50;

impl Step<'_> {
    pub(super) fn search(&mut self, search: &mut Search) -> Flow {
        let today = self.state.today();
        let form = &mut search.form;
        form.clear_errors();
        let origin = form.airport("origin", &self.state.airports);
        let destination = form.airport("destination", &self.state.airports);
        form.settle();
        let date = form.parse("date", |text| dates::parse(text, today));
        if let (Some(from), Some(to)) = (origin, destination)
            && from == to
            && let Some(field) = form.field_mut("destination")
        {
            field.error = Some("another airport than the origin".to_owned());
        }
        if let Some(date) = date
            && date < today
            && let Some(field) = form.field_mut("date")
        {
            field.error = Some("this day has passed".to_owned());
        }
        let wrong = form.focus_first_error();
        let (Some(origin), Some(destination), Some(date), false) =
            (origin, destination, date, wrong)
        else {
            return Flow::Stay;
        };
        let cabin = CABINS
            .get(form.chosen("cabin"))
            .and_then(|word| word.parse().ok());
        let query = ItineraryQuery {
            origin,
            destination,
            date: CalendarDate(date),
            flexible_days: 0,
            cabin,
            passengers: u8::try_from(form.chosen("passengers") + 1).unwrap_or(1),
            max_stops: u8::try_from(form.chosen("max_stops")).unwrap_or(2),
            carrier: None,
            earliest: None,
            latest: None,
            sort: Sort::Departure,
            limit: PAGE,
            cursor: None,
        };
        let mut results = Results {
            purpose: search.purpose.clone(),
            query,
            pages: Paged::new(),
            as_of: None,
        };
        self.ask_anew(&mut results);
        lift(&mut self.state.layers, |layer| {
            matches!(layer, Layer::Results(_))
        });
        Flow::Open(Layer::Results(Box::new(results)))
    }

    pub(super) fn airports(&mut self, query: &str, result: Result<Vec<Airport>, Failure>) {
        match result {
            Ok(airports) => {
                self.reached();
                self.state.airports.add(query, airports);
                let state = &mut *self.state;
                if let Some(form) = state.layers.last_mut().and_then(Layer::form_mut) {
                    // Only where something is typed that has no completion chosen yet.
                    let typing = form.focused().is_some_and(|field| {
                        matches!(&field.value, Value::Airport { input, .. }
                            if !input.value().contains(" · "))
                    });
                    if typing {
                        form.complete(&state.airports);
                    }
                }
                // The demonstration's route shows its cities once they are known.
                for layer in &mut state.layers {
                    if let Layer::Search(search) = layer {
                        for (at, field) in search.form.fields.iter_mut().enumerate() {
                            if at != search.form.focus
                                && let Value::Airport { input, .. } = &mut field.value
                                && let Ok(code) = input.value().trim().parse()
                                && let Some(airport) = state.airports.get(code)
                            {
                                *input = crate::store::form::airport_text(airport).into();
                            }
                        }
                    }
                }
            }
            Err(failure) => {
                self.state.airports.not_answered(query);
                self.failed(&failure);
            }
        }
    }

    /// Asks for the first page.
    pub(super) fn ask_anew(&mut self, results: &mut Results) {
        results.pages = Paged::new();
        self.ask_page(results, Page::First);
    }

    /// Asks for the first page again; what is there stands until the answer, and the cursor stays with its itinerary.
    pub(super) fn ask_again(&mut self, results: &mut Results) {
        results.pages.error = None;
        self.ask_page(results, Page::First);
    }

    pub(super) fn ask_page(&mut self, results: &mut Results, page: Page) {
        let request = self.state.next_request();
        results.query.cursor = results.pages.ask(page, request);
        self.effects.push(Effect::Itineraries {
            request,
            query: Box::new(results.query.clone()),
        });
    }
}
