//! From a parsed request and the catalog to a plan.

use std::sync::Arc;

use store::catalog::{Catalog, Relation};

use super::hoist::hoist;
use super::{Child, Condition, Field, Level, Order, Selected, Source, WritePlan, nearest};
use crate::relationships::{Relationship, Relationships};
use crate::request::ApiError;
use crate::request::{
    ApiRequest, At, ColumnItem, Embed, Filter, Join, Logic, Method, OrderTerm, Query, Return, SelectItem, Window,
};

/// What bounds and shapes a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Rows at most at every level of a read (`max_rows`).
    pub max_rows: Option<u64>,
    /// Aggregates are allowed (`aggregates`).
    pub aggregates: bool,
}

struct Builder<'a> {
    catalog: &'a Catalog,
    relationships: &'a Relationships,
    settings: Settings,
    /// The rows are shown, so what cannot be shown is refused.
    shown: bool,
    /// The root's conditions choose rows to write: they speak of its columns only.
    writes: bool,
}

/// Plans a read of `relation`.
pub fn plan_read(
    request: &ApiRequest,
    relation: &Arc<Relation>,
    catalog: &Catalog,
    relationships: &Relationships,
    settings: Settings,
) -> Result<Level, ApiError> {
    let builder = Builder { catalog, relationships, settings, shown: true, writes: false };
    let mut root = builder.tree(&request.query, relation)?;
    root.window = request.window;
    cap(&mut root, settings.max_rows);
    Ok(root)
}

/// Plans a write: which rows it is about, and what it gives back. No cap applies to them.
pub fn plan_write(
    request: &ApiRequest,
    relation: &Arc<Relation>,
    catalog: &Catalog,
    relationships: &Relationships,
    settings: Settings,
) -> Result<WritePlan, ApiError> {
    let shown = request.preferences.returning == Some(Return::Representation);
    let builder = Builder { catalog, relationships, settings, shown, writes: true };
    let mut root = builder.tree(&request.query, relation)?;
    if shown && request.query.select.iter().any(|item| is_bare_count(item, relation)) {
        return Err(ApiError::grouping("aggregate functions are not allowed in RETURNING"));
    }
    for child in &mut root.children {
        cap(&mut child.level, settings.max_rows);
    }
    root.window = Window::ALL;
    // What hangs on the rows decides about what is shown of them, not about what is written.
    let again = (shown && (root.grouped || root.children.iter().any(|child| child.inner)))
        .then(|| Level { conditions: Vec::new(), ..root.clone() });
    for child in &mut root.children {
        child.inner = false;
    }
    if matches!(request.method, Method::Post | Method::Put) {
        // Filters of an insert's root choose nothing.
        root.conditions.clear();
    }
    Ok(WritePlan { root, again })
}

fn cap(level: &mut Level, max_rows: Option<u64>) {
    level.window = level.window.capped(max_rows);
    for child in &mut level.children {
        // A single object is no list.
        if !child.to_one() {
            cap(&mut child.level, max_rows);
        }
    }
}

impl Builder<'_> {
    fn tree(&self, query: &Query, relation: &Arc<Relation>) -> Result<Level, ApiError> {
        let mut root = self.level(relation, &query.select)?;
        root.legacy_names = legacy_names(&root, query);
        for At { path, node } in &query.filters {
            let plain = self.writes && path.is_empty();
            let level = locate(&mut root, path)?;
            let condition = if plain { Condition::Filter(node.clone()) } else { condition_of(level, node) };
            level.conditions.push(condition);
        }
        for At { path, node } in &query.logic {
            let tests = !(self.writes && path.is_empty());
            let level = locate(&mut root, path)?;
            let condition = logic_of(level, node, tests);
            level.conditions.push(condition);
        }
        for At { path, node } in &query.order {
            let level = locate(&mut root, path)?;
            level.order = orders_of(level, node)?;
        }
        for At { path, node } in &query.windows {
            locate(&mut root, path)?.window = *node;
        }
        hoist(&mut root)?;
        Ok(root)
    }

    fn level(&self, relation: &Arc<Relation>, items: &[SelectItem]) -> Result<Level, ApiError> {
        let mut level = Level {
            relation: relation.clone(),
            fields: Vec::with_capacity(items.len()),
            columns: Vec::with_capacity(items.len()),
            children: Vec::new(),
            conditions: Vec::new(),
            order: Vec::new(),
            window: Window::ALL,
            grouped: false,
            joined: Vec::new(),
            legacy_names: Vec::new(),
        };
        for item in items {
            match item {
                SelectItem::Star => {
                    for column in &relation.columns {
                        let name = column.name.to_string();
                        push(&mut level, plain(name.clone(), Source::Column { name, path: Vec::new() }));
                    }
                }
                SelectItem::Column(item) => self.column(&mut level, item)?,
                SelectItem::Count { alias, cast } => {
                    if !self.settings.aggregates {
                        return Err(ApiError::aggregates());
                    }
                    level.grouped = true;
                    let key = alias.clone().unwrap_or_else(|| "count".to_owned());
                    push(&mut level, Selected { cast: cast.clone(), ..plain(key, Source::CountAll) });
                }
                SelectItem::Embed(embed) => {
                    let child = self.embed(relation, embed)?;
                    if self.shown && level.children.iter().any(|sibling| sibling.name == child.name) {
                        return Err(ApiError::twice_embedded(&relation.name.name, &child.name));
                    }
                    level.fields.push(Field::Child(level.children.len()));
                    level.children.push(child);
                }
            }
        }
        if self.shown {
            judge_bare_count(relation, items)?;
        }
        Ok(level)
    }

    fn column(&self, level: &mut Level, item: &ColumnItem) -> Result<(), ApiError> {
        if item.is_legacy_count() && level.relation.column("count").is_none() {
            level.grouped = true;
            let selected =
                Selected { cast: item.cast.clone(), ..plain(item.output_key().to_owned(), Source::CountAll) };
            push(level, selected);
            return Ok(());
        }
        if item.aggregate.is_some() {
            if !self.settings.aggregates {
                return Err(ApiError::aggregates());
            }
            level.grouped = true;
        }
        push(
            level,
            Selected {
                key: item.output_key().to_owned(),
                source: Source::Column { name: item.field.name.clone(), path: item.field.json_path.clone() },
                cast: item.cast.clone(),
                aggregate: item.aggregate,
                aggregate_cast: item.aggregate_cast.clone(),
                of: None,
            },
        );
        Ok(())
    }

    fn embed(&self, origin: &Arc<Relation>, embed: &Embed) -> Result<Child, ApiError> {
        let relationship = self.relationship(origin, embed)?;
        let relation = self
            .catalog
            .relations
            .get(&relationship.target)
            .ok_or_else(|| ApiError::no_relation(&origin.name.schema, &embed.target, None))?;
        let level = self.level(relation, &embed.items)?;
        Ok(Child {
            name: embed.name().to_owned(),
            level,
            inner: embed.join == Join::Inner,
            spread: embed.spread,
            visible: !embed.items.is_empty(),
            of: None,
            joined: None,
            relationship,
        })
    }

    fn relationship(&self, origin: &Arc<Relation>, embed: &Embed) -> Result<Arc<Relationship>, ApiError> {
        let mut found = self.relationships.find(&origin.name, &embed.target, embed.hint(), self.catalog);
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let names =
                    self.relationships.from_origin(&origin.name).iter().map(|candidate| &*candidate.target.name);
                Err(ApiError::no_relationship(
                    &origin.name.name,
                    &embed.target,
                    embed.hint(),
                    &origin.name.schema,
                    // A name that is known is not what was wrong.
                    nearest(&embed.target, names).filter(|name| *name != embed.target),
                ))
            }
            _ => {
                let mut candidates = String::from("[");
                let mut forms = Vec::with_capacity(found.len());
                for (index, candidate) in found.iter().enumerate() {
                    if index > 0 {
                        candidates.push_str(", ");
                    }
                    describe(candidate, &mut candidates);
                    let hint = match &candidate.junction {
                        Some(junction) => &junction.table.name,
                        None => &candidate.constraint,
                    };
                    forms.push(format!("{}!{hint}", candidate.target.name));
                }
                candidates.push(']');
                Err(ApiError::ambiguous_relationship(&origin.name.name, &embed.target, candidates, &forms))
            }
        }
    }
}

/// One entry of `PGRST201`'s details.
fn describe(candidate: &Relationship, out: &mut String) {
    use crate::request::write_json_string;
    let list = |columns: &[store::catalog::Name]| columns.join(", ");
    let way = match &candidate.junction {
        Some(junction) => format!(
            "{} using {}({}) and {}({})",
            junction.table.name,
            junction.origin.0,
            list(&junction.origin.1),
            junction.target.0,
            list(&junction.target.1)
        ),
        None => format!(
            "{} using {}({}) and {}({})",
            candidate.constraint,
            candidate.origin.name,
            list(&candidate.columns),
            candidate.target.name,
            list(&candidate.target_columns)
        ),
    };
    out.push_str("{\"cardinality\":");
    write_json_string(out, candidate.cardinality.as_str());
    out.push_str(",\"embedding\":");
    write_json_string(out, &format!("{} with {}", candidate.origin.name, candidate.target.name));
    out.push_str(",\"relationship\":");
    write_json_string(out, &way);
    out.push('}');
}

/// The bare word `count`, where no column has that name.
fn is_bare_count(item: &SelectItem, relation: &Relation) -> bool {
    matches!(item, SelectItem::Column(item) if item.is_legacy_count()) && relation.column("count").is_none()
}

/// The bare word `count` stands alone: unlike `count()` it makes no groups of what stands beside it.
fn judge_bare_count(relation: &Relation, items: &[SelectItem]) -> Result<(), ApiError> {
    let bare = |item: &&SelectItem| is_bare_count(item, relation);
    if !items.iter().any(|item| bare(&item)) {
        return Ok(());
    }
    let mut beside = items.iter().filter(|item| !bare(item)).filter_map(|item| match item {
        SelectItem::Star => relation.columns.first().map(|column| (column.name.to_string(), false)),
        SelectItem::Column(item) => Some((item.field.name.clone(), item.aggregate.is_some())),
        SelectItem::Count { .. } => Some(("count".to_owned(), true)),
        SelectItem::Embed(embed) => (!embed.items.is_empty()).then(|| (embed.name().to_owned(), false)),
    });
    let Some((name, _)) = beside.clone().next() else { return Ok(()) };
    Err(if beside.any(|(_, aggregated)| aggregated) {
        ApiError::grouping("aggregate functions are not allowed in GROUP BY")
    } else {
        let table = &relation.name.name;
        let text =
            format!("column \"{table}.{name}\" must appear in the GROUP BY clause or be used in an aggregate function");
        ApiError::grouping(text)
    })
}

fn plain(key: String, source: Source) -> Selected {
    Selected { key, source, cast: None, aggregate: None, aggregate_cast: None, of: None }
}

fn push(level: &mut Level, selected: Selected) {
    level.fields.push(Field::Column(level.columns.len()));
    level.columns.push(selected);
}

/// Names in paths that are a table's, not an embed's own.
fn legacy_names(root: &Level, query: &Query) -> Vec<String> {
    let paths = query
        .filters
        .iter()
        .map(|at| &at.path)
        .chain(query.logic.iter().map(|at| &at.path))
        .chain(query.order.iter().map(|at| &at.path))
        .chain(query.windows.iter().map(|at| &at.path));
    let mut out = Vec::new();
    for path in paths {
        let mut level = root;
        for name in path {
            let Some(child) = child_named(level, name).map(|at| &level.children[at]) else { break };
            if child.name != *name && !out.contains(name) {
                out.push(name.clone());
            }
            level = &child.level;
        }
    }
    out
}

/// The level at the end of a path of embed names.
fn locate<'l>(root: &'l mut Level, path: &[String]) -> Result<&'l mut Level, ApiError> {
    let mut level = root;
    for name in path {
        let at = child_named(level, name).ok_or_else(|| ApiError::not_embedded(name))?;
        level = &mut level.children[at].level;
    }
    Ok(level)
}

/// The child of this output name; its target's name serves too (the legacy spelling), when no alias has taken it.
fn child_named(level: &Level, name: &str) -> Option<usize> {
    level
        .children
        .iter()
        .position(|child| child.name == name)
        .or_else(|| level.children.iter().position(|child| *child.level.relation.name.name == *name))
}

fn condition_of(level: &Level, filter: &Filter) -> Condition {
    if let Some(absent) = filter.embed_null_test()
        && let Some(child) = child_named(level, &filter.field.name)
    {
        return Condition::Exists { child, exists: !absent };
    }
    Condition::Filter(filter.clone())
}

/// `tests`: whether rows of embeds may be asked for.
fn logic_of(level: &Level, logic: &Logic, tests: bool) -> Condition {
    match logic {
        Logic::Leaf(filter) if tests => condition_of(level, filter),
        Logic::Leaf(filter) => Condition::Filter(filter.clone()),
        Logic::Group { op, negated, children } => Condition::Group {
            op: *op,
            negated: *negated,
            children: children.iter().map(|child| logic_of(level, child, tests)).collect(),
        },
    }
}

fn orders_of(level: &Level, terms: &[OrderTerm]) -> Result<Vec<Order>, ApiError> {
    let mut out = Vec::with_capacity(terms.len());
    for term in terms {
        out.push(match &term.relation {
            None => Order::Own(term.clone()),
            Some(name) => {
                // The legacy spelling is for paths only.
                let named = level.children.iter().position(|child| child.name == *name);
                let child = named.ok_or_else(|| ApiError::not_embedded(name))?;
                if !level.children[child].to_one() {
                    return Err(ApiError::related_order(&level.relation.name.name, name));
                }
                Order::Related { child, term: term.clone() }
            }
        });
    }
    Ok(out)
}
