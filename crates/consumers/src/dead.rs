//! What failed for good: kept, looked at, tried again, thrown away.

use store::{Connection, Event, Lane, Scope, Store, Tx};

use crate::error::ConsumersError;
use crate::model::{DeadLetter, Durable, Group, body_of};
use crate::service::{Config, Consumers, as_house};
use crate::store as rows;

/// Why an event cannot be delivered any more.
pub(crate) const FORGOTTEN: &str = "the log has forgotten the event";

impl Consumers {
    /// Dead letters behind a position, in order, at most so many.
    ///
    /// # Errors
    /// There is no such group; those of the store.
    pub async fn dead(
        &self,
        store: &Store,
        durable: &Durable,
        after: i64,
        most: u32,
    ) -> Result<Vec<DeadLetter>, ConsumersError> {
        let name = durable.as_str().to_owned();
        store
            .read(Scope::default(), Lane::Short, move |conn| {
                rows::group(conn, &name, false)?.ok_or_else(|| ConsumersError::NoGroup(name.clone()))?;
                Ok(rows::dead(conn, &name, after, i64::from(most))?)
            })
            .await
    }

    /// Has dead letters delivered again, from the first time; they come ahead of others of their keys. All that are named, or none.
    ///
    /// # Errors
    /// There is no such group or dead letter, or too much is held already; those of the store.
    pub async fn replay(
        &self,
        store: &Store,
        scope: Scope,
        durable: &Durable,
        positions: Vec<i64>,
    ) -> Result<usize, ConsumersError> {
        let (name, held_max, count) = (durable.as_str().to_owned(), self.config.held_max, positions.len());
        store
            .write(scope, move |tx: &mut Tx<'_>| {
                as_house(tx.conn(), |conn| {
                    exists(conn, &name)?;
                    let held: i64 = rows::held(conn, &name)?.iter().map(|(_, all, _)| all).sum();
                    if held.saturating_add(i64::try_from(positions.len()).unwrap_or(i64::MAX)) > held_max {
                        return Err(ConsumersError::Held(held));
                    }
                    for position in &positions {
                        let letter = letter(conn, &name, *position)?;
                        rows::discard(conn, &name, *position)?;
                        rows::hold(conn, &name, (*position, letter.partition, &letter.key), letter.event)?;
                    }
                    Ok(())
                })?;
                tx.emit(said("replayed", &name, &positions));
                Ok::<_, ConsumersError>(())
            })
            .await?;
        self.wake();
        Ok(count)
    }

    /// Throws dead letters away. All that are named, or none.
    ///
    /// # Errors
    /// There is no such group or dead letter; those of the store.
    pub async fn discard(
        &self,
        store: &Store,
        scope: Scope,
        durable: &Durable,
        positions: Vec<i64>,
    ) -> Result<usize, ConsumersError> {
        let (name, count) = (durable.as_str().to_owned(), positions.len());
        store
            .write(scope, move |tx: &mut Tx<'_>| {
                as_house(tx.conn(), |conn| {
                    exists(conn, &name)?;
                    for position in &positions {
                        if !rows::discard(conn, &name, *position)? {
                            return Err(ConsumersError::NoLetter(*position));
                        }
                    }
                    Ok(())
                })?;
                tx.emit(said("discarded", &name, &positions));
                Ok::<_, ConsumersError>(())
            })
            .await?;
        Ok(count)
    }
}

fn exists(conn: &mut dyn Connection, durable: &str) -> Result<Group, ConsumersError> {
    rows::group(conn, durable, true)?.ok_or_else(|| ConsumersError::NoGroup(durable.to_owned()))
}

fn letter(conn: &mut dyn Connection, durable: &str, position: i64) -> Result<DeadLetter, ConsumersError> {
    let found = rows::dead(conn, durable, position - 1, 1)?.into_iter().next();
    found.filter(|letter| letter.position == position).ok_or(ConsumersError::NoLetter(position))
}

fn said(what: &str, durable: &str, positions: &[i64]) -> Event {
    let positions: Vec<String> = positions.iter().map(i64::to_string).collect();
    let data = format!("{{\"positions\":[{}]}}", positions.join(","));
    Event::new(format!("consumers.dead_letter.{what}"), format!("consumers.{durable}"), data)
}

/// A held event becomes a dead letter, with a copy of the event. Where a group has as many as it may, the event stays and is tried again later
/// instead: nothing is lost for want of room. Says whether it became one.
pub(crate) fn give_up(
    conn: &mut dyn Connection,
    group: &Group,
    position: i64,
    reason: &str,
    config: &Config,
    now: i64,
) -> Result<bool, ConsumersError> {
    let durable = &*group.durable;
    let Some(mut letter) = rows::look(conn, durable, position)? else { return Ok(false) };
    if rows::dead_count(conn, durable)? >= config.dead_max {
        rows::delay(conn, durable, position, now.saturating_add(group.settings.ack_wait_ms.saturating_mul(1_000)))?;
        return Ok(false);
    }
    if letter.event.is_none() {
        letter.event = events::at(conn, &[position])?.first().map(body_of);
    }
    reason.clone_into(&mut letter.reason);
    letter.at = now;
    rows::bury(conn, durable, &letter)?;
    Ok(true)
}
