//! Session tokens. Published clients read some of these claims (API contract §2.3).

use std::str::FromStr;

use latchkey_domain::{session::Session, text::Username, time::Timestamp, user::Epoch};
use latchkey_service::ports::tokens::InvalidToken;
use serde::{Deserialize, Serialize};

use super::{AppMetadata, Claims, Readers, parse, text};

#[derive(Serialize, Deserialize)]
pub(crate) struct SessionClaims {
    sub: String,
    jti: String,
    iat: i64,
    // For other services that verify tokens by the key set. Here it is not looked at: what this
    // installation has signed is not from the future, only the clocks of two replicas differ.
    nbf: i64,
    #[serde(rename = "iatMs")]
    iat_milliseconds: i64,
    kind: TokenKind,
    scope: String,
    permissions: Vec<String>,
    #[serde(rename = "userKind")]
    user_kind: String,
    epoch: i64,
    credential: String,
    // What follows was not in the tokens of an earlier release, which are good until they expire.
    #[serde(rename = "credentialKind", skip_serializing_if = "Option::is_none")]
    credential_kind: Option<String>,
    /// Whom the token was issued to, as OpenID Connect Core §2 names it: the application that was signed in at.
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    #[serde(rename = "https://custom/username")]
    username: String,
    #[serde(rename = "https://custom/app_metadata")]
    app_metadata: AppMetadata,
}

/// The kinds of tokens the API knows; this is the only one served.
#[derive(Serialize, Deserialize)]
enum TokenKind {
    Token,
}

impl Claims for SessionClaims {
    const TYPE: &'static str = "latchkey-session+jwt";
    const READERS: Readers = Readers::Everybody;
}

impl SessionClaims {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            sub: text(&session.user),
            jti: text(&session.id),
            iat: session.issued.unix_seconds(),
            nbf: session.issued.unix_seconds(),
            iat_milliseconds: session.issued.unix_milliseconds(),
            kind: TokenKind::Token,
            scope: String::new(),
            permissions: vec![],
            user_kind: text(&session.user_kind),
            epoch: session.epoch.number(),
            credential: text(&session.credential),
            credential_kind: session.credential_kind.as_ref().map(text),
            azp: session.application.as_ref().map(text),
            username: text(&session.username),
            app_metadata: AppMetadata {
                organization: text(&session.organization),
                user: Some(text(&session.user)),
                token: text(&session.id),
            },
        }
    }

    /// The session these claims are about, which ends at `expires`.
    pub(crate) fn session(self, expires: Timestamp) -> Result<Session, InvalidToken> {
        Ok(Session {
            id: parse(&self.jti)?,
            organization: parse(&self.app_metadata.organization)?,
            user: parse(&self.sub)?,
            username: Username::accepted_before(self.username)
                .map_err(|_unreachable| InvalidToken)?,
            user_kind: parse(&self.user_kind)?,
            epoch: Epoch::new(self.epoch),
            credential: parse(&self.credential)?,
            credential_kind: read(self.credential_kind)?,
            application: read(self.azp)?,
            issued: Timestamp::from_unix_milliseconds(self.iat_milliseconds),
            expires,
        })
    }
}

/// A value that may be missing.
fn read<T: FromStr>(text: Option<String>) -> Result<Option<T>, InvalidToken> {
    text.map(|text| parse(&text)).transpose()
}
