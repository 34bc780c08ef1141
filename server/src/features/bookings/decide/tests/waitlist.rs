//! Waitlists.

use super::*;

fn waits(people: usize) -> Command {
    create(|b| {
        b["waitlist"] = json!(true);
        b["passengers"] = adults(people);
    })
}

/// Makes a booking; answers it as it is then.
fn made(facts: &mut Facts, command: &Command) -> Booking {
    let decision = decide(facts, std::slice::from_ref(command)).remove(0);
    assert_eq!(verdict(&decision), "201");
    apply(facts, command, &decision);
    Booking::clone(&decision.changes[0].booking)
}

/// All twelve seats of the flight 1 by one party, and who made the booking.
fn full() -> (Facts, Locator, Caller) {
    let mut facts = world();
    let (locator, caller) = booked(&mut facts, 12, None);
    (facts, locator, caller)
}

#[test]
fn who_came_first_gets_what_is_given_back_and_the_rest_waits() {
    let (mut facts, locator, agent) = full();
    let waiting = [5, 4, 8, 3, 1].map(|people| made(&mut facts, &waits(people)).locator);
    let gone = cancel(locator, IfMatch::Any, &agent);
    let decision = decide(&facts, &[gone]).remove(0);
    let cleared: Vec<(Locator, &Author)> = decision.changes[1..]
        .iter()
        .map(|change| (change.booking.locator, &change.by))
        .collect();
    // Five and four fit, eight do not, three do, and then nobody else.
    let expected = [waiting[0], waiting[1], waiting[3]].map(|locator| (locator, &Author::System));
    assert_eq!(cleared, expected);
}

#[test]
fn who_waits_comes_before_who_books_next() {
    let (mut facts, locator, agent) = full();
    let party = made(&mut facts, &waits(12));
    assert_eq!(party.status, BookingStatus::Waitlisted);
    let batch = [
        create(|_| {}),
        cancel(locator, IfMatch::Any, &agent),
        create(|_| {}),
    ];
    let verdicts: Vec<_> = decide(&facts, &batch).iter().map(verdict).collect();
    assert_eq!(verdicts, ["409 sold_out", "200", "409 sold_out"]);
}

#[test]
fn the_answer_of_a_cancellation_is_of_the_cancelled_booking() {
    let (mut facts, locator, agent) = full();
    made(&mut facts, &waits(1));
    let decision = decide(&facts, &[cancel(locator, IfMatch::Any, &agent)]).remove(0);
    assert_eq!(decision.changes.len(), 2);
    let Outcome::Answered(answer) = decision.outcome else {
        panic!("{decision:?}");
    };
    assert_eq!(answer.subject, Some((locator, 2)));
}

#[rstest]
#[case(1, "201")]
#[case(12, "201")]
#[case(13, "409 sold_out")]
fn nobody_waits_for_more_seats_than_there_are(#[case] people: usize, #[case] expected: &str) {
    let (facts, ..) = full();
    assert_eq!(decide_one(&facts, waits(people)), expected);
}

#[test]
fn a_flight_that_is_gone_clears_nobody_and_ends_the_waitlist() {
    let (mut facts, ..) = full();
    let party = made(&mut facts, &waits(1));
    let flight = facts.flights.get_mut(&FlightId::from_raw(1)).unwrap();
    flight.cabins[3].as_mut().unwrap().capacity = 13;
    let look = || Command::Due(Duty::Clear(FlightId::from_raw(1)));
    let end = || Command::Due(Duty::Expire(party.locator));
    let elsewhere = Command::Due(Duty::Clear(FlightId::from_raw(2)));
    assert_eq!(decide_one(&facts, elsewhere), "0 settled");
    assert_eq!(decide_one(&facts, end()), "0 settled");
    assert_eq!(decide_one(&facts, look()), "1 settled");
    let departure = facts.flights[&FlightId::from_raw(1)].departure.instant();
    facts.now = departure;
    assert_eq!(decide_one(&facts, look()), "0 settled");
    let decision = decide(&facts, &[end()]).remove(0);
    assert_eq!(verdict(&decision), "1 settled");
    assert_eq!(decision.changes[0].seats(), [], "it held nothing");
}
