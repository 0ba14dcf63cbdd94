//! A write of one statement that participants follow, in two flights and without a thread.
//!
//! The first takes the transaction's beginning, the statement, and the changes that the database took down; the second what the house writes
//! about them, and the commit. Between the two, participants run here: they see what they see on a thread, and may send statements but
//! ask nothing, since there is nobody who could wait for the answer. Who would have to ask (for the key of a person who is seen for the
//! first time, say) sends the whole write the long way, [`PostgresEngine::write`], as does everything out of the ordinary.
//!
//! What the house wants to know before the write has a flight of its own: a statement that should not run has not run, not even to be undone,
//! because functions may reach out of the database and sequences are not set back.

use std::sync::atomic::Ordering;

use kernel::SystemRandom;
use kernel::time::{Clock as _, SystemClock};

use super::txn::Mode;
use super::waves::{Ask, Flight, Wave, in_time};
use super::{PostgresEngine, failure};
use crate::conn::{Connection, Engine, Param, Row, Scope};
use crate::error::{Error, Result};
use crate::house::{read_int, text};
use crate::tx::{Event, Unit, new_unit};

/// Tells the triggers whose changes they take down, and answers with the transaction's time.
const UNIT: &str = "select pg_catalog.set_config('mainstay.unit', $1, true) is null, \
     pg_catalog.set_config('mainstay.context', $2, true) is null, \
     (extract(epoch from pg_catalog.now()) * 1000000)::pg_catalog.int8";

/// What the house wants to know before a write, with its own rights.
pub struct Before<'a> {
    /// Its statements.
    pub asks: Vec<Ask<'a>>,
    /// Judges a row of the statement of this number: may the write go on this way.
    pub judge: &'a (dyn Fn(usize, &dyn Row) -> Result<bool> + Sync),
}

impl PostgresEngine {
    /// Runs one statement that writes, lets the participants follow, and commits. `each` adds its rows to `kept`; `done` makes the answer of
    /// that and of how many rows were changed, and may send statements of its own. `None` when it has to go the long way; nothing is
    /// left of it then.
    ///
    /// Dropping the future cancels the write if it has not begun to commit.
    ///
    /// # Errors
    /// What the statement, a participant or the commit says; `Unavailable` when the connection is lost after the commit was sent.
    pub async fn write_followed<S: Send, T: Send>(
        &self,
        scope: &Scope,
        before: &Before<'_>,
        (sql, params): (&str, &[Param]),
        mut kept: S,
        each: impl Fn(&mut S, &dyn Row) -> Result<()> + Send + Sync,
        done: impl FnOnce(&mut dyn Connection, S, u64) -> Result<T> + Send,
    ) -> Result<Option<T>> {
        in_time(scope, async {
            let inner = &*self.inner;
            let id = new_unit(SystemClock.now().0, &SystemRandom);
            let told = [text(id.to_string()), text(scope.context())];
            let gathers = inner.gathers().map(|query| query.sql(Engine::Postgres));
            if !inner.participants.iter().all(|participant| participant.flies(scope, SystemClock.now().0)) {
                return Ok(None);
            }
            let mut lease = inner.statements.take().await?;
            let zone = inner.zones.get(scope.time_zone.as_deref(), &lease.session().link.client).await?;
            let mut flight = Flight::new(&mut lease, scope, &zone, Mode::Write);
            let mut at = 0;
            // Whoever has the next word may set these: no change of role for them alone.
            let unit = |house| Ask { house, ..Ask::new(UNIT, &told[..]) };
            if !before.asks.is_empty() {
                let mut wave = Wave { asks: vec![unit(true)], last: false };
                wave.asks.extend(before.asks.iter().map(|ask| Ask::of_house(ask.sql, &*ask.params)));
                let mut elsewhere = false;
                let mut judge = |number: usize, row: &dyn Row| {
                    match number.checked_sub(1) {
                        None => at = read_int(row, 2)?,
                        Some(number) => elsewhere |= !(before.judge)(number, row)?,
                    }
                    Ok(())
                };
                if let Err(error) = flight.fly(&wave, &mut judge).await {
                    return self.undone(error, &mut flight).await;
                }
                if elsewhere {
                    flight.end().await;
                    return Ok(None);
                }
            }

            let mut events = Vec::new();
            let mut wave = Wave::default();
            wave.asks.extend(before.asks.is_empty().then(|| unit(false)));
            let own = wave.asks.len();
            wave.asks.push(Ask::new(sql, params));
            wave.asks.extend(gathers.map(|sql| Ask::of_house(sql, &told[..1])));
            let mut take = |number: usize, row: &dyn Row| {
                match number {
                    _ if number < own => at = read_int(row, 2)?,
                    _ if number == own => each(&mut kept, row)?,
                    _ => events.push(Event::of_row(row)?),
                }
                Ok(())
            };
            let changed = match flight.fly(&wave, &mut take).await {
                Ok(changed) => changed[own],
                Err(error) => return self.undone(error, &mut flight).await,
            };

            let mut sending = Sending { at, sends: Vec::new(), asked: false };
            let followed = done(&mut sending, kept, changed).and_then(|answer| {
                let unit = Unit { id, at, scope, events: &events, written: events.len() };
                inner.participants.iter().try_for_each(|participant| participant.prepare(&mut sending, &unit))?;
                inner.participants.iter().try_for_each(|participant| participant.seal(&mut sending, &events))?;
                Ok(answer)
            });
            let Sending { sends, asked, .. } = sending;
            let answer = match followed {
                _ if asked => {
                    flight.end().await;
                    return Ok(None);
                }
                Ok(answer) => answer,
                Err(error) => {
                    flight.end_unseen();
                    return Err(error);
                }
            };
            let asks = sends.iter().map(|(sql, params)| Ask::of_house(sql, &params[..])).collect();
            match flight.fly(&Wave { asks, last: true }, &mut |_, _| Ok(())).await {
                Ok(_) => {
                    inner.participants.iter().for_each(|participant| participant.committed());
                    Ok(Some(answer))
                }
                Err(error) if may_run_again(&error) => self.undone(error, &mut flight).await,
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// What a failure before the commit means, or one after which nothing was committed: another run the long way, or that it has failed.
    async fn undone<T>(&self, error: Error, flight: &mut Flight<'_, '_>) -> Result<Option<T>> {
        flight.end().await;
        if failure::is_stale_plan(&error) {
            flight.forget_statements();
        }
        if flight.disturbed || may_run_again(&error) || matches!(error, Error::Unavailable { .. }) {
            self.inner.reruns.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        Err(error)
    }
}

/// The server has undone everything and asks for another run.
fn may_run_again(error: &Error) -> bool {
    failure::is_transient(error)
}

/// A connection on which statements are sent later, together. Who asks it something is told to go the long way.
struct Sending {
    at: i64,
    sends: Vec<(String, Vec<Param>)>,
    asked: bool,
}

impl Sending {
    fn refuse<T>(&mut self) -> Result<T> {
        self.asked = true;
        Err(Error::Internal("between two flights nobody can wait for an answer".to_owned()))
    }
}

impl Connection for Sending {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }
    fn query(&mut self, _: &str, _: &[Param], _: &mut dyn FnMut(&dyn Row) -> Result<()>) -> Result<u64> {
        self.refuse()
    }
    fn execute(&mut self, _: &str, _: &[Param]) -> Result<u64> {
        self.refuse()
    }
    fn send(&mut self, sql: &str, params: &[Param]) -> Result<()> {
        self.sends.push((sql.to_owned(), params.to_vec()));
        Ok(())
    }
    fn savepoint(&mut self, _: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()> {
        self.refuse()
    }
    fn as_house(&mut self, f: &mut dyn FnMut(&mut dyn Connection) -> Result<()>) -> Result<()> {
        f(self)
    }
    fn now(&self) -> i64 {
        self.at
    }
    fn setting(&mut self, _: &str) -> Result<Option<String>> {
        self.refuse()
    }
}
