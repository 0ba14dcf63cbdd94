//! The command line: what can be asked for, and how commands end.

mod audit;
mod config;
mod db;
mod events;
mod handbook;
mod keys;
mod new;
mod output;
mod serve;
mod starters;
mod study;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{App, Source, load};
use crate::failure::{EXIT_FAILURE, EXIT_OK, Failure};

const AFTER_HELP: &str = "Examples:\n  mainstay new shop && mainstay serve shop\n  mainstay serve examples/chinook\n  mainstay db status \
                          shop\n\nExit codes:\n  0  done\n  1  failed\n  2  called wrongly, or the configuration is wrong\n  3  migrations are \
                          pending, changed or refused, or there are findings";

/// A folder of SQL becomes a REST API, on SQLite or PostgreSQL.
#[derive(Parser)]
#[command(name = "mainstay", version, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve an app: make its database, apply its migrations, answer requests
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Serve),
    /// Make a folder with an app that serves at once
    #[command(after_help = new::EXAMPLES)]
    New(new::New),
    /// Print an app's keys
    #[command(after_help = keys::EXAMPLES)]
    Keys(keys::Keys),
    /// Look after an app's database
    #[command(subcommand, after_help = db::EXAMPLES)]
    Db(db::Db),
    /// Verify, prove, search and export the audit log
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Verify the log of events
    #[command(subcommand)]
    Events(events::Events),
    /// Show or check an app's settings
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::Config),
    /// Read the handbook
    #[command(after_help = handbook::EXAMPLES)]
    Handbook(handbook::Handbook),
    /// Print the version
    #[command(after_help = "Example:\n  mainstay version")]
    Version,
}

/// Which app, and where its data is.
#[derive(Args, Clone)]
struct AppArgs {
    /// The app's folder
    #[arg(default_value = ".")]
    app: PathBuf,
    /// Folder for the database and the generated secret [default: .mainstay in the app's folder]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl AppArgs {
    /// The app with its settings, from the environment and the flags.
    fn load(&self, listen: Option<String>) -> Result<App, Failure> {
        let data_dir = self.data_dir.as_ref().map(|folder| {
            // A flag is relative to where the command runs, a setting to the app.
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            folder.to_string_lossy().into_owned()
        });
        let source =
            Source::environment().flag("data-dir", "store.data_dir", data_dir).flag("listen", "server.listen", listen);
        Ok(load(&self.app, &source)?)
    }
}

/// What a command ended with.
type Ended = Result<u8, Failure>;

/// Runs the command line of the process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.command {
        Command::Serve(command) => command.run(),
        Command::New(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Db(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Events(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Handbook(command) => command.run(),
        Command::Version => {
            output::line(&format!("mainstay {}", env!("CARGO_PKG_VERSION")));
            Ok(EXIT_OK)
        }
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::error(&failure.to_string());
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Runs a command's work on a small runtime.
fn block_on<F: Future<Output = Ended>>(work: F) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            outlive_file_limits();
            work.await
        }),
        Err(error) => {
            output::error(&error.to_string());
            Ok(EXIT_FAILURE)
        }
    }
}

/// From now on a limit on the size of files (`ulimit -f`, a service's `LimitFSIZE`) is to us what a full disk is: a write that fails. The
/// system would end the process otherwise. To be called inside a runtime.
fn outlive_file_limits() {
    /// SIGXFSZ, on every system we know of but MIPS, where the number is that of a signal which does nothing to us.
    const FILE_LIMIT: i32 = 25;
    // Being heard is all that is wanted; nobody listens.
    if let Err(error) = signal(SignalKind::from_raw(FILE_LIMIT)) {
        tracing::debug!(%error, "the signal for files that are too large cannot be heard");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }
}
