//! What the questions in `queries` answer, a structure each.

use std::collections::HashMap;

use serde::Deserialize;

/// (grantee, privilege in lower case).
pub(super) type GrantRow = (String, String);

#[derive(Deserialize)]
pub(super) struct SchemaRow {
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) grants: Vec<GrantRow>,
}

#[derive(Deserialize)]
pub(super) struct TypeRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// `pg_type.typtype`.
    pub(super) kind: String,
    /// `pg_type.typcategory`.
    pub(super) category: String,
    pub(super) element: u32,
    pub(super) length: i32,
    pub(super) base: u32,
    pub(super) modifier: i32,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    pub(super) relation: u32,
    pub(super) printed: String,
    pub(super) labels: Option<Vec<String>>,
    pub(super) checks: Option<Vec<(String, String)>>,
}

#[derive(Deserialize)]
pub(super) struct RelationRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) comment: Option<String>,
    pub(super) owner: String,
    pub(super) row_security: bool,
    pub(super) row_security_forced: bool,
    pub(super) estimated_rows: Option<u64>,
    /// Bits by command: 4 update, 8 insert, 16 delete.
    pub(super) updatable: i32,
    pub(super) query: Option<String>,
    pub(super) options: HashMap<String, String>,
    pub(super) grants: Vec<GrantRow>,
}

#[derive(Deserialize)]
pub(super) struct ColumnRow {
    pub(super) relation: u32,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: u32,
    pub(super) modifier: i32,
    pub(super) not_null: bool,
    pub(super) identity: Option<String>,
    pub(super) generated: bool,
    pub(super) default: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) sequence: Option<(String, String)>,
    pub(super) grants: Option<Vec<GrantRow>>,
}

#[derive(Deserialize)]
pub(super) struct ConstraintRow {
    pub(super) relation: u32,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) deferrable: bool,
    pub(super) deferred: bool,
    pub(super) on_delete: String,
    pub(super) on_update: String,
    pub(super) columns: Vec<String>,
    pub(super) target: Option<(String, String)>,
    pub(super) target_columns: Vec<String>,
    pub(super) expression: Option<String>,
    pub(super) nulls_not_distinct: bool,
}

#[derive(Deserialize)]
pub(super) struct IndexRow {
    pub(super) relation: u32,
    pub(super) name: String,
    pub(super) unique: bool,
    pub(super) method: String,
    pub(super) predicate: Option<String>,
    pub(super) nulls_not_distinct: bool,
    pub(super) keys: Vec<KeyRow>,
}

#[derive(Deserialize)]
pub(super) struct KeyRow {
    pub(super) column: Option<String>,
    pub(super) expr: Option<String>,
    /// False for `include` columns.
    pub(super) key: bool,
    /// Bits: 1 descending, 2 nulls first.
    pub(super) option: i32,
}

#[derive(Deserialize)]
pub(super) struct PolicyRow {
    pub(super) relation: u32,
    pub(super) name: String,
    pub(super) permissive: bool,
    pub(super) command: String,
    pub(super) roles: Vec<String>,
    pub(super) using: Option<String>,
    pub(super) check: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct FunctionRow {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) language: String,
    pub(super) volatility: String,
    pub(super) strict: bool,
    pub(super) security_definer: bool,
    pub(super) set: bool,
    pub(super) returns: u32,
    pub(super) rows: f64,
    pub(super) body: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) arguments: Vec<ArgumentRow>,
    pub(super) grants: Vec<GrantRow>,
}

#[derive(Deserialize)]
pub(super) struct ArgumentRow {
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) ty: u32,
    /// `i` in, `o` out, `b` both, `v` variadic, `t` a column of the result.
    pub(super) mode: String,
    pub(super) default: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SequenceRow {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) start: i64,
    pub(super) increment: i64,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) cycle: bool,
    pub(super) owned_by: Option<(String, String, String)>,
    pub(super) grants: Vec<GrantRow>,
}

#[derive(Deserialize)]
pub(super) struct RoleRow {
    pub(super) name: String,
    pub(super) bypass_rls: bool,
    pub(super) superuser: bool,
    pub(super) member_of: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct DefaultGrantRow {
    pub(super) schema: Option<String>,
    pub(super) objects: String,
    pub(super) grantee: String,
    pub(super) privileges: Vec<String>,
}
