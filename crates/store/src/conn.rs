//! What a transaction function holds: statements, parameters and rows, alike on both engines.

use std::sync::Arc;
use std::time::Duration;

use values::{Type, Value};

use crate::error::Result;
use crate::tx::Origin;

/// Which engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// A server beside us.
    Postgres,
}

/// A parameter.
///
/// On PostgreSQL every parameter travels in text format and the server gives it the type that the statement asks for, so its own
/// input functions judge it. On SQLite the engine coerces it to the stored form of `ty` first, with the same judgement
/// ([`values::input`]).
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// SQL null.
    Null,
    /// Text in PostgreSQL's input syntax for `ty`.
    Text(Type, String),
    /// A value already in stored form.
    Value(Type, Value),
    /// One array of texts in input syntax, each for the element type: bound as one array on PostgreSQL (`= any(?)`) and as one JSON array of stored
    /// values on SQLite (`in (select value from json_each(?))`).
    TextList(Type, Vec<String>),
    /// The same from stored values.
    ValueList(Type, Vec<Value>),
}

/// A row of an answer, valid until the next one is fetched. Columns are counted from 0.
pub trait Row {
    /// Is the column null.
    fn is_null(&self, column: usize) -> bool;
    /// Appends the column as JSON, as PostgreSQL's `row_to_json` prints a value of type `ty`.
    fn write_json(&self, column: usize, ty: &Type, out: &mut Vec<u8>) -> Result<()>;
    /// Appends the column as PostgreSQL prints a value of type `ty` as text; nothing for null.
    fn write_text(&self, column: usize, ty: &Type, out: &mut String) -> Result<()>;
    /// The column in stored form.
    fn value(&self, column: usize, ty: &Type) -> Result<Value>;
}

/// Who asks, and what SQL may see of the request (specs/postgrest.md section 14). Transaction-local on both engines.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The role whose grants and policies bind; `None` for the house itself (migrations, workers).
    pub role: Option<Arc<str>>,
    /// `request.jwt.claims`: a JSON object, with `role`.
    pub claims: Arc<str>,
    /// Whom the claims are about; empty when they do not say.
    pub subject: Arc<str>,
    /// The request it belongs to; `None` for work of the house's own.
    pub origin: Option<Arc<Origin>>,
    /// `request.method`.
    pub method: Arc<str>,
    /// `request.path`.
    pub path: Arc<str>,
    /// `request.headers`: a JSON object, lower-cased names, no cookie.
    pub headers: Arc<str>,
    /// `request.cookies`: a JSON object.
    pub cookies: Arc<str>,
    /// Where unqualified names are looked for.
    pub search_path: Arc<[Arc<str>]>,
    /// `Prefer: timezone`; `None` for the default, UTC.
    pub time_zone: Option<Arc<str>>,
    /// Settings that the operator defines (`app.settings.*`), and others by name.
    pub settings: Arc<[(Arc<str>, Arc<str>)]>,
    /// How long the whole transaction may take.
    pub timeout: Duration,
    /// Roll back instead of committing, and still answer (`Prefer: tx=rollback`).
    pub rollback: bool,
}

impl Default for Scope {
    fn default() -> Self {
        let empty: Arc<str> = Arc::from("{}");
        Self {
            role: None,
            claims: empty.clone(),
            subject: Arc::from(""),
            origin: None,
            method: Arc::from(""),
            path: Arc::from(""),
            headers: empty.clone(),
            cookies: empty,
            search_path: Arc::from([Arc::from("public")]),
            time_zone: None,
            settings: Arc::from([]),
            timeout: Duration::from_secs(30),
            rollback: false,
        }
    }
}

/// Where a read waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Short: by key or by index with a small limit. Many share one read transaction.
    Short,
    /// Long: scans, exports, searches. Never delays the short ones.
    Long,
}

/// One connection inside one transaction, as a transaction function sees it.
pub trait Connection {
    /// Which engine this is: statement texts differ.
    fn engine(&self) -> Engine;
    /// Runs a statement and hands over each row; returns how many there were. The text's parameters are `?1…` on SQLite and `$1…` on
    /// PostgreSQL. Statements are cached by text, so texts must come from a bounded set of shapes: never put a value into one.
    fn query(&mut self, sql: &str, params: &[Param], each: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<u64>;
    /// Runs a statement that returns no rows; returns how many rows it changed.
    fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64>;
    /// Runs a statement whose answer decides nothing: it may be on its way when this returns. Should it fail, so does the commit.
    fn send(&mut self, sql: &str, params: &[Param]) -> Result<()>;
    /// Runs `f` so that its changes vanish when it fails, and the transaction goes on.
    fn savepoint(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()>;
    /// Runs `f` with the rights of the house rather than the caller's: for statements on the house's own tables, never for text that a
    /// caller or a migration wrote.
    fn as_house(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()>;
    /// Do rows refer to rows that are not there, by references whose check was put off. PostgreSQL judges them by itself.
    fn has_broken_references(&mut self) -> bool {
        false
    }
    /// Transaction time, microseconds since 1970 UTC; the same as SQL's `now()`.
    fn now(&self) -> i64;
    /// A setting made by SQL in this transaction (`response.headers`, `response.status`), if any.
    fn setting(&mut self, name: &str) -> Result<Option<String>>;
}
