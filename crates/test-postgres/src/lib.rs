#![doc = include_str!("../README.md")]

use std::{
    env, fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    slice,
    sync::OnceLock,
    thread,
    time::Duration,
};

use tempfile::TempDir;
use url::Url;

/// The URL, with a superuser's name, of a server that is running already. When it is set no server is
/// started.
pub const URL_VARIABLE: &str = "LATCHKEY_TEST_POSTGRES_URL";

/// The folder that holds `initdb`, `postgres` and `psql`, when they are in no usual place.
pub const BIN_VARIABLE: &str = "LATCHKEY_POSTGRES_BIN";

/// Where Debian and its relatives install one folder per version.
const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";

/// Why there is no PostgreSQL to test with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresError {
    /// A program is not installed, or not found.
    #[error(
        "PostgreSQL's {program} was not found in {BIN_VARIABLE}, in PATH, or in \
         {DEBIAN_FOLDER}/*/bin: install PostgreSQL (Debian: apt install postgresql), or set \
         {URL_VARIABLE} to the URL of a superuser of a running server"
    )]
    NotInstalled {
        /// What is missing.
        program: &'static str,
    },
    /// Tests run as root, and PostgreSQL refuses to.
    #[error(
        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as"
    )]
    NoUser,
    /// A step failed.
    #[error("{step} failed: {problem}")]
    Failed {
        /// What was done.
        step: &'static str,
        /// What came of it.
        problem: String,
    },
}

fn failed(step: &'static str) -> impl Fn(io::Error) -> PostgresError {
    move |error| PostgresError::Failed {
        step,
        problem: error.to_string(),
    }
}

/// A PostgreSQL server for tests. It listens on the loopback interface only, with every setting that
/// makes commits durable left on. One that was started here ends, and its files go, when the value is
/// dropped, and also when the process ends in any other way.
#[derive(Debug)]
pub struct TestPostgres {
    url: Url,
    psql: PathBuf,
    /// Absent when the server was running already.
    own: Option<OwnServer>,
}

impl TestPostgres {
    /// Starts a server, or uses the one that [`URL_VARIABLE`] names.
    ///
    /// # Errors
    /// [`PostgresError`] says what is missing.
    pub fn start() -> Result<Self, PostgresError> {
        let psql = find_program("psql")?;
        if let Ok(url) = env::var(URL_VARIABLE) {
            let url = parse_url(&url)?;
            return Ok(Self {
                url,
                psql,
                own: None,
            });
        }
        Self::start_own()
    }

    /// Starts a server, whatever is running already: one that may be crashed, frozen and followed.
    ///
    /// # Errors
    /// [`PostgresError`] says what is missing.
    pub fn start_own() -> Result<Self, PostgresError> {
        Self::start_with(None)
    }

    fn start_with(primary: Option<&Url>) -> Result<Self, PostgresError> {
        let psql = find_program("psql")?;
        let (own, port) = OwnServer::start(primary)?;
        Ok(Self {
            url: parse_url(&format!("postgres://{SUPERUSER}@127.0.0.1:{port}/postgres"))?,
            psql,
            own: Some(own),
        })
    }

    /// Starts a standby, which has what this server has, and takes no changes. From here on this server
    /// answers no commit before the standby has it too.
    ///
    /// # Errors
    /// [`PostgresError`] says what is missing or failed.
    pub fn standby(&self) -> Result<Self, PostgresError> {
        let standby = Self::start_with(Some(&self.url))?;
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.ask("SELECT pg_reload_conf()")?;
        for _attempt in 0..ATTEMPTS {
            if self.ask(IS_FOLLOWED)?.trim() == "t" {
                return Ok(standby);
            }
            thread::sleep(INTERVAL);
        }
        Err(PostgresError::Failed {
            step: "following",
            problem: "the standby does not take what the server sends".to_owned(),
        })
    }

    /// Makes a standby a server of its own, which takes changes.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] with what it said.
    pub fn promote(&self) -> Result<(), PostgresError> {
        match self.ask("SELECT pg_promote()")?.trim() {
            "t" => Ok(()),
            other => Err(PostgresError::Failed {
                step: "promoting",
                problem: other.to_owned(),
            }),
        }
    }

    /// Stops every process of the server where it is, until it [thaws](Self::thaw): its connections stay, and
    /// nobody answers.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] when the server was not started here.
    pub fn freeze(&self) -> Result<(), PostgresError> {
        let server = self.own_process()?;
        // From then on it starts no others.
        send("STOP", slice::from_ref(&server))?;
        send("STOP", &children_of(&server)?)
    }

    /// Lets every process go on where it was.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] when the server was not started here.
    pub fn thaw(&self) -> Result<(), PostgresError> {
        let server = self.own_process()?;
        // Until it goes on it buries none of them.
        send("CONT", &children_of(&server)?)?;
        send("CONT", &[server])
    }

    /// The first process of a server that was started here, which need not be able to answer.
    fn own_process(&self) -> Result<String, PostgresError> {
        let own = self.own.as_ref().ok_or_else(|| PostgresError::Failed {
            step: "finding the server's process",
            problem: "it was not started here".to_owned(),
        })?;
        let file = fs::read_to_string(own.folder.join("data/postmaster.pid"))
            .map_err(failed("reading the number of its process"))?;
        Ok(file.lines().next().unwrap_or_default().to_owned())
    }

    /// Kills a process of the server, as a machine that is out of memory does: the server ends all others
    /// at once, whatever they are at, and recovers what was committed from its log.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] when the server does not answer, or nothing was killed.
    pub fn crash(&self) -> Result<(), PostgresError> {
        let process = self.ask(CHECKPOINTER)?.trim().to_owned();
        send("KILL", &[process])
    }

    /// The process that all others of the server are children of, if it runs on this machine.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] when the server does not answer.
    pub fn process(&self) -> Result<u32, PostgresError> {
        let file = self.ask("SELECT pg_read_file('postmaster.pid')")?;
        let first = file.lines().next().unwrap_or_default();
        first
            .trim()
            .parse()
            .map_err(|_other| PostgresError::Failed {
                step: "finding the server's process",
                problem: file.clone(),
            })
    }

    /// Runs one statement and gives what it answers, without a head.
    fn ask(&self, statement: &str) -> Result<String, PostgresError> {
        let output = Command::new(&self.psql)
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--command", statement])
            .arg(self.url())
            .stdin(Stdio::null())
            .output()
            .map_err(failed("psql"))?;
        succeeded("a statement", &output)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The server that all tests of this process share.
    ///
    /// # Errors
    /// [`PostgresError`], the same each time, when it could not be started.
    pub fn shared() -> Result<&'static Self, PostgresError> {
        static SHARED: OnceLock<Result<TestPostgres, PostgresError>> = OnceLock::new();
        SHARED
            .get_or_init(Self::start)
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The URL of its superuser.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Makes a database that nobody else uses and gives its URL.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] with what the server said.
    pub fn fresh_database(&self) -> Result<String, PostgresError> {
        // Nobody can be connected to template0, so it can always be copied.
        self.create("template0")
    }

    /// Makes a copy of the database with that URL and gives the copy's. Any number of copies may be made
    /// at once, but while somebody is connected to the original the server waits, and after five seconds
    /// it refuses.
    ///
    /// # Errors
    /// [`PostgresError::Failed`] with what the server said.
    pub fn copy_of(&self, original: &str) -> Result<String, PostgresError> {
        self.create(parse_url(original)?.path().trim_start_matches('/'))
    }

    fn create(&self, template: &str) -> Result<String, PostgresError> {
        let name = format!("latchkey_{:016x}", random());
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'");
        self.ask(&statement)?;
        let mut url = self.url.clone();
        url.set_path(&name);
        Ok(url.into())
    }
}

const SUPERUSER: &str = "latchkey";

/// A process that every server has, and cannot do without.
const CHECKPOINTER: &str = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";

/// Whether a standby takes part in every commit.
const IS_FOLLOWED: &str = "SELECT count(*) > 0 FROM pg_stat_replication \
                           WHERE state = 'streaming' AND sync_state = 'sync'";

/// How long to wait before one looks again whether something is so, and how often; then it never is.
const INTERVAL: Duration = Duration::from_millis(20);
const ATTEMPTS: u32 = 3_000;

/// Sends a signal to processes.
fn send(signal: &str, processes: &[String]) -> Result<(), PostgresError> {
    let sent = Command::new("/bin/sh")
        .args(["-c", r#"kill "$@""#, "kill", &format!("-{signal}")])
        .args(processes)
        .output()
        .map_err(failed("kill"))?;
    succeeded("kill", &sent)
}

/// The processes that a process has started.
fn children_of(parent: &str) -> Result<Vec<String>, PostgresError> {
    let processes = fs::read_dir("/proc").map_err(failed("reading /proc"))?;
    let children = processes.flatten().filter_map(|process| {
        let about = fs::read_to_string(process.path().join("stat")).ok()?;
        // The name before it, in brackets, may hold anything.
        let (_name, about) = about.rsplit_once(") ")?;
        let is_child = about.split(' ').nth(1) == Some(parent);
        is_child.then(|| process.file_name().to_string_lossy().into_owned())
    });
    Ok(children.collect())
}

fn parse_url(url: &str) -> Result<Url, PostgresError> {
    Url::parse(url).map_err(|error| PostgresError::Failed {
        step: "reading the server's URL",
        problem: error.to_string(),
    })
}

/// A number that differs from process to process and from call to call.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A server that was started here.
#[derive(Debug)]
struct OwnServer {
    folder: PathBuf,
    /// The shell that watches over the server: when its standard input closes, for whatever reason, it
    /// stops the server and removes the files.
    keeper: Child,
}

/// What the keeper does. `$1` is the program, `$2` the folder, `$3` the port. An immediate shutdown
/// (SIGQUIT) is enough for data that nobody needs, and a server that is frozen does not hear it. Every database that
/// is made is written to the log too, which is not to fill the disk beside them.
const KEEPER: &str = r#"
"$1" -D "$2/data" -p "$3" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=400 -c max_wal_size=256MB >"$2/log" 2>&1 </dev/null &
server=$!
read -r _
kill -CONT "$server"
kill -QUIT "$server"
wait "$server"
cd /
rm -rf "$2"
"#;

impl OwnServer {
    /// Starts a server, or a standby of another one, and gives its port. A free port may be taken by
    /// somebody else before the server has it; then another one is tried.
    fn start(primary: Option<&Url>) -> Result<(Self, u16), PostgresError> {
        let mut attempts_left = 5_u32;
        loop {
            match Self::start_once(primary) {
                Err(PostgresError::Failed { problem, .. })
                    if attempts_left > 0 && problem.contains("could not bind") =>
                {
                    attempts_left -= 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn start_once(primary: Option<&Url>) -> Result<(Self, u16), PostgresError> {
        let postgres = find_program("postgres")?;
        let folder = tempfile::Builder::new()
            .prefix("latchkey-postgres-")
            .tempdir()
            .map_err(failed("making a folder"))?;
        let runner = Runner::of(&folder)?;
        match primary {
            None => runner.initialize(folder.path())?,
            Some(primary) => runner.copy(primary, folder.path())?,
        }
        let port = free_port().map_err(failed("finding a free port"))?;
        let keeper = runner.keep(&postgres, folder.path(), port)?;
        // From here on the keeper removes the folder.
        let folder = folder.keep();
        let server = Self { folder, keeper };
        wait_until_ready(&server.folder)?;
        Ok((server, port))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _status = self.keeper.wait();
    }
}

/// As whom PostgreSQL runs: it refuses to run as root.
struct Runner {
    /// User and group ids; absent when they are our own.
    identity: Option<(u32, u32)>,
}

impl Runner {
    /// Ourselves, unless we are root: then a user without rights, who gets the folder.
    fn of(folder: &TempDir) -> Result<Self, PostgresError> {
        let owner = fs::metadata(folder.path()).map_err(failed("reading the folder"))?;
        if owner.uid() != 0 {
            return Ok(Self { identity: None });
        }
        let (user, group) = unprivileged_user()?;
        chown(folder.path(), Some(user), Some(group)).map_err(failed("giving the folder away"))?;
        Ok(Self {
            identity: Some((user, group)),
        })
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C");
        if let Some((user, group)) = self.identity {
            command.uid(user).gid(group);
        }
        command
    }

    fn initialize(&self, folder: &Path) -> Result<(), PostgresError> {
        let output = self
            .command(&find_program("initdb")?, folder)
            .arg("--pgdata")
            .arg(folder.join("data"))
            .args(["--username", SUPERUSER, "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--no-locale"])
            .stdin(Stdio::null())
            .output()
            .map_err(failed("initdb"))?;
        succeeded("initdb", &output)
    }

    fn copy(&self, primary: &Url, folder: &Path) -> Result<(), PostgresError> {
        let output = self
            .command(&find_program("pg_basebackup")?, folder)
            .arg("--pgdata")
            .arg(folder.join("data"))
            .args(["--dbname", primary.as_str(), "--write-recovery-conf"])
            .args(["--wal-method=stream", "--checkpoint=fast", "--no-sync"])
            .stdin(Stdio::null())
            .output()
            .map_err(failed("pg_basebackup"))?;
        succeeded("pg_basebackup", &output)
    }

    fn keep(&self, postgres: &Path, folder: &Path, port: u16) -> Result<Child, PostgresError> {
        self.command(Path::new("/bin/sh"), folder)
            .args(["-c", KEEPER, "keeper"])
            .arg(postgres)
            .arg(folder)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("starting postgres"))
    }
}

/// The user and group ids of `postgres`, else of `nobody`.
fn unprivileged_user() -> Result<(u32, u32), PostgresError> {
    let users = fs::read_to_string("/etc/passwd").map_err(failed("reading /etc/passwd"))?;
    let ids = |name: &str| {
        let mut fields = users
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?
            .split(':')
            .skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .ok_or(PostgresError::NoUser)
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Waits for the line that PostgreSQL writes when it is ready, or fails with what it wrote instead.
fn wait_until_ready(folder: &Path) -> Result<(), PostgresError> {
    let mut log = String::new();
    for _attempt in 0..ATTEMPTS {
        thread::sleep(INTERVAL);
        log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        // A standby takes "read-only connections".
        if log.contains("ready to accept") {
            return Ok(());
        }
        if log.contains("FATAL") {
            break;
        }
    }
    Err(PostgresError::Failed {
        step: "starting postgres",
        problem: log,
    })
}

fn succeeded(step: &'static str, output: &Output) -> Result<(), PostgresError> {
    if output.status.success() {
        return Ok(());
    }
    Err(PostgresError::Failed {
        step,
        problem: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Looks for one of PostgreSQL's programs: where the environment says, in `PATH`, and where Debian
/// puts the newest version.
fn find_program(program: &'static str) -> Result<PathBuf, PostgresError> {
    let named = env::var_os(BIN_VARIABLE).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(debian_folders())
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or(PostgresError::NotInstalled { program })
}

fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .collect();
    numbered.sort_by(|one, other| other.cmp(one));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests;
