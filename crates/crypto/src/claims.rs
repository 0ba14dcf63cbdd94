//! What a verified token says, and whether it holds now.

use std::sync::Arc;

use kernel::Micros;
use serde_json::{Map, Value};

use crate::error::TokenError;
use crate::path::ClaimPath;
use crate::verify::SKEW_SECS;

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The role at the configured path, if the token names one.
    pub role: Option<String>,
    /// The claims object as it stood in the token: for `request.jwt.claims`.
    pub raw_json: Arc<str>,
    /// When the token ends, in whole seconds since the epoch, without the skew.
    pub exp: Option<i64>,
    /// Whom the token is about.
    pub sub: Option<String>,
}

/// Checks the time claims and the audience as PostgREST does (null counts as absent), then takes what the house needs.
pub(crate) fn check(
    payload: &str,
    claims: &Map<String, Value>,
    now: Micros,
    audience: Option<&str>,
    role: &ClaimPath,
) -> Result<Claims, TokenError> {
    let now = now.as_secs();
    let exp = seconds(claims, "exp")?;
    if exp.is_some_and(|exp| now.saturating_sub(SKEW_SECS) > exp) {
        return Err(TokenError::Expired);
    }
    let ahead = now.saturating_add(SKEW_SECS);
    if seconds(claims, "nbf")?.is_some_and(|nbf| ahead < nbf) {
        return Err(TokenError::NotYetValid);
    }
    if seconds(claims, "iat")?.is_some_and(|iat| ahead < iat) {
        return Err(TokenError::IssuedAtFuture);
    }
    if !in_audience(claims.get("aud"), audience)? {
        return Err(TokenError::Audience);
    }
    let sub = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
    Ok(Claims { role: role.role(claims), raw_json: payload.into(), exp, sub })
}

fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(n)) => Ok(Some(whole(n))),
        Some(_) => Err(TokenError::NotANumber(name)),
    }
}

/// A `NumericDate` may have a fraction; it is rounded down, and held within the range.
fn whole(n: &serde_json::Number) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "float to integer saturates, which is what is wanted")]
    let from_float = || n.as_f64().map_or(0, |f| f.floor() as i64);
    n.as_i64().unwrap_or_else(from_float)
}

fn in_audience(aud: Option<&Value>, wanted: Option<&str>) -> Result<bool, TokenError> {
    let fits = |given: &str| wanted.is_none_or(|w| w == given);
    match aud {
        None | Some(Value::Null) => Ok(true),
        Some(Value::String(one)) => Ok(fits(one)),
        Some(Value::Array(many)) if many.iter().all(Value::is_string) => {
            Ok(many.is_empty() || many.iter().filter_map(Value::as_str).any(fits))
        }
        Some(_) => Err(TokenError::AudienceForm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_hold_within_the_skew_and_for_their_audience() {
        use TokenError::{Audience, AudienceForm, Expired, IssuedAtFuture, NotANumber, NotYetValid};
        for (claims, expected) in [
            ("{}", None),
            (r#"{"exp":970}"#, None),
            (r#"{"exp":969}"#, Some(Expired)),
            (r#"{"exp":969.9}"#, Some(Expired)),
            (r#"{"exp":-1e300}"#, Some(Expired)),
            (r#"{"exp":1e300}"#, None),
            (r#"{"exp":18446744073709551615}"#, None),
            (r#"{"exp":null}"#, None),
            (r#"{"exp":"970"}"#, Some(NotANumber("exp"))),
            (r#"{"nbf":1030}"#, None),
            (r#"{"nbf":1031}"#, Some(NotYetValid)),
            (r#"{"nbf":true}"#, Some(NotANumber("nbf"))),
            (r#"{"iat":1030}"#, None),
            (r#"{"iat":1031}"#, Some(IssuedAtFuture)),
            (r#"{"iat":[]}"#, Some(NotANumber("iat"))),
            (r#"{"aud":"us"}"#, None),
            (r#"{"aud":"them"}"#, Some(Audience)),
            (r#"{"aud":["them","us"]}"#, None),
            (r#"{"aud":["them"]}"#, Some(Audience)),
            (r#"{"aud":[]}"#, None),
            (r#"{"aud":null}"#, None),
            (r#"{"aud":["us",1]}"#, Some(AudienceForm)),
            (r#"{"aud":{}}"#, Some(AudienceForm)),
        ] {
            let map = crate::json::object(claims.as_bytes()).expect(claims);
            let checked = check(claims, &map, Micros::from_secs(1_000), Some("us"), &ClaimPath::default());
            assert_eq!(checked.err(), expected, "{claims}");
        }
    }

    #[test]
    fn without_a_configured_audience_any_will_do_and_its_form_still_counts() {
        for (aud, expected) in [(r#""them""#, Ok(true)), ("7", Err(TokenError::AudienceForm))] {
            assert_eq!(in_audience(serde_json::from_str::<Value>(aud).ok().as_ref(), None), expected);
        }
    }
}
