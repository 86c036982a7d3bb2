//! `latchkey config`: whether the configuration can be used, what it is, and what in it weakens the installation.

use std::fmt::Write as _;

use clap::Subcommand;
use serde::Serialize;

use super::{Failure, answer::answer_list, output};
use crate::{
    config::{Settings, Sources},
    location::Atlas,
    secrets,
};

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read the configuration as serve does, and say what in it weakens the installation, one a line. Nothing is
    /// opened or made.
    Check,
    /// Show every setting with its value and where that comes from. What is secret is hidden.
    Show,
}

/// A setting, as it is told to programs.
#[derive(Serialize)]
pub(super) struct Setting {
    key: String,
    value: String,
    source: String,
}

/// What cannot be used was refused when the settings were read.
pub(super) fn perform(
    command: ConfigCommand,
    settings: &Settings,
    sources: &Sources,
) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => output::print(check(settings)?.as_bytes()),
        ConfigCommand::Show => answer_list(&told(settings, sources), "settings"),
    }
}

/// A line for each weakness. The database is not asked how many users there are, so there may be several. Secrets
/// that are given with the configuration are looked into: what was cut off on its way would be told at the start only.
/// So is the file that tells where addresses are.
fn check(settings: &Settings) -> Result<String, Failure> {
    if settings.secrets.contents.is_some() {
        secrets::look(&settings.secrets)?;
    }
    Atlas::read(&settings.location)?;
    let mut lines = String::new();
    for weakness in settings.weaknesses(true) {
        writeln!(lines, "{weakness}")?;
    }
    Ok(lines)
}

/// Passwords that are configured apart from the URLs that they are shown in.
fn passwords(sources: &Sources) -> impl Iterator<Item = Setting> {
    let given = sources
        .iter()
        .filter(|(key, source)| key.ends_with("password") && *source != "default");
    given.map(|(key, source)| Setting {
        key: key.clone(),
        value: "(hidden)".to_owned(),
        source: source.clone(),
    })
}

/// Every setting with its value and its source.
pub(super) fn told(settings: &Settings, sources: &Sources) -> Vec<Setting> {
    let values = settings.values().into_iter();
    values
        .map(|value| Setting {
            source: sources.get(value.key).cloned().unwrap_or_default(),
            key: value.key.to_owned(),
            value: value.shown,
        })
        .chain(passwords(sources))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{causes::chain, config::mail::Transport};

    #[test]
    fn a_check_says_each_weakness_on_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", data.display());
        settings.secrets.path = data.join("secrets.toml");
        settings.mail.transport = Transport::Smtp;
        settings.mail.smtp_url = Some("smtps://mail.example.com".to_owned().into());
        "no-reply@example.com".clone_into(&mut settings.mail.from);
        assert_eq!(check(&settings).unwrap(), "");
        settings.mail.transport = Transport::Outbox;
        settings.policy.limits.enabled = false;
        let answer = check(&settings).unwrap();
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!(lines.len(), 2, "{answer}");
        for (line, key) in lines.iter().zip(["limits.enabled", "mail.transport"]) {
            assert!(line.starts_with(key), "{answer}");
        }
        assert!(!data.exists());
    }

    #[test]
    fn a_check_reads_the_file_that_tells_where_addresses_are() {
        let mut settings = Settings::default();
        settings.location.path = Some("/nowhere/places.mmdb".into());
        let error = check(&settings).unwrap_err();
        let said = chain(error.as_ref());
        assert!(
            said.starts_with("location.path: /nowhere/places.mmdb cannot be read"),
            "{said}"
        );
    }

    #[test]
    fn a_check_looks_into_secrets_that_are_given() {
        let mut settings = Settings::default();
        settings.secrets.contents = Some("hunter2".to_owned().into());
        let error = check(&settings).unwrap_err();
        let said = chain(error.as_ref());
        assert!(said.starts_with("secrets.contents does not hold"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn every_setting_is_told_with_where_it_comes_from() {
        let settings = Settings::default();
        let sources = BTreeMap::from([("http.listen".to_owned(), "default".to_owned())]);
        let told = told(&settings, &sources);
        assert_eq!(told.len(), settings.values().len());
        assert_eq!(told[0].key, "http.listen");
        assert_eq!(told[0].value, "127.0.0.1:8080");
        assert_eq!(told[0].source, "default");
    }
}
