//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 8037), typed `at+jwt` (RFC 9068).

use std::sync::Arc;
use std::time::Duration;

use airside_common::user::{Office, Role, UserId, Username};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::caller::{Caller, SessionId};
use super::public_keys::{PublicKey, PublicKeys};
use super::revocations::Revocations;
use crate::clock::SharedClock;

/// How long an access token lives.
pub const ACCESS_LIFETIME: Duration = Duration::from_mins(15);
/// By how much the clocks of two machines may differ.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// Who makes the tokens (`iss`) and who reads them (`aud`).
const ISSUER: &str = "airside";
const AUDIENCE: &str = "airside-api";
pub(super) const TYPE: &str = "at+jwt";
/// An access token is some 500 characters long; what is far longer is not looked at.
const LONGEST_TOKEN: usize = 2048;
/// How many verified tokens are remembered, about 1 KiB each; beyond it the signature is checked again.
const REMEMBERED: usize = 50_000;
/// PKCS #8 (RFC 8410) of an Ed25519 key is this and the 32 bytes of the seed.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What a token says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: Uuid,
    name: Username,
    role: Role,
    office: Office,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was good once.
    #[error("the access token has expired")]
    Expired,
    /// Its session has ended.
    #[error("the session has ended; log in again")]
    Ended,
    /// It starts to be valid later: a clock is wrong, here or where it was made.
    #[error("the access token is not valid yet; a clock is wrong")]
    NotYet,
    /// It is not one of ours.
    #[error("the access token is not valid")]
    Invalid,
    /// No public key is known yet: whether it is good cannot be said.
    #[error("access tokens cannot be verified yet; try again")]
    Unknown,
}

/// Why the signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the signing key is not an Ed25519 key: {0}")]
pub struct KeyError(#[from] jsonwebtoken::errors::Error);

/// The secret that signs access tokens.
pub struct SigningKey {
    key: EncodingKey,
    header: Header,
    public: Jwk,
}

impl SigningKey {
    /// A key from its 32 secret bytes; its `kid` is the thumbprint of the public half (RFC 7638).
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let mut der = Vec::with_capacity(PKCS8_PREFIX.len() + seed.len());
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(seed);
        let key = EncodingKey::from_ed_der(&der);
        let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(kid);
        Ok(Self {
            key,
            header,
            public,
        })
    }

    /// The public half, as `/.well-known/jwks.json` shows it.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// The name of the key, which its tokens carry.
    pub fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// An access token for a caller, valid for [`ACCESS_LIFETIME`]. It is dated back by the leeway, so that also a machine
    /// whose clock is a minute behind takes it.
    pub fn sign(&self, caller: &Caller, now: Timestamp) -> Result<String, KeyError> {
        let issued = now.as_second();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: caller.user_id,
            sid: caller.session.0,
            name: caller.username.clone(),
            role: caller.role,
            office: caller.office.clone(),
            iat: issued,
            nbf: issued - LEEWAY.as_secs().cast_signed(),
            exp: issued + ACCESS_LIFETIME.as_secs().cast_signed(),
        };
        Ok(jsonwebtoken::encode(&self.header, &claims, &self.key)?)
    }
}

/// A token that was found good, so that its signature need not be checked again.
#[derive(Clone)]
struct Verified {
    caller: Arc<Caller>,
    valid_from: i64,
    expires: i64,
    by: Arc<PublicKey>,
}

/// Checks access tokens with the public keys.
///
/// A signature's check takes 40 us; a token that was found good is looked up instead until it expires. Expiry, the end of
/// its session and whether its key is still shown are looked at each time.
pub struct Verifier {
    keys: Arc<PublicKeys>,
    validation: Validation,
    verified: Cache<String, Verified>,
    revocations: Arc<Revocations>,
    clock: SharedClock,
}

impl Verifier {
    /// A verifier by public keys.
    pub fn new(keys: Arc<PublicKeys>, revocations: Arc<Revocations>, clock: SharedClock) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are looked at below, with this process's clock and on every use.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            keys,
            validation,
            verified: Cache::new(REMEMBERED),
            revocations,
            clock,
        }
    }

    /// The caller whom a token speaks of.
    pub async fn verify(&self, token: &str) -> Result<Arc<Caller>, Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::Invalid);
        }
        let verified = if let Some(verified) = self.good(token) {
            verified
        } else {
            let verified = self.check_signature(token).await?;
            self.verified.insert(token.to_owned(), verified.clone());
            verified
        };
        self.judge(token, verified)
    }

    /// The caller of a token that was verified before and still holds; of all others nothing is said.
    pub fn recall(&self, token: &str) -> Option<Arc<Caller>> {
        self.judge(token, self.good(token)?).ok()
    }

    /// When a token expires that was verified before.
    pub fn expiry(&self, token: &str) -> Option<Timestamp> {
        Timestamp::from_second(self.good(token)?.expires).ok()
    }

    /// A token whose signature was checked before, by a key that is still one.
    fn good(&self, token: &str) -> Option<Verified> {
        let remembered = self.verified.get(token);
        remembered.filter(|verified| self.keys.contains(&verified.by))
    }

    /// Whether a token with a good signature holds now.
    fn judge(&self, token: &str, verified: Verified) -> Result<Arc<Caller>, Refused> {
        let now = self.clock.now().as_second();
        let leeway = LEEWAY.as_secs().cast_signed();
        if now >= verified.expires + leeway {
            self.verified.remove(token);
            return Err(Refused::Expired);
        }
        if now < verified.valid_from - leeway {
            return Err(Refused::NotYet);
        }
        if self.revocations.contains(verified.caller.session) {
            return Err(Refused::Ended);
        }
        Ok(verified.caller)
    }

    async fn check_signature(&self, token: &str) -> Result<Verified, Refused> {
        let by = self.key_of(token).await?;
        let claims = jsonwebtoken::decode::<Claims>(token, &by.key, &self.validation)
            .map_err(|_| Refused::Invalid)?
            .claims;
        Ok(Verified {
            caller: Arc::new(Caller {
                user_id: claims.sub,
                username: claims.name,
                role: claims.role,
                office: claims.office,
                session: SessionId(claims.sid),
            }),
            valid_from: claims.nbf,
            expires: claims.exp,
            by,
        })
    }

    /// The key that is named by a token; looked for where it is not known and the token is like ours.
    async fn key_of(&self, token: &str) -> Result<Arc<PublicKey>, Refused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
        // Equality refuses other algorithms, unknown `kid`, other types, and every `jku`, `jwk`, `x5u`, `crit`.
        if let Some(key) = self.keys.find(&header) {
            return Ok(key);
        }
        let mut ours = Header::new(Algorithm::EdDSA);
        ours.typ = Some(TYPE.to_owned());
        ours.kid.clone_from(&header.kid);
        if header.kid.is_none() || header != ours {
            return Err(Refused::Invalid);
        }
        self.keys.renew_for_unknown().await;
        self.keys.find(&header).ok_or(if self.keys.are_known() {
            Refused::Invalid
        } else {
            Refused::Unknown
        })
    }
}
