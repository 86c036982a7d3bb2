//! Recovery: a user who has lost every credential makes new ones with a recovery key.

use std::sync::Arc;

use latchkey_domain::{
    account_code::AccountCodeKind,
    challenge::purpose,
    credential::{
        Credential, CredentialId, CredentialReference, MadeBy, Material, key::EncryptedPrivateKey,
        kit_number::KitNumber,
    },
    credential_code::EnteredCode,
    id::OrganizationId,
    text::Username,
    user::User,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies, NewCredentialError},
    directory::{Caller, OrganizationRequired, PartyError},
    events::{Event, Facts, Reason},
    first_credentials::{FirstCredentials, Registered},
    ports::{
        account_code_store::{AccountCodeStore, HeldAccountCode},
        account_store::AccountStore,
        code_digester::CodeDigester,
        proof_verifier::{ProofError, RecoveryProof},
        recovery_store::RecoveryStore,
        store::StoreError,
    },
    throttle::{CodeTry, Owner, Throttle, Throttled},
};

/// What recover/user/init receives.
pub struct BeginRecovery {
    /// The organization, when the client names it.
    pub organization: Option<OrganizationId>,
    /// Whose account it is.
    pub username: Username,
    /// The code that was mailed to the user.
    pub code: EnteredCode,
    /// The recovery key that the user has, by one of its ids or by the number of its kit.
    pub credential: CredentialReference,
}

/// The answer of recover/user/init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryChallenge {
    /// The challenge that the new credentials must sign; its identifier is the temporary token.
    pub begun: BegunChallenge,
    /// Whose account it is.
    pub user: User,
    /// The recovery key that must sign the new credentials.
    pub recovery_key: CredentialId,
    /// Its encrypted private half, if one is kept.
    pub encrypted_private_key: Option<EncryptedPrivateKey>,
}

/// Why a recovery does not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginRecoveryError {
    /// Too many wrong codes.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No organization can be told.
    #[error(transparent)]
    OrganizationRequired(#[from] OrganizationRequired),
    /// No application lists the origin.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The code is wrong, expired, used or another user's, or there is no such user who is active:
    /// nobody can tell which.
    #[error("the code is not valid")]
    InvalidCode,
    /// The code is right, but the credential is not an active recovery key of its owner.
    #[error("the credential cannot be used as a recovery factor")]
    NoRecoveryKey,
    /// The organization has no active application.
    #[error("the organization has no active application")]
    NoApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What completing a recovery receives.
pub struct CompleteRecovery {
    /// The temporary token of recover/user/init.
    pub temporary_token: String,
    /// The proof made with the recovery key.
    pub proof: RecoveryProof,
    /// `newCredentials` as it was received, as canonical JSON: what the recovery key must have signed.
    pub received: String,
    /// The same, read.
    pub credentials: FirstCredentials,
}

/// Why an account is not recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Another credential signed than the one the recovery began with.
    #[error("the credential cannot be used as a recovery factor")]
    OtherCredential,
    /// The recovery key's proof is not true.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A new credential cannot be made, or the challenge is void.
    #[error(transparent)]
    NewCredential(#[from] NewCredentialError),
}

/// Recovers accounts.
pub struct Recoveries {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) codes: Arc<dyn AccountCodeStore>,
    pub(crate) store: Arc<dyn RecoveryStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl Recoveries {
    /// Uses a recovery code up and gives a challenge for new credentials, with the encrypted private half
    /// of the recovery key if one is kept. A code that is refused costs exactly one statement, whatever
    /// the reason; with a right code that names no recovery key nothing is used up.
    ///
    /// # Errors
    /// [`BeginRecoveryError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        request: BeginRecovery,
    ) -> Result<RecoveryChallenge, BeginRecoveryError> {
        let mut facts = Facts::from(caller);
        let begun = self.challenge(caller, request, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::BeginRecovery, &facts, begun)
    }

    async fn challenge(
        &self,
        caller: &Caller,
        request: BeginRecovery,
        facts: &mut Facts,
    ) -> Result<RecoveryChallenge, BeginRecoveryError> {
        let named = request.organization.as_ref();
        let snapshot = self.ceremonies.snapshot_for(caller, named).await?;
        snapshot.admit(caller).map_err(PartyError::from)?;
        let organization = snapshot.organization(request.organization.clone())?;
        facts.organization = Some(organization.clone());
        let username = request.username.key();
        let attempt = CodeTry {
            address: caller.address,
            form: request.code.form,
            owner: Owner::Account(&organization, &username, AccountCodeKind::Recovery),
        };
        let look_up = async {
            let HeldAccountCode { code, user } =
                self.held_code(&organization, &request, facts).await?;
            let party = snapshot.party(caller, &organization)?;
            let key = self.recovery_key(&user, &request.credential).await?;
            facts.credential = Some(key.uuid.clone());
            let is_spent = self.codes.spend(&code).await?;
            is_spent
                .then_some((user, party, key))
                .ok_or(BeginRecoveryError::InvalidCode)
        };
        let (user, party, key) = self.throttle.try_code(&attempt, look_up).await?;
        let purpose = purpose::Recovery {
            user: user.id.clone(),
            epoch: user.epoch,
            credential: key.uuid,
        };
        Ok(RecoveryChallenge {
            begun: self.ceremonies.begin(party, purpose),
            user,
            recovery_key: key.id,
            encrypted_private_key: key.material.encrypted_private_key().cloned(),
        })
    }

    /// The code that was entered, if it can be used.
    async fn held_code(
        &self,
        organization: &OrganizationId,
        request: &BeginRecovery,
        facts: &mut Facts,
    ) -> Result<HeldAccountCode, BeginRecoveryError> {
        let digest = self.digester.digest(&request.code.text);
        let kind = AccountCodeKind::Recovery;
        let now = self.ceremonies.now();
        let held = self
            .codes
            .find(organization, &request.username, kind, &digest)
            .await?;
        if let Some(held) = &held {
            facts.note(organization, &held.user.id);
            facts.reason = (!held.code.is_live(now)).then_some(Reason::CodeExpired);
        }
        held.filter(|held| held.can_be_used(now))
            .ok_or(BeginRecoveryError::InvalidCode)
    }

    /// The active recovery key of the user that is named: by an id, or else by the number of its kit.
    async fn recovery_key(
        &self,
        user: &User,
        named: &CredentialReference,
    ) -> Result<Credential, BeginRecoveryError> {
        let account = self.accounts.find(&user.id).await?;
        let held = account.into_iter().flat_map(|account| account.credentials);
        let is_usable =
            |key: &Credential| key.is_active() && matches!(key.material, Material::RecoveryKey(..));
        let mut keys: Vec<_> = held.filter(is_usable).collect();
        let place = |is_it: fn(&CredentialReference, &Credential) -> bool| {
            keys.iter().position(|key| is_it(named, key))
        };
        place(names)
            .or_else(|| place(numbers))
            .map(|place| keys.swap_remove(place))
            .ok_or(BeginRecoveryError::NoRecoveryKey)
    }

    /// Puts new credentials in the place of all that the user has, and ends whatever the earlier ones
    /// have allowed. The recovery key must have signed exactly the credentials that were received, so
    /// whoever stands between client and service cannot slip in one of their own. The user is told.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub async fn complete(
        &self,
        caller: &Caller,
        request: CompleteRecovery,
    ) -> Result<Registered, RecoverError> {
        let mut facts = Facts::from(caller);
        let recovered = self.recover(caller, request, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::Recover, &facts, recovered)
    }

    async fn recover(
        &self,
        caller: &Caller,
        request: CompleteRecovery,
        facts: &mut Facts,
    ) -> Result<Registered, RecoverError> {
        let completion = self
            .ceremonies
            .complete::<purpose::Recovery>(caller, &request.temporary_token)
            .await?;
        let challenge = &completion.challenge;
        facts.note(&challenge.organization, &challenge.purpose.user);
        facts.by_credential = Some(challenge.purpose.credential.clone());
        let (user, key) = self.find(&challenge.purpose).await?;
        if !names(&request.proof.credential, &key) {
            return Err(RecoverError::OtherCredential);
        }
        self.ceremonies
            .verifier
            .confirm_recovery(&key, &request.received, &request.proof)?;
        let made_by = MadeBy::Recovery {
            credential: key.uuid,
        };
        let made = completion.make_first(&made_by, request.credentials)?;
        let message = self
            .ceremonies
            .messages
            .account_recovered(&made.first, &made.others);
        let credentials = made.all();
        let authority = completion
            .authority(&credentials)
            .unless_fresh(completion.now)
            .telling(message);
        self.store
            .recover(authority, credentials)
            .await
            .map_err(NewCredentialError::from)?;
        facts.note_made(&made.first);
        Ok(Registered {
            credential: made.first,
            user,
            session: None,
        })
    }

    /// The user and the recovery key of a challenge; what has gone since makes the challenge void.
    async fn find(&self, facts: &purpose::Recovery) -> Result<(User, Credential), RecoverError> {
        let account = self.accounts.find(&facts.user).await?;
        account
            .and_then(|account| {
                let mut credentials = account.credentials.into_iter();
                let key = credentials.find(|credential| credential.uuid == facts.credential)?;
                Some((account.user, key))
            })
            .ok_or_else(|| NewCredentialError::InvalidChallenge.into())
    }
}

/// Whether a reference is one to this credential.
fn names(reference: &CredentialReference, credential: &Credential) -> bool {
    match reference {
        CredentialReference::Id(id) => id.key() == credential.id.key(),
        CredentialReference::Uuid(uuid) => *uuid == credential.uuid,
    }
}

/// Whether it is the number of this credential's kit. What a client calls a credential may look like one, so it is
/// asked last.
fn numbers(reference: &CredentialReference, credential: &Credential) -> bool {
    match reference {
        CredentialReference::Id(id) => KitNumber::of(&credential.id).is_typed(id.as_str()),
        CredentialReference::Uuid(_) => false,
    }
}

impl From<PartyError> for BeginRecoveryError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::OriginNotAllowed => Self::OriginNotAllowed,
            // Whoever asks from another organization's page learns nothing about this one.
            PartyError::ForeignOrigin => Self::InvalidCode,
            PartyError::NoApplication => Self::NoApplication,
        }
    }
}

impl From<StoreError> for RecoverError {
    fn from(error: StoreError) -> Self {
        NewCredentialError::from(error).into()
    }
}

#[cfg(test)]
mod tests;
