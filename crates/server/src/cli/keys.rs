//! `mainstay keys`.

use clap::Args;
use kernel::Secret;
use serde_json::json;

use super::{AppArgs, Ended, output};
use crate::failure::EXIT_OK;
use crate::house::public_url;

pub(super) const EXAMPLES: &str = "Examples:
  mainstay keys examples/chinook
  mainstay keys shop --json | jq -r .service_role_key

The keys follow from the secret alone: they stay the same until it changes.";

#[derive(Args)]
pub(super) struct Keys {
    #[command(flatten)]
    app: AppArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub(super) fn run(self) -> Ended {
        let app = self.app.load(None)?;
        let keys = crate::keys::Keys::of(&app)?;
        let url = public_url(&app.settings, &app.settings.server.listen);
        let shown = |secret: &Option<Secret<String>>| secret.as_ref().map(|secret| secret.expose().clone());
        let (service, secret) = (shown(&keys.service), shown(&keys.secret));
        if self.json {
            let all = json!({"anon_key": keys.anon, "service_role_key": service, "jwt_secret": secret, "url": url});
            output::line(&all.to_string());
            return Ok(EXIT_OK);
        }
        let none = || "none: only public keys are configured".to_owned();
        output::line(&format!("url               {url}"));
        output::line(&format!("anon key          {}", keys.anon.unwrap_or_else(none)));
        output::line(&format!("service role key  {}", service.unwrap_or_else(none)));
        output::line(&format!("jwt secret        {}", secret.unwrap_or_else(none)));
        Ok(EXIT_OK)
    }
}
