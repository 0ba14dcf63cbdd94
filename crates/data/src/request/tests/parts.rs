//! Requests as a whole: paths, verbs, schemas, the order of checks, PUT, locations.

use bytes::Bytes;

use super::*;

fn outcome(parts: &Parts<'_>, config: &RequestConfig) -> String {
    parse(parts, config).map_or_else(|error| error.code.into_owned(), |_| "fine".to_owned())
}

#[test]
fn paths_name_targets() {
    let cases = [
        ("", "Root"),
        ("/", "Root"),
        ("/album", "Relation(\"album\")"),
        ("/My%20Table", "Relation(\"My Table\")"),
        ("/a+b", "Relation(\"a+b\")"),
        ("/%C3%A9", "Relation(\"é\")"),
        ("/a%2Fb", "Relation(\"a/b\")"),
        ("/rpc", "Relation(\"rpc\")"),
        ("/rpc/f", "Function(\"f\")"),
        ("/rpc/", "PGRST125"),
        ("/rpc/f/g", "PGRST125"),
        ("/a/b", "PGRST125"),
        ("/a/", "PGRST125"),
        ("//", "PGRST125"),
        ("/%FF", "PGRST125"),
        ("/%00", "PGRST125"),
    ];
    for (path, expected) in cases {
        let found = parse_path(path).map_or_else(|e| e.code.into_owned(), |target| format!("{target:?}"));
        assert_eq!(found, expected, "{path}");
    }
}

#[test]
fn each_target_has_its_verbs() {
    let targets = [Target::Root, Target::Relation("t".to_owned()), Target::Function("f".to_owned())];
    let cases = [
        ("GET", ["GET", "GET", "GET"]),
        ("HEAD", ["HEAD", "HEAD", "HEAD"]),
        ("OPTIONS", ["OPTIONS", "OPTIONS", "OPTIONS"]),
        ("POST", ["PGRST117", "POST", "POST"]),
        ("PATCH", ["PGRST117", "PATCH", "PGRST101"]),
        ("PUT", ["PGRST117", "PUT", "PGRST101"]),
        ("DELETE", ["PGRST117", "DELETE", "PGRST101"]),
        ("TRACE", ["PGRST117", "PGRST117", "PGRST101"]),
        ("get", ["PGRST117", "PGRST117", "PGRST101"]),
    ];
    for (verb, expected) in cases {
        let found = targets
            .each_ref()
            .map(|target| parse_method(verb, target).map_or_else(|e| e.code.into_owned(), |method| method.to_string()));
        assert_eq!(found, expected, "{verb}");
    }
}

#[test]
fn profiles_choose_schemas() {
    let one = ["public".to_owned()];
    let two = ["public".to_owned(), "v2".to_owned()];
    let cases: [(Option<&str>, &[String], &str); 6] = [
        (None, &one, "public quiet"),
        (Some("public"), &one, "public announced"),
        (None, &two, "public announced"),
        (Some("v2"), &two, "v2 announced"),
        (Some("v3"), &two, "PGRST106 Only the following schemas are exposed: public, v2"),
        (Some(""), &one, "PGRST106 Only the following schemas are exposed: public"),
    ];
    for (profile, exposed, expected) in cases {
        let found = match choose_schema(profile, exposed) {
            Ok(choice) => format!("{} {}", choice.name, if choice.announce { "announced" } else { "quiet" }),
            Err(error) => format!("{} {}", error.code, error.hint.unwrap_or_default()),
        };
        assert_eq!(found, expected, "{profile:?}");
    }
}

#[test]
fn the_verb_decides_which_profile_header_counts() {
    let config = RequestConfig { schemas: vec!["a".to_owned(), "b".to_owned()], ..RequestConfig::default() };
    for (method, expected) in
        [("GET", "a"), ("HEAD", "a"), ("OPTIONS", "a"), ("POST", "b"), ("PATCH", "b"), ("PUT", "b"), ("DELETE", "b")]
    {
        let parts = Parts {
            method,
            path: "/t",
            accept_profile: Some("a"),
            content_profile: Some("b"),
            body: Bytes::from_static(b"{}"),
            ..Parts::default()
        };
        assert_eq!(parse(&parts, &config).expect(method).schema.name, expected, "{method}");
    }
}

#[test]
fn the_first_failure_is_the_answer() {
    // each step repairs the failure before it: path, schema, verb, query, range, body
    let broken = Parts {
        method: "FOO",
        path: "/a/b",
        query: "id=1&limit=-1",
        accept_profile: Some("nope"),
        range: Some("5-1"),
        content_type: Some("image/png"),
        ..Parts::default()
    };
    let config = RequestConfig::default();
    let path = Parts { path: "/a", ..broken.clone() };
    let schema = Parts { accept_profile: None, ..path.clone() };
    let verb = Parts { method: "POST", ..schema.clone() };
    let query = Parts { query: "id=eq.1&limit=-1", ..verb.clone() };
    let range = Parts { query: "id=eq.1", ..query.clone() };
    let body = Parts { content_type: None, body: Bytes::from_static(b"[]"), ..range.clone() };
    let found = [&broken, &path, &schema, &verb, &query, &range, &body].map(|parts| outcome(parts, &config));
    assert_eq!(found, ["PGRST125", "PGRST106", "PGRST117", "PGRST100", "PGRST103", "PGRST102", "fine"]);
}

#[test]
fn a_request_is_gathered_from_its_parts() {
    let parts = Parts {
        method: "GET",
        path: "/track",
        query: "select=name,album(title)&name=like.A*&limit=10",
        accept: vec!["text/csv;q=0.5", "application/json"],
        prefer: vec!["count=exact", "tx=rollback"],
        range: Some("2-5"),
        ..Parts::default()
    };
    let request = parse(&parts, &RequestConfig::default()).expect("well-formed");
    assert_eq!(request.relation(), Some("track"));
    assert_eq!(request.window, Window { limit: Some(4), offset: 2 });
    assert_eq!(request.accept, [MediaType::Json, MediaType::Csv]);
    assert_eq!((request.preferences.count, request.preferences.tx), (Some(Count::Exact), None));
    assert_eq!(request.root_filters().count(), 1);
    assert_eq!(request.payload, None);
    assert_eq!(
        content_location(&request.target, &request.query),
        "/track?limit=10&name=like.A%2A&select=name%2Calbum%28title%29"
    );
    assert_eq!(content_location(&Target::Root, &parse_query("", false, &limits()).expect("empty")), "/");
}

#[test]
fn put_names_its_row_by_plain_equalities() {
    let cases = [
        ("id=eq.1", "id=1"),
        ("a=eq.1&b=eq.x&select=a", "a=1 b=x"),
        ("", "PGRST105"),
        ("id=gt.1", "PGRST105"),
        ("id=not.eq.1", "PGRST105"),
        ("id=eq(any).{1}", "PGRST105"),
        ("id=in.(1)", "PGRST105"),
        ("id=is.null", "PGRST105"),
        ("id->a=eq.1", "PGRST105"),
        ("rel.id=eq.1", "PGRST105"),
        ("id=eq.1&or=(a.eq.1)", "PGRST105"),
        ("id=eq.1&rel.or=(a.eq.1)", "PGRST105"),
    ];
    for (query, expected) in cases {
        let query = parse_query(query, false, &limits()).expect(query);
        let found = put_key(&query).map_or_else(
            |e| e.code.into_owned(),
            |key| key.iter().map(|(column, value)| format!("{column}={value}")).collect::<Vec<_>>().join(" "),
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn put_takes_exactly_one_row() {
    for (body, fine) in [("{}", true), (r#"[{"a":1}]"#, true), ("[]", false), ("[{},{}]", false), ("1", false)] {
        let target = Target::Relation("t".to_owned());
        let payload = parse_body(Method::Put, &target, None, Bytes::from_static(body.as_bytes()), None, &limits());
        let payload = payload.expect(body).expect("PUT has a body");
        assert_eq!(put_one_row(&payload).is_ok(), fine, "{body}");
    }
}

#[test]
fn locations_name_the_key() {
    assert_eq!(
        location("my table", [("id", Some("1")), ("na me", Some("a&b/é"))]),
        "/my%20table?id=eq.1&na%20me=eq.a%26b%2F%C3%A9"
    );
    assert_eq!(location("t", [("a", None)]), "/t?a=is.null");
}
