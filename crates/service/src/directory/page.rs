//! Where a page is: what it may be told about the application it belongs to.

use std::{collections::BTreeMap, sync::Arc};

use latchkey_domain::{
    application::{
        Application, Origin,
        related::{TooManyLabels, check_labels},
    },
    host::RequestHost,
    id::OrganizationId,
    organization::Organization,
};

use super::Snapshot;

/// An application's page and its surroundings. It informs; no ceremony is decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The organization of the application.
    pub organization: Organization,
    /// The application.
    pub application: Arc<Application>,
    /// Which of the application's origins it is.
    pub origin: Origin,
    /// Every application of the organization, oldest first, this one included.
    pub applications: Vec<Arc<Application>>,
}

impl Snapshot {
    /// The page of an origin that an application lists, exactly. When several organizations list it,
    /// the oldest application is meant, unless an organization is named.
    pub fn page(&self, origin: &str, organization: Option<&OrganizationId>) -> Option<Page> {
        let application = self
            .applications
            .iter()
            .filter(|application| organization.is_none_or(|id| application.organization == *id))
            .find(|application| application.relying_party.allows(origin))?;
        let organization = self
            .organizations
            .iter()
            .find(|organization| organization.id == application.organization)?;
        Some(Page {
            organization: organization.clone(),
            application: Arc::clone(application),
            origin: Origin::new(origin).ok()?,
            applications: self.of(&organization.id).map(Arc::clone).collect(),
        })
    }

    /// The applications with pages, oldest first, where there is only one organization: then nobody asks whose
    /// they are. Where there are several, a stranger is not told who else is here.
    pub fn of_the_only_organization(&self) -> Vec<Arc<Application>> {
        match self.organizations.as_slice() {
            [only] => self
                .of(&only.id)
                .filter(|application| application.relying_party.first_page().is_some())
                .map(Arc::clone)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether nobody has an application here yet.
    pub fn has_no_application(&self) -> bool {
        self.applications.is_empty()
    }

    /// The applications whose RP id a `Host` header (RFC 9110 §7.2) names, with or without a port, oldest
    /// first: theirs are the files that browsers and authenticators look for at the RP id itself.
    pub fn at_rp_id(&self, host: &str) -> Vec<Arc<Application>> {
        let host = RequestHost::parse(host);
        let Some(name) = host.as_ref().and_then(RequestHost::domain) else {
            return Vec::new();
        };
        self.applications
            .iter()
            .filter(|application| application.relying_party.rp_id().as_str() == name)
            .cloned()
            .collect()
    }

    /// The RP ids with origins that browsers may leave out, in alphabetical order. All applications of an
    /// RP id count, because its host lists all their origins together.
    pub fn crowded_rp_ids(&self) -> Vec<TooManyLabels> {
        let mut origins: BTreeMap<_, Vec<&Origin>> = BTreeMap::new();
        for application in &self.applications {
            let party = &application.relying_party;
            let of_rp_id = origins.entry(party.rp_id()).or_default();
            of_rp_id.extend(party.origins());
        }
        origins
            .into_iter()
            .filter_map(|(rp_id, origins)| check_labels(rp_id, origins).err())
            .collect()
    }

    /// The page of a `Host` header. Which scheme the browser used cannot be seen behind a proxy, so `https`
    /// is looked for first, then `http`.
    pub fn page_of_host(&self, host: &str, organization: Option<&OrganizationId>) -> Option<Page> {
        let host = RequestHost::parse(host)?;
        ["https", "http"]
            .iter()
            .find_map(|scheme| self.page(&host.origin(scheme), organization))
    }
}

/// Whether a `Host` header (RFC 9110 §7.2) is that of a URL in the form browsers send origins. Which scheme the
/// browser used cannot be seen behind a proxy.
pub fn is_at(host: &str, url: &str) -> bool {
    RequestHost::parse(host).is_some_and(|host| {
        ["https", "http"]
            .iter()
            .any(|scheme| host.origin(scheme) == url)
    })
}

#[cfg(test)]
mod tests {
    use latchkey_domain::application::{RelyingParty, RpId};

    use super::*;
    use crate::{
        ports::directory_store::DirectoryEntries,
        testing::{application, entries, organization, tenant},
    };

    fn snapshot() -> Snapshot {
        entries().into()
    }

    fn names(page: &Page) -> Vec<&str> {
        let applications = page.applications.iter();
        applications
            .map(|application| application.name.as_str())
            .collect()
    }

    #[test]
    fn a_place_has_its_organizations_applications_around_it() {
        let page = snapshot().page("https://two.example", None).unwrap();
        assert_eq!(page.organization, tenant(1));
        assert_eq!(*page.application, application("two", 1));
        assert_eq!(page.origin.as_str(), "https://two.example");
        assert_eq!(names(&page), ["one", "two"]);
    }

    #[test]
    fn a_host_is_the_place_of_its_origin_and_of_nothing_else() {
        let of = |host| snapshot().page_of_host(host, None);
        let page = snapshot().page("https://two.example", None);
        assert!(page.is_some());
        for host in [
            "two.example",
            "two.example:443",
            "Two.EXAMPLE",
            "two.example.",
            "two.example.:443",
        ] {
            assert_eq!(of(host), page, "{host}");
        }
        for host in [
            "",
            "three.example",
            "two.example:80",
            "two.example:8080",
            "two.example..",
            "two.example/",
            "x@two.example",
            " two.example",
        ] {
            assert_eq!(of(host), None, "{host}");
        }
    }

    #[test]
    fn an_rp_id_is_told_by_its_host_whatever_the_port() {
        let snapshot = snapshot();
        for host in ["two.example", "two.example:8443", "Two.example.:443"] {
            let found = snapshot.at_rp_id(host);
            assert_eq!(found, [Arc::new(application("two", 1))], "{host}");
        }
        for host in ["", ":", "example", "a.two.example", "x@two.example"] {
            assert!(snapshot.at_rp_id(host).is_empty(), "{host}");
        }
    }

    #[test]
    fn the_origins_of_all_applications_with_an_rp_id_are_counted_together() {
        let with = |name: &str, others: [&str; 3]| {
            let mut application = application(name, 1);
            let covered = format!("https://{name}.one.example");
            let others = others.map(|other| format!("https://{other}.example"));
            let origins = others.into_iter().chain([covered]);
            let origins = origins.map(|origin| Origin::new(origin).unwrap()).collect();
            let rp_id = RpId::new("one.example").unwrap();
            application.relying_party = RelyingParty::new(rp_id, origins).unwrap();
            application
        };
        let crowded = |applications| {
            let snapshot = Snapshot::from(DirectoryEntries {
                organizations: vec![tenant(1)],
                applications,
            });
            snapshot.crowded_rp_ids()
        };
        let first = || with("first", ["a", "b", "c"]);
        assert_eq!(crowded(vec![first(), with("more", ["a", "b", "d"])]), []);
        let found = crowded(vec![first(), with("most", ["c", "d", "e"])]);
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.rp_id.as_str(), found.labels))
            .collect();
        assert_eq!(found, [("one.example", 6)]);
    }

    #[test]
    fn a_host_without_encryption_is_found_too() {
        let mut local = application("local", 1);
        local.relying_party = RelyingParty::new(
            RpId::new("one.localhost").unwrap(),
            vec![Origin::new("http://one.localhost:8080").unwrap()],
        )
        .unwrap();
        let snapshot = Snapshot::from(DirectoryEntries {
            organizations: vec![tenant(1)],
            applications: vec![local],
        });
        let page = snapshot.page_of_host("one.localhost:8080", None).unwrap();
        assert_eq!(page.origin.as_str(), "http://one.localhost:8080");
    }

    #[test]
    fn of_several_organizations_at_one_origin_the_named_one_is_meant() {
        let mut theirs = application("one", 1);
        theirs.organization = organization(2);
        let snapshot = Snapshot::from(DirectoryEntries {
            organizations: vec![tenant(1), tenant(2)],
            applications: vec![application("one", 1), theirs],
        });
        let at = |named: Option<u8>| {
            let named = named.map(organization);
            let page = snapshot.page("https://one.example", named.as_ref());
            page.map(|page| page.organization)
        };
        assert_eq!(at(None), Some(tenant(1)));
        assert_eq!(at(Some(1)), Some(tenant(1)));
        assert_eq!(at(Some(2)), Some(tenant(2)));
        assert_eq!(at(Some(3)), None);
    }
}
