//! `create table`.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{ColumnConstraintKind, ColumnDef, CreateTable, Persistence, SequenceOption, TableElement};
use values::Type;

use super::constraint::Wanted;
use super::{Ddl, Step, refused};
use crate::catalog::{Column, Grants, Identity, Name, QName, Relation, RelationKind, Sequence};
use crate::error::{Result, SqlError};
use crate::migrate::names::Taken;
use crate::translate::{physical_name, quote, resolve_type};

/// Columns of one table: what PostgreSQL allows.
const COLUMNS_MAX: usize = 1600;

/// A table or view with nothing in it yet.
pub(super) fn empty_relation(name: QName, kind: RelationKind) -> Relation {
    let writable = kind == RelationKind::Table;
    Relation {
        name,
        kind,
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: None,
        owner: Name::from("postgres"),
        row_security: false,
        row_security_forced: false,
        policies: Vec::new(),
        grants: Grants::default(),
        view: None,
        insertable: writable,
        updatable: writable,
        deletable: writable,
        estimated_rows: None,
    }
}

impl Ddl<'_> {
    pub(super) fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        self.refuse_kinds(create)?;
        let name = self.new_name(&create.name)?;
        if create.if_not_exists && Taken::of(self.catalog, &name.schema).has_relation(&name.name) {
            self.notice(format!("relation \"{}\" already exists, skipping", name.name));
            return Ok(());
        }
        self.free_name(&name)?;
        let mut taken = Taken::of(self.catalog, &name.schema);
        taken.relation(name.name.clone());
        let mut relation = empty_relation(name.clone(), RelationKind::Table);
        let mut wanted = Vec::new();
        let mut comments_from = Vec::new();
        for element in &create.elements {
            match element {
                TableElement::Column(column) => self.add_column(&mut relation, &mut taken, column, &mut wanted)?,
                TableElement::Constraint(constraint) => wanted.push(Wanted::of_table(constraint)?),
                TableElement::Like { table, options } => {
                    self.like(&mut relation, &mut taken, table, options, &mut wanted)?;
                    comments_from.push(table);
                }
            }
        }
        let filled = match &create.as_query {
            Some(query) => Some(self.columns_of_query(&mut relation, query)?),
            None => None,
        };
        if relation.columns.len() > COLUMNS_MAX {
            return Err(SqlError::new("54011", format!("tables can have at most {COLUMNS_MAX} columns")).into());
        }
        // A stable sort keeps the written order among equals.
        wanted.sort_by_key(|wanted| wanted.kind.turn());
        for wanted in &wanted {
            self.constrain(&mut relation, &mut taken, wanted)?;
        }
        self.default_table_grants(&mut relation);
        self.publish_table(relation)?;
        if let Some(sql) = filled {
            self.run(format!("INSERT INTO {} {sql}", quote(&physical_name(&name))));
        }
        Ok(())
    }

    fn refuse_kinds(&mut self, create: &CreateTable) -> Result<()> {
        match create.persistence {
            Persistence::Temporary => {
                return Err(refused(
                    "temporary tables are not supported on SQLite",
                    "Use a with query or an ordinary table that a later statement drops.",
                ));
            }
            Persistence::Unlogged => self.notice("UNLOGGED has no effect on SQLite."),
            Persistence::Permanent => {}
        }
        if !create.inherits.is_empty() {
            return Err(refused(
                "table inheritance is not supported on SQLite",
                "Write the columns out, or use create table ... (like parent including all).",
            ));
        }
        if create.partition_by.is_some() || create.partition_of.is_some() {
            return Err(refused(
                "partitioned tables are not supported on SQLite",
                "Use one ordinary table with an index on the partition key.",
            ));
        }
        if create.access_method.is_some() || create.tablespace.is_some() || !create.options.is_empty() {
            self.notice("Storage options have no effect on SQLite.");
        }
        Ok(())
    }

    /// Puts a new table into the catalog and writes it out.
    fn publish_table(&mut self, relation: Relation) -> Result<()> {
        let relation = Arc::new(relation);
        let physical = self.physical(&relation)?;
        self.run(physical.create);
        for index in physical.indexes.into_values() {
            self.run(index);
        }
        self.catalog.relations.insert(relation.name.clone(), relation);
        Ok(())
    }

    /// Adds a column to a table being made or changed; its constraints of the table's are left in `wanted`.
    pub(super) fn add_column(
        &mut self,
        relation: &mut Relation,
        taken: &mut Taken,
        def: &ColumnDef,
        wanted: &mut Vec<Wanted>,
    ) -> Result<()> {
        Self::free_column(relation, &def.name)?;
        let serial = match &*def.ty.name.name {
            "serial2" if def.ty.name.schema.is_none() => Some(Type::Int2),
            "serial4" if def.ty.name.schema.is_none() => Some(Type::Int4),
            "serial8" if def.ty.name.schema.is_none() => Some(Type::Int8),
            _ => None,
        };
        let (ty, domain) = match &serial {
            Some(ty) => (ty.clone(), None),
            None => resolve_type(self.catalog, &self.context.search_path, &def.ty)?,
        };
        storable(&ty, &def.name)?;
        if let Some(collation) = &def.collation
            && !matches!(&*collation.name, "C" | "POSIX" | "default" | "ucs_basic")
        {
            return Err(refused(
                format!("collation \"{}\" is not supported on SQLite", collation.name),
                "Leave it out, or use \"C\": text is compared by code points.",
            ));
        }
        relation.columns.push(Column {
            name: def.name.clone(),
            ty: ty.clone(),
            not_null: domain.as_ref().is_some_and(|domain| domain.not_null),
            default: domain.as_ref().and_then(|domain| domain.default.clone()),
            domain: domain.as_ref().map(|domain| domain.name.clone()),
            identity: None,
            generated: None,
            sequence: None,
            comment: None,
        });
        if serial.is_some() {
            let sequence = self.own_sequence(relation, taken, &def.name, &ty, &[])?;
            let column = super::column_mut(relation, &def.name)?;
            column.sequence = Some(sequence);
            column.not_null = true;
        }
        let mut nullable = None;
        for constraint in &def.constraints {
            match &constraint.kind {
                ColumnConstraintKind::NotNull | ColumnConstraintKind::Null => {
                    let wants_null = matches!(constraint.kind, ColumnConstraintKind::Null);
                    if nullable == Some(!wants_null) {
                        let table = &relation.name.name;
                        return Err(SqlError::new(
                            "42601",
                            format!(
                                "conflicting NULL/NOT NULL declarations for column \"{}\" of table \"{table}\"",
                                def.name
                            ),
                        )
                        .into());
                    }
                    nullable = Some(wants_null);
                    if !wants_null {
                        super::column_mut(relation, &def.name)?.not_null = true;
                    }
                }
                ColumnConstraintKind::Default(value) => {
                    if serial.is_some() {
                        return Err(SqlError::new(
                            "42601",
                            format!("multiple default values specified for column \"{}\"", def.name),
                        )
                        .into());
                    }
                    self.set_default(relation, &def.name, Some(value))?;
                }
                ColumnConstraintKind::Generated { expr, stored } => {
                    if !stored {
                        self.notice(format!(
                            "Column \"{}\" is generated as STORED: its value is kept in the row.",
                            def.name
                        ));
                    }
                    let text = self.expr_text(expr);
                    super::column_mut(relation, &def.name)?.generated = Some(text);
                }
                ColumnConstraintKind::Identity { always, options } => {
                    if !ty.is_integer() {
                        return Err(SqlError::new(
                            "22023",
                            "identity column type must be smallint, integer, or bigint",
                        )
                        .into());
                    }
                    let sequence = self.own_sequence(relation, taken, &def.name, &ty, options)?;
                    let column = super::column_mut(relation, &def.name)?;
                    column.sequence = Some(sequence);
                    column.identity = Some(if *always { Identity::Always } else { Identity::ByDefault });
                    column.not_null = true;
                }
                ColumnConstraintKind::PrimaryKey
                | ColumnConstraintKind::Unique { .. }
                | ColumnConstraintKind::Check { .. }
                | ColumnConstraintKind::References(_) => wanted.extend(Wanted::of_column(&def.name, constraint)),
            }
        }
        Ok(())
    }

    /// Refuses a column's name that the table has, or that SQLite cannot tell from one it has.
    pub(super) fn free_column(relation: &Relation, name: &Name) -> Result<()> {
        if relation.column(name).is_some() {
            return Err(SqlError::new(
                "42701",
                format!("column \"{name}\" of relation \"{}\" already exists", relation.name.name),
            )
            .into());
        }
        if let Some(other) = relation.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)) {
            return Err(refused(
                format!("columns \"{}\" and \"{name}\" differ only in the case of their letters", other.name),
                "SQLite ignores the case of ASCII letters in names. Rename one of them.",
            ));
        }
        Ok(())
    }

    /// A sequence that belongs to a column.
    pub(super) fn own_sequence(
        &mut self,
        relation: &Relation,
        taken: &mut Taken,
        column: &Name,
        ty: &Type,
        options: &[SequenceOption],
    ) -> Result<QName> {
        let named = options.iter().find_map(|option| match option {
            SequenceOption::SequenceName(name) => Some(name.name.clone()),
            _ => None,
        });
        let name = named.unwrap_or_else(|| taken.sequence(&relation.name.name, column));
        let name = QName { schema: relation.name.schema.clone(), name };
        taken.relation(name.name.clone());
        let mut sequence = super::sequence::from_options(name.clone(), ty, options)?;
        sequence.owned_by = Some((relation.name.clone(), column.clone()));
        sequence.grants = self.default_grants_on("sequences", &name.schema);
        self.add_sequence(sequence);
        Ok(name)
    }

    /// Puts a sequence into the catalog and at its start.
    pub(super) fn add_sequence(&mut self, sequence: Sequence) {
        let sequence = Arc::new(sequence);
        self.catalog.sequences.insert(sequence.name.clone(), sequence.clone());
        self.steps.push(Step::Sequence(sequence.clone()));
        self.steps.push(Step::Position { name: sequence.name.clone(), value: sequence.start, called: false });
    }

    fn like(
        &mut self,
        relation: &mut Relation,
        taken: &mut Taken,
        table: &sql::ast::ObjectName,
        options: &[(bool, Name)],
        wanted: &mut Vec<Wanted>,
    ) -> Result<()> {
        let other = self.relation(table)?;
        let mut with: BTreeSet<&str> = BTreeSet::new();
        for (including, what) in options {
            let all = ["comments", "constraints", "defaults", "generated", "identity", "indexes"];
            let named = if &**what == "all" { all.to_vec() } else { vec![&**what] };
            for what in named {
                if *including {
                    with.insert(what)
                } else {
                    with.remove(what)
                };
            }
        }
        for column in &other.columns {
            Self::free_column(relation, &column.name)?;
            let mut copy = column.clone();
            copy.identity = None;
            copy.sequence = None;
            if !with.contains("defaults") {
                copy.default = None;
            } else if column.identity.is_none() {
                // A serial's default draws from the same sequence in both tables.
                copy.sequence.clone_from(&column.sequence);
            }
            if !with.contains("generated") {
                copy.generated = None;
            }
            if !with.contains("comments") {
                copy.comment = None;
            }
            relation.columns.push(copy);
            if let Some(identity) = column.identity
                && with.contains("identity")
            {
                let sequence = self.own_sequence(relation, taken, &column.name, &column.ty, &[])?;
                let copy = super::column_mut(relation, &column.name)?;
                copy.sequence = Some(sequence);
                copy.identity = Some(identity);
            }
        }
        if with.contains("constraints") {
            for check in &other.checks {
                taken.constraint(check.name.clone());
                relation.checks.push(check.clone());
            }
        }
        if with.contains("indexes") {
            use super::constraint::Kind;
            let key = |kind| Wanted { name: None, kind, timing: sql::ast::Timing::default(), not_valid: false };
            if let Some(primary) = &other.primary_key {
                wanted.push(key(Kind::PrimaryKey { columns: primary.columns.clone(), include: Vec::new() }));
            }
            for unique in other.uniques.iter().filter(|unique| !unique.index_only) {
                let kind =
                    Kind::Unique { columns: unique.columns.clone(), include: Vec::new(), nulls_not_distinct: false };
                wanted.push(key(kind));
            }
            if !other.indexes.is_empty() {
                self.notice("Only keys are copied by INCLUDING INDEXES; create the other indexes themselves.");
            }
        }
        Ok(())
    }

    /// The columns of `create table … as`, and the query's text.
    fn columns_of_query(&mut self, relation: &mut Relation, create: &sql::ast::CreateAs) -> Result<String> {
        let translated = self.translator().select(&create.query)?;
        for (index, column) in translated.columns.iter().enumerate() {
            let name = create.columns.get(index).unwrap_or(&column.name).clone();
            Self::free_column(relation, &name)?;
            let ty = if column.ty == Type::Unknown { Type::Text } else { column.ty.clone() };
            storable(&ty, &name)?;
            relation.columns.push(plain_column(name, ty));
        }
        let filter = if create.with_data { "" } else { " WHERE false" };
        Ok(format!("SELECT * FROM ({}){filter}", translated.sql))
    }
}

/// A column with nothing but its type.
pub(super) fn plain_column(name: Name, ty: Type) -> Column {
    Column {
        name,
        ty,
        domain: None,
        not_null: false,
        default: None,
        identity: None,
        generated: None,
        sequence: None,
        comment: None,
    }
}

/// Refuses types that no column can have.
pub(super) fn storable(ty: &Type, column: &str) -> Result<()> {
    match ty {
        Type::Void | Type::Record | Type::Unknown => {
            Err(SqlError::new("42P16", format!("column \"{column}\" has pseudo-type {}", ty.base_name())).into())
        }
        _ => Ok(()),
    }
}
