//! Aircraft configurations such as `F12J30Y138`: which seats there are in which cabin.

use airside_common::flight::Cabin;

use super::record::Field;
use crate::features::flights::seat_layout::{Capacities, MOST_SEATS};
use crate::formats::RowError;

/// The cabin of a letter, by the industry's booking designators.
fn cabin(letter: char) -> Option<Cabin> {
    Some(match letter {
        'F' | 'A' | 'P' => Cabin::First,
        'C' | 'J' | 'D' | 'I' | 'Z' => Cabin::Business,
        'W' => Cabin::Premium,
        'B' | 'E' | 'G' | 'H' | 'K' | 'L' | 'M' | 'N' | 'O' | 'Q' | 'S' | 'T' | 'U' | 'V' | 'X'
        | 'Y' => Cabin::Economy,
        _ => return None,
    })
}

/// The seats of a configuration. A letter that stands twice (`LL`, `PP`, `BB`) counts holds, containers and pallets, and
/// `VV` begins the name of a version, which says nothing of seats.
pub(super) fn seats(field: &Field<'_>) -> Result<Capacities, RowError> {
    let mut seats = [0; 4];
    let mut rest = field.text().trim();
    while let Some(letter) = rest.chars().next() {
        if !letter.is_ascii_uppercase() {
            return Err(field.wrong("a configuration is letters with numbers, such as F12Y138"));
        }
        let letters = rest.len() - rest.trim_start_matches(letter).len();
        let (_, behind) = rest.split_at(letters);
        if letters == 2 && letter == 'V' {
            break;
        }
        let digits = behind.len()
            - behind
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len();
        let (count, behind) = behind.split_at(digits);
        rest = behind.trim_start();
        if letters == 2 {
            continue;
        }
        let count: u32 = count
            .parse()
            .ok()
            .filter(|count| letters == 1 && *count <= MOST_SEATS)
            .ok_or_else(|| field.wrong(format!("{letter} has no number of seats")))?;
        let cabin = cabin(letter)
            .ok_or_else(|| field.wrong(format!("no cabin has the letter {letter}")))?;
        seats[cabin.index()] += count;
        if seats[cabin.index()] > MOST_SEATS {
            return Err(field.wrong(format!("an aircraft has at most {MOST_SEATS} seats")));
        }
    }
    if seats == [0; 4] {
        return Err(field.wrong("the configuration has no seats: it is written as F12Y138"));
    }
    Ok(seats)
}
