//! Tiles: a log as static files. Which there are, what they are called, what is in them.

use std::fmt;
use std::str::FromStr;

use super::{FormError, decimal};

/// How many hashes or entries a full tile has.
pub const TILE_WIDTH: u16 = 256;
/// The longest entry, in bytes: its length is written with two.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// Levels above this have no tiles: sizes have 63 bits.
const LEVEL_MAX: u8 = 7;
/// Levels that a path may name.
const LEVEL_NAMED_MAX: u8 = 63;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of subtrees of `256^level` leaves each.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// One tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Its place in its level.
    pub index: u64,
    /// How much it holds, 1 to [`TILE_WIDTH`]; less than that and it is partial.
    pub width: u16,
}

impl Tile {
    /// Whether nothing can be added to it.
    pub const fn is_full(self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile when it is full.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }
}

/// The path below the log's prefix, such as `tile/0/x001/234.p/5`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            if groups.is_empty() { write!(f, "{group:03}")? } else { write!(f, "x{group:03}/")? }
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// Only the path that prints parses: one tile has one path.
impl FromStr for Tile {
    type Err = FormError;

    fn from_str(path: &str) -> Result<Self, FormError> {
        const FORM: FormError = FormError("the path is not that of a tile");
        if path.len() > 64 {
            return Err(FORM);
        }
        let (kind, rest) = path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(FORM)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(
                decimal(level).and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= LEVEL_NAMED_MAX).ok_or(FORM)?,
            ),
        };
        let (number, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((number, width)) => {
                let width = decimal(width).and_then(|n| u16::try_from(n).ok());
                (number, width.filter(|w| (1..TILE_WIDTH).contains(w)).ok_or(FORM)?)
            }
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(FORM);
            }
            let group: u64 = digits.parse().map_err(|_| FORM)?;
            index = index.checked_mul(1000).and_then(|i| i.checked_add(group)).ok_or(FORM)?;
        }
        // Prefixes in wrong places and groups of nothing print otherwise.
        let tile = Self { kind, index, width };
        if tile.to_string() == path { Ok(tile) } else { Err(FORM) }
    }
}

/// The tiles of a tree, level by level from the leaves, of hashes and of entries.
pub fn tiles_at(size: u64) -> impl Iterator<Item = Tile> {
    tiles_between(0, size)
}

/// The tiles that are to be written when a tree grows: those that are new or wider than before, level by level from the leaves;
/// at the end those of entries.
pub fn tiles_between(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let hashes = (0..=LEVEL_MAX).flat_map(move |level| {
        let shift = 8 * u32::from(level);
        grown(TileKind::Hashes(level), old >> shift, new >> shift)
    });
    hashes.chain(grown(TileKind::Entries, old, new))
}

/// The tiles of one level that change when its hashes become `new` instead of `old`.
fn grown(kind: TileKind, old: u64, new: u64) -> impl Iterator<Item = Tile> {
    let width = u64::from(TILE_WIDTH);
    let range = if old < new { old / width..new.div_ceil(width) } else { 0..0 };
    range.map(move |index| {
        let width = u16::try_from(new - index * width).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        Tile { kind, index, width }
    })
}

/// Writes an entry as tiles of entries hold it. `None`, and nothing written, when it is longer than [`ENTRY_BYTES_MAX`].
pub fn encode_entry(entry: &[u8], into: &mut Vec<u8>) -> Option<()> {
    let length = u16::try_from(entry.len()).ok()?;
    into.extend(length.to_be_bytes());
    into.extend(entry);
    Some(())
}

/// The entries of a tile of this width.
pub fn decode_entries(mut bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, FormError> {
    const CUT: FormError = FormError("the tile of entries ends within one");
    let mut entries = Vec::with_capacity(usize::from(width.min(TILE_WIDTH)));
    for _ in 0..width {
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(CUT)?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(CUT)?;
        entries.push(entry);
        bytes = rest;
    }
    if bytes.is_empty() { Ok(entries) } else { Err(FormError("the tile of entries has more than its width")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hashes(level: u8, index: u64, width: u16) -> Tile {
        Tile { kind: TileKind::Hashes(level), index, width }
    }

    #[test]
    fn tiles_have_the_paths_that_clients_ask_for() {
        let entries = |index, width| Tile { kind: TileKind::Entries, index, width };
        for (tile, path) in [
            (hashes(0, 0, 256), "tile/0/000"),
            (hashes(0, 5, 256), "tile/0/005"),
            (hashes(1, 1000, 256), "tile/1/x001/000"),
            (hashes(2, 1_234_067, 256), "tile/2/x001/x234/067"),
            (hashes(0, 1_234_067, 1), "tile/0/x001/x234/067.p/1"),
            (hashes(63, 999, 255), "tile/63/999.p/255"),
            (entries(0, 256), "tile/entries/000"),
            (entries(1_000_000, 17), "tile/entries/x001/x000/000.p/17"),
            (hashes(0, u64::MAX, 256), "tile/0/x018/x446/x744/x073/x709/x551/615"),
        ] {
            assert_eq!(tile.to_string(), path);
            assert_eq!(path.parse(), Ok(tile));
        }
    }

    #[test]
    fn other_paths_are_refused() {
        for path in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/5",
            "tile/0/05",
            "tile/0/0005",
            "tile/0/x005",
            "tile/0/000/005",
            "tile/0/x000/005",
            "tile/0/001/005",
            "tile/0/x001/x005",
            "tile/0/x001/5",
            "tile/0/x001//005",
            "tile/0/005/",
            "tile/0/005.p",
            "tile/0/005.p/",
            "tile/0/005.p/0",
            "tile/0/005.p/256",
            "tile/0/005.p/01",
            "tile/0/005.p/1/",
            "tile/0/005.p/1.p/1",
            "tile/00/005",
            "tile/64/005",
            "tile/-1/005",
            "tile/data/005",
            "tile/Entries/005",
            "/tile/0/005",
            "tile/0/../005",
            "tile/0/..%2f005",
            "tile/0/+05",
            "tile/0/٠٠٥",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert!(path.parse::<Tile>().is_err(), "{path}");
        }
    }

    #[test]
    fn a_size_has_its_tiles_and_growth_changes_those_at_the_edge() {
        // 70,000 leaves: 273 full and one of 112 on level 0; one full and one of 17 on level 1; one of 1 on level 2.
        let all: Vec<Tile> = tiles_at(70_000).filter(|tile| tile.kind != TileKind::Entries).collect();
        assert_eq!(all.len(), 274 + 2 + 1);
        assert!(all[..273].iter().all(|tile| tile.is_full() && tile.kind == TileKind::Hashes(0)));
        assert_eq!(all[273..], [hashes(0, 273, 112), hashes(1, 0, 256), hashes(1, 1, 17), hashes(2, 0, 1)]);
        assert_eq!(tiles_at(70_000).filter(|tile| tile.kind == TileKind::Entries).count(), 274);

        let levels = |old, new| tiles_between(old, new).map(|tile| tile.to_string()).collect::<Vec<_>>();
        assert_eq!(levels(0, 0), [""; 0]);
        assert_eq!(levels(5, 5), [""; 0]);
        assert_eq!(levels(7, 5), [""; 0]);
        assert_eq!(levels(0, 1), ["tile/0/000.p/1", "tile/entries/000.p/1"]);
        assert_eq!(levels(255, 256), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
        assert_eq!(levels(256, 257), ["tile/0/001.p/1", "tile/entries/001.p/1"]);
        assert_eq!(levels(250, 600).len(), 3 + 1 + 3);
        assert_eq!(tiles_between(super::super::SIZE_MAX - 1, super::super::SIZE_MAX).count(), 2);
    }

    #[test]
    fn entries_come_back_as_they_went_in() {
        let long = vec![7; ENTRY_BYTES_MAX];
        let entries: [&[u8]; 4] = [b"", b"a", &long, b"{}"];
        let mut bytes = Vec::new();
        for entry in entries {
            encode_entry(entry, &mut bytes).unwrap();
        }
        assert_eq!(decode_entries(&bytes, 4).unwrap(), entries);
        assert!(decode_entries(&bytes, 3).is_err());
        assert!(decode_entries(&bytes, 5).is_err());
        assert!(decode_entries(&bytes[..bytes.len() - 1], 4).is_err());
        assert!(decode_entries(&[0], 1).is_err());
        assert_eq!(decode_entries(&[], 0), Ok(Vec::new()));
        let before = bytes.clone();
        assert_eq!(encode_entry(&vec![7; ENTRY_BYTES_MAX + 1], &mut bytes), None);
        assert_eq!(bytes, before);
    }
}
