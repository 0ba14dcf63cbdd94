//! From the model back to the text of a query string, undecoded and unencoded: for explanations, logs and for the proof
//! that printing and parsing are inverse.

use std::fmt::Write as _;

use super::cursor::is_plain_name;
use super::model::{
    Arrow, At, Direction, Field, Filter, Join, JsonKey, JsonStep, Logic, Nulls, Op, OrderTerm, SelectItem,
};

/// The value of `select`.
pub fn print_select(items: &[SelectItem]) -> String {
    let mut out = String::new();
    select(&mut out, items);
    out
}

/// The value of `order`.
pub fn print_order(terms: &[OrderTerm]) -> String {
    let mut out = String::new();
    for (index, term) in terms.iter().enumerate() {
        comma(&mut out, index);
        match &term.relation {
            Some(relation) => {
                name(&mut out, relation);
                out.push('(');
                field(&mut out, &term.field);
                out.push(')');
            }
            None => field(&mut out, &term.field),
        }
        out.push_str(match term.direction {
            None => "",
            Some(Direction::Asc) => ".asc",
            Some(Direction::Desc) => ".desc",
        });
        out.push_str(match term.nulls {
            None => "",
            Some(Nulls::First) => ".nullsfirst",
            Some(Nulls::Last) => ".nullslast",
        });
    }
    out
}

/// Key and value of a filter.
pub fn print_filter(at: &At<Filter>) -> (String, String) {
    let mut key = path(&at.path);
    field(&mut key, &at.node.field);
    let mut value = String::new();
    operator(&mut value, &at.node, false);
    (key, value)
}

/// Key and value of a logic tree. A leaf as the whole tree prints as `and` of itself.
pub fn print_logic(at: &At<Logic>) -> (String, String) {
    let mut key = path(&at.path);
    let mut value = String::new();
    match &at.node {
        Logic::Group { op, negated, children } => {
            key.push_str(if *negated { "not." } else { "" });
            key.push_str(op.as_str());
            trees(&mut value, children);
        }
        leaf @ Logic::Leaf(_) => {
            key.push_str("and");
            trees(&mut value, std::slice::from_ref(leaf));
        }
    }
    (key, value)
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

fn path(path: &[String]) -> String {
    let mut out = String::new();
    for embed in path {
        name(&mut out, embed);
        out.push('.');
    }
    out
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// A name, quoted where it has to be: also the words that mean something in its place.
fn name(out: &mut String, text: &str) {
    const WORDS: [&str; 11] =
        ["not", "and", "or", "order", "limit", "offset", "inner", "left", "select", "columns", "on_conflict"];
    if is_plain_name(text) && !WORDS.contains(&text) {
        out.push_str(text);
    } else {
        quoted(out, text);
    }
}

fn field(out: &mut String, field: &Field) {
    name(out, &field.name);
    json_path(out, &field.json_path);
}

fn json_path(out: &mut String, path: &[JsonStep]) {
    for step in path {
        out.push_str(match step.arrow {
            Arrow::Json => "->",
            Arrow::Text => "->>",
        });
        match &step.key {
            JsonKey::Index(index) => write!(out, "{index}").expect("writing to a String cannot fail"),
            JsonKey::Key(key) if is_plain_name(key) && !key.starts_with(|c: char| c.is_ascii_digit()) => {
                out.push_str(key);
            }
            JsonKey::Key(key) => quoted(out, key),
        }
    }
}

fn cast(out: &mut String, cast: Option<&str>) {
    if let Some(cast) = cast {
        out.push_str("::");
        out.push_str(cast);
    }
}

fn alias(out: &mut String, alias: Option<&str>) {
    if let Some(alias) = alias {
        name(out, alias);
        out.push(':');
    }
}

fn select(out: &mut String, items: &[SelectItem]) {
    for (index, item) in items.iter().enumerate() {
        comma(out, index);
        match item {
            SelectItem::Star => out.push('*'),
            SelectItem::Count { alias: key, cast: to } => {
                alias(out, key.as_deref());
                out.push_str("count()");
                cast(out, to.as_deref());
            }
            SelectItem::Column(column) => {
                alias(out, column.alias.as_deref());
                field(out, &column.field);
                cast(out, column.cast.as_deref());
                if let Some(aggregate) = column.aggregate {
                    out.push('.');
                    out.push_str(aggregate.as_str());
                    out.push_str("()");
                }
                cast(out, column.aggregate_cast.as_deref());
            }
            SelectItem::Embed(embed) => {
                if embed.spread {
                    out.push_str("...");
                }
                alias(out, embed.alias.as_deref());
                name(out, &embed.target);
                for hint in &embed.hints {
                    out.push('!');
                    name(out, hint);
                }
                out.push_str(match embed.join {
                    Join::Default => "",
                    Join::Left => "!left",
                    Join::Inner => "!inner",
                });
                out.push('(');
                select(out, &embed.items);
                out.push(')');
            }
        }
    }
}

fn operator(out: &mut String, filter: &Filter, tree: bool) {
    if filter.negated {
        out.push_str("not.");
    }
    match &filter.op {
        Op::Compare { op, quantified, value } => {
            out.push_str(op.as_str());
            if let Some(quantified) = quantified {
                write!(out, "({})", quantified.quantifier.as_str()).expect("writing to a String cannot fail");
            }
            literal(out, value, tree);
        }
        Op::In(elements) => {
            out.push_str("in.(");
            for (index, element) in elements.iter().enumerate() {
                comma(out, index);
                quoted(out, element);
            }
            out.push(')');
        }
        Op::Is(value) => {
            out.push_str("is.");
            out.push_str(value.as_str());
        }
        Op::IsDistinct(value) => {
            out.push_str("isdistinct");
            literal(out, value, tree);
        }
        Op::Fts { kind, language, query } => {
            out.push_str(kind.as_str());
            if let Some(language) = language {
                write!(out, "({language})").expect("writing to a String cannot fail");
            }
            literal(out, query, tree);
        }
        Op::Contain { op, value } => {
            out.push_str(op.as_str());
            literal(out, value, tree);
        }
    }
}

fn literal(out: &mut String, value: &str, tree: bool) {
    out.push('.');
    if tree {
        quoted(out, value);
    } else {
        out.push_str(value);
    }
}

fn trees(out: &mut String, children: &[Logic]) {
    out.push('(');
    for (index, child) in children.iter().enumerate() {
        comma(out, index);
        match child {
            Logic::Leaf(filter) => {
                field(out, &filter.field);
                out.push('.');
                operator(out, filter, true);
            }
            Logic::Group { op, negated, children } => {
                out.push_str(if *negated { "not." } else { "" });
                out.push_str(op.as_str());
                trees(out, children);
            }
        }
    }
    out.push(')');
}
