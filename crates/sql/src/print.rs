//! Trees to text that PostgreSQL reads and that this crate reads back as the same tree.
//!
//! Parentheses stand where the precedence needs them and nowhere else, except around operands whose grammar differs
//! between versions. Names are quoted when they are key words or would be folded.

mod expr;
mod objects;
mod query;
mod statement;
mod table;

use crate::ast::{Expr, Name, ObjectName, Query, Statement, TypeName};
use crate::keyword::{self, Class};
use std::fmt;

/// A name as it must be written: in quotes when it is a key word, or not lower-case letters, digits and underscores.
pub fn quote_ident(name: &str) -> String {
    if is_plain(name) && !keyword::needs_quotes(name) { name.to_owned() } else { quoted(name) }
}

fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string as a constant, for servers with `standard_conforming_strings` on.
pub fn quote_literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A function's name: key words that may name functions need no quotes.
fn function_name(name: &ObjectName) -> String {
    let plain = is_plain(&name.name) && matches!(keyword::class(&name.name), Class::Free | Class::FunctionName);
    let own = if plain && (name.schema.is_none() || !keyword::needs_quotes(&name.name)) {
        // Words that newer versions treat as syntax are ordinary names on older ones, where quotes do no harm either.
        if keyword::class(&name.name) == Class::Free { quote_ident(&name.name) } else { name.name.as_ref().to_owned() }
    } else {
        quote_ident(&name.name)
    };
    match &name.schema {
        Some(schema) => format!("{}.{own}", quote_ident(schema)),
        None => own,
    }
}

/// Collects text.
#[derive(Default)]
pub(crate) struct Printer {
    out: String,
}

impl Printer {
    fn word(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn name(&mut self, name: &str) {
        let quoted = quote_ident(name);
        self.out.push_str(&quoted);
    }

    fn object(&mut self, name: &ObjectName) {
        if let Some(schema) = &name.schema {
            self.name(schema);
            self.word(".");
        }
        self.name(&name.name);
    }

    fn literal(&mut self, value: &str) {
        let quoted = quote_literal(value);
        self.out.push_str(&quoted);
    }

    /// `text` when it holds.
    fn when(&mut self, holds: bool, text: &str) {
        if holds {
            self.word(text);
        }
    }

    /// Items with commas between.
    fn list<T>(&mut self, items: &[T], mut print: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.word(", ");
            }
            print(self, item);
        }
    }

    /// Names with commas between.
    fn names(&mut self, names: &[Name]) {
        self.list(names, |printer, name| printer.name(name));
    }

    /// ` (names)`, or nothing.
    fn opt_names(&mut self, names: &[Name]) {
        if !names.is_empty() {
            self.word(" (");
            self.names(names);
            self.word(")");
        }
    }
}

macro_rules! printed {
    ($($node:ty: $print:expr),* $(,)?) => {$(
        impl $node {
            /// The node as PostgreSQL's SQL.
            pub fn to_sql(&self) -> String {
                let mut printer = Printer::default();
                let print: fn(&mut Printer, &Self) = $print;
                print(&mut printer, self);
                printer.out
            }
        }

        impl fmt::Display for $node {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_sql())
            }
        }
    )*};
}

printed! {
    Statement: |printer, statement| printer.statement(statement),
    Query: |printer, query| printer.query(query),
    Expr: |printer, expr| printer.expr(expr),
    TypeName: |printer, ty| printer.type_name(ty),
    ObjectName: |printer, name| printer.object(name),
}
