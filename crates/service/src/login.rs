//! Login: a user proves to hold a credential and gets a session.

use std::sync::Arc;

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::RpId,
    authority::Authority,
    challenge::purpose,
    credential::{Credential, CredentialKind, signer::ListedSigner},
    credential_code::EnteredCode,
    id::OrganizationId,
    text::Username,
    user::User,
};

use crate::{
    ceremony::{Ceremonies, SignedIn},
    directory::{Caller, OrganizationRequired, PartyError},
    events::{Event, Facts, Reason},
    factors::{
        AllowedCredentials, Answering, FactorAnswer, FactorChallenge, FactorError, Factors, Listing,
    },
    ports::{
        account_code_store::AccountCodeStore,
        account_store::{Account, HeldCredential},
        code_digester::CodeDigester,
        sign_in_store::SignInStore,
        store::StoreError,
    },
    throttle::{CodeTry, Owner, Throttle, Throttled},
};

/// What login/init receives.
pub struct BeginLogin {
    /// The organization, when the client names it.
    pub organization: Option<OrganizationId>,
    /// Who signs in.
    pub who: Who,
}

/// Who signs in.
pub enum Who {
    /// A discoverable passkey is to tell.
    Passkey,
    /// The user of that name.
    User(Username),
    /// The user of that name, who was mailed a login code: the keys whose private half is kept are
    /// handed out for it.
    UserWithCode(Username, EnteredCode),
}

/// Why a sign-in does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginLoginError {
    /// Too many beginnings from one address.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No organization can be told.
    #[error(transparent)]
    OrganizationRequired(#[from] OrganizationRequired),
    /// No application lists the origin.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The login code is wrong, expired, used, or another user's: nobody can tell which.
    #[error("the code is not valid")]
    InvalidCode,
    /// There is no such user, or none who can sign in: a stranger cannot tell which.
    #[error("the user does not have a usable credential")]
    NoUsableCredential,
    /// The organization has no active application.
    #[error("the organization has no active application")]
    NoApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs users in.
pub struct Logins {
    pub(crate) factors: Factors,
    pub(crate) store: Arc<dyn SignInStore>,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) codes: Arc<dyn AccountCodeStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl Logins {
    /// Gives a challenge to sign in with. Nothing is written, but that a login code is used up.
    ///
    /// # Errors
    /// [`BeginLoginError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        request: BeginLogin,
    ) -> Result<FactorChallenge, BeginLoginError> {
        let mut facts = Facts::from(caller);
        let begun = self.challenge(caller, request, &mut facts).await;
        let events = &self.ceremonies().events;
        events.tell(Event::BeginSignIn, &facts, begun)
    }

    async fn challenge(
        &self,
        caller: &Caller,
        request: BeginLogin,
        facts: &mut Facts,
    ) -> Result<FactorChallenge, BeginLoginError> {
        let ceremonies = self.ceremonies();
        let named = request.organization.as_ref();
        let snapshot = ceremonies.snapshot_for(caller, named).await?;
        snapshot.admit(caller).map_err(PartyError::from)?;
        self.throttle.count_login(caller.address)?;
        let organization = snapshot.organization(request.organization)?;
        facts.organization = Some(organization.clone());
        let party = snapshot.party(caller, &organization)?;
        let (login, allowed) = match &request.who {
            Who::Passkey => (purpose::Login::default(), AllowedCredentials::default()),
            Who::User(username) => {
                let found = self
                    .factors
                    .accounts
                    .find_by_username(&organization, username)
                    .await?;
                facts.note_found(found.as_ref().map(|account| &account.user));
                let account = found
                    .filter(|account| account.user.is_active)
                    .ok_or(BeginLoginError::NoUsableCredential)?;
                let allowed = allowed(&account, party.rp_id(), false)?;
                (sign_in_of(account.user), allowed)
            }
            Who::UserWithCode(username, code) => {
                let owner = (&organization, username);
                let account = self.spend_code(caller, owner, code, facts).await?;
                let allowed = allowed(&account, party.rp_id(), true)?;
                (sign_in_of(account.user), allowed)
            }
        };
        Ok(FactorChallenge {
            begun: ceremonies.begin(party, login),
            allowed,
        })
    }

    /// Uses a login code up and gives its owner. A code that is refused costs exactly one statement,
    /// whatever the reason.
    async fn spend_code(
        &self,
        caller: &Caller,
        owner: (&OrganizationId, &Username),
        code: &EnteredCode,
        facts: &mut Facts,
    ) -> Result<Account, BeginLoginError> {
        let (organization, username) = owner;
        let key = username.key();
        let attempt = CodeTry {
            address: caller.address,
            form: code.form,
            owner: Owner::Account(organization, &key, AccountCodeKind::Login),
        };
        let spent = self.spend_held(owner, code, facts);
        self.throttle.try_code(&attempt, spent).await
    }

    async fn spend_held(
        &self,
        (organization, username): (&OrganizationId, &Username),
        code: &EnteredCode,
        facts: &mut Facts,
    ) -> Result<Account, BeginLoginError> {
        let digest = self.digester.digest(&code.text);
        let now = self.ceremonies().now();
        let held = self
            .codes
            .find(organization, username, AccountCodeKind::Login, &digest)
            .await?;
        if let Some(held) = &held {
            facts.note(organization, &held.user.id);
            facts.reason = (!held.code.is_live(now)).then_some(Reason::CodeExpired);
        }
        let held = held
            .filter(|held| held.can_be_used(now))
            .ok_or(BeginLoginError::InvalidCode)?;
        let account = self
            .factors
            .accounts
            .find(&held.user.id)
            .await?
            .ok_or(BeginLoginError::InvalidCode)?;
        let is_spent = self.codes.spend(&held.code).await?;
        is_spent
            .then_some(account)
            .ok_or(BeginLoginError::InvalidCode)
    }

    /// Verifies the answer and gives a session with its token.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn complete(
        &self,
        caller: &Caller,
        answer: &FactorAnswer,
    ) -> Result<SignedIn, FactorError> {
        let mut facts = Facts::from(caller);
        let signed_in = self.sign_in(caller, answer, &mut facts).await;
        let events = &self.ceremonies().events;
        events.tell(Event::SignIn, &facts, signed_in)
    }

    async fn sign_in(
        &self,
        caller: &Caller,
        answer: &FactorAnswer,
        facts: &mut Facts,
    ) -> Result<SignedIn, FactorError> {
        self.throttle.count_login_completion(caller.address)?;
        let (snapshot, challenge) = self
            .ceremonies()
            .read::<purpose::Login, FactorError>(caller, &answer.identifier)
            .await?;
        let user = challenge.purpose.user.as_ref();
        facts.organization = Some(challenge.organization.clone());
        facts.user = user.cloned();
        // The challenge does not say whether there was a login code; whoever had one knows what is listed.
        let expected = snapshot.expected(&challenge);
        let ceremony = Answering::new(&challenge, user, expected, false);
        let (HeldCredential { user, .. }, verified) =
            self.factors.verify(&ceremony, answer, facts).await?;
        let authority = Authority::of_sign_in(&challenge, &user.id, user.epoch);
        let authority = verified.signing(authority);
        self.store.sign_in(authority, verified.uses()).await?;
        let with = (verified.first.credential, answer.first.used.kind());
        Ok(self
            .ceremonies()
            .begin_session(user, with, challenge.application))
    }

    const fn ceremonies(&self) -> &Ceremonies {
        &self.factors.ceremonies
    }
}

/// A sign-in of this user, which ends with the epoch.
fn sign_in_of(user: User) -> purpose::Login {
    purpose::Login {
        user: Some(user.id),
        epoch: Some(user.epoch),
    }
}

/// What the user can sign in with on this page.
fn allowed(
    account: &Account,
    rp_id: Option<&RpId>,
    private_keys: bool,
) -> Result<AllowedCredentials, BeginLoginError> {
    let listing = Listing {
        rp_id,
        private_keys,
    };
    let signers = account.credentials.iter().filter_map(ListedSigner::of);
    let allowed = AllowedCredentials::among(signers, listing);
    if allowed.is_empty() && !has_password_protected_key(&account.credentials) {
        return Err(BeginLoginError::NoUsableCredential);
    }
    Ok(allowed)
}

/// A key whose private half is kept is not listed without a login code, but can sign in all the same.
fn has_password_protected_key(credentials: &[Credential]) -> bool {
    credentials.iter().any(|credential| {
        credential.is_usable() && credential.kind() == CredentialKind::PasswordProtectedKey
    })
}

impl From<PartyError> for BeginLoginError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::OriginNotAllowed => Self::OriginNotAllowed,
            // Whoever asks from another organization's page learns nothing about this one's users.
            PartyError::ForeignOrigin => Self::NoUsableCredential,
            PartyError::NoApplication => Self::NoApplication,
        }
    }
}

#[cfg(test)]
mod tests;
