//! Inserts, updates and deletes.

use std::collections::BTreeSet;
use std::sync::Arc;

use sql::ast::{
    Assignment, ConflictAction, ConflictTarget, Delete, Expr, Insert, InsertSource, Literal, OnConflict, Query,
    QueryBody, SelectItem, Update,
};

use super::scope::{Frame, Looks, Source};
use super::through::{Target, Verb};
use super::{Access, OutColumn, Translated, Translator, Typed, Usage, physical_name, quote, text_sql, unsupported};
use crate::catalog::{Column, Identity, Name, Privilege, Relation};
use crate::error::{Result, SqlError};

impl<'a> Translator<'a> {
    /// Translates an insert.
    pub fn insert(&mut self, insert: &Insert) -> Result<Translated> {
        if insert.with.is_some() {
            return Err(unsupported("INSERT inside WITH"));
        }
        let relation = self.relation(&insert.table)?;
        let alias = insert.alias.clone().unwrap_or_else(|| relation.name.name.clone());
        let target = self.open(&relation, &quote(&alias), Verb::Insert)?;
        // A row of defaults names no column, and one column's privilege is enough for it.
        let named = match insert.source {
            InsertSource::DefaultValues => Vec::new(),
            InsertSource::Query(_) => target_columns(&relation, &insert.columns)?,
        };
        let columns =
            named.iter().map(|column| target.column(&column.name, Verb::Insert)).collect::<Result<Vec<_>>>()?;
        let named = named.iter().map(|column| column.name.clone()).collect();
        self.check_write(&relation, Privilege::Insert, &named)?;
        target.check_below(Privilege::Insert, &named)?;
        self.frames.push(Frame::default());
        let result = self.insert_in_frame(insert, &target, &alias, &columns);
        self.frames.pop();
        result
    }

    /// Translates an insert of a row that [`Translator::propose`] has given: its columns are those of the table that changes, also where
    /// the statement names a view. The privilege to insert is asked for by the columns really given, not by those the proposal filled in.
    pub fn insert_proposed(&mut self, insert: &Insert, given: &[Name]) -> Result<Translated> {
        let relation = self.relation(&insert.table)?;
        let alias = insert.alias.clone().unwrap_or_else(|| relation.name.name.clone());
        let mut target = self.open(&relation, &quote(&alias), Verb::Insert)?;
        target.proposed = true;
        let columns = target_columns(&target.table, &insert.columns)?;
        let given = given.iter().cloned().collect();
        self.check_write(&relation, Privilege::Insert, &given)?;
        target.check_below(Privilege::Insert, &given)?;
        self.frames.push(Frame::default());
        let result = self.insert_in_frame(insert, &target, &alias, &columns);
        self.frames.pop();
        result
    }

    fn insert_in_frame(
        &mut self,
        insert: &Insert,
        target: &Target<'a>,
        alias: &Name,
        columns: &[&Column],
    ) -> Result<Translated> {
        let relation = &target.table;
        let overriding = insert.overriding_system;
        let rowid = relation.rowid_column();
        // What SQLite would fill in by itself must come from the sequence.
        let added: Vec<&Column> =
            rowid.into_iter().filter(|column| !columns.iter().any(|given| given.name == column.name)).collect();
        let mut names: Vec<String> = columns.iter().chain(&added).map(|column| quote(&column.name)).collect();
        let source = match &insert.source {
            InsertSource::DefaultValues if names.is_empty() => "DEFAULT VALUES".to_owned(),
            InsertSource::DefaultValues => {
                names = added.iter().map(|column| quote(&column.name)).collect();
                if names.is_empty() {
                    "DEFAULT VALUES".to_owned()
                } else {
                    let values =
                        added.iter().map(|column| self.default_of(relation, column)).collect::<Result<Vec<_>>>()?;
                    format!("VALUES ({})", values.join(", "))
                }
            }
            InsertSource::Query(query) => match &query.body {
                QueryBody::Values(rows)
                    if query.with.is_none() && query.limit.is_none() && query.order_by.is_empty() =>
                {
                    self.insert_rows(relation, columns, &added, rows, overriding)?
                }
                _ => self.insert_query(relation, columns, &added, query, overriding)?,
            },
        };
        let physical = quote(&physical_name(&relation.name));
        let mut sql = format!("INSERT INTO {physical}");
        if physical != target.alias {
            sql.push_str(" AS ");
            sql.push_str(&target.alias);
        }
        if source != "DEFAULT VALUES" {
            push_list(&mut sql, &names);
        }
        sql.push(' ');
        sql.push_str(&source);
        let source = target.source(alias, insert.alias.is_none().then(|| target.named.name.schema.clone()));
        self.frame().push(source);
        if let Some(conflict) = &insert.on_conflict {
            sql.push_str(&self.on_conflict(target, conflict)?);
        }
        self.finish(sql, target, Verb::Insert, &insert.returning)
    }

    /// Adds the returning clause and asks the guard about what it and the conditions read.
    fn finish(
        &mut self,
        mut sql: String,
        target: &Target<'a>,
        verb: Verb,
        returning: &[SelectItem],
    ) -> Result<Translated> {
        let (items, columns) = self.bare(target, verb, returning)?;
        if !items.is_empty() {
            sql.push_str(" RETURNING ");
            sql.push_str(&items);
        }
        self.check_used(target)?;
        Ok(Translated { sql, columns })
    }

    /// The items of a returning clause, where SQLite knows no alias: a table's columns stand bare, and what a view computes is over the
    /// table by its own name.
    fn bare(&mut self, target: &Target<'a>, verb: Verb, items: &[SelectItem]) -> Result<(String, Vec<OutColumn>)> {
        if !target.is_view() {
            if items.is_empty() {
                return Ok((String::new(), Vec::new()));
            }
            let alias = std::mem::take(&mut self.frame().sources[0].sql);
            let result = self.returning(items);
            self.frame().sources[0].sql = alias;
            return result;
        }
        let mut returned = self.returned(target, verb)?;
        returned.proposed = target.proposed;
        if items.is_empty() {
            return Ok((if verb == Verb::Delete { String::new() } else { returned.judged(String::new()) }, Vec::new()));
        }
        let shown = self.frame().sources[0].clone();
        let source = returned.source(&shown.alias, shown.schema.clone());
        self.frame().sources[0] = Source { used: shown.used.clone(), ..source };
        let result = self.returning(items);
        let used = std::mem::take(&mut self.frame().sources[0].used);
        self.frame().sources[0] = Source { used, ..shown };
        let (items, columns) = result?;
        Ok((if verb == Verb::Delete { items } else { returned.judged(items) }, columns))
    }

    fn check_used(&mut self, target: &Target<'a>) -> Result<()> {
        let used: BTreeSet<Name> = self
            .frame()
            .sources
            .iter()
            .filter(|source| source.relation.as_ref().is_some_and(|found| Arc::ptr_eq(found, &target.named)))
            .flat_map(|source| source.used.iter().cloned())
            .collect();
        if !used.is_empty() {
            self.guard.check(&target.named, &Access { privilege: Privilege::Select, columns: &used })?;
            target.check_read()?;
        }
        self.close()
    }

    fn check_write(&mut self, relation: &Relation, privilege: Privilege, columns: &BTreeSet<Name>) -> Result<()> {
        self.guard.check(relation, &Access { privilege, columns })?;
        Ok(())
    }

    /// A column's default as SQLite text; for one without, NULL or the error that a missing key is.
    pub(crate) fn default_of(&mut self, relation: &Relation, column: &Column) -> Result<String> {
        if let Some(sequence) = &column.sequence
            && (column.identity.is_some() || column.default.is_none())
        {
            return Ok(format!("pg_nextval({})", text_sql(&sequence.to_string())));
        }
        match &column.default {
            Some(default) => {
                let tree = default
                    .tree()
                    .cloned()
                    .ok_or_else(|| unsupported(format!("the default of column \"{}\"", column.name)))?;
                self.frames.push(Frame::barrier());
                let value = self.constant(&tree, &column.ty);
                self.frames.pop();
                Ok(value?.sql)
            }
            None if is_rowid(relation, column) => Ok(not_null(relation, column)),
            None => Ok("NULL".to_owned()),
        }
    }

    fn insert_rows(
        &mut self,
        relation: &Arc<Relation>,
        columns: &[&Column],
        added: &[&Column],
        rows: &[Vec<Expr>],
        overriding: Option<bool>,
    ) -> Result<String> {
        let mut sql = String::from("VALUES ");
        for (index, row) in rows.iter().enumerate() {
            if row.len() > columns.len() {
                return Err(SqlError::new("42601", "INSERT has more expressions than target columns").into());
            }
            if row.len() < columns.len() {
                return Err(SqlError::new("42601", "INSERT has more target columns than expressions").into());
            }
            if index > 0 {
                sql.push_str(", ");
            }
            sql.push('(');
            for (at, (value, column)) in row.iter().zip(columns).enumerate() {
                if at > 0 {
                    sql.push_str(", ");
                }
                sql.push_str(&self.insert_value(relation, column, value, overriding)?);
            }
            for (at, column) in added.iter().enumerate() {
                if at > 0 || !columns.is_empty() {
                    sql.push_str(", ");
                }
                sql.push_str(&self.default_of(relation, column)?);
            }
            sql.push(')');
        }
        Ok(sql)
    }

    fn insert_value(
        &mut self,
        relation: &Arc<Relation>,
        column: &Column,
        value: &Expr,
        overriding: Option<bool>,
    ) -> Result<String> {
        if *value == Expr::Default {
            return self.default_of(relation, column);
        }
        if column.generated.is_some() {
            return Err(SqlError::new(
                "428C9",
                format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name),
            )
            .detail(format!("Column \"{}\" is a generated column.", column.name))
            .into());
        }
        match (column.identity, overriding) {
            (Some(Identity::Always), None) => return Err(identity_always(column)),
            (Some(_), Some(false)) => return self.default_of(relation, column),
            _ => {}
        }
        let typed = self.expr(value)?;
        let typed = self.store(typed, column)?;
        let known = matches!(value, Expr::Literal(Literal::Integer(_) | Literal::String(_)));
        if is_rowid(relation, column) && !known {
            return Ok(format!("coalesce({}, {})", typed.sql, not_null(relation, column)));
        }
        Ok(typed.sql)
    }

    /// Coerces a value for a column, with PostgreSQL's message when it does not fit.
    pub(crate) fn store(&mut self, value: Typed, column: &Column) -> Result<Typed> {
        let from = value.ty.base_name();
        self.assign(value, &column.ty).map_err(|error| match error {
            crate::Error::Sql(mut inner) if inner.code == "42804" || inner.code == "42846" => {
                "42804".clone_into(&mut inner.code);
                inner.message = format!(
                    "column \"{}\" is of type {} but expression is of type {from}",
                    column.name,
                    column.ty.base_name()
                );
                inner.hint = Some("You will need to rewrite or cast the expression.".to_owned());
                crate::Error::Sql(inner)
            }
            other => other,
        })
    }

    fn insert_query(
        &mut self,
        relation: &Arc<Relation>,
        columns: &[&Column],
        added: &[&Column],
        query: &Query,
        overriding: Option<bool>,
    ) -> Result<String> {
        for column in columns {
            if column.generated.is_some() || (column.identity == Some(Identity::Always) && overriding.is_none()) {
                return Err(identity_always(column));
            }
        }
        let (inner, found) = self.query(query)?;
        if found.len() != columns.len() {
            let more = if found.len() > columns.len() {
                "expressions than target columns"
            } else {
                "target columns than expressions"
            };
            return Err(SqlError::new("42601", format!("INSERT has more {more}")).into());
        }
        let mut items = Vec::with_capacity(columns.len() + added.len());
        let mut names = Vec::with_capacity(columns.len());
        for (index, (column, found)) in columns.iter().zip(&found).enumerate() {
            let name = quote(&format!("c{index}"));
            let value = self.store(Typed::new(format!("q.{name}"), found.ty.clone()), column)?;
            let sql = if is_rowid(relation, column) {
                format!("coalesce({}, {})", value.sql, not_null(relation, column))
            } else {
                value.sql
            };
            items.push(sql);
            names.push(name);
        }
        for column in added {
            items.push(self.default_of(relation, column)?);
        }
        // `WHERE true`: without it SQLite would read ON CONFLICT as a join's ON.
        Ok(format!(
            "SELECT {} FROM (WITH q({}) AS ({inner}) SELECT * FROM q) AS q WHERE true",
            items.join(", "),
            names.join(", ")
        ))
    }

    fn on_conflict(&mut self, target: &Target<'a>, conflict: &OnConflict) -> Result<String> {
        let relation = &target.table;
        let plain = |expr: &Expr| match expr {
            Expr::Column { parts } => parts.last().map(|name| target.below(name).unwrap_or(name).clone()),
            _ => None,
        };
        let mut sql = String::from(" ON CONFLICT");
        match &conflict.target {
            None => {}
            Some(ConflictTarget::Constraint(name)) => {
                let key =
                    relation.primary_key.iter().chain(&relation.uniques).find(|key| key.name == *name).ok_or_else(
                        || {
                            SqlError::new(
                                "42704",
                                format!("constraint \"{name}\" for table \"{}\" does not exist", relation.name.name),
                            )
                        },
                    )?;
                let columns: Vec<String> = key.columns.iter().map(|column| quote(column)).collect();
                self.frame().sources[0].used.extend(key.columns.iter().cloned());
                push_list(&mut sql, &columns);
            }
            Some(ConflictTarget::Index { elements, filter }) => {
                let mut terms = Vec::with_capacity(elements.len());
                for element in elements {
                    let value = self.expr(&element.expr)?;
                    // SQLite wants the bare column here.
                    terms.push(plain(&element.expr).map_or(value.sql, |name| quote(&name)));
                }
                let columns: Option<Vec<Name>> = elements.iter().map(|element| plain(&element.expr)).collect();
                if let (Some(columns), None) = (columns, filter)
                    && !has_key(relation, &columns)
                {
                    return Err(no_key());
                }
                push_list(&mut sql, &terms);
                if let Some(filter) = filter {
                    sql.push_str(" WHERE ");
                    sql.push_str(&self.boolean(filter)?.sql);
                }
            }
        }
        match &conflict.action {
            ConflictAction::Nothing => sql.push_str(" DO NOTHING"),
            ConflictAction::Update { set, filter } => {
                let excluded = self.open(&target.named, &quote("excluded"), Verb::Insert)?;
                let mut excluded = excluded.source("excluded", None);
                excluded.relation = None;
                self.frame().push(excluded);
                sql.push_str(" DO UPDATE SET ");
                sql.push_str(&self.assignments(target, set)?);
                if let Some(filter) = filter {
                    sql.push_str(" WHERE ");
                    sql.push_str(&self.boolean(filter)?.sql);
                }
                // `excluded` is not visible in RETURNING.
                self.frame().sources.pop();
            }
        }
        Ok(sql)
    }

    fn assignments(&mut self, target: &Target<'a>, set: &[Assignment]) -> Result<String> {
        let mut parts = Vec::with_capacity(set.len());
        let mut columns = BTreeSet::new();
        let mut assigned = BTreeSet::new();
        let mut assign = |this: &mut Self, name: &Name, value: &Expr| -> Result<()> {
            let column = target.column(name, Verb::Update)?;
            if !assigned.insert(column.name.clone()) {
                return Err(
                    SqlError::new("42601", format!("multiple assignments to same column \"{}\"", column.name)).into()
                );
            }
            columns.insert(name.clone());
            let sql = this.update_value(&target.table, column, value)?;
            parts.push(format!("{} = {sql}", quote(&column.name)));
            Ok(())
        };
        for assignment in set {
            match assignment {
                Assignment::Column { column, value } => assign(self, column, value)?,
                Assignment::Columns { columns, value } => match value {
                    Expr::Row { items, .. } if items.len() == columns.len() => {
                        for (column, value) in columns.iter().zip(items) {
                            assign(self, column, value)?;
                        }
                    }
                    value if columns.len() == 1 => assign(self, &columns[0], value)?,
                    Expr::Row { .. } => {
                        return Err(SqlError::new("42601", "number of columns does not match number of values").into());
                    }
                    _ => return Err(unsupported("SET (a, b) = (SELECT …)")),
                },
            }
        }
        self.check_write(&target.named, Privilege::Update, &columns)?;
        target.check_below(Privilege::Update, &columns)?;
        Ok(parts.join(", "))
    }

    fn update_value(&mut self, relation: &Arc<Relation>, column: &Column, value: &Expr) -> Result<String> {
        if *value == Expr::Default {
            if column.generated.is_some() {
                return Err(unsupported("SET generated_column = DEFAULT"));
            }
            return self.default_of(relation, column);
        }
        if column.generated.is_some() {
            return Err(SqlError::new("428C9", format!("column \"{}\" can only be updated to DEFAULT", column.name))
                .detail(format!("Column \"{}\" is a generated column.", column.name))
                .into());
        }
        if column.identity == Some(Identity::Always) {
            return Err(SqlError::new("428C9", format!("column \"{}\" can only be updated to DEFAULT", column.name))
                .detail(format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name))
                .into());
        }
        let typed = self.expr(value)?;
        let typed = self.store(typed, column)?;
        if is_rowid(relation, column) {
            return Ok(format!("coalesce({}, {})", typed.sql, not_null(relation, column)));
        }
        Ok(typed.sql)
    }

    /// Translates an update.
    pub fn update(&mut self, update: &Update) -> Result<Translated> {
        self.update_of(update, (false, false))
    }

    /// Translates an update whose new rows have been judged before it ([`Translator::update_violations`]).
    pub fn update_proposed(&mut self, update: &Update) -> Result<Translated> {
        self.update_of(update, (false, true))
    }

    /// Translates the update of a row that an upsert has found by its key and judged ([`Translator::existing`],
    /// [`Translator::merge_violations`]): neither the conditions of views nor policies choose it again. PostgreSQL asks a view's condition
    /// of new rows only, by its check option.
    pub fn merge(&mut self, update: &Update) -> Result<Translated> {
        self.update_of(update, (true, true))
    }

    fn update_of(&mut self, update: &Update, done: (bool, bool)) -> Result<Translated> {
        if update.with.is_some() {
            return Err(unsupported("UPDATE inside WITH"));
        }
        let relation = self.relation(&update.table)?;
        self.frames.push(Frame::default());
        let result = self.update_in_frame(update, &relation, done);
        self.frames.pop();
        result
    }

    fn update_in_frame(
        &mut self,
        update: &Update,
        relation: &Arc<Relation>,
        (judged, proposed): (bool, bool),
    ) -> Result<Translated> {
        let verb = if judged { Verb::Insert } else { Verb::Update };
        let (head, mut target) = self.target(relation, update.alias.as_ref(), verb)?;
        (target.judged, target.proposed) = (judged, proposed);
        let mut from = Vec::with_capacity(update.from.len());
        for item in &update.from {
            from.push(self.source_item(item)?);
        }
        let set = self.assignments(&target, &update.set)?;
        let mut sql = format!("UPDATE {head} SET {set}");
        if !from.is_empty() {
            sql.push_str(" FROM ");
            sql.push_str(&from.join(" CROSS JOIN "));
        }
        self.filtered(sql, &target, Privilege::Update, update.filter.as_ref(), &update.returning)
    }

    /// The target and its text; pushes it as a source.
    pub(super) fn target(
        &mut self,
        relation: &Arc<Relation>,
        alias: Option<&Name>,
        verb: Verb,
    ) -> Result<(String, Target<'a>)> {
        let shown = alias.cloned().unwrap_or_else(|| relation.name.name.clone());
        let sql_alias = self.unique_alias(&shown);
        let target = self.open(relation, &sql_alias, verb)?;
        let source = target.source(&shown, alias.is_none().then(|| relation.name.schema.clone()));
        self.frame().push(source);
        Ok((format!("{} AS {sql_alias}", quote(&physical_name(&target.table.name))), target))
    }

    /// Adds `where` with what views and policies demand, and `returning`.
    pub(super) fn filtered(
        &mut self,
        mut sql: String,
        target: &Target<'a>,
        privilege: Privilege,
        filter: Option<&Expr>,
        returning: &[SelectItem],
    ) -> Result<Translated> {
        let of_views = if target.judged { &[][..] } else { &target.conditions };
        let asked = |looks: Looks| self.row.is_none() || looks.afresh;
        let of_views = of_views.iter().filter(|(_, looks)| asked(*looks));
        let mut conditions: Vec<String> = of_views.map(|(condition, _)| condition.clone()).collect();
        if let Some(filter) = filter {
            let filter = self.boolean(filter)?.sql;
            conditions.extend(self.row.is_none().then_some(filter));
        }
        if let Some(parameter) = self.row {
            conditions.push(format!("{}.{} = ?{parameter}", target.alias, rowid(&target.table)));
        }
        let changes = !sql.starts_with("SELECT");
        // What an upsert changes is part of an insert.
        let verb = match privilege {
            Privilege::Delete => Verb::Delete,
            _ if target.judged => Verb::Insert,
            _ => Verb::Update,
        };
        let (items, columns) = if changes { self.bare(target, verb, returning)? } else { (String::new(), Vec::new()) };
        // PostgreSQL asks the select policies too when the statement reads the table.
        let reads = !self.frame().sources[0].used.is_empty();
        let usage = match verb {
            Verb::Delete => Usage::Delete { reads },
            Verb::Insert | Verb::Update => Usage::Update { reads },
        };
        let mut policies = Vec::new();
        if !target.judged {
            self.circles_of_write(target, usage, filter)?;
            policies.extend(target.guard.touchable(self.catalog, &target.table, privilege)?);
            if reads {
                policies.extend(target.guard.visible(self.catalog, &target.table)?);
            }
        }
        for policy in policies {
            let (condition, looks) = self.looking(|this| this.policy_over(&target.table, &policy, &target.alias))?;
            conditions.extend((self.row.is_none() || looks.afresh).then_some(condition));
        }
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        if !items.is_empty() {
            sql.push_str(" RETURNING ");
            sql.push_str(&items);
        }
        self.check_used(target)?;
        Ok(Translated { sql, columns })
    }

    /// A policy's condition over a relation that SQLite knows by a (quoted) alias.
    pub(super) fn policy_over(&mut self, relation: &Arc<Relation>, policy: &Expr, alias: &str) -> Result<String> {
        let source = Source::of_relation(relation, &relation.name.name, alias.to_owned());
        let public = [Name::from("public")];
        let value = self.unfolded(relation, policy, |this| {
            this.with_path(&public, |this| this.with_source(source, |this| this.boolean(policy)))
        })?;
        Ok(value.sql)
    }

    /// Translates a delete.
    pub fn delete(&mut self, delete: &Delete) -> Result<Translated> {
        if delete.with.is_some() {
            return Err(unsupported("DELETE inside WITH"));
        }
        let relation = self.relation(&delete.table)?;
        self.frames.push(Frame::default());
        let result = self.delete_in_frame(delete, &relation);
        self.frames.pop();
        result
    }

    fn delete_in_frame(&mut self, delete: &Delete, relation: &Arc<Relation>) -> Result<Translated> {
        let (head, target) = self.target(relation, delete.alias.as_ref(), Verb::Delete)?;
        self.check_write(relation, Privilege::Delete, &BTreeSet::new())?;
        target.check_below(Privilege::Delete, &BTreeSet::new())?;
        let sql = format!("DELETE FROM {head}");
        if delete.using.is_empty() {
            return self.filtered(sql, &target, Privilege::Delete, delete.filter.as_ref(), &delete.returning);
        }
        // DELETE … USING is an EXISTS over the other sources.
        let query = Query::from_body(QueryBody::Select(Box::new(sql::ast::Select {
            items: vec![SelectItem::Expr { expr: Expr::Literal(Literal::Integer("1".to_owned())), alias: None }],
            from: delete.using.clone(),
            filter: delete.filter.clone(),
            ..sql::ast::Select::empty()
        })));
        if delete.returning.contains(&SelectItem::Wildcard) {
            return Err(unsupported("DELETE … USING … RETURNING *"));
        }
        let exists = Expr::Exists(Box::new(query));
        self.filtered(sql, &target, Privilege::Delete, Some(&exists), &delete.returning)
    }

    /// What PostgreSQL refuses while it reads, rewrites and plans an insert, in its order: all of it comes before anybody's privileges.
    /// With a `key` the insert is an upsert by it, which `merges` or leaves rows that are there; `reads` when it returns or compares columns.
    pub fn judge_insert(
        &mut self,
        relation: &Arc<Relation>,
        given: &[Name],
        key: Option<&[Name]>,
        reads: bool,
        merges: bool,
    ) -> Result<()> {
        let key = key.unwrap_or_default();
        if let Some(name) = key.iter().find(|name| relation.column(name).is_none()) {
            return Err(SqlError::new("42703", format!("column \"{name}\" does not exist")).into());
        }
        let target = self.open(relation, "", Verb::Insert)?;
        let columns = given.iter().map(|name| target.column(name, Verb::Insert)).collect::<Result<Vec<_>>>()?;
        let fixed = |column: &&&Column| column.generated.is_some() || column.identity == Some(Identity::Always);
        if let Some(column) = columns.iter().find(fixed) {
            return Err(identity_always(column));
        }
        self.circles_of_write(&target, Usage::Insert { reads, merges }, [])?;
        if key.is_empty() {
            return Ok(());
        }
        let below: Option<Vec<Name>> = key.iter().map(|name| target.below(name).cloned()).collect();
        if below.is_some_and(|below| has_key(&target.table, &below)) {
            return Ok(());
        }
        // The guard may want to know whose views the key would be looked for in.
        let columns = key.iter().cloned().collect();
        self.guard.check(relation, &Access { privilege: Privilege::Select, columns: &columns })?;
        target.check_read()?;
        Err(no_key())
    }
}

/// The columns an insert names, or all that can be given.
fn target_columns<'r>(relation: &'r Relation, names: &[Name]) -> Result<Vec<&'r Column>> {
    if names.is_empty() {
        return Ok(relation.columns.iter().collect());
    }
    let mut out: Vec<&Column> = Vec::with_capacity(names.len());
    for name in names {
        let column = relation.column(name).ok_or_else(|| {
            SqlError::new("42703", format!("column \"{name}\" of relation \"{}\" does not exist", relation.name.name))
        })?;
        if out.iter().any(|known| known.name == *name) {
            return Err(SqlError::new("42701", format!("column \"{name}\" specified more than once")).into());
        }
        out.push(column);
    }
    Ok(out)
}

/// SQLite's name of a row's place in a table: one that no column has taken.
pub(super) fn rowid(table: &Relation) -> &'static str {
    let free = ["rowid", "_rowid_", "oid"];
    let taken = |name: &&&str| !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    free.iter().find(taken).copied().unwrap_or("rowid")
}

fn is_rowid(relation: &Relation, column: &Column) -> bool {
    relation.rowid_column().is_some_and(|rowid| rowid.name == column.name)
}

fn has_key(relation: &Relation, columns: &[Name]) -> bool {
    let wanted: BTreeSet<&Name> = columns.iter().collect();
    relation
        .primary_key
        .iter()
        .chain(&relation.uniques)
        .any(|key| key.columns.len() == wanted.len() && key.columns.iter().all(|column| wanted.contains(column)))
}

fn not_null(relation: &Relation, column: &Column) -> String {
    let message = format!(
        "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
        column.name, relation.name.name
    );
    format!("pg_raise('23502', {})", text_sql(&message))
}

fn no_key() -> crate::Error {
    SqlError::new("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification").into()
}

fn identity_always(column: &Column) -> crate::Error {
    let detail = if column.generated.is_some() {
        format!("Column \"{}\" is a generated column.", column.name)
    } else {
        format!("Column \"{}\" is an identity column defined as GENERATED ALWAYS.", column.name)
    };
    let error = SqlError::new("428C9", format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name))
        .detail(detail);
    if column.generated.is_some() {
        error.into()
    } else {
        error.hint("Use OVERRIDING SYSTEM VALUE to override.").into()
    }
}

/// ` (a, b)`.
fn push_list(sql: &mut String, items: &[String]) {
    sql.push_str(" (");
    sql.push_str(&items.join(", "));
    sql.push(')');
}
