//! Administrators: what changes of other users require besides an authority.

use latchkey_domain::{authority::Authority, user::User};
use latchkey_service::ports::{
    store::{AuthorityConflict, StoreError},
    user_store::NotAdministrator,
};
use sea_orm::DatabaseTransaction;

use crate::{authority::exercise_with, table};

/// Exercises the authority of somebody who must be an administrator. The organization's row is locked
/// first: administrators who change each other's rows would otherwise wait for each other.
///
/// # Errors
/// [`AuthorityConflict`], [`NotAdministrator`], or [`StoreError`] when the database fails.
pub(crate) async fn exercise_as_administrator<E>(
    transaction: &DatabaseTransaction,
    authority: &Authority,
) -> Result<(), E>
where
    E: From<AuthorityConflict> + From<NotAdministrator> + From<StoreError>,
{
    table::organization::lock(transaction, authority.organization()).await?;
    let user = table::user::lock_and_read(transaction, authority.user()).await?;
    exercise_with::<E>(transaction, authority, vec![]).await?;
    if user.is_some_and(|user| user.is_administrator) {
        Ok(())
    } else {
        Err(NotAdministrator.into())
    }
}

/// Whether the organization would be left without an active administrator if this user were taken away.
/// The organization's row is locked, so what is seen here stays so until the transaction ends.
pub(crate) async fn is_last(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<bool, StoreError> {
    let counts = user.is_administrator && user.is_active;
    Ok(counts && !table::user::has_another_administrator(transaction, user).await?)
}
