//! Code requests: Create Credential With Code the other way round. The new place, where nobody is signed in, asks for
//! a code, and a user who is signed in elsewhere grants it one; from there on it is the same flow.

use std::{net::IpAddr, sync::Arc, time::Duration};

use latchkey_domain::{
    code_request::{CodeRequest, INTERVAL, LIFETIME, RequestState, RequestStatus},
    credential::CredentialKind,
    credential_code::{self, CodeForm, CodeText, EnteredCode},
    id::{CodeRequestId, CredentialCodeId, OrganizationId},
    organization::RequestsFrom,
    session::Session,
    text::ApplicationName,
    time::Timestamp,
};

use crate::{
    approvals::comparison,
    ceremony::Ceremonies,
    directory::{Caller, NotAdmitted, OrganizationRequired, PartyError},
    events::{Event, Facts, Reason},
    network::network,
    ports::{
        code_digester::CodeDigester,
        code_request_store::{
            CodeRequestStore, DecideRequestError, FoundRequest, OpenRequestError,
            RefuseRequestError,
        },
        store::StoreError,
    },
    throttle::{CodeTry, Owner, Throttle, Throttled},
    user_actions::SignedRequest,
};

/// How often codes are drawn again because a request of the same text exists.
const DRAWS: usize = 3;

/// What a place asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCode {
    /// Whose users may grant it, when the client says that.
    pub organization: Option<OrganizationId>,
    /// The kind of credential that is to be made: one that signs in.
    pub kind: CredentialKind,
}

/// A request that was opened: the only time its codes are seen in clear.
pub struct OpenedRequest {
    /// What the place shows, for who is signed in elsewhere to enter.
    pub short: CodeText,
    /// What the place keeps to itself: it asks with it what has become of the request, and makes its credential with
    /// it when that is granted.
    pub long: CodeText,
    /// The number that the place shows, which who grants the request picks.
    pub number: u16,
    /// When it expires.
    pub expires: Timestamp,
    /// How long to wait at least before each question what has become of it.
    pub interval: Duration,
}

/// A request that waits, as the user sees it who may grant it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRequest {
    /// The request.
    pub request: CodeRequest,
    /// What the application is called at whose page the place is.
    pub application: Option<ApplicationName>,
    /// Whether the place is in the network of who looks at it, as far as its address tells.
    pub is_near: bool,
    /// The numbers to choose from, one of which the place shows.
    pub numbers: [u16; 3],
}

/// Why a request is not opened.
#[derive(Debug, thiserror::Error)]
pub enum RequestCodeError {
    /// Too many requests.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// No organization can be told.
    #[error(transparent)]
    OrganizationRequired(#[from] OrganizationRequired),
    /// The place is at no application of the organization.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// The credential would not be one to sign in with, but a way back into the account for ever.
    #[error("a place cannot ask for a credential of this kind")]
    KindNotAllowed,
    /// The store does not take it, or has requests of the same text however often one is drawn.
    #[error(transparent)]
    Open(#[from] OpenRequestError),
}

/// Why a request is not shown, or not refused.
#[derive(Debug, thiserror::Error)]
pub enum FindRequestError {
    /// Too many wrong codes.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The code is wrong or expired, or the request decided or another organization's: nobody can tell which.
    #[error("the code is not valid")]
    InvalidCode,
    /// The organization lets places ask from the network of who grants it alone, and this one is elsewhere.
    #[error("the place is in another network")]
    OtherNetwork,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request is not granted.
#[derive(Debug, thiserror::Error)]
pub enum GrantRequestError {
    /// There is none to grant.
    #[error(transparent)]
    Find(#[from] FindRequestError),
    /// The number is not the one that the place shows: the request is refused.
    #[error("the number is not the one that the place shows")]
    WrongNumber,
    /// It is not decided at all.
    #[error(transparent)]
    Decide(#[from] DecideRequestError),
}

/// Opens, shows, grants and refuses requests for codes.
pub struct CodeRequests {
    pub(crate) ceremonies: Ceremonies,
    pub(crate) digester: Arc<dyn CodeDigester>,
    pub(crate) store: Arc<dyn CodeRequestStore>,
    pub(crate) throttle: Arc<Throttle>,
}

impl CodeRequests {
    /// Opens a request of a place where nobody is signed in.
    ///
    /// # Errors
    /// [`RequestCodeError`].
    pub async fn open(
        &self,
        caller: &Caller,
        wanted: RequestCode,
    ) -> Result<OpenedRequest, RequestCodeError> {
        let mut facts = Facts::from(caller);
        let opened = self.open_one(caller, wanted, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::RequestCode, &facts, opened)
    }

    async fn open_one(
        &self,
        caller: &Caller,
        wanted: RequestCode,
        facts: &mut Facts,
    ) -> Result<OpenedRequest, RequestCodeError> {
        let named = wanted.organization.as_ref();
        let snapshot = self.ceremonies.snapshot_for(caller, named).await?;
        snapshot.admit(caller)?;
        let organization = snapshot.organization(wanted.organization)?;
        facts.organization = Some(organization.clone());
        let party = snapshot.party(caller, &organization)?;
        // Whoever has no page may name the application; one that is none of the organization's says nothing, as
        // elsewhere.
        let named = || {
            let named = caller.application.as_ref()?;
            snapshot.application(&organization, named)
        };
        let application = party
            .bound()
            .or_else(|| named().map(|named| named.id.clone()));
        facts.application.clone_from(&application);
        if !wanted.kind.signs_in() {
            return Err(RequestCodeError::KindNotAllowed);
        }
        // Where it is off, which it is by default, strangers reach no transaction. The one that opens a request
        // decides.
        let directory = &self.ceremonies.directory;
        let known = directory
            .snapshot_if(|known| known.lets_ask(&organization))
            .await?;
        if !known.lets_ask(&organization) {
            return Err(OpenRequestError::NotOffered.into());
        }
        self.throttle
            .count_code_request(caller.address, &organization)?;
        let now = self.ceremonies.now();
        let mut draws = 0;
        loop {
            let draw = || self.ceremonies.entropy.draw();
            let id = CodeRequestId::from_random(&draw());
            let short = credential_code::short_from_random(&draw());
            let long = credential_code::long_from_random(&draw());
            let request = CodeRequest {
                id: id.clone(),
                organization: organization.clone(),
                application: application.clone(),
                origin: caller.known_origin(),
                address: caller.address,
                kind: wanted.kind,
                short: self.digester.digest(&short),
                long: self.digester.digest(&long),
                opened: now,
                expires: now.plus(LIFETIME),
                state: RequestState::Waiting,
            };
            let (kept, expires) = (request.long, request.expires);
            draws += 1;
            match self.store.open(request).await {
                Ok(()) => {
                    self.throttle.know_place(&kept);
                    return Ok(OpenedRequest {
                        short,
                        long,
                        number: comparison(&*self.digester, &id).number(),
                        expires,
                        interval: INTERVAL,
                    });
                }
                Err(OpenRequestError::Taken) if draws < DRAWS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What has become of a request, for the place that opened it: only it has the long code. To ask costs one
    /// statement, and counts as a try of a code unless there is such a request.
    ///
    /// # Errors
    /// [`FindRequestError`].
    pub async fn status(
        &self,
        caller: &Caller,
        code: &EnteredCode,
    ) -> Result<RequestStatus, FindRequestError> {
        let digest = self.digester.digest(&code.text);
        let attempt = CodeTry {
            address: caller.address,
            form: code.form,
            owner: Owner::Place(&digest),
        };
        let look_up = async {
            let found = self.store.find(CodeForm::Long, &digest).await?;
            found.ok_or(FindRequestError::InvalidCode)
        };
        let found = self.throttle.try_code(&attempt, look_up).await?;
        self.throttle.know_place(&digest);
        Ok(found.request.status(self.ceremonies.now()))
    }

    /// The request whose short code that is, for a user of its organization. Nothing changes by looking.
    ///
    /// # Errors
    /// [`FindRequestError`].
    pub async fn find(
        &self,
        caller: &Caller,
        session: &Session,
        code: &EnteredCode,
    ) -> Result<WaitingRequest, FindRequestError> {
        let mut facts = Facts::from((caller, session));
        let attempt = attempt(caller.address, session, code);
        let look_up = self.waiting(caller, session, code, &mut facts);
        let found = self.throttle.try_code(&attempt, look_up).await;
        let events = &self.ceremonies.events;
        let request = events.tell(Event::FindCodeRequest, &facts, found)?.request;
        let snapshot = self.ceremonies.directory.snapshot().await?;
        let application = request.application.as_ref();
        let application = application.and_then(|id| snapshot.name_of_application(id).cloned());
        Ok(WaitingRequest {
            application,
            is_near: is_near(request.address, caller.address),
            numbers: comparison(&*self.digester, &request.id).choices(),
            request,
        })
    }

    /// Grants the request whose short code that is, if the number is the one that its place shows; with another one
    /// it is refused, because then its user is looking at another place than the one that has opened it. What is
    /// granted is a credential code of the user, for what the place asked and nothing else, whose text only the place
    /// has. Code and number are part of what is signed.
    ///
    /// # Errors
    /// [`GrantRequestError`].
    pub async fn grant(
        &self,
        request: &SignedRequest,
        code: &EnteredCode,
        number: u16,
    ) -> Result<(), GrantRequestError> {
        let mut facts = Facts::from(request);
        let granted = self.grant_one(request, code, number, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::GrantCodeRequest, &facts, granted)
    }

    async fn grant_one(
        &self,
        signed: &SignedRequest,
        code: &EnteredCode,
        number: u16,
        facts: &mut Facts,
    ) -> Result<(), GrantRequestError> {
        let session = &signed.session;
        let attempt = attempt(signed.address, session, code);
        let look_up = self.find_for(signed.address, session, code, facts);
        let found = self.throttle.try_code(&attempt, look_up).await?;
        let now = self.ceremonies.now();
        // Whether it waits is asked where it is decided, after the user action: one that was used is told to be so.
        if comparison(&*self.digester, &found.request.id).number() != number {
            let refusal = found.decision(now, None);
            self.store.decide(signed.authority(), refusal).await?;
            return Err(GrantRequestError::WrongNumber);
        }
        let id = CredentialCodeId::from_random(&self.ceremonies.entropy.draw());
        let granted = found.request.code(id, session, now);
        let authority = signed.authority().unless_fresh(now);
        let decision = found.decision(now, Some(granted));
        Ok(self.store.decide(authority, decision).await?)
    }

    /// Refuses the request whose short code that is, which a user of its organization says is none of theirs: its
    /// place learns it as after a wrong number. It is found as by looking; nothing is signed, since a refusal allows
    /// nothing. One that does not wait any more is answered as by looking, too.
    ///
    /// # Errors
    /// [`FindRequestError`].
    pub async fn refuse(
        &self,
        caller: &Caller,
        session: &Session,
        code: &EnteredCode,
    ) -> Result<(), FindRequestError> {
        let mut facts = Facts::from((caller, session));
        let refused = self.refuse_one(caller, session, code, &mut facts).await;
        let events = &self.ceremonies.events;
        events.tell(Event::RefuseCodeRequest, &facts, refused)
    }

    async fn refuse_one(
        &self,
        caller: &Caller,
        session: &Session,
        code: &EnteredCode,
        facts: &mut Facts,
    ) -> Result<(), FindRequestError> {
        let attempt = attempt(caller.address, session, code);
        let look_up = self.waiting(caller, session, code, facts);
        let found = self.throttle.try_code(&attempt, look_up).await?;
        Ok(self.store.refuse(&found, self.ceremonies.now()).await?)
    }

    /// The request that waits, and that a user may grant or refuse from there.
    async fn waiting(
        &self,
        caller: &Caller,
        session: &Session,
        code: &EnteredCode,
        facts: &mut Facts,
    ) -> Result<FoundRequest, FindRequestError> {
        let found = self.find_for(caller.address, session, code, facts).await?;
        match found.request.status(self.ceremonies.now()) {
            RequestStatus::Waiting => Ok(found),
            RequestStatus::Expired => {
                facts.reason = Some(Reason::CodeExpired);
                Err(FindRequestError::InvalidCode)
            }
            RequestStatus::Granted | RequestStatus::Refused => Err(FindRequestError::InvalidCode),
        }
    }

    /// The request that a place of the user's organization shows that code for, from where it may ask, whatever was
    /// decided.
    async fn find_for(
        &self,
        address: IpAddr,
        session: &Session,
        code: &EnteredCode,
        facts: &mut Facts,
    ) -> Result<FoundRequest, FindRequestError> {
        let digest = self.digester.digest(&code.text);
        let found = self.store.find(CodeForm::Short, &digest).await?;
        let found = found
            .filter(|found| {
                found.request.organization == session.organization
                    && found.from != RequestsFrom::Nowhere
                    // A replica of before may have opened one.
                    && found.request.kind.signs_in()
            })
            .ok_or(FindRequestError::InvalidCode)?;
        facts.application.clone_from(&found.request.application);
        if found.from == RequestsFrom::SameNetwork && !is_near(found.request.address, address) {
            return Err(FindRequestError::OtherNetwork);
        }
        Ok(found)
    }
}

/// That a user tries the code that a place shows.
fn attempt<'a>(address: IpAddr, session: &'a Session, code: &EnteredCode) -> CodeTry<'a> {
    CodeTry {
        address,
        form: code.form,
        owner: Owner::Request(&session.user),
    }
}

/// Whether two addresses are of one network, as far as an address tells.
fn is_near(one: IpAddr, other: IpAddr) -> bool {
    network(one) == network(other)
}

impl From<NotAdmitted> for RequestCodeError {
    fn from(error: NotAdmitted) -> Self {
        Self::Party(error.into())
    }
}

/// Who decided first is not told.
impl From<RefuseRequestError> for FindRequestError {
    fn from(error: RefuseRequestError) -> Self {
        match error {
            RefuseRequestError::NotWaiting => Self::InvalidCode,
            RefuseRequestError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for RequestCodeError {
    fn from(error: StoreError) -> Self {
        Self::Open(error.into())
    }
}

#[cfg(test)]
mod tests;
