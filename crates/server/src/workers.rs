//! What runs beside requests: the pulse of the store, and the catalog that follows PostgreSQL's schema.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::Events;
use idempotency::Idempotency;
use store::postgres::{Listener, PostgresEngine};
use store::{Lane, Scope, Store};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use web::health::CheckResult;

use crate::audit::{self, Log};
use crate::database::Database;

/// How often the store is asked whether it answers.
const BEAT: Duration = Duration::from_secs(1);
/// How often answers whose time is over are forgotten.
const SWEEP: Duration = Duration::from_secs(60);
/// How long it may take to say so.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before reading the catalog again when that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// The channel that PostgREST listens on, too.
const CHANNEL: &str = "pgrst";

/// What is known of the store's health.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<String>>);

impl Pulse {
    /// As a probe is told.
    pub(crate) fn result(&self) -> CheckResult {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => CheckResult::Ok,
            Some(reason) => CheckResult::Failed(reason.clone()),
        }
    }

    /// Remembers how the store is, and logs the change.
    fn note(&self, failed: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &failed) {
            (None, Some(reason)) => tracing::error!(reason = reason.as_str(), "the database does not answer"),
            (Some(_), None) => tracing::info!("the database answers again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *known = failed;
    }
}

/// Everything that runs; it ends when this is dropped.
pub(crate) struct Workers {
    tasks: Vec<JoinHandle<()>>,
    schema: Arc<Notify>,
    config: Arc<Notify>,
    _listener: Option<Listener>,
}

impl Workers {
    /// One more of them.
    pub(crate) fn with(mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(telemetry::spawn(name, task));
        self
    }

    /// Has the schema read again. Where nobody follows it (SQLite), it changes by migrations only.
    pub(crate) fn reload_schema(&self) {
        self.schema.notify_one();
    }

    /// Waits until the database asks for the settings to be read again.
    pub(crate) async fn config_asked(&self) {
        self.config.notified().await;
    }

    /// Runs something more.
    pub(crate) fn add(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(telemetry::spawn(name, work));
    }

    /// Ends them and waits until they are gone, and with them what they hold.
    pub(crate) async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // An aborted task says so.
            task.await.ok();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Starts them.
pub(crate) fn start(
    store: &Arc<Store>,
    pulse: &Arc<Pulse>,
    idempotency: &Arc<Idempotency>,
    events: &Arc<Events>,
    capture: bool,
    audit: Option<&Log>,
) -> Workers {
    let mut tasks = vec![
        telemetry::spawn("store pulse", beat(store.clone(), pulse.clone())),
        telemetry::spawn("idempotency sweep", sweep(store.clone(), idempotency.clone())),
        telemetry::spawn("events order", order(store.clone(), events.clone())),
        telemetry::spawn("events sweep", forget(store.clone(), events.clone())),
    ];
    if let Some(log) = audit {
        tasks.push(telemetry::spawn("audit seal", audit::seal(log.clone())));
    }
    let mut listener = None;
    let (schema, config) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    if let Some(engine) = store.as_postgres() {
        let (changed, asked) = (schema.clone(), config.clone());
        let heard = engine.listen(CHANNEL, move |payload| match payload {
            // Empty: the connection was lost for a while, and something may have been missed.
            "" | "reload schema" => changed.notify_one(),
            "reload config" => asked.notify_one(),
            other => tracing::warn!(payload = other, "a notification that nobody understands"),
        });
        match heard {
            Ok(heard) => listener = Some(heard),
            Err(error) => tracing::error!(%error, "the schema is not followed: listening failed"),
        }
        tasks.push(telemetry::spawn("schema reload", follow(store.clone(), engine.clone(), schema.clone(), capture)));
    }
    Workers { tasks, schema, config, _listener: listener }
}

async fn beat(store: Arc<Store>, pulse: Arc<Pulse>) {
    let mut timer = tokio::time::interval(BEAT);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        let scope = Scope { timeout: PATIENCE, ..Scope::default() };
        let asked = store.read(scope, Lane::Short, |conn| conn.query("select 1", &[], &mut |_| Ok(())));
        pulse.note(match tokio::time::timeout(PATIENCE, asked).await {
            // A full queue is load, not illness.
            Ok(Ok(_) | Err(store::Error::Overloaded { .. })) => None,
            Ok(Err(store::Error::Unavailable { reason, .. })) => Some(reason),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the database does not answer in time".to_owned()),
        });
    }
}

/// Forgets stored answers whose time is over, now and then.
async fn sweep(store: Arc<Store>, idempotency: Arc<Idempotency>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        match idempotency.sweep(&store).await {
            Ok(0) => {}
            Ok(answers) => tracing::debug!(answers, "stored answers were forgotten"),
            Err(error) => tracing::warn!(%error, "stored answers could not be forgotten; trying again later"),
        }
    }
}

/// Forgets events that are older than the log goes back, now and then.
async fn forget(store: Arc<Store>, events: Arc<Events>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        match events.sweep(&store).await {
            Ok(0) => {}
            Ok(events) => tracing::debug!(events, "old events were forgotten"),
            Err(error) => tracing::warn!(%error, "old events could not be forgotten; trying again later"),
        }
    }
}

/// Gives events their places, and wakes who waits for them.
async fn order(store: Arc<Store>, events: Arc<Events>) {
    events.keep_order(&store).await;
}

async fn follow(store: Arc<Store>, engine: PostgresEngine, changed: Arc<Notify>, capture: bool) {
    loop {
        changed.notified().await;
        if capture {
            Database::Postgres(engine.clone()).capture().await;
        }
        loop {
            match engine.catalog().await {
                Ok(mut catalog) => {
                    catalog.version = store.catalog().version + 1;
                    let relations = catalog.relations.len();
                    store.publish(Arc::new(catalog));
                    tracing::info!(relations, "the schema was read again");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "the schema cannot be read; trying again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pulse_tells_the_last_that_was_noted() {
        let pulse = Pulse::default();
        assert_eq!(pulse.result(), CheckResult::Ok);
        pulse.note(Some("gone".to_owned()));
        assert_eq!(pulse.result(), CheckResult::Failed("gone".to_owned()));
        pulse.note(None);
        assert_eq!(pulse.result(), CheckResult::Ok);
    }
}
