//! Recovering an account.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, credential::Credential, id::UserId};
use latchkey_service::ports::{
    credential_store::CreateError, recovery_store::RecoveryStore, store::AuthorityConflict,
};
use sea_orm::DatabaseTransaction;

use crate::{
    authority::exercise,
    credential_store::{in_order, insert},
    ending,
    store::SqlStore,
    table,
};

#[async_trait]
impl RecoveryStore for SqlStore {
    async fn recover(
        &self,
        authority: Authority,
        credentials: Vec<Credential>,
    ) -> Result<(), CreateError> {
        self.write(move |transaction| Box::pin(recover(transaction, authority, credentials)))
            .await?
    }
}

async fn recover(
    transaction: &DatabaseTransaction,
    authority: Authority,
    credentials: Vec<Credential>,
) -> Result<(), CreateError> {
    exercise::<CreateError>(transaction, &authority).await?;
    let user = authority.user();
    if !ending::end_epoch(transaction, user, authority.epoch()).await? {
        return Err(AuthorityConflict::Void.into());
    }
    table::account_code::delete_all(transaction, user).await?;
    replace_all(transaction, user, &credentials).await
}

/// Puts these credentials in the place of all that the user has. An id that the user had is freed just
/// before it is taken again, and the rest is deleted last: two users who recover with ids that are each
/// other's then never wait for each other in a circle, since ids are locked in one order, and nobody
/// waits once the last statement runs.
async fn replace_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credentials: &[Credential],
) -> Result<(), CreateError> {
    for credential in in_order(credentials) {
        table::credential::delete_other(transaction, user, credentials, &credential.id).await?;
        if !insert(transaction, credential).await? {
            return Err(CreateError::CredentialIdTaken);
        }
    }
    table::credential::delete_others(transaction, user, credentials).await?;
    Ok(())
}
