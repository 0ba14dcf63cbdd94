//! `/events/v1/schemas`: what data of events have to look like, by type and version. Also read from `schemas/{type}/{version}.json` in the
//! app's folder at start.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ::schemas::{Compatibility, Kind, Refused, Registered, Registry, Schemas};
use bytes::Bytes;
use data::Caller;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use kernel::error::{FORBIDDEN, INVALID, NOT_FOUND};
use kernel::{Error, Result};
use serde_json::{Value, json};
use store::{Scope, Store, Tx};
use web::{Request, Response, response};

use crate::config::App;
use crate::failure::Failure;
use crate::feed;
use crate::routes::METHOD_NOT_ALLOWED;

/// Where the registry is.
pub const SCHEMAS: &str = "/events/v1/schemas";
/// A schema's media type.
const SCHEMA: HeaderValue = HeaderValue::from_static("application/schema+json");
/// The folder in the app's.
const FOLDER: &str = "schemas";

/// The registry, for reading and changing.
pub struct Shelf {
    /// Where it is kept.
    pub store: Arc<Store>,
    /// The room.
    pub schemas: Arc<Schemas>,
    /// Roles that may read it, beside those that row security does not bind: those that send.
    pub readers: Vec<String>,
}

/// What a path names.
enum Place {
    All,
    Kind(String),
    Version(String, Option<i64>),
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(SCHEMAS)?.trim_start_matches('/');
        if rest.is_empty() {
            return Some(Self::All);
        }
        let (kind, version) = rest.split_once('/').unwrap_or((rest, ""));
        let kind = ::schemas::decoded(kind)?;
        match version {
            "" => Some(Self::Kind(kind)),
            "latest" => Some(Self::Version(kind, None)),
            number => Some(Self::Version(kind, Some(number.parse().ok().filter(|number| *number > 0)?))),
        }
    }
}

impl Shelf {
    /// Answers a request.
    pub(crate) async fn answer(&self, caller: Caller, mut request: Request) -> Result<Response> {
        let reads = request.head.method == Method::GET || request.head.method == Method::HEAD;
        let may_read = reads && self.readers.iter().any(|role| **role == *caller.role);
        if !may_read && !feed::sees_all(&self.store, &caller) {
            return Err(Error::new(
                &FORBIDDEN,
                "Schemas are for roles that row security does not bind; those that send events may read them.",
            ));
        }
        let nothing = || Error::new(&NOT_FOUND, "There is no such schema.");
        let place = Place::of(request.head.uri.path()).ok_or_else(nothing)?;
        if reads {
            return self.read(&place).await?.ok_or_else(nothing);
        }
        let method = request.head.method.clone();
        let body = request.body.read().await?;
        let scope = crate::intake::scope(caller, &request, Scope::default().timeout);
        let answer = match (method, place) {
            (Method::POST, Place::Kind(kind)) => self.register(scope, kind, None, &body).await?,
            (Method::PUT, Place::Version(kind, Some(version))) => {
                self.register(scope, kind, Some(version), &body).await?
            }
            (Method::PUT, Place::Kind(kind)) => {
                let compatibility = wanted(&body)?;
                self.unit(scope, move |tx| ::schemas::set_compatibility(tx, &kind, compatibility)).await?;
                response::empty(StatusCode::NO_CONTENT)
            }
            (Method::DELETE, Place::Version(kind, version @ Some(_))) => {
                self.unit(scope, move |tx| ::schemas::remove(tx, &kind, version)).await?;
                response::empty(StatusCode::NO_CONTENT)
            }
            (Method::DELETE, Place::Kind(kind)) => {
                self.unit(scope, move |tx| ::schemas::remove(tx, &kind, None)).await?;
                response::empty(StatusCode::NO_CONTENT)
            }
            _ => {
                return Err(Error::new(
                    &METHOD_NOT_ALLOWED,
                    "A type takes POST, PUT and DELETE, a version PUT and DELETE.",
                ));
            }
        };
        self.schemas.refresh(&self.store).await.map_err(feed::failed)?;
        Ok(answer)
    }

    async fn read(&self, place: &Place) -> Result<Option<Response>> {
        let registry: Arc<Registry> = self.schemas.refresh(&self.store).await.map_err(feed::failed)?;
        let mut answer = match place {
            Place::All => {
                let all: Vec<Value> = registry.kinds.iter().map(|(name, kind)| shown(name, kind)).collect();
                response::json(StatusCode::OK, json!({"schemas": all}).to_string())
            }
            Place::Kind(name) => {
                let Some(kind) = registry.kinds.get(name) else { return Ok(None) };
                response::json(StatusCode::OK, shown(name, kind).to_string())
            }
            Place::Version(name, number) => {
                let Some(kind) = registry.kinds.get(name) else { return Ok(None) };
                let version = match number {
                    Some(number) => kind.versions.get(number),
                    None => kind.versions.values().next_back(),
                };
                let Some(version) = version else { return Ok(None) };
                response::of(StatusCode::OK, SCHEMA, version.text.clone())
            }
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(Some(answer))
    }

    async fn register(&self, scope: Scope, kind: String, version: Option<i64>, body: &Bytes) -> Result<Response> {
        let text =
            std::str::from_utf8(body).map_err(|_| Error::new(&::schemas::SCHEMA_INVALID, "A schema is UTF-8."))?;
        let (text, name) = (text.to_owned(), kind.clone());
        let unit = move |tx: &mut Tx<'_>| ::schemas::register(tx, &name, version, &text, Compatibility::default());
        let Registered { version, new } = self.unit(scope, unit).await?;
        let body = json!({"type": kind, "version": version}).to_string();
        let mut answer = response::json(if new { StatusCode::CREATED } else { StatusCode::OK }, body);
        let escaped: String = kind.bytes().fold(String::new(), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        });
        if let Ok(place) = HeaderValue::try_from(format!("{SCHEMAS}/{escaped}/{version}")) {
            answer.headers_mut().insert(LOCATION, place);
        }
        Ok(answer)
    }

    async fn unit<T: Send + 'static>(
        &self,
        scope: Scope,
        unit: impl Fn(&mut Tx<'_>) -> std::result::Result<T, Refused> + Send + 'static,
    ) -> Result<T> {
        self.store.write(scope, unit).await.map_err(|refused| match refused {
            Refused::Because(error) => error,
            Refused::Store(error) => feed::failed(error),
        })
    }
}

fn shown(name: &str, kind: &Kind) -> Value {
    let versions: Vec<i64> = kind.versions.keys().copied().collect();
    json!({"type": name, "compatibility": kind.compatibility.to_string(), "versions": versions})
}

/// The body that says what new versions must keep: `{"compatibility": "full"}`.
fn wanted(body: &Bytes) -> Result<Compatibility> {
    let body: Option<BTreeMap<String, String>> = serde_json::from_slice(body).ok();
    let word = body.as_ref().filter(|body| body.len() == 1).and_then(|body| body.get("compatibility"));
    word.and_then(|word| word.parse().ok()).ok_or_else(|| {
        let words: Vec<&str> = Compatibility::ALL.iter().map(|(_, word)| *word).collect();
        Error::new(&INVALID, "").with_field("/compatibility", format!("one of {}", words.join(", ")))
    })
}

/// The registry, with what the app's folder has registered.
pub(crate) async fn open(app: &App, store: &Store) -> std::result::Result<Arc<Schemas>, Failure> {
    for (kind, version, text) in files(&app.folder.join(FOLDER))? {
        let name = format!("{FOLDER}/{kind}/{version}.json");
        let unit =
            move |tx: &mut Tx<'_>| ::schemas::register(tx, &kind, Some(version), &text, Compatibility::default());
        store.write(Scope::default(), unit).await.map_err(|refused| match refused {
            Refused::Store(error) => Failure::Database(error.to_string()),
            Refused::Because(error) => {
                let places = error.fields.iter().map(|field| format!("\n  {}: {}", field.path, field.detail));
                Failure::Other(format!("{name}: {error}{}", places.collect::<String>()))
            }
        })?;
    }
    let schemas = Arc::new(Schemas::default());
    schemas.refresh(store).await.map_err(|error| Failure::Database(error.to_string()))?;
    Ok(schemas)
}

/// The schemas of a folder, each type's in the order of their numbers.
fn files(folder: &Path) -> std::result::Result<Vec<(String, i64, String)>, Failure> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    let failed = |path: &Path, error: &dyn std::fmt::Display| Failure::Other(format!("{}: {error}", path.display()));
    let list = |path: &Path| -> std::result::Result<Vec<_>, Failure> {
        let entries = fs::read_dir(path).map_err(|error| failed(path, &error))?;
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| failed(path, &error))).collect()
    };
    for kind in list(folder)? {
        if !kind.is_dir() {
            continue;
        }
        let name = kind.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for file in list(&kind)? {
            let stem = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
            let Some(version) = stem.and_then(|stem| stem.parse::<i64>().ok()).filter(|version| *version > 0) else {
                return Err(failed(&file, &"a schema's file is called by its version: 1.json, 2.json"));
            };
            let text = fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
            found.push((name.clone(), version, text));
        }
    }
    found.sort();
    Ok(found)
}
