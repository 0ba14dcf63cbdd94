//! A house to ask without HTTP: its data room, and callers by role.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use data::openapi::About;
use data::request::Parts;
use data::{Answer, Caller};
use server::config::{self, Source};
use server::{House, Running, unwatched};
use testkit::Engine;
use testkit::folder::Folder;
use testkit::postgres::{Database, fresh_database};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads can be started"));

/// A house that keeps nothing of what it is told.
pub(crate) struct Place {
    running: Option<Running>,
    _folder: Folder,
    _database: Option<Database>,
}

impl Place {
    /// The house over an app, on an engine.
    pub(crate) fn new(app: &str, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let database = (engine == Engine::Postgres).then(|| fresh_database(None));
        let data_dir = folder.path().to_string_lossy().into_owned();
        let mut pairs =
            vec![("server.listen", "127.0.0.1:0"), ("data.tx_end", "rollback"), ("store.data_dir", &*data_dir)];
        pairs.extend(database.iter().map(|database| ("store.url", database.url())));
        pairs.extend(settings);
        let variable = |key: &str| format!("{}{}", config::keys::PREFIX, key.replacen('.', "__", 1).to_uppercase());
        let variables = pairs.iter().map(|(key, value)| (variable(key), (*value).to_owned())).collect();
        let app = config::load(&path(app), &Source { variables, flags: Vec::new() }).expect("the settings are right");
        let running = RUNTIME.block_on(House::start(&app, unwatched())).unwrap_or_else(|failure| panic!("{failure}"));
        Self { running: Some(running), _folder: folder, _database: database }
    }

    /// The data room.
    pub(crate) fn data(&self) -> &data::Data {
        &self.running.as_ref().expect("it runs until it is dropped").data
    }

    /// What a role is told that it may do.
    pub(crate) fn described(&self, role: &str) -> String {
        let about = About { title: "an app", version: "1.2.3", url: "http://localhost/rest/v1" };
        let text = self.data().description(&caller(role), &about).expect("the role exists");
        String::from_utf8(text.to_vec()).expect("JSON is UTF-8")
    }

    /// A request of a role.
    pub(crate) fn ask(&self, role: &str, method: &str, target: &str, body: &str, profile: Option<&str>) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts = Parts {
            method,
            path,
            query,
            accept: vec!["*/*"],
            prefer: Vec::new(),
            accept_profile: profile,
            content_profile: profile,
            content_type: (!body.is_empty()).then_some("application/json"),
            range: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        RUNTIME.block_on(self.data().handle(&parts, &caller(role)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            RUNTIME.block_on(running.shutdown());
        }
    }
}

fn path(app: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("tests/fixtures").join(app), here.join("../../examples").join(app)]
        .into_iter()
        .find(|app| app.join("migrations").is_dir())
        .expect("there is an app of this name")
}

fn caller(role: &str) -> Caller {
    Caller {
        role: role.into(),
        anonymous: role == "anon",
        claims: format!("{{\"role\":\"{role}\",\"sub\":\"11111111-1111-4111-8111-111111111111\"}}").into(),
        headers: "{}".into(),
        cookies: "{}".into(),
    }
}
