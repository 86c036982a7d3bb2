//! Registration: an invited user makes the first credentials.

use std::sync::Arc;

use latchkey_domain::{
    authority::Authority,
    challenge::{Challenge, Purpose},
    credential::{Credential, CredentialKind, MadeBy, Provenance},
    credential_code::{CodeForm, CodeText},
    id::{OrganizationId, RegistrationCodeId},
    text::{CredentialName, Username},
    user::User,
};

use crate::{
    ceremony::{BegunChallenge, Ceremonies, Scope},
    directory::{Caller, OrganizationRequired, PartyError},
    new_credential::{Maker, NewCredential, NewCredentialError},
    ports::{
        account_store::AccountStore,
        code_digester::CodeDigester,
        proof_verifier::{CreationProof, Expected},
        registration_store::{CompletedRegistration, RegisterError, RegistrationStore},
        store::StoreError,
    },
    throttle::{CodeTry, Throttle, Throttled},
};

/// What registration/init receives.
pub struct BeginRegistration {
    /// The organization, when the client names it.
    pub organization: Option<OrganizationId>,
    /// The invited user.
    pub username: Username,
    /// The registration code.
    pub code: CodeText,
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

/// A credential as registration receives it: its name may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredCredential {
    /// What the user calls it.
    pub name: Option<CredentialName>,
    /// The proof that comes with it.
    pub proof: CreationProof,
}

/// What registration receives: all credentials sign the same challenge.
pub struct CompleteRegistration {
    /// The temporary token of registration/init.
    pub temporary_token: String,
    /// The credential to sign in with.
    pub first: RegisteredCredential,
    /// A second one to sign in with.
    pub second: Option<RegisteredCredential>,
    /// One for recovery.
    pub recovery: Option<RegisteredCredential>,
}

/// Who registered, and with which first credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The first credential.
    pub credential: Credential,
    /// The user.
    pub user: User,
}

/// Registers users.
pub struct Registrations {
    /// What every ceremony works with.
    pub ceremonies: Ceremonies,
    /// Digests registration codes.
    pub digester: Arc<dyn CodeDigester>,
    /// Finds the user.
    pub accounts: Arc<dyn AccountStore>,
    /// Keeps registration codes.
    pub store: Arc<dyn RegistrationStore>,
    /// Limits guessing.
    pub throttle: Arc<Throttle>,
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
        let snapshot = self.ceremonies.snapshot().await?;
        snapshot.admit(caller).map_err(PartyError::from)?;
        let organization = snapshot.organization(request.organization)?;
        // A registration code is too long to guess, and so is treated like a long code.
        let reservation = self.throttle.reserve_code(&CodeTry {
            address: caller.address,
            form: CodeForm::Long,
            username: None,
        })?;
        let digest = self.digester.digest(&request.code);
        let held = self
            .store
            .find_code(&organization, &request.username, &digest)
            .await?
            .filter(|held| held.user.is_active && held.user.registered.is_none())
            .ok_or(BeginRegistrationError::InvalidCode)?;
        self.throttle.give_back(reservation);
        let now = self.ceremonies.now();
        if !held.code.is_live(now) {
            return Err(BeginRegistrationError::Expired);
        }
        let party = snapshot.party(caller, &organization)?;
        let purpose = Purpose::Registration {
            user: held.user.id.clone(),
            epoch: held.user.epoch,
            code: held.code.id,
        };
        let scope = Scope {
            organization,
            application: party.bound(),
            lifetime: self.ceremonies.policy.lifetimes.temporary_token,
        };
        let challenge = self.ceremonies.challenge(scope, purpose, now);
        let begun = self.ceremonies.begin(challenge, party.application, now);
        Ok(RegistrationChallenge {
            begun,
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
        self.ceremonies.snapshot().await?.admit(caller)?;
        let challenge = self
            .ceremonies
            .read(&request.temporary_token)
            .map_err(|_invalid| NewCredentialError::InvalidChallenge)?;
        let Purpose::Registration { user, code, .. } = &challenge.purpose else {
            return Err(NewCredentialError::InvalidChallenge);
        };
        let code: RegistrationCodeId = code.clone();
        let maker = Maker {
            organization: challenge.organization.clone(),
            user: user.clone(),
            provenance: Provenance {
                made_by: MadeBy::Registration,
                origin: caller.known_origin(),
                address: caller.address,
            },
            now: self.ceremonies.now(),
        };
        let account = self
            .accounts
            .find(user)
            .await?
            .ok_or(NewCredentialError::InvalidChallenge)?;
        let expected = self.ceremonies.expected(&challenge).await?;
        let (first, others) = self.make_all(&maker, &expected, request)?;
        self.register(&challenge, code, &first, others).await?;
        Ok(Registered {
            credential: first,
            user: account.user,
        })
    }

    fn make_all(
        &self,
        maker: &Maker,
        expected: &Expected,
        request: CompleteRegistration,
    ) -> Result<(Credential, Vec<Credential>), NewCredentialError> {
        let make = |place: Place, registered: RegisteredCredential| {
            let kind = registered.proof.offered.kind();
            if !place.takes(kind) {
                return Err(NewCredentialError::KindNotAllowed {
                    member: place.member(),
                    kind,
                });
            }
            let name = registered.name.unwrap_or_else(|| place.default_name());
            let new = NewCredential {
                name,
                proof: registered.proof,
            };
            self.ceremonies.make(maker, place.member(), expected, new)
        };
        let first = make(Place::First, request.first)?;
        let others = [
            (Place::Second, request.second),
            (Place::Recovery, request.recovery),
        ]
        .into_iter()
        .filter_map(|(place, registered)| Some((place, registered?)))
        .map(|(place, registered)| make(place, registered))
        .collect::<Result<_, _>>()?;
        Ok((first, others))
    }

    async fn register(
        &self,
        challenge: &Challenge,
        code: RegistrationCodeId,
        first: &Credential,
        others: Vec<Credential>,
    ) -> Result<(), NewCredentialError> {
        let credentials: Vec<_> = [first.clone()].into_iter().chain(others).collect();
        let authority = Authority::of_challenge(challenge)
            .map_err(|_no_user| NewCredentialError::InvalidChallenge)?
            .within(
                credentials
                    .iter()
                    .filter_map(|one| one.material.application()),
            );
        let date = first.created;
        let registration = CompletedRegistration {
            code,
            credentials,
            date,
        };
        match self.store.register(authority, registration).await {
            Ok(()) => Ok(()),
            Err(RegisterError::Lost) => Err(NewCredentialError::InvalidChallenge),
            Err(RegisterError::Create(error)) => Err(error.into()),
        }
    }
}

/// Where in a registration a credential stands.
#[derive(Clone, Copy)]
enum Place {
    First,
    Second,
    Recovery,
}

impl Place {
    const fn member(self) -> &'static str {
        match self {
            Self::First => "firstFactorCredential",
            Self::Second => "secondFactorCredential",
            Self::Recovery => "recoveryCredential",
        }
    }

    /// A recovery credential is for recovery only, and nothing else is (API contract §4.5).
    const fn takes(self, kind: CredentialKind) -> bool {
        match self {
            Self::First | Self::Second => kind.signs_in(),
            Self::Recovery => !kind.signs_in(),
        }
    }

    fn default_name(self) -> CredentialName {
        match self {
            Self::First => CredentialName::default_credential(),
            Self::Second => CredentialName::second_credential(),
            Self::Recovery => CredentialName::recovery_credential(),
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
