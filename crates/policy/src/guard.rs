//! The guard of one role.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::Expr;
use store::SqlError;
use store::catalog::{Catalog, Function, Name, Policy, PolicyCommand, Privilege, QName, Relation, RelationKind};
use store::translate::{Access, Guard, Usage};

use crate::rules::{Check, Side, asked, checks, combined};

/// What a role may do, by one version of the catalog.
#[derive(Clone, Debug)]
pub struct RoleGuard {
    role: Name,
    /// The role, all roles it is a member of, and `public`.
    roles: BTreeSet<Name>,
    superuser: bool,
    bypass: bool,
    /// Schemas it may look into.
    schemas: BTreeSet<Name>,
}

impl RoleGuard {
    /// The guard of `role`; `None` when the catalog knows no such role.
    pub fn new(catalog: &Catalog, role: &str) -> Option<Self> {
        let (name, found) = catalog.roles.get_key_value(role)?;
        let roles = catalog.role_closure(role);
        let schemas = catalog
            .schemas
            .iter()
            .filter(|(_, schema)| schema.usage.iter().any(|grantee| roles.contains(grantee)))
            .map(|(name, _)| name.clone())
            .collect();
        Some(Self { role: name.clone(), superuser: found.superuser, bypass: found.bypass_rls, schemas, roles })
    }

    /// The role.
    pub fn role(&self) -> &Name {
        &self.role
    }

    /// Do row policies of this relation bind the role.
    pub fn bound_by(&self, relation: &Relation) -> bool {
        relation.row_security
            && relation.kind == RelationKind::Table
            && !self.superuser
            && !self.bypass
            && (relation.row_security_forced || !self.roles.contains(&relation.owner))
    }

    /// May the role look into the schema.
    pub fn may_use(&self, schema: &str) -> bool {
        self.superuser || self.schemas.contains(schema)
    }

    /// May the role do this to the relation at all, or to one column of it.
    pub fn may(&self, relation: &Relation, privilege: Privilege) -> bool {
        self.superuser
            || self.roles.contains(&relation.owner)
            || (self.may_use(&relation.name.schema) && relation.grants.allows_any_column(&self.roles, privilege))
    }

    /// May the role do this to every column, by a privilege on the whole relation.
    pub fn may_all(&self, relation: &Relation, privilege: Privilege) -> bool {
        self.superuser
            || self.roles.contains(&relation.owner)
            || (self.may_use(&relation.name.schema) && relation.grants.allows(&self.roles, privilege))
    }

    /// May the role do this to one column.
    pub fn may_column(&self, relation: &Relation, privilege: Privilege, column: &str) -> bool {
        self.superuser
            || self.roles.contains(&relation.owner)
            || (self.may_use(&relation.name.schema) && relation.grants.allows_column(&self.roles, privilege, column))
    }

    fn rows(&self, relation: &Relation, command: PolicyCommand, side: Side) -> Option<Arc<Expr>> {
        if self.bound_by(relation) { combined(relation, &self.roles, command, side) } else { None }
    }

    fn checks(&self, relation: &Relation, command: PolicyCommand, side: Side) -> Vec<Check> {
        if self.bound_by(relation) { checks(relation, &self.roles, command, side) } else { Vec::new() }
    }

    /// What a new row must meet. With `reads`, the statement returns or reads columns, and the row must also be visible.
    pub fn insert_checks(&self, relation: &Relation, reads: bool) -> Vec<Check> {
        let mut out = self.checks(relation, PolicyCommand::Insert, Side::Check);
        if reads {
            out.extend(self.checks(relation, PolicyCommand::Select, Side::Using));
        }
        out
    }

    /// What a changed row must meet.
    pub fn update_checks(&self, relation: &Relation, reads: bool) -> Vec<Check> {
        let mut out = self.checks(relation, PolicyCommand::Update, Side::Check);
        if reads {
            out.extend(self.checks(relation, PolicyCommand::Select, Side::Using));
        }
        out
    }

    /// What an existing row must meet so that `on conflict do update` may touch it; otherwise the whole statement is refused.
    pub fn conflict_checks(&self, relation: &Relation) -> Vec<Check> {
        let mut out = self.checks(relation, PolicyCommand::Update, Side::Using);
        out.extend(self.checks(relation, PolicyCommand::Select, Side::Using));
        out
    }
}

impl Guard for RoleGuard {
    fn check(&self, relation: &Relation, access: &Access<'_>) -> store::Result<()> {
        if self.superuser || self.roles.contains(&relation.owner) {
            return Ok(());
        }
        if !self.may_use(&relation.name.schema) {
            return Err(SqlError::new("42501", format!("permission denied for schema {}", relation.name.schema)).into());
        }
        let grants = &relation.grants;
        if grants.allows(&self.roles, access.privilege) {
            return Ok(());
        }
        let by_column = matches!(access.privilege, Privilege::Select | Privilege::Insert | Privilege::Update);
        let allowed = by_column
            && if access.columns.is_empty() {
                // `count(*)` needs any column; an insert of defaults only, too.
                grants.allows_any_column(&self.roles, access.privilege)
            } else {
                access.columns.iter().all(|column| grants.allows_column(&self.roles, access.privilege, column))
            };
        if allowed {
            return Ok(());
        }
        let kind = if relation.is_view() { "view" } else { "table" };
        Err(SqlError::new("42501", format!("permission denied for {kind} {}", relation.name.name)).into())
    }

    fn visible(&self, _: &Catalog, relation: &Relation) -> store::Result<Option<Arc<Expr>>> {
        Ok(self.rows(relation, PolicyCommand::Select, Side::Using))
    }

    fn touchable(&self, _: &Catalog, relation: &Relation, privilege: Privilege) -> store::Result<Option<Arc<Expr>>> {
        let command = if privilege == Privilege::Delete { PolicyCommand::Delete } else { PolicyCommand::Update };
        Ok(self.rows(relation, command, Side::Using))
    }

    fn rules<'r>(&self, relation: &'r Relation, usage: Usage) -> Vec<(&'r Policy, &'r Arc<Expr>)> {
        use PolicyCommand::{Delete, Insert, Select, Update};
        use Side::{Check, Using};
        if !self.bound_by(relation) {
            return Vec::new();
        }
        let (reads, uses): (bool, &[_]) = match usage {
            Usage::Select => (true, &[]),
            Usage::Insert { reads, merges: false } => (reads, &[(Insert, Check)]),
            Usage::Insert { reads, merges: true } => (reads, &[(Insert, Check), (Update, Using), (Update, Check)]),
            Usage::Update { reads } => (reads, &[(Update, Using), (Update, Check)]),
            Usage::Delete { reads } => (reads, &[(Delete, Using)]),
        };
        let mut out = asked(relation, &self.roles, uses);
        if reads {
            out.extend(asked(relation, &self.roles, &[(Select, Using)]));
        }
        out
    }

    fn execute(&self, function: &Function) -> store::Result<()> {
        let QName { schema, name } = &function.name;
        if self.superuser {
            return Ok(());
        }
        if !self.may_use(schema) {
            return Err(SqlError::new("42501", format!("permission denied for schema {schema}")).into());
        }
        if self.roles.iter().any(|role| function.grants.contains(&(role.clone(), Privilege::Execute))) {
            return Ok(());
        }
        Err(SqlError::new("42501", format!("permission denied for function {name}")).into())
    }
}
