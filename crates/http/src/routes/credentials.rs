//! `/auth/credentials`: a signed-in user manages credentials.

use axum::{Json, extract::State};
use latchkey_domain::{credential::CredentialKind, id::CredentialUuid, text::CredentialName};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    dto::{
        creation::CredentialChallenge,
        credential::{self, CredentialBody},
        example::with,
        message::Message,
        new_credential::{self, CredentialRequest},
        text::{Text, required},
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::Bearer, client::Client, json_body::JsonBody, path::PathId, signed::Signed},
    state::AppState,
};

/// The credentials of a user.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "items": [credential::example()] }))]
pub(crate) struct CredentialList {
    /// Oldest first.
    items: Vec<CredentialBody>,
}

refusals!(ListRefusals: [PLAIN, SIGNED_IN], []);

/// List credentials
///
/// Every credential of the user, of every kind, active or not.
#[utoipa::path(
    get,
    path = "/auth/credentials",
    operation_id = "listCredentials",
    tag = "Credentials",
    security(("bearer" = [])),
    responses((status = 200, description = "The credentials", body = CredentialList), ListRefusals)
)]
pub(crate) async fn list_credentials(
    State(state): State<AppState>,
    Bearer(session): Bearer,
) -> Result<Json<CredentialList>, ApiError> {
    let credentials = state.use_cases.credentials.list(&session).await?;
    let items = credentials.into_iter().map(CredentialBody::from).collect();
    Ok(Json(CredentialList { items }))
}

/// What is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CredentialInitRequest {
    /// `Fido2`, `Key`, `PasswordProtectedKey` or `RecoveryKey`.
    #[schema(value_type = String, required = true, example = "Fido2")]
    kind: Option<Text<CredentialKind>>,
    /// The same as `kind`.
    #[schema(value_type = Option<String>)]
    credential_kind: Option<Text<CredentialKind>>,
}

refusals!(BeginRefusals: [BODY, SIGNED_IN], [NoApplication, OriginNotAllowed]);

/// Begin adding a credential
///
/// Gives a challenge for a new credential of the signed-in user.
#[utoipa::path(
    post,
    path = "/auth/credentials/init",
    operation_id = "beginCredential",
    tag = "Credentials",
    security(("bearer" = [])),
    request_body(content = CredentialInitRequest, example = json!({"kind": "Fido2"})),
    responses((status = 200, description = "The challenge", body = CredentialChallenge), BeginRefusals)
)]
pub(crate) async fn begin_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    Bearer(session): Bearer,
    JsonBody(request): JsonBody<CredentialInitRequest>,
) -> Result<Json<CredentialChallenge>, ApiError> {
    let Text(kind) = required(request.kind.or(request.credential_kind), "kind")?;
    let credentials = &state.use_cases.credentials;
    let challenge = credentials.begin(&caller, &session, kind).await?;
    Ok(Json(challenge.into()))
}

/// The credential that was added.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = credential::example)]
pub(crate) struct AddedCredentialBody {
    #[serde(flatten)]
    credential: CredentialBody,
    /// With `replacesRecoveryKeys`, and only then: true, since no other recovery key is left. Without it the credential
    /// was made by a release that does not know that member, beside the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = true)]
    recovery_keys_replaced: Option<bool>,
}

refusals!(CreateRefusals: [BODY, SIGNED], [
    OriginNotAllowed, ChallengeInvalid, ProofRefused, CredentialIdTaken, TooManyCredentials,
    CredentialFresh
]);

/// Add a credential
///
/// Makes a credential of the signed-in user, using up the challenge and the user action. A `RecoveryKey` with
/// `replacesRecoveryKeys` takes the place of every other one in one step, so that there is one at every moment; every
/// open code of the user ends with them, as whenever a credential is taken away. `recoveryKeysReplaced` in the answer
/// says that it was done.
#[utoipa::path(
    post,
    path = "/auth/credentials",
    operation_id = "createCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = CredentialRequest, example = json!(with(new_credential::example(), json!({
        "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9...",
        "credentialName": "My laptop"
    })))),
    responses((status = 200, description = "The credential", body = AddedCredentialBody), CreateRefusals)
)]
pub(crate) async fn create_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<CredentialRequest>,
) -> Result<Json<AddedCredentialBody>, ApiError> {
    let Signed { request, body } = signed;
    let replaces = body.replaces_recovery_keys()?;
    let (identifier, new) = body.into_parts()?;
    let credentials = &state.use_cases.credentials;
    let credential = if replaces {
        credentials
            .renew_recovery_key(&caller, &request, &identifier, new)
            .await?
    } else {
        credentials
            .create(&caller, &request, &identifier, new)
            .await?
    };
    Ok(Json(AddedCredentialBody {
        credential: credential.into(),
        recovery_keys_replaced: replaces.then_some(true),
    }))
}

/// Which credential.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ActivateRequest {
    /// The credential.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(ActivateRefusals: [BODY, SIGNED], [CredentialNotFound, CredentialWaits, CredentialFresh]);

/// Activate a credential
///
/// Asking for the state it is in changes nothing.
#[utoipa::path(
    put,
    path = "/auth/credentials/activate",
    operation_id = "activateCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = ActivateRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    })),
    responses((status = 200, description = "Done", body = Message), ActivateRefusals)
)]
pub(crate) async fn activate_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<ActivateRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = &signed.body.credential_uuid;
    let credentials = &state.use_cases.credentials;
    credentials
        .set_active(&caller, &signed.request, credential, true)
        .await?;
    Ok(Json(Message::SUCCESS))
}

/// Which credential.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct DeactivateRequest {
    /// The credential.
    #[schema(value_type = String, example = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    credential_uuid: Text<CredentialUuid>,
}

refusals!(DeactivateRefusals: [BODY, SIGNED], [
    CredentialNotFound, CredentialWaits, LastCredential, CredentialFresh
]);

/// Deactivate a credential
///
/// A credential that is not active proves nothing, and its sessions, user actions and codes end. The last
/// credential that the user can sign in with stays active.
#[utoipa::path(
    put,
    path = "/auth/credentials/deactivate",
    operation_id = "deactivateCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = DeactivateRequest, example = json!({
        "credentialUuid": "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
    })),
    responses((status = 200, description = "Done", body = Message), DeactivateRefusals)
)]
pub(crate) async fn deactivate_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    signed: Signed<DeactivateRequest>,
) -> Result<Json<Message>, ApiError> {
    let Text(credential) = &signed.body.credential_uuid;
    let credentials = &state.use_cases.credentials;
    credentials
        .set_active(&caller, &signed.request, credential, false)
        .await?;
    Ok(Json(Message::SUCCESS))
}

/// A new name.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RenameRequest {
    /// What the user calls it; 1 to 128 characters.
    #[schema(value_type = String, example = "My old phone")]
    name: Text<CredentialName>,
}

refusals!(RenameRefusals: [BODY, SIGNED], [CredentialNotFound, CredentialWaits, CredentialFresh]);

/// Rename a credential
///
/// Changes what its owner calls a credential, active or not.
#[utoipa::path(
    put,
    path = "/auth/credentials/{credentialUuid}",
    operation_id = "renameCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    params(PathId<CredentialUuid>),
    request_body(content = RenameRequest, example = json!({ "name": "My old phone" })),
    responses((status = 200, description = "The credential", body = CredentialBody), RenameRefusals)
)]
pub(crate) async fn rename_credential(
    State(state): State<AppState>,
    PathId(credential): PathId<CredentialUuid>,
    signed: Signed<RenameRequest>,
) -> Result<Json<CredentialBody>, ApiError> {
    let Text(name) = signed.body.name;
    let credentials = &state.use_cases.credentials;
    let renamed = credentials
        .rename(&signed.request, &credential, name)
        .await?;
    Ok(Json(renamed.into()))
}

/// Nothing is left to say.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({}))]
pub(crate) struct DeleteResponse {}

refusals!(DeleteRefusals: [BODY, SIGNED], [CredentialNotFound, LastCredential, CredentialFresh]);

/// Delete a credential
///
/// Its credential id is free again. The last credential that the user can sign in with cannot be
/// deleted.
#[utoipa::path(
    delete,
    path = "/auth/credentials/{credentialUuid}",
    operation_id = "deleteCredential",
    tag = "Credentials",
    security(("bearer" = [], "userAction" = [])),
    params(
        PathId<CredentialUuid>,
        ("force" = Option<String>, Query, description = "Ignored; published clients send it", example = "false")
    ),
    responses((status = 200, description = "Deleted", body = DeleteResponse), DeleteRefusals)
)]
pub(crate) async fn delete_credential(
    State(state): State<AppState>,
    Client(caller): Client,
    PathId(credential): PathId<CredentialUuid>,
    signed: Signed,
) -> Result<Json<DeleteResponse>, ApiError> {
    let credentials = &state.use_cases.credentials;
    credentials
        .delete(&caller, &signed.request, &credential)
        .await?;
    Ok(Json(DeleteResponse {}))
}
