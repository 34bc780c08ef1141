//! Any batches of any commands.

use jiff::SignedDuration;

use super::*;

#[derive(Debug, Clone)]
enum Wish {
    Book { people: usize, both: bool, how: How },
    Cancel { which: usize },
    Confirm { which: usize },
    Expire { which: usize },
    Clear { flight: i64 },
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
        Wish::Clear { flight } => Some(Command::Due(Duty::Clear(FlightId::from_raw(flight)))),
    }
}

proptest! {
    /// Never oversold, no seat twice, counters equal the seats of living bookings; and who waits for a flight on which all
    /// seats that a batch gave back have been offered does not fit.
    #[test]
    fn no_sequence_oversells(
        batches in proptest::collection::vec((proptest::collection::vec(wish(), 1..12), 0_i64..10), 1..8)
    ) {
        let mut facts = world();
        let mut known: Vec<(Locator, Caller)> = Vec::new();
        for (batch, hours) in batches {
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
                let held: u32 = facts.bookings.values()
                    .flat_map(|stored| stored.booking.segments.iter().map(move |s| (stored, s)))
                    .filter(|(_, s)| s.flight_id == flight.id && holds_seats(s.status))
                    .map(|(stored, _)| u32::from(party::seats_needed(&stored.booking.passengers)))
                    .sum();
                prop_assert_eq!(flight.cabins[3].unwrap().sold, held);
            }
            for stored in facts.bookings.values() {
                let booking = &stored.booking;
                prop_assert_eq!(booking.status == BookingStatus::Held, booking.time_limit.is_some());
                let waits = booking.segments.iter().filter(|s| s.status == SegmentStatus::Hl).count();
                let expected = if booking.status == BookingStatus::Waitlisted { booking.segments.len() } else { 0 };
                prop_assert_eq!(waits, expected);
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
                prop_assert!(!fits, "seats are free for {}", stored.booking.locator);
            }
            facts.now += SignedDuration::from_hours(hours);
        }
    }
}
