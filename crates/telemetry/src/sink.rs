//! Where log lines wait for the thread that writes them, so that no request waits for a terminal or a pipe.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather before they go out. Waking the thread for every line would cost each request a system call.
const GATHER: Duration = Duration::from_millis(10);
/// The most bytes that wait; lines beyond are dropped and counted.
const WAITING_BYTES_MAX: usize = 1 << 20;

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    writing: bool,
    /// Someone waits for the lines to be out.
    hurry: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when lines come in, and when they are out.
    moved: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.moved.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bounded buffer with a thread behind it that writes to one place. Lines that arrive while the thread writes go out
/// together, so a busy house pays one system call for many lines.
#[derive(Clone)]
pub struct Sink(Arc<Shared>);

impl Sink {
    /// Starts the writer thread. It lives as long as the process.
    pub fn start(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let body = move || {
            let mut batch = Vec::new();
            loop {
                let mut state = theirs.lock();
                while state.waiting.is_empty() && state.lost == 0 {
                    state = theirs.wait(state);
                }
                if !state.hurry {
                    state.writing = true;
                    drop(state);
                    thread::sleep(GATHER);
                    state = theirs.lock();
                }
                std::mem::swap(&mut batch, &mut state.waiting);
                let lost = std::mem::take(&mut state.lost);
                state.writing = true;
                drop(state);
                if lost > 0 {
                    let said = "log lines were lost: the reader is too slow";
                    let head = r#"{"level":"WARN","target":"telemetry","message":""#;
                    batch.extend_from_slice(format!("{head}{said}\",\"lines\":{lost}}}\n").as_bytes());
                }
                // There is nowhere left to say that saying failed.
                to.write_all(&batch).and_then(|()| to.flush()).ok();
                batch.clear();
                batch.shrink_to(WAITING_BYTES_MAX / 4);
                theirs.lock().writing = false;
                theirs.moved.notify_all();
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(body)?;
        Ok(Self(shared))
    }

    /// Waits until everything said so far is written, but not longer than `longest`: the reader may be gone.
    pub fn flush(&self, longest: Duration) {
        let mut state = self.0.lock();
        state.hurry = true;
        let under_way = |state: &mut State| state.writing || !state.waiting.is_empty();
        let waited = self.0.moved.wait_timeout_while(state, longest, under_way);
        waited.unwrap_or_else(PoisonError::into_inner).0.hurry = false;
    }
}

/// One line's way into the sink.
#[derive(Debug)]
pub struct Entry<'a>(&'a Sink);

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sink")
    }
}

impl Write for Entry<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shared = &self.0.0;
        let mut state = shared.lock();
        let was_idle = state.waiting.is_empty() && state.lost == 0;
        if state.waiting.len() + line.len() > WAITING_BYTES_MAX {
            state.lost += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        let asleep = was_idle && !state.writing;
        drop(state);
        if asleep {
            shared.moved.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Entry<'a>;
    fn make_writer(&'a self) -> Entry<'a> {
        Entry(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Holds every write until it is let through, and keeps what went.
    struct Gate {
        open: mpsc::Receiver<()>,
        out: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.open.recv().map_err(io::Error::other)?;
            self.out.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_reader_costs_lines_and_not_time_and_the_loss_is_told() {
        let (open, gate) = mpsc::channel();
        let out = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink::start(Gate { open: gate, out: Arc::clone(&out) }).unwrap();
        let line = vec![b'x'; 64 * 1024];
        // The gate is shut: at most two buffers' worth can be taken, and nobody waits.
        for _ in 0..40 {
            sink.make_writer().write_all(&line).unwrap();
        }
        for _ in 0..80 {
            open.send(()).unwrap();
        }
        sink.flush(Duration::from_secs(60));
        sink.make_writer().write_all(b"last\n").unwrap();
        sink.flush(Duration::from_secs(60));
        let text = String::from_utf8(out.lock().unwrap().clone()).unwrap();
        assert!(text.len() <= 2 * WAITING_BYTES_MAX + 1024, "{}", text.len());
        assert!(text.contains("log lines were lost"));
        assert!(text.ends_with("last\n"));
    }
}
