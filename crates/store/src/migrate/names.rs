//! The names PostgreSQL gives to what people leave unnamed: constraints, indexes, sequences.

use std::collections::BTreeSet;

use sql::ast::Expr;

use crate::catalog::{Catalog, Name, QName};

/// Bytes in a name: PostgreSQL's `NAMEDATALEN` without its end.
pub(crate) const NAME_BYTES_MAX: usize = 63;

/// A name cut to 63 bytes on a character's edge, as PostgreSQL cuts identifiers.
pub(crate) fn cut(name: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(name.len())).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    &name[..end]
}

/// `first_second_label`, the longer of the first two shortened until the whole fits.
pub(crate) fn object_name(first: &str, second: Option<&str>, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(second.is_some());
    let room = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut a, mut b) = (first.len(), second.map_or(0, str::len));
    while a + b > room {
        if a > b { a -= 1 } else { b -= 1 }
    }
    let first = cut(first, a);
    match second {
        Some(second) => format!("{first}_{}_{label}", cut(second, b)),
        None => format!("{first}_{label}"),
    }
}

/// The first of `label`, `label1`, `label2`… whose name nobody has.
fn choose(first: &str, second: Option<&str>, label: &str, taken: impl Fn(&str) -> bool) -> Name {
    let mut name = object_name(first, second, label);
    let mut pass = 0_u32;
    while taken(&name) {
        pass += 1;
        name = object_name(first, second, &format!("{label}{pass}"));
    }
    Name::from(name)
}

/// Columns joined by `_`, as far as they can matter.
fn columns_part(columns: &[Name]) -> String {
    let mut out = String::new();
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push('_');
        }
        out.push_str(column);
        if out.len() > NAME_BYTES_MAX {
            break;
        }
    }
    out
}

/// Names in use in one schema.
pub(crate) struct Taken {
    /// Tables, views, sequences and indexes (keys included): they share one space of names.
    relations: BTreeSet<Name>,
    /// Constraints of any table.
    constraints: BTreeSet<Name>,
}

impl Taken {
    /// Those of a schema of the catalog.
    pub(crate) fn of(catalog: &Catalog, schema: &str) -> Self {
        let mut taken = Self { relations: BTreeSet::new(), constraints: BTreeSet::new() };
        let from = QName::new(schema, "");
        for (name, relation) in catalog.relations.range(from.clone()..).take_while(|(name, _)| &*name.schema == schema)
        {
            taken.relations.insert(name.name.clone());
            taken.relations.extend(relation.indexes.iter().map(|index| index.name.clone()));
            for key in relation.primary_key.iter().chain(&relation.uniques) {
                taken.key(key.name.clone(), key.index_only);
            }
            taken.constraints.extend(relation.checks.iter().map(|check| check.name.clone()));
            taken.constraints.extend(relation.foreign_keys.iter().map(|key| key.name.clone()));
        }
        taken.relations.extend(
            catalog
                .sequences
                .range(from..)
                .take_while(|(name, _)| &*name.schema == schema)
                .map(|(name, _)| name.name.clone()),
        );
        taken
    }

    /// Marks a key's index, and its constraint when it is one, as in use.
    pub(crate) fn key(&mut self, name: Name, index_only: bool) {
        if !index_only {
            self.constraints.insert(name.clone());
        }
        self.relations.insert(name);
    }

    /// Marks a table, view, sequence or index as in use.
    pub(crate) fn relation(&mut self, name: Name) {
        self.relations.insert(name);
    }

    /// Marks a constraint without an index as in use.
    pub(crate) fn constraint(&mut self, name: Name) {
        self.constraints.insert(name);
    }

    /// Is there a table, view, sequence or index of this name.
    pub(crate) fn has_relation(&self, name: &str) -> bool {
        self.relations.contains(name)
    }

    /// Is there one whose name in a SQLite file is this, which is in lower case.
    pub(crate) fn has_physical(&self, schema: &str, lower: &str) -> bool {
        let schema = schema.to_ascii_lowercase();
        self.relations.iter().any(|name| {
            let name = name.to_ascii_lowercase();
            if schema == "public" {
                name == lower
            } else {
                lower.strip_prefix(&schema).and_then(|rest| rest.strip_prefix('.')) == Some(&name)
            }
        })
    }

    /// `t_pkey`.
    pub(crate) fn primary_key(&self, table: &str) -> Name {
        choose(table, None, "pkey", |name| self.relations.contains(name) || self.constraints.contains(name))
    }

    /// `t_a_b_key`.
    pub(crate) fn unique(&self, table: &str, columns: &[Name]) -> Name {
        choose(table, Some(&columns_part(columns)), "key", |name| {
            self.relations.contains(name) || self.constraints.contains(name)
        })
    }

    /// `t_a_lower_idx`.
    pub(crate) fn index(&self, table: &str, columns: &[Name]) -> Name {
        choose(table, Some(&columns_part(columns)), "idx", |name| self.relations.contains(name))
    }

    /// `t_a_b_fkey`.
    pub(crate) fn foreign_key(&self, table: &str, columns: &[Name]) -> Name {
        choose(table, Some(&columns_part(columns)), "fkey", |name| self.constraints.contains(name))
    }

    /// `t_a_check` when the check reads exactly one column, else `t_check`.
    pub(crate) fn check(&self, table: &str, columns: &[Name]) -> Name {
        let second = if let [column] = columns { Some(&**column) } else { None };
        choose(table, second, "check", |name| self.constraints.contains(name))
    }

    /// `t_a_seq`.
    pub(crate) fn sequence(&self, table: &str, column: &str) -> Name {
        choose(table, Some(column), "seq", |name| self.relations.contains(name))
    }
}

/// The names that stand for an index's keys in its automatic name: a column's own, a function's, or `expr`; repeated ones numbered.
pub(crate) fn index_columns<'e>(keys: impl Iterator<Item = &'e Expr>) -> Vec<Name> {
    let mut out: Vec<Name> = Vec::new();
    for key in keys {
        let base = expression_name(key).unwrap_or_else(|| Name::from("expr"));
        let mut name = base.clone();
        let mut pass = 0_u32;
        while out.contains(&name) {
            pass += 1;
            let number = pass.to_string();
            name = Name::from(format!("{}{number}", cut(&base, NAME_BYTES_MAX - number.len())));
        }
        out.push(name);
    }
    out
}

/// The name PostgreSQL would give an output column of this expression; none for what has no name of its own.
pub(crate) fn expression_name(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Column { parts } => parts.last().cloned(),
        Expr::Function(call) => Some(call.name.name.clone()),
        Expr::Cast { expr, ty } => expression_name(expr).or_else(|| Some(ty.name.name.clone())),
        Expr::Field { name, .. } => Some(name.clone()),
        Expr::Subscript { expr, .. } | Expr::Collate { expr, .. } | Expr::Slice { expr, .. } => expression_name(expr),
        Expr::Case { otherwise, .. } => {
            Some(otherwise.as_deref().and_then(expression_name).unwrap_or_else(|| Name::from("case")))
        }
        Expr::Exists(_) => Some(Name::from("exists")),
        Expr::Array(_) | Expr::ArrayQuery(_) => Some(Name::from("array")),
        Expr::Row { .. } => Some(Name::from("row")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_and_cut_as_postgresql_makes_them() {
        let long = "a".repeat(60);
        for (first, second, label, want) in [
            ("t", Some("a"), "key", "t_a_key".to_owned()),
            ("t", None, "pkey", "t_pkey".to_owned()),
            (&long, None, "pkey", format!("{}_pkey", "a".repeat(58))),
            (&long, Some("b"), "fkey", format!("{}_b_fkey", "a".repeat(56))),
            (&long, Some(&long), "key", format!("{}_{}_key", "a".repeat(29), "a".repeat(29))),
            ("größe", Some("ü"), "idx", "größe_ü_idx".to_owned()),
        ] {
            assert_eq!(object_name(first, second, label), want);
        }
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aü", 2), "a");
        assert_eq!(cut("aü", 3), "aü");
        assert_eq!(object_name(&"ü".repeat(40), None, "pkey").len(), 29 * 2 + 5);
    }

    #[test]
    fn taken_names_are_numbered() {
        let mut taken = Taken { relations: BTreeSet::new(), constraints: BTreeSet::new() };
        assert_eq!(&*taken.check("t", &[Name::from("a")]), "t_a_check");
        taken.constraint(Name::from("t_a_check"));
        assert_eq!(&*taken.check("t", &[Name::from("a")]), "t_a_check1");
        taken.constraint(Name::from("t_a_check1"));
        assert_eq!(&*taken.check("t", &[Name::from("a")]), "t_a_check2");
        taken.key(Name::from("t_pkey"), false);
        assert_eq!(&*taken.primary_key("t"), "t_pkey1");
        assert_eq!(&*taken.index("t", &[Name::from("a"), Name::from("lower")]), "t_a_lower_idx");
    }

    #[test]
    fn keys_of_an_index_lend_it_their_names() {
        let keys: Vec<Expr> = ["a", "lower(b)", "lower(c)", "a || b", "(a)::int4", "coalesce(a, b)"]
            .iter()
            .map(|text| sql::parse_expr(text).unwrap())
            .collect();
        let names = index_columns(keys.iter());
        let want = ["a", "lower", "lower1", "expr", "a1", "coalesce"];
        assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), want);
    }
}
