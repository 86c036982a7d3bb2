//! When and why a credential code was given back by whoever had entered it.
//!
//! Such a code has the state of a cancelled one, so a process that does not know the columns takes it for that.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        DbErr,
        sea_query::{ColumnDef, Table},
    },
};

use crate::shape::{moment, optional, text};

pub(crate) struct ReleasedCodes;

impl MigrationName for ReleasedCodes {
    fn name(&self) -> &'static str {
        "m0016_released_codes"
    }
}

const TABLE: &str = "credential_codes";

/// The new columns; SQLite adds and drops one at a time.
fn columns() -> [(&'static str, ColumnDef); 2] {
    [
        ("released", optional(moment("released"))),
        ("release_reason", optional(text("release_reason"))),
    ]
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for ReleasedCodes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (_, mut column) in columns() {
            let table = Table::alter()
                .table(TABLE)
                .add_column(&mut column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in columns() {
            let table = Table::alter().table(TABLE).drop_column(name).to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
