//! Types, domains, sequences, schemas, extensions, comments, drops.

use super::{Parse, Parser};
use crate::ast::{
    AlterDomain, AlterDomainAction, AlterObject, AlterObjectAction, AlterType, AlterTypeAction, ColumnConstraintKind,
    Comment, CreateDomain, CreateExtension, CreateSchema, CreateSequence, CreateType, Drop, EnumPlace, ObjectKind,
    ObjectName, ObjectRef, SequenceOption, Statement, TypeDefinition,
};

/// The words of each kind of object, longer ones first where one begins another.
const KINDS: &[(&[&str], ObjectKind)] = &[
    (&["foreign", "table"], ObjectKind::ForeignTable),
    (&["foreign", "data", "wrapper"], ObjectKind::ForeignDataWrapper),
    (&["materialized", "view"], ObjectKind::MaterializedView),
    (&["event", "trigger"], ObjectKind::EventTrigger),
    (&["table"], ObjectKind::Table),
    (&["view"], ObjectKind::View),
    (&["index"], ObjectKind::Index),
    (&["sequence"], ObjectKind::Sequence),
    (&["type"], ObjectKind::Type),
    (&["domain"], ObjectKind::Domain),
    (&["function"], ObjectKind::Function),
    (&["procedure"], ObjectKind::Procedure),
    (&["routine"], ObjectKind::Routine),
    (&["aggregate"], ObjectKind::Aggregate),
    (&["schema"], ObjectKind::Schema),
    (&["policy"], ObjectKind::Policy),
    (&["trigger"], ObjectKind::Trigger),
    (&["rule"], ObjectKind::Rule),
    (&["column"], ObjectKind::Column),
    (&["constraint"], ObjectKind::Constraint),
    (&["extension"], ObjectKind::Extension),
    (&["role"], ObjectKind::Role),
    (&["user"], ObjectKind::Role),
    (&["group"], ObjectKind::Role),
    (&["database"], ObjectKind::Database),
    (&["procedural", "language"], ObjectKind::Language),
    (&["language"], ObjectKind::Language),
    (&["collation"], ObjectKind::Collation),
    (&["publication"], ObjectKind::Publication),
    (&["tablespace"], ObjectKind::Tablespace),
    (&["server"], ObjectKind::Server),
];

impl Parser<'_> {
    /// The kind of object that comes next, if it is one.
    pub(super) fn object_kind(&mut self) -> Option<ObjectKind> {
        KINDS.iter().find(|(words, _)| self.eat_all(words)).map(|(_, kind)| *kind)
    }

    /// An object of a kind, as `drop`, `comment` and `alter` name it.
    pub(super) fn object_ref(&mut self, kind: ObjectKind) -> Parse<ObjectRef> {
        let mut object = ObjectRef { name: ObjectName::bare(""), on: None, args: None };
        match kind {
            ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine => {
                object.name = self.function_object_name()?;
                if self.is("(") {
                    object.args = Some(self.function_params(false)?);
                }
            }
            ObjectKind::Aggregate => {
                object.name = self.function_object_name()?;
                if self.is_at(1, "*") || self.is_at(1, "order") {
                    return self.error("this kind of aggregate is not supported");
                }
                object.args = Some(self.function_params(false)?);
            }
            ObjectKind::Policy | ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Constraint => {
                object.name = ObjectName::bare(self.name()?);
                self.expect("on")?;
                object.on = Some(self.object_name()?);
            }
            ObjectKind::Column => {
                let mut parts = vec![self.name()?];
                while self.eat(".") {
                    parts.push(self.label()?);
                }
                let column = parts.pop().unwrap_or_else(|| "".into());
                object.name = ObjectName::bare(column);
                object.on = match (parts.pop(), parts.pop(), parts.pop()) {
                    (Some(name), schema, None) => Some(ObjectName { schema, name }),
                    _ => return self.error("a column is named table.column or schema.table.column"),
                };
            }
            ObjectKind::Type | ObjectKind::Domain | ObjectKind::Collation => object.name = self.any_object_name()?,
            _ => object.name = self.object_name()?,
        }
        Ok(object)
    }

    /// `drop …`.
    pub(super) fn drop(&mut self) -> Parse<Drop> {
        self.expect("drop")?;
        let place = self.token();
        let Some(kind) = self.object_kind() else { return self.unsupported("drop") };
        if matches!(kind, ObjectKind::Column | ObjectKind::Constraint) {
            return self.error_at(place, "columns and constraints are dropped by alter table");
        }
        let concurrently = kind == ObjectKind::Index && self.eat("concurrently");
        let if_exists = self.if_exists();
        let one = matches!(kind, ObjectKind::Policy | ObjectKind::Trigger | ObjectKind::Rule);
        let objects = if one { vec![self.object_ref(kind)?] } else { self.list(|parser| parser.object_ref(kind))? };
        Ok(Drop { kind, objects, if_exists, concurrently, cascade: self.cascade() })
    }

    /// `comment on …`.
    pub(super) fn comment(&mut self) -> Parse<Comment> {
        self.expect_all(&["comment", "on"])?;
        let Some(mut kind) = self.object_kind() else { return self.unsupported("comment on") };
        let object = if kind == ObjectKind::Constraint {
            let name = ObjectName::bare(self.name()?);
            self.expect("on")?;
            if self.eat("domain") {
                kind = ObjectKind::DomainConstraint;
            }
            ObjectRef { name, on: Some(self.object_name()?), args: None }
        } else {
            self.object_ref(kind)?
        };
        self.expect("is")?;
        let text = if self.eat("null") { None } else { Some(self.string()?) };
        Ok(Comment { kind, object, text })
    }

    /// `rename to`, `set schema`, `owner to`.
    pub(super) fn alter_object_action(&mut self) -> Parse<Option<AlterObjectAction>> {
        if self.eat_all(&["rename", "to"]) {
            return Ok(Some(AlterObjectAction::RenameTo(self.name()?)));
        }
        if self.eat_all(&["set", "schema"]) {
            return Ok(Some(AlterObjectAction::SetSchema(self.name()?)));
        }
        if self.eat_all(&["owner", "to"]) {
            return Ok(Some(AlterObjectAction::OwnerTo(self.role()?)));
        }
        Ok(None)
    }

    /// `alter <kind> <object>`, for kinds that only have what every object has.
    pub(super) fn alter_object(&mut self, kind: ObjectKind) -> Parse<Statement> {
        let object = self.object_ref(kind)?;
        match self.alter_object_action()? {
            Some(action) => Ok(Statement::AlterObject(Box::new(AlterObject { kind, object, action }))),
            None => self.unexpected(),
        }
    }

    /// `create type …`, from `type` on.
    pub(super) fn create_type(&mut self) -> Parse<CreateType> {
        self.expect("type")?;
        let name = self.any_object_name()?;
        let definition = if self.eat_all(&["as", "enum"]) {
            self.expect("(")?;
            let labels = if self.is(")") { Vec::new() } else { self.list(Self::string)? };
            self.expect(")")?;
            TypeDefinition::Enum(labels)
        } else if self.eat_all(&["as", "range"]) {
            TypeDefinition::Range(self.parenthesised_text()?)
        } else if self.eat("as") {
            self.expect("(")?;
            let field = |parser: &mut Self| {
                let name = parser.name()?;
                let ty = parser.type_name()?;
                let collation = if parser.eat("collate") { Some(parser.any_object_name()?) } else { None };
                Ok((name, ty, collation))
            };
            let fields = if self.is(")") { Vec::new() } else { self.list(field)? };
            self.expect(")")?;
            TypeDefinition::Composite(fields)
        } else if self.is("(") {
            TypeDefinition::Base(self.parenthesised_text()?)
        } else {
            TypeDefinition::Shell
        };
        Ok(CreateType { name, definition })
    }

    /// `alter type …`, from `type` on.
    pub(super) fn alter_type(&mut self) -> Parse<Statement> {
        self.expect("type")?;
        let name = self.any_object_name()?;
        let action = if self.eat_all(&["add", "value"]) {
            let if_not_exists = self.if_not_exists();
            let value = self.string()?;
            let place = if self.eat("before") {
                Some(EnumPlace::Before(self.string()?))
            } else if self.eat("after") {
                Some(EnumPlace::After(self.string()?))
            } else {
                None
            };
            AlterTypeAction::AddValue { value, if_not_exists, place }
        } else if self.eat_all(&["rename", "value"]) {
            let from = self.string()?;
            self.expect("to")?;
            AlterTypeAction::RenameValue { from, to: self.string()? }
        } else if let Some(action) = self.alter_object_action()? {
            let object = ObjectRef { name, on: None, args: None };
            return Ok(Statement::AlterObject(Box::new(AlterObject { kind: ObjectKind::Type, object, action })));
        } else if self.is_any(&["add", "drop", "alter", "rename", "set"]) {
            AlterTypeAction::Other(self.rest(false)?)
        } else {
            return self.unexpected();
        };
        Ok(Statement::AlterType(AlterType { name, action }))
    }

    /// `create domain …`, from `domain` on.
    pub(super) fn create_domain(&mut self) -> Parse<CreateDomain> {
        self.expect("domain")?;
        let name = self.any_object_name()?;
        self.eat("as");
        let ty = self.type_name()?;
        let mut domain = CreateDomain { name, ty, collation: None, constraints: Vec::new() };
        let place = self.token();
        self.column_constraints(&mut domain.constraints, &mut domain.collation)?;
        let fits = |kind: &ColumnConstraintKind| {
            matches!(
                kind,
                ColumnConstraintKind::NotNull
                    | ColumnConstraintKind::Null
                    | ColumnConstraintKind::Default(_)
                    | ColumnConstraintKind::Check { .. }
            )
        };
        if !domain.constraints.iter().all(|constraint| fits(&constraint.kind)) {
            return self.error_at(place, "a domain has default, null, not null and check constraints only");
        }
        Ok(domain)
    }

    /// `alter domain …`, from `domain` on.
    pub(super) fn alter_domain(&mut self) -> Parse<Statement> {
        self.expect("domain")?;
        let name = self.any_object_name()?;
        let action = if self.eat_all(&["set", "default"]) {
            AlterDomainAction::Default(Some(self.expr()?))
        } else if self.eat_all(&["drop", "default"]) {
            AlterDomainAction::Default(None)
        } else if self.eat_all(&["set", "not", "null"]) {
            AlterDomainAction::NotNull(true)
        } else if self.eat_all(&["drop", "not", "null"]) {
            AlterDomainAction::NotNull(false)
        } else if self.eat("add") {
            let name = if self.eat("constraint") { Some(self.name()?) } else { None };
            self.expect("check")?;
            let expr = self.condition()?;
            AlterDomainAction::AddCheck { name, expr, not_valid: self.eat_all(&["not", "valid"]) }
        } else if self.eat_all(&["drop", "constraint"]) {
            let if_exists = self.if_exists();
            let name = self.name()?;
            AlterDomainAction::DropConstraint { name, if_exists, cascade: self.cascade() }
        } else if self.eat_all(&["rename", "constraint"]) {
            let from = self.name()?;
            self.expect("to")?;
            AlterDomainAction::RenameConstraint { from, to: self.name()? }
        } else if self.eat_all(&["validate", "constraint"]) {
            AlterDomainAction::ValidateConstraint(self.name()?)
        } else if let Some(action) = self.alter_object_action()? {
            let object = ObjectRef { name, on: None, args: None };
            return Ok(Statement::AlterObject(Box::new(AlterObject { kind: ObjectKind::Domain, object, action })));
        } else {
            return self.unexpected();
        };
        Ok(Statement::AlterDomain(Box::new(AlterDomain { name, action })))
    }

    /// `create [temporary] sequence …`, from `sequence` on.
    pub(super) fn create_sequence(&mut self, temporary: bool) -> Parse<CreateSequence> {
        self.expect("sequence")?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        Ok(CreateSequence { name, temporary, if_not_exists, options: self.sequence_options()? })
    }

    pub(super) fn at_sequence_option(&self) -> bool {
        self.is_any(&[
            "as",
            "increment",
            "minvalue",
            "maxvalue",
            "start",
            "restart",
            "cache",
            "cycle",
            "no",
            "owned",
            "sequence",
        ])
    }

    pub(super) fn sequence_options(&mut self) -> Parse<Vec<SequenceOption>> {
        let mut options = Vec::new();
        while self.at_sequence_option() {
            options.push(self.sequence_option()?);
        }
        Ok(options)
    }

    pub(super) fn sequence_options_in_parens(&mut self) -> Parse<Vec<SequenceOption>> {
        self.expect("(")?;
        let options = self.sequence_options()?;
        self.expect(")")?;
        Ok(options)
    }

    pub(super) fn sequence_option(&mut self) -> Parse<SequenceOption> {
        if self.eat("as") {
            return self.type_name().map(SequenceOption::As);
        }
        if self.eat("increment") {
            self.eat("by");
            return self.signed_integer().map(SequenceOption::Increment);
        }
        if self.eat("minvalue") {
            return self.signed_integer().map(|value| SequenceOption::MinValue(Some(value)));
        }
        if self.eat("maxvalue") {
            return self.signed_integer().map(|value| SequenceOption::MaxValue(Some(value)));
        }
        if self.eat("start") {
            self.eat("with");
            return self.signed_integer().map(SequenceOption::Start);
        }
        if self.eat("restart") {
            let valued = self.eat("with") || self.is("-") || self.token().kind == crate::lex::TokenKind::Integer;
            return Ok(SequenceOption::Restart(if valued { Some(self.signed_integer()?) } else { None }));
        }
        if self.eat("cache") {
            return self.signed_integer().map(SequenceOption::Cache);
        }
        if self.eat("cycle") {
            return Ok(SequenceOption::Cycle(true));
        }
        if self.eat_all(&["no", "minvalue"]) {
            return Ok(SequenceOption::MinValue(None));
        }
        if self.eat_all(&["no", "maxvalue"]) {
            return Ok(SequenceOption::MaxValue(None));
        }
        if self.eat_all(&["no", "cycle"]) {
            return Ok(SequenceOption::Cycle(false));
        }
        if self.eat_all(&["sequence", "name"]) {
            return self.object_name().map(SequenceOption::SequenceName);
        }
        if self.eat_all(&["owned", "by"]) {
            if self.is("none") && !self.is_at(1, ".") {
                self.advance();
                return Ok(SequenceOption::OwnedBy(None));
            }
            let column = self.object_ref(ObjectKind::Column)?;
            return Ok(SequenceOption::OwnedBy(column.on.map(|table| (table, column.name.name))));
        }
        self.unexpected()
    }

    /// `create schema …`, from `schema` on.
    pub(super) fn create_schema(&mut self) -> Parse<CreateSchema> {
        self.expect("schema")?;
        let if_not_exists = self.if_not_exists();
        let name = if self.is("authorization") { None } else { Some(self.name()?) };
        let owner = if self.eat("authorization") { Some(self.role()?) } else { None };
        if !self.at_end() && !self.is(";") {
            return self.error("statements inside create schema are not supported: write them on their own");
        }
        Ok(CreateSchema { name, if_not_exists, owner })
    }

    /// `create extension …`, from `extension` on.
    pub(super) fn create_extension(&mut self) -> Parse<CreateExtension> {
        self.expect("extension")?;
        let if_not_exists = self.if_not_exists();
        let name = self.name()?;
        self.eat("with");
        let mut extension = CreateExtension { name, if_not_exists, schema: None, version: None, cascade: false };
        loop {
            if self.eat("schema") {
                extension.schema = Some(self.name()?);
            } else if self.eat("version") {
                extension.version =
                    Some(if self.at_string() { self.string()? } else { self.label()?.as_ref().to_owned() });
            } else if self.eat("cascade") {
                extension.cascade = true;
            } else {
                return Ok(extension);
            }
        }
    }
}
