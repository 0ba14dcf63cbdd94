//! Other servers on the same shapes, in turn with ours: what a core-second buys. For servers over PostgreSQL the server's own CPU time is
//! counted with theirs, since a request costs both.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::app::{self, Start};
use crate::args::{Args, Failure};
use crate::load::{self, Shape};
use crate::process::{Process, cluster_cpu_us, mainstay, move_to_client_core, postmaster};
use crate::stats::{Figure, short};
use crate::{group, macros};

/// A server under measurement.
struct Contender {
    name: &'static str,
    process: Process,
    address: String,
    /// PostgreSQL's first process, when the server works on it.
    postmaster: Option<u32>,
    point: Shape,
    list: Shape,
    page: Shape,
    nested: Option<Shape>,
    insert: Shape,
}

/// Measures those whose binaries were named, and ours.
pub fn run(args: &Args) -> Result<(), Failure> {
    let binary = mainstay(args.binary.as_deref())?;
    std::fs::create_dir_all(&args.dir)?;
    let dir = args.dir.canonicalize()?;
    let folder = app::folder(&dir)?;
    move_to_client_core();
    let mut all = Vec::new();
    let (full, other) = (dir.join("full"), dir.join("postgres"));
    let start =
        Start { binary: &binary, app: &folder, data: &full, postgres: None, synchronous: "full", settings: &[] };
    all.push(ours("Mainstay, SQLite", start.now()?, None));
    if let Some(server) = &args.postgres {
        let url = app::fresh_postgres(server, "mainstay_bench")?;
        let start = Start {
            binary: &binary,
            app: &folder,
            data: &other,
            postgres: Some(&url),
            synchronous: "full",
            settings: &[],
        };
        let process = start.now()?;
        let postmaster = Some(postmaster(&url)?);
        all.push(ours("Mainstay, PostgreSQL", process, postmaster));
        if let Some(file) = &args.postgrest {
            all.push(postgrest(file, &url, postmaster)?);
        }
    }
    if let Some(file) = &args.pocketbase {
        all.push(pocketbase(file, &dir.join("pocketbase"))?);
    }
    compare(args, &all)
}

fn compare(args: &Args, all: &[Contender]) -> Result<(), Failure> {
    println!(
        "| shape | server | requests/s | p50 ms | p99 ms | CPU us/request, all processes | per core-second | ours on SQLite ÷ it |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, connections, shape) in shapes() {
        if !args.wants(name) {
            continue;
        }
        let mut found = vec![[(); 4].map(|()| Figure::default()); all.len()];
        for _ in 0..args.rounds() {
            for (contender, figures) in all.iter().zip(&mut found) {
                let Some(shape) = shape(contender) else { continue };
                let cpu = || contender.process.cpu_us() + contender.postmaster.map_or(0.0, cluster_cpu_us);
                let window = load::run(&contender.address, shape, connections, None, args.window(), &cpu)?;
                figures[0].push(window.per_second);
                figures[1].push(window.p50_ms);
                figures[2].push(window.p99_ms);
                figures[3].push(window.cpu_us);
            }
        }
        for (contender, [speed, p50, p99, cpu]) in all.iter().zip(&found) {
            if speed.is_empty() {
                continue;
            }
            println!(
                "| {name} | {} | {speed} | {p50} | {p99} | {cpu} | {} | {} |",
                contender.name,
                short(1e6 / cpu.median()),
                cpu.over(&found[0][3]),
            );
        }
    }
    Ok(())
}

type Pick = fn(&Contender) -> Option<&Shape>;

fn shapes() -> [(&'static str, usize, Pick); 5] {
    [
        ("point read", 64, |c| Some(&c.point)),
        ("20-row filtered list", 64, |c| Some(&c.list)),
        ("500 rows", 8, |c| Some(&c.page)),
        ("nested 20×5", 16, |c| c.nested.as_ref()),
        ("durable insert, 64 clients", 64, |c| Some(&c.insert)),
    ]
}

fn dialect(name: &'static str, process: Process, address: String, prefix: &str, postmaster: Option<u32>) -> Contender {
    let token = app::token();
    let get = |rest: &str, numbers: u64| Shape::get(format!("{prefix}/{rest}"), numbers).with_token(&token);
    let mut insert = macros::insert();
    insert.path = format!("{prefix}/entry");
    Contender {
        name,
        process,
        address,
        postmaster,
        point: get("item?item_id=eq.{}", app::ITEMS),
        list: get("item?author_id=eq.{}&order=item_id&limit=20", 2000),
        page: get("item?item_id=gte.{}&order=item_id&limit=500", app::ITEMS - 1200),
        nested: Some(get("item?author_id=eq.{}&order=item_id&limit=20&select=*,note(*)", app::NOTED / app::PER_AUTHOR)),
        insert,
    }
}

fn ours(name: &'static str, process: Process, postmaster: Option<u32>) -> Contender {
    let address = process.said("address");
    dialect(name, process, address, "/rest/v1", postmaster)
}

fn postgrest(file: &Path, url: &str, postmaster: Option<u32>) -> Result<Contender, Failure> {
    let address = free_address()?;
    let port = address.rsplit(':').next().unwrap_or_default().to_owned();
    let mut command = Command::new(file);
    command
        .env("PGRST_DB_URI", url)
        .env("PGRST_DB_SCHEMAS", "public")
        .env("PGRST_DB_ANON_ROLE", "anon")
        .env("PGRST_JWT_SECRET", app::SECRET)
        .env("PGRST_SERVER_HOST", "127.0.0.1")
        .env("PGRST_SERVER_PORT", port)
        .env("PGRST_LOG_LEVEL", "crit");
    let process = Process::start_listening(&mut command, &address)?;
    // It listens before it has read the schema.
    for _ in 0..100 {
        if exchange(&address, "GET", "/item?limit=1", Some(&app::token()), None).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Ok(dialect("PostgREST", process, address, "", postmaster))
}

/// Its tables are made through its own API and filled in its file while it is down; rules ask for a signed-in user.
fn pocketbase(file: &Path, dir: &Path) -> Result<Contender, Failure> {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    std::fs::create_dir_all(dir)?;
    let address = free_address()?;
    let (mail, password) = ("bench@example.com", "benches-only-password");
    let data = format!("--dir={}", dir.display());
    let made = Command::new(file).args(["superuser", "upsert", mail, password, &data]).output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
    }
    let start = || {
        let mut command = Command::new(file);
        command.args(["serve", &data]).arg(format!("--http={address}"));
        Process::start_listening(&mut command, &address)
    };
    let process = start()?;
    let login = json!({"identity": mail, "password": password});
    let admin = exchange(&address, "POST", "/api/collections/_superusers/auth-with-password", None, Some(&login))?;
    let admin = admin["token"].as_str().ok_or("no token of a superuser")?.to_owned();
    let rule = "@request.auth.id != ''";
    let number = |name: &str| json!({"name": name, "type": "number"});
    let text = |name: &str| json!({"name": name, "type": "text"});
    for (name, fields) in [
        (
            "item",
            json!([number("tenant_id"), number("author_id"), text("title"), text("body"), text("kind"),
                   {"name": "active", "type": "bool"}, number("score"), {"name": "created_at", "type": "date"}]),
        ),
        ("entry", json!([number("tenant_id"), text("title"), text("body")])),
    ] {
        let indexes = if name == "item" {
            json!(["create index item_author on item (author_id)"])
        } else {
            json!(["create index entry_title on entry (title)"])
        };
        let collection = json!({"name": name, "type": "base", "fields": fields, "indexes": indexes,
                                "listRule": rule, "viewRule": rule, "createRule": rule});
        exchange(&address, "POST", "/api/collections", Some(&admin), Some(&collection))?;
    }
    let user = json!({"email": "user@example.com", "password": password, "passwordConfirm": password});
    exchange(&address, "POST", "/api/collections/users/records", Some(&admin), Some(&user))?;
    let login = json!({"identity": "user@example.com", "password": password});
    let token = exchange(&address, "POST", "/api/collections/users/auth-with-password", None, Some(&login))?;
    let token = token["token"].as_str().ok_or("no token of a user")?.to_owned();
    process.stop();
    fill(&dir.join("data.db"))?;
    let process = start()?;
    let get = |rest: &str, numbers: u64| {
        Shape::get(format!("/api/collections/item/records{rest}"), numbers).with_token(&token)
    };
    let body = format!("{{\"tenant_id\":1,\"title\":\"title {{}}\",\"body\":\"{}\"}}", group::BODY);
    let mut insert = Shape::post("/api/collections/entry/records", body).with_token(&token);
    insert.status = 200;
    Ok(Contender {
        name: "PocketBase",
        process,
        address,
        postmaster: None,
        point: get("/r10000000{}", app::ITEMS),
        list: get("?filter=(author_id={})&sort=id&perPage=20&skipTotal=1", 2000),
        // 500 is the most it gives.
        page: get("?filter=(score>0%26%26author_id>{})&sort=id&perPage=500&skipTotal=1", 1900),
        nested: None,
        insert,
    })
}

/// The same rows; the id is text there. Numbers are not padded, so ids are made so that each number in use names a row.
fn fill(file: &Path) -> Result<(), Failure> {
    let mut db = rusqlite::Connection::open(file)?;
    let tx = db.transaction()?;
    {
        let mut insert = tx.prepare(
            "insert into item (id, tenant_id, author_id, title, body, kind, active, score, created_at)
             values (?1, 1, ?2, ?3, ?4, 'plain', ?5, ?6, '2026-01-02 03:04:05.000Z')",
        )?;
        for n in 1..=app::ITEMS as i64 {
            let body = format!(
                "A body with some words in it, as long as bodies of short things are: about a hundred bytes. {n}"
            );
            let title = format!("the title of item {n}");
            insert.execute(rusqlite::params![
                format!("r10000000{n}"),
                (n - 1) / 50 + 1,
                title,
                body,
                n % 2 == 0,
                n % 1000
            ])?;
        }
    }
    tx.commit()?;
    Ok(())
}

/// One request on a connection of its own; the answer's JSON.
fn exchange(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let mut stream = TcpStream::connect(address)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\n{token}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if head.split(' ').nth(1).is_none_or(|status| !status.starts_with('2')) {
        return Err(format!("{method} {path}: {answer}").into());
    }
    Ok(serde_json::from_str(body)?)
}

fn free_address() -> Result<String, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
