//! All that must be kept to append to a tree: the roots of the perfect subtrees it consists of.

use super::hash::{EMPTY_ROOT, Hash, node_hash};
use super::proof::SIZE_MAX;

/// A tree's size and the roots of its perfect subtrees, the largest first: one for each bit that is set in the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, roots: Vec::new() }
    }

    /// The frontier that was kept as a size and its hashes; `None` when their number does not fit the size.
    pub fn from_parts(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (size <= SIZE_MAX && roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes to keep.
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Adds a leaf by its hash and answers its index. One node is hashed per leaf, on average. `None` when the tree is full.
    pub fn append(&mut self, leaf: Hash) -> Option<u64> {
        self.append_perfect(0, leaf)
    }

    /// Adds the `2^height` leaves whose root this is, and answers the index of the first. `None` when the size is not a multiple of
    /// their number, or the tree is full.
    pub fn append_perfect(&mut self, height: u32, root: Hash) -> Option<u64> {
        let count = 1_u64.checked_shl(height)?;
        let size = self.size.checked_add(count).filter(|size| *size <= SIZE_MAX)?;
        if !self.size.is_multiple_of(count) {
            return None;
        }
        let mut hash = root;
        // There is a root for each bit that is set.
        let kept = self.roots.len() - (self.size >> height).trailing_ones() as usize;
        for left in self.roots.drain(kept..).rev() {
            hash = node_hash(&left, &hash);
        }
        self.roots.push(hash);
        Some(std::mem::replace(&mut self.size, size))
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return EMPTY_ROOT };
        roots.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::leaf_hash;
    use super::*;

    #[test]
    fn a_frontier_is_taken_back_only_if_it_fits_its_size() {
        let mut tree = Frontier::new();
        for n in 0..100_u8 {
            assert_eq!(tree.append(leaf_hash(&[n])), Some(u64::from(n)));
            assert_eq!(Frontier::from_parts(tree.size(), tree.roots().to_vec()), Some(tree.clone()));
            assert_eq!(Frontier::from_parts(tree.size(), [tree.roots(), &[[0; 32]]].concat()), None);
        }
        assert_eq!(Frontier::from_parts(0, Vec::new()), Some(Frontier::new()));
        assert_eq!(Frontier::from_parts(u64::MAX, vec![[0; 32]; 64]), None);
        let mut full = Frontier::from_parts(SIZE_MAX, vec![[0; 32]; 63]).expect("it fits");
        assert_eq!(full.append([0; 32]), None);
    }

    #[test]
    fn whole_subtrees_are_added_like_their_leaves() {
        let mut one_by_one = Frontier::new();
        let mut by_eight = Frontier::new();
        for group in 0..20_u8 {
            let leaves: Vec<Hash> = (0..8).map(|n| leaf_hash(&[group, n])).collect();
            for leaf in &leaves {
                one_by_one.append(*leaf);
            }
            let root = super::super::hash::perfect_root(&leaves).unwrap();
            assert_eq!(by_eight.append_perfect(3, root), Some(u64::from(group) * 8));
            assert_eq!(by_eight, one_by_one);
        }
        assert_eq!(by_eight.append_perfect(6, [0; 32]), None);
        assert_eq!(by_eight.append_perfect(64, [0; 32]), None);
        assert_eq!(Frontier::new().append_perfect(63, [0; 32]), None);
    }
}
