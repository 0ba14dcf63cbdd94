//! Levels with aggregates: the embeds that are joined into their statement, and what their rows are grouped by.

use sql::ast::{Expr, FromItem, JoinCondition, JoinKind, Name, OrderBy};
use store::Engine;
use store::catalog::Relation;
use values::Type;

use crate::compile::{Compiler, Params};
use crate::failure::Failure;
use crate::plan::{Child, Level, Selected, Source};
use crate::tree;

impl Compiler<'_> {
    /// The level's table with the embeds joined to it, and the names these have, as in [`Level::joined`].
    pub(crate) fn joined(
        &self,
        level: &Level,
        alias: &Name,
        table: FromItem,
        params: &mut Params,
    ) -> Result<(FromItem, Vec<Name>), Failure> {
        let mut from = table;
        let mut aliases: Vec<Name> = Vec::with_capacity(level.joined.len());
        for joined in &level.joined {
            let child = level.child_at(&joined.path);
            let parent = joined.parent.map_or(alias, |place| &aliases[place]).clone();
            let own = params.alias(&child.level.relation);
            let (tables, mut conditions, link) = Self::child_from(child, &own, params);
            for (column, of) in link.into_iter().zip(&child.relationship.columns) {
                conditions.push(tree::equal(column, tree::column(&parent, of)));
            }
            conditions.extend(self.conditions(&child.level, &own, params)?);
            if child.level.window.skips_first() {
                conditions.push(tree::truth(false));
            }
            for right in tables {
                let on = tree::all(std::mem::take(&mut conditions)).unwrap_or_else(|| tree::truth(true));
                from = FromItem::Join {
                    kind: JoinKind::Left,
                    left: Box::new(from),
                    right: Box::new(right),
                    condition: JoinCondition::On(Box::new(on)),
                    alias: None,
                };
            }
            aliases.push(own);
        }
        Ok((from, aliases))
    }

    /// What rows are grouped by so that an embed shows one value for each group: whether it is there, and all that it shows.
    pub(crate) fn group_by_values(
        &self,
        child: &Child,
        aliases: &[Name],
        params: &mut Params,
        out: &mut Vec<Expr>,
    ) -> Result<(), Failure> {
        let Some(own) = child.joined.map(|place| &aliases[place]) else { return Ok(()) };
        out.push(Expr::IsNull { expr: Box::new(there(child, own)), negated: false });
        for selected in &child.level.columns {
            let (_, expr, ty) = self.selected(&child.level.relation, own, selected, params)?;
            // json has no equality.
            out.push(if ty == Type::Json { tree::cast(expr, tree::type_name(&Type::Jsonb)) } else { expr });
        }
        for below in child.level.children.iter().filter(|below| below.visible) {
            if below.joined.is_some() {
                self.group_by_values(below, aliases, params, out)?;
            } else {
                out.extend(below.relationship.columns.iter().map(|name| tree::column(own, name)));
            }
        }
        Ok(())
    }

    /// SQLite would order groups by a column that differs within them; PostgreSQL refuses.
    pub(crate) fn judge_order(
        &self,
        relation: &Relation,
        alias: &Name,
        group_by: &[Expr],
        order: &[OrderBy],
    ) -> Result<(), Failure> {
        if self.engine == Engine::Postgres {
            return Ok(());
        }
        let grouped = |name: &Name| group_by.contains(&tree::column(alias, name));
        let by_key = relation.primary_key.as_ref().is_some_and(|key| key.columns.iter().all(grouped));
        for term in order {
            let column = match &term.expr {
                Expr::Column { .. } => &term.expr,
                // A path is never the one that is grouped by, though it read the same: its keys are parameters of their own.
                other => match root_of(other) {
                    Some(column) => column,
                    None => continue,
                },
            };
            let Expr::Column { parts } = column else { continue };
            let whole = parts.iter().map(|part| &**part).collect::<Vec<_>>().join(".");
            let own = parts.first() == Some(alias);
            if own && parts.last().is_some_and(|name| relation.column(name).is_none()) {
                return Err(store::Error::sql("42703", format!("column {whole} does not exist")).into());
            }
            if !(group_by.contains(column) || by_key && own) {
                let message = format!(
                    "column \"{whole}\" must appear in the GROUP BY clause or be used in an aggregate function"
                );
                return Err(store::Error::sql("42803", message).into());
            }
        }
        Ok(())
    }
}

/// What rows are grouped by for a selected value: its field, before it is cast; for a spread's the value itself, for that is all that
/// leaves the spread.
pub(crate) fn group_of(
    relation: &Relation,
    alias: &Name,
    selected: &Selected,
    (field, field_type): (Expr, Type),
    (value, value_type): (&Expr, &Type),
) -> Result<Expr, Failure> {
    let (by, ty) = if selected.of.is_some() { (value.clone(), value_type.clone()) } else { (field, field_type) };
    if ty == Type::Json {
        return Err(store::Error::sql("42883", "could not identify an equality operator for type json").into());
    }
    Ok(match &selected.source {
        // A path into what is no document goes by the whole.
        Source::Column { name, path } if !path.is_empty() && selected.of.is_none() => {
            let document = relation.column(name).is_some_and(|column| matches!(column.ty, Type::Json | Type::Jsonb));
            if document { by } else { tree::column(alias, name) }
        }
        _ => by,
    })
}

/// The column that a path begins with.
fn root_of(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Column { .. } => Some(expr),
        Expr::Binary { left, .. } => root_of(left),
        Expr::Function(call) if &*call.name.name == "to_jsonb" => call.args.first().and_then(|arg| root_of(&arg.value)),
        _ => None,
    }
}

/// A column that is null exactly when there is no row: the one that the join compares.
pub(crate) fn there(child: &Child, alias: &Name) -> Expr {
    let name = child.relationship.target_columns.first().expect("a relationship joins by at least one column");
    tree::column(alias, name)
}

/// A key of the group: all rows of it lead to embeds that look alike, so any will do, but its parts must be one row's.
pub(crate) fn any_of(key: Expr) -> Expr {
    Expr::Subscript { expr: Box::new(tree::function("array_agg", [key])), index: Box::new(tree::integer(1)) }
}
