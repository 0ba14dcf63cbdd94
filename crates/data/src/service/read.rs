//! GET and HEAD of a relation.

use std::sync::Arc;

use sql::ast::Name;
use store::catalog::Relation;
use store::postgres::{Ask, Wave, Waves};
use store::{Connection, Engine, Lane, Param, Row};
use values::{Type, Value};

use super::explain::explain;
use super::said::Said;
use super::{Answer, Asked, Data, catalog_of};
use crate::cache::{self, Prepared};
use crate::compile::{Compiled, Compiler};
use crate::failure::Failure;
use crate::json::strip_nulls;
use crate::plan::{Condition, Level, plan_read};
use crate::request::{ApiError, ApiRequest, Comparison, ContentRange, Count, MediaType, Op, Window, content_location};
use crate::rows::{self, Collector, Form, Rows, Tree};

/// What a read brings back from the database's thread.
struct Page {
    body: Vec<u8>,
    rows: u64,
    total: Option<u64>,
}

/// How the total is found.
enum Total {
    None,
    /// By counting.
    Exact {
        sql: Arc<str>,
        params: Vec<Param>,
    },
    /// By the planner's estimate; with a cap, by counting up to it first.
    Planned {
        sql: Arc<str>,
        params: Vec<Param>,
        exact: Option<(Arc<str>, Vec<Param>, u64)>,
    },
}

impl Data {
    pub(super) async fn read(&self, asked: Asked<'_>) -> Result<Answer, Failure> {
        let request = asked.request;
        // In the dialect's order: the plan, the media type, strict preferences. Only CSV changes the statement.
        let media = self.media(request);
        let shape = match &media {
            Ok(MediaType::Plan { of, .. }) => of.as_ref().clone(),
            Ok(other) => other.clone(),
            Err(_) => MediaType::Json,
        };
        let form = if shape == MediaType::Csv { Form::Csv } else { Form::Json };
        let Prepared { compiled, count, lane, legacy } = self.prepared(&asked, form)?;
        let media = media?;
        request.preferences.check_strict()?;
        if let MediaType::Plan { options, json, .. } = media {
            return Box::pin(self.explain(asked, compiled, media, options, json)).await;
        }
        let total = self.total(&asked, form, count)?;
        let single = matches!(shape, MediaType::Object { .. });
        let output = shape.clone();
        let around = self.around(&asked)?;
        let alone = around.is_nothing()
            && compiled.children.is_empty()
            && matches!(total, Total::None)
            && lane == Lane::Short
            && !asked.scope.rollback;
        let (page, said) = match self.store.as_postgres() {
            Some(postgres) if alone => {
                let mut collector = Collector::root(&compiled, form);
                postgres.fetch(&asked.scope, &compiled.sql, &compiled.params, &mut |row| collector.row(row)).await?;
                let rows = collector.alone();
                let count = rows.len() as u64;
                (Page { body: body_of(rows, &compiled, &output), rows: count, total: None }, Said::default())
            }
            Some(postgres)
                if around.is_nothing() && !asked.scope.rollback && !matches!(total, Total::Planned { .. }) =>
            {
                let reading = || Reading::new(&compiled, &total, form);
                let done = postgres.read_waves(&asked.scope, lane, reading).await?;
                (done.page(&compiled, &output), Said::default())
            }
            _ => {
                let work = move |conn: &mut dyn Connection| -> Result<_, Failure> {
                    around.before(conn)?;
                    let page = page(conn, &compiled, &total, form, &output)?;
                    Ok((page, around.after(conn)?))
                };
                self.store.read(asked.scope, lane, work).await?
            }
        };
        if single && page.rows != 1 {
            return Err(ApiError::singular(page.rows).into());
        }
        let range = ContentRange { offset: request.window.offset, rows: page.rows, total: page.total };
        let status = match range.read_status() {
            Ok(status) => status,
            // The refusal still tells how many there are.
            Err(error) => {
                return Ok(self
                    .refuse(&error)
                    .header("content-range", format!("*/{}", page.total.unwrap_or(0)))
                    .maybe("preference-applied", request.preferences.applied(request.method, false, false)));
            }
        };
        let answer = Answer::new(status)
            .header("content-range", range.to_string())
            .header("content-location", content_location(&request.target, &request.query))
            .maybe("content-profile", request.schema.announce.then(|| request.schema.name.clone()))
            .maybe("preference-applied", request.preferences.applied(request.method, false, false))
            .maybe("warning", legacy_warning(&legacy))
            .varies()
            .body(&media, page.body);
        Ok(said.shape(answer))
    }

    /// The read compiled: from the cache of its shape, or now.
    fn prepared(&self, asked: &Asked<'_>, form: Form) -> Result<Prepared, Failure> {
        let reads = &asked.derived.reads;
        let key = cache::key(asked.request, asked.guard.role(), form == Form::Csv);
        if let Some(key) = &key
            && let Some(found) = reads.get(key, asked.request)
        {
            return Ok(found);
        }
        let fresh = self.compiled(asked, asked.request, form)?;
        if let Some(key) = key {
            reads.put(key, self.compiled(asked, &cache::marked(asked.request), form)?);
        }
        Ok(fresh)
    }

    fn compiled(&self, asked: &Asked<'_>, request: &ApiRequest, form: Form) -> Result<Prepared, Failure> {
        let plan = self.plan(asked, request)?;
        let compiler = self.compiler(asked, form);
        let count = match request.preferences.count {
            Some(_) => Some(compiler.count(&plan)?),
            None => None,
        };
        let lane = lane_of(&plan, count.is_some());
        Ok(Prepared { compiled: compiler.read(&plan)?, count, lane, legacy: plan.legacy_names.clone() })
    }

    fn plan(&self, asked: &Asked<'_>, request: &ApiRequest) -> Result<Level, ApiError> {
        let derived = asked.derived;
        plan_read(request, asked.relation, &derived.catalog, &derived.relationships, self.settings())
    }

    fn compiler<'a>(&self, asked: &'a Asked<'_>, form: Form) -> Compiler<'a> {
        Compiler {
            engine: self.store.engine(),
            catalog: catalog_of(asked),
            guard: &**asked.guard,
            path: asked.path,
            as_text: form == Form::Csv,
        }
    }

    /// How the total is found: SQLite keeps no estimates worth more than a count of its own.
    fn total(&self, asked: &Asked<'_>, form: Form, count: Option<(Arc<str>, Vec<Param>)>) -> Result<Total, Failure> {
        let Some((sql, params)) = count else { return Ok(Total::None) };
        let wanted = asked.request.preferences.count.unwrap_or(Count::Exact);
        let cap = self.config.max_rows;
        let exact = wanted == Count::Exact || (wanted == Count::Estimated && cap.is_none());
        if exact || self.store.engine() == Engine::Sqlite {
            return Ok(Total::Exact { sql, params });
        }
        let mut all = self.plan(asked, asked.request)?;
        all.window = Window::ALL;
        let compiled = self.compiler(asked, form).read(&all)?;
        let exact = if wanted == Count::Estimated { cap.map(|cap| (sql, params, cap)) } else { None };
        Ok(Total::Planned { sql: compiled.sql, params: compiled.params, exact })
    }

    async fn explain(
        &self,
        asked: Asked<'_>,
        compiled: Compiled,
        media: MediaType,
        options: crate::request::PlanOptions,
        json: bool,
    ) -> Result<Answer, Failure> {
        let statements = vec![(compiled.sql, compiled.params)];
        let work = move |conn: &mut dyn Connection| explain(conn, &statements, options, json);
        let body = self.store.read(asked.scope, Lane::Long, work).await?;
        Ok(Answer::new(200).varies().body(&media, body))
    }
}

/// A path named an embed by its table although it has an alias: that works, and will not for ever.
fn legacy_warning(names: &[String]) -> Option<String> {
    let name = names.first()?;
    Some(format!("299 - \"an embed is addressed by its table's name '{name}'; use its alias\""))
}

/// A read in waves: the page and its total in the first, embeds in those after it.
struct Reading<'c> {
    tree: Tree<'c>,
    total: Option<(&'c str, &'c [Param])>,
    counted: Option<u64>,
    /// Which of the wave's statements counts.
    counts: Option<usize>,
    begun: bool,
}

impl<'c> Reading<'c> {
    fn new(compiled: &'c Compiled, total: &'c Total, form: Form) -> Self {
        let root = Collector::root(compiled, form);
        let total = match total {
            Total::Exact { sql, params } => Some((&**sql, &**params)),
            Total::None | Total::Planned { .. } => None,
        };
        let tree = Tree::root(Engine::Postgres, root, &compiled.params);
        Self { tree, total, counted: None, counts: None, begun: false }
    }

    fn page(mut self, compiled: &Compiled, output: &MediaType) -> Page {
        self.tree.advance();
        let rows = self.tree.grown();
        let count = rows.len() as u64;
        Page { body: body_of(rows, compiled, output), rows: count, total: self.counted }
    }
}

impl<'c> Waves<'c> for Reading<'c> {
    fn next(&mut self) -> store::Result<Wave<'c>> {
        if std::mem::replace(&mut self.begun, true) {
            self.tree.advance();
        }
        let last = self.tree.is_last();
        let mut asks: Vec<Ask<'c>> = self.tree.asks().into_iter().map(|(sql, params)| Ask::new(sql, params)).collect();
        self.counts = None;
        if let Some((sql, params)) = self.total.take() {
            self.counts = Some(asks.len());
            asks.push(Ask::new(sql, params));
        }
        Ok(Wave { asks, last })
    }

    fn row(&mut self, ask: usize, row: &dyn Row) -> store::Result<()> {
        if self.counts != Some(ask) {
            return self.tree.row(ask, row);
        }
        if let Value::Int(number) = row.value(0, &Type::Int8)? {
            self.counted = Some(u64::try_from(number).unwrap_or(0));
        }
        Ok(())
    }
}

fn page(
    conn: &mut dyn Connection,
    compiled: &Compiled,
    total: &Total,
    form: Form,
    output: &MediaType,
) -> Result<Page, Failure> {
    let rows = rows::read(conn, compiled, form)?;
    let count = rows.len() as u64;
    let body = body_of(rows, compiled, output);
    let total = match total {
        Total::None => None,
        Total::Exact { sql, params } => Some(number(conn, sql, params)?),
        Total::Planned { sql, params, exact } => {
            let counted = match exact {
                Some((sql, params, cap)) => Some((number(conn, sql, params)?, *cap)),
                None => None,
            };
            match counted {
                Some((counted, cap)) if counted <= cap => Some(counted),
                Some((counted, _)) => Some(counted.max(estimate(conn, sql, params)?)),
                None => Some(estimate(conn, sql, params)?),
            }
        }
    };
    Ok(Page { body, rows: count, total })
}

/// The rows in the form asked for. A single object that is not exactly one is refused by the caller.
pub(super) fn body_of(rows: Rows, level: &Compiled, output: &MediaType) -> Vec<u8> {
    let (body, stripped) = match output {
        MediaType::Csv => {
            let mut body = Vec::new();
            rows.write_csv(level, &mut body);
            (body, false)
        }
        MediaType::Object { stripped } => {
            let mut body = Vec::new();
            if !rows.is_empty() {
                rows.write_row(0, level, &mut body);
            }
            (body, *stripped)
        }
        other => (rows.into_array(level), *other == MediaType::ArrayStripped),
    };
    if stripped { strip_nulls(&body) } else { body }
}

fn number(conn: &mut dyn Connection, sql: &str, params: &[Param]) -> Result<u64, Failure> {
    let mut found = 0;
    conn.query(sql, params, &mut |row| {
        if let Value::Int(number) = row.value(0, &Type::Int8)? {
            found = u64::try_from(number).unwrap_or(0);
        }
        Ok(())
    })?;
    Ok(found)
}

/// The planner's estimate of a statement's rows.
fn estimate(conn: &mut dyn Connection, sql: &str, params: &[Param]) -> Result<u64, Failure> {
    let mut text = String::new();
    conn.query(&format!("explain (format json) {sql}"), params, &mut |row| row.write_text(0, &Type::Json, &mut text))?;
    let digits = text.split_once("\"Plan Rows\":").map_or("", |(_, rest)| rest.trim_start());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    Ok(digits[..end].parse().unwrap_or(0))
}

/// Where a read waits: with the short ones when an index leads to few rows, or when few rows are asked for in no order.
fn lane_of(plan: &Level, counted: bool) -> Lane {
    const FEW: u64 = 1000;
    if !counted && plan.conditions.iter().any(|condition| by_index(&plan.relation, condition)) {
        return Lane::Short;
    }
    let bounded = plan.window.limit.is_some_and(|limit| limit.saturating_add(plan.window.offset) <= FEW);
    let unfiltered = plan.conditions.is_empty() && plan.children.iter().all(|child| !child.inner);
    let by_key = match plan.order.as_slice() {
        [] => true,
        [order] => order.field().json_path.is_empty() && leads_index(&plan.relation, &order.field().name),
        _ => false,
    };
    if bounded && unfiltered && by_key && !counted && !plan.grouped { Lane::Short } else { Lane::Long }
}

fn by_index(relation: &Relation, condition: &Condition) -> bool {
    let Condition::Filter(filter) = condition else { return false };
    let equality = matches!(&filter.op, Op::Compare { op: Comparison::Eq, quantified: None, .. } | Op::In(_));
    equality && !filter.negated && filter.field.json_path.is_empty() && leads_index(relation, &filter.field.name)
}

fn leads_index(relation: &Relation, column: &str) -> bool {
    let leads = |columns: &[Name]| columns.first().is_some_and(|first| **first == *column);
    relation.primary_key.iter().chain(&relation.uniques).any(|key| leads(&key.columns))
        || relation.indexes.iter().any(|index| {
            index.effective
                && index.predicate.is_none()
                && index.keys.first().and_then(|key| key.column.as_ref()).is_some_and(|first| **first == *column)
        })
}
