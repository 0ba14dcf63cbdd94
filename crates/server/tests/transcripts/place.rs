//! Where a page runs: a folder with a copy of the music store, a database of its own, and a server that is started for the first
//! request and stopped for commands that want the database to themselves.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use store::Participants;
use store::sqlite::{Options, Place as SqlitePlace, SqliteEngine};
use testkit::Engine;
use testkit::folder::Folder;
use testkit::postgres::{Cluster, Database};

use super::curl::Curl;
use super::shell;

/// The binary under test.
const MAINSTAY: &str = env!("CARGO_BIN_EXE_mainstay");
/// The app, as pages name it.
const APP: &str = "examples/chinook";
/// Customers of the music store: the variable with their token, and the address in it.
const CUSTOMERS: &[(&str, &str)] = &[("LUIS", "luisg@embraer.com.br"), ("LEONIE", "leonekohler@surfeu.de")];

/// A folder, a database, a server.
pub(crate) struct Place {
    engine: Engine,
    folder: Folder,
    database: Option<Database>,
    /// For apps that a page makes: empty at first.
    other: Option<Database>,
    server: Option<Server>,
    keys: Value,
    exit: i32,
    /// What a page has put into variables of its own.
    variables: BTreeMap<String, String>,
}

struct Server {
    process: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // As hard as it can be: what was acknowledged must be there at the next start.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Place {
    /// A place of its own, its database filled already.
    pub(crate) fn new(root: &Path, engine: Engine) -> Self {
        let folder = Folder::new();
        let filled = filled(root);
        copy(filled.path(), folder.path());
        let database = (engine == Engine::Postgres).then(|| {
            fs::remove_file(folder.join(APP).join(".mainstay/main.db")).expect("the copy's database");
            let template = Cluster::shared().template(&key(&folder.join(APP)), |url| {
                let mut command = mainstay(filled.path());
                command.env("MAINSTAY_STORE__URL", url).args(["db", "migrate", APP]);
                expect_success(&mut command);
            });
            testkit::postgres::fresh_database(Some(&template))
        });
        let mut place = Self {
            engine,
            folder,
            database,
            other: None,
            server: None,
            keys: Value::Null,
            exit: 0,
            variables: BTreeMap::new(),
        };
        let output = expect_success(place.mainstay().args(["keys", APP, "--json"]));
        place.keys = serde_json::from_str(&output).expect("keys are JSON");
        place
    }

    /// Runs a line of a page; the lines it prints.
    pub(crate) fn run(&mut self, text: &str) -> Result<Vec<String>, String> {
        if let Some((name, inner)) = shell::kept(text) {
            let output = self.run(inner)?.join("\n");
            self.variables.insert(name.to_owned(), output);
            return Ok(Vec::new());
        }
        let line = shell::parse(text, &mut |name| self.variable(name))?;
        let (command, arguments) = line.words.split_first().ok_or("an empty command")?;
        let mut output = match command.as_str() {
            "curl" => self.curl(arguments)?,
            "mainstay" if arguments.first().is_some_and(|first| first == "serve") && line.background => {
                self.start()?;
                String::new()
            }
            "mainstay" => self.command(arguments, &line.assignments)?,
            "kill" if arguments.first().is_some_and(|first| first == "-9") => {
                self.server = None;
                String::new()
            }
            "sqlite3" => self.sqlite3(arguments)?,
            "jq" => self.jq(arguments)?,
            "echo" => arguments.join(" ") + "\n",
            "cat" => arguments
                .iter()
                .map(|file| fs::read_to_string(self.folder.join(file)))
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?,
            other => return Err(format!("pages do without `{other}`")),
        };
        if let Some((file, add)) = &line.file {
            let path = self.folder.join(file);
            let mut open = fs::OpenOptions::new();
            let open = open.create(true).write(true).append(*add).truncate(!*add).open(path);
            open.and_then(|mut file| file.write_all(output.as_bytes())).map_err(|error| format!("{file}: {error}"))?;
            output.clear();
        }
        Ok(self.normal(&output))
    }

    /// The last lines of the server's log, for a page that failed.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        let key = |name: &str| self.keys[name].as_str().map(str::to_owned);
        match name {
            "?" => Some(self.exit.to_string()),
            "URL" => {
                self.start().ok()?;
                self.server.as_ref().map(|server| server.url.clone())
            }
            "SERVER" => self.server.as_ref().map(|server| server.process.id().to_string()),
            "ANON" => key("anon_key"),
            "SERVICE" => key("service_role_key"),
            own if self.variables.contains_key(own) => self.variables.get(own).cloned(),
            customer => {
                let (_, email) = CUSTOMERS.iter().find(|(name, _)| *name == customer)?;
                let claims = json!({"role": "authenticated", "email": email, "exp": 4_102_444_800_u64});
                let claims: Map<String, Value> = serde_json::from_value(claims).ok()?;
                Some(crypto::sign_hs256(&claims, key("jwt_secret")?.as_bytes()))
            }
        }
    }

    /// Output as pages have it: without what is another each time.
    fn normal(&self, output: &str) -> Vec<String> {
        let folder = self.folder.path().display().to_string() + "/";
        let mut text = output.replace("\r\n", "\n").replace(&folder, "");
        if let Some(server) = &self.server {
            text = text.replace(&server.url, "$URL");
        }
        let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// The binary in this place, on this engine.
    fn mainstay(&self) -> Command {
        let mut command = mainstay(self.folder.path());
        if let Some(database) = &self.database {
            command.env("MAINSTAY_STORE__URL", database.url());
        }
        command
    }

    fn command(&mut self, arguments: &[String], variables: &[(String, String)]) -> Result<String, String> {
        if arguments.first().is_some_and(|first| first == "db") {
            // A database file belongs to one process.
            self.server = None;
        }
        let mut command = self.mainstay();
        if self.engine == Engine::Postgres && !arguments.iter().any(|argument| argument == APP) {
            let other = self.other.get_or_insert_with(|| testkit::postgres::fresh_database(None));
            command.env("MAINSTAY_STORE__URL", other.url());
        }
        command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
        let output = command.output().map_err(|error| error.to_string())?;
        self.exit = output.status.code().unwrap_or(-1);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    }

    /// SQL on the database file, past the house.
    fn sqlite3(&mut self, arguments: &[String]) -> Result<String, String> {
        self.server = None;
        let [file, sql] = arguments else { return Err("sqlite3 wants a file and SQL".to_owned()) };
        let (place, sql) = (SqlitePlace::File(self.folder.join(file)), sql.clone());
        let engine =
            SqliteEngine::open(place, Options::default(), Participants::from([])).map_err(|e| e.to_string())?;
        let run = engine.exclusive(move |db| db.execute_batch(&sql).map_err(|error| db.error(error)));
        runtime()?.block_on(run).map_err(|error: store::Error| error.to_string())?;
        Ok(String::new())
    }

    /// A part of a JSON file, as `jq -r .a[0].b` prints it.
    fn jq(&self, arguments: &[String]) -> Result<String, String> {
        let [raw, path, file] = arguments else { return Err("jq wants -r, a path and a file".to_owned()) };
        if raw != "-r" {
            return Err("jq wants -r here".to_owned());
        }
        let text = fs::read_to_string(self.folder.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let json: Value = serde_json::from_str(&text).map_err(|error| format!("{file}: {error}: {text}"))?;
        let pointer = path.replace(['.', '['], "/").replace(']', "");
        let found = json.pointer(&pointer).ok_or_else(|| format!("{path} is not in {text}"))?;
        Ok(found.as_str().map_or_else(|| found.to_string(), str::to_owned) + "\n")
    }

    fn start(&mut self) -> Result<(), String> {
        if self.server.is_some() {
            return Ok(());
        }
        let log = fs::File::create(self.folder.join("server.log")).map_err(|error| error.to_string())?;
        let mut command = self.mainstay();
        command.args(["serve", APP, "--listen", "127.0.0.1:0", "--json"]).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().map_err(|error| error.to_string())?;
        let stdout = process.stdout.take().ok_or("no standard output")?;
        let mut server = Server { process, url: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let ready: Value =
            serde_json::from_str(&line).map_err(|_| format!("the server did not start: {}", self.log()))?;
        ready["url"].as_str().ok_or("no address")?.clone_into(&mut server.url);
        assert_eq!(ready["engine"], self.engine.name().replace("postgres", "postgresql"), "the engine under test");
        self.server = Some(server);
        Ok(())
    }

    fn curl(&mut self, arguments: &[String]) -> Result<String, String> {
        let curl = Curl::read(arguments)?;
        let url = self.variable("URL").ok_or("the server does not start")?;
        let (request, shown) = curl.request(&url)?;
        let response = runtime()?.block_on(async {
            let mut client = web::client::Client::connect(url.trim_start_matches("http://")).await?;
            client.send(request).await
        });
        Ok(shown.print(&response.map_err(|error| error.to_string())?))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// The binary in a folder, with no settings of the outside.
fn mainstay(folder: &Path) -> Command {
    let mut command = Command::new(MAINSTAY);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MAINSTAY_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn expect_success(command: &mut Command) -> String {
    let output = command.output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The app with its SQLite database filled, made once.
fn filled(root: &Path) -> &'static Folder {
    static FILLED: OnceLock<Folder> = OnceLock::new();
    FILLED.get_or_init(|| {
        let folder = Folder::new();
        copy(&root.join(APP), &folder.join(APP));
        drop(fs::remove_dir_all(folder.join(APP).join(".mainstay")));
        expect_success(mainstay(folder.path()).args(["db", "migrate", APP]));
        // What it made by itself is left where it is: the secret.
        expect_success(mainstay(folder.path()).args(["keys", APP]));
        folder
    })
}

/// What the filled database depends on: the migrations and the binary.
fn key(app: &Path) -> String {
    let mut bytes = Vec::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(app.join("migrations")).expect("migrations").flatten().map(|e| e.path()).collect();
    files.sort();
    for file in files {
        bytes.extend(fs::read(file).expect("a migration can be read"));
    }
    let built = fs::metadata(MAINSTAY).and_then(|data| data.modified()).expect("the binary is there");
    bytes.extend(format!("{built:?}").bytes());
    format!("handbook_{}", &crypto::sha256_hex(&bytes)[..16])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its kind is known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
