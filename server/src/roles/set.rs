//! The services that the one program can be, and which of them a process is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::config::list;

/// One service: some paths, and what runs behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceRole {
    /// Logging in, and the public keys by which others verify access tokens.
    Auth,
    /// Itineraries, flights, seat maps, airports.
    Search,
    /// Bookings, and their writer.
    Bookings,
    /// What admins do.
    Admin,
    /// Files that were uploaded or fetched, into the schedule.
    Worker,
    /// Files fetched from where others leave them.
    Ingest,
    /// What happened, from the outbox to those who react to it.
    Relay,
    /// Mail to passengers, and calls of other programs.
    Notifier,
    /// Figures, from events.
    Analytics,
}

impl ServiceRole {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Auth,
        Self::Search,
        Self::Bookings,
        Self::Admin,
        Self::Worker,
        Self::Ingest,
        Self::Relay,
        Self::Notifier,
        Self::Analytics,
    ];

    /// Its name in settings, logs and figures.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Search => "search",
            Self::Bookings => "bookings",
            Self::Admin => "admin",
            Self::Worker => "worker",
            Self::Ingest => "ingest",
            Self::Relay => "relay",
            Self::Notifier => "notifier",
            Self::Analytics => "analytics",
        }
    }

    /// Whether it reads what may be a little old, and so from replicas. The reads are those of `MayBeOld` in
    /// `store/postgres/replicas.rs`.
    pub fn reads_replicas(self) -> bool {
        match self {
            Self::Search | Self::Bookings | Self::Admin | Self::Worker => true,
            Self::Auth | Self::Ingest | Self::Relay | Self::Notifier | Self::Analytics => false,
        }
    }
}

/// Which services a process is: one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<ServiceRole>);

/// Why a list of services is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolesError {
    /// It is empty.
    #[error("name one role at least, of {}", Roles::default())]
    None,
    /// There is no such service.
    #[error("there is no role `{0}`; there are {all}", all = Roles::default())]
    Unknown(String),
}

impl Roles {
    /// Whether a process of these is a service.
    pub fn contains(&self, role: ServiceRole) -> bool {
        self.0.contains(&role)
    }

    /// Whether one of them reads from replicas.
    pub fn read_replicas(&self) -> bool {
        self.0.iter().any(|role| role.reads_replicas())
    }

    /// Whether it is all of them.
    pub fn are_all(&self) -> bool {
        *self == Self::default()
    }

    /// Their names.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|role| role.word())
    }

    fn of<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, RolesError> {
        let mut roles = Vec::new();
        for word in words.map(str::trim).filter(|word| !word.is_empty()) {
            let known = ServiceRole::ALL
                .into_iter()
                .find(|role| role.word() == word);
            roles.push(known.ok_or_else(|| RolesError::Unknown(word.to_owned()))?);
        }
        roles.sort_unstable();
        roles.dedup();
        if roles.is_empty() {
            return Err(RolesError::None);
        }
        Ok(Self(roles))
    }
}

impl Default for Roles {
    /// All of them.
    fn default() -> Self {
        Self(ServiceRole::ALL.to_vec())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Roles {
    type Err = RolesError;

    /// Names with commas between them.
    fn from_str(text: &str) -> Result<Self, RolesError> {
        Self::of(text.split(','))
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let words = list::deserialize(value)?;
        Self::of(words.iter().map(String::as_str)).map_err(de::Error::custom)
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("auth", "auth")]
    #[case("search, auth,search,", "auth,search")]
    #[case(
        "analytics,notifier,relay,ingest,worker,admin,bookings,search,auth",
        "auth,search,bookings,admin,worker,ingest,relay,notifier,analytics"
    )]
    fn roles_are_a_set(#[case] text: &str, #[case] expected: &str) {
        let roles: Roles = text.parse().unwrap();
        assert_eq!(roles.to_string(), expected);
        assert_eq!(
            roles.are_all(),
            roles.words().count() == ServiceRole::ALL.len()
        );
        for role in ServiceRole::ALL {
            let named = expected.split(',').any(|word| word == role.word());
            assert_eq!(roles.contains(role), named);
        }
    }

    #[rstest]
    #[case("", "name one role at least, of auth,search,bookings,admin,worker")]
    #[case(" , ", "name one role at least")]
    #[case(
        "auth,agent",
        "there is no role `agent`; there are auth,search,bookings,admin,worker"
    )]
    #[case("Auth", "there is no role `Auth`")]
    fn what_there_is_not_is_named(#[case] text: &str, #[case] expected: &str) {
        let error = text.parse::<Roles>().unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
