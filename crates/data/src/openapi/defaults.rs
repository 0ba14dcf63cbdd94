//! Defaults as both engines would say them.
//!
//! PostgreSQL writes a default back with casts that nobody wrote (`'x'::text`, `'-1'::integer`); on SQLite it is the migration's
//! text. Both are read as trees and brought to one form.

use sql::ast::{Expr, Literal, TypeName, UnaryOp};
use sql::visit::{self, Scope, VisitorMut};
use store::catalog::{Catalog, Column};

/// What a column takes when nothing is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// A constant, as text.
    Constant(String),
    /// Something that is computed, as SQL.
    Computed(String),
    /// The next number of a sequence.
    Numbered,
}

/// What this column takes when nothing is given; `None` is null.
pub(super) fn given(catalog: &Catalog, column: &Column) -> Option<Given> {
    if column.generated.is_some() {
        return None;
    }
    if column.identity.is_some() || column.sequence.is_some() {
        return Some(Given::Numbered);
    }
    // A column without one of its own takes its domain's.
    let of_domain = || catalog.domains.get(column.domain.as_ref()?)?.default.as_ref();
    let default = column.default.as_ref().or_else(of_domain)?;
    let Some(tree) = default.tree() else { return Some(Given::Computed(default.text().to_owned())) };
    of_tree(tree)
}

fn of_tree(tree: &Expr) -> Option<Given> {
    if let Expr::Literal(Literal::Null) = without_casts(tree) {
        return None;
    }
    if let Some(text) = constant(tree) {
        return Some(Given::Constant(text));
    }
    let mut tree = tree.clone();
    visit::expr_mut(&mut tree, &mut Plainer);
    let text = tree.to_sql();
    // PostgreSQL writes these words in capitals.
    let is_word = matches!(
        &*text,
        "current_date"
            | "current_time"
            | "current_timestamp"
            | "localtime"
            | "localtimestamp"
            | "current_user"
            | "session_user"
    );
    Some(Given::Computed(if is_word { text.to_uppercase() } else { text }))
}

fn without_casts(mut expr: &Expr) -> &Expr {
    while let Expr::Cast { expr: inner, .. } = expr {
        expr = inner;
    }
    expr
}

fn constant(expr: &Expr) -> Option<String> {
    match without_casts(expr) {
        Expr::Literal(Literal::String(text) | Literal::Integer(text) | Literal::Numeric(text)) => Some(text.clone()),
        Expr::Literal(Literal::Bool(value)) => Some(value.to_string()),
        Expr::Unary { op: UnaryOp::Neg, expr } => match without_casts(expr) {
            Expr::Literal(Literal::Integer(text) | Literal::Numeric(text)) => Some(format!("-{text}")),
            _ => None,
        },
        _ => None,
    }
}

/// Takes away the casts that PostgreSQL adds to literals inside expressions.
struct Plainer;

impl VisitorMut for Plainer {
    fn expr(&mut self, expr: &mut Expr, _: &Scope) {
        if let Expr::Cast { expr: inner, ty } = expr
            && matches!(**inner, Expr::Literal(_))
            && is_implied(ty)
        {
            let literal = std::mem::replace(&mut **inner, Expr::Default);
            *expr = literal;
        }
    }
}

fn is_implied(ty: &TypeName) -> bool {
    ty.array_dims == 0 && ["text", "varchar", "bpchar", "int4", "numeric"].iter().any(|name| ty.name.is_builtin(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_texts_of_a_default_become_one() {
        let constant = |text: &str| Some(Given::Constant(text.to_owned()));
        let computed = |text: &str| Some(Given::Computed(text.to_owned()));
        for (postgres, ours, want) in [
            ("'a b'::text", "'a b'", constant("a b")),
            ("'-1'::integer", "-1", constant("-1")),
            ("1.50", "1.50", constant("1.50")),
            ("true", "true", constant("true")),
            ("'draft'::public.status", "'draft'", constant("draft")),
            ("'{}'::jsonb", "'{}'", constant("{}")),
            ("NULL::character varying", "null", None),
            ("now()", "now()", computed("now()")),
            ("lower('X'::text)", "lower('X')", computed("lower('X')")),
            ("auth.uid()", "auth.uid()", computed("auth.uid()")),
            ("CURRENT_DATE", "current_date", computed("CURRENT_DATE")),
        ] {
            for text in [postgres, ours] {
                assert_eq!(of_tree(&sql::parse_expr(text).unwrap()), want, "{text}");
            }
        }
    }
}
