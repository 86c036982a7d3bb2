//! User action tokens.

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::{
    id::CredentialUuid,
    time::Timestamp,
    user::Epoch,
    user_action::{ActionPath, PayloadDigest, SignedUserAction, UserAction},
};
use latchkey_service::ports::tokens::InvalidToken;
use serde::{Deserialize, Serialize};

use super::{AppMetadata, Claims, Readers, issued, parse, text};

#[derive(Serialize, Deserialize)]
pub(crate) struct UserActionClaims {
    sub: String,
    jti: String,
    iat: i64,
    #[serde(rename = "iatMs")]
    iat_milliseconds: Option<i64>,
    #[serde(rename = "https://custom/app_metadata")]
    app_metadata: AppMetadata,
    epoch: i64,
    signers: Vec<String>,
    action: ActionClaims,
}

impl Claims for UserActionClaims {
    const TYPE: &'static str = "latchkey-user-action+jwt";
    const READERS: Readers = Readers::Everybody;
}

impl UserActionClaims {
    pub(crate) fn new(action: &SignedUserAction) -> Self {
        Self {
            sub: text(&action.user),
            jti: text(&action.id),
            iat: action.issued.unix_seconds(),
            iat_milliseconds: Some(action.issued.unix_milliseconds()),
            app_metadata: AppMetadata {
                organization: text(&action.organization),
                user: Some(text(&action.user)),
                token: text(&action.id),
            },
            epoch: action.epoch.number(),
            signers: action.signers.iter().map(text).collect(),
            action: ActionClaims::new(&action.action),
        }
    }

    /// The user action these claims are about, which is void from `expires` on.
    pub(crate) fn user_action(self, expires: Timestamp) -> Result<SignedUserAction, InvalidToken> {
        Ok(SignedUserAction {
            id: parse(&self.jti)?,
            organization: parse(&self.app_metadata.organization)?,
            user: parse(&self.sub)?,
            epoch: Epoch::new(self.epoch),
            signers: self
                .signers
                .iter()
                .map(|signer| parse::<CredentialUuid>(signer))
                .collect::<Result<_, _>>()?,
            action: self.action.action()?,
            issued: issued(self.iat, self.iat_milliseconds),
            expires,
        })
    }
}

/// Exactly one request.
#[derive(Serialize, Deserialize)]
pub(super) struct ActionClaims {
    method: String,
    path: String,
    payload: String,
}

impl ActionClaims {
    pub(super) fn new(action: &UserAction) -> Self {
        Self {
            method: text(&action.method),
            path: action.path.as_str().to_owned(),
            payload: BASE64URL_NOPAD.encode(action.payload.as_bytes()),
        }
    }

    pub(super) fn action(self) -> Result<UserAction, InvalidToken> {
        Ok(UserAction {
            method: parse(&self.method)?,
            path: ActionPath::parse(self.path).map_err(|_unreachable| InvalidToken)?,
            payload: PayloadDigest::new(bytes(&self.payload)?),
        })
    }
}

/// Exactly that many bytes from base64url.
pub(super) fn bytes<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], InvalidToken> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(InvalidToken)
}
