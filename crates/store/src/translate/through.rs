//! Where a write lands: on a table, or through views on the table below them.
//!
//! PostgreSQL rewrites a write on an automatically updatable view to its base table, and so do we: the view's columns become
//! expressions over the table's row, its conditions join the statement's, and what is set is renamed. The caller needs the privileges
//! on the view; below it the view's owner does, or the caller again where the view has the invoker's rights.
//!
//! `with check option` has the last word, after every constraint: as a rule on the row as it was stored, in the returning clause. But
//! PostgreSQL's subqueries do not see what their own statement has done; so, where a condition looks at other rows, the options are judged on
//! the *proposed* row, before anything changes ([`Target::ahead`]), and a refusal is kept until the row has passed everything else. What a
//! volatile function says is judged in the returning clause: such a function sees the row.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::Expr;

use super::scope::{Frame, Looks, Source, SourceColumn};
use super::{Access, DEPTH_MAX, Guard, Owner, Translator, physical_name, quote, text_sql};
use crate::catalog::updatable::Simple;
use crate::catalog::{Column, Name, Privilege, Relation, RelationKind};
use crate::error::{Result, SqlError};

/// The table that a write on a relation changes.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The table: the relation itself, unless that is a view.
    pub table: Arc<Relation>,
    /// The caller's row policies hold there; otherwise those of a view's owner, whom none binds.
    pub binds_caller: bool,
    /// For each column of the relation: the table's column that it shows unchanged.
    pub columns: Vec<Option<Name>>,
    /// The views whose check options are judged on the proposed row, in order ([`Translator::propose`], [`Translator::update_violations`]).
    pub options: Vec<Name>,
    /// Views have check options, judged there or elsewhere.
    pub has_options: bool,
}

/// What a view demands of a new row.
pub(super) struct CheckOption {
    pub(super) view: Name,
    pub(super) condition: String,
    pub(super) looks: Looks,
}

/// What a write does, in PostgreSQL's words for its refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Insert,
    Update,
    Delete,
}

/// A relation that a write names, opened down to the table.
pub(super) struct Target<'a> {
    /// What the statement names.
    pub(super) named: Arc<Relation>,
    /// The table that changes.
    pub(super) table: Arc<Relation>,
    /// Whose row policies hold for the table.
    pub(super) guard: &'a dyn Guard,
    binds_caller: bool,
    /// The columns of `named` over the table's row.
    columns: Vec<SourceColumn>,
    /// The column of the table that each of them shows.
    places: Vec<Option<Name>>,
    /// What lies below `named`, outermost first.
    levels: Vec<Level<'a>>,
    /// What the views demand of a row, and where that looks.
    pub(super) conditions: Vec<(String, Looks)>,
    /// What they demand of a new row, innermost first.
    pub(super) checks: Vec<CheckOption>,
    /// SQLite's name of the table in the statement.
    pub(super) alias: String,
    /// Its row has been chosen and judged already.
    pub(super) judged: bool,
    /// Its new row has been proposed, and so judged as far as that can be.
    pub(super) proposed: bool,
}

/// A view over a row of the relation below it.
struct Over {
    /// Its columns.
    values: Vec<String>,
    /// Its condition, and where that looks.
    condition: Option<(String, Looks)>,
    /// The columns of the relation below that these read.
    used: BTreeSet<Name>,
}

/// One relation below the one that is named.
struct Level<'a> {
    relation: Arc<Relation>,
    guard: &'a dyn Guard,
    /// The columns of it that the view above reads.
    used: BTreeSet<Name>,
    /// For each column of the relation above, in order: its name there and here.
    renamed: Vec<(Name, Option<Name>)>,
}

impl Target<'_> {
    /// The source that the statement sees.
    pub(super) fn source(&self, shown: &str, schema: Option<Name>) -> Source {
        let mut source = Source::of_relation(&self.named, shown, self.alias.clone());
        source.columns.clone_from(&self.columns);
        source.schema = schema;
        source.read = false;
        source
    }

    /// The table's column that a column of the named relation shows.
    pub(super) fn column(&self, name: &str, verb: Verb) -> Result<&Column> {
        let missing = || {
            SqlError::new("42703", format!("column \"{name}\" of relation \"{}\" does not exist", self.named.name.name))
        };
        let at = self.named.columns.iter().position(|column| &*column.name == name).ok_or_else(missing)?;
        let below = self.places[at].as_ref().ok_or_else(|| {
            let doing = if verb == Verb::Insert { "insert into" } else { "update" };
            SqlError::new("0A000", format!("cannot {doing} column \"{name}\" of view \"{}\"", self.named.name.name))
                .detail("View columns that are not columns of their base relation are not updatable.")
        })?;
        Ok(self.table.column(below).ok_or_else(missing)?)
    }

    /// The table's column behind a name of the named relation, if it is one unchanged.
    pub(super) fn below(&self, name: &str) -> Option<&Name> {
        let at = self.named.columns.iter().position(|column| &*column.name == name)?;
        self.places[at].as_ref()
    }

    pub(super) fn is_view(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Asks, below the named relation, about what the statement does to these of its columns.
    pub(super) fn check_below(&self, privilege: Privilege, columns: &BTreeSet<Name>) -> Result<()> {
        let mut columns = columns.clone();
        for level in &self.levels {
            columns = level
                .renamed
                .iter()
                .filter(|(above, _)| columns.contains(above))
                .filter_map(|(_, below)| below.clone())
                .collect();
            level.guard.check(&level.relation, &Access { privilege, columns: &columns })?;
        }
        Ok(())
    }

    /// Asks, below the named relation, about what the views read: they read it all once the statement reads anything.
    pub(super) fn check_read(&self) -> Result<()> {
        for level in &self.levels {
            level.guard.check(&level.relation, &Access { privilege: Privilege::Select, columns: &level.used })?;
        }
        Ok(())
    }

    /// The items of a returning clause, with the check options judged on the way; none when there is nothing to return or judge.
    pub(super) fn judged(&self, items: String) -> String {
        let mut checks = self.checks.iter().filter(|check| !(self.proposed && self.is_ahead(check))).peekable();
        if checks.peek().is_none() {
            return items;
        }
        let mut judge = String::from("CASE");
        for CheckOption { view, condition, .. } in checks {
            let message = text_sql(&format!("new row violates check option for view \"{view}\""));
            let branch = format!(" WHEN ({condition}) IS NOT TRUE THEN pg_raise('44000', {message})");
            judge.push_str(&branch);
        }
        judge.push_str(" END");
        if items.is_empty() { judge } else { format!("{items}, {judge}") }
    }

    /// The check options that are judged on the proposed row: once one looks at other rows, all but those that ask a volatile function.
    pub(super) fn ahead(&self) -> impl Iterator<Item = &CheckOption> {
        self.checks.iter().filter(|check| self.is_ahead(check))
    }

    fn is_ahead(&self, check: &CheckOption) -> bool {
        !check.looks.afresh && self.checks.iter().any(|other| other.looks.before && !other.looks.afresh)
    }
}

impl<'a> Translator<'a> {
    /// The table that a write on `relation` changes, and whose row policies hold there.
    pub fn destination(&mut self, relation: &Arc<Relation>, privilege: Privilege) -> Result<Destination> {
        let verb = match privilege {
            Privilege::Insert => Verb::Insert,
            Privilege::Delete => Verb::Delete,
            _ => Verb::Update,
        };
        let target = self.open(relation, "", verb)?;
        let options = target.ahead().map(|option| option.view.clone()).collect();
        Ok(Destination {
            table: target.table,
            binds_caller: target.binds_caller,
            columns: target.places,
            options,
            has_options: !target.checks.is_empty(),
        })
    }

    /// Opens the relation that a write names; its table is called `alias` (quoted) in the statement.
    pub(super) fn open(&mut self, relation: &Arc<Relation>, alias: &str, verb: Verb) -> Result<Target<'a>> {
        let mut target = self.opened(relation, alias, verb, false, true)?;
        if target.is_view() && verb != Verb::Delete && target.places.iter().all(Option::is_none) {
            let why = "Views that have no updatable columns are not automatically updatable.";
            return Err(refused(relation, verb, why));
        }
        alias.clone_into(&mut target.alias);
        Ok(target)
    }

    /// The target again, with the table under the name that it has in a returning clause.
    pub(super) fn returned(&mut self, target: &Target<'a>, verb: Verb) -> Result<Target<'a>> {
        self.open(&target.named, &quote(&physical_name(&target.table.name)), verb)
    }

    fn opened(
        &mut self,
        relation: &Arc<Relation>,
        alias: &str,
        verb: Verb,
        cascaded: bool,
        binds_caller: bool,
    ) -> Result<Target<'a>> {
        let columns = Source::of_relation(relation, "", String::new()).columns;
        let Some(view) = relation.view.as_ref().filter(|_| relation.kind == RelationKind::View) else {
            return Ok(Target {
                named: relation.clone(),
                table: relation.clone(),
                guard: self.guard,
                binds_caller,
                columns,
                places: relation.columns.iter().map(|column| Some(column.name.clone())).collect(),
                levels: Vec::new(),
                conditions: Vec::new(),
                checks: Vec::new(),
                alias: alias.to_owned(),
                judged: false,
                proposed: false,
            });
        };
        if self.depth >= DEPTH_MAX {
            return Err(SqlError::new("54001", "stack depth limit exceeded").into());
        }
        let public = [Name::from("public")];
        let unread = || crate::Error::Internal(format!("the query of view {} cannot be read again", relation.name));
        let tree = view.query.tree().ok_or_else(unread)?;
        let simple = Simple::of(tree, self.catalog, &public).map_err(|why| refused(relation, verb, why))?;
        let guard: &'a dyn Guard = if view.security_invoker { self.caller } else { &Owner };
        let cascaded = cascaded || view.check_option.as_deref() == Some("cascaded");

        let before = std::mem::replace(&mut self.guard, guard);
        self.depth += 1;
        let result = self.opened(simple.below, alias, verb, cascaded, view.security_invoker).and_then(|below| {
            // An insert meets a view's condition only by its check option.
            let asked = verb != Verb::Insert || cascaded || view.check_option.is_some();
            let over = self.over_view(&simple, &below, alias, asked)?;
            Ok((below, over))
        });
        self.depth -= 1;
        self.guard = before;
        let (mut below, Over { values, condition, used }) = result?;

        let places = simple.places();
        let name_below = |place: Option<usize>| place.map(|place| simple.below.columns[place].name.clone());
        let renamed = relation.columns.iter().zip(&places);
        let renamed = renamed.map(|(column, place)| (column.name.clone(), name_below(*place))).collect();
        below.levels.insert(0, Level { relation: simple.below.clone(), guard, used, renamed });
        if let Some((condition, looks)) = condition {
            if cascaded || view.check_option.is_some() {
                let view = relation.name.name.clone();
                below.checks.push(CheckOption { view, condition: condition.clone(), looks });
            }
            below.conditions.push((condition, looks));
        }
        below.places = places.iter().map(|place| place.and_then(|place| below.places[place].clone())).collect();
        below.columns = columns
            .into_iter()
            .zip(values)
            .map(|(column, value)| SourceColumn { sql: Some(value), ..column })
            .collect();
        below.named = relation.clone();
        Ok(below)
    }

    /// A view over a row of the relation below; the condition counts as `asked` when it will be.
    fn over_view(&mut self, simple: &Simple<'_>, below: &Target<'a>, alias: &str, asked: bool) -> Result<Over> {
        let mut source = below.source(&simple.alias, simple.schema.clone());
        alias.clone_into(&mut source.sql);
        // The guard is asked about the level when the statement is whole.
        source.relation = None;
        for (column, name) in source.columns.iter_mut().zip(simple.names()) {
            if column.sql.is_none() && column.name != *name {
                let own = quote(&column.name);
                column.sql = Some(if alias.is_empty() { own } else { format!("{alias}.{own}") });
            }
            column.name.clone_from(name);
        }
        let mut frame = Frame::barrier();
        frame.push(source);
        self.frames.push(frame);
        let public = [Name::from("public")];
        let result = self.with_path(&public, |this| {
            let value = |this: &mut Translator<'_>, expr: &Expr| {
                let value = this.expr(expr)?;
                Ok::<_, crate::Error>(this.settle(value)?.sql)
            };
            let values = simple.items().map(|expr| value(this, expr)).collect::<Result<Vec<_>>>()?;
            let (guard, caller) = (this.guard, this.caller);
            if !asked {
                // Its columns count as read all the same; what its subqueries read and call does not.
                (this.guard, this.caller) = (&Owner, &Owner);
            }
            let filter = simple.select.filter.as_ref();
            let condition = this.looking(|this| filter.map(|filter| this.boolean(filter)).transpose());
            (this.guard, this.caller) = (guard, caller);
            let (condition, looks) = condition?;
            Ok((values, condition.map(|condition| (condition.sql, looks))))
        });
        let frame = self.frames.pop();
        let (values, condition) = result?;
        let used = frame.and_then(|mut frame| frame.sources.pop()).map(|source| source.used).unwrap_or_default();
        let own = simple.names().iter().zip(&simple.below.columns);
        let used = own.filter(|(name, _)| used.contains(*name)).map(|(_, column)| column.name.clone()).collect();
        Ok(Over { values, condition, used })
    }
}

/// PostgreSQL's refusal of a view that cannot be written through.
fn refused(view: &Relation, verb: Verb, why: &str) -> crate::Error {
    let name = &view.name.name;
    let (message, doing, event) = match verb {
        Verb::Insert => (format!("cannot insert into view \"{name}\""), "inserting into", "INSERT"),
        Verb::Update => (format!("cannot update view \"{name}\""), "updating", "UPDATE"),
        Verb::Delete => (format!("cannot delete from view \"{name}\""), "deleting from", "DELETE"),
    };
    let hint = format!(
        "To enable {doing} the view, provide an INSTEAD OF {event} trigger or an unconditional ON {event} DO INSTEAD rule."
    );
    SqlError::new("55000", message).detail(why).hint(hint).into()
}
