//! Queries and the statements that change rows.

use super::{check, check_unchanged};

const UNCHANGED: &[&str] = &[
    "select",
    "select distinct on (a, b) a, t.*, (c).*, s.t.* from t",
    "select * from (a join b on true) as j (x)",
    "select * from a join (b join c on true) on true",
    "select * from (values (1, 'a'), (2, 'b')) as v (id, name)",
    "select sum(x) over w from t window w as (partition by a), v as (w order by b)",
    "select * from t where a = 1 order by a desc nulls last, b asc, c using > limit 10 offset 5",
    "select * from t for update of t, s.u skip locked for no key update nowait",
    "select 1 union select 2 union all select 3 intersect select 4 except select 5",
    "(select 1 union select 2) intersect select 3",
    "select 1 union (select 2 union select 3)",
    "(select 1 order by 1 limit 1) union all (select 2 limit 3) order by 1",
    "(select 1 order by 1) limit 2",
    "values (1, 2), (3, default)",
    "with a as (select 1), b (x) as materialized (select 2), c as not materialized (select 3) select * from a, b, c",
    "with recursive r (n) as (values (1) union all select n + 1 from r where n < 10) select * from r",
    "with x as (insert into t default values returning *), y as (update t set a = 1 returning id), z as (delete from t returning id) select * from x, y, z",
    "with a as (select 1) insert into t select * from a",
    "insert into t values (1, 'a', default), (2, null, now())",
    "insert into s.t as x (a, b) overriding system value select a, b from u returning *, a as b",
    "insert into t (a) values (1) on conflict do nothing",
    "insert into t (a) values (1) on conflict on constraint t_pkey do update set a = 2",
    "insert into t (a) select b from u on conflict do nothing",
    "update t set a = 1, (b, c) = (select 1, 2), (d) = row(1), (e, f) = row(1, 2) from u, v where t.id = u.id returning t.*",
    "update only s.t as x set a = a + 1",
    "delete from t using u where t.id = u.id returning *",
    "explain select 1",
    "select (t).*, (f(x)).*",
    "select 1 as year",
    "select * from (select 1)",
    "select distinct a, b from t",
    "select f() filter (where x)",
    "select 1 where true having true",
    "select 1 limit 1 for share",
    "insert into t (a) overriding user value values (1)",
    "insert into t values (1) on conflict (a collate \"C\" int4_ops) do nothing",
    "update t set (a, b) = (1, 2), c = 3",
    "update t set (a) = 1",
    "update t set (a, b) = 1",
    "update t as set set a = 1",
    "explain create table t as select 1",
];

const RESPELLED: &[(&str, &str)] = &[
    ("select 1 a, 2 as \"B\", 3 \"select\", x y", "select 1 as a, 2 as \"B\", 3 as \"select\", x as y"),
    ("select all a from t", "select a from t"),
    ("select * from a, b c, only d as e (f, g)", "select * from a, b as c, only d as e (f, g)"),
    (
        "select * from a join b on a.id = b.id left join c using (id) as u natural full join d cross join e right outer join f on true",
        "select * from a join b on a.id = b.id left join c using (id) as u natural full join d cross join e right join f on true",
    ),
    (
        "select * from a join b join c on b.x = c.x on a.x = b.x",
        "select * from a join (b join c on b.x = c.x) on a.x = b.x",
    ),
    ("select * from (a cross join b) join c on true", "select * from a cross join b join c on true"),
    ("select * from ((select 1) as x join t on true)", "select * from (select 1) as x join t on true"),
    ("select * from ((select 1) union (select 2)) as x", "select * from (select 1 union select 2) as x"),
    ("select * from (((select 1))) x", "select * from (select 1) as x"),
    (
        "select * from lateral (select 1) x, lateral f(1) y, unnest(array[1], array[2]) with ordinality as u (a, b, n)",
        "select * from lateral (select 1) as x, lateral f(1) as y, unnest(array[1], array[2]) with ordinality as u (a, b, n)",
    ),
    (
        "select * from t, lateral jsonb_array_elements(t.data) e",
        "select * from t, lateral jsonb_array_elements(t.data) as e",
    ),
    (
        "select * from json_to_recordset('[]') as x(a int, b text), f() as (c int), rows from (f(1), g(2) as (a int)) with ordinality r",
        "select * from json_to_recordset('[]') as x(a int4, b text), f() as (c int4), rows from (f(1), g(2) as (a int4)) with ordinality as r",
    ),
    ("select * from generate_series(1, 10) g", "select * from generate_series(1, 10) as g"),
    ("select * from current_date d", "select * from current_date as d"),
    (
        "select a, count(*) from t group by a, 2, (), rollup (a, b), cube (a), grouping sets ((a, b), (a), ()) having count(*) > 1",
        "select a, count(*) from t group by a, 2, (), rollup (a, b), cube (a), grouping sets ((a, b), a, ()) having count(*) > 1",
    ),
    ("select * from t limit all offset 3 rows", "select * from t offset 3"),
    ("select * from t offset 3 limit 2", "select * from t limit 2 offset 3"),
    ("select * from t order by a fetch first 5 rows only", "select * from t order by a limit 5"),
    ("select * from t order by a fetch next row only", "select * from t order by a limit 1"),
    (
        "select * from t order by a fetch first (1+1) rows with ties",
        "select * from t order by a fetch first (1 + 1) rows with ties",
    ),
    ("((select 1))", "select 1"),
    ("table s.t", "select * from s.t"),
    (
        "with a as (with b as (select 1) select * from b) (select * from a)",
        "with a as (with b as (select 1) select * from b) select * from a",
    ),
    ("insert into t (a) (select 1)", "insert into t (a) select 1"),
    ("insert into t (select 1)", "insert into t select 1"),
    ("insert into t ((select 1) union (select 2))", "insert into t select 1 union select 2"),
    (
        "insert into t (a) values (1) on conflict (a, lower(b), (a + 1)) where c do update set a = excluded.a, (b, c) = (1, default), d = default where t.a > 1 returning id",
        "insert into t (a) values (1) on conflict (a, (lower(b)), (a + 1)) where c do update set a = excluded.a, (b, c) = (1, default), d = default where t.a > 1 returning id",
    ),
    ("update t u set a = 1", "update t as u set a = 1"),
    ("delete from only t x where true", "delete from only t as x where true"),
    ("truncate table a, b restart identity cascade", "truncate a, b restart identity cascade"),
    (
        "explain (analyze, costs off, format json) insert into t values (1)",
        "explain (analyze, costs 'off', format 'json') insert into t values (1)",
    ),
    ("explain analyze verbose select 1", "explain (analyze, verbose) select 1"),
    ("select a b, c from t", "select a as b, c from t"),
    ("select 1 as select", "select 1 as \"select\""),
    ("select x name, y value, z type", "select x as name, y as value, z as type"),
    ("select * from t set", "select * from t as set"),
    ("select * from values", "select * from \"values\""),
    ("select * from (t cross join u)", "select * from t cross join u"),
    ("select * from only (t)", "select * from only t"),
    ("select * from t *", "select * from t"),
    ("select count(all x), f(distinct a, b order by a)", "select count(x), f(distinct a, b order by a)"),
    ("select 1 offset 1 rows fetch first 1 rows only", "select 1 limit 1 offset 1"),
    ("select 1 fetch first -1 rows only", "select 1 limit -1"),
    ("select 1 for update limit 1", "select 1 limit 1 for update"),
    ("with a (x, y) as (values (1, 2)) table a", "with a (x, y) as (values (1, 2)) select * from a"),
    ("insert into t (a, b) (values (1, 2))", "insert into t (a, b) values (1, 2)"),
    ("delete from t u using v", "delete from t as u using v"),
    ("explain (analyze true, buffers) select 1", "explain (analyze 'true', buffers) select 1"),
    ("explain (select 1)", "explain select 1"),
    ("truncate only a, b * continue identity restrict", "truncate a, b"),
];

#[test]
fn queries_are_written_as_they_were_read() {
    check_unchanged(UNCHANGED);
}

#[test]
fn queries_get_one_spelling() {
    check(RESPELLED);
}
