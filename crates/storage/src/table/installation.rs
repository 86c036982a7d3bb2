//! The one row that says which installation the database belongs to.

use latchkey_domain::id::InstallationId;
use latchkey_service::ports::{installation_store::Installation, store::StoreError};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, entity::prelude::*, sea_query::OnConflict,
};

use crate::{column, statement::Change as _};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i32,
    pub id: Typed<InstallationId>,
    pub secrets_fingerprint: String,
}

refers_to!();

/// The key of the only row.
const SLOT: i32 = 1;

/// Makes the row unless there is one.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    installation: Installation,
) -> Result<bool, StoreError> {
    let row = Model {
        slot: SLOT,
        id: installation.id.into(),
        secrets_fingerprint: installation.secrets_fingerprint,
    };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::Slot).do_nothing().to_owned())
        .meets_one(transaction)
        .await
}

/// The row, if it was made.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
) -> Result<Option<Installation>, StoreError> {
    let found = Entity::find_by_id(SLOT).one(connection).await;
    Ok(found.map_err(StoreError::new)?.map(|row| Installation {
        id: row.id.0,
        secrets_fingerprint: row.secrets_fingerprint,
    }))
}
