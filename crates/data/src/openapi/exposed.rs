//! Which relations are described, and under which names.

use std::collections::BTreeSet;

use store::catalog::{Catalog, Relation};

use super::eyes::{Eyes, Reach};

/// A relation that is described.
pub(super) struct Exposed<'a> {
    pub(super) relation: &'a Relation,
    pub(super) reach: Reach,
    /// It is in the first schema, which needs no header.
    pub(super) is_first: bool,
    /// How people see it: `animal`, or `api2.animal` in other schemas than the first.
    pub(super) tag: String,
    /// How components and operations are called: letters, digits and a few signs, unique.
    pub(super) id: String,
}

/// The relations of the exposed schemas that the role reaches, in the order of schemas and names.
pub(super) fn exposed<'a>(catalog: &'a Catalog, schemas: &[String], eyes: Eyes<'_>) -> Vec<Exposed<'a>> {
    let mut out = Vec::new();
    let (mut tags, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (at, schema) in schemas.iter().enumerate() {
        for relation in catalog.relations.values().filter(|relation| *relation.name.schema == **schema) {
            let reach = Reach::of(catalog, relation, eyes);
            if !reach.any() {
                continue;
            }
            let name = if at == 0 { relation.name.name.to_string() } else { relation.name.to_string() };
            let id = unique(&plain(&name), &mut ids);
            out.push(Exposed { relation, reach, is_first: at == 0, id, tag: unique(&name, &mut tags) });
        }
    }
    out
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' }).collect()
}

/// The name, or the name with the first number that makes it new.
fn unique(name: &str, known: &mut BTreeSet<String>) -> String {
    let mut found = name.to_owned();
    let mut number = 1;
    while !known.insert(found.clone()) {
        number += 1;
        found = format!("{name}-{number}");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_become_alike_are_told_apart() {
        let mut known = BTreeSet::new();
        for (name, want) in
            [("Größe", "Gr__e"), ("Gräße", "Gr__e-2"), ("a b", "a_b"), ("tab.le", "tab.le"), ("a-b", "a-b")]
        {
            assert_eq!(unique(&plain(name), &mut known), want);
        }
    }
}
