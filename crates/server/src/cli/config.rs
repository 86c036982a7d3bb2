//! `latchkey config`: whether the configuration can be used, and what in it weakens the installation.

use std::io::{self, Write};

use clap::Subcommand;

use super::Failure;
use crate::config::Settings;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Read the configuration as serve does, and say what in it weakens the installation, one a line. Nothing is
    /// opened or made.
    Check,
}

/// What cannot be used was refused when the settings were read.
pub(super) fn perform(command: ConfigCommand, settings: &Settings) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => check(settings, &mut io::stdout().lock()),
    }
}

/// The database is not asked how many users there are, so there may be several.
fn check(settings: &Settings, answer: &mut impl Write) -> Result<(), Failure> {
    for weakness in settings.weaknesses(true) {
        writeln!(answer, "{weakness}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::mail::Transport;

    fn checked(settings: &Settings) -> String {
        let mut answer = Vec::new();
        check(settings, &mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn a_check_says_each_weakness_on_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", data.display());
        settings.secrets.path = data.join("secrets.toml");
        settings.mail.transport = Transport::Smtp;
        settings.mail.smtp_url = Some("smtps://mail.example.com".to_owned().into());
        assert_eq!(checked(&settings), "");
        settings.mail.transport = Transport::Outbox;
        settings.policy.limits.enabled = false;
        let answer = checked(&settings);
        let lines: Vec<_> = answer.lines().collect();
        assert_eq!(lines.len(), 2, "{answer}");
        for (line, key) in lines.iter().zip(["limits.enabled", "mail.transport"]) {
            assert!(line.starts_with(key), "{answer}");
        }
        assert!(!data.exists());
    }
}
