//! Registration: an invited user makes the first credentials.

use std::sync::Arc;

use latchkey_domain::{
    account_code::AccountCodeKind,
    challenge::purpose,
    credential::MadeBy,
    credential_code::{CodeForm, EnteredCode},
    id::OrganizationId,
    text::Username,
    user::User,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies, NewCredentialError},
    directory::{Caller, OrganizationRequired, PartyError},
    events::{Event, Facts},
    first_credentials::{FirstCredentials, Registered},
    ports::{
        account_code_store::AccountCodeStore,
        account_store::AccountStore,
        code_digester::CodeDigester,
        registration_store::{CompletedRegistration, RegisterError, RegistrationStore},
        store::StoreError,
    },
    throttle::{CodeTry, Owner, Throttle, Throttled},
};

/// What registration/init receives.
pub struct BeginRegistration {
    /// The organization, when the client names it.
    pub organization: Option<OrganizationId>,
    /// The invited user.
    pub username: Username,
    /// The registration code.
    pub code: EnteredCode,
}

/// The answer of registration/init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationChallenge {
    /// The challenge; its identifier is the temporary token.
    pub begun: BegunChallenge,
    /// Who registers.
    pub user: User,
}

/// Why a registration does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginRegistrationError {
    /// Too many wrong codes.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No organization can be told.
    #[error(transparent)]
    OrganizationRequired(#[from] OrganizationRequired),
    /// No application lists the origin.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The code is not one of this user, or used up.
    #[error("the code is not valid")]
    InvalidCode,
    /// The code was right once.
    #[error("the code has expired")]
    Expired,
    /// The organization has no active application.
    #[error("the organization has no active application")]
    NoApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What registration receives.
pub struct CompleteRegistration {
    /// The temporary token of registration/init.
    pub temporary_token: String,
    /// The credentials.
    pub credentials: FirstCredentials,
}

/// Registers users.
pub struct Registrations {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) codes: Arc<dyn AccountCodeStore>,
    pub(crate) store: Arc<dyn RegistrationStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl Registrations {
    /// Gives a challenge for a registration code. Nothing is written; the completion uses the code up.
    ///
    /// # Errors
    /// [`BeginRegistrationError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        request: BeginRegistration,
    ) -> Result<RegistrationChallenge, BeginRegistrationError> {
        let mut facts = Facts::from(caller);
        let begun = self.challenge(caller, request, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::BeginRegistration, &facts, begun)
    }

    async fn challenge(
        &self,
        caller: &Caller,
        request: BeginRegistration,
        facts: &mut Facts,
    ) -> Result<RegistrationChallenge, BeginRegistrationError> {
        let named = request.organization.as_ref();
        let snapshot = self.ceremonies.snapshot_for(caller, named).await?;
        snapshot.admit(caller).map_err(PartyError::from)?;
        let organization = snapshot.organization(request.organization)?;
        facts.organization = Some(organization.clone());
        // A registration code is too long to guess, and so is treated like a long code.
        let kind = AccountCodeKind::Registration;
        let username = request.username.key();
        let attempt = CodeTry {
            address: caller.address,
            form: CodeForm::Long,
            owner: Owner::Account(&organization, &username, kind),
        };
        let digest = self.digester.digest(&request.code.text);
        let look_up = async {
            let found = self
                .codes
                .find(&organization, &request.username, kind, &digest)
                .await?;
            found
                .filter(|held| held.code.serves(&held.user))
                .ok_or(BeginRegistrationError::InvalidCode)
        };
        let held = self.throttle.try_code(&attempt, look_up).await?;
        facts.note(&organization, &held.user.id);
        if !held.code.is_live(self.ceremonies.now()) {
            return Err(BeginRegistrationError::Expired);
        }
        let party = snapshot.party(caller, &organization)?;
        let purpose = purpose::Registration {
            user: held.user.id.clone(),
            epoch: held.user.epoch,
            code: held.code.id,
        };
        Ok(RegistrationChallenge {
            begun: self.ceremonies.begin(party, purpose),
            user: held.user,
        })
    }

    /// Makes the first credentials of a user, all at once or none, and uses the code up.
    ///
    /// # Errors
    /// [`NewCredentialError`].
    pub async fn complete(
        &self,
        caller: &Caller,
        request: CompleteRegistration,
    ) -> Result<Registered, NewCredentialError> {
        let mut facts = Facts::from(caller);
        let registered = self.register(caller, request, false, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::Register, &facts, registered)
    }

    /// The same, and begins a session with the first credential. Its proof answers a challenge, with who uses it
    /// verified, as one that signs in does; and whoever has made it could sign in with it next.
    ///
    /// # Errors
    /// [`NewCredentialError`].
    pub async fn complete_and_sign_in(
        &self,
        caller: &Caller,
        request: CompleteRegistration,
    ) -> Result<Registered, NewCredentialError> {
        let mut facts = Facts::from(caller);
        let registered = self.register(caller, request, true, &mut facts).await;
        let events = &self.ceremonies.events;
        let registered = events.tell(Event::Register, &facts, registered)?;
        events.tell_beside(Event::SignIn, &facts);
        Ok(registered)
    }

    async fn register(
        &self,
        caller: &Caller,
        request: CompleteRegistration,
        sign_in: bool,
        facts: &mut Facts,
    ) -> Result<Registered, NewCredentialError> {
        let completion = self
            .ceremonies
            .complete::<purpose::Registration>(caller, &request.temporary_token)
            .await?;
        let challenge = &completion.challenge;
        facts.note(&challenge.organization, &challenge.purpose.user);
        let account = self
            .accounts
            .find(&challenge.purpose.user)
            .await?
            .ok_or(NewCredentialError::InvalidChallenge)?;
        let mut made = completion.make_first(&MadeBy::Registration, request.credentials)?;
        made.first.last_used = sign_in.then_some(completion.now);
        let message = self
            .ceremonies
            .messages
            .registered(&made.first, &made.others);
        let registration = CompletedRegistration {
            code: challenge.purpose.code.clone(),
            credentials: made.all(),
            date: completion.now,
        };
        let authority = completion.authority(&registration.credentials);
        self.store
            .register(authority.telling(message), registration)
            .await?;
        facts.note_made(&made.first);
        let session = sign_in.then(|| completion.begin_session(account.user.clone(), &made.first));
        Ok(Registered {
            credential: made.first,
            user: account.user,
            session,
        })
    }
}

impl From<RegisterError> for NewCredentialError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Lost => Self::InvalidChallenge,
            RegisterError::Create(error) => error.into(),
        }
    }
}

impl From<PartyError> for BeginRegistrationError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::OriginNotAllowed => Self::OriginNotAllowed,
            // Whoever asks from another organization's page learns nothing about this one.
            PartyError::ForeignOrigin => Self::InvalidCode,
            PartyError::NoApplication => Self::NoApplication,
        }
    }
}

#[cfg(test)]
mod tests;
