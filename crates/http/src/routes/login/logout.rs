//! `PUT /auth/logout`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::message::Message,
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, json_body::JsonBody},
    state::AppState,
};

/// Which sessions to end.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct LogoutRequest {
    /// Whether to end every session of the user, not only this one.
    all_sessions: Option<bool>,
}

refusals!(Refusals: [BODY, SIGNED_IN], []);

/// Sign out
///
/// Ends this session, or every session of the user together with all codes and user actions.
#[utoipa::path(
    put,
    path = "/auth/logout",
    operation_id = "logout",
    tag = "Login",
    security(("bearer" = [])),
    request_body(content = Option<LogoutRequest>, example = json!({"allSessions": true})),
    responses((status = 200, description = "Signed out", body = Message), Refusals)
)]
pub(crate) async fn logout(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
    JsonBody(request): JsonBody<LogoutRequest>,
) -> Result<Json<Message>, ApiError> {
    let sessions = &state.services.sessions;
    match request.all_sessions {
        Some(true) => sessions.end_all(&session).await?,
        Some(false) | None => sessions.end(&session).await?,
    }
    Ok(Json(Message::SUCCESS))
}
