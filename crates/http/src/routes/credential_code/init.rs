//! `POST /auth/credentials/code/init`

use axum::{Extension, Json, extract::State};
use latchkey_domain::{credential::CredentialKind, credential_code::EnteredCode, text::Username};
use latchkey_service::credential_codes::BeginWithCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    dto::{
        creation::CredentialChallenge,
        text::{Text, required},
    },
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    state::AppState,
};

/// A code, and what is to be made with it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CodeInitRequest {
    /// The code in its short form, in any case, with or without dashes or spaces, or in its long form.
    #[schema(value_type = String, example = "A7U-KY6-9PT")]
    code: Text<EnteredCode>,
    /// `Fido2`, `Key`, `PasswordProtectedKey` or `RecoveryKey`; `kind` is understood too.
    #[schema(value_type = String, required = true, example = "Fido2")]
    credential_kind: Option<Text<CredentialKind>>,
    /// What older documents call `credentialKind`.
    #[schema(value_type = Option<String>, deprecated)]
    kind: Option<Text<CredentialKind>>,
    /// Whose code it is; when it is given, it must be right.
    #[schema(value_type = Option<String>, example = "ada@example.com")]
    username: Option<Text<Username>>,
}

impl TryFrom<CodeInitRequest> for BeginWithCode {
    type Error = ApiError;

    fn try_from(request: CodeInitRequest) -> Result<Self, ApiError> {
        let Text(kind) = required(request.credential_kind.or(request.kind), "credentialKind")?;
        Ok(Self {
            code: request.code.0,
            kind,
            username: request.username.map(|Text(username)| username),
        })
    }
}

refusals!(Refusals: [BODY], [InvalidCode, OriginNotAllowed, TooManyAttempts]);

/// Begin with a credential code
///
/// Claims a code and gives a challenge for a new credential of its owner. Nobody needs to be signed in;
/// the first valid call claims the code, and no later one can.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/init",
    operation_id = "beginCredentialWithCode",
    tag = "Create Credential With Code",
    request_body(content = CodeInitRequest, example = json!({
        "code": "A7U-KY6-9PT",
        "credentialKind": "Fido2"
    })),
    responses((status = 200, description = "The challenge", body = CredentialChallenge), Refusals)
)]
pub(crate) async fn begin_credential_with_code(
    State(state): State<AppState>,
    Extension(subject): Extension<Subject>,
    Client(caller): Client,
    JsonBody(request): JsonBody<CodeInitRequest>,
) -> Result<Json<CredentialChallenge>, ApiError> {
    let codes = &state.use_cases.credential_codes;
    let challenge = codes.begin(&caller, &request.try_into()?).await?;
    subject.note(&challenge.user.organization, &challenge.user.id);
    Ok(Json(challenge.into()))
}
