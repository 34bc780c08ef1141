//! The public keys by which a process verifies access tokens, kept up to date from where they come.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::tokens::TYPE;

/// A token with a key that is not known makes a process look for new keys, but not more often than this, or a forger
/// could make it do so all the time.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// How long to wait after a look that failed.
const RETRY: Duration = Duration::from_secs(2);

/// Keys of one set: more are not looked at.
const MOST: usize = 32;

/// Where public keys come from.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// All keys that there are now.
    async fn fetch(&self) -> Result<JwkSet, SourceError>;

    /// How often to look for new ones.
    fn every(&self) -> Duration;
}

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// A public key, and the header of all tokens that it verifies.
pub(super) struct PublicKey {
    jwk: Jwk,
    header: Header,
    pub(super) key: DecodingKey,
}

impl PublicKey {
    /// A key of a set, if it is one that signs access tokens.
    fn of(jwk: &Jwk) -> Option<Self> {
        let AlgorithmParameters::OctetKeyPair(pair) = &jwk.algorithm else {
            return None;
        };
        let kid = jwk.common.key_id.clone()?;
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid);
        (pair.curve == EllipticCurve::Ed25519).then(|| Self {
            jwk: jwk.clone(),
            header,
            key,
        })
    }
}

/// The keys that are known. What was known stays so while the source does not answer.
pub struct PublicKeys {
    source: Arc<dyn KeySource>,
    known: ArcSwap<Vec<Arc<PublicKey>>>,
    /// When keys were looked for last; held by who looks.
    looked: tokio::sync::Mutex<Option<Instant>>,
    /// For how long after it no unknown key makes it look again.
    rest: Duration,
}

impl PublicKeys {
    /// No keys yet, from a source.
    pub fn new(source: Arc<dyn KeySource>) -> Self {
        Self {
            source,
            known: ArcSwap::default(),
            looked: tokio::sync::Mutex::new(None),
            rest: AT_MOST_EVERY,
        }
    }

    /// Whether any are known: without one nothing can be said of a token.
    pub fn are_known(&self) -> bool {
        !self.known.load().is_empty()
    }

    /// Looks for new keys.
    pub async fn renew(&self) -> Result<(), SourceError> {
        let mut looked = self.looked.lock().await;
        self.look(&mut looked).await
    }

    /// Looks for new keys because one is not known; nothing happens where that was just done. Many at once look once.
    pub(super) async fn renew_for_unknown(&self) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|before| before.elapsed() < self.rest) {
            return;
        }
        if let Err(error) = self.look(&mut looked).await {
            tracing::warn!(%error, "public keys are not brought up to date for now");
        }
    }

    /// Keeps them up to date until told to stop.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = !self.are_known();
        loop {
            let every = self.source.every();
            let wait = if failing { RETRY.min(every) } else { every };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let renewed = self.renew().await;
            match &renewed {
                Ok(()) if failing => tracing::info!("public keys are up to date"),
                Err(error) if !failing => {
                    tracing::warn!(%error, "public keys are not brought up to date for now");
                }
                Ok(()) | Err(_) => {}
            }
            failing = renewed.is_err();
        }
    }

    /// The key of a token's header.
    pub(super) fn find(&self, header: &Header) -> Option<Arc<PublicKey>> {
        let known = self.known.load();
        known.iter().find(|known| known.header == *header).cloned()
    }

    /// Whether a key is still among them.
    pub(super) fn contains(&self, key: &Arc<PublicKey>) -> bool {
        let known = self.known.load();
        known.iter().any(|known| Arc::ptr_eq(known, key))
    }

    async fn look(&self, looked: &mut Option<Instant>) -> Result<(), SourceError> {
        let fetched = self.source.fetch().await;
        *looked = Some(Instant::now());
        let before = self.known.load();
        let known: Vec<_> = fetched?
            .keys
            .iter()
            .take(MOST)
            .filter_map(|jwk| {
                let same = before.iter().find(|known| known.jwk == *jwk).cloned();
                same.or_else(|| PublicKey::of(jwk).map(Arc::new))
            })
            .collect();
        if known.is_empty() {
            return Err(SourceError(
                "there is no Ed25519 key with a `kid` in the set".to_owned(),
            ));
        }
        self.known.store(Arc::new(known));
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
