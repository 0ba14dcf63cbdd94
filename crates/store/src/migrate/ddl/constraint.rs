//! Constraints: their names, their columns, what they refer to.

use sql::ast::{
    ColumnConstraint, ColumnConstraintKind, Expr, ForeignRef, RefAction, TableConstraint, TableConstraintKind, Timing,
};
use values::{Family, Type};

use super::{Ddl, column, column_mut, refused, shown};
use crate::catalog::{Check, ExprText, FkAction, ForeignKey, Key, Name, Relation, RelationKind};
use crate::error::{Result, SqlError};
use crate::migrate::names::Taken;
use crate::migrate::walk;

/// A constraint of a table, wherever it was written.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: Option<Name>,
    pub(super) kind: Kind,
    pub(super) timing: Timing,
    pub(super) not_valid: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    PrimaryKey { columns: Vec<Name>, include: Vec<Name> },
    Unique { columns: Vec<Name>, include: Vec<Name>, nulls_not_distinct: bool },
    UsingIndex { primary: bool, index: Name },
    Check(Expr),
    Foreign { columns: Vec<Name>, reference: ForeignRef },
}

impl Kind {
    /// PostgreSQL names checks first, then the primary key, then unique constraints, then foreign keys.
    pub(super) fn turn(&self) -> u8 {
        match self {
            Self::Check(_) => 0,
            Self::PrimaryKey { .. } | Self::UsingIndex { primary: true, .. } => 1,
            Self::Unique { .. } | Self::UsingIndex { .. } => 2,
            Self::Foreign { .. } => 3,
        }
    }
}

impl Wanted {
    /// A constraint over a table.
    pub(super) fn of_table(constraint: &TableConstraint) -> Result<Self> {
        let kind = match &constraint.kind {
            TableConstraintKind::PrimaryKey { columns, include } => {
                Kind::PrimaryKey { columns: columns.clone(), include: include.clone() }
            }
            TableConstraintKind::Unique { columns, include, nulls_not_distinct } => Kind::Unique {
                columns: columns.clone(),
                include: include.clone(),
                nulls_not_distinct: *nulls_not_distinct,
            },
            TableConstraintKind::UsingIndex { primary, index } => {
                Kind::UsingIndex { primary: *primary, index: index.clone() }
            }
            TableConstraintKind::Check { expr, .. } => Kind::Check(expr.clone()),
            TableConstraintKind::ForeignKey { columns, reference } => {
                Kind::Foreign { columns: columns.clone(), reference: reference.clone() }
            }
            TableConstraintKind::Exclude(_) => {
                return Err(refused(
                    "exclusion constraints are not supported on SQLite",
                    "Use a unique constraint where equality is enough, or serve this app on PostgreSQL.",
                ));
            }
        };
        Ok(Self { name: constraint.name.clone(), kind, timing: constraint.timing, not_valid: constraint.not_valid })
    }

    /// A constraint of a column, when it is one of the table's; not null, defaults and generation are the column's own.
    pub(super) fn of_column(column: &Name, constraint: &ColumnConstraint) -> Option<Self> {
        let columns = vec![column.clone()];
        let kind = match &constraint.kind {
            ColumnConstraintKind::PrimaryKey => Kind::PrimaryKey { columns, include: Vec::new() },
            ColumnConstraintKind::Unique { nulls_not_distinct } => {
                Kind::Unique { columns, include: Vec::new(), nulls_not_distinct: *nulls_not_distinct }
            }
            ColumnConstraintKind::Check { expr, .. } => Kind::Check(expr.clone()),
            ColumnConstraintKind::References(reference) => Kind::Foreign { columns, reference: reference.clone() },
            ColumnConstraintKind::NotNull
            | ColumnConstraintKind::Null
            | ColumnConstraintKind::Default(_)
            | ColumnConstraintKind::Generated { .. }
            | ColumnConstraintKind::Identity { .. } => return None,
        };
        Some(Self { name: constraint.name.clone(), kind, timing: constraint.timing, not_valid: false })
    }
}

impl Ddl<'_> {
    /// Adds a constraint to a table that is being made or changed. `taken` knows the names of its schema, the table's own included.
    pub(super) fn constrain(&mut self, relation: &mut Relation, taken: &mut Taken, wanted: &Wanted) -> Result<()> {
        if let Some(name) = &wanted.name
            && has_constraint(relation, name)
        {
            let table = &relation.name.name;
            return Err(SqlError::new(
                "42710",
                format!("constraint \"{name}\" for relation \"{table}\" already exists"),
            )
            .into());
        }
        match &wanted.kind {
            Kind::PrimaryKey { columns, include } => {
                self.include_notice(include);
                Self::primary_key(relation, taken, wanted, columns)
            }
            Kind::Unique { columns, include, nulls_not_distinct } => {
                self.include_notice(include);
                if *nulls_not_distinct {
                    return Err(nulls_not_distinct_refused());
                }
                key_columns(relation, columns, "unique")?;
                deferrable_refused(wanted.timing, "unique constraint")?;
                let table = relation.name.name.clone();
                let name = Self::index_backed(taken, wanted, |taken| taken.unique(&table, columns))?;
                relation.uniques.push(Key {
                    name,
                    columns: columns.clone(),
                    nulls_not_distinct: false,
                    index_only: false,
                });
                Ok(())
            }
            Kind::UsingIndex { primary, index } => Self::using_index(relation, taken, wanted, *primary, index),
            Kind::Check(expr) => {
                self.check(relation, taken, wanted, expr);
                Ok(())
            }
            Kind::Foreign { columns, reference } => self.foreign_key(relation, taken, wanted, columns, reference),
        }
    }

    fn include_notice(&mut self, include: &[Name]) {
        if !include.is_empty() {
            self.notice("INCLUDE columns of a key are left out on SQLite, which answers from the table itself.");
        }
    }

    /// The name of a constraint that has an index: the given one, or PostgreSQL's.
    fn index_backed(taken: &mut Taken, wanted: &Wanted, automatic: impl Fn(&Taken) -> Name) -> Result<Name> {
        let name = match &wanted.name {
            Some(name) => {
                if taken.has_relation(name) {
                    return Err(SqlError::new("42P07", format!("relation \"{name}\" already exists")).into());
                }
                name.clone()
            }
            None => automatic(taken),
        };
        taken.key(name.clone(), false);
        Ok(name)
    }

    fn primary_key(relation: &mut Relation, taken: &mut Taken, wanted: &Wanted, columns: &[Name]) -> Result<()> {
        let table = relation.name.name.clone();
        if relation.primary_key.is_some() {
            return Err(
                SqlError::new("42P16", format!("multiple primary keys for table \"{table}\" are not allowed")).into()
            );
        }
        deferrable_refused(wanted.timing, "primary key")?;
        key_columns(relation, columns, "primary key")?;
        for name in columns {
            column_mut(relation, name)?.not_null = true;
        }
        let name = Self::index_backed(taken, wanted, |taken| taken.primary_key(&table))?;
        relation.primary_key =
            Some(Key { name, columns: columns.to_vec(), nulls_not_distinct: false, index_only: false });
        Ok(())
    }

    fn using_index(
        relation: &mut Relation,
        taken: &mut Taken,
        wanted: &Wanted,
        primary: bool,
        index: &Name,
    ) -> Result<()> {
        let at = relation.uniques.iter().position(|key| key.name == *index && key.index_only).ok_or_else(|| {
            SqlError::new(
                "42704",
                format!("\"{index}\" is not a unique index over plain columns of table \"{}\"", relation.name.name),
            )
        })?;
        let mut key = relation.uniques.remove(at);
        relation.indexes.retain(|known| known.name != *index);
        key.index_only = false;
        if let Some(name) = &wanted.name {
            key.name = name.clone();
        }
        taken.key(key.name.clone(), false);
        if primary {
            if relation.primary_key.is_some() {
                let table = &relation.name.name;
                return Err(SqlError::new(
                    "42P16",
                    format!("multiple primary keys for table \"{table}\" are not allowed"),
                )
                .into());
            }
            for name in &key.columns {
                column_mut(relation, name)?.not_null = true;
            }
            relation.primary_key = Some(key);
        } else {
            relation.uniques.push(key);
        }
        Ok(())
    }

    fn check(&mut self, relation: &mut Relation, taken: &mut Taken, wanted: &Wanted, expr: &Expr) {
        let automatic = || taken.check(&relation.name.name, &walk::column_names(expr));
        let name = wanted.name.clone().unwrap_or_else(automatic);
        taken.constraint(name.clone());
        relation.checks.push(Check { name, expr: self.expr_text(expr) });
    }

    fn foreign_key(
        &mut self,
        relation: &mut Relation,
        taken: &mut Taken,
        wanted: &Wanted,
        columns: &[Name],
        reference: &ForeignRef,
    ) -> Result<()> {
        let own = reference.table.name == relation.name.name
            && reference.table.schema.as_ref().is_none_or(|schema| *schema == relation.name.schema);
        let found = self.find_relation(&reference.table);
        let other = if own && found.as_ref().is_none_or(|found| found.name == relation.name) { None } else { found };
        if other.is_none() && !own {
            return Err(SqlError::new("42P01", format!("relation \"{}\" does not exist", shown(&reference.table)))
                .hint("Create the table that is referred to first.")
                .into());
        }
        let target: &Relation = other.as_deref().unwrap_or(relation);
        if target.kind != RelationKind::Table {
            return Err(
                SqlError::new("42809", format!("referenced relation \"{}\" is not a table", target.name.name)).into()
            );
        }
        let target_columns = if reference.columns.is_empty() {
            let key = target.primary_key.as_ref().ok_or_else(|| {
                SqlError::new("42704", format!("there is no primary key for referenced table \"{}\"", target.name.name))
            })?;
            key.columns.clone()
        } else {
            reference.columns.clone()
        };
        if target_columns.len() != columns.len() {
            return Err(SqlError::new(
                "42830",
                "number of referencing and referenced columns for foreign key disagree",
            )
            .into());
        }
        let unique = target.primary_key.iter().chain(&target.uniques).any(|key| {
            key.columns.len() == target_columns.len() && key.columns.iter().all(|name| target_columns.contains(name))
        });
        for (from, to) in columns.iter().zip(&target_columns) {
            let from = relation.column(from).ok_or_else(|| {
                SqlError::new("42703", format!("column \"{from}\" referenced in foreign key constraint does not exist"))
            })?;
            let to = target.column(to).ok_or_else(|| {
                SqlError::new("42703", format!("column \"{to}\" referenced in foreign key constraint does not exist"))
            })?;
            if !comparable(&from.ty, &to.ty) {
                return Err(SqlError::new("42804", "foreign key constraint cannot be implemented")
                    .detail(format!(
                        "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
                        from.name,
                        to.name,
                        from.ty.base_name(),
                        to.ty.base_name()
                    ))
                    .hint("Give both columns the same type.")
                    .into());
            }
        }
        if !unique {
            let table = &target.name.name;
            return Err(SqlError::new(
                "42830",
                format!("there is no unique constraint matching given keys for referenced table \"{table}\""),
            )
            .hint("Add a primary key or unique constraint over the referenced columns.")
            .into());
        }
        if reference.match_full && columns.len() > 1 {
            return Err(refused(
                "MATCH FULL is not supported on SQLite",
                "Leave MATCH FULL out and add a check that all columns are null or none is.",
            ));
        }
        let key = ForeignKey {
            name: wanted.name.clone().unwrap_or_else(|| taken.foreign_key(&relation.name.name, columns)),
            columns: columns.to_vec(),
            target: target.name.clone(),
            target_columns,
            on_delete: action(&reference.on_delete, "delete")?,
            on_update: action(&reference.on_update, "update")?,
            deferrable: wanted.timing.deferrable || wanted.timing.initially_deferred,
            deferred: wanted.timing.initially_deferred,
        };
        taken.constraint(key.name.clone());
        relation.foreign_keys.push(key);
        Ok(())
    }

    /// The default a column is given; a sequence when it is `nextval` of one.
    pub(super) fn set_default(&mut self, relation: &mut Relation, name: &Name, value: Option<&Expr>) -> Result<()> {
        let sequence = value.and_then(nextval_of).map(|text| self.sequence_named(&text)).transpose()?;
        let text = value.map(|value| self.expr_text(value));
        let found = column_mut(relation, name)?;
        if found.identity.is_some() {
            return Err(SqlError::new(
                "42601",
                format!("column \"{name}\" of relation \"{}\" is an identity column", relation.name.name),
            )
            .into());
        }
        if found.generated.is_some() {
            return Err(SqlError::new(
                "42601",
                format!("column \"{name}\" of relation \"{}\" is a generated column", relation.name.name),
            )
            .into());
        }
        found.sequence = sequence.as_ref().map(|sequence| sequence.name.clone());
        found.default = if sequence.is_some() { None } else { text.filter(|text| !is_null(text)) };
        if let Some(value) = value
            && sequence.is_none()
        {
            Self::check_default(value)?;
        }
        Ok(())
    }

    pub(super) fn check_default(value: &Expr) -> Result<()> {
        if super::physical::has_query(value) {
            return Err(SqlError::new("0A000", "cannot use subquery in DEFAULT expression").into());
        }
        if !walk::column_names(value).is_empty() {
            return Err(SqlError::new("0A000", "cannot use column reference in DEFAULT expression").into());
        }
        Ok(())
    }
}

fn is_null(text: &ExprText) -> bool {
    text.text().eq_ignore_ascii_case("null")
}

/// The name in `nextval('name')`, with or without the cast that `pg_dump` writes.
pub(super) fn nextval_of(expr: &Expr) -> Option<String> {
    let Expr::Function(call) = expr else { return None };
    if !call.name.is_builtin("nextval") || call.args.len() != 1 {
        return None;
    }
    let mut value = &call.args[0].value;
    while let Expr::Cast { expr, .. } = value {
        value = expr;
    }
    match value {
        Expr::Literal(sql::ast::Literal::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Does the table have a constraint of this name.
pub(super) fn has_constraint(relation: &Relation, name: &str) -> bool {
    relation
        .primary_key
        .iter()
        .chain(relation.uniques.iter().filter(|key| !key.index_only))
        .any(|key| &*key.name == name)
        || relation.checks.iter().any(|check| &*check.name == name)
        || relation.foreign_keys.iter().any(|key| &*key.name == name)
}

fn key_columns(relation: &Relation, columns: &[Name], what: &str) -> Result<()> {
    for (index, name) in columns.iter().enumerate() {
        if columns[..index].contains(name) {
            return Err(SqlError::new("42701", format!("column \"{name}\" appears twice in {what} constraint")).into());
        }
        if relation.column(name).is_none() {
            return Err(SqlError::new("42703", format!("column \"{name}\" named in key does not exist")).into());
        }
        if column(relation, name)?.ty == Type::Json {
            return Err(SqlError::new(
                "42704",
                "data type json has no default operator class for access method \"btree\"",
            )
            .hint("Use jsonb.")
            .into());
        }
    }
    Ok(())
}

fn deferrable_refused(timing: Timing, what: &str) -> Result<()> {
    if timing.deferrable || timing.initially_deferred {
        return Err(refused(
            format!("a deferrable {what} is not supported on SQLite"),
            "Leave DEFERRABLE out; foreign keys may have it.",
        ));
    }
    Ok(())
}

/// Why nulls are always distinct.
pub(super) fn nulls_not_distinct_refused() -> crate::Error {
    refused(
        "NULLS NOT DISTINCT is not supported on SQLite",
        "Make the columns not null, or use a unique index over coalesce(column, some value).",
    )
}

fn action(action: &RefAction, on: &str) -> Result<FkAction> {
    Ok(match action {
        RefAction::NoAction => FkAction::NoAction,
        RefAction::Restrict => FkAction::Restrict,
        RefAction::Cascade => FkAction::Cascade,
        RefAction::SetNull(columns) if columns.is_empty() => FkAction::SetNull,
        RefAction::SetDefault(columns) if columns.is_empty() => FkAction::SetDefault,
        RefAction::SetNull(_) | RefAction::SetDefault(_) => {
            return Err(refused(
                format!("ON {on} SET … with a list of columns is not supported on SQLite"),
                "Leave the list out: then all columns of the key are set.",
            ));
        }
    })
}

/// May values of these types be compared byte for byte in SQLite's foreign keys, and does PostgreSQL compare them.
fn comparable(a: &Type, b: &Type) -> bool {
    if a.unmodified() == b.unmodified() {
        return true;
    }
    match (a.family(), b.family()) {
        (Family::Numeric, Family::Numeric) => a.is_integer() && b.is_integer(),
        // A blank-padded text is stored padded.
        (Family::String, Family::String) => !matches!(a, Type::Bpchar(_)) && !matches!(b, Type::Bpchar(_)),
        _ => false,
    }
}
