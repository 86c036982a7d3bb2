//! The configuration: defaults, then a TOML file, then the environment.
//!
//! Every fault is found before anything starts, and all of them are told at once, each with its key and
//! what to write instead. To add a key: give it a field and a default in its section's file, read it
//! there, and describe it in `docs/latchkey.example.toml`; tests hold the three together.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    fmt,
    path::Path,
};

use ::config::{Config, ConfigError, Environment, File, FileFormat};
use latchkey_domain::policy::Policy;

use self::{
    database::Database,
    demo::Demo,
    http::Http,
    log::Log,
    mail::Mail,
    reader::{Reader, nearest},
    secrets::Secrets,
    web::Web,
};

pub(crate) use self::reader::Sources;

pub mod database;
pub mod demo;
pub mod http;
pub mod limits;
pub mod log;
pub mod mail;
mod reader;
pub mod secrets;
pub mod tokens;
mod values;
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
        Self::of_process_with_sources(file).map(|(settings, _)| settings)
    }

    /// The same, with where each setting comes from, by its key.
    pub(crate) fn of_process_with_sources(file: Option<&Path>) -> Result<(Self, Sources), Faults> {
        let (variables, mut faults) = environment(std::env::vars_os());
        match Self::load_with_sources(file, variables) {
            Ok(loaded) if faults.is_empty() => Ok(loaded),
            Ok(_) => Err(Faults(faults)),
            Err(Faults(further)) => {
                faults.extend(further);
                Err(Faults(faults))
            }
        }
    }

    /// Reads the configuration: the defaults, overridden by the file if there is one, overridden by
    /// those variables of the environment that are called `LATCHKEY__SECTION__KEY`. An empty variable
    /// counts as absent.
    ///
    /// # Errors
    /// [`Faults`] has every fault there is.
    pub fn load(file: Option<&Path>, environment: HashMap<String, String>) -> Result<Self, Faults> {
        Self::load_with_sources(file, environment).map(|(settings, _)| settings)
    }

    fn load_with_sources(
        file: Option<&Path>,
        environment: HashMap<String, String>,
    ) -> Result<(Self, Sources), Faults> {
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
        let settings = Self::read(&mut reader);
        let sources = reader.finish().map_err(Faults)?;
        Ok((settings, sources))
    }

    fn read(reader: &mut Reader) -> Self {
        Self {
            http: Http::read(reader),
            database: Database::read(reader),
            secrets: Secrets::read(reader),
            policy: Policy {
                lifetimes: tokens::read(reader),
                limits: limits::read(reader),
            },
            log: Log::read(reader),
            demo: Demo::read(reader),
            mail: Mail::read(reader),
            web: Web::read(reader),
        }
    }
}

/// Every key there is, with its section.
fn known_keys() -> BTreeSet<String> {
    let mut reader = Reader::new(Config::default());
    Settings::read(&mut reader);
    reader.known()
}

/// What else is called `LATCHKEY_…`: where the file is, and what the tests of this project pass on to the
/// binary.
const NO_SETTINGS: [&str; 3] = ["LATCHKEY_CONFIG", "LATCHKEY_BIN", "LATCHKEY_SCREENSHOTS"];

/// What else begins so: what the tests of this project pass on to the binary.
const NO_SETTINGS_BEGIN: [&str; 4] = [
    "LATCHKEY_E2E_",
    "LATCHKEY_POSTGRES_",
    "LATCHKEY_TEST_",
    "LATCHKEY_TRIAL_",
];

/// The variables that belong to the configuration, and what is wrong with any that seem to.
fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> (HashMap<String, String>, Vec<Fault>) {
    let (mut settings, mut faults) = (HashMap::new(), Vec::new());
    for (name, value) in variables {
        let Ok(name) = name.into_string() else {
            continue;
        };
        let upper = name.to_uppercase();
        if upper.starts_with("LATCHKEY__") {
            match value.into_string() {
                Ok(value) => {
                    settings.insert(name, value);
                }
                Err(_not_unicode) => faults.push(Fault {
                    key: name,
                    problem: "must be UTF-8".to_owned(),
                }),
            }
        } else if let Some(meant) = upper.strip_prefix("LATCHKEY_")
            && !is_no_setting(&upper, &value.to_string_lossy())
        {
            faults.push(misnamed(&name, meant));
        }
    }
    faults.sort_by(|one, other| one.key.cmp(&other.key));
    (settings, faults)
}

/// Whether a variable is called as others are that are no settings. Kubernetes gives every container the
/// addresses of services, of which one may be called `latchkey` or `latchkey-something`.
fn is_no_setting(name: &str, value: &str) -> bool {
    let is_address = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, rest)| {
            let number = rest.split('_').next().unwrap_or_default();
            number.parse::<u16>().is_ok()
        });
    is_address
        || NO_SETTINGS.contains(&name)
        || NO_SETTINGS_BEGIN
            .iter()
            .any(|begin| name.starts_with(begin))
}

/// A variable that would be ignored without a word. Its value, which may be secret, is not repeated.
fn misnamed(name: &str, meant: &str) -> Fault {
    let keys = known_keys();
    let meant = nearest(meant, keys.iter()).map(|key| variable_of(key));
    Fault {
        key: name.to_owned(),
        problem: format!(
            "is the name of no setting; the nearest is {} (the parts of a name have two underscores between \
             them)",
            meant.unwrap_or_default()
        ),
    }
}

/// The variable of the environment that sets that key.
fn variable_of(key: &str) -> String {
    format!("LATCHKEY__{}", key.to_uppercase().replace('.', "__"))
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
        assert_eq!(named, known_keys());
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
        let (variables, faults) = read("127.0.0.1:1".into());
        assert_eq!(
            variables.keys().collect::<Vec<_>>(),
            ["LATCHKEY__HTTP__LISTEN"]
        );
        assert_eq!(faults, []);
        let (variables, faults) = read(OsString::from_vec(vec![0xff]));
        assert!(variables.is_empty());
        assert_eq!(faults[0].key, "LATCHKEY__HTTP__LISTEN");
    }

    #[test]
    fn a_variable_that_names_no_setting_is_a_fault_with_the_nearest_name() {
        let faults_with = |value: &str, names: &[&str]| {
            let variables = names.iter().map(|name| ((*name).into(), value.into()));
            environment(variables).1
        };
        let faults_of = |names: &[&str]| faults_with("hunter2", names);
        for (name, meant) in [
            ("LATCHKEY_HTTP_LISTEN", "LATCHKEY__HTTP__LISTEN"),
            ("latchkey_http_listen", "LATCHKEY__HTTP__LISTEN"),
            ("LATCHKEY_HTTP__LISTEN", "LATCHKEY__HTTP__LISTEN"),
            ("LATCHKEY_DATABASE_URL", "LATCHKEY__DATABASE__URL"),
            ("LATCHKEY_PUBLIC_URL", "LATCHKEY__HTTP__PUBLIC_URL"),
            ("LATCHKEY_HTTP_PORT", "LATCHKEY__HTTP__LISTEN"),
            ("LATCHKEY_SECRETS_CONTENTS", "LATCHKEY__SECRETS__CONTENTS"),
        ] {
            let faults = faults_of(&[name]);
            assert_eq!(faults.len(), 1, "{name}");
            let said = faults[0].to_string();
            let expected = format!("{name} is the name of no setting; the nearest is {meant} ");
            assert!(said.starts_with(&expected), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(
            faults_of(&["LATCHKEY_LOG_LEVEL", "LATCHKEY_HTTP_LISTEN"]).len(),
            2
        );
        let of_others = [
            "LATCHKEY_CONFIG",
            "LATCHKEY_SERVICE_HOST",
            "LATCHKEY_SERVICE_PORT",
            "LATCHKEY_SERVICE_PORT_HTTP",
            "LATCHKEY_PORT",
            "LATCHKEY_PORT_8080_TCP",
            "LATCHKEY_PORT_8080_TCP_ADDR",
            "LATCHKEY_METRICS_PORT_9090_TCP_PROTO",
            "LATCHKEYS",
        ];
        assert_eq!(faults_with("tcp://10.0.0.1:8080", &of_others), []);
    }

    #[test]
    fn a_section_that_is_a_key_is_answered_with_the_nearest_one() {
        let fault = load("", &[("LATCHKEY__HTTP_LISTEN", "127.0.0.1:1")]).unwrap_err();
        let said = fault.to_string();
        assert!(said.contains("http_listen is not a section"), "{said}");
        assert!(
            said.ends_with("the nearest setting is http.listen"),
            "{said}"
        );
    }

    #[test]
    fn a_list_in_the_environment_has_commas() {
        let networks = |text: &str| {
            let variables = [("LATCHKEY__HTTP__TRUSTED_PROXIES", text)];
            load("", &variables).map(|settings| settings.http.trusted_proxies.len())
        };
        for (text, count) in [
            ("10.0.0.1", 1),
            ("10.0.0.1,10.0.0.2", 2),
            (" 10.0.0.0/8 , ::1 ,", 2),
            ("", 0),
        ] {
            assert_eq!(networks(text), Ok(count), "{text}");
        }
        for text in ["10.0.0.1 10.0.0.2", "10.0.0.1;10.0.0.2", "[\"10.0.0.1\"]"] {
            let fault = networks(text).unwrap_err().to_string();
            assert!(fault.contains("with commas between them"), "{fault}");
        }
    }

    #[test]
    fn every_setting_tells_where_it_comes_from() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("latchkey.toml");
        std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:1\"\n").unwrap();
        let variables = variables_of(&[("LATCHKEY__LOG__LEVEL", "debug")]);
        let (_, sources) = Settings::load_with_sources(Some(&file), variables).unwrap();
        assert!(sources["http.listen"].ends_with("latchkey.toml"));
        assert_eq!(sources["log.level"], "set by LATCHKEY__LOG__LEVEL");
        assert_eq!(sources["log.format"], "default");
        assert_eq!(sources.len(), known_keys().len());
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
