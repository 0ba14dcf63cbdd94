//! A witness's decision about a checkpoint it is asked to cosign: a table, without state of its own.

use std::fmt;

use super::hash::{EMPTY_ROOT, Hash};
use super::key::VerifierKey;
use super::note::{NOTE_BYTES_MAX, Note};
use super::proof::verify_consistency;
use super::{Checkpoint, FormError, base64_encode, before_note, decimal, proof_lines};

/// The longest body of `add-checkpoint`, in bytes: a note, a full proof and the old size.
pub const WITNESS_BODY_BYTES_MAX: usize = NOTE_BYTES_MAX + 4096;

/// The body of `POST …/add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessRequest {
    /// The size that the log believes the witness cosigned last.
    pub old: u64,
    /// That the new tree extends that one.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
    /// What its text says.
    pub checkpoint: Checkpoint,
}

/// What a witness cosigned last for an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCosigned {
    /// The size.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

/// A checkpoint that is not cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WitnessRefusal {
    /// The body has no form, or the old size is above the checkpoint's: 400.
    Malformed(FormError),
    /// No signature by a key of the log, or a wrong one: 403.
    Signature,
    /// The origin is not one of those that are witnessed: 404.
    Origin,
    /// Another size was cosigned last, namely this: 409.
    Conflict(u64),
    /// The new tree does not extend the last one: 422.
    Inconsistent,
}

impl WitnessRefusal {
    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Signature => 403,
            Self::Origin => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent => 422,
        }
    }
}

impl fmt::Display for WitnessRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(form) => fmt::Display::fmt(form, f),
            Self::Signature => f.write_str("the checkpoint is not signed by a known key of its origin"),
            Self::Origin => f.write_str("this origin is not witnessed here"),
            Self::Conflict(size) => write!(f, "the last size cosigned here is {size}"),
            Self::Inconsistent => f.write_str("the checkpoint does not extend the one cosigned last"),
        }
    }
}
impl std::error::Error for WitnessRefusal {}

impl WitnessRequest {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        let (mut lines, note) =
            before_note(body, WITNESS_BODY_BYTES_MAX, ["the body is too long", "the body is UTF-8"])?;
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(FormError("the first line is `old` and a size"))?;
        let proof = proof_lines(lines)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if old > checkpoint.size {
            return Err(FormError("the old size is above the checkpoint's"));
        }
        Ok(Self { old, proof, note, checkpoint })
    }
}

/// The body as a log sends it.
impl fmt::Display for WitnessRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", base64_encode(hash)))?;
        write!(f, "\n{}", self.note)
    }
}

/// Whether to cosign. `keys` are the log's own, `None` for an origin that is not witnessed; `last` is what was cosigned last for
/// it. Deciding and keeping the new state must be one atomic step per origin, or two requests at once roll the witness back.
pub fn witness_decision(
    request: &WitnessRequest,
    keys: Option<&[VerifierKey]>,
    last: Option<LastCosigned>,
) -> Result<LastCosigned, WitnessRefusal> {
    let WitnessRequest { old, proof, note, checkpoint } = request;
    let keys = keys.ok_or(WitnessRefusal::Origin)?;
    note.verify(keys).map_err(|_| WitnessRefusal::Signature)?;
    if *old > checkpoint.size {
        return Err(WitnessRefusal::Malformed(FormError("the old size is above the checkpoint's")));
    }
    let last = last.unwrap_or(LastCosigned { size: 0, root: EMPTY_ROOT });
    if *old != last.size {
        return Err(WitnessRefusal::Conflict(last.size));
    }
    let new = LastCosigned { size: checkpoint.size, root: checkpoint.root };
    let empty_is_empty = new.size > 0 || new.root == EMPTY_ROOT;
    let extends = verify_consistency(proof, (last.size, &last.root), (new.size, &new.root)).is_ok();
    if extends && empty_is_empty { Ok(new) } else { Err(WitnessRefusal::Inconsistent) }
}
