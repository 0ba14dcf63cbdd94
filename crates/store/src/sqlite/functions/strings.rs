//! Strings, patterns and bytes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use sha2::Digest as _;
use values::string::{self, Like, Regexp};
use values::{Result, Value, ValueError, ValueRef, array, quote};

use super::{Scalar, int, lax, mistyped, strict, text, typed_text};

type Args<'a, 'b> = &'a [ValueRef<'b>];

/// Compiled patterns kept by each thread. A pattern is usually the same for all rows of a statement.
const PATTERNS_MAX: usize = 64;

/// Patterns by their text and flags.
struct Compiled<T>(HashMap<(String, String), Rc<T>>);

impl<T> Compiled<T> {
    fn get(&mut self, pattern: &str, flags: &str, make: impl FnOnce() -> Result<T>) -> Result<Rc<T>> {
        let key = (pattern.to_owned(), flags.to_owned());
        if let Some(found) = self.0.get(&key) {
            return Ok(found.clone());
        }
        let compiled = Rc::new(make()?);
        if self.0.len() >= PATTERNS_MAX {
            self.0.clear();
        }
        self.0.insert(key, compiled.clone());
        Ok(compiled)
    }
}

thread_local! {
    static REGEXPS: RefCell<Compiled<Regexp>> = RefCell::new(Compiled(HashMap::new()));
    static LIKES: RefCell<Compiled<Like>> = RefCell::new(Compiled(HashMap::new()));
}

fn regexp(pattern: &str, flags: &str) -> Result<Rc<Regexp>> {
    REGEXPS.with_borrow_mut(|all| all.get(pattern, flags, || Regexp::new(pattern, flags)))
}

fn escape_of(args: Args<'_, '_>) -> Result<Option<char>> {
    if args.len() < 3 {
        return Ok(Some('\\'));
    }
    let mut chars = text(args, 2)?.chars();
    match (chars.next(), chars.next()) {
        (escape, None) => Ok(escape),
        (_, Some(_)) => Err(ValueError::new("22025", "invalid escape string")
            .with_hint("Escape string must be empty or one character.")),
    }
}

fn like(args: Args<'_, '_>, insensitive: bool) -> Result<Value> {
    let (subject, pattern, escape) = (text(args, 0)?, text(args, 1)?, escape_of(args)?);
    let mut kind = String::from(if insensitive { "i" } else { "c" });
    kind.extend(escape);
    let compiled =
        LIKES.with_borrow_mut(|all| all.get(pattern, &kind, || Ok(Like::new(pattern, escape, insensitive))))?;
    compiled.matches(subject).map(Value::bool)
}

fn similar(args: Args<'_, '_>) -> Result<Value> {
    let pattern = string::similar_to_regex(text(args, 1)?, escape_of(args)?)?;
    Ok(Value::bool(regexp(&pattern, "")?.is_match(text(args, 0)?)))
}

fn matches(args: Args<'_, '_>, flags: &str) -> Result<Value> {
    Ok(Value::bool(regexp(text(args, 1)?, flags)?.is_match(text(args, 0)?)))
}

/// The flags argument, when there is one.
fn flags_at<'b>(args: Args<'_, 'b>, n: usize) -> Result<&'b str> {
    if args.len() > n { text(args, n) } else { Ok("") }
}

fn regexp_match(args: Args<'_, '_>) -> Result<Value> {
    let flags = flags_at(args, 2)?;
    if flags.contains('g') {
        return Err(ValueError::parameter("regexp_match() does not support the \"global\" option")
            .with_hint("Use the regexp_matches function instead."));
    }
    let compiled = regexp(text(args, 1)?, flags)?;
    Ok(compiled.first_match(text(args, 0)?).map_or(Value::Null, |groups| Value::Text(texts(&groups))))
}

/// All matches as one array of arrays, for the translator to take apart.
fn regexp_matches(args: Args<'_, '_>) -> Result<Value> {
    let compiled = regexp(text(args, 1)?, flags_at(args, 2)?)?;
    let rows: Vec<String> = compiled.matches(text(args, 0)?).iter().map(|groups| texts(groups)).collect();
    Ok(Value::Text(format!("[{}]", rows.join(","))))
}

fn texts(items: &[Option<&str>]) -> String {
    array::make(items.iter().map(|item| item.map_or(ValueRef::Null, ValueRef::Text)))
}

fn regexp_replace(args: Args<'_, '_>) -> Result<Value> {
    let compiled = regexp(text(args, 1)?, flags_at(args, 3)?)?;
    compiled.replace(text(args, 0)?, text(args, 2)?).map(Value::Text)
}

fn regexp_split(args: Args<'_, '_>) -> Result<Value> {
    let compiled = regexp(text(args, 1)?, flags_at(args, 2)?)?;
    let pieces = compiled.split(text(args, 0)?);
    Ok(Value::Text(array::make(pieces.into_iter().map(ValueRef::Text))))
}

fn substring(args: Args<'_, '_>) -> Result<Value> {
    let length = if args.len() > 2 { Some(int(args, 2)?) } else { None };
    string::substring(text(args, 0)?, int(args, 1)?, length).map(Value::text)
}

fn substring_matching(args: Args<'_, '_>) -> Result<Value> {
    let compiled = regexp(text(args, 1)?, "")?;
    Ok(compiled.substring(text(args, 0)?).map_or(Value::Null, Value::text))
}

fn trim(args: Args<'_, '_>, f: for<'a> fn(&'a str, &str) -> &'a str) -> Result<Value> {
    let characters = if args.len() > 1 { text(args, 1)? } else { " " };
    Ok(Value::text(f(text(args, 0)?, characters)))
}

fn pad(args: Args<'_, '_>, f: fn(&str, i64, &str) -> Result<String>) -> Result<Value> {
    let fill = if args.len() > 2 { text(args, 2)? } else { " " };
    f(text(args, 0)?, int(args, 1)?, fill).map(Value::Text)
}

fn overlay(args: Args<'_, '_>) -> Result<Value> {
    let length = if args.len() > 3 { Some(int(args, 3)?) } else { None };
    string::overlay(text(args, 0)?, text(args, 1)?, int(args, 2)?, length).map(Value::Text)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function's end")]
fn length(n: usize) -> Result<Value> {
    Ok(Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// `concat`, `concat_ws`, `format`: arguments of any type and then the list of their types.
fn printed(args: Args<'_, '_>) -> Result<Vec<Option<String>>> {
    let (types, args) = args.split_last().ok_or_else(|| mistyped("types", None))?;
    let mut types = types.as_str().unwrap_or_default().split(',');
    args.iter().map(|arg| typed_text(*arg, types.next())).collect()
}

fn concat(args: Args<'_, '_>) -> Result<Value> {
    Ok(Value::Text(printed(args)?.into_iter().flatten().collect()))
}

fn concat_ws(args: Args<'_, '_>) -> Result<Value> {
    let printed = printed(args)?;
    match printed.split_first() {
        Some((Some(separator), parts)) => {
            Ok(Value::Text(string::concat_ws(separator, parts.iter().map(Option::as_deref))))
        }
        _ => Ok(Value::Null),
    }
}

fn format(args: Args<'_, '_>) -> Result<Value> {
    let printed = printed(args)?;
    match printed.split_first() {
        Some((Some(pattern), parts)) => {
            let parts: Vec<Option<&str>> = parts.iter().map(Option::as_deref).collect();
            string::format(pattern, &parts).map(Value::Text)
        }
        _ => Ok(Value::Null),
    }
}

/// `a || b` where one is no string: value, its type, and which side it is on.
fn beside(args: Args<'_, '_>, before: bool) -> Result<Value> {
    // The operator casts, and a boolean casts to a word where `concat` prints a letter.
    let printed = match (args[0], args[2].as_str()) {
        (ValueRef::Int(n), Some("bool")) => if n == 0 { "false" } else { "true" }.to_owned(),
        (value, ty) => typed_text(value, ty)?.unwrap_or_default(),
    };
    let other = text(args, 1)?;
    Ok(Value::Text(if before { printed + other } else { format!("{other}{printed}") }))
}

fn blob<'a>(args: Args<'_, 'a>, n: usize) -> Result<&'a [u8]> {
    match args.get(n) {
        Some(ValueRef::Blob(bytes)) => Ok(bytes),
        other => Err(mistyped("bytea", other.copied())),
    }
}

fn bytes_substring(args: Args<'_, '_>) -> Result<Value> {
    let bytes = blob(args, 0)?;
    let start = int(args, 1)?;
    let end = if args.len() > 2 {
        let length = int(args, 2)?;
        if length < 0 {
            return Err(ValueError::new("22011", "negative substring length not allowed"));
        }
        start.saturating_add(length)
    } else {
        i64::MAX
    };
    let at = |n: i64| usize::try_from(n.max(1) - 1).unwrap_or(usize::MAX).min(bytes.len());
    Ok(Value::Blob(bytes[at(start)..at(end).max(at(start))].to_vec()))
}

fn hash(args: Args<'_, '_>, f: fn(&[u8]) -> Vec<u8>) -> Result<Value> {
    Ok(Value::Blob(f(blob(args, 0)?)))
}

/// pgcrypto's `digest(data, algorithm)`.
fn digest(args: Args<'_, '_>) -> Result<Value> {
    let bytes = match args[0] {
        ValueRef::Text(text) => text.as_bytes(),
        _ => blob(args, 0)?,
    };
    let algorithm = text(args, 1)?;
    Ok(Value::Blob(match algorithm.to_ascii_lowercase().as_str() {
        "md5" => string::md5(bytes).to_vec(),
        "sha224" => sha2::Sha224::digest(bytes).to_vec(),
        "sha256" => sha2::Sha256::digest(bytes).to_vec(),
        "sha384" => sha2::Sha384::digest(bytes).to_vec(),
        "sha512" => sha2::Sha512::digest(bytes).to_vec(),
        _ => return Err(ValueError::parameter(format!("Cannot use \"{algorithm}\": No such hash algorithm"))),
    }))
}

fn quote_nullable(args: Args<'_, '_>) -> Result<Value> {
    if args[0].is_null() { Ok(Value::text("NULL")) } else { Ok(Value::Text(quote::literal(text(args, 0)?))) }
}

const TEXTS: &[Scalar] = &[
    strict("pg_like", 2, |a| like(a, false)),
    strict("pg_like", 3, |a| like(a, false)),
    strict("pg_ilike", 2, |a| like(a, true)),
    strict("pg_ilike", 3, |a| like(a, true)),
    strict("pg_similar", 2, similar),
    strict("pg_similar", 3, similar),
    strict("pg_regexp", 2, |a| matches(a, "")),
    strict("pg_iregexp", 2, |a| matches(a, "i")),
    strict("pg_regexp_like", 2, |a| matches(a, "")),
    strict("pg_regexp_like", 3, |a| matches(a, text(a, 2)?)),
    strict("pg_regexp_match", 2, regexp_match),
    strict("pg_regexp_match", 3, regexp_match),
    strict("pg_regexp_matches", 2, regexp_matches),
    strict("pg_regexp_matches", 3, regexp_matches),
    strict("pg_regexp_replace", 3, regexp_replace),
    strict("pg_regexp_replace", 4, regexp_replace),
    strict("pg_regexp_split", 2, regexp_split),
    strict("pg_regexp_split", 3, regexp_split),
    strict("pg_regexp_count", 2, |a| length(regexp(text(a, 1)?, "")?.count(text(a, 0)?))),
    strict("pg_length", 1, |a| length(text(a, 0)?.chars().count())),
    strict("pg_octet_length", 1, |a| length(text(a, 0)?.len())),
    strict("pg_bit_length", 1, |a| length(text(a, 0)?.len() * 8)),
    strict("pg_lower", 1, |a| Ok(Value::Text(string::lower(text(a, 0)?)))),
    strict("pg_upper", 1, |a| Ok(Value::Text(string::upper(text(a, 0)?)))),
    strict("pg_initcap", 1, |a| Ok(Value::Text(string::initcap(text(a, 0)?)))),
    strict("pg_substring", 2, substring),
    strict("pg_substring", 3, substring),
    strict("pg_substring_matching", 2, substring_matching),
    strict("pg_strpos", 2, |a| Ok(Value::Int(string::strpos(text(a, 0)?, text(a, 1)?)))),
    strict("pg_left", 2, |a| Ok(Value::text(string::left(text(a, 0)?, int(a, 1)?)))),
    strict("pg_right", 2, |a| Ok(Value::text(string::right(text(a, 0)?, int(a, 1)?)))),
    strict("pg_lpad", 2, |a| pad(a, string::lpad)),
    strict("pg_lpad", 3, |a| pad(a, string::lpad)),
    strict("pg_rpad", 2, |a| pad(a, string::rpad)),
    strict("pg_rpad", 3, |a| pad(a, string::rpad)),
    strict("pg_btrim", 1, |a| trim(a, string::trim_both)),
    strict("pg_btrim", 2, |a| trim(a, string::trim_both)),
    strict("pg_ltrim", 1, |a| trim(a, string::trim_start)),
    strict("pg_ltrim", 2, |a| trim(a, string::trim_start)),
    strict("pg_rtrim", 1, |a| trim(a, string::trim_end)),
    strict("pg_rtrim", 2, |a| trim(a, string::trim_end)),
    strict("pg_split_part", 3, |a| string::split_part(text(a, 0)?, text(a, 1)?, int(a, 2)?).map(Value::text)),
    strict("pg_translate", 3, |a| Ok(Value::Text(string::translate(text(a, 0)?, text(a, 1)?, text(a, 2)?)))),
    strict("pg_replace", 3, |a| string::replace(text(a, 0)?, text(a, 1)?, text(a, 2)?).map(Value::Text)),
    strict("pg_reverse", 1, |a| Ok(Value::Text(string::reverse(text(a, 0)?)))),
    strict("pg_repeat", 2, |a| string::repeat(text(a, 0)?, int(a, 1)?).map(Value::Text)),
    strict("pg_overlay", 3, overlay),
    strict("pg_overlay", 4, overlay),
    strict("pg_chr", 1, |a| string::chr(int(a, 0)?).map(Value::Text)),
    strict("pg_ascii", 1, |a| Ok(Value::Int(string::ascii(text(a, 0)?)))),
    strict("pg_starts_with", 2, |a| Ok(Value::bool(string::starts_with(text(a, 0)?, text(a, 1)?)))),
    lax("pg_concat", -1, concat),
    lax("pg_concat_ws", -1, concat_ws),
    lax("pg_format", -1, format),
    strict("pg_text_before", 3, |a| beside(a, true)),
    strict("pg_text_after", 3, |a| beside(a, false)),
    strict("pg_quote_ident", 1, |a| Ok(Value::Text(quote::ident(text(a, 0)?)))),
    strict("pg_quote_literal", 1, |a| Ok(Value::Text(quote::literal(text(a, 0)?)))),
    lax("pg_quote_nullable", 1, quote_nullable),
    strict("pg_md5", 1, |a| Ok(Value::Text(string::md5_text(text(a, 0)?.as_bytes())))),
];

const BYTES: &[Scalar] = &[
    strict("pg_bytes_length", 1, |a| length(blob(a, 0)?.len())),
    strict("pg_bytes_bits", 1, |a| length(blob(a, 0)?.len() * 8)),
    strict("pg_bytes_substring", 2, bytes_substring),
    strict("pg_bytes_substring", 3, bytes_substring),
    strict("pg_bytes_concat", 2, |a| Ok(Value::Blob([blob(a, 0)?, blob(a, 1)?].concat()))),
    strict("pg_bytes_md5", 1, |a| Ok(Value::Text(string::md5_text(blob(a, 0)?)))),
    strict("pg_encode", 2, |a| string::encode(blob(a, 0)?, text(a, 1)?).map(Value::Text)),
    strict("pg_decode", 2, |a| string::decode(text(a, 0)?, text(a, 1)?).map(Value::Blob)),
    strict("pg_sha224", 1, |a| hash(a, |b| sha2::Sha224::digest(b).to_vec())),
    strict("pg_sha256", 1, |a| hash(a, |b| sha2::Sha256::digest(b).to_vec())),
    strict("pg_sha384", 1, |a| hash(a, |b| sha2::Sha384::digest(b).to_vec())),
    strict("pg_sha512", 1, |a| hash(a, |b| sha2::Sha512::digest(b).to_vec())),
    strict("pg_digest", 2, digest),
    strict("pg_convert_to", 2, |a| Ok(Value::Blob(text(a, 0)?.as_bytes().to_vec()))),
    strict("pg_convert_from", 2, |a| {
        let text = std::str::from_utf8(blob(a, 0)?).map_err(|_| super::not_utf8())?;
        Ok(Value::text(text))
    }),
];

pub(super) const FUNCTIONS: &[Scalar] = &super::join::<{ TEXTS.len() + BYTES.len() }>(&[TEXTS, BYTES]);
