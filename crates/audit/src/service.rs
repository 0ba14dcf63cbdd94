//! What the house does with its log: number, sign, serve, prove, search, verify, and witness others.

use std::sync::{Arc, Mutex, PoisonError};

use crypto::SealKey;
use crypto::tlog::{
    Checkpoint, Cosigner, EMPTY_ROOT, Hash, Note, NoteSigner, ProofFile, Tile, VerifierKey, WitnessRefusal,
    WitnessRequest, consistency_proof, inclusion_proof, witness_decision,
};
use kernel::{Id, Random, SystemRandom};
use store::{Connection, Lane, Scope, Store};

use crate::error::AuditError;
use crate::files::Rows;
use crate::model::{Entry, Record};
use crate::personal::{Personal, Sealed};
use crate::recorder::Recorder;
use crate::refusals::{Refusal, Waiting};
use crate::rules::{Finding, Found, Wanted, may_sign};
use crate::store as rows;
use crate::verify::{Report, Trust, verify};

/// Leaves that are signed for in one transaction.
const ROUND: i64 = 2_048;
/// Entries that are looked at in one read.
const PAGE: u64 = 1_000;
/// How long the whole log may take to be verified or searched.
const LONG: std::time::Duration = std::time::Duration::from_secs(3_600);

type Result<T> = std::result::Result<T, AuditError>;

/// The room.
#[derive(Clone)]
pub struct Audit {
    store: Arc<Store>,
    signer: Arc<NoteSigner>,
    witness: Option<Arc<Witness>>,
    refusals: Arc<Mutex<Waiting>>,
}

/// What the house is a witness for.
#[derive(Debug)]
pub struct Witness {
    /// The key it cosigns with.
    pub cosigner: Cosigner,
    /// The keys of the logs it watches; the name of a key is the log's origin.
    pub logs: Vec<VerifierKey>,
}

fn long() -> Scope {
    Scope { timeout: LONG, ..Scope::default() }
}

impl Audit {
    /// The room over a store. The signer's name is the log's origin.
    pub fn new(store: Arc<Store>, signer: NoteSigner, witness: Option<Witness>) -> Self {
        Self { store, signer: Arc::new(signer), witness: witness.map(Arc::new), refusals: Arc::default() }
    }

    /// The log's public key, which verifiers need.
    pub fn key(&self) -> &VerifierKey {
        self.signer.key()
    }

    /// Remembers that something was refused, until [`Audit::settle`] writes it. Never waits.
    pub fn refused(&self, refusal: Refusal) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).add(refusal);
    }

    /// Writes the refusals that wait. What cannot be written now waits on, in bounds.
    pub async fn settle(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.refusals.is_empty() {
            return Ok(());
        }
        let waiting = Arc::new(waiting);
        let unit = {
            let waiting = waiting.clone();
            move |tx: &mut store::Tx<'_>| -> Result<()> {
                tx.quiet("refusals, which are no events");
                waiting.write(tx.conn(), &SystemRandom)
            }
        };
        let written = self.store.write(Scope::default(), unit).await;
        if written.is_err() {
            let waiting = Arc::try_unwrap(waiting).unwrap_or_else(|shared| (*shared).clone());
            self.refusals.lock().unwrap_or_else(PoisonError::into_inner).put_back(waiting);
        }
        written
    }

    /// Numbers all leaves that wait and signs a checkpoint when there are new ones. Answers the size that is signed; `None` when
    /// another server is at it. To be called now and then, and when somebody cannot wait.
    pub async fn seal(&self) -> Result<Option<u64>> {
        // A look is cheap; most of the time there is nothing new.
        if let Some(size) = self.store.read(Scope::default(), Lane::Short, rows::settled).await? {
            return Ok(Some(size));
        }
        loop {
            let signer = self.signer.clone();
            let round = move |tx: &mut store::Tx<'_>| -> Result<Option<rows::Numbered>> {
                tx.quiet("the audit log's own numbers and checkpoint");
                let Some(numbered) = rows::number(tx.conn(), ROUND)? else { return Ok(None) };
                sign(tx.conn(), &signer, numbered.size)?;
                Ok(Some(numbered))
            };
            match self.store.write(Scope::default(), round).await? {
                None => return Ok(None),
                Some(numbered) if numbered.new < ROUND.unsigned_abs() => return Ok(Some(numbered.size)),
                Some(_) => {}
            }
        }
    }

    /// The present checkpoint.
    pub async fn checkpoint(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.store.read(Scope::default(), Lane::Short, |conn| rows::last_checkpoint(conn)).await?)
    }

    /// The bytes of a tile, if the signed tree has it.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>> {
        Ok(self.store.read(Scope::default(), Lane::Short, move |conn| rows::tile(conn, tile)).await?)
    }

    /// An entry with the proof that it stands in the present checkpoint. The entry is the file's `extra`.
    pub async fn prove(&self, index: u64) -> Result<ProofFile> {
        prove(&self.store, index).await
    }

    /// The proof that the tree of `old` entries is the beginning of that of `new`.
    pub async fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>> {
        let read = move |conn: &mut dyn Connection| -> Result<Vec<Hash>> {
            let signed = last(conn)?.ok_or(AuditError::Empty)?.1.size;
            if new > signed || old > new {
                return Err(AuditError::NoEntry(new.max(old)));
            }
            let proof = rows::tree(conn, new, |read| consistency_proof(read, old, new))?;
            proof.ok_or(AuditError::NoEntry(old))
        };
        self.store.read(Scope::default(), Lane::Short, read).await
    }

    /// Judges a checkpoint of another log and cosigns it: the answer's body. Deciding and remembering are one transaction.
    pub async fn witness(&self, body: &[u8], now_s: u64) -> std::result::Result<String, WitnessError> {
        let Some(witness) = self.witness.clone() else { return Err(WitnessRefusal::Origin.into()) };
        let request = Arc::new(WitnessRequest::parse(body).map_err(WitnessRefusal::Malformed)?);
        let cosign = move |tx: &mut store::Tx<'_>| -> std::result::Result<String, WitnessError> {
            tx.quiet("what was cosigned for another log");
            let origin = crypto::sha256(request.checkpoint.origin.as_bytes());
            rows::hold_witness(tx.conn(), &origin)?;
            let last = rows::cosigned(tx.conn(), &origin)?.map(|(last, _)| last);
            let keys: Vec<VerifierKey> =
                witness.logs.iter().filter(|key| key.name() == request.checkpoint.origin).cloned().collect();
            let keys = (!keys.is_empty()).then_some(&keys[..]);
            let new = witness_decision(&request, keys, last)?;
            let line = witness.cosigner.sign(request.note.text(), now_s);
            let mut note = request.note.clone();
            if note.add(line.clone()).is_ok() {
                rows::keep_cosigned(tx.conn(), &origin, new, &note)?;
            }
            Ok(format!("{line}\n"))
        };
        self.store.write(Scope::default(), cosign).await
    }

    /// The checkpoint that this house cosigned last for the log whose origin has this SHA-256.
    pub async fn witnessed(&self, origin: Hash) -> Result<Option<Vec<u8>>> {
        let read = move |conn: &mut dyn Connection| rows::cosigned(conn, &origin);
        let found = self.store.read(Scope::default(), Lane::Short, read).await?;
        Ok(found.map(|(_, note)| note))
    }
}

/// A checkpoint that was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// By the rules.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// The store could not say.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Signs the tree of this size, unless it is signed already. Refuses to sign a tree that does not extend the one signed last.
fn sign(conn: &mut dyn Connection, signer: &NoteSigner, size: u64) -> Result<()> {
    let last = last(conn)?.map(|(_, checkpoint)| checkpoint);
    let beginning = match &last {
        Some(last) if last.size <= size => rows::root(conn, last.size)?,
        _ => EMPTY_ROOT,
    };
    may_sign(last.as_ref(), &beginning, size)?;
    if last.is_some_and(|last| last.size == size) {
        return Ok(());
    }
    let text = Checkpoint::new(signer.key().name().to_owned(), size, rows::root(conn, size)?).text();
    let broken = |form: crypto::tlog::FormError| store::Error::Internal(form.to_string());
    let mut note = Note::new(text.clone()).map_err(broken)?;
    note.add(signer.sign(&text)).map_err(broken)?;
    rows::keep_checkpoint(conn, size, &note)?;
    Ok(())
}

/// The checkpoint that was signed last.
fn last(conn: &mut dyn Connection) -> Result<Option<(Note, Checkpoint)>> {
    let Some(bytes) = rows::last_checkpoint(conn)? else { return Ok(None) };
    let note = Note::parse(&bytes).map_err(|form| AuditError::Broken(form.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|form| AuditError::Broken(form.to_string()))?;
    Ok(Some((note, checkpoint)))
}

/// An entry with the proof that it stands in the present checkpoint.
pub async fn prove(store: &Store, index: u64) -> Result<ProofFile> {
    let read = move |conn: &mut dyn Connection| -> Result<ProofFile> {
        let (note, checkpoint) = last(conn)?.ok_or(AuditError::Empty)?;
        let path = rows::tree(conn, checkpoint.size, |read| inclusion_proof(read, index, checkpoint.size))?;
        let path = path.ok_or(AuditError::NoEntry(index))?;
        let entry = rows::entries(conn, index, index + 1)?.pop().ok_or(AuditError::NoEntry(index))?.1;
        Ok(ProofFile { extra: Some(entry), index, path, note })
    };
    store.read(Scope::default(), Lane::Short, read).await
}

/// Verifies the log that lies in a store, row by row.
pub async fn verify_store(store: &Store, trust: Trust) -> Result<Report> {
    store.read(long(), Lane::Long, move |conn| verify_rows(conn, &trust)).await
}

fn verify_rows(conn: &mut dyn Connection, trust: &Trust) -> Result<Report> {
    // A checkpoint that cannot be read is a finding; then the rows themselves say how many there are.
    let size = match last(conn) {
        Ok(Some((_, checkpoint))) => checkpoint.size,
        Ok(None) | Err(AuditError::Broken(_)) => rows::size(conn)?,
        Err(error) => return Err(error),
    };
    let mut files = Rows::new(conn, size);
    let mut report =
        verify(&mut files, trust).map_err(|error| AuditError::Store(store::Error::Internal(error.to_string())))?;
    let mut missing = std::mem::take(&mut files.missing);
    missing.sort_unstable();
    missing.dedup();
    // Where a row is missing, nothing was taken for an entry.
    report
        .findings
        .retain(|finding| !matches!(finding, Finding::EntryChanged(at) if missing.binary_search(at).is_ok()));
    report.findings.extend(missing.into_iter().map(Finding::EntryMissing));
    for stranger in rows::strangers(conn, size, 1_000)? {
        report.findings.push(Finding::EntryExtra(u64::try_from(stranger).unwrap_or(u64::MAX)));
    }
    Ok(report)
}

/// Destroys the key of a person, and with it all that the log says about them; its entries stay as they are. Says whether there was a
/// key. What they do afterwards is sealed under a new one.
/// `recorder` is that of the house whose store it is, if it runs.
pub async fn forget(store: &Store, recorder: Option<Arc<Recorder>>, subject: String) -> Result<bool> {
    let unit = move |tx: &mut store::Tx<'_>| -> Result<bool> {
        tx.quiet("a person's key is destroyed");
        if let Some(recorder) = &recorder {
            recorder.forget(&subject);
        }
        Ok(rows::forget_subject(tx.conn(), &subject)?)
    };
    store.write(Scope::default(), unit).await
}

/// What a record says about a person; none when it says nothing, or the person's key was destroyed.
fn person(conn: &mut dyn Connection, record: &Record) -> Result<Option<Personal>> {
    let Some(sealed) = &record.personal else { return Ok(None) };
    let Some(key) = rows::key_by_id(conn, sealed.key)? else { return Ok(None) };
    Ok(sealed.open(&SealKey::new(&key), record.id))
}

/// Looks through the log, the newest entries first, and hands over what is wanted.
pub async fn search(store: &Store, wanted: Wanted) -> Result<Vec<Found>> {
    store
        .read(long(), Lane::Long, move |conn| {
            let mut found = Vec::new();
            let mut end = rows::size(conn)?.min(wanted.before.unwrap_or(u64::MAX));
            while end > 0 && found.len() < wanted.most {
                let begin = end.saturating_sub(PAGE);
                for (index, entry) in rows::entries(conn, begin, end)?.into_iter().rev() {
                    // What is no record cannot be searched for; verification is the place to say so.
                    let Ok(record) = Record::parse(&entry) else { continue };
                    if wanted.takes(&record) && found.len() < wanted.most {
                        let personal = person(conn, &record)?;
                        let is = personal.as_ref().and_then(|personal| personal.subject.as_deref());
                        if wanted.subject.as_deref().is_none_or(|subject| is == Some(subject)) {
                            found.push(Found { index, record, personal, entry });
                        }
                    }
                }
                end = begin;
            }
            Ok(found)
        })
        .await
}

/// Hands over the files of the log up to its present checkpoint: tiles of hashes and entries, then checkpoints, the present one last.
/// `keep` writes a file; what it says ends the export.
pub async fn export<F>(store: &Store, keep: F) -> Result<u64>
where
    F: Fn(&str, &[u8]) -> std::io::Result<()> + Send + Sync + 'static,
{
    let read = move |conn: &mut dyn Connection| -> Result<u64> {
        let (note, checkpoint) = last(conn)?.ok_or(AuditError::Empty)?;
        let keep = |path: &str, bytes: &[u8]| {
            keep(path, bytes).map_err(|error| AuditError::Broken(format!("{path} cannot be written: {error}")))
        };
        for tile in crypto::tlog::tiles_at(checkpoint.size) {
            let bytes = rows::tile(conn, tile)?.ok_or_else(|| AuditError::Broken(format!("{tile} is missing")))?;
            keep(&tile.to_string(), &bytes)?;
        }
        for size in rows::checkpoint_sizes(conn)?.into_iter().filter(|size| *size <= checkpoint.size) {
            if let Some(bytes) = rows::checkpoint(conn, size)? {
                keep(&format!("checkpoints/{size}"), &bytes)?;
            }
        }
        keep("checkpoint", note.to_string().as_bytes())?;
        Ok(checkpoint.size)
    };
    store.read(long(), Lane::Long, read).await
}

/// Seals what a record says about a person, under that person's key, which is made with their first act. Inside the unit of the act.
pub fn seal_for(
    conn: &mut dyn Connection,
    subject: &str,
    personal: &Personal,
    record: Id<Entry>,
    random: &dyn Random,
) -> Result<Sealed> {
    let mut sealed = None;
    conn.as_house(&mut |conn| {
        let (id, key) = rows::key_of(conn, subject, random)?;
        sealed = Some(personal.seal((id, &SealKey::new(&key)), record, random));
        Ok(())
    })?;
    Ok(sealed.ok_or_else(|| store::Error::Internal("a function of the store did not run".to_owned()))?)
}

/// Adds a record to the log, inside the unit of its act.
pub fn append(conn: &mut dyn Connection, record: &Record) -> Result<()> {
    let entry = record.to_entry()?;
    rows::append(conn, &entry)?;
    Ok(())
}
