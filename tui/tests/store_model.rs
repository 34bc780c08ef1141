//! The console's store and its real journal against a model of the server: whatever order actions, answers, losses,
//! duplicates, kills and restarts come in, it ends in what the server has.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write;
use std::time::Duration;

use airside_common::api::bookings::{Booking, Segment};
use airside_common::api::events::BookingChanged;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, OperationKey, SegmentStatus};
use airside_common::locator::Locator;
use airside_tui::effects::disk::{Journal, Opened};
use airside_tui::store::journal::JournalRecord;
use airside_tui::store::ledger::answer::{Answer, Setback, SetbackKind};
use airside_tui::store::ledger::backoff::Jitter;
use airside_tui::store::ledger::{Intent, Ledger, LedgerEffect};
use airside_tui::store::moment::Moment;
use airside_tui::store::operation::{Operation, OperationKind, Preview, Reference};
use airside_tui::store::rebooking::{acceptance, accepted};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use support::{account, booking, key, request};

/// Bookings that the model's one flight can hold.
const CAPACITY: usize = 3;

#[derive(Default)]
struct Server {
    bookings: BTreeMap<Locator, Booking>,
    /// The answer of each key, as a server keeps it.
    answers: BTreeMap<OperationKey, Answer>,
    events: Vec<BookingChanged>,
    made: usize,
}

impl Server {
    fn process(&mut self, operation: &Operation) -> Answer {
        if let Some(answer) = self.answers.get(&operation.key) {
            return answer.clone();
        }
        let answer = match (&operation.kind, &operation.target) {
            (OperationKind::Create { .. }, _) => self.create(operation),
            (OperationKind::Confirm, Reference::Known(locator)) => {
                self.confirm(operation, *locator)
            }
            (OperationKind::Rebook { .. }, Reference::Known(locator)) => {
                self.rebook(operation, *locator)
            }
            (OperationKind::Cancel, Reference::Known(locator)) => self.cancel(operation, *locator),
            (_, Reference::Pending(_)) => {
                panic!("a change of a booking that is not made was sent")
            }
        };
        self.answers.insert(operation.key.clone(), answer.clone());
        answer
    }

    fn create(&mut self, operation: &Operation) -> Answer {
        let live = self
            .bookings
            .values()
            .filter(|b| b.status != BookingStatus::Cancelled)
            .count();
        if live >= CAPACITY {
            return Answer::Refused(Problem::new(Code::SoldOut, "none left"));
        }
        let mut made = booking(self.made, Some(operation.key.clone()));
        if matches!(&operation.kind, OperationKind::Create { body, .. } if body.hold == Some(true))
        {
            made.status = BookingStatus::Held;
        }
        self.made += 1;
        self.bookings.insert(made.locator, made.clone());
        self.tell(&made, Some(&operation.key));
        Answer::Done(Box::new(made))
    }

    fn confirm(&mut self, operation: &Operation, locator: Locator) -> Answer {
        match self.bookings.get(&locator).map(|found| found.status) {
            Some(BookingStatus::Held) => self.change(operation, locator, BookingStatus::Confirmed),
            _ => Answer::Refused(Problem::new(Code::TimeLimitPassed, "not held any more")),
        }
    }

    fn rebook(&mut self, operation: &Operation, locator: Locator) -> Answer {
        let Some(found) = self.bookings.get_mut(&locator) else {
            return Answer::Refused(Problem::new(Code::NotFound, "no such booking"));
        };
        if operation.base_version != Some(found.version) {
            return Answer::Refused(Problem::new(Code::StaleVersion, "changed meanwhile"));
        }
        if found.status == BookingStatus::Cancelled {
            return Answer::Refused(Problem::new(Code::Conflict, "is cancelled"));
        }
        found.version += 1;
        found.segments = accepted(&found.segments);
        let changed = found.clone();
        self.tell(&changed, Some(&operation.key));
        Answer::Done(Box::new(changed))
    }

    /// The flight of a booking has other times.
    fn move_flight(&mut self, at: usize) {
        let count = self.bookings.len();
        let living = self.bookings.values_mut().nth(at % count.max(1));
        if let Some(found) = living.filter(|b| b.status != BookingStatus::Cancelled) {
            found.version += 1;
            found.segments[0].status = SegmentStatus::Tk;
            let moved = found.clone();
            self.tell(&moved, None);
        }
    }

    fn cancel(&mut self, operation: &Operation, locator: Locator) -> Answer {
        self.change(operation, locator, BookingStatus::Cancelled)
    }

    fn change(&mut self, operation: &Operation, locator: Locator, to: BookingStatus) -> Answer {
        let Some(found) = self.bookings.get_mut(&locator) else {
            return Answer::Refused(Problem::new(Code::NotFound, "no such booking"));
        };
        if operation.base_version != Some(found.version) {
            return Answer::Refused(Problem::new(Code::StaleVersion, "changed meanwhile"));
        }
        found.version += 1;
        found.status = to;
        let changed = found.clone();
        self.tell(&changed, Some(&operation.key));
        Answer::Done(Box::new(changed))
    }

    /// A hold ends by itself.
    fn expire(&mut self, at: usize) {
        let mut held: Vec<&mut Booking> = self
            .bookings
            .values_mut()
            .filter(|b| b.status == BookingStatus::Held)
            .collect();
        let count = held.len();
        if count > 0 {
            let found = &mut *held[at % count];
            found.version += 1;
            found.status = BookingStatus::Cancelled;
            let expired = found.clone();
            self.tell(&expired, None);
        }
    }

    fn tell(&mut self, booking: &Booking, key: Option<&OperationKey>) {
        self.events.push(BookingChanged {
            kind: "booking.changed".to_owned(),
            locator: booking.locator,
            version: booking.version,
            office: booking.office.clone(),
            operation: key.cloned(),
        });
    }
}

#[derive(Debug, Clone)]
enum Act {
    Create,
    Hold,
    Confirm(usize),
    Cancel(usize),
    /// What happened to the flight is accepted.
    Accept(usize),
    /// The flight of a booking moves.
    Move(usize),
    /// The server ends a hold.
    Expire(usize),
    /// The next journal record reaches the disk.
    Flush,
    Deliver(usize),
    DeliverTwice(usize),
    LoseAnswer(usize),
    LoseRequest(usize),
    Busy(usize),
    List,
    /// A list is read that is answered late.
    SlowList,
    Event(usize),
    Wait(u8),
    /// The console is killed; a line that it was writing is torn, and what was on its way may still arrive.
    Kill {
        torn: bool,
        arrives: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Create),
        2 => Just(Act::Hold),
        2 => any::<usize>().prop_map(Act::Confirm),
        1 => any::<usize>().prop_map(Act::Expire),
        2 => any::<usize>().prop_map(Act::Cancel),
        2 => any::<usize>().prop_map(Act::Accept),
        2 => any::<usize>().prop_map(Act::Move),
        5 => Just(Act::Flush),
        4 => any::<usize>().prop_map(Act::Deliver),
        1 => any::<usize>().prop_map(Act::DeliverTwice),
        2 => any::<usize>().prop_map(Act::LoseAnswer),
        1 => any::<usize>().prop_map(Act::LoseRequest),
        1 => any::<usize>().prop_map(Act::Busy),
        1 => Just(Act::List),
        1 => Just(Act::SlowList),
        2 => any::<usize>().prop_map(Act::Event),
        2 => (0_u8..40).prop_map(Act::Wait),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(torn, arrives)| Act::Kill { torn, arrives }),
    ]
}

struct World {
    state: tempfile::TempDir,
    ledger: Ledger,
    journal: Option<Journal>,
    to_write: VecDeque<JournalRecord>,
    on_the_way: Vec<Operation>,
    server: Server,
    /// Keys whose wish is on the disk.
    written: BTreeSet<OperationKey>,
    moment: Moment,
    asked: usize,
    /// A list on its way.
    slow_list: Vec<Booking>,
    /// The newest versions that were shown since the start.
    newest: BTreeMap<Locator, u64>,
    /// What screens hold since the start.
    held: Vec<OperationKey>,
}

impl World {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let moment = Moment {
            elapsed: Duration::ZERO,
            wall: Timestamp::UNIX_EPOCH,
        };
        let Opened { journal, saved, .. } = Journal::open(state.path()).unwrap();
        let mut ledger = Ledger::restore(saved);
        assert!(ledger.log_in(account(), moment).is_empty());
        Self {
            state,
            ledger,
            journal: Some(journal),
            to_write: VecDeque::new(),
            on_the_way: Vec::new(),
            server: Server::default(),
            written: BTreeSet::new(),
            moment,
            asked: 0,
            slow_list: Vec::new(),
            newest: BTreeMap::new(),
            held: Vec::new(),
        }
    }

    fn run(&mut self, effects: Vec<LedgerEffect>) {
        for effect in effects {
            match effect {
                LedgerEffect::Append(record) => self.to_write.push_back(record),
                LedgerEffect::Send(operation) => {
                    assert!(
                        self.written.contains(&operation.key),
                        "sent before it was on the disk"
                    );
                    // One that an event has confirmed is on its way for nothing: its key does nothing any more.
                    let awaited = |key: &OperationKey| {
                        self.ledger.operations().any(|waiting| waiting.key == *key)
                    };
                    assert!(
                        !self.on_the_way.iter().any(|o| o.key == operation.key
                            || (o.target == operation.target && awaited(&o.key))),
                        "two operations on one booking are on their way"
                    );
                    self.on_the_way.push(*operation);
                }
                LedgerEffect::Fetch(locator) => {
                    let found = self.server.bookings.get(&locator).cloned();
                    let effects = self
                        .ledger
                        .fetched(found.into_iter().collect(), self.moment);
                    self.run(effects);
                }
            }
        }
    }

    fn submit(&mut self, intent: Intent) {
        let key = key(self.asked);
        self.asked += 1;
        if matches!(intent, Intent::Create { .. }) {
            self.held.push(key.clone());
        }
        if let Ok(effects) = self.ledger.submit(key, intent, self.moment) {
            self.run(effects);
        }
    }

    /// One of those that are shown.
    fn reference(&self, at: usize) -> Option<Reference> {
        let mut rows = self.ledger.rows();
        (!rows.is_empty()).then(|| rows.swap_remove(at % rows.len()).reference)
    }

    fn accept(&mut self, at: usize) {
        let Some(target) = self.reference(at) else {
            return;
        };
        let row = self.ledger.row(&target).unwrap();
        if let Some(body) = acceptance(row.segments) {
            let preview = Preview {
                segments: accepted(row.segments),
                total: row.total,
            };
            self.submit(Intent::Rebook {
                target,
                body,
                preview,
            });
        }
    }

    fn flush(&mut self) {
        let Some(record) = self.to_write.pop_front() else {
            return;
        };
        let journal = self.journal.as_mut().unwrap();
        journal.append(std::slice::from_ref(&record)).unwrap();
        if let JournalRecord::Submitted { operation } = record {
            self.written.insert(operation.key.clone());
            let effects = self.ledger.journalled(&operation.key, self.moment);
            self.run(effects);
        }
    }

    fn take(&mut self, at: usize) -> Option<Operation> {
        let count = self.on_the_way.len();
        (count > 0).then(|| self.on_the_way.remove(at % count))
    }

    fn answer(&mut self, key: &OperationKey, answer: Answer) {
        let step = self
            .ledger
            .answered(key, answer, self.moment, Jitter::new(0.5));
        self.run(step.effects);
    }

    fn act(&mut self, act: &Act) {
        let setback = |kind| {
            Answer::Kept(Setback {
                kind,
                words: String::new(),
                retry_after: None,
            })
        };
        match *act {
            Act::Create => self.submit(Intent::Create {
                body: request(),
                preview: Preview::default(),
            }),
            Act::Hold => {
                let mut body = request();
                body.hold = Some(true);
                let preview = Preview::default();
                self.submit(Intent::Create { body, preview });
            }
            Act::Confirm(at) => {
                if let Some(target) = self.reference(at) {
                    self.submit(Intent::Confirm { target });
                }
            }
            Act::Cancel(at) => {
                if let Some(target) = self.reference(at) {
                    self.submit(Intent::Cancel { target });
                }
            }
            Act::Accept(at) => self.accept(at),
            Act::Move(at) => self.server.move_flight(at),
            Act::Expire(at) => self.server.expire(at),
            Act::Flush => self.flush(),
            Act::Deliver(at) => {
                if let Some(operation) = self.take(at) {
                    let answer = self.server.process(&operation);
                    self.answer(&operation.key, answer);
                }
            }
            Act::DeliverTwice(at) => {
                if let Some(operation) = self.take(at) {
                    for _ in 0..2 {
                        let answer = self.server.process(&operation);
                        self.answer(&operation.key, answer);
                    }
                }
            }
            Act::LoseAnswer(at) => {
                if let Some(operation) = self.take(at) {
                    self.server.process(&operation);
                    self.answer(&operation.key, setback(SetbackKind::Unclear));
                }
            }
            Act::LoseRequest(at) => {
                if let Some(operation) = self.take(at) {
                    self.answer(&operation.key, setback(SetbackKind::Unreached));
                }
            }
            Act::Busy(at) => {
                if let Some(operation) = self.take(at) {
                    self.answer(&operation.key, setback(SetbackKind::Unclear));
                }
            }
            Act::List => {
                let all = self.server.bookings.values().cloned().collect();
                let effects = self.ledger.fetched(all, self.moment);
                self.run(effects);
            }
            Act::SlowList => {
                let all = self.server.bookings.values().cloned().collect();
                let late = std::mem::replace(&mut self.slow_list, all);
                let effects = self.ledger.fetched(late, self.moment);
                self.run(effects);
            }
            Act::Event(at) => {
                let count = self.server.events.len();
                if count > 0 {
                    let event = self.server.events[at % count].clone();
                    let effects = self.ledger.event(&event, self.moment);
                    self.run(effects);
                }
            }
            Act::Wait(seconds) => {
                self.moment.elapsed += Duration::from_secs(seconds.into());
                self.moment.wall += SignedDuration::from_secs(seconds.into());
                let effects = self.ledger.due(self.moment);
                self.run(effects);
            }
            Act::Kill { torn, arrives } => self.kill(torn, arrives),
        }
        self.check_rows();
    }

    fn kill(&mut self, torn: bool, arrives: bool) {
        let on_the_way = std::mem::take(&mut self.on_the_way);
        if arrives {
            for operation in &on_the_way {
                self.server.process(operation);
            }
        }
        let path = self.journal.take().unwrap().path().to_owned();
        if torn {
            let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"{\"record\":\"submitted\",\"oper").unwrap();
        }
        self.to_write.clear();
        self.slow_list.clear();
        self.newest.clear();
        self.held.clear();
        let opened = Journal::open(self.state.path()).unwrap();
        assert_eq!(opened.damaged, 0);
        self.journal = Some(opened.journal);
        self.ledger = Ledger::restore(opened.saved);
        let effects = self.ledger.log_in(account(), self.moment);
        self.run(effects);
    }

    /// No booking is shown twice, and none of the server's is shown in another state without a mark.
    fn check_rows(&mut self) {
        for booking in self.ledger.rows().iter().filter_map(|row| row.truth) {
            let newest = self.newest.entry(booking.locator).or_default();
            assert!(booking.version >= *newest, "an older version came back");
            *newest = booking.version;
        }
        let rows = self.ledger.rows();
        let shown: BTreeSet<_> = rows.iter().filter_map(|row| row.locator).collect();
        let named = rows.iter().filter(|row| row.locator.is_some()).count();
        assert_eq!(shown.len(), named, "a booking is shown twice");
        for row in &rows {
            assert_eq!(
                self.ledger.row(&row.reference).as_ref(),
                Some(row),
                "a reference leads to its row"
            );
        }
    }

    /// The network works from now on.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            while !self.to_write.is_empty() {
                self.flush();
            }
            if !self.on_the_way.is_empty() {
                self.act(&Act::Deliver(0));
            } else if self.ledger.next_due().is_some() {
                self.act(&Act::Wait(31));
            } else {
                break;
            }
        }
        self.act(&Act::List);
        while !self.to_write.is_empty() {
            self.flush();
        }
    }

    fn check_end(&self) {
        assert_eq!(
            self.ledger.operations().count(),
            0,
            "something waits for ever"
        );
        let shown: BTreeMap<Locator, (BookingStatus, bool, Vec<Segment>)> = self
            .ledger
            .rows()
            .iter()
            .map(|row| {
                let stands = (row.status, row.pending.is_some(), row.segments.to_vec());
                (row.locator.unwrap(), stands)
            })
            .collect();
        let there: BTreeMap<Locator, (BookingStatus, bool, Vec<Segment>)> = self
            .server
            .bookings
            .values()
            .map(|booking| {
                let stands = (booking.status, false, booking.segments.clone());
                (booking.locator, stands)
            })
            .collect();
        assert_eq!(shown, there);
        // Every wish that reached the disk had its end: done by the server, refused by it, or kept as a draft.
        for key in &self.written {
            let ended = self.server.answers.contains_key(key)
                || self.ledger.drafts().any(|d| d.operation.key == *key);
            assert!(ended, "{key} was lost");
        }
        // What a screen held of a pending booking leads to the made one.
        for key in &self.held {
            if let Some(Answer::Done(booking)) = self.server.answers.get(key) {
                assert_eq!(
                    self.ledger.resolve(&Reference::Pending(key.clone())),
                    Reference::Known(booking.locator)
                );
            }
        }
        // A refused booking is kept as it was.
        for (key, answer) in &self.server.answers {
            let drafted = self.ledger.drafts().any(|d| d.operation.key == *key);
            let sold_out = matches!(answer, Answer::Refused(p) if p.code == Code::SoldOut);
            assert_eq!(drafted, sold_out, "draft of {key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_interleaving_ends_in_what_the_server_has(acts in prop::collection::vec(act(), 1..60)) {
        ends_in_what_the_server_has(&acts);
    }
}

fn ends_in_what_the_server_has(acts: &[Act]) {
    let mut world = World::new();
    for act in acts {
        world.act(act);
    }
    world.settle();
    world.check_end();
    // And a console that starts now finds nothing left to do.
    world.act(&Act::Kill {
        torn: false,
        arrives: false,
    });
    world.settle();
    world.check_end();
}

/// An event tells what became of an operation that was sent again after a kill: what waits behind it goes at once, and the
/// answer comes later.
#[test]
fn what_an_event_has_confirmed_holds_up_nothing() {
    ends_in_what_the_server_has(&[
        Act::Hold,
        Act::Confirm(0),
        Act::Flush,
        Act::Flush,
        Act::Cancel(0),
        Act::Deliver(0),
        Act::Flush,
        Act::Flush,
        Act::Kill {
            torn: false,
            arrives: true,
        },
        Act::Event(1),
    ]);
}

/// A kill between the records of a refused booking and of what depended on it.
#[test]
fn what_depended_on_a_refused_booking_does_not_wait_for_ever() {
    let mut acts = vec![];
    for _ in 0..CAPACITY {
        acts.extend([Act::Create, Act::Flush, Act::Deliver(0), Act::Flush]);
    }
    acts.extend([Act::Create, Act::Flush, Act::Cancel(CAPACITY), Act::Flush]);
    let mut world = World::new();
    for act in &acts {
        world.act(act);
    }
    assert!(
        world
            .ledger
            .operations()
            .nth(1)
            .unwrap()
            .depends_on
            .is_some(),
        "the last booking is to be cancelled"
    );
    acts.extend([
        Act::Deliver(0),
        Act::Flush,
        Act::Kill {
            torn: true,
            arrives: false,
        },
    ]);
    ends_in_what_the_server_has(&acts);
}
