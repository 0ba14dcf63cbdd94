//! Calls, and the words of the grammar that act like calls.

use super::expr::Paren;
use super::{Parse, Parser};
use crate::ast::{
    Expr, Frame, FrameBound, FrameExclude, FrameUnit, FunctionArg, FunctionCall, Literal, Name, ObjectName, Over,
    Window,
};
use crate::lex::TokenKind;

fn text(value: &str) -> Expr {
    Expr::Literal(Literal::String(value.to_owned()))
}

fn plain(name: &str, args: Vec<Expr>) -> Expr {
    Expr::Function(Box::new(FunctionCall::plain(ObjectName::bare(name), args)))
}

fn keyword_call(word: &str, args: Vec<Expr>) -> Expr {
    let call = FunctionCall { keyword: true, ..FunctionCall::plain(ObjectName::bare(word), args) };
    Expr::Function(Box::new(call))
}

impl Parser<'_> {
    /// An expression that begins with a key word of its own, if the current token is one.
    pub(super) fn special(&mut self) -> Parse<Option<Expr>> {
        let word = self.text_of(self.token()).to_ascii_lowercase();
        let paren = self.is_at(1, "(");
        let expr = match &*word {
            "null" => self.constant(Literal::Null),
            "true" => self.constant(Literal::Bool(true)),
            "false" => self.constant(Literal::Bool(false)),
            "default" => {
                self.advance();
                Expr::Default
            }
            "cast" => {
                self.expect_all(&["cast", "("])?;
                let expr = Box::new(self.expr()?);
                self.expect("as")?;
                let ty = self.type_name()?;
                self.expect(")")?;
                Expr::Cast { expr, ty }
            }
            "array" => self.array()?,
            "row" if paren => {
                self.advance();
                Expr::Row { items: self.row_items()?, explicit: true }
            }
            "exists" if paren => {
                self.advance();
                Expr::Exists(self.paren_query()?)
            }
            "current_schema" if paren => return Ok(None),
            "current_date" | "current_role" | "current_user" | "session_user" | "system_user" | "user"
            | "current_catalog" | "current_schema" => {
                self.advance();
                keyword_call(&word, Vec::new())
            }
            "current_time" | "current_timestamp" | "localtime" | "localtimestamp" => {
                self.advance();
                let args = if paren { self.parenthesised(Self::expr)? } else { Vec::new() };
                keyword_call(&word, args)
            }
            "coalesce" | "greatest" | "least" | "nullif" | "grouping" if paren => {
                self.advance();
                let args = self.parenthesised(Self::expr)?;
                if word == "nullif" && args.len() != 2 {
                    return self.error("nullif takes two arguments");
                }
                keyword_call(&word, args)
            }
            "extract" if paren => self.extract()?,
            "overlay" if paren => self.overlay()?,
            "position" if paren => self.position()?,
            "substring" if paren => self.substring()?,
            "trim" if paren => self.trim()?,
            "normalize" if paren => self.normalize()?,
            "collation" if self.is_at(1, "for") => {
                self.expect_all(&["collation", "for", "("])?;
                let value = self.expr()?;
                self.expect(")")?;
                plain("pg_collation_for", vec![value])
            }
            _ => return Ok(None),
        };
        Ok(Some(expr))
    }

    fn constant(&mut self, literal: Literal) -> Expr {
        self.advance();
        Expr::Literal(literal)
    }

    /// Parentheses that must hold a query.
    fn paren_query(&mut self) -> Parse<Box<crate::ast::Query>> {
        let place = self.ahead(1);
        match self.paren()? {
            Paren::Query(query) => Ok(query),
            Paren::Exprs(_) => self.error_at(place, "a query is expected in these parentheses"),
        }
    }

    /// Zero or more expressions in parentheses.
    fn row_items(&mut self) -> Parse<Vec<Expr>> {
        self.expect("(")?;
        if self.eat(")") {
            return Ok(Vec::new());
        }
        let items = self.list(Self::expr)?;
        self.expect(")")?;
        Ok(items)
    }

    /// `case … end`.
    pub(super) fn case(&mut self) -> Parse<Expr> {
        self.expect("case")?;
        let operand = if self.is("when") { None } else { Some(Box::new(self.expr()?)) };
        let mut branches = Vec::new();
        self.expect("when")?;
        loop {
            let condition = self.expr()?;
            self.expect("then")?;
            branches.push((condition, self.expr()?));
            if !self.eat("when") {
                break;
            }
        }
        let otherwise = if self.eat("else") { Some(Box::new(self.expr()?)) } else { None };
        self.expect("end")?;
        Ok(Expr::Case { operand, branches, otherwise })
    }

    fn array(&mut self) -> Parse<Expr> {
        self.expect("array")?;
        if self.is("(") { Ok(Expr::ArrayQuery(self.paren_query()?)) } else { self.array_items() }
    }

    fn array_items(&mut self) -> Parse<Expr> {
        self.nested(|parser| {
            parser.expect("[")?;
            if parser.eat("]") {
                return Ok(Expr::Array(Vec::new()));
            }
            let items = if parser.is("[") { parser.list(Self::array_items)? } else { parser.list(Self::expr)? };
            parser.expect("]")?;
            Ok(Expr::Array(items))
        })
    }

    fn extract(&mut self) -> Parse<Expr> {
        self.expect_all(&["extract", "("])?;
        let field = match self.token().kind {
            TokenKind::String => self.string()?,
            _ => self.label()?.as_ref().to_owned(),
        };
        self.expect("from")?;
        let source = self.expr()?;
        self.expect(")")?;
        Ok(plain("extract", vec![text(&field), source]))
    }

    fn overlay(&mut self) -> Parse<Expr> {
        self.expect_all(&["overlay", "("])?;
        let mut args = vec![self.expr()?];
        if self.eat("placing") {
            args.push(self.expr()?);
            self.expect("from")?;
            args.push(self.expr()?);
            if self.eat("for") {
                args.push(self.expr()?);
            }
        } else {
            while self.eat(",") {
                args.push(self.expr()?);
            }
        }
        self.expect(")")?;
        Ok(plain("overlay", args))
    }

    fn position(&mut self) -> Parse<Expr> {
        self.expect_all(&["position", "("])?;
        let part = self.restricted_expr()?;
        self.expect("in")?;
        let whole = self.restricted_expr()?;
        self.expect(")")?;
        Ok(plain("position", vec![whole, part]))
    }

    fn substring(&mut self) -> Parse<Expr> {
        self.expect_all(&["substring", "("])?;
        let mut args = vec![self.expr()?];
        if self.eat("similar") {
            args.push(self.expr()?);
            self.expect("escape")?;
            args.push(self.expr()?);
        } else if self.is("from") || self.is("for") {
            let mut from = None;
            let mut length = None;
            if self.eat("from") {
                from = Some(self.expr()?);
            }
            if self.eat("for") {
                length = Some(self.expr()?);
            }
            if from.is_none() && self.eat("from") {
                from = Some(self.expr()?);
            }
            args.push(from.unwrap_or_else(|| Expr::Literal(Literal::Integer("1".to_owned()))));
            args.extend(length);
        } else {
            while self.eat(",") {
                args.push(self.expr()?);
            }
        }
        self.expect(")")?;
        Ok(plain("substring", args))
    }

    fn trim(&mut self) -> Parse<Expr> {
        self.expect_all(&["trim", "("])?;
        let name = if self.eat("leading") {
            "ltrim"
        } else if self.eat("trailing") {
            "rtrim"
        } else {
            self.eat("both");
            "btrim"
        };
        if self.eat("from") {
            let args = self.list(Self::expr)?;
            self.expect(")")?;
            return Ok(plain(name, args));
        }
        let mut args = vec![self.expr()?];
        if self.eat("from") {
            // The characters came first; the function takes them last.
            let mut list = self.list(Self::expr)?;
            list.append(&mut args);
            args = list;
        } else if self.eat(",") {
            args.append(&mut self.list(Self::expr)?);
        }
        self.expect(")")?;
        Ok(plain(name, args))
    }

    fn normalize(&mut self) -> Parse<Expr> {
        self.expect_all(&["normalize", "("])?;
        let mut args = vec![self.expr()?];
        if self.eat(",") {
            if self.at_string() {
                args.push(self.expr()?);
            } else {
                let form = self.label()?.to_ascii_uppercase();
                if !matches!(&*form, "NFC" | "NFD" | "NFKC" | "NFKD") {
                    return self.error("the form is one of nfc, nfd, nfkc, nfkd");
                }
                args.push(text(&form));
            }
        }
        self.expect(")")?;
        Ok(plain("normalize", args))
    }

    /// A call, from its opening parenthesis on.
    pub(super) fn call(&mut self, name: ObjectName) -> Parse<FunctionCall> {
        let mut call = FunctionCall::plain(name, []);
        self.expect("(")?;
        if self.eat("*") {
            call.star = true;
        } else if !self.is(")") {
            call.distinct = self.eat("distinct");
            if !call.distinct {
                self.eat("all");
            }
            call.args = self.list(Self::argument)?;
            if call.args.iter().rev().skip(1).any(|arg| arg.variadic) {
                return self.error("a variadic argument must be the last one");
            }
            if call.args.windows(2).any(|pair| pair[0].name.is_some() && pair[1].name.is_none() && !pair[1].variadic) {
                return self.error("positional argument cannot follow named argument");
            }
            if self.is("order") {
                call.order_by = self.order_by()?;
            }
        }
        self.expect(")")?;
        if self.eat_all(&["within", "group", "("]) {
            if !call.order_by.is_empty() {
                return self.error("cannot use multiple ORDER BY clauses with WITHIN GROUP");
            }
            call.within_group = true;
            call.order_by = self.order_by()?;
            self.expect(")")?;
        }
        if self.eat_all(&["filter", "("]) {
            self.expect("where")?;
            call.filter = Some(self.expr()?);
            self.expect(")")?;
        }
        if self.eat("over") {
            call.over = Some(if self.is("(") { Over::Window(self.window()?) } else { Over::Named(self.name()?) });
        }
        Ok(call)
    }

    fn argument(&mut self) -> Parse<FunctionArg> {
        let variadic = self.eat("variadic");
        let named = matches!(self.token().kind, TokenKind::Word | TokenKind::QuotedIdent)
            && (self.is_at(1, "=>") || self.is_at(1, ":="));
        let name: Option<Name> = if named {
            let name = self.function_or_column_name()?;
            self.advance();
            Some(name)
        } else {
            None
        };
        Ok(FunctionArg { name, variadic, value: self.expr()? })
    }

    /// The name of a parameter.
    pub(super) fn function_or_column_name(&mut self) -> Parse<Name> {
        if self.at_name() { self.name() } else { self.function_name() }
    }

    /// A window in parentheses.
    pub(super) fn window(&mut self) -> Parse<Window> {
        self.nested(|parser| {
            parser.expect("(")?;
            let mut window = Window::default();
            if parser.at_name() && !parser.is_any(&["partition", "range", "rows", "groups"]) {
                window.base = Some(parser.name()?);
            }
            if parser.eat_all(&["partition", "by"]) {
                window.partition_by = parser.list(Self::expr)?;
            }
            if parser.is("order") {
                window.order_by = parser.order_by()?;
            }
            window.frame = parser.frame()?;
            parser.expect(")")?;
            Ok(window)
        })
    }

    fn frame(&mut self) -> Parse<Option<Frame>> {
        let unit = if self.eat("rows") {
            FrameUnit::Rows
        } else if self.eat("range") {
            FrameUnit::Range
        } else if self.eat("groups") {
            FrameUnit::Groups
        } else {
            return Ok(None);
        };
        let (start, end) = if self.eat("between") {
            let start = self.frame_bound()?;
            self.expect("and")?;
            (start, Some(self.frame_bound()?))
        } else {
            (self.frame_bound()?, None)
        };
        let exclude = if self.eat("exclude") {
            if self.eat_all(&["no", "others"]) {
                None
            } else if self.eat_all(&["current", "row"]) {
                Some(FrameExclude::CurrentRow)
            } else if self.eat("group") {
                Some(FrameExclude::Group)
            } else {
                self.expect("ties")?;
                Some(FrameExclude::Ties)
            }
        } else {
            None
        };
        Ok(Some(Frame { unit, start, end, exclude }))
    }

    fn frame_bound(&mut self) -> Parse<FrameBound> {
        if self.eat_all(&["current", "row"]) {
            return Ok(FrameBound::CurrentRow);
        }
        if self.are(&["unbounded", "preceding"]) || self.are(&["unbounded", "following"]) {
            self.advance();
            let preceding = self.eat("preceding");
            if !preceding {
                self.advance();
            }
            return Ok(if preceding { FrameBound::UnboundedPreceding } else { FrameBound::UnboundedFollowing });
        }
        let distance = Box::new(self.expr()?);
        if self.eat("preceding") {
            return Ok(FrameBound::Preceding(distance));
        }
        self.expect("following")?;
        Ok(FrameBound::Following(distance))
    }
}
