//! Requests that a user be mailed a code.

use latchkey_domain::{account_code::AccountCodeKind, id::OrganizationId, text::Username};
use latchkey_service::mailed_codes::MailCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{organization, text::Text};

/// Who is to be mailed a code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct MailedCodeRequest {
    /// The user.
    #[schema(value_type = String, example = "ada@example.com")]
    username: Text<Username>,
    /// The organization; may be left out when there is only one.
    #[schema(value_type = Option<String>, example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<Text<OrganizationId>>,
    /// The same as `orgId`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<Text<OrganizationId>>,
}

impl MailedCodeRequest {
    /// The request for a code of this kind.
    pub(crate) fn of(self, kind: AccountCodeKind) -> MailCode {
        MailCode {
            kind,
            organization: organization::named(self.org_id, self.tenant_id),
            username: self.username.0,
        }
    }
}
