//! Usernames are compared in their composed form (NFC) and without characters that show nothing.
//!
//! Where two users of an organization come to the same name by that, it goes to who has registered, else
//! to who had it; the other one keeps a key that nobody enters, so is found by passkey and by an
//! administrator, who can delete that user. The log says so, once for each.

use async_trait::async_trait;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    sea_orm::{
        ConnectionTrait as _, DbErr, QueryResult,
        sea_query::{Expr, ExprTrait as _, Order, Query, UpdateStatement},
    },
};
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

pub(crate) struct UsernameKeys;

impl MigrationName for UsernameKeys {
    fn name(&self) -> &'static str {
        "m0010_username_keys"
    }
}

/// How many users are looked at together.
const BATCH: u64 = 1_000;

/// As usernames are compared from now on. It stays as it is, whatever the program does later.
fn key(username: &str) -> String {
    let shown = |symbol: &char| symbol.general_category() != GeneralCategory::Format;
    let composed: String = username.chars().filter(shown).nfc().collect();
    composed.trim().to_lowercase().nfc().collect()
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides the lifetime, and async_trait makes a written one a different signature"
)]
#[async_trait]
impl MigrationTrait for UsernameKeys {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let mut last = String::new();
        loop {
            let mut batch = Query::select();
            batch
                .columns([
                    "id",
                    "organization_id",
                    "username",
                    "username_key",
                    "registered",
                ])
                .from("users")
                .and_where(Expr::col("id").gt(last.as_str()))
                .order_by("id", Order::Asc)
                .limit(BATCH);
            let users = connection.query_all(&batch).await?;
            let Some(end) = users.last() else {
                return Ok(());
            };
            last = text(end, "id")?;
            for user in &users {
                let key = key(&text(user, "username")?);
                let present = text(user, "username_key")?;
                if present != key && present != aside(&key, &text(user, "id")?) {
                    rekey(manager, user, &key).await?;
                }
            }
        }
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

/// Gives a user that key, unless another one has it who has more of a right to it.
async fn rekey(manager: &SchemaManager<'_>, user: &QueryResult, key: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let (id, organization) = (text(user, "id")?, text(user, "organization_id")?);
    let mut rivals = Query::select();
    rivals
        .columns(["id", "registered"])
        .from("users")
        .and_where(Expr::col("organization_id").eq(organization.as_str()))
        .and_where(Expr::col("username_key").eq(key));
    if let Some(rival) = connection.query_one(&rivals).await? {
        let rival_id = text(&rival, "id")?;
        if has_registered(&rival)? || !has_registered(user)? {
            warn_of_loss(&organization, &id, &rival_id);
            return Ok(());
        }
        let aside = aside(key, &rival_id);
        connection.execute(&set_key(&rival_id, &aside)).await?;
        warn_of_loss(&organization, &rival_id, &id);
    }
    connection.execute(&set_key(&id, key)).await?;
    Ok(())
}

/// Says who is not found by name any more. What they are called is in no log.
fn warn_of_loss(organization: &str, user: &str, kept_by: &str) {
    tracing::warn!(
        organization,
        user,
        kept_by,
        "two users have the same name now, and this one is not found by it any more: see \"Two users of \
         one name\" in docs/operating.md"
    );
}

/// The key of a user who lost that one: nobody enters it.
fn aside(key: &str, user: &str) -> String {
    format!("{key} {user}")
}

fn set_key(user: &str, key: &str) -> UpdateStatement {
    Query::update()
        .table("users")
        .value("username_key", key)
        .and_where(Expr::col("id").eq(user))
        .to_owned()
}

fn text(row: &QueryResult, column: &str) -> Result<String, DbErr> {
    row.try_get("", column)
}

fn has_registered(row: &QueryResult) -> Result<bool, DbErr> {
    let moment: Option<i64> = row.try_get("", "registered")?;
    Ok(moment.is_some())
}
