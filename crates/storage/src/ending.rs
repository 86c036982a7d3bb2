//! What ends with an epoch, a user, an application and an organization: the one place that says it.
//!
//! Everything here is about a user, an application or an organization whose row is locked.

use latchkey_domain::{
    id::{ApplicationId, OrganizationId, UserId},
    user::{Epoch, User},
};
use latchkey_service::ports::{
    administration_store::{Notice, Vacancy},
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

use crate::table::{
    account_code, application, application_origin, credential, credential_code, message,
    organization, user,
};

/// How many notices are kept by one statement.
const NOTICES: usize = 50;

/// Ends the given epoch of a user and begins the next; `false` when it had ended before. Tokens and
/// claimed challenges end because they carry it; codes of every kind, and what waits for approval, end
/// here.
pub(crate) async fn end_epoch(
    transaction: &DatabaseTransaction,
    user: &UserId,
    epoch: Epoch,
) -> Result<bool, StoreError> {
    let is_raised = user::raise_epoch(transaction, user, epoch).await?;
    if is_raised {
        end_codes(transaction, user).await?;
    }
    Ok(is_raised)
}

/// Ends every open code of a user, of every kind, and refuses what waits for approval; whether there was anything. No
/// code that ended is mailed any more.
pub(crate) async fn end_codes(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<bool, StoreError> {
    let has_ended = credential_code::end_all(transaction, user).await?;
    let deleted = account_code::delete_all(transaction, user).await?;
    Ok(has_ended || deleted > 0)
}

/// Ends the epoch of every user, and whatever ends with it. The next epoch is `least`, or that after the present one
/// where it is greater.
pub(crate) async fn end_every_epoch(
    transaction: &DatabaseTransaction,
    least: Epoch,
) -> Result<(), StoreError> {
    user::raise_every_epoch(transaction, least).await?;
    credential_code::end_all_of_everybody(transaction).await?;
    account_code::delete_all_of_everybody(transaction).await
}

/// Makes a user inactive and ends the epoch; `false` when the user was inactive already, and then nothing
/// happens.
pub(crate) async fn deactivate(
    transaction: &DatabaseTransaction,
    user: &mut User,
) -> Result<bool, StoreError> {
    let changes = user::set_active(transaction, &user.id, false).await?;
    if changes {
        end_epoch(transaction, &user.id, user.epoch).await?;
        user.epoch = user.epoch.next();
        user.is_active = false;
    }
    Ok(changes)
}

/// Deletes a user with everything that is the user's; account codes and messages go with the row itself.
/// Signed user actions are evidence and stay.
pub(crate) async fn erase(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    credential_code::delete_all(transaction, user).await?;
    credential::delete_all(transaction, user).await?;
    user::delete(transaction, user).await
}

/// Locks everybody who has a passkey for an application. Whoever makes a passkey locks the user before the application,
/// and so does whoever deletes one.
pub(crate) async fn lock_holders(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<(), StoreError> {
    user::lock_all(
        transaction,
        credential::of_application::holders(application),
    )
    .await
}

/// Deletes an application with every passkey for it, and cancels the open credential codes of everybody who had
/// one. Those who have got one since [`lock_holders`], and before the application was locked, are locked now: one of
/// them who makes another may wait for the application, and then one of the two is ended by the database, and tried
/// again.
pub(crate) async fn erase_application(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
    notice: Option<&Notice>,
) -> Result<(), StoreError> {
    lock_holders(transaction, application).await?;
    credential_code::end_all_of_holders(transaction, application).await?;
    if let Some(notice) = notice {
        let passkeys = credential::of_application::all_for(transaction, application).await?;
        for some in passkeys.chunks(NOTICES) {
            let told: Vec<_> = some.iter().map(|passkey| notice(passkey)).collect();
            message::insert_all(transaction, &told).await?;
        }
    }
    credential::of_application::delete_all_for(transaction, application).await?;
    application_origin::delete_all(transaction, application).await?;
    application::delete(transaction, application).await
}

/// Deletes an organization where nobody has registered, so that nobody has credentials or was given a code for one;
/// account codes, messages and what places ask for go with the rows that they are of. Gives what went with it.
pub(crate) async fn erase_organization(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<Vacancy, StoreError> {
    application_origin::delete_all_of(transaction, organization).await?;
    let vacancy = Vacancy {
        users: user::delete_all_of(transaction, organization).await?,
        applications: application::delete_all_of(transaction, organization).await?,
    };
    organization::delete(transaction, organization).await?;
    Ok(vacancy)
}
