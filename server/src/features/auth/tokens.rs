//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 8037), typed `at+jwt` (RFC 9068).

use std::sync::Arc;
use std::time::Duration;

use airside_common::user::{Office, Role, UserId, Username};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::caller::{Caller, SessionId};
use super::revocations::Revocations;
use crate::clock::SharedClock;

/// How long an access token lives.
pub const ACCESS_LIFETIME: Duration = Duration::from_mins(15);
/// By how much the clocks of two machines may differ.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// Who makes the tokens (`iss`) and who reads them (`aud`).
const ISSUER: &str = "airside";
const AUDIENCE: &str = "airside-api";
const TYPE: &str = "at+jwt";
/// An access token is some 500 characters long; what is far longer is not looked at.
const LONGEST_TOKEN: usize = 2048;
/// How many verified tokens are remembered; beyond it the signature is checked again.
const REMEMBERED: u64 = 50_000;
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
    pub fn public_keys(&self) -> JwkSet {
        JwkSet {
            keys: vec![self.public.clone()],
        }
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
}

/// Checks access tokens with the public keys.
///
/// A signature's check takes 40 us; a token that was found good is looked up instead until it expires. Expiry and the
/// end of its session are looked at each time.
pub struct Verifier {
    keys: Vec<(Header, DecodingKey)>,
    validation: Validation,
    verified: Cache<String, Verified>,
    revocations: Arc<Revocations>,
    clock: SharedClock,
}

impl Verifier {
    /// A verifier of what a key signs.
    pub fn new(
        key: &SigningKey,
        revocations: Arc<Revocations>,
        clock: SharedClock,
    ) -> Result<Self, KeyError> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are looked at below, with this process's clock and on every use.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            keys: vec![(key.header.clone(), DecodingKey::from_jwk(&key.public)?)],
            validation,
            verified: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(ACCESS_LIFETIME + LEEWAY)
                .build(),
            revocations,
            clock,
        })
    }

    /// The caller whom a token speaks of.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::Invalid);
        }
        let verified = if let Some(verified) = self.verified.get(token) {
            verified
        } else {
            let verified = self.check_signature(token)?;
            self.verified.insert(token.to_owned(), verified.clone());
            verified
        };
        let now = self.clock.now().as_second();
        let leeway = LEEWAY.as_secs().cast_signed();
        if now >= verified.expires + leeway {
            self.verified.invalidate(token);
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

    /// How many verified tokens are remembered, about.
    pub fn remembered(&self) -> u64 {
        self.verified.entry_count()
    }

    fn check_signature(&self, token: &str) -> Result<Verified, Refused> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Invalid)?;
        // Equality refuses other algorithms, unknown `kid`, other types, and every `jku`, `jwk`, `x5u`, `crit`.
        let (_, key) = self
            .keys
            .iter()
            .find(|(known, _)| *known == header)
            .ok_or(Refused::Invalid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
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
        })
    }
}
