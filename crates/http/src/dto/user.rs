//! Users as administrators see them (API contract §4.9).

use std::str::FromStr;

use latchkey_domain::{
    time::Timestamp,
    user::{User, UserKind},
};
use latchkey_service::ports::user_store::{UserEntry, UserPosition};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{date::iso, example::with, text::FromText};

/// A user of the organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(with(example(), json!({ "externalId": "employee-7" }))))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the API names each of these facts"
)]
pub(crate) struct UserBody {
    /// What the user signs in with.
    #[schema(example = "ada@example.com")]
    username: String,
    /// The same as `username`.
    #[schema(example = "ada@example.com")]
    name: String,
    /// Identifies the user.
    #[schema(example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    user_id: String,
    /// `CustomerEmployee` or `EndUser`.
    #[schema(example = "CustomerEmployee")]
    kind: &'static str,
    /// The user's oldest credential; empty until the user has registered.
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: String,
    /// The organization.
    #[schema(example = "or-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    org_id: String,
    /// What the organization itself calls the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Always empty: this version has no permissions but those of administrators.
    permissions: [&'static str; 0],
    /// Always empty, as `permissions` are.
    permission_assignments: [&'static str; 0],
    /// Whether the user may sign in and do anything.
    is_active: bool,
    /// Whether the user manages the users of the organization.
    is_administrator: bool,
    /// Whether the user has registered a first credential.
    is_registered: bool,
    /// Always `false`.
    #[serde(rename = "isSSORequired")]
    is_sso_required: bool,
    /// Always `false`.
    is_service_account: bool,
    /// When the user was invited first.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    date_created: String,
}

/// A user, in the description.
pub(crate) fn example() -> Value {
    json!({
        "username": "ada@example.com",
        "name": "ada@example.com",
        "userId": "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "kind": "CustomerEmployee",
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "orgId": "or-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "permissions": [],
        "permissionAssignments": [],
        "isActive": true,
        "isAdministrator": false,
        "isRegistered": true,
        "isSSORequired": false,
        "isServiceAccount": false,
        "dateCreated": "2026-01-31T12:00:00.000Z"
    })
}

impl From<UserEntry> for UserBody {
    fn from(entry: UserEntry) -> Self {
        let UserEntry { user, credential } = entry;
        let User {
            id,
            organization,
            username,
            kind,
            external_id,
            is_administrator,
            is_active,
            epoch: _,
            registered,
            created,
        } = user;
        Self {
            username: username.to_string(),
            name: username.to_string(),
            user_id: id.to_string(),
            kind: kind.as_str(),
            credential_uuid: credential
                .map(|credential| credential.to_string())
                .unwrap_or_default(),
            org_id: organization.to_string(),
            external_id: external_id.map(|id| id.to_string()),
            permissions: [],
            permission_assignments: [],
            is_active,
            is_administrator,
            is_registered: registered.is_some(),
            is_sso_required: false,
            is_service_account: false,
            date_created: iso(created),
        }
    }
}

/// The one kind of user that an administrator makes; customers of the organization register by
/// themselves, or are invited from the command line.
pub(crate) struct Employee;

impl FromText for Employee {
    fn from_text(text: String) -> Result<Self, String> {
        if text == UserKind::CustomerEmployee.as_str() {
            Ok(Self)
        } else {
            Err(format!("must be {}", UserKind::CustomerEmployee))
        }
    }
}

/// A `paginationToken`: where the next part of a list begins. Clients hand it back as it is.
pub(crate) struct PaginationToken(pub(crate) UserPosition);

/// A text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the nextPageToken of an earlier answer")]
pub(crate) struct PaginationTokenError;

impl PaginationToken {
    /// The token as text.
    pub(crate) fn encode(&self) -> String {
        let Self(position) = self;
        let text = format!("{} {}", position.created.unix_milliseconds(), position.id);
        data_encoding::BASE64URL_NOPAD.encode(text.as_bytes())
    }
}

impl FromStr for PaginationToken {
    type Err = PaginationTokenError;

    fn from_str(text: &str) -> Result<Self, PaginationTokenError> {
        let read = || {
            let bytes = data_encoding::BASE64URL_NOPAD
                .decode(text.as_bytes())
                .ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (created, id) = text.split_once(' ')?;
            Some(UserPosition {
                created: Timestamp::from_unix_milliseconds(created.parse().ok()?),
                id: id.parse().ok()?,
            })
        };
        read().map(Self).ok_or(PaginationTokenError)
    }
}

#[cfg(test)]
mod tests {
    use latchkey_domain::id::UserId;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_that_went_out_comes_back(milliseconds: i64, random: [u8; 32]) {
            let position = UserPosition {
                created: Timestamp::from_unix_milliseconds(milliseconds),
                id: UserId::from_random(&random),
            };
            let text = PaginationToken(position.clone()).encode();
            let read = text.parse::<PaginationToken>().map(|PaginationToken(read)| read);
            prop_assert_eq!(read, Ok(position));
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            prop_assert!(text.parse::<PaginationToken>().is_err());
        }
    }

    #[test]
    fn only_employees_are_made() {
        assert!(Employee::from_text("CustomerEmployee".to_owned()).is_ok());
        for text in ["EndUser", "customeremployee", "", "DfnsStaff"] {
            let refused = Employee::from_text(text.to_owned()).err();
            assert_eq!(
                refused.as_deref(),
                Some("must be CustomerEmployee"),
                "{text}"
            );
        }
    }
}
