//! Tables, indexes, views, policies.

use super::Printer;
use crate::ast::{
    AlterAction, AlterPolicy, AlterTable, CheckOption, ColumnConstraint, ColumnConstraintKind, ColumnDef, CreateIndex,
    CreatePolicy, CreateTable, CreateView, ForeignRef, IndexElement, Name, OnCommit, Persistence, PolicyCommand,
    RefAction, RelationKind, Role, StorageOption, TableConstraint, TableConstraintKind, TableElement, Timing,
};
use crate::parse::power;

impl Printer {
    pub(super) fn create_table(&mut self, table: &CreateTable) {
        self.word(match table.persistence {
            Persistence::Permanent => "create table ",
            Persistence::Unlogged => "create unlogged table ",
            Persistence::Temporary => "create temporary table ",
        });
        self.when(table.if_not_exists, "if not exists ");
        self.object(&table.name);
        if let Some((parent, text)) = &table.partition_of {
            self.word(" partition of ");
            self.object(parent);
            self.word(" ");
            self.word(text);
            return;
        }
        if let Some(query) = &table.as_query {
            self.opt_names(&query.columns);
        } else {
            self.word(" (");
            self.list(&table.elements, Self::table_element);
            self.word(")");
        }
        if !table.inherits.is_empty() {
            self.word(" inherits (");
            self.list(&table.inherits, Self::object);
            self.word(")");
        }
        if let Some(text) = &table.partition_by {
            self.word(" partition by ");
            self.word(text);
        }
        if let Some(method) = &table.access_method {
            self.word(" using ");
            self.name(method);
        }
        self.with_options(&table.options);
        match table.on_commit {
            Some(OnCommit::Drop) => self.word(" on commit drop"),
            Some(OnCommit::DeleteRows) => self.word(" on commit delete rows"),
            Some(OnCommit::PreserveRows) => self.word(" on commit preserve rows"),
            None => {}
        }
        if let Some(tablespace) = &table.tablespace {
            self.word(" tablespace ");
            self.name(tablespace);
        }
        if let Some(create) = &table.as_query {
            self.word(" as ");
            self.query(&create.query);
            self.when(!create.with_data, " with no data");
        }
    }

    fn table_element(&mut self, element: &TableElement) {
        match element {
            TableElement::Column(column) => self.column_def(column),
            TableElement::Constraint(constraint) => self.table_constraint(constraint),
            TableElement::Like { table, options } => {
                self.word("like ");
                self.object(table);
                for (including, option) in options {
                    self.word(if *including { " including " } else { " excluding " });
                    // The words here are key words of the clause, some of them reserved, so never in quotes.
                    self.word(option);
                }
            }
        }
    }

    fn column_def(&mut self, column: &ColumnDef) {
        self.name(&column.name);
        self.word(" ");
        self.type_name(&column.ty);
        self.collate(column.collation.as_ref());
        self.column_constraints(&column.constraints);
    }

    /// ` collate x`, or nothing.
    pub(super) fn collate(&mut self, collation: Option<&crate::ast::ObjectName>) {
        if let Some(collation) = collation {
            self.word(" collate ");
            self.object(collation);
        }
    }

    /// `constraint name `, or nothing.
    pub(super) fn constraint_name(&mut self, name: Option<&Name>) {
        if let Some(name) = name {
            self.word("constraint ");
            self.name(name);
            self.word(" ");
        }
    }

    pub(super) fn column_constraints(&mut self, constraints: &[ColumnConstraint]) {
        for constraint in constraints {
            self.word(" ");
            self.constraint_name(constraint.name.as_ref());
            match &constraint.kind {
                ColumnConstraintKind::NotNull => self.word("not null"),
                ColumnConstraintKind::Null => self.word("null"),
                ColumnConstraintKind::Default(value) => {
                    self.word("default ");
                    self.operand(value, power::SIGN);
                }
                ColumnConstraintKind::PrimaryKey => self.word("primary key"),
                ColumnConstraintKind::Unique { nulls_not_distinct } => {
                    self.word("unique");
                    self.when(*nulls_not_distinct, " nulls not distinct");
                }
                ColumnConstraintKind::Check { expr, no_inherit } => {
                    self.word("check (");
                    self.expr(expr);
                    self.word(")");
                    self.when(*no_inherit, " no inherit");
                }
                ColumnConstraintKind::References(reference) => self.foreign_ref(reference),
                ColumnConstraintKind::Generated { expr, stored } => {
                    self.word("generated always as (");
                    self.expr(expr);
                    self.word(if *stored { ") stored" } else { ") virtual" });
                }
                ColumnConstraintKind::Identity { always, options } => {
                    self.identity(*always, "as identity");
                    if !options.is_empty() {
                        self.word(" (");
                        self.sequence_options(options);
                        self.word(")");
                    }
                }
            }
            self.timing(constraint.timing);
        }
    }

    /// `generated always …` or `generated by default …`.
    fn identity(&mut self, always: bool, then: &str) {
        self.word(if always { "generated always " } else { "generated by default " });
        self.word(then);
    }

    fn timing(&mut self, timing: Timing) {
        self.when(timing.deferrable, " deferrable");
        self.when(timing.initially_deferred, " initially deferred");
    }

    fn foreign_ref(&mut self, reference: &ForeignRef) {
        self.word("references ");
        self.object(&reference.table);
        self.opt_names(&reference.columns);
        self.when(reference.match_full, " match full");
        for (word, action) in [(" on delete ", &reference.on_delete), (" on update ", &reference.on_update)] {
            if *action == RefAction::NoAction {
                continue;
            }
            self.word(word);
            match action {
                RefAction::NoAction => {}
                RefAction::Restrict => self.word("restrict"),
                RefAction::Cascade => self.word("cascade"),
                RefAction::SetNull(columns) => {
                    self.word("set null");
                    self.opt_names(columns);
                }
                RefAction::SetDefault(columns) => {
                    self.word("set default");
                    self.opt_names(columns);
                }
            }
        }
    }

    fn table_constraint(&mut self, constraint: &TableConstraint) {
        self.constraint_name(constraint.name.as_ref());
        match &constraint.kind {
            TableConstraintKind::PrimaryKey { columns, include } => {
                self.word("primary key");
                self.opt_names(columns);
                self.include(include);
            }
            TableConstraintKind::Unique { columns, include, nulls_not_distinct } => {
                self.word("unique");
                self.when(*nulls_not_distinct, " nulls not distinct");
                self.opt_names(columns);
                self.include(include);
            }
            TableConstraintKind::UsingIndex { primary, index } => {
                self.word(if *primary { "primary key using index " } else { "unique using index " });
                self.name(index);
            }
            TableConstraintKind::Check { expr, no_inherit } => {
                self.word("check (");
                self.expr(expr);
                self.word(")");
                self.when(*no_inherit, " no inherit");
            }
            TableConstraintKind::ForeignKey { columns, reference } => {
                self.word("foreign key");
                self.opt_names(columns);
                self.word(" ");
                self.foreign_ref(reference);
            }
            TableConstraintKind::Exclude(text) => {
                self.word("exclude ");
                self.word(text);
            }
        }
        self.timing(constraint.timing);
        self.when(constraint.not_valid, " not valid");
    }

    fn include(&mut self, include: &[Name]) {
        if !include.is_empty() {
            self.word(" include");
            self.opt_names(include);
        }
    }

    /// `(a = 1, b)`.
    pub(super) fn storage_options(&mut self, options: &[StorageOption]) {
        self.word("(");
        self.list(options, |printer, option| {
            // A namespace is part of the name, so the dot must stay outside quotes.
            for (index, part) in option.name.split('.').enumerate() {
                printer.when(index > 0, ".");
                printer.name(part);
            }
            if let Some(value) = &option.value {
                printer.word(" = ");
                printer.option_value(value);
            }
        });
        self.word(")");
    }

    /// A number or a string: PostgreSQL takes words as strings here.
    pub(super) fn option_value(&mut self, value: &str) {
        let digits = value.strip_prefix('-').unwrap_or(value);
        if !digits.is_empty() && digits.len() < 18 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.word(value);
        } else {
            self.literal(value);
        }
    }

    fn with_options(&mut self, options: &[StorageOption]) {
        if !options.is_empty() {
            self.word(" with ");
            self.storage_options(options);
        }
    }

    pub(super) fn alter_table(&mut self, alter: &AlterTable) {
        self.word("alter ");
        self.word(match alter.kind {
            RelationKind::Table => "table ",
            RelationKind::View => "view ",
            RelationKind::MaterializedView => "materialized view ",
            RelationKind::Index => "index ",
            RelationKind::Sequence => "sequence ",
            RelationKind::ForeignTable => "foreign table ",
        });
        self.when(alter.if_exists, "if exists ");
        self.when(alter.only, "only ");
        self.object(&alter.name);
        self.word(" ");
        self.list(&alter.actions, Self::alter_action);
    }

    fn named(&mut self, words: &str, name: &str) {
        self.word(words);
        self.name(name);
    }

    fn alter_action(&mut self, action: &AlterAction) {
        match action {
            AlterAction::AddColumn { column, if_not_exists } => {
                self.word("add column ");
                self.when(*if_not_exists, "if not exists ");
                self.column_def(column);
            }
            AlterAction::DropColumn { name, if_exists, cascade } => {
                self.word("drop column ");
                self.when(*if_exists, "if exists ");
                self.name(name);
                self.when(*cascade, " cascade");
            }
            AlterAction::SetType { column, ty, collation, using } => {
                self.named("alter column ", column);
                self.word(" type ");
                self.type_name(ty);
                self.collate(collation.as_ref());
                if let Some(using) = using {
                    self.word(" using ");
                    self.expr(using);
                }
            }
            AlterAction::Default { column, value } => {
                self.named("alter column ", column);
                match value {
                    Some(value) => {
                        self.word(" set default ");
                        self.expr(value);
                    }
                    None => self.word(" drop default"),
                }
            }
            AlterAction::NotNull { column, set } => {
                self.named("alter column ", column);
                self.word(if *set { " set not null" } else { " drop not null" });
            }
            AlterAction::AddIdentity { .. }
            | AlterAction::SetIdentity { .. }
            | AlterAction::DropIdentity { .. }
            | AlterAction::DropExpression { .. } => self.alter_generation(action),
            AlterAction::ColumnOther { column, text } => {
                self.named("alter column ", column);
                self.word(" ");
                self.word(text);
            }
            AlterAction::RenameColumn { from, to } => {
                self.named("rename column ", from);
                self.named(" to ", to);
            }
            AlterAction::RenameConstraint { from, to } => {
                self.named("rename constraint ", from);
                self.named(" to ", to);
            }
            AlterAction::RenameTo(name) => self.named("rename to ", name),
            AlterAction::SetSchema(name) => self.named("set schema ", name),
            AlterAction::OwnerTo(role) => {
                self.word("owner to ");
                self.role(role);
            }
            AlterAction::AddConstraint(constraint) => {
                self.word("add ");
                self.table_constraint(constraint);
            }
            AlterAction::ValidateConstraint(name) => self.named("validate constraint ", name),
            AlterAction::AlterConstraint { name, timing } => {
                self.named("alter constraint ", name);
                self.when(!timing.deferrable, " not deferrable");
                self.timing(*timing);
            }
            AlterAction::DropConstraint { name, if_exists, cascade } => {
                self.word("drop constraint ");
                self.when(*if_exists, "if exists ");
                self.name(name);
                self.when(*cascade, " cascade");
            }
            AlterAction::RowSecurity(on) => {
                self.word(if *on { "enable row level security" } else { "disable row level security" });
            }
            AlterAction::ForceRowSecurity(on) => {
                self.word(if *on { "force row level security" } else { "no force row level security" });
            }
            AlterAction::SetOptions(options) => {
                self.word("set ");
                self.storage_options(options);
            }
            AlterAction::ResetOptions(names) => {
                self.word("reset ");
                let options: Vec<StorageOption> =
                    names.iter().map(|name| StorageOption { name: name.clone(), value: None }).collect();
                self.storage_options(&options);
            }
            AlterAction::Other(text) => self.word(text),
        }
    }

    /// What `alter column` does to how a column's values are made.
    fn alter_generation(&mut self, action: &AlterAction) {
        match action {
            AlterAction::AddIdentity { column, always, options } => {
                self.named("alter column ", column);
                self.word(" add ");
                self.identity(*always, "as identity");
                if !options.is_empty() {
                    self.word(" (");
                    self.sequence_options(options);
                    self.word(")");
                }
            }
            AlterAction::SetIdentity { column, always, options } => {
                self.named("alter column ", column);
                if let Some(always) = always {
                    self.word(if *always { " set generated always" } else { " set generated by default" });
                }
                for option in options {
                    self.word(if matches!(option, crate::ast::SequenceOption::Restart(_)) { " " } else { " set " });
                    self.sequence_options(std::slice::from_ref(option));
                }
            }
            AlterAction::DropIdentity { column, if_exists } => {
                self.named("alter column ", column);
                self.word(if *if_exists { " drop identity if exists" } else { " drop identity" });
            }
            AlterAction::DropExpression { column, if_exists } => {
                self.named("alter column ", column);
                self.word(if *if_exists { " drop expression if exists" } else { " drop expression" });
            }
            _ => {}
        }
    }

    pub(super) fn create_index(&mut self, index: &CreateIndex) {
        self.word(if index.unique { "create unique index " } else { "create index " });
        self.when(index.concurrently, "concurrently ");
        self.when(index.if_not_exists, "if not exists ");
        if let Some(name) = &index.name {
            self.name(name);
            self.word(" ");
        }
        self.word("on ");
        self.when(index.only, "only ");
        self.object(&index.table);
        if let Some(method) = &index.method {
            self.named(" using ", method);
        }
        self.word(" (");
        self.list(&index.elements, Self::index_element);
        self.word(")");
        self.include(&index.include);
        self.when(index.nulls_not_distinct, " nulls not distinct");
        self.with_options(&index.options);
        if let Some(tablespace) = &index.tablespace {
            self.named(" tablespace ", tablespace);
        }
        self.filter(index.filter.as_ref());
    }

    pub(super) fn index_element(&mut self, element: &IndexElement) {
        if let crate::ast::Expr::Column { parts } = &element.expr
            && let [column] = &parts[..]
        {
            self.name(column);
        } else {
            self.word("(");
            self.expr(&element.expr);
            self.word(")");
        }
        self.collate(element.collation.as_ref());
        if let Some(opclass) = &element.opclass {
            self.word(" ");
            if opclass.schema.is_none() && &*opclass.name == "nulls" {
                self.word("\"nulls\"");
            } else {
                self.object(opclass);
            }
            if !element.opclass_options.is_empty() {
                self.word(" ");
                self.storage_options(&element.opclass_options);
            }
        }
        self.direction(element.descending, element.nulls_first);
    }

    pub(super) fn create_view(&mut self, view: &CreateView) {
        self.word("create ");
        self.when(view.or_replace, "or replace ");
        self.when(view.temporary, "temporary ");
        self.when(view.recursive, "recursive ");
        self.word(if view.materialized { "materialized view " } else { "view " });
        self.when(view.if_not_exists, "if not exists ");
        self.object(&view.name);
        self.opt_names(&view.columns);
        self.with_options(&view.options);
        self.word(" as ");
        self.query(&view.query);
        match view.check_option {
            Some(CheckOption::Cascaded) => self.word(" with cascaded check option"),
            Some(CheckOption::Local) => self.word(" with local check option"),
            None => {}
        }
        self.when(!view.with_data, " with no data");
    }

    pub(super) fn create_policy(&mut self, policy: &CreatePolicy) {
        self.named("create policy ", &policy.name);
        self.word(" on ");
        self.object(&policy.table);
        self.when(!policy.permissive, " as restrictive");
        match policy.command {
            PolicyCommand::All => {}
            PolicyCommand::Select => self.word(" for select"),
            PolicyCommand::Insert => self.word(" for insert"),
            PolicyCommand::Update => self.word(" for update"),
            PolicyCommand::Delete => self.word(" for delete"),
        }
        self.policy_rest(&policy.roles, policy.using.as_ref(), policy.check.as_ref());
    }

    fn policy_rest(&mut self, roles: &[Role], using: Option<&crate::ast::Expr>, check: Option<&crate::ast::Expr>) {
        if !roles.is_empty() {
            self.word(" to ");
            self.list(roles, Self::role);
        }
        for (word, condition) in [(" using (", using), (" with check (", check)] {
            if let Some(condition) = condition {
                self.word(word);
                self.expr(condition);
                self.word(")");
            }
        }
    }

    pub(super) fn alter_policy(&mut self, policy: &AlterPolicy) {
        self.named("alter policy ", &policy.name);
        self.word(" on ");
        self.object(&policy.table);
        if let Some(name) = &policy.rename_to {
            self.named(" rename to ", name);
        }
        self.policy_rest(&policy.roles, policy.using.as_ref(), policy.check.as_ref());
    }
}
