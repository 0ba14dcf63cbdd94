//! Queries: sources, items, order, limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{
    Cte, CteBody, Distinct, Expr, FromItem, GroupItem, JoinCondition, JoinKind, Literal, ObjectName, OrderBy, Quantity,
    Query, QueryBody, Select, SelectItem, SetOp, TableAlias, TableFunction,
};
use sql::visit::{self, Scope, Visitor};
use values::{CastContext, Type};

use super::compare::ordered;
use super::scope::{Frame, Merged, NamedQuery, Source, SourceColumn};
use super::{Access, DEPTH_MAX, OutColumn, Translator, Typed, physical_name, quote, unsupported};
use crate::catalog::{Name, Privilege, Relation};
use crate::error::{Result, SqlError};

impl Translator<'_> {
    /// Translates a query to text and the columns it returns.
    pub(super) fn query(&mut self, query: &Query) -> Result<(String, Vec<OutColumn>)> {
        if query.with_ties {
            return Err(unsupported("FETCH FIRST … WITH TIES"));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX * 4 {
            self.depth -= 1;
            return Err(SqlError::new("54001", "stack depth limit exceeded").into());
        }
        self.frames.push(Frame::default());
        let result = self.query_in_frame(query);
        self.frames.pop();
        self.depth -= 1;
        result
    }

    fn query_in_frame(&mut self, query: &Query) -> Result<(String, Vec<OutColumn>)> {
        let mut sql = String::new();
        if let Some(with) = &query.with {
            sql.push_str(if with.recursive { "WITH RECURSIVE " } else { "WITH " });
            for (index, cte) in with.ctes.iter().enumerate() {
                if index > 0 {
                    sql.push_str(", ");
                }
                sql.push_str(&self.cte(cte, with.recursive)?);
            }
            sql.push(' ');
        }
        let (body, columns) = self.body(&query.body, &query.order_by)?;
        sql.push_str(&body);
        self.limits(query, &mut sql)?;
        Ok((sql, columns))
    }

    fn limits(&mut self, query: &Query, sql: &mut String) -> Result<()> {
        let number = |this: &mut Self, expr: &Expr, none: &str| -> Result<String> {
            let value = this.expr(expr)?;
            let value = this.cast(value, &Type::Int8, CastContext::Assignment)?;
            Ok(match expr {
                Expr::Literal(Literal::Integer(_)) => value.sql,
                _ => format!("coalesce({}, {none})", value.sql),
            })
        };
        match (&query.limit, &query.offset) {
            (None, None) => {}
            (Some(limit), None) => {
                sql.push_str(" LIMIT ");
                sql.push_str(&number(self, limit, "-1")?);
            }
            (limit, Some(offset)) => {
                sql.push_str(" LIMIT ");
                match limit {
                    Some(limit) => sql.push_str(&number(self, limit, "-1")?),
                    None => sql.push_str("-1"),
                }
                sql.push_str(" OFFSET ");
                sql.push_str(&number(self, offset, "0")?);
            }
        }
        Ok(())
    }

    fn cte(&mut self, cte: &Cte, recursive: bool) -> Result<String> {
        let CteBody::Query(query) = &cte.body else {
            return Err(unsupported("INSERT, UPDATE or DELETE inside WITH"));
        };
        let sql_name = self.unique_alias(&cte.name);
        let name_columns = |columns: Vec<OutColumn>| -> Vec<SourceColumn> {
            columns
                .into_iter()
                .enumerate()
                .map(|(index, column)| SourceColumn {
                    name: cte.columns.get(index).cloned().unwrap_or(column.name),
                    ty: column.ty,
                    source: column.source,
                    sql: None,
                })
                .collect()
        };
        if recursive && let QueryBody::SetOp { left, .. } = &query.body {
            // The first branch gives the columns that the name has inside the second.
            let first = Query::from_body((**left).clone());
            let depth = self.frames.len();
            if let Ok((_, columns)) = self.query(&first) {
                let columns = name_columns(columns);
                self.frame().ctes.push(NamedQuery { name: cte.name.clone(), sql: sql_name.clone(), columns });
            }
            self.frames.truncate(depth);
        }
        let (sql, columns) = self.query(query)?;
        let columns = name_columns(columns);
        let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        self.frame().ctes.retain(|known| known.name != cte.name);
        self.frame().ctes.push(NamedQuery { name: cte.name.clone(), sql: sql_name.clone(), columns });
        let hint = match cte.materialized {
            Some(true) => "MATERIALIZED ",
            Some(false) => "NOT MATERIALIZED ",
            None => "",
        };
        Ok(format!("{sql_name}({}) AS {hint}({sql})", names.join(", ")))
    }

    fn body(&mut self, body: &QueryBody, order_by: &[OrderBy]) -> Result<(String, Vec<OutColumn>)> {
        match body {
            QueryBody::Select(select) => {
                self.frames.push(Frame::default());
                let result = self.select_body(select, order_by).and_then(|done| self.close().map(|()| done));
                self.frames.pop();
                result
            }
            QueryBody::Values(rows) => {
                let (mut sql, columns) = self.values(rows)?;
                if !order_by.is_empty() {
                    sql = format!("SELECT * FROM ({sql}) ORDER BY {}", output_order(order_by, &columns)?);
                }
                Ok((sql, columns))
            }
            QueryBody::SetOp { op, all, left, right } => {
                let (mut sql, columns) = self.set_op(*op, *all, left, right)?;
                if !order_by.is_empty() {
                    sql = format!("SELECT * FROM ({sql}) ORDER BY {}", output_order(order_by, &columns)?);
                }
                Ok((sql, columns))
            }
            QueryBody::Nested(query) => {
                let (sql, columns) = self.query(query)?;
                let mut sql = format!("SELECT * FROM ({sql})");
                if !order_by.is_empty() {
                    sql.push_str(" ORDER BY ");
                    sql.push_str(&output_order(order_by, &columns)?);
                }
                Ok((sql, columns))
            }
        }
    }

    fn set_op(
        &mut self,
        op: SetOp,
        all: bool,
        left: &QueryBody,
        right: &QueryBody,
    ) -> Result<(String, Vec<OutColumn>)> {
        let word = match (op, all) {
            (SetOp::Union, true) => "UNION ALL",
            (SetOp::Union, false) => "UNION",
            (SetOp::Intersect, false) => "INTERSECT",
            (SetOp::Except, false) => "EXCEPT",
            (SetOp::Intersect | SetOp::Except, true) => return Err(unsupported("INTERSECT ALL and EXCEPT ALL")),
        };
        let (left_sql, left_columns) = self.body(left, &[])?;
        let (right_sql, right_columns) = self.body(right, &[])?;
        if left_columns.len() != right_columns.len() {
            return Err(SqlError::new("42601", "each UNION query must have the same number of columns").into());
        }
        let mut columns = Vec::with_capacity(left_columns.len());
        let mut left_items = Vec::with_capacity(left_columns.len());
        let mut right_items = Vec::with_capacity(left_columns.len());
        for (index, (a, b)) in left_columns.iter().zip(&right_columns).enumerate() {
            let at = quote(&format!("c{index}"));
            let pair = vec![Typed::new(format!("q.{at}"), a.ty.clone()), Typed::new(format!("q.{at}"), b.ty.clone())];
            let mut pair = self.meet(pair, "UNION")?.into_iter();
            let (x, y) = (pair.next().expect("two in, two out"), pair.next().expect("two in, two out"));
            left_items.push(format!("{} AS {}", ordered(&x), quote(&a.name)));
            right_items.push(y.sql.clone());
            columns.push(OutColumn { name: a.name.clone(), ty: x.ty, source: None });
        }
        let names: Vec<String> = (0..columns.len()).map(|index| quote(&format!("c{index}"))).collect();
        let names = names.join(", ");
        let side = |sql: &str, items: &[String]| {
            format!("SELECT {} FROM (WITH q({names}) AS ({sql}) SELECT * FROM q) AS q", items.join(", "))
        };
        let (left_sql, right_sql) = if columns.is_empty() {
            (left_sql, right_sql)
        } else {
            (side(&left_sql, &left_items), side(&right_sql, &right_items))
        };
        Ok((format!("{left_sql} {word} {right_sql}"), columns))
    }

    fn values(&mut self, rows: &[Vec<Expr>]) -> Result<(String, Vec<OutColumn>)> {
        let width = rows.first().map_or(0, Vec::len);
        let mut table: Vec<Vec<Typed>> = Vec::with_capacity(rows.len());
        for row in rows {
            if row.len() != width {
                return Err(SqlError::new("42601", "VALUES lists must all be the same length").into());
            }
            table.push(row.iter().map(|value| self.expr(value)).collect::<Result<_>>()?);
        }
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            let column = table.iter().map(|row| row[index].clone()).collect();
            let column = self.meet(column, "VALUES")?;
            columns.push(OutColumn {
                name: Name::from(format!("column{}", index + 1)),
                ty: column[0].ty.clone(),
                source: None,
            });
            for (row, value) in table.iter_mut().zip(column) {
                row[index] = value;
            }
        }
        let rows: Vec<String> = table
            .iter()
            .map(|row| format!("({})", row.iter().map(|value| value.sql.as_str()).collect::<Vec<_>>().join(", ")))
            .collect();
        Ok((format!("VALUES {}", rows.join(", ")), columns))
    }

    /// Asks the guard about every relation that the innermost frame read.
    pub(super) fn close(&mut self) -> Result<()> {
        let frame = self.frames.last().expect("a frame is closed before it is popped");
        for source in &frame.sources {
            if let Some(relation) = &source.relation
                && source.read
            {
                self.guard.check(relation, &Access { privilege: Privilege::Select, columns: &source.used })?;
            }
        }
        Ok(())
    }

    fn select_body(&mut self, select: &Select, order_by: &[OrderBy]) -> Result<(String, Vec<OutColumn>)> {
        if let Some(rows) = self.rows_of_a_call(select) {
            return self.select_body(&rows, order_by);
        }
        let mut from = String::new();
        for (index, item) in select.from.iter().enumerate() {
            if index > 0 {
                from.push_str(" CROSS JOIN ");
            }
            from.push_str(&self.source_item(item)?);
        }
        let filter = match &select.filter {
            Some(filter) => Some(self.boolean(filter)?.sql),
            None => None,
        };
        let mut items = Vec::new();
        for item in &select.items {
            self.select_item(item, &mut items)?;
        }
        let mut tail = String::new();
        if !select.group_by.is_empty() {
            let mut terms = Vec::with_capacity(select.group_by.len());
            for item in &select.group_by {
                terms.push(self.group_item(item, &items)?);
            }
            tail.push_str(" GROUP BY ");
            tail.push_str(&terms.join(", "));
        }
        if let Some(having) = &select.having {
            tail.push_str(" HAVING ");
            tail.push_str(&self.boolean(having)?.sql);
        }
        if !select.windows.is_empty() {
            let mut windows = Vec::with_capacity(select.windows.len());
            for (name, window) in &select.windows {
                windows.push(format!("{} AS ({})", quote(name), self.window(window)?));
            }
            tail.push_str(" WINDOW ");
            tail.push_str(&windows.join(", "));
        }
        let mut middle = String::new();
        if !from.is_empty() {
            middle.push_str(" FROM ");
            middle.push_str(&from);
        }
        if let Some(filter) = filter {
            middle.push_str(" WHERE ");
            middle.push_str(&filter);
        }
        middle.push_str(&tail);
        if let Distinct::On(keys) = &select.distinct {
            return self.distinct_on(keys, order_by, items, &middle);
        }
        let mut sql = String::from("SELECT ");
        if select.distinct == Distinct::Yes {
            sql.push_str("DISTINCT ");
        }
        let order = if order_by.is_empty() { None } else { Some(self.order_terms(order_by, &items)?) };
        push_items(&mut sql, &items, select.distinct == Distinct::Yes);
        sql.push_str(&middle);
        if let Some(order) = order {
            sql.push_str(" ORDER BY ");
            sql.push_str(&order);
        }
        Ok((sql, items.into_iter().map(|(_, column)| column).collect()))
    }

    /// `select f()` of a function that returns rows, as `select r from f() as r`: the form in which policies often ask it.
    fn rows_of_a_call(&self, select: &Select) -> Option<Select> {
        let [SelectItem::Expr { expr: Expr::Function(call), alias }] = select.items.as_slice() else { return None };
        if !select.from.is_empty() || !self.returns_set(call) {
            return None;
        }
        let name = Name::from("~r");
        let source = FromItem::Function {
            lateral: false,
            calls: vec![TableFunction { call: (**call).clone(), columns: Vec::new() }],
            rows_from: false,
            ordinality: false,
            alias: Some(TableAlias { name: name.clone(), columns: vec![name.clone()] }),
            columns: Vec::new(),
        };
        let shown = alias.clone().unwrap_or_else(|| call.name.name.clone());
        let item = SelectItem::Expr { expr: Expr::Column { parts: vec![name.clone(), name] }, alias: Some(shown) };
        Some(Select { items: vec![item], from: vec![source], ..select.clone() })
    }

    /// `distinct on (keys)`: the first row of each group in the order given.
    fn distinct_on(
        &mut self,
        keys: &[Expr],
        order_by: &[OrderBy],
        items: Vec<(Typed, OutColumn)>,
        middle: &str,
    ) -> Result<(String, Vec<OutColumn>)> {
        let mut partition = Vec::with_capacity(keys.len());
        for key in keys {
            let value = match Self::output_reference(key, &items) {
                Some(value) => value,
                None => self.expr(key)?,
            };
            partition.push(ordered(&value));
        }
        let order = self.order_terms(order_by, &items)?;
        let mut inner = String::from("SELECT ");
        push_items(&mut inner, &items, false);
        let window = if order.is_empty() { String::new() } else { format!(" ORDER BY {order}") };
        let first = format!(", row_number() OVER (PARTITION BY {}{window}) AS \"~first\"", partition.join(", "));
        inner.push_str(&first);
        if !order.is_empty() {
            inner.push_str(", row_number() OVER (ORDER BY ");
            inner.push_str(&order);
            inner.push_str(") AS \"~order\"");
        }
        inner.push_str(middle);
        let names: Vec<String> = items.iter().map(|(_, column)| quote(&column.name)).collect();
        let mut sql = format!("SELECT {} FROM ({inner}) WHERE \"~first\" = 1", names.join(", "));
        if !order.is_empty() {
            sql.push_str(" ORDER BY \"~order\"");
        }
        Ok((sql, items.into_iter().map(|(_, column)| column).collect()))
    }

    fn group_item(&mut self, item: &GroupItem, items: &[(Typed, OutColumn)]) -> Result<String> {
        match item {
            GroupItem::Expr(expr) => {
                if let Expr::Literal(Literal::Integer(position)) = expr {
                    let found = position.parse::<usize>().ok().and_then(|at| items.get(at.wrapping_sub(1)));
                    let (value, _) = found.ok_or_else(|| {
                        SqlError::new("42P10", format!("GROUP BY position {position} is not in select list"))
                    })?;
                    return Ok(ordered(value));
                }
                match self.expr(expr) {
                    Ok(value) => Ok(ordered(&value)),
                    // An input column comes first, an output column second.
                    Err(error) => match (expr, error.code()) {
                        (Expr::Column { parts }, Some("42703")) if parts.len() == 1 => {
                            match items.iter().find(|(_, column)| column.name == parts[0]) {
                                Some((value, _)) => Ok(ordered(value)),
                                None => Err(error),
                            }
                        }
                        _ => Err(error),
                    },
                }
            }
            GroupItem::Rollup(_) | GroupItem::Cube(_) | GroupItem::Sets(_) | GroupItem::Empty => {
                Err(unsupported("GROUP BY with ROLLUP, CUBE or GROUPING SETS"))
            }
        }
    }

    fn output_reference(expr: &Expr, items: &[(Typed, OutColumn)]) -> Option<Typed> {
        match expr {
            Expr::Column { parts } if parts.len() == 1 => {
                items.iter().find(|(_, column)| column.name == parts[0]).map(|(value, _)| value.clone())
            }
            Expr::Literal(Literal::Integer(position)) => position
                .parse::<usize>()
                .ok()
                .and_then(|at| items.get(at.wrapping_sub(1)))
                .map(|(value, _)| value.clone()),
            _ => None,
        }
    }

    /// `order by` terms, with nulls where PostgreSQL puts them.
    pub(super) fn order_terms(&mut self, terms: &[OrderBy], items: &[(Typed, OutColumn)]) -> Result<String> {
        let mut out = Vec::with_capacity(terms.len());
        for term in terms {
            let value = match Self::output_reference(&term.expr, items) {
                Some(value) => value,
                None => self.expr(&term.expr)?,
            };
            let value = self.settle(value)?;
            if value.ty == Type::Json {
                return Err(SqlError::new("42883", "could not identify an ordering operator for type json").into());
            }
            out.push(format!("{}{}", ordered(&value), direction(term)?));
        }
        Ok(out.join(", "))
    }

    fn select_item(&mut self, item: &SelectItem, out: &mut Vec<(Typed, OutColumn)>) -> Result<()> {
        match item {
            SelectItem::Wildcard => {
                let frame = self.frames.last().expect("a select has a frame");
                if frame.sources.is_empty() {
                    return Err(SqlError::new("42601", "SELECT * with no tables specified is not valid").into());
                }
                let merged: Vec<Merged> = frame.merged.clone();
                for column in &merged {
                    let (value, source) = self.column(std::slice::from_ref(&column.name))?;
                    let ty = value.ty.clone();
                    out.push((value, OutColumn { name: column.name.clone(), ty, source }));
                }
                let hidden: BTreeSet<(usize, usize)> =
                    merged.iter().flat_map(|column| column.hides.iter().copied()).collect();
                let widths: Vec<usize> = self.frame().sources.iter().map(|source| source.columns.len()).collect();
                for (source, width) in widths.into_iter().enumerate() {
                    for index in 0..width {
                        if !hidden.contains(&(source, index)) {
                            self.push_source_column(source, index, out);
                        }
                    }
                }
            }
            SelectItem::TableWildcard(name) => {
                let source = self.source_named(name)?;
                for index in 0..self.frame().sources[source].columns.len() {
                    self.push_source_column(source, index, out);
                }
            }
            SelectItem::FieldWildcard(_) => return Err(unsupported("(row).*")),
            SelectItem::Expr { expr, alias } => {
                let (value, source) = match expr {
                    Expr::Column { parts } => self.column(parts)?,
                    other => (self.expr(other)?, None),
                };
                let value = self.settle(value)?;
                let name = alias.clone().unwrap_or_else(|| output_name(expr));
                let ty = value.ty.clone();
                out.push((value, OutColumn { name, ty, source }));
            }
        }
        Ok(())
    }

    fn push_source_column(&mut self, source: usize, index: usize, out: &mut Vec<(Typed, OutColumn)>) {
        let (name, value, source) = self.source_column(source, index);
        let ty = value.ty.clone();
        out.push((value, OutColumn { name, ty, source }));
    }

    /// The items of a `returning` clause over the innermost frame.
    pub(super) fn returning(&mut self, items: &[SelectItem]) -> Result<(String, Vec<OutColumn>)> {
        let mut out = Vec::new();
        for item in items {
            self.select_item(item, &mut out)?;
        }
        let mut sql = String::new();
        push_items(&mut sql, &out, false);
        Ok((sql, out.into_iter().map(|(_, column)| column).collect()))
    }

    /// Translates one source and makes its columns visible in the innermost frame.
    pub(super) fn source_item(&mut self, item: &FromItem) -> Result<String> {
        match item {
            FromItem::Table { name, alias, .. } => self.table(name, alias.as_ref()),
            FromItem::Query { lateral, query, alias } => {
                if *lateral && !self.frame().sources.is_empty() {
                    return Err(unsupported("LATERAL"));
                }
                // A derived table does not see its neighbours: they are set aside while it is read.
                let neighbours = std::mem::take(&mut self.frame().sources);
                let merged = std::mem::take(&mut self.frame().merged);
                let result = self.query(query);
                self.frame().sources = neighbours;
                self.frame().merged = merged;
                let (sql, columns) = result?;
                let columns = columns
                    .into_iter()
                    .map(|column| SourceColumn { name: column.name, ty: column.ty, source: column.source, sql: None })
                    .collect();
                let unnamed = TableAlias { name: Name::from("subquery"), columns: Vec::new() };
                self.derived(format!("({sql})"), columns, alias.as_ref().unwrap_or(&unnamed), None)
            }
            FromItem::Function { calls, ordinality, alias, columns, .. } => {
                let [function] = calls.as_slice() else { return Err(unsupported("ROWS FROM with several functions")) };
                if !columns.is_empty() || !function.columns.is_empty() {
                    return Err(unsupported("a function with a column definition list"));
                }
                let call = &function.call;
                let (sql, mut offered) = match self.function_source(call)? {
                    Some(found) if *ordinality => {
                        let _ = found;
                        return Err(unsupported("WITH ORDINALITY on a function of yours"));
                    }
                    Some(found) => found,
                    None => self.set_function(call, *ordinality)?,
                };
                let named = TableAlias { name: call.name.name.clone(), columns: Vec::new() };
                let alias = alias.as_ref().unwrap_or(&named);
                // A function with one column lends it its alias.
                let mut given = alias.clone();
                if given.columns.is_empty()
                    && offered.len() == 1 + usize::from(*ordinality)
                    && offered[0].source.is_none()
                {
                    let single = !matches!(
                        &*call.name.name,
                        "jsonb_array_elements"
                            | "json_array_elements"
                            | "jsonb_array_elements_text"
                            | "json_array_elements_text"
                    );
                    if single {
                        given.columns.push(alias.name.clone());
                    }
                }
                for column in &mut offered {
                    column.source = None;
                }
                self.derived(sql, offered, &given, None)
            }
            FromItem::Join { kind, left, right, condition, alias } => {
                if alias.is_some() {
                    return Err(unsupported("an alias over a join"));
                }
                self.join(*kind, left, right, condition)
            }
        }
    }

    /// Names a derived source; its columns are renamed where the alias says so.
    fn derived(
        &mut self,
        sql: String,
        mut columns: Vec<SourceColumn>,
        alias: &TableAlias,
        relation: Option<Arc<Relation>>,
    ) -> Result<String> {
        if alias.columns.len() > columns.len() {
            return Err(SqlError::new(
                "42P10",
                format!(
                    "table \"{}\" has {} columns available but {} columns specified",
                    alias.name,
                    columns.len(),
                    alias.columns.len()
                ),
            )
            .into());
        }
        self.refuse_duplicate(&alias.name)?;
        let sql_alias = self.unique_alias(&alias.name);
        let sql = if alias.columns.is_empty() {
            sql
        } else {
            for (column, name) in columns.iter_mut().zip(&alias.columns) {
                column.name = name.clone();
            }
            let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
            format!("(WITH \"~q\"({}) AS (SELECT * FROM {sql}) SELECT * FROM \"~q\")", names.join(", "))
        };
        let text = format!("{sql} AS {sql_alias}");
        self.frame().push(Source {
            alias: alias.name.clone(),
            schema: None,
            sql: sql_alias,
            columns,
            read: relation.is_some(),
            relation,
            used: BTreeSet::new(),
        });
        Ok(text)
    }

    fn refuse_duplicate(&self, alias: &Name) -> Result<()> {
        let frame = self.frames.last().expect("a source belongs to a frame");
        if frame.sources.iter().any(|source| source.alias == *alias && source.schema.is_none()) {
            return Err(SqlError::new("42712", format!("table name \"{alias}\" specified more than once")).into());
        }
        Ok(())
    }

    fn named_query(&self, name: &str) -> Option<NamedQuery> {
        for frame in self.frames.iter().rev() {
            if let Some(found) = frame.ctes.iter().rev().find(|cte| &*cte.name == name) {
                return Some(found.clone());
            }
            if frame.barrier {
                break;
            }
        }
        None
    }

    /// Finds a relation by name.
    pub(super) fn relation(&self, name: &ObjectName) -> Result<Arc<Relation>> {
        let found = match &name.schema {
            Some(schema) => self.catalog.relation(schema, &name.name),
            None => self.catalog.find_relation(self.search_path, &name.name),
        };
        found.cloned().ok_or_else(|| {
            let shown = match &name.schema {
                Some(schema) => format!("{schema}.{}", name.name),
                None => name.name.to_string(),
            };
            SqlError::new("42P01", format!("relation \"{shown}\" does not exist")).into()
        })
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Result<String> {
        if name.schema.is_none()
            && let Some(cte) = self.named_query(&name.name)
        {
            let given = alias.cloned().unwrap_or(TableAlias { name: name.name.clone(), columns: Vec::new() });
            return self.derived(cte.sql, cte.columns, &given, None);
        }
        let relation = self.relation(name)?;
        let shown = alias.map_or_else(|| name.name.clone(), |alias| alias.name.clone());
        if let Some(alias) = alias
            && !alias.columns.is_empty()
        {
            let sql = self.relation_sql(&relation)?;
            let columns = Source::of_relation(&relation, &shown, String::new()).columns;
            // Renamed columns hide the relation's own from the guard: all count as read.
            let text = self.derived(sql, columns, alias, Some(relation.clone()))?;
            let used: BTreeSet<Name> = relation.columns.iter().map(|column| column.name.clone()).collect();
            self.frame().sources.last_mut().expect("just pushed").used = used;
            return Ok(text);
        }
        self.refuse_duplicate(&shown)?;
        let sql_alias = self.unique_alias(&shown);
        let body = self.relation_sql(&relation)?;
        let mut source = Source::of_relation(&relation, &shown, sql_alias.clone());
        source.schema = alias.is_none().then(|| relation.name.schema.clone());
        self.frame().push(source);
        Ok(format!("{body} AS {sql_alias}"))
    }

    /// A relation as the guard lets the statement see it: its physical name, or a subquery.
    pub(super) fn relation_sql(&mut self, relation: &Arc<Relation>) -> Result<String> {
        if let Some(view) = &relation.view
            && let Some(sql) = self.view(relation, view)?
        {
            return Ok(sql);
        }
        self.looks.note(self.afresh);
        let physical = quote(&physical_name(&relation.name));
        let Some(condition) = self.guard.visible(self.catalog, relation)? else { return Ok(physical) };
        let (inner, condition) = self.row_condition(relation, &condition)?;
        Ok(format!("(SELECT * FROM {physical} AS {inner} WHERE {condition})"))
    }

    /// A policy's condition over a relation, and the alias the relation must have for it.
    pub(super) fn row_condition(&mut self, relation: &Arc<Relation>, condition: &Expr) -> Result<(String, String)> {
        let inner = self.unique_alias(&relation.name.name);
        let source = Source::of_relation(relation, &relation.name.name, inner.clone());
        let public = [Name::from("public")];
        let value = self.unfolded(relation, condition, |this| {
            this.with_path(&public, |this| this.with_source(source, |this| this.boolean(condition)))
        })?;
        Ok((inner, value.sql))
    }

    /// Unfolds a policy's condition, watching for circles as PostgreSQL does: only a condition with a subquery opens or closes one. So a
    /// policy for inserts may count the rows that a plain policy for selects shows.
    pub(super) fn unfolded<T>(
        &mut self,
        relation: &Relation,
        condition: &Expr,
        f: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if !has_query(condition) {
            return f(self);
        }
        if self.unfolding.contains(&relation.name) {
            let message = format!("infinite recursion detected in policy for relation \"{}\"", relation.name.name);
            return Err(SqlError::new("42P17", message).into());
        }
        self.unfolding.push(relation.name.clone());
        let result = f(self);
        self.unfolding.pop();
        result
    }

    /// Runs `f` with another search path. Bodies of views and policies were written under the migrations' path.
    pub(super) fn with_path<T>(
        &mut self,
        path: &[Name],
        f: impl FnOnce(&mut Translator<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut inner = Translator {
            catalog: self.catalog,
            guard: self.guard,
            caller: self.caller,
            search_path: path,
            params: self.params,
            frames: std::mem::take(&mut self.frames),
            unfolding: std::mem::take(&mut self.unfolding),
            calling: std::mem::take(&mut self.calling),
            looks: self.looks,
            afresh: self.afresh,
            row: None,
            depth: self.depth + 1,
            aliases: self.aliases,
            session: self.session,
        };
        let result = f(&mut inner);
        self.frames = std::mem::take(&mut inner.frames);
        self.unfolding = std::mem::take(&mut inner.unfolding);
        self.calling = std::mem::take(&mut inner.calling);
        self.looks = inner.looks;
        self.aliases = inner.aliases;
        result
    }

    fn join(&mut self, kind: JoinKind, left: &FromItem, right: &FromItem, condition: &JoinCondition) -> Result<String> {
        let word = match kind {
            JoinKind::Inner => "JOIN",
            JoinKind::Left => "LEFT JOIN",
            JoinKind::Right => "RIGHT JOIN",
            JoinKind::Full => "FULL JOIN",
            JoinKind::Cross => "CROSS JOIN",
        };
        let before = self.frame().sources.len();
        let left_sql = self.source_item(left)?;
        let middle = self.frame().sources.len();
        let right_sql = self.source_item(right)?;
        let right_sql = if matches!(right, FromItem::Join { .. }) { format!("({right_sql})") } else { right_sql };
        let on = match condition {
            JoinCondition::None => String::new(),
            JoinCondition::On(condition) => format!(" ON {}", self.boolean(condition)?.sql),
            JoinCondition::Using { columns, alias: None } => self.using(kind, before, middle, columns)?,
            JoinCondition::Using { .. } => return Err(unsupported("USING (…) AS alias")),
            JoinCondition::Natural => {
                let frame = self.frames.last().expect("a join belongs to a frame");
                let names: Vec<Name> = frame.sources[before..middle]
                    .iter()
                    .flat_map(|source| source.columns.iter().map(|column| column.name.clone()))
                    .filter(|name| {
                        frame.sources[middle..]
                            .iter()
                            .any(|source| source.columns.iter().any(|column| column.name == *name))
                    })
                    .collect();
                self.using(kind, before, middle, &names)?
            }
        };
        Ok(format!("{left_sql} {word} {right_sql}{on}"))
    }

    fn using(&mut self, kind: JoinKind, before: usize, middle: usize, columns: &[Name]) -> Result<String> {
        let mut tests = Vec::with_capacity(columns.len());
        for name in columns {
            let find = |range: std::ops::Range<usize>, this: &Self| -> Result<(usize, usize)> {
                let frame = this.frames.last().expect("a join belongs to a frame");
                for at in range {
                    if let Some(index) = frame.sources[at].columns.iter().position(|column| column.name == *name) {
                        return Ok((at, index));
                    }
                }
                Err(SqlError::new(
                    "42703",
                    format!("column \"{name}\" specified in USING clause does not exist in both tables"),
                )
                .into())
            };
            let earlier = self.frame().merged.iter().position(|merged| merged.name == *name);
            let end = self.frame().sources.len();
            let right_at = find(middle..end, self)?;
            let (_, right, _) = self.source_column(right_at.0, right_at.1);
            let (left, mut hides) = if let Some(at) = earlier {
                let merged = self.frame().merged.remove(at);
                (merged.value, merged.hides)
            } else {
                let left_at = find(before..middle, self)?;
                (self.source_column(left_at.0, left_at.1).1, vec![left_at])
            };
            hides.push(right_at);
            tests.push(self.compare(left.clone(), &sql::ast::BinaryOp::Eq, right.clone())?.sql);
            let value = match kind {
                JoinKind::Right => right,
                JoinKind::Full => Typed::new(format!("coalesce({}, {})", left.sql, right.sql), left.ty),
                JoinKind::Inner | JoinKind::Left | JoinKind::Cross => left,
            };
            self.frame().merged.push(Merged { name: name.clone(), value, hides });
        }
        Ok(if tests.is_empty() { String::new() } else { format!(" ON {}", tests.join(" AND ")) })
    }
}

/// Is there a query inside the expression.
pub(super) fn has_query(expr: &Expr) -> bool {
    struct Look(bool);
    impl Visitor for Look {
        fn expr(&mut self, expr: &Expr, _: &Scope) {
            self.0 |= matches!(
                expr,
                Expr::InQuery { .. }
                    | Expr::Exists(_)
                    | Expr::Subquery(_)
                    | Expr::ArrayQuery(_)
                    | Expr::Quantified { right: Quantity::Query(_), .. }
            );
        }
    }
    let mut look = Look(false);
    visit::expr(expr, &mut look);
    look.0
}

fn push_items(sql: &mut String, items: &[(Typed, OutColumn)], collate: bool) {
    if items.is_empty() {
        sql.push_str("NULL");
    }
    for (index, (value, column)) in items.iter().enumerate() {
        if index > 0 {
            sql.push_str(", ");
        }
        if collate {
            sql.push_str(&ordered(value));
        } else {
            sql.push_str(&value.sql);
        }
        sql.push_str(" AS ");
        super::push_quoted(sql, &column.name);
    }
}

/// Direction and place of nulls, always written: SQLite's default is the opposite of PostgreSQL's.
fn direction(term: &OrderBy) -> Result<&'static str> {
    let descending = match term.using.as_deref() {
        None => term.descending.unwrap_or(false),
        Some("<") => false,
        Some(">") => true,
        Some(other) => return Err(unsupported(format!("ORDER BY … USING {other}"))),
    };
    let nulls_first = term.nulls_first.unwrap_or(descending);
    Ok(match (descending, nulls_first) {
        (false, false) => " ASC NULLS LAST",
        (false, true) => " ASC NULLS FIRST",
        (true, false) => " DESC NULLS LAST",
        (true, true) => " DESC NULLS FIRST",
    })
}

/// The order of a union or values list: output columns by name or position only.
fn output_order(terms: &[OrderBy], columns: &[OutColumn]) -> Result<String> {
    let mut out = Vec::with_capacity(terms.len());
    for term in terms {
        let found = match &term.expr {
            Expr::Column { parts } if parts.len() == 1 => columns.iter().find(|column| column.name == parts[0]),
            Expr::Literal(Literal::Integer(position)) => {
                position.parse::<usize>().ok().and_then(|at| columns.get(at.wrapping_sub(1)))
            }
            _ => None,
        };
        let column = found.ok_or_else(|| SqlError::new("0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause"))?;
        let value = Typed::new(quote(&column.name), column.ty.clone());
        out.push(format!("{}{}", ordered(&value), direction(term)?));
    }
    Ok(out.join(", "))
}

/// The name PostgreSQL gives an unnamed output column.
fn output_name(expr: &Expr) -> Name {
    match expr {
        Expr::Column { parts } => parts.last().cloned().unwrap_or_else(|| Name::from("?column?")),
        Expr::Function(call) => call.name.name.clone(),
        Expr::Cast { expr, ty } => match output_name(expr) {
            name if &*name == "?column?" => ty.name.name.clone(),
            name => name,
        },
        Expr::Field { name, .. } => name.clone(),
        Expr::Subscript { expr, .. } | Expr::Collate { expr, .. } => output_name(expr),
        Expr::Case { otherwise, .. } => match otherwise.as_deref().map(output_name) {
            Some(name) if &*name != "?column?" => name,
            _ => Name::from("case"),
        },
        Expr::Exists(_) => Name::from("exists"),
        Expr::Array(_) | Expr::ArrayQuery(_) => Name::from("array"),
        Expr::Row { .. } => Name::from("row"),
        Expr::Subquery(query) => match &query.body {
            QueryBody::Select(select) => match select.items.first() {
                Some(SelectItem::Expr { expr, alias }) => alias.clone().unwrap_or_else(|| output_name(expr)),
                _ => Name::from("?column?"),
            },
            _ => Name::from("?column?"),
        },
        _ => Name::from("?column?"),
    }
}
