//! Listens to live events for as long as somebody is logged in: comes back behind the last one when the connection is lost.

use std::time::{Duration, Instant};

use airside_common::flight::FlightId;
use tokio::sync::{mpsc::WeakUnboundedSender, watch};
use tokio::task::JoinHandle;

use super::dispatch::Tenure;
use super::http::stream::EventStream;
use super::http::{Api, ApiError};
use crate::run::Message;
use crate::store::action::{Event, Failure, Live};
use crate::store::ledger::backoff::{self, Jitter};

/// Flights that are named anew wait for those that follow: who pages through a list names them once.
const SETTLE: Duration = Duration::from_millis(300);

/// A stream that lasted so long was a good one: what comes after it does not wait longer and longer.
const GOOD: Duration = Duration::from_secs(5);

/// The listener; it ends when it is dropped.
pub(crate) struct Listener {
    flights: watch::Sender<Vec<FlightId>>,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Starts to listen, also to the seats of flights. What it holds of the inbox does not keep the console going.
    pub(crate) fn start(
        api: Api,
        flights: Vec<FlightId>,
        inbox: WeakUnboundedSender<Message>,
        tenure: Tenure,
    ) -> Self {
        let (flights, named) = watch::channel(flights);
        let task = tokio::spawn(listen(api, named, Inbox(inbox, tenure)));
        Self { flights, task }
    }

    /// Names other flights.
    pub(crate) fn name(&self, flights: Vec<FlightId>) {
        self.flights.send_replace(flights);
    }
}

struct Inbox(WeakUnboundedSender<Message>, Tenure);

impl Inbox {
    fn tell(&self, live: Live) {
        if let Some(inbox) = self.0.upgrade() {
            // A closed inbox means that the console has ended.
            let _ = inbox.send(Message::Answer(self.1, Event::Live(Box::new(live))));
        }
    }
}

/// Why a stream is not read on.
enum End {
    /// Other flights are named.
    Named,
    /// The server has ended it: with the access token, or since it ends itself.
    Server,
    Broken(ApiError),
}

async fn listen(api: Api, mut named: watch::Receiver<Vec<FlightId>>, inbox: Inbox) {
    let mut last_id = None;
    let mut failed = 0;
    loop {
        let flights = named.borrow_and_update().clone();
        let mut asked = None;
        let end = match api.events(&flights, last_id.clone()).await {
            Ok(mut stream) => {
                let since = Instant::now();
                inbox.tell(Live::Connected);
                let end = hear(&mut stream, &mut named, &inbox).await;
                (last_id, asked) = (stream.last_id(), stream.retry());
                if since.elapsed() >= GOOD {
                    failed = 0;
                }
                end
            }
            Err(error) => End::Broken(error),
        };
        match end {
            End::Named => continue,
            End::Server => {}
            End::Broken(error) => {
                let gone = matches!(error, ApiError::LoggedOut);
                inbox.tell(Live::Lost(Failure::from(error)));
                if gone {
                    return;
                }
            }
        }
        failed += 1;
        let wait = match asked {
            // It is told when to come, and the first time does.
            Some(asked) if failed == 1 => asked,
            _ => backoff::wait(failed, asked, Jitter::random()),
        };
        tokio::time::sleep(wait).await;
    }
}

/// Passes on what is heard until the stream ends or others flights are named.
async fn hear(
    stream: &mut EventStream,
    named: &mut watch::Receiver<Vec<FlightId>>,
    inbox: &Inbox,
) -> End {
    loop {
        tokio::select! {
            // What was read is passed on before anything else: whoever comes back says that it was.
            biased;
            news = stream.next() => match news {
                Ok(Some(news)) => inbox.tell(Live::News(news)),
                Ok(None) => return End::Server,
                Err(error) => return End::Broken(error),
            },
            Ok(()) = named.changed() => {
                while let Ok(Ok(())) = tokio::time::timeout(SETTLE, named.changed()).await {}
                return End::Named;
            }
        }
    }
}
