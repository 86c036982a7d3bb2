//! `/auth/registration`: an invited user makes the first credentials.

use axum::{Extension, Json, extract::State};
use latchkey_domain::{credential_code::EnteredCode, id::OrganizationId, text::Username};
use latchkey_service::registration::{BeginRegistration, CompleteRegistration};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        creation::RegistrationChallengeBody,
        first_credentials::{FirstCredentialsBody, RegisteredBody},
        new_credential::{self, NewCredentialBody},
        text::{Text, organization},
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::TemporaryToken, client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    state::AppState,
};

/// Who registers, and with which code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RegistrationInitRequest {
    /// The organization; may be left out when there is only one.
    #[schema(value_type = Option<String>, example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<Text<OrganizationId>>,
    /// The same as `orgId`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<Text<OrganizationId>>,
    /// The invited user.
    #[schema(value_type = String, example = "ada@example.com")]
    username: Text<Username>,
    /// The code that came with the invitation.
    #[schema(value_type = String)]
    registration_code: Text<EnteredCode>,
}

impl From<RegistrationInitRequest> for BeginRegistration {
    fn from(request: RegistrationInitRequest) -> Self {
        Self {
            organization: organization(request.org_id, request.tenant_id),
            username: request.username.0,
            code: request.registration_code.0,
        }
    }
}

refusals!(BeginRefusals: [BODY], [
    OrganizationRequired, NoApplication, RegistrationCodeExpired, InvalidCode, OriginNotAllowed,
    TooManyAttempts
]);

/// Begin a registration
///
/// Gives a challenge for the code of an invitation. All credentials of the registration sign this
/// challenge; the temporary token goes as bearer token with them.
#[utoipa::path(
    post,
    path = "/auth/registration/init",
    operation_id = "beginRegistration",
    tag = "Registration",
    request_body(content = RegistrationInitRequest, example = json!({
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st",
        "username": "ada@example.com",
        "registrationCode": "rc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY"
    })),
    responses(
        (status = 200, description = "The challenge", body = RegistrationChallengeBody),
        BeginRefusals
    )
)]
pub(crate) async fn begin_registration(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<RegistrationInitRequest>,
) -> Result<Json<RegistrationChallengeBody>, ApiError> {
    let registrations = &state.use_cases.registrations;
    let challenge = registrations.begin(&caller, request.into()).await?;
    Ok(Json(challenge.into()))
}

/// The first credentials of a user, which all sign the same challenge, and whether to be signed in with them.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object")]
pub(crate) struct RegistrationRequest {
    /// The credential to sign in with: `Fido2`, `Key` or `PasswordProtectedKey`.
    #[serde(rename = "firstFactorCredential")]
    first: NewCredentialBody,
    /// A second one to sign in with.
    #[serde(rename = "secondFactorCredential")]
    second: Option<NewCredentialBody>,
    /// One for recovery: `RecoveryKey`.
    #[serde(rename = "recoveryCredential")]
    recovery: Option<NewCredentialBody>,
    /// Whether a session is to begin with the first credential: the answer has it in `authentication` then.
    #[serde(rename = "signIn")]
    sign_in: Option<bool>,
}

refusals!(CompleteRefusals: [BODY, SIGNED_IN], [
    OriginNotAllowed, ChallengeInvalid, ProofRefused, KindNotAllowed, CredentialIdTaken, TooManyCredentials
]);

/// Complete a registration
///
/// Makes the first credentials of a user, all at once or none, and uses the registration code up. The
/// bearer token is the `temporaryAuthenticationToken` of the init call. With `signIn` the user is signed in with
/// the first credential.
#[utoipa::path(
    post,
    path = "/auth/registration",
    operation_id = "completeRegistration",
    tag = "Registration",
    security(("temporaryToken" = [])),
    request_body(content = RegistrationRequest, example = json!({
        "firstFactorCredential": new_credential::example()
    })),
    responses(
        (status = 200, description = "The user has registered", body = RegisteredBody),
        CompleteRefusals
    )
)]
pub(crate) async fn complete_registration(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    TemporaryToken(temporary_token): TemporaryToken,
    JsonBody(body): JsonBody<RegistrationRequest>,
) -> Result<Json<RegisteredBody>, ApiError> {
    let RegistrationRequest {
        first,
        second,
        recovery,
        sign_in,
    } = body;
    let credentials = FirstCredentialsBody {
        first,
        second,
        recovery,
    };
    let request = CompleteRegistration {
        temporary_token,
        credentials: credentials.into_credentials("")?,
    };
    let registrations = &state.use_cases.registrations;
    let registered = match sign_in {
        Some(true) => registrations.complete_and_sign_in(&caller, request).await?,
        Some(false) | None => registrations.complete(&caller, request).await?,
    };
    subject.note(&registered.user.organization, &registered.user.id);
    Ok(Json(registered.into()))
}
