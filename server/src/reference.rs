//! Reference data: airports with their cities, countries and time zones, and carriers. Compiled in, never changed.

use std::sync::{LazyLock, OnceLock};

use airside_common::ParseError;
use airside_common::airport::{Airport, AirportCode, CarrierCode};
use airside_common::time::{LocalTime, OffsetTime};
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

pub mod lookup;

static AIRPORTS: &str = include_str!("../data/airports.csv");
static AIRLINES: &str = include_str!("../data/airlines.csv");
static CITY_NAMES: &str = include_str!("../data/city_names.csv");
static METROPOLITAN: &str = include_str!("../data/metropolitan.csv");

/// The zone of airports whose own is not in the zone database.
static UNKNOWN: TimeZone = TimeZone::UTC;

/// Everything that is known without a database.
#[derive(Debug)]
pub struct Reference {
    /// Sorted by code.
    airports: Vec<AirportEntry>,
    by_code: FxHashMap<AirportCode, AirportIndex>,
    zones: Vec<Zone>,
    carriers: FxHashMap<CarrierCode, String>,
    /// Made when first needed: only imports need it.
    cities: OnceLock<lookup::Cities>,
}

/// An airport's position in the reference data; stable within one build of the program, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AirportIndex(pub(crate) u16);

/// A city: airports of the same city have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CityIndex(u16);

#[derive(Debug)]
struct AirportEntry {
    airport: Airport,
    city: CityIndex,
    zone: u16,
    /// Codes, city and name, folded for comparison.
    folded: lookup::Folded,
}

#[derive(Debug)]
struct Zone {
    name: String,
    /// Resolved when first needed: the whole world's zones are not.
    zone: OnceLock<Option<TimeZone>>,
}

/// The reference data of this build.
pub fn reference() -> &'static Reference {
    static REFERENCE: LazyLock<Reference> =
        LazyLock::new(|| Reference::read(AIRPORTS, AIRLINES, METROPOLITAN));
    &REFERENCE
}

impl Reference {
    /// Rows that do not parse are left out; the tests see to it that the compiled-in data have none.
    fn read(airports: &str, airlines: &str, metropolitan: &str) -> Self {
        let mut zones: Vec<Zone> = Vec::new();
        let mut zone_of = FxHashMap::default();
        let mut cities = FxHashMap::default();
        let mut entries = Vec::new();
        let rows = |text| csv::Reader::from_reader(str::as_bytes(text)).into_records();
        let metropolitan: FxHashMap<AirportCode, String> = rows(metropolitan)
            .flatten()
            .filter_map(|row| Some((row.get(1)?.parse().ok()?, row.get(0)?.to_owned())))
            .collect();
        for row in rows(airports).flatten() {
            let (Some(Ok(code)), Some(name), Some(city), Some(country), Some(zone)) = (
                row.get(0).map(str::parse),
                row.get(1),
                row.get(2),
                row.get(3),
                row.get(4),
            ) else {
                continue;
            };
            let (Ok(zone_index), Ok(next_city)) =
                (u16::try_from(zones.len()), u16::try_from(cities.len()))
            else {
                continue;
            };
            let zone_index = *zone_of.entry(zone.to_owned()).or_insert_with(|| {
                zones.push(Zone {
                    name: zone.to_owned(),
                    zone: OnceLock::new(),
                });
                zone_index
            });
            // An airport without a city is a place of its own; one code is no city's name.
            let place = if city.is_empty() {
                (country.to_owned(), format!("\0{code}"))
            } else {
                (country.to_owned(), lookup::fold(city))
            };
            let city_index = *cities.entry(place).or_insert(CityIndex(next_city));
            let code: AirportCode = code;
            entries.push(AirportEntry {
                folded: lookup::Folded::new(
                    code,
                    metropolitan.get(&code).map(String::as_str),
                    city,
                    name,
                ),
                airport: Airport {
                    code,
                    name: name.to_owned(),
                    city: city.to_owned(),
                    country: country.to_owned(),
                    time_zone: zone.to_owned(),
                },
                city: city_index,
                zone: zone_index,
            });
        }
        entries.sort_by_key(|entry| entry.airport.code);
        let by_code = entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((entry.airport.code, AirportIndex(at.try_into().ok()?))))
            .collect();
        let carriers = rows(airlines)
            .flatten()
            .filter_map(|row| Some((row.get(0)?.parse().ok()?, row.get(1)?.to_owned())))
            .collect();
        Self {
            airports: entries,
            by_code,
            zones,
            carriers,
            cities: OnceLock::new(),
        }
    }

    /// How many airports there are.
    pub fn airport_count(&self) -> usize {
        self.airports.len()
    }

    /// The airport of a code.
    pub fn find(&self, code: AirportCode) -> Option<AirportIndex> {
        self.by_code.get(&code).copied()
    }

    /// What is known of an airport.
    pub fn airport(&self, index: AirportIndex) -> &Airport {
        &self.entry(index).airport
    }

    /// The city that an airport serves.
    pub fn city(&self, index: AirportIndex) -> CityIndex {
        self.entry(index).city
    }

    /// ISO 3166-1 alpha-2 code of an airport's country.
    pub fn country(&self, index: AirportIndex) -> &str {
        &self.entry(index).airport.country
    }

    /// An airport's time zone; UTC where the zone database does not know it.
    pub fn zone(&self, index: AirportIndex) -> &TimeZone {
        let zone = &self.zones[usize::from(self.entry(index).zone)];
        zone.zone
            .get_or_init(|| TimeZone::get(&zone.name).ok())
            .as_ref()
            .unwrap_or(&UNKNOWN)
    }

    /// A time on an airport's clocks; refused where a clock change skips or doubles it.
    pub fn local(&self, index: AirportIndex, local: LocalTime) -> Result<OffsetTime, ParseError> {
        OffsetTime::from_local(local.0, self.zone(index))
    }

    /// A carrier's name.
    pub fn carrier(&self, code: CarrierCode) -> Option<&str> {
        self.carriers.get(&code).map(String::as_str)
    }

    fn entry(&self, index: AirportIndex) -> &AirportEntry {
        &self.airports[usize::from(index.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(code: &str) -> AirportIndex {
        reference().find(code.parse().unwrap()).unwrap()
    }

    #[test]
    fn every_row_is_read_and_every_zone_known() {
        assert_eq!(
            reference().airport_count(),
            AIRPORTS.trim().lines().count() - 1
        );
        assert_eq!(
            reference().carriers.len(),
            AIRLINES.trim().lines().count() - 1
        );
        for zone in &reference().zones {
            assert!(TimeZone::get(&zone.name).is_ok(), "{}", zone.name);
        }
    }

    #[test]
    fn every_metropolitan_code_is_of_airports() {
        for row in METROPOLITAN.trim().lines().skip(1) {
            let (code, airport) = row.split_once(',').unwrap();
            let found = reference().search(code);
            assert!(found.iter().any(|a| a.code.as_str() == airport), "{row}");
        }
    }

    #[test]
    fn every_name_of_a_city_is_of_an_airport_and_adds_to_it() {
        for row in CITY_NAMES.trim().lines().skip(1) {
            let (name, airport) = row.split_once(',').unwrap();
            let city = &reference().airport(index(airport)).city;
            assert_ne!(lookup::fold(city), lookup::fold(name), "{row}");
        }
    }

    #[test]
    fn airports_of_a_city_share_it() {
        assert_eq!(
            reference().city(index("JFK")),
            reference().city(index("LGA"))
        );
        assert_ne!(
            reference().city(index("JFK")),
            reference().city(index("LAX"))
        );
        assert_eq!(reference().country(index("LHR")), "GB");
    }

    #[test]
    fn local_times_get_the_offset_of_their_day() {
        let local = |text: &str| {
            reference()
                .local(index("JFK"), text.parse().unwrap())
                .map(|time| time.to_string())
        };
        assert_eq!(
            local("2026-12-07T23:59").unwrap(),
            "2026-12-07T23:59:00-05:00"
        );
        assert!(local("2026-03-08T02:30").is_err());
    }
}
