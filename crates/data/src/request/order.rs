//! The grammar of `order` (section 6).

use super::cursor::{Cursor, Parsed};
use super::error::ApiError;
use super::limits::Limits;
use super::model::{Direction, Field, Nulls, OrderTerm};

/// Parses the value of `order`: terms, at least one.
pub fn parse_order(text: &str, limits: &Limits) -> Result<Vec<OrderTerm>, ApiError> {
    terms(&mut Cursor::new(text, limits)).map_err(|fail| fail.into_error("order", text, text, 0))
}

fn terms(cursor: &mut Cursor<'_>) -> Parsed<Vec<OrderTerm>> {
    let mut terms = Vec::new();
    loop {
        terms.push(term(cursor)?);
        if terms.len() > cursor.limits.order_terms_max {
            return cursor.over("terms", "order_terms_max", cursor.limits.order_terms_max);
        }
        if !cursor.eat(b',') {
            cursor.expect_end("delimiter (.), \",\" or end of input")?;
            return Ok(terms);
        }
    }
}

fn term(cursor: &mut Cursor<'_>) -> Parsed<OrderTerm> {
    cursor.skip_blanks();
    let name = cursor.name()?.into_owned();
    let (relation, field) = if cursor.eat(b'(') {
        let field = cursor.field()?;
        cursor.expect(b')', "letter, digit, \"-\", \"->>\", \"->\" or \")\"")?;
        (Some(name), field)
    } else {
        let json_path = cursor.json_path()?;
        (None, Field { name, json_path })
    };
    cursor.skip_blanks();
    let mut direction = None;
    let mut nulls = None;
    if cursor.eat(b'.') {
        direction = if cursor.eat_str("asc") {
            Some(Direction::Asc)
        } else if cursor.eat_str("desc") {
            Some(Direction::Desc)
        } else {
            None
        };
        if direction.is_none() {
            nulls = null_order(cursor);
            if nulls.is_none() {
                return cursor.fail("\"asc\", \"desc\", \"nullsfirst\" or \"nullslast\"");
            }
        } else if cursor.eat(b'.') {
            nulls = null_order(cursor);
            if nulls.is_none() {
                return cursor.fail("\"nullsfirst\" or \"nullslast\"");
            }
        }
    }
    cursor.skip_blanks();
    if !matches!(cursor.peek(), None | Some(b',')) {
        let expecting = match (direction, nulls) {
            (_, Some(_)) => "\",\" or end of input",
            (Some(_), None) => "delimiter (.), \",\" or end of input",
            (None, None) => "letter, digit, \"-\", \"->>\", \"->\", delimiter (.), \",\" or end of input",
        };
        return cursor.fail(expecting);
    }
    Ok(OrderTerm { relation, field, direction, nulls })
}

fn null_order(cursor: &mut Cursor<'_>) -> Option<Nulls> {
    if cursor.eat_str("nullsfirst") {
        Some(Nulls::First)
    } else if cursor.eat_str("nullslast") {
        Some(Nulls::Last)
    } else {
        None
    }
}
