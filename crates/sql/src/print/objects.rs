//! Functions, types, domains, sequences, roles and grants.

use super::{Printer, function_name};
use crate::ast::{
    AlterDefaultPrivileges, AlterDomain, AlterDomainAction, AlterObjectAction, AlterRole, AlterRoleAction, AlterType,
    AlterTypeAction, CreateDomain, CreateFunction, CreateRole, CreateType, EnumPlace, FunctionBody, FunctionOption,
    FunctionParam, Grant, GrantRole, GrantTarget, Name, ObjectKind, ObjectRef, ParamMode, Privileges, Returns, Role,
    RoleOption, SequenceOption, SetScope, SetValue, SetVariable, SettingValue, TypeDefinition, Volatility,
};

impl Printer {
    pub(super) fn role(&mut self, role: &Role) {
        match role {
            Role::Named(name) => self.name(name),
            Role::Public => self.word("public"),
            Role::CurrentUser => self.word("current_user"),
            Role::CurrentRole => self.word("current_role"),
            Role::SessionUser => self.word("session_user"),
        }
    }

    pub(super) fn create_function(&mut self, function: &CreateFunction) {
        self.word("create ");
        self.when(function.or_replace, "or replace ");
        self.word(if function.procedure { "procedure " } else { "function " });
        self.object(&function.name);
        self.params(&function.params);
        match &function.returns {
            Some(Returns::Type(ty)) => {
                self.word(" returns ");
                self.type_name(ty);
            }
            Some(Returns::Table(columns)) => {
                self.word(" returns table ");
                self.typed_columns(columns);
            }
            None => {}
        }
        if let Some(language) = &function.language {
            self.word(" language ");
            self.name(language);
        }
        for option in &function.options {
            self.word(" ");
            self.function_option(option);
        }
        match &function.body {
            Some(FunctionBody::Text(text)) => {
                self.word(" as ");
                self.dollar_quoted(text);
            }
            Some(FunctionBody::Linked(file, symbol)) => {
                self.word(" as ");
                self.literal(file);
                self.word(", ");
                self.literal(symbol);
            }
            Some(FunctionBody::Return(expr)) => {
                self.word(" return ");
                self.expr(expr);
            }
            Some(FunctionBody::Atomic(statements)) => {
                self.word(" begin atomic ");
                for statement in statements {
                    self.statement(statement);
                    self.word("; ");
                }
                self.word("end");
            }
            None => {}
        }
    }

    /// A text in dollar quotes whose tag does not stand in it.
    pub(super) fn dollar_quoted(&mut self, text: &str) {
        let mut tag = "$$".to_owned();
        let mut number = 0u32;
        // The text with the closing dollar after it must not hold the tag early: `…$` before `$$` would.
        while text.contains(&tag) || (text.ends_with('$') && tag == "$$") || text.ends_with(&tag[..tag.len() - 1]) {
            number += 1;
            tag = format!("$body{number}$");
        }
        self.word(&tag);
        self.word(text);
        self.word(&tag);
    }

    pub(super) fn params(&mut self, params: &[FunctionParam]) {
        self.word("(");
        self.list(params, |printer, param| {
            printer.word(match param.mode {
                ParamMode::In => "",
                ParamMode::Out => "out ",
                ParamMode::InOut => "inout ",
                ParamMode::Variadic => "variadic ",
            });
            if let Some(name) = &param.name {
                printer.name(name);
                printer.word(" ");
            }
            printer.type_name(&param.ty);
            if let Some(default) = &param.default {
                printer.word(" default ");
                printer.expr(default);
            }
        });
        self.word(")");
    }

    pub(super) fn function_option(&mut self, option: &FunctionOption) {
        match option {
            FunctionOption::Volatility(volatility) => self.word(match volatility {
                Volatility::Immutable => "immutable",
                Volatility::Stable => "stable",
                Volatility::Volatile => "volatile",
            }),
            FunctionOption::Strict(strict) => self.word(if *strict { "strict" } else { "called on null input" }),
            FunctionOption::SecurityDefiner(definer) => {
                self.word(if *definer { "security definer" } else { "security invoker" });
            }
            FunctionOption::Leakproof(leakproof) => self.word(if *leakproof { "leakproof" } else { "not leakproof" }),
            FunctionOption::Window => self.word("window"),
            FunctionOption::Parallel(level) => {
                self.word("parallel ");
                self.name(level);
            }
            FunctionOption::Cost(cost) => {
                self.word("cost ");
                self.word(cost);
            }
            FunctionOption::Rows(rows) => {
                self.word("rows ");
                self.word(rows);
            }
            FunctionOption::Support(function) => {
                self.word("support ");
                self.object(function);
            }
            FunctionOption::Set(setting) => {
                self.word("set ");
                self.setting(setting);
            }
            FunctionOption::Reset(setting) => {
                self.word("reset ");
                self.setting_name_or_all(setting.as_ref());
            }
        }
    }

    /// A setting's name, whose dots are no part of a quoted name; `all` when there is none.
    pub(super) fn setting_name_or_all(&mut self, setting: Option<&Name>) {
        match setting {
            Some(name) => {
                for (index, part) in name.split('.').enumerate() {
                    self.when(index > 0, ".");
                    self.name(part);
                }
            }
            None => self.word("all"),
        }
    }

    /// `[local|session] name to values`.
    pub(super) fn setting(&mut self, setting: &SetVariable) {
        match setting.scope {
            Some(SetScope::Local) => self.word("local "),
            Some(SetScope::Session) => self.word("session "),
            None => {}
        }
        self.setting_name_or_all(Some(&setting.name));
        match &setting.value {
            SetValue::FromCurrent => self.word(" from current"),
            SetValue::Default => self.word(" to default"),
            SetValue::Values(values) => {
                self.word(" to ");
                self.list(values, |printer, value| match value {
                    SettingValue::Word(word) if matches!(&**word, "on" | "true" | "false") => printer.word(word),
                    SettingValue::Word(word) => printer.name(word),
                    SettingValue::String(text) => printer.literal(text),
                    SettingValue::Number(number) => printer.word(number),
                });
            }
        }
    }

    /// An object as `drop`, `comment`, `alter` and `grant` name it.
    pub(super) fn object_ref(&mut self, kind: ObjectKind, object: &ObjectRef) {
        match (kind, &object.on) {
            (ObjectKind::Column, Some(table)) => {
                self.object(table);
                self.word(".");
                self.name(&object.name.name);
            }
            (_, Some(on)) => {
                self.name(&object.name.name);
                self.word(if kind == ObjectKind::DomainConstraint { " on domain " } else { " on " });
                self.object(on);
            }
            (ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine | ObjectKind::Aggregate, None) => {
                let name = function_name(&object.name);
                self.word(&name);
            }
            (_, None) => self.object(&object.name),
        }
        if let Some(args) = &object.args {
            self.params(args);
        }
    }

    pub(super) fn alter_object_action(&mut self, action: &AlterObjectAction) {
        match action {
            AlterObjectAction::RenameTo(name) => {
                self.word(" rename to ");
                self.name(name);
            }
            AlterObjectAction::SetSchema(name) => {
                self.word(" set schema ");
                self.name(name);
            }
            AlterObjectAction::OwnerTo(role) => {
                self.word(" owner to ");
                self.role(role);
            }
        }
    }

    pub(super) fn create_type(&mut self, create: &CreateType) {
        self.word("create type ");
        self.object(&create.name);
        match &create.definition {
            TypeDefinition::Enum(labels) => {
                self.word(" as enum (");
                self.list(labels, |printer, label| printer.literal(label));
                self.word(")");
            }
            TypeDefinition::Composite(fields) => {
                self.word(" as (");
                self.list(fields, |printer, (name, ty, collation)| {
                    printer.name(name);
                    printer.word(" ");
                    printer.type_name(ty);
                    printer.collate(collation.as_ref());
                });
                self.word(")");
            }
            TypeDefinition::Range(text) => self.word(&format!(" as range ({text})")),
            TypeDefinition::Base(text) => self.word(&format!(" ({text})")),
            TypeDefinition::Shell => {}
        }
    }

    pub(super) fn alter_type(&mut self, alter: &AlterType) {
        self.word("alter type ");
        self.object(&alter.name);
        match &alter.action {
            AlterTypeAction::AddValue { value, if_not_exists, place } => {
                self.word(" add value ");
                self.when(*if_not_exists, "if not exists ");
                self.literal(value);
                match place {
                    Some(EnumPlace::Before(label)) => {
                        self.word(" before ");
                        self.literal(label);
                    }
                    Some(EnumPlace::After(label)) => {
                        self.word(" after ");
                        self.literal(label);
                    }
                    None => {}
                }
            }
            AlterTypeAction::RenameValue { from, to } => {
                self.word(" rename value ");
                self.literal(from);
                self.word(" to ");
                self.literal(to);
            }
            AlterTypeAction::Other(text) => {
                self.word(" ");
                self.word(text);
            }
        }
    }

    pub(super) fn create_domain(&mut self, domain: &CreateDomain) {
        self.word("create domain ");
        self.object(&domain.name);
        self.word(" as ");
        self.type_name(&domain.ty);
        self.collate(domain.collation.as_ref());
        self.column_constraints(&domain.constraints);
    }

    pub(super) fn alter_domain(&mut self, alter: &AlterDomain) {
        self.word("alter domain ");
        self.object(&alter.name);
        match &alter.action {
            AlterDomainAction::Default(Some(value)) => {
                self.word(" set default ");
                self.expr(value);
            }
            AlterDomainAction::Default(None) => self.word(" drop default"),
            AlterDomainAction::NotNull(set) => self.word(if *set { " set not null" } else { " drop not null" }),
            AlterDomainAction::AddCheck { name, expr, not_valid } => {
                self.word(" add ");
                self.constraint_name(name.as_ref());
                self.word("check (");
                self.expr(expr);
                self.word(")");
                self.when(*not_valid, " not valid");
            }
            AlterDomainAction::DropConstraint { name, if_exists, cascade } => {
                self.word(" drop constraint ");
                self.when(*if_exists, "if exists ");
                self.name(name);
                self.when(*cascade, " cascade");
            }
            AlterDomainAction::RenameConstraint { from, to } => {
                self.word(" rename constraint ");
                self.name(from);
                self.word(" to ");
                self.name(to);
            }
            AlterDomainAction::ValidateConstraint(name) => {
                self.word(" validate constraint ");
                self.name(name);
            }
        }
    }

    /// Options with spaces between.
    pub(super) fn sequence_options(&mut self, options: &[SequenceOption]) {
        for (index, option) in options.iter().enumerate() {
            self.when(index > 0, " ");
            match option {
                SequenceOption::As(ty) => {
                    self.word("as ");
                    self.type_name(ty);
                }
                SequenceOption::Increment(step) => self.word(&format!("increment by {step}")),
                SequenceOption::MinValue(Some(value)) => self.word(&format!("minvalue {value}")),
                SequenceOption::MinValue(None) => self.word("no minvalue"),
                SequenceOption::MaxValue(Some(value)) => self.word(&format!("maxvalue {value}")),
                SequenceOption::MaxValue(None) => self.word("no maxvalue"),
                SequenceOption::Start(value) => self.word(&format!("start with {value}")),
                SequenceOption::Restart(Some(value)) => self.word(&format!("restart with {value}")),
                SequenceOption::Restart(None) => self.word("restart"),
                SequenceOption::Cache(count) => self.word(&format!("cache {count}")),
                SequenceOption::Cycle(cycle) => self.word(if *cycle { "cycle" } else { "no cycle" }),
                SequenceOption::OwnedBy(Some((table, column))) => {
                    self.word("owned by ");
                    self.object(table);
                    self.word(".");
                    self.name(column);
                }
                SequenceOption::OwnedBy(None) => self.word("owned by none"),
                SequenceOption::SequenceName(name) => {
                    self.word("sequence name ");
                    self.object(name);
                }
            }
        }
    }

    fn privileges(&mut self, privileges: &Privileges) {
        match privileges {
            Privileges::All(columns) => {
                self.word("all privileges");
                self.opt_names(columns);
            }
            Privileges::List(list) => self.list(list, |printer, (privilege, columns)| {
                printer.word(privilege.word());
                printer.opt_names(columns);
            }),
        }
    }

    fn grantees(&mut self, revoke: bool, roles: &[Role]) {
        self.word(if revoke { " from " } else { " to " });
        self.list(roles, Self::role);
    }

    fn granted_by(&mut self, role: Option<&Role>) {
        if let Some(role) = role {
            self.word(" granted by ");
            self.role(role);
        }
    }

    pub(super) fn grant(&mut self, grant: &Grant) {
        self.word(if grant.revoke { "revoke " } else { "grant " });
        self.when(grant.revoke && grant.grant_option, "grant option for ");
        self.privileges(&grant.privileges);
        self.word(" on ");
        match &grant.target {
            GrantTarget::Objects { kind, objects } => {
                self.word(if *kind == ObjectKind::Server { "foreign server" } else { kind.words() });
                self.word(" ");
                self.list(objects, |printer, object| printer.object_ref(*kind, object));
            }
            GrantTarget::AllInSchemas { kind, schemas } => {
                self.word(&format!("all {}s in schema ", kind.words()));
                self.names(schemas);
            }
        }
        self.grantees(grant.revoke, &grant.roles);
        self.when(!grant.revoke && grant.grant_option, " with grant option");
        self.granted_by(grant.granted_by.as_ref());
        self.when(grant.cascade, " cascade");
    }

    pub(super) fn grant_role(&mut self, grant: &GrantRole) {
        self.word(if grant.revoke { "revoke " } else { "grant " });
        self.when(grant.revoke && grant.admin_option, "admin option for ");
        self.names(&grant.granted);
        self.grantees(grant.revoke, &grant.roles);
        self.when(!grant.revoke && grant.admin_option, " with admin option");
        self.granted_by(grant.granted_by.as_ref());
        self.when(grant.cascade, " cascade");
    }

    pub(super) fn alter_default_privileges(&mut self, alter: &AlterDefaultPrivileges) {
        self.word("alter default privileges ");
        if !alter.for_roles.is_empty() {
            self.word("for role ");
            self.list(&alter.for_roles, Self::role);
            self.word(" ");
        }
        if !alter.schemas.is_empty() {
            self.word("in schema ");
            self.names(&alter.schemas);
            self.word(" ");
        }
        self.word(if alter.revoke { "revoke " } else { "grant " });
        self.when(alter.revoke && alter.grant_option, "grant option for ");
        self.privileges(&alter.privileges);
        self.word(&format!(" on {}s", alter.kind.words()));
        self.grantees(alter.revoke, &alter.roles);
        self.when(!alter.revoke && alter.grant_option, " with grant option");
        self.when(alter.cascade, " cascade");
    }

    pub(super) fn create_role(&mut self, create: &CreateRole) {
        self.word(if create.user { "create user " } else { "create role " });
        self.name(&create.name);
        self.role_options(&create.options);
    }

    fn role_options(&mut self, options: &[RoleOption]) {
        for option in options {
            self.word(" ");
            match option {
                RoleOption::Flag(flag, on) => {
                    self.when(!*on, "no");
                    self.word(flag);
                }
                RoleOption::Password(Some(password)) => {
                    self.word("password ");
                    self.literal(password);
                }
                RoleOption::Password(None) => self.word("password null"),
                RoleOption::ConnectionLimit(limit) => self.word(&format!("connection limit {limit}")),
                RoleOption::ValidUntil(time) => {
                    self.word("valid until ");
                    self.literal(time);
                }
                RoleOption::InRole(names) => {
                    self.word("in role ");
                    self.names(names);
                }
                RoleOption::Members(names) => {
                    self.word("role ");
                    self.names(names);
                }
                RoleOption::Admins(names) => {
                    self.word("admin ");
                    self.names(names);
                }
            }
        }
    }

    pub(super) fn alter_role(&mut self, alter: &AlterRole) {
        self.word("alter role ");
        match &alter.role {
            Some(role) => self.role(role),
            None => self.word("all"),
        }
        let in_database = |printer: &mut Self, database: &Option<Name>| {
            if let Some(database) = database {
                printer.word(" in database ");
                printer.name(database);
            }
        };
        match &alter.action {
            AlterRoleAction::Options(options) => self.role_options(options),
            AlterRoleAction::Set { database, setting } => {
                in_database(self, database);
                self.word(" set ");
                self.setting(setting);
            }
            AlterRoleAction::Reset { database, setting } => {
                in_database(self, database);
                self.word(" reset ");
                self.setting_name_or_all(setting.as_ref());
            }
            AlterRoleAction::RenameTo(name) => {
                self.word(" rename to ");
                self.name(name);
            }
        }
    }
}
