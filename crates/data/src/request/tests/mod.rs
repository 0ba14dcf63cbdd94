//! Tables of cases for the grammars, with a compact notation for what was understood.

#![expect(clippy::format_collect, clippy::format_push_string, reason = "a notation is read here, not made fast")]

mod body;
mod filter;
mod inverse;
mod parts;
mod query;
mod select;
mod shape;

use super::*;

fn limits() -> Limits {
    Limits::default()
}

/// `name`, then `>key` or `>>key` per JSON step, indexes with `#`; a name in `''` when it is not a bare word.
fn field(field: &Field) -> String {
    let mut out = name(&field.name);
    for step in &field.json_path {
        out.push_str(if step.arrow == Arrow::Json { ">" } else { ">>" });
        match &step.key {
            JsonKey::Key(key) => out.push_str(&name(key)),
            JsonKey::Index(index) => out.push_str(&format!("#{index}")),
        }
    }
    out
}

fn name(name: &str) -> String {
    if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        name.to_owned()
    } else {
        format!("'{name}'")
    }
}

/// `!` when negated, operator, value in `<>`.
fn op(negated: bool, op: &Op) -> String {
    let text = match op {
        Op::Compare { op, quantified: None, value } => format!("{}<{value}>", op.as_str()),
        Op::Compare { op, quantified: Some(quantified), value } => {
            let elements = match &quantified.elements {
                None => "?".to_owned(),
                Some(elements) => {
                    let shown = elements.iter().map(|e| e.as_ref().map_or("NULL".to_owned(), |e| format!("<{e}>")));
                    shown.collect::<String>()
                }
            };
            format!("{} {}<{value}>={elements}", op.as_str(), quantified.quantifier.as_str())
        }
        Op::In(list) => format!("in[{}]", list.iter().map(|e| format!("<{e}>")).collect::<String>()),
        Op::Is(value) => format!("is {}", value.as_str()),
        Op::IsDistinct(value) => format!("isdistinct<{value}>"),
        Op::Fts { kind, language, query } => {
            format!("{}{}<{query}>", kind.as_str(), language.as_ref().map_or(String::new(), |l| format!(" {l} ")))
        }
        Op::Contain { op, value } => format!("{}<{value}>", op.as_str()),
    };
    format!("{}{text}", if negated { "!" } else { "" })
}

fn filter(filter: &Filter) -> String {
    format!("{} {}", field(&filter.field), op(filter.negated, &filter.op))
}

fn logic(tree: &Logic) -> String {
    match tree {
        Logic::Leaf(leaf) => filter(leaf),
        Logic::Group { op, negated, children } => {
            let children: Vec<_> = children.iter().map(logic).collect();
            format!("{}{}[{}]", if *negated { "!" } else { "" }, op.as_str(), children.join(", "))
        }
    }
}

fn order(terms: &[OrderTerm]) -> String {
    let term = |term: &OrderTerm| {
        let mut out = term.relation.as_ref().map_or(String::new(), |relation| format!("{}/", name(relation)));
        out.push_str(&field(&term.field));
        match term.direction {
            None => {}
            Some(Direction::Asc) => out.push_str(" asc"),
            Some(Direction::Desc) => out.push_str(" desc"),
        }
        match term.nulls {
            None => {}
            Some(Nulls::First) => out.push_str(" first"),
            Some(Nulls::Last) => out.push_str(" last"),
        }
        out
    };
    terms.iter().map(term).collect::<Vec<_>>().join(", ")
}

/// Items in `[]`; alias `=`, cast `::`, aggregate `.sum`, embed `target{hints}(join)[…]`, spread `...`.
fn select(items: &[SelectItem]) -> String {
    let opt = |before: &str, text: &Option<String>, after: &str| {
        text.as_ref().map_or(String::new(), |text| format!("{before}{}{after}", name(text)))
    };
    let item = |item: &SelectItem| match item {
        SelectItem::Star => "*".to_owned(),
        SelectItem::Count { alias, cast } => format!("{}#count{}", opt("", alias, "="), opt("::", cast, "")),
        SelectItem::Column(column) => format!(
            "{}{}{}{}{}",
            opt("", &column.alias, "="),
            field(&column.field),
            opt("::", &column.cast, ""),
            column.aggregate.map_or(String::new(), |aggregate| format!(".{}", aggregate.as_str())),
            opt("::", &column.aggregate_cast, ""),
        ),
        SelectItem::Embed(embed) => {
            let hints: String = embed.hints.iter().map(|hint| format!("{{{hint}}}")).collect();
            let join = match embed.join {
                Join::Default => "",
                Join::Left => "(left)",
                Join::Inner => "(inner)",
            };
            let spread = if embed.spread { "..." } else { "" };
            let alias = opt("", &embed.alias, "=");
            format!("{spread}{alias}{}{hints}{join}{}", name(&embed.target), select(&embed.items))
        }
    };
    format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
}

fn path(path: &[String]) -> String {
    path.iter().map(|embed| format!("{}/", name(embed))).collect()
}

/// An error as `code@column: details`.
fn error(error: &ApiError) -> String {
    let column = error.message.rsplit("column ").next().and_then(|text| text.strip_suffix(')')).unwrap_or("-");
    let details = match &error.details {
        Some(Details::Text(text) | Details::Json(text)) => text.as_str(),
        None => "",
    };
    format!("{}@{column}: {details}", error.code)
}

/// Place and kind of a syntax error, without what was expected.
fn place(failed: &ApiError) -> String {
    let full = error(failed);
    full.split(" expecting").next().unwrap_or_default().to_owned()
}
