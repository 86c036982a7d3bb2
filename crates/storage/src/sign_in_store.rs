//! Using credentials: to sign in and to sign user actions.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, id::UserId};
use latchkey_service::ports::{
    sign_in_store::{CredentialUse, Evidence, SignInStore, UseError},
    store::{AuthorityConflict, StoreError},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, QueryFilter as _, UpdateMany,
    sea_query::Condition,
};

use crate::{
    authority::{exercise, exercise_with, stands},
    column::Inconsistency,
    statement::{Step, in_turn},
    store::SqlStore,
    table::{
        credential::{ActiveModel, Column, Entity, change},
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
        self.write(async move |tx| record_all(&tx, authority, &uses, None).await)
            .await
    }

    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError> {
        self.write(async move |tx| {
            let first_factor = uses.first().ok_or_else(|| {
                let problem = "is signed by no credential";
                StoreError::from(Inconsistency::new("user_actions", &evidence.id, problem))
            })?;
            let kept = user_action::insertion(&authority, &first_factor.credential, &evidence);
            record_all(&tx, authority, &uses, Some(kept.into())).await
        })
        .await
    }
}

/// Exercises the authority, records every use and keeps the evidence, if there is any. The credentials are
/// required to be active even when the authority does not name them.
///
/// One credential is used without locking its user: its own row decides, and whatever takes the use's fruit
/// away (a session, a signed action) is asked about when the fruit is used. Rows of several credentials are
/// met one after another under the lock, since two callers could meet them in different orders.
async fn record_all(
    transaction: &DatabaseTransaction,
    authority: Authority,
    uses: &[CredentialUse],
    evidence: Option<Step>,
) -> Result<(), UseError> {
    let signers = uses.iter().map(|each| each.credential.clone());
    let authority = signers.fold(authority, Authority::signed_by);
    let owner = authority.user();
    let recorded = uses.iter().map(|each| Step::from(record(owner, each)));
    let steps: Vec<_> = recorded.chain(evidence).collect();
    let met = if uses.len() > 1 {
        exercise::<UseError>(transaction, &authority).await?;
        in_turn(transaction, steps).await?
    } else {
        exercise_with::<UseError>(transaction, &authority, steps).await?
    };
    if met.into_iter().all(|rows| rows == 1) {
        Ok(())
    } else if stands(transaction, &authority).await? {
        Err(UseError::CounterRegressed)
    } else {
        Err(AuthorityConflict::Void.into())
    }
}

/// Records a use; meets none when the counter that came with it is not beyond the one kept (and not both
/// are 0), or there is no such credential that is active.
fn record(user: &UserId, credential_use: &CredentialUse) -> UpdateMany<Entity> {
    let mut row = ActiveModel {
        last_used: Set(Some(credential_use.date.into())),
        ..Default::default()
    };
    let mut guard = Condition::all().add(Column::IsActive.eq(true));
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
    change(user, &credential_use.credential, row).filter(guard)
}
