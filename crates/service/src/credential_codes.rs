//! Credential codes: a user who has a credential in one place adds another one in a second place.

mod redemption;

use std::sync::Arc;

use latchkey_domain::{
    application::Origin,
    approval::WaitStatus,
    challenge::{Challenge, purpose},
    credential::{Credential, CredentialKind, CredentialReference},
    credential_code::{
        self, Binding, Claim, CodeEntry, CodeState, CodeStatus, CodeText, CredentialCode,
        EnteredCode, ExpirationError, NewCredentialCode, Release, ReleaseReason, ReleasedCode,
    },
    id::CredentialCodeId,
    session::Session,
    text::Username,
    time::Timestamp,
};

use crate::{
    approvals::{Awaited, comparison},
    ceremony::{Ceremonies, CreationChallenge, SignedIn},
    directory::{Caller, NotAdmitted, Party, PartyError, Snapshot},
    events::{Event, Facts, Reason},
    ports::{
        account_store::AccountStore,
        code_digester::CodeDigester,
        credential_code_store::{
            ClaimError, CredentialCodeStore, FoundCode, IssueError, ReleaseError,
        },
        store::StoreError,
        tokens::InvalidToken,
    },
    throttle::{CodeTry, Owner, Throttle, Throttled},
    user_actions::SignedRequest,
};

/// How often a code is drawn again because one of the same text exists.
const DRAWS: usize = 3;

/// What issuing a code receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueCode {
    /// When the code should expire.
    pub expiration: Timestamp,
    /// Whether to give the long form alone, so that no short twin of it can be guessed.
    pub long_only: bool,
    /// What the code is for.
    pub binding: Binding,
}

/// A code that was issued: the only time it is seen in clear.
pub struct IssuedCode {
    /// The short form, for people; absent when the long one was asked for alone.
    pub short: Option<CodeText>,
    /// The long form, for QR codes and links.
    pub long: CodeText,
    /// A link to the page that takes the long form, where this service serves one for the issuer's
    /// application. The code is in the fragment, which browsers send to no server.
    pub link: Option<CodeText>,
    /// When it expires.
    pub expires: Timestamp,
}

/// Why a code is not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueCodeError {
    /// The requested expiration is outside its bounds.
    #[error("expiration {0}")]
    Expiration(#[from] ExpirationError),
    /// The organization has no such application that is active.
    #[error("there is no such application")]
    UnknownApplication,
    /// The store does not take it, or has codes of the same text however often one is drawn.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// What code/init receives.
pub struct BeginWithCode {
    /// What was entered.
    pub code: EnteredCode,
    /// The kind of credential that is to be made.
    pub kind: CredentialKind,
    /// Whose code it is said to be; when present it must be right.
    pub username: Option<Username>,
}

/// A credential that was made with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeWithCode {
    /// The credential.
    pub credential: Credential,
    /// When it waits for approval: what its place needs meanwhile.
    pub awaited: Option<Awaited>,
    /// The session that began with it, where one was asked for and may.
    pub session: Option<SignedIn>,
}

/// A credential that waits for approval, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The credential.
    pub credential: Credential,
    /// The numbers to choose from, one of which is shown where it was made.
    pub numbers: [u16; 3],
}

/// The newest code of a user at a given moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestCode {
    /// The code.
    pub code: CredentialCode,
    /// The moment to see its status at.
    pub now: Timestamp,
    /// The credential that was made with it and waits for approval.
    pub waiting: Option<Waiting>,
}

/// Why a code is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BeginWithCodeError {
    /// Too many wrong codes.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No application lists the origin.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The code is wrong, expired, used, cancelled, or another organization's: nobody can tell which.
    #[error("the code is not valid")]
    InvalidCode,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a code is not given back.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseCodeError {
    /// The challenge is void: expired or for something else, or its code was redeemed, cancelled or given
    /// back.
    #[error("the challenge is not valid")]
    InvalidChallenge,
    /// No application lists the origin of the request.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Issues, claims and redeems credential codes, and takes them back.
pub struct CredentialCodes {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) store: Arc<dyn CredentialCodeStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl CredentialCodes {
    /// Issues a code and cancels every earlier one that is not redeemed.
    ///
    /// # Errors
    /// [`IssueCodeError`].
    pub async fn issue(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        wanted: IssueCode,
    ) -> Result<IssuedCode, IssueCodeError> {
        let issued = self.issue_one(caller, request, wanted).await;
        let facts = Facts::from(request);
        let events = &self.ceremonies.events;
        events.tell(Event::IssueCode, &facts, issued)
    }

    async fn issue_one(
        &self,
        caller: &Caller,
        request: &SignedRequest,
        wanted: IssueCode,
    ) -> Result<IssuedCode, IssueCodeError> {
        let now = self.ceremonies.now();
        let expires = credential_code::expiration(wanted.expiration, now)?;
        self.require_application(request, &wanted.binding).await?;
        let page = self
            .page(caller, &request.session)
            .await
            .map_err(IssueError::from)?;
        let mut draws = 0;
        loop {
            let mut issued = self.draw(wanted.long_only, expires);
            issued.link = page.as_ref().map(|page| link(page, &issued.long));
            let id = CredentialCodeId::from_random(&self.ceremonies.entropy.draw());
            let new = NewCredentialCode {
                code: CredentialCode::issue(id, &request.session, now, expires)
                    .bound_to(wanted.binding.clone()),
                short: issued
                    .short
                    .as_ref()
                    .map(|short| self.digester.digest(short)),
                long: self.digester.digest(&issued.long),
            };
            draws += 1;
            let authority = request.authority().unless_fresh(now);
            match self.store.issue(authority, new).await {
                Ok(()) => return Ok(issued),
                Err(IssueError::Taken) if draws < DRAWS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Refuses a code for an application that there is not: nobody could use it.
    async fn require_application(
        &self,
        request: &SignedRequest,
        binding: &Binding,
    ) -> Result<(), IssueCodeError> {
        let Some(application) = &binding.application else {
            return Ok(());
        };
        let organization = &request.session.organization;
        let directory = &self.ceremonies.directory;
        let snapshot = directory
            .snapshot_if(|known| known.application(organization, application).is_some())
            .await
            .map_err(IssueError::from)?;
        let is_there = snapshot.application(organization, application).is_some();
        is_there
            .then_some(())
            .ok_or(IssueCodeError::UnknownApplication)
    }

    /// Claims a code and gives a challenge for a new credential of its owner. A code that is refused
    /// costs the same statements, whatever the reason.
    ///
    /// # Errors
    /// [`BeginWithCodeError`].
    pub async fn begin(
        &self,
        caller: &Caller,
        request: &BeginWithCode,
    ) -> Result<CreationChallenge, BeginWithCodeError> {
        let mut facts = Facts::from(caller);
        let claimed = self.challenge(caller, request, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::ClaimCode, &facts, claimed)
    }

    async fn challenge(
        &self,
        caller: &Caller,
        request: &BeginWithCode,
        facts: &mut Facts,
    ) -> Result<CreationChallenge, BeginWithCodeError> {
        let snapshot = self.ceremonies.snapshot_for(caller, None).await?;
        snapshot.admit(caller).map_err(PartyError::from)?;
        let username = request.username.as_ref().map(Username::key);
        let attempt = CodeTry {
            address: caller.address,
            form: request.code.form,
            owner: Owner::Credential(username.as_deref()),
        };
        let claimed = self.claim(caller, request, &snapshot, facts);
        self.throttle.try_code(&attempt, claimed).await
    }

    async fn claim(
        &self,
        caller: &Caller,
        request: &BeginWithCode,
        snapshot: &Snapshot,
        facts: &mut Facts,
    ) -> Result<CreationChallenge, BeginWithCodeError> {
        let digest = self.digester.digest(&request.code.text);
        let mut known = None;
        let party = if let Some(party) = snapshot.party_of_origin(caller) {
            party
        } else {
            let found = self.store.find(request.code.form, &digest).await?;
            let found = known.insert(found.ok_or(BeginWithCodeError::InvalidCode)?);
            self.note(found, facts);
            party_of(&found.code, caller, snapshot)?
        };
        let challenge = self.ceremonies.claiming(&party);
        let entry = entry(caller, request, &party, &challenge);
        if known.is_some_and(|found| !entry.claims(&found.code, &found.owner)) {
            return Err(BeginWithCodeError::InvalidCode);
        }
        let claimed = self.store.claim(request.code.form, &digest, entry).await;
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(ClaimError::Refused(found)) => {
                if let Some(found) = found {
                    self.note(&found, facts);
                }
                return Err(BeginWithCodeError::InvalidCode);
            }
            Err(ClaimError::Store(error)) => return Err(error.into()),
        };
        let owner = claimed.owner;
        facts.note(&owner.organization, &owner.id);
        facts.by_credential = Some(claimed.issuer.clone());
        let purpose = purpose::CredentialWithCode {
            user: owner.id.clone(),
            epoch: owner.epoch,
            code: claimed.id,
            issuer: claimed.issuer,
            kind: request.kind,
            name: claimed.name,
        };
        Ok(CreationChallenge::new(
            self.ceremonies.sign(challenge.of(purpose.into()), party),
            request.kind,
            owner,
            claimed.passkeys,
        ))
    }

    fn note(&self, found: &FoundCode, facts: &mut Facts) {
        let code = &found.code;
        facts.note(&code.organization, &code.user);
        facts.by_credential = Some(code.issuer.clone());
        let has_expired = code.status(self.ceremonies.now()) == CodeStatus::Expired;
        facts.reason = has_expired.then_some(Reason::CodeExpired);
    }

    /// Gives the code back that the challenge claimed. It ends: whoever gives it back has shown it to a
    /// browser and has seen whose account it opens, and to let it be claimed again would be to let it be
    /// claimed twice. Its owner sees at once that nothing comes of it any more, and why.
    ///
    /// A stranger cannot end anything by it. The challenge identifier comes from the claim alone, and since
    /// then the code has been good for nobody else.
    ///
    /// # Errors
    /// [`ReleaseCodeError`].
    pub async fn release(
        &self,
        caller: &Caller,
        identifier: &str,
        reason: ReleaseReason,
    ) -> Result<(), ReleaseCodeError> {
        let mut facts = Facts::from(caller);
        let released = self.give_back(caller, identifier, reason, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::ReleaseCode, &facts, released)
    }

    async fn give_back(
        &self,
        caller: &Caller,
        identifier: &str,
        reason: ReleaseReason,
        told: &mut Facts,
    ) -> Result<(), ReleaseCodeError> {
        let (_, challenge) = self
            .ceremonies
            .read::<purpose::CredentialWithCode, ReleaseCodeError>(caller, identifier)
            .await?;
        told.note(&challenge.organization, &challenge.purpose.user);
        told.by_credential = Some(challenge.purpose.issuer.clone());
        let date = self.ceremonies.now();
        let released = ReleasedCode::with(&challenge, Release { reason, date });
        Ok(self.store.release(released).await?)
    }

    /// The newest code of the user, and what waits for approval because of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest(&self, session: &Session) -> Result<Option<NewestCode>, StoreError> {
        let Some(code) = self.store.newest(&session.user).await? else {
            return Ok(None);
        };
        let now = self.ceremonies.now();
        let waiting = match &code.state {
            CodeState::Redeemed {
                credential,
                wait: Some(wait),
                ..
            } if wait.status(now) == WaitStatus::Waiting => {
                let reference = CredentialReference::Uuid(credential.clone());
                self.accounts
                    .find_credential(&session.organization, &reference)
                    .await?
                    .map(|held| Waiting {
                        credential: held.credential,
                        numbers: comparison(&*self.digester, &code.id).choices(),
                    })
            }
            CodeState::Redeemed { .. }
            | CodeState::Issued
            | CodeState::Claimed(_)
            | CodeState::Cancelled { .. }
            | CodeState::Released { .. } => None,
        };
        Ok(Some(NewestCode { code, now, waiting }))
    }

    /// Cancels every code of the user that is not redeemed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cancel(&self, caller: &Caller, session: &Session) -> Result<(), StoreError> {
        let cancelled = self.store.cancel_all(&session.user).await;
        let facts = Facts::from((caller, session));
        let events = &self.ceremonies.events;
        events.tell(Event::CancelCode, &facts, cancelled)
    }

    fn draw(&self, long_only: bool, expires: Timestamp) -> IssuedCode {
        let draw = || self.ceremonies.entropy.draw();
        IssuedCode {
            short: (!long_only).then(|| credential_code::short_from_random(&draw())),
            long: credential_code::long_from_random(&draw()),
            link: None,
            expires,
        }
    }

    /// The page where a code is entered for the application that the session is used on.
    async fn page(&self, caller: &Caller, session: &Session) -> Result<Option<String>, StoreError> {
        let owner = Some(&session.organization);
        let snapshot = self.ceremonies.snapshot_for(caller, owner).await?;
        // A page that is not the organization's is no reason to refuse the code: nothing is bound to it.
        let Ok(party) = snapshot.party(caller, &session.organization) else {
            return Ok(None);
        };
        let here = caller.known_origin().filter(Origin::is_web);
        let prefix = self.ceremonies.messages.pages.as_ref();
        Ok(party.application.enrol_page(here.as_ref(), prefix))
    }
}

/// The symbols of a long code need no encoding in a fragment.
fn link(page: &str, code: &CodeText) -> CodeText {
    CodeText::new(format!("{page}#{}", code.reveal()))
}

/// The entry of a code there, which that challenge claims it for.
fn entry(
    caller: &Caller,
    request: &BeginWithCode,
    party: &Party,
    challenge: &Challenge<()>,
) -> CodeEntry {
    CodeEntry {
        organization: party.application.organization.clone(),
        application: party.application.id.clone(),
        kind: request.kind,
        username: request.username.clone(),
        claim: Claim {
            date: challenge.issued,
            origin: caller.known_origin(),
            address: caller.address,
            challenge: challenge.id.clone(),
            expires: challenge.expires,
        },
    }
}

/// The application that a ceremony with that code is for.
fn party_of(
    code: &CredentialCode,
    caller: &Caller,
    snapshot: &Snapshot,
) -> Result<Party, PartyError> {
    match &code.binding.application {
        Some(only) => snapshot.party_in(caller, &code.organization, only),
        None => snapshot.party(caller, &code.organization),
    }
}

impl From<PartyError> for BeginWithCodeError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::OriginNotAllowed => Self::OriginNotAllowed,
            PartyError::ForeignOrigin | PartyError::NoApplication => Self::InvalidCode,
        }
    }
}

impl From<NotAdmitted> for ReleaseCodeError {
    fn from(_error: NotAdmitted) -> Self {
        Self::OriginNotAllowed
    }
}

impl From<InvalidToken> for ReleaseCodeError {
    fn from(_error: InvalidToken) -> Self {
        Self::InvalidChallenge
    }
}

impl From<ReleaseError> for ReleaseCodeError {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Lost => Self::InvalidChallenge,
            ReleaseError::Store(error) => Self::Store(error),
        }
    }
}

#[cfg(test)]
mod tests;
