//! One connection to the server and the statements prepared on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::watch;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Statement};

use super::decode::Decoder;
use super::failure;
use super::tls::Target;
use crate::error::Result;

/// How many statements one connection keeps prepared.
const STATEMENTS_MAX: usize = 500;

/// A prepared statement and how its columns are read.
pub(crate) struct Prepared {
    pub(crate) statement: Statement,
    pub(crate) decoders: Vec<Decoder>,
    /// It names the one function with which a statement changes its session.
    pub(crate) sets: bool,
}

impl Prepared {
    fn new(text: &str, statement: Statement) -> Self {
        let decoders = statement.columns().iter().map(|column| Decoder::of(column.type_())).collect();
        Self { statement, decoders, sets: text.to_ascii_lowercase().contains("set_config") }
    }

    /// What is wrong with its columns, if there is one that cannot be read.
    pub(crate) fn unreadable(&self) -> Option<crate::Error> {
        self.decoders.iter().find_map(Decoder::unreadable)
    }
}

/// Prepared statements by text and role, the least recently used given up first.
///
/// The role belongs to the key: PostgreSQL checks the right to use a schema when it reads a statement's names, which it does once,
/// so a statement prepared for one role would let another one through.
pub(crate) struct Statements<T = Arc<Prepared>> {
    by_text: HashMap<Box<str>, Vec<Entry<T>>>,
    count: usize,
    clock: u64,
}

struct Entry<T> {
    role: Option<Arc<str>>,
    prepared: T,
    used: u64,
}

impl<T> Default for Statements<T> {
    fn default() -> Self {
        Self { by_text: HashMap::new(), count: 0, clock: 0 }
    }
}

impl<T: Clone> Statements<T> {
    pub(crate) fn get(&mut self, role: Option<&str>, text: &str) -> Option<T> {
        self.clock += 1;
        let entry = self.by_text.get_mut(text)?.iter_mut().find(|entry| entry.role.as_deref() == role)?;
        entry.used = self.clock;
        Some(entry.prepared.clone())
    }

    pub(crate) fn put(&mut self, role: Option<Arc<str>>, text: &str, prepared: T) {
        self.remove(role.as_deref(), text);
        if self.count >= STATEMENTS_MAX {
            self.give_up_oldest();
        }
        self.clock += 1;
        let entry = Entry { role, prepared, used: self.clock };
        self.by_text.entry(text.into()).or_default().push(entry);
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, role: Option<&str>, text: &str) {
        if let Some(entries) = self.by_text.get_mut(text) {
            let before = entries.len();
            entries.retain(|entry| entry.role.as_deref() != role);
            self.count -= before - entries.len();
            if entries.is_empty() {
                self.by_text.remove(text);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.by_text.clear();
        self.count = 0;
    }

    fn give_up_oldest(&mut self) {
        let oldest = self
            .by_text
            .iter()
            .flat_map(|(text, entries)| entries.iter().map(move |entry| (entry.used, text, &entry.role)))
            .min_by_key(|(used, ..)| *used)
            .map(|(_, text, role)| (text.clone(), role.clone()));
        if let Some((text, role)) = oldest {
            self.remove(role.as_deref(), &text);
        }
    }
}

/// A live connection. Its traffic is driven by a task of the runtime it was opened on.
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) statements: Mutex<Statements>,
    pub(crate) opened: Instant,
    /// The engine's generation of schema when the statements were prepared; see `PostgresEngine::forget_statements`.
    pub(crate) generation: std::sync::atomic::AtomicU64,
    target: Target,
    /// Becomes true when the connection is lost.
    lost: watch::Receiver<bool>,
}

impl Link {
    /// Connects. Sessions start read-only and without a role: whatever goes wrong between here and a transaction's `begin`, nothing
    /// can be written (see `txn`).
    pub(crate) async fn open(target: &Target, patience: Duration) -> Result<Self> {
        let connecting = tokio::time::timeout(patience, target.connect());
        let (client, connection) =
            connecting.await.map_err(|_| failure::unavailable("connecting timed out".to_owned()))??;
        let (tell, lost) = watch::channel(false);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection to PostgreSQL ended");
            }
            let _ = tell.send(true);
        });
        let setup = "set datestyle = 'ISO'; set intervalstyle = 'postgres'; set extra_float_digits = 1; \
             set bytea_output = 'hex'; set client_min_messages = 'warning'; set standard_conforming_strings = on; \
             set default_transaction_read_only = on";
        client.batch_execute(setup).await.map_err(|error| failure::of(&error))?;
        Ok(Self {
            client,
            statements: Mutex::default(),
            opened: Instant::now(),
            generation: std::sync::atomic::AtomicU64::new(0),
            target: target.clone(),
            lost,
        })
    }

    /// Resolves when the connection is lost.
    pub(crate) async fn lost(&self) {
        let mut lost = self.lost.clone();
        // An error means that the task is gone, and the connection with it.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Is it still there, as far as we know.
    pub(crate) fn is_alive(&self) -> bool {
        !self.client.is_closed() && !*self.lost.borrow()
    }

    /// The statement for this role, if it is prepared already.
    pub(crate) fn prepared(&self, role: Option<&str>, text: &str) -> Option<Arc<Prepared>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(role, text)
    }

    /// Keeps a statement that was just prepared.
    pub(crate) fn keep(&self, role: Option<Arc<str>>, text: &str, statement: Statement) -> Arc<Prepared> {
        let prepared = Arc::new(Prepared::new(text, statement));
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).put(role, text, prepared.clone());
        prepared
    }

    /// Forgets a statement whose result has changed.
    pub(crate) fn forget(&self, role: Option<&str>, text: &str) {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).remove(role, text);
    }

    /// Forgets all statements.
    pub(crate) fn forget_all(&self) {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets all statements when the schema's generation is another one; true when it is.
    pub(crate) fn catch_up(&self, generation: u64) -> bool {
        let changed = self.generation.swap(generation, std::sync::atomic::Ordering::AcqRel) != generation;
        if changed {
            self.forget_all();
        }
        changed
    }

    /// Asks the server to cancel what runs on this connection, and waits until it has been asked.
    ///
    /// The server signals the backend before it closes the connection on which it was asked. By reading to that end we know that
    /// the signal has been sent: it hits what runs now or nothing (a backend that waits for its next command ignores it), never
    /// a statement that we send later. False when this could not be done; then the connection must not be used again.
    pub(crate) async fn cancel(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.try_cancel()).await.unwrap_or(None).is_some()
    }

    async fn try_cancel(&self) -> Option<()> {
        let config = self.target.config();
        let [host] = config.get_hosts() else { return None };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => {
                let stream = match config.get_hostaddrs().first() {
                    Some(address) => tokio::net::TcpStream::connect((*address, port)).await,
                    None => tokio::net::TcpStream::connect((&**name, port)).await,
                };
                self.cancel_on(stream.ok()?, name).await
            }
            #[cfg(unix)]
            Host::Unix(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{port}"));
                self.cancel_on(tokio::net::UnixStream::connect(socket).await.ok()?, "").await
            }
        }
    }

    async fn cancel_on<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S, host: &str) -> Option<()> {
        let asked = self.client.cancel_token().cancel_query_raw(&mut stream, self.target.handshake(host)).await;
        asked.ok()?;
        let mut rest = [0_u8; 16];
        loop {
            // Whatever still comes, private or not, is only waited for.
            match stream.read(&mut rest).await {
                Ok(0) => return Some(()),
                Ok(_) => {}
                // It closed without reading our goodbye, which TLS says in a message of its own.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Some(()),
                Err(_) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_kept_by_role_and_text() {
        let mut statements = Statements::default();
        statements.put(None, "a", 1);
        statements.put(Some("anon".into()), "a", 2);
        statements.put(Some("anon".into()), "b", 3);
        let cases =
            [(None, "a", Some(1)), (Some("anon"), "a", Some(2)), (Some("anon"), "b", Some(3)), (None, "b", None)];
        for (role, text, want) in cases {
            assert_eq!(statements.get(role, text), want, "{role:?} {text}");
        }
        statements.put(None, "a", 4);
        assert_eq!((statements.get(None, "a"), statements.count), (Some(4), 3));
        statements.remove(None, "a");
        assert_eq!((statements.get(None, "a"), statements.get(Some("anon"), "a")), (None, Some(2)));
        statements.clear();
        assert_eq!((statements.get(Some("anon"), "b"), statements.count), (None, 0));
    }

    #[test]
    fn the_least_recently_used_is_given_up_first() {
        let mut statements = Statements::default();
        for index in 0..STATEMENTS_MAX {
            statements.put(None, &index.to_string(), index);
        }
        assert_eq!(statements.get(None, "0"), Some(0));
        statements.put(None, "new", 0);
        assert_eq!(statements.count, STATEMENTS_MAX);
        assert_eq!((statements.get(None, "0"), statements.get(None, "1")), (Some(0), None));
    }
}
