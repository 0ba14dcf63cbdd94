//! PostgreSQL's types as words: names, families, storage, and which casts happen by themselves.

mod casts;

pub use casts::CastContext;

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A PostgreSQL type with its modifiers. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`, perhaps with precision (1..=1000) and scale (-1000..=1000).
    Numeric(Option<(u16, i16)>),
    /// `text`
    Text,
    /// `character varying`, perhaps with a greatest length in characters.
    Varchar(Option<u32>),
    /// `character`, blank-padded to the length in characters; without one, the unlimited `bpchar`.
    Bpchar(Option<u32>),
    /// `name`: identifiers of at most 63 bytes.
    Name,
    /// `bytea`
    Bytea,
    /// `date`
    Date,
    /// `time without time zone`, perhaps with 0..=6 digits of a second.
    Time(Option<u8>),
    /// `time with time zone`
    TimeTz,
    /// `timestamp without time zone`, perhaps with 0..=6 digits of a second.
    Timestamp(Option<u8>),
    /// `timestamp with time zone`, perhaps with 0..=6 digits of a second.
    TimestampTz(Option<u8>),
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`, kept verbatim.
    Json,
    /// `jsonb`, normalised.
    Jsonb,
    /// An array of any number of dimensions.
    Array(Arc<Type>),
    /// A user's enum.
    Enum(Arc<EnumType>),
    /// A range.
    Range(RangeKind),
    /// `tsvector`
    TsVector,
    /// `tsquery`
    TsQuery,
    /// `inet`
    Inet,
    /// `cidr`
    Cidr,
    /// `macaddr`
    MacAddr,
    /// `void`, what a function without a result returns.
    Void,
    /// `record`, an anonymous row.
    Record,
    /// A literal whose type is not known yet.
    Unknown,
    /// Any other type, by its SQL name; stored as text and not interpreted.
    Other(Arc<str>),
}

/// A user's enum type: its labels in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnumType {
    /// The schema it lives in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its labels, smallest first.
    pub labels: Vec<String>,
}

impl EnumType {
    /// The position of a label, which is its rank.
    pub fn position(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|l| l == label)
    }
}

/// The built-in range types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RangeKind {
    /// `int4range`
    Int4,
    /// `int8range`
    Int8,
    /// `numrange`
    Num,
    /// `tsrange`
    Ts,
    /// `tstzrange`
    TsTz,
    /// `daterange`
    Date,
}

impl RangeKind {
    /// The type of the bounds.
    pub fn element(self) -> Type {
        match self {
            Self::Int4 => Type::Int4,
            Self::Int8 => Type::Int8,
            Self::Num => Type::Numeric(None),
            Self::Ts => Type::Timestamp(None),
            Self::TsTz => Type::TimestampTz(None),
            Self::Date => Type::Date,
        }
    }

    /// True when every value has a next one, so that ranges have one canonical form `[a,b)`.
    pub fn discrete(self) -> bool {
        matches!(self, Self::Int4 | Self::Int8 | Self::Date)
    }

    /// `int4range` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int4 => "int4range",
            Self::Int8 => "int8range",
            Self::Num => "numrange",
            Self::Ts => "tsrange",
            Self::TsTz => "tstzrange",
            Self::Date => "daterange",
        }
    }
}

/// Types that belong together when operators and functions are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// boolean
    Bool,
    /// integers, floats, numeric
    Numeric,
    /// text and its kin
    String,
    /// bytea
    Binary,
    /// dates, times, timestamps
    DateTime,
    /// interval
    Timespan,
    /// uuid
    Uuid,
    /// json and jsonb
    Json,
    /// arrays
    Array,
    /// enums
    Enum,
    /// ranges
    Range,
    /// tsvector and tsquery
    FullText,
    /// inet, cidr, macaddr
    Network,
    /// a literal not typed yet
    Unknown,
    /// void, record, and what is not interpreted
    Other,
}

/// The storage class a type has on SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// INTEGER
    Integer,
    /// REAL (NaN is the text `NaN`)
    Real,
    /// TEXT
    Text,
    /// BLOB
    Blob,
}

impl Storage {
    /// The column type to write in a `CREATE TABLE`. REAL columns need no affinity of their own: `NaN` stays text.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }
}

impl Type {
    /// An array of this type; PostgreSQL has no arrays of arrays, so an array stays itself.
    #[must_use]
    pub fn array_of(self) -> Self {
        if matches!(self, Self::Array(_)) { self } else { Self::Array(Arc::new(self)) }
    }

    /// The element type of an array.
    pub fn element(&self) -> Option<&Self> {
        if let Self::Array(e) = self { Some(e) } else { None }
    }

    /// The canonical SQL name with modifiers, as `format_type` prints it.
    pub fn sql_name(&self) -> String {
        fn sized(base: &str, n: Option<impl std::fmt::Display>) -> String {
            n.map_or_else(|| base.to_owned(), |n| format!("{base}({n})"))
        }
        match self {
            Self::Numeric(Some((p, s))) => format!("numeric({p},{s})"),
            Self::Varchar(n) => sized("character varying", *n),
            Self::Bpchar(Some(n)) => format!("character({n})"),
            Self::Time(Some(p)) => format!("time({p}) without time zone"),
            Self::Timestamp(Some(p)) => format!("timestamp({p}) without time zone"),
            Self::TimestampTz(Some(p)) => format!("timestamp({p}) with time zone"),
            Self::Array(e) => format!("{}[]", e.sql_name()),
            _ => self.base_name(),
        }
    }

    /// The canonical SQL name without modifiers: what error messages print.
    pub fn base_name(&self) -> String {
        let name = match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Varchar(_) => "character varying",
            Self::Bpchar(Some(_)) => "character",
            Self::Time(_) => "time without time zone",
            Self::TimeTz => "time with time zone",
            Self::Timestamp(_) => "timestamp without time zone",
            Self::TimestampTz(_) => "timestamp with time zone",
            Self::Array(e) => return format!("{}[]", e.base_name()),
            Self::Enum(e) if e.schema == "public" => return crate::quote::ident(&e.name),
            Self::Enum(e) => return format!("{}.{}", crate::quote::ident(&e.schema), crate::quote::ident(&e.name)),
            _ => return self.pg_name(),
        };
        name.to_owned()
    }

    /// The name in `pg_type`: `int4`, `timestamptz`, `_int4`.
    pub fn pg_name(&self) -> String {
        let name = match self {
            Self::Bool => "bool",
            Self::Int2 => "int2",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Float4 => "float4",
            Self::Float8 => "float8",
            Self::Numeric(_) => "numeric",
            Self::Text => "text",
            Self::Varchar(_) => "varchar",
            Self::Bpchar(_) => "bpchar",
            Self::Name => "name",
            Self::Bytea => "bytea",
            Self::Date => "date",
            Self::Time(_) => "time",
            Self::TimeTz => "timetz",
            Self::Timestamp(_) => "timestamp",
            Self::TimestampTz(_) => "timestamptz",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Array(e) => return format!("_{}", e.pg_name()),
            Self::Enum(e) => &e.name,
            Self::Range(k) => k.name(),
            Self::TsVector => "tsvector",
            Self::TsQuery => "tsquery",
            Self::Inet => "inet",
            Self::Cidr => "cidr",
            Self::MacAddr => "macaddr",
            Self::Void => "void",
            Self::Record => "record",
            Self::Unknown => "unknown",
            Self::Other(n) => n,
        };
        name.to_owned()
    }

    /// A built-in type by any of its names, without modifiers: `int`, `int4`, `integer`, `timestamp with time zone`,
    /// `_text`, `text[]`. Case does not matter; `pg_catalog.` is understood. Serial types are columns, not types: `None`.
    pub fn named(name: &str) -> Option<Self> {
        let lower = name.trim().to_ascii_lowercase();
        let name = lower.strip_prefix("pg_catalog.").unwrap_or(&lower);
        if let Some(element) = name.strip_suffix("[]").or_else(|| name.strip_prefix('_')) {
            return Self::named(element).map(Self::array_of);
        }
        Some(match name {
            "bool" | "boolean" => Self::Bool,
            "int2" | "smallint" => Self::Int2,
            "int" | "int4" | "integer" => Self::Int4,
            "int8" | "bigint" => Self::Int8,
            "float4" | "real" => Self::Float4,
            "float8" | "float" | "double precision" => Self::Float8,
            "numeric" | "decimal" | "dec" => Self::Numeric(None),
            "text" | "citext" => Self::Text,
            "varchar" | "character varying" | "char varying" => Self::Varchar(None),
            "bpchar" => Self::Bpchar(None),
            "char" | "character" => Self::Bpchar(Some(1)),
            "name" => Self::Name,
            "bytea" => Self::Bytea,
            "date" => Self::Date,
            "time" | "time without time zone" => Self::Time(None),
            "timetz" | "time with time zone" => Self::TimeTz,
            "timestamp" | "timestamp without time zone" => Self::Timestamp(None),
            "timestamptz" | "timestamp with time zone" => Self::TimestampTz(None),
            "interval" => Self::Interval,
            "uuid" => Self::Uuid,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "int4range" => Self::Range(RangeKind::Int4),
            "int8range" => Self::Range(RangeKind::Int8),
            "numrange" => Self::Range(RangeKind::Num),
            "tsrange" => Self::Range(RangeKind::Ts),
            "tstzrange" => Self::Range(RangeKind::TsTz),
            "daterange" => Self::Range(RangeKind::Date),
            "tsvector" => Self::TsVector,
            "tsquery" => Self::TsQuery,
            "inet" => Self::Inet,
            "cidr" => Self::Cidr,
            "macaddr" => Self::MacAddr,
            "void" => Self::Void,
            "record" => Self::Record,
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }

    /// This type with the modifiers written in parentheses after its name; errors are PostgreSQL's.
    pub fn with_modifiers(self, modifiers: &[i64]) -> crate::Result<Self> {
        use crate::ValueError;
        let bad = |m: String| Err(ValueError::parameter(m));
        let length = |n: i64, name: &str| match u32::try_from(n) {
            Ok(n) if (1..=10_485_760).contains(&n) => Ok(n),
            Ok(0) | Err(_) => Err(ValueError::parameter(format!("length for type {name} must be at least 1"))),
            Ok(_) => Err(ValueError::parameter(format!("length for type {name} cannot exceed 10485760"))),
        };
        // PostgreSQL warns and lowers a precision above six.
        let digits =
            |n: i64| u8::try_from(n.min(6)).map_err(|_| ValueError::parameter("precision must not be negative"));
        Ok(match (self, modifiers) {
            (t, []) => t,
            (Self::Numeric(_), &[p]) => return Self::Numeric(None).with_modifiers(&[p, 0]),
            (Self::Numeric(_), &[p, s]) => match (u16::try_from(p), i16::try_from(s)) {
                (Ok(p @ 1..=1000), Ok(s @ -1000..=1000)) => Self::Numeric(Some((p, s))),
                (Ok(1..=1000), _) => return bad(format!("NUMERIC scale {s} must be between -1000 and 1000")),
                _ => return bad(format!("NUMERIC precision {p} must be between 1 and 1000")),
            },
            (Self::Varchar(_), &[n]) => Self::Varchar(Some(length(n, "varchar")?)),
            (Self::Bpchar(_), &[n]) => Self::Bpchar(Some(length(n, "char")?)),
            (Self::Time(_), &[n]) => Self::Time(Some(digits(n)?)),
            (Self::Timestamp(_), &[n]) => Self::Timestamp(Some(digits(n)?)),
            (Self::TimestampTz(_), &[n]) => Self::TimestampTz(Some(digits(n)?)),
            (Self::TimeTz, &[n]) if digits(n)? == 6 => Self::TimeTz,
            (Self::Interval, &[n]) if digits(n)? == 6 => Self::Interval,
            (Self::Float4 | Self::Float8, &[n @ 1..=24]) if n > 0 => Self::Float4,
            (Self::Float4 | Self::Float8, &[25..=53]) => Self::Float8,
            (Self::Array(e), m) => e.as_ref().clone().with_modifiers(m)?.array_of(),
            (t, _) => {
                return Err(ValueError::new(
                    "42601",
                    format!("type modifier is not allowed for type \"{}\"", t.pg_name()),
                ));
            }
        })
    }

    /// The same type without its length, precision or scale.
    #[must_use]
    pub fn unmodified(&self) -> Self {
        match self {
            Self::Numeric(_) => Self::Numeric(None),
            Self::Varchar(_) => Self::Varchar(None),
            Self::Bpchar(_) => Self::Bpchar(None),
            Self::Time(_) => Self::Time(None),
            Self::Timestamp(_) => Self::Timestamp(None),
            Self::TimestampTz(_) => Self::TimestampTz(None),
            Self::Array(e) => Self::Array(Arc::new(e.unmodified())),
            t => t.clone(),
        }
    }

    /// The family, for choosing operators.
    pub fn family(&self) -> Family {
        match self {
            Self::Bool => Family::Bool,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Float4 | Self::Float8 | Self::Numeric(_) => Family::Numeric,
            Self::Text | Self::Varchar(_) | Self::Bpchar(_) | Self::Name => Family::String,
            Self::Bytea => Family::Binary,
            Self::Date | Self::Time(_) | Self::TimeTz | Self::Timestamp(_) | Self::TimestampTz(_) => Family::DateTime,
            Self::Interval => Family::Timespan,
            Self::Uuid => Family::Uuid,
            Self::Json | Self::Jsonb => Family::Json,
            Self::Array(_) => Family::Array,
            Self::Enum(_) => Family::Enum,
            Self::Range(_) => Family::Range,
            Self::TsVector | Self::TsQuery => Family::FullText,
            Self::Inet | Self::Cidr | Self::MacAddr => Family::Network,
            Self::Unknown => Family::Unknown,
            Self::Void | Self::Record | Self::Other(_) => Family::Other,
        }
    }

    /// `pg_type.typcategory`.
    pub fn category(&self) -> char {
        match self {
            Self::Bool => 'B',
            Self::Date | Self::Time(_) | Self::TimeTz | Self::Timestamp(_) | Self::TimestampTz(_) => 'D',
            Self::Interval => 'T',
            Self::Array(_) => 'A',
            Self::Enum(_) => 'E',
            Self::Range(_) => 'R',
            Self::Inet | Self::Cidr => 'I',
            Self::Void | Self::Record => 'P',
            Self::Unknown => 'X',
            _ => match self.family() {
                Family::Numeric => 'N',
                Family::String => 'S',
                _ => 'U',
            },
        }
    }

    /// True for smallint, integer and bigint.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    /// True for real and double precision.
    pub fn is_float(&self) -> bool {
        matches!(self, Self::Float4 | Self::Float8)
    }

    /// The storage class on SQLite.
    pub fn storage(&self) -> Storage {
        match self {
            Self::Bool | Self::Int2 | Self::Int4 | Self::Int8 => Storage::Integer,
            Self::Float4 | Self::Float8 => Storage::Real,
            Self::Bytea => Storage::Blob,
            _ => Storage::Text,
        }
    }

    /// The name of the SQLite collation that orders stored texts of this type, or `None` where SQLite's own order
    /// (`BINARY` for text) is PostgreSQL's. [`crate::collation`] gives the comparator for every name returned here.
    pub fn collation(&self) -> Option<String> {
        let name = match self {
            Self::Numeric(_) => "pg_numeric",
            Self::Bpchar(_) => "pg_bpchar",
            Self::TimeTz => "pg_timetz",
            Self::Interval => "pg_interval",
            Self::Jsonb => "pg_jsonb",
            Self::Inet | Self::Cidr => "pg_inet",
            Self::Range(k) => return Some(format!("pg_{}", k.name())),
            Self::Enum(e) => return Some(format!("pg_enum_{}_{}", e.schema, e.name)),
            Self::Array(e) => return Some(format!("pg_array_{}", e.unmodified().pg_name())),
            _ => return None,
        };
        Some(name.to_owned())
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sql_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_print_as_format_type_does() {
        let cases: &[(&str, &[i64], &str, &str)] = &[
            ("int", &[], "integer", "int4"),
            ("varchar", &[10], "character varying(10)", "varchar"),
            ("character", &[3], "character(3)", "bpchar"),
            ("timestamptz", &[3], "timestamp(3) with time zone", "timestamptz"),
            ("timestamp with time zone", &[], "timestamp with time zone", "timestamptz"),
            ("decimal", &[10, 2], "numeric(10,2)", "numeric"),
            ("numeric", &[5], "numeric(5,0)", "numeric"),
            ("INTEGER[]", &[], "integer[]", "_int4"),
            ("_text", &[], "text[]", "_text"),
            ("pg_catalog.float8", &[], "double precision", "float8"),
            ("float", &[24], "real", "float4"),
            ("time", &[0], "time(0) without time zone", "time"),
            ("daterange", &[], "daterange", "daterange"),
        ];
        for (name, mods, sql, pg) in cases {
            let ty = Type::named(name).unwrap().with_modifiers(mods).unwrap();
            assert_eq!(ty.sql_name(), *sql);
            assert_eq!(ty.pg_name(), *pg);
        }
        assert_eq!(Type::named("frob"), None);
        assert_eq!(Type::Int4.with_modifiers(&[3]).unwrap_err().sqlstate, "42601");
    }
}
