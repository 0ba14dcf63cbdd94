//! Verifier keys of signed notes: `<name>+<hex id>+<base64(type ‖ key)>`.

use std::fmt;
use std::str::FromStr;

use ring::error::Unspecified;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::cosignature;
use super::{FormError, base64_decode, base64_encode};
use crate::digest::{hex, sha256};

/// The longest verifier key that is read, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// What a key signs, by its type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// `0x01`: Ed25519 over the note's text.
    Ed25519,
    /// `0x04`: Ed25519 over a time and a checkpoint's text.
    Cosignature,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::Cosignature),
            // 0x02 ECDSA, 0x05 RFC 6962 tree heads, 0x06 ML-DSA-44 cosignatures, 0xff private ones: not verified here.
            _ => None,
        }
    }
}

/// A key whose signatures are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    /// The key of this name. The id follows from all three.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, FormError> {
        if !is_name(name) {
            return Err(FormError("a key's name must not be empty, nor have spaces, controls or a plus"));
        }
        let digest = sha256(&[name.as_bytes(), b"\n", &[kind.byte()], &public].concat());
        Ok(Self { name: name.to_owned(), kind, id: [digest[0], digest[1], digest[2], digest[3]], public })
    }

    /// Its name; for a log's own key this is the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The first four bytes of the hash of name, type and key: tells keys of one name apart.
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The time of the signature (of cosignatures, in Unix seconds) when it is this key's over the text.
    pub(super) fn verify(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, Unspecified> {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        match self.kind {
            KeyKind::Ed25519 => key.verify(text.as_bytes(), signature).map(|()| None),
            KeyKind::Cosignature => {
                let (time, signature) = signature.split_first_chunk::<8>().ok_or(Unspecified)?;
                let time = u64::from_be_bytes(*time);
                key.verify(&cosignature::message(time, text), signature).map(|()| Some(time))
            }
        }
    }
}

/// Whether the text can name a key: not empty, no space of any kind, no control character, no plus.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.kind.byte()][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.id), base64_encode(&material))
    }
}

impl FromStr for VerifierKey {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        if text.len() > KEY_BYTES_MAX {
            return Err(FormError("the verifier key is too long"));
        }
        // Base64 may hold a plus: split twice only.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FormError("a verifier key has three parts: name, id and key, joined by plus signs"));
        };
        let material = base64_decode(material).ok_or(FormError("the key is not base64"))?;
        let Some((&byte, public)) = material.split_first() else {
            return Err(FormError("the key is empty"));
        };
        let kind = KeyKind::of(byte).ok_or(FormError("keys of this type are not verified here"))?;
        let public = public.try_into().map_err(|_| FormError("an Ed25519 key has 32 bytes"))?;
        let key = Self::new(name, kind, public)?;
        if hex(&key.id) != id {
            return Err(FormError("the key's id does not follow from its name and bytes"));
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const OWN: &str = "audit.example/mainstay+29a9e8ba+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
    const WITNESS: &str = "witness.example/w1+0ad7d35e+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

    #[test]
    fn verifier_keys_print_as_they_were_read() {
        for (text, kind) in [(PUBLISHED, KeyKind::Ed25519), (OWN, KeyKind::Ed25519), (WITNESS, KeyKind::Cosignature)] {
            let key: VerifierKey = text.parse().unwrap();
            assert_eq!((key.to_string(), key.kind()), (text.to_owned(), kind));
        }
        // A key whose base64 holds a plus.
        let plus = VerifierKey::new("a", KeyKind::Ed25519, [0xfb; 32]).unwrap();
        assert!(plus.to_string().matches('+').count() > 2, "{plus}");
        assert_eq!(plus.to_string().parse(), Ok(plus));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let long = format!("{}+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "x".repeat(KEY_BYTES_MAX));
        for text in [
            "",
            "+",
            "++",
            "a+b",
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
            "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AQ==",
            "example.com/foo+530d903a+",
            &long,
        ] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        }
        for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{2003}b", "a\u{7f}b"] {
            assert!(VerifierKey::new(name, KeyKind::Ed25519, [0; 32]).is_err(), "{name:?}");
        }
    }
}
