//! Security events: what somebody did, or was refused, that whoever runs the service wants to see. Each is told
//! in one place, here: as a line of the log under a target of its own, and to the [`Observer`], which counts.
//!
//! A line holds ids and an address, and nothing that anybody typed: no name, code, token or proof.

mod left;
pub(crate) mod names;

use std::{net::IpAddr, sync::Arc};

use latchkey_domain::{
    application::Application,
    credential::Credential,
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    session::Session,
    time::Timestamp,
    user::User,
};
use tracing::field;

pub use self::{
    left::LeftEvents,
    names::{Event, Reason},
};
use crate::{
    directory::Caller,
    ports::observer::{Observer, Unobserved},
};

/// An error that has a reason.
pub(crate) trait Refusal {
    /// The reason.
    fn reason(&self) -> Reason;
}

/// What is known of an event, as far as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// From where; unknown on the command line.
    pub(crate) address: Option<IpAddr>,
    pub(crate) organization: Option<OrganizationId>,
    /// Whose account it is about.
    pub(crate) user: Option<UserId>,
    /// The credential it is about.
    pub(crate) credential: Option<CredentialUuid>,
    pub(crate) application: Option<ApplicationId>,
    /// Who does it, where that is somebody else.
    pub(crate) by_user: Option<UserId>,
    /// The credential that allows it, where that is another one.
    pub(crate) by_credential: Option<CredentialUuid>,
    /// Why it is refused, where that is known more exactly than it is told.
    pub(crate) reason: Option<Reason>,
    /// When it happened, where that is not now.
    pub(crate) at: Option<Timestamp>,
}

impl Facts {
    /// The same, about that account.
    pub(crate) fn about(mut self, user: &User) -> Self {
        self.note(&user.organization, &user.id);
        self
    }

    /// The same, about that credential.
    pub(crate) fn with_credential(self, credential: &CredentialUuid) -> Self {
        Self {
            credential: Some(credential.clone()),
            ..self
        }
    }

    /// Notes whose account it turns out to be about.
    pub(crate) fn note(&mut self, organization: &OrganizationId, user: &UserId) {
        self.organization = Some(organization.clone());
        self.user = Some(user.clone());
    }

    /// Notes the account that was looked for; without one it is refused for that.
    pub(crate) fn note_found(&mut self, user: Option<&User>) {
        match user {
            Some(user) => {
                self.note(&user.organization, &user.id);
                self.reason = (!user.is_active).then_some(Reason::UserInactive);
            }
            None => self.reason = Some(Reason::UnknownUser),
        }
    }

    /// Notes a credential that was made: not before it was, since one that is refused never is.
    pub(crate) fn note_made(&mut self, credential: &Credential) {
        self.note(&credential.organization, &credential.user);
        self.credential = Some(credential.uuid.clone());
    }
}

impl From<&Caller> for Facts {
    fn from(caller: &Caller) -> Self {
        Self {
            address: Some(caller.address),
            ..Self::default()
        }
    }
}

impl From<(&Caller, &Session)> for Facts {
    fn from((caller, session): (&Caller, &Session)) -> Self {
        Self {
            address: Some(caller.address),
            organization: Some(session.organization.clone()),
            user: Some(session.user.clone()),
            by_credential: Some(session.credential.clone()),
            ..Self::default()
        }
    }
}

impl From<&OrganizationId> for Facts {
    fn from(organization: &OrganizationId) -> Self {
        Self {
            organization: Some(organization.clone()),
            ..Self::default()
        }
    }
}

impl From<&Application> for Facts {
    fn from(application: &Application) -> Self {
        Self {
            organization: Some(application.organization.clone()),
            application: Some(application.id.clone()),
            ..Self::default()
        }
    }
}

/// Tells in the log of this process that something was done, for a command that knows of no database to leave word
/// in.
pub fn tell_here(event: Event) {
    Events::default().conclude(event, &Facts::default(), None);
}

/// Tells events.
#[derive(Clone)]
pub(crate) struct Events(pub(crate) Arc<dyn Observer>);

impl Default for Events {
    /// To the log alone.
    fn default() -> Self {
        Self(Arc::new(Unobserved))
    }
}

impl Events {
    /// Tells what came of an event, and gives it.
    pub(crate) fn tell<T, E: Refusal>(
        &self,
        event: Event,
        facts: &Facts,
        outcome: Result<T, E>,
    ) -> Result<T, E> {
        let refused = outcome.as_ref().err().map(Refusal::reason);
        self.conclude(event, facts, refused);
        outcome
    }

    /// Tells that an event came with another one, and went as well.
    pub(crate) fn tell_beside(&self, event: Event, facts: &Facts) {
        self.conclude(event, facts, None);
    }

    fn conclude(&self, event: Event, facts: &Facts, refused: Option<Reason>) {
        let refused = refused.map(|reason| match facts.reason {
            Some(exact) if !reason.is_failure() && reason != Reason::Throttled => exact,
            Some(_) | None => reason,
        });
        log(event, facts, refused);
        self.0.observe(event, refused);
    }
}

/// Writes one line.
fn log(event: Event, facts: &Facts, refused: Option<Reason>) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "latchkey::security",
                event = event.as_str(),
                outcome = Reason::outcome(refused),
                reason = refused.map(Reason::as_str),
                address = facts.address.map(field::display),
                organization = facts.organization.as_ref().map(field::display),
                user = facts.user.as_ref().map(field::display),
                credential = facts.credential.as_ref().map(field::display),
                application = facts.application.as_ref().map(field::display),
                by_user = facts.by_user.as_ref().map(field::display),
                by_credential = facts.by_credential.as_ref().map(field::display),
                at = facts.at.map(Timestamp::unix_milliseconds),
                "security event"
            )
        };
    }
    let is_detail = match refused {
        None => event.only_prepares(),
        Some(reason) => reason.is_failure(),
    };
    if is_detail {
        line!(debug);
    } else {
        line!(info);
    }
}

/// The tables of `docs/operating.md`: every event, and every reason.
#[cfg(test)]
fn reference() -> String {
    let rows = |rows: &[(&str, &str)]| -> String {
        let lines: Vec<_> = rows
            .iter()
            .map(|(name, meaning)| format!("| `{name}` | {meaning} |\n"))
            .collect();
        lines.concat()
    };
    let events: Vec<_> = Event::ALL
        .iter()
        .map(|event| (event.as_str(), event.meaning()))
        .collect();
    let reasons: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| (reason.as_str(), reason.meaning()))
        .collect();
    format!(
        "| event | what it is |\n|---|---|\n{}\n| reason | why it did not happen |\n|---|---|\n{}",
        rows(&events),
        rows(&reasons)
    )
}

#[cfg(test)]
mod tests;
