use airside_common::user::{Role, SessionId, UserId};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use parking_lot::Mutex;

use tokio::sync::watch;

use super::*;
use crate::clock::SystemClock;
use crate::features::auth::caller::Caller;
use crate::features::auth::revocations::Revocations;
use crate::features::auth::tokens::{Refused, SigningKey, Verifier};

/// A source that a test fills and counts.
pub(crate) struct Fixed {
    /// The seeds of its keys; none where it does not answer.
    seeds: Mutex<Option<Vec<u8>>>,
    fetched: watch::Sender<usize>,
}

impl Fixed {
    pub(crate) fn with(seeds: &[u8]) -> Arc<Self> {
        Arc::new(Self {
            seeds: Mutex::new(Some(seeds.to_vec())),
            fetched: watch::Sender::new(0),
        })
    }

    fn has(&self, seeds: &[u8]) {
        *self.seeds.lock() = Some(seeds.to_vec());
    }

    fn is_away(&self) {
        *self.seeds.lock() = None;
    }

    fn fetched(&self) -> usize {
        *self.fetched.borrow()
    }
}

#[async_trait]
impl KeySource for Fixed {
    async fn fetch(&self) -> Result<JwkSet, SourceError> {
        // Others that look at the same time get as far as they can.
        tokio::task::yield_now().await;
        let seeds = self.seeds.lock().clone();
        self.fetched.send_modify(|fetched| *fetched += 1);
        let seeds = seeds.ok_or_else(|| SourceError("away".to_owned()))?;
        let keys = seeds.iter().map(|seed| key(*seed).public().clone());
        Ok(JwkSet {
            keys: keys.collect(),
        })
    }

    fn every(&self) -> Duration {
        Duration::from_millis(10)
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

fn token(seed: u8) -> String {
    let caller = Caller {
        user_id: UserId::new(),
        username: "ada".parse().unwrap(),
        role: Role::Agent,
        office: "NYC1A0001".parse().unwrap(),
        session: SessionId::new(),
    };
    key(seed).sign(&caller, Timestamp::now()).unwrap()
}

fn verifier(source: &Arc<Fixed>, rest: Duration) -> (Arc<PublicKeys>, Verifier) {
    let mut keys = PublicKeys::new(source.clone());
    assert_eq!(keys.rest, Duration::from_secs(10));
    keys.rest = rest;
    let keys = Arc::new(keys);
    let revocations = Arc::new(Revocations::default());
    let verifier = Verifier::new(Arc::clone(&keys), revocations, Arc::new(SystemClock));
    (keys, verifier)
}

#[tokio::test]
async fn a_token_of_a_new_key_makes_it_known() {
    let source = Fixed::with(&[1]);
    let (_, verifier) = verifier(&source, Duration::ZERO);
    verifier.verify(&token(1)).await.unwrap();
    source.has(&[1, 2]);
    verifier.verify(&token(1)).await.unwrap();
    assert_eq!(source.fetched(), 1);
    verifier.verify(&token(2)).await.unwrap();
    verifier.verify(&token(1)).await.unwrap();
    assert_eq!(source.fetched(), 2);
}

#[tokio::test]
async fn forged_keys_make_no_storm() {
    let source = Fixed::with(&[1]);
    let (_, verifier) = verifier(&source, Duration::from_hours(1));
    let forged: Vec<String> = (100..120).map(token).collect();
    let many = forged.iter().map(|token| verifier.verify(token));
    for refused in futures_util::future::join_all(many).await {
        assert_eq!(refused.unwrap_err(), Refused::Invalid);
    }
    assert_eq!(source.fetched(), 1, "all of them once");
    source.has(&[1, 2]);
    let early = verifier.verify(&token(2)).await;
    assert_eq!(early.unwrap_err(), Refused::Invalid);
    assert_eq!(source.fetched(), 1, "it rests");
}

#[tokio::test]
async fn what_is_no_access_token_looks_for_no_key() {
    let source = Fixed::with(&[1]);
    let (keys, verifier) = verifier(&source, Duration::ZERO);
    keys.renew().await.unwrap();
    let good = token(9);
    let (_, rest) = good.split_once('.').unwrap();
    let header = jsonwebtoken::decode_header(&good).unwrap();
    let with = |change: fn(&mut Header)| {
        let mut header = header.clone();
        change(&mut header);
        let header = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap());
        format!("{header}.{rest}")
    };
    for text in [
        String::new(),
        "a.b.c".to_owned(),
        rest.to_owned(),
        with(|header| header.jku = Some("http://127.0.0.1/".to_owned())),
        with(|header| header.typ = Some("JWT".to_owned())),
        with(|header| header.alg = Algorithm::HS256),
        with(|header| header.kid = None),
    ] {
        let refused = verifier.verify(&text).await.unwrap_err();
        assert_eq!(refused, Refused::Invalid, "{text}");
    }
    assert_eq!(source.fetched(), 1);
    let unknown = verifier.verify(&with(|_| {})).await;
    assert_eq!(unknown.unwrap_err(), Refused::Invalid);
    assert_eq!(source.fetched(), 2);
}

#[tokio::test]
async fn keys_stay_while_their_source_is_away_and_go_when_it_drops_them() {
    let source = Fixed::with(&[]);
    source.is_away();
    let (keys, verifier) = verifier(&source, Duration::from_hours(1));
    let first = token(1);
    assert_eq!(verifier.verify(&first).await.unwrap_err(), Refused::Unknown);
    let stop = CancellationToken::new();
    let following = tokio::spawn(Arc::clone(&keys).follow(stop.clone()));
    let looked = async || {
        // One that has begun before may have seen the source as it was.
        let enough = source.fetched() + 2;
        let mut fetched = source.fetched.subscribe();
        fetched
            .wait_for(|fetched| *fetched >= enough)
            .await
            .unwrap();
        drop(keys.looked.lock().await);
    };
    source.has(&[1, 2]);
    looked().await;
    verifier.verify(&first).await.unwrap();

    source.is_away();
    looked().await;
    verifier.verify(&first).await.unwrap();

    source.has(&[2]);
    looked().await;
    let refused = verifier.verify(&first).await.unwrap_err();
    assert_eq!(
        refused,
        Refused::Invalid,
        "also one that was found good before"
    );
    verifier.verify(&token(2)).await.unwrap();

    source.has(&[]);
    looked().await;
    verifier.verify(&token(2)).await.unwrap();
    stop.cancel();
    following.await.unwrap();
}
