//! Requests to a generated app.

use std::fmt;

use super::app::{App, Column, Key, Kind, LABELS, Relation, USERS};
use crate::Dice;

/// A request and who sends it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Place in the app's callers.
    pub caller: usize,
    /// The verb.
    pub method: &'static str,
    /// The path with its query.
    pub path: String,
    /// The `Prefer` header.
    pub prefer: Vec<&'static str>,
    /// The `Accept` header.
    pub accept: Option<&'static str>,
    /// The body.
    pub body: String,
    /// The rows of the answer have an order.
    pub ordered: bool,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if !self.prefer.is_empty() {
            write!(f, "\n  Prefer: {}", self.prefer.join(", "))?;
        }
        if let Some(accept) = self.accept {
            write!(f, "\n  Accept: {accept}")?;
        }
        if !self.body.is_empty() {
            write!(f, "\n  {}", self.body)?;
        }
        Ok(())
    }
}

impl Request {
    /// The requests of an app, `count` of them.
    pub fn generate(app: &App, count: usize) -> Vec<Self> {
        // Not the dice of the app, so that a longer list begins like a shorter one.
        let dice = Dice::new(app.seed ^ 0x5eed_0fff);
        (0..count).map(|_| one(&dice, app)).collect()
    }

    /// Does it change rows.
    pub fn writes(&self) -> bool {
        self.method != "GET"
    }
}

fn one(dice: &Dice, app: &App) -> Request {
    let caller = dice.below(app.callers.len());
    let place = dice.below(app.relations.len());
    let relation = &app.relations[place];
    let kind = dice.below(if relation.fill == Key::None { 40 } else { 100 });
    let mut request = match kind {
        0..35 => read(dice, app, place),
        35..65 => post(dice, app, place),
        65..82 => patch(dice, app, place),
        82..87 => put(dice, app, place),
        _ => delete(dice, app, place),
    };
    request.caller = caller;
    request
}

fn value(dice: &Dice, kind: Kind) -> String {
    if dice.chance(4) {
        return "null".to_owned();
    }
    match kind {
        Kind::Id => (1 + dice.below(11)).to_string(),
        Kind::Owner => format!("\"{}\"", dice.pick(&USERS)),
        Kind::Number if dice.chance(6) => "-1".to_owned(),
        Kind::Number => dice.below(8).to_string(),
        Kind::Label if dice.chance(40) => format!("\"{}{}\"", dice.pick(&["a", "b", "c"]), 2 + dice.below(6)),
        Kind::Label => format!("\"{}\"", dice.pick(&LABELS)),
        Kind::Flag => dice.chance(50).to_string(),
        Kind::Ref(_) | Kind::Computed => (1 + dice.below(8)).to_string(),
    }
}

fn filter(dice: &Dice, relation: &Relation) -> String {
    let column = dice.pick(&relation.columns);
    let name = &column.name;
    let not = if dice.chance(10) { "not." } else { "" };
    match column.kind {
        Kind::Id | Kind::Ref(_) => match dice.below(4) {
            0 | 1 => format!("{name}={not}eq.{}", 1 + dice.below(7)),
            2 => format!("{name}={not}in.({},{},{})", 1 + dice.below(7), 1 + dice.below(7), 20 + dice.below(3)),
            _ => format!("{name}={not}gt.{}", dice.below(5)),
        },
        Kind::Owner => match dice.below(3) {
            0 => format!("{name}={not}is.null"),
            _ => format!("{name}={not}eq.{}", dice.pick(&USERS)),
        },
        Kind::Number | Kind::Computed => {
            format!("{name}={not}{}.{}", dice.pick(&["lt", "gte", "eq", "neq"]), dice.below(7))
        }
        Kind::Label => match dice.below(3) {
            0 => format!("{name}={not}like.{}*", dice.pick(&["a", "b"])),
            1 => format!("or=({name}.eq.{},id.gt.{})", dice.pick(&LABELS), dice.below(7)),
            _ => format!("{name}={not}eq.{}", dice.pick(&LABELS)),
        },
        Kind::Flag => format!("{name}={not}is.{}", dice.pick(&["true", "false"])),
    }
}

fn filters(dice: &Dice, relation: &Relation, at_most: usize) -> Vec<String> {
    (0..dice.below(at_most + 1)).map(|_| filter(dice, relation)).collect()
}

fn columns(dice: &Dice, relation: &Relation) -> Vec<String> {
    if dice.chance(35) {
        return vec!["*".to_owned()];
    }
    let some = dice.some(&relation.columns, 55);
    if some.is_empty() { vec!["id".to_owned()] } else { some.iter().map(|column| column.name.clone()).collect() }
}

/// Relations that can be embedded into the one at `place`: its parents and its children.
fn neighbours(app: &App, place: usize) -> Vec<usize> {
    let own = app.relations[place].columns.iter().filter_map(|column| match column.kind {
        Kind::Ref(target) => Some(target),
        _ => None,
    });
    let others = app.relations.iter().enumerate().filter(|(other, relation)| {
        *other != place && relation.columns.iter().any(|column| column.kind == Kind::Ref(place))
    });
    own.chain(others.map(|(other, _)| other)).collect()
}

/// The `select` parameter and filters on what is embedded.
fn selection(dice: &Dice, app: &App, place: usize, depth: usize, prefix: &str) -> (String, Vec<String>) {
    let relation = &app.relations[place];
    let mut items = columns(dice, relation);
    let mut more = Vec::new();
    if depth > 0 && dice.chance(50) {
        let found = neighbours(app, place);
        if !found.is_empty() {
            let target = *dice.pick(&found);
            let other = &app.relations[target];
            let to_one = relation.columns.iter().any(|column| column.kind == Kind::Ref(target));
            let hint = match dice.below(10) {
                0..3 => "!inner",
                3 => "!left",
                _ => "",
            };
            let (inner, deeper) = selection(dice, app, target, depth - 1, &format!("{prefix}{}.", other.name));
            if to_one && dice.chance(15) {
                items.push(format!("...{}{hint}(deep:{})", other.name, other.named(Kind::Number).unwrap_or("id")));
            } else {
                items.push(format!("{}{hint}({inner})", other.name));
                more.extend(deeper);
            }
            if dice.chance(35) {
                more.push(format!("{prefix}{}.{}", other.name, filter(dice, other)));
            } else if dice.chance(10) {
                more.push(format!("{prefix}{}=is.null", other.name));
            }
        }
    }
    (items.join(","), more)
}

fn with_query(name: &str, parts: &[String]) -> String {
    if parts.is_empty() { format!("/{name}") } else { format!("/{name}?{}", parts.join("&")) }
}

fn read(dice: &Dice, app: &App, place: usize) -> Request {
    let relation = &app.relations[place];
    let mut parts = Vec::new();
    if dice.chance(85) {
        let (select, more) = selection(dice, app, place, 2, "");
        parts.push(format!("select={select}"));
        parts.extend(more);
    }
    parts.extend(filters(dice, relation, 2));
    let ordered = relation.table && relation.key != Key::WithLabel && dice.chance(40);
    if ordered {
        parts.push(format!("order={}id.{}", dice.pick(&["", "n.desc.nullslast,"]), dice.pick(&["asc", "desc"])));
        if dice.chance(40) {
            parts.push(format!("limit={}&offset={}", 1 + dice.below(4), dice.below(3)));
        }
    }
    Request {
        method: "GET",
        path: with_query(&relation.name, &parts),
        prefer: if dice.chance(30) { vec!["count=exact"] } else { Vec::new() },
        accept: dice.chance(5).then_some("application/vnd.pgrst.object+json"),
        ordered,
        ..Request::default()
    }
}

fn row(dice: &Dice, relation: &Relation, given: &[&Column]) -> String {
    let cells: Vec<String> = given
        .iter()
        .map(|column| {
            // Keys that are drawn get numbers out of the way when they are given.
            let cell = if column.kind == Kind::Id && relation.fill == Key::Drawn && dice.chance(60) {
                (40 + dice.below(20)).to_string()
            } else {
                value(dice, column.kind)
            };
            format!("\"{}\":{cell}", column.name)
        })
        .collect();
    format!("{{{}}}", cells.join(","))
}

fn given<'r>(dice: &Dice, relation: &'r Relation, rows: usize) -> Vec<&'r Column> {
    relation
        .columns
        .iter()
        .filter(|column| match (column.kind, relation.fill) {
            (Kind::Id, Key::AlwaysDrawn) => dice.chance(8),
            // How many numbers a refused insert of several rows uses up is nobody's promise.
            (Kind::Id, Key::Drawn) => rows > 1 || dice.chance(50),
            (Kind::Id, _) => dice.chance(97),
            (Kind::Computed, _) => dice.chance(4),
            _ => dice.chance(75),
        })
        .collect()
}

fn answer_wish(dice: &Dice) -> Option<&'static str> {
    match dice.below(10) {
        0..4 => Some("return=representation"),
        4..6 => Some("return=minimal"),
        6 => Some("return=headers-only"),
        _ => None,
    }
}

fn post(dice: &Dice, app: &App, place: usize) -> Request {
    let relation = &app.relations[place];
    let mut count = if dice.chance(55) { 1 } else { 2 + dice.below(2) };
    if relation.fill == Key::AlwaysDrawn {
        count = 1;
    }
    let columns = given(dice, relation, count);
    let mut prefer: Vec<&'static str> = answer_wish(dice).into_iter().collect();
    let mut parts = Vec::new();
    match dice.below(10) {
        0..2 => prefer.push("resolution=merge-duplicates"),
        2 | 3 => prefer.push("resolution=ignore-duplicates"),
        _ => {}
    }
    if prefer.iter().any(|wish| wish.starts_with("resolution")) && dice.chance(25) {
        let label = relation.named(Kind::Label).unwrap_or("label");
        parts.push(match dice.below(3) {
            0 => "on_conflict=id".to_owned(),
            1 => format!("on_conflict={label}"),
            _ => format!("on_conflict=id,{label}"),
        });
    }
    if dice.chance(40) {
        prefer.push("missing=default");
    }
    if prefer.contains(&"return=representation") && dice.chance(60) {
        let (select, _) = selection(dice, app, place, 1, "");
        parts.push(format!("select={select}"));
    }
    if dice.chance(10) {
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).filter(|_| dice.chance(80)).collect();
        if !names.is_empty() {
            parts.push(format!("columns={}", names.join(",")));
        }
    }
    let rows: Vec<String> = (0..count).map(|_| row(dice, relation, &columns)).collect();
    let body = if count == 1 && dice.chance(70) { rows[0].clone() } else { format!("[{}]", rows.join(",")) };
    Request { method: "POST", path: with_query(&relation.name, &parts), prefer, body, ..Request::default() }
}

fn patch(dice: &Dice, app: &App, place: usize) -> Request {
    let relation = &app.relations[place];
    let mut prefer: Vec<&'static str> = answer_wish(dice).into_iter().collect();
    let mut parts = filters(dice, relation, 2);
    if prefer.contains(&"return=representation") && dice.chance(60) {
        let (select, _) = selection(dice, app, place, 1, "");
        parts.push(format!("select={select}"));
    }
    if dice.chance(25) {
        prefer.push("count=exact");
    }
    if dice.chance(10) {
        prefer.extend(["handling=strict", "max-affected=1"]);
    }
    let rarely = |kind: Kind| matches!(kind, Kind::Id | Kind::Computed);
    let columns: Vec<&Column> =
        relation.columns.iter().filter(|column| dice.chance(if rarely(column.kind) { 4 } else { 35 })).collect();
    let body = row(dice, relation, &columns);
    Request { method: "PATCH", path: with_query(&relation.name, &parts), prefer, body, ..Request::default() }
}

fn put(dice: &Dice, app: &App, place: usize) -> Request {
    let relation = &app.relations[place];
    let id = 1 + dice.below(10);
    let columns: Vec<&Column> =
        relation.columns.iter().filter(|column| !matches!(column.kind, Kind::Id | Kind::Computed)).collect();
    let rest = row(dice, relation, &columns);
    let body = format!("{{\"id\":{id},{}", &rest[1..]);
    let prefer = answer_wish(dice).into_iter().filter(|wish| *wish != "return=headers-only").collect();
    Request { method: "PUT", path: format!("/{}?id=eq.{id}", relation.name), prefer, body, ..Request::default() }
}

fn delete(dice: &Dice, app: &App, place: usize) -> Request {
    let relation = &app.relations[place];
    let mut parts = vec![filter(dice, relation)];
    parts.extend(filters(dice, relation, 1));
    let mut prefer: Vec<&'static str> =
        answer_wish(dice).into_iter().filter(|wish| *wish != "return=headers-only").collect();
    if prefer.contains(&"return=representation") && dice.chance(60) {
        let (select, _) = selection(dice, app, place, 1, "");
        parts.push(format!("select={select}"));
    }
    if dice.chance(25) {
        prefer.push("count=exact");
    }
    Request { method: "DELETE", path: with_query(&relation.name, &parts), prefer, ..Request::default() }
}
