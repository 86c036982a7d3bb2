//! Client data: the JSON that a client builds around the challenge and signs (API contract §3.2, §3.7;
//! WebAuthn §5.8.1).

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::challenge::ChallengeText;
use latchkey_json::Value;
use latchkey_service::ports::proof_verifier::ProofError;
use serde::{Deserialize, de::IgnoredAny};
use subtle::ConstantTimeEq as _;

/// What this crate reads of client data; members it does not know are ignored.
pub(crate) struct ClientData {
    challenge: String,
    origin: Option<String>,
    cross_origin: bool,
}

/// What older browsers say of the connection. It was never used, and nothing depends on it.
#[derive(Deserialize)]
struct TokenBinding {
    #[serde(rename = "status")]
    _status: String,
    #[serde(rename = "id")]
    _id: Option<String>,
}

impl ClientData {
    /// Reads client data of the ceremony with that `type`.
    pub(crate) fn read(bytes: &[u8], ceremony: &str) -> Result<Self, ProofError> {
        Self::of(&members(bytes)?, ceremony)
    }

    /// Reads client data that a browser or platform made: besides, their challenge has no more padding than
    /// base64url asks for, and the token binding of older ones (WebAuthn Level 2 §5.8.1) has its members.
    pub(crate) fn read_webauthn(bytes: &[u8], ceremony: &str) -> Result<Self, ProofError> {
        let members = members(bytes)?;
        let read = Self::of(&members, ceremony)?;
        let encoded = read.challenge.trim_end_matches('=').len();
        if read.challenge.len() > encoded.next_multiple_of(4) {
            return Err(malformed("must have a challenge in base64url"));
        }
        let binding: Result<Option<TokenBinding>, _> = members.member("tokenBinding");
        binding.map_err(|_other| malformed("must have texts as status and id of tokenBinding"))?;
        Ok(read)
    }

    fn of(members: &Value, ceremony: &str) -> Result<Self, ProofError> {
        let text = |name| {
            let member = members.member::<String>(name);
            member.map_err(|_other| malformed("must have texts as type, challenge and origin"))
        };
        if text("type")?.ok_or(malformed("must have a type"))? != ceremony {
            return Err(ProofError::Type);
        }
        let is_framed: Option<bool> = members
            .member("crossOrigin")
            .map_err(|_other| malformed("must have true or false as crossOrigin"))?;
        Ok(Self {
            challenge: text("challenge")?.ok_or(malformed("must have a challenge"))?,
            origin: text("origin")?,
            // A top origin is named only when the page was framed by another origin; null names none.
            cross_origin: is_framed.unwrap_or_default()
                || !matches!(members.member::<IgnoredAny>("topOrigin"), Ok(None)),
        })
    }

    /// Requires that the challenge is C or base64url of C, padded or not, and gives its bytes.
    pub(crate) fn challenge(&self, expected: &ChallengeText) -> Result<Vec<u8>, ProofError> {
        let received = self.challenge.trim_end_matches('=').as_bytes();
        let plain = received.ct_eq(expected.as_str().as_bytes());
        let encoded_twice = received.ct_eq(expected.encoded_twice().as_bytes());
        if !bool::from(plain | encoded_twice) {
            return Err(ProofError::Challenge);
        }
        BASE64URL_NOPAD
            .decode(received)
            .map_err(|_unreachable| ProofError::Challenge)
    }

    /// Requires that the challenge is base64url, padded or not, of JSON that means the same as
    /// `expected`. It is read as strictly as a body: a repeated member name could be read in two ways.
    pub(crate) fn commits_to(&self, expected: &str) -> Result<(), ProofError> {
        let received = BASE64URL_NOPAD
            .decode(self.challenge.trim_end_matches('=').as_bytes())
            .map_err(|_malformed| ProofError::OtherCredentials)?;
        let canonical = |text| {
            let value = Value::read(text).map_err(|_malformed| ProofError::OtherCredentials)?;
            Ok(value.canonical())
        };
        if canonical(&received)? == canonical(expected.as_bytes())? {
            Ok(())
        } else {
            Err(ProofError::OtherCredentials)
        }
    }

    /// The origin the client names; an empty one is none.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.origin.as_deref().filter(|origin| !origin.is_empty())
    }

    /// Requires that the ceremony did not run inside a page of another origin.
    pub(crate) fn refuse_cross_origin(&self) -> Result<(), ProofError> {
        if self.cross_origin {
            Err(ProofError::CrossOrigin)
        } else {
            Ok(())
        }
    }
}

/// Client data as they are parsed: without the byte order mark that they may begin with, since WebAuthn decodes
/// them as the Encoding Standard does (§7.1 step 5, §7.2 step 8). What is signed is all of the bytes.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn members(bytes: &[u8]) -> Result<Value, ProofError> {
    Value::read_object(without_mark(bytes)).map_err(|_malformed| {
        malformed("must be a JSON object in UTF-8 whose member names are not repeated")
    })
}

pub(crate) const fn malformed(problem: &'static str) -> ProofError {
    ProofError::Malformed {
        part: "clientData",
        problem,
    }
}
