//! Record locators: the six characters by which a booking is known.

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use crate::ParseError;
use crate::parse::text_type;

/// The characters of a locator: no `0`, `1`, `I` and `O`, which are mistaken for others when read out.
pub const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Six characters of [`ALPHABET`], random and unique among all bookings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locator([u8; 6]);

impl Locator {
    /// A random locator; about 1.07 thousand million exist, so that a draw may meet one that is taken.
    pub fn random(rng: &mut impl Rng) -> Self {
        Self(std::array::from_fn(|_| {
            ALPHABET[rng.random_range(0..ALPHABET.len())]
        }))
    }

    /// The six characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??????")
    }
}

impl FromStr for Locator {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new("a record locator has six characters of 2-9 and A-Z without I and O")
        };
        let bytes: [u8; 6] = text
            .trim()
            .to_ascii_uppercase()
            .into_bytes()
            .try_into()
            .map_err(|_| wrong())?;
        if bytes.iter().all(|b| ALPHABET.contains(b)) {
            Ok(Self(bytes))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locator({})", self.as_str())
    }
}

text_type!(Locator, "locator", "K7QW2M");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_locator_reads_back(seed: u64) {
            use rand::SeedableRng;
            let locator = Locator::random(&mut rand::rngs::StdRng::seed_from_u64(seed));
            prop_assert_eq!(locator.to_string().parse::<Locator>().unwrap(), locator);
            prop_assert_eq!(locator.to_string().to_lowercase().parse::<Locator>().unwrap(), locator);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text: String) {
            if let Ok(locator) = text.parse::<Locator>() {
                prop_assert_eq!(locator.as_str(), text.trim().to_ascii_uppercase());
            }
        }
    }
}
