//! Hashing as RFC 6962 section 2.1 has it: leaves and nodes are told apart by their first byte.

use ring::digest::{Context, SHA256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// The root of the tree without leaves: the SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

fn tagged(tag: u8, first: &[u8], second: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[tag]);
    context.update(first);
    context.update(second);
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The hash of a leaf.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    tagged(0, entry, &[])
}

/// The hash of a node with these children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    tagged(1, left, right)
}

/// The root over hashes that fill a perfect tree. `None` unless their number is a power of two.
pub fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{hex, sha256};

    #[test]
    fn leaves_and_nodes_hash_apart() {
        assert_eq!(EMPTY_ROOT, sha256(b""));
        assert_eq!(hex(&leaf_hash(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let (left, right) = (leaf_hash(b""), leaf_hash(&[0]));
        let two = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
        assert_eq!(hex(&node_hash(&left, &right)), two);
        assert_eq!(perfect_root(&[left, right]), Some(node_hash(&left, &right)));
        assert_ne!(leaf_hash(&[left, right].concat()), node_hash(&left, &right));
        for count in [0, 3, 5, 255] {
            assert_eq!(perfect_root(&vec![left; count]), None, "{count}");
        }
    }
}
