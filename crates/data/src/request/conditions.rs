//! The words of a request that choose rows: filters, their operators, and trees of them.

use super::model::Field;

/// Something attached to a level of the request: `path` names the embeds from the root (empty = root).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct At<T> {
    /// Output names of the embeds on the way down.
    pub path: Vec<String>,
    /// What is attached there.
    pub node: T,
}

impl<T> At<T> {
    /// At the root relation.
    pub fn root(node: T) -> Self {
        Self { path: Vec::new(), node }
    }

    /// True at the root relation.
    pub fn is_root(&self) -> bool {
        self.path.is_empty()
    }
}

/// One comparison: `field=[not.]op.value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Left side. In a filter at some level the name may also be that of a child embed (null tests).
    pub field: Field,
    /// `not.`: SQL `NOT (…)`, three-valued.
    pub negated: bool,
    /// Operator and right side.
    pub op: Op,
}

impl Filter {
    /// The null test an embed name may carry (section 5): `Some(true)` for `is.null`, `Some(false)` for `not.is.null`.
    /// `is.not_null` is deliberately not one.
    pub fn embed_null_test(&self) -> Option<bool> {
        (self.field.json_path.is_empty() && self.op == Op::Is(IsValue::Null)).then_some(!self.negated)
    }
}

/// Operators with their right sides. Literals are raw text; `*` in LIKE patterns is still `*` (see [`like_pattern`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// `eq gt gte lt lte neq like ilike match imatch`
    Compare {
        /// Which comparison.
        op: Comparison,
        /// `(any)` / `(all)`: the value is then an array literal. Never with [`Comparison::Neq`].
        quantified: Option<Quantified>,
        /// The literal as written.
        value: String,
    },
    /// `in.(a,b)`; empty for `in.()`, which matches nothing.
    In(Vec<String>),
    /// `is.null` and its kin.
    Is(IsValue),
    /// `isdistinct.value`
    IsDistinct(String),
    /// `fts plfts phfts wfts`
    Fts {
        /// How the query text is read.
        kind: FtsKind,
        /// Text search configuration between parentheses.
        language: Option<String>,
        /// The query text.
        query: String,
    },
    /// `cs cd ov sl sr nxr nxl adj`: arrays, ranges and JSON
    Contain {
        /// Which operator.
        op: Containment,
        /// Array, range or JSON literal as written.
        value: String,
    },
}

/// Comparisons that take one literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, see section 3")]
pub enum Comparison {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Like,
    Ilike,
    Match,
    Imatch,
}

impl Comparison {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Like => "like",
            Self::Ilike => "ilike",
            Self::Match => "match",
            Self::Imatch => "imatch",
        }
    }
}

/// The quantifier and its parsed array literal; the text itself stays in [`Op::Compare`]'s `value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quantified {
    /// any or all
    pub quantifier: Quantifier,
    /// Elements of the one-dimensional array literal (`None` inside = SQL NULL), or `None` when the text is no such
    /// literal: the type's own `22P02` then.
    pub elements: Option<Vec<Option<String>>>,
}

/// `(any)` or `(all)`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum Quantifier {
    Any,
    All,
}

impl Quantifier {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

/// Right sides of `is`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum IsValue {
    Null,
    NotNull,
    True,
    False,
    Unknown,
}

impl IsValue {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::NotNull => "not_null",
            Self::True => "true",
            Self::False => "false",
            Self::Unknown => "unknown",
        }
    }
}

/// How a full-text query is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FtsKind {
    /// `fts`: `to_tsquery`
    Raw,
    /// `plfts`: `plainto_tsquery`
    Plain,
    /// `phfts`: `phraseto_tsquery`
    Phrase,
    /// `wfts`: `websearch_to_tsquery`
    Websearch,
}

impl FtsKind {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "fts",
            Self::Plain => "plfts",
            Self::Phrase => "phfts",
            Self::Websearch => "wfts",
        }
    }
}

/// Array, range and JSON operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Containment {
    /// `cs`: `@>`
    Contains,
    /// `cd`: `<@`
    ContainedBy,
    /// `ov`: `&&`
    Overlaps,
    /// `sl`: `<<`
    StrictlyLeft,
    /// `sr`: `>>`
    StrictlyRight,
    /// `nxr`: `&<`
    NotExtendsRight,
    /// `nxl`: `&>`
    NotExtendsLeft,
    /// `adj`: `-|-`
    Adjacent,
}

impl Containment {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "cs",
            Self::ContainedBy => "cd",
            Self::Overlaps => "ov",
            Self::StrictlyLeft => "sl",
            Self::StrictlyRight => "sr",
            Self::NotExtendsRight => "nxr",
            Self::NotExtendsLeft => "nxl",
            Self::Adjacent => "adj",
        }
    }
}

/// A LIKE pattern as the database wants it: `*` is the URL-friendly spelling of `%`. The model keeps what was written;
/// binding calls this.
pub fn like_pattern(written: &str) -> String {
    written.replace('*', "%")
}

/// A tree of conditions from `and=(…)` / `or=(…)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Logic {
    /// All or any of the children (at least one).
    Group {
        /// How the children are joined.
        op: LogicOp,
        /// `not.` before the word.
        negated: bool,
        /// Never empty.
        children: Vec<Logic>,
    },
    /// One comparison.
    Leaf(Filter),
}

/// `and` or `or`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum LogicOp {
    And,
    Or,
}

impl LogicOp {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }
}
