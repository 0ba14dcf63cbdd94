//! From PostgreSQL's binary format straight to JSON, to text and to stored values, as the server itself prints them.
//!
//! Rows arrive in binary, because the server then spends nothing on printing and we know each value's exact form; printing here
//! costs no allocation for the common types. The oracle of every line below is `to_json(x)::text` and `format('%s', x)` of a real server.

mod array;
mod number;
mod time;

use std::sync::Arc;

use postgres_types::{Kind, Type as Wire};
use values::{Type, Value};

use crate::error::{Error, Result};

pub(crate) use time::Zone;

/// Where printed bytes go: JSON bodies are bytes, texts are strings.
pub(crate) trait Sink {
    /// Appends text.
    fn push(&mut self, text: &str);
    /// Appends bytes that the server says are UTF-8.
    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for Vec<u8> {
    fn push(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl Sink for String {
    fn push(&mut self, text: &str) {
        self.push_str(text);
    }
    fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.push_str(std::str::from_utf8(bytes).map_err(|_| broken("text"))?);
        Ok(())
    }
}

/// How a column's bytes are read. Made once for a prepared statement, used for each row.
#[derive(Debug)]
pub(crate) enum Decoder {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric,
    /// Every type whose binary form is its text: text, varchar, bpchar, name, enums, unknown, citext.
    Text,
    Char,
    Bytea,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Inet {
        cidr: bool,
    },
    MacAddr,
    Void,
    Array(Box<Decoder>),
    Range(Box<Decoder>),
    Multirange(Box<Decoder>),
    /// Cast it to text or JSON in SQL.
    Unsupported(String),
}

impl Decoder {
    /// The decoder of a column of this type.
    pub(crate) fn of(wire: &Wire) -> Self {
        match *wire {
            Wire::BOOL => Self::Bool,
            Wire::INT2 => Self::Int2,
            Wire::INT4 => Self::Int4,
            Wire::INT8 => Self::Int8,
            Wire::OID | Wire::XID | Wire::CID => Self::Oid,
            Wire::FLOAT4 => Self::Float4,
            Wire::FLOAT8 => Self::Float8,
            Wire::NUMERIC => Self::Numeric,
            Wire::TEXT | Wire::VARCHAR | Wire::BPCHAR | Wire::NAME | Wire::UNKNOWN | Wire::XML => Self::Text,
            Wire::CHAR => Self::Char,
            Wire::BYTEA => Self::Bytea,
            Wire::DATE => Self::Date,
            Wire::TIME => Self::Time,
            Wire::TIMETZ => Self::TimeTz,
            Wire::TIMESTAMP => Self::Timestamp,
            Wire::TIMESTAMPTZ => Self::TimestampTz,
            Wire::INTERVAL => Self::Interval,
            Wire::UUID => Self::Uuid,
            Wire::JSON => Self::Json,
            Wire::JSONB => Self::Jsonb,
            Wire::INET => Self::Inet { cidr: false },
            Wire::CIDR => Self::Inet { cidr: true },
            Wire::MACADDR | Wire::MACADDR8 => Self::MacAddr,
            Wire::VOID => Self::Void,
            _ => match wire.kind() {
                Kind::Enum(_) => Self::Text,
                Kind::Domain(base) => Self::of(base),
                Kind::Array(element) => Self::Array(Box::new(Self::of(element))),
                Kind::Range(element) => Self::Range(Box::new(Self::of(element))),
                Kind::Multirange(element) => Self::Multirange(Box::new(Self::of(element))),
                Kind::Simple if wire.name() == "citext" => Self::Text,
                _ => Self::Unsupported(wire.name().to_owned()),
            },
        }
    }

    /// Appends the value as `row_to_json` prints it. `ty` says only whether text that the statement made of something else is to
    /// be taken as JSON.
    pub(crate) fn json(&self, bytes: &[u8], ty: Option<&Type>, zone: &Zone, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Bool => out.extend_from_slice(if bool_of(bytes)? { b"true" } else { b"false" }),
            Self::Int2 | Self::Int4 | Self::Int8 => number::integer(integer_of(self, bytes)?, out),
            Self::Float4 | Self::Float8 => {
                let finite = if matches!(self, Self::Float4) {
                    f32::from_be_bytes(fixed(bytes)?).is_finite()
                } else {
                    f64::from_be_bytes(fixed(bytes)?).is_finite()
                };
                self.quoted_unless(finite, bytes, zone, out)?;
            }
            Self::Numeric => self.quoted_unless(number::is_finite(bytes)?, bytes, zone, out)?,
            Self::Json => out.extend_from_slice(bytes),
            Self::Jsonb => out.extend_from_slice(bytes.get(1..).ok_or_else(|| broken("jsonb"))?),
            Self::Text if matches!(ty, Some(Type::Json | Type::Jsonb)) => out.extend_from_slice(bytes),
            Self::Text => json_string(bytes, out),
            Self::Timestamp => {
                out.push(b'"');
                time::timestamp(i64::from_be_bytes(fixed(bytes)?), 'T', None, out);
                out.push(b'"');
            }
            Self::TimestampTz => {
                out.push(b'"');
                time::timestamp(i64::from_be_bytes(fixed(bytes)?), 'T', Some((zone, true)), out);
                out.push(b'"');
            }
            Self::Array(element) => array::json(element, bytes, zone, out)?,
            // These print nothing that JSON would escape.
            Self::Oid
            | Self::Date
            | Self::Time
            | Self::TimeTz
            | Self::Interval
            | Self::Uuid
            | Self::Inet { .. }
            | Self::MacAddr
            | Self::Void => {
                out.push(b'"');
                self.text(bytes, zone, out)?;
                out.push(b'"');
            }
            Self::Char | Self::Bytea | Self::Range(_) | Self::Multirange(_) => {
                let mut text = Vec::with_capacity(bytes.len() * 2 + 2);
                self.text(bytes, zone, &mut text)?;
                json_string(&text, out);
            }
            Self::Unsupported(name) => return Err(unsupported(name)),
        }
        Ok(())
    }

    /// Why no value of the column can be read, if that is so.
    pub(crate) fn unreadable(&self) -> Option<Error> {
        match self {
            Self::Unsupported(name) => Some(unsupported(name)),
            Self::Array(element) | Self::Range(element) | Self::Multirange(element) => element.unreadable(),
            _ => None,
        }
    }

    fn quoted_unless(&self, bare: bool, bytes: &[u8], zone: &Zone, out: &mut Vec<u8>) -> Result<()> {
        if bare {
            return self.text(bytes, zone, out);
        }
        out.push(b'"');
        self.text(bytes, zone, out)?;
        out.push(b'"');
        Ok(())
    }

    /// Appends the value as the server's output function prints it.
    pub(crate) fn text<S: Sink>(&self, bytes: &[u8], zone: &Zone, out: &mut S) -> Result<()> {
        match self {
            Self::Bool => out.push(if bool_of(bytes)? { "t" } else { "f" }),
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid => number::integer(integer_of(self, bytes)?, out),
            Self::Float4 => number::float4(f32::from_be_bytes(fixed(bytes)?), out),
            Self::Float8 => number::float8(f64::from_be_bytes(fixed(bytes)?), out),
            Self::Numeric => number::numeric(bytes, out)?,
            Self::Text | Self::Json => out.push_bytes(bytes)?,
            Self::Jsonb => out.push_bytes(bytes.get(1..).ok_or_else(|| broken("jsonb"))?)?,
            Self::Char => char_text(bytes, out)?,
            Self::Bytea => {
                out.push("\\x");
                hex(bytes, out);
            }
            Self::Date => time::date(i32::from_be_bytes(fixed(bytes)?), out),
            Self::Time => time::time(i64::from_be_bytes(fixed(bytes)?), out),
            Self::TimeTz => time::timetz(bytes, out)?,
            Self::Timestamp => time::timestamp(i64::from_be_bytes(fixed(bytes)?), ' ', None, out),
            Self::TimestampTz => time::timestamp(i64::from_be_bytes(fixed(bytes)?), ' ', Some((zone, false)), out),
            Self::Interval => time::interval(bytes, out)?,
            Self::Uuid => uuid(bytes, out)?,
            Self::Inet { cidr } => inet(bytes, *cidr, out)?,
            Self::MacAddr => {
                for (index, byte) in bytes.iter().enumerate() {
                    if index > 0 {
                        out.push(":");
                    }
                    hex(&[*byte], out);
                }
            }
            Self::Void => {}
            Self::Array(element) => array::text(element, bytes, zone, out)?,
            Self::Range(element) => array::range(element, bytes, zone, out)?,
            Self::Multirange(element) => array::multirange(element, bytes, zone, out)?,
            Self::Unsupported(name) => return Err(unsupported(name)),
        }
        Ok(())
    }

    /// The value in stored form (see the crate `values`).
    pub(crate) fn value(&self, bytes: &[u8], ty: &Type) -> Result<Value> {
        Ok(match self {
            Self::Bool => Value::bool(bool_of(bytes)?),
            Self::Int2 | Self::Int4 | Self::Int8 => Value::Int(integer_of(self, bytes)?),
            Self::Float8 => Value::float(f64::from_be_bytes(fixed(bytes)?)),
            Self::Bytea => Value::Blob(bytes.to_vec()),
            Self::Numeric
            | Self::Text
            | Self::Json
            | Self::Jsonb
            | Self::Uuid
            | Self::Char
            | Self::Oid
            | Self::Void => {
                let mut text = String::new();
                self.text(bytes, &Zone::Utc, &mut text)?;
                Value::Text(text)
            }
            // Through text; a float4 as well, so that 0.1 stays 0.1 and is not the float8 nearest to the float4 nearest to it.
            _ => {
                let mut text = String::new();
                self.text(bytes, &Zone::Utc, &mut text)?;
                values::input(ty, &text)?
            }
        })
    }
}

/// A row of PostgreSQL's, with what its columns need to be read.
pub(crate) struct PgRow<'a> {
    pub(crate) row: &'a tokio_postgres::Row,
    pub(crate) decoders: &'a [Decoder],
    pub(crate) zone: &'a Arc<Zone>,
}

/// The bytes of a column, whatever its type.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> postgres_types::FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Wire, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }
    fn from_sql_null(_: &Wire) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }
    fn accepts(_: &Wire) -> bool {
        true
    }
}

impl PgRow<'_> {
    fn column(&self, column: usize) -> Result<Option<(&Decoder, &[u8])>> {
        let decoder = self.decoders.get(column).ok_or_else(|| Error::Internal(format!("no column {column}")))?;
        let raw: Raw<'_> = self.row.try_get(column).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(raw.0.map(|bytes| (decoder, bytes)))
    }
}

impl crate::conn::Row for PgRow<'_> {
    fn is_null(&self, column: usize) -> bool {
        !matches!(self.column(column), Ok(Some(_)))
    }
    fn write_json(&self, column: usize, ty: &Type, out: &mut Vec<u8>) -> Result<()> {
        if let Some((decoder, bytes)) = self.column(column)? {
            return decoder.json(bytes, Some(ty), self.zone, out);
        }
        out.extend_from_slice(b"null");
        Ok(())
    }
    fn write_text(&self, column: usize, _ty: &Type, out: &mut String) -> Result<()> {
        self.column(column)?.map_or(Ok(()), |(decoder, bytes)| decoder.text(bytes, self.zone, out))
    }
    fn value(&self, column: usize, ty: &Type) -> Result<Value> {
        self.column(column)?.map_or(Ok(Value::Null), |(decoder, bytes)| decoder.value(bytes, ty))
    }
}

fn broken(what: &str) -> Error {
    Error::Internal(format!("the server sent a {what} that cannot be read"))
}

fn unsupported(name: &str) -> Error {
    Error::Internal(format!("a column of type {name} must be cast to text or JSON in SQL"))
}

/// Exactly `N` bytes.
fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| broken("value of another length"))
}

/// The next `N` bytes of `at`.
fn take<const N: usize>(at: &mut &[u8]) -> Result<[u8; N]> {
    let (head, rest) = at.split_first_chunk::<N>().ok_or_else(|| broken("short value"))?;
    *at = rest;
    Ok(*head)
}

fn bool_of(bytes: &[u8]) -> Result<bool> {
    Ok(fixed::<1>(bytes)? != [0])
}

fn integer_of(decoder: &Decoder, bytes: &[u8]) -> Result<i64> {
    Ok(match decoder {
        Decoder::Int2 => i64::from(i16::from_be_bytes(fixed(bytes)?)),
        Decoder::Int4 => i64::from(i32::from_be_bytes(fixed(bytes)?)),
        Decoder::Oid => i64::from(u32::from_be_bytes(fixed(bytes)?)),
        _ => i64::from_be_bytes(fixed(bytes)?),
    })
}

const HEX: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"];

fn hex<S: Sink>(bytes: &[u8], out: &mut S) {
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

fn uuid<S: Sink>(bytes: &[u8], out: &mut S) -> Result<()> {
    let bytes: [u8; 16] = fixed(bytes)?;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)].as_bytes()[0];
        text[at + 1] = HEX[usize::from(byte & 15)].as_bytes()[0];
        at += 2;
    }
    out.push_bytes(&text)
}

/// `"char"`: one byte; those above ASCII are printed in octal, none as nothing.
fn char_text<S: Sink>(bytes: &[u8], out: &mut S) -> Result<()> {
    let [byte] = fixed(bytes)?;
    match byte {
        0 => Ok(()),
        1..128 => out.push_bytes(&[byte]),
        _ => {
            out.push(&format!("\\{byte:03o}"));
            Ok(())
        }
    }
}

fn inet<S: Sink>(bytes: &[u8], cidr: bool, out: &mut S) -> Result<()> {
    let (&[family, bits, _, _], address) = bytes.split_first_chunk::<4>().ok_or_else(|| broken("inet"))?;
    let whole = if family == 2 {
        out.push(&std::net::Ipv4Addr::from(fixed::<4>(address)?).to_string());
        32
    } else {
        let address = std::net::Ipv6Addr::from(fixed::<16>(address)?);
        out.push(&address.to_string());
        128
    };
    if cidr || bits != whole {
        out.push(&format!("/{bits}"));
    }
    Ok(())
}

/// Appends a JSON string, escaped as PostgreSQL's `escape_json` does.
pub(crate) fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut clean = 0;
    for (index, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[clean..index]);
        clean = index + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            _ => {
                out.extend_from_slice(b"\\u00");
                hex(&[byte], out);
            }
        }
    }
    out.extend_from_slice(&text[clean..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Vec<Decoder> {
        use Decoder::*;
        let simple = [
            Bool,
            Int2,
            Int4,
            Int8,
            Oid,
            Float4,
            Float8,
            Numeric,
            Text,
            Char,
            Bytea,
            Date,
            Time,
            TimeTz,
            Timestamp,
            TimestampTz,
            Interval,
            Uuid,
            Json,
            Jsonb,
            Inet { cidr: true },
            MacAddr,
            Void,
        ];
        let nested = [Range(Box::new(Int4)), Range(Box::new(Timestamp)), Multirange(Box::new(Date))];
        simple.into_iter().chain(nested).collect()
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for decoder in all() {
                let mut text = String::new();
                let _ = decoder.text(&bytes, &Zone::Utc, &mut text);
                let _ = decoder.json(&bytes, None, &Zone::Table(vec![(i64::MIN, -3600)]), &mut Vec::new());
            }
        }

        #[test]
        fn floats_read_back_as_themselves(bits in any::<u64>()) {
            let (double, single) = (f64::from_bits(bits), f32::from_bits(u32::try_from(bits >> 32).unwrap()));
            let mut text = String::new();
            number::float8(double, &mut text);
            prop_assert!(double.is_nan() || text.parse::<f64>().unwrap().to_bits() == double.to_bits(), "{}", text);
            text.clear();
            number::float4(single, &mut text);
            prop_assert!(single.is_nan() || text.parse::<f32>().unwrap().to_bits() == single.to_bits(), "{}", text);
        }

        #[test]
        fn json_strings_are_json(text in ".*") {
            let mut out = Vec::new();
            json_string(text.as_bytes(), &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
