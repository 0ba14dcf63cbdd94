//! Type names to types.

use sql::ast::TypeName;
use values::Type;

use crate::catalog::{Catalog, Domain, Name, QName};
use crate::error::{Result, SqlError};
use crate::translate::unsupported;
use std::sync::Arc;

/// The type behind a type name, and the domain it was named through. Serial types are not types and are refused here.
pub fn resolve_type(catalog: &Catalog, path: &[Name], name: &TypeName) -> Result<(Type, Option<Arc<Domain>>)> {
    let modifiers = name
        .modifiers
        .iter()
        .map(|modifier| modifier.parse::<i64>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| SqlError::new("22023", format!("type modifiers of \"{}\" must be numbers", name.name.name)))?;
    let own = &name.name;
    let builtin = match own.schema.as_deref() {
        None | Some("pg_catalog") => Type::named(&own.name),
        Some("extensions" | "public") if &*own.name == "citext" => Some(Type::Text),
        Some(_) => None,
    };
    let (base, domain) = if let Some(base) = builtin {
        (base, None)
    } else {
        let schemas: Vec<Name> = match &own.schema {
            Some(schema) => vec![schema.clone()],
            None => path.to_vec(),
        };
        let found = schemas.iter().find_map(|schema| {
            let key = QName::new(schema.clone(), own.name.clone());
            if let Some(found) = catalog.enums.get(&key) {
                return Some((Type::Enum(found.clone()), None));
            }
            catalog.domains.get(&key).map(|domain| (domain.ty.clone(), Some(domain.clone())))
        });
        match found {
            Some(found) => found,
            None if matches!(
                &*own.name,
                "bit" | "varbit" | "xml" | "money" | "point" | "line" | "box" | "path" | "polygon" | "circle"
            ) =>
            {
                return Err(unsupported(format!("type \"{}\"", own.name)));
            }
            None => return Err(SqlError::new("42704", format!("type \"{}\" does not exist", own.name)).into()),
        }
    };
    if domain.is_some() && name.array_dims > 0 {
        return Err(unsupported("an array of a domain"));
    }
    let ty = base.with_modifiers(&modifiers)?;
    Ok((if name.array_dims > 0 { ty.array_of() } else { ty }, domain))
}
