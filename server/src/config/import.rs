//! What imported files do not say.

use airside_common::money::{Currency, parse_currency};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::list;
use crate::formats::{Defaults, FareError};

/// What imported files do not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImportSettings {
    /// The currency of prices in files that name none, and of the fares below.
    #[serde(deserialize_with = "currency")]
    pub currency: String,
    /// Fares of new flights of files without fares: `224.78` for every cabin, `business=899.00` for one.
    #[serde(deserialize_with = "fares")]
    pub fares: Vec<String>,
}

impl Default for ImportSettings {
    fn default() -> Self {
        Self {
            currency: Currency::USD.code().to_owned(),
            fares: Vec::new(),
        }
    }
}

impl ImportSettings {
    /// What new flights get; refused where a fare is none in the currency.
    pub fn defaults(&self) -> Result<Defaults, FareError> {
        // The currency was checked when it was read.
        let currency = parse_currency(&self.currency).unwrap_or(Currency::USD);
        Defaults::read(currency, &self.fares)
    }
}

/// Digits after the point are counted when the currency is known.
fn fares<'de, D: Deserializer<'de>>(items: D) -> Result<Vec<String>, D::Error> {
    let items = list::deserialize(items)?;
    Defaults::read(Currency::KWD, &items)
        .map_err(|error| D::Error::custom(format!("`{}` is no fare", error.item())))?;
    Ok(items)
}

fn currency<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    let text = String::deserialize(text)?;
    let currency = parse_currency(&text).map_err(D::Error::custom)?;
    Ok(currency.code().to_owned())
}
