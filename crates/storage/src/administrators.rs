//! Administrators: what must stay so when a change takes one of them away.

use latchkey_domain::user::User;
use latchkey_service::ports::store::StoreError;
use sea_orm::DatabaseTransaction;

use crate::table;

/// Whether the organization would be left without an active administrator if this user were taken away.
/// The organization's row is locked, so what is seen here stays so until the transaction ends.
pub(crate) async fn is_last(
    transaction: &DatabaseTransaction,
    user: &User,
) -> Result<bool, StoreError> {
    let counts = user.is_administrator && user.is_active;
    Ok(counts && !table::user::has_another_administrator(transaction, user).await?)
}
