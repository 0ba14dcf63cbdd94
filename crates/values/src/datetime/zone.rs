//! Time zones: offsets, the abbreviations that never change their meaning, and POSIX names.

use super::parse::{Fault, Step, digits, small};
use crate::{Result, ValueError};

/// A zone offset at its sign: `+2`, `-0530`, `+05:30`, `+05:30:15`.
pub(super) fn offset(t: &str, from: usize) -> Step<(i32, usize)> {
    let b = t.as_bytes();
    let mut i = digits(b, from + 1);
    let run = &t[from + 1..i];
    let mut parts = [0i32; 3];
    match run.len() {
        1 | 2 => {
            parts[0] = small(run)?;
            for slot in &mut parts[1..] {
                if b.get(i) == Some(&b':') {
                    let end = digits(b, i + 1);
                    if end == i + 1 {
                        return Err(Fault::Syntax);
                    }
                    *slot = small(&t[i + 1..end])?;
                    i = end;
                }
            }
        }
        3 | 4 => {
            let n = small(run)?;
            parts = [n / 100, n % 100, 0];
        }
        _ => return Err(Fault::Syntax),
    }
    if parts[0] > 15 || parts[1] > 59 || parts[2] > 59 {
        return Err(Fault::Zone);
    }
    let s = parts[0] * 3600 + parts[1] * 60 + parts[2];
    Ok((if b[from] == b'-' { -s } else { s }, i))
}

/// Seconds east of an abbreviation that never changes its meaning with the date.
pub(super) fn abbreviation(word: &str) -> Option<i32> {
    let hours = match word {
        "z" | "zulu" | "utc" | "gmt" | "uct" | "ut" | "wet" => 0.0,
        "bst" | "cet" | "met" | "wat" | "west" => 1.0,
        "cest" | "eet" | "mest" | "sast" | "cat" | "ist" => 2.0,
        "eest" | "msk" | "eat" => 3.0,
        "pkt" => 5.0,
        "hkt" | "sgt" | "awst" => 8.0,
        "jst" | "kst" => 9.0,
        "acst" => 9.5,
        "aest" => 10.0,
        "acdt" => 10.5,
        "aedt" => 11.0,
        "nzst" => 12.0,
        "nzdt" => 13.0,
        "est" | "cdt" => -5.0,
        "edt" | "ast" => -4.0,
        "adt" => -3.0,
        "cst" | "mdt" => -6.0,
        "mst" | "pdt" => -7.0,
        "pst" | "akdt" => -8.0,
        "akst" => -9.0,
        "hst" => -10.0,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "a table of small constants")]
    Some((hours * 3600.0) as i32)
}

/// The offset of a zone by name: an abbreviation, or a POSIX form (`+05:30`, `5`, `UTC+2`), whose digits count westwards.
/// Zones whose offset changes over the year are not known here.
pub fn zone_offset(name: &str) -> Result<i32> {
    let unknown = || ValueError::parameter(format!("time zone \"{name}\" not recognized"));
    let lower = name.trim().to_ascii_lowercase();
    if let Some(s) = abbreviation(&lower) {
        return Ok(s);
    }
    if matches!(
        lower.as_str(),
        "etc/utc"
            | "etc/gmt"
            | "etc/uct"
            | "etc/zulu"
            | "etc/universal"
            | "universal"
            | "greenwich"
            | "gmt0"
            | "gmt+0"
            | "gmt-0"
    ) {
        return Ok(0);
    }
    let signed = match lower.find(['+', '-']) {
        Some(0) => lower,
        Some(at) if lower.starts_with("utc") || lower.starts_with("gmt") || lower.starts_with("etc/gmt") => {
            lower[at..].to_owned()
        }
        None if lower.starts_with(|c: char| c.is_ascii_digit()) => format!("+{lower}"),
        _ => return Err(unknown()),
    };
    match offset(&signed, 0) {
        Ok((s, end)) if end == signed.len() => Ok(-s),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_count_east_as_numbers_and_west_as_posix_names() {
        for (zone, want) in [
            ("UTC", 0),
            ("Etc/UTC", 0),
            ("EST", -18_000),
            ("UTC+2", -7200),
            ("+05:30", -19_800),
            ("5", -18_000),
            ("z", 0),
        ] {
            assert_eq!(zone_offset(zone).unwrap(), want);
        }
        assert_eq!(zone_offset("Mars/Phobos").unwrap_err().message, "time zone \"Mars/Phobos\" not recognized");
    }
}
