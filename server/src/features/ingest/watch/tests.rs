use tokio::net::TcpListener;

use super::poll::tests::Poller;
use super::*;
use crate::config::Done;
use crate::features::ingest::source::tests::settings;

/// A process that is told to stop knows nothing of a source that does not answer.
#[tokio::test]
async fn a_stop_hides_no_broken_source_and_the_next_process_goes_on() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ftp://{}", silent.local_addr().unwrap());
    let settings = settings(&url);
    let Poller { polling, store, .. } = &Poller::new(Done::Leave).await;
    let watched = Watched::of(&settings, &polling.uploads);
    let configured = ConfiguredSource {
        name: settings.name.clone(),
        address: url,
    };
    store.attend(&[configured]).await.unwrap();
    let mine = std::slice::from_ref(&settings.name);
    let claim = async || store.claim_source("one", mine).await;
    let broken = Polled {
        verdict: Verdict::Broken("no route".to_owned()),
        sightings: Vec::new(),
        taken: 0,
        pause: Duration::ZERO,
    };
    let lease = claim().await.unwrap().unwrap().lease;
    assert!(store.finish_poll(&lease, &broken).await.unwrap());
    let before = store.sources().await.unwrap();

    let claimed = claim().await.unwrap().unwrap();
    let stop = CancellationToken::new();
    let attending = polling.attend_to(&watched, claimed, stop.clone());
    let stopping = async {
        let _connection = silent.accept().await.unwrap();
        stop.cancel();
    };
    tokio::join!(attending, stopping);
    assert_eq!(store.failing_sources().await.unwrap(), 1);
    let after = store.sources().await.unwrap();
    assert_eq!(after[0].last_poll, before[0].last_poll);
    assert_eq!(after[0].state, before[0].state);
    assert!(claim().await.unwrap().is_some(), "it is due at once");
}
