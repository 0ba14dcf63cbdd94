//! What a write shows where the rows that it returns do not say it: groups of them, or those of them that an inner embed leaves.
//!
//! The statement returns the columns that are needed, and a second one reads what is shown from these rows as it would from the table,
//! in the same transaction. The rows travel as a list of texts for each column, so that both engines take them alike.

use std::collections::BTreeSet;

use sql::ast::{Name, TypeName};
use store::{Connection, Engine, Param, Row};
use values::{Type, Value};

use super::Writer;
use crate::compile::{Columns, Compiled};
use crate::failure::Failure;
use crate::plan::{Level, Order, Source};
use crate::rows::{self, Form, Rows};
use crate::tree;

/// The statement that reads what is shown.
#[derive(Clone, Debug)]
pub(super) struct Again {
    /// Its first parameters are the lists.
    pub(super) level: Compiled,
    columns: usize,
}

/// The returned rows, column by column.
#[derive(Default)]
pub(super) struct Lists {
    lists: Vec<Vec<Value>>,
    /// There are no columns, only rows.
    bare: bool,
}

impl Writer<'_> {
    /// The columns that the write's statement has to return.
    pub(super) fn given(&self, shown: &Level, alias: &Name) -> Columns {
        let mut out = Columns::default();
        for name in names(shown) {
            let column = tree::column(alias, &name);
            let (item, ty) = match self.compiler.engine {
                Engine::Postgres => (tree::cast(column, TypeName::plain("text")), Type::Text),
                Engine::Sqlite => (column, self.relation.column(&name).map_or(Type::Text, |column| column.ty.clone())),
            };
            out.items.push(tree::item(item));
            out.types.push(ty);
        }
        out
    }

    /// Compiles what is read from them.
    pub(super) fn again(&self, shown: &Level) -> Result<Again, Failure> {
        let names = names(shown);
        Ok(Again { level: self.compiler.read_given(shown, &names)?, columns: names.len() })
    }
}

/// The root's own columns that a plan speaks of, each once.
fn names(shown: &Level) -> Vec<Name> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for selected in shown.columns.iter().filter(|selected| selected.of.is_none()) {
        if let Source::Column { name, .. } = &selected.source {
            found.insert(name);
        }
    }
    for child in shown.children.iter().filter(|child| child.of.is_none()) {
        found.extend(child.relationship.columns.iter().map(|name| &**name));
    }
    for order in &shown.order {
        if let Order::Own(term) = order
            && !(shown.grouped && term.field.name == "count" && shown.relation.column("count").is_none())
        {
            found.insert(&term.field.name);
        }
    }
    found.into_iter().map(Name::from).collect()
}

impl Again {
    /// Room for the rows.
    pub(super) fn lists(&self) -> Lists {
        Lists { lists: vec![Vec::new(); self.columns.max(1)], bare: self.columns == 0 }
    }

    /// Reads what is shown of the rows.
    pub(super) fn read(&self, conn: &mut dyn Connection, lists: Lists, form: Form) -> Result<Rows, Failure> {
        let mut params = self.level.params.clone();
        for (param, list) in params.iter_mut().zip(lists.lists) {
            *param = Param::ValueList(Type::Text, list);
        }
        rows::read_with(conn, &self.level, &params, form)
    }
}

impl Lists {
    /// Takes one row.
    pub(super) fn row(&mut self, row: &dyn Row, types: &[Type]) -> store::Result<()> {
        for (column, list) in self.lists.iter_mut().enumerate() {
            if self.bare || row.is_null(column) {
                list.push(Value::Null);
                continue;
            }
            let mut text = String::new();
            row.write_text(column, &types[column], &mut text)?;
            list.push(Value::Text(text));
        }
        Ok(())
    }
}
