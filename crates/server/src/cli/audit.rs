//! `mainstay audit`.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ::audit::{Found, LogFiles, Outcome, ReadError, Record, Report, Trust, Wanted, verify};
use clap::{Args, Subcommand};
use crypto::tlog::{Checkpoint, Note, ProofFile, VerifierKey, leaf_hash};
use kernel::Micros;
use serde_json::{Value, json};
use store::Store;
use values::Type;

use super::{AppArgs, Ended, block_on, db, output};
use crate::audit::signer;
use crate::config::App;
use crate::failure::{EXIT_MIGRATIONS, EXIT_OK, Failure};

/// The longest file of a log that is read: a full tile of the longest entries.
const FILE_BYTES_MAX: u64 = 256 * (65_535 + 2);

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Verify an audit log: an app's, row by row, or files without any database; ends with 3 when something is wrong
    #[command(
        after_help = "Examples:\n  mainstay audit verify shop\n  mainstay audit verify --files backup/audit --key 'shop/audit+29a9e8ba+ATtq…'\n  mainstay audit verify shop --known checkpoint.2026-01-01\n\nA checkpoint kept elsewhere (--known) also finds a log that was cut off or rewritten with its own key."
    )]
    Verify(Verify),
    /// Print an entry with the proof that it stands in the log
    #[command(after_help = "Examples:\n  mainstay audit prove shop 1234 > act.tlog-proof")]
    Prove {
        #[command(flatten)]
        app: AppArgs,
        /// The entry's index
        #[arg(long, short)]
        index: u64,
    },
    /// Check a proof file without any database, and print its entry
    #[command(after_help = "Examples:\n  mainstay audit check act.tlog-proof --key 'shop/audit+29a9e8ba+ATtq…'")]
    Check {
        /// The file
        file: PathBuf,
        /// The log's public key
        #[arg(long, value_name = "KEY")]
        key: String,
        /// A witness whose cosignature must not be forged; may be given several times
        #[arg(long, value_name = "KEY")]
        witness: Vec<String>,
    },
    /// Look for records, the newest first
    #[command(
        after_help = "Examples:\n  mainstay audit search shop --action data.row --object public.invoice\n  mainstay audit search shop --outcome refused --since 2026-01-01 --json"
    )]
    Search(Search),
    /// Destroy a person's key: what the log says about them is erased, and every proof stays valid
    #[command(
        after_help = "Examples:\n  mainstay audit forget shop --subject 7c9e6679-7425-40de-944b-e07fc1f90ae7\n\nBackups made before still hold the key."
    )]
    Forget {
        #[command(flatten)]
        app: AppArgs,
        /// The person: the token's `sub`
        #[arg(long)]
        subject: String,
    },
    /// Write the log as files that anyone can verify: tiles, entries, checkpoints
    #[command(after_help = "Examples:\n  mainstay audit export shop --to backup/audit")]
    Export {
        #[command(flatten)]
        app: AppArgs,
        /// The folder, which is made
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Print the log's public key
    #[command(after_help = "Examples:\n  mainstay audit key shop")]
    Key {
        #[command(flatten)]
        app: AppArgs,
    },
}

#[derive(Args)]
pub(super) struct Verify {
    #[command(flatten)]
    app: AppArgs,
    /// Verify the files in this folder instead of an app's database
    #[arg(long, value_name = "FOLDER", requires = "key")]
    files: Option<PathBuf>,
    /// The log's public key [default: the app's]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The key of a witness; may be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// How many witnesses must have cosigned
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    witnesses_min: usize,
    /// A checkpoint of the log that was kept elsewhere; may be given several times
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Search {
    #[command(flatten)]
    app: AppArgs,
    /// This action, or all below it
    #[arg(long)]
    action: Option<String>,
    /// This object, or all below it
    #[arg(long)]
    object: Option<String>,
    /// By this role
    #[arg(long)]
    role: Option<String>,
    /// By this person (the token's `sub`)
    #[arg(long)]
    subject: Option<String>,
    /// done, refused or failed
    #[arg(long)]
    outcome: Option<String>,
    /// For the request of this id
    #[arg(long)]
    request: Option<String>,
    /// Not before this time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Below this index
    #[arg(long, value_name = "INDEX")]
    before: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Print a line of JSON for each
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn run(self) -> Ended {
        match self {
            Self::Verify(command) => command.run(),
            Self::Prove { app, index } => {
                let app = app.load(None)?;
                block_on(async {
                    let file = ::audit::prove(&*store(&app).await?, index).await?;
                    output::line(file.to_string().trim_end_matches('\n'));
                    Ok(EXIT_OK)
                })
            }
            Self::Check { file, key, witness } => check(&file, &key, &witness),
            Self::Search(command) => command.run(),
            Self::Forget { app, subject } => {
                let app = app.load(None)?;
                block_on(async {
                    let database = db::open(&app).await?;
                    let catalog = Arc::new(database.catalog().await?);
                    let known = ::audit::forget(&database.into_store(catalog), None, subject).await?;
                    output::line(if known { "The key is destroyed." } else { "The log knows no such person." });
                    Ok(EXIT_OK)
                })
            }
            Self::Export { app, to } => {
                let app = app.load(None)?;
                block_on(export(&app, to))
            }
            Self::Key { app } => {
                let app = app.load(None)?;
                output::line(&signer(&app)?.key().to_string());
                Ok(EXIT_OK)
            }
        }
    }
}

/// The store of an app, to look at it.
pub(super) async fn store(app: &App) -> Result<Arc<Store>, Failure> {
    let database = db::look(app).await?;
    let catalog = Arc::new(database.catalog().await?);
    Ok(Arc::new(database.into_store(catalog)))
}

fn key(text: &str) -> Result<VerifierKey, Failure> {
    text.trim().parse().map_err(|form| Failure::Usage(format!("{text}: {form}")))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

impl Verify {
    fn run(self) -> Ended {
        let app = match self.files {
            Some(_) => None,
            None => Some(self.app.load(None)?),
        };
        let log = match (&self.key, &app) {
            (Some(text), _) => key(text)?,
            (None, Some(app)) => signer(app)?.key().clone(),
            (None, None) => return Err(Failure::Usage("--files needs --key".to_owned())),
        };
        let witnesses = self.witness.iter().map(|text| key(text)).collect::<Result<_, _>>()?;
        let known = self.known.iter().map(|path| known(path, &log)).collect::<Result<_, _>>()?;
        let trust = Trust { log, witnesses, witnesses_min: self.witnesses_min, known };
        let report = match (&self.files, &app) {
            (Some(folder), _) => {
                let mut files = Folder(folder.clone());
                verify(&mut files, &trust).map_err(|error| Failure::Other(error.to_string()))?
            }
            (None, Some(app)) => {
                let mut report = None;
                block_on(async {
                    report = Some(::audit::verify_store(&*store(app).await?, trust).await?);
                    Ok(EXIT_OK)
                })?;
                report.ok_or_else(|| Failure::Other("the log could not be verified".to_owned()))?
            }
            (None, None) => return Err(Failure::Usage("name an app, or --files".to_owned())),
        };
        print(&report, self.json);
        Ok(if report.is_clean() { EXIT_OK } else { EXIT_MIGRATIONS })
    }
}

fn print(report: &Report, json: bool) {
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    let checkpoint = report.checkpoint.as_ref();
    if json {
        let all = json!({
            "origin": checkpoint.map(|checkpoint| &checkpoint.origin),
            "size": checkpoint.map(|checkpoint| checkpoint.size),
            "root": checkpoint.map(|checkpoint| crypto::hex(&checkpoint.root)),
            "verified": report.entries,
            "findings": findings,
            "more": report.more,
        });
        output::line(&all.to_string());
        return;
    }
    for finding in &findings {
        output::line(finding);
    }
    if report.more {
        output::line("and more");
    }
    match checkpoint {
        Some(checkpoint) if findings.is_empty() => output::line(&format!(
            "{}: all {} entries are as they were signed, root {}",
            checkpoint.origin,
            checkpoint.size,
            crypto::hex(&checkpoint.root)
        )),
        Some(checkpoint) => output::line(&format!(
            "{}: {} of {} entries are as they were signed",
            checkpoint.origin, report.entries, checkpoint.size
        )),
        None => output::line("There is no checkpoint to hold the log against."),
    }
}

/// A checkpoint that was kept; it must be the log's own.
fn known(path: &Path, log: &VerifierKey) -> Result<Checkpoint, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
    let note = Note::parse(&read(path)?).map_err(|form| wrong(form.to_string()))?;
    note.verify(std::slice::from_ref(log)).map_err(|error| wrong(error.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|form| wrong(form.to_string()))?;
    if checkpoint.origin == log.name() { Ok(checkpoint) } else { Err(wrong("it is of another log".to_owned())) }
}

fn check(file: &Path, log: &str, witnesses: &[String]) -> Ended {
    let log = key(log)?;
    let witnesses: Vec<VerifierKey> = witnesses.iter().map(|text| key(text)).collect::<Result<_, _>>()?;
    let wrong = |why: String| Failure::Other(format!("{}: {why}", file.display()));
    let proof = ProofFile::parse(&read(file)?).map_err(|form| wrong(form.to_string()))?;
    let entry = proof.extra.as_deref().ok_or_else(|| wrong("it does not hold its entry".to_owned()))?;
    match proof.verify(&leaf_hash(entry), &log, &witnesses) {
        Ok(checkpoint) => {
            output::line(&String::from_utf8_lossy(entry));
            output::note(&format!(
                "entry {} of {}, of {} that are signed",
                proof.index, checkpoint.origin, checkpoint.size
            ));
            Ok(EXIT_OK)
        }
        Err(error) => {
            output::error(&format!("{}: {error}", file.display()));
            Ok(EXIT_MIGRATIONS)
        }
    }
}

impl Search {
    fn run(self) -> Ended {
        let app = self.app.load(None)?;
        let outcome = self.outcome.as_deref().map(|word| {
            let known = Outcome::parse(word);
            known.ok_or_else(|| Failure::Usage(format!("{word}: the outcome is done, refused or failed")))
        });
        let wanted = Wanted {
            action: self.action,
            object: self.object,
            role: self.role,
            subject: self.subject,
            outcome: outcome.transpose()?,
            request: self.request,
            since: self.since.as_deref().map(time).transpose()?,
            until: self.until.as_deref().map(time).transpose()?,
            before: self.before,
            most: self.limit,
        };
        block_on(async {
            for found in ::audit::search(&*store(&app).await?, wanted).await? {
                output::line(&if self.json { as_json(&found) } else { as_text(&found) });
            }
            Ok(EXIT_OK)
        })
    }
}

/// A time in PostgreSQL's syntax for `timestamptz`, UTC where it does not say.
fn time(text: &str) -> Result<Micros, Failure> {
    let wrong = || Failure::Usage(format!("{text} is no time; write it like 2026-01-31T08:00:00Z"));
    match values::input(&Type::TimestampTz(None), text) {
        Ok(values::Value::Text(stored)) => values::datetime::timestamp_us(&stored).map(Micros).ok_or_else(wrong),
        Ok(_) | Err(_) => Err(wrong()),
    }
}

fn as_json(found: &Found) -> String {
    let entry: Value = serde_json::from_slice(&found.entry).unwrap_or_default();
    let personal = found
        .personal
        .as_ref()
        .map(|personal| json!({"address": personal.address, "session": personal.session, "subject": personal.subject}));
    json!({"index": found.index, "record": entry, "personal": personal}).to_string()
}

fn as_text(found: &Found) -> String {
    let Record { at, actor, action, object, outcome, reason, .. } = &found.record;
    let reason = reason.as_ref().map_or_else(String::new, |reason| format!("  {reason}"));
    format!("{:>8}  {at}  {:<8}  {:<14}  {action}  {object}{reason}", found.index, outcome.as_str(), actor.role)
}

async fn export(app: &App, to: PathBuf) -> Ended {
    let store = store(app).await?;
    let folder = to.clone();
    let keep = move |path: &str, bytes: &[u8]| -> io::Result<()> {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)
    };
    let size = ::audit::export(&store, keep).await?;
    fs::write(to.join("key"), format!("{}\n", signer(app)?.key()))
        .map_err(|error| Failure::Other(format!("{}: {error}", to.display())))?;
    output::line(&format!("{size} entries in {}", to.display()));
    output::line(&format!("mainstay audit verify --files {} --key '{}'", to.display(), signer(app)?.key()));
    Ok(EXIT_OK)
}

/// A folder with the files of a log.
struct Folder(PathBuf);

impl LogFiles for Folder {
    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let path = self.0.join(path);
        match fs::metadata(&path) {
            Ok(found) if found.len() > FILE_BYTES_MAX => Err(format!("{}: too large", path.display()).into()),
            Ok(_) => Ok(Some(fs::read(&path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, ReadError> {
        let (mut paths, mut folders) = (Vec::new(), vec![self.0.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))? {
                let entry = entry?;
                // A link could lead back up.
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if let Ok(below) = entry.path().strip_prefix(&self.0) {
                    let parts: Vec<_> = below.components().map(Component::as_os_str).collect();
                    paths.push(parts.join("/".as_ref()).to_string_lossy().into_owned());
                }
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_database_reads_them() {
        for (text, at) in [
            ("2026-01-31T08:00:00Z", Some(1_769_846_400_000_000)),
            ("2026-01-31 09:00:00+01", Some(1_769_846_400_000_000)),
            ("2026-01-31", Some(1_769_817_600_000_000)),
            ("yesterday-ish", None),
        ] {
            assert_eq!(time(text).ok().map(|time| time.0), at, "{text}");
        }
    }
}
