//! The `Prefer` header and its echo `Preference-Applied` (section 8).

use super::error::ApiError;
use super::model::{Count, Handling, Method, Missing, Preferences, Resolution, Return, Tx};

/// Parses the values of all `Prefer` headers. The first occurrence of a preference counts, a value nobody knows makes
/// the preference unknown, and so is `tx` unless `allow_tx`.
pub fn parse_prefer<'a>(headers: impl IntoIterator<Item = &'a str>, allow_tx: bool) -> Preferences {
    let mut found = Preferences::default();
    for written in headers.into_iter().flat_map(|header| header.split(',')).map(str::trim) {
        match written {
            "return=minimal" => keep(&mut found.returning, Return::Minimal),
            "return=headers-only" => keep(&mut found.returning, Return::HeadersOnly),
            "return=representation" => keep(&mut found.returning, Return::Representation),
            "resolution=merge-duplicates" => keep(&mut found.resolution, Resolution::MergeDuplicates),
            "resolution=ignore-duplicates" => keep(&mut found.resolution, Resolution::IgnoreDuplicates),
            "missing=default" => keep(&mut found.missing, Missing::Default),
            "missing=null" => keep(&mut found.missing, Missing::Null),
            "count=exact" => keep(&mut found.count, Count::Exact),
            "count=planned" => keep(&mut found.count, Count::Planned),
            "count=estimated" => keep(&mut found.count, Count::Estimated),
            "handling=strict" => keep(&mut found.handling, Handling::Strict),
            "handling=lenient" => keep(&mut found.handling, Handling::Lenient),
            "tx=commit" if allow_tx => keep(&mut found.tx, Tx::Commit),
            "tx=rollback" if allow_tx => keep(&mut found.tx, Tx::Rollback),
            "" => {}
            other => {
                if let Some(zone) = other.strip_prefix("timezone=") {
                    keep(&mut found.timezone, zone.to_owned());
                } else if let Some(number) = other.strip_prefix("max-affected=") {
                    if let Ok(number) = number.parse() {
                        keep(&mut found.max_affected, number);
                    }
                } else {
                    found.unknown.push(other.to_owned());
                }
            }
        }
    }
    found
}

fn keep<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

impl Preferences {
    /// PGRST122 when unknown preferences came with `handling=strict`. Writes check before the media type is
    /// negotiated, reads after.
    pub fn check_strict(&self) -> Result<(), ApiError> {
        if self.handling == Some(Handling::Strict) && !self.unknown.is_empty() {
            return Err(ApiError::preferences(&self.unknown));
        }
        Ok(())
    }

    /// The bound on affected rows that is in force: `max-affected` counts only under `handling=strict`.
    pub fn max_affected_in_force(&self) -> Option<i64> {
        self.max_affected.filter(|_| self.handling == Some(Handling::Strict))
    }

    /// Value of `Preference-Applied`; `None` when nothing was honoured. `upsertable` says that the relation has a
    /// primary key or `on_conflict` was given, without which `resolution` does nothing.
    pub fn applied(&self, method: Method, is_rpc: bool, upsertable: bool) -> Option<String> {
        let post = method == Method::Post && !is_rpc;
        let write = !is_rpc && matches!(method, Method::Post | Method::Patch | Method::Put | Method::Delete);
        let mut words: Vec<String> = Vec::new();
        let mut add = |word: &str| words.push(word.to_owned());
        if let Some(resolution) = self.resolution.filter(|_| post && upsertable) {
            add(match resolution {
                Resolution::MergeDuplicates => "resolution=merge-duplicates",
                Resolution::IgnoreDuplicates => "resolution=ignore-duplicates",
            });
        }
        if let Some(missing) = self.missing.filter(|_| post || (write && method == Method::Patch)) {
            add(match missing {
                Missing::Default => "missing=default",
                Missing::Null => "missing=null",
            });
        }
        if let Some(returning) = self.returning.filter(|_| write) {
            add(match returning {
                Return::Minimal => "return=minimal",
                Return::HeadersOnly => "return=headers-only",
                Return::Representation => "return=representation",
            });
        }
        if let Some(count) = self.count {
            add(match count {
                Count::Exact => "count=exact",
                Count::Planned => "count=planned",
                Count::Estimated => "count=estimated",
            });
        }
        if let Some(tx) = self.tx {
            add(match tx {
                Tx::Commit => "tx=commit",
                Tx::Rollback => "tx=rollback",
            });
        }
        if let Some(handling) = self.handling {
            add(match handling {
                Handling::Strict => "handling=strict",
                Handling::Lenient => "handling=lenient",
            });
        }
        if let Some(zone) = &self.timezone {
            add(&format!("timezone={zone}"));
        }
        if let Some(rows) = self.max_affected_in_force() {
            add(&format!("max-affected={rows}"));
        }
        (!words.is_empty()).then(|| words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(method: Method, rpc: bool, upsertable: bool, prefer: &[&str]) -> String {
        parse_prefer(prefer.iter().copied(), true).applied(method, rpc, upsertable).unwrap_or_default()
    }

    #[test]
    fn preferences_come_in_one_header_or_many_and_the_first_counts() {
        let one = parse_prefer(["return=representation,count=exact ,  count=planned, x=1,, handling=strict"], false);
        let many =
            parse_prefer(["return=representation", "count=exact", "count=planned", "x=1", "handling=strict"], false);
        assert_eq!(one, many);
        assert_eq!(one.count, Some(Count::Exact));
        assert_eq!(one.unknown, ["x=1"]);
        assert_eq!(one.check_strict().map_err(|e| e.code.into_owned()), Err("PGRST122".to_owned()));
    }

    #[test]
    fn unknown_values_are_unknown_preferences() {
        let cases: [(&str, &[&str]); 8] = [
            ("return=full", &["return=full"]),
            ("count=none, a", &["count=none", "a"]),
            ("RETURN=minimal", &["RETURN=minimal"]),
            ("tx=rollback", &["tx=rollback"]),
            ("tx=maybe", &["tx=maybe"]),
            ("timezone=Mars/Base", &[]),
            ("max-affected=many", &[]),
            ("params=single-object", &["params=single-object"]),
        ];
        for (prefer, unknown) in cases {
            assert_eq!(parse_prefer([prefer], false).unknown, unknown, "{prefer}");
        }
        assert!(parse_prefer(["a, handling=lenient"], true).check_strict().is_ok());
        assert!(parse_prefer(["a"], true).check_strict().is_ok());
        assert_eq!(parse_prefer(["tx=rollback"], false).tx, None);
        assert_eq!(parse_prefer(["tx=rollback"], true).tx, Some(Tx::Rollback));
    }

    #[test]
    fn what_was_honoured_is_echoed_in_order() {
        let all = &[
            "max-affected=3, timezone=UTC, handling=strict, tx=commit, count=exact, return=minimal, missing=null, resolution=merge-duplicates",
        ];
        let tail = "count=exact, tx=commit, handling=strict, timezone=UTC, max-affected=3";
        let cases = [
            (Method::Post, false, true, format!("resolution=merge-duplicates, missing=null, return=minimal, {tail}")),
            (Method::Post, false, false, format!("missing=null, return=minimal, {tail}")),
            (Method::Patch, false, true, format!("missing=null, return=minimal, {tail}")),
            (Method::Put, false, true, format!("return=minimal, {tail}")),
            (Method::Delete, false, true, format!("return=minimal, {tail}")),
            (Method::Get, false, true, tail.to_owned()),
            (Method::Post, true, true, tail.to_owned()),
        ];
        for (method, rpc, upsertable, expected) in cases {
            assert_eq!(applied(method, rpc, upsertable, all), expected, "{method} {rpc} {upsertable}");
        }
        assert_eq!(applied(Method::Delete, false, true, &["max-affected=3"]), "");
    }
}
