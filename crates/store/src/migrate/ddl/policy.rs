//! Row policies.

use std::sync::Arc;

use sql::ast::{AlterPolicy, CreatePolicy, Expr, PolicyCommand as Word};
use values::Type;

use super::Ddl;
use crate::catalog::{ExprText, Name, Policy, PolicyCommand, Relation};
use crate::error::{Result, SqlError};
use crate::translate::{Owner, Translator};

impl Ddl<'_> {
    pub(super) fn create_policy(&mut self, create: &CreatePolicy) -> Result<()> {
        let relation = self.table(&create.table)?;
        if relation.policies.iter().any(|policy| policy.name == create.name) {
            let table = &relation.name.name;
            return Err(SqlError::new(
                "42710",
                format!("policy \"{}\" for table \"{table}\" already exists", create.name),
            )
            .into());
        }
        let command = match create.command {
            Word::All => PolicyCommand::All,
            Word::Select => PolicyCommand::Select,
            Word::Insert => PolicyCommand::Insert,
            Word::Update => PolicyCommand::Update,
            Word::Delete => PolicyCommand::Delete,
        };
        let policy = Policy {
            name: create.name.clone(),
            permissive: create.permissive,
            command,
            roles: self.policy_roles(&create.roles)?,
            using: self.condition(&relation, create.using.as_ref(), "USING")?,
            check: self.condition(&relation, create.check.as_ref(), "WITH CHECK")?,
        };
        judge(&policy)?;
        let edited = self.edit(&relation.name)?;
        let at = edited.policies.partition_point(|known| known.name < policy.name);
        edited.policies.insert(at, policy);
        if !relation.row_security {
            let table = &relation.name.name;
            self.notice(format!(
                "Policy \"{}\" has no effect until: alter table {table} enable row level security.",
                create.name
            ));
        }
        Ok(())
    }

    pub(super) fn alter_policy(&mut self, alter: &AlterPolicy) -> Result<()> {
        let relation = self.table(&alter.table)?;
        let at = policy_at(&relation, &alter.name)?;
        let mut policy = relation.policies[at].clone();
        if let Some(name) = &alter.rename_to {
            if relation.policies.iter().any(|policy| policy.name == *name) {
                let table = &relation.name.name;
                return Err(
                    SqlError::new("42710", format!("policy \"{name}\" for table \"{table}\" already exists")).into()
                );
            }
            policy.name = name.clone();
        }
        if !alter.roles.is_empty() {
            policy.roles = self.policy_roles(&alter.roles)?;
        }
        if alter.using.is_some() {
            policy.using = self.condition(&relation, alter.using.as_ref(), "USING")?;
        }
        if alter.check.is_some() {
            policy.check = self.condition(&relation, alter.check.as_ref(), "WITH CHECK")?;
        }
        judge(&policy)?;
        let edited = self.edit(&relation.name)?;
        edited.policies[at] = policy;
        edited.policies.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    fn policy_roles(&self, roles: &[sql::ast::Role]) -> Result<Vec<Name>> {
        if roles.is_empty() {
            return Ok(vec![Name::from("public")]);
        }
        self.roles(roles)
    }

    /// A policy's condition as text. It is translated at once, so that what SQLite cannot say is known now and not at the first request.
    fn condition(&self, relation: &Arc<Relation>, condition: Option<&Expr>, what: &str) -> Result<Option<ExprText>> {
        let Some(condition) = condition else { return Ok(None) };
        let text = self.expr_text(condition);
        self.judge_condition(relation, condition).map_err(|error| match error {
            crate::Error::Sql(mut inner) => {
                if inner.detail.is_none() {
                    inner.detail = Some(format!("In the {what} condition: {condition}"));
                }
                crate::Error::Sql(inner)
            }
            other => other,
        })?;
        Ok(Some(text))
    }

    pub(super) fn judge_condition(&self, relation: &Arc<Relation>, condition: &Expr) -> Result<()> {
        let mut translator = Translator::new(self.catalog, &Owner, &self.context.search_path, &[]);
        translator.over_relation(condition, relation, &relation.name.name, Some(&Type::Bool)).map(drop)
    }
}

/// The place of a policy in its table, or 42704.
pub(super) fn policy_at(relation: &Relation, name: &str) -> Result<usize> {
    relation.policies.iter().position(|policy| &*policy.name == name).ok_or_else(|| {
        SqlError::new("42704", format!("policy \"{name}\" for table \"{}\" does not exist", relation.name.name)).into()
    })
}

/// Which conditions a command may have.
fn judge(policy: &Policy) -> Result<()> {
    let message = match policy.command {
        PolicyCommand::Select | PolicyCommand::Delete if policy.check.is_some() => {
            "WITH CHECK cannot be applied to SELECT or DELETE"
        }
        PolicyCommand::Insert if policy.using.is_some() => "only WITH CHECK expression allowed for INSERT",
        _ => return Ok(()),
    };
    Err(SqlError::new("42601", message).into())
}
