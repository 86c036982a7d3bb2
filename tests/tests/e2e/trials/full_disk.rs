//! The disk is full at random moments of whole code flows: SQLite, and what is told with each change, go on when
//! there is room again, without a restart, with all that was acknowledged and nothing twice.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use latchkey_e2e::{
    Outcome, failure,
    installation::{DatabaseKind, Installation},
    narration::say,
    people::{People, all_unavailable},
    server::Server,
    trial::{rounds, some_moment, unlimited},
};
use tempfile::TempDir;

/// A disk that is full when one wishes. A small file system would need rights that many machines do not give;
/// so a library stands between the process and the system, and refuses what needs room. It is compiled here:
/// where there is a binary there is the C compiler that its libraries were built with.
struct Disk {
    tools: TempDir,
    folder: PathBuf,
}

impl Disk {
    /// The one that holds the installation's database.
    fn of(installation: &Installation) -> Outcome<Self> {
        let file = installation.database_file()?;
        let folder = file.parent().ok_or_else(|| failure("no folder"))?;
        let disk = Self {
            tools: tempfile::tempdir()?,
            folder: folder.canonicalize()?,
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/trials/full_disk.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(disk.library())
            .arg(source)
            .arg("-ldl")
            .output()?;
        if compiled.status.success() {
            Ok(disk)
        } else {
            Err(failure(String::from_utf8_lossy(&compiled.stderr)))
        }
    }

    fn library(&self) -> PathBuf {
        self.tools.path().join("full_disk.so")
    }

    fn marker(&self) -> PathBuf {
        self.tools.path().join("is-full")
    }

    /// Starts a server whose database is on it.
    async fn start(&self, installation: &Installation) -> Outcome<Server> {
        let mut command = installation.command("serve")?;
        command
            .env("LD_PRELOAD", self.library())
            .env("FULL_DISK_FOLDER", &self.folder)
            .env("FULL_DISK_MARKER", self.marker());
        let server = Server::spawn(command)?;
        server.ready().await?;
        Ok(server)
    }

    fn fill(&self) -> Outcome {
        Ok(fs::write(self.marker(), "")?)
    }

    fn make_room(&self) -> Outcome {
        Ok(fs::remove_file(self.marker())?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_full_has_all_that_was_acknowledged() -> Outcome {
    let rounds = rounds(3)?;
    let installation = unlimited(DatabaseKind::Sqlite)?;
    let disk = Disk::of(&installation)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let server = disk.start(&installation).await?;
    let mut people = People::join(&installation, &organization, &server).await?;
    for _ in 0..rounds {
        let mut work = people.start(&server, &server).await?;
        some_moment(Duration::from_millis(600)).await;
        disk.fill()?;
        // Everybody goes on as long as there is room in what the files have already.
        work.halt().await?;
        disk.make_room()?;
        let (stopped, failures) = work.end().await?;
        people = stopped;
        all_unavailable(&failures)?;
    }
    // Somebody changes something after the last time.
    let (mut people, failures) = people.start(&server, &server).await?.end().await?;
    if let Some(failure) = failures.into_iter().next() {
        return Err(failure);
    }
    people.check(&server).await?;
    let figures = people.conclude(&installation, &server).await?;
    say(&format!("full-disk: full {rounds} times, {figures}"))?;
    server.stop().await?;
    Ok(())
}
