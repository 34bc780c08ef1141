//! What operators say for files that do not say it: currency and fares of new flights.

use airside_common::flight::Cabin;
use airside_common::money::{Currency, Money};

use super::cells;

/// What a new flight gets where its file is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// The currency of prices without one.
    pub currency: Currency,
    /// Fares by [`Cabin::index`], for formats without fares; without one for each of its cabins no flight is made.
    pub fares: [Option<Money>; 4],
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            fares: [None; 4],
        }
    }
}

/// What is no fare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{item}` is no fare in {currency}: write it as 224.78 for all cabins, or as business=899.00"
)]
pub struct FareError {
    item: String,
    currency: &'static str,
}

impl FareError {
    /// What is no fare.
    pub fn item(&self) -> &str {
        &self.item
    }
}

impl Defaults {
    /// Reads fares: `199.00` for every cabin, `business=899.00` for one, which wins over that for every cabin.
    pub fn read(currency: Currency, items: &[impl AsRef<str>]) -> Result<Self, FareError> {
        let mut fares = [None; 4];
        let mut everywhere = None;
        for item in items {
            let item = item.as_ref();
            let wrong = || FareError {
                item: item.to_owned(),
                currency: currency.code(),
            };
            let amount = |text: &str| cells::fare(text.trim(), currency).map_err(|_| wrong());
            match item.split_once('=') {
                None => everywhere = Some(amount(item)?),
                Some((cabin, fare)) => {
                    let cabin: Cabin = cabin.parse().map_err(|_| wrong())?;
                    fares[cabin.index()] = Some(amount(fare)?);
                }
            }
        }
        Ok(Self {
            currency,
            fares: fares.map(|fare| fare.or(everywhere)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[], [None; 4])]
    #[case(&["199"], [Some(19_900); 4])]
    #[case(&["Y=199.50", "business=899"], [None, Some(89_900), None, Some(19_950)])]
    #[case(&["business=899", "199"], [Some(19_900), Some(89_900), Some(19_900), Some(19_900)])]
    fn fares_are_for_all_cabins_or_one(#[case] items: &[&str], #[case] minor: [Option<i64>; 4]) {
        let read = Defaults::read(Currency::USD, items).unwrap();
        assert_eq!(read.fares.map(|fare| fare.map(|f| f.minor())), minor);
    }

    #[rstest]
    #[case("-1")]
    #[case("")]
    #[case("1.234")]
    #[case("coach=1")]
    #[case("economy=")]
    fn what_is_no_fare_is_named(#[case] item: &str) {
        let error = Defaults::read(Currency::USD, &[item]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("`{item}` is no fare in USD")),
            "{error}"
        );
    }
}
