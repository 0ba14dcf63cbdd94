//! A walk over trees of expressions and queries that may change what it meets.
//!
//! The migrations need it to qualify names, to follow renames, to find which columns a check reads and which relations a
//! function's body names. Names of `with` queries are known, so that they are never taken for tables.

use sql::ast::{
    Assignment, ConflictAction, ConflictTarget, CteBody, Delete, Distinct, Expr, FrameBound, FromItem, FunctionCall,
    GroupItem, Insert, InsertSource, JoinCondition, Name, ObjectName, OrderBy, Over, Quantity, Query, QueryBody,
    Select, SelectItem, TypeName, Update, Window, With,
};

/// What is done at each node. Every method is called before the node's parts are walked.
pub(crate) trait Visit {
    /// An expression.
    fn expr(&mut self, expr: &mut Expr) {
        let _ = expr;
    }
    /// A table or view by name, never a `with` query.
    fn table(&mut self, name: &mut ObjectName) {
        let _ = name;
    }
    /// A function call.
    fn call(&mut self, call: &mut FunctionCall) {
        let _ = call;
    }
    /// The name of a `with` query.
    fn with_query(&mut self, name: &Name) {
        let _ = name;
    }
    /// A type.
    fn type_name(&mut self, ty: &mut TypeName) {
        let _ = ty;
    }
}

/// Walks one expression.
pub(crate) fn expr(expr: &mut Expr, visit: &mut dyn Visit) {
    Walk { visit, ctes: Vec::new() }.expr(expr);
}

/// Walks one query.
pub(crate) fn query(query: &mut Query, visit: &mut dyn Visit) {
    Walk { visit, ctes: Vec::new() }.query(query);
}

/// Walks an insert.
pub(crate) fn insert(insert: &mut Insert, visit: &mut dyn Visit) {
    Walk { visit, ctes: Vec::new() }.insert(insert);
}

/// Walks an update.
pub(crate) fn update(update: &mut Update, visit: &mut dyn Visit) {
    Walk { visit, ctes: Vec::new() }.update(update);
}

/// Walks a delete.
pub(crate) fn delete(delete: &mut Delete, visit: &mut dyn Visit) {
    Walk { visit, ctes: Vec::new() }.delete(delete);
}

/// The names of the columns an expression refers to, those inside its subqueries included, in order of appearance.
pub(crate) fn column_names(tree: &Expr) -> Vec<Name> {
    struct Columns(Vec<Name>);
    impl Visit for Columns {
        fn expr(&mut self, expr: &mut Expr) {
            if let Expr::Column { parts } = expr
                && let Some(last) = parts.last()
                && !self.0.contains(last)
            {
                self.0.push(last.clone());
            }
        }
    }
    let mut columns = Columns(Vec::new());
    expr(&mut tree.clone(), &mut columns);
    columns.0
}

/// Does the expression call one of these functions (by bare name).
pub(crate) fn calls_any(tree: &Expr, names: &[&str]) -> bool {
    struct Calls<'n>(&'n [&'n str], bool);
    impl Visit for Calls<'_> {
        fn call(&mut self, call: &mut FunctionCall) {
            self.1 |= self.0.contains(&&*call.name.name);
        }
    }
    let mut calls = Calls(names, false);
    expr(&mut tree.clone(), &mut calls);
    calls.1
}

struct Walk<'v> {
    visit: &'v mut dyn Visit,
    ctes: Vec<Name>,
}

impl Walk<'_> {
    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e mut Expr>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        self.visit.expr(expr);
        match expr {
            Expr::Literal(_) | Expr::Param(_) | Expr::Column { .. } | Expr::WholeRow(_) | Expr::Default => {}
            Expr::Unary { expr, .. }
            | Expr::IsNull { expr, .. }
            | Expr::IsTruth { expr, .. }
            | Expr::Field { expr, .. }
            | Expr::Collate { expr, .. } => self.expr(expr),
            Expr::Binary { left, right, .. } | Expr::IsDistinctFrom { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            Expr::Between { expr, low, high, .. } => self.exprs([&mut **expr, &mut **low, &mut **high]),
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
                self.exprs(escape.as_deref_mut());
            }
            Expr::Case { operand, branches, otherwise } => {
                self.exprs(operand.as_deref_mut());
                for (condition, result) in branches {
                    self.expr(condition);
                    self.expr(result);
                }
                self.exprs(otherwise.as_deref_mut());
            }
            Expr::Cast { expr, ty } => {
                self.visit.type_name(ty);
                self.expr(expr);
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
                self.exprs(low.as_deref_mut());
                self.exprs(high.as_deref_mut());
            }
        }
    }

    fn call(&mut self, call: &mut FunctionCall) {
        self.visit.call(call);
        self.exprs(call.args.iter_mut().map(|arg| &mut arg.value));
        self.order(&mut call.order_by);
        self.exprs(call.filter.as_mut());
        if let Some(Over::Window(window)) = &mut call.over {
            self.window(window);
        }
    }

    fn window(&mut self, window: &mut Window) {
        self.exprs(&mut window.partition_by);
        self.order(&mut window.order_by);
        if let Some(frame) = &mut window.frame {
            for bound in std::iter::once(&mut frame.start).chain(frame.end.as_mut()) {
                match bound {
                    FrameBound::Preceding(expr) | FrameBound::Following(expr) => self.expr(expr),
                    FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => {}
                }
            }
        }
    }

    fn order(&mut self, terms: &mut [OrderBy]) {
        self.exprs(terms.iter_mut().map(|term| &mut term.expr));
    }

    fn with(&mut self, with: Option<&mut With>) {
        let Some(with) = with else { return };
        if with.recursive {
            self.ctes.extend(with.ctes.iter().map(|cte| cte.name.clone()));
        }
        for cte in &mut with.ctes {
            self.visit.with_query(&cte.name);
            match &mut cte.body {
                CteBody::Query(query) => self.query(query),
                CteBody::Insert(insert) => self.insert(insert),
                CteBody::Update(update) => self.update(update),
                CteBody::Delete(delete) => self.delete(delete),
            }
            self.ctes.push(cte.name.clone());
        }
    }

    fn query(&mut self, query: &mut Query) {
        let known = self.ctes.len();
        self.with(query.with.as_mut());
        self.body(&mut query.body);
        self.order(&mut query.order_by);
        self.exprs(query.limit.as_mut());
        self.exprs(query.offset.as_mut());
        self.ctes.truncate(known);
    }

    fn body(&mut self, body: &mut QueryBody) {
        match body {
            QueryBody::Select(select) => self.select(select),
            QueryBody::Values(rows) => rows.iter_mut().for_each(|row| self.exprs(row)),
            QueryBody::SetOp { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            QueryBody::Nested(query) => self.query(query),
        }
    }

    fn select(&mut self, select: &mut Select) {
        if let Distinct::On(keys) = &mut select.distinct {
            self.exprs(keys);
        }
        self.items(&mut select.items);
        select.from.iter_mut().for_each(|item| self.from(item));
        self.exprs(select.filter.as_mut());
        select.group_by.iter_mut().for_each(|item| self.group(item));
        self.exprs(select.having.as_mut());
        select.windows.iter_mut().for_each(|(_, window)| self.window(window));
    }

    fn items(&mut self, items: &mut [SelectItem]) {
        for item in items {
            match item {
                SelectItem::FieldWildcard(expr) | SelectItem::Expr { expr, .. } => self.expr(expr),
                SelectItem::Wildcard | SelectItem::TableWildcard(_) => {}
            }
        }
    }

    fn group(&mut self, item: &mut GroupItem) {
        match item {
            GroupItem::Expr(expr) => self.expr(expr),
            GroupItem::Rollup(exprs) | GroupItem::Cube(exprs) => self.exprs(exprs),
            GroupItem::Sets(items) => items.iter_mut().for_each(|item| self.group(item)),
            GroupItem::Empty => {}
        }
    }

    fn table(&mut self, name: &mut ObjectName) {
        if name.schema.is_some() || !self.ctes.contains(&name.name) {
            self.visit.table(name);
        }
    }

    fn from(&mut self, item: &mut FromItem) {
        match item {
            FromItem::Table { name, .. } => self.table(name),
            FromItem::Query { query, .. } => self.query(query),
            FromItem::Function { calls, columns, .. } => {
                for function in calls {
                    self.call(&mut function.call);
                    self.types(&mut function.columns);
                }
                self.types(columns);
            }
            FromItem::Join { left, right, condition, .. } => {
                self.from(left);
                self.from(right);
                if let JoinCondition::On(condition) = condition {
                    self.expr(condition);
                }
            }
        }
    }

    fn types(&mut self, columns: &mut [(Name, TypeName)]) {
        for (_, ty) in columns {
            self.visit.type_name(ty);
        }
    }

    fn set(&mut self, set: &mut [Assignment]) {
        for assignment in set {
            match assignment {
                Assignment::Column { value, .. } | Assignment::Columns { value, .. } => self.expr(value),
            }
        }
    }

    fn insert(&mut self, insert: &mut Insert) {
        let known = self.ctes.len();
        self.with(insert.with.as_mut());
        self.visit.table(&mut insert.table);
        if let InsertSource::Query(query) = &mut insert.source {
            self.query(query);
        }
        if let Some(conflict) = &mut insert.on_conflict {
            if let Some(ConflictTarget::Index { elements, filter }) = &mut conflict.target {
                self.exprs(elements.iter_mut().map(|element| &mut element.expr));
                self.exprs(filter.as_mut());
            }
            if let ConflictAction::Update { set, filter } = &mut conflict.action {
                self.set(set);
                self.exprs(filter.as_mut());
            }
        }
        self.items(&mut insert.returning);
        self.ctes.truncate(known);
    }

    fn update(&mut self, update: &mut Update) {
        let known = self.ctes.len();
        self.with(update.with.as_mut());
        self.visit.table(&mut update.table);
        self.set(&mut update.set);
        update.from.iter_mut().for_each(|item| self.from(item));
        self.exprs(update.filter.as_mut());
        self.items(&mut update.returning);
        self.ctes.truncate(known);
    }

    fn delete(&mut self, delete: &mut Delete) {
        let known = self.ctes.len();
        self.with(delete.with.as_mut());
        self.visit.table(&mut delete.table);
        delete.using.iter_mut().for_each(|item| self.from(item));
        self.exprs(delete.filter.as_mut());
        self.items(&mut delete.returning);
        self.ctes.truncate(known);
    }
}
