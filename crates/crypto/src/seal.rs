//! Sealing: authenticated encryption of small values under keys that can be destroyed.

use std::fmt;

use kernel::{Random, Secret};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// How many bytes a nonce has.
pub const NONCE_BYTES: usize = 12;
/// How much longer a sealed value is than the plain one.
pub const SEAL_BYTES: usize = 16;

/// A key that seals and opens (ChaCha20-Poly1305, RFC 8439). What it sealed cannot be read once every copy of it is gone.
pub struct SealKey(LessSafeKey);

impl SealKey {
    /// The key that these 32 random bytes are.
    ///
    /// # Panics
    /// Never: the length is the cipher's.
    pub fn new(bytes: &Secret<[u8; 32]>) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes.expose()).expect("the key has the cipher's length");
        Self(LessSafeKey::new(key))
    }

    /// Fresh bytes for a key.
    pub fn fresh(random: &dyn Random) -> Secret<[u8; 32]> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Secret::new(bytes)
    }

    /// Seals a value. `context` says what it is; it opens under the same context only. The nonce must not have been used with this key:
    /// draw it at random, and seal fewer than 2^32 values under one key.
    ///
    /// # Panics
    /// With a value of more than 256 GiB.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_BYTES);
        sealed.extend(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(context), &mut sealed);
        sealed.extend(tag.expect("values are shorter than the cipher's 256 GiB").as_ref());
        sealed
    }

    /// Opens a value; `None` when the key, the nonce, the context or a bit of it is another.
    pub fn open(&self, nonce: [u8; NONCE_BYTES], context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;
    use kernel::SystemRandom;

    #[test]
    fn the_published_vector_seals_and_opens() {
        // RFC 8439 section 2.8.2.
        let mut key = [0; 32];
        for (at, byte) in (0x80..).zip(&mut key) {
            *byte = at;
        }
        let key = SealKey::new(&Secret::new(key));
        let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
        let context = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                      sunscreen would be it.";
        let sealed = key.seal(nonce, &context, plain);
        assert_eq!(hex(&sealed[..16]), "d31a8d34648e60db7b86afbc53ef7ec2");
        assert_eq!(hex(&sealed[plain.len()..]), "1ae10b594f09e26a7e902ecbd0600691");
        assert_eq!(key.open(nonce, &context, &sealed).as_deref(), Some(&plain[..]));
    }

    #[test]
    fn nothing_opens_but_what_was_sealed() {
        let key = SealKey::new(&SealKey::fresh(&SystemRandom));
        let sealed = key.seal([1; 12], b"here", b"secret");
        assert_eq!(sealed.len(), 6 + SEAL_BYTES);
        assert_eq!(key.open([2; 12], b"here", &sealed), None);
        assert_eq!(key.open([1; 12], b"there", &sealed), None);
        assert_eq!(SealKey::new(&SealKey::fresh(&SystemRandom)).open([1; 12], b"here", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open([1; 12], b"here", &changed), None, "{at}");
        }
        assert_eq!(key.open([1; 12], b"here", &[]), None);
        assert_eq!(format!("{key:?}"), "SealKey");
    }
}
