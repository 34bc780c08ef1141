//! Asks all servers of the database how they stand, for as long as the process runs.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::primary::Primary;
use super::replicas::Replicas;
use super::standing::Probe;

/// How often. A promotion is noticed within this and the patience with servers that do not answer.
const LOOK: Duration = Duration::from_millis(500);

/// Runs until it is aborted.
pub(super) async fn watch(primary: Arc<Primary>, replicas: Arc<Replicas>) {
    let candidates = primary.candidates().iter().cloned();
    let mut candidates: Vec<Probe> = candidates.map(Probe::new).collect();
    let mut copies: Vec<Probe> = replicas.addresses().map(Probe::new).collect();
    let mut failing = false;
    loop {
        let since = Instant::now();
        let (of_candidates, of_copies) = tokio::join!(
            join_all(candidates.iter_mut().map(Probe::ask)),
            join_all(copies.iter_mut().map(Probe::ask)),
        );
        let answered = of_copies.iter().filter_map(|asked| asked.as_ref().ok());
        answered.for_each(|(standing, _)| primary.history().saw(standing));
        let standing = primary.consider(&of_candidates).await;
        match standing {
            None if !failing => tracing::error!("no server of database.url takes writes"),
            Some(_) if failing => tracing::info!("a server takes writes again"),
            _ => {}
        }
        failing = standing.is_none();
        replicas.compare(since, standing, of_copies);
        tokio::time::sleep_until(since + LOOK).await;
    }
}
