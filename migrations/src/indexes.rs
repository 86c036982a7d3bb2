//! Steps that do nothing but add indexes and drop others.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{ConnectionTrait as _, DbErr},
};

/// A step that adds indexes and drops others: each as what stands after `CREATE INDEX`, so that it may have a
/// condition. On PostgreSQL to drop one waits for whoever reads its table, and all that the step did before would be
/// done again: what takes long to add is added by a step before.
pub(crate) struct ChangedIndexes {
    pub(crate) step: &'static str,
    pub(crate) added: &'static [&'static str],
    pub(crate) dropped: &'static [&'static str],
}

impl MigrationName for ChangedIndexes {
    fn name(&self) -> &str {
        self.step
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for ChangedIndexes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        change(manager, self.added, self.dropped).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        change(manager, self.dropped, self.added).await
    }
}

async fn change(
    manager: &SchemaManager<'_>,
    added: &[&str],
    dropped: &[&str],
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for index in added {
        let create = format!("CREATE INDEX {index}");
        connection.execute_unprepared(&create).await?;
    }
    for index in dropped {
        let name = index.split(' ').next().unwrap_or_default();
        let drop = format!("DROP INDEX {name}");
        connection.execute_unprepared(&drop).await?;
    }
    Ok(())
}
