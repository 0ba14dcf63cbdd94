//! The sources of a query.

use super::{Parse, Parser};
use crate::ast::{
    Expr, FromItem, FunctionCall, JoinCondition, JoinKind, Name, Query, TableAlias, TableFunction, TypeName,
};

/// What parentheses among the sources held.
enum Source {
    Query(Box<Query>),
    Item(FromItem),
}

/// Columns with their types.
type TypedColumns = Vec<(Name, TypeName)>;

impl Parser<'_> {
    /// A source and everything joined to it.
    pub(super) fn table_reference_with_joins(&mut self) -> Parse<FromItem> {
        self.nested(|parser| {
            let first = parser.source()?;
            parser.joins(first)
        })
    }

    fn joins(&mut self, mut left: FromItem) -> Parse<FromItem> {
        while self.at_join() {
            left = self.join(left)?;
            self.grow()?;
        }
        Ok(left)
    }

    fn at_join(&self) -> bool {
        self.is_any(&["join", "inner", "left", "right", "full", "cross", "natural"])
    }

    /// One join onto a left side.
    fn join(&mut self, left: FromItem) -> Parse<FromItem> {
        let left = Box::new(left);
        if self.eat_all(&["cross", "join"]) {
            let right = Box::new(self.source()?);
            return Ok(FromItem::Join {
                kind: JoinKind::Cross,
                left,
                right,
                condition: JoinCondition::None,
                alias: None,
            });
        }
        let natural = self.eat("natural");
        let kind = if self.eat("left") {
            JoinKind::Left
        } else if self.eat("right") {
            JoinKind::Right
        } else if self.eat("full") {
            JoinKind::Full
        } else {
            self.eat("inner");
            JoinKind::Inner
        };
        if kind != JoinKind::Inner {
            self.eat("outer");
        }
        self.expect("join")?;
        let right = self.nested(|parser| {
            let mut right = parser.source()?;
            // `a join b join c on x on y` nests to the right: the next condition belongs to the inner join.
            while !natural && parser.at_join() && !parser.is_any(&["on", "using"]) {
                right = parser.join(right)?;
                parser.grow()?;
            }
            Ok(Box::new(right))
        })?;
        let condition = if natural {
            JoinCondition::Natural
        } else if self.eat("on") {
            JoinCondition::On(Box::new(self.expr()?))
        } else if self.eat("using") {
            let columns = self.name_list()?;
            let alias = if self.eat("as") { Some(self.name()?) } else { None };
            JoinCondition::Using { columns, alias }
        } else {
            return self.expected("on or using");
        };
        Ok(FromItem::Join { kind, left, right, condition, alias: None })
    }

    /// A table with an optional alias, or any other source.
    fn source(&mut self) -> Parse<FromItem> {
        let lateral = self.eat("lateral");
        if self.is("(") {
            return match self.source_parens()? {
                Source::Query(query) => Ok(FromItem::Query { lateral, query, alias: self.alias()? }),
                Source::Item(_) if lateral => self.expected("a query or function after lateral"),
                Source::Item(item) => self.aliased_join(item),
            };
        }
        if self.are(&["rows", "from", "("]) {
            return self.rows_from(lateral);
        }
        if !lateral && !self.at_source_function() {
            return self.table_reference();
        }
        let call = self.source_call()?;
        self.function_source(lateral, vec![TableFunction { call, columns: Vec::new() }], false)
    }

    /// Whether a call comes next rather than a table.
    fn at_source_function(&self) -> bool {
        (self.is_at(1, "(") && !self.is("only"))
            || (self.is_at(1, ".") && self.is_at(3, "("))
            || self.is_any(&["current_date", "current_timestamp", "current_user", "session_user", "current_time"])
    }

    fn source_call(&mut self) -> Parse<FunctionCall> {
        let place = self.token();
        let call = match self.special()? {
            Some(Expr::Function(call)) => *call,
            Some(_) => return self.error_at(place, "this is no function that yields rows"),
            None => {
                let name = self.function_object_name()?;
                self.call(name)?
            }
        };
        if call.over.is_some() || call.filter.is_some() || call.within_group {
            return self.error("window functions and aggregates' clauses are not allowed in functions in FROM");
        }
        Ok(call)
    }

    /// `[only] table [*] [alias]`.
    pub(super) fn table_reference(&mut self) -> Parse<FromItem> {
        let only = self.eat("only");
        let parens = only && self.eat("(");
        let name = self.object_name()?;
        if parens {
            self.expect(")")?;
        } else if !only {
            self.eat("*");
        }
        let alias = self.alias()?;
        if self.is("tablesample") {
            return self.error("tablesample is not supported");
        }
        Ok(FromItem::Table { name, only, alias })
    }

    /// Parentheses among the sources: a query, or a join.
    fn source_parens(&mut self) -> Parse<Source> {
        self.nested(|parser| {
            parser.expect("(")?;
            if parser.at_query(0) {
                let query = Box::new(parser.query()?);
                parser.expect(")")?;
                return Ok(Source::Query(query));
            }
            let item = if parser.is("(") {
                match parser.source_parens()? {
                    Source::Query(query) if parser.is(")") || parser.at_query_tail() => {
                        let query = Box::new(parser.query_after_parens(*query)?);
                        parser.expect(")")?;
                        return Ok(Source::Query(query));
                    }
                    Source::Query(query) => {
                        let alias = parser.alias()?;
                        FromItem::Query { lateral: false, query, alias }
                    }
                    Source::Item(item) => parser.aliased_join(item)?,
                }
            } else {
                parser.source()?
            };
            let item = parser.joins(item)?;
            if !matches!(item, FromItem::Join { .. }) {
                return parser.expected("a join");
            }
            parser.expect(")")?;
            Ok(Source::Item(item))
        })
    }

    /// The alias of a join in parentheses.
    fn aliased_join(&mut self, item: FromItem) -> Parse<FromItem> {
        let new_alias = self.alias()?;
        match item {
            FromItem::Join { kind, left, right, condition, alias: None } => {
                Ok(FromItem::Join { kind, left, right, condition, alias: new_alias })
            }
            item if new_alias.is_none() => Ok(item),
            _ => self.error("a join has one alias"),
        }
    }

    fn at_alias(&self) -> bool {
        self.at_name()
    }

    /// `[as] name [(columns)]`.
    fn alias(&mut self) -> Parse<Option<TableAlias>> {
        if !self.eat("as") && !self.at_alias() {
            return Ok(None);
        }
        let name = self.name()?;
        Ok(Some(TableAlias { name, columns: self.opt_name_list()? }))
    }

    fn rows_from(&mut self, lateral: bool) -> Parse<FromItem> {
        self.expect_all(&["rows", "from"])?;
        let calls = self.parenthesised(|parser| {
            let call = parser.source_call()?;
            let columns = if parser.eat("as") { parser.typed_columns()? } else { Vec::new() };
            Ok(TableFunction { call, columns })
        })?;
        self.function_source(lateral, calls, true)
    }

    fn function_source(&mut self, lateral: bool, calls: Vec<TableFunction>, rows_from: bool) -> Parse<FromItem> {
        let ordinality = self.eat_all(&["with", "ordinality"]);
        let (alias, columns) = self.function_alias()?;
        Ok(FromItem::Function { lateral, calls, rows_from, ordinality, alias, columns })
    }

    /// `[as] name`, `[as] name (columns)`, `[as] name (typed columns)` or `as (typed columns)`.
    fn function_alias(&mut self) -> Parse<(Option<TableAlias>, TypedColumns)> {
        let with_as = self.eat("as");
        if with_as && self.is("(") {
            let alias = TableAlias { name: "".into(), columns: Vec::new() };
            return Ok((Some(alias), self.typed_columns()?));
        }
        if !with_as && !self.at_alias() {
            return Ok((None, Vec::new()));
        }
        let name = self.name()?;
        if self.is("(") && self.at_name_ahead(1) && !self.is_at(2, ",") && !self.is_at(2, ")") {
            return Ok((Some(TableAlias { name, columns: Vec::new() }), self.typed_columns()?));
        }
        let columns = self.opt_name_list()?;
        Ok((Some(TableAlias { name, columns }), Vec::new()))
    }

    /// `(a int, b text)`.
    pub(super) fn typed_columns(&mut self) -> Parse<TypedColumns> {
        self.parenthesised(|parser| Ok((parser.function_or_column_name()?, parser.type_name()?)))
    }
}
