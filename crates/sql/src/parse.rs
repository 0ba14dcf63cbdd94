//! Tokens to trees: recursive descent for statements, precedence climbing for expressions.
//!
//! Nothing is ever tried twice at depth: where parentheses may hold a query, an expression or a join, one function
//! reads them and says what they were. So time is linear in the text, and both the nesting of the text and the height
//! of the trees are bounded.

mod alter;
mod calls;
mod dml;
mod expr;
mod from;
mod functions;
mod names;
mod objects;
mod query;
mod roles;
mod statement;
mod table;
mod types;

use crate::ast::{Expr, Located, Query, Statement};
use crate::error::SyntaxError;
use crate::lex::{self, Token, TokenKind};

/// How deep a text may nest. Most constructs cost one level, parentheses two, subqueries a few.
pub const DEPTH_MAX: usize = 128;

/// How high a tree may grow: chains of operators grow to the left without nesting.
pub const HEIGHT_MAX: usize = 500;

pub(crate) use expr::power;

type Parse<T> = Result<T, SyntaxError>;

/// All statements of a text. Empty ones are skipped.
pub fn parse_statements(text: &str) -> Result<Vec<Located<Statement>>, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let mut statements = Vec::new();
    let mut line = Lines::new(text);
    loop {
        while parser.eat(";") {}
        if parser.at_end() {
            return Ok(statements);
        }
        let offset = parser.token().start;
        let node = parser.statement()?;
        let range = offset..parser.previous_end();
        if !parser.at_end() && !parser.is(";") {
            return parser.unexpected();
        }
        statements.push(Located { node, offset, line: line.of(offset), range });
    }
}

/// Exactly one statement; a semicolon may follow.
pub fn parse_statement(text: &str) -> Result<Statement, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let statement = parser.statement()?;
    parser.finish(statement)
}

/// Exactly one query; a semicolon may follow.
pub fn parse_query(text: &str) -> Result<Query, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let query = parser.query()?;
    parser.finish(query)
}

/// Exactly one expression.
pub fn parse_expr(text: &str) -> Result<Expr, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expr()?;
    if parser.at_end() { Ok(expr) } else { parser.unexpected() }
}

/// Counts lines forward through a text.
pub(crate) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, line: 1 }
    }

    /// The line of an offset that is not before the last one asked for.
    pub(crate) fn of(&mut self, offset: usize) -> u32 {
        let between = self.text.get(self.at..offset).unwrap_or_default();
        let lines = between.split(|byte| *byte == b'\n').count() - 1;
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.at = offset.max(self.at);
        self.line
    }
}

/// Walks over the tokens of a text.
struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// How deep the reading functions are nested.
    depth: usize,
    /// The height of the highest tree completed since the innermost [`Parser::nested`] began.
    height: usize,
    /// Which tokens the last operand without operators was read from.
    primary: (usize, usize),
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parse<Self> {
        Ok(Self { text, tokens: lex::tokens(text)?, at: 0, depth: 0, height: 0, primary: (0, 0) })
    }

    /// What was read, if only semicolons follow.
    fn finish<T>(&mut self, node: T) -> Parse<T> {
        while self.eat(";") {}
        if self.at_end() { Ok(node) } else { self.unexpected() }
    }

    /// The token `ahead` of the current one; past the end it is the end.
    fn ahead(&self, ahead: usize) -> Token {
        // The last token is always the end, so there is at least one.
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn token(&self) -> Token {
        self.ahead(0)
    }

    fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.start..token.end]
    }

    fn at_end(&self) -> bool {
        self.token().kind == TokenKind::End
    }

    fn advance(&mut self) -> Token {
        let token = self.token();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// Where the last token read ends.
    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].end)
    }

    /// Whether the token `ahead` is this key word, or this symbol.
    fn is_at(&self, ahead: usize, what: &str) -> bool {
        let token = self.ahead(ahead);
        match token.kind {
            TokenKind::Word => self.text_of(token).eq_ignore_ascii_case(what),
            TokenKind::Op | TokenKind::Punct => self.text_of(token) == what,
            _ => false,
        }
    }

    /// Whether the current token is this key word, or this symbol.
    fn is(&self, what: &str) -> bool {
        self.is_at(0, what)
    }

    /// Whether these key words or symbols come next.
    fn are(&self, what: &[&str]) -> bool {
        what.iter().enumerate().all(|(ahead, what)| self.is_at(ahead, what))
    }

    /// Whether the current token is one of these key words or symbols.
    fn is_any(&self, what: &[&str]) -> bool {
        what.iter().any(|what| self.is(what))
    }

    fn eat(&mut self, what: &str) -> bool {
        let found = self.is(what);
        if found {
            self.advance();
        }
        found
    }

    /// Reads all of these words, or none.
    fn eat_all(&mut self, what: &[&str]) -> bool {
        let found = self.are(what);
        if found {
            for _ in what {
                self.advance();
            }
        }
        found
    }

    fn expect(&mut self, what: &str) -> Parse<()> {
        if self.eat(what) { Ok(()) } else { self.expected(&format!("\"{what}\"")) }
    }

    fn expect_all(&mut self, what: &[&str]) -> Parse<()> {
        what.iter().try_for_each(|what| self.expect(what))
    }

    /// An error at a token.
    fn error_at<T>(&self, token: Token, message: impl Into<String>) -> Parse<T> {
        Err(SyntaxError::at(self.text, token.start, message))
    }

    /// An error at the current token.
    fn error<T>(&self, message: impl Into<String>) -> Parse<T> {
        self.error_at(self.token(), message)
    }

    fn near(&self) -> String {
        let token = self.token();
        if token.kind == TokenKind::End {
            return "syntax error at end of input".to_owned();
        }
        let shown: String = self.text_of(token).chars().take(60).collect();
        format!("syntax error at or near \"{shown}\"")
    }

    fn unexpected<T>(&self) -> Parse<T> {
        self.error(self.near())
    }

    fn expected<T>(&self, what: &str) -> Parse<T> {
        self.error(format!("{}, expected {what}", self.near()))
    }

    /// Reads one level deeper, and accounts for the height of what was read.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= DEPTH_MAX {
            return self.error(format!("the statement nests more than {DEPTH_MAX} levels deep"));
        }
        self.depth += 1;
        let outer = std::mem::take(&mut self.height);
        let result = read(self);
        self.depth -= 1;
        let grown = self.grow();
        self.height = self.height.max(outer);
        grown.and(result)
    }

    /// Accounts for one more level on top of what was read in this frame.
    fn grow(&mut self) -> Parse<()> {
        self.height += 1;
        if self.height > HEIGHT_MAX {
            return self.error(format!("an expression is more than {HEIGHT_MAX} levels high"));
        }
        Ok(())
    }

    /// One or more, with commas between.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut items = vec![read(self)?];
        while self.eat(",") {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// One or more in parentheses, with commas between.
    fn parenthesised<T>(&mut self, read: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        self.expect("(")?;
        let items = self.list(read)?;
        self.expect(")")?;
        Ok(items)
    }

    /// Everything up to the end of the statement, as text; parentheses must balance. Possibly stops at a comma.
    fn rest(&mut self, stop_at_comma: bool) -> Parse<String> {
        let start = self.token().start;
        let first = self.at;
        let mut open = 0usize;
        while !self.at_end() {
            if open == 0 && (self.is(";") || self.is(")") || (stop_at_comma && self.is(","))) {
                break;
            }
            if self.is("(") {
                open += 1;
            } else if self.is(")") {
                open -= 1;
            } else if self.is(";") {
                break;
            }
            self.advance();
        }
        if open > 0 {
            return self.expected("\")\"");
        }
        Ok(if self.at == first { String::new() } else { self.text[start..self.previous_end()].to_owned() })
    }

    /// The text between parentheses that come next, without them.
    fn parenthesised_text(&mut self) -> Parse<String> {
        self.expect("(")?;
        let text = self.rest(false)?;
        self.expect(")")?;
        Ok(text)
    }
}
