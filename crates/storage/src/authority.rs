//! Exercising an authority: what every change requires first, in one place.

use std::collections::BTreeSet;

use latchkey_domain::{
    authority::Authority,
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    user::Epoch,
};
use latchkey_service::ports::store::{AuthorityConflict, StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, JoinType, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _, SubQueryStatement},
};

use crate::{
    entity::{application, credential, organization},
    table,
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
    /// Must be an active one of the organization.
    pub(crate) application: Option<&'a ApplicationId>,
}

impl Standing<'_> {
    /// Locks the user's row, and tells whether all of it is so. These are two statements on purpose:
    /// only a statement that begins after the lock was given sees what its former holder did.
    pub(crate) async fn holds(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<bool, StoreError> {
        let Some(user) = table::user::lock(transaction, self.user).await? else {
            return Ok(false);
        };
        if user.organization != *self.organization || !user.is_active || user.epoch != self.epoch {
            return Ok(false);
        }
        organization::Entity::find()
            .select_only()
            .column(organization::Column::Id)
            .filter(organization::Column::Id.eq(self.organization.as_str()))
            .filter(organization::Column::IsActive.eq(true))
            .filter(self.application_is_active())
            .filter(self.credentials_are_active())
            .into_tuple::<String>()
            .one(transaction)
            .await
            .map(|found| found.is_some())
            .map_err(StoreError::new)
    }

    fn application_is_active(&self) -> Condition {
        let Some(id) = self.application else {
            return Condition::all();
        };
        let active = application::Entity::find()
            .select_only()
            .column(application::Column::Id)
            .filter(application::Column::Id.eq(id.as_str()))
            .filter(application::Column::OrganizationId.eq(self.organization.as_str()))
            .filter(application::Column::IsActive.eq(true))
            .into_query();
        Condition::all().add(Expr::exists(active))
    }

    fn credentials_are_active(&self) -> Condition {
        let ids: Vec<_> = self.credentials.iter().map(|uuid| uuid.as_str()).collect();
        let Ok(count) = i64::try_from(ids.len()) else {
            return Condition::any();
        };
        if count == 0 {
            return Condition::all();
        }
        let active = credential::Entity::find()
            .select_only()
            .expr(Expr::col((credential::Entity, credential::Column::Id)).count())
            .join(JoinType::LeftJoin, credential::Relation::Application.def())
            .filter(credential::Column::Id.is_in(ids))
            .filter(credential::Column::UserId.eq(self.user.as_str()))
            .filter(credential::Column::IsActive.eq(true))
            .filter(
                Condition::any()
                    .add(credential::Column::ApplicationId.is_null())
                    .add(application::Column::IsActive.eq(true)),
            )
            .into_query();
        Condition::all().add(Expr::from(SubQueryStatement::SelectStatement(active)).eq(count))
    }
}

/// Exercises an authority: locks the user, requires all that the authority names, and uses up what it
/// spends. When it fails, the transaction must be rolled back, and nothing is used up.
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
    exercise_with(transaction, authority, &[]).await
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
    let standing = Standing {
        organization: authority.organization(),
        user: authority.user(),
        epoch: authority.epoch(),
        credentials: authority
            .credentials()
            .iter()
            .chain(credentials.iter().copied())
            .collect(),
        application: authority.application(),
    };
    if !standing.holds(transaction).await? {
        return Err(AuthorityConflict::Void.into());
    }
    match table::spent::insert(transaction, authority.spends()).await? {
        None => Ok(()),
        Some(spend) => Err(AuthorityConflict::Spent(spend.item).into()),
    }
}
