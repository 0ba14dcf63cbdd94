//! The table of keys: name, meaning, bounds, and where the value lives. Everything that reads, shows or documents settings walks it.

use std::ops::RangeInclusive;

use super::field::Field;
use super::settings::Settings;

/// One key.
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it does, for people.
    pub doc: &'static str,
    /// Where its value lives.
    pub field: fn(&mut Settings) -> &mut dyn Field,
    /// Which numbers it takes.
    pub bounds: Option<RangeInclusive<u64>>,
    /// Its value is never shown.
    pub secret: bool,
}

impl Key {
    const fn new(name: &'static str, doc: &'static str, field: fn(&mut Settings) -> &mut dyn Field) -> Self {
        Self { name, doc, field, bounds: None, secret: false }
    }

    const fn between(mut self, least: u64, most: u64) -> Self {
        self.bounds = Some(RangeInclusive::new(least, most));
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// `MAINSTAY_SECTION__KEY`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "__").to_uppercase())
    }

    /// The section and the key within it.
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// How variables of ours begin.
pub const PREFIX: &str = "MAINSTAY_";

/// A day, in milliseconds: the longest time that can be asked for.
const DAY_MS: u64 = 86_400_000;

/// What each section is about.
pub const SECTIONS: &[(&str, &str)] = &[
    ("server", "Where the house is found."),
    ("limits", "How much is taken before the answer is no."),
    ("store", "Where data lives, and how the engines work."),
    ("auth", "Whose tokens are believed."),
    ("data", "The dialect of `/rest/v1`. These keys carry the names of PostgREST's settings without their `db-`."),
    ("events", "What happened, as a log."),
    ("idempotency", "Writes under an `Idempotency-Key`, which are done once."),
    ("audit", "The log of acts that anyone with its public key can verify."),
    ("cors", "Which pages of other origins may read answers."),
    ("log", "What is said, and how."),
    ("metrics", "What is counted."),
];

/// All keys, by section.
pub const KEYS: &[Key] = &[
    Key::new(
        "server.listen",
        "Address to listen on: `host:port`, or `unix:/path` for a socket. Port 0 takes a free one.",
        |s| &mut s.server.listen,
    ),
    Key::new(
        "server.public_url",
        "Address at which clients reach the server, when it is another one (behind a proxy): shown by `serve` and `keys`.",
        |s| &mut s.server.public_url,
    ),
    Key::new(
        "server.threads",
        "Threads that speak HTTP. Without it one for every two processors: the others are for the database.",
        |s| &mut s.server.threads,
    )
    .between(1, 1_024),
    Key::new("limits.body_bytes_max", "Bytes of a request's body; more is 413.", |s| &mut s.limits.body_bytes_max)
        .between(1, 1 << 30),
    Key::new("limits.header_bytes_max", "Bytes of a request's line and headers; more is 431.", |s| {
        &mut s.limits.header_bytes_max
    })
    .between(1_024, 1 << 20),
    Key::new("limits.headers_max", "Headers of a request.", |s| &mut s.limits.headers_max).between(1, 1_000),
    Key::new("limits.connections_max", "Connections open at once; more wait.", |s| &mut s.limits.connections_max)
        .between(1, 1_000_000),
    Key::new("limits.in_flight_max", "Requests being answered at once; more are 503, probes excepted.", |s| {
        &mut s.limits.in_flight_max
    })
    .between(1, 1_000_000),
    Key::new("limits.streams_max", "Requests at once on one HTTP/2 connection.", |s| &mut s.limits.streams_max)
        .between(1, 100_000),
    Key::new("limits.request_timeout_ms", "Time for a request and its transaction, in milliseconds; more is 504.", |s| {
        &mut s.limits.request_timeout_ms
    })
    .between(1, DAY_MS),
    Key::new("limits.header_timeout_ms", "Time for a request's headers to arrive, in milliseconds.", |s| {
        &mut s.limits.header_timeout_ms
    })
    .between(1, DAY_MS),
    Key::new("limits.idle_timeout_ms", "How long a connection may lie idle, in milliseconds.", |s| {
        &mut s.limits.idle_timeout_ms
    })
    .between(1, DAY_MS),
    Key::new("limits.body_idle_timeout_ms", "How long to wait for the next piece of a body, in milliseconds; more is 408.", |s| {
        &mut s.limits.body_idle_timeout_ms
    })
    .between(1, DAY_MS),
    Key::new("limits.drain_timeout_ms", "How long requests may take to finish after SIGTERM, in milliseconds.", |s| {
        &mut s.limits.drain_timeout_ms
    })
    .between(0, DAY_MS),
    Key::new(
        "store.url",
        "A PostgreSQL server, `postgres://user:password@host:port/database`; `?sslmode=` `disable`, `prefer` (the default), `require`, `verify-ca` or `verify-full`, and `sslrootcert=` a file of trusted certificates (without it the system's), say how private the way is. Without a URL data lives in SQLite in the data folder.",
        |s| &mut s.store.url,
    )
    .secret(),
    Key::new(
        "store.data_dir",
        "Folder for the database and the generated secret; relative to the app. Without it `.mainstay` in the app's folder.",
        |s| &mut s.store.data_dir,
    ),
    Key::new(
        "store.migrate_at_start",
        "Apply pending migrations when the server starts. Without it `serve` refuses to start while some are pending.",
        |s| &mut s.store.migrate_at_start,
    ),
    Key::new(
        "store.synchronous",
        "SQLite: what an acknowledged write survives. `full`: power loss. `normal`: the end of the process, but perhaps not power loss.",
        |s| &mut s.store.synchronous,
    ),
    Key::new("store.readers", "SQLite: threads for short reads. Without it one for each processor.", |s| {
        &mut s.store.readers
    })
    .between(1, 256),
    Key::new("store.long_readers", "SQLite: threads for long reads, which never delay short ones.", |s| {
        &mut s.store.long_readers
    })
    .between(1, 256),
    Key::new("store.read_queue_max", "Reads that may wait (on PostgreSQL writes, too); more are 503.", |s| &mut s.store.read_queue_max)
        .between(1, 1_000_000),
    Key::new("store.write_queue_max", "SQLite: writes that may wait; more are 503.", |s| &mut s.store.write_queue_max)
        .between(1, 1_000_000),
    Key::new("store.reader_cache_kib", "SQLite: page cache of each reader, in KiB.", |s| &mut s.store.reader_cache_kib)
        .between(64, 1 << 22),
    Key::new("store.writer_cache_kib", "SQLite: page cache of the writer, in KiB.", |s| &mut s.store.writer_cache_kib)
        .between(64, 1 << 22),
    Key::new("store.postgres_read_connections", "PostgreSQL: connections for short reads of several statements; a quarter as many more for those that need a thread.", |s| {
        &mut s.store.postgres_read_connections
    })
    .between(1, 1_000),
    Key::new("store.postgres_long_connections", "PostgreSQL: connections for long reads; a quarter as many more for those that need a thread.", |s| {
        &mut s.store.postgres_long_connections
    })
    .between(1, 1_000),
    Key::new("store.postgres_write_connections", "PostgreSQL: connections for writes; a quarter as many more for those that need a thread.", |s| {
        &mut s.store.postgres_write_connections
    })
    .between(1, 1_000),
    Key::new("store.postgres_connect_timeout_ms", "PostgreSQL: time for connecting, in milliseconds.", |s| {
        &mut s.store.postgres_connect_timeout_ms
    })
    .between(1, DAY_MS),
    Key::new(
        "store.postgres_acquire_timeout_ms",
        "PostgreSQL: how long a request may wait for a connection, in milliseconds; more is 504.",
        |s| &mut s.store.postgres_acquire_timeout_ms,
    )
    .between(1, DAY_MS),
    Key::new(
        "auth.jwt_secret",
        "Secret of at least 32 bytes that signs tokens (HS256 and its siblings), or a JWK or JWKS in JSON. Without any key a secret is generated at \
         the first start and kept in the data folder.",
        |s| &mut s.auth.jwt_secret,
    )
    .secret(),
    Key::new("auth.jwt_secret_is_base64", "`auth.jwt_secret` is base64.", |s| &mut s.auth.jwt_secret_is_base64),
    Key::new(
        "auth.jwks",
        "A JWK or JWKS in JSON that verifies tokens (RSA, EC, Ed25519, HMAC). When it is set, `auth.jwt_secret` must not be.",
        |s| &mut s.auth.jwks,
    )
    .secret(),
    Key::new("auth.jwt_aud", "The audience that tokens must name when they name one.", |s| &mut s.auth.jwt_aud),
    Key::new(
        "auth.jwt_role_claim_key",
        "Where in the claims the role stands: a path such as `.role` or `.app.roles[0]`.",
        |s| &mut s.auth.jwt_role_claim_key,
    ),
    Key::new("auth.jwt_cache_max", "Verified tokens that are remembered.", |s| &mut s.auth.jwt_cache_max)
        .between(1, 10_000_000),
    Key::new(
        "auth.anon_role",
        "Role of requests without a token. Empty: a token is required.",
        |s| &mut s.auth.anon_role,
    ),
    Key::new(
        "data.schemas",
        "Exposed schemas; the first is the default, others are chosen by `Accept-Profile` and `Content-Profile`.",
        |s| &mut s.data.schemas,
    ),
    Key::new("data.extra_search_path", "Schemas where names are looked for after the request's own.", |s| {
        &mut s.data.extra_search_path
    }),
    Key::new("data.max_rows", "Rows at most at every level of an answer. Without it as many as there are.", |s| {
        &mut s.data.max_rows
    })
    .between(1, u64::MAX >> 1),
    Key::new("data.aggregates", "Allow `sum()`, `avg()`, `count()` … in `select`.", |s| &mut s.data.aggregates),
    Key::new("data.plan", "Serve execution plans as `application/vnd.pgrst.plan`. They tell about the database: not for production.", |s| {
        &mut s.data.plan
    }),
    Key::new("data.tx_end", "How transactions end, and whether a request may choose with `Prefer: tx=`.", |s| {
        &mut s.data.tx_end
    }),
    Key::new("data.openapi_mode", "Whose privileges decide what `/openapi.json` and the root of `/rest/v1` describe; `disabled`: nothing is described.", |s| {
        &mut s.data.openapi_mode
    }),
    Key::new("data.client_error_verbosity", "How much of an error clients are told: `minimal` leaves out `details` and `hint`.", |s| {
        &mut s.data.client_error_verbosity
    }),
    Key::new("data.pre_request", "A function without parameters, such as `public.check_request`, that runs first in the transaction of every request.", |s| {
        &mut s.data.pre_request
    }),
    Key::new("data.app_settings", "Values for SQL, each as `name=value`: `current_setting('app.settings.name', true)` reads it. No place for secrets.", |s| {
        &mut s.data.app_settings
    }),
    Key::new(
        "events.capture",
        "Every change of a row becomes an event in the transaction that makes it. Off, nothing is taken down, and writes cost less.",
        |s| &mut s.events.capture,
    ),
    Key::new("events.retention_hours", "How far back the log of events goes, in hours.", |s| &mut s.events.retention_hours)
        .between(1, 87_600),
    Key::new("events.retention_rows", "How many events the log holds at most, beside `events.retention_hours`; 0 for any number.", |s| {
        &mut s.events.retention_rows
    })
    .between(0, 1_000_000_000_000),
    Key::new(
        "events.reconcile_minutes",
        "How often rows, events and audit leaves are held against each other, in minutes; 0 for never. What differs is logged and counted.",
        |s| &mut s.events.reconcile_minutes,
    )
    .between(0, 10_080),
    Key::new(
        "events.reader_roles",
        "Roles that row security binds and that may read events (`GET /events/v1`) all the same, each of rows that it may read.",
        |s| &mut s.events.reader_roles,
    ),
    Key::new("events.streams_max", "Streams of events (`GET /events/v1/stream`) that may be open at once.", |s| {
        &mut s.events.streams_max
    })
    .between(1, 100_000),
    Key::new(
        "events.intake_roles",
        "Roles that may send events (`POST /events/v1`), beside those that row security does not bind.",
        |s| &mut s.events.intake_roles,
    ),
    Key::new("events.intake_events_max", "Events that are taken with one request.", |s| &mut s.events.intake_events_max)
        .between(1, 10_000),
    Key::new("events.intake_event_bytes_max", "Size of one event that comes in, in bytes.", |s| {
        &mut s.events.intake_event_bytes_max
    })
    .between(1_024, 16_777_216),
    Key::new(
        "events.intake_in_flight_max",
        "Requests with events that are worked on at once; more are asked to come again (429).",
        |s| &mut s.events.intake_in_flight_max,
    )
    .between(1, 10_000),
    Key::new(
        "idempotency.retention_hours",
        "How long the answer to a write under an `Idempotency-Key` is kept, in hours.",
        |s| &mut s.idempotency.retention_hours,
    )
    .between(1, 720),
    Key::new("audit.enabled", "Keep the audit log, and serve it under `/audit/v1`.", |s| &mut s.audit.enabled),
    Key::new(
        "audit.origin",
        "Name of the log, in its checkpoints and of its key, such as `audit.example.org/shop`. A log keeps its name. Default: the folder's name and `/audit`.",
        |s| &mut s.audit.origin,
    ),
    Key::new(
        "audit.checkpoint_interval_ms",
        "How often new entries get their place in the tree and a checkpoint is signed, in milliseconds: the longest an act waits for its proof.",
        |s| &mut s.audit.checkpoint_interval_ms,
    )
    .between(50, 3_600_000),
    Key::new(
        "audit.signing_key",
        "What signs checkpoints: 32 random bytes in base64url. Servers of one database need the same. Without it one is made in the data folder.",
        |s| &mut s.audit.signing_key,
    )
    .secret(),
    Key::new(
        "audit.witness_logs",
        "Verifier keys of other logs whose checkpoints are cosigned here (`/audit/v1/add-checkpoint`).",
        |s| &mut s.audit.witness_logs,
    ),
    Key::new(
        "cors.allowed_origins",
        "Origins whose pages may read answers, such as `https://app.example.org`, with credentials. Empty: any origin, without.",
        |s| &mut s.cors.allowed_origins,
    ),
    Key::new("log.format", "How log lines look: `auto` is `pretty` on a terminal and `json` elsewhere.", |s| {
        &mut s.log.format
    }),
    Key::new("log.level", "What is logged: a level, or levels by module such as `info,web::access=off`.", |s| {
        &mut s.log.level
    }),
    Key::new("metrics.enabled", "Serve `/metrics`.", |s| &mut s.metrics.enabled),
];
