//! Enums and domains.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{
    AlterDomain, AlterDomainAction, AlterType, AlterTypeAction, ColumnConstraintKind, CreateDomain, CreateType,
    EnumPlace, Expr, ObjectName, TypeDefinition,
};
use values::{EnumType, Type};

use super::table::{empty_relation, plain_column};
use super::{Ddl, Step, refused, shown};
use crate::catalog::{Catalog, Check, Domain, Name, QName, Relation, RelationKind, Returns};
use crate::error::{Result, SqlError};
use crate::migrate::names::{NAME_BYTES_MAX, object_name};
use crate::translate::resolve_type;

/// Labels of one enum.
const LABELS_MAX: usize = 10_000;

impl Ddl<'_> {
    pub(super) fn create_type(&mut self, create: &CreateType) -> Result<()> {
        let labels = match &create.definition {
            TypeDefinition::Enum(labels) => labels,
            TypeDefinition::Composite(_) => {
                return Err(refused("composite types are not supported on SQLite", "Use a table, or a jsonb column."));
            }
            TypeDefinition::Range(_) => {
                return Err(refused(
                    "range types of your own are not supported on SQLite",
                    "Use int4range, int8range, numrange, daterange, tsrange or tstzrange.",
                ));
            }
            TypeDefinition::Base(_) | TypeDefinition::Shell => {
                return Err(refused(
                    "base types of your own are not supported on SQLite",
                    "Use a built-in type, an enum or a domain.",
                ));
            }
        };
        let name = self.new_name(&create.name)?;
        self.free_type(&name)?;
        if labels.len() > LABELS_MAX {
            return Err(SqlError::new("54000", format!("an enum can have at most {LABELS_MAX} labels")).into());
        }
        for (index, label) in labels.iter().enumerate() {
            judge_label(label)?;
            if labels[..index].contains(label) {
                return Err(SqlError::new(
                    "23505",
                    "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"",
                )
                .detail(format!("The label \"{label}\" appears twice."))
                .into());
            }
        }
        let made = EnumType { schema: name.schema.to_string(), name: name.name.to_string(), labels: labels.clone() };
        self.put_enum(name, made);
        Ok(())
    }

    fn put_enum(&mut self, name: QName, made: EnumType) {
        let made = Arc::new(made);
        self.catalog.enums.insert(name, made.clone());
        self.steps.push(Step::Enum(made));
    }

    /// Refuses the name of a type that exists; tables are types too.
    pub(super) fn free_type(&self, name: &QName) -> Result<()> {
        let taken = self.catalog.enums.contains_key(name)
            || self.catalog.domains.contains_key(name)
            || self.catalog.relations.contains_key(name)
            || (&*name.schema == "pg_catalog" && Type::named(&name.name).is_some());
        if taken {
            return Err(SqlError::new("42710", format!("type \"{}\" already exists", name.name)).into());
        }
        Ok(())
    }

    /// The name of an enum that exists.
    pub(super) fn find_enum(&self, name: &ObjectName) -> Option<QName> {
        let mut names = self.schemas_of(name).into_iter().map(|schema| QName { schema, name: name.name.clone() });
        names.find(|name| self.catalog.enums.contains_key(name))
    }

    /// The name of a domain that exists.
    pub(super) fn find_domain(&self, name: &ObjectName) -> Option<QName> {
        let mut names = self.schemas_of(name).into_iter().map(|schema| QName { schema, name: name.name.clone() });
        names.find(|name| self.catalog.domains.contains_key(name))
    }

    pub(super) fn alter_type(&mut self, alter: &AlterType) -> Result<()> {
        let name = self.find_enum(&alter.name).ok_or_else(|| no_type(&alter.name))?;
        let mut changed = (*self.catalog.enums[&name]).clone();
        match &alter.action {
            AlterTypeAction::AddValue { value, if_not_exists, place } => {
                judge_label(value)?;
                if changed.position(value).is_some() {
                    if *if_not_exists {
                        self.notice(format!("enum label \"{value}\" already exists, skipping"));
                        return Ok(());
                    }
                    return Err(SqlError::new("42710", format!("enum label \"{value}\" already exists")).into());
                }
                let at = match place {
                    None => changed.labels.len(),
                    Some(EnumPlace::Before(other)) => label(&changed, other)?,
                    Some(EnumPlace::After(other)) => label(&changed, other)? + 1,
                };
                changed.labels.insert(at, value.clone());
                self.change_enum(&name, changed, None);
                Ok(())
            }
            AlterTypeAction::RenameValue { from, to } => {
                judge_label(to)?;
                let at = label(&changed, from)?;
                if changed.position(to).is_some() {
                    return Err(SqlError::new("42710", format!("enum label \"{to}\" already exists")).into());
                }
                changed.labels[at].clone_from(to);
                self.change_enum(&name, changed, Some((from, to)));
                Ok(())
            }
            AlterTypeAction::Other(text) => Err(refused(
                format!("alter type ... {text} is not supported on SQLite"),
                "Only adding and renaming the values of an enum is.",
            )),
        }
    }

    /// Puts an enum's new form wherever the old one is used. Indexes over it are made anew when the order of labels may have changed;
    /// stored labels follow a renamed one.
    fn change_enum(&mut self, name: &QName, changed: EnumType, renamed: Option<(&str, &str)>) {
        let changed = Arc::new(changed);
        let users: Vec<QName> = self.columns_of_enum(name).into_iter().map(|(relation, _)| relation).collect();
        replace_enum(self.catalog, name, &changed);
        self.catalog.enums.insert(name.clone(), changed.clone());
        self.steps.push(Step::Enum(changed));
        for relation in users.iter().collect::<BTreeSet<_>>() {
            let relation = self.catalog.relations[relation].clone();
            if relation.kind != RelationKind::Table {
                continue;
            }
            let table = crate::translate::quote(&crate::translate::physical_name(&relation.name));
            if let Some((from, to)) = renamed {
                for column in &relation.columns {
                    let is_array = match &column.ty {
                        Type::Enum(found) if is_named(found, name) => false,
                        Type::Array(element) if matches!(&**element, Type::Enum(found) if is_named(found, name)) => {
                            true
                        }
                        _ => continue,
                    };
                    if column.generated.is_some() {
                        continue;
                    }
                    let quoted = crate::translate::quote(&column.name);
                    let (from, to) = (crate::translate::text_sql(from), crate::translate::text_sql(to));
                    self.run(if is_array {
                        format!(
                            "UPDATE {table} SET {quoted} = (SELECT json_group_array(CASE WHEN value = {from} THEN {to} ELSE value END) \
                             FROM json_each({quoted})) WHERE {quoted} IS NOT NULL"
                        )
                    } else {
                        format!("UPDATE {table} SET {quoted} = {to} WHERE {quoted} = {from}")
                    });
                }
            }
            self.run(format!("REINDEX {table}"));
        }
    }

    /// The columns that have this enum for a type, in tables and views.
    pub(super) fn columns_of_enum(&self, name: &QName) -> Vec<(QName, Name)> {
        let mut out = Vec::new();
        for relation in self.catalog.relations.values() {
            for column in &relation.columns {
                if uses_enum(&column.ty, name) {
                    out.push((relation.name.clone(), column.name.clone()));
                }
            }
        }
        out
    }

    pub(super) fn create_domain(&mut self, create: &CreateDomain) -> Result<()> {
        let name = self.new_name(&create.name)?;
        self.free_type(&name)?;
        let (ty, base) = resolve_type(self.catalog, &self.context.search_path, &create.ty)?;
        super::table::storable(&ty, &name.name)?;
        let mut domain = Domain { name: name.clone(), ty, not_null: false, default: None, checks: Vec::new() };
        // A domain over a domain has its base's rules too.
        if let Some(base) = base {
            domain.not_null = base.not_null;
            domain.default.clone_from(&base.default);
            domain.checks.clone_from(&base.checks);
        }
        for constraint in &create.constraints {
            match &constraint.kind {
                ColumnConstraintKind::NotNull => domain.not_null = true,
                ColumnConstraintKind::Null => {}
                ColumnConstraintKind::Default(value) => {
                    Self::check_default(value)?;
                    domain.default = Some(self.expr_text(value));
                }
                ColumnConstraintKind::Check { expr, .. } => {
                    let check = self.domain_check(&domain, constraint.name.as_ref(), expr)?;
                    domain.checks.push(check);
                }
                _ => return Err(SqlError::new("42601", "this constraint is not possible for domains").into()),
            }
        }
        self.judge_domain(&domain)?;
        self.catalog.domains.insert(name, Arc::new(domain));
        Ok(())
    }

    fn domain_check(&self, domain: &Domain, name: Option<&Name>, expr: &Expr) -> Result<Check> {
        let taken = |name: &str| domain.checks.iter().any(|check| &*check.name == name);
        let name = match name {
            Some(name) if taken(name) => {
                return Err(SqlError::new(
                    "42710",
                    format!("constraint \"{name}\" for domain \"{}\" already exists", domain.name.name),
                )
                .into());
            }
            Some(name) => name.clone(),
            None => {
                let mut pass = 0_u32;
                loop {
                    let label = if pass == 0 { "check".to_owned() } else { format!("check{pass}") };
                    let name = object_name(&domain.name.name, None, &label);
                    if !taken(&name) {
                        break Name::from(name);
                    }
                    pass += 1;
                }
            }
        };
        Ok(Check { name, expr: self.expr_text(expr) })
    }

    /// Translates a domain's rules over a table made up for it, so that what cannot be said is refused here and not at its first use.
    fn judge_domain(&self, domain: &Domain) -> Result<()> {
        let mut relation: Relation =
            empty_relation(QName::new("public", domain.name.name.clone()), RelationKind::Table);
        let mut column = plain_column(Name::from("value"), domain.ty.clone());
        column.default.clone_from(&domain.default);
        relation.columns.push(column);
        relation.checks.clone_from(&domain.checks);
        self.physical(&Arc::new(relation)).map(drop)
    }

    pub(super) fn alter_domain(&mut self, alter: &AlterDomain) -> Result<()> {
        let name = self.find_domain(&alter.name).ok_or_else(|| no_type(&alter.name))?;
        let old = self.catalog.domains[&name].clone();
        let mut domain = (*old).clone();
        match &alter.action {
            AlterDomainAction::Default(value) => {
                if let Some(value) = value {
                    Self::check_default(value)?;
                }
                domain.default = value.as_ref().map(|value| self.expr_text(value));
            }
            AlterDomainAction::NotNull(set) => domain.not_null = *set,
            AlterDomainAction::AddCheck { name, expr, not_valid } => {
                if *not_valid {
                    return Err(refused(
                        "NOT VALID on a domain's check is not supported on SQLite",
                        "Leave NOT VALID out; the values are checked at once.",
                    ));
                }
                let check = self.domain_check(&domain, name.as_ref(), expr)?;
                domain.checks.push(check);
            }
            AlterDomainAction::DropConstraint { name: check, if_exists, .. } => {
                let before = domain.checks.len();
                domain.checks.retain(|known| known.name != *check);
                if domain.checks.len() == before {
                    if *if_exists {
                        self.notice(format!(
                            "constraint \"{check}\" of domain \"{}\" does not exist, skipping",
                            name.name
                        ));
                        return Ok(());
                    }
                    return Err(no_domain_constraint(&name, check));
                }
            }
            AlterDomainAction::RenameConstraint { from, to } => {
                let found = domain.checks.iter_mut().find(|check| check.name == *from);
                found.ok_or_else(|| no_domain_constraint(&name, from))?.name = to.clone();
            }
            AlterDomainAction::ValidateConstraint(check) => {
                if domain.checks.iter().any(|known| known.name == *check) {
                    return Ok(());
                }
                return Err(no_domain_constraint(&name, check));
            }
        }
        self.judge_domain(&domain)?;
        self.change_domain(&old, &domain)
    }

    /// Puts a domain's new rules into the columns that have it.
    fn change_domain(&mut self, old: &Domain, domain: &Domain) -> Result<()> {
        let name = domain.name.clone();
        let users: Vec<Arc<Relation>> = self
            .catalog
            .relations
            .values()
            .filter(|relation| relation.kind == RelationKind::Table)
            .filter(|relation| relation.columns.iter().any(|column| column.domain.as_ref() == Some(&name)))
            .cloned()
            .collect();
        let mut befores = Vec::with_capacity(users.len());
        for relation in &users {
            befores.push(self.physical(relation)?);
        }
        self.catalog.domains.insert(name.clone(), Arc::new(domain.clone()));
        for (relation, before) in users.iter().zip(befores) {
            let mut changed = (**relation).clone();
            for column in changed.columns.iter_mut().filter(|column| column.domain.as_ref() == Some(&name)) {
                if column.default == old.default {
                    column.default.clone_from(&domain.default);
                }
                // Whether the column itself was declared not null is not remembered apart: dropping the domain's keeps the column's.
                column.not_null |= domain.not_null;
            }
            self.restructure_from(relation, &before, changed, &[])?;
        }
        Ok(())
    }
}

/// 42704 for a type.
pub(super) fn no_type(name: &ObjectName) -> crate::Error {
    SqlError::new("42704", format!("type \"{}\" does not exist", shown(name))).into()
}

fn no_domain_constraint(domain: &QName, check: &str) -> crate::Error {
    SqlError::new("42704", format!("constraint \"{check}\" of domain \"{}\" does not exist", domain.name)).into()
}

fn is_named(found: &EnumType, name: &QName) -> bool {
    found.schema == *name.schema && found.name == *name.name
}

/// Is this type the enum, or an array of it.
pub(super) fn uses_enum(ty: &Type, name: &QName) -> bool {
    match ty {
        Type::Enum(found) => is_named(found, name),
        Type::Array(element) => uses_enum(element, name),
        _ => false,
    }
}

/// The type with the enum of this name replaced.
pub(super) fn with_enum(ty: &Type, name: &QName, changed: &Arc<EnumType>) -> Option<Type> {
    match ty {
        Type::Enum(found) if is_named(found, name) => Some(Type::Enum(changed.clone())),
        Type::Array(element) => with_enum(element, name, changed).map(Type::array_of),
        _ => None,
    }
}

/// Replaces an enum in every column, domain and function of the catalog.
pub(super) fn replace_enum(catalog: &mut Catalog, name: &QName, changed: &Arc<EnumType>) {
    let replace = |ty: &mut Type| {
        if let Some(new) = with_enum(ty, name, changed) {
            *ty = new;
        }
    };
    for relation in catalog.relations.values_mut() {
        if relation.columns.iter().any(|column| uses_enum(&column.ty, name)) {
            Arc::make_mut(relation).columns.iter_mut().for_each(|column| replace(&mut column.ty));
        }
    }
    for domain in catalog.domains.values_mut().filter(|domain| uses_enum(&domain.ty, name)) {
        replace(&mut Arc::make_mut(domain).ty);
    }
    for function in catalog.functions.values_mut().flatten() {
        let function = Arc::make_mut(function);
        function.parameters.iter_mut().for_each(|parameter| replace(&mut parameter.ty));
        match &mut function.returns {
            Returns::Scalar { ty, .. } => replace(ty),
            Returns::Columns { columns, .. } => columns.iter_mut().for_each(|(_, ty)| replace(ty)),
            Returns::Void | Returns::Relation { .. } | Returns::Record { .. } => {}
        }
    }
}

fn label(found: &EnumType, label: &str) -> Result<usize> {
    found
        .position(label)
        .ok_or_else(|| SqlError::new("22023", format!("\"{label}\" is not an existing enum label")).into())
}

fn judge_label(label: &str) -> Result<()> {
    if label.is_empty() || label.len() > NAME_BYTES_MAX {
        return Err(SqlError::new("42602", format!("invalid enum label \"{label}\""))
            .detail(format!("Labels must be {NAME_BYTES_MAX} bytes or less, and not empty."))
            .into());
    }
    Ok(())
}
