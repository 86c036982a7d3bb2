//! Registering a user's first credentials.

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority, credential_code::CodeDigest, id::OrganizationId, message::NewMessage,
    registration_code::RegistrationCode, text::Username,
};
use latchkey_service::ports::{
    credential_store::CreateError,
    registration_store::{
        CompletedRegistration, HeldRegistrationCode, RegisterError, RegistrationStore,
    },
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{authority::exercise, credential_store::insert_all, store::SqlStore, table};

#[async_trait]
impl RegistrationStore for SqlStore {
    async fn find_code(
        &self,
        organization: &OrganizationId,
        username: &Username,
        digest: &CodeDigest,
    ) -> Result<Option<HeldRegistrationCode>, StoreError> {
        table::registration_code::find(self.reader(), organization, username, digest).await
    }

    async fn replace_code(
        &self,
        code: RegistrationCode,
        digest: CodeDigest,
        message: NewMessage,
    ) -> Result<bool, StoreError> {
        self.write(move |transaction| Box::pin(replace_code(transaction, code, digest, message)))
            .await?
    }

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

async fn replace_code(
    transaction: &DatabaseTransaction,
    code: RegistrationCode,
    digest: CodeDigest,
    message: NewMessage,
) -> Result<bool, StoreError> {
    let user = table::user::lock(transaction, &code.user).await?;
    if !user.is_some_and(|user| user.is_active && user.registered.is_none()) {
        return Ok(false);
    }
    table::registration_code::replace(transaction, &code.user, &code, &digest).await?;
    table::message::insert_all(transaction, &[message]).await?;
    Ok(true)
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
        table::registration_code::delete(transaction, user, &registration.code).await?
            && table::user::set_registered(transaction, user, registration.date).await?,
    )
}
