//! Proofs that a leaf is in a tree, and that one tree is the beginning of another: made from stored hashes, verified from nothing
//! but the proof (RFC 9162 sections 2.1.3 and 2.1.4).

use std::fmt;

use super::hash::{EMPTY_ROOT, Hash, node_hash};

/// The largest tree: sizes and indexes fit a signed 64-bit column.
pub const SIZE_MAX: u64 = i64::MAX as u64;
/// The most hashes a proof can have.
pub const PROOF_HASHES_MAX: usize = 63;

/// A proof that proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// The index is not below the size, the old size is above the new one, or a size is beyond [`SIZE_MAX`].
    Range,
    /// Too few or too many hashes.
    Length,
    /// It leads to another root than the (new) tree's.
    Root,
    /// It leads to another root than the old tree's.
    OldRoot,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Range => "the proof is for no position in this tree",
            Self::Length => "the proof has the wrong number of hashes",
            Self::Root => "the proof does not lead to the tree's root",
            Self::OldRoot => "the proof does not lead to the old tree's root",
        })
    }
}
impl std::error::Error for ProofError {}

/// The hash of the leaves `[start, end)`, where `start` is a multiple of the largest power of two not above their number.
fn range_hash<E>(read: &mut impl FnMut(u32, u64) -> Result<Hash, E>, mut start: u64, end: u64) -> Result<Hash, E> {
    let mut parts = Vec::new();
    while start < end {
        let level = (end - start).ilog2();
        parts.push(read(level, start >> level)?);
        start += 1 << level;
    }
    let mut parts = parts.into_iter().rev();
    let Some(last) = parts.next() else { return Ok(EMPTY_ROOT) };
    Ok(parts.fold(last, |right, left| node_hash(&left, &right)))
}

/// Where a tree of more than one leaf is split: the largest power of two strictly below its size.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The root of the tree of `size` leaves. `read(level, index)` gives the root of the leaves `[index·2^level, (index+1)·2^level)`, and
/// is asked for complete ones within the size only.
pub fn tree_root<E>(mut read: impl FnMut(u32, u64) -> Result<Hash, E>, size: u64) -> Result<Hash, E> {
    range_hash(&mut read, 0, size)
}

/// The hashes that lead from leaf `index` to the root of the tree of `size` leaves, from the leaf upwards. `None` when there is no
/// such leaf. For `read` see [`tree_root`].
pub fn inclusion_proof<E>(
    mut read: impl FnMut(u32, u64) -> Result<Hash, E>,
    index: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, E> {
    if index >= size || size > SIZE_MAX {
        return Ok(None);
    }
    let mut path = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range_hash(&mut read, middle, high)?);
            high = middle;
        } else {
            path.push(range_hash(&mut read, low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// The hashes that show that the tree of `old` leaves is the beginning of that of `new` leaves. `None` when `old` is above `new`.
/// For `read` see [`tree_root`].
pub fn consistency_proof<E>(
    mut read: impl FnMut(u32, u64) -> Result<Hash, E>,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Hash>>, E> {
    if old > new || new > SIZE_MAX {
        return Ok(None);
    }
    let mut path = Vec::new();
    if old == 0 || old == new {
        return Ok(Some(path));
    }
    let (mut low, mut high) = (0, new);
    while old < high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range_hash(&mut read, middle, high)?);
            high = middle;
        } else {
            path.push(range_hash(&mut read, low, middle)?);
            low = middle;
        }
    }
    // What is left is the last perfect part of the old tree; the verifier knows it if it is the whole old tree.
    if low > 0 {
        path.push(range_hash(&mut read, low, high)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// Verifies that the leaf with this hash stands at `index` in the tree of this size and root.
pub fn verify_inclusion(path: &[Hash], index: u64, leaf: &Hash, size: u64, root: &Hash) -> Result<(), ProofError> {
    if index >= size || size > SIZE_MAX {
        return Err(ProofError::Range);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    match last {
        0 if hash == *root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Verifies that the tree of the old size and root is the beginning of the tree of the new size and root.
pub fn verify_consistency(
    path: &[Hash],
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
) -> Result<(), ProofError> {
    if old > new || new > SIZE_MAX {
        return Err(ProofError::Range);
    }
    if old == 0 || old == new {
        return match path {
            [] if old == 0 && *old_root != EMPTY_ROOT => Err(ProofError::OldRoot),
            [] if old == new && old_root != new_root => Err(ProofError::Root),
            [] => Ok(()),
            _ => Err(ProofError::Length),
        };
    }
    let (mut at, mut last) = (old - 1, new - 1);
    let shift = at.trailing_ones();
    at >>= shift;
    last >>= shift;
    let (first, rest) = match (old.is_power_of_two(), path) {
        (true, rest) => (old_root, rest),
        (false, [first, rest @ ..]) => (first, rest),
        (false, []) => return Err(ProofError::Length),
    };
    let (mut from_old, mut from_new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            from_old = node_hash(hash, &from_old);
            from_new = node_hash(hash, &from_new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            from_new = node_hash(&from_new, hash);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if from_old != *old_root {
        return Err(ProofError::OldRoot);
    }
    if from_new == *new_root { Ok(()) } else { Err(ProofError::Root) }
}
