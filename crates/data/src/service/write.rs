//! POST, PATCH, PUT and DELETE of a relation.

use std::sync::Arc;

use idempotency::{Found, Once};
use store::Scope;
use store::catalog::{Key, Name, Relation};
use store::postgres::{Ask, Before};
use values::Value;

use super::explain::explain;
use super::read::body_of;
use super::said::{Around, Said};
use super::{Answer, Asked, Data, catalog_of};
use crate::cache;
use crate::compile::Compiler;
use crate::failure::Failure;
use crate::plan::{WritePlan, plan_write};
use crate::request::{
    ApiError, ApiRequest, Cell, ContentRange, Count, MediaType, Method, Missing, Payload, PlanOptions, Resolution,
    Return, location, put_key, put_one_row,
};
use crate::rows::Form;
use crate::write::{Taking, Template, Upsert, Write, Writer, Written};

/// A write ready to run, and what its answer needs to know.
struct Ready {
    write: Arc<Write>,
    /// The values, when they mean the transaction's time and are bound in it.
    late: Option<(Payload, values::Session)>,
    relation: Arc<Relation>,
    media: MediaType,
    /// The request may find rows that are there already.
    upsertable: bool,
}

/// What a write does, as a transaction function may do it.
struct Effect {
    write: Arc<Write>,
    /// The values, when they are bound in the transaction.
    late: Option<(Payload, values::Session)>,
    around: Around,
}

impl Effect {
    fn run(&self, tx: &mut store::Tx<'_>) -> Result<(Written, Said), Failure> {
        self.around.before(tx.conn())?;
        let written = match &self.late {
            None => self.write.run(tx)?,
            Some((payload, session)) => {
                let mut write = Write::clone(&self.write);
                write.bind(payload, &values::Session { now_us: Some(tx.conn().now()), ..*session })?;
                write.run(tx)?
            }
        };
        Ok((written, self.around.after(tx.conn())?))
    }
}

impl Data {
    pub(super) async fn write(&self, asked: Asked<'_>) -> Result<Answer, Failure> {
        let Ready { write, late, relation, media, upsertable } = self.ready(&asked)?;
        if let MediaType::Plan { options, json, .. } = media {
            return Box::pin(self.explain_write(asked, &write, media, options, json)).await;
        }
        let around = self.around(&asked)?;
        let effect = Effect { write, late, around };
        // What is rolled back has no effect that a second request could repeat.
        let once = asked.running.filter(|_| !asked.scope.rollback).map(|running| running.once());
        // Where one statement is the whole write, it goes with its commit in one flight; in two, where somebody follows it.
        let simple = effect.around.is_nothing() && effect.late.is_none() && !asked.scope.rollback;
        let server = self.store.as_postgres().filter(|_| simple);
        if let Some((server, statement)) = server.zip(effect.write.alone()) {
            let write = &*effect.write;
            let shown = |written| present(asked.request, &relation, write, written, &media, upsertable);
            if once.is_none() && !server.is_followed() {
                let (taking, touched) = server
                    .write_statement(
                        &asked.scope,
                        statement.0,
                        statement.1,
                        || write.taking(),
                        |taking, row| taking.row(row),
                    )
                    .await?;
                return Ok(shown(taking.done(touched)));
            }
            let found = once.as_ref().map(Once::asks);
            let asks = found.iter().flatten().map(|(sql, params)| Ask::of_house(sql, &params[..])).collect();
            let before = Before { asks, judge: &Once::is_new };
            let done = |conn: &mut dyn store::Connection, taking: Taking<'_>, touched| {
                let answer = shown(taking.done(touched));
                once.iter().try_for_each(|once| once.keep(conn, &answer.to_stored()))?;
                Ok(answer)
            };
            let take = |taking: &mut Taking<'_>, row: &dyn store::Row| taking.row(row);
            // On the heap: it is large.
            let followed =
                Box::pin(server.write_followed(&asked.scope, &before, statement, write.taking(), take, done));
            if let Some(answer) = followed.await? {
                return Ok(answer);
            }
        }
        if let Some(once) = once {
            let request = asked.request.clone();
            let unit = move |tx: &mut store::Tx<'_>| -> Result<Answer, Failure> {
                match once.find(tx.conn())? {
                    Found::New => {}
                    Found::Answer(stored) => {
                        tx.quiet("it was done before");
                        return Ok(Answer::replayed(stored));
                    }
                    Found::Other => return Err(of_key(&idempotency::KEY_REUSED).into()),
                    Found::Busy => return Err(of_key(&idempotency::IN_FLIGHT).into()),
                }
                let (written, said) = effect.run(tx)?;
                let answer = said.shape(present(&request, &relation, &effect.write, written, &media, upsertable));
                once.keep(tx.conn(), &answer.to_stored())?;
                Ok(answer)
            };
            // The place under the key is held here and not by the unit, which may be let go after its answer.
            return self.store.write(asked.scope, unit).await;
        }
        let write = effect.write.clone();
        let (written, said) = self.store.write(asked.scope, move |tx| effect.run(tx)).await?;
        Ok(said.shape(present(asked.request, &relation, &write, written, &media, upsertable)))
    }

    /// Plans and compiles, or finds what another request of this shape left, and binds the values. Apart from the waiting, so that what
    /// compiling borrows is not held meanwhile and the request may move between threads.
    fn ready(&self, asked: &Asked<'_>) -> Result<Ready, Failure> {
        let request = asked.request;
        let writes = &asked.derived.writes;
        let media = self.media(request);
        let csv = match &media {
            Ok(MediaType::Plan { of, .. }) => **of == MediaType::Csv,
            other => matches!(other, Ok(MediaType::Csv)),
        };
        let form = if csv { Form::Csv } else { Form::Json };
        let key = cache::write_key(request, asked.guard.role(), form == Form::Csv);
        let found = key.as_ref().and_then(|key| writes.get(key));
        // In the dialect's order: the plan, strict preferences, the media type, the key of a PUT, the rest.
        let relation = found.as_ref().map_or_else(|| keyed(asked), |template| template.relation().clone());
        let begun = match found {
            Some(template) => Ok(template),
            None => Err(self.write_plan(asked, &relation, request)?),
        };
        request.preferences.check_strict()?;
        let media = media?;
        if request.method == Method::Put {
            judge_put(asked, &relation)?;
        }
        let singular = matches!(media, MediaType::Object { .. }) && request.method != Method::Put;
        let mut write = match begun {
            Ok(template) => template.fill(request),
            Err(plan) => {
                if let Some(key) = key
                    && plan.again.is_none()
                {
                    let marked = self.write_plan(asked, &relation, &cache::marked(request))?;
                    let marked = self.compiled_write(asked, &relation, &marked, form)?;
                    writes.put(key, Arc::new(Template::of(marked, relation.clone())));
                }
                self.compiled_write(asked, &relation, &plan, form)?
            }
        };
        write.limit(max_affected(request), singular);
        let mut late = None;
        if request.method != Method::Delete {
            let payload = payload_of(request);
            let session = values::Session { now_us: None, zone: zone_of(&request.preferences) };
            if write.bind(payload, &session).is_err() {
                // A value such as `now` means the transaction's time: whatever that is, it can be read.
                write.bind(payload, &values::Session { now_us: Some(0), ..session })?;
                late = Some((payload.clone(), session));
            }
        }
        let upsertable = request.method == Method::Post
            && (upsert_of(request, relation.primary_key.as_ref()).is_some()
                || relation.primary_key.is_some()
                || request.query.on_conflict.is_some());
        Ok(Ready { write: Arc::new(write), late, relation, media, upsertable })
    }

    /// How a write would go. Nothing is changed, not even where the statements are run to be measured (`analyze`).
    async fn explain_write(
        &self,
        asked: Asked<'_>,
        write: &Write,
        media: MediaType,
        options: PlanOptions,
        json: bool,
    ) -> Result<Answer, Failure> {
        let statements = write.statements();
        let work = move |tx: &mut store::Tx<'_>| {
            tx.quiet("a plan changes nothing");
            explain(tx.conn(), &statements, options, json)
        };
        let body = self.store.write(Scope { rollback: true, ..asked.scope }, work).await?;
        Ok(Answer::new(200).varies().body(&media, body))
    }

    /// The plan of what a write chooses and gives back.
    fn write_plan(
        &self,
        asked: &Asked<'_>,
        relation: &Arc<Relation>,
        request: &ApiRequest,
    ) -> Result<WritePlan, ApiError> {
        let derived = asked.derived;
        plan_write(request, relation, &derived.catalog, &derived.relationships, self.settings())
    }

    /// The write without values.
    fn compiled_write(
        &self,
        asked: &Asked<'_>,
        relation: &Arc<Relation>,
        plan: &WritePlan,
        form: Form,
    ) -> Result<Write, Failure> {
        let request = asked.request;
        let preferences = &request.preferences;
        let returning = preferences.returning.unwrap_or(Return::Minimal);
        let compiler = Compiler {
            engine: self.store.engine(),
            catalog: catalog_of(asked),
            guard: &**asked.guard,
            path: asked.path,
            as_text: form == Form::Csv,
        };
        let writer = Writer {
            compiler: &compiler,
            guard: asked.guard,
            catalog: &asked.derived.catalog,
            relation,
            plan: &plan.root,
            again: plan.again.as_ref(),
            form: (returning == Return::Representation).then_some(form),
            location: request.method == Method::Post && returning == Return::HeadersOnly,
        };
        let missing = preferences.missing.unwrap_or(Missing::Null);
        match request.method {
            Method::Post => {
                let upsert = upsert_of(request, relation.primary_key.as_ref());
                writer.insert(payload_of(request), missing, upsert.as_ref())
            }
            Method::Put => {
                let key = relation.primary_key.as_ref().ok_or_else(ApiError::put_filters)?;
                let upsert = Upsert { resolution: Resolution::MergeDuplicates, key: key.columns.clone() };
                writer.insert(payload_of(request), missing, Some(&upsert))
            }
            Method::Patch => writer.update(payload_of(request), missing),
            Method::Delete => writer.delete(),
            Method::Get | Method::Head | Method::Options => Err(ApiError::method(request.method.as_str()).into()),
        }
    }
}

/// What is wrong with the request's `Idempotency-Key`.
fn of_key(code: &'static kernel::Code) -> ApiError {
    ApiError::new(code.name, code.status, code.title)
}

/// A PUT names a whole key, once, and says the same in its body.
fn judge_put(asked: &Asked<'_>, relation: &Relation) -> Result<(), Failure> {
    let request = asked.request;
    let named = put_key(&request.query)?;
    let key = relation.primary_key.as_ref().ok_or_else(ApiError::put_filters)?;
    let exact = key.columns.len() == named.len()
        && key.columns.iter().all(|column| named.iter().any(|(name, _)| *name == &**column));
    if !exact {
        return Err(ApiError::put_filters().into());
    }
    let payload = payload_of(request);
    put_one_row(payload)?;
    for (name, literal) in &named {
        if !same_key(asked, payload, name, literal)? {
            return Err(ApiError::put_key_mismatch().into());
        }
    }
    Ok(())
}

/// The time zone that the request asks for. One that nobody knows is refused when the write runs.
fn zone_of(preferences: &crate::request::Preferences) -> values::datetime::Zone {
    let named = preferences.timezone.as_deref();
    named.and_then(|name| values::datetime::Zone::setting(name).ok()).unwrap_or_default()
}

/// The relation with its key: a view that shows the whole key of its table is written by that.
fn keyed(asked: &Asked<'_>) -> Arc<Relation> {
    let relation = asked.relation;
    if relation.view.is_none() || relation.primary_key.is_some() {
        return relation.clone();
    }
    let columns = crate::relationships::view_key(&asked.derived.catalog, relation);
    if columns.is_empty() {
        return relation.clone();
    }
    let mut relation = Relation::clone(relation);
    let name = relation.name.name.clone();
    relation.primary_key = Some(Key { name, columns, nulls_not_distinct: false, index_only: false });
    Arc::new(relation)
}

/// Does the body give the key column the value that the URL gives it.
fn same_key(asked: &Asked<'_>, payload: &Payload, name: &str, literal: &str) -> Result<bool, Failure> {
    let Some(place) = payload.columns().iter().position(|column| column == name) else { return Ok(false) };
    let ty = asked.relation.column(name).map_or(values::Type::Text, |column| column.ty.clone());
    let wanted = values::input(&ty, literal).map_err(store::Error::from)?;
    let given = match payload.cell(0, place) {
        Cell::Absent | Cell::Null => Value::Null,
        Cell::Json(raw) => values::from_json(&ty, raw).map_err(store::Error::from)?,
        Cell::Text(text) => values::input(&ty, text).map_err(store::Error::from)?,
    };
    Ok(values::compare(&ty, wanted.as_ref(), given.as_ref()) == std::cmp::Ordering::Equal && !given.is_null())
}

fn payload_of(request: &ApiRequest) -> &Payload {
    request.payload.as_ref().expect("verbs that write have a payload, the parser sees to it")
}

fn max_affected(request: &ApiRequest) -> Option<u64> {
    matches!(request.method, Method::Patch | Method::Delete)
        .then(|| request.preferences.max_affected_in_force().map(|rows| u64::try_from(rows).unwrap_or(0)))
        .flatten()
}

/// What an insert does about duplicates: by `on_conflict`, else by the primary key; nothing without either.
fn upsert_of(request: &ApiRequest, key: Option<&Key>) -> Option<Upsert> {
    let resolution = request.preferences.resolution?;
    let columns: Vec<Name> = match &request.query.on_conflict {
        Some(columns) => columns.iter().map(|name| Name::from(name.as_str())).collect(),
        None => key?.columns.clone(),
    };
    (!columns.is_empty()).then_some(Upsert { resolution, key: columns })
}

fn present(
    request: &ApiRequest,
    relation: &Relation,
    write: &Write,
    written: Written,
    media: &MediaType,
    upsertable: bool,
) -> Answer {
    let representation = request.preferences.returning == Some(Return::Representation);
    let merge = request.preferences.resolution == Some(Resolution::MergeDuplicates) && upsertable;
    let status = match (request.method, representation) {
        (Method::Post, _) if merge && written.inserted == 0 => 200,
        (Method::Post, _) => 201,
        (Method::Put, true) => {
            if written.inserted > 0 {
                201
            } else {
                200
            }
        }
        (_, true) => 200,
        (_, false) => 204,
    };
    // A planner has nothing to say about rows that were written.
    let rows = written.shown.unwrap_or(written.affected);
    let total = request.preferences.count.filter(|count| *count != Count::Planned).map(|_| rows);
    let range = match request.method {
        Method::Patch => Some(ContentRange { offset: 0, rows, total }),
        Method::Post | Method::Delete => Some(ContentRange::unplaced(total)),
        _ => None,
    };
    let place = (request.method == Method::Post
        && request.preferences.returning == Some(Return::HeadersOnly)
        && written.affected == 1)
        .then_some(relation.primary_key.as_ref())
        .flatten()
        .map(|key| {
            location(
                &relation.name.name,
                key.columns.iter().map(|name| &**name).zip(written.key.iter().map(Option::as_deref)),
            )
        });
    let mut answer = Answer::new(status)
        .maybe("content-range", range.map(|range| range.to_string()))
        .maybe("location", place)
        .maybe("content-profile", (request.schema.announce && representation).then(|| request.schema.name.clone()))
        .maybe("preference-applied", request.preferences.applied(request.method, false, upsertable))
        .varies();
    if representation && let (Some(rows), Some(level)) = (written.rows, write.level()) {
        let body = body_of(rows, level, media);
        return answer.body(media, body);
    }
    if representation {
        return answer.body(media, b"[]".to_vec());
    }
    if status != 204 {
        answer.body = Some(bytes::Bytes::new());
    }
    answer
}
