//! Indexes that hold no more than what is looked for. Those in whose place they are go with [the next
//! step](crate::m0024_former_indexes): to drop one waits for whoever reads, and all that was made before it in the
//! same step would be made again.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{ConnectionTrait as _, DbErr},
};

use crate::shape::drop_index;

pub(crate) struct LeanerIndexes;

impl MigrationName for LeanerIndexes {
    fn name(&self) -> &'static str {
        "m0023_leaner_indexes"
    }
}

/// * of all rows of a user, those of that id: PostgreSQL may prefer the index of the user to the one of the id while a
///   table is small, and keeps to it when a user has many;
/// * of all codes of a user, the newest;
/// * codes that may be deleted one day, which the newest may not;
/// * of all credentials, those that wait.
const INDEXES: [(&str, &str); 5] = [
    ("ix_credentials_user_id_id", "credentials (user_id, id)"),
    (
        "ix_credentials_waiting",
        "credentials (waits_until) WHERE waits_until IS NOT NULL",
    ),
    (
        "ix_credential_codes_user_id_id",
        "credential_codes (user_id, id)",
    ),
    (
        "ix_credential_codes_newest",
        "credential_codes (user_id) WHERE is_newest",
    ),
    (
        "ix_credential_codes_expires",
        "credential_codes (expires) WHERE NOT is_newest",
    ),
];

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for LeanerIndexes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, of) in INDEXES {
            let create = format!("CREATE INDEX {name} ON {of}");
            let connection = manager.get_connection();
            connection.execute_unprepared(&create).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, of) in INDEXES {
            let table = of.split(' ').next().unwrap_or_default();
            drop_index(manager, table, name).await?;
        }
        Ok(())
    }
}
