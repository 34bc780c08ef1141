//! Signatures of calls: Standard Webhooks, version 1 of the symmetric scheme.

use airside_common::api::auth::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngCore;
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// Bytes of a key; the specification takes 24 to 64.
const KEY: usize = 32;

/// A new secret that nobody else has.
pub fn random() -> Secret {
    let mut key = [0; KEY];
    rand::rng().fill_bytes(&mut key);
    Secret(format!("{PREFIX}{}", BASE64_STANDARD.encode(key)))
}

/// What stands in `webhook-signature`. `None` where the secret is none.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = BASE64_STANDARD
        .decode(secret.0.strip_prefix(PREFIX)?)
        .ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    Some(format!("v1,{signature}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's own libraries are tested with.
    #[test]
    fn a_known_message_has_the_known_signature() {
        let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = sign(&secret, id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(
            signature.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn secrets_differ_and_sign() {
        let (one, other) = (random(), random());
        assert_ne!(one, other);
        let sign = |secret| sign(secret, "a", 1, "b").unwrap();
        assert_ne!(sign(&one), sign(&other));
        assert_eq!(
            super::sign(&Secret("whsec_?".to_owned()), "a", 1, "b"),
            None
        );
    }
}
