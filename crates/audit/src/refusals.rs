//! What was refused. A refusal has no unit of its own to be written in: it waits, in bounds, and is written a moment later. Somebody who
//! is refused ten thousand times a second costs a number, not a disk.

use kernel::{Id, Micros, Random, RequestId};
use serde_json::json;
use store::Connection;

use crate::error::AuditError;
use crate::model::{Details, Outcome, Record};
use crate::personal::Personal;
use crate::service::{append, seal_for};

/// Refusals that wait to be written; what comes on top is counted.
pub(crate) const WAITING_MAX: usize = 1_000;

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: Micros,
    /// What was refused: `data.request.refused`, `auth.token.refused`.
    pub action: &'static str,
    /// The role, as far as it is known.
    pub role: String,
    /// The person; empty when nobody is known.
    pub subject: String,
    /// The address it came from.
    pub address: String,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// Why: a code.
    pub reason: Option<String>,
    /// The request's id.
    pub request: Option<RequestId>,
    /// Its trace.
    pub trace: Option<String>,
}

/// What waits.
#[derive(Debug, Default, Clone)]
pub(crate) struct Waiting {
    pub(crate) refusals: Vec<Refusal>,
    /// How many more there were.
    pub(crate) more: u64,
}

impl Waiting {
    pub(crate) fn add(&mut self, refusal: Refusal) {
        if self.refusals.len() < WAITING_MAX {
            self.refusals.push(refusal);
        } else {
            self.more += 1;
        }
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&mut self, older: Self) {
        let newer = std::mem::replace(self, older);
        self.more += newer.more;
        for refusal in newer.refusals {
            self.add(refusal);
        }
    }

    /// Writes all of it, in one unit.
    pub(crate) fn write(&self, conn: &mut dyn Connection, random: &dyn Random) -> Result<(), AuditError> {
        for refusal in &self.refusals {
            let id = Id::new(refusal.at, random);
            let some = |text: &String| (!text.is_empty()).then(|| text.clone());
            let personal = Personal { address: some(&refusal.address), session: None, subject: some(&refusal.subject) };
            let personal =
                if personal.is_empty() { None } else { Some(seal_for(conn, &refusal.subject, &personal, id, random)?) };
            match append(conn, &Record { personal, ..refusal.record(id) }) {
                // Tried again it would be as long, and hold up the others.
                Ok(()) | Err(AuditError::Record(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if self.more > 0 {
            let at = Micros(conn.now());
            let id = Id::new(at, random);
            let counted = Record::done((id, at), "mainstay", "audit.refusals.counted", "");
            let details = Details::of(&json!({ "count": self.more }));
            append(conn, &Record { outcome: Outcome::Refused, details, ..counted })?;
        }
        Ok(())
    }
}

impl Refusal {
    fn record(&self, id: Id<crate::model::Entry>) -> Record {
        Record {
            outcome: Outcome::Refused,
            reason: self.reason.clone(),
            request: self.request,
            trace: self.trace.clone(),
            details: Details::of(&json!({ "method": self.method })),
            ..Record::done((id, self.at), self.role.as_str(), self.action, self.path.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &str) -> Refusal {
        Refusal {
            at: Micros(1),
            action: "data.request.refused",
            role: "anon".to_owned(),
            subject: String::new(),
            address: String::new(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            reason: None,
            request: None,
            trace: None,
        }
    }

    #[test]
    fn a_flood_is_counted_and_what_came_first_is_kept() {
        let mut waiting = Waiting::default();
        for number in 0..WAITING_MAX + 5 {
            waiting.add(refusal(&number.to_string()));
        }
        assert_eq!((waiting.refusals.len(), waiting.more), (WAITING_MAX, 5));
        let mut later = Waiting::default();
        later.add(refusal("later"));
        later.put_back(waiting);
        assert_eq!((later.refusals.len(), later.more, later.refusals[0].path.as_str()), (WAITING_MAX, 6, "0"));
        let mut room = Waiting::default();
        room.add(refusal("second"));
        room.put_back(Waiting { refusals: vec![refusal("first")], more: 0 });
        let paths: Vec<_> = room.refusals.iter().map(|refusal| refusal.path.as_str()).collect();
        assert_eq!(paths, ["first", "second"]);
    }
}
