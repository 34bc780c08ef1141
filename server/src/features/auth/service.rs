//! Logging in, staying logged in, logging out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use airside_common::api::auth::{LoginRequest, Me, Secret, Tokens};
use airside_common::text::printable;
use airside_common::user::Username;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use sha2::{Digest, Sha256};

use super::caller::{Caller, SessionId};
use super::passwords::{HashError, Passwords};
use super::revocations::Revocations;
use super::signer::Signer;
use super::store::{AuthStore, NewToken, Rotation, TokenHash};
use super::throttle::Throttle;
use super::tokens::{ACCESS_LIFETIME, KeyError, LEEWAY};
use crate::clock::SharedClock;
use crate::features::audit::entry::NewEntry;
use crate::store::StoreError;

/// How long a refresh token waits for its use.
pub const REFRESH_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The longest name that the audit log keeps of a refused login.
const LONGEST_NAME: usize = 64;

/// Why a login or a refresh was refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The name or the password is wrong, or the user is disabled; nobody is told which.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// The refresh token is unknown, was used before, or has expired.
    #[error("the session has ended; log in again")]
    Ended,
    /// Too many logins failed.
    #[error("too many failed logins; wait {} seconds", .0.as_secs().max(1))]
    Throttled(Duration),
    /// The database said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password could not be compared.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The token could not be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Sessions: all copies are the same service.
#[derive(Clone)]
pub struct Auth {
    store: Arc<dyn AuthStore>,
    passwords: Passwords,
    throttle: Arc<Throttle>,
    signer: Arc<Signer>,
    revocations: Arc<Revocations>,
    clock: SharedClock,
}

impl Auth {
    /// A service over a store.
    pub fn new(
        store: Arc<dyn AuthStore>,
        passwords: Passwords,
        throttle: Throttle,
        signer: Arc<Signer>,
        revocations: Arc<Revocations>,
        clock: SharedClock,
    ) -> Self {
        Self {
            store,
            passwords,
            throttle: Arc::new(throttle),
            signer,
            revocations,
            clock,
        }
    }

    /// Starts a session.
    pub async fn login(
        &self,
        login: LoginRequest,
        address: IpAddr,
        request_id: &str,
    ) -> Result<Tokens, AuthError> {
        let now = self.clock.now();
        let attempt = match self.throttle.attempt(&login.username, address, now).await {
            Ok(attempt) => attempt,
            Err(wait) => {
                // Once a user or address is over its limit nothing more is written: the log cannot be flooded.
                return Err(AuthError::Throttled(wait));
            }
        };
        let tried: String = printable(&login.username)
            .chars()
            .take(LONGEST_NAME)
            .collect();
        let account = match login.username.parse::<Username>() {
            Ok(name) => self.store.account(name.as_str()).await?,
            Err(_) => None,
        };
        let stored = account
            .as_ref()
            .map(|account| account.password_hash.clone());
        let matches = self.passwords.matches(login.password, stored).await?;
        let account = account.filter(|account| matches && account.disabled_at.is_none());
        let entry = |outcome: &str| NewEntry {
            user: tried.clone(),
            request_id: request_id.to_owned(),
            action: if outcome == "ok" {
                "login"
            } else {
                "login.refused"
            },
            target: address.to_string(),
            outcome: outcome.to_owned(),
        };
        let Some(account) = account else {
            self.store.record(now, entry("unauthenticated")).await?;
            return Err(AuthError::Wrong);
        };
        let (secret, token) = new_refresh_token(now);
        let session = SessionId::new();
        let started = self
            .store
            .start_session(
                account.user.id,
                account.valid_from,
                session,
                token,
                NewEntry {
                    user: account.user.username.to_string(),
                    ..entry("ok")
                },
            )
            .await?;
        if !started {
            return Err(AuthError::Wrong);
        }
        attempt.succeeded().await;
        self.tokens(account.user, session, secret, now)
    }

    /// Takes a refresh token and hands out the next pair. One that was used before ends the session.
    pub async fn refresh(&self, shown: &Secret, request_id: &str) -> Result<Tokens, AuthError> {
        let now = self.clock.now();
        let Some(old) = hash(shown) else {
            return Err(AuthError::Ended);
        };
        let (secret, token) = new_refresh_token(now);
        let until = ended_until(now);
        match self.store.rotate(old, token, until, request_id).await? {
            Rotation::Rotated { user, session } => self.tokens(user, session, secret, now),
            Rotation::Reused { session } => {
                tracing::warn!(%session, "a refresh token was used twice; its session has ended");
                self.revocations.add(session, until);
                Err(AuthError::Ended)
            }
            Rotation::Refused => Err(AuthError::Ended),
        }
    }

    /// Ends the session of a refresh token. One that is not known belongs to no session: that is no error.
    pub async fn logout(&self, shown: &Secret, request_id: &str) -> Result<(), AuthError> {
        let now = self.clock.now();
        let until = ended_until(now);
        if let Some(token) = hash(shown)
            && let Some(session) = self
                .store
                .end_session(token, now, until, request_id)
                .await?
        {
            self.revocations.add(session, until);
        }
        Ok(())
    }

    /// The public keys of access tokens.
    pub fn public_keys(&self) -> JwkSet {
        self.signer.public_keys()
    }

    /// Forgets what has expired.
    pub async fn forget_expired(&self) -> Result<(), StoreError> {
        self.store.forget_expired(self.clock.now()).await
    }

    fn tokens(
        &self,
        user: Me,
        session: SessionId,
        refresh: Secret,
        now: Timestamp,
    ) -> Result<Tokens, AuthError> {
        let caller = Caller {
            user_id: user.id,
            username: user.username.clone(),
            role: user.role,
            office: user.office.clone(),
            session,
        };
        Ok(Tokens {
            access_token: Secret(self.signer.sign(&caller, now)?),
            token_type: "Bearer".to_owned(),
            expires_in: ACCESS_LIFETIME.as_secs(),
            refresh_token: refresh,
            user,
        })
    }
}

/// When the last access token of a session that ends now will have expired.
pub fn ended_until(now: Timestamp) -> Timestamp {
    now.saturating_add(ACCESS_LIFETIME + LEEWAY * 2)
        .unwrap_or(Timestamp::MAX)
}

/// 256 random bits, with what is stored of them.
fn new_refresh_token(now: Timestamp) -> (Secret, NewToken) {
    let bits: [u8; 32] = rand::random();
    let token = NewToken {
        hash: TokenHash(Sha256::digest(bits).into()),
        issued_at: now,
        expires_at: now
            .saturating_add(REFRESH_LIFETIME)
            .unwrap_or(Timestamp::MAX),
    };
    (Secret(BASE64_URL_SAFE_NO_PAD.encode(bits)), token)
}

/// The hash of a token that was shown; `None` for what cannot be one.
fn hash(shown: &Secret) -> Option<TokenHash> {
    let mut bits = [0; 32];
    match BASE64_URL_SAFE_NO_PAD.decode_slice(&shown.0, &mut bits) {
        Ok(32) => Some(TokenHash(Sha256::digest(bits).into())),
        _ => None,
    }
}
