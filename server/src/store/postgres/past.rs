//! Where the primary was in its log, and when: how far replicas are behind is told by that and by no clock of theirs. A
//! primary that writes nothing stays where it is, and nobody falls behind it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::standing::{Lsn, Standing};

/// A look at the primary.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Before it was asked: what was committed by then is in the positions.
    at: Instant,
    durable: Lsn,
    written: Lsn,
}

/// The looks of the last while, the oldest first.
#[derive(Debug)]
pub(super) struct Past {
    timeline: u32,
    samples: VecDeque<Sample>,
    /// Whether a primary was there at the last look.
    answers: bool,
    /// Longer ago than this only one look is kept.
    reach: Duration,
}

impl Past {
    pub(super) fn new(reach: Duration) -> Self {
        Self {
            timeline: 0,
            samples: VecDeque::new(),
            answers: false,
            reach,
        }
    }

    /// Takes note that no primary answers.
    pub(super) fn add_nothing(&mut self) {
        self.answers = false;
    }

    /// Adds a look. On another timeline everything begins anew.
    pub(super) fn add(&mut self, at: Instant, primary: &Standing) {
        if primary.timeline != self.timeline {
            self.samples.clear();
            self.timeline = primary.timeline;
        }
        self.answers = true;
        self.samples.push_back(Sample {
            at,
            durable: primary.durable,
            written: primary.written,
        });
        while self.samples.len() > 1 && self.samples[1].at + self.reach <= at {
            self.samples.pop_front();
        }
    }

    /// How old the state is that a replica shows which has replayed so much. What nobody has seen is not known to be old.
    pub(super) fn lag(&self, replayed: Lsn, now: Instant) -> Duration {
        let Some(last) = self.samples.back() else {
            return Duration::ZERO;
        };
        if replayed >= last.durable {
            return Duration::ZERO;
        }
        let seen = self.samples.iter().rev().find(|s| s.durable <= replayed);
        let since = seen
            .or(self.samples.front())
            .map_or(now, |sample| sample.at);
        now.saturating_duration_since(since)
    }

    /// What has to be replayed to be no older than so much.
    pub(super) fn position(&self, age: Duration, now: Instant) -> Lsn {
        let old_enough = |sample: &&Sample| sample.at + age <= now;
        let sample = self.samples.iter().rev().find(old_enough);
        sample.map_or(0, |sample| sample.durable)
    }

    /// What has to be replayed to show all that was committed by a moment; `None` as long as the primary was not asked
    /// since. While none answers, the last that is known of it has to do.
    pub(super) fn position_at(&self, moment: Instant) -> Option<Lsn> {
        let later = self.samples.iter().find(|sample| sample.at >= moment);
        match later {
            None if !self.answers => self.samples.back().map(|sample| sample.durable),
            later => later.map(|sample| sample.written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn standing(timeline: u32, durable: Lsn) -> Standing {
        Standing {
            takes_writes: true,
            timeline,
            system: 1,
            durable,
            written: durable + 5,
        }
    }

    /// A primary that wrote until the third second and nothing more.
    fn past(start: Instant) -> Past {
        let mut past = Past::new(Duration::from_secs(10));
        for (second, durable) in [(0, 100), (1, 200), (2, 300), (3, 400), (4, 400), (5, 400)] {
            past.add(at(start, second), &standing(1, durable));
        }
        past
    }

    #[test]
    fn lag_is_the_age_of_what_is_shown_and_grows_only_while_something_is_missing() {
        let start = Instant::now();
        let past = past(start);
        let now = at(start, 6);
        assert_eq!(past.lag(400, now), Duration::ZERO);
        assert_eq!(past.lag(400, at(start, 600)), Duration::ZERO);
        assert_eq!(past.lag(399, now), Duration::from_secs(4));
        assert_eq!(past.lag(200, now), Duration::from_secs(5));
        // Older than all that is known: at least so much.
        assert_eq!(past.lag(50, now), Duration::from_secs(6));
    }

    #[test]
    fn a_bound_of_age_is_a_place_in_the_log() {
        let start = Instant::now();
        let past = past(start);
        let position = |age| past.position(Duration::from_secs(age), at(start, 6));
        assert_eq!((position(4), position(5), position(9)), (300, 200, 0));
    }

    #[test]
    fn what_was_committed_by_a_moment_is_behind_the_next_look() {
        let start = Instant::now();
        let past = past(start);
        assert_eq!(past.position_at(at(start, 2)), Some(305));
        assert_eq!(
            past.position_at(at(start, 1) + Duration::from_millis(1)),
            Some(305)
        );
        assert_eq!(past.position_at(at(start, 6)), None);
        let mut past = past;
        past.add_nothing();
        assert_eq!(past.position_at(at(start, 6)), Some(400));
    }

    #[test]
    fn a_new_timeline_begins_anew_and_the_past_is_forgotten() {
        let start = Instant::now();
        let mut past = past(start);
        past.add(at(start, 14), &standing(1, 500));
        assert_eq!(past.lag(150, at(start, 14)), Duration::from_secs(10));
        past.add(at(start, 15), &standing(2, 450));
        assert_eq!(past.lag(450, at(start, 16)), Duration::ZERO);
        assert_eq!(past.position(Duration::ZERO, at(start, 15)), 450);
    }
}
