//! The one row that says which installation the database belongs to.

use async_trait::async_trait;
use latchkey_domain::id::InstallationId;
use latchkey_service::ports::{
    installation_store::{Installation, InstallationStore},
    store::StoreError,
};
use sea_orm::{
    DatabaseTransaction, IntoActiveModel as _, entity::prelude::*, sea_query::OnConflict,
};

use super::{account_code, message};
use crate::{
    column::{self, Inconsistency},
    statement::Change as _,
    store::SqlStore,
};

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

#[async_trait]
impl InstallationStore for SqlStore {
    async fn establish(&self, proposed: Installation) -> Result<Installation, StoreError> {
        if let Some(installation) = self.look().await? {
            return Ok(installation);
        }
        self.write(async move |tx| {
            let row = Model {
                slot: SLOT,
                id: proposed.id.into(),
                secrets_fingerprint: proposed.secrets_fingerprint,
            };
            Entity::insert(row.into_active_model())
                .on_conflict(OnConflict::column(Column::Slot).do_nothing().to_owned())
                .meets_one(&tx)
                .await?;
            find(&*tx).await?.ok_or_else(|| {
                let problem = "was neither there nor could it be made";
                Inconsistency::new("installation", "the only one", problem).into()
            })
        })
        .await
    }

    async fn look(&self) -> Result<Option<Installation>, StoreError> {
        self.read(async move |reader| find(&reader).await).await
    }

    async fn rebind(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(async move |tx| rebind(&tx, &from, &to).await)
            .await
    }

    async fn is_in_place(&self) -> Result<bool, StoreError> {
        match self.file() {
            Some(file) => file.is_in_place().map_err(StoreError::unavailable),
            // Whoever asks a server meets the same one.
            None => Ok(true),
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // PostgreSQL refuses it where changes are refused, whether or not a row would be met; and either database does
        // where the schema lacks what other calls need.
        let nothing = super::every_column().into_iter().fold(
            Entity::delete_many().filter(Column::Slot.ne(SLOT)),
            |nothing, rows| nothing.filter(Expr::exists(rows)),
        );
        self.write(async move |tx| nothing.count(&tx).await.map(|_none| ()))
            .await
    }
}

/// Binds the installation to other secrets, see [`InstallationStore::rebind`].
pub(crate) async fn rebind(
    transaction: &DatabaseTransaction,
    from: &str,
    to: &str,
) -> Result<bool, StoreError> {
    let row = Entity::update_many()
        .col_expr(Column::SecretsFingerprint, Expr::value(to))
        .filter(Column::Slot.eq(SLOT))
        .filter(Column::SecretsFingerprint.eq(from));
    if row.meets_one(transaction).await? {
        message::Entity::delete_many().count(transaction).await?;
        account_code::delete_all_of_everybody(transaction).await?;
    }
    let kept = find(transaction).await?;
    Ok(kept.is_some_and(|kept| kept.secrets_fingerprint == to))
}

/// The row, if it was made.
async fn find(connection: &impl ConnectionTrait) -> Result<Option<Installation>, StoreError> {
    let found = Entity::find_by_id(SLOT).one(connection).await;
    Ok(found.map_err(StoreError::new)?.map(|row| Installation {
        id: row.id.0,
        secrets_fingerprint: row.secrets_fingerprint,
    }))
}
