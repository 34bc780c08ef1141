//! Settings that are lists: `["a", "b"]` in a file, `a,b` in the environment.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// The items of a list, without the empty ones.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    let mut items: Vec<String> = match OneOrMore::deserialize(value) {
        Ok(OneOrMore::More(items)) => items,
        Ok(OneOrMore::One(text)) => text.split(',').map(str::to_owned).collect(),
        Err(_) => return Err(D::Error::custom("is a list of words")),
    };
    items.retain(|item| !item.trim().is_empty());
    Ok(items)
}
