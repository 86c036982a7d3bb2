//! `latchkey secrets`: the keys that sign tokens, and all secrets after a leak. The database is not asked.

use std::time::Duration;

use clap::Subcommand;
use latchkey_crypto::{
    clock::SystemClock,
    entropy::SystemEntropy,
    secrets::{
        PUBLISHED_AFTER, PUBLISHED_BEFORE, RotationError, Secrets, SigningKeyFacts, SigningKeyState,
    },
};
use latchkey_service::{
    events::{Event, tell_here},
    ports::clock::Clock as _,
};
use serde::Serialize;

use super::{Failure, answer, date::date};
use crate::{
    config::Settings,
    secrets::{self, ChangeSecretsError},
};

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Show the keys that sign tokens: their ids, dates and states, and no secret.
    Show,
    /// Let the next key sign tokens; the one that signs so far stays accepted. Start every process anew
    /// after each step: with --next, without an option, with --retire.
    Rotate {
        /// The first step: make the next key, which is published and signs nothing yet.
        #[arg(long, conflicts_with = "retire")]
        next: bool,
        /// The last step: drop the keys whose tokens have all expired.
        #[arg(long)]
        retire: bool,
        /// Without waiting: everybody knows the next key, or nobody minds what a retired one signed.
        #[arg(long, conflicts_with = "next")]
        now: bool,
    },
    /// After a leak, make all secrets anew: every session, every code and every message that waits ends. Stop
    /// every process first.
    Replace {
        /// That this is wanted.
        #[arg(long)]
        yes: bool,
    },
}

/// What may be told of the secrets; of those of the environment also what they are to be now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    fingerprint: String,
    signing_keys: Vec<KeyAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<String>,
}

#[derive(Serialize)]
struct KeyAnswer {
    kid: String,
    state: &'static str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

impl From<SigningKeyFacts> for KeyAnswer {
    fn from(key: SigningKeyFacts) -> Self {
        let (state, stopped) = match key.state {
            SigningKeyState::Next => ("next", None),
            SigningKeyState::Signs => ("signs", None),
            SigningKeyState::Retired(stopped) => ("retired", Some(date(stopped))),
        };
        Self {
            kid: key.kid,
            state,
            created: date(key.created),
            stopped,
        }
    }
}

impl Answer {
    fn of(secrets: &Secrets) -> Self {
        let keys = secrets.signing_key_facts();
        Self {
            fingerprint: secrets.fingerprint(),
            signing_keys: keys.into_iter().map(KeyAnswer::from).collect(),
            contents: None,
        }
    }
}

pub(super) fn perform(command: SecretsCommand, settings: &Settings) -> Result<(), Failure> {
    let (entropy, now) = (SystemEntropy, SystemClock.now());
    match command {
        SecretsCommand::Show => answer(&Answer::of(&secrets::look(&settings.secrets)?)),
        SecretsCommand::Rotate { next: true, .. } => {
            change(settings, Event::RotateSigningKeys, "", |secrets| {
                secrets.with_next_key(&entropy, now)
            })
        }
        SecretsCommand::Rotate {
            retire: true,
            now: at_once,
            ..
        } => {
            let wait = if at_once { Duration::ZERO } else { PUBLISHED_AFTER };
            let why = "tokens that a retired key signed may be alive";
            change(settings, Event::RotateSigningKeys, why, |secrets| {
                secrets.without_retired_keys(now, wait)
            })
        }
        SecretsCommand::Rotate { now: at_once, .. } => {
            let wait = if at_once { Duration::ZERO } else { PUBLISHED_BEFORE };
            let why = "not everybody may know the next key yet";
            change(settings, Event::RotateSigningKeys, why, |secrets| {
                secrets.signing_with_next_key(now, wait)
            })
        }
        SecretsCommand::Replace { yes: true } => {
            change(settings, Event::ReplaceSecrets, "", |secrets| {
                secrets.replaced(&entropy, now)
            })
        }
        SecretsCommand::Replace { yes: false } => Err(
            "this ends every session, every code and every message that waits: stop every process, and \
             say --yes"
                .into(),
        ),
    }
}

/// Changes the secrets and answers what they are then; `why` is for a change that comes too early. The database is
/// not asked, so the event stands in this log alone.
fn change(
    settings: &Settings,
    event: Event,
    why: &str,
    change: impl FnOnce(Secrets) -> Result<Secrets, RotationError>,
) -> Result<(), Failure> {
    let secrets = match secrets::change(&settings.secrets, &SystemEntropy, change) {
        Err(ChangeSecretsError::Rotation(RotationError::TooEarly { until })) => {
            let until = date(until);
            return Err(format!(
                "it is too early, because {why}: try again after {until}, or say --now if that is not so"
            )
            .into());
        }
        Err(ChangeSecretsError::Rotation(RotationError::NoNext)) => {
            return Err(
                "there is no next key: publish one first (latchkey secrets rotate --next), and start every process \
                 anew"
                    .into(),
            );
        }
        changed => changed?,
    };
    tell_here(event);
    let contents = settings.secrets.contents.as_ref();
    answer(&Answer {
        contents: contents.map(|_before| secrets.to_toml().to_string()),
        ..Answer::of(&secrets)
    })
}
