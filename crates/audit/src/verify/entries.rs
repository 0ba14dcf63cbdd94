//! Holds entries against the hashes of their leaves.

use crypto::tlog::{Hash, TILE_WIDTH, Tile, TileKind, leaf_hash};

use super::tiles::{Walk, fetch};
use super::{FINDINGS_MAX, ReadError};
use crate::align::align;
use crate::rules::{Finding, Mismatch};

/// Entries that are looked at in a tile that has too many.
const ENTRIES_MAX: usize = 4 * TILE_WIDTH as usize;
/// So many wrong entries in a tile that is not of its form are not listed one by one.
const UNREADABLE: usize = 16;

/// The entries of a tile as far as it holds whole ones, and whether there is a rest.
pub(super) fn lenient(mut bytes: &[u8]) -> (Vec<&[u8]>, bool) {
    let mut entries = Vec::new();
    while entries.len() < ENTRIES_MAX {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else { break };
        let Some((entry, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
        entries.push(entry);
        bytes = rest;
    }
    (entries, !bytes.is_empty())
}

/// Compares the tile of entries at this index with the leaf hashes that are believed; proven, if they are what the tree stands for.
pub(super) fn compare(walk: &mut Walk<'_>, index: u64, expected: &[Hash], proven: bool) -> Result<(), ReadError> {
    let base = index * u64::from(TILE_WIDTH);
    let width = u16::try_from(expected.len()).unwrap_or(TILE_WIDTH);
    let tile = Tile { kind: TileKind::Entries, index, width };
    if proven {
        walk.partials.compare(walk.files, tile, expected, walk.findings)?;
    }
    let Some((found, bytes)) = fetch(walk.files, tile)? else {
        walk.findings.add(Finding::TileMissing(tile));
        return Ok(());
    };
    let (mut entries, rest) = lenient(&bytes);
    let broken = rest || entries.len() != usize::from(found.width);
    if broken {
        walk.findings.add(Finding::TileForm(found));
    }
    if found.width > width {
        // The full tile stands for the partial one; what came later is not in this tree.
        entries.truncate(expected.len());
    }
    let leaves: Vec<Hash> = entries.into_iter().map(leaf_hash).collect();
    let mismatches: Vec<Mismatch> = align(base, expected, &leaves);
    let wrong = mismatches.iter().filter_map(|mismatch| mismatch.expected).map(|(at, _)| at);
    let (count, first) = (wrong.clone().count(), wrong.min());
    if proven {
        walk.sound += (expected.len() - count) as u64;
    }
    if let Some(from) = first.filter(|_| broken && count > UNREADABLE) {
        // One wrong length puts all that follow out of step.
        walk.findings.add(Finding::EntriesUnreadable { from, to: base + u64::from(width) });
        return Ok(());
    }
    for mismatch in mismatches {
        if walk.mismatches.len() < FINDINGS_MAX {
            walk.mismatches.push(mismatch);
        } else {
            walk.findings.more = true;
        }
    }
    Ok(())
}
