//! The words of a request that shape its answer: order, windows of rows, preferences, media types.

use super::model::Field;

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

    /// A single row does not fall into it.
    pub fn skips_first(self) -> bool {
        self.offset > 0 || self.limit == Some(0)
    }
}

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
