//! An index of the passkeys of each application: whoever changes or deletes one asks for them.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{ConnectionTrait as _, DbErr},
};

use crate::shape::drop_index;

pub(crate) struct IndexOfPasskeys;

impl MigrationName for IndexOfPasskeys {
    fn name(&self) -> &'static str {
        "m0012_index_of_passkeys"
    }
}

const NAME: &str = "ix_credentials_application_id";

const CREATE: &str = "CREATE INDEX ix_credentials_application_id ON credentials (application_id) \
     WHERE application_id IS NOT NULL";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for IndexOfPasskeys {
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
        drop_index(manager, "credentials", NAME).await
    }
}
