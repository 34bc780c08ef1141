//! What a request must be shown at least, and what its answer tells of what it wrote.
//!
//! Both belong to the request and not to any call: a store that may read from a copy asks what is wanted, a store that
//! has written says what was reached, and nobody between them needs to know.

use std::sync::Arc;

use airside_common::consistency::ConsistencyToken;
use parking_lot::Mutex;

tokio::task_local! {
    static CURRENT: Arc<Moments>;
}

#[derive(Debug, Default)]
struct Moments {
    wanted: Option<ConsistencyToken>,
    reached: Mutex<Option<ConsistencyToken>>,
}

/// Carries out work that must see a moment; answers with the latest moment that the work has reached by writing.
pub async fn during<T>(
    wanted: Option<ConsistencyToken>,
    work: impl Future<Output = T>,
) -> (T, Option<ConsistencyToken>) {
    let moments = Arc::new(Moments {
        wanted,
        reached: Mutex::default(),
    });
    let done = CURRENT.scope(Arc::clone(&moments), work).await;
    let reached = moments.reached.lock().take();
    (done, reached)
}

/// Whether somebody wants to know what is reached.
pub fn is_asked_for() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}

/// Says that the work in progress has written, and when that was.
pub fn reached(moment: ConsistencyToken) {
    // Work of nobody's request has nobody to tell.
    let _ = CURRENT.try_with(|moments| {
        let mut reached = moments.reached.lock();
        *reached = Some(match reached.take() {
            Some(before) => before.or_later(moment),
            None => moment,
        });
    });
}

/// The moments that the work in progress must see: what its client has seen, and what it has written itself.
pub fn wanted() -> Vec<ConsistencyToken> {
    CURRENT
        .try_with(|moments| {
            let reached = moments.reached.lock().clone();
            moments.wanted.clone().into_iter().chain(reached).collect()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_sees_what_was_wanted_and_what_it_wrote_and_tells_the_latest() {
        let token = |position| ConsistencyToken::new(1, position);
        let ((), latest) = during(Some(token(5)), async {
            assert_eq!(wanted(), [token(5)]);
            reached(token(8));
            reached(token(7));
            assert_eq!(wanted(), [token(5), token(8)]);
        })
        .await;
        assert_eq!(latest, Some(token(8)));
        assert!(!is_asked_for() && wanted().is_empty());
        reached(token(9));
    }
}
