//! `mainstay events`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{AppArgs, Ended, block_on, output};
use crate::failure::{EXIT_MIGRATIONS, EXIT_OK};

#[derive(Subcommand)]
pub(super) enum Events {
    /// Go along the chain of an app's events; ends with 3 and names the first position that was edited or removed past Mainstay
    #[command(
        after_help = "Examples:\n  mainstay events verify shop\n  mainstay events verify shop --json\n\nThe link it prints, kept elsewhere, tells later that nothing before it was written anew."
    )]
    Verify(Look),
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
}
