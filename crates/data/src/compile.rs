//! From a plan to statements: one for each level, the same trees for both engines.
//!
//! The root's statement selects its page; each embed's statement fetches the rows of the whole page at once, by the list of its parents'
//! keys (never one statement per parent). On PostgreSQL the tree is printed as it is; on SQLite the store's translator types it, guards
//! it with the caller's rights and prints it. No literal of a request is in a text: all are parameters.

use std::ops::Range;
use std::sync::Arc;

use sql::ast::{
    BinaryOp, Expr, FromItem, GroupItem, LikeKind, Name, OrderBy, Over, Quantity, SelectItem, TypeName,
    Window as SqlWindow,
};
use store::catalog::{Catalog, Relation};
use store::translate::{Deferred, Guard, Translator};
use store::{Engine, Param};
use values::{Type, Value};

use crate::failure::Failure;
use crate::grouped;
use crate::plan::{Child, Condition, Field, Level, Order, Selected, Source};
use crate::request::{
    Aggregate, Arrow, Comparison, Containment, Field as Reference, Filter, FtsKind, IsValue, JsonKey, JsonStep,
    LogicOp, Op, Quantifier, like_pattern,
};
use crate::tree;

/// A level's statement, ready to run, and how its rows become output. What requests of one shape have in common is shared: a copy costs
/// its parameters.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The text.
    pub sql: Arc<str>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Which parameters are the lists of the parents' keys, with the key's type; one for each key column.
    pub keys: Arc<[(usize, Type)]>,
    /// The type of each column of the answer.
    pub types: Arc<[Type]>,
    /// The output.
    pub fields: Arc<[OutField]>,
    /// The embeds.
    pub children: Arc<Vec<CompiledChild>>,
    /// The columns that say which parent a row belongs to.
    pub link: Range<usize>,
    /// Columns that only order the rows of a write: type, descending, nulls first.
    pub sort: Vec<(usize, bool, bool)>,
    /// Without rows there is still one: aggregates of nothing.
    pub empty_row: Option<Arc<[u8]>>,
}

/// One place of the output.
#[derive(Clone, Debug)]
pub struct OutField {
    /// Its key.
    pub key: Arc<str>,
    /// What comes before its value in JSON: `{` or `,`, and the key unless it is lifted away.
    pub json: Box<[u8]>,
    /// What stands there.
    pub value: Field,
}

/// An embed's part.
#[derive(Clone, Debug)]
pub struct CompiledChild {
    /// Its statement.
    pub level: Compiled,
    /// The columns of the parent's answer that hold its key.
    pub keys: Range<usize>,
    /// The key's types.
    pub key_types: Vec<Type>,
    /// An object rather than an array.
    pub to_one: bool,
    /// Its columns are lifted into the parent.
    pub spread: bool,
}

/// Where statements come from and for whom.
pub struct Compiler<'a> {
    /// For which engine.
    pub engine: Engine,
    /// What there is.
    pub catalog: &'a Catalog,
    /// Whose rights bind, on SQLite.
    pub guard: &'a dyn Guard,
    /// Where functions and types are looked for.
    pub path: &'a [Name],
    /// Print values as text for CSV rather than as JSON.
    pub as_text: bool,
}

/// Parameters collected while a statement is built.
#[derive(Default)]
pub(crate) struct Params {
    pub(crate) values: Vec<Param>,
    pub(crate) types: Vec<Type>,
    aliases: usize,
}

impl Params {
    pub(crate) fn push(&mut self, value: Param, ty: Type) -> Expr {
        self.values.push(value);
        self.types.push(ty);
        Expr::Param(u32::try_from(self.values.len()).expect("a request has bounded literals"))
    }

    pub(crate) fn text(&mut self, ty: &Type, text: impl Into<String>) -> Expr {
        let ty = ty.unmodified();
        self.push(Param::Text(ty.clone(), text.into()), ty)
    }

    fn number(&mut self, number: u64) -> Expr {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.push(Param::Value(Type::Int8, Value::Int(number)), Type::Int8)
    }

    /// A name for a relation that no other of the statement has; the relation's own where it is the first, for messages that name it.
    pub(crate) fn alias(&mut self, relation: &Relation) -> Name {
        self.aliases += 1;
        if self.aliases == 1 {
            relation.name.name.clone()
        } else {
            Name::from(format!("{}_{}", relation.name.name, self.aliases))
        }
    }
}

impl Compiler<'_> {
    /// Compiles a whole plan.
    pub fn read(&self, root: &Level) -> Result<Compiled, Failure> {
        let mut params = Params::default();
        let alias = params.alias(&root.relation);
        let table = tree::table(&root.relation.name, &alias);
        self.level(root, None, (vec![table], Vec::new(), Vec::new()), &alias, params)
    }

    /// Compiles a plan whose root's rows come from these columns of them, handed over as lists of texts: the first parameters, one for
    /// each column.
    pub(crate) fn read_given(&self, root: &Level, columns: &[Name]) -> Result<Compiled, Failure> {
        let mut params = Params::default();
        let alias = params.alias(&root.relation);
        let given = Name::from("given");
        let names: Vec<Name> = (0..columns.len().max(1)).map(|place| Name::from(format!("c{place}"))).collect();
        let texts = Type::Text.array_of();
        let mut list = || {
            let list = params.push(Param::ValueList(Type::Text, Vec::new()), texts.clone());
            tree::cast(list, tree::type_name(&texts))
        };
        let lists: Vec<Expr> = names.iter().map(|_| list()).collect();
        let unnested = FromItem::Function {
            lateral: false,
            calls: vec![sql::ast::TableFunction { call: tree::call("unnest", lists), columns: Vec::new() }],
            rows_from: false,
            ordinality: false,
            alias: Some(sql::ast::TableAlias { name: given.clone(), columns: names.clone() }),
            columns: Vec::new(),
        };
        let mut items: Vec<SelectItem> = columns
            .iter()
            .zip(&names)
            .map(|(column, name)| {
                let ty = root.relation.column(column).map_or(Type::Text, |column| column.ty.clone());
                tree::item_as(tree::cast(tree::column(&given, name), tree::type_name(&ty)), column)
            })
            .collect();
        if items.is_empty() {
            items.push(tree::item(tree::column(&given, &names[0])));
        }
        let rows = FromItem::Query {
            lateral: false,
            query: Box::new(tree::query(tree::select(items, vec![unnested], None))),
            alias: Some(sql::ast::TableAlias { name: alias.clone(), columns: Vec::new() }),
        };
        self.level(root, None, (vec![rows], Vec::new(), Vec::new()), &alias, params)
    }

    fn embedded(&self, child: &Child) -> Result<Compiled, Failure> {
        let mut params = Params::default();
        let alias = params.alias(&child.level.relation);
        let tables = Self::child_from(child, &alias, &mut params);
        self.level(&child.level, Some(child), tables, &alias, params)
    }

    /// A level's statement over its tables, the conditions that join them, and the columns that hold the parent's key.
    fn level(
        &self,
        level: &Level,
        parent: Option<&Child>,
        (mut from, mut conditions, link_columns): (Vec<FromItem>, Vec<Expr>, Vec<Expr>),
        alias: &Name,
        mut params: Params,
    ) -> Result<Compiled, Failure> {
        let (first, joined) = self.joined(level, alias, from.remove(0), &mut params)?;
        from.insert(0, first);
        let mut keys = Vec::new();
        if let Some(child) = parent {
            conditions.push(self.key_condition(child, &link_columns, &mut params, &mut keys));
            if child.to_one() && level.window.skips_first() {
                conditions.push(tree::truth(false));
            }
        }
        for condition in self.conditions(level, alias, &mut params)? {
            conditions.push(condition);
        }
        let Columns { mut items, types, child_keys, group_by } =
            self.columns(level, alias, &joined, &mut params, self.as_text && parent.is_none())?;
        let visible = items.len();
        let link = visible..visible + link_columns.len();
        items.extend(link_columns.iter().cloned().map(tree::item));
        let mut group_by = group_by;
        if level.grouped {
            group_by.extend(link_columns.iter().cloned());
        }
        let order = self.order(level, alias, &joined, &mut params)?;
        if level.grouped {
            self.judge_order(&level.relation, alias, &group_by, &order)?;
        }
        let windowed =
            parent.is_some_and(|child| !child.to_one()) && (level.window.limit.is_some() || level.window.offset > 0);
        let mut types = types;
        types.extend(link_columns.iter().map(|_| Type::Unknown));
        let mut select = tree::select(Vec::new(), std::mem::take(&mut from), tree::all(conditions));
        select.group_by = group_by.into_iter().map(GroupItem::Expr).collect();
        let query = if windowed {
            Self::windowed(level, select, items, link_columns, order, &mut params)
        } else {
            select.items = items;
            let mut query = tree::query(select);
            query.order_by = order;
            if parent.is_none() {
                query.limit = level.window.limit.map(|limit| params.number(limit));
                query.offset = (level.window.offset > 0).then(|| params.number(level.window.offset));
            }
            query
        };
        let (sql, types) = self.text(&query, &params, types)?;
        self.finish(level, sql, params, keys, types, child_keys, link)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one value, each made by its own step")]
    fn finish(
        &self,
        level: &Level,
        sql: Arc<str>,
        params: Params,
        keys: Vec<(usize, Type)>,
        types: Vec<Type>,
        child_keys: Vec<Range<usize>>,
        link: Range<usize>,
    ) -> Result<Compiled, Failure> {
        let children = self.children_of(level, child_keys)?;
        Ok(Compiled {
            sql,
            params: params.values,
            keys: keys.into(),
            types: types.into(),
            fields: fields(level).into(),
            children: Arc::new(children),
            link,
            sort: Vec::new(),
            empty_row: empty_row(level).map(Arc::from),
        })
    }

    pub(crate) fn children_of(
        &self,
        level: &Level,
        child_keys: Vec<Range<usize>>,
    ) -> Result<Vec<CompiledChild>, Failure> {
        let mut children = Vec::with_capacity(level.children.len());
        for (child, keys) in level.children.iter().zip(child_keys) {
            if !child.visible {
                // Only joined and filtered by: nothing to fetch.
                children.push(CompiledChild {
                    level: Compiled::nothing(),
                    keys: 0..0,
                    key_types: Vec::new(),
                    to_one: child.to_one(),
                    spread: child.spread,
                });
                continue;
            }
            let origin = child.of.map_or(&level.relation, |place| level.relation_of(place));
            let key_types = child
                .relationship
                .columns
                .iter()
                .map(|name| origin.column(name).map_or(Type::Text, |column| column.ty.unmodified()))
                .collect();
            children.push(CompiledChild {
                level: self.embedded(child)?,
                keys,
                key_types,
                to_one: child.to_one(),
                spread: child.spread,
            });
        }
        Ok(children)
    }

    /// Statement text, and the types of its columns as far as the engine tells beforehand.
    pub(crate) fn text(
        &self,
        query: &sql::ast::Query,
        params: &Params,
        types: Vec<Type>,
    ) -> Result<(Arc<str>, Vec<Type>), Failure> {
        match self.engine {
            Engine::Postgres => Ok((Arc::from(query.to_string()), types)),
            Engine::Sqlite => {
                let late = Deferred::new(self.guard);
                let translated = Translator::new(self.catalog, &late, self.path, &params.types).select(query)?;
                late.judge()?;
                let types = translated.columns.into_iter().map(|column| column.ty).collect();
                Ok((Arc::from(translated.sql), types))
            }
        }
    }

    /// The statement that counts the rows of a plan's root, windows and groups aside.
    pub fn count(&self, root: &Level) -> Result<(Arc<str>, Vec<Param>), Failure> {
        let mut params = Params::default();
        let alias = params.alias(&root.relation);
        let from = vec![tree::table(&root.relation.name, &alias)];
        let conditions = self.conditions(root, &alias, &mut params)?;
        let query = tree::query(tree::select(vec![tree::item(tree::count_all())], from, tree::all(conditions)));
        let (sql, _) = self.text(&query, &params, vec![Type::Int8])?;
        Ok((sql, params.values))
    }

    /// Tables, joins between them, and the columns that hold the parent's key.
    pub(crate) fn child_from(
        child: &Child,
        alias: &Name,
        params: &mut Params,
    ) -> (Vec<FromItem>, Vec<Expr>, Vec<Expr>) {
        let relationship = &child.relationship;
        let own = tree::table(&relationship.target, alias);
        match &relationship.junction {
            None => {
                let link = relationship.target_columns.iter().map(|name| tree::column(alias, name)).collect();
                (vec![own], Vec::new(), link)
            }
            Some(junction) => {
                params.aliases += 1;
                let between = Name::from(format!("{}_{}", junction.table.name, params.aliases));
                let joins = junction
                    .target
                    .1
                    .iter()
                    .zip(&relationship.target_columns)
                    .map(|(a, b)| tree::equal(tree::column(&between, a), tree::column(alias, b)))
                    .collect();
                let link = junction.origin.1.iter().map(|name| tree::column(&between, name)).collect();
                (vec![own, tree::table(&junction.table, &between)], joins, link)
            }
        }
    }

    /// `link = any (keys)`, or the same for several columns.
    fn key_condition(&self, child: &Child, link: &[Expr], params: &mut Params, keys: &mut Vec<(usize, Type)>) -> Expr {
        let (holder, names) = match &child.relationship.junction {
            None => (&child.relationship.target, &child.relationship.target_columns),
            Some(junction) => (&junction.table, &junction.origin.1),
        };
        let types: Vec<Type> = names
            .iter()
            .map(|name| {
                self.catalog
                    .relations
                    .get(holder)
                    .and_then(|relation| relation.column(name))
                    .map_or(Type::Text, |column| column.ty.unmodified())
            })
            .collect();
        let mut lists = Vec::with_capacity(types.len());
        for ty in &types {
            keys.push((params.values.len(), ty.clone()));
            let param = params.push(Param::ValueList(ty.clone(), Vec::new()), ty.clone().array_of());
            lists.push(tree::cast(param, tree::type_name(&ty.clone().array_of())));
        }
        if let ([column], [_]) = (link, types.as_slice()) {
            let list = lists.remove(0);
            return Expr::Quantified {
                left: Box::new(column.clone()),
                op: BinaryOp::Eq,
                all: false,
                right: Quantity::Array(Box::new(list)),
            };
        }
        let columns: Vec<Name> = (0..types.len()).map(|index| Name::from(format!("k{index}"))).collect();
        let unnested = FromItem::Function {
            lateral: false,
            calls: vec![sql::ast::TableFunction { call: tree::call("unnest", lists), columns: Vec::new() }],
            rows_from: false,
            ordinality: false,
            alias: Some(sql::ast::TableAlias { name: Name::from("keys"), columns: columns.clone() }),
            columns: Vec::new(),
        };
        let keys_alias = Name::from("keys");
        let items = columns.iter().map(|name| tree::item(tree::column(&keys_alias, name))).collect();
        Expr::InQuery {
            expr: Box::new(Expr::Row { items: link.to_vec(), explicit: false }),
            query: Box::new(tree::query(tree::select(items, vec![unnested], None))),
            negated: false,
        }
    }

    /// A slice of each parent's rows.
    fn windowed(
        level: &Level,
        mut select: sql::ast::Select,
        items: Vec<SelectItem>,
        link: Vec<Expr>,
        order: Vec<OrderBy>,
        params: &mut Params,
    ) -> sql::ast::Query {
        let mut rank = tree::call("row_number", []);
        rank.over = Some(Over::Window(SqlWindow { base: None, partition_by: link, order_by: order, frame: None }));
        let inner = Name::from("page");
        let mut outer = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let SelectItem::Expr { expr, .. } = item else { continue };
            let name = format!("c{index}");
            select.items.push(tree::item_as(expr, &name));
            outer.push(tree::item(tree::column(&inner, &name)));
        }
        select.items.push(tree::item_as(Expr::Function(Box::new(rank)), "rank"));
        let place = tree::column(&inner, "rank");
        let mut bounds = Vec::new();
        if level.window.offset > 0 {
            bounds.push(tree::operator(">", place.clone(), params.number(level.window.offset)));
        }
        if let Some(limit) = level.window.limit {
            bounds.push(tree::operator("<=", place.clone(), params.number(level.window.offset.saturating_add(limit))));
        }
        let derived = FromItem::Query {
            lateral: false,
            query: Box::new(tree::query(select)),
            alias: Some(sql::ast::TableAlias { name: inner, columns: Vec::new() }),
        };
        let mut query = tree::query(tree::select(outer, vec![derived], tree::all(bounds)));
        query.order_by = vec![tree::ordered(place, false, false)];
        query
    }

    /// The columns of a level's statement: the visible ones, then the keys of its embeds.
    pub(crate) fn columns(
        &self,
        level: &Level,
        alias: &Name,
        joined: &[Name],
        params: &mut Params,
        text: bool,
    ) -> Result<Columns, Failure> {
        let mut out = Columns::default();
        let place = |of: Option<usize>| match of {
            None => (alias, &level.relation),
            Some(place) => (&joined[place], level.relation_of(place)),
        };
        for selected in &level.columns {
            let (alias, relation) = place(selected.of);
            let (field, expr, ty) = match (&selected.source, selected.of) {
                // Only the rows that the spread has.
                (Source::CountAll, Some(joined)) => {
                    let there = grouped::there(level.child_at(&level.joined[joined].path), alias);
                    let count = tree::function("count", [there]);
                    let (expr, ty) = self.cast_aggregate(count.clone(), Type::Int8, selected)?;
                    ((count, Type::Int8), expr, ty)
                }
                _ => self.selected(relation, alias, selected, params)?,
            };
            if level.grouped && selected.aggregate.is_none() && selected.source != Source::CountAll {
                out.group_by.push(grouped::group_of(relation, alias, selected, field, (&expr, &ty))?);
            }
            let (expr, ty) = self.presentable(expr, ty, text);
            out.items.push(tree::item(expr));
            out.types.push(ty);
        }
        for child in &level.children {
            let start = out.items.len();
            if child.visible {
                // An embed below a joined one is marked as joined too: there, not in the statement that fetches it.
                let by_values = level.grouped && child.joined.is_some();
                if by_values {
                    self.group_by_values(child, joined, params, &mut out.group_by)?;
                }
                let (alias, relation) = place(child.of);
                for name in &child.relationship.columns {
                    let mut expr = tree::column(alias, name);
                    if by_values {
                        expr = grouped::any_of(expr);
                    } else if level.grouped {
                        out.group_by.push(expr.clone());
                    }
                    out.items.push(tree::item(expr));
                    out.types.push(relation.column(name).map_or(Type::Unknown, |column| column.ty.clone()));
                }
            }
            out.child_keys.push(start..out.items.len());
        }
        Ok(out)
    }

    /// On PostgreSQL a type that we do not read in binary is printed by the server.
    fn presentable(&self, expr: Expr, ty: Type, text: bool) -> (Expr, Type) {
        fn foreign(ty: &Type) -> bool {
            match ty {
                Type::Other(_)
                | Type::TsVector
                | Type::TsQuery
                | Type::Inet
                | Type::Cidr
                | Type::MacAddr
                | Type::Record => true,
                Type::Array(element) => foreign(element) || matches!(&**element, Type::Enum(_)),
                _ => false,
            }
        }
        if self.engine == Engine::Sqlite {
            return (expr, ty);
        }
        match (foreign(&ty), text) {
            (false, _) => (expr, ty),
            (true, true) => (tree::cast(expr, TypeName::plain("text")), Type::Text),
            (true, false) => (tree::function("to_json", [expr]), Type::Json),
        }
    }

    /// A selected value and its type; before them the field that it is made of.
    pub(crate) fn selected(
        &self,
        relation: &Relation,
        alias: &Name,
        selected: &Selected,
        params: &mut Params,
    ) -> Result<((Expr, Type), Expr, Type), Failure> {
        let (mut expr, mut ty) = match &selected.source {
            Source::CountAll => (tree::count_all(), Type::Int8),
            Source::Column { name, path } => Self::reference(relation, alias, name, path, params),
        };
        let field = (expr.clone(), ty.clone());
        if let Some(cast) = &selected.cast {
            (expr, ty) = self.cast(expr, cast)?;
        }
        if let Some(aggregate) = selected.aggregate {
            ty = match aggregate {
                Aggregate::Count => Type::Int8,
                Aggregate::Min | Aggregate::Max => ty,
                Aggregate::Sum | Aggregate::Avg => Type::Unknown,
            };
            expr = tree::function(aggregate.as_str(), [expr]);
        }
        let (expr, ty) = self.cast_aggregate(expr, ty, selected)?;
        Ok((field, expr, ty))
    }

    fn cast_aggregate(&self, expr: Expr, ty: Type, selected: &Selected) -> Result<(Expr, Type), Failure> {
        match &selected.aggregate_cast {
            Some(cast) => self.cast(expr, cast),
            None => Ok((expr, ty)),
        }
    }

    fn cast(&self, expr: Expr, name: &str) -> Result<(Expr, Type), Failure> {
        let unknown = || Failure::from(store::Error::sql("42704", format!("type \"{name}\" does not exist")));
        // Read as a type, so that it is printed as one and nothing else.
        let Ok(Expr::Cast { ty, .. }) = sql::parse_expr(&format!("null::{name}")) else { return Err(unknown()) };
        let known = Type::named(name).unwrap_or_else(|| {
            store::translate::resolve_type(self.catalog, self.path, &ty)
                .map_or(Type::Other(Arc::from(name)), |(ty, _)| ty)
        });
        Ok((tree::cast(expr, ty), known))
    }

    /// A column, followed into its JSON.
    pub(crate) fn reference(
        relation: &Relation,
        alias: &Name,
        name: &str,
        path: &[JsonStep],
        params: &mut Params,
    ) -> (Expr, Type) {
        let mut expr = tree::column(alias, name);
        let mut ty = relation.column(name).map_or(Type::Text, |column| column.ty.clone());
        if path.is_empty() {
            return (expr, ty);
        }
        if !matches!(ty, Type::Json | Type::Jsonb) {
            expr = tree::function("to_jsonb", [expr]);
            ty = Type::Jsonb;
        }
        for step in path {
            let key = match &step.key {
                JsonKey::Key(key) => tree::cast(params.text(&Type::Text, key.as_str()), TypeName::plain("text")),
                JsonKey::Index(index) => {
                    let param = params.push(Param::Value(Type::Int4, Value::Int(*index)), Type::Int4);
                    tree::cast(param, TypeName::plain("int4"))
                }
            };
            match step.arrow {
                Arrow::Json => expr = tree::operator("->", expr, key),
                Arrow::Text => {
                    expr = tree::operator("->>", expr, key);
                    ty = Type::Text;
                }
            }
        }
        (expr, ty)
    }

    /// What a level's rows must meet: its filters, and what its inner embeds ask for.
    pub(crate) fn conditions(&self, level: &Level, alias: &Name, params: &mut Params) -> Result<Vec<Expr>, Failure> {
        let mut out = Vec::with_capacity(level.conditions.len());
        for condition in &level.conditions {
            out.push(self.condition(level, alias, condition, params)?);
        }
        for child in level.children.iter().filter(|child| child.inner && !always_there(&child.level)) {
            out.push(self.exists(alias, child, params)?);
        }
        Ok(out)
    }

    fn condition(
        &self,
        level: &Level,
        alias: &Name,
        condition: &Condition,
        params: &mut Params,
    ) -> Result<Expr, Failure> {
        match condition {
            Condition::Filter(filter) => Ok(self.filter(&level.relation, alias, filter, params)),
            Condition::Exists { child, exists } => {
                let found = self.exists(alias, &level.children[*child], params)?;
                Ok(if *exists { found } else { tree::not(found) })
            }
            Condition::Group { op, negated, children } => {
                let parts = children.iter().map(|child| self.condition(level, alias, child, params)).collect::<Result<
                    Vec<_>,
                    _,
                >>(
                )?;
                let joined = match op {
                    LogicOp::And => tree::all(parts),
                    LogicOp::Or => tree::any(parts),
                }
                .unwrap_or_else(|| tree::truth(true));
                Ok(if *negated { tree::not(joined) } else { joined })
            }
        }
    }

    fn exists(&self, parent: &Name, child: &Child, params: &mut Params) -> Result<Expr, Failure> {
        let alias = params.alias(&child.level.relation);
        let (from, mut conditions, link) = Self::child_from(child, &alias, params);
        for (column, own) in link.into_iter().zip(&child.relationship.columns) {
            conditions.push(tree::equal(column, tree::column(parent, own)));
        }
        conditions.extend(self.conditions(&child.level, &alias, params)?);
        let select = tree::select(vec![tree::item(tree::integer(1))], from, tree::all(conditions));
        let mut query = tree::query(select);
        // A window may leave nothing of what there is.
        if child.level.window.skips_first() {
            query.limit = child.level.window.limit.map(|limit| params.number(limit));
            query.offset = (child.level.window.offset > 0).then(|| params.number(child.level.window.offset));
        }
        Ok(Expr::Exists(Box::new(query)))
    }

    pub(crate) fn order(
        &self,
        level: &Level,
        alias: &Name,
        joined: &[Name],
        params: &mut Params,
    ) -> Result<Vec<OrderBy>, Failure> {
        let mut out = Vec::with_capacity(level.order.len());
        for order in &level.order {
            let (expr, _) = self.order_value(level, alias, joined, order, params)?;
            out.push(tree::ordered(expr, order.term().descending(), order.term().nulls_first()));
        }
        Ok(out)
    }

    /// What one term orders by.
    pub(crate) fn order_value(
        &self,
        level: &Level,
        alias: &Name,
        joined: &[Name],
        order: &Order,
        params: &mut Params,
    ) -> Result<(Expr, Type), Failure> {
        let Reference { name, json_path: path, .. } = order.field();
        let Order::Related { child: at, .. } = order else {
            // PostgreSQL reads `t.count` as `count(t)` where no column has that name.
            if level.grouped && name == "count" && path.is_empty() && level.relation.column(name).is_none() {
                return Ok((tree::count_all(), Type::Int8));
            }
            return Ok(Self::reference(&level.relation, alias, name, path, params));
        };
        let child = &level.children[*at];
        let of = &child.level.relation;
        if let Some(place) = level.joined.iter().position(|joined| joined.path == [*at]) {
            return Ok(Self::reference(of, &joined[place], name, path, params));
        }
        let inner = params.alias(of);
        let (from, mut conditions, link) = Self::child_from(child, &inner, params);
        for (column, own) in link.into_iter().zip(&child.relationship.columns) {
            conditions.push(tree::equal(column, tree::column(alias, own)));
        }
        conditions.extend(self.conditions(&child.level, &inner, params)?);
        let (value, ty) = Self::reference(of, &inner, name, path, params);
        let mut query = tree::query(tree::select(vec![tree::item(value)], from, tree::all(conditions)));
        query.limit = Some(tree::integer(1));
        Ok((Expr::Subquery(Box::new(query)), ty))
    }

    pub(crate) fn filter(&self, relation: &Relation, alias: &Name, filter: &Filter, params: &mut Params) -> Expr {
        let (field, ty) = Self::reference(relation, alias, &filter.field.name, &filter.field.json_path, params);
        let expr = match &filter.op {
            Op::Compare { op, quantified: None, value } => compare(field, &ty, *op, value, params),
            Op::Compare { op, quantified: Some(quantified), value } => {
                let text = matches!(op, Comparison::Like | Comparison::Ilike | Comparison::Match | Comparison::Imatch);
                let element = if text { Type::Text } else { ty.unmodified() };
                let pattern = |text: &str| {
                    if matches!(op, Comparison::Like | Comparison::Ilike) {
                        like_pattern(text)
                    } else {
                        text.to_owned()
                    }
                };
                let all_present =
                    quantified.elements.as_ref().and_then(|list| list.iter().cloned().collect::<Option<Vec<String>>>());
                let list = match all_present {
                    Some(list) => {
                        let list = list.iter().map(|text| pattern(text)).collect();
                        params.push(Param::TextList(element.clone(), list), element.clone().array_of())
                    }
                    // Nulls inside, or no array literal at all: the type's own reader judges.
                    None => params.text(&element.clone().array_of(), pattern(value)),
                };
                let list = tree::cast(list, tree::type_name(&element.array_of()));
                Expr::Quantified {
                    left: Box::new(field),
                    op: symbol(*op),
                    all: quantified.quantifier == Quantifier::All,
                    right: Quantity::Array(Box::new(list)),
                }
            }
            Op::In(list) => {
                let element = ty.unmodified();
                let param = params.push(Param::TextList(element.clone(), list.clone()), element.clone().array_of());
                // Typed by the column, unless it is one that PostgreSQL alone knows.
                let list = match element {
                    Type::Other(_) | Type::Unknown => param,
                    ty => tree::cast(param, tree::type_name(&ty.array_of())),
                };
                Expr::Quantified {
                    left: Box::new(field),
                    op: BinaryOp::Eq,
                    all: false,
                    right: Quantity::Array(Box::new(list)),
                }
            }
            Op::Is(value) => match value {
                IsValue::Null => Expr::IsNull { expr: Box::new(field), negated: false },
                IsValue::NotNull => Expr::IsNull { expr: Box::new(field), negated: true },
                IsValue::True => Expr::IsTruth { expr: Box::new(field), truth: Some(true), negated: false },
                IsValue::False => Expr::IsTruth { expr: Box::new(field), truth: Some(false), negated: false },
                IsValue::Unknown => Expr::IsTruth { expr: Box::new(field), truth: None, negated: false },
            },
            Op::IsDistinct(value) => {
                let right = params.text(&ty, value.as_str());
                Expr::IsDistinctFrom { left: Box::new(field), right: Box::new(right), negated: false }
            }
            Op::Fts { kind, language, query } => self.full_text(field, &ty, *kind, language.as_deref(), query, params),
            Op::Contain { op, value } => contain(field, &ty, *op, value, params),
        };
        if filter.negated { tree::not(expr) } else { expr }
    }

    fn full_text(
        &self,
        field: Expr,
        ty: &Type,
        kind: FtsKind,
        language: Option<&str>,
        query: &str,
        params: &mut Params,
    ) -> Expr {
        let function = match kind {
            FtsKind::Raw => "to_tsquery",
            FtsKind::Plain => "plainto_tsquery",
            FtsKind::Phrase => "phraseto_tsquery",
            FtsKind::Websearch => "websearch_to_tsquery",
        };
        let config = |params: &mut Params| {
            language.map(|language| {
                let param = params.text(&Type::Text, language);
                match self.engine {
                    Engine::Postgres => {
                        tree::cast(tree::cast(param, TypeName::plain("text")), TypeName::plain("regconfig"))
                    }
                    Engine::Sqlite => param,
                }
            })
        };
        let mut vector = field;
        if *ty != Type::TsVector {
            let mut args: Vec<Expr> = config(params).into_iter().collect();
            args.push(vector);
            vector = tree::function("to_tsvector", args);
        }
        let mut args: Vec<Expr> = config(params).into_iter().collect();
        let text = params.text(&Type::Text, query);
        args.push(tree::cast(text, TypeName::plain("text")));
        tree::operator("@@", vector, tree::function(function, args))
    }
}

/// The columns of a statement.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) items: Vec<SelectItem>,
    pub(crate) types: Vec<Type>,
    pub(crate) child_keys: Vec<Range<usize>>,
    pub(crate) group_by: Vec<Expr>,
}

impl Compiled {
    /// A level that nothing is fetched for.
    fn nothing() -> Self {
        Self {
            sql: Arc::from(""),
            params: Vec::new(),
            keys: Arc::from([]),
            types: Arc::from([]),
            fields: Arc::from([]),
            children: Arc::default(),
            link: 0..0,
            sort: Vec::new(),
            empty_row: None,
        }
    }
}

/// The visible output of a level, in order.
pub(crate) fn fields(level: &Level) -> Vec<OutField> {
    let mut out = Vec::with_capacity(level.fields.len());
    for field in &level.fields {
        let (key, lifted) = match field {
            Field::Column(index) => (&level.columns[*index].key, false),
            Field::Child(index) => {
                let child = &level.children[*index];
                if !child.visible || (child.spread && fields(&child.level).is_empty()) {
                    continue;
                }
                (&child.name, child.spread)
            }
        };
        let mut json = Vec::with_capacity(key.len() + 4);
        json.push(if out.is_empty() { b'{' } else { b',' });
        if !lifted {
            values::write_json_string(key, &mut json);
            json.push(b':');
        }
        out.push(OutField { key: Arc::from(key.as_str()), json: json.into(), value: *field });
    }
    out
}

/// Aggregates over nothing grouped give a row even of no rows.
fn always_there(level: &Level) -> bool {
    level.grouped
        && level.children.iter().all(|child| !child.visible)
        && level.columns.iter().all(|column| column.aggregate.is_some() || column.source == Source::CountAll)
}

/// What aggregates of no rows look like: a row of its own, when nothing is grouped by.
fn empty_row(level: &Level) -> Option<Vec<u8>> {
    if !always_there(level) {
        return None;
    }
    let mut row = vec![b'{'];
    for (index, column) in level.columns.iter().enumerate() {
        if index > 0 {
            row.push(b',');
        }
        values::write_json_string(&column.key, &mut row);
        let counts = column.source == Source::CountAll || column.aggregate == Some(Aggregate::Count);
        row.extend_from_slice(if counts { b":0" } else { b":null" });
    }
    row.push(b'}');
    Some(row)
}

fn symbol(op: Comparison) -> BinaryOp {
    match op {
        Comparison::Eq => BinaryOp::Eq,
        Comparison::Neq => BinaryOp::Ne,
        Comparison::Gt => BinaryOp::Gt,
        Comparison::Gte => BinaryOp::Ge,
        Comparison::Lt => BinaryOp::Lt,
        Comparison::Lte => BinaryOp::Le,
        Comparison::Like => BinaryOp::from_symbol("~~"),
        Comparison::Ilike => BinaryOp::from_symbol("~~*"),
        Comparison::Match => BinaryOp::from_symbol("~"),
        Comparison::Imatch => BinaryOp::from_symbol("~*"),
    }
}

fn compare(field: Expr, ty: &Type, op: Comparison, value: &str, params: &mut Params) -> Expr {
    match op {
        Comparison::Like | Comparison::Ilike => {
            let pattern = params.text(&Type::Text, like_pattern(value));
            let kind = if op == Comparison::Like { LikeKind::Like } else { LikeKind::Ilike };
            Expr::Like { expr: Box::new(field), pattern: Box::new(pattern), escape: None, kind, negated: false }
        }
        Comparison::Match | Comparison::Imatch => {
            let pattern = params.text(&Type::Text, value);
            tree::binary(symbol(op), field, pattern)
        }
        _ => {
            let value = params.text(ty, value);
            tree::binary(symbol(op), field, value)
        }
    }
}

fn contain(field: Expr, ty: &Type, op: Containment, value: &str, params: &mut Params) -> Expr {
    let operator = match op {
        Containment::Contains => "@>",
        Containment::ContainedBy => "<@",
        Containment::Overlaps => "&&",
        Containment::StrictlyLeft => "<<",
        Containment::StrictlyRight => ">>",
        Containment::NotExtendsRight => "&<",
        Containment::NotExtendsLeft => "&>",
        Containment::Adjacent => "-|-",
    };
    let value = params.text(ty, value);
    tree::operator(operator, field, value)
}
