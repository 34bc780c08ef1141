//! What happens in a process that somebody listens to: positions, those who listen, and what they may have missed.

use std::sync::Arc;
use std::time::Duration;

use airside_common::api::events::{
    CabinSeats, INVENTORY_CHANGED, LiveEvent, RESET, SeatsChanged, StreamReset,
};
use airside_common::event::Event;
use airside_common::flight::{Cabin, FlightId};
use airside_common::time::Instant;
use hyper::body::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::frames;
use super::listeners::{Audience, ListenerId, Listeners, Sent};
use super::listening::{HEARTBEAT, Listening, come_back};
use super::past::{self, Item, Past};
use super::store::{EventStore, FlightSeats};
use crate::bus::Envelope;
use crate::clock::SharedClock;
use crate::config::EventSettings;
use crate::features::auth::caller::Caller;
use crate::features::auth::revocations::Revocations;
use crate::outbox::{Outbox, OutboxError};
use crate::store::StoreError;

/// Events of one look into the outbox for those who come back.
const PAGE: u32 = 1_000;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Flights of one look for seats.
const LOOK: usize = 2_000;

/// Why nobody listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The user listens already, too often.
    #[error("you have {0} streams open, which is as many as there may be")]
    TooManyOfUser(usize),
    /// The process has enough of them.
    #[error("too many streams are open here; try again")]
    TooMany,
    /// The process is about to end.
    #[error("the server is about to end; try again")]
    Ending,
    /// What was missed cannot be read.
    #[error("what you have missed cannot be read for now")]
    Outbox(#[from] OutboxError),
}

/// Who wants to listen, and to what.
#[derive(Debug, Clone)]
pub struct Request {
    /// The user.
    pub caller: Caller,
    /// When the access token expires, and the stream ends.
    pub expires: Timestamp,
    /// The position up to which everything was heard.
    pub after: Option<i64>,
    /// Flights whose seats are of interest.
    pub flights: Vec<FlightId>,
}

/// How far a listener had heard when it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    /// Which beginning of positions it is about.
    beginning: u64,
    after: i64,
}

/// Live events of a process.
pub struct Live {
    state: Mutex<State>,
    outbox: Arc<dyn Outbox>,
    store: Arc<dyn EventStore>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) clock: SharedClock,
    /// How often a sign of life comes where nothing else does.
    pub(super) heartbeat: Duration,
    most: usize,
    most_of_user: usize,
    /// Held by the one that reads the outbox for those who come back: the others find what it has read.
    reading: tokio::sync::Mutex<()>,
    /// Told when seats are to be read.
    pub(super) seats: Notify,
    pub(super) closing: CancellationToken,
    figures: Figures,
}

#[derive(Debug, Default)]
struct State {
    /// Counts how often positions began anew.
    beginning: u64,
    /// All up to here was told.
    position: i64,
    past: Past,
    listeners: Listeners,
    /// Flights that somebody has named and that have changed since their seats were read.
    changed: FxHashSet<FlightId>,
    /// Listeners that were not told the seats of their flights yet.
    new: FxHashSet<ListenerId>,
}

#[derive(Debug, Clone, Default)]
struct Figures {
    listeners: Gauge,
    sent: Counter,
    cut: Counter,
}

impl Figures {
    fn count(&self, sent: Sent) {
        self.sent.inc_by(sent.told);
        self.cut.inc_by(sent.cut);
    }
}

impl Live {
    /// Nobody listens yet.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        store: Arc<dyn EventStore>,
        revocations: Arc<Revocations>,
        clock: SharedClock,
        settings: &EventSettings,
    ) -> Self {
        Self {
            state: Mutex::default(),
            outbox,
            store,
            revocations,
            clock,
            heartbeat: HEARTBEAT,
            most: settings.max_streams.get(),
            most_of_user: settings.max_streams_per_user.get(),
            reading: tokio::sync::Mutex::default(),
            seats: Notify::new(),
            closing: CancellationToken::new(),
            figures: Figures::default(),
        }
    }

    /// Adds its figures.
    pub fn register(&self, registry: &mut Registry) {
        let Figures {
            listeners,
            sent,
            cut,
        } = self.figures.clone();
        registry.register("event_listeners", "Open streams of live events", listeners);
        registry.register("events_sent", "Live events handed to listeners", sent);
        registry.register(
            "event_listeners_cut",
            "Listeners that were cut off since they took too little of what there was",
            cut,
        );
    }

    /// Begins at the present; whoever listens is told that events may be missing before it. The bus has to be subscribed to
    /// before.
    pub async fn begin(&self) -> Result<(), OutboxError> {
        let position = self.outbox.present().await?;
        let mut state = self.state.lock();
        state.beginning += 1;
        state.position = position;
        state.past = Past::beginning(position);
        let sent = state.listeners.reset(&reset(position));
        let wanted: Vec<FlightId> = state.listeners.wanted().collect();
        state.changed.extend(wanted);
        self.settle(&state, sent);
        drop(state);
        self.seats.notify_one();
        Ok(())
    }

    /// Ends all streams; their clients come back, to another process.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Takes up somebody who wants to listen.
    pub async fn listen(self: &Arc<Self>, request: Request) -> Result<Listening, ListenError> {
        self.room(&self.state.lock(), &request.caller)?;
        let after = match request.after {
            Some(after) if self.find(after).await? => Some(after),
            _ => None,
        };
        let audience = Audience::of(&request.caller);
        let mut guard = self.state.lock();
        // Others may have come meanwhile.
        self.room(&guard, &request.caller)?;
        let state = &mut *guard;
        let first = opening(state, after, &audience);
        // Another process may have been ahead of this one.
        let after = after.map_or(state.position, |after| after.max(state.position));
        let (id, queue) = state.listeners.add(audience, &request.flights, after);
        if !request.flights.is_empty() {
            state.new.insert(id);
        }
        let beginning = state.beginning;
        self.settle(state, Sent::default());
        drop(guard);
        if !request.flights.is_empty() {
            self.seats.notify_one();
        }
        let heard = Heard { beginning, after };
        let live = Arc::clone(self);
        Ok(Listening::new(live, id, &request, first, heard, queue))
    }

    /// Takes an event from the bus.
    pub fn take(&self, envelope: &Arc<Envelope>) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        if let Event::SessionsEnded { sessions, .. } = &envelope.event {
            for session in sessions {
                state.listeners.end_session(*session);
            }
        }
        if envelope.id <= state.position {
            return;
        }
        state.position = envelope.id;
        let mut sent = Sent::default();
        if let Some(item) = Item::of(envelope) {
            let item = Arc::new(item);
            sent = state.listeners.tell(&item);
            state.past.push(item);
        }
        let listeners = &state.listeners;
        let flights = envelope.event.flights().iter().copied();
        let before = state.changed.len();
        state
            .changed
            .extend(flights.filter(|flight| listeners.want(*flight)));
        let read = before == 0 && !state.changed.is_empty();
        self.settle(state, sent);
        drop(guard);
        if read {
            self.seats.notify_one();
        }
    }

    /// Reads the seats that have changed, once for all, and tells them.
    pub async fn tell_seats(&self) -> Result<(), StoreError> {
        let (changed, new, flights) = {
            let mut state = self.state.lock();
            let changed = std::mem::take(&mut state.changed);
            let new = std::mem::take(&mut state.new);
            let named = new.iter().flat_map(|id| state.listeners.flights_of(*id));
            let flights: FxHashSet<FlightId> = changed.iter().chain(named).copied().collect();
            let mut flights: Vec<FlightId> = flights.into_iter().collect();
            flights.sort_unstable();
            (changed, new, flights)
        };
        let mut read: Vec<(Timestamp, FlightSeats)> = Vec::with_capacity(flights.len());
        for flights in flights.chunks(LOOK) {
            let as_of = self.clock.now();
            match self.store.seats(flights).await {
                Ok(seats) => read.extend(seats.into_iter().map(|seats| (as_of, seats))),
                Err(error) => {
                    let mut state = self.state.lock();
                    state.changed.extend(changed);
                    state.new.extend(new);
                    return Err(error);
                }
            }
        }
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let mut newcomers: FxHashMap<FlightId, Vec<ListenerId>> = FxHashMap::default();
        for id in &new {
            for flight in state.listeners.flights_of(*id) {
                newcomers.entry(*flight).or_default().push(*id);
            }
        }
        let mut sent = Sent::default();
        for (as_of, seats) in &read {
            let message = told(*as_of, seats);
            if changed.contains(&seats.id) {
                sent += state.listeners.tell_of_flight(seats.id, &message);
                continue;
            }
            for id in newcomers.get(&seats.id).into_iter().flatten() {
                sent += state.listeners.tell_one(*id, &message);
            }
        }
        self.settle(state, sent);
        Ok(())
    }

    /// All up to here was told.
    #[cfg(test)]
    pub(super) fn told(&self) -> i64 {
        self.state.lock().position
    }

    /// How far a listener has heard once it has taken what is in its queue now.
    pub(super) fn reached(&self, from: Heard) -> i64 {
        let state = self.state.lock();
        if state.beginning == from.beginning {
            state.position.max(from.after)
        } else {
            state.position
        }
    }

    /// A listener has gone.
    pub(super) fn leave(&self, id: ListenerId) {
        let mut state = self.state.lock();
        state.listeners.remove(id);
        state.new.remove(&id);
        self.settle(&state, Sent::default());
    }

    fn settle(&self, state: &State, sent: Sent) {
        self.figures.count(sent);
        let listeners = i64::try_from(state.listeners.len()).unwrap_or(i64::MAX);
        self.figures.listeners.set(listeners);
    }

    /// Whether there is room for one more.
    fn room(&self, state: &State, caller: &Caller) -> Result<(), ListenError> {
        if self.closing.is_cancelled() {
            return Err(ListenError::Ending);
        }
        if state.listeners.of_user(caller.user_id) >= self.most_of_user {
            return Err(ListenError::TooManyOfUser(self.most_of_user));
        }
        if state.listeners.len() >= self.most {
            return Err(ListenError::TooMany);
        }
        Ok(())
    }

    /// Whether all after a position is remembered, or is in the outbox; then it is remembered.
    async fn find(&self, after: i64) -> Result<bool, OutboxError> {
        let remembered = || {
            let state = self.state.lock();
            (state.past.after()..=state.position).contains(&after)
        };
        if remembered() {
            return Ok(true);
        }
        let _reading = self.reading.lock().await;
        if remembered() {
            return Ok(true);
        }
        tokio::time::timeout(PATIENCE, self.recall(after)).await?
    }

    /// Reads from the outbox what was after a position.
    async fn recall(&self, after: i64) -> Result<bool, OutboxError> {
        let (until, position) = {
            let state = self.state.lock();
            (state.past.after(), state.position)
        };
        let mut found = Vec::new();
        let mut behind = after;
        loop {
            let page = self.outbox.read_after(behind, PAGE).await?;
            if page.pruned > behind || page.newest < behind {
                return Ok(false);
            }
            if after > position {
                // Another process was faster; what comes after it is yet to be told here.
                return Ok(true);
            }
            let full = page.events.len() == PAGE as usize;
            for event in page.events {
                let Ok(envelope) = event else {
                    // Of a newer release: what it says of bookings is not known.
                    return Ok(false);
                };
                behind = envelope.id;
                if behind <= until {
                    found.extend(Item::of(&Arc::new(envelope)).map(Arc::new));
                }
            }
            if !full || behind >= until {
                break;
            }
            if found.len() > past::MOST {
                return Ok(false);
            }
        }
        let mut state = self.state.lock();
        // It may have begun anew meanwhile, or forgotten some.
        Ok(state.past.after() == until && state.past.prepend(after, found))
    }
}

/// What a stream begins with: what was missed after a position, or that nobody knows what was.
fn opening(state: &State, after: Option<i64>, audience: &Audience) -> String {
    let mut opening = frames::retry(come_back());
    // Frames are made of texts.
    let mut add = |frame: &Bytes| opening.push_str(std::str::from_utf8(frame).unwrap_or_default());
    match after.and_then(|after| state.past.since(after)) {
        Some(missed) => missed
            .filter_map(|item| item.told(audience))
            .for_each(|frame| add(&frame)),
        None => add(&reset(state.position)),
    }
    opening
}

/// What says that events may be missing before a position.
fn reset(position: i64) -> Bytes {
    let event = LiveEvent::Reset(StreamReset::default());
    frames::message(Some(position), RESET, &event)
}

/// How a flight's seats are told. They have no position: who comes back is told all anew.
fn told(as_of: Timestamp, seats: &FlightSeats) -> Bytes {
    let cabins = Cabin::ALL.into_iter().filter_map(|cabin| {
        let available = seats.cabins[cabin.index()]?;
        Some(CabinSeats { cabin, available })
    });
    let event = LiveEvent::Seats(SeatsChanged {
        kind: INVENTORY_CHANGED.to_owned(),
        flight_id: seats.id,
        version: seats.version,
        status: seats.status,
        cabins: cabins.collect(),
        as_of: Instant(as_of),
    });
    frames::message(None, INVENTORY_CHANGED, &event)
}
