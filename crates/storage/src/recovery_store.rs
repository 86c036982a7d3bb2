//! Recovering an account.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, credential::Credential};
use latchkey_service::ports::{
    credential_store::CreateError, recovery_store::RecoveryStore, store::AuthorityConflict,
};

use crate::{
    authority::exercise,
    credential_store::{in_order, insert},
    ending,
    store::SqlStore,
    table,
};

#[async_trait]
impl RecoveryStore for SqlStore {
    /// An id that the user had is freed just before it is taken again, and the rest is deleted last: two
    /// users who recover with ids that are each other's then never wait for each other in a circle, since
    /// ids are locked in one order, and nobody waits once the last statement runs.
    async fn recover(
        &self,
        authority: Authority,
        credentials: Vec<Credential>,
    ) -> Result<(), CreateError> {
        self.write(async move |tx| {
            exercise::<CreateError>(&tx, &authority).await?;
            let user = authority.user();
            if !ending::end_epoch(&tx, user, authority.epoch()).await? {
                return Err(AuthorityConflict::Void.into());
            }
            table::account_code::delete_all(&tx, user).await?;
            for credential in in_order(&credentials) {
                table::credential::delete_other(&tx, user, &credentials, &credential.id).await?;
                if !insert(&tx, credential).await? {
                    return Err(CreateError::CredentialIdTaken);
                }
            }
            table::credential::delete_others(&tx, user, &credentials).await?;
            Ok(())
        })
        .await
    }
}
