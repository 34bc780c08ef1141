//! Finding airports by what people type: a code, a city, a part of a name, without accents.

use airside_common::airport::{Airport, AirportCode};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{AirportIndex, CITY_NAMES, Reference};

/// Airports by the folded names and metropolitan codes of their cities, in the order of the airports' codes.
pub(super) type Cities = FxHashMap<String, SmallVec<[AirportIndex; 2]>>;

/// Why a text is not one airport.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Nothing has that code or name.
    #[error("no airport has this code, and no city this name")]
    Unknown,
    /// Several airports have it.
    #[error("which airport is meant: {}?", list(.0))]
    Ambiguous(Vec<AirportCode>),
}

/// How many candidates are named.
const MOST_NAMED: usize = 12;

fn list(codes: &[AirportCode]) -> String {
    let named: Vec<&str> = codes
        .iter()
        .take(MOST_NAMED)
        .map(AirportCode::as_str)
        .collect();
    let more = if codes.len() > MOST_NAMED {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", named.join(", "))
}

/// What an airport is found by.
#[derive(Debug)]
pub(super) struct Folded {
    code: String,
    /// The code that a city of several airports has for all of them.
    metropolitan: Option<String>,
    city: String,
    name: String,
}

impl Folded {
    pub(super) fn new(
        code: AirportCode,
        metropolitan: Option<&str>,
        city: &str,
        name: &str,
    ) -> Self {
        Self {
            code: code.as_str().to_ascii_lowercase(),
            metropolitan: metropolitan.map(str::to_ascii_lowercase),
            city: fold(city),
            name: fold(name),
        }
    }

    /// The name of the city; where none is known, what an airport of a town is called before it says that it is one.
    fn town(&self) -> &str {
        if !self.city.is_empty() {
            return &self.city;
        }
        let name = self.name.strip_suffix(" airport").unwrap_or_default();
        name.strip_suffix(" international").unwrap_or(name)
    }

    /// How well a query fits, the smaller the better; `None` where it does not.
    fn rank(&self, query: &str) -> Option<u8> {
        if self.code == query {
            Some(0)
        } else if self.metropolitan.as_deref() == Some(query) {
            Some(1)
        } else if self.city.starts_with(query) {
            Some(2)
        } else if self.code.starts_with(query) {
            Some(3)
        } else if self.name.starts_with(query) {
            Some(4)
        } else {
            let words = || {
                [&self.code, &self.city, &self.name]
                    .into_iter()
                    .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
            };
            query
                .split_whitespace()
                .all(|asked| words().any(|word| word.starts_with(asked)))
                .then_some(5)
        }
    }
}

impl Reference {
    /// The one airport that a code, the code of a city, or a city's name means. An airport's own code wins over a city's;
    /// over the name of a city elsewhere only in capitals: `GOA` is Genoa's, while `Goa` could be either.
    pub fn place(&self, text: &str) -> Result<AirportIndex, PlaceError> {
        let text = text.trim();
        let coded = text.parse().ok().and_then(|code| self.find(code));
        let named = self.cities().get(&fold(text));
        let named = named.map_or(&[][..], SmallVec::as_slice);
        if let Some(airport) = coded {
            let is_code = !text.bytes().any(|letter| letter.is_ascii_lowercase());
            if is_code || named.is_empty() || named.contains(&airport) {
                return Ok(airport);
            }
        } else if let [airport] = named {
            return Ok(*airport);
        }
        if named.is_empty() {
            return Err(PlaceError::Unknown);
        }
        let all = coded.iter().chain(named);
        Err(PlaceError::Ambiguous(
            all.map(|at| self.airport(*at).code).collect(),
        ))
    }

    fn cities(&self) -> &Cities {
        self.cities.get_or_init(|| {
            let mut cities = Cities::default();
            let mut add = |name: &str, airport| {
                let airports = cities.entry(name.to_owned()).or_default();
                if !name.is_empty() && !airports.contains(&airport) {
                    airports.push(airport);
                }
            };
            for (entry, at) in self.airports.iter().zip(0..) {
                let folded = &entry.folded;
                let at = AirportIndex(at);
                add(folded.town(), at);
                add(folded.metropolitan.as_deref().unwrap_or_default(), at);
            }
            for row in csv::Reader::from_reader(CITY_NAMES.as_bytes())
                .records()
                .flatten()
            {
                let airport = row.get(1).and_then(|code| self.find(code.parse().ok()?));
                if let (Some(name), Some(airport)) = (row.get(0), airport) {
                    add(&fold(name), airport);
                }
            }
            cities
        })
    }

    /// The airports that fit what was typed, best first: the code itself, of the airport or of all the city's airports,
    /// then cities, codes and names that begin with it, then those where every typed word begins a word. Everything fits
    /// an empty query.
    pub fn search(&self, query: &str) -> Vec<&Airport> {
        let query = fold(query.trim());
        let mut found: Vec<(u8, &Airport)> = self
            .airports
            .iter()
            .filter_map(|entry| Some((entry.folded.rank(&query)?, &entry.airport)))
            .collect();
        // Stable: the airports are in the order of their codes.
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, airport)| airport).collect()
    }
}

/// Lower case without the accents of Latin letters.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ' | 'ả' | 'ấ' | 'ầ' => {
                folded.push('a');
            }
            'æ' => folded.push_str("ae"),
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => folded.push('c'),
            'ð' | 'ď' | 'đ' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ế' | 'ề' => folded.push('e'),
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => folded.push('g'),
            'ĥ' | 'ħ' => folded.push('h'),
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => folded.push('i'),
            'ĵ' => folded.push('j'),
            'ķ' => folded.push('k'),
            'ĺ' | 'ļ' | 'ľ' | 'ł' => folded.push('l'),
            'ñ' | 'ń' | 'ņ' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ố' | 'ồ' => folded.push('o'),
            'œ' => folded.push_str("oe"),
            'ŕ' | 'ŗ' | 'ř' => folded.push('r'),
            'ß' => folded.push_str("ss"),
            'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => folded.push('s'),
            'ţ' | 'ť' | 'ț' => folded.push('t'),
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => folded.push('u'),
            'ŵ' => folded.push('w'),
            'ý' | 'ÿ' | 'ŷ' => folded.push('y'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            // Left behind by the lower case of some capital letters.
            '\u{300}'..='\u{36f}' => {}
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::PlaceError;
    use crate::reference::reference;
    use rstest::rstest;

    #[rstest]
    #[case("jfk", "JFK")]
    #[case("zurich", "ZRH")]
    #[case("Zürich", "ZRH")]
    #[case("heathrow", "LHR")]
    #[case("kennedy new york", "JFK")]
    fn the_best_match_is_first(#[case] query: &str, #[case] code: &str) {
        let found = reference().search(query);
        assert_eq!(found[0].code.as_str(), code);
    }

    #[rstest]
    #[case("NYC", &["JFK", "LGA"])]
    #[case("mil", &["BGY", "LIN", "MXP"])]
    #[case("DXB", &["DXB", "DWC"])]
    fn the_airports_of_a_citys_code_come_behind_the_airport_that_has_it(
        #[case] query: &str,
        #[case] codes: &[&str],
    ) {
        let found = reference().search(query).into_iter();
        let found: Vec<&str> = found.map(|airport| airport.code.as_str()).collect();
        assert_eq!(&found[..codes.len()], codes);
    }

    #[rstest]
    #[case("Pune", "PNQ")]
    #[case("zurich", "ZRH")]
    #[case("jfk", "JFK")]
    #[case("Nagpur", "NAG")]
    // Without a city in the data, but with its name.
    #[case("Surat", "STV")]
    // An airport of its own, although Dubai has two.
    #[case("DXB", "DXB")]
    #[case("GOA", "GOA")]
    fn a_place_is_a_code_or_a_city(#[case] text: &str, #[case] code: &str) {
        let found = reference().place(text).unwrap();
        assert_eq!(reference().airport(found).code.as_str(), code);
    }

    #[rstest]
    #[case("NYC", "JFK, LGA")]
    #[case("MIL", "BGY, LIN, MXP")]
    #[case("Milan", "LIN, MXP")]
    #[case("Goa", "GOA, GOI, GOX")]
    fn a_place_of_several_airports_names_them(#[case] text: &str, #[case] codes: &str) {
        let error = reference().place(text).unwrap_err().to_string();
        assert!(error.contains(codes), "{error}");
    }

    #[rstest]
    #[case("")]
    #[case("QQQ")]
    #[case("New York City")]
    fn no_place_is_none(#[case] text: &str) {
        assert_eq!(reference().place(text), Err(PlaceError::Unknown));
    }

    #[test]
    fn nothing_fits_nonsense() {
        assert!(reference().search("qqqqq").is_empty());
    }
}
