//! `mainstay events`.

use std::time::Duration;

use clap::{Args, Subcommand};
use kernel::{Clock as _, SystemClock};
use serde_json::json;

use super::{AppArgs, Ended, block_on, output};
use crate::failure::{EXIT_MIGRATIONS, EXIT_OK};
use crate::reconcile::{Wanted, reconcile};

#[derive(Subcommand)]
pub(super) enum Events {
    /// Go along the chain of an app's events; ends with 3 and names the first position that was edited or removed past Mainstay
    #[command(
        after_help = "Examples:\n  mainstay events verify shop\n  mainstay events verify shop --json\n\nThe link it prints, kept elsewhere, tells later that nothing before it was written anew."
    )]
    Verify(Look),
    /// Hold rows, events and the audit log's leaves against each other; ends with 3 when they differ
    #[command(
        after_help = "Examples:\n  mainstay events reconcile shop\n  mainstay events reconcile shop --rows 1000000 --json\n\nA change that a migration made on SQLite is in no event, and so is told as a difference."
    )]
    Reconcile {
        #[command(flatten)]
        look: Look,
        /// So many of the last events are held against the rows they are about
        #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
        rows: u32,
        /// Units younger than this are left alone: their leaves may not have their places yet
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        settle: u64,
    },
}

#[derive(Args)]
pub(super) struct Look {
    #[command(flatten)]
    app: AppArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(super) fn run(self) -> Ended {
        match self {
            Self::Verify(look) => look.verify(),
            Self::Reconcile { look, rows, settle } => look.reconcile(rows, settle),
        }
    }
}

impl Look {
    fn verify(self) -> Ended {
        let app = self.app.load(None)?;
        block_on(async {
            let store = super::audit::store(&app).await?;
            let found = ::events::verify(&store).await?;
            let link = crypto::hex(&found.link);
            if self.json {
                let fault = found.fault.map(|fault| fault.to_string());
                let all = json!({"after": found.after, "verified": found.last, "link": link, "finding": fault});
                output::line(&all.to_string());
            } else if let Some(fault) = found.fault {
                output::line(&fault.to_string());
            } else {
                output::line(&format!(
                    "events {} to {} are as they were written, link {link}",
                    found.after + 1,
                    found.last
                ));
            }
            Ok(if found.fault.is_none() { EXIT_OK } else { EXIT_MIGRATIONS })
        })
    }

    fn reconcile(self, rows: u32, settle: u64) -> Ended {
        let app = self.app.load(None)?;
        let wanted = Wanted { rows, settle: Duration::from_secs(settle), leaves: app.settings.audit.enabled };
        block_on(async {
            let store = super::audit::store(&app).await?;
            let found = reconcile(&store, wanted, SystemClock.now().0).await?;
            if self.json {
                let all = json!({
                    "chained": found.chained, "units": found.units, "rows": found.rows, "past": found.past,
                    "differences": found.differences, "more": found.more,
                });
                output::line(&all.to_string());
            } else {
                found.differences.iter().for_each(|difference| output::line(difference));
                if found.more {
                    output::line("and more");
                }
                output::line(&format!(
                    "compared: the chain up to {}, {} units with their leaves, {} rows with their last events; {} events of changes made past Mainstay; {} differences",
                    found.chained,
                    found.units,
                    found.rows,
                    found.past,
                    found.differences.len()
                ));
            }
            Ok(if found.differences.is_empty() { EXIT_OK } else { EXIT_MIGRATIONS })
        })
    }
}
