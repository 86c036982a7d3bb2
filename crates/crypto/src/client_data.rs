//! Client data: the JSON that a client builds around the challenge and signs (API contract §3.2, §3.7;
//! WebAuthn §5.8.1).

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::challenge::ChallengeText;
use latchkey_service::{json::canonical, ports::proof_verifier::ProofError};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::json::{self, Object};

/// What this crate reads of client data; members it does not know are ignored.
pub(crate) struct ClientData {
    challenge: String,
    origin: Option<String>,
    cross_origin: bool,
}

impl ClientData {
    /// Reads client data of the ceremony with that `type`.
    pub(crate) fn read(bytes: &[u8], ceremony: &str) -> Result<Self, ProofError> {
        let members = json::object(bytes).ok_or(malformed(
            "must be a JSON object in UTF-8 whose member names are not repeated",
        ))?;
        if text(&members, "type")?.ok_or(malformed("must have a type"))? != ceremony {
            return Err(ProofError::Type);
        }
        Ok(Self {
            challenge: text(&members, "challenge")?
                .ok_or(malformed("must have a challenge"))?
                .to_owned(),
            origin: text(&members, "origin")?.map(str::to_owned),
            // A top origin is named only when the page was framed by another origin.
            cross_origin: flag(&members, "crossOrigin")? || members.contains_key("topOrigin"),
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
        let canonical = |text| canonical(text).map_err(|_malformed| ProofError::OtherCredentials);
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

fn text<'a>(members: &'a Object, name: &'static str) -> Result<Option<&'a str>, ProofError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(malformed("must have texts as type, challenge and origin"))
        }
    }
}

fn flag(members: &Object, name: &'static str) -> Result<bool, ProofError> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(malformed("must have true or false as crossOrigin"))
        }
    }
}

pub(crate) const fn malformed(problem: &'static str) -> ProofError {
    ProofError::Malformed {
        part: "clientData",
        problem,
    }
}
