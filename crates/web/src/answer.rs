//! How a file is answered: its type, what a browser may do with it, and whether it has changed.

use axum::{
    body::Bytes,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY,
            CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::{
    assets::{Asset, HTML},
    languages::Language,
};

/// Scripts, styles, pictures and calls come from the page's own origin; there is nothing else, no form
/// is sent anywhere, and nobody frames the page. Pictures may be `data:`, for drawings made on the spot.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                              img-src 'self' data:; connect-src 'self'; form-action 'none'; \
                              base-uri 'none'; frame-ancestors 'none'";

/// A picture that somebody else has made can do nothing, even where it is opened as a page: it has its own styles and
/// no more.
const PICTURE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/// Passkeys are what the pages are for; of everything else they need nothing.
const PERMISSIONS: &str = "publickey-credentials-create=(self), publickey-credentials-get=(self), \
                           camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// What every file is sent with. `no-cache` means: ask each time whether it has changed.
const HEADERS: [(HeaderName, &str); 7] = [
    (CACHE_CONTROL, "no-cache"),
    (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The headers of what is of that type.
pub(crate) fn headers(media_type: &'static str) -> HeaderMap {
    let mut headers: HeaderMap = HEADERS
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers
}

/// The headers of a page in that language, which is one of several at its address.
pub(crate) fn page_headers(language: &'static Language) -> HeaderMap {
    let mut headers = headers(HTML);
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag));
    headers.insert(VARY, HeaderValue::from_name(ACCEPT_LANGUAGE));
    headers
}

/// A file ready to be sent.
pub(crate) struct Answer {
    body: Bytes,
    headers: HeaderMap,
    tag: String,
}

impl Answer {
    /// The tag is the digest of the contents, so every replica of one version gives the same.
    pub(crate) fn new(media_type: &'static str, body: Bytes) -> Self {
        Self::with(headers(media_type), body)
    }

    /// A picture that somebody else has made.
    pub(crate) fn picture(media_type: &'static str, body: Bytes) -> Self {
        let mut headers = headers(media_type);
        let policy = HeaderValue::from_static(PICTURE_POLICY);
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        Self::with(headers, body)
    }

    /// A page in that language.
    pub(crate) fn in_language(language: &'static Language, page: String) -> Self {
        Self::with(page_headers(language), page.into())
    }

    fn with(mut headers: HeaderMap, body: Bytes) -> Self {
        let tag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&body)));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(ETAG, tag);
        }
        Self { body, headers, tag }
    }

    /// A file as it is embedded.
    pub(crate) fn of(asset: &Asset) -> Self {
        Self::new(asset.media_type, Bytes::from_static(asset.contents))
    }

    /// The file, or that the client has it already (RFC 9110 §13.1.2).
    pub(crate) fn to(&self, asked: &HeaderMap) -> Response {
        if self.is_had_by(asked) {
            (StatusCode::NOT_MODIFIED, self.headers.clone()).into_response()
        } else {
            (self.headers.clone(), self.body.clone()).into_response()
        }
    }

    fn is_had_by(&self, asked: &HeaderMap) -> bool {
        asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == "*" || tag == self.tag)
    }
}
