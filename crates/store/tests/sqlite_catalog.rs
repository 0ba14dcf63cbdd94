//! What the embedded engine makes of a catalog: constraints by name, sequences, the order of enums.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use store::catalog::{
    Check, Column, ExprText, FkAction, ForeignKey, Grants, Key, Name, QName, Relation, RelationKind, Sequence,
};
use store::sqlite::{Act, Attempt, Options, Place, SqliteEngine, detail};
use store::{Catalog, Connection, Error, Lane, Result, Row, Scope, SqlError, Tx};
use values::{EnumType, Type, Value};

fn column(name: &str, ty: Type, not_null: bool) -> Column {
    Column {
        name: name.into(),
        ty,
        domain: None,
        not_null,
        default: None,
        identity: None,
        generated: None,
        sequence: None,
        comment: None,
    }
}

fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: name.into(),
        columns: columns.iter().map(|c| Name::from(*c)).collect(),
        nulls_not_distinct: false,
        index_only: false,
    }
}

fn table(schema: &str, name: &str, columns: Vec<Column>) -> Relation {
    Relation {
        name: QName::new(schema, name),
        kind: RelationKind::Table,
        columns,
        primary_key: Some(key(&format!("{name}_pkey"), &["id"])),
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: None,
        owner: "postgres".into(),
        row_security: false,
        row_security_forced: false,
        policies: Vec::new(),
        grants: Grants::default(),
        view: None,
        insertable: true,
        updatable: true,
        deletable: true,
        estimated_rows: None,
    }
}

fn mood(labels: &[&str]) -> Arc<EnumType> {
    Arc::new(EnumType {
        schema: "public".to_owned(),
        name: "mood".to_owned(),
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
    })
}

fn catalog(labels: &[&str]) -> Catalog {
    let mut catalog = Catalog::default();
    let mut artist = table("public", "artist", vec![column("id", Type::Int8, true), column("name", Type::Text, true)]);
    artist.uniques.push(key("artist_name_key", &["name"]));
    artist.checks.push(Check { name: "artist_name_check".into(), expr: ExprText::new("name <> ''") });
    let mut album =
        table("shop", "album", vec![column("id", Type::Int8, true), column("artist_id", Type::Int8, false)]);
    album.foreign_keys.push(ForeignKey {
        name: "album_artist_id_fkey".into(),
        columns: vec!["artist_id".into()],
        target: QName::new("public", "artist"),
        target_columns: vec!["id".into()],
        on_delete: FkAction::NoAction,
        on_update: FkAction::NoAction,
        deferrable: false,
        deferred: false,
    });
    for relation in [artist, album] {
        catalog.relations.insert(relation.name.clone(), Arc::new(relation));
    }
    let name = QName::new("public", "artist_id_seq");
    let sequence = Sequence {
        name: name.clone(),
        start: 1,
        increment: 1,
        min: 1,
        max: i64::MAX,
        cycle: false,
        owned_by: None,
        grants: BTreeSet::new(),
    };
    catalog.sequences.insert(name, Arc::new(sequence));
    catalog.enums.insert(QName::new("public", "mood"), mood(labels));
    catalog
}

const SCHEMA: &str = "create table artist (id int not null primary key default (pg_nextval('public.artist_id_seq')),
        name text not null, constraint artist_name_key unique (name), constraint artist_name_check check (name <> '')) strict;
    create table \"shop.album\" (id integer primary key, artist_id integer references artist) strict;
    create table feeling (mood text collate pg_enum_public_mood) strict;
    create index feeling_mood on feeling (mood)";

async fn engine(place: Place) -> SqliteEngine {
    let engine = SqliteEngine::open(place, Options::default(), Arc::from([])).unwrap();
    engine
        .exclusive(|db| {
            db.register_enum(&mood(&["sad", "ok", "happy"]))?;
            db.execute_batch(SCHEMA).map_err(|e| db.error(e))
        })
        .await
        .unwrap();
    engine.publish(Arc::new(catalog(&["sad", "ok", "happy"])));
    engine
}

fn run(tx: &mut Tx<'_>, sql: &str) -> Result<()> {
    tx.quiet("a test of the engine itself");
    tx.conn().execute(sql, &[]).map(drop)
}

fn ints(conn: &mut dyn Connection, sql: &str) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    conn.query(sql, &[], &mut |row: &dyn Row| {
        all.extend(row.value(0, &Type::Int8)?.as_ref().as_int());
        Ok(())
    })?;
    Ok(all)
}

async fn refusal(engine: &SqliteEngine, sql: &'static str) -> SqlError {
    match engine.write::<(), Error, _>(Scope::default(), move |tx| run(tx, sql)).await {
        Err(Error::Sql(error)) => *error,
        other => panic!("{sql} gave {other:?}"),
    }
}

#[tokio::test]
async fn broken_constraints_have_postgresqls_names_and_words() {
    let engine = engine(Place::Temporary).await;
    engine
        .write::<(), Error, _>(Scope::default(), |tx| run(tx, "insert into artist (id, name) values (7, 'a')"))
        .await
        .unwrap();
    for (sql, code, constraint, message) in [
        (
            "insert into artist (name) values ('a')",
            "23505",
            Some("artist_name_key"),
            "duplicate key value violates unique constraint \"artist_name_key\"",
        ),
        (
            "insert into artist (id, name) values (7, 'b')",
            "23505",
            Some("artist_pkey"),
            "duplicate key value violates unique constraint \"artist_pkey\"",
        ),
        (
            "insert into artist (name) values ('')",
            "23514",
            Some("artist_name_check"),
            "new row for relation \"artist\" violates check constraint \"artist_name_check\"",
        ),
        (
            "insert into artist (name) values (null)",
            "23502",
            None,
            "null value in column \"name\" of relation \"artist\" violates not-null constraint",
        ),
    ] {
        let error = refusal(&engine, sql).await;
        assert_eq!(
            (error.code.as_str(), error.constraint.as_deref(), error.message.as_str()),
            (code, constraint, message)
        );
        assert_eq!(error.table.as_deref(), Some("artist"), "{sql}");
    }
}

#[tokio::test]
async fn details_are_found_by_asking_for_the_rows_that_were_tried() {
    let engine = engine(Place::Temporary).await;
    let full = "insert into artist (id, name) values (1, 'a'); ";
    engine.write::<(), Error, _>(Scope::default(), move |tx| run(tx, full)).await.unwrap();
    engine
        .write::<(), Error, _>(Scope::default(), |tx| {
            run(tx, "insert into \"shop.album\" (id, artist_id) values (1, 1)")
        })
        .await
        .unwrap();
    for (sql, relation, columns, row, removes, message, text) in [
        (
            "insert into artist (id, name) values (2, 'a')",
            ("public", "artist"),
            ["id", "name"],
            [Value::Int(2), Value::text("a")],
            false,
            "duplicate key value violates unique constraint \"artist_name_key\"",
            "Key (name)=(a) already exists.",
        ),
        (
            "insert into \"shop.album\" (id, artist_id) values (2, 9)",
            ("shop", "album"),
            ["id", "artist_id"],
            [Value::Int(2), Value::Int(9)],
            false,
            "insert or update on table \"album\" violates foreign key constraint \"album_artist_id_fkey\"",
            "Key (artist_id)=(9) is not present in table \"artist\".",
        ),
        (
            "delete from artist where id = 1",
            ("public", "artist"),
            ["id", "name"],
            [Value::Int(1), Value::text("a")],
            true,
            "update or delete on table \"artist\" violates foreign key constraint \"album_artist_id_fkey\" on table \"album\"",
            "Key (id)=(1) is still referenced from table \"album\".",
        ),
        (
            "insert into artist (id, name) values (3, null)",
            ("public", "artist"),
            ["id", "name"],
            [Value::Int(3), Value::Null],
            false,
            "null value in column \"name\" of relation \"artist\" violates not-null constraint",
            "Failing row contains (3, null).",
        ),
    ] {
        let catalog = engine.catalog().unwrap();
        let explained = engine.write::<SqlError, Error, _>(Scope::default(), move |tx| {
            let Err(Error::Sql(error)) = run(tx, sql) else { panic!("{sql} was not refused") };
            let columns = columns.map(Name::from);
            let table = catalog.relation(relation.0, relation.1).unwrap();
            let attempt = Attempt {
                table,
                columns: &columns,
                rows: &[row.to_vec()],
                act: if removes { Act::Go } else { Act::Come },
            };
            detail(tx.conn(), &catalog, &attempt, *error)
        });
        let explained = explained.await.unwrap();
        assert_eq!((explained.message.as_str(), explained.detail.as_deref()), (message, Some(text)));
    }
}

#[tokio::test]
async fn a_sequence_never_gives_a_value_twice_not_even_after_a_crash() {
    let folder = std::env::temp_dir().join(format!("mainstay-sequence-{}", std::process::id()));
    let (before, after) = (folder.join("before"), folder.join("after"));
    std::fs::create_dir_all(&before).unwrap();
    std::fs::create_dir_all(&after).unwrap();
    let engine = engine(Place::File(before.join("app.db"))).await;
    let draw = "insert into artist (name) values (hex(randomblob(8)))";
    for _ in 0..10 {
        engine.write::<(), Error, _>(Scope::default(), move |tx| run(tx, draw)).await.unwrap();
    }
    // A rolled back function keeps its value to itself for ever.
    let undone = Scope { rollback: true, ..Scope::default() };
    engine.write::<(), Error, _>(undone, move |tx| run(tx, draw)).await.unwrap();
    engine.write::<(), Error, _>(Scope::default(), move |tx| run(tx, draw)).await.unwrap();
    // A crash: what lies on the disk now, without the engine's farewell.
    for file in ["app.db", "app.db-wal"] {
        std::fs::copy(before.join(file), after.join(file)).unwrap();
    }
    engine.close();
    let engine = SqliteEngine::open(Place::File(after.join("app.db")), Options::default(), Arc::from([])).unwrap();
    engine.publish(Arc::new(catalog(&["sad"])));
    engine.write::<(), Error, _>(Scope::default(), move |tx| run(tx, draw)).await.unwrap();
    let drawn = engine.read::<Vec<i64>, Error, _>(Scope::default(), Lane::Short, |conn| {
        ints(conn, "select id from artist order by id")
    });
    let drawn = drawn.await.unwrap();
    assert_eq!(drawn, (1..=10).chain([12, 13]).collect::<Vec<_>>());
    assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), drawn.len());
    engine.close();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn sequences_answer_in_sql_and_migrations_can_write_them() {
    let engine = engine(Place::Temporary).await;
    let asked = engine.write::<Vec<i64>, Error, _>(Scope::default(), |tx| {
        tx.quiet("a test of the engine itself");
        let mut all = Vec::new();
        for sql in [
            "select nextval('artist_id_seq')",
            "select nextval('public.\"artist_id_seq\"')",
            "select currval('artist_id_seq')",
            "select lastval()",
            "select setval('artist_id_seq', 100)",
            "select nextval('artist_id_seq')",
        ] {
            all.extend(ints(tx.conn(), sql)?);
        }
        Ok(all)
    });
    assert_eq!(asked.await.unwrap(), [1, 2, 2, 2, 100, 101]);
    let fresh =
        engine.write::<Vec<i64>, Error, _>(Scope::default(), |tx| ints(tx.conn(), "select currval('artist_id_seq')"));
    assert_eq!(fresh.await.unwrap_err().code(), Some("55000"));
    engine
        .exclusive(|db| {
            let tried = || {
                db.execute_batch("begin; insert into artist (name) values ('by a migration')")?;
                db.flush_sequences().map_err(|_| rusqlite::Error::InvalidQuery)?;
                db.execute_batch("commit")
            };
            tried().map_err(|e| db.error(e))
        })
        .await
        .unwrap();
    let kept = engine.read::<Vec<i64>, Error, _>(Scope::default(), Lane::Short, |conn| {
        ints(conn, "select last_value from _store_sequence where name = 'public.artist_id_seq'")
    });
    assert_eq!(kept.await.unwrap(), [102]);
}

#[tokio::test]
async fn enums_are_ordered_by_their_present_labels_on_every_connection() {
    let engine = engine(Place::Temporary).await;
    let fill = "insert into feeling select value from json_each('[\"ok\",\"happy\",\"sad\"]')";
    engine.write::<(), Error, _>(Scope::default(), move |tx| run(tx, fill)).await.unwrap();
    let order = || {
        engine.read::<String, Error, _>(Scope::default(), Lane::Short, |conn| {
            let mut all = String::new();
            conn.query("select mood from feeling order by mood", &[], &mut |row: &dyn Row| {
                row.write_text(0, &Type::Text, &mut all)?;
                all.push(' ');
                Ok(())
            })?;
            Ok(all)
        })
    };
    assert_eq!(order().await.unwrap(), "sad ok happy ");
    engine
        .exclusive(|db| {
            db.register_enum(&mood(&["happy", "ok", "sad"]))?;
            db.execute_batch("reindex").map_err(|e| db.error(e))
        })
        .await
        .unwrap();
    engine.publish(Arc::new(catalog(&["happy", "ok", "sad"])));
    assert_eq!(order().await.unwrap(), "happy ok sad ");
}
