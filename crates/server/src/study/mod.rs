//! A request under the glass: the statement of each of its levels, the engine's plan for it, and the indexes that would help.

mod advise;
mod candidates;
mod plan;

use std::sync::Arc;

use data::compile::{Compiled, Compiler};
use data::plan::{Child, Level, Settings, nearest, plan_read};
use data::request::{ApiError, Parts, RequestConfig, Target, parse};
use data::service::Derived;
use data::{Config, Failure as DataFailure};
use store::catalog::{Name, QName};
use store::{Engine, Error, Lane, Param, Scope, Store};

pub use advise::{Advice, advise};

use crate::failure::Failure;
use crate::routes::REST;

/// A request, compiled for a role.
pub struct Study {
    /// The whole of it, to run.
    compiled: Compiled,
    /// Its levels, the root first.
    pub levels: Vec<Examined>,
    /// The transaction it runs in.
    scope: Scope,
}

/// One level of a request.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The path to it: `track`, `track/album`.
    pub name: String,
    /// What is read.
    pub relation: QName,
    /// Its statement.
    pub sql: Arc<str>,
    /// The statement's parameters. Lists of parents' keys are empty here.
    pub params: Vec<Param>,
    /// The engine's plan, a line each, indented.
    pub plan: Vec<String>,
    /// Indexes that could help: columns of [`Examined::relation`].
    candidates: Vec<Vec<Name>>,
}

impl Study {
    /// Compiles a request such as `/track?album_id=eq.1&select=*,album(title)`.
    pub fn of(
        store: &Store,
        config: &Config,
        request: &str,
        role: &str,
        claims: Option<&str>,
    ) -> Result<Self, Failure> {
        let refused = |error: ApiError| Failure::Other(said(&error));
        let (path, query) = request.split_once('?').unwrap_or((request, ""));
        let path = path.strip_prefix(REST).unwrap_or(path);
        let parts = Parts { method: "GET", path, query, ..Parts::default() };
        let settings =
            RequestConfig { schemas: config.schemas.clone(), allow_tx: false, limits: config.limits.clone() };
        let request = parse(&parts, &settings).map_err(refused)?;
        let Target::Relation(name) = &request.target else {
            return Err(Failure::Usage(
                "only requests for tables and views can be explained: /track?select=…".to_owned(),
            ));
        };
        let derived = Derived::of(&store.catalog());
        let schema = &request.schema.name;
        let relation = derived.catalog.relation(schema, name).ok_or_else(|| {
            let names = derived.catalog.relations.keys().filter(|key| *key.schema == **schema).map(|key| &*key.name);
            refused(ApiError::no_relation(schema, name, nearest(name, names)))
        })?;
        let role: Arc<str> = Arc::from(role);
        let guard = derived.guard(&role).ok_or_else(|| Failure::Usage(format!("there is no role {role}")))?;
        let path = search_path(config, schema);
        let plan = plan_read(
            &request,
            relation,
            &derived.catalog,
            &derived.relationships,
            Settings { max_rows: config.max_rows, aggregates: config.aggregates },
        )
        .map_err(refused)?;
        let statements =
            Compiler { engine: store.engine(), catalog: &derived.catalog, guard: &*guard, path: &path, as_text: false };
        let compiled = statements.read(&plan).map_err(|failure| Failure::Other(said(&failure.answer(false))))?;
        let mut levels = Vec::new();
        examine(&plan, None, &compiled, "", &guard, &mut levels);
        let claims = claims.map_or_else(|| serde_json::json!({"role": &*role}).to_string(), str::to_owned);
        let scope = Scope {
            role: Some(role),
            claims: Arc::from(claims),
            method: Arc::from("GET"),
            path: Arc::from(parts.path),
            search_path: path.into(),
            timeout: config.timeout,
            ..Scope::default()
        };
        Ok(Self { compiled, levels, scope })
    }

    /// Asks the engine how it would run every level.
    pub async fn explain(&mut self, store: &Store) -> Result<(), Failure> {
        let engine = store.engine();
        let levels = self.levels.clone();
        let plans = store
            .read(self.scope.clone(), Lane::Long, move |conn| plan::all(conn, engine, &levels))
            .await
            .map_err(denied)?;
        for (level, plan) in self.levels.iter_mut().zip(plans) {
            level.plan = plan;
        }
        Ok(())
    }
}

impl Examined {
    /// The parameters as text, for people.
    pub fn shown(&self) -> Vec<String> {
        self.params
            .iter()
            .map(|param| match param {
                Param::Null => "null".to_owned(),
                Param::Text(_, text) => format!("'{text}'"),
                Param::Value(_, values::Value::Int(number)) => number.to_string(),
                Param::Value(_, value) => format!("{value:?}"),
                Param::TextList(..) | Param::ValueList(..) => "(the parents' keys)".to_owned(),
            })
            .collect()
    }

    /// The lines of the plan that read a whole table.
    pub fn scans(&self, engine: Engine) -> Vec<&str> {
        self.plan.iter().map(|line| line.trim()).filter(|line| plan::is_full_scan(engine, line)).collect()
    }
}

fn examine(
    level: &Level,
    parent: Option<&Child>,
    compiled: &Compiled,
    above: &str,
    guard: &policy::RoleGuard,
    out: &mut Vec<Examined>,
) {
    let own = parent.map_or(&*level.relation.name.name, |child| &child.name);
    let name = if above.is_empty() { own.to_owned() } else { format!("{above}/{own}") };
    out.push(Examined {
        name: name.clone(),
        relation: level.relation.name.clone(),
        sql: compiled.sql.clone(),
        params: compiled.params.clone(),
        plan: Vec::new(),
        candidates: candidates::of(level, parent, guard),
    });
    for (child, compiled) in level.children.iter().zip(compiled.children.iter()) {
        examine(&child.level, Some(child), &compiled.level, &name, guard, out);
    }
}

fn search_path(config: &Config, schema: &str) -> Vec<Name> {
    let more = config.extra_search_path.iter().map(String::as_str).filter(|extra| *extra != schema);
    std::iter::once(schema).chain(more).map(Name::from).collect()
}

/// Who may, when the caller may not.
const ANOTHER_ROLE: &str = "Another role may: --role service_role";

/// What PostgreSQL refuses, with a way out.
fn denied(error: Error) -> Failure {
    match error {
        Error::Sql(mut error) if error.code == "42501" && error.hint.is_none() => {
            error.hint = Some(ANOTHER_ROLE.to_owned());
            Error::Sql(error).into()
        }
        error => error.into(),
    }
}

fn said(error: &ApiError) -> String {
    let hint = error.hint.as_ref().map(|hint| format!("\n  {hint}")).unwrap_or_default();
    let role = if error.code == "42501" { format!("\n  {ANOTHER_ROLE}") } else { String::new() };
    format!("the request is refused: {} ({}){hint}{role}", error.message, error.code)
}

fn failed(failure: DataFailure) -> Error {
    match failure {
        DataFailure::Store(error) => error,
        DataFailure::Api(error) => Error::sql(&error.code, error.message),
    }
}
