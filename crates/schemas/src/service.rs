//! The registry as it is known here, and its changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use kernel::error::NOT_FOUND;
use kernel::{Code, Error};
use serde_json::{Value, json};
use store::{Connection, Event, Lane, Scope, Store, Tx};

use crate::compare::covers;
use crate::error::{INCOMPATIBLE, SCHEMA_INVALID, VERSION_TAKEN};
use crate::model::{Compatibility, Finding, Kind, Version};
use crate::rules::{named, parse};
use crate::store as rows;

/// Versions of all types together, and their bytes.
const VERSIONS_MAX: i64 = 5_000;
const BYTES_MAX: i64 = 32 << 20;
/// Types, those without versions included.
const KINDS_MAX: usize = 10_000;
/// Characters of a type's name.
const KIND_MAX: usize = 255;

/// All that is registered, at one moment.
#[derive(Debug, Default)]
pub struct Registry {
    /// What tells this moment from others.
    pub stamp: i64,
    /// Types by name, also those whose versions are all gone.
    pub kinds: BTreeMap<String, Kind>,
}

/// The room.
#[derive(Debug, Default)]
pub struct Schemas {
    current: ArcSwap<Registry>,
}

/// Why the registry was not changed.
#[derive(Debug)]
pub enum Refused {
    /// The store failed.
    Store(store::Error),
    /// It may not be.
    Because(Error),
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// What came of registering a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its number.
    pub version: i64,
    /// It was not there before.
    pub new: bool,
}

impl Schemas {
    /// What is known now.
    pub fn registry(&self) -> Arc<Registry> {
        self.current.load_full()
    }

    /// Learns what is registered, if that is not what is known.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn refresh(&self, store: &Store) -> store::Result<Arc<Registry>> {
        let known = self.registry();
        let found = store
            .read(Scope::default(), Lane::Long, move |conn| {
                let stamp = rows::stamp(conn)?;
                if stamp == known.stamp {
                    return Ok::<_, store::Error>(known);
                }
                read(conn, stamp, &known).map(Arc::new)
            })
            .await?;
        self.current.store(found.clone());
        Ok(found)
    }
}

/// All that is registered. What was known before is not compiled again.
fn read(conn: &mut dyn Connection, stamp: i64, known: &Registry) -> store::Result<Registry> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (name, (word, _)) in rows::kinds(conn)? {
        let compatibility = word.parse().unwrap_or_default();
        kinds.insert(name, Kind { compatibility, versions: BTreeMap::new() });
    }
    for (name, number, text) in rows::versions(conn)? {
        let before = known.kinds.get(&name).and_then(|kind| kind.versions.get(&number));
        let version = match before.filter(|version| version.text == text) {
            Some(version) => version.clone(),
            None => match parse(&text) {
                Ok((_, version)) => Arc::new(version),
                Err(finding) => {
                    let why = format!("the schema {name}/{number} cannot be read: {} {}", finding.at, finding.why);
                    return Err(store::Error::Internal(why));
                }
            },
        };
        if let Some(kind) = kinds.get_mut(&name) {
            kind.versions.insert(number, version);
        }
    }
    Ok(Registry { stamp, kinds })
}

impl Registry {
    /// What is wrong with an event's data, given its type, the schema it names, and its data as JSON if they are that. Types
    /// without schemas may have any data.
    pub fn judge(&self, kind: &str, dataschema: Option<&str>, data: Option<&str>) -> Vec<Finding> {
        let finding = |at: &str, why: String| vec![Finding { at: at.to_owned(), why }];
        let registered = self.kinds.get(kind);
        let version = match dataschema.and_then(named) {
            Some((of, _)) if of != kind => {
                return finding("/dataschema", format!("the schema of another type, {of}"));
            }
            Some((_, number)) => match registered.and_then(|kind| kind.versions.get(&number)) {
                Some(version) => version,
                None => return finding("/dataschema", format!("there is no version {number}")),
            },
            None => {
                let Some(registered) = registered else { return Vec::new() };
                let called = |version: &&Arc<Version>| dataschema.is_some() && version.id.as_deref() == dataschema;
                let by_id = registered.versions.values().rfind(called);
                match by_id.or_else(|| registered.versions.values().next_back()) {
                    Some(version) => version,
                    None => return Vec::new(),
                }
            }
        };
        match data.map(serde_json::from_str::<Value>) {
            Some(Ok(data)) => version.judge(&data),
            Some(Err(_)) | None => finding("/data", "has to be JSON, since the type has a schema".to_owned()),
        }
    }
}

fn because(code: &'static Code, why: impl Into<String>) -> Refused {
    Refused::Because(Error::new(code, why))
}

/// Registers a schema as the next version of a type, or finds that it is there already. `wanted` is the number it is to have, if that matters;
/// `compatibility` is that of a type that is new.
///
/// # Errors
/// [`Refused`]: no schema, not the next number, not compatible.
pub fn register(
    tx: &mut Tx<'_>,
    name: &str,
    wanted: Option<i64>,
    text: &str,
    compatibility: Compatibility,
) -> Result<Registered, Refused> {
    judge_name(name)?;
    let (schema, _) = parse(text).map_err(|found| {
        Refused::Because(Error::new(&SCHEMA_INVALID, found.why.clone()).with_field(found.at, found.why))
    })?;
    let mut judged = Err(because(&SCHEMA_INVALID, ""));
    tx.conn().as_house(&mut |conn| {
        judged = place(conn, name, wanted, (text, &schema), compatibility);
        match &mut judged {
            Err(Refused::Store(error)) => Err(std::mem::replace(error, store::Error::Timeout)),
            Ok(_) | Err(Refused::Because(_)) => Ok(()),
        }
    })?;
    let registered = judged?;
    if registered.new {
        tx.emit(changed("schemas.version.registered", name, &json!({"version": registered.version})));
    } else {
        tx.quiet("the schema is registered already");
    }
    Ok(registered)
}

fn judge_name(name: &str) -> Result<(), Refused> {
    if (1..=KIND_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(because(&SCHEMA_INVALID, "A type has 1 to 255 characters."))
}

fn place(
    conn: &mut dyn Connection,
    name: &str,
    wanted: Option<i64>,
    (text, schema): (&str, &Value),
    compatibility: Compatibility,
) -> Result<Registered, Refused> {
    rows::begin(conn)?;
    let found = rows::kind(conn, name)?;
    let (kept, last) = found.as_ref().map_or((None, 0), |(word, last)| (word.parse().ok(), *last));
    let compatibility: Compatibility = kept.unwrap_or(compatibility);
    let mut before: Vec<(i64, Value)> = Vec::new();
    for (number, text) in rows::of_kind(conn, name)? {
        let old = serde_json::from_str(&text).map_err(|error| store::Error::Internal(error.to_string()))?;
        before.push((number, old));
    }
    let alike = |number: i64| before.iter().any(|(other, old)| *other == number && old == schema);
    let again = match wanted {
        Some(wanted) => alike(wanted).then_some(wanted),
        None => before.last().filter(|(_, old)| old == schema).map(|(number, _)| *number),
    };
    if let Some(version) = again {
        return Ok(Registered { version, new: false });
    }
    let next = last + 1;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != next) {
        let why = if before.iter().any(|(number, _)| *number == wanted) {
            format!("Version {wanted} says something else; the next one is {next}.")
        } else {
            format!("The next version is {next}.")
        };
        return Err(because(&VERSION_TAKEN, why));
    }
    let (count, bytes) = rows::size(conn)?;
    if count >= VERSIONS_MAX || bytes.saturating_add(i64::try_from(text.len()).unwrap_or(i64::MAX)) > BYTES_MAX {
        return Err(because(&SCHEMA_INVALID, "There is no room for more schemas; remove some first."));
    }
    compatible(compatibility, &before, schema)?;
    rows::keep_kind(conn, name, &compatibility.to_string(), next)?;
    rows::add(conn, name, next, text)?;
    Ok(Registered { version: next, new: true })
}

/// Holds a new schema against those before it.
fn compatible(compatibility: Compatibility, before: &[(i64, Value)], schema: &Value) -> Result<(), Refused> {
    let others = if compatibility.is_transitive() { 0 } else { before.len().saturating_sub(1) };
    let mut error = Error::new(&INCOMPATIBLE, "");
    for (number, old) in before.iter().skip(others).rev() {
        let checks = [
            (
                compatibility.is_backward(),
                covers(old, schema),
                "what is valid under it need not be valid under the new one",
            ),
            (
                compatibility.is_forward(),
                covers(schema, old),
                "what is valid under the new one need not be valid under it",
            ),
        ];
        for (asked, judged, why) in checks {
            if let Err(found) = judged
                && asked
            {
                if error.fields.is_empty() {
                    error.detail = format!("The type asks for {compatibility}, and of version {number} {why}.");
                }
                error = error.with_field(found.at, format!("version {number}: {}", found.why));
            }
        }
    }
    if error.fields.is_empty() { Ok(()) } else { Err(Refused::Because(error)) }
}

/// Removes a version of a type, or all of them.
///
/// # Errors
/// [`Refused`]: there is none.
pub fn remove(tx: &mut Tx<'_>, name: &str, version: Option<i64>) -> Result<(), Refused> {
    let mut gone = Vec::new();
    tx.conn().as_house(&mut |conn| {
        gone.clear();
        rows::begin(conn)?;
        let all: Vec<i64> = rows::of_kind(conn, name)?.into_iter().map(|(number, _)| number).collect();
        for number in all.into_iter().filter(|number| version.is_none_or(|version| version == *number)) {
            if rows::remove(conn, name, number)? {
                gone.push(number);
            }
        }
        Ok(())
    })?;
    if gone.is_empty() {
        return Err(because(&NOT_FOUND, "There is no such schema."));
    }
    tx.emit(changed("schemas.version.removed", name, &json!({"versions": gone})));
    Ok(())
}

/// Says what new versions of a type must keep, also before there is one.
///
/// # Errors
/// [`Refused`]: the name is none, or there are too many types.
pub fn set_compatibility(tx: &mut Tx<'_>, name: &str, compatibility: Compatibility) -> Result<(), Refused> {
    judge_name(name)?;
    let mut full = false;
    tx.conn().as_house(&mut |conn| {
        rows::begin(conn)?;
        let all = rows::kinds(conn)?;
        let last = all.iter().find(|(other, _)| other == name).map(|(_, (_, last))| *last);
        full = last.is_none() && all.len() >= KINDS_MAX;
        if full { Ok(()) } else { rows::keep_kind(conn, name, &compatibility.to_string(), last.unwrap_or(0)) }
    })?;
    if full {
        return Err(because(&SCHEMA_INVALID, "There is no room for more types."));
    }
    tx.emit(changed("schemas.type.changed", name, &json!({"compatibility": compatibility.to_string()})));
    Ok(())
}

fn changed(kind: &'static str, name: &str, data: &Value) -> Event {
    Event::new(kind, format!("schemas/{name}"), data.to_string())
}
