//! What becomes of a booking whose flights have changed: what the server is asked for, and what is shown until it has
//! answered.

use airside_common::api::bookings::{NewSegment, Passenger, RebookBooking, RebookSegment, Segment};
use airside_common::api::search::FlightOffer;
use airside_common::booking::SegmentStatus;
use airside_common::flight::Cabin;
use airside_common::money::Money;

use super::operation::Preview;

/// Seats that a party needs on each flight.
pub fn seats_needed(passengers: &[Passenger]) -> usize {
    passengers.iter().filter(|p| p.kind.takes_seat()).count()
}

/// Whether a segment is still part of the booking: all but those that were given up are.
pub fn lives(segment: &Segment) -> bool {
    segment.status != SegmentStatus::Xx
}

/// The flights that a booking is about: those that it has, or where it has none any more, those that it had.
pub fn flights_of(segments: &[Segment]) -> Vec<&Segment> {
    let living: Vec<&Segment> = segments.iter().filter(|segment| lives(segment)).collect();
    if living.is_empty() {
        segments.iter().collect()
    } else {
        living
    }
}

/// Whether something happened to a segment's flight that nobody has accepted yet.
pub fn has_changed(segment: &Segment) -> bool {
    matches!(segment.status, SegmentStatus::Tk | SegmentStatus::Un)
}

/// All that happened to a booking's flights is accepted, in one request; `None` where nothing has.
pub fn acceptance(segments: &[Segment]) -> Option<RebookBooking> {
    let accepted: Vec<RebookSegment> = (1..)
        .zip(segments)
        .filter(|(_, segment)| has_changed(segment))
        .map(|(position, _)| RebookSegment {
            segment: position,
            replacement: None,
        })
        .collect();
    (!accepted.is_empty()).then_some(RebookBooking {
        segments: accepted,
        expected_total: None,
    })
}

/// What a booking's segments are once changes are accepted.
pub fn accepted(segments: &[Segment]) -> Vec<Segment> {
    segments.iter().map(accept).collect()
}

fn accept(segment: &Segment) -> Segment {
    let mut segment = segment.clone();
    match segment.status {
        SegmentStatus::Tk => {
            segment.status = SegmentStatus::Hk;
            segment.previous_departure = None;
            segment.previous_arrival = None;
        }
        SegmentStatus::Un => segment.status = SegmentStatus::Xx,
        SegmentStatus::Hk | SegmentStatus::Hl | SegmentStatus::Xx => {}
    }
    segment
}

/// Another flight in the place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// What the server is asked for.
    pub body: RebookBooking,
    /// The booking as it will be. Its total is unknown where other flights are paid for with it: what each of them cost, the
    /// server alone knows.
    pub preview: Preview,
}

/// Takes a flight in the place of a segment, by its position from 0; `None` where there is no such segment.
pub fn replace(
    segments: &[Segment],
    at: usize,
    offer: &FlightOffer,
    cabin: Cabin,
    seats: usize,
) -> Option<Replacement> {
    segments.get(at).filter(|segment| lives(segment))?;
    let mut after = segments.to_vec();
    after[at].status = SegmentStatus::Xx;
    after.insert(at + 1, booked(offer, cabin));
    let is_alone = after.iter().filter(|segment| lives(segment)).count() == 1;
    let fare = offer.cabins.iter().find(|c| c.cabin == cabin)?.fare;
    let total = fare.times(u32::try_from(seats).ok()?).filter(|_| is_alone);
    Some(Replacement {
        body: RebookBooking {
            segments: vec![RebookSegment {
                segment: u8::try_from(at + 1).ok()?,
                replacement: Some(NewSegment {
                    flight_id: offer.flight_id,
                    cabin,
                }),
            }],
            expected_total: total,
        },
        preview: Preview {
            segments: after,
            total,
        },
    })
}

/// A flight of a search as the segment that it becomes.
pub fn booked(offer: &FlightOffer, cabin: Cabin) -> Segment {
    Segment {
        flight_id: offer.flight_id,
        carrier: offer.carrier,
        number: offer.number,
        origin: offer.origin,
        destination: offer.destination,
        departure: offer.departure,
        arrival: offer.arrival,
        aircraft: offer.aircraft,
        cabin,
        status: SegmentStatus::Hk,
        previous_departure: None,
        previous_arrival: None,
    }
}

/// How much more a total is than another, with its sign; `None` where it is not.
pub fn difference(before: Money, after: Money) -> Option<String> {
    if before.currency() != after.currency() || before == after {
        return None;
    }
    let by = Money::from_minor((after.minor() - before.minor()).abs(), after.currency());
    let sign = if after.minor() > before.minor() {
        '+'
    } else {
        '-'
    };
    Some(format!("{sign}{by}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::specimens::{booking, connection, direct, offer, passenger, usd};

    fn with(statuses: &[SegmentStatus]) -> Vec<Segment> {
        let mut segments = booking(1, passenger("SMITH", "ANN"), &connection()).segments;
        for (segment, status) in segments.iter_mut().zip(statuses) {
            segment.status = *status;
        }
        segments
    }

    fn codes(segments: &[Segment]) -> Vec<&str> {
        segments.iter().map(|s| s.status.code()).collect()
    }

    #[test]
    fn all_that_changed_is_accepted_and_nothing_else() {
        let changed = with(&[SegmentStatus::Un, SegmentStatus::Tk]);
        let body = acceptance(&changed).unwrap();
        let named: Vec<u8> = body.segments.iter().map(|s| s.segment).collect();
        assert_eq!(named, [1, 2]);
        assert!(body.segments.iter().all(|s| s.replacement.is_none()));
        assert_eq!(codes(&accepted(&changed)), ["XX", "HK"]);
        let one = with(&[SegmentStatus::Hk, SegmentStatus::Tk]);
        assert_eq!(acceptance(&one).unwrap().segments[0].segment, 2);
        for nothing in [SegmentStatus::Hk, SegmentStatus::Hl, SegmentStatus::Xx] {
            assert_eq!(acceptance(&with(&[nothing, nothing])), None);
        }
    }

    #[test]
    fn accepted_times_have_no_times_before_them() {
        let mut changed = with(&[SegmentStatus::Tk]);
        changed[0].previous_departure = Some(changed[0].departure);
        changed[0].previous_arrival = Some(changed[0].arrival);
        let accepted = accepted(&changed);
        assert_eq!(accepted[0].previous_departure, None);
        assert_eq!(accepted[0].previous_arrival, None);
    }

    #[test]
    fn a_flight_stands_after_the_one_that_it_replaces_and_the_total_is_known_where_it_is_alone() {
        let alone = booking(1, passenger("SMITH", "ANN"), &direct(101)).segments;
        let other = offer(7, &[(Cabin::Economy, 9, 150)]);
        let replaced = replace(&alone, 0, &other, Cabin::Economy, 2).unwrap();
        assert_eq!(codes(&replaced.preview.segments), ["XX", "HK"]);
        assert_eq!(replaced.preview.segments[1].flight_id, other.flight_id);
        assert_eq!(replaced.preview.total, Some(usd(300)));
        assert_eq!(replaced.body.expected_total, Some(usd(300)));
        assert_eq!(replaced.body.segments[0].segment, 1);

        let two = with(&[]);
        let replaced = replace(&two, 1, &other, Cabin::Economy, 2).unwrap();
        assert_eq!(codes(&replaced.preview.segments), ["HK", "XX", "HK"]);
        assert_eq!(replaced.body.segments[0].segment, 2);
        assert_eq!(replaced.body.expected_total, None);
        let given_up = with(&[SegmentStatus::Xx]);
        assert_eq!(replace(&given_up, 0, &other, Cabin::Economy, 2), None);
        let replaced = replace(&given_up, 1, &other, Cabin::Economy, 1).unwrap();
        assert_eq!(replaced.preview.total, Some(usd(150)));
    }

    #[test]
    fn a_difference_has_its_sign() {
        assert_eq!(difference(usd(100), usd(150)).unwrap(), "+50.00 USD");
        assert_eq!(difference(usd(150), usd(100)).unwrap(), "-50.00 USD");
        assert_eq!(difference(usd(100), usd(100)), None);
    }
}
