//! Descriptions that were made, kept as long as the catalog they describe.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

/// Which description.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shelved {
    /// Swagger 2.0 of a schema.
    Swagger(String),
    /// OpenAPI 3.1, its text up to the server's address.
    Head,
    /// The rest of it.
    Tail,
}

/// Descriptions by role. There are as many as roles and schemas, so they need no bound of their own.
#[derive(Debug, Default)]
pub(crate) struct Shelf(RwLock<HashMap<(Arc<str>, Shelved), Bytes>>);

impl Shelf {
    /// The description that was kept.
    pub(crate) fn get(&self, role: &Arc<str>, of: &Shelved) -> Option<Bytes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(role.clone(), of.clone())).cloned()
    }

    /// Keeps a description and gives it back.
    pub(crate) fn keep(&self, role: &Arc<str>, of: Shelved, text: impl Into<Bytes>) -> Bytes {
        let text = text.into();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert((role.clone(), of), text.clone());
        text
    }
}
