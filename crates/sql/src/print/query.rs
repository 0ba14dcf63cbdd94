//! Queries and the statements that change rows.

use super::Printer;
use crate::ast::{
    Assignment, ConflictAction, ConflictTarget, Cte, CteBody, Delete, Distinct, Expr, FromItem, GroupItem, Insert,
    InsertSource, JoinCondition, JoinKind, Literal, Lock, LockStrength, LockWait, Name, OnConflict, OrderBy, Query,
    QueryBody, Select, SelectItem, SetOp, TableAlias, TypeName, Update, With,
};
use crate::parse::power;

impl Printer {
    pub(super) fn query(&mut self, query: &Query) {
        self.with(query.with.as_ref());
        self.body(&query.body, 0);
        self.order_by(&query.order_by);
        if let Some(limit) = &query.limit {
            if query.with_ties {
                self.word(" fetch first ");
                let number = matches!(limit, Expr::Literal(Literal::Integer(_)));
                self.operand(limit, if number { 0 } else { u8::MAX });
                self.word(" rows with ties");
            } else {
                self.word(" limit ");
                self.expr(limit);
            }
        }
        if let Some(offset) = &query.offset {
            self.word(" offset ");
            self.expr(offset);
        }
        for lock in &query.locks {
            self.lock(lock);
        }
    }

    fn with(&mut self, with: Option<&With>) {
        let Some(with) = with else { return };
        self.word("with ");
        self.when(with.recursive, "recursive ");
        self.list(&with.ctes, Self::cte);
        self.word(" ");
    }

    fn cte(&mut self, cte: &Cte) {
        self.name(&cte.name);
        self.opt_names(&cte.columns);
        self.word(" as ");
        match cte.materialized {
            Some(true) => self.word("materialized "),
            Some(false) => self.word("not materialized "),
            None => {}
        }
        self.word("(");
        match &cte.body {
            CteBody::Query(query) => self.query(query),
            CteBody::Insert(insert) => self.insert(insert),
            CteBody::Update(update) => self.update(update),
            CteBody::Delete(delete) => self.delete(delete),
        }
        self.word(")");
    }

    /// A body whose set operation, if it is one, binds at least so tightly; else in parentheses.
    fn body(&mut self, body: &QueryBody, min: u8) {
        match body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::Values(rows) => {
                self.word("values ");
                self.list(rows, |printer, row| {
                    printer.word("(");
                    printer.exprs(row);
                    printer.word(")");
                });
            }
            QueryBody::SetOp { op, all, left, right } => {
                let level = if *op == SetOp::Intersect { 2 } else { 1 };
                self.when(level < min, "(");
                self.body(left, level);
                self.word(match op {
                    SetOp::Union => " union ",
                    SetOp::Intersect => " intersect ",
                    SetOp::Except => " except ",
                });
                self.when(*all, "all ");
                self.body(right, level + 1);
                self.when(level < min, ")");
            }
            QueryBody::Nested(query) => {
                self.word("(");
                self.query(query);
                self.word(")");
            }
        }
    }

    fn select(&mut self, select: &Select) {
        self.word("select");
        match &select.distinct {
            Distinct::No => {}
            Distinct::Yes => self.word(" distinct"),
            Distinct::On(exprs) => {
                self.word(" distinct on (");
                self.exprs(exprs);
                self.word(")");
            }
        }
        if !select.items.is_empty() {
            self.word(" ");
            self.items(&select.items);
        }
        self.sources(" from ", &select.from);
        self.filter(select.filter.as_ref());
        if !select.group_by.is_empty() {
            self.word(" group by ");
            self.list(&select.group_by, Self::group_item);
        }
        if let Some(having) = &select.having {
            self.word(" having ");
            self.expr(having);
        }
        if !select.windows.is_empty() {
            self.word(" window ");
            self.list(&select.windows, |printer, (name, window)| {
                printer.name(name);
                printer.word(" as ");
                printer.window(window);
            });
        }
    }

    fn items(&mut self, items: &[SelectItem]) {
        self.list(items, |printer, item| match item {
            SelectItem::Wildcard => printer.word("*"),
            SelectItem::TableWildcard(table) => {
                printer.object(table);
                printer.word(".*");
            }
            SelectItem::FieldWildcard(expr) => {
                printer.word("(");
                printer.expr(expr);
                printer.word(").*");
            }
            SelectItem::Expr { expr, alias } => {
                printer.expr(expr);
                if let Some(alias) = alias {
                    printer.word(" as ");
                    printer.name(alias);
                }
            }
        });
    }

    fn group_item(&mut self, item: &GroupItem) {
        match item {
            GroupItem::Expr(expr) => self.expr(expr),
            GroupItem::Rollup(exprs) | GroupItem::Cube(exprs) => {
                self.word(if matches!(item, GroupItem::Cube(_)) { "cube (" } else { "rollup (" });
                self.exprs(exprs);
                self.word(")");
            }
            GroupItem::Sets(sets) => {
                self.word("grouping sets (");
                self.list(sets, Self::group_item);
                self.word(")");
            }
            GroupItem::Empty => self.word("()"),
        }
    }

    /// ` order by …`, or nothing.
    pub(super) fn order_by(&mut self, order_by: &[OrderBy]) {
        if order_by.is_empty() {
            return;
        }
        self.word(" order by ");
        self.list(order_by, |printer, order| {
            printer.expr(&order.expr);
            if let Some(operator) = &order.using {
                printer.word(" using ");
                printer.word(operator);
            }
            printer.direction(order.descending, order.nulls_first);
        });
    }

    pub(super) fn direction(&mut self, descending: Option<bool>, nulls_first: Option<bool>) {
        match descending {
            Some(true) => self.word(" desc"),
            Some(false) => self.word(" asc"),
            None => {}
        }
        match nulls_first {
            Some(true) => self.word(" nulls first"),
            Some(false) => self.word(" nulls last"),
            None => {}
        }
    }

    fn lock(&mut self, lock: &Lock) {
        self.word(match lock.strength {
            LockStrength::Update => " for update",
            LockStrength::NoKeyUpdate => " for no key update",
            LockStrength::Share => " for share",
            LockStrength::KeyShare => " for key share",
        });
        if !lock.of.is_empty() {
            self.word(" of ");
            self.list(&lock.of, Self::object);
        }
        match lock.wait {
            LockWait::Wait => {}
            LockWait::Nowait => self.word(" nowait"),
            LockWait::SkipLocked => self.word(" skip locked"),
        }
    }

    /// The word and the sources, or nothing.
    fn sources(&mut self, word: &str, sources: &[FromItem]) {
        if !sources.is_empty() {
            self.word(word);
            self.list(sources, Self::source);
        }
    }

    fn source(&mut self, source: &FromItem) {
        match source {
            FromItem::Table { name, only, alias } => {
                self.when(*only, "only ");
                self.object(name);
                self.alias(alias.as_ref());
            }
            FromItem::Query { lateral, query, alias } => {
                self.when(*lateral, "lateral ");
                self.word("(");
                self.query(query);
                self.word(")");
                self.alias(alias.as_ref());
            }
            FromItem::Function { lateral, calls, rows_from, ordinality, alias, columns } => {
                self.when(*lateral, "lateral ");
                self.when(*rows_from, "rows from (");
                self.list(calls, |printer, function| {
                    printer.call(&function.call);
                    if !function.columns.is_empty() {
                        printer.word(" as ");
                        printer.typed_columns(&function.columns);
                    }
                });
                self.when(*rows_from, ")");
                self.when(*ordinality, " with ordinality");
                if columns.is_empty() {
                    self.alias(alias.as_ref());
                } else {
                    self.word(" as ");
                    if let Some(alias) = alias
                        && !alias.name.is_empty()
                    {
                        self.name(&alias.name);
                    }
                    self.typed_columns(columns);
                }
            }
            FromItem::Join { kind, left, right, condition, alias } => {
                self.when(alias.is_some(), "(");
                self.join(*kind, left, right, condition);
                self.when(alias.is_some(), ")");
                self.alias(alias.as_ref());
            }
        }
    }

    fn join(&mut self, kind: JoinKind, left: &FromItem, right: &FromItem, condition: &JoinCondition) {
        self.source(left);
        self.word(if *condition == JoinCondition::Natural { " natural" } else { "" });
        self.word(match kind {
            JoinKind::Inner => " join ",
            JoinKind::Left => " left join ",
            JoinKind::Right => " right join ",
            JoinKind::Full => " full join ",
            JoinKind::Cross => " cross join ",
        });
        let nested = matches!(right, FromItem::Join { alias: None, .. });
        self.when(nested, "(");
        self.source(right);
        self.when(nested, ")");
        match condition {
            JoinCondition::On(expr) => {
                self.word(" on ");
                self.expr(expr);
            }
            JoinCondition::Using { columns, alias } => {
                self.word(" using");
                self.opt_names(columns);
                if let Some(alias) = alias {
                    self.word(" as ");
                    self.name(alias);
                }
            }
            JoinCondition::None | JoinCondition::Natural => {}
        }
    }

    fn alias(&mut self, alias: Option<&TableAlias>) {
        if let Some(alias) = alias {
            self.word(" as ");
            self.name(&alias.name);
            self.opt_names(&alias.columns);
        }
    }

    /// ` (a int, b text)`.
    pub(super) fn typed_columns(&mut self, columns: &[(Name, TypeName)]) {
        self.word("(");
        self.list(columns, |printer, (name, ty)| {
            printer.name(name);
            printer.word(" ");
            printer.type_name(ty);
        });
        self.word(")");
    }

    /// ` where …`, or nothing.
    pub(super) fn filter(&mut self, filter: Option<&Expr>) {
        if let Some(filter) = filter {
            self.word(" where ");
            self.expr(filter);
        }
    }

    fn returning(&mut self, items: &[SelectItem]) {
        if !items.is_empty() {
            self.word(" returning ");
            self.items(items);
        }
    }

    pub(super) fn insert(&mut self, insert: &Insert) {
        self.with(insert.with.as_ref());
        self.word("insert into ");
        self.object(&insert.table);
        if let Some(alias) = &insert.alias {
            self.word(" as ");
            self.name(alias);
        }
        self.opt_names(&insert.columns);
        match insert.overriding_system {
            Some(true) => self.word(" overriding system value"),
            Some(false) => self.word(" overriding user value"),
            None => {}
        }
        match &insert.source {
            InsertSource::DefaultValues => self.word(" default values"),
            InsertSource::Query(query) => {
                self.word(" ");
                self.query(query);
            }
        }
        if let Some(conflict) = &insert.on_conflict {
            self.on_conflict(conflict);
        }
        self.returning(&insert.returning);
    }

    fn on_conflict(&mut self, conflict: &OnConflict) {
        self.word(" on conflict");
        match &conflict.target {
            Some(ConflictTarget::Constraint(name)) => {
                self.word(" on constraint ");
                self.name(name);
            }
            Some(ConflictTarget::Index { elements, filter }) => {
                self.word(" (");
                self.list(elements, Self::index_element);
                self.word(")");
                self.filter(filter.as_ref());
            }
            None => {}
        }
        match &conflict.action {
            ConflictAction::Nothing => self.word(" do nothing"),
            ConflictAction::Update { set, filter } => {
                self.word(" do update set ");
                self.assignments(set);
                self.filter(filter.as_ref());
            }
        }
    }

    fn assignments(&mut self, set: &[Assignment]) {
        self.list(set, |printer, assignment| match assignment {
            Assignment::Column { column, value } => {
                printer.name(column);
                printer.word(" = ");
                printer.expr(value);
            }
            Assignment::Columns { columns, value } => {
                printer.word("(");
                printer.names(columns);
                printer.word(") = ");
                printer.operand(value, power::OR);
            }
        });
    }

    fn target(&mut self, only: bool, table: &crate::ast::ObjectName, alias: Option<&Name>) {
        self.when(only, "only ");
        self.object(table);
        if let Some(alias) = alias {
            self.word(" as ");
            self.name(alias);
        }
    }

    pub(super) fn update(&mut self, update: &Update) {
        self.with(update.with.as_ref());
        self.word("update ");
        self.target(update.only, &update.table, update.alias.as_ref());
        self.word(" set ");
        self.assignments(&update.set);
        self.sources(" from ", &update.from);
        self.filter(update.filter.as_ref());
        self.returning(&update.returning);
    }

    pub(super) fn delete(&mut self, delete: &Delete) {
        self.with(delete.with.as_ref());
        self.word("delete from ");
        self.target(delete.only, &delete.table, delete.alias.as_ref());
        self.sources(" using ", &delete.using);
        self.filter(delete.filter.as_ref());
        self.returning(&delete.returning);
    }
}
