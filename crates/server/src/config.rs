//! The configuration: defaults, then a TOML file, then the environment.
//!
//! Every fault is found before anything starts, and all of them are told at once, each with its key and
//! what to write instead. To add a key: give it a field and a default in its section's file, read it
//! there, and describe it in `docs/latchkey.example.toml`; tests hold the three together.

use std::{collections::HashMap, ffi::OsString, fmt, path::Path};

use ::config::{Config, ConfigError, Environment, File, FileFormat};
use latchkey_domain::policy::Policy;

use self::{
    database::Database, demo::Demo, http::Http, log::Log, mail::Mail, metrics::Metrics,
    reader::Reader, secrets::Secrets, web::Web,
};

pub mod database;
pub mod demo;
pub mod http;
pub mod limits;
pub mod log;
pub mod mail;
pub mod metrics;
mod reader;
pub mod secrets;
pub mod tokens;
mod weaknesses;
pub mod web;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where and how requests are taken.
    pub http: Http,
    /// Where everything is kept.
    pub database: Database,
    /// Where the keys are kept.
    pub secrets: Secrets,
    /// Lifetimes (`[tokens]`) and limits (`[limits]`).
    pub policy: Policy,
    /// How the log looks.
    pub log: Log,
    /// Where metrics are told.
    pub metrics: Metrics,
    /// Whether there is a demonstration organization.
    pub demo: Demo,
    /// How messages to users are delivered.
    pub mail: Mail,
    /// Whether there are pages.
    pub web: Web,
}

/// Something in the configuration that cannot be, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key, with its section; or the file when it cannot be read at all.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.key, self.problem)
    }
}

/// All faults of a configuration, at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, in the order of the sections.
    pub fn all(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the configuration cannot be used")?;
        for fault in &self.0 {
            write!(formatter, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl Settings {
    /// Reads the configuration of this process, from the file if there is one and from its environment.
    ///
    /// # Errors
    /// [`Faults`] has every fault there is.
    pub fn of_process(file: Option<&Path>) -> Result<Self, Faults> {
        Self::load(file, environment(std::env::vars_os())?)
    }

    /// Reads the configuration: the defaults, overridden by the file if there is one, overridden by
    /// those variables of the environment that are called `LATCHKEY__SECTION__KEY`. An empty variable
    /// counts as absent.
    ///
    /// # Errors
    /// [`Faults`] has every fault there is.
    pub fn load(file: Option<&Path>, environment: HashMap<String, String>) -> Result<Self, Faults> {
        if let Some(file) = file {
            refuse_other_encodings(file)?;
        }
        let mut reader = Reader::new(layers(file, environment).map_err(|error| {
            Faults(vec![Fault {
                key: file.map_or_else(
                    || "the environment".to_owned(),
                    |file| file.display().to_string(),
                ),
                problem: format!("cannot be read: {error}"),
            }])
        })?);
        let settings = Self {
            http: Http::read(&mut reader),
            database: Database::read(&mut reader),
            secrets: Secrets::read(&mut reader),
            policy: Policy {
                lifetimes: tokens::read(&mut reader),
                limits: limits::read(&mut reader),
            },
            log: Log::read(&mut reader),
            metrics: Metrics::read(&mut reader),
            demo: Demo::read(&mut reader),
            mail: Mail::read(&mut reader),
            web: Web::read(&mut reader),
        };
        let faults = reader.finish();
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(Faults(faults))
        }
    }
}

/// The variables that belong to the configuration.
fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<HashMap<String, String>, Faults> {
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.to_uppercase().starts_with("LATCHKEY__"))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_not_unicode) => Err(Faults(vec![Fault {
                key: name,
                problem: "must be UTF-8".to_owned(),
            }])),
        })
        .collect()
}

/// Refuses a file that is not UTF-8, which would be read with other letters in it. That a file is not there
/// is found where it is read.
fn refuse_other_encodings(file: &Path) -> Result<(), Faults> {
    let Ok(bytes) = std::fs::read(file) else {
        return Ok(());
    };
    let Err(error) = std::str::from_utf8(&bytes) else {
        return Ok(());
    };
    let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
    let mut lines = before.split(|byte| *byte == b'\n');
    let column = lines.next_back().unwrap_or_default().len();
    Err(Faults(vec![Fault {
        key: file.display().to_string(),
        problem: format!(
            "must be UTF-8, and is not at line {}, byte {}: save it in that encoding",
            lines.count().saturating_add(1),
            column.saturating_add(1)
        ),
    }]))
}

fn layers(
    file: Option<&Path>,
    environment: HashMap<String, String>,
) -> Result<Config, ConfigError> {
    let mut builder = Config::builder();
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    builder
        .add_source(
            Environment::with_prefix("LATCHKEY")
                .prefix_separator("__")
                .separator("__")
                .ignore_empty(true)
                .source(Some(environment.into_iter().collect())),
        )
        .build()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet, os::unix::ffi::OsStringExt as _, path::PathBuf, time::Duration,
    };

    use super::*;

    const EXAMPLE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/latchkey.example.toml"
    );

    fn variables_of(variables: &[(&str, &str)]) -> HashMap<String, String> {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latchkey.toml");
        std::fs::write(&file, text).unwrap();
        Settings::load(Some(&file), variables_of(variables))
    }

    fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
        load(text, variables)
            .unwrap_err()
            .all()
            .iter()
            .map(|fault| fault.key.clone())
            .collect()
    }

    #[test]
    fn nothing_configured_is_the_default() {
        assert_eq!(
            Settings::load(None, HashMap::new()),
            Ok(Settings::default())
        );
    }

    #[test]
    fn the_example_file_says_the_defaults() {
        assert_eq!(
            Settings::load(Some(Path::new(EXAMPLE)), HashMap::new()),
            Ok(Settings::default())
        );
    }

    /// Keys without a default are in the example as comments; with the comment signs removed it must
    /// still be a configuration, and then no key is missing.
    #[test]
    fn the_example_file_names_every_key() {
        let example = std::fs::read_to_string(EXAMPLE).unwrap();
        let mut section = String::new();
        let mut named = BTreeSet::new();
        for line in example.lines() {
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                name.clone_into(&mut section);
            } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
                named.insert(format!("{section}.{key}"));
            }
        }
        let mut reader = Reader::new(Config::default());
        Http::read(&mut reader);
        Database::read(&mut reader);
        Secrets::read(&mut reader);
        tokens::read(&mut reader);
        limits::read(&mut reader);
        Log::read(&mut reader);
        Metrics::read(&mut reader);
        Demo::read(&mut reader);
        Mail::read(&mut reader);
        Web::read(&mut reader);
        assert_eq!(named, reader.known());
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let settings = load(
            "[http]\nlisten = \"127.0.0.1:1\"\nmaximum_connections = 5\n",
            &[
                ("LATCHKEY__HTTP__LISTEN", "127.0.0.1:2"),
                ("LATCHKEY__HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
                ("LATCHKEY__LIMITS__ENABLED", "false"),
                ("LATCHKEY__TOKENS__SESSION_SECONDS", "90"),
                ("LATCHKEY__LOG__LEVEL", ""),
                ("LATCHKEY_CONFIG", "is not a key"),
            ],
        )
        .unwrap();
        assert_eq!(settings.http.listen.port(), 2);
        assert_eq!(settings.http.maximum_connections, 5);
        assert_eq!(settings.http.trusted_proxies.len(), 2);
        assert!(!settings.policy.limits.enabled);
        assert_eq!(settings.policy.lifetimes.session, Duration::from_secs(90));
        assert_eq!(settings.log, Log::default());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let named = faults(
            r#"
            [http]
            listen = "localhost"
            public_url = "ftp://example.com"
            trusted_proxies = ["10.0.0.0/8", "everyone"]
            maximum_connections = 0
            drain_seconds = "soon"
            lisen = "127.0.0.1:80"
            [database]
            url = "mysql://localhost/latchkey"
            [secrets]
            path = ""
            [tokens]
            challenge_seconds = 3600
            session_seconds = true
            [limits]
            enabled = "perhaps"
            wrong_codes_per_user = -1
            [log]
            format = "xml"
            level = "a=b=c"
            [demo]
            enabled = 3
            [web]
            enabled = "sometimes"
            [htpp]
            listen = "127.0.0.1:80"
            "#,
            &[],
        );
        assert_eq!(
            named,
            [
                "http.listen",
                "http.public_url",
                "http.trusted_proxies",
                "http.maximum_connections",
                "http.drain_seconds",
                "http.lisen",
                "database.url",
                "secrets.path",
                "tokens.challenge_seconds",
                "tokens.session_seconds",
                "limits.enabled",
                "limits.wrong_codes_per_user",
                "log.format",
                "log.level",
                "demo.enabled",
                "web.enabled",
                "htpp",
            ]
        );
    }

    #[test]
    fn a_fault_says_where_it_is_and_what_to_write() {
        let faults = load(
            "[http]\nmaximum_connections = 0\n",
            &[("LATCHKEY__HTTP__LISTEN", "8080")],
        )
        .unwrap_err()
        .to_string();
        let mut lines = faults.lines();
        assert_eq!(lines.next(), Some("the configuration cannot be used"));
        assert_eq!(
            lines.next(),
            Some(
                "  http.listen must be an address with a port, such as 127.0.0.1:8080, not \"8080\" \
                 (set by LATCHKEY__HTTP__LISTEN)"
            )
        );
        let second = lines.next().unwrap();
        assert!(second.starts_with(
            "  http.maximum_connections must be a whole number from 1 to 65535, not 0 (set in "
        ));
        assert!(second.ends_with("latchkey.toml)"), "{second}");
    }

    #[test]
    fn a_misspelt_key_is_answered_with_the_keys_there_are() {
        let fault = load("[log]\nlevle = \"info\"\n", &[]).unwrap_err();
        assert!(
            fault
                .to_string()
                .contains("log.levle is not a key; the keys of [log] are format, level"),
            "{fault}"
        );
    }

    #[test]
    fn a_key_that_should_be_a_section_is_a_fault() {
        assert_eq!(faults("http = \"127.0.0.1:80\"\n", &[]), ["http"]);
        assert_eq!(
            faults("", &[("LATCHKEY__HTTP__LISTEN__PORT", "1")]),
            ["http.listen"]
        );
    }

    #[test]
    fn secrets_in_a_faulty_configuration_are_not_repeated() {
        let faults = load("[database]\nurl = \"mysql://root:hunter2@host/db\"\n", &[])
            .unwrap_err()
            .to_string();
        assert!(faults.contains("database.url"), "{faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
        let settings = load(
            "[database]\nurl = \"postgres://root:hunter2@host/db\"\n[secrets]\ncontents = \"hunter3\"\n",
            &[],
        )
        .unwrap();
        assert!(!format!("{settings:?}").contains("hunter"));
    }

    #[test]
    fn only_variables_of_the_configuration_are_read() {
        let read = |listen: OsString| {
            let others = [("LATCHKEY_BIN", "x"), ("PATH", "y")];
            let others = others.map(|(name, value)| (name.into(), value.into()));
            environment(
                others
                    .into_iter()
                    .chain([("LATCHKEY__HTTP__LISTEN".into(), listen)]),
            )
        };
        let variables = read("127.0.0.1:1".into()).unwrap();
        assert_eq!(
            variables.keys().collect::<Vec<_>>(),
            ["LATCHKEY__HTTP__LISTEN"]
        );
        let faults = read(OsString::from_vec(vec![0xff])).unwrap_err();
        assert_eq!(faults.all()[0].key, "LATCHKEY__HTTP__LISTEN");
    }

    #[test]
    fn a_missing_or_broken_file_and_one_in_another_encoding_are_named() {
        let missing = PathBuf::from("no-such-folder/latchkey.toml");
        let fault = Settings::load(Some(&missing), HashMap::new()).unwrap_err();
        assert!(
            fault.to_string().contains("no-such-folder/latchkey.toml"),
            "{fault}"
        );
        let folder = tempfile::tempdir().unwrap();
        let latin = folder.path().join("latin-1.toml");
        std::fs::write(&latin, b"[database]\nurl = \"sqlite://J\xfcrgen.db\"\n").unwrap();
        let fault = Settings::load(Some(&latin), HashMap::new()).unwrap_err();
        assert!(
            fault
                .to_string()
                .contains("latin-1.toml must be UTF-8, and is not at line 2, byte 18"),
            "{fault}"
        );
        let fault = load("[http\n", &[]).unwrap_err();
        assert!(fault.to_string().contains("latchkey.toml"), "{fault}");
    }
}
