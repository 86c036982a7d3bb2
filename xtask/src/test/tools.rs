//! What the tests need from the system: PostgreSQL, Node.js with the packages of the published client, two
//! browsers, Python with the tester of API descriptions, and what the commands of the README call.
//!
//! What is missing is installed where that can be done without asking anybody anything: on Debian and
//! its relatives, as root or with a sudo that needs no password. Otherwise the error says what to do.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use latchkey_test_postgres::{PostgresError, TestPostgres};

use crate::{
    Outcome, say,
    workspace::{Workspace, run},
};

/// The oldest major version of Node.js that the tests in JavaScript run on.
const OLDEST_NODE: u32 = 18;

/// Programs that tests start, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("node", "nodejs"),
    ("npm", "npm"),
    ("chromium", "chromium"),
    ("firefox-esr", "firefox-esr"),
    ("python3", "python3"),
    ("bash", "bash"),
    ("curl", "curl"),
    ("openssl", "openssl"),
];

/// What stands ready for the tests.
pub(super) struct Tools {
    /// A server of their own; it ends when this is dropped.
    pub(super) postgres: TestPostgres,
}

impl Tools {
    pub(super) fn set_up(workspace: &Workspace) -> Outcome<Self> {
        install_programs(workspace)?;
        set_up_node(workspace)?;
        set_up_python(workspace)?;
        let postgres = match TestPostgres::start() {
            Err(PostgresError::NotInstalled { program }) => {
                install_postgres(workspace, program)?;
                TestPostgres::start()?
            }
            outcome => outcome?,
        };
        say(format!("PostgreSQL for tests: {}", postgres.url()))?;
        Ok(Self { postgres })
    }
}

/// What tests in a browser need, and no more.
pub(super) fn set_up_browser(workspace: &Workspace) -> Outcome {
    install_programs(workspace)?;
    set_up_node(workspace)
}

/// Those of the [`PROGRAMS`] that are missing.
fn install_programs(workspace: &Workspace) -> Outcome {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Apt::find(workspace, &missing.join(" and "))?.install(&missing)
}

/// Node.js in a version that will do, and the locked packages.
fn set_up_node(workspace: &Workspace) -> Outcome {
    let version = Command::new("node").arg("--version").output()?.stdout;
    let version = String::from_utf8(version)?;
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        return Err(format!(
            "the tests in JavaScript need Node.js {OLDEST_NODE} or newer, but `node \
             --version` says {:?}: install a newer one, see https://nodejs.org",
            version.trim()
        )
        .into());
    }
    say("installing the packages of the tests in JavaScript")?;
    let mut install = workspace.command("npm");
    install.current_dir(workspace.path("tests/node")).args([
        "ci",
        "--no-audit",
        "--no-fund",
        "--loglevel",
        "error",
    ]);
    run(&mut install)
}

/// A virtual environment with the locked packages; what it has already is not fetched again.
fn set_up_python(workspace: &Workspace) -> Outcome {
    // On Debian, what makes virtual environments is a package of its own, and no program.
    if !succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        Apt::find(workspace, "python3-venv")?.install(&["python3-venv"])?;
    }
    say("installing the tester of API descriptions")?;
    let folder = workspace.path("tests/python");
    let mut make = workspace.command("python3");
    run(make.current_dir(&folder).args(["-m", "venv", ".venv"]))?;
    let mut install = workspace.command(folder.join(".venv/bin/pip"));
    install.current_dir(&folder).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--requirement",
        "requirements.txt",
    ]);
    run(&mut install)
}

/// The first number of `v20.19.2`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// The server comes with a cluster that starts with the system; it is told first that none is wanted.
fn install_postgres(workspace: &Workspace, program: &str) -> Outcome {
    let apt = Apt::find(workspace, &format!("PostgreSQL (its program {program})"))?;
    apt.install(&["postgresql-common"])?;
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    if settings.exists() {
        let mut edit = apt.privileged("sed");
        edit.args([
            "-i",
            "s/^#*create_main_cluster.*/create_main_cluster = false/",
        ]);
        run(edit.arg(settings))?;
    }
    apt.install(&["postgresql"])
}

/// Installs Debian packages.
struct Apt<'workspace> {
    workspace: &'workspace Workspace,
    /// Whether it needs sudo.
    with_sudo: bool,
}

impl<'workspace> Apt<'workspace> {
    /// Fails when packages cannot be installed here; the error says what `wanted` is missing.
    fn find(workspace: &'workspace Workspace, wanted: &str) -> Outcome<Self> {
        let has_apt = find("apt-get").is_some();
        let with_sudo = !succeeds(Command::new("sh").args(["-c", r#"test "$(id -u)" = 0"#]));
        let may = !with_sudo || succeeds(Command::new("sudo").args(["-n", "true"]));
        if has_apt && may {
            return Ok(Self {
                workspace,
                with_sudo,
            });
        }
        let reason = if has_apt {
            "there is neither root nor a sudo without a password to install it with"
        } else {
            "there is no apt-get to install it with"
        };
        Err(format!(
            "the tests need {wanted}, which is not installed, and {reason}: please install it \
             (Debian: apt install postgresql nodejs npm chromium firefox-esr python3-venv curl openssl) \
             and start again"
        )
        .into())
    }

    fn install(&self, packages: &[&str]) -> Outcome {
        say(format!("installing {}", packages.join(", ")))?;
        run(self.privileged("apt-get").args(["update", "--quiet"]))?;
        let mut install = self.privileged("apt-get");
        install.args(["install", "--quiet", "--yes", "--no-install-recommends"]);
        run(install.args(packages))
    }

    /// A command that may change the system.
    fn privileged(&self, program: &str) -> Command {
        if !self.with_sudo {
            let mut command = self.workspace.command(program);
            command.env("DEBIAN_FRONTEND", "noninteractive");
            return command;
        }
        let mut command = self.workspace.command("sudo");
        command.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
        command
    }
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Where `PATH` has a program.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.19.2\n"), Some(20));
        assert_eq!(major("not a version"), None);
    }

    #[test]
    fn programs_are_found_by_name() {
        assert!(find("sh").is_some());
        assert!(find("a-program-that-nobody-has").is_none());
    }
}
