//! The audit log as the house has it: its key, its worker, and what it answers under `/audit/v1`.

use std::sync::Arc;
use std::time::Duration;

use ::audit::{Audit, AuditError, Refusal, Witness, WitnessError};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crypto::tlog::{Cosigner, NoteSigner, Tile, VerifierKey, WITNESS_BODY_BYTES_MAX, WitnessRefusal};
use data::{Answer, Caller};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use kernel::error::{FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, UNAVAILABLE};
use kernel::{Clock, Error, RequestId, Result, Secret};
use store::{Origin, Store};
use web::{Request, Response, response};

use crate::config::App;
use crate::front::Desk;
use crate::keys::{self, KeysError, SERVICE_ROLE};

/// Where the log is served.
pub const AUDIT: &str = "/audit/v1";
/// The file in the data folder that keeps the seed of the signing key.
const KEY_FILE: &str = "audit-key";
/// A body of octets.
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// What a witness answers with the size it has.
const SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");
/// How long to wait after a round that failed.
const AGAIN: Duration = Duration::from_secs(10);

/// The log of an app, and what it takes to serve it.
#[derive(Clone)]
pub struct Log {
    audit: Audit,
    clock: Arc<dyn Clock>,
    /// How often it is sealed.
    every: Duration,
}

impl Log {
    /// The log, when the app's settings want one.
    pub(crate) fn open(app: &App, store: Arc<Store>, clock: Arc<dyn Clock>) -> Result<Option<Self>, KeysError> {
        let settings = &app.settings.audit;
        if !settings.enabled {
            return Ok(None);
        }
        let every = Duration::from_millis(settings.checkpoint_interval_ms);
        Ok(Some(Self { audit: Audit::new(store, signer(app)?, witness(app)?), clock, every }))
    }
}

/// The name of an app's log.
fn origin(app: &App) -> String {
    app.settings.audit.origin.clone().unwrap_or_else(|| {
        let name: String =
            app.name().chars().map(|c| if c.is_whitespace() || c.is_control() || c == '+' { '-' } else { c }).collect();
        format!("{name}/audit")
    })
}

fn seed(app: &App) -> Result<Secret<[u8; 32]>, KeysError> {
    let text = match &app.settings.audit.signing_key {
        Some(key) => key.clone(),
        None => keys::generated(&app.data_dir(), KEY_FILE)?,
    };
    let bytes = URL_SAFE_NO_PAD.decode(text.expose().trim()).ok().and_then(|bytes| bytes.try_into().ok());
    let wrong =
        || KeysError::Key("the audit log's signing key is not 32 bytes in base64url (audit.signing_key)".to_owned());
    bytes.map(Secret::new).ok_or_else(wrong)
}

/// What signs an app's checkpoints.
pub(crate) fn signer(app: &App) -> Result<NoteSigner, KeysError> {
    let wrong = |form: crypto::tlog::FormError| KeysError::Key(format!("audit.origin: {form}"));
    NoteSigner::from_seed(&origin(app), &seed(app)?).map_err(wrong)
}

/// What cosigns the checkpoints of other logs. Its key follows from the signing key and is another one.
fn witness(app: &App) -> Result<Option<Witness>, KeysError> {
    if app.settings.audit.witness_logs.is_empty() {
        return Ok(None);
    }
    let wrong = |form: crypto::tlog::FormError| KeysError::Key(format!("audit.witness_logs: {form}"));
    let logs: std::result::Result<Vec<VerifierKey>, _> =
        app.settings.audit.witness_logs.iter().map(|key| key.parse()).collect();
    let derived = Secret::new(crypto::hmac_sha256(seed(app)?.expose(), b"mainstay audit witness 1"));
    let cosigner = Cosigner::from_seed(&format!("{}/witness", origin(app)), &derived).map_err(wrong)?;
    Ok(Some(Witness { cosigner, logs: logs.map_err(wrong)? }))
}

/// Numbers and signs, now and then. Runs until it is aborted.
pub(crate) async fn seal(Log { audit, every, .. }: Log) {
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = audit.settle().await {
            tracing::warn!(%error, "refusals could not be put into the audit log; trying again later");
        }
        if let Err(error) = audit.seal().await {
            match error {
                AuditError::Changed(_) | AuditError::Broken(_) => {
                    tracing::error!(%error, "the audit log is not signed");
                }
                other => tracing::warn!(error = %other, "the audit log could not be signed; trying again later"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl Log {
    /// Puts down that a request was refused, if it was.
    pub(crate) fn note(&self, request: &Seen, caller: Option<&Caller>, answer: &Answer) {
        if answer.status != 401 && answer.status != 403 {
            return;
        }
        let body: Option<serde_json::Value> = answer.body.as_ref().and_then(|body| serde_json::from_slice(body).ok());
        let reason = body.as_ref().and_then(|body| body.get("code")).and_then(|code| code.as_str());
        self.audit.refused(Refusal {
            at: self.clock.now(),
            action: if caller.is_some() { "data.request.refused" } else { "auth.token.refused" },
            role: caller.map_or_else(String::new, |caller| caller.role.to_string()),
            subject: caller.map_or_else(String::new, |caller| caller.subject.to_string()),
            address: request.origin.peer.clone(),
            method: request.method.to_string(),
            path: request.path.clone(),
            reason: reason.map(str::to_owned),
            request: RequestId::from_caller(request.origin.request.as_bytes()),
            trace: request.origin.trace.get(3..35).map(str::to_owned),
        });
    }
}

/// What the log needs of a request whose body is gone.
pub(crate) struct Seen {
    origin: Origin,
    method: Method,
    path: String,
}

impl Seen {
    /// A request that begins.
    pub(crate) fn of(request: &Request) -> Self {
        let origin = Origin {
            request: request.id.as_str().to_owned(),
            trace: request.trace.own.to_string(),
            peer: request.peer.to_string(),
        };
        Self { origin, method: request.head.method.clone(), path: request.head.uri.path().to_owned() }
    }
}

/// Answers a request below [`AUDIT`]. Checkpoints and witnessing are for everybody; what entries say is for the service role.
pub(crate) async fn answer(log: &Log, desk: &Desk, mut request: Request) -> Result<Response> {
    let Log { audit, clock, .. } = log;
    let path = request.head.uri.path().strip_prefix(AUDIT).unwrap_or_default().trim_start_matches('/').to_owned();
    let nothing = || Error::new(&NOT_FOUND, "The audit log has no such thing.");
    if path == "add-checkpoint" {
        if request.head.method != Method::POST {
            return Err(Error::new(&crate::routes::METHOD_NOT_ALLOWED, "Use POST."));
        }
        let body = request.body.read().await?;
        return Ok(witnessed(
            audit.witness(&body[..body.len().min(WITNESS_BODY_BYTES_MAX + 1)], now_s(&**clock)).await,
        ));
    }
    if request.head.method != Method::GET && request.head.method != Method::HEAD {
        return Err(Error::new(&crate::routes::METHOD_NOT_ALLOWED, "Use GET or HEAD."));
    }
    match path.as_str() {
        "checkpoint" => {
            let checkpoint = audit.checkpoint().await.map_err(failed)?.ok_or_else(nothing)?;
            return Ok(fresh(response::text(StatusCode::OK, checkpoint)));
        }
        "key" => return Ok(fresh(response::text(StatusCode::OK, format!("{}\n", audit.key())))),
        _ => {}
    }
    if let Some(origin) = path.strip_suffix("/checkpoint").and_then(hash_of) {
        let cosigned = audit.witnessed(origin).await.map_err(failed)?.ok_or_else(nothing)?;
        return Ok(fresh(response::text(StatusCode::OK, cosigned)));
    }
    authorise(desk, &request)?;
    if let Some(index) = path.strip_prefix("proof/").and_then(|index| index.parse().ok()) {
        let file = audit.prove(index).await.map_err(failed)?;
        return Ok(fresh(response::text(StatusCode::OK, file.to_string())));
    }
    if let Some((old, new)) = path.strip_prefix("consistency/").and_then(|sizes| sizes.split_once('/'))
        && let (Ok(old), Ok(new)) = (old.parse(), new.parse())
    {
        let proof = audit.prove_consistency(old, new).await.map_err(failed)?;
        let lines: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        return Ok(fresh(response::text(StatusCode::OK, lines)));
    }
    let tile: Tile = path.parse().map_err(|_| nothing())?;
    let bytes = audit.tile(tile).await.map_err(failed)?.ok_or_else(nothing)?;
    let mut answer = response::of(StatusCode::OK, OCTETS, bytes);
    // A tile of this path never changes; it is for the one who asked.
    let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
    answer.headers_mut().insert(CACHE_CONTROL, forever);
    Ok(answer)
}

fn fresh(mut answer: Response) -> Response {
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn now_s(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().as_secs()).unwrap_or_default()
}

/// A SHA-256 in lower-case hexadecimal.
fn hash_of(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut hash = [0; 32];
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (crypto::hex(&hash) == text).then_some(hash)
}

fn authorise(desk: &Desk, request: &Request) -> Result<()> {
    let refused = |error: data::request::ApiError| Error::new(&UNAUTHENTICATED, error.message);
    let caller = desk.gate.caller(&request.head.headers).map_err(refused)?;
    if &*caller.role == SERVICE_ROLE {
        return Ok(());
    }
    Err(Error::new(
        if caller.anonymous { &UNAUTHENTICATED } else { &FORBIDDEN },
        "The audit log is for the service role.",
    ))
}

fn failed(error: AuditError) -> Error {
    match error {
        AuditError::Empty | AuditError::NoEntry(_) => Error::new(&NOT_FOUND, error.to_string()),
        AuditError::Store(store::Error::Unavailable { retry_after, .. } | store::Error::Overloaded { retry_after }) => {
            Error::new(&UNAVAILABLE, "").with_retry_after(retry_after)
        }
        other => Error::internal(other),
    }
}

/// The answer to a log that asked for a cosignature.
fn witnessed(decision: std::result::Result<String, WitnessError>) -> Response {
    let refusal = match decision {
        Ok(lines) => return response::text(StatusCode::OK, lines),
        Err(WitnessError::Refused(refusal)) => refusal,
        Err(WitnessError::Store(error)) => {
            tracing::error!(%error, "a checkpoint could not be cosigned");
            return response::text(StatusCode::SERVICE_UNAVAILABLE, "try again later\n");
        }
    };
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let WitnessRefusal::Conflict(size) = refusal {
        let mut answer = response::text(status, format!("{size}\n"));
        answer.headers_mut().insert(CONTENT_TYPE, SIZE);
        return answer;
    }
    response::text(status, format!("{refusal}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origins_hash_is_read_in_one_form_only() {
        let hash = crypto::sha256(b"a");
        let text = crypto::hex(&hash);
        assert_eq!(hash_of(&text), Some(hash));
        for wrong in [
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            "",
            &text.replace('c', "g"),
            &text.replace("ca", "+a"),
        ] {
            assert_eq!(hash_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_log_is_told_the_size_it_should_have_named() {
        let answer = witnessed(Err(WitnessRefusal::Conflict(7).into()));
        assert_eq!((answer.status(), answer.headers()[CONTENT_TYPE].clone()), (StatusCode::CONFLICT, SIZE));
        assert_eq!(witnessed(Err(WitnessRefusal::Inconsistent.into())).status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(witnessed(Ok("x\n".to_owned())).status(), StatusCode::OK);
    }
}
