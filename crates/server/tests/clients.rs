//! Unmodified clients, as their users install them, against the real binary on both engines. `cargo x clients` installs them and runs this;
//! it needs Node, Python and their package registries, which the other tests do without: those replay what the clients send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use testkit::Engine;
use testkit::folder::Folder;

/// Fewer checks than this mean that a script stopped early.
const SUPABASE_CHECKS: usize = 110;
const PYTHON_CHECKS: usize = 45;
const EVENTS_JS_CHECKS: usize = 30;
const EVENTS_PYTHON_CHECKS: usize = 41;

/// A server over the music store and the clients' own tables; killed when it is dropped.
struct Served {
    child: Child,
    url: String,
    anon: String,
    service: String,
    _folder: Folder,
    _database: Option<testkit::postgres::Database>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where `cargo x clients` has installed them.
fn installed() -> PathBuf {
    let folder =
        std::env::var_os("MAINSTAY_CLIENTS").expect("run this by `cargo x clients`, which installs the clients");
    folder.into()
}

fn serve(engine: Engine) -> Served {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("migrations")).unwrap();
    for entry in std::fs::read_dir(root().join("examples/chinook/migrations")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join("migrations").join(path.file_name().unwrap())).unwrap();
    }
    std::fs::copy(root().join("tools/clients/more.sql"), folder.join("migrations/0900_more.sql")).unwrap();
    let database = (engine == Engine::Postgres).then(|| testkit::postgres::fresh_database(None));
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MAINSTAY_")) {
        command.env_remove(name);
    }
    let mut child = command
        .args(["serve", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0", "--json"])
        .envs(database.as_ref().map(|database| ("MAINSTAY_STORE__URL", database.url())))
        .envs([
            ("MAINSTAY_DATA__SCHEMAS", "public,yard"),
            ("MAINSTAY_DATA__PLAN", "true"),
            ("MAINSTAY_DATA__AGGREGATES", "true"),
            ("MAINSTAY_DATA__TX_END", "commit-allow-override"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).expect(&line);
    let word = |key: &str| ready[key].as_str().unwrap().to_owned();
    Served {
        url: word("url"),
        anon: word("anon_key"),
        service: word("service_role_key"),
        child,
        _folder: folder,
        _database: database,
    }
}

/// Runs a client's script to its end; its last line counts.
fn run(mut client: Command, served: &Served, checks_min: usize) {
    let done = client.args([&served.url, &served.anon, &served.service]).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    eprint!("{out}");
    let passed = out.lines().last().and_then(|line| line.strip_suffix(" passed, 0 failed"));
    let passed = passed.and_then(|count| count.parse::<usize>().ok());
    assert!(done.status.success() && passed.is_some_and(|passed| passed >= checks_min), "{out}{error}");
}

testkit::both! {
    fn supabase_js_works_unmodified(engine) {
        let mut node = Command::new("node");
        node.arg(installed().join("node/supabase.mjs"));
        run(node, &serve(engine), SUPABASE_CHECKS);
    }

    fn postgrest_py_works_unmodified(engine) {
        let mut python = Command::new("python3");
        python.arg(root().join("tools/clients/py_client.py")).env("PYTHONPATH", installed().join("python"));
        run(python, &serve(engine), PYTHON_CHECKS);
    }

    fn the_cloudevents_sdk_for_javascript_sends_and_receives(engine) {
        let mut node = Command::new("node");
        node.arg(installed().join("node/events.mjs"));
        run(node, &serve(engine), EVENTS_JS_CHECKS);
    }

    fn the_cloudevents_sdk_for_python_sends_and_receives(engine) {
        let mut python = Command::new("python3");
        python.arg(root().join("tools/clients/events_client.py")).env("PYTHONPATH", installed().join("python"));
        run(python, &serve(engine), EVENTS_PYTHON_CHECKS);
    }
}
