//! Somebody signed in who signed exactly this request.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderName, request::Parts},
};
use latchkey_domain::user_action::{Method, PayloadDigest, UserAction};
use latchkey_json::{JsonError, Value};
use latchkey_service::user_actions::{NotPermitted, SignedRequest};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    bearer::Bearer,
    client::Client,
    json_body::{WholeBody, without_mark},
};
use crate::{error::ApiError, middleware::path::RequestPath, state::AppState};

const USER_ACTION: HeaderName = HeaderName::from_static("x-dfns-useraction");

/// A request of somebody signed in, with the user action that permits it and a body of a given shape.
/// The action is bound to method, path, query and body (API contract §6.3); using it up is part of the
/// effect, and so is that the session holds, as of a [`Bearer`].
pub(crate) struct Signed<T = Nothing> {
    pub(crate) request: SignedRequest,
    pub(crate) body: T,
}

/// A body of which nothing is read.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned> FromRequest<AppState> for Signed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let Bearer(session) = Bearer::from_request_parts(&mut parts, state).await?;
        let Client(caller) = Client::from_request_parts(&mut parts, state).await?;
        let WholeBody { shaped, json } = WholeBody::receive(&parts.headers, body).await?;
        let token = token(&parts.headers)?;
        let requested = requested(&parts, &json)?;
        let action = state
            .use_cases
            .user_actions
            .check(&session, token, &requested)?;
        Ok(Self {
            request: SignedRequest {
                session,
                action,
                address: caller.address,
            },
            body: shaped,
        })
    }
}

fn token(headers: &HeaderMap) -> Result<&str, NotPermitted> {
    headers
        .get(USER_ACTION)
        .and_then(|value| value.to_str().ok())
        .ok_or(NotPermitted)
}

/// The request as it must have been signed.
fn requested(parts: &Parts, body: &Value) -> Result<UserAction, ApiError> {
    let RequestPath(path) = parts
        .extensions
        .get::<RequestPath>()
        .ok_or_else(|| ApiError::internal("the path was not read"))?;
    let method: Method = parts
        .method
        .as_str()
        .parse()
        .map_err(|_unsigned| NotPermitted)?;
    Ok(UserAction {
        method,
        path: path.clone(),
        payload: digest(body),
    })
}

/// The digest of what is signed of a body (API contract §6.3): what it means as JSON, and not how it is
/// written. None, an empty text and an empty object are equal, since published clients sign one and send
/// another. A user action that was signed here permits a request of any service that compares with this.
///
/// ```
/// use latchkey_http::payload_digest;
///
/// let signed = payload_digest(br#"{"to": "Zo\u00eb", "amount": 1}"#)?;
/// assert_eq!(payload_digest("{\"amount\":1,\"to\":\"Zoë\"}".as_bytes())?, signed);
/// assert_eq!(payload_digest(b"")?, payload_digest(b"{}")?);
/// assert_eq!(payload_digest("\u{feff}{}".as_bytes())?, payload_digest(b"{}")?);
/// # Ok::<(), latchkey_json::JsonError>(())
/// ```
///
/// # Errors
/// [`JsonError`] when the payload has not exactly one meaning.
pub fn payload_digest(payload: &[u8]) -> Result<PayloadDigest, JsonError> {
    let payload = without_mark(payload);
    let text: &[u8] = match payload.trim_ascii() {
        b"" | b"\"\"" => b"{}",
        _ => payload,
    };
    Value::read(text).map(|payload| digest(&payload))
}

fn digest(payload: &Value) -> PayloadDigest {
    PayloadDigest::of(&payload.canonical())
}
