//! Names, strings and numbers.

use super::{Parse, Parser};
use crate::ast::{Name, ObjectName};
use crate::keyword::{self, Class};
use crate::lex::decode::{self, DecodeError};
use crate::lex::{Token, TokenKind};

impl Parser<'_> {
    /// The name a token is, if its class allows it.
    fn name_if(&mut self, allowed: impl Fn(Class) -> bool, what: &str) -> Parse<Name> {
        let token = self.token();
        let name = match token.kind {
            TokenKind::Word if allowed(keyword::class(self.text_of(token))) => decode::word(self.text_of(token)),
            TokenKind::QuotedIdent => self.decoded(token, decode::quoted_ident)?,
            _ => return self.expected(what),
        };
        self.advance();
        Ok(name)
    }

    /// Decodes a token, placing errors inside it.
    pub(super) fn decoded<T>(&self, token: Token, read: impl Fn(&str) -> Result<T, DecodeError>) -> Parse<T> {
        read(self.text_of(token)).or_else(|error| {
            let at = Token { start: token.start + error.at, ..token };
            self.error_at(at, error.message)
        })
    }

    /// A column, table, schema or other object.
    pub(super) fn name(&mut self) -> Parse<Name> {
        self.name_if(|class| matches!(class, Class::Free | Class::ColumnName), "a name")
    }

    /// A function or type without a schema.
    pub(super) fn function_name(&mut self) -> Parse<Name> {
        self.name_if(|class| matches!(class, Class::Free | Class::FunctionName), "a name")
    }

    /// A name where any word will do: after a dot, or after `as`.
    pub(super) fn label(&mut self) -> Parse<Name> {
        self.name_if(|_| true, "a name")
    }

    /// Whether the token can begin a name such as [`Self::name`] reads.
    pub(super) fn at_name(&self) -> bool {
        self.at_name_ahead(0)
    }

    pub(super) fn at_name_ahead(&self, ahead: usize) -> bool {
        let token = self.ahead(ahead);
        match token.kind {
            TokenKind::QuotedIdent => true,
            TokenKind::Word => matches!(keyword::class(self.text_of(token)), Class::Free | Class::ColumnName),
            _ => false,
        }
    }

    /// A name with an optional schema.
    pub(super) fn object_name(&mut self) -> Parse<ObjectName> {
        let first = self.name()?;
        self.qualify(first)
    }

    /// A name with an optional schema where a function's name stands.
    pub(super) fn function_object_name(&mut self) -> Parse<ObjectName> {
        if self.is_at(1, ".") {
            return self.object_name();
        }
        self.function_name().map(ObjectName::bare)
    }

    /// Any name with an optional schema, whatever class its words have: collations, operator classes.
    pub(super) fn any_object_name(&mut self) -> Parse<ObjectName> {
        let first = self.name_if(|class| class != Class::Reserved, "a name")?;
        self.qualify(first)
    }

    fn qualify(&mut self, first: Name) -> Parse<ObjectName> {
        if !self.eat(".") {
            return Ok(ObjectName::bare(first));
        }
        let name = self.label()?;
        if self.is(".") {
            return self.error("cross-database references are not implemented: a name has at most a schema before it");
        }
        Ok(ObjectName { schema: Some(first), name })
    }

    /// Names in parentheses.
    pub(super) fn name_list(&mut self) -> Parse<Vec<Name>> {
        self.parenthesised(Self::name)
    }

    /// Names in parentheses, or none.
    pub(super) fn opt_name_list(&mut self) -> Parse<Vec<Name>> {
        if self.is("(") { self.name_list() } else { Ok(Vec::new()) }
    }

    /// A string.
    pub(super) fn string(&mut self) -> Parse<String> {
        let token = self.token();
        if token.kind != TokenKind::String {
            return self.expected("a string");
        }
        let value = self.decoded(token, decode::string)?;
        self.advance();
        Ok(value)
    }

    pub(super) fn at_string(&self) -> bool {
        self.token().kind == TokenKind::String
    }

    /// An integer with an optional sign, in 64 bits.
    pub(super) fn signed_integer(&mut self) -> Parse<i64> {
        let start = self.token();
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let token = self.token();
        if token.kind != TokenKind::Integer {
            return self.expected("an integer");
        }
        let digits = decode::integer(self.text_of(token)).unwrap_or_default();
        let signed = if negative { format!("-{digits}") } else { digits };
        match signed.parse() {
            Ok(value) => {
                self.advance();
                Ok(value)
            }
            Err(_) => self.error_at(start, "the integer is out of range"),
        }
    }

    /// A number with an optional sign, as text.
    pub(super) fn signed_number(&mut self) -> Parse<String> {
        let sign = if self.eat("-") {
            "-"
        } else {
            self.eat("+");
            ""
        };
        let token = self.token();
        match token.kind {
            TokenKind::Integer | TokenKind::Numeric => {
                self.advance();
                Ok(format!("{sign}{}", self.text_of(token).replace('_', "")))
            }
            _ => self.expected("a number"),
        }
    }

    /// `if exists`.
    pub(super) fn if_exists(&mut self) -> bool {
        self.eat_all(&["if", "exists"])
    }

    /// `if not exists`.
    pub(super) fn if_not_exists(&mut self) -> bool {
        self.eat_all(&["if", "not", "exists"])
    }

    /// `cascade` (true), `restrict` or nothing (false).
    pub(super) fn cascade(&mut self) -> bool {
        if self.eat("cascade") {
            return true;
        }
        self.eat("restrict");
        false
    }
}
