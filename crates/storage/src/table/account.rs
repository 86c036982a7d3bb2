//! Users with all their credentials, in one statement.

use latchkey_domain::{
    id::{OrganizationId, UserId},
    text::Username,
};
use latchkey_service::ports::{account_store::Account, store::StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, JoinType, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, RelationTrait as _, sea_query::Expr,
};

use super::{
    credential, organization,
    user::{self, Column, Entity},
};
use crate::column::Joined;

/// The account of a user.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    user: &UserId,
) -> Result<Option<Account>, StoreError> {
    find_where(reader, Column::Id.eq(user.as_str())).await
}

/// The account of that name.
pub(crate) async fn find_by_username(
    reader: &DatabaseConnection,
    organization: &OrganizationId,
    username: &Username,
) -> Result<Option<Account>, StoreError> {
    find_where(reader, user::is_called(organization, username)).await
}

async fn find_where(
    reader: &DatabaseConnection,
    condition: Expr,
) -> Result<Option<Account>, StoreError> {
    let rows = Entity::find()
        .inner_join(organization::Entity)
        .join(JoinType::LeftJoin, credential::Relation::User.def().rev())
        .select_also(credential::Entity)
        .filter(condition)
        .filter(organization::Column::IsActive.eq(true))
        .order_by_asc(credential::Column::Created)
        .order_by_asc(credential::Column::Id)
        .into_model::<user::Model, Joined<credential::Model>>()
        .all(reader)
        .await
        .map_err(StoreError::new)?;
    let mut account: Option<Account> = None;
    for (user, credential) in rows {
        let account = account.get_or_insert_with(|| Account {
            user: user.into(),
            credentials: vec![],
        });
        let credential = credential.map(|Joined(row)| row.try_into()).transpose()?;
        account.credentials.extend(credential);
    }
    Ok(account)
}
