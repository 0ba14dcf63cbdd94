//! The use cases: a request in, an answer out.

mod answer;
mod describe;
mod explain;
mod read;
mod said;
mod schema;
mod write;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use idempotency::Running;
use policy::RoleGuard;
use store::catalog::{Catalog, Name, Relation};
use store::{Origin, Scope, Store};

use crate::failure::Failure;
use crate::openapi::OpenApiMode;
use crate::plan::{Settings, nearest};
use crate::request::{
    ApiError, ApiRequest, Limits, MediaType, Method, Parts, RequestConfig, Target, Tx, Verbosity, negotiate, parse,
};

pub use answer::Answer;
pub use schema::Derived;

/// How transactions end, and whether a request may choose (`tx_end`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TxEnd {
    /// Always committed.
    #[default]
    Commit,
    /// Committed unless the request says `tx=rollback`.
    CommitAllowOverride,
    /// Always rolled back.
    Rollback,
    /// Rolled back unless the request says `tx=commit`.
    RollbackAllowOverride,
}

/// Settings of the room (wire contract, section 19).
#[derive(Clone, Debug)]
pub struct Config {
    /// Exposed schemas; the first is the default.
    pub schemas: Vec<String>,
    /// Where names are looked for after the request's schema.
    pub extra_search_path: Vec<String>,
    /// Rows at most at every level of a read.
    pub max_rows: Option<u64>,
    /// Aggregates are allowed.
    pub aggregates: bool,
    /// `application/vnd.pgrst.plan` is served.
    pub plan: bool,
    /// How transactions end.
    pub tx_end: TxEnd,
    /// A function without parameters that runs first in each request's transaction, perhaps with its schema: `api.check`.
    pub pre_request: Option<String>,
    /// What SQL reads as `current_setting('app.settings.<name>')`: names and values.
    pub app_settings: Vec<(String, String)>,
    /// Whose privileges decide what the description lists.
    pub openapi_mode: OpenApiMode,
    /// The path under which the dialect answers, for its description.
    pub base_path: String,
    /// Leave out `details` and `hint` of errors.
    pub terse_errors: bool,
    /// Bounds on requests.
    pub limits: Limits,
    /// Bound on a request's transaction.
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            schemas: vec!["public".to_owned()],
            extra_search_path: vec!["public".to_owned()],
            max_rows: None,
            aggregates: false,
            plan: false,
            tx_end: TxEnd::Commit,
            pre_request: None,
            app_settings: Vec::new(),
            openapi_mode: OpenApiMode::default(),
            base_path: "/".to_owned(),
            terse_errors: false,
            limits: Limits::default(),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The role.
    pub role: Arc<str>,
    /// It is the anonymous role: a missing privilege asks for a token.
    pub anonymous: bool,
    /// Whom the token is about (`sub`); empty when it does not say, or there is none.
    pub subject: Arc<str>,
    /// The request this is about, for events and the log of audits.
    pub origin: Option<Arc<Origin>>,
    /// The claims as a JSON object, `role` included.
    pub claims: Arc<str>,
    /// The request's headers as a JSON object, names in lower case, without cookies.
    pub headers: Arc<str>,
    /// The request's cookies as a JSON object.
    pub cookies: Arc<str>,
}

/// The data room.
pub struct Data {
    store: Arc<Store>,
    config: Config,
    request: RequestConfig,
    derived: ArcSwap<Derived>,
    /// Where names are looked for, by exposed schema.
    paths: Vec<(String, Arc<[Name]>)>,
    /// What a scope shares with all others.
    common: Scope,
}

/// A request being answered.
struct Asked<'a> {
    request: &'a Arc<ApiRequest>,
    /// It came under a key, and no other one under the key is being answered here.
    running: Option<Arc<Running>>,
    derived: &'a Derived,
    guard: &'a Arc<RoleGuard>,
    relation: &'a Arc<Relation>,
    path: &'a [Name],
    scope: Scope,
}

impl Data {
    /// The room over a store.
    pub fn new(store: Arc<Store>, config: Config) -> Self {
        let request = RequestConfig {
            schemas: config.schemas.clone(),
            allow_tx: matches!(config.tx_end, TxEnd::CommitAllowOverride | TxEnd::RollbackAllowOverride),
            limits: config.limits.clone(),
        };
        let derived = ArcSwap::from_pointee(Derived::of(&store.catalog()));
        let paths = config.schemas.iter().map(|schema| (schema.clone(), search_path(&config, schema))).collect();
        let settings = config
            .app_settings
            .iter()
            .map(|(name, value)| (format!("app.settings.{name}").into(), value.as_str().into()));
        let common = Scope { timeout: config.timeout, settings: settings.collect(), ..Scope::default() };
        Self { store, config, request, derived, paths, common }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What follows from the present catalog.
    pub fn derived(&self) -> Arc<Derived> {
        let derived = self.derived.load_full();
        let catalog = self.store.catalog();
        if derived.catalog.version == catalog.version && Arc::ptr_eq(&derived.catalog, &catalog) {
            return derived;
        }
        let fresh = Arc::new(Derived::of(&catalog));
        self.derived.store(fresh.clone());
        fresh
    }

    /// Answers a request. Never fails: what goes wrong is an answer too.
    pub async fn handle(&self, parts: &Parts<'_>, caller: &Caller) -> Answer {
        self.handle_once(parts, caller, None).await
    }

    /// The same for a request under an `Idempotency-Key`: a write that was done under it before is not done again.
    pub async fn handle_once(&self, parts: &Parts<'_>, caller: &Caller, running: Option<Arc<Running>>) -> Answer {
        let head = parts.method == "HEAD";
        let request = parse(parts, &self.request).map(Arc::new);
        let answer = match &request {
            Ok(request) => match self.answer(request, parts, caller, running).await {
                Ok(answer) => answer,
                Err(Failure::Store(store::Error::Internal(reason))) => return Answer::internal(reason),
                Err(failure) => self.refuse(&failure.answer(caller.anonymous)),
            },
            Err(error) => self.refuse(error),
        };
        if head { answer.without_body() } else { answer }
    }

    /// An error as an answer.
    pub fn refuse(&self, error: &ApiError) -> Answer {
        let verbosity = if self.config.terse_errors { Verbosity::Minimal } else { Verbosity::Verbose };
        Answer::error(error, verbosity)
    }

    async fn answer(
        &self,
        request: &Arc<ApiRequest>,
        parts: &Parts<'_>,
        caller: &Caller,
        running: Option<Arc<Running>>,
    ) -> Result<Answer, Failure> {
        let derived = self.derived();
        let name = match &request.target {
            Target::Relation(name) => name,
            Target::Root => return self.root(request, &derived, caller),
            Target::Function(name) => {
                let message = format!("Could not find the function {}.{name} in the schema cache", request.schema.name);
                return Err(ApiError::no_function(message, "Functions are not exposed.", None).into());
            }
        };
        let schema = &request.schema.name;
        let relation = derived.catalog.relation(schema, name).ok_or_else(|| {
            let names = derived.catalog.relations.keys().filter(|key| *key.schema == **schema).map(|key| &*key.name);
            ApiError::no_relation(schema, name, nearest(name, names))
        })?;
        if request.method == Method::Options {
            return Ok(answer::options(&derived, relation));
        }
        let guard = derived.guard(&caller.role).ok_or_else(|| describe::no_role(&caller.role))?;
        let path = self.path(schema);
        let scope = self.scope(request, parts, caller, &path);
        let asked = Asked { request, running, derived: &derived, guard: &guard, relation, path: &path, scope };
        match request.method {
            Method::Get | Method::Head => self.read(asked).await,
            Method::Post | Method::Patch | Method::Put | Method::Delete => self.write(asked).await,
            Method::Options => Ok(answer::options(&derived, relation)),
        }
    }

    fn path(&self, schema: &str) -> Arc<[Name]> {
        let known = self.paths.iter().find(|(name, _)| name == schema);
        known.map_or_else(|| search_path(&self.config, schema), |(_, path)| path.clone())
    }

    fn scope(&self, request: &ApiRequest, parts: &Parts<'_>, caller: &Caller, path: &Arc<[Name]>) -> Scope {
        let rollback = match (self.config.tx_end, request.preferences.tx) {
            (TxEnd::Commit, _)
            | (TxEnd::CommitAllowOverride, None | Some(Tx::Commit))
            | (TxEnd::RollbackAllowOverride, Some(Tx::Commit)) => false,
            (TxEnd::Rollback | TxEnd::RollbackAllowOverride, _) | (TxEnd::CommitAllowOverride, Some(Tx::Rollback)) => {
                true
            }
        };
        Scope {
            role: Some(caller.role.clone()),
            claims: caller.claims.clone(),
            subject: caller.subject.clone(),
            origin: caller.origin.clone(),
            method: Arc::from(parts.method),
            path: Arc::from(parts.path),
            headers: caller.headers.clone(),
            cookies: caller.cookies.clone(),
            search_path: path.clone(),
            time_zone: request.preferences.timezone.as_deref().map(Arc::from),
            settings: self.common.settings.clone(),
            timeout: self.common.timeout,
            rollback,
        }
    }

    fn settings(&self) -> Settings {
        Settings { max_rows: self.config.max_rows, aggregates: self.config.aggregates }
    }

    /// The media type to answer with: the first of those accepted that we serve.
    fn media(&self, request: &ApiRequest) -> Result<MediaType, ApiError> {
        negotiate(&request.accept, |accepted| match accepted {
            MediaType::Any | MediaType::Json => Some(MediaType::Json),
            MediaType::ArrayStripped | MediaType::Object { .. } | MediaType::Csv => Some(accepted.clone()),
            MediaType::Plan { .. } if self.config.plan => Some(accepted.clone()),
            _ => None,
        })
    }
}

/// The catalog a request works with.
fn catalog_of<'a>(asked: &'a Asked<'_>) -> &'a Catalog {
    &asked.derived.catalog
}

/// Where names are looked for in requests to a schema: there, then where the configuration says.
fn search_path(config: &Config, schema: &str) -> Arc<[Name]> {
    let more = config.extra_search_path.iter().map(String::as_str).filter(|extra| *extra != schema);
    std::iter::once(schema).chain(more).map(Name::from).collect()
}
