//! The grammar of `and=(…)` and `or=(…)` (section 3).

use super::cursor::{Cursor, FIELD_NAME, Fail, Parsed};
use super::error::ApiError;
use super::filter;
use super::limits::Limits;
use super::model::{At, Logic, LogicOp};

const OPERAND: &str = "field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)";

/// Parses a pair whose key ends in `and` or `or`. The key may name embeds and say `not`, in any place before the word.
pub fn parse_logic(key: &str, value: &str, limits: &Limits) -> Result<At<Logic>, ApiError> {
    let key_error = |fail: Fail| fail.into_error("logic path", key, key, 0);
    let mut cursor = Cursor::new(key, limits);
    let mut path = cursor.path().map_err(key_error)?;
    cursor.expect_end("letter, digit, \"-\", delimiter (.) or end of input").map_err(key_error)?;
    let op = match path.pop().as_deref() {
        Some("and") => LogicOp::And,
        Some("or") => LogicOp::Or,
        _ => return Err(key_error(Fail::Syntax { at: 0, expecting: "logic operator (and, or)" })),
    };
    let levels = path.len();
    path.retain(|name| name != "not");
    let negated = path.len() < levels;

    let mut tree = Tree { cursor: Cursor::new(value, limits), leaves: 0 };
    let parsed = tree.children(0).and_then(|children| {
        tree.cursor.expect_end("end of input")?;
        Ok(children)
    });
    // errors count columns as if the whole were written `and(…)`
    let before = op.as_str().len() + if negated { "not.".len() } else { 0 };
    let children = parsed.map_err(|fail| fail.into_error("logic tree", value, value, before))?;
    Ok(At { path, node: Logic::Group { op, negated, children } })
}

/// Number of comparisons in a tree.
pub(super) fn leaves(tree: &Logic) -> usize {
    match tree {
        Logic::Leaf(_) => 1,
        Logic::Group { children, .. } => children.iter().map(leaves).sum(),
    }
}

struct Tree<'a> {
    cursor: Cursor<'a>,
    leaves: usize,
}

impl Tree<'_> {
    /// `( tree , tree … )`, blanks around the punctuation skipped.
    fn children(&mut self, depth: usize) -> Parsed<Vec<Logic>> {
        self.cursor.skip_blanks();
        self.cursor.expect(b'(', "\"(\"")?;
        let limits = self.cursor.limits;
        if depth >= limits.logic_depth_max {
            return self.cursor.over("levels of and/or", "logic_depth_max", limits.logic_depth_max);
        }
        let mut children = Vec::new();
        loop {
            self.cursor.skip_blanks();
            children.push(self.tree(depth)?);
            self.cursor.skip_blanks();
            if !self.cursor.eat(b',') {
                break;
            }
        }
        self.cursor.expect(b')', "\",\" or \")\"")?;
        self.cursor.skip_blanks();
        Ok(children)
    }

    fn tree(&mut self, depth: usize) -> Parsed<Logic> {
        if let Some((op, negated)) = self.group_word() {
            let children = self.children(depth + 1)?;
            return Ok(Logic::Group { op, negated, children });
        }
        self.leaves += 1;
        if self.leaves > self.cursor.limits.filters_max {
            return self.cursor.over("filters", "filters_max", self.cursor.limits.filters_max);
        }
        let start = self.cursor.at;
        filter::leaf(&mut self.cursor).map(Logic::Leaf).map_err(|fail| match fail {
            Fail::Syntax { at, expecting: FIELD_NAME } if at == start => Fail::Syntax { at, expecting: OPERAND },
            other => other,
        })
    }

    /// `['not.'] ('and'|'or')` before an opening parenthesis. Without the parenthesis these words are columns.
    fn group_word(&mut self) -> Option<(LogicOp, bool)> {
        let start = self.cursor.at;
        let negated = self.cursor.eat_str("not.");
        let op = if self.cursor.eat_str("and") {
            Some(LogicOp::And)
        } else if self.cursor.eat_str("or") {
            Some(LogicOp::Or)
        } else {
            None
        };
        if let Some(op) = op {
            let after = self.cursor.at;
            self.cursor.skip_blanks();
            if self.cursor.peek() == Some(b'(') {
                self.cursor.at = after;
                return Some((op, negated));
            }
        }
        self.cursor.at = start;
        None
    }
}
