//! Expressions and types.

use super::{Printer, function_name, is_plain, quoted};
use crate::ast::{
    BinaryOp, Expr, Frame, FrameBound, FrameExclude, FrameUnit, FunctionCall, LikeKind, Literal, ObjectName, Over,
    Quantity, TypeName, UnaryOp, Window,
};
use crate::keyword;
use crate::parse::power;

/// How tightly an expression holds together from outside; parentheses are needed where more is asked for.
const ATOM: u8 = 20;

fn strength(expr: &Expr) -> u8 {
    match expr {
        Expr::Unary { op: UnaryOp::Not, .. } => power::NOT,
        Expr::Unary { op: UnaryOp::Neg | UnaryOp::Plus, .. } => power::SIGN,
        Expr::Unary { .. } => power::OTHER,
        Expr::Binary { op, .. } | Expr::Quantified { op, .. } => power::of(op),
        Expr::IsNull { .. } | Expr::IsTruth { .. } | Expr::IsDistinctFrom { .. } => power::IS,
        Expr::Between { .. } | Expr::InList { .. } | Expr::InQuery { .. } | Expr::Like { .. } => power::BETWEEN,
        Expr::Cast { .. } => power::CAST,
        Expr::Collate { .. } => power::COLLATE,
        Expr::Literal(_)
        | Expr::Param(_)
        | Expr::Column { .. }
        | Expr::WholeRow(_)
        | Expr::Case { .. }
        | Expr::Function(_)
        | Expr::Exists(_)
        | Expr::Subquery(_)
        | Expr::Array(_)
        | Expr::ArrayQuery(_)
        | Expr::Row { .. }
        | Expr::Subscript { .. }
        | Expr::Slice { .. }
        | Expr::Field { .. }
        | Expr::Default => ATOM,
    }
}

impl Printer {
    pub(super) fn expr(&mut self, expr: &Expr) {
        self.operand(expr, 0);
    }

    /// Expressions with commas between.
    pub(super) fn exprs(&mut self, exprs: &[Expr]) {
        self.list(exprs, Self::expr);
    }

    /// An operand, in parentheses unless it holds together at least so tightly.
    pub(super) fn operand(&mut self, expr: &Expr, min: u8) {
        let parens = strength(expr) < min;
        self.when(parens, "(");
        self.bare(expr);
        self.when(parens, ")");
    }

    #[expect(clippy::too_many_lines, reason = "one short arm for each kind of expression")]
    fn bare(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(literal) => self.constant(literal),
            Expr::Param(number) => self.word(&format!("${number}")),
            Expr::Column { parts } => {
                for (index, part) in parts.iter().enumerate() {
                    self.when(index > 0, ".");
                    self.name(part);
                }
            }
            Expr::WholeRow(name) => {
                self.object(name);
                self.word(".*");
            }
            Expr::Unary { op, expr } => self.unary(op, expr),
            Expr::Binary { op, left, right } => {
                let level = power::of(op);
                self.operand(left, if level == power::COMPARE { level + 1 } else { level });
                self.operator(op);
                self.operand(right, level + 1);
            }
            Expr::IsNull { expr, negated } => {
                self.operand(expr, power::IS + 1);
                self.word(if *negated { " is not null" } else { " is null" });
            }
            Expr::IsTruth { expr, truth, negated } => {
                self.operand(expr, power::IS + 1);
                self.word(if *negated { " is not " } else { " is " });
                self.word(match truth {
                    Some(true) => "true",
                    Some(false) => "false",
                    None => "unknown",
                });
            }
            Expr::IsDistinctFrom { left, right, negated } => {
                self.operand(left, power::IS + 1);
                self.word(if *negated { " is not distinct from " } else { " is distinct from " });
                self.operand(right, power::IS + 1);
            }
            Expr::Quantified { left, op, all, right } => {
                let level = power::of(op);
                self.operand(left, if level == power::COMPARE { level + 1 } else { level });
                self.operator(op);
                self.word(if *all { "all (" } else { "any (" });
                match right {
                    Quantity::Array(array) => self.expr(array),
                    Quantity::Query(query) => self.query(query),
                }
                self.word(")");
            }
            Expr::Between { .. } | Expr::InList { .. } | Expr::InQuery { .. } | Expr::Like { .. } => {
                self.set_test(expr);
            }
            Expr::Case { operand, branches, otherwise } => {
                self.word("case");
                if let Some(operand) = operand {
                    self.word(" ");
                    self.expr(operand);
                }
                for (condition, result) in branches {
                    self.word(" when ");
                    self.expr(condition);
                    self.word(" then ");
                    self.expr(result);
                }
                if let Some(otherwise) = otherwise {
                    self.word(" else ");
                    self.expr(otherwise);
                }
                self.word(" end");
            }
            Expr::Cast { expr, ty } => {
                self.operand(expr, power::CAST);
                self.word("::");
                self.type_name(ty);
            }
            Expr::Function(call) => self.call(call),
            Expr::Exists(query) => {
                self.word("exists (");
                self.query(query);
                self.word(")");
            }
            Expr::Subquery(query) => {
                self.word("(");
                self.query(query);
                self.word(")");
            }
            Expr::Array(items) => {
                self.word("array[");
                self.exprs(items);
                self.word("]");
            }
            Expr::ArrayQuery(query) => {
                self.word("array(");
                self.query(query);
                self.word(")");
            }
            Expr::Row { items, explicit } => {
                self.when(*explicit || items.len() < 2, "row");
                self.word("(");
                self.exprs(items);
                self.word(")");
            }
            Expr::Subscript { .. } | Expr::Slice { .. } | Expr::Field { .. } => self.part(expr),
            Expr::Collate { expr, collation } => {
                self.operand(expr, power::COLLATE);
                self.word(" collate ");
                self.object(collation);
            }
            Expr::Default => self.word("default"),
        }
    }

    fn set_test(&mut self, test: &Expr) {
        const OPERAND: u8 = power::BETWEEN + 1;
        let not = |negated: bool| if negated { " not" } else { "" };
        match test {
            Expr::Between { expr, low, high, symmetric, negated } => {
                self.operand(expr, OPERAND);
                self.word(not(*negated));
                self.word(if *symmetric { " between symmetric " } else { " between " });
                // The lower bound has a grammar of its own, in which the operators below signs are not all allowed.
                self.operand(low, power::SIGN);
                self.word(" and ");
                self.operand(high, OPERAND);
            }
            Expr::InList { expr, list, negated } => {
                self.operand(expr, OPERAND);
                self.word(not(*negated));
                self.word(" in (");
                self.exprs(list);
                self.word(")");
            }
            Expr::InQuery { expr, query, negated } => {
                self.operand(expr, OPERAND);
                self.word(not(*negated));
                self.word(" in (");
                self.query(query);
                self.word(")");
            }
            Expr::Like { expr, pattern, escape, kind, negated } => {
                self.operand(expr, OPERAND);
                self.word(not(*negated));
                self.word(match kind {
                    LikeKind::Like => " like ",
                    LikeKind::Ilike => " ilike ",
                    LikeKind::SimilarTo => " similar to ",
                });
                self.operand(pattern, OPERAND);
                if let Some(escape) = escape {
                    self.word(" escape ");
                    self.operand(escape, OPERAND);
                }
            }
            other => self.bare(other),
        }
    }

    fn unary(&mut self, op: &UnaryOp, expr: &Expr) {
        match op {
            UnaryOp::Not => {
                self.word("not ");
                self.operand(expr, power::NOT);
            }
            UnaryOp::Neg | UnaryOp::Plus => {
                self.word(if *op == UnaryOp::Neg { "-" } else { "+" });
                // Two signs must not meet: `--` is a comment.
                self.when(matches!(expr, Expr::Unary { op: UnaryOp::Neg | UnaryOp::Plus, .. }), " ");
                self.operand(expr, power::SIGN);
            }
            UnaryOp::Other(symbol) => {
                self.word(symbol);
                self.word(" ");
                let chained = matches!(expr, Expr::Unary { op: UnaryOp::Other(_), .. });
                self.operand(expr, if chained { power::OTHER } else { power::OTHER + 1 });
            }
            UnaryOp::Qualified(name) => {
                self.qualified_operator(name);
                self.word(" ");
                self.operand(expr, power::OTHER + 1);
            }
        }
    }

    fn operator(&mut self, op: &BinaryOp) {
        self.word(" ");
        match op {
            BinaryOp::Qualified(name) => self.qualified_operator(name),
            other => self.word(other.symbol()),
        }
        self.word(" ");
    }

    fn qualified_operator(&mut self, name: &ObjectName) {
        self.word("operator(");
        if let Some(schema) = &name.schema {
            self.name(schema);
            self.word(".");
        }
        self.word(&name.name);
        self.word(")");
    }

    /// Subscripts and fields.
    fn part(&mut self, expr: &Expr) {
        match expr {
            Expr::Subscript { expr, index } => {
                self.subscripted(expr);
                self.word("[");
                self.expr(index);
                self.word("]");
            }
            Expr::Slice { expr, low, high } => {
                self.subscripted(expr);
                self.word("[");
                if let Some(low) = low {
                    self.expr(low);
                }
                self.word(" : ");
                if let Some(high) = high {
                    self.expr(high);
                }
                self.word("]");
            }
            Expr::Field { expr, name } => {
                let direct = matches!(**expr, Expr::Subscript { .. } | Expr::Slice { .. } | Expr::Field { .. });
                self.when(!direct, "(");
                // A subquery brings its own parentheses, but a second pair does no harm.
                self.expr(expr);
                self.when(!direct, ")");
                self.word(".");
                self.name(name);
            }
            other => self.bare(other),
        }
    }

    fn subscripted(&mut self, expr: &Expr) {
        let direct = matches!(
            expr,
            Expr::Column { .. } | Expr::Param(_) | Expr::Subscript { .. } | Expr::Slice { .. } | Expr::Field { .. }
        );
        self.when(!direct, "(");
        self.expr(expr);
        self.when(!direct, ")");
    }

    fn constant(&mut self, literal: &Literal) {
        match literal {
            Literal::Null => self.word("null"),
            Literal::Bool(value) => self.word(if *value { "true" } else { "false" }),
            Literal::Integer(digits) | Literal::Numeric(digits) => self.word(digits),
            Literal::String(value) => self.literal(value),
            Literal::Bits(digits) => self.word(&format!("b'{digits}'")),
            Literal::HexBits(digits) => self.word(&format!("x'{digits}'")),
        }
    }

    pub(super) fn call(&mut self, call: &FunctionCall) {
        if call.keyword {
            self.word(&call.name.name);
            if !call.args.is_empty() {
                self.word("(");
                self.list(&call.args, |printer, arg| printer.expr(&arg.value));
                self.word(")");
            }
            return;
        }
        if self.spelled_out(call) {
            return;
        }
        let name = function_name(&call.name);
        self.word(&name);
        self.word("(");
        self.when(call.star, "*");
        self.when(call.distinct, "distinct ");
        self.list(&call.args, |printer, arg| {
            printer.when(arg.variadic, "variadic ");
            if let Some(name) = &arg.name {
                printer.name(name);
                printer.word(" => ");
            }
            printer.expr(&arg.value);
        });
        if !call.within_group && !call.order_by.is_empty() {
            self.order_by(&call.order_by);
        }
        self.word(")");
        if call.within_group {
            self.word(" within group (");
            let start = self.out.len();
            self.order_by(&call.order_by);
            self.drop_space(start);
            self.word(")");
        }
        if let Some(filter) = &call.filter {
            self.word(" filter (where ");
            self.expr(filter);
            self.word(")");
        }
        match &call.over {
            Some(Over::Named(name)) => {
                self.word(" over ");
                self.name(name);
            }
            Some(Over::Window(window)) => {
                self.word(" over ");
                self.window(window);
            }
            None => {}
        }
    }

    /// Writes `extract(field from x)` and `substring(…)` the usual way; whether it did.
    fn spelled_out(&mut self, call: &FunctionCall) -> bool {
        let plain = call.name.schema.is_none()
            && !call.star
            && !call.distinct
            && call.order_by.is_empty()
            && !call.within_group
            && call.filter.is_none()
            && call.over.is_none()
            && call.args.iter().all(|arg| arg.name.is_none() && !arg.variadic);
        if !plain {
            return false;
        }
        match (&*call.name.name, &call.args[..]) {
            ("extract", [field, source]) => {
                let Expr::Literal(Literal::String(text)) = &field.value else { return false };
                self.word("extract(");
                self.literal(text);
                self.word(" from ");
                self.expr(&source.value);
                self.word(")");
                true
            }
            ("substring", [_, _] | [_, _, _]) => {
                self.word("substring(");
                self.list(&call.args, |printer, arg| printer.expr(&arg.value));
                self.word(")");
                true
            }
            _ => false,
        }
    }

    /// A window in parentheses.
    pub(super) fn window(&mut self, window: &Window) {
        self.word("(");
        let start = self.out.len();
        if let Some(base) = &window.base {
            if matches!(&**base, "partition" | "range" | "rows" | "groups") {
                self.word(&quoted(base));
            } else {
                self.name(base);
            }
        }
        if !window.partition_by.is_empty() {
            self.word(" partition by ");
            self.exprs(&window.partition_by);
        }
        self.order_by(&window.order_by);
        if let Some(frame) = &window.frame {
            self.frame(frame);
        }
        self.drop_space(start);
        self.word(")");
    }

    /// Clauses bring a space before them, which is one too many at the start of parentheses.
    fn drop_space(&mut self, start: usize) {
        if self.out[start..].starts_with(' ') {
            self.out.remove(start);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        self.word(match frame.unit {
            FrameUnit::Rows => " rows ",
            FrameUnit::Range => " range ",
            FrameUnit::Groups => " groups ",
        });
        if let Some(end) = &frame.end {
            self.word("between ");
            self.frame_bound(&frame.start);
            self.word(" and ");
            self.frame_bound(end);
        } else {
            self.frame_bound(&frame.start);
        }
        match frame.exclude {
            Some(FrameExclude::CurrentRow) => self.word(" exclude current row"),
            Some(FrameExclude::Group) => self.word(" exclude group"),
            Some(FrameExclude::Ties) => self.word(" exclude ties"),
            None => {}
        }
    }

    fn frame_bound(&mut self, bound: &FrameBound) {
        match bound {
            FrameBound::UnboundedPreceding => self.word("unbounded preceding"),
            FrameBound::CurrentRow => self.word("current row"),
            FrameBound::UnboundedFollowing => self.word("unbounded following"),
            FrameBound::Preceding(distance) => {
                self.operand(distance, ATOM);
                self.word(" preceding");
            }
            FrameBound::Following(distance) => {
                self.operand(distance, ATOM);
                self.word(" following");
            }
        }
    }

    pub(super) fn type_name(&mut self, ty: &TypeName) {
        self.when(ty.setof, "setof ");
        let own = &*ty.name.name;
        // These are types of the grammar; in quotes they would be other types or lose their default length.
        let grammar = matches!(own, "time" | "timestamp" | "interval" | "numeric" | "varchar")
            || (own == "bit" && !ty.modifiers.is_empty());
        let free = is_plain(own) && (grammar || keyword::class(own) == keyword::Class::Free);
        match &ty.name.schema {
            None if free => self.word(own),
            None if matches!(own, "serial" | "bigserial" | "smallserial") => self.word(&quoted(own)),
            _ => self.object(&ty.name),
        }
        if !ty.modifiers.is_empty() {
            self.word("(");
            self.list(&ty.modifiers, |printer, modifier| {
                let digits = modifier.strip_prefix('-').unwrap_or(modifier);
                if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    printer.word(modifier);
                } else {
                    printer.name(modifier);
                }
            });
            self.word(")");
        }
        if let Some(fields) = &ty.fields {
            self.word(" ");
            self.word(fields);
        }
        for _ in 0..ty.array_dims {
            self.word("[]");
        }
    }
}
