//! The words of a request, parsed: what the later stages (plan, run, present) are coded against.
//!
//! Nothing here knows a catalog or SQL. Names are as written (unquoted, unescaped), literals are raw text that the
//! next stage coerces by column type. A default is visible as a default (`None`, [`Join::Default`]), never filled in.

use std::fmt;

/// The verbs of the dialect (section 1 of the wire contract).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the HTTP verbs speak for themselves")]
pub enum Method {
    Get,
    Head,
    Post,
    Patch,
    Put,
    Delete,
    Options,
}

impl Method {
    /// The verb as HTTP spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// GET, HEAD and OPTIONS: verbs that read and therefore choose their schema by `Accept-Profile`.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// What the path addresses; segments are percent-decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// `/`: the description of the API.
    Root,
    /// `/{relation}`: a table or view of the chosen schema.
    Relation(String),
    /// `/rpc/{function}`.
    Function(String),
}

/// The schema a request works in (section 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChoice {
    /// Name of the schema, one of the configured ones.
    pub name: String,
    /// True when the response must say `Content-Profile`: a profile header was sent, or several schemas are exposed.
    pub announce: bool,
}

// ---------------------------------------------------------------------------------------------------- fields

/// Which JSON arrow: `->` keeps JSON, `->>` makes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrow {
    /// `->`
    Json,
    /// `->>`
    Text,
}

/// What a JSON arrow points at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JsonKey {
    /// A member of an object.
    Key(String),
    /// An element of an array; negative counts from the end.
    Index(i64),
}

/// One step of a JSON path: arrow and key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonStep {
    /// The arrow before the key.
    pub arrow: Arrow,
    /// The key or index after it.
    pub key: JsonKey,
}

/// A column, optionally followed into its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Column name, or (in a filter) possibly the output name of an embed: the plan decides.
    pub name: String,
    /// Steps into the value; empty for the column itself.
    pub json_path: Vec<JsonStep>,
}

impl Field {
    /// A column without a JSON path.
    pub fn column(name: impl Into<String>) -> Self {
        Self { name: name.into(), json_path: Vec::new() }
    }
}

// ---------------------------------------------------------------------------------------------------- select

/// One item of `select`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SelectItem {
    /// `*`
    Star,
    /// A column, a JSON path into one, or an aggregate over it.
    Column(ColumnItem),
    /// `count()`. The bare word `count` is a [`ColumnItem`]: see [`ColumnItem::is_legacy_count`].
    Count {
        /// Output key when given.
        alias: Option<String>,
        /// Cast of the counted number.
        cast: Option<String>,
    },
    /// A related resource, nested or spread.
    Embed(Embed),
}

/// A selected column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnItem {
    /// Output key when given.
    pub alias: Option<String>,
    /// The column and its JSON path.
    pub field: Field,
    /// Cast applied to the value, before any aggregate.
    pub cast: Option<String>,
    /// Aggregate over the (cast) value.
    pub aggregate: Option<Aggregate>,
    /// Cast applied to the aggregate's result.
    pub aggregate_cast: Option<String>,
}

impl ColumnItem {
    /// A plain column without any decoration.
    pub fn plain(name: impl Into<String>) -> Self {
        Self { alias: None, field: Field::column(name), cast: None, aggregate: None, aggregate_cast: None }
    }

    /// True for the bare word `count` (with or without alias and cast): it counts rows unless the relation really has a
    /// column of that name, and is allowed even while aggregates are switched off (section 4).
    pub fn is_legacy_count(&self) -> bool {
        self.aggregate.is_none() && self.field.json_path.is_empty() && self.field.name == "count"
    }

    /// The key under which the item appears in an answer (section 4): alias, else the aggregate's name, else the last
    /// named key of the JSON path, else the column.
    pub fn output_key(&self) -> &str {
        if let Some(alias) = &self.alias {
            return alias;
        }
        if let Some(aggregate) = self.aggregate {
            return aggregate.as_str();
        }
        let named = self.field.json_path.iter().rev().find_map(|step| match &step.key {
            JsonKey::Key(key) => Some(key.as_str()),
            JsonKey::Index(_) => None,
        });
        named.unwrap_or(&self.field.name)
    }
}

/// Aggregate functions of `select`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "SQL's own five")]
pub enum Aggregate {
    Sum,
    Avg,
    Min,
    Max,
    Count,
}

impl Aggregate {
    /// The word on the wire and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
        }
    }
}

/// How an embed joins its parent, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Join {
    /// Nothing written: a left join.
    #[default]
    Default,
    /// `!left`
    Left,
    /// `!inner`: the parent stays only if the embed is not empty.
    Inner,
}

/// An embedded resource `[alias:]target[!hint][!inner|!left](items)` or its spread form `...target(items)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Embed {
    /// Output name when given; never with `spread`.
    pub alias: Option<String>,
    /// Relation, foreign key, column or computed relationship named.
    pub target: String,
    /// Disambiguating names as written, at most two. The first one decides.
    pub hints: Vec<String>,
    /// Join kind as written.
    pub join: Join,
    /// What is selected inside; empty for `rel()`, which joins and filters but adds no key.
    pub items: Vec<SelectItem>,
    /// `...`: lift the columns into the parent.
    pub spread: bool,
}

impl Embed {
    /// The name under which paths (`films.order=…`) and the answer know this embed.
    pub fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.target)
    }

    /// The hint that counts, if any.
    pub fn hint(&self) -> Option<&str> {
        self.hints.first().map(String::as_str)
    }
}

// --------------------------------------------------------------------------------------------------- filters

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

// ------------------------------------------------------------------------------------------ order and windows

/// One term of `order`, options as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderTerm {
    /// `rel(field)`: order by a column of this to-one embed.
    pub relation: Option<String>,
    /// What is ordered by.
    pub field: Field,
    /// Written direction; `None` means ascending.
    pub direction: Option<Direction>,
    /// Written place of nulls; `None` means PostgreSQL's default (last when ascending, first when descending).
    pub nulls: Option<Nulls>,
}

impl OrderTerm {
    /// True when descending.
    pub fn descending(&self) -> bool {
        self.direction == Some(Direction::Desc)
    }

    /// Where nulls go, with PostgreSQL's default filled in.
    pub fn nulls_first(&self) -> bool {
        self.nulls.map_or(self.descending(), |nulls| nulls == Nulls::First)
    }
}

/// `asc` or `desc`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum Direction {
    Asc,
    Desc,
}

/// `nullsfirst` or `nullslast`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "SQL's own words")]
pub enum Nulls {
    First,
    Last,
}

/// A slice of rows: at most `limit` of them after skipping `offset`. Both fit a `bigint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    /// Rows at most; `None` = no limit asked for (a server cap may still apply).
    pub limit: Option<u64>,
    /// Rows skipped.
    pub offset: u64,
}

impl Window {
    /// Everything.
    pub const ALL: Self = Self { limit: None, offset: 0 };

    /// The window under a server's cap on rows.
    #[must_use]
    pub fn capped(self, max_rows: Option<u64>) -> Self {
        let limit = match (self.limit, max_rows) {
            (Some(asked), Some(cap)) => Some(asked.min(cap)),
            (asked, cap) => asked.or(cap),
        };
        Self { limit, ..self }
    }
}

// ------------------------------------------------------------------------------------------------ preferences

/// `Prefer: return=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, section 8")]
pub enum Return {
    Minimal,
    HeadersOnly,
    Representation,
}

/// `Prefer: resolution=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, section 8")]
pub enum Resolution {
    MergeDuplicates,
    IgnoreDuplicates,
}

/// `Prefer: missing=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, section 8")]
pub enum Missing {
    Default,
    Null,
}

/// `Prefer: count=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, section 8")]
pub enum Count {
    Exact,
    Planned,
    Estimated,
}

/// `Prefer: handling=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, section 8")]
pub enum Handling {
    Strict,
    Lenient,
}

/// `Prefer: tx=`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as on the wire, section 8")]
pub enum Tx {
    Commit,
    Rollback,
}

/// The `Prefer` headers, parsed (section 8). `None` = not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// What a write answers with.
    pub returning: Option<Return>,
    /// What an insert does about duplicates.
    pub resolution: Option<Resolution>,
    /// What absent keys of `columns` become.
    pub missing: Option<Missing>,
    /// Which total is wanted.
    pub count: Option<Count>,
    /// Whether unknown preferences are errors.
    pub handling: Option<Handling>,
    /// Session time zone, unchecked.
    pub timezone: Option<String>,
    /// Most rows a write may affect; only meaningful with [`Handling::Strict`].
    pub max_affected: Option<i64>,
    /// Whether the transaction stays; only parsed where the configuration allows it.
    pub tx: Option<Tx>,
    /// Preferences that are not understood, as written, in order.
    pub unknown: Vec<String>,
}

// ------------------------------------------------------------------------------------------------ media types

/// Media types of section 9.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// `application/json`, and `application/vnd.pgrst.array[+json]` without stripping.
    Json,
    /// `application/vnd.pgrst.array[+json];nulls=stripped`
    ArrayStripped,
    /// `application/vnd.pgrst.object[+json]`, exactly one row.
    Object {
        /// `;nulls=stripped`
        stripped: bool,
    },
    /// `text/csv`
    Csv,
    /// `application/geo+json`
    GeoJson,
    /// `application/openapi+json`
    OpenApi,
    /// `text/plain`
    Text,
    /// `text/xml`
    Xml,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `application/octet-stream`
    OctetStream,
    /// `*/*`
    Any,
    /// `application/vnd.pgrst.plan`
    Plan {
        /// The type whose plan is wanted.
        of: Box<MediaType>,
        /// `+json`, else text.
        json: bool,
        /// EXPLAIN options.
        options: PlanOptions,
    },
    /// Anything else, lower-cased, without parameters.
    Other(String),
}

/// Options of the plan media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent switches of EXPLAIN")]
#[expect(missing_docs, reason = "EXPLAIN's own words")]
pub struct PlanOptions {
    pub analyze: bool,
    pub verbose: bool,
    pub settings: bool,
    pub buffers: bool,
    pub wal: bool,
}

// -------------------------------------------------------------------------------------------------- the whole

/// The query string, parsed (sections 2 to 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Never empty: nothing written is `[Star]`.
    pub select: Vec<SelectItem>,
    /// Filters of all levels; all of one level are ANDed.
    pub filters: Vec<At<Filter>>,
    /// `and`/`or` trees of all levels; ANDed with the filters.
    pub logic: Vec<At<Logic>>,
    /// Orders: at most one entry per level (the first written wins).
    pub order: Vec<At<Vec<OrderTerm>>>,
    /// `limit`/`offset` per level: at most one entry per path. The root's entry is the query string's alone; the
    /// intersection with the `Range` header is [`ApiRequest::window`].
    pub windows: Vec<At<Window>>,
    /// `columns=`, without repetitions.
    pub columns: Option<Vec<String>>,
    /// `on_conflict=`
    pub on_conflict: Option<Vec<String>>,
    /// On GET and HEAD of a function: pairs that are not operator expressions, its arguments.
    pub arguments: Vec<(String, String)>,
    /// The canonical query (sorted by key, re-encoded) for `Content-Location`; empty when there is none.
    pub canonical: String,
    /// Some level had a negative limit: an error, but a later one than those of the query string.
    pub(crate) negative_limit: bool,
}

/// A request, parsed as far as is possible without a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// The verb.
    pub method: Method,
    /// What is addressed.
    pub target: Target,
    /// The schema it is looked up in.
    pub schema: SchemaChoice,
    /// The query string.
    pub query: Query,
    /// The root's rows: `limit`/`offset` intersected with `Range`.
    pub window: Window,
    /// `Prefer`
    pub preferences: Preferences,
    /// `Accept`, best first; never empty (absent = `[Any]`).
    pub accept: Vec<MediaType>,
    /// The body where the verb has one (POST, PATCH, PUT).
    pub payload: Option<super::payload::Payload>,
}

impl ApiRequest {
    /// The relation addressed, if it is one.
    pub fn relation(&self) -> Option<&str> {
        match &self.target {
            Target::Relation(name) => Some(name),
            Target::Root | Target::Function(_) => None,
        }
    }

    /// Root-level filters: those that choose the rows of a write.
    pub fn root_filters(&self) -> impl Iterator<Item = &Filter> {
        self.query.filters.iter().filter(|at| at.is_root()).map(|at| &at.node)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
