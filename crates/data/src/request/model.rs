//! The words of a request, parsed: what the later stages (plan, run, present) are coded against.
//!
//! Nothing here knows a catalog or SQL. Names are as written (unquoted, unescaped), literals are raw text that the
//! next stage coerces by column type. A default is visible as a default (`None`, [`Join::Default`]), never filled in.

use std::fmt;

pub use super::conditions::*;
pub use super::wishes::*;

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

// -------------------------------------------------------------------------------------------------- the whole

/// The query string, parsed (sections 2 to 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Never empty: nothing written is `[Star]`.
    pub select: Vec<SelectItem>,
    /// Filters of all levels; all of one level must hold.
    pub filters: Vec<At<Filter>>,
    /// `and`/`or` trees of all levels; each must hold beside the filters.
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
