//! The house, composed: every room with its collaborators, by name, in the order in which they come to life.
//!
//! Read this page first. Where something is called from is answered here and by the compiler.

use std::sync::Arc;
use std::time::Duration;

use consumers::Consumers;
use data::request::Limits as RequestLimits;
use data::{Config as DataConfig, Data};
use events::Events;
use http::HeaderValue;
use idempotency::Idempotency;
use kernel::{Clock, SystemClock, SystemRandom};
use store::house::Tables;
use store::migrate::{Status, discover};
use store::{Engine, Participant, Participants, Store};
use telemetry::Registry;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use web::health::{Health, Probe};
use web::{App as WebApp, Cors, Drained, Limits, Listener};

use crate::audit::Log;
use crate::config::settings::{OpenApiMode, TxEnd, Verbosity};
use crate::config::{App, Settings};
use crate::consumers::{self as groups, Groups};
use crate::database::{Database, Watch};
use crate::failure::Failure;
use crate::feed::Feed;
use crate::front::{Desk, Front, at_start_only};
use crate::intake::{self, Intake};
use crate::keys::Keys;
use crate::reconcile::{self, Findings, Wanted};
use crate::routes::{Logs, REST, Routes};
use crate::schemas::{self, Shelf};
use crate::stream::Streams;
use crate::workers::{Pulse, Workers};
use crate::{measures, workers};

/// The tables of the rooms, in the order in which they are made.
pub const TABLES: &[&Tables] =
    &[&idempotency::TABLES, &events::TABLES, &::schemas::TABLES, &audit::TABLES, &consumers::TABLES];

/// The house. It has no state of its own: what runs is [`Running`].
pub struct House;

/// A house that answers requests.
pub struct Running {
    /// Where it listens: `127.0.0.1:41234`, or `unix:/path`.
    pub address: String,
    /// The address clients use.
    pub url: String,
    /// The tokens it issued.
    pub keys: Keys,
    /// Its store.
    pub store: Arc<Store>,
    /// Its data room.
    pub data: Arc<Data>,
    /// What answers requests.
    pub routes: Arc<Routes>,
    /// What is worth saying about the migrations folder.
    pub notices: Vec<String>,
    app: App,
    clock: Arc<dyn Clock>,
    front: Arc<Front>,
    health: Arc<Health>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
    workers: Workers,
}

impl House {
    /// Brings an app to life: database, migrations, catalog, rooms, routes, listener. Requests are answered when this returns.
    pub async fn start(app: &App, watch: Watch) -> Result<Running, Failure> {
        let settings = &app.settings;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let registry = Arc::new(Registry::new());

        // Ground: the address first, so that a start that cannot succeed changes nothing.
        let listener = Listener::bind(&settings.server.listen)
            .await
            .map_err(|reason| Failure::Listen { address: settings.server.listen.clone(), reason })?;
        let address = listener.address()?;
        let url = public_url(settings, &address);
        let keys = Keys::of(app)?;

        // The store. Rooms that follow every transaction are listed here, in their order.
        let events = Arc::new(Events::new(events_config(settings)));
        let mut participants: Vec<Arc<dyn Participant>> = Vec::new();
        if settings.events.capture {
            participants.push(events.recorder());
        }
        if settings.audit.enabled {
            participants.push(Arc::new(audit::Recorder::new(Arc::new(SystemRandom))));
        }
        let participants = Participants::from(participants);
        let (store, notices) = open_store(app, participants, watch).await?;

        // Services.
        let retention = Duration::from_secs(settings.idempotency.retention_hours * 3_600);
        let idempotency = Arc::new(Idempotency::new(idempotency::Config { retention }));
        let consumers = Arc::new(Consumers::new(consumers::Config::default(), events.clone(), Arc::new(SystemRandom)));
        let schemas = schemas::open(app, &store).await?;
        let audit = Log::open(app, store.clone(), clock.clone())?;

        // Capabilities.
        let desk = Desk::open(app, store.clone(), &keys, clock.clone()).await?;
        let data = desk.data.clone();
        let front = Arc::new(Front::new(desk));

        // What watches over them.
        let pulse = Arc::new(Pulse::default());
        let capture = settings.events.capture;
        let mut workers = workers::start(&store, &pulse, &idempotency, &events, capture, audit.as_ref())
            .with("consumers measure", groups::measure(store.clone(), consumers.clone(), registry.clone()));
        let health = Arc::new(checks(&pulse));
        measures::register(&registry, &store);
        if capture && settings.events.reconcile_minutes > 0 {
            let findings = Arc::new(Findings::default());
            findings.register(&registry);
            let every = Duration::from_secs(settings.events.reconcile_minutes * 60);
            let wanted = Wanted { rows: 10_000, settle: Duration::from_secs(300), leaves: settings.audit.enabled };
            workers.add("events reconcile", reconcile::watch(store.clone(), wanted, every, clock.clone(), findings));
        }

        // The routes, and the fused function around them.
        let metrics = settings.metrics.enabled.then(|| registry.clone());
        let readers = settings.events.reader_roles.clone();
        let feed = Arc::new(Feed { events, store: store.clone(), front: front.clone(), readers });
        let streams = usize::try_from(settings.events.streams_max).unwrap_or(usize::MAX);
        let idle = Duration::from_millis(settings.limits.idle_timeout_ms);
        let streams = Streams::new(feed.clone(), clock.clone(), streams, idle);
        let routes = Arc::new(Routes::new(
            front.clone(),
            idempotency.clone(),
            Logs {
                feed,
                streams,
                groups: Groups { consumers, store: store.clone(), remembered: remembered(settings) },
                intake: Intake::new(store.clone(), idempotency, schemas.clone(), intake::Config::of(settings)),
                registry: Shelf { store: store.clone(), schemas, readers: settings.events.intake_roles.clone() },
                audit,
            },
            health.clone(),
            metrics,
            app.name(),
            settings.server.public_url.clone(),
        ));
        let served_by = WebApp::new(
            routes.clone(),
            limits(settings),
            cors(settings),
            registry,
            clock.clone(),
            Arc::new(SystemRandom),
        );

        let (stop, stopped) = oneshot::channel();
        let served = telemetry::spawn(
            "http server",
            web::serve(listener, Arc::new(served_by), async {
                // A sender that was dropped wants the end as well.
                stopped.await.ok();
            }),
        );
        let running = Running {
            address,
            url,
            keys,
            store,
            data,
            routes,
            notices,
            app: app.clone(),
            clock,
            front,
            health,
            stop,
            served,
            workers,
        };
        Ok(running)
    }
}

impl Running {
    /// Reads the schema again, as `notify pgrst, 'reload schema'` does. On SQLite it changes by migrations only.
    pub fn reload_schema(&self) {
        self.workers.reload_schema();
    }

    /// Waits until the database asks for the settings to be read again (`notify pgrst, 'reload config'`).
    pub async fn config_asked(&self) {
        self.workers.config_asked().await;
    }

    /// Follows settings that were read again: those of `[data]` and `[auth]`. Answers with the names of others that differ and need a
    /// new start. What cannot be followed leaves everything as it was.
    pub async fn reload(&self, app: &App) -> Result<Vec<&'static str>, Failure> {
        let keys = Keys::of(app)?;
        self.front.exchange(Desk::open(app, self.store.clone(), &keys, self.clock.clone()).await?);
        Ok(at_start_only(&self.app, app))
    }

    /// Ends well: not ready any more, nothing new accepted, what was begun finished within the limits.
    pub async fn shutdown(self) -> Drained {
        self.health.drain();
        self.routes.logs.streams.end();
        // The server may have ended already; then there is nobody to tell.
        self.stop.send(()).ok();
        let drained = self.served.await.unwrap_or(Drained { cut: 0 });
        self.workers.stop().await;
        drop((self.data, self.routes, self.front));
        release(self.store).await;
        drained
    }
}

/// Lets go of the store and waits until it is closed, so that whoever comes next finds it free. The last connections may hold it for
/// a moment after they have ended.
async fn release(mut store: Arc<Store>) {
    const PATIENCE: Duration = Duration::from_secs(2);
    const LOOK: Duration = Duration::from_millis(1);
    let closed = tokio::time::timeout(PATIENCE, async {
        loop {
            match Arc::try_unwrap(store) {
                // Its threads are waited for: not on a thread that others wait for.
                Ok(last) => return tokio::task::spawn_blocking(move || drop(last)).await,
                Err(shared) => store = shared,
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    if closed.await.is_err() {
        tracing::warn!("something still uses the store; it closes when that ends");
    }
}

/// What probes ask, by name.
fn checks(pulse: &Arc<Pulse>) -> Health {
    let store = pulse.clone();
    Health::new().with(Probe::Ready, "store", move || store.result())
}

/// Opens the database, brings it to where the folder wants it, and reads its catalog.
async fn open_store(app: &App, participants: Participants, watch: Watch) -> Result<(Arc<Store>, Vec<String>), Failure> {
    let folder = Arc::new(discover(&app.folder)?);
    let database = Database::open(app, participants).await?;
    database.prepare().await?;
    let (made, notices) = if app.settings.store.migrate_at_start {
        let outcome = database.migrate(&folder, watch).await?;
        (outcome.catalog, outcome.notices)
    } else {
        let status = database.status(&folder).await?;
        refuse_unless_current(&status)?;
        (None, status.notices)
    };
    if app.settings.events.capture {
        database.capture().await;
    }
    let catalog = match made {
        Some(catalog) => catalog,
        None => Arc::new(database.catalog().await?),
    };
    Ok((Arc::new(database.into_store(catalog)), notices))
}

fn refuse_unless_current(status: &Status) -> Result<(), Failure> {
    if status.is_current() {
        return Ok(());
    }
    let why = status.conflict().or_else(|| status.drift.clone()).unwrap_or_else(|| "migrations are pending".to_owned());
    Err(Failure::Migrations(format!("{why}\nRun `mainstay db migrate` first, or set store.migrate_at_start = true.")))
}

/// The address clients use, without a slash at its end.
pub fn public_url(settings: &Settings, address: &str) -> String {
    match &settings.server.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None if address.starts_with("unix:") => "http://localhost".to_owned(),
        None => format!("http://{}", address.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")),
    }
}

fn limits(settings: &Settings) -> Limits {
    let from = &settings.limits;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        connections_max: size(from.connections_max),
        in_flight_max: size(from.in_flight_max),
        head_bytes_max: size(from.header_bytes_max),
        headers_max: size(from.headers_max),
        head_time: Duration::from_millis(from.header_timeout_ms),
        idle_time: Duration::from_millis(from.idle_timeout_ms),
        body_bytes_max: size(from.body_bytes_max),
        body_idle_time: Duration::from_millis(from.body_idle_timeout_ms),
        request_time: Duration::from_millis(from.request_timeout_ms),
        drain_time: Duration::from_millis(from.drain_timeout_ms),
        streams_max: u32::try_from(from.streams_max).unwrap_or(u32::MAX),
    }
}

fn cors(settings: &Settings) -> Cors {
    let origins = settings.cors.allowed_origins.clone();
    let exposed = HeaderValue::from_static(
        "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, \
         Range-Unit, X-Request-Id, Idempotency-Replayed, Mainstay-Inbox",
    );
    Cors { origins: (!origins.is_empty()).then_some(origins), exposed }
}

/// How long effects of events are remembered: long enough for a dead letter of the oldest event to be tried again.
fn remembered(settings: &Settings) -> Duration {
    Duration::from_secs(settings.events.retention_hours * 3_600) * 2
}

fn events_config(settings: &Settings) -> events::Config {
    let retention = Duration::from_secs(settings.events.retention_hours * 3_600);
    events::Config { retention, rows_max: settings.events.retention_rows, ..events::Config::default() }
}

/// The data room's settings.
pub fn data_config(settings: &Settings) -> DataConfig {
    use data::service::TxEnd as End;
    let from = &settings.data;
    DataConfig {
        schemas: from.schemas.clone(),
        extra_search_path: from.extra_search_path.clone(),
        max_rows: from.max_rows,
        aggregates: from.aggregates,
        plan: from.plan,
        tx_end: match from.tx_end {
            TxEnd::Commit => End::Commit,
            TxEnd::CommitAllowOverride => End::CommitAllowOverride,
            TxEnd::Rollback => End::Rollback,
            TxEnd::RollbackAllowOverride => End::RollbackAllowOverride,
        },
        pre_request: from.pre_request.clone(),
        app_settings: from
            .app_settings
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        openapi_mode: match from.openapi_mode {
            OpenApiMode::FollowPrivileges => data::openapi::OpenApiMode::FollowPrivileges,
            OpenApiMode::IgnorePrivileges => data::openapi::OpenApiMode::IgnorePrivileges,
            OpenApiMode::Disabled => data::openapi::OpenApiMode::Disabled,
        },
        base_path: REST.to_owned(),
        terse_errors: from.client_error_verbosity == Verbosity::Minimal,
        limits: RequestLimits::default(),
        timeout: Duration::from_millis(settings.limits.request_timeout_ms),
    }
}

/// The engine's name for people.
pub fn engine_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    }
}
