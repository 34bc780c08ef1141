//! Money: an exact amount in a currency's minor units.

use std::fmt;
use std::str::FromStr;

pub use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ParseError;

/// An amount that is exact: whole minor units (cents) of an ISO 4217 currency.
///
/// Its JSON form is `{"amount":"224.78","currency":"USD"}`, the amount always with all of the currency's digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount of so many minor units.
    pub fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Parses a decimal amount, such as `224.78`; refused where it has more digits than the currency, or too many.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new(format!(
                "not an amount of {}: write it as 224.78",
                currency.code()
            ))
        };
        if amount
            .bytes()
            .any(|b| !(b.is_ascii_digit() || b == b'.' || b == b'-'))
        {
            return Err(wrong());
        }
        let amount = Decimal::from_str(amount).map_err(|_| wrong())?.normalize();
        let digits = exponent(currency);
        if amount.scale() > digits {
            return Err(ParseError::new(format!(
                "an amount of {} has at most {digits} digits after the point",
                currency.code()
            )));
        }
        let minor = amount.mantissa() * 10_i128.pow(digits - amount.scale());
        Ok(Self {
            minor: i64::try_from(minor).map_err(|_| wrong())?,
            currency,
        })
    }

    /// The amount in minor units.
    pub fn minor(&self) -> i64 {
        self.minor
    }

    /// The currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The sum; `None` where the currencies differ or the sum does not fit.
    pub fn plus(self, other: Self) -> Option<Self> {
        (self.currency == other.currency)
            .then(|| self.minor.checked_add(other.minor))
            .flatten()
            .map(|minor| Self { minor, ..self })
    }

    /// The amount so many times; `None` where it does not fit.
    pub fn times(self, count: u32) -> Option<Self> {
        self.minor
            .checked_mul(i64::from(count))
            .map(|minor| Self { minor, ..self })
    }

    /// The amount as decimal text with all digits of the currency, such as `224.78`.
    pub fn amount(&self) -> String {
        Decimal::from_i128_with_scale(i128::from(self.minor), exponent(self.currency)).to_string()
    }
}

/// Digits after the point; currencies without minor units (and the metals, which have none defined) have none.
fn exponent(currency: Currency) -> u32 {
    currency.exponent().map_or(0, u32::from)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency.code())
    }
}

/// Money as it stands in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(rename = "Money")
)]
struct MoneyBody {
    /// Decimal text with all digits of the currency.
    amount: String,
    /// ISO 4217 code.
    currency: String,
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MoneyBody {
            amount: self.amount(),
            currency: self.currency.code().to_owned(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = MoneyBody::deserialize(deserializer)?;
        let currency = parse_currency(&body.currency).map_err(serde::de::Error::custom)?;
        Self::parse(&body.amount, currency).map_err(serde::de::Error::custom)
    }
}

/// Parses an ISO 4217 alphabetic code.
pub fn parse_currency(text: &str) -> Result<Currency, ParseError> {
    Currency::from_code(&text.trim().to_ascii_uppercase())
        .ok_or_else(|| ParseError::new("not an ISO 4217 currency code, such as USD"))
}

#[cfg(feature = "openapi")]
mod schema {
    use super::{Money, MoneyBody};
    use poem_openapi::registry::{MetaSchemaRef, Registry};
    use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
    use std::borrow::Cow;

    impl Type for Money {
        const IS_REQUIRED: bool = true;
        type RawValueType = Self;
        type RawElementValueType = Self;

        fn name() -> Cow<'static, str> {
            MoneyBody::name()
        }

        fn schema_ref() -> MetaSchemaRef {
            MoneyBody::schema_ref()
        }

        fn register(registry: &mut Registry) {
            MoneyBody::register(registry);
        }

        fn as_raw_value(&self) -> Option<&Self> {
            Some(self)
        }

        fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
            Box::new(std::iter::once(self))
        }
    }

    impl ParseFromJSON for Money {
        fn parse_from_json(value: Option<serde_json::Value>) -> ParseResult<Self> {
            serde_json::from_value(value.unwrap_or_default())
                .map_err(poem_openapi::types::ParseError::custom)
        }
    }

    impl ToJSON for Money {
        fn to_json(&self) -> Option<serde_json::Value> {
            serde_json::to_value(self).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("224.78", Currency::USD, Some(22478))]
    #[case("224.7", Currency::USD, Some(22470))]
    #[case("224.780", Currency::USD, Some(22478))]
    #[case("224.781", Currency::USD, None)]
    #[case("1e3", Currency::USD, None)]
    #[case("", Currency::USD, None)]
    #[case("5000", Currency::JPY, Some(5000))]
    #[case("5000.5", Currency::JPY, None)]
    fn amounts(#[case] text: &str, #[case] currency: Currency, #[case] minor: Option<i64>) {
        assert_eq!(Money::parse(text, currency).ok().map(|m| m.minor()), minor);
    }

    proptest! {
        #[test]
        fn json_reads_back(minor: i64) {
            let money = Money::from_minor(minor, Currency::USD);
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
    }
}
