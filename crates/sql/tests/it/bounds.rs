//! Depth, height and size: what is too much is an error, and what is large is still read in one pass.

use sql::{DEPTH_MAX, HEIGHT_MAX};

/// The stack that a thread has by default, which must do even for a build without optimisation.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread starts");
    thread.join().expect("the stack suffices");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    on_a_small_stack(|| {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("((1,", "2", "))"),
            ("f(", "1", ")"),
            ("- ", "1", ""),
            ("not ", "true", ""),
            ("@ ", "1", ""),
            ("array[", "1", "]"),
            ("array[[", "1", "]]"),
            ("case when ", "true", " then 1 end"),
            ("(select ", "1", ")"),
            ("(select * from (", "select 1", ") x)"),
            ("(select * from ((a join b on true) join ", "c", " on true))"),
            ("(with x as (", "select 1", ") select 1)"),
            ("exists (select 1 where ", "true", ")"),
            ("1 + (", "1", ")"),
            ("1 in (", "1", ")"),
            ("a[", "1", "]"),
            ("cast(", "1", " as int)"),
            ("sum(1) over (order by ", "1", ")"),
            ("(select 1 union (", "select 1", "))"),
            ("(((select 1) + ", "1", "))"),
            ("1 = any (", "a", ")"),
            ("a between (", "1", ") and 2"),
        ] {
            for levels in [5, DEPTH_MAX * 2, 100_000] {
                let text = format!("select {}{middle}{}", open.repeat(levels), close.repeat(levels));
                match sql::parse_statement(&text) {
                    Ok(statement) => {
                        assert!(levels == 5, "{open}");
                        crate::assert_reads_back(&text, &statement);
                    }
                    Err(error) if levels == 5 => panic!("{error}: {text}"),
                    Err(error) => assert!(error.message.contains("levels"), "{error}"),
                }
            }
        }
    });
}

#[test]
fn long_chains_are_an_error_and_not_a_crash() {
    on_a_small_stack(|| {
        for (first, next) in [
            ("1", " + 1"),
            ("a", " and a"),
            ("a", "::int"),
            ("a", "[1]"),
            ("(a)", ".b"),
            ("a", " collate x"),
            ("(select 1", " union select 1"),
            ("(select 1 from a", " cross join b"),
        ] {
            let close = if first.starts_with("(select") { ")" } else { "" };
            let text = |count: usize| format!("select {first}{}{close}", next.repeat(count));
            let statement = sql::parse_statement(&text(HEIGHT_MAX - 20)).expect("a chain below the limit is read");
            // Everything that walks over a tree must survive the highest one.
            let copy = statement.clone();
            assert_eq!(copy, statement);
            crate::assert_reads_back(next, &statement);
            assert!(!format!("{statement:?}").is_empty());
            let error = sql::parse_statement(&text(50_000)).expect_err(next);
            assert!(error.message.contains("levels high"), "{error}");
        }
    });
}

#[test]
fn the_deepest_nesting_that_is_read_is_also_printed() {
    on_a_small_stack(|| {
        for (open, close) in [("f(", ")"), ("(select ", ")"), ("case when true then ", " end"), ("- ", "")] {
            let text = |levels: usize| format!("select {}1{}", open.repeat(levels), close.repeat(levels));
            let deepest = (1..=DEPTH_MAX).rev().find_map(|levels| sql::parse_statement(&text(levels)).ok());
            let deepest = deepest.expect("some depth is read");
            crate::assert_reads_back(open, &deepest.clone());
        }
    });
}

#[test]
fn many_rows_and_many_statements_are_no_nesting() {
    let rows: Vec<String> = (0..5_000).map(|row| format!("({row}, 'it''s {row}', null, {row}.5)")).collect();
    let insert = format!("insert into t (a, b, c, d) values\n  {};\n", rows.join(",\n  "));
    let text = insert.repeat(3);
    let statements = sql::parse_statements(&text).expect("it parses");
    assert_eq!(statements.iter().map(|statement| statement.line).collect::<Vec<_>>(), [1, 5_002, 10_003]);
    let sql::ast::Statement::Insert(insert) = &statements[2].node else { panic!("an insert is expected") };
    let sql::ast::InsertSource::Query(query) = &insert.source else { panic!("values are expected") };
    let sql::ast::QueryBody::Values(values) = &query.body else { panic!("values are expected") };
    assert_eq!(values.len(), 5_000);
    let list: Vec<String> = (0..50_000).map(|item| item.to_string()).collect();
    assert!(sql::parse_expr(&format!("x in ({})", list.join(","))).is_ok());
}

#[test]
fn statements_and_pieces_stand_at_the_same_places() {
    let text = "-- first\nselect 1;\n\n/* second */ create function f() returns int begin atomic select ';'; end;\n\
                begin; values (1) ; ; commit -- the end\n";
    let statements = sql::parse_statements(text).expect("it parses");
    let pieces = sql::split(text).expect("it splits");
    assert_eq!(statements.len(), 5);
    for (statement, piece) in statements.iter().zip(&pieces) {
        assert_eq!((statement.offset, statement.line, &statement.range), (piece.offset, piece.line, &piece.range));
        assert_eq!(sql::parse_statement(piece.node).as_ref(), Ok(&statement.node));
    }
    assert_eq!(pieces.len(), statements.len());
}
