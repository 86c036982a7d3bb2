//! Sessions: whether somebody is signed in, and signing out.

use std::sync::Arc;

use latchkey_domain::{
    authority::{Authority, Spend},
    session::Session,
};

use crate::{
    directory::Caller,
    events::{Event, Events, Facts},
    ports::{
        clock::Clock,
        session_store::{ExerciseError, SessionStore},
        store::{AuthorityConflict, StoreError},
        tokens::Tokens,
    },
};

/// Why a bearer token is refused.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It is not a session token, or the session does not hold any more.
    #[error("not signed in")]
    NotSignedIn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks and ends sessions.
pub struct Sessions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) events: Events,
}

impl Sessions {
    /// The session of a bearer token, if it still holds: one statement.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn check(&self, token: &str) -> Result<Session, SessionError> {
        let session = self.read(token)?;
        self.require(&session).await?;
        Ok(session)
    }

    /// The session that a bearer token was given for, whether it still holds or not: that is for
    /// [`require`](Self::require), or for the statement that answers or changes what is asked for.
    ///
    /// # Errors
    /// [`SessionError::NotSignedIn`].
    pub fn read(&self, token: &str) -> Result<Session, SessionError> {
        let session = self.tokens.read_session(token, self.clock.now());
        session.map_err(|_invalid| SessionError::NotSignedIn)
    }

    /// Requires that a session still holds: one statement.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn require(&self, session: &Session) -> Result<(), SessionError> {
        if self.store.is_live(session).await? {
            Ok(())
        } else {
            Err(SessionError::NotSignedIn)
        }
    }

    /// Ends this session.
    ///
    /// # Errors
    /// [`StoreError`]. That it has ended meanwhile is what was wanted.
    pub async fn end(&self, caller: &Caller, session: &Session) -> Result<(), StoreError> {
        let authority = Authority::of_session(session).spending(Spend::session(session));
        let ended = settled(self.store.exercise(authority).await);
        let facts = Facts::from((caller, session));
        self.events.tell(Event::SignOut, &facts, ended)
    }

    /// Ends every session, code and user action of the user. A fresh credential does not: it would keep its owner
    /// from taking it away, again and again. Nor does a session that has ended meanwhile: the others may go on.
    ///
    /// # Errors
    /// [`ExerciseError`].
    pub async fn end_all(&self, caller: &Caller, session: &Session) -> Result<(), ExerciseError> {
        let authority = Authority::of_session(session).unless_fresh(self.clock.now());
        let ended = self.store.end_all(authority).await;
        let facts = Facts::from((caller, session));
        self.events.tell(Event::SignOutEverywhere, &facts, ended)
    }
}

fn settled(outcome: Result<(), ExerciseError>) -> Result<(), StoreError> {
    match outcome {
        Ok(())
        | Err(ExerciseError::Authority(
            AuthorityConflict::Void | AuthorityConflict::Fresh | AuthorityConflict::Spent(_),
        )) => Ok(()),
        Err(ExerciseError::Store(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;
