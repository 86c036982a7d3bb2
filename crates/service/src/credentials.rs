//! Credentials: a signed-in user lists, adds, renames, deactivates and deletes them.

use std::sync::Arc;

use latchkey_domain::{
    authority::{Authority, Spend},
    challenge::purpose,
    credential::{Credential, CredentialKind, CredentialReference, MadeBy},
    id::CredentialUuid,
    session::Session,
    text::CredentialName,
};

use crate::{
    ceremony::{Ceremonies, CreationChallenge, NewCredential, NewCredentialError},
    directory::{Caller, PartyError},
    events::{Event, Facts},
    ports::{
        account_store::{AccountStore, HeldPasskey},
        credential_store::{ChangeError, CredentialStore, NewName},
        store::StoreError,
    },
    sessions::SessionError,
    user_actions::SignedRequest,
};

/// Why a challenge for a new credential is not given.
#[derive(Debug, thiserror::Error)]
pub enum BeginCredentialError {
    /// No ceremony of the user's organization can be held there.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// The user has gone since the request began.
    #[error("not signed in")]
    NotSignedIn,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Manages a user's own credentials.
pub struct Credentials {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) store: Arc<dyn CredentialStore>,
}

impl Credentials {
    /// Every credential of the user, active or not, of every kind, oldest first, if the session holds.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn list(&self, session: &Session) -> Result<Vec<Credential>, SessionError> {
        let account = self.accounts.find_signed_in(session).await?;
        let account = account.ok_or(SessionError::NotSignedIn)?;
        Ok(account.at(self.ceremonies.now()).credentials)
    }

    /// Gives a challenge for a new credential, if the session holds. Nothing is written.
    ///
    /// # Errors
    /// [`BeginCredentialError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        session: &Session,
        kind: CredentialKind,
    ) -> Result<CreationChallenge, BeginCredentialError> {
        let facts = Facts::from((caller, session));
        let begun = self.challenge(caller, session, kind).await;
        let events = &self.ceremonies.events;
        events.tell(Event::BeginCredential, &facts, begun)
    }

    async fn challenge(
        &self,
        caller: &Caller,
        session: &Session,
        kind: CredentialKind,
    ) -> Result<CreationChallenge, BeginCredentialError> {
        let party = self
            .ceremonies
            .snapshot_for(caller, Some(&session.organization))
            .await?
            .party(caller, &session.organization)?;
        let account = self
            .accounts
            .find_signed_in(session)
            .await?
            .ok_or(BeginCredentialError::NotSignedIn)?;
        let purpose = purpose::Credential {
            user: session.user.clone(),
            epoch: session.epoch,
            session: session.id.clone(),
            session_credential: session.credential.clone(),
            kind,
        };
        let begun = self.ceremonies.begin(party, purpose);
        Ok(CreationChallenge::new(
            begun,
            kind,
            account.user,
            account.credentials.iter().filter_map(HeldPasskey::of),
        ))
    }

    /// Makes a credential, using up the challenge and the user action.
    ///
    /// # Errors
    /// [`NewCredentialError`].
    pub async fn create(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        identifier: &str,
        new: NewCredential,
    ) -> Result<Credential, NewCredentialError> {
        let mut facts = Facts::from(request);
        let made = self.add(caller, request, identifier, new, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::AddCredential, &facts, made)
    }

    async fn add(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        identifier: &str,
        new: NewCredential,
        told: &mut Facts,
    ) -> Result<Credential, NewCredentialError> {
        let (authority, credential) = self.prove(caller, request, identifier, new).await?;
        let message = self.ceremonies.messages.credential_added(&credential, None);
        self.store
            .create(authority.telling(message), credential.clone())
            .await?;
        told.note_made(&credential);
        Ok(credential)
    }

    /// Makes a recovery key in the place of all that the user has, using up the challenge and the user action:
    /// there is no moment without one. The user is told.
    ///
    /// # Errors
    /// [`NewCredentialError`]; of another kind no credential is made, since the challenge is not for that.
    pub async fn renew_recovery_key(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        identifier: &str,
        new: NewCredential,
    ) -> Result<Credential, NewCredentialError> {
        let mut facts = Facts::from(request);
        let made = self
            .renew(caller, request, identifier, new, &mut facts)
            .await;
        let events = &self.ceremonies.events;
        events.tell(Event::RenewRecoveryKey, &facts, made)
    }

    async fn renew(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        identifier: &str,
        new: NewCredential,
        told: &mut Facts,
    ) -> Result<Credential, NewCredentialError> {
        let (authority, credential) = self.prove(caller, request, identifier, new).await?;
        if credential.kind() != CredentialKind::RecoveryKey {
            return Err(NewCredentialError::InvalidChallenge);
        }
        let message = self.ceremonies.messages.recovery_key_renewed(&credential);
        self.store
            .renew_recovery_key(authority.telling(message), credential.clone())
            .await?;
        told.note_made(&credential);
        Ok(credential)
    }

    /// The credential whose proof was found true, and the authority to make it.
    async fn prove(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        identifier: &str,
        new: NewCredential,
    ) -> Result<(Authority, Credential), NewCredentialError> {
        let completion = self
            .ceremonies
            .complete::<purpose::Credential>(caller, identifier)
            .await?;
        let challenge = &completion.challenge;
        let facts = &challenge.purpose;
        if facts.user != request.session.user || facts.session != request.session.id {
            return Err(NewCredentialError::InvalidChallenge);
        }
        let made_by = MadeBy::Credential {
            session: facts.session.clone(),
            credential: request.signer().clone(),
        };
        let credential = completion.make(made_by, facts.kind, new)?;
        let authority = request
            .authority()
            .unless_fresh(completion.now)
            .within(&challenge.application)
            .within(credential.material.application())
            .spending(Spend::challenge(challenge));
        Ok((authority, credential))
    }

    /// Activates or deactivates a credential; asking for the state it is in changes nothing. The user is
    /// told when something changed, which the store decides.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn set_active(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        credential: &CredentialUuid,
        active: bool,
    ) -> Result<(), ChangeError> {
        let facts = Facts::from(request).with_credential(credential);
        let set = self.activate(caller, request, credential, active).await;
        let event = if active {
            Event::ActivateCredential
        } else {
            Event::DeactivateCredential
        };
        self.ceremonies.events.tell(event, &facts, set)
    }

    async fn activate(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        credential: &CredentialUuid,
        active: bool,
    ) -> Result<(), ChangeError> {
        let mut authority = self.authority_over(request, credential);
        if let Some(own) = self.own(&request.session, credential).await? {
            let messages = &self.ceremonies.messages;
            authority = authority.telling(if active {
                messages.credential_activated(&own, caller)
            } else {
                messages.credential_deactivated(&own, caller)
            });
        }
        let now = self.ceremonies.now();
        self.store
            .set_active(authority, credential, active, now)
            .await
    }

    /// Gives a credential another name.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn rename(
        &self,
        request: &SignedRequest,
        credential: &CredentialUuid,
        name: CredentialName,
    ) -> Result<Credential, ChangeError> {
        let new = NewName {
            credential: credential.clone(),
            name,
            date: self.ceremonies.now(),
        };
        let authority = self.authority_over(request, credential);
        let renamed = self.store.rename(authority, new).await;
        let facts = Facts::from(request).with_credential(credential);
        let events = &self.ceremonies.events;
        events.tell(Event::RenameCredential, &facts, renamed)
    }

    /// Deletes a credential, and tells the user.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn delete(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let facts = Facts::from(request).with_credential(credential);
        let deleted = self.remove(caller, request, credential).await;
        let events = &self.ceremonies.events;
        events.tell(Event::DeleteCredential, &facts, deleted)
    }

    async fn remove(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        credential: &CredentialUuid,
    ) -> Result<(), ChangeError> {
        let mut authority = self.authority_over(request, credential);
        if let Some(own) = self.own(&request.session, credential).await? {
            authority =
                authority.telling(self.ceremonies.messages.credential_deleted(&own, caller));
        }
        self.store.delete(authority, credential).await
    }

    /// The authority to change that credential or to take it away: of a fresh one, over itself alone.
    fn authority_over(&self, request: &SignedRequest, credential: &CredentialUuid) -> Authority {
        let is_itself = request.signer() == credential;
        if is_itself {
            request.authority()
        } else {
            request.authority().unless_fresh(self.ceremonies.now())
        }
    }

    /// The credential as it is now, if it is the user's: what the user is told about. Whether it may be
    /// changed is decided by the store.
    async fn own(
        &self,
        session: &Session,
        credential: &CredentialUuid,
    ) -> Result<Option<Credential>, StoreError> {
        let reference = CredentialReference::Uuid(credential.clone());
        let held = self
            .accounts
            .find_credential(&session.organization, &reference)
            .await?;
        Ok(held
            .map(|held| held.credential)
            .filter(|held| held.user == session.user))
    }
}

#[cfg(test)]
mod tests;
