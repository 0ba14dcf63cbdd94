//! Partial tiles of sizes the log once had: each must be the beginning of what its tile became.

use std::collections::HashMap;

use crypto::tlog::{Hash, TILE_WIDTH, Tile, TileKind, decode_entries, leaf_hash};

use super::tiles::hashes;
use super::{Findings, LogFiles, ReadError};
use crate::rules::Finding;

/// The widths of older partial tiles, by their places.
#[derive(Debug, Default)]
pub(super) struct Partials(HashMap<(TileKind, u64), Vec<u16>>);

impl Partials {
    /// Sorts the tiles among a log's files. Those that no tree of this size has are strays.
    pub(super) fn gather(paths: &[String], size: u64, findings: &mut Findings) -> Self {
        let mut older = Self::default();
        for path in paths.iter().filter(|path| path.starts_with("tile/")) {
            let tile = path.parse::<Tile>().ok();
            match tile.and_then(|tile| Some((tile, tile_now(tile, size)?))) {
                None => findings.add(Finding::Stray(path.clone())),
                Some((tile, now)) if tile.width < now.width => {
                    older.0.entry((tile.kind, tile.index)).or_default().push(tile.width);
                }
                // The full form may stand for the partial one that it replaced.
                Some((tile, now)) if tile.width > now.width && paths.contains(&now.to_string()) => {
                    findings.add(Finding::Stray(path.clone()));
                }
                Some(_) => {}
            }
        }
        older
    }

    /// Holds the older forms of a tile against its hashes; those of the leaves also against entries, if it is a tile of entries.
    pub(super) fn compare(
        &mut self,
        files: &mut dyn LogFiles,
        tile: Tile,
        row: &[Hash],
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        for width in self.0.remove(&(tile.kind, tile.index)).unwrap_or_default() {
            let older = Tile { width, ..tile };
            let Some(bytes) = files.read(&older.to_string())? else { continue };
            let found = match tile.kind {
                TileKind::Hashes(_) => hashes(older, &bytes, width),
                TileKind::Entries => {
                    decode_entries(&bytes, width).ok().map(|entries| entries.into_iter().map(leaf_hash).collect())
                }
            };
            if found.as_deref() != row.get(..usize::from(width)) {
                findings.add(Finding::TileChanged(older));
            }
        }
        Ok(())
    }
}

/// The tile of the same place in a tree of this size.
pub(crate) fn tile_now(tile: Tile, size: u64) -> Option<Tile> {
    let hashes = match tile.kind {
        TileKind::Entries => size,
        TileKind::Hashes(level) => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
    };
    let first = tile.index.checked_mul(u64::from(TILE_WIDTH))?;
    let width = hashes.checked_sub(first).filter(|width| *width > 0)?;
    Some(Tile { width: u16::try_from(width).unwrap_or(TILE_WIDTH).min(TILE_WIDTH), ..tile })
}
