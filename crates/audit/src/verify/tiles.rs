//! Walks the tree from its top down and from its first entry to its last.

use crypto::tlog::{
    Checkpoint, EMPTY_ROOT, Frontier, Hash, TILE_WIDTH, Tile, TileKind, leaf_hash, node_hash, perfect_root,
};

use super::checkpoints::Mark;
use super::partials::Partials;
use super::{FINDINGS_MAX, Findings, LogFiles, ReadError, entries};
use crate::rules::{Finding, Mismatch};

pub(super) const WIDTH: u64 = TILE_WIDTH as u64;

/// The state of a verification.
pub(super) struct Walk<'a> {
    pub(super) files: &'a mut dyn LogFiles,
    pub(super) findings: &'a mut Findings,
    pub(super) partials: Partials,
    size: u64,
    root: Hash,
    /// The tree of the leaves seen so far.
    tree: Frontier,
    marks: std::vec::IntoIter<Mark>,
    next: Option<Mark>,
    /// The largest mark that the leaves have led to, and the first after it that they have not.
    confirmed: u64,
    denied: Option<u64>,
    /// Entries that are what the tree stands for.
    pub(super) sound: u64,
    pub(super) mismatches: Vec<Mismatch>,
}

/// A tile of the right edge: what it holds as it lies there, and as what is below it says.
struct Edge {
    tile: Tile,
    stored: Option<Vec<Hash>>,
    rebuilt: Option<Vec<Hash>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        files: &'a mut dyn LogFiles,
        checkpoint: &Checkpoint,
        marks: Vec<Mark>,
        partials: Partials,
        findings: &'a mut Findings,
    ) -> Self {
        let mut marks = marks.into_iter();
        let next = marks.next();
        Self {
            files,
            findings,
            partials,
            size: checkpoint.size,
            root: checkpoint.root,
            tree: Frontier::new(),
            marks,
            next,
            confirmed: 0,
            denied: None,
            sound: 0,
            mismatches: Vec::new(),
        }
    }

    /// Verifies tiles, entries and marks.
    pub(super) fn run(&mut self) -> Result<(), ReadError> {
        let (edge, proven) = self.edge()?;
        self.look_at_marks(proven);
        for Edge { tile, stored, rebuilt } in edge.into_iter().rev() {
            match stored.or(rebuilt) {
                Some(row) => self.descend(tile, &row, proven)?,
                // The leaves that follow stand for no tree any more.
                None => self.next = None,
            }
        }
        if !proven {
            let (from, to) = self.narrowed(0, self.size);
            self.findings.add(Finding::WrongRoot { from, to });
        }
        Ok(())
    }

    /// The partial tiles of the right edge, from the leaves upwards, and whether they lead to the root. If so, `stored` is to be
    /// believed.
    fn edge(&mut self) -> Result<(Vec<Edge>, bool), ReadError> {
        let mut edge = Vec::new();
        for level in 0..8_u8 {
            let hashes = self.size >> (8 * u32::from(level));
            let Some(width) = u16::try_from(hashes % WIDTH).ok().filter(|width| *width > 0) else { continue };
            let tile = Tile { kind: TileKind::Hashes(level), index: hashes / WIDTH, width };
            edge.push(Edge { tile, stored: self.stored(tile)?, rebuilt: None });
        }
        if leads_to(&edge, 0, &self.root) {
            return Ok((edge, true));
        }
        for Edge { tile, rebuilt, .. } in &mut edge {
            *rebuilt = rebuild(self.files, *tile)?;
        }
        // The fewest tiles that must have been changed.
        let mut masks: Vec<usize> = (1..1 << edge.len()).collect();
        masks.sort_by_key(|mask| mask.count_ones());
        let Some(mask) = masks.into_iter().find(|mask| leads_to(&edge, *mask, &self.root)) else {
            return Ok((edge, false));
        };
        for (_, place) in edge.iter_mut().enumerate().filter(|(at, _)| mask >> at & 1 == 1) {
            if place.stored.is_some() {
                self.findings.add(Finding::TileChanged(place.tile));
            }
            place.stored = place.rebuilt.take();
        }
        Ok((edge, true))
    }

    /// What is below a tile whose hashes are `row`; proven, if they are what the tree stands for.
    fn descend(&mut self, tile: Tile, row: &[Hash], proven: bool) -> Result<(), ReadError> {
        if proven {
            self.partials.compare(self.files, tile, row, self.findings)?;
        }
        let level = level_of(tile);
        let Some(below) = level.checked_sub(1) else { return self.leaves(tile.index, row, proven) };
        for (index, expected) in (tile.index * WIDTH..).zip(row) {
            if self.findings.all.len() >= FINDINGS_MAX {
                // A log of nothing but findings is not walked to its end.
                self.findings.more = true;
                self.next = None;
                return Ok(());
            }
            let child = Tile { kind: TileKind::Hashes(below), index, width: TILE_WIDTH };
            let holds = |row: &Vec<Hash>| perfect_root(row) == Some(*expected);
            let stored = self.stored(child)?;
            if let Some(row) = stored.as_ref().filter(|row| holds(row)) {
                self.descend(child, row, proven)?;
                continue;
            }
            let rebuilt = rebuild(self.files, child)?;
            if let Some(row) = rebuilt.as_ref().filter(|row| holds(row)) {
                if stored.is_some() {
                    self.findings.add(Finding::TileChanged(child));
                }
                self.descend(child, row, proven)?;
                continue;
            }
            // Neither is what the tree stands for: what was changed lies somewhere below.
            let before = self.tree.clone();
            if let Some(row) = stored.or(rebuilt) {
                self.descend(child, &row, false)?;
            }
            let span = WIDTH.saturating_pow(u32::from(level));
            let (from, to) = self.narrowed(index * span, (index + 1) * span);
            self.findings.add(Finding::RangeChanged { from, to });
            // The rest of the tree does not depend on it.
            self.tree = before;
            self.tree.append_perfect(8 * u32::from(level), *expected);
            self.denied = None;
            self.look_at_marks(proven);
        }
        Ok(())
    }

    /// The leaves of one tile, and the entries they stand for.
    fn leaves(&mut self, index: u64, row: &[Hash], proven: bool) -> Result<(), ReadError> {
        for leaf in row {
            self.tree.append(*leaf);
            self.look_at_marks(proven);
        }
        entries::compare(self, index, row, proven)
    }

    /// Holds the tree against the marks of its present size and smaller ones. A proven tree that is not the mark's is another history;
    /// one that is not proven only shows where it begins to be another.
    fn look_at_marks(&mut self, proven: bool) {
        while let Some(mark) = self.next.take_if(|mark| mark.size <= self.tree.size()) {
            if mark.size == self.tree.size() && mark.root == self.tree.root() {
                if self.denied.is_none() {
                    self.confirmed = mark.size;
                }
            } else if mark.size == self.tree.size() {
                self.denied = self.denied.or(Some(mark.size));
                if proven {
                    self.findings.add(mark.source.forked(mark.size));
                }
            }
            self.next = self.marks.next();
        }
    }

    /// Where in a range the first change is, by the marks in it.
    fn narrowed(&self, from: u64, to: u64) -> (u64, u64) {
        let to = self.denied.map_or(to, |denied| denied.min(to));
        (if self.confirmed < to { self.confirmed.max(from) } else { from }, to)
    }

    /// The hashes of a tile as it lies there.
    fn stored(&mut self, tile: Tile) -> Result<Option<Vec<Hash>>, ReadError> {
        let Some((found, bytes)) = fetch(self.files, tile)? else {
            self.findings.add(Finding::TileMissing(tile));
            return Ok(None);
        };
        let row = hashes(found, &bytes, tile.width);
        if row.is_none() {
            self.findings.add(Finding::TileForm(found));
        }
        Ok(row)
    }
}

const fn level_of(tile: Tile) -> u8 {
    match tile.kind {
        TileKind::Hashes(level) => level,
        TileKind::Entries => 0,
    }
}

/// A tile's bytes; where the partial one is not there, those of the full one.
pub(super) fn fetch(files: &mut dyn LogFiles, tile: Tile) -> Result<Option<(Tile, Vec<u8>)>, ReadError> {
    for tile in [tile, tile.full()] {
        if let Some(bytes) = files.read(&tile.to_string())? {
            return Ok(Some((tile, bytes)));
        }
    }
    Ok(None)
}

/// The first `width` hashes of a tile.
pub(super) fn hashes(tile: Tile, bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (rows, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && rows.len() == usize::from(tile.width)).then(|| rows[..usize::from(width)].to_vec())
}

/// The hashes a tile should hold, computed from the tiles or the entries below it as they lie there.
fn rebuild(files: &mut dyn LogFiles, tile: Tile) -> Result<Option<Vec<Hash>>, ReadError> {
    let Some(below) = level_of(tile).checked_sub(1) else {
        let entries = Tile { kind: TileKind::Entries, ..tile };
        let Some((_, bytes)) = fetch(files, entries)? else { return Ok(None) };
        let (entries, _) = entries::lenient(&bytes);
        let row = entries.get(..usize::from(tile.width));
        return Ok(row.map(|entries| entries.iter().map(|entry| leaf_hash(entry)).collect()));
    };
    let first = tile.index * WIDTH;
    let mut row = Vec::with_capacity(usize::from(tile.width));
    for index in first..first + u64::from(tile.width) {
        let child = Tile { kind: TileKind::Hashes(below), index, width: TILE_WIDTH };
        let Some(bytes) = files.read(&child.to_string())? else { return Ok(None) };
        match hashes(child, &bytes, TILE_WIDTH).and_then(|row| perfect_root(&row)) {
            Some(root) => row.push(root),
            None => return Ok(None),
        }
    }
    Ok(Some(row))
}

/// Whether the edge leads to this root, if the tiles of the mask are taken as rebuilt.
fn leads_to(edge: &[Edge], mask: usize, root: &Hash) -> bool {
    let mut right: Option<Hash> = None;
    for (at, Edge { stored, rebuilt, .. }) in edge.iter().enumerate() {
        let Some(row) = (if mask >> at & 1 == 1 { rebuilt } else { stored }) else { return false };
        let mut end = row.len();
        while end > 0 {
            // The smallest perfect part stands at the right end.
            let part = 1 << end.trailing_zeros();
            let left = perfect_root(&row[end - part..end]);
            right = match (left, right) {
                (Some(left), Some(right)) => Some(node_hash(&left, &right)),
                (left, right) => left.or(right),
            };
            end -= part;
        }
    }
    right.unwrap_or(EMPTY_ROOT) == *root
}
