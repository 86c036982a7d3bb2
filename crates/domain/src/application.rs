//! Applications: relying parties with their RP id and allowed origins.

use std::fmt;

use url::{Host, Url};

use self::{
    native::NativeApplications,
    pages::{EnrolUrl, Pages},
};
use crate::{
    id::{ApplicationId, OrganizationId},
    text::ApplicationName,
    time::Timestamp,
};

pub mod look;
pub mod native;
pub mod pages;
pub mod related;

/// A WebAuthn relying party identifier: a domain name in lower case, without scheme or port
/// (WebAuthn §4, "RP ID").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RpId(String);

/// A text that is not an RP id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a domain name in lower case without scheme, port or path, such as app.example.com"
)]
pub struct RpIdError;

impl RpId {
    /// Accepts a registrable domain name, or `localhost` and its subdomains.
    ///
    /// # Errors
    /// [`RpIdError`] when it is an address, has a scheme or port, or is not in its canonical form.
    pub fn new(text: impl Into<String>) -> Result<Self, RpIdError> {
        let text = text.into();
        match Host::parse(&text) {
            Ok(Host::Domain(canonical))
                if canonical == text && text.len() <= 253 && !text.ends_with('.') =>
            {
                Ok(Self(text))
            }
            Ok(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => Err(RpIdError),
        }
    }

    /// The RP id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a page on `host` may use this RP id without being listed by it: it is the host or a parent
    /// domain of it (WebAuthn §5.1.3 step 8).
    fn covers(&self, host: &str) -> bool {
        host == self.0
            || host
                .strip_suffix(self.0.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
    }

    /// Whether anybody can have a name below it: it is on the list (<https://publicsuffix.org>), or has one part, which
    /// is the rule for what the list does not know. A name of one's own network is none the less one, and `localhost`.
    fn is_public_suffix(&self) -> bool {
        psl::suffix(self.0.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == self.0.as_bytes())
    }
}

impl fmt::Display for RpId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a client runs, exactly as it appears in client data and in the `Origin` header:
/// `https://host[:port]`, `http://localhost[:port]`, `http://*.localhost[:port]` or
/// `android:apk-key-hash:<base64url SHA-256 of the signing certificate>` (API contract §3.6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

/// Why a text is not an allowed origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is not an origin in its canonical form.
    #[error(
        "must be an origin such as https://app.example.com: scheme and host in lower case, no path, \
         no trailing slash, no default port"
    )]
    NotAnOrigin,
    /// Browsers offer WebAuthn in secure contexts only.
    #[error("must use https; http is allowed for localhost and its subdomains only")]
    NotSecure,
    /// The hash of an Android signing certificate is malformed.
    #[error("must be android:apk-key-hash: followed by the unpadded base64url of 32 bytes")]
    NotAnApkKeyHash,
}

const APK_KEY_HASH: &str = "android:apk-key-hash:";

impl Origin {
    /// Accepts an origin in the form a client sends it.
    ///
    /// # Errors
    /// [`OriginError`] says what to change.
    pub fn new(text: impl Into<String>) -> Result<Self, OriginError> {
        let text = text.into();
        if let Some(hash) = text.strip_prefix(APK_KEY_HASH) {
            return match data_encoding::BASE64URL_NOPAD.decode(hash.as_bytes()) {
                Ok(bytes) if bytes.len() == 32 => Ok(Self(text)),
                Ok(_) | Err(_) => Err(OriginError::NotAnApkKeyHash),
            };
        }
        let url = Url::parse(&text).map_err(|_malformed| OriginError::NotAnOrigin)?;
        if url.origin().ascii_serialization() != text {
            return Err(OriginError::NotAnOrigin);
        }
        match (url.scheme(), url.host()) {
            ("https", Some(_)) => Ok(Self(text)),
            ("http", Some(Host::Domain(host)))
                if host == "localhost" || host.ends_with(".localhost") =>
            {
                Ok(Self(text))
            }
            _ => Err(OriginError::NotSecure),
        }
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether pages run there; otherwise it is a native application.
    pub fn is_web(&self) -> bool {
        !self.0.starts_with(APK_KEY_HASH)
    }

    /// Whether browsers accept it as a related origin: they ask for `https` and a domain name.
    fn can_be_related(&self) -> bool {
        self.0.starts_with("https://") && self.host().is_some()
    }

    /// The domain name of a web origin; absent for native applications and addresses.
    fn host(&self) -> Option<String> {
        let url = Url::parse(&self.0).ok()?;
        url.domain().map(str::to_owned)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why an application cannot be as described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// There must be somewhere it runs.
    #[error("an application needs at least one origin")]
    NoOrigin,
    /// The same origin twice.
    #[error("the origin {0} is listed twice")]
    RepeatedOrigin(Origin),
    /// Nowhere could the RP id be used without being related to a place where it can.
    #[error(
        "the RP id {0} fits none of the origins: the host name of at least one must be the RP id or a \
         subdomain of it, unless the application is a native one"
    )]
    RpIdDoesNotFit(RpId),
    /// No browser would let a page below a public suffix use that as its RP id: it would belong to all names there.
    #[error(
        "the RP id {0} is a public suffix, as is every name of one part, and browsers accept it on the host {0} \
         alone: write a name below it, such as example.{0}, that is the host name of an origin or a parent domain \
         of it"
    )]
    PublicSuffix(RpId),
    /// No browser would let a page of that origin use that RP id, even if the RP id lists it.
    #[error(
        "the RP id {rp_id} does not fit the origin {origin}: where it is neither the origin's host name \
         nor a parent domain of it, the origin must be https with a domain name"
    )]
    CannotBeRelated {
        /// The RP id as configured.
        rp_id: RpId,
        /// The first origin that cannot be related to it.
        origin: Origin,
    },
    /// No passkey can be made for the application where its codes would be entered.
    #[error("the page for codes, {0}, must be on one of the application's origins")]
    EnrolUrlElsewhere(EnrolUrl),
}

/// A relying party together with the places it runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    rp_id: RpId,
    origins: Vec<Origin>,
}

impl RelyingParty {
    /// A relying party whose RP id covers at least one of its origins, unless it is a native
    /// application. Its other web origins are related origins ([`related`]), which use the RP id because
    /// its host lists them; browsers do that for `https` and domain names only. An RP id that is a public suffix
    /// covers its own host and nothing below it (HTML, "is a registrable domain suffix of or is equal to"), and
    /// without that host nobody could list the others.
    ///
    /// # Errors
    /// [`ApplicationError`] names the origin that is missing, repeated or does not fit.
    pub fn new(rp_id: RpId, origins: Vec<Origin>) -> Result<Self, ApplicationError> {
        let party = Self::kept(rp_id, origins)?;
        let is_host = |origin: &Origin| origin.host().as_deref() == Some(party.rp_id.as_str());
        let works =
            |origin: &Origin| is_host(origin) || !origin.is_web() || origin.can_be_related();
        let mut origins = party.origins.iter();
        if party.rp_id.is_public_suffix() && !(origins.clone().any(is_host) && origins.all(works)) {
            return Err(ApplicationError::PublicSuffix(party.rp_id));
        }
        Ok(party)
    }

    /// One that was made before: it stays what it was, whatever the list of public suffixes has become.
    ///
    /// # Errors
    /// As for [`RelyingParty::new`], without what is asked of public suffixes.
    pub fn kept(rp_id: RpId, origins: Vec<Origin>) -> Result<Self, ApplicationError> {
        if origins.is_empty() {
            return Err(ApplicationError::NoOrigin);
        }
        let mut fits_one = false;
        for (index, origin) in origins.iter().enumerate() {
            if origins.iter().take(index).any(|earlier| earlier == origin) {
                return Err(ApplicationError::RepeatedOrigin(origin.clone()));
            }
            if !origin.is_web() || origin.host().is_some_and(|host| rp_id.covers(&host)) {
                fits_one = true;
            } else if !origin.can_be_related() {
                return Err(ApplicationError::CannotBeRelated {
                    rp_id,
                    origin: origin.clone(),
                });
            }
        }
        if fits_one {
            Ok(Self { rp_id, origins })
        } else {
            Err(ApplicationError::RpIdDoesNotFit(rp_id))
        }
    }

    /// The RP id.
    pub fn rp_id(&self) -> &RpId {
        &self.rp_id
    }

    /// Where it runs; at least one.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The first origin that pages run on, if any do.
    pub fn first_page(&self) -> Option<&Origin> {
        self.origins.iter().find(|origin| origin.is_web())
    }

    /// Whether the text is, exactly, one of the allowed origins.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|allowed| allowed.as_str() == origin)
    }
}

/// One relying party of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Identifies it.
    pub id: ApplicationId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Shown in passkey prompts.
    pub name: ApplicationName,
    /// Its RP id and allowed origins.
    pub relying_party: RelyingParty,
    /// The native applications that use its RP id.
    pub native: NativeApplications,
    /// Where people are led.
    pub pages: Pages,
    /// While it is not active no ceremony works with it.
    pub is_active: bool,
    /// When it was made; the oldest one is an organization's default.
    pub created: Timestamp,
}

/// The address of a page that browsers take for a secure one, without user information and fragment, with its origin.
pub(crate) fn page_address(text: &str) -> Option<(Url, Origin)> {
    let url = Url::parse(text).ok()?;
    let origin = Origin::new(url.origin().ascii_serialization()).ok()?;
    // The origin of some other schemes is that of an address inside of them.
    let is_page = ["https", "http"].contains(&url.scheme());
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_page && is_plain).then_some((url, origin))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::new(text).unwrap()
    }

    #[test]
    fn origins_that_clients_send_are_accepted() {
        for text in [
            "https://app.example.com",
            "https://app.example.com:8443",
            "http://localhost",
            "http://localhost:3000",
            "http://one.localhost:8080",
            "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        ] {
            assert_eq!(
                Origin::new(text).map(|origin| origin.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn origins_that_no_client_sends_are_refused() {
        for (text, error) in [
            ("https://app.example.com/", OriginError::NotAnOrigin),
            ("https://App.example.com", OriginError::NotAnOrigin),
            ("https://app.example.com:443", OriginError::NotAnOrigin),
            ("https://user@app.example.com", OriginError::NotAnOrigin),
            ("null", OriginError::NotAnOrigin),
            ("file:///etc", OriginError::NotAnOrigin),
            ("http://app.example.com", OriginError::NotSecure),
            ("http://notlocalhost", OriginError::NotSecure),
            ("http://127.0.0.1", OriginError::NotSecure),
            ("android:apk-key-hash:abc", OriginError::NotAnApkKeyHash),
        ] {
            assert_eq!(Origin::new(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_rp_id_is_a_plain_domain_name() {
        let longest = ["a"; 127].join(".");
        for text in ["example.com", "localhost", &longest] {
            assert_eq!(RpId::new(text).unwrap().to_string(), text);
        }
        let longer = format!("{longest}a");
        for text in [
            &longer,
            "",
            "Example.com",
            "https://example.com",
            "example.com:1",
            "10.0.0.1",
            "a/b",
            "example.com.",
        ] {
            assert_eq!(RpId::new(text), Err(RpIdError), "{text}");
        }
    }

    /// What is kept from before is read all the same.
    #[test]
    fn a_public_suffix_is_an_rp_id_on_its_own_host_alone() {
        const NATIVE: &str = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        for (rp_id, origins, is_accepted) in [
            ("com", &["https://example.com"][..], false),
            ("co.uk", &["https://example.co.uk"], false),
            ("github.io", &["https://ada.github.io"], false),
            ("github.io", &["https://github.io"], true),
            ("ada.github.io", &["https://a.ada.github.io"], true),
            ("example.co.uk", &["https://a.example.co.uk"], true),
            // On no list: of one's own network, or of a list that knows names below it alone.
            ("internal", &["https://a.internal"], false),
            ("ck", &["https://a.ck"], false),
            ("intranet", &["https://intranet:8443"], true),
            ("a.internal", &["https://a.internal"], true),
            ("a.internal", &["https://b.a.internal"], true),
            // The host lists the others, where browsers look for that.
            (
                "internal",
                &["https://internal", "https://a.internal", NATIVE],
                true,
            ),
            (
                "internal",
                &["https://a.internal", "https://b.internal"],
                false,
            ),
            ("internal", &[NATIVE], false),
            ("a.internal", &[NATIVE], true),
            // Browsers make no exception of it here, whatever else they let it do.
            (
                "localhost",
                &["http://localhost:1", "http://localhost:2"],
                true,
            ),
            ("localhost", &["http://one.localhost"], false),
            (
                "localhost",
                &["http://localhost", "http://one.localhost"],
                false,
            ),
            (
                "one.localhost",
                &["http://one.localhost", "http://a.one.localhost"],
                true,
            ),
        ] {
            let named = RpId::new(rp_id).unwrap();
            let origins: Vec<_> = origins.iter().copied().map(origin).collect();
            let made = RelyingParty::new(named.clone(), origins.clone());
            let kept = RelyingParty::kept(named.clone(), origins.clone());
            let expected = if is_accepted {
                kept.clone()
            } else {
                Err(ApplicationError::PublicSuffix(named))
            };
            assert_eq!(made, expected, "{rp_id} {origins:?}");
            assert!(kept.is_ok(), "{rp_id} {origins:?}");
        }
    }

    #[test]
    fn the_rp_id_must_fit_one_origin() {
        let rp_id = RpId::new("example.com").unwrap();
        let party = |origins: &[&Origin]| {
            RelyingParty::new(rp_id.clone(), origins.iter().copied().cloned().collect())
        };
        let related = origin("https://evilexample.com");
        for (fits, is_web) in [
            ("https://example.com", true),
            ("https://a.example.com:1", true),
            (
                "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
                false,
            ),
        ] {
            let fits = origin(fits);
            assert_eq!(
                party(&[&fits]).unwrap().first_page(),
                is_web.then_some(&fits)
            );
            let both = party(&[&fits, &related]).unwrap();
            assert_eq!(
                both.first_page(),
                Some(if is_web { &fits } else { &related })
            );
            assert_eq!(
                (both.rp_id(), both.origins()),
                (&rp_id, &[fits.clone(), related.clone()][..])
            );
            assert!(both.allows(fits.as_str()) && both.allows(related.as_str()));
            assert!(!both.allows("https://b.example.com") && !both.allows(""));
        }
        for alone in [related, origin("https://com")] {
            let refused = Err(ApplicationError::RpIdDoesNotFit(rp_id.clone()));
            assert_eq!(party(&[&alone]), refused);
        }
    }

    #[test]
    fn a_related_origin_is_https_with_a_domain_name() {
        let rp_id = RpId::new("example.com").unwrap();
        for other in ["http://localhost:1", "https://10.0.0.1", "https://[::1]"] {
            let other = origin(other);
            assert_eq!(
                RelyingParty::new(
                    rp_id.clone(),
                    vec![origin("https://example.com"), other.clone()]
                ),
                Err(ApplicationError::CannotBeRelated {
                    rp_id: rp_id.clone(),
                    origin: other
                })
            );
        }
    }

    #[test]
    fn repeated_and_missing_origins_are_named() {
        let rp_id = RpId::new("example.com").unwrap();
        let one = origin("https://example.com");
        assert_eq!(
            RelyingParty::new(rp_id.clone(), vec![one.clone(), one.clone()]),
            Err(ApplicationError::RepeatedOrigin(one))
        );
        assert_eq!(
            RelyingParty::new(rp_id, vec![]),
            Err(ApplicationError::NoOrigin)
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = Origin::new(text.clone());
            let _ = RpId::new(text);
        }
    }
}
