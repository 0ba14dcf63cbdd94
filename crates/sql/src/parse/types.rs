//! Types.

use super::{Parse, Parser};
use crate::ast::{Name, ObjectName, TypeName};
use crate::lex::{TokenKind, decode};

/// Words that begin one of the grammar's own types.
const TYPE_WORDS: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "char",
    "character",
    "dec",
    "decimal",
    "float",
    "int",
    "integer",
    "interval",
    "national",
    "nchar",
    "numeric",
    "real",
    "smallint",
    "time",
    "timestamp",
    "varchar",
];

impl Parser<'_> {
    /// A type with its arrays.
    pub(super) fn type_name(&mut self) -> Parse<TypeName> {
        let setof = self.eat("setof");
        let mut ty = self.base_type()?;
        ty.setof = setof;
        if self.is("%") && self.is_at(1, "type") {
            return self.error("%type is not supported: write the type itself");
        }
        if self.eat("array") {
            ty.array_dims = 1;
            if self.eat("[") {
                self.signed_integer()?;
                self.expect("]")?;
            }
            return Ok(ty);
        }
        while self.eat("[") {
            if !self.is("]") {
                self.signed_integer()?;
            }
            self.expect("]")?;
            if ty.array_dims == 6 {
                return self.error("number of array dimensions exceeds the maximum allowed (6)");
            }
            ty.array_dims += 1;
        }
        Ok(ty)
    }

    /// Whether the current token begins one of the grammar's own types.
    pub(super) fn at_type_word(&self) -> bool {
        self.token().kind == TokenKind::Word && (self.is_any(TYPE_WORDS) || self.are(&["double", "precision"]))
    }

    /// A type without arrays.
    pub(super) fn base_type(&mut self) -> Parse<TypeName> {
        if !self.at_type_word() {
            return self.generic_type();
        }
        let token = self.advance();
        let word = decode::word(self.text_of(token));
        let mut ty = match &*word {
            "int" | "integer" => TypeName::plain("int4"),
            "smallint" => TypeName::plain("int2"),
            "bigint" => TypeName::plain("int8"),
            "real" => TypeName::plain("float4"),
            "boolean" => TypeName::plain("bool"),
            "double" => {
                self.expect("precision")?;
                TypeName::plain("float8")
            }
            "float" => return self.float(),
            "decimal" | "dec" | "numeric" => TypeName::plain("numeric"),
            "bit" if self.eat("varying") => TypeName::plain("varbit"),
            "bit" => TypeName::plain("bit"),
            "varchar" => TypeName::plain("varchar"),
            "interval" => return self.interval(),
            "time" | "timestamp" => return self.time(&word),
            // What is left are the spellings of character types.
            word => {
                if word == "national" && !self.eat("char") {
                    self.expect("character")?;
                }
                TypeName::plain(if self.eat("varying") { "varchar" } else { "bpchar" })
            }
        };
        if matches!(&*ty.name.name, "numeric" | "bit" | "varbit" | "varchar" | "bpchar") {
            ty.modifiers = self.modifiers()?;
            if ty.modifiers.is_empty() && matches!(&*ty.name.name, "bit" | "bpchar") {
                ty.modifiers.push("1".to_owned());
            }
        }
        Ok(ty)
    }

    fn float(&mut self) -> Parse<TypeName> {
        let token = self.token();
        let bits = if self.eat("(") {
            let bits = self.signed_integer()?;
            self.expect(")")?;
            bits
        } else {
            53
        };
        match bits {
            1..=24 => Ok(TypeName::plain("float4")),
            25..=53 => Ok(TypeName::plain("float8")),
            _ => self.error_at(token, "precision for type float must be between 1 and 53 bits"),
        }
    }

    fn time(&mut self, word: &str) -> Parse<TypeName> {
        let modifiers = self.modifiers()?;
        let zoned = self.eat_all(&["with", "time", "zone"]);
        if !zoned {
            self.eat_all(&["without", "time", "zone"]);
        }
        let name = match (word, zoned) {
            ("time", false) => "time",
            ("time", true) => "timetz",
            (_, false) => "timestamp",
            (_, true) => "timestamptz",
        };
        Ok(TypeName { modifiers, ..TypeName::plain(name) })
    }

    fn interval(&mut self) -> Parse<TypeName> {
        let mut ty = TypeName::plain("interval");
        ty.modifiers = self.modifiers()?;
        if ty.modifiers.is_empty() {
            ty.fields = self.interval_fields()?;
        }
        Ok(ty)
    }

    /// The fields of an interval, if any come next.
    pub(super) fn interval_fields(&mut self) -> Parse<Option<Name>> {
        const FIELDS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
        let Some(first) = FIELDS.iter().position(|field| self.is(field)) else { return Ok(None) };
        self.advance();
        let mut last = first;
        if self.eat("to") {
            let allowed = match first {
                0 => 1..2,
                2..=4 => first + 1..6,
                _ => 0..0,
            };
            match allowed.into_iter().find(|field| self.is(FIELDS[*field])) {
                Some(field) => last = field,
                None => return self.unexpected(),
            }
            self.advance();
        }
        let mut fields = FIELDS[first].to_owned();
        if last != first {
            fields.push_str(" to ");
            fields.push_str(FIELDS[last]);
        }
        if last == 5 && self.eat("(") {
            fields = format!("{fields}({})", self.signed_integer()?);
            self.expect(")")?;
        }
        Ok(Some(fields.into()))
    }

    fn generic_type(&mut self) -> Parse<TypeName> {
        let quoted = self.token().kind == TokenKind::QuotedIdent;
        let mut name = self.function_object_name()?;
        if !quoted && name.schema.is_none() {
            let canonical = match &*name.name {
                "serial" => "serial4",
                "bigserial" => "serial8",
                "smallserial" => "serial2",
                _ => "",
            };
            if !canonical.is_empty() {
                name = ObjectName::bare(canonical);
            }
        }
        let modifiers = self.modifiers()?;
        Ok(TypeName { name, modifiers, ..TypeName::plain("") })
    }

    /// What may stand in parentheses after a type: numbers and words.
    fn modifiers(&mut self) -> Parse<Vec<String>> {
        if !self.is("(") {
            return Ok(Vec::new());
        }
        self.parenthesised(|parser| match parser.token().kind {
            TokenKind::Word | TokenKind::QuotedIdent => parser.label().map(|word| word.as_ref().to_owned()),
            _ => parser.signed_integer().map(|number| number.to_string()),
        })
    }
}
