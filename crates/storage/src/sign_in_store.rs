//! Using credentials: to sign in and to sign user actions.

use async_trait::async_trait;
use latchkey_domain::authority::Authority;
use latchkey_service::ports::{
    sign_in_store::{CredentialUse, Evidence, SignInStore, UseError},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::{authority::exercise_with, row::Inconsistency, store::SqlStore, table};

#[async_trait]
impl SignInStore for SqlStore {
    async fn sign_in(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
    ) -> Result<(), UseError> {
        self.write(move |transaction| Box::pin(sign_in(transaction, authority, uses)))
            .await?
    }

    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError> {
        self.write(move |transaction| Box::pin(sign_action(transaction, authority, uses, evidence)))
            .await?
    }
}

async fn sign_in(
    transaction: &DatabaseTransaction,
    authority: Authority,
    uses: Vec<CredentialUse>,
) -> Result<(), UseError> {
    record(transaction, &authority, &uses).await
}

async fn sign_action(
    transaction: &DatabaseTransaction,
    authority: Authority,
    uses: Vec<CredentialUse>,
    evidence: Evidence,
) -> Result<(), UseError> {
    record(transaction, &authority, &uses).await?;
    let Some(first_factor) = uses.first() else {
        return Err(StoreError::from(Inconsistency {
            table: "user_actions",
            row: evidence.id.to_string(),
            problem: "is signed by no credential".to_owned(),
        })
        .into());
    };
    table::user_action::insert(transaction, &authority, &first_factor.credential, &evidence)
        .await?;
    Ok(())
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
