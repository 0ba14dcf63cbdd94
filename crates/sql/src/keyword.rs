//! PostgreSQL's key words, by how freely each may be used as a name.

/// How a word may be used where a name is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// No key word, or one that may name anything.
    Free,
    /// May name columns and tables, but neither functions nor types.
    ColumnName,
    /// May name functions and types, but neither columns nor tables.
    FunctionName,
    /// Must be quoted.
    Reserved,
}

/// Words that may name columns and tables only. Sorted.
const COLUMN_NAME: &[&str] = &[
    "between",
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "coalesce",
    "dec",
    "decimal",
    "exists",
    "extract",
    "float",
    "greatest",
    "grouping",
    "inout",
    "int",
    "integer",
    "interval",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "least",
    "merge_action",
    "national",
    "nchar",
    "none",
    "normalize",
    "nullif",
    "numeric",
    "out",
    "overlay",
    "position",
    "precision",
    "real",
    "row",
    "setof",
    "smallint",
    "substring",
    "time",
    "timestamp",
    "treat",
    "trim",
    "values",
    "varchar",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

/// Words of [`COLUMN_NAME`] that only became key words in PostgreSQL 16 or later. They stay callable here, because on
/// older versions they are ordinary functions and types.
const LATELY: &[&str] = &[
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "merge_action",
];

/// Words that may name functions and types only. Sorted.
const FUNCTION_NAME: &[&str] = &[
    "authorization",
    "binary",
    "collation",
    "concurrently",
    "cross",
    "current_schema",
    "freeze",
    "full",
    "ilike",
    "inner",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "natural",
    "notnull",
    "outer",
    "overlaps",
    "right",
    "similar",
    "tablesample",
    "verbose",
];

/// Words that must be quoted to be names. Sorted.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "system_user",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// Free words that still cannot be a column's alias without `as`. Sorted.
const NEEDS_AS: &[&str] = &[
    "array",
    "as",
    "char",
    "character",
    "create",
    "day",
    "except",
    "fetch",
    "filter",
    "for",
    "from",
    "grant",
    "group",
    "having",
    "hour",
    "intersect",
    "into",
    "isnull",
    "limit",
    "minute",
    "month",
    "notnull",
    "offset",
    "on",
    "order",
    "over",
    "overlaps",
    "precision",
    "returning",
    "second",
    "to",
    "union",
    "varying",
    "where",
    "window",
    "with",
    "within",
    "without",
    "year",
];

/// The longest word in the tables.
const LONGEST: usize = 24;

/// The lower-case form of a word if it is short enough to be in a table.
fn folded<'b>(word: &str, buffer: &'b mut [u8; LONGEST]) -> Option<&'b str> {
    let target = buffer.get_mut(..word.len())?;
    target.copy_from_slice(word.as_bytes());
    target.make_ascii_lowercase();
    std::str::from_utf8(target).ok()
}

fn contains(table: &[&str], word: &str) -> bool {
    table.binary_search(&word).is_ok()
}

/// The class of a word, whatever its case.
pub(crate) fn class(word: &str) -> Class {
    let mut buffer = [0; LONGEST];
    match folded(word, &mut buffer) {
        Some(word) if contains(RESERVED, word) => Class::Reserved,
        Some(word) if contains(FUNCTION_NAME, word) => Class::FunctionName,
        Some(word) if contains(COLUMN_NAME, word) => {
            if contains(LATELY, word) {
                Class::Free
            } else {
                Class::ColumnName
            }
        }
        _ => Class::Free,
    }
}

/// Whether a word may be a column's alias without `as`.
pub(crate) fn is_bare_label(word: &str) -> bool {
    let mut buffer = [0; LONGEST];
    folded(word, &mut buffer).is_none_or(|word| !contains(NEEDS_AS, word))
}

/// Whether a lower-case word must be quoted when printed as a name anywhere.
pub(crate) fn needs_quotes(word: &str) -> bool {
    contains(RESERVED, word) || contains(FUNCTION_NAME, word) || contains(COLUMN_NAME, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_so_that_words_are_found() {
        for table in [COLUMN_NAME, LATELY, FUNCTION_NAME, RESERVED, NEEDS_AS] {
            assert!(table.is_sorted(), "{table:?}");
            assert!(table.iter().all(|word| word.len() <= LONGEST));
        }
    }

    #[test]
    fn words_have_their_class_in_any_case() {
        for (word, expected) in [
            ("select", Class::Reserved),
            ("SELECT", Class::Reserved),
            ("Left", Class::FunctionName),
            ("timestamp", Class::ColumnName),
            ("name", Class::Free),
            ("json_object", Class::Free),
            ("a_word_much_longer_than_any_key_word", Class::Free),
        ] {
            assert_eq!(class(word), expected, "{word}");
        }
        assert!(!is_bare_label("FROM"));
        assert!(is_bare_label("name"));
    }
}
