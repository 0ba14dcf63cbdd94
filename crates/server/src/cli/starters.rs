//! Three requests that work against this app: found in its catalog, by what the anonymous role may read.

use data::Data;
use kernel::Secret;
use policy::RoleGuard;
use store::catalog::{Privilege, Relation};
use values::Type;

use crate::config::Settings;
use crate::house::Running;
use crate::routes::REST;

/// What can be asked, as a path with its query below the dialect's prefix, and the role's key it needs.
#[derive(Debug, PartialEq, Eq)]
struct Starter {
    path: String,
    headers: Vec<&'static str>,
    service: bool,
}

/// The requests as commands for a shell.
pub(super) fn commands(running: &Running, settings: &Settings) -> Vec<String> {
    let socket = running.address.strip_prefix("unix:").map(|path| format!("--unix-socket {path} ")).unwrap_or_default();
    let key = running.keys.service.as_ref().map(Secret::expose);
    let found = starters(&running.data, settings);
    if found.is_empty() {
        return vec![
            format!("curl {socket}'{}/'", running.url),
            format!("curl {socket}'{}/readyz?verbose'", running.url),
            "There are no tables yet: add one in migrations/, grant select on it to anon, and start again.".to_owned(),
        ];
    }
    found
        .iter()
        .map(|starter| {
            let headers: Vec<String> = starter.headers.iter().map(|header| format!(" -H '{header}'")).collect();
            let token = match (starter.service, key) {
                (true, Some(key)) => format!(" -H 'Authorization: Bearer {key}'"),
                _ => String::new(),
            };
            format!("curl {socket}'{}{REST}{}'{}{token}", running.url, starter.path, headers.concat())
        })
        .collect()
}

fn starters(data: &Data, settings: &Settings) -> Vec<Starter> {
    let derived = data.derived();
    let Some(schema) = settings.data.schemas.first() else { return Vec::new() };
    let of = |role: &str| derived.guard(&std::sync::Arc::from(role));
    let anon = of(&settings.auth.anon_role);
    let service = of(crate::keys::SERVICE_ROLE);
    let relations: Vec<&Relation> =
        derived.catalog.relations.values().filter(|relation| *relation.name.schema == **schema).map(|r| &**r).collect();
    let readable = |guard: &Option<std::sync::Arc<RoleGuard>>| -> Vec<&Relation> {
        let Some(guard) = guard else { return Vec::new() };
        let all = |relation: &&Relation| {
            relation.columns.iter().all(|c| guard.may_column(relation, Privilege::Select, &c.name))
        };
        relations.iter().copied().filter(all).collect()
    };
    let mut open = readable(&anon);
    // A table whose rows policies hide from strangers is a poor example.
    open.sort_by_key(|relation| (relation.row_security, relation.is_view()));
    let (tables, by_service) = if open.is_empty() { (readable(&service), true) } else { (open, false) };
    let mut found = pick(&tables, by_service);
    let closed = readable(&service).into_iter().find(|relation| !tables.iter().any(|open| open.name == relation.name));
    if let Some(closed) = closed
        && !by_service
    {
        found.truncate(2);
        found.push(Starter {
            path: format!("/{}?limit=1", encoded(&closed.name.name)),
            headers: vec![],
            service: true,
        });
    }
    found
}

/// A page, an embed when there is one to make, and a count.
fn pick(tables: &[&Relation], service: bool) -> Vec<Starter> {
    let Some(first) = tables.first() else { return Vec::new() };
    let starter = |path: String, headers: Vec<&'static str>| Starter { path, headers, service };
    let embed = tables.iter().find_map(|relation| {
        let key = relation.foreign_keys.iter().find(|key| {
            let to = |other: &&&Relation| other.name == key.target;
            let alone = relation.foreign_keys.iter().filter(|other| other.target == key.target).count() == 1;
            alone
                && key.target != relation.name
                && key.target.schema == relation.name.schema
                && tables.iter().any(|t| to(&t))
        })?;
        let target = tables.iter().find(|other| other.name == key.target)?;
        let select = format!("{},{}({})", column(relation), encoded(&target.name.name), column(target));
        Some(format!("/{}?select={select}&limit=3", encoded(&relation.name.name)))
    });
    let name = encoded(&first.name.name);
    vec![
        starter(format!("/{name}?limit=3"), vec![]),
        starter(
            embed.unwrap_or_else(|| format!("/{name}?select={}&order={}&limit=3", column(first), column(first))),
            vec![],
        ),
        starter(format!("/{name}?select={}&limit=1", column(first)), vec!["Prefer: count=exact"]),
    ]
}

/// The column a person would look at: the first text, else the first.
fn column(relation: &Relation) -> String {
    let text = |ty: &Type| matches!(ty.unmodified(), Type::Text | Type::Varchar(_));
    let chosen = relation.columns.iter().find(|column| text(&column.ty)).or(relation.columns.first());
    chosen.map_or_else(|| "*".to_owned(), |column| encoded(&column.name))
}

/// A name as a URL and the dialect's grammar take it: anything unusual is quoted and percent-encoded.
fn encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
