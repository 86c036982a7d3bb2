//! Registering a user's first credentials.

use async_trait::async_trait;
use latchkey_domain::authority::Authority;
use latchkey_service::ports::{
    credential_store::CreateError,
    registration_store::{CompletedRegistration, RegisterError, RegistrationStore},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{authority::exercise, credential_store::insert_all, store::SqlStore, table};

#[async_trait]
impl RegistrationStore for SqlStore {
    async fn register(
        &self,
        authority: Authority,
        registration: CompletedRegistration,
    ) -> Result<(), RegisterError> {
        self.write(move |transaction| Box::pin(register(transaction, authority, registration)))
            .await
            .map_err(CreateError::from)?
    }
}

async fn register(
    transaction: &DatabaseTransaction,
    authority: Authority,
    registration: CompletedRegistration,
) -> Result<(), RegisterError> {
    exercise::<CreateError>(transaction, &authority).await?;
    if !use_up(transaction, &authority, &registration)
        .await
        .map_err(CreateError::from)?
    {
        return Err(RegisterError::Lost);
    }
    insert_all(transaction, &authority, &registration.credentials).await?;
    Ok(())
}

async fn use_up(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    registration: &CompletedRegistration,
) -> Result<bool, StoreError> {
    let user = authority.user();
    Ok(
        table::account_code::delete(transaction, user, &registration.code).await?
            && table::user::set_registered(transaction, user, registration.date).await?,
    )
}
