//! What a request claims, and what is kept of its answer.

use std::borrow::Cow;

use bytes::Bytes;

/// What the client chose: 1 to 255 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub(crate) String);

impl Key {
    /// Its text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request under a key: where the key holds, and what the request was. Both are SHA-256 digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(crate) place: [u8; 32],
    pub(crate) fingerprint: [u8; 32],
}

/// An answer as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stored {
    /// The status.
    pub status: u16,
    /// Headers that belong to the answer rather than to its delivery, names in lower case.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body; `None` for answers that have none by their nature.
    pub body: Option<Bytes>,
}
