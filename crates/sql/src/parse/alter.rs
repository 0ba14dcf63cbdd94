//! `alter table` and the other relations.

use super::{Parse, Parser};
use crate::ast::{AlterAction, AlterTable, Name, RelationKind, SequenceOption, Statement, Timing};

impl Parser<'_> {
    /// `alter <relation> …`, after the words that name its kind.
    pub(super) fn alter_relation(&mut self, kind: RelationKind) -> Parse<Statement> {
        if self.are(&["all", "in"]) {
            return self.error("alter … all in tablespace is not supported");
        }
        let if_exists = self.if_exists();
        let only = self.eat("only");
        let name = self.object_name()?;
        self.eat("*");
        if kind == RelationKind::Sequence && self.at_sequence_option() {
            let options = self.sequence_options()?;
            return Ok(Statement::AlterSequence(crate::ast::AlterSequence { name, if_exists, options }));
        }
        let actions = self.list(Self::alter_action)?;
        let alone = |action: &AlterAction| {
            matches!(
                action,
                AlterAction::RenameColumn { .. }
                    | AlterAction::RenameConstraint { .. }
                    | AlterAction::RenameTo(_)
                    | AlterAction::SetSchema(_)
            )
        };
        if actions.len() > 1 && actions.iter().any(alone) {
            return self.error("rename and set schema must stand in a statement of their own");
        }
        Ok(Statement::AlterTable(Box::new(AlterTable { kind, if_exists, only, name, actions })))
    }

    fn alter_action(&mut self) -> Parse<AlterAction> {
        if self.eat("add") {
            return self.add_action();
        }
        if self.eat("drop") {
            return self.drop_action();
        }
        if self.eat("alter") {
            return self.alter_part();
        }
        if self.eat("rename") {
            return self.rename_action();
        }
        if self.eat_all(&["validate", "constraint"]) {
            return Ok(AlterAction::ValidateConstraint(self.name()?));
        }
        if self.eat_all(&["set", "schema"]) {
            return Ok(AlterAction::SetSchema(self.name()?));
        }
        if self.eat_all(&["owner", "to"]) {
            return Ok(AlterAction::OwnerTo(self.role()?));
        }
        if self.are(&["set", "("]) {
            self.advance();
            return Ok(AlterAction::SetOptions(self.storage_options()?));
        }
        if self.are(&["reset", "("]) {
            self.advance();
            let options = self.storage_options()?;
            return Ok(AlterAction::ResetOptions(options.into_iter().map(|option| option.name).collect()));
        }
        for (words, action) in [
            (&["enable"][..], AlterAction::RowSecurity(true)),
            (&["disable"], AlterAction::RowSecurity(false)),
            (&["force"], AlterAction::ForceRowSecurity(true)),
            (&["no", "force"], AlterAction::ForceRowSecurity(false)),
        ] {
            let words: Vec<&str> = words.iter().chain(&["row", "level", "security"]).copied().collect();
            if self.eat_all(&words) {
                return Ok(action);
            }
        }
        let known =
            ["enable", "disable", "replica", "cluster", "set", "inherit", "no", "attach", "detach", "of", "not"];
        if !self.is_any(&known) {
            return self.unexpected();
        }
        Ok(AlterAction::Other(self.rest(true)?))
    }

    fn add_action(&mut self) -> Parse<AlterAction> {
        if self.at_table_constraint() {
            return self.table_constraint().map(AlterAction::AddConstraint);
        }
        self.eat("column");
        let if_not_exists = self.if_not_exists();
        Ok(AlterAction::AddColumn { column: self.column_def()?, if_not_exists })
    }

    fn drop_action(&mut self) -> Parse<AlterAction> {
        if self.eat("constraint") {
            let if_exists = self.if_exists();
            let name = self.name()?;
            return Ok(AlterAction::DropConstraint { name, if_exists, cascade: self.cascade() });
        }
        self.eat("column");
        let if_exists = self.if_exists();
        let name = self.name()?;
        Ok(AlterAction::DropColumn { name, if_exists, cascade: self.cascade() })
    }

    fn rename_action(&mut self) -> Parse<AlterAction> {
        if self.eat("to") {
            return Ok(AlterAction::RenameTo(self.name()?));
        }
        if self.eat("constraint") {
            let from = self.name()?;
            self.expect("to")?;
            return Ok(AlterAction::RenameConstraint { from, to: self.name()? });
        }
        self.eat("column");
        let from = self.name()?;
        self.expect("to")?;
        Ok(AlterAction::RenameColumn { from, to: self.name()? })
    }

    /// After `alter`: a constraint or a column.
    fn alter_part(&mut self) -> Parse<AlterAction> {
        if self.eat("constraint") {
            let name = self.name()?;
            let mut timing = Timing::default();
            self.timing(&mut timing)?;
            return Ok(AlterAction::AlterConstraint { name, timing });
        }
        self.eat("column");
        let column = self.name()?;
        self.alter_column(column)
    }

    fn alter_column(&mut self, column: Name) -> Parse<AlterAction> {
        if self.eat("type") || self.eat_all(&["set", "data", "type"]) {
            let ty = self.type_name()?;
            let collation = if self.eat("collate") { Some(self.any_object_name()?) } else { None };
            let using = if self.eat("using") { Some(self.expr()?) } else { None };
            return Ok(AlterAction::SetType { column, ty, collation, using });
        }
        if self.eat_all(&["set", "default"]) {
            return Ok(AlterAction::Default { column, value: Some(self.expr()?) });
        }
        if self.eat_all(&["drop", "default"]) {
            return Ok(AlterAction::Default { column, value: None });
        }
        if self.eat_all(&["set", "not", "null"]) {
            return Ok(AlterAction::NotNull { column, set: true });
        }
        if self.eat_all(&["drop", "not", "null"]) {
            return Ok(AlterAction::NotNull { column, set: false });
        }
        if self.eat_all(&["drop", "identity"]) {
            return Ok(AlterAction::DropIdentity { column, if_exists: self.if_exists() });
        }
        if self.eat_all(&["drop", "expression"]) {
            return Ok(AlterAction::DropExpression { column, if_exists: self.if_exists() });
        }
        if self.eat_all(&["add", "generated"]) {
            let always = self.generated_always()?;
            self.expect_all(&["as", "identity"])?;
            let options = if self.is("(") { self.sequence_options_in_parens()? } else { Vec::new() };
            return Ok(AlterAction::AddIdentity { column, always, options });
        }
        if self.are(&["set", "generated"]) || self.is("restart") || self.at_set_sequence_option() {
            return self.set_identity(column);
        }
        if !self.is("set") && !self.is("reset") {
            return self.unexpected();
        }
        Ok(AlterAction::ColumnOther { column, text: self.rest(true)? })
    }

    fn at_set_sequence_option(&self) -> bool {
        const OPTIONS: [&str; 7] = ["increment", "minvalue", "maxvalue", "start", "cache", "cycle", "no"];
        self.is("set") && OPTIONS.iter().any(|option| self.is_at(1, option))
    }

    fn set_identity(&mut self, column: Name) -> Parse<AlterAction> {
        let mut always = None;
        let mut options: Vec<SequenceOption> = Vec::new();
        loop {
            if self.eat_all(&["set", "generated"]) {
                always = Some(self.generated_always()?);
            } else if self.at_set_sequence_option() {
                self.advance();
                options.push(self.sequence_option()?);
            } else if self.is("restart") {
                options.push(self.sequence_option()?);
            } else {
                return Ok(AlterAction::SetIdentity { column, always, options });
            }
        }
    }
}
