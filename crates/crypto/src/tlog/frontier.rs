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
        if self.size == SIZE_MAX {
            return None;
        }
        let mut hash = leaf;
        // There is a root for each bit that is set.
        let kept = self.roots.len() - self.size.trailing_ones() as usize;
        for left in self.roots.drain(kept..).rev() {
            hash = node_hash(&left, &hash);
        }
        self.roots.push(hash);
        self.size += 1;
        Some(self.size - 1)
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
}
