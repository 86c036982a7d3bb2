//! Exercising an authority: what every change requires first, in one place.

use std::collections::BTreeSet;

use latchkey_domain::{
    authority::Authority,
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    user::{Epoch, User},
};
use latchkey_service::ports::store::{AuthorityConflict, StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, JoinType, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _, SelectStatement, SubQueryStatement},
};

use crate::{
    statement,
    table::{self, application, credential, organization},
};

/// Everything that must be so while a change of a user takes effect.
pub(crate) struct Standing<'a> {
    /// Must be active.
    pub(crate) organization: &'a OrganizationId,
    /// Must be active, and of that organization.
    pub(crate) user: &'a UserId,
    /// Must be the user's.
    pub(crate) epoch: Epoch,
    /// Must be the user's and active, and the applications they belong to as well.
    pub(crate) credentials: BTreeSet<&'a CredentialUuid>,
    /// Must be the organization's and active.
    pub(crate) applications: BTreeSet<&'a ApplicationId>,
}

impl Standing<'_> {
    /// Locks the user's row, and gives the user if all of it is so. These are two statements on purpose:
    /// only a statement that begins after the lock was given sees what its former holder did.
    pub(crate) async fn holds(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<Option<User>, StoreError> {
        let Some(user) = table::user::lock(transaction, self.user).await? else {
            return Ok(None);
        };
        if user.organization != *self.organization || !user.is_active || user.epoch != self.epoch {
            return Ok(None);
        }
        let standing = organization::Entity::find()
            .filter(organization::Column::Id.eq(self.organization.as_str()))
            .filter(organization::Column::IsActive.eq(true))
            .filter(self.applications_are_active())
            .filter(self.credentials_are_active());
        let holds = statement::any(transaction, standing).await?;
        Ok(holds.then_some(user))
    }

    fn applications_are_active(&self) -> Condition {
        let ids: Vec<_> = self.applications.iter().map(|id| id.as_str()).collect();
        let active = application::Entity::find()
            .select_only()
            .expr(Expr::col(application::Column::Id).count())
            .filter(application::Column::Id.is_in(ids.clone()))
            .filter(application::Column::OrganizationId.eq(self.organization.as_str()))
            .filter(application::Column::IsActive.eq(true));
        all_of(ids.len(), active.into_query())
    }

    fn credentials_are_active(&self) -> Condition {
        let ids: Vec<_> = self.credentials.iter().map(|uuid| uuid.as_str()).collect();
        let active = credential::Entity::find()
            .select_only()
            .expr(Expr::col((credential::Entity, credential::Column::Id)).count())
            .join(JoinType::LeftJoin, credential::Relation::Application.def())
            .filter(credential::Column::Id.is_in(ids.clone()))
            .filter(credential::Column::UserId.eq(self.user.as_str()))
            .filter(credential::Column::IsActive.eq(true))
            .filter(
                Condition::any()
                    .add(credential::Column::ApplicationId.is_null())
                    .add(application::Column::IsActive.eq(true)),
            );
        all_of(ids.len(), active.into_query())
    }
}

/// That a statement counts as many rows as are required; when none are, nothing need be counted.
fn all_of(required: usize, counted: SelectStatement) -> Condition {
    if required == 0 {
        return Condition::all();
    }
    let required = i64::try_from(required).unwrap_or(i64::MAX);
    Condition::all().add(Expr::from(SubQueryStatement::SelectStatement(counted)).eq(required))
}

/// Exercises an authority: locks the user, requires all that the authority names, uses up what it
/// spends, and keeps the messages that tell of the change. When it, or what follows, fails, the
/// transaction must be rolled back; then nothing is used up and nobody is told.
///
/// # Errors
/// [`AuthorityConflict`], or [`StoreError`] when the database fails.
pub(crate) async fn exercise<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<(), E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    exercise_by(transaction, authority, &[])
        .await
        .map(|_user| ())
}

/// Like [`exercise`], and also requires these credentials.
///
/// # Errors
/// As [`exercise`].
pub(crate) async fn exercise_with<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    credentials: &[&CredentialUuid],
) -> Result<(), E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    exercise_by(transaction, authority, credentials)
        .await
        .map(|_user| ())
}

/// Like [`exercise_with`], and gives whose authority it is.
///
/// # Errors
/// As [`exercise`].
pub(crate) async fn exercise_by<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    credentials: &[&CredentialUuid],
) -> Result<User, E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    let standing = Standing {
        organization: authority.organization(),
        user: authority.user(),
        epoch: authority.epoch(),
        credentials: authority
            .credentials()
            .iter()
            .chain(credentials.iter().copied())
            .collect(),
        applications: authority.applications().iter().collect(),
    };
    let Some(user) = standing.holds(transaction).await? else {
        return Err(AuthorityConflict::Void.into());
    };
    match table::spent::insert(transaction, authority.spends()).await? {
        None => {
            table::message::insert_all(transaction, authority.messages()).await?;
            Ok(user)
        }
        Some(spend) => Err(AuthorityConflict::Spent(spend.item).into()),
    }
}
