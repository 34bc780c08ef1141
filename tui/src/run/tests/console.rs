//! A console whose keys and screen are in the test's hands; all else is real.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossterm::event::Event as Input;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::effects::dispatch::{Dispatch, Tenure};
use crate::effects::folders::Folders;
use crate::effects::start::start;
use crate::run::{Console, Message};
use crate::settings::Mouse;
use crate::store::action::Event;
use crate::store::moment::Moment;
use crate::store::state::State;
use crate::terminal::Screen;
use crate::trial::desk::{draw, text_of};
use crate::trial::keys::keys;
use crate::trial::server::PASSWORD;
use crate::trial::specimens::{logged_out, settings};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A record of the journal that is on its way to the disk ends without an event; this is how often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The senders to the loop that an idle console has: the test's and its own.
const SENDERS: usize = 2;

/// Rounds in a row without anything under way, until the console counts as idle.
const QUIET_ROUNDS: u32 = 3;

/// A screen that keeps what was drawn.
struct Paper {
    last: watch::Sender<String>,
    all: Arc<Mutex<Vec<String>>>,
}

impl Screen for Paper {
    fn draw(&mut self, state: &State) -> io::Result<()> {
        let text = text_of(&draw(state, 100, 30));
        self.all.lock().unwrap().push(text.clone());
        self.last.send_replace(text);
        Ok(())
    }

    fn forget(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn mouse(&mut self, _: Mouse) -> io::Result<()> {
        Ok(())
    }

    fn copy(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self, _: Mouse) -> io::Result<()> {
        Ok(())
    }
}

/// Somebody at a console.
pub(super) struct Person {
    inbox: UnboundedSender<Message>,
    screen: watch::Receiver<String>,
    all: Arc<Mutex<Vec<String>>>,
    living: JoinHandle<()>,
}

impl Person {
    /// Opens a console on a server, with its state in a folder, as `run` does.
    pub(super) async fn opens(server: SocketAddr, folder: &Path) -> Self {
        let begun = Instant::now();
        let now = Moment::since(begun);
        let state = State::new(now, TimeZone::system(), settings(), (100, 30));
        let mut person = Self::goes_on(state, begun, folder);
        let starting = person.inbox.clone();
        let folders = Folders::beneath(folder);
        let url = format!("http://{server}").parse().ok();
        tokio::spawn(async move {
            let ready = start(folders, url, None, |_| {}).await.unwrap();
            starting.send(Message::Ready(Box::new(ready))).unwrap();
        });
        person.idle().await;
        person
    }

    /// Goes on from a state, with no server.
    pub(super) fn goes_on(mut state: State, begun: Instant, folder: &Path) -> Self {
        let (inbox, messages) = unbounded_channel();
        let (last, screen) = watch::channel(String::new());
        let all = Arc::new(Mutex::new(Vec::new()));
        let mut paper = Paper {
            last,
            all: Arc::clone(&all),
        };
        let dispatch = Dispatch::new(Folders::beneath(folder), inbox.clone());
        let living = tokio::spawn(async move {
            let mut console = Console {
                state: &mut state,
                screen: &mut paper,
                dispatch,
                demo: None,
                begun,
            };
            console.live(messages).await.unwrap();
            console.dispatch.end().await.unwrap();
        });
        Self {
            inbox,
            screen,
            all,
            living,
        }
    }

    /// Opens a console and logs in.
    pub(super) async fn logs_in(name: &str, server: SocketAddr, folder: &Path) -> Self {
        let mut person = Self::opens(server, folder).await;
        person.types(&format!("{name}<tab>{PASSWORD}<enter>")).await;
        person.sees("Where to?");
        person
    }

    /// Types, and waits until the console is idle.
    pub(super) async fn types(&mut self, text: &str) {
        for key in keys(text) {
            self.inbox.send(Message::Input(Input::Key(key))).unwrap();
        }
        self.idle().await;
    }

    /// Types, where something is under way always: what comes of it has to be waited for.
    pub(super) fn presses(&self, text: &str) {
        for key in keys(text) {
            self.inbox.send(Message::Input(Input::Key(key))).unwrap();
        }
    }

    /// An answer to something that was asked for in somebody's time: the session has ended.
    pub(super) async fn hears_of_the_end_of_a_session(&mut self, tenure: Tenure) {
        let event = Event::Airports {
            query: "JF".to_owned(),
            result: Err(logged_out()),
        };
        self.inbox.send(Message::Answer(tenure, event)).unwrap();
        self.idle().await;
    }

    /// Lets what is under way go on for a moment.
    pub(super) async fn rests(&self) {
        tokio::time::sleep(10 * LOOK).await;
    }

    /// Waits until nothing is under way: no message waits, and no effect that could send one.
    pub(super) async fn idle(&mut self) {
        let settled = async {
            // What ends just after a drawing has left a message that is not drawn yet: the next round takes it.
            let mut quiet = 0;
            loop {
                // The loop draws only once it has taken all that waits; the tests run on one thread, so that nothing
                // is drawn between these two lines.
                self.screen.mark_unchanged();
                self.inbox.send(Message::Input(Input::FocusGained)).unwrap();
                self.screen.changed().await.unwrap();
                if self.inbox.strong_count() == SENDERS {
                    quiet += 1;
                    if quiet == QUIET_ROUNDS {
                        return;
                    }
                } else {
                    quiet = 0;
                    let _ = timeout(LOOK, self.screen.changed()).await;
                }
            }
        };
        let settled = timeout(PATIENCE, settled).await.is_ok();
        assert!(settled, "it does not come to rest:\n{}", self.screen());
    }

    /// Waits until a text is on the screen.
    pub(super) async fn waits_for(&mut self, text: &str) {
        let seen = self.screen.wait_for(|screen| screen.contains(text));
        let seen = timeout(PATIENCE, seen).await.is_ok();
        assert!(seen, "{text:?} does not come:\n{}", self.screen());
    }

    /// Fails where a text is not on the screen.
    #[track_caller]
    pub(super) fn sees(&self, text: &str) {
        let screen = self.screen();
        assert!(screen.contains(text), "{text:?} is not there:\n{screen}");
    }

    /// Fails where a text is on the screen.
    #[track_caller]
    pub(super) fn sees_no(&self, text: &str) {
        let screen = self.screen();
        assert!(!screen.contains(text), "{text:?} is there:\n{screen}");
    }

    /// What is on the screen.
    pub(super) fn screen(&self) -> String {
        self.screen.borrow().clone()
    }

    /// All screens since the last call.
    pub(super) fn film(&self) -> Vec<String> {
        std::mem::take(&mut *self.all.lock().unwrap())
    }

    /// Leaves the console in order.
    pub(super) async fn leaves(self) {
        for key in keys("<ctrl-q>") {
            self.inbox.send(Message::Input(Input::Key(key))).unwrap();
        }
        timeout(PATIENCE, self.living).await.unwrap().unwrap();
    }

    /// Finds the flights of the test's day and chooses one by its number.
    pub(super) async fn finds(&mut self, number: usize) {
        self.types("<f2><ctrl-u>jfk<tab><ctrl-u>lax<tab><ctrl-u>+3<enter>")
            .await;
        self.sees("found");
        self.types(&"<down>".repeat(number - 1)).await;
    }

    /// Fills in the form of the chosen flight for a passenger, without sending it.
    pub(super) async fn fills_in(&mut self, given: &str, surname: &str) {
        let keys = format!("<enter>{given}<tab>{surname}<tab><tab><tab>j@example.com");
        self.types(&keys).await;
        self.sees("New booking");
    }
}
