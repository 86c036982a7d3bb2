//! Using credentials: to sign in and to sign user actions.

use async_trait::async_trait;
use latchkey_domain::authority::Authority;
use latchkey_service::ports::{
    sign_in_store::{CredentialUse, Evidence, SignInStore, UseError},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{authority::exercise_with, column::Inconsistency, store::SqlStore, table};

#[async_trait]
impl SignInStore for SqlStore {
    async fn sign_in(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
    ) -> Result<(), UseError> {
        self.write(async move |tx| record(&tx, &authority, &uses).await)
            .await
    }

    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError> {
        self.write(async move |tx| {
            record(&tx, &authority, &uses).await?;
            let first_factor = uses.first().ok_or_else(|| {
                let problem = "is signed by no credential";
                StoreError::from(Inconsistency::new("user_actions", &evidence.id, problem))
            })?;
            let signer = &first_factor.credential;
            table::user_action::insert(&tx, &authority, signer, &evidence).await?;
            Ok(())
        })
        .await
    }
}

/// Exercises the authority and records every use. The credentials are required to be active even when
/// the authority does not name them.
async fn record(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    uses: &[CredentialUse],
) -> Result<(), UseError> {
    let credentials: Vec<_> = uses.iter().map(|each| &each.credential).collect();
    exercise_with::<UseError>(transaction, authority, &credentials).await?;
    for each in uses {
        if !table::credential::record_use(transaction, authority.user(), each).await? {
            return Err(UseError::CounterRegressed);
        }
    }
    Ok(())
}
