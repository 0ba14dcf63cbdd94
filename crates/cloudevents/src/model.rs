//! An event, and what can be wrong with one.

use std::fmt;

/// An event that keeps the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudEvent {
    /// Unique among those of its source.
    pub id: String,
    /// Where it happened: a URI reference.
    pub source: String,
    /// What happened: `type`.
    pub kind: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When, in RFC 3339, as the sender wrote it.
    pub time: Option<String>,
    /// The schema its data follows: a URI.
    pub dataschema: Option<String>,
    /// The media type of its data.
    pub datacontenttype: Option<String>,
    /// All other attributes, in the order in which they came.
    pub extensions: Vec<(String, Attribute)>,
    /// What it carries.
    pub data: Data,
}

/// The value of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Anything else.
    Text(String),
}

impl Attribute {
    /// Its canonical text, which is what binary mode has.
    pub fn to_text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What an event carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nothing, which is not the same as JSON's null.
    None,
    /// A JSON value, as the sender wrote it.
    Json(String),
    /// A text of a type that is not JSON.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl CloudEvent {
    /// An extension by its name.
    pub fn extension(&self, name: &str) -> Option<&Attribute> {
        self.extensions.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// What is wrong with an event, and where: a JSON pointer or the name of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: String,
    /// What is wrong there, in a few words.
    pub why: String,
}

impl Fault {
    pub(crate) fn new(at: impl Into<String>, why: impl Into<String>) -> Self {
        Self { at: at.into(), why: why.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.is_empty() { f.write_str(&self.why) } else { write!(f, "{}: {}", self.at, self.why) }
    }
}

impl std::error::Error for Fault {}
