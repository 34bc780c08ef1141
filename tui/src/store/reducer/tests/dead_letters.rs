//! Dead letters for admins.

use airside_common::api::dead_letters::{DeadLetter, DeadLetterPage};
use airside_common::api::problem::Code;

use crate::store::action::{Event, Failure};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::screen::dead_letters::{DeadLetters, LetterEnd, LetterId};
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    broken, letter, letter_detail, logged_out, offline, problem, refused,
};

const GONE: &str = "It is not there any more: somebody else has sent it again or dropped it";

const OWN: &str = "It is gone already: it was sent again or dropped from here";

fn list(desk: &Desk) -> &DeadLetters {
    let found = desk.state.layers.iter().find_map(|layer| match layer {
        Layer::DeadLetters(letters) => Some(letters.as_ref()),
        _ => None,
    });
    found.expect("the dead letters are open")
}

fn ids(desk: &Desk) -> Vec<&str> {
    let items = list(desk).items.iter();
    items.map(|letter| letter.id.as_str()).collect()
}

fn id(n: u32) -> LetterId {
    n.to_string().parse().unwrap()
}

fn reads(desk: &mut Desk, items: Vec<DeadLetter>, next: Option<&str>) -> Vec<Effect> {
    desk.happens(Event::DeadLetters {
        request: desk.state.requests,
        result: Ok(DeadLetterPage {
            items,
            next_cursor: next.map(str::to_owned),
        }),
    })
}

fn listed() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    reads(&mut desk, vec![letter(3), letter(2), letter(1)], None);
    desk
}

/// The pages behind what is there are read still.
#[test]
fn a_failed_refresh_loses_no_further_page() {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    reads(&mut desk, vec![letter(3), letter(2)], Some("further"));
    desk.types("<f5>");
    desk.happens(Event::DeadLetters {
        request: desk.state.requests,
        result: Err(offline()),
    });
    let next = desk.types("<down>");
    assert!(
        matches!(&next[..], [Effect::DeadLetters { filter, .. }]
            if filter.cursor.as_deref() == Some("further")),
        "{next:?}"
    );
    reads(&mut desk, vec![letter(1)], None);
    assert_eq!(ids(&desk), ["3", "2", "1"]);
}

#[test]
fn a_session_that_ends_is_noticed_by_a_list_that_was_left() {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    let request = desk.state.requests;
    desk.types("<esc>");
    let result = Err(logged_out());
    desk.happens(Event::DeadLetters { request, result });
    assert_eq!(desk.layers().last(), Some(&"Log in"));
}

fn not_found() -> Failure {
    refused(&problem(Code::NotFound, "there is no such dead letter"))
}

fn ended(desk: &mut Desk, n: u32, end: LetterEnd, result: Result<(), Failure>) -> Vec<Effect> {
    desk.happens(Event::LetterEnded {
        id: id(n),
        end,
        result,
    })
}

#[test]
fn an_agent_has_no_such_screen() {
    let mut desk = Desk::agent();
    assert_eq!(desk.types("<alt-d>"), []);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn pages_are_read_as_the_cursor_goes() {
    let mut desk = Desk::admin();
    let first = desk.types("<alt-d>");
    assert!(matches!(&first[..], [Effect::DeadLetters { filter, .. }] if filter.cursor.is_none()));
    let page: Vec<DeadLetter> = (51..=100).rev().map(letter).collect();
    assert_eq!(reads(&mut desk, page, Some("51")), []);
    assert_eq!(desk.types("<down>"), []);
    let next = desk.types("<end>");
    let [Effect::DeadLetters { filter, .. }] = &next[..] else {
        panic!("{next:?}");
    };
    assert_eq!(filter.cursor.as_deref(), Some("51"));
    assert_eq!(desk.types("<up><down>"), [], "one page at a time");
    // A page that does not come is asked for again by the next key.
    desk.happens(Event::DeadLetters {
        request: desk.state.requests,
        result: Err(offline()),
    });
    assert!(list(&desk).error.is_some());
    assert_eq!(desk.types("<end>").len(), 1);
    reads(&mut desk, vec![letter(50), letter(49)], None);
    assert_eq!(list(&desk).items.len(), 52);
    assert_eq!(desk.types("<end>"), []);
}

#[test]
fn no_page_is_asked_for_while_the_list_is_read_anew() {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    reads(&mut desk, vec![letter(9), letter(8)], Some("8"));
    assert_eq!(desk.types("r").len(), 1);
    assert_eq!(desk.types("<end>"), []);
}

#[test]
fn refreshing_keeps_the_cursor_on_its_letter() {
    let mut desk = listed();
    desk.types("<down>r");
    reads(&mut desk, vec![letter(5), letter(4), letter(2)], None);
    assert_eq!(ids(&desk), ["5", "4", "2"]);
    assert_eq!(list(&desk).list.at, 2);
}

#[test]
fn one_is_read_whole() {
    let mut desk = listed();
    assert_eq!(desk.types("<enter>"), [Effect::DeadLetter(id(3))]);
    assert!(desk.screen(80, 24).contains('…'));
    desk.happens(Event::DeadLetter {
        id: id(3),
        result: Ok(Box::new(letter_detail(3))),
    });
    let screen = desk.screen(80, 30);
    for text in [
        "the database is locked",
        r#""specversion": "1.0""#,
        "very end",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    desk.happens(Event::Resize(80, 12));
    assert!(!desk.screen(80, 12).contains(r#""specversion""#));
    desk.types("<end>");
    assert!(desk.screen(80, 12).contains(r#""specversion""#));
    assert_eq!(desk.types("r"), [Effect::DeadLetter(id(3))]);
    desk.happens(Event::DeadLetter {
        id: id(3),
        result: Err(offline()),
    });
    desk.types("<end>");
    assert!(desk.screen(80, 24).contains("connection refused"));
}

#[test]
fn it_is_sent_again_after_a_question() {
    let mut desk = listed();
    assert_eq!(desk.types("<down>t"), []);
    assert!(desk.screen(80, 24).contains("not done twice"));
    assert_eq!(desk.types("n"), []);
    let end = LetterEnd::Retry;
    assert_eq!(desk.types("ty"), [Effect::EndLetter { id: id(2), end }]);
    ended(&mut desk, 2, end, Ok(()));
    assert_eq!(ids(&desk), ["3", "1"]);
    assert!(matches!(desk.message(), Some((Tone::Good, _))));
}

#[test]
fn it_is_dropped_after_a_question_that_says_what_is_lost() {
    let mut desk = listed();
    desk.types("<enter>x");
    let screen = desk.screen(80, 24);
    assert!(screen.contains("Drop it for good?"), "{screen}");
    assert!(screen.contains("queues do not show it"), "{screen}");
    let end = LetterEnd::Drop;
    assert_eq!(desk.types("y"), [Effect::EndLetter { id: id(3), end }]);
    ended(&mut desk, 3, end, Ok(()));
    assert_eq!(desk.layers(), ["Search", "Dead letters"]);
    assert_eq!(ids(&desk), ["2", "1"]);
    assert_eq!(desk.message(), Some((Tone::Good, "It is dropped")));
}

#[test]
fn one_that_is_gone_meanwhile_is_told_and_taken_out() {
    let mut desk = listed();
    desk.types("xy");
    ended(&mut desk, 3, LetterEnd::Drop, Err(not_found()));
    assert_eq!(ids(&desk), ["2", "1"]);
    assert_eq!(desk.message(), Some((Tone::Warning, GONE)));
    // Also where it is only read, and where the question stands.
    desk.types("<enter>");
    desk.types("t");
    desk.happens(Event::DeadLetter {
        id: id(2),
        result: Err(not_found()),
    });
    assert_eq!(desk.layers(), ["Search", "Dead letters"]);
    assert_eq!(ids(&desk), ["1"]);
    assert_eq!(desk.message(), Some((Tone::Warning, GONE)));
}

#[test]
fn nobody_else_is_blamed_for_what_was_done_from_here() {
    let mut desk = listed();
    desk.types("<enter>xy");
    // It is asked for once.
    assert_eq!(desk.types("xy"), []);
    desk.happens(Event::DeadLetter {
        id: id(3),
        result: Err(not_found()),
    });
    assert_eq!(desk.message(), Some((Tone::Warning, OWN)));
    ended(&mut desk, 3, LetterEnd::Drop, Ok(()));
    assert_eq!(desk.message(), Some((Tone::Good, "It is dropped")));
    // A list that was read before may have it still.
    reads(&mut desk, vec![letter(3), letter(2)], None);
    desk.types("r");
    reads(&mut desk, vec![letter(3), letter(2)], None);
    desk.types("<home>ty");
    ended(&mut desk, 3, LetterEnd::Retry, Err(not_found()));
    assert_eq!(desk.message(), Some((Tone::Warning, OWN)));
}

#[test]
fn what_may_have_been_done_is_told_so_and_is_done_from_here() {
    let mut desk = listed();
    desk.types("ty");
    ended(&mut desk, 3, LetterEnd::Retry, Err(broken()));
    let words = "It is not known whether it was sent again; F5 shows it: the connection broke: it took too long";
    assert_eq!(desk.message(), Some((Tone::Error, words)));
    assert_eq!(ids(&desk), ["3", "2", "1"]);
    desk.types("ty");
    ended(&mut desk, 3, LetterEnd::Retry, Err(not_found()));
    assert_eq!(desk.message(), Some((Tone::Warning, OWN)));
}

#[test]
fn one_that_cannot_be_sent_stays_with_the_reason() {
    let mut desk = listed();
    desk.types("ty");
    let no = problem(Code::Conflict, "nobody takes messages of `queues` any more");
    ended(&mut desk, 3, LetterEnd::Retry, Err(refused(&no)));
    assert_eq!(ids(&desk), ["3", "2", "1"]);
    assert_eq!(desk.message(), Some((Tone::Error, no.detail.as_str())));
    desk.types("ty");
    ended(&mut desk, 3, LetterEnd::Retry, Err(offline()));
    assert_eq!(ids(&desk).len(), 3);
    assert!(matches!(desk.message(), Some((Tone::Error, _))));
}

#[test]
fn what_moves_up_is_followed_by_the_next_page() {
    let mut desk = Desk::admin();
    desk.types("<alt-d>");
    reads(&mut desk, vec![letter(9), letter(8)], Some("8"));
    let effects = ended(&mut desk, 9, LetterEnd::Drop, Ok(()));
    assert!(matches!(&effects[..], [Effect::DeadLetters { filter, .. }]
        if filter.cursor.as_deref() == Some("8")));
}
