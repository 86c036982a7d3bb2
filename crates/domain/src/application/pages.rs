//! Where people are led at an application: to pages of this service, and to its own page for entering a code.

use std::fmt;

use super::{Application, ApplicationError, Origin, RelyingParty, look::Look, page_address};

/// The page of an application's own where a code becomes a credential: what follows `#` is the code. It is kept
/// as browsers write it (WHATWG URL), without user information and without a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolUrl {
    text: String,
    origin: Origin,
}

/// A text that is not the address of a page for codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the https address of a page, such as https://app.example.com/passkeys/new, without user name, \
     password or #, at most {} bytes long; http is allowed for localhost and its subdomains only",
    EnrolUrl::MAXIMUM
)]
pub struct EnrolUrlError;

impl EnrolUrl {
    /// The most bytes it has, so that it fits into a QR code together with a code.
    pub const MAXIMUM: usize = 512;

    /// Accepts the address of a page that browsers take for a secure one.
    ///
    /// # Errors
    /// [`EnrolUrlError`].
    pub fn new(text: &str) -> Result<Self, EnrolUrlError> {
        let (url, origin) = page_address(text).ok_or(EnrolUrlError)?;
        let text = String::from(url);
        if text.len() <= Self::MAXIMUM {
            Ok(Self { text, origin })
        } else {
            Err(EnrolUrlError)
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The origin of the page.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for EnrolUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Below which path this service serves its pages, on every host alike: nothing, or a path such as `/latchkey`
/// where hosts have a `/` of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagePrefix(String);

/// A text that is no prefix of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be empty, or a path such as /latchkey: it begins with / and does not end with it, its parts have \
     letters, digits, - and _ only, 64 characters at most; /auth and /health belong to the API"
)]
pub struct PagePrefixError;

impl PagePrefix {
    /// Accepts a path whose symbols need no escape anywhere, and which is none of the API's.
    ///
    /// # Errors
    /// [`PagePrefixError`].
    pub fn new(text: impl Into<String>) -> Result<Self, PagePrefixError> {
        let text = text.into();
        if text.is_empty() {
            return Ok(Self(text));
        }
        let parts = text.strip_prefix('/').ok_or(PagePrefixError)?;
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        let is_of_the_api = ["auth", "health"]
            .iter()
            .any(|taken| parts.split('/').next() == Some(*taken));
        if text.len() <= 64 && parts.split('/').all(is_part) && !is_of_the_api {
            Ok(Self(text))
        } else {
            Err(PagePrefixError)
        }
    }

    /// The prefix as text, to be put before a path that begins with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PagePrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where people are led at an application, and what they see there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Whether its hosts show the pages of this service, where there are any.
    pub ours: bool,
    /// Its own page for entering a code, which comes before ours. Where it is one of ours, it tells at which of the
    /// application's origins they are.
    pub enrol_url: Option<EnrolUrl>,
    /// How ours look there.
    pub look: Look,
}

impl Default for Pages {
    /// Ours, as they are, and none of its own.
    fn default() -> Self {
        Self {
            ours: true,
            enrol_url: None,
            look: Look::default(),
        }
    }
}

impl Pages {
    /// Requires that a page for codes is on an origin of the application: anywhere else no passkey can be made for
    /// it. Where a native application alone takes the code, the page is whatever leads to that.
    ///
    /// # Errors
    /// [`ApplicationError::EnrolUrlElsewhere`].
    pub fn fit(&self, party: &RelyingParty) -> Result<(), ApplicationError> {
        match &self.enrol_url {
            Some(url) if party.first_page().is_some() && !party.allows(url.origin().as_str()) => {
                Err(ApplicationError::EnrolUrlElsewhere(url.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Application {
    /// Where the pages of this service are at the application, without a slash at the end: where its page for codes
    /// is, if that is one of ours, or `here`, which is one of its web origins, or the first of these. None where the
    /// service serves none (`prefix`), or none for it.
    pub fn page(&self, here: Option<&Origin>, prefix: Option<&PagePrefix>) -> Option<String> {
        let prefix = prefix.filter(|_served| self.pages.ours)?;
        let named = self.named_home(prefix);
        let origin = named.or(here).or_else(|| self.relying_party.first_page())?;
        Some(format!("{origin}{prefix}"))
    }

    /// The origin of the page for codes, where that page is ours: then ours are there, and need be at no other.
    fn named_home(&self, prefix: &PagePrefix) -> Option<&Origin> {
        let enrol = self.pages.enrol_url.as_ref()?;
        let origin = enrol.origin();
        let is_ours = self.relying_party.allows(origin.as_str())
            && enrol.as_str() == format!("{origin}{prefix}/enrol");
        is_ours.then_some(origin)
    }

    /// The page where a code for a credential of this application is entered: its own, or that of this service,
    /// found like [`page`](Self::page). Without any, the application is no place to go with a code.
    pub fn enrol_page(&self, here: Option<&Origin>, prefix: Option<&PagePrefix>) -> Option<String> {
        let own = self.pages.enrol_url.as_ref().map(ToString::to_string);
        own.or_else(|| Some(format!("{}/enrol", self.page(here, prefix)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        application::{RpId, native::NativeApplications},
        id::{ApplicationId, OrganizationId},
        samples::NOW,
        text::ApplicationName,
    };

    const NATIVE: &str = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    fn application(origins: &[&str], enrol_url: Option<&str>) -> Application {
        let origins = origins.iter().map(|text| Origin::new(*text).unwrap());
        Application {
            id: ApplicationId::from_random(&[1; 32]),
            organization: OrganizationId::from_random(&[1; 32]),
            name: ApplicationName::new("One").unwrap(),
            relying_party: RelyingParty::new(RpId::new("example.com").unwrap(), origins.collect())
                .unwrap(),
            native: NativeApplications::default(),
            pages: Pages {
                enrol_url: enrol_url.map(|text| EnrolUrl::new(text).unwrap()),
                ..Pages::default()
            },
            is_active: true,
            created: NOW,
        }
    }

    #[test]
    fn a_page_for_codes_is_secure_and_takes_a_fragment() {
        for (text, kept) in [
            ("https://example.com", "https://example.com/"),
            ("https://example.com/a?b=c", "https://example.com/a?b=c"),
            ("https://Example.com:443/a/../b", "https://example.com/b"),
            ("http://one.localhost:3000/x", "http://one.localhost:3000/x"),
        ] {
            let url = EnrolUrl::new(text).unwrap();
            assert_eq!(url.as_str(), kept);
            // What was kept is read again.
            assert_eq!(EnrolUrl::new(url.as_str()), Ok(url));
        }
        let long = format!("https://example.com/{}", "a".repeat(EnrolUrl::MAXIMUM));
        for text in [
            "",
            "/enrol",
            "//example.com/enrol",
            "http://example.com/enrol",
            "https://ada@example.com/enrol",
            "https://:x@example.com/enrol",
            "https://example.com/#",
            "javascript:alert(1)",
            "data:text/html,x",
            "blob:https://example.com/x",
            "app.example:enrol",
            &long,
        ] {
            assert_eq!(EnrolUrl::new(text), Err(EnrolUrlError), "{text}");
        }
    }

    #[test]
    fn a_prefix_is_a_plain_path_that_is_not_the_apis() {
        for text in ["", "/latchkey", "/a/b-c_D9"] {
            assert_eq!(PagePrefix::new(text).unwrap().as_str(), text);
        }
        let long = format!("/{}", "a".repeat(64));
        for text in [
            "/",
            "latchkey",
            "/latchkey/",
            "//a",
            "/a//b",
            "/a b",
            "/a%20b",
            "/..",
            "/.well-known",
            "/{a}",
            "/auth",
            "/auth/pages",
            "/health",
            &long,
        ] {
            assert_eq!(PagePrefix::new(text), Err(PagePrefixError), "{text}");
        }
    }

    #[test]
    fn an_application_of_its_own_page_leads_there() {
        let (root, below) = (PagePrefix::default(), PagePrefix::new("/key").unwrap());
        let two = Origin::new("https://two.example.com").unwrap();
        let own = "https://two.example.com/new";
        let ours = application(&["https://example.com", two.as_str()], None);
        let theirs = application(&["https://example.com", two.as_str()], Some(own));
        let (none, here) = (None, Some(&two));
        for (application, here, prefix, page, enrol) in [
            (
                &ours,
                none,
                Some(&root),
                "https://example.com",
                "https://example.com/enrol",
            ),
            (
                &ours,
                here,
                Some(&below),
                "https://two.example.com/key",
                "https://two.example.com/key/enrol",
            ),
            (&ours, none, None, "", ""),
            (&theirs, none, Some(&below), "https://example.com/key", own),
            (&theirs, none, None, "", own),
        ] {
            let expected = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            assert_eq!(application.page(here, prefix), expected(page));
            assert_eq!(application.enrol_page(here, prefix), expected(enrol));
        }
        // Its page for codes is one of ours: then all of them are there, and no link leads to where they are not.
        let named = application(
            &["https://example.com", two.as_str()],
            Some("https://two.example.com/key/enrol"),
        );
        let one = Origin::new("https://example.com").unwrap();
        for (here, prefix, page) in [
            (None, &below, "https://two.example.com/key"),
            (Some(&one), &below, "https://two.example.com/key"),
            // With another prefix it is some page of the application's.
            (None, &root, "https://example.com"),
            (Some(&two), &root, "https://two.example.com"),
        ] {
            assert_eq!(named.page(here, Some(prefix)).unwrap(), page);
            assert_eq!(
                named.enrol_page(here, Some(prefix)).unwrap(),
                "https://two.example.com/key/enrol"
            );
        }
        // Without pages of ours on its hosts, and none of its own, it is no place to go.
        let mut nowhere = ours;
        nowhere.pages.ours = false;
        assert_eq!(nowhere.page(None, Some(&root)), None);
        assert_eq!(nowhere.enrol_page(None, Some(&root)), None);
        let native = application(&[NATIVE], None);
        assert_eq!(native.enrol_page(None, Some(&root)), None);
    }

    #[test]
    fn the_page_for_codes_is_where_passkeys_can_be_made() {
        for (origin, url, fits) in [
            ("https://example.com", "https://example.com/new", true),
            ("https://example.com", "https://www.example.com/new", false),
            ("https://example.com", "https://example.com:8443/new", false),
            // What opens a native application needs no origin that pages run on.
            (NATIVE, "https://open.example/new", true),
        ] {
            let application = application(&[origin], Some(url));
            let url = EnrolUrl::new(url).unwrap();
            let expected = if fits {
                Ok(())
            } else {
                Err(ApplicationError::EnrolUrlElsewhere(url))
            };
            assert_eq!(application.pages.fit(&application.relying_party), expected);
        }
    }
}
