//! An index of administrators alone: the one that an organization keeps is found among all its users.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{ConnectionTrait as _, DbErr},
};

use crate::shape::drop_index;

pub(crate) struct IndexOfAdministrators;

impl MigrationName for IndexOfAdministrators {
    fn name(&self) -> &'static str {
        "m0011_index_of_administrators"
    }
}

const NAME: &str = "ix_users_administrators";

const CREATE: &str =
    "CREATE INDEX ix_users_administrators ON users (organization_id) WHERE is_administrator";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for IndexOfAdministrators {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(CREATE)
            .await
            .map(|_made| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "users", NAME).await
    }
}
