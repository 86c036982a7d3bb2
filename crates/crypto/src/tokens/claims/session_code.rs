//! What a session code carries: a whole session, since nothing is kept of one until it is used. Names are short,
//! because all of it stands in an address.

use latchkey_domain::{
    application::Origin,
    session::Session,
    session_code::{CodeChallenge, SessionCode},
    text::Username,
    time::Timestamp,
    user::Epoch,
};
use latchkey_service::ports::tokens::InvalidToken;
use serde::{Deserialize, Serialize};

use super::{parse, text};

#[derive(Serialize, Deserialize)]
pub(crate) struct SessionCodeClaims {
    jti: String,
    app: String,
    origin: String,
    s256: String,
    session: String,
    org: String,
    sub: String,
    name: String,
    kind: String,
    epoch: i64,
    cred: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cred_kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<String>,
    iat_ms: i64,
    end_ms: i64,
}

impl SessionCodeClaims {
    /// What it is, authenticated with it, so that nothing else that is ever sealed with its key passes for one.
    pub(crate) const TYPE: &'static str = "latchkey-session-code";

    pub(crate) fn new(code: &SessionCode) -> Self {
        let session = &code.session;
        Self {
            jti: text(&code.id),
            app: text(&code.application),
            origin: text(&code.origin),
            s256: text(&code.challenge),
            session: text(&session.id),
            org: text(&session.organization),
            sub: text(&session.user),
            name: text(&session.username),
            kind: text(&session.user_kind),
            epoch: session.epoch.number(),
            cred: text(&session.credential),
            cred_kind: session.credential_kind.as_ref().map(text),
            azp: session.application.as_ref().map(text),
            iat_ms: session.issued.unix_milliseconds(),
            end_ms: session.expires.unix_milliseconds(),
        }
    }

    /// The code these claims are of, which is void from `expires` on.
    pub(crate) fn session_code(self, expires: Timestamp) -> Result<SessionCode, InvalidToken> {
        Ok(SessionCode {
            id: parse(&self.jti)?,
            application: parse(&self.app)?,
            origin: Origin::new(self.origin).map_err(|_other| InvalidToken)?,
            challenge: CodeChallenge::new(&self.s256).map_err(|_other| InvalidToken)?,
            session: Session {
                id: parse(&self.session)?,
                organization: parse(&self.org)?,
                user: parse(&self.sub)?,
                username: Username::accepted_before(self.name)
                    .map_err(|_unreachable| InvalidToken)?,
                user_kind: parse(&self.kind)?,
                epoch: Epoch::new(self.epoch),
                credential: parse(&self.cred)?,
                credential_kind: self.cred_kind.map(|text| parse(&text)).transpose()?,
                application: self.azp.map(|text| parse(&text)).transpose()?,
                issued: Timestamp::from_unix_milliseconds(self.iat_ms),
                expires: Timestamp::from_unix_milliseconds(self.end_ms),
            },
            expires,
        })
    }
}
