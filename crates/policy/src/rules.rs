//! How policies combine: pure functions over trees.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{BinaryOp, Expr, Literal};
use store::catalog::{Name, Policy, PolicyCommand, Relation};

/// Which of a policy's two conditions is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Rows that are there.
    Using,
    /// Rows that come; a policy without `with check` lends its `using`.
    Check,
}

/// The policies that bind any of `roles` for `command`, permissive ones first.
fn applicable<'r>(
    relation: &'r Relation,
    roles: &'r BTreeSet<Name>,
    command: PolicyCommand,
) -> impl Iterator<Item = &'r Policy> {
    relation.policies.iter().filter(move |policy| {
        (policy.command == PolicyCommand::All || policy.command == command)
            && policy.roles.iter().any(|role| roles.contains(role))
    })
}

/// One condition out of all that apply: any permissive and every restrictive. `None` means every row passes.
pub(crate) fn combined(
    relation: &Relation,
    roles: &BTreeSet<Name>,
    command: PolicyCommand,
    side: Side,
) -> Option<Arc<Expr>> {
    let mut permissive: Option<Expr> = None;
    let mut restrictive: Option<Expr> = None;
    let mut open = false;
    for policy in applicable(relation, roles, command) {
        let condition = match side {
            Side::Using => policy.using.as_ref(),
            Side::Check => policy.check.as_ref().or(policy.using.as_ref()),
        };
        // A policy without the condition asked for passes everything; one whose text this version cannot read passes nothing.
        let tree = match condition {
            None => truth(true),
            Some(text) => text.tree().map_or_else(|| truth(false), |tree| (**tree).clone()),
        };
        if policy.permissive {
            open |= tree == truth(true);
            permissive = Some(match permissive {
                None => tree,
                Some(before) => join(BinaryOp::Or, before, tree),
            });
        } else if tree != truth(true) {
            restrictive = Some(match restrictive {
                None => tree,
                Some(before) => join(BinaryOp::And, before, tree),
            });
        }
    }
    let permissive = match permissive {
        None => return Some(Arc::new(truth(false))),
        Some(_) if open => None,
        some => some,
    };
    match (permissive, restrictive) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(Arc::new(one)),
        (Some(any), Some(all)) => Some(Arc::new(join(BinaryOp::And, any, all))),
    }
}

fn truth(value: bool) -> Expr {
    Expr::Literal(Literal::Bool(value))
}

fn join(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}
