//! Sources for admins.

use std::time::Duration;

use airside_common::api::ingest::{IngestSource, IngestSourcePage, SourceState};
use airside_common::api::problem::Code;
use rstest::rstest;

use crate::store::action::{Event, Failure};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::screen::sources::{SourceChange, Sources};
use crate::store::state::Tone;
use crate::trial::desk::Desk;
use crate::trial::specimens::{
    broken, failing_source, logged_out, offline, problem, refused, source,
};

fn list(desk: &Desk) -> &Sources {
    let found = desk.state.layers.iter().find_map(|layer| match layer {
        Layer::Sources(sources) => Some(sources.as_ref()),
        _ => None,
    });
    found.expect("the sources are open")
}

/// The last question is answered.
fn told(desk: &mut Desk, result: Result<Vec<IngestSource>, Failure>) -> Vec<Effect> {
    desk.happens(Event::Sources {
        request: desk.state.requests,
        result: result.map(|items| IngestSourcePage {
            items,
            next_cursor: None,
        }),
    })
}

fn three() -> Vec<IngestSource> {
    vec![
        source("alpha", SourceState::Idle),
        failing_source("beta"),
        source("gamma", SourceState::Paused),
    ]
}

fn listed() -> Desk {
    let mut desk = Desk::admin();
    desk.types("<alt-s>");
    told(&mut desk, Ok(three()));
    desk
}

/// How long it is waited until they are asked for.
fn asked(effects: &[Effect]) -> Option<Duration> {
    effects.iter().find_map(|effect| match effect {
        Effect::Sources { after, .. } => Some(*after),
        _ => None,
    })
}

#[test]
fn the_sources_come_to_the_top_without_what_was_above_them() {
    let mut desk = listed();
    desk.types("<enter><f1><f3>");
    let below = ["Search", "Sources", "Source", "Help", "Bookings"];
    assert_eq!(desk.layers(), below);
    desk.types("<alt-s>");
    assert_eq!(desk.layers(), ["Search", "Bookings", "Sources"]);
}

#[rstest]
#[case("p")]
#[case("<f5>")]
#[case("<down>")]
fn a_source_whose_list_has_gone_takes_nothing_else_away(#[case] keys: &str) {
    let mut desk = listed();
    desk.types("<enter>");
    desk.state.layers.retain(|layer| layer.name() != "Sources");
    desk.types(keys);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn an_agent_has_no_such_screen() {
    let mut desk = Desk::agent();
    assert_eq!(desk.types("<alt-s>"), []);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn they_are_asked_for_as_long_as_they_are_in_view() {
    let mut desk = Desk::admin();
    assert_eq!(asked(&desk.types("<alt-s>")), Some(Duration::ZERO));
    // While the answer is awaited nobody asks again.
    assert_eq!(asked(&desk.types("<down>")), None);
    let again = told(&mut desk, Ok(three()));
    assert_eq!(asked(&again), Some(Duration::from_secs(2)));
    // A box above them leaves them in view, another screen does not.
    desk.types("<enter>");
    assert_eq!(
        asked(&told(&mut desk, Ok(three()))),
        Some(Duration::from_secs(2))
    );
    desk.types("<f2>");
    assert_eq!(asked(&told(&mut desk, Ok(three()))), None);
    // What was seen a second ago is asked for a second later.
    assert_eq!(asked(&desk.types("<alt-s>")), Some(Duration::from_secs(1)));
    desk.types("<esc>");
    assert_eq!(asked(&told(&mut desk, Ok(three()))), None);
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn a_lost_network_is_told_with_the_age_of_what_is_there() {
    let mut desk = listed();
    assert!(!list(&desk).is_old(desk.state.now));
    let again = told(&mut desk, Err(offline()));
    assert_eq!(asked(&again), Some(Duration::from_secs(5)));
    assert_eq!(list(&desk).items.len(), 3);
    let screen = desk.screen(120, 24);
    assert!(screen.contains("old, as of 12:00:04"), "{screen}");
    assert!(screen.contains("connection refused"), "{screen}");
    told(&mut desk, Ok(three()));
    assert!(!desk.screen(120, 24).contains("old"));
    // Nobody answers at all.
    desk.waits(20);
    assert!(desk.screen(120, 24).contains("old, as of"));
}

#[test]
fn an_ended_session_is_told_above_them_and_nobody_asks() {
    let mut desk = listed();
    assert_eq!(asked(&told(&mut desk, Err(logged_out()))), None);
    assert_eq!(desk.top().name(), "Log in");
}

#[rstest]
#[case("p", SourceChange::Pause)]
#[case("l", SourceChange::Poll)]
#[case("<end>c", SourceChange::Resume)]
#[case("<enter>p", SourceChange::Pause)]
#[case("<end><enter>c", SourceChange::Resume)]
fn what_is_asked_of_one_shows_at_once(#[case] keys: &str, #[case] change: SourceChange) {
    let mut desk = listed();
    let effects = desk.types(keys);
    let Some(Effect::ChangeSource {
        name,
        change: asked,
    }) = effects.last()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(*asked, change);
    let screen = desk.screen(80, 24);
    assert!(screen.contains('…'), "{screen}");
    // Once is enough.
    let more = desk.types(keys.trim_start_matches("<enter>"));
    let more = more
        .iter()
        .any(|e| matches!(e, Effect::ChangeSource { .. }));
    assert!(!more);
    let late = desk.state.requests;
    let state = match change {
        SourceChange::Pause => SourceState::Paused,
        _ => SourceState::Polling,
    };
    let effects = desk.happens(Event::SourceChanged {
        name: name.clone(),
        change,
        result: Ok(Box::new(source(name.as_str(), state))),
    });
    assert_eq!(list(&desk).source(name).unwrap().state, state);
    assert_eq!(list(&desk).asked, []);
    assert!(matches!(desk.message(), Some((Tone::Good, _))));
    // They are asked for at once, and an answer of before does not undo it.
    assert_eq!(super::sources::asked(&effects), Some(Duration::ZERO));
    desk.happens(Event::Sources {
        request: late,
        result: Ok(IngestSourcePage {
            items: three(),
            next_cursor: None,
        }),
    });
    assert_eq!(list(&desk).source(name).unwrap().state, state);
}

#[test]
fn what_is_so_already_is_not_asked() {
    let mut desk = listed();
    let changes = |effects: Vec<Effect>| {
        let mut effects = effects.into_iter();
        effects.any(|e| matches!(e, Effect::ChangeSource { .. }))
    };
    assert!(!changes(desk.types("c")));
    assert_eq!(desk.message(), Some((Tone::Info, "alpha is not paused")));
    assert!(!changes(desk.types("<end>p")));
    assert_eq!(
        desk.message(),
        Some((Tone::Info, "gamma is paused already"))
    );
}

#[test]
fn a_refusal_is_told_and_the_source_is_as_it_was() {
    let mut desk = listed();
    desk.types("p");
    desk.happens(Event::SourceChanged {
        name: "alpha".parse().unwrap(),
        change: SourceChange::Pause,
        result: Err(refused(&problem(Code::NotFound, "there is no such source"))),
    });
    assert_eq!(
        desk.message(),
        Some((Tone::Error, "there is no such source"))
    );
    assert_eq!(list(&desk).asked, []);
    assert_eq!(list(&desk).items[0].state, SourceState::Idle);
}

#[test]
fn the_cursor_stays_with_its_source() {
    let mut desk = listed();
    desk.types("<down>");
    let mut more = three();
    more.insert(0, source("aaa", SourceState::Idle));
    told(&mut desk, Ok(more));
    assert_eq!(list(&desk).chosen().unwrap().name.as_str(), "beta");
}

#[test]
fn one_is_read_whole_and_follows_the_list() {
    let mut desk = listed();
    desk.types("<down><enter>");
    let screen = desk.screen(80, 24);
    assert!(screen.contains("VQkLoNg"), "the end of the error: {screen}");
    told(&mut desk, Ok(vec![source("beta", SourceState::Idle)]));
    assert!(desk.screen(80, 24).contains("Nothing has gone wrong"));
    told(&mut desk, Ok(Vec::new()));
    assert!(desk.screen(80, 24).contains("in nobody's settings"));
    desk.types("<esc>");
    assert_eq!(desk.layers(), ["Search", "Sources"]);
}

#[test]
fn a_long_error_is_scrolled_to_its_end() {
    let mut desk = listed();
    let mut long = failing_source("beta");
    let words: Vec<String> = (0..400).map(|n| format!("word{n}")).collect();
    long.last_error = Some(words.join(" "));
    told(&mut desk, Ok(vec![long]));
    desk.types("<enter>");
    assert!(!desk.screen(80, 24).contains("word399"));
    desk.types("<end>");
    assert!(desk.screen(80, 24).contains("word399"));
    desk.types("<home>");
    assert!(desk.screen(80, 24).contains("word0"));
}

#[test]
fn whether_a_source_is_paused_is_not_known_where_no_answer_tells() {
    let mut desk = listed();
    let name = list(&desk).items[0].name.clone();
    desk.happens(Event::SourceChanged {
        name: name.clone(),
        change: SourceChange::Pause,
        result: Err(broken()),
    });
    let words = format!(
        "It is not known whether {name} is paused; F5 shows it: the connection broke: it took too long"
    );
    assert_eq!(desk.message(), Some((Tone::Error, words.as_str())));
}
