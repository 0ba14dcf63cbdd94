//! The settings themselves, typed, with their defaults.

use kernel::Secret;

use super::field::choice;

/// Every setting of the house.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `[server]`
    pub server: Server,
    /// `[limits]`
    pub limits: Limits,
    /// `[store]`
    pub store: Store,
    /// `[auth]`
    pub auth: Auth,
    /// `[data]`
    pub data: Data,
    /// `[cors]`
    pub cors: Cors,
    /// `[log]`
    pub log: Log,
    /// `[events]`
    pub events: Events,
    /// `[idempotency]`
    pub idempotency: Idempotency,
    /// `[audit]`
    pub audit: Audit,
    /// `[metrics]`
    pub metrics: Metrics,
}

/// `[server]`
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to listen.
    pub listen: String,
    /// The address clients use, when it is another one than we listen on.
    pub public_url: Option<String>,
    /// Threads that answer requests.
    pub threads: Option<u64>,
}

impl Default for Server {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8000".to_owned(), public_url: None, threads: None }
    }
}

/// `[limits]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Limits {
    pub body_bytes_max: u64,
    pub header_bytes_max: u64,
    pub headers_max: u64,
    pub connections_max: u64,
    pub in_flight_max: u64,
    pub streams_max: u64,
    pub request_timeout_ms: u64,
    pub header_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub body_idle_timeout_ms: u64,
    pub drain_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 10 * 1024 * 1024,
            header_bytes_max: 32 * 1024,
            headers_max: 100,
            connections_max: 4_096,
            in_flight_max: 2_048,
            streams_max: 256,
            request_timeout_ms: 30_000,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            body_idle_timeout_ms: 15_000,
            drain_timeout_ms: 20_000,
        }
    }
}

choice! {
    /// What an acknowledged write survives on SQLite.
    Synchronous {
        /// Power loss.
        #[default]
        Full = "full",
        /// The end of the process, but perhaps not power loss.
        Normal = "normal",
    }
}

/// `[store]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Store {
    pub url: Option<Secret<String>>,
    pub data_dir: Option<String>,
    pub migrate_at_start: bool,
    pub synchronous: Synchronous,
    pub readers: Option<u64>,
    pub long_readers: u64,
    pub read_queue_max: u64,
    pub write_queue_max: u64,
    pub reader_cache_kib: u64,
    pub writer_cache_kib: u64,
    pub postgres_read_connections: u64,
    pub postgres_long_connections: u64,
    pub postgres_write_connections: u64,
    pub postgres_connect_timeout_ms: u64,
    pub postgres_acquire_timeout_ms: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: None,
            data_dir: None,
            migrate_at_start: true,
            synchronous: Synchronous::Full,
            readers: None,
            long_readers: 2,
            read_queue_max: 4_096,
            write_queue_max: 4_096,
            reader_cache_kib: 4_096,
            writer_cache_kib: 8_192,
            postgres_read_connections: 4,
            postgres_long_connections: 2,
            postgres_write_connections: 16,
            postgres_connect_timeout_ms: 5_000,
            postgres_acquire_timeout_ms: 10_000,
        }
    }
}

/// `[auth]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Auth {
    pub jwt_secret: Option<Secret<String>>,
    pub jwt_secret_is_base64: bool,
    pub jwks: Option<Secret<String>>,
    pub jwt_aud: Option<String>,
    pub jwt_role_claim_key: String,
    pub jwt_cache_max: u64,
    pub anon_role: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_secret_is_base64: false,
            jwks: None,
            jwt_aud: None,
            jwt_role_claim_key: ".role".to_owned(),
            jwt_cache_max: 10_000,
            anon_role: "anon".to_owned(),
        }
    }
}

choice! {
    /// How transactions end, and whether a request may choose.
    TxEnd {
        /// Always committed.
        #[default]
        Commit = "commit",
        /// Committed unless the request says `Prefer: tx=rollback`.
        CommitAllowOverride = "commit-allow-override",
        /// Always rolled back.
        Rollback = "rollback",
        /// Rolled back unless the request says `Prefer: tx=commit`.
        RollbackAllowOverride = "rollback-allow-override",
    }
}

choice! {
    /// Whose privileges decide what the API's description lists.
    OpenApiMode {
        /// The caller's.
        #[default]
        FollowPrivileges = "follow-privileges",
        /// Nobody's: everyone is told of all exposed schemas.
        IgnorePrivileges = "ignore-privileges",
        /// There is no description.
        Disabled = "disabled",
    }
}

choice! {
    /// How much of an error clients are told.
    Verbosity {
        /// Code, message, details, hint.
        #[default]
        Verbose = "verbose",
        /// Code and message.
        Minimal = "minimal",
    }
}

/// `[data]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Data {
    pub schemas: Vec<String>,
    pub extra_search_path: Vec<String>,
    pub max_rows: Option<u64>,
    pub aggregates: bool,
    pub plan: bool,
    pub tx_end: TxEnd,
    pub openapi_mode: OpenApiMode,
    pub client_error_verbosity: Verbosity,
    pub pre_request: Option<String>,
    pub app_settings: Vec<String>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            schemas: vec!["public".to_owned()],
            extra_search_path: vec!["public".to_owned()],
            max_rows: None,
            aggregates: false,
            plan: false,
            tx_end: TxEnd::Commit,
            openapi_mode: OpenApiMode::FollowPrivileges,
            client_error_verbosity: Verbosity::Verbose,
            pre_request: None,
            app_settings: Vec::new(),
        }
    }
}

/// `[cors]`
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Cors {
    pub allowed_origins: Vec<String>,
}

choice! {
    /// How log lines look.
    LogFormat {
        /// Readable on a terminal, JSON elsewhere.
        #[default]
        Auto = "auto",
        /// One JSON object a line.
        Json = "json",
        /// One readable line.
        Pretty = "pretty",
    }
}

/// `[log]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

/// `[events]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Events {
    pub capture: bool,
    pub retention_hours: u64,
    pub retention_rows: u64,
    pub reconcile_minutes: u64,
    pub reader_roles: Vec<String>,
    pub streams_max: u64,
    pub intake_roles: Vec<String>,
    pub intake_events_max: u64,
    pub intake_event_bytes_max: u64,
    pub intake_in_flight_max: u64,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            capture: true,
            retention_hours: 720,
            retention_rows: 0,
            reconcile_minutes: 1_440,
            reader_roles: Vec::new(),
            streams_max: 256,
            intake_roles: Vec::new(),
            intake_events_max: 1_000,
            intake_event_bytes_max: 1 << 20,
            intake_in_flight_max: 256,
        }
    }
}

/// `[idempotency]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Idempotency {
    pub retention_hours: u64,
}

impl Default for Idempotency {
    fn default() -> Self {
        Self { retention_hours: 24 }
    }
}

/// `[audit]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Audit {
    pub enabled: bool,
    pub origin: Option<String>,
    pub checkpoint_interval_ms: u64,
    pub signing_key: Option<Secret<String>>,
    pub witness_logs: Vec<String>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { enabled: true, origin: None, checkpoint_interval_ms: 1_000, signing_key: None, witness_logs: Vec::new() }
    }
}

/// `[metrics]`
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the table of keys says what each is")]
pub struct Metrics {
    pub enabled: bool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { enabled: true }
    }
}
