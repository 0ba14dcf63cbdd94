//! Timestamped Ed25519 cosignatures of checkpoints (`cosignature/v1`, key type `0x04`): a witness says when it saw what.

use kernel::Secret;

use super::FormError;
use super::key::{KeyKind, VerifierKey};
use super::note::{NoteSignature, NoteSigner};

/// What a cosignature of this time (Unix seconds) over this checkpoint's text signs.
pub(super) fn message(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

/// A witness's key pair.
#[derive(Debug)]
pub struct Cosigner(NoteSigner);

impl Cosigner {
    /// The witness that a seed of 32 random bytes gives, under a name.
    pub fn from_seed(name: &str, seed: &Secret<[u8; 32]>) -> Result<Self, FormError> {
        NoteSigner::of_kind(name, KeyKind::Cosignature, seed).map(Self)
    }

    /// The key by which its cosignatures are verified.
    pub const fn key(&self) -> &VerifierKey {
        self.0.key()
    }

    /// Cosigns a checkpoint's text, with its last newline, at a time in Unix seconds.
    pub fn sign(&self, text: &str, time_s: u64) -> NoteSignature {
        let mut signature = time_s.to_be_bytes().to_vec();
        signature.extend(self.0.pair_sign(&message(time_s, text)));
        self.0.line(signature)
    }
}
