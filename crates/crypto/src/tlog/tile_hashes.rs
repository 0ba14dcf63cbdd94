//! Reads the hashes that proofs are made of out of tiles.

use std::collections::HashMap;
use std::fmt;

use super::hash::{Hash, perfect_root};
use super::tile::{TILE_WIDTH, Tile, TileKind};

/// A tile that should be there is not, or is not of its size.
#[derive(Debug)]
pub enum TileError<E> {
    /// There is neither this tile nor its full form.
    Missing(Tile),
    /// It does not have 32 bytes for each hash.
    Form(Tile),
    /// A hash was asked for that the tree of this size does not hold.
    Range,
    /// It could not be fetched.
    Fetch(E),
}

impl<E: fmt::Display> fmt::Display for TileError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(tile) => write!(f, "{tile} is missing"),
            Self::Form(tile) => write!(f, "{tile} does not have {} hashes", tile.width),
            Self::Range => f.write_str("the tree has no such hash"),
            Self::Fetch(cause) => fmt::Display::fmt(cause, f),
        }
    }
}
impl<E: fmt::Debug + fmt::Display> std::error::Error for TileError<E> {}

/// The hashes of the tree of one size, fetched tile by tile and kept: a proof touches a few tiles, some of them often.
pub struct TileHashes<F> {
    size: u64,
    fetch: F,
    kept: HashMap<(u8, u64), Vec<Hash>>,
}

impl<F> TileHashes<F> {
    /// The hashes of the tree of `size` leaves. `fetch` answers `None` for a tile that is not there; then its full form is asked for,
    /// because partial tiles go when the full one is there.
    pub fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, kept: HashMap::new() }
    }

    /// The root of the leaves `[index·2^level, (index+1)·2^level)`: the `read` of [`super::inclusion_proof`] and its like.
    pub fn read<E>(&mut self, level: u32, index: u64) -> Result<Hash, TileError<E>>
    where
        F: FnMut(Tile) -> Result<Option<Vec<u8>>, E>,
    {
        let end = index.checked_add(1).filter(|end| level < 63 && *end <= self.size >> level);
        if end.is_none() {
            return Err(TileError::Range);
        }
        let (tile_level, height) = (level / 8, level % 8);
        let first = index << height;
        let number = first / u64::from(TILE_WIDTH);
        let offset = usize::try_from(first % u64::from(TILE_WIDTH)).map_err(|_| TileError::Range)?;
        let tile_level = u8::try_from(tile_level).map_err(|_| TileError::Range)?;
        let hashes = self.tile(tile_level, number)?;
        let covered = hashes.get(offset..offset + (1 << height)).ok_or(TileError::Range)?;
        perfect_root(covered).ok_or(TileError::Range)
    }

    fn tile<E>(&mut self, level: u8, index: u64) -> Result<&[Hash], TileError<E>>
    where
        F: FnMut(Tile) -> Result<Option<Vec<u8>>, E>,
    {
        if !self.kept.contains_key(&(level, index)) {
            let there = (self.size >> (8 * u32::from(level))) - index * u64::from(TILE_WIDTH);
            let width = u16::try_from(there).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
            let wanted = Tile { kind: TileKind::Hashes(level), index, width };
            let mut found = (wanted, (self.fetch)(wanted).map_err(TileError::Fetch)?);
            if found.1.is_none() && !wanted.is_full() {
                found = (wanted.full(), (self.fetch)(wanted.full()).map_err(TileError::Fetch)?);
            }
            let (tile, Some(bytes)) = found else { return Err(TileError::Missing(wanted)) };
            let (chunks, rest) = bytes.as_chunks::<32>();
            if !rest.is_empty() || chunks.len() != usize::from(tile.width) {
                return Err(TileError::Form(tile));
            }
            self.kept.insert((level, index), chunks[..usize::from(width)].to_vec());
        }
        Ok(&self.kept[&(level, index)])
    }
}
