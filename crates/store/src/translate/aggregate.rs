//! Aggregates and window functions.

use sql::ast::{Frame as WindowFrame, FrameBound, FrameExclude, FrameUnit, FunctionCall, Over, Window};
use values::Type;

use super::compare::ordered;
use super::resolve::choose;
use super::{Translator, Typed, quote, unsupported};
use crate::builtins::{BUILTINS, Kind};
use crate::error::{Result, SqlError};

/// Is this the name of an aggregate or window function.
pub(crate) fn is_aggregate(name: &str) -> bool {
    matches!(name, "count" | "min" | "max")
        || BUILTINS.iter().any(|builtin| builtin.name == name && !matches!(builtin.kind, Kind::Scalar))
}

impl Translator<'_> {
    /// Translates an aggregate or window call.
    pub(super) fn aggregate(&mut self, call: &FunctionCall) -> Result<Typed> {
        let name = &*call.name.name;
        if call.within_group {
            return Err(unsupported(format!("{name} within group")));
        }
        let (head, args, ty) = if call.star {
            if name != "count" {
                return Err(SqlError::new("42883", format!("function {name}(*) does not exist")).into());
            }
            ("count".to_owned(), "*".to_owned(), Type::Int8)
        } else {
            self.aggregate_arguments(call)?
        };
        let mut sql = format!("{head}(");
        if call.distinct {
            if args.contains("/*,*/") {
                return Err(unsupported(format!("{name}(distinct …) with several arguments")));
            }
            sql.push_str("DISTINCT ");
        }
        sql.push_str(&args.replace("/*,*/", ""));
        if !call.order_by.is_empty() {
            sql.push_str(" ORDER BY ");
            sql.push_str(&self.order_terms(&call.order_by, &[])?);
        }
        sql.push(')');
        if let Some(filter) = &call.filter {
            let filter = self.boolean(filter)?;
            sql.push_str(" FILTER (WHERE ");
            sql.push_str(&filter.sql);
            sql.push(')');
        }
        match &call.over {
            None => {}
            Some(Over::Named(name)) => {
                sql.push_str(" OVER ");
                sql.push_str(&quote(name));
            }
            Some(Over::Window(window)) => {
                sql.push_str(" OVER (");
                sql.push_str(&self.window(window)?);
                sql.push(')');
            }
        }
        Ok(Typed::new(sql, ty))
    }

    /// SQLite's function, the arguments as text (a mark after each comma, so that several can be told from one), and the type.
    fn aggregate_arguments(&mut self, call: &FunctionCall) -> Result<(String, String, Type)> {
        let name = &*call.name.name;
        if name == "count" {
            let mut args = Vec::with_capacity(1);
            for arg in &call.args {
                args.push(match &arg.value {
                    // count(t.*) and count(t) count rows.
                    sql::ast::Expr::WholeRow(_) => Typed::new("1", Type::Int4),
                    value => self.expr(value)?,
                });
            }
            let [arg] = args.as_slice() else {
                return Err(SqlError::new("42883", "function count() takes one argument").into());
            };
            return Ok(("count".to_owned(), ordered(arg), Type::Int8));
        }
        let args = self.arguments(call)?;
        if matches!(name, "min" | "max") && args.len() == 1 {
            // SQLite's own, with the type's order.
            let arg = self.settle(args.into_iter().next().expect("one argument"))?;
            let ty = arg.ty.unmodified();
            if matches!(ty, Type::Bool | Type::Json | Type::Jsonb | Type::Uuid | Type::Bytea) {
                return Err(
                    SqlError::new("42883", format!("function {name}({}) does not exist", ty.base_name())).into()
                );
            }
            return Ok((
                name.to_owned(),
                ordered(&arg),
                if ty.family() == values::Family::String { Type::Text } else { ty },
            ));
        }
        let chosen = choose(name, &args)?;
        if call.over.is_none() && chosen.builtin.kind == Kind::Window {
            return Err(SqlError::new("42P20", format!("window function {name} requires an OVER clause")).into());
        }
        if call.over.is_some() && chosen.builtin.kind == (Kind::Aggregate { window: false }) {
            return Err(unsupported(format!("{name} as a window function")));
        }
        let typed = self.call(&chosen, args)?;
        // `call` wrote `f(args)`: order, filter and window go inside and behind, so it is taken apart again.
        let open = typed.sql.find('(').ok_or_else(|| unsupported(format!("aggregate {name}")))?;
        let inner = typed.sql[open + 1..].strip_suffix(')').ok_or_else(|| unsupported(format!("aggregate {name}")))?;
        let several = chosen.builtin.args.len() > 1 || matches!(chosen.builtin.call, crate::builtins::Call::Typed(_));
        let inner = if several && call.distinct { format!("{inner}/*,*/") } else { inner.to_owned() };
        Ok((typed.sql[..open].to_owned(), inner, typed.ty))
    }

    /// The inside of a window's parentheses.
    pub(super) fn window(&mut self, window: &Window) -> Result<String> {
        let mut parts = Vec::new();
        if let Some(base) = &window.base {
            parts.push(quote(base));
        }
        if !window.partition_by.is_empty() {
            let mut terms = Vec::with_capacity(window.partition_by.len());
            for expr in &window.partition_by {
                let value = self.expr(expr)?;
                terms.push(ordered(&value));
            }
            parts.push(format!("PARTITION BY {}", terms.join(", ")));
        }
        if !window.order_by.is_empty() {
            parts.push(format!("ORDER BY {}", self.order_terms(&window.order_by, &[])?));
        }
        if let Some(frame) = &window.frame {
            parts.push(self.window_frame(frame)?);
        }
        Ok(parts.join(" "))
    }

    fn window_frame(&mut self, frame: &WindowFrame) -> Result<String> {
        let unit = match frame.unit {
            FrameUnit::Rows => "ROWS",
            FrameUnit::Range => "RANGE",
            FrameUnit::Groups => "GROUPS",
        };
        let start = self.window_bound(&frame.start)?;
        let mut sql = match &frame.end {
            None => format!("{unit} {start}"),
            Some(end) => format!("{unit} BETWEEN {start} AND {}", self.window_bound(end)?),
        };
        match frame.exclude {
            None => {}
            Some(FrameExclude::CurrentRow) => sql.push_str(" EXCLUDE CURRENT ROW"),
            Some(FrameExclude::Group) => sql.push_str(" EXCLUDE GROUP"),
            Some(FrameExclude::Ties) => sql.push_str(" EXCLUDE TIES"),
        }
        Ok(sql)
    }

    fn window_bound(&mut self, bound: &FrameBound) -> Result<String> {
        Ok(match bound {
            FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
            FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
            FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
            FrameBound::Preceding(count) => format!("{} PRECEDING", self.expr(count)?.sql),
            FrameBound::Following(count) => format!("{} FOLLOWING", self.expr(count)?.sql),
        })
    }
}
