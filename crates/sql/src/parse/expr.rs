//! Expressions, by PostgreSQL's precedence.
//!
//! From loose to tight: `or`, `and`, `not`, `is`, comparisons, `between`/`in`/`like`, other operators, `+ -`, `* / %`, `^`,
//! `at time zone`, `collate`, unary `+ -`, `::`. Comparisons, `is` and the `between` level do not chain.

use super::{Parse, Parser};
use crate::ast::{BinaryOp, Expr, FunctionCall, LikeKind, Literal, ObjectName, Quantity, Query, UnaryOp};
use crate::keyword::{self, Class};
use crate::lex::{TokenKind, decode};

/// How tightly each kind of operator binds.
pub(crate) mod power {
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const IS: u8 = 4;
    pub(crate) const COMPARE: u8 = 5;
    pub(crate) const BETWEEN: u8 = 6;
    pub(crate) const OTHER: u8 = 8;
    pub(crate) const ADD: u8 = 9;
    pub(crate) const MUL: u8 = 10;
    pub(crate) const POW: u8 = 11;
    pub(crate) const ZONE: u8 = 12;
    pub(crate) const COLLATE: u8 = 13;
    pub(crate) const SIGN: u8 = 14;
    pub(crate) const CAST: u8 = 17;

    /// How tightly an infix operator binds.
    pub(crate) fn of(op: &crate::ast::BinaryOp) -> u8 {
        use crate::ast::BinaryOp as Op;
        match op {
            Op::Or => OR,
            Op::And => AND,
            Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge => COMPARE,
            Op::Add | Op::Sub => ADD,
            Op::Mul | Op::Div | Op::Mod => MUL,
            Op::Pow => POW,
            Op::Concat | Op::Other(_) | Op::Qualified(_) => OTHER,
        }
    }
}

/// How many tests may follow each other without parentheses, as in `x is null is true`.
const WRAPPED_MAX: usize = 16;

/// Whether an operand may hold every operator, or only those that PostgreSQL allows between `between` and `and` and in
/// column defaults.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    Full,
    Restricted,
}

/// What parentheses held.
pub(super) enum Paren {
    Query(Box<Query>),
    /// At least one expression.
    Exprs(Vec<Expr>),
}

impl Parser<'_> {
    /// An expression.
    pub(super) fn expr(&mut self) -> Parse<Expr> {
        self.operand(0, Grammar::Full)
    }

    /// An expression without `and`, `or`, `not`, `in`, `like`, `between` and `is null` outside parentheses.
    pub(super) fn restricted_expr(&mut self) -> Parse<Expr> {
        self.operand(0, Grammar::Restricted)
    }

    /// An operand whose operators bind at least so tightly.
    fn operand(&mut self, min: u8, grammar: Grammar) -> Parse<Expr> {
        self.nested(|parser| {
            let left = parser.prefix(grammar)?;
            parser.infix(left, min, grammar)
        })
    }

    fn prefix(&mut self, grammar: Grammar) -> Parse<Expr> {
        let token = self.token();
        let (op, min) = match token.kind {
            TokenKind::Word if grammar == Grammar::Full && self.is("not") => (UnaryOp::Not, power::NOT),
            TokenKind::Word if self.are(&["operator", "("]) => {
                let name = self.qualified_operator()?;
                let expr = Box::new(self.operand(power::OTHER + 1, grammar)?);
                return Ok(Expr::Unary { op: UnaryOp::Qualified(name), expr });
            }
            TokenKind::Op => match self.text_of(token) {
                "-" => (UnaryOp::Neg, power::SIGN),
                "+" => (UnaryOp::Plus, power::SIGN),
                "*" | "/" | "%" | "^" | "=" | "<" | ">" | "<=" | ">=" | "<>" | "!=" | "=>" => return self.unexpected(),
                other => (UnaryOp::Other(other.into()), power::OTHER + 1),
            },
            _ => {
                let start = self.at;
                let expr = self.primary()?;
                self.primary = (start, self.at);
                return Ok(expr);
            }
        };
        self.advance();
        let expr = Box::new(self.operand(min, grammar)?);
        Ok(Expr::Unary { op, expr })
    }

    /// `operator ( [schema .] symbol )`.
    fn qualified_operator(&mut self) -> Parse<ObjectName> {
        self.expect_all(&["operator", "("])?;
        let schema = if self.token().kind == TokenKind::Op {
            None
        } else {
            let schema = self.name()?;
            self.expect(".")?;
            Some(schema)
        };
        let token = self.token();
        if token.kind != TokenKind::Op || self.is("=>") {
            return self.expected("an operator");
        }
        self.advance();
        self.expect(")")?;
        let symbol = if self.text_of(token) == "!=" { "<>" } else { self.text_of(token) };
        Ok(ObjectName { schema, name: symbol.into() })
    }

    /// The operators that follow an operand and bind at least as tightly as `min`.
    pub(super) fn infix(&mut self, mut left: Expr, min: u8, grammar: Grammar) -> Parse<Expr> {
        // The level that must not follow itself.
        let mut closed = None;
        let mut wrapped = 0;
        loop {
            let Some(power) = self.next_power(&left, grammar) else { return Ok(left) };
            if power < min {
                return Ok(left);
            }
            if closed == Some(power) {
                return self.unexpected();
            }
            left = self.infix_once(left, power, grammar)?;
            // Only what ends with an operand is open to the next operator; `x in (…)` or `x is null` is complete.
            let open = match &left {
                Expr::Binary { .. } => power == power::COMPARE,
                Expr::IsDistinctFrom { .. } | Expr::Between { .. } | Expr::Like { .. } => true,
                _ => false,
            };
            closed = open.then_some(power);
            // Chains of these are written with parentheses or calls around each link, so they must not be long.
            wrapped += usize::from(matches!(power, power::IS | power::COMPARE | power::BETWEEN | power::ZONE));
            if wrapped > WRAPPED_MAX {
                return self.error(format!("a chain of operators is more than {WRAPPED_MAX} levels high"));
            }
            self.grow()?;
        }
    }

    /// How tightly the operator at the current token binds, if there is one.
    fn next_power(&self, left: &Expr, grammar: Grammar) -> Option<u8> {
        let token = self.token();
        match token.kind {
            TokenKind::Punct => self.is("::").then_some(power::CAST),
            TokenKind::Op => match self.text_of(token) {
                "=>" => None,
                symbol => Some(power::of(&BinaryOp::from_symbol(symbol))),
            },
            TokenKind::Word => {
                if self.are(&["operator", "("]) {
                    return Some(power::OTHER);
                }
                let distinct = |at: usize| self.is_at(at, "distinct");
                if grammar == Grammar::Restricted {
                    let is_distinct = self.is("is") && (distinct(1) || (self.is_at(1, "not") && distinct(2)));
                    return is_distinct.then_some(power::IS);
                }
                self.word_power(left)
            }
            _ => None,
        }
    }

    fn word_power(&self, left: &Expr) -> Option<u8> {
        const SETS: [&str; 4] = ["in", "between", "like", "ilike"];
        let word = self.text_of(self.token());
        let is = |what: &str| word.eq_ignore_ascii_case(what);
        match word.len() {
            2 if is("or") => Some(power::OR),
            2 if is("is") => Some(power::IS),
            2 if is("at") && (self.is_at(1, "time") || self.is_at(1, "local")) => Some(power::ZONE),
            3 if is("and") => Some(power::AND),
            3 if is("not") => {
                let follows = SETS.iter().any(|set| self.is_at(1, set));
                (follows || (self.is_at(1, "similar") && self.is_at(2, "to"))).then_some(power::BETWEEN)
            }
            2 | 4 | 5 | 7 if SETS.iter().any(|set| is(set)) => Some(power::BETWEEN),
            6 if is("isnull") => Some(power::IS),
            7 if is("notnull") => Some(power::IS),
            7 if is("similar") && self.is_at(1, "to") => Some(power::BETWEEN),
            7 if is("collate") => Some(power::COLLATE),
            8 if is("overlaps") && matches!(left, Expr::Row { .. }) => Some(power::BETWEEN),
            _ => None,
        }
    }

    /// One operator and its right side.
    fn infix_once(&mut self, left: Expr, power: u8, grammar: Grammar) -> Parse<Expr> {
        Ok(match power {
            power::CAST => {
                self.advance();
                Expr::Cast { expr: Box::new(left), ty: self.type_name()? }
            }
            power::OR | power::AND => {
                self.advance();
                let op = if power == power::OR { BinaryOp::Or } else { BinaryOp::And };
                let right = Box::new(self.operand(power + 1, grammar)?);
                Expr::Binary { op, left: Box::new(left), right }
            }
            power::IS => self.is_test(left, grammar)?,
            power::BETWEEN => self.set_test(left, grammar)?,
            power::ZONE => self.at_zone(left, grammar)?,
            power::COLLATE => {
                self.advance();
                Expr::Collate { expr: Box::new(left), collation: self.any_object_name()? }
            }
            _ => {
                let op = if self.token().kind == TokenKind::Word {
                    BinaryOp::Qualified(self.qualified_operator()?)
                } else {
                    let token = self.advance();
                    BinaryOp::from_symbol(self.text_of(token))
                };
                if let Some(all) = self.quantifier() {
                    return self.quantified(left, op, all);
                }
                let right = Box::new(self.operand(power + 1, grammar)?);
                Expr::Binary { op, left: Box::new(left), right }
            }
        })
    }

    /// `any (`, `some (` (false) or `all (` (true).
    fn quantifier(&self) -> Option<bool> {
        if !self.is_at(1, "(") {
            None
        } else if self.is("all") {
            Some(true)
        } else {
            self.is_any(&["any", "some"]).then_some(false)
        }
    }

    fn quantified(&mut self, left: Expr, op: BinaryOp, all: bool) -> Parse<Expr> {
        self.advance();
        let right = match self.paren()? {
            Paren::Query(query) => Quantity::Query(query),
            Paren::Exprs(items) => Quantity::Array(Box::new(paren_value(items))),
        };
        Ok(Expr::Quantified { left: Box::new(left), op, all, right })
    }

    /// What follows an operand and begins with `is`, `isnull` or `notnull`.
    fn is_test(&mut self, left: Expr, grammar: Grammar) -> Parse<Expr> {
        let expr = Box::new(left);
        if self.eat("isnull") {
            return Ok(Expr::IsNull { expr, negated: false });
        }
        if self.eat("notnull") {
            return Ok(Expr::IsNull { expr, negated: true });
        }
        self.expect("is")?;
        let negated = self.eat("not");
        if self.eat("null") {
            return Ok(Expr::IsNull { expr, negated });
        }
        if self.eat_all(&["distinct", "from"]) {
            let right = Box::new(self.operand(power::IS + 1, grammar)?);
            return Ok(Expr::IsDistinctFrom { left: expr, right, negated });
        }
        let truth = if self.eat("true") {
            Some(true)
        } else if self.eat("false") {
            Some(false)
        } else if self.eat("unknown") {
            None
        } else {
            return self.expected("null, true, false, unknown or distinct from");
        };
        Ok(Expr::IsTruth { expr, truth, negated })
    }

    /// `[not] in|between|like|ilike|similar to …`, and `overlaps`.
    fn set_test(&mut self, left: Expr, grammar: Grammar) -> Parse<Expr> {
        if self.eat("overlaps") {
            return self.overlaps(left, grammar);
        }
        let negated = self.eat("not");
        if self.eat("in") {
            let expr = Box::new(left);
            return Ok(match self.paren()? {
                Paren::Query(query) => Expr::InQuery { expr, query, negated },
                Paren::Exprs(list) => Expr::InList { expr, list, negated },
            });
        }
        if self.eat("between") {
            let symmetric = self.eat("symmetric");
            if !symmetric {
                self.eat("asymmetric");
            }
            let low = Box::new(self.restricted_expr()?);
            self.expect("and")?;
            let high = Box::new(self.operand(power::BETWEEN + 1, grammar)?);
            return Ok(Expr::Between { expr: Box::new(left), low, high, symmetric, negated });
        }
        let kind = if self.eat("like") {
            LikeKind::Like
        } else if self.eat("ilike") {
            LikeKind::Ilike
        } else {
            self.expect_all(&["similar", "to"])?;
            LikeKind::SimilarTo
        };
        if kind != LikeKind::SimilarTo
            && let Some(all) = self.quantifier()
        {
            let symbol = match (kind, negated) {
                (LikeKind::Like, false) => "~~",
                (LikeKind::Like, true) => "!~~",
                (_, false) => "~~*",
                (_, true) => "!~~*",
            };
            return self.quantified(left, BinaryOp::Other(symbol.into()), all);
        }
        let pattern = Box::new(self.operand(power::BETWEEN + 1, grammar)?);
        let escape = if self.eat("escape") { Some(Box::new(self.operand(power::BETWEEN + 1, grammar)?)) } else { None };
        Ok(Expr::Like { expr: Box::new(left), pattern, escape, kind, negated })
    }

    fn overlaps(&mut self, left: Expr, grammar: Grammar) -> Parse<Expr> {
        let place = self.token();
        let right = self.operand(power::BETWEEN + 1, grammar)?;
        match (left, right) {
            (Expr::Row { items: mut left, .. }, Expr::Row { items: right, .. })
                if left.len() == 2 && right.len() == 2 =>
            {
                left.extend(right);
                let call = FunctionCall::plain(ObjectName::bare("overlaps"), left);
                Ok(Expr::Function(Box::new(call)))
            }
            _ => self.error_at(place, "wrong number of parameters on a side of OVERLAPS expression"),
        }
    }

    fn at_zone(&mut self, left: Expr, grammar: Grammar) -> Parse<Expr> {
        self.expect("at")?;
        let args = if self.eat("local") {
            vec![left]
        } else {
            self.expect_all(&["time", "zone"])?;
            vec![self.operand(power::ZONE + 1, grammar)?, left]
        };
        Ok(Expr::Function(Box::new(FunctionCall::plain(ObjectName::bare("timezone"), args))))
    }

    /// Whether a query begins `ahead` tokens from here, apart from parentheses.
    pub(super) fn at_query(&self, ahead: usize) -> bool {
        self.is_at(ahead, "select")
            || self.is_at(ahead, "with")
            || self.is_at(ahead, "table")
            || (self.is_at(ahead, "values") && self.is_at(ahead + 1, "("))
    }

    /// Parentheses and whatever they hold.
    pub(super) fn paren(&mut self) -> Parse<Paren> {
        self.nested(|parser| {
            parser.expect("(")?;
            if parser.at_query(0) {
                let query = Box::new(parser.query()?);
                parser.expect(")")?;
                return Ok(Paren::Query(query));
            }
            let first = if parser.is("(") {
                let left = match parser.paren()? {
                    Paren::Query(query) if parser.is(")") || parser.at_query_tail() => {
                        let query = Box::new(parser.query_after_parens(*query)?);
                        parser.expect(")")?;
                        return Ok(Paren::Query(query));
                    }
                    Paren::Query(query) => parser.indirection(Expr::Subquery(query))?,
                    Paren::Exprs(items) => parser.paren_expr(items)?,
                };
                parser.infix(left, 0, Grammar::Full)?
            } else {
                parser.expr()?
            };
            let mut items = vec![first];
            while parser.eat(",") {
                items.push(parser.expr()?);
            }
            parser.expect(")")?;
            Ok(Paren::Exprs(items))
        })
    }

    fn paren_expr(&mut self, items: Vec<Expr>) -> Parse<Expr> {
        let single = items.len() == 1;
        let value = paren_value(items);
        if single { self.indirection(value) } else { Ok(value) }
    }

    /// Subscripts and fields after something that may have them.
    fn indirection(&mut self, mut expr: Expr) -> Parse<Expr> {
        loop {
            if self.is(".") && !self.is_at(1, "*") {
                self.advance();
                expr = Expr::Field { expr: Box::new(expr), name: self.label()? };
            } else if self.eat("[") {
                expr = self.subscript(expr)?;
            } else {
                return Ok(expr);
            }
            self.grow()?;
        }
    }

    fn subscript(&mut self, expr: Expr) -> Parse<Expr> {
        let expr = Box::new(expr);
        let low = if self.is(":") { None } else { Some(Box::new(self.expr()?)) };
        if self.eat(":") {
            let high = if self.is("]") { None } else { Some(Box::new(self.expr()?)) };
            self.expect("]")?;
            return Ok(Expr::Slice { expr, low, high });
        }
        self.expect("]")?;
        match low {
            Some(index) => Ok(Expr::Subscript { expr, index }),
            None => self.unexpected(),
        }
    }

    /// An operand without operators around it.
    fn primary(&mut self) -> Parse<Expr> {
        let token = self.token();
        let text = self.text_of(token);
        let literal = match token.kind {
            TokenKind::Integer => match decode::integer(text) {
                Some(digits) => Literal::Integer(digits),
                None => return self.error("the integer is out of range"),
            },
            TokenKind::Numeric => Literal::Numeric(text.replace('_', "")),
            TokenKind::String => return Ok(Expr::Literal(Literal::String(self.string()?))),
            TokenKind::Bits => Literal::Bits(self.decoded(token, |text| decode::bits(text, false))?),
            TokenKind::HexBits => Literal::HexBits(self.decoded(token, |text| decode::bits(text, true))?),
            TokenKind::Param => {
                self.advance();
                // The lexer has checked that the number fits.
                return self.indirection(Expr::Param(text[1..].parse().unwrap_or(0)));
            }
            TokenKind::Word => return self.word_expr(),
            TokenKind::QuotedIdent => return self.named(),
            TokenKind::Punct if text == "(" => {
                return match self.paren()? {
                    Paren::Query(query) => self.indirection(Expr::Subquery(query)),
                    Paren::Exprs(items) => self.paren_expr(items),
                };
            }
            TokenKind::Punct | TokenKind::Op | TokenKind::End => return self.unexpected(),
        };
        self.advance();
        Ok(Expr::Literal(literal))
    }

    /// An operand that begins with a word.
    fn word_expr(&mut self) -> Parse<Expr> {
        let class = keyword::class(self.text_of(self.token()));
        // The one that nests most is taken first, to keep its stack frames few.
        if class == Class::Reserved && self.is("case") {
            return self.case();
        }
        if class != Class::Free
            && let Some(expr) = self.special()?
        {
            return Ok(expr);
        }
        if self.at_type_word()
            && let Some(expr) = self.typed_literal()?
        {
            return Ok(expr);
        }
        if class == Class::Reserved { self.unexpected() } else { self.named() }
    }

    /// One of the grammar's own types before a string: `timestamp '…'`, `interval '1' day`.
    fn typed_literal(&mut self) -> Parse<Option<Expr>> {
        let start = self.at;
        let ty = self.base_type();
        match ty {
            Ok(mut ty) if self.at_string() && ty.fields.is_none() => {
                let value = self.string()?;
                if ty.name.is_builtin("interval") && ty.modifiers.is_empty() {
                    ty.fields = self.interval_fields()?;
                }
                Ok(Some(Expr::Cast { expr: Box::new(Expr::Literal(Literal::String(value))), ty }))
            }
            _ => {
                self.at = start;
                Ok(None)
            }
        }
    }

    /// A column, a call, a whole row or a typed string, by what follows the name.
    fn named(&mut self) -> Parse<Expr> {
        let first_token = self.token();
        let mut parts = vec![self.label()?];
        while self.is(".") && !self.is_at(1, "*") {
            self.advance();
            parts.push(self.label()?);
            if parts.len() > 3 {
                return self.error_at(first_token, "improper qualified name (too many dotted names)");
            }
        }
        let class = match first_token.kind {
            TokenKind::Word => keyword::class(self.text_of(first_token)),
            _ => Class::Free,
        };
        let follows = self.token();
        let is_call = self.is("(");
        if parts.len() <= 2 && (is_call || follows.kind == TokenKind::String) {
            let name = object(parts);
            if name.schema.is_none() && class == Class::ColumnName
                || name.schema.is_some() && class == Class::FunctionName
            {
                return self.unexpected();
            }
            if is_call {
                return Ok(Expr::Function(Box::new(self.call(name)?)));
            }
            let value = Expr::Literal(Literal::String(self.string()?));
            let ty = crate::ast::TypeName { name, ..crate::ast::TypeName::plain("") };
            return Ok(Expr::Cast { expr: Box::new(value), ty });
        }
        if class == Class::FunctionName {
            return self.error_at(first_token, format!("syntax error at or near \"{}\"", parts[0]));
        }
        if self.is(".") && self.is_at(1, "*") {
            if parts.len() > 2 {
                return self.error_at(first_token, "improper qualified name (too many dotted names)");
            }
            self.advance();
            self.advance();
            return Ok(Expr::WholeRow(object(parts)));
        }
        self.indirection(Expr::Column { parts })
    }
}

/// One or two names as an object.
fn object(mut parts: Vec<crate::ast::Name>) -> ObjectName {
    let name = parts.pop().unwrap_or_else(|| "".into());
    ObjectName { schema: parts.pop(), name }
}

/// What a parenthesised list stands for: itself when single, a row otherwise.
fn paren_value(mut items: Vec<Expr>) -> Expr {
    match items.pop() {
        Some(item) if items.is_empty() => item,
        Some(item) => {
            items.push(item);
            Expr::Row { items, explicit: false }
        }
        None => Expr::Row { items, explicit: true },
    }
}
