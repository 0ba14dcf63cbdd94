//! What is said about single statements.

use sql::ast::{
    AlterAction, AlterTable, ColumnConstraintKind, ColumnDef, CreatePolicy, CreateTable, Drop, Expr, FunctionOption,
    Grant, GrantTarget, Literal, Name, ObjectKind, ObjectName, PolicyCommand, Privilege, Privileges, RelationKind,
    Role, Statement, StorageOption, TableConstraint, TableConstraintKind,
};

use super::world::World;
use crate::migrate::walk;

/// A finding without its place.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Found {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Functions whose value differs from row to row, so that a default of them cannot be kept once for all rows.
const VOLATILE: [&str; 9] = [
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "random",
    "nextval",
    "clock_timestamp",
    "timeofday",
    "gen_random_bytes",
];

/// Reads one statement.
pub(super) fn statement(statement: &Statement, world: &mut World, found: &mut Vec<Found>) {
    match statement {
        Statement::CreateTable(create) => create_table(create, world, found),
        Statement::AlterTable(alter) if matches!(alter.kind, RelationKind::Table) => alter_table(alter, world, found),
        Statement::AlterTable(alter) if matches!(alter.kind, RelationKind::View) => alter_view(alter, world, found),
        Statement::CreateView(create) => {
            let invoker = create.options.iter().find_map(invokes);
            world.table(&create.name).view = Some(invoker.unwrap_or(false));
        }
        Statement::CreateIndex(create) => {
            if !create.concurrently && !world.is_new(&create.table) {
                found.push(Found::new(
                    "index-not-concurrent",
                    format!("index on table \"{}\", which is in use", create.table.name),
                ));
            }
            if create.filter.is_none() {
                let columns = create.elements.iter().map_while(|element| plain(&element.expr)).collect();
                world.table(&create.table).indexes.push(columns);
            }
        }
        Statement::CreatePolicy(create) => policy(create, world, found),
        Statement::Drop(drop) => drop_objects(drop, world, found),
        Statement::Grant(grant) if !grant.revoke => grant_on(grant, world, found),
        Statement::Truncate(truncate) => {
            let tables: Vec<&str> =
                truncate.tables.iter().filter(|table| !world.is_new(table)).map(|table| &*table.name).collect();
            if !tables.is_empty() {
                found.push(Found::new("truncate", format!("all rows of {} go", tables.join(", "))));
            }
        }
        Statement::Update(update)
            if update.filter.is_none() && update.from.is_empty() && !world.is_new(&update.table) =>
        {
            found
                .push(Found::new("update-without-where", format!("every row of \"{}\" is changed", update.table.name)));
        }
        Statement::Delete(delete)
            if delete.filter.is_none() && delete.using.is_empty() && !world.is_new(&delete.table) =>
        {
            found
                .push(Found::new("update-without-where", format!("every row of \"{}\" is deleted", delete.table.name)));
        }
        Statement::CreateFunction(create) => {
            let definer = create.options.iter().any(|option| matches!(option, FunctionOption::SecurityDefiner(true)));
            let fixed = create
                .options
                .iter()
                .any(|option| matches!(option, FunctionOption::Set(set) if &*set.name == "search_path"));
            if definer && !fixed {
                let message = format!(
                    "function \"{}\" runs with its owner's rights under its caller's search path",
                    create.name.name
                );
                found.push(Found::new("definer-search-path", message));
            }
        }
        _ => {}
    }
}

fn plain(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Column { parts } => parts.last().cloned(),
        _ => None,
    }
}

fn create_table(create: &CreateTable, world: &mut World, found: &mut Vec<Found>) {
    let here = world.here();
    {
        let table = world.table(&create.name);
        table.new = true;
        table.made = here;
        table.primary_key |= create.partition_of.is_some() || create.as_query.is_some() || !create.inherits.is_empty();
    }
    for column in create.columns() {
        column_form(column, found);
        column_keys(&create.name, column, world);
    }
    for constraint in create.constraints() {
        constraint_keys(&create.name, constraint, world);
    }
}

/// What a column's type gives away.
fn column_form(column: &ColumnDef, found: &mut Vec<Found>) {
    let name = &column.name;
    match &*column.ty.name.name {
        "timestamp" => found
            .push(Found::new("timestamp-without-zone", format!("column \"{name}\" is a timestamp without time zone"))),
        "bpchar" => found.push(Found::new("char", format!("column \"{name}\" is a blank-padded char"))),
        "json" => found.push(Found::new("json", format!("column \"{name}\" is json"))),
        "serial2" | "serial4" | "serial8" => found.push(Found::new("serial", format!("column \"{name}\" is a serial"))),
        _ => {}
    }
}

fn column_keys(table: &ObjectName, column: &ColumnDef, world: &mut World) {
    let here = world.here();
    let table = world.table(table);
    for constraint in &column.constraints {
        match &constraint.kind {
            ColumnConstraintKind::PrimaryKey => {
                table.primary_key = true;
                table.indexes.push(vec![column.name.clone()]);
            }
            ColumnConstraintKind::Unique { .. } => table.indexes.push(vec![column.name.clone()]),
            ColumnConstraintKind::References(_) => table.foreign_keys.push((vec![column.name.clone()], true, here)),
            _ => {}
        }
    }
}

fn constraint_keys(table: &ObjectName, constraint: &TableConstraint, world: &mut World) {
    let here = world.here();
    let table = world.table(table);
    match &constraint.kind {
        TableConstraintKind::PrimaryKey { columns, .. } => {
            table.primary_key = true;
            table.indexes.push(columns.clone());
        }
        TableConstraintKind::Unique { columns, .. } => table.indexes.push(columns.clone()),
        TableConstraintKind::UsingIndex { primary, .. } => table.primary_key |= primary,
        TableConstraintKind::ForeignKey { columns, .. } => table.foreign_keys.push((columns.clone(), true, here)),
        TableConstraintKind::Check { expr, .. } => {
            if let Expr::IsNull { expr, negated: true } = expr {
                table.checked.extend(plain(expr));
            }
        }
        TableConstraintKind::Exclude(_) => {}
    }
}

/// Does the option of a view say whose rights bind inside.
fn invokes(option: &StorageOption) -> Option<bool> {
    let on = |value: &str| matches!(value.to_ascii_lowercase().as_str(), "true" | "on" | "1" | "yes");
    (&*option.name == "security_invoker").then(|| option.value.as_deref().is_none_or(on))
}

fn alter_view(alter: &AlterTable, world: &mut World, found: &mut Vec<Found>) {
    for action in &alter.actions {
        match action {
            AlterAction::SetOptions(options) => {
                if let Some(invoker) = options.iter().find_map(invokes) {
                    world.table(&alter.name).view = Some(invoker);
                }
            }
            AlterAction::RenameTo(to) => world.rename(&alter.name, to),
            _ => {}
        }
        if matches!(action, AlterAction::RenameTo(_) | AlterAction::RenameColumn { .. }) {
            found.push(Found::new(
                "renamed",
                format!("view \"{}\" or a column of it gets another name", alter.name.name),
            ));
        }
    }
}

fn alter_table(alter: &AlterTable, world: &mut World, found: &mut Vec<Found>) {
    let table = &alter.name.name;
    let in_use = !world.is_new(&alter.name);
    let here = world.here();
    for action in &alter.actions {
        match action {
            AlterAction::AddColumn { column, .. } => {
                column_form(column, found);
                if in_use {
                    added_column(table, column, found);
                }
                column_keys(&alter.name, column, world);
            }
            AlterAction::SetType { column, .. } if in_use => {
                found.push(Found::new("type-change", format!("column \"{column}\" of \"{table}\" changes its type")));
            }
            AlterAction::DropColumn { name, .. } if in_use => {
                found.push(Found::new("column-dropped", format!("column \"{name}\" of \"{table}\" goes")));
            }
            AlterAction::RenameColumn { from, .. } if in_use => {
                found.push(Found::new("renamed", format!("column \"{from}\" of \"{table}\" gets another name")));
            }
            AlterAction::RenameTo(to) => {
                if in_use {
                    found.push(Found::new("renamed", format!("table \"{table}\" gets another name")));
                }
                world.rename(&alter.name, to);
            }
            AlterAction::NotNull { column, set: true }
                if in_use && !world.table(&alter.name).checked.contains(column) =>
            {
                found.push(Found::new("not-null-scan", format!("column \"{column}\" of \"{table}\" becomes not null")));
            }
            AlterAction::AddConstraint(constraint) => {
                if in_use {
                    added_constraint(table, constraint, found);
                }
                constraint_keys(&alter.name, constraint, world);
            }
            AlterAction::RowSecurity(on) => {
                let table = world.table(&alter.name);
                table.row_security = *on;
                table.secured = here;
            }
            _ => {}
        }
    }
}

fn added_column(table: &str, column: &ColumnDef, found: &mut Vec<Found>) {
    let name = &column.name;
    let mut required = false;
    let mut filled = matches!(&*column.ty.name.name, "serial2" | "serial4" | "serial8");
    let mut volatile = filled;
    for constraint in &column.constraints {
        match &constraint.kind {
            ColumnConstraintKind::NotNull | ColumnConstraintKind::PrimaryKey => required = true,
            ColumnConstraintKind::Default(value) => {
                filled = !matches!(value, Expr::Literal(Literal::Null));
                volatile |= walk::calls_any(value, &VOLATILE);
            }
            ColumnConstraintKind::Generated { .. } | ColumnConstraintKind::Identity { .. } => {
                filled = true;
                volatile = true;
            }
            ColumnConstraintKind::Check { .. }
            | ColumnConstraintKind::References(_)
            | ColumnConstraintKind::Unique { .. }
            | ColumnConstraintKind::Null => {}
        }
    }
    if required && !filled {
        found.push(Found::new(
            "column-required",
            format!("column \"{name}\" of \"{table}\" is not null and has no default"),
        ));
    }
    if volatile {
        found.push(Found::new(
            "column-volatile-default",
            format!("column \"{name}\" of \"{table}\" gets a value computed row by row"),
        ));
    }
}

fn added_constraint(table: &str, constraint: &TableConstraint, found: &mut Vec<Found>) {
    let (code, what) = match &constraint.kind {
        TableConstraintKind::Check { .. } if !constraint.not_valid => ("constraint-scan", "a check"),
        TableConstraintKind::ForeignKey { .. } if !constraint.not_valid => ("constraint-scan", "a foreign key"),
        TableConstraintKind::Unique { .. } => ("unique-constraint-lock", "a unique constraint"),
        TableConstraintKind::PrimaryKey { .. } => ("unique-constraint-lock", "a primary key"),
        _ => return,
    };
    found.push(Found::new(code, format!("table \"{table}\", which is in use, gets {what}")));
}

fn policy(create: &CreatePolicy, world: &mut World, found: &mut Vec<Found>) {
    world.table(&create.table).policies += 1;
    let is_true = |expr: &Option<Expr>| matches!(expr, Some(Expr::Literal(Literal::Bool(true))));
    let open = match create.command {
        PolicyCommand::Select => false,
        PolicyCommand::Insert => is_true(&create.check),
        PolicyCommand::All | PolicyCommand::Update => {
            is_true(&create.using) && (create.check.is_none() || is_true(&create.check))
        }
        PolicyCommand::Delete => is_true(&create.using),
    };
    let service_only =
        !create.roles.is_empty() && create.roles.iter().all(|role| *role == Role::Named(Name::from("service_role")));
    if open && create.permissive && !service_only {
        found.push(Found::new(
            "policy-true-write",
            format!("policy \"{}\" lets every row of \"{}\" be written", create.name, create.table.name),
        ));
    }
}

fn drop_objects(drop: &Drop, world: &mut World, found: &mut Vec<Found>) {
    for object in &drop.objects {
        let name = &object.name.name;
        if drop.kind == ObjectKind::Table {
            if !world.is_new(&object.name) {
                found.push(Found::new("table-dropped", format!("table \"{name}\" goes, with its rows")));
            }
            world.forget(&object.name);
        }
        if drop.kind == ObjectKind::Policy
            && let Some(table) = &object.on
        {
            let table = world.table(table);
            table.policies = table.policies.saturating_sub(1);
        }
        if !drop.if_exists
            && matches!(drop.kind, ObjectKind::Table | ObjectKind::View | ObjectKind::Index | ObjectKind::Type)
        {
            found.push(Found::new(
                "missing-if-exists",
                format!("drop {} \"{name}\" without IF EXISTS", drop.kind.words()),
            ));
        }
    }
}

fn grant_on(grant: &Grant, world: &mut World, found: &mut Vec<Found>) {
    let named = |wanted: &str| grant.roles.iter().any(|role| matches!(role, Role::Named(name) if &**name == wanted));
    let everybody = named("anon") || grant.roles.contains(&Role::Public);
    if !everybody && !named("authenticated") {
        return;
    }
    let writes = match &grant.privileges {
        Privileges::All(_) => true,
        Privileges::List(list) => list.iter().any(|(privilege, _)| {
            matches!(privilege, Privilege::Insert | Privilege::Update | Privilege::Delete | Privilege::Truncate)
        }),
    };
    let here = world.here();
    match &grant.target {
        GrantTarget::Objects { kind: ObjectKind::Table, objects } => {
            for object in objects {
                if writes && everybody {
                    found
                        .push(Found::new("grant-write-anon", format!("anybody may write to \"{}\"", object.name.name)));
                }
                let table = world.table(&object.name);
                table.granted = true;
                table.opened = table.opened.or(here);
            }
        }
        GrantTarget::AllInSchemas { kind: ObjectKind::Table, schemas } if writes && everybody => {
            let schemas: Vec<&str> = schemas.iter().map(|schema| &**schema).collect();
            found.push(Found::new(
                "grant-write-anon",
                format!("anybody may write to every table in {}", schemas.join(", ")),
            ));
        }
        GrantTarget::Objects { .. } | GrantTarget::AllInSchemas { .. } => {}
    }
}
