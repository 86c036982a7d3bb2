//! `latchkey user list | find | show | delete`, `credential`, `session` and `code`: for who helps users.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use latchkey_domain::{
    credential::{Credential, CredentialState, Material},
    credential_code::{CodeStatus, CredentialCode},
    id::{CredentialUuid, OrganizationId, UserId},
    page::PageSize,
    text::{SearchText, counted},
    user::User,
};
use latchkey_service::{
    administration::{Administration, Shown},
    ports::{
        credential_store::ChangeError,
        user_store::{UserPage, UserPosition},
    },
};
use serde::Serialize;

use super::{
    Failure,
    administer::{Administer, OneUser, found, known, require, unknown},
    date::date,
};

/// Reads the id of a user. Whoever gives a name learns how to find the id.
pub(super) fn user_id(text: &str) -> Result<UserId, String> {
    let id = text.parse::<UserId>();
    id.map_err(|error| format!("{error}; latchkey user find TEXT tells the id of a name"))
}

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
pub(super) enum CredentialCommand {
    /// List the credentials of a user, active or not, oldest first.
    List(OneUser),
    /// Deactivate a credential of a user: its sessions and the user's open codes end at once. The user is told.
    Deactivate {
        /// The user.
        #[arg(long, value_name = "ID", value_parser = user_id)]
        user: UserId,
        /// The credential.
        #[arg(long, value_name = "ID")]
        credential: CredentialUuid,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// End every session, code and user action of a user; credentials stay.
    End(OneUser),
}

#[derive(Debug, Subcommand)]
pub(super) enum CodeCommand {
    /// End every open code of a user, invitations included, and refuse what waits for approval; sessions go on.
    Cancel(OneUser),
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CredentialRow {
    credential_uuid: String,
    name: String,
    /// `active`, `inactive` or `waiting`, for approval.
    state: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_last_used: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rp_id: Option<String>,
    date_created: String,
}

impl From<&Credential> for CredentialRow {
    fn from(credential: &Credential) -> Self {
        let rp_id = match &credential.material {
            Material::Fido2(passkey) => Some(passkey.rp_id.to_string()),
            Material::Key(_) | Material::PasswordProtectedKey(..) | Material::RecoveryKey(..) => {
                None
            }
        };
        Self {
            credential_uuid: credential.uuid.to_string(),
            name: credential.name.to_string(),
            state: match credential.state {
                CredentialState::Active => "active",
                CredentialState::Inactive => "inactive",
                CredentialState::Waiting { .. } => "waiting",
            },
            kind: credential.kind().as_str(),
            date_last_used: credential.last_used.map(date),
            rp_id,
            date_created: date(credential.created),
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

fn rows_of(shown: &Shown) -> Vec<CredentialRow> {
    let credentials = shown.account.credentials.iter();
    credentials.map(CredentialRow::from).collect()
}

/// Part of the list of users. That there are more is told beside the answer.
pub(super) async fn list(
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
                // Who does not read it sees as many as were asked for.
                let _ = writeln!(
                    io::stderr(),
                    "latchkey: there are more: --after {}",
                    next.id
                );
                return Ok(rows);
            }
            None => return Ok(rows),
        }
    }
}

/// A user, as asked for with `--user`.
pub(super) async fn shown(
    administration: &Administration,
    user: &UserId,
) -> Result<Shown, Failure> {
    let shown = administration.show(user).await?;
    shown.ok_or_else(|| unknown("--user", "user", user))
}

/// Deletes a user, if `yes` is what the user is called.
pub(super) async fn delete(
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

/// Requires the name of what is to be deleted.
pub(super) fn confirmed(yes: Option<&str>, name: &str, what: &str) -> Result<(), Failure> {
    match yes {
        Some(yes) if yes == name => Ok(()),
        Some(_other) => Err(format!("--yes: it is called {name:?}; nothing was deleted").into()),
        None => Err(format!("this deletes {what}: say --yes {name:?}").into()),
    }
}

/// What a command about one user did.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum CredentialAnswer {
    Listed(Vec<CredentialRow>),
    Changed {
        user_id: String,
        credential_uuid: String,
        is_active: bool,
        changed: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionAnswer {
    user_id: String,
    sessions_ended: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeAnswer {
    user_id: String,
    /// Whether there was any.
    codes_cancelled: bool,
}

impl Administer for CredentialCommand {
    const LISTS: &'static str = "credentials";

    type Answer = CredentialAnswer;

    async fn perform(self, administration: &Administration) -> Result<CredentialAnswer, Failure> {
        match self {
            Self::List(OneUser { user }) => Ok(CredentialAnswer::Listed(rows_of(
                &shown(administration, &user).await?,
            ))),
            Self::Deactivate { user, credential } => {
                shown(administration, &user).await?;
                let deactivated = administration.deactivate_credential(&user, &credential);
                let deactivated = deactivated.await.map_err(refused)?;
                Ok(CredentialAnswer::Changed {
                    changed: deactivated.is_change(),
                    user_id: user.to_string(),
                    credential_uuid: credential.to_string(),
                    is_active: false,
                })
            }
        }
    }
}

fn refused(error: ChangeError) -> Failure {
    match error {
        ChangeError::NotFound => "--credential: the user has no such credential".into(),
        ChangeError::LastUsable => "--credential: the user can sign in with nothing else; let the user add another \
                                    credential first, or deactivate the user (latchkey user deactivate)"
            .into(),
        ChangeError::Waits => "--credential: it waits for approval; latchkey code cancel refuses it".into(),
        ChangeError::Authority(conflict) => conflict.into(),
        ChangeError::Store(error) => error.into(),
    }
}

impl Administer for SessionCommand {
    type Answer = SessionAnswer;

    async fn perform(self, administration: &Administration) -> Result<SessionAnswer, Failure> {
        let Self::End(OneUser { user }) = self;
        let ended = administration.end_sessions(&user).await?;
        Ok(SessionAnswer {
            sessions_ended: found(ended, "--user", "user", &user)?,
            user_id: user.to_string(),
        })
    }
}

impl Administer for CodeCommand {
    type Answer = CodeAnswer;

    async fn perform(self, administration: &Administration) -> Result<CodeAnswer, Failure> {
        let Self::Cancel(OneUser { user }) = self;
        let ended = administration.end_codes(&user).await?;
        Ok(CodeAnswer {
            codes_cancelled: found(ended, "--user", "user", &user)?,
            user_id: user.to_string(),
        })
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
