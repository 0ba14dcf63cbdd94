//! `comment on`.

use sql::ast::{Comment, ObjectKind, ObjectRef};

use super::{Ddl, column_mut, shown};
use crate::error::{Result, SqlError};

impl Ddl<'_> {
    pub(super) fn comment(&mut self, comment: &Comment) -> Result<()> {
        let Comment { kind, object, text } = comment;
        let name = &object.name;
        match kind {
            ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::ForeignTable => {
                let relation = self.relation(name)?;
                self.edit(&relation.name)?.comment.clone_from(text);
            }
            ObjectKind::Column => {
                let table =
                    object.on.as_ref().ok_or_else(|| SqlError::new("42601", "column name must be qualified"))?;
                let relation = self.relation(table)?;
                column_mut(self.edit(&relation.name)?, &name.name)?.comment.clone_from(text);
            }
            ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine => {
                let (name, index) = self.find_function(object)?;
                self.edit_function(&name, index)?.comment.clone_from(text);
            }
            ObjectKind::Schema => {
                let schema = self.catalog.schemas.get_mut(&name.name);
                let schema =
                    schema.ok_or_else(|| SqlError::new("3F000", format!("schema \"{}\" does not exist", name.name)))?;
                schema.comment.clone_from(text);
            }
            // The others must exist; their comments are shown nowhere and are not kept.
            _ => self.commented_exists(*kind, object)?,
        }
        Ok(())
    }

    fn commented_exists(&self, kind: ObjectKind, object: &ObjectRef) -> Result<()> {
        let name = &object.name;
        let known = match kind {
            ObjectKind::Type | ObjectKind::Domain => self.find_enum(name).is_some() || self.find_domain(name).is_some(),
            ObjectKind::Sequence => self.find_sequence(name).is_some(),
            ObjectKind::Index => self.find_index(name).is_some(),
            ObjectKind::Role => self.catalog.roles.contains_key(&name.name),
            ObjectKind::Constraint => {
                let table = object.on.as_ref().map(|table| self.relation(table)).transpose()?;
                table.is_some_and(|table| super::constraint::has_constraint(&table, &name.name))
            }
            ObjectKind::Policy => {
                let table = object.on.as_ref().map(|table| self.relation(table)).transpose()?;
                table.is_some_and(|table| table.policies.iter().any(|policy| policy.name == name.name))
            }
            _ => true,
        };
        if known {
            return Ok(());
        }
        Err(SqlError::new("42704", format!("{} \"{}\" does not exist", kind.words(), shown(name))).into())
    }
}
