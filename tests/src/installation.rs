//! One deployment: a database, its secrets, and the command line that administrates it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
};

use latchkey_testkit::database::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Outcome, binary, failure,
    narration::{indented, say},
    server::Server,
};

/// On which database an installation keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file in the installation's folder.
    Sqlite,
    /// An empty PostgreSQL database of its own.
    Postgres,
}

impl DatabaseKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A database, its secrets and the settings its processes start with. Everything is gone when it is
/// dropped, so drop the servers first.
pub struct Installation {
    folder: TempDir,
    settings: BTreeMap<String, String>,
    database: TestDatabase,
    /// The one under test when there is none.
    binary: Option<PathBuf>,
    is_aloud: bool,
}

impl Installation {
    /// An installation that nothing has run in yet.
    pub fn empty(kind: DatabaseKind) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let database = match kind {
            DatabaseKind::Sqlite => TestDatabase::empty_sqlite()?,
            DatabaseKind::Postgres => TestDatabase::empty_postgres()?,
        };
        let installation = Self {
            folder,
            settings: BTreeMap::new(),
            database,
            binary: None,
            is_aloud: false,
        };
        Ok(installation
            .on_its_own()
            .with("HTTP__LISTEN", "127.0.0.1:0")
            .with("LOG__FORMAT", "json")
            .with("DEMO__ENABLED", "false"))
    }

    /// With the database and the secrets that it holds itself.
    fn on_its_own(self) -> Self {
        let url = self.database.url().to_owned();
        let secrets = self.secrets_file().display().to_string();
        self.with("DATABASE__URL", &url)
            .with("SECRETS__PATH", &secrets)
    }

    /// Another one with the same settings and secrets, and a copy of all data. No process may be at work on
    /// this one meanwhile.
    pub fn copy(&self) -> Outcome<Self> {
        let copy = Self {
            folder: tempfile::tempdir()?,
            settings: self.settings.clone(),
            database: self.database.copy()?,
            binary: self.binary.clone(),
            is_aloud: self.is_aloud,
        };
        fs::copy(self.secrets_file(), copy.secrets_file())?;
        Ok(copy.on_its_own())
    }

    /// The same with one setting more, or changed; `key` as in `HTTP__LISTEN`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.settings
            .insert(format!("LATCHKEY__{key}"), value.to_owned());
        self
    }

    /// The same without a setting.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.settings.remove(&format!("LATCHKEY__{key}"));
        self
    }

    /// The same, run by another binary, or by the one under test again.
    #[must_use]
    pub fn by(mut self, binary: Option<&Path>) -> Self {
        self.binary = binary.map(Path::to_path_buf);
        self
    }

    /// The same, telling what it is asked for and answers; see [`narration`](crate::narration).
    #[must_use]
    pub fn aloud(mut self) -> Self {
        self.is_aloud = true;
        self
    }

    /// The folder that commands run in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database's SQLite file.
    pub fn database_file(&self) -> Outcome<PathBuf> {
        match self.database.url().strip_prefix("sqlite://") {
            Some(path) => Ok(path.into()),
            None => Err(failure("the database is not a file")),
        }
    }

    /// The file of the secrets.
    pub fn secrets_file(&self) -> PathBuf {
        self.folder().join("secrets.toml")
    }

    /// A command of the binary in this installation, its words separated by spaces; nothing of this
    /// process' own environment that could change its settings is passed on.
    pub fn command(&self, words: &str) -> Outcome<Command> {
        let mut command = match &self.binary {
            Some(binary) => Command::new(binary),
            None => Command::new(binary::path()?),
        };
        binary::forget(&mut command, &["LATCHKEY_"]);
        command
            .args(words.split_whitespace())
            .envs(self.environment())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    /// The settings as environment variables.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// Runs a command to its end; that it answers an error is an answer.
    pub fn run(&self, words: &str) -> Outcome<Finished> {
        Finished::of(self.command(words)?.output()?)
    }

    /// Runs a command that must succeed, and answers its one line of JSON.
    pub fn administrate(&self, words: &str) -> Outcome<Value> {
        let answer = self.run(words)?.json()?;
        if self.is_aloud {
            say(&format!("\n$ latchkey {words}\n{}", indented(&answer)))?;
        }
        Ok(answer)
    }

    /// Runs a command that must succeed, and answers the things that it lists, one line of JSON for each. A
    /// version that may be run beside this one listed them as one array.
    pub fn list(&self, words: &str) -> Outcome<Vec<Value>> {
        let mut things = vec![];
        for line in self.run(words)?.lines()? {
            if let Value::Array(all) = line {
                things.extend(all);
            } else {
                things.push(line);
            }
        }
        Ok(things)
    }

    /// Makes an organization with an application at `https://one.example` and one at
    /// `https://two.example`.
    pub fn bootstrap(&self, name: &str) -> Outcome<Bootstrapped> {
        self.bootstrap_at(name, ["one.example", "two.example"])
    }

    /// Makes an organization with one application at the https origin of each domain.
    pub fn bootstrap_at(&self, name: &str, domains: [&str; 2]) -> Outcome<Bootstrapped> {
        let [first, second] = domains;
        let answer = self.administrate(&format!(
            "bootstrap --organization {name} --admin admin@{first} --application {first} \
             --rp-id {first} --origin https://{first}"
        ))?;
        let organization = text(&answer, "orgId")?;
        self.add_application(&organization, second)?;
        Ok(Bootstrapped {
            administrator: Invited::read(&answer)?,
            organization,
        })
    }

    /// Adds an application at the https origin of a domain and answers its id.
    pub fn add_application(&self, organization: &str, domain: &str) -> Outcome<String> {
        let added = self.administrate(&format!(
            "application add --org {organization} --name {domain} --rp-id {domain} \
             --origin https://{domain}"
        ))?;
        text(&added, "appId")
    }

    /// Invites a user.
    pub fn invite(&self, organization: &str, email: &str) -> Outcome<Invited> {
        Invited::read(
            &self.administrate(&format!("user invite --org {organization} --email {email}"))?,
        )
    }

    /// Starts a server and waits until it is ready.
    pub async fn start(&self) -> Outcome<Server> {
        let server = Server::spawn(self.command("serve")?)?;
        server.ready().await?;
        Ok(server)
    }
}

/// An organization that a command made.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// Its id.
    pub organization: String,
    /// Its first user.
    pub administrator: Invited,
}

/// A user who has not registered yet.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The organization's id.
    pub organization: String,
    /// The user's id.
    pub user: String,
    /// The user's name.
    pub username: String,
    /// The code to register with.
    pub code: String,
}

impl Invited {
    fn read(answer: &Value) -> Outcome<Self> {
        Ok(Self {
            organization: text(answer, "orgId")?,
            user: text(answer, "userId")?,
            username: text(answer, "username")?,
            code: text(answer, "registrationCode")?,
        })
    }
}

/// A text member of a JSON object.
pub fn text(object: &Value, member: &str) -> Outcome<String> {
    match object.get(member).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => Err(failure(format!("no text {member:?} in {object}"))),
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Finished {
    fn of(output: Output) -> Outcome<Self> {
        Ok(Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// The one line of JSON of a command that succeeded.
    pub fn json(&self) -> Outcome<Value> {
        let one_line = self.stdout.ends_with('\n') && self.stdout.lines().count() == 1;
        if !self.status.success() || !one_line {
            return Err(failure(format!("not one line of JSON: {self:?}")));
        }
        Ok(serde_json::from_str(&self.stdout)?)
    }

    /// The lines of JSON of a command that succeeded.
    fn lines(&self) -> Outcome<Vec<Value>> {
        if !self.status.success() {
            return Err(failure(format!("not lines of JSON: {self:?}")));
        }
        let lines = self.stdout.lines().map(serde_json::from_str);
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// What a command that failed says; nothing may be on its standard output.
    pub fn error(&self) -> Outcome<&str> {
        let refused = self
            .status
            .code()
            .is_some_and(|code| code == 1 || code == 2);
        let words = !self.stderr.trim().is_empty() && !self.stderr.contains("panicked");
        if refused && words && self.stdout.is_empty() {
            Ok(&self.stderr)
        } else {
            Err(failure(format!("not a clear error: {self:?}")))
        }
    }
}
