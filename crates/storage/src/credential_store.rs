//! Changing a user's credentials.

use async_trait::async_trait;
use latchkey_domain::{
    authority::{Authority, Spend},
    credential::{Credential, CredentialState},
    id::CredentialUuid,
    time::Timestamp,
};
use latchkey_service::ports::{
    credential_store::{ChangeError, CreateError, CredentialStore, NewName},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{
    authority::exercise,
    ending,
    store::SqlStore,
    table::{self, credential::Summary},
};

#[async_trait]
impl CredentialStore for SqlStore {
    async fn create(
        &self,
        authority: Authority,
        credential: Credential,
    ) -> Result<(), CreateError> {
        self.write(async move |tx| {
            exercise::<CreateError>(&tx, &authority).await?;
            insert_all(&tx, &authority, &[credential]).await
        })
        .await
    }

    async fn set_active(
        &self,
        mut authority: Authority,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
    ) -> Result<(), ChangeError> {
        let credential = credential.clone();
        let messages = authority.take_messages();
        self.write(async move |tx| {
            exercise::<ChangeError>(&tx, &authority).await?;
            let user = authority.user();
            let held = table::credential::summaries(&tx, user).await?;
            let is_active = match find(&held, &credential)?.state {
                CredentialState::Active => true,
                CredentialState::Inactive => false,
                waiting @ CredentialState::Waiting { .. } if waiting.is_gone(at) => {
                    return Err(ChangeError::NotFound);
                }
                CredentialState::Waiting { .. } => return Err(ChangeError::Waits),
            };
            if is_active == active {
                return Ok(());
            }
            let changed = if active {
                table::credential::activate(&tx, user, &credential, at).await?
            } else {
                require_another_usable(&held, &credential)?;
                ending::end_codes(&tx, user).await?;
                table::credential::deactivate(&tx, user, &credential).await?
            };
            table::message::insert_all(&tx, &messages).await?;
            changed.then_some(()).ok_or(ChangeError::NotFound)
        })
        .await
    }

    async fn rename(&self, authority: Authority, new: NewName) -> Result<Credential, ChangeError> {
        self.write(async move |tx| {
            exercise::<ChangeError>(&tx, &authority).await?;
            let user = authority.user();
            let renamed = table::credential::rename(&tx, user, &new).await?;
            let credential = table::credential::of_user(&tx, user, &new.credential)
                .await?
                .filter(|credential| !credential.is_gone(new.date))
                .ok_or(ChangeError::NotFound)?;
            renamed.then_some(credential).ok_or(ChangeError::Waits)
        })
        .await
    }

    async fn delete(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let credential = credential.clone();
        self.write(async move |tx| {
            exercise::<ChangeError>(&tx, &authority).await?;
            let user = authority.user();
            let held = table::credential::summaries(&tx, user).await?;
            let state = find(&held, &credential)?.state;
            require_another_usable(&held, &credential)?;
            // This deletes what waits, too.
            ending::end_codes(&tx, user).await?;
            let is_deleted = match state {
                CredentialState::Waiting { .. } => true,
                CredentialState::Active | CredentialState::Inactive => {
                    table::credential::delete(&tx, user, &credential).await?
                }
            };
            is_deleted.then_some(()).ok_or(ChangeError::NotFound)
        })
        .await
    }

    async fn note_counter_regression(
        &self,
        credential: &CredentialUuid,
        challenge: &Spend,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (credential, challenge) = (credential.clone(), challenge.clone());
        self.write(async move |tx| {
            table::credential::note_counter_regression(&tx, &credential, &challenge, at).await
        })
        .await
    }
}

/// Makes credentials of the authority's user, whose row is locked already.
///
/// # Errors
/// [`CreateError`].
pub(crate) async fn insert_all(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    credentials: &[Credential],
) -> Result<(), CreateError> {
    let held = table::credential::summaries(transaction, authority.user()).await?;
    let now = credentials.first().map(|credential| credential.created);
    let is_there = |summary: &&Summary| now.is_none_or(|now| !summary.state.is_gone(now));
    if held.iter().filter(is_there).count() + credentials.len() > Credential::MAXIMUM_PER_USER {
        return Err(CreateError::TooMany);
    }
    for credential in in_order(credentials) {
        if !insert(transaction, credential).await? {
            return Err(CreateError::CredentialIdTaken);
        }
    }
    Ok(())
}

/// Credentials in the one order in which they are made, so that two callers who bring the same ids never
/// wait for each other.
pub(crate) fn in_order(credentials: &[Credential]) -> Vec<&Credential> {
    let mut in_order: Vec<_> = credentials.iter().collect();
    in_order.sort_by(|one, other| one.id.key().cmp(other.id.key()));
    in_order
}

/// Makes a credential, if need be in the place of one that has waited in vain; `false` when its id is
/// taken.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<bool, StoreError> {
    if table::credential::insert(transaction, credential).await? {
        return Ok(true);
    }
    let Credential {
        organization,
        id,
        created,
        ..
    } = credential;
    Ok(
        table::credential::delete_gone(transaction, organization, id, *created).await?
            && table::credential::insert(transaction, credential).await?,
    )
}

fn find<'a>(held: &'a [Summary], credential: &CredentialUuid) -> Result<&'a Summary, ChangeError> {
    held.iter()
        .find(|summary| summary.uuid == *credential)
        .ok_or(ChangeError::NotFound)
}

/// Whoever takes a usable credential away must leave another one. The user's row is locked, so what is
/// seen here stays so until the transaction ends.
fn require_another_usable(
    held: &[Summary],
    credential: &CredentialUuid,
) -> Result<(), ChangeError> {
    let takes_a_usable_one = find(held, credential).is_ok_and(Summary::is_usable);
    let leaves_one = held
        .iter()
        .any(|summary| summary.uuid != *credential && summary.is_usable());
    if takes_a_usable_one && !leaves_one {
        Err(ChangeError::LastUsable)
    } else {
        Ok(())
    }
}
