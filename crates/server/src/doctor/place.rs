//! The public side of an installation: its public URL, and the RP ids and origins of its applications, as a
//! browser would meet them.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use hyper::{Method, StatusCode, header::ACCESS_CONTROL_ALLOW_ORIGIN};
use latchkey_crypto::secrets::SigningKeyFacts;
use latchkey_domain::{
    application::{Application, Origin, pages::PagePrefix},
    host::RequestHost,
};
use latchkey_service::directory::Snapshot;
use serde::Deserialize;
use url::Url;

use super::{
    Findings,
    client::{Answer, Client},
};
use crate::config::Settings;

/// Where the service is met.
pub(super) struct Place<'all> {
    client: Client,
    url: &'all Url,
    /// Below which path it serves pages, if it does.
    pages: Option<PagePrefix>,
    /// The keys that this installation publishes.
    keys: Vec<SigningKeyFacts>,
}

/// `/.well-known/jwks.json`, as far as it matters.
#[derive(Deserialize)]
struct Published {
    keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    kid: String,
}

/// `/.well-known/webauthn`.
#[derive(Deserialize)]
struct Related {
    origins: BTreeSet<String>,
}

/// Who answers at an address.
enum Met {
    /// This installation, by a process that does not publish these of its keys.
    Itself(Vec<String>),
    /// Somebody else, or another installation.
    Another(String),
    /// Nobody.
    Nobody(String),
}

/// How many hosts are asked at once.
const AT_ONCE: usize = 64;

const KEYS: &str = "/.well-known/jwks.json";

impl<'all> Place<'all> {
    pub(super) fn new(
        url: &'all Url,
        pages: Option<PagePrefix>,
        keys: Vec<SigningKeyFacts>,
    ) -> Result<Self, String> {
        Ok(Self {
            client: Client::new()?,
            url,
            pages,
            keys,
        })
    }

    pub(super) async fn examine(
        &self,
        settings: &Settings,
        snapshot: &Snapshot,
        found: &mut Findings<'_>,
    ) {
        let url = self.url;
        match self.who_is_at(url).await {
            Met::Itself(unpublished) => {
                found.ok(format!("this installation answers at {url}"));
                for kid in unpublished {
                    found.problem(
                        format!(
                            "the process that answers at {url} knows no key {kid}: it was started before that was made"
                        ),
                        "start every process anew, one after the other: what that key signs is refused by those that do \
                         not know it",
                    );
                }
            }
            Met::Another(what) => {
                found.problem(
                    format!("what answers at {url} is not this installation: {what}"),
                    "start the service, lead the proxy to it, and mend http.public_url; every process needs \
                     the same secrets",
                );
                return;
            }
            Met::Nobody(why) => {
                found.problem(
                    format!("nobody can be met at {url}: {why}"),
                    "start the service and the proxy, mend http.public_url, or the proxy's certificate",
                );
                return;
            }
        }
        proxies(settings, url, found);
        let mut seen = BTreeSet::new();
        let mut looks = Vec::new();
        for application in snapshot.applications() {
            if seen.insert(application.relying_party.rp_id().as_str()) {
                looks.push((application, None));
            }
            let origins = application.relying_party.origins().iter();
            let origins = origins.filter(|origin| origin.is_web());
            looks.extend(origins.map(|origin| (application, Some(origin))));
        }
        // One that cannot be met is waited for beside the others.
        let area = found.area;
        let looks = looks.into_iter().map(async |(application, origin)| {
            let mut all = Vec::new();
            let mut found = Findings {
                area,
                all: &mut all,
            };
            match origin {
                None => self.rp_id(application, snapshot, &mut found).await,
                Some(origin) => self.origin(application, origin, &mut found).await,
            }
            all
        });
        let mut looks = stream::iter(looks).buffered(AT_ONCE);
        while let Some(more) = looks.next().await {
            found.all.extend(more);
        }
    }

    /// The host of an RP id: if there are origins on other domains, browsers ask it for them.
    async fn rp_id(
        &self,
        application: &Application,
        snapshot: &Snapshot,
        found: &mut Findings<'_>,
    ) {
        let rp_id = application.relying_party.rp_id().as_str();
        let applications = snapshot.at_rp_id(rp_id);
        let origins: BTreeSet<&str> = applications
            .iter()
            .flat_map(|application| application.relying_party.origins())
            .filter(|origin| origin.is_web())
            .map(Origin::as_str)
            .collect();
        if !origins.iter().any(|origin| is_related(origin, rp_id)) {
            found.ok(format!("{rp_id} has origins on its own domain only"));
            return;
        }
        let advice = "let requests for /.well-known/webauthn on that host reach the service, with Host left \
                      as it is: without it, browsers use no passkey on the other domains";
        let Ok(url) = Url::parse(&format!("https://{rp_id}/.well-known/webauthn")) else {
            return;
        };
        let answer = match self.client.ask(Method::GET, &url, &[]).await {
            Ok(answer) if answer.status == StatusCode::OK => answer,
            Ok(answer) => {
                found.problem(format!("{url} is answered {}", answer.status), advice);
                return;
            }
            Err(error) => {
                found.problem(format!("{url} is not served: {error}"), advice);
                return;
            }
        };
        let served: BTreeSet<String> = serde_json::from_slice(&answer.body)
            .map(|related: Related| related.origins)
            .unwrap_or_default();
        let missing: Vec<_> = origins
            .into_iter()
            .filter(|origin| !served.contains(*origin))
            .collect();
        if missing.is_empty() {
            found.ok(format!("{url} lists every origin of {rp_id}"));
        } else {
            let missing = missing.join(", ");
            found.problem(format!("{url} does not list {missing}"), advice);
        }
    }

    /// An origin: whether its pages may call the service, and where they are; ours are to be there as well, or not.
    async fn origin(&self, application: &Application, origin: &Origin, found: &mut Findings<'_>) {
        // Where the application says at which origin they are, nothing leads to ours at another.
        let pages = self.pages.as_ref().filter(|prefix| {
            application.page(Some(origin), Some(prefix)) == Some(format!("{origin}{prefix}"))
        });
        let origin = origin.as_str();
        self.calls(origin, found).await;
        let Ok(url) = Url::parse(origin) else {
            return;
        };
        match (self.who_is_at(&url).await, pages) {
            (Met::Itself(_), _) => self.host(origin, found).await,
            (Met::Another(_), Some(prefix)) => found.warning(
                format!("pages are switched on, and {origin} is served by somebody else"),
                format!(
                    "links in messages lead there ({prefix}/register, {prefix}/enrol, {prefix}/recover): let the \
                     proxy pass those paths, {prefix}/account, {prefix}/assets and /auth on, or say at which other \
                     origin of the application the pages are (latchkey application update --enrol-url \
                     ORIGIN{prefix}/enrol), that they are at none (--pages no), or that there are none \
                     (web.enabled = false)"
                ),
            ),
            (Met::Another(_), None) => found.ok(format!("{origin} is served by the application itself")),
            (Met::Nobody(why), _) => found.problem(
                format!("{origin} cannot be met by a browser: {why}"),
                "mend the name, the proxy or its certificate; if the origin is not used, take it out of the \
                 application",
            ),
        }
    }

    /// Whether pages of an origin may call the service where it is met.
    async fn calls(&self, origin: &str, found: &mut Findings<'_>) {
        let fields = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ];
        let says = match self
            .ask(self.url, Method::OPTIONS, "/auth/login/init", &fields)
            .await
        {
            Ok(answer) => {
                let allowed = answer.headers.get(ACCESS_CONTROL_ALLOW_ORIGIN);
                if allowed.is_some_and(|allowed| allowed.as_bytes() == origin.as_bytes()) {
                    found.ok(format!("pages of {origin} may call the service"));
                    return;
                }
                format!(
                    "answered {} without Access-Control-Allow-Origin",
                    answer.status
                )
            }
            Err(error) => error,
        };
        found.problem(
            format!("browsers let no page of {origin} call the service: {says}"),
            "let the proxy pass OPTIONS requests and their headers on",
        );
    }

    /// Whether the service learns which host it is asked for.
    async fn host(&self, origin: &str, found: &mut Findings<'_>) {
        let Ok(url) = Url::parse(origin) else {
            return;
        };
        match self.ask(&url, Method::GET, "/auth/application", &[]).await {
            Ok(answer) if answer.status == StatusCode::OK => {
                found.ok(format!("{origin} is served, and its Host arrives as it is"));
            }
            Ok(answer) => found.problem(
                format!(
                    "{origin} leads to the service, which does not learn that it is that host (answered {})",
                    answer.status
                ),
                "let the proxy leave Host as it is (nginx: proxy_set_header Host $http_host)",
            ),
            Err(error) => found.problem(
                format!("{origin} leads to the service, and then: {error}"),
                "see the log of the proxy",
            ),
        }
    }

    async fn who_is_at(&self, url: &Url) -> Met {
        let answer = match self.ask(url, Method::GET, KEYS, &[]).await {
            Ok(answer) => answer,
            Err(error) => return Met::Nobody(error),
        };
        if answer.status != StatusCode::OK {
            return Met::Another(format!("{KEYS} is answered {}", answer.status));
        }
        match serde_json::from_slice::<Published>(&answer.body) {
            Ok(published) => {
                let is_published = |kid: &String| published.keys.iter().any(|key| key.kid == *kid);
                let kids = self.keys.iter().map(|key| key.kid.clone());
                let (known, unpublished): (Vec<_>, Vec<_>) = kids.partition(is_published);
                // Another process may know a newer one, or not yet.
                if known.is_empty() {
                    Met::Another(format!("{KEYS} has keys of others"))
                } else {
                    Met::Itself(unpublished)
                }
            }
            Err(_) => Met::Another(format!("{KEYS} has no keys")),
        }
    }

    async fn ask(
        &self,
        base: &Url,
        method: Method,
        path: &str,
        fields: &[(&'static str, &str)],
    ) -> Result<Answer, String> {
        let url = base.join(path).map_err(|error| error.to_string())?;
        self.client.ask(method, &url, fields).await
    }
}

/// Latchkey speaks no TLS itself, so behind `https` there is a proxy, whose word about clients must count.
fn proxies(settings: &Settings, url: &Url, found: &mut Findings<'_>) {
    if url.scheme() != "https" {
        return;
    }
    if settings.http.trusted_proxies.is_empty() {
        found.problem(
            "there is a proxy, since the public URL is https, and http.trusted_proxies names none: all \
             clients count as one address, and share the limits on guessing",
            "name the addresses of the proxy in http.trusted_proxies, and let it set X-Forwarded-For",
        );
    } else {
        found.ok(
            "http.trusted_proxies names proxies; the log of the service warns of one that is missing there",
        );
    }
}

/// Whether an origin is on another domain than the RP id, so that browsers ask the RP id's host about it.
fn is_related(origin: &str, rp_id: &str) -> bool {
    let Some((_, host)) = origin.split_once("://") else {
        return false;
    };
    let host = RequestHost::parse(host);
    let domain = host
        .as_ref()
        .and_then(RequestHost::domain)
        .unwrap_or_default();
    let below = domain.strip_suffix(rp_id);
    !below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_on_another_domain_than_the_rp_id_is_a_related_one() {
        for (origin, is_other) in [
            ("https://example.com", false),
            ("https://app.example.com:8443", false),
            ("https://example.org", true),
            ("https://notexample.com", true),
        ] {
            assert_eq!(is_related(origin, "example.com"), is_other, "{origin}");
        }
    }
}
