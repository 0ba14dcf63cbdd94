//! Handing out events: what is due again first, then what the log has more.

use std::pin::pin;
use std::time::Duration;

use store::{Connection, Lane, Scope, Store, Tx};

use crate::dead;
use crate::error::ConsumersError;
use crate::model::{Ask, Delivery, Durable, Group, Partition, Pulled, body_of};
use crate::rules::{partition_of, wants};
use crate::service::{Config, Consumers};
use crate::store::{self as rows, Due, Turn};

/// Events of the log that are looked at together.
const PAGE: i64 = 256;
/// Events of the log that one pull looks at; the next one goes on.
const LOOKED_MAX: i64 = 4_096;
/// Bytes of events in one answer, unless the first alone is larger.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Events whose bodies are fetched together.
const FETCHED: usize = 50;
/// Events that become dead letters in one pull; the next one goes on.
const BURIED_MAX: u64 = 500;
/// How often a waiting consumer looks without being woken: for what other servers did.
const LOOK: Duration = Duration::from_secs(1);
/// Why an event is given up that nobody gave up.
const IN_SILENCE: &str = "not acknowledged in time";

/// What a look found.
struct Seen {
    /// There may be something to hand out, or so much passed by that it should be noted.
    ready: bool,
    /// When something that is out comes due.
    next_due: Option<i64>,
    now: i64,
}

impl Consumers {
    /// Hands out events of a group, each leased for as long as the group says. When there are none, waits for one as long as told.
    ///
    /// # Errors
    /// There is no such group or partition; those of the store.
    pub async fn pull(
        &self,
        store: &Store,
        durable: &Durable,
        ask: Ask,
        wait: Duration,
    ) -> Result<Pulled, ConsumersError> {
        let mut over = pin!(tokio::time::sleep(wait));
        let mut died = 0;
        loop {
            let (mut moved, mut grown) = (pin!(self.moved.notified()), pin!(self.events.grown()));
            // From here on a wake-up counts, also one that comes while we look.
            moved.as_mut().enable();
            grown.as_mut().enable();
            let seen = self.look(store, durable, ask).await?;
            if seen.ready {
                let (pulled, more) = self.pull_now(store, durable, ask).await?;
                died += pulled.died;
                if !pulled.deliveries.is_empty() {
                    return Ok(Pulled { died, ..pulled });
                }
                // Whom the dead held up has its turn; the log is read on while there is time.
                if pulled.died > 0 || more && !over.is_elapsed() {
                    continue;
                }
            }
            let due = seen.next_due.map_or(LOOK, |at| {
                let micros = u64::try_from(at.saturating_sub(seen.now)).unwrap_or(0);
                LOOK.min(Duration::from_micros(micros) + Duration::from_millis(1))
            });
            tokio::select! {
                biased;
                () = &mut over => return Ok(Pulled { died, ..Pulled::default() }),
                () = moved => {}
                () = grown => {}
                () = tokio::time::sleep(due) => {}
            }
        }
    }

    async fn look(&self, store: &Store, durable: &Durable, ask: Ask) -> Result<Seen, ConsumersError> {
        let (name, config, time) = (durable.as_str().to_owned(), self.config, self.time());
        store
            .read(Scope::default(), Lane::Short, move |conn| {
                let now = time.unwrap_or_else(|| conn.now());
                look(conn, &name, ask, &config, now)
            })
            .await
    }

    async fn pull_now(&self, store: &Store, durable: &Durable, ask: Ask) -> Result<(Pulled, bool), ConsumersError> {
        let (name, config, time) = (durable.as_str().to_owned(), self.config, self.time());
        // Drawn once: the function may run again.
        let lease = format!("{:016x}{:016x}.", self.random.next_u64(), self.random.next_u64());
        let pulled = store
            .write(Scope::default(), move |tx: &mut Tx<'_>| {
                tx.quiet("events are handed out");
                let now = time.unwrap_or_else(|| tx.conn().now());
                pull(tx.conn(), &name, ask, &config, (&lease, now))
            })
            .await?;
        if pulled.0.died > 0 {
            // What stood behind them has its turn.
            self.moved.notify_waiters();
        }
        Ok(pulled)
    }
}

/// What is still free of a group's bounds.
struct Free {
    /// Events that may be held in addition.
    held: i64,
    /// Events that may be out in addition.
    pending: i64,
}

fn free(conn: &mut dyn Connection, group: &Group, config: &Config) -> store::Result<Free> {
    let (mut held, mut pending) = (0, 0);
    for (_, all, delivered) in rows::held(conn, &group.durable)? {
        held += all;
        pending += delivered;
    }
    Ok(Free { held: config.held_max - held, pending: group.settings.max_ack_pending - pending })
}

fn judged(group: Option<Group>, durable: &str, ask: Ask) -> Result<Group, ConsumersError> {
    let group = group.ok_or_else(|| ConsumersError::NoGroup(durable.to_owned()))?;
    let last = group.settings.partitions - 1;
    if ask.partition.is_some_and(|partition| partition > last) {
        return Err(ConsumersError::field("partition", format!("0 to {last}")));
    }
    Ok(group)
}

fn look(conn: &mut dyn Connection, durable: &str, ask: Ask, config: &Config, now: i64) -> Result<Seen, ConsumersError> {
    let group = judged(rows::group(conn, durable, false)?, durable, ask)?;
    let free = free(conn, &group, config)?;
    let turn = Turn { now, partition: ask.partition, fresh: free.pending > 0, most: 1 };
    let mut ready = !rows::due(conn, durable, turn)?.is_empty();
    if !ready && free.pending > 0 && free.held > 0 {
        let partitions = rows::partitions(conn, durable)?;
        let from = cursor(&partitions, ask);
        let heads = events::heads(conn, from, PAGE)?;
        ready = i64::try_from(heads.len()).is_ok_and(|seen| seen == PAGE)
            || heads.iter().any(|head| wants(&group.settings, &head.kind, &head.subject));
    }
    Ok(Seen { ready, next_due: rows::next_due(conn, durable, now)?, now })
}

/// Where the log is read from: behind what all that are asked for have read.
fn cursor(partitions: &[Partition], ask: Ask) -> i64 {
    let asked = (0_u32..).zip(partitions).filter(|(number, _)| ask.partition.is_none_or(|only| only == *number));
    asked.map(|(_, partition)| partition.cursor).min().unwrap_or(0)
}

/// Hands out events; also whether there may be more although there are none.
fn pull(
    conn: &mut dyn Connection,
    durable: &str,
    ask: Ask,
    config: &Config,
    (lease, now): (&str, i64),
) -> Result<(Pulled, bool), ConsumersError> {
    let group = judged(rows::group(conn, durable, true)?, durable, ask)?;
    let Free { mut held, pending } = free(conn, &group, config)?;
    let mut pulled = Pulled::default();
    let mut log = Reading { left: LOOKED_MAX, ended: false };
    let max = i64::from(ask.max);
    let turns = loop {
        let turn = Turn { now, partition: ask.partition, fresh: pending > 0, most: max };
        let mut turns = rows::due(conn, durable, turn)?;
        if bury_worn(conn, &group, &turns, config, now, &mut pulled.died)? {
            if pulled.died < BURIED_MAX {
                continue;
            }
            return Ok((pulled, true));
        }
        let mut fresh = pending.max(0);
        turns.retain(|due| {
            let old = due.deliveries > 0;
            fresh -= i64::from(!old);
            old || fresh >= 0
        });
        let wanted = (max - i64::try_from(turns.len()).unwrap_or(max)).min(held).min(fresh);
        if wanted <= 0 || log.ended || log.left <= 0 {
            break turns;
        }
        held -= log.read(conn, &group, ask, wanted)?;
    };
    let more = !log.ended && log.left <= 0;
    let deliveries = with_bodies(conn, &group, turns, config, now, &mut pulled.died)?;
    let positions: Vec<i64> = deliveries.iter().map(|delivery| delivery.position).collect();
    if !positions.is_empty() {
        let until = now.saturating_add(group.settings.ack_wait_ms.saturating_mul(1_000));
        let leased = rows::lease(conn, durable, lease, &positions, (now, until))?;
        pulled.deliveries = deliveries
            .into_iter()
            .filter(|delivery| leased.contains(&delivery.position))
            .map(|delivery| Delivery { lease: format!("{lease}{}", delivery.position), ..delivery })
            .collect();
    }
    Ok((pulled, more))
}

/// Gives up what was delivered as often as may be; says whether there was any.
fn bury_worn(
    conn: &mut dyn Connection,
    group: &Group,
    turns: &[Due],
    config: &Config,
    now: i64,
    died: &mut u64,
) -> Result<bool, ConsumersError> {
    let mut any = false;
    for due in turns.iter().filter(|due| due.deliveries >= group.settings.max_deliver) {
        // What was said of it is of an earlier time: after the last one nothing was.
        let earlier = if due.reason.is_empty() { String::new() } else { format!("; before: {}", due.reason) };
        let reason = format!("{IN_SILENCE}{earlier}");
        *died += u64::from(dead::give_up(conn, group, due.position, &reason, config, now)?);
        any = true;
    }
    Ok(any)
}

/// How much of the log a pull has read.
struct Reading {
    left: i64,
    ended: bool,
}

impl Reading {
    /// Reads on until so many events are held in addition; returns how many are.
    fn read(&mut self, conn: &mut dyn Connection, group: &Group, ask: Ask, wanted: i64) -> Result<i64, ConsumersError> {
        let (durable, settings) = (&*group.durable, &group.settings);
        let partitions = rows::partitions(conn, durable)?;
        let asked: Vec<(u32, i64)> = (0_u32..)
            .zip(partitions.iter().map(|partition| partition.cursor))
            .filter(|(number, _)| ask.partition.is_none_or(|only| only == *number))
            .collect();
        let begin = cursor(&partitions, ask);
        let (mut from, mut held) = (begin, 0);
        while held < wanted && self.left > 0 {
            let heads = events::heads(conn, from, PAGE)?;
            let Some(first) = heads.first() else {
                self.ended = true;
                break;
            };
            // Positions have no gaps: what is not there was forgotten before this group read it.
            for (number, cursor) in &asked {
                if first.position > from.max(*cursor) + 1 {
                    rows::miss(conn, durable, i64::from(*number), first.position - 1 - from.max(*cursor))?;
                }
            }
            for head in &heads {
                from = head.position;
                self.left -= 1;
                if !wants(settings, &head.kind, &head.subject) {
                    continue;
                }
                let partition = partition_of(&head.key, settings.partitions);
                if asked.iter().any(|(number, cursor)| *number == partition && head.position > *cursor) {
                    rows::hold(conn, durable, (head.position, partition, &head.key), None)?;
                    held += 1;
                    if held == wanted {
                        break;
                    }
                }
            }
        }
        if from > begin {
            let numbers: Vec<i64> = asked.iter().map(|(number, _)| i64::from(*number)).collect();
            rows::advance(conn, durable, &numbers, from)?;
        }
        Ok(held)
    }
}

/// Events with their bodies, as many as fit into an answer. What the log has forgotten meanwhile is given up.
fn with_bodies(
    conn: &mut dyn Connection,
    group: &Group,
    turns: Vec<Due>,
    config: &Config,
    now: i64,
    died: &mut u64,
) -> Result<Vec<Delivery>, ConsumersError> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut turns = turns.into_iter().peekable();
    while turns.peek().is_some() {
        let some: Vec<Due> = turns.by_ref().take(FETCHED).collect();
        let missing: Vec<i64> = some.iter().filter(|due| due.body.is_none()).map(|due| due.position).collect();
        let logged = events::at(conn, &missing)?;
        for due in some {
            let of_log = |due: &Due| logged.iter().find(|event| event.position == due.position).map(body_of);
            let Some(event) = due.body.clone().or_else(|| of_log(&due)) else {
                *died += u64::from(dead::give_up(conn, group, due.position, dead::FORGOTTEN, config, now)?);
                continue;
            };
            bytes += event.len();
            if bytes > BYTES_MAX && !found.is_empty() {
                return Ok(found);
            }
            found.push(Delivery {
                lease: String::new(),
                number: due.deliveries + 1,
                partition: due.partition,
                position: due.position,
                event,
            });
        }
    }
    Ok(found)
}
