//! What a key is, what makes two requests the same, and how keys of our own calls follow from a caller's.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Error, Result};

use crate::error::KEY_INVALID;
use crate::model::{Claim, Key};

/// Characters a key may have.
const KEY_MAX: usize = 255;
/// How long a request may wait for another one's answer.
const WAIT_MAX: Duration = Duration::from_secs(60);

impl Key {
    /// Reads the header: a string in quotes (RFC 9651 section 3.3.3), or bare, as most clients send it. The values of several headers are
    /// one value too many.
    ///
    /// # Errors
    /// `idempotency.key_invalid`.
    pub fn parse<'h>(mut values: impl Iterator<Item = &'h [u8]>) -> Result<Option<Self>> {
        let refuse = |why: &str| Err(Error::new(&KEY_INVALID, why.to_owned()));
        let Some(first) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return refuse("The header Idempotency-Key came more than once.");
        }
        let text = first.trim_ascii();
        if !text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return refuse("A key is made of printable ASCII characters.");
        }
        let key = match text.strip_prefix(b"\"") {
            None => String::from_utf8_lossy(text).into_owned(),
            Some(quoted) => match unquoted(quoted) {
                Some(key) => key,
                None => return refuse("The key begins with a quote and is not a quoted string."),
            },
        };
        match key.len() {
            0 => refuse("The key is empty."),
            1..=KEY_MAX => Ok(Some(Self(key))),
            _ => refuse("A key has at most 255 characters."),
        }
    }
}

/// The inside of a quoted string, behind its first quote; only quotes and backslashes are escaped.
fn unquoted(text: &[u8]) -> Option<String> {
    let mut key = String::new();
    let mut bytes = text.iter();
    loop {
        match bytes.next()? {
            b'"' => break,
            b'\\' => match bytes.next()? {
                escaped @ (b'"' | b'\\') => key.push(char::from(*escaped)),
                _ => return None,
            },
            byte => key.push(char::from(*byte)),
        }
    }
    // Parameters of the item mean nothing to us.
    bytes.next().is_none_or(|next| *next == b';').then_some(key)
}

/// Everything that makes a request that request.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'r> {
    /// Who asks, beyond doubt: tenant, role and subject. Not a token, which is renewed between two attempts.
    pub actor: &'r [&'r str],
    /// The verb.
    pub method: &'r str,
    /// The route's template and whatever of the path the route leaves open.
    pub path: &'r str,
    /// The query string as it came.
    pub query: &'r str,
    /// The values of the headers that decide what is done or how it is answered, in a fixed order.
    pub headers: &'r [&'r str],
    /// The body as it came.
    pub body: &'r [u8],
}

impl Claim {
    /// What a request under a key claims.
    pub fn of(key: &Key, asking: &Asking<'_>) -> Self {
        let mut place = Digested::new(b"mainstay idempotency place 1");
        asking.actor.iter().for_each(|part| place.part(part.as_bytes()));
        place.part(asking.method.as_bytes());
        place.part(asking.path.as_bytes());
        place.part(key.as_str().as_bytes());
        let mut print = Digested::new(b"mainstay idempotency fingerprint 1");
        print.part(asking.query.as_bytes());
        asking.headers.iter().for_each(|part| print.part(part.as_bytes()));
        print.part(&crypto::sha256(asking.body));
        Self { place: place.end(), fingerprint: print.end() }
    }

    /// A number that stands for the place, for locks that take numbers.
    pub(crate) fn number(&self) -> i64 {
        let (first, _) = self.place.split_first_chunk::<8>().expect("a digest has 32 bytes");
        i64::from_be_bytes(*first)
    }
}

/// Parts with their lengths, so that no two lists of parts are the same bytes.
struct Digested(Vec<u8>);

impl Digested {
    fn new(of: &[u8]) -> Self {
        let mut made = Self(Vec::with_capacity(256));
        made.part(of);
        made
    }
    fn part(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
    fn end(&self) -> [u8; 32] {
        crypto::sha256(&self.0)
    }
}

/// The key of a call that is made on behalf of another one: the same for every attempt of the parent, so that a retried parent repeats
/// none of its calls. `step` names the call within the parent (`webhook/42`, `charge`).
pub fn derive(parent: &str, step: &str) -> String {
    let mut key = Digested::new(b"mainstay idempotency derived 1");
    key.part(parent.as_bytes());
    key.part(step.as_bytes());
    URL_SAFE_NO_PAD.encode(key.end())
}

/// How long a request is willing to wait: `Prefer: wait=n`, seconds (RFC 7240 section 4.3), at most a minute.
pub fn wait_of<'h>(prefer: impl IntoIterator<Item = &'h str>) -> Option<Duration> {
    let words = prefer.into_iter().flat_map(|header| header.split(',')).map(str::trim);
    let mut waits = words.filter_map(|word| word.strip_prefix("wait="));
    let seconds: u64 = waits.next()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&str]) -> Result<Option<String>, &'static str> {
        Key::parse(values.iter().map(|value| value.as_bytes()))
            .map(|key| key.map(|key| key.as_str().to_owned()))
            .map_err(|error| error.code.name)
    }

    #[test]
    fn keys_come_quoted_or_bare() {
        let long = "x".repeat(255);
        for (given, want) in [
            ("8e03978e-40d5", "8e03978e-40d5"),
            ("\"8e03978e-40d5\"", "8e03978e-40d5"),
            ("  \"a b\"  ", "a b"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("\"a\";q=1", "a"),
            ("a,b", "a,b"),
            (&long, &long),
        ] {
            assert_eq!(parsed(&[given]), Ok(Some(want.to_owned())), "{given}");
        }
        assert_eq!(parsed(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = "x".repeat(256);
        for given in ["", "  ", "\"\"", "\"a", "\"a\"b", "\"a\\n\"", "\"", "é", "a\u{7f}", "a\tb", &long] {
            assert_eq!(parsed(&[given]), Err("idempotency.key_invalid"), "{given:?}");
        }
        assert_eq!(parsed(&["a", "a"]), Err("idempotency.key_invalid"));
    }

    #[test]
    fn a_claim_tells_apart_what_differs_and_nothing_else() {
        let key = Key("k".to_owned());
        let base = Asking {
            actor: &["", "anon", ""],
            method: "POST",
            path: "/rest/v1/a",
            query: "",
            headers: &["application/json", ""],
            body: b"{}",
        };
        let first = Claim::of(&key, &base);
        assert_eq!(first, Claim::of(&key, &base));
        let other_requests = [
            Asking { query: "select=a", ..base },
            Asking { headers: &["text/csv", ""], ..base },
            Asking { headers: &["", "application/json"], ..base },
            Asking { body: b"{} ", ..base },
        ];
        for asking in other_requests {
            let claim = Claim::of(&key, &asking);
            assert_eq!(claim.place, first.place, "{asking:?}");
            assert_ne!(claim.fingerprint, first.fingerprint, "{asking:?}");
        }
        let other_places = [
            Asking { actor: &["", "anon", "x"], ..base },
            Asking { actor: &["anon", "", ""], ..base },
            Asking { method: "PATCH", ..base },
            Asking { path: "/rest/v1/b", ..base },
        ];
        for asking in other_places {
            assert_ne!(Claim::of(&key, &asking).place, first.place, "{asking:?}");
        }
        assert_ne!(Claim::of(&Key("l".to_owned()), &base).place, first.place);
    }

    #[test]
    fn derived_keys_are_keys_and_the_same_each_time() {
        let key = derive("order-1", "charge");
        assert_eq!(key, derive("order-1", "charge"));
        assert_ne!(key, derive("order-1", "charge2"));
        assert_ne!(derive("a", "bc"), derive("ab", "c"));
        assert_eq!(parsed(&[&key]), Ok(Some(key.clone())));
    }

    #[test]
    fn waiting_is_asked_for_in_seconds_and_bounded() {
        for (prefer, want) in [
            (&["wait=5"][..], Some(5)),
            (&["return=minimal, wait=2"], Some(2)),
            (&["return=minimal", "wait=3,wait=9"], Some(3)),
            (&["wait=100000"], Some(60)),
            (&["wait=x"], None),
            (&["await=3"], None),
            (&[], None),
        ] {
            assert_eq!(wait_of(prefer.iter().copied()).map(|wait| wait.as_secs()), want, "{prefer:?}");
        }
    }
}
