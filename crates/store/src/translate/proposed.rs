//! Rows as a write would make them, or as it meets them: looked at before it, to judge them as PostgreSQL does, or after it was refused, to
//! tell what was wrong.

use std::fmt::Write as _;
use std::sync::Arc;

use sql::ast::{Assignment, Expr, Name, Update};
use values::Type;

use super::dml::rowid;
use super::scope::{Frame, Looks, Source};
use super::through::{CheckOption, Target, Verb};
use super::{OutColumn, Translated, Translator, Typed, quote, text_sql, unsupported};
use crate::catalog::{Column, Privilege, Relation};
use crate::error::Result;

impl<'a> Translator<'a> {
    /// A query that gives a proposed row of `relation` as it would be stored, and after its columns the place of the first of `checks`, and of
    /// the check options that follow them ([`super::Destination::options`]), that it fails; null when it fails none. The columns `given` are the
    /// parameters `?1…` in stored form; the others get their defaults. Checks are evaluated as PostgreSQL does: in order, and before the row is
    /// there; of one of `several` rows without those that must wait ([`Translator::propose_afresh`]). For a view the row and the checks are
    /// those of the table it is written through to ([`Translator::destination`]).
    pub fn propose(
        &mut self,
        relation: &Arc<Relation>,
        given: &[Name],
        checks: &[Arc<Expr>],
        several: bool,
    ) -> Result<Translated> {
        let target = self.open(relation, "", Verb::Insert)?;
        let given = given.iter().map(|name| target.column(name, Verb::Insert)).collect::<Result<Vec<_>>>()?;
        let given: Vec<&Name> = given.into_iter().map(|column| &column.name).collect();
        let table = &target.table;
        let from = self.proposal(table, &given, false)?;
        let alias = quote(&table.name.name);
        let mut columns: Vec<OutColumn> = stored(table).map(out_column).collect();
        let mut items: Vec<String> = columns.iter().map(|column| format!("{alias}.{}", quote(&column.name))).collect();
        let mut tests = self.tests_over(table, checks, &alias)?;
        let seen = if target.is_view() { self.open(relation, &alias, Verb::Insert)? } else { target };
        tests.extend(seen.ahead().map(|option| (option.condition.clone(), option.looks)));
        items.push(first_failed(&tests, if several { Asked::Before } else { Asked::All }));
        columns.push(failed_column());
        Ok(Translated { sql: format!("SELECT {} FROM {from}", items.join(", ")), columns })
    }

    /// A query that judges a proposed row of a table again, right before it is inserted: by the checks that ask a volatile function, which sees
    /// the rows that the statement has inserted by then. Gives the place of the first that fails. The row's stored columns are the
    /// parameters `?1…`. None when there is no such check.
    pub fn propose_afresh(&mut self, table: &Arc<Relation>, checks: &[Arc<Expr>]) -> Result<Option<Translated>> {
        let alias = quote(&table.name.name);
        let tests = self.tests_over(table, checks, &alias)?;
        if !tests.iter().any(|(_, looks)| Asked::Afresh.includes(*looks)) {
            return Ok(None);
        }
        let given: Vec<&Name> = stored(table).map(|column| &column.name).collect();
        let from = self.proposal(table, &given, false)?;
        let sql = format!("SELECT {} FROM {from}", first_failed(&tests, Asked::Afresh));
        Ok(Some(Translated { sql, columns: vec![failed_column()] }))
    }

    /// Checks over a source of a table's rows that SQLite knows by a (quoted) alias.
    fn tests_over(&mut self, table: &Arc<Relation>, checks: &[Arc<Expr>], alias: &str) -> Result<Vec<(String, Looks)>> {
        self.frames.push(Frame::default());
        let result = checks.iter().map(|check| self.looking(|this| this.policy_over(table, check, alias))).collect();
        self.frames.pop();
        result
    }

    /// A query that gives the row of a table that an insert has just tried, whole and with its generated columns: like
    /// [`Translator::propose`], but numbers are those that the insert has drawn.
    pub fn tried(&mut self, table: &Arc<Relation>, given: &[Name]) -> Result<Translated> {
        let given: Vec<&Name> = given.iter().collect();
        let from = self.proposal(table, &given, true)?;
        let columns: Vec<OutColumn> = table.columns.iter().map(out_column).collect();
        let items: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        Ok(Translated { sql: format!("SELECT {} FROM {from}", items.join(", ")), columns })
    }

    /// A row as a source named like its table: what is given, defaults, generated columns.
    fn proposal(&mut self, relation: &Arc<Relation>, given: &[&Name], drawn: bool) -> Result<String> {
        let mut inner = Vec::with_capacity(relation.columns.len());
        let mut outer = Vec::new();
        for column in relation.columns.iter().filter(|column| column.generated.is_none()) {
            let sequence = column.sequence.as_ref().filter(|_| drawn);
            let value = match given.iter().position(|name| **name == column.name) {
                Some(at) => format!("?{}", at + 1),
                // A missing key is judged when the row is written; policies come before that.
                None if column.default.is_none() && column.sequence.is_none() => "NULL".to_owned(),
                None => match sequence {
                    Some(sequence) => format!("pg_currval({})", text_sql(&sequence.to_string())),
                    None => self.default_of(relation, column)?,
                },
            };
            inner.push(format!("{value} AS {}", quote(&column.name)));
        }
        let alias = quote(&relation.name.name);
        for column in relation.columns.iter().filter(|column| column.generated.is_some()) {
            let tree = column
                .generated
                .as_ref()
                .and_then(|text| text.tree().cloned())
                .ok_or_else(|| unsupported(format!("generated column \"{}\"", column.name)))?;
            let value = self.over_relation(&tree, relation, &relation.name.name, Some(&column.ty))?;
            outer.push(format!("{} AS {}", value.sql, quote(&column.name)));
        }
        let mut from = format!("(SELECT {}) AS {alias}", inner.join(", "));
        if !outer.is_empty() {
            from = format!("(SELECT {alias}.*, {} FROM {from}) AS {alias}", outer.join(", "));
        }
        Ok(from)
    }

    /// A query that looks for the row (of the table below, for a view) whose `key` columns equal the parameters `?1…`: one row if there is
    /// one, with the place of the first of `checks` that it fails, else null.
    pub fn existing(&mut self, relation: &Arc<Relation>, key: &[Name], checks: &[Arc<Expr>]) -> Result<Translated> {
        self.frames.push(Frame::default());
        let result = self.existing_in_frame(relation, key, checks);
        self.frames.pop();
        result
    }

    fn existing_in_frame(
        &mut self,
        relation: &Arc<Relation>,
        key: &[Name],
        checks: &[Arc<Expr>],
    ) -> Result<Translated> {
        let (head, target) = self.target(relation, None, Verb::Insert)?;
        let alias = &target.alias;
        let judged = self.tests_over(&target.table, checks, alias)?;
        let failed = first_failed(&judged, Asked::All);
        let mut tests = Vec::with_capacity(key.len());
        for (index, name) in key.iter().enumerate() {
            let column = target.column(name, Verb::Insert)?;
            let left = Typed::new(format!("{alias}.{}", quote(&column.name)), column.ty.clone());
            tests.push(format!("{} = ?{}", super::compare::ordered(&left), index + 1));
        }
        Ok(Translated {
            sql: format!("SELECT {failed} FROM {head} WHERE {} LIMIT 1", tests.join(" AND ")),
            columns: vec![failed_column()],
        })
    }

    /// A query that finds out whether an update would leave a row that fails one of `checks`, or a check option that is judged on proposed
    /// rows ([`super::Destination::options`]): for the first such row, else for none, the place of the first of these that it fails, and the
    /// whole of the row. Evaluated before anything changes, as PostgreSQL does.
    pub fn update_violations(&mut self, update: &Update, checks: &[Arc<Expr>]) -> Result<Translated> {
        Ok(self.violations_of(update, checks, Asked::All)?.0)
    }

    /// The same of an upsert's update ([`Translator::merge`]).
    pub fn merge_violations(&mut self, update: &Update, checks: &[Arc<Expr>]) -> Result<Translated> {
        Ok(self.violations_of(update, checks, Asked::OfMerge)?.0)
    }

    /// The same of an update that goes row by row: of all rows together the checks that look at what was there before, and of
    /// [`Translator::one_row`] those that ask a volatile function. None when there is none.
    pub fn row_violations(&mut self, update: &Update, checks: &[Arc<Expr>]) -> Result<Option<Translated>> {
        let (text, any) =
            self.violations_of(update, checks, if self.row.is_some() { Asked::Afresh } else { Asked::Before })?;
        Ok(any.then_some(text))
    }

    /// The same of all check options, wherever they are judged.
    pub fn outside_options(&mut self, update: &Update) -> Result<Translated> {
        Ok(self.violations_of(update, &[], Asked::Options)?.0)
    }

    /// With whether anything is asked at all.
    fn violations_of(&mut self, update: &Update, checks: &[Arc<Expr>], asked: Asked) -> Result<(Translated, bool)> {
        let relation = self.relation(&update.table)?;
        self.frames.push(Frame::default());
        let result = self.violations_in_frame(update, &relation, checks, asked);
        self.frames.pop();
        result
    }

    /// A query of the rows that a change meets, as they would be stored after it, without generated columns.
    fn touched_in_frame(
        &mut self,
        update: &Update,
        target: &Target<'a>,
        head: &str,
        privilege: Privilege,
    ) -> Result<Translated> {
        let (relation, alias) = (&target.table, &target.alias);
        let mut columns = Vec::with_capacity(relation.columns.len());
        let mut values = Vec::with_capacity(relation.columns.len());
        for column in relation.columns.iter().filter(|column| column.generated.is_none()) {
            let set = update.set.iter().find_map(|assignment| match assignment {
                Assignment::Column { column: name, value } if target.below(name) == Some(&column.name) => Some(value),
                Assignment::Column { .. } | Assignment::Columns { .. } => None,
            });
            let value = match set {
                Some(value) => {
                    let typed = if *value == Expr::Default {
                        Typed::new(self.default_of(relation, column)?, column.ty.clone())
                    } else {
                        let typed = self.expr(value)?;
                        self.store(typed, column)?
                    };
                    typed.sql
                }
                None => format!("{alias}.{}", quote(&column.name)),
            };
            values.push(format!("{value} AS {}", quote(&column.name)));
            columns.push(OutColumn { name: column.name.clone(), ty: column.ty.clone(), source: None });
        }
        let rows = format!("SELECT {} FROM {head}", values.join(", "));
        if !update.returning.is_empty() {
            // What the change returns is read, so that select policies choose its rows too.
            self.returning(&update.returning)?;
        }
        let sql = self.filtered(rows, target, privilege, update.filter.as_ref(), &[])?.sql;
        Ok(Translated { sql, columns })
    }

    /// A query of the places of the rows that a change (`Update` or `Delete`) meets: for [`Translator::one_row`], with the same parameters; the
    /// last is null.
    pub fn places(&mut self, update: &Update, privilege: Privilege) -> Result<Translated> {
        let relation = self.relation(&update.table)?;
        let verb = if privilege == Privilege::Delete { Verb::Delete } else { Verb::Update };
        self.frames.push(Frame::default());
        let result = self.target(&relation, update.alias.as_ref(), verb).and_then(|(head, target)| {
            if !update.returning.is_empty() {
                self.returning(&update.returning)?;
            }
            let place = format!("{}.{}", target.alias, rowid(&target.table));
            let sql = format!("SELECT {place} AS place FROM {head}");
            let text = self.filtered(sql, &target, privilege, update.filter.as_ref(), &[])?.sql;
            Ok(format!("SELECT place FROM ({text}) WHERE ?{} IS NULL", self.params.len() + 1))
        });
        self.frames.pop();
        let columns = vec![OutColumn { name: Name::from("place"), ty: Type::Int8, source: None }];
        Ok(Translated { sql: result?, columns })
    }

    /// A query of the rows that an update meets (of the table below, for a view), whole and as they would be stored after it. With
    /// `judged`, of the row that an upsert has found ([`Translator::merge`]).
    pub fn changed(&mut self, update: &Update, judged: bool) -> Result<Translated> {
        self.whole(update, Privilege::Update, judged)
    }

    /// A query of the rows that a change (`Update` or `Delete`) meets, whole and as they are: the update sets nothing.
    pub fn met(&mut self, update: &Update, privilege: Privilege) -> Result<Translated> {
        self.whole(update, privilege, false)
    }

    fn whole(&mut self, update: &Update, privilege: Privilege, judged: bool) -> Result<Translated> {
        let relation = self.relation(&update.table)?;
        self.frames.push(Frame::default());
        let result = self.changed_rows(update, &relation, privilege, judged);
        self.frames.pop();
        let (rows, inner, table) = result?;
        let columns: Vec<OutColumn> = table.columns.iter().map(out_column).collect();
        let items: Vec<String> = columns.iter().map(|column| format!("{inner}.{}", quote(&column.name))).collect();
        Ok(Translated { sql: format!("SELECT {} FROM {rows}", items.join(", ")), columns })
    }

    /// The rows of an update after it as a source, its name, and the table.
    fn changed_rows(
        &mut self,
        update: &Update,
        relation: &Arc<Relation>,
        privilege: Privilege,
        judged: bool,
    ) -> Result<(String, String, Arc<Relation>)> {
        let verb = match privilege {
            Privilege::Delete => Verb::Delete,
            _ if judged => Verb::Insert,
            _ => Verb::Update,
        };
        let (head, mut target) = self.target(relation, update.alias.as_ref(), verb)?;
        target.judged = judged;
        let rows = self.touched_in_frame(update, &target, &head, privilege)?.sql;
        let relation = &target.table;
        let inner = self.unique_alias(&relation.name.name);
        let mut generated = Vec::new();
        for column in relation.columns.iter().filter(|column| column.generated.is_some()) {
            if let Some(tree) = column.generated.as_ref().and_then(|text| text.tree().cloned()) {
                let source = Source::of_relation(relation, &relation.name.name, inner.clone());
                let value =
                    self.with_source(source, |this| this.expr(&tree).and_then(|value| this.assign(value, &column.ty)))?;
                generated.push(format!("{} AS {}", value.sql, quote(&column.name)));
            }
        }
        let rows = if generated.is_empty() {
            format!("({rows}) AS {inner}")
        } else {
            format!("(SELECT {inner}.*, {} FROM ({rows}) AS {inner}) AS {inner}", generated.join(", "))
        };
        Ok((rows, inner, target.table))
    }

    fn violations_in_frame(
        &mut self,
        update: &Update,
        relation: &Arc<Relation>,
        checks: &[Arc<Expr>],
        asked: Asked,
    ) -> Result<(Translated, bool)> {
        let merges = asked == Asked::OfMerge;
        let (rows, inner, table) = self.changed_rows(update, relation, Privilege::Update, merges)?;
        let mut tests = self.tests_over(&table, checks, &inner)?;
        let seen = self.open(relation, &inner, if merges { Verb::Insert } else { Verb::Update })?;
        let everywhere = asked == Asked::Options;
        let options: Vec<&CheckOption> = if everywhere { seen.checks.iter().collect() } else { seen.ahead().collect() };
        tests.extend(options.iter().map(|option| (option.condition.clone(), option.looks)));
        let any = tests.iter().any(|(_, looks)| asked.includes(*looks));
        let names: Vec<String> =
            table.columns.iter().map(|column| format!("{inner}.{}", quote(&column.name))).collect();
        let names = names.join(", ");
        let failed = first_failed(&tests, asked);
        let sql = format!("SELECT {failed} AS \"~failed\", {names} FROM {rows} WHERE \"~failed\" IS NOT NULL LIMIT 1");
        let columns = std::iter::once(failed_column()).chain(table.columns.iter().map(out_column)).collect();
        Ok((Translated { sql, columns }, any))
    }
}

/// Which checks and check options are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    All,
    /// All, of an upsert's update.
    OfMerge,
    /// Check options, wherever they are judged.
    Options,
    /// Those that look at the row alone, or at what was there before.
    Before,
    /// Those with volatile functions.
    Afresh,
}

impl Asked {
    fn includes(self, looks: Looks) -> bool {
        match self {
            Self::All | Self::OfMerge | Self::Options => true,
            Self::Before => looks.before || !looks.afresh,
            Self::Afresh => looks.afresh,
        }
    }
}

fn stored(table: &Relation) -> impl Iterator<Item = &Column> {
    table.columns.iter().filter(|column| column.generated.is_none())
}

/// The place of the first test that fails, or null. PostgreSQL asks them in order too, and what it does not come to cannot go wrong.
fn first_failed(tests: &[(String, Looks)], asked: Asked) -> String {
    let mut sql = String::from("CASE");
    for (place, (test, _)) in tests.iter().enumerate().filter(|(_, (_, looks))| asked.includes(*looks)) {
        let _ = write!(sql, " WHEN ({test}) IS NOT TRUE THEN {place}");
    }
    if sql.ends_with("CASE") { "NULL".to_owned() } else { sql + " END" }
}

fn failed_column() -> OutColumn {
    OutColumn { name: Name::from("failed"), ty: Type::Int4, source: None }
}

fn out_column(column: &Column) -> OutColumn {
    OutColumn { name: column.name.clone(), ty: column.ty.clone(), source: None }
}
