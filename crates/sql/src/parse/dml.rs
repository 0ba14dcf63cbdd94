//! Statements that change rows.

use super::{Parse, Parser};
use crate::ast::{
    Assignment, ConflictAction, ConflictTarget, Delete, Expr, FromItem, Insert, InsertSource, Name, ObjectName,
    OnConflict, Statement, Truncate, Update, With,
};

impl Parser<'_> {
    /// A query, insert, update or delete, each possibly after `with`.
    pub(super) fn row_statement(&mut self) -> Parse<Statement> {
        self.nested(|parser| {
            let with = parser.with()?;
            if parser.is("insert") {
                return parser.insert(with).map(|insert| Statement::Insert(Box::new(insert)));
            }
            if parser.is("update") {
                return parser.update(with).map(|update| Statement::Update(Box::new(update)));
            }
            if parser.is("delete") {
                return parser.delete(with).map(|delete| Statement::Delete(Box::new(delete)));
            }
            if parser.is("merge") {
                return parser.error("merge is not supported: write insert … on conflict");
            }
            parser.query_after_with(with).map(|query| Statement::Query(Box::new(query)))
        })
    }

    fn insert(&mut self, with: Option<With>) -> Parse<Insert> {
        self.expect_all(&["insert", "into"])?;
        let table = self.object_name()?;
        let alias = if self.eat("as") { Some(self.name()?) } else { None };
        let columns = if self.is("(") && !self.at_query(1) && !self.is_at(1, "(") {
            self.parenthesised(Self::target_column)?
        } else {
            Vec::new()
        };
        let overriding_system = if self.eat("overriding") {
            let system = self.eat("system");
            if !system {
                self.expect("user")?;
            }
            self.expect("value")?;
            Some(system)
        } else {
            None
        };
        let source = if columns.is_empty() && overriding_system.is_none() && self.eat_all(&["default", "values"]) {
            InsertSource::DefaultValues
        } else {
            InsertSource::Query(Box::new(self.query()?))
        };
        let on_conflict = self.on_conflict()?;
        let returning = self.returning()?;
        Ok(Insert { with, table, alias, columns, overriding_system, source, on_conflict, returning })
    }

    /// A column that is assigned to.
    fn target_column(&mut self) -> Parse<Name> {
        let name = self.name()?;
        if self.is("[") || self.is(".") {
            return self.error("assigning to a part of a column is not supported: assign the whole column");
        }
        Ok(name)
    }

    fn on_conflict(&mut self) -> Parse<Option<OnConflict>> {
        if !self.eat_all(&["on", "conflict"]) {
            return Ok(None);
        }
        let target = if self.eat_all(&["on", "constraint"]) {
            Some(ConflictTarget::Constraint(self.name()?))
        } else if self.is("(") {
            let elements = self.parenthesised(Self::index_element)?;
            Some(ConflictTarget::Index { elements, filter: self.filter()? })
        } else {
            None
        };
        self.expect("do")?;
        let action = if self.eat("nothing") {
            ConflictAction::Nothing
        } else {
            if target.is_none() {
                return self.error("ON CONFLICT DO UPDATE requires inference specification or constraint name");
            }
            self.expect_all(&["update", "set"])?;
            let set = self.list(Self::assignment)?;
            ConflictAction::Update { set, filter: self.filter()? }
        };
        Ok(Some(OnConflict { target, action }))
    }

    fn assignment(&mut self) -> Parse<Assignment> {
        if self.is("(") {
            let columns = self.parenthesised(Self::target_column)?;
            self.expect("=")?;
            return Ok(Assignment::Columns { columns, value: self.expr()? });
        }
        let column = self.target_column()?;
        self.expect("=")?;
        Ok(Assignment::Column { column, value: self.expr()? })
    }

    /// `[only] table [*] [[as] alias]`.
    fn target(&mut self) -> Parse<(bool, ObjectName, Option<Name>)> {
        let only = self.eat("only");
        let parens = only && self.eat("(");
        let table = self.object_name()?;
        if parens {
            self.expect(")")?;
        } else if !only {
            self.eat("*");
        }
        let alias = if self.eat("as") || (self.at_name() && !self.is("set")) { Some(self.name()?) } else { None };
        Ok((only, table, alias))
    }

    fn update(&mut self, with: Option<With>) -> Parse<Update> {
        self.expect("update")?;
        let (only, table, alias) = self.target()?;
        self.expect("set")?;
        let set = self.list(Self::assignment)?;
        let from = self.sources("from")?;
        let filter = self.filter()?;
        let returning = self.returning()?;
        Ok(Update { with, table, only, alias, set, from, filter, returning })
    }

    fn delete(&mut self, with: Option<With>) -> Parse<Delete> {
        self.expect_all(&["delete", "from"])?;
        let (only, table, alias) = self.target()?;
        let using = self.sources("using")?;
        let filter = self.filter()?;
        let returning = self.returning()?;
        Ok(Delete { with, table, only, alias, using, filter, returning })
    }

    fn sources(&mut self, word: &str) -> Parse<Vec<FromItem>> {
        if self.eat(word) { self.list(Self::table_reference_with_joins) } else { Ok(Vec::new()) }
    }

    pub(super) fn truncate(&mut self) -> Parse<Truncate> {
        self.expect("truncate")?;
        self.eat("table");
        let tables = self.list(|parser| {
            parser.eat("only");
            let table = parser.object_name()?;
            parser.eat("*");
            Ok(table)
        })?;
        let restart_identity = self.eat_all(&["restart", "identity"]);
        if !restart_identity {
            self.eat_all(&["continue", "identity"]);
        }
        Ok(Truncate { tables, restart_identity, cascade: self.cascade() })
    }

    /// `(x)`: an expression that must be in parentheses.
    pub(super) fn condition(&mut self) -> Parse<Expr> {
        self.expect("(")?;
        let expr = self.expr()?;
        self.expect(")")?;
        Ok(expr)
    }
}
