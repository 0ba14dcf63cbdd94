//! From `pg_type` to the house's words for types.

use std::collections::HashMap;
use std::sync::Arc;

use values::{EnumType, Type};

use super::rows::TypeRow;
use crate::catalog::QName;

/// All types of the database by number.
pub(super) struct Types {
    rows: HashMap<u32, TypeRow>,
    enums: HashMap<u32, Arc<EnumType>>,
}

impl Types {
    pub(super) fn new(rows: Vec<TypeRow>) -> Self {
        let enums = rows.iter().filter_map(|row| {
            let labels = row.labels.clone()?;
            Some((row.oid, Arc::new(EnumType { schema: row.schema.clone(), name: row.name.clone(), labels })))
        });
        let enums = enums.collect();
        Self { rows: rows.into_iter().map(|row| (row.oid, row)).collect(), enums }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &TypeRow> {
        self.rows.values()
    }

    pub(super) fn row(&self, oid: u32) -> Option<&TypeRow> {
        self.rows.get(&oid)
    }

    pub(super) fn enumeration(&self, oid: u32) -> Option<&Arc<EnumType>> {
        self.enums.get(&oid)
    }

    /// The domain itself, when the type is one.
    pub(super) fn domain(&self, oid: u32) -> Option<QName> {
        self.rows.get(&oid).filter(|row| row.kind == "d").map(|row| QName::new(&*row.schema, &*row.name))
    }

    /// Does the type, or a domain it rests on, refuse nulls.
    pub(super) fn refuses_null(&self, oid: u32) -> bool {
        self.rows.get(&oid).is_some_and(|row| row.kind == "d" && (row.not_null || self.refuses_null(row.base)))
    }

    /// The type of this number and modifier; a domain's base type.
    pub(super) fn get(&self, oid: u32, modifier: i32) -> Type {
        let Some(row) = self.rows.get(&oid) else { return Type::Unknown };
        if row.kind == "d" {
            // Domains cannot rest on themselves, so this ends.
            return self.get(row.base, row.modifier);
        }
        if let Some(found) = self.enums.get(&oid) {
            return Type::Enum(found.clone());
        }
        if row.category == "A" && row.length == -1 && row.element != 0 {
            return self.get(row.element, modifier).array_of();
        }
        // `"char"` is one byte and no `char`.
        let built_in = row.schema == "pg_catalog" && row.name != "char";
        match Type::named(&row.name).filter(|_| built_in) {
            Some(ty) => with_modifier(ty, modifier),
            None => Type::Other(Arc::from(&*row.printed)),
        }
    }
}

/// Adds what `atttypmod` says.
fn with_modifier(ty: Type, modifier: i32) -> Type {
    if modifier < 0 {
        return ty;
    }
    let size = modifier - 4;
    match ty {
        Type::Numeric(_) => {
            let precision = u16::try_from((size >> 16) & 0xffff).ok();
            // The scale has eleven bits with a sign.
            let scale = i16::try_from(((size & 0x7ff) ^ 1024) - 1024).ok();
            Type::Numeric(precision.zip(scale))
        }
        Type::Varchar(_) => Type::Varchar(u32::try_from(size).ok()),
        Type::Bpchar(_) => Type::Bpchar(u32::try_from(size).ok()),
        Type::Time(_) => Type::Time(u8::try_from(modifier).ok()),
        Type::Timestamp(_) => Type::Timestamp(u8::try_from(modifier).ok()),
        Type::TimestampTz(_) => Type::TimestampTz(u8::try_from(modifier).ok()),
        other => other,
    }
}
