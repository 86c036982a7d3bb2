//! The directory: which organizations and applications there are, and which one a ceremony is for.

pub mod page;

use std::{net::IpAddr, sync::Arc, time::Duration};

use latchkey_domain::{
    application::{Application, Origin, RpId},
    challenge::Challenge,
    id::{ApplicationId, OrganizationId},
    organization::{Approval, Organization},
    time::Timestamp,
};
use tokio::sync::RwLock;

use crate::ports::{
    clock::Clock,
    directory_store::{DirectoryEntries, DirectoryStore},
    proof_verifier::Expected,
    store::StoreError,
};

/// How old a snapshot may be. Whatever takes effect requires the rows again in its transaction.
const MAXIMUM_AGE: Duration = Duration::from_secs(5);

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

    /// Whether credentials that are made with a code in this organization wait for their owner.
    pub fn approval(&self, organization: &OrganizationId) -> Approval {
        self.organizations
            .iter()
            .find(|known| known.id == *organization)
            .map_or_else(Approval::default, |known| known.approval)
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

    /// Where people of an organization find its pages: the first web origin of its oldest application.
    pub fn page_of(&self, organization: &OrganizationId) -> Option<&Origin> {
        let origins = self
            .of(organization)
            .flat_map(|own| own.relying_party.origins());
        origins
            .into_iter()
            .find(|origin| origin.as_str().starts_with("http"))
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

/// Keeps a snapshot of the directory that is at most five seconds old.
pub struct Directory {
    store: Arc<dyn DirectoryStore>,
    clock: Arc<dyn Clock>,
    latest: RwLock<Option<(Timestamp, Arc<Snapshot>)>>,
}

impl Directory {
    /// A directory that reads from `store`.
    pub fn new(store: Arc<dyn DirectoryStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            latest: RwLock::new(None),
        }
    }

    /// The present snapshot. When it is too old one caller reads a new one, and the others wait for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        if let Some(snapshot) = self.fresh(self.latest.read().await.as_ref()) {
            return Ok(snapshot);
        }
        let mut latest = self.latest.write().await;
        if let Some(snapshot) = self.fresh(latest.as_ref()) {
            return Ok(snapshot);
        }
        // The age counts from before the read, so that the snapshot is never older than it seems.
        let loaded = self.clock.now();
        let entries = self.store.load().await?;
        let snapshot = Arc::new(Snapshot::from(entries));
        *latest = Some((loaded, Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    fn fresh(&self, latest: Option<&(Timestamp, Arc<Snapshot>)>) -> Option<Arc<Snapshot>> {
        let (loaded, snapshot) = latest?;
        let now = self.clock.now();
        (now >= *loaded && now.since(*loaded) < MAXIMUM_AGE).then(|| Arc::clone(snapshot))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::{
        ports::{clock::MockClock, directory_store::MockDirectoryStore},
        testing::{application, caller, entries, organization, tenant},
    };

    fn snapshot() -> Snapshot {
        entries().into()
    }

    #[test]
    fn an_origin_tells_the_application_and_binds_the_challenge() {
        // Whatever application a legacy client names.
        let caller = Caller {
            application: Some(application("one", 1).id),
            ..caller(Some("https://two.example"))
        };
        let party = snapshot().party(&caller, &organization(1)).unwrap();
        assert_eq!(party.application.name.as_str(), "two");
        assert!(party.is_bound);
    }

    #[test]
    fn without_an_origin_the_oldest_application_is_named_and_nothing_is_bound() {
        let party = snapshot().party(&caller(None), &organization(1)).unwrap();
        assert_eq!(party.application.name.as_str(), "one");
        assert_eq!(party.bound(), None);
    }

    #[test]
    fn a_legacy_application_id_is_followed_within_the_organization_only() {
        let named = |name: &str, owner| Caller {
            application: Some(application(name, owner).id),
            ..caller(None)
        };
        let party = snapshot()
            .party(&named("two", 1), &organization(1))
            .unwrap();
        assert_eq!(party.application.name.as_str(), "two");
        let party = snapshot()
            .party(&named("other", 2), &organization(1))
            .unwrap();
        assert_eq!(party.application.name.as_str(), "one");
    }

    #[test]
    fn unlisted_and_foreign_origins_are_told_apart() {
        let choose = |origin| snapshot().party(&caller(Some(origin)), &organization(1));
        assert_eq!(
            choose("https://evil.example"),
            Err(PartyError::OriginNotAllowed)
        );
        assert_eq!(choose("null"), Err(PartyError::OriginNotAllowed));
        assert_eq!(
            choose("https://other.example"),
            Err(PartyError::ForeignOrigin)
        );
    }

    #[test]
    fn an_organization_without_applications_has_no_party() {
        let party = snapshot().party(&caller(None), &organization(3));
        assert_eq!(party, Err(PartyError::NoApplication));
    }

    #[test]
    fn the_organization_may_be_left_out_when_there_is_one() {
        assert_eq!(snapshot().organization(None), Err(OrganizationRequired));
        let one = Snapshot {
            organizations: vec![tenant(7)],
            applications: vec![],
        };
        assert_eq!(one.organization(None), Ok(organization(7)));
        assert_eq!(one.organization(Some(organization(9))), Ok(organization(9)));
    }

    #[tokio::test]
    async fn a_snapshot_is_read_again_after_five_seconds() {
        static NOW: AtomicI64 = AtomicI64::new(0);
        let mut store = MockDirectoryStore::new();
        store.expect_load().times(2).returning(|| Ok(entries()));
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .returning(|| Timestamp::from_unix_milliseconds(NOW.load(Ordering::Relaxed)));
        let directory = Directory::new(Arc::new(store), Arc::new(clock));
        for now in [0, 4_999, 5_000, 9_999] {
            NOW.store(now, Ordering::Relaxed);
            assert!(
                directory
                    .snapshot()
                    .await
                    .unwrap()
                    .lists("https://one.example")
            );
        }
    }
}
