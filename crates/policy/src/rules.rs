//! How policies combine: pure functions over trees.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{BinaryOp, Expr, Literal};
use store::catalog::{ExprText, Name, Policy, PolicyCommand, Relation};

/// Which of a policy's two conditions is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Rows that are there.
    Using,
    /// Rows that come; a policy without `with check` lends its `using`.
    Check,
}

impl Side {
    fn of(self, policy: &Policy) -> Option<&ExprText> {
        match self {
            Self::Using => policy.using.as_ref(),
            Self::Check => policy.check.as_ref().or(policy.using.as_ref()),
        }
    }
}

/// The policies that bind any of `roles` for `command`, permissive ones first.
fn applicable<'r, 'n>(
    relation: &'r Relation,
    roles: &'n BTreeSet<Name>,
    command: PolicyCommand,
) -> impl Iterator<Item = &'r Policy> + use<'r, 'n> {
    relation.policies.iter().filter(move |policy| {
        (policy.command == PolicyCommand::All || policy.command == command)
            && policy.roles.iter().any(|role| roles.contains(role))
    })
}

/// A condition that rows must meet, and the restrictive policy that asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The condition.
    pub condition: Arc<Expr>,
    /// The policy's name; permissive ones are joined and have none.
    pub policy: Option<Name>,
}

/// The conditions that are asked of a use of a table, each with its policy, for each command and side in turn. Those that are always true
/// are among them; where no permissive policy applies, none is.
pub(crate) fn asked<'r>(
    relation: &'r Relation,
    roles: &BTreeSet<Name>,
    uses: &[(PolicyCommand, Side)],
) -> Vec<(&'r Policy, &'r Arc<Expr>)> {
    let mut out = Vec::new();
    for (command, side) in uses {
        let start = out.len();
        for policy in applicable(relation, roles, *command) {
            out.extend(side.of(policy).and_then(|text| text.tree()).map(|tree| (policy, tree)));
        }
        if !out[start..].iter().any(|(policy, _)| policy.permissive) {
            out.truncate(start);
        }
    }
    out
}

/// What rows must meet, in the order PostgreSQL asks: the permissive policies joined, then each restrictive one. Empty: every row passes.
pub(crate) fn checks(relation: &Relation, roles: &BTreeSet<Name>, command: PolicyCommand, side: Side) -> Vec<Check> {
    let mut permissive = Vec::new();
    let mut restrictive = Vec::new();
    let mut open = false;
    for policy in applicable(relation, roles, command) {
        let condition = side.of(policy);
        // A policy without the condition asked for lets nothing pass by itself and refuses nothing; one whose text this version cannot
        // read passes nothing.
        let Some(text) = condition else { continue };
        let tree = text.tree().map_or_else(|| truth(false), |tree| (**tree).clone());
        if policy.permissive {
            open |= tree == truth(true);
            permissive.push(tree);
        } else if tree != truth(true) {
            restrictive.push(Check { condition: Arc::new(tree), policy: Some(policy.name.clone()) });
        }
    }
    let mut out = Vec::with_capacity(restrictive.len() + 1);
    let Some(permissive) = any_of(permissive) else {
        // Nothing passes, and restrictive policies are not even read: what they would refuse to be read is of no matter.
        return vec![Check { condition: Arc::new(truth(false)), policy: None }];
    };
    // PostgreSQL folds what is always true before it asks what the rest reads.
    if !open {
        out.push(Check { condition: Arc::new(permissive), policy: None });
    }
    out.extend(restrictive);
    out
}

/// One condition out of all that apply: any permissive and every restrictive. `None` means every row passes.
pub(crate) fn combined(
    relation: &Relation,
    roles: &BTreeSet<Name>,
    command: PolicyCommand,
    side: Side,
) -> Option<Arc<Expr>> {
    let conditions = checks(relation, roles, command, side).into_iter().map(|check| check.condition);
    conditions.reduce(|left, right| Arc::new(join(BinaryOp::And, (*left).clone(), (*right).clone())))
}

/// Conditions of which one must hold; `None` when there is none. Where one of them demands only what all do, that is the whole condition:
/// PostgreSQL folds the others away before it asks what they read.
fn any_of(conditions: Vec<Expr>) -> Option<Expr> {
    let mut alternatives = Vec::new();
    for condition in &conditions {
        parts(condition, &BinaryOp::Or, &mut alternatives);
    }
    let demands: Vec<Vec<&Expr>> = alternatives
        .iter()
        .map(|alternative| {
            let mut demands = Vec::new();
            parts(alternative, &BinaryOp::And, &mut demands);
            demands
        })
        .collect();
    let shortest = demands.iter().min_by_key(|demands| demands.len())?;
    let decides =
        demands.len() > 1 && shortest.iter().all(|demand| demands.iter().all(|others| others.contains(demand)));
    if decides {
        let mut distinct: Vec<Expr> = Vec::with_capacity(shortest.len());
        for demand in shortest {
            if !distinct.contains(demand) {
                distinct.push((*demand).clone());
            }
        }
        return distinct.into_iter().reduce(|left, right| join(BinaryOp::And, left, right));
    }
    conditions.into_iter().reduce(|left, right| join(BinaryOp::Or, left, right))
}

/// The operands of nested uses of one operator.
fn parts<'e>(expr: &'e Expr, wanted: &BinaryOp, out: &mut Vec<&'e Expr>) {
    match expr {
        Expr::Binary { op, left, right } if op == wanted => {
            parts(left, wanted, out);
            parts(right, wanted, out);
        }
        other => out.push(other),
    }
}

fn truth(value: bool) -> Expr {
    Expr::Literal(Literal::Bool(value))
}

fn join(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}
