//! Credentials that wait for their owner's approval, and what was decided about them.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{drop_index, index, moment, optional, text};

pub(crate) struct Waiting;

impl MigrationName for Waiting {
    fn name(&self) -> &'static str {
        "m0005_waiting"
    }
}

const INDEX: &str = "ix_credentials_waits_until";

/// The new columns, which may all be empty, as pairs of table and column; SQLite adds and drops one at a
/// time.
const COLUMNS: [(&str, &str); 3] = [
    ("credentials", "waits_until"),
    ("credential_codes", "approval"),
    ("credential_codes", "approval_expires"),
];

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Waiting {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in COLUMNS {
            let mut definition = optional(match column {
                "approval" => text(column),
                _ => moment(column),
            });
            manager
                .alter_table(
                    Table::alter()
                        .table(table)
                        .add_column(&mut definition)
                        .to_owned(),
                )
                .await?;
        }
        index(manager, "credentials", &["waits_until"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "credentials", INDEX).await?;
        for (table, column) in COLUMNS {
            manager
                .alter_table(Table::alter().table(table).drop_column(column).to_owned())
                .await?;
        }
        Ok(())
    }
}
