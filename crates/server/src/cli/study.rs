//! `mainstay db explain` and `mainstay db advise`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use store::Store;

use super::{AppArgs, Ended, block_on, db, output};
use crate::config::App;
use crate::database::Database;
use crate::failure::{EXIT_MIGRATIONS, EXIT_OK, Failure};
use crate::house::{data_config, engine_name};
use crate::study::{Advice, Examined, Study, advise};

/// Which request, and as whom.
#[derive(Args)]
struct Asked {
    /// The app's folder
    app: PathBuf,
    #[arg(help = "The request, as it stands after /rest/v1: '/track?album_id=eq.1&select=*,album(title)'")]
    request: String,
    #[arg(long, help = "The role it runs as [default: the anonymous role, else service_role]")]
    role: Option<String>,
    /// The claims of its token, as a JSON object
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Folder for the database and the generated secret [default: .mainstay in the app's folder]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Explain {
    #[command(flatten)]
    asked: Asked,
}

#[derive(Args)]
pub(super) struct Advise {
    #[command(flatten)]
    asked: Asked,
}

impl Asked {
    fn load(&self) -> Result<App, Failure> {
        AppArgs { app: self.app.clone(), data_dir: self.data_dir.clone() }.load(None)
    }

    async fn prepare(&self, app: &App, database: Database) -> Result<(Store, Study), Failure> {
        let object = |text: &String| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok();
        if self.claims.as_ref().is_some_and(|claims| !object(claims)) {
            return Err(Failure::Usage("--claims wants a JSON object: '{\"sub\":\"1\"}'".to_owned()));
        }
        let folder = Arc::new(store::migrate::discover(&app.folder)?);
        if !database.status(&folder).await?.is_current() {
            output::note(
                "note: the database is not where the migrations want it (see `mainstay db status`); the request is held against it as it is",
            );
        }
        let catalog = Arc::new(database.catalog().await?);
        let store = database.into_store(catalog);
        let mut study =
            Study::of(&store, &data_config(&app.settings), &self.request, self.role(app), self.claims.as_deref())?;
        study.explain(&store).await?;
        Ok((store, study))
    }

    fn role<'a>(&'a self, app: &'a App) -> &'a str {
        let anon = Some(app.settings.auth.anon_role.as_str()).filter(|role| !role.is_empty());
        self.role.as_deref().or(anon).unwrap_or(crate::keys::SERVICE_ROLE)
    }
}

impl Explain {
    pub(super) fn run(self) -> Ended {
        let app = self.asked.load()?;
        block_on(async {
            let (store, study) = self.asked.prepare(&app, db::look(&app).await?).await?;
            if self.asked.json {
                let levels: Vec<_> = study.levels.iter().map(|level| as_json(level, &store)).collect();
                let all =
                    json!({"request": self.asked.request, "engine": engine_name(store.engine()), "levels": levels});
                output::line(&all.to_string());
                return Ok(EXIT_OK);
            }
            heading(&self.asked, &app, &store);
            for level in &study.levels {
                print(level);
            }
            Ok(EXIT_OK)
        })
    }
}

impl Advise {
    pub(super) fn run(self) -> Ended {
        let app = self.asked.load()?;
        block_on(async {
            let (database, copy) = Database::to_try(&app).await?;
            database.prepare().await?;
            let (store, study) = self.asked.prepare(&app, database).await?;
            let found = advise(&study, &store).await?;
            let code = if found.is_empty() { EXIT_OK } else { EXIT_MIGRATIONS };
            if self.asked.json {
                let levels: Vec<_> = study.levels.iter().map(|level| as_json(level, &store)).collect();
                let advice: Vec<_> = found.iter().map(advice_json).collect();
                output::line(&json!({"request": self.asked.request, "levels": levels, "advice": advice}).to_string());
                return Ok(code);
            }
            heading(&self.asked, &app, &store);
            let scans: Vec<(&str, &str)> = study
                .levels
                .iter()
                .flat_map(|level| level.scans(store.engine()).into_iter().map(|scan| (level.name.as_str(), scan)))
                .collect();
            if scans.is_empty() {
                output::line("No level reads a whole table.");
                return Ok(code);
            }
            output::line("Read whole:");
            for (level, scan) in scans {
                output::line(&format!("  {level}: {scan}"));
            }
            for advice in &found {
                output::line(&format!("\n{}", output::bold(&advice.statement)));
                output::line(&format!(
                    "  before  {:>9}  {}",
                    millis(advice.time_before),
                    advice.before.join("\n                     ")
                ));
                output::line(&format!(
                    "  after   {:>9}  {}",
                    millis(advice.time_after),
                    advice.after.join("\n                     ")
                ));
            }
            output::line(if found.is_empty() {
                "\nNo index on its columns would be used: the table is small, or the request asks for most of it."
            } else if copy {
                "\nTried on a copy, because a server has the database open; times are of the whole request, the best of five. To keep an index, put \
                 its statement into a new migration."
            } else {
                "\nTried in a transaction that was rolled back; times are of the whole request, the best of five. To keep an index, put its statement \
                 into a new migration."
            });
            Ok(code)
        })
    }
}

fn heading(asked: &Asked, app: &App, store: &Store) {
    output::line(&format!("GET {} as {} on {}\n", asked.request, asked.role(app), engine_name(store.engine())));
}

fn print(level: &Examined) {
    output::line(&output::bold(&level.name));
    output::line(&format!("  {}", level.sql));
    if !level.params.is_empty() {
        output::line(&format!("  parameters: {}", level.shown().join(", ")));
    }
    output::line("  plan:");
    for line in &level.plan {
        output::line(&format!("    {line}"));
    }
    output::line("");
}

fn as_json(level: &Examined, store: &Store) -> serde_json::Value {
    json!({
        "level": level.name,
        "relation": level.relation.to_string(),
        "sql": &*level.sql,
        "parameters": level.shown(),
        "plan": level.plan,
        "full_scans": level.scans(store.engine()),
    })
}

fn advice_json(advice: &Advice) -> serde_json::Value {
    json!({
        "level": advice.level,
        "statement": advice.statement,
        "before": {"plan": advice.before, "us": micros(advice.time_before)},
        "after": {"plan": advice.after, "us": micros(advice.time_after)},
    })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1_000.0)
}
