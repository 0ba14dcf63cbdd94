//! The `Authorization` that a step's pseudo headers ask for.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::json::Json;

/// The secret that the server under test must be given.
pub const SECRET: &str = "a-secret-that-only-the-cases-know-of-0123456789";
/// A secret that it must not know.
pub const OTHER_SECRET: &str = "another-secret-nobody-should-trust-0123456789";

pub(super) fn authorization(pseudo: &BTreeMap<String, String>, now: i64) -> Option<String> {
    if let Some(raw) = pseudo.get("Token-Raw") {
        return Some(raw.clone());
    }
    let claims = claims(pseudo, now)?;
    let mut header = object(r#"{"alg":"HS256","typ":"JWT"}"#);
    merge(&mut header, pseudo.get("Token-Header").map_or_else(Vec::new, |text| object(text)));
    let header = Json::Object(header);
    let algorithm = match header.get("alg").and_then(Json::as_text) {
        Some("none") => None,
        Some("HS384") => Some(hmac::HMAC_SHA384),
        Some("HS512") => Some(hmac::HMAC_SHA512),
        _ => Some(hmac::HMAC_SHA256),
    };
    let secret = if pseudo.get("Token-Key").is_some_and(|key| key == "other") { OTHER_SECRET } else { SECRET };
    let encode = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&Json::Object(claims)));
    let mac = algorithm.map_or_else(String::new, |algorithm| {
        URL_SAFE_NO_PAD.encode(hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), signed.as_bytes()))
    });
    let scheme = pseudo.get("Token-Scheme").map_or("Bearer", String::as_str);
    Some(format!("{scheme} {signed}.{mac}"))
}

fn claims(pseudo: &BTreeMap<String, String>, now: i64) -> Option<Vec<(String, Json)>> {
    let mut claims = if let Some(text) = pseudo.get("Token-Claims") {
        object(text)
    } else {
        let role = pseudo.get("Role").map_or("none", String::as_str);
        let (role, extra) = role.split_once(' ').unwrap_or((role, ""));
        if role == "none" {
            return None;
        }
        let mut claims = vec![
            ("role".to_owned(), Json::Text(role.to_owned())),
            ("exp".to_owned(), Json::Text("now+3600".to_owned())),
        ];
        if !extra.trim().is_empty() {
            merge(&mut claims, object(extra));
        }
        claims
    };
    for (name, value) in &mut claims {
        if let ("exp" | "nbf" | "iat", Json::Text(text)) = (name.as_str(), &*value)
            && let Some(offset) = text.strip_prefix("now")
        {
            let offset: i64 =
                if offset.is_empty() { 0 } else { offset.parse().expect("`now`, or `now` and an offset") };
            *value = Json::Number((now + offset).to_string());
        }
    }
    Some(claims)
}

fn object(text: &str) -> Vec<(String, Json)> {
    match Json::parse(text) {
        Ok(Json::Object(members)) => members,
        other => panic!("a pseudo header wants a JSON object: {text}: {other:?}"),
    }
}

fn merge(into: &mut Vec<(String, Json)>, members: Vec<(String, Json)>) {
    for (name, value) in members {
        into.retain(|(known, _)| *known != name);
        into.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(pairs: &[(&str, &str)]) -> Option<String> {
        let pseudo = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        authorization(&pseudo, 1_000)
    }

    fn parts(value: &str) -> (String, String, bool) {
        let token = value.rsplit(' ').next().unwrap();
        let mut parts = token.split('.');
        let mut decoded = || String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap()).unwrap();
        (decoded(), decoded(), !parts.next().unwrap().is_empty())
    }

    #[test]
    fn pseudo_headers_become_a_token() {
        for (pairs, expected) in [
            (&[("Role", "anon")][..], (r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"role":"anon","exp":4600}"#, true)),
            (
                &[("Role", r#"x {"sub":"7"}"#)],
                (r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"role":"x","exp":4600,"sub":"7"}"#, true),
            ),
            (&[("Token-Claims", r#"{"nbf":"now-60"}"#)], (r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"nbf":940}"#, true)),
            (
                &[("Token-Claims", "{}"), ("Token-Header", r#"{"alg":"none"}"#)],
                (r#"{"typ":"JWT","alg":"none"}"#, "{}", false),
            ),
        ] {
            let (head, claims, signed) = parts(&header(pairs).expect("a token"));
            assert_eq!((&*head, &*claims, signed), expected, "{pairs:?}");
        }
        assert_eq!(header(&[]), None);
        assert_eq!(header(&[("Role", "none")]), None);
        assert_eq!(header(&[("Token-Raw", "Basic x")]), Some("Basic x".to_owned()));
        assert!(header(&[("Role", "a"), ("Token-Scheme", "bearer")]).is_some_and(|value| value.starts_with("bearer ")));
        assert_ne!(header(&[("Role", "a"), ("Token-Key", "other")]), header(&[("Role", "a")]));
    }
}
