//! Whole query strings: which key means what, repetitions, order of failures.

use super::*;

/// Everything of a query but its canonical form, in one line.
fn show(text: &str, arguments: bool) -> String {
    let query = match parse_query(text, arguments, &limits()) {
        Ok(query) => query,
        Err(failed) => return place(&failed),
    };
    let mut out = select(&query.select);
    for at in &query.filters {
        out.push_str(&format!(" {}{}", path(&at.path), filter(&at.node)));
    }
    for at in &query.logic {
        out.push_str(&format!(" {}{}", path(&at.path), logic(&at.node)));
    }
    for at in &query.order {
        out.push_str(&format!(" order {}({})", path(&at.path), order(&at.node)));
    }
    for at in &query.windows {
        let limit = at.node.limit.map_or("all".to_owned(), |limit| limit.to_string());
        out.push_str(&format!(" window {}({}+{limit})", path(&at.path), at.node.offset));
    }
    for (word, names) in [("columns", &query.columns), ("on_conflict", &query.on_conflict)] {
        if let Some(names) = names {
            out.push_str(&format!(" {word}({})", names.join("|")));
        }
    }
    for (name, value) in &query.arguments {
        out.push_str(&format!(" {name}:={value}"));
    }
    out
}

#[test]
fn keys_are_sorted_by_their_last_segment() {
    let cases = [
        ("", "[*]"),
        ("select=", "[*]"),
        ("select", "[*]"),
        ("select=id&select=name", "[id]"),
        ("select&select=id", "[*]"),
        ("id=eq.1", "[*] id eq<1>"),
        ("id=gt.1&id=lt.5", "[*] id gt<1> id lt<5>"),
        ("id", "[*]"),
        ("rel.id=eq.1", "[*] rel/id eq<1>"),
        ("rel=not.is.null", "[*] rel !is null"),
        ("a.b.c=eq.1", "[*] a/b/c eq<1>"),
        ("\"order\"=eq.1", "[*] order eq<1>"),
        ("rel.select=eq.1", "[*] rel/select eq<1>"),
        ("name=eq.a+b%2Bc%26d", "[*] name eq<a b+c&d>"),
        ("na%6De=eq.%C3%A9", "[*] name eq<é>"),
        ("data-%3E%3Ea=eq.1", "[*] data>>a eq<1>"),
        ("name=eq.a=b", "[*] name eq<a=b>"),
        ("name=eq.a;b", "[*] name eq<a;b>"),
        ("order=id", "[*] order (id)"),
        ("order=id&order=name", "[*] order (id)"),
        ("rel.order=id&order=x&rel.order=y", "[*] order rel/(id) order (x)"),
        ("or=(a.eq.1)&or=(b.eq.2)", "[*] or[a eq<1>] or[b eq<2>]"),
        ("rel.not.or=(a.eq.1)", "[*] rel/!or[a eq<1>]"),
        ("limit=5", "[*] window (0+5)"),
        ("limit=5&offset=2&rel.limit=1", "[*] window (2+5) window rel/(0+1)"),
        ("a.b.offset=3", "[*] window a/b/(3+all)"),
        ("limit=x&offset=-1&rel.limit=", "[*]"),
        ("limit=1&limit=x", "[*] window (0+1)"),
        ("columns=a,b&on_conflict=c", "[*] columns(a|b) on_conflict(c)"),
        ("columns=\"a\",\"b\"", "[*] columns(a|b)"),
        (
            "select=*,album(title,artist(name))&unit_price=gt.0.99&order=name&limit=20",
            "[*, album[title, artist[name]]] unit_price gt<0.99> order (name) window (0+20)",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text, false), expected, "{text}");
    }
}

#[test]
fn functions_read_by_get_take_arguments() {
    let cases = [
        ("a=1&b=eq.2&c=x&c=y", "[*] b eq<2> a:=1 c:=x c:=y"),
        ("a={1,2}&select=id&limit=3", "[id] window (0+3) a:={1,2}"),
        ("a=", "[*] a:="),
        ("a", "[*]"),
        ("a=not.x", "PGRST100@5: unexpected \"x\""),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text, true), expected, "{text}");
    }
}

#[test]
fn what_is_malformed_is_refused() {
    let cases = [
        ("id=1", "PGRST100@1: unexpected \"1\""),
        ("id=", "PGRST100@1: unexpected end of input"),
        ("=eq.1", "PGRST100@1: unexpected end of input"),
        ("id!x=eq.1", "PGRST100@3: unexpected \"!\""),
        ("order=", "PGRST100@1: unexpected end of input"),
        (".order=id", "PGRST100@1: unexpected end of input"),
        ("a!.order=id", "PGRST100@2: unexpected \"!\""),
        ("a(.limit=1", "PGRST100@2: unexpected \"(\""),
        ("or=", "PGRST100@3: unexpected end of input"),
        ("a!.or=(x.eq.1)", "PGRST100@2: unexpected \"!\""),
        ("columns=", "PGRST100@1: unexpected end of input"),
        ("on_conflict=", "PGRST100@1: unexpected end of input"),
        ("select=id(", "PGRST100@4: unexpected end of input"),
        ("id=eq.%FF", "PGRST100@1: unexpected bytes"),
        ("id=eq.%00", "22021@-: "),
        // order, logic, columns, select, filters, on_conflict
        ("id=1&order=", "PGRST100@1: unexpected end of input"),
        ("id=1&select=!", "PGRST100@1: unexpected \"!\""),
        ("on_conflict=!&id=1", "PGRST100@1: unexpected \"1\""),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text, false), expected, "{text}");
    }
}

#[test]
fn query_strings_are_bounded() {
    let limits = Limits { query_bytes_max: 40, filters_max: 2, order_terms_max: 2, embeds_max: 2, ..Limits::default() };
    let cases = [
        ("id=eq.1&id=eq.2", "fine"),
        ("id=eq.1&id=eq.2&id=eq.3", "more than 2 filters (limit filters_max)"),
        ("id=eq.1&or=(a.eq.1,b.eq.1)", "more than 2 filters (limit filters_max)"),
        ("order=a,b", "fine"),
        ("order=a,b,c", "more than 2 terms (limit order_terms_max)"),
        ("order=a,b&x.order=c", "more than 2 terms (limit order_terms_max)"),
        ("a.limit=1&b.limit=1&c.limit=1", "more than 2 levels (limit embeds_max)"),
        ("name=eq.0123456789012345678901234567890123456789", "more than 40 bytes (limit query_bytes_max)"),
    ];
    for (text, expected) in cases {
        let found = parse_query(text, false, &limits).map_or_else(|e| error(&e), |_| "fine".to_owned());
        assert!(found.ends_with(expected), "{text}: {found}");
    }
}

#[test]
fn null_tests_on_embeds_are_recognised() {
    let cases = [
        ("rel=is.null", Some(true)),
        ("rel=not.is.null", Some(false)),
        ("rel=is.not_null", None),
        ("rel=eq.null", None),
        ("rel->a=is.null", None),
    ];
    for (text, expected) in cases {
        let query = parse_query(text, false, &limits()).expect(text);
        assert_eq!(query.filters[0].node.embed_null_test(), expected, "{text}");
    }
}

#[test]
fn star_in_patterns_is_percent_when_bound() {
    assert_eq!(like_pattern("*a%b*"), "%a%b%");
}
