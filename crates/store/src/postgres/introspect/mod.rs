//! The live catalog: what the server holds, in the words of [`crate::catalog`].

mod queries;
mod routines;
mod rows;
mod types;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use self::rows::{
    ColumnRow, ConstraintRow, DefaultGrantRow, GrantRow, IndexRow, PolicyRow, RelationRow, RoleRow, SchemaRow,
    SequenceRow, TypeRow,
};
use self::types::Types;
use crate::catalog::{
    Catalog, Check, Column, DefaultGrant, Domain, ExprText, FkAction, ForeignKey, Grants, Identity, Index, IndexKey,
    Key, Name, Policy, PolicyCommand, Privilege, QName, QueryText, Relation, RelationKind, Role, Schema, Sequence,
    View, views,
};
use crate::conn::Connection;
use crate::error::{Error, Result};

/// Reads the catalog of all schemas that are not the server's own, in one snapshot when the transaction has one.
///
/// `Catalog::version` is 0.
/// Changes the transaction's search path.
pub fn load_catalog(conn: &mut dyn Connection) -> Result<Catalog> {
    conn.execute("select pg_catalog.set_config('search_path', '', true)", &[])?;
    let types = Types::new(ask::<TypeRow>(conn, queries::TYPES)?);
    let mut catalog = Catalog {
        schemas: ask::<SchemaRow>(conn, queries::SCHEMAS)?.into_iter().map(schema).collect(),
        sequences: ask::<SequenceRow>(conn, queries::SEQUENCES)?.into_iter().map(sequence).collect(),
        roles: ask::<RoleRow>(conn, queries::ROLES)?.into_iter().map(role).collect(),
        default_grants: ask::<DefaultGrantRow>(conn, queries::DEFAULT_GRANTS)?.into_iter().map(default_grant).collect(),
        ..Catalog::default()
    };
    for row in types.rows() {
        let name = QName::new(&*row.schema, &*row.name);
        if let Some(found) = types.enumeration(row.oid) {
            catalog.enums.insert(name, found.clone());
        } else if row.kind == "d" && catalog.schemas.contains_key(&*row.schema) {
            catalog.domains.insert(name.clone(), Arc::new(domain(&types, row, name)));
        }
    }
    let mut columns: HashMap<u32, Vec<ColumnRow>> = HashMap::new();
    for row in ask::<ColumnRow>(conn, queries::COLUMNS)? {
        columns.entry(row.relation).or_default().push(row);
    }
    let mut names: HashMap<u32, QName> = HashMap::new();
    let mut relations: HashMap<u32, Relation> = HashMap::new();
    for row in ask::<RelationRow>(conn, queries::RELATIONS)? {
        let own = columns.get(&row.oid).map_or(&[][..], Vec::as_slice);
        names.insert(row.oid, QName::new(&*row.schema, &*row.name));
        relations.insert(row.oid, relation(&types, row, own));
    }
    for row in ask::<ConstraintRow>(conn, queries::CONSTRAINTS)? {
        if let Some(relation) = relations.get_mut(&row.relation) {
            add_constraint(relation, row);
        }
    }
    for row in ask::<IndexRow>(conn, queries::INDEXES)? {
        if let Some(relation) = relations.get_mut(&row.relation) {
            add_index(relation, row);
        }
    }
    for row in ask::<PolicyRow>(conn, queries::POLICIES)? {
        if let Some(relation) = relations.get_mut(&row.relation) {
            relation.policies.push(policy(row));
        }
    }
    catalog.triggers_speak = ask::<bool>(conn, queries::TRIGGERS_SPEAK)?.contains(&true);
    catalog.functions = routines::functions(ask(conn, queries::FUNCTIONS)?, &types, &names, &columns);
    catalog.relations =
        relations.into_values().map(|relation| (relation.name.clone(), Arc::new(relation))).collect::<BTreeMap<_, _>>();
    // The server writes every name of a view out.
    views::fill(&mut catalog, &[]);
    Ok(catalog)
}

/// Runs a question whose only column is a JSON object.
fn ask<T: DeserializeOwned>(conn: &mut dyn Connection, sql: &str) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    let mut text = String::new();
    conn.query(sql, &[], &mut |row| {
        text.clear();
        row.write_text(0, &values::Type::Text, &mut text)?;
        rows.push(
            serde_json::from_str(&text).map_err(|error| Error::Internal(format!("the catalog: {error} in {text}")))?,
        );
        Ok(())
    })?;
    Ok(rows)
}

fn privilege(name: &str) -> Option<Privilege> {
    Some(match name {
        "select" => Privilege::Select,
        "insert" => Privilege::Insert,
        "update" => Privilege::Update,
        "delete" => Privilege::Delete,
        "truncate" => Privilege::Truncate,
        "references" => Privilege::References,
        "trigger" => Privilege::Trigger,
        "usage" => Privilege::Usage,
        "execute" => Privilege::Execute,
        // `create`, `maintain` and the like say nothing about rows.
        _ => return None,
    })
}

fn grants(rows: Vec<GrantRow>) -> BTreeSet<(Name, Privilege)> {
    rows.into_iter().filter_map(|(grantee, name)| Some((Name::from(grantee), privilege(&name)?))).collect()
}

fn schema(row: SchemaRow) -> (Name, Schema) {
    let usage =
        grants(row.grants).into_iter().filter(|(_, held)| *held == Privilege::Usage).map(|(who, _)| who).collect();
    (row.name.into(), Schema { comment: row.comment, usage })
}

fn sequence(row: SequenceRow) -> (QName, Arc<Sequence>) {
    let name = QName::new(row.schema, row.name);
    let sequence = Sequence {
        name: name.clone(),
        start: row.start,
        increment: row.increment,
        min: row.min,
        max: row.max,
        cycle: row.cycle,
        owned_by: row.owned_by.map(|(schema, table, column)| (QName::new(schema, table), column.into())),
        grants: grants(row.grants),
    };
    (name, Arc::new(sequence))
}

fn role(row: RoleRow) -> (Name, Role) {
    let member_of = row.member_of.into_iter().map(Name::from).collect();
    (row.name.into(), Role { bypass_rls: row.bypass_rls, superuser: row.superuser, member_of })
}

fn default_grant(row: DefaultGrantRow) -> DefaultGrant {
    let objects = match &*row.objects {
        "r" => "tables",
        "S" => "sequences",
        "f" => "functions",
        "T" => "types",
        _ => "schemas",
    };
    DefaultGrant {
        schema: row.schema.map(Name::from),
        objects: objects.into(),
        grantee: row.grantee.into(),
        privileges: row.privileges.iter().filter_map(|name| privilege(name)).collect(),
    }
}

fn domain(types: &Types, row: &TypeRow, name: QName) -> Domain {
    let checks = row.checks.iter().flatten();
    Domain {
        name,
        ty: types.get(row.oid, -1),
        not_null: types.refuses_null(row.oid),
        default: row.default.as_deref().map(ExprText::new),
        checks: checks.map(|(name, text)| Check { name: (&**name).into(), expr: ExprText::new(&**text) }).collect(),
    }
}

fn relation(types: &Types, row: RelationRow, columns: &[ColumnRow]) -> Relation {
    let on =
        |option: &str| row.options.get(option).is_some_and(|value| matches!(&**value, "true" | "on" | "1" | "yes"));
    let view = row.query.as_deref().map(|query| View {
        query: QueryText::new(query.trim().trim_end_matches(';')),
        security_invoker: on("security_invoker"),
        security_barrier: on("security_barrier"),
        check_option: row.options.get("check_option").map(|value| Name::from(&**value)),
        sources: vec![None; columns.len()],
    });
    let column_grants = columns.iter().flat_map(|column| {
        let held = column.grants.iter().flatten();
        held.filter_map(|(who, name)| Some((Name::from(&**who), privilege(name)?, Name::from(&*column.name))))
    });
    let column_grants = column_grants.collect();
    Relation {
        kind: match &*row.kind {
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            "f" => RelationKind::ForeignTable,
            "p" => RelationKind::PartitionedTable,
            _ => RelationKind::Table,
        },
        columns: columns.iter().map(|row| column(types, row)).collect(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: row.comment,
        owner: row.owner.into(),
        row_security: row.row_security,
        row_security_forced: row.row_security_forced,
        policies: Vec::new(),
        grants: Grants { table: grants(row.grants), columns: column_grants },
        view,
        updatable: row.updatable & 4 != 0,
        insertable: row.updatable & 8 != 0,
        deletable: row.updatable & 16 != 0,
        estimated_rows: row.estimated_rows,
        name: QName::new(row.schema, row.name),
    }
}

fn column(types: &Types, row: &ColumnRow) -> Column {
    let expression = row.default.as_deref().map(ExprText::new);
    let (default, generated) = if row.generated { (None, expression) } else { (expression, None) };
    Column {
        name: (&*row.name).into(),
        ty: types.get(row.ty, row.modifier),
        domain: types.domain(row.ty),
        not_null: row.not_null || types.refuses_null(row.ty),
        default,
        identity: row.identity.as_deref().map(|kind| if kind == "a" { Identity::Always } else { Identity::ByDefault }),
        generated,
        sequence: row.sequence.as_ref().map(|(schema, name)| QName::new(&**schema, &**name)),
        comment: row.comment.clone(),
    }
}

fn fk_action(code: &str) -> FkAction {
    match code {
        "r" => FkAction::Restrict,
        "c" => FkAction::Cascade,
        "n" => FkAction::SetNull,
        "d" => FkAction::SetDefault,
        _ => FkAction::NoAction,
    }
}

fn list(names: Vec<String>) -> Vec<Name> {
    names.into_iter().map(Name::from).collect()
}

fn add_constraint(relation: &mut Relation, row: ConstraintRow) {
    let name = Name::from(row.name);
    match (&*row.kind, row.target, row.expression) {
        ("f", Some((schema, table)), _) => relation.foreign_keys.push(ForeignKey {
            name,
            columns: list(row.columns),
            target: QName::new(schema, table),
            target_columns: list(row.target_columns),
            on_delete: fk_action(&row.on_delete),
            on_update: fk_action(&row.on_update),
            deferrable: row.deferrable,
            deferred: row.deferred,
        }),
        ("c", _, Some(text)) => relation.checks.push(Check { name, expr: ExprText::new(text) }),
        (kind @ ("p" | "u"), ..) => {
            let key =
                Key { name, columns: list(row.columns), nulls_not_distinct: row.nulls_not_distinct, index_only: false };
            if kind == "p" { relation.primary_key = Some(key) } else { relation.uniques.push(key) }
        }
        _ => {}
    }
}

fn add_index(relation: &mut Relation, row: IndexRow) {
    let name = Name::from(row.name);
    let (keys, include): (Vec<_>, Vec<_>) = row.keys.into_iter().partition(|key| key.key);
    let plain: Option<Vec<Name>> = keys.iter().map(|key| key.column.as_deref().map(Name::from)).collect();
    if let Some(columns) = plain.filter(|_| row.unique && row.predicate.is_none()) {
        relation.uniques.push(Key {
            name: name.clone(),
            columns,
            nulls_not_distinct: row.nulls_not_distinct,
            index_only: true,
        });
    }
    let key = |row: rows::KeyRow| IndexKey {
        column: row.column.map(Name::from),
        expr: row.expr.map(ExprText::new),
        descending: row.option & 1 != 0,
        nulls_first: row.option & 2 != 0,
    };
    relation.indexes.push(Index {
        name,
        unique: row.unique,
        method: row.method.into(),
        keys: keys.into_iter().map(key).collect(),
        include: include.into_iter().filter_map(|key| key.column.map(Name::from)).collect(),
        predicate: row.predicate.map(ExprText::new),
        effective: true,
    });
}

fn policy(row: PolicyRow) -> Policy {
    Policy {
        name: row.name.into(),
        permissive: row.permissive,
        command: match &*row.command {
            "r" => PolicyCommand::Select,
            "a" => PolicyCommand::Insert,
            "w" => PolicyCommand::Update,
            "d" => PolicyCommand::Delete,
            _ => PolicyCommand::All,
        },
        roles: list(row.roles),
        using: row.using.map(ExprText::new),
        check: row.check.map(ExprText::new),
    }
}
