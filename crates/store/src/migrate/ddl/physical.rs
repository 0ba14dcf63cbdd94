//! How a relation is written into SQLite's schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use sql::ast::{BinaryOp, Expr, Quantity};
use values::Type;

use super::Ddl;
use crate::catalog::{Catalog, Column, ExprText, FkAction, ForeignKey, Index, Key, Name, QName, Relation};
use crate::error::{Result, SqlError};
use crate::migrate::walk::{self, Visit};

use crate::translate::{Owner, Translator, physical_name, quote, text_sql, unsupported};

/// A table in SQLite's words.
#[derive(Debug, PartialEq)]
pub(super) struct Physical {
    /// `CREATE TABLE …`.
    pub(super) create: String,
    /// What decides the form of stored rows, column by column.
    pub(super) layout: Vec<Cell>,
    /// Indexes by their name in the file, with their text.
    pub(super) indexes: BTreeMap<String, String>,
}

/// What decides how a column's values lie in a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) name: Name,
    pub(super) ty: &'static str,
    pub(super) collation: Option<String>,
    pub(super) generated: Option<String>,
    pub(super) rowid: bool,
    /// The table as a whole is strict.
    pub(super) strict: bool,
}

/// The name of an index in the file: its own in `public`, `schema.name` elsewhere.
pub(super) fn index_name(relation: &Relation, index: &str) -> String {
    physical_name(&QName::new(relation.name.schema.clone(), index))
}

/// A list of quoted names.
pub(super) fn names(columns: &[Name]) -> String {
    columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ")
}

impl Ddl<'_> {
    /// A table in SQLite's words; refuses what they cannot say.
    pub(super) fn physical(&self, relation: &Arc<Relation>) -> Result<Physical> {
        physical(self.catalog, relation)
    }
}

/// See [`Ddl::physical`].
pub(super) fn physical(catalog: &Catalog, relation: &Arc<Relation>) -> Result<Physical> {
    let rowid = relation.rowid_column().map(|column| column.name.clone());
    let strict = !relation.columns.iter().any(|column| column.ty.is_float());
    let mut layout = Vec::with_capacity(relation.columns.len());
    let mut parts = Vec::with_capacity(relation.columns.len() + relation.checks.len());
    for column in &relation.columns {
        let generated = match &column.generated {
            Some(expr) => Some(over(
                catalog,
                relation,
                &tree(expr, "a generated column")?,
                Some(&column.ty),
                "a generated column",
            )?),
            None => None,
        };
        let is_rowid = rowid.as_ref() == Some(&column.name);
        parts.push(definition(catalog, relation, column, is_rowid, generated.as_deref())?);
        layout.push(Cell {
            name: column.name.clone(),
            ty: column.ty.storage().sql(),
            collation: column.ty.collation(),
            generated,
            rowid: is_rowid,
            strict,
        });
    }
    for column in &relation.columns {
        parts.extend(type_check(column));
        parts.extend(domain_checks(catalog, relation, column)?);
    }
    for check in &relation.checks {
        let expr = over(catalog, relation, &tree(&check.expr, "a check")?, Some(&Type::Bool), "a check constraint")?;
        parts.push(format!("CONSTRAINT {} CHECK ({expr})", quote(&check.name)));
    }
    parts.extend(relation.foreign_keys.iter().map(foreign_key));
    let table = quote(&physical_name(&relation.name));
    let end = if strict { " STRICT" } else { "" };
    // SQLite has no table without columns; PostgreSQL has.
    if relation.columns.is_empty() {
        return Err(super::refused("a table without columns", "Give the table at least one column."));
    }
    let create = format!("CREATE TABLE {table} (\n  {}\n){end}", parts.join(",\n  "));
    let mut indexes = BTreeMap::new();
    let primary = relation.primary_key.iter().filter(|_| rowid.is_none());
    for key in primary.chain(&relation.uniques) {
        indexes.insert(index_name(relation, &key.name), key_index(relation, key));
    }
    for index in relation.indexes.iter().filter(|index| index.effective) {
        // A unique index over plain columns is among the keys already.
        if relation.uniques.iter().any(|key| key.name == index.name) {
            continue;
        }
        indexes.insert(index_name(relation, &index.name), index_sql(catalog, relation, index)?);
    }
    Ok(Physical { create, layout, indexes })
}

/// The tree of a stored expression.
fn tree(text: &ExprText, what: &str) -> Result<Expr> {
    text.tree().map(|tree| (**tree).clone()).ok_or_else(|| unsupported(format!("{what} ({})", text.text())))
}

/// A column's definition, without constraints that belong to the table.
pub(super) fn definition(
    catalog: &Catalog,
    relation: &Arc<Relation>,
    column: &Column,
    rowid: bool,
    generated: Option<&str>,
) -> Result<String> {
    let mut out = format!("{} {}", quote(&column.name), column.ty.storage().sql());
    if let Some(collation) = column.ty.collation() {
        out.push_str(" COLLATE ");
        out.push_str(&quote(&collation));
    }
    if rowid {
        let key = relation.primary_key.as_ref().map_or("", |key| &key.name);
        out.extend([" CONSTRAINT ", &quote(key), " PRIMARY KEY"]);
        return Ok(out);
    }
    if column.not_null {
        out.push_str(" NOT NULL");
    }
    if let Some(generated) = generated {
        out.extend([" GENERATED ALWAYS AS (", generated, ") STORED"]);
    } else if let Some(default) = default_sql(catalog, relation, column)? {
        out.extend([" DEFAULT (", &default, ")"]);
    }
    Ok(out)
}

/// What a column gets when nothing is said, as SQLite text; none for null.
pub(super) fn default_sql(catalog: &Catalog, relation: &Arc<Relation>, column: &Column) -> Result<Option<String>> {
    if let Some(sequence) = &column.sequence
        && column.default.is_none()
    {
        return Ok(Some(format!("pg_nextval({})", text_sql(&sequence.to_string()))));
    }
    let Some(default) = &column.default else { return Ok(None) };
    let tree = tree(default, "a default")?;
    let value =
        over(catalog, relation, &tree, Some(&column.ty), "a default").map_err(|error| mismatch(error, column))?;
    Ok((value != "NULL").then_some(value))
}

/// 42804 in the words that PostgreSQL has for defaults.
fn mismatch(error: crate::Error, column: &Column) -> crate::Error {
    match error {
        crate::Error::Sql(mut inner) if inner.code == "42804" || inner.code == "42846" => {
            "42804".clone_into(&mut inner.code);
            inner.message = format!(
                "column \"{}\" is of type {} but its default is not: {}",
                column.name,
                column.ty.base_name(),
                inner.message
            );
            crate::Error::Sql(inner)
        }
        other => other,
    }
}

/// What every stored value of a type meets. The translator and the reader of values see to it already; this is the last line.
fn type_check(column: &Column) -> Option<String> {
    let (least, greatest, ty) = match column.ty {
        Type::Bool => (0, 1, "boolean"),
        Type::Int2 => (i64::from(i16::MIN), i64::from(i16::MAX), "smallint"),
        Type::Int4 => (i64::from(i32::MIN), i64::from(i32::MAX), "integer"),
        _ => return None,
    };
    let name = quote(&format!("~range {ty}"));
    Some(format!("CONSTRAINT {name} CHECK ({} BETWEEN {least} AND {greatest})", quote(&column.name)))
}

fn domain_checks(catalog: &Catalog, relation: &Arc<Relation>, column: &Column) -> Result<Vec<String>> {
    let Some(domain) = column.domain.as_ref().and_then(|domain| catalog.domains.get(domain)) else {
        return Ok(Vec::new());
    };
    let mut out = Vec::with_capacity(domain.checks.len());
    for check in &domain.checks {
        let expr =
            value_as(&tree(&check.expr, "a domain's check")?, &Expr::Column { parts: vec![column.name.clone()] });
        let expr = over(catalog, relation, &expr, Some(&Type::Bool), "a domain's check")?;
        out.push(format!("CONSTRAINT {} CHECK ({expr})", quote(&check.name)));
    }
    Ok(out)
}

/// A domain's check with something in the place of `value`.
pub(super) fn value_as(tree: &Expr, with: &Expr) -> Expr {
    struct Value<'e>(&'e Expr);
    impl Visit for Value<'_> {
        fn expr(&mut self, expr: &mut Expr) {
            if let Expr::Column { parts } = expr
                && let [name] = parts.as_slice()
                && &**name == "value"
            {
                *expr = self.0.clone();
            }
        }
    }
    let mut out = tree.clone();
    walk::expr(&mut out, &mut Value(with));
    out
}

fn action(action: FkAction) -> &'static str {
    match action {
        FkAction::NoAction => "NO ACTION",
        FkAction::Restrict => "RESTRICT",
        FkAction::Cascade => "CASCADE",
        FkAction::SetNull => "SET NULL",
        FkAction::SetDefault => "SET DEFAULT",
    }
}

fn foreign_key(key: &ForeignKey) -> String {
    let mut out = format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
        quote(&key.name),
        names(&key.columns),
        quote(&physical_name(&key.target)),
        names(&key.target_columns)
    );
    if key.on_delete != FkAction::NoAction {
        out.push_str(" ON DELETE ");
        out.push_str(action(key.on_delete));
    }
    if key.on_update != FkAction::NoAction {
        out.push_str(" ON UPDATE ");
        out.push_str(action(key.on_update));
    }
    if key.deferrable {
        out.push_str(if key.deferred { " DEFERRABLE INITIALLY DEFERRED" } else { " DEFERRABLE INITIALLY IMMEDIATE" });
    }
    out
}

fn key_index(relation: &Relation, key: &Key) -> String {
    format!(
        "CREATE UNIQUE INDEX {} ON {} ({})",
        quote(&index_name(relation, &key.name)),
        quote(&physical_name(&relation.name)),
        names(&key.columns)
    )
}

/// An index as SQLite text.
pub(super) fn index_sql(catalog: &Catalog, relation: &Arc<Relation>, index: &Index) -> Result<String> {
    let mut keys = Vec::with_capacity(index.keys.len());
    for key in &index.keys {
        let mut text = match (&key.column, &key.expr) {
            (Some(column), _) => quote(column),
            (None, Some(expr)) => expression_key(catalog, relation, &tree(expr, "an index key")?)?,
            (None, None) => return Err(crate::Error::Internal(format!("index {} has an empty key", index.name))),
        };
        if key.descending {
            text.push_str(" DESC");
        }
        keys.push(text);
    }
    // Included columns make the index cover more queries; SQLite takes them as further keys, which only a unique index would notice.
    if !index.unique {
        keys.extend(index.include.iter().map(|column| quote(column)));
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let mut out = format!(
        "CREATE {unique}INDEX {} ON {} ({})",
        quote(&index_name(relation, &index.name)),
        quote(&physical_name(&relation.name)),
        keys.join(", ")
    );
    if let Some(predicate) = &index.predicate {
        let predicate =
            over(catalog, relation, &tree(predicate, "an index predicate")?, Some(&Type::Bool), "an index predicate")?;
        out.push_str(" WHERE ");
        out.push_str(&predicate);
    }
    Ok(out)
}

fn expression_key(catalog: &Catalog, relation: &Arc<Relation>, expr: &Expr) -> Result<String> {
    let typed = translate(catalog, relation, expr, None, "an index key")?;
    Ok(match typed.1.collation() {
        Some(collation) => format!("({}) COLLATE {}", typed.0, quote(&collation)),
        None => typed.0,
    })
}

/// An expression over a table's own columns, where SQLite allows no subquery.
pub(super) fn over(
    catalog: &Catalog,
    relation: &Arc<Relation>,
    expr: &Expr,
    target: Option<&Type>,
    what: &str,
) -> Result<String> {
    translate(catalog, relation, expr, target, what).map(|(sql, _)| sql)
}

fn translate(
    catalog: &Catalog,
    relation: &Arc<Relation>,
    expr: &Expr,
    target: Option<&Type>,
    what: &str,
) -> Result<(String, Type)> {
    if has_query(expr) {
        return Err(SqlError::new("0A000", format!("cannot use subquery in {what}"))
            .hint("Only the row's own columns can be read here. Check what needs other rows in a policy or in a foreign key.")
            .into());
    }
    let mut expr = expr.clone();
    walk::expr(&mut expr, &mut Lists);
    let public = [Name::from("public")];
    let mut translator = Translator::new(catalog, &Owner, &public, &[]);
    let typed = translator.over_relation(&expr, relation, "", target)?;
    if mentions_select(&typed.sql) {
        return Err(super::refused(
            format!("this expression in {what} needs a query on SQLite, which allows none there: {expr}"),
            "Write it with plain operators, for example IN (...) or several conditions joined with AND.",
        ));
    }
    Ok((unqualified(&typed.sql, &quote(&relation.name.name)), typed.ty))
}

/// A text of ours without the table's name before its columns, which SQLite does not take in generated columns and indexes.
fn unqualified(sql: &str, table: &str) -> String {
    let prefix = format!("{table}.");
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        if c == '"' && rest.starts_with(&prefix) {
            rest = &rest[prefix.len()..];
            // What follows is the column's name, whatever it is.
        }
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let end = match quote {
            Some(quote) => rest[1..].find(quote).map_or(rest.len(), |at| at + 2),
            None => c.len_utf8(),
        };
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// Does the expression hold a query of its own.
pub(super) fn has_query(expr: &Expr) -> bool {
    struct Queries(bool);
    impl Visit for Queries {
        fn expr(&mut self, expr: &mut Expr) {
            self.0 |= matches!(
                expr,
                Expr::Exists(_)
                    | Expr::Subquery(_)
                    | Expr::ArrayQuery(_)
                    | Expr::InQuery { .. }
                    | Expr::Quantified { right: Quantity::Query(_), .. }
            );
        }
    }
    let mut queries = Queries(false);
    walk::expr(&mut expr.clone(), &mut queries);
    queries.0
}

/// Turns `x = any (array[a, b])` into `x in (a, b)`: the same meaning, and SQLite needs no query for it.
struct Lists;

impl Visit for Lists {
    fn expr(&mut self, expr: &mut Expr) {
        let Expr::Quantified { left, op, all, right: Quantity::Array(array) } = expr else { return };
        let negated = match (&*op, *all) {
            (BinaryOp::Eq, false) => false,
            (BinaryOp::Ne, true) => true,
            _ => return,
        };
        let list = match &**array {
            Expr::Array(items) => items.clone(),
            Expr::Cast { expr: inner, ty } => match &**inner {
                Expr::Array(items) if ty.array_dims > 0 => {
                    let mut element = ty.clone();
                    element.array_dims = 0;
                    items.iter().map(|item| Expr::Cast { expr: Box::new(item.clone()), ty: element.clone() }).collect()
                }
                _ => return,
            },
            _ => return,
        };
        if !list.is_empty() && !list.iter().any(|item| matches!(item, Expr::Array(_))) {
            *expr = Expr::InList { expr: left.clone(), list, negated };
        }
    }
}

/// Is the word SELECT in a text of ours outside of its strings and names.
fn mentions_select(sql: &str) -> bool {
    let mut quote = None;
    let mut plain = String::with_capacity(sql.len());
    for c in sql.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None => plain.push(c),
        }
    }
    plain.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word.eq_ignore_ascii_case("select"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_seen_behind_arrays_and_their_casts() {
        for (text, want) in [
            ("a = any (array['x', 'y'])", "a IN ('x', 'y')"),
            ("a <> all (array[1, 2])", "a NOT IN (1, 2)"),
            ("a = any ((array['x'::varchar, 'y'::varchar])::text[])", "a IN ('x'::varchar::text, 'y'::varchar::text)"),
            ("a < any (array[1, 2])", "a < ANY (ARRAY[1, 2])"),
            ("a = any (b)", "a = ANY (b)"),
        ] {
            let mut expr = sql::parse_expr(text).unwrap();
            walk::expr(&mut expr, &mut Lists);
            assert_eq!(expr, sql::parse_expr(want).unwrap(), "{text} became {expr}");
        }
    }

    #[test]
    fn the_tables_own_name_goes_from_before_its_columns_and_from_nowhere_else() {
        for (text, want) in [
            ("(\"t\".\"a\" * \"t\".\"t\")", "(\"a\" * \"t\")"),
            ("'\"t\".\"a\"' || \"t\".\"b\"", "'\"t\".\"a\"' || \"b\""),
            ("'it''s \"t\".' || \"t\".\"x\"\"y\"", "'it''s \"t\".' || \"x\"\"y\""),
            ("é + \"t\".\"ü\"", "é + \"ü\""),
        ] {
            assert_eq!(unqualified(text, "\"t\""), want);
        }
    }

    #[test]
    fn a_query_in_our_text_is_seen_and_a_word_in_a_string_is_not() {
        for (text, want) in [
            ("(a IN (SELECT 1))", true),
            ("'SELECT'", false),
            ("\"select\" + 1", false),
            ("selected", false),
            ("'it''s' || (select 1)", true),
        ] {
            assert_eq!(mentions_select(text), want, "{text}");
        }
    }
}
