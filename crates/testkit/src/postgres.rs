//! A real PostgreSQL for tests: one private cluster for all test processes of a user, and a database of its own for each test.
//!
//! `MAINSTAY_TEST_POSTGRES` names a server to use (a `postgres://` URL of a superuser). Otherwise the first test that asks starts
//! a cluster in the temporary folder, on a free port of the loopback, and every other test process finds it there. It stops by
//! itself when no process has used it for some minutes. It keeps nothing: fsync is off and each start begins from nothing.

mod encrypted;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where to look for a server of one's own.
const URL_VARIABLE: &str = "MAINSTAY_TEST_POSTGRES";
/// What to do when there is no server.
pub(crate) const INSTALL: &str = "tests need PostgreSQL's server programs: run `apt-get install postgresql` (or put `initdb` and `pg_ctl` \
                       on the PATH), or name a server's superuser in MAINSTAY_TEST_POSTGRES=postgres://user:password@host/postgres";
/// Grows when clusters are to be started differently: those that run are left to who uses them.
const GENERATION: u32 = 2;
/// How many minutes nobody may use the cluster before it stops.
const IDLE_MINUTES: u32 = 5;

/// The cluster all tests share.
#[derive(Debug)]
pub struct Cluster {
    /// The superuser's URL up to the database: `postgres://user:password@host:port/`.
    server: String,
    /// What follows the database, `?` included.
    query: String,
    /// The folder, when the cluster is ours.
    home: Option<Home>,
    /// Locked as long as this process lives: the watchdog sees by it that the cluster is in use.
    _used: Option<File>,
}

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
}

impl Cluster {
    /// The shared cluster, found or started.
    ///
    /// # Panics
    /// When there is no server and none can be started; the message says what to install.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            if let Ok(url) = std::env::var(URL_VARIABLE) {
                return Self::at(&url, None, None);
            }
            let home = Home::open();
            let (url, used) = home.find_or_start();
            Self::at(&url, Some(home), Some(used))
        })
    }

    fn at(url: &str, home: Option<Home>, used: Option<File>) -> Self {
        let (rest, query) = url.find('?').map_or((url, ""), |at| url.split_at(at));
        let authority = rest.find("://").map_or(0, |at| at + 3);
        let server = rest[authority..].find('/').map_or(rest, |at| &rest[..authority + at]);
        Self { server: format!("{server}/"), query: query.to_owned(), home, _used: used }
    }

    /// The superuser's URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!("{}{database}{}", self.server, self.query)
    }

    /// A new database with a name of its own, empty or a copy of `template` (which nobody may be connected to).
    pub fn fresh_database(&self, template: Option<&str>) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let name = format!("t_{}_{}_{since:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let template = template.unwrap_or("template0");
        self.admin(&format!("create database \"{name}\" template \"{template}\""));
        let url = self.url(&name);
        Database { name, url }
    }

    /// The name of a template database, which `build` fills (it gets the URL) the first time any process asks for `key`. The key
    /// must change with the content (use a hash of it).
    ///
    /// # Panics
    /// When the temporary folder cannot be written to, or a statement fails.
    pub fn template(&self, key: &str, build: impl FnOnce(&str)) -> String {
        let name = format!("template_{key}");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(std::env::temp_dir().join(format!("mainstay-test-template-{}.lock", user_id())))
            .expect("the temporary folder can be written to");
        lock.lock().expect("a file in the temporary folder can be locked");
        let exists = format!("select 1 from pg_database where datname = '{name}'");
        if query_count(&self.url("postgres"), &exists) == 0 {
            // Built under another name, so that a build that fails leaves no half template behind.
            let building = self.fresh_database(None);
            build(&building.url);
            self.admin(&format!(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{0}'; \
                 alter database \"{0}\" rename to \"{name}\"",
                building.name
            ));
        }
        name
    }

    /// Stops the cluster, if it is ours, whoever uses it. Tests need not call this: the watchdog does it.
    pub fn stop(&self) {
        if let Some(home) = &self.home {
            home.stop();
        }
    }

    fn admin(&self, sql: &str) {
        // A statement at a time: neither `create database` nor `drop database` may stand in a batch.
        for statement in sql.split("; ") {
            run(&self.url("postgres"), statement);
        }
    }
}

impl Database {
    /// The superuser's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL statements in it, as the superuser.
    ///
    /// # Panics
    /// When one fails.
    pub fn run(&self, sql: &str) {
        run(&self.url, sql);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("drop database if exists \"{}\" with (force)", self.name);
        // A second panic would abort the process; a database left over dies with the cluster.
        if let Err(error) = try_run(&Cluster::shared().url("postgres"), &sql) {
            let _ = writeln!(std::io::stderr(), "cannot drop a test's database: {error}");
        }
    }
}

/// A database of its own for a test; see [`Cluster::fresh_database`].
pub fn fresh_database(template: Option<&str>) -> Database {
    Cluster::shared().fresh_database(template)
}

/// Runs SQL statements at a URL, blocking; usable inside and outside of an async runtime.
///
/// # Panics
/// When one fails.
pub fn run(url: &str, sql: &str) {
    if let Err(error) = try_run(url, sql) {
        panic!("{error}\nin: {sql}");
    }
}

/// Runs SQL at a URL, then `meanwhile` while the session stays open with its transaction and its locks.
///
/// # Panics
/// When a statement fails.
pub fn hold(url: &str, sql: &str, meanwhile: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime of one thread");
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client.batch_execute(sql).await.expect("statements that the server accepts");
        client
    });
    meanwhile();
    drop(client);
}

fn try_run(url: &str, sql: &str) -> Result<(), String> {
    messages(url, sql).map(drop)
}

fn query_count(url: &str, sql: &str) -> usize {
    let messages = messages(url, sql).unwrap_or_else(|error| panic!("{error}\nin: {sql}"));
    messages.iter().filter(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_))).count()
}

fn messages(url: &str, sql: &str) -> Result<Vec<tokio_postgres::SimpleQueryMessage>, String> {
    // On a thread of its own: a test that runs inside a runtime may not block on a second one.
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
            runtime.block_on(async {
                let (client, connection) =
                    tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(|e| describe(&e))?;
                let connection = tokio::spawn(connection);
                let answer = client.simple_query(sql).await.map_err(|e| describe(&e));
                drop(client);
                let _ = connection.await;
                answer
            })
        });
        work.join().unwrap_or_else(|_| Err("the thread panicked".to_owned()))
    })
}

fn describe(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{}: {}", db.code().code(), db.message()))
}

/// The folder of our own cluster.
///
/// `start.lock` is held while someone looks or starts; `used.lock` is held shared by every process that uses the cluster;
/// `url` says where it listens; `data` is PostgreSQL's own.
#[derive(Debug)]
struct Home {
    folder: PathBuf,
    programs: PathBuf,
    /// The user and group the server runs as, when we are root: it refuses to run as root.
    server_user: Option<(u32, u32)>,
    /// It speaks TLS.
    encrypted: bool,
}

impl Home {
    fn open() -> Self {
        Self::at(std::env::temp_dir().join(format!("mainstay-test-postgres-{}-{GENERATION}", user_id())), false)
    }

    fn at(folder: PathBuf, encrypted: bool) -> Self {
        let programs = find_programs().unwrap_or_else(|| panic!("{INSTALL}"));
        match fs::create_dir(&folder) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("cannot make {}: {error}", folder.display()),
        }
        let found = fs::symlink_metadata(&folder).expect("the folder was just made or found");
        assert!(found.is_dir() && found.uid() == user_id(), "{} belongs to someone else: remove it", folder.display());
        let server_user = server_user();
        // The server's user must be able to pass; what is secret inside has a mode of its own.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).expect("our own folder");
        Self { folder, programs, server_user, encrypted }
    }

    fn lock_file(&self, name: &str) -> File {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(self.folder.join(name))
            .unwrap_or_else(|error| panic!("cannot open {name} in {}: {error}", self.folder.display()))
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn find_or_start(&self) -> (String, File) {
        let starting = self.lock_file("start.lock");
        starting.lock().expect("a file of ours can be locked");
        // Taken before looking, so that the watchdog cannot stop the cluster between the look and the use: it stops it only
        // with both locks in hand.
        let used = self.lock_file("used.lock");
        used.lock_shared().expect("a file of ours can be locked");
        let known = fs::read_to_string(self.folder.join("url")).unwrap_or_default();
        if !known.is_empty() && try_run(&known, "select 1").is_ok() {
            return (known, used);
        }
        let mut refusal = String::new();
        for _ in 0..3 {
            match self.start() {
                Ok(url) => return (url, used),
                Err(error) => refusal = error,
            }
        }
        panic!("cannot start PostgreSQL for the tests: {refusal}");
    }

    fn start(&self) -> Result<String, String> {
        self.stop();
        let data = self.data();
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| format!("cannot remove {}: {error}", data.display()))?;
        }
        fs::create_dir(&data).map_err(|error| error.to_string())?;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).map_err(|error| error.to_string())?;
        if let Some((user, group)) = self.server_user {
            std::os::unix::fs::chown(&data, Some(user), Some(group)).map_err(|error| error.to_string())?;
        }
        let password = random_text()?;
        let password_file = self.folder.join("password");
        write_secret(&password_file, &password)?;
        if let Some((user, group)) = self.server_user {
            std::os::unix::fs::chown(&password_file, Some(user), Some(group)).map_err(|error| error.to_string())?;
        }
        // md5, because a test opens many connections and scram costs each of them milliseconds by design.
        self.program(
            "initdb",
            &[
                "-U",
                "postgres",
                "--locale=C",
                // Letters beyond ASCII are letters: patterns without case depend on it.
                "--lc-ctype=C.UTF-8",
                "--encoding=UTF8",
                "--no-sync",
                "--auth=md5",
                "-D",
                &data.to_string_lossy(),
                "--pwfile",
                &password_file.to_string_lossy(),
            ],
        )?;
        let port = free_port()?;
        let settings = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 200\n\
             fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nshared_buffers = 64MB\n\
             password_encryption = md5\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n"
        );
        OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .and_then(|mut file| file.write_all(settings.as_bytes()))
            .map_err(|error| error.to_string())?;
        if self.encrypted {
            self.encrypt(&data)?;
        }
        let log = data.join("server.log");
        self.program(
            "pg_ctl",
            &["-D", &data.to_string_lossy(), "-l", &log.to_string_lossy(), "-w", "-t", "60", "start"],
        )
        .map_err(|error| format!("{error}\n{}", fs::read_to_string(&log).unwrap_or_default()))?;
        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        try_run(&url, "alter role postgres set client_min_messages = warning")?;
        write_secret(&self.folder.join("url"), &url)?;
        if !self.encrypted {
            self.watch();
        }
        Ok(url)
    }

    fn stop(&self) {
        if self.data().join("postmaster.pid").exists() {
            // Whether it was running at all does not matter here.
            let _ = self.program("pg_ctl", &["-D", &self.data().to_string_lossy(), "-m", "immediate", "-w", "stop"]);
        }
    }

    /// Leaves a small shell behind that stops the server when no process has used it for [`IDLE_MINUTES`].
    fn watch(&self) {
        let script = r#"
            idle=0
            while sleep 15; do
                [ "$(head -n 1 "$DATA/postmaster.pid")" = "$SERVER" ] || exit 0
                if flock -n -x "$HOME_FOLDER/used.lock" true; then idle=$((idle + 15)); else idle=0; fi
                if [ "$idle" -ge "$IDLE_SECONDS" ]; then
                    flock -n -x "$HOME_FOLDER/start.lock" flock -n -x "$HOME_FOLDER/used.lock" \
                        "$PG_CTL" -D "$DATA" -m immediate -w stop && exit 0
                    idle=0
                fi
            done"#;
        let server = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut shell = Command::new("sh");
        // The outer shell ends at once, so that nobody has to wait for the inner one.
        shell.args(["-c", "sh -c \"$SCRIPT\" & "]).process_group(0);
        if let Some((user, group)) = self.server_user {
            shell.uid(user).gid(group);
            // It locks the two files, so it must be able to open them.
            for name in ["start.lock", "used.lock"] {
                drop(self.lock_file(name));
                let _ = std::os::unix::fs::chown(self.folder.join(name), Some(user), Some(group));
            }
        }
        let _ = shell
            .env("SCRIPT", script)
            .env("SERVER", server.lines().next().unwrap_or_default())
            .env("DATA", self.data())
            .env("HOME_FOLDER", &self.folder)
            .env("PG_CTL", self.programs.join("pg_ctl"))
            .env("IDLE_SECONDS", (IDLE_MINUTES * 60).to_string())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(self.programs.join(name));
        command.args(arguments).current_dir(self.data()).stdin(Stdio::null());
        if let Some((user, group)) = self.server_user {
            command.uid(user).gid(group);
        }
        let done = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
        if done.status.success() {
            return Ok(());
        }
        Err(format!(
            "{name} failed: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        ))
    }
}

/// The folder with `initdb` and `pg_ctl`: on the PATH, or Debian's newest.
pub(crate) fn find_programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort_by_key(|folder| {
        let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok());
        std::cmp::Reverse(version)
    });
    std::env::split_paths(&path)
        .chain(debian)
        .find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file())
}

/// The effective user id, as the owner of a file we make.
fn user_id() -> u32 {
    static ID: OnceLock<u32> = OnceLock::new();
    *ID.get_or_init(|| fs::metadata("/proc/self").map_or_else(|_| command_user_id(), |found| found.uid()))
}

fn command_user_id() -> u32 {
    let done = Command::new("id").arg("-u").output().expect("`id` is on every Unix");
    String::from_utf8_lossy(&done.stdout).trim().parse().expect("`id -u` prints a number")
}

/// An account (user and group) that is not root, when we are root: PostgreSQL refuses to run as root, and permissions do not bind it.
///
/// # Panics
/// When there is none.
pub fn server_user() -> Option<(u32, u32)> {
    (user_id() == 0).then(|| {
        account("postgres").or_else(|| account("nobody")).expect("a user `postgres` or `nobody` to run the server as")
    })
}

/// User and group id of an account.
fn account(name: &str) -> Option<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

pub(crate) fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .map(|at| at.port())
        .map_err(|e| e.to_string())
}

fn random_text() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes))
        .map_err(|error| error.to_string())?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

fn write_secret(path: &Path, text: &str) -> Result<(), String> {
    let _ = fs::remove_file(path);
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

pub use self::encrypted::Encrypted;
pub use crate::signal::PATIENCE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_database_is_new_and_gone_after_use() {
        let (one, two) = (fresh_database(None), fresh_database(None));
        one.run("create table thing (id int)");
        two.run("create table thing (id int)");
        let copy = fresh_database(Some(one.name()));
        copy.run("insert into thing values (1)");
        let name = one.name().to_owned();
        drop(one);
        let left = format!("select 1 from pg_database where datname = '{name}'");
        assert_eq!(query_count(&Cluster::shared().url("postgres"), &left), 0);
    }

    #[test]
    fn a_template_is_built_once() {
        let cluster = Cluster::shared();
        let key = format!("self_test_{}", std::process::id());
        let name = cluster.template(&key, |url| run(url, "create table built (id int)"));
        let again = cluster.template(&key, |_| panic!("it is there"));
        assert_eq!(name, again);
        cluster.fresh_database(Some(&name)).run("insert into built values (1)");
        cluster.admin(&format!("drop database \"{name}\""));
    }

    #[test]
    fn a_url_keeps_its_query_when_the_database_changes() {
        let cluster = Cluster::at("postgres://u:p@h:1/postgres?sslmode=disable", None, None);
        assert_eq!(cluster.url("other"), "postgres://u:p@h:1/other?sslmode=disable");
        assert_eq!(Cluster::at("postgres://u@h", None, None).url("x"), "postgres://u@h/x");
    }

    #[test]
    fn it_works_inside_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { fresh_database(None).run("select 1") });
    }
}
