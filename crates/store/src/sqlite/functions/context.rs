//! What SQL may ask about the request: settings, roles, claims, time, chance; and errors that SQL raises itself.

use std::cell::RefCell;

use values::{Result, Value, ValueError, ValueRef, datetime};

use super::{Scalar, int, strict, text, volatile};
use crate::error::SqlError;
use crate::sqlite::session;

type Args<'a, 'b> = &'a [ValueRef<'b>];

/// Longest value that SQL may set, and how many settings.
const SETTING_BYTES_MAX: usize = 1 << 20;
const SETTINGS_MAX: usize = 256;

fn current_setting(args: Args<'_, '_>) -> Result<Value> {
    if args.iter().any(|arg| arg.is_null()) {
        return Ok(Value::Null);
    }
    let name = text(args, 0)?;
    let missing_ok = args.len() > 1 && int(args, 1)? != 0;
    match session::setting(name) {
        Some(value) => Ok(Value::Text(value)),
        None if missing_ok => Ok(Value::Null),
        None => Err(ValueError::new("42704", format!("unrecognized configuration parameter \"{name}\""))),
    }
}

fn set_config(args: Args<'_, '_>) -> Result<Value> {
    let Some(ValueRef::Text(name)) = args.first() else {
        return Err(ValueError::new("22004", "SET requires parameter name"));
    };
    let value = args.get(1).and_then(|value| value.as_str()).unwrap_or_default();
    let name = name.to_ascii_lowercase();
    if value.len() > SETTING_BYTES_MAX {
        return Err(ValueError::limit(format!("the value of parameter \"{name}\" is too long")));
    }
    if !name.contains('.') && !["role", "timezone", "search_path", "statement_timeout"].contains(&name.as_str()) {
        return Err(ValueError::new("42704", format!("unrecognized configuration parameter \"{name}\"")));
    }
    if name == "timezone" {
        let zone = datetime::Zone::setting(value)?;
        session::with(|session| session.zone = zone);
    }
    session::with(|session| {
        if session.local.len() >= SETTINGS_MAX && !session.local.contains_key(&name) {
            return Err(ValueError::limit("too many configuration parameters"));
        }
        session.local.insert(name, value.to_owned());
        Ok(())
    })?;
    Ok(Value::text(value))
}

/// A claim of the request's token, as SQL sees it: `request.jwt.claims` may have been set by SQL itself.
fn claim(name: &str) -> Value {
    let single = session::setting(&format!("request.jwt.claim.{name}")).filter(|claim| !claim.is_empty());
    let found = single.or_else(|| session::claim_text(&session::setting("request.jwt.claims")?, name));
    found.map_or(Value::Null, Value::Text)
}

/// `auth.uid()`: the `sub` claim as a uuid.
fn auth_uid(_: Args<'_, '_>) -> Result<Value> {
    match claim("sub") {
        Value::Text(sub) if !sub.is_empty() => values::input(&values::Type::Uuid, &sub),
        _ => Ok(Value::Null),
    }
}

thread_local! {
    /// The claims that were asked for last, as the token has them and as jsonb: policies ask with every statement, and callers come again.
    static JWT: RefCell<(String, String)> = const { RefCell::new((String::new(), String::new())) };
}

fn auth_jwt(_: Args<'_, '_>) -> Result<Value> {
    let Some(claims) = session::setting("request.jwt.claims").filter(|claims| !claims.is_empty()) else {
        return Ok(Value::Null);
    };
    JWT.with_borrow_mut(|(last, jsonb)| {
        if *last != claims {
            *jsonb = values::json::normalise(&claims)?;
            *last = claims;
        }
        Ok(Value::Text(jsonb.clone()))
    })
}

fn now_us() -> i64 {
    session::with(|session| session.now_us)
}

/// Transaction time in the session's time zone, without the zone.
fn local_us() -> i64 {
    session::with(|session| session.zone.wall(session.now_us))
}

fn current_date(_: Args<'_, '_>) -> Result<Value> {
    let days = local_us().div_euclid(datetime::DAY);
    datetime::days_text(i32::try_from(days).unwrap_or(i32::MAX)).map(Value::Text)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a function")]
fn uuid(_: Args<'_, '_>) -> Result<Value> {
    let (high, low) = (session::random_u64(), session::random_u64());
    // Version 4, variant 1 (RFC 9562).
    let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | (0b10 << 62));
    let hex = format!("{high:016x}{low:016x}");
    Ok(Value::Text(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])))
}

/// `pg_raise(sqlstate, message [, detail [, hint]])`: fails with exactly this.
fn raise(args: Args<'_, '_>) -> Result<Value> {
    let word = |n: usize| args.get(n).and_then(|arg| arg.as_str()).map(str::to_owned);
    let mut error = SqlError::new(&word(0).unwrap_or_else(|| "P0001".to_owned()), word(1).unwrap_or_default());
    (error.detail, error.hint) = (word(2), word(3));
    session::raise(error);
    Err(ValueError::new("P0001", "raised"))
}

fn search_path() -> String {
    session::with(|session| session.scope.search_path.first().map_or_else(|| "public".to_owned(), ToString::to_string))
}

/// Who asks. What they may do is policy's affair.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a function")]
fn role(_: Args<'_, '_>) -> Result<Value> {
    Ok(Value::Text(session::role()))
}

pub(super) const FUNCTIONS: &[Scalar] = &[
    volatile("current_setting", 1, current_setting),
    volatile("current_setting", 2, current_setting),
    volatile("set_config", 3, set_config),
    volatile("auth_uid", 0, auth_uid),
    volatile("auth_role", 0, |_| Ok(claim("role"))),
    volatile("auth_email", 0, |_| Ok(claim("email"))),
    volatile("auth_jwt", 0, auth_jwt),
    volatile("pg_current_user", 0, role),
    volatile("pg_session_user", 0, |_| Ok(Value::text("authenticator"))),
    volatile("pg_current_schema", 0, |_| Ok(Value::Text(search_path()))),
    volatile("pg_now", 0, |_| datetime::timestamptz_text(now_us()).map(Value::Text)),
    volatile("pg_statement_timestamp", 0, |_| datetime::timestamptz_text(now_us()).map(Value::Text)),
    volatile("pg_clock_timestamp", 0, |_| datetime::timestamptz_text(session::clock_us()).map(Value::Text)),
    volatile("pg_localtimestamp", 0, |_| datetime::timestamp_text(local_us()).map(Value::Text)),
    volatile("pg_current_date", 0, current_date),
    volatile("pg_localtime", 0, |_| Ok(Value::Text(datetime::time_text(local_us().rem_euclid(datetime::DAY))))),
    volatile("pg_current_time", 0, |_| {
        let offset_s = session::with(|session| session.zone.offset_at(session.now_us));
        Ok(Value::Text(datetime::timetz_text(local_us().rem_euclid(datetime::DAY), offset_s)))
    }),
    volatile("pg_random_uuid", 0, uuid),
    volatile("pg_raise", -1, raise),
    volatile("pg_txid_current", 0, |_| Ok(Value::Int(now_us()))),
    strict("pg_version", 0, |_| Ok(Value::text("PostgreSQL 15.0 (Mainstay on SQLite)"))),
    strict("pg_backend_pid", 0, |_| Ok(Value::Int(i64::from(std::process::id())))),
];
