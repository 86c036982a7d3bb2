//! Changing a user's credentials.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::{
    authority::Authority,
    credential::{Credential, CredentialState},
    id::{ChallengeId, CredentialUuid, UserActionId, UserId},
    message::NewMessage,
    time::Timestamp,
};
use latchkey_service::ports::{
    credential_store::{ChangeError, CreateError, CredentialStore, NewName},
    store::StoreError,
};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    authority::exercise,
    statement::{Change as _, Step},
    store::SqlStore,
    table::{
        self,
        credential::{Column, Entity, Summary, renewal},
    },
};

#[async_trait]
impl CredentialStore for SqlStore {
    async fn create(
        &self,
        authority: Authority,
        credential: Credential,
    ) -> Result<(), CreateError> {
        let credential = Arc::new(credential);
        let own = Arc::clone(&credential);
        let steps = move || vec![table::credential::creation::insertion(&own)];
        self.exercise_locked(authority, steps, async move |tx| {
            table::credential::creation::insert_in_place(&tx, &credential).await
        })
        .await
    }

    /// What is replaced is deleted after the new one is made, so that an id that it has is taken on both databases.
    async fn renew_recovery_key(
        &self,
        authority: Authority,
        recovery_key: Credential,
    ) -> Result<(), CreateError> {
        let recovery_key = Arc::new(recovery_key);
        let own = Arc::clone(&recovery_key);
        let steps = move || {
            let mut steps = vec![renewal::insertion(&own)];
            let ended = table::credential_code::end_steps(&own.user);
            steps.extend(ended.map(Step::optional));
            let replaced = Step::from(renewal::deletion(&own));
            steps.push(replaced.optional());
            steps
        };
        self.exercise_locked(authority, steps, async move |tx| {
            let user = &recovery_key.user;
            renewal::insert_in_place(&tx, &recovery_key).await?;
            table::credential_code::end_all(&tx, user).await?;
            let replaced = renewal::deletion(&recovery_key);
            replaced.count(&tx).await?;
            Ok(())
        })
        .await
    }

    async fn set_active(
        &self,
        mut authority: Authority,
        credential: &CredentialUuid,
        active: bool,
        at: Timestamp,
    ) -> Result<(), ChangeError> {
        let change = Change {
            credential: credential.clone(),
            active,
            at,
            told: authority.take_messages(),
        };
        self.write(async move |tx| {
            exercise::<ChangeError>(&tx, &authority).await?;
            change.of(&tx, authority.user()).await.map(|_changes| ())
        })
        .await
    }

    async fn rename(&self, authority: Authority, new: NewName) -> Result<Credential, ChangeError> {
        self.write(async move |tx| {
            exercise::<ChangeError>(&tx, &authority).await?;
            let user = authority.user();
            let renamed = table::credential::rename(&tx, user, &new).await?;
            let credential = table::credential::of_user(&tx, user, &new.credential)
                .await?
                .filter(|credential| !credential.is_gone(new.date))
                .ok_or(ChangeError::NotFound)?;
            renamed.then_some(credential).ok_or(ChangeError::Waits)
        })
        .await
    }

    async fn delete(
        &self,
        authority: Authority,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let credential = credential.clone();
        self.write(async move |tx| {
            exercise::<ChangeError>(&tx, &authority).await?;
            let user = authority.user();
            let held = table::credential::summaries(&tx, user).await?;
            let state = find(&held, &credential)?.state;
            require_another_usable(&held, &credential)?;
            // This deletes what waits, too.
            table::credential_code::end_all(&tx, user).await?;
            let is_deleted = match state {
                CredentialState::Waiting { .. } => true,
                CredentialState::Active | CredentialState::Inactive => {
                    let deletion = table::credential::deletion(user, &credential);
                    deletion.meets_one(&tx).await?
                }
            };
            is_deleted.then_some(()).ok_or(ChangeError::NotFound)
        })
        .await
    }

    async fn note_counter_regression(
        &self,
        credential: &CredentialUuid,
        challenge: &ChallengeId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (credential, challenge) = (credential.clone(), challenge.clone());
        self.write(async move |tx| {
            let is_spent = Expr::exists(table::spent::entry(challenge.as_str()));
            let has_signed = table::user_action::entry(&UserActionId::of(&challenge));
            Entity::update_many()
                .col_expr(Column::CounterRegressedAt, at.unix_milliseconds().into())
                .filter(Column::Id.eq(credential.as_str()))
                .filter(is_spent.not())
                .filter(Expr::exists(has_signed).not())
                .meets_one(&tx)
                .await
        })
        .await
    }
}

/// That a credential is activated or deactivated, and who is told when something changes.
#[derive(Clone)]
pub(crate) struct Change {
    /// The credential.
    pub(crate) credential: CredentialUuid,
    /// Whether it is to be active.
    pub(crate) active: bool,
    /// When.
    pub(crate) at: Timestamp,
    /// The messages.
    pub(crate) told: Vec<NewMessage>,
}

impl Change {
    /// Changes the credential of a user whose row is locked; whether that changes anything.
    pub(crate) async fn of(
        self,
        transaction: &DatabaseTransaction,
        user: &UserId,
    ) -> Result<bool, ChangeError> {
        let Self {
            credential,
            active,
            at,
            told,
        } = self;
        let held = table::credential::summaries(transaction, user).await?;
        let is_active = match find(&held, &credential)?.state {
            CredentialState::Active => true,
            CredentialState::Inactive => false,
            waiting @ CredentialState::Waiting { .. } if waiting.is_gone(at) => {
                return Err(ChangeError::NotFound);
            }
            CredentialState::Waiting { .. } => return Err(ChangeError::Waits),
        };
        if is_active == active {
            return Ok(false);
        }
        let changed = if active {
            table::credential::activate(transaction, user, &credential, at).await?
        } else {
            require_another_usable(&held, &credential)?;
            table::credential_code::end_all(transaction, user).await?;
            table::credential::deactivate(transaction, user, &credential).await?
        };
        table::message::insert_all(transaction, &told).await?;
        changed.then_some(true).ok_or(ChangeError::NotFound)
    }
}

fn find<'a>(held: &'a [Summary], credential: &CredentialUuid) -> Result<&'a Summary, ChangeError> {
    held.iter()
        .find(|summary| summary.uuid == *credential)
        .ok_or(ChangeError::NotFound)
}

/// Whoever takes a usable credential away must leave another one. The user's row is locked, so what is
/// seen here stays so until the transaction ends.
fn require_another_usable(
    held: &[Summary],
    credential: &CredentialUuid,
) -> Result<(), ChangeError> {
    let takes_a_usable_one = find(held, credential).is_ok_and(Summary::is_usable);
    let leaves_one = held
        .iter()
        .any(|summary| summary.uuid != *credential && summary.is_usable());
    if takes_a_usable_one && !leaves_one {
        Err(ChangeError::LastUsable)
    } else {
        Ok(())
    }
}
