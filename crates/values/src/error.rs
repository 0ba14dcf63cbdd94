//! The one error of this crate: a PostgreSQL condition with its SQLSTATE and its own words.

use std::fmt;

/// What PostgreSQL would have raised: SQLSTATE, primary message, and sometimes a detail and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The five-character SQLSTATE, for example `22P02`.
    pub sqlstate: &'static str,
    /// The primary message, word for word PostgreSQL's where one exists.
    pub message: String,
    /// The `DETAIL:` line, if PostgreSQL gives one.
    pub detail: Option<String>,
    /// The `HINT:` line, if PostgreSQL gives one.
    pub hint: Option<String>,
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, ValueError>;

impl ValueError {
    /// An error with a state and a message, and nothing more.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), detail: None, hint: None }
    }

    /// The same error with a detail line.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same error with a hint line.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// 22P02: `invalid input syntax for type <name>: "<text>"`.
    pub fn syntax(type_name: &str, text: &str) -> Self {
        Self::new("22P02", format!("invalid input syntax for type {type_name}: \"{text}\""))
    }

    /// 22007: the date/time flavour of [`ValueError::syntax`].
    pub fn datetime_syntax(type_name: &str, text: &str) -> Self {
        Self::new("22007", format!("invalid input syntax for type {type_name}: \"{text}\""))
    }

    /// 22008: `date/time field value out of range: "<text>"`.
    pub fn datetime_field(text: &str) -> Self {
        Self::new("22008", format!("date/time field value out of range: \"{text}\""))
    }

    /// 22003: `value "<text>" is out of range for type <name>`.
    pub fn text_out_of_range(type_name: &str, text: &str) -> Self {
        Self::new("22003", format!("value \"{text}\" is out of range for type {type_name}"))
    }

    /// 22003: `<name> out of range`, what arithmetic raises.
    pub fn out_of_range(type_name: &str) -> Self {
        Self::new("22003", format!("{type_name} out of range"))
    }

    /// 22012: `division by zero`.
    pub fn division_by_zero() -> Self {
        Self::new("22012", "division by zero")
    }

    /// 22023: an argument that the function cannot take.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::new("22023", message)
    }

    /// 54000: beyond a limit of this crate or of PostgreSQL.
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new("54000", message)
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValueError {}
