//! Seeded choices: the same seed makes the same choices.

use kernel::{Random as _, SeededRandom};

/// A source of choices.
#[derive(Debug)]
pub struct Dice(SeededRandom);

impl Dice {
    /// Choices that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// When `bound` is 0: there is no such number.
    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound as u64).expect("it is below a usize")
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of a list that is not empty.
    pub fn pick<'l, T>(&self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// Those of a list that are chosen with `percent` each, in order.
    pub fn some<'l, T>(&self, list: &'l [T], percent: usize) -> Vec<&'l T> {
        list.iter().filter(|_| self.chance(percent)).collect()
    }
}
