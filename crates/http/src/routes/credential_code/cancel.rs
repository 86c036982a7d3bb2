//! `DELETE /auth/credentials/code`

use axum::{Json, extract::State};

use crate::{
    dto::message::Message,
    error::{ApiError, documentation::refusals},
    extract::bearer::SignedIn,
    state::AppState,
};

refusals!(Refusals: [PLAIN, SIGNED_IN], []);

/// Cancel the credential code
///
/// Cancels every code of the signed-in user that is not redeemed, claimed ones included: whoever
/// entered one cannot finish. It may be repeated, and needs no user action, because it only protects.
#[utoipa::path(
    delete,
    path = "/auth/credentials/code",
    operation_id = "cancelCredentialCode",
    tag = "Create Credential With Code",
    security(("bearer" = [])),
    responses((status = 200, description = "Cancelled", body = Message), Refusals)
)]
pub(crate) async fn cancel_credential_code(
    State(state): State<AppState>,
    SignedIn(session): SignedIn,
) -> Result<Json<Message>, ApiError> {
    state.services.credential_codes.cancel(&session).await?;
    Ok(Json(Message::SUCCESS))
}
