//! A small seeded generator for property tests: the same seed, the same values.

/// The next number of the sequence (splitmix64).
pub(crate) fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// An integer of any size: small ones as often as large ones.
pub(crate) fn int(seed: &mut u64) -> i64 {
    let bits = next(seed) % 64;
    next(seed).cast_signed() >> bits
}

/// A number below a bound.
pub(crate) fn below(seed: &mut u64, bound: u64) -> u64 {
    next(seed) % bound
}
