//! Passwords: which are taken, and how they are hashed.

use std::sync::{Arc, LazyLock};

use airside_common::api::auth::Secret;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use prometheus_client::metrics::counter::Counter;
use rustc_hash::FxHashSet;
use tokio::sync::Semaphore;

/// Passwords of at least eight characters by how often they were found in leaks, the commonest first.
static COMMONEST: &str = include_str!("../../../data/common_passwords.txt");
const SHORTEST: usize = 8;
const LONGEST: usize = 128;
/// Memory in KiB, passes and lanes of argon2id, as OWASP's password storage cheat sheet says.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Fewer than eight or more than 128 characters.
    #[error("a password has {SHORTEST} to {LONGEST} characters")]
    Length,
    /// It is among the first that are tried.
    #[error("this password is one of the commonest; choose another one")]
    Common,
}

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The hash in the database is none, or the parameters are wrong.
    #[error("password hash: {0}")]
    Hash(#[from] argon2::password_hash::Error),
    /// The parameters are out of range.
    #[error("password hash: {0}")]
    Parameters(#[from] argon2::Error),
    /// The process is ending.
    #[error("password hashing was interrupted")]
    Interrupted,
}

/// Whether a password may be chosen (ASVS 5.0, 6.2).
pub fn check(password: &Secret) -> Result<(), Weak> {
    static COMMON: LazyLock<FxHashSet<&str>> = LazyLock::new(|| COMMONEST.lines().collect());
    if !(SHORTEST..=LONGEST).contains(&password.0.chars().count()) {
        return Err(Weak::Length);
    }
    if COMMON.contains(password.0.to_lowercase().as_str()) {
        return Err(Weak::Common);
    }
    Ok(())
}

/// Hashes and compares passwords on threads of their own, a bounded number at once: each takes 19 MiB and some 20 ms.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// The hash that is compared where there is no user, so that it takes the same time.
    nobody: Arc<str>,
    hashed: Counter,
}

impl Passwords {
    /// A hasher that works on at most `at_once` passwords at a time.
    pub fn new(at_once: usize) -> Result<Self, HashError> {
        let unguessable: [u8; 32] = rand::random();
        Ok(Self {
            permits: Arc::new(Semaphore::new(at_once.max(1))),
            nobody: hash(&unguessable)?.into(),
            hashed: Counter::default(),
        })
    }

    /// How many passwords were hashed, to be made or to be compared.
    pub fn hashed(&self) -> &Counter {
        &self.hashed
    }

    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: Secret) -> Result<String, HashError> {
        self.run(move || hash(password.0.as_bytes())).await
    }

    /// Whether a password belongs to a hash; without a hash it takes the same time and never does.
    pub async fn matches(
        &self,
        password: Secret,
        stored: Option<String>,
    ) -> Result<bool, HashError> {
        // Nothing longer was ever stored; hashing it would only take time.
        let fits = password.0.chars().count() <= LONGEST;
        let known = stored.is_some() && fits;
        let nobody = Arc::clone(&self.nobody);
        let equal = self
            .run(move || {
                let stored = stored.as_deref().unwrap_or(&nobody);
                let tried = if fits { password.0.as_bytes() } else { b"" };
                match hasher()?.verify_password(tried, stored) {
                    Ok(()) => Ok(true),
                    Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            })
            .await?;
        Ok(equal && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Interrupted)?;
        self.hashed.inc();
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, also where nobody waits for it any more.
            let _permit = permit;
            work()
        })
        .await
        .map_err(|_| HashError::Interrupted)?
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, HashError> {
    let salt: [u8; SALT] = rand::random();
    let hash: PasswordHash = hasher()?.hash_password_with_salt(password, &salt)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("short1!", Err(Weak::Length))]
    #[case("a".repeat(129), Err(Weak::Length))]
    #[case("ä".repeat(128), Ok(()))]
    #[case("password", Err(Weak::Common))]
    #[case("TrustNo1", Err(Weak::Common))]
    #[case("correct horse battery staple", Ok(()))]
    fn which_are_taken(#[case] password: impl Into<String>, #[case] expected: Result<(), Weak>) {
        assert_eq!(check(&Secret(password.into())), expected);
    }

    #[test]
    fn the_list_has_three_thousand_that_the_rule_of_length_lets_through() {
        let words: FxHashSet<_> = COMMONEST.lines().collect();
        assert_eq!(words.len(), 3000);
        assert!(words.iter().all(|word| word.chars().count() >= SHORTEST));
        assert!(words.iter().all(|word| *word == word.to_lowercase()));
    }

    /// On a runtime with one thread, a hash that ran there would keep everything else from running.
    #[tokio::test]
    async fn hashes_are_made_beside_the_executor_and_a_bounded_number_at_once() {
        let passwords = Passwords::new(2).unwrap();
        let word = || Secret("eight chars".into());
        let mut hash = Box::pin(passwords.hash(word()));
        assert!(
            futures_util::poll!(&mut hash).is_pending(),
            "made elsewhere"
        );
        hash.await.unwrap();

        let all = Arc::clone(&passwords.permits).acquire_many_owned(2).await;
        assert_eq!(passwords.permits.available_permits(), 0);
        let mut hash = Box::pin(passwords.hash(word()));
        assert!(futures_util::poll!(&mut hash).is_pending());
        assert_eq!(passwords.hashed().get(), 1, "it waits for its turn");
        drop(all);
        hash.await.unwrap();
        assert_eq!(passwords.hashed().get(), 2);
    }

    #[tokio::test]
    async fn a_hash_matches_its_password_alone() {
        let passwords = Passwords::new(2).unwrap();
        let hash = passwords.hash(Secret("eight chars".into())).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let matches = async |word: &str, hash: Option<String>| {
            passwords.matches(Secret(word.into()), hash).await.unwrap()
        };
        assert!(matches("eight chars", Some(hash.clone())).await);
        assert!(!matches("eight char", Some(hash.clone())).await);
        assert!(!matches("eight chars", None).await);
        assert!(!matches(&"x".repeat(100_000), Some(hash)).await);
    }
}
