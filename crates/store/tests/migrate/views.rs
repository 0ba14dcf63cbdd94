//! Where views' columns come from, and stars written out.

use store::catalog::{Name, views};

use crate::support::{House, file};

const TABLES: &str = "create table a (id int primary key, name text, b_id int); create table b (id int primary key, label text);
    create view va (key, title) as select id, name from a; create schema s; create table s.c (id int primary key, name text);";

#[tokio::test]
async fn plain_columns_are_found_through_aliases_joins_and_views() {
    let house = House::new();
    house.run_files(vec![file("0001_a.sql", TABLES)]).await.unwrap();
    let catalog = house.catalog();
    let path = [Name::from("public")];
    for (text, want) in [
        ("select id, name as n, upper(name) from a", "a.id a.name -"),
        ("select x.id, y.label from a x join b y on y.id = x.b_id", "a.id b.label"),
        ("select * from a left join b on true", "a.id a.name a.b_id b.id b.label"),
        ("select y.* from a x, b y", "b.id b.label"),
        ("select key, title from va", "a.id a.name"),
        ("select t.k from (select key as k, 1 as one from va) t", "a.id"),
        ("with w (p) as (select id from a) select p, 1 from w", "a.id -"),
        ("select * from a join b using (id)", "a.id a.name a.b_id b.label"),
        ("select id from a union select id from b", "-"),
        ("select name from s.c", "c.name"),
        ("select c.name from s.c", "c.name"),
        ("select b_id, count(*) from a group by b_id", "a.b_id -"),
        ("select z.q from a as z (q)", "a.id"),
        ("values (1, 2)", "- -"),
        ("select n from generate_series(1, 3) n", "-"),
        ("(select id from a order by 1 limit 1)", "a.id"),
    ] {
        let query = sql::parse_query(text).unwrap();
        let found = views::sources(&query, &catalog, &path);
        let shown: Vec<String> = found
            .iter()
            .map(|origin| {
                origin.as_ref().map_or_else(|| "-".to_owned(), |(table, column)| format!("{}.{column}", table.name))
            })
            .collect();
        assert_eq!(shown.join(" "), want, "{text}");
    }
}

#[tokio::test]
async fn stars_are_written_out_as_postgresql_fixes_them() {
    let house = House::new();
    house.run_files(vec![file("0001_a.sql", TABLES)]).await.unwrap();
    let catalog = house.catalog();
    let path = [Name::from("public")];
    for (text, want) in [
        ("select * from a", "select a.id, a.name, a.b_id from a"),
        ("select x.*, 1 from a x", "select x.id, x.name, x.b_id, 1 from a x"),
        ("select * from a join b using (id)", "select id, a.name, a.b_id, b.label from a join b using (id)"),
        ("select * from (select * from b) q", "select q.id, q.label from (select b.id, b.label from b) q"),
        ("select * from generate_series(1, 2)", "select * from generate_series(1, 2)"),
        ("select count(*) from a", "select count(*) from a"),
    ] {
        let mut query = sql::parse_query(text).unwrap();
        views::expand(&mut query, &catalog, &path);
        assert_eq!(query, sql::parse_query(want).unwrap(), "{text}: {query}");
    }
}
