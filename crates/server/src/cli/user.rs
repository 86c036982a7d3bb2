//! `latchkey user`: who has an account.

use clap::{Args, Subcommand};
use latchkey_domain::{
    credential_code::{CodeStatus, CredentialCode},
    id::{ApplicationId, OrganizationId, UserId},
    page::PageSize,
    text::{SearchText, Username, counted},
    user::{User, UserKind},
};
use latchkey_mail::smtp::is_address;
use latchkey_service::{
    administration::{Administration, Invite, Invited, Shown},
    ports::{
        administration_store::{Effect, InviteError, SetUserError},
        user_store::{UserPage, UserPosition},
    },
};
use serde::Serialize;

use super::{
    Failure,
    administer::{
        Administer, OneUser, confirmed, found, organization_id, require, shown, unknown, user_id,
    },
    answer::say,
    credential::{CredentialRow, rows_of},
    date::date,
};

/// Which part of a list of users.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// How many users at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// Only users after this one, which was the last of the part before.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    after: Option<UserId>,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Invite a user; somebody who has not registered yet gets a new code.
    Invite {
        /// The organization.
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
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
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
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
        #[arg(long = "org", value_name = "ORG", value_parser = organization_id)]
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

/// A user in a list. As in every row, what tells most comes first: a narrow terminal has no room for the last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRow {
    user_id: String,
    username: String,
    /// `active`, `invited` as long as the user has never registered, or `inactive`.
    state: &'static str,
    is_administrator: bool,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Absent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    date_registered: Option<String>,
    date_created: String,
    is_active: bool,
    org_id: String,
}

fn state_of(user: &User) -> &'static str {
    match (user.is_active, user.registered) {
        (false, _) => "inactive",
        (true, None) => "invited",
        (true, Some(_)) => "active",
    }
}

impl From<&User> for UserRow {
    fn from(user: &User) -> Self {
        Self {
            user_id: user.id.to_string(),
            username: user.username.to_string(),
            state: state_of(user),
            is_administrator: user.is_administrator,
            kind: user.kind.as_str(),
            external_id: user.external_id.as_ref().map(ToString::to_string),
            date_registered: user.registered.map(date),
            date_created: date(user.created),
            is_active: user.is_active,
            org_id: user.organization.to_string(),
        }
    }
}

/// A user with everything that helps to help.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownUser {
    #[serde(flatten)]
    user: UserRow,
    /// The state of the newest credential code; absent when none is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_code_expires: Option<String>,
    /// Whether there is a code that can be registered with, and until when; absent once the user has registered.
    /// Whoever has none, or has lost it, is to be invited again.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_code_open: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_code_expires: Option<String>,
    credentials: Vec<CredentialRow>,
}

impl From<&Shown> for ShownUser {
    fn from(shown: &Shown) -> Self {
        let code = shown.code.as_ref();
        let expires = |(code, _status): &(CredentialCode, CodeStatus)| date(code.expires);
        let user = &shown.account.user;
        let has_never_registered = user.registered.is_none();
        let can_register_until = shown.can_register_until;
        Self {
            user: UserRow::from(user),
            open_code: code.map(|(_code, status)| status.as_str()),
            open_code_expires: code.map(expires),
            registration_code_open: has_never_registered.then_some(can_register_until.is_some()),
            registration_code_expires: can_register_until.map(date),
            credentials: rows_of(shown),
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

impl Administer for UserCommand {
    const LISTS: &'static str = "users";

    type Answer = UserAnswer;

    fn tells(done: &UserAnswer) -> bool {
        match done {
            UserAnswer::Invited(invited) => invited.registration_code.is_none(),
            UserAnswer::Changed {
                is_active: done,
                changed,
                ..
            }
            | UserAnswer::Entrusted {
                is_administrator: done,
                changed,
                ..
            } => *done && *changed,
            UserAnswer::Listed(_) | UserAnswer::Shown(_) | UserAnswer::Deleted { .. } => false,
        }
    }

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
                list(administration, Some(&organization), None, &part).await?,
            )),
            Self::Find {
                text,
                organization,
                part,
            } => Ok(UserAnswer::Listed(
                list(administration, organization.as_ref(), Some(text), &part).await?,
            )),
            Self::Show(OneUser { user }) => {
                let shown = shown(administration, &user).await?;
                Ok(UserAnswer::Shown(Box::new(ShownUser::from(&shown))))
            }
            Self::Delete { user, yes } => {
                delete(administration, &user, yes.as_deref()).await?;
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
fn known(user: &UserId, outcome: Result<Effect, SetUserError>) -> Result<bool, Failure> {
    match outcome {
        Ok(effect) => found(effect, "--user", "user", user),
        Err(SetUserError::LastAdministrator) => Err(format!(
            "--user: {user} is the last active administrator of the organization; make another one first"
        )
        .into()),
        Err(SetUserError::Store(error)) => Err(error.into()),
    }
}

/// Part of the list of users. That there are more is told beside the answer.
async fn list(
    administration: &Administration,
    organization: Option<&OrganizationId>,
    search: Option<SearchText>,
    part: &Part,
) -> Result<Vec<UserRow>, Failure> {
    require(administration, organization).await?;
    let mut after = match &part.after {
        Some(id) => {
            let last = administration.show(id).await?;
            let last = last.ok_or_else(|| unknown("--after", "user", id))?;
            Some(UserPosition::of(&last.account.user))
        }
        None => None,
    };
    let mut rows: Vec<UserRow> = vec![];
    loop {
        let left = usize::from(part.limit).saturating_sub(rows.len());
        let left = u16::try_from(left).unwrap_or(PageSize::MAXIMUM);
        let page = UserPage {
            size: PageSize::new(left.min(PageSize::MAXIMUM))?,
            after,
            kind: None,
            search: search.clone(),
        };
        let found = administration
            .list_users(organization.cloned(), &page)
            .await?;
        rows.extend(found.users.iter().map(|entry| UserRow::from(&entry.user)));
        match found.next {
            Some(next) if rows.len() < usize::from(part.limit) => after = Some(next),
            Some(next) => {
                say(&format!("there are more: --after {}", next.id));
                return Ok(rows);
            }
            None => return Ok(rows),
        }
    }
}

/// Deletes a user, if `yes` is what the user is called.
async fn delete(
    administration: &Administration,
    user: &UserId,
    yes: Option<&str>,
) -> Result<(), Failure> {
    let Shown { account, .. } = shown(administration, user).await?;
    let credentials = u64::try_from(account.credentials.len()).unwrap_or(u64::MAX);
    let credentials = counted(credentials, "credential");
    confirmed(
        yes,
        account.user.username.as_str(),
        &format!("the user, with {credentials} and every code and message, for good"),
    )?;
    known(user, administration.delete_user(user).await).map(|_deleted| ())
}

pub(super) fn email(text: &str) -> Result<Username, Failure> {
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

pub(super) fn invited(invited: Invited, application: Option<ApplicationId>) -> InvitedAnswer {
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
