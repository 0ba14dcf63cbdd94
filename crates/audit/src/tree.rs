//! Turns entries into the tiles of their tree, one by one.

use crypto::tlog::{Frontier, Hash, TILE_WIDTH, Tile, TileKind, encode_entry, leaf_hash, perfect_root};

/// A log's right edge: what its partial tiles hold.
#[derive(Debug, Clone, Default)]
pub struct TileWriter {
    frontier: Frontier,
    /// The hashes of each level's last tile.
    rows: Vec<Vec<Hash>>,
    /// How many full tiles each level has.
    full: Vec<u64>,
    entries: Vec<u8>,
}

impl TileWriter {
    /// The tree without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Adds an entry and answers the tiles that it filled, with their bytes. `None`, and nothing added, when it is too long.
    pub fn append(&mut self, entry: &[u8]) -> Option<Vec<(Tile, Vec<u8>)>> {
        encode_entry(entry, &mut self.entries)?;
        let mut hash = leaf_hash(entry);
        let index = self.frontier.append(hash)?;
        let mut done = Vec::new();
        for level in 0_u8.. {
            let at = usize::from(level);
            if at == self.rows.len() {
                self.rows.push(Vec::new());
                self.full.push(0);
            }
            let row = &mut self.rows[at];
            row.push(hash);
            if row.len() < usize::from(TILE_WIDTH) {
                break;
            }
            let Some(root) = perfect_root(row) else { break };
            done.push((Tile { kind: TileKind::Hashes(level), index: self.full[at], width: TILE_WIDTH }, row.concat()));
            row.clear();
            self.full[at] += 1;
            hash = root;
        }
        if !done.is_empty() {
            let tile = Tile { kind: TileKind::Entries, index: index / u64::from(TILE_WIDTH), width: TILE_WIDTH };
            done.push((tile, std::mem::take(&mut self.entries)));
        }
        Some(done)
    }

    /// The partial tiles of this size, with their bytes.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let mut tiles = Vec::new();
        for (level, (row, index)) in (0_u8..).zip(self.rows.iter().zip(&self.full)) {
            if let Some(width) = u16::try_from(row.len()).ok().filter(|width| *width > 0) {
                tiles.push((Tile { kind: TileKind::Hashes(level), index: *index, width }, row.concat()));
                if level == 0 {
                    tiles.push((Tile { kind: TileKind::Entries, index: *index, width }, self.entries.clone()));
                }
            }
        }
        tiles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::tlog::{ENTRY_BYTES_MAX, tiles_at};
    use std::collections::BTreeSet;

    #[test]
    fn a_writer_makes_the_tiles_of_each_size() {
        let mut writer = TileWriter::new();
        let mut full = BTreeSet::new();
        assert_eq!(writer.append(&vec![0; ENTRY_BYTES_MAX + 1]), None);
        for n in 0..66_000_u32 {
            full.extend(writer.append(&n.to_be_bytes()).unwrap().into_iter().map(|(tile, _)| tile));
            if [0, 1, 254, 255, 256, 511, 65_534, 65_535, 65_536, 65_999].contains(&n) {
                let all: BTreeSet<Tile> =
                    full.iter().copied().chain(writer.partial().into_iter().map(|(tile, _)| tile)).collect();
                assert_eq!(all, tiles_at(u64::from(n) + 1).collect(), "{n}");
            }
        }
        assert_eq!(writer.size(), 66_000);
    }
}
