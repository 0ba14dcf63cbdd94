//! Tables, indexes, views, policies.

use super::{Parse, Parser};
use crate::ast::{
    AlterPolicy, CheckOption, ColumnConstraint, ColumnConstraintKind, ColumnDef, CreateAs, CreateIndex, CreatePolicy,
    CreateTable, CreateTrigger, CreateView, Expr, ForeignRef, IndexElement, Name, ObjectName, OnCommit, Persistence,
    PolicyCommand, Query, RefAction, SelectItem, StorageOption, TableConstraint, TableConstraintKind, TableElement,
    Timing,
};
use crate::lex::TokenKind;

impl Parser<'_> {
    /// `create [temporary|unlogged] table …`, from `table` on.
    pub(super) fn create_table(&mut self, persistence: Persistence) -> Parse<CreateTable> {
        self.expect("table")?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let mut table = CreateTable {
            name,
            persistence,
            if_not_exists,
            elements: Vec::new(),
            inherits: Vec::new(),
            partition_by: None,
            partition_of: None,
            access_method: None,
            options: Vec::new(),
            on_commit: None,
            tablespace: None,
            as_query: None,
        };
        if self.eat_all(&["partition", "of"]) {
            let parent = self.object_name()?;
            table.partition_of = Some((parent, self.rest(false)?));
            return Ok(table);
        }
        if self.is("of") {
            return self.error("tables of a composite type are not supported: write the columns");
        }
        let mut columns = Vec::new();
        if self.is("(") {
            if self.is_name_list_for_query() {
                columns = self.name_list()?;
            } else {
                self.advance();
                if !self.is(")") {
                    table.elements = self.list(Self::table_element)?;
                }
                self.expect(")")?;
            }
        }
        if self.eat("inherits") {
            table.inherits = self.parenthesised(Self::object_name)?;
        }
        if self.eat_all(&["partition", "by"]) {
            table.partition_by = Some(self.rest(false)?);
            return Ok(table);
        }
        if self.eat("using") {
            table.access_method = Some(self.name()?);
        }
        if self.eat("with") {
            table.options = self.storage_options()?;
        } else {
            self.eat_all(&["without", "oids"]);
        }
        if self.eat_all(&["on", "commit"]) {
            table.on_commit = Some(if self.eat("drop") {
                OnCommit::Drop
            } else if self.eat_all(&["delete", "rows"]) {
                OnCommit::DeleteRows
            } else {
                self.expect_all(&["preserve", "rows"])?;
                OnCommit::PreserveRows
            });
        }
        if self.eat("tablespace") {
            table.tablespace = Some(self.name()?);
        }
        if table.elements.is_empty() && self.eat("as") {
            let query = Box::new(self.query()?);
            table.as_query = Some(CreateAs { columns, query, with_data: self.with_data() });
        } else if !columns.is_empty() {
            return self.expected("as");
        }
        Ok(table)
    }

    /// Whether parentheses hold bare names only, as before `as query`.
    fn is_name_list_for_query(&self) -> bool {
        let mut ahead = 1;
        while self.at_name_ahead(ahead) && self.is_at(ahead + 1, ",") {
            ahead += 2;
        }
        self.at_name_ahead(ahead) && self.is_at(ahead + 1, ")")
    }

    /// `with [no] data`, if it comes next.
    pub(super) fn with_data(&mut self) -> bool {
        if self.eat_all(&["with", "no", "data"]) {
            return false;
        }
        self.eat_all(&["with", "data"]);
        true
    }

    fn table_element(&mut self) -> Parse<TableElement> {
        if self.eat("like") {
            let table = self.object_name()?;
            let mut options = Vec::new();
            while self.is("including") || self.is("excluding") {
                let including = self.eat("including");
                if !including {
                    self.advance();
                }
                options.push((including, self.label()?));
            }
            return Ok(TableElement::Like { table, options });
        }
        if self.at_table_constraint() {
            return self.table_constraint().map(TableElement::Constraint);
        }
        self.column_def().map(TableElement::Column)
    }

    pub(super) fn at_table_constraint(&self) -> bool {
        self.is_any(&["constraint", "primary", "unique", "check", "foreign"])
            || (self.is("exclude") && (self.is_at(1, "using") || self.is_at(1, "(")))
    }

    /// A column with its constraints.
    pub(super) fn column_def(&mut self) -> Parse<ColumnDef> {
        let name = self.name()?;
        let ty = self.type_name()?;
        let mut column = ColumnDef { name, ty, collation: None, constraints: Vec::new() };
        self.column_constraints(&mut column.constraints, &mut column.collation)?;
        Ok(column)
    }

    /// Column constraints, as of columns and domains.
    pub(super) fn column_constraints(
        &mut self,
        constraints: &mut Vec<ColumnConstraint>,
        collation: &mut Option<ObjectName>,
    ) -> Parse<()> {
        loop {
            if collation.is_none() && self.eat("collate") {
                *collation = Some(self.any_object_name()?);
                continue;
            }
            let place = self.token();
            let mut timing = Timing::default();
            if self.timing(&mut timing)? {
                match constraints.last_mut() {
                    Some(ColumnConstraint {
                        kind:
                            ColumnConstraintKind::PrimaryKey
                            | ColumnConstraintKind::Unique { .. }
                            | ColumnConstraintKind::References(_),
                        timing: place,
                        ..
                    }) => *place = timing,
                    _ => return self.error_at(place, "misplaced DEFERRABLE clause"),
                }
                continue;
            }
            let name = if self.eat("constraint") { Some(self.name()?) } else { None };
            match self.column_constraint()? {
                Some(kind) => constraints.push(ColumnConstraint { name, kind, timing }),
                None if name.is_some() => return self.expected("a constraint"),
                None => return Ok(()),
            }
        }
    }

    fn column_constraint(&mut self) -> Parse<Option<ColumnConstraintKind>> {
        let kind = if self.eat_all(&["not", "null"]) {
            ColumnConstraintKind::NotNull
        } else if self.eat("null") {
            ColumnConstraintKind::Null
        } else if self.eat("default") {
            ColumnConstraintKind::Default(self.restricted_expr()?)
        } else if self.eat_all(&["primary", "key"]) {
            self.index_parameters()?;
            ColumnConstraintKind::PrimaryKey
        } else if self.eat("unique") {
            let nulls_not_distinct = self.nulls_not_distinct()?;
            self.index_parameters()?;
            ColumnConstraintKind::Unique { nulls_not_distinct }
        } else if self.eat("check") {
            let expr = self.condition()?;
            ColumnConstraintKind::Check { expr, no_inherit: self.eat_all(&["no", "inherit"]) }
        } else if self.is("references") {
            ColumnConstraintKind::References(self.foreign_ref()?)
        } else if self.eat("generated") {
            let always = self.generated_always()?;
            self.expect("as")?;
            if self.eat("identity") {
                let options = if self.is("(") { self.sequence_options_in_parens()? } else { Vec::new() };
                ColumnConstraintKind::Identity { always, options }
            } else if always {
                let expr = self.condition()?;
                let stored = !self.eat("virtual");
                if stored {
                    self.expect("stored")?;
                }
                ColumnConstraintKind::Generated { expr, stored }
            } else {
                return self.error("for a generated column, GENERATED ALWAYS must be specified");
            }
        } else {
            return Ok(None);
        };
        Ok(Some(kind))
    }

    /// `always` (true) or `by default` (false).
    pub(super) fn generated_always(&mut self) -> Parse<bool> {
        if self.eat("always") {
            return Ok(true);
        }
        self.expect_all(&["by", "default"])?;
        Ok(false)
    }

    fn nulls_not_distinct(&mut self) -> Parse<bool> {
        if !self.eat("nulls") {
            return Ok(false);
        }
        let not = self.eat("not");
        self.expect("distinct")?;
        Ok(not)
    }

    /// `with (…)` and `using index tablespace …` of a constraint, which change nothing about what it demands.
    fn index_parameters(&mut self) -> Parse<()> {
        if self.are(&["with", "("]) {
            self.advance();
            self.storage_options()?;
        }
        if self.eat_all(&["using", "index", "tablespace"]) {
            self.name()?;
        }
        Ok(())
    }

    /// `[not] deferrable` and `initially …`; whether there was any.
    pub(super) fn timing(&mut self, timing: &mut Timing) -> Parse<bool> {
        let mut found = false;
        loop {
            if self.eat("deferrable") {
                timing.deferrable = true;
            } else if self.eat_all(&["not", "deferrable"]) {
                timing.deferrable = false;
            } else if self.eat("initially") {
                timing.initially_deferred = self.eat("deferred");
                if timing.initially_deferred {
                    timing.deferrable = true;
                } else {
                    self.expect("immediate")?;
                }
            } else {
                return Ok(found);
            }
            found = true;
        }
    }

    fn foreign_ref(&mut self) -> Parse<ForeignRef> {
        self.expect("references")?;
        let table = self.object_name()?;
        let columns = self.opt_name_list()?;
        let mut reference = ForeignRef {
            table,
            columns,
            match_full: false,
            on_delete: RefAction::NoAction,
            on_update: RefAction::NoAction,
        };
        loop {
            if self.eat("match") {
                reference.match_full = self.eat("full");
                if self.is("partial") {
                    return self.error("MATCH PARTIAL not yet implemented");
                }
                if !reference.match_full {
                    self.expect("simple")?;
                }
            } else if self.eat_all(&["on", "delete"]) {
                reference.on_delete = self.ref_action()?;
            } else if self.eat_all(&["on", "update"]) {
                reference.on_update = self.ref_action()?;
            } else {
                return Ok(reference);
            }
        }
    }

    fn ref_action(&mut self) -> Parse<RefAction> {
        if self.eat_all(&["no", "action"]) {
            Ok(RefAction::NoAction)
        } else if self.eat("restrict") {
            Ok(RefAction::Restrict)
        } else if self.eat("cascade") {
            Ok(RefAction::Cascade)
        } else if self.eat_all(&["set", "null"]) {
            Ok(RefAction::SetNull(self.opt_name_list()?))
        } else if self.eat_all(&["set", "default"]) {
            Ok(RefAction::SetDefault(self.opt_name_list()?))
        } else {
            self.expected("no action, restrict, cascade, set null or set default")
        }
    }

    /// A constraint over a table.
    pub(super) fn table_constraint(&mut self) -> Parse<TableConstraint> {
        let name = if self.eat("constraint") { Some(self.name()?) } else { None };
        let kind = if self.eat_all(&["primary", "key"]) {
            match self.using_index(true)? {
                Some(kind) => kind,
                None => TableConstraintKind::PrimaryKey { columns: self.name_list()?, include: self.include()? },
            }
        } else if self.eat("unique") {
            if let Some(kind) = self.using_index(false)? {
                kind
            } else {
                let nulls_not_distinct = self.nulls_not_distinct()?;
                let columns = self.name_list()?;
                TableConstraintKind::Unique { columns, include: self.include()?, nulls_not_distinct }
            }
        } else if self.eat("check") {
            let expr = self.condition()?;
            TableConstraintKind::Check { expr, no_inherit: self.eat_all(&["no", "inherit"]) }
        } else if self.eat_all(&["foreign", "key"]) {
            let columns = self.name_list()?;
            TableConstraintKind::ForeignKey { columns, reference: self.foreign_ref()? }
        } else if self.eat("exclude") {
            TableConstraintKind::Exclude(self.rest(true)?)
        } else {
            return self.expected("a constraint");
        };
        if matches!(kind, TableConstraintKind::PrimaryKey { .. } | TableConstraintKind::Unique { .. }) {
            self.index_parameters()?;
        }
        let mut constraint = TableConstraint { name, kind, timing: Timing::default(), not_valid: false };
        loop {
            if self.eat_all(&["not", "valid"]) {
                constraint.not_valid = true;
            } else if self.eat_all(&["no", "inherit"]) {
                if let TableConstraintKind::Check { no_inherit, .. } = &mut constraint.kind {
                    *no_inherit = true;
                }
            } else if !self.timing(&mut constraint.timing)? {
                return Ok(constraint);
            }
        }
    }

    fn using_index(&mut self, primary: bool) -> Parse<Option<TableConstraintKind>> {
        if !self.eat_all(&["using", "index"]) {
            return Ok(None);
        }
        Ok(Some(TableConstraintKind::UsingIndex { primary, index: self.name()? }))
    }

    fn include(&mut self) -> Parse<Vec<Name>> {
        if self.eat("include") { self.name_list() } else { Ok(Vec::new()) }
    }

    /// `(name [= value], …)`.
    pub(super) fn storage_options(&mut self) -> Parse<Vec<StorageOption>> {
        self.parenthesised(|parser| {
            let mut name = parser.label()?;
            if parser.eat(".") {
                name = format!("{name}.{}", parser.label()?).into();
            }
            let value = if parser.eat("=") { Some(parser.option_value()?) } else { None };
            Ok(StorageOption { name, value })
        })
    }

    /// The value of an option: a word, a string or a number, as text.
    pub(super) fn option_value(&mut self) -> Parse<String> {
        match self.token().kind {
            TokenKind::String => self.string(),
            TokenKind::Word | TokenKind::QuotedIdent => self.label().map(|word| word.as_ref().to_owned()),
            _ => self.signed_number(),
        }
    }

    /// `create [unique] index …`, from `unique` or `index` on.
    pub(super) fn create_index(&mut self) -> Parse<CreateIndex> {
        let unique = self.eat("unique");
        self.expect("index")?;
        let concurrently = self.eat("concurrently");
        let if_not_exists = self.if_not_exists();
        let name = if self.is("on") && !if_not_exists { None } else { Some(self.name()?) };
        self.expect("on")?;
        let only = self.eat("only");
        let table = self.object_name()?;
        let method = if self.eat("using") { Some(self.name()?) } else { None };
        let elements = self.parenthesised(Self::index_element)?;
        let include = self.include()?;
        let nulls_not_distinct = self.nulls_not_distinct()?;
        let options = if self.eat("with") { self.storage_options()? } else { Vec::new() };
        let tablespace = if self.eat("tablespace") { Some(self.name()?) } else { None };
        let filter = self.filter()?;
        Ok(CreateIndex {
            name,
            unique,
            concurrently,
            if_not_exists,
            table,
            only,
            method,
            elements,
            include,
            nulls_not_distinct,
            options,
            tablespace,
            filter,
        })
    }

    /// A column, a call, or an expression in parentheses, with what may follow it in an index.
    pub(super) fn index_element(&mut self) -> Parse<IndexElement> {
        let expr = if self.is("(") {
            self.condition()?
        } else if self.at_name() && !self.is_at(1, "(") && !self.is_at(1, ".") {
            Expr::Column { parts: vec![self.name()?] }
        } else {
            let place = self.token();
            match self.special()? {
                Some(expr @ Expr::Function(_)) => expr,
                Some(_) => return self.error_at(place, "an expression in an index needs parentheses"),
                None => {
                    let name = self.function_object_name()?;
                    Expr::Function(Box::new(self.call(name)?))
                }
            }
        };
        let collation = if self.eat("collate") { Some(self.any_object_name()?) } else { None };
        let at_opclass = self.at_name() && !(self.is("nulls") && (self.is_at(1, "first") || self.is_at(1, "last")));
        let opclass = if at_opclass { Some(self.any_object_name()?) } else { None };
        let opclass_options = if opclass.is_some() && self.is("(") { self.storage_options()? } else { Vec::new() };
        let descending = self.direction();
        let nulls_first = self.nulls()?;
        Ok(IndexElement { expr, collation, opclass, opclass_options, descending, nulls_first })
    }

    /// `create … view …`, from `recursive`, `materialized` or `view` on.
    pub(super) fn create_view(&mut self, or_replace: bool, temporary: bool) -> Parse<CreateView> {
        let recursive = self.eat("recursive");
        let materialized = self.eat("materialized");
        self.expect("view")?;
        let if_not_exists = materialized && self.if_not_exists();
        let name = self.object_name()?;
        let columns = self.opt_name_list()?;
        if materialized && self.eat("using") {
            self.name()?;
        }
        let options = if self.eat("with") { self.storage_options()? } else { Vec::new() };
        if materialized && self.eat("tablespace") {
            self.name()?;
        }
        self.expect("as")?;
        let query = Box::new(self.query()?);
        let mut view = CreateView {
            name,
            or_replace,
            temporary,
            recursive,
            materialized,
            if_not_exists,
            columns,
            options,
            query,
            check_option: None,
            with_data: true,
        };
        if materialized {
            view.with_data = self.with_data();
        } else if self.eat("with") {
            view.check_option = Some(if self.eat("local") { CheckOption::Local } else { CheckOption::Cascaded });
            self.eat("cascaded");
            self.expect_all(&["check", "option"])?;
        }
        if recursive {
            view = self.recursive_view(view)?;
        }
        Ok(view)
    }

    /// `create recursive view v (a) as q` is `create view v (a) as with recursive v (a) as (q) select a from v`.
    fn recursive_view(&self, mut view: CreateView) -> Parse<CreateView> {
        use crate::ast::{Cte, CteBody, FromItem, QueryBody, Select, With};
        if view.columns.is_empty() {
            return self.error("a recursive view needs names for its columns");
        }
        let item = |name: &Name| SelectItem::Expr { expr: Expr::Column { parts: vec![name.clone()] }, alias: None };
        let select = Select {
            items: view.columns.iter().map(item).collect(),
            from: vec![FromItem::Table { name: ObjectName::bare(view.name.name.clone()), only: false, alias: None }],
            ..Select::empty()
        };
        let mut query = Query::from_body(QueryBody::Select(Box::new(select)));
        let inner = std::mem::replace(&mut *view.query, query.clone());
        let cte = Cte {
            name: view.name.name.clone(),
            columns: view.columns.clone(),
            materialized: None,
            body: CteBody::Query(Box::new(inner)),
        };
        query.with = Some(With { recursive: true, ctes: vec![cte] });
        *view.query = query;
        view.recursive = false;
        Ok(view)
    }

    /// `create policy …`, from `policy` on.
    pub(super) fn create_policy(&mut self) -> Parse<CreatePolicy> {
        self.expect("policy")?;
        let name = self.name()?;
        self.expect("on")?;
        let table = self.object_name()?;
        let permissive = if self.eat("as") {
            let permissive = self.eat("permissive");
            if !permissive {
                self.expect("restrictive")?;
            }
            permissive
        } else {
            true
        };
        let command = if self.eat("for") {
            if self.eat("select") {
                PolicyCommand::Select
            } else if self.eat("insert") {
                PolicyCommand::Insert
            } else if self.eat("update") {
                PolicyCommand::Update
            } else if self.eat("delete") {
                PolicyCommand::Delete
            } else {
                self.expect("all")?;
                PolicyCommand::All
            }
        } else {
            PolicyCommand::All
        };
        let place = self.token();
        let roles = if self.eat("to") { self.list(Self::role)? } else { Vec::new() };
        let (using, check) = self.policy_conditions()?;
        match command {
            PolicyCommand::Insert if using.is_some() => {
                self.error_at(place, "only WITH CHECK expression allowed for INSERT")
            }
            PolicyCommand::Select | PolicyCommand::Delete if check.is_some() => {
                self.error_at(place, "WITH CHECK cannot be applied to SELECT or DELETE")
            }
            _ => Ok(CreatePolicy { name, table, permissive, command, roles, using, check }),
        }
    }

    fn policy_conditions(&mut self) -> Parse<(Option<Expr>, Option<Expr>)> {
        let using = if self.eat("using") { Some(self.condition()?) } else { None };
        let check = if self.eat_all(&["with", "check"]) { Some(self.condition()?) } else { None };
        Ok((using, check))
    }

    /// `alter policy …`, from `policy` on.
    pub(super) fn alter_policy(&mut self) -> Parse<AlterPolicy> {
        self.expect("policy")?;
        let name = self.name()?;
        self.expect("on")?;
        let table = self.object_name()?;
        if self.eat_all(&["rename", "to"]) {
            let rename_to = Some(self.name()?);
            return Ok(AlterPolicy { name, table, rename_to, roles: Vec::new(), using: None, check: None });
        }
        let roles = if self.eat("to") { self.list(Self::role)? } else { Vec::new() };
        let (using, check) = self.policy_conditions()?;
        Ok(AlterPolicy { name, table, rename_to: None, roles, using, check })
    }

    /// `create [or replace] [constraint] trigger …`, whose first token was at `start`.
    pub(super) fn create_trigger(&mut self, start: usize) -> Parse<CreateTrigger> {
        self.eat("constraint");
        self.expect("trigger")?;
        let name = self.name()?;
        // When, for which events, on which table: the table follows the first `on`, the function the last `execute`.
        while !self.is("on") {
            if self.at_end() || self.is(";") {
                return self.expected("on");
            }
            self.advance();
        }
        self.advance();
        let table = self.object_name()?;
        while !self.is("execute") {
            if self.at_end() || self.is(";") {
                return self.expected("execute");
            }
            self.advance();
        }
        self.advance();
        if !self.eat("function") {
            self.expect("procedure")?;
        }
        let function = self.function_object_name()?;
        self.parenthesised_text()?;
        let text = self.text[start..self.previous_end()].to_owned();
        Ok(CreateTrigger { name, table, function, text })
    }
}
