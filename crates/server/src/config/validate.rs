//! Rules that hold between settings, and those that need a reader of their own.

use std::sync::Arc;

use kernel::SystemClock;
use telemetry::log::Format;

use super::Settings;

/// What does not hold, as (key, text).
pub(super) fn validate(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let auth = &settings.auth;
    if let Some(secret) = &auth.jwt_secret
        && let Err(error) = crypto::KeySet::parse(secret.expose(), auth.jwt_secret_is_base64)
    {
        wrong.push(("auth.jwt_secret", format!("auth.jwt_secret: {error}")));
    }
    if let Some(keys) = &auth.jwks {
        if auth.jwt_secret.is_some() {
            wrong.push(("auth.jwks", "auth.jwks and auth.jwt_secret are both set: remove one".to_owned()));
        } else if let Err(error) = crypto::KeySet::from_json(keys.expose()) {
            wrong.push(("auth.jwks", format!("auth.jwks: {error}")));
        }
    }
    if let Err(error) = auth.jwt_role_claim_key.parse::<crypto::ClaimPath>() {
        wrong.push(("auth.jwt_role_claim_key", format!("auth.jwt_role_claim_key: {error}")));
    }
    if settings.audit.enabled && !settings.events.capture {
        let text = "audit.enabled needs events.capture: the log is made of what happened";
        wrong.push(("audit.enabled", text.to_owned()));
    }
    for key in &settings.audit.witness_logs {
        if let Err(form) = key.parse::<crypto::tlog::VerifierKey>() {
            wrong.push(("audit.witness_logs", format!("audit.witness_logs: {form}")));
        }
    }
    if !is_place(&settings.server.listen) {
        let text = "server.listen must be host:port, such as 127.0.0.1:8000, or unix:/path of a socket";
        wrong.push(("server.listen", text.to_owned()));
    }
    if settings.data.schemas.is_empty() {
        wrong.push(("data.schemas", "data.schemas must name at least one schema".to_owned()));
    }
    let unnamed =
        |name: &String| name.split('.').any(str::is_empty) || name.split('.').count() > 2 || name.contains('(');
    if settings.data.pre_request.as_ref().is_some_and(unnamed) {
        let text = "data.pre_request must be the name of a function, such as public.check_request";
        wrong.push(("data.pre_request", text.to_owned()));
    }
    for pair in &settings.data.app_settings {
        let word = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        };
        if !pair.split_once('=').is_some_and(|(name, _)| word(name)) {
            let text = format!("data.app_settings: {pair} is no setting; write it like plan=pro");
            wrong.push(("data.app_settings", text));
        }
    }
    if let Some(url) = &settings.store.url {
        let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme));
        if !known {
            let text = "store.url must begin with postgres://; without it data lives in SQLite in the data folder";
            wrong.push(("store.url", text.to_owned()));
        } else if let Err(error) = store::postgres::judge_url(url.expose()) {
            wrong.push(("store.url", format!("store.url: {error}")));
        }
    }
    if let Some(url) = &settings.server.public_url
        && !is_web(url)
    {
        wrong.push(("server.public_url", "server.public_url must begin with http:// or https://".to_owned()));
    }
    for origin in &settings.cors.allowed_origins {
        // A browser sends scheme, host and port only; with anything more the two never match.
        if !is_web(origin) || origin.splitn(4, '/').nth(3).is_some() {
            let text = format!("cors.allowed_origins: {origin} is no origin; write it like https://app.example.org");
            wrong.push(("cors.allowed_origins", text));
        }
    }
    if let Err(error) =
        telemetry::log::subscriber(Format::Json, &settings.log.level, Arc::new(SystemClock), std::io::sink)
    {
        wrong.push(("log.level", format!("log.level: {error}")));
    }
    wrong
}

/// Can somebody listen there: a host and a port, or a socket's path.
fn is_place(address: &str) -> bool {
    match address.strip_prefix("unix:") {
        Some(path) => !path.is_empty(),
        None => address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
    }
}

fn is_web(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Secret;

    #[test]
    fn each_rule_names_its_key() {
        type Change = fn(&mut Settings);
        let table: Vec<(Change, Vec<&str>)> = vec![
            (|_| (), vec![]),
            (|s| s.auth.jwt_secret = Some(Secret::new("short".to_owned())), vec!["auth.jwt_secret"]),
            (|s| s.auth.jwks = Some(Secret::new("{}".to_owned())), vec!["auth.jwks"]),
            (|s| s.auth.jwt_role_claim_key = "..".to_owned(), vec!["auth.jwt_role_claim_key"]),
            (|s| s.server.listen = "nowhere".to_owned(), vec!["server.listen"]),
            (|s| s.server.listen = "127.0.0.1:99999".to_owned(), vec!["server.listen"]),
            (|s| s.server.listen = "[::]:8000".to_owned(), vec![]),
            (|s| s.server.listen = "unix:/run/shop.sock".to_owned(), vec![]),
            (|s| s.data.schemas.clear(), vec!["data.schemas"]),
            (|s| s.data.pre_request = Some("a.b.c".to_owned()), vec!["data.pre_request"]),
            (|s| s.store.url = Some(Secret::new("postgres://x/y?sslmode=foo".to_owned())), vec!["store.url"]),
            (|s| s.store.url = Some(Secret::new("postgres://x:port/y".to_owned())), vec!["store.url"]),
            (|s| s.data.pre_request = Some("api.f".to_owned()), vec![]),
            (|s| s.data.pre_request = Some("f()".to_owned()), vec!["data.pre_request"]),
            (|s| s.data.app_settings = vec!["plan=a=b".to_owned(), "p.x=".to_owned()], vec![]),
            (|s| s.data.app_settings = vec!["plan".to_owned()], vec!["data.app_settings"]),
            (|s| s.data.app_settings = vec!["a b=1".to_owned()], vec!["data.app_settings"]),
            (|s| s.store.url = Some(Secret::new("mysql://x".to_owned())), vec!["store.url"]),
            (|s| s.store.url = Some(Secret::new("postgres://x/y".to_owned())), vec![]),
            (|s| s.server.public_url = Some("example.org".to_owned()), vec!["server.public_url"]),
            (|s| s.server.public_url = Some("https://example.org/api".to_owned()), vec![]),
            (|s| s.cors.allowed_origins = vec!["https://a.b:8443".to_owned()], vec![]),
            (|s| s.cors.allowed_origins = vec!["https://a.b/".to_owned()], vec!["cors.allowed_origins"]),
            (|s| s.cors.allowed_origins = vec!["*".to_owned()], vec!["cors.allowed_origins"]),
            (|s| s.log.level = "web=loud".to_owned(), vec!["log.level"]),
            (|s| s.log.level = "loud".to_owned(), vec!["log.level"]),
            (|s| s.log.level = "warn,web".to_owned(), vec!["log.level"]),
            (|s| s.log.level = "info,web::access=off".to_owned(), vec![]),
        ];
        for (change, want) in table {
            let mut settings = Settings::default();
            change(&mut settings);
            let keys: Vec<&str> = validate(&settings).into_iter().map(|(key, _)| key).collect();
            assert_eq!(keys, want);
        }
    }
}
