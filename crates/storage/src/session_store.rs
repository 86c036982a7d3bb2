//! Whether sessions still hold.

use async_trait::async_trait;
use latchkey_domain::{authority::Authority, session::Session};
use latchkey_service::ports::{
    session_store::{EndSessionError, SessionStore},
    store::{AuthorityConflict, StoreError},
};

use crate::{authority::exercise, ending, store::SqlStore, table};

#[async_trait]
impl SessionStore for SqlStore {
    async fn is_live(&self, session: &Session) -> Result<bool, StoreError> {
        table::session::is_live(self.reader(), session).await
    }

    async fn end(&self, authority: Authority) -> Result<(), EndSessionError> {
        self.write(async move |tx| exercise(&tx, &authority).await)
            .await
    }

    async fn end_all(&self, authority: Authority) -> Result<(), EndSessionError> {
        self.write(async move |tx| {
            exercise::<EndSessionError>(&tx, &authority).await?;
            if ending::end_epoch(&tx, authority.user(), authority.epoch()).await? {
                Ok(())
            } else {
                Err(AuthorityConflict::Void.into())
            }
        })
        .await
    }
}
