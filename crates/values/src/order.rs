//! The order of stored values.

use crate::{Type, ValueRef};
use std::cmp::Ordering;

/// A comparator of stored texts, to be registered as a SQLite collation.
pub type Collation = Box<dyn Fn(&str, &str) -> Ordering + Send + Sync>;

/// Compares two stored values as PostgreSQL's btree operator class does; NULL after everything.
pub fn compare(_ty: &Type, a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Text(a), ValueRef::Text(b)) => a.cmp(b),
        (ValueRef::Int(a), ValueRef::Int(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    }
}

/// The comparator behind [`Type::collation`]; `None` where SQLite's own order is right.
pub fn collation(ty: &Type) -> Option<Collation> {
    ty.collation()?;
    let ty = ty.clone();
    Some(Box::new(move |a, b| compare(&ty, ValueRef::Text(a), ValueRef::Text(b))))
}
