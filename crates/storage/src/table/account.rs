//! Users with all their credentials, in one statement.

use latchkey_domain::{
    id::{OrganizationId, UserId},
    text::Username,
};
use latchkey_service::ports::{account_store::Account, store::StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, JoinType, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, RelationTrait as _,
    sea_query::{Condition, Expr},
};

use crate::{
    entity::{
        credential, organization,
        user::{Column, Entity},
    },
    table,
};

/// The account of a user.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    user: &UserId,
) -> Result<Option<Account>, StoreError> {
    account_where(reader, Column::Id.eq(user.as_str())).await
}

/// The account of that name.
pub(crate) async fn find_by_username(
    reader: &DatabaseConnection,
    organization: &OrganizationId,
    username: &Username,
) -> Result<Option<Account>, StoreError> {
    account_where(reader, table::user::is_called(organization, username)).await
}

async fn account_where(
    reader: &DatabaseConnection,
    condition: Expr,
) -> Result<Option<Account>, StoreError> {
    let rows = Entity::find()
        .inner_join(organization::Entity)
        .join(JoinType::LeftJoin, credential::Relation::User.def().rev())
        .select_also(credential::Entity)
        .filter(Condition::all().add(condition))
        .filter(organization::Column::IsActive.eq(true))
        .order_by_asc(credential::Column::Created)
        .order_by_asc(credential::Column::Id)
        .all(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((user, _)) = rows.first() else {
        return Ok(None);
    };
    let user = table::user::from_row(user)?;
    let credentials = rows
        .into_iter()
        .filter_map(|(_, credential)| credential)
        .map(table::credential::columns::from_row)
        .collect::<Result<_, _>>()?;
    Ok(Some(Account { user, credentials }))
}
