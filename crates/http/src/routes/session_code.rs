//! `/auth/session/code` and `/auth/session/code/exchange`: a session goes from our pages to the application.

use axum::{Extension, Json, extract::State};
use latchkey_domain::session_code::{CodeChallenge, CodeVerifier, ReturnState, ReturnTo};
use latchkey_service::{ceremony::SignedIn as Exchanged, session_codes::GoBack};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::{date::iso, text::Text},
    error::{ApiError, documentation::refusals},
    extract::{bearer::SignedIn, client::Client, json_body::JsonBody},
    middleware::observe::Subject,
    state::AppState,
};

/// Where to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct IssueSessionCodeRequest {
    /// The page, on an origin of the application at which the user signed in; without a query, `state` is for that.
    #[schema(value_type = String, example = "https://app.example.com/back")]
    return_to: Text<ReturnTo>,
    /// The unpadded base64url of the SHA-256 of a verifier that whoever asked for the sign-in keeps (RFC 7636, S256).
    #[schema(value_type = String, example = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")]
    code_challenge: Text<CodeChallenge>,
    /// Given back with the code as it is; at most 512 bytes.
    #[schema(value_type = Option<String>, example = "/transfers/7")]
    state: Option<Text<ReturnState>>,
}

/// The way back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "returnTo": "https://app.example.com/back?code=sc_AAAA&state=%2Ftransfers%2F7",
    "expiration": "2026-01-31T12:01:00.000Z"
}))]
pub(crate) struct IssueSessionCodeResponse {
    /// The page, with the code in its query as `code`, and the state as `state`.
    #[schema(example = "https://app.example.com/back?code=sc_AAAA&state=%2Ftransfers%2F7")]
    return_to: String,
    /// From when on the code is void: a minute from now.
    #[schema(example = "2026-01-31T12:01:00.000Z")]
    expiration: String,
}

refusals!(
    IssueRefusals: [BODY, SIGNED_IN],
    [OriginNotAllowed, ReturnNotAllowed, TooManyAttempts]
);

/// Hand a session over to a page of the application
///
/// What the pages of this service do after a sign-in that an application asked for: gives the address of its page
/// with a code for this session. The code is good for a minute and for one use, by whoever has the verifier. It asks
/// for an `Origin` of the application.
#[utoipa::path(
    post,
    path = "/auth/session/code",
    operation_id = "issueSessionCode",
    tag = "Login",
    security(("bearer" = [])),
    request_body(content = IssueSessionCodeRequest, example = json!({
        "returnTo": "https://app.example.com/back",
        "codeChallenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "state": "/transfers/7"
    })),
    responses(
        (status = 200, description = "The way back", body = IssueSessionCodeResponse),
        IssueRefusals
    )
)]
pub(crate) async fn issue_session_code(
    State(state): State<AppState>,
    Client(caller): Client,
    SignedIn(session): SignedIn,
    JsonBody(request): JsonBody<IssueSessionCodeRequest>,
) -> Result<Json<IssueSessionCodeResponse>, ApiError> {
    let Text(to) = request.return_to;
    let Text(challenge) = request.code_challenge;
    let back = GoBack {
        to,
        challenge,
        state: request.state.map(|Text(state)| state),
    };
    let codes = &state.use_cases.session_codes;
    let issued = codes.issue(&caller, &session, &back).await?;
    Ok(Json(IssueSessionCodeResponse {
        return_to: issued.address,
        expiration: iso(issued.expires),
    }))
}

/// A code, and what makes it good.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct ExchangeSessionCodeRequest {
    /// What stands in the address as `code`.
    #[schema(example = "sc_AAAA")]
    code: String,
    /// The secret whose SHA-256 the sign-in was asked for with.
    #[schema(value_type = String, example = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]
    code_verifier: Text<CodeVerifier>,
}

/// The session.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9..." }))]
pub(crate) struct ExchangeSessionCodeResponse {
    /// The session token, to be sent as bearer token.
    token: String,
}

refusals!(ExchangeRefusals: [BODY], [OriginNotAllowed, InvalidCode, TooManyAttempts]);

/// Take a session over
///
/// Uses up a code that stands in the address of a page of the application, and gives the session. A page does it on
/// the origin that the code was sent to, or a server does it, which sends no `Origin`. Nobody is told what is wrong
/// with a code.
#[utoipa::path(
    post,
    path = "/auth/session/code/exchange",
    operation_id = "exchangeSessionCode",
    tag = "Login",
    request_body(content = ExchangeSessionCodeRequest, example = json!({
        "code": "sc_AAAA",
        "codeVerifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    })),
    responses(
        (status = 200, description = "The session", body = ExchangeSessionCodeResponse),
        ExchangeRefusals
    )
)]
pub(crate) async fn exchange_session_code(
    State(state): State<AppState>,
    Client(caller): Client,
    Extension(subject): Extension<Subject>,
    JsonBody(request): JsonBody<ExchangeSessionCodeRequest>,
) -> Result<Json<ExchangeSessionCodeResponse>, ApiError> {
    let Text(verifier) = request.code_verifier;
    let codes = &state.use_cases.session_codes;
    let exchanged = codes.exchange(&caller, &request.code, &verifier).await?;
    let Exchanged { session, token } = exchanged;
    subject.note(&session.organization, &session.user);
    Ok(Json(ExchangeSessionCodeResponse { token }))
}
