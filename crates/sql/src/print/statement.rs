//! Statements.

use super::Printer;
use crate::ast::{Statement, StorageOption};

impl Printer {
    fn text(&mut self, words: &str, text: &str) {
        self.word(words);
        if !text.is_empty() {
            self.when(!words.is_empty(), " ");
            self.word(text);
        }
    }

    fn named_command(&mut self, words: &str, name: &str) {
        self.word(words);
        self.name(name);
    }

    pub(super) fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Query(query) => self.query(query),
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Truncate(truncate) => {
                self.word("truncate ");
                self.list(&truncate.tables, Self::object);
                self.when(truncate.restart_identity, " restart identity");
                self.when(truncate.cascade, " cascade");
            }
            Statement::CreateTable(table) => self.create_table(table),
            Statement::AlterTable(alter) => self.alter_table(alter),
            Statement::CreateIndex(index) => self.create_index(index),
            Statement::CreateView(view) => self.create_view(view),
            Statement::RefreshView(refresh) => {
                self.word("refresh materialized view ");
                self.when(refresh.concurrently, "concurrently ");
                self.object(&refresh.name);
                self.when(!refresh.with_data, " with no data");
            }
            Statement::CreateType(create) => self.create_type(create),
            Statement::AlterType(alter) => self.alter_type(alter),
            Statement::CreateDomain(domain) => self.create_domain(domain),
            Statement::AlterDomain(alter) => self.alter_domain(alter),
            Statement::CreateFunction(function) => self.create_function(function),
            Statement::CreatePolicy(policy) => self.create_policy(policy),
            Statement::AlterPolicy(policy) => self.alter_policy(policy),
            Statement::Grant(grant) => self.grant(grant),
            Statement::GrantRole(grant) => self.grant_role(grant),
            Statement::AlterDefaultPrivileges(alter) => self.alter_default_privileges(alter),
            Statement::CreateRole(create) => self.create_role(create),
            Statement::AlterRole(alter) => self.alter_role(alter),
            Statement::CreateTrigger(trigger) => self.word(&trigger.text),
            Statement::CreateSequence(_)
            | Statement::AlterSequence(_)
            | Statement::CreateSchema(_)
            | Statement::CreateExtension(_)
            | Statement::AlterFunction(_)
            | Statement::AlterObject(_)
            | Statement::Drop(_)
            | Statement::Comment(_) => self.object_statement(statement),
            Statement::Do(_)
            | Statement::Set(_)
            | Statement::SetOther(_)
            | Statement::Reset(_)
            | Statement::Show(_)
            | Statement::Begin(_)
            | Statement::Commit
            | Statement::Rollback
            | Statement::Savepoint(_)
            | Statement::Release(_)
            | Statement::RollbackTo(_)
            | Statement::Call(_)
            | Statement::Notify { .. }
            | Statement::Explain(_)
            | Statement::Copy(_)
            | Statement::Maintenance { .. } => self.session_statement(statement),
        }
    }

    /// Statements about objects without a file of their own.
    fn object_statement(&mut self, statement: &Statement) {
        match statement {
            Statement::CreateSequence(create) => {
                self.word(if create.temporary { "create temporary sequence " } else { "create sequence " });
                self.when(create.if_not_exists, "if not exists ");
                self.object(&create.name);
                self.when(!create.options.is_empty(), " ");
                self.sequence_options(&create.options);
            }
            Statement::AlterSequence(alter) => {
                self.word("alter sequence ");
                self.when(alter.if_exists, "if exists ");
                self.object(&alter.name);
                self.word(" ");
                self.sequence_options(&alter.options);
            }
            Statement::CreateSchema(create) => {
                self.word("create schema");
                self.when(create.if_not_exists, " if not exists");
                if let Some(name) = &create.name {
                    self.named_command(" ", name);
                }
                if let Some(owner) = &create.owner {
                    self.word(" authorization ");
                    self.role(owner);
                }
            }
            Statement::CreateExtension(create) => {
                self.word("create extension ");
                self.when(create.if_not_exists, "if not exists ");
                self.name(&create.name);
                if let Some(schema) = &create.schema {
                    self.named_command(" schema ", schema);
                }
                if let Some(version) = &create.version {
                    self.word(" version ");
                    self.literal(version);
                }
                self.when(create.cascade, " cascade");
            }
            Statement::AlterFunction(alter) => {
                self.text("alter", alter.kind.words());
                self.word(" ");
                self.object_ref(alter.kind, &alter.object);
                for option in &alter.options {
                    self.word(" ");
                    self.function_option(option);
                }
            }
            Statement::AlterObject(alter) => {
                self.text("alter", alter.kind.words());
                self.word(" ");
                self.object_ref(alter.kind, &alter.object);
                self.alter_object_action(&alter.action);
            }
            Statement::Drop(drop) => {
                self.text("drop", drop.kind.words());
                self.word(" ");
                self.when(drop.concurrently, "concurrently ");
                self.when(drop.if_exists, "if exists ");
                self.list(&drop.objects, |printer, object| printer.object_ref(drop.kind, object));
                self.when(drop.cascade, " cascade");
            }
            Statement::Comment(comment) => {
                self.text("comment on", comment.kind.words());
                self.word(" ");
                self.object_ref(comment.kind, &comment.object);
                self.word(" is ");
                match &comment.text {
                    Some(text) => self.literal(text),
                    None => self.word("null"),
                }
            }
            _ => {}
        }
    }

    /// Statements about the session, transactions and the rest.
    fn session_statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Do(block) => {
                self.word("do ");
                if let Some(language) = &block.language {
                    self.named_command("language ", language);
                    self.word(" ");
                }
                self.dollar_quoted(&block.body);
            }
            Statement::Set(setting) => {
                self.word("set ");
                self.setting(setting);
            }
            Statement::SetOther(text) => self.text("set", text),
            Statement::Reset(name) => {
                self.word("reset ");
                self.setting_name_or_all(name.as_ref());
            }
            Statement::Show(name) => {
                self.word("show ");
                self.setting_name_or_all(name.as_ref());
            }
            Statement::Begin(modes) => self.text("begin", modes),
            Statement::Commit => self.word("commit"),
            Statement::Rollback => self.word("rollback"),
            Statement::Savepoint(name) => self.named_command("savepoint ", name),
            Statement::Release(name) => self.named_command("release savepoint ", name),
            Statement::RollbackTo(name) => self.named_command("rollback to savepoint ", name),
            Statement::Call(call) => {
                self.word("call ");
                self.call(call);
            }
            Statement::Notify { channel, payload } => {
                self.named_command("notify ", channel);
                if let Some(payload) = payload {
                    self.word(", ");
                    self.literal(payload);
                }
            }
            Statement::Explain(explain) => {
                self.word("explain ");
                if !explain.options.is_empty() {
                    self.word("(");
                    self.list(&explain.options, |printer, StorageOption { name, value }| {
                        // `analyze` and `verbose` are words of the grammar here, so they stay without quotes.
                        printer.word(name);
                        if let Some(value) = value {
                            printer.word(" ");
                            printer.option_value(value);
                        }
                    });
                    self.word(") ");
                }
                self.statement(&explain.statement);
            }
            Statement::Copy(text) | Statement::Maintenance { text, .. } => self.word(text),
            _ => {}
        }
    }
}
