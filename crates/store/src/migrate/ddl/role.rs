//! Roles and memberships.

use sql::ast::{AlterRole, AlterRoleAction, CreateRole, GrantRole, Role as RoleName, RoleOption};

use super::{Ddl, refused};
use crate::catalog::{Name, Role};
use crate::error::{Result, SqlError};

impl Ddl<'_> {
    pub(super) fn create_role(&mut self, create: &CreateRole) -> Result<()> {
        if self.catalog.roles.contains_key(&create.name) {
            return Err(SqlError::new("42710", format!("role \"{}\" already exists", create.name))
                .hint("The roles anon, authenticated, service_role, authenticator and postgres exist from the start.")
                .into());
        }
        if matches!(&*create.name, "public" | "none") || create.name.starts_with("pg_") {
            return Err(SqlError::new("42939", format!("role name \"{}\" is reserved", create.name)).into());
        }
        self.catalog.roles.insert(create.name.clone(), Role::default());
        self.role_options(&create.name, &create.options)
    }

    fn role_options(&mut self, name: &Name, options: &[RoleOption]) -> Result<()> {
        for option in options {
            match option {
                RoleOption::Flag(flag, set) => {
                    let role = self.catalog.roles.entry(name.clone()).or_default();
                    match &**flag {
                        "bypassrls" => role.bypass_rls = *set,
                        "superuser" => role.superuser = *set,
                        _ => {}
                    }
                }
                RoleOption::InRole(groups) => {
                    for group in groups {
                        self.member(group, name, true)?;
                    }
                }
                RoleOption::Members(members) | RoleOption::Admins(members) => {
                    for member in members {
                        self.member(name, member, true)?;
                    }
                }
                RoleOption::Password(_) => {
                    self.notice("Passwords of roles have no effect on SQLite: callers come with tokens.");
                }
                RoleOption::ConnectionLimit(_) | RoleOption::ValidUntil(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn alter_role(&mut self, alter: &AlterRole) -> Result<()> {
        let name = match &alter.role {
            Some(role) => Some(self.role(role)?),
            None => None,
        };
        match (&alter.action, name) {
            (AlterRoleAction::Options(options), Some(name)) => self.role_options(&name, options),
            (AlterRoleAction::RenameTo(to), Some(name)) => {
                if self.catalog.roles.contains_key(to) {
                    return Err(SqlError::new("42710", format!("role \"{to}\" already exists")).into());
                }
                Err(refused(
                    format!("renaming role \"{name}\" is not supported on SQLite"),
                    "Create the new role, grant it what the old one has, and drop the old one.",
                ))
            }
            (AlterRoleAction::Set { .. } | AlterRoleAction::Reset { .. }, _) => {
                self.notice("Settings of roles have no effect on SQLite.");
                Ok(())
            }
            (AlterRoleAction::Options(_) | AlterRoleAction::RenameTo(_), None) => {
                Err(SqlError::new("42601", "a role is needed").into())
            }
        }
    }

    pub(super) fn grant_role(&mut self, grant: &GrantRole) -> Result<()> {
        for group in &grant.granted {
            for role in &grant.roles {
                let member = self.role(role)?;
                self.member(group, &member, !grant.revoke)?;
            }
        }
        Ok(())
    }

    fn member(&mut self, group: &Name, member: &Name, add: bool) -> Result<()> {
        for name in [group, member] {
            if !self.catalog.roles.contains_key(name) {
                return Err(no_role(name));
            }
        }
        if add && self.catalog.role_closure(group).contains(member) {
            return Err(SqlError::new("0LP01", format!("role \"{group}\" is a member of role \"{member}\"")).into());
        }
        let role = self.catalog.roles.entry(member.clone()).or_default();
        if add {
            role.member_of.insert(group.clone())
        } else {
            role.member_of.remove(group)
        };
        Ok(())
    }

    /// The name of a role that exists; `public` is everybody.
    pub(super) fn role(&self, role: &RoleName) -> Result<Name> {
        match role {
            RoleName::Public => Ok(Name::from("public")),
            RoleName::CurrentUser | RoleName::CurrentRole | RoleName::SessionUser => Ok(Name::from("postgres")),
            RoleName::Named(name) if self.catalog.roles.contains_key(name) => Ok(name.clone()),
            RoleName::Named(name) => Err(no_role(name)),
        }
    }

    /// Several of them.
    pub(super) fn roles(&self, roles: &[RoleName]) -> Result<Vec<Name>> {
        roles.iter().map(|role| self.role(role)).collect()
    }

    /// `owner to`: the owner is always `postgres` here.
    pub(super) fn owner_to(&mut self, role: &RoleName) -> Result<()> {
        let name = self.role(role)?;
        if &*name != "postgres" {
            self.notice(format!("OWNER TO {name} has no effect on SQLite: everything belongs to postgres."));
        }
        Ok(())
    }

    pub(super) fn drop_role(&mut self, name: &Name, if_exists: bool) -> Result<()> {
        if !self.catalog.roles.contains_key(name) {
            if if_exists {
                self.notice(format!("role \"{name}\" does not exist, skipping"));
                return Ok(());
            }
            return Err(no_role(name));
        }
        if matches!(&**name, "postgres" | "anon" | "authenticated" | "service_role" | "authenticator") {
            return Err(SqlError::new("42501", format!("role \"{name}\" cannot be dropped"))
                .hint("The house needs it.")
                .into());
        }
        let by = self.held_by(name);
        if !by.is_empty() {
            let list: Vec<&str> = by.iter().map(String::as_str).collect();
            return Err(SqlError::new(
                "2BP01",
                format!("role \"{name}\" cannot be dropped because some objects depend on it"),
            )
            .detail(format!("It has privileges on, or is named by: {}.", list.join(", ")))
            .hint("Revoke its privileges and drop or alter the policies first.")
            .into());
        }
        self.catalog.roles.remove(name);
        for role in self.catalog.roles.values_mut() {
            role.member_of.remove(name);
        }
        Ok(())
    }
}

fn no_role(name: &str) -> crate::Error {
    SqlError::new("42704", format!("role \"{name}\" does not exist")).into()
}
