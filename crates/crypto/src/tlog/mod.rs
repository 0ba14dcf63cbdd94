//! Tamper-evident logs: the Merkle tree of RFC 6962, its tiles, signed checkpoints, proofs and witnesses (C2SP `tlog-tiles`,
//! `signed-note`, `tlog-checkpoint`, `tlog-cosignature`, `tlog-witness`, `tlog-proof`). Pure: bytes in, bytes or a refusal out.
//!
//! ## Words
//! *Leaf*: the bytes of one entry. *Root*: the hash that stands for a whole tree of a size. *Frontier*: the roots of the perfect
//! subtrees a tree consists of, all that appending needs. *Tile*: up to 256 neighbouring hashes of one height in eight, or the
//! entries below them. *Note*: a text with signatures. *Checkpoint*: the note that says origin, size and root. *Witness*: who
//! cosigns a checkpoint after seeing that it extends the last one.
//!
//! ## Walk
//! [`Frontier::append`] → [`tiles_between`] → [`Checkpoint::text`] → [`NoteSigner::sign`]. Reading back: [`Note::verify`] →
//! [`Checkpoint::parse`] → [`verify_inclusion`], [`verify_consistency`]. A witness: [`WitnessRequest::parse`] → [`witness_decision`].

mod checkpoint;
mod cosignature;
mod frontier;
mod hash;
mod key;
mod note;
mod proof;
mod proof_file;
mod tile;
mod tile_hashes;
mod witness;

use std::fmt;

pub use checkpoint::Checkpoint;
pub use cosignature::Cosigner;
pub use frontier::Frontier;
pub use hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash, perfect_root};
pub use key::{KeyKind, VerifierKey};
pub use note::{NOTE_BYTES_MAX, Note, NoteError, NoteSignature, NoteSigner, SIGNATURES_MAX, Verified};
pub use proof::{
    PROOF_HASHES_MAX, ProofError, SIZE_MAX, consistency_proof, inclusion_proof, tree_root, verify_consistency,
    verify_inclusion,
};
pub use proof_file::{EXTRA_BYTES_MAX, ProofFile, ProofFileError};
pub use tile::{ENTRY_BYTES_MAX, TILE_WIDTH, Tile, TileKind, decode_entries, encode_entry, tiles_at, tiles_between};
pub use tile_hashes::{TileError, TileHashes};
pub use witness::{LastCosigned, WITNESS_BODY_BYTES_MAX, WitnessRefusal, WitnessRequest, witness_decision};

/// A text that is not of its form; says what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormError(pub &'static str);

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
impl std::error::Error for FormError {}

/// Splits a text that stands before a note: its lines up to the empty one, and the note behind it. `wrong` says what is wrong when it is
/// longer than `bytes_max`, and when it is no UTF-8.
fn before_note<'a>(
    bytes: &'a [u8],
    bytes_max: usize,
    wrong: [&'static str; 2],
) -> Result<(std::str::Split<'a, char>, Note), FormError> {
    let [too_long, no_text] = wrong;
    if bytes.len() > bytes_max {
        return Err(FormError(too_long));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FormError(no_text))?;
    let parts = text.split_once("\n\n").ok_or(FormError("an empty line stands before the checkpoint"))?;
    Ok((parts.0.split('\n'), Note::parse(parts.1.as_bytes())?))
}

/// The hashes of a proof, one in each line.
fn proof_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Hash>, FormError> {
    let mut proof = Vec::new();
    for line in lines {
        if proof.len() == PROOF_HASHES_MAX {
            return Err(FormError("the proof has more than 63 hashes"));
        }
        proof.push(base64_hash(line).ok_or(FormError("a line of the proof is 32 bytes in base64"))?);
    }
    Ok(proof)
}

/// A decimal number without sign and leading zeros, up to [`SIZE_MAX`].
fn decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = plain && (text.len() == 1 || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten().filter(|n| *n <= SIZE_MAX)
}

/// Standard base64 with its padding and no stray bits.
fn base64_decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn base64_encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A hash in base64.
fn base64_hash(text: &str) -> Option<Hash> {
    base64_decode(text).and_then(|bytes| bytes.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_text() {
        for (text, number) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("9223372036854775807", Some(SIZE_MAX)),
            ("9223372036854775808", None),
            ("18446744073709551615", None),
            ("00", None),
            ("07", None),
            ("+7", None),
            ("-7", None),
            (" 7", None),
            ("7\r", None),
            ("", None),
            ("٧", None),
        ] {
            assert_eq!(decimal(text), number, "{text:?}");
        }
    }
}
