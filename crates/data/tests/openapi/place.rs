//! A house to ask without HTTP: its data room, and callers by role.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use data::openapi::About;
use data::request::Parts;
use data::{Answer, Caller, Data};
use testkit::Engine;
use testkit::house::{Fixture, House};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads can be started"));

/// A house that keeps nothing of what it is told.
pub(crate) struct Place(House);

impl Place {
    /// The house over an app, on an engine.
    pub(crate) fn new(app: &str, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let all = settings.iter().chain(&[("data.tx_end", "rollback")]);
        let settings = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let fixture = Fixture::build(&path(app), engine).expect("the app is right");
        Self(fixture.start(&settings).expect("the settings are right"))
    }

    /// The data room.
    pub(crate) fn data(&self) -> &Data {
        &self.0.running().data
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
        subject: "".into(),
        origin: None,
        anonymous: role == "anon",
        claims: format!("{{\"role\":\"{role}\",\"sub\":\"11111111-1111-4111-8111-111111111111\"}}").into(),
        headers: "{}".into(),
        cookies: "{}".into(),
    }
}
