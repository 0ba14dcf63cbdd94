//! The order of the rows that a write returns: by their own columns, and by those of their embeds.
//!
//! A write cannot order what it returns, so its rows are ordered here. What an embed gives to order by is fetched like an embed, by
//! a child of the returned level that is never shown.

use std::cmp::Ordering;

use store::Row;
use values::{Type, Value};

use super::Returning;
use crate::compile::Compiled;
use crate::plan::{Child, Field, Level, Selected, Source};
use crate::request::OrderTerm;
use crate::rows::{Collector, Rows};

/// The embed reduced to what the term orders by. Its conditions stay, and so do the embeds that these speak of.
pub(super) fn ordering(child: &Child, term: &OrderTerm) -> Child {
    let mut hidden = child.clone();
    let level = Level {
        fields: vec![Field::Column(0)],
        columns: vec![Selected {
            key: String::new(),
            source: Source::Column { name: term.field.name.clone(), path: term.field.json_path.clone() },
            cast: None,
            aggregate: None,
            aggregate_cast: None,
            of: None,
        }],
        order: Vec::new(),
        grouped: false,
        joined: Vec::new(),
        ..hidden.level
    };
    hidden.level = level;
    for below in &mut hidden.level.children {
        below.visible = false;
    }
    hidden.visible = true;
    hidden.spread = false;
    hidden
}

/// What each returned row is ordered by.
#[derive(Default)]
pub(super) struct Sort {
    rows: Vec<Vec<Value>>,
    /// For each row, the numbers of its embeds' keys, as [`Returning::related`] lists them.
    keys: Vec<Vec<u32>>,
}

impl Sort {
    /// Takes one row, which the collector has taken already.
    pub(super) fn row(
        &mut self,
        row: &dyn Row,
        returning: &Returning,
        collector: &mut Collector<'_>,
    ) -> store::Result<()> {
        let level = &returning.level;
        if level.sort.is_empty() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(level.sort.len());
        for (term, (column, _, _)) in level.sort.iter().enumerate() {
            let own = returning.related.iter().all(|(related, _)| *related != term);
            values.push(if own { row.value(*column, &level.types[*column])? } else { Value::Null });
        }
        self.rows.push(values);
        let mut keys = Vec::with_capacity(returning.related.len());
        for (_, child) in &returning.related {
            keys.push(collector.refer(*child, row)?);
        }
        self.keys.push(keys);
        Ok(())
    }

    /// Orders the rows, whose embeds are fetched.
    pub(super) fn apply(mut self, returning: &Returning, rows: &mut Rows) {
        let level = &returning.level;
        if level.sort.is_empty() {
            return;
        }
        let mut types: Vec<Type> = level.sort.iter().map(|(column, _, _)| level.types[*column].clone()).collect();
        for (place, (term, child)) in returning.related.iter().enumerate() {
            let fetched = &level.children[*child].level;
            types[*term] = fetched.types.first().cloned().unwrap_or(Type::Text);
            for (values, keys) in self.rows.iter_mut().zip(&self.keys) {
                values[*term] = value_of(rows, *child, keys[place], fetched, &types[*term]);
            }
        }
        let mut order: Vec<u32> = (0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX)).collect();
        order.sort_by(|a, b| compare(&self.rows[*a as usize], &self.rows[*b as usize], &types, level));
        rows.reorder(&order);
    }
}

/// The one value of an embed's row; null without a row.
fn value_of(rows: &Rows, child: usize, key: u32, level: &Compiled, ty: &Type) -> Value {
    let Some(object) = rows.object(child, key, level) else { return Value::Null };
    let json = crate::json::members(&object)
        .first()
        .map_or_else(String::new, |json| String::from_utf8_lossy(json).into_owned());
    if json == "null" {
        return Value::Null;
    }
    // What we have written we can read, but for types that PostgreSQL alone knows: these go by their text.
    values::from_json(ty, &json).unwrap_or(Value::Text(json))
}

fn compare(a: &[Value], b: &[Value], types: &[Type], level: &Compiled) -> Ordering {
    for (((x, y), ty), (_, descending, nulls_first)) in a.iter().zip(b).zip(types).zip(&level.sort) {
        let found = match (x.is_null(), y.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if *nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if *nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let found = values::compare(ty, x.as_ref(), y.as_ref());
                if *descending { found.reverse() } else { found }
            }
        };
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}
