use std::collections::HashMap;

use crate::config::{CREDENTIALS_DIRECTORY, Faults, Settings};

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latchkey.toml");
    std::fs::write(&file, text).unwrap();
    let variables = variables.iter();
    let environment: HashMap<_, _> = variables
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::load(Some(&file), environment)
}

fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let faults = load(text, variables).unwrap_err();
    faults.all().iter().map(|fault| fault.key.clone()).collect()
}

/// A value for each secret that is taken together with the others.
const SECRETS: [(&str, &str); 5] = [
    ("database.url", "postgres://latchkey@localhost/latchkey"),
    ("database.password", "hunter2"),
    ("secrets.contents", "hunter3"),
    ("mail.smtp_url", "smtps://latchkey@mail.example.com"),
    ("mail.smtp_password", "hunter4"),
];

fn variable_of(key: &str) -> String {
    format!("LATCHKEY__{}", key.to_uppercase().replace('.', "__"))
}

/// A folder with a file for each of the secrets, as editors leave them.
fn folder_of_secrets() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (key, value) in SECRETS {
        std::fs::write(folder.path().join(key), format!("{value}\n")).unwrap();
    }
    folder
}

#[test]
fn a_secret_is_the_same_from_the_environment_a_file_and_a_credential() {
    let folder = folder_of_secrets();
    let values = SECRETS.map(|(key, value)| (variable_of(key), value.to_owned()));
    let files = SECRETS.map(|(key, _)| {
        let path = folder.path().join(key);
        (
            format!("{}_FILE", variable_of(key)),
            path.display().to_string(),
        )
    });
    let credentials = [(
        CREDENTIALS_DIRECTORY.to_owned(),
        folder.path().display().to_string(),
    )];
    let expected = Settings::load(None, values.into()).unwrap();
    assert_eq!(
        expected.database.url,
        "postgres://latchkey:hunter2@localhost/latchkey"
    );
    assert_eq!(
        Settings::load(None, credentials.into()),
        Ok(expected.clone())
    );
    let of_files = Settings::load(None, files.into()).unwrap();
    assert_eq!(of_files.secret_files.len(), SECRETS.len());
    let of_files = Settings {
        secret_files: Vec::new(),
        ..of_files
    };
    assert_eq!(of_files, expected);
}

/// As that of a secret of its own, it must be nobody else's.
#[test]
fn a_configuration_with_a_secret_in_it_is_a_file_of_a_secret() {
    for (text, is_secret) in [
        ("[database]\nurl = 'sqlite://data/latchkey.db'", false),
        (
            "[database]\nurl = 'postgres://latchkey@localhost/latchkey'",
            false,
        ),
        (
            "[database]\nurl = 'postgres://latchkey:hunter2@localhost/latchkey'",
            true,
        ),
        (
            "[database]\nurl = 'postgres://localhost/latchkey?password=hunter2'",
            true,
        ),
        (
            "[database]\nurl = 'postgres://latchkey@localhost/latchkey'\npassword = 'hunter2'\n\
             [secrets]\ncontents = 'hunter3'",
            true,
        ),
        (
            "[mail]\nsmtp_url = 'smtps://latchkey:hunter2@mail.example.com'",
            true,
        ),
    ] {
        let settings = load(text, &[]).unwrap();
        let files = settings.secret_files;
        assert_eq!(files.len(), usize::from(is_secret), "{text}: {files:?}");
        let mut files = files.iter();
        assert!(files.all(|file| file.ends_with("latchkey.toml")), "{text}");
    }
    let variable = [("LATCHKEY__DATABASE__URL", "postgres://a:b@localhost/c")];
    assert!(load("", &variable).unwrap().secret_files.is_empty());
}

#[test]
fn a_secret_has_one_place() {
    let folder = folder_of_secrets();
    for (key, value) in SECRETS {
        let variable = variable_of(key);
        let file = folder.path().join(key).display().to_string();
        let credentials = folder.path().display().to_string();
        let value = (variable.clone(), value.to_owned());
        let file = (format!("{variable}_FILE"), file);
        let credentials = (CREDENTIALS_DIRECTORY.to_owned(), credentials);
        for places in [
            vec![value.clone(), file.clone()],
            vec![value.clone(), credentials.clone()],
            vec![file.clone(), credentials.clone()],
            vec![value, file, credentials],
        ] {
            let number = places.len();
            let faults = Settings::load(None, places.into_iter().collect()).unwrap_err();
            let fault = faults.all().iter().find(|fault| fault.key == key).unwrap();
            let problem = &fault.problem;
            assert!(problem.starts_with("must have one place"), "{fault}");
            assert_eq!(problem.matches(" and ").count() + 1, number, "{fault}");
            assert!(!problem.contains("hunter"), "{fault}");
        }
    }
}

#[test]
fn a_secret_that_cannot_be_read_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("empty"), "\n").unwrap();
    std::fs::write(path("wrong"), "mysql://root:hunter2@localhost/latchkey\n").unwrap();
    for (name, says) in [
        ("absent", "cannot be read"),
        ("empty", "must not be empty"),
        ("wrong", "must begin with sqlite:// or postgres://"),
    ] {
        let file = path(name).display().to_string();
        let text = format!("[database]\nurl_file = {file:?}\n");
        let fault = load(&text, &[]).unwrap_err().to_string();
        for part in ["database.url", says, "database.url_file", file.as_str()] {
            assert!(fault.contains(part), "{fault}");
        }
        assert!(!fault.contains("hunter"), "{fault}");
    }
    assert_eq!(
        faults("[database]\nurl_file = \"\"\n", &[]),
        ["database.url_file"]
    );
    assert_eq!(
        faults("[http]\nlisten_file = \"x\"\n", &[]),
        ["http.listen_file"]
    );
}

/// It would be as if the service manager had laid none there.
#[test]
fn a_folder_of_credentials_that_cannot_be_looked_into_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("credentials");
    let variables = [(CREDENTIALS_DIRECTORY, place.to_str().unwrap())];
    assert!(load("", &variables).is_ok());
    std::fs::write(&place, "a file, not a folder").unwrap();
    assert_eq!(faults("", &variables), [CREDENTIALS_DIRECTORY]);
}

#[test]
fn a_credential_that_is_named_like_a_setting_is_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["database.pasword", "http.listen", "tls.key", "passwd"] {
        std::fs::write(folder.path().join(name), "hunter2").unwrap();
    }
    let named = faults(
        "",
        &[(CREDENTIALS_DIRECTORY, folder.path().to_str().unwrap())],
    );
    assert_eq!(named, ["database.pasword", "http.listen"]);
}
