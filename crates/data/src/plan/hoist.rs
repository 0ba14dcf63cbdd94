//! Aggregates leave a spread for the level that it is spread into (wire contract, section 4).
//!
//! A level with aggregates has one row per group, and what it shows beside them says which rows are a group: its columns, the columns of
//! its to-one spreads, and the values of its to-one embeds. So in such a level to-one embeds cannot be fetched afterwards by their
//! keys: they are joined, and the columns of spreads become the level's own.

use super::{Child, Field, Joined, Level, Selected};
use crate::request::ApiError;

/// Hoists the aggregates of all spreads below a root.
pub(super) fn hoist(root: &mut Level) -> Result<(), ApiError> {
    raise(root)?;
    join_all(root);
    Ok(())
}

/// Says of each level whether it has aggregates, its own or those of its to-one spreads.
fn raise(level: &mut Level) -> Result<(), ApiError> {
    for child in &mut level.children {
        raise(&mut child.level)?;
        if child.spread && child.level.grouped {
            if !child.to_one() {
                return Err(ApiError::not_implemented("aggregates inside a spread of many rows"));
            }
            child.level.grouped = false;
            level.grouped = true;
        }
    }
    Ok(())
}

fn join_all(level: &mut Level) {
    if level.grouped {
        let mut lifted = Lifted {
            first_column: level.columns.len(),
            first_child: level.children.len(),
            columns: Vec::new(),
            children: Vec::new(),
            joined: Vec::new(),
        };
        level.fields = lifted.fields_of(level, &[], None);
        level.columns.append(&mut lifted.columns);
        level.children.append(&mut lifted.children);
        level.joined = lifted.joined;
    }
    for child in &mut level.children {
        join_all(&mut child.level);
    }
}

/// What a grouped level gains.
struct Lifted {
    first_column: usize,
    first_child: usize,
    columns: Vec<Selected>,
    children: Vec<Child>,
    joined: Vec<Joined>,
}

impl Lifted {
    /// The output that a level contributes: the grouped one itself, or a spread below it that is joined as `of`.
    fn fields_of(&mut self, level: &mut Level, path: &[usize], of: Option<usize>) -> Vec<Field> {
        let mut out = Vec::with_capacity(level.fields.len());
        for field in std::mem::take(&mut level.fields) {
            match field {
                Field::Column(_) if of.is_none() => out.push(field),
                Field::Column(index) => {
                    out.push(Field::Column(self.first_column + self.columns.len()));
                    self.columns.push(Selected { of, ..level.columns[index].clone() });
                }
                Field::Child(index) => {
                    let path = [path, &[index]].concat();
                    let child = &mut level.children[index];
                    if child.spread && child.to_one() && child.visible {
                        let place = self.join(&path, of);
                        child.visible = false;
                        out.extend(self.fields_of(&mut child.level, &path, Some(place)));
                        continue;
                    }
                    self.join_shown(child, &path, of);
                    if of.is_none() {
                        out.push(field);
                    } else if child.visible {
                        out.push(Field::Child(self.first_child + self.children.len()));
                        self.children.push(Child { of, inner: false, ..child.clone() });
                        child.visible = false;
                    }
                }
            }
        }
        out
    }

    /// Joins an embed whose values are grouped by, and the like below it. One with aggregates of its own is told apart by its key.
    fn join_shown(&mut self, child: &mut Child, path: &[usize], of: Option<usize>) {
        if !child.to_one() || !child.visible || child.level.grouped {
            return;
        }
        let place = self.join(path, of);
        child.joined = Some(place);
        for (index, below) in child.level.children.iter_mut().enumerate() {
            self.join_shown(below, &[path, &[index]].concat(), Some(place));
        }
    }

    fn join(&mut self, path: &[usize], parent: Option<usize>) -> usize {
        self.joined.push(Joined { path: path.to_vec(), parent });
        self.joined.len() - 1
    }
}
