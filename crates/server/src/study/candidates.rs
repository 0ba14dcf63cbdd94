//! Which indexes could help a level: its filters, the columns that join it to its parent, the row policies that bind the reader, its order.

use data::plan::{Child, Condition, Level};
use data::request::{Comparison, Op};
use policy::RoleGuard;
use sql::ast::{BinaryOp, Expr};
use store::catalog::{Name, PolicyCommand, Relation, RelationKind};

/// Columns of a proposed index; a longer one could not be meant.
const COLUMNS_MAX: usize = 4;

/// Proposals, the best first; those that an index of the relation already serves are left out.
pub(super) fn of(level: &Level, parent: Option<&Child>, guard: &RoleGuard) -> Vec<Vec<Name>> {
    let relation = &level.relation;
    // A view has no indexes; what it reads is told by its plan.
    if relation.kind != RelationKind::Table {
        return Vec::new();
    }
    let mut equal = Vec::new();
    if let Some(child) = parent
        && child.relationship.junction.is_none()
    {
        equal.extend(child.relationship.target_columns.iter().cloned());
    }
    let mut ranged = Vec::new();
    for condition in &level.conditions {
        let Condition::Filter(filter) = condition else { continue };
        if filter.negated || !filter.field.json_path.is_empty() {
            continue;
        }
        let Some(column) = relation.column(&filter.field.name) else { continue };
        match &filter.op {
            Op::Compare { op: Comparison::Eq, .. } | Op::In(_) | Op::Is(_) => equal.push(column.name.clone()),
            Op::Compare { op: Comparison::Gt | Comparison::Gte | Comparison::Lt | Comparison::Lte, .. } => {
                ranged.push(column.name.clone());
            }
            _ => {}
        }
    }
    let ordered = match level.order.first() {
        Some(data::plan::Order::Own(term)) if term.field.json_path.is_empty() => relation.column(&term.field.name),
        _ => None,
    };
    ranged.extend(ordered.map(|column| column.name.clone()));
    let guarded = if guard.bound_by(relation) { policy_columns(relation) } else { Vec::new() };
    proposals(equal, &ranged, guarded).into_iter().filter(|columns| !served(relation, columns)).collect()
}

fn proposals(mut equal: Vec<Name>, ranged: &[Name], guarded: Vec<Name>) -> Vec<Vec<Name>> {
    let mut found: Vec<Vec<Name>> = Vec::new();
    let mut seen = Vec::new();
    equal.retain(|column| {
        let new = !seen.contains(column);
        seen.push(column.clone());
        new
    });
    equal.truncate(COLUMNS_MAX);
    if let Some(last) = ranged.iter().find(|column| !equal.contains(column)) {
        found.push(equal.iter().cloned().chain([last.clone()]).collect());
    }
    if !equal.is_empty() {
        found.push(equal.clone());
    }
    // One column alone is kept when the caller's filters choose badly together.
    if equal.len() > 1 {
        found.extend(equal.iter().map(|column| vec![column.clone()]));
    }
    found.extend(guarded.into_iter().map(|column| vec![column]));
    let mut unique: Vec<Vec<Name>> = Vec::new();
    for columns in found {
        if !unique.contains(&columns) {
            unique.push(columns);
        }
    }
    unique
}

/// Columns that policies for reading compare for equality.
fn policy_columns(relation: &Relation) -> Vec<Name> {
    let reading = relation.policies.iter().filter(|p| matches!(p.command, PolicyCommand::All | PolicyCommand::Select));
    let mut found = Vec::new();
    for policy in reading {
        if let Some(tree) = policy.using.as_ref().and_then(|using| using.tree()) {
            compared(tree, relation, &mut found);
        }
    }
    found
}

fn compared(tree: &Expr, relation: &Relation, found: &mut Vec<Name>) {
    let mut note = |side: &Expr| {
        if let Expr::Column { parts } = side
            && let Some(name) = parts.last()
            && relation.column(name).is_some()
            && !found.contains(name)
        {
            found.push(name.clone());
        }
    };
    match tree {
        Expr::Binary { op: BinaryOp::Eq, left, right } => {
            note(left);
            note(right);
        }
        Expr::Binary { left, right, .. } => {
            compared(left, relation, found);
            compared(right, relation, found);
        }
        _ => {}
    }
}

/// Whether a key or an index of the relation begins with these columns, in any order among themselves.
fn served(relation: &Relation, columns: &[Name]) -> bool {
    let keys = relation.primary_key.iter().chain(&relation.uniques).map(|key| key.columns.clone());
    let indexes = relation
        .indexes
        .iter()
        .filter(|index| index.effective && index.predicate.is_none())
        .map(|index| index.keys.iter().map_while(|key| key.column.clone()).collect());
    keys.chain(indexes).any(|known: Vec<Name>| {
        known.len() >= columns.len() && known[..columns.len()].iter().all(|column| columns.contains(column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_comes_first_and_one_range_or_order_last() {
        let names = |words: &[&str]| words.iter().map(|word| Name::from(*word)).collect::<Vec<_>>();
        for (equal, ranged, guarded, want) in [
            (vec![], vec![], vec![], vec![]),
            (vec!["a"], vec![], vec![], vec![vec!["a"]]),
            (vec!["a", "a"], vec!["b"], vec![], vec![vec!["a", "b"], vec!["a"]]),
            (vec!["a", "b"], vec![], vec![], vec![vec!["a", "b"], vec!["a"], vec!["b"]]),
            (vec![], vec!["c", "d"], vec!["o"], vec![vec!["c"], vec!["o"]]),
            (vec!["a"], vec!["a"], vec!["a"], vec![vec!["a"]]),
        ] {
            let want: Vec<Vec<Name>> = want.iter().map(|columns| names(columns)).collect();
            assert_eq!(proposals(names(&equal), &names(&ranged), names(&guarded)), want);
        }
    }
}
