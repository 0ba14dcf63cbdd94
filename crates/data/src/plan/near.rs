//! The nearest name, for hints.

/// The candidate that differs least from `name`, if it is near enough to be what was meant: at most a third of its letters differ.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = distance(name, candidate);
        if distance * 3 <= candidate.chars().count().max(name.chars().count())
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in letters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let cases = [
            ("artst", &["artist", "album"][..], Some("artist")),
            ("artists", &["artist", "album"], Some("artist")),
            ("zzz", &["artist", "album"], None),
            ("albun", &["artist", "album"], Some("album")),
        ];
        for (name, candidates, expected) in cases {
            assert_eq!(nearest(name, candidates.iter().copied()), expected, "{name}");
        }
    }
}
