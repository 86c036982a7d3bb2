//! Recovering an account.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, credential::Credential};
use latchkey_service::ports::{
    credential_store::CreateError, recovery_store::RecoveryStore, store::AuthorityConflict,
};
use sea_orm::{ColumnTrait as _, QueryFilter as _};

use crate::{
    authority::exercise,
    ending,
    statement::Change as _,
    store::SqlStore,
    table::credential::{
        Column,
        creation::{in_order, insert},
        delete_of,
    },
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
            let others = || {
                let kept = credentials
                    .iter()
                    .map(|credential| credential.uuid.as_str());
                delete_of(user).filter(Column::Id.is_not_in(kept))
            };
            for credential in in_order(&credentials) {
                let of_that_id = others().filter(Column::CredentialKey.eq(credential.id.key()));
                of_that_id.meets_one(&tx).await?;
                if !insert(&tx, credential).await? {
                    return Err(CreateError::CredentialIdTaken);
                }
            }
            others().count(&tx).await?;
            Ok(())
        })
        .await
    }
}
