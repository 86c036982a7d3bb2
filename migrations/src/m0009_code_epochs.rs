//! Account codes carry the epoch of their user, and end with it.
//!
//! The column has a default, so a replica that does not know it can still issue codes; those of a user
//! whose epoch was raised before are void then, which errs on the safe side.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        ConnectionTrait as _, DbErr,
        sea_query::{ColumnDef, Table},
    },
};

pub(crate) struct CodeEpochs;

impl MigrationName for CodeEpochs {
    fn name(&self) -> &'static str {
        "m0009_code_epochs"
    }
}

const TABLE: &str = "account_codes";
const COLUMN: &str = "epoch";

/// What there is was issued in the present epoch, for all that anybody knows.
const FILL: &str = "UPDATE account_codes SET epoch = \
     (SELECT users.epoch FROM users WHERE users.id = account_codes.user_id)";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for CodeEpochs {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let epoch = ColumnDef::new(COLUMN)
            .big_integer()
            .not_null()
            .default(0)
            .take();
        manager
            .alter_table(Table::alter().table(TABLE).add_column(epoch).to_owned())
            .await?;
        manager.get_connection().execute_unprepared(FILL).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table(TABLE).drop_column(COLUMN).to_owned())
            .await
    }
}
