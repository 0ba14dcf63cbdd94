//! Proof files (`.tlog-proof`): an entry's place in a signed tree, verified without asking anybody.

use std::fmt;

use super::hash::Hash;
use super::key::VerifierKey;
use super::note::{NOTE_BYTES_MAX, Note, NoteError};
use super::proof::{ProofError, verify_inclusion};
use super::{Checkpoint, FormError, base64_decode, base64_encode, before_note, decimal, proof_lines};

/// The longest `extra`, in bytes: an entry fits.
pub const EXTRA_BYTES_MAX: usize = 65_535;
const HEADER: &str = "c2sp.org/tlog-proof@v1";
const FILE_BYTES_MAX: usize = NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX;

/// The proof that an entry stands at an index of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// What an application wants to come along. Nothing verifies it.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The hashes from the leaf upwards.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
}

/// Why a proof file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofFileError {
    /// The note's text is no checkpoint.
    Form(FormError),
    /// The checkpoint is for another log.
    Origin(String),
    /// It is not signed by the log's key.
    Note(NoteError),
    /// The hashes do not lead from the entry to the root.
    Proof(ProofError),
}

impl fmt::Display for ProofFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(cause) => fmt::Display::fmt(cause, f),
            Self::Origin(origin) => write!(f, "the checkpoint is for {origin}"),
            Self::Note(cause) => fmt::Display::fmt(cause, f),
            Self::Proof(cause) => fmt::Display::fmt(cause, f),
        }
    }
}
impl std::error::Error for ProofFileError {}

impl ProofFile {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormError> {
        let wrong = ["the proof file is too long", "a proof file is UTF-8"];
        let (lines, note) = before_note(bytes, FILE_BYTES_MAX, wrong)?;
        let mut lines = lines.peekable();
        if lines.next() != Some(HEADER) {
            return Err(FormError("a proof file begins with c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            None => None,
            Some(line) => {
                let bytes = base64_decode(&line["extra ".len()..]).filter(|bytes| bytes.len() <= EXTRA_BYTES_MAX);
                Some(bytes.ok_or(FormError("extra is base64, of at most 65,535 bytes"))?)
            }
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(FormError("a proof file says its index"))?;
        Ok(Self { extra, index, path: proof_lines(lines)?, note })
    }

    /// Verifies that the leaf of this hash stands at the index in the log whose origin is the name of `log`, and answers with the
    /// checkpoint it stands in. `witnesses` are further keys that must not have signed wrongly.
    pub fn verify(
        &self,
        leaf: &Hash,
        log: &VerifierKey,
        witnesses: &[VerifierKey],
    ) -> Result<Checkpoint, ProofFileError> {
        let checkpoint = Checkpoint::parse(self.note.text()).map_err(ProofFileError::Form)?;
        if checkpoint.origin != log.name() {
            return Err(ProofFileError::Origin(checkpoint.origin));
        }
        self.note.verify(std::slice::from_ref(log)).map_err(ProofFileError::Note)?;
        match self.note.verify(witnesses) {
            Ok(_) | Err(NoteError::Unsigned) => {}
            Err(forged) => return Err(ProofFileError::Note(forged)),
        }
        verify_inclusion(&self.path, self.index, leaf, checkpoint.size, &checkpoint.root)
            .map_err(ProofFileError::Proof)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64_encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", base64_encode(hash)))?;
        write!(f, "\n{}", self.note)
    }
}
