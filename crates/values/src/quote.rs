//! Quoting of identifiers and literals, as `quote_ident` and `quote_literal` do.

/// Keywords that must be quoted as identifiers: the reserved, type-function and column-name classes of PostgreSQL 15.
const KEYWORDS: &str = " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean \
    both case cast char character check coalesce collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec decimal \
    default deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full \
    grant greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull \
    join lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not \
    notnull null nullif numeric offset on only or order out outer overlaps overlay placing position precision primary \
    real references returning right row select session_user setof similar smallint some substring symmetric table \
    tablesample then time timestamp to trailing treat trim true union unique user using values varchar variadic \
    verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse \
    xmlpi xmlroot xmlserialize xmltable ";

/// `quote_ident`: quoted only where needed.
pub fn ident(name: &str) -> String {
    let plain = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        && !name.as_bytes()[0].is_ascii_digit()
        && !KEYWORDS.split_ascii_whitespace().any(|k| k == name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// `quote_literal`: single quotes doubled; with a backslash inside, the `E''` form.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn identifiers_and_literals_are_quoted_as_postgresql_does() {
        for (name, want) in [
            ("abc", "abc"),
            ("a b", "\"a b\""),
            ("Abc", "\"Abc\""),
            ("select", "\"select\""),
            ("a\"b", "\"a\"\"b\""),
            ("1a", "\"1a\""),
            ("", "\"\""),
        ] {
            assert_eq!(super::ident(name), want);
        }
        for (text, want) in [("a", "'a'"), ("o'c", "'o''c'"), ("a\\b", "E'a\\\\b'")] {
            assert_eq!(super::literal(text), want);
        }
    }
}
