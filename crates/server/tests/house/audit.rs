//! The audit log, served: checkpoints for everybody, entries for the service role, cosignatures for other logs.

use audit::{Outcome, Record, Report, Trust, Wanted, verify};
use crypto::tlog::{Checkpoint, Note, NoteSigner, ProofFile, VerifierKey, WitnessRequest, leaf_hash};
use http::Request;
use kernel::{Id, Micros, Secret, SeededRandom};
use server::Running;
use store::Scope;

use crate::support::{Home, SCHEMA, service, text};

fn record(number: i64) -> Record {
    let at = Micros(1_700_000_000_000_000 + number);
    let id = Id::new(at, &SeededRandom::new(number.unsigned_abs()));
    Record::done((id, at), "web", "data.row.inserted", format!("public.song/{number}"))
}

/// Adds records, in one unit.
fn act(home: &Home, running: &Running, numbers: std::ops::Range<i64>) {
    let unit = move |tx: &mut store::Tx<'_>| -> Result<(), audit::AuditError> {
        tx.quiet("a test's acts");
        numbers.clone().try_for_each(|number| audit::append(tx.conn(), &record(number)))
    };
    home.runtime.block_on(running.store.write(Scope::default(), unit)).unwrap();
}

fn get(home: &Home, running: &Running, path: &str) -> (u16, String) {
    let answer = home.ask(running, Request::get(path).header("authorization", service(running)), "");
    (answer.status().as_u16(), text(&answer))
}

/// Waits until a checkpoint of this size is served.
fn sealed(home: &Home, running: &Running, size: u64) -> (Note, Checkpoint) {
    for _ in 0..2_000 {
        if let (200, text) = home.get(running, "/audit/v1/checkpoint") {
            let note = Note::parse(text.as_bytes()).unwrap();
            let checkpoint = Checkpoint::parse(note.text()).unwrap();
            if checkpoint.size == size {
                return (note, checkpoint);
            }
        }
    }
    panic!("no checkpoint of {size} entries came");
}

struct Served<'a>(&'a Home, &'a Running, Vec<String>);

impl audit::LogFiles for Served<'_> {
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, audit::ReadError> {
        let answer =
            self.0.ask(self.1, Request::get(format!("/audit/v1/{path}")).header("authorization", service(self.1)), "");
        Ok((answer.status() == 200).then(|| answer.body().to_vec()))
    }

    fn list(&mut self) -> Result<Vec<String>, audit::ReadError> {
        Ok(self.2.clone())
    }
}

testkit::both! {
    fn a_log_is_served_as_tiles_that_anyone_with_its_key_verifies(engine) {
        let other = NoteSigner::from_seed("other.example", &Secret::new([9; 32])).unwrap();
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            settings.audit.enabled = true;
            settings.audit.origin = Some("audit.example/shop".to_owned());
            settings.audit.checkpoint_interval_ms = 50;
            settings.audit.witness_logs = vec![other.key().to_string()];
        });
        let running = home.start().unwrap();
        act(&home, &running, 0..300);
        let (note, checkpoint) = sealed(&home, &running, 300);
        let key: VerifierKey = home.get(&running, "/audit/v1/key").1.trim().parse().unwrap();
        assert_eq!(key.name(), "audit.example/shop");
        assert!(note.verify(std::slice::from_ref(&key)).is_ok());

        // The whole log, over HTTP.
        let trust = Trust { log: key.clone(), witnesses: vec![], witnesses_min: 0, known: vec![] };
        let paths = crypto::tlog::tiles_at(300).map(|tile| tile.to_string()).collect();
        let Report { findings, entries, .. } = verify(&mut Served(&home, &running, paths), &trust).unwrap();
        assert_eq!((findings, entries), (vec![], 300));
        let (status, file) = get(&home, &running, "/audit/v1/proof/7");
        let file = ProofFile::parse(file.as_bytes()).unwrap();
        let entry = record(7).to_entry().unwrap();
        assert_eq!((status, file.verify(&leaf_hash(&entry), &key, &[])), (200, Ok(checkpoint.clone())));
        assert_eq!(get(&home, &running, "/audit/v1/consistency/300/300"), (200, String::new()));

        // Who may see what.
        for path in ["tile/0/000", "tile/entries/000", "proof/7", "consistency/1/2"] {
            assert_eq!(home.get(&running, &format!("/audit/v1/{path}")).0, 401, "{path}");
        }
        for path in ["tile/0/002", "tile/0/1", "proof/300", "proof/x", "consistency/3/301", "nothing", ""] {
            assert_eq!(get(&home, &running, &format!("/audit/v1/{path}")).0, 404, "{path}");
        }
        let tile = Request::get("/audit/v1/tile/0/000").header("authorization", service(&running));
        assert_eq!(home.ask(&running, tile, "").headers()["cache-control"], "private, max-age=31536000, immutable");
        assert_eq!(home.ask(&running, Request::post("/audit/v1/checkpoint"), "").status(), 405);

        // A witness for the other log, and only for that.
        let text = Checkpoint::new("other.example".to_owned(), 0, crypto::tlog::EMPTY_ROOT).text();
        let mut asked = Note::new(text.clone()).unwrap();
        asked.add(other.sign(&text)).unwrap();
        let body = |old, note: &Note| {
            WitnessRequest { old, proof: vec![], note: note.clone(), checkpoint: Checkpoint::parse(note.text()).unwrap() }.to_string()
        };
        let ask = |body: &str| home.ask(&running, Request::post("/audit/v1/add-checkpoint"), body);
        let cosigned = ask(&body(0, &asked));
        assert_eq!(cosigned.status(), 200);
        let line = String::from_utf8(cosigned.body().to_vec()).unwrap();
        assert!(line.starts_with("\u{2014} audit.example/shop/witness "), "{line}");
        assert_eq!(ask(&body(0, &note)).status(), 404);
        assert_eq!(ask("old x\n").status(), 400);
        let origin = crypto::sha256_hex(b"other.example");
        assert_eq!(home.get(&running, &format!("/audit/v1/{origin}/checkpoint")), (200, format!("{asked}{line}")));

        // The key stays, and so does the log.
        home.stop(running);
        let running = home.start().unwrap();
        act(&home, &running, 300..301);
        let (note, _) = sealed(&home, &running, 301);
        assert!(note.verify(&[key]).is_ok());
        home.stop(running);
    }

    fn every_act_leaves_a_record_in_its_own_transaction(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            settings.audit.enabled = true;
            settings.audit.checkpoint_interval_ms = 50;
        });
        let running = home.start().unwrap();
        sealed(&home, &running, 0);
        let send = |method: http::Method, path: &str, body: &str| {
            let request = Request::builder().method(method).uri(format!("/rest/v1/{path}"));
            let request = request.header("authorization", service(&running)).header("content-type", "application/json");
            home.ask(&running, request.header("x-request-id", format!("r-{}", body.len())), body).status().as_u16()
        };
        assert_eq!(send(http::Method::POST, "song", r#"{"id":3,"title":"Three"}"#), 201);
        // Refused, and without effect: no act.
        assert_eq!(send(http::Method::POST, "song", r#"{"id":3,"title":"Again"}"#), 409);
        assert_eq!(send(http::Method::DELETE, "song?id=eq.77", ""), 204);
        assert_eq!(send(http::Method::PATCH, "song?id=gte.2", r#"{"title":"Two"}"#), 204);
        assert_eq!(send(http::Method::DELETE, "song?id=eq.3", ""), 204);
        sealed(&home, &running, 3);
        let found = home.runtime.block_on(audit::search(&running.store, Wanted::default())).unwrap();
        let said: Vec<_> = found
            .iter()
            .map(|found| {
                let Record { action, object, actor, events, request, .. } = &found.record;
                let count = events.map(|events| events.count);
                (action.as_str(), object.as_str(), actor.role.as_str(), count, request.map(|id| id.to_string()))
            })
            .collect();
        let request = |id: &str| Some(id.to_owned());
        assert_eq!(said, [
            ("data.row.deleted", "public.song/3", "service_role", Some(1), request("r-0")),
            ("data.row.updated", "public.song", "service_role", Some(2), request("r-15")),
            ("data.row.inserted", "public.song/3", "service_role", Some(1), request("r-24")),
        ]);
        // Who was at the other end is sealed, and can be erased.
        let address = |found: &[audit::Found]| found[0].personal.as_ref().map(|person| person.address.is_some());
        assert_eq!(address(&found), Some(true));
        assert!(home.runtime.block_on(audit::forget(&running.store, None, String::new())).unwrap());
        let found = home.runtime.block_on(audit::search(&running.store, Wanted::default())).unwrap();
        assert_eq!(address(&found), None);
        let trust = Trust {
            log: home.get(&running, "/audit/v1/key").1.trim().parse().unwrap(),
            witnesses: vec![],
            witnesses_min: 0,
            known: vec![],
        };
        let report = home.runtime.block_on(audit::verify_store(&running.store, trust)).unwrap();
        assert_eq!((report.findings, report.entries), (vec![], 3));
        home.stop(running);
    }

    fn refusals_are_put_down_with_their_reason(engine) {
        let home = Home::with(engine, &[("0001_schema.sql", SCHEMA)], |settings| {
            settings.audit.enabled = true;
            settings.audit.checkpoint_interval_ms = 50;
        });
        let running = home.start().unwrap();
        // One that nobody may, one whose token is none, and one that is allowed.
        let anon = |path: &str| home.ask(&running, Request::get(path).header("x-request-id", "r-1"), "").status().as_u16();
        assert_eq!((anon("/rest/v1/diary"), anon("/rest/v1/song")), (401, 200));
        let forged = Request::get("/rest/v1/song").header("authorization", "Bearer a.b.c");
        assert_eq!(home.ask(&running, forged, "").status(), 401);
        sealed(&home, &running, 2);
        let found = home.runtime.block_on(audit::search(&running.store, Wanted::default())).unwrap();
        let said: Vec<_> = found
            .iter()
            .map(|found| {
                let Record { action, object, actor, outcome, reason, .. } = &found.record;
                (action.as_str(), object.as_str(), actor.role.as_str(), *outcome, reason.as_deref())
            })
            .collect();
        assert_eq!(said, [
            ("auth.token.refused", "/rest/v1/song", "", Outcome::Refused, Some("PGRST301")),
            ("data.request.refused", "/rest/v1/diary", "anon", Outcome::Refused, Some("42501")),
        ]);
        assert_eq!(found[1].record.request.map(|id| id.to_string()), Some("r-1".to_owned()));
        home.stop(running);
    }

    fn without_being_asked_for_there_is_no_log(engine) {
        let home = Home::new(engine, &[("0001_schema.sql", SCHEMA)]);
        let running = home.start().unwrap();
        assert_eq!(home.get(&running, "/audit/v1/checkpoint").0, 404);
        home.stop(running);
    }
}
