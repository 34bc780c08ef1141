use super::*;
use crate::features::search::itineraries::Leg;
use crate::features::search::timetable::tests::{entry, flight, named};
use crate::reference::reference;
use airside_common::flight::FlightId;
use proptest::prelude::*;
use rstest::rstest;

/// An itinerary with so many stops, so many minutes after the start of a day, that takes so long.
fn legs(stops: usize, departure: i64, duration: i64) -> Legs {
    let (from, to) = ("JFK", "LAX");
    let index = |code: &str| reference().find(code.parse().unwrap()).unwrap();
    let leg = |at, minutes| Leg {
        flight: entry(&named(
            flight(FlightId::new(0, 0), from, to, at, minutes),
            1,
        )),
        origin: index(from),
        destination: index(to),
    };
    // Each but the last is of one minute: only the ends count.
    let last = i64::try_from(stops).unwrap();
    (0..=last)
        .map(|at| leg(departure + at, if at == last { duration - last } else { 1 }))
        .collect()
}

#[rstest]
#[case::the_same_times((1, 100, 300), true)]
#[case::leaves_earlier((1, 99, 301), true)]
#[case::arrives_later((2, 100, 301), true)]
#[case::leaves_later((1, 101, 299), false)]
#[case::arrives_earlier((1, 100, 299), false)]
#[case::no_more_stops((0, 50, 900), false)]
fn a_nonstop_dominates(#[case] (stops, departure, duration): (usize, i64, i64), #[case] is: bool) {
    let mut fronts = Fronts::default();
    assert!(!fronts.dominate(&legs(stops, departure, duration)));
    fronts.add(&legs(0, 100, 300));
    assert_eq!(fronts.dominate(&legs(stops, departure, duration)), is);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// What is not dominated stays, and all that is dominated goes, in any order of adding.
    #[test]
    fn the_fronts_say_what_a_comparison_with_each_says(
        added in prop::collection::vec((0..3_usize, 0..60_i64, 3..60_i64), 0..40),
        asked in prop::collection::vec((0..3_usize, 0..60_i64, 3..60_i64), 1..20),
    ) {
        let mut fronts = Fronts::default();
        for (stops, departure, duration) in &added {
            fronts.add(&legs(*stops, *departure, *duration));
        }
        for (stops, departure, duration) in asked {
            let is = added.iter().any(|(fewer, later, shorter)| {
                *fewer < stops && *later >= departure && later + shorter <= departure + duration
            });
            let found = fronts.dominate(&legs(stops, departure, duration));
            prop_assert_eq!(found, is, "{} stops at {} for {}", stops, departure, duration);
        }
    }
}
