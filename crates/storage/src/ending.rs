//! What ends with what: the one place that says it.
//!
//! Everything here is about a user whose row is locked.

use latchkey_domain::{
    id::UserId,
    user::{Epoch, User},
};
use latchkey_service::ports::store::StoreError;
use sea_orm::DatabaseTransaction;

use crate::table;

/// Ends the given epoch of a user and begins the next; `false` when it had ended before. Tokens and
/// claimed challenges end because they carry it; open credential codes and what waits for approval end
/// here.
pub(crate) async fn end_epoch(
    transaction: &DatabaseTransaction,
    user: &UserId,
    epoch: Epoch,
) -> Result<bool, StoreError> {
    let is_raised = table::user::raise_epoch(transaction, user, epoch).await?;
    if is_raised {
        end_codes(transaction, user).await?;
    }
    Ok(is_raised)
}

/// Cancels every open code of a user, and with it refuses what waits.
pub(crate) async fn end_codes(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    let ended = table::credential_code::cancel_all(transaction, user).await?;
    end_waits(transaction, user, ended).await
}

/// Makes room for a newer code of a user: the earlier ones end.
pub(crate) async fn supersede_codes(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    let ended = table::credential_code::supersede(transaction, user).await?;
    end_waits(transaction, user, ended).await
}

/// Every credential that waits has a code that says so, so when no code ended there is nothing to
/// delete.
async fn end_waits(
    transaction: &DatabaseTransaction,
    user: &UserId,
    ended_codes: u64,
) -> Result<(), StoreError> {
    if ended_codes > 0 {
        table::credential::delete_waiting(transaction, user).await?;
    }
    Ok(())
}

/// Makes a user inactive and ends the epoch; nothing happens to one who is inactive already.
pub(crate) async fn deactivate(
    transaction: &DatabaseTransaction,
    user: &mut User,
) -> Result<(), StoreError> {
    if table::user::set_active(transaction, &user.id, false).await? {
        end_epoch(transaction, &user.id, user.epoch).await?;
        user.epoch = user.epoch.next();
        user.is_active = false;
    }
    Ok(())
}

/// Deletes a user with everything that is the user's; account codes and messages go with the row itself.
/// Signed user actions are evidence and stay.
pub(crate) async fn erase(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    table::credential_code::delete_all(transaction, user).await?;
    table::credential::delete_all(transaction, user).await?;
    table::user::delete(transaction, user).await
}
