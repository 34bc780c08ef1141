//! What signs access tokens: the keys of a folder, which is read again and again, so that a key that somebody adds is shown
//! and used by a process that runs.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;

use super::caller::Caller;
use super::key_folder::{KeyFolder, KeyFolderError};
use super::key_ring::KeyRing;
use super::public_keys::{KeySource, SourceError};
use super::tokens::KeyError;
use crate::clock::SharedClock;

/// How often the folder is read.
const EVERY: Duration = Duration::from_secs(10);

/// The keys of a folder.
pub struct Signer {
    folder: KeyFolder,
    ring: ArcSwap<KeyRing>,
    clock: SharedClock,
}

impl Signer {
    /// The keys of a folder; the first one is drawn where there is none.
    pub fn open(folder: KeyFolder, clock: SharedClock) -> Result<Self, KeyFolderError> {
        let ring = folder.read_or_draw(clock.now())?;
        Ok(Self {
            folder,
            ring: ArcSwap::from_pointee(ring),
            clock,
        })
    }

    /// An access token for a caller, by the key that signs now.
    pub fn sign(&self, caller: &Caller, now: Timestamp) -> Result<String, KeyError> {
        self.ring.load().signing(now).sign(caller, now)
    }

    /// The keys by which tokens may be verified, now or soon.
    pub fn public_keys(&self) -> JwkSet {
        self.ring.load().public_keys(self.clock.now())
    }
}

#[async_trait]
impl KeySource for Signer {
    /// Reads the folder.
    async fn fetch(&self) -> Result<JwkSet, SourceError> {
        let folder = self.folder.clone();
        // It may be on another machine.
        let read = tokio::task::spawn_blocking(move || folder.read())
            .await
            .map_err(|e| SourceError(e.to_string()))?;
        match read {
            Ok(Some(ring)) => self.ring.store(Arc::new(ring)),
            Ok(None) => {
                let path = self.folder.path().display();
                return Err(SourceError(format!("{path}: there is no signing key")));
            }
            Err(error) => return Err(SourceError(error.to_string())),
        }
        Ok(self.public_keys())
    }

    fn every(&self) -> Duration {
        EVERY
    }
}
