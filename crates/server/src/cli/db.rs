//! `mainstay db`.

use std::sync::Arc;

use clap::Subcommand;
use kernel::Micros;
use store::Participants;
use store::migrate::{State, Status, discover, lint};

use super::{AppArgs, Ended, block_on, output, study};
use crate::config::App;
use crate::database::{Database, unwatched};
use crate::failure::{EXIT_MIGRATIONS, EXIT_OK, Failure};

pub(super) const EXAMPLES: &str = "Examples:\n  mainstay db status shop\n  mainstay db migrate shop --dry-run\n  mainstay db explain shop \
                                   '/todo?done=is.false'";

#[derive(Subcommand)]
pub(super) enum Db {
    /// Show which migrations have run; ends with 3 when some are pending or something is wrong
    #[command(after_help = "Examples:\n  mainstay db status shop\n  mainstay db status shop --json")]
    Status {
        #[command(flatten)]
        app: AppArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Apply the pending migrations, each in a transaction of its own
    #[command(after_help = "Examples:\n  mainstay db migrate shop --dry-run\n  mainstay db migrate shop")]
    Migrate {
        #[command(flatten)]
        app: AppArgs,
        /// Say what would run, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Read the pending migrations with an operator's eyes; ends with 3 when there are warnings or errors
    #[command(
        after_help = "Examples:\n  mainstay db lint shop\n  mainstay db lint shop --all --json\n\nA comment `-- mainstay: allow CODE` above a statement silences a finding there."
    )]
    Lint {
        #[command(flatten)]
        app: AppArgs,
        /// Look at applied migrations too
        #[arg(long)]
        all: bool,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show the statements a request becomes, and the engine's plan for each
    #[command(
        after_help = "Examples:\n  mainstay db explain examples/chinook '/track?album_id=eq.1&select=*,album(title)'\n  mainstay db explain shop '/invoice?limit=10' --role authenticated --claims '{\"role\":\"authenticated\",\"email\":\"a@b.c\"}'"
    )]
    Explain(study::Explain),
    /// Find the full scans of a request, and try the indexes that would spare them
    #[command(
        after_help = "Examples:\n  mainstay db advise examples/chinook '/track?composer=eq.AC/DC'\n  mainstay db advise shop '/invoice?order=date.desc' --role service_role --json\n\nIndexes are tried inside a transaction that is rolled back: nothing stays changed. While a server has a SQLite file open, they are tried on a temporary copy of it. \
                      Ends with 3 when one would help."
    )]
    Advise(study::Advise),
}

impl Db {
    pub(super) fn run(self) -> Ended {
        match self {
            Self::Status { app, json } => {
                let app = app.load(None)?;
                block_on(status(&app, json))
            }
            Self::Migrate { app, dry_run } => {
                let app = app.load(None)?;
                block_on(migrate(&app, dry_run))
            }
            Self::Lint { app, all, json } => {
                let app = app.load(None)?;
                block_on(lint(&app, all, json))
            }
            Self::Explain(command) => command.run(),
            Self::Advise(command) => command.run(),
        }
    }
}

/// Opens the database for a command that changes it.
pub(super) async fn open(app: &App) -> Result<Database, Failure> {
    let database = Database::open(app, Participants::from([])).await?;
    database.prepare().await?;
    Ok(database)
}

/// Opens the database for a command that looks at it, whether a server has it open or not.
pub(super) async fn look(app: &App) -> Result<Database, Failure> {
    let database = Database::look(app).await?;
    database.prepare().await?;
    Ok(database)
}

async fn status(app: &App, json: bool) -> Ended {
    let folder = Arc::new(discover(&app.folder)?);
    let status = look(app).await?.status(&folder).await?;
    if json {
        let text = serde_json::to_string(&status).map_err(|error| Failure::Other(error.to_string()))?;
        output::line(&text);
    } else {
        print(&status);
    }
    Ok(if status.is_current() { EXIT_OK } else { EXIT_MIGRATIONS })
}

fn print(status: &Status) {
    for entry in &status.entries {
        let state = match entry.state {
            State::Applied => "applied",
            State::Pending => "pending",
            State::OutOfOrder => "out of order",
            State::Changed => "changed",
            State::Missing => "missing",
        };
        let file = entry.file.clone().unwrap_or_else(|| format!("{}_{}", entry.version, entry.name));
        let at = entry.applied_at.map_or_else(String::new, |at| format!("  {}", Micros(at)));
        output::line(format!("{state:<12}  {file:<40}{at}").trim_end());
    }
    for notice in &status.notices {
        output::line(notice);
    }
    for trouble in status.conflict().into_iter().chain(status.drift.clone()) {
        output::line(&trouble);
    }
    match (status.is_current(), status.count(State::Pending)) {
        (true, _) => output::line("The database is where the migrations want it."),
        (false, 0) => {}
        (false, pending) => output::line(&format!("{pending} to apply: mainstay db migrate")),
    }
}

async fn lint(app: &App, all: bool, json: bool) -> Ended {
    let folder = Arc::new(discover(&app.folder)?);
    let database = look(app).await?;
    let status = database.status(&folder).await?;
    let pending = |version: i64| {
        status
            .entries
            .iter()
            .any(|entry| entry.version == version && matches!(entry.state, State::Pending | State::OutOfOrder))
    };
    let catalog = if all { None } else { Some(database.catalog().await?) };
    let files = folder.files.iter().filter(|file| all || pending(file.version));
    let findings = lint::lint(files, catalog.as_ref());
    if json {
        output::line(&serde_json::to_string(&findings).map_err(|error| Failure::Other(error.to_string()))?);
    } else {
        for found in &findings {
            let severity = format!("{:?}", found.severity).to_lowercase();
            output::line(&format!(
                "{}:{}: {severity}: {} [{}]\n    {}",
                found.file, found.line, found.message, found.code, found.advice
            ));
        }
        if findings.is_empty() {
            output::line("Nothing found.");
        }
    }
    let bad = findings.iter().any(|found| found.severity > lint::Severity::Info);
    Ok(if bad { EXIT_MIGRATIONS } else { EXIT_OK })
}

async fn migrate(app: &App, dry_run: bool) -> Ended {
    let folder = Arc::new(discover(&app.folder)?);
    if dry_run {
        let database = look(app).await?;
        let status = database.status(&folder).await?;
        if let Some(conflict) = status.conflict() {
            return Err(Failure::Migrations(conflict));
        }
        let statements = database.check(&folder).await?;
        print(&status);
        if let Some(statements) = statements {
            output::line(&format!("{statements} statements would run; all of them can."));
        }
        return Ok(EXIT_OK);
    }
    let database = open(app).await?;
    let watch = if output::is_terminal() { output::progress() } else { unwatched() };
    let outcome = database.migrate(&folder, watch).await?;
    for notice in &outcome.notices {
        output::line(notice);
    }
    for applied in &outcome.applied {
        output::line(&format!(
            "applied  {}_{}  {} statements, {} ms",
            applied.version, applied.name, applied.statements, applied.duration_ms
        ));
    }
    if outcome.applied.is_empty() {
        output::line("There was nothing to apply.");
    }
    Ok(EXIT_OK)
}
