//! Bodies: JSON, CSV, forms.

use bytes::Bytes;

use super::*;

fn table() -> Target {
    Target::Relation("t".to_owned())
}

fn parsed(content_type: Option<&str>, body: &str, columns: Option<&str>) -> Result<Payload, ApiError> {
    let columns = columns.map(|names| parse_columns(names, &limits()).expect("a list of names"));
    let body = Bytes::copy_from_slice(body.as_bytes());
    let payload = parse_body(Method::Post, &table(), content_type, body, columns.as_deref(), &limits())?;
    Ok(payload.expect("a POST has a body"))
}

/// Columns, then rows: `-` absent, `~` null, JSON raw, text in `<>`.
fn show(found: Result<Payload, ApiError>) -> String {
    let payload = match found {
        Ok(payload) => payload,
        Err(error) => return format!("{}: {}", error.code, error.message),
    };
    let cell = |cell: Cell<'_>| match cell {
        Cell::Absent => "-".to_owned(),
        Cell::Null => "~".to_owned(),
        Cell::Json(json) => json.to_owned(),
        Cell::Text(text) => format!("<{text}>"),
    };
    let rows: Vec<String> =
        (0..payload.rows()).map(|row| payload.row(row).map(cell).collect::<Vec<_>>().join(" ")).collect();
    format!("{}: {}", payload.columns().join(","), rows.join(" | "))
}

#[test]
fn json_bodies_become_columns_and_rows() {
    let cases = [
        (r#"{"a":1,"b":"x"}"#, None, r#"a,b: 1 "x""#),
        (r#" { "a" : [1, {"b":2}] , "c" : null } "#, None, r#"a,c: [1, {"b":2}] ~"#),
        (r#"[{"a":1},{"a":2}]"#, None, "a: 1 | 2"),
        (r#"[{"a":1,"b":2},{"b":3,"a":4}]"#, None, "a,b: 1 2 | 4 3"),
        (r#"[{"a":1,"b":2},{"a":3}]"#, None, "PGRST102: All object keys must match"),
        (r#"[{"a":1},{"a":3,"b":2}]"#, None, "PGRST102: All object keys must match"),
        (r#"[{"a":1},{"b":3}]"#, None, "PGRST102: All object keys must match"),
        (r#"[{"a":1},{}]"#, None, "PGRST102: All object keys must match"),
        (r#"[{},{"a":1}]"#, None, "PGRST102: All object keys must match"),
        (r#"[{"a":1},2]"#, None, "PGRST102: All object keys must match"),
        ("[1]", None, "PGRST102: All object keys must match"),
        (r#"[[{"a":1}]]"#, None, "PGRST102: All object keys must match"),
        ("[]", None, ": "),
        (" [ ] ", None, ": "),
        ("{}", None, ": "),
        ("[{},{}]", None, ":  | "),
        ("null", None, ": "),
        ("1", None, ": "),
        ("\"x\"", None, ": "),
        ("", None, "PGRST102: Empty or invalid json"),
        (" ", None, "PGRST102: Empty or invalid json"),
        ("x", None, "PGRST102: Empty or invalid json"),
        ("{", None, "PGRST102: Empty or invalid json"),
        (r#"{"a":1"#, None, "PGRST102: Empty or invalid json"),
        (r#"{"a":1}}"#, None, "PGRST102: Empty or invalid json"),
        (r#"{"a":1,}"#, None, "PGRST102: Empty or invalid json"),
        (r#"{"a"}"#, None, "PGRST102: Empty or invalid json"),
        ("{a:1}", None, "PGRST102: Empty or invalid json"),
        (r#"[{"a":1},]"#, None, "PGRST102: Empty or invalid json"),
        (r#"[{"a":1} {"a":1}]"#, None, "PGRST102: Empty or invalid json"),
        (r#"[{"a":01}]"#, None, "PGRST102: Empty or invalid json"),
        (r#"{"\ud800":1}"#, None, "PGRST102: Empty or invalid json"),
        (r#"{"a":1,"a":2}"#, None, "a: 2"),
        (r#"{"a":1,"b":2,"a":null}"#, None, "a,b: ~ 2"),
        (r#"[{"a":1,"b":2},{"a":1,"a":2}]"#, None, "PGRST102: All object keys must match"),
        (r#"{"\u0061":1,"a":2,"é\n":"\u00e9"}"#, None, "a,é\n: 2 \"\\u00e9\""),
        (r#"{"":1}"#, None, ": 1"),
        // columns=
        (r#"{"a":1,"b":2}"#, Some("b"), "b: 2"),
        (r#"{"a":1}"#, Some("a,b"), "a,b: 1 -"),
        (r#"[{"a":1},{"b":2},{}]"#, Some("a,b"), "a,b: 1 - | - 2 | - -"),
        (r#"[{"b":1,"a":2}]"#, Some("a,b"), "a,b: 2 1"),
        (r#"[{"a":1},7]"#, Some("a"), "PGRST102: All object keys must match"),
        ("[]", Some("a"), "a: "),
        ("{}", Some("a"), "a: -"),
        (r#"{"x":{"y":[}}"#, Some("a"), "PGRST102: Empty or invalid json"),
    ];
    for (body, columns, expected) in cases {
        assert_eq!(show(parsed(None, body, columns)), expected, "{body} {columns:?}");
    }
}

#[test]
fn one_object_and_rows_with_gaps_are_told_apart() {
    let cases = [
        (r#"{"a":1}"#, None, true, false),
        (r#"[{"a":1}]"#, None, false, false),
        (r#"{"a":1}"#, Some("a,b"), true, true),
        (r#"[{"a":1,"b":1},{"a":1}]"#, Some("a,b"), false, true),
        (r#"[{"a":1,"b":null}]"#, Some("a,b"), false, false),
    ];
    for (body, columns, object, absent) in cases {
        let payload = parsed(None, body, columns).expect(body);
        assert_eq!((payload.is_object(), payload.has_absent()), (object, absent), "{body}");
    }
}

#[test]
fn many_columns_are_found_whatever_their_order() {
    let names: Vec<String> = (0..60).map(|n| format!("c{n}")).collect();
    let row = |order: &mut dyn Iterator<Item = &String>| {
        format!("{{{}}}", order.map(|name| format!("\"{name}\":\"{name}\"")).collect::<Vec<_>>().join(","))
    };
    let body = format!(
        "[{},{},{}]",
        row(&mut names.iter()),
        row(&mut names.iter().rev()),
        row(&mut names.iter().skip(30).chain(&names[..30]))
    );
    let payload = parsed(None, &body, None).expect("equal keys");
    assert_eq!(payload.columns(), names);
    for row in 0..3 {
        for (column, name) in names.iter().enumerate() {
            assert_eq!(payload.cell(row, column), Cell::Json(&format!("\"{name}\"")));
        }
    }
}

#[test]
fn csv_bodies_become_columns_and_rows() {
    let cases = [
        ("a,b\n1,2\n", None, "a,b: <1> <2>"),
        ("a,b\r\n1,2\r\n3,4", None, "a,b: <1> <2> | <3> <4>"),
        ("a,b\r1,2", None, "a,b: <1> <2>"),
        ("a\nNULL\n\"NULL\"\nnull\n", None, "a: ~ | ~ | <null>"),
        ("a,b\n,\n", None, "a,b: <> <>"),
        ("a,b\n\n1,2\n\n", None, "a,b: <1> <2>"),
        ("a,b\n\"x,y\",\"p\nq\"\n", None, "a,b: <x,y> <p\nq>"),
        ("a\n\"x\"\"y\"\n\"\"\n", None, "a: <x\"y> | <>"),
        ("\"a\"\"b\",c\n1,2", None, "a\"b,c: <1> <2>"),
        ("\u{feff}a\né", None, "a: <é>"),
        ("a,b", None, "PGRST102: Empty or invalid CSV"),
        ("a,b\n", None, "a,b: "),
        ("a,a\n1,2", None, "a: <2>"),
        ("a,b\n1", None, "PGRST102: All lines must have same number of fields"),
        ("a,b\n1,2,3", None, "PGRST102: All lines must have same number of fields"),
        ("a,b\n1,2\n3\n", None, "PGRST102: All lines must have same number of fields"),
        ("", None, "PGRST102: Empty or invalid CSV"),
        ("a\n\"x", None, "PGRST102: Empty or invalid CSV"),
        ("a\n\"x\"y", None, "PGRST102: Empty or invalid CSV"),
        ("a\nx\"y", None, "PGRST102: Empty or invalid CSV"),
        ("a,b,c\n1,2,3", Some("c,a"), "c,a: <3> <1>"),
        ("a\n1", Some("a,b"), "a,b: <1> -"),
    ];
    for (body, columns, expected) in cases {
        assert_eq!(show(parsed(Some("text/csv"), body, columns)), expected, "{body:?} {columns:?}");
    }
}

#[test]
fn forms_become_one_row() {
    let cases = [
        ("a=1&b=x+y%26", None, "a,b: <1> <x y&>"),
        ("a=1&a=2", None, "a: <2>"),
        ("a", None, "a: <>"),
        ("", None, ": "),
        ("a=NULL", None, "a: <NULL>"),
        ("a=%FF", None, "PGRST102: The form is not UTF-8 or holds U+0000"),
        ("a=1&b=2", Some("b,c"), "b,c: <2> -"),
    ];
    for (body, columns, expected) in cases {
        assert_eq!(show(parsed(Some("application/x-www-form-urlencoded"), body, columns)), expected, "{body}");
    }
}

#[test]
fn the_content_type_decides() {
    let rpc = Target::Function("f".to_owned());
    let cases = [
        (Method::Post, &table(), None, "{}", "Json"),
        (Method::Post, &table(), Some("application/json; charset=utf-8"), "{}", "Json"),
        (Method::Patch, &table(), Some("TEXT/CSV"), "a\n", "Csv"),
        (Method::Put, &table(), Some("application/x-www-form-urlencoded"), "a=1", "Form"),
        (Method::Post, &table(), Some("text/plain"), "x", "PGRST102: Content-Type not acceptable: text/plain"),
        (Method::Post, &table(), Some("image/png"), "x", "PGRST102: Content-Type not acceptable: image/png"),
        (Method::Post, &rpc, Some("text/plain"), "x", "Raw"),
        (Method::Post, &rpc, Some("application/octet-stream"), "x", "Raw"),
        (Method::Post, &rpc, Some("image/png"), "x", "PGRST102: Content-Type not acceptable: image/png"),
        (Method::Post, &rpc, None, "", "Json"),
        (Method::Post, &table(), None, "", "PGRST102: Empty or invalid json"),
        (Method::Get, &table(), Some("image/png"), "x", "none"),
        (Method::Delete, &table(), Some("image/png"), "x", "none"),
        (Method::Options, &table(), None, "x", "none"),
    ];
    for (method, target, content_type, body, expected) in cases {
        let found = match parse_body(method, target, content_type, Bytes::from_static(body.as_bytes()), None, &limits())
        {
            Ok(None) => "none".to_owned(),
            Ok(Some(payload)) => format!("{:?}", payload.kind()),
            Err(error) => format!("{}: {}", error.code, error.message),
        };
        assert_eq!(found, expected, "{method} {content_type:?}");
    }
}

#[test]
fn put_ignores_columns_and_binary_is_no_text() {
    let columns = vec!["b".to_owned()];
    let body = Bytes::from_static(br#"{"a":1}"#);
    let payload =
        parse_body(Method::Put, &table(), None, body, Some(&columns), &limits()).expect("valid").expect("a body");
    assert_eq!(payload.columns(), ["a"]);
    for content_type in [None, Some("text/csv"), Some("application/x-www-form-urlencoded")] {
        let found = parse_body(Method::Post, &table(), content_type, Bytes::from_static(b"\"\xff\""), None, &limits());
        assert_eq!(found.map_err(|e| e.code.into_owned()), Err("PGRST102".to_owned()), "{content_type:?}");
    }
}

#[test]
fn bodies_are_bounded() {
    let limits = Limits { rows_max: 2, columns_max: 2, cells_max: 3, json_depth_max: 3, ..Limits::default() };
    let cases = [
        (None, "[{},{}]", "fine"),
        (None, "[{},{},{}]", "more than 2 rows (limit rows_max)"),
        (None, r#"{"a":1,"b":2,"c":3}"#, "more than 2 columns (limit columns_max)"),
        (None, r#"[{"a":1,"b":2},{"a":1,"b":2}]"#, "more than 3 cells (limit cells_max)"),
        (None, r#"[{"a":[1]}]"#, "fine"),
        (None, r#"[{"a":[[1]]}]"#, "more than 3 levels of arrays and objects (limit json_depth_max)"),
        (Some("text/csv"), "a\n1\n2\n", "fine"),
        (Some("text/csv"), "a\n1\n2\n3\n", "more than 2 rows (limit rows_max)"),
        (Some("text/csv"), "a,b,c\n", "more than 2 columns (limit columns_max)"),
        (Some("text/csv"), "a,b\n1,2\n1,2\n", "more than 3 cells (limit cells_max)"),
        (Some("application/x-www-form-urlencoded"), "a=1&b=2&c=3", "more than 2 columns (limit columns_max)"),
    ];
    for (content_type, body, expected) in cases {
        let found =
            parse_body(Method::Post, &table(), content_type, Bytes::from_static(body.as_bytes()), None, &limits);
        let found = found.map_or_else(|e| format!("{}{}", e.status, error(&e)), |_| "fine".to_owned());
        assert!(found.ends_with(expected), "{body}: {found}");
        assert!(found == "fine" || found.starts_with("400PGRST102"), "{body}: {found}");
    }
    let deep = "[".repeat(1_000_000);
    assert_eq!(parsed(None, &deep, None).expect_err("deep").code, "PGRST102");
}
