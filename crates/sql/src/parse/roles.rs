//! Roles, grants and default privileges.

use super::{Parse, Parser};
use crate::ast::{
    AlterDefaultPrivileges, AlterRole, AlterRoleAction, CreateRole, Grant, GrantRole, GrantTarget, Name, ObjectKind,
    Privilege, Privileges, Role, RoleOption, Statement,
};

impl Parser<'_> {
    /// A role.
    pub(super) fn role(&mut self) -> Parse<Role> {
        let role = if self.is("current_user") {
            Role::CurrentUser
        } else if self.is("current_role") {
            Role::CurrentRole
        } else if self.is("session_user") {
            Role::SessionUser
        } else {
            let name = self.name()?;
            return Ok(if &*name == "public" { Role::Public } else { Role::Named(name) });
        };
        self.advance();
        Ok(role)
    }

    /// `grant` and `revoke`.
    pub(super) fn grant(&mut self) -> Parse<Statement> {
        let revoke = self.eat("revoke");
        if !revoke {
            self.expect("grant")?;
        }
        if revoke && self.eat_all(&["admin", "option", "for"]) {
            return self.grant_roles(revoke, true);
        }
        let grant_option = revoke && self.eat_all(&["grant", "option", "for"]);
        if self.is_role_grant() {
            return self.grant_roles(revoke, false);
        }
        let privileges = self.privileges()?;
        self.expect("on")?;
        let target = self.grant_target()?;
        let roles = self.grantees(revoke)?;
        let mut grant = Grant { revoke, grant_option, privileges, target, roles, granted_by: None, cascade: false };
        if !revoke {
            grant.grant_option = self.eat_all(&["with", "grant", "option"]);
        }
        if self.eat_all(&["granted", "by"]) {
            grant.granted_by = Some(self.role()?);
        }
        grant.cascade = revoke && self.cascade();
        Ok(Statement::Grant(Box::new(grant)))
    }

    /// Whether a list of names with `to` or `from` after it comes next: only roles are granted without `on`.
    fn is_role_grant(&self) -> bool {
        let mut ahead = 0;
        while self.at_name_ahead(ahead) && self.is_at(ahead + 1, ",") {
            ahead += 2;
        }
        self.at_name_ahead(ahead) && (self.is_at(ahead + 1, "to") || self.is_at(ahead + 1, "from"))
    }

    fn grantees(&mut self, revoke: bool) -> Parse<Vec<Role>> {
        self.expect(if revoke { "from" } else { "to" })?;
        self.list(|parser| {
            parser.eat("group");
            parser.role()
        })
    }

    fn grant_roles(&mut self, revoke: bool, admin_option: bool) -> Parse<Statement> {
        let granted = self.list(Self::name)?;
        let roles = self.grantees(revoke)?;
        let mut grant = GrantRole { revoke, granted, roles, admin_option, granted_by: None, cascade: false };
        if !revoke && self.eat("with") {
            self.expect_all(&["admin", "option"])?;
            grant.admin_option = true;
        }
        if self.eat_all(&["granted", "by"]) {
            grant.granted_by = Some(self.role()?);
        }
        grant.cascade = revoke && self.cascade();
        Ok(Statement::GrantRole(grant))
    }

    fn privileges(&mut self) -> Parse<Privileges> {
        if self.eat("all") {
            self.eat("privileges");
            return Ok(Privileges::All(self.opt_name_list()?));
        }
        let list = self.list(|parser| {
            let privilege = if parser.eat("temp") {
                Privilege::Temporary
            } else {
                match Privilege::ALL.into_iter().find(|privilege| parser.is(privilege.word())) {
                    Some(privilege) => {
                        parser.advance();
                        privilege
                    }
                    None => return parser.expected("a privilege"),
                }
            };
            Ok((privilege, parser.opt_name_list()?))
        })?;
        Ok(Privileges::List(list))
    }

    fn grant_target(&mut self) -> Parse<GrantTarget> {
        for (words, kind) in [
            ("tables", ObjectKind::Table),
            ("sequences", ObjectKind::Sequence),
            ("functions", ObjectKind::Function),
            ("procedures", ObjectKind::Procedure),
            ("routines", ObjectKind::Routine),
        ] {
            if self.eat_all(&["all", words, "in", "schema"]) {
                return Ok(GrantTarget::AllInSchemas { kind, schemas: self.list(Self::name)? });
            }
        }
        let grantable = [
            "table",
            "sequence",
            "function",
            "procedure",
            "routine",
            "schema",
            "database",
            "type",
            "domain",
            "language",
            "tablespace",
            "foreign",
        ];
        let kind = if self.is_any(&grantable) { self.object_kind() } else { None };
        if kind == Some(ObjectKind::ForeignDataWrapper) {
            self.eat("wrapper");
        }
        let kind = match kind {
            Some(ObjectKind::ForeignTable) => {
                if !self.eat("server") {
                    return self.unexpected();
                }
                ObjectKind::Server
            }
            Some(kind) => kind,
            None if self.are(&["foreign", "server"]) => {
                self.advance();
                self.advance();
                ObjectKind::Server
            }
            None => ObjectKind::Table,
        };
        Ok(GrantTarget::Objects { kind, objects: self.list(|parser| parser.object_ref(kind))? })
    }

    /// `alter default privileges …`, from `default` on.
    pub(super) fn alter_default_privileges(&mut self) -> Parse<AlterDefaultPrivileges> {
        self.expect_all(&["default", "privileges"])?;
        let mut for_roles = Vec::new();
        let mut schemas = Vec::new();
        loop {
            if self.eat_all(&["for", "role"]) || self.eat_all(&["for", "user"]) {
                for_roles = self.list(Self::role)?;
            } else if self.eat_all(&["in", "schema"]) {
                schemas = self.list(Self::name)?;
            } else {
                break;
            }
        }
        let revoke = self.eat("revoke");
        if !revoke {
            self.expect("grant")?;
        }
        let mut grant_option = revoke && self.eat_all(&["grant", "option", "for"]);
        let privileges = self.privileges()?;
        self.expect("on")?;
        let kinds = [
            ("tables", ObjectKind::Table),
            ("sequences", ObjectKind::Sequence),
            ("functions", ObjectKind::Function),
            ("routines", ObjectKind::Function),
            ("types", ObjectKind::Type),
            ("schemas", ObjectKind::Schema),
        ];
        let Some((_, kind)) = kinds.into_iter().find(|(word, _)| self.eat(word)) else {
            return self.expected("tables, sequences, functions, types or schemas");
        };
        let roles = self.grantees(revoke)?;
        if !revoke {
            grant_option = self.eat_all(&["with", "grant", "option"]);
        }
        let cascade = revoke && self.cascade();
        Ok(AlterDefaultPrivileges { for_roles, schemas, revoke, grant_option, privileges, kind, roles, cascade })
    }

    /// `create role|user|group …`, from that word on.
    pub(super) fn create_role(&mut self) -> Parse<CreateRole> {
        let user = self.is("user");
        self.advance();
        let name = self.name()?;
        self.eat("with");
        Ok(CreateRole { name, user, options: self.role_options()? })
    }

    fn role_options(&mut self) -> Parse<Vec<RoleOption>> {
        const FLAGS: [&str; 7] =
            ["superuser", "createdb", "createrole", "inherit", "login", "replication", "bypassrls"];
        let mut options = Vec::new();
        loop {
            let token = self.token();
            let word = self.text_of(token).to_ascii_lowercase();
            let flag = FLAGS.iter().find_map(|flag| {
                if word == *flag {
                    Some((*flag, true))
                } else {
                    (word.strip_prefix("no") == Some(flag)).then_some((*flag, false))
                }
            });
            let option = if token.kind != crate::lex::TokenKind::Word {
                return Ok(options);
            } else if let Some((flag, on)) = flag {
                self.advance();
                RoleOption::Flag(flag.into(), on)
            } else if self.is("password") || self.are(&["encrypted", "password"]) {
                self.eat("encrypted");
                self.advance();
                RoleOption::Password(if self.eat("null") { None } else { Some(self.string()?) })
            } else if self.eat_all(&["connection", "limit"]) {
                RoleOption::ConnectionLimit(self.signed_integer()?)
            } else if self.eat_all(&["valid", "until"]) {
                RoleOption::ValidUntil(self.string()?)
            } else if self.eat_all(&["in", "role"]) || self.eat_all(&["in", "group"]) {
                RoleOption::InRole(self.list(Self::name)?)
            } else if self.eat("role") || self.eat("user") {
                RoleOption::Members(self.list(Self::name)?)
            } else if self.eat("admin") {
                RoleOption::Admins(self.list(Self::name)?)
            } else {
                return Ok(options);
            };
            options.push(option);
        }
    }

    /// `alter role|user …`, from that word on.
    pub(super) fn alter_role(&mut self) -> Parse<AlterRole> {
        self.advance();
        let role = if self.eat("all") { None } else { Some(self.role()?) };
        if self.eat_all(&["rename", "to"]) {
            return Ok(AlterRole { role, action: AlterRoleAction::RenameTo(self.name()?) });
        }
        let database: Option<Name> = if self.eat_all(&["in", "database"]) { Some(self.name()?) } else { None };
        if self.eat("set") {
            let setting = self.setting(None)?;
            return Ok(AlterRole { role, action: AlterRoleAction::Set { database, setting } });
        }
        if self.eat("reset") {
            let setting = if self.eat("all") { None } else { Some(self.setting_name()?) };
            return Ok(AlterRole { role, action: AlterRoleAction::Reset { database, setting } });
        }
        self.eat("with");
        let options = self.role_options()?;
        if options.is_empty() {
            return self.unexpected();
        }
        Ok(AlterRole { role, action: AlterRoleAction::Options(options) })
    }
}
