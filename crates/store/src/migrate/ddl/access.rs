//! Grants and revokes: on tables and their columns, sequences, functions, schemas; and what new objects get.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{AlterDefaultPrivileges, Grant, GrantTarget, ObjectKind, ObjectRef, Privilege as Word, Privileges};

use super::{Ddl, refused, shown};
use crate::catalog::{DefaultGrant, Name, Privilege, QName, Relation, Schema};
use crate::error::{Result, SqlError};

/// Privileges on one kind of object.
const ON_TABLES: [Privilege; 7] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];
const ON_COLUMNS: [Privilege; 4] = [Privilege::Select, Privilege::Insert, Privilege::Update, Privilege::References];
const ON_SEQUENCES: [Privilege; 3] = [Privilege::Usage, Privilege::Select, Privilege::Update];

/// What can be granted on a kind, and its plural in `alter default privileges`.
fn possible(kind: ObjectKind) -> Option<(&'static [Privilege], &'static str)> {
    Some(match kind {
        ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::ForeignTable => {
            (&ON_TABLES, "tables")
        }
        ObjectKind::Sequence => (&ON_SEQUENCES, "sequences"),
        ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine => (&[Privilege::Execute], "functions"),
        ObjectKind::Schema => (&[Privilege::Usage], "schemas"),
        ObjectKind::Type | ObjectKind::Domain => (&[Privilege::Usage], "types"),
        _ => return None,
    })
}

fn privilege(word: Word) -> Option<Privilege> {
    Some(match word {
        Word::Select => Privilege::Select,
        Word::Insert => Privilege::Insert,
        Word::Update => Privilege::Update,
        Word::Delete => Privilege::Delete,
        Word::Truncate => Privilege::Truncate,
        Word::References => Privilege::References,
        Word::Trigger => Privilege::Trigger,
        Word::Usage => Privilege::Usage,
        Word::Execute => Privilege::Execute,
        // Rights over the database and its upkeep: only the owner has them here.
        Word::Create | Word::Connect | Word::Temporary | Word::Maintain => return None,
    })
}

/// Privileges, each with the columns it is limited to.
fn wanted(privileges: &Privileges, kind: ObjectKind) -> Result<Vec<(Privilege, Vec<Name>)>> {
    let Some((all, plural)) = possible(kind) else { return Ok(Vec::new()) };
    Ok(match privileges {
        Privileges::All(columns) if columns.is_empty() => {
            all.iter().map(|privilege| (*privilege, Vec::new())).collect()
        }
        Privileges::All(columns) => ON_COLUMNS.iter().map(|privilege| (*privilege, columns.clone())).collect(),
        Privileges::List(list) => {
            let mut out = Vec::with_capacity(list.len());
            for (word, columns) in list {
                let Some(privilege) = privilege(*word) else { continue };
                let known = if columns.is_empty() { all.contains(&privilege) } else { ON_COLUMNS.contains(&privilege) };
                if !known {
                    return Err(SqlError::new(
                        "0LP01",
                        format!("invalid privilege type {} for {plural}", word.word().to_uppercase()),
                    )
                    .into());
                }
                out.push((privilege, columns.clone()));
            }
            out
        }
    })
}

impl Ddl<'_> {
    pub(super) fn grant(&mut self, grant: &Grant) -> Result<()> {
        let roles = self.roles(&grant.roles)?;
        if grant.grant_option {
            self.notice("GRANT OPTION has no effect on SQLite: only migrations grant.");
            if grant.revoke {
                return Ok(());
            }
        }
        match &grant.target {
            GrantTarget::Objects { kind, objects } => {
                let privileges = wanted(&grant.privileges, *kind)?;
                for object in objects {
                    self.grant_on(*kind, object, &privileges, &roles, grant.revoke)?;
                }
            }
            GrantTarget::AllInSchemas { kind, schemas } => {
                let privileges = wanted(&grant.privileges, *kind)?;
                for schema in schemas {
                    if !self.catalog.schemas.contains_key(schema) {
                        return Err(SqlError::new("3F000", format!("schema \"{schema}\" does not exist")).into());
                    }
                    self.grant_on_all(*kind, schema, &privileges, &roles, grant.revoke)?;
                }
            }
        }
        Ok(())
    }

    fn grant_on(
        &mut self,
        kind: ObjectKind,
        object: &ObjectRef,
        privileges: &[(Privilege, Vec<Name>)],
        roles: &[Name],
        revoke: bool,
    ) -> Result<()> {
        match kind {
            ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::ForeignTable => {
                if let Some(relation) = self.find_relation(&object.name) {
                    return grant_relation(self.edit(&relation.name)?, privileges, roles, revoke);
                }
                // GRANT … ON a sequence without the word, as PostgreSQL accepts it.
                let found = self.find_sequence(&object.name).ok_or_else(|| super::no_relation(&object.name))?;
                set(&mut self.edit_sequence(&found.name).grants, privileges, roles, revoke);
            }
            ObjectKind::Sequence => {
                let found = self.find_sequence(&object.name).ok_or_else(|| super::no_relation(&object.name))?;
                set(&mut self.edit_sequence(&found.name).grants, privileges, roles, revoke);
            }
            ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine => {
                if object.name.schema.as_deref() == Some("auth") && self.find_function(object).is_err() {
                    self.notice(format!("{}() is built in; everybody may call it.", shown(&object.name)));
                    return Ok(());
                }
                let (name, index) = self.find_function(object)?;
                set(&mut self.edit_function(&name, index)?.grants, privileges, roles, revoke);
            }
            ObjectKind::Schema => {
                let name = &object.name.name;
                let found = self.catalog.schemas.get_mut(name);
                let schema =
                    found.ok_or_else(|| SqlError::new("3F000", format!("schema \"{name}\" does not exist")))?;
                grant_schema(schema, privileges, roles, revoke);
            }
            ObjectKind::Type | ObjectKind::Domain => {}
            ObjectKind::Database => self.notice("Privileges on the database have no effect on SQLite."),
            other => {
                return Err(refused(
                    format!("privileges on a {} have no meaning on SQLite", other.words()),
                    "Leave the statement out.",
                ));
            }
        }
        Ok(())
    }

    fn grant_on_all(
        &mut self,
        kind: ObjectKind,
        schema: &Name,
        privileges: &[(Privilege, Vec<Name>)],
        roles: &[Name],
        revoke: bool,
    ) -> Result<()> {
        match kind {
            ObjectKind::Sequence => {
                for sequence in self.catalog.sequences.values_mut().filter(|sequence| sequence.name.schema == *schema) {
                    set(&mut Arc::make_mut(sequence).grants, privileges, roles, revoke);
                }
            }
            ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine => {
                for (_, functions) in self.catalog.functions.iter_mut().filter(|(name, _)| name.schema == *schema) {
                    for function in functions {
                        set(&mut Arc::make_mut(function).grants, privileges, roles, revoke);
                    }
                }
            }
            _ => {
                for relation in self.catalog.relations.values_mut().filter(|relation| relation.name.schema == *schema) {
                    grant_relation(Arc::make_mut(relation), privileges, roles, revoke)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn default_privileges(&mut self, alter: &AlterDefaultPrivileges) -> Result<()> {
        let Some((_, objects)) = possible(alter.kind) else {
            return Err(SqlError::new("42601", "default privileges of this kind do not exist").into());
        };
        for role in &alter.for_roles {
            let role = self.role(role)?;
            if &*role != "postgres" {
                self.notice(format!("FOR ROLE {role} has no effect on SQLite: everything belongs to postgres, and its defaults are changed."));
            }
        }
        let privileges: Vec<Privilege> =
            wanted(&alter.privileges, alter.kind)?.into_iter().map(|(privilege, _)| privilege).collect();
        let roles = self.roles(&alter.roles)?;
        let schemas: Vec<Option<Name>> =
            if alter.schemas.is_empty() { vec![None] } else { alter.schemas.iter().cloned().map(Some).collect() };
        for schema in schemas {
            if let Some(name) = &schema
                && !self.catalog.schemas.contains_key(name)
            {
                return Err(SqlError::new("3F000", format!("schema \"{name}\" does not exist")).into());
            }
            for role in &roles {
                self.default_grant(schema.clone(), objects, role, &privileges, alter.revoke);
            }
        }
        Ok(())
    }

    fn default_grant(
        &mut self,
        schema: Option<Name>,
        objects: &str,
        role: &Name,
        privileges: &[Privilege],
        revoke: bool,
    ) {
        let grants = &mut self.catalog.default_grants;
        let at = grants
            .iter()
            .position(|known| known.schema == schema && &*known.objects == objects && known.grantee == *role);
        match (at, revoke) {
            (Some(at), true) => {
                grants[at].privileges.retain(|held| !privileges.contains(held));
                if grants[at].privileges.is_empty() {
                    grants.remove(at);
                }
            }
            (Some(at), false) => {
                let new = privileges
                    .iter()
                    .filter(|wanted| !grants[at].privileges.contains(wanted))
                    .copied()
                    .collect::<Vec<_>>();
                grants[at].privileges.extend(new);
            }
            // As in PostgreSQL, a schema's defaults only add to those of all schemas.
            (None, true) => {}
            (None, false) => {
                grants.push(DefaultGrant {
                    schema,
                    objects: Name::from(objects),
                    grantee: role.clone(),
                    privileges: privileges.to_vec(),
                });
            }
        }
    }

    /// What a new object of a kind gets in a schema.
    pub(super) fn default_grants_on(&self, objects: &str, schema: &str) -> BTreeSet<(Name, Privilege)> {
        self.catalog
            .default_grants
            .iter()
            .filter(|grant| &*grant.objects == objects && grant.schema.as_deref().is_none_or(|only| only == schema))
            .flat_map(|grant| grant.privileges.iter().map(|privilege| (grant.grantee.clone(), *privilege)))
            .collect()
    }

    /// Gives a new table or view what new ones get.
    pub(super) fn default_table_grants(&self, relation: &mut Relation) {
        relation.grants.table = self.default_grants_on("tables", &relation.name.schema);
    }

    /// What a role has privileges on, or is named by, for the refusal to drop it.
    pub(super) fn held_by(&self, role: &Name) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let has = |grants: &BTreeSet<(Name, Privilege)>| grants.iter().any(|(held, _)| held == role);
        for relation in self.catalog.relations.values() {
            if has(&relation.grants.table) || relation.grants.columns.iter().any(|(held, _, _)| held == role) {
                out.insert(format!("table {}", relation.name));
            }
            for policy in relation.policies.iter().filter(|policy| policy.roles.contains(role)) {
                out.insert(format!("policy {} on {}", policy.name, relation.name));
            }
        }
        let sequences = self.catalog.sequences.values().filter(|sequence| has(&sequence.grants));
        out.extend(sequences.map(|sequence| format!("sequence {}", sequence.name)));
        let functions = self.catalog.functions.values().flatten().filter(|function| has(&function.grants));
        out.extend(functions.map(|function| format!("function {}", function.name)));
        let schemas = self.catalog.schemas.iter().filter(|(_, schema)| schema.usage.contains(role));
        out.extend(schemas.map(|(name, _)| format!("schema {name}")));
        if self.catalog.default_grants.iter().any(|grant| grant.grantee == *role) {
            out.insert("default privileges".to_owned());
        }
        out
    }

    /// Forgets a dropped table's sequences; the caller has removed the table.
    pub(super) fn forget_sequences_of(&mut self, table: &QName, column: Option<&Name>) {
        let owned: Vec<QName> = self
            .catalog
            .sequences
            .values()
            .filter(|sequence| {
                sequence
                    .owned_by
                    .as_ref()
                    .is_some_and(|(owner, name)| owner == table && column.is_none_or(|column| column == name))
            })
            .map(|sequence| sequence.name.clone())
            .collect();
        for name in owned {
            self.catalog.sequences.remove(&name);
            self.steps.push(super::Step::SequenceDropped(name));
        }
    }
}

fn set(grants: &mut BTreeSet<(Name, Privilege)>, privileges: &[(Privilege, Vec<Name>)], roles: &[Name], revoke: bool) {
    for role in roles {
        for (privilege, _) in privileges {
            let entry = (role.clone(), *privilege);
            if revoke {
                grants.remove(&entry)
            } else {
                grants.insert(entry)
            };
        }
    }
}

fn grant_relation(
    relation: &mut Relation,
    privileges: &[(Privilege, Vec<Name>)],
    roles: &[Name],
    revoke: bool,
) -> Result<()> {
    for (privilege, columns) in privileges {
        for column in columns {
            super::column(relation, column)?;
        }
        for role in roles {
            if columns.is_empty() {
                let entry = (role.clone(), *privilege);
                if revoke {
                    relation.grants.table.remove(&entry);
                    // Revoking a privilege on the table revokes it on its columns too.
                    relation.grants.columns.retain(|(held, what, _)| held != role || what != privilege);
                } else {
                    relation.grants.table.insert(entry);
                }
            }
            for column in columns {
                let entry = (role.clone(), *privilege, column.clone());
                if revoke {
                    relation.grants.columns.remove(&entry)
                } else {
                    relation.grants.columns.insert(entry)
                };
            }
        }
    }
    Ok(())
}

fn grant_schema(schema: &mut Schema, privileges: &[(Privilege, Vec<Name>)], roles: &[Name], revoke: bool) {
    if privileges.iter().any(|(privilege, _)| *privilege == Privilege::Usage) {
        for role in roles {
            if revoke {
                schema.usage.remove(role)
            } else {
                schema.usage.insert(role.clone())
            };
        }
    }
}
