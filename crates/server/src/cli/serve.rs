//! `mainstay serve`.

use std::io::IsTerminal as _;

use clap::Args;
use kernel::Secret;
use serde_json::json;
use store::Engine;
use tokio::signal::unix::{SignalKind, signal};

use super::{AppArgs, Ended, output, starters};
use crate::config::App;
use crate::config::settings::{LogFormat, Synchronous};
use crate::database::FILE;
use crate::failure::{EXIT_OK, Failure};
use crate::house::{House, Running, engine_name};

pub(super) const EXAMPLES: &str = "Examples:
  mainstay serve examples/chinook
  mainstay serve shop --listen 0.0.0.0:8080 --data-dir /var/lib/shop --json
  MAINSTAY_STORE__URL=postgres://user:password@localhost/shop mainstay serve shop

What is printed goes to standard output, the log to standard error. SIGTERM and SIGINT end it well: what was begun is finished.
SIGUSR1 reads PostgreSQL's schema again, SIGUSR2 the settings of [data] and [auth].";

/// Stack of a thread that answers requests. Everything that nests is bounded; this is room for what the bounds allow, and costs nothing
/// until it is used.
const STACK_BYTES: usize = 8 << 20;

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    app: AppArgs,
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Address to listen on: host:port or unix:/path; port 0 takes a free one"
    )]
    listen: Option<String>,
    /// For machines: one JSON object when ready, and log lines in JSON
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) fn run(self) -> Ended {
        let app = self.app.load(self.listen.clone())?;
        let json = match app.settings.log.format {
            _ if self.json => true,
            LogFormat::Json => true,
            LogFormat::Pretty => false,
            LogFormat::Auto => !std::io::stderr().is_terminal(),
        };
        // The guard writes out what waits when it goes.
        let _log =
            telemetry::log::init(json, &app.settings.log.level).map_err(|error| Failure::Usage(error.to_string()))?;
        let half = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        let threads = app.settings.server.threads.and_then(|threads| usize::try_from(threads).ok()).unwrap_or(half);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        runtime.block_on(self.serve(&app))
    }

    async fn serve(&self, app: &App) -> Ended {
        super::outlive_file_limits();
        // Heard from the beginning, so that a start can be ended well, too.
        let mut term = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // By themselves they would end the process.
        let mut reload_schema = signal(SignalKind::user_defined1())?;
        let mut reload_config = signal(SignalKind::user_defined2())?;
        let running = tokio::select! {
            started = House::start(app, output::progress()) => started?,
            _ = term.recv() => return Ok(EXIT_OK),
            _ = interrupt.recv() => return Ok(EXIT_OK),
        };
        for notice in &running.notices {
            tracing::info!("{notice}");
        }
        if app.settings.store.synchronous == Synchronous::Normal && running.store.engine() == Engine::Sqlite {
            tracing::warn!(
                "store.synchronous is normal: writes that were acknowledged may be lost when the power fails"
            );
        }
        if self.json {
            output::line(&ready(&running).to_string());
        } else {
            welcome(app, &running);
        }
        tracing::info!(address = running.address.as_str(), engine = engine_name(running.store.engine()), "serving");
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = interrupt.recv() => break,
                _ = reload_schema.recv() => {
                    tracing::info!("asked to read the schema again");
                    running.reload_schema();
                }
                _ = reload_config.recv() => self.reload(&running).await,
                () = running.config_asked() => self.reload(&running).await,
            }
        }
        tracing::info!("finishing what was begun");
        let drained = running.shutdown().await;
        tracing::info!("stopped: {drained}");
        Ok(EXIT_OK)
    }

    /// Reads the settings again. What is wrong with them is said, and changes nothing.
    async fn reload(&self, running: &Running) {
        let app = match self.app.load(self.listen.clone()) {
            Ok(app) => app,
            Err(error) => return tracing::error!(%error, "the settings stay as they are"),
        };
        match running.reload(&app).await {
            Ok(left) if left.is_empty() => tracing::info!("the settings were read again"),
            Ok(left) => tracing::warn!(
                settings = left.join(", "),
                "the settings of [data] and [auth] were read again; these others changed and need a new start"
            ),
            Err(error) => tracing::error!(%error, "the settings stay as they are"),
        }
    }
}

/// What a program that starts the server wants to know.
fn ready(running: &Running) -> serde_json::Value {
    json!({
        "event": "ready",
        "address": running.address,
        "url": running.url,
        "engine": engine_name(running.store.engine()).to_lowercase(),
        "anon_key": running.keys.anon,
        "service_role_key": running.keys.service.as_ref().map(Secret::expose),
    })
}

fn welcome(app: &App, running: &Running) {
    let place = match running.store.engine() {
        Engine::Sqlite => format!("SQLite, {}", app.data_dir().join(FILE).display()),
        Engine::Postgres => "PostgreSQL".to_owned(),
    };
    output::line(&format!("\n{}  {} on {place}\n", output::bold("Mainstay"), app.name()));
    let mut rows =
        vec![("address", format!("{}{}", running.url, crate::routes::REST)), ("docs", format!("{}/docs", running.url))];
    if let Some(key) = &running.keys.anon {
        rows.push(("anon key", key.clone()));
    }
    if let Some(key) = &running.keys.service {
        rows.push(("service key", format!("{}\n               may do everything: keep it on servers", key.expose())));
    }
    for (name, value) in rows {
        output::line(&format!("  {name:<11}  {value}"));
    }
    if running.keys.service.is_none() {
        output::line("  keys         signed elsewhere: only their public part is configured");
    }
    output::line("\nTry:");
    for command in starters::commands(running, &app.settings) {
        output::line(&format!("  {command}"));
    }
    output::line("");
}
