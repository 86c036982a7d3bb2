//! Where people are led at an application: to pages of this service, and to its own page for codes.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        DbErr,
        sea_query::{ColumnDef, Table},
    },
};

use crate::shape::boolean;

pub(crate) struct PagesOfApplications;

impl MigrationName for PagesOfApplications {
    fn name(&self) -> &'static str {
        "m0015_pages_of_applications"
    }
}

const COLUMNS: [&str; 2] = ["has_pages", "enrol_url"];

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for PagesOfApplications {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // An earlier release makes applications without them: then they are as before.
        let has_pages = boolean("has_pages").default(true).take();
        let enrol_url = ColumnDef::new("enrol_url").text().take();
        // One statement each: SQLite adds one column at a time.
        for column in [has_pages, enrol_url] {
            manager
                .alter_table(
                    Table::alter()
                        .table("applications")
                        .add_column(column)
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            manager
                .alter_table(
                    Table::alter()
                        .table("applications")
                        .drop_column(column)
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }
}
