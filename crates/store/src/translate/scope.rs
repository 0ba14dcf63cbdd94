//! Names in scope: sources, frames, and who used which column.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::ObjectName;
use values::Type;

use super::{Translator, Typed, push_quoted};
use crate::catalog::{Name, QName, Relation};
use crate::error::{Result, SqlError};

/// A column's value, and the base column that it shows unchanged.
pub(super) type Found = (Typed, Option<(QName, Name)>);

/// Where an expression looks, besides at the row that it is asked of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looks {
    /// At what was there when the statement began.
    pub(super) before: bool,
    /// At what is there by now: in functions that see what their own statement has done so far, as PostgreSQL's volatile ones do.
    pub(super) afresh: bool,
}

impl Looks {
    /// A relation is read, inside such a function or not.
    pub(super) fn note(&mut self, afresh: bool) {
        self.before |= !afresh;
        self.afresh |= afresh;
    }
}

/// A column a source offers.
#[derive(Clone, Debug)]
pub(super) struct SourceColumn {
    pub(super) name: Name,
    pub(super) ty: Type,
    /// The base column it shows unchanged.
    pub(super) source: Option<(QName, Name)>,
    /// Its value in SQLite's text, where it is not simply the source's column of that name: a view that is written through.
    pub(super) sql: Option<String>,
}

impl SourceColumn {
    fn value(&self, source: &str) -> String {
        self.sql.clone().unwrap_or_else(|| column_sql(source, &self.name))
    }
}

/// Something in a `from` clause.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its name in the statement.
    pub(super) alias: Name,
    /// Its schema, when it is a table named without an alias.
    pub(super) schema: Option<Name>,
    /// Its name in SQLite's text, quoted.
    pub(super) sql: String,
    pub(super) columns: Vec<SourceColumn>,
    /// The relation it reads, if it is one.
    pub(super) relation: Option<Arc<Relation>>,
    /// Columns read so far; asked of the guard when the frame closes.
    pub(super) used: BTreeSet<Name>,
    /// Somebody named the source without any column (`count(*)` or an empty select): still a read.
    pub(super) read: bool,
}

impl Source {
    pub(super) fn of_relation(relation: &Arc<Relation>, alias: &str, sql: String) -> Self {
        let columns = relation
            .columns
            .iter()
            .map(|column| SourceColumn {
                name: column.name.clone(),
                ty: column.ty.clone(),
                source: Some((relation.name.clone(), column.name.clone())),
                sql: None,
            })
            .collect();
        Self {
            alias: Name::from(alias),
            schema: None,
            sql,
            columns,
            relation: Some(relation.clone()),
            used: BTreeSet::new(),
            read: true,
        }
    }
}

/// One level of names: the sources of one select.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) sources: Vec<Source>,
    /// Columns merged by `using` or `natural`: name, value, and which (source, column) pairs they stand for.
    pub(super) merged: Vec<Merged>,
    /// Names from here outward are not visible from inside (a function's body, a view's, a policy's).
    pub(super) barrier: bool,
    /// Parameters of a function being unfolded: name and value.
    pub(super) arguments: Vec<(Option<Name>, Typed)>,
    /// The function whose parameters these are, so that `f.x` finds them too.
    pub(super) function: Option<Name>,
    /// Names of `with` queries, innermost last.
    pub(super) ctes: Vec<NamedQuery>,
}

#[derive(Clone, Debug)]
pub(super) struct Merged {
    pub(super) name: Name,
    pub(super) value: Typed,
    pub(super) hides: Vec<(usize, usize)>,
}

/// A `with` query in scope.
#[derive(Clone, Debug)]
pub(super) struct NamedQuery {
    pub(super) name: Name,
    pub(super) sql: String,
    pub(super) columns: Vec<SourceColumn>,
}

/// A column in SQLite's text; bare where its source has no name (inside `create table` and `create index`).
fn column_sql(source: &str, column: &str) -> String {
    let mut sql = String::with_capacity(source.len() + column.len() + 3);
    if !source.is_empty() {
        sql.push_str(source);
        sql.push('.');
    }
    push_quoted(&mut sql, column);
    sql
}

impl Frame {
    pub(super) fn barrier() -> Self {
        Self { barrier: true, ..Self::default() }
    }
    pub(super) fn push(&mut self, source: Source) {
        self.sources.push(source);
    }
}

impl Translator<'_> {
    /// What `f` gives, and where what it translates looks.
    pub(super) fn looking<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<(T, Looks)> {
        let outside = std::mem::take(&mut self.looks);
        let result = f(self);
        let looks = std::mem::replace(&mut self.looks, outside);
        self.looks.before |= looks.before;
        self.looks.afresh |= looks.afresh;
        Ok((result?, looks))
    }

    /// A name for a source in SQLite's text that hides no name of an outer level: what was unfolded from a function or policy may
    /// refer to those.
    pub(super) fn unique_alias(&mut self, wanted: &str) -> String {
        let taken = |sql: &str, frames: &[Frame]| {
            frames.iter().any(|frame| {
                frame.sources.iter().any(|source| source.sql.eq_ignore_ascii_case(sql))
                    || frame.ctes.iter().any(|cte| cte.sql.eq_ignore_ascii_case(sql))
            })
        };
        let mut sql = String::with_capacity(wanted.len() + 6);
        push_quoted(&mut sql, wanted);
        while taken(&sql, &self.frames) {
            self.aliases += 1;
            sql.clear();
            push_quoted(&mut sql, &format!("{wanted}~{}", self.aliases));
        }
        sql
    }

    /// The innermost frame.
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a frame is pushed before anything is resolved in it")
    }

    /// Resolves a column reference of one to three parts.
    pub(super) fn column(&mut self, parts: &[Name]) -> Result<Found> {
        let (schema, table, column) = match parts {
            [column] => (None, None, column),
            [table, column] => (None, Some(table), column),
            [schema, table, column] => (Some(schema), Some(table), column),
            _ => return Err(SqlError::new("42601", "improper qualified name (too many dotted names)").into()),
        };
        for depth in (0..self.frames.len()).rev() {
            if let Some(found) = self.column_in(depth, schema, table, column)? {
                return Ok(found);
            }
            if self.frames[depth].barrier {
                break;
            }
        }
        let message = match table {
            None => format!("column \"{column}\" does not exist"),
            Some(table) if self.knows_source(table) => format!("column {table}.{column} does not exist"),
            Some(table) => {
                return Err(SqlError::new("42P01", format!("missing FROM-clause entry for table \"{table}\"")).into());
            }
        };
        Err(SqlError::new("42703", message).into())
    }

    fn knows_source(&self, table: &str) -> bool {
        for frame in self.frames.iter().rev() {
            if frame.sources.iter().any(|source| &*source.alias == table) {
                return true;
            }
            if frame.barrier {
                break;
            }
        }
        false
    }

    fn column_in(
        &mut self,
        depth: usize,
        schema: Option<&Name>,
        table: Option<&Name>,
        column: &Name,
    ) -> Result<Option<Found>> {
        let frame = &mut self.frames[depth];
        if table.is_none()
            && let Some(merged) = frame.merged.iter().find(|merged| merged.name == *column)
        {
            let value = merged.value.clone();
            let hides = merged.hides.clone();
            for (source, index) in hides {
                let name = frame.sources[source].columns[index].name.clone();
                frame.sources[source].used.insert(name);
            }
            return Ok(Some((value, None)));
        }
        let mut found: Option<(usize, usize)> = None;
        for (at, source) in frame.sources.iter().enumerate() {
            if table.is_some_and(|table| source.alias != *table)
                || (schema.is_some() && source.schema.as_ref() != schema)
            {
                continue;
            }
            if let Some(index) = source.columns.iter().position(|candidate| candidate.name == *column) {
                if found.is_some() {
                    return Err(SqlError::new("42702", format!("column reference \"{column}\" is ambiguous")).into());
                }
                found = Some((at, index));
            }
        }
        if let Some((at, index)) = found {
            let source = &mut frame.sources[at];
            source.used.insert(column.clone());
            let found = &source.columns[index];
            let sql = found.value(&source.sql);
            return Ok(Some((Typed::new(sql, found.ty.clone()), found.source.clone())));
        }
        if table.is_none() || (schema.is_none() && frame.function.as_ref() == table) {
            let argument = frame.arguments.iter().find(|(name, _)| name.as_ref() == Some(column));
            if let Some((_, value)) = argument {
                return Ok(Some((value.clone(), None)));
            }
        }
        Ok(None)
    }

    /// The source a `t.*` names, in the innermost frame.
    pub(super) fn source_named(&self, name: &ObjectName) -> Result<usize> {
        let frame = self.frames.last().expect("a frame is pushed before anything is resolved in it");
        frame
            .sources
            .iter()
            .position(|source| source.alias == name.name && (name.schema.is_none() || source.schema == name.schema))
            .ok_or_else(|| {
                SqlError::new("42P01", format!("missing FROM-clause entry for table \"{}\"", name.name)).into()
            })
    }

    /// A column of a source of the innermost frame, marked as read.
    pub(super) fn source_column(&mut self, source: usize, index: usize) -> (Name, Typed, Option<(QName, Name)>) {
        let source = &mut self.frame().sources[source];
        let column = &source.columns[index];
        let sql = column.value(&source.sql);
        let out = (column.name.clone(), Typed::new(sql, column.ty.clone()), column.source.clone());
        source.used.insert(out.0.clone());
        out
    }
}
