//! Parameters of an address.

use serde::Serialize;
use serde_json::Value;

use super::ApiError;

/// The fields of a struct as the part of an address behind `?`; what is null is left out.
pub(super) fn encode(parameters: &impl Serialize) -> Result<String, ApiError> {
    let value =
        serde_json::to_value(parameters).map_err(|error| ApiError::Client(error.to_string()))?;
    // The address is only there because the encoder belongs to one.
    let mut address = reqwest::Url::parse("http://localhost/")
        .map_err(|error| ApiError::Client(error.to_string()))?;
    if let Value::Object(fields) = value {
        let mut pairs = address.query_pairs_mut();
        for (name, value) in fields {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    pairs.append_pair(&name, &text);
                }
                other => {
                    pairs.append_pair(&name, &other.to_string());
                }
            }
        }
    }
    Ok(address.query().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded() {
        let query = encode(&serde_json::json!({
            "cabin": null, "date": "2026-12-01", "passengers": 2, "query": "são & co"
        }))
        .unwrap();
        assert_eq!(query, "date=2026-12-01&passengers=2&query=s%C3%A3o+%26+co");
    }
}
