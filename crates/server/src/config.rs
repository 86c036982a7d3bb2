//! The configuration: defaults, then a TOML file, then the environment.
//!
//! Every fault is found before anything starts, and all of them are told at once, each with its key and
//! what to write instead. To add a key: give it a field and a default in its section's file, read it
//! there, and describe it in `docs/latchkey.example.toml`; tests hold the three together. A key that is a
//! secret is read with `Section::secret`, and then it can be in a file of its own, too.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
};

use ::config::{Config, ConfigError, Environment, FileFormat, Format as _, Map, Source, Value};
use latchkey_domain::policy::Policy;

use self::{
    database::Database,
    demo::Demo,
    http::Http,
    location::Location,
    log::Log,
    mail::Mail,
    metrics::Metrics,
    reader::{Reader, nearest},
    secrets::Secrets,
    web::Web,
};

pub(crate) use self::reader::Sources;

pub mod database;
pub mod demo;
pub mod http;
pub mod limits;
pub mod location;
pub mod log;
pub mod mail;
pub mod metrics;
mod password;
pub(crate) mod reach;
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
    /// Where metrics are told.
    pub metrics: Metrics,
    /// What tells roughly where an address is.
    pub location: Location,
    /// Whether there is a demonstration organization.
    pub demo: Demo,
    /// How messages to users are delivered.
    pub mail: Mail,
    /// Whether there are pages.
    pub web: Web,
    /// Whether the installation must be there already, with its whole schema. No key says so, but the command: only
    /// those that begin one make anything where nothing is, or change the schema.
    pub must_exist: bool,
    /// The files that secrets were read from: those that `KEY_file` names, and the configuration where one is in it.
    pub secret_files: Vec<PathBuf>,
}

/// The variable by which a service manager says where it has laid the secrets of a service (systemd's
/// `LoadCredential=`).
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

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
        Self::of_process_with_sources(file, Files::Any).map(|(settings, _)| settings)
    }

    /// The same, while the process runs: what can be read once only, such as a pipe, is a fault then.
    ///
    /// # Errors
    /// [`Faults`] has every fault there is.
    pub fn of_process_again(file: Option<&Path>) -> Result<Self, Faults> {
        Self::of_process_with_sources(file, Files::Regular).map(|(settings, _)| settings)
    }

    /// The same, with where each setting comes from, by its key.
    pub(crate) fn of_process_with_sources(
        file: Option<&Path>,
        files: Files,
    ) -> Result<(Self, Sources), Faults> {
        let (variables, mut faults) = environment(std::env::vars_os());
        match Self::load_with_sources(file, variables, files) {
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
    /// counts as absent. A secret may also be a file of its key's name, such as `database.password`, in the
    /// folder that the variable `CREDENTIALS_DIRECTORY` names.
    ///
    /// # Errors
    /// [`Faults`] has every fault there is.
    pub fn load(file: Option<&Path>, environment: HashMap<String, String>) -> Result<Self, Faults> {
        Self::load_with_sources(file, environment, Files::Any).map(|(settings, _)| settings)
    }

    fn load_with_sources(
        file: Option<&Path>,
        environment: HashMap<String, String>,
        files: Files,
    ) -> Result<(Self, Sources), Faults> {
        let mut reader = reader_of(file, environment, files)?;
        let settings = Self::read(&mut reader);
        let sources = reader.finish().map_err(Faults)?;
        Ok((settings, sources))
    }

    fn read(reader: &mut Reader) -> Self {
        let http = Http::read(reader);
        Self {
            database: Database::read(reader),
            secrets: Secrets::read(reader),
            policy: Policy {
                lifetimes: tokens::read(reader),
                limits: limits::read(reader),
            },
            log: Log::read(reader),
            metrics: Metrics::read(reader, http.listen),
            location: Location::read(reader),
            demo: Demo::read(reader),
            mail: Mail::read(reader),
            web: Web::read(reader),
            http,
            must_exist: false,
            secret_files: reader.secret_files(),
        }
    }
}

/// Every key there is, with its section.
fn known_keys() -> BTreeSet<String> {
    let mut reader = Reader::new(Config::default(), Files::Any);
    Settings::read(&mut reader);
    reader.known()
}

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
        if upper.starts_with("LATCHKEY__") || name == CREDENTIALS_DIRECTORY {
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

/// Whether a variable is called as others are that are no settings: it says where the file is, or is of Kubernetes,
/// which gives every container the addresses of services, of which one may be called `latchkey` or
/// `latchkey-something`.
fn is_no_setting(name: &str, value: &str) -> bool {
    let is_address = name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
        || name.split_once("_PORT_").is_some_and(|(_, rest)| {
            let number = rest.split('_').next().unwrap_or_default();
            number.parse::<u16>().is_ok()
        });
    is_address || name == "LATCHKEY_CONFIG"
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

/// Which files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Files {
    /// Pipes and devices too.
    Any,
    /// Those that say the same to everybody who reads them: who reads a pipe again finds nothing, or waits for ever.
    Regular,
}

impl Files {
    fn accept(self, file: &Path) -> io::Result<&Path> {
        if self == Self::Any || std::fs::metadata(file)?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other(
                "it is no regular file, which alone can be read more than once",
            ))
        }
    }
}

/// What a file says, whatever kind of file it is.
#[derive(Clone, Debug)]
struct Text(Map<String, Value>);

impl Source for Text {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// Reads a file. One that is not UTF-8, which would be read with other letters in it, is refused.
fn read_file(file: &Path, files: Files) -> Result<Text, Faults> {
    let place = file.display().to_string();
    let unreadable = |error: &dyn fmt::Display| {
        Faults(vec![Fault {
            key: place.clone(),
            problem: format!("cannot be read: {error}"),
        }])
    };
    let bytes = files.accept(file).and_then(std::fs::read);
    let bytes = bytes.map_err(|error| unreadable(&error))?;
    let fault = |valid: usize, problem: &dyn Fn(usize, usize) -> String| {
        let before = bytes.get(..valid).unwrap_or_default();
        let mut lines = before.split(|byte| *byte == b'\n');
        let column = lines.next_back().unwrap_or_default().len();
        Faults(vec![Fault {
            key: place.clone(),
            problem: problem(lines.count().saturating_add(1), column.saturating_add(1)),
        }])
    };
    match std::str::from_utf8(&bytes) {
        Err(error) => Err(fault(error.valid_up_to(), &|line, byte| {
            format!(
                "must be UTF-8, and is not at line {line}, byte {byte}: save it in that encoding"
            )
        })),
        Ok(text) => {
            toml::from_str::<toml::Table>(text).map_err(|error| {
                // What the library says of a line repeats it, and there may be a secret in it.
                let start = error.span().map_or(0, |span| span.start);
                fault(start, &|line, byte| {
                    format!(
                        "cannot be read at line {line}, byte {byte}: {}",
                        error.message()
                    )
                })
            })?;
            let values = FileFormat::Toml.parse(Some(&place), text);
            values.map(Text).map_err(|error| unreadable(&error))
        }
    }
}

/// What reads the file, if there is one, and the environment.
fn reader_of(
    file: Option<&Path>,
    mut environment: HashMap<String, String>,
    files: Files,
) -> Result<Reader, Faults> {
    let text = file.map(|file| read_file(file, files)).transpose()?;
    let credentials = environment
        .remove(CREDENTIALS_DIRECTORY)
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from);
    let layers = layers(text, environment).map_err(|error| {
        Faults(vec![Fault {
            key: "the environment".to_owned(),
            problem: format!("cannot be read: {error}"),
        }])
    })?;
    Ok(Reader::new(layers, files).with_credentials(credentials))
}

fn layers(text: Option<Text>, environment: HashMap<String, String>) -> Result<Config, ConfigError> {
    let mut builder = Config::builder();
    if let Some(text) = text {
        builder = builder.add_source(text);
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
mod tests;
