//! Logging in and out, and what becomes of pending work meanwhile.

use airside_common::api::problem::Code;
use airside_common::user::{Role, Username};
use rstest::rstest;

use crate::effects::http::ApiError;
use crate::effects::session::SessionError;
use crate::store::action::{Credentials, Demo, Event, Failure};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::ledger::answer::SetbackKind;
use crate::store::queues::QueueCall;
use crate::store::screen::login::{Login, Phase};
use crate::store::state::{Connection, Tone};
use crate::trial::desk::{Desk, sent};
use crate::trial::specimens::{
    SERVER, direct, logged_out, made, offline, opened, problem, refused, session,
};

fn login(desk: &Desk) -> &Login {
    match desk.top() {
        Layer::Login(login) => login,
        other => panic!("{} is on top", other.name()),
    }
}

/// The log-in screen of a first start.
fn first_start() -> Desk {
    let mut desk = Desk::starting();
    desk.happens(Event::Opened(Box::new(opened(None))));
    desk
}

#[test]
fn name_and_password_are_sent_once() {
    let mut desk = first_start();
    assert_eq!((desk.focus(), desk.field("server")), ("username", SERVER));
    let effects = desk.types("demo<tab>Secret<enter><enter>");
    let [
        Effect::LogIn {
            server,
            username,
            password,
        },
    ] = effects.as_slice()
    else {
        panic!("{effects:?}");
    };
    assert_eq!(server.to_string(), SERVER);
    assert_eq!((username.as_str(), password.0.as_str()), ("demo", "Secret"));
    assert_eq!(login(&desk).phase, Phase::Asking);
}

#[test]
fn nothing_is_typed_before_the_console_has_started() {
    let mut desk = Desk::starting();
    assert_eq!(desk.types("demo<enter>"), []);
    assert_eq!(login(&desk).phase, Phase::Starting);
}

#[test]
fn a_wrong_password_is_asked_for_again() {
    let mut desk = first_start();
    desk.types("demo<tab>wrong<enter>");
    let no = problem(Code::Unauthenticated, "user or password is wrong");
    desk.happens(Event::LoggedIn(Err(refused(&no))));
    let login = login(&desk);
    assert_eq!(login.phase, Phase::Entry);
    assert_eq!(login.reason.as_deref(), Some("user or password is wrong"));
    assert_eq!((desk.focus(), desk.field("password")), ("password", ""));
    assert_eq!(desk.field("username"), "demo");
    assert_eq!(desk.types("right<enter>").len(), 1);
}

/// Help, messages and inspector may stand above the question meanwhile.
#[rstest]
fn a_refusal_is_told_below_what_was_opened_meanwhile(
    #[values("<f1>", "<f9>", "<f12>")] opens: &str,
) {
    let mut desk = first_start();
    desk.types("demo<tab>wrong<enter>");
    desk.types(opens);
    let no = problem(Code::Unauthenticated, "user or password is wrong");
    desk.happens(Event::LoggedIn(Err(refused(&no))));
    desk.types("<esc>");
    assert_eq!(login(&desk).phase, Phase::Entry);
    assert_eq!(
        login(&desk).reason.as_deref(),
        Some("user or password is wrong")
    );
    assert_eq!(desk.types("right<enter>").len(), 1);
}

#[test]
fn what_was_typed_stays_where_the_server_is_not_there() {
    let mut desk = first_start();
    desk.types("demo<tab>secret<enter>");
    desk.happens(Event::LoggedIn(Err(offline())));
    assert_eq!(desk.field("password"), "secret");
    assert!(matches!(desk.state.connection, Connection::Offline(_)));
    assert!(matches!(
        desk.types("<enter>").as_slice(),
        [Effect::LogIn { .. }]
    ));
}

#[rstest]
#[case("<enter>", "username")]
#[case("demo<enter>", "password")]
#[case("<tab>secret<enter>", "username")]
fn what_is_missing_is_named(#[case] keys: &str, #[case] field: &str) {
    let mut desk = first_start();
    assert_eq!(desk.types(keys), []);
    assert_eq!(
        (desk.focus(), desk.error(field)),
        (field, Some("is needed"))
    );
}

#[test]
fn an_address_that_is_none_is_named() {
    let mut desk = first_start();
    let effects = desk.types("demo<tab>secret<backtab><backtab><ctrl-u>not an address<enter>");
    assert_eq!(effects, []);
    assert_eq!(desk.focus(), "server");
    assert!(desk.error("server").is_some());
}

#[test]
fn logging_in_opens_the_search_and_reads_the_bookings() {
    let mut desk = first_start();
    desk.types("demo<tab>secret<enter>");
    let effects = desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(desk.layers(), ["Search"]);
    assert!(matches!(
        effects.as_slice(),
        [Effect::ForgetAnswers, Effect::Bookings { .. }, Effect::Queue(QueueCall::Totals { .. }),
         Effect::Listen { flights }] if flights.is_empty()
    ));
}

#[test]
fn a_kept_session_goes_on_without_a_question() {
    let mut desk = Desk::starting();
    let kept = opened(Some(session("demo", Role::Agent)));
    desk.happens(Event::Opened(Box::new(kept)));
    assert_eq!(desk.layers(), ["Search"]);
}

#[test]
fn the_demonstration_logs_in_and_fills_in_a_route() {
    let mut desk = Desk::starting();
    desk.happens(Event::Demo(Demo::Starting("loading flights".to_owned())));
    assert_eq!(login(&desk).progress, "loading flights");
    let mut start = opened(None);
    start.demo_users = vec![Credentials {
        username: "demo".to_owned(),
        password: airside_common::api::auth::Secret("secret".to_owned()),
        role: airside_common::user::Role::Agent,
    }];
    let effects = desk.happens(Event::Opened(Box::new(start)));
    assert!(matches!(effects.as_slice(), [Effect::LogIn { .. }]));
    desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(
        (desk.field("origin"), desk.field("destination")),
        ("JFK", "LAX")
    );
    let effects = desk.types("<enter>");
    assert!(matches!(effects.as_slice(), [Effect::Itineraries { .. }]));
}

#[rstest]
fn a_demonstration_that_fails_says_why(#[values("", "<f1>")] opens: &str) {
    let mut desk = Desk::starting();
    let why = "the program is missing".to_owned();
    desk.types(opens);
    desk.happens(Event::Demo(Demo::Failed(why.clone())));
    if !opens.is_empty() {
        desk.types("<esc>");
    }
    assert_eq!(login(&desk).reason, Some(why));
}

#[test]
fn an_expired_session_asks_again_and_pending_work_goes_on_after_it() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    let layers = desk.layers();
    desk.unanswered(&operation.key, SetbackKind::LoggedOut);
    assert_eq!(login(&desk).form.content("username"), "demo");
    assert_eq!(desk.focus(), "password");
    assert_eq!(desk.state.ledger.rows().len(), 1);
    assert_eq!(
        sent(&desk.waits(60)),
        None,
        "nothing is sent without a session"
    );
    desk.types("secret<enter>");
    let effects = desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(sent(&effects).map(|o| o.key), Some(operation.key.clone()));
    assert!(
        !effects.contains(&Effect::ForgetAnswers),
        "the screens still wait for theirs"
    );
    assert_eq!(desk.layers(), layers);
    desk.confirmed(&operation.key, made(1, &operation.key));
    assert_eq!(desk.state.ledger.rows().len(), 1);
}

#[test]
fn a_list_that_finds_the_session_ended_asks_too() {
    let mut desk = Desk::agent();
    desk.types("<f3>");
    let request = desk.state.requests;
    for opens in ["", "", "<f9>", ""] {
        desk.types(opens);
        desk.happens(Event::Bookings {
            request,
            result: Err(logged_out()),
        });
    }
    assert_eq!(desk.layers(), ["Search", "Bookings", "Log in", "Messages"]);
}

#[test]
fn another_user_sees_nothing_of_the_first() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::LoggedOut);
    desk.types("<backtab><ctrl-u>eve<tab>secret<enter>");
    let effects = desk.happens(Event::LoggedIn(Ok(session("eve", Role::Agent))));
    assert_eq!(sent(&effects), None);
    assert_eq!(desk.layers(), ["Search"]);
    assert_eq!(desk.state.ledger.rows().len(), 0);
    assert_eq!(desk.state.ledger.foreign(), 1);
    // What was under way ends as it does, and says nothing to her.
    let before = desk.state.connection.clone();
    desk.unanswered(&operation.key, SetbackKind::LoggedOut);
    desk.unanswered(&operation.key, SetbackKind::Unreached);
    assert_eq!((desk.layers(), desk.message()), (vec!["Search"], None));
    assert_eq!(desk.state.connection, before);
    desk.confirmed(&operation.key, made(1, &operation.key));
    assert_eq!((desk.layers(), desk.message()), (vec!["Search"], None));
    assert_eq!(desk.state.ledger.rows().len(), 0);
    assert_eq!(desk.state.ledger.foreign(), 0);
}

#[test]
fn logging_out_forgets_what_was_shown_and_keeps_what_is_pending() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    let username: Username = "demo".parse().unwrap();
    let left = Effect::LogOut {
        username: username.clone(),
    };
    assert_eq!(
        desk.types("<ctrl-o>"),
        [left, Effect::ForgetAnswers, Effect::StopListening],
        "whether the server answers or not"
    );
    assert_eq!(desk.layers(), ["Log in"]);
    assert_eq!(desk.state.ledger.rows().len(), 0);
    desk.happens(Event::LoggedOut {
        username,
        result: Err(offline()),
    });
    let (_, words) = desk.message().unwrap();
    assert!(
        words.starts_with("demo is logged out here; the server was not told: "),
        "{words}"
    );
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    let effects = desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(sent(&effects).map(|o| o.key), Some(operation.key));
}

/// Everything that the inspector shows.
fn inspected(desk: &Desk) -> String {
    let entries = desk.state.inspector.entries();
    entries.fold(String::new(), |all, entry| format!("{all}{entry:?}\n"))
}

/// What was told to one user, and what they did and had in view, is not there for the next: neither after they have left, nor
/// where their session ended and another logs in.
#[rstest]
#[case::left("<ctrl-o>", "")]
#[case::ended("", "<backtab><ctrl-u>")]
fn messages_and_actions_are_forgotten_with_their_user(#[case] leaves: &str, #[case] clears: &str) {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk = desk.searched(vec![direct(101)]);
    desk.types("<enter><backtab>mr<tab>john<tab>smith<tab><tab><tab>j@example.com");
    let own = ["john", "smith", "j@example.com", operation.key.as_str()];
    for word in own {
        assert!(inspected(&desk).contains(word), "{word} is there at first");
    }
    desk.state.tell(Tone::Good, "AAAAAA booked");
    desk.types(leaves);
    if leaves.is_empty() {
        let request = desk.state.requests;
        desk.happens(Event::Bookings {
            request,
            result: Err(logged_out()),
        });
    }
    assert_eq!(desk.layers().last(), Some(&"Log in"));
    let number = desk.state.inspector.entries().next_back().unwrap().number;
    if !leaves.is_empty() {
        let inspected = inspected(&desk).to_lowercase();
        let shown = own.iter().find(|word| inspected.contains(*word));
        assert_eq!(shown, None, "{inspected}");
    }
    desk.types(&format!("{clears}eve<tab>secret<enter>"));
    desk.happens(Event::LoggedIn(Ok(session("eve", Role::Agent))));
    assert_eq!(desk.state.messages.len(), 0);
    let first = desk.state.inspector.entries().next().unwrap();
    assert!(first.number >= number, "{first:?}");
    let inspected = inspected(&desk).to_lowercase();
    let shown = own.iter().find(|word| inspected.contains(*word));
    assert_eq!(shown, None, "{inspected}");
}

#[test]
fn the_inspector_tells_of_another_users_operation_only_that_something_came() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.types("<ctrl-o>");
    desk.happens(Event::LoggedIn(Ok(session("eve", Role::Agent))));
    let booking = made(1, &operation.key);
    let locator = booking.locator.to_string();
    desk.happens(Event::Journalled {
        key: operation.key.clone(),
        result: Ok(()),
    });
    desk.unanswered(&operation.key, SetbackKind::Unclear);
    desk.confirmed(&operation.key, booking);
    let inspected = inspected(&desk);
    for told in ["Journalled(another user's", "Answered(another user's"] {
        assert!(inspected.contains(told), "{told}: {inspected}");
    }
    let own = ["the connection broke", operation.key.as_str(), &locator];
    let shown = own.iter().find(|word| inspected.contains(*word));
    assert_eq!(shown, None, "{inspected}");
}

#[test]
fn what_is_told_at_the_start_waits_for_who_logs_in() {
    let mut desk = Desk::starting();
    desk.state.tell(Tone::Warning, "the settings have a fault");
    desk.happens(Event::Opened(Box::new(opened(None))));
    desk.types("demo<tab>secret<enter>");
    desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(desk.state.messages.len(), 1);
}

#[test]
fn nothing_is_sent_while_a_session_has_ended() {
    let mut desk = Desk::filled_in(vec![direct(101)]);
    let operation = desk.books();
    desk.unanswered(&operation.key, SetbackKind::Unreached);
    let request = desk.state.requests;
    desk.happens(Event::Bookings {
        request,
        result: Err(logged_out()),
    });
    assert_eq!(desk.state.next_due(), None);
    let effects = desk.happens(Event::LoggedIn(Ok(session("demo", Role::Agent))));
    assert_eq!(sent(&effects).map(|o| o.key), Some(operation.key));
}

/// That the server knows, and the disk does not, is another fault than the other way round.
#[test]
fn a_session_file_that_stays_is_told_as_such() {
    let mut desk = Desk::agent();
    desk.types("<ctrl-o>");
    desk.happens(Event::LoggedOut {
        username: "demo".parse().unwrap(),
        result: Err(Failure::from(ApiError::Session(SessionError::Busy))),
    });
    let (_, words) = desk.message().unwrap();
    assert!(
        words.starts_with("demo is logged out here; not wholly: "),
        "{words}"
    );
}

#[test]
fn without_a_session_no_screen_opens() {
    let mut desk = first_start();
    assert_eq!(desk.types("<f2><f3><f4><ctrl-o>"), []);
    assert_eq!(desk.layers(), ["Log in"]);
}
