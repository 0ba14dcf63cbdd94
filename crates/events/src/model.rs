//! An event as the log has it.

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its place: 1, 2, 3, without gaps.
    pub position: i64,
    /// Its id, the same for ever; not its place.
    pub id: i64,
    /// The unit it belongs to, `unit_01J…`; empty for changes made past the house.
    pub unit: String,
    /// `data.row.inserted`, …
    pub kind: String,
    /// What it happened to: `public.artist`.
    pub subject: String,
    /// What it is in order with: `public.artist/1`.
    pub key: String,
    /// Particulars as a JSON object; for rows `before` and `after`; for taken events the event.
    pub data: String,
    /// Who and where, as a JSON object: `actor`, `request`, `trace`.
    pub context: String,
    /// When, microseconds since 1970 UTC.
    pub at: i64,
}

impl Logged {
    /// Did it come from outside. Then its data is the whole `CloudEvent`, and what its type and subject say is the sender's word.
    pub fn is_taken(&self) -> bool {
        self.data.starts_with(crate::intake::TAKEN)
    }
}

/// What readers choose an event by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place.
    pub position: i64,
    /// `data.row.inserted`, …
    pub kind: String,
    /// What it happened to.
    pub subject: String,
    /// What it is in order with.
    pub key: String,
}
