//! Function calls: the grammar's own words, built-ins, and SQL functions of the user's, which are unfolded in place.

use std::sync::Arc;

use sql::ast::{Expr, FunctionCall, Query, Statement};
use values::Type;

use super::scope::{Frame, Source, SourceColumn};
use super::{DEPTH_MAX, OutColumn, Owner, Translator, Typed, unsupported};
use crate::catalog::{Function, Name, QName, Returns, Volatility};
use crate::error::{Result, SqlError};

/// Is this the name of a built-in that gives rows of one plain column.
pub(crate) fn is_set_function(name: &str) -> bool {
    matches!(
        name,
        "unnest"
            | "generate_series"
            | "jsonb_array_elements"
            | "json_array_elements"
            | "jsonb_array_elements_text"
            | "json_array_elements_text"
            | "jsonb_object_keys"
            | "json_object_keys"
            | "regexp_split_to_table"
            | "string_to_table"
    )
}

impl Translator<'_> {
    /// Translates a call that stands as a value.
    pub(super) fn function(&mut self, call: &FunctionCall) -> Result<Typed> {
        let name = &*call.name.name;
        if call.name.schema.is_none() || call.name.schema.as_deref() == Some("pg_catalog") {
            match name {
                "coalesce" => {
                    let args = self.arguments(call)?;
                    let args = self.meet(args, "COALESCE")?;
                    let ty = args[0].ty.clone();
                    if args.len() == 1 {
                        return Ok(args.into_iter().next().expect("one argument"));
                    }
                    let texts: Vec<&str> = args.iter().map(|arg| arg.sql.as_str()).collect();
                    return Ok(Typed::new(format!("coalesce({})", texts.join(", ")), ty));
                }
                "nullif" => {
                    let args = self.arguments(call)?;
                    let [left, right] = <[Typed; 2]>::try_from(args)
                        .map_err(|_| SqlError::new("42601", "NULLIF takes two arguments"))?;
                    let ty = if left.ty == Type::Unknown { Type::Text } else { left.ty.clone() };
                    let value = left.sql.clone();
                    let equal = self.compare(left, &sql::ast::BinaryOp::Eq, right)?;
                    return Ok(Typed::new(format!("(CASE WHEN {} THEN NULL ELSE {value} END)", equal.sql), ty));
                }
                "greatest" | "least" => {
                    let args = self.arguments(call)?;
                    return self.extreme(args, name == "greatest");
                }
                "to_json" | "to_jsonb" | "row_to_json" if matches!(call.args.as_slice(), [one] if self.is_row(&one.value)) =>
                {
                    return self.row_to_json(&call.args[0].value, name != "to_jsonb");
                }
                _ => {}
            }
            if super::aggregate::is_aggregate(name) || call.over.is_some() {
                return self.aggregate(call);
            }
        }
        if let Some(function) = self.user_function(call)? {
            let args = self.named_arguments(call, &function)?;
            return self.unfold_scalar(&function, args);
        }
        if call.filter.is_some() || call.distinct || !call.order_by.is_empty() || call.star {
            return Err(SqlError::new("42883", format!("aggregate function {name} does not exist")).into());
        }
        let args = self.arguments(call)?;
        match call.name.schema.as_deref() {
            None | Some("pg_catalog" | "extensions") => self.builtin(name, args),
            Some(schema) => {
                let qualified = format!("{schema}.{name}");
                if Self::is_builtin(&qualified) {
                    return self.builtin(&qualified, args);
                }
                let types: Vec<String> = args.iter().map(|arg| arg.ty.base_name()).collect();
                Err(SqlError::new("42883", format!("function {qualified}({}) does not exist", types.join(", "))).into())
            }
        }
    }

    pub(super) fn arguments(&mut self, call: &FunctionCall) -> Result<Vec<Typed>> {
        let mut out = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            if arg.variadic {
                return Err(unsupported("a VARIADIC argument"));
            }
            if arg.name.is_some() {
                return Err(unsupported("a named argument of a built-in function"));
            }
            out.push(self.expr(&arg.value)?);
        }
        Ok(out)
    }

    /// Is this the name of a source, so that it stands for its whole row.
    fn is_row(&self, expr: &Expr) -> bool {
        match expr {
            Expr::WholeRow(_) => true,
            Expr::Column { parts } => {
                let [name] = parts.as_slice() else { return false };
                self.frames.last().is_some_and(|frame| {
                    frame.sources.iter().any(|source| source.alias == *name)
                        && !frame.sources.iter().any(|source| source.columns.iter().any(|column| column.name == *name))
                })
            }
            _ => false,
        }
    }

    fn row_to_json(&mut self, expr: &Expr, json: bool) -> Result<Typed> {
        let name = match expr {
            Expr::WholeRow(name) => name.clone(),
            Expr::Column { parts } => sql::ast::ObjectName::bare(parts[0].clone()),
            _ => return Err(unsupported("this row value")),
        };
        let source = self.source_named(&name)?;
        let count = self.frame().sources[source].columns.len();
        let mut args = Vec::with_capacity(count * 2);
        for index in 0..count {
            let (name, value, _) = self.source_column(source, index);
            args.push(Typed::new(super::text_sql(&name), Type::Text));
            args.push(value);
        }
        self.json_object(args, json)
    }

    /// `json[b]_build_object` over typed arguments.
    pub(super) fn json_object(&mut self, args: Vec<Typed>, json: bool) -> Result<Typed> {
        let mut texts = Vec::with_capacity(args.len());
        for (index, arg) in args.into_iter().enumerate() {
            let arg = self.settle(arg)?;
            texts.push(if index % 2 == 0 { arg.sql } else { self.builtin("to_jsonb", vec![arg])?.sql });
        }
        let (function, ty) = if json { ("pg_json_object", Type::Json) } else { ("pg_jsonb_object", Type::Jsonb) };
        Ok(Typed::new(format!("{function}({})", texts.join(", ")), ty))
    }

    /// The user's function a call means, if any.
    fn user_function(&mut self, call: &FunctionCall) -> Result<Option<Arc<Function>>> {
        let schemas: Vec<Name> = match &call.name.schema {
            Some(schema) => vec![schema.clone()],
            None => self.search_path.to_vec(),
        };
        let mut named = false;
        for schema in schemas {
            for function in self.catalog.functions(&schema, &call.name.name) {
                named = true;
                let required = function.parameters.iter().filter(|parameter| parameter.default.is_none()).count();
                if call.args.len() >= required
                    && call.args.len() <= function.parameters.len()
                    && call.args.iter().all(|arg| {
                        arg.name.as_ref().is_none_or(|name| {
                            function.parameters.iter().any(|parameter| parameter.name.as_ref() == Some(name))
                        })
                    })
                {
                    // Inside a view, too, functions are called by whoever asks.
                    self.caller.execute(function)?;
                    return Ok(Some(function.clone()));
                }
            }
        }
        if named && !Self::is_builtin(&call.name.name) {
            return Err(SqlError::new(
                "42883",
                format!("function {}() does not exist with these arguments", call.name.name),
            )
            .into());
        }
        Ok(None)
    }

    /// Does a call give rows of one plain column.
    pub(super) fn returns_set(&self, call: &FunctionCall) -> bool {
        let own = |schema: &Name| {
            let found = self.catalog.functions(schema, &call.name.name);
            (!found.is_empty())
                .then(|| found.iter().all(|function| matches!(function.returns, Returns::Scalar { set: true, .. })))
        };
        let found = match &call.name.schema {
            Some(schema) => own(schema),
            None => self.search_path.iter().find_map(own),
        };
        found.unwrap_or_else(|| is_set_function(&call.name.name))
    }

    /// The arguments in the order of the parameters, coerced, defaults filled in.
    fn named_arguments(&mut self, call: &FunctionCall, function: &Function) -> Result<Vec<(Option<Name>, Typed)>> {
        let mut given: Vec<Option<Typed>> = vec![None; function.parameters.len()];
        for (position, arg) in call.args.iter().enumerate() {
            let index = match &arg.name {
                None => position,
                Some(name) => function
                    .parameters
                    .iter()
                    .position(|parameter| parameter.name.as_ref() == Some(name))
                    .ok_or_else(|| SqlError::new("42883", format!("function has no parameter \"{name}\"")))?,
            };
            let value = self.expr(&arg.value)?;
            given[index] = Some(self.implicit(value, &function.parameters[index].ty)?);
        }
        let mut out = Vec::with_capacity(given.len());
        for (value, parameter) in given.into_iter().zip(&function.parameters) {
            let value = match (value, &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    let tree = default.tree().cloned().ok_or_else(|| unsupported("this parameter default"))?;
                    self.constant(&tree, &parameter.ty)?
                }
                (None, None) => return Err(SqlError::new("42883", "a required argument is missing").into()),
            };
            out.push((parameter.name.clone(), value));
        }
        Ok(out)
    }

    /// A function whose body is one query, as a scalar subquery.
    /// A call as a statement of its own.
    pub(super) fn called(&mut self, call: &FunctionCall) -> Result<(String, Vec<OutColumn>)> {
        let function = self
            .user_function(call)?
            .ok_or_else(|| SqlError::new("42883", format!("function {}() does not exist", call.name.name)))?;
        let args = self.named_arguments(call, &function)?;
        self.unfold(&function, args)
    }

    fn unfold_scalar(&mut self, function: &Arc<Function>, args: Vec<(Option<Name>, Typed)>) -> Result<Typed> {
        let ty = match &function.returns {
            Returns::Scalar { ty, set: false } => ty.clone(),
            Returns::Scalar { .. } | Returns::Relation { .. } | Returns::Columns { .. } | Returns::Record { .. } => {
                return Err(unsupported(format!("function {} as a value (it returns rows)", function.name.name)));
            }
            Returns::Void => {
                return Err(unsupported(format!("function {} as a value (it returns void)", function.name.name)));
            }
        };
        let strict: Vec<String> =
            if function.strict { args.iter().map(|(_, arg)| arg.sql.clone()).collect() } else { Vec::new() };
        let (sql, columns) = self.unfold(function, args)?;
        let [column] = columns.as_slice() else {
            return Err(SqlError::new("42P13", "return type mismatch in function: it must return one column").into());
        };
        let mut value = Typed::new(format!("({sql} LIMIT 1)"), column.ty.clone());
        if column.ty == Type::Unknown {
            value.ty = Type::Text;
        }
        let mut value = self.assign(value, &ty)?;
        if !strict.is_empty() {
            let tests: Vec<String> = strict.iter().map(|arg| format!("{arg} IS NULL")).collect();
            value.sql = format!("(CASE WHEN {} THEN NULL ELSE {} END)", tests.join(" OR "), value.sql);
        }
        Ok(value)
    }

    /// The body of a function as a query, its parameters replaced by the arguments. Runs with the owner's rights when the function is
    /// `security definer`, else with the caller's.
    pub(super) fn unfold(
        &mut self,
        function: &Arc<Function>,
        args: Vec<(Option<Name>, Typed)>,
    ) -> Result<(String, Vec<OutColumn>)> {
        if !function.language.eq_ignore_ascii_case("sql") {
            return Err(unsupported(format!("language {} (function {})", function.language, function.name.name)));
        }
        if self.depth >= DEPTH_MAX {
            return Err(SqlError::new("54001", "stack depth limit exceeded").into());
        }
        // PostgreSQL would call it until its stack is full: each call plans its body anew, so its judgement of policies that refer to
        // themselves ends at a call.
        if self.calling.contains(&function.name) {
            return self.refusing(function, SqlError::new("54001", "stack depth limit exceeded"));
        }
        let query = body_query(function)?;
        let (guard, caller) = (self.guard, self.caller);
        // A body that may not run refuses when it is called: what it is refused is no refusal of the statement.
        let caller_inside = caller.at_once().unwrap_or(caller);
        self.guard = if function.security_definer { &Owner } else { caller_inside };
        self.caller = self.guard;
        let unfolding = std::mem::take(&mut self.unfolding);
        self.calling.push(function.name.clone());
        // What such a function calls in turn sees the same.
        let afresh = self.afresh;
        self.afresh |= function.volatility == Volatility::Volatile;
        let mut frame = Frame::barrier();
        frame.arguments = args;
        frame.function = Some(function.name.name.clone());
        let outside = self.frames.len();
        self.frames.push(frame);
        self.depth += 1;
        let result = self.query(&query).and_then(|found| self.circles_of_query(&query).map(|()| found));
        let result = result.map_err(|error| match error {
            crate::Error::Sql(mut inner) if inner.code == "0A000" => {
                inner.message = format!("{} (in function {})", inner.message, function.name.name);
                crate::Error::Sql(inner)
            }
            other => other,
        });
        self.depth -= 1;
        self.frames.truncate(outside);
        self.calling.pop();
        self.afresh = afresh;
        self.unfolding = unfolding;
        (self.guard, self.caller) = (guard, caller);
        let (sql, columns) = match result {
            Ok(found) => found,
            Err(crate::Error::Sql(error)) if matches!(&*error.code, "42501" | "42P17" | "54001") => {
                return self.refusing(function, *error);
            }
            Err(other) => return Err(other),
        };
        // A limit may be appended by the caller: a body that has its own is put into brackets.
        let sql =
            if query.limit.is_some() || query.offset.is_some() || !query.order_by.is_empty() || query.with.is_some() {
                format!("SELECT * FROM ({sql})")
            } else {
                sql
            };
        Ok((sql, columns))
    }

    /// A body that may not run. PostgreSQL judges a function's body when it is called, and it may never be: so it refuses when it runs.
    fn refusing(&self, function: &Function, error: SqlError) -> Result<(String, Vec<OutColumn>)> {
        let plain = |name: &Name, ty: &Type| OutColumn { name: name.clone(), ty: ty.clone(), source: None };
        let columns: Vec<OutColumn> = match &function.returns {
            Returns::Scalar { ty, .. } => vec![plain(&function.name.name, ty)],
            Returns::Columns { columns, .. } => columns.iter().map(|(name, ty)| plain(name, ty)).collect(),
            Returns::Relation { name, .. } => match self.catalog.relations.get(name) {
                Some(relation) => relation.columns.iter().map(|column| plain(&column.name, &column.ty)).collect(),
                None => return Err(error.into()),
            },
            Returns::Void | Returns::Record { .. } => return Err(error.into()),
        };
        let raise = format!("pg_raise({}, {})", super::text_sql(&error.code), super::text_sql(&error.message));
        Ok((format!("SELECT {}", vec![raise; columns.len()].join(", ")), columns))
    }

    /// A user's function in `from`, as a source.
    pub(super) fn function_source(&mut self, call: &FunctionCall) -> Result<Option<(String, Vec<SourceColumn>)>> {
        let Some(function) = self.user_function(call)? else { return Ok(None) };
        let args = self.named_arguments(call, &function)?;
        let (sql, columns) = self.unfold(&function, args)?;
        let declared: Vec<(Name, Type)> = match &function.returns {
            Returns::Relation { name, .. } => match self.catalog.relations.get(name) {
                Some(relation) => {
                    relation.columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect()
                }
                None => return Err(SqlError::new("42P01", format!("relation \"{name}\" does not exist")).into()),
            },
            Returns::Columns { columns, .. } => columns.clone(),
            Returns::Scalar { ty, .. } => vec![(call.name.name.clone(), ty.clone())],
            Returns::Void | Returns::Record { .. } => {
                return Err(unsupported(format!("function {} among the sources of a query", function.name.name)));
            }
        };
        if declared.len() != columns.len() {
            return Err(
                SqlError::new("42P13", format!("return type mismatch in function {}", function.name.name)).into()
            );
        }
        let mut items = Vec::with_capacity(columns.len());
        let mut names = Vec::with_capacity(columns.len());
        for (index, (column, (name, ty))) in columns.iter().zip(&declared).enumerate() {
            let inner = format!("q.{}", super::quote(&format!("c{index}")));
            names.push(super::quote(&format!("c{index}")));
            let value = self.assign(Typed::new(inner, column.ty.clone()), ty)?;
            items.push(format!("{} AS {}", value.sql, super::quote(name)));
        }
        let sql = format!("(WITH q({}) AS ({sql}) SELECT {} FROM q)", names.join(", "), items.join(", "));
        let relation: Option<QName> = match &function.returns {
            Returns::Relation { name, .. } => Some(name.clone()),
            _ => None,
        };
        let columns = declared
            .into_iter()
            .map(|(name, ty)| SourceColumn {
                source: relation.clone().map(|relation| (relation, name.clone())),
                name,
                ty,
                sql: None,
            })
            .collect();
        Ok(Some((sql, columns)))
    }

    /// A built-in set-returning function in `from`, as a source: text and columns.
    pub(super) fn set_function(
        &mut self,
        call: &FunctionCall,
        ordinality: bool,
    ) -> Result<(String, Vec<SourceColumn>)> {
        let name = &*call.name.name;
        let args = self.arguments(call)?;
        let plain = |name: &str, ty: Type| SourceColumn { name: Name::from(name), ty, source: None, sql: None };
        let mut columns = Vec::new();
        let mut sql = match (name, args.len()) {
            ("unnest", 1..) => {
                let mut joins = Vec::with_capacity(args.len());
                let mut items = Vec::with_capacity(args.len());
                for (index, arg) in args.iter().enumerate() {
                    let Some(element) = arg.ty.element() else {
                        return Err(SqlError::new(
                            "42883",
                            format!("function unnest({}) does not exist", arg.ty.base_name()),
                        )
                        .into());
                    };
                    joins.push(match index {
                        0 => format!("json_each({}) AS u0", arg.sql),
                        _ => format!(" FULL JOIN json_each({}) AS u{index} ON u{index}.key = u0.key", arg.sql),
                    });
                    let column = if args.len() == 1 { "unnest".to_owned() } else { format!("unnest{index}") };
                    items.push(format!("u{index}.value AS {}", super::quote(&column)));
                    columns.push(plain(&column, element.clone()));
                }
                if ordinality {
                    items.push("u0.key + 1 AS ordinality".to_owned());
                }
                format!("(SELECT {} FROM {})", items.join(", "), joins.concat())
            }
            ("generate_series", 2 | 3) if args.iter().all(|arg| arg.ty.is_integer() || arg.ty == Type::Unknown) => {
                let (sql, ty) = self.series(args, ordinality)?;
                columns.push(plain("generate_series", ty));
                sql
            }
            (
                "jsonb_array_elements"
                | "json_array_elements"
                | "jsonb_array_elements_text"
                | "json_array_elements_text",
                1,
            ) => {
                let (as_text, ty) = parts_of(name);
                let document = self.jsonish(args.into_iter().next().expect("one argument"))?;
                columns.push(plain("value", ty));
                let value = if as_text { "pg_json_as_text(value)" } else { "value" };
                let ordinal = if ordinality { ", key + 1 AS ordinality" } else { "" };
                format!("(SELECT {value} AS value{ordinal} FROM json_each(pg_json_parts({})))", document.sql)
            }
            ("jsonb_each" | "json_each" | "jsonb_each_text" | "json_each_text", 1) => {
                let (as_text, ty) = parts_of(name);
                let document = self.jsonish(args.into_iter().next().expect("one argument"))?;
                columns.push(plain("key", Type::Text));
                columns.push(plain("value", ty));
                let value = if as_text { "pg_json_as_text(value)" } else { "value" };
                format!("(SELECT key, {value} AS value FROM json_each(pg_json_parts({})))", document.sql)
            }
            ("jsonb_object_keys" | "json_object_keys", 1) => {
                let document = self.jsonish(args.into_iter().next().expect("one argument"))?;
                columns.push(plain(name, Type::Text));
                format!("(SELECT key AS {} FROM json_each({}))", super::quote(name), document.sql)
            }
            ("regexp_split_to_table" | "string_to_table", 2) => {
                let function = if name == "string_to_table" { "string_to_array" } else { "regexp_split_to_array" };
                let array = self.builtin(function, args)?;
                columns.push(plain(name, Type::Text));
                format!("(SELECT value AS {} FROM json_each({}))", super::quote(name), array.sql)
            }
            _ if Self::is_builtin(name) => {
                let value = self.builtin(name, args)?;
                columns.push(plain(name, value.ty.clone()));
                format!("(SELECT {} AS {})", value.sql, super::quote(name))
            }
            _ => return Err(SqlError::new("42883", format!("function {name} does not exist")).into()),
        };
        if ordinality {
            columns.push(plain("ordinality", Type::Int8));
        }
        sql.shrink_to_fit();
        Ok((sql, columns))
    }

    /// `generate_series` over integers, as a recursion.
    fn series(&mut self, args: Vec<Typed>, ordinality: bool) -> Result<(String, Type)> {
        let ty = if args.iter().any(|arg| arg.ty == Type::Int8) { Type::Int8 } else { Type::Int4 };
        let mut texts = Vec::with_capacity(3);
        for arg in args {
            texts.push(self.implicit(arg, &ty)?.sql);
        }
        let step = texts.get(2).map_or("1", String::as_str);
        let ordinal = if ordinality { ", n AS ordinality" } else { "" };
        let sql = format!(
            "(WITH RECURSIVE s(v, stop, step, n) AS (SELECT a, b, c, 1 FROM (SELECT {} AS a, {} AS b, {step} AS c) \
             WHERE (c > 0 AND a <= b) OR (c < 0 AND a >= b) UNION ALL SELECT v + step, stop, step, n + 1 FROM s \
             WHERE (step > 0 AND v + step <= stop) OR (step < 0 AND v + step >= stop)) \
             SELECT v AS generate_series{ordinal} FROM s)",
            texts[0], texts[1]
        );
        Ok((sql, ty))
    }

    fn jsonish(&mut self, value: Typed) -> Result<Typed> {
        if matches!(value.ty, Type::Json | Type::Jsonb) { Ok(value) } else { self.implicit(value, &Type::Jsonb) }
    }

    /// A frame for a body in which the given source is the only one.
    pub(super) fn with_source<T>(&mut self, source: Source, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut frame = Frame::barrier();
        frame.push(source);
        self.frames.push(frame);
        let result = f(self);
        self.frames.pop();
        result
    }
}

/// What a function that takes a JSON document apart gives by its name: as text, and of which type.
fn parts_of(function: &str) -> (bool, Type) {
    match (function.ends_with("_text"), function.starts_with("jsonb")) {
        (true, _) => (true, Type::Text),
        (false, true) => (false, Type::Jsonb),
        (false, false) => (false, Type::Json),
    }
}

/// The one query of a function's body.
pub(super) fn body_query(function: &Function) -> Result<Query> {
    let statements = sql::parse_statements(&function.body)
        .map_err(|error| SqlError::new("42601", format!("in function {}: {}", function.name.name, error.message)))?;
    match <[_; 1]>::try_from(statements) {
        Ok([statement]) => match statement.node {
            Statement::Query(query) => Ok(*query),
            other => Err(unsupported(format!(
                "a function used in a query whose body is {} ({})",
                other.kind(),
                function.name.name
            ))),
        },
        Err(_) => {
            Err(unsupported(format!("a function of several statements used in a query ({})", function.name.name)))
        }
    }
}
