//! The log in a database, on both engines: written with its acts, numbered without gaps, signed, proven, searched, witnessed, and what
//! is found after somebody with access to the database laid hands on its rows.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::{Arc, Mutex};

use audit::Finding::{
    EntryChanged, EntryExtra, EntryMissing, HistoryForked, RangeChanged, SignatureForged, TileChanged, TileMissing,
    WrongRoot,
};
use audit::{
    Audit, AuditError, Details, Outcome, Personal, Record, Report, Trust, Wanted, Witness, WitnessError, append,
    export, forget, search, verify_store,
};
use crypto::tlog::{
    Checkpoint, Cosigner, Note, NoteSigner, WitnessRefusal, WitnessRequest, leaf_hash, verify_consistency,
};
use kernel::{Id, Micros, Secret, SeededRandom, SystemRandom};
use serde_json::json;
use store::postgres::PostgresEngine;
use store::sqlite::{Place, SqliteEngine};
use store::{Catalog, Participants, Scope, Store, house};
use testkit::Engine;
use testkit::postgres::{Database, fresh_database};
use tokio::runtime::Runtime;

/// A store with the room's tables.
struct Home {
    runtime: Runtime,
    store: Arc<Store>,
    audit: Audit,
    database: Option<Database>,
}

fn signer(seed: u8) -> NoteSigner {
    NoteSigner::from_seed("audit.example/shop", &Secret::new([seed; 32])).unwrap()
}

impl Home {
    fn new(engine: Engine) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let database = (engine == Engine::Postgres).then(|| fresh_database(None));
        let store = runtime.block_on(open(database.as_ref()));
        let make = |tx: &mut store::Tx<'_>| -> store::Result<()> {
            tx.quiet("a test's tables");
            let schema = "create schema if not exists mainstay";
            if tx.conn().engine() == store::Engine::Postgres {
                tx.conn().execute(schema, &[])?;
            }
            house::prepare(tx.conn(), &[&audit::TABLES])
        };
        runtime.block_on(store.write(Scope::default(), make)).unwrap();
        let witness = Witness {
            cosigner: Cosigner::from_seed("witness.example", &Secret::new([5; 32])).unwrap(),
            logs: vec![signer(1).key().clone()],
        };
        let audit = Audit::new(store.clone(), signer(1), Some(witness));
        Self { runtime, store, audit, database }
    }

    /// Acts, in one unit each.
    fn act(&self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            let unit = move |tx: &mut store::Tx<'_>| -> Result<(), AuditError> {
                tx.quiet("a test's act");
                append(tx.conn(), &record(number))
            };
            self.runtime.block_on(self.store.write(Scope::default(), unit)).unwrap();
        }
    }

    /// Many acts in one unit.
    fn act_at_once(&self, numbers: std::ops::Range<i64>) {
        let unit = move |tx: &mut store::Tx<'_>| -> Result<(), AuditError> {
            tx.quiet("a test's acts");
            numbers.clone().try_for_each(|number| append(tx.conn(), &record(number)))
        };
        self.runtime.block_on(self.store.write(Scope::default(), unit)).unwrap();
    }

    fn seal(&self) -> Result<Option<u64>, AuditError> {
        self.runtime.block_on(self.audit.seal())
    }

    fn verify(&self) -> Report {
        let trust = Trust { log: self.audit.key().clone(), witnesses: vec![], witnesses_min: 0, known: vec![] };
        self.runtime.block_on(verify_store(&self.store, trust)).unwrap()
    }

    /// Lays hands on the rows.
    fn tamper(&self, sql: &'static str, values: &[Vec<u8>]) {
        let params: Vec<store::Param> = values.iter().map(|value| house::bytes(value.as_slice())).collect();
        let query: &'static house::Query = Box::leak(Box::new(house::Query::new(sql)));
        let change = move |tx: &mut store::Tx<'_>| -> store::Result<u64> {
            tx.quiet("tampering");
            query.run(tx.conn(), &params)
        };
        assert!(self.runtime.block_on(self.store.write(Scope::default(), change)).unwrap() > 0, "{sql}");
    }

    fn checkpoint(&self) -> (Note, Checkpoint) {
        let bytes = self.runtime.block_on(self.audit.checkpoint()).unwrap().unwrap();
        let note = Note::parse(&bytes).unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        (note, checkpoint)
    }
}

async fn open(database: Option<&Database>) -> Arc<Store> {
    let catalog = Arc::new(Catalog::default());
    let nobody = Participants::from([]);
    Arc::new(match database {
        None => Store::sqlite(
            SqliteEngine::open(Place::Temporary, store::sqlite::Options::default(), nobody).unwrap(),
            catalog,
        ),
        Some(database) => {
            let options = store::postgres::Options::default();
            Store::postgres(PostgresEngine::connect(database.url(), options, nobody).await.unwrap(), catalog)
        }
    })
}

fn record(number: i64) -> Record {
    let at = Micros(1_700_000_000_000_000 + number);
    let id = Id::new(at, &SeededRandom::new(number.unsigned_abs()));
    let role = if number % 2 == 0 { "web" } else { "admin" };
    let action = if number % 3 == 0 { "data.row.deleted" } else { "data.row.inserted" };
    Record {
        outcome: if number % 5 == 0 { Outcome::Refused } else { Outcome::Done },
        details: Details::of(&json!({ "number": number })),
        ..Record::done((id, at), role, action, format!("public.song/{number}"))
    }
}

/// A log of 600 entries, sealed at these sizes.
fn sealed(engine: Engine) -> Home {
    let home = Home::new(engine);
    let mut done = 0;
    for size in [100, 300, 512, 600] {
        home.act_at_once(done..size);
        assert_eq!(home.seal().unwrap(), size.try_into().ok());
        done = size;
    }
    home
}

testkit::both! {
    fn acts_are_numbered_signed_and_proven(engine) {
        let home = Home::new(engine);
        assert_eq!(home.seal().unwrap(), Some(0));
        home.act(0..3);
        assert_eq!(home.seal().unwrap(), Some(3));
        let (_, small) = home.checkpoint();
        home.act_at_once(3..5_000);
        assert_eq!(home.seal().unwrap(), Some(5_000));
        assert_eq!(home.seal().unwrap(), Some(5_000), "nothing new, nothing signed");
        let (note, checkpoint) = home.checkpoint();
        assert_eq!((checkpoint.size, note.signatures().len()), (5_000, 1));
        let report = home.verify();
        assert_eq!((report.findings, report.entries), (vec![], 5_000));

        for index in [0, 2, 3, 255, 256, 4_095, 4_999] {
            let file = home.runtime.block_on(home.audit.prove(index)).unwrap();
            let entry = record(i64::try_from(index).unwrap()).to_entry().unwrap();
            assert_eq!(file.extra, Some(entry.clone()));
            assert_eq!(file.verify(&leaf_hash(&entry), home.audit.key(), &[]), Ok(checkpoint.clone()));
        }
        assert!(matches!(home.runtime.block_on(home.audit.prove(5_000)), Err(AuditError::NoEntry(5_000))));
        let proof = home.runtime.block_on(home.audit.prove_consistency(3, 5_000)).unwrap();
        assert_eq!(verify_consistency(&proof, (3, &small.root), (5_000, &checkpoint.root)), Ok(()));
    }

    fn a_log_of_an_older_program_keeps_its_places(engine) {
        let home = Home::new(engine);
        let older = |tx: &mut store::Tx<'_>| -> store::Result<()> {
            tx.quiet("a test's tables");
            let conn = tx.conn();
            let turned = conn.engine() == store::Engine::Postgres;
            let (prefix, apart) = if turned { ("mainstay.", "table") } else { ("_mainstay_", "view") };
            for (kind, table) in
                [(apart, "order"), (apart, "pending")].into_iter().chain(["leaf", "node", "checkpoint", "witness", "subject"].map(|table| ("table", table)))
            {
                conn.execute(&format!("drop {kind} {prefix}audit_{table}"), &[])?;
            }
            conn.execute(&format!("delete from {prefix}store_room where room = 'audit'"), &[])?;
            let first = house::Tables { room: "audit", versions: &audit::TABLES.versions[..1] };
            house::prepare(tx.conn(), &[&first])?;
            // Numbered in another order than they were written in on PostgreSQL, and one that waits.
            for (number, seq) in [(0, i64::from(turned)), (1, i64::from(!turned))] {
                let entry = record(number).to_entry().unwrap();
                LEAF.run(tx.conn(), &[house::int(seq), house::bytes(leaf_hash(&entry)), house::bytes(entry)])?;
            }
            let entry = record(2).to_entry().unwrap();
            LEAF.run(tx.conn(), &[store::Param::Null, house::bytes(leaf_hash(&entry)), house::bytes(entry)])?;
            house::prepare(tx.conn(), &[&audit::TABLES])
        };
        home.runtime.block_on(home.store.write(Scope::default(), older)).unwrap();
        home.act(3..4);
        assert_eq!(home.seal().unwrap(), Some(4));
        let found = home.runtime.block_on(search(&home.store, Wanted::default())).unwrap();
        let order: Vec<Record> = found.into_iter().rev().map(|found| found.record).collect();
        let wanted = if engine == Engine::Postgres { [1, 0, 2, 3] } else { [0, 1, 2, 3] };
        assert_eq!(order, wanted.map(record));
        assert!(home.verify().is_clean());
    }

    fn a_refused_act_leaves_no_leaf(engine) {
        let home = Home::new(engine);
        let unit = |tx: &mut store::Tx<'_>| -> Result<(), AuditError> {
            append(tx.conn(), &record(1))?;
            Err(AuditError::Empty)
        };
        assert!(home.runtime.block_on(home.store.write(Scope::default(), unit)).is_err());
        home.act(7..8);
        assert_eq!(home.seal().unwrap(), Some(1));
        let found = home.runtime.block_on(search(&home.store, Wanted::default())).unwrap();
        assert_eq!(found.iter().map(|found| &found.record).collect::<Vec<_>>(), [&record(7)]);
    }

    fn records_are_found_newest_first(engine) {
        let home = sealed(engine);
        let find = |wanted: Wanted| {
            let found = home.runtime.block_on(search(&home.store, wanted)).unwrap();
            found.into_iter().map(|found| found.index).collect::<Vec<_>>()
        };
        let some = || Wanted { most: 3, ..Wanted::default() };
        for (wanted, indexes) in [
            (some(), vec![599, 598, 597]),
            (Wanted { action: Some("data.row.deleted".to_owned()), ..some() }, vec![597, 594, 591]),
            (Wanted { action: Some("data.row".to_owned()), before: Some(10), ..some() }, vec![9, 8, 7]),
            (Wanted { action: Some("data.ro".to_owned()), ..some() }, vec![]),
            (Wanted { object: Some("public.song/12".to_owned()), ..some() }, vec![12]),
            (Wanted { object: Some("public.song".to_owned()), role: Some("web".to_owned()), ..some() }, vec![598, 596, 594]),
            (Wanted { outcome: Some(Outcome::Refused), ..some() }, vec![595, 590, 585]),
            (Wanted { until: Some(record(3).at), ..some() }, vec![2, 1, 0]),
            (Wanted { since: Some(record(598).at), ..some() }, vec![599, 598]),
            (Wanted { request: Some("r".to_owned()), ..some() }, vec![]),
        ] {
            assert_eq!(find(wanted.clone()), indexes, "{wanted:?}");
        }
    }

    fn rows_that_were_changed_in_the_database_are_found(engine) {
        let forged = record(-1).to_entry().unwrap();
        let hash = leaf_hash(&forged).to_vec();
        let tile = |path: &str| path.parse().unwrap();
        // What was done with which values, and what is found.
        let mut cases = vec![
            ("update mainstay.audit_leaf set entry = $1 where id = 6", vec![forged.clone()], vec![EntryChanged(5)]),
            (
                "update mainstay.audit_leaf set entry = $1, hash = $2 where id = 311",
                vec![forged.clone(), hash.clone()],
                vec![RangeChanged { from: 300, to: 512 }],
            ),
            (
                "update mainstay.audit_leaf set entry = $1, hash = $2 where id = 600",
                vec![forged, hash.clone()],
                vec![WrongRoot { from: 512, to: 600 }],
            ),
            (
                "delete from mainstay.audit_leaf where id = 6",
                vec![],
                vec![RangeChanged { from: 0, to: 100 }, EntryMissing(5)],
            ),
            (
                "delete from mainstay.audit_leaf where id = 600",
                vec![],
                vec![WrongRoot { from: 512, to: 600 }, EntryMissing(599)],
            ),
            (
                "update mainstay.audit_leaf set hash = $1 where id = 6",
                vec![hash.clone()],
                vec![TileChanged(tile("tile/0/000"))],
            ),
            (
                "update mainstay.audit_node set hash = $1 where place = 1",
                vec![hash],
                vec![TileChanged(tile("tile/1/000.p/2"))],
            ),
            ("delete from mainstay.audit_node", vec![], vec![TileMissing(tile("tile/1/000.p/2"))]),
        ];
        let moved = vec![EntryMissing(300), EntryMissing(599), EntryExtra(1300), EntryExtra(1599)];
        cases.extend(match engine {
            // A leaf's id is its place.
            Engine::Sqlite => vec![
                ("update mainstay.audit_leaf set id = id + 1000 where id > 300", vec![], moved),
                (
                    "insert into mainstay.audit_leaf (id, hash, entry) values (900, $1, $1)",
                    vec![vec![1]],
                    vec![EntryExtra(899)],
                ),
                (
                    "insert into mainstay.audit_leaf (id, hash, entry) values (0, $1, $1)",
                    vec![vec![1]],
                    vec![EntryExtra(u64::MAX)],
                ),
            ],
            Engine::Postgres => vec![
                ("update mainstay.audit_order set place = place + 1000 where place > 300", vec![], moved),
                ("insert into mainstay.audit_order (place, leaf) values (601, 7)", vec![], vec![EntryExtra(600)]),
                ("delete from mainstay.audit_order where place = 6", vec![], vec![EntryMissing(5)]),
                (
                    "update mainstay.audit_order set leaf = 9 where place = 6",
                    vec![],
                    vec![RangeChanged { from: 0, to: 100 }],
                ),
            ],
        });
        for (tamper, values, findings) in cases {
            let home = sealed(engine);
            home.tamper(tamper, &values);
            let found = home.verify().findings;
            assert_eq!(found.is_empty(), findings.is_empty(), "{tamper}: {found:?}");
            for finding in &findings {
                assert!(found.contains(finding), "{tamper}: {found:?}");
            }
        }
    }

    fn a_log_that_was_changed_is_not_signed_any_more(engine) {
        let home = sealed(engine);
        // The end cut off, and something else put there.
        home.tamper("delete from mainstay.audit_leaf where id > 590", &[]);
        if engine == Engine::Postgres {
            assert!(home.seal().is_ok(), "there is nothing to be signed");
            home.act_at_once(900..901);
            assert!(home.seal().is_err(), "what was signed is not there");
            home.tamper("delete from mainstay.audit_order where place > 590", &[]);
        }
        home.act_at_once(1_000..1_020);
        assert!(matches!(home.seal(), Err(AuditError::Changed(600))));
        assert_eq!(home.checkpoint().1.size, 600);
        assert!(!home.verify().is_clean());
    }

    fn old_checkpoints_are_thinned_to_one_an_hour(engine) {
        let home = sealed(engine);
        // Two hours of a day long ago.
        home.tamper("update mainstay.audit_checkpoint set signed_at = 1700000000000000 + size", &[]);
        home.tamper("update mainstay.audit_checkpoint set signed_at = 1700003600000000 + size where size > 300", &[]);
        home.act_at_once(600..601);
        assert_eq!(home.seal().unwrap(), Some(601));
        let files = Arc::new(Mutex::new(Vec::new()));
        let kept = files.clone();
        let keep = move |path: &str, _: &[u8]| { kept.lock().unwrap().push(path.to_owned()); Ok(()) };
        home.runtime.block_on(export(&home.store, keep)).unwrap();
        let mut sizes = files.lock().unwrap().clone();
        sizes.retain(|path| path.starts_with("checkpoints/"));
        assert_eq!(sizes, ["checkpoints/300", "checkpoints/600", "checkpoints/601"]);
        assert!(home.verify().is_clean());
    }

    fn two_sequencers_number_every_leaf_once(engine) {
        let home = Home::new(engine);
        // On SQLite one process has the file: two rooms over one store. On PostgreSQL two stores.
        let other = match &home.database {
            None => home.audit.clone(),
            Some(database) => Audit::new(home.runtime.block_on(open(Some(database))), signer(1), None),
        };
        let failures = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [home.audit.clone(), other]
            .into_iter()
            .map(|audit| {
                let failures = failures.clone();
                home.runtime.spawn(async move {
                    for _ in 0..40 {
                        if let Err(error) = audit.seal().await {
                            failures.lock().unwrap().push(error.to_string());
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for batch in 0..40 {
            home.act_at_once(batch * 20..batch * 20 + 20);
        }
        for task in tasks {
            home.runtime.block_on(task).unwrap();
        }
        assert_eq!(*failures.lock().unwrap(), Vec::<String>::new());
        assert_eq!(home.seal().unwrap(), Some(800));
        let report = home.verify();
        assert_eq!((report.findings, report.entries), (vec![], 800));
    }

    fn an_export_is_verified_without_the_database(engine) {
        let home = sealed(engine);
        let files = Arc::new(Mutex::new(std::collections::BTreeMap::new()));
        let kept = files.clone();
        let keep = move |path: &str, bytes: &[u8]| {
            kept.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
            Ok(())
        };
        assert_eq!(home.runtime.block_on(export(&home.store, keep)).unwrap(), 600);
        let mut files = Files(Arc::try_unwrap(files).unwrap().into_inner().unwrap());
        let trust = Trust { log: signer(1).key().clone(), witnesses: vec![], witnesses_min: 0, known: vec![] };
        let report = audit::verify(&mut files, &trust).unwrap();
        assert_eq!((report.findings, report.entries), (vec![], 600));
        *files.0.get_mut("tile/entries/000").unwrap().last_mut().unwrap() ^= 1;
        assert_eq!(audit::verify(&mut files, &trust).unwrap().findings, [EntryChanged(255)]);
        files.0.get_mut("checkpoints/300").unwrap()[30] ^= 1;
        let found = audit::verify(&mut files, &trust).unwrap().findings;
        assert!(found.iter().any(|finding| matches!(finding, SignatureForged(..) | HistoryForked(_))), "{found:?}");
    }

    fn a_person_is_erased_and_every_proof_stays(engine) {
        let home = Home::new(engine);
        let unit = |tx: &mut store::Tx<'_>| -> Result<(), AuditError> {
            tx.quiet("a test's acts");
            for (number, subject) in [(0, "ann"), (1, "bob"), (2, "ann")] {
                let personal = Personal { subject: Some(subject.to_owned()), ..Personal::default() };
                let record = record(number);
                let sealed = audit::seal_for(tx.conn(), subject, &personal, record.id, &SystemRandom)?;
                append(tx.conn(), &Record { personal: Some(sealed), ..record })?;
            }
            Ok(())
        };
        home.runtime.block_on(home.store.write(Scope::default(), unit)).unwrap();
        home.seal().unwrap();
        let of = |subject: &str| {
            let wanted = Wanted { subject: Some(subject.to_owned()), ..Wanted::default() };
            let found = home.runtime.block_on(search(&home.store, wanted)).unwrap();
            found.iter().map(|found| found.index).collect::<Vec<_>>()
        };
        assert_eq!((of("ann"), of("bob"), of("eve")), (vec![2, 0], vec![1], vec![]));
        let before = home.runtime.block_on(home.audit.prove(2)).unwrap();
        assert!(!String::from_utf8(before.extra.clone().unwrap()).unwrap().contains("ann"));
        assert!(home.runtime.block_on(forget(&home.store, None, "ann".to_owned())).unwrap());
        assert!(!home.runtime.block_on(forget(&home.store, None, "ann".to_owned())).unwrap());
        assert_eq!((of("ann"), of("bob")), (vec![], vec![1]));
        assert!(home.verify().is_clean());
        assert_eq!(home.runtime.block_on(home.audit.prove(2)).unwrap(), before);
    }

    fn a_witness_remembers_what_it_cosigned(engine) {
        let home = sealed(engine);
        let (note, checkpoint) = home.checkpoint();
        let ask = |old: u64, proof: Vec<[u8; 32]>, note: &Note| {
            let checkpoint = Checkpoint::parse(note.text()).unwrap();
            let body = WitnessRequest { old, proof, note: note.clone(), checkpoint }.to_string();
            home.runtime.block_on(home.audit.witness(body.as_bytes(), 1_700_000_000))
        };
        let status = |answer: Result<String, WitnessError>| match answer {
            Ok(_) => 200,
            Err(WitnessError::Refused(refusal)) => refusal.status(),
            Err(WitnessError::Store(error)) => panic!("{error}"),
        };
        let line = ask(0, vec![], &note).unwrap();
        assert!(line.starts_with("\u{2014} witness.example ") && line.ends_with('\n'), "{line}");
        let kept = home.runtime.block_on(home.audit.witnessed(crypto::sha256(b"audit.example/shop"))).unwrap().unwrap();
        assert_eq!(String::from_utf8(kept).unwrap(), format!("{note}{line}"));
        assert_eq!(home.runtime.block_on(home.audit.witnessed([0; 32])).unwrap(), None);
        // It does not go back, nor sideways.
        let refused = ask(0, vec![], &note);
        assert!(matches!(refused, Err(WitnessError::Refused(WitnessRefusal::Conflict(600)))), "{refused:?}");
        let text = Checkpoint::new("audit.example/shop".to_owned(), 600, [7; 32]).text();
        let mut fork = Note::new(text.clone()).unwrap();
        fork.add(signer(1).sign(&text)).unwrap();
        assert_eq!(status(ask(600, vec![], &fork)), 422);
        // But forwards.
        home.act_at_once(600..700);
        home.seal().unwrap();
        let (grown, _) = home.checkpoint();
        let proof = home.runtime.block_on(home.audit.prove_consistency(checkpoint.size, 700)).unwrap();
        assert_eq!(status(ask(600, proof.clone(), &grown)), 200);
        assert_eq!(status(ask(600, proof, &grown)), 409);
        assert_eq!(status(Err(WitnessRefusal::Origin.into())), 404);
        assert!(home.runtime.block_on(home.audit.witness(b"old 1\n", 0)).is_err());
    }
}

/// A leaf as an older program left it.
static LEAF: house::Query = house::Query::new("insert into mainstay.audit_leaf (seq, hash, entry) values ($1, $2, $3)");

struct Files(std::collections::BTreeMap<String, Vec<u8>>);

impl audit::LogFiles for Files {
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, audit::ReadError> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&mut self) -> Result<Vec<String>, audit::ReadError> {
        Ok(self.0.keys().cloned().collect())
    }
}
