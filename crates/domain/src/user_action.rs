//! User actions: signed intents to make exactly one request.

use sha2::{Digest as _, Sha256};

use crate::{
    id::{CredentialUuid, OrganizationId, UserActionId, UserId},
    names::named,
    time::Timestamp,
    user::Epoch,
};

named! {
    /// The method of a request that a user action permits.
    Method {
        /// The API allows it for completeness, no call of this service needs it.
        Get => "GET",
        /// Makes something.
        Post => "POST",
        /// Changes something.
        Put => "PUT",
        /// Removes something.
        Delete => "DELETE",
        /// For services beside this one.
        Patch => "PATCH",
    }
    /// A text that names no method.
    MethodError => "must be one of GET, POST, PUT, DELETE, PATCH"
}

/// The path of a request, with its query if it has one, as it was signed or requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionPath {
    text: String,
    segments: Vec<Vec<u8>>,
    query: Option<String>,
}

/// Why a text is not the path of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionPathError {
    /// It must be a path, not a whole URL.
    #[error("must be a path that begins with a slash, such as /auth/credentials")]
    NotAPath,
    /// More than [`ActionPath::MAXIMUM`] bytes.
    #[error("must have at most 2048 bytes")]
    TooLong,
    /// `%2F` means different things to different servers.
    #[error("must not contain an encoded slash")]
    EncodedSlash,
    /// A percent sign that two hexadecimal digits do not follow.
    #[error("contains a percent sign that two hexadecimal digits do not follow")]
    MalformedEscape,
    /// A control character, such as NUL, as it is: no request has one, and it cannot be stored
    /// everywhere as evidence.
    #[error("must not contain control characters")]
    ControlCharacter,
}

impl ActionPath {
    /// The most bytes it can have.
    pub const MAXIMUM: usize = 2048;

    /// Splits the path at slashes and percent-decodes each segment once (API contract §0).
    ///
    /// # Errors
    /// [`ActionPathError`] says what to change.
    pub fn parse(text: impl Into<String>) -> Result<Self, ActionPathError> {
        let text = text.into();
        if text.len() > Self::MAXIMUM {
            return Err(ActionPathError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(ActionPathError::ControlCharacter);
        }
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (text.as_str(), None),
        };
        let segments = path
            .strip_prefix('/')
            .ok_or(ActionPathError::NotAPath)?
            .split('/')
            .map(decode_segment)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text,
            segments,
            query,
        })
    }

    /// The path and query as they were given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a signature over this path permits a request for `requested`: the decoded segments are
    /// equal, and a query that was signed is the one requested. Clients that sign the path alone may
    /// request any query, so no call that needs a user action reads one (API contract §6.3).
    fn permits(&self, requested: &Self) -> bool {
        self.segments == requested.segments
            && (self.query.is_none() || self.query == requested.query)
    }
}

fn decode_segment(segment: &str) -> Result<Vec<u8>, ActionPathError> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || {
            bytes
                .next()
                .and_then(hexadecimal)
                .ok_or(ActionPathError::MalformedEscape)
        };
        let value = digit()? << 4 | digit()?;
        if value == b'/' {
            return Err(ActionPathError::EncodedSlash);
        }
        decoded.push(value);
    }
    Ok(decoded)
}

fn hexadecimal(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// SHA-256 of the canonical form of a payload; equal payloads have equal digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayloadDigest([u8; 32]);

impl PayloadDigest {
    /// The digest of a payload in its canonical form; what that is, the adapter says that reads payloads.
    pub fn of(canonical: &str) -> Self {
        Self(Sha256::digest(canonical).into())
    }

    /// The digest with these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Exactly one request: what is signed, and what arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAction {
    /// Its method.
    pub method: Method,
    /// Its path, as it is received.
    pub path: ActionPath,
    /// Its body, by digest.
    pub payload: PayloadDigest,
}

impl UserAction {
    /// Whether signing this action permits making `request`.
    pub fn permits(&self, request: &Self) -> bool {
        self.method == request.method
            && self.path.permits(&request.path)
            && self.payload == request.payload
    }
}

/// The facts a user action token carries: somebody signed that action, and may make it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUserAction {
    /// Identifies it, so that it can be spent.
    pub id: UserActionId,
    /// The organization of the user.
    pub organization: OrganizationId,
    /// Who signed.
    pub user: UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The credentials that signed: the first factor, and the second one if there was one.
    pub signers: Vec<CredentialUuid>,
    /// What was signed.
    pub action: UserAction,
    /// When it was signed.
    pub issued: Timestamp,
    /// From this moment on it is void.
    pub expires: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::action;

    #[test]
    fn a_signed_path_ignores_the_query_of_the_request() {
        assert!(action("/auth/users").permits(&action("/auth/users?limit=1")));
    }

    #[test]
    fn a_signed_query_must_be_requested() {
        assert!(action("/a?b=1").permits(&action("/a?b=1")));
        assert!(!action("/a?b=1").permits(&action("/a?b=2")));
        assert!(!action("/a?b=1").permits(&action("/a")));
    }

    #[test]
    fn segments_are_decoded_once() {
        assert!(action("/caf%C3%A9/%61").permits(&action("/café/a")));
        assert!(!action("/%2561").permits(&action("/a")));
        assert!(!action("/a/b").permits(&action("/a")));
        assert!(!action("/a/").permits(&action("/a")));
    }

    #[test]
    fn method_and_payload_must_be_equal() {
        let mut other = action("/a");
        other.method = Method::Put;
        assert!(!action("/a").permits(&other));
        let mut other = action("/a");
        other.payload = PayloadDigest::of("{}");
        assert!(!action("/a").permits(&other));
        let digest = data_encoding::HEXLOWER.encode(other.payload.as_bytes());
        let sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(digest, sha256);
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for (path, error) in [
            ("", ActionPathError::NotAPath),
            ("auth", ActionPathError::NotAPath),
            ("https://a/b", ActionPathError::NotAPath),
            ("/a%2Fb", ActionPathError::EncodedSlash),
            ("/a%2fb", ActionPathError::EncodedSlash),
            ("/a%", ActionPathError::MalformedEscape),
            ("/a%1", ActionPathError::MalformedEscape),
            ("/a%+1", ActionPathError::MalformedEscape),
            ("/a\0", ActionPathError::ControlCharacter),
            ("/a?b\n", ActionPathError::ControlCharacter),
        ] {
            assert_eq!(ActionPath::parse(path), Err(error), "{path}");
        }
    }

    #[test]
    fn a_path_has_2048_bytes_at_most_and_is_kept_as_it_was_given() {
        let longest = format!("/%41?{}", "a".repeat(2043));
        assert_eq!(action(&longest).path.as_str(), longest);
        let longer = ActionPath::parse(format!("{longest}a"));
        assert_eq!(longer, Err(ActionPathError::TooLong));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = ActionPath::parse(text);
        }

        #[test]
        fn escaping_never_changes_what_is_permitted(segment in "[a-zA-Z0-9é ]{1,20}") {
            let escaped = data_encoding::HEXUPPER.encode(segment.as_bytes());
            let escaped = escaped.as_bytes().chunks(2).fold(String::new(), |text, digits| {
                text + "%" + std::str::from_utf8(digits).unwrap()
            });
            let plain = action(&format!("/x/{segment}"));
            let signed = action(&format!("/x/{escaped}"));
            prop_assert!(signed.permits(&plain));
        }
    }
}
