//! Telling new rows from changed ones in an upsert on PostgreSQL.
//!
//! A row's `xmax` would say it, but a view has none, and whoever may read single columns of a table may not read that. So the condition of
//! `do update` leaves a word in a setting of the transaction, and the returning clause, which PostgreSQL evaluates row by row
//! right after, takes it away again.

use sql::ast::Expr;

/// The condition of `do update`: true, and leaves the word.
pub(super) fn leave() -> Expr {
    expr("pg_catalog.set_config('mainstay.merged', 'yes', true) = 'yes'")
}

/// True for a row that is new; takes the word.
pub(super) fn is_new() -> Expr {
    expr(
        "(pg_catalog.current_setting('mainstay.merged', true) = 'yes' and pg_catalog.set_config('mainstay.merged', 'no', true) = 'no') \
         is not true",
    )
}

fn expr(text: &str) -> Expr {
    sql::parse_expr(text).expect("a constant text that parses, as the test below shows")
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_ends_are_expressions() {
        assert!(super::leave().to_string().contains("'yes'"));
        assert!(super::is_new().to_string().contains("'no'"));
    }
}
