//! A write compiled once for all requests of its shape.

use std::sync::Arc;

use store::catalog::Relation;

use super::{Steps, Write};
use crate::cache::{self, Literals, Slot};
use crate::compile::Compiled;
use crate::request::ApiRequest;

/// A compiled write with places for the literals of its filters; the payload's values are bound afterwards.
#[derive(Debug)]
pub(crate) struct Template {
    write: Write,
    relation: Arc<Relation>,
    /// In the step's own parameters.
    step: Vec<Slot>,
    /// In the statement that explains a refusal.
    look: Vec<Slot>,
    /// In what reads the embeds of the answer.
    returned: Vec<Slot>,
}

impl Template {
    /// What a marked request ([`cache::marked`]) compiled to; `relation` is what was written to, its key known.
    pub(crate) fn of(write: Write, relation: Arc<Relation>) -> Self {
        let (mut step, mut look, mut returned) = (Vec::new(), Vec::new(), Vec::new());
        match &write.steps {
            Steps::Statements(statements) => {
                if let [(_, params)] = statements.as_slice() {
                    cache::collect(params, &[], &mut step);
                }
            }
            Steps::Checked { params, .. } => cache::collect(params, &[], &mut step),
            Steps::Nothing | Steps::Rows { .. } => {}
        }
        if let Some((_, params)) = write.explain.as_ref().and_then(|explain| explain.look.as_ref()) {
            cache::collect(params, &[], &mut look);
        }
        if let Some(returning) = &write.returning {
            cache::find(&returning.level, &mut Vec::new(), &mut returned);
        }
        Self { write, relation, step, look, returned }
    }

    /// The relation that is written to.
    pub(crate) fn relation(&self) -> &Arc<Relation> {
        &self.relation
    }

    /// The write with the request's own literals, still without its payload's values.
    pub(crate) fn fill(&self, request: &ApiRequest) -> Write {
        let mut write = self.write.clone();
        if self.step.is_empty() && self.look.is_empty() && self.returned.is_empty() {
            return write;
        }
        let literals = Literals::of(request);
        match &mut write.steps {
            Steps::Statements(statements) => {
                for (_, params) in statements {
                    literals.fill(params, &self.step);
                }
            }
            Steps::Checked { params, .. } => literals.fill(params, &self.step),
            Steps::Nothing | Steps::Rows { .. } => {}
        }
        if let Some((_, params)) = write.explain.as_mut().and_then(|explain| explain.look.as_mut()) {
            literals.fill(params, &self.look);
        }
        if let Some(returning) = &mut write.returning {
            let level: &mut Compiled = &mut returning.level;
            literals.fill_levels(level, &self.returned);
        }
        write
    }
}
