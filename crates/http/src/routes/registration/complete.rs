//! `POST /auth/registration`

use axum::{Extension, Json, extract::State};
use latchkey_service::registration::CompleteRegistration;

use crate::{
    dto::first_credentials::{FirstCredentialsBody, RegisteredBody},
    error::{ApiError, documentation::refusals},
    extract::{bearer::TemporaryToken, client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    state::AppState,
};

refusals!(Refusals: [BODY, SIGNED_IN], [
    OriginNotAllowed, ChallengeInvalid, ProofRefused, KindNotAllowed, CredentialIdTaken, TooManyCredentials
]);

/// Complete a registration
///
/// Makes the first credentials of a user, all at once or none, and uses the registration code up. The
/// bearer token is the `temporaryAuthenticationToken` of the init call.
#[utoipa::path(
    post,
    path = "/auth/registration",
    operation_id = "completeRegistration",
    tag = "Registration",
    security(("temporaryToken" = [])),
    request_body(content = FirstCredentialsBody, example = json!({
        "firstFactorCredential": {
            "credentialKind": "Key",
            "credentialInfo": {
                "credId": "bGFwdG9w",
                "clientData": "eyJ0eXBlIjoia2V5LmNyZWF0ZSIsImNoYWxsZW5nZSI6Ii4uLiJ9",
                "attestationData": "eyJwdWJsaWNLZXkiOiIuLi4iLCJzaWduYXR1cmUiOiIuLi4ifQ"
            }
        }
    })),
    responses(
        (status = 200, description = "The user has registered", body = RegisteredBody),
        Refusals
    )
)]
pub(crate) async fn complete_registration(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    TemporaryToken(temporary_token): TemporaryToken,
    JsonBody(body): JsonBody<FirstCredentialsBody>,
) -> Result<Json<RegisteredBody>, ApiError> {
    let request = CompleteRegistration {
        temporary_token,
        credentials: body.into_credentials("")?,
    };
    let registrations = &state.services.registrations;
    let registered = registrations.complete(&caller, request).await?;
    subject.note(&registered.user.organization, &registered.user.id);
    Ok(Json(registered.into()))
}
