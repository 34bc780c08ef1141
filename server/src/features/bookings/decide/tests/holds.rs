//! Holds, at the very moments at which they turn.

use jiff::SignedDuration;

use super::*;

pub(super) fn confirm(locator: Locator, expected: IfMatch, caller: &Caller) -> Command {
    command(caller.clone(), Action::Confirm { locator, expected })
}

fn expire(locator: Locator) -> Command {
    Command::Due(Duty::Expire(locator))
}

/// A booking that is held for a day, and who made it.
fn held(facts: &mut Facts) -> (Locator, Caller) {
    let command = create(|b| b["hold"] = json!(true));
    let decision = decide(facts, std::slice::from_ref(&command)).remove(0);
    apply(facts, &command, &decision);
    let booking = &decision.changes[0].booking;
    assert_eq!(booking.status, BookingStatus::Held);
    assert_eq!(
        booking.time_limit.unwrap().0,
        facts.now + SignedDuration::from_hours(24)
    );
    (booking.locator, command.asked().unwrap().caller.clone())
}

#[rstest]
#[case::a_moment_before(-1, ["0 settled", "200", "0 settled", "409 conflict"])]
#[case::at_the_limit(0, ["1 settled", "409 conflict", "0 settled", "409 conflict"])]
#[case::after_it(1, ["1 settled", "409 conflict", "0 settled", "409 conflict"])]
fn a_hold_can_be_confirmed_or_has_expired_and_never_both(
    #[case] moment: i64,
    #[case] expected: [&str; 4],
) {
    let mut facts = world();
    let (locator, agent) = held(&mut facts);
    facts.now += SignedDuration::from_hours(24) + SignedDuration::from_millis(moment);
    let batch = [
        expire(locator),
        confirm(locator, IfMatch::Any, &agent),
        expire(locator),
        confirm(locator, IfMatch::Any, &agent),
    ];
    let verdicts: Vec<_> = decide(&facts, &batch).iter().map(verdict).collect();
    assert_eq!(verdicts, expected);
}

#[test]
fn who_confirms_too_late_is_told_why() {
    let mut facts = world();
    let (locator, agent) = held(&mut facts);
    facts.now += SignedDuration::from_hours(24);
    let late = confirm(locator, IfMatch::Version(1), &agent);
    assert_eq!(decide_one(&facts, late), "409 time_limit_passed");
    let stale = confirm(locator, IfMatch::Version(2), &agent);
    assert_eq!(decide_one(&facts, stale), "412 stale_version");
    let strange = confirm(locator, IfMatch::Any, &caller("LON1A0001"));
    assert_eq!(decide_one(&facts, strange), "404 not_found");
}

#[test]
fn a_hold_on_a_flight_that_is_gone_is_not_confirmed() {
    let mut facts = world();
    let (locator, agent) = held(&mut facts);
    let flight = facts.flights.get_mut(&FlightId::from_raw(1)).unwrap();
    flight.status = FlightStatus::Cancelled;
    let confirmation = confirm(locator, IfMatch::Any, &agent);
    assert_eq!(decide_one(&facts, confirmation), "409 flight_not_bookable");
}

#[test]
fn what_is_not_held_is_not_confirmed() {
    let mut facts = world();
    let (locator, agent) = booked(&mut facts, 1, None);
    let confirmation = confirm(locator, IfMatch::Any, &agent);
    assert_eq!(decide_one(&facts, confirmation), "409 conflict");
    assert_eq!(decide_one(&facts, expire(locator)), "0 settled");
}

#[test]
fn a_hold_that_ends_says_when_its_limit_was() {
    let mut facts = world();
    let (locator, _) = held(&mut facts);
    facts.now += SignedDuration::from_hours(25);
    let decision = decide(&facts, &[expire(locator)]).remove(0);
    let change = &decision.changes[0];
    assert_eq!(change.by, Author::System);
    assert_eq!(
        change.detail(),
        "1 passenger off UA1545 2026-12-01 JFKORD economy, the time limit was 2026-11-26T12:00:00Z"
    );
}
