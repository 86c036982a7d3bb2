//! `GET /auth/users`

use axum::{Json, extract::State};
use latchkey_service::ports::user_store::UserPage;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    dto::user::{PaginationToken, UserBody},
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, query::Parameters},
    state::AppState,
};

/// Part of the list of users.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "items": [{
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
    }],
    "nextPageToken": "MTc2OTg2MDgwMDAwMC51cy02YjU4cA"
}))]
pub(crate) struct UserList {
    /// Oldest first.
    items: Vec<UserBody>,
    /// The `paginationToken` of the next part; absent when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

refusals!(Refusals: [PLAIN, SIGNED_IN], [InvalidField, NotPermitted]);

/// List users
///
/// The users of the organization, for its administrators. Whoever follows `nextPageToken` to the end
/// meets every user exactly once, whoever is made or deleted meanwhile.
#[utoipa::path(
    get,
    path = "/auth/users",
    operation_id = "listUsers",
    tag = "Users",
    security(("bearer" = [])),
    params(
        (
            "limit" = Option<u16>,
            Query,
            description = "How many users at most",
            minimum = 1,
            maximum = 200,
            example = 100
        ),
        (
            "paginationToken" = Option<String>,
            Query,
            description = "The `nextPageToken` of the part before",
            example = "MTc2NzIyNTYwMDAwMCB1cy02YjU4cC1yNTNzci1ybHJkM2w1Y2ozdWM0b21l"
        ),
        (
            "kind" = Option<String>,
            Query,
            description = "Only users of this kind: `CustomerEmployee` or `EndUser`",
            example = "CustomerEmployee"
        )
    ),
    responses((status = 200, description = "The users", body = UserList), Refusals)
)]
pub(crate) async fn list_users(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
    parameters: Parameters,
) -> Result<Json<UserList>, ApiError> {
    let after: Option<PaginationToken> = parameters.read("paginationToken")?;
    let page = UserPage {
        size: parameters.read("limit")?.unwrap_or_default(),
        after: after.map(|PaginationToken(position)| position),
        kind: parameters.read("kind")?,
    };
    let found = state.services.users.list(&session, &page).await?;
    Ok(Json(UserList {
        items: found.users.into_iter().map(UserBody::from).collect(),
        next_page_token: found.next.map(|next| PaginationToken(next).encode()),
    }))
}
