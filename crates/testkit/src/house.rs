//! The whole house on an app folder, asked over HTTP: fixtures that are migrated once and copied for every test that writes.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use server::config::{self, Source};
use server::{Running, unwatched};
use tokio::runtime::Runtime;
use web::client::Client;

use crate::Engine;
use crate::cases::{Got, SECRET};
use crate::folder::Folder;
use crate::postgres::{Cluster, Database, fresh_database, run};

/// Where the dialect is mounted.
const REST: &str = "/rest/v1";

/// One for all houses of the process: each is small, and starts and ends often.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads can be started")
});

/// Settings by key, such as `data.max_rows`.
pub type Settings = Vec<(String, String)>;

/// An app that has been migrated on an engine, to start houses from.
#[derive(Debug)]
pub struct Fixture {
    app: PathBuf,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// The data folder.
    Sqlite(Folder),
    /// A template database.
    Postgres(String),
}

/// Where a house keeps its data.
#[derive(Debug)]
enum Place {
    Sqlite(Folder),
    Postgres(Database, Folder),
}

/// A house that answers, on data of its own.
pub struct House {
    address: String,
    running: Option<Running>,
    place: Place,
}

impl Fixture {
    /// Migrates an app. The error is the house's own.
    pub fn build(app: &Path, engine: Engine) -> Result<Self, String> {
        let app = app.canonicalize().map_err(|error| format!("{}: {error}", app.display()))?;
        let kept = match engine {
            Engine::Sqlite => {
                let folder = Folder::new();
                House::at(&app, Place::Sqlite(Folder::new()), &Vec::new())?.stop_into(&folder)?;
                Kept::Sqlite(folder)
            }
            Engine::Postgres => {
                let name = app.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let mut built = Ok(());
                let template = Cluster::shared().template(&format!("{name}_{}", std::process::id()), |url| {
                    built = start(
                        &app,
                        &[("store.url", url), ("store.data_dir", &text(Folder::new().path()))],
                        &Vec::new(),
                    )
                    .map(|running| {
                        RUNTIME.block_on(running.shutdown());
                    });
                });
                built?;
                Kept::Postgres(template)
            }
        };
        Ok(Self { app, kept })
    }

    /// Starts a house on a copy.
    pub fn start(&self, settings: &Settings) -> Result<House, String> {
        let place = match &self.kept {
            Kept::Sqlite(kept) => {
                let folder = Folder::new();
                copy(kept.path(), folder.path())?;
                Place::Sqlite(folder)
            }
            Kept::Postgres(template) => Place::Postgres(fresh_database(Some(template)), Folder::new()),
        };
        House::at(&self.app, place, settings)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Kept::Postgres(template) = &self.kept {
            run(&Cluster::shared().url("postgres"), &format!("drop database if exists \"{template}\""));
        }
    }
}

impl House {
    fn at(app: &Path, place: Place, settings: &Settings) -> Result<Self, String> {
        let running = match &place {
            Place::Sqlite(folder) => start(app, &[("store.data_dir", &text(folder.path()))], settings)?,
            Place::Postgres(database, folder) => {
                start(app, &[("store.url", database.url()), ("store.data_dir", &text(folder.path()))], settings)?
            }
        };
        Ok(Self { address: running.address.clone(), running: Some(running), place })
    }

    /// The house itself, for tests that ask a room rather than the dialect.
    ///
    /// # Panics
    /// Never: it runs until it is dropped.
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs until it is dropped")
    }

    /// Sends a request to the dialect and takes the answer, both without the prefix it is mounted under.
    pub fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: Option<&str>,
    ) -> Result<Got, String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
        let mut request = Request::builder().method(method).uri(format!("{REST}{target}"));
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|error| error.to_string())?;
            request = request.header(name, value);
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.as_bytes()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = RUNTIME.block_on(async {
            let mut client = Client::connect(&self.address).await?;
            client.send(request).await
        });
        let answer = answer.map_err(|error| format!("no answer: {error}"))?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let path = name == http::header::LOCATION || name == http::header::CONTENT_LOCATION;
            let value = if path { value.strip_prefix(REST).map(str::to_owned).unwrap_or(value) } else { value };
            (name.as_str().to_owned(), value)
        };
        Ok(Got {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(header).collect(),
            body: answer.body().to_vec(),
        })
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            RUNTIME.block_on(running.shutdown());
        }
    }

    /// Stops it and keeps what it wrote.
    fn stop_into(mut self, folder: &Folder) -> Result<(), String> {
        self.stop();
        match &self.place {
            Place::Sqlite(from) | Place::Postgres(_, from) => copy(from.path(), folder.path()),
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start(app: &Path, place: &[(&'static str, &str)], settings: &Settings) -> Result<Running, String> {
    // Small: many houses run at once, each asked by one client. Nothing here has to survive power loss.
    let small = [
        ("server.listen", "127.0.0.1:0"),
        ("auth.jwt_secret", SECRET),
        ("store.synchronous", "normal"),
        ("store.readers", "1"),
        ("store.long_readers", "1"),
        ("store.postgres_read_connections", "1"),
        ("store.postgres_long_connections", "1"),
        ("store.postgres_write_connections", "1"),
    ];
    let pairs = (small.iter().chain(place).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
        .chain(settings.iter().cloned());
    let variable = |key: &str| format!("{}{}", config::keys::PREFIX, key.replacen('.', "__", 1).to_uppercase());
    let variables = pairs.map(|(key, value)| (variable(&key), value)).collect();
    let app = config::load(app, &Source { variables, flags: Vec::new() }).map_err(|problems| problems.to_string())?;
    RUNTIME.block_on(server::House::start(&app, unwatched())).map_err(|failure| failure.to_string())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    for entry in std::fs::read_dir(from).map_err(failed)?.flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
    }
    Ok(())
}
