//! SQLite: the process is killed by copying its files as they are at an instant, and lives on in the copy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use events::Events;
use idempotency::Idempotency;
use kernel::{Clock as _, ManualClock, Micros, SystemRandom};
use store::migrate::{File, Migrator, files};
use store::sqlite::{Options, Place, SqliteEngine};
use store::{
    Catalog, Connection, Error, Event, Participant, Participants, Result, Scope, Store, Tx, Unit, UnitId, house,
};
use testkit::folder::Folder;

use super::reader::Reader;
use super::work::{Act, Answer, Job, Jobs, SCHEMA, claim, job_of, keep_late, scope, settle, unit};
use super::{Plant, Tally, inspect};
use crate::Dice;

/// When it all begins: 14 November 2023.
const BEGIN: Micros = Micros(1_700_000_000_000_000);
/// How far the clock may jump; answers are kept for longer.
const JUMP_S: usize = 3_600;

/// Where the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// After a function has done its work.
    Worked,
    /// Before participants prepare.
    Preparing,
    /// After they have.
    Prepared,
    /// Before the commit.
    Sealing,
    /// After the commit, before anybody is answered.
    Committed,
}

const MOMENTS: [Moment; 5] = [Moment::Worked, Moment::Preparing, Moment::Prepared, Moment::Sealing, Moment::Committed];

/// What is known across threads and lives.
#[derive(Default)]
struct Fate {
    /// The crash to come: the job, the moment, and where the copy goes.
    due: Option<(i64, Moment, PathBuf)>,
    /// It has happened: what is answered from now on nobody hears.
    crashed: bool,
    /// Jobs that were prepared since the last commit.
    open: BTreeSet<i64>,
    from: PathBuf,
}

type Shared = Arc<Mutex<Fate>>;

fn fate(shared: &Shared) -> MutexGuard<'_, Fate> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Copies database and log if this is where it ends.
fn reach(shared: &Shared, is: impl Fn(&Fate, i64) -> bool, moment: Moment) {
    let mut fate = fate(shared);
    let here = matches!(&fate.due, Some((job, at, _)) if *at == moment && is(&fate, *job));
    let Some((_, _, to)) = fate.due.take_if(|_| here) else { return };
    fate.crashed = true;
    copy(&fate.from, &to);
}

fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let named = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        // There is no log before the first write.
        if named(from).exists() {
            std::fs::copy(named(from), named(to)).expect("a folder of the test's own can be written");
        }
    }
}

/// The first participant and the last: where crashes happen, and who refuses.
struct Watch {
    shared: Shared,
    moment: Moment,
    jobs: Arc<Mutex<BTreeSet<i64>>>,
}

impl Participant for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn prepare(&self, _conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()> {
        let job = job_of(unit.scope);
        reach(&self.shared, |_, due| due == job, self.moment);
        if self.moment == Moment::Prepared {
            fate(&self.shared).open.insert(job);
            if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).contains(&job) {
                return Err(Error::sql("P0002", "the last participant refuses"));
            }
        }
        Ok(())
    }

    fn seal(&self, _conn: &mut dyn Connection, _group: &[Event]) -> Result<()> {
        if self.moment == Moment::Prepared {
            reach(&self.shared, |fate, due| fate.open.contains(&due), Moment::Sealing);
        }
        Ok(())
    }

    fn committed(&self) {
        if self.moment == Moment::Prepared {
            reach(&self.shared, |fate, due| fate.open.contains(&due), Moment::Committed);
            fate(&self.shared).open.clear();
        }
    }
}

/// What a unit left to be written later.
type Late = (UnitId, i64, Scope, Vec<Event>);

/// The planted mistake: events are remembered, and written in a transaction of their own.
struct Outside {
    events: Arc<dyn Participant>,
    late: Arc<Mutex<Vec<Late>>>,
}

impl Participant for Outside {
    fn name(&self) -> &'static str {
        "events, later"
    }

    fn prepare(&self, _conn: &mut dyn Connection, unit: &Unit<'_>) -> Result<()> {
        if !unit.events.is_empty() {
            let late = (unit.id, unit.at, unit.scope.clone(), unit.events.to_vec());
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
        Ok(())
    }

    fn committed(&self) {
        self.events.committed();
    }
}

/// A file with all tables, and the catalog of it, made once.
fn template() -> &'static (Folder, Arc<Catalog>) {
    static TEMPLATE: OnceLock<(Folder, Arc<Catalog>)> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let make = async {
            let folder = Folder::new();
            let options = Options { wal_grow_bytes: 0, ..Options::default() };
            let engine = SqliteEngine::open(Place::File(folder.join("template.db")), options, Participants::from([]))?;
            let rooms = |tx: &mut Tx<'_>| {
                tx.quiet("the rooms' own tables");
                house::prepare(tx.conn(), &[&idempotency::TABLES, &events::TABLES, &audit::TABLES])
            };
            engine.write(Scope::default(), rooms).await?;
            let migrations = File::new("0001_sim.sql", SCHEMA).expect("its name is a migration's");
            let migrations = files::arrange(vec![migrations]).expect("it is one file");
            let outcome = engine
                .exclusive(move |host| {
                    let ran = Migrator::new(&migrations).run_sqlite(host, &kernel::SystemClock, &mut |_| {});
                    ran.map_err(|error| Error::Internal(error.to_string()))
                })
                .await?;
            Ok::<_, Error>((folder, outcome.catalog.expect("SQLite's migrations have a catalog")))
        };
        // On a thread of its own: whoever asks may be inside a runtime.
        let maker = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok::<_, std::io::Error>(runtime.block_on(make))
        });
        maker.join().expect("it does not panic").expect("there is a runtime").expect("the tables can be made")
    })
}

/// One life of the house.
struct Life {
    store: Arc<Store>,
    events: Events,
    idempotency: Arc<Idempotency>,
    shared: Shared,
    refused: Arc<Mutex<BTreeSet<i64>>>,
    late: Arc<Mutex<Vec<Late>>>,
    recorder: Arc<dyn Participant>,
    plant: Plant,
}

/// What came of a request: nothing that anybody heard, or its answer.
type Heard = Option<std::result::Result<Answer, String>>;

impl Life {
    fn begin(
        path: &Path,
        shared: &Shared,
        clock: &Arc<ManualClock>,
        dice: &Dice,
        plant: Plant,
    ) -> std::result::Result<Self, String> {
        let options = Options { capture: true, clock: clock.clone(), ..crate::writer::options(dice) };
        let events = Events::default();
        let (refused, late) = (Arc::default(), Arc::default());
        let watch = |moment| -> Arc<dyn Participant> {
            Arc::new(Watch { shared: shared.clone(), moment, jobs: Arc::clone(&refused) })
        };
        let recorder = events.recorder();
        let writes: Arc<dyn Participant> = match plant {
            Plant::EventsOutside => Arc::new(Outside { events: recorder.clone(), late: Arc::clone(&late) }),
            Plant::Nothing | Plant::AnswersOutside | Plant::HighestId => recorder.clone(),
        };
        let leaves: Arc<dyn Participant> = Arc::new(audit::Recorder::new(Arc::new(SystemRandom)));
        let participants: Participants = Arc::from([watch(Moment::Preparing), writes, leaves, watch(Moment::Prepared)]);
        let engine = SqliteEngine::open(Place::File(path.to_owned()), options, participants)
            .map_err(|error| error.to_string())?;
        let store = Arc::new(Store::sqlite(engine, template().1.clone()));
        {
            let mut fate = fate(shared);
            path.clone_into(&mut fate.from);
            fate.open.clear();
        }
        let idempotency = Arc::default();
        Ok(Self { store, events, idempotency, shared: shared.clone(), refused, late, recorder, plant })
    }

    /// Queues the requests behind a held writer, lets go, and hears the answers until the process ends.
    async fn batch(&self, batch: &[(i64, Act)]) -> Vec<(i64, Heard)> {
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let store = self.store.clone();
        let gate = tokio::spawn(async move {
            let gate = store.write(Scope::default(), move |tx| {
                tx.quiet("it only waits");
                // Nobody sends: the sender goes, and then it goes on. A second run does not wait.
                let _ = held.lock().unwrap_or_else(PoisonError::into_inner).recv();
                Ok::<_, Error>(())
            });
            let _ = gate.await;
        });
        let mut tasks = Vec::new();
        for (job, act) in batch.iter().cloned() {
            if act == Act::Refused {
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(job);
            }
            let (store, shared, plant) = (self.store.clone(), self.shared.clone(), self.plant);
            let idempotency = self.idempotency.clone();
            tasks.push((
                job,
                tokio::spawn(async move {
                    let Ok(running) = idempotency.begin(claim(job), None).await else {
                        return if fate(&shared).crashed { None } else { Some(Ok(Answer::Busy)) };
                    };
                    let once = running.once();
                    let (asked, told) = (scope(job, &act), shared.clone());
                    let late = once.clone();
                    let answer = store
                        .write(asked, move |tx| {
                            let worked = || reach(&told, |_, due| due == job, Moment::Worked);
                            unit(tx, &once, job, &act, plant, &worked)
                        })
                        .await;
                    if plant == Plant::AnswersOutside
                        && !fate(&shared).crashed
                        && let Ok(Answer::First(stored)) = &answer
                    {
                        keep_late(&store, late, stored.clone()).await;
                    }
                    drop(running);
                    // The dead say nothing.
                    (!fate(&shared).crashed).then(|| answer.map_err(|error| error.to_string()))
                }),
            ));
        }
        // One runtime thread: every task is polled once, in order, and has queued its function then.
        tokio::task::yield_now().await;
        drop(release);
        let _ = gate.await;
        let mut heard = Vec::new();
        for (job, task) in tasks {
            heard.push((job, task.await.unwrap_or(None)));
            self.write_late().await;
        }
        heard
    }

    /// The planted mistake's second half.
    async fn write_late(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, at, scope, events) in late {
            let recorder = self.recorder.clone();
            let write = move |tx: &mut Tx<'_>| {
                tx.quiet("the planted mistake");
                recorder.prepare(tx.conn(), &Unit { id, at, scope: &scope, events: &events, written: 0 })
            };
            let _ = self.store.write(Scope::default(), write).await;
        }
    }
}

/// Takes down what was heard.
fn settle_all(jobs: &mut Jobs, heard: Vec<(i64, Heard)>, tally: &mut Tally) -> std::result::Result<(), String> {
    heard.into_iter().try_for_each(|(job, heard)| heard.map_or(Ok(()), |heard| settle(jobs, job, heard, tally)))
}

/// What to ask next: new requests, those without an answer, and some that were answered already.
fn draw(dice: &Dice, jobs: &mut Jobs) -> Vec<(i64, Act)> {
    let done: Vec<i64> = jobs.iter().filter(|(_, job)| job.answer.is_some()).map(|(number, _)| *number).collect();
    let mut batch: Vec<(i64, Act)> = jobs
        .iter()
        .filter(|(_, job)| job.answer.is_none() && !job.refused)
        .map(|(number, job)| (*number, job.act.clone()))
        .collect();
    for _ in 0..=dice.below(8) {
        let number = i64::try_from(jobs.len() + 1).expect("there are not so many");
        let act = Act::draw(dice, &done);
        jobs.insert(number, Job { act: act.clone(), answer: None, refused: false });
        batch.push((number, act));
    }
    for _ in 0..dice.below(3) {
        if !done.is_empty() {
            let again = *dice.pick(&done);
            batch.push((again, jobs[&again].act.clone()));
        }
    }
    batch
}

/// One run of a seed.
pub(super) async fn run(seed: u64, plant: Plant) -> std::result::Result<Tally, String> {
    let dice = Dice::new(seed);
    let folder = Folder::new();
    let (shared, clock) = (Shared::default(), Arc::new(ManualClock::at(BEGIN)));
    let mut path = folder.join("life0.db");
    copy(&template().0.join("template.db"), &path);
    let (mut tally, mut jobs, mut reader) = (Tally::default(), Jobs::new(), Reader::default());
    let lives = 2 + dice.below(3);
    for life in 0..=lives {
        let alive = Life::begin(&path, &shared, &clock, &dice, plant)?;
        reader.read_on(&alive.events, &alive.store, plant).await?;
        inspect::judge((&alive.events, &alive.store), &jobs, &reader, plant, &mut tally).await?;
        let to = folder.join(format!("life{}.db", life + 1));
        let batches = 1 + dice.below(3);
        for batch in 1..=batches {
            let jump =
                i64::try_from(dice.below(2 * JUMP_S)).expect("it is small") - i64::try_from(JUMP_S).expect("too");
            clock.set(Micros(BEGIN.0 + jump * 1_000_000));
            clock.advance(Duration::from_millis(1 + dice.below(50) as u64));
            debug_assert!(clock.now().0 > 0);
            let asked = draw(&dice, &mut jobs);
            if batch == batches && life < lives {
                let (job, _) = dice.pick(&asked);
                fate(&shared).due = Some((*job, *dice.pick(&MOMENTS), to.clone()));
            }
            tally.sent += asked.len();
            let heard = alive.batch(&asked).await;
            settle_all(&mut jobs, heard, &mut tally)?;
            if fate(&shared).crashed {
                break;
            }
            reader.read_on(&alive.events, &alive.store, plant).await?;
            if dice.chance(50) {
                inspect::audit_of(&alive.store).seal().await.map_err(|error| error.to_string())?;
            }
        }
        // A unit that failed earlier never came to its moment: then this life goes on as the next one.
        let mut fate = fate(&shared);
        fate.due = None;
        if std::mem::take(&mut fate.crashed) {
            tally.crashes += 1;
            path = to;
        }
    }
    // Everybody who was not answered asks once more.
    let alive = Life::begin(&path, &shared, &clock, &dice, plant)?;
    let asked: Vec<(i64, Act)> =
        jobs.iter().filter(|(_, job)| !job.refused).map(|(number, job)| (*number, job.act.clone())).collect();
    tally.sent += asked.len();
    let heard = alive.batch(&asked).await;
    settle_all(&mut jobs, heard, &mut tally)?;
    reader.read_on(&alive.events, &alive.store, plant).await?;
    if let Some((number, _)) = jobs.iter().find(|(_, job)| job.answer.is_none() && !job.refused) {
        return Err(format!("job {number} was never answered"));
    }
    inspect::judge((&alive.events, &alive.store), &jobs, &reader, plant, &mut tally).await?;
    tally.acknowledged = jobs.values().filter(|job| job.answer.is_some()).count();
    Ok(tally)
}
