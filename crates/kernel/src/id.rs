//! Typed ids: a `UUIDv7`, printed as a prefix and 26 characters of Crockford's base 32, `run_01J…`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use crate::{Micros, Random};

/// What an [`Id`] names.
pub trait Noun {
    /// The prefix of the printed id, without the underscore.
    const PREFIX: &'static str;
}

/// The id of one `T`. Sorts by the time it was made.
pub struct Id<T>(u128, PhantomData<fn() -> T>);

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TEXT: usize = 26;

impl<T> Id<T> {
    /// A new id. The 12 bits after the millisecond carry its fraction (RFC 9562 section 6.2, method 3), so ids made in one
    /// process sort by microsecond.
    pub fn new(now: Micros, random: &dyn Random) -> Self {
        let millis = u128::from(now.as_millis().max(0).unsigned_abs()) & 0xffff_ffff_ffff;
        let fraction = u128::from(now.0.rem_euclid(1_000).unsigned_abs()) * 4096 / 1000;
        let tail = u128::from(random.next_u64()) & 0x3fff_ffff_ffff_ffff;
        Self(millis << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | tail, PhantomData)
    }

    /// The id that these bytes are; any 16 bytes are one.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes), PhantomData)
    }

    /// The 16 bytes of the UUID.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    fn digits(self) -> [u8; TEXT] {
        let mut text = [0; TEXT];
        let mut rest = self.0;
        for slot in text.iter_mut().rev() {
            *slot = DIGITS[(rest & 31) as usize];
            rest >>= 5;
        }
        text
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: Noun> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        write!(f, "{}_{}", T::PREFIX, std::str::from_utf8(&digits).expect("base 32 digits are ASCII"))
    }
}

impl<T: Noun> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not the id of this noun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}_ and 26 characters of base 32", self.prefix)
    }
}
impl std::error::Error for BadId {}

/// Only the canonical text parses (upper case, no look-alikes), so one id has one text.
impl<T: Noun> FromStr for Id<T> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { prefix: T::PREFIX };
        let digits = text.strip_prefix(T::PREFIX).and_then(|t| t.strip_prefix('_')).ok_or(bad.clone())?.as_bytes();
        // 26 digits hold 130 bits: the first may not exceed 7.
        if digits.len() != TEXT || digits[0] > b'7' {
            return Err(bad);
        }
        let mut value = 0_u128;
        for digit in digits {
            let at = DIGITS.iter().position(|d| d == digit).ok_or(bad.clone())?;
            value = value << 5 | at as u128;
        }
        Ok(Self(value, PhantomData))
    }
}

impl<T: Noun> serde::Serialize for Id<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de, T: Noun> serde::Deserialize<'de> for Id<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The id under which one request is found in answers, logs and traces: the caller's when it is sane, else a new `req_…`.
/// Held inline; making and copying one allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    text: [u8; RequestId::LEN_MAX],
    len: u8,
}

impl RequestId {
    /// The longest id accepted from a caller, in bytes.
    pub const LEN_MAX: usize = 64;

    /// A new id.
    pub fn new(now: Micros, random: &dyn Random) -> Self {
        let mut text = [0; Self::LEN_MAX];
        text[..4].copy_from_slice(b"req_");
        text[4..30].copy_from_slice(&Id::<()>::new(now, random).digits());
        Self { text, len: 30 }
    }

    /// The caller's id, if it is 1 to 64 letters, digits, `-`, `_`, `.`, or `:`: nothing that could forge a log line.
    pub fn from_caller(id: &[u8]) -> Option<Self> {
        let sane = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
        if id.is_empty() || id.len() > Self::LEN_MAX || !id.iter().all(sane) {
            return None;
        }
        let mut text = [0; Self::LEN_MAX];
        text[..id.len()].copy_from_slice(id);
        Some(Self { text, len: u8::try_from(id.len()).ok()? })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Both ways of making one admit ASCII only, so this never falls back.
        std::str::from_utf8(&self.text[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    struct Run;
    impl Noun for Run {
        const PREFIX: &'static str = "run";
    }

    #[test]
    fn an_id_is_a_version_7_uuid_that_sorts_by_microsecond() {
        let random = SeededRandom::new(1);
        let ids: Vec<Id<Run>> = (0..2_000).map(|i| Id::new(Micros(1_700_000_000_000_000 + i), &random)).collect();
        assert!(ids.is_sorted());
        let bytes = ids[0].to_bytes();
        assert_eq!((bytes[6] >> 4, bytes[8] >> 6), (7, 0b10));
        assert_eq!(
            u64::from_be_bytes([0, 0, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]]),
            1_700_000_000_000
        );
    }

    #[test]
    fn ids_print_with_their_prefix_and_parse_back() {
        for (bytes, text) in [
            ([0; 16], "run_00000000000000000000000000"),
            ([0xff; 16], "run_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            (*b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x21", "run_00000000000000000000000011"),
        ] {
            let id = Id::<Run>::from_bytes(bytes);
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<Id<Run>>(&json).unwrap(), id);
        }
    }

    #[test]
    fn what_is_not_the_canonical_text_of_the_noun_is_refused() {
        for text in [
            "",
            "run_",
            "job_00000000000000000000000000",
            "run_0000000000000000000000000",
            "run_000000000000000000000000000",
            "run_80000000000000000000000000",
            "run_0000000000000000000000000I",
            "run_0000000000000000000000000a",
            "run_0000000000000000000000000é",
        ] {
            assert!(text.parse::<Id<Run>>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_callers_request_id_is_kept_only_when_it_is_sane() {
        let long = "x".repeat(65);
        for (given, kept) in [
            ("abc-123_x.y:z", true),
            (&long[1..], true),
            ("", false),
            (&long, false),
            ("a b", false),
            ("a\nb", false),
            ("a\"b", false),
            ("é", false),
        ] {
            assert_eq!(RequestId::from_caller(given.as_bytes()).map(|i| i.to_string()), kept.then(|| given.to_owned()));
        }
        let made = RequestId::new(Micros(1_700_000_000_000_000), &SeededRandom::new(1));
        assert!(made.as_str().starts_with("req_01HF"), "{made}");
        assert_eq!(RequestId::from_caller(made.as_str().as_bytes()), Some(made));
    }
}
