//! The keys a token may be signed with: a secret, a JWK, or a set of them.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{hmac, signature};
use serde_json::{Map, Value};

use crate::algorithm::{Algorithm, Family};
use crate::error::KeyError;
use crate::json;

/// The shortest secret that is accepted, in bytes.
pub const SECRET_BYTES_MIN: usize = 32;
/// The most keys in one set; without a `kid` each that fits is tried.
const KEYS_MAX: usize = 64;

/// The keys of one issuer. Prints only how many there are.
pub struct KeySet(Vec<Key>);

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} keys)", self.0.len())
    }
}

struct Key {
    kid: Option<String>,
    /// The only algorithm that the key's own `alg` admits.
    only: Option<Algorithm>,
    material: Material,
}

enum Material {
    /// Keyed for SHA-256, SHA-384 and SHA-512, once, when the house starts.
    Hmac(Box<[hmac::Key; 3]>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

fn err<T>(text: impl Into<Cow<'static, str>>) -> Result<T, KeyError> {
    Err(KeyError(text.into()))
}

/// The bytes of a secret as `jwt-secret` and `jwt-secret-is-base64` give it. Base64 may be of either alphabet, padded or not.
pub fn secret_bytes(text: &str, is_base64: bool) -> Result<Vec<u8>, KeyError> {
    let bytes = if is_base64 {
        // PostgREST reads `.` as padding, too.
        let plain: String = text.trim().trim_end_matches(['=', '.']).replace('-', "+").replace('_', "/");
        let padded = format!("{plain}{}", "=".repeat(plain.len().wrapping_neg() % 4));
        match STANDARD.decode(padded) {
            Ok(bytes) => bytes,
            Err(_) => return err("the JWT secret is said to be base64 and is not"),
        }
    } else {
        text.as_bytes().to_vec()
    };
    if bytes.len() < SECRET_BYTES_MIN {
        return err(format!("the JWT secret must have at least {SECRET_BYTES_MIN} bytes, it has {}", bytes.len()));
    }
    Ok(bytes)
}

impl KeySet {
    /// Reads `jwt-secret`: a JWK or a JWKS when it is a JSON object, else a secret.
    pub fn parse(text: &str, is_base64: bool) -> Result<Self, KeyError> {
        if text.trim_start().starts_with('{') {
            Self::from_json(text)
        } else {
            Self::from_secret(&secret_bytes(text, is_base64)?)
        }
    }

    /// One HMAC secret of at least [`SECRET_BYTES_MIN`] bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(vec![Key { kid: None, only: None, material: hmac_key(secret)? }]))
    }

    /// A JWK or a JWKS. In a set, keys of kinds the house does not verify are passed over (RFC 7517 section 5); one key alone must
    /// be usable, and so must at least one of a set.
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        let Some(object) = json::object(text.as_bytes()) else {
            return err("the JWK is not one JSON object without duplicate members");
        };
        let Some(set) = object.get("keys") else {
            return match key(&object)? {
                Some(key) => Ok(Self(vec![key])),
                None => err("the JWK is of a kind, use or algorithm that cannot verify tokens here"),
            };
        };
        let Some(set) = set.as_array().filter(|s| s.len() <= KEYS_MAX) else {
            return err(format!("the JWKS member keys must be an array of at most {KEYS_MAX} keys"));
        };
        let mut keys = Vec::new();
        for item in set {
            let Some(item) = item.as_object() else { return err("a key of the JWKS is not an object") };
            keys.extend(key(item)?);
        }
        if keys.is_empty() {
            return err("no key of the JWKS can verify tokens here");
        }
        Ok(Self(keys))
    }

    /// Whether one of the keys made this signature. `None` when no key fits algorithm and `kid`.
    pub(crate) fn verify(&self, alg: Algorithm, kid: Option<&str>, signed: &[u8], mac: &[u8]) -> Option<bool> {
        let mut fits = self.0.iter().filter(|k| k.fits(alg) && (kid.is_none() || k.kid.as_deref() == kid)).peekable();
        fits.peek()?;
        Some(fits.any(|k| k.material.verify(alg, signed, mac)))
    }
}

impl Key {
    fn fits(&self, alg: Algorithm) -> bool {
        self.material.family() == alg.family() && self.only.is_none_or(|only| only == alg)
    }
}

impl Material {
    const fn family(&self) -> Family {
        match self {
            Self::Hmac(_) => Family::Hmac,
            Self::Rsa { .. } => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }

    fn verify(&self, alg: Algorithm, signed: &[u8], mac: &[u8]) -> bool {
        let rsa = |how: &'static signature::RsaParameters| match self {
            Self::Rsa { n, e } => signature::RsaPublicKeyComponents { n, e }.verify(how, signed, mac).is_ok(),
            _ => false,
        };
        let point = |how: &'static dyn signature::VerificationAlgorithm| match self {
            Self::P256(p) | Self::P384(p) | Self::Ed25519(p) => {
                signature::UnparsedPublicKey::new(how, p).verify(signed, mac).is_ok()
            }
            _ => false,
        };
        // The family was compared before; here every arm still names the one kind of key it takes.
        match (alg, self) {
            (Algorithm::Hs256, Self::Hmac(keys)) => hmac::verify(&keys[0], signed, mac).is_ok(),
            (Algorithm::Hs384, Self::Hmac(keys)) => hmac::verify(&keys[1], signed, mac).is_ok(),
            (Algorithm::Hs512, Self::Hmac(keys)) => hmac::verify(&keys[2], signed, mac).is_ok(),
            (Algorithm::Rs256, Self::Rsa { .. }) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Rs384, Self::Rsa { .. }) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            (Algorithm::Rs512, Self::Rsa { .. }) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            (Algorithm::Ps256, Self::Rsa { .. }) => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            (Algorithm::Ps384, Self::Rsa { .. }) => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            (Algorithm::Ps512, Self::Rsa { .. }) => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            (Algorithm::Es256, Self::P256(_)) => point(&signature::ECDSA_P256_SHA256_FIXED),
            (Algorithm::Es384, Self::P384(_)) => point(&signature::ECDSA_P384_SHA384_FIXED),
            (Algorithm::EdDsa, Self::Ed25519(_)) => point(&signature::ED25519),
            _ => false,
        }
    }
}

fn hmac_key(secret: &[u8]) -> Result<Material, KeyError> {
    if secret.len() < SECRET_BYTES_MIN {
        return err(format!("an HMAC key must have at least {SECRET_BYTES_MIN} bytes, this one has {}", secret.len()));
    }
    let keyed = [hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512].map(|digest| hmac::Key::new(digest, secret));
    Ok(Material::Hmac(Box::new(keyed)))
}

fn member(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text = jwk.get(name).and_then(Value::as_str);
    match text.and_then(|t| URL_SAFE_NO_PAD.decode(t).ok()).filter(|b| !b.is_empty()) {
        Some(bytes) => Ok(bytes),
        None => err(format!("a JWK lacks its member {name:?}, or it is not base64url")),
    }
}

/// A point of a curve, uncompressed; its coordinates have their full length (RFC 7518 section 6.2.1.2).
fn point(jwk: &Map<String, Value>, len: usize) -> Result<Vec<u8>, KeyError> {
    let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
    if x.len() != len || y.len() != len {
        return err(format!("the coordinates of an elliptic-curve JWK must have {len} bytes each"));
    }
    Ok([&[4][..], &x, &y].concat())
}

/// One JWK; `None` when it is well formed and of no use for verifying tokens.
fn key(jwk: &Map<String, Value>) -> Result<Option<Key>, KeyError> {
    let text = |name: &str| match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.as_str())),
        Some(_) => err(format!("the member {name:?} of a JWK must be a string")),
    };
    let Some(kty) = text("kty")? else { return err("a JWK lacks its member \"kty\"") };
    let may_verify = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(ops)) => ops.iter().any(|op| op == "verify"),
        Some(_) => return err("the member \"key_ops\" of a JWK must be an array"),
    };
    if !may_verify || text("use")?.is_some_and(|u| u != "sig") {
        return Ok(None);
    }
    let material = match (kty, text("crv")?) {
        ("oct", _) => hmac_key(&member(jwk, "k")?)?,
        ("RSA", _) => {
            let strip = |bytes: Vec<u8>| bytes.into_iter().skip_while(|b| *b == 0).collect::<Vec<u8>>();
            let (n, e) = (strip(member(jwk, "n")?), strip(member(jwk, "e")?));
            if n.len() < 256 {
                return err("an RSA key must have at least 2048 bits");
            }
            Material::Rsa { n, e }
        }
        ("EC", Some("P-256")) => Material::P256(point(jwk, 32)?),
        ("EC", Some("P-384")) => Material::P384(point(jwk, 48)?),
        ("OKP", Some("Ed25519")) => {
            let x = member(jwk, "x")?;
            if x.len() != 32 {
                return err("an Ed25519 key must have 32 bytes");
            }
            Material::Ed25519(x)
        }
        _ => return Ok(None),
    };
    let only = match text("alg")? {
        None => None,
        Some(name) => match Algorithm::parse(name).filter(|alg| alg.family() == material.family()) {
            Some(alg) => Some(alg),
            None => return Ok(None),
        },
    };
    Ok(Some(Key { kid: text("kid")?.map(str::to_owned), only, material }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "reallyreallyreallyreallyverysafe";

    #[test]
    fn a_secret_has_32_bytes_or_is_refused() {
        let base64 = STANDARD.encode(SECRET);
        let url = URL_SAFE_NO_PAD.encode([0xff; 33]);
        for (text, is_base64, len) in [
            (SECRET, false, Some(32)),
            (&SECRET[1..], false, None),
            ("", false, None),
            (&*base64, true, Some(32)),
            (base64.trim_end_matches('='), true, Some(32)),
            (&*base64.replace('=', "."), true, Some(32)),
            (&*url, true, Some(33)),
            ("not base64 at all, not base64 at all", true, None),
            (&base64[..20], true, None),
        ] {
            assert_eq!(secret_bytes(text, is_base64).ok().map(|b| b.len()), len, "{text}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_refused_when_the_house_starts() {
        let k = URL_SAFE_NO_PAD.encode(SECRET);
        let weak = URL_SAFE_NO_PAD.encode([1; 128]);
        for (jwk, usable) in [
            (format!(r#"{{"kty":"oct","k":"{k}"}}"#), true),
            (format!(r#"{{"kty":"oct","k":"{k}","alg":"HS512","use":"sig","key_ops":["sign","verify"]}}"#), true),
            (
                format!(r#"{{"keys":[{{"kty":"oct","k":"{k}"}},{{"kty":"XYZ"}},{{"kty":"EC","crv":"secp256k1"}}]}}"#),
                true,
            ),
            (format!(r#"{{"kty":"oct","k":"{k}","use":"enc"}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}","key_ops":["sign"]}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}","key_ops":"verify"}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}","alg":"RS256"}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}","alg":"none"}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}","kid":7}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}","k":"{k}"}}"#), false),
            (format!(r#"{{"kty":"oct","k":"{k}=="}}"#), false),
            (format!(r#"{{"kty":"RSA","n":"{weak}","e":"AQAB"}}"#), false),
            (r#"{"kty":"oct","k":"c2hvcnQ"}"#.to_owned(), false),
            (r#"{"kty":"oct"}"#.to_owned(), false),
            (r#"{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}"#.to_owned(), false),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AQ"}"#.to_owned(), false),
            (r#"{"k":"x"}"#.to_owned(), false),
            (r#"{"keys":[]}"#.to_owned(), false),
            (r#"{"keys":{}}"#.to_owned(), false),
            (r#"{"keys":[1]}"#.to_owned(), false),
            ("{".to_owned(), false),
        ] {
            assert_eq!(KeySet::parse(&jwk, false).is_ok(), usable, "{jwk}");
        }
    }

    #[test]
    fn keys_do_not_print() {
        assert_eq!(format!("{:?}", KeySet::parse(SECRET, false).unwrap()), "KeySet(1 keys)");
    }
}
