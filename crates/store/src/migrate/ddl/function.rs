//! Functions in SQL.

use std::sync::Arc;

use sql::ast::{
    AlterFunction, CreateFunction, Expr, FromItem, FunctionArg, FunctionBody, FunctionCall, FunctionOption,
    FunctionParam, Literal, ObjectName, ObjectRef, ParamMode, Query, QueryBody, Returns as Written, Select, SelectItem,
    Statement, TableFunction, TypeName, Volatility as Word,
};
use values::Type;

use super::{Ddl, refused, shown};
use crate::catalog::{Function, Name, Parameter, QName, Returns, Volatility};
use crate::error::{Error, Result, SqlError};
use crate::migrate::walk::{self, Visit};
use crate::translate::resolve_type;

/// Parameters of one function: what PostgreSQL allows.
const PARAMETERS_MAX: usize = 100;

impl Ddl<'_> {
    pub(super) fn create_function(&mut self, create: &CreateFunction) -> Result<()> {
        Self::refuse_routine(create)?;
        let name = self.new_name(&create.name)?;
        let function = self.function_of(create, &name)?;
        let overloads = self.catalog.functions.get(&name).cloned().unwrap_or_default();
        let same = overloads.iter().position(|other| same_arguments(other, &function));
        let mut function = function;
        match same {
            Some(_) if !create.or_replace => {
                let message = format!("function \"{}\" already exists with same argument types", name.name);
                return Err(SqlError::new("42723", message).into());
            }
            Some(at) => {
                let old = &overloads[at];
                if format!("{:?}", old.returns) != format!("{:?}", function.returns) {
                    return Err(SqlError::new("42P13", "cannot change return type of existing function")
                        .hint(format!("Use DROP FUNCTION {} first.", name.name))
                        .into());
                }
                function.grants.clone_from(&old.grants);
                function.comment.clone_from(&old.comment);
            }
            None => function.grants = self.default_grants_on("functions", &name.schema),
        }
        let function = Arc::new(function);
        let slot = self.catalog.functions.entry(name).or_default();
        match same {
            Some(at) => slot[at] = function.clone(),
            None => slot.push(function.clone()),
        }
        self.judge_function(create, &function)
    }

    fn refuse_routine(create: &CreateFunction) -> Result<()> {
        if create.procedure {
            return Err(refused("procedures are not supported on SQLite", "Write a function in language sql."));
        }
        let language = create.language.as_deref().unwrap_or("sql");
        if let Some(Written::Type(ty)) = &create.returns
            && matches!(&*ty.name.name, "trigger" | "event_trigger")
        {
            return Err(refused(
                "trigger functions are not supported on SQLite",
                "Use defaults, generated columns, checks and foreign keys, or serve this app on PostgreSQL.",
            ));
        }
        match language {
            "sql" => Ok(()),
            "plpgsql" => Err(refused(
                "PL/pgSQL cannot run on SQLite",
                "Write the function in language sql, or serve this app on PostgreSQL.",
            )),
            other => Err(refused(
                format!("language {other} cannot run on SQLite"),
                "Write the function in language sql, or serve this app on PostgreSQL.",
            )),
        }
    }

    fn function_type(&self, ty: &TypeName) -> Result<Type> {
        Ok(resolve_type(self.catalog, &self.context.search_path, ty)?.0)
    }

    fn function_of(&mut self, create: &CreateFunction, name: &QName) -> Result<Function> {
        let mut parameters = Vec::new();
        let mut outs: Vec<(Name, Type)> = Vec::new();
        if create.params.len() > PARAMETERS_MAX {
            return Err(
                SqlError::new("54023", format!("functions cannot have more than {PARAMETERS_MAX} arguments")).into()
            );
        }
        for (index, param) in create.params.iter().enumerate() {
            let ty = self.function_type(&param.ty)?;
            if matches!(param.mode, ParamMode::Out | ParamMode::InOut) {
                let named = param.name.clone().unwrap_or_else(|| Name::from(format!("column{}", index + 1)));
                outs.push((named, ty.clone()));
            }
            if param.mode == ParamMode::Out {
                continue;
            }
            if let Some(name) = &param.name
                && parameters.iter().any(|known: &Parameter| known.name.as_ref() == Some(name))
            {
                return Err(SqlError::new("42P13", format!("parameter name \"{name}\" used more than once")).into());
            }
            if param.default.is_none() && parameters.last().is_some_and(|last: &Parameter| last.default.is_some()) {
                return Err(SqlError::new(
                    "42P13",
                    "input parameters after one with a default value must also have defaults",
                )
                .into());
            }
            if let Some(value) = &param.default {
                Self::check_default(value)?;
                self.translator().constant(value, &ty)?;
            }
            parameters.push(Parameter {
                name: param.name.clone(),
                ty,
                default: param.default.as_ref().map(|value| self.expr_text(value)),
                variadic: param.mode == ParamMode::Variadic,
            });
        }
        let single = create.options.iter().any(|option| matches!(option, FunctionOption::Rows(rows) if rows == "1"));
        let mut function = Function {
            name: name.clone(),
            parameters,
            returns: self.returns(create, outs, single)?,
            language: Name::from("sql"),
            body: body_text(create)?,
            volatility: Volatility::Volatile,
            strict: false,
            security_definer: false,
            comment: None,
            grants: std::collections::BTreeSet::new(),
        };
        self.function_options(&mut function, &create.options);
        Ok(function)
    }

    fn returns(&self, create: &CreateFunction, outs: Vec<(Name, Type)>, single: bool) -> Result<Returns> {
        Ok(match &create.returns {
            Some(Written::Table(columns)) => {
                let mut typed = Vec::with_capacity(columns.len());
                for (name, ty) in columns {
                    typed.push((name.clone(), self.function_type(ty)?));
                }
                Returns::Columns { columns: typed, set: true }
            }
            Some(Written::Type(ty)) if !outs.is_empty() => Self::out_returns(outs, ty.setof),
            Some(Written::Type(ty)) => {
                let relation = if ty.array_dims == 0 { self.find_relation(&ty.name) } else { None };
                match relation {
                    Some(relation) => Returns::Relation { name: relation.name.clone(), set: ty.setof, single },
                    None => match self.function_type(ty)? {
                        Type::Void => Returns::Void,
                        Type::Record => Returns::Record { set: ty.setof },
                        base => Returns::Scalar { ty: base, set: ty.setof },
                    },
                }
            }
            None if outs.is_empty() => {
                return Err(SqlError::new("42P13", "function result type must be specified").into());
            }
            None => Self::out_returns(outs, false),
        })
    }

    fn out_returns(mut outs: Vec<(Name, Type)>, set: bool) -> Returns {
        if outs.len() == 1
            && let Some((_, ty)) = outs.pop()
        {
            return Returns::Scalar { ty, set };
        }
        Returns::Columns { columns: outs, set }
    }

    fn function_options(&mut self, function: &mut Function, options: &[FunctionOption]) {
        for option in options {
            match option {
                FunctionOption::Volatility(word) => {
                    function.volatility = match word {
                        Word::Immutable => Volatility::Immutable,
                        Word::Stable => Volatility::Stable,
                        Word::Volatile => Volatility::Volatile,
                    }
                }
                FunctionOption::Strict(strict) => function.strict = *strict,
                FunctionOption::SecurityDefiner(definer) => function.security_definer = *definer,
                FunctionOption::Set(set) if &*set.name == "search_path" => {}
                FunctionOption::Set(set) => {
                    self.notice(format!(
                        "SET {} on function {} has no effect on SQLite.",
                        set.name, function.name.name
                    ));
                }
                FunctionOption::Leakproof(_)
                | FunctionOption::Window
                | FunctionOption::Parallel(_)
                | FunctionOption::Cost(_)
                | FunctionOption::Rows(_)
                | FunctionOption::Support(_)
                | FunctionOption::Reset(_) => {}
            }
        }
    }

    /// Translates the body once, so that what SQLite cannot say is known now. Bodies of one query are translated by calling the
    /// function with nulls; of other bodies the tables must exist.
    fn judge_function(&self, create: &CreateFunction, function: &Arc<Function>) -> Result<()> {
        let statements = sql::parse_statements(&function.body)
            .map_err(|error| SqlError::new("42601", format!("in the body of {}: {error}", function.name.name)))?;
        if statements.is_empty() && !matches!(function.returns, Returns::Void) {
            return Err(SqlError::new("42P13", "return type mismatch in function: it has no final SELECT").into());
        }
        for statement in &statements {
            match &statement.node {
                Statement::Query(_) | Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                    self.tables_exist(&statement.node)?;
                }
                other => {
                    return Err(refused(
                        format!("\"{}\" inside a function is not supported on SQLite", other.kind()),
                        "A function's body may select, insert, update and delete.",
                    ));
                }
            }
        }
        let one_query = matches!(statements.as_slice(), [only] if matches!(only.node, Statement::Query(_)));
        if one_query && !matches!(function.returns, Returns::Void | Returns::Record { .. }) {
            let call = call_with_nulls(create, &function.name);
            self.translator().select(&call).map_err(|error| in_function(error, function))?;
        }
        Ok(())
    }

    fn tables_exist(&self, statement: &Statement) -> Result<()> {
        struct Tables<'d, 'c> {
            ddl: &'d Ddl<'c>,
            missing: Option<ObjectName>,
        }
        impl Visit for Tables<'_, '_> {
            fn table(&mut self, name: &mut ObjectName) {
                if self.ddl.find_relation(name).is_none() {
                    self.missing.get_or_insert_with(|| name.clone());
                }
            }
        }
        let mut tables = Tables { ddl: self, missing: None };
        match statement.clone() {
            Statement::Query(mut query) => walk::query(&mut query, &mut tables),
            Statement::Insert(mut insert) => walk::insert(&mut insert, &mut tables),
            Statement::Update(mut update) => walk::update(&mut update, &mut tables),
            Statement::Delete(mut delete) => walk::delete(&mut delete, &mut tables),
            _ => {}
        }
        match tables.missing {
            Some(name) => Err(super::no_relation(&name)),
            None => Ok(()),
        }
    }

    /// A function by name and, where they are written, argument types: its qualified name and its place among its overloads.
    pub(super) fn find_function(&self, object: &ObjectRef) -> Result<(QName, usize)> {
        let wanted: Option<Vec<Type>> = match &object.args {
            Some(args) => Some(
                args.iter()
                    .filter(|arg| arg.mode != ParamMode::Out)
                    .map(|arg: &FunctionParam| self.function_type(&arg.ty))
                    .collect::<Result<_>>()?,
            ),
            None => None,
        };
        for schema in self.schemas_of(&object.name) {
            let name = QName { schema, name: object.name.name.clone() };
            let Some(overloads) = self.catalog.functions.get(&name) else { continue };
            let fits = |function: &Function| {
                wanted.as_ref().is_none_or(|wanted| {
                    wanted.len() == function.parameters.len()
                        && wanted
                            .iter()
                            .zip(&function.parameters)
                            .all(|(ty, parameter)| ty.unmodified() == parameter.ty.unmodified())
                })
            };
            let mut found = overloads.iter().enumerate().filter(|(_, function)| fits(function)).map(|(index, _)| index);
            match (found.next(), found.next()) {
                (Some(index), None) => return Ok((name, index)),
                (Some(_), Some(_)) => {
                    return Err(SqlError::new(
                        "42725",
                        format!("function name \"{}\" is not unique", object.name.name),
                    )
                    .hint("Specify the argument list to select the function unambiguously.")
                    .into());
                }
                (None, _) => {}
            }
        }
        let args =
            wanted.map_or_else(String::new, |types| types.iter().map(Type::base_name).collect::<Vec<_>>().join(", "));
        Err(SqlError::new("42883", format!("function {}({args}) does not exist", shown(&object.name))).into())
    }

    pub(super) fn edit_function(&mut self, name: &QName, index: usize) -> Result<&mut Function> {
        let found = self.catalog.functions.get_mut(name).and_then(|overloads| overloads.get_mut(index));
        found.map(Arc::make_mut).ok_or_else(|| Error::Internal(format!("function {name} left the catalog")))
    }

    pub(super) fn alter_function(&mut self, alter: &AlterFunction) -> Result<()> {
        let (name, index) = self.find_function(&alter.object)?;
        let mut function = self.edit_function(&name, index)?.clone();
        self.function_options(&mut function, &alter.options);
        *self.edit_function(&name, index)? = function;
        Ok(())
    }
}

fn in_function(error: Error, function: &Function) -> Error {
    match error {
        Error::Sql(mut inner) if !inner.message.contains("in function") => {
            inner.message = format!("{} (in the body of function {})", inner.message, function.name.name);
            Error::Sql(inner)
        }
        other => other,
    }
}

/// The body as text, without quotes.
fn body_text(create: &CreateFunction) -> Result<String> {
    Ok(match &create.body {
        Some(FunctionBody::Text(text)) => text.clone(),
        Some(FunctionBody::Return(expr)) => format!("select {expr}"),
        Some(FunctionBody::Atomic(statements)) => {
            statements.iter().map(ToString::to_string).collect::<Vec<_>>().join(";\n")
        }
        Some(FunctionBody::Linked(..)) => {
            return Err(refused(
                "functions from a library cannot run on SQLite",
                "Write the function in language sql.",
            ));
        }
        None => return Err(SqlError::new("42P13", "no function body specified").into()),
    })
}

fn same_arguments(a: &Function, b: &Function) -> bool {
    a.parameters.len() == b.parameters.len()
        && a.parameters.iter().zip(&b.parameters).all(|(a, b)| a.ty.unmodified() == b.ty.unmodified())
}

/// `select * from f(null::t, …)`.
fn call_with_nulls(create: &CreateFunction, name: &QName) -> Query {
    let args = create.params.iter().filter(|param| param.mode != ParamMode::Out).map(|param| {
        let value = Expr::Cast { expr: Box::new(Expr::Literal(Literal::Null)), ty: param.ty.clone() };
        FunctionArg { name: None, variadic: false, value }
    });
    let mut call = FunctionCall::plain(ObjectName::qualified(name.schema.clone(), name.name.clone()), []);
    call.args = args.collect();
    let function = TableFunction { call, columns: Vec::new() };
    Query::from_body(QueryBody::Select(Box::new(Select {
        items: vec![SelectItem::Wildcard],
        from: vec![FromItem::Function {
            lateral: false,
            calls: vec![function],
            rows_from: false,
            ordinality: false,
            alias: None,
            columns: Vec::new(),
        }],
        ..Select::empty()
    })))
}
