//! The console from its start to its end: events in, one at a time; the screen is drawn when none is waiting.

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crossterm::event::{Event as Input, EventStream};
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::demo::Past;
use crate::effects::dispatch::{Dispatch, Tenure};
use crate::effects::folders::Folders;
use crate::effects::server_url::ServerUrl;
use crate::effects::start::{Ready, start};
use crate::keymap::KeymapError;
use crate::settings::Settings;
use crate::store::action::{Action, Demo, Event};
use crate::store::effect::Effect;
use crate::store::moment::Moment;
use crate::store::reducer::reduce;
use crate::store::state::State;
use crate::terminal::{Screen, Tty};

/// So many events are taken before the screen is drawn although more are waiting.
const MOST_BEFORE_DRAWING: usize = 512;

/// How the console is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The server; without it, the last one.
    pub server: Option<ServerUrl>,
    /// Where the state is kept, instead of the user's own folder.
    pub state_dir: Option<PathBuf>,
    /// Starts the demonstration's server, and what becomes of its bookings of earlier times.
    pub demo: Option<Past>,
}

/// Why the console could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The console needs a terminal.
    #[error("the console needs a terminal; for scripts there are commands: airside --help")]
    NoTerminal,
    /// The user's folders are not known.
    #[error("where to keep the state? {0}; name a folder with --state-dir")]
    Folders(io::Error),
    /// The terminal failed.
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
    /// The built-in keymap is broken.
    #[error("the keymap: {0}")]
    Keymap(#[from] KeymapError),
}

/// What the event loop receives.
pub(crate) enum Message {
    Input(Input),
    Event(Event),
    /// What comes of something that was asked for in somebody's time at the console.
    Answer(Tenure, Event),
    Ready(Box<Ready>),
    /// The process was stopped and goes on: somebody else may have drawn meanwhile.
    Continued,
    /// The terminal has gone, or the system wants the console to end.
    End,
}

/// Runs the console until the agent ends it.
pub async fn run(options: Options) -> Result<(), Error> {
    let begun = Instant::now();
    if !Tty::is_there() {
        return Err(Error::NoTerminal);
    }
    let mut folders = Folders::native().map_err(Error::Folders)?;
    if let Some(state) = options.state_dir {
        folders.state = state;
    }
    let settings = Settings::read(&folders.settings)?;
    let mut tty = Tty::take(settings.mouse)?;
    let size = tty.size()?;
    let mut state = State::new(Moment::since(begun), TimeZone::system(), settings, size);
    tty.draw(&state)?;

    let (inbox, messages) = unbounded_channel();
    watch_signals(&inbox)?;
    read_input(inbox.clone());
    let starting = inbox.clone();
    let start_folders = folders.clone();
    tokio::spawn(async move {
        let progress = |event| {
            // A closed inbox means that the console has ended.
            let _ = starting.send(Message::Event(event));
        };
        let ready = start(start_folders, options.server, options.demo, progress).await;
        let message = match ready {
            Ok(ready) => Message::Ready(Box::new(ready)),
            Err(why) => Message::Event(Event::Demo(Demo::Failed(why))),
        };
        let _ = starting.send(message);
    });
    let dispatch = Dispatch::new(folders, inbox);
    let mut console = Console {
        state: &mut state,
        screen: &mut tty,
        dispatch,
        demo: None,
        begun,
    };
    let result = console.live(messages).await;
    let Console { dispatch, demo, .. } = console;
    // The screen is given back before anything is waited for.
    drop(tty);
    if let Err(error) = dispatch.end().await {
        return result.and(Err(Error::Terminal(io::Error::other(error.to_string()))));
    }
    if let Some(demo) = demo {
        demo.stop().await?;
    }
    result
}

/// A console at work.
pub(crate) struct Console<'a, S> {
    pub(crate) state: &'a mut State,
    pub(crate) screen: &'a mut S,
    pub(crate) dispatch: Dispatch,
    pub(crate) demo: Option<crate::demo::Demo>,
    pub(crate) begun: Instant,
}

/// Whether the console goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

impl<S: Screen> Console<'_, S> {
    /// Takes events until the end.
    pub(crate) async fn live(
        &mut self,
        mut messages: UnboundedReceiver<Message>,
    ) -> Result<(), Error> {
        let mut undrawn = 0;
        loop {
            if undrawn > 0 {
                // Lets what has arrived come in before it is decided that nothing waits.
                tokio::task::yield_now().await;
            }
            let message = match messages.try_recv() {
                Ok(message) if undrawn < MOST_BEFORE_DRAWING => Some(message),
                Ok(message) => {
                    self.screen.draw(self.state)?;
                    undrawn = 0;
                    Some(message)
                }
                Err(_) if undrawn > 0 => {
                    self.screen.draw(self.state)?;
                    undrawn = 0;
                    continue;
                }
                Err(_) => self.wait(&mut messages).await,
            };
            let Some(message) = message else {
                return Ok(());
            };
            if self.take(message)? == Next::End {
                return Ok(());
            }
            undrawn += 1;
        }
    }

    /// Waits for the next message, or until something is due; without either, for ever.
    async fn wait(&self, messages: &mut UnboundedReceiver<Message>) -> Option<Message> {
        let due = self.state.next_due().map(|due| self.begun + due);
        let sleep = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            message = messages.recv() => message,
            () = sleep => Some(Message::Event(Event::Wake)),
        }
    }

    fn take(&mut self, message: Message) -> Result<Next, Error> {
        let event = match message {
            Message::End => return Ok(Next::End),
            Message::Answer(tenure, _) if tenure != self.dispatch.tenure => {
                return Ok(Next::GoOn);
            }
            Message::Event(event) | Message::Answer(_, event) => event,
            Message::Ready(ready) => {
                let Ready {
                    api,
                    journal,
                    demo,
                    opened,
                } = *ready;
                self.dispatch.api = api;
                self.dispatch.journal = journal;
                self.demo = demo;
                Event::Opened(Box::new(opened))
            }
            Message::Continued => {
                self.screen.forget()?;
                return Ok(Next::GoOn);
            }
            Message::Input(input) => match input {
                Input::Key(key) => Event::Key(key),
                Input::Paste(text) => Event::Paste(text),
                Input::Mouse(mouse) => Event::Mouse(mouse),
                Input::Resize(width, height) => {
                    // A terminal that shrank and grew again before this was taken has lost what was on it.
                    self.screen.forget()?;
                    Event::Resize(width, height)
                }
                Input::FocusGained | Input::FocusLost => return Ok(Next::GoOn),
            },
        };
        let action = Action {
            moment: Moment::since(self.begun),
            seed: uuid::Uuid::now_v7(),
            event,
        };
        for effect in reduce(self.state, action) {
            match effect {
                Effect::Quit => return Ok(Next::End),
                Effect::Redraw => self.screen.forget()?,
                Effect::Suspend => self.screen.suspend(self.state.mouse)?,
                Effect::Mouse(mouse) => self.screen.mouse(mouse)?,
                Effect::Copy(text) => self.screen.copy(&text)?,
                effect => self.dispatch.run(effect),
            }
        }
        Ok(Next::GoOn)
    }
}

/// Passes on what is typed, in order, all of it.
fn read_input(inbox: UnboundedSender<Message>) {
    tokio::spawn(async move {
        let mut events = EventStream::new();
        while let Some(Ok(event)) = events.next().await {
            if inbox.send(Message::Input(event)).is_err() {
                return;
            }
        }
        // Nothing can be typed any more.
        let _ = inbox.send(Message::End);
    });
}

/// Signals that end the console end it in order.
fn watch_signals(inbox: &UnboundedSender<Message>) -> io::Result<()> {
    let ends = [
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
    ];
    for kind in ends {
        let mut signals = signal(kind)?;
        let inbox = inbox.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                // A closed inbox means that the console is ending already.
                let _ = inbox.send(Message::End);
            }
        });
    }
    let mut continued = signal(SignalKind::from_raw(
        nix::sys::signal::Signal::SIGCONT as i32,
    ))?;
    let inbox = inbox.clone();
    tokio::spawn(async move {
        while continued.recv().await.is_some() {
            if inbox.send(Message::Continued).is_err() {
                return;
            }
        }
    });
    Ok(())
}
