//! What a record says about a person, sealed under a key of that person. Destroying the key erases it; the entry, and every
//! proof that it stands where it stands, stays as it was.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{NONCE_BYTES, SealKey};
use kernel::{Id, Noun, Random};
use serde_json::{Map, Value};

use crate::canonical::Object;
use crate::error::RecordError;
use crate::model::Entry;

/// The key of one person. What it sealed names it by its id.
#[derive(Debug)]
pub struct SubjectKey;

impl Noun for SubjectKey {
    const PREFIX: &'static str = "auk";
}

/// What identifies a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Personal {
    /// The address the request came from.
    pub address: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// Who: the token's `sub`.
    pub subject: Option<String>,
}

/// The same, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which key opens it.
    pub key: Id<SubjectKey>,
    /// The nonce, of this record alone.
    pub nonce: [u8; NONCE_BYTES],
    /// The ciphertext and its tag.
    pub data: Vec<u8>,
}

/// Sealed for one record, it does not open in another.
fn context(entry: Id<Entry>) -> Vec<u8> {
    [b"mainstay audit personal 1\n", &entry.to_bytes()[..]].concat()
}

impl Personal {
    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.address.is_none() && self.session.is_none() && self.subject.is_none()
    }

    /// Seals it for the record of this id.
    pub fn seal(&self, key: (Id<SubjectKey>, &SealKey), entry: Id<Entry>, random: &dyn Random) -> Sealed {
        let mut plain = Vec::new();
        let mut object = Object::begin(&mut plain);
        object.maybe("address", self.address.as_deref());
        object.maybe("session", self.session.as_deref());
        object.maybe("subject", self.subject.as_deref());
        object.end();
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        Sealed { key: key.0, nonce, data: key.1.seal(nonce, &context(entry), &plain) }
    }
}

impl Sealed {
    /// Opens it; `None` when this is not its key, or it was sealed for another record.
    pub fn open(&self, key: &SealKey, entry: Id<Entry>) -> Option<Personal> {
        let plain = key.open(self.nonce, &context(entry), &self.data)?;
        let Value::Object(mut members) = serde_json::from_slice(&plain).ok()? else { return None };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Some(Personal { address: text("address"), session: text("session"), subject: text("subject") })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.text("data", &STANDARD.encode(&self.data));
        object.text("key", &self.key.to_string());
        object.text("nonce", &STANDARD.encode(self.nonce));
        object.end();
    }

    pub(crate) fn read(members: &Map<String, Value>) -> Result<Self, RecordError> {
        let bad = RecordError::Member("personal");
        let text = |name: &str| members.get(name).and_then(Value::as_str).ok_or(bad.clone());
        let bytes = |name: &str| STANDARD.decode(text(name)?).map_err(|_| bad.clone());
        Ok(Self {
            key: text("key")?.parse().map_err(|_| bad.clone())?,
            nonce: bytes("nonce")?.try_into().map_err(|_| bad.clone())?,
            data: bytes("data")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Micros, SeededRandom};

    #[test]
    fn a_person_is_read_with_their_key_and_in_their_record_only() {
        let random = SeededRandom::new(1);
        let [entry, other] = [1, 2].map(|at| Id::new(Micros(at), &random));
        let key_id = Id::new(Micros(3), &random);
        let [key, stranger] = [1, 2].map(|_| SealKey::new(&SealKey::fresh(&random)));
        let personal =
            Personal { subject: Some("ann".to_owned()), address: Some("192.0.2.1".to_owned()), session: None };
        let sealed = personal.seal((key_id, &key), entry, &random);
        assert_eq!(sealed.open(&key, entry), Some(personal.clone()));
        assert_eq!(sealed.open(&stranger, entry), None);
        assert_eq!(sealed.open(&key, other), None);
        // The same person twice looks different.
        assert_ne!(personal.seal((key_id, &key), entry, &random).data, sealed.data);
        assert!(!personal.is_empty() && Personal::default().is_empty());

        let mut text = Vec::new();
        sealed.write(&mut text);
        let read: Map<String, Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(Sealed::read(&read), Ok(sealed));
    }
}
