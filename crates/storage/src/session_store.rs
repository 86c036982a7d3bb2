//! Whether sessions still hold. They have no table: it follows from the rows they name.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, session::Session};
use latchkey_service::ports::{
    session_store::{ExerciseError, SessionStore},
    store::{AuthorityConflict, StoreError},
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, JoinType, QueryFilter as _, QuerySelect as _,
    RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _},
};

use crate::{
    authority::{exercise, exercise_at_once, exercise_with},
    ending, statement,
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
        self.read(async move |reader| statement::any(&reader, held_by).await)
            .await
    }

    async fn end(&self, authority: Authority) -> Result<(), ExerciseError> {
        // Nothing follows from other rows of the user, so nobody need be locked.
        let steps = exercise_at_once(&authority, vec![]);
        let operation = async move |tx: Transaction| {
            let done = exercise_with::<ExerciseError>(&tx, &authority, vec![]).await;
            done.map(|_none| ())
        };
        self.write_at_once(|| steps, (), operation).await
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
