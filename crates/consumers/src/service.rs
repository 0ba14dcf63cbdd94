//! A group's life: made, changed, looked at, moved, ended.

use std::sync::Arc;

use events::Events;
use kernel::{Clock, Random};
use store::{Connection, Event, Lane, Scope, Store, Tx};
use tokio::sync::Notify;

use crate::error::ConsumersError;
use crate::model::{Created, Durable, Group, Partition, Seek, Settings, Start, Status, Wanted};
use crate::rules::{judge, partition_of, wants};
use crate::store as rows;

/// The room's bounds.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Groups at most.
    pub groups_max: usize,
    /// Events that a group holds at most: it reads no further until some are done.
    pub held_max: i64,
    /// Dead letters that a group keeps at most: what fails beyond is tried on.
    pub dead_max: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self { groups_max: 100, held_max: 10_000, dead_max: 10_000 }
    }
}

/// Events that are counted exactly when a group's lag is asked for.
const COUNTED_MAX: i64 = 5_000;

/// The room.
pub struct Consumers {
    pub(crate) config: Config,
    pub(crate) events: Arc<Events>,
    pub(crate) random: Arc<dyn Random>,
    clock: Option<Arc<dyn Clock>>,
    /// Something that a waiting consumer may want has changed.
    pub(crate) moved: Notify,
}

/// What the room runs inside a transaction, with the house's rights whoever asked for it.
pub(crate) fn as_house<T>(
    conn: &mut dyn Connection,
    mut f: impl FnMut(&mut dyn Connection) -> Result<T, ConsumersError>,
) -> Result<T, ConsumersError> {
    let mut done = None;
    conn.as_house(&mut |conn| {
        done = Some(f(conn));
        Ok(())
    })?;
    done.unwrap_or_else(|| Err(store::Error::Internal("the house's part was not run".to_owned()).into()))
}

impl Consumers {
    /// The room over the log. Time is the database's.
    pub fn new(config: Config, events: Arc<Events>, random: Arc<dyn Random>) -> Self {
        Self { config, events, random, clock: None, moved: Notify::new() }
    }

    /// The same with a time of its own, for tests and simulation.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    pub(crate) fn time(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock.now().0)
    }

    /// Makes a group, or changes it. What is not said stays as it is.
    ///
    /// # Errors
    /// What cannot be, too many groups, another number of partitions; those of the store.
    pub async fn put(
        &self,
        store: &Store,
        scope: Scope,
        durable: &Durable,
        wanted: Wanted,
    ) -> Result<(Status, Created), ConsumersError> {
        let since = match (&wanted.opt_start_time, wanted.deliver_policy) {
            (Some(text), Some(Start::ByStartTime)) => Some(Seek::since("opt_start_time", text)?),
            (None, Some(Start::ByStartTime)) => {
                return Err(ConsumersError::field("opt_start_time", "by_start_time wants it"));
            }
            (Some(_), _) => return Err(ConsumersError::field("opt_start_time", "goes with by_start_time only")),
            (None, _) => None,
        };
        let start = match (wanted.deliver_policy, wanted.opt_start_seq) {
            (Some(Start::ByStartSequence), Some(first)) if first > 0 => Seek::After(first - 1),
            (Some(Start::ByStartSequence), _) => {
                return Err(ConsumersError::field("opt_start_seq", "by_start_sequence wants it, 1 or more"));
            }
            (_, Some(_)) => return Err(ConsumersError::field("opt_start_seq", "goes with by_start_sequence only")),
            (Some(Start::New), None) => Seek::End,
            (None | Some(Start::All | Start::ByStartTime), None) => since.unwrap_or(Seek::First),
        };
        let (most, name, time) = (self.config.groups_max, durable.as_str().to_owned(), self.time());
        let done = store
            .write(scope, move |tx: &mut Tx<'_>| {
                let created = as_house(tx.conn(), |conn| put(conn, &name, &wanted, start, most, time))?;
                match created {
                    Created::Same => tx.quiet("the group is like this"),
                    Created::New => tx.emit(said("created", &name)),
                    Created::Changed => tx.emit(said("changed", &name)),
                }
                Ok::<_, ConsumersError>(created)
            })
            .await?;
        self.moved.notify_waiters();
        Ok((self.status(store, durable).await?, done))
    }

    /// Ends a group: all of it is forgotten.
    ///
    /// # Errors
    /// There is none; those of the store.
    pub async fn delete(&self, store: &Store, scope: Scope, durable: &Durable) -> Result<(), ConsumersError> {
        let name = durable.as_str().to_owned();
        store
            .write(scope, move |tx: &mut Tx<'_>| {
                let gone = as_house(tx.conn(), |conn| {
                    rows::group(conn, &name, true)?;
                    Ok(rows::drop_group(conn, &name)?)
                })?;
                if !gone {
                    return Err(ConsumersError::NoGroup(name.clone()));
                }
                tx.emit(said("deleted", &name));
                Ok(())
            })
            .await?;
        self.moved.notify_waiters();
        Ok(())
    }

    /// Has a group go on from elsewhere. What it holds is let go, so leases are void; dead letters stay.
    ///
    /// # Errors
    /// There is no such group; the log does not go back so far; those of the store.
    pub async fn seek(&self, store: &Store, scope: Scope, durable: &Durable, to: Seek) -> Result<i64, ConsumersError> {
        let name = durable.as_str().to_owned();
        let cursor = store
            .write(scope, move |tx: &mut Tx<'_>| {
                let cursor = as_house(tx.conn(), |conn| {
                    rows::group(conn, &name, true)?.ok_or_else(|| ConsumersError::NoGroup(name.clone()))?;
                    let cursor = cursor_of(conn, to)?;
                    rows::seek(conn, &name, cursor)?;
                    Ok(cursor)
                })?;
                tx.emit(Event::new("consumers.group.moved", subject(&name), format!("{{\"after\":{cursor}}}")));
                Ok::<_, ConsumersError>(cursor)
            })
            .await?;
        self.moved.notify_waiters();
        Ok(cursor)
    }

    /// How a group stands.
    ///
    /// # Errors
    /// There is no such group; those of the store.
    pub async fn status(&self, store: &Store, durable: &Durable) -> Result<Status, ConsumersError> {
        let name = durable.as_str().to_owned();
        store
            .read(Scope::default(), Lane::Short, move |conn| {
                let group = rows::group(conn, &name, false)?.ok_or(ConsumersError::NoGroup(name))?;
                Ok(status(conn, group)?)
            })
            .await
    }

    /// How all of them stand, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, store: &Store) -> Result<Vec<Status>, ConsumersError> {
        store
            .read(Scope::default(), Lane::Long, move |conn| {
                let groups = rows::groups(conn)?;
                groups.into_iter().map(|group| Ok(status(conn, group)?)).collect()
            })
            .await
    }
}

fn subject(durable: &str) -> String {
    format!("consumers.{durable}")
}

fn said(what: &str, durable: &str) -> Event {
    Event::new(format!("consumers.group.{what}"), subject(durable), "{}")
}

fn put(
    conn: &mut dyn Connection,
    name: &str,
    wanted: &Wanted,
    start: Seek,
    most: usize,
    time: Option<i64>,
) -> Result<Created, ConsumersError> {
    let known = rows::group(conn, name, true)?;
    let old = known.as_ref().map_or_else(Settings::default, |group| group.settings.clone());
    let settings = Settings {
        partitions: wanted.partitions.unwrap_or(old.partitions),
        ack_wait_ms: wanted.ack_wait_ms.unwrap_or(old.ack_wait_ms),
        max_deliver: wanted.max_deliver.unwrap_or(old.max_deliver),
        max_ack_pending: wanted.max_ack_pending.unwrap_or(old.max_ack_pending),
        filter_subjects: wanted.filter_subjects.clone().unwrap_or_else(|| old.filter_subjects.clone()),
        filter_types: wanted.filter_types.clone().unwrap_or_else(|| old.filter_types.clone()),
    };
    judge(&settings)?;
    let Some(known) = known else {
        let groups = rows::groups(conn)?.len();
        if groups >= most {
            return Err(ConsumersError::Full(groups));
        }
        let cursor = cursor_of(conn, start)?;
        let created_at = time.unwrap_or_else(|| conn.now());
        let group = Group { durable: name.to_owned(), settings, created_at };
        // Somebody else may have made it in the meantime, perhaps otherwise: then it is theirs.
        return Ok(if rows::add(conn, &group, cursor)? { Created::New } else { Created::Same });
    };
    if settings.partitions != known.settings.partitions {
        return Err(ConsumersError::Fixed(known.settings.partitions));
    }
    if settings == known.settings {
        return Ok(Created::Same);
    }
    rows::change(conn, name, &settings)?;
    Ok(Created::Changed)
}

/// The position behind which a group begins.
fn cursor_of(conn: &mut dyn Connection, to: Seek) -> Result<i64, ConsumersError> {
    let begins = |conn: &mut dyn Connection| Ok::<_, ConsumersError>((events::first(conn)? - 1).max(0));
    match to {
        Seek::First => begins(conn),
        Seek::End => Ok(events::last(conn)?),
        Seek::After(position) => {
            let first = begins(conn)?;
            if position < first { Err(ConsumersError::Gone(first + 1)) } else { Ok(position.min(events::last(conn)?)) }
        }
        Seek::Since(at) => match events::since(conn, at.0)? {
            Some(first) => Ok(first - 1),
            None => Ok(events::last(conn)?),
        },
    }
}

fn status(conn: &mut dyn Connection, group: Group) -> store::Result<Status> {
    let mut partitions = rows::partitions(conn, &group.durable)?;
    for (part, all, pending) in rows::held(conn, &group.durable)? {
        if let Some(partition) = usize::try_from(part).ok().and_then(|part| partitions.get_mut(part)) {
            (partition.lag, partition.pending, partition.waiting) = (all, pending, all - pending);
        }
    }
    let exact = unread(conn, &group.settings, &mut partitions)?;
    let dead = rows::dead_count(conn, &group.durable)?;
    Ok(Status { group, partitions, dead, exact })
}

/// Adds what was not read yet to each partition's lag: counted as far as that is cheap, from there on all that there is.
fn unread(conn: &mut dyn Connection, settings: &Settings, partitions: &mut [Partition]) -> store::Result<bool> {
    let from = partitions.iter().map(|partition| partition.cursor).min().unwrap_or(0);
    let heads = events::heads(conn, from, COUNTED_MAX)?;
    let reached = heads.last().map_or(from, |head| head.position);
    for head in heads.iter().filter(|head| wants(settings, &head.kind, &head.subject)) {
        let partition = &mut partitions[partition_of(&head.key, settings.partitions) as usize];
        if head.position > partition.cursor {
            partition.lag += 1;
        }
    }
    let last = events::last(conn)?;
    if last <= reached {
        return Ok(true);
    }
    for partition in partitions {
        partition.lag += last - reached.max(partition.cursor);
    }
    Ok(false)
}
