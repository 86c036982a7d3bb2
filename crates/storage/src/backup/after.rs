//! What may have to be done with a database that was filled, before that lasts.

use latchkey_domain::{time::Timestamp, user::Epoch};
use latchkey_service::ports::store::StoreError;
use sea_orm::DatabaseTransaction;

use crate::{ending, table};

/// Ends every session, user action, ceremony and code of everybody, and refuses what waits for approval, in a database
/// at the newest schema that goes back to an earlier moment: what ended since that moment must not live again, and
/// nobody knows any more what that was.
///
/// The epochs go on from the second of `now`. No user's sessions are ended once a second, so every epoch that anybody
/// came to since, or came to after an earlier return, is an earlier one.
///
/// Events that waited are forgotten: who served when the backup was made has told them since.
///
/// # Errors
/// [`StoreError`]; then the transaction must be taken back.
pub async fn end_everything(
    transaction: &DatabaseTransaction,
    now: Timestamp,
) -> Result<(), StoreError> {
    ending::end_every_epoch(transaction, Epoch::new(now.unix_seconds())).await?;
    table::event::delete_all(transaction).await
}

/// Binds a database at the newest schema to other secrets, as
/// [`InstallationStore::rebind`](latchkey_service::ports::installation_store::InstallationStore::rebind) does.
///
/// # Errors
/// [`StoreError`]; then the transaction must be taken back.
pub async fn rebind(
    transaction: &DatabaseTransaction,
    from: &str,
    to: &str,
) -> Result<bool, StoreError> {
    table::installation::rebind(transaction, from, to).await
}
