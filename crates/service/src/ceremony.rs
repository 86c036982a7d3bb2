//! Ceremonies: how every one begins, how every one is completed, and how credentials are made in them.

use std::{sync::Arc, time::Duration};

use latchkey_domain::{
    application::{Application, RpId},
    authority::{Authority, Spendable},
    challenge::{
        Challenge, ChallengeText,
        purpose::{Held, Purpose},
    },
    credential::{
        Credential, CredentialId, CredentialKind, CredentialState, MadeBy, Provenance,
        passkey::Transports,
    },
    id::{ApplicationId, ChallengeId, CredentialUuid, OrganizationId, TokenId},
    policy::Policy,
    session::Session,
    text::CredentialName,
    time::Timestamp,
    user::User,
};

use crate::{
    directory::{Caller, Directory, NotAdmitted, Party, Snapshot},
    events::Events,
    messages::Messages,
    ports::{
        account_store::HeldPasskey,
        clock::Clock,
        credential_store::CreateError,
        entropy::Entropy,
        proof_verifier::{CreationProof, ProofError, ProofVerifier},
        store::{AuthorityConflict, StoreError},
        tokens::{InvalidToken, Tokens},
    },
};

/// What every ceremony works with.
#[derive(Clone)]
pub(crate) struct Ceremonies {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) verifier: Arc<dyn ProofVerifier>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) messages: Arc<Messages>,
    pub(crate) events: Events,
    pub(crate) policy: Policy,
}

/// A challenge that was begun, and the token that carries it to the completing call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunChallenge {
    /// The challenge.
    pub challenge: Challenge,
    /// Its challenge identifier; for a registration, the temporary token.
    pub identifier: String,
    /// The application named in `rp`.
    pub application: Arc<Application>,
}

impl BegunChallenge {
    /// The RP id whose passkeys the client can use, if the request told it.
    fn rp_id(&self) -> Option<&RpId> {
        let bound = self.challenge.application.as_ref();
        bound.map(|_application| self.application.relying_party.rp_id())
    }
}

/// A passkey in the list of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPasskey {
    /// Its credential id.
    pub id: CredentialId,
    /// How its authenticator may be reached.
    pub transports: Transports,
}

impl From<HeldPasskey> for ListedPasskey {
    fn from(held: HeldPasskey) -> Self {
        Self {
            id: held.id,
            transports: held.transports,
        }
    }
}

/// The answer of credentials/init and code/init: what a client needs to make a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreationChallenge {
    /// The challenge, its identifier and the application named in `rp`.
    pub begun: BegunChallenge,
    /// The kind that was asked for.
    pub kind: CredentialKind,
    /// Whose credential it becomes.
    pub user: User,
    /// The passkeys that the authenticator should not make a second one beside: those of the user for this application,
    /// active or not. A client that names none may use any, and its authenticator passes over those of others.
    pub exclude: Vec<ListedPasskey>,
}

/// A new credential as the completing calls receive it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// What the user calls it.
    pub name: CredentialName,
    /// The proof that comes with it.
    pub proof: CreationProof,
}

/// Who has signed in, and the token that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The new session.
    pub session: Session,
    /// Its token.
    pub token: String,
}

/// Why a new credential is not made.
#[derive(Debug, thiserror::Error)]
pub enum NewCredentialError {
    /// The challenge is void: expired, spent, for something else, or its user, credential or code has
    /// gone.
    #[error("the challenge is not valid")]
    InvalidChallenge,
    /// Whoever signed for it is a credential that was made with a code lately.
    #[error("the credential that signed is fresh")]
    Fresh,
    /// The user action that should allow it was used before.
    #[error("the user action has already been used")]
    UserActionSpent,
    /// No application lists the origin of the request.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The proof is not true.
    #[error("{member}: {error}")]
    Proof {
        /// The member of the request that holds it.
        member: &'static str,
        /// What is wrong.
        error: ProofError,
    },
    /// A kind that cannot take this place.
    #[error("{member} cannot be of the kind {kind}")]
    KindNotAllowed {
        /// The member of the request.
        member: &'static str,
        /// The kind it is of.
        kind: CredentialKind,
    },
    /// The credential id is registered already.
    #[error("the credential id is registered already")]
    CredentialIdTaken,
    /// The user has as many credentials as are allowed.
    #[error("the user has as many credentials as are allowed")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ceremonies {
    /// Begins a ceremony in the organization of that application: every ceremony begins here.
    pub(crate) fn begin(&self, party: Party, purpose: impl Into<Purpose>) -> BegunChallenge {
        let challenge = self.challenge(&party, purpose);
        self.sign(challenge, party)
    }

    /// A new challenge, for a ceremony whose beginning depends on something that it is bound to itself.
    /// Its text is random; that of a user action commits to the action.
    pub(crate) fn challenge(&self, party: &Party, purpose: impl Into<Purpose>) -> Challenge {
        let purpose = purpose.into();
        let organization = party.application.organization.clone();
        let text = match &purpose {
            Purpose::UserAction(of) => {
                ChallengeText::for_user_action(&of.nonce, &organization, &of.user, &of.action)
            }
            Purpose::Registration(_)
            | Purpose::Login(_)
            | Purpose::Credential(_)
            | Purpose::CredentialWithCode(_)
            | Purpose::Recovery(_) => ChallengeText::from_random(&self.entropy.draw()),
        };
        let lifetime = match &purpose {
            // Their identifiers are temporary tokens.
            Purpose::Registration(_) | Purpose::Recovery(_) => {
                self.policy.lifetimes.temporary_token
            }
            Purpose::Login(_)
            | Purpose::UserAction(_)
            | Purpose::Credential(_)
            | Purpose::CredentialWithCode(_) => self.policy.lifetimes.challenge,
        };
        self.drawn(party, text, lifetime).of(purpose)
    }

    /// The challenge that claims a code: for what, the code tells.
    pub(crate) fn claiming(&self, party: &Party) -> Challenge<()> {
        let text = ChallengeText::from_random(&self.entropy.draw());
        self.drawn(party, text, self.policy.lifetimes.challenge)
    }

    fn drawn(&self, party: &Party, text: ChallengeText, lifetime: Duration) -> Challenge<()> {
        let issued = self.now();
        Challenge {
            id: ChallengeId::from_random(&self.entropy.draw()),
            text,
            organization: party.application.organization.clone(),
            application: party.bound(),
            purpose: (),
            issued,
            expires: issued.plus(lifetime),
        }
    }

    /// Begins the ceremony of that challenge.
    pub(crate) fn sign(&self, challenge: Challenge, party: Party) -> BegunChallenge {
        let identifier = self.tokens.sign_challenge(&challenge);
        BegunChallenge {
            challenge,
            identifier,
            application: party.application,
        }
    }

    /// The challenge of an identifier, if it is for this purpose and for an application that lists the caller's
    /// origin: every ceremony is completed through here. An origin that no application lists is told so.
    pub(crate) async fn read<P, E>(
        &self,
        caller: &Caller,
        identifier: &str,
    ) -> Result<(Arc<Snapshot>, Challenge<P>), E>
    where
        P: TryFrom<Purpose>,
        E: From<StoreError> + From<NotAdmitted> + From<InvalidToken>,
    {
        self.snapshot_for(caller, None).await?.admit(caller)?;
        let challenge = self.tokens.read_challenge(identifier, self.now())?;
        let challenge = challenge.accept().map_err(|_for_another| InvalidToken)?;
        let completes = |known: &Snapshot| known.completes(&challenge, caller);
        let snapshot = self.directory.snapshot_if(completes).await?;
        if !completes(&snapshot) {
            return Err(InvalidToken.into());
        }
        Ok((snapshot, challenge))
    }

    /// Completes a ceremony in which credentials are made; the caller's origin is kept with them.
    pub(crate) async fn complete<'a, P: TryFrom<Purpose>>(
        &'a self,
        caller: &'a Caller,
        identifier: &str,
    ) -> Result<Completion<'a, P>, NewCredentialError> {
        let (snapshot, challenge) = self
            .read::<P, NewCredentialError>(caller, identifier)
            .await?;
        Ok(Completion {
            challenge,
            snapshot,
            now: self.now(),
            ceremonies: self,
            caller,
        })
    }

    /// Begins a session of that user with that credential, which has just proved itself in a ceremony that was
    /// bound to that application: every session begins here.
    pub(crate) fn begin_session(
        &self,
        user: User,
        (credential, kind): (CredentialUuid, CredentialKind),
        application: Option<ApplicationId>,
    ) -> SignedIn {
        let issued = self.now();
        // A passkey's proof names the page that it was made on; of a key, the page is what the client says.
        let proves_its_page = kind == CredentialKind::Fido2;
        let session = Session {
            id: TokenId::from_random(&self.entropy.draw()),
            organization: user.organization,
            user: user.id,
            username: user.username,
            user_kind: user.kind,
            epoch: user.epoch,
            credential,
            credential_kind: Some(kind),
            application: application.filter(|_bound| proves_its_page),
            issued,
            expires: issued.plus(self.policy.lifetimes.session),
        };
        let token = self.tokens.sign_session(&session);
        SignedIn { session, token }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn snapshot_for(
        &self,
        caller: &Caller,
        organization: Option<&OrganizationId>,
    ) -> Result<Arc<Snapshot>, StoreError> {
        self.directory.snapshot_for(caller, organization).await
    }
}

/// A ceremony for this purpose that is being completed.
pub(crate) struct Completion<'a, P> {
    /// What began it, with the facts of the purpose.
    pub(crate) challenge: Challenge<P>,
    /// The directory.
    pub(crate) snapshot: Arc<Snapshot>,
    /// When it is completed.
    pub(crate) now: Timestamp,
    ceremonies: &'a Ceremonies,
    caller: &'a Caller,
}

impl<P: Held> Completion<'_, P> {
    /// Makes the credential that is received as the whole body, if its proof is true and it is of the
    /// kind that was asked for.
    pub(crate) fn make(
        &self,
        made_by: MadeBy,
        kind: CredentialKind,
        new: NewCredential,
    ) -> Result<Credential, NewCredentialError> {
        if kind == new.proof.offered.kind() {
            self.make_at("credentialInfo", made_by, new)
        } else {
            Err(NewCredentialError::InvalidChallenge)
        }
    }

    /// Makes the credential that is received at this member, if its proof is true.
    pub(crate) fn make_at(
        &self,
        member: &'static str,
        made_by: MadeBy,
        new: NewCredential,
    ) -> Result<Credential, NewCredentialError> {
        let expected = self.snapshot.expected(&self.challenge);
        let material = self
            .ceremonies
            .verifier
            .verify_creation(&expected, &new.proof)
            .map_err(|error| NewCredentialError::Proof { member, error })?;
        Ok(Credential {
            uuid: CredentialUuid::from_random(&self.ceremonies.entropy.draw()),
            organization: self.challenge.organization.clone(),
            user: self.challenge.purpose.holder().user.clone(),
            id: new.proof.credential_id,
            name: new.name,
            material,
            provenance: Provenance {
                made_by,
                origin: self.caller.known_origin(),
                address: self.caller.address,
            },
            state: CredentialState::Active,
            created: self.now,
            last_used: None,
        })
    }

    /// Begins a session with a credential that has just taken effect in this ceremony, of the user as the ceremony
    /// required: with the epoch of its challenge, so that what ended since then ends the session too.
    pub(crate) fn begin_session(&self, user: User, credential: &Credential) -> SignedIn {
        let user = User {
            epoch: self.challenge.purpose.holder().epoch,
            ..user
        };
        let with = (credential.uuid.clone(), credential.kind());
        let application = self.challenge.application.clone();
        self.ceremonies.begin_session(user, with, application)
    }

    /// The authority of the challenge to make these credentials.
    pub(crate) fn authority<'c>(
        &self,
        credentials: impl IntoIterator<Item = &'c Credential>,
    ) -> Authority {
        let applications = credentials
            .into_iter()
            .filter_map(|credential| credential.material.application());
        Authority::of_challenge(&self.challenge).within(applications)
    }
}

impl CreationChallenge {
    /// The answer of an init call to a user who has these passkeys.
    pub(crate) fn new(
        begun: BegunChallenge,
        kind: CredentialKind,
        user: User,
        passkeys: impl IntoIterator<Item = HeldPasskey>,
    ) -> Self {
        let now = begun.challenge.issued;
        let is_there = |held: &HeldPasskey| {
            !held.state.is_gone(now) && begun.rp_id().is_none_or(|wanted| *wanted == held.rp_id)
        };
        let passkeys = passkeys.into_iter().filter(is_there);
        Self {
            exclude: passkeys.map(ListedPasskey::from).collect(),
            begun,
            kind,
            user,
        }
    }
}

impl From<NotAdmitted> for NewCredentialError {
    fn from(_error: NotAdmitted) -> Self {
        Self::OriginNotAllowed
    }
}

impl From<InvalidToken> for NewCredentialError {
    fn from(_error: InvalidToken) -> Self {
        Self::InvalidChallenge
    }
}

impl From<CreateError> for NewCredentialError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Authority(conflict) => conflict.into(),
            CreateError::CredentialIdTaken => Self::CredentialIdTaken,
            CreateError::TooMany => Self::TooMany,
            CreateError::Store(error) => Self::Store(error),
        }
    }
}

impl From<AuthorityConflict> for NewCredentialError {
    fn from(conflict: AuthorityConflict) -> Self {
        match conflict {
            AuthorityConflict::Void
            | AuthorityConflict::Spent(
                Spendable::Challenge | Spendable::Session | Spendable::SessionCode,
            ) => Self::InvalidChallenge,
            AuthorityConflict::Fresh => Self::Fresh,
            AuthorityConflict::Spent(Spendable::UserAction) => Self::UserActionSpent,
        }
    }
}
