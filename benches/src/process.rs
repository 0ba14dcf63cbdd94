//! Processes that are measured: started on a core, ended with the value that holds them, asked for their CPU time and memory.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::args::Failure;

/// Ticks in a second of /proc's CPU times; Linux has had 100 on every platform for decades.
const TICKS: f64 = 100.0;

/// Where the measured process runs; whoever asks runs on the other one.
pub const SERVER_CORE: &str = "0";
/// Where the load is made.
pub const CLIENT_CORE: &str = "1";

/// The library that makes flushes slow, and how slow in microseconds.
static SLOW_FLUSH: OnceLock<(PathBuf, String)> = OnceLock::new();

/// Lets a flush take at least so long in every process measured from now on: goals that name a disk's flush can be looked at on a
/// machine whose disk is quicker.
pub fn slow_flush(dir: &Path, ms: f64) -> Result<(), Failure> {
    std::fs::create_dir_all(dir)?;
    let (source, library) = (dir.join("slow_flush.c"), dir.join("slow_flush.so"));
    std::fs::write(&source, include_str!("slow_flush.c"))?;
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).status()?;
    if !built.success() {
        return Err("--flush-ms needs a C compiler named cc".into());
    }
    SLOW_FLUSH.get_or_init(|| (library, format!("{:.0}", ms * 1000.0)));
    Ok(())
}

/// A process that ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The line it said when it was ready.
    pub ready: Value,
    /// From the start to that line.
    pub took: Duration,
}

impl Process {
    /// Starts a program on the server's core and waits for its first line of JSON.
    pub fn start(command: &mut Command) -> Result<Self, Failure> {
        let (mut child, began) = spawn(command, Stdio::piped())?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(out);
        while !line.trim_start().starts_with('{') {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                let ended = child.wait()?;
                return Err(format!("{:?} ended before it was ready: {ended}", command.get_program()).into());
            }
        }
        let ready = serde_json::from_str(&line)?;
        let took = began.elapsed();
        // What it says later is read by nobody, but a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Ok(Self { child, ready, took })
    }

    /// Starts a program that says nothing on the server's core and waits until it takes connections.
    pub fn start_listening(command: &mut Command, address: &str) -> Result<Self, Failure> {
        let (mut child, began) = spawn(command, Stdio::null())?;
        loop {
            if std::net::TcpStream::connect(address).is_ok() {
                return Ok(Self { child, ready: Value::Null, took: began.elapsed() });
            }
            if let Some(ended) = child.try_wait()? {
                return Err(format!("{:?} ended before it was ready: {ended}", command.get_program()).into());
            }
            if began.elapsed() > Duration::from_secs(30) {
                child.kill()?;
                return Err(format!("{:?} does not listen on {address}", command.get_program()).into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// User and system time since its start, in microseconds; ended threads included.
    pub fn cpu_us(&self) -> f64 {
        cpu_us(self.child.id())
    }

    /// Resident memory in MB.
    pub fn rss_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
    }

    /// A field of the line it said when it was ready.
    pub fn said(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap_or_default().to_owned()
    }

    /// Ends it as an operator would, and waits.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status());
        for _ in 0..500 {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

fn spawn(command: &Command, stdout: Stdio) -> Result<(Child, Instant), Failure> {
    let mut pinned = Command::new("taskset");
    pinned.arg("-c").arg(SERVER_CORE).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    if let Some((library, us)) = SLOW_FLUSH.get() {
        pinned.env("LD_PRELOAD", library).env("MAINSTAY_BENCH_FLUSH_US", us);
    }
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    let began = Instant::now();
    let child = pinned.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn()?;
    Ok((child, began))
}

/// User and system time of a process since its start, in microseconds.
pub fn cpu_us(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold spaces: count from the bracket that closes it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / TICKS * 1e6
}

/// Puts this process and what it starts on the client's core.
pub fn move_to_client_core() {
    let pid = std::process::id().to_string();
    let moved = Command::new("taskset").args(["-a", "-c", "-p", CLIENT_CORE, &pid]).stdout(Stdio::null()).status();
    if !moved.is_ok_and(|status| status.success()) {
        eprintln!("note: this process could not be moved to core {CLIENT_CORE}; client and server share cores");
    }
}

/// The server to measure: the one named, or this checkout's, built now.
pub fn mainstay(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named.canonicalize()?);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "server", "--message-format", "json"])
        .current_dir(&root)
        .stderr(Stdio::inherit())
        .output()?;
    let binary = String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .find(|path| path.file_name().is_some_and(|name| name == "mainstay"));
    binary.ok_or_else(|| "the server could not be built".into())
}

/// The process that all of PostgreSQL's others are children of.
pub fn postmaster(url: &str) -> Result<u32, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let backend: i32 = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.query_one("select pg_backend_pid()", &[]).await?.try_get(0)
    })?;
    let parent = stat(backend.unsigned_abs()).get(1).and_then(|text| text.parse().ok());
    parent.ok_or_else(|| "PostgreSQL is not on this machine".into())
}

/// CPU time of PostgreSQL's processes, those that ended included.
pub fn cluster_cpu_us(postmaster: u32) -> f64 {
    let ended: f64 =
        stat(postmaster).get(13..15).unwrap_or_default().iter().filter_map(|t| t.parse::<f64>().ok()).sum();
    let children = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse::<u32>().ok()?;
        (stat(pid).get(1)?.parse::<u32>().ok()? == postmaster).then(|| cpu_us(pid))
    });
    ended * 1e4 + cpu_us(postmaster) + children.sum::<f64>()
}

/// The fields of /proc's stat after the name: state, parent, ….
fn stat(pid: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}
