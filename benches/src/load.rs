//! The load: connections that each wait for their answer before they ask again, from one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::args::Failure;
use crate::stats::quantile_ms;

/// Rows that are posted have numbers between 1 and this: each finds a place of its own in an index.
pub const POSTED: u64 = 1 << 40;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The verb.
    pub method: &'static str,
    /// The path; `{}` is a number that changes.
    pub path: String,
    /// The body; `{}` as well.
    pub body: Option<String>,
    /// More header lines, each with its line end.
    pub headers: String,
    /// The number is between 1 and this.
    pub numbers: u64,
    /// The status that answers must have.
    pub status: u16,
}

impl Shape {
    /// A GET.
    pub fn get(path: impl Into<String>, numbers: u64) -> Self {
        let headers = String::new();
        Self { method: "GET", path: path.into(), body: None, headers, numbers, status: 200 }
    }

    /// A POST of JSON that answers 201.
    pub fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            method: "POST",
            path: path.into(),
            body: Some(body.into()),
            headers: "Content-Type: application/json\r\n".to_owned(),
            numbers: POSTED,
            status: 201,
        }
    }

    /// The same with a bearer token.
    pub fn with_token(mut self, token: &str) -> Self {
        self.headers.push_str(&format!("Authorization: Bearer {token}\r\n"));
        self
    }

    /// The same, each under an idempotency key of its own: one that no other window has, or it would be answered from what is stored.
    pub fn with_key(mut self) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let window = now.map_or(0, |time| time.as_nanos());
        self.headers.push_str(&format!("Idempotency-Key: \"{window}-{{}}\"\r\n"));
        self
    }

    fn request(&self, number: u64) -> Vec<u8> {
        let number = number.to_string();
        let mut out = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{}",
            self.method,
            self.path.replace("{}", &number),
            self.headers.replace("{}", &number)
        );
        match &self.body {
            Some(body) => {
                let body = body.replace("{}", &number);
                out.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
            }
            None => out.push_str("\r\n"),
        }
        out.into_bytes()
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Answers of the wanted status a second.
    pub per_second: f64,
    /// Half of them came within this, in milliseconds.
    pub p50_ms: f64,
    /// 99 of a hundred.
    pub p99_ms: f64,
    /// CPU time of the server for each answer, scans beside it included, in microseconds.
    pub cpu_us: f64,
    /// Bytes of the last body.
    pub body_bytes: usize,
}

/// Asks with `connections` connections for the time of a window, after a short warm-up, with `scans` connections asking for something
/// else beside them. `cpu` tells the server's CPU time so far.
pub fn run(
    address: &str,
    shape: &Shape,
    connections: usize,
    scans: Option<(&Shape, usize)>,
    window: Duration,
    cpu: &dyn Fn() -> f64,
) -> Result<Window, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let state = Arc::new(State::default());
        let mut beside = Vec::new();
        if let Some((shape, count)) = scans {
            for place in 0..count {
                beside.push(tokio::spawn(endless(address.to_owned(), shape.clone(), place, state.clone())));
            }
        }
        let mut tasks = Vec::new();
        for place in 0..connections {
            tasks.push(tokio::spawn(ask(address.to_owned(), shape.clone(), place, state.clone())));
        }
        tokio::time::sleep(window.min(Duration::from_secs(1)) / 3).await;
        let (began, cpu_before) = (Instant::now(), cpu());
        state.counting.store(true, Ordering::Relaxed);
        tokio::time::sleep(window).await;
        state.counting.store(false, Ordering::Relaxed);
        let (took, cpu_after) = (began.elapsed(), cpu());
        state.over.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        for task in beside {
            task.abort();
            if let Ok(Err(error)) = task.await {
                return Err(error);
            }
        }
        latencies.sort_unstable();
        let answers = latencies.len() as u64;
        Ok(Window {
            per_second: answers as f64 / took.as_secs_f64(),
            p50_ms: quantile_ms(&latencies, 0.5),
            p99_ms: quantile_ms(&latencies, 0.99),
            cpu_us: (cpu_after - cpu_before) / answers as f64,
            body_bytes: state.body_bytes.load(Ordering::Relaxed) as usize,
        })
    })
}

#[derive(Default)]
struct State {
    counting: AtomicBool,
    over: AtomicBool,
    body_bytes: AtomicU64,
}

async fn endless(address: String, shape: Shape, place: usize, state: Arc<State>) -> Result<(), Failure> {
    let mut connection = Connection::open(&address).await?;
    let mut number = Numbers::new(place, shape.numbers);
    while !state.over.load(Ordering::Relaxed) {
        connection.exchange(&shape, number.next()).await?;
    }
    Ok(())
}

async fn ask(address: String, shape: Shape, place: usize, state: Arc<State>) -> Result<Vec<u32>, Failure> {
    let mut connection = Connection::open(&address).await?;
    let mut number = Numbers::new(place, shape.numbers);
    let mut latencies = Vec::with_capacity(4096);
    while !state.over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let body = connection.exchange(&shape, number.next()).await?;
        if state.counting.load(Ordering::Relaxed) {
            latencies.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            state.body_bytes.store(body as u64, Ordering::Relaxed);
        }
    }
    Ok(latencies)
}

/// Numbers that look random and are the same in every run.
pub struct Numbers {
    state: u64,
    most: u64,
}

impl Numbers {
    /// Those of one connection, between 1 and `most`.
    pub const fn new(place: usize, most: u64) -> Self {
        Self { state: (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), most }
    }

    /// The next one.
    pub const fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 20) % self.most + 1
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024] })
    }

    /// One request and its answer; gives the length of the body.
    async fn exchange(&mut self, shape: &Shape, number: u64) -> Result<usize, Failure> {
        self.stream.write_all(&shape.request(number)).await?;
        let mut filled = 0;
        let (head, length) = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            filled += read;
            if let Some(end) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.buffer[..end])?;
                let status = head.get(9..12).and_then(|digits| digits.parse::<u16>().ok());
                if status != Some(shape.status) {
                    let body = String::from_utf8_lossy(&self.buffer[end..filled]);
                    return Err(format!("{} {}: {head}{body}", shape.method, shape.path).into());
                }
                let length = head
                    .lines()
                    .find_map(|line| {
                        let (name, value) = line.split_once(':')?;
                        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
                    })
                    .or_else(|| head.to_ascii_lowercase().contains("transfer-encoding: chunked").then_some(usize::MAX))
                    .unwrap_or(0);
                break (end + 4, length);
            }
        };
        if length == usize::MAX {
            return self.chunked(head, filled).await;
        }
        let mut left = (head + length).saturating_sub(filled);
        while left > 0 {
            let most = left.min(self.buffer.len());
            let read = self.stream.read(&mut self.buffer[..most]).await?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            left -= read;
        }
        Ok(length)
    }

    /// The rest of a chunked body: its end is all that matters. Bodies here are JSON, which holds no line end of this kind.
    async fn chunked(&mut self, head: usize, filled: usize) -> Result<usize, Failure> {
        let mut tail: Vec<u8> = self.buffer[head.min(filled)..filled].to_vec();
        let mut total = tail.len();
        while !tail.ends_with(b"0\r\n\r\n") {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err("the server closed the connection".into());
            }
            total += read;
            let keep = tail.len().min(8);
            tail.drain(..tail.len() - keep);
            tail.extend_from_slice(&self.buffer[..read]);
        }
        Ok(total)
    }
}
