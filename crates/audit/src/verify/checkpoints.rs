//! Which checkpoint a log is held against, and which others it must agree with.

use crypto::tlog::{Checkpoint, Hash, Note, NoteError};

use super::{Findings, LogFiles, ReadError, Trust};
use crate::rules::Finding;

/// Where a log's present checkpoint lies.
const PRESENT: &str = "checkpoint";
/// Where its older ones lie, each under its size.
const OLDER: &str = "checkpoints/";

/// A tree that the log stood by at a size.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) source: Source,
}

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The verifier's own memory.
    Known,
    /// A checkpoint that the log kept.
    Kept,
}

impl Source {
    /// The finding that the log does not agree with the mark of this size.
    pub(super) const fn forked(self, size: u64) -> Finding {
        match self {
            Self::Known => Finding::Forked(size),
            Self::Kept => Finding::HistoryForked(size),
        }
    }
}

/// Reads all checkpoints. The first answer is the one to hold the log against: the present one, or when it cannot be believed the
/// largest other that can. The marks are sorted by size, none above it.
pub(super) fn gather(
    files: &mut dyn LogFiles,
    paths: &[String],
    trust: &Trust,
    findings: &mut Findings,
) -> Result<(Option<Checkpoint>, Vec<Mark>), ReadError> {
    let bytes = files.read(PRESENT)?;
    if bytes.is_none() {
        findings.add(Finding::CheckpointMissing);
    }
    let present = bytes.and_then(|bytes| believe(PRESENT, &bytes, trust, findings));
    let mut others: Vec<(Checkpoint, Source)> =
        trust.known.iter().map(|known| (known.clone(), Source::Known)).collect();
    for path in paths.iter().filter(|path| path.starts_with(OLDER)) {
        let Some(bytes) = files.read(path)? else { continue };
        let Some(kept) = believe(path, &bytes, trust, findings) else { continue };
        if *path == format!("{OLDER}{}", kept.size) {
            others.push((kept, Source::Kept));
        } else {
            findings.add(Finding::Stray(path.clone()));
        }
    }
    let largest = || others.iter().map(|(other, _)| other).max_by_key(|other| other.size).cloned();
    let Some(measure) = present.clone().or_else(largest) else { return Ok((None, Vec::new())) };
    let mut marks = Vec::new();
    for (other, source) in others {
        if other.size > measure.size {
            findings.add(Finding::RolledBack { was: other.size, now: measure.size });
        } else if other.size == measure.size && other.root != measure.root {
            findings.add(source.forked(other.size));
        } else {
            marks.push(Mark { size: other.size, root: other.root, source });
        }
    }
    marks.sort_by_key(|mark| mark.size);
    Ok((Some(measure), marks))
}

/// The checkpoint, if it is the log's own and no signature is forged.
fn believe(path: &str, bytes: &[u8], trust: &Trust, findings: &mut Findings) -> Option<Checkpoint> {
    let read = Note::parse(bytes).and_then(|note| Ok((Checkpoint::parse(note.text())?, note)));
    let (checkpoint, note) = match read {
        Ok(read) => read,
        Err(why) => {
            findings.add(Finding::CheckpointForm(path.to_owned(), why.to_string()));
            return None;
        }
    };
    if checkpoint.origin != trust.log.name() {
        findings.add(Finding::CheckpointOrigin(path.to_owned(), checkpoint.origin));
        return None;
    }
    match note.verify(std::slice::from_ref(&trust.log)) {
        Ok(_) => {}
        Err(NoteError::Forged(name)) => {
            findings.add(Finding::SignatureForged(path.to_owned(), name));
            return None;
        }
        Err(NoteError::Unsigned) => {
            findings.add(Finding::CheckpointUnsigned(path.to_owned()));
            return None;
        }
    }
    // A forged cosignature is a finding; the log's own signature stands.
    let cosigned = match note.verify(&trust.witnesses) {
        Ok(verified) => verified.len(),
        Err(NoteError::Unsigned) => 0,
        Err(NoteError::Forged(name)) => {
            findings.add(Finding::SignatureForged(path.to_owned(), name));
            0
        }
    };
    if path == PRESENT && cosigned < trust.witnesses_min {
        findings.add(Finding::Unwitnessed(cosigned, trust.witnesses_min));
    }
    Some(checkpoint)
}
