//! Groups over a log, on both engines, with a clock in the test's hand.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use consumers::{Ask, Config, ConsumersError, Delivery, Seek, Start, Wanted};
use kernel::{Clock, Micros};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use store::Scope;
use testkit::Engine;

use support::{Home, durable};

const SECOND: Duration = Duration::from_secs(1);

fn positions(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.position).collect()
}

/// What may happen to a group.
#[derive(Clone, Debug)]
enum Step {
    Happen(Vec<u8>),
    Pull(u32),
    Ack(prop::sample::Index),
    Nack(prop::sample::Index, u64),
    Progress(prop::sample::Index),
    Term(prop::sample::Index),
    Replay(prop::sample::Index),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => prop::collection::vec(0_u8..3, 1..6).prop_map(Step::Happen),
        4 => (1_u32..5).prop_map(Step::Pull),
        4 => any::<prop::sample::Index>().prop_map(Step::Ack),
        2 => (any::<prop::sample::Index>(), 0_u64..8).prop_map(|(which, delay)| Step::Nack(which, delay)),
        1 => any::<prop::sample::Index>().prop_map(Step::Progress),
        1 => any::<prop::sample::Index>().prop_map(Step::Term),
        2 => any::<prop::sample::Index>().prop_map(Step::Replay),
        2 => (0_u64..12).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a consumer may believe about an event that it was given.
#[derive(Clone, Debug, PartialEq)]
enum Belief {
    Waiting,
    /// Under this lease until then, after so many deliveries.
    Leased(String, i64, i64),
    /// Not before then, after so many deliveries.
    Delayed(i64, i64),
    Done,
    Dead,
}

const MAX_DELIVER: i64 = 3;
const ACK_WAIT_S: i64 = 5;

/// The group as it should be: each event's key and state, by position.
struct Model {
    known: BTreeMap<i64, (u8, Belief)>,
}

impl Model {
    /// Time is over for these.
    fn is_out(belief: &Belief, now: i64) -> bool {
        match belief {
            Belief::Leased(_, until, _) | Belief::Delayed(until, _) => *until > now,
            Belief::Waiting | Belief::Done | Belief::Dead => false,
        }
    }

    fn is_settled(belief: &Belief) -> bool {
        matches!(belief, Belief::Done | Belief::Dead)
    }

    /// What was delivered as often as may be, and whose time is over, may be dead now; a pull sees to that.
    fn wear(&mut self, now: i64) {
        for (_, belief) in self.known.values_mut() {
            if let Belief::Leased(_, until, MAX_DELIVER) | Belief::Delayed(until, MAX_DELIVER) = belief
                && *until <= now
            {
                *belief = Belief::Dead;
            }
        }
    }

    /// Takes note of a delivery, which must be one that was due.
    fn deliver(&mut self, delivery: &Delivery, now: i64) {
        let (key, belief) = self.known[&delivery.position].clone();
        assert!(!Self::is_settled(&belief), "{delivery:?} was settled before");
        assert!(!Self::is_out(&belief, now), "{delivery:?} is out already");
        for (position, (other, belief)) in &self.known {
            if *other == key && *position < delivery.position {
                assert!(Self::is_settled(belief), "{delivery:?} before {position}, which is {belief:?}");
            }
            if *other == key && *position > delivery.position {
                assert!(!Self::is_out(belief, now), "{delivery:?} beside {position}, which is {belief:?}");
            }
        }
        let before = match belief {
            Belief::Leased(_, _, number) | Belief::Delayed(_, number) => number,
            Belief::Waiting | Belief::Done | Belief::Dead => 0,
        };
        assert_eq!(delivery.number, before + 1);
        let belief = Belief::Leased(delivery.lease.clone(), now + ACK_WAIT_S * 1_000_000, delivery.number);
        self.known.insert(delivery.position, (key, belief));
    }

    fn leased(&self) -> Vec<(i64, String, i64)> {
        let of = |(position, (_, belief)): (&i64, &(u8, Belief))| match belief {
            Belief::Leased(lease, _, number) => Some((*position, lease.clone(), *number)),
            _ => None,
        };
        self.known.iter().filter_map(of).collect()
    }

    fn set(&mut self, position: i64, belief: Belief) {
        self.known.get_mut(&position).unwrap().1 = belief;
    }
}

/// Plays steps against a group of its own, and in the end sees everything done.
fn play(home: &Home, name: &str, steps: &[Step]) {
    let wanted = Wanted {
        ack_wait_ms: Some(ACK_WAIT_S * 1_000),
        max_deliver: Some(MAX_DELIVER),
        filter_subjects: Some(vec![name.to_owned()]),
        deliver_policy: Some(Start::New),
        ..Wanted::default()
    };
    home.make(name, wanted);
    let mut model = Model { known: BTreeMap::new() };
    for step in steps {
        let leased = model.leased();
        let now = home.clock.now().0;
        match step {
            Step::Happen(keys) => {
                let first = home.happen(name, keys);
                model.known.extend((first..).zip(keys.iter().map(|key| (*key, Belief::Waiting))));
            }
            Step::Pull(max) => {
                let got = home.pull(name, *max);
                model.wear(now);
                for delivery in &got {
                    model.deliver(delivery, now);
                }
            }
            Step::Ack(which) if !leased.is_empty() => {
                let (position, lease, _) = which.get(&leased);
                // Late is in time as long as nobody else has it.
                assert_eq!(home.ack(name, lease).stale, Vec::<String>::new());
                assert_eq!(home.ack(name, lease).stale, std::slice::from_ref(lease));
                model.set(*position, Belief::Done);
            }
            Step::Nack(which, delay) if !leased.is_empty() => {
                let (position, lease, number) = which.get(&leased);
                let said = home.nack(name, lease, Duration::from_secs(*delay));
                assert_eq!((said.stale.len(), said.died), (0, u64::from(*number == MAX_DELIVER)));
                let until = now + i64::try_from(*delay).unwrap() * 1_000_000;
                let dead = *number == MAX_DELIVER;
                model.set(*position, if dead { Belief::Dead } else { Belief::Delayed(until, *number) });
            }
            Step::Progress(which) if !leased.is_empty() => {
                let (position, lease, number) = which.get(&leased);
                let said = home.consumers.in_progress(&home.store, &durable(name), vec![lease.clone()]).await_on(home);
                assert_eq!(said.unwrap().stale, Vec::<String>::new());
                model.set(*position, Belief::Leased(lease.clone(), now + ACK_WAIT_S * 1_000_000, *number));
            }
            Step::Term(which) if !leased.is_empty() => {
                let (group, (position, lease, _)) = (durable(name), which.get(&leased));
                let said = home.consumers.term(&home.store, &group, vec![lease.clone()], None).await_on(home).unwrap();
                assert_eq!((said.stale.len(), said.died), (0, 1));
                model.set(*position, Belief::Dead);
            }
            Step::Replay(which) => {
                let group = durable(name);
                let dead = home.consumers.dead(&home.store, &group, 0, 100).await_on(home).unwrap();
                if !dead.is_empty() {
                    let position = which.get(&dead).position;
                    let scope = Scope::default();
                    home.consumers.replay(&home.store, scope, &group, vec![position]).await_on(home).unwrap();
                    model.set(position, Belief::Waiting);
                }
            }
            Step::Pass(seconds) => home.clock.advance(SECOND * u32::try_from(*seconds).unwrap()),
            Step::Ack(_) | Step::Nack(..) | Step::Progress(_) | Step::Term(_) => {}
        }
    }
    // Whatever is left is done by a consumer that does its work.
    for _ in 0..1_000 {
        home.clock.advance(SECOND * 10);
        let now = home.clock.now().0;
        let got = home.pull(name, 100);
        model.wear(now);
        for delivery in &got {
            model.deliver(delivery, now);
            home.ack(name, &delivery.lease);
            model.set(delivery.position, Belief::Done);
        }
        if got.is_empty() {
            break;
        }
    }
    let dead = home.consumers.dead(&home.store, &durable(name), 0, 1_000).await_on(home).unwrap();
    let dead: Vec<i64> = dead.iter().map(|letter| letter.position).collect();
    let of_state = |wanted: Belief| {
        let some = model.known.iter().filter(|(_, (_, belief))| *belief == wanted);
        some.map(|(position, _)| *position).collect::<Vec<_>>()
    };
    assert_eq!(dead, of_state(Belief::Dead));
    assert_eq!(of_state(Belief::Done).len() + dead.len(), model.known.len(), "everything is done or dead");
    let status = home.consumers.status(&home.store, &durable(name)).await_on(home).unwrap();
    assert_eq!(status.partitions.iter().map(|partition| partition.lag).sum::<i64>(), 0);
    home.consumers.delete(&home.store, Scope::default(), &durable(name)).await_on(home).unwrap();
}

/// Waits for it on the home's runtime.
trait AwaitOn: Future + Sized {
    fn await_on(self, home: &Home) -> Self::Output {
        home.runtime.block_on(self)
    }
}
impl<F: Future> AwaitOn for F {}

testkit::both! {
    fn the_order_of_a_key_holds_whatever_consumers_do(engine) {
        let home = Home::new(engine, Config::default());
        let number = AtomicU32::new(0);
        let cases = if engine == Engine::Sqlite { 96 } else { 24 };
        let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, ..Cases::default() });
        let played = runner.run(&steps(), |steps| {
            play(&home, &format!("case{}", number.fetch_add(1, Ordering::Relaxed)), &steps);
            Ok(())
        });
        if let Err(failure) = played {
            panic!("{failure}");
        }
    }

    fn consumers_that_compete_share_the_events_and_none_gets_anothers(engine) {
        let home = Arc::new(Home::new(engine, Config::default()));
        home.make("shared", Wanted { filter_types: Some(vec!["test.>".to_owned()]), ..Wanted::default() });
        let keys: Vec<u8> = (0..200).map(|number| number % 50).collect();
        home.happen("things", &keys);
        let consumer = |home: Arc<Home>| async move {
            let (mut got, name) = (Vec::new(), durable("shared"));
            while got.len() < 200 {
                let ask = Ask { max: 7, partition: None };
                let pulled = home.consumers.pull(&home.store, &name, ask, Duration::from_millis(300)).await.unwrap();
                if pulled.deliveries.is_empty() {
                    break;
                }
                let leases = pulled.deliveries.iter().map(|delivery| delivery.lease.clone()).collect();
                assert_eq!(home.consumers.ack(&home.store, &name, leases).await.unwrap().stale.len(), 0);
                got.extend(positions(&pulled.deliveries));
            }
            got
        };
        let tasks: Vec<_> = (0..4).map(|_| home.runtime.spawn(consumer(home.clone()))).collect();
        let mut all: Vec<i64> = tasks.into_iter().flat_map(|task| home.runtime.block_on(task).unwrap()).collect();
        all.sort_unstable();
        let first = all[0];
        assert_eq!(all, (first..first + 200).collect::<Vec<_>>());
    }

    fn a_stuck_key_holds_up_nobody_else_and_what_is_held_is_bounded(engine) {
        let home = Home::new(engine, Config { held_max: 20, ..Config::default() });
        let only = Some(vec!["test.>".to_owned()]);
        home.make("group", Wanted { filter_types: only, max_ack_pending: Some(3), ..Wanted::default() });
        home.happen("things", &[1; 10]);
        home.happen("things", &[2, 3, 4, 5, 6]);
        let got = home.pull("group", 10);
        // One of the stuck key, and others up to what may be out at once.
        assert_eq!(positions(&got).len(), 3);
        let first = got[0].position;
        assert_eq!(positions(&got), [first, first + 10, first + 11]);
        assert!(home.pull("group", 10).is_empty());
        home.ack("group", &got[1].lease);
        home.ack("group", &got[2].lease);
        let more = home.pull("group", 10);
        assert_eq!(positions(&more), [first + 12, first + 13]);
        for delivery in &more {
            home.ack("group", &delivery.lease);
        }
        // The stuck key's events fill what may be held: then the group reads no further, and goes on when the key does.
        home.happen("things", &[1; 30]);
        home.happen("things", &[9]);
        assert_eq!(positions(&home.pull("group", 10)), [first + 14]);
        assert!(home.pull("group", 10).is_empty());
        let status = home.consumers.status(&home.store, &durable("group")).await_on(&home).unwrap();
        let held: i64 = status.partitions.iter().map(|partition| partition.waiting + partition.pending).sum();
        assert_eq!(held, 20);
        let mut seen = Vec::new();
        for _ in 0..200 {
            home.clock.advance(SECOND * 60);
            let got = home.pull("group", 10);
            for delivery in &got {
                home.ack("group", &delivery.lease);
            }
            seen.extend(positions(&got));
        }
        assert_eq!(seen.len(), 10 + 30 + 1 + 1);
    }

    fn what_fails_too_often_is_kept_and_can_be_tried_again_or_thrown_away(engine) {
        let home = Home::new(engine, Config { dead_max: 2, ..Config::default() });
        let wanted = Wanted { max_deliver: Some(2), filter_types: Some(vec!["test.>".to_owned()]), ..Wanted::default() };
        home.make("group", wanted);
        home.happen("things", &[1, 1, 2, 3]);
        let group = durable("group");
        let first = home.pull("group", 1)[0].clone();
        // Once in silence, once with a reason: dead, and the key goes on.
        home.clock.advance(SECOND * 31);
        let again = home.pull("group", 1)[0].clone();
        assert_eq!((again.position, again.number), (first.position, 2));
        assert_eq!(home.ack("group", &first.lease).stale, [first.lease]);
        assert_eq!(home.nack("group", &again.lease, SECOND).died, 1);
        let second = home.pull("group", 1)[0].clone();
        assert_eq!((second.position, second.number), (first.position + 1, 1));
        // Never is at once.
        let never = home.consumers.term(&home.store, &group, vec![second.lease], Some("broken")).await_on(&home).unwrap();
        assert_eq!(never.died, 1);
        let dead = home.consumers.dead(&home.store, &group, 0, 10).await_on(&home).unwrap();
        let told: Vec<_> = dead.iter().map(|letter| (letter.position - first.position, &*letter.reason, letter.delivered)).collect();
        assert_eq!(told, [(0, "no", 2), (1, "broken", 1)]);
        assert!(dead[0].event.as_ref().unwrap().contains("\"subject\":\"things\""));
        // There is no room for a third: it is tried on rather than lost.
        let third = home.pull("group", 1)[0].clone();
        assert_eq!(third.position, first.position + 2);
        let kept = home.consumers.term(&home.store, &group, vec![third.lease], None).await_on(&home).unwrap();
        assert_eq!((kept.done.len(), kept.died), (1, 0));
        home.clock.advance(SECOND * 31);
        assert_eq!(home.pull("group", 1)[0].position, third.position);
        // Tried again from the first time, before others of the key; all or none.
        let both = vec![dead[0].position, 999];
        let refused = home.consumers.replay(&home.store, Scope::default(), &group, both).await_on(&home);
        assert!(matches!(refused, Err(ConsumersError::NoLetter(999))));
        home.consumers.replay(&home.store, Scope::default(), &group, vec![dead[0].position]).await_on(&home).unwrap();
        let replayed = home.pull("group", 1)[0].clone();
        assert_eq!((replayed.position, replayed.number, &Some(replayed.event.clone())), (first.position, 1, &dead[0].event));
        home.ack("group", &replayed.lease);
        home.consumers.discard(&home.store, Scope::default(), &group, vec![dead[1].position]).await_on(&home).unwrap();
        assert!(home.consumers.dead(&home.store, &group, 0, 10).await_on(&home).unwrap().is_empty());
    }

    fn a_group_moves_by_position_and_by_time_and_leases_of_before_are_void(engine) {
        let home = Home::new(engine, Config::default());
        home.happen("things", &[1, 2, 3]);
        home.make("group", Wanted::default());
        let group = durable("group");
        // The group's own beginning is an event as well.
        let got = home.pull("group", 10);
        assert_eq!(positions(&got)[..3], [1, 2, 3]);
        let seek = |to| home.consumers.seek(&home.store, Scope::default(), &group, to).await_on(&home);
        assert_eq!(seek(Seek::After(1)).unwrap(), 1);
        assert_eq!(home.ack("group", &got[1].lease).stale.len(), 1);
        assert_eq!(home.pull("group", 2).iter().map(|delivery| (delivery.position, delivery.number)).collect::<Vec<_>>(), [(2, 1), (3, 1)]);
        let last = home.events.last(&home.store).await_on(&home).unwrap();
        let ends = seek(Seek::End).unwrap();
        assert!(ends >= last);
        assert_eq!(seek(Seek::Since(Micros(0))).unwrap(), 0);
        assert!(seek(Seek::Since(Micros(i64::MAX / 2))).unwrap() >= ends);
        assert_eq!(seek(Seek::First).unwrap(), 0);
        assert_eq!(home.pull("group", 1)[0].position, 1);
        let nobody = home.consumers.seek(&home.store, Scope::default(), &durable("nobody"), Seek::End).await_on(&home);
        assert!(matches!(nobody, Err(ConsumersError::NoGroup(_))));
    }

    fn what_the_log_forgot_is_counted_and_what_was_held_is_given_up(engine) {
        let home = Home::new(engine, Config::default());
        home.happen("things", &[1]);
        let wanted = || Wanted { partitions: Some(1), filter_subjects: Some(vec!["things".to_owned()]), ..Wanted::default() };
        home.make("reader", wanted());
        home.make("sleeper", wanted());
        assert_eq!(home.pull("reader", 1).len(), 1);
        home.happen("things", &[1, 1, 1]);
        let short = events::Events::new(events::Config { retention: Duration::ZERO, ..events::Config::default() });
        short.sweep(&home.store).await_on(&home).unwrap();
        home.clock.advance(SECOND * 31);
        // The last event of a log stays.
        let last = home.events.last(&home.store).await_on(&home).unwrap();
        assert_eq!(positions(&home.pull("sleeper", 10)), [last]);
        assert_eq!(positions(&home.pull("reader", 10)), [last]);
        let status = |name: &str| home.consumers.status(&home.store, &durable(name)).await_on(&home).unwrap();
        assert_eq!((status("sleeper").partitions[0].missed, status("sleeper").dead), (last - 1, 0));
        let dead = home.consumers.dead(&home.store, &durable("reader"), 0, 10).await_on(&home).unwrap();
        assert_eq!((dead[0].position, &*dead[0].reason, &dead[0].event), (1, "the log has forgotten the event", &None));
        assert_eq!(status("reader").partitions[0].missed, last - 2);
    }

    fn waiting_ends_with_an_event_or_when_it_is_over(engine) {
        let home = Arc::new(Home::new(engine, Config::default()));
        home.make("group", Wanted { filter_subjects: Some(vec!["things".to_owned()]), ..Wanted::default() });
        let keeper = { let home = home.clone(); home.clone().runtime.spawn(async move { home.events.keep_order(&home.store).await }) };
        assert!(home.pull("group", 1).is_empty());
        let waits = {
            let home = home.clone();
            home.clone().runtime.spawn(async move {
                let ask = Ask { max: 1, partition: None };
                home.consumers.pull(&home.store, &durable("group"), ask, Duration::from_secs(60)).await
            })
        };
        home.happen("things", &[1]);
        assert_eq!(home.runtime.block_on(waits).unwrap().unwrap().deliveries.len(), 1);
        keeper.abort();
    }

    fn a_group_is_changed_within_its_bounds(engine) {
        let home = Home::new(engine, Config { groups_max: 2, ..Config::default() });
        let put = |name: &str, wanted: Wanted| home.consumers.put(&home.store, Scope::default(), &durable(name), wanted).await_on(&home);
        home.make("a", Wanted::default());
        home.make("b", Wanted { partitions: Some(3), ..Wanted::default() });
        assert!(matches!(put("c", Wanted::default()), Err(ConsumersError::Full(2))));
        assert!(matches!(put("b", Wanted { partitions: Some(4), ..Wanted::default() }), Err(ConsumersError::Fixed(3))));
        let (status, _) = put("b", Wanted { ack_wait_ms: Some(500), ..Wanted::default() }).unwrap();
        assert_eq!((status.group.settings.partitions, status.group.settings.ack_wait_ms, status.partitions.len()), (3, 500, 3));
        for wanted in [
            Wanted { opt_start_seq: Some(1), ..Wanted::default() },
            Wanted { deliver_policy: Some(Start::ByStartTime), ..Wanted::default() },
            Wanted { deliver_policy: Some(Start::ByStartTime), opt_start_time: Some("no time".to_owned()), ..Wanted::default() },
            Wanted { max_deliver: Some(0), ..Wanted::default() },
        ] {
            assert!(matches!(put("b", wanted.clone()), Err(ConsumersError::Invalid(_))), "{wanted:?}");
        }
        let ask = Ask { max: 1, partition: Some(3) };
        let beyond = home.consumers.pull(&home.store, &durable("b"), ask, Duration::ZERO).await_on(&home);
        assert!(matches!(beyond, Err(ConsumersError::Invalid(_))));
        home.consumers.delete(&home.store, Scope::default(), &durable("a")).await_on(&home).unwrap();
        assert!(matches!(home.consumers.status(&home.store, &durable("a")).await_on(&home), Err(ConsumersError::NoGroup(_))));
        home.make("c", Wanted::default());
        assert_eq!(home.consumers.list(&home.store).await_on(&home).unwrap().len(), 2);
    }
}
