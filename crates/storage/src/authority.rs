//! Exercising an authority: what every change requires first, in one place.

use std::collections::BTreeSet;

use latchkey_domain::{
    authority::Authority,
    id::{ApplicationId, CredentialUuid},
    user::User,
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

/// Exercises an authority: locks the user, requires all that the authority names, uses up what it
/// spends, and keeps the messages that tell of the change; gives whose authority it is. When it, or what
/// follows, fails, the transaction must be rolled back; then nothing is used up and nobody is told.
///
/// # Errors
/// [`AuthorityConflict`], or [`StoreError`] when the database fails.
pub(crate) async fn exercise<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<User, E>
where
    E: From<AuthorityConflict> + From<StoreError>,
{
    let Some(user) = standing(transaction, authority).await? else {
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

/// Locks the user's row, and gives the user if all that the authority requires is so. These are two
/// statements on purpose: only a statement that begins after the lock was given sees what its former
/// holder did.
async fn standing(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<Option<User>, StoreError> {
    let organization = authority.organization();
    let is_as_named =
        |user: &User| user.organization == *organization && user.epoch == authority.epoch();
    let user = table::user::lock(transaction, authority.user()).await?;
    let Some(user) = user.filter(|user| user.is_active && is_as_named(user)) else {
        return Ok(None);
    };
    let standing = organization::Entity::find()
        .filter(organization::Column::Id.eq(organization.as_str()))
        .filter(organization::Column::IsActive.eq(true))
        .filter(applications_are_active(authority))
        .filter(credentials_are_active(authority));
    let holds = statement::any(transaction, standing).await?;
    Ok(holds.then_some(user))
}

fn applications_are_active(authority: &Authority) -> Condition {
    let applications = authority.applications().iter();
    let ids: BTreeSet<_> = applications.map(ApplicationId::as_str).collect();
    let active = application::Entity::find()
        .select_only()
        .expr(Expr::col(application::Column::Id).count())
        .filter(application::Column::Id.is_in(ids.clone()))
        .filter(application::Column::OrganizationId.eq(authority.organization().as_str()))
        .filter(application::Column::IsActive.eq(true));
    all_of(ids.len(), active.into_query())
}

/// They must be the user's, and the applications they belong to must be active as well.
fn credentials_are_active(authority: &Authority) -> Condition {
    let credentials = authority.credentials().iter();
    let ids: BTreeSet<_> = credentials.map(CredentialUuid::as_str).collect();
    let active = credential::Entity::find()
        .select_only()
        .expr(Expr::col((credential::Entity, credential::Column::Id)).count())
        .join(JoinType::LeftJoin, credential::Relation::Application.def())
        .filter(credential::Column::Id.is_in(ids.clone()))
        .filter(credential::Column::UserId.eq(authority.user().as_str()))
        .filter(credential::Column::IsActive.eq(true))
        .filter(
            Condition::any()
                .add(credential::Column::ApplicationId.is_null())
                .add(application::Column::IsActive.eq(true)),
        );
    all_of(ids.len(), active.into_query())
}

/// That a statement counts as many rows as are required; when none are, nothing need be counted.
fn all_of(required: usize, counted: SelectStatement) -> Condition {
    if required == 0 {
        return Condition::all();
    }
    let required = i64::try_from(required).unwrap_or(i64::MAX);
    Condition::all().add(Expr::from(SubQueryStatement::SelectStatement(counted)).eq(required))
}
