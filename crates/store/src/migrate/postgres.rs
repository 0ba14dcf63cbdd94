//! Migrations on PostgreSQL: the text as it is, statement by statement, in one transaction per file.

use kernel::Clock;
use sql::ast::{Located, Statement};
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{Client, Transaction};

use super::ddl::transaction_refused;
use super::failure::{MigrationError, Refusal, place};
use super::files::File;
use super::house;
use super::status::{self, Applied, Status};
use super::{Migrator, Outcome, Progress};
use crate::error::{Error, Result, SqlError};
use crate::postgres::PostgresEngine;

/// The advisory lock that a runner holds: "store" and "migr" as numbers.
pub(crate) const LOCK: i64 = 0x7374_6f72_6d69_6772;

/// The driver's error in the store's words.
pub(crate) fn failed(error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(refusal) => SqlError {
            code: refusal.code().code().to_owned(),
            message: refusal.message().to_owned(),
            detail: refusal.detail().map(str::to_owned),
            hint: refusal.hint().map(str::to_owned),
            constraint: refusal.constraint().map(str::to_owned),
            table: refusal.table().map(str::to_owned),
            column: refusal.column().map(str::to_owned),
        }
        .into(),
        None => Error::Unavailable {
            reason: "the connection to PostgreSQL failed".to_owned(),
            retry_after: std::time::Duration::from_secs(1),
        },
    }
}

async fn applied(client: &impl tokio_postgres::GenericClient) -> Result<Vec<Applied>> {
    let sql = "select version, name, checksum, applied_at, duration_ms, statements from mainstay._store_migration order by version";
    let rows = client.query(sql, &[]).await.map_err(|error| failed(&error))?;
    Ok(rows
        .iter()
        .map(|row| Applied {
            version: row.get(0),
            name: row.get(1),
            checksum: row.get(2),
            applied_at: row.get(3),
            duration_ms: row.get(4),
            statements: row.get(5),
        })
        .collect())
}

impl Migrator<'_> {
    /// How the folder and a PostgreSQL database stand to each other.
    pub async fn status_postgres(&self, engine: &PostgresEngine) -> Result<Status> {
        let client = &mut engine.owner().await?;
        house::prepare_postgres(client).await?;
        Ok(status::compare(self.folder, &applied(client).await?))
    }

    /// Applies the pending files to a PostgreSQL database, each in a transaction of its own, over a connection that nobody
    /// else uses. What was applied before a failure stays.
    pub async fn run_postgres(
        &self,
        engine: &PostgresEngine,
        clock: &dyn Clock,
        progress: &mut (dyn FnMut(&Progress<'_>) + Send),
    ) -> Result<Outcome, MigrationError> {
        let client = &mut engine.owner().await?;
        house::prepare_postgres(client).await?;
        let got = client
            .query_one("select pg_try_advisory_lock($1)", &[&(LOCK + 1)])
            .await
            .map_err(|error| failed(&error))?;
        if !got.get::<_, bool>(0) {
            return Err(MigrationError::Locked);
        }
        let result = self.run_locked(client, clock, progress).await;
        // When the connection is gone, so is the lock.
        let unlocked = client.execute("select pg_advisory_unlock($1)", &[&(LOCK + 1)]).await;
        let outcome = result?;
        unlocked.map_err(|error| failed(&error))?;
        Ok(outcome)
    }

    async fn run_locked(
        &self,
        client: &mut Client,
        clock: &dyn Clock,
        progress: &mut (dyn FnMut(&Progress<'_>) + Send),
    ) -> Result<Outcome, MigrationError> {
        let known = applied(client).await?;
        let status = status::compare(self.folder, &known);
        self.judge_status(&status)?;
        let pending = status::pending(self.folder, &known);
        let mut done = Vec::with_capacity(pending.len());
        for (index, file) in pending.iter().enumerate() {
            let pieces = pieces(file)?;
            progress(&Progress::File {
                file: &file.file,
                index: index + 1,
                total: pending.len(),
                statements: pieces.len(),
            });
            let applied = apply(client, clock, file, &pieces, progress).await?;
            progress(&Progress::Applied { file: &file.file, duration_ms: applied.duration_ms });
            done.push(applied);
        }
        Ok(Outcome { applied: done, catalog: None, notices: status.notices })
    }
}

/// A file's statements, those refused that would end its transaction or cannot run in one.
fn pieces(file: &File) -> Result<Vec<Located<&str>>, MigrationError> {
    let pieces = sql::split(&file.text).map_err(|error| Refusal {
        file: file.file.clone(),
        line: error.line,
        column: error.column,
        statement: String::new(),
        reason: SqlError::new("42601", error.message),
    })?;
    for piece in &pieces {
        if let Some(reason) = judge(piece.node) {
            return Err(refusal(file, piece, reason, 0));
        }
    }
    Ok(pieces)
}

/// Why a statement cannot be in a migration on PostgreSQL.
fn judge(text: &str) -> Option<SqlError> {
    let words: Vec<String> = text.split_whitespace().take(4).map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let first = *words.first()?;
    let ends = matches!(first, "begin" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" | "start");
    // Words in a statement that our parser does not know are PostgreSQL's affair.
    if ends
        && matches!(
            sql::parse_statement(text),
            Ok(Statement::Begin(_)
                | Statement::Commit
                | Statement::Rollback
                | Statement::Savepoint(_)
                | Statement::Release(_)
                | Statement::RollbackTo(_))
        )
    {
        return match transaction_refused(first) {
            Error::Sql(reason) => Some(*reason),
            _ => None,
        };
    }
    let concurrent = words.contains(&"concurrently") && matches!(first, "create" | "drop" | "reindex" | "refresh");
    if concurrent && first != "refresh" {
        return Some(
            SqlError::new("25001", format!("{} ... CONCURRENTLY cannot run inside a transaction", first.to_uppercase()))
                .hint("Every migration is a transaction. Leave CONCURRENTLY out, or run the statement by hand and keep IF NOT EXISTS here."),
        );
    }
    if first == "vacuum" {
        return Some(
            SqlError::new("25001", "VACUUM cannot run inside a transaction block")
                .hint("Run it by hand; a migration needs none."),
        );
    }
    None
}

fn refusal(file: &File, piece: &Located<&str>, reason: SqlError, within: usize) -> MigrationError {
    let (line, column) = place(&file.text, piece.offset + within);
    let statement = kind(piece.node);
    Refusal { file: file.file.clone(), line, column, statement, reason }.into()
}

/// What a message calls a statement: what our parser makes of it, or its first two words.
fn kind(text: &str) -> String {
    match sql::parse_statement(text) {
        Ok(statement) => statement.kind().to_owned(),
        Err(_) => text.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_ascii_lowercase(),
    }
}

async fn apply(
    client: &mut Client,
    clock: &dyn Clock,
    file: &File,
    pieces: &[Located<&str>],
    progress: &mut (dyn FnMut(&Progress<'_>) + Send),
) -> Result<Applied, MigrationError> {
    let start = clock.monotonic();
    let transaction = client.transaction().await.map_err(|error| failed(&error))?;
    let total = pieces.len();
    for (index, piece) in pieces.iter().enumerate() {
        let word = piece.node.split_whitespace().next().unwrap_or_default();
        progress(&Progress::Statement { file: &file.file, index: index + 1, total, line: piece.line, kind: word });
        run(&transaction, file, piece).await?;
    }
    let elapsed = clock.monotonic().saturating_sub(start);
    let done = Applied {
        version: file.version,
        name: file.name.clone(),
        checksum: file.checksum.clone(),
        applied_at: clock.now().0,
        duration_ms: i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX),
        statements: i64::try_from(total).unwrap_or(i64::MAX),
    };
    let sql = "insert into mainstay._store_migration (version, name, checksum, applied_at, duration_ms, statements) \
               values ($1, $2, $3, $4, $5, $6)";
    transaction
        .execute(
            sql,
            &[&done.version, &done.name, &done.checksum, &done.applied_at, &done.duration_ms, &done.statements],
        )
        .await
        .map_err(|error| failed(&error))?;
    // What a file sets for its session holds for that file only.
    transaction.batch_execute("reset all; reset role").await.map_err(|error| failed(&error))?;
    let committed = transaction.commit().await;
    committed.map_err(|error| match failed(&error) {
        // A deferred constraint speaks here.
        Error::Sql(reason) => match pieces.last() {
            Some(last) => refusal(file, last, *reason, 0),
            None => Error::Sql(reason).into(),
        },
        other => other.into(),
    })?;
    Ok(done)
}

async fn run(transaction: &Transaction<'_>, file: &File, piece: &Located<&str>) -> Result<(), MigrationError> {
    let Err(error) = transaction.batch_execute(piece.node).await else { return Ok(()) };
    let within = match error.as_db_error().and_then(|refusal| refusal.position()) {
        // In characters from 1.
        Some(ErrorPosition::Original(position)) => {
            let skip = usize::try_from(*position).unwrap_or(1).saturating_sub(1);
            piece.node.char_indices().nth(skip).map_or(0, |(at, _)| at)
        }
        Some(ErrorPosition::Internal { .. }) | None => 0,
    };
    Err(match failed(&error) {
        Error::Sql(reason) => refusal(file, piece, *reason, within),
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_transaction_can_hold_is_refused() {
        for (text, want) in [
            ("begin", Some("25001")),
            ("COMMIT", Some("25001")),
            ("start transaction isolation level serializable", Some("25001")),
            ("savepoint a", Some("25001")),
            ("create index concurrently i on t (a)", Some("25001")),
            ("create unique index concurrently i on t (a)", Some("25001")),
            ("vacuum t", Some("25001")),
            ("create index i on t (a)", None),
            ("select 'begin'", None),
            ("end_of_the_world", None),
        ] {
            assert_eq!(judge(text).map(|reason| reason.code).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_statement_is_named_even_when_it_cannot_be_read() {
        assert_eq!(kind("create table t (a int)"), "create table");
        assert_eq!(kind("create operator family x"), "create operator");
    }
}
