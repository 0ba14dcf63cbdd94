//! Which rows: `limit`, `offset` and `Range` on the way in, `Content-Range` and its status on the way out (section 7).

use std::fmt;

use super::error::ApiError;
use super::model::{Method, Query, Window};

/// Largest row number there is: PostgreSQL's `bigint`.
const ROW_MAX: u64 = i64::MAX as u64;

/// A decimal integer with blanks around and perhaps a minus: sign and magnitude, the latter refused beyond a `bigint`. Minus
/// zero is zero.
pub(super) fn whole_number(text: &str) -> Option<(bool, Result<u64, ApiError>)> {
    let text = text.trim_matches([' ', '\t']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok().filter(|number| *number <= ROW_MAX).ok_or_else(|| ApiError::row_number(digits));
    Some((negative && number.as_ref().map_or(true, |number| *number != 0), number))
}

/// First and last row of a `Range` header `a-b` or `a-`; the unit is not checked because none is written. Anything else
/// is no range and is ignored, but for numbers that no row has.
pub fn parse_range_header(text: &str) -> Result<Option<(u64, Option<u64>)>, ApiError> {
    let number = |digits: &str| match whole_number(digits) {
        Some((false, number)) if !digits.starts_with('-') && digits.trim() == digits => Some(number),
        _ => None,
    };
    let Some((first, last)) = text.trim().split_once('-') else { return Ok(None) };
    Ok(match (number(first), number(last)) {
        (Some(first), Some(last)) => Some((first?, Some(last?))),
        (Some(first), None) if last.is_empty() => Some((first?, None)),
        _ => None,
    })
}

/// The rows of the root: `limit`/`offset` of the query, for GET intersected with the `Range` header. Fails with 416
/// for a negative limit at any level, an inverted range and an empty intersection, and for PUT with 400 when there is
/// any window at all.
pub fn root_window(method: Method, query: &Query, range: Option<&str>) -> Result<Window, ApiError> {
    let asked = query.windows.iter().find(|at| at.is_root()).map_or(Window::ALL, |at| at.node);
    if query.negative_limit {
        return Err(ApiError::negative_limit());
    }
    if method == Method::Put && asked != Window::ALL {
        return Err(ApiError::put_limit());
    }
    let range = range.filter(|_| method == Method::Get);
    let header = range.map(parse_range_header).transpose()?.flatten();
    let Some((first, last)) = header else { return Ok(asked) };
    if asked.limit == Some(0) {
        return Ok(asked); // no rows wanted: the header cannot change that
    }
    if last.is_some_and(|last| last < first) {
        return Err(ApiError::inverted_range());
    }
    let end = asked.limit.map(|limit| asked.offset.saturating_add(limit).min(ROW_MAX));
    let header_end = last.map(|last| last.saturating_add(1).min(ROW_MAX));
    let offset = asked.offset.max(first);
    let end = match (end, header_end) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    match end {
        Some(end) if end <= offset => Err(ApiError::negative_limit()),
        end => Ok(Window { limit: end.map(|end| end - offset), offset }),
    }
}

/// The `Content-Range` of an answer; its `Display` is the header's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// Rows skipped before the first one returned.
    pub offset: u64,
    /// Rows returned (or, for PATCH, changed).
    pub rows: u64,
    /// The counted total, if a count was asked for.
    pub total: Option<u64>,
}

impl ContentRange {
    /// For answers that have no first and last row: POST and DELETE.
    pub fn unplaced(total: Option<u64>) -> Self {
        Self { offset: 0, rows: 0, total }
    }

    /// The status of a read with this range: 200, 206, or the error 416 when the offset lies behind the total.
    pub fn read_status(&self) -> Result<u16, ApiError> {
        match self.total {
            Some(total) if self.offset > total => Err(ApiError::offset_past_total(self.offset, total)),
            Some(total) if self.rows < total => Ok(206),
            _ => Ok(200),
        }
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows == 0 || self.total == Some(0) {
            f.write_str("*/")?;
        } else {
            write!(f, "{}-{}/", self.offset, self.offset.saturating_add(self.rows - 1))?;
        }
        match self.total {
            Some(total) => write!(f, "{total}"),
            None => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
    use super::super::query::parse_query;
    use super::*;

    fn window(method: Method, query: &str, range: Option<&str>) -> String {
        let query = match parse_query(query, false, &Limits::default()) {
            Ok(query) => query,
            Err(error) => return error.code.into_owned(),
        };
        match root_window(method, &query, range) {
            Ok(Window { limit, offset }) => format!("{offset}+{}", limit.map_or("all".to_owned(), |l| l.to_string())),
            Err(error) => error.code.into_owned(),
        }
    }

    #[test]
    fn limit_offset_and_range_meet() {
        let cases = [
            ("", None, "0+all"),
            ("limit=5", None, "0+5"),
            ("limit=5&offset=2", None, "2+5"),
            ("offset=2", None, "2+all"),
            ("limit=0", None, "0+0"),
            ("limit=abc&offset=1", None, "1+all"),
            ("limit=&offset=", None, "0+all"),
            ("limit=%2B5", None, "0+all"),
            ("limit=+5+", None, "0+5"),
            ("limit=1&limit=2", None, "0+2"),
            ("limit=-1", None, "PGRST103"),
            ("a.limit=-1", None, "PGRST103"),
            ("limit=-0", None, "0+0"),
            ("offset=-1", None, "0+all"),
            ("limit=9223372036854775807", None, "0+9223372036854775807"),
            ("limit=9223372036854775808", None, "22003"),
            ("offset=99999999999999999999999", None, "22003"),
            ("limit=-99999999999999999999999", None, "PGRST103"),
            ("offset=-99999999999999999999999", None, "0+all"),
            ("", Some("0-0"), "0+1"),
            ("", Some("5-9"), "5+5"),
            ("", Some("5-"), "5+all"),
            ("", Some(" 5-9 "), "5+5"),
            ("", Some("9-5"), "PGRST103"),
            ("", Some("items=0-1"), "0+all"),
            ("", Some("0"), "0+all"),
            ("", Some("-5"), "0+all"),
            ("", Some("--5"), "0+all"),
            ("", Some("0--5"), "0+all"),
            ("", Some("a-b"), "0+all"),
            ("", Some("é-"), "0+all"),
            ("limit=3", Some("0-9"), "0+3"),
            ("limit=30", Some("0-9"), "0+10"),
            ("limit=30&offset=5", Some("0-9"), "5+5"),
            ("offset=1", Some("1-"), "1+all"),
            ("offset=1", Some("0-0"), "PGRST103"),
            ("limit=3", Some("5-9"), "PGRST103"),
            ("limit=0", Some("5-9"), "0+0"),
            ("limit=0", Some("9-5"), "0+0"),
            ("", Some("0-99999999999999999999"), "22003"),
            ("", Some("99999999999999999999-"), "22003"),
            ("", Some("99999999999999999999-x"), "0+all"),
        ];
        for (query, range, expected) in cases {
            assert_eq!(window(Method::Get, query, range), expected, "{query} {range:?}");
        }
    }

    #[test]
    fn range_is_for_get_only_and_put_has_no_window() {
        assert_eq!(window(Method::Head, "", Some("1-2")), "0+all");
        assert_eq!(window(Method::Post, "", Some("2-1")), "0+all");
        assert_eq!(window(Method::Put, "id=eq.1", Some("1-2")), "0+all");
        assert_eq!(window(Method::Put, "limit=1", None), "PGRST114");
        assert_eq!(window(Method::Put, "offset=1", None), "PGRST114");
        assert_eq!(window(Method::Put, "a.limit=1", None), "0+all");
    }

    #[test]
    fn content_range_follows_the_table_of_section_7() {
        let cases = [
            (0, 15, None, "0-14/*", "200"),
            (0, 0, None, "*/*", "200"),
            (0, 15, Some(15), "0-14/15", "200"),
            (0, 0, Some(0), "*/0", "200"),
            (0, 3, Some(15), "0-2/15", "206"),
            (15, 0, Some(15), "*/15", "206"),
            (16, 0, Some(15), "*/15", "PGRST103"),
            (16, 0, None, "*/*", "200"),
            (5, 2, None, "5-6/*", "200"),
        ];
        for (offset, rows, total, header, status) in cases {
            let range = ContentRange { offset, rows, total };
            assert_eq!(range.to_string(), header);
            let found = range.read_status().map_or_else(|e| e.code.into_owned(), |s| s.to_string());
            assert_eq!(found, status, "{range:?}");
        }
        assert_eq!(ContentRange::unplaced(Some(3)).to_string(), "*/3");
    }
}
