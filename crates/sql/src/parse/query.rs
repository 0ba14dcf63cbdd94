//! Queries.

use super::{Parse, Parser};
use crate::ast::{
    Cte, CteBody, Distinct, Expr, GroupItem, Literal, Lock, LockStrength, LockWait, Name, OrderBy, Query, QueryBody,
    Select, SelectItem, SetOp, Statement, With,
};
use crate::keyword;
use crate::lex::TokenKind;

impl Parser<'_> {
    /// A query, with its own `with`.
    pub(super) fn query(&mut self) -> Parse<Query> {
        self.nested(|parser| {
            let with = parser.with()?;
            parser.query_after_with(with)
        })
    }

    /// A query after its `with`.
    pub(super) fn query_after_with(&mut self, with: Option<With>) -> Parse<Query> {
        let first = self.body_operand()?;
        let body = self.set_operations(first, 0)?;
        let mut query = Query { with, ..Query::from_body(body) };
        self.query_tail(&mut query)?;
        Ok(unwrapped(query))
    }

    /// What may follow a query in parentheses and make it the start of a larger one.
    pub(super) fn at_query_tail(&self) -> bool {
        self.is_any(&["union", "intersect", "except", "order", "limit", "offset", "fetch", "for"])
    }

    /// Goes on after a query in parentheses.
    pub(super) fn query_after_parens(&mut self, inner: Query) -> Parse<Query> {
        if !self.at_query_tail() {
            return Ok(inner);
        }
        let body = self.set_operations(collapsed(inner), 0)?;
        let mut query = Query::from_body(body);
        self.query_tail(&mut query)?;
        Ok(unwrapped(query))
    }

    pub(super) fn with(&mut self) -> Parse<Option<With>> {
        if !self.eat("with") {
            return Ok(None);
        }
        let recursive = self.eat("recursive");
        let ctes = self.list(Self::cte)?;
        Ok(Some(With { recursive, ctes }))
    }

    fn cte(&mut self) -> Parse<Cte> {
        let name = self.name()?;
        let columns = self.opt_name_list()?;
        self.expect("as")?;
        let materialized = if self.eat("materialized") {
            Some(true)
        } else if self.eat_all(&["not", "materialized"]) {
            Some(false)
        } else {
            None
        };
        self.expect("(")?;
        let place = self.token();
        let body = match self.row_statement()? {
            Statement::Query(query) => CteBody::Query(query),
            Statement::Insert(insert) => CteBody::Insert(insert),
            Statement::Update(update) => CteBody::Update(update),
            Statement::Delete(delete) => CteBody::Delete(delete),
            _ => return self.error_at(place, "a query, insert, update or delete is expected"),
        };
        self.expect(")")?;
        if (self.is("search") && (self.is_at(1, "depth") || self.is_at(1, "breadth")))
            || (self.is("cycle") && self.at_name_ahead(1))
        {
            return self.error("search and cycle clauses are not supported: write the columns in the query");
        }
        Ok(Cte { name, columns, materialized, body })
    }

    /// A select, a list of values, or a query in parentheses.
    fn body_operand(&mut self) -> Parse<QueryBody> {
        if self.is("(") {
            return self.nested(|parser| {
                parser.expect("(")?;
                let query = parser.query()?;
                parser.expect(")")?;
                Ok(collapsed(query))
            });
        }
        if self.eat("values") {
            let rows = self.list(|parser| parser.parenthesised(Self::expr))?;
            return Ok(QueryBody::Values(rows));
        }
        if self.eat("table") {
            let table = self.table_reference()?;
            let select = Select { items: vec![SelectItem::Wildcard], from: vec![table], ..Select::empty() };
            return Ok(QueryBody::Select(Box::new(select)));
        }
        self.select().map(|select| QueryBody::Select(Box::new(select)))
    }

    /// `union`, `except` (level 1) and `intersect` (level 2), to the left.
    fn set_operations(&mut self, mut left: QueryBody, min: u8) -> Parse<QueryBody> {
        loop {
            let (op, level) = if self.is("union") {
                (SetOp::Union, 1)
            } else if self.is("except") {
                (SetOp::Except, 1)
            } else if self.is("intersect") {
                (SetOp::Intersect, 2)
            } else {
                return Ok(left);
            };
            if level < min {
                return Ok(left);
            }
            self.advance();
            let all = self.eat("all");
            if !all {
                self.eat("distinct");
            }
            let right = self.nested(|parser| {
                let first = parser.body_operand()?;
                parser.set_operations(first, level + 1)
            })?;
            left = QueryBody::SetOp { op, all, left: Box::new(left), right: Box::new(right) };
            self.grow()?;
        }
    }

    fn select(&mut self) -> Parse<Select> {
        self.expect("select")?;
        let mut select = Select::empty();
        if self.eat("distinct") {
            select.distinct =
                if self.eat("on") { Distinct::On(self.parenthesised(Self::expr)?) } else { Distinct::Yes };
        } else {
            self.eat("all");
        }
        // PostgreSQL allows no columns at all, but not after `distinct`.
        if select.distinct != Distinct::No || !self.at_select_end() {
            select.items = self.list(Self::select_item)?;
        }
        if self.is("into") {
            return self.error("select into is not supported: write create table … as");
        }
        if self.eat("from") {
            select.from = self.list(Self::table_reference_with_joins)?;
        }
        select.filter = self.filter()?;
        if self.eat_all(&["group", "by"]) {
            if self.eat("all") || self.is("distinct") {
                return self.error("group by all and group by distinct are not supported");
            }
            select.group_by = self.list(Self::group_item)?;
        }
        if self.eat("having") {
            select.having = Some(self.expr()?);
        }
        if self.eat("window") {
            select.windows = self.list(|parser| {
                let name: Name = parser.name()?;
                parser.expect("as")?;
                Ok((name, parser.window()?))
            })?;
        }
        Ok(select)
    }

    /// Whether a select has no output columns.
    fn at_select_end(&self) -> bool {
        self.at_end()
            || self.is_any(&[
                ")",
                ";",
                "from",
                "where",
                "group",
                "having",
                "window",
                "union",
                "intersect",
                "except",
                "order",
                "limit",
                "offset",
                "returning",
                "on",
                "with",
                "fetch",
                "for",
                "into",
            ])
    }

    /// `where …`, if it comes next.
    pub(super) fn filter(&mut self) -> Parse<Option<Expr>> {
        if !self.eat("where") {
            return Ok(None);
        }
        if self.are(&["current", "of"]) {
            return self.error("where current of is not supported: there are no cursors");
        }
        self.expr().map(Some)
    }

    pub(super) fn select_item(&mut self) -> Parse<SelectItem> {
        if self.eat("*") {
            return Ok(SelectItem::Wildcard);
        }
        let start = self.at;
        let expr = self.expr()?;
        if self.are(&[".", "*"]) && self.primary == (start, self.at) {
            self.advance();
            self.advance();
            return Ok(SelectItem::FieldWildcard(expr));
        }
        if let Expr::WholeRow(table) = expr {
            return Ok(SelectItem::TableWildcard(table));
        }
        let named = self.eat("as") || self.at_bare_label();
        let alias = if named { Some(self.label()?) } else { None };
        Ok(SelectItem::Expr { expr, alias })
    }

    fn at_bare_label(&self) -> bool {
        let token = self.token();
        match token.kind {
            TokenKind::QuotedIdent => true,
            TokenKind::Word => keyword::is_bare_label(self.text_of(token)),
            _ => false,
        }
    }

    /// `returning …`, if it comes next.
    pub(super) fn returning(&mut self) -> Parse<Vec<SelectItem>> {
        if self.eat("returning") { self.list(Self::select_item) } else { Ok(Vec::new()) }
    }

    fn group_item(&mut self) -> Parse<GroupItem> {
        self.nested(|parser| {
            if parser.eat_all(&["(", ")"]) {
                return Ok(GroupItem::Empty);
            }
            if parser.are(&["rollup", "("]) {
                parser.advance();
                return parser.parenthesised(Self::expr).map(GroupItem::Rollup);
            }
            if parser.are(&["cube", "("]) {
                parser.advance();
                return parser.parenthesised(Self::expr).map(GroupItem::Cube);
            }
            if parser.eat_all(&["grouping", "sets"]) {
                return parser.parenthesised(Self::group_item).map(GroupItem::Sets);
            }
            parser.expr().map(GroupItem::Expr)
        })
    }

    /// `order by …`.
    pub(super) fn order_by(&mut self) -> Parse<Vec<OrderBy>> {
        self.expect_all(&["order", "by"])?;
        self.list(|parser| {
            let expr = parser.expr()?;
            let mut descending = None;
            let mut using = None;
            if parser.eat("using") {
                let token = parser.token();
                if token.kind != TokenKind::Op {
                    return parser.expected("an operator");
                }
                parser.advance();
                using = Some(parser.text_of(token).into());
            } else {
                descending = parser.direction();
            }
            Ok(OrderBy { expr, descending, nulls_first: parser.nulls()?, using })
        })
    }

    /// `asc` (false) or `desc` (true).
    pub(super) fn direction(&mut self) -> Option<bool> {
        if self.eat("asc") { Some(false) } else { self.eat("desc").then_some(true) }
    }

    /// `nulls first` (true) or `nulls last` (false).
    pub(super) fn nulls(&mut self) -> Parse<Option<bool>> {
        if !(self.is("nulls") && (self.is_at(1, "first") || self.is_at(1, "last"))) {
            return Ok(None);
        }
        self.advance();
        let first = self.eat("first");
        if !first {
            self.expect("last")?;
        }
        Ok(Some(first))
    }

    fn query_tail(&mut self, query: &mut Query) -> Parse<()> {
        if self.is("order") {
            query.order_by = self.order_by()?;
        }
        let mut limited = false;
        let mut moved = false;
        loop {
            if self.is("limit") || self.is("fetch") {
                if limited {
                    return self.error("multiple LIMIT clauses not allowed");
                }
                limited = true;
                self.limit(query)?;
            } else if self.is("offset") {
                if moved {
                    return self.error("multiple OFFSET clauses not allowed");
                }
                moved = true;
                self.advance();
                query.offset = Some(self.expr()?);
                if !self.eat("row") {
                    self.eat("rows");
                }
            } else if self.is("for") && self.is_lock() {
                query.locks.push(self.lock()?);
            } else {
                return Ok(());
            }
        }
    }

    fn limit(&mut self, query: &mut Query) -> Parse<()> {
        if self.eat("limit") {
            if !self.eat("all") {
                query.limit = Some(self.expr()?);
            }
            if self.is(",") {
                return self.error("LIMIT #,# syntax is not supported: use separate LIMIT and OFFSET clauses");
            }
            return Ok(());
        }
        self.expect("fetch")?;
        if !self.eat("first") {
            self.expect("next")?;
        }
        query.limit = Some(if self.is("row") || self.is("rows") {
            Expr::Literal(Literal::Integer("1".to_owned()))
        } else {
            self.restricted_expr()?
        });
        if !self.eat("row") {
            self.expect("rows")?;
        }
        if self.eat_all(&["with", "ties"]) {
            query.with_ties = true;
            return Ok(());
        }
        self.expect("only")
    }

    /// Whether `for` begins a lock; in other statements it may begin something else.
    fn is_lock(&self) -> bool {
        ["update", "share", "no", "key"].iter().any(|word| self.is_at(1, word))
    }

    fn lock(&mut self) -> Parse<Lock> {
        self.expect("for")?;
        let strength = if self.eat("update") {
            LockStrength::Update
        } else if self.eat_all(&["no", "key", "update"]) {
            LockStrength::NoKeyUpdate
        } else if self.eat_all(&["key", "share"]) {
            LockStrength::KeyShare
        } else {
            self.expect("share")?;
            LockStrength::Share
        };
        let of = if self.eat("of") { self.list(Self::object_name)? } else { Vec::new() };
        let wait = if self.eat("nowait") {
            LockWait::Nowait
        } else if self.eat_all(&["skip", "locked"]) {
            LockWait::SkipLocked
        } else {
            LockWait::Wait
        };
        Ok(Lock { strength, of, wait })
    }
}

/// Whether a query is its body and nothing else.
fn is_bare(query: &Query) -> bool {
    query.with.is_none()
        && query.order_by.is_empty()
        && query.limit.is_none()
        && !query.with_ties
        && query.offset.is_none()
        && query.locks.is_empty()
}

/// A query in parentheses as an operand: its body when it has nothing else.
fn collapsed(query: Query) -> QueryBody {
    if is_bare(&query) { query.body } else { QueryBody::Nested(Box::new(query)) }
}

/// A query that only wraps another is that other one.
fn unwrapped(query: Query) -> Query {
    if is_bare(&query)
        && let QueryBody::Nested(inner) = query.body
    {
        return *inner;
    }
    query
}
