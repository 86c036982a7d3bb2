//! Codes to register with become account codes of that kind.
//!
//! On the way up, old replicas are stopped first: they look for these codes in the table that goes. On the
//! way down, each user keeps the newest code to register with, the only one that is ever kept.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{ConnectionTrait as _, DbErr, sea_query::Table},
};

use crate::shape::{bytes, moment, reference, text};

pub(crate) struct RegistrationCodes;

impl MigrationName for RegistrationCodes {
    fn name(&self) -> &'static str {
        "m0008_registration_codes"
    }
}

/// Identifiers say what they identify, so they change with the table.
const MOVE_IN: &str = "
    INSERT INTO account_codes (id, user_id, kind, digest, issued, expires)
    SELECT 'ac-' || SUBSTR(id, 4), user_id, 'Registration', digest, issued, expires
    FROM registration_codes";

const MOVE_OUT: &str = "
    INSERT INTO registration_codes (id, user_id, digest, issued, expires)
    SELECT 'rc-' || SUBSTR(id, 4), user_id, digest, issued, expires
    FROM account_codes AS code WHERE kind = 'Registration' AND NOT EXISTS (
        SELECT 1 FROM account_codes AS newer
        WHERE newer.user_id = code.user_id AND newer.kind = 'Registration'
            AND (newer.issued > code.issued OR (newer.issued = code.issued AND newer.id > code.id))
    )";

const LEAVE: &str = "DELETE FROM account_codes WHERE kind = 'Registration'";

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for RegistrationCodes {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(MOVE_IN).await?;
        manager
            .drop_table(Table::drop().table("registration_codes").to_owned())
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("registration_codes")
                    .col(text("id").primary_key())
                    .col(text("user_id").unique_key())
                    .col(bytes("digest").unique_key())
                    .col(moment("issued"))
                    .col(moment("expires"))
                    .foreign_key(&mut reference("registration_codes", "user_id", "users"))
                    .to_owned(),
            )
            .await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(MOVE_OUT).await?;
        connection.execute_unprepared(LEAVE).await?;
        Ok(())
    }
}
