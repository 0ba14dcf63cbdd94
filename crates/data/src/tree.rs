//! Small words for building SQL trees.

use sql::ast::{
    BinaryOp, Expr, FromItem, FunctionCall, Literal, Name, ObjectName, OrderBy, Query, QueryBody, Select, SelectItem,
    TableAlias, TypeName,
};
use store::catalog::QName;
use values::Type;

pub(crate) fn column(alias: &Name, name: &str) -> Expr {
    Expr::Column { parts: vec![alias.clone(), Name::from(name)] }
}

pub(crate) fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

pub(crate) fn equal(left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::Eq, left, right)
}

pub(crate) fn operator(symbol: &str, left: Expr, right: Expr) -> Expr {
    binary(BinaryOp::from_symbol(symbol), left, right)
}

pub(crate) fn not(expr: Expr) -> Expr {
    Expr::Unary { op: sql::ast::UnaryOp::Not, expr: Box::new(expr) }
}

pub(crate) fn truth(value: bool) -> Expr {
    Expr::Literal(Literal::Bool(value))
}

pub(crate) fn integer(value: i64) -> Expr {
    Expr::Literal(Literal::Integer(value.to_string()))
}

/// All conditions joined by `and`; none is true.
pub(crate) fn all(conditions: Vec<Expr>) -> Option<Expr> {
    joined(&BinaryOp::And, conditions)
}

/// All conditions joined by `or`.
pub(crate) fn any(conditions: Vec<Expr>) -> Option<Expr> {
    joined(&BinaryOp::Or, conditions)
}

/// Joins conditions in their order. Many become a tree of bounded height: whoever walks it afterwards does so on the stack.
fn joined(op: &BinaryOp, mut conditions: Vec<Expr>) -> Option<Expr> {
    const CHAIN_MAX: usize = 32;
    while conditions.len() > CHAIN_MAX {
        let mut rest = conditions.into_iter();
        conditions = std::iter::from_fn(|| joined(op, rest.by_ref().take(CHAIN_MAX).collect())).collect();
    }
    conditions.into_iter().reduce(|left, right| binary(op.clone(), left, right))
}

pub(crate) fn call(name: &str, args: impl IntoIterator<Item = Expr>) -> FunctionCall {
    FunctionCall::plain(ObjectName::bare(name), args)
}

pub(crate) fn function(name: &str, args: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Function(Box::new(call(name, args)))
}

pub(crate) fn count_all() -> Expr {
    let mut count = call("count", []);
    count.star = true;
    Expr::Function(Box::new(count))
}

pub(crate) fn cast(expr: Expr, ty: TypeName) -> Expr {
    Expr::Cast { expr: Box::new(expr), ty }
}

pub(crate) fn item(expr: Expr) -> SelectItem {
    SelectItem::Expr { expr, alias: None }
}

pub(crate) fn item_as(expr: Expr, name: &str) -> SelectItem {
    SelectItem::Expr { expr, alias: Some(Name::from(name)) }
}

pub(crate) fn table(name: &QName, alias: &Name) -> FromItem {
    FromItem::Table {
        name: object(name),
        only: false,
        alias: Some(TableAlias { name: alias.clone(), columns: Vec::new() }),
    }
}

pub(crate) fn object(name: &QName) -> ObjectName {
    ObjectName { schema: Some(name.schema.clone()), name: name.name.clone() }
}

pub(crate) fn select(items: Vec<SelectItem>, from: Vec<FromItem>, filter: Option<Expr>) -> Select {
    Select { items, from, filter, ..Select::empty() }
}

pub(crate) fn query(select: Select) -> Query {
    Query::from_body(QueryBody::Select(Box::new(select)))
}

pub(crate) fn ordered(expr: Expr, descending: bool, nulls_first: bool) -> OrderBy {
    OrderBy { expr, descending: Some(descending), nulls_first: Some(nulls_first), using: None }
}

/// A type as it is written; enums keep their schema.
pub(crate) fn type_name(ty: &Type) -> TypeName {
    match ty {
        Type::Array(element) => TypeName { array_dims: 1, ..type_name(element) },
        Type::Enum(found) => {
            let mut name = TypeName::plain("");
            name.name = ObjectName::qualified(found.schema.as_str(), found.name.as_str());
            name
        }
        Type::Other(text) => match sql::parse_expr(&format!("null::{text}")) {
            Ok(Expr::Cast { ty, .. }) => ty,
            _ => TypeName::plain(&**text),
        },
        ty => {
            let mut name = TypeName::plain(ty.pg_name());
            name.modifiers = match ty {
                Type::Numeric(Some((precision, scale))) => vec![precision.to_string(), scale.to_string()],
                Type::Varchar(Some(length)) | Type::Bpchar(Some(length)) => vec![length.to_string()],
                Type::Time(Some(digits)) | Type::Timestamp(Some(digits)) | Type::TimestampTz(Some(digits)) => {
                    vec![digits.to_string()]
                }
                _ => Vec::new(),
            };
            name
        }
    }
}
