//! The installation's one row.

use latchkey_service::ports::{installation_store::Installation, store::StoreError};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait as _, sea_query::OnConflict,
};

use crate::{
    entity::installation::{ActiveModel, Column, Entity},
    row::{Inconsistency, Row},
};

/// The key of the only row.
const SLOT: i32 = 1;

/// Makes the row unless there is one.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    installation: &Installation,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        slot: Set(SLOT),
        id: Set(installation.id.to_string()),
        secrets_fingerprint: Set(installation.secrets_fingerprint.clone()),
    };
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Slot).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map(|_rows| ())
        .map_err(StoreError::new)
}

/// The row, if it was made.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
) -> Result<Option<Installation>, StoreError> {
    let found = Entity::find_by_id(SLOT)
        .one(connection)
        .await
        .map_err(StoreError::new)?;
    let read = |model: crate::entity::installation::Model| -> Result<_, Inconsistency> {
        let row = Row {
            table: "installation",
            key: &model.id,
        };
        Ok(Installation {
            id: row.value("id", model.id.parse())?,
            secrets_fingerprint: model.secrets_fingerprint.clone(),
        })
    };
    Ok(found.map(read).transpose()?)
}
