//! Which statement it is, and the small ones.

use super::{Parse, Parser};
use crate::ast::{
    Do, Explain, Name, ObjectKind, Persistence, RefreshView, RelationKind, SetScope, SetValue, SetVariable,
    SettingValue, Statement, StorageOption,
};
use crate::lex::TokenKind;

impl Parser<'_> {
    /// One statement, without its semicolon.
    pub(super) fn statement(&mut self) -> Parse<Statement> {
        self.nested(Self::any_statement)
    }

    fn any_statement(&mut self) -> Parse<Statement> {
        let start = self.token();
        if self.is("(") || self.at_query(0) {
            return self.row_statement();
        }
        if start.kind != TokenKind::Word {
            return self.unexpected();
        }
        let word = self.text_of(start).to_ascii_lowercase();
        Ok(match &*word {
            "insert" | "update" | "delete" | "merge" | "values" => return self.row_statement(),
            "truncate" => Statement::Truncate(self.truncate()?),
            "create" => return self.create(),
            "alter" => return self.alter(),
            "drop" => Statement::Drop(self.drop()?),
            "comment" => Statement::Comment(self.comment()?),
            "grant" | "revoke" => return self.grant(),
            "refresh" => self.refresh()?,
            "do" => self.do_block()?,
            "set" => self.set()?,
            "reset" => {
                self.advance();
                Statement::Reset(if self.eat("all") { None } else { Some(self.setting_name()?) })
            }
            "show" => {
                self.advance();
                Statement::Show(if self.eat("all") { None } else { Some(self.setting_name()?) })
            }
            "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => {
                return self.transaction(&word);
            }
            "call" => {
                self.advance();
                let name = self.function_object_name()?;
                Statement::Call(Box::new(self.call(name)?))
            }
            "notify" => {
                self.advance();
                let channel = self.name()?;
                Statement::Notify { channel, payload: if self.eat(",") { Some(self.string()?) } else { None } }
            }
            "explain" => self.explain()?,
            "copy" => Statement::Copy(self.rest(false)?),
            "analyze" | "analyse" | "vacuum" | "reindex" | "cluster" | "lock" | "listen" | "unlisten" | "discard"
            | "checkpoint" => Statement::Maintenance { command: word.into(), text: self.rest(false)? },
            _ => return self.unsupported(""),
        })
    }

    /// An error that names a statement this crate does not know.
    pub(super) fn unsupported<T>(&self, verb: &str) -> Parse<T> {
        let token = self.token();
        if token.kind != TokenKind::Word {
            return self.unexpected();
        }
        let word = self.text_of(token).to_ascii_lowercase();
        let separator = if verb.is_empty() { "" } else { " " };
        self.error(format!("{verb}{separator}{word} is not a statement that is supported"))
    }

    fn create(&mut self) -> Parse<Statement> {
        let start = self.token().start;
        self.expect("create")?;
        let or_replace = self.eat_all(&["or", "replace"]);
        if self.is("view") || self.are(&["recursive", "view"]) {
            return Ok(Statement::CreateView(Box::new(self.create_view(or_replace, false)?)));
        }
        if self.is("function") || self.is("procedure") {
            return Ok(Statement::CreateFunction(Box::new(self.create_function(or_replace)?)));
        }
        if self.is("trigger") || self.are(&["constraint", "trigger"]) {
            return Ok(Statement::CreateTrigger(self.create_trigger(start)?));
        }
        if or_replace
            && (self.is("temporary") || self.is("temp"))
            && (self.is_at(1, "view") || self.is_at(1, "recursive"))
        {
            self.advance();
            return Ok(Statement::CreateView(Box::new(self.create_view(true, true)?)));
        }
        if or_replace {
            return self.unsupported("create or replace");
        }
        if self.is("global") || self.is("local") {
            self.advance();
        }
        let temporary = self.eat("temporary") || self.eat("temp");
        let persistence = if temporary {
            Persistence::Temporary
        } else if self.eat("unlogged") {
            Persistence::Unlogged
        } else {
            Persistence::Permanent
        };
        Ok(if self.is("table") {
            Statement::CreateTable(Box::new(self.create_table(persistence)?))
        } else if self.is("sequence") {
            Statement::CreateSequence(self.create_sequence(temporary)?)
        } else if self.is("view") || self.are(&["recursive", "view"]) {
            Statement::CreateView(Box::new(self.create_view(false, temporary)?))
        } else if persistence != Persistence::Permanent {
            return self.expected("table, sequence or view");
        } else if self.is("materialized") {
            Statement::CreateView(Box::new(self.create_view(false, false)?))
        } else if self.is("index") || self.are(&["unique", "index"]) {
            Statement::CreateIndex(Box::new(self.create_index()?))
        } else if self.is("policy") {
            Statement::CreatePolicy(Box::new(self.create_policy()?))
        } else if self.is("type") {
            Statement::CreateType(self.create_type()?)
        } else if self.is("domain") {
            Statement::CreateDomain(Box::new(self.create_domain()?))
        } else if self.is("schema") {
            Statement::CreateSchema(self.create_schema()?)
        } else if self.is("extension") {
            Statement::CreateExtension(self.create_extension()?)
        } else if self.is_any(&["role", "user", "group"]) && !self.is_at(1, "mapping") {
            Statement::CreateRole(self.create_role()?)
        } else {
            return self.unsupported("create");
        })
    }

    fn alter(&mut self) -> Parse<Statement> {
        self.expect("alter")?;
        for (words, kind) in [
            (&["table"][..], RelationKind::Table),
            (&["view"], RelationKind::View),
            (&["materialized", "view"], RelationKind::MaterializedView),
            (&["index"], RelationKind::Index),
            (&["sequence"], RelationKind::Sequence),
            (&["foreign", "table"], RelationKind::ForeignTable),
        ] {
            if self.eat_all(words) {
                return self.alter_relation(kind);
            }
        }
        if self.is("policy") {
            return Ok(Statement::AlterPolicy(Box::new(self.alter_policy()?)));
        }
        if self.is("type") {
            return self.alter_type();
        }
        if self.is("domain") {
            return self.alter_domain();
        }
        if self.are(&["default", "privileges"]) {
            return Ok(Statement::AlterDefaultPrivileges(self.alter_default_privileges()?));
        }
        if self.is_any(&["role", "user"]) && !self.is_at(1, "mapping") {
            return Ok(Statement::AlterRole(self.alter_role()?));
        }
        for (word, kind) in
            [("function", ObjectKind::Function), ("procedure", ObjectKind::Procedure), ("routine", ObjectKind::Routine)]
        {
            if self.eat(word) {
                return self.alter_function(kind);
            }
        }
        for (word, kind) in [
            ("schema", ObjectKind::Schema),
            ("aggregate", ObjectKind::Aggregate),
            ("collation", ObjectKind::Collation),
            ("extension", ObjectKind::Extension),
            ("language", ObjectKind::Language),
            ("database", ObjectKind::Database),
            ("trigger", ObjectKind::Trigger),
        ] {
            if self.eat(word) {
                return self.alter_object(kind);
            }
        }
        self.unsupported("alter")
    }

    fn refresh(&mut self) -> Parse<Statement> {
        self.expect_all(&["refresh", "materialized", "view"])?;
        let concurrently = self.eat("concurrently");
        let name = self.object_name()?;
        Ok(Statement::RefreshView(RefreshView { name, concurrently, with_data: self.with_data() }))
    }

    fn do_block(&mut self) -> Parse<Statement> {
        self.expect("do")?;
        let mut language = if self.eat("language") { Some(self.language()?) } else { None };
        let body = self.string()?;
        if self.eat("language") {
            language = Some(self.language()?);
        }
        Ok(Statement::Do(Do { language, body }))
    }

    fn explain(&mut self) -> Parse<Statement> {
        self.expect("explain")?;
        let mut options = Vec::new();
        if self.is("(") && !self.at_query(1) && !self.is_at(1, "(") {
            options = self.parenthesised(|parser| {
                let name = parser.label()?;
                let value = if parser.is(",") || parser.is(")") { None } else { Some(parser.option_value()?) };
                Ok(StorageOption { name, value })
            })?;
        } else {
            for word in ["analyze", "verbose"] {
                if self.eat(word) {
                    options.push(StorageOption { name: word.into(), value: None });
                }
            }
        }
        let statement = Box::new(self.statement()?);
        Ok(Statement::Explain(Explain { options, statement }))
    }

    fn transaction(&mut self, word: &str) -> Parse<Statement> {
        self.advance();
        match word {
            "start" => {
                self.expect("transaction")?;
                return Ok(Statement::Begin(self.rest(false)?));
            }
            "savepoint" => return Ok(Statement::Savepoint(self.name()?)),
            "release" => {
                self.eat("savepoint");
                return Ok(Statement::Release(self.name()?));
            }
            _ => {}
        }
        if !self.eat("work") {
            self.eat("transaction");
        }
        match word {
            "begin" => Ok(Statement::Begin(self.rest(false)?)),
            "commit" | "end" => {
                self.no_chain()?;
                Ok(Statement::Commit)
            }
            _ if word == "rollback" && self.eat("to") => {
                self.eat("savepoint");
                Ok(Statement::RollbackTo(self.name()?))
            }
            _ => {
                self.no_chain()?;
                Ok(Statement::Rollback)
            }
        }
    }

    fn no_chain(&mut self) -> Parse<()> {
        if self.are(&["and", "chain"]) {
            return self.error("and chain is not supported");
        }
        self.eat_all(&["and", "no", "chain"]);
        Ok(())
    }

    fn set(&mut self) -> Parse<Statement> {
        self.expect("set")?;
        if self.is("transaction") || self.is("constraints") || self.are(&["session", "characteristics"]) {
            return Ok(Statement::SetOther(self.rest(false)?));
        }
        if self.are(&["session", "authorization"]) || self.are(&["local", "session", "authorization"]) {
            return Ok(Statement::SetOther(self.rest(false)?));
        }
        let scope =
            if self.eat("local") { Some(SetScope::Local) } else { self.eat("session").then_some(SetScope::Session) };
        self.setting(scope).map(Statement::Set)
    }

    /// The name of a setting, with its dots.
    pub(super) fn setting_name(&mut self) -> Parse<Name> {
        if self.eat_all(&["time", "zone"]) {
            return Ok("timezone".into());
        }
        let mut name = self.function_or_column_name()?;
        while self.eat(".") {
            name = format!("{name}.{}", self.label()?).into();
        }
        Ok(name)
    }

    /// `name to|= values`, after `set`.
    pub(super) fn setting(&mut self, scope: Option<SetScope>) -> Parse<SetVariable> {
        let bare = self.are(&["time", "zone"])
            || ["role", "schema", "names"]
                .iter()
                .any(|word| self.is(word) && !self.is_at(1, "to") && !self.is_at(1, "=") && !self.is_at(1, "."));
        let mut name = self.setting_name()?;
        if bare {
            match &*name {
                "schema" => name = "search_path".into(),
                "names" => name = "client_encoding".into(),
                _ => {}
            }
        } else if self.eat_all(&["from", "current"]) {
            return Ok(SetVariable { name, scope, value: SetValue::FromCurrent });
        } else if !self.eat("=") {
            self.expect("to")?;
        }
        if self.eat("default") || (bare && &*name == "timezone" && self.eat("local")) {
            return Ok(SetVariable { name, scope, value: SetValue::Default });
        }
        let values = self.list(|parser| match parser.token().kind {
            TokenKind::String => parser.string().map(SettingValue::String),
            TokenKind::Word | TokenKind::QuotedIdent => parser.label().map(SettingValue::Word),
            _ => parser.signed_number().map(SettingValue::Number),
        })?;
        Ok(SetVariable { name, scope, value: SetValue::Values(values) })
    }
}
