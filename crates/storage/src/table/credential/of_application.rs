//! The passkeys for an application, whoever holds them.

use std::collections::HashMap;

use latchkey_domain::{
    credential::{Credential, CredentialKind},
    id::ApplicationId,
};
use latchkey_service::ports::{administration_store::Loss, store::StoreError};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, DeleteMany, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Alias, Condition, Expr, ExprTrait as _, Query, SelectStatement},
};

use super::{Column, Entity, Typed};
use crate::{connection::Reader, statement::Change as _};

/// Who has a passkey for that application.
pub(crate) fn holders(application: &ApplicationId) -> SelectStatement {
    Entity::find()
        .select_only()
        .column(Column::UserId)
        .filter(Column::ApplicationId.eq(application.as_str()))
        .into_query()
}

/// Deletes what waits of everybody who has a passkey for that application.
pub(crate) fn deletion_of_waiting_of_holders(application: &ApplicationId) -> DeleteMany<Entity> {
    Entity::delete_many()
        .filter(Column::UserId.in_subquery(holders(application)))
        .filter(Column::WaitsUntil.is_not_null())
}

/// Every passkey for that application, whose users are locked.
pub(crate) async fn all_for(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<Vec<Credential>, StoreError> {
    let passkeys = Entity::find().filter(Column::ApplicationId.eq(application.as_str()));
    let rows = passkeys.all(transaction).await.map_err(StoreError::new)?;
    rows.into_iter().map(Credential::try_from).collect()
}

/// Deletes every passkey for that application, whose users are locked.
pub(crate) async fn delete_all_for(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<u64, StoreError> {
    let passkeys = Entity::delete_many().filter(Column::ApplicationId.eq(application.as_str()));
    passkeys.count(transaction).await
}

/// Who would lose what with that application.
pub(crate) async fn loss(
    transaction: &DatabaseTransaction,
    application: &ApplicationId,
) -> Result<Loss, StoreError> {
    let usable = CredentialKind::ALL.iter().filter(|kind| kind.signs_in());
    let usable: Vec<_> = usable.map(|kind| kind.as_str()).collect();
    let other = |column: Column| Expr::col((Alias::new("other"), column));
    let another = Query::select()
        .expr(Expr::cust("1"))
        .from_as(Entity, Alias::new("other"))
        .and_where(other(Column::UserId).eq(Expr::col((Entity, Column::UserId))))
        .and_where(other(Column::IsActive).eq(true))
        .and_where(other(Column::Kind).is_in(usable))
        .cond_where(
            Condition::any()
                .add(other(Column::ApplicationId).is_null())
                .add(other(Column::ApplicationId).ne(application.as_str())),
        )
        .to_owned();
    let passkeys = || {
        Entity::find()
            .select_only()
            .filter(Column::ApplicationId.eq(application.as_str()))
    };
    let of_users = || Expr::col((Entity, Column::UserId)).count_distinct();
    let all = passkeys().expr(Column::Id.count()).expr(of_users());
    let (passkeys_of_it, users) = counted(transaction, all).await?;
    let alone = passkeys()
        .expr(of_users())
        .expr(Column::Id.count())
        .filter(Column::IsActive.eq(true))
        .filter(Expr::exists(another).not());
    let (locked_out, _passkeys) = counted(transaction, alone).await?;
    let number = |rows: i64| u64::try_from(rows).map_err(StoreError::new);
    Ok(Loss {
        passkeys: number(passkeys_of_it)?,
        users: number(users)?,
        locked_out: number(locked_out)?,
    })
}

/// The one row of a query that counts twice.
async fn counted(
    transaction: &DatabaseTransaction,
    query: Select<Entity>,
) -> Result<(i64, i64), StoreError> {
    let row = query.into_tuple::<(i64, i64)>().one(transaction).await;
    let row = row.map_err(StoreError::new)?;
    row.ok_or_else(|| StoreError::new("a query that counts gave no row"))
}

/// How many passkeys there are for each application.
pub(crate) async fn passkeys_by_application(
    reader: &Reader,
) -> Result<HashMap<ApplicationId, u64>, StoreError> {
    let rows = Entity::find()
        .select_only()
        .column(Column::ApplicationId)
        .expr(Column::Id.count())
        .filter(Column::ApplicationId.is_not_null())
        .group_by(Column::ApplicationId)
        .into_tuple::<(Typed<ApplicationId>, i64)>()
        .all(reader)
        .await
        .map_err(StoreError::new)?;
    let counts = rows.into_iter().map(|(application, rows)| {
        let passkeys = u64::try_from(rows).map_err(StoreError::new)?;
        Ok((application.0, passkeys))
    });
    counts.collect()
}
