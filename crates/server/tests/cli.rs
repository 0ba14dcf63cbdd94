//! The binary, as scripts and people use it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use testkit::folder::Folder;
use web::client::Client;

fn mainstay(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    // What the surroundings set must not decide a test.
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("MAINSTAY_"));
    for name in ours {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    ended(mainstay(arguments).output().unwrap())
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A new app made by the binary itself.
fn app() -> (Folder, String) {
    let folder = Folder::new();
    let app = path(&folder.join("shop")).to_owned();
    let (code, out, error) = run(&["new", &app]);
    assert_eq!(code, 0, "{out}{error}");
    (folder, app)
}

/// A server, killed when the test is over.
struct Served {
    child: Child,
    ready: serde_json::Value,
}

impl Served {
    fn start(app: &str) -> Self {
        Self::of(app, Stdio::null())
    }

    fn of(app: &str, log: Stdio) -> Self {
        let mut child = mainstay(&["serve", app, "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).expect(&line) }
    }

    fn word(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let answer = Client::connect(self.word("address")).await.unwrap().get(path).await.unwrap();
            (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
        })
    }

    fn send(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn signal(mut self, name: &str) -> i32 {
        self.send(name);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_new_app_serves_at_once_and_ends_well() {
    let (_folder, app) = app();
    let served = Served::start(&app);
    let (status, body) = served.get("/rest/v1/todo?select=title&order=id&limit=1");
    assert_eq!((status, body.as_str()), (200, r#"[{"title":"Read migrations/0001_init.sql"}]"#));

    let (code, out, _) = run(&["keys", &app, "--json"]);
    let keys: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    assert_eq!(keys["anon_key"], served.ready["anon_key"]);
    assert_eq!(keys["service_role_key"], served.ready["service_role_key"]);
    assert!(keys["jwt_secret"].as_str().unwrap().len() >= 32 && keys["url"].is_string());

    let (code, _, error) = run(&["serve", &app, "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 1);
    assert!(error.contains("another process is serving this data directory"), "{error}");
    let (code, _, error) =
        run(&["serve", &app, "--listen", served.word("address"), "--data-dir", &format!("{app}/other")]);
    assert_eq!(code, 1);
    assert!(error.contains("cannot listen on") && !Path::new(&app).join("other").exists(), "{error}");

    assert_eq!(served.signal("TERM"), 0);
    assert_eq!(Served::start(&app).signal("INT"), 0);
}

#[test]
fn signals_have_settings_read_again_and_wrong_ones_change_nothing() {
    let (_folder, app) = app();
    let mut served = Served::of(&app, Stdio::piped());
    let mut log = BufReader::new(served.child.stderr.take().unwrap()).lines();
    let mut heard = |message: &str| log.by_ref().map(|line| line.unwrap()).find(|line| line.contains(message)).unwrap();
    let settings = |text: &str| fs::write(Path::new(&app).join("mainstay.toml"), text).unwrap();
    let counted = || served.get("/rest/v1/todo?select=count()").0;
    assert_eq!(counted(), 400);

    settings("[data]\naggregates = true\n[server]\nthreads = 1\n");
    served.send("USR2");
    assert!(heard("were read again").contains("server.threads"));
    assert_eq!(counted(), 200);

    for wrong in ["[data]\naggregates = 7\n", "[data]\npre_request = 'nobody'\n"] {
        settings(wrong);
        served.send("USR2");
        heard("the settings stay as they are");
        assert_eq!(counted(), 200);
    }
    served.send("USR1");
    heard("asked to read the schema again");
    assert_eq!(served.signal("TERM"), 0);
}

#[test]
fn serve_prints_what_to_try_and_it_works() {
    let (_folder, app) = app();
    let mut child = mainstay(&["serve", &app, "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let commands: Vec<String> =
        lines.by_ref().skip_while(|line| line != "Try:").skip(1).take_while(|line| !line.is_empty()).collect();
    assert_eq!(commands.len(), 3, "{commands:?}");
    for command in &commands {
        let answer = Command::new("sh").arg("-c").arg(command.replacen("curl", "curl -sS -f", 1)).output();
        // Without a shell's curl there is nothing to try with.
        if let Ok(answer) = answer
            && answer.status.code() != Some(127)
        {
            let text = String::from_utf8(answer.stdout).unwrap();
            assert!(answer.status.success() && text.starts_with('['), "{command}: {text}");
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn status_and_migrate_tell_scripts_where_the_database_stands() {
    let (_folder, app) = app();
    let second = Path::new(&app).join("migrations/0002_more.sql");
    for (arguments, code, holds) in [
        (vec!["db", "status", &app], 3, "pending       0001_init.sql"),
        (vec!["db", "migrate", &app, "--dry-run"], 0, "statements would run"),
        (vec!["db", "status", &app], 3, "1 to apply"),
        (vec!["db", "migrate", &app], 0, "applied  1_init"),
        (vec!["db", "migrate", &app], 0, "There was nothing to apply."),
        (vec!["db", "status", &app], 0, "The database is where the migrations want it."),
        (vec!["db", "status", &app, "--json"], 0, "\"state\":\"applied\""),
    ] {
        let (found, out, error) = run(&arguments);
        assert_eq!(found, code, "{arguments:?} {out}{error}");
        assert!(out.contains(holds), "{arguments:?} {out}");
    }
    fs::write(&second, "create table more (id integer primary key);\ncreate function f() returns trigger language plpgsql as $$ begin end $$;").unwrap();
    let (code, _, error) = run(&["db", "migrate", &app]);
    assert_eq!(code, 3);
    assert!(error.contains("0002_more.sql:2:"), "{error}");
    fs::remove_file(&second).unwrap();
    fs::write(Path::new(&app).join("migrations/0001_init.sql"), "select 1;").unwrap();
    let (code, out, _) = run(&["db", "status", &app]);
    assert_eq!(code, 3);
    assert!(out.contains("changed after being applied"), "{out}");
}

testkit::both! {
    fn explain_shows_statements_and_advise_tries_indexes_without_keeping_them(engine) {
        let (_folder, app) = app();
        let rows: Vec<String> = (1..=3_000).map(|id| format!("({id}, 'label {id}', {})", id % 7)).collect();
        let schema = format!(
            "create table shelf (id integer primary key, name text);
             insert into shelf (id, name) values (0, 'a'), (1, 'b'), (2, 'c'), (3, 'd'), (4, 'e'), (5, 'f'), (6, 'g');
             create table book (id integer primary key, label text, shelf_id integer references shelf (id));
             insert into book (id, label, shelf_id) values {};
             grant select on shelf, book to anon;",
            rows.join(", ")
        );
        fs::write(Path::new(&app).join("migrations/0002_books.sql"), schema).unwrap();
        let database = (engine == testkit::Engine::Postgres).then(|| testkit::postgres::fresh_database(None));
        let run = |arguments: &[&str]| {
            let mut command = mainstay(arguments);
            command.envs(database.as_ref().map(|database| ("MAINSTAY_STORE__URL", database.url())));
            ended(command.output().unwrap())
        };
        let (code, out, error) = run(&["db", "migrate", &app]);
        assert_eq!(code, 0, "{out}{error}");

        let (code, out, error) = run(&["db", "explain", &app, "/book?id=eq.1&select=label,shelf(name)", "--json"]);
        assert_eq!(code, 0, "{error}");
        let all: serde_json::Value = serde_json::from_str(&out).unwrap();
        let names: Vec<&str> = all["levels"].as_array().unwrap().iter().map(|level| level["level"].as_str().unwrap()).collect();
        assert_eq!(names, ["book", "book/shelf"]);
        assert!(all["levels"][0]["sql"].as_str().unwrap().contains("book") && !all["levels"][0]["plan"][0].is_null());

        for _ in 0..2 {
            let (code, out, error) = run(&["db", "advise", &app, "/book?label=eq.label 7"]);
            assert_eq!(code, 3, "{out}{error}");
            assert!(out.contains("create index book_label_idx on book (label);"), "{out}");
        }
        let (code, out, _) = run(&["db", "advise", &app, "/book?id=eq.7", "--json"]);
        let all: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, all["advice"].as_array().unwrap().len()), (0, 0));

        for (request, code, holds) in [
            ("/bok?id=eq.1", 1, "PGRST205"),
            ("/book?nope=eq.1", 1, "nope"),
            ("/book?id=1", 1, "PGRST100"),
            ("/rpc/f", 2, "only requests for tables and views"),
        ] {
            let (found, _, error) = run(&["db", "explain", &app, request]);
            assert_eq!(found, code, "{request} {error}");
            assert!(error.contains(holds), "{request} {error}");
        }
    }
}

#[test]
fn a_server_that_runs_is_looked_at_beside_it_and_not_disturbed() {
    let (_folder, app) = app();
    let rows: Vec<String> = (1..=3_000).map(|id| format!("({id}, 'label {id}')")).collect();
    let schema = format!(
        "create table book (id integer primary key, label text); insert into book (id, label) values {};
         grant select on book to anon;",
        rows.join(", ")
    );
    fs::write(Path::new(&app).join("migrations/0002_books.sql"), schema).unwrap();
    let served = Served::start(&app);
    fs::write(Path::new(&app).join("migrations/0003_more.sql"), "create table more (id integer primary key);").unwrap();
    for (arguments, code, holds) in [
        (&["db", "status", &app][..], 3, "1 to apply"),
        (&["db", "status", &app, "--json"], 3, "\"state\":\"pending\""),
        (&["db", "lint", &app], 0, "Nothing found"),
        (&["db", "migrate", &app, "--dry-run"], 0, "1 statements would run"),
        (&["db", "explain", &app, "/book?label=eq.label 7"], 0, "SCAN"),
        (&["db", "explain", &app, "/book?id=eq.7", "--json"], 0, "\"levels\""),
        (&["db", "advise", &app, "/book?label=eq.label 7"], 3, "Tried on a copy"),
        (&["db", "advise", &app, "/book?label=eq.label 7"], 3, "create index book_label_idx on book (label);"),
        (&["db", "advise", &app, "/book?id=eq.7", "--json"], 0, "\"advice\":[]"),
    ] {
        let (found, out, error) = run(arguments);
        assert_eq!(found, code, "{arguments:?} {out}{error}");
        assert!(out.contains(holds), "{arguments:?} {out}");
    }
    // What would change the file is the server's alone.
    let (code, _, error) = run(&["db", "migrate", &app]);
    assert_eq!(code, 1);
    assert!(error.contains("another process is serving this data directory"), "{error}");
    assert_eq!(served.get("/rest/v1/book?select=label&id=eq.7"), (200, r#"[{"label":"label 7"}]"#.to_owned()));
    assert_eq!(served.signal("TERM"), 0);
    assert_eq!(run(&["db", "migrate", &app]).0, 0);
}

#[test]
fn findings_of_the_linter_end_with_3_and_can_be_silenced() {
    let (_folder, app) = app();
    assert_eq!(run(&["db", "migrate", &app]).0, 0);
    assert_eq!(run(&["db", "lint", &app]), (0, "Nothing found.\n".to_owned(), String::new()));
    let second = Path::new(&app).join("migrations/0002_drop.sql");
    fs::write(&second, "alter table todo drop column done;\n").unwrap();
    let (code, out, _) = run(&["db", "lint", &app]);
    assert_eq!(code, 3);
    assert!(out.starts_with("0002_drop.sql:1: warning: "), "{out}");
    let code_word = out.split(['[', ']']).nth(1).unwrap().to_owned();
    let (_, out, _) = run(&["db", "lint", &app, "--json"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found[0]["code"], code_word.as_str());
    fs::write(&second, format!("-- mainstay: allow {code_word}\nalter table todo drop column done;\n")).unwrap();
    assert_eq!(run(&["db", "lint", &app]).0, 0);
}

#[test]
fn settings_are_shown_checked_and_wrong_ones_are_named() {
    let (_folder, app) = app();
    let show = |json: bool| {
        let mut command = mainstay(&["config", "show", &app]);
        command
            .args(json.then_some("--json"))
            .env("MAINSTAY_AUTH__JWT_SECRET", "s3cret-s3cret-s3cret-s3cret-s3cret-s3cret");
        ended(command.output().unwrap())
    };
    let (code, out, _) = show(false);
    assert_eq!(code, 0);
    assert!(out.contains("max_rows = 1000") && out.contains("mainstay.toml:") && !out.contains("s3cret"), "{out}");
    let (_, out, _) = show(true);
    let all: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(all["auth.jwt_secret"]["origin"], "MAINSTAY_AUTH__JWT_SECRET");
    assert_eq!(all["data.max_rows"]["value"], 1000);

    assert_eq!(run(&["config", "check", &app]).0, 0);
    fs::write(Path::new(&app).join("mainstay.toml"), "[data]\nmax_row = 3\n").unwrap();
    for command in [&["config", "check", &app][..], &["serve", &app], &["keys", &app], &["db", "status", &app]] {
        let (code, _, error) = run(command);
        assert_eq!(code, 2, "{command:?}");
        assert!(error.contains("mainstay.toml:2: unknown key data.max_row. Did you mean data.max_rows?"), "{error}");
    }
}

#[test]
fn wrong_calls_end_with_2_and_say_what_to_do() {
    let (_folder, app) = app();
    for (arguments, holds) in [
        (vec!["frobnicate"], "Usage"),
        (vec!["serve", &app, "--listen", "nonsense"], "--listen: server.listen must be host:port"),
        (vec!["db", "explain", &app, "/todo", "--claims", "{"], "--claims wants a JSON object"),
        (vec!["serve", "/nowhere/at/all"], "there is no such folder"),
        (vec!["new", &app], "is not empty"),
        (vec!["handbook", "99999"], "no page 99999"),
        (vec!["handbook", "knitting"], "no page of the handbook has \"knitting\" in its title"),
    ] {
        let (code, out, error) = run(&arguments);
        assert_eq!(code, 2, "{arguments:?} {out}{error}");
        assert!(error.contains(holds), "{arguments:?} {error}");
    }
    let (code, _, error) = run(&["db", "explain", &app, "/todo"]);
    assert!(code == 1 && error.contains("PGRST205") && error.contains("mainstay db status"), "{error}");
    let (code, out, _) = run(&["version"]);
    assert_eq!((code, out.trim()), (0, concat!("mainstay ", env!("CARGO_PKG_VERSION"))));
    assert_eq!(run(&["handbook"]).0, 0);
    let (code, out, _) = run(&["handbook", "Pagination"]);
    assert!(code == 0 && out.contains("  21  What is pagination") && !out.contains("REST"), "{out}");
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [
        &[][..],
        &["serve"],
        &["version"],
        &["config"],
        &["config", "docs"],
        &["db"],
        &["db", "lint"],
        &["db", "explain"],
        &["db", "advise"],
        &["new"],
        &["keys"],
        &["handbook"],
        &["config", "show"],
        &["config", "check"],
        &["db", "status"],
        &["db", "migrate"],
    ] {
        let (code, out, _) = run(&[command, &["--help"]].concat());
        assert_eq!(code, 0);
        assert!(out.contains("Example"), "{command:?} {out}");
    }
    let (_, out, _) = run(&["--help"]);
    assert!(out.contains("Exit codes"), "{out}");
    let mut silent = mainstay(&["version"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    silent.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(!text.contains('\u{1b}') && silent.wait().unwrap().success());
}
