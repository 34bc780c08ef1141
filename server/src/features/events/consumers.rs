//! How live events follow what happens.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::live::Live;
use crate::bus::{Delivery, Subscription};

/// How long changes of seats are gathered before they are read: a look costs as much for many as for one.
const GATHER: Duration = Duration::from_millis(100);

/// How long to wait after a look that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Tells those who listen what happens, until told to stop or the bus ends.
pub async fn follow(live: Arc<Live>, mut events: Box<dyn Subscription>, stop: CancellationToken) {
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => return,
            delivery = events.next() => delivery,
        };
        match delivery {
            Some(Delivery::Event(envelope)) => live.take(&envelope),
            Some(Delivery::Lagged) => {
                let begun = begin_anew(&live);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = begun => {}
                }
            }
            None => return,
        }
    }
}

/// Events are missing: those who listen begin at the present.
async fn begin_anew(live: &Live) {
    let mut failing = false;
    while let Err(error) = live.begin().await {
        if !failing {
            tracing::warn!(%error, "live events wait for the outbox");
        }
        failing = true;
        tokio::time::sleep(RETRY).await;
    }
}

/// Tells those who listen the seats of flights that have changed, until told to stop.
pub async fn tell_seats(live: Arc<Live>, stop: CancellationToken) {
    let work = async {
        let mut failing = false;
        loop {
            live.seats.notified().await;
            tokio::time::sleep(GATHER).await;
            while let Err(error) = live.tell_seats().await {
                if !failing {
                    tracing::warn!(%error, "live seats cannot be read for now");
                }
                failing = true;
                tokio::time::sleep(RETRY).await;
            }
            failing = false;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
