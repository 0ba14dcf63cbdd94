//! The catalog of a new database.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, DefaultGrant, Name, Privilege, Role, Schema};

const ALL_ON_TABLES: [Privilege; 7] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
    Privilege::Truncate,
    Privilege::References,
    Privilege::Trigger,
];

impl Catalog {
    /// What a database holds before the first migration: the schemas `public` and `auth`, the roles, and what `service_role` gets of
    /// everything made later. `auth.uid()` and its like are built into the translator.
    pub fn initial() -> Self {
        let name = |text: &str| Name::from(text);
        let role = |bypass_rls, superuser, member_of: &[&str]| Role {
            bypass_rls,
            superuser,
            member_of: member_of.iter().map(|role| name(role)).collect(),
        };
        let usage = |roles: &[&str]| Schema {
            comment: None,
            usage: roles.iter().map(|role| name(role)).collect::<BTreeSet<_>>(),
        };
        let grant = |objects: &str, grantee: &str, privileges: &[Privilege]| DefaultGrant {
            schema: None,
            objects: name(objects),
            grantee: name(grantee),
            privileges: privileges.to_vec(),
        };
        Self {
            version: 1,
            schemas: BTreeMap::from([
                (name("public"), usage(&["public"])),
                (name("auth"), usage(&["anon", "authenticated", "service_role"])),
            ]),
            roles: BTreeMap::from([
                (name("postgres"), role(true, true, &[])),
                (name("anon"), role(false, false, &[])),
                (name("authenticated"), role(false, false, &[])),
                (name("service_role"), role(true, false, &[])),
                (name("authenticator"), role(false, false, &["anon", "authenticated", "service_role"])),
            ]),
            default_grants: vec![
                grant("tables", "service_role", &ALL_ON_TABLES),
                grant("sequences", "service_role", &[Privilege::Usage, Privilege::Select, Privilege::Update]),
                grant("functions", "service_role", &[Privilege::Execute]),
                grant("schemas", "service_role", &[Privilege::Usage]),
                grant("functions", "public", &[Privilege::Execute]),
            ],
            ..Self::default()
        }
    }
}
