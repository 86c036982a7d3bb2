//! Indexes in whose place there are [others](crate::m0023_leaner_indexes).

use async_trait::async_trait;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, sea_orm::DbErr};

use crate::shape::{drop_index, index, index_name};

pub(crate) struct FormerIndexes;

impl MigrationName for FormerIndexes {
    fn name(&self) -> &'static str {
        "m0024_former_indexes"
    }
}

/// The table of each, and its columns.
const INDEXES: [(&str, &[&str]); 4] = [
    ("credentials", &["user_id"]),
    ("credentials", &["waits_until"]),
    ("credential_codes", &["user_id"]),
    ("credential_codes", &["is_newest", "expires"]),
];

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for FormerIndexes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            drop_index(manager, table, &index_name(table, columns)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            index(manager, table, columns).await?;
        }
        Ok(())
    }
}
