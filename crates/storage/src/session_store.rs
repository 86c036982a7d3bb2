//! Whether sessions still hold. They have no table: it follows from the rows they name.

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, session::Session};
use latchkey_service::ports::{
    session_store::{ExerciseError, SessionStore},
    store::{AuthorityConflict, StoreError},
};
use sea_orm::{
    EntityTrait as _, QueryFilter as _, QuerySelect as _, QueryTrait as _, Value, sea_query::Expr,
};

use crate::{
    authority::{exercise, exercise_at_once, exercise_with, standing_of_user},
    ending,
    statement::{Fixed, Form},
    store::SqlStore,
    table::user,
    transaction::Transaction,
};

#[async_trait]
impl SessionStore for SqlStore {
    async fn is_live(&self, session: &Session) -> Result<bool, StoreError> {
        let statement = IS_LIVE.with(self.backend(), &values(session), |values| {
            let holds = standing_of_user(FORM, &mut Vec::from(values).into());
            let user = user::Entity::find().filter(holds);
            user.select_only().expr(Expr::cust("1")).into_query()
        });
        Ok(self.row(statement).await?.is_some())
    }

    async fn exercise(&self, authority: Authority) -> Result<(), ExerciseError> {
        // Nothing follows from other rows of the user, so nobody need be locked.
        let authority = Arc::new(authority);
        let own = Arc::clone(&authority);
        let plan = async move |_tx| Ok((exercise_at_once(&own, None, vec![]), ()));
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

/// The [form](crate::authority::form_of) of what a session requires to hold.
pub(crate) const FORM: Form = [1, 0, 0, 1];

/// The values of it, as [`standing_of_user`] takes them.
pub(crate) fn values(session: &Session) -> [Value; 8] {
    let (user, organization) = (session.user.as_str(), session.organization.as_str());
    [
        user.into(),
        organization.into(),
        session.epoch.number().into(),
        organization.into(),
        session.id.as_str().into(),
        session.credential.as_str().into(),
        user.into(),
        session.issued.unix_milliseconds().into(),
    ]
}
