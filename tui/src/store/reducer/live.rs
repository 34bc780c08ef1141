//! Live events: what others do, as it happens.

use airside_common::api::events::{BookingChanged, SeatsChanged};
use airside_common::flight::FlightStatus;

use super::Step;
use crate::keymap::Command;
use crate::store::action::{FailureKind, Live, News};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::ledger::LedgerEffect;
use crate::store::live::{Hearing, LiveState, in_view, lay_over};
use crate::store::operation::Reference;
use crate::store::screen::Loading;
use crate::store::state::Tone;

impl Step<'_> {
    pub(super) fn live(&mut self, live: Live) {
        match live {
            Live::Connected => {
                self.state.live.hearing = Hearing::Live;
                self.reached();
                self.reread_records();
                self.catch_up_with_queues();
                self.catch_up_with_uploads();
            }
            Live::Lost(failure) if failure.kind == FailureKind::LoggedOut => self.session_ended(),
            Live::Lost(failure) => self.state.live.hearing = Hearing::Lost(failure.words),
            Live::News(News::Booking(changed)) => self.booking_changed(&changed),
            Live::News(News::Seats(seats)) => self.seats_changed(seats),
            Live::News(News::Queue(changed)) => self.queue_changed(&changed),
            Live::News(News::Upload(changed)) => self.upload_changed(&changed),
            Live::News(News::Reset) => self.read_anew(),
        }
    }

    /// Who is logged in listens, also to the seats of the flights in view.
    pub(super) fn listen(&mut self) {
        let state = &mut *self.state;
        if state.session.is_none() {
            if state.live.named.is_some() {
                state.live = LiveState::default();
                self.effects.push(Effect::StopListening);
            }
            return;
        }
        let height = state.list_height();
        let results = state.layers.iter().find_map(|layer| match layer {
            Layer::Results(results) => Some(results),
            _ => None,
        });
        let (view, around) = results.map_or_else(Default::default, |r| in_view(r, height));
        let enough = state.live.named.as_ref().is_some_and(|named| {
            let covered = view.iter().all(|flight| named.contains(flight));
            covered && (results.is_some() || named.is_empty())
        });
        if !enough {
            state.live.seats.retain(|flight, _| around.contains(flight));
            state.live.named = Some(around.clone());
            self.effects.push(Effect::Listen { flights: around });
        }
    }

    fn booking_changed(&mut self, changed: &BookingChanged) {
        let locator = changed.locator;
        let state = &mut *self.state;
        let before = state.ledger.booking(locator).map(|known| known.version);
        let is_new = before.is_none_or(|version| version < changed.version);
        let open = state.layers.iter().any(|layer| {
            matches!(layer, Layer::Record(record)
                if state.ledger.resolve(&record.reference) == Reference::Known(locator))
        });
        let listed = state
            .layers
            .iter()
            .any(|layer| matches!(layer, Layer::Bookings(_)));
        let own = changed.operation.is_some();
        let mut effects = state.ledger.event(changed, state.now);
        effects.retain(|effect| match effect {
            LedgerEffect::Fetch(fetched) if *fetched == locator => {
                if own || open {
                    state.live.reads(locator);
                    true
                } else {
                    // What is on no screen is read when it comes on one.
                    (listed || before.is_some()) && state.live.may_read(locator)
                }
            }
            _ => true,
        });
        if is_new && !own && listed {
            state.live.news.insert(locator);
        }
        if is_new && !own && open {
            let what = changed.kind.rsplit('.').next().unwrap_or("changed");
            let words = format!("{locator} was {what} by somebody else");
            state.tell(Tone::Warning, words);
        }
        self.ledger(effects);
    }

    /// A booking was read, or could not be: where more has happened than was read one by one, the list is read.
    pub(super) fn catch_up(&mut self) {
        if !self.state.live.catches_up() {
            return;
        }
        self.each_layer(|step, layer| match layer {
            Layer::Bookings(bookings) if bookings.loading == Loading::No => {
                step.ask_bookings(bookings, None);
            }
            // The answer may be of before.
            Layer::Bookings(_) => step.state.live.stays_behind(),
            _ => {}
        });
    }

    /// Events may be missing: what is on the screens is read anew. The seats of flights are told without being asked for.
    fn read_anew(&mut self) {
        self.state.live.stays_behind();
        self.catch_up();
        for locator in self.open_records(|_| true) {
            self.fetch(locator);
        }
        self.read_queues_anew();
        self.read_uploads_anew();
    }

    fn seats_changed(&mut self, seats: SeatsChanged) {
        let state = &mut *self.state;
        let known = state.live.seats.get(&seats.flight_id);
        let changed = known.is_some_and(|known| known.version < seats.version);
        let mut name = None;
        for layer in &mut state.layers {
            let itineraries = match layer {
                Layer::Results(results) => results.pages.items.as_mut_slice(),
                Layer::Details(details) => std::slice::from_mut(&mut details.itinerary),
                Layer::Booking(form) => std::slice::from_mut(&mut form.itinerary),
                _ => continue,
            };
            for itinerary in itineraries {
                if lay_over(&seats, itinerary) && name.is_none() {
                    let mut segments = itinerary.segments.iter();
                    let flight = segments.find(|segment| segment.flight_id == seats.flight_id);
                    name = flight.map(|flight| format!("{}{}", flight.carrier, flight.number));
                }
            }
        }
        if let (true, Some(name)) = (changed, name) {
            let words = match seats.status {
                FlightStatus::Cancelled => format!("{name} was cancelled"),
                FlightStatus::Scheduled => {
                    let reads = [(Command::Refresh, "reads it anew")];
                    match state.keymap.hint(&state.contexts(), &reads).as_str() {
                        "" => format!("{name} has changed"),
                        reads => format!("{name} has changed: {reads}"),
                    }
                }
            };
            state.tell(Tone::Warning, words);
        }
        state.live.seats.insert(seats.flight_id, seats);
    }
}
