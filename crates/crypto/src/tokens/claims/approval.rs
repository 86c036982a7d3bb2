//! Approval tokens.

use latchkey_domain::{approval::ApprovalTicket, time::Timestamp};
use latchkey_service::ports::tokens::InvalidToken;
use serde::{Deserialize, Serialize};

use super::{AppMetadata, Claims, Readers, parse, text};

#[derive(Serialize, Deserialize)]
pub(crate) struct ApprovalClaims {
    jti: String,
    iat: i64,
    #[serde(rename = "https://custom/app_metadata")]
    app_metadata: AppMetadata,
}

impl Claims for ApprovalClaims {
    const TYPE: &'static str = "latchkey-approval+jwt";
    const READERS: Readers = Readers::Ourselves;
}

impl ApprovalClaims {
    pub(crate) fn new(ticket: &ApprovalTicket, now: Timestamp) -> Self {
        Self {
            jti: text(&ticket.code),
            iat: now.unix_seconds(),
            app_metadata: AppMetadata {
                organization: text(&ticket.organization),
                user: Some(text(&ticket.user)),
                token: text(&ticket.code),
            },
        }
    }

    /// The ticket these claims are about, which is void from `expires` on.
    pub(crate) fn ticket(self, expires: Timestamp) -> Result<ApprovalTicket, InvalidToken> {
        let user = self.app_metadata.user.ok_or(InvalidToken)?;
        Ok(ApprovalTicket {
            code: parse(&self.jti)?,
            organization: parse(&self.app_metadata.organization)?,
            user: parse(&user)?,
            expires,
        })
    }
}
