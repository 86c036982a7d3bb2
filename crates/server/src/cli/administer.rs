//! `latchkey bootstrap`, `organization` and `user`: what only an administrator may.

use std::fmt;

use clap::{Args, Subcommand};
use latchkey_domain::{
    id::{ApplicationId, OrganizationId, UserId},
    organization::{Approval, CodeSignIn, Freshness, RequestsFrom, Setting},
    text::{ApplicationName, OrganizationName, SearchText, Username},
    user::{User, UserKind},
};
use latchkey_mail::smtp::is_address;
use latchkey_service::{
    administration::{self, Administration, Invite, Invited},
    ports::administration_store::{
        BootstrapError, Effect, InviteError, OrganizationEntry, SetUserError,
    },
};
use serde::Serialize;

use super::{
    Failure,
    answer::answer_list,
    application::{Party, origin_taken},
    date::date,
    people::{self, Part, ShownUser, UserRow, user_id},
};
use crate::wiring::Adapters;

#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    /// The organization's name; there must be none of that name yet.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| OrganizationName::new(text))]
    organization: OrganizationName,
    /// Whether credentials made with a code wait until their owner approves them: never or always.
    #[arg(long, value_name = "WHEN", default_value_t)]
    approval: Approval,
    #[command(flatten)]
    admin: Admin,
    /// The first application's name.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| ApplicationName::new(text))]
    application: ApplicationName,
    #[command(flatten)]
    party: Party,
}

/// What the first administrator signs in with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Admin {
    /// The first administrator's e-mail address: what the administrator signs in with, and where messages go.
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    admin: Option<Username>,
    /// What the first administrator signs in with, where that is no e-mail address: no message reaches the user.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Username::new(text))]
    username: Option<Username>,
}

#[derive(Debug, Subcommand)]
pub(super) enum OrganizationCommand {
    /// List all organizations, oldest first.
    List,
    /// Set whether credentials made with a code wait until their owner approves them.
    SetApproval {
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: OrganizationId,
        /// never or always.
        #[arg(value_name = "WHEN")]
        approval: Approval,
    },
    /// Set whether whoever makes a credential with a code is signed in with it at once, where the page asks for that.
    SetCodeSignIn {
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: OrganizationId,
        /// never or at-once.
        #[arg(value_name = "WHEN")]
        code_sign_in: CodeSignIn,
    },
    /// Set for how long a credential that was made with a code is fresh: until then it signs in, but takes no
    /// other credential away, and makes neither codes nor credentials.
    SetFreshness {
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: OrganizationId,
        /// off, or hours from 1h to 720h.
        #[arg(value_name = "TIME")]
        freshness: Freshness,
    },
    /// Set from where a place where nobody is signed in may ask for a code, which a user of the organization grants
    /// who is signed in elsewhere.
    SetCodeRequests {
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: OrganizationId,
        /// nowhere, same-network or anywhere.
        #[arg(value_name = "FROM")]
        from: RequestsFrom,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Invite a user; somebody who has not registered yet gets a new code.
    Invite {
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: OrganizationId,
        #[command(flatten)]
        named: Named,
        /// CustomerEmployee or EndUser.
        #[arg(long, default_value = "CustomerEmployee")]
        kind: UserKind,
        /// Make the user an administrator, who manages the users of the organization.
        #[arg(long)]
        administrator: bool,
        /// Send the code to the user instead of printing it.
        #[arg(long, conflicts_with = "username")]
        mail: bool,
    },
    /// List the users of an organization, oldest first.
    List {
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: OrganizationId,
        #[command(flatten)]
        part: Part,
    },
    /// Find users by part of their name or id, in all organizations or in one.
    Find {
        /// Part of a name or id; letter case does not matter.
        #[arg(value_name = "TEXT", value_parser = |text: &str| SearchText::new(text))]
        text: SearchText,
        /// The organization.
        #[arg(long = "org", value_name = "ORG")]
        organization: Option<OrganizationId>,
        #[command(flatten)]
        part: Part,
    },
    /// Show a user with all credentials.
    Show(OneUser),
    /// Delete a user with all credentials, codes and messages; the evidence of signed user actions stays.
    Delete {
        /// The user.
        #[arg(long, value_name = "ID", value_parser = user_id)]
        user: UserId,
        /// Yes, delete the user who is called so.
        #[arg(long, value_name = "NAME")]
        yes: Option<String>,
    },
    /// Deactivate a user: every session, code and user action ends at once.
    Deactivate(OneUser),
    /// Activate a user again.
    Activate(OneUser),
    /// Make a user an administrator, who manages the users of the organization.
    Promote(OneUser),
    /// Make an administrator a user like others.
    Demote(OneUser),
}

/// What a user who is invited signs in with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Named {
    /// The user's e-mail address: what the user signs in with, and where messages go.
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    email: Option<Username>,
    /// What the user signs in with, where that is no e-mail address: no message reaches the user.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Username::new(text))]
    username: Option<Username>,
}

#[derive(Debug, Args)]
pub(super) struct OneUser {
    /// The user.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    pub(super) user: UserId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitedAnswer {
    org_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    user_id: String,
    username: String,
    /// Absent when it was sent to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_code: Option<String>,
    /// Opens the page that takes the code; absent with it, and where no pages are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_url: Option<String>,
    registration_expires: String,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum OrganizationAnswer {
    Listed(Vec<OrganizationRow>),
    Changed {
        org_id: String,
        #[serde(flatten)]
        said: Said,
        /// Whether it was different before; here and elsewhere.
        changed: bool,
    },
}

/// What an organization says, under the name that it has in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Said {
    Approval(&'static str),
    CodeSignIn(&'static str),
    Freshness(String),
    CodeRequests(&'static str),
}

impl From<Setting> for Said {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Approval(approval) => Self::Approval(approval.as_str()),
            Setting::CodeSignIn(sign_in) => Self::CodeSignIn(sign_in.as_str()),
            Setting::Freshness(freshness) => Self::Freshness(freshness.to_string()),
            Setting::RequestsFrom(from) => Self::CodeRequests(from.as_str()),
        }
    }
}

/// An organization in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrganizationRow {
    org_id: String,
    name: String,
    approval: &'static str,
    freshness: String,
    code_sign_in: &'static str,
    code_requests: &'static str,
    is_active: bool,
    users: u64,
    date_created: String,
}

impl From<&OrganizationEntry> for OrganizationRow {
    fn from(entry: &OrganizationEntry) -> Self {
        let organization = &entry.organization;
        Self {
            org_id: organization.id.to_string(),
            name: organization.name.to_string(),
            approval: organization.approval.as_str(),
            freshness: organization.freshness.to_string(),
            code_sign_in: organization.code_sign_in.as_str(),
            code_requests: organization.requests_from.as_str(),
            is_active: organization.is_active,
            users: entry.users,
            date_created: date(organization.created),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum UserAnswer {
    Invited(InvitedAnswer),
    Changed {
        user_id: String,
        is_active: bool,
        changed: bool,
    },
    Entrusted {
        user_id: String,
        is_administrator: bool,
        changed: bool,
    },
    Listed(Vec<UserRow>),
    Shown(Box<ShownUser>),
    Deleted {
        user_id: String,
        is_deleted: bool,
    },
}

/// A command that changes what only an administrator may.
pub(super) trait Administer {
    /// What it lists, if anything: what there are none of when a list is empty.
    const LISTS: &'static str = "things";

    /// What it answers.
    type Answer: Serialize;

    async fn perform(self, administration: &Administration) -> Result<Self::Answer, Failure>;
}

/// Performs a command with these adapters and answers.
pub(super) async fn perform<C: Administer>(command: C, adapters: Adapters) -> Result<(), Failure> {
    let performed = command.perform(&adapters.use_cases().administration).await;
    answer_and_close(performed, C::LISTS, adapters).await
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

impl Administer for Bootstrap {
    type Answer = InvitedAnswer;

    async fn perform(self, administration: &Administration) -> Result<InvitedAnswer, Failure> {
        let name = self.organization.clone();
        let Admin { admin, username } = self.admin;
        let administrator = admin.or(username);
        let made = administration
            .bootstrap(administration::Bootstrap {
                organization: self.organization,
                approval: self.approval,
                administrator: administrator.ok_or("--admin: who is the first administrator?")?,
                application: self.application,
                relying_party: self.party.checked()?,
            })
            .await
            .map_err(|error| match error {
                BootstrapError::NameTaken => format!(
                    "--organization: there is an organization named {name} already; nothing was changed"
                )
                .into(),
                BootstrapError::OriginTaken => origin_taken(),
                BootstrapError::Store(error) => Failure::from(error),
            })?;
        Ok(invited(made.administrator, Some(made.application)))
    }
}

impl Administer for OrganizationCommand {
    const LISTS: &'static str = "organizations";

    type Answer = OrganizationAnswer;

    async fn perform(self, administration: &Administration) -> Result<OrganizationAnswer, Failure> {
        let (organization, setting): (_, Setting) = match self {
            Self::List => {
                let entries = administration.organizations().await?;
                let rows = entries.iter().map(OrganizationRow::from);
                return Ok(OrganizationAnswer::Listed(rows.collect()));
            }
            Self::SetApproval {
                organization,
                approval,
            } => (organization, approval.into()),
            Self::SetCodeSignIn {
                organization,
                code_sign_in,
            } => (organization, code_sign_in.into()),
            Self::SetFreshness {
                organization,
                freshness,
            } => (organization, freshness.into()),
            Self::SetCodeRequests { organization, from } => (organization, from.into()),
        };
        let set = administration.set_organization(&organization, setting);
        Ok(OrganizationAnswer::Changed {
            changed: found(set.await?, "--org", "organization", &organization)?,
            org_id: organization.to_string(),
            said: setting.into(),
        })
    }
}

impl Administer for UserCommand {
    const LISTS: &'static str = "users";

    type Answer = UserAnswer;

    async fn perform(self, administration: &Administration) -> Result<UserAnswer, Failure> {
        match self {
            Self::Invite {
                organization,
                named: Named { email, username },
                kind,
                administrator,
                mail,
            } => {
                let username = email.or(username);
                invite(
                    administration,
                    Invite {
                        organization,
                        username: username.ok_or("--email: who is to be invited?")?,
                        kind,
                        administrator,
                        by_mail: mail,
                    },
                )
                .await
            }
            Self::List { organization, part } => Ok(UserAnswer::Listed(
                people::list(administration, Some(&organization), None, &part).await?,
            )),
            Self::Find {
                text,
                organization,
                part,
            } => Ok(UserAnswer::Listed(
                people::list(administration, organization.as_ref(), Some(text), &part).await?,
            )),
            Self::Show(OneUser { user }) => {
                let shown = people::shown(administration, &user).await?;
                Ok(UserAnswer::Shown(Box::new(ShownUser::from(&shown))))
            }
            Self::Delete { user, yes } => {
                people::delete(administration, &user, yes.as_deref()).await?;
                Ok(UserAnswer::Deleted {
                    user_id: user.to_string(),
                    is_deleted: true,
                })
            }
            Self::Deactivate(OneUser { user }) => set_active(administration, &user, false).await,
            Self::Activate(OneUser { user }) => set_active(administration, &user, true).await,
            Self::Promote(OneUser { user }) => set_administrator(administration, &user, true).await,
            Self::Demote(OneUser { user }) => set_administrator(administration, &user, false).await,
        }
    }
}

async fn invite(administration: &Administration, request: Invite) -> Result<UserAnswer, Failure> {
    let by_mail = request.by_mail;
    let (organization, email) = (request.organization.clone(), request.username.clone());
    let made = match administration.invite(request).await {
        Ok(made) => made,
        Err(InviteError::UnknownOrganization) => {
            return Err(unknown("--org", "organization", &organization));
        }
        Err(InviteError::AlreadyRegistered) => {
            let user = administration.named(&organization, &email).await?;
            return Err(known_already(&email, user.as_ref()).into());
        }
        Err(InviteError::Store(error)) => return Err(error.into()),
    };
    let mut answer = invited(made, None);
    if by_mail {
        answer.registration_code = None;
        answer.registration_url = None;
    }
    Ok(UserAnswer::Invited(answer))
}

/// Why nobody is invited who is known, and what helps.
fn known_already(name: &Username, user: Option<&User>) -> String {
    match user {
        Some(User {
            id,
            is_active: false,
            ..
        }) => format!(
            "{name} was deactivated; nothing was changed. latchkey user activate --user {id} lets the user in again"
        ),
        Some(User { id, .. }) => format!(
            "{name} has registered already; nothing was changed. Whoever cannot sign in any more recovers the account \
             with the recovery kit (/recover), or is deleted (latchkey user delete --user {id}) and invited anew"
        ),
        // Since it was refused, the user has gone.
        None => format!("{name} was known; nothing was changed. Try again"),
    }
}

async fn set_active(
    administration: &Administration,
    user: &UserId,
    is_active: bool,
) -> Result<UserAnswer, Failure> {
    let set = administration.set_user_active(user, is_active).await;
    Ok(UserAnswer::Changed {
        changed: known(user, set)?,
        user_id: user.to_string(),
        is_active,
    })
}

async fn set_administrator(
    administration: &Administration,
    user: &UserId,
    is_administrator: bool,
) -> Result<UserAnswer, Failure> {
    let set = administration.set_administrator(user, is_administrator);
    Ok(UserAnswer::Entrusted {
        changed: known(user, set.await)?,
        user_id: user.to_string(),
        is_administrator,
    })
}

/// Whether a change of a user changed anything, for whoever typed the command.
pub(super) fn known(user: &UserId, outcome: Result<Effect, SetUserError>) -> Result<bool, Failure> {
    match outcome {
        Ok(effect) => found(effect, "--user", "user", user),
        Err(SetUserError::LastAdministrator) => Err(format!(
            "--user: {user} is the last active administrator of the organization; make another one first"
        )
        .into()),
        Err(SetUserError::Store(error)) => Err(error.into()),
    }
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

fn email(text: &str) -> Result<Username, Failure> {
    let username = Username::new(text)?;
    if is_address(username.as_str()) {
        Ok(username)
    } else {
        Err(
            "must be an e-mail address, such as ada@example.com; say --username for another name"
                .into(),
        )
    }
}

fn invited(invited: Invited, application: Option<ApplicationId>) -> InvitedAnswer {
    InvitedAnswer {
        org_id: invited.user.organization.to_string(),
        app_id: application.map(|application| application.to_string()),
        user_id: invited.user.id.to_string(),
        username: invited.user.username.to_string(),
        registration_code: Some(invited.code.reveal().to_owned()),
        registration_url: invited.link,
        registration_expires: date(invited.expires),
    }
}
