//! What somebody with write access to a log can do to it, and what verification says then: each kind, by name and place.

use crate::log::{Log, ORIGIN, TIME, entry, signed, signer, tile, trust, witness};
use audit::Finding::{
    CheckpointForm, CheckpointMissing, CheckpointOrigin, CheckpointUnsigned, EntriesUnreadable, EntryChanged,
    EntryExtra, EntryMissing, EntryMoved, Forked, HistoryForked, RangeChanged, RolledBack, SignatureForged, Stray,
    TileChanged, TileForm, TileMissing, Unwitnessed, WrongRoot,
};
use audit::{Finding, Trust};
use crypto::tlog::{Checkpoint, NoteSigner, leaf_hash, perfect_root};
use kernel::Secret;

/// 600 entries: two full tiles and one of 88 on level 0, one of 2 on level 1. Published at these sizes.
const SIZES: [u64; 5] = [1, 100, 300, 512, 600];

/// What was done, how, and what is found. `checkpoint` and `checkpoints/600` are the same note.
type Case = (&'static str, fn(&mut Log), Vec<Finding>);

fn path(text: &str) -> String {
    text.to_owned()
}

/// The checkpoint, replaced by one that another hand has signed in the log's name.
fn resign(log: &mut Log, size: u64, root: [u8; 32], by: &NoteSigner) {
    let text = Checkpoint::new(ORIGIN.to_owned(), size, root).text();
    let note = format!("{text}\n{}\n{}\n", by.sign(&text), witness().sign(&text, TIME));
    *log.file("checkpoint") = note.into_bytes();
}

/// Changes an entry and everything above it, but for what is signed.
fn rewrite(log: &mut Log, index: u64) {
    let honest = log.clone();
    *log = Log::of((0..600).map(|n| if n == index { b"forged".to_vec() } else { entry(n) }), &SIZES);
    for (path, bytes) in honest.0 {
        if path.starts_with("checkpoint") {
            log.0.insert(path, bytes);
        }
    }
}

/// Entries alone: the hashes of their leaves say what they were.
fn entries() -> Vec<Case> {
    let entries = "tile/entries/000";
    let changed = |at| vec![EntryChanged(at)];
    vec![
        ("a byte of an entry", |log| log.entries("tile/entries/000", |e| e[5][1] ^= 1), changed(5)),
        ("the first entry", |log| log.entries("tile/entries/000", |e| e[0].clear()), changed(0)),
        ("the last entry", |log| log.entries("tile/entries/002.p/88", |e| e[87] = b"x".to_vec()), changed(599)),
        (
            "two entries",
            |log| log.entries("tile/entries/001", |e| e[3..5].fill(vec![])),
            vec![EntryChanged(259), EntryChanged(260)],
        ),
        (
            "an entry taken out",
            |log| log.entries("tile/entries/000", |e| drop(e.remove(7))),
            vec![TileForm(tile(entries)), EntryMissing(7)],
        ),
        (
            "the last entry cut off",
            |log| log.entries("tile/entries/002.p/88", |e| drop(e.pop())),
            vec![TileForm(tile("tile/entries/002.p/88")), EntryMissing(599)],
        ),
        (
            "an entry slipped in",
            |log| log.entries("tile/entries/000", |e| e.insert(7, b"new".to_vec())),
            vec![TileForm(tile(entries)), EntryExtra(7)],
        ),
        (
            "an entry added at the end",
            |log| log.entries("tile/entries/002.p/88", |e| e.push(b"new".to_vec())),
            vec![TileForm(tile("tile/entries/002.p/88")), EntryExtra(600)],
        ),
        (
            "one taken out and one slipped in",
            |log| {
                log.entries("tile/entries/000", |e| {
                    e.remove(7);
                    e.insert(100, b"new".to_vec());
                });
            },
            vec![EntryMissing(7), EntryExtra(100)],
        ),
        (
            "two entries that changed places",
            |log| log.entries("tile/entries/000", |e| e.swap(10, 20)),
            vec![EntryMoved { from: 10, to: 20 }, EntryMoved { from: 20, to: 10 }],
        ),
        (
            "two entries of different tiles that changed places",
            |log| {
                log.entries("tile/entries/000", |e| e[10] = entry(300));
                log.entries("tile/entries/001", |e| e[44] = entry(10));
            },
            vec![EntryMoved { from: 10, to: 300 }, EntryMoved { from: 300, to: 10 }],
        ),
        (
            "an entry put in the place of another",
            |log| log.entries("tile/entries/000", |e| e[9] = entry(8)),
            changed(9),
        ),
        (
            "a length that runs past the next entry",
            |log| log.file("tile/entries/000")[1] += 12,
            vec![TileForm(tile(entries)), EntriesUnreadable { from: 0, to: 256 }],
        ),
    ]
}

/// Tiles of hashes: what they should hold follows from others, or from what is signed.
fn tiles() -> Vec<Case> {
    vec![
        ("a bit of a leaf's hash", |log| log.file("tile/0/001")[40] ^= 1, vec![TileChanged(tile("tile/0/001"))]),
        (
            "a bit of the last leaf's hash",
            |log| log.file("tile/0/002.p/88")[0] ^= 1,
            vec![TileChanged(tile("tile/0/002.p/88"))],
        ),
        ("a bit higher up", |log| log.file("tile/1/000.p/2")[0] ^= 1, vec![TileChanged(tile("tile/1/000.p/2"))]),
        ("a tile taken away", |log| log.remove("tile/0/001"), vec![TileMissing(tile("tile/0/001"))]),
        (
            "a tile of the edge taken away",
            |log| log.remove("tile/0/002.p/88"),
            vec![TileMissing(tile("tile/0/002.p/88"))],
        ),
        ("a higher tile taken away", |log| log.remove("tile/1/000.p/2"), vec![TileMissing(tile("tile/1/000.p/2"))]),
        (
            "a tile of entries taken away",
            |log| log.remove("tile/entries/001"),
            vec![TileMissing(tile("tile/entries/001"))],
        ),
        ("a tile cut short", |log| log.file("tile/0/001").truncate(255 * 32), vec![TileForm(tile("tile/0/001"))]),
        ("a tile made longer", |log| log.file("tile/0/001").extend([0; 32]), vec![TileForm(tile("tile/0/001"))]),
        (
            "two tiles that changed places",
            |log| log.swap("tile/0/000", "tile/0/001"),
            vec![TileChanged(tile("tile/0/000")), TileChanged(tile("tile/0/001"))],
        ),
        (
            "a tile of a size that never was",
            |log| drop(log.0.insert(path("tile/0/003"), vec![0; 8192])),
            vec![Stray(path("tile/0/003"))],
        ),
        ("a file that is no tile", |log| drop(log.0.insert(path("tile/0/3"), vec![])), vec![Stray(path("tile/0/3"))]),
        ("an old partial tile", |log| log.file("tile/0/001.p/44")[0] ^= 1, vec![TileChanged(tile("tile/0/001.p/44"))]),
        (
            "an old partial tile of entries",
            |log| log.entries("tile/entries/001.p/44", |e| e[0] = b"x".to_vec()),
            vec![TileChanged(tile("tile/entries/001.p/44"))],
        ),
    ]
}

/// Entries with their hashes: what is signed says that it was done, older checkpoints say from when on.
fn hashes() -> Vec<Case> {
    vec![
        (
            "an entry with its leaf's hash",
            |log| {
                log.entries("tile/entries/000", |e| e[5] = b"forged".to_vec());
                log.file("tile/0/000")[160..192].copy_from_slice(&leaf_hash(b"forged"));
            },
            vec![RangeChanged { from: 1, to: 100 }],
        ),
        (
            "an entry with all hashes above it",
            |log| {
                log.entries("tile/entries/001", |e| e[100] = b"forged".to_vec());
                log.file("tile/0/001")[3200..3232].copy_from_slice(&leaf_hash(b"forged"));
                let row: Vec<[u8; 32]> = log.file("tile/0/001").as_chunks().0.to_vec();
                log.file("tile/1/000.p/2")[32..].copy_from_slice(&perfect_root(&row).expect("it is full"));
            },
            // The checkpoints of the log say from when it is.
            vec![WrongRoot { from: 300, to: 512 }],
        ),
        ("everything but the checkpoints", |log| rewrite(log, 550), vec![WrongRoot { from: 512, to: 600 }]),
    ]
}

/// What is signed.
fn checkpoints() -> Vec<Case> {
    vec![
        ("no checkpoint", |log| log.remove("checkpoint"), vec![CheckpointMissing]),
        (
            "the size in the checkpoint",
            |log| log.edit("checkpoint", "\n600\n", "\n599\n"),
            vec![SignatureForged(path("checkpoint"), path(ORIGIN))],
        ),
        (
            "the root in the checkpoint",
            |log| {
                let other = signed(600, [7; 32]).text().lines().nth(2).expect("it has a root").to_owned();
                let own = log.checkpoint().text().lines().nth(2).expect("it has a root").to_owned();
                log.edit("checkpoint", &own, &other);
            },
            vec![SignatureForged(path("checkpoint"), path(ORIGIN))],
        ),
        (
            "another log's checkpoint",
            |log| log.edit("checkpoint", "audit.example", "other.example"),
            vec![CheckpointOrigin(path("checkpoint"), path("other.example/mainstay"))],
        ),
        (
            "a signature taken away",
            |log| {
                let text = log.checkpoint().text();
                *log.file("checkpoint") = format!("{text}\n{}\n", witness().sign(&text, TIME)).into_bytes();
            },
            vec![CheckpointUnsigned(path("checkpoint"))],
        ),
        (
            "a checkpoint signed by another key of the same name",
            |log| {
                let root = log.checkpoint().root;
                resign(log, 600, root, &NoteSigner::from_seed(ORIGIN, &Secret::new([9; 32])).expect("a key"));
            },
            vec![CheckpointUnsigned(path("checkpoint"))],
        ),
        (
            "a checkpoint that is none",
            |log| log.edit("checkpoint", "\n600\n", "\n0600\n"),
            vec![CheckpointForm(path("checkpoint"), path("a checkpoint's size is a decimal number"))],
        ),
        (
            "line ends of another system",
            |log| log.edit("checkpoint", "\n600\n", "\r\n600\n"),
            vec![CheckpointForm(path("checkpoint"), path("a note holds no control characters but newlines"))],
        ),
        (
            "a checkpoint that signs another tree of the same size",
            |log| resign(log, 600, [7; 32], &signer()),
            vec![HistoryForked(600), WrongRoot { from: 512, to: 600 }],
        ),
        (
            "an older checkpoint put in the place of the present one",
            |log| {
                let old = log.file("checkpoints/300").clone();
                *log.file("checkpoint") = old;
            },
            vec![
                RolledBack { was: 512, now: 300 },
                RolledBack { was: 600, now: 300 },
                Stray(path("tile/0/001")),
                Stray(path("tile/entries/001")),
                Stray(path("tile/0/002.p/88")),
                Stray(path("tile/1/000.p/2")),
                Stray(path("tile/entries/002.p/88")),
            ],
        ),
        (
            "an older checkpoint that signs another tree",
            |log| {
                let other = signed(300, [7; 32]).to_string();
                *log.file("checkpoints/300") = other.into_bytes();
            },
            vec![HistoryForked(300)],
        ),
        (
            "an older checkpoint of another size",
            |log| log.swap("checkpoints/100", "checkpoints/300"),
            vec![Stray(path("checkpoints/100")), Stray(path("checkpoints/300"))],
        ),
        (
            "a witness's word taken away",
            |log| {
                let text = log.checkpoint().text();
                *log.file("checkpoint") = format!("{text}\n{}\n", signer().sign(&text)).into_bytes();
            },
            vec![Unwitnessed(0, 1)],
        ),
        (
            "a witness's word with another time",
            |log| log.edit("checkpoint", "w1 CtfTXgAAAABl", "w1 CtfTXgAAAABm"),
            vec![SignatureForged(path("checkpoint"), path("witness.example/w1")), Unwitnessed(0, 1)],
        ),
    ]
}

#[test]
fn an_honest_log_is_clean_at_every_size() {
    for last in [0, 1, 2, 255, 256, 257, 511, 512, 513, 600] {
        let report = Log::new(&[0, 1, 2, 100, last]).verify();
        assert_eq!((report.findings, report.entries, report.more), (vec![], last, false), "{last}");
    }
    // Without what a mirror may delete: older partial tiles and checkpoints.
    let mut log = Log::new(&SIZES);
    assert_eq!(log.findings(), []);
    log.0.retain(|path, _| !path.starts_with("checkpoints/"));
    log.0.retain(|path, _| !path.contains(".p/") || path.ends_with(".p/88") || path.ends_with(".p/2"));
    assert_eq!(log.findings(), []);
}

#[test]
fn every_kind_of_tampering_is_found_and_named() {
    let honest = Log::new(&SIZES);
    let cases = [entries(), tiles(), hashes(), checkpoints()].concat();
    let mut wrong = Vec::new();
    assert!(cases.len() >= 40);
    for (name, tamper, mut expected) in cases {
        let mut log = honest.clone();
        tamper(&mut log);
        assert_ne!(log, honest, "{name}");
        expected.sort();
        let findings = log.findings();
        if findings != expected {
            wrong.push(format!("{name}:\n  expected {expected:?}\n  found    {findings:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_single_bit_can_be_turned() {
    let mut honest = Log::new(&[5, 9]);
    // What a stranger adds to a note is passed over, and so is a witness of an older one whose name was changed.
    honest.remove_all("checkpoints/");
    for (path, bytes) in &honest.0 {
        for at in 0..bytes.len() {
            let mut log = honest.clone();
            log.file(path)[at] ^= 1;
            assert!(!log.verify().is_clean(), "{path} at {at}");
        }
    }
}

#[test]
fn a_rewritten_log_that_its_own_key_signs_is_caught_by_who_remembers() {
    let known = Log::new(&[600]).checkpoint();
    let trust = Trust { known: vec![known], ..trust() };
    let mut honest = Log::new(&SIZES);
    assert!(honest.verify_by(&trust).is_clean());
    assert!(Log::new(&[600, 700]).verify_by(&trust).is_clean());

    // Another history, signed by the log's own key all along.
    let other = |n| if n == 20 { b"forged".to_vec() } else { entry(n) };
    let mut forked = Log::of((0..700).map(other), &[100, 700]);
    assert_eq!(forked.findings(), []);
    assert_eq!(forked.verify_by(&trust).findings, [Forked(600)]);
    // The end cut off.
    let mut shorter = Log::new(&[100, 599]);
    assert_eq!(shorter.findings(), []);
    assert_eq!(shorter.verify_by(&trust).findings, [RolledBack { was: 600, now: 599 }]);
    // Everything gone: what is known is still a measure.
    let mut gone = Log(std::collections::BTreeMap::new());
    assert_eq!(gone.findings(), [CheckpointMissing]);
    let report = gone.verify_by(&trust);
    assert_eq!((report.entries, report.findings.contains(&TileMissing(tile("tile/1/000.p/2")))), (0, true));
}

#[test]
fn changes_below_a_full_tile_of_the_second_level_have_their_range() {
    let honest = Log::new(&[65_000, 66_000]);
    let report = honest.clone().verify();
    assert_eq!((report.findings, report.entries), (vec![], 66_000));

    let mut bit = honest.clone();
    bit.file("tile/1/000")[77] ^= 1;
    assert_eq!(bit.findings(), [TileChanged(tile("tile/1/000"))]);
    let mut gone = honest.clone();
    gone.remove("tile/1/000");
    assert_eq!(gone.findings(), [TileMissing(tile("tile/1/000"))]);
    let mut both = honest.clone();
    both.entries("tile/entries/100", |e| e[0] = b"forged".to_vec());
    both.file("tile/0/100")[..32].copy_from_slice(&leaf_hash(b"forged"));
    assert_eq!(both.findings(), [RangeChanged { from: 25_600, to: 25_856 }]);
    let mut both = honest;
    both.entries("tile/entries/254", |e| e[0] = b"forged".to_vec());
    both.file("tile/0/254")[..32].copy_from_slice(&leaf_hash(b"forged"));
    assert_eq!(both.findings(), [RangeChanged { from: 65_024, to: 65_280 }]);
}

#[test]
fn a_log_of_nothing_but_holes_is_reported_in_bounds() {
    let mut log = Log::new(&[140_000]);
    log.remove_all("tile/0/");
    log.remove_all("tile/entries/");
    let report = log.verify();
    assert!(report.more && report.findings.len() <= 1000, "{}", report.findings.len());
    let mut shown = report.findings.iter().map(ToString::to_string);
    assert!(shown.any(|text| text == "tile/0/000 is missing"));
}
