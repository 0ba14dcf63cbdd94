//! Shapes: equal for requests that differ in literals only.

use bytes::Bytes;

use super::*;

fn shape(method: &str, query: &str, prefer: &str, body: &'static str) -> Vec<u8> {
    let parts = Parts {
        method,
        path: "/t",
        query,
        prefer: vec![prefer],
        body: Bytes::from_static(body.as_bytes()),
        ..Parts::default()
    };
    shape_key(&parse(&parts, &RequestConfig::default()).expect(query))
}

#[test]
fn literals_do_not_change_the_shape() {
    let cases = [
        ("id=eq.1", "id=eq.2"),
        ("id=in.(1,2)", "id=in.(3)"),
        ("id=eq(any).{1}", "id=eq(any).{1,2,3}"),
        ("limit=1&offset=2", "limit=100&offset=7"),
        ("or=(a.eq.1,b.like.x*)", "or=(a.eq.2,b.like.*y)"),
        ("a.limit=1", "a.limit=2"),
        ("name=fts(english).a", "name=fts(english).b"),
        ("select=id,name", "select= id , name "),
        ("order=id.asc", "order=id"),
        ("x=cs.{1}", "x=cs.{2}"),
    ];
    for (one, other) in cases {
        assert_eq!(shape("GET", one, "", ""), shape("GET", other, "", ""), "{one} {other}");
    }
    assert_eq!(
        shape("POST", "", "", r#"[{"a":1},{"a":2}]"#),
        shape("POST", "", "", r#"[{"a":3},{"a":"x"},{"a":null}]"#)
    );
    assert_eq!(shape("GET", "", "timezone=UTC, tx=commit, handling=strict", ""), shape("GET", "", "", ""));
}

#[test]
fn everything_else_does() {
    let queries = [
        "",
        "id=eq.1",
        "id=neq.1",
        "id=not.eq.1",
        "id=gt.1",
        "idx=eq.1",
        "id=eq.1&id=eq.1",
        "rel.id=eq.1",
        "id=in.(1)",
        "id=eq(any).{1}",
        "id=eq(all).{1}",
        "id=is.null",
        "id=is.true",
        "id=isdistinct.1",
        "id->a=eq.1",
        "id->>a=eq.1",
        "id->0=eq.1",
        "id->\"0\"=eq.1",
        "a=fts.x",
        "a=plfts.x",
        "a=fts(english).x",
        "a=cs.x",
        "a=cd.x",
        "and=(id.eq.1)",
        "or=(id.eq.1)",
        "not.or=(id.eq.1)",
        "or=(id.eq.1,id.eq.2)",
        "or=(or(id.eq.1))",
        "rel.or=(id.eq.1)",
        "select=id",
        "select=i:id",
        "select=id::text",
        "select=id.sum()",
        "select=id.sum()::text",
        "select=count()",
        "select=count",
        "select=rel(id)",
        "select=rel!h(id)",
        "select=rel!inner(id)",
        "select=rel!left(id)",
        "select=...rel(id)",
        "select=x:rel(id)",
        "select=rel(),id",
        "select=id,name",
        "select=name,id",
        "order=id",
        "order=id.desc",
        "order=id.nullsfirst",
        "order=rel(id)",
        "rel.order=id",
        "order=id,name",
        "limit=1",
        "offset=1",
        "limit=1&offset=1",
        "rel.limit=1",
        "rel.offset=1",
        "on_conflict=id",
        "on_conflict=id,name",
    ];
    let mut shapes: Vec<(Vec<u8>, String)> =
        queries.iter().map(|q| (shape("GET", q, "", ""), (*q).to_owned())).collect();
    for prefer in [
        "count=exact",
        "count=planned",
        "return=representation",
        "return=minimal",
        "missing=default",
        "resolution=merge-duplicates",
    ] {
        shapes.push((shape("GET", "", prefer, ""), prefer.to_owned()));
    }
    for body in [r#"{"a":1}"#, r#"[{"a":1}]"#, r#"{"b":1}"#, "[]", r#"[{"a":1},{"a":1}]"#] {
        shapes.push((shape("POST", "", "", body), body.to_owned()));
    }
    shapes.push((shape("POST", "columns=a,b", "", r#"[{"a":1,"b":2}]"#), "full".to_owned()));
    shapes.push((shape("POST", "columns=a,b", "", r#"[{"a":1}]"#), "sparse".to_owned()));
    shapes.push((shape("DELETE", "", "", ""), "DELETE".to_owned()));
    for (index, (one, name)) in shapes.iter().enumerate() {
        for (other, twin) in &shapes[..index] {
            assert_ne!(one, other, "{name} and {twin}");
        }
    }
}
