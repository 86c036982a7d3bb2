//! The directory: which organizations and applications there are, and which one a ceremony is for.

pub mod page;

use std::{net::IpAddr, sync::Arc, time::Duration};

use latchkey_domain::{
    application::{Application, Origin, RpId, look::Logo, pages::PagePrefix},
    challenge::Challenge,
    id::{ApplicationId, OrganizationId},
    organization::{Approval, CodeSignIn, Organization, RequestsFrom},
    text::{ApplicationName, OrganizationName},
};

use crate::{
    flight::{Flight, is_within},
    ports::{
        clock::Clock,
        directory_store::{DirectoryEntries, DirectoryStore},
        proof_verifier::Expected,
        store::StoreError,
    },
};

/// How old a snapshot may be before a new one is read. Whatever takes effect requires the rows again in its
/// transaction.
const MAXIMUM_AGE: Duration = Duration::from_secs(5);

/// How old a snapshot may be while a new one is being read, or cannot be.
const OLDEST: Duration = Duration::from_secs(30);

/// How often at most a new one is read because of what the present one does not know: strangers can ask for
/// anything.
const ASKING_INTERVAL: Duration = Duration::from_secs(1);

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The `Origin` header as received; native clients send none.
    pub origin: Option<String>,
    /// The application that a legacy client names in `X-DFNS-APPID`.
    pub application: Option<ApplicationId>,
    /// The client's address.
    pub address: IpAddr,
}

impl Caller {
    /// The origin when it is one that can be registered; anything else was refused before.
    pub fn known_origin(&self) -> Option<Origin> {
        self.origin
            .as_deref()
            .and_then(|origin| Origin::new(origin).ok())
    }
}

/// Why no organization can be told from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("orgId is required, because there are several organizations")]
pub struct OrganizationRequired;

/// No application lists the origin of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin is not allowed")]
pub struct NotAdmitted;

/// Why no application can be told from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyError {
    /// The origin is not listed by any application at all.
    #[error("the origin is not allowed")]
    OriginNotAllowed,
    /// The origin is listed, but only by applications of other organizations.
    #[error("the origin belongs to another organization")]
    ForeignOrigin,
    /// The organization has no active application.
    #[error("the organization has no active application")]
    NoApplication,
}

/// The application a ceremony takes place in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Named in `rp`.
    pub application: Arc<Application>,
    /// Whether the request told it by its origin: then the challenge is bound to it. Otherwise the
    /// challenge is bound to the organization, and the proof tells.
    pub is_bound: bool,
}

impl Party {
    /// The application to bind a challenge to.
    pub fn bound(&self) -> Option<ApplicationId> {
        self.is_bound.then(|| self.application.id.clone())
    }

    /// The RP id whose passkeys the client can use, if the request told it.
    pub fn rp_id(&self) -> Option<&RpId> {
        self.is_bound
            .then(|| self.application.relying_party.rp_id())
    }
}

/// All that was active at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    organizations: Vec<Organization>,
    applications: Vec<Arc<Application>>,
}

impl Snapshot {
    /// Whether it knows enough to tell the application that a request is for.
    fn knows(&self, caller: &Caller, organization: Option<&OrganizationId>) -> bool {
        match organization {
            Some(organization) => self.party(caller, organization).is_ok(),
            None => self.admit(caller).is_ok(),
        }
    }

    /// Every active application, oldest first.
    pub fn applications(&self) -> &[Arc<Application>] {
        &self.applications
    }

    /// Whether any application lists this origin, exactly.
    pub fn lists(&self, origin: &str) -> bool {
        self.applications
            .iter()
            .any(|application| application.relying_party.allows(origin))
    }

    /// Refuses a caller whose origin no application lists; no origin is fine.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub fn admit(&self, caller: &Caller) -> Result<(), NotAdmitted> {
        match &caller.origin {
            Some(origin) if !self.lists(origin) => Err(NotAdmitted),
            Some(_) | None => Ok(()),
        }
    }

    /// The organization a request names, or the only one there is. A named one need not exist.
    ///
    /// # Errors
    /// [`OrganizationRequired`] when none is named and there are several.
    pub fn organization(
        &self,
        named: Option<OrganizationId>,
    ) -> Result<OrganizationId, OrganizationRequired> {
        match (named, self.organizations.as_slice()) {
            (Some(named), _) => Ok(named),
            (None, [only]) => Ok(only.id.clone()),
            (None, _) => Err(OrganizationRequired),
        }
    }

    /// The application that a ceremony of this organization is for (security promises, "Which
    /// application (RP) a ceremony is for"): by origin; without one by the named application, else the
    /// oldest. Never by the `Host` header.
    ///
    /// # Errors
    /// [`PartyError`].
    pub fn party(
        &self,
        caller: &Caller,
        organization: &OrganizationId,
    ) -> Result<Party, PartyError> {
        self.admit(caller)?;
        let mut own = self.of(organization);
        if let Some(origin) = &caller.origin {
            let application = own
                .find(|application| application.relying_party.allows(origin))
                .ok_or(PartyError::ForeignOrigin)?;
            return Ok(Party {
                application: Arc::clone(application),
                is_bound: true,
            });
        }
        let named = caller.application.as_ref().and_then(|named| {
            self.of(organization)
                .find(|application| application.id == *named)
        });
        let application = named
            .or_else(|| own.next())
            .ok_or(PartyError::NoApplication)?;
        Ok(Party {
            application: Arc::clone(application),
            is_bound: false,
        })
    }

    /// The same for what is for one application: whoever comes from another one, or names another one, is
    /// refused as who comes from another organization, and a client that says nothing means that one.
    ///
    /// # Errors
    /// [`PartyError`].
    pub fn party_in(
        &self,
        caller: &Caller,
        organization: &OrganizationId,
        only: &ApplicationId,
    ) -> Result<Party, PartyError> {
        let party = self.party(caller, organization)?;
        let is_for_another = if party.is_bound {
            party.application.id != *only
        } else {
            // As elsewhere, the name of an application that is none here says nothing.
            let named = caller.application.as_ref();
            named.is_some_and(|named| {
                named != only && self.application(organization, named).is_some()
            })
        };
        if is_for_another {
            return Err(PartyError::ForeignOrigin);
        }
        let application = self
            .application(organization, only)
            .ok_or(PartyError::NoApplication)?;
        Ok(Party {
            application: Arc::clone(application),
            is_bound: true,
        })
    }

    /// The application that a ceremony of whichever organization is for, where the origin tells it: the only one that
    /// lists it.
    pub fn party_of_origin(&self, caller: &Caller) -> Option<Party> {
        let origin = caller.origin.as_ref()?;
        let all = self.applications.iter();
        let mut listing = all.filter(|application| application.relying_party.allows(origin));
        let only = listing.next().filter(|_first| listing.next().is_none())?;
        Some(Party {
            application: Arc::clone(only),
            is_bound: true,
        })
    }

    /// An application of that organization that is active.
    pub fn application(
        &self,
        organization: &OrganizationId,
        id: &ApplicationId,
    ) -> Option<&Arc<Application>> {
        self.of(organization).find(|own| own.id == *id)
    }

    /// Whether a ceremony of this challenge may be completed from there: on a page of an application that it is for,
    /// or where no page is named.
    pub fn completes<P>(&self, challenge: &Challenge<P>, caller: &Caller) -> bool {
        let applications = self.expected(challenge).applications;
        let mut pages = applications.iter().map(|own| &own.relying_party);
        match &caller.origin {
            Some(origin) => pages.any(|page| page.allows(origin)),
            None => pages.next().is_some(),
        }
    }

    /// What a proof for this challenge must be about.
    pub fn expected<P>(&self, challenge: &Challenge<P>) -> Expected {
        let bound = challenge.application.as_ref();
        let applications = self
            .of(&challenge.organization)
            .filter(|own| bound.is_none_or(|bound| *bound == own.id));
        Expected {
            challenge: challenge.text.clone(),
            applications: applications.map(Arc::clone).collect(),
        }
    }

    /// Where people of an organization find the pages that are served below that prefix, without a slash at the
    /// end: on the first web origin of its oldest application that shows them.
    pub fn page_of(&self, organization: &OrganizationId, prefix: &PagePrefix) -> Option<String> {
        self.home_of(organization, prefix).map(|(_, page)| page)
    }

    /// The same, with the application whose page it is.
    pub fn home_of(
        &self,
        organization: &OrganizationId,
        prefix: &PagePrefix,
    ) -> Option<(&Application, String)> {
        self.of(organization).find_map(|own| {
            let page = own.page(None, Some(prefix))?;
            Some((own.as_ref(), page))
        })
    }

    /// What an organization is called.
    pub fn name_of(&self, organization: &OrganizationId) -> Option<&OrganizationName> {
        self.tenant(organization).map(|found| &found.name)
    }

    /// Whether making a credential with a code of that organization begins a session.
    pub fn code_sign_in(&self, organization: &OrganizationId) -> CodeSignIn {
        let found = self.tenant(organization);
        found.map(|found| found.code_sign_in).unwrap_or_default()
    }

    /// Whether owners approve what is made with a code of that organization. It was so when the directory was read;
    /// what is so when something is made is decided in the store.
    pub fn approval(&self, organization: &OrganizationId) -> Approval {
        let found = self.tenant(organization);
        found.map_or(Approval::Never, |found| found.approval)
    }

    /// Whether places may ask users of that organization for codes.
    pub fn lets_ask(&self, organization: &OrganizationId) -> bool {
        let found = self.tenant(organization);
        found.is_some_and(|found| found.requests_from != RequestsFrom::Nowhere)
    }

    fn tenant(&self, organization: &OrganizationId) -> Option<&Organization> {
        let mut known = self.organizations.iter();
        known.find(|known| known.id == *organization)
    }

    /// What an application is called.
    pub fn name_of_application(&self, application: &ApplicationId) -> Option<&ApplicationName> {
        let mut known = self.applications.iter();
        let found = known.find(|known| known.id == *application)?;
        Some(&found.name)
    }

    fn of(&self, organization: &OrganizationId) -> impl Iterator<Item = &Arc<Application>> {
        self.applications
            .iter()
            .filter(move |application| application.organization == *organization)
    }
}

impl From<DirectoryEntries> for Snapshot {
    fn from(entries: DirectoryEntries) -> Self {
        Self {
            organizations: entries.organizations,
            applications: entries.applications.into_iter().map(Arc::new).collect(),
        }
    }
}

impl From<NotAdmitted> for PartyError {
    fn from(_error: NotAdmitted) -> Self {
        Self::OriginNotAllowed
    }
}

/// Keeps a snapshot of the directory: usually at most five seconds old, and never more than thirty.
pub struct Directory {
    store: Arc<dyn DirectoryStore>,
    clock: Arc<dyn Clock>,
    /// Nobody who has a snapshot to work with waits for the one who reads.
    flight: Flight<Arc<Snapshot>>,
}

impl Directory {
    /// A directory that reads from `store`.
    pub fn new(store: Arc<dyn DirectoryStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            flight: Flight::default(),
        }
    }

    /// The present snapshot.
    ///
    /// # Errors
    /// As [`snapshot_if`](Self::snapshot_if).
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        self.snapshot_if(|_snapshot| true).await
    }

    /// The newest snapshot that was read, however old it is: for words that go with what happens, and never for
    /// what is decided.
    pub fn known(&self) -> Option<Arc<Snapshot>> {
        let (_, snapshot) = self.flight.log().good?;
        Some(snapshot)
    }

    /// The logo of an application, as it is kept now: whoever shows it keeps it for as long as the tag in the
    /// snapshot is the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn logo(&self, application: &ApplicationId) -> Result<Option<Logo>, StoreError> {
        self.store.logo(application).await
    }

    /// The present snapshot, for a request in this organization, if it names or has one.
    ///
    /// # Errors
    /// As [`snapshot_if`](Self::snapshot_if).
    pub async fn snapshot_for(
        &self,
        caller: &Caller,
        organization: Option<&OrganizationId>,
    ) -> Result<Arc<Snapshot>, StoreError> {
        self.snapshot_if(|known| known.knows(caller, organization))
            .await
    }

    /// The present snapshot if it `knows` what it is wanted for, so that whatever is new is known at once;
    /// else a new one, at most once a second. A snapshot that is too old is renewed by one caller; the
    /// others go on with it meanwhile, and so does everybody when it cannot be, until it is thirty seconds
    /// old.
    ///
    /// # Errors
    /// [`StoreError`] when there is no snapshot to go on with.
    pub async fn snapshot_if(
        &self,
        knows: impl Fn(&Snapshot) -> bool,
    ) -> Result<Arc<Snapshot>, StoreError> {
        let now = self.clock.now();
        let log = self.flight.log();
        if let Some(fresh) = log.good_within(MAXIMUM_AGE, now)
            && (knows(&fresh)
                || log
                    .asked
                    .is_some_and(|asked| is_within(ASKING_INTERVAL, asked, now)))
        {
            return Ok(fresh);
        }
        let old = log.good_within(OLDEST, now);
        let turn = match (self.flight.try_turn(), &old) {
            (Some(turn), _) => turn,
            (None, Some(old)) if knows(old) => return Ok(Arc::clone(old)),
            (None, _) => self.flight.turn().await,
        };
        let store = Arc::clone(&self.store);
        let reading = async move {
            let entries = store.load().await;
            entries.map(|entries| Arc::new(Snapshot::from(entries)))
        };
        let outcome = self.flight.ask(turn, &log, now, reading).await;
        outcome.or_else(|error| old.ok_or(error))
    }
}

#[cfg(test)]
mod tests;
