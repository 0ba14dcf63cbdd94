//! The log in the database as files: for verification beside the running house, and for export.

use crypto::tlog::{ENTRY_BYTES_MAX, TILE_WIDTH, Tile, TileKind, encode_entry, tiles_at};
use store::{Connection, Error};

use crate::store as rows;
use crate::verify::{LogFiles, ReadError, tile_now};

/// The rows of a log, as the files they stand for.
pub(crate) struct Rows<'a> {
    conn: &'a mut dyn Connection,
    /// What the last checkpoint says of the size.
    size: u64,
    /// Indexes of leaves that are not there, as far as they were asked for.
    pub(crate) missing: Vec<u64>,
}

impl<'a> Rows<'a> {
    /// The rows of a log of this size.
    pub(crate) fn new(conn: &'a mut dyn Connection, size: u64) -> Self {
        Self { conn, size, missing: Vec::new() }
    }

    /// A tile as it lies there. Where a row is missing, nothing stands in its place, so that its neighbours keep theirs.
    fn tile(&mut self, tile: Tile) -> Result<Option<Vec<u8>>, Error> {
        let from = tile.index.saturating_mul(u64::from(TILE_WIDTH));
        let to = from.saturating_add(u64::from(tile.width));
        let mut out = Vec::new();
        match tile.kind {
            TileKind::Entries => {
                let mut found = rows::entries(self.conn, from, to)?.into_iter().peekable();
                if found.peek().is_none() {
                    self.missing.extend(from..to);
                    return Ok(None);
                }
                for index in from..to {
                    let entry = found.next_if(|(at, _)| *at == index).map(|(_, entry)| entry);
                    if entry.is_none() {
                        self.missing.push(index);
                    }
                    // What is too long for a tile was not in the log either.
                    let entry = entry.filter(|entry| entry.len() <= ENTRY_BYTES_MAX).unwrap_or_default();
                    encode_entry(&entry, &mut out);
                }
            }
            TileKind::Hashes(level) => {
                let mut found = rows::hashes(self.conn, level, from, to)?.into_iter().peekable();
                if found.peek().is_none() {
                    return Ok(None);
                }
                for place in from..to {
                    out.extend(found.next_if(|(at, _)| *at == place).unwrap_or_default().1);
                }
            }
        }
        Ok(Some(out))
    }
}

impl LogFiles for Rows<'_> {
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        if path == "checkpoint" {
            return Ok(rows::last_checkpoint(self.conn)?);
        }
        if let Some(size) = path.strip_prefix("checkpoints/") {
            let Ok(size) = size.parse() else { return Ok(None) };
            return Ok(rows::checkpoint(self.conn, size)?);
        }
        match path.parse::<Tile>() {
            // The full form of a tile that is not full is not there.
            Ok(tile) if tile_now(tile, self.size) == Some(tile) => Ok(self.tile(tile)?),
            _ => Ok(None),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, ReadError> {
        let sizes = rows::checkpoint_sizes(self.conn)?;
        let checkpoints = sizes.into_iter().map(|size| format!("checkpoints/{size}"));
        Ok(tiles_at(self.size).map(|tile| tile.to_string()).chain(checkpoints).collect())
    }
}
