//! The command line.

use std::path::PathBuf;
use std::time::Duration;

/// Whatever went wrong, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Args {
    /// Short windows, few rounds.
    pub quick: bool,
    /// JSON instead of a table.
    pub json: bool,
    /// The server to measure.
    pub binary: Option<PathBuf>,
    /// A superuser's URL.
    pub postgres: Option<String>,
    /// Where databases are made.
    pub dir: PathBuf,
    /// Only cases whose name holds this.
    pub only: Option<String>,
    /// Rounds, when not the usual number.
    pub rounds: Option<usize>,
    /// PostgREST's binary.
    pub postgrest: Option<PathBuf>,
    /// PocketBase's binary.
    pub pocketbase: Option<PathBuf>,
    /// A flush takes at least this many milliseconds, in the floor and in the server.
    pub flush_ms: Option<f64>,
    /// Words that are no options.
    pub words: Vec<String>,
}

impl Args {
    /// Reads them.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut args = Self {
            quick: false,
            json: false,
            binary: None,
            postgres: None,
            dir: std::env::temp_dir().join("mainstay-benches"),
            only: None,
            rounds: None,
            postgrest: None,
            pocketbase: None,
            flush_ms: None,
            words: Vec::new(),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => args.quick = true,
                "--json" => args.json = true,
                "--binary" => args.binary = Some(value()?.into()),
                "--postgres" => args.postgres = Some(value()?),
                "--dir" => args.dir = value()?.into(),
                "--only" => args.only = Some(value()?),
                "--rounds" => args.rounds = Some(value()?.parse()?),
                "--postgrest" => args.postgrest = Some(value()?.into()),
                "--pocketbase" => args.pocketbase = Some(value()?.into()),
                "--flush-ms" => args.flush_ms = Some(value()?.parse()?),
                option if option.starts_with("--") => return Err(format!("there is no option {option}").into()),
                _ => args.words.push(word),
            }
        }
        Ok(args)
    }

    /// How long one window is.
    pub fn window(&self) -> Duration {
        if self.quick { Duration::from_millis(700) } else { Duration::from_secs(2) }
    }

    /// How many windows each case gets.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 })
    }

    /// Is this case wanted.
    pub fn wants(&self, case: &str) -> bool {
        self.only.as_ref().is_none_or(|word| case.contains(word.as_str()))
    }
}
