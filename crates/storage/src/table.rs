//! Statements, one module per table, and how rows become domain values and back.
//!
//! Functions that take a transaction change something or must see what it locked; those that take a
//! connection are reads of one statement.

pub(crate) mod account;
pub(crate) mod account_code;
pub(crate) mod application;
pub(crate) mod credential;
pub(crate) mod credential_code;
pub(crate) mod installation;
pub(crate) mod listed_user;
pub(crate) mod message;
pub(crate) mod organization;
pub(crate) mod session;
pub(crate) mod spent;
pub(crate) mod user;
pub(crate) mod user_action;

use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter as _, QuerySelect as _,
    QueryTrait as _, Select,
    sea_query::{LockBehavior, LockType},
};

/// Deletes at most `batch` of the selected rows. On PostgreSQL it passes over rows that somebody else
/// works on, so that replicas which delete at the same time share the work instead of waiting.
async fn delete_batch<E>(
    transaction: &DatabaseTransaction,
    key: E::Column,
    rows: Select<E>,
    batch: u32,
) -> Result<u64, StoreError>
where
    E: EntityTrait,
{
    let keys = rows
        .select_only()
        .column(key)
        .limit(u64::from(batch))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_query();
    E::delete_many()
        .filter(key.in_subquery(keys))
        .exec(transaction)
        .await
        .map(|result| result.rows_affected)
        .map_err(StoreError::new)
}
