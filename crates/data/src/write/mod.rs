//! Writes: from a payload and a plan to statements, and running them (wire contract, section 10).
//!
//! PostgreSQL gets the payload as one JSON parameter and judges it itself. On SQLite the rows go one by one through prepared
//! statements, with the same steps PostgreSQL takes inside one: defaults, `with check` policies on the proposed row, conflicts, then
//! the row.

mod bind;
mod explain;
mod merged;
mod run;
mod template;

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{
    Assignment, ConflictAction, ConflictTarget, Delete, Expr, FromItem, IndexElement, Insert, InsertSource, Name,
    OnConflict, SelectItem, TableAlias, TableFunction, TypeName, Update,
};
use store::catalog::{Catalog, Column, Identity, Privilege, Relation};
use store::translate::{Access, Destination, Guard as _, Translator};
use store::{Engine, Param, SqlError};
use values::Type;

use crate::compile::{Columns, Compiled, Compiler, Params, fields};
use crate::failure::Failure;
use crate::plan::{Level, Order};
use crate::request::{ApiError, Cell, Missing, Payload, Resolution};
use crate::rows::{Form, Rows};
use crate::tree;
use bind::{Gives, runs};
use explain::Explain;
use policy::RoleGuard;

pub(crate) use template::Template;

/// What an insert does when a row is there already.
#[derive(Clone, Debug)]
pub(crate) struct Upsert {
    /// Update it or leave it.
    pub resolution: Resolution,
    /// The columns that tell.
    pub key: Vec<Name>,
}

/// A write, ready to run as a transaction function (any number of times) once its values are bound.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    relation: Arc<Relation>,
    steps: Steps,
    /// How the payload becomes parameters.
    gives: Gives,
    /// Rows go away, and what refers to them perhaps with them.
    removes: bool,
    /// What completes a constraint's refusal on SQLite.
    explain: Option<Explain>,
    /// How the returned rows are read, if any are wanted.
    returning: Option<Returning>,
    /// Refuse when more rows are touched.
    max_affected: Option<u64>,
    /// Refuse when not exactly one row is touched.
    singular: bool,
}

#[derive(Clone, Debug)]
struct Returning {
    level: Compiled,
    form: Form,
    /// Where the primary key is in the returned columns, for `Location`.
    key: std::ops::Range<usize>,
    /// Where the mark is that tells a new row from a changed one.
    fresh: Option<usize>,
}

#[derive(Clone, Debug)]
enum Steps {
    /// Nothing to do.
    Nothing,
    /// One or more whole statements.
    Statements(Vec<(Arc<str>, Vec<Param>)>),
    /// An update whose new rows are looked at first.
    Checked { look: Arc<str>, checks: Arc<Checks>, change: Arc<str>, params: Vec<Param> },
    /// Rows one by one: which shape, and its values.
    Rows { rows: Vec<(usize, Vec<Param>)>, shapes: Arc<[Shape]>, merge: bool },
}

/// The names of the restrictive policies behind a statement's checks, in order; the joined permissive ones have none.
type Checks = Vec<Option<Name>>;

/// The statements for rows that give the same columns.
#[derive(Debug)]
struct Shape {
    /// The columns its rows give.
    given: Vec<Name>,
    /// Gives the row as it would be stored, and its checks.
    propose: Option<(Arc<str>, Vec<Type>, Checks)>,
    insert: Arc<str>,
    /// Looks for a row with the same key: text, parameter places of the key, checks.
    find: Option<(Arc<str>, Vec<usize>, Checks)>,
    /// Would the update violate a policy: text and checks.
    violates: Option<(Arc<str>, Checks)>,
    update: Option<Arc<str>>,
    /// Parameters of the update: places of the row's own.
    key: Vec<usize>,
    /// A column that takes no null and gets none but that: a merge is refused for it although it would not be inserted.
    missing: Option<Name>,
}

/// What a write did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Rows touched.
    pub affected: u64,
    /// Rows that are new.
    pub inserted: u64,
    /// The returned rows.
    pub rows: Option<Rows>,
    /// Values of the primary key of the last returned row, as text.
    pub key: Vec<Option<String>>,
}

/// Everything a write is compiled from.
pub(crate) struct Writer<'a> {
    /// Statement compiler for the caller.
    pub compiler: &'a Compiler<'a>,
    /// The caller's guard (on PostgreSQL the server guards).
    pub guard: &'a Arc<RoleGuard>,
    /// The catalog, to be shared with the function that runs.
    pub catalog: &'a Arc<Catalog>,
    /// The relation.
    pub relation: &'a Arc<Relation>,
    /// The plan of the representation.
    pub plan: &'a Level,
    /// Rows are to be returned in this form.
    pub form: Option<Form>,
    /// The primary key is to be returned (for `Location`).
    pub location: bool,
}

impl Writer<'_> {
    fn target(&self) -> sql::ast::ObjectName {
        tree::object(&self.relation.name)
    }

    /// Whether the statement reads columns, so that select policies bind too.
    fn reads(&self) -> bool {
        self.form.is_some() || self.location
    }

    /// The returning clause: the columns of the plan, then the key, then the mark of new rows.
    fn returning(
        &self,
        alias: &Name,
        params: &mut Params,
        fresh: bool,
    ) -> Result<(Vec<SelectItem>, Option<Returning>), Failure> {
        let fresh = fresh && self.compiler.engine == Engine::Postgres;
        if !self.reads() && !fresh {
            return Ok((Vec::new(), None));
        }
        let form = self.form.unwrap_or(Form::Json);
        let mut columns = if self.form.is_some() {
            self.compiler.columns(self.plan, alias, params, self.compiler.as_text)?
        } else {
            Columns::default()
        };
        let mut sort = Vec::new();
        if self.form.is_some() {
            for order in &self.plan.order {
                let Order::Own(term) = order else {
                    return Err(
                        ApiError::not_implemented("ordering the rows of a write by an embedded resource").into()
                    );
                };
                let (expr, ty) =
                    Compiler::reference(&self.plan.relation, alias, &term.field.name, &term.field.json_path, params);
                sort.push((columns.items.len(), term.descending(), term.nulls_first()));
                columns.items.push(tree::item(expr));
                columns.types.push(ty);
            }
        }
        let start = columns.items.len();
        if self.location
            && let Some(key) = &self.relation.primary_key
        {
            for name in &key.columns {
                let expr = tree::column(alias, name);
                let expr = if self.compiler.engine == Engine::Postgres {
                    tree::cast(expr, TypeName::plain("text"))
                } else {
                    expr
                };
                let ty = self.relation.column(name).map_or(Type::Text, |column| column.ty.clone());
                columns.items.push(tree::item(expr));
                columns.types.push(if self.compiler.engine == Engine::Postgres { Type::Text } else { ty });
            }
        }
        let key = start..columns.items.len();
        let fresh = fresh.then(|| {
            let mark = if self.relation.is_view() {
                merged::is_new()
            } else {
                tree::equal(Expr::Column { parts: vec![Name::from("xmax")] }, tree::integer(0))
            };
            columns.items.push(tree::item(mark));
            columns.types.push(Type::Bool);
            columns.items.len() - 1
        });
        if columns.items.is_empty() {
            columns.items.push(tree::item(tree::integer(1)));
            columns.types.push(Type::Int4);
        }
        let level = self.compiler.representation(self.plan, &columns, sort, self.form.is_some())?;
        Ok((columns.items, Some(Returning { level, form, key, fresh })))
    }

    /// The table that changes: what a refusal speaks of. The relation itself, unless that is a view.
    fn table(&self) -> Arc<Relation> {
        if !self.relation.is_view() || self.compiler.engine == Engine::Postgres {
            return self.relation.clone();
        }
        self.destination(Privilege::Delete).map_or_else(|_| self.relation.clone(), |to| to.table)
    }

    fn finish(&self, steps: Steps, returning: Option<Returning>) -> Write {
        Write {
            relation: self.table(),
            steps,
            gives: Gives::Nothing,
            explain: (self.compiler.engine == Engine::Sqlite).then(|| Explain {
                catalog: self.catalog.clone(),
                guard: self.guard.clone(),
                look: None,
                set: Vec::new(),
                removes: false,
            }),
            removes: false,
            returning,
            max_affected: None,
            singular: false,
        }
    }

    // ------------------------------------------------------------------------------------------------ insert

    /// An insert of the payload's rows.
    pub(crate) fn insert(
        &self,
        payload: &Payload,
        missing: Missing,
        upsert: Option<&Upsert>,
    ) -> Result<Write, Failure> {
        let columns = self.payload_columns(payload)?;
        self.judge_values(&columns)?;
        if let Some(upsert) = upsert {
            self.judge_key(upsert)?;
        }
        match self.compiler.engine {
            Engine::Postgres => self.insert_postgres(payload, &columns, missing, upsert),
            Engine::Sqlite => self.insert_sqlite(payload, &columns, missing, upsert),
        }
    }

    /// Columns that take no value are refused before anybody's privileges are, as PostgreSQL does.
    fn judge_values(&self, columns: &[&Column]) -> Result<(), Failure> {
        if self.compiler.engine == Engine::Postgres || self.relation.is_view() {
            return Ok(());
        }
        let always = |column: &&&Column| column.generated.is_some() || column.identity == Some(Identity::Always);
        let Some(column) = columns.iter().find(always) else { return Ok(()) };
        let error =
            SqlError::new("428C9", format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name));
        let error = if column.generated.is_some() {
            error.detail(format!("Column \"{}\" is a generated column.", column.name))
        } else {
            error
                .detail(format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name))
                .hint("Use OVERRIDING SYSTEM VALUE to override.")
        };
        Err(store::Error::from(error).into())
    }

    /// An upsert's key must be one of the table's. PostgreSQL says so before it asks who may do what; SQLite would say it last or, when
    /// the rows go another way, never.
    fn judge_key(&self, upsert: &Upsert) -> Result<(), Failure> {
        if self.compiler.engine == Engine::Postgres || self.relation.is_view() {
            return Ok(());
        }
        if let Some(name) = upsert.key.iter().find(|name| self.relation.column(name).is_none()) {
            return Err(store::Error::sql("42703", format!("column \"{name}\" does not exist")).into());
        }
        let wanted: BTreeSet<&Name> = upsert.key.iter().collect();
        let mut keys = self.relation.primary_key.iter().chain(&self.relation.uniques);
        if keys.any(|key| key.columns.iter().collect::<BTreeSet<_>>() == wanted) {
            return Ok(());
        }
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
        Err(store::Error::sql("42P10", message).into())
    }

    /// The table that the write changes, and whose row policies hold there (SQLite).
    fn destination(&self, privilege: Privilege) -> Result<Destination, Failure> {
        Ok(self.translator(&[]).destination(self.relation, privilege)?)
    }

    /// The columns the payload gives; an unknown one is refused by name.
    fn payload_columns(&self, payload: &Payload) -> Result<Vec<&Column>, Failure> {
        payload
            .columns()
            .iter()
            .map(|name| {
                self.relation
                    .column(name)
                    .ok_or_else(|| Failure::from(ApiError::no_column(name, &self.relation.name.name)))
            })
            .collect()
    }

    fn conflict(&self, upsert: &Upsert, columns: &[&Column]) -> OnConflict {
        let elements = upsert
            .key
            .iter()
            .map(|name| IndexElement {
                expr: Expr::Column { parts: vec![name.clone()] },
                collation: None,
                opclass: None,
                opclass_options: Vec::new(),
                descending: None,
                nulls_first: None,
            })
            .collect();
        let action = match upsert.resolution {
            Resolution::IgnoreDuplicates => ConflictAction::Nothing,
            Resolution::MergeDuplicates if columns.is_empty() => ConflictAction::Nothing,
            Resolution::MergeDuplicates => ConflictAction::Update {
                set: columns
                    .iter()
                    .map(|column| Assignment::Column {
                        column: column.name.clone(),
                        value: tree::column(&Name::from("excluded"), &column.name),
                    })
                    .collect(),
                filter: (self.relation.is_view() && self.compiler.engine == Engine::Postgres).then(merged::leave),
            },
        };
        OnConflict { target: Some(ConflictTarget::Index { elements, filter: None }), action }
    }

    fn insert_postgres(
        &self,
        payload: &Payload,
        columns: &[&Column],
        missing: Missing,
        upsert: Option<&Upsert>,
    ) -> Result<Write, Failure> {
        let merge = upsert.is_some_and(|upsert| upsert.resolution == Resolution::MergeDuplicates);
        let mut statements = Vec::new();
        let mut returned = None;
        for (places, _) in runs(payload, missing) {
            let given: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
            let mut params = Params::default();
            let alias = self.relation.name.name.clone();
            let source = if given.is_empty() {
                InsertSource::DefaultValues
            } else {
                let body = params.push(Param::Null, Type::Json);
                let record = Name::from("payload");
                let items = given.iter().map(|column| tree::item(tree::column(&record, &column.name))).collect();
                let select = tree::select(items, vec![recordset(body, &record, &given)], None);
                InsertSource::Query(Box::new(tree::query(select)))
            };
            let (items, returning) = self.returning(&alias, &mut params, merge)?;
            let insert = Insert {
                with: None,
                table: self.target(),
                alias: Some(alias),
                columns: given.iter().map(|column| column.name.clone()).collect(),
                overriding_system: None,
                source,
                on_conflict: upsert.map(|upsert| self.conflict(upsert, &given)),
                returning: items,
            };
            statements.push((Arc::from(sql::ast::Statement::Insert(Box::new(insert)).to_string()), params.values));
            returned = returning;
        }
        let mut write = self.finish(Steps::Statements(statements), returned);
        write.gives = Gives::Bodies(missing);
        Ok(write)
    }

    fn insert_sqlite(
        &self,
        payload: &Payload,
        columns: &[&Column],
        missing: Missing,
        upsert: Option<&Upsert>,
    ) -> Result<Write, Failure> {
        let merge =
            upsert.is_some_and(|upsert| upsert.resolution == Resolution::MergeDuplicates) && !columns.is_empty();
        let mut shapes = Vec::new();
        let mut returned = None;
        for (places, _) in runs(payload, missing) {
            let given: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
            let (shape, returning) = self.shape(&given, upsert, merge)?;
            returned = returning;
            shapes.push(shape);
        }
        let mut write = self.finish(Steps::Rows { rows: Vec::new(), shapes: shapes.into(), merge }, returned);
        write.gives = Gives::Rows(missing, columns.iter().map(|column| column.ty.clone()).collect());
        Ok(write)
    }

    fn shape(
        &self,
        given: &[&Column],
        upsert: Option<&Upsert>,
        merge: bool,
    ) -> Result<(Shape, Option<Returning>), Failure> {
        let names: Vec<Name> = given.iter().map(|column| column.name.clone()).collect();
        let types: Vec<Type> = given.iter().map(|column| column.ty.clone()).collect();
        if let Some(upsert) = upsert {
            // The key is compared with rows that are there; and PostgreSQL wants to be allowed to read what a merge takes over.
            let taken = given.iter().filter(|_| merge).map(|column| &column.name);
            let columns: BTreeSet<Name> = upsert.key.iter().chain(taken).cloned().collect();
            let access = Access { privilege: Privilege::Select, columns: &columns };
            self.guard.check(self.relation, &access)?;
        }
        let to = self.destination(Privilege::Insert)?;
        let reads = self.reads() || upsert.is_some();
        let (checks, names_of) =
            split(if to.binds_caller { self.guard.insert_checks(&to.table, reads) } else { Vec::new() });
        let propose = if checks.is_empty() {
            None
        } else {
            let proposed = self.translator(&types).propose(self.relation, &names, &checks)?;
            let stored: Vec<Type> = proposed.columns[..proposed.columns.len() - checks.len()]
                .iter()
                .map(|column| column.ty.clone())
                .collect();
            Some((Arc::from(proposed.sql), stored, names_of))
        };
        // A proposed row comes back whole, defaults filled in, and is inserted as it is.
        let stored: Vec<&Column> = to.table.columns.iter().filter(|column| column.generated.is_none()).collect();
        let inserted = if propose.is_some() { &stored[..] } else { given };
        let mut params = Params::default();
        let alias = self.relation.name.name.clone();
        let row: Vec<Expr> = inserted.iter().map(|column| params.push(Param::Null, column.ty.clone())).collect();
        let (items, returning) = self.returning(&alias, &mut params, merge)?;
        // Identity columns that the proposal has filled from their sequence may be given then.
        let overriding = (propose.is_some() && !given.iter().any(|column| column.identity == Some(Identity::Always)))
            .then_some(true);
        let on_conflict = match upsert {
            Some(upsert) if !merge => Some(self.conflict(upsert, given)),
            _ => None,
        };
        let insert = Insert {
            with: None,
            table: self.target(),
            alias: Some(alias.clone()),
            columns: inserted.iter().map(|column| column.name.clone()).collect(),
            overriding_system: overriding,
            source: if inserted.is_empty() {
                InsertSource::DefaultValues
            } else {
                InsertSource::Query(Box::new(sql::ast::Query::from_body(sql::ast::QueryBody::Values(vec![row]))))
            },
            on_conflict,
            returning: items.clone(),
        };
        let mut translator = self.translator(&params.types);
        let insert = if propose.is_some() {
            translator.insert_proposed(&insert, &names)?
        } else {
            translator.insert(&insert)?
        };
        let returning = returning.map(|mut returning| {
            returning.level.types = insert.columns.iter().map(|column| column.ty.clone()).collect();
            returning
        });
        let below = |column: &&Column| {
            let place = self.relation.columns.iter().position(|known| known.name == column.name)?;
            to.columns[place].clone()
        };
        let stored: Vec<Name> = given.iter().filter_map(below).collect();
        let must = |column: &&Column| {
            column.not_null && column.default.is_none() && column.sequence.is_none() && column.generated.is_none()
        };
        let missing = to
            .table
            .columns
            .iter()
            .filter(must)
            .find(|column| !stored.contains(&column.name))
            .map(|column| column.name.clone());
        let mut shape = Shape {
            given: stored,
            propose,
            insert: Arc::from(insert.sql),
            find: None,
            violates: None,
            update: None,
            key: Vec::new(),
            missing,
        };
        if let Some(upsert) = upsert.filter(|_| merge) {
            self.merge_shape(&mut shape, given, upsert, &to)?;
        }
        Ok((shape, returning))
    }

    fn merge_shape(
        &self,
        shape: &mut Shape,
        given: &[&Column],
        upsert: &Upsert,
        to: &Destination,
    ) -> Result<(), Failure> {
        let key: Vec<usize> = upsert
            .key
            .iter()
            .map(|name| given.iter().position(|column| column.name == *name))
            .collect::<Option<_>>()
            .unwrap_or_default();
        if key.len() != upsert.key.len() {
            // A key that is not given cannot be there already.
            return Ok(());
        }
        let (checks, names) = split(if to.binds_caller { self.guard.conflict_checks(&to.table) } else { Vec::new() });
        let found = self.translator(&[]).existing(self.relation, &upsert.key, &checks)?;
        shape.find = Some((Arc::from(found.sql), key.clone(), names));
        let mut params = Params::default();
        let alias = self.relation.name.name.clone();
        let values: Vec<Expr> = given.iter().map(|column| params.push(Param::Null, column.ty.clone())).collect();
        let set = given
            .iter()
            .zip(&values)
            .map(|(column, value)| Assignment::Column { column: column.name.clone(), value: value.clone() })
            .collect();
        let filter = tree::all(
            key.iter()
                .map(|place| tree::equal(tree::column(&alias, &given[*place].name), values[*place].clone()))
                .collect(),
        );
        let (items, _) = self.returning(&alias, &mut params, true)?;
        let update = Update {
            with: None,
            table: self.target(),
            only: false,
            alias: Some(alias),
            set,
            from: Vec::new(),
            filter,
            returning: items,
        };
        let (checks, names) =
            split(if to.binds_caller { self.guard.update_checks(&to.table, true) } else { Vec::new() });
        if !checks.is_empty() {
            let look = self.translator(&params.types).update_violations(&update, &checks)?;
            shape.violates = Some((Arc::from(look.sql), names));
        }
        shape.update = Some(Arc::from(self.translator(&params.types).update(&update)?.sql));
        shape.key = key;
        Ok(())
    }

    fn translator<'t>(&'t self, types: &'t [Type]) -> Translator<'t> {
        Translator::new(self.compiler.catalog, &**self.guard, self.compiler.path, types)
    }

    // ------------------------------------------------------------------------------------------------ update, delete

    /// An update of the rows that meet the plan's conditions.
    pub(crate) fn update(&self, payload: &Payload, missing: Missing) -> Result<Write, Failure> {
        let columns = self.payload_columns(payload)?;
        let mut params = Params::default();
        let alias = params.alias(self.relation);
        if payload.rows() == 0 || columns.is_empty() {
            let (_, returning) = self.returning(&alias, &mut params, false)?;
            return Ok(self.finish(Steps::Nothing, returning));
        }
        let mut from = Vec::new();
        let mut set = Vec::with_capacity(columns.len());
        let gives;
        let absent = |place: usize| missing == Missing::Default && matches!(payload.cell(0, place), Cell::Absent);
        match self.compiler.engine {
            Engine::Postgres => {
                let places: Vec<usize> = (0..columns.len()).filter(|place| !absent(*place)).collect();
                let given: Vec<&Column> = places.iter().map(|place| columns[*place]).collect();
                let body = params.push(Param::Null, Type::Json);
                let record = Name::from("payload");
                if !given.is_empty() {
                    from.push(recordset(body, &record, &given));
                }
                for column in &given {
                    set.push(Assignment::Column {
                        column: column.name.clone(),
                        value: tree::column(&record, &column.name),
                    });
                }
                gives = Gives::Body(places);
            }
            Engine::Sqlite => {
                let mut cells = Vec::with_capacity(columns.len());
                for (place, column) in columns.iter().enumerate().filter(|(place, _)| !absent(*place)) {
                    let value = params.push(Param::Null, column.ty.clone());
                    set.push(Assignment::Column { column: column.name.clone(), value });
                    cells.push((place, column.ty.clone()));
                }
                gives = Gives::Cells(cells.into());
            }
        }
        for (_, column) in columns.iter().enumerate().filter(|(place, _)| absent(*place)) {
            set.push(Assignment::Column { column: column.name.clone(), value: Expr::Default });
        }
        let filter = tree::all(self.compiler.conditions(self.plan, &alias, &mut params)?);
        let (items, returning) = self.returning(&alias, &mut params, false)?;
        let reads = self.reads() || filter.is_some();
        let update = Update {
            with: None,
            table: self.target(),
            only: false,
            alias: Some(alias),
            set: set.clone(),
            from,
            filter,
            returning: items,
        };
        match self.compiler.engine {
            Engine::Postgres => {
                let text = Arc::from(sql::ast::Statement::Update(Box::new(update)).to_string());
                let mut write = self.finish(Steps::Statements(vec![(text, params.values)]), returning);
                write.gives = gives;
                Ok(write)
            }
            Engine::Sqlite => {
                let change = self.translator(&params.types).update(&update)?;
                let returning = with_types(returning, &change);
                let to = self.destination(Privilege::Update)?;
                let (checks, names) =
                    split(if to.binds_caller { self.guard.update_checks(&to.table, reads) } else { Vec::new() });
                let change = Arc::from(change.sql);
                let steps = if checks.is_empty() {
                    Steps::Statements(vec![(change, params.values)])
                } else {
                    let look = self.translator(&params.types).update_violations(&update, &checks)?;
                    let (look, checks) = (Arc::from(look.sql), Arc::new(names));
                    Steps::Checked { look, checks, change, params: params.values }
                };
                let mut write = self.explaining(self.finish(steps, returning), &set, false);
                write.gives = gives;
                Ok(write)
            }
        }
    }

    /// A delete of the rows that meet the plan's conditions.
    pub(crate) fn delete(&self) -> Result<Write, Failure> {
        let mut params = Params::default();
        let alias = params.alias(self.relation);
        let filter = tree::all(self.compiler.conditions(self.plan, &alias, &mut params)?);
        let (items, returning) = self.returning(&alias, &mut params, false)?;
        let delete = Delete {
            with: None,
            table: self.target(),
            only: false,
            alias: Some(alias),
            using: Vec::new(),
            filter,
            returning: items,
        };
        let (text, returning) = match self.compiler.engine {
            Engine::Postgres => (Arc::from(sql::ast::Statement::Delete(Box::new(delete)).to_string()), returning),
            Engine::Sqlite => {
                let change = self.translator(&params.types).delete(&delete)?;
                let returning = with_types(returning, &change);
                (Arc::from(change.sql), returning)
            }
        };
        let mut write = self.finish(Steps::Statements(vec![(text, params.values)]), returning);
        write.removes = true;
        Ok(self.explaining(write, &[], true))
    }

    /// Adds what explains a broken constraint of an update or delete: the rows it was about, as far as the caller may read them.
    fn explaining(&self, mut write: Write, set: &[Assignment], removes: bool) -> Write {
        let Some(explain) = &mut write.explain else { return write };
        if self.relation.is_view() {
            return write;
        }
        // With parameters of its own: a statement must be given exactly those that it names.
        let mut own = Params::default();
        let alias = own.alias(self.relation);
        if let Ok(conditions) = self.compiler.conditions(self.plan, &alias, &mut own) {
            let columns = self.relation.columns.iter();
            let items = columns.map(|column| tree::item(tree::column(&alias, &column.name))).collect();
            let from = vec![tree::table(&self.relation.name, &alias)];
            let query = tree::query(tree::select(items, from, tree::all(conditions)));
            if let Ok(look) = self.translator(&own.types).select(&query) {
                explain.look = Some((Arc::from(look.sql), own.values));
            }
        }
        explain.removes = removes;
        explain.set = set
            .iter()
            .filter_map(|assignment| {
                let Assignment::Column { column, value: Expr::Param(number) } = assignment else { return None };
                let place = self.relation.columns.iter().position(|known| known.name == *column)?;
                Some((place, (*number as usize).checked_sub(1)?))
            })
            .collect();
        write
    }
}

impl Write {
    /// Bounds the rows it may touch: `max-affected`, and exactly one.
    pub(crate) fn limit(&mut self, max_affected: Option<u64>, singular: bool) {
        self.max_affected = max_affected;
        self.singular = singular;
    }

    /// Its rows take embeds with them, so these are read first.
    fn returns_before(&self) -> bool {
        self.removes && self.returning.as_ref().is_some_and(|returning| !returning.level.children.is_empty())
    }
}

impl Compiler<'_> {
    /// How the rows that a write returns become output: like a root, but their statement is the write itself.
    pub(crate) fn representation(
        &self,
        plan: &Level,
        columns: &Columns,
        sort: Vec<(usize, bool, bool)>,
        shown: bool,
    ) -> Result<Compiled, Failure> {
        let children = if shown { self.children_of(plan, columns.child_keys.clone())? } else { Vec::new() };
        Ok(Compiled {
            sql: Arc::from(""),
            params: Vec::new(),
            keys: Arc::from([]),
            types: columns.types.as_slice().into(),
            fields: if shown { fields(plan).into() } else { Arc::from([]) },
            children: Arc::new(children),
            link: 0..0,
            sort,
            empty_row: None,
        })
    }
}

fn with_types(returning: Option<Returning>, change: &store::translate::Translated) -> Option<Returning> {
    returning.map(|mut returning| {
        returning.level.types = change.columns.iter().map(|column| column.ty.clone()).collect();
        returning
    })
}

/// `json_to_recordset(body) as alias(a int, b text)`.
fn recordset(body: Expr, alias: &Name, columns: &[&Column]) -> FromItem {
    let columns = columns
        .iter()
        .map(|column| {
            let ty = match &column.domain {
                Some(domain) => TypeName { name: tree::object(domain), ..TypeName::plain("") },
                None => tree::type_name(&column.ty),
            };
            (column.name.clone(), ty)
        })
        .collect();
    FromItem::Function {
        lateral: false,
        calls: vec![TableFunction {
            call: tree::call("json_to_recordset", [tree::cast(body, TypeName::plain("json"))]),
            columns: Vec::new(),
        }],
        rows_from: false,
        ordinality: false,
        alias: Some(TableAlias { name: alias.clone(), columns: Vec::new() }),
        columns,
    }
}

/// Conditions and names of checks.
fn split(checks: Vec<policy::Check>) -> (Vec<Arc<Expr>>, Checks) {
    checks.into_iter().map(|check| (check.condition, check.policy)).unzip()
}
