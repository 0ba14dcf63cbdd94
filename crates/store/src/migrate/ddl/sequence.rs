//! Sequences: their options, their bounds.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{AlterSequence, CreateSequence, ObjectName, SequenceOption};
use values::Type;

use super::{Ddl, Step, no_relation, refused};
use crate::catalog::{QName, Sequence};
use crate::error::{Result, SqlError};
use crate::translate::resolve_type;

/// The bounds of a sequence over a type that goes up or down.
fn bounds(ty: &Type, increment: i64) -> (i64, i64) {
    let (least, greatest) = match ty {
        Type::Int2 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Type::Int4 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    if increment > 0 { (1, greatest) } else { (least, -1) }
}

/// A sequence with these options; what they leave out is PostgreSQL's default for the type.
pub(super) fn from_options(name: QName, ty: &Type, options: &[SequenceOption]) -> Result<Sequence> {
    let increment = options
        .iter()
        .find_map(|option| match option {
            SequenceOption::Increment(n) => Some(*n),
            _ => None,
        })
        .unwrap_or(1);
    if increment == 0 {
        return Err(SqlError::new("22023", "INCREMENT must not be zero").into());
    }
    let (min, max) = bounds(ty, increment);
    let mut sequence = Sequence {
        name,
        start: if increment > 0 { min } else { max },
        increment,
        min,
        max,
        cycle: false,
        owned_by: None,
        grants: BTreeSet::new(),
    };
    let mut start = None;
    for option in options {
        match option {
            SequenceOption::MinValue(Some(n)) => sequence.min = *n,
            SequenceOption::MaxValue(Some(n)) => sequence.max = *n,
            SequenceOption::Start(n) => start = Some(*n),
            SequenceOption::Cycle(cycle) => sequence.cycle = *cycle,
            _ => {}
        }
    }
    sequence.start = start.unwrap_or(if increment > 0 { sequence.min } else { sequence.max });
    judge(&sequence)?;
    Ok(sequence)
}

fn judge(sequence: &Sequence) -> Result<()> {
    let Sequence { start, min, max, .. } = sequence;
    let message = if min >= max {
        format!("MINVALUE ({min}) must be less than MAXVALUE ({max})")
    } else if start < min {
        format!("START value ({start}) cannot be less than MINVALUE ({min})")
    } else if start > max {
        format!("START value ({start}) cannot be greater than MAXVALUE ({max})")
    } else {
        return Ok(());
    };
    Err(SqlError::new("22023", message).into())
}

impl Ddl<'_> {
    pub(super) fn create_sequence(&mut self, create: &CreateSequence) -> Result<()> {
        if create.temporary {
            return Err(refused("temporary sequences are not supported on SQLite", "Create an ordinary sequence."));
        }
        let name = self.new_name(&create.name)?;
        if create.if_not_exists && self.catalog.sequences.contains_key(&name) {
            self.notice(format!("relation \"{}\" already exists, skipping", name.name));
            return Ok(());
        }
        self.free_name(&name)?;
        let ty = self.option_type(&create.options)?.unwrap_or(Type::Int8);
        let mut sequence = from_options(name.clone(), &ty, &create.options)?;
        sequence.grants = self.default_grants_on("sequences", &name.schema);
        sequence.owned_by = self.option_owner(&create.options)?.flatten();
        self.add_sequence(sequence);
        Ok(())
    }

    fn option_type(&self, options: &[SequenceOption]) -> Result<Option<Type>> {
        for option in options {
            if let SequenceOption::As(ty) = option {
                let (ty, _) = resolve_type(self.catalog, &self.context.search_path, ty)?;
                if !ty.is_integer() {
                    return Err(SqlError::new("22023", "sequence type must be smallint, integer, or bigint").into());
                }
                return Ok(Some(ty));
            }
        }
        Ok(None)
    }

    #[expect(clippy::option_option, reason = "not said, owned by none, owned by a column")]
    fn option_owner(&self, options: &[SequenceOption]) -> Result<Option<Option<(QName, crate::catalog::Name)>>> {
        for option in options {
            if let SequenceOption::OwnedBy(owner) = option {
                return Ok(Some(match owner {
                    None => None,
                    Some((table, column)) => {
                        let table = self.table(table)?;
                        super::column(&table, column)?;
                        Some((table.name.clone(), column.clone()))
                    }
                }));
            }
        }
        Ok(None)
    }

    pub(super) fn alter_sequence(&mut self, alter: &AlterSequence) -> Result<()> {
        let Some(found) = self.find_sequence(&alter.name) else {
            if alter.if_exists {
                self.notice(format!("relation \"{}\" does not exist, skipping", alter.name.name));
                return Ok(());
            }
            return Err(no_relation(&alter.name));
        };
        let owner = self.option_owner(&alter.options)?;
        let ty = self.option_type(&alter.options)?;
        self.change_sequence(&found, ty.as_ref(), &alter.options)?;
        if let Some(owner) = owner {
            self.edit_sequence(&found.name).owned_by = owner;
        }
        Ok(())
    }

    /// Applies options to a sequence that exists.
    pub(super) fn change_sequence(
        &mut self,
        found: &Arc<Sequence>,
        ty: Option<&Type>,
        options: &[SequenceOption],
    ) -> Result<()> {
        let mut sequence = (**found).clone();
        let mut restart = None;
        for option in options {
            match option {
                SequenceOption::Increment(0) => return Err(SqlError::new("22023", "INCREMENT must not be zero").into()),
                SequenceOption::Increment(n) => sequence.increment = *n,
                SequenceOption::MinValue(n) => {
                    sequence.min = n.unwrap_or(bounds(ty.unwrap_or(&Type::Int8), sequence.increment).0);
                }
                SequenceOption::MaxValue(n) => {
                    sequence.max = n.unwrap_or(bounds(ty.unwrap_or(&Type::Int8), sequence.increment).1);
                }
                SequenceOption::Start(n) => sequence.start = *n,
                SequenceOption::Restart(n) => restart = Some(*n),
                SequenceOption::Cycle(cycle) => sequence.cycle = *cycle,
                SequenceOption::As(_)
                | SequenceOption::Cache(_)
                | SequenceOption::OwnedBy(_)
                | SequenceOption::SequenceName(_) => {}
            }
        }
        if let Some(ty) = ty {
            let (min, max) = bounds(ty, sequence.increment);
            sequence.min = sequence.min.max(min);
            sequence.max = sequence.max.min(max);
        }
        judge(&sequence)?;
        let sequence = Arc::new(sequence);
        self.catalog.sequences.insert(sequence.name.clone(), sequence.clone());
        self.steps.push(Step::Sequence(sequence.clone()));
        if let Some(restart) = restart {
            let value = restart.unwrap_or(sequence.start);
            self.steps.push(Step::Position { name: sequence.name.clone(), value, called: false });
        }
        Ok(())
    }

    /// The sequence behind a name in a text, as `nextval` reads it.
    pub(super) fn sequence_named(&self, text: &str) -> Result<Arc<Sequence>> {
        let name =
            object_name(text).ok_or_else(|| SqlError::new("42602", format!("invalid name syntax: \"{text}\"")))?;
        self.find_sequence(&name).ok_or_else(|| no_relation(&name))
    }

    /// The sequence, to be changed. The caller has found it.
    pub(super) fn edit_sequence(&mut self, name: &QName) -> &mut Sequence {
        let entry = self.catalog.sequences.get_mut(name);
        Arc::make_mut(entry.expect("the caller found the sequence in this catalog"))
    }
}

/// A dotted name in a text, read as an identifier.
pub(super) fn object_name(text: &str) -> Option<ObjectName> {
    match sql::parse_expr(text) {
        Ok(sql::ast::Expr::Column { parts }) => match parts.as_slice() {
            [name] => Some(ObjectName::bare(name.clone())),
            [schema, name] => Some(ObjectName::qualified(schema.clone(), name.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_postgresqls_defaults_and_limits() {
        use SequenceOption as O;
        type Case<'c> = (&'c [O], &'c Type, Result<(i64, i64, i64), &'c str>);
        let cases: &[Case<'_>] = &[
            (&[], &Type::Int8, Ok((1, 1, i64::MAX))),
            (&[O::Start(5)], &Type::Int4, Ok((5, 1, i64::from(i32::MAX)))),
            (&[O::Increment(-1)], &Type::Int2, Ok((-1, i64::from(i16::MIN), -1))),
            (&[O::MinValue(Some(10))], &Type::Int4, Ok((10, 10, i64::from(i32::MAX)))),
            (&[O::MaxValue(Some(3)), O::Cycle(true)], &Type::Int8, Ok((1, 1, 3))),
            (&[O::Increment(0)], &Type::Int8, Err("22023")),
            (&[O::MinValue(Some(5)), O::MaxValue(Some(5))], &Type::Int8, Err("22023")),
            (&[O::Start(0)], &Type::Int8, Err("22023")),
        ];
        for (options, ty, want) in cases {
            let got = from_options(QName::new("public", "s"), ty, options);
            let got = got.map(|s| (s.start, s.min, s.max)).map_err(|error| error.code().unwrap().to_owned());
            assert_eq!(got, want.map_err(str::to_owned), "{options:?}");
        }
    }

    #[test]
    fn names_in_texts_are_identifiers() {
        for (text, want) in [
            ("s", Some((None, "s"))),
            ("Public.S", Some((Some("public"), "s"))),
            ("\"A b\".c", Some((Some("A b"), "c"))),
            ("a.b.c", None),
            ("1", None),
        ] {
            let got = object_name(text);
            let got = got.as_ref().map(|name| (name.schema.as_deref(), &*name.name));
            assert_eq!(got, want, "{text}");
        }
    }
}
