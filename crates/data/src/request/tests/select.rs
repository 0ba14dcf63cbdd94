//! `select`, `columns`, `on_conflict` and `order`.

use super::*;

#[test]
fn select_is_understood() {
    let cases = [
        ("", "[*]"),
        ("  ", "[*]"),
        ("*", "[*]"),
        (" * , id ", "[*, id]"),
        ("id,name", "[id, name]"),
        ("id,id", "[id, id]"),
        ("123,_,$", "[123, _, '$']"),
        ("Straße,größe,日本語", "[Straße, größe, 日本語]"),
        ("with space", "['with space']"),
        ("with-dash", "['with-dash']"),
        ("a - b", "['a-b']"),
        ("\"a.b\",\"a,b\",\"a(b)\"", "['a.b', 'a,b', 'a(b)']"),
        (r#""a\"b\\c\d""#, r#"['a"b\cd']"#),
        ("\" x \"", "[' x ']"),
        ("\"\"", "['']"),
        ("\"é\\é\"", "[éé]"),
        // alias, cast
        ("n:name", "[n=name]"),
        ("n : name", "[n=name]"),
        ("\"a b\":name", "['a b'=name]"),
        ("name::text", "[name::text]"),
        ("n:name::text", "[n=name::text]"),
        ("name::double precision", "[name::'double precision']"),
        ("name::text ,id", "[name::text, id]"),
        // json
        ("data->a", "[data>a]"),
        ("data->>a", "[data>>a]"),
        ("data->a->>b", "[data>a>>b]"),
        ("data->0", "[data>#0]"),
        ("data->-1->>2", "[data>#-1>>#2]"),
        ("data->0x", "[data>0x]"),
        ("data->1a->2", "[data>1a>#2]"),
        ("data->a-b", "[data>'a-b']"),
        ("data->!@#$%^&*_a", "[data>'!@#$%^&*_a']"),
        ("data->\"a.b\"->>\"0\"", "[data>'a.b'>>0]"),
        ("data->a b->c", "[data>'a b'>c]"),
        ("data->>a::int", "[data>>a::int]"),
        ("data->0::int", "[data>#0::int]"),
        ("x:data->>0", "[x=data>>#0]"),
        ("data->>a,id", "[data>>a, id]"),
        // aggregates
        ("count()", "[#count]"),
        ("n:count()", "[n=#count]"),
        ("count()::text", "[#count::text]"),
        ("count", "[count]"),
        ("n:count", "[n=count]"),
        ("count::text", "[count::text]"),
        ("\"count\"", "[count]"),
        ("id.sum()", "[id.sum]"),
        ("id.avg(),id.min(),id.max(),id.count()", "[id.avg, id.min, id.max, id.count]"),
        ("id::int.sum()::text", "[id::int.sum::text]"),
        ("s:id.sum()::text", "[s=id.sum::text]"),
        ("data->a.sum()", "[data>a.sum]"),
        ("data->0.sum()", "[data>#0.sum]"),
        ("country", "[country]"),
        ("a::b::c", "[a::b::c]"),
        // embeds
        ("rel(*)", "[rel[*]]"),
        ("rel()", "[rel[]]"),
        ("rel( )", "[rel[]]"),
        ("rel ( id )", "[rel[id]]"),
        ("r:rel(id)", "[r=rel[id]]"),
        ("a(b(c(d)))", "[a[b[c[d]]]]"),
        ("*,a(b),c", "[*, a[b], c]"),
        ("a(b),c(d)", "[a[b], c[d]]"),
        ("rel!hint(*)", "[rel{hint}[*]]"),
        ("rel!inner(*)", "[rel(inner)[*]]"),
        ("rel!left(*)", "[rel(left)[*]]"),
        ("rel!hint!inner(*)", "[rel{hint}(inner)[*]]"),
        ("r:rel!inner!hint(*)", "[r=rel{hint}(inner)[*]]"),
        ("rel!a!b(*)", "[rel{a}{b}[*]]"),
        ("rel!inner!left(*)", "[rel(inner)[*]]"),
        ("rel!\"inner\"(*)", "[rel{inner}[*]]"),
        ("rel!inner_id(*)", "[rel{inner_id}[*]]"),
        ("rel!a-b(*)", "[rel{a-b}[*]]"),
        ("rel!\"a b.c\"(*)", "[rel{a b.c}[*]]"),
        ("\"my rel\"(id)", "['my rel'[id]]"),
        ("rel(count)", "[rel[count]]"),
        ("rel(count())", "[rel[#count]]"),
        ("rel(data->0,x)", "[rel[data>#0, x]]"),
        ("rel(data->0)", "[rel[data>0]]"), // upstream's rule: an index ends before `,` but not before `)`
        ("...rel(a,b)", "[...rel[a, b]]"),
        ("...rel!hint!inner(a,...c(d))", "[...rel{hint}(inner)[a, ...c[d]]]"),
        ("... rel(a)", "[...rel[a]]"),
        ("counts(id),x:count1(id)", "[counts[id], x=count1[id]]"),
    ];
    for (text, expected) in cases {
        let found = parse_select(text, &limits());
        assert_eq!(found.as_deref().map(select), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_malformed_select_names_the_place() {
    let cases = [
        (",", "PGRST100@1: unexpected \",\""),
        ("id,", "PGRST100@4: unexpected end of input"),
        ("id,,x", "PGRST100@4: unexpected \",\""),
        ("id,é[", "PGRST100@5: unexpected \"[\""),
        ("id,é!", "PGRST100@6: unexpected end of input"),
        ("id)", "PGRST100@3: unexpected \")\""),
        ("a(b", "PGRST100@4: unexpected end of input"),
        ("a(b))", "PGRST100@5: unexpected \")\""),
        ("a(b)c", "PGRST100@5: unexpected \"c\""),
        ("(a)", "PGRST100@1: unexpected \"(\""),
        ("a(b,)", "PGRST100@5: unexpected \")\""),
        ("id,clients(name[])", "PGRST100@16: unexpected \"[\""),
        ("data->>-78xy", "PGRST100@11: unexpected \"x\""),
        ("data->>--34", "PGRST100@9: unexpected \"-\""),
        ("data->", "PGRST100@7: unexpected end of input"),
        ("data->.a", "PGRST100@7: unexpected \".\""),
        ("data->99999999999999999999", "PGRST100@7: unexpected \"9\""),
        ("*!hint", "PGRST100@2: unexpected \"!\""),
        ("*(a)", "PGRST100@2: unexpected \"(\""),
        ("x:*", "PGRST100@3: unexpected \"*\""),
        ("name!hint", "PGRST100@10: unexpected end of input"),
        ("rel!(a)", "PGRST100@5: unexpected \"(\""),
        ("rel!a!b!c(d)", "PGRST100@8: unexpected \"!\""),
        ("rel->a(b)", "PGRST100@7: unexpected \"(\""),
        ("name::", "PGRST100@7: unexpected end of input"),
        ("title::numeric(10)", "PGRST100@15: unexpected \"(\""),
        ("name:", "PGRST100@6: unexpected end of input"),
        ("a:b:c", "PGRST100@4: unexpected \":\""),
        ("name::a[]", "PGRST100@8: unexpected \"[\""),
        ("a.b", "PGRST100@3: unexpected \"b\""),
        ("a.foo()", "PGRST100@3: unexpected \"f\""),
        ("a.sum", "PGRST100@3: unexpected \"s\""),
        ("a.", "PGRST100@3: unexpected end of input"),
        ("a.sum()x", "PGRST100@8: unexpected \"x\""),
        ("count(x)", "PGRST100@6: unexpected \"(\""),
        ("x:count(y)", "PGRST100@8: unexpected \"(\""),
        ("count!h(x)", "PGRST100@6: unexpected \"!\""),
        ("...rel", "PGRST100@7: unexpected end of input"),
        ("..rel(a)", "PGRST100@1: unexpected \".\""),
        ("x:...rel(a)", "PGRST100@3: unexpected \".\""),
        ("...x:rel(a)", "PGRST100@5: unexpected \":\""),
        ("\"a", "PGRST100@3: unexpected end of input"),
        ("\"a\\", "PGRST100@4: unexpected end of input"),
        ("a-", "PGRST100@3: unexpected end of input"),
        ("a--b", "PGRST100@3: unexpected \"-\""),
        ("-a", "PGRST100@1: unexpected \"-\""),
        ("a\nb", "PGRST100@2: unexpected \"\n\""),
        ("😀", "PGRST100@1: unexpected \"😀\""),
    ];
    for (text, expected) in cases {
        let found = parse_select(text, &limits()).expect_err(text);
        assert_eq!(place(&found), expected, "{text}");
        let name = format!("\"failed to parse select parameter ({text})\" (line ");
        assert!(found.message.starts_with(&name), "{}", found.message);
    }
}

#[test]
fn output_keys_follow_section_4() {
    let cases = [
        ("name", "name"),
        ("n:name", "n"),
        ("data->a->>b", "b"),
        ("data->a->0", "a"),
        ("data->0", "data"),
        ("id.sum()", "sum"),
        ("data->a.max()", "max"),
        ("x:data->a", "x"),
        ("count", "count"),
    ];
    for (text, expected) in cases {
        let items = parse_select(text, &limits()).expect(text);
        let [SelectItem::Column(column)] = items.as_slice() else { panic!("{text} is one column") };
        assert_eq!(column.output_key(), expected, "{text}");
        assert_eq!(column.is_legacy_count(), text == "count", "{text}");
    }
}

#[test]
fn select_is_bounded() {
    let limits = Limits { select_depth_max: 2, embeds_max: 3, select_items_max: 5, ..Limits::default() };
    let cases = [
        ("a(b(c))", "fine"),
        ("a(b(c(d)))", "PGRST100@7: more than 2 levels of embedding (limit select_depth_max)"),
        ("a(),b(),c(),d()", "PGRST100@15: more than 3 embeds (limit embeds_max)"),
        ("a,b,c,d,e", "fine"),
        ("a,b(c,d,e,f)", "PGRST100@11: more than 5 selected items (limit select_items_max)"),
    ];
    for (text, expected) in cases {
        let found = parse_select(text, &limits).map_or_else(|e| error(&e), |_| "fine".to_owned());
        assert_eq!(found, expected, "{text}");
    }
    let deep = "a(".repeat(50_000);
    assert_eq!(parse_select(&deep, &Limits::default()).expect_err("deep").code, "PGRST100");
}

#[test]
fn long_texts_are_cut_in_messages() {
    let text = "é".repeat(1_000) + "(";
    let message = parse_select(&text, &limits()).expect_err("unclosed").message;
    assert!(message.len() < 600 && message.contains("…"), "{}", message.len());
}

#[test]
fn name_lists_are_understood() {
    let cases = [
        ("a", Ok("a")),
        ("a,b", Ok("a|b")),
        (" a , \"b c\" ", Ok("a|b c")),
        ("\"a\",\"b,c\"", Ok("a|b,c")),
        ("a,b,a", Ok("a|b")),
        ("a-b", Ok("a-b")),
        ("", Err("PGRST100@1: unexpected end of input")),
        (",", Err("PGRST100@1: unexpected \",\"")),
        ("a,", Err("PGRST100@3: unexpected end of input")),
        ("a b,c.d", Err("PGRST100@6: unexpected \".\"")),
        ("a)", Err("PGRST100@2: unexpected \")\"")),
        ("*", Err("PGRST100@1: unexpected \"*\"")),
    ];
    for (text, expected) in cases {
        for parsed in [parse_columns(text, &limits()), parse_on_conflict(text, &limits())] {
            let found = parsed.map(|names| names.join("|")).map_err(|e| place(&e));
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }
    let limits = Limits { columns_max: 2, ..Limits::default() };
    assert!(parse_columns("a,b,a", &limits).is_ok());
    assert_eq!(parse_columns("a,b,c", &limits).expect_err("three").code, "PGRST100");
}

#[test]
fn order_is_understood() {
    let cases = [
        ("id", "id"),
        ("id,name", "id, name"),
        (" id , name ", "id, name"),
        ("id.asc", "id asc"),
        ("id.desc", "id desc"),
        ("id.nullsfirst", "id first"),
        ("id.nullslast", "id last"),
        ("id.asc.nullsfirst", "id asc first"),
        ("id.desc.nullslast,name", "id desc last, name"),
        ("\"a.b\".desc", "'a.b' desc"),
        ("asc.asc", "asc asc"),
        ("data->a.asc", "data>a asc"),
        ("data->0.desc", "data>#0 desc"),
        ("data->>a->0,id", "data>>a>#0, id"),
        ("rel(name)", "rel/name"),
        ("rel(name).desc.nullsfirst", "rel/name desc first"),
        ("rel( name ),id", "rel/name, id"),
        ("rel(data->a).asc", "rel/data>a asc"),
        ("\"my rel\"(x)", "'my rel'/x"),
    ];
    for (text, expected) in cases {
        let found = parse_order(text, &limits());
        assert_eq!(found.as_deref().map(order), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_malformed_order_names_the_place() {
    let cases = [
        ("", "PGRST100@1: unexpected end of input expecting field name (* or [a..z0..9_$])"),
        ("id,", "PGRST100@4: unexpected end of input expecting field name (* or [a..z0..9_$])"),
        ("id.ac", "PGRST100@4: unexpected \"a\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""),
        ("id.descc", "PGRST100@8: unexpected \"c\" expecting delimiter (.), \",\" or end of input"),
        ("id.nulsfist", "PGRST100@4: unexpected \"n\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""),
        ("id.nullslasttt", "PGRST100@13: unexpected \"t\" expecting \",\" or end of input"),
        ("id.asc.nlsfst", "PGRST100@8: unexpected \"n\" expecting \"nullsfirst\" or \"nullslast\""),
        ("id.asc.", "PGRST100@8: unexpected end of input expecting \"nullsfirst\" or \"nullslast\""),
        ("id.ASC", "PGRST100@4: unexpected \"A\" expecting \"asc\", \"desc\", \"nullsfirst\" or \"nullslast\""),
        ("clients(name,id)", "PGRST100@13: unexpected \",\" expecting letter, digit, \"-\", \"->>\", \"->\" or \")\""),
        ("a(b(c))", "PGRST100@4: unexpected \"(\" expecting letter, digit, \"-\", \"->>\", \"->\" or \")\""),
        (
            "id;x",
            "PGRST100@3: unexpected \";\" expecting letter, digit, \"-\", \"->>\", \"->\", delimiter (.), \",\" or end of input",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(error(&parse_order(text, &limits()).expect_err(text)), expected, "{text}");
    }
}

#[test]
fn nulls_go_where_postgresql_puts_them() {
    let cases = [
        ("id", false),
        ("id.asc", false),
        ("id.desc", true),
        ("id.nullsfirst", true),
        ("id.desc.nullslast", false),
        ("id.asc.nullsfirst", true),
    ];
    for (text, first) in cases {
        assert_eq!(parse_order(text, &limits()).expect(text)[0].nulls_first(), first, "{text}");
    }
}
