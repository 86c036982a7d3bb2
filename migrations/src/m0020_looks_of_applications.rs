//! How the pages of this service look at an application: its colour, its logo, and which one that is.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{belongs_to, bytes, optional, text};

pub(crate) struct LooksOfApplications;

impl MigrationName for LooksOfApplications {
    fn name(&self) -> &'static str {
        "m0020_looks_of_applications"
    }
}

const APPLICATIONS: &str = "applications";
const COLUMNS: [&str; 2] = ["accent", "logo"];
const LOGOS: &str = "application_logos";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for LooksOfApplications {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One statement each: SQLite adds one column at a time.
        for column in COLUMNS {
            let mut column = optional(text(column));
            let table = Table::alter()
                .table(APPLICATIONS)
                .add_column(&mut column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        let table = Table::create()
            .table(LOGOS)
            .col(text("application_id").primary_key())
            .col(bytes("contents"))
            .foreign_key(&mut belongs_to(LOGOS, "application_id", APPLICATIONS))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(LOGOS).to_owned();
        manager.drop_table(table).await?;
        for column in COLUMNS {
            let table = Table::alter()
                .table(APPLICATIONS)
                .drop_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
