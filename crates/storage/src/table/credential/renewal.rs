//! A recovery key takes the place of every other one of its user.

use latchkey_domain::credential::{Credential, CredentialKind};
use latchkey_service::ports::credential_store::CreateError;
use sea_orm::{ColumnTrait as _, DatabaseTransaction, DeleteMany, QueryFilter as _};

use super::{
    Column, Entity,
    creation::{in_room, insert_in_place_beside, insertion_beside},
    delete_of,
};
use crate::statement::Step;

/// Makes the recovery key of a user who is locked; meets none as any [insertion](super::creation::insertion) does, but
/// those that it takes the place of need no room. What came of that, [`insert_in_place`] tells.
pub(crate) fn insertion(recovery_key: &Credential) -> Step {
    insertion_beside(recovery_key, |form, inputs| {
        let stays = Column::Kind.ne(CredentialKind::RecoveryKey.as_str());
        in_room(form, inputs, stays.into()).into()
    })
}

/// Makes a recovery key whose [`insertion`] met none.
///
/// # Errors
/// [`CreateError`].
pub(crate) async fn insert_in_place(
    transaction: &DatabaseTransaction,
    recovery_key: &Credential,
) -> Result<(), CreateError> {
    insert_in_place_beside(transaction, recovery_key, |held| held.signs_in).await
}

/// Deletes every recovery key of a user, whose row is locked, that this one takes the place of. What waits is deleted
/// as such.
pub(crate) fn deletion(recovery_key: &Credential) -> DeleteMany<Entity> {
    delete_of(&recovery_key.user)
        .filter(Column::Kind.eq(CredentialKind::RecoveryKey.as_str()))
        .filter(Column::WaitsUntil.is_null())
        .filter(Column::Id.ne(recovery_key.uuid.as_str()))
}
