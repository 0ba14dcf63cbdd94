//! What can be wrong with a log, each with its place, and which mismatches of entries are changes, losses, additions or moves.

use std::collections::HashMap;
use std::fmt;

use crypto::tlog::{Checkpoint, Hash, Tile};
use kernel::Micros;

use crate::error::AuditError;
use crate::model::{Outcome, Record};
use crate::personal::Personal;

/// One thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// There is no checkpoint.
    CheckpointMissing,
    /// The checkpoint of this path is not of its form.
    CheckpointForm(String, String),
    /// The checkpoint of this path is of another log, of this origin.
    CheckpointOrigin(String, String),
    /// The checkpoint of this path has no signature by the log's key.
    CheckpointUnsigned(String),
    /// The checkpoint of this path has a signature in the name of a known key that is not by it.
    SignatureForged(String, String),
    /// Fewer witnesses than wanted have cosigned the checkpoint: so many of so many.
    Unwitnessed(usize, usize),
    /// The log once stood by a larger size than now.
    RolledBack {
        /// What it stood by.
        was: u64,
        /// What it stands by.
        now: u64,
    },
    /// At this size the log stood by another tree: one of the two histories is not what happened. The checkpoint was
    /// known to the verifier.
    Forked(u64),
    /// At this size a checkpoint that the log keeps stands by another tree.
    HistoryForked(u64),
    /// The tree does not have the root that the checkpoint says. The first entry that is not as it was lies in `from..to`.
    WrongRoot {
        /// Entries before this one are as they were when the log signed them.
        from: u64,
        /// The end of the range.
        to: u64,
    },
    /// The entries `from..to` are not those that the tree stands for, though they agree with the hashes next to them.
    RangeChanged {
        /// The first.
        from: u64,
        /// After the last.
        to: u64,
    },
    /// The entries `from..to` cannot be told apart any more in their tile.
    EntriesUnreadable {
        /// The first.
        from: u64,
        /// After the last.
        to: u64,
    },
    /// A tile is missing.
    TileMissing(Tile),
    /// A tile does not have the number of hashes or entries it should have.
    TileForm(Tile),
    /// A tile was changed; what it should hold is known from others.
    TileChanged(Tile),
    /// A file that no tree of this size has.
    Stray(String),
    /// The entry of this index is another than it was.
    EntryChanged(u64),
    /// The entry of this index is gone.
    EntryMissing(u64),
    /// Here stands an entry that was never in the log.
    EntryExtra(u64),
    /// The entry of one index stands at another.
    EntryMoved {
        /// Where it belongs.
        from: u64,
        /// Where it stands.
        to: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckpointMissing => f.write_str("the checkpoint is missing"),
            Self::CheckpointForm(path, why) => write!(f, "{path} is not a checkpoint: {why}"),
            Self::CheckpointOrigin(path, origin) => write!(f, "{path} is the checkpoint of another log, {origin}"),
            Self::CheckpointUnsigned(path) => write!(f, "{path} is not signed by the log's key"),
            Self::SignatureForged(path, name) => {
                write!(f, "{path} has a forged signature in the name of {name}")
            }
            Self::Unwitnessed(have, want) => write!(f, "{have} of {want} witnesses have cosigned the checkpoint"),
            Self::RolledBack { was, now } => {
                write!(f, "the log was rolled back: it had {was} entries and now stands by {now}")
            }
            Self::Forked(size) => {
                write!(f, "the log's first {size} entries are not those it stood by in a checkpoint that is known")
            }
            Self::HistoryForked(size) => {
                write!(f, "the log's first {size} entries are not those of its own checkpoint")
            }
            Self::WrongRoot { from, to } => write!(
                f,
                "the tree does not have the signed root; the first entry that is not as it was is one of {from} to {}",
                to.saturating_sub(1)
            ),
            Self::RangeChanged { from, to } => {
                write!(
                    f,
                    "among the entries {from} to {} are some that were changed with their hashes",
                    to.saturating_sub(1)
                )
            }
            Self::EntriesUnreadable { from, to } => {
                write!(f, "the entries {from} to {} cannot be read from their tile", to.saturating_sub(1))
            }
            Self::TileMissing(tile) => write!(f, "{tile} is missing"),
            Self::TileForm(tile) => write!(f, "{tile} does not hold {}", tile.width),
            Self::TileChanged(tile) => write!(f, "{tile} was changed"),
            Self::Stray(path) => write!(f, "{path} does not belong to a log of this size"),
            Self::EntryChanged(at) => write!(f, "entry {at} was changed"),
            Self::EntryMissing(at) => write!(f, "entry {at} is missing"),
            Self::EntryExtra(at) => write!(f, "an entry was added at {at}"),
            Self::EntryMoved { from, to } => write!(f, "entry {from} was moved to {to}"),
        }
    }
}

/// Where what stands and what should stand differ: an entry that is not there, one that should not be there, or one instead of the
/// other. Each with its index and leaf hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) expected: Option<(u64, Hash)>,
    pub(crate) found: Option<(u64, Hash)>,
}

/// Says of all mismatches of a log what happened. An entry that is missing in one place and found in another was moved.
pub(crate) fn explain(mismatches: &[Mismatch]) -> Vec<Finding> {
    let mut belongs: HashMap<Hash, u64> =
        mismatches.iter().filter_map(|m| m.expected).map(|(at, hash)| (hash, at)).collect();
    let mut findings = Vec::new();
    let mut moved_away = Vec::new();
    let mut strangers: Vec<&Mismatch> = Vec::new();
    let mut filled = Vec::new();
    for mismatch in mismatches {
        let Some((to, hash)) = mismatch.found else { continue };
        match belongs.remove(&hash) {
            Some(from) => {
                findings.push(Finding::EntryMoved { from, to });
                moved_away.push(from);
            }
            None => strangers.push(mismatch),
        }
    }
    moved_away.sort_unstable();
    for stranger in strangers {
        match (stranger.expected, stranger.found) {
            (Some((at, _)), _) if moved_away.binary_search(&at).is_err() => {
                findings.push(Finding::EntryChanged(at));
                filled.push(at);
            }
            (_, Some((at, _))) => findings.push(Finding::EntryExtra(at)),
            (_, None) => {}
        }
    }
    filled.sort_unstable();
    for (at, _) in mismatches.iter().filter_map(|m| m.expected) {
        if moved_away.binary_search(&at).is_err() && filled.binary_search(&at).is_err() {
            findings.push(Finding::EntryMissing(at));
        }
    }
    findings
}

/// Whether the tree of this size may be signed: it must be the continuation of the one that was signed last. `beginning` is the root
/// that the log has now at that one's size.
pub(crate) fn may_sign(last: Option<&Checkpoint>, beginning: &Hash, size: u64) -> Result<(), AuditError> {
    match last {
        Some(last) if last.size > size || last.root != *beginning => Err(AuditError::Changed(last.size)),
        _ => Ok(()),
    }
}

/// Which records are looked for. What is not said does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// This action, or all that begin with it and a dot.
    pub action: Option<String>,
    /// This object, or all that begin with it and a slash.
    pub object: Option<String>,
    /// By this role.
    pub role: Option<String>,
    /// By this person, whose key is not destroyed.
    pub subject: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// For this request.
    pub request: Option<String>,
    /// Not before.
    pub since: Option<Micros>,
    /// Before.
    pub until: Option<Micros>,
    /// Below this index.
    pub before: Option<u64>,
    /// At most so many.
    pub most: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            action: None,
            object: None,
            role: None,
            subject: None,
            outcome: None,
            request: None,
            since: None,
            until: None,
            before: None,
            most: 100,
        }
    }
}

/// A record that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its index in the log.
    pub index: u64,
    /// What it says.
    pub record: Record,
    /// What it says about a person, if their key is not destroyed.
    pub personal: Option<Personal>,
    /// Its bytes.
    pub entry: Vec<u8>,
}

impl Wanted {
    /// Whether this is one of them.
    pub fn takes(&self, record: &Record) -> bool {
        let within = |wanted: &Option<String>, is: &str, mark: char| {
            wanted.as_ref().is_none_or(|wanted| {
                is.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(mark))
            })
        };
        within(&self.action, &record.action, '.')
            && within(&self.object, &record.object, '/')
            && self.role.as_ref().is_none_or(|role| *role == record.actor.role)
            && self.outcome.is_none_or(|outcome| outcome == record.outcome)
            && self.request.as_ref().is_none_or(|id| record.request.is_some_and(|is| is.as_str() == id))
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::Finding::{EntryChanged, EntryExtra, EntryMissing, EntryMoved};
    use super::*;

    #[test]
    fn mismatches_are_explained_together() {
        let at = |index: u64, entry: u8| Some((index, [entry; 32]));
        let one = |expected, found| Mismatch { expected, found };
        for (mismatches, findings) in [
            (vec![], vec![]),
            (vec![one(at(3, 3), at(3, 99))], vec![EntryChanged(3)]),
            (vec![one(at(3, 3), None)], vec![EntryMissing(3)]),
            (vec![one(None, at(3, 99))], vec![EntryExtra(3)]),
            (
                vec![one(at(3, 3), at(3, 7)), one(at(7, 7), at(7, 3))],
                vec![EntryMoved { from: 7, to: 3 }, EntryMoved { from: 3, to: 7 }],
            ),
            (vec![one(at(3, 3), None), one(None, at(9, 3))], vec![EntryMoved { from: 3, to: 9 }]),
            // What stood where a moved entry came from was added.
            (vec![one(at(3, 3), at(3, 99)), one(None, at(9, 3))], vec![EntryMoved { from: 3, to: 9 }, EntryExtra(3)]),
            // A moved entry stands over one that is gone.
            (vec![one(at(3, 3), None), one(at(9, 9), at(9, 3))], vec![EntryMoved { from: 3, to: 9 }, EntryMissing(9)]),
        ] {
            assert_eq!(explain(&mismatches), findings, "{mismatches:?}");
        }
    }
}
