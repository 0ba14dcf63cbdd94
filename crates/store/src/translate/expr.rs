//! Expressions.

use sql::ast::{BinaryOp, Expr, LikeKind, Literal, Quantity, Query, UnaryOp};
use values::{CastContext, Type};

use super::compare::{comparison, ordered};
use super::{Translator, Typed, quote, text_sql, types, unsupported};
use crate::error::{Result, SqlError};

impl Translator<'_> {
    /// Translates any expression.
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<Typed> {
        match expr {
            Expr::Literal(literal) => self.constant_literal(literal),
            Expr::Param(number) => self.parameter(*number),
            Expr::Column { parts } => Ok(self.column(parts)?.0),
            Expr::Unary { op, expr } => self.unary(op, expr),
            Expr::Binary { op, left, right } => self.binary(op, left, right),
            Expr::IsNull { expr, negated } => self.is_null(expr, *negated),
            Expr::IsTruth { expr, truth, negated } => {
                let value = self.boolean(expr)?;
                let word = match truth {
                    Some(true) => "TRUE",
                    Some(false) => "FALSE",
                    None => "NULL",
                };
                let not = if *negated { "NOT " } else { "" };
                Ok(Typed::new(format!("({} IS {not}{word})", value.sql), Type::Bool))
            }
            Expr::IsDistinctFrom { left, right, negated } => {
                let left = self.expr(left)?;
                let right = self.expr(right)?;
                self.distinct(left, right, *negated)
            }
            Expr::Between { expr, low, high, symmetric, negated } => {
                self.between(expr, low, high, *symmetric, *negated)
            }
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::InQuery { expr, query, negated } => self.in_query(expr, query, *negated),
            Expr::Quantified { left, op, all, right } => self.quantified(left, op, *all, right),
            Expr::Like { expr, pattern, escape, kind, negated } => {
                self.like(expr, pattern, escape.as_deref(), *kind, *negated)
            }
            Expr::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref())
            }
            Expr::Cast { expr, ty } => {
                let (ty, domain) = types::resolve_type(self.catalog, self.search_path, ty)?;
                if let Some(domain) = domain
                    && (!domain.checks.is_empty() || domain.not_null)
                {
                    return Err(unsupported(format!("a cast to domain \"{}\"", domain.name.name)));
                }
                let value = self.expr(expr)?;
                self.cast(value, &ty, CastContext::Explicit)
            }
            Expr::Function(call) => self.function(call),
            Expr::Exists(query) => {
                let (sql, _) = self.query(query)?;
                Ok(Typed::new(format!("EXISTS ({sql})"), Type::Bool))
            }
            Expr::Subquery(query) => {
                let (sql, columns) = self.query(query)?;
                match columns.as_slice() {
                    [column] => Ok(Typed::new(format!("({sql})"), column.ty.clone())),
                    _ => Err(SqlError::new("42601", "subquery must return only one column").into()),
                }
            }
            Expr::Array(items) => self.array(items),
            Expr::ArrayQuery(query) => self.array_query(query),
            Expr::Subscript { expr, index } => self.subscript(expr, index),
            Expr::Collate { expr, collation } => {
                let value = self.expr(expr)?;
                let value = self.settle(value)?;
                match &*collation.name {
                    "C" | "POSIX" | "default" | "ucs_basic" => Ok(value),
                    other => Err(unsupported(format!("collation \"{other}\""))),
                }
            }
            Expr::Row { .. } => Err(unsupported("a row value here")),
            Expr::WholeRow(name) => Err(unsupported(format!("the whole row {}.* as a value", name.name))),
            Expr::Slice { .. } => Err(unsupported("an array slice")),
            Expr::Field { name, .. } => Err(unsupported(format!("field .{name} of a composite value"))),
            Expr::Default => Err(SqlError::new("42601", "DEFAULT is not allowed in this context").into()),
        }
    }

    /// Translates an expression that must be boolean.
    pub(super) fn boolean(&mut self, expr: &Expr) -> Result<Typed> {
        let value = self.expr(expr)?;
        if value.ty == Type::Unknown || value.ty == Type::Bool {
            return self.cast(value, &Type::Bool, CastContext::Implicit);
        }
        Err(SqlError::new(
            "42804",
            format!("argument of a condition must be type boolean, not type {}", value.ty.base_name()),
        )
        .into())
    }

    fn constant_literal(&mut self, literal: &Literal) -> Result<Typed> {
        Ok(match literal {
            Literal::Null => Typed::new("NULL", Type::Unknown),
            Literal::Bool(value) => Typed::new(if *value { "1" } else { "0" }, Type::Bool),
            Literal::Integer(digits) => match digits.parse::<i64>() {
                Ok(number) if i32::try_from(number).is_ok() => Typed::new(digits.clone(), Type::Int4),
                Ok(_) => Typed::new(digits.clone(), Type::Int8),
                Err(_) => self.numeric(digits)?,
            },
            Literal::Numeric(digits) => self.numeric(digits)?,
            Literal::String(text) => {
                let mut out = Typed::new(text_sql(text), Type::Unknown);
                out.literal = Some(text.clone());
                out
            }
            Literal::Bits(_) | Literal::HexBits(_) => return Err(unsupported("a bit string")),
        })
    }

    fn numeric(&mut self, digits: &str) -> Result<Typed> {
        let value = values::input_in(&Type::Numeric(None), digits, &self.session)?;
        Ok(Typed::new(super::value_sql(&value), Type::Numeric(None)))
    }

    fn parameter(&mut self, number: u32) -> Result<Typed> {
        let index = (number as usize).checked_sub(1);
        // Inside a function's body `$1` is its argument; elsewhere the statement's parameter.
        for frame in self.frames.iter().rev() {
            if frame.function.is_some() {
                return index
                    .and_then(|index| frame.arguments.get(index))
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| SqlError::new("42P02", format!("there is no parameter ${number}")).into());
            }
        }
        let ty = index
            .and_then(|index| self.params.get(index))
            .ok_or_else(|| SqlError::new("42P02", format!("there is no parameter ${number}")))?;
        Ok(Typed::new(format!("?{number}"), ty.clone()))
    }

    fn unary(&mut self, op: &UnaryOp, expr: &Expr) -> Result<Typed> {
        match op {
            UnaryOp::Not => {
                let value = self.boolean(expr)?;
                Ok(Typed::new(format!("(NOT {})", value.sql), Type::Bool))
            }
            UnaryOp::Neg => {
                // A literal keeps its own type: -2147483648 fits an integer though 2147483648 does not.
                if let Expr::Literal(Literal::Integer(digits)) = expr {
                    return self.negative_literal(digits);
                }
                let value = self.expr(expr)?;
                self.builtin("-", vec![value])
            }
            UnaryOp::Plus => self.expr(expr),
            UnaryOp::Other(name) => {
                let value = self.expr(expr)?;
                self.builtin(name, vec![value])
            }
            UnaryOp::Qualified(name) => {
                let value = self.expr(expr)?;
                self.builtin(&name.name, vec![value])
            }
        }
    }

    fn negative_literal(&mut self, digits: &str) -> Result<Typed> {
        let text = format!("-{digits}");
        match text.parse::<i64>() {
            Ok(number) if i32::try_from(number).is_ok() => Ok(Typed::new(format!("({text})"), Type::Int4)),
            Ok(_) => Ok(Typed::new(format!("({text})"), Type::Int8)),
            Err(_) => self.numeric(&text),
        }
    }

    fn binary(&mut self, op: &BinaryOp, left: &Expr, right: &Expr) -> Result<Typed> {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let word = if *op == BinaryOp::And { "AND" } else { "OR" };
                let left = self.boolean(left)?;
                let right = self.boolean(right)?;
                Ok(Typed::new(format!("({} {word} {})", left.sql, right.sql), Type::Bool))
            }
            _ if comparison(op).is_some() => self.compare_exprs(left, op, right),
            BinaryOp::Qualified(name) => {
                let plain = BinaryOp::from_symbol(&name.name);
                self.binary(&plain, left, right)
            }
            _ => {
                let left = self.expr(left)?;
                let right = self.expr(right)?;
                self.builtin(op.symbol(), vec![left, right])
            }
        }
    }

    fn is_null(&mut self, expr: &Expr, negated: bool) -> Result<Typed> {
        if let Expr::Row { items, .. } = expr {
            let mut parts = Vec::with_capacity(items.len());
            for item in items {
                parts.push(self.is_null(item, negated)?.sql);
            }
            return Ok(Typed::new(format!("({})", parts.join(" AND ")), Type::Bool));
        }
        let value = self.expr(expr)?;
        let word = if negated { "IS NOT NULL" } else { "IS NULL" };
        Ok(Typed::new(format!("({} {word})", value.sql), Type::Bool))
    }

    fn between(&mut self, expr: &Expr, low: &Expr, high: &Expr, symmetric: bool, negated: bool) -> Result<Typed> {
        let value = self.expr(expr)?;
        let low = self.expr(low)?;
        let high = self.expr(high)?;
        let mut sql = self.within(&value, &low, &high)?;
        if symmetric {
            sql = format!("({sql} OR {})", self.within(&value, &high, &low)?);
        }
        if negated {
            sql = format!("(NOT {sql})");
        }
        Ok(Typed::new(sql, Type::Bool))
    }

    fn within(&mut self, value: &Typed, low: &Typed, high: &Typed) -> Result<String> {
        let above = self.compare(value.clone(), &BinaryOp::Ge, low.clone())?;
        let below = self.compare(value.clone(), &BinaryOp::Le, high.clone())?;
        Ok(format!("({} AND {})", above.sql, below.sql))
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Result<Typed> {
        let sql = if matches!(expr, Expr::Row { .. }) {
            let mut parts = Vec::with_capacity(list.len());
            for item in list {
                parts.push(self.compare_exprs(expr, &BinaryOp::Eq, item)?.sql);
            }
            format!("({})", parts.join(" OR "))
        } else {
            let mut all = vec![self.expr(expr)?];
            for item in list {
                all.push(self.expr(item)?);
            }
            let all = self.meet(all, "IN")?;
            let candidates: Vec<&str> = all[1..].iter().map(|item| item.sql.as_str()).collect();
            format!("({} IN ({}))", ordered(&all[0]), candidates.join(", "))
        };
        Ok(Typed::new(if negated { format!("(NOT {sql})") } else { sql }, Type::Bool))
    }

    fn in_query(&mut self, expr: &Expr, query: &Query, negated: bool) -> Result<Typed> {
        let word = if negated { "NOT IN" } else { "IN" };
        let left: Vec<Typed> = match expr {
            Expr::Row { items, .. } => items.iter().map(|item| self.expr(item)).collect::<Result<_>>()?,
            other => vec![self.expr(other)?],
        };
        let (sql, columns) = self.query(query)?;
        if columns.len() != left.len() {
            let few = if columns.len() < left.len() { "few" } else { "many" };
            return Err(SqlError::new("42601", format!("subquery has too {few} columns")).into());
        }
        // Where the two sides are stored alike SQLite's own IN is right; else the subquery's columns are brought to the common type.
        let mut left_sql = Vec::with_capacity(left.len());
        let mut outer = Vec::with_capacity(left.len());
        let mut plain = true;
        for (index, (value, column)) in left.into_iter().zip(&columns).enumerate() {
            let name = format!("q.{}", quote(&format!("c{index}")));
            let (value, found) = self.alike(value, Typed::new(name.clone(), column.ty.clone()), "=")?;
            plain &= found.sql == name;
            left_sql.push(ordered(&value));
            outer.push(found.sql);
        }
        let operand = if left_sql.len() == 1 { left_sql.remove(0) } else { format!("({})", left_sql.join(", ")) };
        let set = if plain {
            sql
        } else {
            let names: Vec<String> = (0..columns.len()).map(|index| quote(&format!("c{index}"))).collect();
            format!("WITH q({}) AS ({sql}) SELECT {} FROM q", names.join(", "), outer.join(", "))
        };
        Ok(Typed::new(format!("({operand} {word} ({set}))"), Type::Bool))
    }

    fn quantified(&mut self, left: &Expr, op: &BinaryOp, all: bool, right: &Quantity) -> Result<Typed> {
        let value = self.expr(left)?;
        let (rows, element) = match right {
            Quantity::Query(query) => {
                if (*op == BinaryOp::Eq && !all) || (*op == BinaryOp::Ne && all) {
                    return self.in_query(left, query, all);
                }
                let (sql, columns) = self.query(query)?;
                let [column] = columns.as_slice() else {
                    return Err(SqlError::new("42601", "subquery must return only one column").into());
                };
                (format!("WITH q(v) AS ({sql}) SELECT {{}} AS r FROM q"), Typed::new("q.v", column.ty.clone()))
            }
            Quantity::Array(array) => {
                let array = self.expr(array)?;
                let array = if array.ty == Type::Unknown {
                    let element = self.settle(value.clone())?.ty.unmodified();
                    self.cast(array, &element.array_of(), CastContext::Implicit)?
                } else {
                    array
                };
                let Some(element) = array.ty.element().cloned() else {
                    return Err(SqlError::new("42809", "op ANY/ALL (array) requires array on right side").into());
                };
                // json_each gives the elements in stored form.
                if ((*op == BinaryOp::Eq && !all) || (*op == BinaryOp::Ne && all))
                    && Type::common(&value.ty.unmodified(), &element).is_some_and(|common| common == element)
                {
                    let value = self.cast(value, &element, CastContext::Implicit)?;
                    let word = if all { "NOT IN" } else { "IN" };
                    let operand = ordered(&value);
                    let sql = format!("({operand} {word} (SELECT value FROM json_each({})))", array.sql);
                    return Ok(Typed::new(sql, Type::Bool));
                }
                (format!("SELECT {{}} AS r FROM json_each({}) AS e", array.sql), Typed::new("e.value", element))
            }
        };
        let test = match op {
            op if comparison(op).is_some() => self.compare(value, op, element)?,
            op => self.builtin(op.symbol(), vec![value, element])?,
        };
        let rows = rows.replacen("{}", &test.sql, 1);
        // Three-valued: any is true if one is, null if none is true and one is null, else false; all is the mirror image.
        let (decided, verdict) = if all { ("min(r) = 0", "0") } else { ("max(r) = 1", "1") };
        let otherwise = if all { "1" } else { "0" };
        let sql = format!(
            "(SELECT CASE WHEN {decided} THEN {verdict} WHEN count(*) > count(r) THEN NULL ELSE {otherwise} END FROM ({rows}))"
        );
        Ok(Typed::new(sql, Type::Bool))
    }

    fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        kind: LikeKind,
        negated: bool,
    ) -> Result<Typed> {
        let operator = match kind {
            LikeKind::Like => "~~",
            LikeKind::Ilike => "~~*",
            LikeKind::SimilarTo => "similar_to",
        };
        let value = self.expr(expr)?;
        let pattern = self.expr(pattern)?;
        let mut args = vec![value, pattern];
        if let Some(escape) = escape {
            let escape = self.expr(escape)?;
            args.push(self.implicit(escape, &Type::Text)?);
        }
        let matched = self.builtin(operator, args)?;
        Ok(if negated { Typed::new(format!("(NOT {})", matched.sql), Type::Bool) } else { matched })
    }

    fn case(&mut self, operand: Option<&Expr>, branches: &[(Expr, Expr)], otherwise: Option<&Expr>) -> Result<Typed> {
        let mut conditions = Vec::with_capacity(branches.len());
        let mut results = Vec::with_capacity(branches.len() + 1);
        for (condition, result) in branches {
            conditions.push(match operand {
                Some(operand) => self.compare_exprs(operand, &BinaryOp::Eq, condition)?.sql,
                None => self.boolean(condition)?.sql,
            });
            results.push(self.expr(result)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise)?);
        }
        let results = self.meet(results, "CASE")?;
        let ty = results[0].ty.clone();
        let mut sql = String::from("CASE");
        for (condition, result) in conditions.iter().zip(&results) {
            sql.push_str(" WHEN ");
            sql.push_str(condition);
            sql.push_str(" THEN ");
            sql.push_str(&result.sql);
        }
        if let Some(otherwise) = results.get(conditions.len()) {
            sql.push_str(" ELSE ");
            sql.push_str(&otherwise.sql);
        }
        sql.push_str(" END");
        Ok(Typed::new(format!("({sql})"), ty))
    }

    fn array(&mut self, items: &[Expr]) -> Result<Typed> {
        let values = items.iter().map(|item| self.expr(item)).collect::<Result<Vec<_>>>()?;
        if values.is_empty() {
            return Ok(Typed::new("'[]'", Type::Text.array_of()));
        }
        let values = self.meet(values, "ARRAY")?;
        let ty = values[0].ty.clone();
        let nested = matches!(ty, Type::Array(_));
        let items: Vec<String> = values
            .iter()
            .map(|value| if nested { format!("json({})", value.sql) } else { value.sql.clone() })
            .collect();
        Ok(Typed::new(format!("json_array({})", items.join(", ")), ty.array_of()))
    }

    fn array_query(&mut self, query: &Query) -> Result<Typed> {
        let (sql, columns) = self.query(query)?;
        let [column] = columns.as_slice() else {
            return Err(SqlError::new("42601", "subquery must return only one column").into());
        };
        let sql = format!("(WITH q(v) AS ({sql}) SELECT json_group_array(v) FROM q)");
        Ok(Typed::new(sql, column.ty.clone().array_of()))
    }

    fn subscript(&mut self, expr: &Expr, index: &Expr) -> Result<Typed> {
        let value = self.expr(expr)?;
        let index = self.expr(index)?;
        if value.ty == Type::Jsonb {
            // Unlike `->`, a subscript finds nothing in a scalar.
            if matches!(index.ty, Type::Int2 | Type::Int4) {
                return Ok(Typed::new(format!("pg_json_item({}, {})", value.sql, index.sql), Type::Jsonb));
            }
            return self.builtin("->", vec![value, index]);
        }
        let Some(element) = value.ty.element().cloned() else {
            return Err(SqlError::new(
                "42804",
                format!("cannot subscript type {} because it does not support subscripting", value.ty.base_name()),
            )
            .into());
        };
        let index = self.cast(index, &Type::Int4, CastContext::Assignment)?;
        let sql = format!(
            "json_extract({}, CASE WHEN {} > 0 THEN '$[' || ({} - 1) || ']' END)",
            value.sql, index.sql, index.sql
        );
        Ok(Typed::new(sql, element))
    }
}
