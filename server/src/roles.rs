//! Which features and consumers a process runs, by the services that it is.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, UploadWork, WrittenBookings};
use crate::bus::BusError;
use crate::features::auth::consumers::{self as auth, EndedSessions};
use crate::features::bookings::consumers as bookings;
use crate::features::events::consumers as events;
use crate::features::search::consumers as search;
use crate::http::listener;
use crate::messages::runner::Runner;
use crate::messages::store;
use crate::outbox::OutboxError;
use crate::outbox::follower::Follower;
use crate::outbox::relay::Relay;
use crate::store::StoreError;
use set::ServiceRole;

pub mod consumers;
pub mod set;

/// How long background work may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the roles cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The bus does not take subscribers.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The outbox cannot be read.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The schedule cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A process whose consumers run.
pub struct Running {
    app: App,
    /// Work that hands commands to the writer, or only tidies up: ends before the writer.
    tidying: Group,
    /// What follows the events, and relays them: ends after the writer.
    following: Group,
}

struct Group {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Group {
    fn new() -> Self {
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.tasks.len(),
                "background work did not end in time"
            );
        }
    }
}

impl Running {
    /// Starts the consumers, and fills the timetable where there is a search.
    pub async fn start(mut app: App) -> Result<Self, StartError> {
        let (tidying, following) = (Group::new(), Group::new());
        let for_search = match &app.search {
            Some(_) => Some(app.bus.subscribe("search").await?),
            None => None,
        };
        let for_bookings = match &app.bookings {
            Some(_) => Some(app.bus.subscribe("bookings").await?),
            None => None,
        };
        let for_live = match &app.live {
            Some(_) => Some(app.bus.subscribe("events").await?),
            None => None,
        };
        let for_worker = match &app.worker {
            Some(_) => Some(app.bus.subscribe("uploads").await?),
            None => None,
        };
        let for_auth = app.bus.subscribe("auth").await?;
        // What was committed before is in the state that is read below, and what comes later is heard of.
        let follower = Follower::at_present(app.database.clone(), Arc::clone(&app.bus)).await?;
        let ended = EndedSessions::load(
            app.database.clone(),
            Arc::clone(&app.revocations),
            Arc::clone(&app.clock),
        )
        .await?;
        let stop = &following.stop;
        if let (Some(search), Some(events)) = (&app.search, for_search) {
            let flights = search.load().await?;
            tracing::info!(flights, "timetable filled");
            let search = Arc::clone(search);
            following
                .tasks
                .spawn(search::follow(search, events, stop.clone()));
        }
        if let (Some(live), Some(subscription)) = (&app.live, for_live) {
            live.begin().await?;
            let following = &following.tasks;
            following.spawn(events::follow(Arc::clone(live), subscription, stop.clone()));
            following.spawn(events::tell_seats(Arc::clone(live), stop.clone()));
        }
        following.tasks.spawn(ended.follow(for_auth, stop.clone()));
        let news = follower.news();
        following.tasks.spawn(follower.run(stop.clone()));
        if app.roles.contains(ServiceRole::Relay) {
            let relay = Relay::new(
                app.database.clone(),
                Arc::clone(&app.queues),
                app.retention,
                app.relay_figures.clone(),
                news,
            );
            following.tasks.spawn(relay.run(stop.clone()));
            let (queues, store) = (Arc::clone(&app.queues), app.database.clone());
            let stop = tidying.stop.clone();
            tidying.tasks.spawn(async move { queues.bury(stop).await });
            let stop = tidying.stop.clone();
            tidying.tasks.spawn(store::forget(store, stop));
        }
        for consumer in &app.consumers {
            let (queues, handled) = (Arc::clone(&app.queues), app.handled.clone());
            let runner = Runner::new(queues, Arc::clone(consumer), handled);
            tidying.tasks.spawn(runner.run(tidying.stop.clone()));
        }
        if let Some(notifier) = &app.notifier {
            notifier.start(&tidying.tasks, &tidying.stop);
        }
        let stop = &tidying.stop;
        tidying
            .tasks
            .spawn(Arc::clone(&app.keys).follow(stop.clone()));
        if let Some(auth) = app.auth.clone() {
            tidying
                .tasks
                .spawn(auth::forget_expired(auth, stop.clone()));
        }
        if let (Some(UploadWork { worker, retention }), Some(events)) =
            (app.worker.take(), for_worker)
        {
            tidying.tasks.spawn(worker.run(events, stop.clone()));
            tidying.tasks.spawn(retention.run(stop.clone()));
        }
        if let Some(ingest) = app.ingest.take() {
            tidying.tasks.spawn(ingest.run(stop.clone()));
        }
        if let (Some(written), Some(events)) = (&app.bookings, for_bookings) {
            let service = written.service.clone();
            tidying
                .tasks
                .spawn(service.clone().forget_keys(stop.clone()));
            tidying
                .tasks
                .spawn(written.queues.clone().forget(stop.clone()));
            tidying
                .tasks
                .spawn(bookings::attend(service, events, stop.clone()));
        }
        Ok(Self {
            app,
            tidying,
            following,
        })
    }

    /// The parts.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Serves HTTP until told to stop, then ends everything in order: requests, background work, the writer with all that
    /// waits, the relay, the database.
    pub async fn serve(
        self,
        listener: TcpListener,
        most_connections: usize,
        stop: CancellationToken,
    ) {
        self.app.readiness.open();
        let http = Arc::clone(&self.app.http);
        if let Some(live) = self.app.live.clone() {
            // Streams would never end by themselves; requests in flight do.
            let stop = stop.clone();
            self.tidying.tasks.spawn(async move {
                stop.cancelled().await;
                live.close();
            });
        }
        listener::serve(listener, http, most_connections, stop).await;
        self.end().await;
    }

    /// Ends everything but requests.
    pub async fn end(self) {
        let Self {
            app,
            tidying,
            following,
        } = self;
        app.readiness.close();
        tidying.end().await;
        let App {
            http,
            bookings,
            database,
            ..
        } = app;
        drop(http);
        if let Some(WrittenBookings {
            service,
            queues,
            writer,
        }) = bookings
        {
            drop((service, queues));
            if tokio::time::timeout(PATIENCE, writer).await.is_err() {
                tracing::warn!("the writer of bookings did not end in time");
            }
        }
        following.end().await;
        database.close().await;
    }
}
