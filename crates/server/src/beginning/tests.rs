use std::{fs, path::Path};

use latchkey_testkit::database::TestDatabase;
use tempfile::TempDir;

use super::*;
use crate::wiring::Adapters;

fn in_folder() -> (TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.database.url = format!("sqlite://{}/data/latchkey.db", folder.path().display());
    settings.secrets.path = folder.path().join("kept/secrets.toml");
    (folder, settings)
}

fn file(settings: &Settings) -> PathBuf {
    connect::sqlite_file(&settings.database.url)
        .unwrap()
        .unwrap()
}

fn is_folder_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

async fn opened(settings: &Settings) {
    let adapters = Adapters::open(settings).await.unwrap();
    adapters.close().await.unwrap();
}

async fn refused(settings: &Settings) -> BeginningError {
    match Adapters::open(settings).await {
        Err(OpenError::Beginning(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is opened"),
    }
}

#[tokio::test]
async fn the_first_start_makes_both_and_the_next_one_opens_them() {
    let (_folder, settings) = in_folder();
    opened(&settings).await;
    opened(&settings).await;
    let settings = Settings {
        must_exist: true,
        ..settings
    };
    opened(&settings).await;
}

/// A folder that somebody else owns is met by whoever runs the command as another user.
#[tokio::test]
async fn a_database_that_cannot_be_looked_at_is_not_taken_for_none() {
    let (folder, settings) = in_folder();
    fs::write(folder.path().join("data"), "a file, not a folder").unwrap();
    for must_exist in [false, true] {
        let settings = Settings {
            must_exist,
            ..settings.clone()
        };
        let error = refused(&settings).await;
        assert!(matches!(error, BeginningError::Hidden { .. }), "{error}");
        let text = error.to_string();
        for named in ["data/latchkey.db", "as the user"] {
            assert!(text.contains(named), "{text}");
        }
        assert!(!folder.path().join("kept").exists());
    }
}

#[tokio::test]
async fn what_must_be_there_is_not_begun() {
    let (folder, mut settings) = in_folder();
    settings.must_exist = true;
    let error = refused(&settings).await;
    assert!(matches!(error, BeginningError::NoInstallation { .. }));
    let text = error.to_string();
    for named in ["latchkey serve", "latchkey restore", "data/latchkey.db"] {
        assert!(text.contains(named), "{text}");
    }
    assert!(is_folder_empty(folder.path()));
    // Nor where there are tables and nothing else.
    let store = store(&settings).await.unwrap();
    latchkey_migrations::up(store.connection()).await.unwrap();
    store.close().await.unwrap();
    let error = refused(&settings).await;
    assert!(matches!(error, BeginningError::NoInstallation { .. }));
    assert!(!settings.secrets.path.exists());
}

#[tokio::test]
async fn no_database_is_made_beside_secrets_unless_it_is_asked_for() {
    let (_folder, settings) = in_folder();
    opened(&settings).await;
    let database = file(&settings);
    fs::remove_file(&database).unwrap();
    for is_there in [false, true] {
        if is_there {
            fs::write(&database, "").unwrap();
        }
        let error = refused(&settings).await;
        assert!(matches!(error, BeginningError::NoDatabase { .. }));
        let text = error.to_string();
        for named in [
            "kept/secrets.toml",
            "latchkey restore",
            "latchkey migrate up",
        ] {
            assert!(text.contains(named), "{text}");
        }
        let length = fs::metadata(&database).map_or(0, |found| found.len());
        assert_eq!((database.exists(), length), (is_there, 0));
    }
    let store = store(&settings).await.unwrap();
    // As the copy of a file whose log was left behind: it is a database, and has no table.
    let error = refused(&settings).await;
    assert!(matches!(error, BeginningError::NoDatabase { .. }));
    latchkey_migrations::up(store.connection()).await.unwrap();
    store.close().await.unwrap();
    opened(&settings).await;
}

#[tokio::test]
async fn no_secrets_are_made_beside_a_database_that_has_some() {
    let (_folder, settings) = in_folder();
    opened(&settings).await;
    let elsewhere = settings.secrets.path.with_extension("away");
    fs::rename(&settings.secrets.path, &elsewhere).unwrap();
    for must_exist in [false, true] {
        let settings = Settings {
            must_exist,
            ..settings.clone()
        };
        let error = refused(&settings).await;
        assert!(matches!(error, BeginningError::NoSecrets { .. }));
        assert!(error.to_string().contains("kept/secrets.toml"), "{error}");
        assert!(!settings.secrets.path.exists());
    }
    fs::rename(&elsewhere, &settings.secrets.path).unwrap();
    opened(&settings).await;
}

#[tokio::test]
async fn a_database_that_a_newer_release_was_at_work_on_is_refused_whoever_asks() {
    let (_folder, mut settings) = in_folder();
    let database = TestDatabase::sqlite().await.unwrap();
    database.url().clone_into(&mut settings.database.url);
    opened(&settings).await;
    database.take_later_step().await.unwrap();
    for error in [
        Adapters::open(&settings).await.err(),
        store(&settings).await.err(),
    ] {
        let error = error.unwrap();
        assert!(matches!(error, OpenError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("m9999_later"), "{error}");
    }
}

#[tokio::test]
async fn what_must_be_there_is_not_migrated() {
    let (_folder, mut settings) = in_folder();
    opened(&settings).await;
    let database = store(&settings).await.unwrap();
    let newest = latchkey_migrations::newest(database.connection()).await;
    let newest = newest.unwrap().unwrap();
    let more = latchkey_migrations::step_down(database.connection(), &newest).await;
    assert_eq!(more.unwrap(), None);
    settings.must_exist = true;
    let error = refused(&settings).await;
    assert!(matches!(error, BeginningError::Pending { .. }), "{error}");
    let text = error.to_string();
    for named in [newest.step.as_str(), "latchkey migrate up"] {
        assert!(text.contains(named), "{text}");
    }
    let steps = latchkey_migrations::status(database.connection()).await;
    let pending = steps.unwrap().into_iter().filter(|step| !step.is_applied);
    assert_eq!(pending.count(), 1);
    database.close().await.unwrap();
    settings.must_exist = false;
    opened(&settings).await;
    settings.must_exist = true;
    opened(&settings).await;
}

#[tokio::test]
async fn what_was_interrupted_goes_on_at_the_next_start() {
    // After the schema.
    let (_folder, settings) = in_folder();
    let store = store(&settings).await.unwrap();
    latchkey_migrations::up(store.connection()).await.unwrap();
    store.close().await.unwrap();
    opened(&settings).await;
    // After the secrets.
    let (_folder, settings) = in_folder();
    let store = super::store(&settings).await.unwrap();
    latchkey_migrations::up(store.connection()).await.unwrap();
    store.close().await.unwrap();
    secrets::open(&settings.secrets, &SystemEntropy, &SystemClock).unwrap();
    opened(&settings).await;
}

#[tokio::test]
async fn a_store_that_is_given_is_not_given_new_secrets_in_the_place_of_lost_ones() {
    let (_folder, settings) = in_folder();
    let adapters = Adapters::open(&settings).await.unwrap();
    let stores = adapters.ports.stores.clone();
    fs::remove_file(&settings.secrets.path).unwrap();
    let error = Adapters::with(&settings, stores).await.err().unwrap();
    assert!(
        matches!(
            error,
            OpenError::Beginning(BeginningError::NoSecrets { .. })
        ),
        "{error}"
    );
    assert!(!settings.secrets.path.exists());
}
