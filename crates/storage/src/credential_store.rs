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
        self.write(move |transaction| Box::pin(create(transaction, authority, credential)))
            .await?
    }

    async fn set_active(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
    ) -> Result<(), ChangeError> {
        let switch = Switch {
            credential: credential.clone(),
            active,
            at,
        };
        self.write(move |transaction| Box::pin(set_active(transaction, authority, switch)))
            .await?
    }

    async fn rename(&self, authority: Authority, new: NewName) -> Result<Credential, ChangeError> {
        self.write(move |transaction| Box::pin(rename(transaction, authority, new)))
            .await?
    }

    async fn delete(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let credential = credential.clone();
        self.write(move |transaction| Box::pin(delete(transaction, authority, credential)))
            .await?
    }

    async fn note_counter_regression(
        &self,
        credential: &CredentialUuid,
        challenge: &Spend,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (credential, challenge) = (credential.clone(), challenge.clone());
        self.write(move |transaction| {
            Box::pin(note_counter_regression(
                transaction,
                credential,
                challenge,
                at,
            ))
        })
        .await?
    }
}

/// What is asked of [`CredentialStore::set_active`].
struct Switch {
    credential: CredentialUuid,
    active: bool,
    at: Timestamp,
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

async fn create(
    transaction: &DatabaseTransaction,
    authority: Authority,
    credential: Credential,
) -> Result<(), CreateError> {
    exercise::<CreateError>(transaction, &authority).await?;
    insert_all(transaction, &authority, &[credential]).await
}

async fn set_active(
    transaction: &DatabaseTransaction,
    authority: Authority,
    switch: Switch,
) -> Result<(), ChangeError> {
    exercise::<ChangeError>(transaction, &authority).await?;
    let user = authority.user();
    let credential = &switch.credential;
    let held = table::credential::summaries(transaction, user).await?;
    let is_active = match find(&held, credential)?.state {
        CredentialState::Active => true,
        CredentialState::Inactive => false,
        waiting @ CredentialState::Waiting { .. } if waiting.is_gone(switch.at) => {
            return Err(ChangeError::NotFound);
        }
        CredentialState::Waiting { .. } => return Err(ChangeError::Waits),
    };
    if is_active == switch.active {
        return Ok(());
    }
    let changed = if switch.active {
        table::credential::activate(transaction, user, credential, switch.at).await?
    } else {
        require_another_usable(&held, credential)?;
        ending::end_codes(transaction, user).await?;
        table::credential::deactivate(transaction, user, credential).await?
    };
    if changed {
        Ok(())
    } else {
        Err(ChangeError::NotFound)
    }
}

async fn rename(
    transaction: &DatabaseTransaction,
    authority: Authority,
    new: NewName,
) -> Result<Credential, ChangeError> {
    exercise::<ChangeError>(transaction, &authority).await?;
    let user = authority.user();
    let renamed = table::credential::rename(transaction, user, &new).await?;
    let credential = table::credential::of_user(transaction, user, &new.credential)
        .await?
        .filter(|credential| !credential.is_gone(new.date))
        .ok_or(ChangeError::NotFound)?;
    if renamed {
        Ok(credential)
    } else {
        Err(ChangeError::Waits)
    }
}

async fn delete(
    transaction: &DatabaseTransaction,
    authority: Authority,
    credential: CredentialUuid,
) -> Result<(), ChangeError> {
    exercise::<ChangeError>(transaction, &authority).await?;
    let user = authority.user();
    let held = table::credential::summaries(transaction, user).await?;
    let state = find(&held, &credential)?.state;
    require_another_usable(&held, &credential)?;
    // This deletes what waits, too.
    ending::end_codes(transaction, user).await?;
    match state {
        CredentialState::Waiting { .. } => Ok(()),
        CredentialState::Active | CredentialState::Inactive => {
            if table::credential::delete(transaction, user, &credential).await? {
                Ok(())
            } else {
                Err(ChangeError::NotFound)
            }
        }
    }
}

async fn note_counter_regression(
    transaction: &DatabaseTransaction,
    credential: CredentialUuid,
    challenge: Spend,
    at: Timestamp,
) -> Result<bool, StoreError> {
    table::credential::note_counter_regression(transaction, &credential, &challenge, at).await
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
