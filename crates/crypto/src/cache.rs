//! Verified tokens, remembered: a signature is checked once, not with every request.

use std::sync::Arc;

use kernel::Micros;
use quick_cache::sync::Cache;

use crate::claims::Claims;
use crate::digest::sha256;
use crate::error::TokenError;
use crate::verify::{SKEW_SECS, TOKEN_BYTES_MAX, Verifier};

/// A [`Verifier`] that remembers what it verified, by the SHA-256 of the token, as what was made of the claims then. Bounded; an entry
/// dies when its token does. New keys mean a new `CachedVerifier`, so nothing outlives the key that vouched for it.
pub struct CachedVerifier<T = Claims> {
    verifier: Verifier,
    /// With the token's end.
    seen: Cache<[u8; 32], (Option<i64>, Arc<T>)>,
}

impl<T> std::fmt::Debug for CachedVerifier<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedVerifier").field("verifier", &self.verifier).field("tokens", &self.seen.len()).finish()
    }
}

impl CachedVerifier {
    /// What the token says, if it is genuine and holds at `now`.
    pub fn verify(&self, token: &str, now: Micros) -> Result<Arc<Claims>, TokenError> {
        self.verify_as(token, now, |claims| claims)
    }
}

impl<T> CachedVerifier<T> {
    /// Remembers at most about `tokens_max` tokens.
    pub fn new(verifier: Verifier, tokens_max: usize) -> Self {
        Self { verifier, seen: Cache::new(tokens_max) }
    }

    /// What `of` made of the claims when the token was first seen, if it is genuine and holds at `now`.
    pub fn verify_as(&self, token: &str, now: Micros, of: impl FnOnce(Claims) -> T) -> Result<Arc<T>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let digest = sha256(token.as_bytes());
        if let Some((exp, made)) = self.seen.get(&digest) {
            if exp.is_none_or(|exp| now.as_secs().saturating_sub(SKEW_SECS) <= exp) {
                return Ok(made);
            }
            self.seen.remove(&digest);
        }
        let claims = self.verifier.verify(token, now)?;
        let exp = claims.exp;
        let made = Arc::new(of(claims));
        self.seen.insert(digest, (exp, Arc::clone(&made)));
        Ok(made)
    }

    /// How many tokens are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClaimPath, KeySet, sign_hs256};

    const SECRET: &str = "reallyreallyreallyreallyverysafe";

    fn cached(tokens_max: usize) -> CachedVerifier {
        CachedVerifier::new(
            Verifier::new(KeySet::parse(SECRET, false).unwrap(), None, ClaimPath::default()),
            tokens_max,
        )
    }

    fn token(n: u32) -> String {
        sign_hs256(serde_json::json!({"sub": n.to_string(), "exp": 1_000}).as_object().unwrap(), SECRET.as_bytes())
    }

    #[test]
    fn a_token_is_verified_once_and_dies_with_its_exp() {
        let (cache, token) = (cached(8), token(1));
        let first = cache.verify(&token, Micros::from_secs(900)).unwrap();
        let second = cache.verify(&token, Micros::from_secs(1_030)).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(cache.verify(&token, Micros::from_secs(1_031)), Err(TokenError::Expired));
        assert!(cache.is_empty());
    }

    #[test]
    fn what_was_refused_is_not_remembered_and_the_rest_is_bounded() {
        let cache = cached(4);
        let mut forged = token(1);
        forged.replace_range(forged.len() - 4.., "AAAA");
        assert_eq!(cache.verify(&forged, Micros(0)), Err(TokenError::Signature));
        assert!(cache.is_empty());
        for n in 0..100 {
            assert!(cache.verify(&token(n), Micros(0)).is_ok());
        }
        assert!(cache.len() <= 8, "{}", cache.len());
        assert_eq!(cache.verify(&"a".repeat(8_193), Micros(0)), Err(TokenError::TooLong));
    }
}
