//! The whole database is kept in a file and brought back, and nothing is made in the place of what is lost.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use latchkey_e2e::{
    Outcome,
    ceremony::{issue_code, join, sign_in},
    client::Client,
    failure,
    holder::Holder,
    installation::{Bootstrapped, DatabaseKind, Installation},
    server::Server,
};
use serde_json::{Value, json};

const ONE: &str = "https://one.example";

/// An installation with a backup of it, made while it served.
struct Kept {
    installation: Installation,
    acme: Bootstrapped,
    own: Holder,
    session: Client,
    file: PathBuf,
    answer: Value,
}

async fn kept(kind: DatabaseKind) -> Outcome<Kept> {
    let installation = Installation::empty(kind)?;
    let acme = installation.bootstrap("Acme")?;
    let mut own = Holder::key();
    let server = installation.start().await?;
    let place = Client::of(&server)?.at(ONE);
    let session = join(&place, &acme.administrator, &mut own).await?;
    issue_code(&session, &mut own).await?;
    let file = installation.folder().join("latchkey.backup");
    let backup = installation.run(&format!("backup {}", file.display()))?;
    let answer = backup.json()?;
    let secrets = installation.secrets_file().display().to_string();
    assert!(backup.stderr.contains(&secrets), "{backup:?}");
    server.stop().await?;
    Ok(Kept {
        installation,
        acme,
        own,
        session,
        file,
        answer,
    })
}

impl Kept {
    async fn signs_in(&mut self, server: &Server) -> Outcome {
        let invited = &self.acme.administrator;
        let place = Client::of(server)?.at(ONE);
        let name = Some(invited.username.as_str());
        sign_in(&place, &invited.organization, name, &mut self.own).await?;
        Ok(())
    }

    async fn session_is_live(&self, server: &Server) -> Outcome<bool> {
        let place = self.session.clone().on(server)?;
        Ok(place.get("/auth/credentials").await?.status == 200)
    }

    fn restore(&self) -> String {
        format!("restore {}", self.file.display())
    }

    fn import(&self) -> String {
        format!("import {}", self.file.display())
    }
}

fn is_empty(folder: &Path) -> Outcome<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// As to move from one to the other: nothing is lost, sessions included.
#[tokio::test]
async fn a_backup_made_while_serving_is_restored_into_the_other_database() -> Outcome {
    for (kind, other) in [
        (DatabaseKind::Sqlite, DatabaseKind::Postgres),
        (DatabaseKind::Postgres, DatabaseKind::Sqlite),
    ] {
        let mut kept = kept(kind).await?;
        let mode = fs::metadata(&kept.file)?.permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = kept
            .installation
            .run(&format!("export {}", kept.file.display()))?;
        assert!(again.error()?.contains("already"), "{again:?}");

        // Not without its secrets.
        let elsewhere = Installation::empty(other)?;
        let refused = elsewhere.run(&kept.restore())?;
        assert!(refused.error()?.contains("fingerprint"), "{refused:?}");
        assert!(is_empty(elsewhere.folder())?);
        fs::copy(kept.installation.secrets_file(), elsewhere.secrets_file())?;
        let restored = elsewhere.administrate(&kept.import())?;
        assert_eq!(restored["sessionsEnded"], false, "{restored}");
        for member in ["rows", "sha256"] {
            assert_eq!(restored[member], kept.answer[member], "{restored}");
        }
        assert_eq!(restored["organizations"], 1);
        let checked = &restored["checked"]["Key"];
        assert!(checked["keys"].as_u64() >= Some(1), "{restored}");
        assert!(checked["signatures"].as_u64() >= Some(1), "{restored}");
        assert_eq!(checked["failed"], 0, "{restored}");

        let refused = elsewhere.run(&kept.restore())?;
        let error = refused.error()?;
        assert!(error.contains("users (1)"), "{refused:?}");
        let server = elsewhere.start().await?;
        assert!(kept.session_is_live(&server).await?);
        kept.signs_in(&server).await?;
        server.stop().await?;
    }
    Ok(())
}

/// What ended since must not live again.
#[tokio::test]
async fn to_go_back_to_a_backup_ends_every_session_and_every_code() -> Outcome {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let mut kept = kept(kind).await?;
        let elsewhere = Installation::empty(kind)?;
        fs::copy(kept.installation.secrets_file(), elsewhere.secrets_file())?;
        let restored = elsewhere.administrate(&kept.restore())?;
        assert_eq!(restored["sessionsEnded"], true, "{restored}");
        let user = &kept.acme.administrator.user;
        let shown = elsewhere.administrate(&format!("user show --user {user}"))?;
        assert_eq!(shown.get("openCode"), None, "{shown}");
        let server = elsewhere.start().await?;
        assert!(!kept.session_is_live(&server).await?);
        kept.signs_in(&server).await?;
        server
            .event(|line| line["event"] == "restore_backup")
            .await?;
        server.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_backup_whose_secrets_are_lost_takes_new_ones_when_it_is_asked_to() -> Outcome {
    let mut kept = kept(DatabaseKind::Sqlite).await?;
    let elsewhere = Installation::empty(DatabaseKind::Sqlite)?;
    elsewhere.administrate(&format!("{} --new-secrets", kept.restore()))?;
    let server = elsewhere.start().await?;
    assert!(!kept.session_is_live(&server).await?);
    kept.signs_in(&server).await?;
    server.stop().await?;

    // Nor do others do by accident.
    let third = Installation::empty(DatabaseKind::Sqlite)?;
    fs::copy(elsewhere.secrets_file(), third.secrets_file())?;
    let refused = third.run(&kept.restore())?;
    assert!(refused.error()?.contains("--new-secrets"), "{refused:?}");
    third.administrate(&format!("{} --new-secrets", kept.restore()))?;
    Ok(())
}

#[tokio::test]
async fn a_backup_that_is_damaged_restores_nothing() -> Outcome {
    let kept = kept(DatabaseKind::Sqlite).await?;
    let whole = fs::read(&kept.file)?;
    let elsewhere = Installation::empty(DatabaseKind::Sqlite)?;
    fs::copy(kept.installation.secrets_file(), elsewhere.secrets_file())?;
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    let without_secrets = Installation::empty(DatabaseKind::Sqlite)?;
    for damaged in [&whole[..middle], &whole[..whole.len() - 1], &changed[..]] {
        fs::write(&kept.file, damaged)?;
        let refused = elsewhere.run(&kept.restore())?;
        assert!(refused.error()?.contains("is not restored"), "{refused:?}");
        let refused = without_secrets.run(&format!("{} --new-secrets", kept.restore()))?;
        assert!(refused.error()?.contains("is not restored"), "{refused:?}");
        assert!(!without_secrets.secrets_file().try_exists()?);
    }
    for foreign in [&b"hello"[..], b"", b"SQLite format 3\0 and more than that"] {
        fs::write(&kept.file, foreign)?;
        for (command, done) in [(kept.restore(), "restored"), (kept.import(), "imported")] {
            let refused = elsewhere.run(&command)?;
            let told = refused.error()?;
            assert!(told.contains(&format!("is not {done}")), "{told}");
            assert!(told.contains("no backup of Latchkey"), "{told}");
        }
    }
    fs::write(&kept.file, whole)?;
    elsewhere.administrate(&kept.restore())?;
    // What was refused is in nobody's way.
    without_secrets.administrate(&format!("{} --new-secrets", kept.restore()))?;
    Ok(())
}

#[tokio::test]
async fn a_backup_goes_through_a_pipe() -> Outcome {
    let kept = kept(DatabaseKind::Sqlite).await?;
    let piped = kept.installation.command("backup -")?.output()?;
    assert!(piped.status.success());
    fs::write(&kept.file, piped.stdout)?;
    let elsewhere = Installation::empty(DatabaseKind::Sqlite)?;
    fs::copy(kept.installation.secrets_file(), elsewhere.secrets_file())?;
    let mut restore = elsewhere.command("restore -")?;
    let restored = restore
        .stdin(Stdio::from(File::open(&kept.file)?))
        .output()?;
    assert!(restored.status.success(), "{restored:?}");
    let restored: Value = serde_json::from_slice(&restored.stdout)?;
    // The first backup has left word of itself since.
    let mut rows = kept.answer["rows"].clone();
    rows["events"] = json!(1);
    assert_eq!(restored["rows"], rows);
    Ok(())
}

/// Nobody is told of a backup that is not whole.
#[test]
fn a_backup_that_cannot_be_written_to_its_end_is_no_event() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let events = |name: &str| -> Outcome<u64> {
        let file = installation.folder().join(name);
        let answer = installation.administrate(&format!("backup {}", file.display()))?;
        let events = answer["rows"]["events"].as_u64();
        events.ok_or_else(|| failure(format!("no events in {answer}")))
    };
    let before = events("first")?;
    let full = File::options().write(true).open("/dev/full")?;
    let failed = installation.command("backup -")?.stdout(full).output()?;
    assert!(!failed.status.success(), "{failed:?}");
    // The first has left one, and the one that failed none.
    assert_eq!(events("second")?, before + 1);
    Ok(())
}

#[test]
fn no_command_but_those_that_begin_an_installation_makes_anything() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .without("DATABASE__URL")
        .without("SECRETS__PATH");
    let organization = "or-00000-00000-00000000000000";
    let place = installation.folder().display().to_string();
    for words in [
        "outbox list".to_owned(),
        "backup latchkey.backup".to_owned(),
        "user deactivate --user us-00000-00000-00000000000000".to_owned(),
        format!("user invite --org {organization} --email ada@example.com"),
        format!("organization set-approval --org {organization} always"),
    ] {
        let refused = installation.run(&words)?;
        let error = refused.error()?;
        assert!(error.contains("no installation"), "{words}: {error}");
        // Wherever one stands.
        assert!(error.contains(&place), "{words}: {error}");
        assert!(is_empty(installation.folder())?, "{words}");
    }
    installation.administrate("migrate status")?;
    assert!(is_empty(installation.folder())?);
    Ok(())
}

#[tokio::test]
async fn what_is_lost_is_told_and_nothing_is_made_in_its_place() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let (database, secrets) = (installation.database_file()?, installation.secrets_file());
    let away = installation.folder().join("away");

    fs::rename(&database, &away)?;
    let refused = installation.run("serve")?;
    assert!(refused.error()?.contains("migrate up"), "{refused:?}");
    assert!(!database.exists());
    fs::rename(&away, &database)?;

    fs::rename(&secrets, &away)?;
    let refused = installation.run("serve")?;
    let named = secrets.display().to_string();
    assert!(refused.error()?.contains(&named), "{refused:?}");
    assert!(!secrets.exists());
    fs::rename(&away, &secrets)?;

    let server = installation.start().await?;
    let opened = server.event(|event| event["secrets"] == *named).await?;
    assert_eq!(opened["database"], *database.display().to_string());
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_copy_of_the_file_has_everything_after_a_stop() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    let organization = installation.bootstrap("Acme")?.organization;
    server.stop().await?;
    let elsewhere = Installation::empty(DatabaseKind::Sqlite)?;
    fs::copy(installation.database_file()?, elsewhere.database_file()?)?;
    fs::copy(installation.secrets_file(), elsewhere.secrets_file())?;
    let invited = elsewhere.invite(&organization, "ada@example.com")?;
    if invited.organization == organization {
        Ok(())
    } else {
        Err(failure("another organization"))
    }
}
