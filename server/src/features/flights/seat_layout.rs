//! Which seats an aircraft has: rows and letters from its type and the capacity of its cabins.
//!
//! The arrangements (how many abreast, which letters) are those usual for each type; the rows follow from the
//! capacity, so that a cabin always has exactly as many seats as can be sold in it.

use airside_common::flight::{AircraftCode, Cabin, SeatNumber};

/// Seats of each cabin in the order of [`Cabin::ALL`]; 0 where the flight has no such cabin.
pub type Capacities = [u32; 4];

/// The most seats of one flight; more than the largest airliner has, and what rows up to 99 can hold.
pub const MOST_SEATS: u32 = 900;

/// The highest row that a seat number can name.
const LAST_ROW: u32 = 99;

/// The seats of one flight, from front to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatLayout {
    rows: Vec<LayoutRow>,
}

/// One row of seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutRow {
    /// The row's number; there is no row 13.
    pub row: u8,
    /// The cabin that it is in.
    pub cabin: Cabin,
    /// All letters from left to right with `-` for an aisle, such as `ABC-DEF`.
    pub pattern: &'static str,
    /// How many of the letters exist; fewer than all only in a cabin's last row.
    seats: u8,
}

/// One seat of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutSeat {
    /// Row and letter.
    pub number: SeatNumber,
    /// Where it is in its row.
    pub place: Place,
}

/// Where a seat is in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// At a window.
    pub window: bool,
    /// At an aisle.
    pub aisle: bool,
}

impl SeatLayout {
    /// The layout of an aircraft with so many seats in each cabin. Unknown types get one that suits their size.
    /// Holds every seat where all cabins together have at most [`MOST_SEATS`].
    pub fn of(aircraft: AircraftCode, capacities: &Capacities) -> Self {
        let usual = arrangement(aircraft, capacities.iter().sum());
        Self::with(usual, capacities)
            .or_else(|| Self::with(WIDEST, capacities))
            .unwrap_or(Self { rows: Vec::new() })
    }

    /// The rows from front to back.
    pub fn rows(&self) -> &[LayoutRow] {
        &self.rows
    }

    /// The cabin of a seat; `None` where there is no such seat.
    pub fn cabin_of(&self, seat: SeatNumber) -> Option<Cabin> {
        let found = self
            .rows
            .binary_search_by_key(&seat.row(), |row| row.row)
            .ok()?;
        let row = &self.rows[found];
        row.letters()
            .any(|letter| letter == seat.column())
            .then_some(row.cabin)
    }

    /// `None` where the rows do not suffice.
    fn with(patterns: Arrangement, capacities: &Capacities) -> Option<Self> {
        let mut rows = Vec::new();
        let mut next = 1;
        for cabin in Cabin::ALL {
            let pattern = patterns[cabin.index()];
            let abreast = u32::try_from(pattern.bytes().filter(|b| *b != b'-').count()).ok()?;
            let mut left = capacities[cabin.index()];
            while left > 0 {
                if next > LAST_ROW {
                    return None;
                }
                let seats = left.min(abreast);
                rows.push(LayoutRow {
                    row: u8::try_from(next).ok()?,
                    cabin,
                    pattern,
                    seats: u8::try_from(seats).ok()?,
                });
                left -= seats;
                next += if next == 12 { 2 } else { 1 };
            }
        }
        Some(Self { rows })
    }
}

impl LayoutRow {
    /// The letters of the seats that exist, from left to right.
    pub fn letters(&self) -> impl Iterator<Item = char> {
        self.pattern
            .chars()
            .filter(|c| *c != '-')
            .take(usize::from(self.seats))
    }

    /// The seats that exist, from left to right.
    pub fn seats(&self) -> impl Iterator<Item = LayoutSeat> {
        let pattern = self.pattern.as_bytes();
        let is_aisle = |at: Option<usize>| at.and_then(|at| pattern.get(at)) == Some(&b'-');
        let row = self.row;
        pattern
            .iter()
            .enumerate()
            .filter(|(_, letter)| **letter != b'-')
            .take(usize::from(self.seats))
            .filter_map(move |(at, letter)| {
                Some(LayoutSeat {
                    number: SeatNumber::new(row, char::from(*letter)).ok()?,
                    place: Place {
                        window: at == 0 || at + 1 == pattern.len(),
                        aisle: is_aisle(at.checked_sub(1)) || is_aisle(Some(at + 1)),
                    },
                })
            })
    }
}

/// Letters and aisles of each cabin, in the order of [`Cabin::ALL`].
type Arrangement = [&'static str; 4];

const ONE_TWO: Arrangement = ["A-C", "A-C", "A-BC", "A-BC"];
const TWO_TWO: Arrangement = ["A-CD", "A-CD", "AB-CD", "AB-CD"];
const TURBOPROP: Arrangement = ["A-DF", "A-DF", "AC-DF", "AC-DF"];
const TWO_THREE: Arrangement = ["AB-CD", "AB-CD", "AB-CDE", "AB-CDE"];
const THREE_THREE: Arrangement = ["AB-EF", "AB-EF", "ABC-DEF", "ABC-DEF"];
const BOEING_767: Arrangement = ["A-DF-J", "AB-E-HJ", "AB-DF-HJ", "AB-DEF-HJ"];
const AIRBUS_330: Arrangement = ["A-DG-K", "AC-DG-HK", "AC-DEG-HK", "AC-DEFG-HK"];
const THREE_THREE_THREE: Arrangement = ["A-DG-K", "A-DG-K", "AC-DEF-HK", "ABC-DEF-HJK"];
const BOEING_777: Arrangement = ["A-DG-K", "A-DG-K", "AC-DEFG-HK", "ABC-DEFG-HJK"];
const BOEING_747: Arrangement = ["A-DG-K", "AC-DG-HK", "AC-DEFG-HK", "ABC-DEFG-HJK"];
/// Ten abreast everywhere: for capacities that a type's own arrangement cannot hold.
const WIDEST: Arrangement = ["ABC-DEFG-HJK"; 4];

fn arrangement(aircraft: AircraftCode, seats: u32) -> Arrangement {
    match aircraft.as_str() {
        "ER3" | "ER4" | "ERD" | "ERJ" | "SF3" | "J31" | "J41" => ONE_TWO,
        "CR1" | "CR2" | "CR7" | "CR9" | "CRK" | "CRJ" | "E70" | "E75" | "E7W" | "E90" | "E95"
        | "290" | "295" | "F70" => TWO_TWO,
        "AT4" | "AT5" | "AT7" | "ATR" | "DH1" | "DH2" | "DH3" | "DH4" | "DH8" => TURBOPROP,
        "717" | "D9S" | "D93" | "D94" | "D95" | "DC9" | "M80" | "M81" | "M82" | "M83" | "M87"
        | "M88" | "M90" | "221" | "223" | "100" | "SU9" => TWO_THREE,
        "318" | "319" | "31N" | "320" | "32A" | "32N" | "321" | "32B" | "32Q" | "32S" | "727"
        | "731" | "732" | "733" | "734" | "735" | "736" | "737" | "738" | "739" | "73G" | "73H"
        | "73J" | "73W" | "7M7" | "7M8" | "7M9" | "752" | "753" | "757" | "75W" | "75T" | "919" => {
            THREE_THREE
        }
        "762" | "763" | "764" | "767" | "76W" => BOEING_767,
        "332" | "333" | "330" | "338" | "339" | "342" | "343" | "345" | "346" | "340" => AIRBUS_330,
        "350" | "351" | "359" | "787" | "788" | "789" | "781" | "78X" => THREE_THREE_THREE,
        "772" | "773" | "777" | "77L" | "77W" | "779" | "778" | "M11" => BOEING_777,
        "741" | "742" | "743" | "744" | "747" | "748" | "74H" | "388" | "380" => BOEING_747,
        _ => match seats {
            0..=50 => ONE_TWO,
            51..=110 => TWO_TWO,
            111..=240 => THREE_THREE,
            241..=330 => AIRBUS_330,
            _ => BOEING_777,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn aircraft(code: &str) -> AircraftCode {
        code.parse().unwrap()
    }

    #[test]
    fn a_737_800_looks_like_one() {
        let layout = SeatLayout::of(aircraft("738"), &[0, 16, 0, 150]);
        let business = layout.rows()[0];
        assert_eq!(business.pattern, "AB-EF");
        assert_eq!(business.cabin, Cabin::Business);
        let economy = layout.rows().last().unwrap();
        assert_eq!((economy.row, economy.pattern), (30, "ABC-DEF"));
        assert_eq!(
            layout.cabin_of("1A".parse().unwrap()),
            Some(Cabin::Business)
        );
        assert_eq!(layout.cabin_of("1C".parse().unwrap()), None);
        assert_eq!(
            layout.cabin_of("12F".parse().unwrap()),
            Some(Cabin::Economy)
        );
        assert_eq!(layout.cabin_of("13A".parse().unwrap()), None);
        assert_eq!(layout.cabin_of("31A".parse().unwrap()), None);
    }

    #[test]
    fn windows_and_aisles_are_where_they_are() {
        let layout = SeatLayout::of(aircraft("763"), &[0, 0, 0, 210]);
        let places: String = layout.rows()[0]
            .seats()
            .map(|seat| match (seat.place.window, seat.place.aisle) {
                (true, _) => 'w',
                (_, true) => 'a',
                _ => '.',
            })
            .collect();
        assert_eq!(places, "waa.aaw");
    }

    proptest! {
        #[test]
        fn a_cabin_has_exactly_its_capacity(
            code in prop_oneof!["[A-Z0-9]{3}", Just("738".to_owned()), Just("ER4".to_owned())],
            capacities in prop::array::uniform4(0_u32..=225),
        ) {
            let layout = SeatLayout::of(aircraft(&code), &capacities);
            let mut seen = BTreeSet::new();
            let mut counted = [0; 4];
            for row in layout.rows() {
                for seat in row.seats() {
                    prop_assert!(seen.insert(seat.number), "{} twice", seat.number);
                    prop_assert_eq!(layout.cabin_of(seat.number), Some(row.cabin));
                    counted[row.cabin.index()] += 1;
                }
            }
            prop_assert_eq!(counted, capacities);
        }
    }
}
