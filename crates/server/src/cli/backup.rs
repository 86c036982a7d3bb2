//! `latchkey backup`, `latchkey restore` and `latchkey import`: the whole database as a file, and a database of such a
//! file.

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use data_encoding::HEXLOWER;
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use latchkey_crypto::{
    clock::SystemClock,
    entropy::SystemEntropy,
    proofs::{KeptEvidence, check_kept_key},
};
use latchkey_domain::{
    credential::{CredentialKind, key::PublicKey},
    time::Timestamp,
};
use latchkey_service::{
    events::{Event, LeftEvents},
    ports::{clock::Clock as _, entropy::Entropy as _},
};
use latchkey_storage::{
    backup::{self, BackupError, Header, Reading, Row, Summary},
    private,
    store::SqlStore,
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{info, warn};

use super::{
    Failure,
    answer::{answer, say},
    date::date,
    output,
};
use crate::{
    beginning,
    config::Settings,
    lifecycle::stop_signal,
    secrets::{self, folder_of},
};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to make, or - for standard output. It is compressed (gzip), and for its owner alone.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup, or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The secrets that belong to the backup are lost: bind the database to those there are, or to new ones. Every
    /// session, every code and every message that waits ends; users and credentials stay.
    #[arg(long)]
    new_secrets: bool,
}

/// What a database is filled with a backup for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// To go back to the moment of the backup. What ended since would live again, so all of it ends.
    Return,
    /// To move from the database of the backup, which nobody changes any more. Nothing is lost by it.
    Move,
}

/// How old a backup may be that is moved with, and nobody wonders: it was made when everything had been stopped.
const MOVED_WITHIN: Duration = Duration::from_hours(1);

impl Goal {
    /// What is done with the backup, as its command calls it.
    const fn done(self) -> &'static str {
        match self {
            Self::Return => "restored",
            Self::Move => "imported",
        }
    }
}

/// How many signatures of each kind of credential are verified.
const SIGNATURES: u64 = 100;

/// What is said of a backup that was made.
#[derive(Serialize)]
struct BackupAnswer {
    file: String,
    rows: BTreeMap<String, u64>,
    sha256: String,
}

/// What is said of a backup that was restored.
#[derive(Serialize)]
struct RestoreAnswer {
    made: String,
    organizations: u64,
    rows: BTreeMap<String, u64>,
    sha256: String,
    #[serde(rename = "sessionsEnded")]
    sessions_ended: bool,
    checked: BTreeMap<&'static str, Checked>,
}

/// What of the credentials of a kind was looked at, and found to be as it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Checked {
    keys: u64,
    signatures: u64,
    failed: u64,
}

pub(super) async fn backup(request: &Backup, settings: &Settings) -> Result<(), Failure> {
    if !beginning::has_file(settings)? {
        return Err(beginning::no_installation(settings)?.into());
    }
    if is_standard(&request.file) {
        if output::is_terminal() {
            return Err("a backup is nothing to look at: send it to a program or a file".into());
        }
        let store = beginning::store(settings).await?;
        let written = write(&store, BufWriter::new(output::stream())).await;
        let written = written.and_then(|(mut out, _summary)| Ok(out.flush()?));
        if written.is_ok() {
            leave(&store, Event::WriteBackup).await;
        }
        let closed = store.close().await;
        written?;
        closed?;
    } else {
        let file = std::path::absolute(&request.file)?;
        let store = beginning::store(settings).await?;
        let stop = stop_signal(1)?;
        let written = write_file(&store, &file, stop).await;
        if written.is_ok() {
            leave(&store, Event::WriteBackup).await;
        }
        let closed = store.close().await;
        let summary = written?;
        closed?;
        answer(&BackupAnswer {
            file: file.display().to_string(),
            rows: summary.rows,
            sha256: summary.sha256,
        })?;
    }
    let secrets = secrets::place(&settings.secrets);
    say(&format!(
        "the secrets ({secrets}) are not in this backup: keep a copy of them elsewhere. Without them every session, \
         code and message in it is void"
    ));
    Ok(())
}

/// Leaves word of it for the processes that serve the database. One that takes no changes, or has an older schema,
/// takes none either, and then this log alone tells it.
async fn leave(store: &SqlStore, event: Event) {
    let store = Arc::new(store.clone());
    let left = LeftEvents::of(Arc::new(SystemClock), Arc::new(SystemEntropy), store);
    left.leave(event).await;
}

/// Writes a backup, packed, and gives back what it was written to.
async fn write<W: Write>(store: &SqlStore, out: W) -> Result<(W, Summary), Failure> {
    let mut packed = GzEncoder::new(out, Compression::fast());
    let release = env!("CARGO_PKG_VERSION");
    let made = date(SystemClock.now());
    let summary = backup::write(store, release, made, &mut packed).await?;
    Ok((packed.finish()?, summary))
}

/// Makes the file of a backup, unless it is told to `stop`. It has its name only when it is whole, and takes no other
/// file's place.
async fn write_file(
    store: &SqlStore,
    file: &Path,
    stop: impl Future<Output = ()>,
) -> Result<Summary, Failure> {
    let found = private::look(file).map_err(about(file, "cannot be looked at"))?;
    if let Some(found) = found {
        let file = file.display();
        return Err(if found.is_dir() {
            format!("{file} is a folder: name a file in it")
        } else {
            format!("there is a file {file} already: name another one")
        }
        .into());
    }
    let folder = folder_of(file);
    let draft = draft_of(file);
    let made = private::make_file(&draft).map_err(about(folder, "takes no new file"))?;
    let drafted = tokio::select! {
        biased;
        () = stop => Err("stopped before the backup was whole: there is none".into()),
        drafted = write_draft(store, made) => drafted,
    };
    let finished = drafted.and_then(|summary| {
        private::publish(&draft, file).map_err(about(file, "cannot be made"))?;
        let kept = File::open(folder).and_then(|folder| folder.sync_all());
        kept.map_err(about(folder, "cannot be made durable"))?;
        Ok(summary)
    });
    if finished.is_err() {
        // What went wrong before is what is told.
        let _removed = fs::remove_file(&draft);
    }
    finished
}

/// What went wrong with a file.
fn about(file: &Path, what: &str) -> impl FnOnce(io::Error) -> Failure {
    let told = format!("{} {what}", file.display());
    move |error| format!("{told}: {error}").into()
}

async fn write_draft(store: &SqlStore, file: File) -> Result<Summary, Failure> {
    let (out, summary) = write(store, BufWriter::new(file)).await?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(summary)
}

/// The file beside, as long as it is not whole.
fn draft_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    // Processes of several containers may have the same number.
    let [first, second, third, fourth, ..] = SystemEntropy.draw();
    let random = HEXLOWER.encode(&[first, second, third, fourth]);
    name.push(format!(".{random}.draft"));
    name.into()
}

pub(super) async fn restore(
    request: &Restore,
    settings: &Settings,
    goal: Goal,
) -> Result<(), Failure> {
    let opened = open(&request.file, goal)?;
    let reading = Reading::begin(opened).map_err(of_file(&request.file, goal))?;
    let header = reading.header().clone();
    let steps = known_steps(&header)?;
    if goal == Goal::Move
        && let Some(age) = old_to_move(&header.made, SystemClock.now())
    {
        warn!(
            made = header.made,
            hours = age.as_secs() / 3600,
            "this backup is old for a move: sessions and codes that ended since live again, and so does what was \
             used up since; `latchkey restore` ends all sessions and codes"
        );
    }
    let lost = require_secrets(&header, settings, request.new_secrets)?;
    let ending = Ending {
        goal,
        rebinds: lost.map(|lost| (lost, settings)),
    };
    let store = beginning::store(settings).await?;
    let mut checks = Checks::default();
    let restored = fill(&store, reading, steps, &mut checks, &ending).await;
    if restored.is_ok() {
        leave(&store, Event::RestoreBackup).await;
    }
    let closed = store.close().await;
    let summary = restored.map_err(of_file(&request.file, goal))?;
    closed?;
    answer(&RestoreAnswer {
        made: header.made,
        organizations: header.organizations,
        rows: summary.rows,
        sha256: summary.sha256,
        sessions_ended: ending.ends_sessions(),
        checked: checks.0,
    })
}

/// How old a backup is that is to be moved with, if that is so old that much may have ended since.
fn old_to_move(made: &str, now: Timestamp) -> Option<Duration> {
    let made = OffsetDateTime::parse(made, &Rfc3339).ok()?;
    let made = i64::try_from(made.unix_timestamp_nanos() / 1_000_000).ok()?;
    let age = now.since(Timestamp::from_unix_milliseconds(made));
    (age > MOVED_WITHIN).then_some(age)
}

/// Whose fault it is.
fn of_file<E: Into<Failure>>(file: &Path, goal: Goal) -> impl FnOnce(E) -> Failure {
    let file = if is_standard(file) {
        "standard input".to_owned()
    } else {
        file.display().to_string()
    };
    move |error| Unusable(file, goal.done(), error.into()).into()
}

/// A backup that is not restored or imported, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not {1}")]
struct Unusable(String, &'static str, #[source] Box<dyn Error + Send + Sync>);

/// What everything that gzip has packed begins with (RFC 1952, section 2.3.1).
const PACKED: [u8; 2] = [0x1f, 0x8b];

fn open(file: &Path, goal: Goal) -> Result<Box<dyn BufRead>, Failure> {
    let mut packed: Box<dyn BufRead> = if is_standard(file) {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(file);
        let opened = opened.map_err(about(file, "cannot be read"))?;
        Box::new(BufReader::new(opened))
    };
    // Of something short, who unpacks it says that it ends too early, whatever it is.
    let first = packed.fill_buf().map_err(about(file, "cannot be read"))?;
    if first.iter().zip(&PACKED).any(|(one, other)| one != other) || first.is_empty() {
        return Err(of_file::<BackupError>(file, goal)(BackupError::Foreign));
    }
    Ok(Box::new(BufReader::new(GzDecoder::new(packed))))
}

/// How many steps the schema of the backup has, all of which this release knows.
fn known_steps(header: &Header) -> Result<usize, Failure> {
    let known = latchkey_migrations::names();
    if known.starts_with(&header.steps) {
        return Ok(header.steps.len());
    }
    let unknown = header.steps.iter().find(|step| !known.contains(step));
    let unknown = unknown.map_or("another order of steps", String::as_str);
    Err(format!(
        "the backup was made by release {}, whose schema this one ({}) does not know ({unknown}): it takes \
         that release or a newer one",
        header.release,
        env!("CARGO_PKG_VERSION")
    )
    .into())
}

/// Requires that the secrets of this installation are those of the backup, or take their place. If they are neither,
/// gives the fingerprint of those that are lost, from which the database is to be bound anew; nothing is made yet.
fn require_secrets(
    header: &Header,
    settings: &Settings,
    may_be_others: bool,
) -> Result<Option<String>, Failure> {
    let Some(wanted) = &header.secrets_fingerprint else {
        return Ok(None);
    };
    let place = secrets::place(&settings.secrets);
    let kept = match secrets::find(&settings.secrets)? {
        None if may_be_others => return Ok(Some(wanted.clone())),
        None => {
            return Err(format!(
                "the secrets of the backup (fingerprint {wanted}) are not in {place}: put their file there, or name \
                 it (secrets.path). If they are lost, say --new-secrets"
            )
            .into());
        }
        Some(kept) => kept,
    };
    let own = kept.fingerprint();
    if own == *wanted || kept.take_the_place_of(wanted) {
        return Ok(None);
    }
    if may_be_others {
        return Ok(Some(wanted.clone()));
    }
    Err(format!(
        "the backup belongs to other secrets (fingerprint {wanted}) than those in {place} (fingerprint {own}): put \
         their file there, or name it (secrets.path). If they are lost, say --new-secrets"
    )
    .into())
}

/// What is done at last with a database that is filled, before that lasts.
struct Ending<'a> {
    goal: Goal,
    /// The fingerprint of secrets that are lost, and where those are, or are made, that take their place.
    rebinds: Option<(String, &'a Settings)>,
}

impl Ending<'_> {
    /// Whether sessions end: with the secrets, too.
    const fn ends_sessions(&self) -> bool {
        matches!(self.goal, Goal::Return) || self.rebinds.is_some()
    }
}

/// Fills the database as one change: all of the backup, at the newest schema, or nothing.
async fn fill(
    store: &SqlStore,
    reading: Reading<Box<dyn BufRead>>,
    steps: usize,
    checks: &mut Checks,
    ending: &Ending<'_>,
) -> Result<Summary, Failure> {
    let transaction = latchkey_migrations::begin(store.connection()).await?;
    let filled = async {
        backup::require_empty(&transaction).await?;
        latchkey_migrations::begin_anew(&transaction, steps).await?;
        info!(steps, "made the schema of the backup");
        let summary = backup::fill(&transaction, reading, |row| checks.check(row)).await?;
        latchkey_migrations::up_in(&transaction).await?;
        let newer = latchkey_migrations::names().len().saturating_sub(steps);
        if newer > 0 {
            info!(steps = newer, "brought the schema of the backup up to date");
        }
        if ending.goal == Goal::Return {
            backup::end_everything(&transaction, SystemClock.now()).await?;
        }
        if let Some((lost, settings)) = &ending.rebinds {
            // Where there are none they are made, now that the backup is known to be whole. They last before the
            // database does, so whatever fails, the same command works the next time; the other way round there
            // might be a database that belongs to secrets which nobody has.
            let kept = secrets::open(&settings.secrets, &SystemEntropy, &SystemClock)?;
            if !backup::rebind(&transaction, lost, &kept.fingerprint()).await? {
                return Err(
                    "the database is not bound to the secrets that the backup names".into(),
                );
            }
        }
        Ok::<_, Failure>(summary)
    };
    match filled.await {
        Ok(summary) => {
            transaction.commit().await?;
            Ok(summary)
        }
        Err(error) => {
            // Closing the connection takes it back as well.
            let _taken_back = transaction.rollback().await;
            Err(error)
        }
    }
}

/// What was checked of each kind of credential: that the key that is kept verifies, and that signatures of actions
/// hold. What does not is restored as it was, and told.
#[derive(Debug, Default)]
struct Checks(BTreeMap<&'static str, Checked>);

impl Checks {
    fn check(&mut self, row: Row<'_>) {
        let signature = match row.table {
            "credentials" => None,
            "user_actions" => Some("signature"),
            _ => return,
        };
        let id = row.text("id").unwrap_or_default();
        let kind = row.text("kind");
        let kind = kind.and_then(|kind| kind.parse::<CredentialKind>().ok());
        let key = row.bytes("public_key").map(<[u8]>::to_vec);
        let (Some(kind), Some(key)) = (kind, key) else {
            warn!(
                table = row.table,
                id, "it is of no known kind, or has no key"
            );
            return;
        };
        let key = PublicKey::from_spki_der(key);
        let checked = self.0.entry(kind.as_str()).or_default();
        let holds = match signature {
            None => {
                checked.keys += 1;
                check_kept_key(kind, &key)
            }
            Some(_) if checked.signatures >= SIGNATURES => Ok(()),
            Some(signature) => {
                checked.signatures += 1;
                KeptEvidence {
                    kind,
                    public_key: &key,
                    algorithm: row.text("algorithm"),
                    client_data: row.bytes("client_data").unwrap_or_default(),
                    authenticator_data: row.bytes("authenticator_data"),
                    signature: row.bytes(signature).unwrap_or_default(),
                }
                .verify()
            }
        };
        if let Err(error) = holds {
            checked.failed += 1;
            warn!(
                table = row.table,
                id,
                %error,
                "it is as it was in the backup, and cannot be verified"
            );
        }
    }
}

fn is_standard(file: &Path) -> bool {
    file == Path::new("-")
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn a_backup_is_old_to_move_with_after_an_hour() {
        let made = Timestamp::from_unix_milliseconds(1_700_000_000_007);
        let hour = Duration::from_hours(1);
        let millisecond = Duration::from_millis(1);
        for (now, old) in [
            (made.minus(hour), None),
            (made, None),
            (made.plus(hour), None),
            (made.plus(hour + millisecond), Some(hour + millisecond)),
        ] {
            assert_eq!(old_to_move(&date(made), now), old);
        }
        assert_eq!(old_to_move("today", made), None);
    }

    #[tokio::test]
    async fn a_backup_that_is_not_made_leaves_nothing_and_says_what_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/data/x.db", folder.path().display());
        let store = beginning::store(&settings).await.unwrap();
        latchkey_migrations::up(store.connection()).await.unwrap();
        let backups = folder.path().join("backups");
        fs::create_dir(&backups).unwrap();
        let file = backups.join("latchkey.backup");
        let names = || {
            let found = fs::read_dir(&backups).unwrap();
            found
                .map(|entry| entry.unwrap().file_name())
                .collect::<Vec<_>>()
        };

        let refused = write_file(&store, &file, ready(())).await.err().unwrap();
        assert!(refused.to_string().starts_with("stopped"), "{refused}");
        assert!(names().is_empty(), "{:?}", names());

        write_file(&store, &file, pending()).await.unwrap();
        assert_eq!(names(), ["latchkey.backup"]);
        for (file, says) in [
            (file.clone(), "there is a file"),
            (backups.clone(), "is a folder: name a file in it"),
            (backups.join("deeper/x"), "deeper takes no new file"),
        ] {
            let refused = write_file(&store, &file, pending()).await.err().unwrap();
            assert!(refused.to_string().contains(says), "{refused}");
        }
        assert_eq!(names(), ["latchkey.backup"]);
        store.close().await.unwrap();
    }
}
