//! Whether sessions still hold. They have no table: it follows from the rows they name.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, session::Session};
use latchkey_service::ports::{
    session_store::{ExerciseError, SessionStore},
    store::{AuthorityConflict, StoreError},
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, JoinType, QueryFilter as _, QuerySelect as _,
    RelationTrait as _, Select, Value,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use crate::{
    authority::{exercise, exercise_at_once, exercise_with, not_activated_since},
    ending,
    statement::Fixed,
    store::SqlStore,
    table::{
        application,
        credential::{Column, Entity, Relation},
        organization, spent, user,
    },
    transaction::Transaction,
};

#[async_trait]
impl SessionStore for SqlStore {
    async fn is_live(&self, session: &Session) -> Result<bool, StoreError> {
        let statement = IS_LIVE.with(self.backend(), &values(session), held_by);
        Ok(self.row(statement).await?.is_some())
    }

    async fn exercise(&self, authority: Authority) -> Result<(), ExerciseError> {
        // Nothing follows from other rows of the user, so nobody need be locked.
        let authority = Arc::new(authority);
        let own = Arc::clone(&authority);
        let plan = async move |_tx| Ok((exercise_at_once(&own, vec![]), ()));
        let operation = async move |tx: Transaction| {
            let done = exercise_with::<ExerciseError>(&tx, &authority, vec![]).await;
            done.map(|_none| ())
        };
        self.write_at_once(plan, operation).await
    }

    async fn end_all(&self, authority: Authority) -> Result<(), ExerciseError> {
        self.write(async move |tx| {
            exercise::<ExerciseError>(&tx, &authority).await?;
            if ending::end_epoch(&tx, authority.user(), authority.epoch()).await? {
                Ok(())
            } else {
                Err(AuthorityConflict::Void.into())
            }
        })
        .await
    }
}

static IS_LIVE: Fixed = Fixed::new();

/// What tells a session: its id, credential, moment, user, epoch and organization.
pub(crate) fn values(session: &Session) -> [Value; 6] {
    [
        session.id.as_str().into(),
        session.credential.as_str().into(),
        session.issued.unix_milliseconds().into(),
        session.user.as_str().into(),
        session.epoch.number().into(),
        session.organization.as_str().into(),
    ]
}

/// One row if the session holds that is told so.
pub(crate) fn held_by(
    [id, credential, issued, user, epoch, organization]: [Value; 6],
) -> Select<Entity> {
    let is_ended = Expr::exists(spent::entry(id));
    Entity::find()
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .join(JoinType::LeftJoin, Relation::Application.def())
        .filter(Column::Id.eq(credential))
        .filter(Column::IsActive.eq(true))
        .filter(not_activated_since(issued))
        .filter(
            Condition::any()
                .add(Column::ApplicationId.is_null())
                .add(application::Column::IsActive.eq(true)),
        )
        .filter(user::Column::Id.eq(user))
        .filter(user::Column::IsActive.eq(true))
        .filter(user::Column::Epoch.eq(epoch))
        .filter(organization::Column::Id.eq(organization))
        .filter(organization::Column::IsActive.eq(true))
        .filter(is_ended.not())
        .select_only()
        .expr(Expr::cust("1"))
}
