//! Flights that have changed: accepted, or others taken in their place.

use airside_common::api::bookings::Segment;
use airside_common::api::problem::{Code, Problem};
use airside_common::api::search::{Itinerary, ItineraryQuery};
use airside_common::booking::SegmentStatus;
use airside_common::locator::Locator;

use super::bookings::sentence;
use super::keys::moves;
use super::{Flow, Step, lift};
use crate::dates;
use crate::keymap::Command;
use crate::store::layer::Layer;
use crate::store::ledger::Intent;
use crate::store::list::ListCursor;
use crate::store::operation::{OperationKind, Preview, Reference};
use crate::store::rebooking::{
    self, acceptance, accepted, difference, has_changed, lives, seats_needed,
};
use crate::store::screen::bookings::Record;
use crate::store::screen::question::{Question, Rebooking, Then};
use crate::store::screen::rebooking::{Purpose, Replaced, SegmentChoice};
use crate::store::screen::results::{fare, offered_cabin, seats_left};
use crate::store::screen::search::Search;
use crate::store::state::Tone;

impl Step<'_> {
    /// All that happened to the flights of a booking is accepted. New times are taken at once; where a flight is given up with
    /// it, that is asked about first.
    pub(super) fn accept_changes(&mut self, reference: &Reference) -> Flow {
        let row = match self.state.ledger.may_rebook(reference) {
            Ok(row) => row,
            Err(error) => return self.not_now(sentence(error)),
        };
        let (Some(truth), Some(mut body)) = (row.truth, acceptance(row.segments)) else {
            return self.not_now("Nothing has changed that is to be accepted".to_owned());
        };
        let after = accepted(row.segments);
        if !after.iter().any(lives) {
            let words = "All its flights are cancelled: take others in their place, or cancel it";
            return self.not_now(words.to_owned());
        }
        let given_up: Vec<String> = row
            .segments
            .iter()
            .filter(|segment| segment.status == SegmentStatus::Un)
            .map(|segment| format!("{} is given up", in_words(segment)))
            .collect();
        // What is left costs what it did.
        let total = given_up.is_empty().then_some(truth.total);
        body.expected_total = total;
        let rebooking = Rebooking {
            locator: truth.locator,
            version: truth.version,
            body,
            preview: Preview {
                segments: after,
                total,
            },
        };
        if given_up.is_empty() {
            self.rebook(rebooking);
            return Flow::Stay;
        }
        Flow::Open(Layer::Question(Box::new(Question {
            title: format!("Accept the changes of {}?", rebooking.locator),
            lines: given_up,
            then: Then::Rebook(Box::new(rebooking)),
        })))
    }

    /// Another flight is to take the place of one: which one is asked, where there are several.
    pub(super) fn begin_rebooking(&mut self, reference: &Reference) -> Flow {
        let row = match self.state.ledger.may_rebook(reference) {
            Ok(row) => row,
            Err(error) => return self.not_now(sentence(error)),
        };
        let Some(locator) = row.locator else {
            return Flow::Stay;
        };
        let segments: Vec<Replaced> = row
            .segments
            .iter()
            .enumerate()
            .filter(|(_, segment)| lives(segment))
            .map(|(at, segment)| Replaced {
                locator,
                at,
                words: in_words(segment),
            })
            .collect();
        let changed = segments
            .iter()
            .position(|replaced| row.segments.get(replaced.at).is_some_and(has_changed));
        match segments.as_slice() {
            [only] => {
                let only = only.clone();
                self.look_for(only)
            }
            _ => Flow::Open(Layer::Segments(Box::new(SegmentChoice {
                locator,
                segments,
                list: ListCursor {
                    at: changed.unwrap_or_default(),
                    top: 0,
                },
            }))),
        }
    }

    pub(super) fn segment_choice(&mut self, choice: &mut SegmentChoice, command: Command) -> Flow {
        let length = choice.segments.len();
        if moves(&mut choice.list, command, length, length) {
            return Flow::Stay;
        }
        match command {
            Command::Back => Flow::Close,
            Command::Accept => match choice.segments.get(choice.list.at).cloned() {
                Some(replaced) => match self.look_for(replaced) {
                    Flow::Open(search) => Flow::Replace(search),
                    other => other,
                },
                None => Flow::Close,
            },
            _ => Flow::Stay,
        }
    }

    /// The search for what takes a flight's place.
    fn look_for(&mut self, replaced: Replaced) -> Flow {
        self.end_replacing();
        let state = &*self.state;
        let row = state.ledger.row(&Reference::Known(replaced.locator));
        let found = row.and_then(|row| {
            let segment = row.segments.get(replaced.at)?;
            Some(Search::replacing(
                replaced,
                segment,
                seats_needed(row.passengers),
                &state.airports,
                state.today(),
            ))
        });
        match found {
            Some(search) => Flow::Open(Layer::Search(Box::new(search))),
            None => Flow::Stay,
        }
    }

    /// An itinerary is to take a flight's place: asked about above the booking, with what it costs.
    pub(super) fn pick(
        &mut self,
        itinerary: &Itinerary,
        query: &ItineraryQuery,
        replaced: &Replaced,
    ) -> Flow {
        let [offer] = itinerary.segments.as_slice() else {
            let words = "One flight takes the place of one: choose a nonstop one";
            return self.not_now(words.to_owned());
        };
        let ledger = &self.state.ledger;
        let reference = Reference::Known(replaced.locator);
        let row = match ledger.may_rebook(&reference) {
            Ok(row) => row,
            Err(error) => return self.not_now(sentence(error)),
        };
        let seats = seats_needed(row.passengers);
        let cabin = offered_cabin(itinerary, query, ledger);
        let made = cabin.and_then(|cabin| {
            let (truth, old) = (row.truth?, row.segments.get(replaced.at)?);
            let made = rebooking::replace(row.segments, replaced.at, offer, cabin, seats)?;
            Some((truth, old, made, cabin))
        });
        let Some((truth, old, made, cabin)) = made else {
            let words = format!("{} has no such flight any more", replaced.locator);
            return self.not_now(words);
        };
        let is_same = old.flight_id == offer.flight_id && old.cabin == cabin;
        if is_same && old.status != SegmentStatus::Un {
            return self.not_now("It is booked on this flight: choose another one".to_owned());
        }
        let new = rebooking::booked(offer, cabin);
        let mut lines = vec![
            format!("{} {}", timed(old), old.status.code()),
            format!("→ {}", timed(&new)),
        ];
        match (made.preview.total, fare(itinerary, cabin)) {
            (Some(total), _) => {
                let by = difference(truth.total, total);
                let by = by.unwrap_or_else(|| "the same".to_owned());
                lines.push(format!("Total {} → {total} ({by})", truth.total));
            }
            (None, Some(fare)) => {
                let all = u32::try_from(seats)
                    .ok()
                    .and_then(|seats| fare.times(seats));
                let all = all.map_or_else(String::new, |all| all.to_string());
                lines.push(format!(
                    "It costs {all}; the other flights stay at what they cost. Total so far: {}",
                    truth.total
                ));
            }
            (None, None) => {}
        }
        let left = seats_left(itinerary, cabin, ledger).unwrap_or_default();
        if usize::try_from(left).unwrap_or(usize::MAX) < seats {
            lines.push(format!("{left} seats are left, {seats} are needed"));
        }
        let question = Question {
            title: format!("Rebook {}?", replaced.locator),
            lines,
            then: Then::Rebook(Box::new(Rebooking {
                locator: truth.locator,
                version: truth.version,
                body: made.body,
                preview: made.preview,
            })),
        };
        self.end_replacing();
        self.bring_record(replaced.locator);
        Flow::Replace(Layer::Question(Box::new(question)))
    }

    /// Sends what was asked about, unless the booking is another one by now: positions of segments may have moved.
    pub(super) fn rebook(&mut self, rebooking: Rebooking) {
        let known = self.state.ledger.booking(rebooking.locator);
        if known.is_none_or(|booking| booking.version != rebooking.version) {
            let words = format!("{} has changed meanwhile: look again", rebooking.locator);
            self.state.tell(Tone::Warning, words);
            return;
        }
        let Some(key) = self.operation_key() else {
            return;
        };
        let intent = Intent::Rebook {
            target: Reference::Known(rebooking.locator),
            body: rebooking.body,
            preview: rebooking.preview,
        };
        match self.state.ledger.submit(key, intent, self.state.now) {
            Ok(effects) => self.ledger(effects),
            Err(error) => self.state.tell(Tone::Info, sentence(error)),
        }
    }

    /// The searches for what takes a flight's place close.
    pub(super) fn end_replacing(&mut self) {
        self.state.layers.retain(|layer| match layer {
            Layer::Search(search) => search.purpose == Purpose::Book,
            Layer::Results(results) => results.purpose == Purpose::Book,
            Layer::Details(details) => details.purpose == Purpose::Book,
            _ => true,
        });
    }

    /// A booking comes to the top, in the place of the one that was open.
    pub(super) fn bring_record(&mut self, locator: Locator) {
        while self.state.layers.last().is_some_and(Layer::is_popup) {
            self.state.layers.pop();
        }
        let reference = Reference::Known(locator);
        let ledger = &self.state.ledger;
        let of_it = |layer: &Layer| matches!(layer, Layer::Record(record) if ledger.resolve(&record.reference) == reference);
        let open = lift(&mut self.state.layers, of_it);
        let of_another = |layer: &Layer| matches!(layer, Layer::Record(_));
        lift(&mut self.state.layers, of_another);
        let new = || Layer::Record(Box::new(Record::new(reference.clone())));
        self.state.layers.push(open.unwrap_or_else(new));
    }

    /// A booking that is open was read: what happened to its flights is told.
    pub(super) fn tell_of_changes(&mut self, locator: Locator, before: &[Segment]) {
        let state = &*self.state;
        let reference = Reference::Known(locator);
        let open = state.layers.iter().any(|layer| {
            matches!(layer, Layer::Record(record)
                if state.ledger.resolve(&record.reference) == reference)
        });
        let Some(booking) = state.ledger.booking(locator).filter(|_| open) else {
            return;
        };
        let happened: Vec<String> = booking
            .segments
            .iter()
            .filter(|now| has_changed(now) && !before.contains(now))
            .map(|now| {
                let flight = format!("{}{}", now.carrier, now.number);
                match now.status {
                    SegmentStatus::Un => format!("{flight} is cancelled"),
                    _ => format!(
                        "{flight} leaves {} {} now",
                        dates::short(now.departure.date()),
                        dates::clock(now.departure)
                    ),
                }
            })
            .collect();
        if !happened.is_empty() {
            let words = format!("{locator}: {}", happened.join(", "));
            self.state.tell(Tone::Warning, words);
        }
    }

    fn not_now(&mut self, words: String) -> Flow {
        self.state.tell(Tone::Info, words);
        Flow::Stay
    }
}

/// What an operation that rebooks has done, in words.
pub(super) fn done(kind: &OperationKind, locator: Locator, total: Option<String>) -> String {
    let replaces = matches!(kind, OperationKind::Rebook { body, .. }
        if body.segments.iter().any(|segment| segment.replacement.is_some()));
    match total.filter(|_| replaces) {
        Some(total) => format!("{locator} rebooked, total {total}"),
        None if replaces => format!("{locator} rebooked"),
        None => format!("{locator}: changes accepted"),
    }
}

/// Why a rebooking was refused, in words.
pub(super) fn refusal(problem: &Problem) -> String {
    match problem.code {
        Code::StaleVersion => "the booking was changed meanwhile, look at it again".to_owned(),
        Code::FareChanged => format!("{}; choose the flight again", problem.detail),
        Code::InvalidRequest => problem
            .errors
            .first()
            .map_or_else(|| problem.detail.clone(), |error| error.message.clone()),
        _ => problem.detail.clone(),
    }
}

/// `UA101 WE 25NOV JFK-LAX`
pub(super) fn in_words(segment: &Segment) -> String {
    format!(
        "{}{} {} {}-{}",
        segment.carrier,
        segment.number,
        dates::with_weekday(segment.departure.date()),
        segment.origin,
        segment.destination
    )
}

/// `UA101 WE 25NOV JFK-LAX 08:00 11:10 Y`
fn timed(segment: &Segment) -> String {
    format!(
        "{} {} {}{} {}",
        in_words(segment),
        dates::clock(segment.departure),
        dates::clock(segment.arrival),
        dates::day_change(segment.departure, segment.arrival),
        segment.cabin.letter()
    )
}
