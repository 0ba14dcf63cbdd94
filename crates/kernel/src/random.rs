//! Randomness as a port: the system's for the house, a seeded one for tests and for transaction functions that run again.

use std::cell::RefCell;
use std::sync::Mutex;

/// The port through which the house draws random bytes.
pub trait Random: Send + Sync {
    /// Fills the whole buffer.
    fn fill(&self, bytes: &mut [u8]);

    /// A uniform 64-bit number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The operating system's generator. Fit for secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

/// Ids draw a few bytes for each request; fetching them in pages saves a system call each.
const PAGE: usize = 512;
/// Draws of this size and more are keys: they go to the system and never lie in a page.
const KEY: usize = 32;

struct Page {
    bytes: [u8; PAGE],
    used: usize,
}

thread_local! {
    static PAGES: RefCell<Page> = const { RefCell::new(Page { bytes: [0; PAGE], used: PAGE }) };
}

fn from_system(bytes: &mut [u8]) {
    // A process that cannot draw randomness must not go on: every id and key it makes would be predictable.
    getrandom::fill(bytes).expect("the operating system has a random source");
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() >= KEY {
            return from_system(bytes);
        }
        PAGES.with_borrow_mut(|page| {
            if page.used + bytes.len() > PAGE {
                from_system(&mut page.bytes);
                page.used = 0;
            }
            let drawn = &mut page.bytes[page.used..page.used + bytes.len()];
            bytes.copy_from_slice(drawn);
            drawn.fill(0);
            page.used += bytes.len();
        });
    }
}

/// The same bytes for the same seed (`SplitMix64`). Never fit for secrets.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// A generator that starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_published_sequence() {
        // Reference output of SplitMix64 for the seed 1234567.
        let random = SeededRandom::new(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn system_draws_of_every_size_are_filled_and_differ() {
        for size in [8, 16, 31, 32, 600] {
            let (mut a, mut b) = (vec![0; size], vec![0; size]);
            SystemRandom.fill(&mut a);
            SystemRandom.fill(&mut b);
            assert_ne!(a, b, "{size}");
        }
        let mut seen = std::collections::HashSet::new();
        assert!((0..1_000).all(|_| seen.insert(SystemRandom.next_u64())), "a page was handed out twice");
    }
}
