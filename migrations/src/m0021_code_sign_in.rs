//! Whether making a credential with a code begins a session, per organization.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::text;

pub(crate) struct CodeSignIn;

impl MigrationName for CodeSignIn {
    fn name(&self) -> &'static str {
        "m0021_code_sign_in"
    }
}

const TABLE: &str = "organizations";
const COLUMN: &str = "code_sign_in";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for CodeSignIn {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = text(COLUMN).default("never").to_owned();
        let table = Table::alter()
            .table(TABLE)
            .add_column(&mut column)
            .to_owned();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table(TABLE).drop_column(COLUMN).to_owned();
        manager.alter_table(table).await
    }
}
