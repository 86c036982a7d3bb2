//! The first schema: organizations, applications, users, their credentials and codes.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        DbErr,
        sea_query::{ColumnDef, Index, Table},
    },
};

use crate::shape::{boolean, bytes, index, integer, moment, optional, reference, text, unique};

pub(crate) struct Foundation;

impl MigrationName for Foundation {
    fn name(&self) -> &'static str {
        "m0001_foundation"
    }
}

/// Every table, in an order in which none refers to a later one.
const TABLES: [&str; 10] = [
    "installation",
    "organizations",
    "applications",
    "application_origins",
    "users",
    "registration_codes",
    "credentials",
    "credential_codes",
    "spent",
    "user_actions",
];

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for Foundation {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_directory(manager).await?;
        create_users(manager).await?;
        create_credentials(manager).await?;
        create_credential_codes(manager).await?;
        create_spent(manager).await?;
        create_user_actions(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES.into_iter().rev() {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

async fn create_directory(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("installation")
                .col(integer("slot").primary_key())
                .col(text("id"))
                .col(text("secrets_fingerprint"))
                .to_owned(),
        )
        .await?;
    manager
        .create_table(
            Table::create()
                .table("organizations")
                .col(text("id").primary_key())
                .col(text("name").unique_key())
                .col(boolean("is_active"))
                .col(moment("created"))
                .to_owned(),
        )
        .await?;
    manager
        .create_table(
            Table::create()
                .table("applications")
                .col(text("id").primary_key())
                .col(text("organization_id"))
                .col(text("name"))
                .col(text("rp_id"))
                .col(boolean("is_active"))
                .col(moment("created"))
                .foreign_key(&mut reference(
                    "applications",
                    "organization_id",
                    "organizations",
                ))
                .to_owned(),
        )
        .await?;
    index(manager, "applications", &["organization_id"]).await?;
    manager
        .create_table(
            Table::create()
                .table("application_origins")
                .col(text("organization_id"))
                .col(text("origin"))
                .col(text("application_id"))
                .col(integer("position"))
                .primary_key(Index::create().col("organization_id").col("origin"))
                .foreign_key(&mut reference(
                    "application_origins",
                    "application_id",
                    "applications",
                ))
                .to_owned(),
        )
        .await?;
    index(manager, "application_origins", &["application_id"]).await
}

async fn create_users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("users")
                .col(text("id").primary_key())
                .col(text("organization_id"))
                .col(text("username"))
                .col(text("username_key"))
                .col(text("kind"))
                .col(boolean("is_active"))
                .col(ColumnDef::new("epoch").big_integer().not_null())
                .col(optional(moment("registered")))
                .col(moment("created"))
                .foreign_key(&mut reference("users", "organization_id", "organizations"))
                .to_owned(),
        )
        .await?;
    unique(manager, "users", &["organization_id", "username_key"]).await?;
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
        .await
}

async fn create_credentials(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("credentials")
                .col(text("id").primary_key())
                .col(text("organization_id"))
                .col(text("user_id"))
                .col(text("credential_id"))
                .col(text("credential_key"))
                .col(text("kind"))
                .col(text("name"))
                .col(bytes("public_key"))
                .col(optional(text("encrypted_private_key")))
                .col(optional(text("application_id")))
                .col(optional(text("rp_id")))
                .col(optional(text("origin")))
                .col(optional(bytes("aaguid")))
                .col(optional(ColumnDef::new("sign_count").big_integer().take()))
                .col(optional(boolean("backup_eligible")))
                .col(optional(boolean("backed_up")))
                .col(text("made_by"))
                .col(optional(text("made_in_session")))
                .col(optional(text("made_with_credential")))
                .col(optional(text("made_with_code")))
                .col(optional(text("made_on_origin")))
                .col(text("made_from_address"))
                .col(boolean("is_active"))
                .col(optional(moment("activated")))
                .col(moment("created"))
                .col(optional(moment("last_used")))
                .col(optional(moment("counter_regressed_at")))
                .foreign_key(&mut reference("credentials", "user_id", "users"))
                .foreign_key(&mut reference(
                    "credentials",
                    "application_id",
                    "applications",
                ))
                .to_owned(),
        )
        .await?;
    unique(
        manager,
        "credentials",
        &["organization_id", "credential_key"],
    )
    .await?;
    index(manager, "credentials", &["user_id"]).await
}

async fn create_credential_codes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("credential_codes")
                .col(text("id").primary_key())
                .col(text("organization_id"))
                .col(text("user_id"))
                .col(ColumnDef::new("epoch").big_integer().not_null())
                .col(text("issuer"))
                .col(text("session"))
                .col(optional(bytes("short_digest").unique_key().take()))
                .col(bytes("long_digest").unique_key())
                .col(moment("issued"))
                .col(moment("expires"))
                .col(text("state"))
                .col(optional(moment("claimed")))
                .col(optional(text("claim_origin")))
                .col(optional(text("claim_address")))
                .col(optional(text("claim_challenge")))
                .col(optional(moment("claim_expires")))
                .col(optional(text("credential")))
                .col(boolean("is_newest"))
                .foreign_key(&mut reference("credential_codes", "user_id", "users"))
                .to_owned(),
        )
        .await?;
    index(manager, "credential_codes", &["user_id"]).await?;
    index(manager, "credential_codes", &["is_newest", "expires"]).await
}

async fn create_spent(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("spent")
                .col(text("id").primary_key())
                .col(moment("expires"))
                .to_owned(),
        )
        .await?;
    index(manager, "spent", &["expires"]).await
}

/// Evidence outlives what it is about, so it refers to nothing and holds the key that signed.
async fn create_user_actions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("user_actions")
                .col(text("id").primary_key())
                .col(text("organization_id"))
                .col(text("user_id"))
                .col(text("method"))
                .col(text("path"))
                .col(bytes("payload_digest"))
                .col(bytes("nonce"))
                .col(text("credential"))
                .col(text("kind"))
                .col(bytes("public_key"))
                .col(optional(text("algorithm")))
                .col(bytes("client_data"))
                .col(optional(bytes("authenticator_data")))
                .col(bytes("signature"))
                .col(moment("signed_at"))
                .to_owned(),
        )
        .await?;
    index(manager, "user_actions", &["user_id", "signed_at"]).await?;
    index(manager, "user_actions", &["organization_id", "signed_at"]).await
}
