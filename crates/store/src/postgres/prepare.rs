//! What the house needs in a database before any migration of the user's runs: roles, helpers in SQL, a schema of its own.

use std::fmt::Write as _;

use values::Type;

use crate::conn::{Connection, Param};
use crate::error::{Error, Result, SqlError};

/// The roles every app has. Only the last one passes by row policies.
const ROLES: [(&str, bool); 3] = [("anon", false), ("authenticated", false), ("service_role", true)];

/// What callers' SQL may ask about the request: name, result, expression. An unset or empty setting is null, not an error.
const HELPERS: [(&str, &str, &str); 4] = [
    (
        "jwt",
        "jsonb",
        "coalesce(nullif(pg_catalog.current_setting('request.jwt.claims', true), ''), '{}')::pg_catalog.jsonb",
    ),
    (
        "uid",
        "uuid",
        "nullif(nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::pg_catalog.jsonb \
         operator(pg_catalog.->>) 'sub', '')::pg_catalog.uuid",
    ),
    (
        "role",
        "text",
        "nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::pg_catalog.jsonb operator(pg_catalog.->>) 'role'",
    ),
    (
        "email",
        "text",
        "nullif(pg_catalog.current_setting('request.jwt.claims', true), '')::pg_catalog.jsonb operator(pg_catalog.->>) 'email'",
    ),
];

/// Makes a database ready for the house: roles, the schema `auth` with its helpers, the schema `mainstay`, and default privileges
/// for `service_role`. Does nothing to what is already there, and may be run at every start, by several servers at once.
///
/// Runs as the connecting user, who must be able to make roles and schemas; the error of one who cannot names the SQL that an
/// administrator has to run once.
pub fn prepare_database(conn: &mut dyn Connection) -> Result<()> {
    // One at a time in this database. Roles belong to the whole server, so other databases can still come in between: see below.
    conn.query("select pg_catalog.pg_advisory_xact_lock($1)", &[number(LOCK)], &mut |_| Ok(()))?;
    for (role, bypass) in ROLES {
        make_role(conn, role, bypass)?;
    }
    for schema in ["auth", "mainstay"] {
        if !is_there(conn, "select from pg_catalog.pg_namespace where nspname = $1", &[text(schema)])? {
            let sql = format!("create schema {schema}");
            conn.execute(&sql, &[]).map_err(|error| explain(error, &format!("make the schema {schema}"), &sql))?;
        }
    }
    for (name, returns, body) in HELPERS {
        make_helper(conn, name, returns, body)?;
    }
    grant(conn)
}

/// Any number; it must be the same in all servers.
const LOCK: i64 = 0x6d61_696e_7374_6179;

fn text(value: &str) -> Param {
    Param::Text(Type::Text, value.to_owned())
}

fn number(value: i64) -> Param {
    Param::Text(Type::Int8, value.to_string())
}

fn is_there(conn: &mut dyn Connection, sql: &str, params: &[Param]) -> Result<bool> {
    Ok(conn.query(sql, params, &mut |_| Ok(()))? > 0)
}

const ROLE_IS_THERE: &str = "select from pg_catalog.pg_roles where rolname = $1";
const IS_MEMBER: &str = "select where pg_catalog.pg_has_role(current_user, $1::pg_catalog.name, 'member')";

fn make_role(conn: &mut dyn Connection, role: &str, bypass: bool) -> Result<()> {
    if !is_there(conn, ROLE_IS_THERE, &[text(role)])? {
        let bypass = if bypass { " bypassrls" } else { "" };
        let sql = format!("create role {role} nologin noinherit{bypass}");
        // Someone may make it at the same moment from another database; then all is well.
        let made = conn.savepoint(&mut |conn| conn.execute(&sql, &[]).map(drop));
        if let Err(error) = made
            && !is_there(conn, ROLE_IS_THERE, &[text(role)])?
        {
            return Err(explain(error, &format!("make the role {role}"), &role_help()));
        }
    }
    // A superuser may always become another role, and is told to be a member of all.
    if !is_there(conn, IS_MEMBER, &[text(role)])? {
        let sql = format!("grant {role} to current_user");
        let granted = conn.savepoint(&mut |conn| conn.execute(&sql, &[]).map(drop));
        if let Err(error) = granted
            && !is_there(conn, IS_MEMBER, &[text(role)])?
        {
            return Err(explain(error, &format!("become a member of the role {role}"), &role_help()));
        }
    }
    Ok(())
}

fn role_help() -> String {
    let mut sql = String::new();
    for (role, bypass) in ROLES {
        let bypass = if bypass { " bypassrls" } else { "" };
        let _ = write!(sql, "create role {role} nologin noinherit{bypass}; ");
    }
    sql.push_str("grant anon, authenticated, service_role to <the user that Mainstay connects as>");
    sql
}

fn make_helper(conn: &mut dyn Connection, name: &str, returns: &str, body: &str) -> Result<()> {
    let found = "select from pg_catalog.pg_proc where pronamespace = 'auth'::pg_catalog.regnamespace \
                 and proname = $1 and pronargs = 0 and prosrc = $2";
    let source = format!("select {body}");
    if is_there(conn, found, &[text(name), text(&source)])? {
        return Ok(());
    }
    let sql = format!(
        "create or replace function auth.{name}() returns {returns} language sql stable as $mainstay${source}$mainstay$"
    );
    conn.execute(&sql, &[]).map_err(|error| explain(error, &format!("make the function auth.{name}()"), &sql))?;
    Ok(())
}

fn grant(conn: &mut dyn Connection) -> Result<()> {
    for schema in ["public", "auth"] {
        if !is_there(conn, "select from pg_catalog.pg_namespace where nspname = $1", &[text(schema)])? {
            continue;
        }
        for (role, _) in ROLES {
            let held =
                "select where pg_catalog.has_schema_privilege($1::pg_catalog.name, $2::pg_catalog.text, 'usage')";
            if !is_there(conn, held, &[text(role), text(schema)])? {
                let sql = format!("grant usage on schema {schema} to {role}");
                conn.execute(&sql, &[]).map_err(|error| explain(error, &format!("let {role} use {schema}"), &sql))?;
            }
        }
    }
    for (rights, kind) in
        [("all on tables", "r"), ("all on sequences", "S"), ("all on functions", "f"), ("usage on schemas", "n")]
    {
        let held = "select from pg_catalog.pg_default_acl, pg_catalog.aclexplode(defaclacl) as acl \
                    where defaclnamespace = 0 and defaclobjtype = $1::\"char\" \
                    and defaclrole = (select oid from pg_catalog.pg_roles where rolname = current_user) \
                    and acl.grantee = (select oid from pg_catalog.pg_roles where rolname = 'service_role')";
        if !is_there(conn, held, &[text(kind)])? {
            let sql = format!("alter default privileges grant {rights} to service_role");
            conn.execute(&sql, &[]).map_err(|error| explain(error, "set default privileges", &sql))?;
        }
    }
    Ok(())
}

/// Adds to a refusal what was wanted and who can help.
fn explain(error: Error, wanted: &str, sql: &str) -> Error {
    match error {
        Error::Sql(refusal) if refusal.code == "42501" => SqlError {
            message: format!("the database user may not {wanted}: {}", refusal.message),
            hint: Some(format!("Let an administrator of the database run once: {sql}")),
            ..*refusal
        }
        .into(),
        other => other,
    }
}
