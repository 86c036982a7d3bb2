//! Session codes: who has signed in on our pages goes back to the application, and the session with them.

use std::sync::Arc;

use latchkey_domain::{
    authority::{Authority, Spend},
    id::SessionCodeId,
    session::Session,
    session_code::{CodeChallenge, CodeVerifier, ReturnState, ReturnTo, SessionCode},
    time::Timestamp,
};

use crate::{
    ceremony::{Ceremonies, SignedIn},
    directory::{Caller, PartyError},
    events::{Event, Facts},
    ports::{
        session_store::{ExerciseError, SessionStore},
        store::StoreError,
    },
    throttle::{Throttle, Throttled},
};

/// Where somebody who is signed in wants to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoBack {
    /// The page.
    pub to: ReturnTo,
    /// What whoever uses the code there has to answer.
    pub challenge: CodeChallenge,
    /// What the application is told again.
    pub state: Option<ReturnState>,
}

/// An address with a session code in it, the only time the code is seen.
pub struct WayBack {
    /// The whole address.
    pub address: String,
    /// From when on its code is void.
    pub expires: Timestamp,
}

/// Why nobody is sent back.
#[derive(Debug, thiserror::Error)]
pub enum IssueSessionCodeError {
    /// The page that asks is not one of the application that the session was made at, or of none at all.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The application does not list the origin of the page to go back to.
    #[error("the page to go back to is on no origin of the application")]
    ReturnNotAllowed,
    /// Too many codes for sessions of this user.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session code gives no session.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeSessionCodeError {
    /// Too many uses of this code.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No application lists the origin of whoever brings it.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// It is wrong, expired or used, was sent to another origin, is not answered by the verifier, or its session or
    /// application has ended: which of these is not told.
    #[error("the code is not valid")]
    InvalidCode,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PartyError> for IssueSessionCodeError {
    fn from(_error: PartyError) -> Self {
        Self::OriginNotAllowed
    }
}

impl From<ExerciseError> for ExchangeSessionCodeError {
    fn from(error: ExerciseError) -> Self {
        match error {
            ExerciseError::Authority(_) => Self::InvalidCode,
            ExerciseError::Store(error) => Self::Store(error),
        }
    }
}

/// Hands sessions over.
pub struct SessionCodes {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl SessionCodes {
    /// Makes a code for this session and puts it into the address of a page of the application at which it was
    /// made. Nothing is kept of the code until it is used.
    ///
    /// # Errors
    /// [`IssueSessionCodeError`].
    pub async fn issue(
        &self,
        caller: &Caller,
        session: &Session,
        back: &GoBack,
    ) -> Result<WayBack, IssueSessionCodeError> {
        let mut facts = Facts::from((caller, session));
        let issued = self.way_back(caller, session, back, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::IssueSessionCode, &facts, issued)
    }

    async fn way_back(
        &self,
        caller: &Caller,
        session: &Session,
        back: &GoBack,
        facts: &mut Facts,
    ) -> Result<WayBack, IssueSessionCodeError> {
        let organization = &session.organization;
        let snapshot = self
            .ceremonies
            .snapshot_for(caller, Some(organization))
            .await?;
        let party = snapshot.party(caller, organization)?;
        let made_at = session.application.as_ref();
        let application = party
            .bound()
            .filter(|here| made_at.is_none_or(|made_at| made_at == here))
            .ok_or(IssueSessionCodeError::OriginNotAllowed)?;
        facts.application = Some(application.clone());
        let origin = back.to.origin();
        if !party.application.relying_party.allows(origin.as_str()) {
            return Err(IssueSessionCodeError::ReturnNotAllowed);
        }
        self.throttle.count_session_code(&session.user)?;
        let minute = self.ceremonies.now().plus(SessionCode::LIFETIME);
        let expires = minute.min(session.expires);
        let code = self.ceremonies.tokens.seal_session_code(&SessionCode {
            id: SessionCodeId::from_random(&self.ceremonies.entropy.draw()),
            session: session.clone(),
            application,
            origin: origin.clone(),
            challenge: back.challenge,
            expires,
        });
        Ok(WayBack {
            address: back.to.with(&code, back.state.as_ref()),
            expires,
        })
    }

    /// Uses a code up and gives its session, with a token of its own. A page uses it on the origin that it was
    /// sent to; whoever sends no origin is a server, and is known by the verifier alone.
    ///
    /// # Errors
    /// [`ExchangeSessionCodeError`].
    pub async fn exchange(
        &self,
        caller: &Caller,
        code: &str,
        verifier: &CodeVerifier,
    ) -> Result<SignedIn, ExchangeSessionCodeError> {
        let mut facts = Facts::from(caller);
        let exchanged = self.session_of(caller, code, verifier, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::ExchangeSessionCode, &facts, exchanged)
    }

    async fn session_of(
        &self,
        caller: &Caller,
        code: &str,
        verifier: &CodeVerifier,
        facts: &mut Facts,
    ) -> Result<SignedIn, ExchangeSessionCodeError> {
        let snapshot = self.ceremonies.snapshot_for(caller, None).await?;
        let admitted = snapshot.admit(caller);
        admitted.or(Err(ExchangeSessionCodeError::OriginNotAllowed))?;
        // Nobody guesses what is sealed: what does not open costs no database, so there is nothing to count. If it
        // were counted by address, strangers could keep all users of a server's from signing in.
        let tokens = &self.ceremonies.tokens;
        let opened = tokens.open_session_code(code, self.ceremonies.now());
        let code = opened.or(Err(ExchangeSessionCodeError::InvalidCode))?;
        let session = &code.session;
        facts.note(&session.organization, &session.user);
        facts.by_credential = Some(session.credential.clone());
        facts.application = Some(code.application.clone());
        let caller_origin = caller.origin.as_deref();
        let is_at_home = caller_origin.is_none_or(|origin| origin == code.origin.as_str());
        // Whoever has the address alone cannot use the code up either.
        if !is_at_home || !code.challenge.is_answered_by(verifier) {
            return Err(ExchangeSessionCodeError::InvalidCode);
        }
        self.throttle.count_session_code_use(&code.id)?;
        let authority = Authority::of_session(session)
            .within([&code.application])
            .spending(Spend::session_code(&code));
        self.sessions.exercise(authority).await?;
        Ok(SignedIn {
            token: tokens.sign_session(session),
            session: code.session,
        })
    }
}

#[cfg(test)]
mod tests;
