//! Filters and logic trees.

use super::*;

#[test]
fn filter_values_are_understood() {
    let cases = [
        ("eq.1", "eq<1>"),
        ("eq.", "eq<>"),
        ("not.eq.1", "!eq<1>"),
        ("neq.a.b", "neq<a.b>"),
        ("gt.1", "gt<1>"),
        ("gte.1", "gte<1>"),
        ("lt.1", "lt<1>"),
        ("lte.1", "lte<1>"),
        ("eq.\"x\"", "eq<\"x\">"),
        ("eq. a,b) ", "eq< a,b) >"),
        ("eq.not.eq.1", "eq<not.eq.1>"),
        ("eq.line\nbreak", "eq<line\nbreak>"),
        ("like.a*b%", "like<a*b%>"),
        ("ilike.*É*", "ilike<*É*>"),
        ("match.^a.b$", "match<^a.b$>"),
        ("imatch.x(y)", "imatch<x(y)>"),
        ("isdistinct.null", "isdistinct<null>"),
        ("not.isdistinct.1", "!isdistinct<1>"),
        // is
        ("is.null", "is null"),
        ("is.NULL", "is null"),
        ("is.not_null", "is not_null"),
        ("is.Not_Null", "is not_null"),
        ("not.is.null", "!is null"),
        ("is.TRUE", "is true"),
        ("is.false", "is false"),
        ("is.unknown", "is unknown"),
        // in
        ("in.(1,2,3)", "in[<1><2><3>]"),
        ("in.()", "in[]"),
        ("in.( )", "in[]"),
        ("in.(1)", "in[<1>]"),
        ("in.(,)", "in[<><>]"),
        ("in.(\"\")", "in[<>]"),
        ("in. (1,2) ", "in[<1><2>]"),
        ("in.( a b , c )", "in[<a b >< c >]"),
        ("in.(\"a,b\",\"c)d\",e)", "in[<a,b><c)d><e>]"),
        (r#"in.("a\"b","c\\d")"#, r#"in[<a"b><c\d>]"#),
        ("in.(a\"b,c)", "in[<a\"b><c>]"),
        ("in.(\"a\"b,c)", "in[<\"a\"b><c>]"),
        ("in.(\"a)", "in[<\"a>]"),
        ("not.in.(a)", "!in[<a>]"),
        ("in.({a},[b)", "in[<{a}><[b>]"),
        // full text
        ("fts.a & b", "fts<a & b>"),
        ("fts(english).a", "fts english <a>"),
        ("plfts( simple ).x", "plfts simple <x>"),
        ("phfts(my_conf).x y", "phfts my_conf <x y>"),
        ("wfts.\"x\" -y", "wfts<\"x\" -y>"),
        ("not.fts(french).a", "!fts french <a>"),
        // containment
        ("cs.{a,b}", "cs<{a,b}>"),
        ("cd.[1,5)", "cd<[1,5)>"),
        ("cs.{\"a\":1}", "cs<{\"a\":1}>"),
        ("ov.{1,2}", "ov<{1,2}>"),
        ("sl.[1,2]", "sl<[1,2]>"),
        ("sr.(1,2)", "sr<(1,2)>"),
        ("nxr.(1,2)", "nxr<(1,2)>"),
        ("nxl.(1,2)", "nxl<(1,2)>"),
        ("adj.(1,2)", "adj<(1,2)>"),
        // quantified
        ("eq(any).{1,2}", "eq any<{1,2}>=<1><2>"),
        ("like(all).{a*,*b}", "like all<{a*,*b}>=<a*><*b>"),
        ("not.ilike(any).{a}", "!ilike any<{a}>=<a>"),
        ("gt(all).{}", "gt all<{}>="),
        ("eq(any).{null,\"null\",NULL}", "eq any<{null,\"null\",NULL}>=NULL<null>NULL"),
        ("eq(any).value", "eq any<value>=?"),
        ("match(any).{{a},{b}}", "match any<{{a},{b}}>=?"),
        ("lte(any).{ a b , \"c,d\" }", "lte any<{ a b , \"c,d\" }>=<a b><c,d>"),
    ];
    for (text, expected) in cases {
        let found = parse_filter_value(text, &limits()).map(|(negated, parsed)| op(negated, &parsed));
        assert_eq!(found, Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn malformed_filter_values_name_the_place() {
    let cases = [
        ("", "PGRST100@1: unexpected end of input expecting \"not\" or operator (eq, gt, ...)"),
        ("1", "PGRST100@1: unexpected \"1\" expecting \"not\" or operator (eq, gt, ...)"),
        ("noop.0", "PGRST100@1: unexpected \"n\" expecting \"not\" or operator (eq, gt, ...)"),
        ("EQ.1", "PGRST100@1: unexpected \"E\" expecting \"not\" or operator (eq, gt, ...)"),
        ("not.foo", "PGRST100@5: unexpected \"f\" expecting operator (eq, gt, ...)"),
        ("not.not.eq.1", "PGRST100@5: unexpected \"n\" expecting operator (eq, gt, ...)"),
        ("not", "PGRST100@1: unexpected \"n\" expecting \"not\" or operator (eq, gt, ...)"),
        ("eq", "PGRST100@3: unexpected end of input expecting delimiter (.)"),
        ("eq1", "PGRST100@3: unexpected \"1\" expecting delimiter (.)"),
        ("eq().1", "PGRST100@4: unexpected \")\" expecting \"any\" or \"all\""),
        ("eq(some).1", "PGRST100@4: unexpected \"s\" expecting \"any\" or \"all\""),
        ("eq(any)1", "PGRST100@8: unexpected \"1\" expecting delimiter (.)"),
        ("neq(any).{1}", "PGRST100@4: unexpected \"(\" expecting delimiter (.)"),
        ("cs(any).{1}", "PGRST100@3: unexpected \"(\" expecting delimiter (.)"),
        ("fts().a", "PGRST100@5: unexpected \")\" expecting operator (eq, gt, ...)"),
        ("fts(a-b).a", "PGRST100@6: unexpected \"-\" expecting letter, digit or \")\""),
        ("in().1", "PGRST100@3: unexpected \"(\" expecting delimiter (.)"),
        ("is().null", "PGRST100@3: unexpected \"(\" expecting delimiter (.)"),
        ("in.1,2", "PGRST100@4: unexpected \"1\" expecting \"(\""),
        ("in.(1,2", "PGRST100@8: unexpected end of input expecting \",\" or \")\""),
        ("in.(1)2", "PGRST100@7: unexpected \"2\" expecting end of input"),
        ("in.", "PGRST100@4: unexpected end of input expecting \"(\""),
        ("is.nulls", "PGRST100@4: unexpected \"n\" expecting isVal: (null, not_null, true, false, unknown)"),
        ("is.1", "PGRST100@4: unexpected \"1\" expecting isVal: (null, not_null, true, false, unknown)"),
        ("is.null ", "PGRST100@8: unexpected \" \" expecting end of input"),
        ("is.not.null", "PGRST100@4: unexpected \"n\" expecting isVal: (null, not_null, true, false, unknown)"),
        ("éq.1", "PGRST100@1: unexpected \"é\" expecting \"not\" or operator (eq, gt, ...)"),
    ];
    for (text, expected) in cases {
        assert_eq!(error(&parse_filter_value(text, &limits()).expect_err(text)), expected, "{text}");
    }
}

#[test]
fn filter_keys_are_paths_and_fields() {
    let cases = [
        ("id", Ok("id")),
        ("a.b", Ok("a/b")),
        ("a.b.c", Ok("a/b/c")),
        ("data->>x", Ok("data>>x")),
        ("a.data->x->>0", Ok("a/data>x>>#0")),
        ("\"a.b\".c", Ok("'a.b'/c")),
        ("\"order\"", Ok("order")),
        (" id ", Ok("id")),
        ("data->x.y", Err("PGRST100@8: unexpected \".\"")),
        ("", Err("PGRST100@1: unexpected end of input")),
        ("a.", Err("PGRST100@3: unexpected end of input")),
        (".a", Err("PGRST100@1: unexpected \".\"")),
        ("id!x", Err("PGRST100@3: unexpected \"!\"")),
        ("id::int", Err("PGRST100@3: unexpected \":\"")),
        ("a(b)", Err("PGRST100@2: unexpected \"(\"")),
    ];
    for (text, expected) in cases {
        let found = parse_filter_key(text, &limits());
        let found = found.map(|(embeds, found)| format!("{}{}", path(&embeds), field(&found))).map_err(|e| place(&e));
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
    }
}

#[test]
fn pairs_of_a_function_are_arguments_unless_they_begin_as_expressions() {
    let cases = [
        ("1", "argument"),
        ("", "argument"),
        ("eq.1", "eq<1>"),
        ("eq1", "argument"),
        ("equal.1", "argument"),
        ("fts().x", "argument"),
        ("nothing", "argument"),
        ("not.foo", "PGRST100"),
        ("in.foo", "PGRST100"),
        ("is.foo", "PGRST100"),
        ("is.null", "is null"),
        ("information", "argument"),
    ];
    for (text, expected) in cases {
        let found = match parse_filter_or_argument(text, &limits()) {
            Ok(None) => "argument".to_owned(),
            Ok(Some((negated, parsed))) => op(negated, &parsed),
            Err(error) => error.code.into_owned(),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn logic_trees_are_understood() {
    let cases = [
        ("or", "(a.eq.1)", "or[a eq<1>]"),
        ("and", "(a.eq.1,b.gt.2)", "and[a eq<1>, b gt<2>]"),
        ("not.or", "(a.eq.1)", "!or[a eq<1>]"),
        ("rel.or", "(a.eq.1)", "rel/or[a eq<1>]"),
        ("rel.not.and", "(a.eq.1)", "rel/!and[a eq<1>]"),
        ("not.rel.and", "(a.eq.1)", "rel/!and[a eq<1>]"),
        ("a.b.or", "(c.is.null)", "a/b/or[c is null]"),
        ("or", "(and(a.eq.1,b.eq.2),not.or(c.eq.3,d.not.eq.4))", "or[and[a eq<1>, b eq<2>], !or[c eq<3>, d !eq<4>]]"),
        ("or", " ( a.eq.1 , b.eq.2 ) ", "or[a eq<1 >, b eq<2 >]"),
        ("or", "( and ( a.eq.1 ) , b.is.null )", "or[and[a eq<1 >], b is null]"),
        ("or", "(a.eq.\"1,2)\",b.eq.\"x\\\"y\")", "or[a eq<1,2)>, b eq<x\"y>]"),
        ("or", "(a.eq.\"x\"y,b.eq.z)", "or[a eq<\"x\"y>, b eq<z>]"),
        ("or", "(a.eq.,b.eq.)", "or[a eq<>, b eq<>]"),
        ("or", "(a.cs.{1,2},b.eq.3)", "or[a cs<{1,2}>, b eq<3>]"),
        ("or", "(a.cs.{},b.eq.3)", "or[a cs<{}>, b eq<3>]"),
        ("or", "(a.cs.{\"x)\",y},b.eq.3)", "or[a cs<{\"x)\",y}>, b eq<3>]"),
        ("or", "(a.cs.\"{{1},{2}}\")", "or[a cs<{{1},{2}}>]"),
        ("or", "(a.like(any).{x*,*y},b.eq.1)", "or[a like any<{x*,*y}>=<x*><*y>, b eq<1>]"),
        ("or", "(a.in.(1,2),b.not.in.(\"3,4\",5))", "or[a in[<1><2>], b !in[<3,4><5>]]"),
        ("or", "(a.in.(),b.is.TRUE)", "or[a in[], b is true]"),
        ("or", "(a.in.(1) , b.eq.2)", "or[a in[<1>], b eq<2>]"),
        ("or", "(data->>x.eq.1,data->0->y.is.null)", "or[data>>x eq<1>, data>#0>y is null]"),
        ("or", "(\"a.b\".eq.1, c d .eq.2)", "or['a.b' eq<1>, 'c d' eq<2>]"),
        ("or", "(or.eq.1,and.eq.2,not.eq.3)", "or[or eq<1>, and eq<2>, not eq<3>]"),
        ("or", "(not.not.eq.3)", "or[not !eq<3>]"),
        ("or", "(order.eq.1,android.eq.2)", "or[order eq<1>, android eq<2>]"),
        ("or", "(a.fts(english).x & y,b.wfts.z)", "or[a fts english <x & y>, b wfts<z>]"),
        ("or", "(rel.is.null,other.not.is.null)", "or[rel is null, other !is null]"),
        ("or", "(a.eq.x.y:z+é)", "or[a eq<x.y:z+é>]"),
    ];
    for (key, value, expected) in cases {
        let found = parse_logic(key, value, &limits());
        let found = found.map(|at| format!("{}{}", path(&at.path), logic(&at.node)));
        assert_eq!(found, Ok(expected.to_owned()), "{key}={value}");
    }
}

#[test]
fn malformed_logic_trees_name_the_place() {
    let cases = [
        ("or", "", "PGRST100@3: unexpected end of input expecting \"(\""),
        ("or", "a.eq.1", "PGRST100@3: unexpected \"a\" expecting \"(\""),
        (
            "or",
            "()",
            "PGRST100@4: unexpected \")\" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)",
        ),
        ("and", "(id.eq.1", "PGRST100@12: unexpected end of input expecting \",\" or \")\""),
        ("or", "(id.eq.1,id.foo.2)", "PGRST100@15: unexpected \"f\" expecting \"not\" or operator (eq, gt, ...)"),
        (
            "or",
            "(id.eq.1,)",
            "PGRST100@12: unexpected \")\" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)",
        ),
        ("or", "(id.eq.1)x", "PGRST100@12: unexpected \"x\" expecting end of input"),
        ("or", "(id.eq.1))", "PGRST100@12: unexpected \")\" expecting end of input"),
        ("or", "(id)", "PGRST100@6: unexpected \")\" expecting letter, digit, \"-\", \"->>\", \"->\" or delimiter (.)"),
        ("or", "(a.cs.{1,2}3)", "PGRST100@14: unexpected \"3\" expecting \",\" or \")\""),
        (
            "or",
            "(a.cs.{{1},{2}})",
            "PGRST100@16: unexpected \"}\" expecting letter, digit, \"-\", \"->>\", \"->\" or delimiter (.)",
        ),
        ("not.or", "(a.foo.1)", "PGRST100@10: unexpected \"f\" expecting \"not\" or operator (eq, gt, ...)"),
    ];
    for (key, value, expected) in cases {
        let failed = parse_logic(key, value, &limits()).expect_err(value);
        let found = error(&failed);
        if value.contains("{{") {
            // where exactly a nested array breaks is of no interest, that it does is
            assert_eq!(failed.code, "PGRST100", "{found}");
        } else {
            assert_eq!(found, expected, "{key}={value}");
        }
    }
}

#[test]
fn array_literals_follow_postgresql() {
    let cases: [(&str, Option<&[Option<&str>]>); 20] = [
        ("{}", Some(&[])),
        (" { } ", Some(&[])),
        ("{a}", Some(&[Some("a")])),
        ("{a,b}", Some(&[Some("a"), Some("b")])),
        ("{ a , b c }", Some(&[Some("a"), Some("b c")])),
        ("{\"a,b\",\" c \"}", Some(&[Some("a,b"), Some(" c ")])),
        (r#"{"a\"b\\"}"#, Some(&[Some("a\"b\\")])),
        (r"{a\,b}", Some(&[Some("a,b")])),
        (r"{a\ }", Some(&[Some("a ")])),
        ("{NULL,null,\"NULL\"}", Some(&[None, None, Some("NULL")])),
        (r"{\null}", Some(&[Some("null")])),
        ("{\"\"}", Some(&[Some("")])),
        ("", None),
        ("a", None),
        ("{a", None),
        ("{a,}", None),
        ("{,a}", None),
        ("{{a}}", None),
        ("{\"a}", None),
        ("{\"a\"b}", None),
    ];
    for (text, expected) in cases {
        let expected = expected.map(|list| list.iter().map(|e| e.map(str::to_owned)).collect::<Vec<_>>());
        assert_eq!(array_elements(text), expected, "{text}");
    }
}

#[test]
fn trees_and_lists_are_bounded() {
    let limits =
        Limits { logic_depth_max: 2, filters_max: 3, list_elements_max: 2, path_steps_max: 2, ..Limits::default() };
    let cases = [
        ("(and(a.eq.1))", "fine"),
        ("(and(or(a.eq.1)))", "more than 2 levels of and/or (limit logic_depth_max)"),
        ("(a.eq.1,b.eq.1,c.eq.1)", "fine"),
        ("(a.eq.1,and(b.eq.1,c.eq.1,d.eq.1))", "more than 3 filters (limit filters_max)"),
        ("(a.in.(1,2))", "fine"),
        ("(a.in.(1,2,3))", "more than 2 elements in a list (limit list_elements_max)"),
        ("(a->b->>c.eq.1)", "fine"),
        ("(a->b->c->>d.eq.1)", "more than 2 steps in a JSON path (limit path_steps_max)"),
        ("(a.eq(any).{1,2,3})", "more than 2 elements in an array (limit list_elements_max)"),
    ];
    for (value, expected) in cases {
        let found = parse_logic("or", value, &limits).map_or_else(|e| error(&e), |_| "fine".to_owned());
        assert!(found.ends_with(expected), "{value}: {found}");
    }
    let deep = "(and".repeat(50_000);
    assert_eq!(parse_logic("or", &deep, &Limits::default()).expect_err("deep").code, "PGRST100");
    // quotes that never close must not make lists quadratic
    let open = format!("in.({})", "\"a,".repeat(9_000));
    assert!(parse_filter_value(&open, &Limits::default()).is_ok());
}
