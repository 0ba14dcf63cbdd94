//! Expressions.

use super::{Name, ObjectName, OrderBy, Query, TypeName};

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A constant.
    Literal(Literal),
    /// A parameter, `$n` or `?n`, counted from 1.
    Param(u32),
    /// A column: `column`, `table.column` or `schema.table.column`.
    Column {
        /// One to three names, the column last.
        parts: Vec<Name>,
    },
    /// A whole row, `t.*` or `s.t.*`, as an argument or inside a row constructor.
    WholeRow(ObjectName),
    /// A prefix operator.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        expr: Box<Expr>,
    },
    /// An infix operator.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `x is [not] null`.
    IsNull {
        /// What is tested.
        expr: Box<Expr>,
        /// `is not null`.
        negated: bool,
    },
    /// `x is [not] true|false|unknown`.
    IsTruth {
        /// What is tested.
        expr: Box<Expr>,
        /// The truth value; none is `unknown`.
        truth: Option<bool>,
        /// `is not`.
        negated: bool,
    },
    /// `a is [not] distinct from b`.
    IsDistinctFrom {
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
        /// `is not distinct from`.
        negated: bool,
    },
    /// `x [not] between [symmetric] a and b`.
    Between {
        /// What is tested.
        expr: Box<Expr>,
        /// Lower bound.
        low: Box<Expr>,
        /// Upper bound.
        high: Box<Expr>,
        /// Bounds may come in either order.
        symmetric: bool,
        /// `not between`.
        negated: bool,
    },
    /// `x [not] in (a, b)`.
    InList {
        /// What is tested.
        expr: Box<Expr>,
        /// The candidates, at least one.
        list: Vec<Expr>,
        /// `not in`.
        negated: bool,
    },
    /// `x [not] in (select …)`.
    InQuery {
        /// What is tested.
        expr: Box<Expr>,
        /// The candidates.
        query: Box<Query>,
        /// `not in`.
        negated: bool,
    },
    /// `x op any|all (…)`; `some` is `any`.
    Quantified {
        /// Left operand.
        left: Box<Expr>,
        /// The comparison.
        op: BinaryOp,
        /// `all` rather than `any`.
        all: bool,
        /// What it is compared with.
        right: Quantity,
    },
    /// `x [not] like|ilike|similar to p [escape e]`.
    Like {
        /// What is matched.
        expr: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// The escape, where one was given.
        escape: Option<Box<Expr>>,
        /// Which kind of match.
        kind: LikeKind,
        /// `not like`.
        negated: bool,
    },
    /// `case [x] when a then b … [else c] end`.
    Case {
        /// What every branch is compared with, in the simple form.
        operand: Option<Box<Expr>>,
        /// Condition and result, at least one.
        branches: Vec<(Expr, Expr)>,
        /// The `else`.
        otherwise: Option<Box<Expr>>,
    },
    /// A cast, in any spelling.
    Cast {
        /// What is cast.
        expr: Box<Expr>,
        /// To which type.
        ty: TypeName,
    },
    /// A function call, aggregate, window function, or a keyword that acts like one.
    Function(Box<FunctionCall>),
    /// `exists (select …)`.
    Exists(Box<Query>),
    /// `(select …)` as a value.
    Subquery(Box<Query>),
    /// `array[a, b]`; inner brackets without the word are arrays too.
    Array(Vec<Expr>),
    /// `array(select …)`.
    ArrayQuery(Box<Query>),
    /// `row(a, b)` or `(a, b)`.
    Row {
        /// The fields.
        items: Vec<Expr>,
        /// The word `row` was written; without it there are at least two items.
        explicit: bool,
    },
    /// `x[i]`.
    Subscript {
        /// The array or document.
        expr: Box<Expr>,
        /// The place.
        index: Box<Expr>,
    },
    /// `x[a:b]`.
    Slice {
        /// The array.
        expr: Box<Expr>,
        /// First place, open when absent.
        low: Option<Box<Expr>>,
        /// Last place, open when absent.
        high: Option<Box<Expr>>,
    },
    /// `(x).name`.
    Field {
        /// A value of composite type.
        expr: Box<Expr>,
        /// The field.
        name: Name,
    },
    /// `x collate "C"`.
    Collate {
        /// The text.
        expr: Box<Expr>,
        /// The collation.
        collation: ObjectName,
    },
    /// `default`, as a value to insert or set.
    Default,
}

/// A constant as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Decimal digits only; other bases and underscores are already resolved. May exceed 64 bits.
    Integer(String),
    /// Digits with a point or an exponent.
    Numeric(String),
    /// The text between the quotes, escapes resolved.
    String(String),
    /// `b'01'`: the digits.
    Bits(String),
    /// `x'1f'`: the digits.
    HexBits(String),
}

/// A prefix operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `not`.
    Not,
    /// `-`.
    Neg,
    /// `+`.
    Plus,
    /// Any other symbol: `~`, `@`, `|/`, `!!` …
    Other(Name),
    /// `operator(schema.symbol)`.
    Qualified(ObjectName),
}

/// An infix operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `and`.
    And,
    /// `or`.
    Or,
    /// `=`.
    Eq,
    /// `<>`, also written `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `+`.
    Add,
    /// `-`.
    Sub,
    /// `*`.
    Mul,
    /// `/`.
    Div,
    /// `%`.
    Mod,
    /// `^`.
    Pow,
    /// `||`.
    Concat,
    /// Any other symbol: `->`, `->>`, `#>`, `@>`, `&&`, `?|`, `<<`, `~*`, `@@`, `|`, `&`, `#` … They share one
    /// precedence, that of `||`.
    Other(Name),
    /// `operator(schema.symbol)`, with the precedence of [`BinaryOp::Other`] whatever the symbol.
    Qualified(ObjectName),
}

impl BinaryOp {
    /// The symbol or word as PostgreSQL writes it; for a qualified operator, its symbol.
    pub fn symbol(&self) -> &str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Eq => "=",
            Self::Ne => "<>",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Concat => "||",
            Self::Other(symbol) => symbol,
            Self::Qualified(name) => &name.name,
        }
    }

    /// The operator behind a symbol.
    pub fn from_symbol(symbol: &str) -> Self {
        match symbol {
            "=" => Self::Eq,
            "<>" | "!=" => Self::Ne,
            "<" => Self::Lt,
            "<=" => Self::Le,
            ">" => Self::Gt,
            ">=" => Self::Ge,
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "/" => Self::Div,
            "%" => Self::Mod,
            "^" => Self::Pow,
            "||" => Self::Concat,
            other => Self::Other(other.into()),
        }
    }
}

/// What stands in the parentheses of `any (…)` and `all (…)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// An array. Never a bare subquery: in these parentheses that is a query of one column, as it is after `in`.
    Array(Box<Expr>),
    /// A query of one column.
    Query(Box<Query>),
}

/// How a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LikeKind {
    /// `like`.
    Like,
    /// `ilike`.
    Ilike,
    /// `similar to`.
    SimilarTo,
}

/// A function call with everything that may hang on it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the statement of its own")]
pub struct FunctionCall {
    /// The function.
    pub name: ObjectName,
    /// A word of the grammar that acts as a function: `coalesce`, `greatest`, `least`, `nullif`, `grouping`,
    /// `current_date`, `current_user`, `localtimestamp` … It is never quoted, and has no parentheses without arguments.
    pub keyword: bool,
    /// The arguments.
    pub args: Vec<FunctionArg>,
    /// `f(*)`.
    pub star: bool,
    /// `f(distinct …)`.
    pub distinct: bool,
    /// `f(… order by …)`, or what stands in `within group (order by …)`.
    pub order_by: Vec<OrderBy>,
    /// The order belongs to `within group`.
    pub within_group: bool,
    /// `filter (where …)`.
    pub filter: Option<Expr>,
    /// `over …`.
    pub over: Option<Over>,
}

impl FunctionCall {
    /// An ordinary call with positional arguments.
    pub fn plain(name: ObjectName, args: impl IntoIterator<Item = Expr>) -> Self {
        Self {
            name,
            keyword: false,
            args: args.into_iter().map(|value| FunctionArg { name: None, variadic: false, value }).collect(),
            star: false,
            distinct: false,
            order_by: Vec::new(),
            within_group: false,
            filter: None,
            over: None,
        }
    }
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionArg {
    /// Its name in `name => value` or `name := value`.
    pub name: Option<Name>,
    /// `variadic` stood before it.
    pub variadic: bool,
    /// The value.
    pub value: Expr,
}

/// The window of a window function.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// `over w`.
    Named(Name),
    /// `over (…)`.
    Window(Window),
}

/// A window definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Another window that this one starts from.
    pub base: Option<Name>,
    /// `partition by`.
    pub partition_by: Vec<Expr>,
    /// `order by`.
    pub order_by: Vec<OrderBy>,
    /// The frame, where one was written.
    pub frame: Option<Frame>,
}

/// `rows|range|groups between … and … exclude …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// What is counted.
    pub unit: FrameUnit,
    /// First row.
    pub start: FrameBound,
    /// Last row; without `between` there is none.
    pub end: Option<FrameBound>,
    /// What is left out.
    pub exclude: Option<FrameExclude>,
}

/// What a frame counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameUnit {
    /// Rows.
    Rows,
    /// Values.
    Range,
    /// Groups of peers.
    Groups,
}

/// One end of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameBound {
    /// `unbounded preceding`.
    UnboundedPreceding,
    /// `n preceding`.
    Preceding(Box<Expr>),
    /// `current row`.
    CurrentRow,
    /// `n following`.
    Following(Box<Expr>),
    /// `unbounded following`.
    UnboundedFollowing,
}

/// What a frame leaves out. `exclude no others` is no exclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameExclude {
    /// `exclude current row`.
    CurrentRow,
    /// `exclude group`.
    Group,
    /// `exclude ties`.
    Ties,
}
