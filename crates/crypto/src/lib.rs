//! # crypto: who signed this, and is it still good
//!
//! ## What
//! Verification of JSON Web Tokens as the PostgREST dialect wants it, signing of the house's own keys, digests and
//! constant-time comparison; sealing under keys that can be destroyed; the mathematics of tamper-evident logs ([`tlog`]). Everything stands on `ring`.
//!
//! ## Words
//! *Verifier*: keys, audience and the path of the role claim. *Claims*: what a verified token says. *Claim path*:
//! `jwt-role-claim-key`, such as `.role` or `.a."b c"[0]`.
//!
//! ## Invariants
//! - A token's `alg` chooses among what its key can do, never the kind of key: an RSA key cannot be used as an HMAC secret.
//!   `none` is no algorithm here.
//! - A token is read only up to [`TOKEN_BYTES_MAX`], strictly: base64url without padding, no duplicate member, bounded depth.
//! - What is cached was verified, and dies with its `exp`.
//!
//! ## Walk
//! [`KeySet::parse`] → [`Verifier::new`] → [`CachedVerifier::verify`]. Issuing: [`random_secret`] → [`sign_hs256`]. Logs
//! have a walk of their own.
//!
//! ## Not here
//! The `Authorization` header (`web`), roles and what they may do (`policy`), sessions (`identity`),
//! where a log's tiles and checkpoints are kept (`audit`).

mod algorithm;
mod cache;
mod claims;
mod digest;
mod error;
mod json;
mod key;
mod path;
mod seal;
pub mod tlog;
mod verify;

pub use algorithm::Algorithm;
pub use cache::CachedVerifier;
pub use claims::Claims;
pub use digest::{ct_eq, hex, hmac_sha256, random_secret, sha256, sha256_hex};
pub use error::{CODES, KeyError, TokenError};
pub use key::{KeySet, SECRET_BYTES_MIN, secret_bytes};
pub use path::ClaimPath;
pub use seal::{NONCE_BYTES, SEAL_BYTES, SealKey};
pub use verify::{SKEW_SECS, TOKEN_BYTES_MAX, Verifier, sign_hs256};
