//! An app in a folder of its own, and the binary that serves it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use testkit::folder::Folder;
use testkit::signal::{PATIENCE, Signal};
use tokio::runtime::Runtime;
use web::client::Client;

/// One table that anybody reads and the service writes.
pub(crate) const SCHEMA: &str = "
create table song (id integer primary key, title text not null);
insert into song (id, title) values (1, 'One');
grant usage on schema public to anon, service_role;
grant select on song to anon;
grant all on song to service_role;
";

/// An app that is not running yet.
pub(crate) struct Place {
    pub(crate) folder: Folder,
    pub(crate) runtime: Runtime,
    variables: Vec<(String, String)>,
    /// The account the server runs as, when it is not ours.
    user: Option<(u32, u32)>,
    binary: PathBuf,
}

/// A running server, killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
    pub(crate) service: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) text: String,
}

impl Answer {
    fn of(answer: &Response<Bytes>) -> Self {
        let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
        Self {
            status: answer.status().as_u16(),
            retry_after: wait,
            text: String::from_utf8_lossy(answer.body()).into_owned(),
        }
    }

    /// Refused for now: 503, with the time after which to come back.
    #[track_caller]
    pub(crate) fn is_for_later(&self, holds: &str) {
        assert_eq!(self.status, 503, "{self:?}");
        assert!(self.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{self:?}");
        assert!(self.text.contains(holds), "{self:?}");
    }
}

impl Place {
    /// An app with these migrations and these settings: `("LIMITS__BODY_BYTES_MAX", "100")`.
    pub(crate) fn new(migrations: &[(&str, &str)], settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        std::fs::create_dir(folder.join("migrations")).unwrap();
        for (name, text) in migrations {
            std::fs::write(folder.join("migrations").join(name), text).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let variables = settings.iter().map(|(key, value)| (format!("MAINSTAY_{key}"), (*value).to_owned())).collect();
        Self { folder, runtime, variables, user: None, binary: env!("CARGO_BIN_EXE_mainstay").into() }
    }

    /// The same on a PostgreSQL.
    pub(crate) fn on(mut self, url: &str) -> Self {
        self.variables.push(("MAINSTAY_STORE__URL".to_owned(), url.to_owned()));
        self
    }

    /// From now on the server runs as an account that permissions bind: nothing changes unless we are root.
    pub(crate) fn bound_by_permissions(&mut self) {
        let Some((user, group)) = testkit::postgres::server_user() else { return };
        // The folder that cargo builds in may be closed to others. A link would give the other account the original.
        let copy = self.folder.join("mainstay");
        std::fs::copy(&self.binary, &copy).unwrap();
        self.binary = copy;
        let all = Command::new("chown").arg("-R").arg(format!("{user}:{group}")).arg(self.folder.path()).status();
        assert!(all.unwrap().success());
        self.user = Some((user, group));
    }

    /// A file or folder of the data folder.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.folder.join(".mainstay").join(name)
    }

    fn command(&self, program: &std::ffi::OsStr, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MAINSTAY_")) {
            command.env_remove(name);
        }
        command.args(arguments).envs(self.variables.iter().cloned()).current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a command of the binary on the app, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(self.command(self.binary.as_os_str(), arguments).output().unwrap())
    }

    /// The same where no file may grow beyond some bytes.
    pub(crate) fn run_cramped(&self, bytes: u64, arguments: &[&str]) -> (i32, String, String) {
        let limit = format!("--fsize={bytes}:unlimited");
        let all = [&[limit.as_str(), self.binary.to_str().unwrap()], arguments].concat();
        ended(self.command("prlimit".as_ref(), &all).output().unwrap())
    }

    /// The app's folder, as commands want it.
    pub(crate) fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&self) -> Served {
        let mut child = self
            .command(self.binary.as_os_str(), &["serve", self.path(), "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut log = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            // A log that is not UTF-8 would be a finding of its own.
            log.read_to_string(&mut text).unwrap();
            text
        });
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it did not start: {}", log.join().unwrap());
        // Its later lines go nowhere, and must not block it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let ready: serde_json::Value = serde_json::from_str(&line).expect(&line);
        let word = |key: &str| ready[key].as_str().unwrap().to_owned();
        Served { child, address: word("address"), service: word("service_role_key") }
    }

    /// Sends one request on a connection of its own, with the service's key.
    pub(crate) fn ask(&self, served: &Served, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        self.runtime.block_on(ask(&served.address, &served.service, method, path, body.into()))
    }

    /// Gets a path.
    pub(crate) fn get(&self, served: &Served, path: &str) -> Answer {
        self.ask(served, Method::GET, path, "")
    }

    /// Adds a song.
    pub(crate) fn add(&self, served: &Served, id: usize) -> Answer {
        self.ask(served, Method::POST, "/rest/v1/song", format!("{{\"id\":{id},\"title\":\"T\"}}"))
    }

    /// The numbers of all songs.
    pub(crate) fn songs(&self, served: &Served) -> Vec<usize> {
        let found = self.get(served, "/rest/v1/song?select=id&order=id");
        assert_eq!(found.status, 200, "{found:?}");
        let rows: Vec<serde_json::Value> = serde_json::from_str(&found.text).unwrap();
        rows.iter().map(|row| usize::try_from(row["id"].as_u64().unwrap()).unwrap()).collect()
    }

    /// Asks until the answer has this status. For what the server notices by itself, on its own clock.
    pub(crate) fn until(status: u16, ask: impl Fn() -> Answer) -> Answer {
        let since = std::time::Instant::now();
        loop {
            let answer = ask();
            if answer.status == status {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "still {answer:?}, not {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Served {
    /// From now on no file of the server may grow beyond some bytes, whatever the disk has; `None` lifts it.
    pub(crate) fn cramp(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let done = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string(), &format!("--fsize={bytes}:unlimited")])
            .status();
        assert!(done.unwrap().success());
    }

    /// Ends the server as an operator does; true when it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn ask(address: &str, key: &str, method: Method, path: &str, body: Bytes) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let shown: String = path.chars().take(100).collect();
    let answered = async { Client::connect(address).await?.send(request).await };
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(Ok(answer)) => Answer::of(&answer),
        Ok(Err(error)) => panic!("{shown}: {error}, has the server ended?"),
        Err(late) => panic!("{shown}: {late}"),
    }
}

/// A session of PostgreSQL that holds the table of songs until it is let go.
pub(crate) struct Holder {
    free: Signal,
    session: std::thread::JoinHandle<()>,
}

impl Holder {
    /// Locks the table; returns when the lock is there.
    pub(crate) fn of_songs(url: &str) -> Self {
        let (held, free, url) = (Signal::new(), Signal::new(), url.to_owned());
        let (holding, let_go) = (held.clone(), free.clone());
        let session = std::thread::spawn(move || {
            testkit::postgres::hold(&url, "begin; lock table song in access exclusive mode", || {
                holding.raise();
                let_go.wait_for(1);
            });
        });
        held.wait_for(1);
        Self { free, session }
    }

    /// Ends the session.
    pub(crate) fn let_go(self) {
        self.free.raise();
        self.session.join().unwrap();
    }
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    // A process that a signal ended has no code.
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}
