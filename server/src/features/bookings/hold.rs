//! For how long seats are held.

use airside_common::api::problem::Problem;
use airside_common::time::Instant;
use jiff::{SignedDuration, Timestamp};

/// A hold that names no time limit ends no later than this before the first departure: what it gives back can still be sold.
pub const BEFORE_DEPARTURE: SignedDuration = SignedDuration::from_hours(1);

/// How long a booking may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTerms {
    /// Where no time limit is named.
    pub usual: SignedDuration,
    /// At most.
    pub longest: SignedDuration,
    /// How long before its end somebody is told that it is near.
    pub near: SignedDuration,
}

impl HoldTerms {
    /// The time limit of a booking that is made now, in whole seconds: the one that is asked for, or the usual one. The
    /// problem names the field.
    pub fn limit(
        self,
        asked: Option<Instant>,
        now: Timestamp,
        departure: Timestamp,
    ) -> Result<Instant, Problem> {
        let wrong = |message: String| Problem::field("time_limit", message);
        let latest = now + self.longest;
        let limit = match asked {
            Some(Instant(limit)) if limit > latest => {
                return Err(wrong(format!(
                    "a booking is held for {} at most, until {}",
                    hours(self.longest),
                    whole_seconds(latest)
                )));
            }
            Some(Instant(limit)) if limit >= departure => {
                return Err(wrong(
                    "the time limit lies before the first departure".to_owned(),
                ));
            }
            Some(Instant(limit)) => whole_seconds(limit),
            None => whole_seconds((now + self.usual).min(departure - BEFORE_DEPARTURE)),
        };
        if limit > now {
            return Ok(Instant(limit));
        }
        Err(wrong(match asked {
            Some(_) => "the time limit has passed".to_owned(),
            None => format!(
                "the first flight leaves within {}; name a time limit before its departure",
                hours(BEFORE_DEPARTURE)
            ),
        }))
    }
}

impl Default for HoldTerms {
    /// A day, and at most a week.
    fn default() -> Self {
        Self {
            usual: SignedDuration::from_hours(24),
            longest: SignedDuration::from_hours(7 * 24),
            near: SignedDuration::from_hours(2),
        }
    }
}

fn hours(duration: SignedDuration) -> String {
    match duration.as_hours() {
        1 => "an hour".to_owned(),
        hours => format!("{hours} hours"),
    }
}

/// What every database and every client keeps as it is.
fn whole_seconds(instant: Timestamp) -> Timestamp {
    // A second of a timestamp is one.
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual(None, "2026-12-09T00:00:00Z", Ok("2026-12-02T12:00:00Z"))]
    #[case::an_hour_before(None, "2026-12-02T00:00:00Z", Ok("2026-12-01T23:00:00Z"))]
    #[case::leaves_soon(
        None,
        "2026-12-01T13:00:00Z",
        Err("the first flight leaves within an hour")
    )]
    #[case::asked(
        Some("2026-12-01T12:00:02.9Z"),
        "2026-12-01T13:00:00Z",
        Ok("2026-12-01T12:00:02Z")
    )]
    #[case::now(
        Some("2026-12-01T12:00:00Z"),
        "2026-12-09T00:00:00Z",
        Err("the time limit has passed")
    )]
    #[case::a_week(
        Some("2026-12-08T12:00:00Z"),
        "2026-12-09T00:00:00Z",
        Ok("2026-12-08T12:00:00Z")
    )]
    #[case::longer(
        Some("2026-12-08T12:00:01Z"),
        "2026-12-09T00:00:00Z",
        Err("a booking is held for 168 hours at most")
    )]
    #[case::at_departure(
        Some("2026-12-02T00:00:00Z"),
        "2026-12-02T00:00:00Z",
        Err("the time limit lies before")
    )]
    fn limits(
        #[case] asked: Option<&str>,
        #[case] departure: &str,
        #[case] expected: Result<&str, &str>,
    ) {
        let now = "2026-12-01T12:00:00.5Z".parse().unwrap();
        let asked = asked.map(|text| text.parse().unwrap());
        let limit = HoldTerms::default().limit(asked, now, departure.parse().unwrap());
        match (limit, expected) {
            (Ok(limit), Ok(expected)) => assert_eq!(limit.to_string(), expected),
            (Err(problem), Err(expected)) => {
                assert_eq!(problem.errors[0].field, "time_limit");
                assert!(problem.errors[0].message.starts_with(expected), "{problem}");
            }
            (limit, _) => panic!("{limit:?}"),
        }
    }
}
