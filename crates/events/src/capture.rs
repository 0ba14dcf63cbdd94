//! PostgreSQL's triggers: on every table of the user's, so that changes are taken down whoever makes them.

use store::house::{Query, read_bytes, read_int, read_text};
use store::{Connection, Engine, Result};
use values::quote;

/// Every table with what its trigger has to know, and what the trigger it has knows. Partitions have their parent's trigger; what comes
/// with an extension is left alone.
pub(crate) static UNWATCHED: Query = Query::new(
    r"select n.nspname::text, c.relname::text,
        coalesce(cardinality(k.names), 0)::bigint,
        concat_ws(chr(10), coalesce(cardinality(k.names), 0)::text, array_to_string(k.names, chr(10)), array_to_string(h.names, chr(10))),
        (select t.tgargs from pg_catalog.pg_trigger t where t.tgrelid = c.oid and t.tgname = 'mainstay_capture')
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     cross join lateral (
        select array_agg(a.attname::text order by place.number) as names
        from pg_catalog.pg_constraint p
        cross join lateral unnest(p.conkey) with ordinality as place (attnum, number)
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = place.attnum
        where p.conrelid = c.oid and p.contype = 'p') k
     cross join lateral (
        select array_agg(a.attname::text order by a.attnum) as names from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and '@sensitive' = any (regexp_split_to_array(pg_catalog.col_description(c.oid, a.attnum), '\s+'))) h
     where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'mainstay', 'auth')
       and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                       and d.objid = c.oid and d.deptype = 'e')",
);

/// Sees to it that changes of every table are taken down; returns how many tables had to be given a trigger. SQLite needs none.
///
/// # Errors
/// Those of the store; `42501` for tables that the connecting user does not own.
pub fn install(conn: &mut dyn Connection) -> Result<u64> {
    if conn.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let mut missing = Vec::new();
    UNWATCHED.each(conn, &[], |row| {
        let schema = read_text(row, 0)?.unwrap_or_default();
        let table = read_text(row, 1)?.unwrap_or_default();
        let wanted = read_text(row, 3)?.unwrap_or_default();
        let wanted: Vec<&str> = wanted.split('\n').filter(|part| !part.is_empty()).collect();
        debug_assert!(read_int(row, 2)? >= 0);
        let had = read_bytes(row, 4)?;
        let arguments: Vec<u8> = wanted.iter().flat_map(|part| part.bytes().chain([0])).collect();
        if had.as_deref() != Some(&arguments[..]) {
            let arguments: Vec<String> = wanted.iter().map(|part| quote::literal(part)).collect();
            missing.push(format!(
                "create or replace trigger mainstay_capture after insert or update or delete on {}.{} \
                 for each row execute function mainstay.events_capture({})",
                quote::ident(&schema),
                quote::ident(&table),
                arguments.join(", ")
            ));
        }
        Ok(())
    })?;
    for statement in &missing {
        conn.execute(statement, &[])?;
    }
    Ok(missing.len() as u64)
}
