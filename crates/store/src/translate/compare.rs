//! Comparisons: the one family of operators that every type has, written so that SQLite's order is PostgreSQL's.

use sql::ast::{BinaryOp, Expr};
use values::{CastContext, Family, Type};

use super::{Translator, Typed, quote, unsupported};
use crate::error::{Result, SqlError};

/// The SQLite operator of a comparison, if it is one.
pub(super) fn comparison(op: &BinaryOp) -> Option<&'static str> {
    Some(match op {
        BinaryOp::Eq => "=",
        BinaryOp::Ne => "<>",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        _ => return None,
    })
}

/// An expression as an operand whose order SQLite must know: with its collation where the type has one.
pub(super) fn ordered(value: &Typed) -> String {
    match value.ty.collation() {
        Some(collation) => format!("{} COLLATE {}", value.sql, quote(&collation)),
        None => value.sql.clone(),
    }
}

impl Translator<'_> {
    /// Brings two operands to the type they are compared in.
    pub(super) fn alike(&mut self, left: Typed, right: Typed, op: &str) -> Result<(Typed, Typed)> {
        if left.ty == Type::Unknown && right.ty == Type::Unknown {
            return Ok((self.settle(left)?, self.settle(right)?));
        }
        let missing = |left: &Typed, right: &Typed| {
            SqlError::new(
                "42883",
                format!("operator does not exist: {} {op} {}", left.ty.base_name(), right.ty.base_name()),
            )
            .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
        };
        let (a, b) = (left.ty.unmodified(), right.ty.unmodified());
        let common = if a == b {
            a
        } else {
            match (&a, &b) {
                (Type::Unknown, other) | (other, Type::Unknown) => other.clone(),
                // PostgreSQL has operators across these, in the wider type.
                (Type::Date, Type::Timestamp(_)) | (Type::Timestamp(_), Type::Date) => Type::Timestamp(None),
                _ => match Type::common(&a, &b) {
                    // There is no numeric = float8 but through float8.
                    Some(common) if a.family() == b.family() => common,
                    _ => return Err(missing(&left, &right).into()),
                },
            }
        };
        if common == Type::Json {
            return Err(SqlError::new("42883", format!("operator does not exist: json {op} json"))
                .hint(
                    "No operator matches the given name and argument types. You might need to add explicit type casts.",
                )
                .into());
        }
        // A literal keeps no modifier: '12.345' compared with numeric(10,2) is 12.345.
        Ok((self.cast(left, &common, CastContext::Implicit)?, self.cast(right, &common, CastContext::Implicit)?))
    }

    /// `left op right`.
    pub(super) fn compare(&mut self, left: Typed, op: &BinaryOp, right: Typed) -> Result<Typed> {
        let symbol = comparison(op).ok_or_else(|| crate::Error::Internal("not a comparison".to_owned()))?;
        let (left, right) = self.alike(left, right, op.symbol())?;
        if left.ty.family() == Family::Other {
            return Err(unsupported(format!("comparing values of type {}", left.ty.base_name())));
        }
        Ok(Typed::new(format!("({} {symbol} {})", ordered(&left), right.sql), Type::Bool))
    }

    /// A comparison of two expressions; rows are compared field by field.
    pub(super) fn compare_exprs(&mut self, left: &Expr, op: &BinaryOp, right: &Expr) -> Result<Typed> {
        if let (Expr::Row { items: a, .. }, Expr::Row { items: b, .. }) = (left, right) {
            return self.compare_rows(a, op, b);
        }
        let left = self.expr(left)?;
        let right = self.expr(right)?;
        self.compare(left, op, right)
    }

    fn compare_rows(&mut self, left: &[Expr], op: &BinaryOp, right: &[Expr]) -> Result<Typed> {
        if left.len() != right.len() {
            return Err(SqlError::new("42601", "unequal number of entries in row expressions").into());
        }
        match op {
            BinaryOp::Eq | BinaryOp::Ne => {
                let mut parts = Vec::with_capacity(left.len());
                for (a, b) in left.iter().zip(right) {
                    parts.push(self.compare_exprs(a, op, b)?.sql);
                }
                let joint = if *op == BinaryOp::Eq { " AND " } else { " OR " };
                Ok(Typed::new(format!("({})", parts.join(joint)), Type::Bool))
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                // (a, b) < (c, d)  is  a < c or (a = c and b < d)
                let strict = if matches!(op, BinaryOp::Lt | BinaryOp::Le) { BinaryOp::Lt } else { BinaryOp::Gt };
                let mut sql = String::new();
                for (index, (a, b)) in left.iter().zip(right).enumerate().rev() {
                    let last = index + 1 == left.len();
                    let here = self.compare_exprs(a, if last { op } else { &strict }, b)?.sql;
                    sql = if last {
                        here
                    } else {
                        let equal = self.compare_exprs(a, &BinaryOp::Eq, b)?.sql;
                        format!("({here} OR ({equal} AND {sql}))")
                    };
                }
                Ok(Typed::new(sql, Type::Bool))
            }
            _ => Err(SqlError::new("0A000", format!("operator {} on rows is not supported", op.symbol())).into()),
        }
    }

    /// `left is [not] distinct from right`.
    pub(super) fn distinct(&mut self, left: Typed, right: Typed, negated: bool) -> Result<Typed> {
        let (left, right) = self.alike(left, right, "=")?;
        let word = if negated { "IS" } else { "IS NOT" };
        Ok(Typed::new(format!("({} {word} {})", ordered(&left), right.sql), Type::Bool))
    }

    /// The least or greatest of several values, nulls ignored.
    pub(super) fn extreme(&mut self, args: Vec<Typed>, greatest: bool) -> Result<Typed> {
        let args = self.meet(args, if greatest { "GREATEST" } else { "LEAST" })?;
        let ty = args[0].ty.clone();
        let rows: Vec<String> = args.iter().map(|arg| format!("SELECT {} AS v", arg.sql)).collect();
        let collate = ty.collation().map_or_else(String::new, |name| format!(" COLLATE {}", quote(&name)));
        let function = if greatest { "max" } else { "min" };
        Ok(Typed::new(format!("(SELECT {function}(v{collate}) FROM ({}))", rows.join(" UNION ALL ")), ty))
    }

    /// Brings several values to the type that `case`, `coalesce`, arrays and unions meet in.
    pub(super) fn meet(&mut self, values: Vec<Typed>, what: &str) -> Result<Vec<Typed>> {
        let mut common = Type::Unknown;
        for value in &values {
            common = Type::common(&common, &value.ty).ok_or_else(|| {
                SqlError::new(
                    "42804",
                    format!("{what} types {} and {} cannot be matched", common.base_name(), value.ty.base_name()),
                )
            })?;
        }
        if common == Type::Unknown {
            common = Type::Text;
        }
        values.into_iter().map(|value| self.cast(value, &common, CastContext::Implicit)).collect()
    }
}
