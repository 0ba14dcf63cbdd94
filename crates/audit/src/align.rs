//! Lays the entries that stand beside those that should: which are the same, and what is between them.

use crypto::tlog::Hash;

use crate::rules::Mismatch;

/// The differences between two rows of leaf hashes that begin at index `base`.
pub(crate) fn align(base: u64, expected: &[Hash], found: &[Hash]) -> Vec<Mismatch> {
    let prefix = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let (expected, found) = (&expected[prefix..], &found[prefix..]);
    let base = base + prefix as u64;
    let suffix = expected.iter().rev().zip(found.iter().rev()).take_while(|(a, b)| a == b).count();
    let (expected, found) = (&expected[..expected.len() - suffix], &found[..found.len() - suffix]);

    let mut mismatches = Vec::new();
    let (mut e, mut f) = (0, 0);
    for (next_e, next_f) in common(expected, found).into_iter().chain([(expected.len(), found.len())]) {
        // What lies between two entries that kept their order: each stands instead of one, until one side has no more.
        while e < next_e || f < next_f {
            let take = |row: &[Hash], at: &mut usize, end: usize| {
                (*at < end).then(|| {
                    *at += 1;
                    (base + (*at - 1) as u64, row[*at - 1])
                })
            };
            mismatches.push(Mismatch { expected: take(expected, &mut e, next_e), found: take(found, &mut f, next_f) });
        }
        (e, f) = (next_e + 1, next_f + 1);
    }
    mismatches
}

/// The longest common subsequence, as pairs of positions. The rows are of one tile, so that its square is small.
fn common(a: &[Hash], b: &[Hash]) -> Vec<(usize, usize)> {
    // lengths[i][j]: how long it is for a[i..] and b[j..].
    let mut lengths = vec![vec![0_u16; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] =
                if a[i] == b[j] { lengths[i + 1][j + 1] + 1 } else { lengths[i + 1][j].max(lengths[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            i += 1;
            j += 1;
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_laid_beside_each_other() {
        // Expected, found, and the differences as `expected/found` with their indexes.
        for (expected, found, differences) in [
            ("abcd", "abcd", ""),
            ("abcd", "abxd", "12/12"),
            ("abcd", "abd", "12/-"),
            ("abcd", "abc", "13/-"),
            ("abcd", "", "10/- 11/- 12/- 13/-"),
            ("", "ab", "-/10 -/11"),
            ("abcd", "abxcd", "-/12"),
            ("abcd", "abcdx", "-/14"),
            ("abcd", "acbd", "11/- -/12"),
            ("abcd", "dbca", "10/10 13/13"),
            ("abcdef", "axcyf", "11/11 13/13 14/-"),
        ] {
            let row = |text: &str| text.bytes().map(|b| [b; 32]).collect::<Vec<Hash>>();
            let shown = |side: Option<(u64, Hash)>| side.map_or_else(|| "-".to_owned(), |(at, _)| at.to_string());
            let shown: Vec<_> = align(10, &row(expected), &row(found))
                .into_iter()
                .map(|m| format!("{}/{}", shown(m.expected), shown(m.found)))
                .collect();
            assert_eq!(shown.join(" "), differences, "{expected} {found}");
        }
    }
}
