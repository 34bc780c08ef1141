//! The booking form: from the first name to the answer.

use airside_common::api::bookings::CreateBooking;
use airside_common::api::problem::Code;
use airside_common::booking::{BookingStatus, PassengerType};
use airside_common::flight::Cabin;
use rstest::rstest;

use crate::store::action::Event;
use crate::store::layer::Layer;
use crate::store::ledger::answer::SetbackKind;
use crate::store::ledger::fold::Pending;
use crate::store::operation::{OperationKind, Reference};
use crate::store::screen::booking::BookingForm;
use crate::store::state::Tone;
use crate::trial::desk::{Desk, submitted};
use crate::trial::specimens::{connection, direct, made, problem, seat_map, usd, wrong_field};

fn booking(desk: &Desk) -> &BookingForm {
    match desk.top() {
        Layer::Booking(booking) => booking,
        other => panic!("{} is on top", other.name()),
    }
}

fn body(desk: &mut Desk) -> CreateBooking {
    match desk.books().kind {
        OperationKind::Create { body, .. } => *body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_entered_is_asked_for() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let body = body(&mut desk);
    let passenger = &body.passengers[0];
    assert_eq!(passenger.surname.as_str(), "smith");
    assert_eq!(passenger.title.as_ref().unwrap().to_string(), "MR");
    assert_eq!(body.segments[0].cabin, Cabin::Economy);
    assert_eq!(body.expected_total, Some(usd(100)));
    assert_eq!(body.contact.email.unwrap().to_string(), "j@example.com");
}

#[test]
fn enter_goes_to_what_is_missing() {
    let mut desk = Desk::agent().searched(vec![direct(101)]);
    desk.types("<enter>");
    let mut way = vec![desk.focus().to_owned()];
    for keys in ["john<enter>", "smith<enter>"] {
        assert_eq!(submitted(&desk.types(keys)), None);
        way.push(desk.focus().to_owned());
    }
    assert_eq!(
        way,
        [
            "passengers[0].given_name",
            "passengers[0].surname",
            "contact.email"
        ]
    );
    assert!(submitted(&desk.types("j@example.com<enter>")).is_some());
}

#[test]
fn a_line_begins_at_the_name_and_the_title_stands_before_it() {
    let mut desk = Desk::agent().searched(vec![direct(101)]);
    desk.types("<enter>");
    assert_eq!(desk.focus(), "passengers[0].given_name");
    desk.types("<f6>");
    assert_eq!(desk.focus(), "passengers[1].given_name");
    desk.types("<backtab>ms");
    assert_eq!(desk.field("passengers[1].title"), "ms");
    desk.types("<f8>");
    assert_eq!(desk.focus(), "passengers[0].given_name");
}

#[test]
fn a_telephone_number_is_enough() {
    let mut desk = Desk::agent().searched(vec![direct(101)]);
    desk.types("<enter>john<tab>smith<tab><tab><tab><tab>212-5550100");
    assert!(body(&mut desk).contact.phone.is_some());
}

#[test]
fn passengers_are_added_and_removed() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<f6>mary<tab>jones<tab>c<tab>12mar2020");
    desk.types("<f6>tim<tab>smith<tab>i<tab>1jan26");
    assert_eq!(booking(&desk).party, 3);
    assert_eq!(booking(&desk).total(), Some(usd(200)), "infants fly free");
    desk.types("<up><f8>");
    assert_eq!(booking(&desk).party, 2);
    assert_eq!(desk.field("passengers[0].surname"), "smith");
    assert_eq!(desk.field("passengers[1].given_name"), "tim");
    let body = body(&mut desk);
    let kinds: Vec<PassengerType> = body.passengers.iter().map(|p| p.kind).collect();
    assert_eq!(kinds, [PassengerType::Adult, PassengerType::Infant]);
}

#[test]
fn the_last_passenger_stays() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<backtab><f8>");
    assert_eq!(booking(&desk).party, 1);
    assert_eq!(desk.field("passengers[0].surname"), "smith");
}

#[rstest]
#[case("<backtab><backtab><backtab><ctrl-u>smith2", "passengers[0].surname")]
#[case("<ctrl-u>j@example", "contact.email")]
#[case("<tab>12", "contact.phone")]
#[case("<backtab>31feb1980", "passengers[0].date_of_birth")]
#[case("<backtab>12mar", "passengers[0].date_of_birth")]
#[case("<backtab><backtab>c", "passengers[0].date_of_birth")]
#[case("<backtab><backtab>i<tab>1jan26", "passengers[0].type")]
fn what_is_wrong_is_named_and_nothing_is_asked_for(#[case] keys: &str, #[case] field: &str) {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types(keys);
    assert_eq!(submitted(&desk.types("<enter>")), None);
    assert_eq!(desk.focus(), field);
    assert!(desk.error(field).is_some());
}

#[test]
fn ten_with_seats_are_too_many() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    for _ in 1..10 {
        desk.types("<f6>a<tab>b");
    }
    assert_eq!(submitted(&desk.types("<enter>")), None);
    assert_eq!(
        desk.error("passengers[9].type"),
        Some("a booking takes 9 passengers with seats")
    );
}

#[test]
fn a_booking_shows_at_once_as_pending_and_is_confirmed_in_place() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let key = submitted(&desk.types("<enter>")).unwrap();
    let Layer::Record(record) = desk.top() else {
        panic!("the record opens");
    };
    let reference = record.reference.clone();
    let row = desk.state.ledger.row(&reference).unwrap();
    assert_eq!(row.pending, Some(Pending::Queued));
    assert_eq!(row.locator_text(), "······");
    assert!(desk.screen(80, 24).contains("waits for the server"));
    desk.happens(Event::Journalled {
        key: key.clone(),
        result: Ok(()),
    });
    assert_eq!(
        desk.state.ledger.row(&reference).unwrap().pending,
        Some(Pending::Sending)
    );
    let booking = made(1, &key);
    desk.confirmed(&key, booking.clone());
    let row = desk.state.ledger.row(&reference).unwrap();
    assert_eq!((row.pending, row.locator), (None, Some(booking.locator)));
    assert!(desk.screen(80, 24).contains("TEST23   confirmed"));
    assert_eq!(desk.message(), Some((Tone::Good, "TEST23 booked")));
}

#[test]
fn one_without_an_answer_stays_and_says_so() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    let screen = desk.screen(100, 24);
    assert!(screen.contains("unanswered   no answer yet"), "{screen}");
    assert!(screen.contains("OFFLINE"));
    let again = crate::trial::desk::sent(&desk.waits(2)).expect("it is sent again");
    assert_eq!(again.key, operation.key);
}

#[test]
fn a_refused_booking_gives_the_form_back_as_it_was_with_the_reason() {
    let mut desk = Desk::filled_in(vec![connection()]);
    desk.types("<f6>mary<tab>jones");
    let before = booking(&desk).clone();
    let operation = desk.books();
    desk.refused(
        &operation.key,
        problem(Code::SoldOut, "UA202 has 1 seat left"),
    );
    let form = booking(&desk);
    assert_eq!(form.reason.as_deref(), Some("UA202 has 1 seat left"));
    assert_eq!(form.itinerary, before.itinerary);
    let contents = |form: &BookingForm| -> Vec<(String, String)> {
        let fields = form.form.fields.iter();
        fields
            .map(|f| (f.name.clone(), f.content().to_owned()))
            .collect()
    };
    assert_eq!(contents(form), contents(&before));
    assert_eq!(form.form.focus, before.form.focus);
    assert_eq!(
        desk.message(),
        Some((Tone::Error, "Not booked: UA202 has 1 seat left"))
    );
    assert_eq!(desk.state.ledger.rows().len(), 0);
    assert!(desk.screen(80, 24).contains("✗ Not booked: UA202"));
}

#[test]
fn a_corrected_booking_is_asked_for_under_a_new_key_and_its_draft_is_gone() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let first = desk.books();
    let no = wrong_field("passengers[0].surname", "the surname is too long");
    desk.refused(&first.key, no);
    assert_eq!(desk.focus(), "passengers[0].surname");
    assert_eq!(
        desk.error("passengers[0].surname"),
        Some("the surname is too long")
    );
    desk.types("<ctrl-u>smit");
    let second = desk.books();
    assert_ne!(first.key, second.key);
    assert_eq!(desk.state.ledger.drafts().count(), 0);
    desk.confirmed(&second.key, made(1, &second.key));
    assert_eq!(desk.state.ledger.rows().len(), 1);
}

#[test]
fn one_that_is_refused_while_the_agent_is_elsewhere_waits_among_the_bookings() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.types("<f2>");
    desk.refused(&operation.key, problem(Code::SoldOut, "sold out"));
    assert_eq!(desk.layers().last(), Some(&"Search"));
    assert_eq!(
        desk.message(),
        Some((
            Tone::Error,
            "Not booked: sold out  (F3 lists it, Enter corrects it)"
        ))
    );
    desk.types("<f3><enter>");
    assert_eq!(booking(&desk).reason.as_deref(), Some("sold out"));
    assert_eq!(desk.field("passengers[0].surname"), "smith");
    assert_eq!(desk.field("passengers[0].title"), "mr");
}

#[test]
fn what_cannot_be_written_down_is_not_sent_and_comes_back() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let key = submitted(&desk.types("<enter>")).unwrap();
    let effects = desk.happens(Event::Journalled {
        key,
        result: Err("no space left on device".to_owned()),
    });
    assert_eq!(crate::trial::desk::sent(&effects), None);
    let reason = booking(&desk).reason.clone().unwrap();
    assert!(reason.contains("no space left"), "{reason}");
}

#[test]
fn the_answer_to_a_record_that_was_closed_is_told() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.types("<esc>");
    desk.confirmed(&operation.key, made(1, &operation.key));
    assert_eq!(desk.message(), Some((Tone::Good, "TEST23 booked")));
    let reference = Reference::Pending(operation.key);
    assert!(desk.state.ledger.row(&reference).unwrap().truth.is_some());
}

/// From the e-mail address by way of phone and cabin to the terms.
const TO_TERMS: &str = "<tab><tab><tab>";

#[rstest]
#[case("", None, None, None)]
#[case("h", Some(true), None, None)]
#[case("h<tab>25nov 0330", Some(true), Some("2026-11-25T03:30:00Z"), None)]
#[case("h<tab>25nov", Some(true), Some("2026-11-25T23:59:00Z"), None)]
#[case("<right><right>", None, None, Some(true))]
fn the_terms_are_asked_for(
    #[case] keys: &str,
    #[case] hold: Option<bool>,
    #[case] limit: Option<&str>,
    #[case] waitlist: Option<bool>,
) {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types(TO_TERMS);
    desk.types(keys);
    let body = body(&mut desk);
    let limit = limit.map(|text| text.parse().unwrap());
    assert_eq!(
        (body.hold, body.time_limit, body.waitlist),
        (hold, limit, waitlist)
    );
}

#[rstest]
#[case("h<tab>soon", "time_limit")]
#[case("h<tab>25nov 9999", "time_limit")]
#[case("<tab>25nov", "time_limit")]
fn a_wrong_time_limit_is_named(#[case] keys: &str, #[case] field: &str) {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types(TO_TERMS);
    desk.types(keys);
    assert_eq!(submitted(&desk.types("<enter>")), None);
    assert_eq!(desk.focus(), field);
    assert!(desk.error(field).is_some());
}

#[test]
fn who_may_have_to_wait_chooses_no_seats() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types("<f7>");
    let flight = airside_common::flight::FlightId::new(20_000, 101);
    desk.happens(Event::Seats {
        flight,
        result: Ok(seat_map(flight)),
    });
    desk.types("<enter>");
    assert_eq!(booking(&desk).chosen_seats().len(), 1);
    desk.types(TO_TERMS);
    desk.types("w");
    assert_eq!(submitted(&desk.types("<enter>")), None);
    assert_eq!(desk.focus(), "waitlist");
}

#[test]
fn a_refused_hold_comes_back_with_its_terms() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    desk.types(TO_TERMS);
    desk.types("h");
    let operation = desk.books();
    // As after a restart: the form itself is gone.
    desk.state.sent.clear();
    desk.refused(&operation.key, problem(Code::SoldOut, "sold out"));
    assert_eq!(desk.field("waitlist"), "hold");
}

#[test]
fn what_was_made_is_told_as_it_is() {
    for (status, words) in [
        (BookingStatus::Held, "TEST23 held"),
        (BookingStatus::Waitlisted, "TEST23 is on the waitlist"),
    ] {
        let mut desk = Desk::filled_in(vec![direct(101)]);
        let operation = desk.books();
        let mut booking = made(1, &operation.key);
        booking.status = status;
        desk.confirmed(&operation.key, booking);
        assert_eq!(desk.message(), Some((Tone::Good, words)));
    }
}
