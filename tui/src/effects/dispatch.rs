//! Runs effects, each in a task of its own, and answers with events.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airside_common::upload::UploadId;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::disk::{JournalError, JournalWriter};
use super::folders::Folders;
use super::http::calls::UploadQuery;
use super::http::queues;
use super::http::uploads::lines_of;
use super::http::{Api, ApiError, answer_of};
use super::last_server;
use super::listener::Listener;
use super::paths::{self, Completion};
use super::server_url::ServerUrl;
use super::session::Sessions;
use crate::run::Message;
use crate::store::action::{Event, Failure, Session};
use crate::store::effect::Effect;
use crate::store::journal::JournalRecord;
use crate::store::ledger::LedgerEffect;
use crate::store::screen::dead_letters::LetterEnd;

/// How many airports a completion asks for.
const AIRPORTS: u8 = 20;

/// How long the end waits for the journal, and for those who have logged out.
const ENDING_LIMIT: Duration = Duration::from_secs(3);

/// What effects are run with.
pub(crate) struct Dispatch {
    pub(crate) api: Option<Api>,
    pub(crate) journal: Option<JournalWriter>,
    pub(crate) folders: Folders,
    /// While somebody is logged in.
    pub(crate) listener: Option<Listener>,
    /// The last question after the list of uploads.
    pub(crate) uploads: Later,
    /// The last question after one upload.
    pub(crate) upload: Later,
    /// Whose answers are taken.
    pub(crate) tenure: Tenure,
    /// Who has logged out, until file and server know it.
    pub(crate) leaving: JoinSet<()>,
    pub(crate) inbox: UnboundedSender<Message>,
}

/// The time during which one user has the console, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tenure(pub(crate) u64);

/// A question that may wait for its time: another one takes its place, unless it has gone out.
#[derive(Debug, Default)]
pub(crate) struct Later(Option<AbortHandle>);

impl Later {
    fn give_way(&mut self, to: AbortHandle) {
        if let Some(before) = self.0.replace(to) {
            before.abort();
        }
    }
}

impl Dispatch {
    /// With no server yet, and nobody logged in.
    pub(crate) fn new(folders: Folders, inbox: UnboundedSender<Message>) -> Self {
        Self {
            api: None,
            journal: None,
            folders,
            listener: None,
            uploads: Later::default(),
            upload: Later::default(),
            tenure: Tenure::default(),
            leaving: JoinSet::new(),
            inbox,
        }
    }

    /// Starts an effect that touches network or disk.
    pub(crate) fn run(&mut self, effect: Effect) {
        match effect {
            Effect::LogIn {
                server,
                username,
                password,
            } => {
                let api = self.api_at(&server);
                let state = self.folders.state.clone();
                // Whoever has logged in is told so: the session is there.
                self.answer_anybody(async move {
                    let result = api.log_in(&username, password).await;
                    let session = result.map(|me| Session {
                        server: api.server().clone(),
                        me,
                    });
                    if session.is_ok() {
                        // Only a convenience of the next start.
                        let _ = last_server::remember(&state, api.url());
                    }
                    Event::LoggedIn(session.map_err(Failure::from))
                });
            }
            Effect::LogOut { username } => {
                let Some(api) = self.api.clone() else { return };
                let inbox = self.inbox.clone();
                self.leaving.spawn(async move {
                    let result = api.log_out().await.map_err(Failure::from);
                    // Told whoever has come since. A closed inbox means that the console has ended.
                    let _ = inbox.send(Message::Event(Event::LoggedOut { username, result }));
                });
            }
            Effect::Ledger(effect) => self.ledger(*effect),
            Effect::Listen { flights } => match (&self.listener, self.api.clone()) {
                (Some(listener), _) => listener.name(flights),
                (None, Some(api)) => {
                    let inbox = self.inbox.downgrade();
                    self.listener = Some(Listener::start(api, flights, inbox, self.tenure));
                }
                (None, None) => {}
            },
            Effect::StopListening => self.listener = None,
            Effect::ForgetAnswers => self.tenure.0 += 1,
            Effect::CompletePath(text) => self.answer(async move {
                let completing = tokio::task::spawn_blocking({
                    let text = text.clone();
                    move || paths::complete(&text)
                });
                let nothing = |_| Completion {
                    common: text.clone(),
                    choices: Vec::new(),
                    text,
                };
                Event::PathCompleted(completing.await.unwrap_or_else(nothing))
            }),
            Effect::SendFile { path, query } => self.send_file(path, *query),
            Effect::Uploads {
                request,
                cursor,
                after,
            } => self.ask_uploads(request, cursor, after),
            Effect::Upload { request, id, after } => self.ask_upload(request, id, after),
            other => self.call(other),
        }
    }

    /// Lets what must not be lost come to its end, not for ever.
    pub(crate) async fn end(mut self) -> Result<(), JournalError> {
        let closing = async {
            match &self.journal {
                Some(journal) => journal.close().await,
                None => Ok(()),
            }
        };
        let leaving = async { while self.leaving.join_next().await.is_some() {} };
        let (closed, _) = tokio::join!(
            timeout(ENDING_LIMIT, closing),
            timeout(ENDING_LIMIT, leaving)
        );
        closed.unwrap_or(Ok(()))
    }

    fn ledger(&mut self, effect: LedgerEffect) {
        match effect {
            LedgerEffect::Append(record) => {
                let key = record.key().clone();
                let submitted = matches!(record, JournalRecord::Submitted { .. });
                let Some(journal) = &self.journal else {
                    if submitted {
                        let result = Err("there is no journal".to_owned());
                        self.tell(Event::Journalled { key, result });
                    }
                    return;
                };
                // The order is that of the calls; what follows waits for the disk.
                let written = journal.append(record);
                let inbox = self.inbox.clone();
                tokio::spawn(async move {
                    let result = written.await.map_err(|error| error.to_string());
                    if submitted {
                        // A closed inbox means that the console has ended.
                        let _ = inbox.send(Message::Event(Event::Journalled { key, result }));
                    }
                });
            }
            LedgerEffect::Send(operation) => {
                let key = operation.key.clone();
                let Some(api) = self.api.clone() else { return };
                // The ledger wants it whoever is logged in by then.
                self.answer_anybody(async move {
                    let answer = answer_of(api.send_operation(&operation).await);
                    Event::Answered { key, answer }
                });
            }
            LedgerEffect::Fetch(locator) => {
                let Some(api) = self.api.clone() else { return };
                self.answer(async move {
                    let result = api.booking(locator).await;
                    Event::Fetched {
                        locator,
                        result: result.map(Box::new).map_err(Failure::from),
                    }
                });
            }
        }
    }

    fn send_file(&mut self, path: String, query: UploadQuery) {
        let Some(api) = self.api.clone() else { return };
        let (inbox, tenure) = (self.inbox.clone(), self.tenure);
        let told = AtomicU64::new(u64::MAX);
        let progress = move |sent, total: u64| {
            // A hundred steps are enough.
            let step = sent * 100 / total.max(1);
            if told.swap(step, Ordering::Relaxed) != step {
                // A closed inbox means that the console has ended.
                let _ = inbox.send(Message::Answer(tenure, Event::FileSending { sent, total }));
            }
        };
        self.answer(async move {
            let sent = api.send_file(&paths::file(&path), &query, progress).await;
            Event::FileSent(sent.map(Box::new).map_err(Failure::from))
        });
    }

    fn ask_uploads(&mut self, request: u64, cursor: Option<String>, after: Duration) {
        let Some(api) = self.api.clone() else { return };
        let asked = self.answer_after(after, async move {
            let result = api.uploads(cursor.as_deref()).await;
            Event::Uploads {
                request,
                result: result.map_err(Failure::from),
            }
        });
        self.uploads.give_way(asked);
    }

    fn ask_upload(&mut self, request: u64, id: UploadId, after: Duration) {
        let Some(api) = self.api.clone() else { return };
        let asked = self.answer_after(after, async move {
            let result = api.upload(id).await;
            Event::Upload {
                request,
                result: result.map(Box::new).map_err(Failure::from),
            }
        });
        self.upload.give_way(asked);
    }

    fn call(&mut self, effect: Effect) {
        let Some(api) = self.api.clone() else {
            return;
        };
        self.answer(async move {
            match effect {
                Effect::Airports { query } => {
                    let result = api.airports(&query, AIRPORTS).await;
                    Event::Airports {
                        query,
                        result: result.map(|page| page.items).map_err(Failure::from),
                    }
                }
                Effect::Itineraries { request, query } => Event::Itineraries {
                    request,
                    result: api.itineraries(&query).await.map_err(Failure::from),
                },
                Effect::Seats { flight } => Event::Seats {
                    flight,
                    result: api.seats(flight).await.map_err(Failure::from),
                },
                Effect::Bookings { request, filter } => Event::Bookings {
                    request,
                    result: api.bookings(&filter).await.map_err(Failure::from),
                },
                Effect::History { locator } => {
                    let result = api.history(locator).await;
                    Event::History {
                        locator,
                        result: result.map(|page| page.items).map_err(Failure::from),
                    }
                }
                Effect::Flights { request, filter } => Event::Flights {
                    request,
                    result: api.admin_flights(&filter).await.map_err(Failure::from),
                },
                Effect::CreateFlight(body) => {
                    let result = api.create_flight(&body).await;
                    Event::FlightCreated(result.map(Box::new).map_err(Failure::from))
                }
                Effect::Flight { request, flight } => {
                    let result = api.flight(flight).await;
                    Event::Flight {
                        request,
                        flight,
                        result: result.map(Box::new).map_err(Failure::from),
                    }
                }
                Effect::FlightBookings {
                    request,
                    flight,
                    cursor,
                } => {
                    let result = api.flight_bookings(flight, cursor.as_deref()).await;
                    Event::FlightBookings {
                        request,
                        result: result.map_err(Failure::from),
                    }
                }
                Effect::PatchFlight {
                    request,
                    flight,
                    version,
                    patch,
                } => {
                    let result = api.patch_flight(flight, version, &patch).await;
                    Event::FlightPatched {
                        request,
                        flight,
                        result: result.map(Box::new).map_err(Failure::from),
                    }
                }
                Effect::CancelFlight {
                    request,
                    flight,
                    version,
                } => {
                    let result = api.cancel_flight(flight, version).await;
                    Event::FlightCancelled {
                        request,
                        flight,
                        result: result.map(Box::new).map_err(Failure::from),
                    }
                }
                Effect::Sources { request, after } => {
                    tokio::time::sleep(after).await;
                    Event::Sources {
                        request,
                        result: api.sources().await.map_err(Failure::from),
                    }
                }
                Effect::ChangeSource { name, change } => {
                    let result = api.change_source(&name, change).await;
                    Event::SourceChanged {
                        name,
                        change,
                        result: result.map(Box::new).map_err(Failure::from),
                    }
                }
                Effect::DeadLetters { request, filter } => Event::DeadLetters {
                    request,
                    result: api.dead_letters(&filter).await.map_err(Failure::from),
                },
                Effect::DeadLetter(id) => {
                    let result = api.dead_letter(&id).await;
                    Event::DeadLetter {
                        id,
                        result: result.map(Box::new).map_err(Failure::from),
                    }
                }
                Effect::EndLetter { id, end } => {
                    let result = match end {
                        LetterEnd::Retry => api.retry_letter(&id).await,
                        LetterEnd::Drop => api.drop_letter(&id).await,
                    };
                    Event::LetterEnded {
                        id,
                        end,
                        result: result.map_err(Failure::from),
                    }
                }
                Effect::CancelUpload(id) => {
                    let result = api.cancel_upload(id).await;
                    Event::UploadCancelled(result.map(Box::new).map_err(Failure::from))
                }
                Effect::Findings { id, kind } => {
                    let table = api.upload_errors(id, kind).await;
                    Event::Findings {
                        of: (id, kind),
                        result: table
                            .and_then(|table| lines_of(&table))
                            .map_err(Failure::from),
                    }
                }
                Effect::Queue(call) => Event::Queue(Box::new(queues::answer(&api, call).await)),
                Effect::SaveFindings { id, kind } => {
                    let name = format!("{id}.{}.csv", kind.word());
                    let saved = async {
                        let table = api.upload_errors(id, kind).await?;
                        let failed = |e: std::io::Error| ApiError::Client(format!("{name}: {e}"));
                        tokio::fs::write(&name, table).await.map_err(failed)
                    };
                    let saved = saved.await;
                    Event::FindingsSaved(saved.map(|()| name).map_err(Failure::from))
                }
                // These are done elsewhere.
                Effect::Uploads { .. }
                | Effect::Upload { .. }
                | Effect::LogIn { .. }
                | Effect::LogOut { .. }
                | Effect::CompletePath(_)
                | Effect::SendFile { .. }
                | Effect::Ledger(_)
                | Effect::Listen { .. }
                | Effect::StopListening
                | Effect::ForgetAnswers
                | Effect::Copy(_)
                | Effect::Mouse(_)
                | Effect::Redraw
                | Effect::Suspend
                | Effect::Quit => Event::Wake,
            }
        });
    }

    /// The API of a server for whoever logs in now.
    fn api_at(&mut self, server: &ServerUrl) -> Api {
        let api = match &self.api {
            Some(api) if api.url() == server => api.for_the_next(),
            _ => {
                let sessions = Sessions::in_folder(&self.folders.state, &server.id());
                Api::new(server.clone(), sessions)
            }
        };
        self.api = Some(api.clone());
        api
    }

    fn answer(&self, work: impl Future<Output = Event> + Send + 'static) {
        let (inbox, tenure) = (self.inbox.clone(), self.tenure);
        tokio::spawn(async move {
            // A closed inbox means that the console has ended.
            let _ = inbox.send(Message::Answer(tenure, work.await));
        });
    }

    /// The answer is taken whoever is logged in by then.
    fn answer_anybody(&self, work: impl Future<Output = Event> + Send + 'static) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            // A closed inbox means that the console has ended.
            let _ = inbox.send(Message::Event(work.await));
        });
    }

    /// Begins after a while, until when it can be given up.
    fn answer_after(
        &self,
        after: Duration,
        work: impl Future<Output = Event> + Send + 'static,
    ) -> AbortHandle {
        let (inbox, tenure) = (self.inbox.clone(), self.tenure);
        let waiting = tokio::spawn(async move {
            tokio::time::sleep(after).await;
            // A task of its own: what has gone out is not cut off, since it may be renewing the session.
            tokio::spawn(async move {
                // A closed inbox means that the console has ended.
                let _ = inbox.send(Message::Answer(tenure, work.await));
            });
        });
        waiting.abort_handle()
    }

    fn tell(&self, event: Event) {
        // A closed inbox means that the console has ended.
        let _ = self.inbox.send(Message::Event(event));
    }
}
