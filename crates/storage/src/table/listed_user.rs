//! Users as administrators see them.

use latchkey_domain::id::{OrganizationId, UserId};
use latchkey_service::ports::{
    store::StoreError,
    user_store::{Reader, UserEntry, UserPage},
};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, FromQueryResult, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _, Query, SelectStatement, SubQueryStatement},
};

use crate::{
    entity::{
        credential,
        user::{Column, Entity, Model},
    },
    table,
};

/// A row of the list.
#[derive(FromQueryResult)]
struct Listed {
    #[sea_orm(nested)]
    user: Model,
    oldest_credential: Option<String>,
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
    entries(users, reader).await
}

/// The user; nobody when the reader is not an administrator.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    by: &Reader,
    user: &UserId,
) -> Result<Option<UserEntry>, StoreError> {
    let users = shown_to(by).filter(Column::Id.eq(user.as_str()));
    Ok(entries(users, reader).await?.pop())
}

/// Whether the reader is an active administrator of the organization.
pub(crate) async fn is_administrator(
    reader: &DatabaseConnection,
    by: &Reader,
) -> Result<bool, StoreError> {
    administrator(&by.organization, &by.administrator)
        .into_tuple::<String>()
        .one(reader)
        .await
        .map(|found| found.is_some())
        .map_err(StoreError::new)
}

fn shown_to(by: &Reader) -> Select<Entity> {
    let administrator = administrator(&by.organization, &by.administrator).into_query();
    Entity::find()
        .expr_as(oldest_credential(), "oldest_credential")
        .filter(Column::OrganizationId.eq(by.organization.as_str()))
        .filter(Expr::exists(administrator))
}

fn administrator(organization: &OrganizationId, user: &UserId) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(user.as_str()))
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(Column::IsAdministrator.eq(true))
        .filter(Column::IsActive.eq(true))
}

fn oldest_credential() -> Expr {
    let oldest: SelectStatement = Query::select()
        .column((credential::Entity, credential::Column::Id))
        .from(credential::Entity)
        .and_where(
            Expr::col((credential::Entity, credential::Column::UserId))
                .eq(Expr::col((Entity, Column::Id))),
        )
        .order_by(
            (credential::Entity, credential::Column::Created),
            sea_orm::Order::Asc,
        )
        .order_by(
            (credential::Entity, credential::Column::Id),
            sea_orm::Order::Asc,
        )
        .limit(1)
        .to_owned();
    Expr::from(SubQueryStatement::SelectStatement(oldest))
}

async fn entries(
    users: Select<Entity>,
    reader: &DatabaseConnection,
) -> Result<Vec<UserEntry>, StoreError> {
    users
        .into_model::<Listed>()
        .all(reader)
        .await
        .map_err(StoreError::new)?
        .into_iter()
        .map(|row| {
            Ok(UserEntry {
                user: table::user::from_row(&row.user)?,
                credential: row
                    .oldest_credential
                    .as_deref()
                    .map(table::credential::uuid_of_row)
                    .transpose()?,
            })
        })
        .collect()
}
