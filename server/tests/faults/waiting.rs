//! Waiting for what other processes will have done.

use std::time::Duration;

use tokio::time::timeout;

/// Waits until something holds.
pub(crate) async fn until(within: Duration, what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(within, waiting)
        .await
        .unwrap_or_else(|_| panic!("not in {within:?}: {what}"));
}
