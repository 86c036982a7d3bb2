//! Using credentials: to sign in and to sign user actions.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::{
    authority::{Authority, Spendable},
    id::UserId,
};
use latchkey_service::ports::{
    sign_in_store::{CredentialUse, Evidence, SignInStore, UseError},
    store::{AuthorityConflict, StoreError},
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, UpdateMany, Value,
    sea_query::{Condition, Expr},
};

use crate::{
    authority::{UsedUp, exercise_at_once, exercise_by, stands},
    column::Inconsistency,
    statement::{Inputs, PLAIN, Step, in_turn},
    store::SqlStore,
    table::{
        credential::{Column, Entity},
        user, user_action,
    },
    transaction::Transaction,
};

#[async_trait]
impl SignInStore for SqlStore {
    async fn sign_in(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
    ) -> Result<(), UseError> {
        self.keep(Record::new(authority, uses, None)).await
    }

    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError> {
        if uses.is_empty() {
            let problem = "is signed by no credential";
            let problem = Inconsistency::new("user_actions", &evidence.id, problem);
            return Err(StoreError::from(problem).into());
        }
        self.keep(Record::new(authority, uses, Some(evidence)))
            .await
    }
}

impl SqlStore {
    /// Keeps a record. One credential is used without locking its user: its own row decides, and whatever takes
    /// the use's fruit away (a session, a signed action) is asked about when the fruit is used. Rows of several
    /// credentials are met one after another under the lock, since two callers could meet them in different
    /// orders.
    async fn keep(&self, record: Record) -> Result<(), UseError> {
        let record = Arc::new(record);
        if record.uses.len() == 1 {
            let own = Arc::clone(&record);
            let plan = async move |_tx| {
                let steps = exercise_at_once(&own.authority, own.signed(), own.used());
                Ok((steps, ()))
            };
            let operation = async move |tx: Transaction| record.keep_unlocked(&tx).await;
            self.write_at_once(plan, operation).await
        } else {
            self.write(async move |tx| record.keep_locked(&tx).await)
                .await
        }
    }
}

/// That credentials are used, and what for.
struct Record {
    authority: Authority,
    uses: Vec<CredentialUse>,
    evidence: Option<Evidence>,
}

impl Record {
    /// The credentials are required to be active even when the authority does not name them.
    fn new(authority: Authority, uses: Vec<CredentialUse>, evidence: Option<Evidence>) -> Self {
        let signers = uses.iter().map(|each| each.credential.clone());
        Self {
            authority: signers.fold(authority, Authority::signed_by),
            uses,
            evidence,
        }
    }

    /// The evidence, if anything was signed. It uses the challenge up, since there is one of an id, and that is the
    /// challenge's.
    fn signed(&self) -> Option<UsedUp> {
        let (first_factor, evidence) = self.uses.first().zip(self.evidence.as_ref())?;
        let first = &first_factor.credential;
        Some(UsedUp {
            item: Spendable::Challenge,
            step: user_action::insertion(&self.authority, first, evidence),
        })
    }

    fn used(&self) -> Vec<Step> {
        let owner = self.authority.user();
        self.uses.iter().map(|each| use_of(owner, each)).collect()
    }

    async fn keep_unlocked(&self, transaction: &DatabaseTransaction) -> Result<(), UseError> {
        let (signed, used) = (self.signed(), self.used());
        let met = exercise_by::<UseError>(transaction, &self.authority, signed, used).await?;
        self.require_all(transaction, &met).await
    }

    async fn keep_locked(&self, transaction: &DatabaseTransaction) -> Result<(), UseError> {
        user::lock(transaction, self.authority.user()).await?;
        exercise_by::<UseError>(transaction, &self.authority, self.signed(), vec![]).await?;
        let met = in_turn(transaction, self.used()).await?;
        self.require_all(transaction, &met).await
    }

    async fn require_all(
        &self,
        transaction: &DatabaseTransaction,
        met: &[u64],
    ) -> Result<(), UseError> {
        if met.iter().all(|rows| *rows == 1) {
            Ok(())
        } else if stands(transaction, &self.authority).await? {
            Err(UseError::CounterRegressed)
        } else {
            Err(AuthorityConflict::Void.into())
        }
    }
}

/// The change of a credential that is used; meets none when the counter that came with it is not beyond the one kept
/// (and not both are 0), or there is no such credential that is active.
fn use_of(user: &UserId, credential_use: &CredentialUse) -> Step {
    let mut values: Vec<Value> = vec![
        credential_use.credential.as_str().into(),
        user.as_str().into(),
        credential_use.date.unix_milliseconds().into(),
    ];
    let Some(state) = &credential_use.state else {
        return Step::fixed(PLAIN, values, |_form, inputs| change(inputs).into());
    };
    let count = i64::from(state.sign_count);
    values.extend([count.into(), state.backed_up.into()]);
    Step::fixed(
        [u64::from(count == 0), 0, 0, 0],
        values,
        |[is_zero, ..], inputs| {
            let change = change(inputs);
            let (count, backed_up) = (inputs.take(), inputs.take());
            let mut grows = Condition::any().add(Column::SignCount.lt(count.clone()));
            if is_zero > 0 {
                grows = grows.add(Column::SignCount.eq(0_i64));
            }
            change
                .col_expr(Column::SignCount, Expr::val(count))
                .col_expr(Column::BackedUp, Expr::val(backed_up))
                .filter(grows)
                .into()
        },
    )
}

/// That an active credential was used.
fn change(inputs: &mut Inputs) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(inputs.take()))
        .filter(Column::UserId.eq(inputs.take()))
        .filter(Column::IsActive.eq(true))
        .col_expr(Column::LastUsed, Expr::val(inputs.take()))
}
