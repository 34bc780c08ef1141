//! Who listens, found by office and by flight.

use airside_common::flight::FlightId;
use airside_common::user::{Office, Role, SessionId, UserId};
use hyper::body::Bytes;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::past::{Item, Whose};
use crate::features::auth::caller::Caller;

/// Messages that may wait for a client to take them; one that has more to take is cut off. What is sent every so often
/// makes room for a burst of them.
pub(super) const QUEUE: usize = 1_024;

/// Names a listener within its process.
pub(super) type ListenerId = u64;

/// What somebody may be told.
#[derive(Debug, Clone)]
pub(super) struct Audience {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    /// Whose bookings and queues; of an admin none: all offices' and what is no office's.
    office: Option<Office>,
}

impl Audience {
    /// What a caller may be told.
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            user: caller.user_id,
            session: caller.session,
            office: match caller.role {
                Role::Agent => Some(caller.office.clone()),
                Role::Admin => None,
            },
        }
    }

    /// Whether it may be told what is somebody's.
    pub(super) fn sees(&self, whose: Whose<'_>) -> bool {
        match (&self.office, whose) {
            (None, _) => true,
            (Some(own), Whose::Office(office)) => own == office,
            (Some(_), Whose::Admins) => false,
        }
    }
}

/// One who listens.
#[derive(Debug)]
struct Listener {
    audience: Audience,
    flights: Box<[FlightId]>,
    /// It has heard all up to here.
    after: i64,
    queue: mpsc::Sender<Bytes>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    /// Listeners that were told.
    pub(super) told: u64,
    /// Listeners that were cut off, since they had not taken what was there before.
    pub(super) cut: u64,
}

impl std::ops::AddAssign for Sent {
    fn add_assign(&mut self, other: Self) {
        self.told += other.told;
        self.cut += other.cut;
    }
}

/// All who listen.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    next: ListenerId,
    all: FxHashMap<ListenerId, Listener>,
    /// Those of an office; under no office the admins, who hear of all.
    offices: FxHashMap<Option<Office>, FxHashSet<ListenerId>>,
    flights: FxHashMap<FlightId, FxHashSet<ListenerId>>,
    users: FxHashMap<UserId, usize>,
}

impl Listeners {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many a user has.
    pub(super) fn of_user(&self, user: UserId) -> usize {
        self.users.get(&user).copied().unwrap_or(0)
    }

    /// One more, who has heard all up to a position.
    pub(super) fn add(
        &mut self,
        audience: Audience,
        flights: &[FlightId],
        after: i64,
    ) -> (ListenerId, mpsc::Receiver<Bytes>) {
        let id = self.next;
        self.next += 1;
        let (queue, receiver) = mpsc::channel(QUEUE);
        let office = self.offices.entry(audience.office.clone());
        office.or_default().insert(id);
        *self.users.entry(audience.user).or_default() += 1;
        for flight in flights {
            self.flights.entry(*flight).or_default().insert(id);
        }
        let listener = Listener {
            audience,
            flights: flights.into(),
            after,
            queue,
        };
        self.all.insert(id, listener);
        (id, receiver)
    }

    /// One less; it hears what was sent before. Nothing happens where it has gone already.
    pub(super) fn remove(&mut self, id: ListenerId) {
        let Some(listener) = self.all.remove(&id) else {
            return;
        };
        if let Some(of_office) = self.offices.get_mut(&listener.audience.office) {
            of_office.remove(&id);
            if of_office.is_empty() {
                self.offices.remove(&listener.audience.office);
            }
        }
        for flight in &listener.flights {
            if let Some(of_flight) = self.flights.get_mut(flight) {
                of_flight.remove(&id);
                if of_flight.is_empty() {
                    self.flights.remove(flight);
                }
            }
        }
        if let Some(count) = self.users.get_mut(&listener.audience.user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&listener.audience.user);
            }
        }
    }

    /// Whether somebody has named a flight.
    pub(super) fn want(&self, flight: FlightId) -> bool {
        self.flights.contains_key(&flight)
    }

    /// All flights that somebody has named.
    pub(super) fn wanted(&self) -> impl Iterator<Item = FlightId> {
        self.flights.keys().copied()
    }

    /// The flights that a listener has named.
    pub(super) fn flights_of(&self, id: ListenerId) -> &[FlightId] {
        self.all.get(&id).map_or(&[], |listener| &listener.flights)
    }

    /// Ends those of a session.
    pub(super) fn end_session(&mut self, session: SessionId) {
        let of_session =
            |(_, listener): &(&ListenerId, &Listener)| listener.audience.session == session;
        let ids: Vec<ListenerId> = self
            .all
            .iter()
            .filter(of_session)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// Tells those who may know of the event of a booking, a queue or an upload.
    pub(super) fn tell(&mut self, item: &Item) -> Sent {
        let own = match item.whose() {
            Some(Whose::Office(office)) => self.offices.get(&Some(office.clone())),
            Some(Whose::Admins) => None,
            None => return Sent::default(),
        };
        let ids = own.into_iter().chain(self.offices.get(&None));
        let ids: Vec<ListenerId> = ids.flatten().copied().collect();
        self.send(&ids, |listener| {
            (item.id() > listener.after)
                .then(|| item.told(&listener.audience))
                .flatten()
        })
    }

    /// Tells all who have named a flight.
    pub(super) fn tell_of_flight(&mut self, flight: FlightId, message: &Bytes) -> Sent {
        let of_flight = self.flights.get(&flight).into_iter().flatten();
        let ids: Vec<ListenerId> = of_flight.copied().collect();
        self.send(&ids, |_| Some(message.clone()))
    }

    /// Tells one who listens, if it still does.
    pub(super) fn tell_one(&mut self, id: ListenerId, message: &Bytes) -> Sent {
        self.send(&[id], |_| Some(message.clone()))
    }

    /// Tells everybody that positions begin anew.
    pub(super) fn reset(&mut self, message: &Bytes) -> Sent {
        let ids: Vec<ListenerId> = self.all.keys().copied().collect();
        for listener in self.all.values_mut() {
            listener.after = i64::MIN;
        }
        self.send(&ids, |_| Some(message.clone()))
    }

    fn send(&mut self, ids: &[ListenerId], message: impl Fn(&Listener) -> Option<Bytes>) -> Sent {
        let mut sent = Sent::default();
        for id in ids {
            let Some(listener) = self.all.get(id) else {
                continue;
            };
            let Some(message) = message(listener) else {
                continue;
            };
            match listener.queue.try_send(message) {
                Ok(()) => sent.told += 1,
                Err(TrySendError::Full(_)) => {
                    tracing::debug!(user = %listener.audience.user, "a listener is too slow");
                    sent.cut += 1;
                    self.remove(*id);
                }
                // It has gone, and says so itself.
                Err(TrySendError::Closed(_)) => {}
            }
        }
        sent
    }
}
