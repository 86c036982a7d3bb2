//! Using credentials: to sign in and to sign user actions.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, id::UserId};
use latchkey_service::ports::{
    sign_in_store::{CredentialUse, Evidence, SignInStore, UseError},
    store::StoreError,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, QueryFilter as _, sea_query::Condition,
};

use crate::{
    authority::exercise,
    column::Inconsistency,
    statement::Change as _,
    store::SqlStore,
    table::{
        credential::{ActiveModel, Column, change},
        user_action,
    },
};

#[async_trait]
impl SignInStore for SqlStore {
    async fn sign_in(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
    ) -> Result<(), UseError> {
        self.write(async move |tx| record_all(&tx, &authority, &uses).await)
            .await
    }

    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError> {
        self.write(async move |tx| {
            record_all(&tx, &authority, &uses).await?;
            let first_factor = uses.first().ok_or_else(|| {
                let problem = "is signed by no credential";
                StoreError::from(Inconsistency::new("user_actions", &evidence.id, problem))
            })?;
            user_action::insert(&tx, &authority, &first_factor.credential, &evidence).await?;
            Ok(())
        })
        .await
    }
}

/// Exercises the authority and records every use. The credentials are required to be active even when
/// the authority does not name them.
async fn record_all(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    uses: &[CredentialUse],
) -> Result<(), UseError> {
    let signers = uses.iter().map(|each| each.credential.clone());
    let authority = signers.fold(authority.clone(), Authority::signed_by);
    exercise::<UseError>(transaction, &authority).await?;
    for each in uses {
        if !record(transaction, authority.user(), each).await? {
            return Err(UseError::CounterRegressed);
        }
    }
    Ok(())
}

/// Records a use; `false` when the counter that came with it is not beyond the one kept (and not both
/// are 0), or there is no such credential.
async fn record(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential_use: &CredentialUse,
) -> Result<bool, StoreError> {
    let mut row = ActiveModel {
        last_used: Set(Some(credential_use.date.into())),
        ..Default::default()
    };
    let mut guard = Condition::all();
    if let Some(state) = &credential_use.state {
        row.sign_count = Set(Some(state.sign_count.into()));
        row.backed_up = Set(Some(state.backed_up));
        let count = i64::from(state.sign_count);
        let mut grows = Condition::any().add(Column::SignCount.lt(count));
        if count == 0 {
            grows = grows.add(Column::SignCount.eq(0_i64));
        }
        guard = guard.add(grows);
    }
    change(user, &credential_use.credential, row)
        .filter(guard)
        .meets_one(transaction)
        .await
}
