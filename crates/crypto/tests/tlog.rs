//! The published and computed vectors of the log's contract, the recursive definitions, witnesses, and hostile input.

use std::convert::Infallible;

use crypto::hex;
use crypto::tlog::*;
use kernel::Secret;
use proptest::prelude::*;

const LEAVES: [&[u8]; 8] = [
    b"",
    &[0],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const CHECKPOINT: &str = "audit.example/mainstay\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
const SIGNED: &str = "\u{2014} audit.example/mainstay KanoutL2D4g/xdTDmsUxZwV2owp//u22Ex3WYKikiwgVedVZRYcv9UD1BKX8epJP3y+\
                      5xxw4caL6mte0SujC3JbxiQc=";
const COSIGNED: &str = "\u{2014} witness.example/w1 CtfTXgAAAABlU/EAxR9a3LloUscsXztUzt/dbwnhRqMFAQmhyRF9YHZLntDlPUI4jvcTsL6P\
                        brTGjV5nbeOLzCMlIZbfZdDhLCseDg==";

fn published() -> Vec<Hash> {
    LEAVES.iter().map(|leaf| leaf_hash(leaf)).collect()
}

/// `count` leaves that differ.
fn numbered(count: u64) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// RFC 6962 section 2.1, word for word.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&root(left), &root(right))
        }
    }
}

/// RFC 6962 section 2.1.1.
fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (mut inner, sibling) =
        if index < half { (path(index, left), root(right)) } else { (path(index - half, right), root(left)) };
    inner.push(sibling);
    inner
}

/// RFC 6962 section 2.1.2.
fn subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![root(leaves)] };
    }
    let half = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(half);
    let (mut inner, sibling) = if old <= half {
        (subproof(old, left, whole), root(right))
    } else {
        (subproof(old - half, right, false), root(left))
    };
    inner.push(sibling);
    inner
}

fn read(leaves: &[Hash]) -> impl FnMut(u32, u64) -> Result<Hash, Infallible> {
    |level, index| {
        let first = usize::try_from(index << level).expect("small trees");
        Ok(root(&leaves[first..first + (1 << level)]))
    }
}

fn inclusion(leaves: &[Hash], index: u64) -> Vec<Hash> {
    let Ok(path) = inclusion_proof(read(leaves), index, leaves.len() as u64);
    path.expect("the index is in the tree")
}

fn consistency(leaves: &[Hash], old: usize) -> Vec<Hash> {
    let Ok(path) = consistency_proof(read(leaves), old as u64, leaves.len() as u64);
    path.expect("the old tree is not larger")
}

fn first_bytes(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| hex(&hash[..8])).collect()
}

#[test]
fn the_published_trees_have_their_roots_and_proofs() {
    let leaves = published();
    let mut tree = Frontier::new();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(hex(&tree.root()), *expected, "{size}");
        let Ok(read) = tree_root(read(&leaves), size as u64);
        assert_eq!(hex(&read), *expected, "{size}");
        if let Some(leaf) = leaves.get(size) {
            tree.append(*leaf);
        }
    }
    for (proof, expected) in [
        (inclusion(&leaves, 0), &["96a296d224f285c6", "5f083f0a1a33ca07", "6b47aaf29ee3c2af"][..]),
        (inclusion(&leaves[..7], 5), &["bc1a0643b12e4d2d", "b08693ec2e721597", "d37ee418976dd957"]),
        (
            consistency(&leaves[..7], 3),
            &["0298d122906dcfc1", "07506a85fd9dd2f1", "fac54203e7cc696c", "837dbb152e9b0790"],
        ),
        (consistency(&leaves, 4), &["6b47aaf29ee3c2af"]),
        (consistency(&leaves, 6), &["0ebc5d3437fbe2db", "ca854ea128ed050b", "d37ee418976dd957"]),
    ] {
        assert_eq!(first_bytes(&proof), expected);
    }
}

#[test]
fn all_trees_up_to_70_leaves_agree_with_the_recursive_definition() {
    let all = numbered(70);
    let mut tree = Frontier::new();
    let mut roots = vec![tree.root()];
    for size in 1..=all.len() {
        tree.append(all[size - 1]);
        roots.push(tree.root());
        let leaves = &all[..size];
        assert_eq!(tree.root(), root(leaves), "{size}");
        let size_here = size as u64;
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = inclusion(leaves, index as u64);
            assert_eq!(proof, path(index, leaves), "{index} in {size}");
            let verify = |index, leaf, size| verify_inclusion(&proof, index, leaf, size, &tree.root());
            assert_eq!(verify(index as u64, leaf, size_here), Ok(()), "{index} in {size}");
            assert_eq!(verify(size_here, leaf, size_here), Err(ProofError::Range));
            // For no other place, leaf or root.
            for other in (0..size).filter(|other| *other != index) {
                assert!(verify(other as u64, leaf, size_here).is_err(), "{other} for {index} in {size}");
            }
            assert_eq!(verify(index as u64, &[7; 32], size_here), Err(ProofError::Root));
            if let Some((_, short)) = proof.split_last() {
                assert!(verify_inclusion(short, index as u64, leaf, size_here, &tree.root()).is_err());
            }
            let long = [&proof[..], &[[0; 32]]].concat();
            assert!(verify_inclusion(&long, index as u64, leaf, size_here, &tree.root()).is_err());
        }
        for old in 0..=size {
            let proof = consistency(leaves, old);
            let expected = if old == 0 { Vec::new() } else { subproof(old, leaves, true) };
            assert_eq!(proof, expected, "{old} to {size}");
            let from = (old as u64, &roots[old]);
            assert_eq!(verify_consistency(&proof, from, (size_here, &roots[size])), Ok(()), "{old} to {size}");
            if old > 0 {
                let wrong = verify_consistency(&proof, (old as u64, &[7; 32]), (size_here, &roots[size]));
                assert!(wrong.is_err(), "{old} to {size}");
                assert!(verify_consistency(&proof, from, (size_here, &[7; 32])).is_err(), "{old} to {size}");
            }
            let long = [&proof[..], &[[0; 32]]].concat();
            assert!(verify_consistency(&long, from, (size_here, &roots[size])).is_err(), "{old} to {size}");
            if let Some((_, short)) = proof.split_last() {
                assert!(verify_consistency(short, from, (size_here, &roots[size])).is_err(), "{old} to {size}");
            }
            assert_eq!(
                verify_consistency(&proof, (size_here + 1, &roots[old]), (size_here, &roots[size])),
                Err(ProofError::Range)
            );
        }
    }
    let Ok(none) = inclusion_proof(read(&all), 70, 70);
    assert_eq!(none, None);
    let Ok(none) = consistency_proof(read(&all), 71, 70);
    assert_eq!(none, None);
}

/// The tiles of a tree as a server writes them.
fn tile_bytes(leaves: &[Hash], tile: Tile) -> Option<Vec<u8>> {
    let TileKind::Hashes(level) = tile.kind else { return None };
    let span = 256_usize.pow(u32::from(level));
    let first = usize::try_from(tile.index).ok()? * 256;
    let hashes = (first..first + usize::from(tile.width)).map(|n| leaves.get(n * span..(n + 1) * span).map(root));
    Some(hashes.collect::<Option<Vec<_>>>()?.concat())
}

#[test]
fn proofs_are_made_from_tiles() {
    let leaves = numbered(70_000);
    let tiles = |tile| Ok::<_, Infallible>(tile_bytes(&leaves, tile));
    let mut tree = Frontier::new();
    let mut hashes = TileHashes::new(70_000, tiles);
    for leaf in &leaves {
        tree.append(*leaf);
    }
    assert_eq!(tree_root(|l, i| hashes.read(l, i), 70_000).unwrap(), tree.root());
    for index in [0, 1, 255, 256, 65_535, 65_536, 69_888, 69_999] {
        let proof = inclusion_proof(|l, i| hashes.read(l, i), index, 70_000).unwrap().unwrap();
        let leaf = &leaves[usize::try_from(index).unwrap()];
        assert_eq!(verify_inclusion(&proof, index, leaf, 70_000, &tree.root()), Ok(()), "{index}");
    }
    for old in [1_u64, 255, 256, 257, 65_536, 69_999] {
        let old_root = root(&leaves[..usize::try_from(old).unwrap()]);
        let proof = consistency_proof(|l, i| hashes.read(l, i), old, 70_000).unwrap().unwrap();
        assert_eq!(verify_consistency(&proof, (old, &old_root), (70_000, &tree.root())), Ok(()), "{old}");
    }
}

#[test]
fn tiles_that_are_partial_missing_or_cut_are_noticed() {
    let leaves = numbered(300);
    // Only full tiles are left: a smaller tree reads from them.
    let full = |tile: Tile| Ok::<_, Infallible>(tile.is_full().then(|| tile_bytes(&leaves, tile)).flatten());
    let mut hashes = TileHashes::new(100, full);
    assert_eq!(tree_root(|l, i| hashes.read(l, i), 100).unwrap(), root(&leaves[..100]));
    assert!(matches!(hashes.read(0, 100), Err(TileError::Range)));
    assert!(matches!(hashes.read(7, 0), Err(TileError::Range)));
    assert!(matches!(hashes.read(64, 0), Err(TileError::Range)));
    assert!(matches!(hashes.read(0, u64::MAX), Err(TileError::Range)));
    let mut missing = TileHashes::new(300, full);
    assert!(matches!(missing.read(0, 299), Err(TileError::Missing(tile)) if tile.to_string() == "tile/0/001.p/44"));
    let mut cut = TileHashes::new(1, |_| Ok::<_, Infallible>(Some(vec![0; 31])));
    assert!(matches!(cut.read(0, 0), Err(TileError::Form(_))));
    let mut broken = TileHashes::new(1, |_| Err("disk"));
    assert!(matches!(broken.read(0, 0), Err(TileError::Fetch("disk"))));
}

fn log() -> NoteSigner {
    NoteSigner::from_seed("audit.example/mainstay", &Secret::new([0; 32])).expect("a seed")
}

fn witness() -> Cosigner {
    Cosigner::from_seed("witness.example/w1", &Secret::new([1; 32])).expect("a seed")
}

#[test]
fn checkpoints_are_signed_and_cosigned_as_published() {
    let mut tree = Frontier::new();
    for leaf in published() {
        tree.append(leaf);
    }
    let checkpoint = Checkpoint::new("audit.example/mainstay".to_owned(), tree.size(), tree.root());
    let text = checkpoint.text();
    assert_eq!(text, CHECKPOINT);
    let mut note = Note::new(text.clone()).unwrap();
    note.add(log().sign(&text)).unwrap();
    note.add(witness().sign(&text, 1_700_000_000)).unwrap();
    assert_eq!(note.to_string(), format!("{CHECKPOINT}\n{SIGNED}\n{COSIGNED}\n"));
    assert_eq!(log().key().to_string(), "audit.example/mainstay+29a9e8ba+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop");
    assert_eq!(witness().key().to_string(), "witness.example/w1+0ad7d35e+BIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");

    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    let verified = read.verify(&[witness().key().clone(), log().key().clone()]).unwrap();
    let times: Vec<_> = verified.iter().map(|by| (by.key.name(), by.time_s)).collect();
    assert_eq!(times, [("audit.example/mainstay", None), ("witness.example/w1", Some(1_700_000_000))]);
    // The time is signed, too.
    let mut late = note.signatures()[1].clone();
    late.signature[7] ^= 1;
    let mut moved = Note::new(text).unwrap();
    moved.add(late).unwrap();
    assert!(moved.verify(&[witness().key().clone()]).is_err());
    assert_eq!(Checkpoint::parse(read.text()), Ok(checkpoint));
}

fn signed(origin: &str, size: u64, root: Hash, by: &NoteSigner) -> Note {
    let text = Checkpoint::new(origin.to_owned(), size, root).text();
    let mut note = Note::new(text.clone()).expect("a checkpoint is a note");
    note.add(by.sign(&text)).expect("there is room");
    note
}

#[test]
fn a_witness_answers_by_the_table() {
    let (log, stranger) = (log(), NoteSigner::from_seed("audit.example/mainstay", &Secret::new([9; 32])).unwrap());
    let origin = log.key().name();
    let leaves = numbered(20);
    let at = |size: usize| LastCosigned { size: size as u64, root: root(&leaves[..size]) };
    let note = |size: usize| signed(origin, size as u64, root(&leaves[..size]), &log);
    let proof = |old, new| consistency(&leaves[..new], old);
    let forged = {
        let text = Checkpoint::new(origin.to_owned(), 8, [1; 32]).text();
        let mut note = Note::new(text).unwrap();
        note.add(log.sign(CHECKPOINT)).unwrap();
        note
    };
    let cases = [
        ("the first checkpoint", 0, Vec::<Hash>::new(), note(8), None, 200),
        ("the first checkpoint of an empty log", 0, vec![], note(0), None, 200),
        ("growth", 8, proof(8, 20), note(20), Some(at(8)), 200),
        ("growth from an odd size", 7, proof(7, 20), note(20), Some(at(7)), 200),
        ("the same again", 8, vec![], note(8), Some(at(8)), 200),
        ("a stranger's key", 0, vec![], signed(origin, 8, root(&leaves[..8]), &stranger), None, 403),
        ("a known key's bad signature", 0, vec![], forged, None, 403),
        ("another size was last", 7, proof(7, 20), note(20), Some(at(8)), 409),
        ("nothing was cosigned", 8, proof(8, 20), note(20), None, 409),
        ("a rollback", 0, vec![], note(8), Some(at(20)), 409),
        ("no proof", 8, vec![], note(20), Some(at(8)), 422),
        ("a proof of something else", 8, proof(7, 20), note(20), Some(at(8)), 422),
        ("a fork", 8, proof(8, 20), note(20), Some(LastCosigned { root: [3; 32], ..at(8) }), 422),
        ("a proof from nothing", 0, proof(1, 8), note(8), None, 422),
        ("a proof between equals", 8, vec![[0; 32]], note(8), Some(at(8)), 422),
        ("equal sizes, other roots", 8, vec![], signed(origin, 8, [3; 32], &log), Some(at(8)), 422),
        ("an empty log with a root", 0, vec![], signed(origin, 0, [3; 32], &log), None, 422),
    ];
    let keys = [log.key().clone()];
    for (name, old, proof, note, last, status) in cases {
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        let request = WitnessRequest { old, proof, note, checkpoint };
        assert_eq!(WitnessRequest::parse(request.to_string().as_bytes()).as_ref(), Ok(&request), "{name}");
        let decision = witness_decision(&request, Some(&keys), last);
        assert_eq!(decision.map_or_else(WitnessRefusal::status, |_| 200), status, "{name}");
        if let Ok(new) = decision {
            assert_eq!((new.size, new.root), (request.checkpoint.size, request.checkpoint.root), "{name}");
        }
        if let Err(WitnessRefusal::Conflict(size)) = decision {
            assert_eq!(size, last.map_or(0, |last| last.size), "{name}");
        }
        assert_eq!(witness_decision(&request, None, last), Err(WitnessRefusal::Origin), "{name}");
    }
}

#[test]
fn bodies_that_are_no_request_are_malformed() {
    let note = format!("{CHECKPOINT}\n{SIGNED}\n");
    let hash = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
    let full = format!("old 5\n{}\n{note}", hash.repeat(63));
    assert!(WitnessRequest::parse(full.as_bytes()).is_ok());
    for body in [
        String::new(),
        note.clone(),
        format!("old 9\n\n{note}"),
        format!("old 05\n\n{note}"),
        format!("old -1\n\n{note}"),
        format!("Old 5\n\n{note}"),
        format!("old 5\n{note}"),
        format!("old 5\r\n\r\n{note}"),
        format!("old 5\nabc\n\n{note}"),
        format!("old 5\n{}\n{note}", hash.repeat(64)),
        format!("old 5\n\n{CHECKPOINT}"),
        format!("old 5\n\n{}", note.replace("\n8\n", "\n8x\n")),
        "old 5\n\n".to_owned(),
        "x".repeat(WITNESS_BODY_BYTES_MAX + 1),
    ] {
        assert!(WitnessRequest::parse(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_proof_file_convinces_offline() {
    let leaves = published();
    let note = Note::parse(format!("{CHECKPOINT}\n{SIGNED}\n{COSIGNED}\n").as_bytes()).unwrap();
    let file = ProofFile { extra: Some(b"{}".to_vec()), index: 5, path: inclusion(&leaves, 5), note };
    let text = file.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra e30=\nindex 5\n"), "{text}");
    let read = ProofFile::parse(text.as_bytes()).unwrap();
    assert_eq!(read, file);
    let (log, witness) = (log().key().clone(), witness().key().clone());
    let checkpoint = read.verify(&leaves[5], &log, std::slice::from_ref(&witness)).unwrap();
    assert_eq!((checkpoint.size, hex(&checkpoint.root)), (8, ROOTS[8].to_owned()));
    assert!(read.verify(&leaves[5], &log, &[]).is_ok());

    assert_eq!(read.verify(&leaves[4], &log, &[]), Err(ProofFileError::Proof(ProofError::Root)));
    let moved = ProofFile { index: 4, ..read.clone() };
    assert_eq!(moved.verify(&leaves[5], &log, &[]), Err(ProofFileError::Proof(ProofError::Root)));
    let outside = ProofFile { index: 8, ..read.clone() };
    assert_eq!(outside.verify(&leaves[5], &log, &[]), Err(ProofFileError::Proof(ProofError::Range)));
    let other = VerifierKey::new("other.example", KeyKind::Ed25519, [1; 32]).unwrap();
    assert!(matches!(read.verify(&leaves[5], &other, &[]), Err(ProofFileError::Origin(_))));
    let namesake = VerifierKey::new(log.name(), KeyKind::Ed25519, [1; 32]).unwrap();
    assert_eq!(read.verify(&leaves[5], &namesake, &[]), Err(ProofFileError::Note(NoteError::Unsigned)));
    let broken = text.replace("w1 CtfTXgAAAABl", "w1 CtfTXgAAAABm");
    let broken = ProofFile::parse(broken.as_bytes()).unwrap();
    assert!(matches!(broken.verify(&leaves[5], &log, &[witness]), Err(ProofFileError::Note(NoteError::Forged(_)))));

    let bare = ProofFile { extra: None, ..file.clone() }.to_string();
    assert_eq!(ProofFile::parse(bare.as_bytes()).unwrap().extra, None);
    for wrong in [
        String::new(),
        text.replace("@v1", "@v2"),
        text.replace("extra e30=", "extra e30"),
        text.replace("index 5", "index 05"),
        text.replace("index 5\n", ""),
        text.replace("extra e30=\nindex 5", "index 5\nextra e30="),
        text.replace('\n', "\r\n"),
        text.replacen("\n\n", "\n", 1),
        text.replace("index 5\n", &format!("index 5\n{}", "AAAA\n".repeat(3))),
    ] {
        assert!(ProofFile::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn what_parses_prints_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,40}(\n\\PC{0,20}){0,6}\n") {
        for input in [&bytes[..], text.as_bytes()] {
            if let Ok(note) = Note::parse(input) {
                prop_assert_eq!(note.to_string().into_bytes(), input);
            }
            if let Ok(file) = ProofFile::parse(input) {
                prop_assert_eq!(file.to_string().into_bytes(), input);
            }
            if let Ok(request) = WitnessRequest::parse(input) {
                prop_assert_eq!(request.to_string().into_bytes(), input);
            }
            if let Ok(text) = std::str::from_utf8(input) {
                if let Ok(checkpoint) = Checkpoint::parse(text) {
                    prop_assert_eq!(checkpoint.text(), text);
                }
                if let Ok(tile) = text.parse::<Tile>() {
                    prop_assert_eq!(tile.to_string(), text);
                }
            }
        }
    }

    #[test]
    fn a_mangled_note_is_refused_or_prints_as_it_came(at in 0_usize..1000, byte in any::<u8>()) {
        let mut bytes = format!("{CHECKPOINT}\n{SIGNED}\n{COSIGNED}\n").into_bytes();
        let at = at % bytes.len();
        let before = bytes[at];
        bytes[at] = byte;
        let keys = [log().key().clone(), witness().key().clone()];
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), &bytes[..]);
            // Whatever was changed, both can only be verified if nothing was.
            let both = note.verify(&keys).is_ok_and(|by| by.len() == 2);
            prop_assert_eq!(both, byte == before);
        }
    }

    #[test]
    fn any_tile_path_prints_and_parses(level in 0_u8..64, index in any::<u64>(), width in 1_u16..=256, entries: bool) {
        let kind = if entries { TileKind::Entries } else { TileKind::Hashes(level) };
        let tile = Tile { kind, index, width };
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn hostile_proofs_end_and_prove_nothing(
        path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        index in any::<u64>(), size in any::<u64>(), root in any::<[u8; 32]>(), leaf in any::<[u8; 32]>(),
    ) {
        prop_assert!(verify_inclusion(&path, index, &leaf, size, &root).is_err());
        prop_assert!(verify_inclusion(&path, index % size.max(1), &leaf, size, &root).is_err());
        let (old, new) = (index.min(size).max(1), index.max(size).max(2));
        prop_assert!(verify_consistency(&path, (old, &leaf), (new, &root)).is_err());
        prop_assert!(verify_consistency(&path, (old % 1000 + 1, &leaf), (new % 1000 + 1002, &root)).is_err());
    }

    #[test]
    fn hostile_entry_tiles_are_refused_or_come_back(bytes in prop::collection::vec(any::<u8>(), 0..600), width in 0_u16..300) {
        if let Ok(entries) = decode_entries(&bytes, width) {
            let mut again = Vec::new();
            for entry in entries {
                encode_entry(entry, &mut again).unwrap();
            }
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn growth_in_steps_writes_the_tiles_of_the_end(sizes in prop::collection::vec(0_u64..3000, 1..6)) {
        let mut sizes = sizes;
        sizes.sort_unstable();
        let mut written = std::collections::BTreeSet::new();
        let mut old = 0;
        for size in &sizes {
            written.extend(tiles_between(old, *size));
            old = *size;
        }
        prop_assert!(tiles_at(old).all(|tile| written.contains(&tile)));
        // No tile is wider than the log was when it was written.
        prop_assert!(written.iter().all(|tile| tile.index * 256 + u64::from(tile.width) <= old));
    }
}
