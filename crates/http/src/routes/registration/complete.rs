//! `POST /auth/registration`

use axum::{Extension, Json, extract::State};
use latchkey_service::registration::{CompleteRegistration, Registered};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::new_credential::NewCredentialBody,
    error::{ApiError, documentation::refusals},
    extract::{bearer::TemporaryToken, client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    state::AppState,
};

/// The first credentials of a user; all sign the same challenge.
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
}

impl RegistrationRequest {
    fn with(
        self,
        TemporaryToken(temporary_token): TemporaryToken,
    ) -> Result<CompleteRegistration, ApiError> {
        let optional = |credential: Option<NewCredentialBody>, place| {
            credential
                .map(|credential| credential.into_registered(place))
                .transpose()
        };
        Ok(CompleteRegistration {
            temporary_token,
            first: self.first.into_registered("firstFactorCredential")?,
            second: optional(self.second, "secondFactorCredential")?,
            recovery: optional(self.recovery, "recoveryCredential")?,
        })
    }
}

/// Who registered, and with which first credential.
#[derive(Serialize, ToSchema)]
pub(crate) struct RegistrationResponse {
    credential: RegisteredCredentialBody,
    user: RegisteredUserBody,
}

/// The first credential.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisteredCredentialBody {
    /// Identifies it for this service.
    #[schema(example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    uuid: String,
    /// Its kind.
    kind: &'static str,
    /// Its kind, by its older name.
    credential_kind: &'static str,
    /// Its name.
    name: String,
}

/// The user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RegisteredUserBody {
    /// Identifies the user.
    #[schema(example = "us-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    id: String,
    /// What the user signs in with.
    username: String,
    /// The user's organization.
    org_id: String,
}

impl From<Registered> for RegistrationResponse {
    fn from(registered: Registered) -> Self {
        let kind = registered.credential.kind().as_str();
        Self {
            credential: RegisteredCredentialBody {
                uuid: registered.credential.uuid.to_string(),
                kind,
                credential_kind: kind,
                name: registered.credential.name.to_string(),
            },
            user: RegisteredUserBody {
                id: registered.user.id.to_string(),
                username: registered.user.username.to_string(),
                org_id: registered.user.organization.to_string(),
            },
        }
    }
}

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
    request_body(content = RegistrationRequest, example = json!({
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
        (status = 200, description = "The user has registered", body = RegistrationResponse),
        Refusals
    )
)]
pub(crate) async fn complete_registration(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    token: TemporaryToken,
    JsonBody(request): JsonBody<RegistrationRequest>,
) -> Result<Json<RegistrationResponse>, ApiError> {
    let registrations = &state.services.registrations;
    let registered = registrations
        .complete(&caller, request.with(token)?)
        .await?;
    subject.note(&registered.user.organization, &registered.user.id);
    Ok(Json(registered.into()))
}
