//! Request and response cases as plain-text tables (`.case` files): reading them, sending what they say, comparing what comes
//! back. `crates/data/tests/cases/README.md` describes the format.

mod compare;
mod read;
mod token;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use compare::differences;
pub use read::read;
pub use token::{OTHER_SECRET, SECRET};

/// A file: where it runs and what it asks.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// The file.
    pub path: PathBuf,
    /// Its name without the ending.
    pub name: String,
    /// The app whose migrations fill the database.
    pub fixture: String,
    /// Settings; `None` unsets.
    pub settings: BTreeMap<String, Option<String>>,
    /// Which cases share a database.
    pub state: State,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// Which cases share a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of all files with the same fixture and settings.
    Shared,
    /// Those of the file, in order.
    Fresh,
    /// None that writes.
    Each,
}

/// A named list of steps.
#[derive(Clone, Debug)]
pub struct Case {
    /// A sentence.
    pub name: String,
    /// Where it stands, counted from 1.
    pub line: usize,
    /// Comments inside it.
    pub notes: Vec<String>,
    /// Requests, in order.
    pub steps: Vec<Step>,
}

/// One request and what is expected of its answer.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// The verb.
    pub method: String,
    /// Path and query, as written in the file.
    pub target: String,
    /// Headers that are not sent, but say what to send.
    pub pseudo: BTreeMap<String, String>,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: Option<String>,
    /// The status to come back.
    pub status: u16,
    /// Headers to come back; `None` for those that must not.
    pub want_headers: Vec<(String, Option<String>)>,
    /// The body to come back.
    pub want: Want,
}

/// What is expected of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Nothing.
    Any,
    /// This text.
    Text(String),
    /// This JSON.
    Json(String, How),
}

/// How JSON is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As a whole.
    Exact,
    /// Lists of objects in any order.
    AnyOrder,
    /// Only the members that are named.
    Within,
}

/// An answer, as far as it is compared.
#[derive(Clone, Debug, Default)]
pub struct Got {
    /// The status.
    pub status: u16,
    /// Headers; of equal names the values count together.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Case {
    /// Whether it leaves the database as it was.
    pub fn only_reads(&self) -> bool {
        self.steps.iter().all(|step| matches!(&*step.method, "GET" | "HEAD" | "OPTIONS"))
    }
}

impl Step {
    /// The target as it travels: bytes that may not stand in a request line are percent-encoded.
    pub fn wire_target(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::with_capacity(self.target.len());
        for byte in self.target.bytes() {
            if (0x21..=0x7e).contains(&byte) && !br#""<>\^`{|}"#.contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    }

    /// The headers to send, `Authorization` and `Content-Type` included. `now` is the time in seconds since 1970.
    pub fn wire_headers(&self, now: i64) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if let Some(value) = token::authorization(&self.pseudo, now) {
            headers.insert(0, ("Authorization".to_owned(), value));
        }
        if self.body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        headers
    }
}
