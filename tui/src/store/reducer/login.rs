//! From the start to the first screen, and out again.

use airside_common::user::{Role, Username};

use super::{Flow, Step};
use crate::effects::http::calls::BookingFilter;
use crate::effects::server_url::ServerUrl;
use crate::store::action::{Demo, Failure, FailureKind, Opened, Session};
use crate::store::effect::Effect;
use crate::store::layer::Layer;
use crate::store::ledger::Ledger;
use crate::store::queues::QueueState;
use crate::store::screen::dead_letters::OwnLetters;
use crate::store::screen::login::{Login, Phase};
use crate::store::screen::question::{Question, Then};
use crate::store::screen::search::Search;
use crate::store::state::{Connection, Tone};

/// How many bookings are read at once.
const PAGE: u8 = 50;

impl Step<'_> {
    pub(super) fn opened(&mut self, opened: Opened) {
        self.state.server = opened.server.to_string();
        self.state.ledger = Ledger::restore(opened.saved);
        for fault in opened.faults {
            self.state.tell(Tone::Warning, fault);
        }
        self.state.demo = !opened.demo_users.is_empty();
        self.state.demo_users = opened.demo_users;
        if let Some(session) = opened.session {
            self.enter(session);
            return;
        }
        let mut login = Login::new(&self.state.server, "", None);
        let agent = self
            .state
            .demo_users
            .iter()
            .find(|user| user.role == Role::Agent);
        if let Some(agent) = agent {
            login.form.set("username", &agent.username);
            login.phase = Phase::Asking;
            self.effects.push(Effect::LogIn {
                server: opened.server,
                username: agent.username.clone(),
                password: agent.password.clone(),
            });
        }
        self.state.layers = vec![Layer::Login(Box::new(login))];
    }

    pub(super) fn demo(&mut self, demo: Demo) {
        let Some(login) = self.login_form() else {
            return;
        };
        match demo {
            Demo::Starting(words) => login.progress = words,
            Demo::Failed(why) => {
                login.reason = Some(why);
                login.progress.clear();
            }
        }
    }

    /// The question for name and password; the help, say, may stand above it.
    fn login_form(&mut self) -> Option<&mut Login> {
        let mut layers = self.state.layers.iter_mut().rev();
        layers.find_map(|layer| match layer {
            Layer::Login(login) => Some(login.as_mut()),
            _ => None,
        })
    }

    pub(super) fn log_in(&mut self, login: &mut Login) -> Flow {
        login.form.clear_errors();
        let server = login.form.parse("server", str::parse::<ServerUrl>);
        for name in ["username", "password"] {
            if login.form.content(name).is_empty()
                && let Some(field) = login.form.field_mut(name)
            {
                field.error = Some("is needed".to_owned());
            }
        }
        if login.form.focus_first_error() {
            return Flow::Stay;
        }
        let Some(server) = server else {
            return Flow::Stay;
        };
        login.phase = Phase::Asking;
        login.reason = None;
        let password = login
            .form
            .field("password")
            .map_or("", |f| f.content())
            .to_owned();
        self.effects.push(Effect::LogIn {
            server,
            username: login.form.content("username").to_owned(),
            password: airside_common::api::auth::Secret(password),
        });
        Flow::Stay
    }

    pub(super) fn logged_in(&mut self, result: Result<Session, Failure>) {
        let failure = match result {
            Ok(session) => {
                self.enter(session);
                return;
            }
            Err(failure) => failure,
        };
        if failure.kind == FailureKind::Offline {
            self.state.connection = Connection::Offline(failure.words.clone());
        }
        let Some(login) = self.login_form() else {
            return;
        };
        login.phase = Phase::Entry;
        login.reason = Some(failure.words);
        if failure.kind == FailureKind::Refused {
            login.form.set("password", "");
            login.form.focus_on("password");
        }
    }

    /// Somebody is logged in: the screens of an earlier session of the same user go on as they were.
    fn enter(&mut self, session: Session) {
        let account = session.account();
        if self.state.ledger.account() != Some(&account) {
            self.state.layers.clear();
            self.state.airports.clear();
            self.forget_user();
        }
        self.state
            .layers
            .retain(|layer| !matches!(layer, Layer::Login(_)));
        self.state.session = Some(session);
        self.state.connection = Connection::Untried;
        if self.state.layers.is_empty() {
            let mut search = Search::new(self.state.today());
            if self.state.demo {
                search.form.set("origin", "JFK");
                search.form.set("destination", "LAX");
                search.form.focus_on("date");
            }
            self.state.layers.push(Layer::Search(Box::new(search)));
        }
        let effects = self.state.ledger.log_in(account, self.state.now);
        self.ledger(effects);
        let request = self.state.next_request();
        self.effects.push(Effect::Bookings {
            request,
            filter: Box::new(BookingFilter {
                limit: Some(PAGE),
                ..BookingFilter::default()
            }),
        });
        self.read_totals();
        self.reread_records();
        for query in ["JFK", "LAX"] {
            if self.state.demo && self.state.airports.should_ask(query) {
                self.effects.push(Effect::Airports {
                    query: query.to_owned(),
                });
            }
        }
    }

    /// The session is over without the agent's doing: the screens stay below the question for name and password.
    pub(super) fn session_ended(&mut self) {
        if self.login_form().is_some() {
            return;
        }
        self.state.ledger.pause();
        let username = self
            .state
            .session
            .take()
            .map_or_else(String::new, |s| s.me.username.to_string());
        let login = Login::new(
            &self.state.server,
            &username,
            Some("The session has ended: log in again, all is kept".to_owned()),
        );
        self.state.layers.push(Layer::Login(Box::new(login)));
    }

    /// The user leaves, at once: the server may be told later.
    pub(super) fn log_out(&mut self) {
        let Some(session) = self.state.session.take() else {
            return;
        };
        self.effects.push(Effect::LogOut {
            username: session.me.username,
        });
        self.forget_user();
        self.state.ledger.log_out();
        self.state.demo = false;
        let login = Login::new(&self.state.server, "", None);
        self.state.layers = vec![Layer::Login(Box::new(login))];
    }

    pub(super) fn logged_out(&mut self, username: &Username, result: Result<(), Failure>) {
        if let Err(failure) = result {
            let fault = match failure.kind {
                FailureKind::Other => "not wholly",
                _ => "the server was not told",
            };
            let text = format!("{username} is logged out here; {fault}: {}", failure.words);
            self.state.tell(Tone::Warning, text);
        }
    }

    /// What was a user's own is nobody's any more, nor are answers that are still to come.
    fn forget_user(&mut self) {
        if self.state.ledger.account().is_some() {
            self.state.messages.clear();
            self.state.notice = false;
        }
        self.state.sent.clear();
        self.state.queues = QueueState::default();
        self.state.own_letters = OwnLetters::default();
        self.effects.push(Effect::ForgetAnswers);
    }

    /// What is older than it should be is asked about, one after another.
    pub(super) fn ask_about_old(&mut self) {
        if matches!(self.state.layers.last(), Some(Layer::Question(_))) {
            return;
        }
        let Some(operation) = self.state.ledger.asking().next() else {
            return;
        };
        let question = Question {
            title: "Send it still?".to_owned(),
            lines: vec![
                format!(
                    "A booking, change or cancellation of {} was never answered.",
                    crate::dates::full(
                        operation
                            .created_at
                            .to_zoned(self.state.zone.clone())
                            .date()
                    )
                ),
                "It may have been done in another way since then.".to_owned(),
                "No keeps it as a draft.".to_owned(),
            ],
            then: Then::SendOld(operation.key.clone()),
        };
        self.state.layers.push(Layer::Question(Box::new(question)));
    }
}
