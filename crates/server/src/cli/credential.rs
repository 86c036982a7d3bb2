//! `latchkey credential`: what a user signs in with.

use clap::Subcommand;
use latchkey_domain::{
    credential::{Credential, CredentialState, Material},
    id::{CredentialUuid, UserId},
};
use latchkey_service::{
    administration::{Administration, Shown},
    ports::credential_store::ChangeError,
};
use serde::Serialize;

use super::{
    Failure,
    administer::{Administer, OneUser, credential_id, shown, user_id},
    date::date,
};

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// List the credentials of a user, active or not, oldest first.
    List(OneUser),
    /// Deactivate a credential of a user: its sessions and the user's open codes end at once. The user is
    /// told, and can activate it again.
    Deactivate {
        /// The user.
        #[arg(long, value_name = "ID", value_parser = user_id)]
        user: UserId,
        /// The credential.
        #[arg(long, value_name = "ID", value_parser = credential_id)]
        credential: CredentialUuid,
    },
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

pub(super) fn rows_of(shown: &Shown) -> Vec<CredentialRow> {
    let credentials = shown.account.credentials.iter();
    credentials.map(CredentialRow::from).collect()
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

impl Administer for CredentialCommand {
    const LISTS: &'static str = "credentials";

    type Answer = CredentialAnswer;

    fn tells(done: &CredentialAnswer) -> bool {
        matches!(done, CredentialAnswer::Changed { changed: true, .. })
    }

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
