//! Cutting, joining, padding and replacing.

use super::{BYTES_MAX, too_long};
use crate::{Result, ValueError};

fn count(s: &str) -> i64 {
    i64::try_from(s.chars().count()).unwrap_or(i64::MAX)
}

/// The byte where the character of this index (from zero) begins, or the end.
fn byte_at(s: &str, index: i64) -> usize {
    let Ok(index) = usize::try_from(index) else { return 0 };
    if s.is_ascii() { index.min(s.len()) } else { s.char_indices().nth(index).map_or(s.len(), |(i, _)| i) }
}

/// `lower(s)`, for all of Unicode.
pub fn lower(s: &str) -> String {
    s.to_lowercase()
}

/// `upper(s)`, for all of Unicode, one character for one as PostgreSQL does (`ß` stays).
pub fn upper(s: &str) -> String {
    s.chars()
        .map(|c| {
            let mut u = c.to_uppercase();
            match (u.next(), u.next()) {
                (Some(one), None) => one,
                _ => c,
            }
        })
        .collect()
}

/// `initcap(s)`: the first letter of each word of letters and digits.
pub fn initcap(s: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        let mut buffer = [0; 4];
        let one = &*c.encode_utf8(&mut buffer);
        out.push_str(&if inside { lower(one) } else { upper(one) });
        inside = c.is_alphanumeric();
    }
    out
}

/// `substring(s from start for length)`: positions before the string count towards the length; 22011 for a negative one.
pub fn substring(s: &str, start: i64, length: Option<i64>) -> Result<&str> {
    let end = match length {
        Some(n) if n < 0 => return Err(ValueError::new("22011", "negative substring length not allowed")),
        Some(n) => start.saturating_add(n),
        None => i64::MAX,
    };
    let from = byte_at(s, start.max(1) - 1);
    let to = byte_at(s, end.max(1) - 1);
    Ok(&s[from..to.max(from)])
}

/// `strpos(s, part)`, `position(part in s)`: from one; zero when it is not there.
pub fn strpos(s: &str, part: &str) -> i64 {
    s.find(part).map_or(0, |at| count(&s[..at]) + 1)
}

/// `left(s, n)`: all but the last `-n` when negative.
pub fn left(s: &str, n: i64) -> &str {
    let n = if n < 0 { count(s).saturating_add(n).max(0) } else { n };
    &s[..byte_at(s, n)]
}

/// `right(s, n)`: all but the first `-n` when negative.
pub fn right(s: &str, n: i64) -> &str {
    let skip = if n < 0 { n.saturating_neg() } else { count(s).saturating_sub(n).max(0) };
    &s[byte_at(s, skip)..]
}

fn padding(s: &str, length: i64, fill: &str) -> Result<Option<String>> {
    let missing = length.max(0) - count(s);
    if missing <= 0 || fill.is_empty() {
        return Ok(None);
    }
    let missing = usize::try_from(missing).ok().filter(|n| n.saturating_mul(4) <= BYTES_MAX).ok_or_else(too_long)?;
    Ok(Some(fill.chars().cycle().take(missing).collect()))
}

/// `lpad(s, length, fill)`: cut on the right when longer.
pub fn lpad(s: &str, length: i64, fill: &str) -> Result<String> {
    Ok(padding(s, length, fill)?.map_or_else(|| left(s, length.max(0)).to_owned(), |p| p + s))
}

/// `rpad(s, length, fill)`: cut on the right when longer.
pub fn rpad(s: &str, length: i64, fill: &str) -> Result<String> {
    Ok(padding(s, length, fill)?.map_or_else(|| left(s, length.max(0)).to_owned(), |p| format!("{s}{p}")))
}

/// `btrim(s, characters)`
pub fn trim_both<'a>(s: &'a str, characters: &str) -> &'a str {
    trim_end(trim_start(s, characters), characters)
}

/// `ltrim(s, characters)`
pub fn trim_start<'a>(s: &'a str, characters: &str) -> &'a str {
    s.trim_start_matches(|c| characters.contains(c))
}

/// `rtrim(s, characters)`
pub fn trim_end<'a>(s: &'a str, characters: &str) -> &'a str {
    s.trim_end_matches(|c| characters.contains(c))
}

/// `split_part(s, separator, n)`: from one, or from the end when negative; empty beyond; 22023 for zero.
pub fn split_part<'a>(s: &'a str, separator: &str, n: i64) -> Result<&'a str> {
    if n == 0 {
        return Err(ValueError::parameter("field position must not be zero"));
    }
    if separator.is_empty() {
        return Ok(if n.abs() == 1 { s } else { "" });
    }
    let index = usize::try_from(n.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let part = if n > 0 { s.split(separator).nth(index) } else { s.rsplit(separator).nth(index) };
    Ok(part.unwrap_or(""))
}

/// `translate(s, from, to)`: each character of `from` becomes the one of `to` in its place, or goes.
pub fn translate(s: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    s.chars()
        .filter_map(|c| match from.chars().position(|f| f == c) {
            None => Some(c),
            Some(at) => to.get(at).copied(),
        })
        .collect()
}

/// `replace(s, from, to)`
pub fn replace(s: &str, from: &str, to: &str) -> Result<String> {
    if from.is_empty() {
        return Ok(s.to_owned());
    }
    let growth = to.len().saturating_sub(from.len());
    if growth > 0 && s.len().saturating_add(s.matches(from).count().saturating_mul(growth)) > BYTES_MAX {
        return Err(too_long());
    }
    Ok(s.replace(from, to))
}

/// `reverse(s)`
pub fn reverse(s: &str) -> String {
    s.chars().rev().collect()
}

/// `repeat(s, n)`
pub fn repeat(s: &str, n: i64) -> Result<String> {
    let n = usize::try_from(n.max(0)).map_err(|_| too_long())?;
    if s.len().saturating_mul(n) > BYTES_MAX { Err(too_long()) } else { Ok(s.repeat(n)) }
}

/// `overlay(s placing new from start for length)`
pub fn overlay(s: &str, new: &str, start: i64, length: Option<i64>) -> Result<String> {
    if start <= 0 {
        return Err(ValueError::new("22011", "negative substring length not allowed"));
    }
    let length = length.unwrap_or_else(|| count(new));
    let head = substring(s, 1, Some(start - 1))?;
    let tail = substring(s, start.saturating_add(length), None)?;
    Ok(format!("{head}{new}{tail}"))
}

/// `chr(n)`; 54000 beyond Unicode and for zero.
pub fn chr(n: i64) -> Result<String> {
    if n == 0 {
        return Err(ValueError::limit("null character not permitted"));
    }
    let c = u32::try_from(n).ok().and_then(char::from_u32);
    c.map(String::from).ok_or_else(|| ValueError::limit(format!("requested character too large for encoding: {n}")))
}

/// `ascii(s)`: the code of the first character; zero for none.
pub fn ascii(s: &str) -> i64 {
    s.chars().next().map_or(0, |c| i64::from(u32::from(c)))
}

/// `to_hex(n)`: negative numbers in two's complement of their size, `wide` for bigint.
pub fn to_hex(n: i64, wide: bool) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two's complement is the meaning")]
    if wide { format!("{n:x}") } else { format!("{:x}", n as u32) }
}

/// `concat_ws(separator, …)`: NULLs are left out.
pub fn concat_ws<'a>(separator: &str, parts: impl IntoIterator<Item = Option<&'a str>>) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(separator)
}

/// `starts_with(s, prefix)`
pub fn starts_with(s: &str, prefix: &str) -> bool {
    s.starts_with(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn substrings_count_characters_from_one() {
        for (s, start, length, want) in [
            ("héllo", 2, Some(3), "éll"),
            ("hello", 0, Some(3), "he"),
            ("hello", -2, Some(4), "h"),
            ("hello", 4, None, "lo"),
            ("hello", 9, None, ""),
            ("hello", -5, Some(2), ""),
        ] {
            assert_eq!(substring(s, start, length).unwrap(), want);
        }
        assert_eq!(substring("x", 1, Some(-1)).unwrap_err().sqlstate, "22011");
        for (n, l, r) in [(2, "hé", "lo"), (-2, "hél", "llo"), (9, "héllo", "héllo"), (0, "", ""), (-9, "", "")] {
            assert_eq!((left("héllo", n), right("héllo", n)), (l, r));
        }
        assert_eq!((strpos("héllo", "l"), strpos("a", "b"), strpos("a", "")), (3, 0, 1));
    }

    #[test]
    fn strings_are_edited_as_postgresql_edits_them() {
        assert_eq!(
            (lpad("hi", 5, "xy").unwrap(), rpad("hi", 5, "xy").unwrap(), lpad("hello", 2, " ").unwrap()),
            ("xyxhi".into(), "hixyx".into(), "he".into())
        );
        assert_eq!((trim_both("xxayx", "xy"), trim_start("  a ", " "), trim_end("  a ", " ")), ("a", "a ", "  a"));
        for (n, want) in [(1, "a"), (3, "c"), (4, ""), (-1, "c"), (-3, "a")] {
            assert_eq!(split_part("a,b,c", ",", n).unwrap(), want);
        }
        assert_eq!(split_part("a", ",", 0).unwrap_err().message, "field position must not be zero");
        assert_eq!(translate("12345", "143", "ax"), "a2x5");
        assert_eq!(initcap("hi THOMAS o'neil 3rd"), "Hi Thomas O'Neil 3rd");
        assert_eq!((upper("straße é"), lower("ÀÉ")), ("STRAßE É".into(), "àé".into()));
        assert_eq!(overlay("Txxxxas", "hom", 2, Some(4)).unwrap(), "Thomas");
        assert_eq!(
            (chr(233).unwrap().as_str(), ascii("é"), to_hex(255, false), to_hex(-1, false)),
            ("é", 233, "ff".into(), "ffffffff".into())
        );
        assert_eq!(repeat("x", 1 << 40).unwrap_err().sqlstate, "54000");
        assert_eq!(concat_ws(",", [Some("a"), None, Some("b")]), "a,b");
    }
}
