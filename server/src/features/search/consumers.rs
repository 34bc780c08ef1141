//! How search follows what happens: events as they come, and a comparison by version every minute.

use std::sync::Arc;
use std::time::Duration;

use airside_common::event::Event;
use airside_common::flight::FlightId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::service::Search;
use crate::bus::{Delivery, Subscription};
use crate::store::StoreError;

/// How often timetable and store are compared.
pub const RECONCILE_EVERY: Duration = Duration::from_mins(1);

/// How often it is told which searches found no seats.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// How long flights of an import are gathered before they are in the timetable: each change of it costs about the same, and
/// an import makes many.
const GATHER_FOR: Duration = Duration::from_millis(250);

/// Keeps search current until it is told to stop or the bus ends.
pub async fn follow(
    search: Arc<Search>,
    mut events: Box<dyn Subscription>,
    stop: CancellationToken,
) {
    let mut tick = tokio::time::interval(RECONCILE_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tick.tick().await;
    let mut report = tokio::time::interval(REPORT_EVERY);
    report.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut imported: Vec<FlightId> = Vec::new();
    let mut gathered = Box::pin(tokio::time::sleep(GATHER_FOR));
    loop {
        let done = tokio::select! {
            () = stop.cancelled() => break,
            delivery = events.next() => match delivery {
                Some(Delivery::Event(envelope)) => match &envelope.event {
                    Event::FlightsImported { flights } => {
                        if imported.is_empty() {
                            gathered.as_mut().reset(Instant::now() + GATHER_FOR);
                        }
                        imported.extend(flights);
                        Ok(())
                    }
                    event => react(&search, event).await,
                },
                Some(Delivery::Lagged) => search.reconcile_all().await,
                None => break,
            },
            () = &mut gathered, if !imported.is_empty() => {
                search.refresh(&std::mem::take(&mut imported)).await
            }
            _ = tick.tick() => search.reconcile().await.map(|_| ()),
            _ = report.tick() => search.report_unserved().await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "search could not follow a change; the next comparison mends it");
        }
    }
    if let Err(error) = search.report_unserved().await {
        tracing::warn!(%error, "the last searches without seats are not counted");
    }
}

/// What an event means for search.
pub async fn react(search: &Search, event: &Event) -> Result<(), StoreError> {
    let schedule: &[FlightId] = match event {
        Event::FlightCreated { flight, .. }
        | Event::FlightChanged { flight, .. }
        | Event::FlightCancelled { flight, .. } => std::slice::from_ref(flight),
        Event::FlightsImported { flights } => flights,
        Event::InventoryChanged { flights } => {
            search.seats_changed(flights).await;
            return Ok(());
        }
        Event::BookingCreated(_)
        | Event::BookingConfirmed(_)
        | Event::BookingExpired(_)
        | Event::BookingChanged(_)
        | Event::BookingExpiring(_)
        | Event::QueueChanged { .. }
        | Event::WaitlistCleared(_)
        | Event::BookingCancelled(_)
        | Event::SearchesUnserved { .. }
        | Event::SessionsEnded { .. }
        | Event::UserDisabled { .. }
        | Event::UploadReceived { .. }
        | Event::UploadProgressed { .. }
        | Event::UploadCompleted { .. } => return Ok(()),
    };
    search.refresh(schedule).await
}
