//! The one task that writes bookings: a bounded queue in front, one transaction for all that waits, and others beside it
//! where the database can do several and enough wait that want something else.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airside_common::api::problem::{Code, Problem};
use airside_common::booking::OperationKey;
use airside_common::consistency::ConsistencyToken;
use airside_common::user::UserId;
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{self, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::command::{Command, Outcome};
use super::store::{BATCH, BookingStore, StoreError};
use crate::consistency;
use line::{Claims, Line};

mod line;

/// Commands that may wait.
pub const QUEUE: usize = 1024;

/// How long a command may wait before it is given up, unwritten.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why a command has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Too many commands wait, or it waited too long; nothing was written.
    #[error("too many bookings wait to be written; nothing was written")]
    Busy,
    /// The database cannot be reached; nothing was written.
    #[error("the database is not available; nothing was written")]
    Unavailable,
    /// The database did not say whether it has committed.
    #[error("the outcome is not known; send the same key again")]
    Unknown,
    /// The disk is full; nothing was written.
    #[error("the disk is full; nothing was written")]
    Full,
    /// Another process is at work on the same rows.
    #[error("the first request with this key is still at work")]
    InProgress,
    /// A fault of the program or its data, which is in the log; nothing was written.
    #[error("the booking could not be written")]
    Internal,
}

/// Hands commands to the writer; all copies share one queue.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: mpsc::UnboundedSender<Queued>,
    /// One for each command that may wait.
    places: Arc<Semaphore>,
    length: usize,
    patience: Duration,
}

#[derive(Debug)]
struct Queued {
    command: Command,
    answer: Reply,
    /// Free for another as soon as this one is taken.
    place: OwnedSemaphorePermit,
    since: Instant,
    /// Set once, by whoever is first: the writer that takes the command, or the caller who gives it up.
    claimed: Arc<AtomicBool>,
}

type Reply = oneshot::Sender<Answered>;

/// The outcome, and the moment from which on the database shows it.
type Answered = (Result<Outcome, WriteError>, Option<ConsistencyToken>);

impl Writer {
    /// Starts the writer. It ends, with all that waits written, once every [`Writer`] is gone.
    pub fn start(store: Arc<dyn BookingStore>) -> (Self, JoinHandle<()>) {
        Self::start_with(store, QUEUE, PATIENCE)
    }

    /// The same with another length of queue and patience.
    pub fn start_with(
        store: Arc<dyn BookingStore>,
        queue: usize,
        patience: Duration,
    ) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let task = tokio::spawn(run(receiver, store, patience));
        (
            Self {
                queue: sender,
                places: Arc::new(Semaphore::new(queue)),
                length: queue,
                patience,
            },
            task,
        )
    }

    /// Commands that wait now.
    pub fn waiting(&self) -> usize {
        self.length - self.places.available_permits()
    }

    /// Has a command carried out. Once it is queued it does not depend on the caller: one that hangs up cancels
    /// nothing.
    pub async fn submit(&self, command: Command) -> Result<Outcome, WriteError> {
        let (answer, mut outcome) = oneshot::channel();
        let claimed = Arc::new(AtomicBool::new(false));
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| WriteError::Busy)?;
        self.queue
            .send(Queued {
                command,
                answer,
                place,
                since: Instant::now(),
                claimed: Arc::clone(&claimed),
            })
            .map_err(|_| WriteError::Unavailable)?;
        let answered = match tokio::time::timeout(self.patience, &mut outcome).await {
            Ok(answered) => answered,
            Err(_) if !claimed.swap(true, Ordering::AcqRel) => return Err(WriteError::Busy),
            // It is being written at this moment.
            Err(_) => outcome.await,
        };
        let (result, moment) = answered.unwrap_or((Err(WriteError::Unknown), None));
        if let Some(moment) = moment {
            consistency::reached(moment);
        }
        result
    }
}

/// One command with all who wait for its outcome.
struct Work {
    command: Command,
    replies: Vec<Reply>,
}

impl Work {
    fn finish(self, result: &Result<Outcome, WriteError>, moment: Option<&ConsistencyToken>) {
        for reply in self.replies {
            // Nobody there means that the client hung up.
            let _ = reply.send((result.clone(), moment.cloned()));
        }
    }
}

/// So many commands are worth a batch of their own while another one is at work: fewer go faster with those that will have
/// come until it ends.
const WORTHWHILE: usize = BATCH / 8;

/// A batch at work that takes longer waits for somebody else's lock: then nobody waits for its end.
const STUCK: Duration = Duration::from_millis(50);

async fn run(
    mut queue: mpsc::UnboundedReceiver<Queued>,
    store: Arc<dyn BookingStore>,
    patience: Duration,
) {
    let at_once = store.batches_at_once();
    let mut line = Line::default();
    let mut arrived = Vec::new();
    let mut is_open = true;
    let mut tasks = JoinSet::new();
    let mut at_work: HashMap<task::Id, Claims> = HashMap::new();
    // When a batch began or ended last.
    let mut since = Instant::now();
    let mut is_stuck = false;
    while is_open || !line.is_empty() || !tasks.is_empty() {
        let has_room = tasks.len() < at_once;
        let worthwhile = if tasks.is_empty() || is_stuck {
            1
        } else {
            WORTHWHILE
        };
        if has_room && line.free() >= worthwhile {
            let (taken, claims) = line.take(BATCH);
            let work = gather(taken.into_iter(), patience);
            if !work.is_empty() {
                let store = Arc::clone(&store);
                let task = tasks.spawn(async move { carry_out(work, &*store).await });
                at_work.insert(task.id(), claims);
                since = Instant::now();
            }
            line.sort(at_work.values());
            continue;
        }
        tokio::select! {
            count = queue.recv_many(&mut arrived, QUEUE), if is_open => {
                is_open = count > 0;
                for queued in arrived.drain(..) {
                    line.push(queued, at_work.values());
                }
            }
            Some(ended) = tasks.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                at_work.remove(&id);
                line.sort(at_work.values());
                since = Instant::now();
                is_stuck = false;
            }
            () = tokio::time::sleep_until(since + STUCK), if has_room && !is_stuck && line.free() > 0 => {
                is_stuck = true;
            }
        }
    }
}

/// The commands that still want an answer; the same key again joins the first one, or is refused.
fn gather(waiting: impl Iterator<Item = Queued>, patience: Duration) -> Vec<Work> {
    let mut work: Vec<Work> = Vec::new();
    let mut by_key: HashMap<(UserId, OperationKey), usize> = HashMap::new();
    for queued in waiting {
        if queued.claimed.swap(true, Ordering::AcqRel) {
            continue;
        }
        if queued.since.elapsed() > patience {
            let _ = queued.answer.send((Err(WriteError::Busy), None));
            continue;
        }
        let Queued {
            command,
            answer,
            place,
            ..
        } = queued;
        drop(place);
        if let Command::Asked(asked) = &command {
            let key = (asked.caller.user_id, asked.key.clone());
            let first = by_key.get(&key).and_then(|at| work.get_mut(*at));
            if let Some(first) = first {
                let before = first.command.asked().map(|asked| asked.fingerprint);
                if before == Some(asked.fingerprint) {
                    first.replies.push(answer);
                } else {
                    let _ = answer.send((Ok(mismatch()), None));
                }
                continue;
            }
            by_key.insert(key, work.len());
        }
        work.push(Work {
            command,
            replies: vec![answer],
        });
    }
    work
}

/// The refusal of a key that was used for something else.
pub fn mismatch() -> Outcome {
    Outcome::Refused(Box::new(Problem::new(
        Code::IdempotencyMismatch,
        "this key was sent with another request before; take a new one",
    )))
}

async fn carry_out(work: Vec<Work>, store: &dyn BookingStore) {
    let (commands, replies): (Vec<Command>, Vec<Vec<Reply>>) = work
        .into_iter()
        .map(|work| (work.command, work.replies))
        .unzip();
    let (result, moment) = guarded(store, &commands).await;
    let work = commands
        .into_iter()
        .zip(replies)
        .map(|(command, replies)| Work { command, replies });
    match result {
        Ok(outcomes) => {
            for (work, outcome) in work.zip(outcomes) {
                work.finish(&Ok(outcome), moment.as_ref());
            }
        }
        Err(Failure::Store(StoreError::Data(_) | StoreError::Locked(_)) | Failure::Panic)
            if work.len() > 1 =>
        {
            for work in work {
                let (result, moment) = guarded(store, std::slice::from_ref(&work.command)).await;
                let result = match result {
                    Ok(mut outcomes) => outcomes.pop().ok_or(WriteError::Internal),
                    Err(failure) => Err(failure.log(std::slice::from_ref(&work.command))),
                };
                work.finish(&result, moment.as_ref());
            }
        }
        Err(failure) => {
            let work: Vec<Work> = work.collect();
            let error = failure.log(work.iter().map(|work| &work.command));
            for work in work {
                work.finish(&Err(error), None);
            }
        }
    }
}

enum Failure {
    Store(StoreError),
    Panic,
}

impl Failure {
    /// Writes it into the log with the requests that it meets, and says what those who wait are told.
    fn log<'a>(&self, commands: impl IntoIterator<Item = &'a Command>) -> WriteError {
        let requests: Vec<String> = commands.into_iter().map(Command::name).collect();
        let requests = requests.join(" ");
        match self {
            Self::Store(error) => {
                tracing::error!(requests, %error, "bookings were not written");
                match error {
                    StoreError::Data(_) => WriteError::Internal,
                    StoreError::Locked(_) => WriteError::InProgress,
                    StoreError::Full(_) => WriteError::Full,
                    StoreError::Unavailable(_) => WriteError::Unavailable,
                    StoreError::Unknown(_) => WriteError::Unknown,
                }
            }
            Self::Panic => {
                tracing::error!(requests, "the writer panicked; bookings were not written");
                WriteError::Internal
            }
        }
    }
}

/// Carries out a batch, and answers the moment that it has reached. A panic ends its batch, never the writer.
async fn guarded(
    store: &dyn BookingStore,
    commands: &[Command],
) -> (Result<Vec<Outcome>, Failure>, Option<ConsistencyToken>) {
    let work = AssertUnwindSafe(store.execute(commands)).catch_unwind();
    let (executed, moment) = consistency::during(None, work).await;
    let result = match executed {
        Ok(Ok(outcomes)) if outcomes.len() == commands.len() => Ok(outcomes),
        Ok(Ok(_)) => Err(Failure::Store(StoreError::Unknown(
            "the store answered for another number of commands".into(),
        ))),
        Ok(Err(error)) => Err(Failure::Store(error)),
        Err(_) => Err(Failure::Panic),
    };
    (result, moment)
}

#[cfg(test)]
mod tests;
