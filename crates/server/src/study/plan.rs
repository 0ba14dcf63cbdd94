//! The engines' plans as lines.

use store::{Connection, Engine, Result};
use values::{Type, Value};

use super::Examined;

/// The plan of each level.
pub(super) fn all(conn: &mut dyn Connection, engine: Engine, levels: &[Examined]) -> Result<Vec<Vec<String>>> {
    levels.iter().map(|level| one(conn, engine, level)).collect()
}

fn one(conn: &mut dyn Connection, engine: Engine, level: &Examined) -> Result<Vec<String>> {
    match engine {
        Engine::Sqlite => sqlite(conn, level),
        Engine::Postgres => postgres(conn, level),
    }
}

fn postgres(conn: &mut dyn Connection, level: &Examined) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    conn.query(&format!("explain (format text) {}", level.sql), &level.params, &mut |row| {
        let mut line = String::new();
        row.write_text(0, &Type::Text, &mut line)?;
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

/// SQLite tells a tree as rows of (id, parent, _, detail).
fn sqlite(conn: &mut dyn Connection, level: &Examined) -> Result<Vec<String>> {
    let mut depths: Vec<(i64, usize)> = Vec::new();
    let mut lines = Vec::new();
    conn.query(&format!("explain query plan {}", level.sql), &level.params, &mut |row| {
        let number = |column| -> Result<i64> {
            Ok(match row.value(column, &Type::Int8)? {
                Value::Int(number) => number,
                _ => 0,
            })
        };
        let (id, parent) = (number(0)?, number(1)?);
        let depth = depths.iter().find(|(known, _)| *known == parent).map_or(0, |(_, depth)| depth + 1);
        depths.push((id, depth));
        let mut line = "  ".repeat(depth);
        row.write_text(3, &Type::Text, &mut line)?;
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

/// Whether a line of a plan reads a whole table.
pub(super) fn is_full_scan(engine: Engine, line: &str) -> bool {
    match engine {
        Engine::Sqlite => {
            let Some(what) = line.strip_prefix("SCAN ") else { return false };
            let made_up = ["json_each", "json_tree", "CONSTANT ROW", "(", "generate_series"];
            !made_up.iter().any(|name| what.starts_with(name))
                && !what.contains("USING INDEX")
                && !what.contains("VIRTUAL TABLE")
                && !what.contains("USING COVERING INDEX")
        }
        Engine::Postgres => line.trim_start_matches("->").trim_start().starts_with("Seq Scan on "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scans_are_told_from_searches() {
        for (engine, line, want) in [
            (Engine::Sqlite, "SCAN track", true),
            (Engine::Sqlite, "SEARCH track USING INDEX i (album_id=?)", false),
            (Engine::Sqlite, "SCAN track USING COVERING INDEX i", false),
            (Engine::Sqlite, "SCAN track USING INDEX i", false),
            (Engine::Sqlite, "SCAN json_each VIRTUAL TABLE INDEX 1:", false),
            (Engine::Sqlite, "USE TEMP B-TREE FOR ORDER BY", false),
            (Engine::Postgres, "Seq Scan on track  (cost=0.00..97.79 rows=10 width=85)", true),
            (Engine::Postgres, "->  Seq Scan on track  (cost=0.00..97.79 rows=10 width=85)", true),
            (Engine::Postgres, "Filter: (album_id = 1)", false),
            (Engine::Postgres, "->  Index Scan using i on track", false),
        ] {
            assert_eq!(is_full_scan(engine, line), want, "{line}");
        }
    }
}
