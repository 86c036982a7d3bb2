//! Codes that are mailed to users, by digest.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{DbErr, sea_query::Table},
};

use crate::shape::{belongs_to, bytes, index, moment, text};

pub(crate) struct AccountCodes;

impl MigrationName for AccountCodes {
    fn name(&self) -> &'static str {
        "m0007_account_codes"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for AccountCodes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("account_codes")
                    .col(text("id").primary_key())
                    .col(text("user_id"))
                    .col(text("kind"))
                    .col(bytes("digest"))
                    .col(moment("issued"))
                    .col(moment("expires"))
                    .foreign_key(&mut belongs_to("account_codes", "user_id", "users"))
                    .to_owned(),
            )
            .await?;
        index(manager, "account_codes", &["user_id", "kind"]).await?;
        index(manager, "account_codes", &["digest"]).await?;
        index(manager, "account_codes", &["expires"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("account_codes").to_owned())
            .await
    }
}
