//! Events against rows: the last event of a row says how it is now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use events::Written;
use serde_json::{Map, Value};
use store::catalog::{Relation, RelationKind};
use store::translate::physical_name;
use store::{Connection, Engine, Lane, Param, Store};
use values::quote;

use super::{Report, long};

/// Looks at the rows that the last so many events are about, in one snapshot with the events.
pub(super) async fn compare(store: &Arc<Store>, most: u32, report: &mut Report) -> store::Result<()> {
    let catalog = store.catalog();
    let look = move |conn: &mut dyn Connection| {
        let mut found = Report::default();
        let tables: HashMap<String, &Relation> = (catalog.relations.iter())
            .filter(|(_, relation)| relation.kind == RelationKind::Table)
            .map(|(name, relation)| (name.to_string(), &**relation))
            .collect();
        let mut seen = HashSet::new();
        for written in events::recent(conn, i64::from(most))? {
            // Only the last event of a row says how it is; a taken event says nothing about rows.
            let told = written.event.kind.starts_with("data.row.") && written.event.data.starts_with("{\"before\":");
            if !told || !seen.insert(written.event.key.clone()) {
                continue;
            }
            if let Some(relation) = tables.get(&*written.event.subject) {
                row(conn, relation, &written, &mut found)?;
            }
        }
        Ok::<_, store::Error>(found)
    };
    let found = store.read(long(), Lane::Long, look).await?;
    report.rows += found.rows;
    found.differences.into_iter().for_each(|how| report.differs(how));
    Ok(())
}

fn row(conn: &mut dyn Connection, relation: &Relation, written: &Written, report: &mut Report) -> store::Result<()> {
    let event = &written.event;
    let Ok(data) = serde_json::from_str::<Value>(&event.data) else { return Ok(()) };
    let (before, after) = (data["before"].as_object(), data["after"].as_object());
    let Some(named) = after.or(before) else { return Ok(()) };
    let Some(key) = &relation.primary_key else { return Ok(()) };
    let mut params = Vec::new();
    for column in &key.columns {
        // A key that is kept out of events names no row.
        let (Some(value), Some(column)) = (named.get(&**column), relation.column(column)) else { return Ok(()) };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        params.push(Param::Text(column.ty.clone(), text));
    }
    report.rows += 1;
    let is = present(conn, relation, &key.columns, &params)?;
    match (after, is) {
        (None, None) => {}
        (None, Some(_)) => {
            report.differs(format!("{}: the row is there, and its last event says that it was deleted", event.key));
        }
        (Some(_), None) => report.differs(format!("{}: the row is gone, and no event says so", event.key)),
        (Some(said), Some(is)) => {
            // Columns that came or went since say nothing.
            let other = said.iter().find(|(name, value)| is.get(*name).is_some_and(|now| now != *value));
            if let Some((name, _)) = other {
                report.differs(format!("{}: {name} is not what its last event says", event.key));
            }
        }
    }
    Ok(())
}

/// A row as events would tell it.
fn present(
    conn: &mut dyn Connection,
    relation: &Relation,
    key: &[store::catalog::Name],
    params: &[Param],
) -> store::Result<Option<Map<String, Value>>> {
    let engine = conn.engine();
    let mark = if engine == Engine::Sqlite { '?' } else { '$' };
    let named: Vec<String> =
        key.iter().enumerate().map(|(place, name)| format!("{} = {mark}{}", quote::ident(name), place + 1)).collect();
    let condition = named.join(" and ");
    let mut found = None;
    let sql = match engine {
        Engine::Sqlite => {
            let columns: Vec<String> = relation.columns.iter().map(|column| quote::ident(&column.name)).collect();
            format!(
                "select {} from {} where {condition}",
                columns.join(", "),
                quote::ident(&physical_name(&relation.name))
            )
        }
        Engine::Postgres => {
            let name = format!("{}.{}", quote::ident(&relation.name.schema), quote::ident(&relation.name.name));
            format!("select row_to_json(told)::text from {name} as told where {condition}")
        }
    };
    conn.query(&sql, params, &mut |row| {
        let mut text = Vec::new();
        match engine {
            Engine::Sqlite => {
                for (place, column) in relation.columns.iter().enumerate() {
                    text.push(if place == 0 { b'{' } else { b',' });
                    values::write_json_string(&column.name, &mut text);
                    text.push(b':');
                    row.write_json(place, &column.ty, &mut text)?;
                }
                text.push(b'}');
            }
            Engine::Postgres => text = store::house::read_text(row, 0)?.unwrap_or_default().into_bytes(),
        }
        found = serde_json::from_slice(&text).ok();
        Ok(())
    })?;
    Ok(found)
}
