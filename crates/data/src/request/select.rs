//! The grammar of `select` (section 4), and of the name lists `columns` and `on_conflict`.

use super::cursor::{Cursor, FIELD_NAME, Fail, Parsed};
use super::error::ApiError;
use super::limits::Limits;
use super::model::{Aggregate, ColumnItem, Embed, Field, Join, SelectItem};

const AFTER_FIELD: &str = "letter, digit, \"-\", \"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input";
const AFTER_ITEM: &str = "\")\", \",\" or end of input";
const CAST: &str = "letter or digit";

/// Parses the value of `select`. Nothing written means `*`.
pub fn parse_select(text: &str, limits: &Limits) -> Result<Vec<SelectItem>, ApiError> {
    let mut parser = Select { cursor: Cursor::new(text, limits), items: 0, embeds: 0 };
    let parsed = parser.items(0).and_then(|items| {
        parser.cursor.expect_end("\",\" or end of input")?;
        Ok(items)
    });
    match parsed {
        Ok(items) if items.is_empty() => Ok(vec![SelectItem::Star]),
        Ok(items) => Ok(items),
        Err(fail) => Err(fail.into_error("select parameter", text, text, 0)),
    }
}

/// Parses the value of `columns`: names, at least one, repetitions dropped.
pub fn parse_columns(text: &str, limits: &Limits) -> Result<Vec<String>, ApiError> {
    names(text, limits).map_err(|fail| fail.into_error("columns parameter", text, text, 0))
}

/// Parses the value of `on_conflict`: names, at least one, repetitions dropped.
pub fn parse_on_conflict(text: &str, limits: &Limits) -> Result<Vec<String>, ApiError> {
    names(text, limits).map_err(|fail| fail.into_error("on_conflict parameter", text, text, 0))
}

fn names(text: &str, limits: &Limits) -> Parsed<Vec<String>> {
    let mut cursor = Cursor::new(text, limits);
    let mut names: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    loop {
        cursor.skip_blanks();
        let name = cursor.name()?;
        cursor.skip_blanks();
        if seen.insert(name.clone()) {
            names.push(name.into_owned());
            if names.len() > limits.columns_max {
                return cursor.over("names", "columns_max", limits.columns_max);
            }
        }
        if !cursor.eat(b',') {
            cursor.expect_end("\",\" or end of input")?;
            return Ok(names);
        }
    }
}

struct Select<'a> {
    cursor: Cursor<'a>,
    items: usize,
    embeds: usize,
}

impl Select<'_> {
    /// Comma-separated items up to `)` or the end; possibly none. Blanks around each are skipped.
    fn items(&mut self, depth: usize) -> Parsed<Vec<SelectItem>> {
        let mut items = Vec::new();
        self.cursor.skip_blanks();
        if matches!(self.cursor.peek(), None | Some(b')')) {
            return Ok(items);
        }
        loop {
            self.items += 1;
            if self.items > self.cursor.limits.select_items_max {
                return self.cursor.over("selected items", "select_items_max", self.cursor.limits.select_items_max);
            }
            items.push(self.item(depth)?);
            self.cursor.skip_blanks();
            if !self.cursor.eat(b',') {
                return Ok(items);
            }
            self.cursor.skip_blanks();
        }
    }

    fn item(&mut self, depth: usize) -> Parsed<SelectItem> {
        if self.cursor.eat_str("...") {
            self.cursor.skip_blanks();
            let target = self.cursor.name()?.into_owned();
            return self.embed(None, target, true, depth);
        }
        if self.cursor.eat(b'*') {
            self.item_end(AFTER_ITEM)?;
            return Ok(SelectItem::Star);
        }
        let mut start = self.cursor.at;
        let mut name = self.cursor.name().map_err(|fail| match fail {
            Fail::Syntax { at, expecting: FIELD_NAME } if at == start => {
                Fail::Syntax { at, expecting: "\"...\", \"*\", field name (* or [a..z0..9_$]) or \"count()\"" }
            }
            other => other,
        })?;
        let mut alias = None;
        if self.cursor.peek() == Some(b':') && !self.cursor.starts_with("::") {
            self.cursor.at += 1;
            self.cursor.skip_blanks();
            alias = Some(name.into_owned());
            start = self.cursor.at;
            name = self.cursor.name()?;
        }
        match self.cursor.peek() {
            Some(b'(') if name == "count" => {
                let bare = self.cursor.text.as_bytes()[start] != b'"';
                if !bare || !self.cursor.eat_str("()") {
                    return self.cursor.fail(AFTER_FIELD);
                }
                let cast = self.cast()?;
                self.item_end(AFTER_ITEM)?;
                Ok(SelectItem::Count { alias, cast })
            }
            // the word `count` stays a column: no embed can be called so
            Some(b'(' | b'!') if name != "count" => {
                let target = name.into_owned();
                self.embed(alias, target, false, depth)
            }
            _ => {
                let name = name.into_owned();
                self.column(alias, name)
            }
        }
    }

    fn column(&mut self, alias: Option<String>, name: String) -> Parsed<SelectItem> {
        let json_path = self.cursor.json_path()?;
        self.cursor.skip_blanks();
        let cast = self.cast()?;
        let aggregate = self.aggregate()?;
        let aggregate_cast = self.cast()?;
        self.item_end(if cast.is_none() && aggregate.is_none() { AFTER_FIELD } else { AFTER_ITEM })?;
        let field = Field { name, json_path };
        Ok(SelectItem::Column(ColumnItem { alias, field, cast, aggregate, aggregate_cast }))
    }

    fn cast(&mut self) -> Parsed<Option<String>> {
        if !self.cursor.eat_str("::") {
            return Ok(None);
        }
        self.cursor.word(CAST).map(|word| Some(word.to_owned()))
    }

    /// `.sum()` and the others.
    fn aggregate(&mut self) -> Parsed<Option<Aggregate>> {
        if !self.cursor.eat(b'.') {
            return Ok(None);
        }
        let known = [
            ("sum()", Aggregate::Sum),
            ("avg()", Aggregate::Avg),
            ("count()", Aggregate::Count),
            ("max()", Aggregate::Max),
            ("min()", Aggregate::Min),
        ];
        match known.into_iter().find(|(text, _)| self.cursor.eat_str(text)) {
            Some((_, aggregate)) => Ok(Some(aggregate)),
            None => self.cursor.fail("\"sum()\", \"avg()\", \"count()\", \"max()\" or \"min()\""),
        }
    }

    fn item_end(&mut self, expecting: &'static str) -> Parsed<()> {
        self.cursor.skip_blanks();
        if matches!(self.cursor.peek(), None | Some(b')' | b',')) { Ok(()) } else { self.cursor.fail(expecting) }
    }

    fn embed(&mut self, alias: Option<String>, target: String, spread: bool, depth: usize) -> Parsed<SelectItem> {
        let limits = self.cursor.limits;
        let mut hints = Vec::new();
        let mut join = Join::Default;
        for _ in 0..2 {
            if !self.cursor.eat(b'!') {
                break;
            }
            let bare = self.cursor.peek() != Some(b'"');
            let hint = self.cursor.name()?;
            let written = match hint.as_ref() {
                "inner" if bare => Join::Inner,
                "left" if bare => Join::Left,
                _ => {
                    hints.push(hint.into_owned());
                    continue;
                }
            };
            if join == Join::Default {
                join = written; // said twice: the first counts
            }
        }
        self.cursor.expect(b'(', if hints.len() < 2 { "\"!\" or \"(\"" } else { "\"(\"" })?;
        self.embeds += 1;
        if self.embeds > limits.embeds_max {
            return self.cursor.over("embeds", "embeds_max", limits.embeds_max);
        }
        if depth + 1 > limits.select_depth_max {
            return self.cursor.over("levels of embedding", "select_depth_max", limits.select_depth_max);
        }
        let items = self.items(depth + 1)?;
        self.cursor.expect(b')', AFTER_ITEM)?;
        Ok(SelectItem::Embed(Embed { alias, target, hints, join, items, spread }))
    }
}
