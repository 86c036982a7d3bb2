//! `/auth/users`: an administrator manages the users of the organization.

use axum::{Json, extract::State};
use latchkey_domain::{
    id::UserId,
    session::Session,
    text::{ExternalId, Username},
};
use latchkey_service::{
    ports::user_store::{UserChange, UserPage},
    user_actions::SignedRequest,
    users::CreateUser,
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use utoipa::ToSchema;

use crate::{
    dto::{
        text::{FromText, Text},
        user::{self, Employee, PaginationToken, UserBody},
    },
    error::{ApiError, ErrorCode, documentation::refusals},
    extract::{bearer::SignedIn, path::PathId, query::Parameters, signed::Signed},
    state::AppState,
};

/// Part of the list of users.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "items": [user::example()], "nextPageToken": "MTc2OTg2MDgwMDAwMC51cy02YjU4cA" }))]
pub(crate) struct UserList {
    /// Oldest first.
    items: Vec<UserBody>,
    /// The `paginationToken` of the next part; absent when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

refusals!(ListRefusals: [PLAIN, SIGNED_IN], [NotPermitted]);

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
        ),
        (
            "search" = Option<String>,
            Query,
            description = "Only users in whose name or identifier this is, letter case aside. Of a large \
                           organization a part may have fewer users than asked for and yet a `nextPageToken`",
            example = "ada"
        )
    ),
    responses((status = 200, description = "The users", body = UserList), ListRefusals)
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
        search: parameters.read("search")?,
    };
    let found = state
        .use_cases
        .users
        .list(&session, &page)
        .await
        .map_err(refused(&session, "Read"))?;
    Ok(Json(UserList {
        items: found.users.into_iter().map(UserBody::from).collect(),
        next_page_token: found.next.map(|next| PaginationToken(next).encode()),
    }))
}

/// What a user may be called who is to be made.
struct NewUsername(Username);

impl FromText for NewUsername {
    fn from_text(text: String) -> Result<Self, String> {
        Username::new(text)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

/// Who is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CreateUserRequest {
    /// The e-mail address: what the user signs in with, and where the invitation goes.
    #[schema(value_type = String, example = "ada@example.com")]
    email: Text<NewUsername>,
    /// `CustomerEmployee`.
    #[schema(value_type = String, example = "CustomerEmployee")]
    #[serde(rename = "kind")]
    _kind: Text<Employee>,
    /// What the organization itself calls the user; unique in it.
    #[schema(value_type = Option<String>)]
    external_id: Option<Text<ExternalId>>,
    /// Only `false`: single sign-on is not offered.
    #[serde(rename = "isSSORequired")]
    is_sso_required: Option<bool>,
    /// Must be absent: a user's keys are those that the user registers.
    #[schema(value_type = Option<String>)]
    public_key: Option<IgnoredAny>,
}

refusals!(CreateRefusals: [BODY, SIGNED], [MemberNotOffered, NotPermitted, UserExists, ExternalIdTaken]);

/// Create a user
///
/// Makes an employee and mails a code to register with. Somebody who was invited before and has not
/// registered gets a new code, which voids the earlier one, and stays otherwise as is.
#[utoipa::path(
    post,
    path = "/auth/users",
    operation_id = "createUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = CreateUserRequest, example = json!({
        "email": "ada@example.com",
        "kind": "CustomerEmployee"
    })),
    responses((status = 200, description = "The user", body = UserBody), CreateRefusals)
)]
pub(crate) async fn create_user(
    State(state): State<AppState>,
    signed: Signed<CreateUserRequest>,
) -> Result<Json<UserBody>, ApiError> {
    let Signed { request, body } = signed;
    require_no_sso(body.is_sso_required)?;
    if body.public_key.is_some() {
        return Err(ApiError::not_offered(
            "publicKey",
            "is not taken: a user's keys are those that the user registers",
        ));
    }
    let Text(NewUsername(username)) = body.email;
    let new = CreateUser {
        username,
        external_id: body.external_id.map(|Text(id)| id),
    };
    let made = state
        .use_cases
        .users
        .create(&request, new)
        .await
        .map_err(refused(&request.session, "Create"))?;
    Ok(Json(made.into()))
}

refusals!(GetRefusals: [PLAIN, SIGNED_IN], [NotPermitted, UserNotFound]);

/// Get a user
///
/// A user of the organization, for its administrators.
#[utoipa::path(
    get,
    path = "/auth/users/{userId}",
    operation_id = "getUser",
    tag = "Users",
    security(("bearer" = [])),
    params(PathId<UserId>),
    responses((status = 200, description = "The user", body = UserBody), GetRefusals)
)]
pub(crate) async fn get_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    SignedIn(session): SignedIn,
) -> Result<Json<UserBody>, ApiError> {
    let found = state.use_cases.users.find(&session, &user).await;
    let found = found.map_err(refused(&session, "Read"))?;
    Ok(Json(found.ok_or(ErrorCode::UserNotFound)?.into()))
}

/// What is to be changed.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
pub(crate) struct UpdateUserRequest {
    /// Only `false`: single sign-on is not offered.
    #[serde(rename = "isSSORequired")]
    is_sso_required: bool,
}

refusals!(UpdateRefusals: [BODY, SIGNED], [MemberNotOffered, NotPermitted, UserNotFound]);

/// Update a user
///
/// Takes what users of this version have anyhow, so nothing changes.
#[utoipa::path(
    put,
    path = "/auth/users/{userId}",
    operation_id = "updateUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params(PathId<UserId>),
    request_body(content = UpdateUserRequest, example = json!({"isSSORequired": false})),
    responses((status = 200, description = "The user", body = UserBody), UpdateRefusals)
)]
pub(crate) async fn update_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed<UpdateUserRequest>,
) -> Result<Json<UserBody>, ApiError> {
    require_no_sso(Some(signed.body.is_sso_required))?;
    change(&state, &signed.request, &user, UserChange::Nothing).await
}

refusals!(ActivateRefusals: [BODY, SIGNED], [NotPermitted, UserNotFound]);

/// Activate a user
///
/// Lets a user act again. Asking for the state it is in changes nothing.
#[utoipa::path(
    put,
    path = "/auth/users/{userId}/activate",
    operation_id = "activateUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params(PathId<UserId>),
    responses((status = 200, description = "The user", body = UserBody), ActivateRefusals)
)]
pub(crate) async fn activate_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed,
) -> Result<Json<UserBody>, ApiError> {
    change(&state, &signed.request, &user, UserChange::Activate).await
}

refusals!(DeactivateRefusals: [BODY, SIGNED], [NotPermitted, UserNotFound, LastAdministrator, CredentialFresh]);

/// Deactivate a user
///
/// Ends every session, code and user action of a user, for good, and lets nobody sign in as the user. The
/// last active administrator of the organization cannot be deactivated. Asking for the state it is in
/// changes nothing.
#[utoipa::path(
    put,
    path = "/auth/users/{userId}/deactivate",
    operation_id = "deactivateUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params(PathId<UserId>),
    responses((status = 200, description = "The user", body = UserBody), DeactivateRefusals)
)]
pub(crate) async fn deactivate_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed,
) -> Result<Json<UserBody>, ApiError> {
    change(&state, &signed.request, &user, UserChange::Deactivate).await
}

refusals!(DeleteRefusals: [BODY, SIGNED], [NotPermitted, UserNotFound, LastAdministrator, CredentialFresh]);

/// Delete a user
///
/// Deletes a user with all credentials and codes; username and external id are free again. The last active
/// administrator of the organization cannot be deleted. The evidence of signed user actions stays.
#[utoipa::path(
    delete,
    path = "/auth/users/{userId}",
    operation_id = "deleteUser",
    tag = "Users",
    security(("bearer" = [], "userAction" = [])),
    params(PathId<UserId>),
    responses((status = 200, description = "The user as it was", body = UserBody), DeleteRefusals)
)]
pub(crate) async fn delete_user(
    State(state): State<AppState>,
    PathId(user): PathId<UserId>,
    signed: Signed,
) -> Result<Json<UserBody>, ApiError> {
    change(&state, &signed.request, &user, UserChange::Delete).await
}

async fn change(
    state: &AppState,
    request: &SignedRequest,
    user: &UserId,
    change: UserChange,
) -> Result<Json<UserBody>, ApiError> {
    let permission = match change {
        UserChange::Nothing => "Update",
        UserChange::Activate => "Activate",
        UserChange::Deactivate => "Deactivate",
        UserChange::Delete => "Delete",
    };
    let changed = state.use_cases.users.change(request, user, change).await;
    let changed = changed.map_err(refused(&request.session, permission))?;
    Ok(Json(changed.into()))
}

/// Says what is missing to somebody who is not permitted to do this to users, in the text that clients of
/// the API know (API contract §7). Administrators have every permission, other users none.
fn refused<E: Into<ApiError>>(session: &Session, permission: &str) -> impl FnOnce(E) -> ApiError {
    move |error| match error.into() {
        missing if missing.code == ErrorCode::NotPermitted => missing.saying(format!(
            "{} {} is not authorized to perform operation (Auth:Users:{permission})",
            session.user_kind, session.user
        )),
        error => error,
    }
}

/// Refuses users who must sign in elsewhere.
fn require_no_sso(is_sso_required: Option<bool>) -> Result<(), ApiError> {
    match is_sso_required {
        Some(true) => Err(ApiError::not_offered(
            "isSSORequired",
            "must be false: single sign-on is not offered",
        )),
        Some(false) | None => Ok(()),
    }
}
