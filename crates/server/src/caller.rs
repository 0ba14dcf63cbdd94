//! Who asks: from a request's headers to the role its transaction runs as (wire contract, section 13).

use std::sync::Arc;

use crypto::{CachedVerifier, Claims, TokenError};
use data::Caller;
use data::request::ApiError;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName};
use kernel::{Clock, Micros};
use values::write_json_string;

const APIKEY: HeaderName = HeaderName::from_static("apikey");

/// Judges requests.
pub struct Gate {
    verifier: CachedVerifier<Identity>,
    anonymous: Option<Anonymous>,
    clock: Arc<dyn Clock>,
    empty: Arc<str>,
    nobody: Arc<str>,
}

/// Who asks, as far as a token tells.
struct Known {
    role: Arc<str>,
    subject: Arc<str>,
    claims: Arc<str>,
}

struct Anonymous {
    role: Arc<str>,
    claims: Arc<str>,
}

/// What a token makes of its bearer: the role it names, and the claims as SQL sees them with it.
pub struct Identity {
    role: Option<Arc<str>>,
    subject: Arc<str>,
    claims: Arc<str>,
}

impl Identity {
    fn of(claims: Claims) -> Self {
        let subject = subject_of(&claims.raw_json);
        let Some(role) = claims.role else { return Self { role: None, subject, claims: claims.raw_json } };
        // The claims have the role where SQL looks for it, unless the configured path is another one.
        let seen = if says_role(&claims.raw_json, &role) {
            claims.raw_json
        } else {
            Arc::from(with_role(&claims.raw_json, &role))
        };
        Self { role: Some(Arc::from(role)), subject, claims: seen }
    }
}

impl Gate {
    /// Judges tokens by `verifier`; without one, requests run as `anon_role`, or are refused when that is empty.
    pub fn new(verifier: CachedVerifier<Identity>, anon_role: &str, clock: Arc<dyn Clock>) -> Self {
        let anonymous = (!anon_role.is_empty())
            .then(|| Anonymous { role: Arc::from(anon_role), claims: Arc::from(with_role("{}", anon_role)) });
        Self { verifier, anonymous, clock, empty: Arc::from("{}"), nobody: Arc::from("") }
    }

    /// The caller of a request, or the dialect's refusal.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Known { role, subject, claims } = match token(headers)? {
            None => self.anonymous()?,
            Some(token) => self.verified(token, self.clock.now())?,
        };
        Ok(Caller {
            anonymous: self.anonymous.as_ref().is_some_and(|anonymous| anonymous.role == role),
            role,
            subject,
            origin: None,
            claims,
            headers: headers_json(headers),
            cookies: cookies_json(headers).map_or_else(|| self.empty.clone(), Arc::from),
        })
    }

    fn anonymous(&self) -> Result<Known, ApiError> {
        let anonymous = self.anonymous.as_ref().ok_or_else(ApiError::token_required)?;
        Ok(Known { role: anonymous.role.clone(), subject: self.nobody.clone(), claims: anonymous.claims.clone() })
    }

    fn verified(&self, token: &str, now: Micros) -> Result<Known, ApiError> {
        let identity = self.verifier.verify_as(token, now, Identity::of).map_err(refusal)?;
        let subject = identity.subject.clone();
        if let Some(role) = &identity.role {
            return Ok(Known { role: role.clone(), subject, claims: identity.claims.clone() });
        }
        let role = self.anonymous()?.role;
        let claims = Arc::from(with_role(&identity.claims, &role));
        Ok(Known { role, subject, claims })
    }
}

/// The token of a request: the bearer of `Authorization`; without that header the `apikey`, when it is a token.
fn token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        if value.to_str().is_err() {
            return Err(refusal(TokenError::Malformed));
        }
        return Ok(web::bearer(headers));
    }
    let apikey = headers.get(APIKEY).and_then(|value| value.to_str().ok()).map(str::trim);
    Ok(apikey.filter(|key| key.bytes().filter(|byte| *byte == b'.').count() == 2))
}

fn refusal(error: TokenError) -> ApiError {
    let made = if error.code() == "PGRST303" {
        ApiError::claims(error.message())
    } else {
        ApiError::invalid_token(error.message())
    };
    match error.details() {
        Some(details) => made.with_details(details),
        None => made,
    }
}

/// Whom the claims are about.
fn subject_of(claims: &str) -> Arc<str> {
    let claims = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(claims).unwrap_or_default();
    Arc::from(claims.get("sub").and_then(|subject| subject.as_str()).unwrap_or(""))
}

/// Whether the claims have this role at the top, as they do but for unusual paths.
fn says_role(claims: &str, role: &str) -> bool {
    let claims = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(claims);
    claims.is_ok_and(|claims| claims.get("role").and_then(|found| found.as_str()) == Some(role))
}

fn with_role(claims: &str, role: &str) -> String {
    let mut claims: serde_json::Map<String, serde_json::Value> = serde_json::from_str(claims).unwrap_or_default();
    claims.insert("role".to_owned(), role.into());
    serde_json::Value::Object(claims).to_string()
}

/// `request.headers`: a JSON object; a header that came several times is joined by commas. Bytes that are not UTF-8 are replaced.
fn headers_json(headers: &HeaderMap) -> Arc<str> {
    let mut out = Vec::with_capacity(512);
    out.push(b'{');
    let mut pairs = headers.iter().filter(|(name, _)| **name != COOKIE).peekable();
    while let Some((name, value)) = pairs.next() {
        if out.len() > 1 {
            out.push(b',');
        }
        // A header's name is made of characters that need no escape.
        out.push(b'"');
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b"\":");
        // The values of one name come one after the other.
        let mut text = String::from_utf8_lossy(value.as_bytes());
        while let Some((_, more)) = pairs.next_if(|(next, _)| *next == name) {
            let text = text.to_mut();
            text.push_str(", ");
            text.push_str(&String::from_utf8_lossy(more.as_bytes()));
        }
        write_json_string(&text, &mut out);
    }
    out.push(b'}');
    Arc::from(String::from_utf8(out).expect("made of texts"))
}

/// `request.cookies`: a JSON object; `None` when there are none.
fn cookies_json(headers: &HeaderMap) -> Option<String> {
    headers.get(COOKIE)?;
    let mut cookies = serde_json::Map::new();
    for value in headers.get_all(COOKIE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for pair in text.split(';') {
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.trim().to_owned(), value.trim().trim_matches('"').into());
            }
        }
    }
    Some(serde_json::Value::Object(cookies).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::{ClaimPath, KeySet, Verifier, sign_hs256};
    use http::HeaderValue;
    use kernel::ManualClock;
    use serde_json::json;

    const SECRET: &str = "reallyreallyreallyreallyverysafe";

    fn gate(path: &str, anon: &str) -> Gate {
        let verifier = Verifier::new(KeySet::parse(SECRET, false).unwrap(), None, path.parse::<ClaimPath>().unwrap());
        Gate::new(CachedVerifier::new(verifier, 8), anon, Arc::new(ManualClock::at(Micros::from_secs(1_000))))
    }

    fn signed(claims: &serde_json::Value) -> String {
        sign_hs256(claims.as_object().unwrap(), SECRET.as_bytes())
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    #[test]
    fn the_role_comes_from_the_token_and_without_one_it_is_the_anonymous() {
        let user = signed(&json!({"role": "authenticated"}));
        let service = signed(&json!({"role": "service_role"}));
        let roleless = signed(&json!({"sub": "7"}));
        let expired = signed(&json!({"role": "authenticated", "exp": 1}));
        let bearer = |token: &str| format!("Bearer {token}");
        let gate = gate(".role", "anon");
        for (pairs, want) in [
            (vec![], Ok("anon")),
            (vec![("authorization", bearer(&user))], Ok("authenticated")),
            (vec![("authorization", format!("bEARER {user}"))], Ok("authenticated")),
            (vec![("authorization", "Basic YTpi".to_owned())], Ok("anon")),
            (vec![("apikey", service.clone())], Ok("service_role")),
            (vec![("apikey", "sb_publishable_x".to_owned())], Ok("anon")),
            (vec![("apikey", service.clone()), ("authorization", bearer(&user))], Ok("authenticated")),
            (vec![("apikey", service), ("authorization", "Bearer ".to_owned())], Err("PGRST301")),
            (vec![("authorization", bearer(&roleless))], Ok("anon")),
            (vec![("authorization", bearer(&expired))], Err("PGRST303")),
            (vec![("authorization", bearer("a.b"))], Err("PGRST301")),
            (vec![("authorization", "Bearer é".to_owned())], Err("PGRST301")),
        ] {
            let pairs: Vec<(&'static str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let got = gate.caller(&headers(&pairs));
            let got = got.as_ref().map(|caller| &*caller.role).map_err(|error| &*error.code);
            assert_eq!(got, want, "{pairs:?}");
        }
    }

    #[test]
    fn without_an_anonymous_role_a_token_is_required() {
        let gate = gate(".role", "");
        assert_eq!(gate.caller(&HeaderMap::new()).unwrap_err().code, "PGRST302");
        let roleless = format!("Bearer {}", signed(&json!({"sub": "7"})));
        assert_eq!(gate.caller(&headers(&[("authorization", &roleless)])).unwrap_err().code, "PGRST302");
    }

    #[test]
    fn the_claims_that_sql_sees_always_say_the_role() {
        for (path, claims, want) in [
            (".role", json!({"role": "authenticated", "sub": "7"}), json!({"role": "authenticated", "sub": "7"})),
            (".app.role", json!({"app": {"role": "editor"}}), json!({"app": {"role": "editor"}, "role": "editor"})),
            (
                ".app.role",
                json!({"app": {"role": "editor"}, "role": "x"}),
                json!({"app": {"role": "editor"}, "role": "editor"}),
            ),
            (".role", json!({"sub": "7"}), json!({"role": "anon", "sub": "7"})),
        ] {
            let token = format!("Bearer {}", signed(&claims));
            let caller = gate(path, "anon").caller(&headers(&[("authorization", &token)])).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&caller.claims).unwrap(), want);
        }
    }

    #[test]
    fn headers_and_cookies_are_json_objects() {
        let caller = gate(".role", "anon")
            .caller(&headers(&[("x-a", "1"), ("x-b", "q\"\\"), ("x-a", "2"), ("cookie", "s=1; t=\"x\"; junk")]))
            .unwrap();
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&caller.headers), json!({"x-a": "1, 2", "x-b": "q\"\\"}));
        assert_eq!(read(&caller.cookies), json!({"s": "1", "t": "x"}));
    }
}
