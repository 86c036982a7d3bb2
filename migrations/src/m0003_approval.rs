//! Whether credentials made with a code wait for their owner, per organization.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        DbErr,
        sea_query::{ColumnDef, Table},
    },
};

pub(crate) struct Approval;

impl MigrationName for Approval {
    fn name(&self) -> &'static str {
        "m0003_approval"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Approval {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut approval = ColumnDef::new("approval");
        manager
            .alter_table(
                Table::alter()
                    .table("organizations")
                    .add_column(approval.text().not_null().default("never"))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("organizations")
                    .drop_column("approval")
                    .to_owned(),
            )
            .await
    }
}
