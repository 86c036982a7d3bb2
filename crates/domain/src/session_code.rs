//! Session codes: what hands a session over from the pages of this service to a page of the application.
//!
//! The code travels in the address of that page, and so may stay in a history or a log. That is why it lives for
//! a minute, can be used once, and is of no use without the verifier that its asker kept (PKCE, RFC 7636; the OAuth
//! 2.0 security best current practice, RFC 9700 §2.1.1). Whoever led somebody to the sign-in is the asker, and need
//! not be the application: against that one, the page that a code is sent to must give its address to nobody (§4.2,
//! §4.11). It has no query of the asker's, so that no address in it can be made to lead further.

use std::{fmt, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use url::Url;

use crate::{
    application::{Origin, page_address},
    id::{ApplicationId, SessionCodeId},
    session::Session,
    time::Timestamp,
};

/// What a session code stands for. It is carried by the code itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCode {
    /// Identifies it, so that it can be spent.
    pub id: SessionCodeId,
    /// The session that is handed over.
    pub session: Session,
    /// The application that gets it, which must still be active.
    pub application: ApplicationId,
    /// Where on the web the code was sent to: pages of no other origin may use it.
    pub origin: Origin,
    /// What whoever uses it has to answer.
    pub challenge: CodeChallenge,
    /// From when on it is void.
    pub expires: Timestamp,
}

impl SessionCode {
    /// How long one lives: long enough for a page to load.
    pub const LIFETIME: Duration = Duration::from_mins(1);
}

/// The page of an application that somebody goes back to after signing in: the address of a page on an origin,
/// without user information, query and fragment. Whether an application lists the origin is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo {
    url: Url,
    origin: Origin,
}

/// A text that nobody can go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the https address of a page, at most {} bytes long, without user name, password, ? or #: what the \
     page is to be told is the state; http is allowed for localhost and its subdomains only",
    ReturnTo::MAXIMUM
)]
pub struct ReturnToError;

impl ReturnTo {
    /// The most bytes it has.
    pub const MAXIMUM: usize = 2048;

    /// Accepts an address that is whole by itself: one that leaves out the scheme or the host is none.
    ///
    /// # Errors
    /// [`ReturnToError`].
    pub fn new(text: &str) -> Result<Self, ReturnToError> {
        if text.len() > Self::MAXIMUM {
            return Err(ReturnToError);
        }
        let (url, origin) = page_address(text).ok_or(ReturnToError)?;
        if url.query().is_none() {
            Ok(Self { url, origin })
        } else {
            Err(ReturnToError)
        }
    }

    /// The origin of the page.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The address with a code in its query, and with the state that its asker gave, as it was given.
    pub fn with(&self, code: &str, state: Option<&ReturnState>) -> String {
        let mut url = self.url.clone();
        let mut query = url.query_pairs_mut();
        query.append_pair("code", code);
        if let Some(ReturnState(state)) = state {
            query.append_pair("state", state);
        }
        drop(query);
        url.into()
    }
}

/// What an application wants to be told again with the code, such as where its user wanted to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnState(String);

/// A text that is too long to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {} bytes", ReturnState::MAXIMUM)]
pub struct ReturnStateError;

impl ReturnState {
    /// The most bytes it has.
    pub const MAXIMUM: usize = 512;

    /// Accepts any text that is short enough.
    ///
    /// # Errors
    /// [`ReturnStateError`].
    pub fn new(text: impl Into<String>) -> Result<Self, ReturnStateError> {
        let text = text.into();
        if text.len() <= Self::MAXIMUM {
            Ok(Self(text))
        } else {
            Err(ReturnStateError)
        }
    }
}

/// The SHA-256 of a verifier: the code challenge of RFC 7636 §4.2 with the method S256, the only one there is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

/// A text that is no code challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the unpadded base64url of the SHA-256 of a verifier (RFC 7636, S256)")]
pub struct CodeChallengeError;

impl CodeChallenge {
    /// Accepts the unpadded base64url of 32 bytes.
    ///
    /// # Errors
    /// [`CodeChallengeError`].
    pub fn new(text: &str) -> Result<Self, CodeChallengeError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_default();
        bytes
            .try_into()
            .map(Self)
            .map_err(|_other_size| CodeChallengeError)
    }

    /// Whether that verifier answers it.
    pub fn is_answered_by(self, verifier: &CodeVerifier) -> bool {
        let digest: [u8; 32] = Sha256::digest(verifier.0.as_bytes()).into();
        digest == self.0
    }
}

impl fmt::Display for CodeChallenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// The secret of whoever asked for a session code (RFC 7636 §4.1). It does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeVerifier(String);

/// A text that is no code verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 43 to 128 letters, digits and the symbols - . _ ~ (RFC 7636)")]
pub struct CodeVerifierError;

impl CodeVerifier {
    /// Accepts what RFC 7636 §4.1 does.
    ///
    /// # Errors
    /// [`CodeVerifierError`].
    pub fn new(text: impl Into<String>) -> Result<Self, CodeVerifierError> {
        let text = text.into();
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved) {
            Ok(Self(text))
        } else {
            Err(CodeVerifierError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_challenge_is_answered_by_its_verifier_alone() {
        let challenge = CodeChallenge::new(CHALLENGE).unwrap();
        assert_eq!(challenge.to_string(), CHALLENGE);
        assert!(challenge.is_answered_by(&CodeVerifier::new(VERIFIER).unwrap()));
        // Nor is the challenge its own answer, as it would be with the method "plain".
        for other in [
            CHALLENGE.to_owned(),
            VERIFIER.replace('k', "l"),
            "a".repeat(43),
        ] {
            assert!(!challenge.is_answered_by(&CodeVerifier::new(other).unwrap()));
        }
        for text in [
            "",
            "x",
            VERIFIER.trim_end_matches('k'),
            &format!("{CHALLENGE}="),
        ] {
            assert_eq!(CodeChallenge::new(text), Err(CodeChallengeError), "{text}");
        }
        for (text, is_one) in [
            ("a".repeat(42), false),
            ("~".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{VERIFIER} "), false),
            (format!("{VERIFIER}é"), false),
        ] {
            assert_eq!(CodeVerifier::new(text.clone()).is_ok(), is_one, "{text}");
        }
    }

    #[test]
    fn one_goes_back_to_the_secure_address_of_a_page_and_nowhere_else() {
        for (text, origin) in [
            ("https://app.example.com", "https://app.example.com"),
            ("https://APP.example.com:443/a", "https://app.example.com"),
            (
                "https://app.example.com:8443/",
                "https://app.example.com:8443",
            ),
            ("http://one.localhost:3000/x", "http://one.localhost:3000"),
            // Browsers read it so too; where it leads is told by the origin.
            ("https:app.example.com", "https://app.example.com"),
            (
                "https://app.example.com\\@evil.example/",
                "https://app.example.com",
            ),
        ] {
            assert_eq!(
                ReturnTo::new(text).unwrap().origin().as_str(),
                origin,
                "{text}"
            );
        }
        let long = format!("https://app.example.com/{}", "a".repeat(ReturnTo::MAXIMUM));
        for text in [
            "",
            "/account",
            "//app.example.com/",
            "\\\\app.example.com",
            "http://app.example.com/",
            "http://127.0.0.1/",
            "https://ada@app.example.com/",
            "https://app.example.com@evil.example/",
            "https://:x@app.example.com/",
            "https://app.example.com/#x",
            "https://app.example.com/?",
            "https://app.example.com/?code=mine",
            "https://app.example.com/leave?to=https%3A%2F%2Fevil.example",
            "javascript:alert(1)//https://app.example.com",
            "data:text/html,https://app.example.com",
            "blob:https://app.example.com/x",
            "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
            &long,
        ] {
            assert!(
                ReturnTo::new(text)
                    .is_err_and(|error| error.to_string().starts_with("must be the https address")),
                "{text}"
            );
        }
    }

    #[test]
    fn code_and_state_are_put_into_the_query_as_they_are() {
        let page = ReturnTo::new("https://app.example.com/back").unwrap();
        let state = ReturnState::new("a&code=b#c é").unwrap();
        assert_eq!(
            page.with("sc_1", Some(&state)),
            "https://app.example.com/back?code=sc_1&state=a%26code%3Db%23c+%C3%A9"
        );
        assert_eq!(
            page.with("sc_1", None),
            "https://app.example.com/back?code=sc_1"
        );
        assert!(ReturnState::new("a".repeat(512)).is_ok());
        assert_eq!(ReturnState::new("a".repeat(513)), Err(ReturnStateError));
    }
}
