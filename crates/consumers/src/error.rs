//! The room's failures.

use kernel::error::{CONFLICT, INVALID, UNAVAILABLE};
use kernel::{Code, Error, FieldError, Retry};

/// There is no group of this name.
pub const GROUP_NOT_FOUND: Code =
    Code { name: "consumers.group_not_found", status: 404, title: "There is no such group", retry: Retry::Never };
/// There are as many groups as there may be.
pub const GROUPS_FULL: Code =
    Code { name: "consumers.groups_full", status: 409, title: "There are too many groups", retry: Retry::Never };
/// A group keeps the number of partitions it was made with.
pub const PARTITIONS_FIXED: Code = Code {
    name: "consumers.partitions_fixed",
    status: 409,
    title: "A group's partitions cannot be changed",
    retry: Retry::Never,
};
/// There is no dead letter at this position.
pub const LETTER_NOT_FOUND: Code = Code {
    name: "consumers.letter_not_found",
    status: 404,
    title: "There is no such dead letter",
    retry: Retry::Never,
};

/// All of them.
pub const CODES: &[&Code] = &[&GROUP_NOT_FOUND, &GROUPS_FULL, &PARTITIONS_FIXED, &LETTER_NOT_FOUND];

/// What can go wrong in this room.
#[derive(Debug)]
pub enum ConsumersError {
    /// What was asked for has not the form it should have.
    Invalid(Vec<FieldError>),
    /// There is no group of this name.
    NoGroup(String),
    /// There are so many groups, and no more may be.
    Full(usize),
    /// The group has so many partitions.
    Fixed(u32),
    /// There is no dead letter at this position.
    NoLetter(i64),
    /// The log begins at this position only.
    Gone(i64),
    /// So many events are held already, and no more may be.
    Held(i64),
    /// The database.
    Store(store::Error),
}

impl ConsumersError {
    pub(crate) fn field(path: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { path: path.to_owned(), detail: detail.into() }])
    }
}

impl From<store::Error> for ConsumersError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<ConsumersError> for Error {
    fn from(error: ConsumersError) -> Self {
        match error {
            ConsumersError::Invalid(fields) => Self { fields, ..Self::new(&INVALID, "") },
            ConsumersError::NoGroup(name) => Self::new(&GROUP_NOT_FOUND, format!("No group is called {name}.")),
            ConsumersError::Full(most) => Self::new(&GROUPS_FULL, format!("There are {most} groups.")),
            ConsumersError::Fixed(number) => {
                Self::new(&PARTITIONS_FIXED, format!("This group has {number}; another number takes another group."))
            }
            ConsumersError::NoLetter(position) => {
                Self::new(&LETTER_NOT_FOUND, format!("The group has no dead letter at {position}."))
            }
            ConsumersError::Gone(first) => {
                Self::new(&events::GONE, format!("The log begins at {first}; what was before is forgotten."))
            }
            ConsumersError::Held(most) => Self::new(&CONFLICT, format!("The group holds {most} events already.")),
            ConsumersError::Store(error) => match &error {
                store::Error::Unavailable { retry_after, .. } | store::Error::Overloaded { retry_after } => {
                    let wait = *retry_after;
                    Self::new(&UNAVAILABLE, "The database cannot be used now.")
                        .with_retry_after(wait)
                        .with_source(error)
                }
                store::Error::Sql(_) | store::Error::Timeout | store::Error::Internal(_) => Self::internal(error),
            },
        }
    }
}
