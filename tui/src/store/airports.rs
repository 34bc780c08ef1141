//! Airports that the server has named, and which of them fit what is typed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use airside_common::airport::{Airport, AirportCode};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// The most completions that are offered.
const MOST: usize = 8;

thread_local! {
    // The matcher's own working memory is 135 kB: made once, when it is first needed.
    static MATCHER: RefCell<Option<Matcher>> = const { RefCell::new(None) };
}

/// The known airports.
#[derive(Debug, Clone, Default)]
pub(crate) struct Airports {
    known: BTreeMap<AirportCode, Airport>,
    asked: HashSet<String>,
    /// What the server found by a text. It knows more than what is shown of an airport, such as a city's own code.
    found: HashMap<String, Vec<AirportCode>>,
}

impl Airports {
    /// What the server has answered about a text.
    pub(crate) fn add(&mut self, text: &str, airports: Vec<Airport>) {
        let codes = airports.iter().map(|airport| airport.code).collect();
        self.found.insert(text.to_lowercase(), codes);
        for airport in airports {
            self.known.insert(airport.code, airport);
        }
    }

    pub(crate) fn get(&self, code: AirportCode) -> Option<&Airport> {
        self.known.get(&code)
    }

    /// The city, or the name where there is none.
    pub(crate) fn place(&self, code: AirportCode) -> Option<&str> {
        self.get(code).map(|airport| {
            if airport.city.is_empty() {
                airport.name.as_str()
            } else {
                airport.city.as_str()
            }
        })
    }

    /// Whether the server should be asked about a text: it was not yet.
    pub(crate) fn should_ask(&mut self, text: &str) -> bool {
        self.asked.insert(text.to_lowercase())
    }

    /// Asking failed: it may be asked again.
    pub(crate) fn not_answered(&mut self, text: &str) {
        self.asked.remove(&text.to_lowercase());
    }

    /// Forgets what was asked; another server may know others.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.asked.clear();
        self.found.clear();
    }

    /// Whether a code is known to be no airport's: it may be that of a city.
    pub(crate) fn lacks(&self, code: AirportCode) -> bool {
        let found = self.found.get(&code.as_str().to_lowercase());
        found.is_some_and(|found| !found.contains(&code)) && !self.known.contains_key(&code)
    }

    /// What fits a text, best first: the exact code, then what the server alone could find by a code, then by code, city
    /// and name, loosely.
    pub(crate) fn matches(&self, text: &str) -> Vec<Airport> {
        let text = text.split(" · ").next().unwrap_or_default().trim();
        if text.is_empty() {
            return Vec::new();
        }
        let exact = text.parse::<AirportCode>().ok();
        let found = self.found.get(&text.to_lowercase());
        let told = |airport: &Airport| {
            exact.is_some() && found.is_some_and(|codes| codes.contains(&airport.code))
        };
        let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
        MATCHER.with_borrow_mut(|slot| {
            let matcher = slot.get_or_insert_with(|| Matcher::new(Config::DEFAULT));
            let mut buffer = Vec::new();
            let mut found: Vec<(u32, &Airport)> = self
                .known
                .values()
                .filter_map(|airport| {
                    let line = format!("{} {} {}", airport.code, airport.city, airport.name);
                    let score = pattern
                        .score(Utf32Str::new(&line, &mut buffer), matcher)
                        .or_else(|| told(airport).then_some(5_000))?;
                    let first = u32::from(exact == Some(airport.code)) * 10_000;
                    let starts = airport
                        .city
                        .to_lowercase()
                        .starts_with(&text.to_lowercase());
                    Some((score + first + u32::from(starts) * 50, airport))
                })
                .collect();
            found.sort_by_key(|(score, airport)| (std::cmp::Reverse(*score), airport.code));
            found
                .into_iter()
                .take(MOST)
                .map(|(_, airport)| airport.clone())
                .collect()
        })
    }
}
