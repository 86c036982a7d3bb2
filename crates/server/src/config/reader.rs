//! Reads values one by one and collects every fault on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use ::config::{Config, Map, Value, ValueKind};
use latchkey_storage::private;
use url::Url;
use zeroize::Zeroizing;

use super::{CREDENTIALS_DIRECTORY, Fault, Files, variable_of};

/// What a reader answers for a value that is not as it must be.
pub(super) type Problem = String;

/// The whole configuration, as far as it was not read yet.
pub(super) struct Reader {
    sections: Map<String, Value>,
    faults: Vec<Fault>,
    /// Every key that was asked for, with its section, and where its value comes from.
    known: Sources,
    /// The keys that are secrets, with their sections.
    secrets: BTreeSet<String>,
    /// Where a service manager has laid secrets, each in a file of its key's name.
    credentials: Option<PathBuf>,
    /// The files that secrets were to be read from, or are written in.
    secret_files: Vec<PathBuf>,
    /// Which files they may be.
    files: Files,
}

/// Where each setting's value comes from.
pub(crate) type Sources = BTreeMap<String, String>;

/// One section of the configuration. What is left when it is finished is unknown.
pub(super) struct Section<'reader> {
    name: &'static str,
    values: Map<String, Value>,
    keys: Vec<String>,
    reader: &'reader mut Reader,
}

impl Reader {
    pub(super) fn new(config: Config, files: Files) -> Self {
        Self {
            sections: config.cache.into_table().unwrap_or_default(),
            faults: Vec::new(),
            known: Sources::new(),
            secrets: BTreeSet::new(),
            credentials: None,
            secret_files: Vec::new(),
            files,
        }
    }

    /// Takes secrets from this folder too, if there is one. One that cannot be looked into is not taken for none.
    pub(super) fn with_credentials(mut self, credentials: Option<PathBuf>) -> Self {
        if let Some(folder) = &credentials
            && let Err(error) = fs::read_dir(folder)
            && error.kind() != io::ErrorKind::NotFound
        {
            self.faults.push(Fault {
                key: CREDENTIALS_DIRECTORY.to_owned(),
                problem: format!(
                    "names {}, which cannot be looked into ({error}): run this as the user that the credentials are \
                     for, or without that variable",
                    folder.display()
                ),
            });
            return self;
        }
        Self {
            credentials,
            ..self
        }
    }

    /// Begins a section; it is empty when it is not configured.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_> {
        let values = match self.sections.remove(name).map(|value| value.kind) {
            None | Some(ValueKind::Nil) => Map::new(),
            Some(ValueKind::Table(values)) => values,
            Some(_) => {
                self.faults.push(Fault {
                    key: name.to_owned(),
                    problem: format!("must be a section: write [{name}] and its keys below"),
                });
                Map::new()
            }
        };
        Section {
            name,
            values,
            keys: Vec::new(),
            reader: self,
        }
    }

    /// Where everything comes from, unless there are faults; sections that nobody read are faults too.
    pub(super) fn finish(mut self) -> Result<Sources, Vec<Fault>> {
        let sections: BTreeSet<&str> = self
            .known
            .keys()
            .filter_map(|key| key.split_once('.').map(|(section, _)| section))
            .collect();
        let sections = sections.into_iter().collect::<Vec<_>>().join(", ");
        let mut unknown: Vec<_> = self.sections.iter().collect();
        unknown.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in unknown {
            // A single value was meant for a key.
            let meant = match scalar(value).and_then(|_| nearest(key, self.known.keys())) {
                Some(setting) => format!("; the nearest setting is {setting}"),
                None => String::new(),
            };
            self.faults.push(Fault {
                key: key.clone(),
                problem: format!(
                    "is not a section; the sections are {sections}{meant}{}",
                    source_of_section(key, value)
                ),
            });
        }
        let stray = self.stray_credentials();
        self.faults.extend(stray);
        if self.faults.is_empty() {
            Ok(self.known)
        } else {
            Err(self.faults)
        }
    }

    /// The files that secrets were to be read from, or are written in.
    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        self.secret_files.clone()
    }

    /// Where the service manager has laid a secret, unless it has not: what cannot be looked at is found out by who
    /// reads it.
    fn credential(&self, key: &str) -> Option<PathBuf> {
        let path = self.credentials.as_ref()?.join(key);
        let is_absent = matches!(private::look(&path), Ok(None));
        (!is_absent).then_some(path)
    }

    /// Credentials that are named like settings and are none: nobody would miss them otherwise. What is named
    /// in another way is somebody else's, since whoever is started by a service inherits its folder.
    fn stray_credentials(&self) -> Vec<Fault> {
        let Some(folder) = &self.credentials else {
            return Vec::new();
        };
        let is_ours = |name: &str| {
            let section = name.split_once('.').map(|(section, _)| section);
            let mut known = self.known.keys().filter_map(|key| key.split_once('.'));
            section.is_some_and(|section| known.any(|(known, _)| known == section))
        };
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<_> = files
            .filter_map(|file| file.file_name().into_string().ok())
            .filter(|name| is_ours(name) && !self.secrets.contains(name))
            .collect();
        names.sort();
        let secrets: Vec<_> = self.secrets.iter().map(String::as_str).collect();
        let secrets = secrets.join(", ");
        let faults = names.into_iter().map(|key| Fault {
            problem: format!(
                "is not a secret, and cannot be a credential; the secrets are {secrets} (in {})",
                folder.display()
            ),
            key,
        });
        faults.collect()
    }

    /// Whether that key, which was asked for, has a value of its own.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.known
            .get(key)
            .is_some_and(|source| source != "default")
    }

    /// Every key that was asked for, with its section.
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.known.keys().cloned().collect()
    }
}

/// The name that is most like that one, whatever separates its parts.
pub(super) fn nearest<'names>(
    name: &str,
    names: impl Iterator<Item = &'names String>,
) -> Option<&'names String> {
    let parts = |name: &str| {
        let parts = name.split(['.', '_']).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("_").to_lowercase()
    };
    let meant = parts(name);
    names.min_by_key(|name| strsim::damerau_levenshtein(&meant, &parts(name.as_str())))
}

impl Section<'_> {
    /// A text that `parse` accepts; `default` when the key is absent.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> T {
        let Some(value) = self.take(key) else {
            return default;
        };
        let parsed = scalar(&value)
            .ok_or_else(|| "must be one text".to_owned())
            .and_then(|text| parse(&text));
        self.accept(key, &value, parsed).unwrap_or(default)
    }

    /// Like [`Self::text`], for keys that have no default.
    pub(super) fn optional_text<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        self.text(key, None, |text| parse(text).map(Some))
    }

    /// A secret that `parse` accepts. Whoever wants to keep it out of the configuration and of the environment
    /// puts it into a file, which `KEY_file` names or the service manager lays down as a credential of the key's
    /// name. It has one place at most, so that nobody changes one that is not the one in use.
    pub(super) fn secret<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        let file_key = format!("{key}_file");
        let (name, file_name) = (self.full(key), self.full(&file_key));
        self.reader.secrets.insert(name.clone());
        let (value, file) = (self.take(key), self.take(&file_key));
        let credential = self.reader.credential(&name);
        let places: Vec<_> = [
            value
                .as_ref()
                .map(|value| format!("{name} ({})", source(&name, value))),
            file.as_ref()
                .map(|file| format!("{file_name} ({})", source(&file_name, file))),
            credential
                .as_ref()
                .map(|path| format!("the credential {}", path.display())),
        ]
        .into_iter()
        .flatten()
        .collect();
        if places.len() > 1 {
            let problem = format!("must have one place: keep one of {}", places.join(" and "));
            self.reader.faults.push(Fault { key: name, problem });
            return None;
        }
        if let Some(value) = value {
            let text = scalar(&value);
            if text.as_deref().is_some_and(|text| is_secret(key, text))
                && let Some(file) = file_of(&value)
                && !self.reader.secret_files.contains(&file)
            {
                self.reader.secret_files.push(file);
            }
            let parsed = text
                .ok_or_else(|| "must be one text".to_owned())
                .and_then(|text| parse(&text));
            return self.accept(key, &value, parsed);
        }
        let (path, place) = match (file, credential) {
            (Some(file), _) => {
                let path = scalar(&file)
                    .filter(|path| !path.trim().is_empty())
                    .ok_or_else(|| "must be the path of a file".to_owned());
                let path = PathBuf::from(self.accept(&file_key, &file, path)?);
                let place = format!("{}, which {file_name} names", path.display());
                self.reader.secret_files.push(path.clone());
                (path, place)
            }
            (None, Some(path)) => {
                let place = format!("the credential {}", path.display());
                (path, place)
            }
            (None, None) => return None,
        };
        let source = format!("in {place}");
        self.reader.known.insert(name.clone(), source);
        match secret_in(&path, self.reader.files).and_then(|text| parse(&text)) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                let problem = format!("{problem} (in {place})");
                self.reader.faults.push(Fault { key: name, problem });
                None
            }
        }
    }

    /// Whether that secret has a fault, which was told: what else is said of it then would be said of another value.
    pub(super) fn has_fault(&self, key: &str) -> bool {
        let (name, file_name) = (self.full(key), self.full(&format!("{key}_file")));
        let mut faults = self.reader.faults.iter();
        faults.any(|fault| fault.key == name || fault.key == file_name)
    }

    /// Texts that `parse` accepts each, as a list or as one text with commas; none when absent.
    pub(super) fn texts<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let texts = if let ValueKind::Array(values) = &value.kind {
            values.iter().map(scalar).collect()
        } else {
            scalar(&value).map(|text| {
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
            })
        };
        let texts = texts.ok_or_else(|| "must be a list of texts".to_owned());
        let parsed = texts.and_then(|texts| texts.iter().map(|text| parse(text)).collect());
        self.accept(key, &value, parsed).unwrap_or_default()
    }

    /// A whole number within `range`; `default` when the key is absent.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> u32 {
        let Some(value) = self.take(key) else {
            return default;
        };
        let number = scalar(&value).and_then(|text| text.trim().parse().ok());
        let parsed = number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                format!(
                    "must be a whole number from {} to {}, not {}",
                    range.start(),
                    range.end(),
                    shown(&value)
                )
            });
        self.accept(key, &value, parsed).unwrap_or(default)
    }

    /// `true` or `false`; `None` when the key is absent.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        let parsed = scalar(&value)
            .and_then(|text| text.trim().to_ascii_lowercase().parse().ok())
            .ok_or_else(|| format!("must be true or false, not {}", shown(&value)));
        self.accept(key, &value, parsed)
    }

    /// Ends the section: keys that nobody read are faults.
    pub(super) fn finish(self) {
        let mut unknown: Vec<_> = self.values.iter().collect();
        unknown.sort_by_key(|(key, _)| key.as_str());
        for (key, value) in unknown {
            let key = format!("{}.{key}", self.name);
            self.reader.faults.push(Fault {
                problem: format!(
                    "is not a key; the keys of [{}] are {} ({})",
                    self.name,
                    self.keys.join(", "),
                    source(&key, value)
                ),
                key,
            });
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let name = self.full(key);
        let value = self.values.remove(key);
        let source = match &value {
            Some(value) => source(&name, value),
            None => "default".to_owned(),
        };
        self.keys.push(key.to_owned());
        self.reader.known.insert(name, source);
        value
    }

    /// A key with its section.
    fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    /// The parsed value; a problem becomes a fault that says where the value comes from.
    fn accept<T>(&mut self, key: &str, value: &Value, parsed: Result<T, Problem>) -> Option<T> {
        let key = self.full(key);
        match parsed {
            Ok(parsed) => Some(parsed),
            Err(problem) => {
                self.reader.faults.push(Fault {
                    problem: format!("{problem} ({})", source(&key, value)),
                    key,
                });
                None
            }
        }
    }
}

/// The secret in a file. Editors end a file with a new line, which is no part of it.
fn secret_in(path: &Path, files: Files) -> Result<Zeroizing<String>, Problem> {
    let text = files.accept(path).and_then(fs::read_to_string);
    let mut text = text
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text)
    }
}

/// Whether the value of a key that may be secret is: a URL without a password is not.
fn is_secret(key: &str, text: &str) -> bool {
    !key.ends_with("url")
        || Url::parse(text).map_or(text.contains('@'), |url| {
            url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
        })
}

/// Where a value was set.
fn source(key: &str, value: &Value) -> String {
    match file_of(value) {
        None => format!("set by {}", variable_of(key)),
        Some(file) => format!("set in {}", file.display()),
    }
}

/// Where a section was set, in brackets: where any of its values was. Of one without values nobody can say.
fn source_of_section(key: &str, value: &Value) -> String {
    let ValueKind::Table(values) = &value.kind else {
        return format!(" ({})", source(key, value));
    };
    let first = values.iter().min_by_key(|(name, _)| name.as_str());
    first.map_or_else(String::new, |(name, value)| {
        source_of_section(&format!("{key}.{name}"), value)
    })
}

/// The file that a value was set in, and none for the environment.
fn file_of(value: &Value) -> Option<PathBuf> {
    let origin = value.origin();
    let file = origin.filter(|origin| *origin != "the environment")?;
    Some(file.into())
}

/// A single value as text; the environment has nothing but text, so numbers and texts are alike.
fn scalar(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil => None,
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_) => Some(value.to_string()),
    }
}

fn shown(value: &Value) -> String {
    match (&value.kind, scalar(value)) {
        (ValueKind::String(text), _) => format!("{text:?}"),
        (_, Some(text)) => text,
        (_, None) => "a list or section".to_owned(),
    }
}

/// The problem of a text that is not what it must be.
pub(super) fn must_be(expected: impl Display, text: &str) -> Problem {
    format!("must be {expected}, not {text:?}")
}

#[cfg(test)]
mod tests;
