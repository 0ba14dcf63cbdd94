//! Writes: from a payload and a plan to statements, and running them (wire contract, section 10).
//!
//! PostgreSQL gets the payload as one JSON parameter and judges it itself. On SQLite the rows go one by one through prepared
//! statements, with the same steps PostgreSQL takes inside one: defaults, `with check` policies on the proposed row, conflicts, then
//! the row.

mod again;
mod bind;
mod change;
mod each;
mod explain;
mod insert;
mod merged;
#[cfg(test)]
mod no_text;
mod order;
mod run;
mod template;

use std::sync::Arc;

use sql::ast::{Expr, FromItem, Name, SelectItem, TableAlias, TableFunction, TypeName};
use store::catalog::{Catalog, Column, Privilege, Relation};
use store::translate::{Deferred, Destination, Guard, Translator};
use store::{Engine, Param};
use values::Type;

use crate::compile::{Columns, Compiled, Compiler, Params, fields};
use crate::failure::Failure;
use crate::plan::{Level, Order};
use crate::request::{ApiError, Payload, Resolution};
use crate::rows::{Form, Rows};
use crate::tree;
use again::Again;
use bind::Gives;
use explain::Explain;
use policy::RoleGuard;

pub(crate) use run::Taking;
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
    /// How an update or delete of several rows goes, where volatile functions have a say in it.
    each: Option<Arc<Each>>,
    /// What completes a constraint's refusal on SQLite.
    explain: Option<Explain>,
    /// How the returned rows are read, if any are wanted.
    returning: Option<Returning>,
    /// Refuse when more rows are touched.
    max_affected: Option<u64>,
    /// Refuse when not exactly one row is touched.
    singular: bool,
}

/// An update or delete row by row: a volatile function sees what has become of the rows before.
#[derive(Debug)]
struct Each {
    /// Gives the places of the rows; its last parameter is null. In the others it is a row's place.
    places: Arc<str>,
    /// Judges all rows together, by what was there before, with so many of the parameters.
    before: Option<Arc<str>>,
    looks_with: usize,
    /// Judges one row.
    look: Option<Arc<str>>,
    checks: Checks,
    /// Changes one row.
    change: Arc<str>,
}

#[derive(Clone, Debug)]
struct Returning {
    level: Compiled,
    form: Form,
    /// Where the primary key is in the returned columns, for `Location`.
    key: std::ops::Range<usize>,
    /// Where the mark is that tells a new row from a changed one.
    fresh: Option<usize>,
    /// Which terms of the order are of an embed, and which of the level's children, never shown, brings what they order by.
    related: Vec<(usize, usize)>,
    /// The returned columns are not shown as they are.
    again: Option<Again>,
}

#[derive(Clone, Debug)]
enum Steps {
    /// Nothing to do.
    Nothing,
    /// One or more whole statements.
    Statements(Vec<(Arc<str>, Vec<Param>)>),
    /// An update whose new rows are looked at first, with so many of its parameters: those of what it returns are left out.
    Checked { look: Arc<str>, looks_with: usize, checks: Arc<Checks>, change: Arc<str>, params: Vec<Param> },
    /// An insert's rows one by one: which shape, and its values.
    Rows { rows: Vec<(usize, Vec<Param>)>, shapes: Arc<[Shape]>, merge: bool },
}

/// What a new row must meet beside what its table demands, in the order in which it is asked.
#[derive(Clone, Debug)]
enum Demand {
    /// A restrictive policy, by its name; the permissive ones are joined and have none.
    Policy(Option<Name>),
    /// The check option of a view. It has the last word: whatever else is wrong with the row is said first.
    Option(Name),
}

/// The demands behind a statement that gives the place of the first that fails.
type Checks = Vec<Demand>;

/// The statements for rows that give the same columns.
#[derive(Debug)]
struct Shape {
    /// The columns its rows give.
    given: Vec<Name>,
    /// Gives the row as it would be stored, and which of its checks fails.
    propose: Option<(Arc<str>, Vec<Type>, Checks)>,
    /// What takes its place for one of several rows, when there are policies with volatile functions, and asks these once earlier rows are
    /// there: they see them.
    afresh: Option<(Arc<str>, Arc<str>)>,
    insert: Arc<str>,
    /// Looks for a row with the same key: text and checks.
    find: Option<(Arc<str>, Checks)>,
    /// Would the update violate a policy or check option: text and checks.
    violates: Option<(Arc<str>, Checks)>,
    /// The last two have volatile functions in them, too.
    merges_afresh: bool,
    update: Option<Arc<str>>,
    /// Where the values of the key come from; they follow the row's own as parameters of the update.
    key: Vec<KeyPart>,
    /// The columns of the table that the key is made of.
    found_by: Vec<Name>,
    /// The parameters of what an insert or update of a row returns; they follow its own.
    returned: Vec<Param>,
    /// Tries the row of a merge against what the table demands of a new one, although it will not be inserted. Needed when the update does not
    /// ask the same (`always`), else only to say what is wrong with a row before it is said that it is the second of its key.
    probe: Option<(Arc<str>, bool)>,
}

/// Where a value of an upsert's key comes from.
#[derive(Clone, Copy, Debug)]
enum KeyPart {
    /// The row gives it at this place.
    Given(usize),
    /// The proposal has filled it in at this place.
    Proposed(usize),
}

/// What a write did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Rows touched.
    pub affected: u64,
    /// Rows shown, where these are not the rows touched.
    pub shown: Option<u64>,
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
    /// Which rows the write is about, and what its statement returns.
    pub plan: &'a Level,
    /// What is read from the returned rows to be shown, if they are not what is shown.
    pub again: Option<&'a Level>,
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
        self.form.is_some() || (self.location && self.relation.primary_key.is_some())
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
        let again = self.again.filter(|_| self.form.is_some());
        let mut columns = if let Some(shown) = again {
            self.given(shown, alias)
        } else if self.form.is_some() {
            self.compiler.columns(self.plan, alias, &[], params, self.compiler.as_text)?
        } else {
            Columns::default()
        };
        let mut sort = Vec::new();
        let mut related = Vec::new();
        let mut hidden = (Vec::new(), Vec::new());
        if self.form.is_some() && again.is_none() {
            for order in &self.plan.order {
                let term = match order {
                    Order::Own(term) => term,
                    Order::Related { child, term } => {
                        related.push((sort.len(), related.len()));
                        hidden.0.push(order::ordering(&self.plan.children[*child], term));
                        hidden.1.push(self.key_of(*child, alias, &mut columns));
                        sort.push((0, term.descending(), term.nulls_first()));
                        continue;
                    }
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
            columns.items.push(tree::item(merged::is_new()));
            columns.types.push(Type::Bool);
            columns.items.len() - 1
        });
        if columns.items.is_empty() {
            columns.items.push(tree::item(tree::integer(1)));
            columns.types.push(Type::Int4);
        }
        let again = again.map(|shown| self.again(shown)).transpose()?;
        let mut level =
            self.compiler.representation(self.plan, &columns, sort, self.form.is_some() && again.is_none())?;
        if !related.is_empty() {
            let children = Arc::make_mut(&mut level.children);
            for (_, child) in &mut related {
                *child += children.len();
            }
            let plan = Level { children: hidden.0, ..self.plan.clone() };
            children.extend(self.compiler.children_of(&plan, hidden.1)?);
        }
        Ok((columns.items, Some(Returning { level, form, key, fresh, related, again })))
    }

    /// Where the returned columns hold an embed's key; one that shows nothing has none there yet.
    fn key_of(&self, child: usize, alias: &Name, columns: &mut Columns) -> std::ops::Range<usize> {
        let child_keys = columns.child_keys[child].clone();
        if !child_keys.is_empty() {
            return child_keys;
        }
        let start = columns.items.len();
        for name in &self.plan.children[child].relationship.columns {
            columns.items.push(tree::item(tree::column(alias, name)));
            columns.types.push(self.relation.column(name).map_or(Type::Unknown, |column| column.ty.clone()));
        }
        start..columns.items.len()
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
                after: None,
                outside: None,
                set: Vec::new(),
                removes: false,
            }),
            removes: false,
            each: None,
            returning,
            max_affected: None,
            singular: false,
        }
    }

    /// The table that the write changes, and whose row policies hold there (SQLite).
    fn destination(&self, privilege: Privilege) -> Result<Destination, Failure> {
        // The statement itself asks for what is needed on the way down.
        let late = Deferred::new(&**self.guard);
        Ok(self.translator(&late, &[]).destination(self.relation, privilege)?)
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

    fn translator<'t>(&'t self, guard: &'t dyn Guard, types: &'t [Type]) -> Translator<'t> {
        Translator::new(self.compiler.catalog, guard, self.compiler.path, types)
    }

    /// The table's column that a column of the relation shows.
    fn below(&self, to: &Destination, name: &Name) -> Option<Name> {
        let place = self.relation.columns.iter().position(|known| known.name == *name)?;
        to.columns[place].clone()
    }
}

impl Write {
    /// Its statements in the order in which they run, for those who want to see their plans; of rows that go one by one, those of the
    /// first, with nulls for its values.
    pub(crate) fn statements(&self) -> Vec<(Arc<str>, Vec<Param>)> {
        match &self.steps {
            Steps::Nothing => Vec::new(),
            Steps::Statements(statements) => statements.clone(),
            Steps::Checked { look, looks_with, change, params, .. } => {
                vec![(look.clone(), params[..*looks_with].to_vec()), (change.clone(), params.clone())]
            }
            Steps::Rows { rows, shapes, .. } => {
                let Some((shape, params)) = rows.first().map(|(shape, params)| (&shapes[*shape], params)) else {
                    return Vec::new();
                };
                let nulls = |count: usize| vec![Param::Null; count];
                let mut statements = Vec::new();
                let mut inserted = params.len();
                if let Some((propose, stored, _)) = &shape.propose {
                    statements.push((propose.clone(), nulls(params.len())));
                    inserted = stored.len();
                }
                if let Some((find, _)) = &shape.find {
                    statements.push((find.clone(), nulls(shape.key.len())));
                }
                statements.push((shape.insert.clone(), [nulls(inserted), shape.returned.clone()].concat()));
                statements
            }
        }
    }

    /// Bounds the rows it may touch: `max-affected`, and exactly one.
    pub(crate) fn limit(&mut self, max_affected: Option<u64>, singular: bool) {
        self.max_affected = max_affected;
        self.singular = singular;
    }

    /// Its rows take embeds with them, so these are read first.
    fn returns_before(&self) -> bool {
        let reads = |returning: &Returning| returning.again.is_some() || !returning.level.children.is_empty();
        self.removes && self.returning.as_ref().is_some_and(reads)
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

/// Conditions of policies, and all that is asked with them: check options follow.
fn split(checks: Vec<policy::Check>, options: &[Name]) -> (Vec<Arc<Expr>>, Checks) {
    let (conditions, mut demands): (Vec<_>, Checks) =
        checks.into_iter().map(|check| (check.condition, Demand::Policy(check.policy))).unzip();
    demands.extend(options.iter().cloned().map(Demand::Option));
    (conditions, demands)
}
