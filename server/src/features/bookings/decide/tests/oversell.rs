//! Any batches of any commands.

use jiff::SignedDuration;

use super::*;
use crate::features::bookings::itinerary;

#[derive(Debug, Clone)]
enum Wish {
    Book {
        people: usize,
        both: bool,
        how: How,
    },
    Cancel {
        which: usize,
    },
    Confirm {
        which: usize,
    },
    Expire {
        which: usize,
    },
    Clear {
        flight: i64,
    },
    Tell {
        which: usize,
    },
    Rebook {
        which: usize,
        segment: u8,
        to: Option<(i64, bool)>,
    },
}

/// What happens to flights between two batches.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Nothing,
    Moves { flight: i64, quarters: i64 },
    Grounds { flight: i64 },
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => Just(Happens::Nothing),
        4 => (1_i64..3, -3_i64..4).prop_map(|(flight, quarters)| Happens::Moves { flight, quarters }),
        1 => (1_i64..3).prop_map(|flight| Happens::Grounds { flight }),
    ]
}

fn happen(facts: &mut Facts, what: Happens) {
    match what {
        Happens::Nothing => {}
        Happens::Moves { flight, quarters } => {
            let is = &world().flights[&FlightId::from_raw(flight)];
            let by = SignedDuration::from_mins(15 * quarters);
            let later = |time: airside_common::time::OffsetTime| {
                airside_common::time::OffsetTime::new(time.instant() + by, time.offset())
                    .to_string()
            };
            schedule::moved(facts, flight, &later(is.departure), &later(is.arrival));
        }
        Happens::Grounds { flight } => schedule::grounded(facts, flight),
    }
}

#[derive(Debug, Clone, Copy)]
enum How {
    Plainly,
    InRow(u8),
    Held,
    Waiting,
}

fn wish() -> impl Strategy<Value = Wish> {
    let how = prop_oneof![
        2 => Just(How::Plainly),
        1 => (4_u8..6).prop_map(How::InRow),
        1 => Just(How::Held),
        2 => Just(How::Waiting),
    ];
    prop_oneof![
        6 => (1_usize..5, any::<bool>(), how)
            .prop_map(|(people, both, how)| Wish::Book { people, both, how }),
        2 => (0_usize..20).prop_map(|which| Wish::Cancel { which }),
        1 => (0_usize..20).prop_map(|which| Wish::Confirm { which }),
        1 => (0_usize..20).prop_map(|which| Wish::Expire { which }),
        1 => (1_i64..3).prop_map(|flight| Wish::Clear { flight }),
        2 => (0_usize..20).prop_map(|which| Wish::Tell { which }),
        3 => (0_usize..20, 1_u8..4, proptest::option::of((1_i64..3, any::<bool>())))
            .prop_map(|(which, segment, to)| Wish::Rebook { which, segment, to }),
    ]
}

fn book(people: usize, both: bool, how: How) -> Command {
    create(|b| {
        b["passengers"] = adults(people);
        if both {
            b["segments"] = json!([
                {"flight_id": "1", "cabin": "economy"}, {"flight_id": "2", "cabin": "economy"}
            ]);
        }
        match how {
            How::Plainly => {}
            How::InRow(row) => {
                b["seats"] = json!([{"segment": 1, "passenger": 1, "seat": format!("{row}A")}]);
            }
            How::Held => b["hold"] = json!(true),
            How::Waiting => b["waitlist"] = json!(true),
        }
    })
}

fn commanded(wish: &Wish, known: &[(Locator, Caller)]) -> Option<Command> {
    match *wish {
        Wish::Book { people, both, how } => Some(book(people, both, how)),
        Wish::Cancel { which } => {
            let (locator, caller) = known.get(which)?;
            Some(cancel(*locator, IfMatch::Any, caller))
        }
        Wish::Confirm { which } => {
            let (locator, caller) = known.get(which)?;
            Some(holds::confirm(*locator, IfMatch::Any, caller))
        }
        Wish::Expire { which } => Some(Command::Due(Duty::Expire(known.get(which)?.0))),
        Wish::Tell { which } => Some(Command::Due(Duty::Reschedule(known.get(which)?.0))),
        Wish::Rebook { which, segment, to } => {
            let (locator, caller) = known.get(which)?;
            let mut wanted = json!({"segment": segment});
            if let Some((flight, business)) = to {
                let cabin = if business { "business" } else { "economy" };
                wanted["replacement"] = json!({"flight_id": flight.to_string(), "cabin": cabin});
            }
            Some(rebook::rebook(
                *locator,
                caller,
                json!({"segments": [wanted]}),
            ))
        }
        Wish::Clear { flight } => Some(Command::Due(Duty::Clear(FlightId::from_raw(flight)))),
    }
}

proptest! {
    /// Never oversold, no seat twice, counters equal the seats of living bookings; and who waits for a flight on which all
    /// seats that a batch gave back have been offered does not fit.
    #[test]
    fn no_sequence_oversells(
        batches in proptest::collection::vec((happens(), proptest::collection::vec(wish(), 1..12), 0_i64..10), 1..8)
    ) {
        let mut facts = world();
        let mut known: Vec<(Locator, Caller)> = Vec::new();
        for (what, batch, hours) in batches {
            happen(&mut facts, what);
            let commands: Vec<Command> = batch.iter().filter_map(|wish| commanded(wish, &known)).collect();
            let before = facts.clone();
            let decisions = decide(&before, &commands);
            prop_assert_eq!(decisions.len(), commands.len());
            // As the store does it: the batch's balance as a whole, so that releases within it count.
            let changes: Vec<&Change> = decisions.iter().flat_map(|d| &d.changes).collect();
            for ((flight, cabin), seats) in seat_balance(&changes) {
                let cabin = before.flights[&flight].cabins[cabin.index()].unwrap();
                let sold = i64::from(cabin.sold) + seats;
                prop_assert!((0..=i64::from(cabin.capacity)).contains(&sold), "oversold");
            }
            for (command, decision) in commands.iter().zip(&decisions) {
                apply(&mut facts, command, decision);
                for change in &decision.changes {
                    if let (Kind::Create, Some(asked)) = (&change.kind, command.asked()) {
                        known.push((change.booking.locator, asked.caller.clone()));
                    }
                }
            }
            for flight in facts.flights.values() {
                for cabin in [Cabin::Business, Cabin::Economy] {
                    let held: u32 = facts.bookings.values()
                        .flat_map(|stored| stored.booking.segments.iter().map(move |s| (stored, s)))
                        .filter(|(_, s)| s.flight_id == flight.id && s.cabin == cabin && holds_seats(s.status))
                        .map(|(stored, _)| u32::from(party::seats_needed(&stored.booking.passengers)))
                        .sum();
                    prop_assert_eq!(flight.cabins[cabin.index()].unwrap().sold, held);
                }
            }
            let chosen: usize = facts.bookings.values().map(|stored| chosen(&stored.booking).len()).sum();
            prop_assert_eq!(facts.taken.len(), chosen);
            for stored in facts.bookings.values() {
                let booking = &stored.booking;
                prop_assert_eq!(booking.status == BookingStatus::Held, booking.time_limit.is_some());
                let waits = booking.segments.iter().filter(|s| s.status == SegmentStatus::Hl).count();
                let expected = if booking.status == BookingStatus::Waitlisted { booking.segments.len() } else { 0 };
                prop_assert_eq!(waits, expected);
            }
            // Whoever is told knows how things are.
            let mut now = facts.clone();
            let locators: Vec<Locator> = now.bookings.keys().copied().collect();
            for locator in locators {
                schedule::told(&mut now, locator);
                prop_assert!(schedule::told(&mut now, locator).is_empty());
                let stored = &now.bookings[&locator];
                for segment in &stored.booking.segments {
                    let flight = &now.flights[&segment.flight_id];
                    let is_gone = flight.status == FlightStatus::Cancelled;
                    match segment.status {
                        SegmentStatus::Hk => prop_assert!(!is_gone && segment.previous_departure.is_none()),
                        SegmentStatus::Tk => {
                            prop_assert!(!is_gone && segment.previous_departure.is_some());
                            prop_assert_ne!(segment.previous_departure, Some(flight.departure));
                        }
                        SegmentStatus::Un => prop_assert!(is_gone),
                        SegmentStatus::Hl | SegmentStatus::Xx => {}
                    }
                }
            }
            // Whoever still waits after a look at both flights does not fit.
            let looks = [1, 2].map(|flight| Command::Due(Duty::Clear(FlightId::from_raw(flight))));
            for (command, decision) in looks.iter().zip(decide(&facts, &looks)) {
                apply(&mut facts, command, &decision);
            }
            for stored in facts.bookings.values().filter(|s| s.booking.status == BookingStatus::Waitlisted) {
                let needed = u32::from(party::seats_needed(&stored.booking.passengers));
                let fits = stored.booking.segments.iter().all(|s| {
                    let cabin = facts.flights[&s.flight_id].cabins[s.cabin.index()].unwrap();
                    cabin.capacity - cabin.sold >= needed
                });
                let flights: Vec<&FlightFacts> =
                    stored.booking.segments.iter().map(|s| &facts.flights[&s.flight_id]).collect();
                let leaves = flights.iter().all(|flight| {
                    flight.status == FlightStatus::Scheduled && flight.departure.instant() > facts.now
                });
                let fits = fits && leaves && itinerary::connect(&flights).is_ok();
                prop_assert!(!fits, "seats are free for {}", stored.booking.locator);
            }
            facts.now += SignedDuration::from_hours(hours);
        }
    }
}
