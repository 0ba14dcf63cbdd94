//! Verifies a log from its files: a folder in the layout of C2SP `tlog-tiles`, with older checkpoints under `checkpoints/`.
//!
//! What the signed checkpoint says is the measure. The right edge of the tree is held against its root; every full tile against
//! the hash that stands for it one level up, from the top down; the entries against the hashes of their leaves. Where a tile does
//! not hold, its content is computed from below: if that holds, only the tile was changed.

mod checkpoints;
mod entries;
mod partials;
mod tiles;

use std::collections::BTreeSet;
use std::error::Error;

use crypto::tlog::{Checkpoint, VerifierKey};

use crate::rules::{Finding, explain};
use partials::Partials;
pub(crate) use partials::tile_now;
use tiles::Walk;

/// Why files cannot be read.
pub type ReadError = Box<dyn Error + Send + Sync>;

/// The files of a log, by their paths below its prefix: `checkpoint`, `tile/0/000`, `tile/entries/000.p/5`, `checkpoints/5`.
pub trait LogFiles {
    /// A file, `None` when there is none of this path.
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, ReadError>;
    /// The paths of all files.
    fn list(&mut self) -> Result<Vec<String>, ReadError>;
}

/// What the verifier believes beforehand.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The log's key; its name is the log's origin.
    pub log: VerifierKey,
    /// Witnesses.
    pub witnesses: Vec<VerifierKey>,
    /// How many of them must have cosigned the checkpoint.
    pub witnesses_min: usize,
    /// Checkpoints that the log is known to have stood by: from an earlier verification, a receipt, or a witness.
    pub known: Vec<Checkpoint>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The checkpoint everything was held against; none when there is none to believe.
    pub checkpoint: Option<Checkpoint>,
    /// How many entries were read and stand for what the checkpoint signs.
    pub entries: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Whether there is more that is wrong than is listed.
    pub more: bool,
}

impl Report {
    /// Whether nothing is wrong.
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The most findings that are listed.
const FINDINGS_MAX: usize = 1000;

/// Findings as they come, each once, up to a bound.
#[derive(Debug, Default)]
struct Findings {
    all: BTreeSet<Finding>,
    more: bool,
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        if self.all.len() < FINDINGS_MAX {
            self.all.insert(finding);
        } else {
            self.more |= !self.all.contains(&finding);
        }
    }
}

/// Verifies a log. Fails only when its files cannot be read; what is wrong with them stands in the report.
pub fn verify(files: &mut dyn LogFiles, trust: &Trust) -> Result<Report, ReadError> {
    let mut findings = Findings::default();
    let paths = files.list()?;
    let (checkpoint, marks) = checkpoints::gather(files, &paths, trust, &mut findings)?;
    let Some(checkpoint) = checkpoint else {
        return Ok(Report { checkpoint: None, entries: 0, findings: findings.all.into_iter().collect(), more: false });
    };
    let partials = Partials::gather(&paths, checkpoint.size, &mut findings);
    let mut walk = Walk::new(files, &checkpoint, marks, partials, &mut findings);
    walk.run()?;
    let (entries, mismatches) = (walk.sound, walk.mismatches);
    for finding in explain(&mismatches) {
        findings.add(finding);
    }
    Ok(Report {
        checkpoint: Some(checkpoint),
        entries,
        findings: findings.all.into_iter().collect(),
        more: findings.more,
    })
}
