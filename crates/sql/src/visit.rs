//! Walks over every expression and every relation of a tree, to look ([`Visitor`]) or to change ([`VisitorMut`]).
//!
//! Children come before the node that holds them, so what a visitor puts in a node's place is not visited again: a
//! guard may replace a table by a query over that same table. Names of `with` queries are tracked, so that a visitor
//! can tell a table from a named query ([`Scope::is_cte`]).

use crate::ast::{
    AlterAction, AlterDomainAction, Assignment, ColumnConstraintKind, ColumnDef, ConflictAction, ConflictTarget,
    CteBody, Delete, Distinct, Expr, FrameBound, FromItem, FunctionBody, FunctionCall, FunctionParam, GroupItem,
    IndexElement, Insert, InsertSource, JoinCondition, Name, ObjectName, OnConflict, OrderBy, Over, Quantity, Query,
    QueryBody, Select, SelectItem, Statement, TableConstraintKind, TableElement, Update, Window, With,
};

/// Which names of `with` queries can be seen from a place.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    ctes: Vec<Name>,
}

impl Scope {
    /// Whether a relation of this name is a `with` query here rather than a table or view.
    pub fn is_cte(&self, name: &ObjectName) -> bool {
        name.schema.is_none() && self.ctes.contains(&name.name)
    }
}

/// How a statement changes its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// `insert`.
    Insert,
    /// `update`.
    Update,
    /// `delete`.
    Delete,
}

macro_rules! walkers {
    ($visitor:ident, $walker:ident, $doc:literal, [$($m:tt)*], $walk_statement:ident, $walk_query:ident, $walk_expr:ident) => {
        #[doc = $doc]
        pub trait $visitor {
            /// An expression, after everything inside it.
            fn expr(&mut self, expr: &$($m)* Expr, scope: &Scope) {
                let _ = (expr, scope);
            }

            /// A source of rows, after everything inside it.
            fn source(&mut self, source: &$($m)* FromItem, scope: &Scope) {
                let _ = (source, scope);
            }

            /// The table that an insert, update or delete changes. It is never a `with` query.
            fn target(&mut self, table: &$($m)* ObjectName, change: Change) {
                let _ = (table, change);
            }
        }

        /// Visits everything in a statement: queries, and the expressions of definitions (defaults, checks, policies,
        /// indexes, SQL-standard function bodies). Bodies that are strings stay closed.
        pub fn $walk_statement(statement: &$($m)* Statement, visitor: &mut dyn $visitor) {
            $walker { visitor, scope: Scope::default() }.statement(statement);
        }

        /// Visits everything in a query.
        pub fn $walk_query(query: &$($m)* Query, visitor: &mut dyn $visitor) {
            $walker { visitor, scope: Scope::default() }.query(query);
        }

        /// Visits everything in an expression, itself last.
        pub fn $walk_expr(expr: &$($m)* Expr, visitor: &mut dyn $visitor) {
            $walker { visitor, scope: Scope::default() }.expr(expr);
        }

        struct $walker<'v> {
            visitor: &'v mut dyn $visitor,
            scope: Scope,
        }

        impl $walker<'_> {
            /// Each of some expressions, in a list or an option.
            fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e $($m)* Expr>) {
                for expr in exprs {
                    self.expr(expr);
                }
            }

            fn expr(&mut self, expr: &$($m)* Expr) {
                match expr {
                    Expr::Literal(_) | Expr::Param(_) | Expr::Column { .. } | Expr::WholeRow(_) | Expr::Default => {}
                    Expr::Unary { expr, .. }
                    | Expr::IsNull { expr, .. }
                    | Expr::IsTruth { expr, .. }
                    | Expr::Cast { expr, .. }
                    | Expr::Field { expr, .. }
                    | Expr::Collate { expr, .. } => self.expr(expr),
                    Expr::Binary { left, right, .. } | Expr::IsDistinctFrom { left, right, .. } => {
                        self.expr(left);
                        self.expr(right);
                    }
                    Expr::Between { expr, low, high, .. } => {
                        self.expr(expr);
                        self.expr(low);
                        self.expr(high);
                    }
                    Expr::InList { expr, list, .. } => {
                        self.expr(expr);
                        self.exprs(list);
                    }
                    Expr::InQuery { expr, query, .. } => {
                        self.expr(expr);
                        self.query(query);
                    }
                    Expr::Quantified { left, right, .. } => {
                        self.expr(left);
                        match right {
                            Quantity::Array(array) => self.expr(array),
                            Quantity::Query(query) => self.query(query),
                        }
                    }
                    Expr::Like { expr, pattern, escape, .. } => {
                        self.expr(expr);
                        self.expr(pattern);
                        if let Some(expr) = escape {
                            self.expr(expr);
                        }
                    }
                    Expr::Case { operand, branches, otherwise } => {
                        if let Some(expr) = operand {
                            self.expr(expr);
                        }
                        for (condition, result) in branches {
                            self.expr(condition);
                            self.expr(result);
                        }
                        if let Some(expr) = otherwise {
                            self.expr(expr);
                        }
                    }
                    Expr::Function(call) => self.call(call),
                    Expr::Exists(query) | Expr::Subquery(query) | Expr::ArrayQuery(query) => self.query(query),
                    Expr::Array(items) | Expr::Row { items, .. } => self.exprs(items),
                    Expr::Subscript { expr, index } => {
                        self.expr(expr);
                        self.expr(index);
                    }
                    Expr::Slice { expr, low, high } => {
                        self.expr(expr);
                        if let Some(expr) = low {
                            self.expr(expr);
                        }
                        if let Some(expr) = high {
                            self.expr(expr);
                        }
                    }
                }
                self.visitor.expr(expr, &self.scope);
            }

            fn call(&mut self, call: &$($m)* FunctionCall) {
                for arg in &$($m)* call.args {
                    self.expr(&$($m)* arg.value);
                }
                self.order_by(&$($m)* call.order_by);
                self.exprs(&$($m)* call.filter);
                if let Some(Over::Window(window)) = &$($m)* call.over {
                    self.window(window);
                }
            }

            fn window(&mut self, window: &$($m)* Window) {
                self.exprs(&$($m)* window.partition_by);
                self.order_by(&$($m)* window.order_by);
                if let Some(frame) = &$($m)* window.frame {
                    self.frame_bound(&$($m)* frame.start);
                    if let Some(end) = &$($m)* frame.end {
                        self.frame_bound(end);
                    }
                }
            }

            fn frame_bound(&mut self, bound: &$($m)* FrameBound) {
                match bound {
                    FrameBound::Preceding(distance) | FrameBound::Following(distance) => self.expr(distance),
                    FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => {}
                }
            }

            fn order_by(&mut self, order_by: &$($m)* Vec<OrderBy>) {
                for order in order_by {
                    self.expr(&$($m)* order.expr);
                }
            }

            /// Enters a `with`; the result takes the scope back.
            fn with<'w>(&mut self, with: impl IntoIterator<Item = &'w $($m)* With>) -> usize {
                let outer = self.scope.ctes.len();
                for with in with {
                    if with.recursive {
                        self.scope.ctes.extend(with.ctes.iter().map(|cte| cte.name.clone()));
                    }
                    let recursive = with.recursive;
                    for cte in &$($m)* with.ctes {
                        match &$($m)* cte.body {
                            CteBody::Query(query) => self.query(query),
                            CteBody::Insert(insert) => self.insert(insert),
                            CteBody::Update(update) => self.update(update),
                            CteBody::Delete(delete) => self.delete(delete),
                        }
                        if !recursive {
                            self.scope.ctes.push(cte.name.clone());
                        }
                    }
                }
                outer
            }

            fn leave(&mut self, outer: usize) {
                self.scope.ctes.truncate(outer);
            }

            fn query(&mut self, query: &$($m)* Query) {
                let outer = self.with(&$($m)* query.with);
                self.body(&$($m)* query.body);
                self.order_by(&$($m)* query.order_by);
                self.exprs(&$($m)* query.limit);
                self.exprs(&$($m)* query.offset);
                self.leave(outer);
            }

            fn body(&mut self, body: &$($m)* QueryBody) {
                match body {
                    QueryBody::Select(select) => self.select(select),
                    QueryBody::Values(rows) => {
                        for row in rows {
                            self.exprs(row);
                        }
                    }
                    QueryBody::SetOp { left, right, .. } => {
                        self.body(left);
                        self.body(right);
                    }
                    QueryBody::Nested(query) => self.query(query),
                }
            }

            fn select(&mut self, select: &$($m)* Select) {
                self.sources(&$($m)* select.from);
                if let Distinct::On(exprs) = &$($m)* select.distinct {
                    self.exprs(exprs);
                }
                self.items(&$($m)* select.items);
                self.exprs(&$($m)* select.filter);
                for item in &$($m)* select.group_by {
                    self.group_item(item);
                }
                self.exprs(&$($m)* select.having);
                for (_, window) in &$($m)* select.windows {
                    self.window(window);
                }
            }

            fn items(&mut self, items: &$($m)* Vec<SelectItem>) {
                for item in items {
                    match item {
                        SelectItem::FieldWildcard(expr) | SelectItem::Expr { expr, .. } => self.expr(expr),
                        SelectItem::Wildcard | SelectItem::TableWildcard(_) => {}
                    }
                }
            }

            fn group_item(&mut self, item: &$($m)* GroupItem) {
                match item {
                    GroupItem::Expr(expr) => self.expr(expr),
                    GroupItem::Rollup(exprs) | GroupItem::Cube(exprs) => self.exprs(exprs),
                    GroupItem::Sets(items) => {
                        for item in items {
                            self.group_item(item);
                        }
                    }
                    GroupItem::Empty => {}
                }
            }

            fn sources(&mut self, sources: &$($m)* Vec<FromItem>) {
                for source in sources {
                    self.source(source);
                }
            }

            fn source(&mut self, source: &$($m)* FromItem) {
                match source {
                    FromItem::Table { .. } => {}
                    FromItem::Query { query, .. } => self.query(query),
                    FromItem::Function { calls, .. } => {
                        for function in calls {
                            self.call(&$($m)* function.call);
                        }
                    }
                    FromItem::Join { left, right, condition, .. } => {
                        self.source(left);
                        self.source(right);
                        if let JoinCondition::On(expr) = condition {
                            self.expr(expr);
                        }
                    }
                }
                self.visitor.source(source, &self.scope);
            }

            fn insert(&mut self, insert: &$($m)* Insert) {
                let outer = self.with(&$($m)* insert.with);
                if let InsertSource::Query(query) = &$($m)* insert.source {
                    self.query(query);
                }
                if let Some(conflict) = &$($m)* insert.on_conflict {
                    self.on_conflict(conflict);
                }
                self.items(&$($m)* insert.returning);
                self.visitor.target(&$($m)* insert.table, Change::Insert);
                self.leave(outer);
            }

            fn on_conflict(&mut self, conflict: &$($m)* OnConflict) {
                if let Some(ConflictTarget::Index { elements, filter }) = &$($m)* conflict.target {
                    self.index_elements(elements);
                    self.exprs(filter);
                }
                if let ConflictAction::Update { set, filter } = &$($m)* conflict.action {
                    self.assignments(set);
                    self.exprs(filter);
                }
            }

            fn index_elements(&mut self, elements: &$($m)* Vec<IndexElement>) {
                for element in elements {
                    self.expr(&$($m)* element.expr);
                }
            }

            fn assignments(&mut self, set: &$($m)* Vec<Assignment>) {
                for assignment in set {
                    match assignment {
                        Assignment::Column { value, .. } | Assignment::Columns { value, .. } => self.expr(value),
                    }
                }
            }

            fn update(&mut self, update: &$($m)* Update) {
                let outer = self.with(&$($m)* update.with);
                self.sources(&$($m)* update.from);
                self.assignments(&$($m)* update.set);
                self.exprs(&$($m)* update.filter);
                self.items(&$($m)* update.returning);
                self.visitor.target(&$($m)* update.table, Change::Update);
                self.leave(outer);
            }

            fn delete(&mut self, delete: &$($m)* Delete) {
                let outer = self.with(&$($m)* delete.with);
                self.sources(&$($m)* delete.using);
                self.exprs(&$($m)* delete.filter);
                self.items(&$($m)* delete.returning);
                self.visitor.target(&$($m)* delete.table, Change::Delete);
                self.leave(outer);
            }

            fn column(&mut self, column: &$($m)* ColumnDef) {
                for constraint in &$($m)* column.constraints {
                    self.column_constraint(&$($m)* constraint.kind);
                }
            }

            fn column_constraint(&mut self, kind: &$($m)* ColumnConstraintKind) {
                match kind {
                    ColumnConstraintKind::Default(expr)
                    | ColumnConstraintKind::Check { expr, .. }
                    | ColumnConstraintKind::Generated { expr, .. } => self.expr(expr),
                    ColumnConstraintKind::NotNull
                    | ColumnConstraintKind::Null
                    | ColumnConstraintKind::PrimaryKey
                    | ColumnConstraintKind::Unique { .. }
                    | ColumnConstraintKind::References(_)
                    | ColumnConstraintKind::Identity { .. } => {}
                }
            }

            fn alter_action(&mut self, action: &$($m)* AlterAction) {
                match action {
                    AlterAction::AddColumn { column, .. } => self.column(column),
                    AlterAction::SetType { using: Some(expr), .. } | AlterAction::Default { value: Some(expr), .. } => {
                        self.expr(expr);
                    }
                    AlterAction::AddConstraint(constraint) => {
                        if let TableConstraintKind::Check { expr, .. } = &$($m)* constraint.kind {
                            self.expr(expr);
                        }
                    }
                    _ => {}
                }
            }

            fn params(&mut self, params: &$($m)* Vec<FunctionParam>) {
                for param in params {
                    self.exprs(&$($m)* param.default);
                }
            }

            fn statement(&mut self, statement: &$($m)* Statement) {
                match statement {
                    Statement::Query(query) => self.query(query),
                    Statement::Insert(insert) => self.insert(insert),
                    Statement::Update(update) => self.update(update),
                    Statement::Delete(delete) => self.delete(delete),
                    Statement::CreateView(view) => self.query(&$($m)* view.query),
                    Statement::CreateTable(table) => {
                        for element in &$($m)* table.elements {
                            match element {
                                TableElement::Column(column) => self.column(column),
                                TableElement::Constraint(constraint) => {
                                    if let TableConstraintKind::Check { expr, .. } = &$($m)* constraint.kind {
                                        self.expr(expr);
                                    }
                                }
                                TableElement::Like { .. } => {}
                            }
                        }
                        if let Some(create) = &$($m)* table.as_query {
                            self.query(&$($m)* create.query);
                        }
                    }
                    Statement::AlterTable(alter) => {
                        for action in &$($m)* alter.actions {
                            self.alter_action(action);
                        }
                    }
                    Statement::CreateIndex(index) => {
                        self.index_elements(&$($m)* index.elements);
                        self.exprs(&$($m)* index.filter);
                    }
                    Statement::CreatePolicy(policy) => {
                        self.exprs(&$($m)* policy.using);
                        self.exprs(&$($m)* policy.check);
                    }
                    Statement::AlterPolicy(policy) => {
                        self.exprs(&$($m)* policy.using);
                        self.exprs(&$($m)* policy.check);
                    }
                    Statement::CreateDomain(domain) => {
                        for constraint in &$($m)* domain.constraints {
                            self.column_constraint(&$($m)* constraint.kind);
                        }
                    }
                    Statement::AlterDomain(alter) => match &$($m)* alter.action {
                        AlterDomainAction::Default(Some(expr)) | AlterDomainAction::AddCheck { expr, .. } => {
                            self.expr(expr);
                        }
                        _ => {}
                    },
                    Statement::CreateFunction(function) => {
                        self.params(&$($m)* function.params);
                        match &$($m)* function.body {
                            Some(FunctionBody::Return(expr)) => self.expr(expr),
                            Some(FunctionBody::Atomic(statements)) => {
                                for statement in statements {
                                    self.statement(statement);
                                }
                            }
                            Some(FunctionBody::Text(_) | FunctionBody::Linked(..)) | None => {}
                        }
                    }
                    Statement::Call(call) => self.call(call),
                    Statement::Explain(explain) => self.statement(&$($m)* explain.statement),
                    _ => {}
                }
            }
        }
    };
}

walkers!(Visitor, Walker, "Looks at every expression and relation.", [], statement, query, expr);
walkers!(VisitorMut, WalkerMut, "May change every expression and relation.", [mut], statement_mut, query_mut, expr_mut);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{Literal, TableAlias};

    #[derive(Default)]
    struct Seen {
        tables: Vec<String>,
        targets: Vec<String>,
        columns: Vec<String>,
    }

    impl Visitor for Seen {
        fn expr(&mut self, expr: &Expr, _: &Scope) {
            if let Expr::Column { .. } = expr {
                self.columns.push(expr.to_sql());
            }
        }

        fn source(&mut self, source: &FromItem, scope: &Scope) {
            if let FromItem::Table { name, .. } = source
                && !scope.is_cte(name)
            {
                self.tables.push(name.to_sql());
            }
        }

        fn target(&mut self, table: &ObjectName, change: Change) {
            self.targets.push(format!("{change:?} {table}"));
        }
    }

    fn seen(text: &str) -> Seen {
        let mut seen = Seen::default();
        statement(&crate::parse_statement(text).expect("the statement parses"), &mut seen);
        seen
    }

    #[test]
    fn every_relation_is_seen_and_named_queries_are_told_apart() {
        for (text, expected) in [
            ("select * from a, b join c on true", "a b c"),
            ("select (select 1 from a) from b where exists (select 1 from c) order by (select 2 from d)", "b a c d"),
            ("with a as (select * from b) select * from a, s.a", "b s.a"),
            ("with a as (select * from a) select * from a", "a"),
            ("with recursive a as (select * from a) select * from a", ""),
            ("with a as (select 1), b as (select * from a) select * from b", ""),
            ("select * from (with a as (select 1) select * from a) x, a", "a"),
            ("select * from a union select * from (values ((select 1 from b))) v", "a b"),
            ("select * from t where x = any (select y from u) and z in (select w from v)", "t u v"),
            ("select sum(x) over (order by (select 1 from a)), f((select 2 from b)) from c", "c a b"),
            ("select * from f((select 1 from a)), lateral (select 1 from b) l", "a b"),
            ("create view v as select * from a", "a"),
            ("create policy p on t using (exists (select 1 from a))", "a"),
            ("create function f() returns int begin atomic select 1 from a; end", "a"),
            ("insert into t select * from a on conflict (x) do update set y = (select 1 from b)", "a b"),
            ("explain update t set x = 1 from a where y in (select 1 from b)", "a b"),
        ] {
            assert_eq!(seen(text).tables.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn targets_and_columns_are_seen() {
        let seen = seen("with x as (delete from a where b) insert into c select d from x returning e");
        assert_eq!(seen.targets, ["Delete a", "Insert c"]);
        assert_eq!(seen.columns, ["b", "d", "e"]);
    }

    struct Guard;

    impl VisitorMut for Guard {
        fn source(&mut self, source: &mut FromItem, scope: &Scope) {
            let FromItem::Table { name, alias, .. } = source else { return };
            if scope.is_cte(name) {
                return;
            }
            let alias = alias.clone().unwrap_or_else(|| TableAlias { name: name.name.clone(), columns: Vec::new() });
            let text = format!("select * from {name} where owner = 1");
            let query = Box::new(crate::parse_query(&text).expect("the query parses"));
            *source = FromItem::Query { lateral: false, query, alias: Some(alias) };
        }

        fn expr(&mut self, expr: &mut Expr, _: &Scope) {
            if *expr == Expr::Param(1) {
                *expr = Expr::Literal(Literal::Integer("7".to_owned()));
            }
        }
    }

    #[test]
    fn a_guard_replaces_tables_once() {
        let mut query =
            crate::parse_query("with c as (select * from a) select * from c join b x on x.id = $1").expect("parses");
        query_mut(&mut query, &mut Guard);
        assert_eq!(
            query.to_sql(),
            "with c as (select * from (select * from a where owner = 1) as a) \
             select * from c join (select * from b where owner = 1) as x on x.id = 7"
        );
    }
}
