//! How the authenticator of a passkey may be reached, as its client said.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        DbErr,
        sea_query::{ColumnDef, Table},
    },
};

pub(crate) struct Transports;

impl MigrationName for Transports {
    fn name(&self) -> &'static str {
        "m0014_transports"
    }
}

const COLUMN: &str = "transports";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Transports {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("credentials")
                    .add_column(ColumnDef::new(COLUMN).text())
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("credentials")
                    .drop_column(COLUMN)
                    .to_owned(),
            )
            .await
    }
}
