//! A log in memory, as an honest house writes it; tests then lay hands on it.

use std::collections::BTreeMap;

use audit::{Finding, LogFiles, ReadError, Report, TileWriter, Trust, verify};
use crypto::tlog::{Checkpoint, Cosigner, Hash, Note, NoteSigner, Tile, decode_entries, encode_entry};
use kernel::Secret;

pub(crate) const ORIGIN: &str = "audit.example/mainstay";
pub(crate) const TIME: u64 = 1_700_000_000;

pub(crate) fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &Secret::new([0; 32])).expect("a seed is a key")
}

pub(crate) fn witness() -> Cosigner {
    Cosigner::from_seed("witness.example/w1", &Secret::new([1; 32])).expect("a seed is a key")
}

/// What the entry of an index says.
pub(crate) fn entry(index: u64) -> Vec<u8> {
    format!("{{\"act\":{index}}}").into_bytes()
}

/// The files of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log(pub(crate) BTreeMap<String, Vec<u8>>);

impl LogFiles for Log {
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&mut self) -> Result<Vec<String>, ReadError> {
        Ok(self.0.keys().cloned().collect())
    }
}

/// A checkpoint signed by the log and its witness.
pub(crate) fn signed(size: u64, root: Hash) -> Note {
    let text = Checkpoint::new(ORIGIN.to_owned(), size, root).text();
    let mut note = Note::new(text.clone()).expect("a checkpoint is a note");
    note.add(signer().sign(&text)).expect("there is room");
    note.add(witness().sign(&text, TIME)).expect("there is room");
    note
}

impl Log {
    /// A log of these entries that published checkpoints at these sizes; the last one is the present one.
    pub(crate) fn of(entries: impl Iterator<Item = Vec<u8>>, published: &[u64]) -> Self {
        let mut files = BTreeMap::new();
        let mut writer = TileWriter::new();
        let publish = |writer: &TileWriter, files: &mut BTreeMap<String, Vec<u8>>| {
            if published.contains(&writer.size()) {
                files.extend(writer.partial().into_iter().map(|(tile, bytes)| (tile.to_string(), bytes)));
                let note = signed(writer.size(), writer.root()).to_string().into_bytes();
                files.insert(format!("checkpoints/{}", writer.size()), note.clone());
                files.insert("checkpoint".to_owned(), note);
            }
        };
        publish(&writer, &mut files);
        for entry in entries {
            let full = writer.append(&entry).expect("the entry is short");
            files.extend(full.into_iter().map(|(tile, bytes)| (tile.to_string(), bytes)));
            publish(&writer, &mut files);
        }
        Self(files)
    }

    /// An honest log.
    pub(crate) fn new(published: &[u64]) -> Self {
        Self::of((0..*published.last().unwrap_or(&0)).map(entry), published)
    }

    pub(crate) fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.0.get_mut(path).unwrap_or_else(|| panic!("{path} is there"))
    }

    /// Rewrites a file that is text.
    pub(crate) fn edit(&mut self, path: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.file(path).clone()).expect("it is text");
        assert!(text.contains(from), "{text}");
        *self.file(path) = text.replacen(from, to, 1).into_bytes();
    }

    /// Lays hands on the entries of a tile.
    pub(crate) fn entries(&mut self, path: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let tile: Tile = path.parse().expect("it is a tile");
        let bytes = self.file(path);
        let mut entries: Vec<Vec<u8>> =
            decode_entries(bytes, tile.width).expect("it was honest").into_iter().map(<[u8]>::to_vec).collect();
        change(&mut entries);
        bytes.clear();
        for entry in &entries {
            encode_entry(entry, bytes).expect("the entry is short");
        }
    }

    pub(crate) fn swap(&mut self, one: &str, other: &str) {
        let kept = self.file(one).clone();
        let moved = std::mem::replace(self.file(other), kept);
        *self.file(one) = moved;
    }

    pub(crate) fn remove(&mut self, path: &str) {
        assert!(self.0.remove(path).is_some(), "{path} was there");
    }

    pub(crate) fn remove_all(&mut self, prefix: &str) {
        self.0.retain(|path, _| !path.starts_with(prefix));
    }

    pub(crate) fn verify(&mut self) -> Report {
        self.verify_by(&trust())
    }

    pub(crate) fn verify_by(&mut self, trust: &Trust) -> Report {
        verify(self, trust).expect("memory can be read")
    }

    pub(crate) fn findings(&mut self) -> Vec<Finding> {
        self.verify().findings
    }

    /// What its present checkpoint says.
    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        let note = Note::parse(self.file("checkpoint")).expect("it was honest");
        Checkpoint::parse(note.text()).expect("it was honest")
    }
}

/// What a verifier knows who was given the keys only.
pub(crate) fn trust() -> Trust {
    Trust { log: signer().key().clone(), witnesses: vec![witness().key().clone()], witnesses_min: 1, known: Vec::new() }
}

pub(crate) fn tile(path: &str) -> Tile {
    path.parse().expect("it is a tile")
}
