//! A request body as columns and rows, without building a tree of values.
//!
//! Cells are byte ranges into the body (JSON, unquoted CSV) or into one arena of decoded text (quoted CSV, forms), so
//! ten thousand rows cost one vector and no strings. The next stage coerces each cell by its column's type.

use bytes::Bytes;

/// How the body was written, which decides how a cell is coerced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadKind {
    /// `application/json`: cells are raw JSON.
    Json,
    /// `text/csv`: cells are text or null.
    Csv,
    /// `application/x-www-form-urlencoded`: one row, cells are text.
    Form,
    /// A body that is one value (`text/plain`, `text/xml`, `application/octet-stream` on a function).
    Raw,
}

/// One value of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// The row does not have this column (only possible when `columns=` was given).
    Absent,
    /// JSON `null`, or `NULL` in CSV.
    Null,
    /// Raw JSON text, syntactically valid, never `null`, without surrounding blanks.
    Json(&'a str),
    /// Decoded text of a CSV field or a form value.
    Text(&'a str),
}

/// Where a cell's text lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Absent,
    Null,
    /// Byte range of the body.
    Body(u32, u32),
    /// Byte range of the arena.
    Arena(u32, u32),
}

/// A body, parsed into columns and rows (section 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub(crate) kind: PayloadKind,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: usize,
    /// Row-major, `rows * columns.len()` of them.
    pub(crate) slots: Vec<Slot>,
    /// The body where it is text; slots point into it.
    pub(crate) text: String,
    /// The body of a [`PayloadKind::Raw`].
    pub(crate) raw: Bytes,
    pub(crate) arena: String,
    pub(crate) object: bool,
    pub(crate) sparse: bool,
}

impl Payload {
    /// How the body was written.
    pub fn kind(&self) -> PayloadKind {
        self.kind
    }

    /// The columns given, in the order of `columns=` or of the first row's keys; no repetitions.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Number of rows; 0 for `[]`, and `{}` is one row without columns.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// True when the JSON body was one object (not an array of one).
    pub fn is_object(&self) -> bool {
        self.object
    }

    /// True when some row lacks some column, so that `missing=` matters.
    pub fn has_absent(&self) -> bool {
        self.sparse
    }

    /// The body as it came; empty for [`PayloadKind::Raw`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The body of a [`PayloadKind::Raw`], which need not be text; empty otherwise.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The value at a row and column.
    ///
    /// # Panics
    /// When either index is out of bounds, as a slice would.
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        assert!(row < self.rows && column < self.columns.len(), "cell ({row}, {column}) lies outside the payload");
        self.resolve(self.slots[row * self.columns.len() + column])
    }

    /// The values of one row, in the order of [`Self::columns`].
    ///
    /// # Panics
    /// When the row is out of bounds, as a slice would.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = Cell<'_>> {
        assert!(row < self.rows, "row {row} lies outside the payload");
        let width = self.columns.len();
        self.slots[row * width..(row + 1) * width].iter().map(|slot| self.resolve(*slot))
    }

    fn resolve(&self, slot: Slot) -> Cell<'_> {
        match slot {
            Slot::Absent => Cell::Absent,
            Slot::Null => Cell::Null,
            Slot::Body(from, to) => {
                let text = &self.text[from as usize..to as usize];
                if self.kind == PayloadKind::Json { Cell::Json(text) } else { Cell::Text(text) }
            }
            Slot::Arena(from, to) => Cell::Text(&self.arena[from as usize..to as usize]),
        }
    }
}
