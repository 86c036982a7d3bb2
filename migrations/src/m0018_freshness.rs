//! For how long an organization's credentials that were made with a code are fresh.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{moment, optional};

pub(crate) struct FreshCredentials;

impl MigrationName for FreshCredentials {
    fn name(&self) -> &'static str {
        "m0018_freshness"
    }
}

const TABLE: &str = "organizations";
const COLUMN: &str = "freshness";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for FreshCredentials {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // As moments, it is counted in milliseconds.
        let mut column = optional(moment(COLUMN));
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
