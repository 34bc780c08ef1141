//! The store's promises, one by one.

#![allow(
    clippy::unwrap_used,
    reason = "what cannot be done here fails the test"
)]

mod support;

use std::time::Duration;

use airside_common::api::bookings::Booking;
use airside_common::api::events::BookingChanged;
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::{BookingStatus, SegmentStatus};
use airside_common::flight::Cabin;
use airside_common::user::UserId;
use airside_tui::store::account::{Account, ServerId};
use airside_tui::store::journal::{JournalRecord, Saved};
use airside_tui::store::ledger::answer::{Answer, Setback, SetbackKind};
use airside_tui::store::ledger::backoff::Jitter;
use airside_tui::store::ledger::fold::{NO_LOCATOR, Pending};
use airside_tui::store::ledger::{
    Intent, Ledger, LedgerEffect, Outcome, SubmitError, WithdrawError,
};
use airside_tui::store::moment::Moment;
use airside_tui::store::operation::{DraftReason, Operation, OperationKind, Preview, Reference};
use airside_tui::store::rebooking::{acceptance, accepted};
use jiff::{SignedDuration, Timestamp};
use support::{account, booking, key, locator, request};

fn at(seconds: u64) -> Moment {
    Moment {
        elapsed: Duration::from_secs(seconds),
        wall: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds.try_into().unwrap()),
    }
}

fn create() -> Intent {
    Intent::Create {
        body: request(),
        preview: Preview::default(),
    }
}

fn logged_in() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.log_in(account(), at(0));
    ledger
}

/// Another user of the same server.
fn another() -> Account {
    Account {
        server: account().server,
        user: UserId(uuid::Uuid::from_u128(2)),
    }
}

fn sent(effects: &[LedgerEffect]) -> Vec<Operation> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            LedgerEffect::Send(operation) => Some(Operation::clone(operation)),
            _ => None,
        })
        .collect()
}

fn kept(kind: SetbackKind) -> Answer {
    Answer::Kept(Setback {
        kind,
        words: "no".to_owned(),
        retry_after: None,
    })
}

#[test]
fn a_booking_shows_at_once_and_is_confirmed_in_place() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    let row = &ledger.rows()[0];
    assert_eq!(
        (row.locator_text().as_str(), row.pending),
        (NO_LOCATOR, Some(Pending::Queued))
    );
    let held = row.reference.clone();
    let flight = request().segments[0].flight_id;
    assert_eq!(ledger.pending_seats(flight, Cabin::Economy), 1);
    assert_eq!(ledger.pending_seats(flight, Cabin::First), 0);
    assert_eq!(sent(&ledger.journalled(&key(1), at(1))).len(), 1);
    let done = Answer::Done(Box::new(booking(1, Some(key(1)))));
    ledger.answered(&key(1), done, at(2), Jitter::NONE);
    let row = ledger.row(&held).unwrap();
    assert_eq!((row.locator, row.pending), (Some(locator(1)), None));
    assert_eq!(ledger.rows().len(), 1);
    assert_eq!(ledger.pending_seats(flight, Cabin::Economy), 0);
}

#[test]
fn a_cancellation_of_an_unmade_booking_waits_and_becomes_a_draft_with_the_reason() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    let target = Reference::Pending(key(1));
    let cancel = || Intent::Cancel {
        target: target.clone(),
    };
    ledger.submit(key(2), cancel(), at(1)).unwrap();
    assert_eq!(
        ledger.submit(key(3), cancel(), at(1)),
        Err(SubmitError::AlreadyCancelled)
    );
    assert!(sent(&ledger.journalled(&key(2), at(1))).is_empty());
    ledger.journalled(&key(1), at(1));
    let problem = Problem::new(Code::SoldOut, "none left");
    let refused = Answer::Refused(problem.clone());
    ledger.answered(&key(1), refused, at(2), Jitter::NONE);
    let reasons: Vec<_> = ledger.drafts().map(|d| d.reason.clone()).collect();
    assert_eq!(
        reasons,
        [
            DraftReason::Refused(problem.clone()),
            DraftReason::BookingRefused(problem)
        ]
    );
    assert!(ledger.rows().is_empty());
}

#[test]
fn a_refused_cancellation_brings_the_booking_back() {
    let mut ledger = logged_in();
    ledger.fetched(vec![booking(1, None)], at(0));
    let target = Reference::Known(locator(1));
    ledger
        .submit(
            key(2),
            Intent::Cancel {
                target: target.clone(),
            },
            at(1),
        )
        .unwrap();
    assert_eq!(
        ledger.row(&target).unwrap().status,
        BookingStatus::Cancelled
    );
    ledger.journalled(&key(2), at(1));
    let refused = Answer::Refused(Problem::new(Code::StaleVersion, "changed"));
    let step = ledger.answered(&key(2), refused, at(2), Jitter::NONE);
    let row = ledger.row(&target).unwrap();
    assert_eq!((row.status, row.pending), (BookingStatus::Confirmed, None));
    assert!(step.effects.contains(&LedgerEffect::Fetch(locator(1))));
}

#[test]
fn an_operation_is_sent_only_under_its_own_user() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    ledger.log_out();
    assert!(sent(&ledger.journalled(&key(1), at(1))).is_empty());
    assert!(sent(&ledger.log_in(another(), at(2))).is_empty());
    assert!(ledger.rows().is_empty());
    let elsewhere = Account {
        server: ServerId::new("http://elsewhere"),
        user: account().user,
    };
    assert!(sent(&ledger.log_in(elsewhere, at(3))).is_empty());
    assert_eq!((ledger.foreign(), ledger.next_due()), (1, None));
    assert_eq!(sent(&ledger.log_in(account(), at(4))).len(), 1);
}

/// What comes back for who has left is written down for their next time, and changes nothing for who has come.
#[test]
fn an_answer_to_another_user_is_kept_for_that_user_alone() {
    let eve = another();
    let left = || {
        let mut ledger = logged_in();
        ledger.submit(key(1), create(), at(1)).unwrap();
        let operation = sent(&ledger.journalled(&key(1), at(1))).remove(0);
        ledger.log_out();
        ledger.log_in(eve.clone(), at(2));
        (ledger, operation)
    };

    let (mut ledger, operation) = left();
    let made = Box::new(booking(1, Some(key(1))));
    let step = ledger.answered(&key(1), Answer::Done(made), at(3), Jitter::NONE);
    assert_eq!(step.outcome, Outcome::Settled);
    assert_eq!(ledger.booking(locator(1)), None);
    assert!(
        matches!(&step.effects[..], [LedgerEffect::Append(JournalRecord::Confirmed { key, .. })] if *key == operation.key),
        "{:?}",
        step.effects
    );
    assert!(
        sent(&ledger.log_in(account(), at(4))).is_empty(),
        "it is done"
    );

    let (mut ledger, _) = left();
    ledger.submit(key(2), create(), at(3)).unwrap();
    let step = ledger.answered(&key(1), kept(SetbackKind::LoggedOut), at(3), Jitter::NONE);
    assert_eq!(step.outcome, Outcome::Settled);
    let own = sent(&ledger.journalled(&key(2), at(4)));
    assert_eq!(own.len(), 1, "her session has not ended");
    assert_eq!(sent(&ledger.log_in(account(), at(5))).len(), 1);

    let (mut ledger, _) = left();
    let refused = Answer::Refused(Problem::new(Code::SoldOut, "gone"));
    let step = ledger.answered(&key(1), refused, at(3), Jitter::NONE);
    assert_eq!(step.outcome, Outcome::Settled);
    assert_eq!(ledger.drafts().count(), 0);
    ledger.log_in(account(), at(4));
    assert_eq!(ledger.drafts().count(), 1, "it is there for its own user");
}

/// What another user asked for goes out when that user comes again, which may be never.
#[test]
fn only_what_is_on_its_way_for_another_user_holds_up_the_own() {
    let cancel = || Intent::Cancel {
        target: Reference::Known(locator(1)),
    };
    let keys =
        |effects: &[LedgerEffect]| -> Vec<_> { sent(effects).into_iter().map(|o| o.key).collect() };
    let mut ledger = logged_in();
    ledger.fetched(vec![booking(1, None)], at(0));
    ledger.submit(key(1), cancel(), at(1)).unwrap();
    assert_eq!(keys(&ledger.journalled(&key(1), at(1))), [key(1)]);
    ledger.log_in(another(), at(2));
    ledger.fetched(vec![booking(1, None)], at(2));
    ledger.submit(key(2), cancel(), at(2)).unwrap();
    assert_eq!(keys(&ledger.journalled(&key(2), at(2))), []);
    assert_eq!(ledger.next_due(), None);
    let unclear = kept(SetbackKind::Unclear);
    let step = ledger.answered(&key(1), unclear.clone(), at(3), Jitter::NONE);
    assert_eq!(keys(&step.effects), [key(2)]);

    // The other way round, too: one after another.
    assert_eq!(keys(&ledger.log_in(account(), at(4))), []);
    let step = ledger.answered(&key(2), unclear, at(5), Jitter::NONE);
    assert_eq!(keys(&step.effects), [key(1)]);
}

/// Of what was never made nothing is to be cancelled, whoever is logged in when that comes out.
#[test]
fn what_depended_on_another_users_refused_booking_ends_with_it() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    ledger.journalled(&key(1), at(1));
    let cancel = Intent::Cancel {
        target: Reference::Pending(key(1)),
    };
    ledger.submit(key(2), cancel, at(1)).unwrap();
    ledger.journalled(&key(2), at(1));
    ledger.log_out();
    let refused = Answer::Refused(Problem::new(Code::SoldOut, "gone"));
    let step = ledger.answered(&key(1), refused, at(2), Jitter::NONE);
    let dropped = LedgerEffect::Append(JournalRecord::Dropped { key: key(2) });
    assert!(step.effects.contains(&dropped), "{:?}", step.effects);
    ledger.log_in(account(), at(3));
    let kept: Vec<_> = ledger.drafts().map(|draft| &draft.operation.key).collect();
    assert_eq!(kept, [&key(1)]);
}

/// A booking that was changed meanwhile is not read under the name of whoever has come.
#[test]
fn a_refused_change_of_another_users_booking_reads_nothing() {
    let mut ledger = logged_in();
    ledger.fetched(vec![booking(1, None)], at(1));
    let cancel = Intent::Cancel {
        target: Reference::Known(locator(1)),
    };
    ledger.submit(key(1), cancel, at(1)).unwrap();
    assert_eq!(sent(&ledger.journalled(&key(1), at(1))).len(), 1);
    ledger.log_out();
    let stale = Answer::Refused(Problem::new(Code::StaleVersion, "it has changed"));
    let step = ledger.answered(&key(1), stale, at(2), Jitter::NONE);
    assert!(
        !step.effects.contains(&LedgerEffect::Fetch(locator(1))),
        "{:?}",
        step.effects
    );
}

#[test]
fn an_ended_session_stops_sending_until_the_next_log_in() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    ledger.journalled(&key(1), at(1));
    ledger.answered(&key(1), kept(SetbackKind::LoggedOut), at(2), Jitter::NONE);
    assert_eq!(ledger.next_due(), None);
    assert!(sent(&ledger.due(at(100))).is_empty());
    assert_eq!(sent(&ledger.log_in(account(), at(101)))[0].key, key(1));
}

#[test]
fn what_was_kept_waits_exactly_and_is_sent_under_the_same_key() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    ledger.journalled(&key(1), at(1));
    ledger.answered(&key(1), kept(SetbackKind::Unclear), at(2), Jitter::NONE);
    assert_eq!(ledger.next_due(), Some(Duration::from_secs(3)));
    assert!(sent(&ledger.due(at(2))).is_empty());
    assert_eq!(sent(&ledger.due(at(3)))[0].key, key(1));
}

#[test]
fn a_week_old_operation_asks_first() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(0)).unwrap();
    let record = JournalRecord::Submitted {
        operation: Box::new(ledger.operations().next().unwrap().clone()),
    };
    let old = at(7 * 24 * 3_600 + 1);
    let restored = || Ledger::restore(Saved::replay([record.clone()]));

    let mut ledger = restored();
    assert!(sent(&ledger.log_in(account(), old)).is_empty());
    assert_eq!(ledger.rows()[0].pending, Some(Pending::AsksFirst));
    assert_eq!(ledger.asking().count(), 1);
    assert_eq!(sent(&ledger.consent(&key(1), old)).len(), 1);

    let mut ledger = restored();
    ledger.log_in(account(), old);
    ledger.withdraw(&key(1)).unwrap();
    assert_eq!(
        ledger.drafts().next().unwrap().reason,
        DraftReason::Withdrawn
    );

    let mut ledger = restored();
    assert_eq!(sent(&ledger.log_in(account(), at(60))).len(), 1);
}

#[test]
fn only_what_cannot_have_arrived_can_be_taken_back() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    ledger.journalled(&key(1), at(1));
    assert_eq!(ledger.withdraw(&key(1)), Err(WithdrawError::Underway));
    ledger.answered(&key(1), kept(SetbackKind::Unclear), at(2), Jitter::NONE);
    assert_eq!(ledger.withdraw(&key(1)), Err(WithdrawError::Underway));
    ledger.due(at(60));
    ledger.answered(&key(1), kept(SetbackKind::Unreached), at(61), Jitter::NONE);
    assert_eq!(ledger.withdraw(&key(1)), Err(WithdrawError::Underway));

    ledger.submit(key(2), create(), at(61)).unwrap();
    ledger.journalled(&key(2), at(61));
    ledger.answered(&key(2), kept(SetbackKind::Unreached), at(62), Jitter::NONE);
    assert!(ledger.withdraw(&key(2)).is_ok());
}

#[test]
fn an_event_confirms_and_adds_no_second_row() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    ledger.journalled(&key(1), at(1));
    let made = booking(1, Some(key(1)));
    let event = BookingChanged {
        kind: "booking.created".to_owned(),
        locator: made.locator,
        version: 1,
        office: made.office.clone(),
        operation: Some(key(1)),
    };
    let effects = ledger.event(&event, at(2));
    assert!(effects.contains(&LedgerEffect::Fetch(made.locator)));
    let row = &ledger.rows()[0];
    assert_eq!(
        (row.locator, row.pending, ledger.rows().len()),
        (Some(made.locator), None, 1)
    );
    ledger.fetched(vec![made.clone()], at(3));
    ledger.answered(&key(1), Answer::Done(Box::new(made)), at(4), Jitter::NONE);
    assert_eq!((ledger.rows().len(), ledger.operations().count()), (1, 0));
}

/// The event comes before the answer, and nothing is read in between.
#[test]
fn an_answer_behind_its_event_takes_no_other_operation_with_it() {
    let mut ledger = logged_in();
    for n in 1..=2 {
        ledger.submit(key(n), create(), at(1)).unwrap();
        ledger.journalled(&key(n), at(1));
    }
    let made = booking(1, Some(key(1)));
    let event = BookingChanged {
        kind: "booking.created".to_owned(),
        locator: made.locator,
        version: 1,
        office: made.office.clone(),
        operation: Some(key(1)),
    };
    ledger.event(&event, at(2));
    ledger.answered(&key(1), Answer::Done(Box::new(made)), at(3), Jitter::NONE);
    let left: Vec<_> = ledger.operations().map(|one| one.key.clone()).collect();
    assert_eq!(left, [key(2)], "the other is still to be answered");
}

#[test]
fn what_cannot_be_written_is_not_sent() {
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    let effects = ledger.not_journalled(&key(1), "the disk is full");
    assert!(matches!(
        &effects[..],
        [LedgerEffect::Append(JournalRecord::Drafted { .. })]
    ));
    assert!(ledger.rows().is_empty());
    assert_eq!(ledger.drafts().count(), 1);
}

/// A booking that is held, and what the server says of it.
fn held() -> Booking {
    let mut held = booking(1, None);
    held.status = BookingStatus::Held;
    held
}

#[test]
fn a_confirmation_shows_at_once_and_stays_where_it_is_confirmed() {
    let mut ledger = logged_in();
    ledger.fetched(vec![held()], at(0));
    let target = Reference::Known(locator(1));
    let confirm = || Intent::Confirm {
        target: target.clone(),
    };
    ledger.submit(key(2), confirm(), at(1)).unwrap();
    let row = ledger.row(&target).unwrap();
    assert_eq!(row.status, BookingStatus::Confirmed);
    assert!(row.pending.is_some());
    assert_eq!(
        ledger.submit(key(3), confirm(), at(1)),
        Err(SubmitError::NotHeld)
    );
    let operation = sent(&ledger.journalled(&key(2), at(1))).remove(0);
    assert_eq!(operation.base_version, Some(1));
    let mut confirmed = booking(1, None);
    confirmed.version = 2;
    let done = Answer::Done(Box::new(confirmed));
    ledger.answered(&key(2), done, at(2), Jitter::NONE);
    let row = ledger.row(&target).unwrap();
    assert_eq!((row.status, row.pending), (BookingStatus::Confirmed, None));
}

#[test]
fn what_is_not_held_is_not_confirmed() {
    let mut ledger = logged_in();
    ledger.fetched(vec![booking(1, None)], at(0));
    for target in [locator(1), locator(2)].map(Reference::Known) {
        assert!(
            ledger
                .submit(key(2), Intent::Confirm { target }, at(1))
                .is_err()
        );
    }
}

#[test]
fn a_hold_can_be_confirmed_before_it_is_made_and_only_cancelled_afterwards() {
    let mut ledger = logged_in();
    let mut body = request();
    body.hold = Some(true);
    let preview = Preview::default();
    ledger
        .submit(key(1), Intent::Create { body, preview }, at(1))
        .unwrap();
    let target = Reference::Pending(key(1));
    assert_eq!(ledger.row(&target).unwrap().status, BookingStatus::Held);
    let confirm = Intent::Confirm {
        target: target.clone(),
    };
    ledger.submit(key(2), confirm, at(1)).unwrap();
    assert_eq!(
        ledger.row(&target).unwrap().status,
        BookingStatus::Confirmed
    );
    let cancel = Intent::Cancel {
        target: target.clone(),
    };
    ledger.submit(key(3), cancel, at(1)).unwrap();
    assert_eq!(
        ledger.row(&target).unwrap().status,
        BookingStatus::Cancelled
    );
    for n in 1..=3 {
        ledger.journalled(&key(n), at(1));
    }
    let mut made = held();
    made.operation = Some(key(1));
    let done = Answer::Done(Box::new(made));
    let step = ledger.answered(&key(1), done, at(2), Jitter::NONE);
    let next = sent(&step.effects).remove(0);
    assert_eq!((next.key, next.base_version), (key(2), Some(1)));
}

/// The cancellation behind it is a wish of its own, also after a restart.
#[test]
fn a_refused_confirmation_leaves_the_cancellation_behind_it() {
    let mut ledger = logged_in();
    ledger.fetched(vec![held()], at(0));
    let target = Reference::Known(locator(1));
    let mut records = Vec::new();
    let mut note = |effects: &[LedgerEffect]| {
        for effect in effects {
            if let LedgerEffect::Append(record) = effect {
                records.push(record.clone());
            }
        }
    };
    let confirm = Intent::Confirm {
        target: target.clone(),
    };
    note(&ledger.submit(key(2), confirm, at(1)).unwrap());
    let cancel = Intent::Cancel {
        target: target.clone(),
    };
    note(&ledger.submit(key(3), cancel, at(1)).unwrap());
    for n in 2..=3 {
        ledger.journalled(&key(n), at(1));
    }
    let late = Problem::new(Code::TimeLimitPassed, "too late");
    let step = ledger.answered(&key(2), Answer::Refused(late), at(2), Jitter::NONE);
    note(&step.effects);
    assert!(step.effects.contains(&LedgerEffect::Fetch(locator(1))));
    let next = sent(&step.effects).remove(0);
    assert_eq!((next.key, next.base_version), (key(3), Some(1)));
    assert_eq!(ledger.drafts().count(), 0);

    let lines: Vec<String> = records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap())
        .collect();
    let read = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    let saved = Saved::replay(read);
    let left: Vec<_> = saved
        .operations
        .iter()
        .map(|o| (o.key.clone(), o.depends_on.clone()))
        .collect();
    assert_eq!(left, [(key(3), None)]);
}

/// As the release before has written it.
#[test]
fn a_journal_of_before_there_were_holds_is_read() {
    let line = r#"{"record":"submitted","operation":{"key":"00000000-0000-0000-0000-000000000001",
        "account":{"server":"http://here","user":"01936d5e-0000-7000-8000-000000000000"},
        "kind":{"create":{"body":{"segments":[{"flight_id":"1","cabin":"economy"}],
            "passengers":[{"given_name":"JOHN","surname":"SMITH","type":"adult"}],"contact":{"phone":"212-5550100"}},
            "preview":{"segments":[],"total":null}}},
        "target":{"pending":"00000000-0000-0000-0000-000000000001"},"base_version":null,"depends_on":null,
        "created_at":"2026-11-24T12:00:00Z","state":"queued"}}"#;
    let record = serde_json::from_str(line).unwrap();
    let saved = Saved::replay([record]);
    let OperationKind::Create { body, .. } = &saved.operations[0].kind else {
        panic!("{saved:?}");
    };
    assert_eq!(
        (body.hold, body.time_limit, body.waitlist),
        (None, None, None)
    );
}

/// The booking of version 2, with a flight that has other times.
fn changed() -> Booking {
    let mut changed = booking(1, None);
    changed.version = 2;
    changed.segments[0].status = SegmentStatus::Tk;
    changed
}

fn accept(booking: &Booking) -> Intent {
    Intent::Rebook {
        target: Reference::Known(booking.locator),
        body: acceptance(&booking.segments).unwrap(),
        preview: Preview {
            segments: accepted(&booking.segments),
            total: Some(booking.total),
        },
    }
}

#[test]
fn a_rebooking_shows_at_once_and_is_laid_over_nothing_newer() {
    let mut ledger = logged_in();
    ledger.fetched(vec![changed()], at(0));
    let target = Reference::Known(locator(1));
    let status = |ledger: &Ledger| ledger.row(&target).unwrap().segments[0].status;
    ledger.submit(key(2), accept(&changed()), at(1)).unwrap();
    assert_eq!(status(&ledger), SegmentStatus::Hk);
    assert!(ledger.row(&target).unwrap().pending.is_some());
    // Positions would be those of the booking before.
    let again = ledger.submit(key(3), accept(&changed()), at(1));
    assert_eq!(again, Err(SubmitError::AlreadyRebooking));
    let operation = sent(&ledger.journalled(&key(2), at(1))).remove(0);
    assert_eq!(operation.base_version, Some(2));
    // Somebody else was faster: what happened since is not hidden.
    let mut newer = changed();
    newer.version = 3;
    newer.segments[0].status = SegmentStatus::Un;
    ledger.fetched(vec![newer], at(2));
    assert_eq!(status(&ledger), SegmentStatus::Un);
    let stale = Problem::new(Code::StaleVersion, "changed meanwhile");
    let step = ledger.answered(&key(2), Answer::Refused(stale), at(3), Jitter::NONE);
    assert!(step.effects.contains(&LedgerEffect::Fetch(locator(1))));
    let row = ledger.row(&target).unwrap();
    assert_eq!(row.pending, None);
    assert_eq!(ledger.drafts().count(), 0);
}

#[test]
fn what_cannot_be_rebooked_is_told() {
    let mut waits = changed();
    waits.status = BookingStatus::Waitlisted;
    let mut gone = changed();
    gone.status = BookingStatus::Cancelled;
    for (booking, why) in [
        (waits, SubmitError::Waitlisted),
        (gone, SubmitError::AlreadyCancelled),
    ] {
        let mut ledger = logged_in();
        ledger.fetched(vec![booking.clone()], at(0));
        assert_eq!(
            ledger.submit(key(2), accept(&booking), at(1)),
            Err(why),
            "{why}"
        );
    }
    let mut ledger = logged_in();
    ledger.submit(key(1), create(), at(1)).unwrap();
    let target = Reference::Pending(key(1));
    assert_eq!(ledger.may_rebook(&target), Err(SubmitError::NotMade));
}

/// A lost answer and a restart neither lose nor double it: it is sent again under its key and version.
#[test]
fn a_rebooking_outlives_a_restart() {
    let mut ledger = logged_in();
    ledger.fetched(vec![changed()], at(0));
    let effects = ledger.submit(key(2), accept(&changed()), at(1)).unwrap();
    let [LedgerEffect::Append(record)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let line = serde_json::to_string(record).unwrap();
    let saved = Saved::replay([serde_json::from_str(&line).unwrap()]);
    let mut ledger = Ledger::restore(saved);
    let operation = sent(&ledger.log_in(account(), at(9))).remove(0);
    assert_eq!((operation.key, operation.base_version), (key(2), Some(2)));
    let OperationKind::Rebook { body, .. } = operation.kind else {
        panic!("it rebooks");
    };
    assert_eq!(body.segments[0].segment, 1);
}
