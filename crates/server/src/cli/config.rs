//! `mainstay config`.

use clap::Subcommand;

use super::{AppArgs, Ended, output};
use crate::config::{documentation, json, text};
use crate::failure::EXIT_OK;

pub(super) const EXAMPLES: &str = "Examples:\n  mainstay config check shop\n  mainstay config show shop";

#[derive(Subcommand)]
pub(super) enum Config {
    /// Print every setting with its value and origin; secrets are redacted
    #[command(
        after_help = "Examples:\n  mainstay config show shop\n  MAINSTAY_DATA__MAX_ROWS=100 mainstay config show shop --json"
    )]
    Show {
        #[command(flatten)]
        app: AppArgs,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with the settings, and end with 2 if anything is
    #[command(after_help = "Example:\n  mainstay config check shop")]
    Check {
        #[command(flatten)]
        app: AppArgs,
    },
    /// Print the page about all keys (docs/configuration.md)
    #[command(hide = true, after_help = "Example:\n  mainstay config docs > docs/configuration.md")]
    Docs,
}

impl Config {
    pub(super) fn run(self) -> Ended {
        match self {
            Self::Show { app, json: wanted } => {
                let app = app.load(None)?;
                output::line((if wanted { json(&app) } else { text(&app) }).trim_end());
            }
            Self::Check { app } => {
                app.load(None)?;
                output::line("The configuration is good.");
            }
            Self::Docs => output::line(documentation().trim_end()),
        }
        Ok(EXIT_OK)
    }
}
