//! The record of an act, and the bytes that stand for it in the log.

use crypto::tlog::ENTRY_BYTES_MAX;
use crypto::{hex, sha256};
use kernel::{Id, Micros, Noun, RequestId};
use serde_json::{Map, Value};

use crate::canonical::{self, Object};
use crate::error::RecordError;
use crate::personal::Sealed;

/// The version of the record's form.
const VERSION: i64 = 1;

/// One entry of the log.
#[derive(Debug)]
pub struct Entry;

impl Noun for Entry {
    const PREFIX: &'static str = "aud";
}

/// Who acted, as far as it identifies nobody: the person stands in [`Record::personal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// For which tenant; none in a house with one.
    pub tenant: Option<String>,
    /// The database role.
    pub role: String,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and committed together with this record.
    Done,
    /// It was not allowed.
    Refused,
    /// It was allowed and did not come about.
    Failed,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// The outcome of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The events of the act's unit: how many, and the hash over their bytes, so that the log also proves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsDigest {
    /// How many.
    pub count: u32,
    /// The SHA-256 over all of them, in their order.
    pub sha256: [u8; 32],
}

/// Particulars of an act.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Details {
    /// There are none.
    #[default]
    None,
    /// These, in canonical JSON.
    Json(Vec<u8>),
    /// They did not fit: so many bytes of canonical JSON with this SHA-256.
    Digest {
        /// How long they are.
        bytes: u64,
        /// Their hash.
        sha256: [u8; 32],
    },
}

impl Details {
    /// These particulars.
    pub fn of(value: &Value) -> Self {
        let mut json = Vec::new();
        canonical::value(value, &mut json);
        Self::Json(json)
    }

    /// The same in a few bytes.
    fn digest(&self) -> Self {
        match self {
            Self::Json(json) => Self::Digest { bytes: json.len() as u64, sha256: sha256(json) },
            short => short.clone(),
        }
    }
}

/// One act, or the refusal of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: Id<Entry>,
    /// When.
    pub at: Micros,
    /// Who.
    pub actor: Actor,
    /// What the record says about a person.
    pub personal: Option<Sealed>,
    /// What was done: `data.row.inserted`, `auth.token.refused`.
    pub action: String,
    /// To which object: `public.artist`, `public.artist/id=7`.
    pub object: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Under which policy it was allowed or refused.
    pub policy: Option<String>,
    /// Why it was refused or failed: a code.
    pub reason: Option<String>,
    /// The request it was done for.
    pub request: Option<RequestId>,
    /// The trace it belongs to: the 32 digits of its id.
    pub trace: Option<String>,
    /// The events of its unit.
    pub events: Option<EventsDigest>,
    /// Particulars.
    pub details: Details,
}

impl Record {
    /// That a role has done something to an object; nothing else is said.
    pub fn done(
        (id, at): (Id<Entry>, Micros),
        role: impl Into<String>,
        action: impl Into<String>,
        object: impl Into<String>,
    ) -> Self {
        Self {
            id,
            at,
            actor: Actor { tenant: None, role: role.into() },
            personal: None,
            action: action.into(),
            object: object.into(),
            outcome: Outcome::Done,
            policy: None,
            reason: None,
            request: None,
            trace: None,
            events: None,
            details: Details::None,
        }
    }

    /// Its bytes in the log: canonical JSON (RFC 8785). Details that do not fit into [`ENTRY_BYTES_MAX`] are replaced by their hash.
    pub fn to_entry(&self) -> Result<Vec<u8>, RecordError> {
        let mut entry = self.write(&self.details);
        if entry.len() > ENTRY_BYTES_MAX {
            entry = self.write(&self.details.digest());
        }
        if entry.len() > ENTRY_BYTES_MAX { Err(RecordError::TooLong(entry.len())) } else { Ok(entry) }
    }

    /// Members in the order of their names.
    fn write(&self, details: &Details) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let mut object = Object::begin(&mut out);
        object.text("action", &self.action);
        let mut actor = Object::begin(object.member("actor"));
        actor.text("role", &self.actor.role);
        actor.maybe("tenant", self.actor.tenant.as_deref());
        actor.end();
        object.integer("at", self.at.0);
        match details {
            Details::None => {}
            Details::Json(json) => object.member("details").extend(json),
            Details::Digest { bytes, sha256 } => {
                let mut digest = Object::begin(object.member("details_digest"));
                digest.integer("bytes", i64::try_from(*bytes).unwrap_or(i64::MAX));
                digest.text("sha256", &hex(sha256));
                digest.end();
            }
        }
        if let Some(events) = &self.events {
            let mut digest = Object::begin(object.member("events"));
            digest.integer("count", i64::from(events.count));
            digest.text("sha256", &hex(&events.sha256));
            digest.end();
        }
        object.text("id", &self.id.to_string());
        object.text("object", &self.object);
        object.text("outcome", self.outcome.as_str());
        if let Some(personal) = &self.personal {
            personal.write(object.member("personal"));
        }
        object.maybe("policy", self.policy.as_deref());
        object.maybe("reason", self.reason.as_deref());
        object.maybe("request", self.request.as_ref().map(RequestId::as_str));
        object.maybe("trace", self.trace.as_deref());
        object.integer("v", VERSION);
        object.end();
        out
    }

    /// The record that an entry is.
    pub fn parse(entry: &[u8]) -> Result<Self, RecordError> {
        let Ok(Value::Object(members)) = serde_json::from_slice(entry) else { return Err(RecordError::Json) };
        let members = Members(&members);
        if members.integer("v") != Some(VERSION) {
            return Err(RecordError::Member("v"));
        }
        let actor = members.object("actor")?.ok_or(RecordError::Member("actor"))?;
        let details = match (members.0.get("details"), members.object("details_digest")?) {
            (None, None) => Details::None,
            (Some(json), None) => Details::of(json),
            (None, Some(digest)) => Details::Digest {
                bytes: digest.integer("bytes").and_then(|n| n.try_into().ok()).ok_or(RecordError::Member("bytes"))?,
                sha256: digest.hash("sha256")?,
            },
            (Some(_), Some(_)) => return Err(RecordError::Member("details_digest")),
        };
        let events = members.object("events")?.map(|events| {
            let count = events.integer("count").and_then(|n| n.try_into().ok()).ok_or(RecordError::Member("count"))?;
            Ok(EventsDigest { count, sha256: events.hash("sha256")? })
        });
        let outcome = members.need("outcome")?;
        let record = Self {
            id: members.need("id")?.parse().map_err(|_| RecordError::Member("id"))?,
            at: Micros(members.integer("at").ok_or(RecordError::Member("at"))?),
            actor: Actor { tenant: actor.text("tenant")?, role: actor.need("role")? },
            personal: members.object("personal")?.map(|sealed| Sealed::read(sealed.0)).transpose()?,
            action: members.need("action")?,
            object: members.need("object")?,
            outcome: Outcome::parse(&outcome).ok_or(RecordError::Member("outcome"))?,
            policy: members.text("policy")?,
            reason: members.text("reason")?,
            request: members
                .text("request")?
                .map(|text| RequestId::from_caller(text.as_bytes()).ok_or(RecordError::Member("request")))
                .transpose()?,
            trace: members.text("trace")?,
            events: events.transpose()?,
            details,
        };
        if record.write(&record.details) == entry { Ok(record) } else { Err(RecordError::Canonical) }
    }
}

/// An object that is being read.
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn text(&self, name: &'static str) -> Result<Option<String>, RecordError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(RecordError::Member(name)),
        }
    }

    fn need(&self, name: &'static str) -> Result<String, RecordError> {
        self.text(name)?.ok_or(RecordError::Member(name))
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name).and_then(Value::as_i64)
    }

    fn object(&self, name: &'static str) -> Result<Option<Members<'a>>, RecordError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Members(members))),
            Some(_) => Err(RecordError::Member(name)),
        }
    }

    fn hash(&self, name: &'static str) -> Result<[u8; 32], RecordError> {
        let text = self.need(name)?;
        let mut hash = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != hash.len() || !rest.is_empty() {
            return Err(RecordError::Member(name));
        }
        for (byte, pair) in hash.iter_mut().zip(pairs) {
            let pair = std::str::from_utf8(pair).map_err(|_| RecordError::Member(name))?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| RecordError::Member(name))?;
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personal::SubjectKey;
    use kernel::SeededRandom;
    use proptest::prelude::*;
    use serde_json::json;

    fn record() -> Record {
        let at = Micros(1_700_000_000_000_000);
        let id = Id::new(at, &SeededRandom::new(1));
        Record::done((id, at), "web_user", "data.row.inserted", "public.artist")
    }

    fn full() -> Record {
        let key: Id<SubjectKey> = Id::new(Micros(5), &SeededRandom::new(2));
        Record {
            personal: Some(Sealed { key, nonce: [7; 12], data: vec![1, 2, 3] }),
            actor: Actor { tenant: Some("acme".to_owned()), role: "web".to_owned() },
            outcome: Outcome::Refused,
            policy: Some("own rows".to_owned()),
            reason: Some("42501".to_owned()),
            request: RequestId::from_caller(b"req_1"),
            trace: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
            events: Some(EventsDigest { count: 2, sha256: [9; 32] }),
            details: Details::of(&json!({"b": [1, 2.50], "a": "ä\n"})),
            ..record()
        }
    }

    #[test]
    fn an_entry_is_canonical_json_and_reads_back() {
        let text = String::from_utf8(record().to_entry().unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"action":"data.row.inserted","actor":{"role":"web_user"},"at":1700000000000000,"id":"aud_01HF7YAT00E00922HDXJ4G4Q61","object":"public.artist","outcome":"done","v":1}"#
        );
        for record in [record(), full()] {
            let entry = record.to_entry().unwrap();
            assert_eq!(Record::parse(&entry), Ok(record));
            // Another implementation would write the same: sorted, without spaces.
            let mut again = Vec::new();
            canonical::value(&serde_json::from_slice(&entry).unwrap(), &mut again);
            assert_eq!(again, entry);
        }
    }

    #[test]
    fn details_that_do_not_fit_are_replaced_by_their_hash() {
        for (length, whole) in [(10, true), (65_000, true), (66_000, false), (1_000_000, false)] {
            let details = Details::of(&json!("x".repeat(length)));
            let record = Record { details: details.clone(), ..record() };
            let entry = record.to_entry().unwrap();
            assert!(entry.len() <= ENTRY_BYTES_MAX);
            let read = Record::parse(&entry).unwrap();
            assert_eq!(read.details, if whole { details } else { details.digest() }, "{length}");
        }
        let long = Record { object: "x".repeat(ENTRY_BYTES_MAX), ..record() };
        assert!(matches!(long.to_entry(), Err(RecordError::TooLong(_))));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let entry = String::from_utf8(full().to_entry().unwrap()).unwrap();
        for (from, to) in [
            ("{", ""),
            ("\"v\":1", "\"v\":2"),
            ("\"v\":1", "\"v\":1,\"w\":1"),
            ("\"v\":1", "\"v\": 1"),
            ("\"action\"", "\"actiom\""),
            ("\"refused\"", "\"maybe\""),
            ("\"aud_", "\"job_"),
            ("\"req_1\"", "\"req 1\""),
            ("\"count\":2", "\"count\":-2"),
            ("\"count\":2", "\"count\":2.0"),
            ("\"role\":\"web\"", "\"role\":null"),
            ("0909", "0g09"),
            ("0909", "+909"),
            ("09090909", "090909"),
            ("\"nonce\":\"", "\"nonce\":\"AA"),
            ("2.5", "2.50"),
            ("\"details\":", "\"details_digest\":{},\"details\":"),
        ] {
            assert!(entry.contains(from), "{from}");
            let wrong = entry.replacen(from, to, 1);
            assert!(Record::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(Record::parse(b"[]"), Err(RecordError::Json));
        assert_eq!(Record::parse(&[0xff]), Err(RecordError::Json));
    }

    proptest! {
        #[test]
        fn any_text_in_a_record_comes_back(action: String, object: String, policy: Option<String>, text: String, at in -(1_i64 << 53) + 1..1 << 53) {
            let details = Details::of(&json!({ text.as_str(): text }));
            let record = Record { action, object, policy, at: Micros(at), details, ..record() };
            prop_assert_eq!(Record::parse(&record.to_entry().unwrap()), Ok(record));
        }

        #[test]
        fn what_parses_prints_the_same(entry: Vec<u8>) {
            if let Ok(record) = Record::parse(&entry) {
                prop_assert_eq!(record.to_entry().unwrap(), entry);
            }
        }
    }
}
