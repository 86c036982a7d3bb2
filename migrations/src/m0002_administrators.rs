//! Administrators, external ids, and the order in which users are listed.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        ConnectionTrait as _, DbErr,
        sea_query::{ColumnDef, Index, Table},
    },
};

use crate::shape::drop_index;

pub(crate) struct Administrators;

impl MigrationName for Administrators {
    fn name(&self) -> &'static str {
        "m0002_administrators"
    }
}

const USERS: &str = "users";
const UNIQUE_EXTERNAL_IDS: &str = "ux_users_organization_id_external_id";
const LISTED: &str = "ix_users_organization_id_created_id";

/// Until now nobody was an administrator; an organization began with its oldest user.
const OLDEST_USERS: &str = "UPDATE users SET is_administrator = TRUE WHERE NOT EXISTS (\
     SELECT 1 FROM users AS older WHERE older.organization_id = users.organization_id \
     AND (older.created < users.created OR (older.created = users.created AND older.id < users.id)))";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Administrators {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_administrator = ColumnDef::new("is_administrator")
            .boolean()
            .not_null()
            .default(false)
            .take();
        let external_id = ColumnDef::new("external_id").text().null().take();
        // SQLite adds one column at a time.
        for column in [is_administrator, external_id] {
            manager
                .alter_table(Table::alter().table(USERS).add_column(column).to_owned())
                .await?;
        }
        manager
            .get_connection()
            .execute_unprepared(OLDEST_USERS)
            .await?;
        manager
            .create_index(
                Index::create()
                    .name(UNIQUE_EXTERNAL_IDS)
                    .table(USERS)
                    .col("organization_id")
                    .col("external_id")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name(LISTED)
                    .table(USERS)
                    .col("organization_id")
                    .col("created")
                    .col("id")
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in [LISTED, UNIQUE_EXTERNAL_IDS] {
            drop_index(manager, USERS, index).await?;
        }
        for column in ["external_id", "is_administrator"] {
            manager
                .alter_table(Table::alter().table(USERS).drop_column(column).to_owned())
                .await?;
        }
        Ok(())
    }
}
