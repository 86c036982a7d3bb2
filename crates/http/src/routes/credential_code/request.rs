//! `/auth/credentials/code/request` and below: a place where nobody is signed in asks for a code, and a user who is
//! signed in elsewhere grants it one, or refuses it.

use axum::{Json, extract::State};
use latchkey_domain::{
    credential::CredentialKind, credential_code::EnteredCode, id::OrganizationId,
};
use latchkey_service::{
    code_requests::{OpenedRequest, RequestCode, WaitingRequest},
    ports::locator::Locator,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::{
        date::iso,
        message::Message,
        text::{Text, organization},
    },
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, client::Client, json_body::JsonBody, signed::Signed},
    middleware::observe::Polled,
    state::AppState,
};

/// What the place asks for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct RequestCodeRequest {
    /// `Fido2`, `Key` or `PasswordProtectedKey`; a recovery key is made where somebody is signed in.
    #[schema(value_type = String, example = "Fido2")]
    credential_kind: Text<CredentialKind>,
    /// The organization whose user is to grant it; may be left out when there is only one.
    #[schema(value_type = Option<String>, example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<Text<OrganizationId>>,
    /// The same as `orgId`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<Text<OrganizationId>>,
}

/// The codes, this one time, and how to go on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "code": "A7U-KY6-9PT",
    "longCode": "cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY",
    "number": 47,
    "expiration": "2026-01-31T12:02:00.000Z",
    "interval": 3
}))]
pub(crate) struct RequestCodeResponse {
    /// What the place shows, for who is signed in elsewhere to enter or to scan.
    #[schema(example = "A7U-KY6-9PT")]
    code: String,
    /// What the place keeps to itself: with it, it asks what has become of the request, and when that is granted it is
    /// the credential code.
    #[schema(example = "cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY")]
    long_code: String,
    /// The number that the place shows beside the code; whoever grants the request picks it.
    #[schema(example = 47)]
    number: u16,
    /// When the request expires.
    #[schema(example = "2026-01-31T12:02:00.000Z")]
    expiration: String,
    /// How many seconds to wait at least before each question what has become of it.
    #[schema(example = 3)]
    interval: u64,
}

impl From<OpenedRequest> for RequestCodeResponse {
    fn from(opened: OpenedRequest) -> Self {
        Self {
            code: opened.short.reveal().to_owned(),
            long_code: opened.long.reveal().to_owned(),
            number: opened.number,
            expiration: iso(opened.expires),
            interval: opened.interval.as_secs(),
        }
    }
}

refusals!(RequestRefusals: [BODY], [
    OrganizationRequired, NoApplication, KindNotAllowed, CodeRequestsOff, OriginNotAllowed, TooManyAttempts
]);

/// Ask for a credential code
///
/// For a place where nobody is signed in, and where nothing can be typed: it shows a code and a number, a user who is
/// signed in elsewhere enters the one and picks the other, and with that the long code becomes a credential code of
/// that user, for the application that lists the `Origin`, or that a client without one names in `X-DFNS-APPID`; else
/// for any application of the organization. It is offered where the organization lets places ask.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/request",
    operation_id = "requestCredentialCode",
    tag = "Create Credential With Code",
    request_body(content = RequestCodeRequest, example = json!({
        "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st",
        "credentialKind": "Fido2"
    })),
    responses((status = 200, description = "The codes", body = RequestCodeResponse), RequestRefusals)
)]
pub(crate) async fn request_credential_code(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<RequestCodeRequest>,
) -> Result<Json<RequestCodeResponse>, ApiError> {
    let Text(kind) = request.credential_kind;
    let wanted = RequestCode {
        organization: organization(request.org_id, request.tenant_id),
        kind,
    };
    let requests = &state.use_cases.code_requests;
    let opened = requests.open(&caller, wanted).await?;
    Ok(Json(opened.into()))
}

/// What is asked about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct CodeRequestStatusRequest {
    /// The `longCode` of the request.
    #[schema(value_type = String, example = "cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY")]
    long_code: Text<EnteredCode>,
}

/// What has become of the request.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "state": "Granted" }))]
pub(crate) struct CodeRequestStatusResponse {
    /// `Waiting`, `Granted`, `Refused` or `Expired`. Granted, the long code is a credential code, for a minute.
    #[schema(example = "Granted")]
    state: &'static str,
}

refusals!(StatusRefusals: [BODY], [InvalidCode, TooManyAttempts]);

/// Ask what has become of a request
///
/// Tells the place that asked for a code, and nobody else, whether it was granted. Right codes are never counted;
/// wrong ones are, by address.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/request/status",
    operation_id = "getCodeRequestStatus",
    tag = "Create Credential With Code",
    request_body(content = CodeRequestStatusRequest, example = json!({
        "longCode": "cc_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY"
    })),
    responses(
        (status = 200, description = "Its state", body = CodeRequestStatusResponse),
        StatusRefusals
    )
)]
pub(crate) async fn get_code_request_status(
    State(state): State<AppState>,
    Client(caller): Client,
    JsonBody(request): JsonBody<CodeRequestStatusRequest>,
) -> Result<Polled<Json<CodeRequestStatusResponse>>, ApiError> {
    let Text(code) = request.long_code;
    let requests = &state.use_cases.code_requests;
    let status = requests.status(&caller, &code).await?;
    Ok(Polled(Json(CodeRequestStatusResponse {
        state: status.as_str(),
    })))
}

/// Which request, by what its place shows.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ShownCode {
    /// The code that the place shows, in any case, with or without dashes or spaces.
    #[schema(value_type = String, example = "A7U-KY6-9PT")]
    code: Text<EnteredCode>,
}

/// What a place asks for, so that a user can recognise it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "credentialKind": "Fido2",
    "applicationId": "ap-6b58p-r53sr-rlrd3l5cj3uc4ome",
    "applicationName": "Example app",
    "origin": "https://app.example.com",
    "address": "203.0.113.9",
    "sameNetwork": true,
    "dateRequested": "2026-01-31T12:00:00.000Z",
    "expiration": "2026-01-31T12:02:00.000Z",
    "numbers": [12, 47, 83]
}))]
pub(crate) struct FindCodeRequestResponse {
    /// The kind of credential that is to be made there: whoever grants it must see that, in words.
    #[schema(example = "Fido2")]
    credential_kind: &'static str,
    /// The application whose page the place is, or that a native client has named in `X-DFNS-APPID`. Left out where
    /// none is told: then what is granted is for any application of the organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ap-6b58p-r53sr-rlrd3l5cj3uc4ome")]
    application_id: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Example app")]
    application_name: Option<String>,
    /// The origin of that page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://app.example.com")]
    origin: Option<String>,
    /// The address the place asked from.
    #[schema(example = "203.0.113.9")]
    address: String,
    /// Roughly where that address is, in English, where the service has been told so: a hint, which is wrong for who
    /// comes through a VPN or a mobile network.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Berlin, Germany")]
    location: Option<String>,
    /// Whether that address is of the network that this call comes from.
    #[schema(example = true)]
    same_network: bool,
    /// When it asked.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    date_requested: String,
    /// Until when it can be granted.
    #[schema(example = "2026-01-31T12:02:00.000Z")]
    expiration: String,
    /// Three numbers, one of which the place shows. Whoever grants the request picks that one.
    #[schema(example = json!([12, 47, 83]))]
    numbers: Vec<u16>,
}

impl FindCodeRequestResponse {
    fn of(waiting: WaitingRequest, locator: &dyn Locator) -> Self {
        let request = waiting.request;
        Self {
            credential_kind: request.kind.as_str(),
            application_id: request.application.map(|id| id.to_string()),
            application_name: waiting.application.map(|name| name.to_string()),
            origin: request.origin.map(|origin| origin.to_string()),
            address: request.address.to_string(),
            location: locator.locate(request.address),
            same_network: waiting.is_near,
            date_requested: iso(request.opened),
            expiration: iso(request.expires),
            numbers: waiting.numbers.to_vec(),
        }
    }
}

refusals!(FindRefusals: [BODY, SIGNED_IN], [InvalidCode, OtherNetwork, TooManyAttempts]);

/// Look at what a place asks for
///
/// Shows who is signed in what a place of the same organization asks for, by the code that it shows. Nothing changes
/// by looking. What is shown is what the service knows: the page by its origin, the address, and when.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/request/find",
    operation_id = "findCodeRequest",
    tag = "Create Credential With Code",
    security(("bearer" = [])),
    request_body(content = ShownCode, example = json!({ "code": "A7U-KY6-9PT" })),
    responses(
        (status = 200, description = "The request", body = FindCodeRequestResponse),
        FindRefusals
    )
)]
pub(crate) async fn find_code_request(
    State(state): State<AppState>,
    Client(caller): Client,
    SignedIn(session): SignedIn,
    JsonBody(request): JsonBody<ShownCode>,
) -> Result<Json<FindCodeRequestResponse>, ApiError> {
    let Text(code) = request.code;
    let use_cases = &state.use_cases;
    let requests = &use_cases.code_requests;
    let waiting = requests.find(&caller, &session, &code).await?;
    Ok(Json(FindCodeRequestResponse::of(
        waiting,
        &*use_cases.locator,
    )))
}

/// Which request, and the number that its place shows.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct GrantCodeRequestRequest {
    /// The code that the place shows.
    #[schema(value_type = String, example = "A7U-KY6-9PT")]
    code: Text<EnteredCode>,
    /// The one of the three `numbers` that the place shows.
    #[schema(example = 47)]
    number: u16,
}

refusals!(GrantRefusals: [BODY, SIGNED], [
    InvalidCode, OtherNetwork, WrongNumber, CredentialFresh, TooManyAttempts
]);

/// Grant a place the code that it asks for
///
/// The long code that the place keeps becomes a credential code of who is signed in, for a minute, for the kind and
/// the application that it asked for and nothing else. It cancels every earlier code that is not redeemed. With
/// another number than the one that the place shows, the request is refused for good.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/request/grant",
    operation_id = "grantCodeRequest",
    tag = "Create Credential With Code",
    security(("bearer" = [], "userAction" = [])),
    request_body(content = GrantCodeRequestRequest, example = json!({
        "code": "A7U-KY6-9PT",
        "number": 47
    })),
    responses((status = 200, description = "Granted", body = Message), GrantRefusals)
)]
pub(crate) async fn grant_code_request(
    State(state): State<AppState>,
    signed: Signed<GrantCodeRequestRequest>,
) -> Result<Json<Message>, ApiError> {
    // To look for a code counts against the user.
    let sessions = &state.use_cases.sessions;
    sessions.require(&signed.request.session).await?;
    let Text(code) = signed.body.code;
    let requests = &state.use_cases.code_requests;
    requests
        .grant(&signed.request, &code, signed.body.number)
        .await?;
    Ok(Json(Message::SUCCESS))
}

/// Refuse a place the code that it asks for
///
/// For a user who finds a request that is not theirs to grant: nothing can be done with its codes any more, and its
/// place learns that it is `Refused`. It is found as by looking, and needs no user action, since a refusal allows
/// nothing. One that does not wait any more is answered as by looking, too.
#[utoipa::path(
    post,
    path = "/auth/credentials/code/request/refuse",
    operation_id = "refuseCodeRequest",
    tag = "Create Credential With Code",
    security(("bearer" = [])),
    request_body(content = ShownCode, example = json!({ "code": "A7U-KY6-9PT" })),
    responses((status = 200, description = "Refused", body = Message), FindRefusals)
)]
pub(crate) async fn refuse_code_request(
    State(state): State<AppState>,
    Client(caller): Client,
    SignedIn(session): SignedIn,
    JsonBody(request): JsonBody<ShownCode>,
) -> Result<Json<Message>, ApiError> {
    let Text(code) = request.code;
    let requests = &state.use_cases.code_requests;
    requests.refuse(&caller, &session, &code).await?;
    Ok(Json(Message::SUCCESS))
}
