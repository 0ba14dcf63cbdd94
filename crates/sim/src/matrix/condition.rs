//! Conditions over one table's row, as policies, views and functions hold them.

use super::app::{App, Kind, Relation};
use crate::Dice;

/// What the condition may speak of.
pub(super) struct Around<'a> {
    /// The app as far as it is made.
    pub(super) app: &'a App,
    /// The relation whose row is judged.
    pub(super) relation: usize,
    /// The name its columns are qualified with.
    pub(super) alias: &'a str,
    /// Relations that subqueries may read.
    pub(super) readable: &'a [usize],
    /// Names of functions by their form.
    pub(super) functions: bool,
}

/// A condition; `depth` bounds how deep it nests.
pub(super) fn condition(dice: &Dice, around: &Around<'_>, depth: usize) -> String {
    let c = |kind: Kind| cell(&around.app.relations[around.relation], around.alias, kind);
    if depth > 0 {
        match dice.below(100) {
            0..14 => {
                let join = if dice.chance(50) { "and" } else { "or" };
                return format!(
                    "({} {join} {})",
                    condition(dice, around, depth - 1),
                    condition(dice, around, depth - 1)
                );
            }
            14..19 => return format!("not ({})", condition(dice, around, depth - 1)),
            19..45 if !around.readable.is_empty() => return subquery(dice, around, depth),
            45..60 if around.functions => {
                if let Some(call) = function(dice, around) {
                    return call;
                }
            }
            _ => {}
        }
    }
    match dice.below(18) {
        0..5 => format!("{} = auth.uid()", c(Kind::Owner)),
        5 => format!("{} is not null", c(Kind::Number)),
        6 | 7 => format!("auth.role() = '{}'", dice.pick(&["authenticated", "anon", "service_role"])),
        8 => format!("{} {} {}", c(Kind::Number), dice.pick(&["<", ">", "<=", ">=", "=", "<>"]), dice.below(8)),
        9 => c(Kind::Flag),
        10 => format!("not {}", c(Kind::Flag)),
        11 => format!("{} in ('a', 'b', 'c')", c(Kind::Label)),
        12 => format!("{} like '{}%'", c(Kind::Label), dice.pick(&["a", "b", "c"])),
        13 => format!("{} is {}null", c(Kind::Owner), if dice.chance(50) { "not " } else { "" }),
        14 => format!("{} = (auth.jwt() ->> 'team')", c(Kind::Label)),
        15 => format!("coalesce((auth.jwt() ->> 'level')::int, 0) >= {}", c(Kind::Number)),
        16 => format!("{} is distinct from auth.uid()", c(Kind::Owner)),
        _ => format!("{} % 2 = {}", c(Kind::Id), dice.below(2)),
    }
}

/// A relation's column of this kind; where a view does not show it, something else of its type.
fn cell(relation: &Relation, alias: &str, kind: Kind) -> String {
    if let Some(name) = relation.named(kind) {
        return format!("{alias}.{name}");
    }
    match kind {
        Kind::Owner => "auth.uid()".to_owned(),
        Kind::Label => format!("{alias}.id::text"),
        Kind::Flag => format!("({alias}.id > 2)"),
        Kind::Id | Kind::Number | Kind::Ref(_) | Kind::Computed => format!("{alias}.id"),
    }
}

fn subquery(dice: &Dice, around: &Around<'_>, depth: usize) -> String {
    let inner = *dice.pick(around.readable);
    let relation = &around.app.relations[inner];
    let alias = format!("x{depth}");
    let below: Vec<usize> = around.readable.iter().copied().filter(|place| *place < inner).collect();
    let within = Around { app: around.app, relation: inner, alias: &alias, readable: &below, functions: false };
    let more = |dice: &Dice| condition(dice, &within, depth.min(2) - 1);
    // Columns of the outer row that refer to the inner relation, else its id.
    let outer = around.app.relations[around.relation]
        .columns
        .iter()
        .find(|column| column.kind == Kind::Ref(inner))
        .map_or("id", |column| &column.name);
    let (own, name) = (around.alias, &relation.name);
    match dice.below(6) {
        0 => format!("{own}.{outer} in (select {alias}.id from {name} {alias} where {})", more(dice)),
        1 => format!("{own}.{outer} in (select {alias}.id from {name} {alias})"),
        2 => format!("exists (select 1 from {name} {alias} where {alias}.id = {own}.{outer} and {})", more(dice)),
        3 => {
            let (owner, theirs) = (cell(relation, &alias, Kind::Owner), cell(relation, &alias, Kind::Number));
            let ours = cell(&around.app.relations[around.relation], own, Kind::Number);
            format!("exists (select 1 from {name} {alias} where {owner} = auth.uid() and {theirs} >= {ours})")
        }
        4 => format!("(select count(*) from {name} {alias} where {}) < {}", more(dice), 1 + dice.below(4)),
        _ => format!("{own}.{outer} not in (select {alias}.id from {name} {alias} where {})", more(dice)),
    }
}

fn function(dice: &Dice, around: &Around<'_>) -> Option<String> {
    // A function that reads what its caller protects runs in circles until some stack is full: nobody's answer to compare.
    let usable: Vec<_> =
        around.app.functions.iter().filter(|function| function.free || function.reads < around.relation).collect();
    if usable.is_empty() {
        return None;
    }
    let function = dice.pick(&usable);
    let name = &function.name;
    Some(match function.form {
        0 => format!("{name}({}.id)", around.alias),
        1 => format!("{name}() < {}", 2 + dice.below(4)),
        _ => format!("{}.id in (select {name}())", around.alias),
    })
}
