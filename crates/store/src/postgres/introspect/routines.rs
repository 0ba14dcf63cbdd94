//! Functions, with what they take and return.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use values::Type;

use super::grants;
use super::rows::{ColumnRow, FunctionRow};
use super::types::Types;
use crate::catalog::{ExprText, Function, Name, Parameter, QName, Returns, Volatility};

/// Groups functions by name.
pub(super) fn functions(
    rows: Vec<FunctionRow>,
    types: &Types,
    relations: &HashMap<u32, QName>,
    columns: &HashMap<u32, Vec<ColumnRow>>,
) -> BTreeMap<QName, Vec<Arc<Function>>> {
    let mut found: BTreeMap<QName, Vec<Arc<Function>>> = BTreeMap::new();
    for row in rows {
        let function = function(row, types, relations, columns);
        found.entry(function.name.clone()).or_default().push(Arc::new(function));
    }
    found
}

fn function(
    row: FunctionRow,
    types: &Types,
    relations: &HashMap<u32, QName>,
    columns: &HashMap<u32, Vec<ColumnRow>>,
) -> Function {
    let returns = returns(&row, types, relations, columns);
    let inputs = row.arguments.into_iter().filter(|argument| matches!(&*argument.mode, "i" | "b" | "v"));
    let parameters = inputs.map(|argument| Parameter {
        name: argument.name.map(Name::from),
        ty: types.get(argument.ty, -1),
        default: argument.default.map(ExprText::new),
        variadic: argument.mode == "v",
    });
    Function {
        name: QName::new(row.schema, row.name),
        parameters: parameters.collect(),
        returns,
        language: row.language.into(),
        body: row.body.unwrap_or_default(),
        volatility: match &*row.volatility {
            "i" => Volatility::Immutable,
            "s" => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        strict: row.strict,
        security_definer: row.security_definer,
        comment: row.comment,
        grants: grants(row.grants),
    }
}

fn returns(
    row: &FunctionRow,
    types: &Types,
    relations: &HashMap<u32, QName>,
    columns: &HashMap<u32, Vec<ColumnRow>>,
) -> Returns {
    let set = row.set;
    let outputs = row.arguments.iter().filter(|argument| matches!(&*argument.mode, "o" | "b" | "t"));
    let outputs: Vec<(Name, Type)> = outputs
        .enumerate()
        .map(|(index, argument)| {
            let name = argument.name.clone().unwrap_or_else(|| format!("column{}", index + 1));
            (Name::from(name), types.get(argument.ty, -1))
        })
        .collect();
    if !outputs.is_empty() {
        return Returns::Columns { columns: outputs, set };
    }
    if let Some(found) = types.row(row.returns).filter(|found| found.relation != 0) {
        if let Some(name) = relations.get(&found.relation) {
            // The planner's estimate of a set is 1000 unless the function says otherwise.
            return Returns::Relation { name: name.clone(), set, single: set && (row.rows - 1.0).abs() < 0.5 };
        }
        // A composite type of its own.
        let fields = columns.get(&found.relation).map_or(&[][..], Vec::as_slice);
        let fields = fields.iter().map(|field| (Name::from(&*field.name), types.get(field.ty, field.modifier)));
        return Returns::Columns { columns: fields.collect(), set };
    }
    match types.get(row.returns, -1) {
        Type::Void => Returns::Void,
        Type::Record => Returns::Record { set },
        ty => Returns::Scalar { ty, set },
    }
}
