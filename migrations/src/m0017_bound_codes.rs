//! What credential codes are for: the application, the kinds and the name of what is made with them.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{optional, text};

pub(crate) struct BoundCodes;

impl MigrationName for BoundCodes {
    fn name(&self) -> &'static str {
        "m0017_bound_codes"
    }
}

const TABLE: &str = "credential_codes";

/// The new columns, which may all be empty; SQLite adds and drops one at a time.
const COLUMNS: [&str; 3] = ["for_application", "for_kinds", "for_name"];

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for BoundCodes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            let mut column = optional(text(name));
            let table = Table::alter()
                .table(TABLE)
                .add_column(&mut column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            let table = Table::alter().table(TABLE).drop_column(name).to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
