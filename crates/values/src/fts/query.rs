//! `tsquery`: reading it in its four syntaxes, printing it, and matching it.

use super::vector::{Vector, weight_of};
use super::{Config, put_quoted, token};
use crate::{Result, ValueError};
use std::fmt::{self, Write};

/// The deepest nesting of parentheses and negations.
const DEPTH_MAX: usize = 200;
/// The most words in all. Chains of them are trees that lean to the left, and are walked on the stack.
const WORDS_MAX: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// A stop word: taken out before the query is used.
    Stop,
    Lexeme {
        text: String,
        prefix: bool,
        weights: u8,
    },
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Phrase(Box<Node>, Box<Node>, u16),
}

/// A search query; an empty one matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    root: Option<Node>,
}

fn both(a: Option<Node>, b: Node, join: impl FnOnce(Box<Node>, Box<Node>) -> Node) -> Node {
    match a {
        None => b,
        Some(a) => join(Box::new(a), Box::new(b)),
    }
}

/// The words that a query has so far.
#[derive(Default)]
struct Words(usize);

impl Words {
    fn one_more(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 > WORDS_MAX { Err(ValueError::limit("tsquery is too large")) } else { Ok(()) }
    }

    /// One operand's tokens as nodes joined by `join` (which gets the distance), stop words left in.
    fn operand(
        &mut self,
        config: Config,
        text: &str,
        (prefix, weights): (bool, u8),
        join: impl Fn(Box<Node>, Box<Node>) -> Node,
    ) -> Result<Node> {
        let mut all: Option<Node> = None;
        for t in token::tokens(text) {
            self.one_more()?;
            let node = config.lexeme(&t).map_or(Node::Stop, |text| Node::Lexeme { text, prefix, weights });
            all = Some(both(all, node, &join));
        }
        Ok(all.unwrap_or(Node::Stop))
    }
}

/// Neither the beginning of words, nor in parts of the document with some weight.
const PLAIN: (bool, u8) = (false, 0);

fn phrase(a: Box<Node>, b: Box<Node>) -> Node {
    Node::Phrase(a, b, 1)
}

fn and(a: Box<Node>, b: Box<Node>) -> Node {
    Node::And(a, b)
}

/// Takes stop words out. The numbers are how far the distances of phrases around must grow, on the left and on the right.
fn clean(node: Node) -> (Option<Node>, u16, u16) {
    match node {
        Node::Stop => (None, 0, 0),
        Node::Lexeme { .. } => (Some(node), 0, 0),
        Node::Not(inner) => (clean(*inner).0.map(|n| Node::Not(Box::new(n))), 0, 0),
        Node::Phrase(a, b, distance) => {
            let ((a, a_left, a_right), (b, b_left, b_right)) = (clean(*a), clean(*b));
            let all = |x: u16, y: u16| x.saturating_add(distance).saturating_add(y);
            match (a, b) {
                (None, None) => (None, all(a_left, b_left), all(a_left, b_left)),
                (None, Some(b)) => (Some(b), all(a_left, b_left), b_right),
                (Some(a), None) => (Some(a), a_left, all(a_right, b_right)),
                (Some(a), Some(b)) => {
                    (Some(Node::Phrase(Box::new(a), Box::new(b), all(a_right, b_left))), a_left, b_right)
                }
            }
        }
        Node::And(a, b) => join_clean(*a, *b, and),
        Node::Or(a, b) => join_clean(*a, *b, Node::Or),
    }
}

fn join_clean(a: Node, b: Node, join: fn(Box<Node>, Box<Node>) -> Node) -> (Option<Node>, u16, u16) {
    let ((a, a_left, a_right), (b, b_left, b_right)) = (clean(a), clean(b));
    match (a, b) {
        (Some(a), Some(b)) => (Some(join(Box::new(a), Box::new(b))), 0, 0),
        (Some(a), None) => (Some(a), a_left, a_right),
        (None, Some(b)) => (Some(b), b_left, b_right),
        (None, None) => (None, a_left.max(b_left), a_right.max(b_right)),
    }
}

/// `to_tsquery(config, text)`; 42601 for bad syntax.
pub fn to_query(config: Config, text: &str) -> Result<Query> {
    let root = Parser::new(text, Some(config)).whole()?;
    Ok(Query { root: root.and_then(|n| clean(n).0) })
}

/// `plainto_tsquery(config, text)`: all words.
pub fn plain_query(config: Config, text: &str) -> Result<Query> {
    Ok(Query { root: clean(Words::default().operand(config, text, PLAIN, and)?).0 })
}

/// `phraseto_tsquery(config, text)`: all words in their order.
pub fn phrase_query(config: Config, text: &str) -> Result<Query> {
    Ok(Query { root: clean(Words::default().operand(config, text, PLAIN, phrase)?).0 })
}

/// `websearch_to_tsquery(config, text)`: words, `"phrases"`, `or`, `-without`. Never a syntax error.
pub fn web_query(config: Config, text: &str) -> Result<Query> {
    let mut words = Words::default();
    let mut alternatives: Option<Node> = None;
    let mut current: Option<Node> = None;
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '"' | '-'));
        if rest.is_empty() {
            break;
        }
        let negated = rest.starts_with('-');
        let begin = if negated { rest.trim_start_matches('-') } else { rest };
        let (node, tail) = if let Some(quoted) = begin.strip_prefix('"') {
            let (inner, tail) = quoted.split_once('"').unwrap_or((quoted, ""));
            (words.operand(config, inner, PLAIN, phrase)?, tail)
        } else {
            let end = begin.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(begin.len());
            let (word, tail) = begin.split_at(end);
            // `or` joins only between two operands.
            if !negated
                && word.eq_ignore_ascii_case("or")
                && current.is_some()
                && tail.chars().any(char::is_alphanumeric)
            {
                alternatives = current.take().map(|c| both(alternatives.take(), c, Node::Or));
                rest = tail;
                continue;
            }
            (words.operand(config, word, PLAIN, phrase)?, tail)
        };
        rest = tail;
        let node = if negated { Node::Not(Box::new(node)) } else { node };
        current = Some(both(current.take(), node, and));
    }
    if let Some(c) = current {
        alternatives = Some(both(alternatives, c, Node::Or));
    }
    Ok(Query { root: alternatives.and_then(|n| clean(n).0) })
}

/// A recursive-descent parser of the `tsquery` syntax: `|` below `&` below `<->` below `!`.
struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    config: Option<Config>,
    depth: usize,
    words: Words,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, config: Option<Config>) -> Self {
        Self { text, rest: text, config, depth: 0, words: Words::default() }
    }

    fn bad(&self, what: &str) -> ValueError {
        ValueError::new("42601", format!("{what} in tsquery: \"{}\"", self.text))
    }

    fn eat(&mut self, token: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn whole(mut self) -> Result<Option<Node>> {
        if self.rest.trim().is_empty() {
            return Ok(None);
        }
        let node = self.or()?;
        if self.rest.trim().is_empty() { Ok(Some(node)) } else { Err(self.bad("syntax error")) }
    }

    fn or(&mut self) -> Result<Node> {
        let mut left = self.and()?;
        while self.eat('|') {
            left = Node::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Node> {
        let mut left = self.phrase()?;
        while self.eat('&') {
            left = Node::And(Box::new(left), Box::new(self.phrase()?));
        }
        Ok(left)
    }

    fn phrase(&mut self) -> Result<Node> {
        let mut left = self.not()?;
        while self.eat('<') {
            let (inner, rest) = self.rest.split_once('>').ok_or_else(|| self.bad("syntax error"))?;
            let distance = if inner == "-" { Some(1) } else { inner.parse::<u16>().ok() };
            let distance = distance.ok_or_else(|| self.bad("syntax error"))?;
            if distance > 16_384 {
                return Err(ValueError::parameter(
                    "distance in phrase operator must be an integer value between zero and 16384 inclusive",
                ));
            }
            self.rest = rest;
            left = Node::Phrase(Box::new(left), Box::new(self.not()?), distance);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ValueError::limit("tsquery is nested too deeply"));
        }
        let node = if self.eat('!') {
            Node::Not(Box::new(self.not()?))
        } else if self.eat('(') {
            let inner = self.or()?;
            if !self.eat(')') {
                return Err(self.bad("syntax error"));
            }
            inner
        } else {
            self.value()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn value(&mut self) -> Result<Node> {
        self.rest = self.rest.trim_start();
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        let quoted = self.rest.starts_with('\'');
        if quoted {
            chars.next();
        }
        let mut closed = !quoted;
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => text.push(chars.next().ok_or_else(|| self.bad("syntax error"))?.1),
                '\'' if quoted => {
                    if self.rest[i + 1..].starts_with('\'') {
                        chars.next();
                        text.push('\'');
                    } else {
                        closed = true;
                        end = i + 1;
                        break;
                    }
                }
                c if !quoted && (c.is_whitespace() || matches!(c, '&' | '|' | '!' | '(' | ')' | '<' | ':')) => {
                    end = i;
                    break;
                }
                c => text.push(c),
            }
        }
        if text.is_empty() || !closed {
            return Err(self.bad(if self.rest.is_empty() || !closed { "no operand" } else { "syntax error" }));
        }
        self.rest = &self.rest[end..];
        let (mut prefix, mut weights) = (false, 0u8);
        if let Some(after) = self.rest.strip_prefix(':') {
            let len = after.find(|c| !"*ABCDabcd".contains(c)).unwrap_or(after.len());
            for c in after[..len].chars() {
                if c == '*' {
                    prefix = true;
                } else {
                    weights |= 1 << weight_of(c);
                }
            }
            self.rest = &after[len..];
        }
        self.words.one_more()?;
        match self.config {
            None => Ok(Node::Lexeme { text, prefix, weights }),
            Some(config) => self.words.operand(config, &text, (prefix, weights), phrase),
        }
    }
}

/// Where a part of a phrase ends in the document, or (negated) where it does not.
struct Places {
    negated: bool,
    at: Vec<i32>,
    width: i32,
}

impl Node {
    fn positions(&self, v: &Vector) -> Option<Vec<i32>> {
        let Self::Lexeme { text, prefix, weights } = self else { return None };
        let fits = |w: u8| *weights == 0 || *weights & (1 << w) != 0;
        let mut found = false;
        let mut out = Vec::new();
        let all = v
            .lexemes
            .range(text.clone()..)
            .take_while(|(l, _)| if *prefix { l.starts_with(text.as_str()) } else { *l == text });
        for (_, positions) in all {
            found |= (positions.is_empty() && *weights == 0) || positions.iter().any(|p| fits(p.1));
            out.extend(positions.iter().filter(|p| fits(p.1)).map(|p| i32::from(p.0)));
        }
        out.sort_unstable();
        out.dedup();
        found.then_some(out)
    }

    fn holds(&self, v: &Vector) -> bool {
        match self {
            Self::Stop => false,
            Self::Lexeme { .. } => self.positions(v).is_some(),
            Self::Not(n) => !n.holds(v),
            Self::And(a, b) => a.holds(v) && b.holds(v),
            Self::Or(a, b) => a.holds(v) || b.holds(v),
            Self::Phrase(..) => {
                let p = self.places(v);
                p.negated || !p.at.is_empty()
            }
        }
    }

    /// PostgreSQL's phrase evaluation: positions are right ends, widths reach to the left.
    fn places(&self, v: &Vector) -> Places {
        let pair = |a: &Self, b: &Self, distance: Option<u16>| {
            let (a, b) = (a.places(v), b.places(v));
            let (left, right, width) = if let Some(d) = distance {
                (i32::from(d) + b.width, 0, i32::from(d) + a.width + b.width)
            } else {
                let widest = a.width.max(b.width);
                (widest - a.width, widest - b.width, widest)
            };
            let shift = |p: &Places, by: i32| p.at.iter().map(|x| x + by).collect::<Vec<_>>();
            ((a.negated, shift(&a, left)), (b.negated, shift(&b, right)), width)
        };
        let with = |x: &[i32], y: &[i32]| x.iter().copied().filter(|p| y.binary_search(p).is_ok()).collect::<Vec<_>>();
        let without =
            |x: &[i32], y: &[i32]| x.iter().copied().filter(|p| y.binary_search(p).is_err()).collect::<Vec<_>>();
        let union = |x: &[i32], y: &[i32]| {
            let mut all = [x, y].concat();
            all.sort_unstable();
            all.dedup();
            all
        };
        match self {
            Self::Stop => Places { negated: false, at: Vec::new(), width: 0 },
            Self::Lexeme { .. } => Places { negated: false, at: self.positions(v).unwrap_or_default(), width: 0 },
            Self::Not(n) => {
                let p = n.places(v);
                Places { negated: !p.negated, ..p }
            }
            Self::And(a, b) | Self::Phrase(a, b, _) => {
                let distance = if let Self::Phrase(_, _, d) = self { Some(*d) } else { None };
                let ((x_not, x), (y_not, y), reach) = pair(a, b, distance);
                let at = match (x_not, y_not) {
                    (false, false) => with(&x, &y),
                    (true, false) => without(&y, &x),
                    (false, true) => without(&x, &y),
                    (true, true) => union(&x, &y),
                };
                Places { negated: x_not && y_not, at, width: reach }
            }
            Self::Or(a, b) => {
                let ((x_not, x), (y_not, y), reach) = pair(a, b, None);
                let at = match (x_not, y_not) {
                    (false, false) => union(&x, &y),
                    (true, false) => without(&x, &y),
                    (false, true) => without(&y, &x),
                    (true, true) => with(&x, &y),
                };
                Places { negated: x_not || y_not, at, width: reach }
            }
        }
    }

    fn priority(&self) -> u8 {
        match self {
            Self::Or(..) => 1,
            Self::And(..) => 2,
            Self::Phrase(..) => 3,
            Self::Not(_) => 4,
            Self::Lexeme { .. } | Self::Stop => 5,
        }
    }

    fn write(&self, parent: u8, right_of_phrase: bool, out: &mut String) {
        let own = self.priority();
        let parentheses = own < parent || (right_of_phrase && matches!(self, Self::Phrase(..)));
        if parentheses {
            out.push_str("( ");
        }
        match self {
            Self::Stop => {}
            Self::Lexeme { text, prefix, weights } => {
                put_quoted(text, out);
                if *prefix || *weights != 0 {
                    out.push(':');
                    if *prefix {
                        out.push('*');
                    }
                    out.extend((0..4u8).rev().filter(|w| weights & (1 << w) != 0).map(|w| char::from(b'D' - w)));
                }
            }
            Self::Not(n) => {
                out.push('!');
                n.write(own, false, out);
            }
            Self::And(a, b) | Self::Or(a, b) | Self::Phrase(a, b, _) => {
                a.write(own, false, out);
                match self {
                    Self::And(..) => out.push_str(" & "),
                    Self::Or(..) => out.push_str(" | "),
                    Self::Phrase(_, _, 1) => out.push_str(" <-> "),
                    Self::Phrase(_, _, d) => {
                        let _ = write!(out, " <{d}> ");
                    }
                    _ => {}
                }
                b.write(own, matches!(self, Self::Phrase(..)), out);
            }
        }
        if parentheses {
            out.push_str(" )");
        }
    }
}

impl Query {
    /// Reads `tsquery` input: lexemes as they are.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self { root: Parser::new(text, None).whole()? })
    }

    /// `vector @@ query`
    pub fn matches(&self, vector: &Vector) -> bool {
        self.root.as_ref().is_some_and(|n| n.holds(vector))
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if let Some(n) = &self.root {
            n.write(0, false, &mut out);
        }
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_in_four_syntaxes() {
        type Make = fn(Config, &str) -> Result<Query>;
        let cases: &[(Make, &str, &str)] = &[
            (to_query, "The & Fat & Rats", "'fat' & 'rat'"),
            (to_query, "fat <-> the <-> rats", "'fat' <2> 'rat'"),
            (to_query, "(fat | cat) & !rat", "( 'fat' | 'cat' ) & !'rat'"),
            (to_query, "supern:*A & star:A*B", "'supern':*A & 'star':*AB"),
            (to_query, "foo-bar", "'foo-bar' <-> 'foo' <-> 'bar'"),
            (to_query, "'The Fat Rats'", "'fat' <-> 'rat'"),
            (plain_query, "The Fat & Rats:C", "'fat' & 'rat' & 'c'"),
            (phrase_query, "The Fat of Rats", "'fat' <2> 'rat'"),
            (web_query, "\"fat rats\" or cats -dog", "'fat' <-> 'rat' | 'cat' & !'dog'"),
            (web_query, "fat \"the\" rat", "'fat' & 'rat'"),
            (to_query, "the", ""),
            (to_query, "!the | a", ""),
            (to_query, "a <-> (b <-> c)", "'b' <-> 'c'"),
        ];
        for (make, text, want) in cases {
            assert_eq!(make(Config::English, text).unwrap().to_string(), *want, "{text}");
        }
        for text in ["fat rats", "fat &", "(fat", "fat)", "!", "<-> a"] {
            assert_eq!(to_query(Config::English, text).unwrap_err().sqlstate, "42601", "{text}");
        }
        assert_eq!(to_query(Config::Simple, &"!".repeat(10_000)).unwrap_err().sqlstate, "54000");
        for make in [to_query, plain_query, phrase_query, web_query] as [Make; 4] {
            assert_eq!(make(Config::Simple, &"a-b&".repeat(5_000)).unwrap_err().sqlstate, "54000");
        }
        assert_eq!(plain_query(Config::Simple, &"a ".repeat(500)).unwrap().to_string().len(), 500 * 6 - 3);
        assert_eq!(Query::parse("a & (b | c)").unwrap().to_string(), "'a' & ( 'b' | 'c' )");
    }
}
