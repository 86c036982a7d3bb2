//! Messages that wait to be sent.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{belongs_to, bytes, index, integer, moment, text};

pub(crate) struct Messages;

impl MigrationName for Messages {
    fn name(&self) -> &'static str {
        "m0004_messages"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Messages {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("messages")
                    .col(text("id").primary_key())
                    .col(text("user_id"))
                    .col(text("kind"))
                    .col(bytes("sealed"))
                    .col(moment("created"))
                    .col(moment("expires"))
                    .col(moment("due"))
                    .col(integer("attempts"))
                    .foreign_key(&mut belongs_to("messages", "user_id", "users"))
                    .to_owned(),
            )
            .await?;
        index(manager, "messages", &["user_id"]).await?;
        index(manager, "messages", &["due"]).await?;
        index(manager, "messages", &["expires"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("messages").to_owned())
            .await
    }
}
