//! Migrations end to end on the embedded engine: folders, refusals, drift, order.

use std::path::{Path, PathBuf};

use crate::support::{House, file};
use store::migrate::{Folder, Migrator, State, discover};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn folder(path: &str) -> Folder {
    discover(&root().join(path)).unwrap()
}

#[tokio::test]
async fn the_chinook_example_applies_and_counts() {
    let house = House::new();
    house.run(&folder("examples/chinook")).await.unwrap();
    for (table, want) in
        [("artist", 275), ("album", 347), ("track", 3503), ("invoice_line", 2240), ("playlist_track", 8715)]
    {
        assert_eq!(house.number(&format!("select count(*) from {table}")).await, want, "{table}");
    }
    let catalog = house.catalog();
    let track = catalog.relation("public", "track").unwrap();
    assert_eq!(track.foreign_keys.len(), 3);
    assert_eq!(&*track.primary_key.as_ref().unwrap().name, "track_pkey");
    assert!(catalog.relation("public", "customer").unwrap().row_security);
    assert!(catalog.relation("public", "album_summary").unwrap().view.as_ref().unwrap().security_invoker);
}

#[tokio::test]
async fn the_zoo_applies() {
    let house = House::new();
    house.run(&folder("crates/data/tests/fixtures/zoo")).await.unwrap();
    assert_eq!(house.number("select count(*) from animal").await, 8);
    assert_eq!(house.number("select count(*) from \"api2.thing\"").await, 2);
}

#[tokio::test]
async fn a_second_run_does_nothing_and_the_status_is_current() {
    let house = House::new();
    let folder = Folder {
        files: vec![file("0001_a.sql", "create table t (id int primary key); insert into t values (1)")],
        ..Folder::default()
    };
    assert_eq!(house.run(&folder).await.unwrap().applied.len(), 1);
    assert_eq!(house.run(&folder).await.unwrap().applied.len(), 0);
    let status = house.status(&folder).await;
    assert!(status.is_current(), "{status:?}");
    assert_eq!(status.entries[0].state, State::Applied);
}

#[tokio::test]
async fn a_refused_file_leaves_nothing_of_itself_and_says_where() {
    let house = House::new();
    let good = file("0001_a.sql", "create table t (id int primary key);");
    let bad = file(
        "0002_b.sql",
        "create table u (id int primary key);\ninsert into t values (1);\n\ninsert into t values (1);",
    );
    let folder = Folder { files: vec![good.clone(), bad], ..Folder::default() };
    let error = house.run(&folder).await.unwrap_err().to_string();
    assert!(error.starts_with("0002_b.sql:4:1: insert: duplicate key value"), "{error}");
    assert_eq!(house.number("select count(*) from sqlite_schema where name = 'u'").await, 0);
    assert_eq!(house.number("select count(*) from t").await, 0);
    // The good one stays.
    let folder = Folder { files: vec![good], ..Folder::default() };
    assert!(house.status(&folder).await.is_current());
}

#[tokio::test]
async fn refusals_name_line_reason_and_way_out_before_anything_runs() {
    for (sql, line, code, words) in [
        ("select 1;\ndo $$ begin end $$;", 2, "0A000", "PL/pgSQL"),
        ("create table t (id int);\ncommit;", 2, "25001", "COMMIT"),
        (
            "create function f() returns int language plpgsql as $$ begin return 1; end $$;",
            1,
            "0A000",
            "PL/pgSQL cannot run on SQLite",
        ),
        ("create table a (x int) partition by range (x);", 1, "0A000", "partitioned"),
        (
            "create table a (x int);\n\n create trigger t before insert on a for each row execute function f();",
            3,
            "0A000",
            "trigger",
        ),
        ("create materialized view v as select 1;", 1, "0A000", "materialized"),
        ("create type c as (a int);", 1, "0A000", "composite"),
        ("create table a (x int, exclude using gist (x with =));", 1, "0A000", "exclusion"),
        ("create extension postgis;", 1, "0A000", "postgis"),
        ("create table a (b nosuchtype);", 1, "42704", "nosuchtype"),
        ("create table a (b int references nowhere);", 1, "42P01", "nowhere"),
        ("create table a (b int unique nulls not distinct);", 1, "0A000", "NULLS NOT DISTINCT"),
        ("set role anon;", 1, "0A000", "SET ROLE"),
        ("create table \"A\" (x int);\ncreate table a (x int);", 2, "42P07", "cannot be told"),
        ("create table a (x int);\ncreate policy p on a using (nosuch);", 2, "42703", "nosuch"),
        ("creat table a (x int);", 1, "42601", "creat"),
    ] {
        let house = House::new();
        let folder = Folder { files: vec![file("0001_a.sql", sql)], ..Folder::default() };
        let error = house.run(&folder).await.unwrap_err();
        let store::migrate::MigrationError::Refused(refusal) = error else { panic!("{sql}: {error}") };
        assert_eq!((refusal.line, refusal.reason.code.as_str()), (line, code), "{sql}: {refusal}");
        assert!(refusal.reason.message.contains(words), "{sql}: {refusal}");
        if code == "0A000" {
            assert!(refusal.reason.hint.is_some(), "{sql} has no way out");
        }
        let left = "select count(*) from sqlite_schema where name not like '\\_store\\_%' escape '\\' and name not like 'sqlite\\_%' escape '\\'";
        assert_eq!(house.number(left).await, 0, "{sql}");
    }
}

#[tokio::test]
async fn changed_missing_and_late_files_stop_the_run() {
    let house = House::new();
    let first = Folder { files: vec![file("0002_a.sql", "create table t (id int)")], ..Folder::default() };
    house.run(&first).await.unwrap();
    for (files, words) in [
        (vec![file("0002_a.sql", "create table t (id bigint)")], "changed"),
        (vec![file("0003_b.sql", "select 1")], "gone"),
        (vec![file("0001_z.sql", "select 1"), first.files[0].clone()], "before migrations that are applied"),
    ] {
        let folder = Folder { files, ..Folder::default() };
        let error = house.run(&folder).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let late = Folder { files: vec![file("0001_z.sql", "select 1"), first.files[0].clone()], ..Folder::default() };
    let outcome = house.run_with(late, |folder| Migrator::new(folder).out_of_order(true)).await.unwrap();
    assert_eq!(outcome.applied.len(), 1);
}

#[tokio::test]
async fn a_schema_changed_behind_our_back_is_drift() {
    let house = House::new();
    let folder = Folder { files: vec![file("0001_a.sql", "create table t (id int primary key)")], ..Folder::default() };
    house.run(&folder).await.unwrap();
    house.batch("create index by_hand on t (id)").await;
    assert!(house.status(&folder).await.drift.is_some());
    let more = Folder { files: vec![folder.files[0].clone(), file("0002_b.sql", "select 1")], ..Folder::default() };
    let error = house.run(&more).await.unwrap_err().to_string();
    assert!(error.contains("without a migration"), "{error}");
    house.batch("drop index by_hand").await;
    assert_eq!(house.run(&more).await.unwrap().applied.len(), 1);
}

#[tokio::test]
async fn a_reopened_file_goes_on_where_it_was() {
    let folder = std::env::temp_dir().join(format!("mainstay-migrate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("reopened.db");
    let first = file(
        "0001_a.sql",
        "create type mood as enum ('sad', 'ok'); create table t (id serial primary key, m mood); create index on t (m); insert into t (m) values ('ok')",
    );
    let second = file(
        "0002_b.sql",
        "alter type mood add value 'fine' before 'ok'; insert into t (m) values ('fine'); alter table t add column n int generated always as (id + 1) stored",
    );
    House::open(&path).await.run_files(vec![first.clone()]).await.unwrap();
    let house = House::open(&path).await;
    house.run_files(vec![first, second]).await.unwrap();
    assert_eq!(house.rows("select id, m, n from t order by m").await, ["2|fine|3", "1|ok|2"]);
    assert_eq!(house.rows("pragma integrity_check").await, ["ok"]);
    drop(house);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// What `pg_dump --inserts` writes.
const DUMP: &str = "SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET row_security = off;
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
COMMENT ON EXTENSION pgcrypto IS 'cryptographic functions';
CREATE TYPE public.mood AS ENUM (
    'sad',
    'ok'
);
ALTER TYPE public.mood OWNER TO postgres;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.author (
    id integer NOT NULL,
    name character varying(40) NOT NULL,
    mood public.mood DEFAULT 'ok'::public.mood,
    born timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    tags text[] DEFAULT '{}'::text[],
    CONSTRAINT author_name_check CHECK (((name)::text <> ''::text))
);
ALTER TABLE public.author OWNER TO postgres;
CREATE SEQUENCE public.author_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.author_id_seq OWNED BY public.author.id;
CREATE TABLE public.book (
    id bigint NOT NULL,
    author_id integer,
    price numeric(8,2)
);
ALTER TABLE public.book ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.book_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW public.author_book AS
 SELECT a.name,
    b.price
   FROM (public.author a
     JOIN public.book b ON ((b.author_id = a.id)));
ALTER TABLE ONLY public.author ALTER COLUMN id SET DEFAULT nextval('public.author_id_seq'::regclass);
INSERT INTO public.author VALUES (1, 'Ann', 'sad', '2024-01-01 00:00:00+00', '{a,b}');
INSERT INTO public.author VALUES (2, 'Bob', 'ok', '2024-01-01 00:00:00+00', '{}');
INSERT INTO public.book VALUES (1, 1, 9.50);
SELECT pg_catalog.setval('public.author_id_seq', 2, true);
SELECT pg_catalog.setval('public.book_id_seq', 1, true);
ALTER TABLE ONLY public.author
    ADD CONSTRAINT author_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_pkey PRIMARY KEY (id);
CREATE INDEX book_author_id_idx ON public.book USING btree (author_id);
ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_author_id_fkey FOREIGN KEY (author_id) REFERENCES public.author(id) ON DELETE CASCADE;
GRANT USAGE ON SCHEMA public TO anon;
GRANT SELECT ON TABLE public.author_book TO anon;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT SELECT ON TABLES TO anon;
";

#[tokio::test]
async fn a_dump_is_a_migration() {
    let house = House::new();
    let more = "insert into author (name) values ('Cleo'); insert into book (author_id, price) values (3, 2)";
    house.run_files(vec![file("0001_dump.sql", DUMP), file("0002_more.sql", more)]).await.unwrap();
    assert_eq!(
        house.rows("select id, name, mood from author order by id").await,
        ["1|Ann|sad", "2|Bob|ok", "3|Cleo|ok"]
    );
    assert_eq!(house.rows("select name, price from author_book order by name").await, ["Ann|9.50", "Cleo|2.00"]);
    assert_eq!(house.rows("select id from book order by id").await, ["1", "2"]);
    assert!(house.catalog().relation("public", "author").unwrap().rowid_column().is_some());
}
