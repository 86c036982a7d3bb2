//! What commands share that change what only an administrator may.

use std::fmt;

use clap::Args;
use latchkey_domain::id::{ApplicationId, CredentialUuid, OrganizationId, UserId};
use latchkey_service::{
    administration::{Administration, Shown},
    ports::administration_store::Effect,
};
use serde::Serialize;

use super::{
    Failure,
    answer::{answer_list, say},
};
use crate::wiring::Adapters;

/// A command that changes what only an administrator may.
pub(super) trait Administer {
    /// What it lists, if anything: what there are none of when a list is empty.
    const LISTS: &'static str = "things";

    /// What it answers.
    type Answer: Serialize;

    /// Whether users are told by mail of what was done.
    fn tells(_done: &Self::Answer) -> bool {
        false
    }

    async fn perform(self, administration: &Administration) -> Result<Self::Answer, Failure>;
}

/// Performs a command with these adapters and answers. That nobody sends what users are told is said beside the answer.
pub(super) async fn perform<C: Administer>(command: C, adapters: Adapters) -> Result<(), Failure> {
    let performed = command.perform(&adapters.use_cases().administration).await;
    let is_kept = !adapters.ports.mailer.sends() && performed.as_ref().is_ok_and(C::tells);
    answer_and_close(performed, C::LISTS, adapters).await?;
    if is_kept {
        say(
            "this command has no mail server (mail.transport), so what the user is told waits and is never sent by \
             itself: `latchkey outbox list` shows it, codes and all",
        );
    }
    Ok(())
}

/// Answers with what was done, or why not, before the adapters are closed: a code that was made is shown once, and
/// must not be lost because a connection could not be ended.
pub(super) async fn answer_and_close(
    performed: Result<impl Serialize, Failure>,
    lists: &str,
    adapters: Adapters,
) -> Result<(), Failure> {
    let answered = performed.and_then(|performed| answer_list(&performed, lists));
    let closed = adapters.close().await;
    answered?;
    Ok(closed?)
}

#[derive(Debug, Args)]
pub(super) struct OneUser {
    /// The user.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    pub(super) user: UserId,
}

/// Reads the id of a user. Whoever gives a name learns how to find the id.
pub(super) fn user_id(text: &str) -> Result<UserId, String> {
    let id = text.parse::<UserId>();
    id.map_err(|error| format!("{error}; latchkey user find TEXT tells the id of a name"))
}

/// Reads the id of an organization, in the same way.
pub(super) fn organization_id(text: &str) -> Result<OrganizationId, String> {
    let id = text.parse::<OrganizationId>();
    id.map_err(|error| format!("{error}; latchkey organization list tells the id of each"))
}

/// Reads the id of an application, in the same way.
pub(super) fn application_id(text: &str) -> Result<ApplicationId, String> {
    let id = text.parse::<ApplicationId>();
    id.map_err(|error| format!("{error}; latchkey application list tells the id of each"))
}

/// Reads the id of a credential, in the same way.
pub(super) fn credential_id(text: &str) -> Result<CredentialUuid, String> {
    let id = text.parse::<CredentialUuid>();
    id.map_err(|error| format!("{error}; latchkey credential list tells the ids of a user's"))
}

/// A user, as asked for with `--user`.
pub(super) async fn shown(
    administration: &Administration,
    user: &UserId,
) -> Result<Shown, Failure> {
    let shown = administration.show(user).await?;
    shown.ok_or_else(|| unknown("--user", "user", user))
}

/// Whether a change changed anything; fails when there is nothing of that id.
pub(super) fn found(
    effect: Effect,
    option: &str,
    thing: &str,
    id: &impl fmt::Display,
) -> Result<bool, Failure> {
    match effect {
        Effect::Changed => Ok(true),
        Effect::Unneeded => Ok(false),
        Effect::NotFound => Err(unknown(option, thing, id)),
    }
}

pub(super) fn unknown(option: &str, thing: &str, id: &impl fmt::Display) -> Failure {
    format!("{option}: there is no {thing} {id}").into()
}

/// Fails when there is no such organization: nothing of it would look like an empty one.
pub(super) async fn require(
    administration: &Administration,
    organization: Option<&OrganizationId>,
) -> Result<(), Failure> {
    let Some(wanted) = organization else {
        return Ok(());
    };
    let entries = administration.organizations().await?;
    let is_there = entries.iter().any(|entry| entry.organization.id == *wanted);
    if is_there {
        Ok(())
    } else {
        Err(unknown("--org", "organization", wanted))
    }
}

/// Requires the name of what is to be deleted.
pub(super) fn confirmed(yes: Option<&str>, name: &str, what: &str) -> Result<(), Failure> {
    match yes {
        Some(yes) if yes == name => Ok(()),
        Some(_other) => Err(format!("--yes: it is called {name:?}; nothing was deleted").into()),
        None => Err(format!("this deletes {what}: say --yes {name:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_must_be_named() {
        let refused = |yes| confirmed(yes, "ada", "the user").unwrap_err().to_string();
        assert!(confirmed(Some("ada"), "ada", "the user").is_ok());
        assert!(refused(None).contains("--yes \"ada\""));
        assert!(refused(Some("Ada")).contains("nothing was deleted"));
    }
}
