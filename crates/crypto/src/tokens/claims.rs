//! What each type of token says.
//!
//! The domain knows nothing of serialisation, so its values are mirrored here. To put another fact into
//! a token, add it to the claims, to what makes them, and to what reads them; tokens that were signed
//! before are then refused, and die within hours.

mod approval;
mod challenge;
mod session;
mod session_code;
mod user_action;

use std::{fmt::Display, str::FromStr};

use latchkey_domain::time::Timestamp;
use latchkey_service::ports::tokens::InvalidToken;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub(super) use self::{
    approval::ApprovalClaims, challenge::ChallengeClaims, session::SessionClaims,
    session_code::SessionCodeClaims, user_action::UserActionClaims,
};

/// The claims of one type of token.
pub(super) trait Claims: Serialize + DeserializeOwned {
    /// The type of the token, as its header says it.
    const TYPE: &'static str;
    /// Who has to be able to verify it.
    const READERS: Readers;
}

/// Who reads a type of token, which decides about its one algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Other services too: it is signed with a key whose public half is published.
    Everybody,
    /// This installation alone.
    Ourselves,
}

/// What all tokens say: the registered claims (RFC 7519 §4.1), and the expiry with the precision that
/// the domain knows. `exp` is rounded down, so nobody who reads it accepts the token for longer.
#[derive(Serialize, Deserialize)]
pub(super) struct Registered<'a> {
    iss: &'a str,
    aud: &'a str,
    exp: i64,
    #[serde(rename = "expMs")]
    exp_milliseconds: i64,
}

impl<'a> Registered<'a> {
    /// Of a token of this installation that is void from `expires` on.
    fn new(installation: &'a str, expires: Timestamp) -> Self {
        Self {
            iss: installation,
            aud: installation,
            exp: expires.unix_seconds(),
            exp_milliseconds: expires.unix_milliseconds(),
        }
    }

    /// When it expires, if it is a token of this installation.
    pub(super) fn expires(&self, installation: &str) -> Result<Timestamp, InvalidToken> {
        let expires = Timestamp::from_unix_milliseconds(self.exp_milliseconds);
        let Self { iss, aud, exp, .. } = *self;
        if iss == installation && aud == installation && exp == expires.unix_seconds() {
            Ok(expires)
        } else {
            Err(InvalidToken)
        }
    }
}

/// A whole payload, to be written. It is read in two passes, because to read what is flattened takes a copy
/// of every value.
#[derive(Serialize)]
pub(super) struct Payload<'a, C> {
    #[serde(flatten)]
    registered: Registered<'a>,
    #[serde(flatten)]
    claims: C,
}

impl<'a, C> Payload<'a, C> {
    pub(super) fn new(installation: &'a str, expires: Timestamp, claims: C) -> Self {
        Self {
            registered: Registered::new(installation, expires),
            claims,
        }
    }
}

/// Whose token it is, where published clients look for it in every token they are given (API contract
/// §0, §2.3).
#[derive(Serialize, Deserialize)]
struct AppMetadata {
    #[serde(rename = "orgId")]
    organization: String,
    /// Absent while a discoverable passkey is still to tell who signs in.
    #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(rename = "tokenId")]
    token: String,
}

/// When a token was issued; one of an earlier release says only in which second.
fn issued(seconds: i64, milliseconds: Option<i64>) -> Timestamp {
    let milliseconds = milliseconds.unwrap_or_else(|| seconds.saturating_mul(1000));
    Timestamp::from_unix_milliseconds(milliseconds)
}

/// A value as the text it is written as.
fn text(value: &impl Display) -> String {
    value.to_string()
}

/// A value from the text it is written as.
fn parse<T: FromStr>(text: &str) -> Result<T, InvalidToken> {
    text.parse().map_err(|_other| InvalidToken)
}
