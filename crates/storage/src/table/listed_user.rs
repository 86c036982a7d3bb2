//! Users as administrators see them.

use latchkey_domain::id::{CredentialUuid, UserId};
use latchkey_service::ports::{
    store::StoreError,
    user_store::{Reader, UserEntry, UserPage},
};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, FromQueryResult, Order,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _, Query, SubQueryStatement},
};

use super::{
    credential,
    user::{Column, Entity, Model},
};
use crate::{column::Typed, statement};

/// A row of the list.
#[derive(FromQueryResult)]
struct Listed {
    #[sea_orm(nested)]
    user: Model,
    oldest_credential: Option<Typed<Entity, CredentialUuid>>,
}

impl From<Listed> for UserEntry {
    fn from(row: Listed) -> Self {
        Self {
            user: row.user.into(),
            credential: row.oldest_credential.map(Typed::into_inner),
        }
    }
}

/// At most one user more than the page has, oldest first; nobody when the reader is not an administrator.
pub(crate) async fn list(
    reader: &DatabaseConnection,
    by: &Reader,
    page: &UserPage,
) -> Result<Vec<UserEntry>, StoreError> {
    let mut users = shown_to(by)
        .order_by_asc(Column::Created)
        .order_by_asc(Column::Id)
        .limit(u64::from(page.size.items()) + 1);
    if let Some(kind) = page.kind {
        users = users.filter(Column::Kind.eq(kind.as_str()));
    }
    if let Some(after) = &page.after {
        // Both databases use the index for a comparison of rows.
        let here = Expr::tuple([Expr::col(Column::Created), Expr::col(Column::Id)]);
        let there = Expr::tuple([
            Expr::value(after.created.unix_milliseconds()),
            Expr::value(after.id.as_str()),
        ]);
        users = users.filter(here.gt(there));
    }
    let rows = users.into_model::<Listed>().all(reader).await;
    let rows = rows.map_err(StoreError::new)?;
    Ok(rows.into_iter().map(UserEntry::from).collect())
}

/// The user; nobody when the reader is not an administrator.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    by: &Reader,
    user: &UserId,
) -> Result<Option<UserEntry>, StoreError> {
    let found = shown_to(by)
        .filter(Column::Id.eq(user.as_str()))
        .into_model::<Listed>()
        .one(reader)
        .await;
    Ok(found.map_err(StoreError::new)?.map(UserEntry::from))
}

/// Whether the reader is an active administrator of the organization.
pub(crate) async fn is_administrator(
    reader: &DatabaseConnection,
    by: &Reader,
) -> Result<bool, StoreError> {
    statement::any(reader, administrator(by)).await
}

fn shown_to(by: &Reader) -> Select<Entity> {
    let administrator = administrator(by)
        .select_only()
        .column(Column::Id)
        .into_query();
    Entity::find()
        .expr_as(oldest_credential(), "oldest_credential")
        .filter(Column::OrganizationId.eq(by.organization.as_str()))
        .filter(Expr::exists(administrator))
}

fn administrator(by: &Reader) -> Select<Entity> {
    Entity::find()
        .filter(Column::Id.eq(by.administrator.as_str()))
        .filter(Column::OrganizationId.eq(by.organization.as_str()))
        .filter(Column::IsAdministrator.eq(true))
        .filter(Column::IsActive.eq(true))
}

fn oldest_credential() -> Expr {
    let id = (credential::Entity, credential::Column::Id);
    let owner = (credential::Entity, credential::Column::UserId);
    let created = (credential::Entity, credential::Column::Created);
    let oldest = Query::select()
        .column(id)
        .from(credential::Entity)
        .and_where(Expr::col(owner).eq(Expr::col((Entity, Column::Id))))
        .order_by(created, Order::Asc)
        .order_by(id, Order::Asc)
        .limit(1)
        .to_owned();
    Expr::from(SubQueryStatement::SelectStatement(oldest))
}
