//! What the language crate promises, tested from outside.

mod bounds;
mod expressions;
mod fuzz;
mod objects;
mod random;
mod refusals;
mod rows;
mod tables;

use sql::ast::Statement;

/// Parses a statement, checks that its text gives the same tree again, and returns the text.
fn printed(text: &str) -> String {
    let statement = sql::parse_statement(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_reads_back(text, &statement)
}

/// Checks that the text of a statement gives the same tree, and returns it.
fn assert_reads_back(origin: &str, statement: &Statement) -> String {
    let printed = statement.to_sql();
    match sql::parse_statement(&printed) {
        Ok(again) => assert_eq!(again, *statement, "{origin}\nbecame\n{printed}"),
        Err(error) => panic!("{error}\nin {printed}\nfrom {origin}"),
    }
    printed
}

/// Checks the text that each statement becomes.
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(printed(text), *expected, "{text}");
    }
}

/// Checks statements that are already as they are printed.
fn check_unchanged(cases: &[&str]) {
    for text in cases {
        assert_eq!(printed(text), *text);
    }
}
