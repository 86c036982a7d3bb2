//! Looks through the whole installation: what is wrong or weak, and what to do. Nothing is made or changed.

use std::{
    fs,
    path::{self, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use latchkey_crypto::{
    clock::SystemClock,
    secrets::{PUBLISHED_AFTER, PUBLISHED_BEFORE, Secrets, SigningKeyState},
};
use latchkey_domain::{organization::Organization, text::counted, time::Timestamp};
use latchkey_mail::smtp::Smtp;
use latchkey_service::{
    directory::Directory,
    ports::{
        Stores,
        administration_store::OrganizationEntry,
        clock::Clock as _,
        installation_store::{Installation, InstallationStore as _},
        mailer::DeliveryError,
    },
};
use latchkey_storage::{connect::sqlite_file, private, store::SqlStore};
use serde::Serialize;

use self::place::Place;
use crate::{
    beginning::{self, BeginningError, OpenError, Prospect},
    causes::chain,
    config::{Settings, mail::Transport},
    secrets::{self, OpenSecretsError},
};

mod client;
mod place;

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and could be better.
    Warning,
    /// It does not work, or not for everybody.
    Problem,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) area: &'static str,
    pub(crate) state: State,
    /// What it is.
    pub(crate) says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

/// Everything that was found in one area.
struct Findings<'all> {
    area: &'static str,
    all: &'all mut Vec<Finding>,
}

impl Findings<'_> {
    fn ok(&mut self, says: impl Into<String>) {
        self.add(State::Ok, says.into(), None);
    }

    fn warning(&mut self, says: impl Into<String>, advice: impl Into<String>) {
        self.add(State::Warning, says.into(), Some(advice.into()));
    }

    fn problem(&mut self, says: impl Into<String>, advice: impl Into<String>) {
        self.add(State::Problem, says.into(), Some(advice.into()));
    }

    fn add(&mut self, state: State, says: String, advice: Option<String>) {
        self.all.push(Finding {
            area: self.area,
            state,
            says,
            advice: advice.filter(|advice| !advice.is_empty()),
        });
    }
}

/// How far two clocks may differ without anybody noticing, and how far at all: tokens live for minutes.
const CLOCKS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];

/// How much room the disk of SQLite must have: as much as its write-ahead log takes before it begins anew.
const ROOM: u64 = 16 * 1024 * 1024;

/// How long a key should sign.
const AGE_OF_A_KEY: Duration = Duration::from_hours(365 * 24);

/// What to do where the secrets of the database are not here.
const OTHERS_HAVE_THEM: &str = "give this process the secrets that the others with this database have, or those of its \
                                backup";

/// Looks through everything. The mail server is asked whether it takes mail for `mail_to`, or for the sender.
pub(crate) async fn examine(settings: &Settings, mail_to: Option<&str>) -> Vec<Finding> {
    let mut all = Vec::new();
    // As who opens them looks for them.
    let secrets = secrets::find(&settings.secrets);
    let has_secrets = !matches!(secrets, Ok(None));
    let (store, prospect) = Box::pin(database(settings, has_secrets, &mut all)).await;
    let mut found = Findings {
        area: "secrets",
        all: &mut all,
    };
    let secrets = secrets_of(settings, secrets, &prospect, &mut found);
    if let Some(secrets) = &secrets {
        keys(secrets, SystemClock.now(), &mut found);
        if let Ok(Prospect {
            installation: Some(installation),
            ..
        }) = &prospect
        {
            belongs(installation, secrets, &mut found);
        }
    }
    let mut has_several_users = true;
    match (&store, prospect) {
        (Some(store), Ok(Prospect { pending, .. })) if pending.is_empty() => {
            let stores = Stores::of(Arc::new(store.clone()));
            if let Ok(population) = stores.administration.population().await {
                has_several_users = population.has_several_users;
            }
            Box::pin(applications(settings, stores, secrets.as_ref(), &mut all)).await;
        }
        _ => {
            for area in ["applications", "public"] {
                let mut found = Findings {
                    area,
                    all: &mut all,
                };
                found.warning("not looked at, since database and secrets come first", "");
            }
        }
    }
    configuration(settings, has_several_users, &mut all);
    Box::pin(mail(settings, mail_to, &mut all)).await;
    if let Some(store) = store
        && let Err(error) = store.close().await
    {
        let mut found = Findings {
            area: "database",
            all: &mut all,
        };
        found.warning(chain(&error), "see whether something else keeps it busy");
    }
    all
}

fn configuration(settings: &Settings, has_several_users: bool, all: &mut Vec<Finding>) {
    let mut found = Findings {
        area: "configuration",
        all,
    };
    let weaknesses = settings.weaknesses(has_several_users);
    if weaknesses.is_empty() {
        found.ok("nothing in it weakens the installation");
    }
    for weakness in weaknesses {
        found.warning(weakness, "");
    }
}

/// The database, if it is there and can be met, and what a start of the service comes to.
async fn database(
    settings: &Settings,
    has_secrets: bool,
    all: &mut Vec<Finding>,
) -> (Option<SqlStore>, Result<Prospect, OpenError>) {
    let mut found = Findings {
        area: "database",
        all,
    };
    if let Ok(Some(file)) = sqlite_file(&settings.database.url) {
        writes(&file, &mut found);
    }
    let store = match beginning::has_file(settings) {
        Ok(true) => beginning::store(settings).await.map(Some),
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    let (store, prospect) = match store {
        Ok(store) => {
            let prospect = beginning::prospect(settings, has_secrets, store.as_ref()).await;
            if let Some(store) = &store {
                let is_to_change = prospect
                    .as_ref()
                    .is_ok_and(|prospect| !prospect.pending.is_empty());
                facts(store, is_to_change, &mut found).await;
            }
            (store, prospect)
        }
        Err(error) => (None, Err(error)),
    };
    match &prospect {
        Ok(Prospect {
            installation: None, ..
        }) => found.warning(
            format!(
                "nothing is in the database {}",
                beginning::target(settings).unwrap_or_default()
            ),
            "the first `latchkey serve` or `latchkey bootstrap` begins an installation there; if there was one \
             before, mend database.url, or the folder that the command is started in",
        ),
        Ok(Prospect { pending, .. }) if pending.is_empty() => {
            let steps = latchkey_migrations::names().len();
            found.ok(format!("the schema has every step, {steps} in all"));
            // What was told already is in the way of changes, too.
            if let Some(store) = &store
                && found.all.iter().all(|one| one.state != State::Problem)
                && let Err(error) = store.ping().await
            {
                found.problem(
                    format!("changes are refused: {}", chain(&error)),
                    "the service would not be ready: see what the database refuses",
                );
            }
        }
        Ok(Prospect { pending, .. }) => found.warning(
            format!(
                "steps of the schema are still to be taken: {}",
                pending.join(", ")
            ),
            "`latchkey migrate up` takes them, and so does the next start",
        ),
        // It is told with the secrets.
        Err(OpenError::Beginning(BeginningError::NoSecrets { .. })) => {}
        Err(error) => found.problem(chain(error), ""),
    }
    (store, prospect)
}

/// Whether this user may make a file or write to the one that is there, and make others beside it.
fn writes(file: &Path, found: &mut Findings<'_>) {
    if let Some(place) = private::unwritable(&target(file)) {
        found.problem(
            format!("this user may not write to {}", place.display()),
            "run the command as the user that the service runs as, or give it to that user (`chown`, `chmod u+w`)",
        );
    }
}

/// Where a file is, or would be made: SQLite makes others beside what a link leads to.
fn target(file: &Path) -> PathBuf {
    let path = fs::canonicalize(file).or_else(|_missing| path::absolute(file));
    path.unwrap_or_else(|_unknown| file.to_owned())
}

/// What the database is, and whether it is as it should be: it may be that its schema is to be changed.
async fn facts(store: &SqlStore, is_to_change: bool, found: &mut Findings<'_>) {
    let before = SystemClock.now();
    match store.facts().await {
        Ok(facts) => {
            found.ok(format!(
                "{} {}, which keeps text in {}",
                facts.product, facts.version, facts.encoding
            ));
            if facts.is_read_only {
                found.problem(
                    "it takes no changes: it is a standby, or default_transaction_read_only is on",
                    "lead database.url to the server that takes changes",
                );
            }
            if is_to_change && !facts.may_migrate {
                found.problem(
                    "the role in database.url may make no tables there, and steps of the schema are still to be taken",
                    "let it own the database: ALTER DATABASE … OWNER TO …, or CREATE DATABASE … OWNER …",
                );
            }
            if let Some(room) = facts.room
                && room < ROOM
            {
                found.problem(
                    format!(
                        "its disk has room for {} KiB: changes are refused when it is full",
                        room / 1024
                    ),
                    "make room there (`df` shows it)",
                );
            }
            if let Some(damage) = facts.damage {
                found.problem(
                    format!("it is damaged: {damage}"),
                    "stop every process, and bring a backup back into an empty database (`latchkey restore FILE`)",
                );
            }
            if !facts.is_durable {
                found.problem(
                    "fsync is off: what was answered is lost when the server's machine fails",
                    "set fsync = on in postgresql.conf",
                );
            }
            if let Some(theirs) = facts.now {
                clock(before, theirs, SystemClock.now(), found);
            }
        }
        Err(error) => found.problem(chain(&error), ""),
    }
}

/// How far the clock of the database's machine is from this one's, which was read before and after.
fn clock(before: Timestamp, theirs: Timestamp, after: Timestamp, found: &mut Findings<'_>) {
    let difference = before.since(theirs).max(theirs.since(after));
    let [unnoticed, most] = CLOCKS;
    let says = format!(
        "the clock of its machine differs by {} ms from this one's",
        difference.as_millis()
    );
    let advice = "let both machines follow one time server (NTP)";
    if difference > most {
        found.problem(says, advice);
    } else if difference > unnoticed {
        found.warning(says, advice);
    } else {
        found.ok(says);
    }
}

/// The secrets, if there are any, and whether they are missed where there are none.
fn secrets_of(
    settings: &Settings,
    found_there: Result<Option<Secrets>, OpenSecretsError>,
    prospect: &Result<Prospect, OpenError>,
    found: &mut Findings<'_>,
) -> Option<Secrets> {
    let (says, advice) = match (found_there, prospect) {
        (Ok(Some(secrets)), _) => return Some(secrets),
        (Ok(None), Err(error @ OpenError::Beginning(BeginningError::NoSecrets { .. }))) => {
            (chain(error), OTHERS_HAVE_THEM)
        }
        (Ok(None), prospect) => {
            let advice = match prospect {
                Ok(_) => "the first `latchkey serve` or `latchkey bootstrap` makes it",
                // What is in the way there is told with it, and comes first.
                Err(_) => "",
            };
            let place = secrets::place(&settings.secrets);
            found.warning(format!("there is no file {place}"), advice);
            writes(&settings.secrets.path, found);
            return None;
        }
        (Err(error @ OpenSecretsError::Read { .. }), _) => (chain(&error), ""),
        (Err(error), _) => (chain(&error), "take them from their backup"),
    };
    found.problem(says, advice);
    None
}

/// How old the keys are, and which wait for something.
fn keys(secrets: &Secrets, now: Timestamp, found: &mut Findings<'_>) {
    for key in secrets.signing_key_facts() {
        let kid = &key.kid;
        match key.state {
            SigningKeyState::Signs if now.since(key.created) > AGE_OF_A_KEY => found.warning(
                format!(
                    "{kid} has been signing tokens for {}",
                    days(now.since(key.created))
                ),
                "`latchkey secrets rotate --next` begins to replace it",
            ),
            SigningKeyState::Signs => found.ok(format!(
                "{kid} signs tokens, and is {} old",
                days(now.since(key.created))
            )),
            SigningKeyState::Next if now.since(key.created) > PUBLISHED_BEFORE => found.warning(
                format!("{kid} does not sign yet"),
                "`latchkey secrets rotate` lets it sign, once every process was started since it was made",
            ),
            SigningKeyState::Next => found.ok(format!(
                "{kid} is to sign later; every process that was started since it was made publishes it"
            )),
            SigningKeyState::Retired(stopped) if now.since(stopped) > PUBLISHED_AFTER => found
                .warning(
                    format!("{kid} is retired, and no token that it signed can be alive"),
                    "`latchkey secrets rotate --retire` drops it",
                ),
            SigningKeyState::Retired(_) => {
                found.ok(format!("{kid} is retired; what it signed is accepted"));
            }
        }
    }
}

/// Whether the database was made with these secrets.
fn belongs(installation: &Installation, secrets: &Secrets, found: &mut Findings<'_>) {
    let kept = &installation.secrets_fingerprint;
    if *kept == secrets.fingerprint() {
        found.ok("they are those of the database");
    } else if secrets.take_the_place_of(kept) {
        found.warning(
            "they replace those of the database, which takes them at the next start",
            "stop every process with the old ones, and start with these",
        );
    } else {
        found.problem(
            "the database was made with other ones, so no process with these starts",
            OTHERS_HAVE_THEM,
        );
    }
}

async fn mail(settings: &Settings, mail_to: Option<&str>, all: &mut Vec<Finding>) {
    let mut found = Findings { area: "mail", all };
    let mail = &settings.mail;
    let url = match (mail.transport, &mail.smtp_url) {
        (Transport::Smtp, Some(url)) => url,
        (Transport::Smtp | Transport::Outbox, _) => {
            found.ok("no message is sent; `latchkey outbox list` shows what waits");
            return;
        }
    };
    let asked = match Smtp::new(url, &mail.from) {
        Ok(mailer) => mailer.ask(mail_to).await,
        Err(error) => Err(DeliveryError::Transient(error.to_string())),
    };
    let recipient = mail_to.unwrap_or("the sender");
    match asked {
        Ok(()) => found.ok(format!(
            "the mail server takes messages of {} for {recipient}; none was sent",
            mail.from
        )),
        Err(error) => {
            let (why, advice) = match error {
                DeliveryError::Permanent(why) => {
                    (why, "ask for a mailbox that is there, with --mail-to")
                }
                DeliveryError::Deferred(why) => (
                    why,
                    "ask again later; if it stays so, for another mailbox with --mail-to, or mend what the mail server allows",
                ),
                DeliveryError::Transient(why) => (
                    why,
                    "mend mail.smtp_url (with the user, and mail.smtp_password) and mail.from, or what the mail server allows",
                ),
            };
            found.problem(
                format!("the mail server takes no message for {recipient}: {why}"),
                advice,
            );
        }
    }
}

async fn applications(
    settings: &Settings,
    stores: Stores,
    secrets: Option<&Secrets>,
    all: &mut Vec<Finding>,
) {
    let mut found = Findings {
        area: "applications",
        all,
    };
    // That it cannot be read is told of the applications.
    if let Ok(entries) = stores.administration.organizations().await
        && entries.len() > 1
    {
        empty_beside_others(&entries, &mut found);
    }
    let directory = Directory::new(stores.directory, Arc::new(SystemClock));
    let snapshot = match directory.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            found.problem(chain(&error), "");
            return;
        }
    };
    if snapshot.applications().is_empty() {
        let advice = match stores.administration.applications().await {
            Ok(all) if all.is_empty() => "`latchkey bootstrap` makes the first one",
            Ok(_inactive) => {
                "`latchkey application list` shows those that were deactivated, `latchkey application activate` \
                 brings one back"
            }
            Err(_told_elsewhere) => "",
        };
        found.warning(
            "there is no active application, so nobody can sign in",
            advice,
        );
        return;
    }
    for crowded in snapshot.crowded_rp_ids() {
        found.warning(crowded.to_string(), "");
    }
    let Some(public_url) = &settings.http.public_url else {
        found.warning(
            "http.public_url is not set, so it is not known where browsers meet the service",
            "set it to the address that clients use",
        );
        return;
    };
    let kids = secrets.map(Secrets::signing_key_facts).unwrap_or_default();
    match Place::new(public_url, settings.web.pages(), kids) {
        Ok(place) => {
            found.area = "public";
            place.examine(settings, &snapshot, &mut found).await;
        }
        Err(error) => found.problem(error, "install the certificates that this system trusts"),
    }
}

/// Of several organizations, those that may have been made by mistake.
fn empty_beside_others(entries: &[OrganizationEntry], found: &mut Findings<'_>) {
    for entry in entries.iter().filter(|entry| entry.registered == 0) {
        let Organization { id, name, .. } = &entry.organization;
        found.warning(
            format!(
                "nobody has registered at {name:?} ({id}), which stands beside others, so that clients have to say \
                 which is meant (orgId)"
            ),
            format!(
                "if it was made by mistake, `latchkey organization delete --org {id}` takes it back"
            ),
        );
    }
}

fn days(duration: Duration) -> String {
    counted(duration.as_secs() / (24 * 60 * 60), "day")
}

#[cfg(test)]
mod tests;
