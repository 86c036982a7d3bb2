//! Security events that commands leave for a process that serves.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{moment, optional, text};

pub(crate) struct Events;

impl MigrationName for Events {
    fn name(&self) -> &'static str {
        "m0013_events"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Events {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    /// Nothing is referred to: what an event is about may be gone. There are a handful of rows, so no index.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("events")
                    .col(text("id").primary_key())
                    .col(moment("at"))
                    .col(text("event"))
                    .col(optional(text("reason")))
                    .col(optional(text("about_organization")))
                    .col(optional(text("about_user")))
                    .col(optional(text("about_credential")))
                    .col(optional(text("about_application")))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("events").to_owned())
            .await
    }
}
