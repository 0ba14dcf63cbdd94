//! The shape of a request: everything that decides the text of its statements, nothing that is bound as a parameter.
//!
//! Two requests with equal shapes can share one compiled plan. Left out are literals of filters, the numbers of limits
//! and offsets, the contents and lengths of `in` lists and arrays (each is bound as one parameter), the rows of a
//! payload, and what the session or the presenter handles (time zone, `tx`, `max-affected`, `handling`, `Accept`).

use super::model::{
    ApiRequest, At, Direction, Field, Filter, IsValue, JsonKey, Logic, Nulls, Op, OrderTerm, SelectItem, Target, Window,
};

/// A key equal for exactly the requests that may share a plan. Not meant to be read.
pub fn shape_key(request: &ApiRequest) -> Vec<u8> {
    let mut key = Key(Vec::with_capacity(256));
    key.tag(request.method as u8);
    match &request.target {
        Target::Root => key.tag(b'/'),
        Target::Relation(name) => key.text(name),
        Target::Function(name) => {
            key.tag(b'f');
            key.text(name);
        }
    }
    key.text(&request.schema.name);
    key.items(&request.query.select);
    key.list(&request.query.filters, |key, at| key.at(at, Key::filter));
    key.list(&request.query.logic, |key, at| key.at(at, Key::logic));
    key.list(&request.query.order, |key, at| key.at(at, |key, terms| key.list(terms, Key::term)));
    key.list(&request.query.windows, |key, at| {
        // the root's window is the request's own
        key.at(at, |key, window| key.window(if at.is_root() { Window::ALL } else { *window }));
    });
    key.window(request.window);
    key.names(request.query.on_conflict.as_deref());
    key.list(&request.query.arguments, |key, (name, _)| key.text(name));
    let preferences = &request.preferences;
    key.tag(preferences.returning.map_or(0, |value| 1 + value as u8));
    key.tag(preferences.resolution.map_or(0, |value| 1 + value as u8));
    key.tag(preferences.missing.map_or(0, |value| 1 + value as u8));
    key.tag(preferences.count.map_or(0, |value| 1 + value as u8));
    if let Some(payload) = &request.payload {
        key.tag(1 + payload.kind() as u8);
        key.tag(u8::from(payload.has_absent()));
        key.tag(u8::from(payload.is_object()));
        key.tag(u8::try_from(payload.rows().min(2)).unwrap_or(2)); // none, one, several
        key.names(Some(payload.columns()));
    } else {
        key.tag(0);
    }
    key.0
}

/// Bytes that begin every text and list with its length, so that no two shapes can run into each other.
struct Key(Vec<u8>);

impl Key {
    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.tag(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn list<T>(&mut self, list: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.length(list.len());
        for item in list {
            each(self, item);
        }
    }

    fn names(&mut self, names: Option<&[String]>) {
        self.tag(u8::from(names.is_some()));
        self.list(names.unwrap_or_default(), |key, name| key.text(name));
    }

    fn at<T>(&mut self, at: &At<T>, node: impl FnOnce(&mut Self, &T)) {
        self.list(&at.path, |key, name| key.text(name));
        node(self, &at.node);
    }

    fn field(&mut self, field: &Field) {
        self.text(&field.name);
        self.list(&field.json_path, |key, step| {
            key.tag(step.arrow as u8);
            match &step.key {
                JsonKey::Key(name) => {
                    key.tag(0);
                    key.text(name);
                }
                JsonKey::Index(index) => {
                    key.tag(1);
                    key.0.extend_from_slice(&index.to_le_bytes());
                }
            }
        });
    }

    fn items(&mut self, items: &[SelectItem]) {
        self.list(items, |key, item| match item {
            SelectItem::Star => key.tag(0),
            SelectItem::Column(column) => {
                key.tag(1);
                key.optional(column.alias.as_deref());
                key.field(&column.field);
                key.optional(column.cast.as_deref());
                key.tag(column.aggregate.map_or(0, |aggregate| 1 + aggregate as u8));
                key.optional(column.aggregate_cast.as_deref());
            }
            SelectItem::Count { alias, cast } => {
                key.tag(2);
                key.optional(alias.as_deref());
                key.optional(cast.as_deref());
            }
            SelectItem::Embed(embed) => {
                key.tag(3);
                key.optional(embed.alias.as_deref());
                key.text(&embed.target);
                key.list(&embed.hints, |key, hint| key.text(hint));
                key.tag(embed.join as u8);
                key.tag(u8::from(embed.spread));
                key.items(&embed.items);
            }
        });
    }

    fn filter(&mut self, filter: &Filter) {
        self.field(&filter.field);
        self.tag(u8::from(filter.negated));
        match &filter.op {
            Op::Compare { op, quantified, .. } => {
                self.tag(0);
                self.tag(*op as u8);
                self.tag(quantified.as_ref().map_or(0, |quantified| 1 + quantified.quantifier as u8));
            }
            Op::In(_) => self.tag(1),
            Op::Is(value) => {
                self.tag(2);
                self.is(*value);
            }
            Op::IsDistinct(_) => self.tag(3),
            Op::Fts { kind, language, .. } => {
                self.tag(4);
                self.tag(*kind as u8);
                self.optional(language.as_deref());
            }
            Op::Contain { op, .. } => {
                self.tag(5);
                self.tag(*op as u8);
            }
        }
    }

    fn is(&mut self, value: IsValue) {
        self.tag(value as u8);
    }

    fn logic(&mut self, logic: &Logic) {
        match logic {
            Logic::Leaf(filter) => {
                self.tag(0);
                self.filter(filter);
            }
            Logic::Group { op, negated, children } => {
                self.tag(1);
                self.tag(*op as u8);
                self.tag(u8::from(*negated));
                self.list(children, Self::logic);
            }
        }
    }

    fn term(&mut self, term: &OrderTerm) {
        self.optional(term.relation.as_deref());
        self.field(&term.field);
        self.tag(u8::from(term.direction == Some(Direction::Desc)));
        self.tag(match term.nulls {
            None => 0,
            Some(Nulls::First) => 1,
            Some(Nulls::Last) => 2,
        });
    }

    fn window(&mut self, window: Window) {
        self.tag(u8::from(window.limit.is_some()));
        self.tag(u8::from(window.offset > 0));
    }
}
