//! PostgreSQL: transactions that stay open over many others, clients that go away in the middle, and a reader beside them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use events::Events;
use idempotency::{Idempotency, Once};
use kernel::{SystemClock, SystemRandom};
use store::house::{Query, int, text};
use store::migrate::{File, Migrator, files};
use store::postgres::{Ask, Before, Options, PostgresEngine, prepare_database};
use store::{Connection, Error, Lane, Participant, Participants, Result, Row, Scope, Store, Tx, Unit, house};
use testkit::postgres::{Database, fresh_database};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::reader::Reader;
use super::work::{Act, Answer, Job, Jobs, SCHEMA, answer_of, claim, job_of, number, scope, unit};
use super::{Plant, Tally, inspect};
use crate::Dice;

/// Transactions that are open at once.
const OPEN_MAX: usize = 3;
/// How often somebody asks again who is told that another does it.
const PATIENCE: usize = 10_000;

/// The same effects as one statement each, as the data room has them.
const INSERT: &str = "insert into item (job, note) select $1, $2 from generate_series(1, $3) returning id";
const UPDATE: &str = "update item set note = $1 where job = $2";
const DELETE: &str = "delete from item where job = $1";

/// The tables that a seed begins with empty ones of.
static TABLES: Query = Query::new(
    "select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_catalog.pg_tables
     where schemaname = 'mainstay' and tablename not in ('store_room', 'store_migration', 'audit_subject')
        and tablename ~ '^(events|audit|idempotency)_' or schemaname = 'public' and tablename = 'item'",
);

/// Refuses those it is told to.
struct Refuses(Arc<Mutex<BTreeSet<i64>>>);

impl Participant for Refuses {
    fn name(&self) -> &'static str {
        "refuses"
    }

    fn prepare(&self, _conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&job_of(unit.scope)) {
            return Err(Error::sql("P0002", "the last participant refuses"));
        }
        Ok(())
    }
}

/// A house on PostgreSQL, for one seed after the other.
pub struct Server {
    store: Arc<Store>,
    events: Events,
    refused: Arc<Mutex<BTreeSet<i64>>>,
    _database: Database,
}

/// A transaction that is held open in its middle.
struct Lagging {
    job: i64,
    /// Goes, and it goes on.
    release: mpsc::Sender<()>,
    task: JoinHandle<Result<Answer>>,
}

impl Server {
    /// A house on a new database of the cluster that tests share.
    ///
    /// # Errors
    /// What the database says.
    pub async fn start() -> std::result::Result<Self, String> {
        let said = |error: Error| error.to_string();
        let database = fresh_database(None);
        let events = Events::default();
        let refused: Arc<Mutex<BTreeSet<i64>>> = Arc::default();
        let participants: Participants = Arc::from([
            events.recorder(),
            Arc::new(audit::Recorder::new(Arc::new(SystemRandom))) as Arc<dyn Participant>,
            Arc::new(Refuses(refused.clone())),
        ]);
        let options = Options { capture: true, ..Options::default() };
        let engine = PostgresEngine::connect(database.url(), options, participants).await.map_err(said)?;
        let rooms = |tx: &mut Tx<'_>| {
            tx.quiet("the rooms' own tables");
            prepare_database(tx.conn())?;
            house::prepare(tx.conn(), &[&idempotency::TABLES, &events::TABLES, &audit::TABLES])
        };
        engine.write(Scope::default(), rooms).await.map_err(said)?;
        let migrations = File::new("0001_sim.sql", SCHEMA).map_err(|error| error.to_string())?;
        let migrations = files::arrange(vec![migrations]).map_err(|error| error.to_string())?;
        let ran = Migrator::new(&migrations).run_postgres(&engine, &SystemClock, &mut |_| {}).await;
        ran.map_err(|error| error.to_string())?;
        let watch = |tx: &mut Tx<'_>| {
            tx.quiet("triggers");
            events::install(tx.conn())
        };
        engine.write(Scope::default(), watch).await.map_err(said)?;
        let catalog = Arc::new(engine.catalog().await.map_err(said)?);
        let store = Arc::new(Store::postgres(engine, catalog));
        Ok(Self { store, events, refused, _database: database })
    }

    /// One run of a seed. The failure says which invariant does not hold.
    ///
    /// # Errors
    /// The seed and the invariant.
    pub async fn run(&self, seed: u64, plant: Plant) -> std::result::Result<Tally, String> {
        self.live(seed, plant).await.map_err(|error| format!("seed {seed} on PostgreSQL: {error}"))
    }

    async fn empty(&self) -> Result<()> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let tables = self.store.read(Scope::default(), Lane::Short, |conn: &mut dyn Connection| {
            let mut tables = String::new();
            TABLES.each(conn, &[], |row| {
                tables = house::read_text(row, 0)?.unwrap_or_default();
                Ok(())
            })?;
            Ok::<_, Error>(tables)
        });
        let truncate = format!("truncate {} restart identity", tables.await?);
        let empty = move |tx: &mut Tx<'_>| {
            tx.quiet("a new beginning");
            tx.conn().execute(&truncate, &[]).map(drop)
        };
        self.store.write(Scope::default(), empty).await
    }

    async fn live(&self, seed: u64, plant: Plant) -> std::result::Result<Tally, String> {
        let said = |error: Error| error.to_string();
        self.empty().await.map_err(said)?;
        let dice = Dice::new(seed);
        let idempotency = Arc::new(Idempotency::default());
        let (mut tally, mut jobs, mut reader) = (Tally::default(), Jobs::new(), Reader::default());
        let mut lagging: Vec<Lagging> = Vec::new();
        for _ in 0..12 + dice.below(16) {
            match dice.below(12) {
                0..5 => {
                    let busy: Vec<i64> = lagging.iter().map(|lagging| lagging.job).collect();
                    let (job, act) = choose(&dice, &mut jobs, &busy);
                    tally.sent += 1;
                    let heard = self.ask(&idempotency, job, &act, dice.chance(60)).await;
                    settle(&mut jobs, job, heard, &mut tally)?;
                }
                5 | 6 if lagging.len() < OPEN_MAX => {
                    let job = next(&jobs);
                    let act = Act::Insert(1 + dice.below(2));
                    tally.sent += 1;
                    jobs.insert(job, Job { act: act.clone(), answer: None, refused: false });
                    lagging.push(self.lag(&idempotency, job, act).await);
                }
                7 if !lagging.is_empty() => {
                    let Lagging { job, release, task } = lagging.swap_remove(dice.below(lagging.len()));
                    drop(release);
                    let heard = task.await.map_err(|error| error.to_string())?;
                    settle(&mut jobs, job, heard, &mut tally)?;
                }
                8 if !lagging.is_empty() => {
                    // The client goes away: whether it was done is not known.
                    let Lagging { release, task, .. } = lagging.swap_remove(dice.below(lagging.len()));
                    task.abort();
                    drop(release);
                    tally.crashes += 1;
                    let _ = task.await;
                }
                9 => drop(inspect::audit_of(&self.store).seal().await.map_err(|error| error.to_string())?),
                _ => {
                    self.events.order(&self.store).await.map_err(said)?;
                    reader.read_on(&self.events, &self.store, plant).await?;
                }
            }
        }
        for Lagging { job, release, task } in lagging {
            drop(release);
            let heard = task.await.map_err(|error| error.to_string())?;
            settle(&mut jobs, job, heard, &mut tally)?;
        }
        // Everybody asks once more, those who were answered too.
        let all: Vec<(i64, Act)> =
            jobs.iter().filter(|(_, job)| !job.refused).map(|(number, job)| (*number, job.act.clone())).collect();
        for (job, act) in all {
            let mut left = PATIENCE;
            let heard = loop {
                match self.ask(&idempotency, job, &act, dice.chance(50)).await {
                    // Who went away may still be on its way out.
                    Ok(Answer::Busy) if left > 0 => left -= 1,
                    heard => break heard,
                }
            };
            tally.sent += 1;
            settle(&mut jobs, job, heard, &mut tally)?;
            if jobs[&job].answer.is_none() && !jobs[&job].refused {
                return Err(format!("job {job} was never answered"));
            }
        }
        self.events.order(&self.store).await.map_err(said)?;
        reader.read_on(&self.events, &self.store, plant).await?;
        inspect::judge((&self.events, &self.store), &jobs, &reader, plant, &mut tally).await?;
        tally.acknowledged = jobs.values().filter(|job| job.answer.is_some()).count();
        Ok(tally)
    }

    /// Asks and waits for the answer; in two flights where one statement is the whole request and `flights` says so.
    async fn ask(&self, idempotency: &Idempotency, job: i64, act: &Act, flights: bool) -> Result<Answer> {
        if *act == Act::Refused {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
        }
        let Ok(running) = idempotency.begin(claim(job), None).await else { return Ok(Answer::Busy) };
        let once = running.once();
        if flights && let Some(answer) = self.fly(&once, job, act).await? {
            return Ok(answer);
        }
        let (asked, act) = (scope(job, act), act.clone());
        self.store.write(asked, move |tx| unit(tx, &once, job, &act, Plant::Nothing, &|| {})).await
    }

    /// The data room's way of a write that is one statement.
    async fn fly(&self, once: &Once, job: i64, act: &Act) -> Result<Option<Answer>> {
        let note = text(format!("by {job}"));
        let (sql, params) = match act {
            Act::Insert(_) | Act::Refused => {
                (INSERT, vec![int(job), note, int(i64::try_from(act.inserts()).unwrap_or(1))])
            }
            Act::Update(other) => (UPDATE, vec![note, int(*other)]),
            Act::Delete(other) => (DELETE, vec![int(*other)]),
            Act::Fail | Act::Panic | Act::RolledBack => return Ok(None),
        };
        let found = once.asks();
        let asks = found.iter().map(|(sql, params)| Ask::of_house(sql, &params[..])).collect();
        let before = Before { asks, judge: &Once::is_new };
        let take = |ids: &mut Vec<i64>, row: &dyn Row| {
            ids.push(number(row, 0)?);
            Ok(())
        };
        let done = |conn: &mut dyn Connection, ids: Vec<i64>, _| {
            let stored = answer_of(job, "", &ids);
            once.keep(conn, &stored)?;
            Ok(Answer::First(stored))
        };
        let engine = self.store.as_postgres().expect("it was made as one");
        engine.write_followed(&scope(job, act), &before, (sql, &params), Vec::new(), take, done).await
    }

    /// Begins a transaction that stays open after its effect.
    async fn lag(&self, idempotency: &Arc<Idempotency>, job: i64, act: Act) -> Lagging {
        let (release, held) = mpsc::channel::<()>();
        let (begun, middle) = oneshot::channel::<()>();
        let (held, begun) = (Mutex::new(held), Mutex::new(Some(begun)));
        let (store, idempotency) = (self.store.clone(), idempotency.clone());
        let task = tokio::spawn(async move {
            let Ok(running) = idempotency.begin(claim(job), None).await else { return Ok(Answer::Busy) };
            let once = running.once();
            let asked = scope(job, &act);
            store
                .write(asked, move |tx| {
                    let wait = || {
                        if let Some(begun) = begun.lock().unwrap_or_else(PoisonError::into_inner).take() {
                            // Who waits for it is there until it comes.
                            let _ = begun.send(());
                        }
                        // Nobody sends: the sender goes. A second run does not wait.
                        let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    };
                    unit(tx, &once, job, &act, Plant::Nothing, &wait)
                })
                .await
        });
        // Should it fail before its middle, the sender is dropped.
        let _ = middle.await;
        Lagging { job, release, task }
    }
}

fn next(jobs: &Jobs) -> i64 {
    i64::try_from(jobs.len() + 1).expect("there are not so many")
}

/// A new request, or one that was made before and is not under way.
fn choose(dice: &Dice, jobs: &mut Jobs, busy: &[i64]) -> (i64, Act) {
    let done: Vec<i64> = jobs.iter().filter(|(_, job)| job.answer.is_some()).map(|(number, _)| *number).collect();
    let again: Vec<i64> = jobs.keys().copied().filter(|job| !busy.contains(job) && !jobs[job].refused).collect();
    if !again.is_empty() && dice.chance(20) {
        let job = *dice.pick(&again);
        return (job, jobs[&job].act.clone());
    }
    let (job, act) = (next(jobs), Act::draw(dice, &done));
    jobs.insert(job, Job { act: act.clone(), answer: None, refused: false });
    (job, act)
}

/// Takes down what was heard.
fn settle(jobs: &mut Jobs, number: i64, heard: Result<Answer>, tally: &mut Tally) -> std::result::Result<(), String> {
    super::work::settle(jobs, number, heard.map_err(|error| error.to_string()), tally)
}
