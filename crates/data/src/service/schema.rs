//! What follows from a catalog, computed once for each version of it.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use policy::RoleGuard;
use store::catalog::Catalog;

use crate::cache::{Reads, Writes};
use crate::openapi::Shelf;
use crate::relationships::Relationships;

/// A catalog with its relationships and the guards of its roles.
#[derive(Debug)]
pub struct Derived {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// Ways between relations.
    pub relationships: Relationships,
    /// Compiled reads by shape.
    pub(crate) reads: Reads,
    /// Compiled writes by shape.
    pub(crate) writes: Writes,
    /// Something in the database may set what the answer is.
    pub(crate) speaks: bool,
    /// Descriptions by role.
    pub(crate) described: Shelf,
    /// Guards by role, made when first asked for. Bounded by the number of roles.
    guards: RwLock<HashMap<Arc<str>, Arc<RoleGuard>>>,
}

impl Derived {
    /// Everything that follows from `catalog`.
    pub fn of(catalog: &Arc<Catalog>) -> Self {
        Self {
            catalog: catalog.clone(),
            relationships: Relationships::of(catalog),
            reads: Reads::default(),
            speaks: catalog.speaks(),
            writes: Writes::default(),
            described: Shelf::default(),
            guards: RwLock::default(),
        }
    }

    /// The guard of a role; `None` when there is no such role.
    pub fn guard(&self, role: &Arc<str>) -> Option<Arc<RoleGuard>> {
        if let Ok(guards) = self.guards.read()
            && let Some(found) = guards.get(role)
        {
            return Some(found.clone());
        }
        let made = Arc::new(RoleGuard::new(&self.catalog, role)?);
        if let Ok(mut guards) = self.guards.write() {
            guards.insert(role.clone(), made.clone());
        }
        Some(made)
    }
}
