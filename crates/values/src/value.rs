//! What SQLite stores: the five storage classes, owned and borrowed.

/// A stored value, owned.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// SQL NULL.
    #[default]
    Null,
    /// INTEGER.
    Int(i64),
    /// REAL. Never NaN: SQLite would turn it into NULL, so NaN is the text `NaN`.
    Real(f64),
    /// TEXT, UTF-8.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// A stored value, borrowed from a row or from a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// SQL NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(&'a str),
    /// BLOB.
    Blob(&'a [u8]),
}

impl Value {
    /// Borrows this value.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Int(i) => ValueRef::Int(*i),
            Self::Real(r) => ValueRef::Real(*r),
            Self::Text(s) => ValueRef::Text(s),
            Self::Blob(b) => ValueRef::Blob(b),
        }
    }

    /// True for SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A float in its stored form: NaN becomes the text `NaN`.
    pub fn float(f: f64) -> Self {
        if f.is_nan() { Self::Text("NaN".into()) } else { Self::Real(f) }
    }

    /// A boolean in its stored form.
    pub fn bool(b: bool) -> Self {
        Self::Int(i64::from(b))
    }

    /// A text.
    pub fn text(s: impl Into<String>) -> Self {
        Self::Text(s.into())
    }
}

impl<'a> ValueRef<'a> {
    /// Copies this value.
    pub fn to_owned(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Int(i) => Value::Int(i),
            Self::Real(r) => Value::float(r),
            Self::Text(s) => Value::Text(s.into()),
            Self::Blob(b) => Value::Blob(b.into()),
        }
    }

    /// True for SQL NULL.
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, when this is TEXT.
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::Text(s) = self { Some(s) } else { None }
    }

    /// The integer, when this is INTEGER.
    pub fn as_int(self) -> Option<i64> {
        if let Self::Int(i) = self { Some(i) } else { None }
    }

    /// The number as a float: INTEGER, REAL, or a text that reads as one (`NaN`, a numeric).
    pub fn as_float(self) -> Option<f64> {
        match self {
            Self::Int(i) =>
            {
                #[expect(clippy::cast_precision_loss, reason = "int8 to float8 rounds in PostgreSQL too")]
                Some(i as f64)
            }
            Self::Real(r) => Some(r),
            Self::Text(s) => s.parse().ok(),
            _ => None,
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(v: &'a Value) -> Self {
        v.as_ref()
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Text(s)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Text(s.into())
    }
}

impl<'a> From<&'a str> for ValueRef<'a> {
    fn from(s: &'a str) -> Self {
        Self::Text(s)
    }
}

impl From<i64> for ValueRef<'_> {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}
