//! Steps that do nothing but add columns to a table.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        DbErr,
        sea_query::{ColumnDef, Table},
    },
};

/// A step that adds columns to a table. Processes that do not know them go on writing rows, so each has a default or
/// may be empty.
pub(crate) struct AddedColumns {
    pub(crate) step: &'static str,
    pub(crate) table: &'static str,
    pub(crate) columns: fn() -> Vec<ColumnDef>,
}

impl MigrationName for AddedColumns {
    fn name(&self) -> &str {
        self.step
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for AddedColumns {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement each: SQLite adds and drops one column at a time.
        for column in (self.columns)() {
            let table = Table::alter().table(self.table).add_column(column).take();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in (self.columns)() {
            let name = column.get_column_name();
            let table = Table::alter().table(self.table).drop_column(name).take();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
