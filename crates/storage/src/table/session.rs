//! Sessions have no table: whether one still holds follows from the rows it names.

use latchkey_domain::session::Session;
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, JoinType, QueryFilter as _,
    QuerySelect as _, RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use super::{
    application,
    credential::{Column, Entity, Relation},
    organization, spent, user,
};
use crate::statement;

/// Whether a session still holds.
pub(crate) async fn is_live(
    reader: &DatabaseConnection,
    session: &Session,
) -> Result<bool, StoreError> {
    let is_ended = Expr::exists(spent::entry(session.id.as_str()));
    let held_by = Entity::find()
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .join(JoinType::LeftJoin, Relation::Application.def())
        .filter(Column::Id.eq(session.credential.as_str()))
        .filter(Column::IsActive.eq(true))
        .filter(
            Condition::any()
                .add(Column::Activated.is_null())
                .add(Column::Activated.lte(session.issued.unix_milliseconds())),
        )
        .filter(
            Condition::any()
                .add(Column::ApplicationId.is_null())
                .add(application::Column::IsActive.eq(true)),
        )
        .filter(user::Column::Id.eq(session.user.as_str()))
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::Epoch.eq(session.epoch.number()))
        .filter(organization::Column::Id.eq(session.organization.as_str()))
        .filter(organization::Column::IsActive.eq(true))
        .filter(is_ended.not());
    statement::any(reader, held_by).await
}
