//! Another's implementation of the tree (`ct-merkle`) agrees with a log's checkpoints, and accepts the proofs made from its tiles.

use crypto::tlog::{TileHashes, consistency_proof, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use sha2::Sha256;

use crate::log::{Log, entry, trust};

type Tree = MemoryBackedTree<Sha256, Vec<u8>>;

#[test]
fn another_tree_has_the_same_roots_and_takes_our_proofs() {
    let mut tree = Tree::new();
    let mut roots: Vec<RootHash<Sha256>> = vec![tree.root()];
    for size in 1..=600_u64 {
        tree.push(entry(size - 1));
        roots.push(tree.root());
    }
    let mut log = Log::new(&[1, 2, 255, 256, 257, 511, 600]);
    assert!(log.verify_by(&trust()).is_clean());
    let now = log.checkpoint();
    assert_eq!(roots[600].as_bytes()[..], now.root);

    let fetch = |tile: crypto::tlog::Tile| Ok::<_, std::convert::Infallible>(log.0.get(&tile.to_string()).cloned());
    let mut hashes = TileHashes::new(600, fetch);
    for index in (0..600_usize).step_by(37) {
        let at = index as u64;
        let ours = inclusion_proof(|level, at| hashes.read(level, at), at, 600).expect("tiles are there").expect("in");
        let theirs = tree.prove_inclusion(index);
        assert_eq!(ours.concat(), theirs.as_bytes(), "{index}");
        let proof = InclusionProof::try_from_bytes(ours.concat()).expect("it has their form");
        assert!(roots[600].verify_inclusion(&entry(at), at, &proof).is_ok(), "{index}");
        assert!(roots[600].verify_inclusion(&entry(at + 1), at, &proof).is_err(), "{index}");
        assert_eq!(verify_inclusion(&ours, at, &leaf_hash(&entry(at)), 600, &now.root), Ok(()));
    }
    for old in (1..600_usize).step_by(23) {
        let from = old as u64;
        let ours = consistency_proof(|level, at| hashes.read(level, at), from, 600).expect("tiles").expect("smaller");
        let theirs = tree.prove_consistency(600 - old);
        assert_eq!(ours.concat(), theirs.as_bytes(), "{old}");
        let proof = ConsistencyProof::try_from_bytes(ours.concat()).expect("it has their form");
        assert!(roots[600].verify_consistency(&roots[old], &proof).is_ok(), "{old}");
        let root = <[u8; 32]>::try_from(&roots[old].as_bytes()[..]).expect("32 bytes");
        assert_eq!(verify_consistency(&ours, (from, &root), (600, &now.root)), Ok(()));
    }
}
