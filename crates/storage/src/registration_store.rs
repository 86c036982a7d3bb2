//! Registering a user's first credentials.

use async_trait::async_trait;
use latchkey_domain::authority::Authority;
use latchkey_service::ports::{
    credential_store::CreateError,
    registration_store::{CompletedRegistration, RegisterError, RegistrationStore},
};

use crate::{authority::exercise, store::SqlStore, table};

#[async_trait]
impl RegistrationStore for SqlStore {
    async fn register(
        &self,
        authority: Authority,
        registration: CompletedRegistration,
    ) -> Result<(), RegisterError> {
        self.write(async move |tx| {
            exercise::<CreateError>(&tx, &authority).await?;
            let user = authority.user();
            if !table::account_code::delete_to_register(&tx, user, &registration.code).await?
                || !table::user::set_registered(&tx, user, registration.date).await?
            {
                return Err(RegisterError::Lost);
            }
            let credentials = &registration.credentials;
            table::credential::creation::insert_all(&tx, credentials).await?;
            Ok(())
        })
        .await
    }
}
