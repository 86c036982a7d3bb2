//! Requests of places where nobody is signed in for codes, and from where organizations let them ask.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{belongs_to, bytes, index, moment, optional, text, unique};

pub(crate) struct CodeRequests;

impl MigrationName for CodeRequests {
    fn name(&self) -> &'static str {
        "m0019_code_requests"
    }
}

const REQUESTS: &str = "code_requests";
const ORGANIZATIONS: &str = "organizations";
const COLUMN: &str = "requests_from";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for CodeRequests {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = optional(text(COLUMN));
        let organizations = Table::alter()
            .table(ORGANIZATIONS)
            .add_column(&mut column)
            .to_owned();
        manager.alter_table(organizations).await?;
        manager
            .create_table(
                Table::create()
                    .table(REQUESTS)
                    .col(text("id").primary_key())
                    .col(text("organization_id"))
                    .col(optional(text("application_id")))
                    .col(optional(text("origin")))
                    .col(text("address"))
                    .col(text("kind"))
                    .col(bytes("short_digest"))
                    .col(bytes("long_digest"))
                    .col(moment("opened"))
                    .col(moment("expires"))
                    .col(text("state"))
                    .foreign_key(&mut belongs_to(REQUESTS, "organization_id", ORGANIZATIONS))
                    .foreign_key(&mut belongs_to(REQUESTS, "application_id", "applications"))
                    .to_owned(),
            )
            .await?;
        unique(manager, REQUESTS, &["short_digest"]).await?;
        unique(manager, REQUESTS, &["long_digest"]).await?;
        // What goes with an application is found by it.
        index(manager, REQUESTS, &["application_id"]).await?;
        index(manager, REQUESTS, &["expires"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(REQUESTS).to_owned())
            .await?;
        let organizations = Table::alter()
            .table(ORGANIZATIONS)
            .drop_column(COLUMN)
            .to_owned();
        manager.alter_table(organizations).await
    }
}
