//! The chain: each event carries a hash over its predecessor's hash, its place and what it says, so that whoever edits or removes one with
//! direct access to the database is found out, and where.
//!
//! An event's link is SHA-256 over the link before it (32 bytes), its position (8 bytes, the highest first) and the SHA-256 of its
//! content. The content is unit, kind, subject, key, data, context and time, each with its length in bytes and a colon before it. SQLite's events get theirs
//! when they are written, PostgreSQL's when they get their positions. What is forgotten from the beginning leaves its last link as the anchor.

use std::fmt;

use store::{Lane, Scope, Store};

use crate::model::Logged;
use crate::store as log;

/// A link before the first.
pub(crate) const NOTHING: Link = [0; 32];
/// Events looked at in one page.
const PAGE: i64 = 500;

/// An event's hash.
pub(crate) type Link = [u8; 32];

/// The digest of what an event says.
pub(crate) fn content(texts: [&str; 6], at: i64) -> Link {
    let at = at.to_string();
    let mut all = Vec::with_capacity(texts.iter().map(|text| text.len() + 8).sum::<usize>() + 32);
    for text in texts.into_iter().chain([at.as_str()]) {
        all.extend_from_slice(text.len().to_string().as_bytes());
        all.push(b':');
        all.extend_from_slice(text.as_bytes());
    }
    crypto::sha256(&all)
}

/// The link of an event.
pub(crate) fn link(before: &Link, position: i64, content: &Link) -> Link {
    let mut all = [0; 72];
    all[..32].copy_from_slice(before);
    all[32..40].copy_from_slice(&position.to_be_bytes());
    all[40..].copy_from_slice(content);
    crypto::sha256(&all)
}

fn content_of(event: &Logged) -> Link {
    let texts = [&event.unit, &event.kind, &event.subject, &event.key, &event.data, &event.context];
    content(texts.map(String::as_str), event.at)
}

/// What is wrong with the log, at the first place where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What stands at this place is not what was written there.
    Edited(i64),
    /// Nothing stands at this place.
    Missing(i64),
    /// From this place on the log was cut off; it went up to the second.
    CutOff(i64, i64),
    /// From this place on something stands there that was never given a place.
    Added(i64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited(at) => write!(f, "the event at {at} is not the one that was written there"),
            Self::Missing(at) => write!(f, "the event at {at} is missing"),
            Self::CutOff(at, end) => write!(f, "the events from {at} on are missing; the log went up to {end}"),
            Self::Added(at) => write!(f, "the event at {at} was put there by somebody else"),
        }
    }
}

/// What a look at the whole log found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The place before the first event that is verified: what was up to there is forgotten, or older than the chain.
    pub after: i64,
    /// Nothing that happened later than this is forgotten; microseconds since 1970 UTC.
    pub forgotten_until: i64,
    /// The last place.
    pub last: i64,
    /// The last link: who keeps it elsewhere can tell later that nothing up to here was written anew.
    pub link: Link,
    /// The first fault.
    pub fault: Option<Fault>,
}

/// Goes along the chain from its anchor to its end.
///
/// # Errors
/// Those of the store.
pub async fn verify(store: &Store) -> store::Result<Verified> {
    let scope = Scope { timeout: std::time::Duration::from_secs(3_600), ..Scope::default() };
    store
        .read(scope, Lane::Long, |conn| {
            let anchor = log::mark(conn, log::ANCHOR)?;
            let head = log::mark(conn, log::HEAD)?;
            let (mut at, mut before) = (anchor.position, anchor.link);
            let found = |at, before, fault| Verified {
                after: anchor.position,
                forgotten_until: anchor.at,
                last: at,
                link: before,
                fault,
            };
            loop {
                let page = log::linked(conn, at, PAGE)?;
                let ended = page.is_empty();
                for (position, stands, event) in page {
                    let next = at + 1;
                    let fault = match event {
                        _ if position != next => Some(Fault::Missing(next)),
                        None => Some(Fault::Missing(next)),
                        Some(_) if next > head.position => Some(Fault::Added(next)),
                        Some(event) => {
                            let wanted = link(&before, position, &content_of(&event));
                            let fits = stands.as_deref() == Some(&wanted[..]);
                            before = wanted;
                            (!fits).then_some(Fault::Edited(position))
                        }
                    };
                    if fault.is_some() {
                        return Ok(found(at, before, fault));
                    }
                    at = next;
                }
                if ended {
                    let fault = if at < head.position {
                        Some(Fault::CutOff(at + 1, head.position))
                    } else if at == head.position && before != head.link {
                        // All links were made anew, but for the one that is kept apart.
                        Some(Fault::Edited(at))
                    } else {
                        None
                    };
                    return Ok(found(at, before, fault));
                }
            }
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_that_differ_anywhere_have_other_digests() {
        let digests = [
            content(["a", "b", "", "", "", ""], 1),
            content(["ab", "", "", "", "", ""], 1),
            content(["a", "", "b", "", "", ""], 1),
            content(["a", "b", "", "", "", ""], 11),
            content(["a", "b", "", "", "", "1"], 1),
        ];
        for (at, one) in digests.iter().enumerate() {
            assert!(digests.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
        // Also at another place, or behind another one.
        assert_ne!(link(&NOTHING, 1, &digests[0]), link(&NOTHING, 2, &digests[0]));
        assert_ne!(link(&NOTHING, 1, &digests[0]), link(&digests[1], 1, &digests[0]));
    }
}
