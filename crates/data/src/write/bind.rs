//! From a payload to parameters: the half of a write that differs from request to request of one shape.

use store::Param;
use values::{Session, Type};

use super::{Steps, Write};
use crate::failure::Failure;
use crate::request::{Cell, Missing, Payload};

/// How a write's payload becomes the parameters of its steps.
#[derive(Clone, Debug)]
pub(super) enum Gives {
    /// It has none.
    Nothing,
    /// The first parameter of the one statement is these columns of the first row as JSON.
    Body(Vec<usize>),
    /// The first parameter of each statement is a run of rows as JSON; a run without columns is a statement for each row.
    Bodies(Missing),
    /// The first parameters are these cells of the first row.
    Cells(std::sync::Arc<[(usize, Type)]>),
    /// Each row is a step; the types of the payload's columns.
    Rows(Missing, std::sync::Arc<[Type]>),
}

impl Write {
    /// Puts the payload's values in. `session`: how they are read on SQLite.
    pub(crate) fn bind(&mut self, payload: &Payload, session: &Session) -> Result<(), Failure> {
        match (&self.gives, &mut self.steps) {
            (Gives::Body(places), Steps::Statements(statements)) => {
                for (_, params) in statements {
                    params[0] = Param::Text(Type::Json, json_of(payload, places, &[0]));
                }
            }
            (Gives::Bodies(missing), Steps::Statements(statements)) => {
                let mut bound = Vec::with_capacity(statements.len());
                for ((text, params), (places, rows)) in statements.iter_mut().zip(runs(payload, *missing)) {
                    if places.is_empty() {
                        bound.extend(rows.iter().map(|_| (text.clone(), params.clone())));
                    } else if !rows.is_empty() {
                        params[0] = Param::Text(Type::Json, json_of(payload, &places, &rows));
                        bound.push((text.clone(), std::mem::take(params)));
                    }
                }
                *statements = bound;
            }
            (Gives::Cells(cells), Steps::Statements(statements)) => {
                for (_, params) in statements {
                    fill(params, payload, cells, session)?;
                }
            }
            (Gives::Cells(cells), Steps::Checked { params, .. }) => fill(params, payload, cells, session)?,
            (Gives::Rows(missing, types), Steps::Rows { rows, .. }) => {
                rows.clear();
                rows.reserve(payload.rows());
                for (shape, (places, run)) in runs(payload, *missing).into_iter().enumerate() {
                    for row in run {
                        let values =
                            places.iter().map(|place| cell_param(payload.cell(row, *place), &types[*place], session));
                        rows.push((shape, values.collect::<Result<_, _>>()?));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn fill(params: &mut [Param], payload: &Payload, cells: &[(usize, Type)], session: &Session) -> Result<(), Failure> {
    for (param, (place, ty)) in params.iter_mut().zip(cells) {
        *param = cell_param(payload.cell(0, *place), ty, session)?;
    }
    Ok(())
}

/// Runs of rows that give the same columns, as places in the payload's columns, and the rows. With `missing=null` all rows are alike.
pub(super) fn runs(payload: &Payload, missing: Missing) -> Vec<(Vec<usize>, Vec<usize>)> {
    let all: Vec<usize> = (0..payload.columns().len()).collect();
    if missing == Missing::Null || !payload.has_absent() {
        return vec![(all, (0..payload.rows()).collect())];
    }
    let mut runs: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for row in 0..payload.rows() {
        let given: Vec<usize> =
            all.iter().copied().filter(|column| !matches!(payload.cell(row, *column), Cell::Absent)).collect();
        match runs.last_mut() {
            Some((columns, rows)) if *columns == given => rows.push(row),
            _ => runs.push((given, vec![row])),
        }
    }
    runs
}

/// Some rows of a payload as a JSON array of objects.
fn json_of(payload: &Payload, places: &[usize], rows: &[usize]) -> String {
    let mut out = Vec::with_capacity(payload.text().len() + 2);
    out.push(b'[');
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'{');
        let mut first = true;
        for place in places {
            let cell = payload.cell(*row, *place);
            if matches!(cell, Cell::Absent) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            values::write_json_string(&payload.columns()[*place], &mut out);
            out.push(b':');
            match cell {
                Cell::Absent | Cell::Null => out.extend_from_slice(b"null"),
                Cell::Json(text) => out.extend_from_slice(text.as_bytes()),
                Cell::Text(text) => values::write_json_string(text, &mut out),
            }
        }
        out.push(b'}');
    }
    out.push(b']');
    String::from_utf8(out).expect("made of texts")
}

/// A cell in the stored form of its column.
fn cell_param(cell: Cell<'_>, ty: &Type, session: &values::Session) -> Result<Param, Failure> {
    Ok(match cell {
        Cell::Absent | Cell::Null => Param::Null,
        Cell::Json(raw) => {
            Param::Value(ty.clone(), values::from_json_in(ty, raw, session).map_err(store::Error::from)?)
        }
        // The payload reaches PostgreSQL as JSON, where what a form or CSV says is text.
        Cell::Text(text) if matches!(ty, Type::Json | Type::Jsonb) => {
            let mut json = Vec::new();
            values::write_json_string(text, &mut json);
            let json = String::from_utf8(json).expect("made of a text");
            Param::Value(ty.clone(), values::from_json_in(ty, &json, session).map_err(store::Error::from)?)
        }
        Cell::Text(text) => Param::Value(ty.clone(), values::input_in(ty, text, session).map_err(store::Error::from)?),
    })
}
